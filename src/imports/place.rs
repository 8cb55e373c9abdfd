//! Fifth station: the plan on the disk. Every function here can be stopped anywhere and be called again.
//!
//! The source is never moved: staging gets a second name of each file (a hard link; on another file system a copy that
//! is read back), the whole album then gets its place by one rename, and only after the database knows it do the
//! source's own names go. At each moment every byte of audio has a durable name.

use std::collections::HashSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use super::inbox;
use super::plan::{Aside, Filing, Plan, Step, trash_of_replaced};
use super::split::Move;
use super::stops::{Stopped, here};
use super::tree::{Entry, Kind, Tree};
use crate::audio;
use crate::files::{self, path_to_text, text_to_path};
use crate::parallel;

/// Why the plan cannot be carried out as it stands.
#[derive(Debug, thiserror::Error)]
pub enum Obstacle {
    /// A source file is no longer the one that was read: plan again.
    #[error("{0} changed after it was read")]
    Changed(String),
    /// Somebody took the place: plan again.
    #[error("{0} is taken")]
    Taken(String),
    /// The disk is full; the sentence says how much is missing.
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
    #[error(transparent)]
    Stopped(#[from] Stopped),
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
                Obstacle::Full(format!("the disk is full: {what} {}", path_to_text(path)))
            }
            _ => Obstacle::Io { what: format!("{what} {}", path_to_text(path)), error },
        })
    }
}

/// How a file came into the staging folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Staged {
    /// A second name of the source's: its data may not be on the disk yet.
    Linked,
    /// Durable already.
    Copied,
}

/// Where one import's files are. All functions block.
#[derive(Debug, Clone)]
pub struct Site {
    /// MUSIC_PATH.
    pub music: PathBuf,
    /// The import's folder, relative to it, as in its row.
    pub source: String,
}

impl Site {
    fn source_dir(&self) -> PathBuf {
        self.music.join(text_to_path(&self.source))
    }

    /// Puts the album together where nobody sees it, and makes it durable.
    pub fn stage(&self, filing: &Filing) -> Result<()> {
        let staging = self.music.join(&filing.staging);
        self.require_room(filing)?;
        files::make_dirs(&staging).during("making", &staging)?;
        let mut linked = Vec::new();
        for step in &filing.steps {
            let to = staging.join(&step.to);
            make_parent(&to)?;
            if self.stage_file(step, &to, filing.is_copied)? == Staged::Linked {
                linked.push(to);
            }
            here("staging", &self.source)?;
        }
        // Whoever wrote them may not have waited for the disk. Several at once, so that they share its waiting.
        let synced = parallel::each(&linked, |to| files::sync_file(to).during("writing", to));
        synced.into_iter().collect::<Result<()>>()?;
        if let Some(cover) = &filing.cover {
            let (from, to) = (self.source_dir().join(text_to_path(&cover.from)), staging.join(&cover.to));
            if !to.exists()
                && let Ok(Some(picture)) = audio::embedded_cover(&from)
            {
                files::create_durably(&to, &picture.bytes).during("writing", &to)?;
            }
        }
        remove_strangers(&staging, filing)?;
        sync_folders(&staging)
    }

    /// A copy needs room, and it is better said before than in the middle.
    fn require_room(&self, filing: &Filing) -> Result<()> {
        let (source, artists) = (self.source_dir(), self.music.join("artists"));
        if files::same_file_system(&source, &artists).unwrap_or(true) {
            return Ok(());
        }
        let needed: u64 = filing.steps.iter().map(|s| s.size_bytes).sum();
        let free = files::free_bytes(&artists).during("looking at", &artists)?;
        if free < needed {
            let mib = |bytes: u64| bytes.div_ceil(1024 * 1024);
            let text =
                format!("the disk is full: {} MiB are needed, {} MiB are free", mib(needed), mib(free));
            return Err(Obstacle::Full(text));
        }
        Ok(())
    }

    fn stage_file(&self, step: &Step, to: &Path, is_copied: bool) -> Result<Staged> {
        let from = self.source_dir().join(text_to_path(&step.from));
        require_unchanged(&from, step)?;
        if to.exists() {
            if files::same_file(&from, to).during("comparing", to)? {
                return Ok(Staged::Linked);
            }
            // Ours, and perhaps cut off by the end of a process: made again.
            files::remove_file_if_there(to).during("removing", to)?;
        }
        if is_copied {
            return copy(&from, to, step);
        }
        match files::link_noreplace(&from, to) {
            Ok(()) if is_readable_by_all(to) => Ok(Staged::Linked),
            Ok(()) => {
                files::remove_file_if_there(to).during("removing", to)?;
                copy(&from, to, step)
            }
            Err(e) if files::must_copy_instead(&e) => copy(&from, to, step),
            Err(e) => Err(e).during("linking", &from),
        }
    }

