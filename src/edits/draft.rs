//! From what was asked for to a plan: which rows, tags, folders and names become what. Pure, but for one question that
//! the disk answers: which names are taken.

use std::collections::{HashMap, HashSet};

use serde::Serialize;
use serde_json::{Value, json};

use super::plan::{FileStep, Move, Plan, moved};
use super::request::{AlbumChange, ArtistChange, TrackChange};
use crate::audio::{Changes, Field};
use crate::library::{
    AlbumRow, ArtistRow, Rows, TrackRow, album_folder, artist_folder, file_numbered, folder_numbered,
    free_name, track_file_name,
};

/// What an edit will change, before anything is touched.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Draft {
    /// The rows as they are: all that is looked at.
    pub before: Rows,
    /// The rows as they will be, but for sizes, times and checksums of files that are yet to be written.
    pub after: Rows,
    /// What happens on the disk.
    pub plan: Plan,
    /// Sentences for a person.
    pub notes: Vec<String>,
}

/// One field of one row, as a person reads it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct RowChange {
    /// `artist`, `album` or `track`.
    pub entity: &'static str,
    /// The row.
    pub id: i64,
    /// What it was called before.
    pub name: String,
    /// Which field.
    pub field: String,
    /// Its value before.
    pub before: Value,
    /// Its value after.
    pub after: Value,
}

/// What the disk and the other rows say.
pub trait Ground {
    /// Whether something lies at this path, relative to MUSIC_PATH.
    fn is_taken(&self, path: &str) -> bool;
    /// Whether both paths lead to one thing: names that differ only in case or normalization may.
    fn is_same(&self, a: &str, b: &str) -> bool;
    /// Whether the folder holds albums besides these.
    fn holds_others(&self, folder: &str, albums: &HashSet<i64>) -> bool;
}

/// The folder of an album's new artist, where there is one.
pub type ArtistFolders = HashMap<i64, String>;

impl Draft {
    /// The same change to some albums; `artist` is the one that `change.artist` names.
    pub fn albums(
        before: Rows,
        change: &AlbumChange,
        artist: Option<&ArtistRow>,
        folders: &ArtistFolders,
        ground: &impl Ground,
    ) -> Self {
        let mut after = before.clone();
        if let Some(artist) = artist
            && after.artist(artist.id).is_none()
        {
            after.artists.push(artist.clone());
        }
        for album in &mut after.albums {
            let old_genre = album.genre.clone();
            change_album(album, change, artist);
            if change.genre.is_some() {
                for track in
                    after.tracks.iter_mut().filter(|t| t.album_id == album.id && t.genre == old_genre)
                {
                    track.genre.clone_from(&album.genre);
                }
            }
        }
        let mut drawing = Drawing::new(before, after, ground);
        for n in 0..drawing.after.albums.len() {
            drawing.move_album(n, folders);
        }
        drawing.finish()
    }

    /// One track of one album.
    pub fn track(before: Rows, id: i64, change: &TrackChange, ground: &impl Ground) -> Self {
        let mut after = before.clone();
        for track in after.tracks.iter_mut().filter(|t| t.id == id) {
            set(&mut track.title, change.title.as_ref());
            set(&mut track.track_number, change.track_number.as_ref());
            set(&mut track.disc_number, change.disc_number.as_ref());
            set_optional(&mut track.genre, change.genre.as_ref());
            set_optional(&mut track.composer, change.composer.as_ref());
            set_optional(&mut track.isrc, change.isrc.as_ref());
            set_optional(&mut track.artist_name, change.artist.as_ref());
            // The album's own artist is not written twice.
            let album = after.albums.iter().find(|a| a.id == track.album_id);
            let artist = album.and_then(|a| after.artists.iter().find(|artist| artist.id == a.artist_id));
            if artist.is_some_and(|a| track.artist_name.as_ref() == Some(&a.name)) {
                track.artist_name = None;
            }
            if let Some(album) = after.albums.iter_mut().find(|a| a.id == track.album_id) {
                album.disc_count = album.disc_count.max(track.disc_number);
            }
        }
        let mut drawing = Drawing::new(before, after, ground);
        drawing.name_tracks();
        drawing.finish()
    }

