//! The rows: which backups were made, and how each of them ended.

use jiff::Timestamp;
use serde::Serialize;

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
    /// The dump.
    pub path: Option<String>,
    /// Its size.
    pub size_bytes: Option<i64>,
    /// Its checksum, in hex.
    pub sha256: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

const LIST: &str =
    "select id, state, path, size_bytes, encode(sha256, 'hex'), error, started_at, finished_at,
        destination
    from backup order by started_at desc, id desc limit $1";
const TABLES: &str = "select tablename::text from pg_tables where schemaname = current_schema() order by 1";
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
    });
    Ok(backups.collect())
}

/// The names of our tables: what a dump has to hold.
pub(super) async fn tables(client: &impl Sql) -> Result<Vec<String>> {
    Ok(client.rows(TABLES, &[]).await?.iter().map(|row| row.get(0)).collect())
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
