//! The queue of record, in PostgreSQL: enqueue, lease, run, back off, rescue. Owns `job` and `schedule`.
//!
//! Invariants: a job is enqueued in the transaction that causes it; it is safe to run twice; it ends in `completed`,
//! `cancelled` (a reason) or `discarded` (an error, retryable by a person) and never vanishes; whoever has lost its
//! lease can no longer finish it.

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::app::App;
use crate::db::Sql;
use crate::error::Result;

/// Which workers take it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Queue {
    /// Short work on the library that people wait for: imports, links.
    Imports,
    /// Copying out.
    Exports,
    /// Timed care.
    Maintenance,
    /// Getting music from sources (the internet).
    Downloads,
    /// Telling or asking other services (the internet).
    Network,
}

impl Queue {
    /// Its name in the database and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Imports => "imports",
            Self::Exports => "exports",
            Self::Maintenance => "maintenance",
            Self::Downloads => "downloads",
            Self::Network => "network",
        }
    }
}

/// A kind of work. Its fields are its payload (JSON); old payloads must stay readable.
pub trait Job: Serialize + DeserializeOwned + Send + 'static {
    /// `room.verb`: `imports.import_release`.
    const KIND: &'static str;
    /// Which workers take it.
    const QUEUE: Queue;
    /// Lower goes first.
    const PRIORITY: i16 = 0;
    /// After so many failures it is discarded, for a person to see and retry.
    const MAX_ATTEMPTS: i32 = 8;

    /// Two waiting jobs of this kind with the same key are one; two running never overlap.
    fn unique_key(&self) -> Option<String> {
        None
    }

    /// Does it. An error means: try again later (with backoff), then discard. Safe to run twice.
    fn run(self, context: &Context) -> impl Future<Output = Result<Outcome>> + Send;
}

/// How an attempt ended, when not with an error.
#[derive(Debug, Clone, PartialEq)]
pub enum Outcome {
    /// Finished; what a caller who waits may read.
    Done(Value),
    /// Not yet: again after this time. Costs no attempt.
    Snooze(Duration),
    /// It will never work; the sentence says why.
    Cancel(String),
}

/// What a running job may use.
pub struct Context {
    /// The process's shared things.
    pub app: App,
    /// The job's row.
    pub id: i64,
    /// Counts from 1.
    pub attempt: i32,
    /// Cancelled when the process stops, the lease is lost, or a person cancels the job: stop at the next safe place
    /// and return `Outcome::Snooze(Duration::ZERO)`.
    pub stop: tokio_util::sync::CancellationToken,
    /// The request that caused the job, for the journal.
    pub request_id: Option<String>,
    /// The latest progress; written to the row at most once a second.
    pub progress: tokio::sync::watch::Sender<Option<Value>>,
}

const ENQUEUE: &str = "insert into job (queue, kind, unique_key, payload, priority, max_attempts, request_id)
    values ($1, $2, $3, $4, $5, $6, $7)
    on conflict (kind, unique_key) where state = 'available' do nothing returning id";
const WAITING: &str = "select id from job where kind = $1 and unique_key = $2 and state = 'available'";

/// Puts a job into the queue, in the caller's transaction; the id of its row, or of the twin that waits already.
pub async fn enqueue<J: Job>(client: &impl Sql, job: &J) -> Result<i64> {
    let payload = serde_json::to_value(job).map_err(anyhow::Error::from)?;
    let (queue, key) = (J::QUEUE.name(), job.unique_key());
    let request_id = crate::telemetry::current_request_id();
    loop {
        let row = client
            .maybe_row(
                ENQUEUE,
                &[&queue, &J::KIND, &key, &payload, &J::PRIORITY, &J::MAX_ATTEMPTS, &request_id],
            )
            .await?;
        if let Some(row) = row {
            return Ok(row.get(0));
        }
        // The twin may have been taken by a worker between the two statements; then ours can be inserted.
        if let Some(row) = client.maybe_row(WAITING, &[&J::KIND, &key]).await? {
            return Ok(row.get(0));
        }
    }
}
