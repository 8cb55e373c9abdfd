//! What the names of the folder and the files say beside the tags, and what the files may be instead. Pure.

use super::evidence::{Evidence, RunnerUp, Witness};
use super::names::{FileName, FolderName};
use super::release::Release;
use super::who::Named;
use super::words::{Likeness, is_generic, is_many, is_nobody, likeness};
use crate::imports::read::TrackFile;

/// The folder's name, held against the tags.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Folder {
    /// It says nothing that could be compared.
    Silent,
    /// The same.
    Agrees { whole: bool },
    /// Artist and album the other way round.
    Swapped,
    /// The same artist's, another album.
    OtherAlbum,
    /// The same album by another artist.
    OtherArtist,
    /// Both are others.
    Other,
    /// Nearly the same: one of both has a slip of the pen.
    Slip,
}

/// The folder's artist and album without what people write around them: a year in front, `Discography`.
fn plain(folder: &FolderName) -> (Option<&str>, Option<&str>) {
    const HEAPS: [&str; 14] = [
        "discography",
        "albums",
        "singles",
        "collection",
        "complete",
        "flac",
        "mp3",
        "music",
        "misc",
        "various",
        "lossless",
        "best",
        "downloads",
        "new",
    ];
    let is_year = |text: &str| text.len() == 4 && text.bytes().all(|b| b.is_ascii_digit());
    let artist =
        folder.artist.as_deref().filter(|a| !is_year(a.trim_matches(['(', ')', '[', ']'])) && !is_nobody(a));
    let album = folder.album.as_deref().map(|a| match a.split_once(" - ") {
        Some((year, rest)) if is_year(year.trim_matches(['(', ')', '[', ']'])) => rest,
        _ => a,
    });
    let is_heap = |name: &str| HEAPS.iter().any(|h| name.eq_ignore_ascii_case(h));
    (artist, album.filter(|a| !is_heap(a)))
}

pub(super) fn folder(folder: &FolderName, artist: &Named, album: &Named) -> Folder {
    if artist.evidence.witness == Witness::FolderName || album.evidence.witness == Witness::FolderName {
        return Folder::Silent;
    }
    let (artist, album) = (artist.name(), album.name());
    let (told_artist, told_album) = match plain(folder) {
        (Some(told_artist), Some(told_album)) => (told_artist, told_album),
        (_, Some(told)) if likeness(told, album) == Likeness::Same => return Folder::Agrees { whole: false },
        _ => return Folder::Silent,
    };
    let of_artist = match likeness(told_artist, artist) {
        _ if is_many(told_artist) && (is_many(artist) || artist == "Soundtrack") => Likeness::Same,
        found => found,
    };
    match (of_artist, likeness(told_album, album)) {
        (Likeness::Same, Likeness::Same) => Folder::Agrees { whole: true },
        (Likeness::Other, Likeness::Other) => {
            let is_swapped = likeness(told_artist, album) == Likeness::Same
                && likeness(told_album, artist) == Likeness::Same;
            if is_swapped { Folder::Swapped } else { Folder::Other }
        }
        (Likeness::Same | Likeness::Alike, Likeness::Other) => Folder::OtherAlbum,
        (Likeness::Other, Likeness::Same | Likeness::Alike) => Folder::OtherArtist,
        _ => Folder::Slip,
    }
}

impl Folder {
    /// Its row; none when it is silent. Files that all carry one MusicBrainz release were looked at by somebody.
    pub fn evidence(&self, name: &str, has_release_id: bool) -> Option<Evidence> {
        let value = || Some(name.to_owned());
        let (factor, note) = match self {
            Self::Silent => return None,
            Self::Agrees { whole } => {
                let support = if *whole { 0.5 } else { 0.3 };
                return Some(
                    Evidence::certain("folder_name", value(), Witness::FolderName).supporting(support),
                );
            }
            Self::Swapped => (0.5, "the folder's name has artist and album the other way round"),
            Self::OtherAlbum => (0.6, "the folder's name names another album"),
            Self::OtherArtist => (0.6, "the folder's name names another artist"),
            Self::Other => (0.6, "the folder's name names another artist and another album"),
            Self::Slip => (0.6, "the folder's name is spelt in another way"),
        };
        let factor = if has_release_id { 1.0 } else { factor };
        Some(Evidence::doubtful("folder_name", value(), Witness::FolderName, factor, note))
    }
}

