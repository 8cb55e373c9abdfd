//! The restore drill: the newest backup, restored for real into a scratch database, counted and held against the files;
//! then the scratch database is emptied again.
//!
//! That database is made beside ours by whoever made ours (`packaging/provision.sql`), empty and ours: the alternative, a
//! role that may create databases, would give the same right to every process of Barbossa, for one command a week.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::file::{self, Found};
use super::make::Purpose;
use super::record;
use super::scratch::{self, Restored};
use super::snapshot::connect;
use super::tools::Tools;
use super::verify::{self, Whole};
use crate::app::App;
use crate::audio;
use crate::db::Db;
use crate::error::{Error, Result};
use crate::files;

/// What the scratch database's name ends with.
const SUFFIX: &str = "_drill";
/// Held in the scratch database: one drill at a time.
const LOCK: i64 = 0x64_7269_6c6c;
/// How many tracks' audio is read.
const SAMPLE: i64 = 20;

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DrillStep {
    /// The backup is read to its end.
    Reading,
    /// It is restored.
    Restoring,
    /// Files are held against the restored rows.
    Listening,
}

/// A backup that was restored.
#[derive(Debug, Clone)]
pub struct Drilled {
    /// Which.
    pub backup: Found,
    /// The rows that it brought.
    pub rows: i64,
    /// Tracks whose audio was read and found to be what the restored rows say.
    pub files_checked: i32,
    /// How long it took.
    pub took: Duration,
}

/// Restores the newest backup into the scratch database, holds it against its manifest and against the files, and writes
/// down how that went.
///
/// # Errors
/// `NotFound` when there is no backup, `Conflict` while another drill runs; else why the backup is none.
pub async fn drill(app: &App, tools: Option<Tools>, tell: impl Fn(DrillStep)) -> Result<Drilled> {
    let started = Instant::now();
    let found = file::on_disk(&app.settings.backup_dir)?;
    let routine = found.iter().find(|b| b.purpose == Purpose::Routine);
    let backup = routine.or(found.first()).cloned();
    let backup = backup.ok_or(Error::NotFound("There is no backup yet: systemctl start barbossa-backup"))?;
    let (db, client) = open(app).await?;
    if !client.query_one("select pg_try_advisory_lock($1)", &[&LOCK]).await?.get::<_, bool>(0) {
        return Err(Error::Conflict("Another restore drill is running.".into()));
    }
    let row = record::begin_drill(&app.db.get().await?, &backup.name).await?;
    let tried = attempt(app, &backup, &db, &client, tools, &tell).await;
    let emptied = scratch::empty(&client).await;
    let took = started.elapsed();
    let noted = app.db.get().await?;
    match tried.and_then(|proof| emptied.map(|()| proof)) {
        Ok((whole, restored, files_checked)) => {
            let rows = restored.rows();
            record::proven(&noted, row, &backup, &whole, (rows, files_checked, took)).await?;
            Ok(Drilled { backup, rows, files_checked, took })
        }
        Err(error) => {
            let error = error.context(format!("{} was not restored", backup.name));
            record::drill_failed(&noted, row, &format!("{error:#}")).await?;
            Err(error.into())
        }
    }
}

async fn attempt(
    app: &App,
    backup: &Found,
    db: &Db,
    client: &Client,
    tools: Option<Tools>,
    tell: &impl Fn(DrillStep),
) -> anyhow::Result<(Whole, Restored, i32)> {
    let server = record::server_major(&app.db.get().await?).await?;
    let tools = tools.unwrap_or_else(|| Tools::for_server(server));
    tell(DrillStep::Reading);
    let whole = verify::check(backup, &tools).await?;
    tell(DrillStep::Restoring);
    scratch::empty(client).await?;
    let restored = scratch::restore(db, &whole, &tools).await?;
    tell(DrillStep::Listening);
    let files_checked = listen(app, client).await?;
    Ok((whole, restored, files_checked))
}

/// The scratch database, and a connection to it that is not the pool's.
async fn open(app: &App) -> Result<(Db, Client)> {
    let config = app.db.config();
    let live = config.get_dbname().context("database_url names no database")?;
    let name = format!("{live}{SUFFIX}");
    let db = app.db.beside(&name, 2)?;
    let error = match connect(db.config()).await {
        Ok((client, _driver)) => return Ok((db, client)),
        Err(error) => error,
    };
    let code = error.chain().find_map(|e| e.downcast_ref::<tokio_postgres::Error>()?.code());
    if code != Some(&SqlState::INVALID_CATALOG_NAME) {
        return Err(error.into());
    }
    // A role of someone else's making may be allowed to.
    let quoted = name.replace('"', "\"\"");
    let create = format!("create database \"{quoted}\" template template0 encoding 'UTF8'");
    if app.db.get().await?.batch_execute(&create).await.is_err() {
        let user = config.get_user().unwrap_or("barbossa");
        return Err(anyhow!(
            "there is no database {name} to restore into: systemctl start barbossa-provision makes it here; \
             elsewhere: create database {name} owner {user}"
        )
        .into());
    }
    let (client, _driver) = connect(db.config()).await?;
    Ok((db, client))
}

/// Reads the audio of some tracks that the backup and the running database know alike, and compares; how many.
async fn listen(app: &App, restored: &Client) -> anyhow::Result<i32> {
    if !matches!(files::read_marker(app.music()), Ok(Some(_))) {
        return Ok(0);
    }
    let sample = "select path, essence from track where essence is not null order by random() limit $1";
    let mut known: Vec<(String, PathBuf, String)> = Vec::new();
    let live = app.db.get().await?;
    for row in restored.query(sample, &[&SAMPLE]).await? {
        let (path, essence): (String, String) = (row.get(0), row.get(1));
        if record::is_still_known(&live, &path, &essence).await? {
            known.push((path.clone(), app.music().join(files::text_to_path(&path)), essence));
        }
    }
    drop(live);
    let heard = tokio::task::spawn_blocking(move || {
        for (path, file, essence) in &known {
            let found = audio::checksum_and_essence(file);
            let found = found.with_context(|| format!("{path} cannot be read: barbossa integrity list"))?;
            if found.essence != *essence {
                bail!("{path} does not hold the sound that the backup knows: barbossa integrity list");
            }
        }
        Ok(known.len() as i32)
    });
    heard.await.context("reading the files")?
}
