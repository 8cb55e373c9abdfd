//! The routes of exports. Everyone exports what is theirs; an admin exports for anyone. Beneath `/api`.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};

use http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::export::{self, Export, NewExport};
use super::layout::{Format, Wants};
use super::place::{ensure_drive, resolve};
use super::restore::Restore;
use super::zip;
use crate::answer::Started;
use crate::app::App;
use crate::auth::{Admin, Client, Person, User, find_user};
use crate::error::{Error, Problem, Result};
use crate::input::{self, Path, Query};
use crate::jobs;
use crate::library::{ensure_music_is_there, number};

/// All of them.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(ask, all))
        .routes(routes!(one))
        .routes(routes!(cancel))
        .routes(routes!(retry))
        .routes(routes!(resume))
        .routes(routes!(download))
        .routes(routes!(ask_mine, mine))
        .routes(routes!(take_in))
}

#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = NewExport)]
struct Asked {
    /// A folder beneath an allowed root, or `zip`; empty: the user's own folder beneath the first root.
    #[serde(default)]
    destination: String,
    /// `flac`: as the library has the tracks; `mp3`: of 320 kbit/s; or `both`.
    #[serde(default = "flac")]
    format: Format,
    /// Covers, scans.
    #[serde(default = "yes")]
    include_artwork: bool,
    /// `.m3u8`, for each album and for all.
    #[serde(default)]
    include_playlist: bool,
    /// `.lrc` beside the tracks.
    #[serde(default = "yes")]
    include_lyrics: bool,
    /// Delete what an earlier export has put there and is not hearted any more.
    #[serde(default)]
    prune: bool,
    /// Somebody else's, for admins.
    user_id: Option<i64>,
}

fn flac() -> Format {
    Format::Flac
}

fn yes() -> bool {
    true
}

/// Asks for an export. A zip waits for its download; all else is written by the worker.
#[utoipa::path(post, path = "/exports", tag = "exports", request_body = Asked,
    responses((status = 200, body = Export), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn ask(
    State(app): State<App>,
    user: User,
    client: Client,
    input::Json(asked): input::Json<Asked>,
) -> Result<Json<Export>> {
    let of = whose(&user, asked.user_id)?;
    let mut connection = app.db.get().await?;
    let account = find_user(&connection, of).await?;
    let destination = resolve(&app, &asked.destination, &account.username)?;
    let new = NewExport {
        user_id: of,
        requested_by: user.row(),
        wants: Wants {
            format: asked.format,
            artwork: asked.include_artwork,
            playlist: asked.include_playlist,
            lyrics: asked.include_lyrics,
        },
        prune: asked.prune,
        address: client.address_text(),
        destination,
    };
    look_for_drive(&app, &new.destination).await?;
    let tx = connection.transaction().await?;
    jobs::name_request(&tx).await?;
    let id = export::create(&tx, &new).await?;
    let export = export::find(&tx, id).await?;
    tx.commit().await?;
    Ok(Json(export))
}

/// Whose exports are meant: one's own, or for an admin anyone's.
fn whose(user: &User, asked: Option<i64>) -> Result<i64> {
    match asked.or_else(|| user.row()) {
        Some(id) if Some(id) == user.row() || user.is_admin => Ok(id),
        Some(_) => Err(Error::Forbidden("Admin access required")),
        None => Err(Error::Invalid("Root has no library of its own: say whose is meant, by user_id.".into())),
    }
}

/// Asks for an export of one's own.
#[utoipa::path(post, path = "/me/export", tag = "exports", request_body = Asked,
    responses((status = 200, body = Export), (status = 409, body = Problem)))]
async fn ask_mine(
    app: State<App>,
    user: User,
    client: Client,
    input::Json(asked): input::Json<Asked>,
) -> Result<Json<Export>> {
    ask(app, user, client, input::Json(Asked { user_id: None, ..asked })).await
}

/// What can be known before the worker looks: better a word now than a failed job.
async fn look_for_drive(app: &App, destination: &str) -> Result<()> {
    ensure_music_is_there(app).await?;
    if destination == super::place::ZIP {
        return Ok(());
    }
    let (looking, destination) = (app.clone(), std::path::PathBuf::from(destination));
    let found = tokio::task::spawn_blocking(move || ensure_drive(&looking, &destination)).await;
    found.map_err(anyhow::Error::from)?.map_err(Error::Invalid)
}

#[derive(Debug, Deserialize, IntoParams)]
struct ListQuery {
    /// Somebody else's, for admins.
    user_id: Option<i64>,
    /// At most so many.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100)]
    limit: Option<String>,
}

/// One's own exports, or for an admin anyone's, the newest first; for root at the local socket all of them.
#[utoipa::path(get, path = "/exports", tag = "exports",
    responses((status = 200, body = Vec<Export>), (status = 403, body = Problem)))]
async fn all(
    State(app): State<App>,
    user: User,
    Query(query): Query<ListQuery>,
) -> Result<Json<Vec<Export>>> {
    let of = match (query.user_id, user.row()) {
        (None, None) => None,
        (asked, _) => Some(whose(&user, asked)?),
    };
    let limit = number("limit", query.limit.as_deref(), 1, 100)?.unwrap_or(50);
    Ok(Json(export::list(&app.db.get().await?, of, limit).await?))
}

/// One's own exports, the newest first.
#[utoipa::path(get, path = "/me/export", tag = "exports", responses((status = 200, body = Vec<Export>)))]
async fn mine(State(app): State<App>, Person(user): Person) -> Result<Json<Vec<Export>>> {
    Ok(Json(export::list(&app.db.get().await?, Some(user.id), 50).await?))
}

/// One export.
#[utoipa::path(get, path = "/exports/{id}", tag = "exports",
    responses((status = 200, body = Export), (status = 403, body = Problem)))]
