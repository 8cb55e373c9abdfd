//! The way back out of the trash: files to their places (or to free ones beside), rows with their old ids, everyone's
//! hearts. May be stopped anywhere; run again, it goes on.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::disk;
use super::entry::{self, Deleted, Entry, File, Kind, State, Way};
use super::places::{candidates, folder_candidates, is_beneath, moved_along};
use super::{swap, wait_for_music};
use crate::activity;
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::events::{self, Audience};
use crate::files::{self, path_to_text, text_to_path};
use crate::hearts;
use crate::jobs::{self, Context, Job, Outcome, Queue};
use crate::library::{self, Action, Returning};
use crate::parallel::blocking;

/// Something is to be brought back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Restore {
    /// The entry's row.
    pub id: i64,
    /// Who wants it; none at the command line.
    pub by: Option<i64>,
    /// From where, for the activity log.
    pub address: Option<String>,
}

fn key(id: i64) -> String {
    format!("entry:{id}")
}

const ASK: &str = "update trash set state = 'restoring' where id = $1 and state in ('kept', 'restoring')
    returning kind, snapshot is not null";
const STATE: &str = "select state from trash where id = $1";
// What was never in the library goes back through the one way in, whose room stands above this one: a trigger on the row
// has put its job into the queue.
const JOB_OF_IMPORTS: &str = "select id from job where kind = 'imports.return_from_trash' and unique_key = $1
    and state in ('available', 'running') order by id desc limit 1";

/// Has something brought back, in the caller's transaction; the job that does it.
///
/// # Errors
/// `NotFound`; `Conflict` when its files are still on their way, or are being removed.
pub async fn restore(tx: &impl Sql, wanted: &Restore) -> Result<i64> {
    let Some(row) = tx.maybe_row(ASK, &[&wanted.id]).await? else {
        let Some(row) = tx.maybe_row(STATE, &[&wanted.id]).await? else { return Err(not_found()) };
        return Err(Error::Conflict(match row.get(0) {
            "filling" => "It is still on its way into the trash. Try again in a moment.".into(),
            _ => "It is being removed for good.".into(),
        }));
    };
    match (row.get(0), row.get(1)) {
        ("replaced", _) | ("deleted", true) => jobs::enqueue(tx, wanted).await,
        _ => {
            let (entity, address) = (Some(("trash", wanted.id)), wanted.address.as_deref());
            activity::record(tx, wanted.by, "restore", entity, None, address).await?;
            Ok(tx.row(JOB_OF_IMPORTS, &[&key(wanted.id)]).await?.get(0))
        }
    }
}

/// Brings an older version or a deletion back within a job of a room above; how that went. Safe to run twice.
pub async fn restore_now(context: &Context, wanted: Restore) -> Result<Outcome> {
    context.app.db.get().await?.maybe_row(ASK, &[&wanted.id]).await?;
    wanted.run(context).await
}

/// No such entry.
pub(super) fn not_found() -> Error {
    Error::NotFound("Nothing in the trash has this id")
}

impl Job for Restore {
    const KIND: &'static str = "trash.restore";
    const QUEUE: Queue = Queue::Imports;

    fn unique_key(&self) -> Option<String> {
        Some(key(self.id))
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        if let Some(later) = wait_for_music(&context.app).await? {
            return Ok(later);
        }
        let client = context.app.db.get().await?;
        if let Some(done) = swap::finish(context, &client, self.id).await? {
            return Ok(done);
        }
        let Some(entry) = Entry::find(&client, self.id).await? else {
            return Ok(Outcome::Done(json!({ "trash_id": self.id, "status": "restored" })));
        };
        if entry.state != State::Restoring {
            return Ok(Outcome::Cancel("it is not to be restored any more".into()));
        }
        drop(client);
        match (entry.kind, entry.snapshot.clone()) {
            (Kind::Replaced, _) => swap::swap(&self, context, entry).await,
            (Kind::Deleted, Some(deleted)) => self.bring_back(context, entry, deleted).await,
            _ => Ok(Outcome::Cancel("it was never in the library".into())),
        }
    }
}

