//! What is here already: what an import compares a newcomer with, before it decides.

use tokio_postgres::Row;
use uuid::Uuid;

use super::naming::identity_key;
use crate::db::Sql;
use crate::error::Result;

/// An album that may be here already, as its tags name it.
#[derive(Debug, Clone, Copy, Default)]
pub struct TwinQuery<'a> {
    /// The album artist.
    pub artist: &'a str,
    /// The title.
    pub title: &'a str,
    /// Year of release.
    pub year: Option<i32>,
    /// MusicBrainz release id.
    pub musicbrainz_id: Option<Uuid>,
    /// EAN or UPC.
    pub barcode: Option<&'a str>,
}

/// By what a twin was found; the weightiest first (`product.md`, "Identity").
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Likeness {
    /// The MusicBrainz release id.
    MusicBrainz,
    /// The barcode.
    Barcode,
    /// Artist, title and, where both are known, year: never enough to replace a file.
    Text,
}

/// An album of the library.
#[derive(Debug, Clone)]
pub struct ExistingAlbum {
    /// The row.
    pub id: i64,
    /// Its artist's row.
    pub artist_id: i64,
    /// Its artist, as written.
    pub artist: String,
    /// MusicBrainz artist id.
    pub artist_musicbrainz_id: Option<Uuid>,
    /// The title, as written.
    pub title: String,
    /// Year of release.
    pub year: Option<i32>,
    /// MusicBrainz release id.
    pub musicbrainz_id: Option<Uuid>,
    /// The folder, relative to MUSIC_PATH.
    pub path: String,
    /// The cover, relative to MUSIC_PATH.
    pub artwork_path: Option<String>,
    /// How many tracks the release has.
    pub total_tracks: i32,
    /// By what it was found.
    pub likeness: Likeness,
    /// Its tracks, by disc and number.
    pub tracks: Vec<ExistingTrack>,
}

/// A track of the library.
#[derive(Debug, Clone)]
pub struct ExistingTrack {
    /// The row.
    pub id: i64,
    /// Counts from 1.
    pub disc_number: i32,
    /// Counts from 1; 0 for a hidden track.
    pub track_number: i32,
    /// The title, as written.
    pub title: String,
    /// Of the audio alone; none until it was read.
    pub essence: Option<String>,
    /// The file, relative to MUSIC_PATH.
    pub path: String,
    /// Length.
    pub duration_ms: Option<i64>,
    /// `FLAC`, `MP3`, …
    pub format: String,
    /// Samples a second.
    pub sample_rate_hz: Option<i32>,
    /// Bits a sample.
    pub bit_depth: Option<i32>,
    /// kbit/s.
    pub bitrate_kbps: Option<i32>,
    /// 1, 2, 6, …
    pub channels: Option<i32>,
    /// By format or by source.
    pub is_lossy: bool,
    /// Twelve characters.
    pub isrc: Option<String>,
    /// MusicBrainz recording id.
    pub recording_id: Option<Uuid>,
}

/// A track whose audio is known, wherever it is filed.
#[derive(Debug, Clone)]
pub struct KnownEssence {
    /// Of the audio alone.
    pub essence: String,
    /// The track's row.
    pub track_id: i64,
    /// Its album's row.
    pub album_id: i64,
    /// The file, relative to MUSIC_PATH.
    pub path: String,
}

const BY_MUSICBRAINZ: &str = "select a.id, a.artist_id, r.name, r.musicbrainz_id, a.title, a.year, a.musicbrainz_id, a.path, a.artwork_path,
        a.total_tracks
    from album a join artist r on r.id = a.artist_id
    where a.musicbrainz_id = $1 order by a.id limit 1";
const BY_BARCODE: &str = "select a.id, a.artist_id, r.name, r.musicbrainz_id, a.title, a.year, a.musicbrainz_id, a.path, a.artwork_path,
        a.total_tracks
    from album a join artist r on r.id = a.artist_id
    where a.barcode = $1 and ($2::uuid is null or a.musicbrainz_id is null) order by a.id limit 1";
