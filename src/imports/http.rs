//! Asking for an import, and what waits and why. Beneath `/api`.

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::inbox::{self, Arrival};
use super::settle::Rest;
use super::{ImportRelease, is_importable, review_http};
use crate::app::App;
use crate::auth::User;
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::input;
use crate::jobs;

/// Beneath `/api`.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/import", post(ask))
        .route("/import/pending", get(pending))
        .merge(review_http::routes())
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
    let job = ImportRelease { path, source, requested_by: user.row() };
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
