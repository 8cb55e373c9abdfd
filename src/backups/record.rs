//! The rows: which backups were made, and how each of them ended.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::file::Found;
use super::verify::Whole;
use crate::db::Sql;
use crate::error::Result;

/// One run.
#[derive(Debug, Clone, Serialize)]
pub struct Backup {
    /// Its row.
    pub id: i64,
    /// `running`, `verified`, `failed`.
    pub state: String,
    /// The folder.
    pub destination: String,
    /// Its folder; a dump in the backups of earlier versions.
    pub path: Option<String>,
    /// Its size.
    pub size_bytes: Option<i64>,
    /// Of its manifest, or of the dump; in hex.
    pub sha256: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
    /// What is not in it, and why; sentences.
    pub left_out: Vec<String>,
    /// When it was last read again from its first byte to its last.
    pub checked_at: Option<Timestamp>,
    /// What was wrong with it then.
    pub problem: Option<String>,
    /// When it was last restored beside the database and found whole.
    pub restored_at: Option<Timestamp>,
    /// When the retention let it go.
    pub removed_at: Option<Timestamp>,
}

/// What the rows know of a backup on disk.
pub(super) struct Known {
    pub id: i64,
    pub problem: Option<String>,
}

const LIST: &str =
    "select id, state, path, size_bytes, encode(sha256, 'hex'), error, started_at, finished_at,
        destination, left_out, checked_at, problem, restored_at, removed_at
    from backup order by started_at desc, id desc limit $1";
const HAS_HISTORY: &str = "select to_regclass('backup') is not null";
const VERSION: &str = "select current_setting('server_version_num')::int / 10000";
const BEGIN: &str = "insert into backup (destination) values ($1) returning id";
const FORGET_DEAD: &str =
    "update backup set state = 'failed', error = 'It was interrupted.', finished_at = now()
    where state = 'running' and destination = $1 and not exists (
        select from job where kind = 'backups.make_backup' and unique_key = backup.id::text
            and job.state in ('available', 'running'))";
const VERIFIED: &str =
    "update backup set state = 'verified', path = $2, size_bytes = $3, sha256 = $4, finished_at = now()
    where id = $1";
const LACKS: &str = "update backup set left_out = $2 where id = $1";
const BY_PATH: &str =
    "select distinct on (path) path, id, problem from backup where path is not null and state = 'verified'
    order by path, id desc";
const CHECKED: &str =
    "update backup set checked_at = now(), problem = $2 where path = $1 and state = 'verified'";
const ADOPT: &str =
    "insert into backup (destination, state, path, size_bytes, sha256, started_at, finished_at, checked_at)
    values ($1, 'verified', $2, $3, $4, $5, $5, now())";
const BEGIN_DRILL: &str = "with interrupted as (
        update restore_drill set state = 'failed', error = 'It was interrupted.', finished_at = now()
        where state = 'running')
    insert into restore_drill (name) values ($1) returning id";
const DRILL_FAILED: &str =
    "update restore_drill set state = 'failed', error = $2, finished_at = now() where id = $1";
const PROVEN: &str = "update restore_drill set state = 'proven', rows_restored = $2, files_checked = $3,
        took_ms = $4, finished_at = now()
    where id = $1";
const RESTORED: &str = "update backup set restored_at = now() where path = $1 and state = 'verified'";
const STILL_KNOWN: &str = "select exists (select from track t where path = $1 and essence = $2
    and not exists (select from damage d where d.track_id = t.id and d.ended_at is null))";
const PROOF: &str = "select (select max(finished_at) from restore_drill where state = 'proven'),
        l.created_at < now() - interval '9 days'
            and not exists (select from restore_drill where state = 'proven' and finished_at > now() - interval '9 days'),
        d.name, d.state, d.error, d.rows_restored, d.files_checked, d.took_ms, d.started_at, d.finished_at
    from library l left join lateral (select * from restore_drill order by started_at desc, id desc limit 1) d on true";
const REMOVED: &str = "update backup set removed_at = now() where path = $1 and removed_at is null";
const FAILED: &str = "update backup set state = 'failed', error = $2, finished_at = now() where id = $1";

/// The newest runs first.
pub async fn list(client: &impl Sql, limit: i64) -> Result<Vec<Backup>> {
    let rows = client.rows(LIST, &[&limit]).await?;
    let backups = rows.iter().map(|row| Backup {
        id: row.get(0),
        state: row.get(1),
        path: row.get(2),
        size_bytes: row.get(3),
        sha256: row.get(4),
        error: row.get(5),
        started_at: row.get(6),
        finished_at: row.get(7),
        destination: row.get(8),
        left_out: row.get(9),
        checked_at: row.get(10),
        problem: row.get(11),
        restored_at: row.get(12),
        removed_at: row.get(13),
    });
    Ok(backups.collect())
}

/// Whether there is a table to write in yet.
pub(super) async fn has_history(client: &impl Sql) -> Result<bool> {
    Ok(client.row(HAS_HISTORY, &[]).await?.get(0))
}

/// PostgreSQL's major version.
pub(super) async fn server_major(client: &impl Sql) -> Result<u32> {
    Ok(client.row(VERSION, &[]).await?.get::<_, i32>(0).unsigned_abs())
}

