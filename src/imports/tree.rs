//! What lies beneath a folder, and which of it belongs together: one release a folder, its disc folders included.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::names;
use crate::audio;

/// What a name says of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// By its ending.
    Audio,
    /// A zip directly in the inbox: an album that is packed.
    Archive,
    /// Anything that is kept with an album: covers, logs, booklets.
    Other,
    /// A copy that is not finished: `.part`, `.tmp`, rsync's `.name.Xa81Qz`, …
    Unfinished,
    /// Made by file managers, wanted by nobody.
    Junk,
}

/// One regular file. Symbolic links and special files are not followed and not moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Relative to the folder that was looked at.
    pub relative: PathBuf,
    /// By its name.
    pub kind: Kind,
    /// Its size.
    pub size_bytes: u64,
    /// When its content changed.
    pub modified: SystemTime,
    /// When anything of it changed: content, name, rights. Cannot be set back by a copying program.
    pub changed: SystemTime,
}

impl Entry {
    /// A zip in the inbox, as it is now; its path is only its name.
    ///
    /// # Errors
    /// When it cannot be seen, or is no regular file.
    pub fn of_archive(path: &Path) -> io::Result<Self> {
        let found = path.symlink_metadata()?;
        if !found.is_file() {
            return Err(io::ErrorKind::NotFound.into());
        }
        let relative = PathBuf::from(path.file_name().unwrap_or_default());
        let (modified, changed) = (found.modified()?, changed(&found));
        Ok(Self { relative, kind: Kind::Archive, size_bytes: found.len(), modified, changed })
    }
}

/// Everything beneath a folder at one moment.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tree {
    /// Files, in the order of their paths.
    pub files: Vec<Entry>,
    /// Folders with the time of their last change, relative; the folder itself is the empty path.
    pub folders: Vec<(PathBuf, SystemTime)>,
}

impl Tree {
    /// Looks. What vanishes meanwhile is not there.
    ///
    /// # Errors
    /// When the folder itself or a folder in it cannot be read.
    pub fn of(dir: &Path) -> io::Result<Self> {
        Self::to_depth(dir, usize::MAX)
    }

    /// Looks at what lies directly in a folder.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn shallow(dir: &Path) -> io::Result<Self> {
        Self::to_depth(dir, 1)
    }

    fn to_depth(dir: &Path, depth: usize) -> io::Result<Self> {
        let mut tree = Self::default();
        crate::files::may_fail("list", dir)?;
        for entry in walkdir::WalkDir::new(dir).max_depth(depth).follow_links(false).sort_by_file_name() {
            let entry = match entry {
                Err(e)
                    if e.io_error().is_some_and(|e| e.kind() == io::ErrorKind::NotFound) && e.depth() > 0 =>
                {
                    continue;
                }
                other => other.map_err(io::Error::from)?,
            };
            let Ok(found) = entry.metadata() else { continue };
            let relative = entry.path().strip_prefix(dir).unwrap_or(entry.path()).to_owned();
            if found.is_dir() {
                tree.folders.push((relative, changed(&found)));
            } else if found.is_file() {
                let modified = found.modified()?;
                let (kind, changed) = (kind(&relative), changed(&found));
                tree.files.push(Entry { relative, kind, size_bytes: found.len(), modified, changed });
            }
        }
        Ok(tree)
    }

    /// The releases in it: folders that hold audio directly or in disc folders, relative, each with its files.
    /// `Artist/Album/CD1/01.flac` belongs to `Artist/Album`; `Album/Scans/back.jpg` to `Album`.
    pub fn releases(&self) -> BTreeMap<PathBuf, Vec<&Entry>> {
        let audio = self.files.iter().filter(|f| f.kind == Kind::Audio);
        let mut releases: BTreeMap<PathBuf, Vec<&Entry>> =
            audio.map(|f| (release_folder(&f.relative).to_owned(), Vec::new())).collect();
        for file in &self.files {
            let home = file.relative.ancestors().skip(1).find(|a| releases.contains_key(*a));
            if let Some(home) = home.map(Path::to_owned) {
                releases.entry(home).or_default().push(file);
            }
        }
        releases
    }
}

