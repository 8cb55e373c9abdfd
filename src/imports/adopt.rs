//! Adopting: an existing library is indexed where it lies, without moving or changing a file.
//!
//! Quick, because people wait for it with their whole collection: folders are read on all processors while the rows of
//! those before are written, some hundred albums a transaction; what has not changed since the last time is not read.
//! Checksums and essences follow in the background (`library.read_essences`).

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::identify::identify;
use super::plan::cover_among;
use super::read::{Candidate, File};
use super::tree::{Entry, Kind, Tree};
use super::{names, parallel, record, require_library};
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::events::{self, Audience};
use crate::files::{path_to_text, text_to_path};
use crate::jobs::{self, Context, Job, Outcome, Queue};
use crate::library::{self, NewAlbum, NewTrack};

/// Albums of one transaction: enough that its cost does not count, few enough that the first are seen at once.
const BATCH: usize = 250;
/// Of the files that cannot be read, so many are named in the answer; all of them in the journal.
const NAMED: usize = 200;

/// Index a folder of the library where it lies.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopt {
    /// `artists` or a folder beneath it, relative to MUSIC_PATH.
    pub dir: String,
}

impl Job for Adopt {
    const KIND: &'static str = "imports.adopt";
    const QUEUE: Queue = Queue::Imports;
    const MAX_ATTEMPTS: i32 = 3;

    fn unique_key(&self) -> Option<String> {
        Some(self.dir.clone())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        if let Err(alarm) = require_library(&context.app).await? {
            return Ok(Outcome::Cancel(alarm));
        }
        if !is_adoptable(&self.dir) {
            let reason = format!("{} is not artists/ or a folder beneath it in the music folder", self.dir);
            return Ok(Outcome::Cancel(reason));
        }
        let known = known_files(context, &self.dir).await?;
        let mut reading = Reading::start(context, &self.dir, known).await?;
        let mut sum = Sum { unchanged: reading.unchanged, ..Sum::default() };
        let mut batch = Vec::new();
        while let Some(read) = reading.releases.recv().await {
            sum.add(&read);
            batch.extend(read.album);
            if batch.len() >= BATCH {
                write(context, &mut batch, &mut sum).await?;
            }
            let progress = json!({"files": sum.files, "total": reading.total, "albums": sum.albums});
            context.progress.send_replace(Some(progress));
        }
        write(context, &mut batch, &mut sum).await?;
        if context.stop.is_cancelled() {
            return Ok(Outcome::Snooze(std::time::Duration::ZERO));
        }
        sum.tell(context).await
    }
}

/// `artists`, or a plain path beneath it.
fn is_adoptable(dir: &str) -> bool {
    let mut parts = dir.split('/');
    parts.next() == Some("artists") && parts.all(|p| !p.is_empty() && p != "." && p != "..")
}

/// What was done, for the answer.
#[derive(Debug, Default)]
struct Sum {
    files: usize,
    albums: usize,
    tracks: usize,
    new_albums: usize,
    unchanged: usize,
    unreadable: Vec<String>,
}

impl Sum {
    fn add(&mut self, read: &ReadRelease) {
        self.files += read.file_count;
        for unreadable in &read.unreadable {
            tracing::warn!("not adopted: {unreadable}");
        }
        self.unreadable.extend(read.unreadable.iter().cloned());
    }

    /// The announcement, the background reading, and the answer.
    async fn tell(self, context: &Context) -> Result<Outcome> {
        let mut client = context.app.db.get().await?;
        let tx = client.transaction().await?;
        if self.albums > 0 {
            events::publish(&tx, "library:updated", Audience::Everyone, &json!({"adopted": self.albums}))
                .await?;
        }
        jobs::enqueue(&tx, &library::ReadEssences::default()).await?;
        tx.commit().await?;
        Ok(Outcome::Done(json!({
            "files": self.files,
            "albums": self.albums,
            "tracks": self.tracks,
            "new_albums": self.new_albums,
            "unchanged_files": self.unchanged,
            "unreadable_files": self.unreadable.len(),
            "unreadable": self.unreadable.iter().take(NAMED).collect::<Vec<_>>(),
        })))
    }
}

async fn write(context: &Context, batch: &mut Vec<NewAlbum>, sum: &mut Sum) -> Result<()> {
    if batch.is_empty() {
        return Ok(());
    }
    let mut client = context.app.db.get().await?;
    let tx = client.transaction().await?;
    let recorded = library::record(&tx, batch).await?;
    for album in recorded.iter().filter(|r| r.is_new) {
        crate::hearts::follow(&tx, album.artist_id, album.album_id).await?;
    }
    tx.commit().await?;
    sum.albums += batch.len();
    sum.tracks += batch.iter().map(|a| a.tracks.len()).sum::<usize>();
    sum.new_albums += recorded.iter().filter(|r| r.is_new).count();
    batch.clear();
    Ok(())
}