/// A row for one that was asked for and will be made soon.
pub(super) async fn ask(client: &impl Sql, destination: &str) -> Result<i64> {
    Ok(client.row(BEGIN, &[&destination]).await?.get(0))
}

/// A new row. Whoever has the folder's lock knows that what still runs there, runs no more.
pub(super) async fn begin(client: &impl Sql, destination: &str) -> Result<i64> {
    client.run(FORGET_DEAD, &[&destination]).await?;
    Ok(client.row(BEGIN, &[&destination]).await?.get(0))
}

pub(super) async fn verified(client: &impl Sql, id: i64, path: &str, size: u64, sha256: &[u8]) -> Result<()> {
    client.run(VERIFIED, &[&id, &path, &(size as i64), &sha256]).await?;
    Ok(())
}

pub(super) async fn failed(client: &impl Sql, id: i64, error: &str) -> Result<()> {
    client.run(FAILED, &[&id, &error]).await?;
    Ok(())
}

/// What is not in it.
pub(super) async fn lacks(client: &impl Sql, id: i64, left_out: &[String]) -> Result<()> {
    client.run(LACKS, &[&id, &left_out]).await?;
    Ok(())
}

/// What is known of those that lie on disk, by their paths.
pub(super) async fn by_path(client: &impl Sql) -> Result<HashMap<String, Known>> {
    let rows = client.rows(BY_PATH, &[]).await?;
    Ok(rows.iter().map(|row| (row.get(0), Known { id: row.get(1), problem: row.get(2) })).collect())
}

/// What a look at one found. One that is whole and has no row, since it is older than this database, gets one.
pub(super) async fn checked(
    client: &impl Sql,
    backup: &Found,
    whole: Option<&Whole>,
    problem: Option<&str>,
) -> Result<()> {
    let path = backup.path.display().to_string();
    let known = client.run(CHECKED, &[&path, &problem]).await?;
    if let (0, Some(whole)) = (known, whole) {
        let destination = backup.path.parent().map(|dir| dir.display().to_string()).unwrap_or_default();
        let (size, sha256) = (whole.size_bytes as i64, whole.sha256.as_slice());
        client.run(ADOPT, &[&destination, &path, &size, &sha256, &backup.made_at]).await?;
    }
    Ok(())
}

/// It was let go.
pub(super) async fn removed(client: &impl Sql, path: &str) -> Result<()> {
    client.run(REMOVED, &[&path]).await?;
    Ok(())
}

// -- restored

/// A try to restore one.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Drill {
    /// The backup's name.
    pub name: String,
    /// `running`, `proven` or `failed`.
    pub state: String,
    /// Why it failed.
    pub error: Option<String>,
    /// The rows that came back.
    pub rows_restored: Option<i64>,
    /// Tracks whose audio was read and held against the restored rows.
    pub files_checked: Option<i32>,
    /// How long it took, in milliseconds.
    pub took_ms: Option<i64>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// What is known of whether backups can be restored.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Proof {
    /// When one was last restored and found whole.
    pub last_proven_restore: Option<Timestamp>,
    /// Whether that is longer than nine days ago, in a house that is older than that.
    pub is_overdue: bool,
    /// The last try.
    pub last_drill: Option<Drill>,
}

/// What is known of whether backups can be restored.
pub async fn proof(client: &impl Sql) -> Result<Proof> {
    let row = client.row(PROOF, &[]).await?;
    let drill = |name: String| Drill {
        name,
        state: row.get(3),
        error: row.get(4),
        rows_restored: row.get(5),
        files_checked: row.get(6),
        took_ms: row.get(7),
        started_at: row.get(8),
        finished_at: row.get(9),
    };
    let last_drill = row.get::<_, Option<String>>(2).map(drill);
    Ok(Proof { last_proven_restore: row.get(0), is_overdue: row.get(1), last_drill })
}

/// A row for a drill. Whoever has its lock knows that what still runs, runs no more.
pub(super) async fn begin_drill(client: &impl Sql, name: &str) -> Result<i64> {
    Ok(client.row(BEGIN_DRILL, &[&name]).await?.get(0))
}

pub(super) async fn drill_failed(client: &impl Sql, id: i64, error: &str) -> Result<()> {
    client.run(DRILL_FAILED, &[&id, &error]).await?;
    Ok(())
}

/// The backup was restored: so many rows, so many files held against them, in so long.
pub(super) async fn proven(
    client: &impl Sql,
    id: i64,
    backup: &Found,
    whole: &Whole,
    (rows, files_checked, took): (i64, i32, Duration),
) -> Result<()> {
    checked(client, backup, Some(whole), None).await?;
    client.run(RESTORED, &[&backup.path.display().to_string()]).await?;
    client.run(PROVEN, &[&id, &rows, &files_checked, &(took.as_millis() as i64)]).await?;
    Ok(())
}

/// Whether the running database has this track with this sound, and no damage to it is known.
pub(super) async fn is_still_known(client: &impl Sql, path: &str, essence: &str) -> Result<bool> {
    Ok(client.row(STILL_KNOWN, &[&path, &essence]).await?.get(0))
}
