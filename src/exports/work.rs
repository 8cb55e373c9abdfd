//! An export into a folder, from the first look at the drive to the last line of its manifest.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

use super::choose::{self, Chosen};
use super::drive::{Drive, There, Trouble};
use super::encode::{self, Target};
use super::export::{Ending, Export, Progress};
use super::layout::{Item, Layout, Line, PLAYLIST, Wants, lay_out, playlist, reserve, sort_for_people};
use super::manifest::{
    Album, CHECKSUMS, FORMAT, FileEntry, Kind, MANIFEST, Manifest, Ours, Owner, VERSION, checksums,
};
use super::names::Names;
use super::place::ensure_drive;
use super::run::{Halt, advice};
use super::settle::{Bench, Settled};
use crate::error::Error;
use crate::files::{self, text_to_path};
use crate::jobs::Context;
use crate::library::ensure_music_is_there;
use crate::parallel::blocking;
use crate::process::Failed;

/// What a drive must have more than the files need: folders, playlists, the manifest.
const RESERVE_BYTES: u64 = 16 << 20;
/// The largest file of FAT.
const FAT_BYTES: u64 = u32::MAX as u64;
/// How often it is told how far it is.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// More sentences than this help nobody.
const MOST_PROBLEMS: usize = 500;
/// So often another name is tried for a file.
const MOST_NAMES: usize = 100;

type Done<T> = Result<T, Halt>;

/// See the module.
pub struct Work<'c> {
    context: &'c Context,
    export: &'c Export,
    wants: Wants,
    library: Uuid,
    bench: Arc<Bench>,
    old_owner: Option<Owner>,
    album_ids: Vec<i64>,
    planned: HashSet<String>,
    planned_ids: HashSet<(i64, Kind)>,
    names: Names,
    albums: Vec<Album>,
    playlists: Vec<FileEntry>,
    lines: HashMap<&'static str, Vec<Line>>,
    problems: Vec<String>,
    progress: Progress,
    started: Instant,
    written_bytes: i64,
    told: Instant,
}

impl<'c> Work<'c> {
    /// Looks whether the drive is there and whose export it holds.
    pub async fn open(context: &'c Context, export: &'c Export) -> Done<Self> {
        let client = context.app.db.get().await?;
        let library = choose::library(&client).await?;
        let album_ids = choose::albums(&client, export.user_id).await?;
        drop(client);
        let (app, destination) = (context.app.clone(), PathBuf::from(&export.destination));
        let opened = blocking(move || open(&app, &destination)).await?.map_err(Halt::Failed)?;
        let Opened { drive, manifest, journal } = opened;
        let old_owner = Owner::of(manifest.as_ref(), &journal);
        if let Some(reason) = refusal(export, old_owner.as_ref(), library) {
            drive.leave();
            return Err(Halt::Failed(reason));
        }
        let ours = Ours::of(manifest.as_ref(), &journal);
        let bench = Bench::new(context.app.music().to_owned(), drive, ours, context.stop.clone());
        let now = Instant::now();
        Ok(Self {
            context,
            export,
            wants: export.wants(),
            library,
            bench: Arc::new(bench),
            old_owner,
            album_ids,
            planned: HashSet::new(),
            planned_ids: HashSet::new(),
            names: Names::default(),
            albums: Vec::new(),
            playlists: Vec::new(),
            lines: HashMap::new(),
            problems: Vec::new(),
            progress: Progress::default(),
            started: now,
            written_bytes: 0,
            told: now,
        })
    }

