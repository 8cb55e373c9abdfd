//! Second station: what a folder's music is. [`Candidate`] → [`Identified`]: a release, how sure we are, and why,
//! field by field. Here from tags, and where they are silent from names; sources of more evidence (fingerprints,
//! MusicBrainz) join in this file.

use std::collections::{BTreeMap, HashMap};
use std::ffi::OsStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::names;
use super::read::{Candidate, TrackFile};
use crate::audio::{Quality, Tags};
use crate::library::identity_key;

/// Tags alone may err: without a second witness it is never surer than this.
const TAGS_ALONE: f32 = 0.95;
/// Tags and a MusicBrainz id in each file.
const TAGS_AND_ID: f32 = 0.99;

/// A release, as it will be filed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// The album artist; empty when nobody says.
    pub artist: String,
    /// How the artist sorts.
    pub artist_sort: Option<String>,
    /// MusicBrainz artist.
    pub artist_id: Option<Uuid>,
    /// The title; empty when nobody says.
    pub title: String,
    /// Year of release.
    pub year: Option<i32>,
    /// Number of tracks of the whole release, when the tags tell; else of those here.
    pub total_tracks: u32,
    /// Number of discs.
    pub disc_count: u32,
    /// As tagged.
    pub genre: Option<String>,
    /// As tagged.
    pub label: Option<String>,
    /// As tagged.
    pub catalog_number: Option<String>,
    /// EAN or UPC.
    pub barcode: Option<String>,
    /// MusicBrainz release.
    pub release_id: Option<Uuid>,
    /// `album`, `soundtrack`, …
    pub release_type: Option<String>,
    /// Tracks by several artists.
    pub is_compilation: bool,
    /// In the order of the candidate's tracks.
    pub tracks: Vec<ReleaseTrack>,
}

/// One track of a [`Release`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReleaseTrack {
    /// Counts from 1.
    pub disc_number: u32,
    /// Counts from 1; 0 for a hidden track.
    pub track_number: u32,
    /// As written.
    pub title: String,
    /// Where it is not the album's.
    pub artist_name: Option<String>,
    /// As tagged.
    pub genre: Option<String>,
    /// As tagged.
    pub composer: Option<String>,
    /// Twelve characters.
    pub isrc: Option<String>,
    /// MusicBrainz recording.
    pub recording_id: Option<Uuid>,
    /// How it sounds.
    pub quality: Quality,
}

/// Who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Witness {
    /// The files' tags.
    Tags,
    /// The folder's name.
    FolderName,
    /// The files' names.
    FileNames,
    /// Nobody: a rule of ours (`Various Artists`).
    Rule,
    /// A person who looked at it.
    Person,
}

/// One reason to believe, or not to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Evidence {
    /// `artist`, `album`, `titles`, `positions`, `year`, `musicbrainz`, `total`.
    pub field: String,
    /// What it says.
    pub value: Option<String>,
    /// Who says so.
    pub witness: Witness,
    /// What it leaves of the confidence, in [0, 1].
    pub factor: f32,
    /// Why it is less than 1, as a sentence.
    pub note: Option<String>,
}

/// What a candidate is.
#[derive(Debug, Clone, PartialEq)]
pub struct Identified {
    /// The release.
    pub release: Release,
    /// In [0, 1].
    pub confidence: f32,
    /// Why.
    pub evidence: Vec<Evidence>,
}

/// Says what a candidate is, from its tags and names.
pub fn identify(candidate: &Candidate) -> Identified {
    let tags: Vec<&Tags> = candidate.tracks.iter().map(|t| &t.sound.tags).collect();
    let folder = names::folder(&candidate.name);
    let album = album(&tags, &folder);
    let artist = artist(&tags, &folder, album.value.as_deref().unwrap_or_default());
    let year = year(&tags, &folder);
    let (positions, places) = positions(&candidate.tracks);
    let titles = titles(&candidate.tracks);
    let total = total(&tags, &places);
    let release_id = same(&tags, |t| t.release_id);
    let limit = if release_id.is_some() { TAGS_AND_ID } else { TAGS_ALONE };
    let mut evidence = vec![artist, album, titles, positions, year];
    evidence.extend(release_id.map(|id| certain("musicbrainz", Some(id.to_string()), Witness::Tags)));
    evidence.extend(total.1);
    let confidence = evidence.iter().map(|e| e.factor).product::<f32>().min(limit);
    let value = |n: usize| evidence[n].value.clone().unwrap_or_default();
    let (artist, title) = (value(0), value(1));
    let tracks = candidate.tracks.iter().zip(&places).map(|(t, place)| track(t, *place, &artist)).collect();
    let release = Release {
        artist_sort: most(&tags, |t| t.album_artist_sort.clone()).map(|m| m.0),
        artist_id: same(&tags, |t| t.release_artist_id),
        year: evidence[4].value.as_deref().and_then(|y| y.parse().ok()),
        total_tracks: total.0,
        disc_count: disc_count(&tags, &places),
        genre: most(&tags, |t| t.genre.clone()).map(|m| m.0),
        label: most(&tags, |t| t.label.clone()).map(|m| m.0),
        catalog_number: most(&tags, |t| t.catalog_number.clone()).map(|m| m.0),
        barcode: most(&tags, |t| t.barcode.clone()).map(|m| m.0),
        release_id,
        release_type: most(&tags, |t| t.release_type.clone()).map(|m| m.0),
        is_compilation: is_compilation(&tags, &artist),
        tracks,
        artist,
        title,
    };
    Identified { release, confidence, evidence }
}