/// The files' names, held against the titles in the tags; none when they cannot be compared. Files that all carry one MusicBrainz release were looked at by somebody: their names say nothing against it.
pub(super) fn files(tracks: &[TrackFile], files: &[FileName], has_release_id: bool) -> Option<Evidence> {
    let (mut agree, mut contradict) = (0, 0);
    for (track, name) in tracks.iter().zip(files) {
        let Some(title) = track.sound.tags.title.as_deref() else { continue };
        // A name without a number may be anything: `download`, `a1`.
        let letters = name.title.chars().filter(|c| c.is_alphabetic()).count();
        if name.track.is_none()
            || is_generic(&name.title)
            || letters < 2
            || !is_comparable(&name.title, title)
        {
            continue;
        }
        match tells(&name.title, title, track.sound.tags.artist.as_deref()) {
            true => agree += 1,
            false => contradict += 1,
        }
    }
    let asked = agree + contradict;
    let value = Some(format!("{agree} of {asked} names fit the titles"));
    match (asked, contradict) {
        (0, _) => None,
        (_, n) if n > 0 && 4 * n >= asked => {
            let note = format!("{n} files are named after another title");
            let factor = if has_release_id { 1.0 } else { 0.6 };
            Some(Evidence::doubtful("file_names", value, Witness::FileNames, factor, note))
        }
        (_, n) => {
            let evidence = Evidence::certain("file_names", value, Witness::FileNames);
            let share = agree as f32 / tracks.len().max(1) as f32;
            let evidence = evidence.supporting(0.3 * share);
            Some(if n > 0 {
                evidence.noted(format!("{n} files are named after another title"))
            } else {
                evidence
            })
        }
    }
}

/// Whether both are written in Latin letters, or neither is: a name and its transliteration cannot be compared.
fn is_comparable(one: &str, other: &str) -> bool {
    // Latin ends with its second extension, U+024F; U+1E00 to U+1EFF hold more of it.
    let is_latin = |c: char| c <= '\u{24f}' || ('\u{1e00}'..='\u{1eff}').contains(&c);
    let script = |text: &str| {
        let (latin, others): (Vec<char>, Vec<char>) =
            text.chars().filter(|c| c.is_alphabetic()).partition(|c| is_latin(*c));
        (!latin.is_empty() || !others.is_empty()).then_some(latin.len() >= others.len())
    };
    script(one).is_none() || script(other).is_none() || script(one) == script(other)
}

/// `Title`, `Artist - Title`, `Title (Live)`, a name that was cut: all tell of the title. `Title - Artist` does not.
fn tells(name: &str, title: &str, artist: Option<&str>) -> bool {
    let is = |one: &str, other: &str| one == other || likeness(one, other) != Likeness::Other;
    if let Some((head, tail)) = name.split_once(" - ") {
        let is_swapped = artist.is_some_and(|artist| is(head, title) && is(tail, artist) && !is(tail, title));
        if is_swapped {
            return false;
        }
        if tail.ends_with(title) || name.split(" - ").any(|part| is(part, title)) {
            return true;
        }
    }
    if is(name, title) || (name.contains(title) && title.chars().count() > 3) {
        return true;
    }
    // Names are cut where a file system ends, and titles carry their guests in brackets or do not.
    let (a, b) = (crate::library::identity_key(name), crate::library::identity_key(title));
    let cut = a.chars().count().min(b.chars().count());
    cut >= 4 && (a.starts_with(&b) || b.starts_with(&a))
}

/// What the files are instead, if what was found is wrong: the doubt that is left, or as much of it as this explains.
pub(super) fn runner_up(
    release: &Release,
    confidence: f32,
    (artist, album): (&Named, &Named),
    (found, folder): (&Folder, &FolderName),
) -> Option<RunnerUp> {
    let reading = |artist: &str, title: &str, witness, share: f32, note: &'static str| {
        Some(RunnerUp {
            artist: artist.to_owned(),
            title: title.to_owned(),
            year: release.year.filter(|_| title == release.title).or(folder.year),
            release_id: None,
            witness,
            confidence: (1.0 - confidence) * share,
            note: note.into(),
        })
    };
    let (own_artist, own_title) = (release.artist.as_str(), release.title.as_str());
    let (told_artist, told_album) = plain(folder);
    let (told_artist, told_album) = (told_artist.unwrap_or(own_artist), told_album.unwrap_or(own_title));
    match found {
        Folder::Swapped => {
            return reading(
                own_title,
                own_artist,
                Witness::FolderName,
                0.7,
                "artist and album the other way round",
            );
        }
        Folder::OtherAlbum | Folder::OtherArtist | Folder::Other | Folder::Slip => {
            return reading(told_artist, told_album, Witness::FolderName, 0.6, "as the folder's name has it");
        }
        Folder::Silent | Folder::Agrees { .. } => {}
    }
    if let Some((title, _)) = &album.rival {
        return reading(own_artist, title, Witness::Tags, 0.5, "the album that other files name");
    }
    if let Some((name, _)) = &artist.rival {
        return reading(name, own_title, Witness::Tags, 0.4, "the artist that other files name");
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_its_transliteration_are_not_compared() {
        for (one, other, expected) in [
            ("Gruppa krovi", "Группа крови", false),
            ("Shena Ringo", "椎名林檎", false),
            ("Bjork", "Björk", true),
            ("Ångström", "Zażółć", true),
            ("Цой", "Кино", true),
            ("1984", "椎名林檎", true),
        ] {
            assert_eq!(is_comparable(one, other), expected, "{one} {other}");
        }
    }
}
