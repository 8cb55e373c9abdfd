//! Writes albums that stand on the disk into the rows: many at once, in few statements; done twice, the same.
//!
//! What is here already keeps its ids, so that hearts and history hang on. An artist is known by MusicBrainz id, else by
//! name; an album by its folder, else by MusicBrainz id, else by artist, title and year; a track by its file.

use std::collections::HashMap;

use uuid::Uuid;

use super::naming::{Weight, identity_key, search_vector, sort_key};
use super::new::{NewAlbum, NewTrack};
use crate::db::Sql;
use crate::error::Result;

/// Where an album is in the rows now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The album's row.
    pub album_id: i64,
    /// Its artist's row.
    pub artist_id: i64,
    /// Whether there was no such album before.
    pub is_new: bool,
    /// The rows of its tracks, in the order in which they were given.
    pub track_ids: Vec<i64>,
}

// One recorder at a time: two imports of one new artist would else make two of it, or wait for each other in a circle.
pub(super) const LOCK: &str = "select pg_advisory_xact_lock(7205759403792794)";

/// Records albums in the caller's transaction; the answer is in the order of `albums`. Some hundred at once are best:
/// each statement then carries many rows, and no lock is held for long.
pub async fn record(tx: &impl Sql, albums: &[NewAlbum]) -> Result<Vec<Recorded>> {
    if albums.is_empty() {
        return Ok(Vec::new());
    }
    tx.row(LOCK, &[]).await?;
    let artist_ids = record_artists(tx, albums).await?;
    let placed = record_albums(tx, albums, &artist_ids).await?;
    let track_ids = record_tracks(tx, albums, &placed).await?;
    let album_ids: Vec<i64> = placed.iter().map(|p| p.id).collect();
    tx.run(RAISE_TOTALS, &[&album_ids]).await?;
    let recorded = placed.iter().zip(artist_ids).zip(track_ids);
    Ok(recorded
        .map(|((album, artist_id), track_ids)| Recorded {
            album_id: album.id,
            artist_id,
            is_new: album.is_new,
            track_ids,
        })
        .collect())
}

// -- artists

const KNOWN_ARTISTS: &str = "select id, name_key, musicbrainz_id from artist where name_key = any($1)
    union select id, name_key, musicbrainz_id from artist where musicbrainz_id = any($2) order by id";
const IDENTIFY_ARTISTS: &str = "update artist a set musicbrainz_id = n.musicbrainz_id, updated_at = now()
    from unnest($1::bigint[], $2::uuid[]) n (id, musicbrainz_id) where a.id = n.id";
const INSERT_ARTISTS: &str =
    "insert into artist (name, name_key, sort_name, sort_key, musicbrainz_id, search)
    select name, name_key, sort_name, sort_key, musicbrainz_id, search::tsvector
    from unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::uuid[], $6::text[])
        n (name, name_key, sort_name, sort_key, musicbrainz_id, search)
    returning id, name_key, musicbrainz_id";

/// An artist of the rows.
struct KnownArtist {
    id: i64,
    name_key: String,
    musicbrainz_id: Option<Uuid>,
}

struct NewArtist<'a> {
    name: &'a str,
    sort_name: String,
    name_key: String,
    musicbrainz_id: Option<Uuid>,
}

