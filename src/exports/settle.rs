//! One file of an export: what is there and right stays, what has another name is renamed, all else is written, verified,
//! and only then gets its name. What is not ours is never touched. Blocks.

use std::collections::HashMap;
use std::fs::{File, Metadata};
use std::io::{self, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Mutex, PoisonError};

use tokio_util::sync::CancellationToken;

use super::drive::{Drive, Hasher, Sums, There, Trouble, set_modified, sums, sums_of};
use super::layout::Item;
use super::manifest::{FileEntry, Kind, Ours, Owner, journal_line};
use crate::files::{open_beneath, text_to_path};

/// What became of it.
#[derive(Debug)]
pub enum Settled {
    /// It is there and right; perhaps with something that a person should know.
    Done(FileEntry, Option<String>),
    /// Something else has its name.
    Foreign,
    /// An MP3 is to be made; whether instead of one of ours.
    Encode { replaces: bool, of: String },
}

/// What all files of a run need.
pub struct Bench {
    /// `MUSIC_PATH`.
    pub music: PathBuf,
    /// Where they go.
    pub drive: Drive,
    /// What lay there before.
    pub ours: Ours,
    /// Files of ours whose path is wanted no more, by what they were made of.
    pub stale: Mutex<HashMap<(Kind, String), FileEntry>>,
    /// Bytes of the file under way.
    pub live: AtomicU64,
    /// We are to stop.
    pub stop: CancellationToken,
    journal: Mutex<Option<File>>,
}

impl Bench {
    /// Nothing is written yet.
    pub fn new(music: PathBuf, drive: Drive, ours: Ours, stop: CancellationToken) -> Self {
        let (stale, live, journal) = (Mutex::default(), AtomicU64::new(0), Mutex::default());
        Self { music, drive, ours, stale, live, stop, journal }
    }

    /// Opens the journal; its first line says whose export this is.
    ///
    /// # Errors
    /// Whatever the drive says.
    pub fn start(&self, owner: &Owner) -> io::Result<()> {
        let is_new = self.drive.journal()?.trim().is_empty();
        let mut journal = self.drive.open_journal()?;
        if is_new {
            let line = serde_json::to_string(owner).map_err(io::Error::other)?;
            journal.write_all(format!("{line}\n").as_bytes())?;
            journal.sync_all()?;
        }
        *self.journal.lock().unwrap_or_else(PoisonError::into_inner) = Some(journal);
        Ok(())
    }

    fn note(&self, file: &FileEntry) -> Result<(), Trouble> {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        match journal.as_mut() {
            Some(journal) => journal.write_all(journal_line(file).as_bytes()).map_err(Trouble::Drive),
            None => Ok(()),
        }
    }

    /// What the journal says is on the drive.
    pub fn sync_journal(&self) -> io::Result<()> {
        let journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        journal.as_ref().map_or(Ok(()), File::sync_data)
    }

    /// The run has ended: what it wrote is on the drive, and its own folder goes. The journal is closed before, since a file
    /// system of a program (FUSE) keeps an open file under another name, and with it the folder.
    ///
    /// # Errors
    /// Whatever the drive says.
    pub fn tidy(&self) -> io::Result<()> {
        self.drive.sync_folder("")?;
        drop(self.journal.lock().unwrap_or_else(PoisonError::into_inner).take());
        self.drive.tidy()
    }

    /// Brings a file of the library to its place.
    ///
    /// # Errors
    /// [`Trouble`]
    pub fn settle(&self, item: &Item, made_of: Option<&str>) -> Result<Settled, Trouble> {
        match made_of {
            Some(of) => self.settle_mp3(item, of),
            None => self.settle_copy(item),
        }
    }

    fn settle_copy(&self, item: &Item) -> Result<Settled, Trouble> {
        let (mut source, about) = self.open_source(&item.source).map_err(Trouble::Source)?;
        match self.drive.look(&item.path).map_err(Trouble::Drive)? {
            There::Other => Ok(Settled::Foreign),
            There::File(size) => {
                if size == about.len()
                    && let Some(there) = self.equal(item, &mut source)?
                {
                    return self.done(item, there);
                }
                if !self.ours.0.contains_key(&item.path) {
                    return Ok(Settled::Foreign);
                }
                self.write_copy(item, source, &about, true)
            }
            There::Nothing => {
                if let Some(done) = self.move_stale(item, item.checksum.as_deref())? {
                    return Ok(done);
                }
                self.write_copy(item, source, &about, false)
            }
        }
    }

    fn settle_mp3(&self, item: &Item, of: &str) -> Result<Settled, Trouble> {
        let of = of.to_owned();
        match self.drive.look(&item.path).map_err(Trouble::Drive)? {
            There::Other => Ok(Settled::Foreign),
            There::File(_) => {
                let Some(known) = self.ours.0.get(&item.path) else { return Ok(Settled::Foreign) };
                if known.of == of && known.sha256 == self.drive.sums(&item.path, &self.stop)?.sha256 {
                    let entry = FileEntry { id: item.id, ..known.clone() };
                    self.note(&entry)?;
                    return Ok(Settled::Done(entry, None));
                }
                Ok(Settled::Encode { replaces: true, of })
            }
            There::Nothing => match self.move_stale(item, Some(&of))? {
                Some(done) => Ok(done),
                None => Ok(Settled::Encode { replaces: false, of }),
            },
        }
    }

    /// What lies at the item's place, when it holds what the library's file does.
    fn equal(&self, item: &Item, source: &mut File) -> Result<Option<Sums>, Trouble> {
        let there = self.drive.sums(&item.path, &self.stop)?;
        if item.checksum.as_deref() == Some(&there.blake3) {
            return Ok(Some(there));
        }
        let expected = sums(source, Trouble::Source, &self.stop)?;
        source.rewind().map_err(Trouble::Source)?;
        Ok((expected == there).then_some(there))
    }

