//! What may be asked for: which fields of an album, a track or an artist are to become what. Pure: what cannot be used
//! is refused here, and the field is named.

use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

use crate::error::{Error, Result};

/// Longer names are no names; folders and files are cut to what a file system takes.
const MAX_TEXT_CHARS: usize = 1000;

/// One edit, as it is kept in its row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Request {
    /// The same change to some albums.
    Albums {
        /// Which.
        ids: Vec<i64>,
        /// What.
        change: AlbumChange,
    },
    /// One track.
    Track {
        /// Which.
        id: i64,
        /// What.
        change: TrackChange,
    },
    /// An artist's name, and with it the tags of all their files.
    Artist {
        /// Which.
        id: i64,
        /// What.
        change: ArtistChange,
    },
    /// The files' tags become what the rows say.
    WriteTags {
        /// Of which album.
        album_id: i64,
    },
    /// Everything becomes again what it was before that edit.
    Undo {
        /// Which edit.
        edit_id: i64,
    },
}

/// Fields that are not given, or are `null`, stay; a blank text (a year of 0) takes the value away where there may be none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AlbumChange {
    /// Never blank.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub title: Option<Option<String>>,
    /// 1000 to 9999.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i32>)]
    pub year: Option<Option<i32>>,
    /// Also of the tracks that had the album's.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub genre: Option<Option<String>>,
    /// Record label.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub label: Option<Option<String>>,
    /// Another album artist: one that is there, or a new one.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub artist: Option<Option<String>>,
    /// The label's number.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub catalog_number: Option<Option<String>>,
    /// EAN or UPC: 8 to 14 digits.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub barcode: Option<Option<String>>,
    /// `album`, `single`, `ep`, …
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub release_type: Option<Option<String>>,
}

/// See [`AlbumChange`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TrackChange {
    /// Never blank.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub title: Option<Option<String>>,
    /// 0 to 9999.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i32>)]
    pub track_number: Option<Option<i32>>,
    /// 1 to 99.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<i32>)]
    pub disc_number: Option<Option<i32>>,
    /// Where it is not the album's.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub artist: Option<Option<String>>,
    /// As tagged.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub genre: Option<Option<String>>,
    /// As tagged.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub composer: Option<Option<String>>,
    /// Twelve letters and digits.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub isrc: Option<Option<String>>,
}

/// An artist's new name.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ArtistChange {
    /// Never blank.
    pub name: String,
    /// As it sorts; else made from the name.
    #[serde(deserialize_with = "given", skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub sort_name: Option<Option<String>>,
    /// When there is an artist of that name: their albums become one artist's.
    pub merge: bool,
}

/// Tells `null` from nothing.
fn given<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    value: D,
) -> std::result::Result<Given<T>, D::Error> {
    Option::deserialize(value).map(Some)
}

impl AlbumChange {
    /// The same, with each value trimmed and fit for rows, tags and folders.
    ///
    /// # Errors
    /// `Field` names the one that cannot be used.
    pub fn check(self) -> Result<Self> {
        Ok(Self {
            title: required("title", self.title)?,
            year: year(self.year)?,
            genre: optional("genre", self.genre)?,
            label: optional("label", self.label)?,
            artist: required("artist", self.artist)?,
            catalog_number: optional("catalog_number", self.catalog_number)?,
            barcode: shaped("barcode", self.barcode, digits, "must have 8 to 14 digits")?,
            release_type: optional("release_type", self.release_type)?.map(|t| t.map(|t| t.to_lowercase())),
        })
    }
}

impl TrackChange {
    /// See [`AlbumChange::check`].
    pub fn check(self) -> Result<Self> {
        Ok(Self {
            title: required("title", self.title)?,
            track_number: number("track_number", self.track_number, 0, 9999)?,
            disc_number: number("disc_number", self.disc_number, 1, 99)?,
            artist: optional("artist", self.artist)?,
            genre: optional("genre", self.genre)?,
            composer: optional("composer", self.composer)?,
            isrc: shaped("isrc", self.isrc, isrc, "must have twelve letters and digits")?,
        })
    }
}

impl ArtistChange {
    /// See [`AlbumChange::check`].
    ///
    /// # Errors
    /// `Invalid` without a name.
    pub fn check(self) -> Result<Self> {
        let name = text("name", &self.name)?.ok_or_else(|| Error::Invalid("Name required".into()))?;
        Ok(Self { name, sort_name: optional("sort_name", self.sort_name)?, merge: self.merge })
    }
}

/// Not given; taken away; or a value.
pub type Given<T> = Option<Option<T>>;

/// As a client says it: clients of the first version send `null` for what they do not change.
fn said<T>(value: Given<T>) -> Option<T> {
    value.flatten()
}

