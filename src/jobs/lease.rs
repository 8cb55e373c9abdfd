//! The lease: who may run a job now, and the statements by which that changes. The database's clock decides.
//!
//! To hold a job and to tell its progress does not wait for the disk (`synchronous_commit`): what a crash of PostgreSQL
//! takes back of that is said again. That a job was taken, and that it ended, does: else it would run twice.
//!
//! Every statement that ends an attempt names the lease's token. No row touched means that the lease was lost; then
//! somebody else answers for the job, and what this attempt has to say no longer counts.

use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;
use uuid::Uuid;

use crate::db::Sql;
use crate::error::Result;

/// A job that is ours for a while.
pub(super) struct Lease {
    pub id: i64,
    pub token: Uuid,
    pub kind: String,
    pub payload: Value,
    pub attempt: i32,
    pub max_attempts: i32,
    pub request_id: Option<String>,
    /// By our own clock, counted from before we asked: never later than the database thinks.
    pub ends_at: Instant,
}

/// How an attempt ended, as the row shall say it.
#[derive(Debug)]
pub(super) enum Verdict {
    Completed(Value),
    Cancelled(String),
    /// Again after this time; an error has spent the attempt.
    Again {
        after: Duration,
        error: Option<String>,
    },
    Discarded(String),
}

/// What the row says about a lease that was to be extended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Held {
    /// Ours, for another full length.
    Yes,
    /// Ours, but a person wants the job ended.
    CancelRequested,
    /// Not ours any more.
    Lost,
}

// Two jobs with one key never overlap: a key that runs is passed over (the unique index `job_running` would refuse it).
// At most one job of a key waits, so two workers can never be about to take the same key.
const ACQUIRE: &str = "with picked as (
        select j.id from job j
        where j.state = 'available' and j.run_at <= now() and j.queue = any($1) and j.kind = any($2)
            and not exists (select from queue_pause p where p.queue = j.queue)
            and (j.unique_key is null or not exists (select from job r
                where r.kind = j.kind and r.unique_key = j.unique_key and r.state = 'running'))
        order by j.priority, j.run_at, j.id
        limit $3
        for update of j skip locked)
    update job set state = 'running', attempt = attempt + 1, attempted_at = now(), worker = $4,
        lease_token = gen_random_uuid(), lease_expires_at = now() + make_interval(secs => $5)
    from picked where job.id = picked.id
    returning job.id, lease_token, kind, payload, attempt, max_attempts, request_id";

/// Takes up to `limit` jobs that are due, the most urgent first.
pub(super) async fn acquire(
    client: &impl Sql,
    queues: &[&str],
    kinds: &[&str],
    limit: usize,
    worker: &str,
    length: Duration,
) -> Result<Vec<Lease>> {
    let ends_at = Instant::now() + length;
    let limit = i64::try_from(limit).unwrap_or(i64::MAX);
    let rows = client.rows(ACQUIRE, &[&queues, &kinds, &limit, &worker, &length.as_secs_f64()]).await?;
    Ok(rows
        .into_iter()
        .map(|row| Lease {
            id: row.get("id"),
            token: row.get("lease_token"),
            kind: row.get("kind"),
            payload: row.get("payload"),
            attempt: row.get("attempt"),
            max_attempts: row.get("max_attempts"),
            request_id: row.get("request_id"),
            ends_at,
        })
        .collect())
}

const EXTEND: &str = "update job set lease_expires_at = now() + make_interval(secs => $3)
    where id = $1 and lease_token = $2 returning cancel_requested, set_config('synchronous_commit', 'off', true)";
const PROGRESS: &str = "update job set progress = $3 where id = $1 and lease_token = $2
    returning set_config('synchronous_commit', 'off', true)";
const COMPLETE: &str = "update job set state = 'completed', result = $3, error = null, finished_at = now(),
        lease_token = null, lease_expires_at = null where id = $1 and lease_token = $2";
const CANCEL: &str = "update job set state = 'cancelled', error = $3, finished_at = now(),
        lease_token = null, lease_expires_at = null where id = $1 and lease_token = $2";
const DISCARD: &str = "update job set state = 'discarded', error = $3, finished_at = now(),
        lease_token = null, lease_expires_at = null where id = $1 and lease_token = $2";
const AGAIN: &str = "update job set state = 'available', run_at = now() + make_interval(secs => $3::float8),
        attempt = case when $4::text is null then attempt - 1 else attempt end, error = $4,
        lease_token = null, lease_expires_at = null
    where id = $1 and lease_token = $2 and not cancel_requested
        and not exists (select from job twin
            where twin.kind = job.kind and twin.unique_key = job.unique_key and twin.state = 'available')
    returning case when $3::float8 <= 0 then pg_notify('barbossa_job', queue)::text end";
