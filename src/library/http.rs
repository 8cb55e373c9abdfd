//! The library's routes: lists, one thing, search, sound and pictures. Everyone who is logged in may read all of it.

use axum::extract::State;
use axum::response::Response;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::album::{AlbumDetail, Albums, DetailShape};
use super::artist::{Artist, Artists};
use super::page::{Page, PageQuery, number};
use super::search::{self, Found, Kind};
use super::shelf::{self, Letter, Overview, ShelfQuery};
use super::track::{Track, Tracks};
use super::{artwork, page, preview, provenance, reports, statistics, stream};
use crate::app::App;
use crate::auth::User;
use crate::error::{Error, Result};
use crate::input::{Path, Query};

const DEFAULT_HITS: i64 = 20;
const MAX_HITS: i64 = 50;
/// Nobody types more; a pasted page is no search.
const MAX_QUERY_BYTES: usize = 1000;

/// All of them, to stand beneath `/api`.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(artists))
        .routes(routes!(artist))
        .routes(routes!(letters_of_artists))
        .routes(routes!(letters_of_albums))
        .routes(routes!(overview))
        .routes(routes!(albums_of_artist))
        .routes(routes!(artwork::artist_artwork))
        .routes(routes!(albums))
        .routes(routes!(album))
        .routes(routes!(tracks_of_album))
        .routes(routes!(artwork::album_artwork))
        .routes(routes!(track))
        .routes(routes!(stream::stream))
        .routes(routes!(preview::preview))
        .routes(routes!(search_all))
        .merge(provenance::routes())
        .merge(reports::routes())
        .merge(statistics::routes())
}

/// All artists, by sort name.
#[utoipa::path(get, path = "/artists", tag = "library", params(PageQuery), responses((status = 200, body = Page<Artists>)))]
async fn artists(State(app): State<App>, user: User, Query(query): Query<PageQuery>) -> Result<Response> {
    let asked = query.check()?;
    Ok(page::json(&Artists::page(&app.db.get().await?, user.id, &asked).await?))
}

/// One artist.
#[utoipa::path(get, path = "/artists/{id}", tag = "library", responses((status = 200, body = Artist<'_>)))]
async fn artist(State(app): State<App>, user: User, Path(id): Path<i64>) -> Result<Response> {
    let found = Artists::by_ids(&app.db.get().await?, user.id, &[id]).await?;
    let artist = found.iter().next().ok_or(Error::NotFound("Artist not found"))?;
    Ok(page::json(&artist))
}

/// The albums of an artist, the newest first.
#[utoipa::path(get, path = "/artists/{id}/albums", tag = "library", responses((status = 200, body = Albums)))]
async fn albums_of_artist(State(app): State<App>, user: User, Path(id): Path<i64>) -> Result<Response> {
    Ok(page::json(&Albums::of_artist(&app.db.get().await?, user.id, id).await?))
}

/// All albums, by title; or only some of them, or in another order.
#[utoipa::path(get, path = "/albums", tag = "library", params(PageQuery, ShelfQuery), responses((status = 200, body = Page<Albums>)))]
async fn albums(
    State(app): State<App>,
    user: User,
    Query(query): Query<PageQuery>,
    Query(wanted): Query<ShelfQuery>,
) -> Result<Response> {
    let (asked, shelf) = (query.check()?, wanted.check()?);
    let client = app.db.get().await?;
    Ok(page::json(&match shelf {
        None => Albums::page(&client, user.id, &asked).await?,
        Some(shelf) => shelf.page(&client, user.id, &asked).await?,
    }))
}

/// How many albums begin with each letter; of those that the other parameters choose, by their artists' letters when that
/// is the order.
#[utoipa::path(get, path = "/albums/letters", tag = "library", params(PageQuery, ShelfQuery), responses((status = 200, body = Vec<Letter>)))]
async fn letters_of_albums(
    State(app): State<App>,
    user: User,
    Query(query): Query<PageQuery>,
    Query(wanted): Query<ShelfQuery>,
) -> Result<Response> {
    let (asked, shelf) = (query.check()?, wanted.check()?);
    Ok(page::json(&shelf::album_letters(&app.db.get().await?, user.id, shelf, &asked).await?))
}

/// How many artists begin with each letter.
#[utoipa::path(get, path = "/artists/letters", tag = "library", responses((status = 200, body = Vec<Letter>)))]
async fn letters_of_artists(State(app): State<App>, _: User) -> Result<Response> {
    Ok(page::json(&shelf::artist_letters(&app.db.get().await?).await?))
}

