//! What lies where music arrives: `import/pending/` and `downloads/SOURCE/`, release by release, and why each waits.
//! Looks only; the watcher and the api see the music read-only.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::settle::{self, Rest};
use super::tree::{self, Tree};
use crate::app::App;
use crate::files::path_to_text;

/// Where people drop folders, relative to MUSIC_PATH.
pub const PENDING: &str = "import/pending";
/// Where downloads land, each source in a folder of its own.
pub const DOWNLOADS: &str = "downloads";
/// Where imports wait for a person.
pub const REVIEW: &str = "import/review";
/// Where bad music goes, with the reason beside it.
pub const REJECTED: &str = "import/rejected";
/// Where doubles go.
pub const TRASH: &str = ".trash/imports";
/// Why the files beside it were set aside; ours, and of no use to an album.
pub const REASON: &str = "REASON.txt";

/// The sources that a row may name; a folder in `downloads/` with another name is an import.
const SOURCES: &[&str] = &["qobuz", "lidarr", "bandcamp", "youtube", "soundcloud", "url", "import"];

/// Something that has arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Arrival {
    /// Relative to MUSIC_PATH, as `files::path_to_text` writes it: a folder, or a zip of the inbox; `import/pending` itself
    /// for loose files.
    pub path: String,
    /// `import`, `qobuz`, …
    pub source: &'static str,
    /// Whether it can be imported now, and if not, why.
    pub rest: Rest,
    /// How many files.
    pub file_count: usize,
    /// How many bytes.
    pub size_bytes: u64,
    /// When anything in it changed last.
    pub changed: SystemTime,
    /// Somebody has a file of it open for writing. Only the watcher knows.
    pub is_written: bool,
}

impl Arrival {
    /// Whether these are audio files that lie in the inbox without a folder.
    pub fn is_loose(&self) -> bool {
        self.path == PENDING
    }
}

/// The source that a path beneath MUSIC_PATH belongs to.
pub fn source_of(path: &str) -> &'static str {
    let named = path.strip_prefix("downloads/").and_then(|rest| rest.split('/').next());
    named.and_then(|name| SOURCES.iter().find(|s| **s == name)).copied().unwrap_or("import")
}

/// Whether a path that somebody asks to import is one where music arrives: a folder beneath the inbox or a download
/// folder, without tricks.
pub fn is_importable(path: &str) -> bool {
    is_plain(path) && (is_in(path, PENDING) || is_in(path, DOWNLOADS))
}

/// Whether a path is a folder that an import was set aside to: taken in only where a person has said so.
pub fn is_set_aside(path: &str) -> bool {
    is_plain(path) && [REVIEW, REJECTED, TRASH].iter().any(|room| is_in(path, room))
}

/// Whether this is the path of a zip directly in the inbox, which is taken apart into a folder. A folder may have such a
/// name, too.
pub fn is_archive(path: &str) -> bool {
    let name = path.strip_prefix(PENDING).and_then(|rest| rest.strip_prefix('/'));
    name.is_some_and(|name| !name.contains('/') && is_archive_name(name))
}

/// Whether a file of this name is one that is taken apart.
pub fn is_archive_name(name: &str) -> bool {
    let stem = name.len().checked_sub(4).and_then(|at| name.split_at_checked(at));
    stem.is_some_and(|(stem, ending)| {
        !stem.is_empty() && !stem.starts_with('.') && ending.eq_ignore_ascii_case(".zip")
    })
}

fn is_plain(path: &str) -> bool {
    path.split('/').all(|part| !part.is_empty() && part != "." && part != "..")
}

/// At the third level or below: in a room, and not the room itself.
fn is_in(path: &str, room: &str) -> bool {
    path.strip_prefix(room).is_some_and(|rest| rest.starts_with('/')) && path.split('/').count() >= 3
}

/// The folders in which each child is something of its own: the inbox, and one for each source of downloads.
pub fn rooms(music: &Path) -> Vec<PathBuf> {
    let downloads = folders_in(&music.join(DOWNLOADS)).unwrap_or_default();
    std::iter::once(music.join(PENDING)).chain(downloads).collect()
}

