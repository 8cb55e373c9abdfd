//! An album, a track or an artist is deleted: the files move into the trash, then the rows go, and everything that is
//! needed to bring them back is written down first. May be stopped anywhere; run again, it goes on.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::disk::{self, Found};
use super::entry::{self, Beginning, Deleted, Entry, File, Kind};
use super::places::name_in_entry;
use super::wait_for_music;
use crate::activity;
use crate::app::App;
use crate::db::{Sql, Transaction};
use crate::error::{Error, Result};
use crate::events::{self, Audience};
use crate::files::{path_to_text, text_to_path};
use crate::jobs::{self, Context, Job, Outcome, Queue};
use crate::library::{self, Action, Standing};
use crate::parallel::blocking;

/// Until an import into the same folder is through.
const SOON: Duration = Duration::from_millis(500);

/// What can be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Thing {
    /// An album with all that lies in its folder.
    Album,
    /// One track; with the last one its album.
    Track,
    /// All albums of an artist.
    Artist,
}

impl Thing {
    /// `album`
    pub fn name(self) -> &'static str {
        match self {
            Self::Album => "album",
            Self::Track => "track",
            Self::Artist => "artist",
        }
    }

    fn not_found(self) -> Error {
        Error::NotFound(match self {
            Self::Album => "Album not found",
            Self::Track => "Track not found",
            Self::Artist => "Artist not found",
        })
    }
}

/// Something is to be deleted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Delete {
    /// What it is.
    pub thing: Thing,
    /// Its row.
    pub id: i64,
    /// Who wants it; none at the command line.
    pub by: Option<i64>,
    /// From where, for the activity log.
    pub address: Option<String>,
}

const NAME_OF_ALBUM: &str =
    "select a.title || ' by ' || r.name from album a join artist r on r.id = a.artist_id where a.id = $1";
const NAME_OF_TRACK: &str = "select t.title || ' by ' || coalesce(t.artist_name, r.name)
    from track t join album a on a.id = t.album_id join artist r on r.id = a.artist_id where t.id = $1";
const NAME_OF_ARTIST: &str = "select name from artist where id = $1";

/// What it is called, as a person would say it.
///
/// # Errors
/// `NotFound` when there is no such thing.
pub async fn name_of(client: &impl Sql, thing: Thing, id: i64) -> Result<String> {
    let sql = match thing {
        Thing::Album => NAME_OF_ALBUM,
        Thing::Track => NAME_OF_TRACK,
        Thing::Artist => NAME_OF_ARTIST,
    };
    client.maybe_row(sql, &[&id]).await?.map(|row| row.get(0)).ok_or_else(|| thing.not_found())
}

/// Has something deleted, in the caller's transaction; the job that does it.
///
/// # Errors
/// `NotFound` when there is no such thing.
pub async fn delete(tx: &impl Sql, wanted: &Delete) -> Result<i64> {
    name_of(tx, wanted.thing, wanted.id).await?;
    jobs::enqueue(tx, wanted).await
}

const ALBUM_OF_TRACK: &str = "select album_id from track where id = $1";
const NEXT_ALBUM_OF_ARTIST: &str = "select id from album where artist_id = $1 order by id limit 1";

impl Job for Delete {
    const KIND: &'static str = "trash.delete";
    const QUEUE: Queue = Queue::Imports;

    fn unique_key(&self) -> Option<String> {
        Some(format!("{}:{}", self.thing.name(), self.id))
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        if let Some(later) = wait_for_music(&context.app).await? {
            return Ok(later);
        }
        let app = &context.app;
        let mut done = Vec::new();
        let ended = match self.thing {
            Thing::Album => self.delete_album(context, self.id, None).await?,
            Thing::Track => match app.db.get().await?.maybe_row(ALBUM_OF_TRACK, &[&self.id]).await? {
                Some(row) => self.delete_album(context, row.get(0), Some(self.id)).await?,
                None => Ended::Nothing,
            },
            Thing::Artist => {
                while let Some(row) = app.db.get().await?.maybe_row(NEXT_ALBUM_OF_ARTIST, &[&self.id]).await?
                {
                    if context.stop.is_cancelled() {
                        return Ok(Outcome::Snooze(Duration::ZERO));
                    }
                    match self.delete_album(context, row.get(0), None).await? {
                        Ended::Kept(id) => done.push(id),
                        Ended::Nothing => {}
                        Ended::Later => return Ok(Outcome::Snooze(SOON)),
                    }
                    context.progress.send_replace(Some(json!({ "done": done.len() })));
                }
                self.end_artist(context).await?;
                Ended::Nothing
            }
        };
        match ended {
            Ended::Kept(id) => done.push(id),
            Ended::Nothing => {}
            Ended::Later => return Ok(Outcome::Snooze(SOON)),
        }
        Ok(Outcome::Done(json!({ "trash_ids": done })))
    }
}

