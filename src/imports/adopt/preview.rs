//! What adopting would do, found out by the worker, which may take its time: nothing is changed.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Adopt, preview};
use crate::error::{Error, Result};
use crate::jobs::{Context, Job, Outcome, Queue};

/// Say what [`Adopt`] would do. Its result is the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewAdoption {
    /// As of [`Adopt`].
    pub dir: String,
    /// As of [`Adopt`].
    #[serde(default)]
    pub accept_missing: bool,
}

impl Job for PreviewAdoption {
    const KIND: &'static str = "imports.preview_adoption";
    const QUEUE: Queue = Queue::Imports;
    const MAX_ATTEMPTS: i32 = 2;

    async fn run(self, context: &Context) -> Result<Outcome> {
        let adopt = Adopt { dir: self.dir, accept_missing: self.accept_missing };
        let told = |progress: Value| {
            context.progress.send_replace(Some(progress));
        };
        match preview(&context.app, &adopt, told, context.stop.clone()).await {
            Ok(_) if context.stop.is_cancelled() => Ok(Outcome::Snooze(std::time::Duration::ZERO)),
            Ok(report) => Ok(Outcome::Done(json!(report))),
            Err(Error::Invalid(reason)) => Ok(Outcome::Cancel(reason)),
            Err(error) => Err(error),
        }
    }
}
