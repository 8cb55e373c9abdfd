//! The routes of Lidarr. Beneath `/api`.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_postgres::Row;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::webhook::{__path_lidarr_webhook, lidarr_webhook};
use super::{AskLidarr, CollectLidarr, FillGaps};
use crate::activity;
use crate::answer::Started;
use crate::app::App;
use crate::auth::{Admin, Client, User};
use crate::db::Sql;
use crate::errand;
use crate::error::{Error, Problem, Result};
use crate::input::{self, Query};
use crate::integrations::lidarr::NewArtist;
use crate::jobs;

/// Longer than Lidarr may take to answer: a search goes on to MusicBrainz.
const PATIENCE: Duration = Duration::from_secs(25);

/// All of them.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(lidarr_status))
        .routes(routes!(lidarr_artists, add_lidarr_artist))
        .routes(routes!(search_lidarr))
        .routes(routes!(lidarr_profiles))
        .routes(routes!(lidarr_queue))
        .routes(routes!(lidarr_history))
        .routes(routes!(lidarr_wanted))
        .routes(routes!(look_with_lidarr))
        .routes(routes!(fill_gaps_with_lidarr))
        .routes(routes!(lidarr_downloads))
        .routes(routes!(collect_from_lidarr))
        .routes(routes!(test_lidarr))
        .routes(routes!(lidarr_webhook))
}

/// Asks; the answer in its shape.
async fn ask<T: for<'a> Deserialize<'a>>(app: &App, question: &AskLidarr) -> Result<Json<T>> {
    if app.settings.lidarr.url.is_empty() {
        return Err(Error::Invalid("Lidarr is not used: set lidarr.url first.".into()));
    }
    let answer = jobs::ask(app, question, PATIENCE).await?;
    Ok(Json(serde_json::from_value(answer).map_err(anyhow::Error::from)?))
}

/// Whether Lidarr answers.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
struct LidarrStatus {
    connected: bool,
    /// Its address, for admins.
    url: Option<String>,
    version: Option<String>,
    /// Why it does not.
    error: Option<String>,
}

/// Whether Lidarr answers.
#[utoipa::path(get, path = "/lidarr/status", tag = "lidarr", responses((status = 200, body = LidarrStatus)))]
async fn lidarr_status(State(app): State<App>, user: User) -> Result<Json<LidarrStatus>> {
    let url = app.settings.lidarr.url.clone();
    let shown = Some(url.clone()).filter(|_| user.is_admin);
    if url.is_empty() {
        let error = Some("Lidarr is not used: lidarr.url is not set.".into());
        return Ok(Json(LidarrStatus { url: shown, error, ..LidarrStatus::default() }));
    }
    let Json(status) = ask::<LidarrStatus>(&app, &AskLidarr::Test { url: None, errand: None }).await?;
    Ok(Json(LidarrStatus { url: shown, ..status }))
}

/// Artists that Lidarr has.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct LidarrArtists {
    count: usize,
    items: Vec<LidarrArtist>,
    /// The same, as clients of the first version read it.
    #[serde(default)]
    artists: Vec<LidarrArtist>,
}

/// An artist that Lidarr has.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
struct LidarrArtist {
    /// Lidarr's own.
    id: i64,
    name: String,
    /// MusicBrainz artist.
    mbid: String,
    monitored: bool,
    album_count: i64,
}

/// Artists that Lidarr has.
#[utoipa::path(get, path = "/lidarr/artists", tag = "lidarr",
    responses((status = 200, body = LidarrArtists), (status = 502, body = Problem, description = "Lidarr refused, or is away")))]
async fn lidarr_artists(State(app): State<App>, _: User) -> Result<Json<LidarrArtists>> {
    let Json(mut found) = ask::<LidarrArtists>(&app, &AskLidarr::Artists).await?;
    found.artists.clone_from(&found.items);
    Ok(Json(found))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// As a person typed it.
    q: String,
}

/// What a search found.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct LidarrFound {
    #[serde(default)]
    query: String,
    count: usize,
    /// At most twenty.
    results: Vec<LidarrFoundArtist>,
}

