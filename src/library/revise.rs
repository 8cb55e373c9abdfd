//! Rows as an edit sees them: read with all that a person may change, and written back as a whole.
//!
//! What is derived from names (keys, order, the words that find them) is derived here again, for everything that the
//! caller hands over: who changes a name hands over all rows that show it.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use uuid::Uuid;

use super::naming::{Weight, identity_key, search_vector, sort_key};
use crate::db::Sql;
use crate::error::Result;

/// An artist, with all that is needed to make the row again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ArtistRow {
    /// The row.
    pub id: i64,
    /// As written.
    pub name: String,
    /// As it sorts: `Beatles, The`.
    pub sort_name: String,
    /// MusicBrainz artist.
    pub musicbrainz_id: Option<Uuid>,
    /// The portrait, relative to MUSIC_PATH.
    pub artwork_path: Option<String>,
}

/// An album.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AlbumRow {
    /// The row.
    pub id: i64,
    /// Its artist.
    pub artist_id: i64,
    /// As written.
    pub title: String,
    /// Year of release.
    pub year: Option<i32>,
    /// The folder, relative to MUSIC_PATH.
    pub path: String,
    /// The cover, relative to MUSIC_PATH.
    pub artwork_path: Option<String>,
    /// How many discs.
    pub disc_count: i32,
    /// As tagged.
    pub genre: Option<String>,
    /// Record label.
    pub label: Option<String>,
    /// The label's number for it.
    pub catalog_number: Option<String>,
    /// EAN or UPC.
    pub barcode: Option<String>,
    /// MusicBrainz release; part of what makes the album one of its own.
    pub musicbrainz_id: Option<Uuid>,
    /// `album`, `single`, …
    pub release_type: Option<String>,
}

/// A track and its file.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrackRow {
    /// The row.
    pub id: i64,
    /// Its album.
    pub album_id: i64,
    /// As written.
    pub title: String,
    /// Where it is not the album's.
    pub artist_name: Option<String>,
    /// Counts from 1.
    pub disc_number: i32,
    /// Counts from 1; 0 for a hidden track.
    pub track_number: i32,
    /// As tagged.
    pub genre: Option<String>,
    /// As tagged.
    pub composer: Option<String>,
    /// Twelve characters.
    pub isrc: Option<String>,
    /// The file, relative to MUSIC_PATH.
    pub path: String,
    /// Its size.
    pub size_bytes: i64,
    /// Its modification time.
    pub modified_at: Timestamp,
    /// BLAKE3 of the whole file, hex; where it is known.
    pub checksum: Option<String>,
    /// Of the audio; where it is known.
    pub essence: Option<String>,
}

/// Rows that belong together: tracks, their albums, those albums' artists.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Rows {
    /// By id.
    pub artists: Vec<ArtistRow>,
    /// By id.
    pub albums: Vec<AlbumRow>,
    /// By album, disc and number.
    pub tracks: Vec<TrackRow>,
}

const ARTISTS: &str =
    "select id, name, sort_name, musicbrainz_id, artwork_path from artist where id = any($1) order by id";
const ALBUMS: &str =
    "select id, artist_id, title, year, path, artwork_path, disc_count, genre, label, catalog_number,
        barcode, musicbrainz_id, release_type
    from album where id = any($1) order by id";
const TRACKS: &str =
    "select id, album_id, title, artist_name, disc_number, track_number, genre, composer, isrc, path,
        size_bytes, modified_at, encode(checksum, 'hex'), essence
    from track where album_id = any($1) order by album_id, disc_number, track_number, id";

impl Rows {
    /// These albums, with all their tracks and their artists. Those that are gone are left out.
    pub async fn of_albums(client: &impl Sql, album_ids: &[i64]) -> Result<Self> {
        let albums: Vec<AlbumRow> =
            client.rows(ALBUMS, &[&album_ids]).await?.iter().map(AlbumRow::from).collect();
        let tracks = client.rows(TRACKS, &[&album_ids]).await?.iter().map(TrackRow::from).collect();
        let artist_ids: Vec<i64> = albums.iter().map(|a| a.artist_id).collect();
        let artists = Self::artists(client, &artist_ids).await?;
        Ok(Self { artists, albums, tracks })
    }

    /// These artists.
    pub async fn artists(client: &impl Sql, ids: &[i64]) -> Result<Vec<ArtistRow>> {
        Ok(client.rows(ARTISTS, &[&ids]).await?.iter().map(ArtistRow::from).collect())
    }

    /// One of its artists.
    pub fn artist(&self, id: i64) -> Option<&ArtistRow> {
        self.artists.iter().find(|a| a.id == id)
    }

    /// One of its albums.
    pub fn album(&self, id: i64) -> Option<&AlbumRow> {
        self.albums.iter().find(|a| a.id == id)
    }
}

