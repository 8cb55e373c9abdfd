//! Where music came from: a row for each file that a track has had, kept for good, whatever happens to the file's place,
//! tags and quality. Written anew for what returns from an export, so that its history does not begin with its return.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::Row;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::User;
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::input::Path;

/// Beneath `/api`.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(track_provenance)).routes(routes!(album_provenance))
}

// -- arrivals

/// Where files come from that have just been recorded.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// `import`, `qobuz`, …
    pub source: &'a str,
    /// The page.
    pub source_url: Option<&'a str>,
    /// What it is at its source: `qobuz:album:0060254788359`.
    pub reference: Option<&'a str>,
    /// Who asked for it.
    pub requested_by: Option<i64>,
    /// What fetched it.
    pub program: Option<&'a str>,
    /// Its version.
    pub program_version: Option<&'a str>,
    /// The import's row.
    pub import_id: i64,
    /// The download's row.
    pub download_id: Option<i64>,
    /// The album whose gaps it was fetched to fill.
    pub fills_album_id: Option<i64>,
}

// Nobody has changed the files yet: their checksums are those that they came with.
const ARRIVED: &str = "insert into provenance (track_id, source, source_url, reference, requested_by, requested_by_name,
        checksum, essence, program, program_version, import_id, download_id, is_replacement)
    select t.id, $2, $3, $4, $5, (select u.username from app_user u where u.id = $5), t.checksum, t.essence, $6, $7, $8, $9, $10
    from track t where t.id = any($1) order by t.disc_number, t.track_number, t.id";
const TRACKS_CAME_FROM: &str = "update track set source_url = $2 where id = any($1)";
const TRACKS_FILL_GAPS: &str = "update track set is_filling = $2 where id = any($1)";
const ALBUM_CAME_FROM: &str = "update album set source_url = coalesce(source_url, $2) where id = $1";

/// Notes where tracks of an album come from, in the transaction that records them.
pub async fn note_arrival(
    tx: &impl Sql,
    album_id: i64,
    track_ids: &[i64],
    is_replacement: bool,
    arrival: &Arrival<'_>,
) -> Result<()> {
    if track_ids.is_empty() {
        return Ok(());
    }
    let Arrival {
        source,
        source_url,
        reference,
        requested_by,
        program,
        program_version,
        import_id,
        download_id,
        fills_album_id,
    } = arrival;
    tx.run(
        ARRIVED,
        &[
            &track_ids,
            source,
            source_url,
            reference,
            requested_by,
            program,
            program_version,
            import_id,
            download_id,
            &is_replacement,
        ],
    )
    .await?;
    let is_filling = *fills_album_id == Some(album_id);
    if is_filling || is_replacement {
        tx.run(TRACKS_FILL_GAPS, &[&track_ids, &is_filling]).await?;
    }
    if source_url.is_some() {
        tx.run(TRACKS_CAME_FROM, &[&track_ids, source_url]).await?;
        tx.run(ALBUM_CAME_FROM, &[&album_id, source_url]).await?;
    }
    Ok(())
}

// -- what is known

/// Where one file of a track came from.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Provenance {
    /// `import`, `qobuz`, `youtube`, …
    pub source: String,
    /// The page.
    pub source_url: Option<String>,
    /// What it is at its source.
    pub reference: Option<String>,
    /// Who asked for it, by the name of then; nobody, when it was found.
    pub requested_by: Option<String>,
    /// When it came.
    pub arrived_at: Timestamp,
    /// BLAKE3 of the file as it came, before anybody changed its tags; null for what was here before Barbossa.
    pub checksum: Option<String>,
    /// Of its audio alone.
    pub essence: Option<String>,
    /// What fetched it.
    pub program: Option<String>,
    /// Its version.
    pub program_version: Option<String>,
    /// It took the place of the one before.
    pub is_replacement: bool,
}

/// Where a track came from, the latest file first.
#[derive(Debug, Serialize, ToSchema)]
struct TrackHistory {
    track_id: i64,
    title: String,
    disc_number: i32,
    track_number: i32,
    /// Lossy by its format or by its source.
    is_lossy: bool,
    history: Vec<Provenance>,
}

/// Where the tracks of an album came from.
#[derive(Debug, Serialize, ToSchema)]
struct AlbumHistory {
    album_id: i64,
    tracks: Vec<TrackHistory>,
}

const TRACKS_OF: &str =
    "select t.id, t.title, t.disc_number, t.track_number, t.is_lossy, t.source, t.source_url, t.imported_at,
        u.username, t.essence
    from track t left join app_user u on u.id = t.imported_by
    where ($1::bigint is not null and t.id = $1) or ($2::bigint is not null and t.album_id = $2)
    order by t.disc_number, t.track_number, t.id";
const HISTORY: &str = "select track_id, source, source_url, reference, requested_by_name, arrived_at, encode(checksum, 'hex') as checksum,
        essence, program, program_version, is_replacement
    from provenance where track_id = any($1) order by id desc";
const ALBUM_IS_THERE: &str = "select 1 from album where id = $1";

