//! Search as you type, in every script: exact names first, then names that begin so, then all that have the words.
//!
//! The first two come in index order from the sort keys, the words from a GIN index over what `naming` makes of names;
//! each step runs only while the answer is not full, and looks at a bounded number of rows. Words are taken as they stand
//! first, since all beginnings of a word cost most; of tracks, which are so many, not more of them than need be. Only when
//! nothing was found at all are artists and albums compared letter by letter, for a slip of the finger.

use serde::Serialize;
use utoipa::ToSchema;

use super::album::Albums;
use super::artist::Artists;
use super::naming::{SearchQuery, identity_key, prefix_range, search_query, sort_key};
use super::track::Tracks;
use crate::db::Sql;
use crate::error::Result;

/// Fewer letters are like too much.
const FUZZY_FROM_CHARS: usize = 4;

/// What is searched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Artists.
    Artist,
    /// Albums.
    Album,
    /// Tracks.
    Track,
}

/// What was found, each list ranked.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct Found {
    /// By name.
    pub artists: Artists,
    /// By title, or by artist.
    pub albums: Albums,
    /// By title, or by artist or album.
    pub tracks: Tracks,
}

impl Found {
    /// How many things.
    pub fn count(&self) -> usize {
        self.artists.len() + self.albums.len() + self.tracks.len()
    }
}

/// Looks for `typed` among these kinds; at most `limit` of each.
pub async fn search(
    client: &impl Sql,
    user_id: i64,
    typed: &str,
    kinds: &[Kind],
    limit: usize,
) -> Result<Found> {
    let Some(asked) = Asked::of(typed, limit) else { return Ok(Found::default()) };
    let is_asked = |kind: Kind| kinds.contains(&kind);
    let SearchQuery { exact, loose, .. } = &asked.words;
    let of_artists = [(ARTISTS_BY_WORDS, exact), (ARTISTS_BY_WORDS, loose)];
    let of_albums = [(ALBUMS_BY_WORDS, exact), (ALBUMS_BY_WORDS, loose)];
    let (mut artists, mut albums, tracks) = tokio::try_join!(
        asked.ids(client, is_asked(Kind::Artist), ARTISTS_BY_NAME, &of_artists),
        asked.ids(client, is_asked(Kind::Album), ALBUMS_BY_NAME, &of_albums),
        asked.tracks(client, is_asked(Kind::Track)),
    )?;
    if artists.is_empty() && albums.is_empty() && tracks.is_empty() {
        (artists, albums) = tokio::try_join!(
            asked.alike(client, is_asked(Kind::Artist), ARTISTS_ALIKE),
            asked.alike(client, is_asked(Kind::Album), ALBUMS_ALIKE),
        )?;
    }
    let (artists, albums, tracks) = tokio::try_join!(
        Artists::by_ids(client, user_id, &artists),
        Albums::by_ids(client, user_id, &albums),
        Tracks::by_ids(client, user_id, &tracks),
    )?;
    Ok(Found { artists, albums, tracks })
}

/// What was typed, as the statements take it.
struct Asked {
    identity: String,
    from: String,
    to: String,
    words: SearchQuery,
    limit: usize,
}

impl Asked {
    /// None for nothing but blanks.
    fn of(typed: &str, limit: usize) -> Option<Self> {
        let words = search_query(typed)?;
        let (from, to) = prefix_range(sort_key(typed));
        Some(Self { identity: identity_key(typed), from, to, words, limit })
    }

