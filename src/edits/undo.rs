//! The way back: an edit that makes everything what it was before another one. Undoing an undo is doing it again.

use std::collections::HashSet;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::draft::{Draft, Ground, different, file_step, tags_of};
use super::gather::Disk;
use super::plan::{FileStep, Move, Plan, Rebuilt, moved};
use crate::app::App;
use crate::audio::Changes;
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::library::{AlbumRow, ArtistRow, Rows, TrackRow};

const FIND: &str =
    "select state, plan, before, after, undone_by, expired_at is not null, title from edit where id = $1";

/// Draws up the undoing of an edit.
///
/// # Errors
/// `NotFound`; `Conflict` with the reason why it cannot be undone (any more).
pub async fn draft(app: &App, tx: &impl Sql, edit_id: i64) -> Result<Draft> {
    let row = tx.maybe_row(FIND, &[&edit_id]).await?.ok_or(Error::NotFound("Edit not found"))?;
    let state: &str = row.get(0);
    let refused = |why: String| Err(Error::Conflict(why));
    if let Some(by) = row.get::<_, Option<i64>>(4) {
        return refused(format!("Edit {edit_id} was undone already; undo edit {by} to have it again."));
    }
    match state {
        "done" => {}
        "failed" => return refused(format!("Edit {edit_id} failed and changed nothing.")),
        _ => return refused(format!("Edit {edit_id} is still on its way.")),
    }
    if row.get::<_, bool>(5) {
        return refused(format!("What was kept of edit {edit_id} has gone from the trash by its age."));
    }
    let plan: Plan = json(row.get(1))?;
    let (was, is): (Rows, Rows) = (json(row.get(2))?, json(row.get(3))?);
    let album_ids: Vec<i64> = is.albums.iter().map(|a| a.id).collect();
    let mut current = Rows::of_albums(tx, &album_ids).await?;
    if current.artists.is_empty() {
        let ids: Vec<i64> = is.artists.iter().map(|a| a.id).collect();
        current.artists = Rows::artists(tx, &ids).await?;
    }
    let moves: Vec<Move> =
        plan.moves.iter().rev().map(|m| Move { from: m.to.clone(), to: m.from.clone() }).collect();
    let mut after = put_back(&was, &is, &current).map_err(|what| {
        Error::Conflict(format!("{what} was changed again since edit {edit_id}; undo the later edit first."))
    })?;
    take_along(&mut after, &current, &moves);
    let files = plan.files.iter().enumerate().map(|(n, step)| back(edit_id, n, step, &current, &after));
    let mut files = files.collect::<Result<Vec<_>>>()?;
    files.extend(steps_of_newcomers(&plan, &current, &after));
    let ground = Disk::around(app, tx, &current).await?;
    let own: HashSet<i64> = album_ids.into_iter().collect();
    for step in &moves {
        if ground.holds_others(&step.from, &own) {
            return refused(format!("Other albums have files in {} by now.", step.from));
        }
        let (from, to) = (app.music().join(&step.from), app.music().join(&step.to));
        if to.symlink_metadata().is_ok() && !crate::files::same_file(&from, &to).unwrap_or(false) {
            return refused(format!("{} is taken by now.", step.to));
        }
    }
    let plan = Plan { moves, files, ..Plan::default() };
    Ok(Draft { before: current, after, plan, notes: Vec::new() })
}

fn back(edit_id: i64, number: usize, step: &FileStep, current: &Rows, after: &Rows) -> Result<FileStep> {
    let of = |rows: &Rows| rows.tracks.iter().find(|t| t.id == step.track_id).cloned();
    let gone = || Error::Conflict(format!("{} is not in the library any more.", step.to));
    let (now, then) = (of(current).ok_or_else(gone)?, of(after).ok_or_else(gone)?);
    let (Some(kept), Some(expected)) = (step.kept.clone(), step.after.clone()) else {
        return Err(Error::Conflict(format!("Nothing was kept of {}.", step.from)));
    };
    if now.checksum.as_ref().is_some_and(|c| *c != expected.checksum) || now.path != step.to {
        return Err(Error::Conflict(format!("{} was changed since; it stays as it is.", step.to)));
    }
    let rebuilt = Some(Rebuilt { edit_id, number, kept });
    Ok(FileStep {
        before: Some(expected),
        after: step.before.clone(),
        rebuilt,
        ..file_step(&now, &then, Changes::new())
    })
}

