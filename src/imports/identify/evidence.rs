//! Why a folder is taken for a release: one row for each field, and how they make one confidence. Pure.
//!
//! Each row that doubts takes its share of the confidence away (`factor`). What tags alone leave open, since tags can
//! be wrong as a whole, each row that confirms them from elsewhere makes smaller (`support`):
//! `Π factor × (1 − 0.05 × Π (1 − support))`, where a catalogue may have settled a part of a doubt:
//! `1 − (1 − factor) × (1 − settled)` then stands for the factor. A person can do the sum from the rows.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use super::release::Release;

/// The doubt that tags alone leave, however well they agree with themselves.
const TAGS_ALONE: f32 = 0.05;

/// Who said it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Witness {
    /// The files' tags.
    Tags,
    /// The folder's name.
    FolderName,
    /// The files' names.
    FileNames,
    /// The sound itself.
    Audio,
    /// MusicBrainz.
    Musicbrainz,
    /// AcoustID, by the sound's fingerprint.
    Acoustid,
    /// A person who looked at it.
    Person,
    /// Nobody: a rule of ours (`Various Artists`).
    Rule,
}

/// One reason to believe, or not to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Evidence {
    /// `artist`, `album`, `titles`, `order`, `year`, `track_count`, `durations`, `release_id`, `recording_ids`,
    /// `barcode`, `isrc`, `fingerprint`, `folder_name`, `file_names`.
    pub field: Cow<'static, str>,
    /// What it says.
    pub value: Option<String>,
    /// Who says so.
    pub witness: Witness,
    /// What it leaves of the confidence, in [0, 1].
    pub factor: f32,
    /// The share of the tags' own doubt that it takes away, in [0, 1].
    #[serde(default)]
    pub support: f32,
    /// The share of its own doubt that a catalogue has settled, in [0, 1].
    #[serde(default)]
    pub settled: f32,
    /// Why the factor is less than 1, or what a person may want to know, as a sentence.
    pub note: Option<Cow<'static, str>>,
}

/// What a candidate is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Identified {
    /// The release.
    pub release: Release,
    /// In [0, 1].
    pub confidence: f32,
    /// Why.
    pub evidence: Vec<Evidence>,
    /// Another reading of the same files, where there is one.
    pub runner_up: Option<RunnerUp>,
}

/// What the files may be instead. Where it names nothing else, it is as in the release that won.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct RunnerUp {
    /// The album artist.
    pub artist: String,
    /// The title.
    pub title: String,
    /// Year of release.
    pub year: Option<i32>,
    /// MusicBrainz release.
    pub release_id: Option<Uuid>,
    /// Who reads it so.
    pub witness: Witness,
    /// In [0, 1]; with that of the winner never more than 1.
    pub confidence: f32,
    /// Where it comes from, as a sentence.
    pub note: Cow<'static, str>,
}

impl Identified {
    /// Reads the files in another way; ids that belong to the first reading go.
    pub fn take(&mut self, other: &RunnerUp) {
        let release = &mut self.release;
        if release.artist != other.artist {
            (release.artist_id, release.artist_sort) = (None, None);
        }
        (release.barcode, release.catalog_number) = (None, None);
        release.release_id = other.release_id;
        release.artist.clone_from(&other.artist);
        release.title.clone_from(&other.title);
        release.year = other.year;
    }
}

impl Evidence {
    /// Says so, and nothing against it.
    pub fn certain(field: &'static str, value: Option<String>, witness: Witness) -> Self {
        Self { field: field.into(), value, witness, factor: 1.0, support: 0.0, settled: 0.0, note: None }
    }

    /// Says so, but.
    pub fn doubtful(
        field: &'static str,
        value: Option<String>,
        witness: Witness,
        factor: f32,
        note: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { factor, note: Some(note.into()), ..Self::certain(field, value, witness) }
    }

    /// What it leaves of the confidence, in [0, 1].
    pub fn weight(&self) -> f32 {
        1.0 - (1.0 - self.factor.clamp(0.0, 1.0)) * (1.0 - self.settled.clamp(0.0, 1.0))
    }

    /// Confirms the tags from elsewhere.
    #[must_use]
    pub fn supporting(self, support: f32) -> Self {
        Self { support, ..self }
    }

    /// With something to be read beside it.
    #[must_use]
    pub fn noted(self, note: impl Into<Cow<'static, str>>) -> Self {
        Self { note: Some(note.into()), ..self }
    }
}

/// The one number, in [0, 1].
pub fn confidence(evidence: &[Evidence]) -> f32 {
    let doubt: f32 = evidence.iter().map(|e| 1.0 - e.support.clamp(0.0, 1.0)).product();
    let sure: f32 = evidence.iter().map(Evidence::weight).product();
    sure * (1.0 - TAGS_ALONE * doubt)
}

/// All rows in one line, for the journal: `artist “Ann” (tags); year (tags): nothing gives a year [0.97]`.
pub fn summary(evidence: &[Evidence]) -> String {
    let mut line = String::new();
    for e in evidence {
        if !line.is_empty() {
            line.push_str("; ");
        }
        line.push_str(&e.field);
        if let Some(value) = &e.value {
            line.push_str(&format!(" “{value}”"));
        }
        line.push_str(&format!(" ({})", e.witness.name()));
        if let Some(note) = &e.note {
            line.push_str(&format!(": {note}"));
        }
        if e.weight() < 1.0 {
            line.push_str(&format!(" [{:.2}]", e.weight()));
        }
    }
    line
}

impl Witness {
    /// As people read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Tags => "tags",
            Self::FolderName => "folder's name",
            Self::FileNames => "files' names",
            Self::Audio => "audio",
            Self::Musicbrainz => "MusicBrainz",
            Self::Acoustid => "AcoustID",
            Self::Person => "a person",
            Self::Rule => "rule",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubts_take_away_and_second_witnesses_confirm() {
        let sure = || Evidence::certain("artist", None, Witness::Tags);
        let doubt = |f| Evidence::doubtful("order", None, Witness::Tags, f, "why");
        assert!((confidence(&[]) - 0.95).abs() < 1e-6);
        assert!((confidence(&[sure(), doubt(0.9)]) - 0.855).abs() < 1e-6);
        assert!((confidence(&[sure().supporting(0.8)]) - 0.99).abs() < 1e-6);
        assert!((confidence(&[sure().supporting(1.0), doubt(0.0)])).abs() < 1e-6);
        assert!(confidence(&[Evidence { factor: 7.0, support: -3.0, ..sure() }]) <= 0.95, "never over");
    }

    #[test]
    fn the_journal_has_all_of_it_in_one_line() {
        let rows = [
            Evidence::certain("artist", Some("Ann".into()), Witness::Tags),
            Evidence::doubtful("year", None, Witness::Tags, 0.97, "nothing gives a year"),
        ];
        assert_eq!(summary(&rows), "artist “Ann” (tags); year (tags): nothing gives a year [0.97]");
    }
}
