//! Third station: what to do with it. Pure: a release, what the library has of it, and the rules of the domain.
//!
//! Names alone never replace a file, and never make two files one: where only the names agree, a person decides. Where
//! ids, a barcode or a source with a catalogue of its own say that it is the same release, the better copy wins.

use std::collections::BTreeSet;

use crate::audio::Quality;
use crate::library::{ExistingAlbum, ExistingTrack, KnownEssence, Likeness, identity_key};

use super::identify::{Identified, ReleaseTrack};
use super::verdict::{Approval, WhenThere};

/// All that the decision rests on.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// What it is.
    pub identified: &'a Identified,
    /// Of each track, in the order of the release.
    pub essences: &'a [String],
    /// How many of its audio files cannot be read.
    pub damaged: usize,
    /// Whether the tags tell how many tracks the release has.
    pub is_total_told: bool,
    /// The same release in the library.
    pub twin: Option<&'a ExistingAlbum>,
    /// Tracks anywhere in the library with the same audio.
    pub known: &'a [KnownEssence],
    /// Below this confidence a person decides.
    pub min_confidence: f32,
    /// The source brings its own catalogue's words.
    pub is_trusted: bool,
    /// Why one of its files is a whole disc, where it is.
    pub uncut: Option<&'a str>,
    /// A person has looked at it and wants it filed.
    pub approval: Option<&'a Approval>,
}

/// What to do. Numbers of tracks are their places in the release.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// File it as a new album.
    New,
    /// Another edition of an album that is there: filed beside it, under a name of its own.
    Beside,
    /// Into an album that is there.
    Merge {
        /// Tracks that it does not have yet.
        added: Vec<usize>,
        /// Tracks that are better than what is there, each with the row of the one that makes way.
        replaced: Vec<(usize, i64)>,
        /// Tracks that are there, sound for sound or no worse.
        doubles: Vec<usize>,
    },
    /// All of it is there already; the words say how: `sound for sound`.
    Duplicate(&'static str),
    /// A person decides; the sentence says why.
    Review(String),
    /// It is no music that could be filed; the sentence says why.
    Reject(String),
}

/// Decides.
pub fn decide(case: &Case<'_>) -> Decision {
    let release = &case.identified.release;
    if release.tracks.is_empty() {
        return Decision::Reject(format!("none of its {} audio files can be read", case.damaged));
    }
    if release.artist.is_empty() || release.title.is_empty() {
        let what = if release.title.is_empty() { "album it is" } else { "artist it is by" };
        return Decision::Review(format!("neither tags nor names say which {what}"));
    }
    if case.identified.confidence < case.min_confidence && !case.is_trusted && case.approval.is_none() {
        return Decision::Review(doubts(case));
    }
    if case.damaged > 0 && !case.is_total_told && case.approval.is_none() {
        let them = if case.damaged == 1 { "a file is".into() } else { format!("{} files are", case.damaged) };
        return Decision::Review(format!(
            "{them} damaged, and the tags do not tell how many tracks there should be"
        ));
    }
    if let (Some(reason), None) = (case.uncut, case.approval) {
        return Decision::Review(reason.into());
    }
    let when_there = case.approval.map(|a| a.when_there);
    match (case.twin, when_there) {
        (Some(_), Some(WhenThere::Beside)) => Decision::Beside,
        (Some(twin), _) => into_twin(case, twin),
        (None, Some(_)) => Decision::New,
        (None, None) => without_twin(case),
    }
}

fn doubts(case: &Case<'_>) -> String {
    let notes: Vec<&str> = case.identified.evidence.iter().filter_map(|e| e.note.as_deref()).collect();
    format!("{:.0} % sure: {}", case.identified.confidence * 100.0, notes.join("; "))
}