    /// Counts before anything is written: does it fit, can the file system hold it; `false` when somebody has ended it
    /// meanwhile.
    pub async fn survey(&mut self) -> Done<bool> {
        let (mut total, mut needed) = (0_u64, 0_u64);
        let is_fat = self.on_drive(|bench| bench.drive.is_fat().map_err(Trouble::Drive)).await?;
        self.start_names();
        for n in 0..self.album_ids.len() {
            self.stop_if_told()?;
            let Some((_, layout)) = self.lay_out(self.album_ids[n]).await? else { continue };
            if let Some(large) = layout.items.iter().find(|i| is_fat && i.expected_bytes > FAT_BYTES) {
                self.bench.drive.leave();
                return Err(Halt::Failed(format!(
                    "{} is larger than 4 GiB, and {} is a FAT file system, which cannot hold it: use a drive with exFAT \
                     or ext4.",
                    large.source, self.export.destination
                )));
            }
            total += layout.items.iter().map(|i| i.expected_bytes).sum::<u64>();
            needed += self.missing_bytes(&layout).await?;
            self.planned_ids.extend(layout.items.iter().map(|i| (i.id, i.kind)));
            self.planned.extend(layout.items.into_iter().map(|i| i.path));
        }
        let free = self.on_drive(|bench| bench.drive.free_bytes().map_err(Trouble::Drive)).await?;
        if needed > 0 && needed + RESERVE_BYTES > free {
            self.bench.drive.leave();
            let (needed, free) = (gib(needed + RESERVE_BYTES), gib(free));
            return Err(Halt::Failed(format!(
                "{} has {free} free, and {needed} are needed: make room, or use a larger drive, and resume.",
                self.export.destination
            )));
        }
        self.progress.total = total.try_into().unwrap_or(i64::MAX);
        let owner = Owner { user: self.export.username.clone(), library: self.library };
        self.on_drive(move |bench| bench.start(&owner).map_err(Trouble::Drive)).await?;
        self.find_stale();
        let client = self.context.app.db.get().await?;
        Ok(self.export.begin(&client, self.album_ids.len(), Some(total)).await?)
    }

    async fn missing_bytes(&self, layout: &Layout) -> Done<u64> {
        let items: Vec<(String, Kind, u64)> =
            layout.items.iter().map(|i| (i.path.clone(), i.kind, i.expected_bytes)).collect();
        self.on_drive(move |bench| {
            let mut missing = 0;
            for (path, kind, expected) in items {
                let is_there = match bench.drive.look(&path).map_err(Trouble::Drive)? {
                    There::File(size) => size == expected || kind == Kind::Mp3,
                    _ => false,
                };
                missing += if is_there { 0 } else { expected };
            }
            Ok(missing)
        })
        .await
    }

    fn start_names(&mut self) {
        self.names = Names::default();
        reserve(&mut self.names, &self.wants);
    }

    /// Files of ours under names that are wanted no more may be what is wanted under another one.
    fn find_stale(&self) {
        let stale =
            self.bench.ours.0.values().filter(|f| !f.of.is_empty() && !self.planned.contains(&f.path));
        let stale = stale.map(|f| ((f.kind, f.of.clone()), f.clone())).collect();
        if let Ok(mut kept) = self.bench.stale.lock() {
            *kept = stale;
        }
    }

    // -- albums

    /// Writes them all, one after the other.
    pub async fn write_albums(&mut self) -> Done<()> {
        self.start_names();
        self.planned_ids.clear();
        // Written last, and by every run.
        self.planned = [MANIFEST, CHECKSUMS].map(str::to_owned).into();
        for n in 0..self.album_ids.len() {
            self.stop_if_told()?;
            let Some((chosen, layout)) = self.lay_out(self.album_ids[n]).await? else { continue };
            self.progress.album = format!("{} – {}", chosen.album.artist, chosen.album.title);
            self.write_album(chosen, layout).await?;
            self.progress.albums += 1;
        }
        Ok(())
    }

    async fn lay_out(&mut self, album_id: i64) -> Done<Option<(Chosen, Layout)>> {
        let client = self.context.app.db.get().await?;
        let Some(chosen) = choose::album(&client, self.export.user_id, album_id).await? else {
            return Ok(None);
        };
        drop(client);
        let (mut names, wants, bench) =
            (std::mem::take(&mut self.names), self.wants, Arc::clone(&self.bench));
        let (chosen, layout, names) = blocking(move || {
            let layout = lay_out(&bench.music, &chosen, &wants, &mut names);
            (chosen, layout, names)
        })
        .await?;
        self.names = names;
        Ok(Some((chosen, layout)))
    }

