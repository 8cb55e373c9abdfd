//! The music itself, into a repository of restic: by what the library knows of each file.
//!
//! restic reads a file again when its size or time is another than in the snapshot before. Just those files are read here
//! first and held against their rows: one whose sound is another than the row says was changed by somebody else, or is
//! damaged; it is reported, and left out, so that the newest copy of it stays the last good one. Nothing is ever let go
//! from the repository by us: the snapshots before have it.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context;
use secrecy::SecretString;
use tokio_postgres::Client;

use super::music_rows::{self as rows, Copied, File};
use super::snapshot::connect;
use crate::app::App;
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::files;
use crate::integrations::restic::{Progress, Restic, Snapshot};
use crate::integrity::Repair;
use crate::jobs;
use crate::library::{self, Expected, NewDamage, Reading, Verdict};
use crate::parallel;

/// Held while one works on the repository.
const LOCK: i64 = 0x006d_7573_6963;
/// How often the row says how far it is.
const NOTE: Duration = Duration::from_secs(5);
/// What is backed up, relative to MUSIC_PATH.
const FOLDER: &str = "artists";
/// How much of the repository's data a look reads, in per cent.
const READ_PERCENT: u8 = 5;

/// Where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MusicStep {
    /// Files that are new or were changed are held against their rows: so many of so many.
    Looking(usize, usize),
    /// restic is at work.
    Copying(Progress),
}

/// A backup of the music.
#[derive(Debug, Clone)]
pub struct MusicMade {
    /// What restic made.
    pub snapshot: Snapshot,
    /// Files that were held back: their paths, relative to MUSIC_PATH, and why.
    pub held_back: Vec<(String, String)>,
    /// How long it took.
    pub took: Duration,
}