fn certain(field: &str, value: Option<String>, witness: Witness) -> Evidence {
    Evidence { field: field.into(), value, witness, factor: 1.0, note: None }
}

fn doubtful(field: &str, value: Option<String>, witness: Witness, factor: f32, note: &str) -> Evidence {
    Evidence { field: field.into(), value, witness, factor, note: Some(note.into()) }
}

/// The value that most files have (compared as names are), as most of them write it, and the share that has it.
fn most(tags: &[&Tags], field: impl Fn(&Tags) -> Option<String>) -> Option<(String, f32)> {
    let values: Vec<String> = tags.iter().filter_map(|t| field(t)).collect();
    let mut groups: BTreeMap<String, Vec<&String>> = BTreeMap::new();
    for value in &values {
        groups.entry(identity_key(value)).or_default().push(value);
    }
    let group = groups.into_values().max_by_key(Vec::len)?;
    let mut spellings: HashMap<&String, usize> = HashMap::new();
    for value in &group {
        *spellings.entry(value).or_default() += 1;
    }
    // The first one written wins a tie, so that the answer does not depend on chance.
    let best = spellings.values().max().copied()?;
    let spelling = group.iter().find(|v| spellings[**v] == best)?;
    Some(((*spelling).clone(), group.len() as f32 / tags.len() as f32))
}

/// The value that all files have.
fn same<T: PartialEq + Copy>(tags: &[&Tags], field: impl Fn(&Tags) -> Option<T>) -> Option<T> {
    let first = field(tags.first()?)?;
    tags.iter().all(|t| field(t) == Some(first)).then_some(first)
}

fn album(tags: &[&Tags], folder: &names::FolderName) -> Evidence {
    match (most(tags, |t| t.album.clone()), &folder.album) {
        (Some((title, 1.0)), _) => certain("album", Some(title), Witness::Tags),
        (Some((title, share)), _) => {
            let note = "not all files name the same album";
            doubtful("album", Some(title), Witness::Tags, 0.4 + 0.5 * share, note)
        }
        (None, Some(name)) => {
            doubtful("album", Some(name.clone()), Witness::FolderName, 0.5, "no file names its album")
        }
        (None, None) => doubtful("album", None, Witness::Tags, 0.0, "nothing names the album"),
    }
}

/// Names that stand for nobody.
const NOBODY: &[&str] = &["unknown artist", "unknown", "no artist", "artist"];
/// Names that stand for many.
const MANY: &[&str] = &["various artists", "various", "va", "v a"];

