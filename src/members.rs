//! The household's people, as an admin sees them: `/api/admin/users…`; and what programs get in with. The rows are
//! auth's; each change leaves a line in the activity.

mod tokens;

use axum::extract::{RawQuery, State};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer::Status;
use crate::app::App;
use crate::auth::{self, Account, Admin, Client, NewUser};
use crate::error::{Error, Result};
use crate::input::{Json, Path};
use crate::{activity, db};

/// Beneath `/api`.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_users, create_user))
        .routes(routes!(find_user, change_user, remove_user))
        .merge(tokens::routes())
}

/// Everyone, by name.
#[utoipa::path(get, path = "/admin/users", tag = "users", extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = Vec<Account>)))]
async fn list_users(State(app): State<App>, _: Admin) -> Result<axum::Json<Vec<Account>>> {
    Ok(axum::Json(auth::users(&app.db.get().await?).await?))
}

/// One account.
#[utoipa::path(get, path = "/admin/users/{id}", tag = "users", extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = Account)))]
async fn find_user(State(app): State<App>, _: Admin, Path(id): Path<i64>) -> Result<axum::Json<Account>> {
    Ok(axum::Json(auth::find_user(&app.db.get().await?, id).await?))
}

#[derive(Deserialize, ToSchema)]
struct CreateUser {
    /// Also the name of their folder.
    username: String,
    #[schema(min_length = 8, max_length = 1024)]
    password: String,
    #[serde(default)]
    is_admin: bool,
}

/// Makes an account.
#[utoipa::path(post, path = "/admin/users", tag = "users", extensions(("x-role" = json!("admin"))),
    responses((status = 201, body = Account)))]
async fn create_user(
    State(app): State<App>,
    admin: Admin,
    client: Client,
    Json(new): Json<CreateUser>,
) -> Result<(StatusCode, axum::Json<Account>)> {
    let mut connection = app.db.get().await?;
    let tx = connection.transaction().await?;
    let password = new.password.into();
    let new = NewUser { username: &new.username, password: &password, is_admin: new.is_admin };
    let account = auth::create_user(&tx, new).await?;
    let details = json!({"username": account.username, "is_admin": account.is_admin});
    record(&tx, &admin, "user_create", account.id, &details, &client).await?;
    tx.commit().await?;
    Ok((StatusCode::CREATED, axum::Json(account)))
}

#[derive(Deserialize, ToSchema)]
struct ChangeUser {
    #[schema(min_length = 8, max_length = 1024)]
    password: Option<String>,
    is_admin: Option<bool>,
}

/// Changes what is given; a new password ends the sessions of whoever knew the old one.
#[utoipa::path(put, path = "/admin/users/{id}", tag = "users", extensions(("x-role" = json!("admin"))),
    request_body = ChangeUser, responses((status = 200, body = Account)))]
async fn change_user(
    State(app): State<App>,
    admin: Admin,
    client: Client,
    Path(id): Path<i64>,
    RawQuery(query): RawQuery,
    body: Result<Json<ChangeUser>, Error>,
) -> Result<axum::Json<Account>> {
    if query.is_some_and(|q| q.split('&').any(|pair| pair.starts_with("password="))) {
        let why = "A password does not belong into a URL, where logs keep it: send it in a JSON body.";
        return Err(Error::Invalid(why.into()));
    }
    let Json(change) = body?;
    let mut connection = app.db.get().await?;
    let tx = connection.transaction().await?;
    if let Some(is_admin) = change.is_admin {
        auth::set_admin(&tx, id, is_admin).await?;
    }
    if let Some(password) = &change.password {
        auth::set_password(&tx, id, &password.as_str().into()).await?;
        // Whoever knew the old one is out; the admin who changes his own stays in.
        if id == admin.0.id {
            auth::end_other_sessions(&tx, id, admin.0.session_id()).await?;
        } else {
            auth::end_sessions_of(&tx, id).await?;
        }
    }
    let account = auth::find_user(&tx, id).await?;
    let details = json!({
        "username": account.username,
        "is_admin": change.is_admin,
        "is_password_changed": change.password.is_some(),
    });
    record(&tx, &admin, "user_update", id, &details, &client).await?;
    tx.commit().await?;
    auth::forget_remembered(&app);
    Ok(axum::Json(account))
}

/// Removes an account with its hearts and folder; the music stays.
#[utoipa::path(delete, path = "/admin/users/{id}", tag = "users", extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = Status)))]
async fn remove_user(
    State(app): State<App>,
    admin: Admin,
    client: Client,
    Path(id): Path<i64>,
) -> Result<axum::Json<Status>> {
    if id == admin.0.id {
        return Err(Error::Invalid("Cannot delete yourself".into()));
    }
    let mut connection = app.db.get().await?;
    let tx = connection.transaction().await?;
    let account = auth::find_user(&tx, id).await?;
    auth::remove_user(&tx, id).await?;
    record(&tx, &admin, "user_delete", id, &json!({"username": account.username}), &client).await?;
    tx.commit().await?;
    auth::forget_remembered(&app);
    Ok(axum::Json(Status { status: "deleted" }))
}

async fn record(
    tx: &db::Transaction<'_>,
    admin: &Admin,
    action: &str,
    user_id: i64,
    details: &Value,
    client: &Client,
) -> Result<()> {
    let address = client.address_text();
    activity::record(tx, admin.0.row(), action, Some(("user", user_id)), Some(details), address.as_deref())
        .await?;
    Ok(())
}
