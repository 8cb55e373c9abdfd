//! The routes of TorrentLeech, for admins. Beneath `/api`.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::header;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_postgres::Row;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::upload::{Album, IS_THERE};
use super::{CheckRelease, UploadRelease};
use crate::activity;
use crate::app::App;
use crate::auth::{Admin, Client};
use crate::db::Sql;
use crate::error::{Error, Problem, Result};
use crate::input::{self, Path, Query};
use crate::jobs::{self, End};

const PATIENCE: Duration = Duration::from_secs(25);
/// All files are read for the pieces' hashes.
const UPLOADING: Duration = Duration::from_secs(50);

/// All of them.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(check_release))
        .routes(routes!(upload_release))
        .routes(routes!(tracker_uploads))
        .routes(routes!(torrent_file))
}

/// Whether a release is there.
#[derive(Debug, Serialize, ToSchema)]
struct ReleaseCheck {
    release_name: String,
    exists: bool,
    safe_to_upload: bool,
}

/// The release's name.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
struct Named {
    /// As it would be called there.
    release_name: String,
}

/// Whether there is a release of this name at TorrentLeech.
#[utoipa::path(get, path = "/tl/check/{release_name}", tag = "tracker", params(Named), extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = ReleaseCheck), (status = 502, body = Problem, description = "It is off, refused, or is away")))]
async fn check_release(
    State(app): State<App>,
    _: Admin,
    Path(named): Path<Named>,
) -> Result<Json<ReleaseCheck>> {
    let release_name = named.release_name;
    if release_name.trim().is_empty()
        || release_name.len() > 250
        || release_name.chars().any(char::is_control)
    {
        return Err(Error::Invalid("This is not the name of a release.".into()));
    }
    let answer = jobs::ask(&app, &CheckRelease { name: release_name.clone() }, PATIENCE).await?;
    let exists = answer["exists"] == true;
    Ok(Json(ReleaseCheck { release_name, exists, safe_to_upload: !exists }))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Tags {
    /// Commas between them.
    tags: Option<String>,
}

/// By what right.
#[derive(Debug, Deserialize, ToSchema)]
struct Entitlement {
    /// `own_recording`, `free_licence` or `permission` (of whoever holds the rights).
    right: String,
    /// In one's own words: whose recording it is, which licence, who permitted it. From 10 to 2000 characters.
    statement: String,
}

/// It is uploaded.
#[derive(Debug, Serialize, ToSchema)]
struct Uploaded {
    /// `uploaded`, or `started` when it takes longer.
    status: &'static str,
    release_name: String,
    /// Its number there.
    torrent_id: Option<i64>,
    /// Its row here: `/api/tl/uploads/{id}/torrent` has the file to seed.
    upload_id: i64,
    job_id: i64,
}

const ASK: &str =
    "insert into tracker_upload (album_id, release_name, tags, entitlement, statement, requested_by)
    values ($1, $2, $3, $4, $5, $6) returning id";

/// Uploads an album: only what the family holds the right to share, which is stated for each upload and recorded.
#[utoipa::path(post, path = "/tl/upload/{id}", tag = "tracker", params(Tags), extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = Uploaded), (status = 502, body = Problem, description = "It is off, refused, or is away")))]
async fn upload_release(
    State(app): State<App>,
    Admin(user): Admin,
    client: Client,
    Path(album_id): Path<i64>,
    Query(tags): Query<Tags>,
    input::Json(word): input::Json<Entitlement>,
) -> Result<Json<Uploaded>> {
    let (right, statement) = (word.right.as_str(), word.statement.trim());
    if !["own_recording", "free_licence", "permission"].contains(&right) {
        let message = "must say by what right: own_recording, free_licence or permission".into();
        return Err(Error::Field { field: "right", message });
    }
    if !(10..=2000).contains(&statement.chars().count()) {
        let message =
            "must say in 10 to 2000 characters whose recording it is, which licence, who permitted it".into();
        return Err(Error::Field { field: "statement", message });
    }
    let tags = tags.tags.unwrap_or_default();
    if tags.len() > 500 || tags.chars().any(char::is_control) {
        return Err(Error::Parameter {
            field: "tags",
            message: "must be words with commas between them".into(),
        });
    }
    let mut connection = app.db.get().await?;
    let album = Album::find(&connection, album_id).await?;
    let tx = connection.transaction().await?;
    jobs::name_request(&tx).await?;
    let row = tx.row(ASK, &[&album_id, &album.name, &tags, &right, &statement, &user.row()]).await?;
    let upload_id: i64 = row.get(0);
    let details = json!({
        "upload_id": upload_id, "release_name": album.name, "right": right, "statement": statement,
        "artist": album.release.artist, "title": album.release.title,
    });
    let (entity, address) = (Some(("album", album_id)), client.address_text());
    activity::record(&tx, user.row(), "tracker_upload_stated", entity, Some(&details), address.as_deref())
        .await?;
    let job_id = jobs::enqueue(&tx, &UploadRelease { upload_id }).await?;
    tx.commit().await?;
    drop(connection);
    let mut uploaded =
        Uploaded { status: "started", release_name: album.name, torrent_id: None, upload_id, job_id };
    match jobs::wait(&app, &[job_id], UPLOADING).await.pop().map(|ended| ended.end) {
        Some(End::Completed(told)) => {
            (uploaded.status, uploaded.torrent_id) = ("uploaded", told["torrent_id"].as_i64());
            Ok(Json(uploaded))
        }
        Some(End::Cancelled(why)) if why.contains(IS_THERE) => Err(Error::Invalid(IS_THERE.into())),
        Some(End::Cancelled(why) | End::Discarded(why)) => Err(Error::Upstream(why)),
        None => Ok(Json(uploaded)),
    }
}

/// Something that was to be uploaded.
#[derive(Debug, Serialize, ToSchema)]
struct TrackerUpload {
    id: i64,
    album_id: Option<i64>,
    release_name: String,
    /// `own_recording`, `free_licence`, `permission`.
    right: String,
    statement: String,
    requested_by: Option<String>,
    /// Its number there; null when it was not taken.
    torrent_id: Option<i64>,
    error: Option<String>,
    created_at: Timestamp,
}

const ALL: &str = "select t.id, t.album_id, t.release_name, t.entitlement, t.statement, u.username, t.torrent_id, t.error, t.created_at
    from tracker_upload t left join app_user u on u.id = t.requested_by order by t.id desc limit 200";

/// What was uploaded and by what right, the newest first.
#[utoipa::path(get, path = "/tl/uploads", tag = "tracker", extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = Vec<TrackerUpload>)))]
async fn tracker_uploads(State(app): State<App>, _: Admin) -> Result<Json<Vec<TrackerUpload>>> {
    let rows = app.db.get().await?.rows(ALL, &[]).await?;
    let upload = |row: &Row| TrackerUpload {
        id: row.get("id"),
        album_id: row.get("album_id"),
        release_name: row.get("release_name"),
        right: row.get("entitlement"),
        statement: row.get("statement"),
        requested_by: row.get("username"),
        torrent_id: row.get("torrent_id"),
        error: row.get("error"),
        created_at: row.get("created_at"),
    };
    Ok(Json(rows.iter().map(upload).collect()))
}

const TORRENT: &str = "select torrent from tracker_upload where id = $1 and torrent is not null";

/// The `.torrent` of an upload, for the program that seeds it.
#[utoipa::path(get, path = "/tl/uploads/{id}/torrent", tag = "tracker", extensions(("x-role" = json!("admin"))),
    responses((status = 200, content_type = "application/x-bittorrent", body = Vec<u8>)))]
async fn torrent_file(State(app): State<App>, _: Admin, Path(id): Path<i64>) -> Result<Response> {
    let row = app.db.get().await?.maybe_row(TORRENT, &[&id]).await?;
    let torrent: Vec<u8> = row.ok_or(Error::NotFound("There is no torrent of this upload"))?.get(0);
    let headers = [
        (header::CONTENT_TYPE, "application/x-bittorrent"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"release.torrent\""),
    ];
    Ok((headers, torrent).into_response())
}
