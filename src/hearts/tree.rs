//! A user's folder on the disk: look, link, replace, remove, tidy up; all of it relative to open folders, so that no
//! symbolic link that somebody put there leads us out.
//!
//! Nothing is checked first and overwritten or removed then: a link is made where nothing is (linkat), changed by
//! exchanging two names, and removed by taking it aside; what came to light is looked at, and put back if it is not
//! what was expected.

use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::rc::Rc;

use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, RenameFlags, openat, renameat2};
use nix::sys::stat::{Mode, SFlag, fstatat, mkdirat};
use nix::unistd::{UnlinkatFlags, linkat, unlinkat};

use super::step::{FileId, OnDisk};
use crate::files::openat_beneath;

/// Names of ours that exist for a moment. A person's program does not show them, and a sweep may remove them.
const ASIDE: &str = ".barbossa-aside-";

/// The folders that are worked on, open: MUSIC_PATH and the user's.
pub struct Tree {
    music: File,
    username: String,
    open: HashMap<String, Rc<OwnedFd>>,
    /// The folder of the master library that was looked into last (None: it is not there). The paths come in order, so one
    /// is enough, and no batch holds more files open than it has albums.
    master: Option<(String, Option<Rc<OwnedFd>>)>,
}

/// How a change went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// As asked.
    Done,
    /// Something else lay there, and lies there still.
    Foreign,
}

impl Tree {
    /// Opens MUSIC_PATH; the user's folder is made when the first link is.
    pub fn open(music: &Path, username: &str) -> io::Result<Self> {
        Ok(Self {
            music: File::open(music)?,
            username: username.to_owned(),
            open: HashMap::new(),
            master: None,
        })
    }

    /// A regular file of the master library, by its path relative to MUSIC_PATH.
    pub fn master(&mut self, path: &str) -> io::Result<Option<FileId>> {
        let (dir, name) = split(path);
        let Some(folder) = self.master_folder(dir)? else { return Ok(None) };
        // A symbolic link leads out of the music, so it is no file of ours.
        match look_in(&folder, name)? {
            OnDisk::File(file) => Ok(Some(file)),
            OnDisk::Nothing | OnDisk::Other => Ok(None),
        }
    }

