//! A release that is known before its files are read: from the manifest of an export, which says more than tags do. What it
//! says goes before tags and names, and no person is asked.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::ImportRelease;
use super::identify::{Evidence, Identified, Witness};
use super::read::Candidate;
use super::verdict::{Approval, Verdict};
use crate::db::Sql;
use crate::error::Result;
use crate::files::path_to_text;
use crate::jobs;

/// A release.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Known {
    /// The album artist.
    pub artist: String,
    /// How the artist sorts.
    pub artist_sort: Option<String>,
    /// MusicBrainz artist.
    pub artist_id: Option<Uuid>,
    /// The title.
    pub title: String,
    /// Year of release.
    pub year: Option<i32>,
    /// Of the whole release.
    pub total_tracks: u32,
    /// Of the whole release.
    pub disc_count: u32,
    /// The genre.
    pub genre: Option<String>,
    /// The label.
    pub label: Option<String>,
    /// The label's number.
    pub catalog_number: Option<String>,
    /// EAN or UPC.
    pub barcode: Option<String>,
    /// MusicBrainz release.
    pub release_id: Option<Uuid>,
    /// `album`, `single`, …
    pub release_type: Option<String>,
    /// Tracks by several artists.
    pub is_compilation: bool,
    /// By the file's path in the folder.
    pub tracks: BTreeMap<String, KnownTrack>,
}

/// One of its tracks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownTrack {
    /// Counts from 1.
    pub disc_number: u32,
    /// Counts from 1; 0 for a hidden track.
    pub track_number: u32,
    /// The title.
    pub title: String,
    /// Where it is not the album's.
    pub artist: Option<String>,
    /// The genre.
    pub genre: Option<String>,
    /// The composer.
    pub composer: Option<String>,
    /// Twelve characters.
    pub isrc: Option<String>,
    /// MusicBrainz recording.
    pub recording_id: Option<Uuid>,
}

impl Known {
    /// Says it of what was identified by tags and names.
    pub(super) fn apply(&self, candidate: &Candidate, identified: &mut Identified) {
        let release = &mut identified.release;
        release.artist.clone_from(&self.artist);
        release.artist_sort.clone_from(&self.artist_sort);
        release.title.clone_from(&self.title);
        (release.artist_id, release.release_id) = (self.artist_id, self.release_id);
        (release.year, release.is_compilation) = (self.year, self.is_compilation);
        (release.total_tracks, release.disc_count) = (self.total_tracks, self.disc_count);
        release.genre.clone_from(&self.genre);
        release.label.clone_from(&self.label);
        release.catalog_number.clone_from(&self.catalog_number);
        release.barcode.clone_from(&self.barcode);
        release.release_type.clone_from(&self.release_type);
        for (file, track) in candidate.tracks.iter().zip(&mut release.tracks) {
            let Some(known) = self.tracks.get(&path_to_text(&file.file.relative)) else { continue };
            (track.disc_number, track.track_number) = (known.disc_number, known.track_number);
            track.title.clone_from(&known.title);
            track.artist_name.clone_from(&known.artist);
            track.genre.clone_from(&known.genre);
            track.composer.clone_from(&known.composer);
            track.isrc.clone_from(&known.isrc);
            track.recording_id = known.recording_id;
        }
        identified.runner_up = None;
        let value = Some(format!("{} by {}, from an export's manifest", self.title, self.artist));
        identified.evidence.push(Evidence::certain("album", value, Witness::Rule));
        identified.confidence = 1.0;
    }
}

// One that is further on than waiting is left to go on.
const BRING: &str =
    "insert into import (source_path, source, requested_by, path, approval) values ($1, $2, $3, $1, $4)
    on conflict (source_path) where is_on_its_way do update set approval = excluded.approval
        where import.state = 'waiting'";

/// Asks for the import of a folder where music arrives, of which everything is known; its job. In the caller's transaction.
pub async fn bring(
    tx: &impl Sql,
    path: &str,
    source: &str,
    requested_by: Option<i64>,
    known: Known,
) -> Result<i64> {
    let approval = Approval { by: requested_by, known: Some(Box::new(known)), ..Approval::default() };
    let word = serde_json::to_value(Verdict::Approve(approval)).map_err(anyhow::Error::from)?;
    tx.run(BRING, &[&path, &source, &requested_by, &word]).await?;
    let job = ImportRelease { path: path.to_owned(), source: source.to_owned(), requested_by };
    jobs::enqueue(tx, &job).await
}
