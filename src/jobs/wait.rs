//! Waiting for jobs to end, for a request that would like to answer with the result.

use std::collections::HashMap;
use std::time::Duration;

use serde_json::Value;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::Instant;

use crate::app::App;
use crate::db::{Notice, Sql};
use crate::error::Result;

/// How often to look when nothing is heard: notices are a hint, and a process may have none.
const LOOK_EVERY: Duration = Duration::from_millis(150);

/// One job that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Ended {
    /// The job's row.
    pub id: i64,
    /// How.
    pub end: End,
}

/// How a job ended.
#[derive(Debug, Clone, PartialEq)]
pub enum End {
    /// With what `Outcome::Done` carried.
    Completed(Value),
    /// With this reason.
    Cancelled(String),
    /// With the last attempt's error.
    Discarded(String),
}

/// Waits until all of these jobs have ended, `within` this time at most; those that have, in the order asked for. A
/// job that is still on its way is not in the answer, nor is one that cannot be seen because PostgreSQL is away: it
/// was accepted and goes on.
pub async fn wait(app: &App, ids: &[i64], within: Duration) -> Vec<Ended> {
    let deadline = Instant::now() + within;
    // First the ear, then the eye: an end between the two is heard.
    let mut notices = app.notices.subscribe();
    let mut ended = HashMap::new();
    loop {
        if let Ok(Ok(found)) = tokio::time::timeout_at(deadline, look(app, ids)).await {
            ended.extend(found.into_iter().map(|e| (e.id, e)));
        }
        if ended.len() == ids.len() || Instant::now() >= deadline {
            return ids.iter().filter_map(|id| ended.remove(id)).collect();
        }
        let next = deadline.min(Instant::now() + LOOK_EVERY);
        let _ = tokio::time::timeout_at(next, end_of_one(&mut notices, ids)).await;
    }
}

async fn end_of_one(notices: &mut broadcast::Receiver<Notice>, ids: &[i64]) {
    loop {
        match notices.recv().await {
            Ok(Notice::Message { channel, payload }) if channel == "barbossa_job_end" => {
                if payload.parse().is_ok_and(|id| ids.contains(&id)) {
                    return;
                }
            }
            Ok(Notice::Message { .. }) => {}
            Ok(Notice::Resync) | Err(RecvError::Lagged(_)) => return,
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

const ENDED: &str = "select id, state, result, coalesce(error, '') as reason from job
    where id = any($1) and finished_at is not null";

async fn look(app: &App, ids: &[i64]) -> Result<Vec<Ended>> {
    let rows = app.db.get().await?.rows(ENDED, &[&ids]).await?;
    Ok(rows
        .into_iter()
        .map(|row| Ended {
            id: row.get("id"),
            end: match row.get("state") {
                "completed" => End::Completed(row.get::<_, Option<Value>>("result").unwrap_or_default()),
                "cancelled" => End::Cancelled(row.get("reason")),
                _ => End::Discarded(row.get("reason")),
            },
        })
        .collect())
}
