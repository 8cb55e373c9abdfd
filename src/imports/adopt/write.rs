//! Writes what was read: some hundred albums a transaction, ids and hearts kept.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::reading::ReadRelease;
use crate::activity;
use crate::db::Sql;
use crate::error::Result;
use crate::hearts;
use crate::jobs::Context;
use crate::library::{self, Ending, Move, NewAlbum, Recorded};

/// What a batch did.
#[derive(Debug, Default, Clone, Copy)]
pub struct Written {
    /// Albums that there were not before.
    pub new_albums: usize,
    /// Tracks written.
    pub tracks: usize,
}

/// Writes a batch in one transaction. Done twice it is done once.
pub async fn write(context: &Context, batch: &[ReadRelease]) -> Result<Written> {
    let mut client = context.app.db.get().await?;
    let tx = client.transaction().await?;
    context.hold(&tx).await?;
    let moved: Vec<Move> = batch.iter().flat_map(|r| r.moved.iter().cloned()).collect();
    if batch.iter().any(|r| r.moved_album.is_some() || !(r.moved.is_empty() && r.changed.is_empty())) {
        hearts::stand_still(&tx).await?;
    }
    let moved_albums: Vec<Move> = batch.iter().filter_map(|r| r.moved_album.clone()).collect();
    library::move_albums(&tx, &moved_albums).await?;
    let moved_ids = library::move_tracks(&tx, &moved).await?;
    let changed: Vec<i64> =
        batch.iter().flat_map(|r| r.changed.iter().copied()).chain(moved_ids.clone()).collect();
    let before = tags_of(&tx, &changed).await?;
    let albums: Vec<NewAlbum> = batch.iter().filter_map(|r| r.album.clone()).collect();
    let recorded = library::record(&tx, &albums).await?;
    let new: Vec<(i64, i64)> =
        recorded.iter().filter(|r| r.is_new).map(|r| (r.artist_id, r.album_id)).collect();
    hearts::follow_all(&tx, &new).await?;
    let after = tags_of(&tx, &changed).await?;
    tell_changes(&tx, &before, &after).await?;
    carry(&tx, &before, &after).await?;
    library::end_damage(&tx, &changed, Ending::Healed).await?;
    let damaged: Vec<_> = batch.iter().flat_map(|r| r.damaged.iter().cloned()).collect();
    library::report_damage(&tx, &damaged).await?;
    note_unreadable(&tx, batch).await?;
    library::put_off_thumbnails(&tx).await?;
    tx.commit().await?;
    Ok(Written {
        new_albums: recorded.iter().filter(|r: &&Recorded| r.is_new).count(),
        tracks: albums.iter().map(|a| a.tracks.len()).sum(),
    })
}

/// Hearts hang on what was moved or has other tags now: on a track that left a hearted album, and on an album of which
/// nothing is left.
async fn carry(tx: &impl Sql, before: &BTreeMap<i64, Tags>, after: &BTreeMap<i64, Tags>) -> Result<()> {
    let is_elsewhere = |id: &i64, was: &Tags| after.get(id).is_some_and(|now| now.album_id != was.album_id);
    let left: Vec<(i64, i64)> = before
        .iter()
        .filter(|(id, was)| is_elsewhere(id, was))
        .map(|(id, was)| (*id, was.album_id))
        .collect();
    if left.is_empty() {
        return Ok(());
    }
    hearts::keep_with_tracks(tx, &left).await?;
    let mut albums: Vec<i64> = left.into_iter().map(|(_, album)| album).collect();
    albums.sort_unstable();
    albums.dedup();
    library::forget_empty_albums(tx, &albums).await
}

// -- what others have changed, before and after

const TAGS: &str = "select t.id, a.id, r.name, a.title, to_jsonb(s) from track t
        join album a on a.id = t.album_id join artist r on r.id = a.artist_id,
        lateral (select t.title, coalesce(t.artist_name, r.name) as artist, a.title as album, a.year, t.disc_number,
            t.track_number, t.genre, t.composer, t.isrc, t.path) s
    where t.id = any($1)";

