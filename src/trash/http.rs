//! The routes of the trash, and of what leads into it: deletions. Admins only. Beneath `/api`.
//!
//! The api process cannot write music: each change is a job of the worker, and the answer waits a little for it.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::delete::{self, Delete, Thing};
use super::list::{self, DetailShape, ItemDetail, Items, Wanted};
use super::remove::{self, Remove};
use super::restore::{self, Restore};
use crate::app::App;
use crate::auth::{Admin, Client};
use crate::error::{Error, Problem, Result};
use crate::input::{Path, Query};
use crate::jobs::{self, End};
use crate::library::{self, Cursor, ensure_music_is_there};

/// How long an answer waits for the job.
const PATIENCE: Duration = Duration::from_secs(5);

/// All of them.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(trash))
        .routes(routes!(empty_trash))
        .routes(routes!(find_in_trash, remove_from_trash))
        .routes(routes!(restore_from_trash))
        .routes(routes!(delete_album))
        .routes(routes!(delete_artist))
        .routes(routes!(delete_track))
}

/// What became of it: a `status` or a `message`, and what the job says.
#[derive(Serialize, ToSchema)]
struct TrashAnswer {
    /// `restored`, `removed` or `emptied`.
    status: Option<String>,
    /// For people.
    message: Option<String>,
    /// The job that carries it out.
    job_id: i64,
    /// It is on its way, but not there yet.
    pending: Option<bool>,
}

/// A page of the trash.
#[derive(Serialize, ToSchema)]
struct TrashPage {
    items: Items,
    /// How many entries the whole list has.
    total: i64,
    /// Bytes in them.
    total_size: i64,
    /// As asked.
    limit: i64,
    /// Asks for what follows; null on the last page.
    next_cursor: Option<String>,
}

// -- looking

