//! A release as it will be filed.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::audio::Quality;

/// A release, as it will be filed.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Release {
    /// The album artist; empty when nobody says.
    pub artist: String,
    /// How the artist sorts.
    pub artist_sort: Option<String>,
    /// MusicBrainz artist.
    pub artist_id: Option<Uuid>,
    /// The title; empty when nobody says.
    pub title: String,
    /// Year of release.
    pub year: Option<i32>,
    /// Number of tracks of the whole release, when the tags tell; else of those here.
    pub total_tracks: u32,
    /// Number of discs.
    pub disc_count: u32,
    /// As tagged.
    pub genre: Option<String>,
    /// As tagged.
    pub label: Option<String>,
    /// As tagged.
    pub catalog_number: Option<String>,
    /// EAN or UPC.
    pub barcode: Option<String>,
    /// MusicBrainz release.
    pub release_id: Option<Uuid>,
    /// `album`, `soundtrack`, …
    pub release_type: Option<String>,
    /// Tracks by several artists.
    pub is_compilation: bool,
    /// In the order of the candidate's tracks.
    pub tracks: Vec<ReleaseTrack>,
}

/// One track of a [`Release`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReleaseTrack {
    /// Counts from 1.
    pub disc_number: u32,
    /// Counts from 1; 0 for a hidden track.
    pub track_number: u32,
    /// As written.
    pub title: String,
    /// Where it is not the album's.
    pub artist_name: Option<String>,
    /// As tagged.
    pub genre: Option<String>,
    /// As tagged.
    pub composer: Option<String>,
    /// Twelve characters.
    pub isrc: Option<String>,
    /// MusicBrainz recording.
    pub recording_id: Option<Uuid>,
    /// How it sounds.
    pub quality: Quality,
}
