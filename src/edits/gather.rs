//! Everything that a draft is made from: the rows, the names that others have, the folders that are taken.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use super::draft::{ArtistFolders, Draft, Ground, file_step, sorted, tags_of};
use super::request::{AlbumChange, ArtistChange, Request, TrackChange};
use super::undo;
use crate::app::App;
use crate::audio::{self, Changes, Field};
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::files;
use crate::library::{AlbumRow, ArtistRow, Rows, identity_key};
use crate::parallel::blocking;

const ALBUM_OF_TRACK: &str = "select album_id from track where id = $1";
const ALBUMS_OF_ARTIST: &str = "select id from album where artist_id = $1 order by id";
const NAMESAKES: &str =
    "select id from artist where name_key = $1 order by id = $2 desc, musicbrainz_id is null desc, id";
const NEW_ARTIST_ID: &str = "select nextval(pg_get_serial_sequence('artist', 'id'))";
const FOLDER_OF_ARTIST: &str = "select regexp_replace(path, '/[^/]+$', '') from album
    where artist_id = $1 and path like 'artists/%/%' order by id limit 1";
// An album may have tracks in another one's folder: what came back from the trash, or was put there by another program.
const BENEATH: &str = "select id, path from album
        where exists (select from unnest($1::text[]) f (path) where starts_with(album.path, f.path || '/'))
    union all select album_id, path from track
        where exists (select from unnest($1::text[]) f (path) where starts_with(track.path, f.path || '/'))";
const TWIN: &str = "select a.id, a.title, a.year, r.name from album a join artist r on r.id = a.artist_id
    where a.artist_id = $1 and a.title_key = $2 and a.year is not distinct from $3
        and a.musicbrainz_id is not distinct from $4 and a.id <> all($5)";

/// Draws up what a request would do now; touches nothing.
///
/// # Errors
/// `NotFound`, `Conflict` with a sentence that names what is in the way.
pub async fn draft(app: &App, tx: &impl Sql, request: &Request) -> Result<Draft> {
    let draft = match request {
        Request::Albums { ids, change } => albums(app, tx, ids, change).await?,
        Request::Track { id, change } => track(app, tx, *id, change).await?,
        Request::Artist { id, change } => artist(app, tx, *id, change).await?,
        Request::WriteTags { album_id } => written_tags(app, tx, *album_id).await?,
        Request::Undo { edit_id } => undo::draft(app, tx, *edit_id).await?,
    };
    refuse_twins(tx, &draft).await?;
    Ok(draft)
}

/// `Artist – Album`, for the journal.
pub fn title(rows: &Rows) -> String {
    let artist = rows.artists.first().map_or("", |a| a.name.as_str());
    match rows.albums.as_slice() {
        [album] => format!("{artist} – {}", album.title),
        _ => artist.to_owned(),
    }
}

async fn albums(app: &App, tx: &impl Sql, ids: &[i64], change: &AlbumChange) -> Result<Draft> {
    let before = Rows::of_albums(tx, ids).await?;
    let missing = ids.iter().collect::<HashSet<_>>().len() != before.albums.len();
    if before.albums.is_empty() || missing {
        return Err(Error::NotFound("Album not found"));
    }
    let artist = match change.artist.as_ref().and_then(Option::as_ref) {
        Some(name) => Some(artist_named(tx, name, before.albums[0].artist_id).await?),
        None => None,
    };
    let mut folders = ArtistFolders::new();
    if let Some(artist) = &artist {
        folders.extend(folder_of(tx, artist.id).await?.map(|folder| (artist.id, folder)));
    }
    let ground = Disk::around(app, tx, &before).await?;
    let change = change.clone();
    blocking(move || Draft::albums(before, &change, artist.as_ref(), &folders, &ground)).await
}

