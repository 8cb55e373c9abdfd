//! One edit on the disk. Every function here blocks, can be stopped anywhere and be called again.
//!
//! The new files are made whole beside the library, beneath `.trash/edits/ID/new`, and the old ones get a second name in
//! `.trash/edits/ID/old` before anything is exchanged: at each moment every byte of audio has a durable name.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::kept;
use super::plan::{Facts, FileStep, Kept, Move, Plan, Rebuilt};
use crate::audio;
use crate::files;

/// Where edits keep their old files, relative to MUSIC_PATH.
pub const EDITS: &str = ".trash/edits";

/// Why an edit cannot be carried out.
#[derive(Debug, thiserror::Error)]
pub enum Obstacle {
    /// A file is not the one that the rows speak of: nothing was done.
    #[error("{0}")]
    Changed(String),
    /// Something has the name by now.
    #[error("{0} is taken")]
    Taken(String),
    /// There is not enough room; the sentence says how much is missing.
    #[error("{0}")]
    Full(String),
    /// The file system refused; try again later.
    #[error("{what}: {error}")]
    Io {
        /// What was being done, and with which file.
        what: String,
        /// What the file system said.
        error: io::Error,
    },
    /// A test stopped here.
    #[cfg(feature = "failpoints")]
    #[error("stopped by a test")]
    Stopped,
}

type Result<T, E = Obstacle> = std::result::Result<T, E>;

/// Names the file in an error.
trait During<T> {
    fn during(self, what: &str, path: &Path) -> Result<T>;
}

impl<T> During<T> for io::Result<T> {
    fn during(self, what: &str, path: &Path) -> Result<T> {
        self.map_err(|error| match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                Obstacle::Full(format!("the disk is full: {what} {}", path.display()))
            }
            _ => Obstacle::Io { what: format!("{what} {}", path.display()), error },
        })
    }
}

/// A place where a test may stop an edit: between each two steps. `title` keeps the tests apart.
pub fn here(step: &'static str, title: &str) -> Result<()> {
    #[cfg(feature = "failpoints")]
    fail::fail_point!(&format!("edit {step} {title}"), |_| Err(Obstacle::Stopped));
    // What a program without the feature knows of it.
    let _ = (step, title);
    Ok(())
}

/// Where one edit's files are.
#[derive(Debug, Clone)]
pub struct Site {
    /// MUSIC_PATH.
    pub music: PathBuf,
    /// The edit's row.
    pub edit_id: i64,
    /// As in its row.
    pub title: String,
}

impl Site {
    fn dir(&self) -> PathBuf {
        self.music.join(EDITS).join(self.edit_id.to_string())
    }

    fn new_file(&self, n: usize) -> PathBuf {
        self.dir().join("new").join(n.to_string())
    }

    fn old_file(&self, n: usize) -> PathBuf {
        self.dir().join("old").join(n.to_string())
    }

    fn kept_file(&self, n: usize) -> PathBuf {
        self.dir().join("kept").join(n.to_string())
    }

    // -- staging

    /// Makes each new file, whole, proven and durable, where nobody sees it; what could not be written is said.
    pub fn stage(&self, plan: &mut Plan) -> Result<Vec<String>> {
        self.require_room(plan)?;
        remove_tree(&self.dir().join("new"))?;
        for folder in ["new", "old", "kept"] {
            let folder = self.dir().join(folder);
            files::make_dirs(&folder).during("making", &folder)?;
        }
        let mut notes = Vec::new();
        for n in 0..plan.files.len() {
            let from = self.music.join(&plan.files[n].from);
            self.hold(n, &from)?;
            let step = &mut plan.files[n];
            let before = facts(&self.old_file(n))?;
            if step.before.as_ref().is_some_and(|expected| expected.checksum != before.checksum) {
                return Err(Obstacle::Changed(format!("{} was changed by another program.", step.from)));
            }
            step.before = Some(before.clone());
            notes.extend(self.make_new(n, step, &before)?);
            here("staging", &self.title)?;
        }
        for folder in ["new", "old", "kept"] {
            let folder = self.dir().join(folder);
            files::sync_dir(&folder).during("writing", &folder)?;
        }
        Ok(notes)
    }

