//! Asking for a look at the whole library. Beneath `/api`.

use axum::extract::State;
use axum::routing::post;
use axum::{Json, Router};
use http::StatusCode;
use serde_json::{Value, json};

use super::Adopt;
use crate::activity;
use crate::app::App;
use crate::auth::{Admin, Client};
use crate::error::Result;
use crate::jobs;

pub fn routes() -> Router<App> {
    Router::new().route("/admin/rescan", post(rescan))
}

/// Asking twice is asking once, until it has begun.
async fn rescan(State(app): State<App>, admin: Admin, from: Client) -> Result<(StatusCode, Json<Value>)> {
    let mut client = app.db.get().await?;
    let tx = client.transaction().await?;
    let id = jobs::enqueue(&tx, &Adopt::everything()).await?;
    let details = json!({"job_id": id});
    let address = from.address_text();
    activity::record(&tx, admin.0.row(), "rescan", None, Some(&details), address.as_deref()).await?;
    tx.commit().await?;
    Ok((StatusCode::ACCEPTED, Json(json!({"status": "started", "task_id": id.to_string(), "job_id": id}))))
}
