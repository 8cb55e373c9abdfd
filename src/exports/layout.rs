//! Where each file of an album goes in an export, and what it is made of. Looks into the album's folder for what the rows
//! do not know: lyrics beside a track, booklets.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::path::Path;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::choose::Chosen;
use super::manifest::{CHECKSUMS, Kind, MANIFEST, Track};
use super::names::{Names, folded};
use crate::files::{path_to_text, text_to_path};
use crate::hearts;

/// The folder of an export's own work, beneath its destination.
pub const WORK: &str = ".barbossa-export";
/// The playlist of everything.
pub const PLAYLIST: &str = "library.m3u8";
/// What an MP3 of 320 kbit/s takes for a millisecond.
const MP3_BYTES_PER_MS: u64 = 40;
/// Its tags, and the silence at its ends.
const MP3_MORE_BYTES: u64 = 64 * 1024;

/// How tracks are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// As the library has them.
    Flac,
    /// Lossless ones as MP3 of 320 kbit/s, lossy ones as they are.
    Mp3,
    /// Both, in folders `FLAC` and `MP3`.
    Both,
}

impl Format {
    /// As in the row.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flac => "flac",
            Self::Mp3 => "mp3",
            Self::Both => "both",
        }
    }

    /// From the row; none for another word.
    pub fn of(name: &str) -> Option<Self> {
        [Self::Flac, Self::Mp3, Self::Both].into_iter().find(|format| format.name() == name)
    }

    /// Each tree of the export: its folder (empty, or ends with `/`), and whether it holds MP3s.
    pub fn trees(self) -> &'static [(&'static str, bool)] {
        match self {
            Self::Flac => &[("", false)],
            Self::Mp3 => &[("", true)],
            Self::Both => &[("FLAC/", false), ("MP3/", true)],
        }
    }
}

/// What is exported besides the tracks.
#[derive(Debug, Clone, Copy)]
pub struct Wants {
    /// How tracks are kept.
    pub format: Format,
    /// Covers and other pictures.
    pub artwork: bool,
    /// `.m3u8`, for each album and for all.
    pub playlist: bool,
    /// `.lrc` beside the tracks.
    pub lyrics: bool,
}

/// One file to be written.
#[derive(Debug, Clone)]
pub struct Item {
    /// Relative to the export's folder.
    pub path: String,
    /// What it is.
    pub kind: Kind,
    /// The library's file, relative to MUSIC_PATH.
    pub source: String,
    /// Which of the album's tracks it belongs to.
    pub track: Option<usize>,
    /// The row that it belongs to.
    pub id: i64,
    /// As recorded, or estimated.
    pub expected_bytes: u64,
    /// BLAKE3 of the library's file, hex, as recorded.
    pub checksum: Option<String>,
}

/// A playlist to be written once its tracks are.
#[derive(Debug, Clone)]
pub struct Playlist {
    /// Relative to the export's folder.
    pub path: String,
    /// Which of the items, in order.
    pub items: Vec<usize>,
}

/// Of one album.
#[derive(Debug, Clone, Default)]
pub struct Layout {
    /// Tracks first.
    pub items: Vec<Item>,
    /// One for each tree.
    pub playlists: Vec<Playlist>,
}

/// Names that no music may have in an export.
pub fn reserve(names: &mut Names, wants: &Wants) {
    for name in [MANIFEST, CHECKSUMS, PLAYLIST, WORK] {
        names.file("", name);
    }
    for (tree, _) in wants.format.trees() {
        if !tree.is_empty() {
            let folder = names.folder("", [tree.trim_end_matches('/')]);
            names.file(&folder, PLAYLIST);
        }
    }
}

