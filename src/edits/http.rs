//! The routes of edits: change, look before, read the journal, undo. Any member may; it is attributed and undoable.
//!
//! A change commits what was asked for; then the answer waits a little for the worker, which alone may write music. A
//! worker that is busy or away makes the answer say `pending`, and the change follows.

use std::time::Duration;

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::draft::Draft;
use super::edit::{self, Entry, Wanted};
use super::request::{AlbumChange, ArtistChange, Request, TrackChange};
use super::{Asked, ask, preview};
use crate::app::App;
use crate::auth::User;
use crate::error::{Error, Problem, Result};
use crate::input::{self, Json, Path, Query};

/// How long an answer waits for the files.
const PATIENCE: Duration = Duration::from_secs(5);
/// At once; more would make one of them wait for all.
const MAX_ALBUMS: usize = 200;
const MAX_ENTRIES: i64 = 200;

/// All of them, to stand beneath `/api`.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(edit_albums))
        .routes(routes!(edit_album))
        .routes(routes!(write_tags))
        .routes(routes!(edit_track))
        .routes(routes!(edit_metadata_of_track))
        .routes(routes!(edit_artist))
        .routes(routes!(list_edits))
        .routes(routes!(find_edit))
        .routes(routes!(undo_edit))
        .merge(super::artwork::routes())
}

/// What became of a change, or with `?preview=true` what would become of it.
#[derive(Serialize, ToSchema)]
struct EditAnswer {
    /// `updated`, `undone`, `accepted` or `preview`.
    status: String,
    /// The edit in the journal; null when nothing was to be changed.
    edit_id: Option<i64>,
    /// Of an artist.
    old_name: Option<String>,
    /// Of an artist.
    new_name: Option<String>,
    /// Sentences.
    notes: Option<Vec<String>>,
    /// It is on its way, but not there yet.
    pending: Option<bool>,
    /// The job that carries it out.
    job_id: Option<i64>,
    /// Of a preview: entity, id, name, field, before, after.
    changes: Option<Value>,
    /// Of a preview: from where to where.
    folders: Option<Value>,
    /// Of a preview: `track_id`, `from`, `to`, `tags`.
    files: Option<Vec<Value>>,
}

/// A page of the journal.
#[derive(Serialize, ToSchema)]
struct Journal {
    items: Vec<Entry>,
    /// As asked.
    limit: i64,
    /// Asks for what follows, as `before`; null on the last page.
    next_before: Option<i64>,
}

/// `?preview=true`: say what would change, and change nothing.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct How {
    /// Say what would change, and change nothing.
    #[serde(default)]
    preview: bool,
}

/// Changes an album's metadata.
#[utoipa::path(put, path = "/metadata/albums/{id}", tag = "edits", params(How), responses((status = 200, body = EditAnswer),
    (status = 202, body = EditAnswer), (status = 409, body = Problem)))]
async fn edit_album(
    State(app): State<App>,
    user: User,
    Path(id): Path<i64>,
    Query(how): Query<How>,
    Json(change): Json<AlbumChange>,
) -> Result<Response> {
    let request = Request::Albums { ids: vec![id], change: change.check()? };
    carry_out(&app, &user, request, &how, "updated").await
}

/// One change for several albums.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = SeveralAlbumsChange)]
struct Several {
    /// Which.
    #[schema(min_items = 1, max_items = 200)]
    ids: Vec<i64>,
    /// And the fields of `AlbumChange`.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    change: serde_json::Map<String, Value>,
}

/// Makes one change to several albums.
#[utoipa::path(put, path = "/metadata/albums", tag = "edits", params(How), responses((status = 200, body = EditAnswer),
    (status = 202, body = EditAnswer), (status = 404, body = Problem), (status = 409, body = Problem)))]
async fn edit_albums(
    State(app): State<App>,
    user: User,
    Query(how): Query<How>,
    Json(several): Json<Several>,
) -> Result<Response> {
    if several.ids.is_empty() || several.ids.len() > MAX_ALBUMS {
        return Err(Error::Field { field: "ids", message: format!("must name 1 to {MAX_ALBUMS} albums") });
    }
    let change: AlbumChange = serde_json::from_value(Value::Object(several.change))
        .map_err(|e| Error::Unread(input::problem("body", &e.to_string())))?;
    let request = Request::Albums { ids: several.ids, change: change.check()? };
    carry_out(&app, &user, request, &how, "updated").await
}

/// Changes a track's metadata; the same as `/metadata/tracks/{id}`.
#[utoipa::path(put, path = "/tracks/{id}/metadata", tag = "edits", params(How), responses((status = 200, body = EditAnswer),
    (status = 202, body = EditAnswer), (status = 409, body = Problem)))]
async fn edit_metadata_of_track(
    app: State<App>,
    user: User,
    id: Path<i64>,
    how: Query<How>,
    change: Json<TrackChange>,
) -> Result<Response> {
    edit_track(app, user, id, how, change).await
}

/// Changes a track's metadata.
#[utoipa::path(put, path = "/metadata/tracks/{id}", tag = "edits", params(How), responses((status = 200, body = EditAnswer),
    (status = 202, body = EditAnswer), (status = 409, body = Problem)))]
async fn edit_track(
    State(app): State<App>,
    user: User,
    Path(id): Path<i64>,
    Query(how): Query<How>,
    Json(change): Json<TrackChange>,
) -> Result<Response> {
    carry_out(&app, &user, Request::Track { id, change: change.check()? }, &how, "updated").await
}

