//! The routes of downloads: everyone sees and steers their own, an admin those of all. Beneath `/api`.

use axum::Json;
use axum::extract::State;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::download::{self, Download, NewDownload};
use super::{ask, catalogue, collection, gaps, unified};
use crate::app::App;
use crate::auth::{Client, Person, User};
use crate::error::{Error, Problem, Result};
use crate::imports;
use crate::input::{self, Path, Query};
use crate::integrations::guard::checked;
use crate::integrations::yt_dlp;
use crate::jobs;
use crate::library::number;

const STATES: [&str; 8] =
    ["pending", "downloading", "importing", "complete", "duplicate", "failed", "cancelled", "pending_review"];
const BEST: i32 = 4;

/// All of them.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(catalogue::routes())
        .merge(collection::routes())
        .merge(gaps::routes())
        .merge(unified::routes())
        .routes(routes!(look_at_address))
        .routes(routes!(ask_for_address))
        .routes(routes!(list_downloads))
        .routes(routes!(download_queue))
        .routes(routes!(find_download, dismiss_download))
        .routes(routes!(download_status))
        .routes(routes!(cancel_download))
        .routes(routes!(retry_download))
}

#[derive(Debug, Deserialize, IntoParams)]
struct AddressQuery {
    /// Of the web: a page that yt-dlp knows, or a file.
    url: String,
}

/// What is at an address.
#[derive(Debug, Serialize, ToSchema)]
struct AddressInfo {
    /// Its title.
    title: String,
    /// Whose it is; empty when the page does not tell.
    artist: String,
    /// The album, or the playlist that it is.
    album: Option<String>,
    /// Seconds.
    duration: Option<f64>,
    /// Something of the sound was lost there: fetching it has to be confirmed.
    is_lossy: bool,
    /// A picture's address.
    thumbnail: Option<String>,
    /// `youtube`, `soundcloud`, `url`.
    source: String,
    /// How many tracks.
    tracks: usize,
}

/// What is at an address; nothing is fetched.
#[utoipa::path(get, path = "/downloads/url/info", tag = "downloads", params(AddressQuery),
    responses((status = 200, body = AddressInfo), (status = 400, body = Problem), (status = 502, body = Problem), (status = 503, body = Problem)))]
async fn look_at_address(
    State(app): State<App>,
    _: User,
    Query(query): Query<AddressQuery>,
) -> Result<Json<AddressInfo>> {
    let url = checked(&query.url, app.settings.downloads.allow_private)
        .map_err(|message| Error::Parameter { field: "url", message })?;
    let about = ask::about(&app, url.into()).await?;
    let yt_dlp::About { title, artist, album, duration, is_lossy, thumbnail, source, tracks } = about;
    Ok(Json(AddressInfo { title, artist, album, duration, is_lossy, thumbnail, source, tracks }))
}

/// What is to be fetched.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = NewDownload)]
pub(super) struct Asked {
    /// Its page.
    pub url: String,
    /// The best quality to ask for: 0 = MP3 128, 1 = MP3 320, 2 = FLAC 16/44.1, 3 = FLAC to 24/96, 4 = FLAC to 24/192.
    #[serde(default = "best")]
    #[schema(minimum = 0, maximum = 4)]
    pub quality: i32,
    /// Music that has lost something is welcome, too.
    #[serde(default)]
    pub confirm_lossy: bool,
    /// `artist`, `album`, `track`, `playlist`: what it was found as.
    pub search_type: Option<String>,
}

fn best() -> i32 {
    BEST
}

impl Asked {
    /// # Errors
    /// `Field`
    pub fn check(&self) -> Result<()> {
        if !(0..=BEST).contains(&self.quality) {
            return Err(Error::Field { field: "quality", message: "must be from 0 to 4".into() });
        }
        let known = ["artist", "album", "track", "playlist"];
        if self.search_type.as_deref().is_some_and(|kind| !known.contains(&kind)) {
            let message = "must be one of artist, album, track, playlist".into();
            return Err(Error::Field { field: "search_type", message });
        }
        Ok(())
    }
}

/// Asks for what is at an address. It is fetched, imported, and told of as it goes.
#[utoipa::path(post, path = "/downloads/url", tag = "downloads", request_body = Asked,
    responses((status = 200, body = Download), (status = 400, body = Problem), (status = 409, body = Problem)))]
async fn ask_for_address(
    State(app): State<App>,
    Person(user): Person,
    from: Client,
    input::Json(asked): input::Json<Asked>,
) -> Result<Json<Download>> {
    asked.check()?;
    let url = checked(&asked.url, app.settings.downloads.allow_private)
        .map_err(|message| Error::Field { field: "url", message })?;
    let source = yt_dlp::source(url.as_str());
    if ["youtube", "soundcloud"].contains(&source) && !asked.confirm_lossy {
        return Err(Error::Invalid(
            "Lossy source requires confirm_lossy=true. What it has was made smaller by leaving out sound, which nothing brings back.".into(),
        ));
    }
    let new = NewDownload {
        user_id: user.id,
        source,
        reference: url.to_string(),
        url: Some(url.into()),
        search_type: asked.search_type,
        quality: asked.quality,
        confirm_lossy: asked.confirm_lossy,
        address: from.address_text(),
        ..NewDownload::default()
    };
    create(&app, new).await
}

/// One transaction, told to whoever listens.
pub(super) async fn create(app: &App, new: NewDownload) -> Result<Json<Download>> {
    let mut client = app.db.get().await?;
    let tx = client.transaction().await?;
    jobs::name_request(&tx).await?;
    let download = download::create(app, &tx, &new).await?;
    tx.commit().await?;
    Ok(Json(download))
}

