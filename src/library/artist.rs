//! Artists: the row as clients see it, and the ways to list them.

use serde::{Serialize, Serializer};
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use super::page::{Asked, Page, cut, page_start};
use crate::db::Sql;
use crate::error::Result;

/// An artist, as one user sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Artist<'r> {
    /// The row.
    pub id: i64,
    /// As written.
    pub name: &'r str,
    /// As sorted: `Beatles, The`.
    pub sort_name: &'r str,
    /// The folder, relative to MUSIC_PATH, when all albums lie in one.
    pub path: Option<&'r str>,
    /// The picture, relative to MUSIC_PATH.
    pub artwork_path: Option<&'r str>,
    /// MusicBrainz artist id.
    pub musicbrainz_id: Option<Uuid>,
    /// The user follows the artist, or has a heart on an album or a track.
    pub is_hearted: bool,
    /// Names the content of the portrait, or of the cover that is shown without one. `/artists/{id}/artwork?size=200&v=…`
    /// with it may be kept for good. Null while there is neither, or none that was made small yet.
    pub artwork_version: Option<&'r str>,
}

impl<'r> From<&'r Row> for Artist<'r> {
    fn from(row: &'r Row) -> Self {
        Self {
            id: row.get(0),
            name: row.get(1),
            sort_name: row.get(2),
            path: row.get::<_, Option<&str>>(3).and_then(|album| album.rsplit_once('/')).map(|(dir, _)| dir),
            artwork_path: row.get(4),
            musicbrainz_id: row.get(5),
            is_hearted: row.get(6),
            artwork_version: row.get(7),
        }
    }
}

/// Some artists, in order; each row is read only when it is written out.
#[derive(Debug, Default, ToSchema)]
#[schema(value_type = Vec<Artist<'_>>)]
pub struct Artists(Vec<Row>);

impl Serialize for Artists {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

// The columns of `Artist`, in its order. Two statements have them: a page in index order, and some rows by id. Hearts are
// asked for by scalar subqueries, which stay look-ups (`exists` may become a hash of all hearts).
const PAGE: &str = "select a.id, a.name, a.sort_name,
        (select b.path from album b where b.artist_id = a.id limit 1), a.artwork_path, a.musicbrainz_id,
        coalesce((select true from heart h where h.user_id = $1 and h.artist_id = a.id),
            (select true from album b where b.artist_id = a.id and (
                select true from heart h where h.user_id = $1 and h.folder_of_album_id = b.id limit 1) limit 1), false),
        (select left(p.hash, 16) from picture p where p.path = coalesce(a.artwork_path, (
            select b.artwork_path from album b where b.artist_id = a.id and b.artwork_path is not null
            order by b.year desc nulls last, b.sort_key, b.id limit 1))),
        a.sort_key
    from (select id, name, sort_name, sort_key, artwork_path, musicbrainz_id from artist
          where (sort_key, id) > ($2, $3) and sort_key < $4 order by sort_key, id limit 101) a
    order by a.sort_key, a.id limit $5";
const BY_IDS: &str = "select a.id, a.name, a.sort_name,
        (select b.path from album b where b.artist_id = a.id limit 1), a.artwork_path, a.musicbrainz_id,
        coalesce((select true from heart h where h.user_id = $1 and h.artist_id = a.id),
            (select true from album b where b.artist_id = a.id and (
                select true from heart h where h.user_id = $1 and h.folder_of_album_id = b.id limit 1) limit 1), false),
        (select left(p.hash, 16) from picture p where p.path = coalesce(a.artwork_path, (
            select b.artwork_path from album b where b.artist_id = a.id and b.artwork_path is not null
            order by b.year desc nulls last, b.sort_key, b.id limit 1)))
    from unnest($2::bigint[]) with ordinality asked (id, place) join artist a on a.id = asked.id
    order by asked.place";
const PAGE_START: &str = "with asked as (
        select coalesce((select sum(names) from letter_total where kind = 'artist' and letter < $1), 0)::bigint + $3::bigint as place
    ), near as (
        select s.sort_key, s.id, asked.place - s.before as rest
        from (select sort_key, id, (sum(names) over (order by sort_key, id) - names)::bigint as before
              from stretch where kind = 'artist') s, asked
        where s.before <= asked.place order by s.before desc, s.sort_key desc, s.id desc limit 1)
    select sort_key, id from (
        select sort_key, id from artist where (sort_key, id) >= ((select sort_key from near), (select id from near))
        order by sort_key, id offset (select rest from near) limit 1) found
    where sort_key < $2";
const PAGE_START_COUNTED: &str = "select sort_key, id from artist where sort_key >= $1 and sort_key < $2
    order by sort_key, id offset $3 limit 1";
const TOTAL: &str = "select artist_count from library";
const TOTAL_OF_LETTER: &str = "select coalesce(sum(names), 0)::bigint from letter_total
    where kind = 'artist' and letter >= $1 and letter < $2";
const COUNT_OF_PREFIX: &str = "select count(*) from artist where sort_key >= $1 and sort_key < $2";

impl Artists {
    /// All artists, or those of a letter, by sort name.
    pub async fn page(client: &impl Sql, user_id: i64, asked: &Asked) -> Result<Page<Self>> {
        let (_, to) = asked.range();
        let total = match &asked.letter {
            None => client.row(TOTAL, &[]).await?.get(0),
            Some(_) => asked.total_of_letter(client, TOTAL_OF_LETTER, COUNT_OF_PREFIX).await?,
        };
        let Some(after) = page_start(client, (PAGE_START, PAGE_START_COUNTED), asked).await? else {
            return Ok(asked.answer(Self::default(), total, None));
        };
        let one_more = asked.limit + 1;
        let rows = client.rows(PAGE, &[&user_id, &after.key, &after.id, &to, &one_more]).await?;
        let (rows, next_cursor) = cut(rows, asked.limit, 8);
        Ok(asked.answer(Self(rows), total, next_cursor))
    }

    /// These artists in this order; those that are gone are left out.
    pub async fn by_ids(client: &impl Sql, user_id: i64, ids: &[i64]) -> Result<Self> {
        if ids.is_empty() {
            return Ok(Self::default());
        }
        Ok(Self(client.rows(BY_IDS, &[&user_id, &ids]).await?))
    }

    /// Each of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Artist<'_>> {
        self.0.iter().map(Artist::from)
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
