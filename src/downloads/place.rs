//! Where a download lies: hidden until it is whole, then under its number, where the imports take it.

use std::io;
use std::path::{Path, PathBuf};

use crate::audio;
use crate::files;

/// The two names of one download's folder.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// What is not whole; hidden, so that neither the watcher nor the sweep sees it.
    pub staging: PathBuf,
    /// What is.
    pub whole: PathBuf,
}

impl Place {
    pub fn of(music: &Path, source: &str, id: i64) -> Self {
        let room = music.join("downloads").join(source);
        Self { staging: room.join(format!(".fetching-{id}")), whole: room.join(id.to_string()) }
    }

    /// Relative to MUSIC_PATH.
    pub fn path(source: &str, id: i64) -> String {
        format!("downloads/{source}/{id}")
    }

    /// Whether it was whole before, and is to be handed over.
    pub fn is_whole(&self) -> bool {
        self.whole.is_dir()
    }

    /// What is in the folder reaches the disk, and the folder gets its visible name; bytes in it. None, when there is no
    /// audio in it.
    ///
    /// # Errors
    /// What the file system says.
    pub fn publish(&self) -> io::Result<Option<u64>> {
        let (mut size, mut has_audio) = (0, false);
        for entry in walkdir::WalkDir::new(&self.staging).contents_first(true) {
            let entry = entry?;
            if entry.file_type().is_file() {
                has_audio |= audio::is_audio_name(entry.path());
                size += entry.metadata()?.len();
                files::sync_file(entry.path())?;
            } else if entry.file_type().is_dir() {
                files::sync_dir(entry.path())?;
            }
        }
        if !has_audio {
            return Ok(None);
        }
        files::rename_noreplace(&self.staging, &self.whole)?;
        if let Some(room) = self.whole.parent() {
            files::sync_dir(room)?;
        }
        Ok(Some(size))
    }

    /// What was fetched in vain goes.
    ///
    /// # Errors
    /// What the file system says.
    pub fn clear(&self) -> io::Result<()> {
        files::remove_tree_if_there(&self.staging)
    }

    /// So does what was whole, and what nobody has taken.
    ///
    /// # Errors
    /// What the file system says.
    pub fn clear_all(&self) -> io::Result<()> {
        self.clear()?;
        files::remove_tree_if_there(&self.whole)
    }
}

/// How many bytes of files are beneath a folder. What comes and goes meanwhile is not counted.
pub(super) fn size_of(folder: &Path) -> u64 {
    let files = walkdir::WalkDir::new(folder).into_iter().filter_map(Result::ok);
    files
        .filter_map(|file| file.metadata().ok())
        .filter(std::fs::Metadata::is_file)
        .map(|meta| meta.len())
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_seen_when_it_is_whole_and_one_without_audio_never() {
        let music = tempfile::tempdir().unwrap();
        let place = Place::of(music.path(), "url", 7);
        std::fs::create_dir_all(&place.staging).unwrap();
        std::fs::write(place.staging.join("cover.jpg"), "x").unwrap();
        assert_eq!(place.publish().unwrap(), None);
        std::fs::write(place.staging.join("01.opus"), "four").unwrap();
        assert!(!place.is_whole());
        assert_eq!(place.publish().unwrap(), Some(5));
        assert!(place.is_whole() && music.path().join(Place::path("url", 7)).join("01.opus").is_file());
        place.clear().unwrap();
    }
}