/// An artist that Lidarr could look for.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct LidarrFoundArtist {
    name: String,
    /// MusicBrainz artist.
    mbid: String,
    /// Some words about them.
    overview: String,
    genres: Vec<String>,
    /// Whether it has them already.
    in_lidarr: bool,
}

/// Artists that there are, as Lidarr finds them.
#[utoipa::path(get, path = "/lidarr/search", tag = "lidarr", params(Wanted),
    responses((status = 200, body = LidarrFound), (status = 502, body = Problem, description = "Lidarr refused, or is away")))]
async fn search_lidarr(
    State(app): State<App>,
    _: User,
    Query(wanted): Query<Wanted>,
) -> Result<Json<LidarrFound>> {
    let term = wanted.q.trim().to_owned();
    if term.is_empty() || term.len() > 200 || term.contains('\0') {
        return Err(Error::Parameter { field: "q", message: "must be a name, and not a long one".into() });
    }
    let Json(mut found) = ask::<LidarrFound>(&app, &AskLidarr::Search { term }).await?;
    found.query = wanted.q;
    Ok(Json(found))
}

/// What an artist may be added with.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct LidarrProfiles {
    quality_profiles: Vec<LidarrProfile>,
    metadata_profiles: Vec<LidarrProfile>,
    /// Paths, as Lidarr sees them.
    root_folders: Vec<String>,
}

/// A profile of Lidarr's.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct LidarrProfile {
    id: i64,
    name: String,
}

/// Lidarr's profiles and root folders.
#[utoipa::path(get, path = "/lidarr/profiles", tag = "lidarr",
    responses((status = 200, body = LidarrProfiles), (status = 502, body = Problem, description = "Lidarr refused, or is away")))]
async fn lidarr_profiles(State(app): State<App>, _: User) -> Result<Json<LidarrProfiles>> {
    ask(&app, &AskLidarr::Choices).await
}

/// Whom to add.
#[derive(Debug, Deserialize, ToSchema)]
struct AddArtist {
    /// MusicBrainz artist.
    mbid: Uuid,
    name: String,
    /// Whether it looks for their albums at once; so unless it is said otherwise.
    search_for_missing: Option<bool>,
    /// Lidarr's own; the root folder's or the first when it is not said.
    quality_profile_id: Option<i64>,
    /// The same.
    metadata_profile_id: Option<i64>,
    /// As Lidarr sees it; its first when it is not said.
    root_folder: Option<String>,
}

/// What became of an artist.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct LidarrAdded {
    /// `added`, or `exists` when it was there already.
    status: String,
    /// Lidarr's own.
    artist_id: i64,
    name: String,
}

/// Has Lidarr look for an artist's albums, by its own profiles and folders unless others of them are named.
#[utoipa::path(post, path = "/lidarr/artists", tag = "lidarr",
    responses((status = 200, body = LidarrAdded), (status = 502, body = Problem, description = "Lidarr refused, or is away")))]
async fn add_lidarr_artist(
    State(app): State<App>,
    user: User,
    client: Client,
    input::Json(wanted): input::Json<AddArtist>,
) -> Result<Json<LidarrAdded>> {
    let new = NewArtist {
        mbid: wanted.mbid.to_string(),
        name: wanted.name.replace('\0', ""),
        search_for_missing: wanted.search_for_missing.unwrap_or(true),
        quality_profile_id: wanted.quality_profile_id,
        metadata_profile_id: wanted.metadata_profile_id,
        root_folder: wanted.root_folder.filter(|path| !path.is_empty()).map(|path| path.replace('\0', "")),
    };
    let Json(added) = ask::<LidarrAdded>(&app, &AskLidarr::Add(new)).await?;
    let details = json!({"artist": added.name, "mbid": wanted.mbid, "status": added.status});
    let (client, address) = (app.db.get().await?, client.address_text());
    activity::record(&client, user.row(), "lidarr_add", None, Some(&details), address.as_deref()).await?;
    Ok(Json(added))
}

/// What Lidarr is fetching.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct LidarrQueue {
    count: usize,
    items: Vec<LidarrQueued>,
}

