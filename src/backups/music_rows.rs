//! The rows of the music's backups: each run, and which file was copied as what.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::config::Settings;
use crate::db::Sql;
use crate::error::Result;
use crate::integrations::restic::{Progress, Snapshot};

/// How the backup of the music is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MusicState {
    /// The repository's address; none: the music is not backed up from here.
    pub repository: Option<String>,
    /// The last try; none: not tried yet.
    pub last: Option<MusicRun>,
    /// When one last came to its end.
    pub last_complete_at: Option<Timestamp>,
    /// The last look at the repository.
    pub last_verified: Option<MusicRun>,
    /// Whether none has come to its end for more than two periods, in a house that is older than that.
    pub is_overdue: bool,
}

/// A backup of the music, or a look at its repository.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct MusicRun {
    /// Its row.
    pub id: i64,
    /// `running`, `complete` or `failed`.
    pub state: String,
    /// What restic calls what was made.
    pub snapshot: Option<String>,
    /// How far it is: `files_done`, `total_files`, `bytes_done`, `total_bytes`.
    pub progress: Option<Value>,
    /// Files in it.
    pub files: Option<i64>,
    /// Bytes that the repository grew by.
    pub bytes_added: Option<i64>,
    /// Files that were not backed up over their last good copy, since somebody else has changed them.
    pub held_back: Option<i64>,
    /// Why it failed.
    pub error: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

const NEWEST: &str =
    "select id, state, snapshot, progress, files, bytes_added, held_back, error, started_at, finished_at
    from music_backup where kind = $1 order by started_at desc, id desc limit 1";
const LAST_COMPLETE: &str = "select max(finished_at),
        greatest(max(finished_at), (select created_at from library)) < now() - make_interval(days => $1)
    from music_backup where kind = 'backup' and state = 'complete'";
const BEGIN: &str = "with interrupted as (
        update music_backup set state = 'failed', error = 'It was interrupted.', finished_at = now()
        where state = 'running')
    insert into music_backup (kind) values ($1) returning id";
const PROGRESS: &str = "update music_backup set progress = $2 where id = $1";
const COMPLETE: &str =
    "update music_backup set state = 'complete', repository = $2, snapshot = $3, files = $4,
        bytes_added = $5, held_back = $6, finished_at = now()
    where id = $1";
const FAILED: &str =
    "update music_backup set state = 'failed', error = $2, finished_at = now() where id = $1";
const PARENT: &str = "select snapshot from music_backup
    where kind = 'backup' and state = 'complete' and repository = $1 order by finished_at desc limit 1";
const FORGET_COPIES: &str = "delete from music_copy";
const FILES: &str =
    "select t.id, t.path, t.size_bytes, t.modified_at, t.checksum, t.essence, c.size_bytes, c.modified_at
    from track t left join music_copy c on c.path = t.path where t.missing_since is null order by t.path";
const COPIED: &str = "insert into music_copy (path, repository, snapshot, size_bytes, modified_at, essence)
    select n.path, $1, $2, n.size_bytes, n.modified_at, n.essence
    from unnest($3::text[], $4::bigint[], $5::timestamptz[], $6::text[]) n (path, size_bytes, modified_at, essence)
    on conflict on constraint music_copy_pk do update
    set repository = excluded.repository, snapshot = excluded.snapshot, size_bytes = excluded.size_bytes,
        modified_at = excluded.modified_at, essence = excluded.essence, copied_at = now()";
// What a snapshot lacks is read anew when it comes back, so it has to be held against its row, whatever its time.
const ARE_ALL: &str = "update music_copy c set modified_at = 'epoch'
    where modified_at > 'epoch' and not exists (select from unnest($1::text[]) n (path) where n.path = c.path)";

/// A track's file: what its row says, and what the repository has of it.
pub(super) struct File {
    pub track_id: i64,
    pub path: String,
    pub size_bytes: i64,
    pub modified_us: i64,
    /// None: it was not read yet.
    pub checksum: Option<Vec<u8>>,
    pub essence: Option<String>,
    /// Size and time of its copy, in microseconds.
    pub copied: Option<(i64, i64)>,
}

/// A file that a snapshot holds.
pub(super) struct Copied {
    pub path: String,
    pub size_bytes: i64,
    pub modified_us: i64,
    pub essence: Option<String>,
}

