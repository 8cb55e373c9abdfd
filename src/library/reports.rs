//! Reports over the whole library: what is there twice, and what is not there. For everyone who is logged in.

use axum::extract::State;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::duplicates::{self, Place, Why};
use super::page::{self, Cursor, number};
use super::{Incomplete, incomplete};
use crate::app::App;
use crate::auth::User;
use crate::error::{Error, Result};
use crate::input::Query;

const DEFAULT_LIMIT: i64 = 50;
const MAX_LIMIT: i64 = 100;

/// Beneath `/api`.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(duplicate_tracks)).routes(routes!(incomplete_albums))
}

/// A page of a report.
#[derive(Serialize, ToSchema)]
struct Report<T> {
    items: Vec<T>,
    /// As asked.
    limit: i64,
    /// Asks for what follows; null on the last page.
    next_cursor: Option<String>,
}

/// `?why&limit&cursor`
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ReportQuery {
    /// Only this part of the report: `essence`, `recording`, `isrc` or `maybe`. Where there are parts.
    why: Option<String>,
    /// At most so many; 50 when it is not said.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100)]
    limit: Option<String>,
    /// The `next_cursor` of the page before.
    cursor: Option<String>,
}

impl ReportQuery {
    fn limit(&self) -> Result<i64> {
        Ok(number("limit", self.limit.as_deref(), 1, MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT))
    }
}

/// The same music more than once, and what could be freed.
#[utoipa::path(get, path = "/library/duplicates", tag = "reports", params(ReportQuery), responses((status = 200, body = Report<duplicates::Group>)))]
async fn duplicate_tracks(
    State(app): State<App>,
    _: User,
    Query(query): Query<ReportQuery>,
) -> Result<Response> {
    let limit = query.limit()?;
    let why = query.why.as_deref().filter(|w| !w.is_empty()).map(Why::named).transpose()?;
    let not_ours =
        || Error::Parameter { field: "cursor", message: "is not one that this server gave".into() };
    let from = match Cursor::of_query(query.cursor.as_deref())? {
        Some(cursor) => Place::parse(&cursor.key).ok_or_else(not_ours)?,
        None => Place::start_of(why.unwrap_or(Why::ALL[0])),
    };
    let client = app.db.get().await?;
    let (groups, next) = duplicates::duplicates(&client, from, why.is_none(), limit as usize).await?;
    let next_cursor = next.map(|place| Cursor { key: place.text(), id: 0 }.text());
    Ok(page::json(&Report { items: groups, limit, next_cursor }))
}

/// Albums of which tracks are missing, and which.
#[utoipa::path(get, path = "/library/incomplete", tag = "reports", params(ReportQuery), responses((status = 200, body = Report<Incomplete>)))]
async fn incomplete_albums(
    State(app): State<App>,
    _: User,
    Query(query): Query<ReportQuery>,
) -> Result<Response> {
    let limit = query.limit()?;
    let after = Cursor::of_query(query.cursor.as_deref())?.map_or(0, |cursor| cursor.id);
    let (albums, next) = incomplete(&app.db.get().await?, after, limit).await?;
    let next_cursor = next.map(|id| Cursor { key: String::new(), id }.text());
    Ok(page::json(&Report { items: albums, limit, next_cursor }))
}
