//! Tags as a person reads them, out of each format's own: titles stay text, numbers become numbers.

use std::path::Path;

use lofty::config::{GlobalOptions, ParseOptions};
use lofty::file::TaggedFileExt;
use lofty::picture::PictureType;
use lofty::probe::Probe;
use lofty::tag::{ItemKey, Tag};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::{Unreadable, guarded};

/// What a file says of itself. An empty or blank tag is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tags {
    /// The track's title; `1999` stays text.
    pub title: Option<String>,
    /// The track's artist; several are joined by `; `.
    pub artist: Option<String>,
    /// How the track's artist sorts.
    pub artist_sort: Option<String>,
    /// Whose album it is.
    pub album_artist: Option<String>,
    /// How that artist sorts.
    pub album_artist_sort: Option<String>,
    /// The album's title.
    pub album: Option<String>,
    /// Counts from 1; 0 for a hidden track.
    pub track_number: Option<u32>,
    /// How many tracks its disc has.
    pub track_total: Option<u32>,
    /// Counts from 1.
    pub disc_number: Option<u32>,
    /// How many discs.
    pub disc_total: Option<u32>,
    /// Year of this release.
    pub year: Option<i32>,
    /// Year of the first release of the same album.
    pub original_year: Option<i32>,
    /// The first one given.
    pub genre: Option<String>,
    /// Record label.
    pub label: Option<String>,
    /// The label's number for it.
    pub catalog_number: Option<String>,
    /// EAN or UPC, digits only.
    pub barcode: Option<String>,
    /// Twelve characters, upper case.
    pub isrc: Option<String>,
    /// As written.
    pub composer: Option<String>,
    /// Tracks by several artists.
    pub is_compilation: bool,
    /// `album`, `single`, `ep`, `compilation`, `soundtrack`, `live`, …, lower case.
    pub release_type: Option<String>,
    /// MusicBrainz release.
    pub release_id: Option<Uuid>,
    /// MusicBrainz artist of the release.
    pub release_artist_id: Option<Uuid>,
    /// MusicBrainz recording.
    pub recording_id: Option<Uuid>,
}

impl Tags {
    /// From all tags of one file: the first that has a field gives it, and the best kind of tag comes first.
    pub(super) fn of(tags: &[Tag]) -> Self {
        let mut tags: Vec<&Tag> = tags.iter().collect();
        tags.sort_by_key(|t| rank(t));
        let all = |key| tags.iter().map(|t| strings(t, key)).find(|v| !v.is_empty()).unwrap_or_default();
        let first = |key| all(key).into_iter().next();
        let joined = |key| Some(all(key).join("; ")).filter(|s| !s.is_empty());
        let id = |key| first(key).and_then(|s: String| Uuid::parse_str(&s).ok());
        let year = |keys: &[ItemKey]| keys.iter().filter_map(|k| first(*k)).find_map(|s| year_in(&s));
        let (track_number, track_total) =
            number_and_total(first(ItemKey::TrackNumber), first(ItemKey::TrackTotal));
        let (disc_number, disc_total) =
            number_and_total(first(ItemKey::DiscNumber), first(ItemKey::DiscTotal));
        Self {
            title: first(ItemKey::TrackTitle),
            artist: joined(ItemKey::TrackArtist),
            artist_sort: first(ItemKey::TrackArtistSortOrder),
            album_artist: joined(ItemKey::AlbumArtist),
            album_artist_sort: first(ItemKey::AlbumArtistSortOrder),
            album: first(ItemKey::AlbumTitle),
            track_number,
            track_total: track_total.filter(|n| *n > 0),
            disc_number: disc_number.filter(|n| *n > 0),
            disc_total: disc_total.filter(|n| *n > 0),
            year: year(&[ItemKey::RecordingDate, ItemKey::Year, ItemKey::ReleaseDate]),
            original_year: year(&[ItemKey::OriginalReleaseDate]),
            genre: first(ItemKey::Genre),
            label: first(ItemKey::Label).or_else(|| first(ItemKey::Publisher)),
            catalog_number: first(ItemKey::CatalogNumber),
            barcode: first(ItemKey::Barcode).and_then(|s| digits(&s)),
            isrc: first(ItemKey::Isrc).and_then(|s| isrc(&s)),
            composer: joined(ItemKey::Composer),
            is_compilation: first(ItemKey::FlagCompilation).is_some_and(|s| is_yes(&s)),
            release_type: first(ItemKey::MusicBrainzReleaseType).map(|s| s.to_lowercase()),
            release_id: id(ItemKey::MusicBrainzReleaseId),
            release_artist_id: id(ItemKey::MusicBrainzReleaseArtistId),
            recording_id: id(ItemKey::MusicBrainzRecordingId),
        }
    }
}

