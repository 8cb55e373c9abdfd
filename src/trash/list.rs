//! The trash as a person sees it: a list by age, and one thing with its files.

use jiff::Timestamp;
use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use tokio_postgres::Row;
use utoipa::ToSchema;

use super::entry::File;
use super::restore::not_found;
use crate::db::Sql;
use crate::error::Result;
use crate::library::quality_display;

/// What somebody asks for.
#[derive(Debug, Clone, Default)]
pub struct Wanted<'a> {
    /// `replaced`, `deleted` or `duplicate` only.
    pub kind: Option<&'a str>,
    /// Artist or title holds this.
    pub q: &'a str,
    /// Behind this entry; those before it are newer.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: i64,
}

/// One line of the list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TrashItem)]
pub struct Item<'r> {
    /// The row.
    pub id: i64,
    /// `replaced`, `deleted` or `duplicate`.
    pub kind: &'r str,
    /// `kept`, or what is being done with it: `filling`, `restoring`, `removing`.
    pub state: &'r str,
    /// Whose album it was.
    pub artist: Option<&'r str>,
    /// The album's or the track's title, or the folder's name.
    pub title: &'r str,
    /// The album it was of.
    pub album_id: Option<i64>,
    /// A sentence.
    pub reason: &'r str,
    /// How many files.
    pub file_count: i32,
    /// Bytes in them.
    pub size: i64,
    /// Who did it; none for the house.
    pub trashed_by: Option<&'r str>,
    /// When.
    pub trashed_at: Timestamp,
    /// When it will be gone for good.
    pub expires_at: Timestamp,
}

impl<'r> From<&'r Row> for Item<'r> {
    fn from(row: &'r Row) -> Self {
        Self {
            id: row.get(0),
            kind: row.get(1),
            state: row.get(2),
            artist: row.get(3),
            title: row.get(4),
            album_id: row.get(5),
            reason: row.get(6),
            file_count: row.get(7),
            size: row.get(8),
            trashed_by: row.get(9),
            trashed_at: row.get(10),
            expires_at: row.get(11),
        }
    }
}

/// Some of the trash, newest first.
#[derive(Debug, ToSchema)]
#[schema(as = TrashItems, value_type = Vec<Item<'_>>)]
pub struct Items(Vec<Row>);

impl Items {
    /// Each of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Item<'_>> {
        self.0.iter().map(Item::from)
    }
}

impl Serialize for Items {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

const LIST: &str =
    "select t.id, t.kind, t.state, t.artist, t.title, t.album_id, t.reason, t.file_count, t.size_bytes,
        u.username, t.trashed_at, t.expires_at
    from trash t left join app_user u on u.id = t.trashed_by
    where ($1::text is null or t.kind = $1) and t.id < $2
    order by t.id desc limit $3";
const TOTALS: &str = "select count(*), coalesce(sum(size_bytes), 0)::bigint from trash
    where $1::text is null or kind = $1";
// All that have the words are found first, by the index on what they are called: `like` with what means itself.
const FOUND: &str = "with found as materialized (
        select id from trash
        where lower(coalesce(artist, '') || ' ' || title) like '%' || regexp_replace(lower($4), '([\\\\%_])', '\\\\\\1', 'g') || '%')
    select t.id, t.kind, t.state, t.artist, t.title, t.album_id, t.reason, t.file_count, t.size_bytes,
        u.username, t.trashed_at, t.expires_at
    from found join trash t using (id) left join app_user u on u.id = t.trashed_by
    where ($1::text is null or t.kind = $1) and t.id < $2
    order by t.id desc limit $3";
const TOTALS_OF_FOUND: &str = "select count(*), coalesce(sum(size_bytes), 0)::bigint from trash t
    where ($1::text is null or t.kind = $1)
        and lower(coalesce(artist, '') || ' ' || title) like '%' || regexp_replace(lower($2), '([\\\\%_])', '\\\\\\1', 'g') || '%'";