impl Restore {
    async fn bring_back(&self, context: &Context, entry: Entry, deleted: Deleted) -> Result<Outcome> {
        let music = context.app.music().to_owned();
        let way = match &entry.way {
            Some(way) => way.clone(),
            None => find_way(context, &entry, &deleted).await?,
        };
        disk::here("way found", &music)?;
        let missing = match move_along(context, &entry, &way).await {
            // Somebody took a place meanwhile: another is looked for.
            Err(Error::Io(e)) if e.kind() == std::io::ErrorKind::AlreadyExists => {
                find_way(context, &Entry { way: Some(way), ..entry }, &deleted).await?;
                return Ok(Outcome::Snooze(Duration::ZERO));
            }
            moved => moved?,
        };
        disk::here("moved back", &music)?;
        let outcome = self.record(context, &entry, deleted, &way, &missing).await?;
        let path = entry.path.clone();
        blocking(move || clear(&music, &entry)).await??;
        tracing::info!(trash_id = self.id, path, "restored from the trash");
        Ok(Outcome::Done(outcome))
    }

    /// The rows, the hearts, and the entry is no more: one transaction.
    async fn record(
        &self,
        context: &Context,
        entry: &Entry,
        deleted: Deleted,
        way: &Way,
        missing: &[String],
    ) -> Result<Value> {
        let mut client = context.app.db.get().await?;
        let tx = client.transaction().await?;
        context.hold(&tx).await?;
        hearts::stand_still(&tx).await?;
        let tracks = rows_at(&entry.files, &way.to, missing);
        let mut album = deleted.album.clone();
        album["path"] = json!(way.folder);
        let cover =
            entry.files.iter().find(|f| Some(f.original_path.as_str()) == album["artwork_path"].as_str());
        if let Some(place) = cover.and_then(|f| way.to.get(&f.name)) {
            album["artwork_path"] = json!(place);
        }
        let returned = library::bring_back(
            &tx,
            &Returning { artist: deleted.artist.clone(), album, tracks: tracks.clone() },
        )
        .await?;
        let hearts = hearts_of(&deleted, returned.artist_id);
        let users = hearts::bring_back(&tx, &hearts).await?;
        entry::leave(&tx, entry.id).await?;
        let renamed: Vec<Value> = entry
            .files
            .iter()
            .filter_map(|f| Some((f, way.to.get(&f.name)?)))
            .filter(|(f, to)| f.original_path != **to)
            .map(|(f, to)| json!({"from": f.original_path, "to": to}))
            .collect();
        let outcome = json!({
            "trash_id": entry.id, "status": "restored", "album_id": returned.album_id, "artist_id": returned.artist_id,
            "tracks": tracks.len(), "files": entry.files.len() - missing.len(), "new_title": returned.new_title,
            "renamed": renamed, "missing": missing, "hearts_of_users": users.len(),
        });
        let mut details = outcome.clone();
        details["artist"] = json!(entry.artist);
        details["title"] = json!(entry.title);
        let entity = Some(("album", returned.album_id));
        activity::record(&tx, self.by, "restore", entity, Some(&details), self.address.as_deref()).await?;
        let more = json!({"album_ids": [returned.album_id], "artist_ids": [returned.artist_id]});
        library::tell_updated(&tx, entity, Action::Created, more).await?;
        let told = json!({
            "title": "Back From the Trash", "message": format!("'{}' is in your library again", entry.title),
            "album_id": returned.album_id, "artist_id": returned.artist_id,
        });
        for user_id in users {
            events::publish(&tx, "notification", Audience::User(user_id), &told).await?;
        }
        tx.commit().await?;
        Ok(outcome)
    }
}

/// The rows of the tracks whose files are back, with their new places.
fn rows_at(files: &[File], to: &BTreeMap<String, String>, missing: &[String]) -> Vec<Value> {
    let back = files.iter().filter(|f| !missing.contains(&f.name));
    back.filter_map(|file| {
        let mut row = file.track.clone()?;
        row["path"] = json!(text_to_path(to.get(&file.name)?).to_str()?);
        Some(row)
    })
    .collect()
}

