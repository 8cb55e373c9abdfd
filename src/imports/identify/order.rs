//! Which track stands where, what it is called and how many there should be. Pure.

use std::collections::BTreeMap;
use std::ffi::OsStr;

use super::evidence::{Evidence, Witness};
use super::names::{self, FileName};
use super::words::{is_generic, without_disc};
use crate::audio::Tags;
use crate::imports::read::{Candidate, TrackFile};
use crate::library::identity_key;

/// Disc and number.
pub(super) type Place = (u32, u32);

/// A file as its name tells it.
pub(super) fn file_name(track: &TrackFile) -> FileName {
    names::file(&track.file.relative.file_stem().unwrap_or_default().to_string_lossy())
}

/// The title of each: how many have one that says something.
pub(super) fn titles(tracks: &[TrackFile], files: &[FileName]) -> Evidence {
    let title = |t: &TrackFile| t.sound.tags.title.as_deref().map(is_generic);
    let missing = tracks.iter().filter(|t| t.sound.tags.title.is_none()).count();
    let generic = tracks.iter().filter(|t| title(t) == Some(true)).count();
    let share = |n: usize| n as f32 / tracks.len().max(1) as f32;
    let value = Some(format!("{} of {}", tracks.len() - missing - generic, tracks.len()));
    if missing > 0 {
        let note = format!("{missing} files have no title; their names stand in");
        let named =
            tracks.iter().zip(files).filter(|(_, f)| f.track.is_some() && !is_generic(&f.title)).count();
        let factor = 0.9 - 0.1 * share(missing) - 0.4 * (1.0 - share(named)) - 0.4 * share(generic);
        return Evidence::doubtful("titles", value, Witness::FileNames, factor, note);
    }
    if generic > 0 {
        let note = format!("{generic} titles say nothing (“Track 01”)");
        return Evidence::doubtful("titles", value, Witness::Tags, 0.95 - 0.45 * share(generic), note);
    }
    if tracks.len() > 2 && is_one_title(tracks) {
        let note = "all have the same title: artist and title may be swapped";
        return Evidence::doubtful("titles", value, Witness::Tags, 0.4, note);
    }
    Evidence::certain("titles", value, Witness::Tags)
}

fn is_one_title(tracks: &[TrackFile]) -> bool {
    let mut titles = tracks.iter().filter_map(|t| t.sound.tags.title.as_deref());
    let Some(first) = titles.next() else { return false };
    titles.all(|t| t == first || identity_key(t) == identity_key(first))
}

/// The disc that the tags, the folder, the album's title or the file's name tell.
fn disc_of(track: &TrackFile, name: &FileName) -> Option<u32> {
    let tags = &track.sound.tags;
    let folder = track.file.relative.parent().and_then(|p| p.file_name()).and_then(OsStr::to_str);
    let of_title = || tags.album.as_deref().and_then(|a| without_disc(a).1);
    tags.disc_number.or_else(|| folder.and_then(names::disc_of_folder)).or_else(of_title).or(name.disc)
}

/// Disc and track number of each file: from its tags, else from its name and folder, else from its order.
pub(super) fn order(tracks: &[TrackFile], files: &[FileName]) -> (Evidence, Vec<Place>) {
    let mut without = 0;
    let mut places: Vec<Place> = Vec::with_capacity(tracks.len());
    for (track, name) in tracks.iter().zip(files) {
        let disc = disc_of(track, name).unwrap_or(1);
        let number = track.sound.tags.track_number.or(name.track);
        without += usize::from(number.is_none());
        let next = || 1 + places.iter().filter(|(d, _)| *d == disc).map(|(_, n)| *n).max().unwrap_or(0);
        places.push((disc, number.unwrap_or_else(next)));
    }
    (weigh(&places, without, told_by_names(tracks, files)), places)
}

fn weigh(places: &[Place], without: usize, names: Names) -> Evidence {
    let mut distinct = places.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let doubled = places.len() - distinct.len();
    let numbers = |n: usize| Some(format!("{n} of {} numbered", places.len()));
    let of = |witness, factor, note: String| {
        Evidence::doubtful("order", numbers(places.len() - without), witness, factor, note)
    };
    if doubled > 0 {
        return of(Witness::Tags, 0.5, format!("{doubled} files have the number of another one"));
    }
    if without > 0 && places.len() > 1 {
        // Names without numbers are sorted by the alphabet, and albums are not.
        let note = format!("{without} files have no track number; they follow in the order of their names");
        return of(Witness::FileNames, 0.5, note);
    }
    match names {
        Names::Contradict(n) => {
            let note = format!("{n} files have another number in their names");
            of(Witness::FileNames, 0.6, note)
        }
        Names::Agree => Evidence::certain("order", numbers(places.len()), Witness::Tags).supporting(0.2),
        Names::Silent => Evidence::certain("order", numbers(places.len()), Witness::Tags),
    }
}