    /// By name, then by one statement of words after the other, while there is room.
    async fn ids(
        &self,
        client: &impl Sql,
        is_asked: bool,
        by_name: &'static str,
        by_words: &[(&'static str, &String)],
    ) -> Result<Vec<i64>> {
        if !is_asked {
            return Ok(Vec::new());
        }
        let rows = client.rows(by_name, &[&self.identity, &self.from, &self.to]).await?;
        let mut ids: Vec<i64> = Vec::with_capacity(self.limit);
        self.take(&mut ids, rows.iter().map(|row| row.get(0)));
        for (sql, words) in by_words {
            if ids.len() < self.limit {
                let rows = client.rows(sql, &[words]).await?;
                self.take(&mut ids, rows.iter().map(|row| row.get(0)));
            }
        }
        Ok(ids)
    }

    /// That any word may grow is thought of when else nothing is found.
    async fn tracks(&self, client: &impl Sql, is_asked: bool) -> Result<Vec<i64>> {
        let SearchQuery { exact, growing, loose } = &self.words;
        let mut by_words = vec![(TRACKS_BY_COMMON_WORDS, exact), (TRACKS_BY_WORDS, exact)];
        if growing != exact {
            by_words.extend([(TRACKS_BY_COMMON_WORDS, growing), (TRACKS_BY_WORDS, growing)]);
        }
        let ids = self.ids(client, is_asked, TRACKS_BY_NAME, &by_words).await?;
        if is_asked && ids.is_empty() && loose != growing {
            let rows = client.rows(TRACKS_BY_WORDS, &[loose]).await?;
            return Ok(rows.iter().take(self.limit).map(|row| row.get(0)).collect());
        }
        Ok(ids)
    }

    async fn alike(&self, client: &impl Sql, is_asked: bool, sql: &'static str) -> Result<Vec<i64>> {
        if !is_asked || self.from.chars().count() < FUZZY_FROM_CHARS {
            return Ok(Vec::new());
        }
        let rows = client.rows(sql, &[&self.from]).await?;
        let mut ids = Vec::new();
        self.take(&mut ids, rows.iter().map(|row| row.get(0)));
        Ok(ids)
    }

    fn take(&self, ids: &mut Vec<i64>, found: impl Iterator<Item = i64>) {
        for id in found {
            if ids.len() < self.limit && !ids.contains(&id) {
                ids.push(id);
            }
        }
    }
}

// By name: the same name (accents count), then all that begin so, the shortest first. The inner limits are at least as
// large as any that a client may ask for.
const ARTISTS_BY_NAME: &str = "select id from (
        (select id, 0 as place, sort_key from artist where name_key = $1 limit 50)
        union all
        (select id, 1, sort_key from artist where sort_key >= $2 and sort_key < $3 order by sort_key, id limit 50)
    ) found order by place, sort_key, id";
const ALBUMS_BY_NAME: &str = "select id from (
        select id, title_key = $1 as is_same, sort_key from album
        where sort_key >= $2 and sort_key < $3 order by sort_key, id limit 50
    ) found order by is_same desc, sort_key, id";
const TRACKS_BY_NAME: &str = "select id from (
        select id, title_key = $1 as is_same, sort_key from track
        where sort_key >= $2 and sort_key < $3 order by sort_key, id limit 50
    ) found order by is_same desc, sort_key, id";

// By words: those in the name itself weigh more than those of the artist or the album. What is asked for hides in a
// subquery: knowing it, the planner believes that a prefix has so many hits that reading the table until there are 1,000
// is cheap, and for a rare one reads all of it (0.4 s at 500,000 tracks).
const ARTISTS_BY_WORDS: &str = "select id from (
        select id, search, sort_key from artist where search @@ (select $1::text::tsquery) limit 1000
    ) found order by ts_rank(search, $1::text::tsquery) desc, sort_key, id limit 50";
const ALBUMS_BY_WORDS: &str = "select id from (
        select id, search, sort_key from album where search @@ (select $1::text::tsquery) limit 1000
    ) found order by ts_rank(search, $1::text::tsquery) desc, sort_key, id limit 50";
// PostgreSQL collects all that have the words before it gives the first. Of words that very many tracks have, a sixteenth
// of the tracks gives enough to choose from (an index of its own, migration 0019); of others this finds too few to count.
const TRACKS_BY_COMMON_WORDS: &str = "with sample as materialized (
        select id, search, sort_key from track where search @@ (select $1::text::tsquery) and id % 16 = 0 limit 400)
    select id from sample where (select count(*) from sample) >= 250
    order by ts_rank(search, $1::text::tsquery) desc, sort_key, id limit 50";
const TRACKS_BY_WORDS: &str = "select id from (
        select id, search, sort_key from track where search @@ (select $1::text::tsquery) limit 400
    ) found order by ts_rank(search, $1::text::tsquery) desc, sort_key, id limit 50";

// How alike two words must be, `<%` asks the connection (see `db`): half of the three-letter pieces, so that `beatels`
// finds the Beatles.
const ARTISTS_ALIKE: &str = "select id from (
        select id, sort_key, word_similarity($1, sort_key) as likeness from artist where (select $1::text) <% sort_key limit 200
    ) found order by likeness desc, sort_key, id limit 50";
