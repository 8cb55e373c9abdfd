//! Imports with their evidence, for clients: an admin's view of all, a member's of their own. Beneath `/api`.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::show::{Asked, Shown};
use crate::app::App;
use crate::auth::User;
use crate::error::{Error, Result};
use crate::input::{Path, Query};

/// Beneath `/api`.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_imports)).routes(routes!(find_import))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// `waiting`, `planned`, …, `done`, `review`, `rejected`, `duplicate`, `failed`.
    state: Option<String>,
    /// Those that became this album, or part of it; whoever sees the album may see why it was taken for that.
    album_id: Option<i64>,
    /// Older than the import of this id.
    before: Option<i64>,
    /// At most so many.
    #[param(minimum = 1, maximum = 200)]
    #[serde(default = "fifty")]
    limit: i64,
}

fn fifty() -> i64 {
    50
}

/// Imports, the newest first: an admin's view of all, a member's of their own.
#[utoipa::path(get, path = "/import", tag = "import", params(Which), responses((status = 200, body = Vec<Shown>)))]
async fn list_imports(
    State(app): State<App>,
    user: User,
    Query(which): Query<Which>,
) -> Result<Json<Vec<Shown>>> {
    if !(1..=200).contains(&which.limit) {
        return Err(Error::Parameter { field: "limit", message: "must be from 1 to 200".into() });
    }
    let Which { state, album_id, before, limit } = which;
    let requested_by = (!user.is_admin && album_id.is_none()).then_some(user.id);
    let asked = Asked { state, requested_by, album_id, before, limit };
    Ok(Json(Shown::list(&app.db.get().await?, &asked).await?))
}

/// One import with its evidence.
#[utoipa::path(get, path = "/import/{id}", tag = "import", responses((status = 200, body = Shown)))]
async fn find_import(State(app): State<App>, user: User, Path(id): Path<i64>) -> Result<Json<Shown>> {
    let shown = Shown::find(&app.db.get().await?, id).await?;
    // Somebody else's is as good as none.
    if !user.is_admin && shown.requested_by != Some(user.id) {
        return Err(Error::NotFound("Import not found"));
    }
    Ok(Json(shown))
}
