//! The routes of what catalogues add. Beneath `/api`.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::Row;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{FetchLyrics, FetchPortraits};
use crate::app::App;
use crate::auth::User;
use crate::db::Sql;
use crate::error::{Error, Problem, Result};
use crate::input::{self, Path, Query};
use crate::jobs::{self, End};

/// A request waits so long for what it asked for; then it goes on by itself.
const PATIENCE: Duration = Duration::from_secs(20);
/// For the worker to store a picture that was fetched.
const STORING: Duration = Duration::from_secs(5);

/// All of them.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(enrichment_stats))
        .routes(routes!(enrich_album))
        .routes(routes!(enrich_track))
        .routes(routes!(enrich_batch))
        .routes(routes!(tracks_without_lyrics))
        .routes(routes!(lyrics_of_track))
        .routes(routes!(fetch_artist_artwork))
        .routes(routes!(fetch_all_artist_artwork))
}

/// How much is known of the tracks.
#[derive(Debug, Serialize, ToSchema)]
struct EnrichmentStats {
    total_tracks: i64,
    missing_lyrics: i64,
    missing_isrc: i64,
    missing_composer: i64,
    /// Percent, with one decimal.
    lyrics_coverage_pct: f64,
}

const STATS: &str = "select (select track_count from library) as total,
    (select count(*) from lyrics where state <> 'none') as worded,
    (select count(*) from track where isrc is null) as no_isrc,
    (select count(*) from track where composer is null) as no_composer";

/// How much is known of the tracks: lyrics, ISRC, composer.
#[utoipa::path(get, path = "/enrichment/stats", tag = "enrichment", responses((status = 200, body = EnrichmentStats)))]
async fn enrichment_stats(State(app): State<App>, _: User) -> Result<Json<EnrichmentStats>> {
    let row = app.db.get().await?.row(STATS, &[]).await?;
    let (total, worded): (i64, i64) = (row.get("total"), row.get("worded"));
    let share = if total == 0 { 0.0 } else { worded as f64 / total as f64 * 100.0 };
    Ok(Json(EnrichmentStats {
        total_tracks: total,
        missing_lyrics: (total - worded).max(0),
        missing_isrc: row.get("no_isrc"),
        missing_composer: row.get("no_composer"),
        lyrics_coverage_pct: (share * 10.0).round() / 10.0,
    }))
}

/// Whether the answer waits for the result.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct How {
    /// `true`: it is begun, and goes on after this answer.
    background: Option<bool>,
}

/// Work that was begun, or done.
#[derive(Debug, Serialize, ToSchema)]
struct EnrichmentTask {
    /// The job; `sync` when it is done already.
    task_id: String,
    message: String,
    /// The job.
    job_id: i64,
}

const ALBUM: &str = "select id from album where id = $1";
const TRACK: &str = "select id from track where id = $1";

/// Asks for the lyrics of an album's tracks.
#[utoipa::path(post, path = "/enrichment/album/{id}", tag = "enrichment", params(How),
    responses((status = 200, body = EnrichmentTask)))]
async fn enrich_album(
    State(app): State<App>,
    _: User,
    Path(id): Path<i64>,
    Query(how): Query<How>,
) -> Result<Json<EnrichmentTask>> {
    app.db.get().await?.maybe_row(ALBUM, &[&id]).await?.ok_or(Error::NotFound("Album not found"))?;
    let job = FetchLyrics { album_id: Some(id), ..FetchLyrics::default() };
    begin(&app, &job, how.background.unwrap_or(true)).await
}

/// What is to be asked about; of the newest tracks, when nothing is said.
#[derive(Debug, Default, Deserialize, ToSchema)]
struct Batch {
    /// At most so many tracks, up to 500; 100 when it is not said.
    limit: Option<i64>,
    album_id: Option<i64>,
    artist_id: Option<i64>,
    /// `false`: the answer waits for a while.
    background: Option<bool>,
}

/// Asks for the lyrics of many tracks that have none.
#[utoipa::path(post, path = "/enrichment/batch", tag = "enrichment", request_body = Option<Batch>,
    responses((status = 200, body = EnrichmentTask)))]
async fn enrich_batch(State(app): State<App>, _: User, body: bytes::Bytes) -> Result<Json<EnrichmentTask>> {
    let asked: Batch = input::optional_json(&body)?.unwrap_or_default();
    let limit = asked.limit.unwrap_or(100);
    if !(1..=500).contains(&limit) {
        return Err(Error::Field { field: "limit", message: "must be from 1 to 500".into() });
    }
    let job = FetchLyrics { track_id: None, album_id: asked.album_id, artist_id: asked.artist_id, limit };
    begin(&app, &job, asked.background.unwrap_or(true)).await
}