impl From<&Row> for ArtistRow {
    fn from(row: &Row) -> Self {
        Self {
            id: row.get(0),
            name: row.get(1),
            sort_name: row.get(2),
            musicbrainz_id: row.get(3),
            artwork_path: row.get(4),
        }
    }
}

impl From<&Row> for AlbumRow {
    fn from(row: &Row) -> Self {
        Self {
            id: row.get(0),
            artist_id: row.get(1),
            title: row.get(2),
            year: row.get(3),
            path: row.get(4),
            artwork_path: row.get(5),
            disc_count: row.get(6),
            genre: row.get(7),
            label: row.get(8),
            catalog_number: row.get(9),
            barcode: row.get(10),
            musicbrainz_id: row.get(11),
            release_type: row.get(12),
        }
    }
}

impl From<&Row> for TrackRow {
    fn from(row: &Row) -> Self {
        Self {
            id: row.get(0),
            album_id: row.get(1),
            title: row.get(2),
            artist_name: row.get(3),
            disc_number: row.get(4),
            track_number: row.get(5),
            genre: row.get(6),
            composer: row.get(7),
            isrc: row.get(8),
            path: row.get(9),
            size_bytes: row.get(10),
            modified_at: row.get(11),
            checksum: row.get(12),
            essence: row.get(13),
        }
    }
}

// The recorder's lock: whoever makes or renames artists and albums does it one after the other.
const LOCK: &str = "select pg_advisory_xact_lock(7205759403792794)";
const ARTIST_NAMED: &str =
    "select id from artist where name_key = $1 and musicbrainz_id is not distinct from $2 and id <> $3";
const UPSERT_ARTIST: &str = "insert into artist as a (id, name, name_key, sort_name, sort_key, musicbrainz_id, artwork_path, search)
    overriding system value values ($1, $2, $3, $4, $5, $6, $7, $8::text::tsvector)
    on conflict (id) do update set name = excluded.name, name_key = excluded.name_key, sort_name = excluded.sort_name,
        sort_key = excluded.sort_key, artwork_path = excluded.artwork_path, search = excluded.search, updated_at = now()";
const UPDATE_ALBUMS: &str = "update album a set artist_id = n.artist_id, title = n.title, title_key = n.title_key,
        sort_key = n.sort_key, search = n.search::tsvector, year = n.year, path = n.path, artwork_path = n.artwork_path,
        disc_count = n.disc_count, genre = n.genre, label = n.label, catalog_number = n.catalog_number,
        barcode = n.barcode, release_type = n.release_type, updated_at = now()
    from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::text[], $7::integer[], $8::text[],
            $9::text[], $10::integer[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[])
        n (id, artist_id, title, title_key, sort_key, search, year, path, artwork_path, disc_count, genre, label,
           catalog_number, barcode, release_type)
    where a.id = n.id";
const UPDATE_TRACKS: &str = "update track t set title = n.title, title_key = n.title_key, sort_key = n.sort_key,
        search = n.search::tsvector, artist_name = n.artist_name, disc_number = n.disc_number,
        track_number = n.track_number, genre = n.genre, composer = n.composer, isrc = n.isrc, path = n.path,
        size_bytes = n.size_bytes, modified_at = n.modified_at, checksum = decode(n.checksum, 'hex'),
        essence = n.essence, updated_at = now()
    from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::integer[], $8::integer[],
            $9::text[], $10::text[], $11::text[], $12::text[], $13::bigint[], $14::timestamptz[], $15::text[], $16::text[])
        n (id, title, title_key, sort_key, search, artist_name, disc_number, track_number, genre, composer, isrc, path,
           size_bytes, modified_at, checksum, essence)
    where t.id = n.id";
// Paths may change places among the rows of one edit, and are unique row by row: each steps aside first.
const STEP_ASIDE_ALBUMS: &str = "update album set path = 'artists/.edited-' || id where id = any($1)";
const STEP_ASIDE_TRACKS: &str = "update track set path = 'artists/.edited-' || id where id = any($1)";
const FORGET_EMPTY: &str =
    "delete from artist a where a.id = any($1) and not exists (select from album b where b.artist_id = a.id)
        and not exists (select from heart h where h.artist_id = a.id)";

/// Makes the rows equal to `after`, in the caller's transaction. Artists of `before` that have no album left afterwards
/// are forgotten, unless somebody follows them; artists of `after` that are not there are made, with the ids that they are given.
///
/// # Errors
/// The database refuses an identity or a path that another row has.
pub async fn revise(tx: &impl Sql, before: &Rows, after: &Rows) -> Result<()> {
    tx.row(LOCK, &[]).await?;
    let mut after = after.clone();
    revise_artists(tx, &mut after).await?;
    revise_albums(tx, &after).await?;
    revise_tracks(tx, &after).await?;
    let artist_ids: Vec<i64> = before.artists.iter().map(|a| a.id).collect();
    tx.run(FORGET_EMPTY, &[&artist_ids]).await?;
    Ok(())
}

