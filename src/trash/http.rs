//! The routes of the trash, and of what leads into it: deletions. Admins only. Beneath `/api`.
//!
//! The api process cannot write music: each change is a job of the worker, and the answer waits a little for it.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete as delete_route, get, post};
use axum::{Json, Router};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::delete::{self, Delete, Thing};
use super::list::{self, ItemDetail, Wanted};
use super::remove::{self, Remove};
use super::restore::{self, Restore};
use crate::app::App;
use crate::auth::{Admin, Client};
use crate::error::{Error, Result};
use crate::input::{Path, Query};
use crate::jobs::{self, End};
use crate::library::{self, Cursor, ensure_music_is_there};

/// How long an answer waits for the job.
const PATIENCE: Duration = Duration::from_secs(5);

/// All of them.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/trash", get(trash))
        .route("/trash/empty", post(empty))
        .route("/trash/{id}", get(one).delete(remove_one))
        .route("/trash/{id}/restore", post(restore_one))
        .route("/albums/{id}", delete_route(delete_album))
        .route("/artists/{id}", delete_route(delete_artist))
        .route("/tracks/{id}", delete_route(delete_track))
}

// -- looking

/// `?kind&q&limit&cursor`
#[derive(Debug, Deserialize)]
struct ListQuery {
    kind: Option<String>,
    q: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

async fn trash(State(app): State<App>, _: Admin, Query(query): Query<ListQuery>) -> Result<Response> {
    let kind = query.kind.as_deref().filter(|k| !k.is_empty());
    if kind.is_some_and(|k| !["replaced", "deleted", "duplicate"].contains(&k)) {
        return Err(Error::Field { field: "kind", message: "must be replaced, deleted or duplicate".into() });
    }
    let limit = library::number("limit", query.limit.as_deref(), 1, 100)?.unwrap_or(50);
    let before = Cursor::of_query(query.cursor.as_deref())?.map(|cursor| cursor.id);
    let q = query.q.as_deref().unwrap_or_default().trim();
    let wanted = Wanted { kind, q, before, limit };
    let (items, next, total, size) = list::list(&app.db.get().await?, &wanted).await?;
    let next = next.map(|id| Cursor { key: String::new(), id }.text());
    let page =
        json!({"items": items, "total": total, "total_size": size, "limit": limit, "next_cursor": next});
    Ok(library::json(&page))
}

async fn one(State(app): State<App>, _: Admin, Path(id): Path<i64>) -> Result<Response> {
    Ok(library::json(&list::find(&app.db.get().await?, id).await?))
}

// -- out of the trash

async fn restore_one(
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

async fn remove_one(
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
#[derive(Debug, Deserialize)]
struct EmptyQuery {
    #[serde(default)]
    all: bool,
}

async fn empty(
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
#[derive(Debug, Deserialize)]
struct DeleteQuery {
    delete_files: Option<bool>,
}

async fn delete_album(
    app: State<App>,
    admin: Admin,
    client: Client,
    id: Path<i64>,
    query: Query<DeleteQuery>,
) -> Result<Response> {
    delete_thing(&app, admin, &client, Thing::Album, id.0, &query.0).await
}

async fn delete_artist(
    app: State<App>,
    admin: Admin,
    client: Client,
    id: Path<i64>,
    query: Query<DeleteQuery>,
) -> Result<Response> {
    delete_thing(&app, admin, &client, Thing::Artist, id.0, &query.0).await
}

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
