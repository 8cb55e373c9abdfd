//! The watcher: notices what arrives, waits until it has settled, asks for its import. Never touches a file.
//!
//! Events of the kernel (inotify) are a hint and make it quick; the sweep is the truth and makes it certain. Where
//! events are blind (network file systems, no watches left) it sweeps only, and says so. With events it also knows
//! which files somebody still holds open for writing, so that a copy may pause for as long as it likes.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::ears::Ears;
use super::inbox::{self, Arrival, PENDING};
use super::settle::Rest;
use super::sweep::enqueue_settled;
use super::{import, require_library, sweep, tree};
use crate::app::App;
use crate::error::Result;
use crate::files::{FileSystem, filesystem_kind, path_to_text};

/// What is queued is looked at again after this, to see that it is gone.
const QUEUED: Duration = Duration::from_secs(5);
/// How soon the music folder or the inbox is looked for again while it is away.
const AWAY: Duration = Duration::from_secs(2);
const NO_INBOX: Mode = Mode::Sweep("the inbox is not there");
/// The status is told at least so often: it is also the sign of life.
const TELL: Duration = Duration::from_secs(5);

/// How it watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mode {
    /// The kernel tells; the sweep makes sure.
    Events,
    /// Only by sweeping; why.
    Sweep(&'static str),
}

/// What the watcher sees, for its STATUS line.
#[derive(Debug, Clone, PartialEq)]
pub struct Status {
    /// How it watches.
    pub mode: Mode,
    /// How often it sweeps.
    pub sweep_seconds: u32,
    /// What waits, and why.
    pub waiting: Vec<(String, String)>,
    /// Why nothing is imported at all.
    pub alarm: Option<String>,
}

impl std::fmt::Display for Status {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if let Some(alarm) = &self.alarm {
            return write!(f, "not importing: {alarm}");
        }
        match &self.mode {
            Mode::Events => write!(f, "watching by events")?,
            Mode::Sweep(why) => write!(f, "watching by sweep every {} s ({why})", self.sweep_seconds)?,
        }
        match self.waiting.as_slice() {
            [] => write!(f, ", nothing pending"),
            [(path, reason), rest @ ..] => {
                let name = path.rsplit('/').next().unwrap_or(path);
                write!(f, ", {} pending: {name}: {reason}", rest.len() + 1)?;
                if rest.is_empty() { Ok(()) } else { write!(f, "; …") }
            }
        }
    }
}

/// The watcher's knowledge: for each folder that somebody dropped, what is in it and when to look again.
pub struct Watch {
    app: App,
    ears: Option<Ears>,
    mode: Mode,
    folders: BTreeMap<PathBuf, Folder>,
    dirty: HashSet<PathBuf>,
    next_sweep: Instant,
    alarm: Option<String>,
    /// Arrivals that the worker was told not to touch.
    held: HashSet<String>,
}

struct Folder {
    arrivals: Vec<Arrival>,
    look_at: Option<Instant>,
}

impl Watch {
    /// Knows nothing yet; its first round is a sweep.
    pub fn new(app: App) -> Self {
        Self {
            app,
            ears: None,
            mode: Mode::Events,
            folders: BTreeMap::new(),
            dirty: HashSet::new(),
            next_sweep: Instant::now(),
            alarm: None,
            held: HashSet::new(),
        }
    }