/// ID3v1 cuts its texts at 30 bytes, so it is asked last.
fn rank(tag: &Tag) -> u8 {
    match tag.tag_type() {
        lofty::tag::TagType::Id3v1 => 2,
        lofty::tag::TagType::RiffInfo | lofty::tag::TagType::AiffText => 1,
        _ => 0,
    }
}

fn strings(tag: &Tag, key: ItemKey) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for text in tag.get_strings(key) {
        // ID3v2.4 separates several values by NUL; other control characters are noise of broken taggers.
        for part in text.split('\0') {
            let part: String = part.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
            let part = part.trim();
            if !part.is_empty() && !found.iter().any(|f| f == part) {
                found.push(part.to_owned());
            }
        }
    }
    found
}

/// `3`, `03`, `3/12`, and a total of its own.
fn number_and_total(number: Option<String>, total: Option<String>) -> (Option<u32>, Option<u32>) {
    let number = number.unwrap_or_default();
    let (own, of) = number.split_once('/').map_or((number.as_str(), None), |(n, t)| (n, Some(t)));
    let parse = |s: &str| s.trim().parse().ok().filter(|n: &u32| *n < 10_000);
    let total = total.as_deref().and_then(|t| parse(t.rsplit('/').next().unwrap_or(t)));
    (parse(own), total.or_else(|| of.and_then(parse)))
}

/// The first four digits in a row that make a year from 1000 to 9999: `1973`, `1973-03-01`, `01.03.1973`.
fn year_in(text: &str) -> Option<i32> {
    text.split(|c: char| !c.is_ascii_digit())
        .find_map(|run| run.get(..4).and_then(|y| y.parse().ok()).filter(|y| *y >= 1000))
}

fn digits(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    (8..=14).contains(&digits.len()).then_some(digits)
}

/// ISO 3901: twelve letters and digits; dashes and spaces are only for the eye.
fn isrc(text: &str) -> Option<String> {
    let code: String =
        text.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_uppercase()).collect();
    (code.len() == 12).then_some(code)
}

fn is_yes(text: &str) -> bool {
    text == "1" || text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("yes")
}

/// A picture inside a sound file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Picture {
    /// `jpg` or `png`: what pages and players show.
    pub extension: &'static str,
    /// The picture file itself.
    pub bytes: Vec<u8>,
}

/// The front cover inside a file, or another picture when there is no front cover.
///
/// # Errors
/// As [`super::read`]; a picture of over 16 MB is not seen.
pub fn embedded_cover(path: &Path) -> Result<Option<Picture>, Unreadable> {
    guarded(|| {
        lofty::config::apply_global_options(GlobalOptions::new());
        let probe = Probe::open(path).map_err(|e| Unreadable::Damaged(e.to_string()))?;
        let options = ParseOptions::new().read_properties(false);
        let file = probe.options(options).guess_file_type()?.read();
        let file = file.map_err(|e| Unreadable::Damaged(e.to_string()))?;
        let pictures = || file.tags().iter().flat_map(Tag::pictures);
        let front = pictures().find(|p| p.pic_type() == PictureType::CoverFront);
        Ok(front.or_else(|| pictures().next()).and_then(shown))
    })?
}

