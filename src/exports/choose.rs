//! What of the library a user loves: albums that are hearted, and single tracks of others. The same that the user's
//! folder holds.

use tokio_postgres::Row;
use uuid::Uuid;

use super::manifest::{Album, Followed, Track};
use crate::db::Sql;
use crate::error::Result;

// By age, so that names that have to be told apart keep their numbers when more is hearted.
const ALBUMS: &str = "select a.id from album a where a.id in (
        select folder_of_album_id from heart where user_id = $1 and folder_of_album_id is not null)
    order by a.artist_id, a.id";
const ALBUM: &str = "select a.id, a.path, a.artwork_path, r.name, r.sort_name, r.musicbrainz_id as artist_musicbrainz_id,
        a.title, a.year, a.musicbrainz_id, a.total_tracks, a.disc_count, a.genre, a.label, a.catalog_number, a.barcode,
        a.release_type, a.is_compilation, a.source, a.source_url, a.created_at,
        (select h.created_at from heart h where h.user_id = $1 and h.album_id = a.id) as hearted_at
    from album a join artist r on r.id = a.artist_id where a.id = $2";
const TRACKS: &str = "select t.id, t.path, t.size_bytes, t.title, t.artist_name, t.disc_number, t.track_number, t.duration_ms,
        t.format, t.sample_rate_hz, t.bit_depth, t.bitrate_kbps, t.channels, t.is_lossy, t.essence,
        encode(t.checksum, 'hex') as checksum, t.isrc, t.composer, t.genre, t.musicbrainz_id, t.source, t.source_url,
        t.imported_at, u.username, h.created_at as hearted_at
    from track t
        left join heart h on h.user_id = $1 and h.track_id = t.id
        left join app_user u on u.id = t.imported_by
    where t.album_id = $2
        and (h.id is not null or exists (select from heart w where w.user_id = $1 and w.album_id = t.album_id))
    order by t.disc_number, t.track_number, t.id";
const FOLLOWING: &str = "select r.name, r.musicbrainz_id from heart h join artist r on r.id = h.artist_id
    where h.user_id = $1 order by r.sort_key, r.id";

/// An album of which something is hearted, as the library has it now.
#[derive(Debug, Clone)]
pub struct Chosen {
    /// The album's row.
    pub id: i64,
    /// Its folder, relative to MUSIC_PATH, as `files::path_to_text` writes it.
    pub path: String,
    /// Its cover.
    pub artwork_path: Option<String>,
    /// For the manifest; its files are still to come.
    pub album: Album,
    /// In the order of `album.tracks`.
    pub tracks: Vec<ChosenTrack>,
}

/// One of its tracks.
#[derive(Debug, Clone)]
pub struct ChosenTrack {
    /// The track's row.
    pub id: i64,
    /// The file, relative to MUSIC_PATH.
    pub path: String,
    /// Its size, as recorded.
    pub size_bytes: u64,
}

/// The albums, in the order in which they get their names.
pub async fn albums(client: &impl Sql, user_id: i64) -> Result<Vec<i64>> {
    Ok(client.rows(ALBUMS, &[&user_id]).await?.iter().map(|row| row.get(0)).collect())
}

/// One of them; none when it is not hearted (any more).
pub async fn album(client: &impl Sql, user_id: i64, album_id: i64) -> Result<Option<Chosen>> {
    let Some(row) = client.maybe_row(ALBUM, &[&user_id, &album_id]).await? else { return Ok(None) };
    let rows = client.rows(TRACKS, &[&user_id, &album_id]).await?;
    if rows.is_empty() {
        return Ok(None);
    }
    Ok(Some(Chosen {
        id: row.get("id"),
        path: row.get("path"),
        artwork_path: row.get("artwork_path"),
        album: Album { tracks: rows.iter().map(track).collect(), ..of(&row) },
        tracks: rows
            .iter()
            .map(|t| ChosenTrack {
                id: t.get("id"),
                path: t.get("path"),
                size_bytes: t.get::<_, i64>("size_bytes").unsigned_abs(),
            })
            .collect(),
    }))
}

/// Whom the user follows.
pub async fn following(client: &impl Sql, user_id: i64) -> Result<Vec<Followed>> {
    let rows = client.rows(FOLLOWING, &[&user_id]).await?;
    let followed = |row: &Row| Followed { name: row.get(0), musicbrainz_id: row.get(1) };
    Ok(rows.iter().map(followed).collect())
}

const LIBRARY: &str = "select id from library";

/// Which library this is.
pub async fn library(client: &impl Sql) -> Result<Uuid> {
    Ok(client.row(LIBRARY, &[]).await?.get(0))
}

fn of(row: &Row) -> Album {
    Album {
        artist: row.get("name"),
        artist_sort: row.get("sort_name"),
        artist_musicbrainz_id: row.get("artist_musicbrainz_id"),
        title: row.get("title"),
        year: row.get("year"),
        musicbrainz_id: row.get("musicbrainz_id"),
        total_tracks: row.get("total_tracks"),
        disc_count: row.get("disc_count"),
        genre: row.get("genre"),
        label: row.get("label"),
        catalog_number: row.get("catalog_number"),
        barcode: row.get("barcode"),
        release_type: row.get("release_type"),
        is_compilation: row.get("is_compilation"),
        source: row.get("source"),
        source_url: row.get("source_url"),
        added_at: row.get("created_at"),
        hearted_at: row.get("hearted_at"),
        tracks: Vec::new(),
        files: Vec::new(),
    }
}

fn track(row: &Row) -> Track {
    Track {
        title: row.get("title"),
        artist: row.get("artist_name"),
        disc_number: row.get("disc_number"),
        track_number: row.get("track_number"),
        duration_ms: row.get("duration_ms"),
        format: row.get("format"),
        sample_rate_hz: row.get("sample_rate_hz"),
        bit_depth: row.get("bit_depth"),
        bitrate_kbps: row.get("bitrate_kbps"),
        channels: row.get("channels"),
        is_lossy: row.get("is_lossy"),
        essence: row.get("essence"),
        checksum: row.get("checksum"),
        isrc: row.get("isrc"),
        composer: row.get("composer"),
        genre: row.get("genre"),
        musicbrainz_id: row.get("musicbrainz_id"),
        source: row.get("source"),
        source_url: row.get("source_url"),
        imported_at: row.get("imported_at"),
        imported_by: row.get("username"),
        hearted_at: row.get("hearted_at"),
        files: Vec::new(),
    }
}