/// The artist's row of each album.
async fn record_artists(tx: &impl Sql, albums: &[NewAlbum]) -> Result<Vec<i64>> {
    let keys: Vec<String> = albums.iter().map(|a| identity_key(artist_name(a))).collect();
    let musicbrainz_ids: Vec<Uuid> = albums.iter().filter_map(|a| a.artist_musicbrainz_id).collect();
    let rows = tx.rows(KNOWN_ARTISTS, &[&keys, &musicbrainz_ids]).await?;
    let mut known: Vec<KnownArtist> = rows
        .iter()
        .map(|row| KnownArtist { id: row.get(0), name_key: row.get(1), musicbrainz_id: row.get(2) })
        .collect();

    // Those with an id first, so that a namesake without one finds them.
    let mut order: Vec<usize> = (0..albums.len()).collect();
    order.sort_by_key(|n| albums[*n].artist_musicbrainz_id.is_none());
    let (mut identified, mut new): (Vec<(i64, Uuid)>, Vec<NewArtist<'_>>) = (Vec::new(), Vec::new());
    for n in order {
        let (album, key) = (&albums[n], &keys[n]);
        let musicbrainz_id = album.artist_musicbrainz_id;
        let is_pending =
            |a: &NewArtist<'_>| is_same_artist(&a.name_key, a.musicbrainz_id, key, musicbrainz_id);
        match find_artist(&mut known, key, musicbrainz_id) {
            Some(artist) => {
                if let (None, Some(id)) = (artist.musicbrainz_id, musicbrainz_id) {
                    artist.musicbrainz_id = Some(id);
                    identified.push((artist.id, id));
                }
            }
            None if new.iter().any(is_pending) => {}
            None => new.push(NewArtist {
                name: artist_name(album),
                sort_name: sort_name(album),
                name_key: key.clone(),
                musicbrainz_id,
            }),
        }
    }
    if !identified.is_empty() {
        let (ids, musicbrainz_ids): (Vec<i64>, Vec<Uuid>) = identified.into_iter().unzip();
        tx.run(IDENTIFY_ARTISTS, &[&ids, &musicbrainz_ids]).await?;
    }
    known.extend(insert_artists(tx, &new).await?);
    Ok(albums
        .iter()
        .zip(&keys)
        .map(|(album, key)| {
            find_artist(&mut known, key, album.artist_musicbrainz_id)
                .expect("every artist was known or has been inserted")
                .id
        })
        .collect())
}

async fn insert_artists(tx: &impl Sql, new: &[NewArtist<'_>]) -> Result<Vec<KnownArtist>> {
    if new.is_empty() {
        return Ok(Vec::new());
    }
    let rows = tx
        .rows(
            INSERT_ARTISTS,
            &[
                &column(new, |a| a.name),
                &column(new, |a| a.name_key.as_str()),
                &column(new, |a| a.sort_name.as_str()),
                &column(new, |a| sort_key(&a.sort_name)),
                &column(new, |a| a.musicbrainz_id),
                &column(new, |a| search_vector(&[(Weight::Name, a.name), (Weight::Maker, &a.sort_name)])),
            ],
        )
        .await?;
    Ok(rows
        .iter()
        .map(|row| KnownArtist { id: row.get(0), name_key: row.get(1), musicbrainz_id: row.get(2) })
        .collect())
}

/// By MusicBrainz id; else the namesake without one; else, for a newcomer without an id, any namesake.
fn find_artist<'k>(
    known: &'k mut [KnownArtist],
    key: &str,
    musicbrainz_id: Option<Uuid>,
) -> Option<&'k mut KnownArtist> {
    let at = known
        .iter()
        .position(|a| musicbrainz_id.is_some() && a.musicbrainz_id == musicbrainz_id)
        .or_else(|| known.iter().position(|a| a.name_key == key && a.musicbrainz_id.is_none()))
        .or_else(|| known.iter().position(|a| a.name_key == key && musicbrainz_id.is_none()))?;
    known.get_mut(at)
}

fn is_same_artist(key: &str, id: Option<Uuid>, other_key: &str, other_id: Option<Uuid>) -> bool {
    if other_id.is_some() { id == other_id } else { key == other_key }
}

fn artist_name(album: &NewAlbum) -> &str {
    shown(&album.artist, "Unknown Artist")
}

/// As tagged, else the name with its article behind: `Beatles, The`.
fn sort_name(album: &NewAlbum) -> String {
    if let Some(sort) =
        album.artist_sort.as_deref().map(str::trim).filter(|s| !s.is_empty() && !s.contains('\0'))
    {
        return sort.to_owned();
    }
    let name = artist_name(album);
    match name.split_once(' ') {
        Some((article, rest))
            if ["the", "a", "an"].contains(&article.to_lowercase().as_str()) && !rest.trim().is_empty() =>
        {
            format!("{}, {article}", rest.trim())
        }
        _ => name.to_owned(),
    }
}

