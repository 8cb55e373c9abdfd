//! The heart itself: what is inserted and deleted when a person clicks. The links on the disk follow by triggers.

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_postgres::Row;

use crate::db::Sql;
use crate::error::{Error, Result};
use crate::events::{self, Audience};

// Two clicks of one user at once would each miss the other's heart when they ask whether all tracks are hearted now.
const ONE_AT_A_TIME: &str = "select id from app_user where id = $1 for no key update";

const STAND_STILL: &str = "select id from app_user order by id for no key update";

/// Waits until no click is half way through, and lets none begin before the caller's transaction ends. For whoever gives
/// albums to other artists or tracks to other albums, and for whoever brings hearts back while others may do so; first of
/// all: a click that does not see the new artist would count for the old one.
pub async fn stand_still(tx: &impl Sql) -> Result<()> {
    tx.rows(STAND_STILL, &[]).await.map(drop)
}

/// What a click was on, for the activity log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The artist's name.
    pub artist: String,
    /// The album's title, if it was on an album or a track.
    pub album: Option<String>,
    /// The track's title, if it was on a track.
    pub track: Option<String>,
}

// -- albums

const ALBUM: &str = "select r.name, a.title from album a join artist r on r.id = a.artist_id where a.id = $1";
const HEART_ALBUM: &str = "insert into heart (user_id, album_id) values ($1, $2) on conflict do nothing";
const UNHEART_ALBUM: &str = "delete from heart where user_id = $1 and album_id = $2";

/// Hearts an album; whether it was not hearted before.
pub async fn heart_album(tx: &impl Sql, user_id: i64, album_id: i64) -> Result<(bool, Subject)> {
    tx.row(ONE_AT_A_TIME, &[&user_id]).await?;
    let row = tx.maybe_row(ALBUM, &[&album_id]).await?.ok_or(Error::NotFound("Album not found"))?;
    let is_new = tx.run(HEART_ALBUM, &[&user_id, &album_id]).await? > 0;
    Ok((is_new, Subject { artist: row.get(0), album: row.get(1), track: None }))
}

/// Takes the heart from an album; hearts on single tracks of it stay. None when there was none.
pub async fn unheart_album(tx: &impl Sql, user_id: i64, album_id: i64) -> Result<Option<Subject>> {
    tx.row(ONE_AT_A_TIME, &[&user_id]).await?;
    if tx.run(UNHEART_ALBUM, &[&user_id, &album_id]).await? == 0 {
        return Ok(None);
    }
    let row = tx.row(ALBUM, &[&album_id]).await?;
    Ok(Some(Subject { artist: row.get(0), album: row.get(1), track: None }))
}

// -- tracks

const TRACK: &str = "select coalesce(t.artist_name, r.name), a.title, t.title, a.id,
        exists (select from heart h where h.user_id = $1 and h.track_id = t.id),
        exists (select from heart h where h.user_id = $1 and h.album_id = a.id)
    from track t join album a on a.id = t.album_id join artist r on r.id = a.artist_id where t.id = $2";
const HEART_TRACK: &str = "insert into heart (user_id, track_id) values ($1, $2) on conflict do nothing";
const UNHEART_TRACK: &str = "delete from heart where user_id = $1 and track_id = $2";
// An album of which tracks are still missing is not hearted by its few first ones.
const ALL_ARE_HEARTED: &str = "select a.available_tracks >= a.total_tracks and not exists (
        select from track t where t.album_id = a.id
            and not exists (select from heart h where h.user_id = $1 and h.track_id = t.id))
    from album a where a.id = $2";
const UNHEART_TRACKS_OF_ALBUM: &str =
    "delete from heart where user_id = $1 and folder_of_album_id = $2 and track_id is not null";
const HEART_OTHER_TRACKS: &str = "insert into heart (user_id, track_id)
    select $1, id from track where album_id = $2 and id <> $3 on conflict do nothing";

struct TrackRow {
    subject: Subject,
    album_id: i64,
    is_hearted: bool,
    is_album_hearted: bool,
}

impl From<&Row> for TrackRow {
    fn from(row: &Row) -> Self {
        Self {
            subject: Subject { artist: row.get(0), album: row.get(1), track: row.get(2) },
            album_id: row.get(3),
            is_hearted: row.get(4),
            is_album_hearted: row.get(5),
        }
    }
}

