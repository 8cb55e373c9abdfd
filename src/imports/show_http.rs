//! Imports with their evidence, for clients: an admin's view of all, a member's of their own. Beneath `/api`.

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::Deserialize;

use super::show::{Asked, Shown};
use crate::app::App;
use crate::auth::User;
use crate::error::{Error, Result};
use crate::input::{Path, Query};

/// Beneath `/api`.
pub fn routes() -> Router<App> {
    Router::new().route("/import", get(list)).route("/import/{id}", get(one))
}

#[derive(Deserialize)]
struct Which {
    state: Option<String>,
    before: Option<i64>,
    #[serde(default = "fifty")]
    limit: i64,
}

fn fifty() -> i64 {
    50
}

async fn list(State(app): State<App>, user: User, Query(which): Query<Which>) -> Result<Json<Vec<Shown>>> {
    if !(1..=200).contains(&which.limit) {
        return Err(Error::Field { field: "limit", message: "must be from 1 to 200".into() });
    }
    let requested_by = (!user.is_admin).then_some(user.id);
    let asked = Asked { state: which.state, requested_by, before: which.before, limit: which.limit };
    Ok(Json(Shown::list(&app.db.get().await?, &asked).await?))
}

async fn one(State(app): State<App>, user: User, Path(id): Path<i64>) -> Result<Json<Shown>> {
    let shown = Shown::find(&app.db.get().await?, id).await?;
    // Somebody else's is as good as none.
    if !user.is_admin && shown.requested_by != Some(user.id) {
        return Err(Error::NotFound("Import not found"));
    }
    Ok(Json(shown))
}
