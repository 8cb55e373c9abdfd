//! Logging in and out, one's own sessions, password and tickets: `/api/auth/…`.

use axum::extract::State;
use http::{HeaderMap, HeaderValue, header};
use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::access::{COOKIE, COOKIE_OVER_TLS};
use super::throttle::Attempt;
use super::{
    Account, Client, InPerson, Purpose, Session, Ticket, User, Verdict, end_other_sessions, end_session,
    find_user, forget_remembered, issue_ticket, sessions_of, set_password, start_session, verify,
};
use crate::answer::Message;
use crate::app::App;
use crate::error::{Error, Problem, Result};
use crate::input::{Json, Path};

/// Beneath `/api`.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(logout))
        .routes(routes!(me))
        .routes(routes!(change_password))
        .routes(routes!(ticket))
        .routes(routes!(list_sessions, end_other_sessions_of_me))
        .routes(routes!(end_one_session))
}

#[derive(Deserialize, ToSchema)]
struct Login {
    username: String,
    password: String,
}

/// A session has begun.
#[derive(Serialize, ToSchema)]
struct LoggedIn {
    /// For `Authorization: Bearer`; also set as a cookie.
    token: String,
    user: Account,
}

/// Logs in, for a program by the token, for a browser by the cookie.
#[utoipa::path(post, path = "/auth/login", tag = "auth", security(()),
    responses((status = 200, body = LoggedIn), (status = 401, body = Problem, description = "Name and password do not belong together")))]