    /// Another name for an artist; with `into`, their albums become that artist's.
    pub fn artist(
        before: Rows,
        id: i64,
        change: &ArtistChange,
        into: Option<&ArtistRow>,
        folders: &ArtistFolders,
        ground: &impl Ground,
    ) -> Self {
        let mut after = before.clone();
        match into {
            Some(target) => {
                after.artists = vec![target.clone()];
                after.albums.iter_mut().for_each(|a| a.artist_id = target.id);
            }
            None => {
                for artist in after.artists.iter_mut().filter(|a| a.id == id) {
                    let sort_name = change.sort_name.clone().flatten();
                    if artist.name != change.name || sort_name.is_some() {
                        artist.sort_name = sort_name.unwrap_or_else(|| sorted(&change.name));
                    }
                    artist.name.clone_from(&change.name);
                }
            }
        }
        let mut drawing = Drawing::new(before, after, ground);
        match into {
            Some(_) => (0..drawing.after.albums.len()).for_each(|n| drawing.move_album(n, folders)),
            None => drawing.move_artist(id),
        }
        drawing.finish()
    }

    /// Nothing changes.
    pub fn is_empty(&self) -> bool {
        self.before == self.after && self.plan.is_empty()
    }

    /// Field by field, what will be different.
    pub fn changes(&self) -> Vec<RowChange> {
        changes(&self.before, &self.after)
    }
}

fn change_album(album: &mut AlbumRow, change: &AlbumChange, artist: Option<&ArtistRow>) {
    set(&mut album.title, change.title.as_ref());
    set_optional(&mut album.year, change.year.as_ref());
    set_optional(&mut album.genre, change.genre.as_ref());
    set_optional(&mut album.label, change.label.as_ref());
    set_optional(&mut album.catalog_number, change.catalog_number.as_ref());
    set_optional(&mut album.barcode, change.barcode.as_ref());
    set_optional(&mut album.release_type, change.release_type.as_ref());
    if let Some(artist) = artist {
        album.artist_id = artist.id;
    }
}

fn set<T: Clone>(value: &mut T, given: Option<&Option<T>>) {
    if let Some(Some(given)) = given {
        value.clone_from(given);
    }
}

fn set_optional<T: Clone>(value: &mut Option<T>, given: Option<&Option<T>>) {
    if let Some(given) = given {
        value.clone_from(given);
    }
}

/// The name with its article behind: `Beatles, The`.
pub fn sorted(name: &str) -> String {
    match name.split_once(' ') {
        Some((article, rest))
            if ["the", "a", "an"].contains(&article.to_lowercase().as_str()) && !rest.trim().is_empty() =>
        {
            format!("{}, {article}", rest.trim())
        }
        _ => name.to_owned(),
    }
}

/// A plan being drawn.
struct Drawing<'g, G> {
    before: Rows,
    after: Rows,
    ground: &'g G,
    moves: Vec<Move>,
    /// Names that this plan gives, in lower case: one name on the drives that people copy to.
    given: HashSet<String>,
    notes: Vec<String>,
}

impl<'g, G: Ground> Drawing<'g, G> {
    fn new(before: Rows, after: Rows, ground: &'g G) -> Self {
        Self { before, after, ground, moves: Vec::new(), given: HashSet::new(), notes: Vec::new() }
    }

    /// The album's folder by its new title, year and artist; as it is, when none of them changed.
    fn move_album(&mut self, n: usize, folders: &ArtistFolders) {
        let (Some(old), Some(new)) = (self.before.albums.get(n), self.after.albums.get(n)) else { return };
        let (folder, name) = old.path.rsplit_once('/').unwrap_or(("artists", &old.path));
        let is_renamed = (&old.title, old.year) != (&new.title, new.year);
        let folder = match (old.artist_id == new.artist_id, folders.get(&new.artist_id)) {
            (true, _) => folder.to_owned(),
            (false, Some(there)) => there.clone(),
            (false, None) => {
                let artist = self.after.artist(new.artist_id).map_or("_", |a| a.name.as_str());
                format!("artists/{}", artist_folder(artist))
            }
        };
        let name = if is_renamed { album_folder(&new.title, new.year) } else { name.to_owned() };
        let (from, to) = (old.path.clone(), format!("{folder}/{name}"));
        let own = HashSet::from([old.id]);
        self.move_folder(from, to, &own);
    }