async fn begin(app: &App, job: &FetchLyrics, background: bool) -> Result<Json<EnrichmentTask>> {
    let job_id = jobs::enqueue(&app.db.get().await?, job).await?;
    let ended = if background { None } else { jobs::wait(app, &[job_id], PATIENCE).await.pop() };
    let (task_id, message) = match ended.map(|ended| ended.end) {
        None => (job_id.to_string(), "Enrichment started".to_owned()),
        Some(End::Completed(told)) => {
            ("sync".to_owned(), format!("Lyrics found for {} of {} tracks", told["found"], told["asked"]))
        }
        Some(End::Cancelled(why) | End::Discarded(why)) => ("sync".to_owned(), why),
    };
    Ok(Json(EnrichmentTask { task_id, message, job_id }))
}

/// What came of it.
#[derive(Debug, Serialize, ToSchema)]
struct EnrichedTrack {
    track_id: i64,
    /// Whether there are words now.
    success: bool,
    message: String,
}

/// Asks for the lyrics of one track.
#[utoipa::path(post, path = "/enrichment/track/{id}", tag = "enrichment", params(How),
    responses((status = 200, body = EnrichedTrack)))]
async fn enrich_track(
    State(app): State<App>,
    _: User,
    Path(id): Path<i64>,
    Query(how): Query<How>,
) -> Result<Json<EnrichedTrack>> {
    app.db.get().await?.maybe_row(TRACK, &[&id]).await?.ok_or(Error::NotFound("Track not found"))?;
    let job = FetchLyrics { track_id: Some(id), ..FetchLyrics::default() };
    let told = begin(&app, &job, how.background.unwrap_or(false)).await?;
    let row = app.db.get().await?.maybe_row(WORDS, &[&id]).await?;
    let success = row.is_some_and(|row| row.get::<_, Option<String>>("plain").is_some());
    Ok(Json(EnrichedTrack { track_id: id, success, message: told.0.message }))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// At most so many; 50 when it is not said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
    /// Only of this album.
    album_id: Option<i64>,
}

/// A track without lyrics.
#[derive(Debug, Serialize, ToSchema)]
struct TrackWithoutLyrics {
    id: i64,
    title: String,
    album_id: i64,
    album_title: String,
    artist_name: String,
}

const WITHOUT: &str =
    "select t.id, t.title, t.album_id, a.title as album_title, coalesce(t.artist_name, r.name) as artist_name
    from track t join album a on a.id = t.album_id join artist r on r.id = a.artist_id
    where not exists (select from lyrics l where l.track_id = t.id and l.state <> 'none')
        and ($1::bigint is null or t.album_id = $1)
    order by t.id desc limit $2";

/// Tracks without lyrics, the newest first.
#[utoipa::path(get, path = "/enrichment/tracks/missing-lyrics", tag = "enrichment", params(Which),
    responses((status = 200, body = Vec<TrackWithoutLyrics>)))]
async fn tracks_without_lyrics(
    State(app): State<App>,
    _: User,
    Query(which): Query<Which>,
) -> Result<Json<Vec<TrackWithoutLyrics>>> {
    let limit = which.limit.unwrap_or(50);
    if !(1..=200).contains(&limit) {
        return Err(Error::Parameter { field: "limit", message: "must be from 1 to 200".into() });
    }
    let rows = app.db.get().await?.rows(WITHOUT, &[&which.album_id, &limit]).await?;
    let track = |row: &Row| TrackWithoutLyrics {
        id: row.get("id"),
        title: row.get("title"),
        album_id: row.get("album_id"),
        album_title: row.get("album_title"),
        artist_name: row.get("artist_name"),
    };
    Ok(Json(rows.iter().map(track).collect()))
}

/// The words of a song.
#[derive(Debug, Serialize, ToSchema)]
struct TrackLyrics {
    track_id: i64,
    /// `found`, `instrumental`, `none`, or `unknown` when nobody has asked yet.
    status: String,
    /// Lines with times, as in an `.lrc`.
    synced: Option<String>,
    /// Lines.
    plain: Option<String>,
}

const WORDS: &str = "select coalesce(l.state, 'unknown') as state, l.synced, l.plain
    from track t left join lyrics l on l.track_id = t.id where t.id = $1";

