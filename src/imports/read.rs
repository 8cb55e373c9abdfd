//! First station: what a settled folder holds. Files → [`Candidate`]. Looks only; nothing is moved yet.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::tree::{Entry, Kind};
use crate::audio::{self, Digest, Picture, Sound, Unreadable};
use crate::files;
use crate::parallel;

/// A folder as it was found and read.
#[derive(Debug, Clone)]
pub struct Candidate {
    /// The folder.
    pub dir: PathBuf,
    /// Its name, as text.
    pub name: String,
    /// Audio files that can be read.
    pub tracks: Vec<TrackFile>,
    /// Audio files that cannot, and why.
    pub damaged: Vec<Damaged>,
    /// What is kept with the album: covers, logs, booklets.
    pub others: Vec<File>,
    /// Its files may be read and not be taken away: somebody else's folder.
    pub is_immovable: bool,
}

/// One file beneath the folder.
#[derive(Debug, Clone, PartialEq)]
pub struct File {
    /// Relative to the folder.
    pub relative: PathBuf,
    /// Its size.
    pub size_bytes: u64,
    /// When its content changed.
    pub modified_at: Timestamp,
}

/// One audio file.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackFile {
    /// Which.
    pub file: File,
    /// Tags and quality.
    pub sound: Sound,
    /// Checksum and essence, once it was read whole.
    pub digest: Option<Digest>,
}

/// An audio file that gives no sound.
#[derive(Debug, Clone, PartialEq)]
pub struct Damaged {
    /// Which.
    pub file: File,
    /// A sentence for a person.
    pub reason: String,
}

/// Why reading stopped; the folder stays as it is.
#[derive(Debug, thiserror::Error, PartialEq)]
pub enum NotReadable {
    /// It changed while it was read: somebody still copies.
    #[error("it changed while it was read")]
    Changed,
    /// A file that we may not read, or a disk that fails; the sentence names it.
    #[error("{0}")]
    Refused(String),
}

impl File {
    /// From what was seen in the tree.
    pub fn of(entry: &Entry) -> Self {
        let modified_at = Timestamp::try_from(entry.modified).unwrap_or(Timestamp::UNIX_EPOCH);
        Self { relative: entry.relative.clone(), size_bytes: entry.size_bytes, modified_at }
    }

    /// Whether the file is still the one that was seen.
    fn is_unchanged(&self, dir: &Path) -> bool {
        fs::symlink_metadata(dir.join(&self.relative)).is_ok_and(|m| {
            let modified = m.modified().ok().and_then(|at| Timestamp::try_from(at).ok());
            m.is_file() && m.len() == self.size_bytes && modified == Some(self.modified_at)
        })
    }
}

impl Candidate {
    /// Tags and quality of each audio file. Blocks; reads little of each file.
    ///
    /// # Errors
    /// [`NotReadable`] when the folder has to wait.
    pub fn read(dir: &Path, entries: &[&Entry]) -> Result<Self, NotReadable> {
        Self::read_by(dir, entries, |files| {
            parallel::each(files, |file| {
                let path = dir.join(&file.relative);
                files::may_fail("read", &path)?;
                audio::read(&path)
            })
        })
    }

    /// The same on the caller's thread alone, for a caller that has many of these to read.
    ///
    /// # Errors
    /// [`NotReadable`] when the folder has to wait.
    pub fn read_alone(dir: &Path, entries: &[&Entry]) -> Result<Self, NotReadable> {
        Self::read_by(dir, entries, |files| {
            files.iter().map(|file| audio::read(&dir.join(&file.relative))).collect()
        })
    }

    fn read_by(
        dir: &Path,
        entries: &[&Entry],
        read: impl FnOnce(&[File]) -> Vec<Result<Sound, Unreadable>>,
    ) -> Result<Self, NotReadable> {
        let name = dir.file_name().map_or_else(String::new, |n| files::path_to_text(Path::new(n)));
        let mut candidate = Self {
            dir: dir.to_owned(),
            name,
            tracks: Vec::new(),
            damaged: Vec::new(),
            others: Vec::new(),
            is_immovable: false,
        };
        let audio_files: Vec<File> =
            entries.iter().filter(|e| e.kind == Kind::Audio).map(|e| File::of(e)).collect();
        let sounds = read(&audio_files);
        for (file, sound) in audio_files.into_iter().zip(sounds) {
            match sound {
                Ok(sound) => candidate.tracks.push(TrackFile { file, sound, digest: None }),
                Err(unreadable) => {
                    candidate.damaged.push(Damaged { reason: excuse(&file, unreadable)?, file });
                }
            }
        }
        candidate.others = entries.iter().filter(|e| e.kind == Kind::Other).map(|e| File::of(e)).collect();
        Ok(candidate)
    }

    /// Reads each audio file whole: checksum, essence, and whether it is. Blocks, at the speed of the disk.
    ///
    /// # Errors
    /// [`NotReadable`] when the folder has to wait.
    pub fn read_whole(&mut self) -> Result<(), NotReadable> {
        let dir = &self.dir;
        let digests = parallel::each(&self.tracks, |track| {
            let path = dir.join(&track.file.relative);
            files::may_fail("read", &path)?;
            let digest = audio::checksum_and_essence(&path)?;
            audio::verify(&path, &track.sound.quality, &digest)?;
            Ok(digest)
        });
        let mut whole = Vec::new();
        for (track, digest) in std::mem::take(&mut self.tracks).into_iter().zip(digests) {
            if !track.file.is_unchanged(&self.dir) {
                return Err(NotReadable::Changed);
            }
            match digest {
                Ok(digest) => whole.push(TrackFile { digest: Some(digest), ..track }),
                Err(unreadable) => {
                    let reason = excuse(&track.file, unreadable)?;
                    self.damaged.push(Damaged { file: track.file, reason });
                }
            }
        }
        self.tracks = whole;
        Ok(())
    }

    /// The cover that the first track carries inside.
    pub fn embedded_cover(&self) -> Option<(&TrackFile, Picture)> {
        self.tracks.iter().take(3).find_map(|track| {
            let picture = audio::embedded_cover(&self.dir.join(&track.file.relative)).ok().flatten()?;
            Some((track, picture))
        })
    }
}

/// Bad music has a reason; a bad moment has to pass.
fn excuse(file: &File, unreadable: Unreadable) -> Result<String, NotReadable> {
    match unreadable {
        Unreadable::Io(e) if e.kind() == io::ErrorKind::NotFound => Err(NotReadable::Changed),
        Unreadable::Io(e) => Err(NotReadable::Refused(format!(
            "{} could not be read: {e}",
            files::path_to_text(&file.relative)
        ))),
        other => Ok(other.to_string()),
    }
}