/// By its bytes, since taggers write any media type.
fn shown(picture: &lofty::picture::Picture) -> Option<Picture> {
    let bytes = picture.data();
    let extension = match bytes {
        [0xff, 0xd8, 0xff, ..] => "jpg",
        [0x89, b'P', b'N', b'G', ..] => "png",
        _ => return None,
    };
    Some(Picture { extension, bytes: bytes.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lofty::tag::{TagItem, TagType};

    fn tag(kind: TagType, items: &[(ItemKey, &str)]) -> Tag {
        let mut tag = Tag::new(kind);
        for (key, value) in items {
            tag.push_unchecked(TagItem::new(*key, lofty::tag::ItemValue::Text((*value).to_owned())));
        }
        tag
    }

    #[test]
    fn a_title_that_looks_like_a_number_stays_text() {
        let tags = Tags::of(&[tag(
            TagType::VorbisComments,
            &[(ItemKey::TrackTitle, "1999"), (ItemKey::AlbumTitle, "007"), (ItemKey::TrackArtist, "311")],
        )]);
        assert_eq!(tags.title.as_deref(), Some("1999"));
        assert_eq!(tags.album.as_deref(), Some("007"));
        assert_eq!(tags.artist.as_deref(), Some("311"));
    }

    #[test]
    fn numbers_and_totals_are_read_however_they_are_written() {
        for (number, total, expected) in [
            (Some("3"), None, (Some(3), None)),
            (Some("03/12"), None, (Some(3), Some(12))),
            (Some("3"), Some("12"), (Some(3), Some(12))),
            (Some("3/11"), Some("12"), (Some(3), Some(12))),
            (Some("0"), None, (Some(0), None)),
            (Some("A1"), None, (None, None)),
            (None, Some("9"), (None, Some(9))),
            (Some("99999999999"), None, (None, None)),
        ] {
            let read = number_and_total(number.map(Into::into), total.map(Into::into));
            assert_eq!(read, expected, "{number:?} {total:?}");
        }
    }

    #[test]
    fn a_year_is_found_in_any_date() {
        for (text, year) in [
            ("1973", Some(1973)),
            ("1973-03-01", Some(1973)),
            ("01.03.1973", Some(1973)),
            ("19730301", Some(1973)),
            ("0000", None),
            ("73", None),
            ("", None),
        ] {
            assert_eq!(year_in(text), year, "{text:?}");
        }
    }

    #[test]
    fn the_better_kind_of_tag_comes_first_and_the_other_fills_its_gaps() {
        let v1 =
            tag(TagType::Id3v1, &[(ItemKey::TrackTitle, "A Title Cut At Thirt"), (ItemKey::Genre, "Rock")]);
        let v2 = tag(TagType::Id3v2, &[(ItemKey::TrackTitle, "A Title Cut At Thirty Bytes Is A Pity")]);
        let tags = Tags::of(&[v1, v2]);
        assert_eq!(tags.title.as_deref(), Some("A Title Cut At Thirty Bytes Is A Pity"));
        assert_eq!(tags.genre.as_deref(), Some("Rock"));
    }

    #[test]
    fn blanks_are_none_and_several_artists_are_joined() {
        let tags = Tags::of(&[tag(
            TagType::VorbisComments,
            &[
                (ItemKey::TrackTitle, "  "),
                (ItemKey::TrackArtist, "Ann"),
                (ItemKey::TrackArtist, "Bob\0Ann"),
                (ItemKey::Isrc, "gb-ayk 05-00123"),
                (ItemKey::Barcode, "0 602498 681350"),
                (ItemKey::MusicBrainzReleaseId, "not an id"),
            ],
        )]);
        assert_eq!(tags.title, None);
        assert_eq!(tags.artist.as_deref(), Some("Ann; Bob"));
        assert_eq!(tags.isrc.as_deref(), Some("GBAYK0500123"));
        assert_eq!(tags.barcode.as_deref(), Some("0602498681350"));
        assert_eq!(tags.release_id, None);
    }
}
