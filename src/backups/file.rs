//! The folder of the backups: who may write there, what the names mean, and how a backup gets its name whole or not at all.

use std::fmt::Write as _;
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};

use super::make::Purpose;
use crate::files;

/// The folder of the backups, ours alone until this is dropped.
pub(super) struct Folder {
    path: PathBuf,
    _lock: Flock<File>,
}

/// A folder on its way to becoming a backup. Dropping it removes it with all that is in it.
pub(super) struct Unfinished {
    path: PathBuf,
    name: String,
    is_named: bool,
}

/// A backup on disk, as its name tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// `barbossa-20261122T103900Z`; with `.dump` where it is a file.
    pub name: String,
    /// Where it lies.
    pub path: PathBuf,
    /// When it was begun, by the clock of then.
    pub made_at: Timestamp,
    /// Why it was made.
    pub purpose: Purpose,
    /// A single dump, as earlier versions made them.
    pub is_single_file: bool,
}

impl Folder {
    /// Opens it, made if missing; `None` while another run has it.
    pub(super) fn lock(path: &Path) -> io::Result<Option<Self>> {
        if !path.is_dir() {
            // Only we may read what is in the backups: names, addresses, password hashes.
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
            if is_ours && name.ends_with(".tmp") {
                remove(&entry.path())?;
                count += 1;
            }
        }
        Ok(count)
    }

    /// A new, empty, closed (0700) folder for the backup of this name.
    pub(super) fn begin(&self, name: &str) -> io::Result<Unfinished> {
        let path = self.path.join(format!(".{name}.tmp"));
        files::may_fail("mkdir", &path)?;
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Unfinished { path, name: name.to_owned(), is_named: false })
    }

    /// Whether a backup has this name already.
    pub(super) fn has(&self, name: &str) -> bool {
        let taken = |name: &str| self.path.join(name).symlink_metadata().is_ok();
        taken(name) || taken(&format!("{name}.dump")) || taken(&format!("{name}.dump.sha256"))
    }

    /// Gives the backup its name, when all that is in it is on the disk.
    pub(super) fn finish(&self, mut made: Unfinished) -> io::Result<PathBuf> {
        for entry in walkdir::WalkDir::new(&made.path).contents_first(true) {
            let entry = entry?;
            if entry.file_type().is_dir() {
                files::sync_dir(entry.path())?;
            }
        }
        let path = self.path.join(&made.name);
        files::rename_noreplace(&made.path, &path)?;
        made.is_named = true;
        if let Err(error) = files::sync_dir(&self.path) {
            // A name that may be gone after a power cut is none: back to nothing, if that can be had.
            let _ = self.remove_backup(&path);
            return Err(error);
        }
        Ok(path)
    }

    /// Takes its name from a backup, then removes it: what is left half-way has no backup's name.
    pub(super) fn remove_backup(&self, path: &Path) -> io::Result<()> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let going = self.path.join(format!(".{name}.tmp"));
        files::rename_noreplace(path, &going)?;
        files::sync_dir(&self.path)?;
        let checksum = checksum_of(path);
        files::remove_file_if_there(&checksum)?;
        remove(&going)
    }
}

