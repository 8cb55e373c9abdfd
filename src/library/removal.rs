//! Takes albums and tracks out of the rows, and puts them back as they were, with their ids. Their files are the
//! trash's business.
//!
//! Rows are kept as JSON (`to_jsonb`), so that columns that later versions add come along by themselves.

use serde_json::{Value, json};

use super::naming::{Weight, identity_key, search_vector, sort_key};
use super::record::LOCK;
use crate::db::Sql;
use crate::error::Result;

/// An album that is about to go, as its rows are. Nobody can add to it, heart it or give its artist another album until
/// the caller's transaction ends.
#[derive(Debug, Clone)]
pub struct Standing {
    /// The artist's row.
    pub artist: Value,
    /// The album's row.
    pub album: Value,
    /// Each track: its id and its row.
    pub tracks: Vec<(i64, Value)>,
    /// The artist has no other album.
    pub is_only_album: bool,
}

const STANDING: &str = "select to_jsonb(a), to_jsonb(r),
        not exists (select from album b where b.artist_id = a.artist_id and b.id <> a.id)
    from album a join artist r on r.id = a.artist_id where a.id = $1 for update of a, r";
const TRACKS_STANDING: &str = "select t.id, to_jsonb(t) from track t where t.album_id = $1
    order by t.disc_number, t.track_number, t.id for update of t";
const REMOVE_TRACKS: &str = "delete from track where album_id = $1 and id = any($2)";
const REMOVE_EMPTY_ALBUM: &str =
    "delete from album a where a.id = $1 and not exists (select from track t where t.album_id = a.id)";
const REMOVE_EMPTY_ARTIST: &str = "delete from artist a where a.id = $1
    and not exists (select from album b where b.artist_id = a.id)";

/// The rows of an album that is about to be removed, locked; none when there is no such album.
pub async fn lock_for_removal(tx: &impl Sql, album_id: i64) -> Result<Option<Standing>> {
    let Some(row) = tx.maybe_row(STANDING, &[&album_id]).await? else { return Ok(None) };
    let tracks = tx.rows(TRACKS_STANDING, &[&album_id]).await?;
    Ok(Some(Standing {
        album: row.get(0),
        artist: row.get(1),
        is_only_album: row.get(2),
        tracks: tracks.iter().map(|row| (row.get(0), row.get(1))).collect(),
    }))
}

/// Removes these tracks of an album; with its last track the album, with its last album the artist. Hearts go with
/// what they are on.
pub async fn remove_tracks(tx: &impl Sql, album_id: i64, artist_id: i64, track_ids: &[i64]) -> Result<()> {
    tx.run(REMOVE_TRACKS, &[&album_id, &track_ids]).await?;
    tx.run(REMOVE_EMPTY_ALBUM, &[&album_id]).await?;
    remove_artist_without_albums(tx, artist_id).await
}

/// Removes an artist who has no album any more; one who has some stays.
pub async fn remove_artist_without_albums(tx: &impl Sql, artist_id: i64) -> Result<()> {
    tx.run(REMOVE_EMPTY_ARTIST, &[&artist_id]).await?;
    Ok(())
}

// -- and back

/// Rows as they were, with the paths that the files have now.
#[derive(Debug, Clone)]
pub struct Returning {
    /// The artist's row.
    pub artist: Value,
    /// The album's row.
    pub album: Value,
    /// The rows of its tracks.
    pub tracks: Vec<Value>,
}

/// Where they stand again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Returned {
    /// The album's row: the id that it had.
    pub album_id: i64,
    /// Its artist's row: the id that it had, unless the same artist has come anew.
    pub artist_id: i64,
    /// The album's title, when another album has taken its name: `Debut (restored)`.
    pub new_title: Option<String>,
}

const ARTIST_AGAIN: &str =
    "select a.id from artist a, jsonb_populate_record(null::artist, $1) w where a.id = w.id
        or (a.name_key = w.name_key and a.musicbrainz_id is not distinct from w.musicbrainz_id)
    order by a.id = w.id desc limit 1";
const INSERT_ARTIST: &str = "insert into artist overriding system value
    select * from jsonb_populate_record(null::artist, $1) returning id";
const ALBUM_IS_THERE: &str = "select artist_id from album where id = $1";
const IS_NAMED_SO: &str = "select exists (select from album a, jsonb_populate_record(null::album, $1) w
    where a.artist_id = w.artist_id and a.title_key = w.title_key and a.year is not distinct from w.year
        and a.musicbrainz_id is not distinct from w.musicbrainz_id)";
const INSERT_ALBUM: &str = "insert into album overriding system value
    select * from jsonb_populate_record(null::album, $1)";
