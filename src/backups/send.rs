//! Carries the newest backup to each destination where it is not yet, compares it there with what was carried, and then,
//! and only then, lets old ones go there, as that destination's own numbers have it.
//!
//! A destination that fails keeps no other from getting its copy.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};
use jiff::Timestamp;

use super::copies;
use super::file::{self, Found};
use super::make::Purpose;
use super::manifest::Manifest;
use super::retention::{self, Candidate, Policy};
use super::to_folder::FolderPlace;
use super::to_remote::RemotePlace;
use crate::app::App;
use crate::config::{Backup, Destination, DestinationKind};
use crate::error::{Error, Result};
use crate::files;

/// What became of one destination.
#[derive(Debug, Clone)]
pub struct Sent {
    /// Its name.
    pub destination: String,
    /// Which backup.
    pub backup: String,
    /// What was done, or why it was not.
    pub outcome: std::result::Result<Carried, String>,
    /// How long it took.
    pub took: Duration,
}

/// What was done.
#[derive(Debug, Clone)]
pub struct Carried {
    /// Whether it was there already.
    pub was_there: bool,
    /// The names of those that its retention let go.
    pub removed: Vec<String>,
}

/// One of the two kinds of places.
pub(super) enum Place {
    Folder(FolderPlace),
    Remote(RemotePlace),
}

/// A backup that lies in a place.
pub(super) struct Lying {
    pub name: String,
    pub made_at: Timestamp,
    pub is_whole: bool,
}

impl Place {
    /// Opens it.
    ///
    /// # Errors
    /// Why it cannot be used, as a sentence that says what to do.
    pub(super) fn open(app: &App, destination: &Destination) -> anyhow::Result<Self> {
        match destination.kind() {
            DestinationKind::Folder(path) => FolderPlace::open(path).map(Self::Folder),
            DestinationKind::Remote(remote) => {
                RemotePlace::open(remote, app.settings.secrets.rclone_config.as_ref()).map(Self::Remote)
            }
        }
    }

    /// What lies there.
    pub(super) async fn list(&self) -> anyhow::Result<Vec<Lying>> {
        match self {
            Self::Folder(place) => place.list(),
            Self::Remote(place) => place.list().await,
        }
    }

    /// Makes it lie there, whole and compared, or nothing with its name.
    async fn put(&self, backup: &Found) -> anyhow::Result<()> {
        match self {
            Self::Folder(place) => place.put(backup).await,
            Self::Remote(place) => place.put(backup).await,
        }
    }

    async fn remove(&self, name: &str) -> anyhow::Result<()> {
        match self {
            Self::Folder(place) => place.remove(name),
            Self::Remote(place) => place.remove(name).await,
        }
    }

    /// Brings one of them into a folder of ours, under its name; whole or not at all.
    async fn fetch(&self, name: &str, into: &Path) -> anyhow::Result<Found> {
        match self {
            Self::Folder(place) => place.fetch(name, into),
            Self::Remote(place) => place.fetch(name, into).await,
        }
    }
}

/// Carries the newest backup to all destinations, or to the one of this name.
///
/// # Errors
/// `NotFound` when there is no such destination, or no backup yet; `Database` when PostgreSQL is away.
pub async fn send(app: &App, only: Option<&str>, tell: impl Fn(&Destination, &Found)) -> Result<Vec<Sent>> {
    let all = &app.settings.backup.destinations;
    let wanted: Vec<&Destination> = all.iter().filter(|d| only.is_none_or(|name| d.name == name)).collect();
    if only.is_some() && wanted.is_empty() {
        return Err(Error::NotFound("There is no destination of this name: see backup.destinations."));
    }
    if wanted.is_empty() {
        return Ok(Vec::new());
    }
    let found = file::on_disk(&app.settings.backup_dir)?;
    let newest = found.into_iter().find(|b| b.purpose == Purpose::Routine && !b.is_single_file);
    let newest = newest.ok_or(Error::NotFound("There is no backup yet: systemctl start barbossa-backup"))?;
    let mut sent = Vec::new();
    for destination in wanted {
        tell(destination, &newest);
        let started = Instant::now();
        let carried = carry(app, destination, &newest).await?;
        if let Err(why) = &carried {
            let (destination, backup) = (&destination.name, &newest.name);
            tracing::error!(destination, backup, "a backup could not be carried to its destination: {why:#}");
        }
        sent.push(Sent {
            destination: destination.name.clone(),
            backup: newest.name.clone(),
            outcome: carried.map_err(|why| format!("{why:#}")),
            took: started.elapsed(),
        });
    }
    Ok(sent)
}