/// The folders directly in a room, hidden ones left out.
pub fn folders_in(room: &Path) -> io::Result<Vec<PathBuf>> {
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(room)? {
        let entry = entry?;
        if entry.file_type().is_ok_and(|t| t.is_dir()) && !tree::is_hidden(&entry.path()) {
            folders.push(entry.path());
        }
    }
    folders.sort();
    Ok(folders)
}

/// What a folder of a room holds: each release, or the folder itself when there is none in it. Empty when it is gone.
pub fn look_at(music: &Path, folder: &Path, quiet: Duration, now: SystemTime) -> Vec<Arrival> {
    let Ok(found) = Tree::of(folder) else { return Vec::new() };
    let releases = found.releases();
    let whole = || vec![(PathBuf::new(), found.files.iter().collect::<Vec<_>>())];
    let parts = if releases.is_empty() { whole() } else { releases.into_iter().collect() };
    parts
        .into_iter()
        .map(|(relative, files)| {
            let folders = found.folders.iter().filter(|(f, _)| f.starts_with(&relative)).map(|(_, at)| *at);
            let folders_changed = folders.max();
            let rest = settle::judge(files.iter().copied(), folders_changed, quiet, now);
            let changed = files.iter().map(|f| f.changed).chain(folders_changed).max();
            let dir =
                if relative.as_os_str().is_empty() { folder.to_owned() } else { folder.join(&relative) };
            arrival(music, &dir, rest, &files, changed)
        })
        .collect()
}

/// Audio files that lie in the inbox without a folder, taken together.
pub fn look_at_loose(music: &Path, quiet: Duration, now: SystemTime) -> Option<Arrival> {
    let room = music.join(PENDING);
    let found = loose_files(&room).ok()?;
    let rest = settle::judge(&found, None, quiet, now);
    let has_audio = found.iter().any(|f| f.kind == tree::Kind::Audio);
    let changed = found.iter().map(|f| f.changed).max();
    let files: Vec<_> = found.iter().collect();
    has_audio.then(|| arrival(music, &room, rest, &files, changed))
}

/// Zips that lie in the inbox: each is something of its own.
pub fn look_at_archives(music: &Path, quiet: Duration, now: SystemTime) -> Vec<Arrival> {
    let room = music.join(PENDING);
    let found = Tree::shallow(&room).unwrap_or_default().files;
    let archives = found.iter().filter(|file| is_archive_name(&file.relative.to_string_lossy()));
    archives
        .map(|file| {
            let archive = tree::Entry { kind: tree::Kind::Archive, ..file.clone() };
            let rest = settle::judge([&archive], None, quiet, now);
            arrival(music, &room.join(&file.relative), rest, &[file], Some(file.changed))
        })
        .collect()
}

/// The files directly in the inbox, as they are seen now; zips left out.
pub fn loose_files(room: &Path) -> io::Result<Vec<tree::Entry>> {
    let found = Tree::shallow(room)?;
    Ok(found
        .files
        .into_iter()
        .filter(|f| !tree::is_hidden(&f.relative) || f.kind == tree::Kind::Unfinished)
        .filter(|f| !is_archive_name(&f.relative.to_string_lossy()))
        .collect())
}

fn arrival(
    music: &Path,
    dir: &Path,
    rest: Rest,
    files: &[&tree::Entry],
    changed: Option<SystemTime>,
) -> Arrival {
    let path = path_to_text(dir.strip_prefix(music).unwrap_or(dir));
    Arrival {
        source: source_of(&path),
        path,
        rest,
        file_count: files.len(),
        size_bytes: files.iter().map(|f| f.size_bytes).sum(),
        changed: changed.unwrap_or(SystemTime::UNIX_EPOCH),
        is_written: false,
    }
}

/// All that has arrived. Blocks.
pub fn look(app: &App) -> Vec<Arrival> {
    let (music, quiet, now) = (app.music(), quiet(app), SystemTime::now());
    let folders = rooms(music).into_iter().flat_map(|room| folders_in(&room).unwrap_or_default());
    let mut arrivals: Vec<Arrival> = folders.flat_map(|folder| look_at(music, &folder, quiet, now)).collect();
    arrivals.extend(look_at_loose(music, quiet, now));
    arrivals.extend(look_at_archives(music, quiet, now));
    arrivals
}