fn without_twin(case: &Case<'_>) -> Decision {
    let elsewhere = |essence: &String| case.known.iter().find(|k| k.essence == *essence);
    let first = case.essences.first().and_then(elsewhere);
    let is_all_in_one = |album| {
        case.essences.iter().all(|e| case.known.iter().any(|k| k.essence == *e && k.album_id == album))
    };
    match first {
        // One song on a compilation is no reason to ask; a whole album under another name is.
        Some(known) if is_all_in_one(known.album_id) => {
            let folder = known.path.rsplit_once('/').map_or("", |(folder, _)| folder);
            Decision::Review(format!("the same audio is in the library under another name: {folder}"))
        }
        _ => Decision::New,
    }
}

/// How one track compares with the album that is there.
enum Found<'a> {
    /// The album has the same audio.
    Same,
    /// The album has nothing in this place.
    Missing,
    /// It is the same recording in a better copy than this one.
    Better(&'a ExistingTrack),
    /// It is the same recording, and this copy is no better.
    NoBetter,
    /// Other audio in the same place; the sentence says why nothing follows from that.
    Unsure(String),
}

fn into_twin(case: &Case<'_>, twin: &ExistingAlbum) -> Decision {
    let (mut added, mut replaced, mut doubles) = (Vec::new(), Vec::new(), Vec::new());
    let (mut unsure, mut how) = (None, "sound for sound");
    for (n, (track, essence)) in case.identified.release.tracks.iter().zip(case.essences).enumerate() {
        match compare(case, twin, track, essence) {
            Found::Same => doubles.push(n),
            Found::Missing => added.push(n),
            Found::Better(there) => replaced.push((n, there.id)),
            Found::NoBetter => {
                how = "in the same or a better quality";
                doubles.push(n);
            }
            Found::Unsure(reason) => unsure = unsure.or(Some(reason)),
        }
    }
    let is_disputed = unsure.is_some() || !replaced.is_empty();
    let is_ordered =
        case.approval.is_some_and(|a| matches!(a.when_there, WhenThere::Replace | WhenThere::Extend));
    if is_disputed && !is_ordered && is_another_edition(case, twin) {
        return Decision::Beside;
    }
    let claims: BTreeSet<i64> = replaced.iter().map(|(_, there)| *there).collect();
    if claims.len() < replaced.len() {
        unsure = unsure.or_else(|| Some("two of its files would replace the same track".into()));
    }
    match unsure {
        Some(reason) => Decision::Review(reason),
        None if added.is_empty() && replaced.is_empty() => Decision::Duplicate(how),
        None => Decision::Merge { added, replaced, doubles },
    }
}

fn compare<'a>(
    case: &Case<'_>,
    twin: &'a ExistingAlbum,
    track: &ReleaseTrack,
    essence: &String,
) -> Found<'a> {
    if twin.tracks.iter().any(|t| t.essence.as_ref() == Some(essence)) {
        return Found::Same;
    }
    let by_recording = || twin.tracks.iter().find(|t| is_same_recording(track, t));
    let by_place = || twin.tracks.iter().find(|t| place_of(t) == (track.disc_number, track.track_number));
    let Some(there) = by_recording().or_else(by_place) else { return Found::Missing };
    match case.approval.map(|a| a.when_there) {
        Some(WhenThere::Replace) => return Found::Better(there),
        Some(WhenThere::Extend) => return Found::NoBetter,
        _ => {}
    }
    if !is_sure(case, twin, track, there) {
        return Found::Unsure(other_audio(&track.quality, there));
    }
    if let Some(reason) = contradiction(track, there) {
        return Found::Unsure(reason);
    }
    let is_better = track.quality.is_better_than(&quality_of(there, &track.quality));
    if is_better { Found::Better(there) } else { Found::NoBetter }
}

/// Whether more than a name says that both are one recording.
fn is_sure(case: &Case<'_>, twin: &ExistingAlbum, track: &ReleaseTrack, there: &ExistingTrack) -> bool {
    twin.likeness != Likeness::Text
        || case.is_trusted
        || is_same_recording(track, there)
        || (track.isrc.is_some() && track.isrc == there.isrc)
}

