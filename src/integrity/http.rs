//! How whole the library is, and what to do where it is not. For admins, beneath `/api`.

use std::time::Duration;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use bytes::Bytes;
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::damages::damages;
use super::repair::{Repair, accept};
use super::summary::{Summary, summary};
use super::verify_slice::{Scope, VerifySlice};
use crate::activity;
use crate::app::App;
use crate::auth::{Admin, Client};
use crate::error::{Error, Result};
use crate::input::{Path, Query};
use crate::jobs::{self, End};

/// How long an answer waits for the worker.
const PATIENCE: Duration = Duration::from_secs(5);

/// Beneath `/api`.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/admin/integrity", get(show))
        .route("/admin/integrity/damages", get(list))
        .route("/admin/integrity/verify", post(verify))
        .route("/admin/integrity/damages/{id}/repair", post(repair))
        .route("/admin/integrity/damages/{id}/accept", post(take))
}

async fn show(State(app): State<App>, _: Admin) -> Result<Json<Summary>> {
    summary(&app).await.map(Json)
}

#[derive(Deserialize)]
struct Page {
    #[serde(default = "one_hundred")]
    limit: i64,
    before: Option<i64>,
}

fn one_hundred() -> i64 {
    100
}

async fn list(State(app): State<App>, _: Admin, Query(page): Query<Page>) -> Result<Json<Value>> {
    if !(1..=500).contains(&page.limit) {
        return Err(Error::Field { field: "limit", message: "must be from 1 to 500".into() });
    }
    let items = damages(&app, page.before, None, page.limit).await?;
    let next = items.last().filter(|_| items.len() as i64 == page.limit).map(|d| d.id);
    Ok(Json(json!({"items": items, "before": next})))
}

#[derive(Deserialize)]
struct Which {
    ids: Option<Vec<i64>>,
}

/// Everything, or the tracks of `{"ids": […]}`.
async fn verify(
    State(app): State<App>,
    admin: Admin,
    from: Client,
    body: Bytes,
) -> Result<(StatusCode, Json<Value>)> {
    let which: Option<Which> = if body.is_empty() {
        None
    } else {
        serde_json::from_slice(&body)
            .map_err(|_| Error::Field { field: "ids", message: "a list of track ids, or nothing".into() })?
    };
    let scope = which.and_then(|w| w.ids).map_or(Scope::All, Scope::Tracks);
    let mut client = app.db.get().await?;
    let tx = client.transaction().await?;
    let id = jobs::enqueue(&tx, &VerifySlice { scope }).await?;
    let address = from.address_text();
    activity::record(
        &tx,
        admin.0.row(),
        "integrity_verify",
        None,
        Some(&json!({"job_id": id})),
        address.as_deref(),
    )
    .await?;
    tx.commit().await?;
    Ok((StatusCode::ACCEPTED, Json(json!({"status": "started", "task_id": id.to_string(), "job_id": id}))))
}

async fn repair(
    State(app): State<App>,
    admin: Admin,
    Path(damage_id): Path<i64>,
) -> Result<(StatusCode, Json<Value>)> {
    if damages(&app, None, Some(damage_id), 1).await?.is_empty() {
        return Err(Error::NotFound("Damage not found"));
    }
    let repair = Repair { damage_id, requested_by: admin.0.row() };
    let id = jobs::enqueue(&app.db.get().await?, &repair).await?;
    match jobs::wait(&app, &[id], PATIENCE).await.pop().map(|ended| ended.end) {
        Some(End::Completed(mut result)) => {
            result["status"] = "repaired".into();
            Ok((StatusCode::OK, Json(result)))
        }
        Some(End::Cancelled(reason) | End::Discarded(reason)) => Err(Error::Conflict(reason)),
        None => Ok((StatusCode::ACCEPTED, Json(json!({"status": "started", "job_id": id})))),
    }
}

async fn take(
    State(app): State<App>,
    admin: Admin,
    from: Client,
    Path(damage_id): Path<i64>,
) -> Result<Json<Value>> {
    accept(&app, damage_id, admin.0.row(), from.address_text().as_deref()).await.map(Json)
}
