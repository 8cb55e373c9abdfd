//! The way back: an export becomes a library again. Each album goes through the one way in, with what the manifest knows
//! of it instead of what its tags say; then its history and the hearts return.
//!
//! Nothing of the export is changed. The job may be stopped anywhere and may run twice: what it has brought in already is
//! known by the folder it was brought in from.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::drive::{Hasher, Trouble, set_modified, sums};
use super::manifest::{Album, FileEntry, Kind, MANIFEST, Manifest, Track};
use super::names::safe;
use crate::auth::find_user_by_name;
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::files;
use crate::hearts::{self, Loved};
use crate::imports::{self, Known, KnownTrack, require_library};
use crate::jobs::{Context, Job, Outcome, Queue};
use crate::library::{self, AlbumProvenance, TrackProvenance};
use crate::parallel::blocking;

/// How often to look whether the imports have ended.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Until the music is back.
const AWAY: Duration = Duration::from_secs(30);
/// What an album may be said to come from.
const SOURCES: [&str; 7] = ["qobuz", "lidarr", "bandcamp", "youtube", "soundcloud", "url", "import"];

/// An export is to be taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restore {
    /// The export's folder, absolute.
    pub path: String,
    /// Who asked for it; none at the command line.
    pub requested_by: Option<i64>,
}

/// Whether a folder holds an export.
pub fn is_export(folder: &Path) -> bool {
    std::fs::read(folder.join(MANIFEST)).is_ok_and(|bytes| Manifest::parse(&bytes).is_ok())
}

impl Job for Restore {
    const KIND: &'static str = "exports.restore";
    const QUEUE: Queue = Queue::Imports;

    fn unique_key(&self) -> Option<String> {
        Some(self.path.clone())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        if let Err(alarm) = require_library(&context.app).await? {
            tracing::error!(path = self.path, "nothing is restored: {alarm}");
            return Ok(Outcome::Snooze(AWAY));
        }
        let folder = PathBuf::from(&self.path);
        let read = blocking(move || std::fs::read(folder.join(MANIFEST))).await?;
        let bytes = match read {
            Ok(bytes) => bytes,
            Err(e) => return Ok(Outcome::Cancel(format!("{}/{MANIFEST} cannot be read: {e}", self.path))),
        };
        let manifest = match Manifest::parse(&bytes) {
            Ok(manifest) => manifest,
            Err(why) => return Ok(Outcome::Cancel(format!("{} cannot be imported: {why}", self.path))),
        };
        let key = blake3::hash(&bytes).to_hex();
        let mut return_of = ReturnOf {
            context,
            job: &self,
            key: key[..12].to_owned(),
            states: HashMap::new(),
            problems: Vec::new(),
        };
        return_of.run(&manifest).await
    }
}

/// One run of the job.
struct ReturnOf<'c> {
    context: &'c Context,
    job: &'c Restore,
    /// Of this very manifest, in the names of folders.
    key: String,
    /// By the folder that an album was brought in from.
    states: HashMap<String, (String, Option<i64>, Option<String>)>,
    problems: Vec<String>,
}

const STATES: &str =
    "select distinct on (coalesce(arrived_path, source_path)) coalesce(arrived_path, source_path) as path,
        case when is_on_its_way then 'on its way' else state end as state, album_id, reason
    from import where coalesce(arrived_path, source_path) = any($1) order by 1, id desc";
const TRACKS_OF_ALBUM: &str =
    "select id, album_id, essence, disc_number, track_number from track where album_id = $1";
const TRACKS_OF_ESSENCE: &str =
    "select id, album_id, essence, disc_number, track_number from track where essence = any($1)";