/// `?kind&q&limit&cursor`
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ListQuery {
    /// `replaced`, `deleted` or `duplicate`.
    kind: Option<String>,
    /// Artist or title holds this.
    q: Option<String>,
    /// At most so many; 50 when it is not said.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

/// What was replaced, deleted or came twice, the newest first.
#[utoipa::path(get, path = "/trash", tag = "trash", params(ListQuery), extensions(("x-role" = json!("admin"))), responses((status = 200, body = TrashPage)))]
async fn trash(State(app): State<App>, _: Admin, Query(query): Query<ListQuery>) -> Result<Response> {
    let kind = query.kind.as_deref().filter(|k| !k.is_empty());
    if kind.is_some_and(|k| !["replaced", "deleted", "duplicate"].contains(&k)) {
        return Err(Error::Parameter {
            field: "kind",
            message: "must be replaced, deleted or duplicate".into(),
        });
    }
    let limit = library::number("limit", query.limit.as_deref(), 1, 100)?.unwrap_or(50);
    let before = Cursor::of_query(query.cursor.as_deref())?.map(|cursor| cursor.id);
    let q = query.q.as_deref().unwrap_or_default().trim();
    let wanted = Wanted { kind, q, before, limit };
    let (items, next, total, total_size) = list::list(&app.db.get().await?, &wanted).await?;
    let next_cursor = next.map(|id| Cursor { key: String::new(), id }.text());
    Ok(library::json(&TrashPage { items, total, total_size, limit, next_cursor }))
}

/// One thing in it, with its files.
#[utoipa::path(get, path = "/trash/{id}", tag = "trash", extensions(("x-role" = json!("admin"))), responses((status = 200, body = DetailShape<'_>)))]
async fn find_in_trash(State(app): State<App>, _: Admin, Path(id): Path<i64>) -> Result<Response> {
    Ok(library::json(&list::find(&app.db.get().await?, id).await?))
}

// -- out of the trash

/// Brings it back, with its hearts.
#[utoipa::path(post, path = "/trash/{id}/restore", tag = "trash", extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = TrashAnswer), (status = 202, body = TrashAnswer), (status = 409, body = Problem)))]
async fn restore_from_trash(
    State(app): State<App>,
    Admin(user): Admin,
    client: Client,
    Path(id): Path<i64>,
) -> Result<Response> {
    ensure_music_is_there(&app).await?;
    let mut connection = app.db.get().await?;
    let tx = connection.transaction().await?;
    jobs::name_request(&tx).await?;
    let job = restore::restore(&tx, &Restore { id, by: user.row(), address: client.address_text() }).await?;
    tx.commit().await?;
    drop(connection);
    answer(&app, job, json!({"status": "restored", "trash_id": id})).await
}

/// Removes it for good.
#[utoipa::path(delete, path = "/trash/{id}", tag = "trash", extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = TrashAnswer), (status = 202, body = TrashAnswer), (status = 409, body = Problem)))]
async fn remove_from_trash(
    State(app): State<App>,
    Admin(user): Admin,
    client: Client,
    Path(id): Path<i64>,
) -> Result<Response> {
    ensure_music_is_there(&app).await?;
    let mut connection = app.db.get().await?;
    let tx = connection.transaction().await?;
    let going = list::find(&tx, id).await?;
    let wanted = Remove { by: user.row(), address: client.address_text() };
    let job = remove::remove(&tx, id, &wanted).await?;
    tx.commit().await?;
    drop(connection);
    answer(&app, job, removed(&going)).await
}

/// What goes, in words and numbers.
fn removed(going: &ItemDetail) -> Value {
    let item = going.item();
    json!({
        "status": "removed", "trash_id": item.id, "artist": item.artist, "title": item.title,
        "file_count": item.file_count, "size": item.size,
        "message": format!("{} is gone for good: {} files", item.title, item.file_count),
    })
}

/// `?all=true`
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct EmptyQuery {
    /// Everything, not only what has expired.
    #[serde(default)]
    all: bool,
}

/// Removes for good what has expired, or everything.
#[utoipa::path(post, path = "/trash/empty", tag = "trash", params(EmptyQuery), extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = TrashAnswer), (status = 202, body = TrashAnswer), (status = 409, body = Problem)))]
async fn empty_trash(
    State(app): State<App>,
    Admin(user): Admin,
    client: Client,
    Query(query): Query<EmptyQuery>,
) -> Result<Response> {
    ensure_music_is_there(&app).await?;
    let mut connection = app.db.get().await?;
    let tx = connection.transaction().await?;
    let wanted = Remove { by: user.row(), address: client.address_text() };
    let (job, marked) = remove::empty(&tx, query.all, &wanted).await?;
    tx.commit().await?;
    drop(connection);
    answer(&app, job, json!({"status": "emptied", "entries": marked})).await
}

// -- into the trash

/// `?delete_files=true`
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct DeleteQuery {
    /// `false` is refused: files and rows are one here.
    delete_files: Option<bool>,
}

/// Puts an album into the trash.
#[utoipa::path(delete, path = "/albums/{id}", tag = "library", params(DeleteQuery), extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = TrashAnswer), (status = 202, body = TrashAnswer), (status = 409, body = Problem)))]
async fn delete_album(
    app: State<App>,
    admin: Admin,
    client: Client,
    id: Path<i64>,
    query: Query<DeleteQuery>,
) -> Result<Response> {
    delete_thing(&app, admin, &client, Thing::Album, id.0, &query.0).await
}

/// Puts all albums of an artist into the trash.
#[utoipa::path(delete, path = "/artists/{id}", tag = "library", params(DeleteQuery), extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = TrashAnswer), (status = 202, body = TrashAnswer), (status = 409, body = Problem)))]
async fn delete_artist(
    app: State<App>,
    admin: Admin,
    client: Client,
    id: Path<i64>,
    query: Query<DeleteQuery>,
) -> Result<Response> {
    delete_thing(&app, admin, &client, Thing::Artist, id.0, &query.0).await
}

/// Puts a track into the trash.
#[utoipa::path(delete, path = "/tracks/{id}", tag = "library", params(DeleteQuery), extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = TrashAnswer), (status = 202, body = TrashAnswer), (status = 409, body = Problem)))]
async fn delete_track(
    app: State<App>,
    admin: Admin,
    client: Client,
    id: Path<i64>,
    query: Query<DeleteQuery>,
) -> Result<Response> {
    delete_thing(&app, admin, &client, Thing::Track, id.0, &query.0).await
}

async fn delete_thing(
    app: &App,
    Admin(user): Admin,
    client: &Client,
    thing: Thing,
    id: i64,
    query: &DeleteQuery,
) -> Result<Response> {
    if query.delete_files == Some(false) {
        let text = "Files and rows are one here: what leaves the library goes into the trash, and can be restored from \
            there. Delete it with delete_files=true.";
        return Err(Error::Invalid(text.into()));
    }
    ensure_music_is_there(app).await?;
    let mut connection = app.db.get().await?;
    let tx = connection.transaction().await?;
    jobs::name_request(&tx).await?;
    let wanted = Delete { thing, id, by: user.row(), address: client.address_text() };
    let job = delete::delete(&tx, &wanted).await?;
    tx.commit().await?;
    drop(connection);
    let message = match thing {
        Thing::Album => "Album deleted",
        Thing::Artist => "Artist deleted",
        Thing::Track => "Track deleted",
    };
    answer(app, job, json!({ "message": message })).await
}

/// 200 with what the job says when it is done soon, 202 when it is on its way, 409 with the reason when it will not be.
async fn answer(app: &App, job_id: i64, mut body: Value) -> Result<Response> {
    body["job_id"] = json!(job_id);
    match jobs::wait(app, &[job_id], PATIENCE).await.pop().map(|ended| ended.end) {
        Some(End::Completed(result)) => {
            for (name, value) in result.as_object().into_iter().flatten() {
                body[name] = value.clone();
            }
            Ok((StatusCode::OK, Json(body)).into_response())
        }
        Some(End::Cancelled(reason)) => Err(Error::Conflict(reason)),
        Some(End::Discarded(error)) => Err(anyhow::anyhow!("job {job_id}: {error}").into()),
        None => {
            body["pending"] = json!(true);
            Ok((StatusCode::ACCEPTED, Json(body)).into_response())
        }
    }
}
