//! Albums: the row as clients see it, and the ways to list them.

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use super::page::{Asked, Cursor, Page, cut, page_start};
use super::track::TracksOfAlbum;
use crate::db::{Params, Sql};
use crate::error::{Error, Result};

/// An album, as one user sees it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Album<'r> {
    /// The row.
    pub id: i64,
    /// As written.
    pub title: &'r str,
    /// Of release.
    pub year: Option<i32>,
    /// The album artist.
    pub artist_id: i64,
    /// The album artist's name.
    pub artist_name: &'r str,
    /// The folder, relative to MUSIC_PATH.
    pub path: &'r str,
    /// The cover, relative to MUSIC_PATH.
    pub artwork_path: Option<&'r str>,
    /// How many tracks the release has.
    pub total_tracks: i32,
    /// How many of them are here.
    pub available_tracks: i32,
    /// `import`, `qobuz`, …
    pub source: &'r str,
    /// The user has a heart on the album itself.
    pub is_hearted: bool,
    /// Names the cover's content. `/albums/{id}/artwork?size=200&v=…` with it may be kept for good: another cover has
    /// another. Null while there is no cover, or none that was made small yet.
    pub artwork_version: Option<&'r str>,
    /// A track of it is lossy.
    pub is_lossy: bool,
    /// A track of it has more than a CD holds.
    pub is_hires: bool,
}

impl<'r> From<&'r Row> for Album<'r> {
    fn from(row: &'r Row) -> Self {
        Self {
            id: row.get(0),
            title: row.get(1),
            year: row.get(2),
            artist_id: row.get(3),
            artist_name: row.get(4),
            path: row.get(5),
            artwork_path: row.get(6),
            total_tracks: row.get(7),
            available_tracks: row.get(8),
            source: row.get(9),
            is_hearted: row.get(10),
            artwork_version: row.get(11),
            is_lossy: row.get(12),
            is_hires: row.get(13),
        }
    }
}

/// Some albums, in order; each row is read only when it is written out.
#[derive(Debug, Default, ToSchema)]
#[schema(value_type = Vec<Album<'_>>)]
pub struct Albums(Vec<Row>);

impl Serialize for Albums {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

// The page is the most asked for of all statements. It reads its rows in the order of an index, the artist's name, the
// heart and the cover's version by one look-up each (a scalar subquery; `exists` may become a hash of all hearts). The inner limit is a
// constant so that the planner's general plan is as good as one made for the parameters, and is made once.
const PAGE: &str = "select a.id, a.title, a.year, a.artist_id, (select r.name from artist r where r.id = a.artist_id),
        a.path, a.artwork_path, a.total_tracks, a.available_tracks, a.source,
        coalesce((select true from heart h where h.user_id = $1 and h.album_id = a.id), false),
        (select left(p.hash, 16) from picture p where p.path = a.artwork_path), a.lossy_tracks > 0, a.hires_tracks > 0,
        a.sort_key, (select album_count from library)
    from (select id, title, year, artist_id, path, artwork_path, total_tracks, available_tracks, source, sort_key, lossy_tracks,
            hires_tracks from album where (sort_key, id) > ($2, $3) order by sort_key, id limit 101) a
    order by a.sort_key, a.id limit $4";
const PAGE_OF_LETTER: &str = "select a.id, a.title, a.year, a.artist_id,
        (select r.name from artist r where r.id = a.artist_id),
        a.path, a.artwork_path, a.total_tracks, a.available_tracks, a.source,
        coalesce((select true from heart h where h.user_id = $1 and h.album_id = a.id), false),
        (select left(p.hash, 16) from picture p where p.path = a.artwork_path), a.lossy_tracks > 0, a.hires_tracks > 0,
        a.sort_key
    from (select id, title, year, artist_id, path, artwork_path, total_tracks, available_tracks, source, sort_key, lossy_tracks,
            hires_tracks from album where (sort_key, id) > ($2, $3) and sort_key < $4 order by sort_key, id limit 101) a
    order by a.sort_key, a.id limit $5";
const PAGE_OF_ARTIST: &str = "select a.id, a.title, a.year, a.artist_id, r.name,
        a.path, a.artwork_path, a.total_tracks, a.available_tracks, a.source,
        coalesce((select true from heart h where h.user_id = $1 and h.album_id = a.id), false),
        (select left(p.hash, 16) from picture p where p.path = a.artwork_path), a.lossy_tracks > 0, a.hires_tracks > 0,
        a.sort_key
    from album a join artist r on r.id = a.artist_id
    where a.artist_id = $2 and (a.sort_key, a.id) > ($3, $4) and a.sort_key < $5
    order by a.sort_key, a.id limit $6 offset $7";
const BY_IDS: &str =
    "select a.id, a.title, a.year, a.artist_id, (select r.name from artist r where r.id = a.artist_id),
        a.path, a.artwork_path, a.total_tracks, a.available_tracks, a.source,
        coalesce((select true from heart h where h.user_id = $1 and h.album_id = a.id), false),
        (select left(p.hash, 16) from picture p where p.path = a.artwork_path), a.lossy_tracks > 0, a.hires_tracks > 0
    from unnest($2::bigint[]) with ordinality asked (id, place) join album a on a.id = asked.id
    order by asked.place";
const DETAIL: &str = "select a.id, a.title, a.year, a.artist_id, r.name,
        a.path, a.artwork_path, a.total_tracks, a.available_tracks, a.source,
        coalesce((select true from heart h where h.user_id = $1 and h.album_id = a.id), false),
        (select left(p.hash, 16) from picture p where p.path = a.artwork_path), a.lossy_tracks > 0, a.hires_tracks > 0,
        a.disc_count, a.genre, a.label, a.musicbrainz_id, a.created_at
    from album a join artist r on r.id = a.artist_id where a.id = $2";
const PAGE_START: &str = "with asked as (
        select coalesce((select sum(names) from letter_total where kind = 'album' and letter < $1), 0)::bigint + $3::bigint as place
    ), near as (
        select s.sort_key, s.id, asked.place - s.before as rest
        from (select sort_key, id, (sum(names) over (order by sort_key, id) - names)::bigint as before
              from stretch where kind = 'album') s, asked
        where s.before <= asked.place order by s.before desc, s.sort_key desc, s.id desc limit 1)
    select sort_key, id from (
        select sort_key, id from album where (sort_key, id) >= ((select sort_key from near), (select id from near))
        order by sort_key, id offset (select rest from near) limit 1) found
    where sort_key < $2";
