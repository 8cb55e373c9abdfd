//! MusicBrainz's web service, version 2 (musicbrainz.org/doc/MusicBrainz_API): releases by id, by search, by barcode and
//! by ISRC. One question a second, with a name and a contact in `User-Agent`; pace and cache are the caller's.

use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::{Trouble, encoded};

/// As it calls itself.
pub const SERVICE: &str = "musicbrainz";
/// In a sentence.
pub const NAME: &str = "MusicBrainz";

/// A release with all that an import may want of it.
pub fn release(id: Uuid) -> String {
    format!("/ws/2/release/{id}?fmt=json&inc=recordings+artist-credits+isrcs+labels+release-groups")
}

/// Releases of this name.
pub fn search(artist: &str, title: &str, tracks: Option<usize>) -> String {
    let mut query = format!("release:{} AND artist:{}", quoted(title), quoted(artist));
    if let Some(tracks) = tracks {
        query.push_str(&format!(" AND tracks:{tracks}"));
    }
    format!("/ws/2/release?fmt=json&limit=10&query={}", encoded(&query))
}

/// Releases with this barcode.
pub fn by_barcode(barcode: &str) -> String {
    format!("/ws/2/release?fmt=json&limit=10&query={}", encoded(&format!("barcode:{}", quoted(barcode))))
}

/// Recordings with this ISRC, and the releases that they are on.
pub fn by_isrc(isrc: &str) -> String {
    format!("/ws/2/isrc/{}?fmt=json&inc=releases+artist-credits", encoded(isrc))
}

/// A phrase of Lucene's query syntax.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(if c.is_control() { ' ' } else { c });
    }
    out.push('"');
    out
}

/// A release, as far as the answer has it: a search tells less than a look-up.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Release {
    /// Its id.
    pub id: Uuid,
    /// The title.
    pub title: String,
    /// `Official`, `Bootleg`, …
    pub status: Option<String>,
    /// Whose it is.
    pub artist_credit: Vec<Credit>,
    /// `1999`, `1999-05`, `1999-05-17`.
    pub date: Option<String>,
    /// Two letters, ISO 3166-1.
    pub country: Option<String>,
    /// EAN or UPC; empty when it is known to have none.
    pub barcode: Option<String>,
    /// What it is one edition of.
    pub release_group: Option<ReleaseGroup>,
    /// Who brought it out.
    pub label_info: Vec<LabelInfo>,
    /// Discs and the like.
    pub media: Vec<Medium>,
}

/// One name of several, with what stands between it and the next.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Credit {
    /// As credited.
    pub name: String,
    /// ` & `, ` feat. `, or nothing.
    pub joinphrase: String,
    /// Who it is.
    pub artist: Artist,
}

/// An artist.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Artist {
    /// Its id.
    pub id: Uuid,
    /// `Beatles, The`.
    pub sort_name: Option<String>,
}

/// What editions have in common.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct ReleaseGroup {
    /// Its id.
    pub id: Option<Uuid>,
    /// `Album`, `Single`, `EP`, …
    pub primary_type: Option<String>,
    /// `Compilation`, `Soundtrack`, `Live`, …
    pub secondary_types: Vec<String>,
}

/// A label and its number.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct LabelInfo {
    /// The label's number for it.
    pub catalog_number: Option<String>,
    /// Who.
    pub label: Option<Label>,
}

/// A label.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct Label {
    /// As written.
    pub name: String,
}

/// A disc, a side, a download.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Medium {
    /// Counts from 1.
    pub position: Option<u32>,
    /// `CD`, `Digital Media`, `12" Vinyl`, …
    pub format: Option<String>,
    /// How many tracks, also where they are not told.
    pub track_count: u32,
    /// Before the first one.
    pub pregap: Option<Track>,
    /// Each; none in a search.
    pub tracks: Vec<Track>,
}

/// One track.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Track {
    /// Counts from 1 (0: before the first).
    pub position: u32,
    /// As on this release.
    pub title: String,
    /// Milliseconds.
    pub length: Option<u64>,
    /// Whose it is.
    pub artist_credit: Vec<Credit>,
    /// What is heard.
    pub recording: Recording,
}

/// A recording.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub struct Recording {
    /// Its id.
    pub id: Uuid,
    /// Milliseconds.
    pub length: Option<u64>,
    /// Twelve letters and digits each.
    pub isrcs: Vec<String>,
    /// In the answer to an ISRC.
    pub releases: Vec<Release>,
}

impl Release {
    /// Out of the answer to [`release`].
    ///
    /// # Errors
    /// `Rubbish`.
    pub fn of(answer: Value) -> Result<Self, Trouble> {
        let release: Self = read(answer)?;
        if release.id.is_nil() {
            Err(Trouble::Rubbish(NAME, "a release without an id".into()))
        } else {
            Ok(release)
        }
    }