/// Tags of one track, as its rows say.
struct Tags {
    album_id: i64,
    artist: String,
    album: String,
    values: Value,
}

async fn tags_of(tx: &impl Sql, ids: &[i64]) -> Result<BTreeMap<i64, Tags>> {
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    let rows = tx.rows(TAGS, &[&ids]).await?;
    let tags = rows.iter().map(|row| {
        let tags = Tags { album_id: row.get(1), artist: row.get(2), album: row.get(3), values: row.get(4) };
        (row.get(0), tags)
    });
    Ok(tags.collect())
}

/// One line of the activity log for each album.
async fn tell_changes(
    tx: &impl Sql,
    before: &BTreeMap<i64, Tags>,
    after: &BTreeMap<i64, Tags>,
) -> Result<()> {
    let mut lines: BTreeMap<i64, Vec<Value>> = BTreeMap::new();
    for (id, now) in after {
        let change = before.get(id).map(|was| difference(&was.values, &now.values));
        if let Some((was, is)) = change.filter(|(was, _)| was.as_object().is_some_and(|w| !w.is_empty())) {
            lines.entry(now.album_id).or_default().push(json!({"track_id": id, "before": was, "after": is}));
        }
    }
    for (album_id, tracks) in lines {
        let of_album = after.values().find(|t| t.album_id == album_id);
        let (artist, title) = of_album.map(|t| (t.artist.as_str(), t.album.as_str())).unwrap_or_default();
        let details = json!({"artist": artist, "title": title, "by": "another program", "tracks": tracks});
        activity::record(tx, None, "tags_changed", Some(("album", album_id)), Some(&details), None).await?;
    }
    Ok(())
}

/// What of two objects differs: as it was, as it is.
fn difference(was: &Value, is: &Value) -> (Value, Value) {
    let (mut before, mut after) = (json!({}), json!({}));
    for (name, value) in was.as_object().into_iter().flatten() {
        let now = is.get(name).unwrap_or(&Value::Null);
        if now != value {
            before[name] = value.clone();
            after[name] = now.clone();
        }
    }
    (before, after)
}

// -- what gives no sound

const NOTE_UNREADABLE: &str = "insert into unreadable_file (path, size_bytes, modified_at, reason)
    select distinct on (path) path, size_bytes, modified_at, reason
    from unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::text[]) n (path, size_bytes, modified_at, reason)
    on conflict (path) do update set size_bytes = excluded.size_bytes, modified_at = excluded.modified_at,
        reason = excluded.reason, found_at = now()";
const FORGET_UNREADABLE: &str = "delete from unreadable_file where path = any($1)";

async fn note_unreadable(tx: &impl Sql, batch: &[ReadRelease]) -> Result<()> {
    let noted: Vec<(&str, (i64, Timestamp), &str)> = batch
        .iter()
        .flat_map(|r| &r.unreadable)
        .filter_map(|u| Some((u.path.as_str(), u.stamp?, u.reason.as_str())))
        .collect();
    if !noted.is_empty() {
        let paths: Vec<&str> = noted.iter().map(|n| n.0).collect();
        let sizes: Vec<i64> = noted.iter().map(|n| n.1.0).collect();
        let times: Vec<Timestamp> = noted.iter().map(|n| n.1.1).collect();
        let reasons: Vec<&str> = noted.iter().map(|n| n.2).collect();
        tx.run(NOTE_UNREADABLE, &[&paths, &sizes, &times, &reasons]).await?;
    }
    let read: Vec<&str> = batch
        .iter()
        .filter_map(|r| r.album.as_ref())
        .flat_map(|a| a.tracks.iter().map(|t| t.path.as_str()))
        .collect();
    tx.run(FORGET_UNREADABLE, &[&read]).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_told() {
        let was = json!({"title": "A", "year": 1999, "genre": null});
        let is = json!({"title": "B", "year": 1999, "genre": "Rock"});
        assert_eq!(
            difference(&was, &is),
            (json!({"title": "A", "genre": null}), json!({"title": "B", "genre": "Rock"}))
        );
    }
}