    async fn write_album(&mut self, mut chosen: Chosen, mut layout: Layout) -> Done<()> {
        let mut entries: Vec<Option<FileEntry>> = Vec::with_capacity(layout.items.len());
        for item in &mut layout.items {
            self.stop_if_told()?;
            let entry = self.settle(item, &chosen).await?;
            self.progress.bytes += i64::try_from(item.expected_bytes).unwrap_or_default();
            self.bench.live.store(0, Ordering::Relaxed);
            self.planned.insert(item.path.clone());
            self.planned_ids.insert((item.id, item.kind));
            entries.push(entry);
        }
        self.write_playlists(&chosen, &layout, &entries).await?;
        let mut folders = HashSet::new();
        for (item, entry) in layout.items.iter().zip(entries) {
            let Some(entry) = entry else { continue };
            folders.insert(folder_of(&entry.path).to_owned());
            match item.track {
                Some(n) => chosen.album.tracks[n].files.push(entry),
                None => chosen.album.files.push(entry),
            }
        }
        chosen.album.tracks.retain(|track| !track.files.is_empty());
        if !chosen.album.tracks.is_empty() {
            self.albums.push(chosen.album);
        }
        self.on_drive(move |bench| {
            let synced = folders.iter().try_for_each(|folder| bench.drive.sync_folder(folder));
            synced.and_then(|()| bench.sync_journal()).map_err(Trouble::Drive)
        })
        .await
    }

    /// Brings one file to its place, under another name when something of somebody else has it; none when it cannot be
    /// exported, which is noted.
    async fn settle(&mut self, item: &mut Item, chosen: &Chosen) -> Done<Option<FileEntry>> {
        let wanted = item.path.clone();
        let (folder, name) =
            wanted.rsplit_once('/').map_or(("", wanted.as_str()), |(f, n)| (&wanted[..=f.len()], n));
        let tags = item.track.filter(|_| item.kind == Kind::Mp3).map(|n| {
            let track = &chosen.album.tracks[n];
            let size = chosen.tracks[n].size_bytes;
            let source =
                track.checksum.clone().unwrap_or_else(|| format!("{size} bytes, {:?}", track.essence));
            let tags = encode::tags(&chosen.album, track);
            (encode::made_of(&source, &tags), tags, track.duration_ms)
        });
        for _ in 0..MOST_NAMES {
            let (bench, asked) = (Arc::clone(&self.bench), item.clone());
            let of = tags.as_ref().map(|(of, ..)| of.clone());
            let mut settled = self.ticking(blocking(move || bench.settle(&asked, of.as_deref()))).await?;
            if let (Ok(Settled::Encode { replaces, of }), Some((_, tags, duration_ms))) = (&settled, &tags) {
                settled = match self.encode(item, of, *replaces, tags, *duration_ms).await? {
                    Some(done) => done,
                    None => return Ok(None),
                };
            }
            match settled {
                Ok(Settled::Done(entry, warning)) => {
                    if let Some(warning) = warning {
                        self.problem(warning);
                    }
                    return Ok(Some(entry));
                }
                Ok(_) => item.path = self.names.file(folder, name),
                Err(Trouble::Source(error)) => {
                    self.cannot_read(item, &error.to_string()).await?;
                    return Ok(None);
                }
                Err(other) => return Err(self.halt(other)),
            }
        }
        self.problem(format!("{} was not exported: its name is taken a hundred times.", item.source));
        Ok(None)
    }

