//! What a catalogue is asked about: an album of the library with its tracks, or what a folder in review was taken for.

use serde_json::Value;
use tokio_postgres::Row;

use super::fit::{OurTrack, Ours};
use super::identify::Release;
use crate::db::Sql;
use crate::error::Result;

/// An import and what it is about.
#[derive(Debug)]
pub struct Subject {
    /// As the row says it.
    pub state: String,
    /// The album that it became.
    pub album_id: Option<i64>,
    /// Names, numbers, lengths.
    pub ours: Ours,
    /// As it is now.
    pub confidence: f32,
    /// A person has decided about it once.
    pub has_verdict: bool,
    /// Fingerprints of its files, compressed, with their lengths in milliseconds.
    pub prints: Vec<(Vec<u8>, u64)>,
}

/// Whether there is something to ask about.
#[derive(Debug)]
pub enum Standing {
    /// Yes.
    Here(Box<Subject>),
    /// Not yet.
    OnItsWay,
    /// Not any more.
    Gone,
}

const IMPORT: &str = "select state, is_on_its_way, album_id, release, coalesce(confidence, 0) as confidence,
        approval is not null as has_verdict
    from import where id = $1";
const ALBUM: &str = "select r.name, a.title, a.year, a.barcode, a.musicbrainz_id, a.total_tracks
    from album a join artist r on r.id = a.artist_id where a.id = $1";
const TRACKS: &str =
    "select id, disc_number, track_number, title, duration_ms, isrc, musicbrainz_id, essence from track
    where album_id = $1 order by disc_number, track_number, id";
const PRINTS: &str = "select compressed, duration_ms from fingerprint
    where essence = any($1) and compressed is not null order by duration_ms desc";

impl Subject {
    /// What this import is about; `essences` where its files have no rows.
    pub async fn find(client: &impl Sql, import_id: i64, essences: &[String]) -> Result<Standing> {
        let Some(row) = client.maybe_row(IMPORT, &[&import_id]).await? else { return Ok(Standing::Gone) };
        let (state, album_id): (String, Option<i64>) = (row.get("state"), row.get("album_id"));
        let mut essences = essences.to_vec();
        let ours = match album_id {
            Some(album_id) => of_album(client, album_id, &mut essences).await?,
            None if state == "review" => {
                let release: Option<Value> = row.get("release");
                release.and_then(|r| serde_json::from_value(r).ok()).map(|r| of_release(&r))
            }
            None if row.get("is_on_its_way") => return Ok(Standing::OnItsWay),
            None => None,
        };
        let Some(ours) = ours.filter(|o| !o.tracks.is_empty()) else { return Ok(Standing::Gone) };
        let prints = client.rows(PRINTS, &[&essences]).await?;
        Ok(Standing::Here(Box::new(Self {
            state,
            album_id,
            ours,
            confidence: row.get("confidence"),
            has_verdict: row.get("has_verdict"),
            prints: prints.iter().map(|p| (p.get(0), p.get::<_, i64>(1).unsigned_abs())).collect(),
        })))
    }
}

async fn of_album(client: &impl Sql, album_id: i64, essences: &mut Vec<String>) -> Result<Option<Ours>> {
    let Some(album) = client.maybe_row(ALBUM, &[&album_id]).await? else { return Ok(None) };
    let tracks = client.rows(TRACKS, &[&album_id]).await?;
    essences.extend(tracks.iter().filter_map(|t| t.get::<_, Option<String>>("essence")));
    Ok(Some(Ours {
        artist: album.get(0),
        title: album.get(1),
        year: album.get(2),
        barcode: album.get(3),
        release_id: album.get(4),
        total_tracks: album.get::<_, i32>(5).unsigned_abs(),
        tracks: tracks.iter().map(track).collect(),
    }))
}

fn track(row: &Row) -> OurTrack {
    OurTrack {
        id: Some(row.get("id")),
        disc: row.get::<_, i32>("disc_number").unsigned_abs(),
        number: row.get::<_, i32>("track_number").unsigned_abs(),
        title: row.get("title"),
        duration_ms: row.get::<_, Option<i64>>("duration_ms").map(i64::unsigned_abs),
        isrc: row.get("isrc"),
        recording_id: row.get("musicbrainz_id"),
    }
}

fn of_release(release: &Release) -> Ours {
    let tracks = release.tracks.iter().map(|t| OurTrack {
        id: None,
        disc: t.disc_number,
        number: t.track_number,
        title: t.title.clone(),
        duration_ms: Some(t.quality.duration_ms),
        isrc: t.isrc.clone(),
        recording_id: t.recording_id,
    });
    Ours {
        tracks: tracks.collect(),
        artist: release.artist.clone(),
        title: release.title.clone(),
        year: release.year,
        barcode: release.barcode.clone(),
        release_id: release.release_id,
        total_tracks: release.total_tracks,
    }
}