    /// Out of the answer to [`search`] or [`by_barcode`]; the likeliest first.
    ///
    /// # Errors
    /// `Rubbish`.
    pub fn all_of(answer: Value) -> Result<Vec<Self>, Trouble> {
        #[derive(Deserialize)]
        struct Found {
            releases: Vec<Release>,
        }
        Ok(read::<Found>(answer)?.releases)
    }

    /// Out of the answer to [`by_isrc`].
    ///
    /// # Errors
    /// `Rubbish`.
    pub fn all_of_isrc(answer: Value) -> Result<Vec<Self>, Trouble> {
        #[derive(Deserialize)]
        struct Found {
            recordings: Vec<Recording>,
        }
        Ok(read::<Found>(answer)?.recordings.into_iter().flat_map(|r| r.releases).collect())
    }

    /// Whose it is, as credited.
    pub fn artist(&self) -> String {
        credited(&self.artist_credit)
    }

    /// The year of this edition.
    pub fn year(&self) -> Option<i32> {
        self.date.as_deref()?.get(..4)?.parse().ok()
    }

    /// `album`, `single`, `soundtrack`, …: the most particular of its types, lower case.
    pub fn kind(&self) -> Option<String> {
        let group = self.release_group.as_ref()?;
        let kind = group.secondary_types.first().or(group.primary_type.as_ref())?;
        Some(kind.to_lowercase())
    }

    /// All tracks: disc, number, and what it is.
    pub fn tracks(&self) -> impl Iterator<Item = (u32, &Track)> {
        self.media.iter().zip(1..).flat_map(|(medium, n)| {
            let disc = medium.position.unwrap_or(n);
            medium.pregap.iter().chain(&medium.tracks).map(move |track| (disc, track))
        })
    }

    /// How many tracks it has.
    pub fn track_count(&self) -> u32 {
        self.media.iter().map(|m| m.track_count.max(m.tracks.len() as u32)).sum()
    }
}

impl Track {
    /// Whose it is, as credited; nothing where that is not told.
    pub fn artist(&self) -> String {
        credited(&self.artist_credit)
    }

    /// Milliseconds.
    pub fn duration_ms(&self) -> Option<u64> {
        self.length.or(self.recording.length)
    }
}

fn credited(names: &[Credit]) -> String {
    names.iter().flat_map(|c| [c.name.as_str(), c.joinphrase.as_str()]).collect()
}

fn read<T: for<'a> Deserialize<'a>>(answer: Value) -> Result<T, Trouble> {
    serde_json::from_value(answer).map_err(|e| Trouble::Rubbish(NAME, e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn questions_are_as_documented() {
        assert_eq!(
            search("AC/DC", "\"Heroes\"", Some(10)),
            "/ws/2/release?fmt=json&limit=10&query=release%3A%22%5C%22Heroes%5C%22%22%20AND%20artist%3A%22AC%2FDC%22%20AND%20tracks%3A10"
        );
        assert!(release(Uuid::nil()).contains("fmt=json&inc=recordings+"));
        assert!(by_barcode("4006381333931").ends_with("query=barcode%3A%224006381333931%22"));
        assert!(by_isrc("DEA120000001").starts_with("/ws/2/isrc/DEA120000001?fmt=json"));
    }

    #[test]
    fn a_release_is_read_for_what_is_needed_and_nulls_are_nothing() {
        let answer = json!({
            "id": "59211ea4-ffd2-4ad9-9a4e-941d3148024a", "title": "Album", "date": "1999-05-17", "country": null,
            "barcode": "4006381333931", "unknown": {"more": [1, 2]},
            "artist-credit": [
                {"name": "Ann", "joinphrase": " & ", "artist": {"id": "f27ec8db-af05-4f36-916e-3d57f91ecf5e", "sort-name": "Ann"}},
                {"name": "Bob", "joinphrase": "", "artist": {"id": "f27ec8db-af05-4f36-916e-3d57f91ecf5e", "sort-name": "Bob"}}
            ],
            "release-group": {"primary-type": "Album", "secondary-types": ["Live"]},
            "label-info": [{"catalog-number": "X 1", "label": {"name": "L"}}, {"catalog-number": null, "label": null}],
            "media": [{"position": 1, "format": "CD", "track-count": 1, "tracks": [
                {"position": 1, "title": "One", "length": null, "recording":
                    {"id": "f27ec8db-af05-4f36-916e-3d57f91ecf5e", "length": 1234, "isrcs": ["DEA120000001"]}}]}]
        });
        let release = Release::of(answer).unwrap();
        assert_eq!((release.artist().as_str(), release.year()), ("Ann & Bob", Some(1999)));
        assert_eq!((release.kind().as_deref(), release.track_count()), (Some("live"), 1));
        assert_eq!(release.tracks().next().unwrap().1.duration_ms(), Some(1234));
        assert!(Release::of(json!({"title": "no id"})).is_err());
        assert!(Release::all_of(json!({"error": "x"})).is_err());
        assert!(Release::all_of(json!([1, 2, 3])).is_err());
    }
}