fn artist(tags: &[&Tags], folder: &names::FolderName, album: &str) -> Evidence {
    let somebody = |name: Option<String>| name.filter(|n| !NOBODY.contains(&identity_key(n).as_str()));
    if let Some((name, share)) = most(tags, |t| somebody(t.album_artist.clone())) {
        if MANY.contains(&identity_key(&name).as_str()) {
            return certain("artist", Some("Various Artists".into()), Witness::Tags);
        }
        if share < 1.0 {
            let note = "not all files name the same album artist";
            return doubtful("artist", Some(name), Witness::Tags, 0.6 + 0.4 * share, note);
        }
        return certain("artist", Some(name), Witness::Tags);
    }
    let is_soundtrack = most(tags, |t| t.release_type.clone()).is_some_and(|(t, _)| t.contains("soundtrack"))
        || identity_key(album).contains("soundtrack");
    if is_soundtrack {
        return certain("artist", Some("Soundtrack".into()), Witness::Rule);
    }
    let leading = most(tags, |t| somebody(t.artist.as_deref().map(without_guests)));
    let is_marked = tags.iter().any(|t| t.is_compilation);
    match leading {
        Some((name, share)) if !is_marked && share > 0.99 => certain("artist", Some(name), Witness::Tags),
        Some((name, share)) if !is_marked && share >= 0.6 => {
            let note = "no album artist is given; most tracks are by this one";
            doubtful("artist", Some(name), Witness::Tags, 0.7 + 0.25 * share, note)
        }
        Some(_) if is_marked => certain("artist", Some("Various Artists".into()), Witness::Rule),
        Some(_) if distinct_artists(tags) > 3 => {
            let note = "no album artist is given, and the tracks are by many";
            doubtful("artist", Some("Various Artists".into()), Witness::Rule, 0.92, note)
        }
        Some((name, _)) => doubtful(
            "artist",
            Some(name),
            Witness::Tags,
            0.7,
            "no album artist is given, and the tracks differ",
        ),
        None if folder.artist.is_some() => {
            doubtful("artist", folder.artist.clone(), Witness::FolderName, 0.6, "no file names its artist")
        }
        None => doubtful("artist", None, Witness::Tags, 0.0, "nothing names the artist"),
    }
}

fn distinct_artists(tags: &[&Tags]) -> usize {
    let names = tags.iter().filter_map(|t| t.artist.as_deref()).map(|a| identity_key(&without_guests(a)));
    names.collect::<std::collections::BTreeSet<_>>().len()
}

/// `Ann feat. Bob` → `Ann`.
fn without_guests(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let guest = [" feat. ", " feat ", " featuring ", " ft. ", " ft ", " (feat", " [feat"];
    let end = guest.iter().filter_map(|g| lower.find(g)).min();
    end.map_or(name, |end| &name[..end]).trim().to_owned()
}

fn is_compilation(tags: &[&Tags], artist: &str) -> bool {
    tags.iter().any(|t| t.is_compilation) || MANY.contains(&identity_key(artist).as_str())
}

fn year(tags: &[&Tags], folder: &names::FolderName) -> Evidence {
    match (most(tags, |t| t.year.map(|y| y.to_string())), folder.year) {
        (Some((year, _)), _) => certain("year", Some(year), Witness::Tags),
        (None, Some(year)) => {
            doubtful("year", Some(year.to_string()), Witness::FolderName, 0.98, "no file gives a year")
        }
        (None, None) => doubtful("year", None, Witness::Tags, 0.97, "nothing gives a year"),
    }
}

/// `Track 01`, `untitled`, `unknown`: what a program writes that knows nothing.
fn is_generic(title: &str) -> bool {
    let key = identity_key(title);
    let rest =
        ["track", "audio track", "untitled", "unknown", "no title"].iter().find_map(|w| key.strip_prefix(w));
    rest.is_some_and(|r| r.trim().chars().all(|c| c.is_ascii_digit()))
}

fn titles(tracks: &[TrackFile]) -> Evidence {
    let missing = tracks.iter().filter(|t| t.sound.tags.title.is_none()).count();
    let generic = tracks.iter().filter(|t| t.sound.tags.title.as_deref().is_some_and(is_generic)).count();
    let share = |n: usize| n as f32 / tracks.len().max(1) as f32;
    let value = Some(format!("{} of {}", tracks.len() - missing - generic, tracks.len()));
    match (missing, generic) {
        (0, 0) => certain("titles", value, Witness::Tags),
        (0, _) => {
            let note = format!("{generic} titles say nothing (“Track 01”)");
            doubtful("titles", value, Witness::Tags, 1.0 - 0.5 * share(generic), &note)
        }
        _ => {
            let note = format!("{missing} files have no title; their names stand in");
            doubtful("titles", value, Witness::FileNames, 1.0 - 0.5 * share(missing + generic), &note)
        }
    }
}

/// Disc and track number of each file: from its tags, else from its name and folder, else from its order.
fn positions(tracks: &[TrackFile]) -> (Evidence, Vec<(u32, u32)>) {
    let mut without = 0;
    let mut places: Vec<(u32, u32)> = Vec::new();
    for track in tracks {
        let tags = &track.sound.tags;
        let name = names::file(&stem(track));
        let folder = track.file.relative.parent().and_then(|p| p.file_name()).and_then(OsStr::to_str);
        let disc =
            tags.disc_number.or_else(|| folder.and_then(names::disc_of_folder)).or(name.disc).unwrap_or(1);
        let number = tags.track_number.or(name.track);
        without += usize::from(number.is_none());
        let next = || 1 + places.iter().filter(|(d, _)| *d == disc).map(|(_, n)| *n).max().unwrap_or(0);
        places.push((disc, number.unwrap_or_else(next)));
    }
    let mut distinct = places.clone();
    distinct.sort_unstable();
    distinct.dedup();
    let doubled = places.len() - distinct.len();
    let evidence = match (without, doubled) {
        (0, 0) => certain("positions", None, Witness::Tags),
        (_, 0) => {
            let note =
                format!("{without} files have no track number; they follow in the order of their names");
            doubtful("positions", None, Witness::FileNames, 0.92, &note)
        }
        _ => {
            let note = format!("{doubled} files have the number of another one");
            doubtful("positions", None, Witness::Tags, 0.75, &note)
        }
    };
    (evidence, places)
}