/// How the deletion of one album, or of a track of it, went.
enum Ended {
    /// It is in the trash.
    Kept(i64),
    /// There is nothing (any more).
    Nothing,
    /// Somebody else is at the folder.
    Later,
}

/// What a step of the deletion found.
enum Planned {
    Entry(Box<Entry>),
    Nothing,
    Later,
}

fn subject(album_id: i64, only: Option<i64>) -> String {
    match only {
        Some(track_id) => format!("track:{track_id}"),
        None => format!("album:{album_id}"),
    }
}

impl Delete {
    /// One album, or one track of it: plan, disk, rows.
    async fn delete_album(&self, context: &Context, album_id: i64, only: Option<i64>) -> Result<Ended> {
        let music = context.app.music().to_owned();
        loop {
            let entry = match self.plan(context, album_id, only).await? {
                Planned::Entry(entry) => entry,
                Planned::Nothing => return Ok(Ended::Nothing),
                Planned::Later => return Ok(Ended::Later),
            };
            let (at, filled) = (music.clone(), entry.clone());
            blocking(move || fill(&at, &filled)).await??;
            if self.record(context, &entry, album_id, only).await? {
                disk::here("recorded", &music)?;
                return Ok(Ended::Kept(entry.id));
            }
        }
    }

    /// The entry with each file that will move, in the row before the first one does. What was planned before an
    /// interruption stays planned; what has come since is added.
    async fn plan(&self, context: &Context, album_id: i64, only: Option<i64>) -> Result<Planned> {
        let app = &context.app;
        let mut client = app.db.get().await?;
        let subject = subject(album_id, only);
        let begun = Entry::filling(&client, &subject).await?;
        let Some(shelf) = Shelf::find(&client, album_id, only).await? else {
            return Ok(begun.map_or(Planned::Nothing, |entry| Planned::Entry(Box::new(entry))));
        };
        if shelf.is_being_filled {
            return Ok(Planned::Later);
        }
        let planned = begun.as_ref().map(|e| e.files.clone()).unwrap_or_default();
        let files = shelf.list(planned, shelf.own_files(app, &client).await?);
        let tx = client.transaction().await?;
        context.hold(&tx).await?;
        let entry = match begun {
            Some(mut begun) => {
                entry::set_files(&tx, begun.id, &files).await?;
                begun.files = files;
                begun
            }
            None => self.begin(app, &tx, &subject, &shelf, files).await?,
        };
        tx.commit().await?;
        disk::here("planned", app.music())?;
        Ok(Planned::Entry(Box::new(entry)))
    }

    async fn begin(
        &self,
        app: &App,
        tx: &impl Sql,
        subject: &str,
        shelf: &Shelf,
        files: Vec<File>,
    ) -> Result<Entry> {
        let title = shelf
            .track_title
            .as_ref()
            .map_or_else(|| shelf.title.clone(), |t| format!("{t} ({})", shelf.title));
        let reason = format!("the {} was deleted", self.thing.name());
        let new = Beginning {
            subject,
            prefix: "",
            kind: Kind::Deleted,
            artist: Some(&shelf.artist),
            title: &title,
            album_id: Some(shelf.album_id),
            files: &files,
            reason: &reason,
            trashed_by: self.by,
        };
        entry::begin(app, tx, &new).await?;
        let entry = Entry::filling(tx, subject).await?;
        Ok(entry.ok_or_else(|| anyhow::anyhow!("an entry of the trash vanished"))?)
    }