    /// Copies need room, and it is better said before than in the middle.
    fn require_room(&self, plan: &Plan) -> Result<()> {
        let is_copied = |f: &&FileStep| !f.tags.is_empty() || f.rebuilt.is_some();
        let size = |f: &FileStep| self.music.join(&f.from).metadata().map_or(0, |m| m.len());
        let needed: u64 = plan.files.iter().filter(is_copied).map(size).sum();
        let free = files::free_bytes(&self.music).during("looking at", &self.music)?;
        if free < needed {
            let mib = |bytes: u64| bytes.div_ceil(1024 * 1024);
            let text =
                format!("the disk is full: {} MiB are needed, {} MiB are free", mib(needed), mib(free));
            return Err(Obstacle::Full(text));
        }
        Ok(())
    }

    /// Gives the old file a second name.
    fn hold(&self, n: usize, from: &Path) -> Result<()> {
        let old = self.old_file(n);
        if old.exists() {
            if files::same_file(from, &old).unwrap_or(false) {
                return Ok(());
            }
            // Of an earlier attempt; nothing was exchanged yet, so the library still has the file.
            fs::remove_file(&old).during("removing", &old)?;
        }
        match from.symlink_metadata() {
            Ok(found) if found.is_file() => second_name(from, &old),
            _ => Err(Obstacle::Changed(format!("{} is not there.", self.shown(from)))),
        }
    }

    fn shown(&self, path: &Path) -> String {
        files::path_to_text(path.strip_prefix(&self.music).unwrap_or(path))
    }

    /// The sentence says why a file keeps its tags.
    fn make_new(&self, n: usize, step: &mut FileStep, before: &Facts) -> Result<Option<String>> {
        let (old, new) = (self.old_file(n), self.new_file(n));
        if let Some(rebuilt) = &step.rebuilt {
            self.make_again(n, rebuilt, step.after.as_ref())?;
            step.after = Some(facts(&new)?);
            step.kept = Some(self.keep(n, before)?);
            return Ok(None);
        }
        let written = if step.tags.is_empty() { Ok(None) } else { self.write(n, step, before) };
        let reason = match written? {
            Some(Ok(after)) => {
                step.kept = Some(self.keep(n, before)?);
                step.after = Some(after);
                return Ok(None);
            }
            Some(Err(reason)) => Some(format!("{} keeps its tags: {reason}", step.from)),
            None => None,
        };
        files::remove_file_if_there(&new).during("removing", &new)?;
        second_name(&old, &new)?;
        step.after = Some(before.clone());
        step.kept = Some(Kept::Same);
        Ok(reason)
    }

    /// The new file's facts, or why it was not to be had: the inner error is the file's, the outer one the disk's.
    fn write(&self, n: usize, step: &FileStep, before: &Facts) -> Result<Option<Result<Facts, String>>> {
        let (old, new) = (self.old_file(n), self.new_file(n));
        files::copy_durably(&old, &new).during("copying", &old)?;
        if let Err(unwritable) = audio::write_tags(&new, &step.tags) {
            return Ok(Some(Err(unwritable.to_string())));
        }
        files::sync_file(&new).during("writing", &new)?;
        let after = facts(&new)?;
        let is_whole = audio::read(&new).is_ok() && is_same_sound(&old, &new, before, &after)?;
        Ok(Some(if is_whole { Ok(after) } else { Err("its sound would not have stayed the same".into()) }))
    }

    fn keep(&self, n: usize, before: &Facts) -> Result<Kept> {
        let (old, new, to) = (self.old_file(n), self.new_file(n), self.kept_file(n));
        if files::same_file(&old, &new).unwrap_or(false) {
            return Ok(Kept::Same);
        }
        let parts = kept::keep(&old, &new, &to, &before.checksum).during("keeping", &to)?;
        Ok(parts.map_or(Kept::Whole, Kept::Around))
    }

