//! Fourth station: each step that will be taken on the disk, written down before the first is taken.
//!
//! The plan is the promise: whoever finds it in the database after a power cut carries it out, and each of its steps
//! can be taken twice. Paths of sources are relative to the import's folder and written as `files::path_to_text` does,
//! so that any bytes survive; all other paths are UTF-8 and relative to MUSIC_PATH or to the target.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::identify::{Release, ReleaseTrack};
use crate::library;

/// How the import will end when the plan is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Ending {
    /// Filed.
    Done,
    /// Waits for a person.
    Review,
    /// Set aside for good, with the reason beside it.
    Rejected,
    /// Was there already; in the trash.
    Duplicate,
}

/// What will be done on the disk.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// The import's last state.
    pub ending: Ending,
    /// Why, where a person asks.
    pub reason: Option<String>,
    /// What enters the library.
    pub filing: Option<Filing>,
    /// What goes elsewhere.
    pub asides: Vec<Aside>,
    /// Nothing is moved: it waits where it lies already.
    #[serde(default)]
    pub stays: bool,
}

/// Files that enter the library together.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Filing {
    /// The album's folder: `artists/Artist/Album (Year)`.
    pub target: String,
    /// Where it is put together, unseen: `artists/.incoming-17`.
    pub staging: String,
    /// The album that gets these files; none when the folder is new.
    pub extends_album: Option<i64>,
    /// Each file; those of tracks first, in the order of `release.tracks`.
    pub steps: Vec<Step>,
    /// A picture that is taken out of one of the files.
    pub cover: Option<Cover>,
    /// The cover file, relative to MUSIC_PATH.
    pub artwork_path: Option<String>,
    /// What is filed; just the tracks of `steps`.
    pub release: Release,
    /// Tracks of the album that get one of these files instead of their own.
    #[serde(default)]
    pub replaces: Vec<Replacement>,
    /// The source's names cannot be taken away, so that links would leave the library's files in other hands.
    #[serde(default)]
    pub is_copied: bool,
    /// The rows will name it otherwise than the files' tags do: a person said so.
    #[serde(default)]
    pub is_renamed: bool,
}

impl Filing {
    /// The track that a file takes the place of, by its number in `steps`.
    pub fn replacement(&self, step: usize) -> Option<&Replacement> {
        self.replaces.iter().find(|r| r.step == step)
    }
}

/// A track that gets another file; the present one goes into the trash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Replacement {
    /// The number of the new file in `steps`.
    pub step: usize,
    /// The track's row.
    pub track_id: i64,
    /// Its present file, relative to MUSIC_PATH.
    pub old_path: String,
    /// That file's name in the trash, relative to the import's folder there.
    pub trash_name: String,
    /// The track's row as it was; known once it is recorded.
    pub row: Option<Value>,
}

/// The folder in the trash for what one import replaced.
pub fn trash_of_replaced(import_id: i64) -> String {
    format!(".trash/replaced/{import_id}")
}

/// One file's way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Step {
    /// Relative to the import's folder, as text of any bytes.
    pub from: String,
    /// Relative to the target.
    pub to: String,
    /// As read.
    pub size_bytes: u64,
    /// As read.
    pub modified_at: Timestamp,
    /// BLAKE3 as hex; of every track.
    pub checksum: Option<String>,
    /// Of every track.
    pub essence: Option<String>,
}

/// A cover that becomes a file of its own.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cover {
    /// The sound file that carries it, as [`Step::from`].
    pub from: String,
    /// `cover.jpg` or `cover.png`, relative to the target.
    pub to: String,
}

/// Files that go elsewhere: to review, to the rejected, to the trash.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Aside {
    /// Their new folder, relative to MUSIC_PATH.
    pub target: String,
    /// Each file.
    pub steps: Vec<Step>,
    /// What `REASON.txt` beside them says.
    pub reason: Option<String>,
}

/// What the disk and other plans leave free. Paths are relative to MUSIC_PATH.
pub trait Names {
    /// Whether something has this name, or will have it.
    fn is_taken(&self, path: &str) -> bool;
}

/// Names by a rule.
pub struct Closure<F>(pub F);

impl<F: Fn(&str) -> bool> Names for Closure<F> {
    fn is_taken(&self, path: &str) -> bool {
        (self.0)(path)
    }
}

/// `path`, or the first of `path (2)`, `path (3)`, … that is free.
pub fn free_name(names: &impl Names, path: &str, numbered: impl Fn(&str, u32) -> String) -> String {
    let candidates = std::iter::once(path.to_owned()).chain((2..).map(|n| numbered(path, n)));
    candidates.into_iter().find(|p| !names.is_taken(p)).unwrap_or_else(|| path.to_owned())
}

/// `Album` → `Album (2)`.
pub fn folder_numbered(path: &str, n: u32) -> String {
    format!("{path} ({n})")
}

/// `Album` → `Album_2`, as the first version named what it set aside.
pub fn folder_underscored(path: &str, n: u32) -> String {
    format!("{path}_{n}")
}

