//! Whether two names may mean one thing, for all that keyboards, file systems and editions do to names. Pure.

use unicode_normalization::char::is_combining_mark;

use crate::library::{identity_key, sort_key};

/// Two names beside each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// One thing, written in two ways (`Sigur Rós`, `Sigur Ros`; `Album`, `Album (Deluxe)`).
    Same,
    /// One of them is probably a slip (`Beatles`, `Beatels`).
    Alike,
    /// Two things.
    Other,
}

/// Names that stand for nobody, folded.
const NOBODY: &[&str] = &[
    "unknown artist",
    "unknown",
    "no artist",
    "artist",
    "new artist",
    "unbekannter künstler",
    "unbekannter interpret",
    "artiste inconnu",
    "artista desconocido",
    "artista sconosciuto",
    "onbekende artiest",
    "неизвестный исполнитель",
];
/// Names that stand for many, folded.
const MANY: &[&str] = &[
    "various artists",
    "various",
    "va",
    "v a",
    "diverse",
    "verschiedene interpreten",
    "varios artistas",
    "artistes divers",
    "сборник",
];
/// What programs call an album that they know nothing of, folded; a date may follow.
const NOTHING: &[&str] = &[
    "unknown album",
    "unknown",
    "no album",
    "new album",
    "audio cd",
    "unbekanntes album",
    "album inconnu",
    "álbum desconocido",
    "неизвестный альбом",
];

/// `Unknown Artist`.
pub(super) fn is_nobody(name: &str) -> bool {
    NOBODY.contains(&identity_key(name).as_str())
}

/// `Various Artists`.
pub fn is_many(name: &str) -> bool {
    MANY.contains(&identity_key(name).as_str())
}

/// `Unknown Album (22.11.2003 10:11:12)`.
pub(super) fn is_nothing(title: &str) -> bool {
    let key = identity_key(title);
    let is_date = |rest: &str| {
        rest.split_whitespace().all(|w| w.chars().all(|c| c.is_ascii_digit()) || w == "am" || w == "pm")
    };
    NOTHING
        .iter()
        .filter_map(|known| key.strip_prefix(known))
        .any(|r| (r.is_empty() || r.starts_with(' ')) && is_date(r))
}

/// `Track 01`, `untitled 3`: what a program writes that knows nothing.
pub(super) fn is_generic(title: &str) -> bool {
    // Most titles are seen to be none of these without folding them.
    if title.len() > 32 || !title.trim_start().starts_with(|c| "taunpTAUNPдД".contains(c)) {
        return false;
    }
    let key = identity_key(title);
    let words = [
        "track",
        "audio track",
        "audiotrack",
        "untitled",
        "unknown",
        "no title",
        "titel",
        "piste",
        "pista",
        "дорожка",
    ];
    let rest = words.iter().find_map(|w| key.strip_prefix(w));
    rest.is_some_and(|r| r.trim().chars().all(|c| c.is_ascii_digit()))
}

/// The words of a name, without accents, articles and signs.
fn loose(name: &str) -> String {
    let name = name.trim();
    let lower = name.to_lowercase();
    let name = ["the", "die", "der", "les"]
        .iter()
        .find_map(|article| lower.strip_suffix(article)?.strip_suffix(", "))
        .map_or(lower.as_str(), |name| name);
    let key = sort_key(&name.replace('&', " and "));
    key.trim_start_matches('#').to_owned()
}

/// Without signs: `AC/DC` as some programs write it in a file's name.
fn unsigned(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric() || c.is_whitespace() || is_combining_mark(*c)).collect()
}

/// The same words, whatever became of the signs between and in them.
fn is_same(one: &str, other: &str) -> bool {
    let (a, b) = (loose(one), loose(other));
    let strip = |name: &str| Some(unsigned(name)).filter(|n| !n.trim().is_empty()).map(|n| loose(&n));
    a == b || strip(one).is_some_and(|a| Some(a) == strip(other))
}

/// The other's words, and more behind them: `Ann & Bob`, `Album Deluxe`; at least half of it is the same.
fn begins(short: &str, long: &str) -> bool {
    let rest = long.strip_prefix(short).filter(|r| r.starts_with(' '));
    rest.is_some_and(|r| r.chars().count() <= short.chars().count() + 1)
}

/// Before the first bracket, and whether something is in brackets.
fn base(name: &str) -> (&str, bool) {
    match name.find(['(', '[', '{']).filter(|at| !name[..*at].trim().is_empty()) {
        Some(at) => (&name[..at], true),
        None => (name, false),
    }
}

/// Compares two names.
pub fn likeness(one: &str, other: &str) -> Likeness {
    if one == other {
        return Likeness::Same;
    }
    let (a, b) = (loose(one), loose(other));
    if is_same(one, other) || begins(&a, &b) || begins(&b, &a) {
        return Likeness::Same;
    }
    let ((base_a, more_a), (base_b, more_b)) = (base(one), base(other));
    if !(more_a && more_b) && (more_a || more_b) && is_same(base_a, base_b) {
        return Likeness::Same;
    }
    let most = a.chars().count().max(b.chars().count());
    // `Part 1` and `Part 2` are no slip.
    let digits = |name: &str| name.chars().filter(char::is_ascii_digit).collect::<String>();
    let is_slip = most >= 4 && digits(&a) == digits(&b) && distance(&a, &b) <= 1 + most / 10;
    if is_slip { Likeness::Alike } else { Likeness::Other }
}

