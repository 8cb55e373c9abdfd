//! Which release of MusicBrainz a folder or an album is: each candidate is held against it field by field. Pure.

use std::collections::HashMap;

use uuid::Uuid;

use super::identify::{Evidence, Likeness, Witness, has_right_check_digit, is_many, likeness};
use crate::integrations::musicbrainz;

/// What we have.
#[derive(Debug, Clone, Default)]
pub struct Ours {
    /// The album artist.
    pub artist: String,
    /// The title.
    pub title: String,
    /// Year of release.
    pub year: Option<i32>,
    /// EAN or UPC.
    pub barcode: Option<String>,
    /// MusicBrainz release, as tagged.
    pub release_id: Option<Uuid>,
    /// How many tracks there should be.
    pub total_tracks: u32,
    /// Those that are here.
    pub tracks: Vec<OurTrack>,
}

/// One of ours.
#[derive(Debug, Clone, Default)]
pub struct OurTrack {
    /// The row, for an album of the library.
    pub id: Option<i64>,
    /// Counts from 1.
    pub disc: u32,
    /// Counts from 1; 0 for a hidden track.
    pub number: u32,
    /// As written.
    pub title: String,
    /// Length.
    pub duration_ms: Option<u64>,
    /// Twelve characters.
    pub isrc: Option<String>,
    /// MusicBrainz recording, as tagged.
    pub recording_id: Option<Uuid>,
}

/// How well one candidate fits.
#[derive(Debug, Clone)]
pub struct Fit {
    /// In [0, 1].
    pub score: f32,
    /// Each field: what was compared, and how well it fits, in [0, 1].
    pub fields: Vec<(&'static str, String, f32)>,
    /// For each of our tracks, the place of theirs among all of theirs.
    pub pairs: Vec<Option<usize>>,
}

/// A candidate is taken for ours from here on.
const ENOUGH: f32 = 0.85;
/// By so much the best must be better than the second for its own numbers (barcode, label) to be believed.
const LEAD: f32 = 0.03;

/// The weight of each field.
fn weight(field: &str) -> f32 {
    match field {
        "durations" => 4.0,
        "artist" | "album" | "titles" | "barcode" | "recording_ids" => 3.0,
        "track_count" => 2.0,
        "order" => 1.0,
        "year" => 0.5,
        _ => 0.2,
    }
}

impl Fit {
    /// How well a field fits, if it could be compared.
    pub fn of(&self, field: &str) -> Option<f32> {
        self.fields.iter().find(|(name, ..)| *name == field).map(|(.., fit)| *fit)
    }

    /// It is this one, or another edition of it: names, number and lengths of the tracks all say so.
    pub fn is_enough(&self) -> bool {
        let at_least = |field, least| self.of(field).is_none_or(|fit| fit >= least);
        self.score >= ENOUGH
            && at_least("artist", 0.8)
            && at_least("album", 0.8)
            && at_least("durations", 0.7)
            && at_least("titles", 0.7)
            && at_least("track_count", 0.9)
    }