    /// An old file once more, byte for byte.
    fn make_again(&self, n: usize, rebuilt: &Rebuilt, expected: Option<&Facts>) -> Result<()> {
        let (current, new) = (self.old_file(n), self.new_file(n));
        let there = Self { edit_id: rebuilt.edit_id, ..self.clone() };
        let gone = || Obstacle::Changed("What was kept of the old file is not there any more.".into());
        match &rebuilt.kept {
            Kept::Same => return second_name(&current, &new),
            Kept::Whole => {
                let kept = there.old_file(rebuilt.number);
                files::copy_durably(&kept, &new).map_err(|_| gone())?;
            }
            Kept::Around(parts) => {
                let kept = there.kept_file(rebuilt.number);
                let mut out = create(&new).during("making", &new)?;
                kept::rebuild(&kept, &current, parts, &mut out).map_err(|_| gone())?;
            }
        }
        let Some(expected) = expected else { return Err(gone()) };
        let file = OpenOptions::new().write(true).open(&new).during("opening", &new)?;
        file.set_modified(expected.modified_at.into()).during("writing", &new)?;
        file.sync_all().during("writing", &new)?;
        let found = files::hash_file(&new).during("reading", &new)?;
        if found.to_hex().as_str() == expected.checksum { Ok(()) } else { Err(gone()) }
    }

    // -- exchanging

    /// Whether the plan can still be carried out, as long as none of it was.
    pub fn check(&self, plan: &Plan) -> Result<()> {
        let is_there = |path: &str| self.music.join(path).symlink_metadata().is_ok();
        let is_untouched = (0..plan.files.len()).all(|n| self.new_file(n).exists())
            && plan.moves.iter().all(|m| is_there(&m.from))
            && plan.files.iter().all(|f| is_there(&f.from));
        if !is_untouched {
            return Ok(());
        }
        for step in &plan.moves {
            let (from, to) = (self.music.join(&step.from), self.music.join(&step.to));
            if is_there(&step.to) && !files::same_file(&from, &to).unwrap_or(false) {
                return Err(Obstacle::Taken(step.to.clone()));
            }
        }
        for (n, step) in plan.files.iter().enumerate() {
            if !self.is_old(n, &self.music.join(&step.from), step)? {
                return Err(Obstacle::Changed(format!("{} was changed by another program.", step.from)));
            }
        }
        Ok(())
    }

    /// Moves the folders and puts the new files in the places of the old ones.
    pub fn publish(&self, plan: &Plan) -> Result<()> {
        for step in &plan.moves {
            self.make_move(step)?;
            here("moving", &self.title)?;
        }
        let places: Vec<(PathBuf, PathBuf)> = plan
            .files
            .iter()
            .map(|f| (self.music.join(plan.moved(&f.from)), self.music.join(&f.to)))
            .collect();
        // Names may change places: all old ones go before the first new one comes. What they held is held twice.
        for (n, (at, to)) in places.iter().enumerate() {
            if at != to && self.new_file(n).exists() && self.is_old(n, at, &plan.files[n])? {
                fs::remove_file(at).during("removing", at)?;
                here("freeing", &self.title)?;
            }
        }
        for (n, (at, to)) in places.iter().enumerate() {
            self.exchange(n, at, to, &plan.files[n])?;
            here("exchanging", &self.title)?;
        }
        for (_, to) in &places {
            if let Some(folder) = to.parent() {
                files::sync_dir(folder).during("writing", folder)?;
            }
        }
        Ok(())
    }

    fn make_move(&self, step: &Move) -> Result<()> {
        let (from, to) = (self.music.join(&step.from), self.music.join(&step.to));
        if from.symlink_metadata().is_err() {
            let is_done = to.symlink_metadata().is_ok();
            return if is_done {
                Ok(())
            } else {
                Err(Obstacle::Changed(format!("{} is not there.", step.from)))
            };
        }
        if let Some(folder) = to.parent() {
            files::make_dirs(folder).during("making", folder)?;
        }
        match files::rename_noreplace(&from, &to) {
            // One name to this file system: only its writing changes.
            Err(e)
                if e.kind() == ErrorKind::AlreadyExists && files::same_file(&from, &to).unwrap_or(false) =>
            {
                files::rename_over(&from, &to).during("moving", &from)?;
            }
            Err(e) if e.kind() == ErrorKind::AlreadyExists => return Err(Obstacle::Taken(step.to.clone())),
            done => done.during("moving", &from)?,
        }
        for folder in [from.parent(), to.parent()].into_iter().flatten() {
            files::sync_dir(folder).during("writing", folder)?;
        }
        self.prune(&from)
    }