    fn master_folder(&mut self, dir: &str) -> io::Result<Option<Rc<OwnedFd>>> {
        if let Some((last, folder)) = &self.master
            && last == dir
        {
            return Ok(folder.clone());
        }
        let folder = match openat_beneath(&self.music, dir, OFlag::O_PATH | OFlag::O_DIRECTORY) {
            Ok(folder) => Some(Rc::new(folder)),
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::EXDEV | Errno::ELOOP) => None,
            Err(e) => return Err(e.into()),
        };
        self.master = Some((dir.to_owned(), folder.clone()));
        Ok(folder)
    }

    /// What lies at a path of the user's folder.
    pub fn look(&mut self, path: &str) -> io::Result<OnDisk> {
        let (dir, name) = split(path);
        match self.folder(dir, false) {
            Ok(Some(folder)) => look_in(&folder, name),
            Ok(None) => Ok(OnDisk::Nothing),
            Err(e) if is_strange_folder(&e) => Ok(OnDisk::Other),
            Err(e) => Err(e),
        }
    }

    /// Makes a link to a file of the master library, with the folders above it.
    pub fn link(&mut self, master_path: &str, path: &str) -> io::Result<Changed> {
        let (dir, name) = split(path);
        let folder = match self.folder(dir, true) {
            Ok(folder) => folder.expect("a folder that is made is there"),
            Err(e) if is_strange_folder(&e) => return Ok(Changed::Foreign),
            Err(e) => return Err(e),
        };
        match self.link_master(master_path, &folder, name) {
            Ok(()) => Ok(Changed::Done),
            Err(Errno::EEXIST) => Ok(Changed::Foreign),
            Err(e) => Err(e.into()),
        }
    }

    /// Puts a link to a file of the master library in the place of the file with inode `old`.
    pub fn relink(&mut self, master_path: &str, path: &str, old: u64) -> io::Result<Changed> {
        let (dir, name) = split(path);
        let Some(folder) = self.folder(dir, false)? else { return self.link(master_path, path) };
        let aside = format!("{ASIDE}{old}");
        remove_if_there(&folder, &aside)?;
        self.link_master(master_path, &folder, &aside)?;
        match renameat2(&folder, aside.as_str(), &folder, name, RenameFlags::RENAME_EXCHANGE) {
            Ok(()) => {}
            Err(Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP) => {
                remove_if_there(&folder, &aside)?;
                return self.relink_without_exchange(master_path, path, old);
            }
            Err(e) => {
                remove_if_there(&folder, &aside)?;
                return Err(e.into());
            }
        }
        let is_expected = matches!(look_in(&folder, &aside)?, OnDisk::File(file) if file.inode == old);
        if !is_expected {
            renameat2(&folder, aside.as_str(), &folder, name, RenameFlags::RENAME_EXCHANGE)?;
        }
        remove_if_there(&folder, &aside)?;
        Ok(if is_expected { Changed::Done } else { Changed::Foreign })
    }

    fn link_master(&mut self, master_path: &str, folder: &OwnedFd, name: &str) -> Result<(), Errno> {
        let (dir, master_name) = split(master_path);
        let master = match self.master_folder(dir) {
            Ok(Some(master)) => master,
            Ok(None) => return Err(Errno::ENOENT),
            Err(e) => return Err(Errno::try_from(e).unwrap_or(Errno::EIO)),
        };
        linkat(&*master, master_name, folder, name, AtFlags::empty())
    }

    /// For file systems that cannot exchange two names (NFS, some FUSE): for a moment there is no file.
    fn relink_without_exchange(&mut self, master_path: &str, path: &str, old: u64) -> io::Result<Changed> {
        match self.remove(path, &[old])? {
            Changed::Done => self.link(master_path, path),
            Changed::Foreign => Ok(Changed::Foreign),
        }
    }

    /// Removes the file at a path if it is one of these.
    pub fn remove(&mut self, path: &str, inodes: &[u64]) -> io::Result<Changed> {
        let (dir, name) = split(path);
        let Some(folder) = self.folder(dir, false)? else { return Ok(Changed::Done) };
        let is_one_of = |name: &str| -> io::Result<bool> {
            Ok(matches!(look_in(&folder, name)?, OnDisk::File(file) if inodes.contains(&file.inode)))
        };
        let aside = format!("{ASIDE}{}", inodes.first().copied().unwrap_or_default());
        match renameat2(&folder, name, &folder, aside.as_str(), RenameFlags::RENAME_NOREPLACE) {
            Ok(()) if is_one_of(&aside)? => {
                unlinkat(&folder, aside.as_str(), UnlinkatFlags::NoRemoveDir)?;
                Ok(Changed::Done)
            }
            Ok(()) => {
                renameat2(&folder, aside.as_str(), &folder, name, RenameFlags::RENAME_NOREPLACE)?;
                Ok(Changed::Foreign)
            }
            Err(Errno::ENOENT) => Ok(Changed::Done),
            // Left by a process that was killed here, or a file system without flags: look, then unlink.
            Err(Errno::EEXIST | Errno::EINVAL | Errno::ENOSYS | Errno::EOPNOTSUPP) => {
                if is_one_of(&aside)? {
                    unlinkat(&folder, aside.as_str(), UnlinkatFlags::NoRemoveDir)?;
                }
                if !is_one_of(name)? {
                    return Ok(Changed::Foreign);
                }
                unlinkat(&folder, name, UnlinkatFlags::NoRemoveDir)?;
                Ok(Changed::Done)
            }
            Err(e) => Err(e.into()),
        }
    }

    /// Removes the folder above a path, and those above it, as long as they are empty; the user's own folder too.
    pub fn prune(&mut self, path: &str) -> io::Result<()> {
        let mut rest = split(path).0;
        loop {
            // Another name may be made in the same folder later: forget what was open.
            self.open.remove(rest);
            let (parent, name) =
                if rest.is_empty() { ("..", self.username.clone()) } else { split_owned(rest) };
            let folder =
                if rest.is_empty() { self.users()?.map(Rc::new) } else { self.folder(parent, false)? };
            let Some(folder) = folder else { return Ok(()) };
            match unlinkat(&*folder, name.as_str(), UnlinkatFlags::RemoveDir) {
                Ok(()) | Err(Errno::ENOENT) => {}
                Err(Errno::ENOTEMPTY | Errno::EEXIST | Errno::EBUSY | Errno::ENOTDIR) => return Ok(()),
                Err(e) => return Err(e.into()),
            }
            if rest.is_empty() {
                return Ok(());
            }
            rest = parent;
        }
    }

    fn users(&self) -> io::Result<Option<OwnedFd>> {
        match openat_beneath(&self.music, "users", OFlag::O_RDONLY | OFlag::O_DIRECTORY) {
            Ok(users) => Ok(Some(users)),
            Err(Errno::ENOENT) => Ok(None),
            Err(e) => Err(e.into()),
        }
    }

    /// A folder beneath the user's, open; `""` is the user's own. Made with those above it, if asked for.
    fn folder(&mut self, dir: &str, is_made: bool) -> io::Result<Option<Rc<OwnedFd>>> {
        if let Some(folder) = self.open.get(dir) {
            return Ok(Some(Rc::clone(folder)));
        }
        let (above, name) = if dir.is_empty() {
            if is_made {
                make_folder(&self.music, "users")?;
            }
            (self.users()?.map(Rc::new), self.username.clone())
        } else {
            let (parent, name) = split_owned(dir);
            (self.folder(parent, is_made)?, name)
        };
        let Some(above) = above else { return Ok(None) };
        if is_made {
            make_folder(&*above, &name)?;
        }
        // One component, and no symbolic link: it cannot lead out.
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let folder = match openat(&*above, name.as_str(), flags, Mode::empty()) {
            Ok(folder) => Rc::new(folder),
            Err(Errno::ENOENT) => return Ok(None),
            Err(e) => return Err(e.into()),
        };
        self.open.insert(dir.to_owned(), Rc::clone(&folder));
        Ok(Some(folder))
    }
}