const ALBUMS_ALIKE: &str = "select id from (
        select id, sort_key, word_similarity($1, sort_key) as likeness from album where (select $1::text) <% sort_key limit 200
    ) found order by likeness desc, sort_key, id limit 50";

// -- what is here, in the shape of a search of everything

const ALBUM_COUNTS: &str =
    "select r.id, (select count(*) from album a where a.artist_id = r.id) from unnest($1::bigint[]) r (id)";

/// What is here.
#[derive(Debug, Serialize, ToSchema)]
pub struct Local<'a> {
    /// How many things.
    pub count: usize,
    /// By title, or by artist.
    pub albums: Vec<AlbumHit<'a>>,
    /// By name.
    pub artists: Vec<ArtistHit<'a>>,
    /// By title, or by artist or album.
    pub tracks: Vec<TrackHit<'a>>,
}

/// An album that was found.
#[derive(Debug, Serialize, ToSchema)]
pub struct AlbumHit<'a> {
    pub id: i64,
    pub title: &'a str,
    pub year: Option<i32>,
    pub artwork_path: Option<&'a str>,
    pub artist_id: i64,
    pub artist_name: &'a str,
    pub source: &'a str,
    /// `complete` or `incomplete`.
    pub status: &'static str,
    pub is_hearted: bool,
    pub artwork_version: Option<&'a str>,
}

/// An artist that was found.
#[derive(Debug, Serialize, ToSchema)]
pub struct ArtistHit<'a> {
    pub id: i64,
    pub name: &'a str,
    pub sort_name: &'a str,
    pub album_count: i64,
    pub artwork_path: Option<&'a str>,
    pub is_hearted: bool,
    pub artwork_version: Option<&'a str>,
}

/// A track that was found.
#[derive(Debug, Serialize, ToSchema)]
pub struct TrackHit<'a> {
    pub id: i64,
    pub title: &'a str,
    pub track_number: i32,
    pub duration: Option<i64>,
    pub album_id: i64,
    pub album_title: &'a str,
    pub artist_name: &'a str,
    pub source: &'a str,
    /// `16/44`
    pub quality: Option<String>,
    pub is_hearted: bool,
    pub artwork_version: Option<&'a str>,
}

/// The `local` part of a unified search.
pub async fn local<'f>(client: &impl Sql, found: &'f Found) -> Result<Local<'f>> {
    let artist_ids: Vec<i64> = found.artists.iter().map(|a| a.id).collect();
    let counts: Vec<(i64, i64)> = if artist_ids.is_empty() {
        Vec::new()
    } else {
        let rows = client.rows(ALBUM_COUNTS, &[&artist_ids]).await?;
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    };
    let album_count = |id: i64| counts.iter().find(|(artist, _)| *artist == id).map_or(0, |(_, n)| *n);
    let albums = found.albums.iter().map(|a| AlbumHit {
        id: a.id,
        title: a.title,
        year: a.year,
        artwork_path: a.artwork_path,
        artist_id: a.artist_id,
        artist_name: a.artist_name,
        source: a.source,
        status: if a.available_tracks >= a.total_tracks { "complete" } else { "incomplete" },
        is_hearted: a.is_hearted,
        artwork_version: a.artwork_version,
    });
    let artists = found.artists.iter().map(|a| ArtistHit {
        id: a.id,
        name: a.name,
        sort_name: a.sort_name,
        album_count: album_count(a.id),
        artwork_path: a.artwork_path,
        is_hearted: a.is_hearted,
        artwork_version: a.artwork_version,
    });
    let tracks = found.tracks.iter().map(|t| TrackHit {
        id: t.id,
        title: t.title,
        track_number: t.track_number,
        duration: t.duration,
        album_id: t.album_id,
        album_title: t.album_title,
        artist_name: t.artist_name,
        source: t.source,
        quality: t.bit_depth.zip(t.sample_rate).map(|(bits, hz)| format!("{bits}/{}", hz / 1000)),
        is_hearted: t.is_hearted,
        artwork_version: t.artwork_version,
    });
    Ok(Local {
        count: found.count(),
        albums: albums.collect(),
        artists: artists.collect(),
        tracks: tracks.collect(),
    })
}
