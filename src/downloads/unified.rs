//! A search of everything: the library first, and where it has nothing the catalogues of sources. Beneath `/api`.
//!
//! What is here is answered whatever becomes of the others: a source that is off, down or late is a word in the answer.

use std::time::Duration;

use axum::extract::State;
use axum::response::Response;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ask::ask;
use super::catalogue::{AskCatalogue, Question, here};
use crate::app::App;
use crate::auth::User;
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::input::Query;
use crate::integrations::adapter::Found;
use crate::integrations::qobuz::Hits;
use crate::library::{self, Local, SearchQuery};

/// Somebody who types does not wait longer for what is elsewhere.
const PATIENCE: Duration = Duration::from_secs(10);

/// All of them.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(search_unified))
}

/// What a unified search found.
#[derive(Debug, Serialize, ToSchema)]
struct Unified<'a> {
    /// As typed.
    query: &'a str,
    /// `artist`, `album` or `track`.
    #[serde(rename = "type")]
    kind: &'a str,
    /// What is here.
    local: Local<'a>,
    /// What is elsewhere; null unless it was asked for and nothing is here.
    external: Option<External>,
}

/// What another catalogue has.
#[derive(Debug, Serialize, ToSchema)]
struct External {
    /// `qobuz`
    source: &'static str,
    /// How many things.
    count: usize,
    /// Them.
    items: Vec<ExternalItem>,
    /// Why there are none: `not_configured`, or a sentence about the source.
    error: Option<String>,
}

/// Something that can be fetched.
#[derive(Debug, Serialize, ToSchema)]
struct ExternalItem {
    id: String,
    title: String,
    artist: String,
    year: Option<i32>,
    /// `24/96`
    quality: Option<String>,
    /// For `POST /downloads/qobuz`.
    url: String,
    /// The library has an album of this artist and title.
    in_library: bool,
    /// That one.
    local_album_id: Option<i64>,
}

/// Searches here, and elsewhere when nothing is here.
#[utoipa::path(get, path = "/search/unified", tag = "search", params(SearchQuery), responses((status = 200, body = Unified<'_>)))]
async fn search_unified(
    State(app): State<App>,
    user: User,
    Query(query): Query<SearchQuery>,
) -> Result<Response> {
    let (typed, limit) = (query.typed()?, query.limit()?);
    let (name, kind) = query.one_kind()?;
    let client = app.db.get().await?;
    let found = library::search(&client, user.id, typed, &[kind], limit).await?;
    let local = library::local(&client, &found).await?;
    drop(client);
    let external = match query.wants_external() && found.count() == 0 {
        true => Some(External::asked(&app, typed, name, limit).await?),
        false => None,
    };
    Ok(library::json(&Unified { query: typed, kind: name, local, external }))
}

const DOWN: &str = "select why from source where name = 'qobuz' and state = 'down'";

impl External {
    /// What Qobuz has; what it does not say is said for it.
    async fn asked(app: &App, typed: &str, kind: &str, limit: usize) -> Result<Self> {
        let nothing = |why: String| Self { source: "qobuz", count: 0, items: Vec::new(), error: Some(why) };
        if app.settings.qobuz.email.is_empty() {
            return Ok(nothing("not_configured".into()));
        }
        let text = typed.trim().to_owned();
        if text.is_empty() {
            return Ok(nothing("There is nothing to look for.".into()));
        }
        let client = app.db.get().await?;
        // It is asked again by whoever looks at all sources; a search does not wait for what is known to be away.
        if let Some(row) = client.maybe_row(DOWN, &[]).await? {
            return Ok(nothing(row.get::<_, Option<String>>(0).unwrap_or_else(|| "It is down.".into())));
        }
        drop(client);
        let limit = u32::try_from(limit).unwrap_or(20);
        let question = Question::Search { text, kind: kind.to_owned(), limit };
        let hits = match ask::<_, Hits>(app, &AskCatalogue { question }, PATIENCE).await {
            Ok(hits) => hits.found(),
            Err(Error::Invalid(why) | Error::Upstream(why)) => return Ok(nothing(why)),
            Err(Error::Unavailable(why)) => return Ok(nothing(why.into())),
            Err(error) => return Err(error),
        };
        let names = hits.iter().map(|hit| (hit.artist.as_str(), hit.title.as_str()));
        let here = match kind {
            "album" => here(&app.db.get().await?, names).await?,
            _ => vec![None; hits.len()],
        };
        let items: Vec<ExternalItem> = hits.into_iter().zip(here).map(ExternalItem::from).collect();
        Ok(Self { source: "qobuz", count: items.len(), items, error: None })
    }
}

impl From<(Found, Option<i64>)> for ExternalItem {
    fn from((found, local_album_id): (Found, Option<i64>)) -> Self {
        let Found { id, title, artist, year, quality, url } = found;
        Self { id, title, artist, year, quality, url, in_library: local_album_id.is_some(), local_album_id }
    }
}
