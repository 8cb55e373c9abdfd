//! Rows whose file lies elsewhere now, or nowhere: ids, hearts and history stay, only the place changes.

use crate::db::Sql;
use crate::error::Result;

/// A row and its two places, relative to MUSIC_PATH.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The track or album.
    pub id: i64,
    /// Where the rows have it.
    pub from: String,
    /// Where it was found.
    pub to: String,
}

// Whoever was quicker has moved it already, or has the place.
const MOVE_TRACKS: &str = "update track t set path = n.to_path, missing_since = null, updated_at = now()
    from unnest($1::bigint[], $2::text[], $3::text[]) n (id, from_path, to_path)
    where t.id = n.id and t.path = n.from_path and not exists (select from track x where x.path = n.to_path)
    returning t.id";
const MOVE_ALBUMS: &str = "update album a set path = n.to_path, updated_at = now()
    from unnest($1::bigint[], $2::text[], $3::text[]) n (id, from_path, to_path)
    where a.id = n.id and a.path = n.from_path and not exists (select from album x where x.path = n.to_path)";

/// Gives these tracks the place where they were found; those that it was true for.
pub async fn move_tracks(tx: &impl Sql, moves: &[Move]) -> Result<Vec<i64>> {
    if moves.is_empty() {
        return Ok(Vec::new());
    }
    let (ids, from, to) = columns(moves);
    Ok(tx.rows(MOVE_TRACKS, &[&ids, &from, &to]).await?.iter().map(|row| row.get(0)).collect())
}

/// The same for the folders of albums.
pub async fn move_albums(tx: &impl Sql, moves: &[Move]) -> Result<()> {
    if !moves.is_empty() {
        let (ids, from, to) = columns(moves);
        tx.run(MOVE_ALBUMS, &[&ids, &from, &to]).await?;
    }
    Ok(())
}

fn columns(moves: &[Move]) -> (Vec<i64>, Vec<&str>, Vec<&str>) {
    let from = moves.iter().map(|m| m.from.as_str()).collect();
    (moves.iter().map(|m| m.id).collect(), from, moves.iter().map(|m| m.to.as_str()).collect())
}

const MARK_MISSING: &str = "update track t set missing_since = now()
    from unnest($1::bigint[], $2::text[]) n (id, path)
    where t.id = n.id and t.path = n.path and t.missing_since is null returning t.id";
const MARK_PRESENT: &str =
    "update track set missing_since = null where id = any($1) and missing_since is not null";

/// Notes that these files are not there: id and path. Those that it is news of.
pub async fn mark_missing(tx: &impl Sql, files: &[(i64, String)]) -> Result<Vec<i64>> {
    if files.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<i64> = files.iter().map(|f| f.0).collect();
    let paths: Vec<&str> = files.iter().map(|f| f.1.as_str()).collect();
    Ok(tx.rows(MARK_MISSING, &[&ids, &paths]).await?.iter().map(|row| row.get(0)).collect())
}

/// Notes that these tracks' files are there (again); how many were away.
pub async fn mark_present(tx: &impl Sql, ids: &[i64]) -> Result<u64> {
    if ids.is_empty() { Ok(0) } else { tx.run(MARK_PRESENT, &[&ids]).await }
}

const FORGET_TRACKS: &str = "delete from track where id = any($1) returning album_id";
const FORGET_EMPTY_ALBUMS: &str = "delete from album a
    where a.id = any($1) and not exists (select from track t where t.album_id = a.id) returning artist_id";
const FORGET_ARTISTS: &str = "delete from artist r
    where r.id = any($1) and not exists (select from album a where a.artist_id = r.id)
        and not exists (select from heart h where h.artist_id = r.id)";

/// Removes albums of which no track is left (all went elsewhere), and their artists with them, unless somebody follows.
pub async fn forget_empty_albums(tx: &impl Sql, album_ids: &[i64]) -> Result<()> {
    if album_ids.is_empty() {
        return Ok(());
    }
    let artists: Vec<i64> =
        tx.rows(FORGET_EMPTY_ALBUMS, &[&album_ids]).await?.iter().map(|row| row.get(0)).collect();
    if !artists.is_empty() {
        tx.run(FORGET_ARTISTS, &[&artists]).await?;
    }
    Ok(())
}

/// Removes tracks whose files are gone for good, as a person says; their albums too when nothing is left of them.
pub async fn forget_tracks(tx: &impl Sql, ids: &[i64]) -> Result<()> {
    let albums: Vec<i64> = tx.rows(FORGET_TRACKS, &[&ids]).await?.iter().map(|row| row.get(0)).collect();
    forget_empty_albums(tx, &albums).await
}

// What a person accepts is new to us: the next rescan reads it as it is.
const FORGET_READING: &str =
    "update track set checksum = null, essence = null, modified_at = 'epoch' where id = any($1)";

/// Forgets what was read of these tracks' files, so that the next rescan takes them as they are.
pub async fn forget_reading(tx: &impl Sql, ids: &[i64]) -> Result<()> {
    tx.run(FORGET_READING, &[&ids]).await.map(drop)
}

const RENEW_FILE: &str = "update track set size_bytes = $2, modified_at = $3, checksum = $4, essence = $5,
        missing_since = null, updated_at = now()
    where id = $1 and path = $6";

/// A file of this track that was put in its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewedFile {
    /// Whose.
    pub track_id: i64,
    /// Where, relative to MUSIC_PATH.
    pub path: String,
    /// Its size.
    pub size_bytes: i64,
    /// Its time.
    pub modified_at: jiff::Timestamp,
    /// BLAKE3 of all of it.
    pub checksum: [u8; 32],
    /// Of its audio.
    pub essence: String,
}

/// Notes the file that lies at a track's place now; whether the track is still there.
pub async fn renew_file(tx: &impl Sql, file: &RenewedFile) -> Result<bool> {
    let checksum = file.checksum.as_slice();
    let done = tx
        .run(
            RENEW_FILE,
            &[&file.track_id, &file.size_bytes, &file.modified_at, &checksum, &file.essence, &file.path],
        )
        .await?;
    Ok(done > 0)
}
