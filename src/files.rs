//! What we do to files: link, copy, rename and replace so that nothing is ever overwritten and what is done is durable;
//! and opening paths that came from outside, beneath their root and nowhere else.
//!
//! Durable means: the data is fsynced before its name exists, and the folder that holds the name afterwards.

#[cfg(feature = "failpoints")]
pub mod faults;
mod lease;
mod unzip;

pub use lease::is_being_written;
pub use unzip::{Limits as UnzipLimits, Refusal as UnzipRefusal, Unpacked, unzip};

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, OFlag, OpenHow, RenameFlags, ResolveFlag, openat, openat2, renameat2};
use nix::sys::stat::Mode;
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

/// The file in MUSIC_PATH that says which library lies there.
pub const MARKER: &str = ".barbossa-library";

/// The longest name that we give to a file or a folder; file systems take 255 bytes, and room is left for ` (2)`.
const MAX_COMPONENT_BYTES: usize = 240;

/// Where a test may make a call to the file system fail; see `faults`. A program without the feature has none.
pub fn may_fail(what: &'static str, path: &Path) -> io::Result<()> {
    #[cfg(feature = "failpoints")]
    faults::pass(what, path)?;
    // What a program without the feature knows of it.
    let _ = (what, path);
    Ok(())
}

// -- names and paths from outside

/// Opens a file for reading that lies beneath `root`: no `..`, no absolute path, no symbolic link leads out.
///
/// # Errors
/// `NotFound`; `InvalidInput` or EXDEV when the path leads out; whatever open(2) says.
pub fn open_beneath(root: &Path, relative: &str) -> io::Result<File> {
    if relative.is_empty() || relative.contains('\0') {
        return Err(io::Error::new(ErrorKind::InvalidInput, "not a path beneath the root"));
    }
    let root = File::open(root)?;
    Ok(File::from(openat_beneath(&root, relative, OFlag::O_RDONLY | OFlag::O_NONBLOCK)?))
}

/// openat(2) that never leaves the open folder `root`: openat2(2) with RESOLVE_BENEATH where it is to be had.
///
/// In our units it is not: systemd's `RestrictSUIDSGID=` answers ENOSYS, since a seccomp filter cannot look into the
/// struct that openat2 takes. Then the path is walked folder by folder, and a symbolic link in it is not followed at all.
///
/// # Errors
/// EXDEV, ELOOP or ENOTDIR when the path leads out; whatever open(2) says.
pub fn openat_beneath(root: impl AsFd, relative: &str, flags: OFlag) -> Result<OwnedFd, Errno> {
    let flags = flags | OFlag::O_CLOEXEC;
    let how = OpenHow::new()
        .flags(flags)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_MAGICLINKS);
    match openat2(&root, relative, how) {
        Err(Errno::ENOSYS) => walk_beneath(root, relative, flags),
        answer => answer,
    }
}

fn walk_beneath(root: impl AsFd, relative: &str, flags: OFlag) -> Result<OwnedFd, Errno> {
    if relative.starts_with('/') || relative.split('/').any(|part| part == "..") {
        return Err(Errno::EXDEV);
    }
    let (folders, name) = relative.rsplit_once('/').unwrap_or(("", relative));
    let mut above = None;
    for folder in folders.split('/').filter(|part| !part.is_empty()) {
        let step = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        above = Some(match &above {
            None => openat(&root, folder, step, Mode::empty())?,
            Some(above) => openat(above, folder, step, Mode::empty())?,
        });
    }
    match &above {
        None => openat(&root, name, flags | OFlag::O_NOFOLLOW, Mode::empty()),
        Some(above) => openat(above, name, flags | OFlag::O_NOFOLLOW, Mode::empty()),
    }
}

/// `relative` beneath `root`, when it is a plain path: components only, no `.`, no `..`, not absolute, not empty.
pub fn beneath(root: &Path, relative: &str) -> Option<PathBuf> {
    let is_plain = |part: &str| !part.is_empty() && part != "." && part != ".." && !part.contains('\0');
    relative.split('/').all(is_plain).then(|| root.join(relative))
}

