//! A person's tokens for programs: `/api/auth/tokens…`. No token makes another one.

use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::activity;
use crate::answer::Message;
use crate::app::App;
use crate::auth::{
    ApiToken, Client, InPerson, NewToken, Scope, User, forget_remembered, issue_token, revoke_token,
    tokens_of,
};
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::input::{Json, Path};

const MOST_DAYS: u16 = 3650;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list_tokens, create_token)).routes(routes!(revoke_own_token))
}

/// One's own tokens for programs, the newest first.
#[utoipa::path(get, path = "/auth/tokens", tag = "auth", responses((status = 200, body = Vec<ApiToken>)))]
async fn list_tokens(State(app): State<App>, InPerson(user): InPerson) -> Result<axum::Json<Vec<ApiToken>>> {
    Ok(axum::Json(tokens_of(&app.db.get().await?, user.id).await?))
}

#[derive(Deserialize, ToSchema)]
#[schema(as = NewToken)]
struct Ask {
    /// What it is for, in one's own words.
    #[schema(min_length = 1, max_length = 100)]
    name: String,
    /// What it may.
    #[serde(default = "read")]
    scope: Scope,
    /// Days until it ends by itself; left out: it does not.
    #[schema(minimum = 1, maximum = 3650)]
    expires_in_days: Option<u16>,
}

fn read() -> Scope {
    Scope::Read
}

/// The only time that the token is told.
#[derive(Serialize, ToSchema)]
#[schema(as = IssuedToken)]
struct Issued {
    /// For `Authorization: Bearer …`.
    token: String,
    #[serde(flatten)]
    about: ApiToken,
}

/// Makes a token for a program. It is told this once.
#[utoipa::path(post, path = "/auth/tokens", tag = "auth", responses((status = 201, body = Issued)))]
async fn create_token(
    State(app): State<App>,
    InPerson(user): InPerson,
    client: Client,
    Json(ask): Json<Ask>,
) -> Result<(StatusCode, axum::Json<Issued>)> {
    if ask.expires_in_days.is_some_and(|days| !(1..=MOST_DAYS).contains(&days)) {
        let message = format!("must be from 1 to {MOST_DAYS}, or left out");
        return Err(Error::Field { field: "expires_in_days", message });
    }
    let new = NewToken { name: &ask.name, scope: ask.scope, days: ask.expires_in_days };
    let mut connection = app.db.get().await?;
    let tx = connection.transaction().await?;
    let (about, token) = issue_token(&tx, user.id, new).await?;
    note(&tx, "token_create", &user, &about, &client).await?;
    tx.commit().await?;
    tracing::info!(user_id = user.id, token_id = about.id, scope = about.scope.name(), "a token was made");
    Ok((StatusCode::CREATED, axum::Json(Issued { token, about })))
}

/// Ends one of one's own tokens, at once and everywhere.
#[utoipa::path(delete, path = "/auth/tokens/{id}", tag = "auth", responses((status = 200, body = Message)))]
async fn revoke_own_token(
    State(app): State<App>,
    InPerson(user): InPerson,
    client: Client,
    Path(id): Path<i64>,
) -> Result<axum::Json<Message>> {
    let mut connection = app.db.get().await?;
    let tx = connection.transaction().await?;
    let about = revoke_token(&tx, id, user.id).await?;
    note(&tx, "token_revoke", &user, &about, &client).await?;
    tx.commit().await?;
    forget_remembered(&app);
    tracing::info!(user_id = user.id, token_id = id, "a token was revoked");
    Ok(axum::Json(Message::new("Token revoked")))
}

/// A line for the admins: who lets what in.
async fn note(tx: &impl Sql, action: &str, user: &User, about: &ApiToken, client: &Client) -> Result<()> {
    let details = json!({
        "username": user.username, "name": about.name, "scope": about.scope, "token_id": about.id,
    });
    let (entity, address) = (Some(("user", user.id)), client.address_text());
    activity::record(tx, user.row(), action, entity, Some(&details), address.as_deref()).await?;
    Ok(())
}