impl ReturnOf<'_> {
    async fn run(&mut self, manifest: &Manifest) -> Result<Outcome> {
        let paths: Vec<String> = manifest.albums.iter().enumerate().map(|(n, a)| self.place(n, a)).collect();
        self.look(&paths).await?;
        let mut waiting = 0;
        for (album, path) in manifest.albums.iter().zip(&paths) {
            if self.context.stop.is_cancelled() {
                return Ok(Outcome::Snooze(Duration::ZERO));
            }
            match self.states.get(path).map(|(state, ..)| state.as_str()) {
                None => waiting += usize::from(self.bring(album, path).await?),
                Some("on its way") => waiting += 1,
                Some(_) => {}
            }
        }
        if waiting > 0 {
            let (total, done) = (paths.len(), paths.len() - waiting);
            self.context.progress.send_replace(Some(json!({"total": total, "done": done})));
            return Ok(Outcome::Snooze(LOOK_EVERY));
        }
        self.finish(manifest, &paths).await
    }

    /// Where an album waits to be taken in, relative to MUSIC_PATH.
    fn place(&self, n: usize, album: &Album) -> String {
        let name = safe(&format!("{} - {}", album.artist, album.title));
        format!("import/pending/Restored {}/{n:05} {name}", self.key)
    }

    async fn look(&mut self, paths: &[String]) -> Result<()> {
        let rows = self.context.app.db.get().await?.rows(STATES, &[&paths]).await?;
        self.states = rows.iter().map(|r| (r.get(0), (r.get(1), r.get(2), r.get(3)))).collect();
        Ok(())
    }

    /// Copies an album to where music arrives, verified, and asks for its import; whether there is one to wait for.
    async fn bring(&mut self, album: &Album, path: &str) -> Result<bool> {
        let music = self.context.app.music().to_owned();
        let staged = music.join("import/.restoring").join(&self.key);
        let target = music.join(path);
        let plan = copies(album);
        if plan.tracks.is_empty() {
            return Ok(false);
        }
        let (from, stop) = (PathBuf::from(&self.job.path), self.context.stop.clone());
        let (copies, to, is_there) = (plan.copies, staged.clone(), target.is_dir());
        let copied =
            blocking(move || if is_there { Ok(Vec::new()) } else { copy_all(&from, &to, &copies, &stop) });
        match copied.await? {
            // What is missing in the end is told then.
            Ok(problems) => {
                for problem in problems {
                    tracing::warn!(export = self.job.path, "{problem}");
                }
            }
            Err(Trouble::Stopped) => return Ok(true),
            Err(Trouble::Source(error) | Trouble::Drive(error)) => return Err(error.into()),
        }
        let known = known(album, plan.tracks);
        let mut client = self.context.app.db.get().await?;
        let tx = client.transaction().await?;
        self.context.hold(&tx).await?;
        imports::bring(&tx, path, source(&album.source), self.job.requested_by, known).await?;
        // The row is there when the folder is; and without the commit the next run finds the folder.
        let moved = blocking(move || {
            if target.is_dir() {
                return Ok(true);
            }
            if !staged.is_dir() {
                return Ok(false);
            }
            files::make_dirs(target.parent().unwrap_or(&target))?;
            files::rename_noreplace(&staged, &target).map(|()| true)
        });
        if !moved.await?? {
            return Ok(false);
        }
        tx.commit().await?;
        Ok(true)
    }

    /// Every album has its place: now history and hearts.
    async fn finish(&mut self, manifest: &Manifest, paths: &[String]) -> Result<Outcome> {
        let (mut loved, mut albums, mut tracks) = (Loved::default(), 0, 0);
        for (album, path) in manifest.albums.iter().zip(paths) {
            let state = self.states.get(path).cloned();
            let rows = self.rows_of(album, state.as_ref().and_then(|(_, id, _)| *id)).await?;
            let Some(album_id) = rows.first().map(|(_, album_id, _)| *album_id) else {
                let why = state.and_then(|(state, _, reason)| Some(format!("{state}: {}", reason?)));
                let why = why.unwrap_or_else(|| "none of its files could be read".into());
                self.problems.push(format!("{} – {} was not imported ({why})", album.artist, album.title));
                continue;
            };
            albums += 1;
            tracks += rows.len();
            let is_here = |track: &Track| rows.iter().any(|(_, _, here)| std::ptr::eq(*here, track));
            self.problems.extend(album.tracks.iter().filter(|track| !is_here(track)).map(|track| {
                let path = track.files.first().map_or("its file", |f| f.path.as_str());
                format!(
                    "“{}” by {} is not here: {path} is damaged or missing in the export.",
                    track.title, album.artist
                )
            }));
            if state.is_some_and(|(state, ..)| state == "done") {
                self.write_history(album, album_id, &rows).await?;
            }
            loved.albums.extend(album.hearted_at.map(|at| (album_id, at)));
            loved.tracks.extend(rows.iter().filter_map(|(id, _, t)| Some((*id, t.hearted_at?))));
        }
        let hearts = self.give_hearts(manifest, &loved).await?;
        let music = self.context.app.music().to_owned();
        let key = self.key.clone();
        blocking(move || {
            files::remove_tree_if_there(&music.join("import/.restoring"))?;
            files::remove_dir_if_empty(&music.join(format!("import/pending/Restored {key}"))).map(drop)
        })
        .await??;
        let problems = std::mem::take(&mut self.problems);
        Ok(Outcome::Done(json!({
            "state": "restored", "albums": albums, "tracks": tracks, "hearts": hearts, "user": manifest.user,
            "problems": problems,
        })))
    }

    /// The library's rows of an album's tracks: each with its album and what the manifest says of it.
    async fn rows_of<'m>(&self, album: &'m Album, id: Option<i64>) -> Result<Vec<(i64, i64, &'m Track)>> {
        let client = self.context.app.db.get().await?;
        let essences: Vec<&str> = album.tracks.iter().filter_map(|t| t.essence.as_deref()).collect();
        let rows = match id {
            Some(id) => client.rows(TRACKS_OF_ALBUM, &[&id]).await?,
            None => client.rows(TRACKS_OF_ESSENCE, &[&essences]).await?,
        };
        let found = album.tracks.iter().filter_map(|track| {
            let is_it = |row: &&tokio_postgres::Row| {
                let essence: Option<&str> = row.get(2);
                essence.is_some() && essence == track.essence.as_deref()
            };
            let is_its_place = |row: &&tokio_postgres::Row| {
                id.is_some()
                    && (row.get::<_, i32>(3), row.get::<_, i32>(4)) == (track.disc_number, track.track_number)
            };
            let row = rows.iter().find(is_it).or_else(|| rows.iter().find(is_its_place))?;
            Some((row.get(0), row.get(1), track))
        });
        Ok(found.collect())
    }

    async fn write_history(&self, album: &Album, album_id: i64, rows: &[(i64, i64, &Track)]) -> Result<()> {
        let about = AlbumProvenance {
            album_id,
            source: source(&album.source).to_owned(),
            source_url: album.source_url.clone(),
            added_at: album.added_at,
        };
        let tracks = rows.iter().map(|(track_id, _, track)| TrackProvenance {
            track_id: *track_id,
            source: track.source.clone(),
            source_url: track.source_url.clone(),
            imported_at: track.imported_at,
            imported_by: track.imported_by.clone(),
            is_lossy: track.is_lossy || track.files.iter().all(|f| f.kind == Kind::Mp3),
        });
        let tracks: Vec<TrackProvenance> = tracks.collect();
        let mut client = self.context.app.db.get().await?;
        let tx = client.transaction().await?;
        library::restore_provenance(&tx, &about, &tracks).await?;
        Ok(tx.commit().await?)
    }

    async fn give_hearts(&mut self, manifest: &Manifest, loved: &Loved) -> Result<u64> {
        let mut client = self.context.app.db.get().await?;
        let user = match find_user_by_name(&client, &manifest.user).await {
            Ok(user) => user,
            Err(Error::NotFound(_)) => {
                self.problems.push(format!(
                    "Nobody here is called {}: create the user and import the export again, and the hearts return.",
                    manifest.user
                ));
                return Ok(0);
            }
            Err(error) => return Err(error),
        };
        let tx = client.transaction().await?;
        hearts::stand_still(&tx).await?;
        let count = hearts::restore_hearts(&tx, user.id, loved).await?;
        for artist in &manifest.following {
            let key = library::identity_key(&artist.name);
            hearts::restore_following(&tx, user.id, &key, artist.musicbrainz_id).await?;
        }
        tx.commit().await?;
        Ok(count)
    }
}