/// Something that Lidarr is fetching.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct LidarrQueued {
    id: i64,
    title: String,
    artist: Option<String>,
    album: Option<String>,
    /// `downloading`, `completed`, …
    status: String,
    /// `downloading`, `importPending`, …
    state: Option<String>,
    /// Percent.
    progress: i64,
    /// `00:03:20`
    eta: Option<String>,
    error: Option<String>,
}

/// What Lidarr is fetching, and how far it is.
#[utoipa::path(get, path = "/lidarr/queue", tag = "lidarr",
    responses((status = 200, body = LidarrQueue), (status = 502, body = Problem, description = "Lidarr refused, or is away")))]
async fn lidarr_queue(State(app): State<App>, _: User) -> Result<Json<LidarrQueue>> {
    ask(&app, &AskLidarr::Queue).await
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Limit {
    /// At most so much; 50 when it is not said.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
}

impl Limit {
    fn checked(&self) -> Result<u32> {
        let limit = self.limit.unwrap_or(50);
        if (1..=500).contains(&limit) {
            return Ok(limit);
        }
        Err(Error::Parameter { field: "limit", message: "must be from 1 to 500".into() })
    }
}

/// What happened in Lidarr.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct LidarrHistory {
    count: usize,
    items: Vec<LidarrHappened>,
}

/// Something that happened in Lidarr.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct LidarrHappened {
    id: i64,
    album: Option<String>,
    artist: Option<String>,
    /// `grabbed`, `trackFileImported`, `downloadFailed`, …
    event_type: String,
    date: String,
}

/// What happened in Lidarr, the newest first.
#[utoipa::path(get, path = "/lidarr/history", tag = "lidarr", params(Limit),
    responses((status = 200, body = LidarrHistory), (status = 502, body = Problem, description = "Lidarr refused, or is away")))]
async fn lidarr_history(
    State(app): State<App>,
    _: User,
    Query(limit): Query<Limit>,
) -> Result<Json<LidarrHistory>> {
    ask(&app, &AskLidarr::History { limit: limit.checked()? as usize }).await
}

/// Albums that Lidarr wants and does not have whole.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct LidarrWanted {
    count: usize,
    items: Vec<LidarrAlbum>,
}

/// An album that Lidarr wants.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct LidarrAlbum {
    /// Lidarr's own.
    id: i64,
    title: String,
    artist: Option<String>,
    /// MusicBrainz release group.
    mbid: String,
}

/// Albums that Lidarr wants and does not have whole.
#[utoipa::path(get, path = "/lidarr/wanted", tag = "lidarr",
    responses((status = 200, body = LidarrWanted), (status = 502, body = Problem, description = "Lidarr refused, or is away")))]
async fn lidarr_wanted(State(app): State<App>, _: User) -> Result<Json<LidarrWanted>> {
    ask(&app, &AskLidarr::Wanted).await
}

/// What to look for: albums, or all of an artist's.
#[derive(Debug, Deserialize, ToSchema)]
struct Look {
    /// Lidarr's own ids, at most a hundred.
    #[serde(default)]
    album_ids: Vec<i64>,
    /// Lidarr's own id.
    artist_id: Option<i64>,
}

/// Lidarr looks.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct Looking {
    /// `started`
    status: String,
    /// Lidarr's own.
    command_id: i64,
}

/// Has Lidarr look for albums now.
#[utoipa::path(post, path = "/lidarr/search", tag = "lidarr",
    responses((status = 200, body = Looking), (status = 502, body = Problem, description = "Lidarr refused, or is away")))]
async fn look_with_lidarr(
    State(app): State<App>,
    _: User,
    input::Json(look): input::Json<Look>,
) -> Result<Json<Looking>> {
    if look.artist_id.is_none() && !(1..=100).contains(&look.album_ids.len()) {
        let message = "must name from 1 to 100 albums, or artist_id an artist".into();
        return Err(Error::Field { field: "album_ids", message });
    }
    ask(&app, &AskLidarr::Look { album_ids: look.album_ids, artist_id: look.artist_id }).await
}

/// Which gaps.
#[derive(Debug, Default, Deserialize, ToSchema)]
struct Gaps {
    /// Only of this album of ours; of all that are not whole, when it is not said.
    album_id: Option<i64>,
}