// Why the row could not go back among those that wait.
const INSTEAD_OF_AGAIN: &str = "update job set state = 'cancelled', finished_at = now(),
        error = case when cancel_requested then 'Cancelled.' else 'A later job for the same thing takes its place.' end,
        lease_token = null, lease_expires_at = null where id = $1 and lease_token = $2";

impl Lease {
    /// Ours for another `length`, if it still was.
    pub async fn extend(&mut self, client: &impl Sql, length: Duration) -> Result<Held> {
        let ends_at = Instant::now() + length;
        let row = client.maybe_row(EXTEND, &[&self.id, &self.token, &length.as_secs_f64()]).await?;
        Ok(match row {
            None => Held::Lost,
            Some(row) => {
                self.ends_at = ends_at;
                if row.get(0) { Held::CancelRequested } else { Held::Yes }
            }
        })
    }

    /// Lets others see how far it is.
    pub async fn report(&self, client: &impl Sql, progress: &Value) -> Result<()> {
        client.run(PROGRESS, &[&self.id, &self.token, progress]).await?;
        Ok(())
    }

    /// Writes down how the attempt ended and gives the lease up; `false` when it was lost.
    pub async fn end(&self, client: &impl Sql, verdict: &Verdict) -> Result<bool> {
        let touched = match verdict {
            Verdict::Completed(result) => client.run(COMPLETE, &[&self.id, &self.token, result]).await?,
            Verdict::Cancelled(reason) => client.run(CANCEL, &[&self.id, &self.token, reason]).await?,
            Verdict::Discarded(error) => client.run(DISCARD, &[&self.id, &self.token, error]).await?,
            Verdict::Again { after, error } => {
                put_back(client, self.id, self.token, *after, error.as_deref()).await?
            }
        };
        Ok(touched == 1)
    }
}

/// Back among those that wait; an error has spent the attempt. How many rows were touched: none when the lease is lost.
async fn put_back(
    client: &impl Sql,
    id: i64,
    token: Uuid,
    after: Duration,
    error: Option<&str>,
) -> Result<u64> {
    match client.maybe_row(AGAIN, &[&id, &token, &after.as_secs_f64(), &error]).await {
        Ok(Some(_)) => return Ok(1),
        Ok(None) => {}
        // A twin came between the look and the write.
        Err(refused) if refused.constraint() == Some("job_waiting") => {}
        Err(error) => return Err(error),
    }
    client.run(INSTEAD_OF_AGAIN, &[&id, &token]).await
}

/// Gives a job to whoever looks next, as if it had not been taken.
pub(super) async fn hand_back(client: &impl Sql, id: i64, token: Uuid) -> Result<()> {
    put_back(client, id, token, Duration::ZERO, None).await?;
    Ok(())
}

// Giving an expired job back beside a twin that waits would break `job_waiting`; the twin does the same work anyway.
const RESCUE_BESIDE_TWIN: &str = "update job set state = 'cancelled', finished_at = now(),
        error = 'The worker was lost, and a later job for the same thing takes its place.',
        lease_token = null, lease_expires_at = null
    where id in (select r.id from job r join job twin
            on twin.kind = r.kind and twin.unique_key = r.unique_key and twin.state = 'available'
        where r.state = 'running' and r.lease_expires_at < now() for update of r skip locked)";
// An attempt that took its worker with it counts, or a job that kills its worker would do so for ever.
const RESCUE: &str = "update job set
        state = case when cancel_requested then 'cancelled' when attempt >= max_attempts then 'discarded' else 'available' end,
        finished_at = case when cancel_requested or attempt >= max_attempts then now() end,
        run_at = now() + make_interval(secs => least(60, 5 * (attempt - 1))),
        error = case when cancel_requested then 'Cancelled.' else 'The worker was lost while it ran the job.' end,
        lease_token = null, lease_expires_at = null
    where id in (select id from job where state = 'running' and lease_expires_at < now() for update skip locked)
    returning id, kind, worker, state";

/// Takes jobs back from workers that no longer answer for them; how many.
pub(super) async fn rescue(client: &impl Sql) -> Result<usize> {
    let beside_twin = client.run(RESCUE_BESIDE_TWIN, &[]).await?;
    let rows = client.rows(RESCUE, &[]).await?;
    for row in &rows {
        tracing::warn!(
            job_id = row.get::<_, i64>("id"),
            job_kind = row.get::<_, &str>("kind"),
            worker = row.get::<_, Option<&str>>("worker").unwrap_or_default(),
            state = row.get::<_, &str>("state"),
            "a worker was lost while it ran this job"
        );
    }
    Ok(rows.len() + usize::try_from(beside_twin).unwrap_or(0))
}

const WAITING: &str = "select count(*) from job
    where state = 'available' and run_at <= now() and queue = any($1) and kind = any($2)";

/// How many jobs are due and wait for a worker.
pub(super) async fn waiting(client: &impl Sql, queues: &[&str], kinds: &[&str]) -> Result<i64> {
    Ok(client.row(WAITING, &[&queues, &kinds]).await?.get(0))
}