    /// Watches until `stop`; calls `tell` after each round, at least every five seconds.
    pub async fn run(mut self, stop: CancellationToken, mut tell: impl FnMut(&Status)) {
        let mut was_away = false;
        loop {
            match self.round().await {
                Ok(()) => was_away = false,
                Err(error) if !was_away => {
                    tracing::warn!(
                        error = &error as &dyn std::error::Error,
                        "the watcher cannot ask for imports"
                    );
                    was_away = true;
                }
                Err(_) => {}
            }
            tell(&self.status());
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep_until(self.next_look(was_away)) => {}
                () = hear(&mut self.ears, &mut self.dirty) => {}
            }
            if self.ears.as_mut().is_some_and(Ears::take_overflow) {
                self.next_sweep = Instant::now();
            }
        }
    }

    fn next_look(&self, is_away: bool) -> Instant {
        let now = Instant::now();
        let due = self.folders.values().filter_map(|f| f.look_at).min().unwrap_or(now + TELL);
        // While the database is away, once a second is enough.
        let least = now + if is_away { Duration::from_secs(1) } else { Duration::from_millis(50) };
        due.min(self.next_sweep).min(now + TELL).max(least)
    }

    async fn round(&mut self) -> Result<()> {
        let now = Instant::now();
        let is_sweep = now >= self.next_sweep;
        if is_sweep {
            self.listen();
            self.next_sweep =
                now + Duration::from_secs(self.app.settings.imports.sweep_seconds.max(1).into());
        }
        let dirty = std::mem::take(&mut self.dirty);
        let mut wanted: HashSet<PathBuf> = dirty.iter().filter_map(|path| self.folder_of(path)).collect();
        let due = self.folders.iter().filter(|(_, f)| f.look_at.is_some_and(|at| at <= now));
        wanted.extend(due.map(|(path, _)| path.clone()));
        let seen = self.look(wanted, is_sweep).await?;
        let arrivals: Vec<Arrival> = seen.iter().flat_map(|(_, arrivals)| arrivals.clone()).collect();
        self.remember(seen, now);
        self.hold(&arrivals).await?;
        if arrivals.iter().any(|a| matches!(a.rest, Rest::Settled(_))) || is_sweep {
            self.alarm = require_library(&self.app).await?.err();
        }
        if is_sweep && (self.alarm.is_some() || self.mode == NO_INBOX) {
            // The worker makes the inbox of a new library, and a disk may be mounted at any moment: both are soon seen.
            self.next_sweep = now + AWAY;
        }
        if self.alarm.is_none() {
            enqueue_settled(&self.app, &arrivals).await?;
        }
        if is_sweep && self.alarm.is_none() {
            sweep::enqueue_left(&self.app).await?;
        }
        Ok(())
    }

    /// A job may be waiting for the rest of an album already: it must not take a file that is open for a start.
    async fn hold(&mut self, arrivals: &[Arrival]) -> Result<()> {
        let (written, quiet): (Vec<&Arrival>, Vec<&Arrival>) =
            arrivals.iter().filter(|a| !a.is_loose()).partition(|a| a.is_written);
        let released: Vec<String> =
            quiet.into_iter().filter(|a| self.held.contains(&a.path)).map(|a| a.path.clone()).collect();
        if written.is_empty() && released.is_empty() {
            return Ok(());
        }
        let client = self.app.db.get().await?;
        let reasons: Vec<String> = written.iter().map(|a| reason(&a.rest)).collect();
        let folders: Vec<(&str, &str, &str)> =
            written.iter().zip(&reasons).map(|(a, r)| (a.path.as_str(), a.source, r.as_str())).collect();
        // Longer than to the next look, and not for ever if this process ends.
        let seconds = 5.0 + 3.0 * f64::from(self.app.settings.imports.settle_seconds);
        import::hold(&client, &folders, seconds).await?;
        import::release(&client, &released).await?;
        self.held.extend(written.into_iter().map(|a| a.path.clone()));
        self.held.retain(|path| !released.contains(path));
        Ok(())
    }

    /// Looks at some folders, or at all there are.
    async fn look(
        &mut self,
        wanted: HashSet<PathBuf>,
        is_sweep: bool,
    ) -> Result<Vec<(PathBuf, Vec<Arrival>)>> {
        let (app, known) = (self.app.clone(), self.folders.keys().cloned().collect::<Vec<_>>());
        let writers = self.ears.as_ref().map(Ears::writers).unwrap_or_default();
        let looked = tokio::task::spawn_blocking(move || {
            let mut folders = wanted;
            if is_sweep {
                let rooms = inbox::rooms(app.music());
                folders.extend(rooms.iter().flat_map(|room| inbox::folders_in(room).unwrap_or_default()));
                folders.extend(known);
                folders.insert(app.music().join(PENDING));
            }
            folders.into_iter().map(|folder| look_at(&app, folder, &writers)).collect()
        });
        Ok(looked.await.map_err(anyhow::Error::from)?)
    }

    fn remember(&mut self, seen: Vec<(PathBuf, Vec<Arrival>)>, now: Instant) {
        for (folder, arrivals) in seen {
            if arrivals.is_empty() {
                self.folders.remove(&folder);
                continue;
            }
            let look_at = arrivals.iter().filter_map(|a| look_after(&a.rest)).min().map(|after| now + after);
            self.folders.insert(folder, Folder { arrivals, look_at });
        }
    }

    /// Watches every folder where something may arrive, unless events are blind there.
    fn listen(&mut self) {
        let music = self.app.music().to_owned();
        let mode = match filesystem_kind(&music.join(PENDING)) {
            Ok(FileSystem::Network) => Mode::Sweep("a network file system tells nothing"),
            Err(_) => NO_INBOX,
            Ok(FileSystem::Local) => match self.open_ears(&music) {
                Ok(()) => Mode::Events,
                Err(error) => {
                    tracing::debug!(error = &error as &dyn std::error::Error, "inotify");
                    Mode::Sweep("the kernel's limit of watches is reached")
                }
            },
        };
        if mode != Mode::Events {
            self.ears = None;
        }
        if mode != self.mode {
            tracing::warn!(mode = ?mode, "the way of watching changed");
            self.mode = mode;
        }
    }

    fn open_ears(&mut self, music: &Path) -> std::io::Result<()> {
        if self.ears.is_none() {
            self.ears = Some(Ears::open()?);
        }
        let ears = self.ears.as_mut().expect("opened just above");
        ears.listen_to(&music.join(PENDING))?;
        ears.listen_to(&music.join(inbox::DOWNLOADS))
    }

    /// The dropped folder that a path belongs to; the inbox itself for a loose file.
    fn folder_of(&self, path: &Path) -> Option<PathBuf> {
        let pending = self.app.music().join(PENDING);
        let downloads = self.app.music().join(inbox::DOWNLOADS);
        if let Ok(inside) = path.strip_prefix(&pending) {
            let mut parts = inside.components();
            let first = parts.next()?;
            let folder = pending.join(first);
            let is_folder = folder.is_dir();
            if is_folder && tree::is_hidden(&folder) {
                return None;
            }
            let is_file = parts.next().is_none() && !is_folder && !self.folders.contains_key(&folder);
            return Some(if is_file { pending } else { folder });
        }
        let mut parts = path.strip_prefix(&downloads).ok()?.components();
        let (source, first) = (parts.next()?, parts.next()?);
        Some(downloads.join(source).join(first))
    }

    fn status(&self) -> Status {
        let arrivals = self.folders.values().flat_map(|f| &f.arrivals);
        let waiting = arrivals.map(|a| (a.path.clone(), reason(&a.rest))).collect();
        Status {
            mode: self.mode.clone(),
            sweep_seconds: self.app.settings.imports.sweep_seconds,
            waiting,
            alarm: self.alarm.clone(),
        }
    }
}