/// How it is.
pub async fn music_state(client: &impl Sql, settings: &Settings) -> Result<MusicState> {
    let repository = Some(settings.backup.music_repository.clone()).filter(|text| !text.is_empty());
    let days: i32 = if settings.backup.music_every == "day" { 3 } else { 15 };
    let row = client.row(LAST_COMPLETE, &[&days]).await?;
    Ok(MusicState {
        is_overdue: repository.is_some() && row.get::<_, Option<bool>>(1) == Some(true),
        repository,
        last: newest(client, "backup").await?,
        last_complete_at: row.get(0),
        last_verified: newest(client, "verify").await?,
    })
}

async fn newest(client: &impl Sql, kind: &str) -> Result<Option<MusicRun>> {
    let row = client.maybe_row(NEWEST, &[&kind]).await?;
    Ok(row.map(|row| MusicRun {
        id: row.get(0),
        state: row.get(1),
        snapshot: row.get(2),
        progress: row.get(3),
        files: row.get(4),
        bytes_added: row.get(5),
        held_back: row.get(6),
        error: row.get(7),
        started_at: row.get(8),
        finished_at: row.get(9),
    }))
}

/// A row. Whoever has the lock knows that what still runs, runs no more.
pub(super) async fn begin(client: &impl Sql, kind: &str) -> Result<i64> {
    Ok(client.row(BEGIN, &[&kind]).await?.get(0))
}

pub(super) async fn progress(client: &impl Sql, id: i64, at: Progress) -> Result<()> {
    let progress = json!({
        "files_done": at.files_done, "total_files": at.total_files,
        "bytes_done": at.bytes_done, "total_bytes": at.total_bytes,
    });
    client.run(PROGRESS, &[&id, &progress]).await?;
    Ok(())
}

/// It came to its end; a look at the repository has made no snapshot.
pub(super) async fn complete(
    client: &impl Sql,
    id: i64,
    repository: &str,
    made: Option<&Snapshot>,
    held_back: usize,
) -> Result<()> {
    let snapshot = made.map(|s| s.id.as_str());
    let (files, bytes) = (made.map(|s| s.files as i64), made.map(|s| s.bytes_added as i64));
    client.run(COMPLETE, &[&id, &repository, &snapshot, &files, &bytes, &(held_back as i64)]).await?;
    Ok(())
}

pub(super) async fn failed(client: &impl Sql, id: i64, error: &str) -> Result<()> {
    client.run(FAILED, &[&id, &error]).await?;
    Ok(())
}

/// The newest snapshot in this repository that came to its end.
pub(super) async fn parent(client: &impl Sql, repository: &str) -> Result<Option<String>> {
    Ok(client.maybe_row(PARENT, &[&repository]).await?.map(|row| row.get(0)))
}

/// Nothing is known to be copied: the repository is another, or has lost what it had.
pub(super) async fn forget_copies(client: &impl Sql) -> Result<()> {
    client.run(FORGET_COPIES, &[]).await?;
    Ok(())
}

pub(super) async fn files(client: &impl Sql) -> Result<Vec<File>> {
    let us = |at: Timestamp| at.as_microsecond();
    let rows = client.rows(FILES, &[]).await?;
    let files = rows.iter().map(|row| File {
        track_id: row.get(0),
        path: row.get(1),
        size_bytes: row.get(2),
        modified_us: us(row.get(3)),
        checksum: row.get(4),
        essence: row.get(5),
        copied: row.get::<_, Option<i64>>(6).zip(row.get::<_, Option<Timestamp>>(7).map(us)),
    });
    Ok(files.collect())
}

/// These are in this snapshot.
pub(super) async fn copied(
    client: &impl Sql,
    repository: &str,
    snapshot: &str,
    files: &[Copied],
) -> Result<()> {
    let paths: Vec<&str> = files.iter().map(|f| f.path.as_str()).collect();
    let sizes: Vec<i64> = files.iter().map(|f| f.size_bytes).collect();
    let time = |us: i64| Timestamp::from_microsecond(us).unwrap_or(Timestamp::UNIX_EPOCH);
    let times: Vec<Timestamp> = files.iter().map(|f| time(f.modified_us)).collect();
    let essences: Vec<Option<&str>> = files.iter().map(|f| f.essence.as_deref()).collect();
    client.run(COPIED, &[&repository, &snapshot, &paths, &sizes, &times, &essences]).await?;
    Ok(())
}

/// The newest snapshot holds these and no others.
pub(super) async fn are_all(client: &impl Sql, unchanged: &[String], good: &[Copied]) -> Result<()> {
    let unchanged = unchanged.iter().map(String::as_str);
    let paths: Vec<&str> = unchanged.chain(good.iter().map(|f| f.path.as_str())).collect();
    client.run(ARE_ALL, &[&paths]).await?;
    Ok(())
}
