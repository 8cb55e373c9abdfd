//! The migrations and their runner: one advisory lock, one transaction each, a hash of each file.
//!
//! Migrations only ever add (expand, then contract in a later release), since the old version serves while they run.

use std::collections::HashMap;

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};
use tokio_postgres::{Client, NoTls};

use super::Db;

/// Two runners at once would be harmless but for this: the second waits and finds nothing to do.
const LOCK: i64 = 0x6261_7262_6f73_7361; // "barbossa"

/// One step of the schema.
#[derive(Debug, Clone, Copy)]
pub struct Migration {
    /// Counts from 1 without gaps.
    pub version: i32,
    /// The file's name without number and ending.
    pub name: &'static str,
    sql: &'static str,
}

/// What the runner tells while it works.
#[derive(Debug, Clone, Copy)]
pub enum Progress {
    /// Another runner holds the lock.
    Waiting,
    /// This one begins.
    Applying(Migration),
    /// This one is committed.
    Applied(Migration),
}

/// All of them, in order.
pub const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        name: "people_and_work",
        sql: include_str!("migrations/0001_people_and_work.sql"),
    },
    Migration { version: 2, name: "library", sql: include_str!("migrations/0002_library.sql") },
    Migration { version: 3, name: "trash", sql: include_str!("migrations/0003_trash.sql") },
    Migration { version: 4, name: "identification", sql: include_str!("migrations/0004_identification.sql") },
    Migration { version: 5, name: "imports", sql: include_str!("migrations/0005_imports.sql") },
    Migration { version: 6, name: "edits", sql: include_str!("migrations/0006_edits.sql") },
    Migration { version: 7, name: "integrity", sql: include_str!("migrations/0007_integrity.sql") },
    Migration { version: 8, name: "quick_essences", sql: include_str!("migrations/0008_quick_essences.sql") },
    Migration {
        version: 9,
        name: "access_and_metrics",
        sql: include_str!("migrations/0009_access_and_metrics.sql"),
    },
    Migration { version: 10, name: "exports", sql: include_str!("migrations/0010_exports.sql") },
    Migration { version: 11, name: "totals", sql: include_str!("migrations/0011_totals.sql") },
    Migration { version: 12, name: "backups", sql: include_str!("migrations/0012_backups.sql") },
    Migration { version: 13, name: "disk_space", sql: include_str!("migrations/0013_disk_space.sql") },
    Migration { version: 14, name: "downloads", sql: include_str!("migrations/0014_downloads.sql") },
    Migration { version: 15, name: "shelves", sql: include_str!("migrations/0015_shelves.sql") },
    Migration { version: 16, name: "services", sql: include_str!("migrations/0016_services.sql") },
    Migration { version: 17, name: "uploads", sql: include_str!("migrations/0017_uploads.sql") },
    Migration { version: 18, name: "queue_pause", sql: include_str!("migrations/0018_queue_pause.sql") },
    Migration { version: 19, name: "places", sql: include_str!("migrations/0019_places.sql") },
    Migration { version: 20, name: "backup_copies", sql: include_str!("migrations/0020_backup_copies.sql") },
    Migration {
        version: 21,
        name: "quick_essences_still",
        sql: include_str!("migrations/0021_quick_essences_still.sql"),
    },
    Migration { version: 22, name: "pages", sql: include_str!("migrations/0022_pages.sql") },
    Migration { version: 23, name: "clock", sql: include_str!("migrations/0023_clock.sql") },
    Migration {
        version: 24,
        name: "integrity_count",
        sql: include_str!("migrations/0024_integrity_count.sql"),
    },
    Migration {
        version: 25,
        name: "pages_of_years",
        sql: include_str!("migrations/0025_pages_of_years.sql"),
    },
    Migration { version: 26, name: "fillings", sql: include_str!("migrations/0026_fillings.sql") },
    Migration { version: 27, name: "pace", sql: include_str!("migrations/0027_pace.sql") },
];

/// The version of the schema that this program was built for.
pub fn latest_version() -> i32 {
    MIGRATIONS.last().map_or(0, |m| m.version)
}

/// The version of the schema in the database; 0 for an empty one.
pub async fn current_version(client: &impl deadpool_postgres::GenericClient) -> crate::error::Result<i32> {
    let there = client.query_one("select to_regclass('schema_migration') is not null", &[]).await?;
    if !there.get::<_, bool>(0) {
        return Ok(0);
    }
    let row = client.query_one("select coalesce(max(version), 0) from schema_migration", &[]).await?;
    Ok(row.get(0))
}

/// Brings the schema to `latest_version()`; how many steps that took.
///
/// # Errors
/// When PostgreSQL is away, a step fails (nothing of that step stays), a file that was applied earlier has changed
/// since, or the database is newer than this program.
pub async fn migrate(db: &Db, tell: impl Fn(Progress)) -> anyhow::Result<usize> {
    let (mut client, connection) = db.config().connect(NoTls).await.context("cannot reach PostgreSQL")?;
    let driver = tokio::spawn(connection);
    let result = run(&mut client, &tell).await;
    drop(client);
    driver.abort();
    result
}

async fn run(client: &mut Client, tell: &impl Fn(Progress)) -> anyhow::Result<usize> {
    client.batch_execute("set statement_timeout = 0; set lock_timeout = '30s'").await?;
    let free: bool = client.query_one("select pg_try_advisory_lock($1)", &[&LOCK]).await?.get(0);
    if !free {
        tell(Progress::Waiting);
        client.batch_execute("set lock_timeout = 0").await?;
        client.execute("select pg_advisory_lock($1)", &[&LOCK]).await?;
        client.batch_execute("set lock_timeout = '30s'").await?;
    }
    let applied = applied(client).await?;
    let mut count = 0;
    for migration in MIGRATIONS {
        let sha256 = Sha256::digest(migration.sql.as_bytes()).to_vec();
        match applied.get(&migration.version) {
            Some(there) if *there == sha256 => continue,
            Some(_) => bail!(
                "migration {} ({}) was applied with another text than this program has; \
                 a migration may never change once it was released",
                migration.version,
                migration.name
            ),
            None => {}
        }
        tell(Progress::Applying(*migration));
        apply(client, migration, &sha256).await?;
        tell(Progress::Applied(*migration));
        count += 1;
    }
    Ok(count)
}

async fn applied(client: &Client) -> anyhow::Result<HashMap<i32, Vec<u8>>> {
    client
        .batch_execute(
            "create table if not exists schema_migration (
                version    integer not null,
                name       text not null,
                sha256     bytea not null,
                applied_at timestamptz not null default now(),
                constraint schema_migration_pk primary key (version))",
        )
        .await?;
    let rows = client.query("select version, sha256 from schema_migration", &[]).await?;
    let applied: HashMap<i32, Vec<u8>> = rows.into_iter().map(|r| (r.get(0), r.get(1))).collect();
    if let Some(newest) = applied.keys().max().filter(|v| **v > latest_version()) {
        bail!(
            "the database has schema version {newest}, this program knows only {}: \
             install the newer version of barbossa again, or restore the backup made before the upgrade",
            latest_version()
        );
    }
    Ok(applied)
}

async fn apply(client: &mut Client, migration: &Migration, sha256: &[u8]) -> anyhow::Result<()> {
    let context = || format!("migration {} ({})", migration.version, migration.name);
    let tx = client.transaction().await?;
    tx.batch_execute(migration.sql).await.with_context(context)?;
    let record = "insert into schema_migration (version, name, sha256) values ($1, $2, $3)";
    tx.execute(record, &[&migration.version, &migration.name, &sha256]).await?;
    tx.commit().await.with_context(context)
}
