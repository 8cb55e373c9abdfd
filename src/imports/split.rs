//! Several albums in one folder: each gets a folder of its own, where the tags leave no doubt. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::identify::without_disc;
use super::read::{Candidate, TrackFile};
use crate::files::safe_component;
use crate::library::identity_key;

/// A file's way into the folder of its album, both relative to the import's folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// Where it lies.
    pub from: PathBuf,
    /// Where it goes.
    pub to: PathBuf,
}

/// How the files of a folder part into albums; empty when they are one, or when it is not certain. Certain is it when
/// every file names its album, and in each album every place is taken once: what a person has put together as one
/// record counts on from album to album, or has an album of one track for each of its songs.
pub fn albums(candidate: &Candidate) -> Vec<Move> {
    let is_flat = |track: &TrackFile| track.file.relative.components().count() == 1;
    if candidate.is_immovable || !candidate.damaged.is_empty() || !candidate.tracks.iter().all(is_flat) {
        return Vec::new();
    }
    let mut albums: BTreeMap<String, Vec<&TrackFile>> = BTreeMap::new();
    for track in &candidate.tracks {
        let Some(album) = track.sound.tags.album.as_deref() else { return Vec::new() };
        let (title, _) = without_disc(album);
        albums.entry(identity_key(title)).or_default().push(track);
    }
    if albums.len() < 2 || !albums.values().all(|tracks| is_certain(tracks)) {
        return Vec::new();
    }
    let largest =
        albums.values().max_by_key(|tracks| tracks.len()).and_then(|t| folder_of(t)).unwrap_or_default();
    let mut moves = Vec::new();
    for tracks in albums.values() {
        let Some(folder) = folder_of(tracks) else { return Vec::new() };
        moves.extend(tracks.iter().map(|track| into(&folder, &track.file.relative)));
    }
    moves.extend(candidate.others.iter().map(|other| into(&largest, &other.relative)));
    moves
}

fn into(folder: &str, file: &Path) -> Move {
    Move { from: file.to_owned(), to: Path::new(folder).join(file) }
}

/// One artist, more than one track (or a single that says so), each place taken once and the first among them.
fn is_certain(tracks: &[&TrackFile]) -> bool {
    let tags = || tracks.iter().map(|t| &t.sound.tags);
    let artists: BTreeSet<String> =
        tags().filter_map(|t| t.album_artist.as_deref().or(t.artist.as_deref())).map(identity_key).collect();
    let places: BTreeSet<(u32, u32)> =
        tags().filter_map(|t| Some((t.disc_number.unwrap_or(1), t.track_number?))).collect();
    let is_single = || tags().all(|t| t.track_total == Some(1));
    artists.len() == 1
        && places.len() == tracks.len()
        && places.first().is_some_and(|(_, number)| *number <= 1)
        && (tracks.len() > 1 || is_single())
}

/// `Artist - Album`.
fn folder_of(tracks: &[&TrackFile]) -> Option<String> {
    let tags = &tracks.first()?.sound.tags;
    let artist = tags.album_artist.as_deref().or(tags.artist.as_deref())?;
    Some(safe_component(&format!("{artist} - {}", without_disc(tags.album.as_deref()?).0)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{Format, Quality, Sound, Tags};
    use crate::imports::read::File;
    use jiff::Timestamp;

    fn file(name: &str) -> File {
        File { relative: name.into(), size_bytes: 1, modified_at: Timestamp::UNIX_EPOCH }
    }

    fn track(name: &str, artist: &str, album: Option<&str>, number: u32, total: Option<u32>) -> TrackFile {
        let tags = Tags {
            artist: Some(artist.into()),
            album: album.map(Into::into),
            track_number: Some(number),
            track_total: total,
            ..Tags::default()
        };
        let quality = Quality {
            format: Format::Flac,
            sample_rate_hz: None,
            bit_depth: None,
            bitrate_kbps: None,
            channels: None,
            duration_ms: 1,
            is_lossy: false,
        };
        TrackFile { file: file(name), sound: Sound { tags, quality }, digest: None }
    }

    fn parted(tracks: Vec<TrackFile>) -> Vec<(String, String)> {
        let candidate = Candidate {
            dir: PathBuf::new(),
            name: "x".into(),
            tracks,
            damaged: Vec::new(),
            others: vec![file("cover.jpg")],
            is_immovable: false,
        };
        let text = |path: PathBuf| path.to_string_lossy().into_owned();
        albums(&candidate).into_iter().map(|m| (text(m.from), text(m.to))).collect()
    }

    #[test]
    fn albums_that_the_tags_tell_apart_are_parted_and_the_rest_goes_with_the_largest() {
        let two = |album, artist, name: &str| {
            [1, 2].map(|n| track(&format!("{name}{n}.flac"), artist, Some(album), n, None))
        };
        let mut tracks = two("One", "Ann", "a").to_vec();
        tracks.extend(two("Two", "Bob", "b"));
        tracks.push(track("b3.flac", "Bob", Some("TWO"), 3, None));
        tracks.push(track("single.flac", "Cy", Some("Alone"), 1, Some(1)));
        let parted = parted(tracks);
        assert_eq!(parted.len(), 7);
        for expected in [
            ("a1.flac", "Ann - One/a1.flac"),
            ("b3.flac", "Bob - Two/b3.flac"),
            ("single.flac", "Cy - Alone/single.flac"),
            ("cover.jpg", "Bob - Two/cover.jpg"),
        ] {
            assert!(parted.contains(&(expected.0.into(), expected.1.into())), "{expected:?} in {parted:?}");
        }
    }

    #[test]
    fn where_it_is_not_certain_nothing_is_parted() {
        let of = |albums: [Option<&str>; 4], numbers: [u32; 4]| {
            let tracks = (0..4).map(|n| track(&format!("{n}.flac"), "Ann", albums[n], numbers[n], None));
            parted(tracks.collect()).is_empty()
        };
        assert!(!of([Some("One"), Some("One"), Some("Two"), Some("Two")], [1, 2, 1, 2]), "this is");
        assert!(of([Some("One"); 4], [1, 2, 3, 4]), "one album");
        assert!(
            of([Some("One"), Some("One"), Some("Two"), Some("Two")], [1, 2, 3, 4]),
            "a mixtape counts on"
        );
        assert!(of([Some("One"), Some("One"), Some("Two"), Some("Two")], [1, 1, 1, 2]), "a place twice");
        assert!(of([Some("A"), Some("B"), Some("C"), Some("D")], [1, 1, 1, 1]), "one song of each");
        assert!(of([Some("One"), Some("One"), Some("Two"), None], [1, 2, 1, 2]), "one does not say");
        let discs = [Some("One (Disc 1)"), Some("One (Disc 1)"), Some("One (Disc 2)"), Some("One (Disc 2)")];
        assert!(of(discs, [1, 2, 1, 2]), "two discs of one album");
    }
}