// -- albums

const KNOWN_ALBUMS: &str = "select id, path, artist_id, title_key, year, musicbrainz_id from album where path = any($1)
    union select id, path, artist_id, title_key, year, musicbrainz_id from album where musicbrainz_id = any($2)
    union select a.id, a.path, a.artist_id, a.title_key, a.year, a.musicbrainz_id
        from unnest($3::bigint[], $4::text[]) n (artist_id, title_key)
        join album a on a.artist_id = n.artist_id and a.title_key = n.title_key
    order by id";
// What was known and is not said now is kept; `keeps_identity` when another album has the new one already.
const UPDATE_ALBUMS: &str = "update album a set
        artist_id = case when n.keeps_identity then a.artist_id else n.artist_id end,
        title = case when n.keeps_identity then a.title else n.title end,
        title_key = case when n.keeps_identity then a.title_key else n.title_key end,
        sort_key = case when n.keeps_identity then a.sort_key else n.sort_key end,
        search = case when n.keeps_identity then a.search else n.search::tsvector end,
        year = case when n.keeps_identity then a.year else n.year end,
        musicbrainz_id = case when n.keeps_identity then a.musicbrainz_id else n.musicbrainz_id end,
        artwork_path = coalesce(n.artwork_path, a.artwork_path),
        total_tracks = greatest(a.total_tracks, n.total_tracks), disc_count = greatest(a.disc_count, n.disc_count),
        genre = coalesce(n.genre, a.genre), label = coalesce(n.label, a.label),
        catalog_number = coalesce(n.catalog_number, a.catalog_number), barcode = coalesce(n.barcode, a.barcode),
        release_type = coalesce(n.release_type, a.release_type), is_compilation = n.is_compilation, updated_at = now()
    from unnest($1::bigint[], $2::bigint[], $3::text[], $4::text[], $5::text[], $6::integer[], $7::uuid[], $8::text[],
            $9::text[], $10::integer[], $11::integer[], $12::text[], $13::text[], $14::text[], $15::text[], $16::text[],
            $17::boolean[], $18::boolean[])
        n (id, artist_id, title, title_key, sort_key, year, musicbrainz_id, search, artwork_path, total_tracks,
           disc_count, genre, label, catalog_number, barcode, release_type, is_compilation, keeps_identity)
    where a.id = n.id";
const INSERT_ALBUMS: &str = "insert into album (artist_id, title, title_key, sort_key, year, musicbrainz_id, search,
        artwork_path, total_tracks, disc_count, genre, label, catalog_number, barcode, release_type, is_compilation,
        path, source)
    select artist_id, title, title_key, sort_key, year, musicbrainz_id, search::tsvector, artwork_path, total_tracks,
        disc_count, genre, label, catalog_number, barcode, release_type, is_compilation, path, source
    from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::integer[], $6::uuid[], $7::text[], $8::text[],
            $9::integer[], $10::integer[], $11::text[], $12::text[], $13::text[], $14::text[], $15::text[],
            $16::boolean[], $17::text[], $18::text[])
        n (artist_id, title, title_key, sort_key, year, musicbrainz_id, search, artwork_path, total_tracks, disc_count,
           genre, label, catalog_number, barcode, release_type, is_compilation, path, source)
    returning id, path";
const RAISE_TOTALS: &str =
    "update album set total_tracks = available_tracks where id = any($1) and total_tracks < available_tracks";
const FORGET_EMPTY_ARTISTS: &str = "delete from artist a where a.id = any($1) and not exists (
        select from album b where b.artist_id = a.id union all select from heart h where h.artist_id = a.id)";

/// What makes an album one of its own.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Identity {
    artist_id: i64,
    title_key: String,
    year: Option<i32>,
    musicbrainz_id: Option<Uuid>,
}

/// Where an album's row is.
struct Placed {
    id: i64,
    is_new: bool,
}