/// The current rows with all that `is` changed as it was; the name of what has been changed again since, if anything.
fn put_back(was: &Rows, is: &Rows, current: &Rows) -> Result<Rows, String> {
    let mut rows = current.clone();
    for now in &mut rows.albums {
        let (Some(old), Some(new)) = (was.album(now.id), is.album(now.id)) else { continue };
        *now = changed_back(old, new, now).ok_or_else(|| now.title.clone())?;
    }
    for now in &mut rows.tracks {
        let of = |rows: &'_ Rows| rows.tracks.iter().find(|t| t.id == now.id).cloned();
        let (Some(old), Some(new)) = (of(was), of(is)) else { continue };
        *now = changed_back(&old, &new, now).ok_or_else(|| now.title.clone())?;
    }
    let mut artists = Vec::new();
    for old in &was.artists {
        let artist = match (is.artist(old.id), current.artist(old.id)) {
            (Some(new), Some(now)) => changed_back(old, new, now).ok_or_else(|| now.name.clone())?,
            _ => old.clone(),
        };
        artists.push(artist);
    }
    rows.artists = artists;
    Ok(rows)
}

/// What came into a folder since, or got another name there, goes back with it.
fn take_along(after: &mut Rows, current: &Rows, moves: &[Move]) {
    for (row, now) in after.albums.iter_mut().zip(&current.albums) {
        if row.path == now.path {
            row.path = moved(moves, &now.path);
        }
        if row.artwork_path == now.artwork_path {
            row.artwork_path = now.artwork_path.as_ref().map(|path| moved(moves, path));
        }
    }
    for (row, now) in after.tracks.iter_mut().zip(&current.tracks) {
        if row.path == now.path {
            row.path = moved(moves, &now.path);
        }
    }
    for row in &mut after.artists {
        if let Some(now) = current.artist(row.id).filter(|now| now.artwork_path == row.artwork_path) {
            row.artwork_path = now.artwork_path.as_ref().map(|path| moved(moves, path));
        }
    }
}

/// Tracks that the edit did not know have no old file: theirs gets the names that its album and artist have again.
fn steps_of_newcomers(plan: &Plan, current: &Rows, after: &Rows) -> Vec<FileStep> {
    let pairs = current.tracks.iter().zip(&after.tracks);
    pairs
        .filter(|(now, _)| plan.files.iter().all(|step| step.track_id != now.id))
        .map(|(now, then)| {
            let tags = different(&tags_of(now, current), &tags_of(then, after));
            file_step(now, then, tags)
        })
        .filter(|step| !step.tags.is_empty())
        .collect()
}

/// Rows that can be told apart field by field.
pub trait Fields: Serialize + DeserializeOwned + Clone + PartialEq {}

impl Fields for ArtistRow {}
impl Fields for AlbumRow {}
impl Fields for TrackRow {}

/// `now`, with each field that differs between `old` and `new` as `old` has it; none when `now` does not have it as
/// `new` has. What only the disk knows may have been learned since.
fn changed_back<T: Fields>(old: &T, new: &T, now: &T) -> Option<T> {
    let (old, new, mut merged) = (fields(old), fields(new), fields(now));
    for (name, value) in &old {
        if new.get(name) == Some(value) {
            continue;
        }
        if merged.get(name) != new.get(name) {
            return None;
        }
        merged.insert(name.clone(), value.clone());
    }
    serde_json::from_value(Value::Object(merged)).ok()
}

/// `now`, with each field that `after` changed as `after` has it.
pub fn with_changes<T: Fields>(before: &T, after: &T, now: &T) -> T {
    let (before, after, mut merged) = (fields(before), fields(after), fields(now));
    for (name, value) in after {
        if before.get(&name) != Some(&value) {
            merged.insert(name, value);
        }
    }
    serde_json::from_value(Value::Object(merged)).unwrap_or_else(|_| now.clone())
}

fn fields(row: &impl Serialize) -> serde_json::Map<String, Value> {
    match serde_json::to_value(row) {
        Ok(Value::Object(fields)) => fields,
        _ => serde_json::Map::new(),
    }
}

fn json<T: DeserializeOwned>(value: Value) -> Result<T> {
    Ok(serde_json::from_value(value).map_err(anyhow::Error::from)?)
}
