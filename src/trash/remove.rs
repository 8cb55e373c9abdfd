//! For good: what an admin removes, and what has been in the trash for longer than `trash.keep_days`. Nothing whose row
//! is not there is removed; folders without a row get one.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::disk::{self, Found};
use super::entry::{self, Entry, File, Kind, NewEntry};
use super::{restore, wait_for_music};
use crate::activity;
use crate::app::App;
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::jobs::{self, Context, Job, Outcome, Queue};
use crate::parallel::blocking;

/// A folder of the trash without a row is left alone for so long: an import may be about to write its row.
const UNTOUCHED: Duration = Duration::from_secs(24 * 60 * 60);

/// Everything that was marked for it is removed for good.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Remove {
    /// Who wants it; none for the clock and the command line.
    pub by: Option<i64>,
    /// From where, for the activity log.
    pub address: Option<String>,
}

/// What is too old is removed for good; daily.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Expire {}

const MARK: &str = "update trash set state = 'removing' where id = $1 and state in ('kept', 'removing')";
// The days have to be lived, too: the clock may have leapt ahead.
const MARK_EXPIRED: &str = "update trash set state = 'removing'
    where state = 'kept' and expires_at <= now() and has_lived(trashed_at, expires_at)";
const MARK_ALL: &str = "update trash set state = 'removing' where state = 'kept'";

/// Has one entry removed for good, in the caller's transaction; the job that does it.
///
/// # Errors
/// `NotFound`; `Conflict` when its files are on their way in or out.
pub async fn remove(tx: &impl Sql, id: i64, wanted: &Remove) -> Result<i64> {
    if tx.run(MARK, &[&id]).await? == 0 {
        return Err(match Entry::find(tx, id).await? {
            Some(_) => Error::Conflict("Its files are on their way. Try again in a moment.".into()),
            None => restore::not_found(),
        });
    }
    jobs::enqueue(tx, wanted).await
}

/// Has everything removed for good, or only what is too old; the job that does it, and how many entries that are.
pub async fn empty(tx: &impl Sql, is_all: bool, wanted: &Remove) -> Result<(i64, u64)> {
    let marked = tx.run(if is_all { MARK_ALL } else { MARK_EXPIRED }, &[]).await?;
    Ok((jobs::enqueue(tx, wanted).await?, marked))
}

impl Job for Remove {
    const KIND: &'static str = "trash.remove";
    const QUEUE: Queue = Queue::Maintenance;

    fn unique_key(&self) -> Option<String> {
        Some("all".into())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        match wait_for_music(&context.app).await? {
            Some(later) => Ok(later),
            None => self.remove_marked(context).await,
        }
    }
}

impl Job for Expire {
    const KIND: &'static str = "trash.expire";
    const QUEUE: Queue = Queue::Maintenance;

    fn unique_key(&self) -> Option<String> {
        Some("all".into())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        if let Some(later) = wait_for_music(&context.app).await? {
            return Ok(later);
        }
        let mut client = context.app.db.get().await?;
        let tx = client.transaction().await?;
        context.hold(&tx).await?;
        tx.run(MARK_EXPIRED, &[]).await?;
        tx.commit().await?;
        drop(client);
        adopt_strays(context).await?;
        Remove::default().remove_marked(context).await
    }
}

impl Remove {
    async fn remove_marked(&self, context: &Context) -> Result<Outcome> {
        let (mut after, mut removed, mut bytes, mut unknown) = (0, 0_u64, 0_u64, 0_usize);
        loop {
            let batch = Entry::to_remove(&context.app.db.get().await?, after).await?;
            let Some(last) = batch.last() else { break };
            after = last.id;
            for entry in batch {
                if context.stop.is_cancelled() {
                    return Ok(Outcome::Snooze(Duration::ZERO));
                }
                let (music, at) = (context.app.music().to_owned(), entry.clone());
                let left = blocking(move || disk::remove(&music, &at)).await??;
                if left > 0 {
                    tracing::warn!(
                        path = entry.path,
                        left,
                        "files that the trash does not know are left in it"
                    );
                }
                disk::here("removed", context.app.music())?;
                self.record(context, &entry).await?;
                (removed, bytes, unknown) = (removed + 1, bytes + entry.size_bytes(), unknown + left);
                context.progress.send_replace(Some(json!({ "done": removed })));
            }
        }
        if removed > 0 {
            tracing::info!(removed, bytes, "removed from the trash for good");
        }
        Ok(Outcome::Done(json!({ "removed": removed, "freed_bytes": bytes, "unknown_files_left": unknown })))
    }

    async fn record(&self, context: &Context, entry: &Entry) -> Result<()> {
        let mut client = context.app.db.get().await?;
        let tx = client.transaction().await?;
        context.hold(&tx).await?;
        entry::leave(&tx, entry.id).await?;
        let details = json!({
            "artist": entry.artist, "title": entry.title, "kind": entry.kind.name(), "files": entry.files.len(),
            "size_bytes": entry.size_bytes(),
        });
        activity::record(
            &tx,
            self.by,
            "trash_remove",
            Some(("trash", entry.id)),
            Some(&details),
            self.address.as_deref(),
        )
        .await?;
        Ok(tx.commit().await?)
    }
}

const KNOWN: &str =
    "select path from trash union all select path from import where path like '.trash/%' and is_on_its_way";

/// Folders that lie in the trash without a row: whatever happened, a person decides, or time does.
async fn adopt_strays(context: &Context) -> Result<()> {
    let app: &App = &context.app;
    let mut client = app.db.get().await?;
    let known: BTreeSet<String> = client.rows(KNOWN, &[]).await?.iter().map(|row| row.get(0)).collect();
    let music = app.music().to_owned();
    for (path, found) in blocking(move || disk::strays(&music, &known, UNTOUCHED)).await?? {
        let tx = client.transaction().await?;
        context.hold(&tx).await?;
        let entry = stray(&path, &found);
        let id = entry::put(app, &tx, &entry).await?;
        let details = json!({ "title": entry.title, "path": path, "files": found.len() });
        activity::record(&tx, None, "trash_found", Some(("trash", id)), Some(&details), None).await?;
        tx.commit().await?;
        tracing::warn!(path, files = found.len(), "a folder in the trash had no row; it has one now");
    }
    Ok(())
}

fn stray(path: &str, found: &[Found]) -> NewEntry {
    let file = |found: &Found| File {
        name: found.path.strip_prefix(path).map_or("", |name| name.trim_start_matches('/')).to_owned(),
        original_path: found.path.clone(),
        size_bytes: found.size_bytes,
        checksum: None,
        essence: None,
        track_id: None,
        track: None::<Value>,
    };
    NewEntry {
        kind: Kind::Duplicate,
        path: path.to_owned(),
        artist: None,
        title: path.rsplit('/').next().unwrap_or(path).to_owned(),
        album_id: None,
        import_id: None,
        files: found.iter().map(file).collect(),
        snapshot: None,
        reason: "it was found in the trash, and nobody knows why it is there".into(),
        trashed_by: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stray_is_kept_under_the_names_that_it_has() {
        let found = [Found { path: ".trash/imports/X/CD1/1.flac".into(), size_bytes: 7 }];
        let entry = stray(".trash/imports/X", &found);
        assert_eq!((entry.title.as_str(), entry.files[0].name.as_str()), ("X", "CD1/1.flac"));
    }
}