/// The rows that the batch meets, and those that it is about to make.
#[derive(Default)]
struct Shelf {
    by_path: HashMap<String, Place>,
    by_musicbrainz: HashMap<(i64, Uuid), Place>,
    by_identity: HashMap<Identity, Place>,
    identity_of: HashMap<i64, Identity>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Place {
    /// A row.
    There(i64),
    /// The batch's album with this index will be inserted.
    ToCome(usize),
}

impl Shelf {
    fn put(&mut self, place: Place, path: &str, identity: Identity) {
        self.by_path.entry(path.to_owned()).or_insert(place);
        if let Some(id) = identity.musicbrainz_id {
            self.by_musicbrainz.entry((identity.artist_id, id)).or_insert(place);
        }
        self.by_identity.entry(identity).or_insert(place);
    }

    /// What was found out about an album is kept when its tags do not say it.
    fn remind(&self, new: &mut Facts<'_>) {
        if let Some(Place::There(id)) = self.find(&new.album.path, &new.identity)
            && let Some(was) = self.identity_of.get(&id)
        {
            new.identity.year = new.identity.year.or(was.year);
            new.identity.musicbrainz_id = new.identity.musicbrainz_id.or(was.musicbrainz_id);
        }
    }

    fn find(&self, path: &str, identity: &Identity) -> Option<Place> {
        let by_musicbrainz =
            || identity.musicbrainz_id.and_then(|id| self.by_musicbrainz.get(&(identity.artist_id, id)));
        self.by_path.get(path).or_else(by_musicbrainz).or_else(|| self.by_identity.get(identity)).copied()
    }
}

/// An album of the batch with all that is derived from it.
struct Facts<'a> {
    album: &'a NewAlbum,
    identity: Identity,
    title: &'a str,
}

async fn record_albums(tx: &impl Sql, albums: &[NewAlbum], artist_ids: &[i64]) -> Result<Vec<Placed>> {
    let mut facts: Vec<Facts<'_>> =
        albums.iter().zip(artist_ids).map(|(album, artist_id)| Facts::of(album, *artist_id)).collect();
    let mut shelf = known_albums(tx, &facts).await?;
    for new in &mut facts {
        shelf.remind(new);
    }
    let mut places = Vec::with_capacity(facts.len());
    let mut updates: HashMap<i64, (usize, bool)> = HashMap::new();
    let mut inserts = Vec::new();
    for (n, new) in facts.iter().enumerate() {
        let place = shelf.find(&new.album.path, &new.identity);
        match place {
            Some(Place::There(id)) => {
                let holder = shelf.by_identity.get(&new.identity).copied();
                let keeps_identity = holder.is_some_and(|h| h != Place::There(id));
                updates.entry(id).or_insert((n, keeps_identity));
            }
            Some(Place::ToCome(_)) => {}
            None => inserts.push(n),
        }
        let place = place.unwrap_or(Place::ToCome(n));
        shelf.put(place, &new.album.path, new.identity.clone());
        places.push(place);
    }
    update_albums(tx, &facts, &updates).await?;
    let left: Vec<i64> = updates
        .iter()
        .filter_map(|(id, (n, _))| {
            shelf.identity_of.get(id).map(|i| i.artist_id).filter(|a| *a != facts[*n].identity.artist_id)
        })
        .collect();
    if !left.is_empty() {
        tx.run(FORGET_EMPTY_ARTISTS, &[&left]).await?;
    }
    let inserted = insert_albums(tx, &facts, &inserts).await?;
    Ok(places
        .into_iter()
        .enumerate()
        .map(|(n, place)| match place {
            Place::There(id) => Placed { id, is_new: false },
            Place::ToCome(first) => {
                Placed { id: inserted[facts[first].album.path.as_str()], is_new: first == n }
            }
        })
        .collect())
}

