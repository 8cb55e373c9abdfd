//! Which outside programs and services there are, and how each of them is: `off`, `ok` or `down`, since when and why. Owns
//! `source`.
//!
//! None of them is needed: one that is down is a fact for people to see, and no part of `/health`. Whoever notices
//! something about one says so with `note`; the role that reaches the internet looks at all of them every ten minutes.

use std::collections::HashMap;
use std::time::Duration;

use axum::Json;
use axum::extract::State;
use futures_util::future::join_all;
use http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer::Started;
use crate::app::App;
use crate::auth::{Admin, User};
use crate::db::Sql;
use crate::error::Result;
use crate::events::{self, Audience};
use crate::integrations::adapter::{Health, adapters};
use crate::jobs::{self, Context, Job, Outcome, Queue};

/// Whatever it is doing, nobody waits longer for one of them.
const PATIENCE: Duration = Duration::from_secs(30);

/// Beneath `/api`.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_sources)).routes(routes!(check_sources))
}

/// An outside program or service.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Source {
    /// `qobuz`, `yt_dlp`, `plex`, …
    pub name: String,
    /// As people call it.
    pub title: String,
    /// What it is for.
    pub purpose: String,
    /// `off`: nobody has set it up; `ok`; `down`: it should work and does not.
    pub state: String,
    /// A sentence: why it is not `ok`.
    pub why: Option<String>,
    /// Its own version, when it tells.
    pub version: Option<String>,
    /// Since when it is so; null while nobody has looked.
    pub since: Option<Timestamp>,
    /// When somebody looked last.
    pub checked_at: Option<Timestamp>,
}

const ALL: &str = "select name, state, why, version, since, checked_at from source";
const DOWN: &str = "select why from source where name = $1 and state = 'down'";
// `since` moves with the state, and the news with it.
const NOTE: &str = "insert into source as s (name, state, why, version) values ($1, $2, $3, $4)
    on conflict on constraint source_pk do update set state = excluded.state, why = excluded.why,
        version = coalesce(excluded.version, s.version), checked_at = now(),
        since = case when s.state = excluded.state then s.since else now() end
    returning since = checked_at";

/// All of them, the ones that nobody has looked at yet with them.
pub async fn list(app: &App, client: &impl Sql) -> Result<Vec<Source>> {
    let rows = client.rows(ALL, &[]).await?;
    let mut known: HashMap<String, _> = rows.iter().map(|row| (row.get(0), row)).collect();
    let all = adapters(&app.settings).into_iter().map(|adapter| {
        let (title, purpose) = adapter.title();
        let row = known.remove(adapter.name());
        Source {
            name: adapter.name().into(),
            title: title.into(),
            purpose: purpose.into(),
            state: row.map_or_else(|| "off".into(), |row| row.get(1)),
            why: row.map_or_else(|| Some("Nobody has looked yet.".into()), |row| row.get(2)),
            version: row.and_then(|row| row.get(3)),
            since: row.map(|row| row.get(4)),
            checked_at: row.map(|row| row.get(5)),
        }
    });
    Ok(all.collect())
}

/// Says how one of them is. What has changed is told to everyone who listens.
pub async fn note(client: &impl Sql, name: &str, health: &Health) -> Result<()> {
    let (state, why, version) = match health {
        Health::Off(why) => ("off", Some(why.clone()), None),
        Health::Ok { version } => ("ok", None, version.as_ref()),
        Health::Down(why) => ("down", Some(why.clone()), None),
        Health::Untried { version } => {
            let noted = client.maybe_row(DOWN, &[&name]).await?;
            let why: Option<String> = noted.map(|row| row.get(0));
            (if why.is_some() { "down" } else { "ok" }, why, version.as_ref())
        }
    };
    let is_news: bool = client.row(NOTE, &[&name, &state, &why, &version]).await?.get(0);
    if is_news {
        tracing::info!(source = name, state, why, "a source");
        let told = json!({"name": name, "state": state, "why": why});
        events::publish(client, "source:changed", Audience::Everyone, &told).await?;
    }
    Ok(())
}

/// Looks at all of them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct LookAtSources {}

impl Job for LookAtSources {
    const KIND: &'static str = "sources.look";
    const QUEUE: Queue = Queue::Network;
    const MAX_ATTEMPTS: i32 = 3;

    fn unique_key(&self) -> Option<String> {
        Some("all".into())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        let all = adapters(&context.app.settings);
        let looks = all.iter().map(|adapter| async move {
            let late = |_| Health::Down(format!("It did not answer within {} s.", PATIENCE.as_secs()));
            let looked = tokio::time::timeout(PATIENCE, adapter.health()).await;
            (adapter.name(), looked.unwrap_or_else(late))
        });
        let found = join_all(looks).await;
        let client = context.app.db.get().await?;
        for (name, health) in &found {
            note(&client, name, health).await?;
        }
        let ok = found.iter().filter(|(_, health)| matches!(health, Health::Ok { .. })).count();
        Ok(Outcome::Done(json!({"sources": found.len(), "ok": ok})))
    }
}

/// Where music comes from and who else is told, and how each of them is.
#[utoipa::path(get, path = "/sources", tag = "sources", responses((status = 200, body = Vec<Source>)))]
async fn list_sources(State(app): State<App>, _: User) -> Result<Json<Vec<Source>>> {
    Ok(Json(list(&app, &app.db.get().await?).await?))
}

/// Has all of them looked at now.
#[utoipa::path(post, path = "/sources/check", tag = "sources", extensions(("x-role" = json!("admin"))),
    responses((status = 202, body = Started)))]
async fn check_sources(State(app): State<App>, _: Admin) -> Result<(StatusCode, Json<Started>)> {
    let id = jobs::enqueue(&app.db.get().await?, &LookAtSources {}).await?;
    Ok((StatusCode::ACCEPTED, Json(Started::job(id))))
}