    /// Gives the album its place, at once.
    pub fn publish(&self, filing: &Filing) -> Result<()> {
        if self.is_published(filing) {
            // Its process may have died before the names were durable.
            let target = self.music.join(&filing.target);
            sync_folders(&target)?;
            return sync_parent(&target);
        }
        match filing.extends_album {
            None => self.publish_folder(filing),
            Some(_) => self.publish_files(filing),
        }
    }

    fn publish_folder(&self, filing: &Filing) -> Result<()> {
        let (staging, target) = (self.music.join(&filing.staging), self.music.join(&filing.target));
        make_parent(&target)?;
        match files::rename_noreplace(&staging, &target) {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                return Err(Obstacle::Taken(filing.target.clone()));
            }
            done => done.during("publishing", &target)?,
        }
        sync_parent(&target)
    }

    /// Into a folder that is there: links, so that what was begun can be taken back when a name is taken.
    fn publish_files(&self, filing: &Filing) -> Result<()> {
        let (staging, target) = (self.music.join(&filing.staging), self.music.join(&filing.target));
        // When all stand, staging was perhaps being removed.
        let missing = filing.steps.iter().filter(|step| !self.stands(filing, step));
        for step in missing {
            let (from, to) = (staging.join(&step.to), target.join(&step.to));
            make_parent(&to)?;
            match files::link_noreplace(&from, &to) {
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                    if !files::same_file(&from, &to).during("comparing", &to)? {
                        take_back(&staging, &target, filing)?;
                        return Err(Obstacle::Taken(format!("{}/{}", filing.target, step.to)));
                    }
                }
                done => done.during("publishing", &to)?,
            }
            here("publishing", &self.source)?;
        }
        sync_folders(&target)?;
        remove_tree(&staging)
    }

    /// Whether all files stand in their places, and staging is gone: the process died before it could say so.
    pub fn is_published(&self, filing: &Filing) -> bool {
        !self.music.join(&filing.staging).exists() && filing.steps.iter().all(|s| self.stands(filing, s))
    }

    /// Whether one file stands in its place in the library.
    fn stands(&self, filing: &Filing, step: &Step) -> bool {
        let from = self.source_dir().join(text_to_path(&step.from));
        let to = self.music.join(&filing.target).join(&step.to);
        to.metadata().is_ok_and(|found| found.is_file() && found.len() == step.size_bytes)
            && (files::same_file(&from, &to).unwrap_or(false)
                || (step.checksum.is_none() && !from.exists())
                || is_equal(&to, step, &from).unwrap_or(false))
    }

    /// Takes the files of a publication back that the rows will never know; the source is as it was.
    pub fn unpublish(&self, filing: &Filing) -> Result<()> {
        for step in &filing.steps {
            let from = self.source_dir().join(text_to_path(&step.from));
            let to = self.music.join(&filing.target).join(&step.to);
            // Only what the source still has: nothing may lose its last name.
            if require_unchanged(&from, step).is_ok() && self.stands(filing, step) {
                files::remove_file_if_there(&to).during("removing", &to)?;
            }
        }
        Ok(())
    }

    /// Moves what was replaced into the trash.
    pub fn retire_replaced(&self, import_id: i64, filing: &Filing) -> Result<()> {
        if filing.replaces.is_empty() {
            return Ok(());
        }
        let trash = self.music.join(trash_of_replaced(import_id));
        files::make_dirs(&trash).during("making", &trash)?;
        for replaced in &filing.replaces {
            let (old, to) = (self.music.join(&replaced.old_path), trash.join(&replaced.trash_name));
            move_file(&old, &to)?;
            if let Some(folder) = old.parent() {
                files::sync_dir(folder).during("writing", folder)?;
            }
            here("retiring", &self.source)?;
        }
        sync_folders(&trash)
    }

    /// Removes what was staged; the source is as it was.
    pub fn unstage(&self, import_id: i64) -> Result<()> {
        remove_tree(&self.music.join(format!("artists/.incoming-{import_id}")))
    }

    /// Takes the source's names away, now that the database knows the others; what is left is returned.
    pub fn remove_source(&self, plan: &Plan) -> Result<Vec<String>> {
        if let Some(filing) = &plan.filing {
            let target = self.music.join(&filing.target);
            for step in &filing.steps {
                self.remove_from_source(step, &target.join(&step.to))?;
                here("removing", &self.source)?;
            }
        }
        plan.asides.iter().try_for_each(|aside| self.set_aside(aside))?;
        self.clear_source()
    }

    fn remove_from_source(&self, step: &Step, kept: &Path) -> Result<()> {
        let from = self.source_dir().join(text_to_path(&step.from));
        if !from.exists() {
            return Ok(());
        }
        // A file that is another one by now was not imported, and stays.
        let is_kept = files::same_file(&from, kept).unwrap_or(false)
            || (require_unchanged(&from, step).is_ok() && is_equal(kept, step, &from)?);
        if is_kept { files::remove_file_if_there(&from).during("removing", &from) } else { Ok(()) }
    }

    /// Moves files elsewhere, with the reason beside them.
    pub fn set_aside(&self, aside: &Aside) -> Result<()> {
        let target = self.music.join(&aside.target);
        files::make_dirs(&target).during("making", &target)?;
        if let Some(reason) = &aside.reason {
            write_note(&target, reason)?;
        }
        for step in &aside.steps {
            let (from, to) = (self.source_dir().join(text_to_path(&step.from)), target.join(&step.to));
            make_parent(&to)?;
            move_file(&from, &to)?;
            here("setting aside", &self.source)?;
        }
        sync_folders(&target)
    }

    /// Gives each album of the source a folder of its own within it; the folders. Done in part it is another folder, with
    /// fewer albums to part.
    pub fn part(&self, moves: &[Move]) -> Result<Vec<String>> {
        let source = self.source_dir();
        let mut folders: Vec<String> = Vec::new();
        for step in moves {
            let to = source.join(&step.to);
            make_parent(&to)?;
            move_file(&source.join(&step.from), &to)?;
            here("parting", &self.source)?;
            let folder = step.to.parent().map(path_to_text).unwrap_or_default();
            if !folders.contains(&folder) {
                folders.push(folder);
            }
        }
        sync_folders(&source)?;
        Ok(folders)
    }

    /// Removes junk and empty folders of the source; what is left there.
    fn clear_source(&self) -> Result<Vec<String>> {
        let source = self.source_dir();
        if !source.is_dir() {
            return Ok(Vec::new());
        }
        let tree = Tree::of(&source).during("reading", &source)?;
        let releases = tree.releases();
        let is_anothers = |file: &Entry| {
            releases.iter().any(|(folder, files)| !folder.as_os_str().is_empty() && files.contains(&file))
        };
        let is_junk = |file: &Entry| {
            let is_our_note = inbox::is_set_aside(&self.source) && file.relative == Path::new(inbox::REASON);
            file.kind == Kind::Junk || is_our_note
        };
        let (junk, left): (Vec<&Entry>, Vec<&Entry>) =
            tree.files.iter().filter(|f| !is_anothers(f)).partition(|f| is_junk(f));
        if left.is_empty() {
            for file in junk {
                let path = source.join(&file.relative);
                files::remove_file_if_there(&path).during("removing", &path)?;
            }
        }
        for (folder, _) in tree.folders.iter().rev() {
            let path = source.join(folder);
            if self.is_ours_to_remove(&path) {
                files::remove_dir_if_empty(&path).during("removing", &path)?;
            }
        }
        self.prune_above(&source)?;
        Ok(left.iter().map(|f| path_to_text(&f.relative)).collect())
    }

    /// `pending/Artist/` goes when its last album has gone.
    fn prune_above(&self, source: &Path) -> Result<()> {
        for folder in source.ancestors().skip(1).take_while(|f| self.is_ours_to_remove(f)) {
            if !files::remove_dir_if_empty(folder).during("removing", folder)? {
                break;
            }
        }
        Ok(())
    }

    /// The inbox and the sources' own download folders stay: beneath MUSIC_PATH from the third level on.
    fn is_ours_to_remove(&self, folder: &Path) -> bool {
        folder.strip_prefix(&self.music).is_ok_and(|relative| relative.components().count() > 2)
    }
}

