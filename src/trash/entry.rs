//! One thing in the trash: the folder that holds its files, and all that is needed to bring it back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::Row;

use crate::app::App;
use crate::db::Sql;
use crate::error::{Error, Result};

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
    /// The track's row as it was (`to_jsonb(track)`, with or without `search`).
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
    let (files, count, size) = columns(&entry.files)?;
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
                &count,
                &size,
                &entry.snapshot,
                &entry.reason,
                &entry.trashed_by,
                &keep_days(app),
            ],
        )
        .await?;
    Ok(row.get(0))
}

// -- entries that are there

/// Where an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Its files are on their way here.
    Filling,
    /// They are here.
    Kept,
    /// They are on their way back.
    Restoring,
    /// They are going for good.
    Removing,
}

/// The rows that went with a deletion.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Deleted {
    /// `to_jsonb(artist)`
    pub artist: Value,
    /// `to_jsonb(album)`
    pub album: Value,
    /// A list of `to_jsonb(heart)`: those that went, on the artist too if the artist went.
    pub hearts: Value,
}

/// Where the files go when they are restored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Way {
    /// The album's folder, relative to MUSIC_PATH.
    pub folder: String,
    /// Of each file, by its name in the entry: the new place, relative to MUSIC_PATH, as `files::path_to_text` writes it.
    pub to: BTreeMap<String, String>,
}

/// One thing in the trash, with all that a job needs to know of it.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The row.
    pub id: i64,
    /// Why.
    pub kind: Kind,
    /// Where it stands.
    pub state: State,
    /// Its folder, relative to MUSIC_PATH.
    pub path: String,
    /// As a person looks for it.
    pub artist: Option<String>,
    /// As a person looks for it.
    pub title: String,
    /// The album it was of.
    pub album_id: Option<i64>,
    /// Each file.
    pub files: Vec<File>,
    /// What went with a deletion.
    pub snapshot: Option<Deleted>,
    /// While it is being restored.
    pub way: Option<Way>,
}

const FIND: &str =
    "select id, kind, state, path, artist, title, album_id, files, snapshot, way from trash where id = $1";
const FILLING: &str = "select id, kind, state, path, artist, title, album_id, files, snapshot, way from trash
    where subject = $1 and state = 'filling'";
const ALL_TO_REMOVE: &str =
    "select id, kind, state, path, artist, title, album_id, files, snapshot, way from trash
    where state = 'removing' and id > $1 order by id limit 100";

impl Entry {
    /// The one with this id.
    pub async fn find(client: &impl Sql, id: i64) -> Result<Option<Self>> {
        client.maybe_row(FIND, &[&id]).await?.as_ref().map(Self::try_from).transpose()
    }

    /// The one that is being filled for this.
    pub(super) async fn filling(client: &impl Sql, subject: &str) -> Result<Option<Self>> {
        client.maybe_row(FILLING, &[&subject]).await?.as_ref().map(Self::try_from).transpose()
    }

    /// Some that are going for good, behind the one with this id.
    pub(super) async fn to_remove(client: &impl Sql, after: i64) -> Result<Vec<Self>> {
        client.rows(ALL_TO_REMOVE, &[&after]).await?.iter().map(Self::try_from).collect()
    }

    /// Bytes in its files.
    pub fn size_bytes(&self) -> u64 {
        self.files.iter().map(|f| f.size_bytes).sum()
    }
}

impl TryFrom<&Row> for Entry {
    type Error = Error;

    fn try_from(row: &Row) -> Result<Self> {
        let read =
            |error: serde_json::Error| anyhow::anyhow!("an entry of the trash cannot be read: {error}");
        let snapshot: Option<Value> = row.get("snapshot");
        let way: Option<Value> = row.get("way");
        Ok(Self {
            id: row.get("id"),
            kind: match row.get("kind") {
                "replaced" => Kind::Replaced,
                "deleted" => Kind::Deleted,
                _ => Kind::Duplicate,
            },
            state: match row.get("state") {
                "filling" => State::Filling,
                "kept" => State::Kept,
                "restoring" => State::Restoring,
                _ => State::Removing,
            },
            path: row.get("path"),
            artist: row.get("artist"),
            title: row.get("title"),
            album_id: row.get("album_id"),
            files: serde_json::from_value(row.get("files")).map_err(read)?,
            snapshot: snapshot.map(serde_json::from_value).transpose().map_err(read)?,
            way: way.map(serde_json::from_value).transpose().map_err(read)?,
        })
    }
}

// -- filling one