/// What there is, in numbers, and which filters would find something.
#[utoipa::path(get, path = "/library", tag = "library", responses((status = 200, body = Overview)))]
async fn overview(State(app): State<App>, user: User) -> Result<Response> {
    Ok(page::json(&shelf::overview(&app.db.get().await?, user.id).await?))
}

/// One album with its tracks.
#[utoipa::path(get, path = "/albums/{id}", tag = "library", responses((status = 200, body = DetailShape<'_>)))]
async fn album(State(app): State<App>, user: User, Path(id): Path<i64>) -> Result<Response> {
    Ok(page::json(&AlbumDetail::find(&app.db.get().await?, user.id, id).await?))
}

/// The tracks of an album, by disc and number.
#[utoipa::path(get, path = "/albums/{id}/tracks", tag = "library", responses((status = 200, body = Tracks)))]
async fn tracks_of_album(State(app): State<App>, user: User, Path(id): Path<i64>) -> Result<Response> {
    Ok(page::json(&Tracks::of_album(&app.db.get().await?, user.id, id).await?))
}

/// One track.
#[utoipa::path(get, path = "/tracks/{id}", tag = "library", responses((status = 200, body = Track<'_>)))]
async fn track(State(app): State<App>, user: User, Path(id): Path<i64>) -> Result<Response> {
    let found = Tracks::one(&app.db.get().await?, user.id, id).await?;
    let track = found.iter().next().ok_or(Error::NotFound("Track not found"))?;
    Ok(page::json(&track))
}

/// `?q&type&limit&include_external`
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SearchQuery {
    /// What was typed, in any script.
    #[param(required, value_type = String, min_length = 1, max_length = 1000)]
    q: Option<String>,
    /// `artist`, `album` or `track`; `all` where everything is searched.
    r#type: Option<String>,
    /// At most so many of each; 20 when it is not said.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 50)]
    limit: Option<String>,
    /// Whether to ask other catalogues when nothing is here.
    include_external: Option<String>,
}

impl SearchQuery {
    /// What was typed, as far as it can be searched for.
    ///
    /// # Errors
    /// `Parameter`
    pub fn typed(&self) -> Result<&str> {
        let message = match self.q.as_deref() {
            None => "Field required",
            Some("") => "must have at least 1 character",
            Some(q) if q.len() > MAX_QUERY_BYTES => "is too long",
            // No name holds one, and PostgreSQL takes none.
            Some(q) if q.contains('\0') => "must not hold a NUL character",
            Some(q) => return Ok(q),
        };
        Err(Error::Parameter { field: "q", message: message.into() })
    }

    /// At most so many of each.
    ///
    /// # Errors
    /// `Parameter`
    pub fn limit(&self) -> Result<usize> {
        Ok(number("limit", self.limit.as_deref(), 1, MAX_HITS)?.unwrap_or(DEFAULT_HITS) as usize)
    }

    /// The one kind that is searched for, and its name; albums when it is not said.
    ///
    /// # Errors
    /// `Parameter`
    pub fn one_kind(&self) -> Result<(&str, Kind)> {
        let name = self.r#type.as_deref().unwrap_or("album");
        let message = "must be artist, album or track";
        kind(name)
            .map(|kind| (name, kind))
            .ok_or_else(|| Error::Parameter { field: "type", message: message.into() })
    }

    /// Whether other catalogues are asked, too.
    pub fn wants_external(&self) -> bool {
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

/// Searches as you type: exact names first, then beginnings, then all that have the words.
#[utoipa::path(get, path = "/search", tag = "search", params(SearchQuery), responses((status = 200, body = Found)))]
async fn search_all(
    State(app): State<App>,
    user: User,
    Query(query): Query<SearchQuery>,
) -> Result<Response> {
    let (typed, limit) = (query.typed()?, query.limit()?);
    let kinds = match query.r#type.as_deref() {
        None | Some("all") => vec![Kind::Artist, Kind::Album, Kind::Track],
        Some(name) => vec![kind(name).ok_or_else(|| Error::Parameter {
            field: "type",
            message: "must be all, artist, album or track".into(),
        })?],
    };
    let client = app.db.get().await?;
    Ok(page::json(&search::search(&client, user.id, typed, &kinds, limit).await?))
}
