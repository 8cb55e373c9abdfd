//! The library's routes: lists, one thing, search, sound and pictures. Everyone who is logged in may read all of it.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;
use serde_json::json;

use super::album::{AlbumDetail, Albums};
use super::artist::Artists;
use super::page::{PageQuery, number};
use super::search::{self, Kind};
use super::track::Tracks;
use super::{artwork, page, reports, stream};
use crate::app::App;
use crate::auth::User;
use crate::error::{Error, Result};
use crate::input::{Path, Query};

const DEFAULT_HITS: i64 = 20;
const MAX_HITS: i64 = 50;
/// Nobody types more; a pasted page is no search.
const MAX_QUERY_BYTES: usize = 1000;

/// All of them, to stand beneath `/api`.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/artists", get(artists))
        .route("/artists/{id}", get(artist))
        .route("/artists/{id}/albums", get(albums_of_artist))
        .route("/artists/{id}/artwork", get(artwork::of_artist))
        .route("/albums", get(albums))
        .route("/albums/{id}", get(album))
        .route("/albums/{id}/tracks", get(tracks_of_album))
        .route("/albums/{id}/artwork", get(artwork::of_album))
        .route("/tracks/{id}", get(track))
        .route("/tracks/{id}/stream", get(stream::stream))
        .route("/search", get(search_all))
        .route("/search/unified", get(search_unified))
        .merge(reports::routes())
}

async fn artists(State(app): State<App>, user: User, Query(query): Query<PageQuery>) -> Result<Response> {
    let asked = query.check()?;
    Ok(page::json(&Artists::page(&app.db.get().await?, user.id, &asked).await?))
}

async fn artist(State(app): State<App>, user: User, Path(id): Path<i64>) -> Result<Response> {
    let found = Artists::by_ids(&app.db.get().await?, user.id, &[id]).await?;
    let artist = found.iter().next().ok_or(Error::NotFound("Artist not found"))?;
    Ok(page::json(&artist))
}

async fn albums_of_artist(State(app): State<App>, user: User, Path(id): Path<i64>) -> Result<Response> {
    Ok(page::json(&Albums::of_artist(&app.db.get().await?, user.id, id).await?))
}

async fn albums(State(app): State<App>, user: User, Query(query): Query<PageQuery>) -> Result<Response> {
    let asked = query.check()?;
    Ok(page::json(&Albums::page(&app.db.get().await?, user.id, &asked).await?))
}

async fn album(State(app): State<App>, user: User, Path(id): Path<i64>) -> Result<Response> {
    Ok(page::json(&AlbumDetail::find(&app.db.get().await?, user.id, id).await?))
}

async fn tracks_of_album(State(app): State<App>, user: User, Path(id): Path<i64>) -> Result<Response> {
    Ok(page::json(&Tracks::of_album(&app.db.get().await?, user.id, id).await?))
}

async fn track(State(app): State<App>, user: User, Path(id): Path<i64>) -> Result<Response> {
    let found = Tracks::one(&app.db.get().await?, user.id, id).await?;
    let track = found.iter().next().ok_or(Error::NotFound("Track not found"))?;
    Ok(page::json(&track))
}

/// `?q&type&limit&include_external`
#[derive(Debug, Deserialize)]
struct SearchQuery {
    q: Option<String>,
    r#type: Option<String>,
    limit: Option<String>,
    include_external: Option<String>,
}

impl SearchQuery {
    /// What was typed, as far as it can be searched for.
    fn typed(&self) -> Result<&str> {
        let message = match self.q.as_deref() {
            None => "Field required",
            Some("") => "must have at least 1 character",
            Some(q) if q.len() > MAX_QUERY_BYTES => "is too long",
            // No name holds one, and PostgreSQL takes none.
            Some(q) if q.contains('\0') => "must not hold a NUL character",
            Some(q) => return Ok(q),
        };
        Err(Error::Field { field: "q", message: message.into() })
    }

    fn limit(&self) -> Result<usize> {
        Ok(number("limit", self.limit.as_deref(), 1, MAX_HITS)?.unwrap_or(DEFAULT_HITS) as usize)
    }

    fn wants_external(&self) -> bool {
        matches!(self.include_external.as_deref(), Some("true" | "True" | "1" | "yes" | "on"))
    }
}

fn kind(name: &str) -> Option<Kind> {
    match name {
        "artist" => Some(Kind::Artist),
        "album" => Some(Kind::Album),
        "track" => Some(Kind::Track),
        _ => None,
    }
}

async fn search_all(
    State(app): State<App>,
    user: User,
    Query(query): Query<SearchQuery>,
) -> Result<Response> {
    let (typed, limit) = (query.typed()?, query.limit()?);
    let kinds = match query.r#type.as_deref() {
        None | Some("all") => vec![Kind::Artist, Kind::Album, Kind::Track],
        Some(name) => vec![kind(name).ok_or_else(|| Error::Field {
            field: "type",
            message: "must be all, artist, album or track".into(),
        })?],
    };
    let client = app.db.get().await?;
    Ok(page::json(&search::search(&client, user.id, typed, &kinds, limit).await?))
}

async fn search_unified(
    State(app): State<App>,
    user: User,
    Query(query): Query<SearchQuery>,
) -> Result<Response> {
    let (typed, limit) = (query.typed()?, query.limit()?);
    let name = query.r#type.as_deref().unwrap_or("album");
    let kind = kind(name)
        .ok_or_else(|| Error::Field { field: "type", message: "must be artist, album or track".into() })?;
    let client = app.db.get().await?;
    let found = search::search(&client, user.id, typed, &[kind], limit).await?;
    let local = search::unified(&client, &found).await?;
    // Other catalogues are asked only when there is nothing here; none is set up in this version.
    let external = (query.wants_external() && found.count() == 0)
        .then(|| json!({"source": "qobuz", "count": 0, "items": [], "error": "not_configured"}));
    Ok(page::json(&json!({ "query": typed, "type": name, "local": local, "external": external })))
}
