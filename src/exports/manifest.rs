//! `manifest.json`: what an export holds, in a shape that another Barbossa (or anyone) can read years later; the journal
//! of an export under way; and the lines of `SHA256SUMS`.

use std::collections::HashMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// What `format` says in every manifest.
pub const FORMAT: &str = "barbossa-export";
/// Readers refuse a higher one.
pub const VERSION: u32 = 1;
/// Its name in the export's folder.
pub const MANIFEST: &str = "manifest.json";
/// What `sha256sum -c` reads.
pub const CHECKSUMS: &str = "SHA256SUMS";

/// All of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Manifest {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u32,
    /// The program's version.
    pub barbossa: String,
    /// When it was finished.
    pub created_at: Timestamp,
    /// Which library it is from.
    pub library: Uuid,
    /// Whose hearts.
    pub user: String,
    /// `flac`, `mp3`, `both`.
    pub kept_as: String,
    /// Artists whose later albums are hearted too.
    pub following: Vec<Followed>,
    /// In the order of their ids.
    pub albums: Vec<Album>,
    /// Playlists.
    pub playlists: Vec<FileEntry>,
    /// Files of earlier exports that are not hearted any more, and are still there.
    #[serde(default)]
    pub left: Vec<FileEntry>,
}

/// An artist whom the user follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Followed {
    /// As written.
    pub name: String,
    /// MusicBrainz artist.
    pub musicbrainz_id: Option<Uuid>,
}

/// An album, with those of its tracks that are hearted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Album {
    /// The album artist, as written.
    pub artist: String,
    /// How the artist sorts.
    pub artist_sort: Option<String>,
    /// MusicBrainz artist.
    pub artist_musicbrainz_id: Option<Uuid>,
    /// The title, as written.
    pub title: String,
    /// Year of release.
    pub year: Option<i32>,
    /// MusicBrainz release.
    pub musicbrainz_id: Option<Uuid>,
    /// Of the whole release.
    pub total_tracks: i32,
    /// Of the whole release.
    pub disc_count: i32,
    /// As tagged.
    pub genre: Option<String>,
    /// As tagged.
    pub label: Option<String>,
    /// As tagged.
    pub catalog_number: Option<String>,
    /// EAN or UPC.
    pub barcode: Option<String>,
    /// `album`, `single`, …
    pub release_type: Option<String>,
    /// Tracks by several artists.
    pub is_compilation: bool,
    /// `import`, `qobuz`, …
    pub source: String,
    /// Where it came from.
    pub source_url: Option<String>,
    /// When it came into the library.
    pub added_at: Timestamp,
    /// When the album itself was hearted; none when only tracks of it are.
    pub hearted_at: Option<Timestamp>,
    /// By disc and number.
    pub tracks: Vec<Track>,
    /// Cover, booklets.
    pub files: Vec<FileEntry>,
}

/// A track.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Track {
    /// As written.
    pub title: String,
    /// Where it is not the album's.
    pub artist: Option<String>,
    /// Counts from 1.
    pub disc_number: i32,
    /// Counts from 1; 0 for a hidden track.
    pub track_number: i32,
    /// Length.
    pub duration_ms: Option<i64>,
    /// Of the library's file: `FLAC`, `MP3`, …
    pub format: String,
    /// Samples a second.
    pub sample_rate_hz: Option<i32>,
    /// Bits a sample.
    pub bit_depth: Option<i32>,
    /// kbit/s.
    pub bitrate_kbps: Option<i32>,
    /// 1, 2, 6, …
    pub channels: Option<i32>,
    /// By format or by source.
    pub is_lossy: bool,
    /// The audio alone, of the library's file: `flac-md5:…` or `blake3:…`.
    pub essence: Option<String>,
    /// BLAKE3 of the library's file.
    pub checksum: Option<String>,
    /// Twelve characters.
    pub isrc: Option<String>,
    /// As tagged.
    pub composer: Option<String>,
    /// As tagged.
    pub genre: Option<String>,
    /// MusicBrainz recording.
    pub musicbrainz_id: Option<Uuid>,
    /// `import`, `qobuz`, …
    pub source: String,
    /// Where it came from.
    pub source_url: Option<String>,
    /// When it came into the library.
    pub imported_at: Timestamp,
    /// The name of who asked for it.
    pub imported_by: Option<String>,
    /// When the track itself was hearted; none when its album is.
    pub hearted_at: Option<Timestamp>,
    /// The file as it is kept, the MP3 made of it, its lyrics.
    pub files: Vec<FileEntry>,
}

/// What a file of an export is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// The library's file, byte for byte.
    Original,
    /// Encoded for the export.
    Mp3,
    /// The cover.
    Artwork,
    /// `.lrc`
    Lyrics,
    /// Booklets, scans, logs.
    Extra,
    /// `.m3u8`
    Playlist,
}