/// What the numbers in the files' names say of those in the tags.
enum Names {
    Silent,
    Agree,
    Contradict(usize),
}

fn told_by_names(tracks: &[TrackFile], files: &[FileName]) -> Names {
    let (mut agree, mut contradict) = (0, 0);
    let mut offsets: BTreeMap<u32, Vec<i64>> = BTreeMap::new();
    for (track, name) in tracks.iter().zip(files) {
        let (Some(tag), Some(number)) = (track.sound.tags.track_number, name.track) else { continue };
        let disc = disc_of(track, name).unwrap_or(1);
        // `203 Title` is the third of the second disc.
        if number == tag || number == disc * 100 + tag {
            agree += 1;
        } else {
            contradict += 1;
        }
        offsets.entry(disc).or_default().push(i64::from(number) - i64::from(tag));
    }
    // Names that count on over all discs.
    let is_running = offsets.len() > 1
        && offsets.iter().all(|(disc, o)| o.iter().all(|n| *n == o[0]) && (*disc > 1 || o[0] == 0));
    match (agree, contradict) {
        (0, 0) => Names::Silent,
        (_, 0) => Names::Agree,
        _ if is_running => Names::Agree,
        // `99 Luftballons.mp3` among names without numbers.
        (0, 1) if tracks.len() > 1 => Names::Silent,
        (_, n) => Names::Contradict(n),
    }
}

pub(super) fn disc_count(tags: &[&Tags], places: &[Place]) -> u32 {
    let told = tags.iter().filter_map(|t| t.disc_total).max().unwrap_or(1).min(100);
    places.iter().map(|(disc, _)| *disc).max().unwrap_or(1).max(told)
}

/// How many tracks the release has, by the totals in the tags where each disc tells, and whether that fits.
pub(super) fn track_count(tags: &[&Tags], places: &[Place]) -> (u32, Evidence) {
    let told = tracks_told(tags, places);
    let here = places.len() as u32;
    let value = |told: u32| Some(format!("{here} of {told}"));
    match told {
        Some(told) if told < here => {
            let note = "more files than the tags tell of";
            (here, Evidence::doubtful("track_count", value(told), Witness::Tags, 0.88, note))
        }
        Some(told) if told == here => {
            (told, Evidence::certain("track_count", value(told), Witness::Tags).supporting(0.2))
        }
        Some(told) => {
            let note = format!("{} are not here", told - here);
            (told, Evidence::certain("track_count", value(told), Witness::Tags).noted(note))
        }
        None => {
            let gap = highest_without_gap(places);
            let mut evidence = Evidence::certain("track_count", Some(here.to_string()), Witness::Tags);
            if let Some(highest) = gap {
                evidence = evidence.noted(format!("the numbers go to {highest}: some tracks are not here"));
            }
            (here, evidence)
        }
    }
}

/// The highest number of a single disc from which some are missing.
fn highest_without_gap(places: &[Place]) -> Option<u32> {
    let disc = places.first()?.0;
    let highest = places.iter().map(|(_, n)| *n).max()?;
    let is_one_disc = places.iter().all(|(d, _)| *d == disc);
    (is_one_disc && highest as usize > places.len()).then_some(highest)
}

/// The sum of the discs' totals; none when a disc that is here does not tell, or a disc is not here at all.
fn tracks_told(tags: &[&Tags], places: &[Place]) -> Option<u32> {
    let mut discs: BTreeMap<u32, Option<u32>> = BTreeMap::new();
    for (tags, (disc, _)) in tags.iter().zip(places) {
        let told = discs.entry(*disc).or_default();
        *told = (*told).max(tags.track_total);
    }
    discs.into_values().sum()
}

fn tags_and_places(candidate: &Candidate) -> (Vec<&Tags>, Vec<Place>) {
    let files: Vec<FileName> = candidate.tracks.iter().map(file_name).collect();
    let tags = candidate.tracks.iter().map(|t| &t.sound.tags).collect();
    (tags, order(&candidate.tracks, &files).1)
}

/// How many tracks are still missing of what the tags tell, for a folder that may still be filling.
pub fn missing_tracks(candidate: &Candidate) -> u32 {
    let (tags, places) = tags_and_places(candidate);
    let here = (places.len() + candidate.damaged.len()) as u32;
    tracks_told(&tags, &places).map_or(0, |told| told.saturating_sub(here))
}

/// Whether the tags tell how many tracks the release has.
pub fn tells_total(candidate: &Candidate) -> bool {
    let (tags, places) = tags_and_places(candidate);
    !tags.is_empty() && tracks_told(&tags, &places).is_some()
}
