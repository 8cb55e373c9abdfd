//! Makes one backup: the database as it is at one instant, what belongs to it, read back to the end, named, written down;
//! and then, and only then, lets old ones go.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use jiff::Timestamp;

use super::contents;
use super::file::{self, Folder, Unfinished};
use super::manifest::{self, About, Manifest};
use super::record;
use super::retention;
use super::snapshot::Snapshot;
use super::tools::{Connection, Tools};
use super::verify;
use crate::app::App;
use crate::db;
use crate::error::{Error, Result};
use crate::files;

/// Why it is made, which its name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `barbossa-TIME`: by the timer or by hand; with all that belongs to it.
    Routine,
    /// `before-migration-N-TIME`: of the schema as it was before step N; the database and the settings alone.
    BeforeMigration(i32),
}

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// What runs that were killed had left was removed: so many of them.
    Tidied(usize),
    /// So many bytes of the database are written.
    Dumping(u64),
    /// Settings, secrets, pictures and lyrics are added.
    Gathering,
    /// All of it is read to its end.
    Verifying,
    /// It is on its way to its name.
    Finishing,
    /// Old ones are let go.
    Pruning,
}

/// A backup.
#[derive(Debug, Clone)]
pub struct Made {
    /// Its folder.
    pub path: PathBuf,
    /// Of all that is in it.
    pub size_bytes: u64,
    /// The checksum of its manifest, which has those of all parts; in hex.
    pub sha256: String,
    /// How long it took.
    pub took: Duration,
    /// What is not in it, as sentences.
    pub left_out: Vec<String>,
    /// The names of those that the retention let go.
    pub removed: Vec<String>,
}

/// What lies in the folder now.
struct Lying {
    path: PathBuf,
    size_bytes: u64,
    sha256: [u8; 32],
    left_out: Vec<String>,
}

/// Makes one, in `backup_dir`. A run that fails or is dropped leaves nothing with a backup's name, and a row that says why.
///
/// # Errors
/// `Conflict` while another run is at it; `Database` when PostgreSQL is away; else what `pg_dump` or the disk said.
pub async fn run(app: &App, purpose: Purpose, tools: Option<Tools>, tell: impl Fn(Step)) -> Result<Made> {
    run_as(app, None, purpose, tools, tell).await
}

/// The same for a row that was made when it was asked for.
pub(super) async fn make_as(app: &App, id: i64) -> Result<Made> {
    run_as(app, Some(id), Purpose::Routine, None, |_| {}).await
}

async fn run_as(
    app: &App,
    asked: Option<i64>,
    purpose: Purpose,
    tools: Option<Tools>,
    tell: impl Fn(Step),
) -> Result<Made> {
    let started = Instant::now();
    let dir = &app.settings.backup_dir;
    let client = app.db.get().await?;
    let folder = Folder::lock(dir)
        .with_context(|| format!("cannot use {}", dir.display()))?
        .ok_or_else(|| Error::Conflict(format!("Another backup into {} is running.", dir.display())))?;
    let leftovers = folder.remove_leftovers()?;
    if leftovers > 0 {
        tell(Step::Tidied(leftovers));
    }
    // Before the first migrations there is no table to write it down in.
    let id = match asked {
        Some(id) => Some(id),
        None if record::has_history(&client).await? => {
            Some(record::begin(&client, &dir.display().to_string()).await?)
        }
        None => None,
    };
    let server = record::server_major(&client).await?;
    let tools = tools.unwrap_or_else(|| Tools::for_server(server));
    // A dump may take an hour, in which the connection would be idle.
    drop(client);
    let made = make(app, &folder, purpose, &tools, server, &tell).await;
    note(app, id, purpose, &made).await;
    let Lying { path, size_bytes, sha256, left_out } = made?;
    let removed = match purpose {
        Purpose::Routine => {
            tell(Step::Pruning);
            prune(app, &folder).await
        }
        Purpose::BeforeMigration(_) => Vec::new(),
    };
    Ok(Made { path, size_bytes, sha256: file::hex(&sha256), took: started.elapsed(), left_out, removed })
}

async fn make(
    app: &App,
    folder: &Folder,
    purpose: Purpose,
    tools: &Tools,
    server: u32,
    tell: &impl Fn(Step),
) -> Result<Lying> {
    let earlier = file::on_disk(&app.settings.backup_dir)?.into_iter().find(|b| !b.is_single_file);
    require_space(&app.settings.backup_dir, earlier.as_ref().map(|b| b.path.as_path()))?;
    let (made, made_at) = begin(app, folder, purpose).await?;
    let snapshot = Snapshot::take(app.db.config()).await?;
    let tables = snapshot.counts().await?;
    let schema = db::current_version(&app.db.get().await?).await?;
    let library = snapshot.library().await?;
    let beside = match purpose {
        Purpose::Routine => Some(snapshot.pictures_and_tracks().await?),
        Purpose::BeforeMigration(_) => None,
    };
    let connection = Connection::new(app.db.config())?;
    let dump = made.path().join(manifest::DUMP);
    fill(&dump, tools, &connection, &snapshot, tell).await?;
    drop(snapshot);
    tell(Step::Gathering);
    let settings = app.settings.clone();
    let about = About { schema, postgresql: server, made_at, library, tables, left_out: Vec::new() };
    let gathered = tokio::task::spawn_blocking(move || {
        let about = match beside {
            Some(beside) => gather(made.path(), &settings, &beside, earlier.map(|b| b.path), about)?,
            None => {
                contents::put_settings(made.path(), &settings)?;
                about
            }
        };
        let manifest = Manifest::of(made.path(), about)?;
        anyhow::Ok((made, manifest))
    });
    tell(Step::Verifying);
    let (made, manifest) = gathered.await.context("gathering")??;
    verify::dump(&made.path().join(manifest::DUMP), tools, manifest.tables.keys()).await?;
    tell(Step::Finishing);
    manifest.write(made.path())?;
    let (_, sha256) = file::sum(&made.path().join(manifest::NAME))?;
    let path = folder.finish(made)?;
    Ok(Lying { path, size_bytes: manifest.size_bytes(), sha256, left_out: manifest.left_out })
}