/// The folder of the album that a file belongs to.
pub fn release_folder(file: &Path) -> &Path {
    let folder = file.parent().unwrap_or(Path::new(""));
    let is_disc = folder.file_name().and_then(OsStr::to_str).and_then(names::disc_of_folder).is_some();
    match folder.parent() {
        Some(above) if is_disc => above,
        _ => folder,
    }
}

fn changed(found: &std::fs::Metadata) -> SystemTime {
    let seconds = u64::try_from(found.ctime()).unwrap_or(0);
    UNIX_EPOCH + Duration::new(seconds, u32::try_from(found.ctime_nsec()).unwrap_or(0))
}

/// Names of copies that are not finished: browsers, download managers, torrent clients.
const UNFINISHED: &[&str] = &[
    "part",
    "partial",
    "tmp",
    "temp",
    "crdownload",
    "!qb",
    "!ut",
    "download",
    "aria2",
    "filepart",
    "opdownload",
];

/// What the name of a file says of it.
pub fn kind(path: &Path) -> Kind {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
    if is_junk(&name) {
        Kind::Junk
    } else if UNFINISHED.contains(&ending) || name.starts_with(".~") || is_rsync_copy(&name) {
        Kind::Unfinished
    } else if audio::is_audio_name(path) {
        Kind::Audio
    } else {
        Kind::Other
    }
}

fn is_junk(name: &str) -> bool {
    name.starts_with("._")
        || matches!(name, ".ds_store" | "thumbs.db" | "desktop.ini" | ".directory" | ".nomedia")
}

/// rsync writes `.NAME.Xa81Qz` and renames it to `NAME` when it is whole.
fn is_rsync_copy(name: &str) -> bool {
    let parts = name.strip_prefix('.').and_then(|n| n.rsplit_once('.'));
    parts.is_some_and(|(name, end)| {
        name.contains('.') && end.len() == 6 && end.bytes().all(|b| b.is_ascii_alphanumeric())
    })
}

/// Whether a folder's name says that it is somebody's own business: hidden folders are left alone.
pub fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|n| n.as_encoded_bytes().starts_with(b"."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_copies_that_are_not_finished() {
        for (name, expected) in [
            ("01.flac", Kind::Audio),
            ("01.FLAC", Kind::Audio),
            ("01.flac.part", Kind::Unfinished),
            ("01.mp3.!qB", Kind::Unfinished),
            (".01 - Song.flac.Xa81Qz", Kind::Unfinished),
            ("Unconfirmed 1234.crdownload", Kind::Unfinished),
            ("cover.jpg", Kind::Other),
            ("album.cue", Kind::Other),
            (".DS_Store", Kind::Junk),
            ("Thumbs.db", Kind::Junk),
            ("._01.flac", Kind::Junk),
        ] {
            assert_eq!(kind(Path::new(name)), expected, "{name}");
        }
    }

    #[test]
    fn disc_folders_belong_to_the_album_above() {
        let entry = |path: &str| Entry {
            relative: path.into(),
            kind: kind(Path::new(path)),
            size_bytes: 1,
            modified: UNIX_EPOCH,
            changed: UNIX_EPOCH,
        };
        let files = [
            "Artist/Album/CD1/01.flac",
            "Artist/Album/CD1/cd1.log",
            "Artist/Album/CD2/01.flac",
            "Artist/Album/Scans/back.jpg",
            "Artist/Album/cover.jpg",
            "Artist/Other/01.mp3",
            "Artist/artist.jpg",
        ];
        let tree = Tree { files: files.iter().map(|f| entry(f)).collect(), folders: Vec::new() };
        let releases = tree.releases();
        let paths: Vec<(&str, usize)> =
            releases.iter().map(|(p, f)| (p.to_str().unwrap(), f.len())).collect();
        assert_eq!(paths, [("Artist/Album", 5), ("Artist/Other", 1)]);
    }
}
