//! What names of folders and files say of the music in them. Pure; the last resort when tags say nothing.

use crate::files::cut_at_char;

/// `Artist - Album (Year) [quality]`, or parts of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FolderName {
    /// Before the first ` - `.
    pub artist: Option<String>,
    /// The rest.
    pub album: Option<String>,
    /// In parentheses at the end.
    pub year: Option<i32>,
}

/// Reads a folder's name: up to two `[…]` at the end are dropped, `(1973)` is the year, ` - ` parts artist and album.
pub fn folder(name: &str) -> FolderName {
    let mut rest = name.trim();
    for _ in 0..2 {
        if let Some((before, _)) = rest.strip_suffix(']').and_then(|r| r.rsplit_once('[')) {
            rest = before.trim_end();
        }
    }
    let mut year = None;
    if let Some((before, inside)) = rest.strip_suffix(')').and_then(|r| r.rsplit_once('('))
        && let Some(found) = year_of(inside)
    {
        year = Some(found);
        rest = before.trim_end();
    }
    let (artist, album) = match rest.split_once(" - ") {
        Some((artist, album)) => (some(artist), some(album)),
        None => (None, some(rest)),
    };
    FolderName { artist, album, year }
}

/// `CD1`, `Disc 2`, `disk_03`, `CD 1 - Title`: the disc's number, when the folder is one disc of an album.
pub fn disc_of_folder(name: &str) -> Option<u32> {
    let lower = name.trim().to_lowercase();
    let rest = ["disc", "disk", "cd"].iter().find_map(|word| lower.strip_prefix(word))?;
    let rest = rest.trim_start_matches([' ', '_', '-', '.', '#']);
    let (number, behind) = leading_number(rest)?;
    // `CD2000 Hits` is an album.
    let ends_there = behind.chars().next().is_none_or(|c| !c.is_alphanumeric());
    (ends_there && (1..=99).contains(&number)).then_some(number)
}

/// `1-02 - Title`, `02 Title`, `02. Title`, `Artist - Album - 02 Title`, or parts of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FileName {
    /// Before the dash.
    pub disc: Option<u32>,
    /// One to three digits at the start.
    pub track: Option<u32>,
    /// What is left; never empty.
    pub title: String,
}

/// Reads a file's name, without its ending.
pub fn file(stem: &str) -> FileName {
    let stem = stem.trim();
    let whole = || FileName { title: stem.to_owned(), ..FileName::default() };
    let Some((first, rest)) = leading_number(stem).filter(|(n, _)| *n < 1000) else {
        return behind_names(stem).unwrap_or_else(whole);
    };
    // `1-02 …` and `1.02 …`: a disc of one or two digits, then exactly two or three digits.
    let of_disc = rest.strip_prefix(['-', '.']).and_then(|r| {
        let (track, behind) = leading_number(r)?;
        ((2..=3).contains(&(r.len() - behind.len())) && first < 100).then_some((track, behind))
    });
    let (disc, track, rest) = match of_disc {
        Some((track, rest)) => (Some(first), track, rest),
        None => (None, first, rest),
    };
    let title = rest
        .trim_start_matches(|c: char| c.is_whitespace() || matches!(c, '-' | '.' | '_' | ')' | '–' | '—'));
    let is_parted = title.len() < rest.len();
    // `99 Luftballons` is track 99 by this grammar; tags know better, and come first.
    match (title.is_empty(), is_parted || rest.is_empty()) {
        (true, true) => FileName { disc, track: Some(track), title: stem.to_owned() },
        (false, true) => FileName { disc, track: Some(track), title: title.trim_end().to_owned() },
        _ => whole(),
    }
}

/// `Artist - Album - 02 Title`, as Bandcamp calls what it packs, and `Artist - 02 - Title`: names, a number of two or three
/// digits, and the title. `Artist - 99 Problems` has no number.
fn behind_names(stem: &str) -> Option<FileName> {
    let (mut rest, mut names) = (stem.split_once(" - ")?.1, 1);
    loop {
        if let Some((track, behind)) = leading_number(rest)
            && (2..=3).contains(&(rest.len() - behind.len()))
        {
            let title = behind.strip_prefix(" - ").or_else(|| behind.strip_prefix(' ').filter(|_| names > 1));
            if let Some(title) = title.and_then(some) {
                return Some(FileName { disc: None, track: Some(track), title });
            }
        }
        (rest, names) = (rest.split_once(" - ")?.1, names + 1);
    }
}