    async fn cannot_read(&mut self, item: &Item, why: &str) -> Done<()> {
        match ensure_music_is_there(&self.context.app).await {
            Ok(()) => {
                self.problem(format!("{} was not exported: {why}", item.source));
                Ok(())
            }
            Err(Error::Unavailable(_)) => Err(Halt::MusicAway),
            Err(error) => Err(error.into()),
        }
    }

    /// None when this file cannot be encoded, which is noted.
    async fn encode(
        &mut self,
        item: &Item,
        of: &str,
        replaces: bool,
        tags: &[(&'static str, String)],
        duration_ms: Option<i64>,
    ) -> Done<Option<Result<Settled, Trouble>>> {
        let file = self.on_drive(|bench| bench.drive.begin().map_err(Trouble::Drive)).await?;
        let target = file.try_clone().map_err(|e| self.halt(Trouble::Drive(e)))?;
        let source = self.bench.music.join(text_to_path(&item.source));
        let stop = self.context.stop.clone();
        let encoding = async {
            tokio::select! {
                done = encode::encode(&source, tags, duration_ms, Target::File(target)) => Some(done),
                () = stop.cancelled() => None,
            }
        };
        match self.ticking(encoding).await {
            None => Err(Halt::Stopped),
            Some(Ok(())) => {
                let (bench, item, of) = (Arc::clone(&self.bench), item.clone(), of.to_owned());
                Ok(Some(self.ticking(blocking(move || bench.publish_mp3(&item, file, &of, replaces))).await?))
            }
            Some(Err(Failed::NotFound { .. })) => Err(Halt::Failed(
                "MP3s are made by ffmpeg, which is not installed: apt install ffmpeg.".into(),
            )),
            Some(Err(failed)) => {
                // Whose fault it is, ffmpeg does not say clearly.
                let free = self.on_drive(|bench| bench.drive.free_bytes().map_err(Trouble::Drive)).await?;
                if free < 1 << 20 {
                    return Err(self.halt(nix::errno::Errno::ENOSPC.into()));
                }
                self.cannot_read(item, &failed.to_string()).await?;
                Ok(None)
            }
        }
    }

    // -- playlists

    async fn write_playlists(
        &mut self,
        chosen: &Chosen,
        layout: &Layout,
        entries: &[Option<FileEntry>],
    ) -> Done<()> {
        let trees = self.wants.format.trees();
        for (list, (tree, _)) in layout.playlists.iter().zip(trees) {
            let lines: Vec<Line> = list
                .items
                .iter()
                .filter_map(|n| {
                    let (item, entry) = (&layout.items[*n], entries[*n].as_ref()?);
                    Some(Line::of(&entry.path, &chosen.album.artist, &chosen.album.tracks[item.track?]))
                })
                .collect();
            let folder = list.path.rsplit_once('/').map_or("", |(folder, _)| &list.path[..=folder.len()]);
            let text = playlist(folder, &lines.iter().collect::<Vec<_>>());
            self.write_text(list.path.clone(), text, Kind::Playlist, false).await?;
            self.lines.entry(tree).or_default().extend(lines);
        }
        Ok(())
    }

    async fn write_text(&mut self, path: String, text: String, kind: Kind, is_ours: bool) -> Done<()> {
        let asked = path.clone();
        let written = self.on_drive(move |bench| bench.write_text(&asked, &text, kind, is_ours)).await?;
        self.planned.insert(path.clone());
        match written {
            Some(entry) => self.playlists.push(entry),
            None => self.problem(format!("{path} was not written: something else has this name.")),
        }
        Ok(())
    }

    // -- the end

    /// The playlist of everything, what is wanted no more, the manifest, the checksums.
    pub async fn finish(&mut self) -> Done<Ending> {
        for (tree, mut lines) in std::mem::take(&mut self.lines) {
            sort_for_people(&mut lines);
            let text = playlist(tree, &lines.iter().collect::<Vec<_>>());
            self.write_text(format!("{tree}{PLAYLIST}"), text, Kind::Playlist, true).await?;
        }
        let (left, removed) = self.let_go().await?;
        let client = self.context.app.db.get().await?;
        let manifest = Manifest {
            format: FORMAT.into(),
            version: VERSION,
            barbossa: env!("CARGO_PKG_VERSION").into(),
            created_at: self.context.app.clock.now(),
            library: self.library,
            user: self.export.username.clone(),
            kept_as: self.export.format.clone(),
            following: choose::following(&client, self.export.user_id).await?,
            albums: std::mem::take(&mut self.albums),
            playlists: std::mem::take(&mut self.playlists),
            left,
        };
        drop(client);
        let bytes: u64 = manifest.files().filter(|f| !manifest.left.contains(f)).map(|f| f.size).sum();
        let albums = i32::try_from(manifest.albums.len()).unwrap_or(i32::MAX);
        self.on_drive(move |bench| {
            let text = serde_json::to_string_pretty(&manifest).map_err(|e| Trouble::Drive(e.into()))?;
            let own = bench.write_text(MANIFEST, &text, Kind::Extra, true)?;
            let files =
                manifest.albums.iter().flat_map(Album::own_files).chain(&manifest.playlists).chain(&own);
            let sums = checksums(files.map(|f| (f.path.as_str(), f.sha256.as_str())));
            bench.write_text(CHECKSUMS, &sums, Kind::Extra, true)?;
            bench.tidy().map_err(Trouble::Drive)
        })
        .await?;
        Ok(Ending {
            albums,
            bytes: bytes.try_into().unwrap_or(i64::MAX),
            problems: std::mem::take(&mut self.problems),
            removed,
        })
    }

    /// Files of earlier exports that are not part of this one: what has a newer version goes, and what is not hearted any
    /// more stays and is listed, unless it is to be pruned. What stays, and the paths that are listed.
    async fn let_go(&self) -> Done<(Vec<FileEntry>, Vec<String>)> {
        let is_same_library = self.old_owner.as_ref().is_none_or(|owner| owner.library == self.library);
        let is_superseded = |f: &FileEntry| {
            f.kind == Kind::Playlist || (is_same_library && self.planned_ids.contains(&(f.id, f.kind)))
        };
        let old = self.bench.ours.0.values().filter(|f| !self.planned.contains(&f.path));
        let old: Vec<(FileEntry, bool)> = old.map(|f| (f.clone(), is_superseded(f))).collect();
        let is_pruned = self.export.prune;
        self.on_drive(move |bench| {
            let (mut left, mut removed) = (Vec::new(), Vec::new());
            for (file, is_superseded) in old {
                if bench.drive.look(&file.path).map_err(Trouble::Drive)? == There::Nothing {
                    continue;
                }
                if is_superseded || is_pruned {
                    bench.drive.remove(&file.path).map_err(Trouble::Drive)?;
                }
                if !is_superseded {
                    removed.push(file.path.clone());
                    if !is_pruned {
                        left.push(file);
                    }
                }
            }
            left.sort_by(|a, b| a.path.cmp(&b.path));
            removed.sort();
            Ok((left, removed))
        })
        .await
    }

    // -- going on and telling

    fn stop_if_told(&self) -> Done<()> {
        if self.context.stop.is_cancelled() { Err(Halt::Stopped) } else { Ok(()) }
    }

    async fn on_drive<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Bench) -> Result<T, Trouble> + Send + 'static,
    ) -> Done<T> {
        let bench = Arc::clone(&self.bench);
        blocking(move || work(&bench)).await?.map_err(|trouble| self.halt(trouble))
    }

