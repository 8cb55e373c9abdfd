//! An older version comes back to its track, which keeps its id; the newer one goes into the trash in its place, so that
//! this can be undone again.

use std::collections::HashSet;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use super::disk;
use super::entry::{self, Beginning, Entry, File, Kind, Way};
use super::places::{candidates, is_beneath, name_in_entry};
use super::restore::{Restore, clear, free_places, move_along};
use crate::activity;
use crate::db::{Client, Sql};
use crate::error::{Error, Result};
use crate::files::{path_to_text, text_to_path};
use crate::jobs::{Context, Outcome};
use crate::library::{self, Action};
use crate::parallel::blocking;

fn subject(entry_id: i64) -> String {
    format!("swap:{entry_id}")
}

const TRACKS_NOW: &str =
    "select t.id, t.path, t.album_id, to_jsonb(t) - 'search' as was, r.name, a.title, a.path
    from track t join album a on a.id = t.album_id join artist r on r.id = a.artist_id
    where t.id = any($1) order by t.id for update of t";
const FILES_TAKEN: &str = "select path from track where path = any($1)";

/// Swaps. Files of tracks that are gone stay in the trash.
pub(super) async fn swap(wanted: &Restore, context: &Context, entry: Entry) -> Result<Outcome> {
    let mut client = context.app.db.get().await?;
    let ids: Vec<i64> = entry.files.iter().filter_map(|f| f.track_id).collect();
    let there: HashSet<i64> = client.rows(TRACKS_NOW, &[&ids]).await?.iter().map(|row| row.get(0)).collect();
    let is_back = |f: &File| f.track_id.is_some_and(|id| there.contains(&id)) && f.track.is_some();
    let (back, rest): (Vec<File>, Vec<File>) = entry.files.iter().cloned().partition(is_back);
    if back.is_empty() {
        let tx = client.transaction().await?;
        context.hold(&tx).await?;
        entry::keep_again(&tx, entry.id).await?;
        tx.commit().await?;
        return Ok(Outcome::Cancel(
            "Its tracks are no longer in the library: restore the album first".into(),
        ));
    }
    let entry = Entry { files: back, ..entry };
    let way = match &entry.way {
        Some(way) => way.clone(),
        None => find_way(context, &mut client, &entry).await?,
    };
    disk::here("way found", context.app.music())?;
    let missing = match move_along(context, &entry, &way).await {
        Err(Error::Io(e)) if e.kind() == std::io::ErrorKind::AlreadyExists => {
            find_way(context, &mut client, &Entry { way: Some(way), ..entry }).await?;
            return Ok(Outcome::Snooze(Duration::ZERO));
        }
        moved => moved?,
    };
    disk::here("moved back", context.app.music())?;
    record(wanted, context, &mut client, &entry, &way, (&missing, &rest)).await?;
    disk::here("swapped", context.app.music())?;
    let (music, at) = (context.app.music().to_owned(), entry.clone());
    blocking(move || clear(&music, &at)).await??;
    let done = finish(context, &client, entry.id).await?;
    Ok(done.unwrap_or_else(|| Outcome::Done(json!({ "trash_id": entry.id, "status": "restored" }))))
}

async fn find_way(context: &Context, client: &mut Client, entry: &Entry) -> Result<Way> {
    if let Some(stray) = entry.files.iter().find(|f| !is_beneath(&f.original_path, "artists")) {
        return Err(Error::Invalid(format!("{} is no place in the library", stray.original_path)));
    }
    let wanted: Vec<(String, String)> =
        entry.files.iter().map(|f| (f.name.clone(), f.original_path.clone())).collect();
    let names: Vec<String> = wanted.iter().flat_map(|(_, path)| candidates(path)).collect();
    let rows = client.rows(FILES_TAKEN, &[&names]).await?;
    let taken: HashSet<String> = rows.iter().map(|row| row.get(0)).collect();
    let (music, at) = (context.app.music().to_owned(), entry.clone());
    let to = blocking(move || free_places(&music, &at, wanted, taken)).await??;
    let way = Way { folder: String::new(), to };
    let tx = client.transaction().await?;
    context.hold(&tx).await?;
    entry::set_way(&tx, entry.id, &way).await?;
    tx.commit().await?;
    Ok(way)
}