#[derive(Debug, Deserialize, IntoParams)]
struct ListQuery {
    /// One of the states of a download.
    status: Option<String>,
    /// At most so many; 50 when it is not said.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100)]
    limit: Option<String>,
}

/// One's own downloads, the newest first.
#[utoipa::path(get, path = "/downloads", tag = "downloads", params(ListQuery), responses((status = 200, body = Vec<Download>)))]
async fn list_downloads(
    State(app): State<App>,
    Person(user): Person,
    Query(query): Query<ListQuery>,
) -> Result<Json<Vec<Download>>> {
    let state = query.status.as_deref();
    if state.is_some_and(|state| !STATES.contains(&state)) {
        return Err(Error::Parameter {
            field: "status",
            message: format!("must be one of {}", STATES.join(", ")),
        });
    }
    let limit = number("limit", query.limit.as_deref(), 1, 100)?.unwrap_or(50);
    Ok(Json(download::list(&app.db.get().await?, user.id, state, limit).await?))
}

/// What of one's own is on its way, failed or waits for a person, the oldest first.
#[utoipa::path(get, path = "/downloads/queue", tag = "downloads", responses((status = 200, body = Vec<Download>)))]
async fn download_queue(State(app): State<App>, Person(user): Person) -> Result<Json<Vec<Download>>> {
    Ok(Json(download::queue(&app.db.get().await?, user.id).await?))
}

/// The user's own, or any for an admin.
async fn own(app: &App, user: &User, id: i64) -> Result<Download> {
    let download = download::find(&app.db.get().await?, id).await?;
    if Some(download.user_id) != user.row() && !user.is_admin {
        return Err(Error::Forbidden("Access denied"));
    }
    Ok(download)
}

/// One download.
#[utoipa::path(get, path = "/downloads/{id}", tag = "downloads",
    responses((status = 200, body = Download), (status = 403, body = Problem)))]
async fn find_download(State(app): State<App>, user: User, Path(id): Path<i64>) -> Result<Json<Download>> {
    Ok(Json(own(&app, &user, id).await?))
}

/// How far a download is.
#[derive(Debug, Serialize, ToSchema)]
struct DownloadStatus {
    id: i64,
    status: String,
    progress: i32,
    speed: Option<String>,
    eta: Option<String>,
    error_message: Option<String>,
    result_album_id: Option<i64>,
}

/// How far a download is.
#[utoipa::path(get, path = "/downloads/{id}/status", tag = "downloads",
    responses((status = 200, body = DownloadStatus), (status = 403, body = Problem)))]
async fn download_status(
    State(app): State<App>,
    user: User,
    Path(id): Path<i64>,
) -> Result<Json<DownloadStatus>> {
    let Download { status, progress, speed, eta, error_message, result_album_id, .. } =
        own(&app, &user, id).await?;
    Ok(Json(DownloadStatus { id, status, progress, speed, eta, error_message, result_album_id }))
}

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
struct DownloadDone {
    /// `cancelled`, `deleted`
    status: &'static str,
    /// Which.
    id: i64,
}

/// Ends a download that waits or runs.
#[utoipa::path(post, path = "/downloads/{id}/cancel", tag = "downloads",
    responses((status = 200, body = DownloadDone), (status = 400, body = Problem), (status = 403, body = Problem)))]
async fn cancel_download(
    State(app): State<App>,
    user: User,
    Path(id): Path<i64>,
) -> Result<Json<DownloadDone>> {
    own(&app, &user, id).await?;
    let mut client = app.db.get().await?;
    let tx = client.transaction().await?;
    download::cancel(&tx, id).await?;
    tx.commit().await?;
    Ok(Json(DownloadDone { status: "cancelled", id }))
}

/// What another attempt may do that the first was not allowed to.
#[derive(Debug, Default, Deserialize, ToSchema)]
struct RetryDownload {
    /// Music that has lost something is welcome, too.
    #[serde(default)]
    confirm_lossy: bool,
}

/// Tries a download again that has failed, in the best quality that there is.
#[utoipa::path(post, path = "/downloads/{id}/retry", tag = "downloads", request_body = Option<RetryDownload>,
    responses((status = 200, body = Download), (status = 400, body = Problem), (status = 403, body = Problem), (status = 409, body = Problem)))]
async fn retry_download(
    State(app): State<App>,
    user: User,
    Path(id): Path<i64>,
    body: Bytes,
) -> Result<Json<Download>> {
    let wanted: RetryDownload = input::optional_json(&body)?.unwrap_or_default();
    own(&app, &user, id).await?;
    let mut client = app.db.get().await?;
    let tx = client.transaction().await?;
    jobs::name_request(&tx).await?;
    let download = download::retry(&tx, id, wanted.confirm_lossy, BEST).await?;
    tx.commit().await?;
    Ok(Json(download))
}

/// Forgets a download that has ended. One that waits for a person is rejected with it; what was imported stays.
#[utoipa::path(delete, path = "/downloads/{id}", tag = "downloads",
    responses((status = 200, body = DownloadDone), (status = 400, body = Problem), (status = 403, body = Problem)))]
async fn dismiss_download(
    State(app): State<App>,
    user: User,
    Path(id): Path<i64>,
) -> Result<Json<DownloadDone>> {
    let download = own(&app, &user, id).await?;
    let mut client = app.db.get().await?;
    let tx = client.transaction().await?;
    jobs::name_request(&tx).await?;
    download::forget(&tx, id).await?;
    if download.status == "pending_review"
        && let Some(review_id) = download.result_review_id
    {
        imports::reject(&tx, review_id, user.row(), Some("Dismissed from download queue"), false).await?;
    }
    tx.commit().await?;
    Ok(Json(DownloadDone { status: "deleted", id }))
}