/// `a.flac` → `a (2).flac`.
pub fn file_numbered(path: &str, n: u32) -> String {
    match path.rsplit_once('.') {
        Some((stem, ending)) if !ending.contains('/') => format!("{stem} ({n}).{ending}"),
        _ => format!("{path} ({n})"),
    }
}

/// The album's folder below its artist's: `Title (Year)`.
pub fn album_folder(release: &Release) -> String {
    library::album_folder(&release.title, release.year)
}

/// `NN - Title.ext`, or `D-NN - Title.ext` where there are several discs.
pub fn track_file_name(track: &ReleaseTrack, disc_count: u32, ending: &str) -> String {
    library::track_file_name(track.disc_number, track.track_number, &track.title, disc_count, ending)
}

/// Files that an album's page shows as its cover, the best first.
const COVER_NAMES: &[&str] = &["cover", "folder", "front", "artwork", "albumart", "album"];

/// The picture among the files of a folder that is its cover.
pub fn cover_among<'a>(names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let rank = |name: &str| {
        let lower = name.to_lowercase();
        let (folder, file) = lower.rsplit_once('/').unwrap_or(("", &lower));
        let (stem, ending) = file.rsplit_once('.')?;
        if !["jpg", "jpeg", "png", "webp"].contains(&ending) {
            return None;
        }
        let by_name = COVER_NAMES.iter().position(|n| stem == *n);
        let is_front = stem.contains("front") || stem.contains("cover");
        let rank = by_name.unwrap_or(if is_front { COVER_NAMES.len() } else { COVER_NAMES.len() + 1 });
        Some((!folder.is_empty(), rank, ending != "jpg"))
    };
    names.filter_map(|n| Some((rank(n)?, n))).min().map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{Format, Quality};

    fn track(disc_number: u32, track_number: u32, title: &str) -> ReleaseTrack {
        ReleaseTrack {
            disc_number,
            track_number,
            title: title.into(),
            artist_name: None,
            genre: None,
            composer: None,
            isrc: None,
            recording_id: None,
            quality: Quality {
                format: Format::Flac,
                sample_rate_hz: None,
                bit_depth: None,
                bitrate_kbps: None,
                channels: None,
                duration_ms: 1,
                is_lossy: false,
            },
        }
    }

    #[test]
    fn files_are_named_by_number_and_title() {
        for (track, discs, name) in [
            (track(1, 3, "Song"), 1, "03 - Song.flac"),
            (track(2, 11, "Song"), 2, "2-11 - Song.flac"),
            (track(1, 100, "Song"), 1, "100 - Song.flac"),
            (track(1, 0, "Hidden"), 1, "00 - Hidden.flac"),
            (track(1, 1, "../../etc/passwd"), 1, "01 - .._.._etc_passwd.flac"),
            (track(1, 1, "...And Then"), 1, "01 - ...And Then.flac"),
            (track(1, 1, "÷"), 1, "01 - ÷.flac"),
            (track(1, 1, "( )"), 1, "01 - ( ).flac"),
            (track(1, 1, "Vol. 1."), 1, "01 - Vol. 1.flac"),
        ] {
            assert_eq!(track_file_name(&track, discs, "flac"), name);
        }
        let long = track_file_name(&track(1, 1, &"é".repeat(300)), 1, "flac");
        assert!(long.len() <= 240 && long.ends_with("é.flac"), "{}", long.len());
    }

    #[test]
    fn an_album_folder_is_title_and_year() {
        let folder =
            |title: &str, year| album_folder(&Release { title: title.into(), year, ..Release::default() });
        assert_eq!(folder("Album", Some(1999)), "Album (1999)");
        assert_eq!(folder("( )", None), "( )");
        assert_eq!(folder("..", Some(2000)), "_ (2000)");
        assert!(folder(&"x".repeat(400), Some(1999)).ends_with("x (1999)"));
        assert!(folder(&"x".repeat(400), Some(1999)).len() <= 240);
    }

    #[test]
    fn the_best_cover_is_chosen() {
        for (names, cover) in [
            (&["back.jpg", "Folder.jpg", "cover.png"][..], Some("cover.png")),
            (&["Scans/cover.jpg", "front.jpg"], Some("front.jpg")),
            (&["whatever.jpg"], Some("whatever.jpg")),
            (&["Artist - Album (front).jpeg", "a.jpg"], Some("Artist - Album (front).jpeg")),
            (&["album.log", "booklet.pdf"], None),
        ] {
            assert_eq!(cover_among(names.iter().copied()), cover);
        }
    }

    #[test]
    fn a_taken_name_gets_a_number() {
        let taken = Closure(|p: &str| ["a/x.flac", "a/x (2).flac", "b"].contains(&p));
        assert_eq!(free_name(&taken, "a/x.flac", file_numbered), "a/x (3).flac");
        assert_eq!(free_name(&taken, "b", folder_numbered), "b (2)");
        assert_eq!(free_name(&taken, "c", folder_numbered), "c");
        assert_eq!(file_numbered("a.b/file", 2), "a.b/file (2)");
    }
}