    /// The rows, now that the files are safe; `false` when tracks have come that were not planned.
    async fn record(
        &self,
        context: &Context,
        entry: &Entry,
        album_id: i64,
        only: Option<i64>,
    ) -> Result<bool> {
        let app = &context.app;
        let mut client = app.db.get().await?;
        let tx = client.transaction().await?;
        context.hold(&tx).await?;
        let Some(standing) = library::lock_for_removal(&tx, album_id).await? else {
            // Somebody has taken the rows away; the files are in the trash, and can be imported again from there.
            entry::keep(app, &tx, entry.id, None).await?;
            tx.commit().await?;
            return Ok(true);
        };
        let going: Vec<&(i64, Value)> =
            standing.tracks.iter().filter(|(id, _)| only.is_none_or(|only| only == *id)).collect();
        // A track that came after the plan, or whose file was renamed.
        if going.iter().any(|row| !entry.files.iter().any(|f| is_file_of(f, row))) {
            return Ok(false);
        }
        let mut files = entry.files.clone();
        for file in &mut files {
            file.track = going.iter().find(|row| is_file_of(file, row)).map(|(_, row)| row.clone());
        }
        entry::set_files(&tx, entry.id, &files).await?;
        let track_ids: Vec<i64> = going.iter().map(|(id, _)| *id).collect();
        let is_whole = track_ids.len() == standing.tracks.len();
        let deleted = hearts_and_rows(&tx, &standing, &track_ids, is_whole).await?;
        entry::keep(app, &tx, entry.id, Some(&deleted)).await?;
        self.tell(&tx, entry, &standing, &track_ids, is_whole).await?;
        let artist_id = standing.artist["id"].as_i64().unwrap_or_default();
        library::remove_tracks(&tx, album_id, artist_id, &track_ids).await?;
        tx.commit().await?;
        tracing::info!(trash_id = entry.id, path = entry.path, "deleted: its files are in the trash");
        Ok(true)
    }

    /// The activity log, the pages, and those who have hearted it.
    async fn tell(
        &self,
        tx: &Transaction<'_>,
        entry: &Entry,
        standing: &Standing,
        track_ids: &[i64],
        is_whole: bool,
    ) -> Result<()> {
        let (album_id, artist_id) = (standing.album["id"].as_i64(), standing.artist["id"].as_i64());
        let (title, artist) = (standing.album["title"].as_str(), standing.artist["name"].as_str());
        let entity = if is_whole { ("album", album_id) } else { ("track", track_ids.first().copied()) };
        let details = json!({
            "artist": artist, "title": title, "tracks": track_ids.len(), "trash_id": entry.id,
            "size_bytes": entry.size_bytes(), "name": entry.title,
        });
        let entity = entity.1.map(|id| (entity.0, id));
        activity::record(tx, self.by, "delete", entity, Some(&details), self.address.as_deref()).await?;
        let ids = |id: Option<i64>| id.map_or(json!([]), |id| json!([id]));
        let more = json!({"album_ids": ids(album_id), "artist_ids": ids(artist_id), "deleted": is_whole});
        library::tell_updated(tx, entity, Action::Deleted, more).await?;
        let notification = json!({
            "title": if is_whole { "Album Deleted" } else { "Track Deleted" },
            "message": format!("'{}' by {} is in the trash now; an admin can bring it back", entry.title, artist.unwrap_or("?")),
            "album_id": album_id, "artist_id": artist_id, "trash_id": entry.id,
        });
        for row in tx.rows(HEARTED_BY, &[&album_id, &track_ids]).await? {
            events::publish(tx, "notification", Audience::User(row.get(0)), &notification).await?;
        }
        Ok(())
    }

    /// All albums are gone, and with the last of them the artist; one who never had any is removed here.
    async fn end_artist(&self, context: &Context) -> Result<()> {
        let mut client = context.app.db.get().await?;
        let tx = client.transaction().await?;
        context.hold(&tx).await?;
        library::remove_artist_without_albums(&tx, self.id).await?;
        activity::record(&tx, self.by, "delete", Some(("artist", self.id)), None, self.address.as_deref())
            .await?;
        Ok(tx.commit().await?)
    }
}