/// The artist may have come anew, under another id.
fn hearts_of(deleted: &Deleted, artist_id: i64) -> Value {
    let mut hearts = deleted.hearts.clone();
    for heart in hearts.as_array_mut().into_iter().flatten() {
        if !heart["artist_id"].is_null() {
            heart["artist_id"] = json!(artist_id);
        }
    }
    hearts
}

const FOLDER_NOW: &str = "select path from album where id = $1";
const FOLDERS_TAKEN: &str = "select path from album where path = any($1)";
const FILES_TAKEN: &str = "select path from track where path = any($1)";

/// A free place for each file, written down before the first one moves.
async fn find_way(context: &Context, entry: &Entry, deleted: &Deleted) -> Result<Way> {
    if let Some(stray) = entry.files.iter().find(|f| !is_beneath(&f.original_path, "artists")) {
        return Err(Error::Invalid(format!("{} is no place in the library", stray.original_path)));
    }
    let mut client = context.app.db.get().await?;
    let old = deleted.album["path"].as_str().unwrap_or_default().to_owned();
    let album_id = deleted.album["id"].as_i64();
    let folder = match client.maybe_row(FOLDER_NOW, &[&album_id]).await? {
        Some(row) => row.get(0),
        None => {
            let wanted: Vec<String> = folder_candidates(&old).collect();
            let rows = client.rows(FOLDERS_TAKEN, &[&wanted]).await?;
            let taken: HashSet<&str> = rows.iter().map(|row| row.get(0)).collect();
            let free = wanted.iter().find(|f| !taken.contains(f.as_str()));
            free.cloned().ok_or_else(|| Error::Conflict(format!("{old} and all names like it are taken")))?
        }
    };
    let (from, into) = (path_to_text(Path::new(&old)), path_to_text(Path::new(&folder)));
    let wanted: Vec<(String, String)> =
        entry.files.iter().map(|f| (f.name.clone(), moved_along(&f.original_path, &from, &into))).collect();
    let names: Vec<String> = wanted.iter().flat_map(|(_, path)| candidates(path)).collect();
    let rows = client.rows(FILES_TAKEN, &[&names]).await?;
    let taken: HashSet<String> = rows.iter().map(|row| row.get(0)).collect();
    let (music, at) = (context.app.music().to_owned(), entry.clone());
    let to = blocking(move || free_places(&music, &at, wanted, taken)).await??;
    let way = Way { folder, to };
    let tx = client.transaction().await?;
    context.hold(&tx).await?;
    entry::set_way(&tx, entry.id, &way).await?;
    tx.commit().await?;
    Ok(way)
}

/// The first name that neither the disk nor a row nor another file of the entry has; what was moved before stays there.
pub(super) fn free_places(
    music: &Path,
    entry: &Entry,
    wanted: Vec<(String, String)>,
    mut taken: HashSet<String>,
) -> Result<BTreeMap<String, String>> {
    let mut to = BTreeMap::new();
    for (name, path) in wanted {
        let is_here = music.join(text_to_path(&format!("{}/{name}", entry.path))).try_exists()?;
        let before = entry.way.as_ref().and_then(|way| way.to.get(&name)).filter(|_| !is_here);
        let free = match before {
            Some(before) => Some(before.clone()),
            None => {
                let is_free = |p: &String| {
                    !taken.contains(p) && music.join(text_to_path(p)).symlink_metadata().is_err()
                };
                candidates(&path).find(is_free)
            }
        };
        let free = free.ok_or_else(|| Error::Conflict(format!("{path} and all names like it are taken")))?;
        taken.insert(free.clone());
        to.insert(name, free);
    }
    Ok(to)
}

/// Moves the files; the names of those that are not there.
pub(super) async fn move_along(context: &Context, entry: &Entry, way: &Way) -> Result<Vec<String>> {
    let (music, at, to) = (context.app.music().to_owned(), entry.clone(), way.to.clone());
    blocking(move || {
        let moves: Vec<(String, String)> =
            at.files.iter().filter_map(|f| Some((disk::place(&at, f), to.get(&f.name)?.clone()))).collect();
        let gone = disk::move_all(&music, &moves)?;
        let is_gone = |f: &&File| gone.contains(&disk::place(&at, f));
        Ok(at.files.iter().filter(is_gone).map(|f| f.name.clone()).collect())
    })
    .await?
}

