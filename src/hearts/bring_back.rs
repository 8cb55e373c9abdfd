//! Hearts that went with what they were on come back with it.

use serde_json::Value;

use crate::db::Sql;
use crate::error::Result;

// With their old ids, so that lists by age stay as they were. A user may be gone, or may have hearted it anew.
const BRING_BACK: &str = "with back as (insert into heart (id, user_id, artist_id, album_id, track_id, created_at) overriding system value
    select coalesce(h.id, nextval(pg_get_serial_sequence('heart', 'id'))), h.user_id, h.artist_id, h.album_id, h.track_id, h.created_at
    from jsonb_to_recordset($1)
        h (id bigint, user_id bigint, artist_id bigint, album_id bigint, track_id bigint, created_at timestamptz)
    where exists (select from app_user u where u.id = h.user_id)
        and (h.artist_id is null or exists (select from artist a where a.id = h.artist_id))
        and (h.album_id is null or exists (select from album a where a.id = h.album_id))
        and (h.track_id is null or exists (select from track t where t.id = h.track_id))
        and (h.id is not null or not exists (select from heart a join track t on t.album_id = a.album_id
            where t.id = h.track_id and a.user_id = h.user_id))
    order by h.id on conflict do nothing
    returning user_id, album_id, created_at
), stand_in as (delete from heart h using back b, track t
    where t.album_id = b.album_id and h.user_id = b.user_id and h.track_id = t.id and h.created_at = b.created_at)
select user_id from back";

/// Puts hearts back as they were (`rows`: a list of `to_jsonb(heart)`), of users who are still there; whose they are.
/// Their links follow. One without an id stands for the heart on the album that covered the track: it is needed only if
/// that one has gone meanwhile, and it goes when that one comes back (both are of the same moment).
pub async fn bring_back(tx: &impl Sql, rows: &Value) -> Result<Vec<i64>> {
    let mut users: Vec<i64> = tx.rows(BRING_BACK, &[rows]).await?.iter().map(|row| row.get(0)).collect();
    users.sort_unstable();
    users.dedup();
    Ok(users)
}