/// Staging holds what is planned and nothing else: a picture that was half written when a process died goes.
fn remove_strangers(staging: &Path, filing: &Filing) -> Result<()> {
    let planned: HashSet<PathBuf> = filing
        .steps
        .iter()
        .map(|step| &step.to)
        .chain(filing.cover.as_ref().map(|cover| &cover.to))
        .map(|to| staging.join(to))
        .collect();
    let found = walkdir::WalkDir::new(staging).into_iter().flatten();
    for stranger in found.filter(|e| !e.file_type().is_dir() && !planned.contains(e.path())) {
        files::remove_file_if_there(stranger.path()).during("removing", stranger.path())?;
    }
    Ok(())
}

fn require_unchanged(from: &Path, step: &Step) -> Result<()> {
    let is_same = fs::symlink_metadata(from).is_ok_and(|found| {
        let modified = found.modified().ok().and_then(|at| Timestamp::try_from(at).ok());
        found.is_file() && found.len() == step.size_bytes && modified == Some(step.modified_at)
    });
    if is_same { Ok(()) } else { Err(Obstacle::Changed(step.from.clone())) }
}

/// A file that came in with its owner's rights only would be invisible to players; ours we open, others' we copy.
fn is_readable_by_all(path: &Path) -> bool {
    let Ok(found) = path.metadata() else { return false };
    if found.mode() & 0o044 == 0o044 {
        return true;
    }
    let is_ours = found.uid() == nix::unistd::geteuid().as_raw();
    is_ours
        && fs::set_permissions(path, fs::Permissions::from_mode(found.mode() & 0o7777 | 0o064)).is_ok()
        && path.metadata().is_ok_and(|m| m.mode() & 0o044 == 0o044)
}