fn make_folder(above: impl AsFd, name: &str) -> io::Result<()> {
    // The setgid bit comes from the folder above; asked for here, systemd's `RestrictSUIDSGID=` would refuse.
    match mkdirat(above, name, Mode::from_bits_truncate(0o775)) {
        Ok(()) | Err(Errno::EEXIST) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

fn look_in(folder: &OwnedFd, name: &str) -> io::Result<OnDisk> {
    match fstatat(folder, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
        Ok(found) if found.st_mode & SFlag::S_IFMT.bits() == SFlag::S_IFREG.bits() => {
            Ok(OnDisk::File(FileId { device: found.st_dev, inode: found.st_ino, names: found.st_nlink }))
        }
        Ok(_) => Ok(OnDisk::Other),
        Err(Errno::ENOENT) => Ok(OnDisk::Nothing),
        Err(e) => Err(e.into()),
    }
}

fn remove_if_there(folder: &OwnedFd, name: &str) -> io::Result<()> {
    match unlinkat(folder, name, UnlinkatFlags::NoRemoveDir) {
        Ok(()) | Err(Errno::ENOENT) => Ok(()),
        Err(e) => Err(e.into()),
    }
}

/// A symbolic link, a file or a mount where we would have a folder.
fn is_strange_folder(error: &io::Error) -> bool {
    let errno = error.raw_os_error().map(Errno::from_raw);
    matches!(errno, Some(Errno::ELOOP | Errno::ENOTDIR))
}

/// A path's folder (`""` for none) and its name.
fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn split_owned(path: &str) -> (&str, String) {
    let (dir, name) = split(path);
    (dir, name.to_owned())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{MetadataExt, symlink};
    use std::path::PathBuf;

    use super::*;

    struct House {
        folder: tempfile::TempDir,
    }

    impl House {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::create_dir_all(folder.path().join("artists/A/B")).unwrap();
            fs::create_dir(folder.path().join("users")).unwrap();
            fs::write(folder.path().join("artists/A/B/1.flac"), "one").unwrap();
            fs::write(folder.path().join("artists/A/B/2.flac"), "two").unwrap();
            Self { folder }
        }

        fn tree(&self) -> Tree {
            Tree::open(self.folder.path(), "ada").unwrap()
        }

        fn path(&self, path: &str) -> PathBuf {
            self.folder.path().join(path)
        }

        fn inode(&self, path: &str) -> u64 {
            fs::symlink_metadata(self.path(path)).unwrap().ino()
        }
    }

    #[test]
    fn a_link_is_another_name_of_the_master_file() {
        let (house, path) = (House::new(), "A/B/1.flac");
        let mut tree = house.tree();
        assert_eq!(tree.look(path).unwrap(), OnDisk::Nothing);
        assert_eq!(tree.link("artists/A/B/1.flac", path).unwrap(), Changed::Done);
        assert_eq!(house.inode("users/ada/A/B/1.flac"), house.inode("artists/A/B/1.flac"));
        let master = tree.master("artists/A/B/1.flac").unwrap().unwrap();
        assert_eq!(tree.look(path).unwrap(), OnDisk::File(master));
        assert_eq!(tree.link("artists/A/B/2.flac", path).unwrap(), Changed::Foreign);
    }

    #[test]
    fn a_link_is_changed_only_if_it_is_the_one_that_was_expected() {
        let (house, path) = (House::new(), "A/B/1.flac");
        let mut tree = house.tree();
        tree.link("artists/A/B/1.flac", path).unwrap();
        let (one, two) = (house.inode("artists/A/B/1.flac"), house.inode("artists/A/B/2.flac"));
        assert_eq!(tree.relink("artists/A/B/2.flac", path, one + 1000).unwrap(), Changed::Foreign);
        assert_eq!(house.inode("users/ada/A/B/1.flac"), one);
        assert_eq!(tree.relink("artists/A/B/2.flac", path, one).unwrap(), Changed::Done);
        assert_eq!(house.inode("users/ada/A/B/1.flac"), two);
        assert_eq!(fs::read_dir(house.path("users/ada/A/B")).unwrap().count(), 1, "nothing is left aside");
    }

    #[test]
    fn only_the_expected_file_is_removed_and_only_empty_folders_go() {
        let (house, path) = (House::new(), "A/B/1.flac");
        let mut tree = house.tree();
        tree.link("artists/A/B/1.flac", path).unwrap();
        let one = house.inode("artists/A/B/1.flac");
        assert_eq!(tree.remove(path, &[one + 1000]).unwrap(), Changed::Foreign);
        assert!(house.path("users/ada/A/B/1.flac").exists());
        fs::write(house.path("users/ada/A/mine.txt"), "mine").unwrap();
        assert_eq!(tree.remove(path, &[one]).unwrap(), Changed::Done);
        tree.prune(path).unwrap();
        assert!(!house.path("users/ada/A/B").exists() && house.path("users/ada/A/mine.txt").exists());
        fs::remove_file(house.path("users/ada/A/mine.txt")).unwrap();
        tree.prune(path).unwrap();
        assert!(!house.path("users/ada").exists() && house.path("users").exists());
        assert!(house.path("artists/A/B/1.flac").exists());
    }

    #[test]
    fn a_symbolic_link_leads_nowhere() {
        let house = House::new();
        fs::create_dir_all(house.path("outside/B")).unwrap();
        fs::create_dir(house.path("users/ada")).unwrap();
        symlink(house.path("outside"), house.path("users/ada/A")).unwrap();
        let mut tree = house.tree();
        assert_eq!(tree.look("A/B/1.flac").unwrap(), OnDisk::Other);
        assert_eq!(tree.link("artists/A/B/1.flac", "A/B/1.flac").unwrap(), Changed::Foreign);
        assert_eq!(fs::read_dir(house.path("outside/B")).unwrap().count(), 0);
    }
}