/// Size and time of each file that the rows know, by its path relative to MUSIC_PATH.
type Known = HashMap<String, (i64, Timestamp)>;

const KNOWN: &str = "select path, size_bytes, modified_at from track where path like $1 escape '\\'";

async fn known_files(context: &Context, dir: &str) -> Result<Known> {
    let escaped = dir.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let rows = context.app.db.get().await?.rows(KNOWN, &[&format!("{escaped}/%")]).await?;
    Ok(rows.iter().map(|row| (row.get(0), (row.get(1), row.get(2)))).collect())
}

/// One folder, read.
struct ReadRelease {
    album: Option<NewAlbum>,
    file_count: usize,
    unreadable: Vec<String>,
}

/// Threads that read, and what comes from them.
struct Reading {
    releases: mpsc::Receiver<ReadRelease>,
    total: usize,
    unchanged: usize,
}

/// What the reading threads share.
struct Shelf {
    music: PathBuf,
    /// Relative to MUSIC_PATH.
    dir: PathBuf,
    tree: Tree,
    stop: CancellationToken,
    next: AtomicUsize,
}

impl Reading {
    async fn start(context: &Context, dir: &str, known: Known) -> Result<Self> {
        let (music, dir) = (context.app.music().to_owned(), text_to_path(dir));
        let whole = music.join(&dir);
        let tree =
            tokio::task::spawn_blocking(move || Tree::of(&whole)).await.map_err(anyhow::Error::from)?;
        let tree = tree.map_err(|e| Error::Invalid(format!("{} could not be read: {e}", dir.display())))?;
        let (stop, next) = (context.stop.clone(), AtomicUsize::new(0));
        let shelf = Arc::new(Shelf { music, dir, tree, stop, next });
        let (sender, releases) = mpsc::channel(2 * BATCH);
        let (total, unchanged) = tokio::task::spawn_blocking(move || shelf.read_all(&known, &sender))
            .await
            .map_err(anyhow::Error::from)?;
        Ok(Self { releases, total, unchanged })
    }
}

impl Shelf {
    /// Starts the readers; how many files they will read, and how many need not be.
    fn read_all(self: Arc<Self>, known: &Known, sender: &mpsc::Sender<ReadRelease>) -> (usize, usize) {
        let releases = self.tree.releases();
        let is_changed =
            |files: &[&Entry]| files.iter().any(|f| f.kind == Kind::Audio && !self.is_known(f, known));
        let audio = |files: &[&Entry]| files.iter().filter(|f| f.kind == Kind::Audio).count();
        let is_hidden = |folder: &Path| folder.iter().any(|part| part.as_encoded_bytes().starts_with(b"."));
        let visible = releases.iter().filter(|(folder, _)| !is_hidden(folder));
        let (changed, unchanged): (Vec<_>, Vec<_>) = visible.partition(|(_, files)| is_changed(files));
        let total = changed.iter().map(|(_, files)| audio(files)).sum();
        let unchanged = unchanged.iter().map(|(_, files)| audio(files)).sum();
        let folders: Arc<[PathBuf]> = changed.into_iter().map(|(folder, _)| folder.clone()).collect();
        let entries: Arc<HashMap<PathBuf, Vec<Entry>>> = Arc::new(
            folders.iter().map(|f| (f.clone(), releases[f].iter().map(|e| (*e).clone()).collect())).collect(),
        );
        for _ in 0..parallel::readers() {
            let (shelf, folders, entries, sender) =
                (self.clone(), folders.clone(), entries.clone(), sender.clone());
            tokio::task::spawn_blocking(move || shelf.read_some(&folders, &entries, &sender));
        }
        (total, unchanged)
    }

    /// One reader: takes the next folder until there is none, or nobody listens.
    fn read_some(
        &self,
        folders: &[PathBuf],
        entries: &HashMap<PathBuf, Vec<Entry>>,
        sender: &mpsc::Sender<ReadRelease>,
    ) {
        while !self.stop.is_cancelled()
            && let Some(folder) = folders.get(self.next.fetch_add(1, Ordering::Relaxed))
        {
            let read = self.read_release(folder, &entries[folder]);
            if sender.blocking_send(read).is_err() {
                return;
            }
        }
    }

