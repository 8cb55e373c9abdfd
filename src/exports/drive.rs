//! The folder that an export is written into, held open from beginning to end: what is mounted over it or taken away from
//! beneath it meanwhile cannot lead a file elsewhere, and no symbolic link in it leads out.
//!
//! A file is written beneath `.barbossa-export`, flushed, read back from the disk and compared; then it gets its name.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use nix::errno::Errno;
use nix::fcntl::{
    AtFlags, Flock, FlockArg, OFlag, PosixFadviseAdvice, RenameFlags, openat, posix_fadvise, renameat2,
};
use nix::sys::stat::{Mode, SFlag, fstatat, mkdirat};
use nix::sys::statfs::{MSDOS_SUPER_MAGIC, fstatfs};
use nix::sys::statvfs::fstatvfs;
use nix::unistd::{UnlinkatFlags, unlinkat};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use super::layout::WORK;
use crate::files::{may_fail, openat_beneath};

/// How much is read and written at once.
const CHUNK_BYTES: usize = 1 << 20;
/// What is being written.
const WRITING: &str = "writing";
/// What was written by a run that has not ended.
const JOURNAL: &str = "journal";

/// Why a file could not be written.
#[derive(Debug)]
pub enum Trouble {
    /// The library's file could not be read.
    Source(io::Error),
    /// The drive refused.
    Drive(io::Error),
    /// We were told to stop.
    Stopped,
}

impl From<Errno> for Trouble {
    fn from(errno: Errno) -> Self {
        Self::Drive(errno.into())
    }
}

/// What a path holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum There {
    /// Nothing.
    Nothing,
    /// A file of this size.
    File(u64),
    /// A folder, a link, a device.
    Other,
}

/// What a file holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sums {
    /// Its size.
    pub size: u64,
    /// Hex.
    pub sha256: String,
    /// Hex.
    pub blake3: String,
}

/// See the module.
pub struct Drive {
    path: PathBuf,
    root: OwnedFd,
    work: Flock<File>,
}

impl Drive {
    /// Opens the folder, which must be there, for this process alone; `None` while another export writes into it.
    ///
    /// # Errors
    /// Whatever the drive says.
    pub fn open(path: &Path) -> io::Result<Option<Self>> {
        may_fail("open", path)?;
        let root: OwnedFd =
            OpenOptions::new().read(true).custom_flags(OFlag::O_DIRECTORY.bits()).open(path)?.into();
        may_fail("mkdir", &path.join(WORK))?;
        make_folder(&root, WORK)?;
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let work = File::from(openat(&root, WORK, flags, Mode::empty())?);
        let work = match Flock::lock(work, FlockArg::LockExclusiveNonblock) {
            Ok(work) => work,
            Err((_, Errno::EWOULDBLOCK)) => return Ok(None),
            Err((_, errno)) => return Err(errno.into()),
        };
        Ok(Some(Self { path: path.to_owned(), root, work }))
    }

    fn fails(&self, what: &'static str, relative: &str) -> io::Result<()> {
        may_fail(what, &self.path.join(relative))
    }

    // -- looking

    /// Bytes that may still be written.
    pub fn free_bytes(&self) -> io::Result<u64> {
        self.fails("statvfs", "")?;
        let stat = fstatvfs(&self.root)?;
        Ok(stat.blocks_available() * stat.fragment_size())
    }

    /// Whether it is FAT, whose files end at 4 GiB.
    pub fn is_fat(&self) -> io::Result<bool> {
        Ok(fstatfs(&self.root)?.filesystem_type() == MSDOS_SUPER_MAGIC)
    }

    /// What lies there.
    pub fn look(&self, path: &str) -> io::Result<There> {
        self.fails("stat", path)?;
        let (folder, name) = split(path);
        let Some(folder) = self.folder(folder)? else { return Ok(There::Nothing) };
        match fstatat(&folder, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(stat) if SFlag::from_bits_truncate(stat.st_mode & SFlag::S_IFMT.bits()) == SFlag::S_IFREG => {
                Ok(There::File(stat.st_size.unsigned_abs()))
            }
            Ok(_) => Ok(There::Other),
            Err(Errno::ENOENT) => Ok(There::Nothing),
            Err(errno) => Err(errno.into()),
        }
    }

    /// A file of it, for reading.
    pub fn open_file(&self, path: &str) -> io::Result<File> {
        self.fails("open", path)?;
        Ok(openat_beneath(&self.root, path, OFlag::O_RDONLY | OFlag::O_NOFOLLOW)?.into())
    }