/// Draws up an album. Blocks: looks into its folder.
pub fn lay_out(music: &Path, chosen: &Chosen, wants: &Wants, names: &mut Names) -> Layout {
    let beside = Beside::look(music, chosen, wants);
    let mut layout = Layout::default();
    for (tree, is_mp3) in wants.format.trees() {
        let mut playlist = Vec::new();
        for (n, (track, about)) in chosen.tracks.iter().zip(&chosen.album.tracks).enumerate() {
            let (folder, name) = place(names, tree, &track.path);
            let is_encoded = *is_mp3 && is_lossless(&about.format);
            let name = if is_encoded { with_ending(&name, "mp3") } else { name };
            let path = names.file(&folder, &name);
            playlist.push(layout.items.len());
            layout.items.push(Item {
                kind: if is_encoded { Kind::Mp3 } else { Kind::Original },
                source: track.path.clone(),
                track: Some(n),
                id: track.id,
                expected_bytes: if is_encoded { mp3_bytes(about) } else { track.size_bytes },
                checksum: about.checksum.clone(),
                path: path.clone(),
            });
            if let Some(lyrics) = beside.lyrics.get(&track.path) {
                let path = names.file(&folder, &with_ending(path.rsplit('/').next().unwrap_or(&path), "lrc"));
                layout.items.push(beside.item(path, Kind::Lyrics, lyrics, Some(n), track.id));
            }
        }
        lay_out_others(chosen, &beside, (tree, *is_mp3), names, &mut layout);
        if wants.playlist {
            let (folder, name) = album_folder(names, tree, &chosen.path);
            let path = names.file(&folder, &format!("{name}.m3u8"));
            layout.playlists.push(Playlist { path, items: playlist });
        }
    }
    layout
}

fn lay_out_others(
    chosen: &Chosen,
    beside: &Beside,
    (tree, is_mp3): (&str, bool),
    names: &mut Names,
    layout: &mut Layout,
) {
    if let Some(cover) = &beside.cover {
        let (folder, _) = album_folder(names, tree, &chosen.path);
        let ending = Path::new(cover).extension().and_then(OsStr::to_str).unwrap_or("jpg").to_lowercase();
        let path = names.file(&folder, &format!("cover.{ending}"));
        layout.items.push(beside.item(path, Kind::Artwork, cover, None, chosen.id));
    }
    // Once is enough.
    if is_mp3 && !tree.is_empty() {
        return;
    }
    for extra in &beside.extras {
        let (folder, name) = place(names, tree, extra);
        let path = names.file(&folder, &name);
        layout.items.push(beside.item(path, Kind::Extra, extra, None, chosen.id));
    }
}

/// What lies in the album's folder besides its tracks; paths as in the rows.
#[derive(Default)]
struct Beside {
    cover: Option<String>,
    /// By the track's path.
    lyrics: HashMap<String, String>,
    extras: Vec<String>,
    sizes: HashMap<String, u64>,
}

impl Beside {
    fn look(music: &Path, chosen: &Chosen, wants: &Wants) -> Self {
        let mut beside = Self::default();
        beside.cover =
            chosen.artwork_path.clone().filter(|cover| wants.artwork && beside.is_there(music, cover));
        if wants.lyrics {
            for track in &chosen.tracks {
                let lyrics = path_to_text(&text_to_path(&track.path).with_extension("lrc"));
                if beside.is_there(music, &lyrics) {
                    beside.lyrics.insert(track.path.clone(), lyrics);
                }
            }
        }
        // Booklets belong to who loves the album, not to who loves a song of it.
        if chosen.album.hearted_at.is_some() {
            let own: Vec<&str> = chosen.tracks.iter().map(|t| t.path.as_str()).collect();
            let mut extras = hearts::extras(music, &chosen.path, &own).unwrap_or_default();
            extras.sort_unstable();
            extras.retain(|path| Self::is_wanted(path, chosen, wants) && beside.is_there(music, path));
            beside.extras = extras;
        }
        beside
    }

