//! Copies a folder that Lidarr has filled into `downloads/lidarr/`: hidden while it grows, there by one rename.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::audio;
use crate::files;

/// So much is left free on the disk with the music.
const RESERVE_BYTES: u64 = 1 << 30;

/// Why it was not copied.
#[derive(Debug, thiserror::Error)]
pub enum NotCopied {
    /// Not there, or not for us to read.
    #[error(
        "{0} cannot be read: {1}. Is it the folder that Lidarr means (lidarr.path_map), and may user barbossa read it?"
    )]
    Unreadable(PathBuf, io::Error),
    /// Ours already.
    #[error("{0} lies in Barbossa's own music folder")]
    Ours(PathBuf),
    /// No sound in it.
    #[error("there is no music in {0}")]
    NoMusic(PathBuf),
    /// It would fill the disk.
    #[error("there is not enough space on the disk for it")]
    NoSpace,
    /// On our side.
    #[error("it could not be copied: {0}")]
    Failed(#[from] io::Error),
}

/// Copies what lies at `from` (a folder or one file) to `to`, which has one parent that is there. Nothing to do when `to` is
/// there already. Blocks.
pub fn copy(music: &Path, from: &Path, to: &Path) -> Result<(), NotCopied> {
    if to.exists() {
        return Ok(());
    }
    // By where it really lies: a link would lead astray.
    let real = from.canonicalize().map_err(|e| NotCopied::Unreadable(from.to_owned(), e))?;
    let own = music.canonicalize()?;
    if real.starts_with(&own) || own.starts_with(&real) {
        return Err(NotCopied::Ours(from.to_owned()));
    }
    let (base, found) = look(&real).map_err(|e| NotCopied::Unreadable(from.to_owned(), e))?;
    if !found.iter().any(|(path, _)| audio::is_audio_name(path)) {
        return Err(NotCopied::NoMusic(from.to_owned()));
    }
    let folder = to.parent().ok_or_else(|| io::Error::from(ErrorKind::InvalidInput))?;
    files::make_dirs(folder)?;
    let size: u64 = found.iter().map(|(_, size)| size).sum();
    if files::free_bytes(folder)? < size + RESERVE_BYTES {
        return Err(NotCopied::NoSpace);
    }
    let name = to.file_name().unwrap_or_default().to_string_lossy();
    let growing = folder.join(format!(".part-{name}"));
    // What an attempt before has left.
    files::remove_tree_if_there(&growing)?;
    files::make_dirs(&growing)?;
    for (path, _) in &found {
        let place = growing.join(path);
        if let Some(above) = place.parent() {
            files::make_dirs(above)?;
        }
        files::copy_durably(&base.join(path), &place)?;
    }
    match files::rename_noreplace(&growing, to) {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => files::remove_tree_if_there(&growing)?,
        done => done?,
    }
    Ok(files::sync_dir(folder)?)
}

/// The plain files in it, relative to a base, with their sizes; hidden ones and links left out.
fn look(real: &Path) -> io::Result<(PathBuf, Vec<(PathBuf, u64)>)> {
    if real.is_file() {
        let base = real.parent().unwrap_or(Path::new("/")).to_owned();
        let name = real.file_name().map(PathBuf::from).unwrap_or_default();
        return Ok((base, vec![(name, real.metadata()?.len())]));
    }
    let is_hidden = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with('.');
    let mut found = Vec::new();
    let walk = WalkDir::new(real).sort_by_file_name().into_iter();
    for entry in walk.filter_entry(|entry| entry.depth() == 0 || !is_hidden(entry.file_name())) {
        let entry = entry.map_err(io::Error::from)?;
        if entry.file_type().is_file()
            && let Ok(relative) = entry.path().strip_prefix(real)
        {
            found.push((relative.to_owned(), entry.metadata().map_err(io::Error::from)?.len()));
        }
    }
    Ok((real.to_owned(), found))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_there_is_copied_whole_once_and_links_lead_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let (music, shared) = (dir.path().join("music"), dir.path().join("shared"));
        for folder in [music.join("downloads"), shared.join("Album/CD1"), shared.join("empty")] {
            fs::create_dir_all(folder).unwrap();
        }
        fs::write(shared.join("Album/CD1/01.flac"), "sound").unwrap();
        fs::write(shared.join("Album/.hidden"), "x").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", shared.join("Album/passwd.flac")).unwrap();
        let to = music.join("downloads/lidarr/1 Album");
        fs::create_dir_all(music.join("downloads/lidarr/.part-1 Album/old")).unwrap();
        copy(&music, &shared.join("Album"), &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("CD1/01.flac")).unwrap(), "sound");
        assert!(!to.join(".hidden").exists() && !to.join("passwd.flac").exists() && !to.join("old").exists());
        fs::write(shared.join("Album/CD1/01.flac"), "other").unwrap();
        copy(&music, &shared.join("Album"), &to).unwrap();
        assert_eq!(fs::read_to_string(to.join("CD1/01.flac")).unwrap(), "sound", "twice is once");
        assert!(shared.join("Album/CD1/01.flac").exists(), "Lidarr's own stays");
        let refused = |from: &Path| copy(&music, from, &music.join("downloads/lidarr/2 x")).unwrap_err();
        assert!(matches!(refused(&shared.join("empty")), NotCopied::NoMusic(_)));
        assert!(matches!(refused(&shared.join("gone")), NotCopied::Unreadable(..)));
        assert!(matches!(refused(&to), NotCopied::Ours(_)));
        assert!(matches!(refused(dir.path()), NotCopied::Ours(_)));
    }
}