/// Waits for events, if there are ears to hear them, and notes which paths they were about.
async fn hear(ears: &mut Option<Ears>, dirty: &mut HashSet<PathBuf>) {
    match ears {
        Some(ears) => ears.hear(dirty).await,
        None => std::future::pending().await,
    }
}

fn look_at(app: &App, folder: PathBuf, writers: &[PathBuf]) -> (PathBuf, Vec<Arrival>) {
    let (music, quiet, now) = (app.music(), inbox::quiet(app), SystemTime::now());
    let mut arrivals = if folder == music.join(PENDING) {
        let loose = inbox::look_at_loose(music, quiet, now);
        loose.into_iter().chain(inbox::look_at_archives(music, quiet, now)).collect()
    } else {
        inbox::look_at(music, &folder, quiet, now)
    };
    for arrival in &mut arrivals {
        let dir = music.join(crate::files::text_to_path(&arrival.path));
        let is_its = |file: &&PathBuf| match arrival.is_loose() {
            true => file.parent() == Some(&dir),
            false => file.starts_with(&dir),
        };
        if let Some(file) = writers.iter().filter(is_its).find(|file| file.exists()) {
            let name = path_to_text(Path::new(file.file_name().unwrap_or_default()));
            let look_after = quiet.max(Duration::from_secs(1));
            arrival.rest = Rest::Wait { reason: format!("{name} is being written"), look_after };
            arrival.is_written = true;
        }
    }
    (folder, arrivals)
}

fn look_after(rest: &Rest) -> Option<Duration> {
    match rest {
        Rest::Settled(_) | Rest::ClockAhead => Some(QUEUED),
        Rest::Wait { look_after, .. } => Some(*look_after),
        // Until an event or a sweep.
        Rest::Nothing(_) => None,
    }
}

fn reason(rest: &Rest) -> String {
    match rest {
        Rest::Settled(_) => "it is next".into(),
        Rest::Wait { reason, .. } | Rest::Nothing(reason) => reason.clone(),
        Rest::ClockAhead => "its file system's clock is ahead of ours".into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_status_line_says_how_and_what() {
        let mut status = Status { mode: Mode::Events, sweep_seconds: 60, waiting: Vec::new(), alarm: None };
        assert_eq!(status.to_string(), "watching by events, nothing pending");
        status.waiting.push(("import/pending/Album".into(), "it is still being copied".into()));
        assert_eq!(status.to_string(), "watching by events, 1 pending: Album: it is still being copied");
        status.waiting.push(("import/pending/B".into(), "x".into()));
        status.mode = Mode::Sweep("a network file system tells nothing");
        let expected = "watching by sweep every 60 s (a network file system tells nothing), 2 pending: Album: \
                        it is still being copied; …";
        assert_eq!(status.to_string(), expected);
        status.alarm = Some("the marker is missing".into());
        assert_eq!(status.to_string(), "not importing: the marker is missing");
    }
}