// A member who was removed meanwhile is no longer named.
const INSERT_TRACKS: &str = "insert into track overriding system value
    select w.* from jsonb_array_elements($1) t (was), jsonb_populate_record(null::track, '{\"search\": \"\"}'::jsonb || t.was
        || jsonb_build_object('imported_by', (select u.id from app_user u where u.id = (t.was ->> 'imported_by')::bigint))) w";
// Somebody looked at the folder between our putting the files there and this transaction: they are no other tracks.
const FORGET_TWINS: &str = "delete from track where path = any($1)";
const FORGET_EMPTY_TWIN: &str = "delete from album a where a.path = $1
    and not exists (select from track t where t.album_id = a.id)";

/// Puts rows back. The artist and the album may have come back before, or may be there still.
pub async fn bring_back(tx: &impl Sql, returning: &Returning) -> Result<Returned> {
    tx.row(LOCK, &[]).await?;
    let paths: Vec<&str> = returning.tracks.iter().filter_map(|t| t["path"].as_str()).collect();
    tx.run(FORGET_TWINS, &[&paths]).await?;
    let album_id = id_of(&returning.album)?;
    let mut returned = match tx.maybe_row(ALBUM_IS_THERE, &[&album_id]).await? {
        Some(row) => Returned { album_id, artist_id: row.get(0), new_title: None },
        None => bring_album(tx, returning, album_id).await?,
    };
    returned.album_id = album_id;
    let mut tracks = returning.tracks.clone();
    for track in &mut tracks {
        track["album_id"] = json!(album_id);
        track["missing_since"] = Value::Null;
    }
    tx.run(INSERT_TRACKS, &[&Value::Array(tracks)]).await?;
    Ok(returned)
}

async fn bring_album(tx: &impl Sql, returning: &Returning, album_id: i64) -> Result<Returned> {
    let artist_id: i64 = match tx.maybe_row(ARTIST_AGAIN, &[&returning.artist]).await? {
        Some(row) => row.get(0),
        None => tx.row(INSERT_ARTIST, &[&returning.artist]).await?.get(0),
    };
    let mut album = returning.album.clone();
    tx.run(FORGET_EMPTY_TWIN, &[&album["path"].as_str()]).await?;
    album["artist_id"] = json!(artist_id);
    // The tracks that follow are counted by their trigger.
    album["available_tracks"] = json!(0);
    let title = album["title"].as_str().unwrap_or_default().to_owned();
    let artist = returning.artist["name"].as_str().unwrap_or_default();
    let mut new_title = None;
    let mut number = 1;
    while tx.row(IS_NAMED_SO, &[&album]).await?.get(0) {
        let name = title_beside(&title, number);
        album["title_key"] = json!(identity_key(&name));
        album["sort_key"] = json!(sort_key(&name));
        album["search"] = json!(search_vector(&[(Weight::Name, &name), (Weight::Maker, artist)]));
        album["title"] = json!(name);
        new_title = Some(name);
        number += 1;
    }
    tx.run(INSERT_ALBUM, &[&album]).await?;
    Ok(Returned { album_id, artist_id, new_title })
}

fn title_beside(title: &str, number: u32) -> String {
    match number {
        1 => format!("{title} (restored)"),
        n => format!("{title} (restored {n})"),
    }
}

fn id_of(row: &Value) -> Result<i64> {
    Ok(row["id"].as_i64().ok_or_else(|| anyhow::anyhow!("a row that was kept has no id"))?)
}

// What a person has written about the track since stays; what the file says about itself comes with the file.
const RETURN_FILES: &str =
    "update track t set path = w.path, size_bytes = w.size_bytes, modified_at = w.modified_at, format = w.format,
        sample_rate_hz = w.sample_rate_hz, bit_depth = w.bit_depth, bitrate_kbps = w.bitrate_kbps, channels = w.channels,
        is_lossy = w.is_lossy, checksum = w.checksum, essence = w.essence, duration_ms = w.duration_ms,
        source = w.source, source_url = w.source_url, isrc = coalesce(t.isrc, w.isrc),
        musicbrainz_id = coalesce(t.musicbrainz_id, w.musicbrainz_id), missing_since = null, updated_at = now()
    from jsonb_array_elements($1) o (was), jsonb_populate_record(null::track, o.was) w where t.id = w.id";

/// Gives tracks the files back that they had before: `rows` are their rows as they were, with the paths that the files
/// have now.
pub async fn return_files(tx: &impl Sql, rows: &[Value]) -> Result<()> {
    tx.run(RETURN_FILES, &[&Value::Array(rows.to_vec())]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_taken_is_numbered() {
        let names: Vec<String> = (1..=3).map(|n| title_beside("Debut", n)).collect();
        assert_eq!(names, ["Debut (restored)", "Debut (restored 2)", "Debut (restored 3)"]);
    }
}