/// How long a folder has to be quiet.
pub fn quiet(app: &App) -> Duration {
    Duration::from_secs(app.settings.imports.settle_seconds.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_places_where_music_arrives_can_be_imported() {
        for path in ["import/pending/Album", "import/pending/A/B", "downloads/qobuz/12"] {
            assert!(is_importable(path) && !is_set_aside(path), "{path}");
        }
        for path in ["import/review/x", "import/rejected/x", ".trash/imports/x"] {
            assert!(is_set_aside(path) && !is_importable(path), "{path}");
        }
        for path in [
            "import/pending",
            "import/pending/",
            "import/pending/../../artists",
            "artists/A/B",
            "users/ada",
            "downloads/x",
            "/etc",
            "",
            "import/pendingx/y",
            "import/review",
            "import/rejected/../x",
            ".trash/replaced/x",
            "import/pending/./a",
        ] {
            assert!(!is_importable(path) && !is_set_aside(path), "{path}");
        }
    }

    #[test]
    fn a_zip_directly_in_the_inbox_is_an_archive() {
        for path in ["import/pending/Kino - Noch.zip", "import/pending/x.ZIP"] {
            assert!(is_archive(path) && is_importable(path), "{path}");
        }
        for path in [
            "import/pending/Album/bonus.zip",
            "import/pending/.hidden.zip",
            "import/pending/.zip",
            "import/pending/x.zip.part",
            "import/pending/x.rar",
            "import/pending/ж",
            "downloads/url/x.zip",
            "import/review/x.zip",
        ] {
            assert!(!is_archive(path), "{path}");
        }
    }

    #[test]
    fn each_zip_waits_for_itself_and_holds_up_no_loose_file() {
        let music = tempfile::tempdir().unwrap();
        let room = music.path().join(PENDING);
        std::fs::create_dir_all(&room).unwrap();
        for file in ["a.zip", "song.mp3", "b.txt"] {
            std::fs::write(room.join(file), "x").unwrap();
        }
        let (quiet, later) = (Duration::from_secs(3), SystemTime::now() + Duration::from_secs(60));
        let seen = look_at_archives(music.path(), quiet, later);
        assert!(
            matches!(&seen[..], [Arrival { path, rest: Rest::Settled(_), .. }] if path == "import/pending/a.zip")
        );
        assert!(matches!(
            look_at_archives(music.path(), quiet, SystemTime::now())[0].rest,
            Rest::Wait { .. }
        ));
        assert_eq!(loose_files(&room).unwrap().len(), 2);
    }

    #[test]
    fn the_folder_of_a_download_says_its_source() {
        assert_eq!(source_of("downloads/qobuz/12/x"), "qobuz");
        assert_eq!(source_of("downloads/napster/12"), "import");
        assert_eq!(source_of("import/pending/qobuz"), "import");
    }

    #[test]
    fn each_release_of_a_folder_is_told_apart() {
        let music = tempfile::tempdir().unwrap();
        let room = music.path().join(PENDING);
        for file in ["Artist/A/01.mp3", "Artist/B/CD1/01.mp3", "Artist/B/CD2/01.mp3", "Notes/readme.txt"] {
            let path = room.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "x").unwrap();
        }
        let later = SystemTime::now() + Duration::from_secs(60);
        let seen = |folder: &str| look_at(music.path(), &room.join(folder), Duration::from_secs(3), later);
        let paths: Vec<String> = seen("Artist").into_iter().map(|a| a.path).collect();
        assert_eq!(paths, ["import/pending/Artist/A", "import/pending/Artist/B"]);
        assert!(seen("Artist").iter().all(|a| matches!(a.rest, Rest::Settled(_))));
        assert!(matches!(seen("Notes")[..], [Arrival { rest: Rest::Nothing(_), .. }]));
        assert!(seen("gone").is_empty());
    }
}
