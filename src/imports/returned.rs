//! What was never in the library and lies in the trash (a double, a rejected folder, a stray) comes back as an import that
//! waits for a person. A trigger on the trash enqueues this job when somebody wants the entry restored.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::record::tell_review;
use super::{inbox, require_library};
use crate::audio;
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::files::{safe_component, text_to_path};
use crate::jobs::{Context, Job, Outcome, Queue};
use crate::trash::{self, Entry, State};

/// Until the music folder is back.
const AWAY: Duration = Duration::from_secs(30);
/// How many folders of one name may wait for a person.
const TRIES: u32 = 1000;

/// An entry of the trash becomes an import again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReturnFromTrash {
    /// The entry's row.
    pub trash_id: i64,
}

impl Job for ReturnFromTrash {
    const KIND: &'static str = "imports.return_from_trash";
    const QUEUE: Queue = Queue::Imports;

    /// As the trigger writes it.
    fn unique_key(&self) -> Option<String> {
        Some(format!("entry:{}", self.trash_id))
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        if let Err(alarm) = require_library(&context.app).await? {
            tracing::error!(trash_id = self.trash_id, "nothing is restored: {alarm}");
            return Ok(Outcome::Snooze(AWAY));
        }
        let mut client = context.app.db.get().await?;
        let Some(entry) = Entry::find(&client, self.trash_id).await? else {
            return Ok(Outcome::Done(json!({ "trash_id": self.trash_id, "status": "restored" })));
        };
        if entry.state != State::Restoring {
            return Ok(Outcome::Cancel("it is not to be restored any more".into()));
        }
        let wanted = free_review_folder(context, &client, folder_name(&entry), 0).await?;
        let folder = trash::take_out(context, &entry, &wanted, |file| file.name.clone()).await?;
        let tx = client.transaction().await?;
        context.hold(&tx).await?;
        let import_id = waits_again(&tx, &entry, &folder).await?;
        trash::forget(&tx, &entry.path).await?;
        tell_review(&tx, import_id).await?;
        tx.commit().await?;
        tracing::info!(trash_id = entry.id, folder, "back from the trash: it waits for a person");
        let outcome = json!({
            "trash_id": entry.id, "status": "restored", "import_id": import_id, "path": folder,
            "files": entry.files.len(),
        });
        Ok(Outcome::Done(outcome))
    }
}

fn folder_name(entry: &Entry) -> &str {
    entry.path.rsplit('/').next().filter(|_| entry.path.starts_with(inbox::TRASH)).unwrap_or(&entry.title)
}

// The import that put it into the trash, if that is where it ended.
const AGAIN: &str =
    "update import set state = 'review', arrived_path = coalesce(arrived_path, source_path), source_path = $2, path = $2,
        approval = null, plan = null, album_id = null, notes = null, reason = $3, finished_at = now(), updated_at = now()
    where state in ('duplicate', 'rejected') and path = $1 returning id";
const ANEW: &str =
    "insert into import (source_path, path, source, state, suggested_artist, suggested_album, track_count, reason, finished_at)
    values ($1, $1, 'import', 'review', $2, $3, $4, $5, now()) returning id";

async fn waits_again(tx: &impl Sql, entry: &Entry, folder: &str) -> Result<i64> {
    let reason = "it was brought back from the trash: say what shall become of it";
    if let Some(row) = tx.maybe_row(AGAIN, &[&entry.path, &folder, &reason]).await? {
        return Ok(row.get(0));
    }
    let tracks = entry.files.iter().filter(|f| audio::is_audio_name(Path::new(&f.name))).count();
    let tracks = i32::try_from(tracks).unwrap_or(i32::MAX);
    Ok(tx.row(ANEW, &[&folder, &entry.artist, &entry.title, &tracks, &reason]).await?.get(0))
}

const TAKEN: &str =
    "select path from import where path = any($1) and id <> $2 and state in ('review', 'failed')
    union all select source_path from import where source_path = any($1) and id <> $2 and is_on_its_way";

/// A folder in `import/review` that is not there yet, and that no other import has been promised.
pub(super) async fn free_review_folder(
    context: &Context,
    client: &impl Sql,
    name: &str,
    import_id: i64,
) -> Result<String> {
    let name = safe_component(&text_to_path(name).to_string_lossy());
    let numbered = (2..TRIES).map(|n| format!("{}/{name} ({n})", inbox::REVIEW));
    let wanted: Vec<String> = std::iter::once(format!("{}/{name}", inbox::REVIEW)).chain(numbered).collect();
    let rows = client.rows(TAKEN, &[&wanted, &import_id]).await?;
    let taken: HashSet<String> = rows.iter().map(|row| row.get(0)).collect();
    let music = context.app.music().to_owned();
    let free = tokio::task::spawn_blocking(move || {
        wanted.into_iter().find(|path| !taken.contains(path) && music.join(path).symlink_metadata().is_err())
    });
    let free = free.await.map_err(anyhow::Error::from)?;
    free.ok_or_else(|| Error::Conflict(format!("too many folders called {name} wait for a person")))
}

/// What an import that was undone says.
pub(super) fn told(import_id: i64, folder: &str) -> Value {
    json!({ "import_id": import_id, "status": "undone", "path": folder })
}
