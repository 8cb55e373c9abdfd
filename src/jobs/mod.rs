//! The queue of record, in PostgreSQL: enqueue, lease, run, back off, rescue. Owns `job`, `schedule`, `clock` and
//! `day_lived`.
//!
//! Invariants: a job is enqueued in the transaction that causes it; it is safe to run twice; it ends in `completed`,
//! `cancelled` (a reason) or `discarded` (an error, retryable by a person) and never vanishes; whoever has lost its
//! lease can no longer finish it.

mod ask;
mod attempt;
mod backoff;
mod care;
mod clock;
mod http;
mod lease;
mod pause;
mod registry;
pub mod schedule;
mod wait;
mod worker;

pub use ask::ask;
pub use care::{Prune, Vacuum};
pub use http::routes;
pub use registry::Registry;
pub use wait::{End, Ended, wait};
pub use worker::Worker;

use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use uuid::Uuid;

use crate::app::App;
use crate::db::Sql;
use crate::error::{Error, Result};

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
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Imports, Self::Exports, Self::Maintenance, Self::Downloads, Self::Network];

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
    /// What proves that the job is still ours; see [`Context::hold`].
    pub lease: Uuid,
    /// Cancelled when the process stops, the lease is lost, or a person cancels the job: stop at the next safe place
    /// and return `Outcome::Snooze(Duration::ZERO)`.
    pub stop: tokio_util::sync::CancellationToken,
    /// The request that caused the job, for the journal.
    pub request_id: Option<String>,
    /// The latest progress; written to the row at most once a second.
    pub progress: tokio::sync::watch::Sender<Option<Value>>,
}

const HOLD: &str =
    "select id from job where id = $1 and lease_token = $2 and lease_expires_at > now() for update";

impl Context {
    /// Makes the caller's transaction one that only the holder of the lease can commit: for effects that must not
    /// happen twice and cannot see by themselves that they did. Keep that transaction short: until it ends, the lease
    /// cannot be extended.
    ///
    /// # Errors
    /// When the lease is lost: another worker has the job now.
    pub async fn hold(&self, tx: &impl Sql) -> Result<()> {
        match tx.maybe_row(HOLD, &[&self.id, &self.lease]).await? {
            Some(_) => Ok(()),
            None => Err(Error::Conflict(format!("job {}: the lease is lost", self.id))),
        }
    }
}

// Writing to a twin that waits holds it until our commit: a worker passes it over, so it cannot run before it can see
// the change that it was wanted for.
const ENQUEUE: &str = "insert into job (queue, kind, unique_key, payload, priority, max_attempts, request_id)
    values ($1, $2, $3, $4, $5, $6, $7)
    on conflict (kind, unique_key) where state = 'available'
        do update set priority = least(job.priority, excluded.priority)
    returning id";

/// Puts a job into the queue, in the caller's transaction; the id of its row, or of the twin that waits already.
pub async fn enqueue<J: Job>(client: &impl Sql, job: &J) -> Result<i64> {
    let payload = serde_json::to_value(job).map_err(anyhow::Error::from)?;
    let (queue, key) = (J::QUEUE.name(), job.unique_key());
    let request_id = crate::telemetry::current_request_id();
    let row = client
        .row(ENQUEUE, &[&queue, &J::KIND, &key, &payload, &J::PRIORITY, &J::MAX_ATTEMPTS, &request_id])
        .await?;
    Ok(row.get(0))
}

const NAME_REQUEST: &str = "select set_config('barbossa.request_id', $1, true)";

/// Tells the transaction which request it serves, for the jobs that its triggers will enqueue.
pub async fn name_request(tx: &impl Sql) -> Result<()> {
    if let Some(request_id) = crate::telemetry::current_request_id() {
        tx.row(NAME_REQUEST, &[&request_id]).await?;
    }
    Ok(())
}

const CANCEL: &str = "update job set cancel_requested = true,
        state = case when state = 'available' then 'cancelled' else state end,
        error = case when state = 'available' then 'Cancelled.' else error end,
        finished_at = case when state = 'available' then now() end
    where id = $1 and state in ('available', 'running')
    returning pg_notify('barbossa_job', 'cancel:' || id)::text";

/// Ends a waiting job; asks a running one to end, which it does at its next safe place. `false` when it had ended.
pub async fn cancel(client: &impl Sql, id: i64) -> Result<bool> {
    Ok(client.maybe_row(CANCEL, &[&id]).await?.is_some())
}

const CALL_OFF: &str = "update job set cancel_requested = (state = 'running'), run_at = least(run_at, now())
    where id = $1 and state in ('available', 'running')
    returning pg_notify('barbossa_job', case when state = 'running' then 'cancel:' || id else queue end)::text";

/// For a job that finds out by itself that nobody wants it any more: one that runs is asked to end, and one that waits comes
/// now, to clear up what it has begun. `false` when it had ended.
pub async fn call_off(client: &impl Sql, id: i64) -> Result<bool> {
    Ok(client.maybe_row(CALL_OFF, &[&id]).await?.is_some())
}

const RETRY: &str = "update job set state = 'available', attempt = 0, run_at = now(), finished_at = null,
        cancel_requested = false
    where id = $1 and state in ('discarded', 'cancelled')
        and not exists (select from job twin
            where twin.kind = job.kind and twin.unique_key = job.unique_key and twin.state = 'available')
    returning pg_notify('barbossa_job', queue)::text";

/// Gives a discarded or cancelled job all its attempts again. `false` when there is nothing to do: it has not failed,
/// or a job with the same key waits already.
pub async fn retry(client: &impl Sql, id: i64) -> Result<bool> {
    match client.maybe_row(RETRY, &[&id]).await {
        Ok(row) => Ok(row.is_some()),
        Err(error) if error.constraint() == Some("job_waiting") => Ok(false),
        Err(error) => Err(error),
    }
}
