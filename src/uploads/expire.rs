//! Forgets uploads that nobody goes on with, and what a crash has left of others.

use std::path::Path;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::db::Sql;
use crate::error::Result;
use crate::files;
use crate::jobs::{Context, Job, Outcome, Queue};
use crate::parallel::blocking;

/// Look through all uploads.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Expire {}

/// A folder without a row may be one whose row is about to be committed.
const YOUNG: Duration = Duration::from_secs(3600);

const FORGET: &str =
    "delete from upload where state = 'open' and touched_at < now() - make_interval(hours => $1)
    or state in ('done', 'failed') and finished_at < now() - interval '7 days'";
const STAND: &str = "select id from upload where state in ('open', 'taking')";

impl Job for Expire {
    const KIND: &'static str = "uploads.expire";
    const QUEUE: Queue = Queue::Maintenance;

    fn unique_key(&self) -> Option<String> {
        Some(String::new())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        let app = &context.app;
        let keep_hours = app.settings.uploads.keep_hours as i32;
        let client = app.db.get().await?;
        let forgotten = client.run(FORGET, &[&keep_hours]).await?;
        let stand: Vec<i64> = client.rows(STAND, &[]).await?.iter().map(|row| row.get(0)).collect();
        drop(client);
        let dir = app.settings.uploads.dir.clone();
        let removed = blocking(move || sweep(&dir, &stand)).await??;
        Ok(Outcome::Done(json!({"forgotten": forgotten, "removed": removed})))
    }
}

/// Removes the folders of uploads that are no more; how many.
fn sweep(dir: &Path, stand: &[i64]) -> std::io::Result<usize> {
    let mut removed = 0;
    let entries = match std::fs::read_dir(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(0),
        entries => entries?,
    };
    for entry in entries {
        let entry = entry?;
        let id = entry.file_name().to_str().and_then(|name| name.parse::<i64>().ok());
        let changed = entry.metadata()?.modified()?;
        let is_young = SystemTime::now().duration_since(changed).is_ok_and(|age| age < YOUNG);
        if id.is_some_and(|id| !stand.contains(&id)) && !is_young {
            files::remove_tree_if_there(&entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}