const PAGE_START_COUNTED: &str = "select sort_key, id from album where sort_key >= $1 and sort_key < $2
    order by sort_key, id offset $3 limit 1";
const TOTAL: &str = "select album_count from library";
const TOTAL_OF_LETTER: &str = "select coalesce(sum(names), 0)::bigint from letter_total
    where kind = 'album' and letter >= $1 and letter < $2";
const COUNT_OF_PREFIX: &str = "select count(*) from album where sort_key >= $1 and sort_key < $2";
const TOTAL_OF_ARTIST: &str =
    "select count(*) from album where artist_id = $1 and sort_key >= $2 and sort_key < $3";
const IDS_OF_ARTIST: &str =
    "select id from album where artist_id = $1 order by year desc nulls last, sort_key, id";
const ARTIST_IS_THERE: &str = "select exists (select from artist where id = $1)";

impl Albums {
    /// All albums, or those of a letter or an artist, by title.
    pub async fn page(client: &impl Sql, user_id: i64, asked: &Asked) -> Result<Page<Self>> {
        match asked {
            Asked { artist_id: Some(artist_id), .. } => {
                Self::page_of_artist(client, user_id, *artist_id, asked).await
            }
            Asked { letter: Some(range), .. } => Self::page_of_letter(client, user_id, range, asked).await,
            Asked { .. } => Self::page_of_all(client, user_id, asked).await,
        }
    }

    async fn page_of_all(client: &impl Sql, user_id: i64, asked: &Asked) -> Result<Page<Self>> {
        let one_more = asked.limit + 1;
        let rows = match page_start(client, (PAGE_START, PAGE_START_COUNTED), asked).await? {
            Some(after) => client.rows(PAGE, &[&user_id, &after.key, &after.id, &one_more]).await?,
            None => Vec::new(),
        };
        let total = match rows.first() {
            Some(row) => row.get(15),
            None => client.row(TOTAL, &[]).await?.get(0),
        };
        let (rows, next_cursor) = cut(rows, asked.limit, 14);
        Ok(asked.answer(Self(rows), total, next_cursor))
    }

