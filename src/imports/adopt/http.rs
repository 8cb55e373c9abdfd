//! Asking for a look at the whole library. Beneath `/api`.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Adopt;
use crate::activity;
use crate::answer::Started;
use crate::app::App;
use crate::auth::{Admin, Client};
use crate::error::Result;
use crate::jobs;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(rescan))
}

/// Looks at the whole library for what others changed in it. Asking twice is asking once, until it has begun.
#[utoipa::path(post, path = "/admin/rescan", tag = "import", extensions(("x-role" = json!("admin"))),
    responses((status = 202, body = Started)))]
async fn rescan(State(app): State<App>, admin: Admin, from: Client) -> Result<(StatusCode, Json<Started>)> {
    let mut client = app.db.get().await?;
    let tx = client.transaction().await?;
    let id = jobs::enqueue(&tx, &Adopt::everything()).await?;
    let details = json!({"job_id": id});
    let address = from.address_text();
    activity::record(&tx, admin.0.row(), "rescan", None, Some(&details), address.as_deref()).await?;
    tx.commit().await?;
    Ok((StatusCode::ACCEPTED, Json(Started::job(id))))
}