/// The outer error is ours (the database), the inner one the destination's.
async fn carry(
    app: &App,
    destination: &Destination,
    backup: &Found,
) -> Result<std::result::Result<Carried, anyhow::Error>> {
    let known = copies::known(&app.db.get().await?, &destination.name).await?;
    let looked = async {
        let place = Place::open(app, destination)?;
        let there = place.list().await?;
        anyhow::Ok((place, there))
    };
    let looked = looked.await;
    let is_there = |there: &[Lying]| {
        there.iter().any(|l| l.name == backup.name && l.is_whole && known.contains_key(&l.name))
    };
    if let Ok((_, there)) = &looked
        && is_there(there)
    {
        copies::found(&app.db.get().await?, &destination.name, &backup.name, size_of(backup)).await?;
        return Ok(Ok(Carried { was_there: true, removed: Vec::new() }));
    }
    let id = copies::begin(&app.db.get().await?, &destination.name, &backup.name).await?;
    let carried = async {
        let (place, _) = looked?;
        place.put(backup).await?;
        Ok::<_, anyhow::Error>(place)
    };
    let place = match carried.await {
        Ok(place) => place,
        Err(why) => {
            copies::failed(&app.db.get().await?, id, &format!("{why:#}")).await?;
            return Ok(Err(why));
        }
    };
    copies::complete(&app.db.get().await?, id, size_of(backup)).await?;
    Ok(Ok(Carried { was_there: false, removed: prune(app, destination, &place).await }))
}

/// Bytes, as its manifest says.
fn size_of(backup: &Found) -> u64 {
    Manifest::read(&backup.path).map_or(0, |manifest| manifest.size_bytes())
}

/// Lets go there what the retention lets go; the names. The copy was made, whatever becomes of the old ones.
async fn prune(app: &App, destination: &Destination, place: &Place) -> Vec<String> {
    let mut removed = Vec::new();
    if let Err(error) = let_go(app, destination, place, &mut removed).await {
        tracing::warn!(destination = destination.name, "old backups could not be removed there: {error:#}");
    }
    removed
}

async fn let_go(
    app: &App,
    destination: &Destination,
    place: &Place,
    removed: &mut Vec<String>,
) -> anyhow::Result<()> {
    let known = copies::known(&app.db.get().await?, &destination.name).await?;
    let there = place.list().await?;
    let candidates: Vec<Candidate> = there
        .iter()
        .map(|lying| Candidate {
            made_at: lying.made_at,
            order: known.get(&lying.name).copied().unwrap_or_default(),
            is_whole: lying.is_whole,
            is_before_migration: false,
        })
        .collect();
    let policy = policy(&app.settings.backup, destination);
    for n in retention::may_go(&candidates, policy, app.clock.now()) {
        let name = &there[n].name;
        place.remove(name).await?;
        copies::removed(&app.db.get().await?, &destination.name, name).await?;
        removed.push(name.clone());
    }
    Ok(())
}

/// Its own numbers, where it has some.
fn policy(all: &Backup, destination: &Destination) -> Policy {
    Policy {
        daily: destination.keep_daily.unwrap_or(all.keep_daily) as usize,
        weekly: destination.keep_weekly.unwrap_or(all.keep_weekly) as usize,
        monthly: destination.keep_monthly.unwrap_or(all.keep_monthly) as usize,
    }
}

/// What lies at a destination, the newest first.
///
/// # Errors
/// Why it cannot be used.
pub async fn list_at(app: &App, destination: &str) -> Result<Vec<(String, Timestamp)>> {
    let mut there = open(app, destination)?.list().await?;
    there.retain(|lying| lying.is_whole);
    there.sort_by_key(|lying| std::cmp::Reverse(lying.made_at));
    Ok(there.into_iter().map(|lying| (lying.name, lying.made_at)).collect())
}

/// Brings a backup from a destination into `backup_dir`; `newest` is the newest of them. One that is here already is not
/// brought again.
///
/// # Errors
/// `NotFound`; else why it cannot be brought.
pub async fn fetch(app: &App, destination: &str, name: &str) -> Result<Found> {
    let place = open(app, destination)?;
    let name = match name {
        "newest" => list_at(app, destination).await?.into_iter().next().map(|(name, _)| name),
        name => Some(name.to_owned()),
    };
    let name = name.ok_or(Error::NotFound("There is no whole backup at this destination."))?;
    let dir = &app.settings.backup_dir;
    if let Some(here) = file::at(&dir.join(&name)) {
        return Ok(here);
    }
    if !place.list().await?.iter().any(|lying| lying.name == name && lying.is_whole) {
        return Err(Error::NotFound("There is no whole backup of this name at this destination."));
    }
    let fetched = place.fetch(&name, dir).await;
    Ok(fetched.with_context(|| format!("{name} could not be brought from {destination}"))?)
}

fn open(app: &App, name: &str) -> Result<Place> {
    let found = app.settings.backup.destinations.iter().find(|d| d.name == name);
    let none = Error::NotFound("There is no destination of this name: see backup.destinations.");
    Ok(Place::open(app, found.ok_or(none)?)?)
}

/// An empty, closed folder in `dir` into which a backup comes; what an earlier try left there is thrown away.
pub(super) fn incoming(dir: &Path, name: &str) -> anyhow::Result<PathBuf> {
    if file::parsed(name).is_none() {
        return Err(anyhow!("{name} is no name of a backup"));
    }
    let coming = dir.join(format!(".incoming-{name}.tmp"));
    files::remove_tree_if_there(&coming)?;
    Ok(coming)
}
