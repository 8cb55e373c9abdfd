//! Logging in and out, one's own sessions, password and tickets: `/api/auth/…`.

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use http::{HeaderMap, HeaderValue, header};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::access::COOKIE;
use super::throttle::Attempt;
use super::{
    Account, Client, Person, Purpose, Session, Ticket, User, Verdict, end_other_sessions, end_session,
    find_user, forget_remembered, issue_ticket, sessions_of, set_password, start_session, verify,
};
use crate::app::App;
use crate::error::{Error, Result};
use crate::input::{Json, Path};

/// Beneath `/api`.
pub fn routes() -> Router<App> {
    Router::new()
        .route("/auth/login", post(login))
        .route("/auth/logout", post(logout))
        .route("/auth/me", get(me))
        .route("/auth/password", put(change_password))
        .route("/auth/ticket", post(ticket))
        .route("/auth/sessions", get(list_sessions).delete(end_all_others))
        .route("/auth/sessions/{id}", delete(end_one))
}

#[derive(Deserialize)]
struct Login {
    username: String,
    password: String,
}

async fn login(State(app): State<App>, client: Client, Json(login): Json<Login>) -> Result<Response> {
    let attempt = Attempt::begin(&app, &login.username, &client).await?;
    let user = judged(&app, &login.username, &login.password.into(), &client).await?;
    let user = user.ok_or(Error::Unauthenticated("Invalid username or password"))?;
    attempt.forgive(&app).await;
    let address = client.address_text();
    let token = start_session(&app, user.id, client.user_agent.as_deref(), address.as_deref()).await?;
    tracing::info!(user_id = user.id, address, "logged in");
    let max_age_seconds = u64::from(app.settings.api.session_days) * 86_400;
    let cookie = cookie(&token, max_age_seconds, client.is_https);
    Ok((cookie, axum::Json(json!({"token": token, "user": user}))).into_response())
}

/// The account, if name and password belong together. A name that nobody has may be a password typed into the wrong
/// field: the journal does not get it.
async fn judged(
    app: &App,
    username: &str,
    password: &SecretString,
    client: &Client,
) -> Result<Option<Account>> {
    let address = client.address_text();
    Ok(match verify(app, username, password).await? {
        Verdict::Right(user) => Some(user),
        Verdict::WrongPassword { user_id } => {
            tracing::warn!(user_id, address, "wrong password");
            None
        }
        Verdict::NoSuchUser => {
            tracing::warn!(address, "login with a name that nobody has");
            None
        }
    })
}

/// `Lax`: another site's forms and scripts do not carry it, a link to us does.
fn cookie(token: &str, max_age_seconds: u64, is_https: bool) -> HeaderMap {
    let secure = if is_https { "; Secure" } else { "" };
    let line = format!("{COOKIE}={token}; Path=/; Max-Age={max_age_seconds}; HttpOnly; SameSite=Lax{secure}");
    let line = HeaderValue::from_str(&line).expect("a token is hexadecimal");
    HeaderMap::from_iter([(header::SET_COOKIE, line)])
}

async fn logout(State(app): State<App>, client: Client, user: User) -> Result<Response> {
    if let Some(session_id) = user.session_id() {
        match end_session(&app.db.get().await?, session_id, user.id).await {
            // Ended already, from another window.
            Ok(()) | Err(Error::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    forget_remembered(&app);
    let body = axum::Json(json!({"message": "Logged out successfully"}));
    Ok((cookie("", 0, client.is_https), body).into_response())
}

/// Who asks. Root at the local socket has neither a row nor a day when it was made.
#[derive(Serialize)]
#[serde(untagged)]
enum Me {
    Account(Account),
    Root { id: (), username: &'static str, is_admin: bool, created_at: () },
}

async fn me(State(app): State<App>, user: User) -> Result<axum::Json<Me>> {
    Ok(axum::Json(match user.row() {
        Some(id) => Me::Account(find_user(&app.db.get().await?, id).await?),
        None => Me::Root { id: (), username: "root", is_admin: true, created_at: () },
    }))
}

#[derive(Deserialize)]
struct ChangePassword {
    current_password: String,
    new_password: String,
}

async fn change_password(
    State(app): State<App>,
    client: Client,
    Person(user): Person,
    Json(change): Json<ChangePassword>,
) -> Result<axum::Json<serde_json::Value>> {
    let attempt = Attempt::begin(&app, &user.username, &client).await?;
    if judged(&app, &user.username, &change.current_password.into(), &client).await?.is_none() {
        return Err(Error::Invalid("The current password is not right.".into()));
    }
    attempt.forgive(&app).await;
    let mut connection = app.db.get().await?;
    let tx = connection.transaction().await?;
    set_password(&tx, user.id, &change.new_password.into()).await?;
    let ended = end_other_sessions(&tx, user.id, user.session_id()).await?;
    tx.commit().await?;
    forget_remembered(&app);
    tracing::info!(user_id = user.id, sessions_ended = ended, "password changed");
    Ok(axum::Json(json!({"message": "Password changed", "sessions_ended": ended})))
}

#[derive(Deserialize)]
struct AskTicket {
    purpose: Purpose,
}

async fn ticket(
    State(app): State<App>,
    user: User,
    Json(ask): Json<AskTicket>,
) -> Result<axum::Json<Ticket>> {
    Ok(axum::Json(issue_ticket(&app, &user, ask.purpose)?))
}

#[derive(Serialize)]
struct Listed {
    #[serde(flatten)]
    session: Session,
    is_current: bool,
}

async fn list_sessions(State(app): State<App>, Person(user): Person) -> Result<axum::Json<Vec<Listed>>> {
    let sessions = sessions_of(&app.db.get().await?, user.id).await?;
    let listed =
        sessions.into_iter().map(|s| Listed { is_current: Some(s.id) == user.session_id(), session: s });
    Ok(axum::Json(listed.collect()))
}

async fn end_one(
    State(app): State<App>,
    Person(user): Person,
    Path(id): Path<i64>,
) -> Result<axum::Json<serde_json::Value>> {
    end_session(&app.db.get().await?, id, user.id).await?;
    forget_remembered(&app);
    Ok(axum::Json(json!({"message": "Session ended"})))
}

async fn end_all_others(
    State(app): State<App>,
    Person(user): Person,
) -> Result<axum::Json<serde_json::Value>> {
    let ended = end_other_sessions(&app.db.get().await?, user.id, user.session_id()).await?;
    forget_remembered(&app);
    Ok(axum::Json(json!({"message": "Other sessions ended", "sessions_ended": ended})))
}