async fn login(
    State(app): State<App>,
    client: Client,
    Json(login): Json<Login>,
) -> Result<(HeaderMap, axum::Json<LoggedIn>)> {
    let attempt = Attempt::begin(&app, &login.username, &client).await?;
    let user = judged(&app, &login.username, &login.password.into(), &client).await?;
    let user = user.ok_or(Error::Unauthenticated("Invalid username or password"))?;
    attempt.forgive(&app).await;
    let address = client.address_text();
    let token = start_session(&app, user.id, client.user_agent.as_deref(), address.as_deref()).await?;
    tracing::info!(user_id = user.id, address, "logged in");
    let cookie = HeaderMap::from_iter([(header::SET_COOKIE, login_cookie(&app, &client, &token))]);
    Ok((cookie, axum::Json(LoggedIn { token, user })))
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

/// What lets a browser in from now on.
pub(crate) fn login_cookie(app: &App, client: &Client, token: &str) -> HeaderValue {
    cookie_line(token, u64::from(app.settings.api.session_days) * 86_400, client.is_https)
}

/// `Lax`: another site's forms and scripts do not carry it, a link to us does.
fn cookie_line(token: &str, max_age_seconds: u64, is_https: bool) -> HeaderValue {
    let (name, secure) = if is_https { (COOKIE_OVER_TLS, "; Secure") } else { (COOKIE, "") };
    let line = format!("{name}={token}; Path=/; Max-Age={max_age_seconds}; HttpOnly; SameSite=Lax{secure}");
    HeaderValue::from_str(&line).expect("a token is hexadecimal")
}

/// Ends this session.
#[utoipa::path(post, path = "/auth/logout", tag = "auth", responses((status = 200, body = Message)))]
async fn logout(
    State(app): State<App>,
    client: Client,
    user: User,
) -> Result<(HeaderMap, axum::Json<Message>)> {
    if let Some(session_id) = user.session_id() {
        match end_session(&app.db.get().await?, session_id, user.id).await {
            // Ended already, from another window.
            Ok(()) | Err(Error::NotFound(_)) => {}
            Err(error) => return Err(error),
        }
    }
    forget_remembered(&app);
    let body = axum::Json(Message::new("Logged out successfully"));
    Ok((HeaderMap::from_iter([(header::SET_COOKIE, cookie_line("", 0, client.is_https))]), body))
}

/// Who asks. Root at the local socket has neither a row nor a day when it was made.
#[derive(Serialize, ToSchema)]
struct Me {
    id: Option<i64>,
    username: String,
    is_admin: bool,
    created_at: Option<Timestamp>,
}

/// Who is logged in.
#[utoipa::path(get, path = "/auth/me", tag = "auth", responses((status = 200, body = Me)))]
async fn me(State(app): State<App>, user: User) -> Result<axum::Json<Me>> {
    let Some(id) = user.row() else {
        let username = "root".into();
        return Ok(axum::Json(Me { id: None, username, is_admin: true, created_at: None }));
    };
    let Account { id, username, is_admin, created_at } = find_user(&app.db.get().await?, id).await?;
    Ok(axum::Json(Me { id: Some(id), username, is_admin, created_at: Some(created_at) }))
}

#[derive(Deserialize, ToSchema)]
struct ChangePassword {
    current_password: String,
    #[schema(min_length = 8, max_length = 1024)]
    new_password: String,
}

/// A sentence, and how many sessions were ended.
#[derive(Serialize, ToSchema)]
struct SessionsEnded {
    message: &'static str,
    sessions_ended: u64,
}

/// Changes one's own password, and ends all other sessions.
#[utoipa::path(put, path = "/auth/password", tag = "auth", responses((status = 200, body = SessionsEnded)))]
async fn change_password(
    State(app): State<App>,
    client: Client,
    InPerson(user): InPerson,
    Json(change): Json<ChangePassword>,
) -> Result<axum::Json<SessionsEnded>> {
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
    Ok(axum::Json(SessionsEnded { message: "Password changed", sessions_ended: ended }))
}

#[derive(Deserialize, ToSchema)]
struct AskTicket {
    purpose: Purpose,
}

/// A ticket for one purpose, good for a short time, where neither header nor cookie can be sent.
#[utoipa::path(post, path = "/auth/ticket", tag = "auth", responses((status = 200, body = Ticket)))]
async fn ticket(
    State(app): State<App>,
    user: User,
    Json(ask): Json<AskTicket>,
) -> Result<axum::Json<Ticket>> {
    Ok(axum::Json(issue_ticket(&app, &user, ask.purpose)?))
}

#[derive(Serialize, ToSchema)]
struct ListedSession {
    #[serde(flatten)]
    session: Session,
    /// The one by which this was asked.
    is_current: bool,
}

/// One's own sessions, the last used first.
#[utoipa::path(get, path = "/auth/sessions", tag = "auth", responses((status = 200, body = Vec<ListedSession>)))]
async fn list_sessions(
    State(app): State<App>,
    InPerson(user): InPerson,
) -> Result<axum::Json<Vec<ListedSession>>> {
    let sessions = sessions_of(&app.db.get().await?, user.id).await?;
    let listed = sessions
        .into_iter()
        .map(|s| ListedSession { is_current: Some(s.id) == user.session_id(), session: s });
    Ok(axum::Json(listed.collect()))
}

/// Ends one of one's own sessions.
#[utoipa::path(delete, path = "/auth/sessions/{id}", tag = "auth", responses((status = 200, body = Message)))]
async fn end_one_session(
    State(app): State<App>,
    InPerson(user): InPerson,
    Path(id): Path<i64>,
) -> Result<axum::Json<Message>> {
    end_session(&app.db.get().await?, id, user.id).await?;
    forget_remembered(&app);
    Ok(axum::Json(Message::new("Session ended")))
}

/// Ends all of one's own sessions but this one.
#[utoipa::path(delete, path = "/auth/sessions", tag = "auth", responses((status = 200, body = SessionsEnded)))]
async fn end_other_sessions_of_me(
    State(app): State<App>,
    InPerson(user): InPerson,
) -> Result<axum::Json<SessionsEnded>> {
    let ended = end_other_sessions(&app.db.get().await?, user.id, user.session_id()).await?;
    forget_remembered(&app);
    Ok(axum::Json(SessionsEnded { message: "Other sessions ended", sessions_ended: ended }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn over_tls_the_cookie_is_this_hosts_alone() {
        let line = cookie_line("00", 60, true);
        assert_eq!(
            line.to_str().unwrap(),
            "__Host-barbossa_session=00; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
        );
        let plain = cookie_line("00", 60, false);
        assert_eq!(
            plain.to_str().unwrap(),
            "barbossa_session=00; Path=/; Max-Age=60; HttpOnly; SameSite=Lax"
        );
    }
}
