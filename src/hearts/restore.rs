//! Hearts that return with the music they were given to, from an export.

use jiff::Timestamp;

use crate::db::Sql;
use crate::error::Result;

/// What a user loved, and since when.
#[derive(Debug, Clone, Default)]
pub struct Loved {
    /// Albums.
    pub albums: Vec<(i64, Timestamp)>,
    /// Single tracks.
    pub tracks: Vec<(i64, Timestamp)>,
}

// A track of an album that is hearted needs none of its own.
const HEARTS: &str = "insert into heart (user_id, album_id, track_id, created_at)
    select $1, n.album_id, n.track_id, n.at
    from unnest($2::bigint[], $3::bigint[], $4::timestamptz[]) n (album_id, track_id, at)
    where n.track_id is null or not exists (
        select from heart h join track t on t.album_id = h.album_id where h.user_id = $1 and t.id = n.track_id)
    order by n.at on conflict do nothing";
const FOLLOW: &str = "insert into heart (user_id, artist_id)
    select $1, a.id from artist a where a.name_key = $2 and ($3::uuid is null or a.musicbrainz_id = $3 or a.musicbrainz_id is null)
    order by a.musicbrainz_id is distinct from $3, a.id limit 1 on conflict do nothing";

/// Gives a user their hearts back; how many were new.
pub async fn restore_hearts(tx: &impl Sql, user_id: i64, loved: &Loved) -> Result<u64> {
    let mut count = 0;
    for (hearts, is_album) in [(&loved.albums, true), (&loved.tracks, false)] {
        let ids: Vec<Option<i64>> = hearts.iter().map(|(id, _)| Some(*id)).collect();
        let none: Vec<Option<i64>> = hearts.iter().map(|_| None).collect();
        let times: Vec<Timestamp> = hearts.iter().map(|(_, at)| *at).collect();
        let (albums, tracks) = if is_album { (&ids, &none) } else { (&none, &ids) };
        count += tx.run(HEARTS, &[&user_id, albums, tracks, &times]).await?;
    }
    Ok(count)
}

/// Lets a user follow an artist again, without hearting more albums than they had; whether there is such an artist.
pub async fn restore_following(
    tx: &impl Sql,
    user_id: i64,
    name_key: &str,
    musicbrainz_id: Option<uuid::Uuid>,
) -> Result<bool> {
    Ok(tx.run(FOLLOW, &[&user_id, &name_key, &musicbrainz_id]).await? > 0)
}
