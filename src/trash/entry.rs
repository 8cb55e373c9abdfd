//! One thing in the trash: the folder that holds its files, and all that is needed to bring it back.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::app::App;
use crate::db::Sql;
use crate::error::Result;

/// Why something is in the trash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A better copy took its place.
    Replaced,
    /// Somebody deleted it.
    Deleted,
    /// It was in the library already, sound for sound.
    Duplicate,
}

impl Kind {
    /// As the row says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Replaced => "replaced",
            Self::Deleted => "deleted",
            Self::Duplicate => "duplicate",
        }
    }
}

/// One file in the trash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct File {
    /// Relative to the entry's folder.
    pub name: String,
    /// Where it was, relative to MUSIC_PATH, as `files::path_to_text` writes it.
    pub original_path: String,
    /// Its size.
    pub size_bytes: u64,
    /// BLAKE3 as hex, where it is known.
    pub checksum: Option<String>,
    /// Of audio, where it is known.
    pub essence: Option<String>,
    /// The track whose file it was; its row may have another file now.
    pub track_id: Option<i64>,
    /// The track's row as it was (`to_jsonb(track)` without `search`).
    pub track: Option<Value>,
}

/// What goes into the trash together.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEntry {
    /// Why.
    pub kind: Kind,
    /// The folder, relative to MUSIC_PATH, beneath `.trash/`.
    pub path: String,
    /// As a person looks for it.
    pub artist: Option<String>,
    /// As a person looks for it: the album's title, or the folder's name.
    pub title: String,
    /// The album it was of.
    pub album_id: Option<i64>,
    /// The import that put it here.
    pub import_id: Option<i64>,
    /// Each file.
    pub files: Vec<File>,
    /// Rows as they were, when an album was deleted.
    pub snapshot: Option<Value>,
    /// A sentence for a person.
    pub reason: String,
    /// Who did it; none for the house.
    pub trashed_by: Option<i64>,
}

// Done twice it is done once: the folder is the key.
const PUT: &str = "insert into trash (kind, path, artist, title, album_id, import_id, files, file_count, size_bytes, snapshot,
        reason, trashed_by, expires_at)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, now() + make_interval(days => $13))
    on conflict (path) do update set files = excluded.files, file_count = excluded.file_count, size_bytes = excluded.size_bytes
    returning id";

const FORGET: &str = "delete from trash where path = $1";

/// Takes back the entry of a folder whose files were taken out of the trash; whether there was one.
pub async fn forget(tx: &impl Sql, path: &str) -> Result<bool> {
    Ok(tx.run(FORGET, &[&path]).await? > 0)
}

/// Writes down what lies in the trash (or will, when the caller's transaction is through); the entry's id.
pub async fn put(app: &App, tx: &impl Sql, entry: &NewEntry) -> Result<i64> {
    let files = serde_json::to_value(&entry.files).map_err(anyhow::Error::from)?;
    let size_bytes: u64 = entry.files.iter().map(|f| f.size_bytes).sum();
    let keep_days = i32::try_from(app.settings.trash.keep_days).unwrap_or(i32::MAX);
    let row = tx
        .row(
            PUT,
            &[
                &entry.kind.name(),
                &entry.path,
                &entry.artist,
                &entry.title,
                &entry.album_id,
                &entry.import_id,
                &files,
                &i32::try_from(entry.files.len()).unwrap_or(i32::MAX),
                &i64::try_from(size_bytes).unwrap_or(i64::MAX),
                &entry.snapshot,
                &entry.reason,
                &entry.trashed_by,
                &keep_days,
            ],
        )
        .await?;
    Ok(row.get(0))
}