    fn halt(&self, trouble: Trouble) -> Halt {
        match trouble {
            Trouble::Stopped => Halt::Stopped,
            Trouble::Drive(error) => Halt::Failed(advice(&self.export.destination, &error)),
            Trouble::Source(error) => Halt::Error(error.into()),
        }
    }

    fn problem(&mut self, sentence: String) {
        tracing::warn!(export_id = self.export.id, "{sentence}");
        if self.problems.len() < MOST_PROBLEMS {
            self.problems.push(sentence);
        }
    }

    /// Waits for something, and tells every second how far it is.
    async fn ticking<T>(&mut self, work: impl Future<Output = T>) -> T {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                done = &mut work => return done,
                () = tokio::time::sleep_until(self.told + TELL_EVERY) => self.tell().await,
            }
        }
    }

    async fn tell(&mut self) {
        self.told = Instant::now();
        let live = i64::try_from(self.bench.live.load(Ordering::Relaxed)).unwrap_or_default();
        let bytes = (self.progress.bytes + live).min(self.progress.total);
        let elapsed = self.started.elapsed().as_secs_f64().max(1.0);
        let speed = (bytes as f64 / elapsed) as i64;
        let left = self.progress.total - bytes;
        self.written_bytes = bytes;
        let eta = (speed > 0).then(|| left / speed);
        let progress = Progress { bytes, speed, eta, ..self.progress.clone() };
        self.context.progress.send_replace(Some(serde_json::json!({
            "done": bytes, "total": progress.total, "albums": progress.albums, "album": progress.album, "eta": eta,
        })));
        let Ok(mut client) = self.context.app.db.get().await else { return };
        let told = async {
            let tx = client.transaction().await?;
            self.export.tell(&tx, &progress).await?;
            tx.commit().await?;
            Ok::<(), Error>(())
        };
        if let Err(error) = told.await {
            tracing::debug!(error = &error as &dyn std::error::Error, "progress could not be told");
        }
    }
}

