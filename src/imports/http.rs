//! Asking for an import, what waits and why, and what waits for a person. Beneath `/api`.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::inbox::{self, Arrival};
use super::settle::Rest;
use super::{ImportRelease, is_importable};
use crate::app::App;
use crate::auth::{Admin, User};
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::input::{self, Path, Query};
use crate::jobs;

/// Beneath `/api`.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/import", post(ask))
        .route("/import/pending", get(pending))
        .route("/import/review", get(reviews))
        .route("/import/review/failed", get(failed))
        .route("/import/review/{id}", get(review))
        .merge(super::adopt::routes())
}

#[derive(Deserialize)]
struct Asked {
    path: String,
}

/// The folder is imported as soon as it has settled; asking twice is asking once.
async fn ask(
    State(app): State<App>,
    user: User,
    input::Json(asked): input::Json<Asked>,
) -> Result<(StatusCode, Json<Value>)> {
    let path = asked.path.trim_end_matches('/').to_owned();
    if !is_importable(&path) {
        let message = "a folder beneath import/pending or downloads, relative to the music folder".into();
        return Err(Error::Field { field: "path", message });
    }
    let source = inbox::source_of(&path).to_owned();
    let job = ImportRelease { path, source, requested_by: Some(user.id) };
    let client = app.db.get().await?;
    let id = jobs::enqueue(&client, &job).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({"job_id": id, "path": job.path, "status": "queued"}))))
}

/// Something that has arrived and is not in the library yet.
#[derive(Serialize)]
struct Waiting {
    path: String,
    source: &'static str,
    status: &'static str,
    reason: String,
    files: usize,
    size: u64,
    changed_at: Option<Timestamp>,
}

// The latest of each folder: one that failed waits for a person, until the folder changes.
const ON_THEIR_WAY: &str = "select distinct on (source_path) source_path,
        case when keeps_source and state in ('done', 'duplicate') then 'imported' else state end,
        case when keeps_source then coalesce(notes, reason) else reason end
    from import where is_on_its_way or state = 'failed' or keeps_source order by source_path, id desc";

async fn pending(State(app): State<App>, _user: User) -> Result<Json<Vec<Waiting>>> {
    let looking = app.clone();
    let arrivals =
        tokio::task::spawn_blocking(move || inbox::look(&looking)).await.map_err(anyhow::Error::from)?;
    let rows = app.db.get().await?.rows(ON_THEIR_WAY, &[]).await?;
    let on_their_way: Vec<(String, String, Option<String>)> =
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect();
    Ok(Json(arrivals.into_iter().map(|arrival| waiting(arrival, &on_their_way)).collect()))
}

fn waiting(arrival: Arrival, on_their_way: &[(String, String, Option<String>)]) -> Waiting {
    let row = on_their_way.iter().find(|(path, ..)| *path == arrival.path);
    let (status, reason) = match (&arrival.rest, row) {
        (_, Some((_, state, Some(reason)))) if state == "failed" => ("failed", reason.clone()),
        (_, Some((_, state, Some(reason)))) if state == "imported" => ("imported", reason.clone()),
        (_, Some((_, state, Some(reason)))) if state == "review" => ("review", reason.clone()),
        (_, Some((_, state, Some(reason)))) if state == "rejected" => ("rejected", reason.clone()),
        (_, Some((_, state, None))) if state != "waiting" => ("importing", "it is being filed".to_owned()),
        (_, Some((_, _, Some(reason)))) => ("waiting", reason.clone()),
        (Rest::Settled(_), _) => ("queued", "it is next".to_owned()),
        (Rest::Wait { reason, .. } | Rest::Nothing(reason), _) => ("waiting", reason.clone()),
        (Rest::ClockAhead, _) => ("waiting", "its file system's clock is ahead of ours".to_owned()),
    };
    Waiting {
        path: arrival.path,
        source: arrival.source,
        status,
        reason,
        files: arrival.file_count,
        size: arrival.size_bytes,
        changed_at: Timestamp::try_from(arrival.changed).ok(),
    }
}

/// An import that waits for a person, as the first version's clients know it.
#[derive(Serialize)]
struct Review {
    id: i64,
    path: Option<String>,
    suggested_artist: Option<String>,
    suggested_album: Option<String>,
    suggested_year: Option<i32>,
    beets_confidence: Option<f32>,
    confidence: Option<f32>,
    track_count: Option<i32>,
    quality_info: Option<Value>,
    source: String,
    status: String,
    reason: Option<String>,
    notes: Option<String>,
    error_message: Option<String>,
    evidence: Option<Value>,
    created_at: Timestamp,
}

#[derive(Deserialize)]
struct Which {
    status: Option<String>,
}

/// The words of the API for our states.
const STATUSES: &[(&str, &str)] = &[
    ("pending", "review"),
    ("approved", "done"),
    ("rejected", "rejected"),
    ("failed", "failed"),
    ("duplicate", "duplicate"),
];

const REVIEWS: &str =
    "select id, path, suggested_artist, suggested_album, suggested_year, confidence, track_count, quality,
        source, state, reason, notes, evidence, created_at
    from import where state = $1 order by id desc limit 500";
const REVIEW: &str =
    "select id, path, suggested_artist, suggested_album, suggested_year, confidence, track_count, quality,
        source, state, reason, notes, evidence, created_at
    from import where id = $1 and (not is_on_its_way or approval is not null)";

async fn reviews(
    State(app): State<App>,
    _admin: Admin,
    Query(which): Query<Which>,
) -> Result<Json<Vec<Review>>> {
    let asked = which.status.as_deref().unwrap_or("pending");
    let Some((_, state)) = STATUSES.iter().find(|(status, _)| *status == asked) else {
        let message = "one of pending, approved, rejected, failed, duplicate".into();
        return Err(Error::Field { field: "status", message });
    };
    list(&app, state).await
}

async fn failed(State(app): State<App>, _admin: Admin) -> Result<Json<Vec<Review>>> {
    list(&app, "failed").await
}

async fn list(app: &App, state: &str) -> Result<Json<Vec<Review>>> {
    let rows = app.db.get().await?.rows(REVIEWS, &[&state]).await?;
    Ok(Json(rows.iter().map(Review::from).collect()))
}

async fn review(State(app): State<App>, _admin: Admin, Path(id): Path<i64>) -> Result<Json<Review>> {
    let row = app.db.get().await?.maybe_row(REVIEW, &[&id]).await?;
    row.as_ref().map(|row| Json(Review::from(row))).ok_or(Error::NotFound("Review item not found"))
}

impl From<&tokio_postgres::Row> for Review {
    fn from(row: &tokio_postgres::Row) -> Self {
        let state: String = row.get("state");
        let status = STATUSES.iter().find(|(_, s)| *s == state).map_or("importing", |(status, _)| *status);
        let reason: Option<String> = row.get("reason");
        Self {
            id: row.get("id"),
            path: row.get("path"),
            suggested_artist: row.get("suggested_artist"),
            suggested_album: row.get("suggested_album"),
            suggested_year: row.get("suggested_year"),
            beets_confidence: row.get("confidence"),
            confidence: row.get("confidence"),
            track_count: row.get("track_count"),
            quality_info: row.get("quality"),
            source: row.get("source"),
            status: status.to_owned(),
            error_message: reason.clone().filter(|_| state == "failed"),
            reason,
            notes: row.get("notes"),
            evidence: row.get("evidence"),
            created_at: row.get("created_at"),
        }
    }
}