const BEGIN: &str = "with new as (select nextval(pg_get_serial_sequence('trash', 'id')) as id)
    insert into trash (id, kind, state, subject, path, artist, title, album_id, files, file_count, size_bytes, reason,
        trashed_by, expires_at)
    overriding system value
    select id, $1, 'filling', $2, '.trash/' || $1 || '/' || $3 || id, $4, $5, $6, $7, $8, $9, $10, $11,
        now() + make_interval(days => $12)
    from new returning id, path";
const SET_FILES: &str =
    "update trash set files = $2, file_count = $3, size_bytes = $4 where id = $1 and state = 'filling'";
const KEEP: &str = "update trash set state = 'kept', subject = null, snapshot = $2, trashed_at = now(),
        expires_at = now() + make_interval(days => $3)
    where id = $1 and state = 'filling'";

/// What is about to be put into the trash by a job of this room.
#[derive(Debug)]
pub(super) struct Beginning<'a> {
    /// What for, as the row's `subject`.
    pub subject: &'a str,
    /// The start of the folder's name.
    pub prefix: &'a str,
    pub kind: Kind,
    pub artist: Option<&'a str>,
    pub title: &'a str,
    pub album_id: Option<i64>,
    pub files: &'a [File],
    pub reason: &'a str,
    pub trashed_by: Option<i64>,
}

/// Writes down what will be put into the trash before the first file moves; id and folder.
pub(super) async fn begin(app: &App, tx: &impl Sql, new: &Beginning<'_>) -> Result<(i64, String)> {
    let (files, count, size) = columns(new.files)?;
    let row = tx
        .row(
            BEGIN,
            &[
                &new.kind.name(),
                &new.subject,
                &new.prefix,
                &new.artist,
                &new.title,
                &new.album_id,
                &files,
                &count,
                &size,
                &new.reason,
                &new.trashed_by,
                &keep_days(app),
            ],
        )
        .await?;
    Ok((row.get(0), row.get(1)))
}

/// More files than were planned, or their rows as they are now.
pub(super) async fn set_files(tx: &impl Sql, id: i64, files: &[File]) -> Result<()> {
    let (files, count, size) = columns(files)?;
    tx.run(SET_FILES, &[&id, &files, &count, &size]).await?;
    Ok(())
}

/// All of it is in the trash now; its time begins.
pub(super) async fn keep(app: &App, tx: &impl Sql, id: i64, snapshot: Option<&Deleted>) -> Result<()> {
    let snapshot = snapshot.map(serde_json::to_value).transpose().map_err(anyhow::Error::from)?;
    tx.run(KEEP, &[&id, &snapshot, &keep_days(app)]).await?;
    Ok(())
}

fn columns(files: &[File]) -> Result<(Value, i32, i64)> {
    let size_bytes: u64 = files.iter().map(|f| f.size_bytes).sum();
    Ok((
        serde_json::to_value(files).map_err(anyhow::Error::from)?,
        i32::try_from(files.len()).unwrap_or(i32::MAX),
        i64::try_from(size_bytes).unwrap_or(i64::MAX),
    ))
}

fn keep_days(app: &App) -> i32 {
    i32::try_from(app.settings.trash.keep_days).unwrap_or(i32::MAX)
}

// -- on the way back, and out

const SET_WAY: &str = "update trash set way = $2 where id = $1 and state = 'restoring'";
const LEAVE: &str = "delete from trash where id = $1";
const LEAVE_REST: &str =
    "update trash set state = 'kept', way = null, files = $2, file_count = $3, size_bytes = $4 where id = $1";
const KEEP_AGAIN: &str = "update trash set state = 'kept', way = null where id = $1 and state = 'restoring'";

/// Where each file will go back to, before the first one moves.
pub(super) async fn set_way(tx: &impl Sql, id: i64, way: &Way) -> Result<()> {
    tx.run(SET_WAY, &[&id, &serde_json::to_value(way).map_err(anyhow::Error::from)?]).await?;
    Ok(())
}

/// It is in the trash no more.
pub(super) async fn leave(tx: &impl Sql, id: i64) -> Result<()> {
    tx.run(LEAVE, &[&id]).await?;
    Ok(())
}

/// Only these files are in the trash still.
pub(super) async fn leave_rest(tx: &impl Sql, id: i64, rest: &[File]) -> Result<()> {
    let (files, count, size) = columns(rest)?;
    tx.run(LEAVE_REST, &[&id, &files, &count, &size]).await?;
    Ok(())
}

/// It cannot be restored now, and no file has moved.
pub(super) async fn keep_again(tx: &impl Sql, id: i64) -> Result<()> {
    tx.run(KEEP_AGAIN, &[&id]).await?;
    Ok(())
}