/// The words of a song, as far as they are known.
#[utoipa::path(get, path = "/tracks/{id}/lyrics", tag = "enrichment", responses((status = 200, body = TrackLyrics)))]
async fn lyrics_of_track(State(app): State<App>, _: User, Path(id): Path<i64>) -> Result<Json<TrackLyrics>> {
    let row =
        app.db.get().await?.maybe_row(WORDS, &[&id]).await?.ok_or(Error::NotFound("Track not found"))?;
    let (status, synced, plain) = (row.get("state"), row.get("synced"), row.get("plain"));
    Ok(Json(TrackLyrics { track_id: id, status, synced, plain }))
}

// -- pictures of artists

/// It was fetched.
#[derive(Debug, Serialize, ToSchema)]
struct FetchedArtwork {
    /// `fetched`
    status: &'static str,
    /// Where it lies, relative to the music folder.
    path: Option<String>,
}

/// What came of one artist.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct ArtistArtwork {
    artist_id: i64,
    name: String,
    /// `fetched`, `not_found` or `error`.
    status: String,
    path: Option<String>,
    error: Option<String>,
    #[serde(default, skip_serializing)]
    job_id: Option<i64>,
}

const ARTIST: &str = "select id from artist where id = $1";
const ARTWORK: &str = "select artwork_path from artist where id = $1";

/// Fetches a picture of an artist, as MusicBrainz and Wikimedia Commons have it.
#[utoipa::path(post, path = "/artists/{id}/artwork/fetch", tag = "files",
    responses((status = 200, body = FetchedArtwork), (status = 502, body = Problem, description = "The service refused, or is away")))]
async fn fetch_artist_artwork(
    State(app): State<App>,
    _: User,
    Path(id): Path<i64>,
) -> Result<Json<FetchedArtwork>> {
    app.db.get().await?.maybe_row(ARTIST, &[&id]).await?.ok_or(Error::NotFound("Artist not found"))?;
    let answer = jobs::ask(&app, &FetchPortraits { artist_id: Some(id) }, PATIENCE).await?;
    let mut results = results(answer)?;
    match results.pop() {
        Some(one) if one.status == "fetched" => {
            let path = store(&app, &one).await?;
            Ok(Json(FetchedArtwork { status: "fetched", path }))
        }
        _ => Err(Error::NotFound("No picture of this artist was found")),
    }
}

/// Waits for the worker to store what was fetched; where it lies.
async fn store(app: &App, one: &ArtistArtwork) -> Result<Option<String>> {
    if let Some(job_id) = one.job_id {
        jobs::wait(app, &[job_id], STORING).await;
    }
    let row = app.db.get().await?.maybe_row(ARTWORK, &[&one.artist_id]).await?;
    Ok(row.and_then(|row| row.get(0)))
}

fn results(mut answer: Value) -> Result<Vec<ArtistArtwork>> {
    Ok(serde_json::from_value(answer["results"].take()).map_err(anyhow::Error::from)?)
}

/// What came of all artists without a picture, as far as it is known yet.
#[derive(Debug, Serialize, ToSchema)]
struct AllArtwork {
    total: usize,
    fetched: usize,
    not_found: usize,
    results: Vec<ArtistArtwork>,
    /// It goes on after this answer: ask for the job.
    pending: bool,
    /// The job.
    job_id: i64,
}

/// Fetches pictures of artists that have none, two hundred at once. What takes longer goes on after the answer.
#[utoipa::path(post, path = "/artwork/artists/fetch-all", tag = "files",
    responses((status = 200, body = AllArtwork), (status = 502, body = Problem, description = "The service refused, or is away")))]
async fn fetch_all_artist_artwork(State(app): State<App>, _: User) -> Result<Json<AllArtwork>> {
    let job_id = jobs::enqueue(&app.db.get().await?, &FetchPortraits::default()).await?;
    let (results, pending) = match jobs::wait(&app, &[job_id], PATIENCE).await.pop().map(|ended| ended.end) {
        Some(End::Completed(answer)) => (results(answer)?, false),
        Some(End::Cancelled(why) | End::Discarded(why)) => return Err(Error::Upstream(why)),
        None => (Vec::new(), true),
    };
    let count = |status: &str| results.iter().filter(|one| one.status == status).count();
    let (fetched, not_found) = (count("fetched"), count("not_found"));
    Ok(Json(AllArtwork { total: results.len(), fetched, not_found, results, pending, job_id }))
}