    /// A file of ours with the same content lies under a name that is wanted no more: an album was renamed.
    fn move_stale(&self, item: &Item, of: Option<&str>) -> Result<Option<Settled>, Trouble> {
        let Some(of) = of else { return Ok(None) };
        let found = {
            let mut stale = self.stale.lock().unwrap_or_else(PoisonError::into_inner);
            stale.remove(&(item.kind, of.to_owned()))
        };
        let Some(old) = found else { return Ok(None) };
        if self.drive.look(&old.path).map_err(Trouble::Drive)? != There::File(old.size)
            || self.drive.sums(&old.path, &self.stop)?.sha256 != old.sha256
        {
            return Ok(None);
        }
        let entry = FileEntry { path: item.path.clone(), id: item.id, ..old.clone() };
        self.note(&entry)?;
        if !self.drive.move_file(&old.path, &item.path).map_err(Trouble::Drive)? {
            return Ok(None);
        }
        let folder = old.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        self.drive.prune(folder).map_err(Trouble::Drive)?;
        Ok(Some(Settled::Done(entry, None)))
    }

    fn write_copy(
        &self,
        item: &Item,
        mut source: File,
        about: &Metadata,
        replaces: bool,
    ) -> Result<Settled, Trouble> {
        let mut target = self.drive.begin().map_err(Trouble::Drive)?;
        let copied = self.drive.fill(&mut target, &mut source, &self.live, &self.stop)?;
        self.drive.seal(&mut target, &copied, &self.stop)?;
        set_modified(&target, about.modified());
        self.publish(item, &copied, copied.blake3.clone(), replaces)
    }

    /// Flushes, verifies and names an MP3 that ffmpeg has written into what was begun.
    ///
    /// # Errors
    /// [`Trouble`]
    pub fn publish_mp3(
        &self,
        item: &Item,
        mut file: File,
        of: &str,
        replaces: bool,
    ) -> Result<Settled, Trouble> {
        let written = sums_of(&mut file, &self.stop)?;
        self.drive.seal(&mut file, &written, &self.stop)?;
        self.publish(item, &written, of.to_owned(), replaces)
    }

    fn publish(&self, item: &Item, written: &Sums, of: String, replaces: bool) -> Result<Settled, Trouble> {
        let entry = entry_of(item, written, of);
        self.note(&entry)?;
        if !self.drive.publish(&item.path, replaces).map_err(Trouble::Drive)? {
            return Ok(Settled::Foreign);
        }
        Ok(Settled::Done(entry, warning(item, written)))
    }

    fn done(&self, item: &Item, there: Sums) -> Result<Settled, Trouble> {
        let entry = entry_of(item, &there, there.blake3.clone());
        self.note(&entry)?;
        Ok(Settled::Done(entry, warning(item, &there)))
    }

    /// Writes a text of ours; instead of the one that a run before has written there. None when something else has the
    /// name.
    ///
    /// # Errors
    /// [`Trouble`]
    pub fn write_text(
        &self,
        path: &str,
        text: &str,
        kind: Kind,
        is_ours: bool,
    ) -> Result<Option<FileEntry>, Trouble> {
        let mut hasher = Hasher::default();
        hasher.update(text.as_bytes());
        let sums = hasher.finish();
        let replaces = match self.drive.look(path).map_err(Trouble::Drive)? {
            There::Nothing => false,
            There::File(_) if is_ours || self.ours.0.contains_key(path) => true,
            There::File(size)
                if size == sums.size && self.drive.sums(path, &self.stop)?.sha256 == sums.sha256 =>
            {
                true
            }
            _ => return Ok(None),
        };
        let entry = FileEntry {
            path: path.to_owned(),
            kind,
            size: sums.size,
            sha256: sums.sha256.clone(),
            of: String::new(),
            id: 0,
        };
        if replaces && self.drive.sums(path, &self.stop)?.sha256 == sums.sha256 {
            return Ok(Some(entry));
        }
        let mut target = self.drive.begin().map_err(Trouble::Drive)?;
        target.write_all(text.as_bytes()).map_err(Trouble::Drive)?;
        self.drive.seal(&mut target, &sums, &self.stop)?;
        self.note(&entry)?;
        let is_named = self.drive.publish(path, replaces).map_err(Trouble::Drive)?;
        Ok(is_named.then_some(entry))
    }

    fn open_source(&self, path: &str) -> io::Result<(File, Metadata)> {
        open_source(&self.music, path)
    }
}

/// A file of the library, by its path in the rows.
pub fn open_source(music: &Path, path: &str) -> io::Result<(File, Metadata)> {
    let file = match open_beneath(music, path) {
        // Names that are not UTF-8 are written with escapes; that path is one of the rows', and plain.
        Err(_) if path.contains('\\') => File::open(music.join(text_to_path(path)))?,
        opened => opened?,
    };
    let about = file.metadata()?;
    if !about.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no file"));
    }
    Ok((file, about))
}

/// An entry of the manifest.
pub fn entry_of(item: &Item, written: &Sums, of: String) -> FileEntry {
    FileEntry {
        path: item.path.clone(),
        kind: item.kind,
        size: written.size,
        sha256: written.sha256.clone(),
        of,
        id: item.id,
    }
}

/// A person should know when a file is not the one that came into the library; it is exported all the same.
pub fn warning(item: &Item, written: &Sums) -> Option<String> {
    let recorded = item.checksum.as_deref().filter(|_| item.kind == Kind::Original)?;
    (recorded != written.blake3).then(|| {
        format!("{} is not what it was when it was recorded: see `barbossa integrity`.", item.source)
    })
}
