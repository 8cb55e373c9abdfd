//! Second station: what a folder's music is. [`Candidate`] → [`Identified`]: a release, how sure we are, and why, field
//! by field; and what it may be instead. From what lies there alone: tags first, then names. Catalogues on the internet
//! are asked later (`enrich`), never on the way in.

mod beside;
#[cfg(test)]
mod calibration;
mod evidence;
mod ids;
mod order;
mod release;
mod votes;
mod who;
mod words;

pub use evidence::{Evidence, Identified, RunnerUp, Witness, confidence, summary};
pub use ids::has_right_check_digit;
pub use order::{missing_tracks, tells_total};
pub use release::{Release, ReleaseTrack};
pub use words::without_disc;
pub use words::{Likeness, is_many, likeness};

use super::names::{self, FileName};
use super::read::{Candidate, TrackFile};
use crate::audio::Tags;
use crate::library::identity_key;
use votes::{same, vote};

/// Says what a candidate is, from its tags and names.
pub fn identify(candidate: &Candidate) -> Identified {
    let tags: Vec<&Tags> = candidate.tracks.iter().map(|t| &t.sound.tags).collect();
    // `Album CD2` is a disc of an album, when nothing nearer to the files says otherwise.
    let (name, disc) = without_disc(&candidate.name);
    let file_name = |track| {
        let name = order::file_name(track);
        FileName { disc: name.disc.or(disc), ..name }
    };
    let files: Vec<FileName> = candidate.tracks.iter().map(file_name).collect();
    let folder = names::folder(name);
    let album = who::album(&tags, &folder);
    let artist = who::artist(&tags, &folder, album.name());
    let year = who::year(&tags, &folder);
    let (order, places) = order::order(&candidate.tracks, &files);
    let (total_tracks, track_count) = order::track_count(&tags, &places);
    let release_id = same(&tags, |t| t.release_id);
    let found = beside::folder(&folder, &artist, &album);
    let mut evidence = vec![
        artist.evidence.clone(),
        album.evidence.clone(),
        order::titles(&candidate.tracks, &files),
        order,
    ];
    evidence.extend([year.clone(), track_count]);
    evidence.extend(ids::ids(&tags));
    evidence.extend(found.evidence(&candidate.name, release_id.is_some()));
    evidence.extend(beside::files(&candidate.tracks, &files, release_id.is_some()));
    let tracks = candidate.tracks.iter().zip(&files).zip(&places);
    let release = Release {
        tracks: tracks.map(|((file, name), place)| track(file, name, *place, artist.name())).collect(),
        year: year.value.and_then(|y| y.parse().ok()),
        total_tracks,
        disc_count: order::disc_count(&tags, &places),
        release_id,
        ..release(&tags, artist.name(), album.name())
    };
    let confidence = confidence(&evidence);
    let runner_up = beside::runner_up(&release, confidence, (&artist, &album), (&found, &folder));
    Identified { release, confidence, evidence, runner_up }
}

/// What all files say of the release as a whole.
fn release(tags: &[&Tags], artist: &str, title: &str) -> Release {
    fn text<'t>(tags: &[&'t Tags], field: impl Fn(&'t Tags) -> Option<&'t str>) -> Option<String> {
        vote(tags, field).map(|v| v.value.to_owned())
    }
    Release {
        artist_sort: text(tags, |t| t.album_artist_sort.as_deref()),
        artist_id: same(tags, |t| t.release_artist_id),
        genre: text(tags, |t| t.genre.as_deref()),
        label: text(tags, |t| t.label.as_deref()),
        catalog_number: text(tags, |t| t.catalog_number.as_deref()),
        barcode: text(tags, |t| t.barcode.as_deref().filter(|b| has_right_check_digit(b))),
        release_type: text(tags, |t| t.release_type.as_deref()),
        is_compilation: who::is_compilation(tags, artist),
        artist: artist.to_owned(),
        title: title.to_owned(),
        ..Release::default()
    }
}

fn track(
    file: &TrackFile,
    name: &FileName,
    (disc_number, track_number): (u32, u32),
    album_artist: &str,
) -> ReleaseTrack {
    let tags = &file.sound.tags;
    let is_albums = |a: &String| a == album_artist || identity_key(a) == identity_key(album_artist);
    ReleaseTrack {
        disc_number,
        track_number,
        title: match tags.title.as_deref() {
            None => name.title.clone(),
            Some(title) => who::whole(title, &name.title).unwrap_or(title).to_owned(),
        },
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
    use crate::audio::{Format, Quality, Sound};
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
        Candidate {
            dir: name.into(),
            name: name.into(),
            tracks,
            damaged: Vec::new(),
            others: Vec::new(),
            is_immovable: false,
        }
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

    #[test]
    fn the_folder_names_the_runner_up() {
        let songs = || (1..=3).map(|n| song(&format!("{n}.flac"), tagged(n, "Ann", "Album"))).collect();
        let other = identify(&candidate("Ann - Another Record (1999)", songs()));
        let runner_up = other.runner_up.unwrap();
        assert!(other.confidence < 0.85 && runner_up.confidence < other.confidence);
        assert_eq!((runner_up.artist.as_str(), runner_up.title.as_str()), ("Ann", "Another Record"));
        let swapped = identify(&candidate("Album - Ann", songs()));
        assert!(swapped.confidence < 0.85);
        assert_eq!(swapped.runner_up.unwrap().artist, "Album");
        let same = identify(&candidate("Ann - Album (1999)", songs()));
        assert!(same.confidence > 0.95 && same.runner_up.is_none(), "{same:?}");
    }

    #[test]
    fn the_second_album_of_the_tags_is_the_runner_up() {
        let mut songs: Vec<TrackFile> = (1..=4).map(|n| song("x.flac", tagged(n, "Ann", "Album"))).collect();
        songs.push(song("x.flac", tagged(5, "Ann", "Quite Another")));
        let found = identify(&candidate("x", songs));
        assert!(found.confidence < 0.85, "{found:?}");
        assert_eq!(found.runner_up.unwrap().title, "Quite Another");
    }

    #[test]
    fn an_album_of_discs_in_its_title_is_one_album() {
        let on = |disc: u32, n| Tags { album: Some(format!("Album (Disc {disc})")), ..tagged(n, "Ann", "") };
        let songs = vec![song("a.flac", on(1, 1)), song("b.flac", on(2, 1))];
        let found = identify(&candidate("x", songs));
        assert_eq!((found.release.title.as_str(), found.release.disc_count), ("Album", 2));
        assert!(found.confidence >= 0.85, "{found:?}");
    }

    #[test]
    fn barcode_and_isrcs_confirm() {
        let of = |n| Tags {
            isrc: Some(format!("DEA12000000{n}")),
            barcode: Some("4006381333931".into()),
            ..tagged(n, "Ann", "Album")
        };
        let found = identify(&candidate("x", vec![song("x.flac", of(1)), song("x.flac", of(2))]));
        assert!(found.confidence > 0.975, "{found:?}");
        assert_eq!(found.release.barcode.as_deref(), Some("4006381333931"));
    }
}