async fn track(app: &App, tx: &impl Sql, id: i64, change: &TrackChange) -> Result<Draft> {
    let album = tx.maybe_row(ALBUM_OF_TRACK, &[&id]).await?.ok_or(Error::NotFound("Track not found"))?;
    let before = Rows::of_albums(tx, &[album.get(0)]).await?;
    let ground = Disk::around(app, tx, &before).await?;
    let change = change.clone();
    let draft = blocking(move || Draft::track(before, id, &change, &ground)).await?;
    let place =
        |rows: &Rows| rows.tracks.iter().find(|t| t.id == id).map(|t| (t.disc_number, t.track_number));
    let (old, new) = (place(&draft.before), place(&draft.after));
    let other =
        draft.after.tracks.iter().find(|t| t.id != id && Some((t.disc_number, t.track_number)) == new);
    match other {
        Some(other) if old != new => Err(Error::Conflict(format!(
            "Disc {} has a track {} already: {}. Give that one another number first.",
            other.disc_number, other.track_number, other.title
        ))),
        _ => Ok(draft),
    }
}

async fn artist(app: &App, tx: &impl Sql, id: i64, change: &ArtistChange) -> Result<Draft> {
    let found = Rows::artists(tx, &[id]).await?.pop().ok_or(Error::NotFound("Artist not found"))?;
    let key = identity_key(&change.name);
    let namesakes = tx.rows(NAMESAKES, &[&key, &id]).await?;
    let other: Option<i64> = namesakes.iter().map(|row| row.get(0)).find(|other| *other != id);
    let is_renamed = identity_key(&found.name) != key;
    let into = match other.filter(|_| is_renamed || change.merge) {
        Some(other) if change.merge => Rows::artists(tx, &[other]).await?.pop(),
        Some(_) => {
            let message =
                format!("There is an artist called {} already; merge=true makes both one.", change.name);
            return Err(Error::Conflict(message));
        }
        None => None,
    };
    let album_ids: Vec<i64> = tx.rows(ALBUMS_OF_ARTIST, &[&id]).await?.iter().map(|row| row.get(0)).collect();
    let mut before = Rows::of_albums(tx, &album_ids).await?;
    if before.artists.is_empty() {
        before.artists.push(found);
    }
    let mut folders = ArtistFolders::new();
    if let Some(into) = &into {
        folders.extend(folder_of(tx, into.id).await?.map(|folder| (into.id, folder)));
    }
    let ground = Disk::around(app, tx, &before).await?;
    let change = change.clone();
    blocking(move || Draft::artist(before, id, &change, into.as_ref(), &folders, &ground)).await
}

/// The tags that differ from the rows. What the rows do not know, the file may.
async fn written_tags(app: &App, tx: &impl Sql, album_id: i64) -> Result<Draft> {
    let rows = Rows::of_albums(tx, &[album_id]).await?;
    if rows.albums.is_empty() {
        return Err(Error::NotFound("Album not found"));
    }
    let music = app.music().to_owned();
    blocking(move || {
        let mut draft = Draft { before: rows.clone(), after: rows, ..Draft::default() };
        for track in &draft.before.tracks {
            let found = files::beneath(&music, &track.path).map(|path| audio::read(&path));
            let Some(Ok(sound)) = found else {
                draft.notes.push(format!("{} keeps its tags: it cannot be read.", track.path));
                continue;
            };
            let there = tags_in(&sound.tags);
            let wanted = tags_of(track, &draft.before);
            let tags: Changes = wanted
                .into_iter()
                .filter(|(field, value)| value.is_some() && there.get(field) != Some(value))
                .collect();
            if !tags.is_empty() {
                draft.plan.files.push(file_step(track, track, tags));
            }
        }
        draft
    })
    .await
}

fn tags_in(tags: &audio::Tags) -> Changes {
    let number = |n: Option<u32>| n.map(|n| n.to_string());
    Changes::from([
        (Field::Title, tags.title.clone()),
        (Field::Artist, tags.artist.clone()),
        (Field::Album, tags.album.clone()),
        (Field::AlbumArtist, tags.album_artist.clone()),
        (Field::AlbumArtistSort, tags.album_artist_sort.clone()),
        (Field::TrackNumber, number(tags.track_number)),
        (Field::DiscNumber, number(tags.disc_number)),
        (Field::Year, tags.year.map(|y| y.to_string())),
        (Field::Genre, tags.genre.clone()),
        (Field::Label, tags.label.clone()),
        (Field::CatalogNumber, tags.catalog_number.clone()),
        (Field::Barcode, tags.barcode.clone()),
        (Field::Composer, tags.composer.clone()),
        (Field::Isrc, tags.isrc.clone()),
        (Field::ReleaseType, tags.release_type.clone()),
    ])
}