const HEARTED_BY: &str = "select distinct user_id from heart
    where folder_of_album_id = $1 and (track_id is null or track_id = any($2)) order by user_id";
// A track that goes alone leaves the hearts on its album behind; they covered it all the same.
const HEARTS: &str = "select coalesce(jsonb_agg(heart), '[]') from (
        select to_jsonb(h) heart from heart h where h.track_id = any($1) or h.album_id = $2 or h.artist_id = $3
        union all
        select jsonb_build_object('user_id', a.user_id, 'track_id', t.id, 'created_at', a.created_at)
            from track t join heart a on a.album_id = t.album_id where t.id = any($1) and $2::bigint is null) h";

/// What goes with the tracks: hearts on the album when all of it goes, on the artist when it is the only album.
async fn hearts_and_rows(
    tx: &impl Sql,
    standing: &Standing,
    track_ids: &[i64],
    is_whole: bool,
) -> Result<Deleted> {
    let album_id = standing.album["id"].as_i64().filter(|_| is_whole);
    let artist_id = standing.artist["id"].as_i64().filter(|_| is_whole && standing.is_only_album);
    Ok(Deleted {
        artist: standing.artist.clone(),
        album: standing.album.clone(),
        hearts: tx.row(HEARTS, &[&track_ids, &album_id, &artist_id]).await?.get(0),
    })
}

fn is_file_of(file: &File, (id, row): &(i64, Value)) -> bool {
    file.track_id == Some(*id) && text_to_path(&file.original_path).to_str() == row["path"].as_str()
}

/// Everything into the entry's folder; then the empty folders go.
fn fill(music: &Path, entry: &Entry) -> Result<()> {
    let moves: Vec<(String, String)> =
        entry.files.iter().map(|f| (f.original_path.clone(), disk::place(entry, f))).collect();
    let gone = disk::move_all(music, &moves)?;
    for path in gone {
        tracing::warn!(path, "a file that was to be deleted is not there");
    }
    let old: Vec<String> = moves.into_iter().map(|(old, _)| old).collect();
    disk::prune(music, &old, "artists")?;
    disk::here("filled", music)?;
    Ok(())
}

// -- what is to be deleted, as rows and disk say it now

const ALBUM: &str = "select a.title, r.name, a.path, (select t.title from track t where t.id = $2),
        not exists (select from track t where t.album_id = a.id and t.id <> $2)
    from album a join artist r on r.id = a.artist_id where a.id = $1";
const TRACKS: &str = "select id, path, size_bytes, encode(checksum, 'hex'), essence from track
    where album_id = $1 and ($2::bigint is null or id = $2) order by disc_number, track_number, id";
// An import that has its plan: until it is over, it answers for what it puts into the folder.
const IS_BEING_FILLED: &str = "select exists (select from import
    where is_on_its_way and plan -> 'filing' ->> 'target' = $1)";
// What lies in the folder and is another album's: albums in folders of albums, tracks that were moved.
const TRACKS_OF_OTHERS: &str = "select path from track where path = any($1) and album_id <> $2";
const FOLDERS_OF_OTHERS: &str = "select path from album where path = any($1) and id <> $2";

/// One album, or one track of it.
struct Shelf {
    album_id: i64,
    artist: String,
    title: String,
    /// When only this one is deleted.
    track_title: Option<String>,
    folder: String,
    /// All of the folder goes, not only the track's file.
    takes_folder: bool,
    is_being_filled: bool,
    tracks: Vec<File>,
}

impl Shelf {
    async fn find(client: &impl Sql, album_id: i64, only: Option<i64>) -> Result<Option<Self>> {
        let Some(row) = client.maybe_row(ALBUM, &[&album_id, &only]).await? else { return Ok(None) };
        let folder: String = row.get(2);
        let tracks = client.rows(TRACKS, &[&album_id, &only]).await?;
        let tracks = tracks.iter().map(|row| File {
            name: String::new(),
            original_path: path_to_text(Path::new(row.get::<_, &str>(1))),
            size_bytes: u64::try_from(row.get::<_, i64>(2)).unwrap_or_default(),
            checksum: row.get(3),
            essence: row.get(4),
            track_id: Some(row.get(0)),
            track: None,
        });
        Ok(Some(Self {
            album_id,
            title: row.get(0),
            artist: row.get(1),
            track_title: row.get::<_, Option<String>>(3).filter(|_| only.is_some()),
            takes_folder: only.is_none() || row.get::<_, Option<bool>>(4).unwrap_or(false),
            is_being_filled: client.row(IS_BEING_FILLED, &[&folder]).await?.get(0),
            tracks: tracks.collect(),
            folder,
        }))
    }