/// What is to become of one file.
enum Judged {
    /// The repository has it; its path.
    Unchanged(String),
    /// It is backed up now.
    Good(Copied),
    /// It is not there, so nothing is backed up.
    Gone,
    /// It is left out: its path, why, and (unless it is only not read yet) what is wrong with it.
    Held(String, &'static str, Option<Box<NewDamage>>),
}

/// What is to become of all of them.
#[derive(Default)]
struct Plan {
    unchanged: Vec<String>,
    good: Vec<Copied>,
    held: Vec<(String, String)>,
    damages: Vec<NewDamage>,
}

/// Makes one.
///
/// # Errors
/// `NotFound` when no repository is set, `Conflict` while another run is at it, `Unavailable` when the music is not
/// there; else what restic says.
pub async fn back_up_music(app: &App, mut tell: impl FnMut(MusicStep)) -> Result<MusicMade> {
    let started = Instant::now();
    let restic = repository(app)?;
    library::ensure_music_is_there(app).await?;
    let _alone = alone(app).await?;
    let row = rows::begin(&app.db.get().await?, "backup").await?;
    match attempt(app, &restic, row, &mut tell).await {
        Ok((snapshot, held_back)) => Ok(MusicMade { snapshot, held_back, took: started.elapsed() }),
        Err(error) => {
            rows::failed(&app.db.get().await?, row, &error.to_string()).await?;
            Err(error)
        }
    }
}

/// Looks whether the repository is whole, and reads a part of its data.
///
/// # Errors
/// As for a backup.
pub async fn verify_music(app: &App) -> Result<Duration> {
    let started = Instant::now();
    let restic = repository(app)?;
    let _alone = alone(app).await?;
    let row = rows::begin(&app.db.get().await?, "verify").await?;
    let looked = async {
        let id = is_there(&restic, app).await?;
        restic.unlock().await?;
        restic.check(READ_PERCENT).await.context("the repository of the music is not whole")?;
        anyhow::Ok(id)
    };
    match looked.await {
        Ok(id) => rows::complete(&app.db.get().await?, row, &id, None, 0).await?,
        Err(error) => {
            rows::failed(&app.db.get().await?, row, &format!("{error:#}")).await?;
            return Err(error.into());
        }
    }
    Ok(started.elapsed())
}

fn repository(app: &App) -> Result<Restic> {
    let secrets = &app.settings.secrets;
    let address = app.settings.backup.music_repository.as_str();
    if address.is_empty() {
        return Err(Error::NotFound("No repository is set for the music: backup.music_repository."));
    }
    let password: &SecretString = secrets.restic_password.as_ref().context(
        "the password is a credential, which is given to units only: \
         put it into /etc/credstore/barbossa.restic-password, then systemctl start barbossa-backup-music",
    )?;
    Ok(Restic::new(address, password, secrets.rclone_config.as_ref())?)
}

/// One at a time, by a lock that goes with its connection.
async fn alone(app: &App) -> Result<Client> {
    let (client, _) = connect(app.db.config()).await?;
    match client.query_one("select pg_try_advisory_lock($1)", &[&LOCK]).await?.get(0) {
        true => Ok(client),
        false => Err(Error::Conflict("Another backup of the music is running.".into())),
    }
}

/// The repository's id. It is not made here: a disk that is not mounted would get an empty one beneath it.
async fn is_there(restic: &Restic, app: &App) -> anyhow::Result<String> {
    let address = &app.settings.backup.music_repository;
    restic.id().await.with_context(|| {
        format!(
            "{address} cannot be read: is its disk mounted, is the password right? \
             The first time: see \"The music\" in /usr/share/doc/barbossa/backups/README.md"
        )
    })
}

async fn attempt(
    app: &App,
    restic: &Restic,
    row: i64,
    tell: &mut impl FnMut(MusicStep),
) -> Result<(Snapshot, Vec<(String, String)>)> {
    let id = is_there(restic, app).await?;
    restic.unlock().await.map_err(anyhow::Error::from)?;
    let parent = rows::parent(&app.db.get().await?, &id).await?;
    let parent = match parent {
        Some(parent) if restic.has(&parent).await => Some(parent),
        _ => None,
    };
    if parent.is_none() {
        rows::forget_copies(&app.db.get().await?).await?;
    }
    let plan = judge(app, tell).await?;
    report(app, &plan.damages).await?;
    let whole = |path: &str| app.music().join(files::text_to_path(path)).display().to_string();
    let left_out: Vec<String> = plan.held.iter().map(|(path, _)| whole(path)).collect();
    let mut noted: Option<Instant> = None;
    let (told, mut heard) = tokio::sync::watch::channel(Progress::default());
    let copying = restic.back_up(app.music(), FOLDER, &left_out, parent.as_deref(), |progress| {
        tell(MusicStep::Copying(progress));
        if noted.is_none_or(|at| at.elapsed() >= NOTE) {
            noted = Some(Instant::now());
            told.send_replace(progress);
        }
    });
    let mut copying = std::pin::pin!(copying);
    let snapshot = loop {
        tokio::select! {
            done = &mut copying => break done.map_err(|failed| Error::from(anyhow::Error::from(failed)))?,
            Ok(()) = heard.changed() => {
                let progress = *heard.borrow_and_update();
                rows::progress(&app.db.get().await?, row, progress).await?;
            }
        }
    };
    let mut client = app.db.get().await?;
    let tx = client.transaction().await?;
    rows::copied(&tx, &id, &snapshot.id, &plan.good).await?;
    rows::are_all(&tx, &plan.unchanged, &plan.good).await?;
    rows::complete(&tx, row, &id, Some(&snapshot), plan.held.len()).await?;
    tx.commit().await?;
    Ok((snapshot, plan.held))
}

/// Reads what restic will read, and holds it against its rows.
async fn judge(app: &App, tell: &mut impl FnMut(MusicStep)) -> Result<Plan> {
    let files = rows::files(&app.db.get().await?).await?;
    let (total, music) = (files.len(), app.music().to_owned());
    let stop = tokio_util::sync::CancellationToken::new();
    let _stopped = stop.clone().drop_guard();
    let mut judged =
        parallel::stream(files, parallel::readers(), stop, move |file: File| look(&music, &file));
    let (mut plan, mut done) = (Plan::default(), 0);
    while let Some(found) = judged.recv().await {
        done += 1;
        match found {
            Judged::Unchanged(path) => plan.unchanged.push(path),
            Judged::Gone => {}
            Judged::Good(copied) => plan.good.push(copied),
            Judged::Held(path, why, damage) => {
                plan.held.push((path, why.to_owned()));
                plan.damages.extend(damage.map(|damage| *damage));
            }
        }
        if done % 64 == 0 || done == total {
            tell(MusicStep::Looking(done, total));
        }
    }
    Ok(plan)
}

/// One file. Blocks, for as long as the disk takes.
fn look(music: &Path, file: &File) -> Judged {
    let Some(path) = files::beneath(music, &file.path) else { return Judged::Gone };
    let Ok(found) = path.symlink_metadata() else { return Judged::Gone };
    let seen = (found.len() as i64, library::modified_us(&found));
    if file.copied == Some(seen) {
        return Judged::Unchanged(file.path.clone());
    }
    let good = |essence: Option<String>| {
        let (size_bytes, modified_us) = seen;
        Judged::Good(Copied { path: file.path.clone(), size_bytes, modified_us, essence })
    };
    let (Some(checksum), Some(essence)) = (&file.checksum, &file.essence) else {
        // Nobody knows yet what it should be. The first copy of it takes no other's place.
        return match file.copied {
            None => good(None),
            Some(_) => Judged::Held(file.path.clone(), "It was changed, and is not read yet.", None),
        };
    };
    let (size_bytes, modified_us) = (file.size_bytes, file.modified_us);
    let expected = Expected { size_bytes, modified_us, checksum, essence };
    let reading = library::examine(&path);
    match library::judge(&expected, &reading) {
        Verdict::Intact | Verdict::Touched | Verdict::Retagged => good(Some(essence.clone())),
        Verdict::Damaged(_) if reading == Reading::Gone => Judged::Gone,
        Verdict::Damaged(kind) => {
            let damage = NewDamage::of(file.track_id, &file.path, kind, &expected, &reading);
            Judged::Held(file.path.clone(), kind.sentence(), Some(Box::new(damage)))
        }
    }
}

/// They stand among the damages, with their ways back.
async fn report(app: &App, damages: &[NewDamage]) -> Result<()> {
    let mut client = app.db.get().await?;
    let tx = client.transaction().await?;
    library::report_damage(&tx, damages).await?;
    Ok(tx.commit().await?)
}

const TRACK: &str = "select id, size_bytes, modified_at, checksum, essence from track where path = $1";
const DAMAGE: &str = "select id from damage where track_id = $1 and ended_at is null";

/// Has the file at this path (relative to MUSIC_PATH) brought back from wherever a good copy of it is; the job.
///
/// # Errors
/// `NotFound` for a path that is no track's; `Conflict` when the file is as it should be, or was never read.
pub async fn restore_music(app: &App, path: &str) -> Result<i64> {
    let mut client = app.db.get().await?;
    let row = client.maybe_row(TRACK, &[&path]).await?;
    let row = row.ok_or(Error::NotFound("No track has this path: it is relative to the music folder."))?;
    let (track_id, size_bytes): (i64, i64) = (row.get(0), row.get(1));
    let modified_us = row.get::<_, jiff::Timestamp>(2).as_microsecond();
    let known = row.get::<_, Option<Vec<u8>>>(3).zip(row.get::<_, Option<String>>(4));
    let (checksum, essence) =
        known.ok_or_else(|| Error::Conflict("Its checksum is not known yet.".into()))?;
    let whole = files::beneath(app.music(), path).ok_or(Error::NotFound("No track has this path."))?;
    let path = path.to_owned();
    let damage = parallel::blocking(move || {
        let expected = Expected { size_bytes, modified_us, checksum: &checksum, essence: &essence };
        let reading = library::examine(&whole);
        match library::judge(&expected, &reading) {
            Verdict::Damaged(kind) => Some(NewDamage::of(track_id, &path, kind, &expected, &reading)),
            _ => None,
        }
    });
    let damage = damage.await?.ok_or_else(|| Error::Conflict("The file is as it should be.".into()))?;
    let tx = client.transaction().await?;
    library::report_damage(&tx, &[damage]).await?;
    let damage_id = tx.row(DAMAGE, &[&track_id]).await?.get(0);
    let job = jobs::enqueue(&tx, &Repair { damage_id, requested_by: None }).await?;
    tx.commit().await?;
    Ok(job)
}