/// Hearts a track; whether neither it nor its album was hearted before. The last missing track hearts the album.
pub async fn heart_track(tx: &impl Sql, user_id: i64, track_id: i64) -> Result<(bool, Subject)> {
    tx.row(ONE_AT_A_TIME, &[&user_id]).await?;
    let row = tx.maybe_row(TRACK, &[&user_id, &track_id]).await?.ok_or(Error::NotFound("Track not found"))?;
    let track = TrackRow::from(&row);
    if track.is_hearted || track.is_album_hearted {
        return Ok((false, track.subject));
    }
    tx.run(HEART_TRACK, &[&user_id, &track_id]).await?;
    if tx.row(ALL_ARE_HEARTED, &[&user_id, &track.album_id]).await?.get(0) {
        tx.run(UNHEART_TRACKS_OF_ALBUM, &[&user_id, &track.album_id]).await?;
        tx.run(HEART_ALBUM, &[&user_id, &track.album_id]).await?;
    }
    Ok((true, track.subject))
}

/// Takes the heart from a track; if its album is hearted, the other tracks keep theirs. None when there was none.
pub async fn unheart_track(tx: &impl Sql, user_id: i64, track_id: i64) -> Result<Option<Subject>> {
    tx.row(ONE_AT_A_TIME, &[&user_id]).await?;
    let Some(row) = tx.maybe_row(TRACK, &[&user_id, &track_id]).await? else { return Ok(None) };
    let track = TrackRow::from(&row);
    tx.run(UNHEART_TRACK, &[&user_id, &track_id]).await?;
    if track.is_album_hearted {
        tx.run(HEART_OTHER_TRACKS, &[&user_id, &track.album_id, &track_id]).await?;
        tx.run(UNHEART_ALBUM, &[&user_id, &track.album_id]).await?;
    }
    Ok((track.is_hearted || track.is_album_hearted).then_some(track.subject))
}

// -- artists

const ARTIST: &str = "select name from artist where id = $1";
const FOLLOW: &str = "insert into heart (user_id, artist_id) values ($1, $2) on conflict do nothing";
const UNFOLLOW: &str = "delete from heart where user_id = $1 and artist_id = $2";
const HEART_ALBUMS_OF_ARTIST: &str = "insert into heart (user_id, album_id)
    select $1, id from album where artist_id = $2 order by id on conflict do nothing";
const UNHEART_ALBUMS_OF_ARTIST: &str = "with gone as (
        delete from heart where user_id = $1 and folder_of_album_id in (select id from album where artist_id = $2)
        returning folder_of_album_id)
    select count(distinct folder_of_album_id) from gone";

/// Follows an artist and hearts all albums; how many were not hearted before.
pub async fn heart_artist(tx: &impl Sql, user_id: i64, artist_id: i64) -> Result<(u64, Subject)> {
    tx.row(ONE_AT_A_TIME, &[&user_id]).await?;
    let artist = artist(tx, artist_id).await?;
    tx.run(FOLLOW, &[&user_id, &artist_id]).await?;
    let added = tx.run(HEART_ALBUMS_OF_ARTIST, &[&user_id, &artist_id]).await?;
    Ok((added, artist))
}

/// Follows an artist no more and takes all hearts from the albums and tracks; from how many albums.
pub async fn unheart_artist(tx: &impl Sql, user_id: i64, artist_id: i64) -> Result<(i64, Subject)> {
    tx.row(ONE_AT_A_TIME, &[&user_id]).await?;
    let artist = artist(tx, artist_id).await?;
    tx.run(UNFOLLOW, &[&user_id, &artist_id]).await?;
    let removed = tx.row(UNHEART_ALBUMS_OF_ARTIST, &[&user_id, &artist_id]).await?.get(0);
    Ok((removed, artist))
}

async fn artist(tx: &impl Sql, artist_id: i64) -> Result<Subject> {
    let row = tx.maybe_row(ARTIST, &[&artist_id]).await?.ok_or(Error::NotFound("Artist not found"))?;
    Ok(Subject { artist: row.get(0), album: None, track: None })
}

const HEART_FOR_FOLLOWERS: &str = "with hearted as (
        insert into heart (user_id, album_id)
            select h.user_id, n.album_id from unnest($1::bigint[], $2::bigint[]) n (artist_id, album_id)
                join heart h on h.artist_id = n.artist_id order by n.album_id, h.user_id
        on conflict do nothing returning user_id, album_id)
    select hearted.user_id, a.id, r.id, r.name, a.title
    from hearted join album a on a.id = hearted.album_id join artist r on r.id = a.artist_id order by a.id, hearted.user_id";

