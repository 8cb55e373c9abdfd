//! Tracks: the row as clients see it, in two shapes: within its album, and by itself.

use serde::{Serialize, Serializer};
use tokio_postgres::Row;
use utoipa::ToSchema;

use super::naming::quality_display;
use crate::db::Sql;
use crate::error::{Error, Result};

/// A track by itself, as one user sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Track<'r> {
    /// The row.
    pub id: i64,
    /// As written.
    pub title: &'r str,
    /// Counts from 1.
    pub track_number: i32,
    /// Counts from 1.
    pub disc_number: i32,
    /// Its album.
    pub album_id: i64,
    /// Seconds.
    pub duration: Option<i64>,
    /// The file, relative to MUSIC_PATH.
    pub path: &'r str,
    /// Its album's title.
    pub album_title: &'r str,
    /// Its own artist, else the album's.
    pub artist_name: &'r str,
    /// The album's cover, relative to MUSIC_PATH.
    pub artwork_path: Option<&'r str>,
    /// Hz.
    pub sample_rate: Option<i32>,
    /// Bits.
    pub bit_depth: Option<i32>,
    /// kbit/s.
    pub bitrate: Option<i32>,
    /// `FLAC`, `MP3`, …
    pub format: &'r str,
    /// By format or by source.
    pub is_lossy: bool,
    /// `16/44kHz FLAC`
    pub quality_display: String,
    /// `import`, `qobuz`, …
    pub source: &'r str,
    /// `16/44 FLAC`, `320kbps MP3`
    pub source_quality: Option<String>,
    /// The user has a heart on the track or on its album.
    pub is_hearted: bool,
    /// Its file is away.
    pub missing: bool,
    /// Of the album's cover, as in `Album`.
    pub artwork_version: Option<&'r str>,
    /// It was fetched to fill a gap of its album.
    pub is_filling: bool,
}

impl<'r> From<&'r Row> for Track<'r> {
    fn from(row: &'r Row) -> Self {
        let (sample_rate, bit_depth, bitrate) = (row.get(10), row.get(11), row.get(12));
        let (format, is_lossy) = (row.get(13), row.get(14));
        Self {
            id: row.get(0),
            title: row.get(1),
            track_number: row.get(2),
            disc_number: row.get(3),
            album_id: row.get(4),
            duration: seconds(row.get(5)),
            path: row.get(6),
            album_title: row.get(7),
            artist_name: row.get(8),
            artwork_path: row.get(9),
            sample_rate,
            bit_depth,
            bitrate,
            format,
            is_lossy,
            quality_display: quality_display(format, is_lossy, sample_rate, bit_depth, bitrate),
            source: row.get(15),
            source_quality: source_quality(format, is_lossy, sample_rate, bit_depth, bitrate),
            is_hearted: row.get(16),
            missing: row.get(17),
            artwork_version: row.get(18),
            is_filling: row.get(19),
        }
    }
}

/// Some tracks, in order; each row is read only when it is written out.
#[derive(Debug, Default, ToSchema)]
#[schema(value_type = Vec<Track<'_>>)]
pub struct Tracks(Vec<Row>);

impl Serialize for Tracks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

const BY_IDS: &str = "select t.id, t.title, t.track_number, t.disc_number, t.album_id, t.duration_ms, t.path, a.title,
        coalesce(t.artist_name, r.name), a.artwork_path, t.sample_rate_hz, t.bit_depth, t.bitrate_kbps, t.format,
        t.is_lossy, t.source,
        coalesce((select true from heart h where h.user_id = $1 and h.track_id = t.id),
            (select true from heart h where h.user_id = $1 and h.album_id = t.album_id), false),
        t.missing_since is not null,
        (select left(p.hash, 16) from picture p where p.path = a.artwork_path), t.is_filling
    from unnest($2::bigint[]) with ordinality asked (id, place)
        join track t on t.id = asked.id join album a on a.id = t.album_id join artist r on r.id = a.artist_id
    order by asked.place";
const IDS_OF_ALBUM: &str = "select id from track where album_id = $1 order by disc_number, track_number, id";
const ALBUM_IS_THERE: &str = "select exists (select from album where id = $1)";

impl Tracks {
    /// The tracks of an album, by disc and number.
    ///
    /// # Errors
    /// `NotFound` when there is no such album.
    pub async fn of_album(client: &impl Sql, user_id: i64, album_id: i64) -> Result<Self> {
        let ids: Vec<i64> = client.rows(IDS_OF_ALBUM, &[&album_id]).await?.iter().map(|r| r.get(0)).collect();
        if ids.is_empty() && !client.row(ALBUM_IS_THERE, &[&album_id]).await?.get::<_, bool>(0) {
            return Err(Error::NotFound("Album not found"));
        }
        Self::by_ids(client, user_id, &ids).await
    }

