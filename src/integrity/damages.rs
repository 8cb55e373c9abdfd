//! Damaged files with their ways back, as a person and a program read them.

use std::collections::HashMap;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::app::App;
use crate::db::Sql;
use crate::error::Result;
use crate::files;

/// A damage that has not ended.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct Damage {
    /// Its row.
    pub id: i64,
    /// Whose file.
    pub track_id: i64,
    /// `audio_rot`, `tag_rot`, `truncated`, `unreadable`, `missing`, `replaced`.
    pub kind: String,
    /// The file, relative to MUSIC_PATH.
    pub path: String,
    /// The track's title.
    pub title: String,
    /// Its album's title.
    pub album_title: String,
    /// Its album's artist.
    pub artist_name: String,
    /// When it was found.
    pub found_at: Timestamp,
    /// What was expected and what was found.
    pub details: Value,
    /// Where a good copy may be, the likeliest first.
    pub ways: Vec<Way>,
}

/// A way back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Way {
    /// `member_folder`, `duplicate`, `trash`, `music_backup`, `download`.
    pub kind: String,
    /// Relative to MUSIC_PATH; after its snapshot and a colon in the music's backup; an address for a download.
    pub place: String,
}

const DAMAGES: &str = "select d.id, d.track_id, d.kind, t.path, t.title, a.title, r.name, d.found_at, d.details
    from damage d join track t on t.id = d.track_id join album a on a.id = t.album_id join artist r on r.id = a.artist_id
    where d.ended_at is null and d.id < $1 and ($2::bigint is null or d.id = $2)
    order by d.id desc limit $3";
// A link may keep the old file when an editor has put another one in its place; a duplicate has the same sound.
const WAYS: &str = "select damage_id, kind, place from (
        select d.id as damage_id, 1 as rank, 'member_folder' as kind, 'users/' || l.username || '/' || l.path as place
            from damage d join track t on t.id = d.track_id
            join user_link l on l.album_id = t.album_id and 'artists/' || l.path = t.path
            where d.id = any($1)
        union all
        select d.id, 2, 'duplicate', o.path
            from damage d join track t on t.id = d.track_id
            join track o on o.essence = t.essence and o.id <> t.id and o.missing_since is null
            where d.id = any($1) and not exists (select from damage x where x.track_id = o.id and x.ended_at is null)
        union all
        select d.id, 3, 'trash', x.path || '/' || (f ->> 'name')
            from damage d join track t on t.id = d.track_id
            join (trash x cross join lateral jsonb_array_elements(x.files) f)
                on f ->> 'essence' = t.essence or f ->> 'checksum' = encode(t.checksum, 'hex')
            where d.id = any($1) and x.path not like '.trash/damaged/%'
        union all
        select d.id, 4, 'music_backup', c.snapshot || ':' || c.path
            from damage d join track t on t.id = d.track_id join music_copy c on c.essence = t.essence
            where d.id = any($1)
        union all
        select d.id, 5, 'download', coalesce(t.source_url, a.source_url)
            from damage d join track t on t.id = d.track_id join album a on a.id = t.album_id
            where d.id = any($1) and coalesce(t.source_url, a.source_url) is not null
    ) w order by damage_id, rank, place";

/// Those that have not ended, the newest first; `before` is the last id of the page before, `only` one of them.
pub async fn damages(app: &App, before: Option<i64>, only: Option<i64>, limit: i64) -> Result<Vec<Damage>> {
    let client = app.db.get().await?;
    let rows = client.rows(DAMAGES, &[&before.unwrap_or(i64::MAX), &only, &limit]).await?;
    let ids: Vec<i64> = rows.iter().map(|row| row.get(0)).collect();
    let mut ways: HashMap<i64, Vec<Way>> = HashMap::new();
    for row in client.rows(WAYS, &[&ids]).await? {
        ways.entry(row.get(0)).or_default().push(Way { kind: row.get(1), place: row.get(2) });
    }
    drop(client);
    let damages: Vec<Damage> =
        rows.iter().map(|row| damage(row, ways.remove(&row.get(0)).unwrap_or_default())).collect();
    let music = app.music().to_owned();
    let looked = tokio::task::spawn_blocking(move || without_dead_ends(&music, damages)).await;
    looked.map_err(|e| anyhow::anyhow!("looking for the ways back: {e}").into())
}

fn damage(row: &tokio_postgres::Row, ways: Vec<Way>) -> Damage {
    Damage {
        id: row.get(0),
        track_id: row.get(1),
        kind: row.get(2),
        path: row.get(3),
        title: row.get(4),
        album_title: row.get(5),
        artist_name: row.get(6),
        found_at: row.get(7),
        details: row.get(8),
        ways,
    }
}

/// A member's link is a name of the damaged file itself, unless something has put another file in the library's place.
fn without_dead_ends(music: &Path, mut damages: Vec<Damage>) -> Vec<Damage> {
    for damage in &mut damages {
        let master = music.join(&damage.path);
        damage.ways.retain(|way| {
            let is_other = |link: &Path| link.exists() && !files::same_file(&master, link).unwrap_or(false);
            way.kind != "member_folder" || is_other(&music.join(&way.place))
        });
    }
    damages
}
