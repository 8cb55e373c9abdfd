//! Looking at everything that has arrived, events or not: the guarantee that nothing is forgotten.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::inbox::{self, Arrival};
use super::settle::Rest;
use super::{ImportRelease, SortLoose, require_library};
use crate::app::App;
use crate::db::Sql;
use crate::error::Result;
use crate::jobs::{self, Context, Job, Outcome, Queue};

/// Look at everything that has arrived.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Sweep {}

impl Job for Sweep {
    const KIND: &'static str = "imports.sweep";
    const QUEUE: Queue = Queue::Imports;

    fn unique_key(&self) -> Option<String> {
        Some(String::new())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        Ok(Outcome::Done(json!({"enqueued": sweep(&context.app).await?})))
    }
}

/// Enqueues what has settled and what was left on its way; how many jobs.
pub async fn sweep(app: &App) -> Result<usize> {
    if let Err(alarm) = require_library(app).await? {
        tracing::error!("the inbox is not swept: {alarm}");
        return Ok(0);
    }
    let looking = app.clone();
    let arrivals =
        tokio::task::spawn_blocking(move || inbox::look(&looking)).await.map_err(anyhow::Error::from)?;
    Ok(enqueue_settled(app, &arrivals).await? + enqueue_left(app).await?)
}

// A folder that has a job already, or that failed or was copied and has not been touched since, is not asked for again.
const UNWANTED: &str = "select a.path from unnest($1::text[], $2::timestamptz[]) a (path, changed_at)
    where exists (select 1 from job j where j.kind = 'imports.import_release' and j.unique_key = a.path
            and j.state in ('available', 'running'))
        or exists (select 1 from import i where i.source_path = a.path and (i.state = 'failed' or i.keeps_source)
            and i.finished_at > a.changed_at)";

/// Enqueues an import for each arrival that has settled; how many.
pub async fn enqueue_settled(app: &App, arrivals: &[Arrival]) -> Result<usize> {
    // Where the clock is ahead of ours, the job looks twice by itself.
    let is_ready = |a: &&Arrival| matches!(a.rest, Rest::Settled(_) | Rest::ClockAhead);
    let settled: Vec<&Arrival> = arrivals.iter().filter(is_ready).collect();
    if settled.is_empty() {
        return Ok(0);
    }
    let paths: Vec<&str> = settled.iter().map(|a| a.path.as_str()).collect();
    let changed: Vec<Timestamp> =
        settled.iter().map(|a| Timestamp::try_from(a.changed).unwrap_or(Timestamp::UNIX_EPOCH)).collect();
    let mut client = app.db.get().await?;
    let tx = client.transaction().await?;
    let unwanted: Vec<String> =
        tx.rows(UNWANTED, &[&paths, &changed]).await?.iter().map(|row| row.get(0)).collect();
    let wanted: Vec<&&Arrival> = settled.iter().filter(|a| !unwanted.contains(&a.path)).collect();
    for arrival in &wanted {
        if arrival.is_loose() {
            jobs::enqueue(&tx, &SortLoose {}).await?;
        } else {
            let (path, source) = (arrival.path.clone(), arrival.source.to_owned());
            jobs::enqueue(&tx, &ImportRelease { path, source, requested_by: None }).await?;
        }
    }
    tx.commit().await?;
    Ok(wanted.len())
}

const LEFT: &str = "select source_path, source, requested_by from import i
    where is_on_its_way and (state <> 'waiting' or approval is not null)
        and not exists (select 1 from job j where j.kind = 'imports.import_release' and j.unique_key = i.source_path
            and j.state in ('available', 'running'))";

// Rows of folders that were taken away again while somebody was still writing in them.
const FORGET_HELD: &str = "delete from import where state = 'waiting' and approval is null and held_until < now() - interval '1 day'";

/// Imports that have a plan and no job any more go on: what was begun on the disk is brought to its end.
pub async fn enqueue_left(app: &App) -> Result<usize> {
    let mut client = app.db.get().await?;
    let tx = client.transaction().await?;
    tx.run(FORGET_HELD, &[]).await?;
    let left = tx.rows(LEFT, &[]).await?;
    for row in &left {
        let job = ImportRelease { path: row.get(0), source: row.get(1), requested_by: row.get(2) };
        jobs::enqueue(&tx, &job).await?;
    }
    tx.commit().await?;
    Ok(left.len())
}