fn year(value: Given<i32>) -> Result<Given<i32>> {
    match said(value) {
        Some(0) => Ok(Some(None)),
        other => within("year", other, 1000, 9999).map(|year| year.map(Some)),
    }
}

fn required(field: &'static str, value: Given<String>) -> Result<Given<String>> {
    let checked = optional(field, value)?;
    if checked == Some(None) {
        return Err(Error::Field { field, message: "must not be empty".into() });
    }
    Ok(checked)
}

fn optional(field: &'static str, value: Given<String>) -> Result<Given<String>> {
    said(value).map(|v| text(field, &v)).transpose()
}

/// A name that can be seen: what is only blanks, controls and invisible marks is none.
fn text(field: &'static str, value: &str) -> Result<Option<String>> {
    let is_unseen = |c: char| {
        c.is_whitespace()
            || c.is_control()
            || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}')
    };
    let value = value.trim_matches(is_unseen);
    if value.chars().any(char::is_control) {
        return Err(Error::Field { field, message: "must be one line of text".into() });
    }
    if value.chars().count() > MAX_TEXT_CHARS {
        return Err(Error::Field {
            field,
            message: format!("must have at most {MAX_TEXT_CHARS} characters"),
        });
    }
    Ok(Some(value.to_owned()).filter(|v| !v.is_empty()))
}

fn within(field: &'static str, value: Option<i32>, from: i32, to: i32) -> Result<Option<i32>> {
    match value {
        Some(n) if !(from..=to).contains(&n) => {
            Err(Error::Field { field, message: format!("must be from {from} to {to}") })
        }
        value => Ok(value),
    }
}

fn number(field: &'static str, value: Given<i32>, from: i32, to: i32) -> Result<Given<i32>> {
    Ok(within(field, said(value), from, to)?.map(Some))
}

fn shaped(
    field: &'static str,
    value: Given<String>,
    shape: fn(&str) -> Option<String>,
    message: &'static str,
) -> Result<Given<String>> {
    let Some(Some(value)) = optional(field, value.clone())? else { return optional(field, value) };
    shape(&value).map(|v| Some(Some(v))).ok_or(Error::Field { field, message: message.into() })
}

fn digits(value: &str) -> Option<String> {
    let value: String = value.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    (value.bytes().all(|b| b.is_ascii_digit()) && (8..=14).contains(&value.len())).then_some(value)
}

fn isrc(value: &str) -> Option<String> {
    let value: String = value.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    (value.len() == 12 && value.bytes().all(|b| b.is_ascii_alphanumeric()))
        .then(|| value.to_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn album(body: serde_json::Value) -> Result<AlbumChange> {
        serde_json::from_value::<AlbumChange>(body).unwrap().check()
    }

    #[test]
    fn a_blank_takes_away_and_null_leaves() {
        let change = album(json!({"title": " ÷ ", "year": 0, "genre": "  ", "label": null})).unwrap();
        assert_eq!(change.title, Some(Some("÷".into())));
        assert_eq!((&change.year, &change.genre, &change.label), (&Some(None), &Some(None), &None));
        let nulls = json!({"title": null, "year": null, "genre": null, "label": null, "barcode": null});
        assert_eq!(album(nulls).unwrap(), AlbumChange::default());
        let kept = serde_json::to_value(&change).unwrap();
        assert_eq!(kept, json!({"title": "÷", "year": null, "genre": null}));
        assert_eq!(serde_json::from_value::<AlbumChange>(kept).unwrap(), change);
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (body, wrong) in [
            (json!({"title": " "}), "title"),
            (json!({"title": "\u{200b}\u{feff}"}), "title"),
            (json!({"title": "a\nb"}), "title"),
            (json!({"title": "x".repeat(1001)}), "title"),
            (json!({"year": 73}), "year"),
            (json!({"barcode": "12"}), "barcode"),
            (json!({"artist": ""}), "artist"),
        ] {
            assert!(
                matches!(album(body.clone()), Err(Error::Field { field, .. }) if field == wrong),
                "{body}"
            );
        }
        let track = |body| serde_json::from_value::<TrackChange>(body).unwrap().check();
        assert!(matches!(track(json!({"disc_number": 0})), Err(Error::Field { field: "disc_number", .. })));
        let nulls = track(json!({"title": "x", "track_number": null, "disc_number": null})).unwrap();
        assert_eq!((nulls.track_number, nulls.disc_number), (None, None));
        let isrc = track(json!({"isrc": "gb-ayk-05-00123"})).unwrap().isrc;
        assert_eq!(isrc, Some(Some("GBAYK0500123".into())));
        let artist = ArtistChange { name: " \t".into(), ..ArtistChange::default() };
        assert_eq!(artist.check().unwrap_err().to_string(), "Name required");
    }
}
