//! What the trash does to files: into an entry's folder, back out of it, and away for good. Every function here blocks,
//! can be stopped anywhere and be called again; nothing is ever overwritten.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::entry::{Entry, File};
use super::places::is_beneath;
use crate::files::{self, path_to_text, text_to_path};

/// A place where a test may stop: between each two steps. `music` keeps the tests apart.
pub fn here(step: &'static str, music: &Path) -> io::Result<()> {
    #[cfg(feature = "failpoints")]
    fail::fail_point!(&format!("trash {step} {}", music.display()), |_| Err(io::Error::other(
        "stopped by a test"
    )));
    // What a program without the feature knows of it.
    let _ = (step, music);
    Ok(())
}

/// A file that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// Relative to MUSIC_PATH, as `files::path_to_text` writes it.
    pub path: String,
    /// Its size.
    pub size_bytes: u64,
}

/// All regular files beneath a folder; none when it is gone.
pub fn files_in(music: &Path, folder: &Path) -> io::Result<Vec<Found>> {
    let whole = music.join(folder);
    let mut found = Vec::new();
    for entry in walkdir::WalkDir::new(&whole).follow_links(false).sort_by_file_name() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(e) if e.io_error().is_some_and(|e| e.kind() == ErrorKind::NotFound) => continue,
            Err(e) => return Err(e.into()),
        };
        if entry.file_type().is_file() {
            let relative = entry.path().strip_prefix(music).unwrap_or(entry.path());
            found.push(Found { path: path_to_text(relative), size_bytes: entry.metadata()?.len() });
        }
    }
    Ok(found)
}

/// Moves files to new places; both as in [`Found::path`]. Those of which neither the old nor the new name is there are
/// returned.
///
/// # Errors
/// `AlreadyExists` when somebody else's file stands in a new place.
pub fn move_all(music: &Path, moves: &[(String, String)]) -> io::Result<Vec<String>> {
    let mut gone = Vec::new();
    let mut folders = BTreeSet::new();
    for (from, to) in moves {
        let (old, new) = (music.join(text_to_path(from)), music.join(text_to_path(to)));
        if let Some(folder) = new.parent() {
            files::make_dirs(folder)?;
        }
        if !move_one(&old, &new)? {
            gone.push(from.clone());
        }
        folders.extend(new.parent().map(Path::to_owned));
        folders.extend(old.parent().map(Path::to_owned));
        here("moving", music)?;
    }
    for folder in folders.iter().filter(|f| f.is_dir()) {
        files::sync_dir(folder)?;
    }
    Ok(gone)
}

/// Whether the file stands in its new place now.
fn move_one(old: &Path, new: &Path) -> io::Result<bool> {
    match files::rename_noreplace(old, new) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == ErrorKind::NotFound => new.try_exists(),
        Err(e) if e.kind() == ErrorKind::CrossesDevices => move_by_copy(old, new),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => {
            // Begun before, where a rename is a link and an unlink, or a copy and an unlink.
            if !old.try_exists()? {
                return Ok(true);
            }
            if !files::same_file(old, new)? && files::hash_file(old)? != files::hash_file(new)? {
                return Err(io::Error::new(ErrorKind::AlreadyExists, format!("{} is taken", new.display())));
            }
            files::remove_file_if_there(old)?;
            Ok(true)
        }
        Err(e) => Err(io::Error::new(e.kind(), format!("moving {}: {e}", old.display()))),
    }
}

/// To another file system: whole under a name of ours, then under its own.
fn move_by_copy(old: &Path, new: &Path) -> io::Result<bool> {
    let part = new.with_file_name(".moving");
    files::remove_file_if_there(&part)?;
    let copied = files::copy_durably(old, &part)?;
    if copied != files::hash_file(old)? {
        return Err(io::Error::other(format!("{} changed while it was copied", old.display())));
    }
    files::rename_noreplace(&part, new)?;
    new.parent().map_or(Ok(()), files::sync_dir)?;
    files::remove_file_if_there(old)?;
    Ok(true)
}

/// Removes the folders of files that were moved away, as far up as they are empty; `keep` and what is above it stays.
pub fn prune(music: &Path, moved: &[String], keep: &str) -> io::Result<()> {
    let keep = music.join(keep);
    let mut folders: BTreeSet<PathBuf> = BTreeSet::new();
    for path in moved {
        let file = music.join(text_to_path(path));
        folders.extend(
            file.ancestors().skip(1).take_while(|f| **f != keep && f.starts_with(&keep)).map(Path::to_owned),
        );
    }
    // Inner folders first.
    for folder in folders.iter().rev() {
        files::remove_dir_if_empty(folder)?;
    }
    Ok(())
}

/// The place of an entry's file.
pub fn place(entry: &Entry, file: &File) -> String {
    format!("{}/{}", entry.path, file.name)
}