    /// The artist's folders, each as a whole when nobody else's albums lie in it.
    fn move_artist(&mut self, id: i64) {
        let names = |rows: &Rows| rows.artist(id).map(|a| artist_folder(&a.name));
        let (Some(old), Some(new)) = (names(&self.before), names(&self.after)) else { return };
        if old == new {
            return;
        }
        let albums: Vec<AlbumRow> = self.before.albums.clone();
        let own: HashSet<i64> = albums.iter().map(|a| a.id).collect();
        let mut done = HashSet::new();
        for album in &albums {
            let Some((folder, name)) = album.path.rsplit_once('/') else { continue };
            let Some((above, _)) = folder.rsplit_once('/') else { continue };
            let target = format!("{above}/{new}");
            let is_own = !self.ground.holds_others(folder, &own);
            let is_free = !self.is_taken(&target) || self.ground.is_same(folder, &target);
            if done.contains(folder) {
                continue;
            }
            if is_own && is_free {
                done.insert(folder.to_owned());
                self.given.insert(target.to_lowercase());
                self.moves.push(Move { from: folder.to_owned(), to: target });
            } else {
                self.move_folder(album.path.clone(), format!("{target}/{name}"), &HashSet::from([album.id]));
            }
        }
    }

    fn move_folder(&mut self, from: String, to: String, own: &HashSet<i64>) {
        if from == to {
            return;
        }
        if self.ground.holds_others(&from, own) {
            self.notes.push(format!("{from} keeps its name, since other albums lie in it."));
            return;
        }
        let to = if self.ground.is_same(&from, &to) {
            to
        } else {
            free_name(|path| self.is_taken(path), &to, folder_numbered)
        };
        self.given.insert(to.to_lowercase());
        self.moves.push(Move { from, to });
    }

    fn is_taken(&self, path: &str) -> bool {
        self.given.contains(&path.to_lowercase()) || self.ground.is_taken(path)
    }

    /// Files of tracks whose title or number changed: `NN - Title.ext`, in the folder where they are.
    fn name_tracks(&mut self) {
        let leaving: HashSet<String> = self.renamed().map(|(old, _)| old.path.to_lowercase()).collect();
        let renamed: Vec<(TrackRow, TrackRow)> =
            self.renamed().map(|(old, new)| (old.clone(), new.clone())).collect();
        for (old, new) in renamed {
            let (folder, file) = old.path.rsplit_once('/').unwrap_or(("artists", &old.path));
            let album = self.after.album(new.album_id);
            // `CD2/01 - Title.flac` says its disc already.
            let discs = album.filter(|a| a.path == folder).map_or(1, |a| unsigned(a.disc_count));
            let ending = file.rsplit_once('.').map_or("", |(_, ending)| ending);
            let (disc, number) = (unsigned(new.disc_number), unsigned(new.track_number));
            let wanted = format!("{folder}/{}", track_file_name(disc, number, &new.title, discs, ending));
            let is_free = |path: &str| leaving.contains(&path.to_lowercase()) || !self.ground.is_taken(path);
            let to = free_name(
                |path| self.given.contains(&path.to_lowercase()) || !is_free(path),
                &wanted,
                file_numbered,
            );
            self.given.insert(to.to_lowercase());
            if let Some(track) = self.after.tracks.iter_mut().find(|t| t.id == new.id) {
                track.path = to;
            }
        }
    }

    fn renamed(&self) -> impl Iterator<Item = (&TrackRow, &TrackRow)> {
        let name = |t: &TrackRow| (t.title.clone(), t.track_number, t.disc_number);
        self.before.tracks.iter().zip(&self.after.tracks).filter(move |(old, new)| name(old) != name(new))
    }

    /// The rows' paths follow the folders; each file gets the tags that became different.
    fn finish(mut self) -> Draft {
        for album in &mut self.after.albums {
            album.path = moved(&self.moves, &album.path);
            album.artwork_path = album.artwork_path.as_ref().map(|p| moved(&self.moves, p));
        }
        for artist in &mut self.after.artists {
            artist.artwork_path = artist.artwork_path.as_ref().map(|p| moved(&self.moves, p));
        }
        for track in &mut self.after.tracks {
            track.path = moved(&self.moves, &track.path);
        }
        let mut files = Vec::new();
        for (old, new) in self.before.tracks.iter().zip(&self.after.tracks) {
            let tags = different(&tags_of(old, &self.before), &tags_of(new, &self.after));
            let is_renamed = moved(&self.moves, &old.path) != new.path;
            if !tags.is_empty() || is_renamed {
                files.push(file_step(old, new, tags));
            }
        }
        let plan = Plan { moves: self.moves, files, ..Plan::default() };
        Draft { before: self.before, after: self.after, plan, notes: self.notes }
    }
}