/// A name from a tag as one component of a path: no separators or control characters, no dot at the start, no dot or
/// space at the end, NFC, at most 240 bytes, never empty. `AC/DC` → `AC_DC`, `..` → `_`, `÷` stays `÷`.
pub fn safe_component(name: &str) -> String {
    let safe: String = name
        .nfc()
        .map(|c| if c.is_control() || matches!(c, '/' | '\\' | '\u{2028}' | '\u{2029}') { '_' } else { c })
        .collect();
    let safe = cut_at_char(safe.trim(), MAX_COMPONENT_BYTES).trim_end_matches([' ', '.']);
    match safe.strip_prefix('.') {
        Some(rest) => format!("_{}", cut_at_char(rest.trim_start_matches('.'), MAX_COMPONENT_BYTES - 1)),
        None if safe.is_empty() => "_".to_owned(),
        None => safe.to_owned(),
    }
}

/// The longest start of `text` that has at most so many bytes.
pub fn cut_at_char(text: &str, max_bytes: usize) -> &str {
    let mut end = text.len().min(max_bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// A path as text, and back by [`text_to_path`]: bytes that are not UTF-8 are written `\\xe9`, and a backslash as two.
/// All other paths are themselves.
pub fn path_to_text(path: &Path) -> String {
    let mut text = String::new();
    for chunk in path.as_os_str().as_bytes().utf8_chunks() {
        text.push_str(&chunk.valid().replace('\\', "\\\\"));
        for byte in chunk.invalid() {
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

/// The path that [`path_to_text`] wrote.
pub fn text_to_path(text: &str) -> PathBuf {
    let (mut bytes, mut rest) = (Vec::new(), text);
    while let Some((plain, escaped)) = rest.split_once('\\') {
        bytes.extend_from_slice(plain.as_bytes());
        let hex =
            escaped.strip_prefix('x').and_then(|h| h.get(..2)).and_then(|h| u8::from_str_radix(h, 16).ok());
        let (byte, taken) = hex.map_or((b'\\', usize::from(escaped.starts_with('\\'))), |byte| (byte, 3));
        bytes.push(byte);
        rest = &escaped[taken..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    PathBuf::from(OsString::from_vec(bytes))
}

// -- moving, linking, copying: never over something else

/// Renames a file or a folder to a name that is free.
///
/// # Errors
/// `AlreadyExists` when the name is taken; `CrossesDevices` from one file system to another.
pub fn rename_noreplace(from: &Path, to: &Path) -> io::Result<()> {
    may_fail("rename", to)?;
    match renameat2(AT_FDCWD, from, AT_FDCWD, to, RenameFlags::RENAME_NOREPLACE) {
        // NFS and some FUSE file systems know no flags.
        Err(Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP) => rename_without_flags(from, to),
        done => Ok(done?),
    }
}

/// Renames a file over another, at once: for what replaces a file whose content has another durable name, and for a
/// name whose writing alone changes.
#[expect(
    clippy::disallowed_methods,
    reason = "the one place where a name is taken over, and its callers hold the old file"
)]
pub fn rename_over(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

/// A file: link, then unlink, which cannot overwrite. A folder: rename(2) replaces at most an empty folder, and says
/// ENOTEMPTY or ENOTDIR to all else, so nothing can be lost to it.
fn rename_without_flags(from: &Path, to: &Path) -> io::Result<()> {
    if from.symlink_metadata()?.is_dir() {
        return match renameat2(AT_FDCWD, from, AT_FDCWD, to, RenameFlags::empty()) {
            Err(Errno::ENOTEMPTY | Errno::ENOTDIR) => Err(Errno::EEXIST.into()),
            done => Ok(done?),
        };
    }
    fs::hard_link(from, to)?;
    fs::remove_file(from)
}

/// A second name for the same file (linkat(2)); never over an existing one.
pub fn link_noreplace(from: &Path, to: &Path) -> io::Result<()> {
    may_fail("link", to)?;
    fs::hard_link(from, to)
}

/// Whether linking failed in a way that copying does not: another file system, not our file
/// (`fs.protected_hardlinks`), too many links, or a file system without links.
pub fn must_copy_instead(error: &io::Error) -> bool {
    matches!(
        error.raw_os_error().map(Errno::from_raw),
        Some(Errno::EXDEV | Errno::EPERM | Errno::EACCES | Errno::EMLINK | Errno::EOPNOTSUPP | Errno::ENOSYS)
    )
}

/// Copies a file to a name that is free, keeps its modification time, fsyncs it, and reads the copy back: the BLAKE3
/// of what is there now. A copy that fails leaves nothing.
pub fn copy_durably(from: &Path, to: &Path) -> io::Result<blake3::Hash> {
    let copied = copy_and_sync(from, to);
    if copied.as_ref().is_err_and(|e| e.kind() != ErrorKind::AlreadyExists) {
        // Best effort: what is left lies in a staging folder, which is removed as a whole.
        let _ = remove_file_if_there(to);
    }
    copied
}

fn copy_and_sync(from: &Path, to: &Path) -> io::Result<blake3::Hash> {
    may_fail("open", from)?;
    let mut source = File::open(from)?;
    may_fail("create", to)?;
    let mut target = OpenOptions::new().read(true).write(true).create_new(true).mode(0o664).open(to)?;
    may_fail("write", to)?;
    // copy_file_range(2) beneath: a reflink where the file system can.
    io::copy(&mut source, &mut target)?;
    let modified = source.metadata()?.modified()?;
    target.set_modified(modified)?;
    may_fail("fsync", to)?;
    target.sync_all()?;
    hash_file(to)
}

/// Writes a file under a name that is free, and fsyncs it; the folder is for the caller.
pub fn write_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    may_fail("create", path)?;
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o664).open(path)?;
    may_fail("write", path)?;
    file.write_all(bytes)?;
    may_fail("fsync", path)?;
    file.sync_all()
}

/// BLAKE3 of a whole file.
pub fn hash_file(path: &Path) -> io::Result<blake3::Hash> {
    may_fail("read", path)?;
    let mut file = File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 128 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(hasher.finalize()),
            Ok(n) => hasher.update(&buffer[..n]),
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
    }
}

/// Puts `bytes` under a name, instead of what had it before, at once and durably.
pub fn replace_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = folder_of(path)?;
    let file = written_beside(folder, bytes)?;
    file.persist(path).map_err(|e| e.error)?;
    sync_dir(folder)
}

/// Puts `bytes` under a name that is free, at once and durably.
///
/// # Errors
/// `AlreadyExists` when the name is taken.
pub fn create_durably(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let folder = folder_of(path)?;
    let file = written_beside(folder, bytes)?;
    file.persist_noclobber(path).map_err(|e| e.error)?;
    sync_dir(folder)
}

fn written_beside(folder: &Path, bytes: &[u8]) -> io::Result<tempfile::NamedTempFile> {
    may_fail("create", folder)?;
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o664);
    let mut file = tempfile::Builder::new().prefix(".writing-").permissions(mode).tempfile_in(folder)?;
    may_fail("write", folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    Ok(file)
}

fn folder_of(path: &Path) -> io::Result<&Path> {
    path.parent().ok_or_else(|| io::Error::new(ErrorKind::InvalidInput, "a path without a folder"))
}

// -- durability

/// Makes the names in a folder durable.
pub fn sync_dir(path: &Path) -> io::Result<()> {
    may_fail("fsync", path)?;
    match File::open(path)?.sync_all() {
        // Some network file systems cannot fsync a folder; there is nothing better to do.
        Err(e) if e.raw_os_error() == Some(Errno::EINVAL as i32) => Ok(()),
        done => done,
    }
}

/// Makes the content of a file durable, whoever wrote it.
pub fn sync_file(path: &Path) -> io::Result<()> {
    may_fail("fsync", path)?;
    File::open(path)?.sync_all()
}

/// Makes a folder and those above it that are missing, durably.
pub fn make_dirs(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let above = folder_of(path)?;
    make_dirs(above)?;
    may_fail("mkdir", path)?;
    match fs::create_dir(path) {
        Err(e) if e.kind() == ErrorKind::AlreadyExists && path.is_dir() => Ok(()),
        Err(e) => Err(e),
        // A name that is not durable must not be found by the next attempt.
        Ok(()) => sync_dir(above).inspect_err(|_| drop(fs::remove_dir(path))),
    }
}

/// Removes a folder if it is empty; whether it is gone now.
pub fn remove_dir_if_empty(path: &Path) -> io::Result<bool> {
    may_fail("rmdir", path)?;
    match fs::remove_dir(path) {
        Ok(()) => Ok(true),
        Err(e) => match e.kind() {
            ErrorKind::NotFound => Ok(true),
            ErrorKind::DirectoryNotEmpty => Ok(false),
            _ => Err(e),
        },
    }
}

/// Removes a folder with all that lies in it; it may be gone already, in part or as a whole.
pub fn remove_tree_if_there(folder: &Path) -> io::Result<()> {
    for entry in walkdir::WalkDir::new(folder).contents_first(true) {
        match entry {
            Err(e) if e.io_error().is_some_and(|e| e.kind() == ErrorKind::NotFound) => {}
            Err(e) => return Err(e.into()),
            Ok(entry) if entry.file_type().is_dir() => drop(remove_dir_if_empty(entry.path())?),
            Ok(entry) => remove_file_if_there(entry.path())?,
        }
    }
    Ok(())
}

/// Removes a file that may be gone already.
pub fn remove_file_if_there(path: &Path) -> io::Result<()> {
    may_fail("unlink", path)?;
    match fs::remove_file(path) {
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

// -- file systems

/// How far a file system can be trusted with events and locks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileSystem {
    /// The kernel sees every change.
    Local,
    /// Others may change it without our kernel being told: NFS, SMB, FUSE, 9p, Ceph, AFS, Coda.
    Network,
}

/// The numbers of statfs(2) for file systems where inotify is blind.
const NETWORK_FILE_SYSTEMS: &[u32] = &[
    0x6969,      // nfs
    0xff53_4d42, // cifs
    0xfe53_4d42, // smb2
    0x517b,      // smb
    0x6573_5546, // fuse
    0x0102_1997, // 9p
    0x00c3_6400, // ceph
    0x5346_414f, // afs
    0x7375_7245, // coda
    0x7461_636f, // ocfs2
    0x0116_1970, // gfs2
    0x0bd0_0bd0, // lustre
];

/// What a path lies on.
pub fn filesystem_kind(path: &Path) -> io::Result<FileSystem> {
    let kind = nix::sys::statfs::statfs(path)?.filesystem_type().0;
    // The kernel's type is a long; the numbers are of 32 bits and may have been sign-extended.
    let kind = (kind & 0xffff_ffff) as u32;
    let is_network = NETWORK_FILE_SYSTEMS.contains(&kind);
    Ok(if is_network { FileSystem::Network } else { FileSystem::Local })
}

/// Whether two existing paths lie on one file system.
pub fn same_file_system(a: &Path, b: &Path) -> io::Result<bool> {
    Ok(a.metadata()?.dev() == b.metadata()?.dev())
}

/// Whether two paths are names of one file.
pub fn same_file(a: &Path, b: &Path) -> io::Result<bool> {
    let (a, b) = (a.symlink_metadata()?, b.symlink_metadata()?);
    Ok(a.dev() == b.dev() && a.ino() == b.ino())
}

/// Whether this process may add and remove names in a folder.
pub fn may_change(folder: &Path) -> bool {
    use nix::unistd::AccessFlags;
    nix::unistd::access(folder, AccessFlags::W_OK | AccessFlags::X_OK).is_ok()
}

/// Bytes that we may still write on the file system of `path`.
pub fn free_bytes(path: &Path) -> io::Result<u64> {
    Ok(space(path)?.0)
}

/// The same, and how many bytes it holds in all.
pub fn space(path: &Path) -> io::Result<(u64, u64)> {
    let stat = nix::sys::statvfs::statvfs(path)?;
    Ok((stat.blocks_available() * stat.fragment_size(), stat.blocks() * stat.fragment_size()))
}

// -- the marker of the library

/// Which library lies in MUSIC_PATH; `None` when there is no marker: the mount is away, or nothing was set up yet.
///
/// # Errors
/// `InvalidData` when the marker is there and holds no id; whatever reading says.
pub fn read_marker(music: &Path) -> io::Result<Option<Uuid>> {
    match fs::read_to_string(music.join(MARKER)) {
        Ok(text) => {
            Uuid::parse_str(text.trim()).map(Some).map_err(|e| io::Error::new(ErrorKind::InvalidData, e))
        }
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(e),
    }
}

/// Says that this library lies in MUSIC_PATH.
///
/// # Errors
/// `AlreadyExists` when a marker is there.
pub fn write_marker(music: &Path, library: Uuid) -> io::Result<()> {
    create_durably(&music.join(MARKER), format!("{library}\n").as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::ffi::OsStr;

    #[test]
    fn a_safe_component_is_one_plain_name() {
        for (name, safe) in [
            ("AC/DC", "AC_DC"),
            ("..", "_"),
            (".", "_"),
            ("", "_"),
            ("   ", "_"),
            ("...And Then", "_And Then"),
            ("../../etc/passwd", "__.._etc_passwd"),
            ("What?", "What?"),
            ("÷", "÷"),
            ("( )", "( )"),
            ("Vol. 1.", "Vol. 1"),
            ("a\0b\nc", "a_b_c"),
            ("E\u{301}dith", "Édith"),
        ] {
            assert_eq!(safe_component(name), safe, "{name:?}");
        }
    }

    #[test]
    fn a_long_name_is_cut_between_characters() {
        let safe = safe_component(&"宇".repeat(100));
        assert_eq!(safe.len(), 240);
        assert!(safe.chars().all(|c| c == '宇'));
        assert!(safe_component(&format!("{} . .", "x".repeat(239))).len() <= 240);
    }

    #[test]
    fn a_rename_never_overwrites() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        fs::write(&a, "a").unwrap();
        fs::write(&b, "b").unwrap();
        assert_eq!(rename_noreplace(&a, &b).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(rename_without_flags(&a, &b).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&b).unwrap(), b"b");
        rename_without_flags(&a, &dir.path().join("c")).unwrap();
        assert!(!a.exists());
    }

    #[test]
    fn a_folder_is_never_renamed_over_a_full_one() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        fs::create_dir(&a).unwrap();
        fs::create_dir(&b).unwrap();
        fs::write(b.join("song"), "b").unwrap();
        assert_eq!(rename_without_flags(&a, &b).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(rename_noreplace(&a, &b).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert!(b.join("song").exists());
    }

    #[test]
    fn nothing_outside_the_root_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().join("root");
        fs::create_dir(&root).unwrap();
        fs::write(dir.path().join("secret"), "s").unwrap();
        fs::write(root.join("song"), "s").unwrap();
        std::os::unix::fs::symlink(dir.path(), root.join("out")).unwrap();
        assert!(open_beneath(&root, "song").is_ok());
        for path in ["../secret", "out/secret", "/etc/passwd", "", "a\0b"] {
            assert!(open_beneath(&root, path).is_err(), "{path:?}");
        }
        // What the sandbox leaves us: the same, and no symbolic link at all.
        fs::create_dir(root.join("in")).unwrap();
        fs::write(root.join("in/song"), "s").unwrap();
        let open = File::open(&root).unwrap();
        assert!(walk_beneath(&open, "song", OFlag::O_RDONLY).is_ok());
        assert!(walk_beneath(&open, "in/song", OFlag::O_RDONLY).is_ok());
        for path in ["../secret", "in/../../secret", "out/secret", "out", "/etc/passwd", ""] {
            assert!(walk_beneath(&open, path, OFlag::O_RDONLY).is_err(), "{path:?}");
        }
        assert!(beneath(&root, "a/b").is_some());
        for path in ["", "/a", "a//b", "a/../b", "./a", "a/"] {
            assert!(beneath(&root, path).is_none(), "{path:?}");
        }
    }

    #[test]
    fn a_copy_is_equal_and_keeps_its_time() {
        let dir = tempfile::tempdir().unwrap();
        let (a, b) = (dir.path().join("a"), dir.path().join("b"));
        fs::write(&a, vec![7; 300_000]).unwrap();
        File::options().write(true).open(&a).unwrap().set_modified(std::time::UNIX_EPOCH).unwrap();
        assert_eq!(copy_durably(&a, &b).unwrap(), blake3::hash(&[7; 300_000]));
        assert_eq!(b.metadata().unwrap().modified().unwrap(), std::time::UNIX_EPOCH);
        assert_eq!(copy_durably(&a, &b).unwrap_err().kind(), ErrorKind::AlreadyExists);
    }

    #[test]
    fn the_marker_is_written_once() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(read_marker(dir.path()).unwrap(), None);
        let id = Uuid::new_v4();
        write_marker(dir.path(), id).unwrap();
        assert_eq!(read_marker(dir.path()).unwrap(), Some(id));
        assert!(write_marker(dir.path(), Uuid::new_v4()).is_err());
    }

    #[test]
    fn a_path_of_any_bytes_survives_as_text() {
        for (bytes, text) in [
            (&b"caf\xe9.mp3"[..], "caf\\xe9.mp3"),
            ("café/a.mp3".as_bytes(), "café/a.mp3"),
            (b"back\\slash\\xe9", "back\\\\slash\\\\xe9"),
            (b"\xff\xfe", "\\xff\\xfe"),
        ] {
            let path = Path::new(OsStr::from_bytes(bytes));
            assert_eq!(path_to_text(path), text);
            assert_eq!(text_to_path(text), path);
        }
    }
}
