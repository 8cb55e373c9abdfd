//! The files of a backup: their names, the lock on their folder, and how they come to be there whole or not at all.

use std::fmt::Write as _;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use crate::files;

/// The folder of the backups, ours alone until this is dropped.
pub(super) struct Folder {
    path: PathBuf,
    _lock: Flock<File>,
}

/// A file on its way to becoming a backup. Dropping it removes it.
pub(super) struct Unfinished {
    file: NamedTempFile,
    name: String,
}

impl Folder {
    /// Opens it, made if missing; `None` while another run has it.
    pub(super) fn lock(path: &Path) -> io::Result<Option<Self>> {
        if !path.is_dir() {
            // Only we may read what is in the dumps: names, addresses, password hashes.
            DirBuilder::new().mode(0o700).recursive(true).create(path)?;
        }
        let lock = path.join(".lock");
        let file = OpenOptions::new().create(true).truncate(false).write(true).mode(0o600).open(lock)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(lock) => Ok(Some(Self { path: path.to_owned(), _lock: lock })),
            Err((_, Errno::EWOULDBLOCK)) => Ok(None),
            Err((_, errno)) => Err(errno.into()),
        }
    }

    /// Removes what runs left behind that were killed: whoever has the lock knows that nobody is writing it.
    pub(super) fn remove_leftovers(&self) -> io::Result<usize> {
        let mut count = 0;
        for entry in std::fs::read_dir(&self.path)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            let is_ours = name.starts_with(".barbossa-") || name.starts_with(".before-migration-");
            if is_ours && name.ends_with(".tmp") && entry.file_type()?.is_file() {
                files::remove_file_if_there(&entry.path())?;
                count += 1;
            }
        }
        Ok(count)
    }

    /// A new, empty, closed (0600) file for the backup of this name.
    pub(super) fn begin(&self, name: &str) -> io::Result<Unfinished> {
        let file = tempfile::Builder::new()
            .prefix(&format!(".{name}"))
            .suffix(".tmp")
            .rand_bytes(0)
            .tempfile_in(&self.path)?;
        Ok(Unfinished { file, name: name.to_owned() })
    }

    /// Whether a backup or its checksum has this name already.
    pub(super) fn has(&self, name: &str) -> bool {
        let taken = |name: &str| self.path.join(name).symlink_metadata().is_ok();
        taken(name) || taken(&checksum_name(name))
    }

    /// Gives the backup its name, its checksum before it; durably.
    pub(super) fn finish(&self, dump: Unfinished, sha256: &[u8]) -> io::Result<PathBuf> {
        let (path, checksum) = (self.path.join(&dump.name), self.path.join(checksum_name(&dump.name)));
        let line = format!("{}  {}\n", hex(sha256), dump.name);
        files::create_durably(&checksum, line.as_bytes())?;
        if let Err(error) = files::rename_noreplace(dump.path(), &path) {
            // A checksum of nothing helps nobody; the error that matters is the one on its way.
            let _ = std::fs::remove_file(&checksum);
            return Err(error);
        }
        // Its old name is gone: there is nothing left to remove.
        let _ = dump.file.into_temp_path().keep();
        files::sync_dir(&self.path)?;
        Ok(path)
    }
}

impl Unfinished {
    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    pub(super) fn size_bytes(&self) -> io::Result<u64> {
        Ok(self.file.as_file().metadata()?.len())
    }

    /// A second handle on it, for a program to write through.
    pub(super) fn handle(&self) -> io::Result<File> {
        self.file.reopen()
    }

    /// Flushes it to the disk and reads it whole; its SHA-256.
    pub(super) fn seal(&self) -> io::Result<[u8; 32]> {
        self.file.as_file().sync_all()?;
        let mut file = self.file.reopen()?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 256 * 1024];
        loop {
            match file.read(&mut buffer)? {
                0 => return Ok(hasher.finalize().into()),
                count => hasher.update(&buffer[..count]),
            }
        }
    }
}

/// `barbossa-20261122T103900Z.dump`.
pub(super) fn name(prefix: &str, at: Timestamp) -> String {
    format!("{prefix}-{}.dump", at.strftime("%Y%m%dT%H%M%SZ"))
}

fn checksum_name(name: &str) -> String {
    format!("{name}.sha256")
}

/// As `sha256sum` writes it.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_name_tells_its_time_in_utc() {
        let at = "2026-11-22T11:39:00+01:00".parse().unwrap();
        assert_eq!(name("barbossa", at), "barbossa-20261122T103900Z.dump");
    }

    #[test]
    fn a_second_run_does_not_get_the_folder_until_the_first_lets_go() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/backups");
        let first = Folder::lock(&path).unwrap().unwrap();
        assert!(Folder::lock(&path).unwrap().is_none());
        drop(first);
        assert!(Folder::lock(&path).unwrap().is_some());
        let mode = std::os::unix::fs::PermissionsExt::mode(&path.metadata().unwrap().permissions());
        assert_eq!(mode & 0o777, 0o700);
    }

    #[test]
    fn what_is_dropped_before_its_end_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::lock(dir.path()).unwrap().unwrap();
        drop(folder.begin("barbossa-1.dump").unwrap());
        let names: Vec<_> = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(names, [".lock"]);
    }

    #[test]
    fn a_backup_never_takes_the_name_of_another() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::lock(dir.path()).unwrap().unwrap();
        std::fs::write(dir.path().join("barbossa-1.dump"), "old").unwrap();
        let dump = folder.begin("barbossa-1.dump").unwrap();
        dump.handle().unwrap().write_all(b"new").unwrap();
        let sha256 = dump.seal().unwrap();
        assert!(folder.finish(dump, &sha256).is_err());
        assert_eq!(std::fs::read(dir.path().join("barbossa-1.dump")).unwrap(), b"old");
        assert!(!dir.path().join("barbossa-1.dump.sha256").exists());
    }

    #[test]
    fn the_checksum_is_one_that_sha256sum_reads() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::lock(dir.path()).unwrap().unwrap();
        let dump = folder.begin("barbossa-1.dump").unwrap();
        dump.handle().unwrap().write_all(b"hello").unwrap();
        let sha256 = dump.seal().unwrap();
        folder.finish(dump, &sha256).unwrap();
        assert_eq!(
            std::fs::read_to_string(dir.path().join("barbossa-1.dump.sha256")).unwrap(),
            "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824  barbossa-1.dump\n"
        );
        assert_eq!(std::fs::read(dir.path().join("barbossa-1.dump")).unwrap(), b"hello");
    }

    #[test]
    fn only_leftovers_of_our_own_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::lock(dir.path()).unwrap().unwrap();
        for name in
            [".barbossa-1.dump.tmp", ".before-migration-2-1.dump.tmp", "barbossa-1.dump", ".other.tmp"]
        {
            std::fs::write(dir.path().join(name), "x").unwrap();
        }
        assert_eq!(folder.remove_leftovers().unwrap(), 2);
        assert!(dir.path().join("barbossa-1.dump").exists() && dir.path().join(".other.tmp").exists());
    }
}
