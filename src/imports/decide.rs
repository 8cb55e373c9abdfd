//! Third station: what to do with it. Pure: a release, what the library has of it, and the rules of the domain.
//!
//! Names alone never replace a file, and never make two files one: where only the names agree, a person decides.

use crate::audio::Quality;
use crate::library::{ExistingAlbum, ExistingTrack, KnownEssence};

use super::identify::Identified;
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
    /// A person has looked at it and wants it filed.
    pub approval: Option<&'a Approval>,
}

/// What to do. Numbers of tracks are their places in the release.
#[derive(Debug, Clone, PartialEq)]
pub enum Decision {
    /// File it as a new album.
    New,
    /// Add the tracks that an album does not have yet; the others are there already, sound for sound.
    Extend {
        /// Tracks to add.
        added: Vec<usize>,
        /// Tracks that are there.
        doubles: Vec<usize>,
    },
    /// All of it is there already, sound for sound.
    Duplicate,
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
    if case.identified.confidence < case.min_confidence && !case.is_trusted {
        return Decision::Review(doubts(case));
    }
    if case.damaged > 0 && !case.is_total_told && case.approval.is_none() {
        let them = if case.damaged == 1 { "a file is".into() } else { format!("{} files are", case.damaged) };
        return Decision::Review(format!(
            "{them} damaged, and the tags do not tell how many tracks there should be"
        ));
    }
    match (case.twin, case.approval) {
        (Some(_), Some(Approval { when_there: WhenThere::Beside, .. })) | (None, Some(_)) => Decision::New,
        (Some(twin), _) => beside_twin(case, twin),
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

fn beside_twin(case: &Case<'_>, twin: &ExistingAlbum) -> Decision {
    let (mut added, mut doubles) = (Vec::new(), Vec::new());
    for (n, (track, essence)) in case.identified.release.tracks.iter().zip(case.essences).enumerate() {
        if twin.tracks.iter().any(|t| t.essence.as_ref() == Some(essence)) {
            doubles.push(n);
            continue;
        }
        let place = (track.disc_number, track.track_number);
        match twin.tracks.iter().find(|t| place_of(t) == place) {
            None => added.push(n),
            Some(there) => return Decision::Review(other_audio(&track.quality, there)),
        }
    }
    if added.is_empty() { Decision::Duplicate } else { Decision::Extend { added, doubles } }
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
    use crate::imports::identify::{Release, ReleaseTrack};
    use crate::library::Likeness;

    fn quality(sample_rate_hz: u32) -> Quality {
        Quality {
            format: Format::Flac,
            sample_rate_hz: Some(sample_rate_hz),
            bit_depth: Some(16),
            bitrate_kbps: None,
            channels: Some(2),
            duration_ms: 1000,
            is_lossy: false,
        }
    }

    /// A release with these track numbers, 48 kHz.
    fn release(numbers: &[u32]) -> Identified {
        let track = |n: &u32| ReleaseTrack {
            disc_number: 1,
            track_number: *n,
            title: format!("Song {n}"),
            artist_name: None,
            genre: None,
            composer: None,
            isrc: None,
            recording_id: None,
            quality: quality(48_000),
        };
        let tracks = numbers.iter().map(track).collect();
        let release = Release { artist: "Ann".into(), title: "Album".into(), tracks, ..Release::default() };
        Identified { release, confidence: 0.95, ..Identified::default() }
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
            duration_ms: None,
            format: "FLAC".into(),
            sample_rate_hz: Some(*rate),
            bit_depth: Some(16),
            bitrate_kbps: None,
            channels: Some(2),
            is_lossy: false,
        };
        ExistingAlbum {
            id: 1,
            artist_id: 1,
            title: "Album".into(),
            year: None,
            path: "artists/Ann/Album".into(),
            artwork_path: None,
            total_tracks: 2,
            likeness: Likeness::Text,
            tracks: tracks.iter().map(track).collect(),
        }
    }

    fn essences(names: &[&str]) -> Vec<String> {
        names.iter().map(|n| (*n).to_owned()).collect()
    }

    fn decided(identified: &Identified, essences: &[String], change: impl FnOnce(&mut Case<'_>)) -> Decision {
        let mut case = Case {
            identified,
            essences,
            damaged: 0,
            is_total_told: false,
            twin: None,
            known: &[],
            min_confidence: 0.85,
            is_trusted: false,
            approval: None,
        };
        change(&mut case);
        decide(&case)
    }

    fn beside(numbers: &[u32], new: &[&str], twin: &ExistingAlbum) -> Decision {
        let (release, new) = (release(numbers), essences(new));
        let mut case = Case {
            identified: &release,
            essences: &new,
            damaged: 0,
            is_total_told: false,
            twin: None,
            known: &[],
            min_confidence: 0.85,
            is_trusted: false,
            approval: None,
        };
        case.twin = Some(twin);
        decide(&case)
    }

    fn is_review(decision: &Decision, word: &str) -> bool {
        matches!(decision, Decision::Review(reason) if reason.contains(word))
    }

    #[test]
    fn an_album_that_nobody_has_is_new() {
        assert_eq!(decided(&release(&[1, 2]), &essences(&["a", "b"]), |_| {}), Decision::New);
    }

    #[test]
    fn doubt_is_for_a_person_unless_the_source_is_trusted() {
        let unsure = Identified { confidence: 0.84, ..release(&[1]) };
        assert!(is_review(&decided(&unsure, &essences(&["a"]), |_| {}), "84 % sure"));
        assert_eq!(decided(&unsure, &essences(&["a"]), |c| c.is_trusted = true), Decision::New);
        let sure = Identified { confidence: 0.85, ..release(&[1]) };
        assert_eq!(decided(&sure, &essences(&["a"]), |_| {}), Decision::New);
    }

    #[test]
    fn a_release_without_a_name_is_for_a_person_whatever_the_source() {
        let mut nameless = release(&[1]);
        nameless.release.title.clear();
        assert!(is_review(&decided(&nameless, &essences(&["a"]), |c| c.is_trusted = true), "which album"));
        let mut nobodys = release(&[1]);
        nobodys.release.artist.clear();
        assert!(is_review(&decided(&nobodys, &essences(&["a"]), |_| {}), "which artist"));
    }

    #[test]
    fn the_same_audio_is_a_duplicate() {
        let twin = there(&[(1, Some("a"), 48_000), (2, Some("b"), 48_000)]);
        assert_eq!(beside(&[1, 2], &["a", "b"], &twin), Decision::Duplicate);
        assert_eq!(beside(&[2], &["b"], &twin), Decision::Duplicate);
        assert_eq!(beside(&[9], &["a"], &twin), Decision::Duplicate, "whatever its number");
    }

    #[test]
    fn what_an_album_lacks_is_added() {
        let twin = there(&[(1, Some("a"), 48_000)]);
        let expected = Decision::Extend { added: vec![1], doubles: vec![0] };
        assert_eq!(beside(&[1, 2], &["a", "b"], &twin), expected);
        assert_eq!(beside(&[2], &["b"], &twin), Decision::Extend { added: vec![0], doubles: vec![] });
    }

    #[test]
    fn names_alone_never_replace() {
        for (rate, word) in
            [(44_100, "a better copy with"), (96_000, "in a better copy"), (48_000, "same quality")]
        {
            let twin = there(&[(1, Some("other"), rate)]);
            assert!(is_review(&beside(&[1, 2], &["a", "b"], &twin), word), "{rate}");
        }
        let unread = there(&[(1, None, 48_000)]);
        assert!(is_review(&beside(&[1], &["a"], &unread), "not been read"));
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
        let (release, new) = (release(&[1, 2]), essences(&["a", "b"]));
        let of = |known: &[KnownEssence]| {
            let case = Case {
                identified: &release,
                essences: &new,
                damaged: 0,
                is_total_told: false,
                twin: None,
                known,
                min_confidence: 0.85,
                is_trusted: false,
                approval: None,
            };
            decide(&case)
        };
        assert!(is_review(&of(&both), "artists/X/Y"));
        assert_eq!(of(&both[..1]), Decision::New);
        assert_eq!(of(&[known("a", 7), known("b", 8)]), Decision::New);
    }

    #[test]
    fn a_damaged_file_lets_the_rest_in_only_when_the_tags_tell_what_is_missing() {
        let (release, new) = (release(&[1]), essences(&["a"]));
        assert!(is_review(&decided(&release, &new, |c| c.damaged = 1), "damaged"));
        let told = |c: &mut Case<'_>| (c.damaged, c.is_total_told) = (1, true);
        assert_eq!(decided(&release, &new, told), Decision::New);
    }

    #[test]
    fn nothing_that_can_be_read_is_rejected() {
        let nothing = Identified { confidence: 0.0, ..release(&[]) };
        assert!(
            matches!(decided(&nothing, &[], |c| c.damaged = 2), Decision::Reject(r) if r.contains("none of its 2"))
        );
    }
}