    /// What lies in the folder and goes with the album; nothing when only a track goes.
    async fn own_files(&self, app: &App, client: &impl Sql) -> Result<Vec<Found>> {
        if !self.takes_folder {
            return Ok(Vec::new());
        }
        let (music, folder) = (app.music().to_owned(), PathBuf::from(&self.folder));
        let found = blocking(move || disk::files_in(&music, &folder)).await??;
        let paths: Vec<PathBuf> = found.iter().map(|f| text_to_path(&f.path)).collect();
        let folders: BTreeSet<&Path> = paths
            .iter()
            .flat_map(|p| p.ancestors().skip(1))
            .filter(|f| *f != Path::new(&self.folder))
            .collect();
        let names: Vec<&str> = paths.iter().filter_map(|p| p.to_str()).collect();
        let folders: Vec<&str> = folders.into_iter().filter_map(Path::to_str).collect();
        let others = client.rows(TRACKS_OF_OTHERS, &[&names, &self.album_id]).await?;
        let nested = client.rows(FOLDERS_OF_OTHERS, &[&folders, &self.album_id]).await?;
        let others: HashSet<PathBuf> =
            others.iter().map(|row| PathBuf::from(row.get::<_, &str>(0))).collect();
        let nested: Vec<PathBuf> = nested
            .iter()
            .map(|row| PathBuf::from(row.get::<_, &str>(0)))
            .filter(|f| f.starts_with(&self.folder))
            .collect();
        let is_own = |path: &Path| !others.contains(path) && !nested.iter().any(|f| path.starts_with(f));
        Ok(found.into_iter().zip(paths).filter(|(_, path)| is_own(path)).map(|(found, _)| found).collect())
    }

    /// What was planned before, and what is there now: the tracks' files, then covers, logs, booklets.
    fn list(&self, planned: Vec<File>, found: Vec<Found>) -> Vec<File> {
        let mut files = planned;
        let mut names: HashSet<String> = files.iter().map(|f| f.name.clone()).collect();
        let folder = path_to_text(Path::new(&self.folder));
        let others = found.into_iter().map(|found| File {
            name: String::new(),
            original_path: found.path,
            size_bytes: found.size_bytes,
            checksum: None,
            essence: None,
            track_id: None,
            track: None,
        });
        for mut file in self.tracks.iter().cloned().chain(others) {
            if files.iter().any(|f| f.original_path == file.original_path) {
                continue;
            }
            file.name = name_in_entry(&file.original_path, &folder, &names);
            names.insert(file.name.clone());
            files.push(file);
        }
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, track_id: Option<i64>) -> File {
        let (name, original_path) = (String::new(), path.to_owned());
        File { name, original_path, size_bytes: 1, checksum: None, essence: None, track_id, track: None }
    }

    #[test]
    fn what_was_planned_stays_and_what_has_come_is_added_once() {
        let shelf = Shelf {
            album_id: 1,
            artist: "A".into(),
            title: "B".into(),
            track_title: None,
            folder: "artists/A/B".into(),
            takes_folder: true,
            is_being_filled: false,
            tracks: vec![file("artists/A/B/1.flac", Some(7)), file("artists/A/2.flac", Some(8))],
        };
        let found = |path: &str| Found { path: path.into(), size_bytes: 3 };
        let first =
            shelf.list(Vec::new(), vec![found("artists/A/B/1.flac"), found("artists/A/B/Scans/1.jpg")]);
        let names: Vec<&str> = first.iter().map(|f| f.name.as_str()).collect();
        assert_eq!(names, ["1.flac", "2.flac", "Scans/1.jpg"]);
        assert_eq!(first[0].track_id, Some(7));
        let later = shelf.list(first, vec![found("artists/A/B/3.flac")]);
        assert_eq!(later.len(), 4);
    }
}