async fn histories(
    client: &impl Sql,
    track_id: Option<i64>,
    album_id: Option<i64>,
) -> Result<Vec<TrackHistory>> {
    let tracks = client.rows(TRACKS_OF, &[&track_id, &album_id]).await?;
    let ids: Vec<i64> = tracks.iter().map(|row| row.get(0)).collect();
    let rows = client.rows(HISTORY, &[&ids]).await?;
    let of_track = |track: &Row| {
        let id: i64 = track.get(0);
        let mut history: Vec<Provenance> =
            rows.iter().filter(|row| row.get::<_, i64>(0) == id).map(Provenance::from).collect();
        // What was indexed in place, or came before this was written down, has its row alone.
        if history.is_empty() {
            history.push(Provenance::of_track(track));
        }
        TrackHistory {
            track_id: id,
            title: track.get(1),
            disc_number: track.get(2),
            track_number: track.get(3),
            is_lossy: track.get(4),
            history,
        }
    };
    Ok(tracks.iter().map(of_track).collect())
}

impl Provenance {
    fn of_track(row: &Row) -> Self {
        Self {
            source: row.get(5),
            source_url: row.get(6),
            reference: None,
            requested_by: row.get(8),
            arrived_at: row.get(7),
            checksum: None,
            essence: row.get(9),
            program: None,
            program_version: None,
            is_replacement: false,
        }
    }
}

impl From<&Row> for Provenance {
    fn from(row: &Row) -> Self {
        Self {
            source: row.get("source"),
            source_url: row.get("source_url"),
            reference: row.get("reference"),
            requested_by: row.get("requested_by_name"),
            arrived_at: row.get("arrived_at"),
            checksum: row.get("checksum"),
            essence: row.get("essence"),
            program: row.get("program"),
            program_version: row.get("program_version"),
            is_replacement: row.get("is_replacement"),
        }
    }
}

/// Where a track came from: each file that it has had, the latest first.
#[utoipa::path(get, path = "/tracks/{id}/provenance", tag = "library", responses((status = 200, body = TrackHistory)))]
async fn track_provenance(
    State(app): State<App>,
    _: User,
    Path(id): Path<i64>,
) -> Result<Json<TrackHistory>> {
    let found = histories(&app.db.get().await?, Some(id), None).await?.pop();
    found.map(Json).ok_or(Error::NotFound("Track not found"))
}

/// Where the tracks of an album came from.
#[utoipa::path(get, path = "/albums/{id}/provenance", tag = "library", responses((status = 200, body = AlbumHistory)))]
async fn album_provenance(
    State(app): State<App>,
    _: User,
    Path(id): Path<i64>,
) -> Result<Json<AlbumHistory>> {
    let client = app.db.get().await?;
    let tracks = histories(&client, None, Some(id)).await?;
    if tracks.is_empty() && client.maybe_row(ALBUM_IS_THERE, &[&id]).await?.is_none() {
        return Err(Error::NotFound("Album not found"));
    }
    Ok(Json(AlbumHistory { album_id: id, tracks }))
}

// -- what returns

/// Of an album.
#[derive(Debug, Clone)]
pub struct AlbumProvenance {
    /// The row.
    pub album_id: i64,
    /// `import`, `qobuz`, …
    pub source: String,
    /// Where it came from.
    pub source_url: Option<String>,
    /// When it came first.
    pub added_at: Timestamp,
}

/// Of a track.
#[derive(Debug, Clone)]
pub struct TrackProvenance {
    /// The row.
    pub track_id: i64,
    /// `import`, `qobuz`, …
    pub source: String,
    /// Where it came from.
    pub source_url: Option<String>,
    /// When it came first.
    pub imported_at: Timestamp,
    /// The name of who asked for it; nobody, when there is no such user here.
    pub imported_by: Option<String>,
    /// By its source, whatever its format says.
    pub is_lossy: bool,
}

const ALBUM: &str =
    "update album set source = $2, source_url = $3, created_at = least(created_at, $4) where id = $1";
const TRACKS: &str = "update track t set source = n.source, source_url = n.source_url,
        imported_at = least(t.imported_at, n.imported_at), is_lossy = n.is_lossy,
        imported_by = (select u.id from app_user u where u.username = n.imported_by)
    from unnest($1::bigint[], $2::text[], $3::text[], $4::timestamptz[], $5::text[], $6::boolean[])
        n (id, source, source_url, imported_at, imported_by, is_lossy)
    where t.id = n.id";

/// Writes it, of an album and of tracks of it.
pub async fn restore_provenance(
    tx: &impl Sql,
    album: &AlbumProvenance,
    tracks: &[TrackProvenance],
) -> Result<()> {
    tx.run(ALBUM, &[&album.album_id, &album.source, &album.source_url, &album.added_at]).await?;
    let ids: Vec<i64> = tracks.iter().map(|t| t.track_id).collect();
    let sources: Vec<&str> = tracks.iter().map(|t| t.source.as_str()).collect();
    let urls: Vec<Option<&str>> = tracks.iter().map(|t| t.source_url.as_deref()).collect();
    let times: Vec<Timestamp> = tracks.iter().map(|t| t.imported_at).collect();
    let people: Vec<Option<&str>> = tracks.iter().map(|t| t.imported_by.as_deref()).collect();
    let lossy: Vec<bool> = tracks.iter().map(|t| t.is_lossy).collect();
    tx.run(TRACKS, &[&ids, &sources, &urls, &times, &people, &lossy]).await?;
    Ok(())
}