fn source(name: &str) -> &'static str {
    SOURCES.into_iter().find(|known| *known == name).unwrap_or("import")
}

// -- what is copied where

/// A file of the export, and its path in the album's folder.
struct Copy {
    file: FileEntry,
    to: String,
}

#[derive(Default)]
struct Copies {
    copies: Vec<Copy>,
    /// By path in the folder.
    tracks: Vec<(String, Track)>,
}

/// The tracks as they were kept (as MP3 where nothing else is there), discs in folders of their own, lyrics beside them;
/// covers and booklets once, where they were.
fn copies(album: &Album) -> Copies {
    let mut plan = Copies::default();
    for track in &album.tracks {
        let of_kind = |kind| track.files.iter().find(|f| f.kind == kind);
        let Some(file) = of_kind(Kind::Original).or_else(|| of_kind(Kind::Mp3)) else { continue };
        let ending = file.path.rsplit_once('.').map_or("", |(_, ending)| ending);
        let number = |n: i32| u32::try_from(n).unwrap_or_default();
        let discs = number(album.disc_count).max(1);
        let (disc, n) = (number(track.disc_number), number(track.track_number));
        let mut to = library::track_file_name(disc, n, &track.title, discs, ending);
        for again in 2.. {
            if plan.copies.iter().all(|c| c.to != to) {
                break;
            }
            to = library::file_numbered(
                &library::track_file_name(disc, n, &track.title, discs, ending),
                again,
            );
        }
        if let Some(lyrics) = of_kind(Kind::Lyrics) {
            let stem = to.rsplit_once('.').map_or(to.as_str(), |(stem, _)| stem);
            plan.copies.push(Copy { file: lyrics.clone(), to: format!("{stem}.lrc") });
        }
        plan.copies.push(Copy { file: file.clone(), to: to.clone() });
        plan.tracks.push((to, track.clone()));
    }
    let root = common_folder(album);
    for file in &album.files {
        let to = file.path.strip_prefix(&root).unwrap_or(&file.path);
        if plan.copies.iter().all(|c| c.to != to && !(c.file.kind == file.kind && c.file.of == file.of)) {
            plan.copies.push(Copy { file: file.clone(), to: to.to_owned() });
        }
    }
    plan
}