/// One file of an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    /// Relative to the export's folder.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// Its size.
    pub size: u64,
    /// Of the whole file, hex.
    pub sha256: String,
    /// What it was made of, as far as that tells whether it must be made again.
    pub of: String,
    /// The row that it belongs to: a track's, or for covers and booklets the album's.
    pub id: i64,
}

impl Manifest {
    /// Every file in it, those that are only left over last.
    pub fn files(&self) -> impl Iterator<Item = &FileEntry> {
        self.albums.iter().flat_map(Album::own_files).chain(&self.playlists).chain(&self.left)
    }

    /// Whether a program of this version can read it, else why not.
    ///
    /// # Errors
    /// A sentence.
    pub fn parse(bytes: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Head {
            format: String,
            version: u32,
        }
        let head: Head = serde_json::from_slice(bytes)
            .map_err(|_| "its manifest.json is not one of an export".to_owned())?;
        if head.format != FORMAT {
            return Err("its manifest.json is not one of an export".to_owned());
        }
        if head.version > VERSION {
            return Err("it was made by a newer Barbossa: upgrade this one".to_owned());
        }
        serde_json::from_slice(bytes).map_err(|e| format!("its manifest.json is damaged: {e}"))
    }
}

impl Album {
    /// Its tracks' files, then its own.
    pub fn own_files(&self) -> impl Iterator<Item = &FileEntry> {
        self.tracks.iter().flat_map(|track| &track.files).chain(&self.files)
    }
}

/// The files that are known to be ours, by path: from the manifest, and from the journal of a run that did not end.
#[derive(Debug, Default)]
pub struct Ours(pub HashMap<String, FileEntry>);

impl Ours {
    /// From what lies there. A line that was cut off by a pulled drive is passed over.
    pub fn of(manifest: Option<&Manifest>, journal: &str) -> Self {
        let mut files: HashMap<String, FileEntry> =
            manifest.into_iter().flat_map(Manifest::files).map(|f| (f.path.clone(), f.clone())).collect();
        let lines = journal.lines().filter_map(|line| serde_json::from_str::<FileEntry>(line).ok());
        files.extend(lines.map(|f| (f.path.clone(), f)));
        Self(files)
    }
}

/// Whose export a folder holds: the journal's first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// Whose hearts.
    pub user: String,
    /// Which library it is from.
    pub library: Uuid,
}

impl Owner {
    /// As the manifest says, else the journal.
    pub fn of(manifest: Option<&Manifest>, journal: &str) -> Option<Self> {
        let in_journal = || journal.lines().find_map(|line| serde_json::from_str(line).ok());
        manifest.map(|m| Self { user: m.user.clone(), library: m.library }).or_else(in_journal)
    }
}

/// A line of the journal.
pub fn journal_line(file: &FileEntry) -> String {
    let mut line = serde_json::to_string(file).expect("a file's entry has no map with other keys than text");
    line.push('\n');
    line
}

/// As `sha256sum` writes it: checksum, two blanks, path; by path.
pub fn checksums<'f>(files: impl Iterator<Item = (&'f str, &'f str)>) -> String {
    let mut lines: Vec<(&str, &str)> = files.collect();
    lines.sort_unstable();
    lines.dedup();
    lines.iter().fold(String::new(), |mut text, (path, sha256)| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{sha256}  {path}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str) -> FileEntry {
        let (size, sha256, of) = (1, "ab".into(), "x".into());
        FileEntry { path: path.into(), kind: Kind::Original, size, sha256, of, id: 1 }
    }

    #[test]
    fn a_journal_that_was_cut_off_is_read_as_far_as_it_goes() {
        let mut journal = journal_line(&entry("a"));
        journal.push_str(&journal_line(&entry("b"))[..20]);
        let ours = Ours::of(None, &journal);
        assert_eq!(ours.0.keys().collect::<Vec<_>>(), ["a"]);
        assert_eq!(ours.0["a"], entry("a"));
    }

    #[test]
    fn only_a_manifest_of_ours_is_read() {
        for other in ["{}", "[]", "", r#"{"format":"web app","version":1}"#] {
            assert!(
                Manifest::parse(other.as_bytes()).unwrap_err().contains("not one of an export"),
                "{other}"
            );
        }
        let newer = r#"{"format":"barbossa-export","version":2}"#;
        assert!(Manifest::parse(newer.as_bytes()).unwrap_err().contains("newer"));
    }

    #[test]
    fn checksums_are_sorted_by_path() {
        let text = checksums([("b", "22"), ("a b", "11")].into_iter());
        assert_eq!(text, "11  a b\n22  b\n");
    }
}