/// Has Lidarr look for what is missing of our albums, as far as it wants them too.
#[utoipa::path(post, path = "/lidarr/gaps", tag = "lidarr", request_body = Option<Gaps>, responses((status = 202, body = Started)))]
async fn fill_gaps_with_lidarr(
    State(app): State<App>,
    _: User,
    body: bytes::Bytes,
) -> Result<(StatusCode, Json<Started>)> {
    let asked: Gaps = input::optional_json(&body)?.unwrap_or_default();
    if app.settings.lidarr.url.is_empty() {
        return Err(Error::Invalid("Lidarr is not used: set lidarr.url first.".into()));
    }
    let id = jobs::enqueue(&app.db.get().await?, &FillGaps { album_id: asked.album_id }).await?;
    Ok((StatusCode::ACCEPTED, Json(Started::job(id))))
}

/// What Lidarr has brought.
#[derive(Debug, Serialize, ToSchema)]
struct Brought {
    id: i64,
    artist: Option<String>,
    title: String,
    /// Where it lay.
    folder: String,
    /// `found`, `handed_over` (to the imports) or `failed`.
    status: String,
    /// Why it failed, and what to do.
    error: Option<String>,
    found_at: Timestamp,
}

const BROUGHT: &str =
    "select id, artist, title, folder, state, error, found_at from lidarr_download order by id desc limit $1";

/// What was brought from Lidarr, the newest first.
#[utoipa::path(get, path = "/lidarr/downloads", tag = "lidarr", params(Limit), extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = Vec<Brought>)))]
async fn lidarr_downloads(
    State(app): State<App>,
    _: Admin,
    Query(limit): Query<Limit>,
) -> Result<Json<Vec<Brought>>> {
    let rows = app.db.get().await?.rows(BROUGHT, &[&i64::from(limit.checked()?)]).await?;
    let brought = |row: &Row| Brought {
        id: row.get("id"),
        artist: row.get("artist"),
        title: row.get("title"),
        folder: row.get("folder"),
        status: row.get("state"),
        error: row.get("error"),
        found_at: row.get("found_at"),
    };
    Ok(Json(rows.iter().map(brought).collect()))
}

/// Looks now for what Lidarr has downloaded, instead of within five minutes.
#[utoipa::path(post, path = "/lidarr/collect", tag = "lidarr", responses((status = 202, body = Started)))]
async fn collect_from_lidarr(State(app): State<App>, _: User) -> Result<(StatusCode, Json<Started>)> {
    let id = jobs::enqueue(&app.db.get().await?, &CollectLidarr::default()).await?;
    Ok((StatusCode::ACCEPTED, Json(Started::job(id))))
}

/// What is to be tried; what is not said is as the settings have it.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Trial {
    /// Its address.
    url: Option<String>,
    /// Its key. Better saved first, and left out here: addresses end up in logs.
    api_key: Option<String>,
}

/// Whether Lidarr answers, at this address and with this key or as it is set.
#[utoipa::path(post, path = "/settings/test/lidarr", tag = "settings", params(Trial), extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = LidarrStatus)))]
async fn test_lidarr(
    State(app): State<App>,
    _: Admin,
    Query(trial): Query<Trial>,
) -> Result<Json<LidarrStatus>> {
    let saved = app.settings.lidarr.url.clone();
    let url = trial.url.filter(|url| !url.is_empty());
    let key = trial.api_key.filter(|key| !key.is_empty()).map(SecretString::from);
    let failed = |why: &str| Ok(Json(LidarrStatus { error: Some(why.into()), ..LidarrStatus::default() }));
    if url.is_none() && saved.is_empty() {
        return failed("Lidarr is not used: its address is not set.");
    }
    // A key that was saved goes to no other address than the one that it was saved for.
    if key.is_none()
        && url.as_deref().is_some_and(|url| url.trim_end_matches('/') != saved.trim_end_matches('/'))
    {
        return failed("Another address needs its key with it.");
    }
    let errand = match &key {
        Some(key) => Some(errand::leave(&app, key).await?),
        None => None,
    };
    let answer: Value = jobs::ask(&app, &AskLidarr::Test { url, errand }, PATIENCE).await?;
    Ok(Json(serde_json::from_value(answer).map_err(anyhow::Error::from)?))
}