fn copy(from: &Path, to: &Path, step: &Step) -> Result<Staged> {
    let copied = files::copy_durably(from, to).during("copying", from)?.to_hex().to_string();
    let expected = match &step.checksum {
        Some(checksum) => checksum.clone(),
        None => files::hash_file(from).during("reading", from)?.to_hex().to_string(),
    };
    if copied == expected {
        return Ok(Staged::Copied);
    }
    files::remove_file_if_there(to).during("removing", to)?;
    Err(Obstacle::Changed(step.from.clone()))
}

fn is_equal(kept: &Path, step: &Step, from: &Path) -> Result<bool> {
    let hash =
        |path: &Path| Ok::<_, Obstacle>(files::hash_file(path).during("reading", path)?.to_hex().to_string());
    let expected = match &step.checksum {
        Some(checksum) => checksum.clone(),
        None => hash(from)?,
    };
    Ok(kept.exists() && hash(kept)? == expected)
}

/// The reason, beside the files that it is about: whole under a name of ours, which a second run finds, then its own.
pub fn write_note(folder: &Path, reason: &str) -> Result<()> {
    let (path, part) = (folder.join(inbox::REASON), folder.join(".writing-reason"));
    files::remove_file_if_there(&part).during("removing", &part)?;
    if path.exists() {
        return Ok(());
    }
    files::write_durably(&part, format!("{reason}\n").as_bytes()).during("writing", &part)?;
    files::rename_noreplace(&part, &path).during("writing", &path)
}

/// Moves one file to a name that is free; done already when only the new name is there.
fn move_file(from: &Path, to: &Path) -> Result<()> {
    if from == to {
        return Ok(());
    }
    match files::rename_noreplace(from, to) {
        // Moved before; or taken away by somebody, who then has it.
        Err(e) if e.kind() == ErrorKind::NotFound && !from.exists() => Ok(()),
        Err(e) if e.kind() == ErrorKind::CrossesDevices && !to.exists() => move_by_copy(from, to),
        // Moved by copying before, and stopped before the source went; or a stranger's file.
        Err(e) if matches!(e.kind(), ErrorKind::AlreadyExists | ErrorKind::CrossesDevices) => {
            let hash = |path: &Path| files::hash_file(path).during("reading", path);
            if hash(from)? != hash(to)? {
                return Err(Obstacle::Taken(path_to_text(to)));
            }
            files::remove_file_if_there(from).during("removing", from)
        }
        done => done.during("moving", from),
    }
}

/// To another file system: whole under a name of ours, then under its own.
fn move_by_copy(from: &Path, to: &Path) -> Result<()> {
    let part = to.with_file_name(".moving");
    files::remove_file_if_there(&part).during("removing", &part)?;
    let copied = files::copy_durably(from, &part).during("copying", from)?;
    if copied != files::hash_file(from).during("reading", from)? {
        return Err(Obstacle::Changed(path_to_text(from)));
    }
    files::rename_noreplace(&part, to).during("moving", to)?;
    sync_parent(to)?;
    files::remove_file_if_there(from).during("removing", from)
}

/// Undoes a publication that could not be finished: just the names that are ours.
fn take_back(staging: &Path, target: &Path, filing: &Filing) -> Result<()> {
    for step in &filing.steps {
        let (from, to) = (staging.join(&step.to), target.join(&step.to));
        if to.exists() && files::same_file(&from, &to).unwrap_or(false) {
            files::remove_file_if_there(&to).during("removing", &to)?;
        }
    }
    Ok(())
}

fn make_parent(path: &Path) -> Result<()> {
    path.parent().map_or(Ok(()), |parent| files::make_dirs(parent).during("making", parent))
}

fn sync_parent(path: &Path) -> Result<()> {
    path.parent().map_or(Ok(()), |parent| files::sync_dir(parent).during("writing", parent))
}

/// The folder and those in it.
fn sync_folders(folder: &Path) -> Result<()> {
    for entry in walkdir::WalkDir::new(folder).contents_first(true).into_iter().flatten() {
        if entry.file_type().is_dir() {
            files::sync_dir(entry.path()).during("writing", entry.path())?;
        }
    }
    Ok(())
}

/// A staging folder: only links and copies of ours lie in it.
fn remove_tree(folder: &Path) -> Result<()> {
    files::remove_tree_if_there(folder).during("removing", folder)
}