/// Hearts a new album for everyone who follows its artist, and tells them; who they are. For whoever adds an album, in
/// the same transaction.
pub async fn follow(tx: &impl Sql, artist_id: i64, album_id: i64) -> Result<Vec<i64>> {
    let hearted = follow_all(tx, &[(artist_id, album_id)]).await?;
    Ok(hearted.into_iter().map(|(user_id, _)| user_id).collect())
}

/// The same for many albums at once, each with its artist: one question for all of them and all who follow. Who has
/// which album now, user and album.
pub async fn follow_all(tx: &impl Sql, albums: &[(i64, i64)]) -> Result<Vec<(i64, i64)>> {
    if albums.is_empty() {
        return Ok(Vec::new());
    }
    let (artist_ids, album_ids): (Vec<i64>, Vec<i64>) = albums.iter().copied().unzip();
    let mut hearted = Vec::new();
    for row in tx.rows(HEART_FOR_FOLLOWERS, &[&artist_ids, &album_ids]).await? {
        let (user_id, album_id, artist_id): (i64, i64, i64) = (row.get(0), row.get(1), row.get(2));
        let (artist, title): (&str, &str) = (row.get(3), row.get(4));
        let notification = json!({
            "title": "New Album Added",
            "message": format!("'{title}' by {artist} added to your library"),
            "album_id": album_id,
            "artist_id": artist_id,
        });
        events::publish(tx, "notification", Audience::User(user_id), &notification).await?;
        hearted.push((user_id, album_id));
    }
    Ok(hearted)
}

/// Who followed an artist that has become another one: all that is needed to make them two again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merger {
    /// The artist that is no more.
    pub from: i64,
    /// The one that has taken the albums.
    pub into: i64,
    /// Users who followed the first.
    pub followers: Vec<i64>,
    /// Those of them who did not follow the second before.
    pub joined: Vec<i64>,
}

const FOLLOW_TOO: &str = "insert into heart (user_id, artist_id)
    select user_id, $2 from heart where artist_id = $1 order by user_id on conflict do nothing returning user_id";
const FOLLOW_NO_MORE: &str = "delete from heart where artist_id = $1 returning user_id";
// Whoever has left the household meanwhile follows nobody.
const FOLLOW_AGAIN: &str = "insert into heart (user_id, artist_id)
    select id, $1 from app_user where id = any($2) order by id on conflict do nothing";
const FOLLOW_ONE_ONLY: &str = "delete from heart where artist_id = $1 and user_id = any($2)";

/// Whoever follows one artist follows the other instead: the two are becoming one. For whoever makes them one, in the
/// same transaction and before the artist goes.
pub async fn merge_artists(tx: &impl Sql, from: i64, into: i64) -> Result<Merger> {
    let joined = tx.rows(FOLLOW_TOO, &[&from, &into]).await?.iter().map(|row| row.get(0)).collect();
    let followers = tx.rows(FOLLOW_NO_MORE, &[&from]).await?.iter().map(|row| row.get(0)).collect();
    Ok(Merger { from, into, followers, joined })
}

/// Takes a merger back: whoever followed the first artist does so again, and the second only who did before. In the
/// same transaction, after both artists are there again.
pub async fn part_artists(tx: &impl Sql, merger: &Merger) -> Result<()> {
    tx.run(FOLLOW_AGAIN, &[&merger.from, &merger.followers]).await?;
    tx.run(FOLLOW_ONE_ONLY, &[&merger.into, &merger.joined]).await?;
    Ok(())
}

// The trigger `heart_placed` asks for the track's album, which is the new one already.
const KEEP_WITH_TRACKS: &str = "insert into heart (user_id, track_id)
    select h.user_id, t.id
    from unnest($1::bigint[], $2::bigint[]) m (track_id, left_album_id)
        join track t on t.id = m.track_id and t.album_id <> m.left_album_id
        join heart h on h.album_id = m.left_album_id
    where not exists (select from heart x where x.user_id = h.user_id and x.album_id = t.album_id)
    order by 1, 2 on conflict do nothing";

/// Hearts follow tracks that have left a hearted album: each track with the album that it left. For whoever moves them,
/// in the same transaction and after the tracks' rows.
pub async fn keep_with_tracks(tx: &impl Sql, moved: &[(i64, i64)]) -> Result<()> {
    let (track_ids, album_ids): (Vec<i64>, Vec<i64>) = moved.iter().copied().unzip();
    tx.run(KEEP_WITH_TRACKS, &[&track_ids, &album_ids]).await.map(drop)
}
