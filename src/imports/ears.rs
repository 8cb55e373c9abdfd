//! inotify(7) on a tree of folders: which paths changed, and which files are open for writing.
//!
//! A folder that was made is watched and then scanned, since what was put into it before the watch made no sound; the
//! queue of the kernel may overflow, and then only a sweep knows.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::StreamExt;
use inotify::{EventMask, EventOwned, EventStream, Inotify, WatchDescriptor, WatchMask};

/// Events come in storms while something is copied; one look after each storm is enough.
const STORM: Duration = Duration::from_millis(100);

/// An open inotify instance and what is known through it.
pub struct Ears {
    events: EventStream<Vec<u8>>,
    folders: HashMap<WatchDescriptor, PathBuf>,
    writing: HashSet<PathBuf>,
    has_overflowed: bool,
}

impl Ears {
    /// Hears nothing yet.
    ///
    /// # Errors
    /// When the kernel has no instance left for this user.
    pub fn open() -> io::Result<Self> {
        let events = Inotify::init()?.into_event_stream(vec![0; 64 * 1024])?;
        Ok(Self { events, folders: HashMap::new(), writing: HashSet::new(), has_overflowed: false })
    }

    /// Watches a folder and all beneath it. What is gone meanwhile is passed over.
    ///
    /// # Errors
    /// When the kernel has no watch left for this user (ENOSPC), or refuses otherwise.
    pub fn listen_to(&mut self, folder: &Path) -> io::Result<()> {
        self.add(folder, &mut HashSet::new())
    }

    fn add(&mut self, folder: &Path, dirty: &mut HashSet<PathBuf>) -> io::Result<()> {
        let mask = WatchMask::CREATE
            | WatchMask::MODIFY
            | WatchMask::ATTRIB
            | WatchMask::CLOSE_WRITE
            | WatchMask::MOVED_FROM
            | WatchMask::MOVED_TO
            | WatchMask::DELETE
            | WatchMask::ONLYDIR
            | WatchMask::DONT_FOLLOW
            | WatchMask::EXCL_UNLINK;
        match self.events.watches().add(folder, mask) {
            Ok(descriptor) => self.folders.insert(descriptor, folder.to_owned()),
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                return Ok(());
            }
            Err(e) => return Err(e),
        };
        dirty.insert(folder.to_owned());
        let Ok(entries) = std::fs::read_dir(folder) else { return Ok(()) };
        for entry in entries.flatten().filter(|e| e.file_type().is_ok_and(|t| t.is_dir())) {
            self.add(&entry.path(), dirty)?;
        }
        Ok(())
    }

    /// Waits for events, takes all that come within a moment, and notes their paths.
    pub async fn hear(&mut self, dirty: &mut HashSet<PathBuf>) {
        let Some(first) = self.events.next().await else {
            self.has_overflowed = true;
            return tokio::time::sleep(STORM).await;
        };
        self.note(first, dirty);
        let end = tokio::time::Instant::now() + STORM;
        while let Ok(Some(event)) = tokio::time::timeout_at(end, self.events.next()).await {
            self.note(event, dirty);
        }
    }

    fn note(&mut self, event: io::Result<EventOwned>, dirty: &mut HashSet<PathBuf>) {
        let Ok(event) = event else {
            self.has_overflowed = true;
            return;
        };
        if event.mask.contains(EventMask::Q_OVERFLOW) {
            self.has_overflowed = true;
            // Who closed what was lost with the rest; quiet times still hold.
            self.writing.clear();
            return;
        }
        if event.mask.contains(EventMask::IGNORED) {
            self.folders.remove(&event.wd);
            return;
        }
        let Some(folder) = self.folders.get(&event.wd) else { return };
        let path = event.name.as_ref().map_or_else(|| folder.clone(), |name| folder.join(name));
        if event.mask.contains(EventMask::ISDIR) {
            self.note_folder(event.mask, &path, dirty);
        } else if event.mask.contains(EventMask::MODIFY) {
            self.writing.insert(path.clone());
        } else if event.mask.intersects(EventMask::CLOSE_WRITE | EventMask::DELETE | EventMask::MOVED_FROM) {
            self.writing.remove(&path);
        }
        dirty.insert(path);
    }

    fn note_folder(&mut self, mask: EventMask, path: &Path, dirty: &mut HashSet<PathBuf>) {
        if mask.intersects(EventMask::CREATE | EventMask::MOVED_TO) {
            // Without a watch left, the next sweep finds out and says so.
            self.has_overflowed |= self.add(path, dirty).is_err();
        } else if mask.intersects(EventMask::DELETE | EventMask::MOVED_FROM) {
            self.writing.retain(|file| !file.starts_with(path));
        }
    }

    /// Files that were written to and not closed since.
    pub fn writers(&self) -> Vec<PathBuf> {
        self.writing.iter().cloned().collect()
    }

    /// Whether something was missed since the last call.
    pub fn take_overflow(&mut self) -> bool {
        std::mem::take(&mut self.has_overflowed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files;
    use std::io::Write;

    async fn heard(ears: &mut Ears) -> HashSet<PathBuf> {
        let mut dirty = HashSet::new();
        tokio::time::timeout(Duration::from_secs(5), ears.hear(&mut dirty)).await.unwrap();
        dirty
    }

    #[tokio::test]
    async fn a_file_is_being_written_until_it_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        let mut ears = Ears::open().unwrap();
        ears.listen_to(dir.path()).unwrap();
        let path = dir.path().join("song.flac");
        let mut file = std::fs::File::create(&path).unwrap();
        file.write_all(b"half").unwrap();
        assert!(heard(&mut ears).await.contains(&path));
        assert_eq!(ears.writers(), std::slice::from_ref(&path));
        drop(file);
        heard(&mut ears).await;
        assert!(ears.writers().is_empty());
    }

    #[tokio::test]
    async fn what_is_put_into_a_new_folder_at_once_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let mut ears = Ears::open().unwrap();
        ears.listen_to(dir.path()).unwrap();
        let deep = dir.path().join("album/CD1");
        std::fs::create_dir_all(&deep).unwrap();
        std::fs::write(deep.join("1.flac"), "x").unwrap();
        assert!(heard(&mut ears).await.iter().any(|p| p.starts_with(dir.path().join("album"))));
        std::fs::write(deep.join("2.flac"), "x").unwrap();
        let mut dirty = HashSet::new();
        while !dirty.contains(&deep.join("2.flac")) {
            dirty.extend(heard(&mut ears).await);
        }
    }

    #[tokio::test]
    async fn a_queue_that_overflows_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let mut ears = Ears::open().unwrap();
        ears.listen_to(dir.path()).unwrap();
        let limit = std::fs::read_to_string("/proc/sys/fs/inotify/max_queued_events").unwrap();
        let limit: usize = limit.trim().parse().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        std::fs::write(&a, "x").unwrap();
        // Two events each, of which no two in a row are alike.
        for _ in 0..=limit / 4 {
            files::rename_noreplace(&a, &b).unwrap();
            files::rename_noreplace(&b, &a).unwrap();
        }
        while !ears.take_overflow() {
            heard(&mut ears).await;
        }
        assert!(ears.writers().is_empty());
    }
}
