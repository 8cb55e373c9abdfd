//! Reports over the whole library: what is there twice, and what is not there. For everyone who is logged in.

use axum::Router;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use serde::Deserialize;
use serde_json::json;

use super::duplicates::{self, Place, Why};
use super::incomplete;
use super::page::{self, Cursor, number};
use crate::app::App;
use crate::auth::User;
use crate::error::{Error, Result};
use crate::input::Query;

const DEFAULT_LIMIT: i64 = 50;
const MAX_LIMIT: i64 = 100;

/// Beneath `/api`.
pub(super) fn routes() -> Router<App> {
    Router::new().route("/library/duplicates", get(twice)).route("/library/incomplete", get(not_whole))
}

/// `?why&limit&cursor`
#[derive(Debug, Deserialize)]
struct ReportQuery {
    why: Option<String>,
    limit: Option<String>,
    cursor: Option<String>,
}

impl ReportQuery {
    fn limit(&self) -> Result<i64> {
        Ok(number("limit", self.limit.as_deref(), 1, MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT))
    }
}

async fn twice(State(app): State<App>, _: User, Query(query): Query<ReportQuery>) -> Result<Response> {
    let limit = query.limit()?;
    let why = query.why.as_deref().filter(|w| !w.is_empty()).map(Why::named).transpose()?;
    let not_ours = || Error::Field { field: "cursor", message: "is not one that this server gave".into() };
    let from = match Cursor::of_query(query.cursor.as_deref())? {
        Some(cursor) => Place::parse(&cursor.key).ok_or_else(not_ours)?,
        None => Place::start_of(why.unwrap_or(Why::ALL[0])),
    };
    let client = app.db.get().await?;
    let (groups, next) = duplicates::duplicates(&client, from, why.is_none(), limit as usize).await?;
    let next_cursor = next.map(|place| Cursor { key: place.text(), id: 0 }.text());
    Ok(page::json(&json!({"items": groups, "limit": limit, "next_cursor": next_cursor})))
}

async fn not_whole(State(app): State<App>, _: User, Query(query): Query<ReportQuery>) -> Result<Response> {
    let limit = query.limit()?;
    let after = Cursor::of_query(query.cursor.as_deref())?.map_or(0, |cursor| cursor.id);
    let (albums, next) = incomplete(&app.db.get().await?, after, limit).await?;
    let next_cursor = next.map(|id| Cursor { key: String::new(), id }.text());
    Ok(page::json(&json!({"items": albums, "limit": limit, "next_cursor": next_cursor})))
}