    /// The artist's folder goes with the last thing in it; `artists/` stays.
    fn prune(&self, left: &Path) -> Result<()> {
        let is_ours = |f: &&Path| f.strip_prefix(&self.music).is_ok_and(|r| r.components().count() > 1);
        for folder in left.ancestors().skip(1).take_while(is_ours) {
            if !files::remove_dir_if_empty(folder).during("removing", folder)? {
                break;
            }
        }
        Ok(())
    }

    fn exchange(&self, n: usize, at: &Path, to: &Path, step: &FileStep) -> Result<()> {
        let new = self.new_file(n);
        if !new.exists() {
            return Ok(());
        }
        if at != to {
            return match files::rename_noreplace(&new, to) {
                Err(e) if e.kind() == ErrorKind::AlreadyExists => Err(Obstacle::Taken(self.shown(to))),
                done => done.during("renaming", to),
            };
        }
        if files::same_file(&new, to).unwrap_or(false) {
            return fs::remove_file(&new).during("removing", &new);
        }
        if to.exists() && !self.is_old(n, to, step)? {
            return Err(Obstacle::Changed(format!("{} was changed by another program.", self.shown(to))));
        }
        files::rename_over(&new, to).during("renaming", to)
    }

    /// Whether the old file still stands there.
    fn is_old(&self, n: usize, at: &Path, step: &FileStep) -> Result<bool> {
        if at.symlink_metadata().is_err() {
            return Ok(false);
        }
        if files::same_file(at, &self.old_file(n)).unwrap_or(false) {
            return Ok(true);
        }
        // Where there are no links, the second name is a copy.
        let Some(before) = &step.before else { return Ok(false) };
        let found = at.metadata().during("looking at", at)?;
        Ok(found.len() == before.size_bytes
            && files::hash_file(at).during("reading", at)?.to_hex().as_str() == before.checksum)
    }

    // -- the end

    /// Lets go of what can be made again from the rest.
    pub fn conclude(&self, plan: &Plan) -> Result<()> {
        for (n, step) in plan.files.iter().enumerate() {
            let not_needed = match step.kept {
                Some(Kept::Around(_)) => self.old_file(n),
                Some(Kept::Same) => {
                    let old = self.old_file(n);
                    files::remove_file_if_there(&old).during("removing", &old)?;
                    self.kept_file(n)
                }
                _ => self.kept_file(n),
            };
            files::remove_file_if_there(&not_needed).during("removing", &not_needed)?;
            here("concluding", &self.title)?;
        }
        remove_tree(&self.dir().join("new"))?;
        for folder in ["old", "kept", ""] {
            let folder = self.dir().join(folder);
            files::remove_dir_if_empty(&folder).during("removing", &folder)?;
        }
        Ok(())
    }

    /// Lets go of all that was kept.
    pub fn forget(&self) -> Result<()> {
        remove_tree(&self.dir())
    }
}

fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o664).open(path)
}

/// A hard link, else a copy.
fn second_name(from: &Path, to: &Path) -> Result<()> {
    match files::link_noreplace(from, to) {
        Err(e) if files::must_copy_instead(&e) => {
            files::copy_durably(from, to).map(drop).during("copying", from)
        }
        done => done.during("linking", from),
    }
}

fn facts(path: &Path) -> Result<Facts> {
    let found = path.metadata().during("looking at", path)?;
    let modified = found.modified().during("looking at", path)?;
    let digest = audio::checksum_and_essence(path)
        .map_err(|e| Obstacle::Changed(format!("{} cannot be read: {e}", path.display())))?;
    Ok(Facts {
        size_bytes: found.len(),
        modified_at: Timestamp::try_from(modified)
            .map_err(|e| Obstacle::Changed(format!("{} has no time: {e}", path.display())))?,
        checksum: blake3::Hash::from_bytes(digest.checksum).to_hex().to_string(),
        essence: digest.essence,
    })
}

/// FLAC's essence is what its header says; the frames themselves are compared too.
fn is_same_sound(old: &Path, new: &Path, before: &Facts, after: &Facts) -> Result<bool> {
    if before.essence != after.essence {
        return Ok(false);
    }
    kept::is_same_audio(old, new).during("comparing", new)
}

fn remove_tree(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        done => done.during("removing", path),
    }
}