impl<'a> Facts<'a> {
    fn of(album: &'a NewAlbum, artist_id: i64) -> Self {
        let folder = album.path.rsplit('/').next().unwrap_or_default();
        let title = shown(&album.title, folder);
        let identity = Identity {
            artist_id,
            title_key: identity_key(title),
            year: album.year,
            musicbrainz_id: album.musicbrainz_id,
        };
        Self { album, identity, title }
    }

    fn search(&self) -> String {
        search_vector(&[(Weight::Name, self.title), (Weight::Maker, artist_name(self.album))])
    }
}

async fn known_albums(tx: &impl Sql, facts: &[Facts<'_>]) -> Result<Shelf> {
    let musicbrainz_ids: Vec<Uuid> = facts.iter().filter_map(|f| f.identity.musicbrainz_id).collect();
    let rows = tx
        .rows(
            KNOWN_ALBUMS,
            &[
                &column(facts, |f| f.album.path.as_str()),
                &musicbrainz_ids,
                &column(facts, |f| f.identity.artist_id),
                &column(facts, |f| f.identity.title_key.as_str()),
            ],
        )
        .await?;
    let mut shelf = Shelf::default();
    for row in &rows {
        let identity = Identity {
            artist_id: row.get(2),
            title_key: row.get(3),
            year: row.get(4),
            musicbrainz_id: row.get(5),
        };
        shelf.identity_of.insert(row.get(0), identity.clone());
        shelf.put(Place::There(row.get(0)), row.get(1), identity);
    }
    Ok(shelf)
}

async fn update_albums(
    tx: &impl Sql,
    facts: &[Facts<'_>],
    updates: &HashMap<i64, (usize, bool)>,
) -> Result<()> {
    if updates.is_empty() {
        return Ok(());
    }
    let mut rows: Vec<(i64, &Facts<'_>, bool)> =
        updates.iter().map(|(id, (n, keeps_identity))| (*id, &facts[*n], *keeps_identity)).collect();
    rows.sort_unstable_by_key(|(id, ..)| *id);
    let rows = rows.as_slice();
    tx.run(
        UPDATE_ALBUMS,
        &[
            &column(rows, |(id, ..)| *id),
            &column(rows, |(_, f, _)| f.identity.artist_id),
            &column(rows, |(_, f, _)| f.title),
            &column(rows, |(_, f, _)| f.identity.title_key.as_str()),
            &column(rows, |(_, f, _)| sort_key(f.title)),
            &column(rows, |(_, f, _)| f.identity.year),
            &column(rows, |(_, f, _)| f.identity.musicbrainz_id),
            &column(rows, |(_, f, _)| f.search()),
            &column(rows, |(_, f, _)| f.album.artwork_path.as_deref()),
            &column(rows, |(_, f, _)| f.album.total_tracks.max(0)),
            &column(rows, |(_, f, _)| f.album.disc_count.max(1)),
            &column(rows, |(_, f, _)| text(f.album.genre.as_deref())),
            &column(rows, |(_, f, _)| text(f.album.label.as_deref())),
            &column(rows, |(_, f, _)| text(f.album.catalog_number.as_deref())),
            &column(rows, |(_, f, _)| text(f.album.barcode.as_deref())),
            &column(rows, |(_, f, _)| text(f.album.release_type.as_deref())),
            &column(rows, |(_, f, _)| f.album.is_compilation),
            &column(rows, |(_, _, keeps_identity)| *keeps_identity),
        ],
    )
    .await?;
    Ok(())
}

/// The rows of the inserted albums, by folder.
async fn insert_albums(
    tx: &impl Sql,
    facts: &[Facts<'_>],
    inserts: &[usize],
) -> Result<HashMap<String, i64>> {
    if inserts.is_empty() {
        return Ok(HashMap::new());
    }
    let rows: Vec<&Facts<'_>> = inserts.iter().map(|n| &facts[*n]).collect();
    let rows = rows.as_slice();
    let inserted = tx
        .rows(
            INSERT_ALBUMS,
            &[
                &column(rows, |f| f.identity.artist_id),
                &column(rows, |f| f.title),
                &column(rows, |f| f.identity.title_key.as_str()),
                &column(rows, |f| sort_key(f.title)),
                &column(rows, |f| f.identity.year),
                &column(rows, |f| f.identity.musicbrainz_id),
                &column(rows, |f| f.search()),
                &column(rows, |f| f.album.artwork_path.as_deref()),
                &column(rows, |f| f.album.total_tracks.max(0)),
                &column(rows, |f| f.album.disc_count.max(1)),
                &column(rows, |f| text(f.album.genre.as_deref())),
                &column(rows, |f| text(f.album.label.as_deref())),
                &column(rows, |f| text(f.album.catalog_number.as_deref())),
                &column(rows, |f| text(f.album.barcode.as_deref())),
                &column(rows, |f| text(f.album.release_type.as_deref())),
                &column(rows, |f| f.album.is_compilation),
                &column(rows, |f| f.album.path.as_str()),
                &column(rows, |f| f.album.source.as_str()),
            ],
        )
        .await?;
    Ok(inserted.iter().map(|row| (row.get(1), row.get(0))).collect())
}

// -- tracks

// A file that has not changed keeps what a slow reading found out about it.
const RECORD_TRACKS: &str = "insert into track as t (album_id, title, title_key, sort_key, search, artist_name,
        disc_number, track_number, duration_ms, path, size_bytes, modified_at, format, sample_rate_hz, bit_depth,
        bitrate_kbps, channels, is_lossy, checksum, essence, isrc, composer, genre, musicbrainz_id, source, imported_by)
    select album_id, title, title_key, sort_key, search::tsvector, artist_name, disc_number, track_number, duration_ms,
        path, size_bytes, modified_at, format, sample_rate_hz, bit_depth, bitrate_kbps, channels, is_lossy, checksum,
        essence, isrc, composer, genre, musicbrainz_id, source, imported_by
    from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[], $7::integer[], $8::integer[],
            $9::bigint[], $10::text[], $11::bigint[], $12::timestamptz[], $13::text[], $14::integer[], $15::integer[],
            $16::integer[], $17::integer[], $18::boolean[], $19::bytea[], $20::text[], $21::text[], $22::text[],
            $23::text[], $24::uuid[], $25::text[], $26::bigint[])
        n (album_id, title, title_key, sort_key, search, artist_name, disc_number, track_number, duration_ms, path,
           size_bytes, modified_at, format, sample_rate_hz, bit_depth, bitrate_kbps, channels, is_lossy, checksum,
           essence, isrc, composer, genre, musicbrainz_id, source, imported_by)
    on conflict (path) do update set
        album_id = excluded.album_id, title = excluded.title, title_key = excluded.title_key,
        sort_key = excluded.sort_key, search = excluded.search, artist_name = excluded.artist_name,
        disc_number = excluded.disc_number, track_number = excluded.track_number, duration_ms = excluded.duration_ms,
        size_bytes = excluded.size_bytes, modified_at = excluded.modified_at, format = excluded.format,
        sample_rate_hz = excluded.sample_rate_hz, bit_depth = excluded.bit_depth,
        bitrate_kbps = excluded.bitrate_kbps, channels = excluded.channels, is_lossy = excluded.is_lossy,
        checksum = case when excluded.checksum is null and t.size_bytes = excluded.size_bytes
            and t.modified_at = excluded.modified_at then t.checksum else excluded.checksum end,
        essence = case when excluded.essence is null and t.size_bytes = excluded.size_bytes
            and t.modified_at = excluded.modified_at then t.essence else excluded.essence end,
        isrc = excluded.isrc, composer = excluded.composer, genre = excluded.genre,
        musicbrainz_id = excluded.musicbrainz_id, missing_since = null, updated_at = now()
    returning id, path";

/// A track of the batch with the album that it belongs to.
struct TrackOf<'a> {
    album: &'a NewAlbum,
    album_id: i64,
    track: &'a NewTrack,
    title: &'a str,
}

/// The rows of each album's tracks, in the order given.
async fn record_tracks(tx: &impl Sql, albums: &[NewAlbum], placed: &[Placed]) -> Result<Vec<Vec<i64>>> {
    // One statement may write a row once: of two tracks with one file, the later.
    let mut by_path: HashMap<&str, TrackOf<'_>> = HashMap::new();
    for (album, place) in albums.iter().zip(placed) {
        for track in &album.tracks {
            let file = track.path.rsplit('/').next().unwrap_or_default();
            let title = shown(&track.title, file);
            by_path.insert(&track.path, TrackOf { album, album_id: place.id, track, title });
        }
    }
    let mut rows: Vec<TrackOf<'_>> = by_path.into_values().collect();
    if rows.is_empty() {
        return Ok(albums.iter().map(|_| Vec::new()).collect());
    }
    rows.sort_unstable_by(|a, b| {
        let place = |t: &TrackOf<'_>| (t.album_id, t.track.disc_number, t.track.track_number);
        place(a).cmp(&place(b)).then_with(|| a.track.path.cmp(&b.track.path))
    });
    let rows = rows.as_slice();
    let recorded = tx
        .rows(
            RECORD_TRACKS,
            &[
                &column(rows, |t| t.album_id),
                &column(rows, |t| t.title),
                &column(rows, |t| identity_key(t.title)),
                &column(rows, |t| sort_key(t.title)),
                &column(rows, TrackOf::search),
                &column(rows, |t| text(t.track.artist_name.as_deref())),
                &column(rows, |t| t.track.disc_number.max(1)),
                &column(rows, |t| t.track.track_number.max(0)),
                &column(rows, |t| t.track.duration_ms),
                &column(rows, |t| t.track.path.as_str()),
                &column(rows, |t| t.track.size_bytes),
                &column(rows, |t| t.track.modified_at),
                &column(rows, |t| t.track.format.as_str()),
                &column(rows, |t| t.track.sample_rate_hz),
                &column(rows, |t| t.track.bit_depth),
                &column(rows, |t| t.track.bitrate_kbps),
                &column(rows, |t| t.track.channels),
                &column(rows, |t| t.track.is_lossy),
                &column(rows, |t| t.track.checksum.as_ref().map(<[u8; 32]>::as_slice)),
                &column(rows, |t| t.track.essence.as_deref()),
                &column(rows, |t| text(t.track.isrc.as_deref())),
                &column(rows, |t| text(t.track.composer.as_deref())),
                &column(rows, |t| text(t.track.genre.as_deref())),
                &column(rows, |t| t.track.musicbrainz_id),
                &column(rows, |t| t.album.source.as_str()),
                &column(rows, |t| t.album.imported_by),
            ],
        )
        .await?;
    let ids: HashMap<&str, i64> = recorded.iter().map(|row| (row.get(1), row.get(0))).collect();
    Ok(albums.iter().map(|album| album.tracks.iter().map(|t| ids[t.path.as_str()]).collect()).collect())
}

impl TrackOf<'_> {
    fn search(&self) -> String {
        let artist = text(self.track.artist_name.as_deref()).unwrap_or_default();
        search_vector(&[
            (Weight::Name, self.title),
            (Weight::Maker, artist),
            (Weight::Maker, artist_name(self.album)),
            (Weight::Context, &self.album.title),
        ])
    }
}

// -- values

/// One column of many rows, as a parameter of `unnest`.
fn column<'r, T, V>(rows: &'r [T], of: impl Fn(&'r T) -> V) -> Vec<V> {
    rows.iter().map(of).collect()
}

/// A name that can be shown and stored: not blank, and without the NUL that a broken tag may hold (PostgreSQL takes
/// none). Else what stands in for it.
fn shown<'a>(name: &'a str, else_this: &'a str) -> &'a str {
    let name = name.split('\0').map(str::trim).find(|part| !part.is_empty());
    name.unwrap_or(if else_this.is_empty() { "?" } else { else_this })
}

/// The same for what may be missing.
fn text(value: Option<&str>) -> Option<&str> {
    value?.split('\0').map(str::trim).find(|part| !part.is_empty())
}
