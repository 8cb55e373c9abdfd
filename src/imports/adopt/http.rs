//! Asking for a look at the whole library. Beneath `/api`.

use axum::Json;
use axum::extract::State;
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Adopt, PreviewAdoption};
use crate::activity;
use crate::answer::Started;
use crate::app::App;
use crate::auth::{Admin, Client};
use crate::error::{Error, Problem, Result};
use crate::imports::place_asked::asked_folder;
use crate::input::optional_json;
use crate::jobs;

pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(rescan))
}

/// No body asks for everything.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(default)]
struct AskRescan {
    /// `artists` or beneath it: relative to MUSIC_PATH, or as the path is on this machine.
    dir: Option<String>,
    /// Whatever is gone is gone, however much it is.
    accept_missing: bool,
    /// Only say what would be done: the job's result.
    dry_run: bool,
}

/// The folder stands in `dir` here.
fn of_dir(error: Error) -> Error {
    match error {
        Error::Field { message, .. } => Error::Field { field: "dir", message },
        other => other,
    }
}

/// Looks at the library, or a part of it, for what others changed in it. Asking twice is asking once, until it has begun.
#[utoipa::path(post, path = "/admin/rescan", tag = "import", extensions(("x-role" = json!("admin"))),
    request_body = Option<AskRescan>,
    responses((status = 200, body = Started), (status = 404, body = Problem, description = "There is no such folder")))]
async fn rescan(State(app): State<App>, admin: Admin, from: Client, body: Bytes) -> Result<Json<Started>> {
    let AskRescan { dir, accept_missing, dry_run } = optional_json(&body)?.unwrap_or_default();
    let dir = match dir {
        Some(dir) => asked_folder(&app, dir).await.map_err(of_dir)?,
        None => Adopt::everything().dir,
    };
    if dir != "artists" && !dir.starts_with("artists/") {
        let room = app.music().join("artists");
        let message = format!("A library is adopted where it lies: beneath {}.", room.display());
        return Err(Error::Field { field: "dir", message });
    }
    let mut client = app.db.get().await?;
    let tx = client.transaction().await?;
    let id = if dry_run {
        jobs::enqueue(&tx, &PreviewAdoption { dir, accept_missing }).await?
    } else {
        let details = json!({"dir": dir, "accept_missing": accept_missing});
        let id = jobs::enqueue(&tx, &Adopt { dir, accept_missing }).await?;
        let address = from.address_text();
        activity::record(&tx, admin.0.row(), "rescan", None, Some(&details), address.as_deref()).await?;
        id
    };
    tx.commit().await?;
    Ok(Json(Started::job(id)))
}
