//! One look at a whole library, quick: each folder is read once, each file asked for its size and time once, by the
//! folder's own handle, on as many threads as there are processors.

use std::ffi::{OsStr, OsString};
use std::fs::{self, DirEntry};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::super::tree::{Entry, Kind, kind};
use crate::parallel;
use std::os::unix::fs::MetadataExt;

/// What lies beneath a folder of the library.
#[derive(Debug, Default)]
pub struct Walk {
    /// Each folder before those in it; what lies in a folder stands together.
    pub folders: Vec<Folder>,
    /// What was not looked into.
    pub left_out: Vec<LeftOut>,
}

/// One folder with the files directly in it.
#[derive(Debug)]
pub struct Folder {
    /// Relative to MUSIC_PATH.
    pub path: PathBuf,
    /// Regular files, hidden ones left out.
    pub files: Vec<File>,
}

/// One regular file.
#[derive(Debug)]
pub struct File {
    /// Its name in the folder.
    pub name: OsString,
    /// By its name.
    pub kind: Kind,
    /// Its size.
    pub size_bytes: u64,
    /// When its content changed.
    pub modified: SystemTime,
    /// When anything of it changed.
    pub changed: SystemTime,
}

/// Something that nothing may be concluded from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// Relative to MUSIC_PATH.
    pub path: PathBuf,
    /// A sentence for a person.
    pub reason: String,
    /// Whether files beneath it may be there all the same.
    pub hides_files: bool,
}

impl File {
    /// Size, and time in microseconds since 1970, as the rows have them.
    pub fn stamp(&self) -> (i64, i64) {
        let modified = jiff::Timestamp::try_from(self.modified);
        (self.size_bytes as i64, modified.map_or(0, jiff::Timestamp::as_microsecond))
    }

    /// As the stations of an import see it, relative to the release's folder.
    pub fn entry(&self, relative: PathBuf) -> Entry {
        let (kind, size_bytes) = (self.kind, self.size_bytes);
        Entry { relative, kind, size_bytes, modified: self.modified, changed: self.changed }
    }
}

impl Walk {
    /// Looks at a folder beneath MUSIC_PATH. Blocks.
    ///
    /// # Errors
    /// When the folder itself cannot be read.
    pub fn of(music: &Path, dir: &Path) -> io::Result<Self> {
        let mut top = Self::default();
        let folders = top.read_folder(music, dir)?;
        let parts = parallel::each(&folders, |folder| {
            let mut part = Self::default();
            part.descend(music, folder);
            part
        });
        for part in parts {
            top.folders.extend(part.folders);
            top.left_out.extend(part.left_out);
        }
        Ok(top)
    }

    fn descend(&mut self, music: &Path, folder: &Path) {
        match self.read_folder(music, folder) {
            Ok(folders) => folders.iter().for_each(|folder| self.descend(music, folder)),
            // It vanished meanwhile.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => self.left_out.push(LeftOut {
                path: folder.to_owned(),
                reason: format!("the folder may not be read: {error}"),
                hides_files: true,
            }),
        }
    }

    /// Notes the files of a folder; the folders in it, in the order of their names.
    fn read_folder(&mut self, music: &Path, path: &Path) -> io::Result<Vec<PathBuf>> {
        let mut entries: Vec<DirEntry> = fs::read_dir(music.join(path))?.collect::<Result<_, _>>()?;
        entries.sort_unstable_by_key(DirEntry::file_name);
        let (mut folders, mut files) = (Vec::new(), Vec::with_capacity(entries.len()));
        for entry in entries {
            let name = entry.file_name();
            if is_hidden(&name) {
                continue;
            }
            let kind_of_entry = entry.file_type()?;
            if kind_of_entry.is_dir() {
                folders.push(path.join(name));
            } else if kind_of_entry.is_file() {
                // What vanishes meanwhile is not there.
                let Ok(found) = entry.metadata() else { continue };
                files.push(File {
                    kind: kind(Path::new(&name)),
                    size_bytes: found.len(),
                    modified: found.modified()?,
                    changed: changed(&found),
                    name,
                });
            } else if kind_of_entry.is_symlink() {
                let reason = "a symbolic link, which is not followed".into();
                self.left_out.push(LeftOut { path: path.join(name), reason, hides_files: false });
            }
        }
        self.folders.push(Folder { path: path.to_owned(), files });
        Ok(folders)
    }
}

/// Hidden files and folders are some program's own: ours too, while it writes.
fn is_hidden(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

fn changed(found: &fs::Metadata) -> SystemTime {
    let seconds = u64::try_from(found.ctime()).unwrap_or(0);
    UNIX_EPOCH + Duration::new(seconds, u32::try_from(found.ctime_nsec()).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_come_before_what_is_in_them_and_links_are_named() {
        let music = tempfile::tempdir().unwrap();
        let album = music.path().join("artists/Ann/One");
        fs::create_dir_all(album.join("CD 1")).unwrap();
        fs::create_dir_all(music.path().join("artists/.incoming-7")).unwrap();
        fs::write(album.join("CD 1/01.flac"), "x").unwrap();
        fs::write(album.join(".writing-1.flac"), "x").unwrap();
        fs::write(album.join("cover.jpg"), "x").unwrap();
        std::os::unix::fs::symlink("/etc", music.path().join("artists/etc")).unwrap();
        let walk = Walk::of(music.path(), Path::new("artists")).unwrap();
        let folders: Vec<(&str, usize)> =
            walk.folders.iter().map(|f| (f.path.to_str().unwrap(), f.files.len())).collect();
        assert_eq!(
            folders,
            [("artists", 0), ("artists/Ann", 0), ("artists/Ann/One", 1), ("artists/Ann/One/CD 1", 1)]
        );
        assert_eq!(walk.left_out.len(), 1);
        assert!(!walk.left_out[0].hides_files);
    }
}