/// An artist who came by another way meanwhile is taken instead of a twin.
async fn revise_artists(tx: &impl Sql, after: &mut Rows) -> Result<()> {
    let mut twins: HashMap<i64, i64> = HashMap::new();
    for artist in &after.artists {
        let key = identity_key(&artist.name);
        if let Some(row) = tx.maybe_row(ARTIST_NAMED, &[&key, &artist.musicbrainz_id, &artist.id]).await? {
            twins.insert(artist.id, row.get(0));
            continue;
        }
        let search = search_vector(&[(Weight::Name, &artist.name), (Weight::Maker, &artist.sort_name)]);
        tx.run(
            UPSERT_ARTIST,
            &[
                &artist.id,
                &artist.name,
                &key,
                &artist.sort_name,
                &sort_key(&artist.sort_name),
                &artist.musicbrainz_id,
                &artist.artwork_path,
                &search,
            ],
        )
        .await?;
    }
    for artist in &mut after.artists {
        artist.id = twins.get(&artist.id).copied().unwrap_or(artist.id);
    }
    for album in &mut after.albums {
        album.artist_id = twins.get(&album.artist_id).copied().unwrap_or(album.artist_id);
    }
    Ok(())
}

async fn revise_albums(tx: &impl Sql, after: &Rows) -> Result<()> {
    let albums = after.albums.as_slice();
    if albums.is_empty() {
        return Ok(());
    }
    let artist_name = |a: &AlbumRow| after.artist(a.artist_id).map_or("", |artist| artist.name.as_str());
    let ids: Vec<i64> = albums.iter().map(|a| a.id).collect();
    tx.run(STEP_ASIDE_ALBUMS, &[&ids]).await?;
    tx.run(
        UPDATE_ALBUMS,
        &[
            &ids,
            &column(albums, |a| a.artist_id),
            &column(albums, |a| a.title.as_str()),
            &column(albums, |a| identity_key(&a.title)),
            &column(albums, |a| sort_key(&a.title)),
            &column(albums, |a| search_vector(&[(Weight::Name, &a.title), (Weight::Maker, artist_name(a))])),
            &column(albums, |a| a.year),
            &column(albums, |a| a.path.as_str()),
            &column(albums, |a| a.artwork_path.as_deref()),
            &column(albums, |a| a.disc_count),
            &column(albums, |a| a.genre.as_deref()),
            &column(albums, |a| a.label.as_deref()),
            &column(albums, |a| a.catalog_number.as_deref()),
            &column(albums, |a| a.barcode.as_deref()),
            &column(albums, |a| a.release_type.as_deref()),
        ],
    )
    .await?;
    Ok(())
}

async fn revise_tracks(tx: &impl Sql, after: &Rows) -> Result<()> {
    let tracks = after.tracks.as_slice();
    if tracks.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = tracks.iter().map(|t| t.id).collect();
    tx.run(STEP_ASIDE_TRACKS, &[&ids]).await?;
    tx.run(
        UPDATE_TRACKS,
        &[
            &ids,
            &column(tracks, |t| t.title.as_str()),
            &column(tracks, |t| identity_key(&t.title)),
            &column(tracks, |t| sort_key(&t.title)),
            &column(tracks, |t| search_of(t, after)),
            &column(tracks, |t| t.artist_name.as_deref()),
            &column(tracks, |t| t.disc_number),
            &column(tracks, |t| t.track_number),
            &column(tracks, |t| t.genre.as_deref()),
            &column(tracks, |t| t.composer.as_deref()),
            &column(tracks, |t| t.isrc.as_deref()),
            &column(tracks, |t| t.path.as_str()),
            &column(tracks, |t| t.size_bytes),
            &column(tracks, |t| t.modified_at),
            &column(tracks, |t| t.checksum.as_deref()),
            &column(tracks, |t| t.essence.as_deref()),
        ],
    )
    .await?;
    Ok(())
}

fn search_of(track: &TrackRow, rows: &Rows) -> String {
    let album = rows.album(track.album_id);
    let artist = album.and_then(|a| rows.artist(a.artist_id));
    search_vector(&[
        (Weight::Name, &track.title),
        (Weight::Maker, track.artist_name.as_deref().unwrap_or_default()),
        (Weight::Maker, artist.map_or("", |a| a.name.as_str())),
        (Weight::Context, album.map_or("", |a| a.title.as_str())),
    ])
}

fn column<'r, T, V>(rows: &'r [T], of: impl Fn(&'r T) -> V) -> Vec<V> {
    rows.iter().map(of).collect()
}