    fn is_wanted(path: &str, chosen: &Chosen, wants: &Wants) -> bool {
        let ending = Path::new(path).extension().and_then(OsStr::to_str).unwrap_or_default().to_lowercase();
        match ending.as_str() {
            "lrc" => false,
            "jpg" | "jpeg" | "png" | "gif" | "webp" | "tif" | "tiff" | "bmp" => {
                wants.artwork && chosen.artwork_path.as_deref() != Some(path)
            }
            _ => true,
        }
    }

    fn is_there(&mut self, music: &Path, path: &str) -> bool {
        let found = std::fs::symlink_metadata(music.join(text_to_path(path)));
        let size = found.ok().filter(std::fs::Metadata::is_file).map(|m| m.len());
        if let Some(size) = size {
            self.sizes.insert(path.to_owned(), size);
        }
        size.is_some()
    }

    fn item(&self, path: String, kind: Kind, source: &str, track: Option<usize>, id: i64) -> Item {
        let expected_bytes = self.sizes.get(source).copied().unwrap_or_default();
        Item { path, kind, source: source.to_owned(), track, id, expected_bytes, checksum: None }
    }
}

/// The folder in the export of a file of the library, and the file's name.
fn place(names: &mut Names, tree: &str, library_path: &str) -> (String, String) {
    let mut components = components(library_path);
    let name = components.pop().unwrap_or_default();
    (names.folder(tree, components.iter().map(String::as_str)), name)
}

/// The folder of an album, and its last component.
fn album_folder(names: &mut Names, tree: &str, library_path: &str) -> (String, String) {
    let components = components(library_path);
    let folder = names.folder(tree, components.iter().map(String::as_str));
    (folder, components.last().cloned().unwrap_or_default())
}

/// Beneath `artists/`.
fn components(library_path: &str) -> Vec<String> {
    let path = text_to_path(library_path);
    let path = path.strip_prefix("artists").unwrap_or(&path);
    path.components().map(|c| c.as_os_str().to_string_lossy().into_owned()).collect()
}

fn with_ending(name: &str, ending: &str) -> String {
    let stem = Path::new(name).file_stem().map_or_else(|| name.into(), |stem| stem.to_string_lossy());
    format!("{stem}.{ending}")
}

/// What an MP3 is made of; all else is lossy already, or nothing that ffmpeg is asked about.
fn is_lossless(format: &str) -> bool {
    ["FLAC", "ALAC", "WAV", "AIFF", "WavPack", "APE"].contains(&format)
}

fn mp3_bytes(track: &Track) -> u64 {
    let duration_ms = track.duration_ms.unwrap_or_default().unsigned_abs();
    duration_ms * MP3_BYTES_PER_MS + MP3_MORE_BYTES
}

// -- playlists

/// One line of a playlist: seconds, a title, a path relative to the playlist's folder.
pub struct Line {
    /// Relative to the export's folder.
    pub path: String,
    /// As players show it.
    pub title: String,
    /// Length; -1 when it is not known.
    pub seconds: i64,
}

impl Line {
    /// Of a track that lies there.
    pub fn of(path: &str, artist: &str, track: &Track) -> Self {
        let artist = track.artist.as_deref().unwrap_or(artist);
        let title = format!("{artist} - {}", track.title);
        Self {
            path: path.to_owned(),
            title: title.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
            seconds: track.duration_ms.map_or(-1, |ms| (ms + 500) / 1000),
        }
    }
}

/// The text of a playlist in this folder (empty, or ends with `/`): UTF-8, as its name says.
pub fn playlist(folder: &str, lines: &[&Line]) -> String {
    let mut text = String::from("#EXTM3U\n");
    for line in lines {
        let path = line.path.strip_prefix(folder).unwrap_or(&line.path);
        // A line that begins with `#` is a comment.
        let dot = if path.starts_with('#') { "./" } else { "" };
        text.push_str(&format!("#EXTINF:{},{}\n{dot}{path}\n", line.seconds, line.title));
    }
    text
}

/// Sorts the lines of the playlist of everything as people look for them.
pub fn sort_for_people(lines: &mut [Line]) {
    lines.sort_by_cached_key(|line| folded(&line.path));
}
