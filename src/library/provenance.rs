//! Where music came from and when: written anew for what returns from an export, so that its history does not begin with
//! its return.

use jiff::Timestamp;

use crate::db::Sql;
use crate::error::Result;

/// Of an album.
#[derive(Debug, Clone)]
pub struct AlbumProvenance {
    /// The row.
    pub album_id: i64,
    /// `import`, `qobuz`, …
    pub source: String,
    /// Where it came from.
    pub source_url: Option<String>,
    /// When it came first.
    pub added_at: Timestamp,
}

/// Of a track.
#[derive(Debug, Clone)]
pub struct TrackProvenance {
    /// The row.
    pub track_id: i64,
    /// `import`, `qobuz`, …
    pub source: String,
    /// Where it came from.
    pub source_url: Option<String>,
    /// When it came first.
    pub imported_at: Timestamp,
    /// The name of who asked for it; nobody, when there is no such user here.
    pub imported_by: Option<String>,
    /// By its source, whatever its format says.
    pub is_lossy: bool,
}

const ALBUM: &str =
    "update album set source = $2, source_url = $3, created_at = least(created_at, $4) where id = $1";
const TRACKS: &str = "update track t set source = n.source, source_url = n.source_url,
        imported_at = least(t.imported_at, n.imported_at), is_lossy = n.is_lossy,
        imported_by = (select u.id from app_user u where u.username = n.imported_by)
    from unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::boolean[])
        n (id, source, source_url, imported_at, imported_by, is_lossy)
    where t.id = n.id";

/// Writes it, of an album and of tracks of it.
pub async fn restore_provenance(
    tx: &impl Sql,
    album: &AlbumProvenance,
    tracks: &[TrackProvenance],
) -> Result<()> {
    tx.run(ALBUM, &[&album.album_id, &album.source, &album.source_url, &album.added_at]).await?;
    let ids: Vec<i64> = tracks.iter().map(|t| t.track_id).collect();
    let sources: Vec<&str> = tracks.iter().map(|t| t.source.as_str()).collect();
    let urls: Vec<Option<&str>> = tracks.iter().map(|t| t.source_url.as_deref()).collect();
    let times: Vec<Timestamp> = tracks.iter().map(|t| t.imported_at).collect();
    let people: Vec<Option<&str>> = tracks.iter().map(|t| t.imported_by.as_deref()).collect();
    let lossy: Vec<bool> = tracks.iter().map(|t| t.is_lossy).collect();
    tx.run(TRACKS, &[&ids, &sources, &urls, &times, &people, &lossy]).await?;
    Ok(())
}
