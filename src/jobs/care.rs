//! The hall's own upkeep: what is finished goes after a while, and the database's statistics stay fresh.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_postgres::NoTls;

use super::{Context, Job, Outcome, Queue};
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::{auth, events};

/// How many rows go in one transaction: no long locks, and a stop is heard between two.
const BATCH: i64 = 2000;

/// Deletes jobs that ended and events that were told more than `jobs.keep_days` ago, and sessions that have expired.
/// Jobs that failed stay three times as long, since a person may want to see or retry them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Prune {}

const PRUNE_JOBS: &str = "delete from job where id in (select id from job
    where finished_at < now() - make_interval(days => $1 * case state when 'discarded' then 3 else 1 end) limit $2)";

impl Job for Prune {
    const KIND: &'static str = "jobs.prune";
    const QUEUE: Queue = Queue::Maintenance;
    const PRIORITY: i16 = 10;

    fn unique_key(&self) -> Option<String> {
        Some("all".into())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        let keep_days = i32::try_from(context.app.settings.jobs.keep_days).unwrap_or(i32::MAX);
        let client = context.app.db.get().await?;
        let (mut jobs, mut events) = (0, 0);
        loop {
            if context.stop.is_cancelled() {
                return Ok(Outcome::Snooze(Duration::ZERO));
            }
            let old_jobs = client.run(PRUNE_JOBS, &[&keep_days, &BATCH]).await?;
            let old_events = events::forget_old(&client, keep_days, BATCH).await?;
            (jobs, events) = (jobs + old_jobs, events + old_events);
            if old_jobs + old_events == 0 {
                break;
            }
        }
        let sessions = auth::forget_expired_sessions(&client).await?;
        Ok(Outcome::Done(json!({"jobs": jobs, "events": events, "sessions": sessions})))
    }
}

/// `vacuum (analyze)` of the whole database: autovacuum does the daily work, this the rest.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Vacuum {}

impl Job for Vacuum {
    const KIND: &'static str = "jobs.vacuum";
    const QUEUE: Queue = Queue::Maintenance;
    const PRIORITY: i16 = 10;
    const MAX_ATTEMPTS: i32 = 3;

    fn unique_key(&self) -> Option<String> {
        Some("all".into())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        // A connection of its own: it runs longer than any statement of the pool may.
        let mut config = context.app.db.config().clone();
        config.options("-c statement_timeout=0");
        let (client, connection) = config.connect(NoTls).await?;
        let driver = tokio_util::task::AbortOnDropHandle::new(tokio::spawn(connection));
        let stopped = tokio::select! {
            () = context.stop.cancelled() => true,
            done = client.batch_execute("vacuum (analyze)") => { done.map_err(Error::from)?; false }
        };
        if stopped {
            // The server ends the statement when it is asked to, or finishes it alone: either does no harm.
            let _ = client.cancel_token().cancel_query(NoTls).await;
            return Ok(Outcome::Snooze(Duration::ZERO));
        }
        drop(driver);
        Ok(Outcome::Done(json!({})))
    }
}