/// A step without anything known of its file.
pub fn file_step(old: &TrackRow, new: &TrackRow, tags: Changes) -> FileStep {
    FileStep {
        track_id: old.id,
        from: old.path.clone(),
        to: new.path.clone(),
        tags,
        before: None,
        after: None,
        kept: None,
        rebuilt: None,
    }
}

fn unsigned(n: i32) -> u32 {
    u32::try_from(n).unwrap_or_default()
}

/// What the tags of a track's file should say, by the rows.
pub fn tags_of(track: &TrackRow, rows: &Rows) -> Changes {
    let album = rows.album(track.album_id);
    let artist = album.and_then(|a| rows.artist(a.artist_id));
    let of_album = |of: fn(&AlbumRow) -> Option<String>| album.and_then(of);
    let artist_name = artist.map(|a| a.name.clone());
    Changes::from([
        (Field::Title, Some(track.title.clone())),
        (Field::Artist, track.artist_name.clone().or_else(|| artist_name.clone())),
        (Field::Album, of_album(|a| Some(a.title.clone()))),
        (Field::AlbumArtist, artist_name),
        (Field::AlbumArtistSort, artist.map(|a| a.sort_name.clone())),
        (Field::TrackNumber, Some(track.track_number.to_string())),
        (Field::DiscNumber, Some(track.disc_number.to_string())),
        (Field::Year, of_album(|a| a.year.map(|y| y.to_string()))),
        (Field::Genre, track.genre.clone().or_else(|| of_album(|a| a.genre.clone()))),
        (Field::Label, of_album(|a| a.label.clone())),
        (Field::CatalogNumber, of_album(|a| a.catalog_number.clone())),
        (Field::Barcode, of_album(|a| a.barcode.clone())),
        (Field::Composer, track.composer.clone()),
        (Field::Isrc, track.isrc.clone()),
        (Field::ReleaseType, of_album(|a| a.release_type.clone())),
    ])
}

/// The tags of `new` that `old` does not have so.
pub fn different(old: &Changes, new: &Changes) -> Changes {
    new.iter().filter(|(field, value)| old.get(field) != Some(value)).map(|(f, v)| (*f, v.clone())).collect()
}

/// Field by field, what two states of the same rows say differently. What only the disk knows (sizes, times, checksums)
/// is left out.
pub fn changes(before: &Rows, after: &Rows) -> Vec<RowChange> {
    const UNSEEN: &[&str] =
        &["id", "artist_id", "album_id", "size_bytes", "modified_at", "checksum", "essence"];
    fn value(row: &impl Serialize) -> Value {
        serde_json::to_value(row).unwrap_or_default()
    }
    let mut pairs: Vec<(&'static str, i64, String, Value, Value)> = Vec::new();
    for old in &before.artists {
        let new = after.artist(old.id).map(value);
        // An artist without albums is forgotten, which the albums' change of artist says.
        let Some(new) = new else { continue };
        pairs.push(("artist", old.id, old.name.clone(), value(old), new));
    }
    let artists = |rows: &Rows, id: i64| rows.artist(id).map(|a| a.name.clone());
    for (old, new) in before.albums.iter().zip(&after.albums) {
        let (mut a, mut b) = (value(old), value(new));
        a["artist"] = json!(artists(before, old.artist_id));
        b["artist"] = json!(artists(after, new.artist_id));
        pairs.push(("album", old.id, old.title.clone(), a, b));
    }
    for (old, new) in before.tracks.iter().zip(&after.tracks) {
        pairs.push(("track", old.id, old.title.clone(), value(old), value(new)));
    }
    let mut changes = Vec::new();
    for (entity, id, name, old, new) in pairs {
        let fields = old.as_object().into_iter().flatten().filter(|(f, _)| !UNSEEN.contains(&f.as_str()));
        for (field, before) in fields.filter(|(field, before)| new.get(field) != Some(before)) {
            let after = new.get(field).cloned().unwrap_or_default();
            let (field, before) = (field.clone(), before.clone());
            changes.push(RowChange { entity, id, name: name.clone(), field, before, after });
        }
    }
    changes
}