/// The folder of the album's own files, with a `/` at its end: that of its cover, else what all its files lie in.
fn common_folder(album: &Album) -> String {
    let folder = |path: &str| path.rsplit_once('/').map_or(String::new(), |(folder, _)| format!("{folder}/"));
    if let Some(cover) = album.files.iter().find(|f| f.kind == Kind::Artwork) {
        return folder(&cover.path);
    }
    let mut common = album.own_files().next().map(|f| folder(&f.path)).unwrap_or_default();
    while !album.files.iter().all(|f| f.path.starts_with(&common)) {
        common = folder(common.trim_end_matches('/'));
    }
    common
}

fn known(album: &Album, tracks: Vec<(String, Track)>) -> Known {
    let number = |n: i32| u32::try_from(n).unwrap_or_default();
    let track = |t: Track| KnownTrack {
        disc_number: number(t.disc_number),
        track_number: number(t.track_number),
        title: t.title,
        artist: t.artist,
        genre: t.genre,
        composer: t.composer,
        isrc: t.isrc,
        recording_id: t.musicbrainz_id,
    };
    Known {
        artist: album.artist.clone(),
        artist_sort: album.artist_sort.clone(),
        artist_id: album.artist_musicbrainz_id,
        title: album.title.clone(),
        year: album.year,
        total_tracks: number(album.total_tracks),
        disc_count: number(album.disc_count),
        genre: album.genre.clone(),
        label: album.label.clone(),
        catalog_number: album.catalog_number.clone(),
        barcode: album.barcode.clone(),
        release_id: album.musicbrainz_id,
        release_type: album.release_type.clone(),
        is_compilation: album.is_compilation,
        tracks: tracks.into_iter().map(|(path, t)| (path, track(t))).collect(),
    }
}

/// Copies what is whole into a new folder; sentences about what is not. No folder when there is no music. Blocks.
fn copy_all(
    from: &Path,
    to: &Path,
    copies: &[Copy],
    stop: &CancellationToken,
) -> std::result::Result<Vec<String>, Trouble> {
    let on_disk = Trouble::Drive;
    files::remove_tree_if_there(to).map_err(on_disk)?;
    let (mut problems, mut has_music) = (Vec::new(), false);
    for copy in copies {
        // A manifest may have been written by anyone.
        let Some(target) = files::beneath(to, &copy.to) else {
            problems.push(format!("{} is no plain path: it was left out.", copy.to));
            continue;
        };
        let mut source = match files::open_beneath(from, &copy.file.path) {
            Ok(source) => source,
            Err(e) => {
                problems.push(format!("{} cannot be read: {e}", copy.file.path));
                continue;
            }
        };
        let read = sums(&mut source, Trouble::Source, stop);
        match read {
            Ok(read) if read.sha256 == copy.file.sha256 => {}
            Ok(_) => {
                problems.push(format!(
                    "{} is not what was exported: it is damaged, and was left out.",
                    copy.file.path
                ));
                continue;
            }
            Err(Trouble::Source(e)) => {
                problems.push(format!("{} cannot be read: {e}", copy.file.path));
                continue;
            }
            Err(stopped) => return Err(stopped),
        }
        files::make_dirs(target.parent().unwrap_or(to)).map_err(on_disk)?;
        copy_one(&mut source, &target, &copy.file.sha256, stop)?;
        has_music |= matches!(copy.file.kind, Kind::Original | Kind::Mp3);
    }
    if !has_music {
        files::remove_tree_if_there(to).map_err(on_disk)?;
    }
    Ok(problems)
}

/// What is written is what was read, or nothing is.
fn copy_one(
    source: &mut File,
    target: &Path,
    sha256: &str,
    stop: &CancellationToken,
) -> std::result::Result<(), Trouble> {
    io::Seek::rewind(source).map_err(Trouble::Source)?;
    let mut written = File::options().write(true).create_new(true).open(target).map_err(Trouble::Drive)?;
    let (mut hasher, mut buffer) = (Hasher::default(), vec![0; 1 << 20]);
    loop {
        if stop.is_cancelled() {
            return Err(Trouble::Stopped);
        }
        match source.read(&mut buffer).map_err(Trouble::Source)? {
            0 => break,
            count => {
                hasher.update(&buffer[..count]);
                written.write_all(&buffer[..count]).map_err(Trouble::Drive)?;
            }
        }
    }
    if hasher.finish().sha256 != sha256 {
        return Err(Trouble::Source(io::Error::other("it changed while it was read")));
    }
    set_modified(&written, source.metadata().and_then(|m| m.modified()));
    written.sync_all().map_err(Trouble::Drive)
}