    /// A whole file; none when there is none.
    pub fn read(&self, path: &str) -> io::Result<Option<Vec<u8>>> {
        let mut bytes = Vec::new();
        match self.open_file(path) {
            Ok(mut file) => file.read_to_end(&mut bytes)?,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            Err(e) => return Err(e),
        };
        Ok(Some(bytes))
    }

    /// What a file holds.
    ///
    /// # Errors
    /// [`Trouble`]
    pub fn sums(&self, path: &str, stop: &CancellationToken) -> Result<Sums, Trouble> {
        let mut file = self.open_file(path).map_err(Trouble::Drive)?;
        sums(&mut file, Trouble::Drive, stop)
    }

    /// The folder, open; none when there is none.
    fn folder(&self, folder: &str) -> io::Result<Option<OwnedFd>> {
        if folder.is_empty() {
            return Ok(Some(self.root.try_clone()?));
        }
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW;
        match openat_beneath(&self.root, folder, flags) {
            Ok(folder) => Ok(Some(folder)),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    fn made_folder(&self, folder: &str) -> io::Result<OwnedFd> {
        if let Some(folder) = self.folder(folder)? {
            return Ok(folder);
        }
        let (above, name) = split(folder);
        let parent = self.made_folder(above)?;
        self.fails("mkdir", folder)?;
        make_folder(&parent, name)?;
        let made = self.folder(folder)?;
        made.ok_or_else(|| io::Error::new(ErrorKind::NotFound, format!("{folder} is gone again")))
    }

    // -- writing

    /// A new, empty file without a name of its own yet; one at a time.
    pub fn begin(&self) -> io::Result<File> {
        self.fails("create", WRITING)?;
        self.forget_writing()?;
        let flags = OFlag::O_RDWR | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        Ok(openat(self.work.as_fd(), WRITING, flags, Mode::from_bits_truncate(0o664))?.into())
    }

    /// Takes back what was begun.
    pub fn forget_writing(&self) -> io::Result<()> {
        match unlinkat(self.work.as_fd(), WRITING, UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Copies a file into one that was begun, and counts its bytes as they go.
    ///
    /// # Errors
    /// [`Trouble`]
    pub fn fill(
        &self,
        target: &mut File,
        source: &mut File,
        live: &AtomicU64,
        stop: &CancellationToken,
    ) -> Result<Sums, Trouble> {
        let mut hasher = Hasher::default();
        let mut buffer = vec![0; CHUNK_BYTES];
        loop {
            if stop.is_cancelled() {
                return Err(Trouble::Stopped);
            }
            let count = read_some(source, &mut buffer).map_err(Trouble::Source)?;
            if count == 0 {
                return Ok(hasher.finish());
            }
            hasher.update(&buffer[..count]);
            self.fails("write", WRITING).map_err(Trouble::Drive)?;
            target.write_all(&buffer[..count]).map_err(Trouble::Drive)?;
            live.fetch_add(count as u64, Ordering::Relaxed);
        }
    }

    /// Flushes what was begun, and reads it back from the drive itself, not from memory: it is what it should be.
    ///
    /// # Errors
    /// [`Trouble`]; `InvalidData` when the drive gives back something else.
    pub fn seal(&self, file: &mut File, expected: &Sums, stop: &CancellationToken) -> Result<(), Trouble> {
        let flushed = self.fails("fsync", WRITING).and_then(|()| file.sync_all());
        flushed.map_err(Trouble::Drive)?;
        // Only a hint: a file system without a cache to drop has nothing to lie from.
        let _ = posix_fadvise(&*file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
        self.fails("read", WRITING).map_err(Trouble::Drive)?;
        rewind(file).map_err(Trouble::Drive)?;
        let found = sums(file, Trouble::Drive, stop)?;
        if found == *expected {
            return Ok(());
        }
        let message = "the drive gave back something else than was written to it";
        Err(Trouble::Drive(io::Error::new(ErrorKind::InvalidData, message)))
    }

    /// Gives what was begun its name. `replaces`: instead of a file of ours. `false` when something else has the name.
    pub fn publish(&self, path: &str, replaces: bool) -> io::Result<bool> {
        let (folder, name) = split(path);
        let folder = self.made_folder(folder)?;
        self.fails("rename", path)?;
        Self::rename((self.work.as_fd(), WRITING), (folder.as_fd(), name), replaces)
    }

    /// Gives a file of ours another name. `false` when that is taken.
    pub fn move_file(&self, from: &str, to: &str) -> io::Result<bool> {
        let ((old, old_name), (new, new_name)) = (split(from), split(to));
        let Some(old) = self.folder(old)? else { return Ok(false) };
        let new = self.made_folder(new)?;
        self.fails("rename", to)?;
        Self::rename((old.as_fd(), old_name), (new.as_fd(), new_name), false)
    }

    fn rename(
        from: (impl AsFd + Copy, &str),
        to: (impl AsFd + Copy, &str),
        replaces: bool,
    ) -> io::Result<bool> {
        let flags = if replaces { RenameFlags::empty() } else { RenameFlags::RENAME_NOREPLACE };
        match renameat2(from.0, from.1, to.0, to.1, flags) {
            Ok(()) => Ok(true),
            Err(Errno::EEXIST) => Ok(false),
            // A file system without flags: look, then rename. Nobody else writes here.
            Err(Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP) if !replaces => {
                if fstatat(to.0, to.1, AtFlags::AT_SYMLINK_NOFOLLOW).is_ok() {
                    return Ok(false);
                }
                renameat2(from.0, from.1, to.0, to.1, RenameFlags::empty())?;
                Ok(true)
            }
            Err(errno) => Err(errno.into()),
        }
    }

    /// Makes the names in a folder durable.
    pub fn sync_folder(&self, folder: &str) -> io::Result<()> {
        self.fails("fsync", folder)?;
        let Some(folder) = self.folder(folder)? else { return Ok(()) };
        match File::from(folder).sync_all() {
            // Some file systems cannot flush a folder.
            Err(e) if e.raw_os_error() == Some(Errno::EINVAL as i32) => Ok(()),
            done => done,
        }
    }

    /// Removes a file of ours, and the folders above it that are empty then.
    pub fn remove(&self, path: &str) -> io::Result<()> {
        self.fails("unlink", path)?;
        let (folder, name) = split(path);
        if let Some(folder) = self.folder(folder)? {
            match unlinkat(&folder, name, UnlinkatFlags::NoRemoveDir) {
                Ok(()) | Err(Errno::ENOENT) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        self.prune(folder)
    }

    /// Removes a folder and those above it, as long as they are empty.
    pub fn prune(&self, mut folder: &str) -> io::Result<()> {
        while !folder.is_empty() {
            let (above, name) = split(folder);
            if let Some(above) = self.folder(above)? {
                match unlinkat(&above, name, UnlinkatFlags::RemoveDir) {
                    Ok(()) | Err(Errno::ENOENT) => {}
                    Err(_) => return Ok(()),
                }
            }
            folder = above;
        }
        Ok(())
    }

    // -- the journal

    /// What a run that did not end has noted; empty when there was none.
    pub fn journal(&self) -> io::Result<String> {
        let bytes = self.read(&format!("{WORK}/{JOURNAL}"))?.unwrap_or_default();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// The journal, to be written to at its end; on a line of its own, whatever a run that was cut off has left.
    pub fn open_journal(&self) -> io::Result<File> {
        self.fails("create", JOURNAL)?;
        let flags = OFlag::O_WRONLY | OFlag::O_APPEND | OFlag::O_CREAT | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let mut file =
            File::from(openat(self.work.as_fd(), JOURNAL, flags, Mode::from_bits_truncate(0o664))?);
        file.write_all(b"\n")?;
        Ok(file)
    }

    /// The run has ended: its own folder goes.
    pub fn tidy(&self) -> io::Result<()> {
        self.forget_writing()?;
        self.remove(&format!("{WORK}/{JOURNAL}"))?;
        self.sync_folder("")
    }

    /// A run that wrote nothing leaves nothing.
    pub fn leave(&self) {
        // Not empty when there is a journal; and what is left harms nobody.
        let _ = self.forget_writing();
        let _ = unlinkat(&self.root, WORK, UnlinkatFlags::RemoveDir);
    }
}

/// When a copy says that it was changed: as its original does. Some file systems do not take it.
pub fn set_modified(file: &File, at: io::Result<SystemTime>) {
    if let Ok(at) = at {
        let _ = file.set_modified(at);
    }
}

fn make_folder(above: impl AsFd, name: &str) -> io::Result<()> {
    match mkdirat(above, name, Mode::from_bits_truncate(0o775)) {
        Ok(()) | Err(Errno::EEXIST) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn rewind(file: &mut File) -> io::Result<()> {
    io::Seek::rewind(file)
}

// -- checksums

/// Both at once, since reading is what takes the time.
#[derive(Default)]
pub struct Hasher {
    sha256: Sha256,
    blake3: blake3::Hasher,
    size: u64,
}

impl Hasher {
    /// More of the file.
    pub fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        self.blake3.update(bytes);
        self.size += bytes.len() as u64;
    }

    /// All of it.
    pub fn finish(self) -> Sums {
        let sha256: [u8; 32] = self.sha256.finalize().into();
        let sha256 = sha256.iter().map(|byte| format!("{byte:02x}")).collect();
        Sums { size: self.size, sha256, blake3: self.blake3.finalize().to_hex().to_string() }
    }
}

/// What a file holds, from where it stands to its end.
///
/// # Errors
/// [`Trouble`], of the kind that the caller says.
pub fn sums(
    file: &mut File,
    trouble: impl Fn(io::Error) -> Trouble,
    stop: &CancellationToken,
) -> Result<Sums, Trouble> {
    let mut hasher = Hasher::default();
    let mut buffer = vec![0; CHUNK_BYTES];
    loop {
        if stop.is_cancelled() {
            return Err(Trouble::Stopped);
        }
        match read_some(file, &mut buffer).map_err(&trouble)? {
            0 => return Ok(hasher.finish()),
            count => hasher.update(&buffer[..count]),
        }
    }
}

/// What a file holds that is open on the drive, from its beginning.
///
/// # Errors
/// [`Trouble`]
pub fn sums_of(file: &mut File, stop: &CancellationToken) -> Result<Sums, Trouble> {
    rewind(file).map_err(Trouble::Drive)?;
    sums(file, Trouble::Drive, stop)
}

fn read_some(file: &mut File, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match file.read(buffer) {
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            read => return read,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    fn drive() -> (tempfile::TempDir, Drive) {
        let folder = tempfile::tempdir().unwrap();
        let drive = Drive::open(folder.path()).unwrap().unwrap();
        (folder, drive)
    }

    fn write(drive: &Drive, path: &str, bytes: &[u8], replaces: bool) -> bool {
        let stop = CancellationToken::new();
        let mut file = drive.begin().unwrap();
        file.write_all(bytes).unwrap();
        let sums = sums_of(&mut file, &stop).unwrap();
        drive.seal(&mut file, &sums, &stop).unwrap();
        drive.publish(path, replaces).unwrap()
    }

    #[test]
    fn a_file_gets_its_name_when_it_is_whole_and_takes_nobody_elses() {
        let (folder, drive) = drive();
        assert!(write(&drive, "a/b/c.txt", b"one", false));
        assert_eq!(fs::read(folder.path().join("a/b/c.txt")).unwrap(), b"one");
        assert!(!write(&drive, "a/b/c.txt", b"two", false));
        assert_eq!(fs::read(folder.path().join("a/b/c.txt")).unwrap(), b"one");
        assert!(write(&drive, "a/b/c.txt", b"two", true));
        assert_eq!(drive.look("a/b/c.txt").unwrap(), There::File(3));
        assert_eq!(drive.look("a/b").unwrap(), There::Other);
        assert_eq!(drive.look("x/y").unwrap(), There::Nothing);
        drive.remove("a/b/c.txt").unwrap();
        assert!(!folder.path().join("a").exists());
        drive.leave();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_is_for_one_export_at_a_time() {
        let (folder, first) = drive();
        assert!(Drive::open(folder.path()).unwrap().is_none());
        drop(first);
        assert!(Drive::open(folder.path()).unwrap().is_some());
    }

    #[test]
    fn a_symbolic_link_does_not_lead_out() {
        let (folder, drive) = drive();
        let outside = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.path().join("Artist")).unwrap();
        let mut file = drive.begin().unwrap();
        file.write_all(b"x").unwrap();
        assert!(drive.publish("Artist/Album/1.flac", false).is_err());
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 0);
    }

    #[test]
    fn what_the_drive_gives_back_differently_is_found() {
        let (_folder, drive) = drive();
        let stop = CancellationToken::new();
        let mut file = drive.begin().unwrap();
        file.write_all(b"what was meant").unwrap();
        let sums = sums_of(&mut file, &stop).unwrap();
        rewind(&mut file).unwrap();
        file.write_all(b"what").unwrap();
        drive.seal(&mut file, &sums, &stop).unwrap();
        file.write_all(b"!").unwrap();
        assert!(
            matches!(drive.seal(&mut file, &sums, &stop), Err(Trouble::Drive(e)) if e.kind() == ErrorKind::InvalidData)
        );
    }

    #[test]
    fn a_journal_goes_on_where_it_was_cut_off() {
        let (_folder, drive) = drive();
        drive.open_journal().unwrap().write_all(b"{\"cut").unwrap();
        drive.open_journal().unwrap().write_all(b"next\n").unwrap();
        assert_eq!(
            drive.journal().unwrap().lines().filter(|l| !l.is_empty()).collect::<Vec<_>>(),
            ["{\"cut", "next"]
        );
        drive.tidy().unwrap();
        assert_eq!(drive.journal().unwrap(), "");
    }
}