/// How many letters must be added, taken away, exchanged or swapped with their neighbour (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (a.chars().collect(), b.chars().collect());
    let (mut before, mut last): (Vec<usize>, Vec<usize>) = (Vec::new(), (0..=b.len()).collect());
    for i in 1..=a.len() {
        let mut row = vec![i];
        for j in 1..=b.len() {
            let mut least =
                (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + usize::from(a[i - 1] != b[j - 1]));
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                least = least.min(before[j - 2] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
}

/// `Album (Disc 2)`, `Album [CD1]`, `Album - CD 1`, `Album, Disc 2`: the album and the disc. An album that is called
/// nothing else keeps its name.
pub fn without_disc(title: &str) -> (&str, Option<u32>) {
    let whole = (title, None);
    let trimmed = title.trim_end();
    if !trimmed.trim_end_matches([')', ']', ' ']).ends_with(|c: char| c.is_ascii_digit()) {
        return whole;
    }
    let open = |c| match c {
        ')' => Some('('),
        ']' => Some('['),
        _ => None,
    };
    let (head, inside) = match trimmed.chars().last().and_then(open) {
        Some(open) => match trimmed.rfind(open) {
            Some(at) => (&trimmed[..at], &trimmed[at + 1..trimmed.len() - 1]),
            None => return whole,
        },
        None => {
            let lower = trimmed.to_ascii_lowercase();
            let at = [" cd", " disc ", " disk ", "-cd", "_cd"].iter().filter_map(|w| lower.rfind(w)).max();
            match at {
                Some(at) => (&trimmed[..at], &trimmed[at + 1..]),
                None => return whole,
            }
        }
    };
    let head = head.trim_end_matches([' ', '-', ',', '_', ':', '–']);
    match super::names::disc_of_folder(inside) {
        Some(disc) if !head.is_empty() && ends_with_number(inside) => (head, Some(disc)),
        _ => whole,
    }
}

/// `Disc 2` and not `Disc 2 Remixes`.
fn ends_with_number(text: &str) -> bool {
    text.trim_end().ends_with(|c: char| c.is_ascii_digit())
}

/// `Ann feat. Bob` → `Ann`.
pub(super) fn without_guests(name: &str) -> &str {
    const GUESTS: [&str; 7] = [" feat. ", " feat ", " featuring ", " ft. ", " ft ", " (feat", " [feat"];
    let bytes = name.as_bytes();
    // All of them begin with an ASCII blank, so that the name is cut between two letters.
    let is_at = |at: &usize| {
        GUESTS
            .iter()
            .any(|g| bytes[*at..].get(..g.len()).is_some_and(|b| b.eq_ignore_ascii_case(g.as_bytes())))
    };
    let end = (0..bytes.len()).filter(|at| bytes[*at] == b' ').find(is_at);
    name[..end.unwrap_or(name.len())].trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_compared_as_people_would() {
        use Likeness::{Alike, Other, Same};
        for (one, other, expected) in [
            ("Sigur Rós", "Sigur Ros", Same),
            ("AC/DC", "AC_DC", Same),
            ("AC/DC", "ACDC", Same),
            ("The Beatles", "Beatles, The", Same),
            ("Simon & Garfunkel", "Simon and Garfunkel", Same),
            ("Album", "Album (Deluxe Edition)", Same),
            ("Weezer", "Weezer (Blue Album)", Same),
            ("Weezer (Green Album)", "Weezer (Blue Album)", Other),
            ("Beatles", "Beatels", Alike),
            ("Hits", "Greatest Hits", Other),
            ("÷", "×", Other),
            ("÷", "÷", Same),
            ("Кино", "Ленинград", Other),
            ("宇多田ヒカル", "宇多田ヒカル", Same),
            ("U2", "UB", Other),
            ("Part 1", "Part 2", Other),
            ("Ann", "Anna", Alike),
            ("Ann", "Nan", Other),
        ] {
            assert_eq!(likeness(one, other), expected, "{one} | {other}");
            assert_eq!(likeness(other, one), expected, "{other} | {one}");
        }
    }

    #[test]
    fn the_disc_is_taken_off_an_albums_title() {
        for (title, album, disc) in [
            ("Album (Disc 2)", "Album", Some(2)),
            ("Album [CD1]", "Album", Some(1)),
            ("Album - CD 1", "Album", Some(1)),
            ("Album, Disc 2", "Album", Some(2)),
            ("Album CD2", "Album", Some(2)),
            ("Album (Deluxe)", "Album (Deluxe)", None),
            ("CD1", "CD1", None),
            ("(Disc 1)", "(Disc 1)", None),
            ("Album (Disc 2: Remixes)", "Album (Disc 2: Remixes)", None),
            ("Discovery", "Discovery", None),
            ("ACDC", "ACDC", None),
            ("Группа крови (CD 2)", "Группа крови", Some(2)),
        ] {
            assert_eq!(without_disc(title), (album, disc), "{title}");
        }
    }

    #[test]
    fn what_programs_write_that_know_nothing_is_nothing() {
        for title in
            ["Unknown Album", "Unknown Album (11/22/2003 10:11:12 PM)", "unknown album 3", "Audio CD"]
        {
            assert!(is_nothing(title), "{title}");
        }
        for title in ["Album", "Unknown Pleasures", "Untitled", "Audio CDs for Cars"] {
            assert!(!is_nothing(title), "{title}");
        }
        assert!(is_generic("Track 01") && is_generic("AudioTrack 12") && !is_generic("Track of the Cat"));
        assert!(is_nobody("Unknown Artist") && !is_nobody("The Unknown"));
    }

    #[test]
    fn guests_are_taken_off_an_artist() {
        for (name, head) in [
            ("Ann feat. Bob", "Ann"),
            ("Ann (Feat. Bob)", "Ann"),
            ("Ann FT Bob", "Ann"),
            ("Left", "Left"),
            ("Ångström ft. B", "Ångström"),
        ] {
            assert_eq!(without_guests(name), head);
        }
    }
}
