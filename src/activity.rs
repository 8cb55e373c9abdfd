//! Who did what: one line for each change that a person made, written in the change's own transaction and told to those
//! who listen. Owns `activity`.

use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_postgres::Row;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::{Admin, Person};
use crate::db::{Params, Sql};
use crate::error::{Error, Result};
use crate::events::{self, Audience};
use crate::input::Query;

const RECORD: &str = "insert into activity (user_id, action, entity_type, entity_id, details, address)
    values ($1, $2, $3, $4, $5, $6) returning id, coalesce((select username from app_user where app_user.id = $1),
        case when address = 'local' then 'root' end) as username";

/// Writes a line and publishes `activity`; the line's id. `who` is none for what the house did by itself, for an admin at
/// the command line, and for root at the local socket, whose address is `local`; `action` a verb (`heart`, `delete`, `quality_upgrade`), `entity` what it was done to
/// (`("album", 7)`), `details` what a reader would ask next (before and after; `artist`, `title`).
pub async fn record(
    client: &impl Sql,
    who: Option<i64>,
    action: &str,
    entity: Option<(&str, i64)>,
    details: Option<&Value>,
    address: Option<&str>,
) -> Result<i64> {
    let (entity_type, entity_id) = entity.unzip();
    let row = client.row(RECORD, &[&who, &action, &entity_type, &entity_id, &details, &address]).await?;
    let username: Option<&str> = row.get("username");
    let news = news((who, username), action, entity, details);
    events::publish(client, "activity", audience(entity_type), &news).await?;
    Ok(row.get("id"))
}

/// What happens to the music is everyone's news; the rest is the admins'.
fn audience(entity_type: Option<&str>) -> Audience {
    match entity_type {
        Some("artist" | "album" | "track") => Audience::Everyone,
        _ => Audience::Admins,
    }
}

/// As clients read it: also with `album_id`, `artist`, `title` of its own where there are some.
fn news(
    (user_id, username): (Option<i64>, Option<&str>),
    action: &str,
    entity: Option<(&str, i64)>,
    details: Option<&Value>,
) -> Value {
    let mut news = json!({"action": action, "user_id": user_id, "username": username, "details": details});
    if let Some((entity_type, entity_id)) = entity {
        news["entity_type"] = entity_type.into();
        news["entity_id"] = entity_id.into();
        news[format!("{entity_type}_id")] = entity_id.into();
    }
    for name in ["artist", "title"] {
        if let Some(value) = details.and_then(|d| d.get(name)) {
            news[name] = value.clone();
        }
    }
    news
}

/// Beneath `/api`.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(all_activity)).routes(routes!(my_activity))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// At most so many.
    #[serde(default = "one_hundred")]
    #[param(minimum = 1, maximum = 500)]
    limit: i64,
    /// Behind so many.
    #[serde(default)]
    #[param(minimum = 0)]
    offset: i64,
    /// Only this: `heart`, `delete`, …
    action: Option<String>,
}

fn one_hundred() -> i64 {
    100
}

/// Lines, the newest first.
#[derive(Serialize, ToSchema)]
struct Lines {
    items: Vec<Line>,
    /// As asked.
    limit: i64,
    /// As asked.
    offset: i64,
}

/// Who did what.
#[derive(Serialize, ToSchema)]
#[schema(as = Activity)]
struct Line {
    id: i64,
    /// Null for what the house did by itself.
    user_id: Option<i64>,
    username: Option<String>,
    /// `heart`, `delete`, `quality_upgrade`, …
    action: String,
    /// `album`, `track`, `artist`, `user`, …
    entity_type: Option<String>,
    entity_id: Option<i64>,
    /// What a reader would ask next: before and after, `artist`, `title`.
    details: Option<Value>,
    ip_address: Option<String>,
    created_at: Timestamp,
}

const ALL: &str = "select a.id, a.user_id, coalesce(u.username, case when a.address = 'local' then 'root' end) as username, a.action, a.entity_type, a.entity_id, a.details, a.address, a.created_at
    from activity a left join app_user u on u.id = a.user_id
    where $1::text is null or a.action = $1
    order by a.created_at desc, a.id desc limit $2 offset $3";
const MINE: &str = "select a.id, a.user_id, coalesce(u.username, case when a.address = 'local' then 'root' end) as username, a.action, a.entity_type, a.entity_id, a.details, a.address, a.created_at
    from activity a left join app_user u on u.id = a.user_id
    where a.user_id = $4 and ($1::text is null or a.action = $1)
    order by a.created_at desc, a.id desc limit $2 offset $3";

impl Which {
    fn check(&self) -> Result<()> {
        if !(1..=500).contains(&self.limit) {
            return Err(Error::Parameter { field: "limit", message: "must be from 1 to 500".into() });
        }
        if self.offset < 0 {
            return Err(Error::Parameter { field: "offset", message: "must not be negative".into() });
        }
        if self.action.as_deref().is_some_and(|a| a.contains('\0')) {
            return Err(Error::Parameter {
                field: "action",
                message: "must not hold a NUL character".into(),
            });
        }
        Ok(())
    }
}

/// What everybody did, the newest first.
#[utoipa::path(get, path = "/admin/activity", tag = "activity", params(Which), extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = Lines)))]
async fn all_activity(
    State(app): State<App>,
    _: Admin,
    Query(which): Query<Which>,
) -> Result<axum::Json<Lines>> {
    which.check()?;
    let rows = app.db.get().await?.rows(ALL, &[&which.action, &which.limit, &which.offset]).await?;
    Ok(axum::Json(lines(&rows, &which)))
}

/// What I did, the newest first.
#[utoipa::path(get, path = "/me/activity", tag = "activity", params(Which), responses((status = 200, body = Lines)))]
async fn my_activity(
    State(app): State<App>,
    Person(user): Person,
    Query(which): Query<Which>,
) -> Result<axum::Json<Lines>> {
    which.check()?;
    let params: Params<'_> = &[&which.action, &which.limit, &which.offset, &user.id];
    let rows = app.db.get().await?.rows(MINE, params).await?;
    Ok(axum::Json(lines(&rows, &which)))
}

fn lines(rows: &[Row], which: &Which) -> Lines {
    let line = |row: &Row| Line {
        id: row.get("id"),
        user_id: row.get("user_id"),
        username: row.get("username"),
        action: row.get("action"),
        entity_type: row.get("entity_type"),
        entity_id: row.get("entity_id"),
        details: row.get("details"),
        ip_address: row.get("address"),
        created_at: row.get("created_at"),
    };
    Lines { items: rows.iter().map(line).collect(), limit: which.limit, offset: which.offset }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn news_of_the_music_is_for_all_and_names_it() {
        let details = json!({"artist": "Kino", "title": "Gruppa krovi", "year": 1988});
        let news = news((Some(3), Some("ada")), "heart", Some(("album", 7)), Some(&details));
        assert_eq!((news["album_id"].as_i64(), news["title"].as_str()), (Some(7), Some("Gruppa krovi")));
        assert_eq!((news["username"].as_str(), news["entity_type"].as_str()), (Some("ada"), Some("album")));
        assert_eq!(audience(Some("album")), Audience::Everyone);
    }

    #[test]
    fn news_of_people_is_the_admins() {
        assert_eq!(audience(Some("user")), Audience::Admins);
        assert_eq!(audience(None), Audience::Admins);
    }
}