// A year that is known on both sides must agree; an equal one goes before an unknown one. Two releases that MusicBrainz
// tells apart are two albums, whatever their names.
const BY_TEXT: &str = "select a.id, a.artist_id, r.name, r.musicbrainz_id, a.title, a.year, a.musicbrainz_id, a.path, a.artwork_path,
        a.total_tracks
    from artist r join album a on a.artist_id = r.id
    where r.name_key = $1 and a.title_key = $2 and (a.year = $3 or a.year is null or $3 is null)
      and ($4::uuid is null or a.musicbrainz_id is null)
    order by a.year is not distinct from $3 desc, a.id limit 1";
const TRACKS: &str =
    "select id, disc_number, track_number, title, essence, path, duration_ms, format, sample_rate_hz,
        bit_depth, bitrate_kbps, channels, is_lossy, isrc, musicbrainz_id
    from track where album_id = $1 order by disc_number, track_number, id";
const WITH_ESSENCE: &str =
    "select essence, id, album_id, path from track where essence = any($1) order by essence, id";

/// The album of the library that is the same release, by the surest sign that there is.
pub async fn find_twin(client: &impl Sql, asked: &TwinQuery<'_>) -> Result<Option<ExistingAlbum>> {
    let Some((row, likeness)) = find_row(client, asked).await? else { return Ok(None) };
    let id: i64 = row.get(0);
    let tracks = client.rows(TRACKS, &[&id]).await?.iter().map(ExistingTrack::from).collect();
    Ok(Some(ExistingAlbum {
        id,
        artist_id: row.get(1),
        artist: row.get(2),
        artist_musicbrainz_id: row.get(3),
        title: row.get(4),
        year: row.get(5),
        musicbrainz_id: row.get(6),
        path: row.get(7),
        artwork_path: row.get(8),
        total_tracks: row.get(9),
        likeness,
        tracks,
    }))
}

async fn find_row(client: &impl Sql, asked: &TwinQuery<'_>) -> Result<Option<(Row, Likeness)>> {
    if let Some(id) = asked.musicbrainz_id
        && let Some(row) = client.maybe_row(BY_MUSICBRAINZ, &[&id]).await?
    {
        return Ok(Some((row, Likeness::MusicBrainz)));
    }
    if let Some(barcode) = asked.barcode.filter(|b| !b.is_empty())
        && let Some(row) = client.maybe_row(BY_BARCODE, &[&barcode, &asked.musicbrainz_id]).await?
    {
        return Ok(Some((row, Likeness::Barcode)));
    }
    let (artist, title) = (identity_key(asked.artist), identity_key(asked.title));
    let found = client.maybe_row(BY_TEXT, &[&artist, &title, &asked.year, &asked.musicbrainz_id]).await?;
    Ok(found.map(|row| (row, Likeness::Text)))
}

/// Every track of the library that has one of these essences.
pub async fn tracks_with_essence(client: &impl Sql, essences: &[String]) -> Result<Vec<KnownEssence>> {
    if essences.is_empty() {
        return Ok(Vec::new());
    }
    let rows = client.rows(WITH_ESSENCE, &[&essences]).await?;
    Ok(rows
        .iter()
        .map(|row| KnownEssence {
            essence: row.get(0),
            track_id: row.get(1),
            album_id: row.get(2),
            path: row.get(3),
        })
        .collect())
}

impl From<&Row> for ExistingTrack {
    fn from(row: &Row) -> Self {
        Self {
            id: row.get(0),
            disc_number: row.get(1),
            track_number: row.get(2),
            title: row.get(3),
            essence: row.get(4),
            path: row.get(5),
            duration_ms: row.get(6),
            format: row.get(7),
            sample_rate_hz: row.get(8),
            bit_depth: row.get(9),
            bitrate_kbps: row.get(10),
            channels: row.get(11),
            is_lossy: row.get(12),
            isrc: row.get(13),
            recording_id: row.get(14),
        }
    }
}