/// Renames an artist, and with it folders and tags.
#[utoipa::path(put, path = "/metadata/artists/{id}", tag = "edits", params(How), responses((status = 200, body = EditAnswer),
    (status = 202, body = EditAnswer), (status = 409, body = Problem)))]
async fn edit_artist(
    State(app): State<App>,
    user: User,
    Path(id): Path<i64>,
    Query(how): Query<How>,
    Json(change): Json<ArtistChange>,
) -> Result<Response> {
    carry_out(&app, &user, Request::Artist { id, change: change.check()? }, &how, "updated").await
}

/// Writes into the files' tags what the rows say.
#[utoipa::path(post, path = "/metadata/albums/{id}/write-tags", tag = "edits", params(How), responses((status = 200, body = EditAnswer),
    (status = 202, body = EditAnswer), (status = 409, body = Problem)))]
async fn write_tags(
    State(app): State<App>,
    user: User,
    Path(album_id): Path<i64>,
    Query(how): Query<How>,
) -> Result<Response> {
    carry_out(&app, &user, Request::WriteTags { album_id }, &how, "updated").await
}

/// Makes everything again what it was before an edit.
#[utoipa::path(post, path = "/edits/{id}/undo", tag = "edits", params(How), responses((status = 200, body = EditAnswer),
    (status = 202, body = EditAnswer), (status = 409, body = Problem)))]
async fn undo_edit(
    State(app): State<App>,
    user: User,
    Path(edit_id): Path<i64>,
    Query(how): Query<How>,
) -> Result<Response> {
    carry_out(&app, &user, Request::Undo { edit_id }, &how, "undone").await
}

async fn carry_out(app: &App, user: &User, request: Request, how: &How, done: &str) -> Result<Response> {
    if how.preview {
        let draft = preview(app, &request).await?;
        return Ok(axum::Json(shown(&draft)).into_response());
    }
    let asked = ask(app, &request, user.row()).await?;
    let mut answer = json!({ "status": done, "edit_id": asked.edit_id() });
    if let Some((old, new)) = names(&request, asked.draft()) {
        answer["old_name"] = json!(old);
        answer["new_name"] = json!(new);
    }
    let Asked::On { edit_id, job_id, .. } = asked else { return Ok(axum::Json(answer).into_response()) };
    match super::wait(app, edit_id, job_id, PATIENCE).await? {
        Some(Ok(notes)) => {
            if !notes.is_empty() {
                answer["notes"] = json!(notes);
            }
            Ok(axum::Json(answer).into_response())
        }
        Some(Err(reason)) => Err(Error::Conflict(reason)),
        None => {
            answer["status"] = json!("accepted");
            answer["pending"] = json!(true);
            answer["job_id"] = json!(job_id);
            Ok((StatusCode::ACCEPTED, axum::Json(answer)).into_response())
        }
    }
}

/// An artist's, as clients of the first version ask for them.
fn names<'d>(request: &Request, draft: &'d Draft) -> Option<(&'d str, &'d str)> {
    let Request::Artist { id, .. } = request else { return None };
    let old = draft.before.artist(*id)?;
    let new = draft.after.artist(*id).or(draft.after.artists.first())?;
    Some((&old.name, &new.name))
}

/// What would happen, in rows, tags, folders and file names.
pub fn shown(draft: &Draft) -> Value {
    let files: Vec<Value> = draft
        .plan
        .files
        .iter()
        .map(|f| json!({ "track_id": f.track_id, "from": f.from, "to": f.to, "tags": f.tags }))
        .collect();
    json!({
        "status": "preview",
        "changes": draft.changes(),
        "folders": draft.plan.moves,
        "files": files,
        "notes": draft.notes,
    })
}

/// `?entity=album&id=7&limit=50&before=123`
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// `artist`, `album` or `track`.
    entity: Option<String>,
    /// The row of it.
    id: Option<i64>,
    /// Older than the edit of this id.
    before: Option<i64>,
    /// At most so many; 50 when it is not said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// The journal of edits, the newest first.
#[utoipa::path(get, path = "/edits", tag = "edits", params(Which), responses((status = 200, body = Journal)))]
async fn list_edits(
    State(app): State<App>,
    _: User,
    Query(which): Query<Which>,
) -> Result<axum::Json<Journal>> {
    if which.entity.as_deref().is_some_and(|e| !["artist", "album", "track"].contains(&e)) {
        return Err(Error::Parameter { field: "entity", message: "must be artist, album or track".into() });
    }
    let limit = which.limit.unwrap_or(50);
    if !(1..=MAX_ENTRIES).contains(&limit) {
        return Err(Error::Parameter { field: "limit", message: format!("must be from 1 to {MAX_ENTRIES}") });
    }
    let wanted = Wanted {
        entity_type: which.entity.as_deref(),
        entity_id: which.id,
        before: which.before,
        id: None,
        limit,
    };
    let items = edit::journal(&app.db.get().await?, &wanted).await?;
    let next_before = items.last().filter(|_| items.len() as i64 == limit).map(|e| e.id);
    Ok(axum::Json(Journal { items, limit, next_before }))
}

/// One edit.
#[utoipa::path(get, path = "/edits/{id}", tag = "edits", responses((status = 200, body = Entry)))]
async fn find_edit(State(app): State<App>, _: User, Path(id): Path<i64>) -> Result<Response> {
    let wanted = Wanted { id: Some(id), limit: 1, ..Wanted::default() };
    let entry =
        edit::journal(&app.db.get().await?, &wanted).await?.pop().ok_or(Error::NotFound("Edit not found"))?;
    Ok(axum::Json(entry).into_response())
}