    /// One track.
    ///
    /// # Errors
    /// `NotFound` when there is none with this id.
    pub async fn one(client: &impl Sql, user_id: i64, track_id: i64) -> Result<Self> {
        let one = Self::by_ids(client, user_id, &[track_id]).await?;
        if one.is_empty() { Err(Error::NotFound("Track not found")) } else { Ok(one) }
    }

    /// These tracks in this order; those that are gone are left out.
    pub async fn by_ids(client: &impl Sql, user_id: i64, ids: &[i64]) -> Result<Self> {
        if ids.is_empty() {
            return Ok(Self::default());
        }
        Ok(Self(client.rows(BY_IDS, &[&user_id, &ids]).await?))
    }

    /// Each of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Track<'_>> {
        self.0.iter().map(Track::from)
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The tracks within an album's detail.
#[derive(Debug, ToSchema)]
#[schema(value_type = Vec<TrackBrief<'_>>)]
pub struct TracksOfAlbum(Vec<Row>);

/// A track within its album; the fields are those of `Track`.
#[derive(Serialize, ToSchema)]
struct TrackBrief<'r> {
    id: i64,
    title: &'r str,
    /// Where it is not the album's.
    artist_name: Option<&'r str>,
    track_number: i32,
    disc_number: i32,
    /// Seconds.
    duration: Option<i64>,
    /// The file, relative to MUSIC_PATH.
    path: &'r str,
    /// Hz.
    sample_rate: Option<i32>,
    /// Bits.
    bit_depth: Option<i32>,
    /// kbit/s.
    bitrate: Option<i32>,
    format: &'r str,
    is_lossy: bool,
    /// `16/44kHz FLAC`
    quality_display: String,
    is_hearted: bool,
    /// Its file is away.
    missing: bool,
    /// It was fetched to fill a gap of the album; marked when it is lossy.
    is_filling: bool,
}

impl<'r> From<&'r Row> for TrackBrief<'r> {
    fn from(row: &'r Row) -> Self {
        let (sample_rate, bit_depth, bitrate) = (row.get(7), row.get(8), row.get(9));
        let (format, is_lossy) = (row.get(10), row.get(11));
        Self {
            id: row.get(0),
            title: row.get(1),
            artist_name: row.get(2),
            track_number: row.get(3),
            disc_number: row.get(4),
            duration: seconds(row.get(5)),
            path: row.get(6),
            sample_rate,
            bit_depth,
            bitrate,
            format,
            is_lossy,
            quality_display: quality_display(format, is_lossy, sample_rate, bit_depth, bitrate),
            is_hearted: row.get(12),
            missing: row.get(13),
            is_filling: row.get(14),
        }
    }
}

const OF_ALBUM: &str =
    "select t.id, t.title, t.artist_name, t.track_number, t.disc_number, t.duration_ms, t.path,
        t.sample_rate_hz, t.bit_depth, t.bitrate_kbps, t.format, t.is_lossy,
        coalesce((select true from heart h where h.user_id = $1 and h.track_id = t.id),
            (select true from heart h where h.user_id = $1 and h.album_id = $2), false),
        t.missing_since is not null, t.is_filling
    from track t where t.album_id = $2 order by t.disc_number, t.track_number, t.id";

impl TracksOfAlbum {
    pub(super) async fn find(client: &impl Sql, user_id: i64, album_id: i64) -> Result<Self> {
        Ok(Self(client.rows(OF_ALBUM, &[&user_id, &album_id]).await?))
    }
}

impl Serialize for TracksOfAlbum {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(TrackBrief::from))
    }
}

/// Whole seconds, rounded.
fn seconds(duration_ms: Option<i64>) -> Option<i64> {
    duration_ms.map(|ms| (ms + 500) / 1000)
}

fn source_quality(
    format: &str,
    is_lossy: bool,
    sample_rate_hz: Option<i32>,
    bit_depth: Option<i32>,
    bitrate_kbps: Option<i32>,
) -> Option<String> {
    match (is_lossy, bit_depth, sample_rate_hz, bitrate_kbps) {
        (true, _, _, Some(kbps)) => Some(format!("{kbps}kbps {format}")),
        (false, Some(bits), Some(hz), _) => Some(format!("{bits}/{} {format}", hz / 1000)),
        _ => None,
    }
}