fn stem(track: &TrackFile) -> String {
    track.file.relative.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn disc_count(tags: &[&Tags], places: &[(u32, u32)]) -> u32 {
    let told = tags.iter().filter_map(|t| t.disc_total).max().unwrap_or(1).min(100);
    places.iter().map(|(disc, _)| *disc).max().unwrap_or(1).max(told)
}

/// How many tracks the release has, by the totals in the tags where each disc tells, and whether more are here.
fn total(tags: &[&Tags], places: &[(u32, u32)]) -> (u32, Option<Evidence>) {
    let told = tracks_told(tags, places);
    let here = places.len() as u32;
    match told {
        Some(told) if told < here => {
            let note = "more files than the tags tell of";
            (here, Some(doubtful("total", Some(told.to_string()), Witness::Tags, 0.9, note)))
        }
        Some(told) => (told, Some(certain("total", Some(told.to_string()), Witness::Tags))),
        None => (here, None),
    }
}

/// The sum of the discs' totals; none when a disc that is here does not tell, or a disc is not here at all.
fn tracks_told(tags: &[&Tags], places: &[(u32, u32)]) -> Option<u32> {
    let mut discs: BTreeMap<u32, Option<u32>> = BTreeMap::new();
    for (tags, (disc, _)) in tags.iter().zip(places) {
        let told = discs.entry(*disc).or_default();
        *told = (*told).max(tags.track_total);
    }
    discs.into_values().sum()
}

/// How many tracks are still missing of what the tags tell, for a folder that may still be filling.
pub fn missing_tracks(candidate: &Candidate) -> u32 {
    let tags: Vec<&Tags> = candidate.tracks.iter().map(|t| &t.sound.tags).collect();
    let (_, places) = positions(&candidate.tracks);
    let here = (places.len() + candidate.damaged.len()) as u32;
    tracks_told(&tags, &places).map_or(0, |told| told.saturating_sub(here))
}

/// Whether the tags tell how many tracks the release has.
pub fn tells_total(candidate: &Candidate) -> bool {
    let tags: Vec<&Tags> = candidate.tracks.iter().map(|t| &t.sound.tags).collect();
    !tags.is_empty() && tracks_told(&tags, &positions(&candidate.tracks).1).is_some()
}

fn track(file: &TrackFile, (disc_number, track_number): (u32, u32), album_artist: &str) -> ReleaseTrack {
    let tags = &file.sound.tags;
    let is_albums = |a: &String| identity_key(a) == identity_key(album_artist);
    ReleaseTrack {
        disc_number,
        track_number,
        title: tags.title.clone().unwrap_or_else(|| names::file(&stem(file)).title),
        artist_name: tags.artist.clone().filter(|a| !is_albums(a)),
        genre: tags.genre.clone(),
        composer: tags.composer.clone(),
        isrc: tags.isrc.clone(),
        recording_id: tags.recording_id,
        quality: file.sound.quality,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::{Format, Sound};
    use crate::imports::read::File;

    fn song(name: &str, tags: Tags) -> TrackFile {
        let quality = Quality {
            format: Format::Flac,
            sample_rate_hz: Some(44_100),
            bit_depth: Some(16),
            bitrate_kbps: None,
            channels: Some(2),
            duration_ms: 1000,
            is_lossy: false,
        };
        let file = File { relative: name.into(), size_bytes: 1, modified_at: jiff::Timestamp::UNIX_EPOCH };
        TrackFile { file, sound: Sound { tags, quality }, digest: None }
    }

    fn tagged(n: u32, artist: &str, album: &str) -> Tags {
        Tags {
            title: Some(format!("Song {n}")),
            artist: Some(artist.into()),
            album: Some(album.into()),
            track_number: Some(n),
            year: Some(1999),
            ..Tags::default()
        }
    }

    fn candidate(name: &str, tracks: Vec<TrackFile>) -> Candidate {
        Candidate { dir: name.into(), name: name.into(), tracks, damaged: Vec::new(), others: Vec::new() }
    }

    fn with_artists(artists: &[&str]) -> Identified {
        let songs = artists.iter().zip(1..).map(|(a, n)| song(&format!("{n}.flac"), tagged(n, a, "Album")));
        identify(&candidate("x", songs.collect()))
    }

    #[test]
    fn full_tags_are_enough() {
        let found = with_artists(&["Ann", "Ann", "Ann"]);
        assert_eq!((found.release.artist.as_str(), found.release.title.as_str()), ("Ann", "Album"));
        assert!(found.confidence >= 0.85, "{found:?}");
        assert!(found.release.tracks.iter().all(|t| t.artist_name.is_none()));
    }

    #[test]
    fn guests_do_not_make_a_compilation() {
        let found = with_artists(&["Ann", "Ann feat. Bob", "Ann ft. Cid"]);
        assert_eq!(found.release.artist, "Ann");
        assert!(found.confidence >= 0.85);
        assert_eq!(found.release.tracks[1].artist_name.as_deref(), Some("Ann feat. Bob"));
    }

    #[test]
    fn an_album_by_many_is_by_various_artists() {
        let found = with_artists(&["Ann", "Bob", "Cid", "Dan"]);
        assert_eq!(found.release.artist, "Various Artists");
        assert!(found.release.is_compilation && found.confidence >= 0.85);
    }

    #[test]
    fn two_artists_without_an_album_artist_are_for_a_person() {
        let found = with_artists(&["Ann", "Bob"]);
        assert!(found.confidence < 0.85, "{found:?}");
    }

    #[test]
    fn a_soundtrack_without_album_artist_is_filed_as_soundtrack() {
        let songs = ["Ann", "Bob"]
            .iter()
            .zip(1..)
            .map(|(a, n)| song("x.flac", tagged(n, a, "Film (Original Soundtrack)")));
        assert_eq!(identify(&candidate("x", songs.collect())).release.artist, "Soundtrack");
    }

    #[test]
    fn names_without_tags_are_a_suggestion_for_a_person() {
        let songs = vec![song("01 - One.flac", Tags::default()), song("02 - Two.flac", Tags::default())];
        let found = identify(&candidate("Ann - Album (1999) [FLAC]", songs));
        assert!(found.confidence < 0.85);
        let release = found.release;
        assert_eq!(
            (release.artist.as_str(), release.title.as_str(), release.year),
            ("Ann", "Album", Some(1999))
        );
        assert_eq!((release.tracks[1].track_number, release.tracks[1].title.as_str()), (2, "Two"));
    }

    #[test]
    fn nothing_at_all_is_no_confidence() {
        let found = identify(&candidate("", vec![song("x.flac", Tags::default())]));
        assert!(found.confidence < 0.01 && found.release.artist.is_empty());
    }

    #[test]
    fn discs_come_from_tags_folders_and_names() {
        let plain = |n| Tags { disc_number: None, track_number: Some(n), ..tagged(n, "Ann", "Album") };
        let songs = vec![
            song("CD1/01.flac", plain(1)),
            song("CD2/01.flac", plain(1)),
            song("x.flac", Tags { disc_number: Some(3), ..plain(1) }),
            song("4-01 - x.flac", Tags { track_number: None, ..plain(1) }),
        ];
        let release = identify(&candidate("x", songs)).release;
        let places: Vec<(u32, u32)> =
            release.tracks.iter().map(|t| (t.disc_number, t.track_number)).collect();
        assert_eq!(places, [(1, 1), (2, 1), (3, 1), (4, 1)]);
        assert_eq!(release.disc_count, 4);
    }

    #[test]
    fn totals_tell_what_is_missing() {
        let of = |n, total| Tags { track_total: Some(total), ..tagged(n, "Ann", "Album") };
        let three = candidate(
            "x",
            vec![song("1.flac", of(1, 5)), song("2.flac", of(2, 5)), song("3.flac", of(3, 5))],
        );
        assert_eq!(missing_tracks(&three), 2);
        assert_eq!(identify(&three).release.total_tracks, 5);
        assert_eq!(missing_tracks(&candidate("x", vec![song("1.flac", tagged(1, "a", "b"))])), 0);
    }

    #[test]
    fn spellings_of_one_name_are_one_name() {
        let found = with_artists(&["Sigur Rós", "Sigur Ro\u{301}s", "SIGUR RÓS"]);
        assert_eq!(found.release.artist, "Sigur Rós");
        assert!(found.confidence > 0.9);
    }
}
