//! How whole the library is, and what to do where it is not. For admins, beneath `/api`.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::damages::{Damage, damages};
use super::repair::{Repair, accept};
use super::summary::{Summary, summary};
use super::verify_slice::{Scope, VerifySlice};
use crate::activity;
use crate::answer::Started;
use crate::app::App;
use crate::auth::{Admin, Client};
use crate::error::{Error, Problem, Result};
use crate::input::{self, Path, Query};
use crate::jobs::{self, End};

/// How long an answer waits for the worker.
const PATIENCE: Duration = Duration::from_secs(5);

/// Beneath `/api`.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(integrity))
        .routes(routes!(list_damages))
        .routes(routes!(verify_files))
        .routes(routes!(repair_damage))
        .routes(routes!(accept_damage))
}

/// How well the library is looked after, in numbers.
#[utoipa::path(get, path = "/admin/integrity", tag = "integrity", extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = Summary)))]
async fn integrity(State(app): State<App>, _: Admin) -> Result<Json<Summary>> {
    summary(&app).await.map(Json)
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Page {
    /// At most so many.
    #[serde(default = "one_hundred")]
    #[param(minimum = 1, maximum = 500)]
    limit: i64,
    /// Older than the one of this id.
    before: Option<i64>,
}

/// A page of damages.
#[derive(Serialize, ToSchema)]
struct Damages {
    items: Vec<Damage>,
    /// Asks for what follows; null on the last page.
    before: Option<i64>,
}

fn one_hundred() -> i64 {
    100
}

/// Damaged files with their ways back, the newest first.
#[utoipa::path(get, path = "/admin/integrity/damages", tag = "integrity", params(Page), extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = Damages)))]
async fn list_damages(State(app): State<App>, _: Admin, Query(page): Query<Page>) -> Result<Json<Damages>> {
    if !(1..=500).contains(&page.limit) {
        return Err(Error::Parameter { field: "limit", message: "must be from 1 to 500".into() });
    }
    let items = damages(&app, page.before, None, page.limit).await?;
    let next = items.last().filter(|_| items.len() as i64 == page.limit).map(|d| d.id);
    Ok(Json(Damages { items, before: next }))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = TracksToVerify)]
struct Which {
    /// These tracks.
    ids: Option<Vec<i64>>,
    /// Without ids: everything, or this night's part.
    scope: Option<Much>,
}

#[derive(Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Much {
    All,
    Slice,
}

/// Reads files again and holds them against their checksums: everything, this night's part, or some tracks.
#[utoipa::path(post, path = "/admin/integrity/verify", tag = "integrity", extensions(("x-role" = json!("admin"))),
    request_body = Option<Which>, responses((status = 200, body = Started)))]
async fn verify_files(
    State(app): State<App>,
    admin: Admin,
    from: Client,
    body: Bytes,
) -> Result<Json<Started>> {
    let scope = match input::optional_json(&body)? {
        Some(Which { ids: Some(ids), .. }) => Scope::Tracks(ids),
        Some(Which { scope: Some(Much::Slice), .. }) => Scope::Slice,
        _ => Scope::All,
    };
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
    Ok(Json(Started::job(id)))
}

/// Brings a good copy back, if there is one.
#[utoipa::path(post, path = "/admin/integrity/damages/{id}/repair", tag = "integrity", extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = Value, description = "Repaired: `status`, and from where"),
        (status = 202, body = Value, description = "It goes on: `status`, `job_id`"), (status = 409, body = Problem)))]
async fn repair_damage(
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
        // From the backup of the music: the job that brings it is followed by another repair.
        Some(End::Completed(result)) if result["state"] == "fetching" => {
            Ok((StatusCode::ACCEPTED, Json(json!({"status": "started", "job_id": result["job_id"]}))))
        }
        Some(End::Completed(mut result)) => {
            result["status"] = "repaired".into();
            Ok((StatusCode::OK, Json(result)))
        }
        Some(End::Cancelled(reason) | End::Discarded(reason)) => Err(Error::Conflict(reason)),
        None => Ok((StatusCode::ACCEPTED, Json(json!({"status": "started", "job_id": id})))),
    }
}

/// Takes the file as it is now for the right one.
#[utoipa::path(post, path = "/admin/integrity/damages/{id}/accept", tag = "integrity", extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = Value), (status = 409, body = Problem)))]
async fn accept_damage(
    State(app): State<App>,
    admin: Admin,
    from: Client,
    Path(damage_id): Path<i64>,
) -> Result<Json<Value>> {
    accept(&app, damage_id, admin.0.row(), from.address_text().as_deref()).await.map(Json)
}
