//! Which kinds of jobs this process can run, and how.

use std::collections::HashMap;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::{Context, Job, Outcome, Queue};
use crate::error::{Error, Result};

/// Runs one job from its payload.
pub(super) type Run = fn(Value, Context) -> BoxFuture<'static, Result<Outcome>>;

/// The kinds of jobs that a worker knows. A job of another kind is left to a worker that knows it, so that during an
/// upgrade the old version takes none of the new one's.
#[derive(Default, Clone)]
pub struct Registry {
    kinds: HashMap<&'static str, (Queue, Run)>,
}

impl Registry {
    /// Knows nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Knows this kind, too.
    #[must_use]
    pub fn with<J: Job>(mut self) -> Self {
        let twice = self.kinds.insert(J::KIND, (J::QUEUE, run::<J>));
        assert!(twice.is_none(), "two kinds of jobs are called {}", J::KIND);
        self
    }

    /// The kinds that lie in these queues.
    pub(super) fn kinds_in(&self, queues: &[Queue]) -> Vec<&'static str> {
        self.kinds.iter().filter(|(_, (queue, _))| queues.contains(queue)).map(|(kind, _)| *kind).collect()
    }

    pub(super) fn find(&self, kind: &str) -> Option<Run> {
        self.kinds.get(kind).map(|(_, run)| *run)
    }
}

fn run<J: Job>(payload: Value, context: Context) -> BoxFuture<'static, Result<Outcome>> {
    Box::pin(async move {
        let job: J = serde_json::from_value(payload)
            .map_err(|e| Error::Invalid(format!("this version cannot read what the job was given: {e}")))?;
        job.run(&context).await
    })
}