impl Unfinished {
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if !self.is_named {
            // What cannot be removed now is removed by the next run.
            let _ = std::fs::remove_dir_all(&self.path);
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    if path.symlink_metadata()?.is_dir() {
        files::remove_tree_if_there(path)
    } else {
        files::remove_file_if_there(path)
    }
}

/// A closed (0600) file that is written through it, and not there before.
pub(super) fn create(path: &Path) -> io::Result<File> {
    files::may_fail("create", path)?;
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Copies a file into a closed one, to the disk.
pub(super) fn copy(from: &Path, to: &Path) -> io::Result<()> {
    let mut target = create(to)?;
    files::may_fail("write", to)?;
    io::copy(&mut File::open(from)?, &mut target)?;
    files::may_fail("fsync", to)?;
    target.sync_all()
}

/// Takes from everyone else what another program has written here, and brings it to the disk.
pub(super) fn close(folder: &Path) -> io::Result<()> {
    for entry in walkdir::WalkDir::new(folder).contents_first(true) {
        let entry = entry?;
        let mode = if entry.file_type().is_dir() { 0o700 } else { 0o600 };
        std::fs::set_permissions(entry.path(), Permissions::from_mode(mode))?;
        File::open(entry.path())?.sync_all()?;
    }
    Ok(())
}

/// The `.sha256` beside a single dump.
pub(super) fn checksum_of(dump: &Path) -> PathBuf {
    let mut path = dump.as_os_str().to_owned();
    path.push(".sha256");
    path.into()
}

/// Reads a file to its end: its size and its SHA-256.
pub(super) fn sum(path: &Path) -> io::Result<(u64, [u8; 32])> {
    files::may_fail("read", path)?;
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    let mut size = 0;
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok((size, hasher.finalize().into())),
            Ok(count) => {
                hasher.update(&buffer[..count]);
                size += count as u64;
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}

/// `barbossa-20261122T103900Z`.
pub(super) fn name(purpose: Purpose, at: Timestamp) -> String {
    let prefix = match purpose {
        Purpose::Routine => "barbossa".to_owned(),
        Purpose::BeforeMigration(version) => format!("before-migration-{version}"),
    };
    format!("{prefix}-{}", at.strftime("%Y%m%dT%H%M%SZ"))
}

/// What a backup's name tells: when it was begun, and why.
pub(super) fn parsed(name: &str) -> Option<(Timestamp, Purpose)> {
    let (prefix, time) = name.rsplit_once('-')?;
    let purpose = match prefix {
        "barbossa" => Purpose::Routine,
        _ => Purpose::BeforeMigration(prefix.strip_prefix("before-migration-")?.parse().ok()?),
    };
    let time = DateTime::strptime("%Y%m%dT%H%M%SZ", time).ok()?;
    Some((time.to_zoned(TimeZone::UTC).ok()?.timestamp(), purpose))
}

/// The backup that lies at this path, if its name is one of a backup.
pub(super) fn at(path: &Path) -> Option<Found> {
    let name = path.file_name()?.to_str()?;
    let is_dir = path.metadata().ok()?.is_dir();
    let bare = name.strip_suffix(".dump");
    if is_dir == bare.is_some() {
        return None;
    }
    let (made_at, purpose) = parsed(bare.unwrap_or(name))?;
    Some(Found { name: name.to_owned(), path: path.to_owned(), made_at, purpose, is_single_file: !is_dir })
}

/// The backups in a folder, the newest first; none where there is no folder.
///
/// # Errors
/// When the folder cannot be read.
pub fn on_disk(dir: &Path) -> io::Result<Vec<Found>> {
    let entries = match std::fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let paths = entries.map(|entry| entry.map(|e| e.path())).collect::<io::Result<Vec<_>>>()?;
    let mut found: Vec<Found> = paths.iter().filter_map(|path| at(path)).collect();
    found.sort_by(|a, b| b.made_at.cmp(&a.made_at).then_with(|| b.name.cmp(&a.name)));
    Ok(found)
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

    fn names(dir: &Path) -> Vec<String> {
        let entries = std::fs::read_dir(dir).unwrap();
        let mut names: Vec<_> =
            entries.map(|e| e.unwrap().file_name().into_string().unwrap()).filter(|n| n != ".lock").collect();
        names.sort();
        names
    }

    #[test]
    fn a_name_tells_its_time_in_utc_and_is_read_again() {
        let at_time = "2026-11-22T11:39:00+01:00".parse().unwrap();
        let dir = tempfile::tempdir().unwrap();
        for (purpose, text) in [
            (Purpose::Routine, "barbossa-20261122T103900Z"),
            (Purpose::BeforeMigration(12), "before-migration-12-20261122T103900Z"),
        ] {
            assert_eq!(name(purpose, at_time), text);
            std::fs::create_dir(dir.path().join(text)).unwrap();
            std::fs::write(dir.path().join(format!("{text}.dump")), "x").unwrap();
            for (path, is_single_file) in [(text.to_owned(), false), (format!("{text}.dump"), true)] {
                let found = at(&dir.path().join(path)).unwrap();
                assert_eq!((found.made_at, found.purpose), (at_time, purpose));
                assert_eq!(found.is_single_file, is_single_file);
            }
        }
        assert_eq!(on_disk(dir.path()).unwrap().len(), 4);
    }

    #[test]
    fn what_has_no_backups_name_is_none() {
        let dir = tempfile::tempdir().unwrap();
        for name in
            ["barbossa-2026", "barbossa-20261122T103900Z.dump.sha256", ".barbossa-20261122T103900Z.tmp", "x"]
        {
            std::fs::create_dir(dir.path().join(name)).unwrap();
        }
        // A folder's name on a file, and a file's on a folder.
        std::fs::write(dir.path().join("barbossa-20261122T103900Z"), "x").unwrap();
        std::fs::create_dir(dir.path().join("barbossa-20261122T103901Z.dump")).unwrap();
        assert_eq!(on_disk(dir.path()).unwrap(), []);
        assert_eq!(on_disk(&dir.path().join("gone")).unwrap(), []);
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
        let made = folder.begin("barbossa-1").unwrap();
        std::fs::write(made.path().join("database.dump"), "half").unwrap();
        drop(made);
        assert_eq!(names(dir.path()), Vec::<String>::new());
    }

    #[test]
    fn a_backup_never_takes_the_name_of_another() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::lock(dir.path()).unwrap().unwrap();
        std::fs::create_dir(dir.path().join("barbossa-1")).unwrap();
        std::fs::write(dir.path().join("barbossa-1/old"), "old").unwrap();
        assert!(folder.has("barbossa-1"));
        assert!(folder.finish(folder.begin("barbossa-1").unwrap()).is_err());
        assert_eq!(std::fs::read(dir.path().join("barbossa-1/old")).unwrap(), b"old");
        assert_eq!(names(dir.path()), ["barbossa-1"]);
    }

    #[test]
    fn a_backup_goes_with_its_checksum_and_leaves_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::lock(dir.path()).unwrap().unwrap();
        for name in ["barbossa-1.dump", "barbossa-1.dump.sha256", "barbossa-2.dump"] {
            std::fs::write(dir.path().join(name), "x").unwrap();
        }
        folder.remove_backup(&dir.path().join("barbossa-1.dump")).unwrap();
        assert_eq!(names(dir.path()), ["barbossa-2.dump"]);
    }

    #[test]
    fn only_leftovers_of_our_own_are_removed() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::lock(dir.path()).unwrap().unwrap();
        for name in [".barbossa-1.dump.tmp", "barbossa-1.dump", ".other.tmp"] {
            std::fs::write(dir.path().join(name), "x").unwrap();
        }
        std::fs::create_dir_all(dir.path().join(".before-migration-2-1.tmp/artwork")).unwrap();
        assert_eq!(folder.remove_leftovers().unwrap(), 2);
        assert_eq!(names(dir.path()), [".other.tmp", "barbossa-1.dump"]);
    }
}