async fn one(State(app): State<App>, user: User, Path(id): Path<i64>) -> Result<Json<Export>> {
    Ok(Json(own(&app, &user, id).await?))
}

/// The user's own, or any for an admin.
async fn own(app: &App, user: &User, id: i64) -> Result<Export> {
    let export = export::find(&app.db.get().await?, id).await?;
    if Some(export.user_id) != user.row() && !user.is_admin {
        return Err(Error::Forbidden("Access denied"));
    }
    Ok(export)
}

/// What was done.
#[derive(Debug, Serialize, ToSchema)]
struct Cancelled {
    /// `cancelled`
    status: &'static str,
    /// Which.
    id: i64,
}

/// Ends an export; what is whole stays where it is.
#[utoipa::path(post, path = "/exports/{id}/cancel", tag = "exports",
    responses((status = 200, body = Cancelled), (status = 403, body = Problem)))]
async fn cancel(State(app): State<App>, user: User, Path(id): Path<i64>) -> Result<Json<Cancelled>> {
    own(&app, &user, id).await?;
    let mut connection = app.db.get().await?;
    let tx = connection.transaction().await?;
    export::cancel(&tx, id).await?;
    tx.commit().await?;
    Ok(Json(Cancelled { status: "cancelled", id }))
}

/// Lets an export that failed or was cancelled go on; what is there and right is not written again.
#[utoipa::path(post, path = "/exports/{id}/retry", tag = "exports",
    responses((status = 200, body = Export), (status = 403, body = Problem), (status = 409, body = Problem)))]
async fn retry(app: State<App>, user: User, id: Path<i64>) -> Result<Json<Export>> {
    resume(app, user, id).await
}

/// Lets an export that failed or was cancelled go on, when the drive is plugged in again.
#[utoipa::path(post, path = "/exports/{id}/resume", tag = "exports",
    responses((status = 200, body = Export), (status = 403, body = Problem), (status = 409, body = Problem)))]
async fn resume(State(app): State<App>, user: User, Path(id): Path<i64>) -> Result<Json<Export>> {
    let export = own(&app, &user, id).await?;
    look_for_drive(&app, &export.destination).await?;
    let mut connection = app.db.get().await?;
    let tx = connection.transaction().await?;
    jobs::name_request(&tx).await?;
    export::resume(&tx, id).await?;
    let export = export::find(&tx, id).await?;
    tx.commit().await?;
    Ok(Json(export))
}

#[derive(Debug, Deserialize, ToSchema)]
struct ExportToImport {
    /// The export's folder, as its path is on the server.
    path: String,
}

/// Makes a library of an export again: albums, with what the manifest knows of them, their history, and the hearts.
#[utoipa::path(post, path = "/exports/import", tag = "exports", extensions(("x-role" = json!("admin"))),
    request_body = ExportToImport, responses((status = 202, body = Started)))]
async fn take_in(
    State(app): State<App>,
    Admin(user): Admin,
    input::Json(asked): input::Json<ExportToImport>,
) -> Result<(StatusCode, Json<Started>)> {
    let path = std::path::Path::new(&asked.path);
    if !path.is_absolute() || asked.path.contains('\0') {
        return Err(Error::Field {
            field: "path",
            message: "must be a whole path, such as /media/usb/Music".into(),
        });
    }
    let job = Restore { path: asked.path, requested_by: user.row() };
    let id = jobs::enqueue(&app.db.get().await?, &job).await?;
    Ok((StatusCode::ACCEPTED, Json(Started::job(id))))
}

/// The export as a zip, made while it is sent. A folder's export can be had this way, too: it is the same music.
#[utoipa::path(get, path = "/exports/{id}/download", tag = "exports",
    security(("bearer" = []), ("cookie" = []), ("ticket" = [])),
    responses((status = 200, content_type = "application/zip", body = Vec<u8>), (status = 403, body = Problem), (status = 409, body = Problem)))]
async fn download(
    State(app): State<App>,
    user: User,
    method: Method,
    Path(id): Path<i64>,
) -> Result<Response> {
    let export = own(&app, &user, id).await?;
    ensure_music_is_there(&app).await?;
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("application/zip")),
        (CONTENT_DISPOSITION, header_value(&attachment(&format!("Barbossa {}.zip", export.username)))?),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // nginx would put gigabytes into a file of its own.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    if method == Method::HEAD {
        return Ok((headers, Body::empty()).into_response());
    }
    if export.is_zip() {
        let mut connection = app.db.get().await?;
        let tx = connection.transaction().await?;
        export::restart_zip(&tx, id).await?;
        tx.commit().await?;
    }
    let pieces = zip::send(&app, export)?;
    let stream = futures_util::stream::unfold(pieces, |mut pieces| async {
        let piece = pieces.recv().await?;
        Some((piece, pieces))
    });
    Ok((headers, Body::from_stream(stream)).into_response())
}

fn header_value(text: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(text).map_err(|e| Error::Internal(e.into()))
}

/// To be saved under this name (RFC 6266; RFC 5987 for what is not ASCII).
fn attachment(name: &str) -> String {
    let is_plain = |c: char| (c.is_ascii_alphanumeric()) || " -_.".contains(c);
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    let encoded: String = name
        .bytes()
        .map(|b| match b {
            b if b.is_ascii_alphanumeric() || b"-_.".contains(&b) => char::from(b).to_string(),
            b => format!("%{b:02X}"),
        })
        .collect();
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archive_is_saved_under_a_name_of_any_script() {
        assert_eq!(
            attachment("Barbossa Zoë\".zip"),
            "attachment; filename=\"Barbossa Zo__.zip\"; filename*=UTF-8''Barbossa%20Zo%C3%AB%22.zip"
        );
    }
}
