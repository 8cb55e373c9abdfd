//! Hourly care: downloads whose worker was lost for the last time end with a reason, those whose import ended unseen follow
//! it, what ended long ago is forgotten, and what nobody fetches any more goes from the disk.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::settle::SettleDownload;
use crate::db::Sql;
use crate::error::Result;
use crate::files;
use crate::imports;
use crate::jobs::{self, Context, Job, Outcome, Queue};
use crate::parallel::blocking;

/// Everything that was left is tidied up.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct TidyDownloads {}

const LOST: &str = "update download d set state = 'failed', finished_at = now(), speed = null, eta = null,
        error = coalesce(d.error, (select j.error from job j where j.id = d.job_id), 'Its worker was lost.') || ' Retry it to go on.'
    where d.state in ('pending', 'downloading')
        and not exists (select from job j where j.id = d.job_id and j.finished_at is null)";
const UNSEEN: &str = "select id from download where state = 'importing'";
const OLD: &str = "delete from download where finished_at < now() - make_interval(days => $1)
    and state in ('complete', 'duplicate', 'cancelled')";
const WANTED: &str = "select id from download where state in ('pending', 'downloading')";

impl Job for TidyDownloads {
    const KIND: &'static str = "downloads.tidy";
    // Fetch is the one that writes there.
    const QUEUE: Queue = Queue::Downloads;
    const MAX_ATTEMPTS: i32 = 3;

    fn unique_key(&self) -> Option<String> {
        Some("all".into())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        let mut client = context.app.db.get().await?;
        let keep_days = i32::try_from(context.app.settings.jobs.keep_days).unwrap_or(i32::MAX);
        let tx = client.transaction().await?;
        let lost = tx.run(LOST, &[]).await?;
        let unseen: Vec<i64> = tx.rows(UNSEEN, &[]).await?.iter().map(|row| row.get(0)).collect();
        for download_id in &unseen {
            jobs::enqueue(&tx, &SettleDownload { download_id: *download_id }).await?;
        }
        let old = tx.run(OLD, &[&keep_days]).await?;
        tx.commit().await?;
        let mut removed = 0;
        if imports::require_library(&context.app).await?.is_ok() {
            let wanted: Vec<i64> = client.rows(WANTED, &[]).await?.iter().map(|row| row.get(0)).collect();
            let downloads = context.app.music().join("downloads");
            removed = blocking(move || remove_unwanted(&downloads, &wanted)).await??;
        }
        Ok(Outcome::Done(
            json!({"lost": lost, "looked_at": unseen.len(), "forgotten": old, "removed": removed}),
        ))
    }
}

fn remove_unwanted(downloads: &std::path::Path, wanted: &[i64]) -> std::io::Result<usize> {
    let mut removed = 0;
    for entry in walkdir::WalkDir::new(downloads).min_depth(2).max_depth(2) {
        let Ok(entry) = entry else { continue };
        let name = entry.file_name().to_str().and_then(|name| name.strip_prefix(".fetching-"));
        if name.and_then(|id| id.parse().ok()).is_some_and(|id: i64| !wanted.contains(&id)) {
            files::remove_tree_if_there(entry.path())?;
            removed += 1;
        }
    }
    Ok(removed)
}
