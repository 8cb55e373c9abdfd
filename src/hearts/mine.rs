//! A user's own library as lists: the hearted albums, their artists, their tracks.

use serde::Serialize;
use utoipa::ToSchema;

use crate::db::Sql;
use crate::error::{Error, Result};
use crate::library::{Albums, Artists, Asked, Cursor, Page, Tracks};

/// A page of hearted albums. Clients of the first version read `items`, those of its description `albums`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MyAlbums)]
pub struct LovedAlbums<'a> {
    /// The albums.
    pub items: &'a Albums,
    /// The same.
    pub albums: &'a Albums,
    /// How many there are.
    pub total: i64,
    /// As asked.
    pub page: i64,
    /// As asked.
    pub limit: i64,
    /// Asks for what follows.
    pub next_cursor: Option<String>,
}

impl<'a> From<&'a Page<Albums>> for LovedAlbums<'a> {
    fn from(page: &'a Page<Albums>) -> Self {
        Self {
            items: &page.items,
            albums: &page.items,
            total: page.total,
            page: page.page,
            limit: page.limit,
            next_cursor: page.next_cursor.clone(),
        }
    }
}

// The id of a heart grows with its time.
const ALBUMS: &str = "select id, album_id from heart where user_id = $1 and album_id is not null and id < $2
    order by id desc limit $3 offset $4";
const ALBUM_TOTAL: &str = "select coalesce((select album_count from loved where user_id = $1), 0)";

/// Hearted albums, the newest heart first.
pub async fn albums(client: &impl Sql, user_id: i64, asked: &Asked) -> Result<Page<Albums>> {
    let (before, offset) = match &asked.after {
        Some(cursor) => (cursor.id, 0),
        None => (i64::MAX, asked.rows_before()),
    };
    let one_more = asked.limit + 1;
    let mut rows = client.rows(ALBUMS, &[&user_id, &before, &one_more, &offset]).await?;
    let total = client.row(ALBUM_TOTAL, &[&user_id]).await?.get(0);
    let is_more = rows.len() as i64 > asked.limit;
    rows.truncate(asked.limit as usize);
    let last = rows.last().filter(|_| is_more);
    let next_cursor = last.map(|row| Cursor { key: String::new(), id: row.get(0) }.text());
    let ids: Vec<i64> = rows.iter().map(|row| row.get(1)).collect();
    Ok(asked.answer(Albums::by_ids(client, user_id, &ids).await?, total, next_cursor))
}

const ARTIST_TOTAL: &str =
    "select count(*) from loved_artist where user_id = $1 and sort_key >= $2 and sort_key < $3";
const ARTISTS: &str = "select artist_id, sort_key from loved_artist
    where user_id = $1 and sort_key >= $2 and sort_key < $3 and (sort_key, artist_id) > ($4, $5)
    order by sort_key, artist_id limit $6 offset $7";

/// Artists with a hearted album or track, by sort name.
pub async fn artists(client: &impl Sql, user_id: i64, asked: &Asked) -> Result<Page<Artists>> {
    let (from, to) = asked.range();
    let (after, offset) = match asked.after.clone() {
        Some(cursor) => (cursor, 0),
        None => (Cursor { key: String::new(), id: 0 }, asked.rows_before()),
    };
    let total = client.row(ARTIST_TOTAL, &[&user_id, &from, &to]).await?.get(0);
    let one_more = asked.limit + 1;
    let mut rows =
        client.rows(ARTISTS, &[&user_id, &from, &to, &after.key, &after.id, &one_more, &offset]).await?;
    let is_more = rows.len() as i64 > asked.limit;
    rows.truncate(asked.limit as usize);
    let last = rows.last().filter(|_| is_more);
    let next_cursor = last.map(|row| Cursor { key: row.get(1), id: row.get(0) }.text());
    let ids: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    Ok(asked.answer(Artists::by_ids(client, user_id, &ids).await?, total, next_cursor))
}

const ALBUMS_OF_ARTIST: &str = "select a.id from album a
    where a.artist_id = $2 and exists (select from heart h where h.user_id = $1 and h.folder_of_album_id = a.id)
    order by a.year desc nulls last, a.sort_key, a.id";

/// The albums of an artist that are hearted or have a hearted track, newest first.
///
/// # Errors
/// `NotFound` when there are none.
pub async fn albums_of_artist(client: &impl Sql, user_id: i64, artist_id: i64) -> Result<Albums> {
    let rows = client.rows(ALBUMS_OF_ARTIST, &[&user_id, &artist_id]).await?;
    if rows.is_empty() {
        return Err(Error::NotFound("No albums found for this artist in your library"));
    }
    let ids: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    Albums::by_ids(client, user_id, &ids).await
}

// Each heart here gives at least one track and no track comes twice, so the newest hearts, as many as tracks are asked
// for, are enough.
const TRACKS: &str = "with newest as materialized (
        select h.id, h.album_id, h.track_id from heart h
        where h.user_id = $1 and case
            when h.album_id is not null then exists (select from track t where t.album_id = h.album_id)
            else h.track_id is not null and not exists (
                select from heart a where a.user_id = $1 and a.album_id = h.folder_of_album_id) end
        order by h.id desc limit $2::bigint + $3::bigint)
    select t.id, t.disc_number, t.track_number, n.id as heart_id from newest n join track t on t.album_id = n.album_id
    union all
    select t.id, t.disc_number, t.track_number, n.id from newest n join track t on t.id = n.track_id
    order by heart_id desc, disc_number, track_number, id limit $2 offset $3";

/// The tracks of hearted albums and those hearted by themselves, the newest heart first.
pub async fn tracks(client: &impl Sql, user_id: i64, asked: &Asked) -> Result<Tracks> {
    let rows = client.rows(TRACKS, &[&user_id, &asked.limit, &asked.rows_before()]).await?;
    let ids: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    Tracks::by_ids(client, user_id, &ids).await
}