/// Removes the files of an entry for good, and its folder; how many files lie there that the entry does not know.
///
/// # Errors
/// `InvalidInput` when the entry's folder does not lie in the trash.
pub fn remove(music: &Path, entry: &Entry) -> io::Result<usize> {
    if !is_beneath(&entry.path, ".trash")
        || !entry.files.iter().all(|f| is_beneath(&place(entry, f), &entry.path))
    {
        return Err(io::Error::new(
            ErrorKind::InvalidInput,
            format!("{} is no folder of the trash", entry.path),
        ));
    }
    let folder = music.join(&entry.path);
    if !folder.try_exists()? {
        return Ok(0);
    }
    // A link that somebody has put in the way leads out of the trash.
    if !folder.canonicalize()?.starts_with(music.join(".trash").canonicalize()?) {
        let text = format!("{} leads out of the trash", folder.display());
        return Err(io::Error::new(ErrorKind::InvalidInput, text));
    }
    let mut removed: Vec<String> = Vec::new();
    for file in &entry.files {
        let path = place(entry, file);
        files::remove_file_if_there(&music.join(text_to_path(&path)))?;
        removed.push(path);
        here("removing", music)?;
    }
    files::remove_file_if_there(&folder.join("REASON.txt"))?;
    removed.push(format!("{}/REASON.txt", entry.path));
    let above = entry.path.rsplit_once('/').map_or(".trash", |(above, _)| above);
    prune(music, &removed, above)?;
    files::sync_dir(&music.join(above))?;
    if folder.try_exists()? { Ok(files_in(music, Path::new(&entry.path))?.len()) } else { Ok(0) }
}

/// Folders of the trash that hold files and are not in `known`, untouched for so long; relative to MUSIC_PATH.
pub fn strays(
    music: &Path,
    known: &BTreeSet<String>,
    untouched: Duration,
) -> io::Result<Vec<(String, Vec<Found>)>> {
    let mut strays = Vec::new();
    for room in ["replaced", "deleted", "imports"] {
        let entries = match fs::read_dir(music.join(".trash").join(room)) {
            Err(e) if e.kind() == ErrorKind::NotFound => continue,
            entries => entries?,
        };
        for entry in entries {
            let entry = entry?;
            let Ok(name) = entry.file_name().into_string() else {
                tracing::warn!(folder = %entry.path().display(), "left alone in the trash: its name is not UTF-8");
                continue;
            };
            let path = format!(".trash/{room}/{name}");
            if known.contains(&path) || !entry.file_type()?.is_dir() || !is_quiet(&entry.path(), untouched)? {
                continue;
            }
            let found = files_in(music, Path::new(&path))?;
            if !found.is_empty() {
                strays.push((path, found));
            }
        }
    }
    Ok(strays)
}

fn is_quiet(folder: &Path, untouched: Duration) -> io::Result<bool> {
    let changed = folder.metadata()?.ctime();
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_err(io::Error::other)?;
    Ok(now.as_secs().cast_signed() - changed >= untouched.as_secs().cast_signed())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(music: &Path, path: &str) {
        let file = music.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, path).unwrap();
    }

    fn moves(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect()
    }

    #[test]
    fn a_move_never_overwrites_and_can_be_done_again() {
        let music = tempfile::tempdir().unwrap();
        written(music.path(), "artists/A/B/1.flac");
        let there = moves(&[
            ("artists/A/B/1.flac", ".trash/deleted/1/1.flac"),
            ("artists/A/B/2.flac", ".trash/deleted/1/2.flac"),
        ]);
        assert_eq!(move_all(music.path(), &there).unwrap(), ["artists/A/B/2.flac"]);
        assert_eq!(move_all(music.path(), &there).unwrap(), ["artists/A/B/2.flac"]);
        prune(music.path(), &["artists/A/B/1.flac".to_owned()], "artists").unwrap();
        assert!(!music.path().join("artists/A").exists() && music.path().join("artists").exists());
        written(music.path(), "artists/A/B/1.flac");
        fs::write(music.path().join("artists/A/B/1.flac"), "another").unwrap();
        assert_eq!(move_all(music.path(), &there).unwrap_err().kind(), ErrorKind::AlreadyExists);
    }

    #[test]
    fn a_folder_is_looked_through_and_may_be_gone() {
        let music = tempfile::tempdir().unwrap();
        for path in ["artists/A/1.flac", "artists/A/Scans/b.jpg"] {
            written(music.path(), path);
        }
        std::os::unix::fs::symlink("/etc", music.path().join("artists/A/etc")).unwrap();
        let found = files_in(music.path(), Path::new("artists/A")).unwrap();
        let paths: Vec<&str> = found.iter().map(|f| f.path.as_str()).collect();
        assert_eq!(paths, ["artists/A/1.flac", "artists/A/Scans/b.jpg"]);
        assert!(files_in(music.path(), Path::new("artists/gone")).unwrap().is_empty());
    }
}