    fn is_known(&self, file: &Entry, known: &Known) -> bool {
        let path = self.dir.join(&file.relative);
        let found = path.to_str().and_then(|p| known.get(p));
        found.is_some_and(|(size, modified)| {
            let now = File::of(file);
            // PostgreSQL keeps microseconds.
            *size == now.size_bytes as i64 && modified.as_microsecond() == now.modified_at.as_microsecond()
        })
    }

    fn read_release(&self, folder: &Path, entries: &[Entry]) -> ReadRelease {
        let file_count = entries.iter().filter(|f| f.kind == Kind::Audio).count();
        let path = self.dir.join(folder);
        let excuse = |what: String| ReadRelease { album: None, file_count, unreadable: vec![what] };
        let Some(text) = path.to_str().filter(|p| *p != "artists") else {
            return excuse(format!(
                "{}: not in a folder of an album, or its name is not UTF-8",
                path.display()
            ));
        };
        // Relative to the release's own folder, as an import sees it.
        let own: Vec<Entry> = entries
            .iter()
            .filter_map(|e| {
                Some(Entry { relative: e.relative.strip_prefix(folder).ok()?.to_owned(), ..e.clone() })
            })
            .collect();
        let refs: Vec<&Entry> = own.iter().collect();
        match Candidate::read_alone(&self.music.join(&path), &refs) {
            Ok(candidate) => adopted(text, &candidate, file_count),
            Err(e) => excuse(format!("{text}: {e}")),
        }
    }
}

fn adopted(path: &str, candidate: &Candidate, file_count: usize) -> ReadRelease {
    let damaged = candidate.damaged.iter();
    let mut unreadable: Vec<String> =
        damaged.map(|d| format!("{path}/{}: {}", path_to_text(&d.file.relative), d.reason)).collect();
    let identified = identify(candidate);
    let release = &identified.release;
    let mut tracks: Vec<NewTrack> = Vec::new();
    for (file, track) in candidate.tracks.iter().zip(&release.tracks) {
        let Some(name) = file.file.relative.to_str() else {
            unreadable.push(format!("{path}/{}: its name is not UTF-8", path_to_text(&file.file.relative)));
            continue;
        };
        tracks.push(NewTrack {
            path: format!("{path}/{name}"),
            size_bytes: file.file.size_bytes.try_into().unwrap_or(i64::MAX),
            modified_at: file.file.modified_at,
            ..record::of_track(track)
        });
    }
    let cover = cover_among(candidate.others.iter().filter_map(|o| o.relative.to_str()));
    let (artist, title) = names_of(path, &release.artist, &release.title);
    let album = NewAlbum {
        artist,
        title,
        path: path.to_owned(),
        artwork_path: cover.map(|name| format!("{path}/{name}")),
        tracks,
        ..record::of_release(release)
    };
    ReadRelease { album: Some(album).filter(|a| !a.tracks.is_empty()), file_count, unreadable }
}

/// What tags do not say, the path says: nothing of a library is left out.
fn names_of(path: &str, artist: &str, title: &str) -> (String, String) {
    let mut parts = path.rsplit('/');
    let folder = names::folder(parts.next().unwrap_or_default());
    let above = parts.next().filter(|a| *a != "artists");
    let artist = match artist {
        "" => folder.artist.or(above.map(str::to_owned)).unwrap_or_else(|| "Unknown Artist".into()),
        artist => artist.to_owned(),
    };
    let title = match title {
        "" => folder.album.unwrap_or_else(|| path.to_owned()),
        title => title.to_owned(),
    };
    (artist, title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_library_can_be_adopted() {
        for dir in ["artists", "artists/Ann", "artists/Ann/Album (1999)"] {
            assert!(is_adoptable(dir), "{dir}");
        }
        for dir in ["", "users", "artists/../users", "artists/", "/artists", "import/pending", "artistsx"] {
            assert!(!is_adoptable(dir), "{dir}");
        }
    }

    #[test]
    fn what_tags_do_not_say_the_path_says() {
        let of = |path, artist, title| names_of(path, artist, title);
        let both = |a: &str, t: &str| (a.to_owned(), t.to_owned());
        assert_eq!(of("artists/Ann/Album (1999)", "", ""), both("Ann", "Album"));
        assert_eq!(of("artists/Ann - Album", "", ""), both("Ann", "Album"));
        assert_eq!(of("artists/Album", "", ""), both("Unknown Artist", "Album"));
        assert_eq!(of("artists/Ann/Album", "Bob", "Other"), both("Bob", "Other"));
    }
}
