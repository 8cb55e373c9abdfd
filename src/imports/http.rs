//! Asking for an import, and what waits and why. Beneath `/api`.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::inbox::{self, Arrival};
use super::place_asked::asked_folder;
use super::settle::Rest;
use super::{ImportRelease, Sweep, is_importable, review_http};
use crate::answer::Started;
use crate::app::App;
use crate::auth::User;
use crate::db::Sql;
use crate::error::{Error, Problem, Result};
use crate::input;
use crate::jobs;

/// Beneath `/api`.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(ask_import))
        .routes(routes!(trigger_import))
        .routes(routes!(pending_imports))
        .merge(review_http::routes())
        .merge(super::missing::routes())
        .merge(super::adopt::routes())
}

#[derive(Deserialize, ToSchema)]
struct AskImport {
    /// A folder beneath `import/pending` or `downloads`: relative to MUSIC_PATH, or as the path is on this machine.
    path: String,
}

/// It will be done.
#[derive(Serialize, ToSchema)]
struct Queued {
    job_id: i64,
    path: String,
    /// `queued`
    status: &'static str,
}

/// Imports a folder. The folder is imported as soon as it has settled; asking twice is asking once.
#[utoipa::path(post, path = "/import", tag = "import",
    responses((status = 202, body = Queued), (status = 404, body = Problem, description = "There is no such folder")))]
async fn ask_import(
    State(app): State<App>,
    user: User,
    input::Json(asked): input::Json<AskImport>,
) -> Result<(StatusCode, Json<Queued>)> {
    let path = asked_folder(&app, asked.path).await?;
    if !is_importable(&path) {
        let inbox = app.music().join("import/pending");
        let message = format!("{path} is no folder of the inbox: copy it into {} first.", inbox.display());
        return Err(Error::Field { field: "path", message });
    }
    let source = inbox::source_of(&path).to_owned();
    let job = ImportRelease { path, source, requested_by: user.row() };
    let client = app.db.get().await?;
    let id = jobs::enqueue(&client, &job).await?;
    Ok((StatusCode::ACCEPTED, Json(Queued { job_id: id, path: job.path, status: "queued" })))
}

/// Looks at the inbox now, instead of at the next sweep: everything in it that has settled is imported.
#[utoipa::path(post, path = "/import/trigger", tag = "import", responses((status = 202, body = Started)))]
async fn trigger_import(State(app): State<App>, _: User) -> Result<(StatusCode, Json<Started>)> {
    let id = jobs::enqueue(&app.db.get().await?, &Sweep {}).await?;
    Ok((StatusCode::ACCEPTED, Json(Started::job(id))))
}

/// Something that has arrived and is not in the library yet.
#[derive(Serialize, ToSchema)]
#[schema(as = PendingImport)]
struct Waiting {
    /// The folder, relative to the music folder.
    path: String,
    /// `import`, `qobuz`, …
    source: &'static str,
    /// `waiting`, `queued`, `importing`, `review`, `rejected`, `failed` or `imported`.
    status: &'static str,
    /// Why, as a sentence.
    reason: String,
    /// How many.
    files: usize,
    /// Bytes in them.
    size: u64,
    /// When something in it changed last.
    changed_at: Option<Timestamp>,
}

// The latest of each folder: one that failed waits for a person, until the folder changes.
const ON_THEIR_WAY: &str = "select distinct on (source_path) source_path,
        case when keeps_source and state in ('done', 'duplicate') then 'imported' else state end,
        case when keeps_source then coalesce(notes, reason) else reason end
    from import where is_on_its_way or state = 'failed' or keeps_source order by source_path, id desc";

/// What lies in the inbox and the download folders, and what each waits for.
#[utoipa::path(get, path = "/import/pending", tag = "import", responses((status = 200, body = Vec<Waiting>)))]
async fn pending_imports(State(app): State<App>, _user: User) -> Result<Json<Vec<Waiting>>> {
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