/// The artist who has that name, else a new one with an id of its own.
async fn artist_named(tx: &impl Sql, name: &str, current: i64) -> Result<ArtistRow> {
    let namesakes = tx.rows(NAMESAKES, &[&identity_key(name), &current]).await?;
    let known: Option<i64> = namesakes.first().map(|row| row.get(0));
    if let Some(id) = known
        && let Some(artist) = Rows::artists(tx, &[id]).await?.pop()
    {
        return Ok(artist);
    }
    let id = tx.row(NEW_ARTIST_ID, &[]).await?.get(0);
    let sort_name = sorted(name);
    Ok(ArtistRow { id, name: name.to_owned(), sort_name, musicbrainz_id: None, artwork_path: None })
}

async fn folder_of(tx: &impl Sql, artist_id: i64) -> Result<Option<String>> {
    Ok(tx.maybe_row(FOLDER_OF_ARTIST, &[&artist_id]).await?.map(|row| row.get(0)))
}

/// No two albums may become one by being called the same.
async fn refuse_twins(tx: &impl Sql, draft: &Draft) -> Result<()> {
    let identity = |a: &AlbumRow| (a.artist_id, identity_key(&a.title), a.year, a.musicbrainz_id);
    let old: HashMap<i64, _> = draft.before.albums.iter().map(|a| (a.id, identity(a))).collect();
    let ids: Vec<i64> = old.keys().copied().collect();
    let mut seen = HashSet::new();
    for album in &draft.after.albums {
        let own = identity(album);
        let is_new = old.get(&album.id) != Some(&own);
        let (artist_id, key, year, musicbrainz_id) = own.clone();
        if !seen.insert(own) && is_new {
            return Err(Error::Conflict(format!(
                "Several albums would be called {}.",
                called(&album.title, year)
            )));
        }
        if !is_new {
            continue;
        }
        if let Some(row) = tx.maybe_row(TWIN, &[&artist_id, &key, &year, &musicbrainz_id, &ids]).await? {
            let (title, artist): (&str, &str) = (row.get(1), row.get(3));
            let message = format!("{} by {artist} is in the library already.", called(title, row.get(2)));
            return Err(Error::Conflict(message));
        }
    }
    Ok(())
}

fn called(title: &str, year: Option<i32>) -> String {
    year.map_or_else(|| title.to_owned(), |year| format!("{title} ({year})"))
}

/// The disk, and the albums that lie in the same folders.
pub struct Disk {
    music: PathBuf,
    albums: Vec<(i64, String)>,
}

impl Disk {
    /// What an edit of these rows may meet.
    pub async fn around(app: &App, tx: &impl Sql, rows: &Rows) -> Result<Self> {
        let folders: HashSet<&str> = rows
            .albums
            .iter()
            .map(|a| a.path.rsplit_once('/').map_or(a.path.as_str(), |(folder, _)| folder))
            .collect();
        // Directly beneath `artists/` lies everything; only the album's own folder is asked about then.
        let own = rows.albums.iter().map(|a| a.path.as_str());
        let folders: Vec<&str> = folders.into_iter().filter(|f| *f != "artists").chain(own).collect();
        let albums =
            tx.rows(BENEATH, &[&folders]).await?.iter().map(|row| (row.get(0), row.get(1))).collect();
        Ok(Self { music: app.music().to_owned(), albums })
    }
}

impl Ground for Disk {
    fn is_taken(&self, path: &str) -> bool {
        self.music.join(path).symlink_metadata().is_ok()
    }

    fn is_same(&self, a: &str, b: &str) -> bool {
        files::same_file(&self.music.join(a), &self.music.join(b)).unwrap_or(false)
    }

    fn holds_others(&self, folder: &str, albums: &HashSet<i64>) -> bool {
        let beneath = format!("{folder}/");
        folder == "artists"
            || self.albums.iter().any(|(id, path)| path.starts_with(&beneath) && !albums.contains(id))
    }
}