/// Digits at the start (at most four count as a number) and what follows them.
fn leading_number(text: &str) -> Option<(u32, &str)> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let number = cut_at_char(text, digits);
    (1..=4).contains(&digits).then(|| number.parse().ok())?.map(|n| (n, &text[digits..]))
}

fn year_of(text: &str) -> Option<i32> {
    let text = text.trim();
    text.parse().ok().filter(|year| text.len() == 4 && (1000..=9999).contains(year))
}

fn some(text: &str) -> Option<String> {
    Some(text.trim().to_owned()).filter(|t| !t.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_name_is_artist_album_and_year() {
        for (name, artist, album, year) in [
            (
                "Pink Floyd - Dark Side of the Moon (1973) [FLAC] [24B-192kHz]",
                "Pink Floyd",
                "Dark Side of the Moon",
                1973,
            ),
            ("Just Album Name", "", "Just Album Name", 0),
            ("Weezer - Weezer (Blue Album) (1994)", "Weezer", "Weezer (Blue Album)", 1994),
            ("Weezer - Weezer (Blue Album)", "Weezer", "Weezer (Blue Album)", 0),
            ("Ed Sheeran - ÷ (2017)", "Ed Sheeran", "÷", 2017),
            ("A - B - C", "A", "B - C", 0),
            ("1999", "", "1999", 0),
            ("Кино - Группа крови (1988)", "Кино", "Группа крови", 1988),
        ] {
            let some = |s: &str| Some(s.to_owned()).filter(|s| !s.is_empty());
            let expected =
                FolderName { artist: some(artist), album: some(album), year: Some(year).filter(|y| *y > 0) };
            assert_eq!(folder(name), expected, "{name}");
        }
    }

    #[test]
    fn disc_folders_are_known_by_their_names() {
        for (name, disc) in [
            ("CD1", Some(1)),
            ("Disc 2", Some(2)),
            ("disk_03", Some(3)),
            ("CD 1 - The Early Years", Some(1)),
            ("Disc #4", Some(4)),
            ("CD", None),
            ("Discovery", None),
            ("CD2000 Hits", None),
            ("Disc 1A", None),
            ("Scans", None),
        ] {
            assert_eq!(disc_of_folder(name), disc, "{name}");
        }
    }

    #[test]
    fn a_file_name_is_disc_track_and_title() {
        for (stem, disc, track, title) in [
            ("01 - Speak to Me", None, Some(1), "Speak to Me"),
            ("01. Speak to Me", None, Some(1), "Speak to Me"),
            ("01 Speak to Me", None, Some(1), "Speak to Me"),
            ("1-02 - Breathe", Some(1), Some(2), "Breathe"),
            ("2-11 Breathe", Some(2), Some(11), "Breathe"),
            ("00 - Hidden", None, Some(0), "Hidden"),
            ("Speak to Me", None, None, "Speak to Me"),
            ("1999", None, None, "1999"),
            ("07", None, Some(7), "07"),
            ("10cc", None, None, "10cc"),
            ("4′33″", None, None, "4′33″"),
            ("夜に駆ける", None, None, "夜に駆ける"),
            ("Ann - Tones - 02 Second Song", None, Some(2), "Second Song"),
            ("Ann - Tones - Live - 11 Second - Song", None, Some(11), "Second - Song"),
            ("Ann - 02 - Second Song", None, Some(2), "Second Song"),
            ("Ann - 99 Problems", None, None, "Ann - 99 Problems"),
            ("Ann - Tones - 2 Become 1", None, None, "Ann - Tones - 2 Become 1"),
            ("Ann - Tones", None, None, "Ann - Tones"),
        ] {
            assert_eq!(file(stem), FileName { disc, track, title: title.into() }, "{stem}");
        }
    }
}