/// The tracks have their older files in the rows; what they had until now is written down as going into the trash.
async fn record(
    wanted: &Restore,
    context: &Context,
    client: &mut Client,
    entry: &Entry,
    way: &Way,
    (missing, rest): (&[String], &[File]),
) -> Result<()> {
    let tx = client.transaction().await?;
    context.hold(&tx).await?;
    let back: Vec<&File> = entry.files.iter().filter(|f| !missing.contains(&f.name)).collect();
    let ids: Vec<i64> = back.iter().filter_map(|f| f.track_id).collect();
    let now = tx.rows(TRACKS_NOW, &[&ids]).await?;
    let mut newer: Vec<File> = Vec::new();
    let mut names = HashSet::new();
    for row in &now {
        let was: Value = row.get(3);
        let path = path_to_text(Path::new(row.get::<_, &str>(1)));
        let name = name_in_entry(&path, &path_to_text(Path::new(row.get::<_, &str>(6))), &names);
        names.insert(name.clone());
        newer.push(File {
            name,
            original_path: path,
            size_bytes: was["size_bytes"].as_u64().unwrap_or_default(),
            checksum: was["checksum"].as_str().and_then(|hex| hex.strip_prefix("\\x")).map(str::to_owned),
            essence: was["essence"].as_str().map(str::to_owned),
            track_id: Some(row.get(0)),
            track: Some(was),
        });
    }
    let rows: Vec<Value> = back
        .iter()
        .filter_map(|file| {
            let mut row = file.track.clone()?;
            row["id"] = json!(file.track_id?);
            row["path"] = json!(text_to_path(way.to.get(&file.name)?).to_str()?);
            Some(row)
        })
        .collect();
    let album_id: Option<i64> = now.first().map(|row| row.get(2));
    let new = Beginning {
        subject: &subject(entry.id),
        prefix: "back-",
        kind: Kind::Replaced,
        artist: now.first().map(|row| row.get(4)),
        title: now.first().map_or(entry.title.as_str(), |row| row.get(5)),
        album_id,
        files: &newer,
        reason: "an older version was restored in its place",
        trashed_by: wanted.by,
    };
    entry::begin(&context.app, &tx, &new).await?;
    library::return_files(&tx, &rows).await?;
    if rest.is_empty() {
        entry::leave(&tx, entry.id).await?;
    } else {
        entry::leave_rest(&tx, entry.id, rest).await?;
    }
    let details = json!({
        "artist": entry.artist, "title": entry.title, "trash_id": entry.id, "track_ids": ids, "missing": missing,
    });
    let entity = album_id.map(|id| ("album", id));
    activity::record(&tx, wanted.by, "restore", entity, Some(&details), wanted.address.as_deref()).await?;
    let more = json!({"album_ids": album_id.map_or(vec![], |id| vec![id]), "track_ids": ids});
    library::tell_updated(&tx, entity, Action::Updated, more).await?;
    Ok(tx.commit().await?)
}

const BEGUN: &str = "select subject from trash where state = 'filling' and subject like 'swap:%' order by id";

/// Brings swaps that were begun to their end, for a room above that swaps in a job of its own.
pub async fn finish_all(context: &Context) -> Result<()> {
    let client = context.app.db.get().await?;
    for row in client.rows(BEGUN, &[]).await? {
        let id = row.get::<_, &str>(0).strip_prefix("swap:").and_then(|id| id.parse().ok());
        if let Some(id) = id {
            finish(context, &client, id).await?;
        }
    }
    Ok(())
}

/// The last part: the newer files, which no row knows any more, move into the trash. `None` when there are none to move.
pub(super) async fn finish(context: &Context, client: &impl Sql, entry_id: i64) -> Result<Option<Outcome>> {
    let Some(newer) = Entry::filling(client, &subject(entry_id)).await? else { return Ok(None) };
    let (music, at) = (context.app.music().to_owned(), newer.clone());
    blocking(move || {
        let moves: Vec<(String, String)> =
            at.files.iter().map(|f| (f.original_path.clone(), disk::place(&at, f))).collect();
        disk::move_all(&music, &moves)?;
        disk::here("filled", &music)
    })
    .await??;
    entry::keep(&context.app, client, newer.id, None).await?;
    let outcome = json!({
        "trash_id": entry_id, "status": "restored", "album_id": newer.album_id, "newer_trash_id": newer.id,
        "tracks": newer.files.len(),
    });
    Ok(Some(Outcome::Done(outcome)))
}