    /// As evidence of the import.
    pub fn evidence(&self, theirs: &musicbrainz::Release) -> Vec<Evidence> {
        let mut rows = vec![
            Evidence::certain("release_id", Some(theirs.id.to_string()), Witness::Musicbrainz)
                .supporting(0.6 * self.score)
                .noted(described(theirs)),
        ];
        rows.extend(self.fields.iter().map(|(field, value, fit)| {
            let row = Evidence::certain(field, Some(value.clone()), Witness::Musicbrainz);
            let row = row.supporting(if *fit >= 0.9 { 0.1 } else { 0.0 });
            if *fit < 0.7 { row.noted("it does not fit well") } else { row }
        }));
        rows
    }
}

/// `“Album” by Ann, 1999-05-17, DE, CD, Label (X 1)`.
pub fn described(theirs: &musicbrainz::Release) -> String {
    let mut text = format!("“{}” by {}", theirs.title, theirs.artist());
    let format = theirs.media.first().and_then(|m| m.format.clone());
    for part in [theirs.date.clone(), theirs.country.clone(), format].into_iter().flatten() {
        text.push_str(&format!(", {part}"));
    }
    if let Some(label) = theirs.label_info.iter().find_map(|l| l.label.as_ref()) {
        text.push_str(&format!(", {}", label.name));
    }
    text
}

/// Whether the best is the very edition, and not only one of several that fit as well.
pub fn is_certain(ours: &Ours, best: (&musicbrainz::Release, &Fit), second: Option<&Fit>) -> bool {
    let by_number = ours.release_id == Some(best.0.id) || best.1.of("barcode") == Some(1.0);
    by_number || second.is_none_or(|second| best.1.score - second.score >= LEAD)
}

/// All candidates, the best first.
pub fn rank(ours: &Ours, candidates: &[musicbrainz::Release]) -> Vec<(usize, Fit)> {
    let mut ranked: Vec<(usize, Fit)> =
        candidates.iter().map(|theirs| fit(ours, theirs)).enumerate().collect();
    ranked.sort_by(|a, b| b.1.score.total_cmp(&a.1.score));
    ranked
}

/// Holds one candidate against what we have.
pub fn fit(ours: &Ours, theirs: &musicbrainz::Release) -> Fit {
    let all: Vec<(u32, &musicbrainz::Track)> = theirs.tracks().collect();
    let pairs = pairs(ours, &all);
    let mut fields = vec![
        ("artist", theirs.artist(), of_artist(&ours.artist, &theirs.artist())),
        ("album", theirs.title.clone(), of_names(&ours.title, &theirs.title)),
    ];
    fields.extend(track_count(ours, theirs));
    if !all.is_empty() {
        fields.extend(durations(ours, &all, &pairs));
        fields.extend(titles(ours, &all, &pairs));
        fields.extend(recordings(ours, &all, &pairs));
    }
    if let (Some(a), Some(b)) = (ours.year, theirs.year()) {
        let fit = match a.abs_diff(b) {
            0 => 1.0,
            1 => 0.8,
            _ => 0.4,
        };
        fields.push(("year", b.to_string(), fit));
    }
    let known = |code: &&str| has_right_check_digit(code);
    let (a, b) = (ours.barcode.as_deref().filter(known), theirs.barcode.as_deref().filter(known));
    if let (Some(a), Some(b)) = (a, b) {
        // UPC-A is EAN-13 without its leading zero.
        let is_same = a.trim_start_matches('0') == b.trim_start_matches('0');
        fields.push(("barcode", b.to_owned(), f32::from(u8::from(is_same))));
    }
    // Among editions that are alike, the official ones on discs and as downloads are what people have as files.
    let is_usual = theirs.status.as_deref().is_none_or(|s| s == "Official")
        && theirs
            .media
            .iter()
            .all(|m| m.format.as_deref().is_none_or(|f| !f.contains("Vinyl") && f != "Cassette"));
    let hint = theirs.media.first().and_then(|m| m.format.clone()).unwrap_or_default();
    fields.push(("format", hint, if is_usual { 1.0 } else { 0.5 }));
    let whole: f32 = fields.iter().map(|(field, ..)| weight(field)).sum();
    let sum: f32 = fields.iter().map(|(field, _, fit)| weight(field) * fit).sum();
    Fit { score: (sum / whole).clamp(0.0, 1.0), fields, pairs }
}

fn of_names(ours: &str, theirs: &str) -> f32 {
    match likeness(ours, theirs) {
        Likeness::Same => 1.0,
        Likeness::Alike => 0.8,
        Likeness::Other => 0.0,
    }
}

fn of_artist(ours: &str, theirs: &str) -> f32 {
    // Soundtracks are filed so when no tag says whose they are.
    if is_many(ours) && is_many(theirs) || ours == "Soundtrack" { 1.0 } else { of_names(ours, theirs) }
}

/// By disc and number; where that pairs fewer than half, by counting on over all discs.
fn pairs(ours: &Ours, all: &[(u32, &musicbrainz::Track)]) -> Vec<Option<usize>> {
    let by_place: HashMap<(u32, u32), usize> =
        all.iter().enumerate().map(|(n, (disc, track))| ((*disc, track.position), n)).collect();
    let placed: Vec<Option<usize>> =
        ours.tracks.iter().map(|t| by_place.get(&(t.disc, t.number)).copied()).collect();
    let found = placed.iter().flatten().count();
    if 2 * found >= ours.tracks.len() || ours.tracks.iter().any(|t| t.disc > 1) {
        return placed;
    }
    ours.tracks.iter().map(|t| (t.number as usize).checked_sub(1).filter(|n| *n < all.len())).collect()
}

fn track_count(ours: &Ours, theirs: &musicbrainz::Release) -> Option<(&'static str, String, f32)> {
    let (told, here) = (theirs.track_count(), ours.tracks.len() as u32);
    let expected = ours.total_tracks.max(here);
    let fit = match (told, expected) {
        (0, _) => return None,
        (told, expected) if told == expected || told == here => 1.0,
        // Some tracks are not here, and no tag says how many there should be.
        (told, _) if here < told => 0.5 * here as f32 / told as f32,
        (told, expected) => (1.0 - told.abs_diff(expected) as f32 / expected.max(1) as f32).max(0.0) * 0.8,
    };
    Some(("track_count", format!("{here} of {told}"), fit))
}

fn durations(
    ours: &Ours,
    all: &[(u32, &musicbrainz::Track)],
    pairs: &[Option<usize>],
) -> Option<(&'static str, String, f32)> {
    let (mut sum, mut known, mut near) = (0.0, 0, 0);
    for (track, pair) in ours.tracks.iter().zip(pairs) {
        let theirs = pair.and_then(|n| all.get(n)).and_then(|(_, t)| t.duration_ms());
        let (Some(ours), Some(theirs)) = (track.duration_ms, theirs) else { continue };
        known += 1;
        let fit = match ours.abs_diff(theirs) {
            0..=3000 => 1.0,
            3001..=7000 => 0.7,
            7001..=15_000 => 0.3,
            _ => 0.0,
        };
        near += usize::from(fit >= 1.0);
        sum += fit;
    }
    (known > 0).then(|| ("durations", format!("{near} of {known} within 3 s"), sum / known as f32))
}

/// Where the tags name the recordings.
fn recordings(
    ours: &Ours,
    all: &[(u32, &musicbrainz::Track)],
    pairs: &[Option<usize>],
) -> Option<(&'static str, String, f32)> {
    let named = ours.tracks.iter().zip(pairs).filter_map(|(t, pair)| Some((t.recording_id?, *pair)));
    let same: Vec<bool> = named
        .map(|(id, pair)| pair.and_then(|n| all.get(n)).is_some_and(|(_, t)| t.recording.id == id))
        .collect();
    let (count, found) = (same.len(), same.iter().filter(|s| **s).count());
    (count > 0).then(|| ("recording_ids", format!("{found} of {count}"), found as f32 / count as f32))
}

/// Titles at their places, and whether those that are elsewhere are only in another order.
fn titles(
    ours: &Ours,
    all: &[(u32, &musicbrainz::Track)],
    pairs: &[Option<usize>],
) -> Vec<(&'static str, String, f32)> {
    let count = ours.tracks.len().max(1);
    let (mut placed, mut sum, mut anywhere) = (0, 0.0, 0);
    for (track, pair) in ours.tracks.iter().zip(pairs) {
        let here = pair.and_then(|n| all.get(n)).map_or(0.0, |(_, t)| of_names(&track.title, &t.title));
        sum += here;
        placed += usize::from(here > 0.0);
        let is_found = here > 0.0 || all.iter().any(|(_, t)| of_names(&track.title, &t.title) > 0.0);
        anywhere += usize::from(is_found);
    }
    let titles = ("titles", format!("{placed} of {count} at their places"), sum / count as f32);
    let order = (anywhere > 0).then(|| {
        ("order", format!("{placed} of {anywhere} in the same order"), placed as f32 / anywhere as f32)
    });
    [Some(titles), order].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use musicbrainz::{Credit, Medium, Recording, Release, Track};

    fn theirs(title: &str, artist: &str, lengths: &[u64]) -> Release {
        let track = |(n, length): (usize, &u64)| Track {
            position: n as u32 + 1,
            title: format!("Song {}", n + 1),
            length: Some(*length),
            artist_credit: Vec::new(),
            recording: Recording { id: Uuid::from_u128(n as u128 + 1), ..Recording::default() },
        };
        let tracks: Vec<Track> = lengths.iter().enumerate().map(track).collect();
        Release {
            id: Uuid::from_u128(7),
            title: title.into(),
            artist_credit: vec![Credit { name: artist.into(), ..Credit::default() }],
            date: Some("1999-05-17".into()),
            media: vec![Medium {
                position: Some(1),
                track_count: tracks.len() as u32,
                tracks,
                ..Medium::default()
            }],
            ..Release::default()
        }
    }

    fn ours(lengths: &[u64]) -> Ours {
        let track = |(n, length): (usize, &u64)| OurTrack {
            disc: 1,
            number: n as u32 + 1,
            title: format!("Song {}", n + 1),
            duration_ms: Some(*length),
            ..OurTrack::default()
        };
        let tracks = lengths.iter().enumerate().map(track).collect();
        Ours { artist: "Ann".into(), title: "Album".into(), year: Some(1999), tracks, ..Ours::default() }
    }

    const LENGTHS: [u64; 3] = [200_000, 240_000, 181_000];

    #[test]
    fn the_same_release_fits_whatever_a_second_or_two_and_an_edition() {
        let near = [201_900, 238_000, 183_900];
        for (title, artist) in [("Album", "Ann"), ("Album (Deluxe Edition)", "ANN"), ("album", "Ann")] {
            let fit = fit(&ours(&LENGTHS), &theirs(title, artist, &near));
            assert!(fit.is_enough() && fit.score > 0.95, "{title}: {fit:?}");
            assert_eq!(fit.pairs, [Some(0), Some(1), Some(2)]);
        }
    }

    #[test]
    fn another_release_does_not_fit_whatever_agrees() {
        let other_lengths = [100_000, 300_000, 90_000];
        for (what, other) in [
            ("title", theirs("Quite Another", "Ann", &LENGTHS)),
            ("artist", theirs("Album", "Somebody Else", &LENGTHS)),
            ("durations", theirs("Album", "Ann", &other_lengths)),
            ("count", theirs("Album", "Ann", &[200_000, 240_000, 181_000, 1000, 2000])),
            ("fewer", theirs("Album", "Ann", &[200_000])),
        ] {
            assert!(!fit(&ours(&LENGTHS), &other).is_enough(), "{what}");
        }
    }

    #[test]
    fn tracks_that_are_not_here_yet_are_no_reason_against_it() {
        let mut some = ours(&LENGTHS[..2]);
        some.total_tracks = 3;
        assert!(fit(&some, &theirs("Album", "Ann", &LENGTHS)).is_enough());
    }

    #[test]
    fn a_barcode_tells_editions_apart_and_a_tie_is_no_certainty() {
        let mut mine = ours(&LENGTHS);
        mine.barcode = Some("4006381333931".into());
        let one = Release { barcode: Some("4006381333931".into()), ..theirs("Album", "Ann", &LENGTHS) };
        let two = Release { barcode: Some("036000291452".into()), ..theirs("Album", "Ann", &LENGTHS) };
        let both = [two.clone(), one.clone()];
        let ranked = rank(&mine, &both);
        assert_eq!(ranked[0].0, 1);
        assert!(is_certain(&mine, (&one, &ranked[0].1), Some(&ranked[1].1)));
        mine.barcode = None;
        let ranked = rank(&mine, &both);
        assert!(!is_certain(&mine, (&both[ranked[0].0], &ranked[0].1), Some(&ranked[1].1)));
        mine.release_id = Some(two.id);
        assert!(is_certain(&mine, (&two, &ranked[0].1), Some(&ranked[1].1)));
    }

    #[test]
    fn tracks_in_another_order_are_seen() {
        let mut mine = ours(&LENGTHS);
        mine.tracks.swap(0, 1);
        (mine.tracks[0].number, mine.tracks[1].number) = (1, 2);
        let found = fit(&mine, &theirs("Album", "Ann", &LENGTHS));
        assert!(!found.is_enough());
        assert!(found.of("order").unwrap() < 0.5, "{found:?}");
    }

    #[test]
    fn a_search_without_tracks_is_held_against_what_it_tells() {
        let mut found = theirs("Album", "Ann", &[]);
        found.media[0].track_count = 3;
        assert!(fit(&ours(&LENGTHS), &found).score > 0.95);
        found.media[0].track_count = 30;
        assert!(fit(&ours(&LENGTHS), &found).score < 0.9);
    }
}