fn gather(
    folder: &Path,
    settings: &crate::config::Settings,
    beside: &(Vec<String>, Vec<String>),
    earlier: Option<PathBuf>,
    mut about: About,
) -> anyhow::Result<About> {
    contents::put_settings(folder, settings)?;
    about.left_out.extend(contents::put_secrets(folder, settings)?);
    let left_out = contents::put_beside(folder, &settings.music_path, beside, earlier.as_deref())?;
    about.left_out.extend(left_out);
    Ok(about)
}

/// Room for as much as the last one took: better to say so now than after an hour.
fn require_space(dir: &Path, earlier: Option<&Path>) -> Result<()> {
    let dump = earlier.and_then(|path| path.join(manifest::DUMP).metadata().ok());
    let needed = dump.map_or(0, |dump| dump.len());
    let free = files::free_bytes(dir)?;
    if free < needed {
        let message = format!(
            "{} has {} MiB left, and the last backup of the database took {} MiB",
            dir.display(),
            free >> 20,
            needed >> 20
        );
        return Err(anyhow!(message).into());
    }
    Ok(())
}

/// An empty folder whose name is free. Names count seconds, so two runs within one take turns.
async fn begin(app: &App, folder: &Folder, purpose: Purpose) -> Result<(Unfinished, Timestamp)> {
    for _ in 0..3 {
        let now = app.clock.now();
        let name = file::name(purpose, now);
        if !folder.has(&name) {
            return Ok((folder.begin(&name)?, now));
        }
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }
    Err(anyhow!("the clock stands still: each name for a backup is taken").into())
}

async fn fill(
    dump: &Path,
    tools: &Tools,
    connection: &Connection,
    snapshot: &Snapshot,
    tell: &impl Fn(Step),
) -> Result<()> {
    let file = file::create(dump)?;
    files::may_fail("write", dump)?;
    let mut ended = std::pin::pin!(tools.dump(connection, &snapshot.id).stdout_to(file.try_clone()?).run());
    let mut look = tokio::time::interval(Duration::from_millis(250));
    loop {
        tokio::select! {
            ended = &mut ended => {
                ended.map_err(anyhow::Error::from)?;
                files::may_fail("fsync", dump)?;
                return Ok(tokio::task::spawn_blocking(move || file.sync_all()).await.context("flushing")??);
            }
            _ = look.tick() => tell(Step::Dumping(file.metadata()?.len())),
        }
    }
}

async fn note(app: &App, id: Option<i64>, purpose: Purpose, made: &Result<Lying>) {
    let Some(id) = id else { return };
    let noted = async {
        let client = app.db.get().await?;
        match made {
            Ok(made) => {
                let path = made.path.display().to_string();
                record::verified(&client, id, &path, made.size_bytes, &made.sha256).await?;
                if purpose == Purpose::Routine {
                    // Before a migration the schema may be one that has no place for it.
                    record::lacks(&client, id, &made.left_out).await?;
                }
                Ok(())
            }
            Err(error) => record::failed(&client, id, &error.to_string()).await,
        }
    };
    if let Err(error) = noted.await {
        // The files are the truth; the next run sees that this row's run has ended.
        let error: &crate::error::Error = &error;
        tracing::warn!(error = error as &dyn std::error::Error, "the backup could not be written down");
    }
}

/// Lets go what the retention lets go; the names. A backup was made, whatever becomes of the old ones.
async fn prune(app: &App, folder: &Folder) -> Vec<String> {
    match let_go(app, folder).await {
        Ok(removed) => removed,
        Err(error) => {
            tracing::warn!(error = &error as &dyn std::error::Error, "old backups could not be removed");
            Vec::new()
        }
    }
}

async fn let_go(app: &App, folder: &Folder) -> Result<Vec<String>> {
    let client = app.db.get().await?;
    let known = record::by_path(&client).await?;
    let found = file::on_disk(&app.settings.backup_dir)?;
    let candidates: Vec<_> = found
        .iter()
        .map(|backup| {
            let row = known.get(&backup.path.display().to_string());
            retention::Candidate {
                made_at: backup.made_at,
                order: row.map_or(0, |row| row.id),
                is_whole: verify::looks_whole(backup) && row.is_none_or(|row| row.problem.is_none()),
                is_before_migration: backup.purpose != Purpose::Routine,
            }
        })
        .collect();
    let keep = &app.settings.backup;
    let policy = retention::Policy {
        daily: keep.keep_daily as usize,
        weekly: keep.keep_weekly as usize,
        monthly: keep.keep_monthly as usize,
    };
    let mut removed = Vec::new();
    for n in retention::may_go(&candidates, policy, app.clock.now()) {
        folder.remove_backup(&found[n].path)?;
        record::removed(&client, &found[n].path.display().to_string()).await?;
        removed.push(found[n].name.clone());
    }
    Ok(removed)
}
