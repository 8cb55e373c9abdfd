//! Fourth station: each step that will be taken on the disk, written down before the first is taken.
//!
//! The plan is the promise: whoever finds it in the database after a power cut carries it out, and each of its steps
//! can be taken twice. Paths of sources are relative to the import's folder and written as `files::path_to_text` does,
//! so that any bytes survive; all other paths are UTF-8 and relative to MUSIC_PATH or to the target.

use std::collections::HashSet;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::identify::{Release, ReleaseTrack};
use super::read::{Candidate, File};
use crate::files::{self, path_to_text, safe_component};

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

/// `path`, or the first of `path (2)`, `path (3)`, … that is free.
pub fn free_name(names: &impl Names, path: &str, numbered: impl Fn(&str, u32) -> String) -> String {
    let candidates = std::iter::once(path.to_owned()).chain((2..).map(|n| numbered(path, n)));
    candidates.into_iter().find(|p| !names.is_taken(p)).unwrap_or_else(|| path.to_owned())
}

/// ` (2)` before nothing, for folders.
pub fn folder_numbered(path: &str, n: u32) -> String {
    format!("{path} ({n})")
}

fn folder_underscored(path: &str, n: u32) -> String {
    format!("{path}_{n}")
}

fn file_numbered(path: &str, n: u32) -> String {
    match path.rsplit_once('.') {
        Some((stem, ending)) if !ending.contains('/') => format!("{stem} ({n}).{ending}"),
        _ => format!("{path} ({n})"),
    }
}

/// The album's folder below its artist's: `Title (Year)`.
pub fn album_folder(release: &Release) -> String {
    let year = release.year.map(|y| format!(" ({y})")).unwrap_or_default();
    let title = safe_component(&release.title);
    let title = files::cut_at_char(&title, 240 - year.len()).trim_end();
    format!("{title}{year}")
}

/// `NN - Title.ext`, or `D-NN - Title.ext` where there are several discs.
pub fn track_file_name(track: &ReleaseTrack, disc_count: u32, ending: &str) -> String {
    let disc = if disc_count > 1 { format!("{}-", track.disc_number) } else { String::new() };
    let stem = safe_component(&format!("{disc}{:02} - {}", track.track_number, track.title));
    let room = 240 - ending.len() - 1;
    format!("{}.{ending}", files::cut_at_char(&stem, room).trim_end_matches([' ', '.']))
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

/// A filing being planned.
pub struct Drawing<'a, N: Names> {
    /// What was read.
    pub candidate: &'a Candidate,
    /// What it is; tracks in the candidate's order.
    pub release: &'a Release,
    /// What is free.
    pub names: &'a N,
    /// The import's row.
    pub import_id: i64,
}

impl<N: Names> Drawing<'_, N> {
    /// Files the tracks with these numbers into `target`, and all that is no audio with them.
    pub fn filing(&self, target: String, tracks: &[usize], extends_album: Option<i64>) -> Filing {
        let mut used = HashSet::new();
        let mut place = |wanted: String| {
            // Names that differ only in case are one name on the drives that people copy to.
            let is_taken =
                |p: &str| used.contains(&p.to_lowercase()) || self.names.is_taken(&format!("{target}/{p}"));
            let name = free_name(&Closure(is_taken), &wanted, file_numbered);
            used.insert(name.to_lowercase());
            name
        };
        let mut release = Release { tracks: Vec::new(), ..self.release.clone() };
        let mut steps = Vec::new();
        for n in tracks {
            let (file, track) = (&self.candidate.tracks[*n], &self.release.tracks[*n]);
            let to = place(track_file_name(track, self.release.disc_count, &ending(&file.file.relative)));
            let digest = file.digest.as_ref();
            steps.push(Step {
                checksum: digest.map(|d| blake3::Hash::from_bytes(d.checksum).to_hex().to_string()),
                essence: digest.map(|d| d.essence.clone()),
                ..step(&file.file, to)
            });
            release.tracks.push(track.clone());
        }
        let others: Vec<Step> =
            self.candidate.others.iter().map(|o| step(o, place(safe_path(&o.relative)))).collect();
        let mut artwork = cover_among(others.iter().map(|s| s.to.as_str())).map(str::to_owned);
        steps.extend(others);
        let mut cover = None;
        if artwork.is_none()
            && extends_album.is_none()
            && let Some((track, picture)) = self.candidate.embedded_cover()
        {
            let to = place(format!("cover.{}", picture.extension));
            artwork = Some(to.clone());
            cover = Some(Cover { from: path_to_text(&track.file.relative), to });
        }
        Filing {
            artwork_path: artwork.map(|name| format!("{target}/{name}")),
            staging: format!("artists/.incoming-{}", self.import_id),
            target,
            extends_album,
            steps,
            cover,
            release,
        }
    }

    /// Sends everything of the folder to `room/NAME` (`import/review`, …).
    pub fn all_aside(&self, room: &str, reason: Option<String>) -> Aside {
        let all = self.candidate.tracks.iter().map(|t| &t.file);
        let all = all.chain(self.candidate.damaged.iter().map(|d| &d.file)).chain(&self.candidate.others);
        self.aside(room, all, reason)
    }

    /// Sends some files to `room/NAME`.
    pub fn aside<'f>(
        &self,
        room: &str,
        chosen: impl Iterator<Item = &'f File>,
        reason: Option<String>,
    ) -> Aside {
        let target = format!("{room}/{}", safe_component(&self.candidate.name));
        let target = free_name(self.names, &target, folder_underscored);
        let mut used = HashSet::new();
        let steps = chosen.map(|file| {
            let is_taken = |p: &str| used.contains(p) || p.eq_ignore_ascii_case("REASON.txt");
            let to = free_name(&Closure(is_taken), &safe_path(&file.relative), file_numbered);
            used.insert(to.clone());
            step(file, to)
        });
        let steps = steps.collect();
        Aside { target, steps, reason }
    }
}

struct Closure<F>(F);

impl<F: Fn(&str) -> bool> Names for Closure<F> {
    fn is_taken(&self, path: &str) -> bool {
        (self.0)(path)
    }
}

fn step(file: &File, to: String) -> Step {
    Step {
        from: path_to_text(&file.relative),
        to,
        size_bytes: file.size_bytes,
        modified_at: file.modified_at,
        checksum: None,
        essence: None,
    }
}

fn ending(path: &Path) -> String {
    path.extension().map_or_else(String::new, |e| safe_component(&e.to_string_lossy().to_lowercase()))
}

/// Each component made safe; the folders stay.
fn safe_path(relative: &Path) -> String {
    let parts: Vec<String> = relative.iter().map(|part| safe_component(&part.to_string_lossy())).collect();
    parts.join("/")
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