/// A page; behind which entry the next one begins; how many entries the whole list has, and how many bytes.
pub async fn list(client: &impl Sql, wanted: &Wanted<'_>) -> Result<(Items, Option<i64>, i64, i64)> {
    let before = wanted.before.unwrap_or(i64::MAX);
    let one_more = wanted.limit + 1;
    let mut rows = match wanted.q {
        "" => client.rows(LIST, &[&wanted.kind, &before, &one_more]).await?,
        q => client.rows(FOUND, &[&wanted.kind, &before, &one_more, &q]).await?,
    };
    let is_more = rows.len() as i64 > wanted.limit;
    rows.truncate(usize::try_from(wanted.limit).unwrap_or(usize::MAX));
    let next = rows.last().filter(|_| is_more).map(|row| row.get(0));
    let totals = match wanted.q {
        "" => client.row(TOTALS, &[&wanted.kind]).await?,
        q => client.row(TOTALS_OF_FOUND, &[&wanted.kind, &q]).await?,
    };
    Ok((Items(rows), next, totals.get(0), totals.get(1)))
}

/// One thing in the trash.
#[derive(Debug)]
pub struct ItemDetail {
    row: Row,
}

const FIND: &str =
    "select t.id, t.kind, t.state, t.artist, t.title, t.album_id, t.reason, t.file_count, t.size_bytes,
        u.username, t.trashed_at, t.expires_at, t.path, t.files, t.import_id,
        coalesce(jsonb_array_length(t.snapshot -> 'hearts'), 0),
        exists (select from album a where a.id = t.album_id)
    from trash t left join app_user u on u.id = t.trashed_by where t.id = $1";

/// One thing in the trash, with its files.
///
/// # Errors
/// `NotFound`
pub async fn find(client: &impl Sql, id: i64) -> Result<ItemDetail> {
    client.maybe_row(FIND, &[&id]).await?.map(|row| ItemDetail { row }).ok_or_else(not_found)
}

/// One thing in the trash, as clients see it.
#[derive(Serialize, ToSchema)]
#[schema(as = TrashItemDetail)]
pub(super) struct DetailShape<'r> {
    #[serde(flatten)]
    item: Item<'r>,
    /// Where it lies, relative to MUSIC_PATH.
    path: &'r str,
    /// The import that put it there.
    import_id: Option<i64>,
    /// How many hearts come back with it.
    hearts: i32,
    /// Whether the album is in the library (for what was replaced, and for single tracks).
    is_album_there: bool,
    /// `name`, `original_path`, `size`; of tracks also `track_id`, `title`, `track_number`, `disc_number`, `quality`.
    files: Vec<Value>,
}

impl ItemDetail {
    /// As in the list.
    pub fn item(&self) -> Item<'_> {
        Item::from(&self.row)
    }

    /// Each file: `name`, `original_path`, `size`, and of tracks `track_id`, `title`, `track_number`, `disc_number`,
    /// `quality`.
    pub fn files(&self) -> Vec<Value> {
        let files: Vec<File> = serde_json::from_value(self.row.get(13)).unwrap_or_default();
        files.iter().map(file).collect()
    }
}

impl Serialize for ItemDetail {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        DetailShape {
            item: self.item(),
            path: self.row.get(12),
            import_id: self.row.get(14),
            hearts: self.row.get(15),
            is_album_there: self.row.get(16),
            files: self.files(),
        }
        .serialize(serializer)
    }
}

fn file(file: &File) -> Value {
    let mut shown = json!({
        "name": file.name, "original_path": file.original_path, "size": file.size_bytes, "essence": file.essence,
        "track_id": file.track_id,
    });
    if let Some(track) = &file.track {
        let number = |name: &str| track[name].as_i64().and_then(|n| i32::try_from(n).ok());
        let format = track["format"].as_str().unwrap_or_default();
        let is_lossy = track["is_lossy"].as_bool().unwrap_or_default();
        let quality = quality_display(
            format,
            is_lossy,
            number("sample_rate_hz"),
            number("bit_depth"),
            number("bitrate_kbps"),
        );
        shown["quality"] = json!(quality);
        for name in ["title", "track_number", "disc_number"] {
            shown[name] = track[name].clone();
        }
    }
    shown
}