/// The entry's folder goes, when nothing else lies in it.
pub(super) fn clear(music: &Path, entry: &Entry) -> Result<()> {
    let old: Vec<String> = entry.files.iter().map(|f| disk::place(entry, f)).collect();
    let note = music.join(&entry.path).join("REASON.txt");
    files::remove_file_if_there(&note)?;
    disk::prune(music, &old, ".trash")?;
    Ok(())
}

// -- out of the trash, for the room above

const TAKE_OUT: &str = "update trash set state = 'restoring' where id = $1 and state = 'kept'";

/// Moves the files of an entry into a folder (`named` says under which name each), for whoever answers for them then, and
/// `forget`s the entry in a transaction of theirs; the folder, which is the one of the first try when this is run again.
pub async fn take_out(
    context: &Context,
    entry: &Entry,
    folder: &str,
    named: impl Fn(&File) -> String,
) -> Result<String> {
    let client = context.app.db.get().await?;
    if entry.state != State::Restoring && client.run(TAKE_OUT, &[&entry.id]).await? == 0 {
        return Err(Error::Conflict("It is not in the trash any more.".into()));
    }
    let way = match &entry.way {
        Some(way) => way.clone(),
        None => {
            let to = entry.files.iter().map(|f| (f.name.clone(), format!("{folder}/{}", named(f)))).collect();
            let way = Way { folder: folder.to_owned(), to };
            if let Some((_, place)) = way.to.iter().find(|(_, place)| !is_beneath(place, folder)) {
                return Err(Error::Invalid(format!("{place} does not lie in {folder}")));
            }
            entry::set_way(&client, entry.id, &way).await?;
            way
        }
    };
    drop(client);
    disk::here("way found", context.app.music())?;
    for name in move_along(context, entry, &way).await? {
        tracing::warn!(trash_id = entry.id, name, "a file of the trash is not there");
    }
    disk::here("moved back", context.app.music())?;
    let (music, at) = (context.app.music().to_owned(), entry.clone());
    blocking(move || clear(&music, &at)).await??;
    Ok(way.folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(names: &[&str]) -> Entry {
        let file = |name: &&str| File {
            name: (*name).into(),
            original_path: format!("artists/A/B/{name}"),
            size_bytes: 1,
            checksum: None,
            essence: None,
            track_id: None,
            track: None,
        };
        Entry {
            id: 1,
            kind: Kind::Deleted,
            state: State::Restoring,
            path: ".trash/deleted/1".into(),
            artist: None,
            title: "B".into(),
            album_id: None,
            files: names.iter().map(file).collect(),
            snapshot: None,
            way: None,
        }
    }

    #[test]
    fn a_place_that_is_taken_on_the_disk_or_in_the_rows_is_left_alone() {
        let music = tempfile::tempdir().unwrap();
        let write = |path: &str| {
            std::fs::create_dir_all(music.path().join(path).parent().unwrap()).unwrap();
            std::fs::write(music.path().join(path), "x").unwrap();
        };
        write(".trash/deleted/1/1.flac");
        write(".trash/deleted/1/2.flac");
        write("artists/A/B/1.flac");
        let wanted = |n: u32| (format!("{n}.flac"), format!("artists/A/B/{n}.flac"));
        let taken = HashSet::from(["artists/A/B/2.flac".to_owned()]);
        let mut entry = entry(&["1.flac", "2.flac", "3.flac"]);
        let before = BTreeMap::from([("3.flac".to_owned(), "artists/A/B/3 (2).flac".to_owned())]);
        entry.way = Some(Way { folder: "artists/A/B".into(), to: before });
        let to = free_places(music.path(), &entry, vec![wanted(1), wanted(2), wanted(3)], taken).unwrap();
        let places: Vec<&str> = to.values().map(String::as_str).collect();
        // The third was moved before an interruption, and stays where it is.
        assert_eq!(places, ["artists/A/B/1 (2).flac", "artists/A/B/2 (2).flac", "artists/A/B/3 (2).flac"]);
    }
}