    async fn page_of_letter(
        client: &impl Sql,
        user_id: i64,
        (_, to): &(String, String),
        asked: &Asked,
    ) -> Result<Page<Self>> {
        let one_more = asked.limit + 1;
        let rows = match page_start(client, (PAGE_START, PAGE_START_COUNTED), asked).await? {
            Some(after) => {
                client.rows(PAGE_OF_LETTER, &[&user_id, &after.key, &after.id, &to, &one_more]).await?
            }
            None => Vec::new(),
        };
        let total = asked.total_of_letter(client, TOTAL_OF_LETTER, COUNT_OF_PREFIX).await?;
        let (rows, next_cursor) = cut(rows, asked.limit, 14);
        Ok(asked.answer(Self(rows), total, next_cursor))
    }

    /// An artist has so few albums that an offset is cheap.
    async fn page_of_artist(
        client: &impl Sql,
        user_id: i64,
        artist_id: i64,
        asked: &Asked,
    ) -> Result<Page<Self>> {
        let (from, to) = asked.range();
        let (after, offset) = match asked.after.clone() {
            Some(after) => (after, 0),
            None => (Cursor { key: from.clone(), id: 0 }, asked.rows_before()),
        };
        let one_more = asked.limit + 1;
        let rows = client
            .rows(PAGE_OF_ARTIST, &[&user_id, &artist_id, &after.key, &after.id, &to, &one_more, &offset])
            .await?;
        let total = client.row(TOTAL_OF_ARTIST, &[&artist_id, &from, &to]).await?.get(0);
        let (rows, next_cursor) = cut(rows, asked.limit, 14);
        Ok(asked.answer(Self(rows), total, next_cursor))
    }

    /// All albums of an artist, newest first.
    ///
    /// # Errors
    /// `NotFound` when there is no such artist.
    pub async fn of_artist(client: &impl Sql, user_id: i64, artist_id: i64) -> Result<Self> {
        let ids: Vec<i64> =
            client.rows(IDS_OF_ARTIST, &[&artist_id]).await?.iter().map(|r| r.get(0)).collect();
        if ids.is_empty() && !client.row(ARTIST_IS_THERE, &[&artist_id]).await?.get::<_, bool>(0) {
            return Err(Error::NotFound("Artist not found"));
        }
        Self::by_ids(client, user_id, &ids).await
    }

    /// These albums in this order; those that are gone are left out.
    pub async fn by_ids(client: &impl Sql, user_id: i64, ids: &[i64]) -> Result<Self> {
        if ids.is_empty() {
            return Ok(Self::default());
        }
        Ok(Self(client.rows(BY_IDS, &[&user_id, &ids]).await?))
    }

    /// Each of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Album<'_>> {
        self.0.iter().map(Album::from)
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

/// An album with its tracks.
#[derive(Debug)]
pub struct AlbumDetail {
    row: Row,
    tracks: TracksOfAlbum,
}

/// An album with its tracks, as clients see it.
#[derive(Serialize, ToSchema)]
#[schema(as = AlbumDetail)]
pub(super) struct DetailShape<'r> {
    #[serde(flatten)]
    album: Album<'r>,
    /// The album artist.
    artist: ArtistOfAlbum<'r>,
    /// By disc and number.
    tracks: &'r TracksOfAlbum,
    /// How many discs the release has.
    disc_count: i32,
    /// As tagged.
    genre: Option<&'r str>,
    /// Record label.
    label: Option<&'r str>,
    /// MusicBrainz release id.
    musicbrainz_id: Option<Uuid>,
    /// When it came into the library.
    created_at: Timestamp,
}

#[derive(Serialize, ToSchema)]
struct ArtistOfAlbum<'r> {
    /// The row.
    id: i64,
    /// As written.
    name: &'r str,
}

impl AlbumDetail {
    /// One album, its tracks by disc and number.
    ///
    /// # Errors
    /// `NotFound` when there is none with this id.
    pub async fn find(client: &impl Sql, user_id: i64, album_id: i64) -> Result<Self> {
        // Both are sent at once.
        let params: Params<'_> = &[&user_id, &album_id];
        let (row, tracks) = tokio::try_join!(
            client.maybe_row(DETAIL, params),
            TracksOfAlbum::find(client, user_id, album_id)
        )?;
        let row = row.ok_or(Error::NotFound("Album not found"))?;
        Ok(Self { row, tracks })
    }
}

impl Serialize for AlbumDetail {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let album = Album::from(&self.row);
        let artist = ArtistOfAlbum { id: album.artist_id, name: album.artist_name };
        DetailShape {
            album,
            artist,
            tracks: &self.tracks,
            disc_count: self.row.get(14),
            genre: self.row.get(15),
            label: self.row.get(16),
            musicbrainz_id: self.row.get(17),
            created_at: self.row.get(18),
        }
        .serialize(serializer)
    }
}