fn is_same_recording(track: &ReleaseTrack, there: &ExistingTrack) -> bool {
    track.recording_id.is_some() && track.recording_id == there.recording_id
}

/// Two recordings of one song differ in length by more than what encoders add.
const SAME_LENGTH_MS: u64 = 7_000;

/// What speaks against it, although the release is the same.
fn contradiction(track: &ReleaseTrack, there: &ExistingTrack) -> Option<String> {
    if is_same_recording(track, there) {
        return None;
    }
    let what = format!("track {} “{}” is in the library already", there.track_number, there.title);
    let both_differ = |ours: bool, theirs: bool, equal: bool| ours && theirs && !equal;
    if both_differ(
        track.recording_id.is_some(),
        there.recording_id.is_some(),
        track.recording_id == there.recording_id,
    ) {
        return Some(format!("{what}, as another recording (MusicBrainz tells them apart)"));
    }
    if both_differ(track.isrc.is_some(), there.isrc.is_some(), track.isrc == there.isrc) {
        return Some(format!("{what}, as another recording (their ISRCs differ)"));
    }
    let length = there.duration_ms.and_then(|ms| u64::try_from(ms).ok())?;
    let apart = track.quality.duration_ms.abs_diff(length);
    (apart > SAME_LENGTH_MS).then(|| format!("{what}, {} s longer or shorter", apart / 1000))
}

/// Whether the track lists under one title differ: other songs in most of the places that both have, or another number
/// of tracks where both are told. Only where nothing but the names says that it is the same release.
fn is_another_edition(case: &Case<'_>, twin: &ExistingAlbum) -> bool {
    if twin.likeness != Likeness::Text {
        return false;
    }
    let release = &case.identified.release;
    let (mut shared, mut other) = (0, 0);
    for track in &release.tracks {
        let place = (track.disc_number, track.track_number);
        let Some(there) = twin.tracks.iter().find(|t| place_of(t) == place) else { continue };
        if is_same_recording(track, there) || (track.isrc.is_some() && track.isrc == there.isrc) {
            return false;
        }
        shared += 1;
        other += usize::from(identity_key(&track.title) != identity_key(&there.title));
    }
    let there = u32::try_from(twin.tracks.len()).unwrap_or(u32::MAX);
    let is_whole = u32::try_from(twin.total_tracks).is_ok_and(|total| total == there);
    other * 2 > shared || (case.is_total_told && is_whole && release.total_tracks != there)
}

fn place_of(track: &ExistingTrack) -> (u32, u32) {
    (track.disc_number.unsigned_abs(), track.track_number.unsigned_abs())
}

fn other_audio(new: &Quality, there: &ExistingTrack) -> String {
    let what = format!("track {} “{}” is in the library already", there.track_number, there.title);
    let old = quality_of(there, new);
    if there.essence.is_none() {
        format!("{what}, and its audio has not been read yet")
    } else if new.is_better_than(&old) {
        format!("{what}; this is a better copy with other audio")
    } else if old.is_better_than(new) {
        format!("{what}, in a better copy")
    } else {
        format!("{what}, with other audio of the same quality")
    }
}