// -- the drive, before anything is written

struct Opened {
    drive: Drive,
    manifest: Option<Manifest>,
    journal: String,
}

/// Blocks. The error is a sentence.
fn open(app: &crate::app::App, destination: &Path) -> Result<Opened, String> {
    let shown = destination.display().to_string();
    ensure_drive(app, destination)?;
    let told = |error: std::io::Error| advice(&shown, &error);
    files::make_dirs(destination).map_err(told)?;
    let Some(drive) = Drive::open(destination).map_err(told)? else {
        return Err(format!("Another export is writing into {shown}: wait for it, then resume."));
    };
    let journal = drive.journal().map_err(told)?;
    let manifest = match drive.read(MANIFEST).map_err(told)? {
        Some(bytes) => match Manifest::parse(&bytes) {
            Ok(manifest) => Some(manifest),
            // A run that was killed while it wrote its last lines.
            Err(_) if Owner::of(None, &journal).is_some() => None,
            Err(why) => {
                drive.leave();
                return Err(format!("{shown} cannot be exported into: {why}. Choose another folder."));
            }
        },
        None => None,
    };
    if manifest.is_none() && Owner::of(None, &journal).is_none() {
        for name in [CHECKSUMS, PLAYLIST] {
            if drive.look(name).map_err(told)? != There::Nothing {
                drive.leave();
                return Err(format!(
                    "{shown} holds a {name} that is not from an export: choose another folder, or move it away."
                ));
            }
        }
    }
    Ok(Opened { drive, manifest, journal })
}

fn refusal(export: &Export, owner: Option<&Owner>, library: Uuid) -> Option<String> {
    let owner = owner?;
    let destination = &export.destination;
    if owner.user != export.username {
        return Some(format!("{destination} holds the export of {}: choose another folder.", owner.user));
    }
    (export.prune && owner.library != library).then(|| {
        format!("{destination} holds an export of another library: nothing in it is pruned. Choose another folder.")
    })
}

fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

fn gib(bytes: u64) -> String {
    format!("{:.1} GiB", bytes as f64 / f64::from(1 << 30))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exports::layout::Format;

    #[test]
    fn sizes_are_told_in_gib() {
        assert_eq!(gib(3 << 29), "1.5 GiB");
        assert_eq!(Format::of("both"), Some(Format::Both));
    }
}