fn quality_of(there: &ExistingTrack, like: &Quality) -> Quality {
    let number = |n: Option<i32>| n.and_then(|n| u32::try_from(n).ok());
    Quality {
        sample_rate_hz: number(there.sample_rate_hz),
        bit_depth: there.bit_depth.and_then(|n| u8::try_from(n).ok()),
        bitrate_kbps: number(there.bitrate_kbps),
        is_lossy: there.is_lossy,
        ..*like
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audio::Format;
    use crate::imports::identify::Release;
    use uuid::Uuid;

    fn flac(sample_rate_hz: u32) -> Quality {
        Quality {
            format: Format::Flac,
            sample_rate_hz: Some(sample_rate_hz),
            bit_depth: Some(16),
            bitrate_kbps: None,
            channels: Some(2),
            duration_ms: 200_000,
            is_lossy: false,
        }
    }

    fn mp3(bitrate_kbps: u32) -> Quality {
        Quality {
            format: Format::Mp3,
            bit_depth: None,
            bitrate_kbps: Some(bitrate_kbps),
            is_lossy: true,
            ..flac(44_100)
        }
    }

    fn track(number: u32) -> ReleaseTrack {
        ReleaseTrack {
            disc_number: 1,
            track_number: number,
            title: format!("Song {number}"),
            artist_name: None,
            genre: None,
            composer: None,
            isrc: None,
            recording_id: None,
            quality: flac(48_000),
        }
    }

    /// A release with these track numbers, 48 kHz.
    fn release(numbers: &[u32]) -> Identified {
        let tracks: Vec<ReleaseTrack> = numbers.iter().map(|n| track(*n)).collect();
        let total_tracks = tracks.len() as u32;
        let (artist, title) = ("Ann".into(), "Album".into());
        let release = Release { artist, title, total_tracks, tracks, ..Release::default() };
        Identified { release, confidence: 0.95, ..Identified::default() }
    }

    /// A release in this quality.
    fn in_quality(numbers: &[u32], quality: Quality) -> Identified {
        let mut release = release(numbers);
        release.release.tracks.iter_mut().for_each(|t| t.quality = quality);
        release
    }

    /// An album of the library: number, essence, sample rate.
    fn there(tracks: &[(i32, Option<&str>, i32)]) -> ExistingAlbum {
        let track = |(n, essence, rate): &(i32, Option<&str>, i32)| ExistingTrack {
            id: i64::from(*n),
            disc_number: 1,
            track_number: *n,
            title: format!("Song {n}"),
            essence: essence.map(Into::into),
            path: format!("artists/Ann/Album/{n}.flac"),
            duration_ms: Some(200_000),
            format: "FLAC".into(),
            sample_rate_hz: Some(*rate),
            bit_depth: Some(16),
            bitrate_kbps: None,
            channels: Some(2),
            is_lossy: false,
            isrc: None,
            recording_id: None,
        };
        let tracks: Vec<ExistingTrack> = tracks.iter().map(track).collect();
        ExistingAlbum {
            id: 1,
            artist_id: 1,
            artist: "Ann".into(),
            artist_musicbrainz_id: None,
            title: "Album".into(),
            year: None,
            musicbrainz_id: None,
            path: "artists/Ann/Album".into(),
            artwork_path: None,
            total_tracks: tracks.len() as i32,
            likeness: Likeness::Text,
            tracks,
        }
    }

    /// The same, known by its MusicBrainz id.
    fn surely(album: &ExistingAlbum) -> ExistingAlbum {
        ExistingAlbum { likeness: Likeness::MusicBrainz, ..album.clone() }
    }

    fn essences(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    fn decided(identified: &Identified, new: &[&str], change: impl FnOnce(&mut Case<'_>)) -> Decision {
        decided_with(identified, new, None, &[], change)
    }

    fn decided_with(
        identified: &Identified,
        new: &[&str],
        twin: Option<&ExistingAlbum>,
        known: &[KnownEssence],
        change: impl FnOnce(&mut Case<'_>),
    ) -> Decision {
        let new = essences(new);
        let mut case = Case {
            identified,
            essences: &new,
            damaged: 0,
            is_total_told: false,
            twin,
            known,
            min_confidence: 0.85,
            is_trusted: false,
            uncut: None,
            approval: None,
        };
        change(&mut case);
        decide(&case)
    }

    fn into(twin: &ExistingAlbum, identified: &Identified, new: &[&str]) -> Decision {
        decided_with(identified, new, Some(twin), &[], |_| {})
    }

    fn merge(added: &[usize], replaced: &[(usize, i64)], doubles: &[usize]) -> Decision {
        Decision::Merge { added: added.to_vec(), replaced: replaced.to_vec(), doubles: doubles.to_vec() }
    }

    fn is_review(decision: &Decision, word: &str) -> bool {
        matches!(decision, Decision::Review(reason) if reason.contains(word))
    }

    #[test]
    fn an_album_that_nobody_has_is_new() {
        assert_eq!(decided(&release(&[1, 2]), &["a", "b"], |_| {}), Decision::New);
    }

    #[test]
    fn doubt_is_for_a_person_unless_the_source_is_trusted() {
        let unsure = Identified { confidence: 0.84, ..release(&[1]) };
        assert!(is_review(&decided(&unsure, &["a"], |_| {}), "84 % sure"));
        assert_eq!(decided(&unsure, &["a"], |c| c.is_trusted = true), Decision::New);
        let sure = Identified { confidence: 0.85, ..release(&[1]) };
        assert_eq!(decided(&sure, &["a"], |_| {}), Decision::New);
    }

    #[test]
    fn a_release_without_a_name_is_for_a_person_whatever_the_source() {
        let mut nameless = release(&[1]);
        nameless.release.title.clear();
        assert!(is_review(&decided(&nameless, &["a"], |c| c.is_trusted = true), "which album"));
        let mut nobodys = release(&[1]);
        nobodys.release.artist.clear();
        assert!(is_review(&decided(&nobodys, &["a"], |_| {}), "which artist"));
    }

    #[test]
    fn the_same_audio_is_a_duplicate_whatever_its_tags() {
        let twin = there(&[(1, Some("a"), 48_000), (2, Some("b"), 48_000)]);
        let same = Decision::Duplicate("sound for sound");
        assert_eq!(into(&twin, &release(&[1, 2]), &["a", "b"]), same);
        assert_eq!(into(&twin, &release(&[2]), &["b"]), same);
        assert_eq!(into(&twin, &release(&[9]), &["a"]), same, "whatever its number");
        assert_eq!(
            into(&surely(&twin), &in_quality(&[1], flac(96_000)), &["a"]),
            same,
            "what is there stays"
        );
    }

    #[test]
    fn what_an_album_lacks_is_added() {
        let twin = there(&[(1, Some("a"), 48_000)]);
        assert_eq!(into(&twin, &release(&[1, 2]), &["a", "b"]), merge(&[1], &[], &[0]));
        assert_eq!(into(&twin, &release(&[2]), &["b"]), merge(&[0], &[], &[]));
        let mut second_disc = release(&[1]);
        second_disc.release.tracks[0].disc_number = 2;
        assert_eq!(
            into(&twin, &second_disc, &["c"]),
            merge(&[0], &[], &[]),
            "the same number on another disc"
        );
    }

    #[test]
    fn names_alone_never_replace() {
        for (rate, word) in
            [(44_100, "a better copy with"), (96_000, "in a better copy"), (48_000, "same quality")]
        {
            let twin = there(&[(1, Some("other"), rate)]);
            assert!(is_review(&into(&twin, &release(&[1, 2]), &["a", "b"]), word), "{rate}");
        }
        let unread = there(&[(1, None, 48_000)]);
        assert!(is_review(&into(&unread, &release(&[1]), &["a"]), "not been read"));
    }

    #[test]
    fn a_better_copy_of_the_same_release_replaces_and_a_tie_does_not() {
        let twin = there(&[(1, Some("x"), 44_100)]);
        let replaces = merge(&[], &[(0, 1)], &[]);
        let no_better = Decision::Duplicate("in the same or a better quality");
        let mut lossy = twin.clone();
        let there = &mut lossy.tracks[0];
        (there.is_lossy, there.bit_depth, there.bitrate_kbps) = (true, None, Some(192));
        let deep = |bit_depth| Quality { bit_depth: Some(bit_depth), ..flac(44_100) };
        for (album, new, expected) in [
            (&twin, flac(48_000), &replaces),
            (&twin, flac(44_100), &no_better),
            (&twin, deep(24), &replaces),
            (&twin, Quality { bit_depth: Some(24), ..flac(32_000) }, &no_better),
            (&twin, mp3(320), &no_better),
            (&lossy, flac(44_100), &replaces),
            (&lossy, flac(8_000), &replaces),
            (&lossy, mp3(193), &replaces),
            (&lossy, mp3(192), &no_better),
            (&lossy, mp3(128), &no_better),
        ] {
            let new = in_quality(&[1], new);
            assert_eq!(into(&surely(album), &new, &["y"]), *expected, "{:?}", new.release.tracks[0].quality);
            let by_barcode = ExistingAlbum { likeness: Likeness::Barcode, ..album.clone() };
            assert_eq!(into(&by_barcode, &new, &["y"]), *expected);
            let trusted = |c: &mut Case<'_>| c.is_trusted = true;
            assert_eq!(decided_with(&new, &["y"], Some(album), &[], trusted), *expected, "a trusted source");
            assert!(is_review(&into(album, &new, &["y"]), "in the library already"), "text alone");
        }
    }

    #[test]
    fn a_recording_that_is_known_by_its_id_is_replaced_wherever_it_stands() {
        let id = Uuid::from_u128(7);
        let mut twin = there(&[(1, Some("x"), 44_100), (2, Some("y"), 44_100)]);
        twin.tracks[1].recording_id = Some(id);
        let mut new = release(&[5]);
        new.release.tracks[0].recording_id = Some(id);
        assert_eq!(into(&twin, &new, &["z"]), merge(&[], &[(0, 2)], &[]));
        let isrc = |n: u32| Some(format!("GBAYE000000{n}"));
        let mut twin = there(&[(1, Some("x"), 44_100)]);
        twin.tracks[0].isrc = isrc(1);
        let mut new = release(&[1]);
        new.release.tracks[0].isrc = isrc(1);
        assert_eq!(into(&twin, &new, &["z"]), merge(&[], &[(0, 1)], &[]), "the same ISRC in the same place");
    }

    #[test]
    fn what_speaks_against_it_goes_before_the_release_id() {
        let twin = surely(&there(&[(1, Some("x"), 44_100)]));
        let with = |change: fn(&mut ReleaseTrack, &mut ExistingTrack)| {
            let (mut new, mut twin) = (release(&[1]), twin.clone());
            change(&mut new.release.tracks[0], &mut twin.tracks[0]);
            into(&twin, &new, &["z"])
        };
        let recordings = with(|new, there| {
            (new.recording_id, there.recording_id) = (Some(Uuid::from_u128(1)), Some(Uuid::from_u128(2)));
        });
        assert!(is_review(&recordings, "MusicBrainz tells them apart"));
        let isrcs = with(|new, there| (new.isrc, there.isrc) = (Some("A".into()), Some("B".into())));
        assert!(is_review(&isrcs, "ISRCs differ"));
        assert!(is_review(&with(|new, _| new.quality.duration_ms = 215_000), "15 s longer or shorter"));
        assert_eq!(with(|new, _| new.quality.duration_ms = 206_000), merge(&[], &[(0, 1)], &[]));
    }

    #[test]
    fn each_track_of_a_mixed_album_is_judged_by_itself() {
        let twin = surely(&there(&[(1, Some("a"), 44_100), (2, Some("x"), 44_100), (3, Some("y"), 96_000)]));
        let new = release(&[1, 2, 3, 4]);
        assert_eq!(into(&twin, &new, &["a", "b", "c", "d"]), merge(&[3], &[(1, 2)], &[0, 2]));
        let claimed_twice = release(&[2, 2]);
        assert!(is_review(&into(&twin, &claimed_twice, &["b", "c"]), "the same track"));
    }

    #[test]
    fn another_track_list_under_one_title_stands_beside() {
        let twin = there(&[(1, Some("x"), 48_000), (2, Some("y"), 48_000)]);
        let mut others = release(&[1, 2]);
        others.release.tracks[0].title = "Something".into();
        assert!(is_review(&into(&twin, &others, &["a", "b"]), "already"), "half of it is not most of it");
        others.release.tracks[1].title = "Else".into();
        assert_eq!(into(&twin, &others, &["a", "b"]), Decision::Beside);
        let longer = release(&[1, 2, 3]);
        let told = |c: &mut Case<'_>| c.is_total_told = true;
        assert_eq!(decided_with(&longer, &["a", "b", "c"], Some(&twin), &[], told), Decision::Beside);
        assert_eq!(
            decided_with(&longer, &["x", "y", "c"], Some(&twin), &[], told),
            merge(&[2], &[], &[0, 1]),
            "the same recordings and one more"
        );
        assert!(is_review(
            &into(&surely(&twin), &in_quality(&[1], Quality { duration_ms: 1, ..flac(1) }), &["a"]),
            "shorter"
        ));
    }

    #[test]
    fn a_person_says_what_to_do_with_what_is_there() {
        let twin = there(&[(1, Some("x"), 96_000)]);
        let new = release(&[1, 2]);
        let said = |when_there| {
            let approval = Approval { when_there, ..Approval::default() };
            let new_essences = essences(&["a", "b"]);
            let case = Case {
                identified: &new,
                essences: &new_essences,
                damaged: 1,
                is_total_told: false,
                twin: Some(&twin),
                known: &[],
                min_confidence: 0.99,
                is_trusted: false,
                uncut: Some("one file"),
                approval: Some(&approval),
            };
            let alone = decide(&Case { twin: None, ..case });
            assert_eq!(alone, Decision::New, "no gate stands before a person");
            decide(&Case { identified: &Identified { confidence: 1.0, ..new.clone() }, ..case })
        };
        assert!(is_review(&said(WhenThere::Ask), "in a better copy"));
        assert_eq!(said(WhenThere::Replace), merge(&[1], &[(0, 1)], &[]));
        assert_eq!(said(WhenThere::Beside), Decision::Beside);
        assert_eq!(said(WhenThere::Extend), merge(&[1], &[], &[0]));
    }

    #[test]
    fn a_whole_album_under_another_name_is_for_a_person_and_one_song_is_not() {
        let known = |essence: &str, album_id| KnownEssence {
            essence: essence.into(),
            track_id: 1,
            album_id,
            path: "artists/X/Y/1.flac".into(),
        };
        let both = [known("a", 7), known("b", 7)];
        let of = |known: &[KnownEssence]| decided_with(&release(&[1, 2]), &["a", "b"], None, known, |_| {});
        assert!(is_review(&of(&both), "artists/X/Y"));
        assert_eq!(of(&both[..1]), Decision::New);
        assert_eq!(of(&[known("a", 7), known("b", 8)]), Decision::New);
    }

    #[test]
    fn a_damaged_file_lets_the_rest_in_only_when_the_tags_tell_what_is_missing() {
        let release = release(&[1]);
        assert!(is_review(&decided(&release, &["a"], |c| c.damaged = 1), "damaged"));
        let told = |c: &mut Case<'_>| (c.damaged, c.is_total_told) = (1, true);
        assert_eq!(decided(&release, &["a"], told), Decision::New);
    }

    #[test]
    fn a_disc_in_one_file_is_for_a_person_whatever_the_source() {
        let whole = |c: &mut Case<'_>| (c.uncut, c.is_trusted) = (Some("12 tracks in one file"), true);
        assert!(is_review(&decided(&release(&[1]), &["a"], whole), "12 tracks"));
    }

    #[test]
    fn nothing_that_can_be_read_is_rejected() {
        let nothing = Identified { confidence: 0.0, ..release(&[]) };
        let decision = decided(&nothing, &[], |c| c.damaged = 2);
        assert!(matches!(decision, Decision::Reject(r) if r.contains("none of its 2")));
    }
}
