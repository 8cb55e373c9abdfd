//! Who may: the one place where a request becomes a person, and a person an admin.

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, Method, header};
use tokio_postgres::Row;

use super::find_by_token;
use super::ticket::{Purpose, user_of_ticket};
use crate::app::App;
use crate::error::{Error, Result};

/// The cookie that carries a token.
pub const COOKIE: &str = "barbossa_session";

/// Whoever is logged in. As a handler's argument: nobody else gets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The row in `app_user`.
    pub id: i64,
    /// The login and the folder's name.
    pub username: String,
    /// May do what [`Admin`] guards.
    pub is_admin: bool,
    /// The session by which.
    pub session_id: i64,
}

/// An admin who is logged in. As a handler's argument: no member gets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin(pub User);

impl From<&Row> for User {
    fn from(row: &Row) -> Self {
        Self {
            id: row.get("id"),
            username: row.get("username"),
            is_admin: row.get("is_admin"),
            session_id: row.get("session_id"),
        }
    }
}

impl FromRequestParts<App> for User {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let found = match proof(parts) {
            Proof::None => return Err(Error::Unauthenticated("Missing authentication")),
            Proof::Token(token) => find_by_token(app, token).await?,
            Proof::Ticket(ticket) => user_of_ticket(app, &ticket, Purpose::Stream).await?,
        };
        found.ok_or(Error::Unauthenticated("Invalid or expired token"))
    }
}

impl FromRequestParts<App> for Admin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let user = User::from_request_parts(parts, app).await?;
        if user.is_admin { Ok(Self(user)) } else { Err(Error::Forbidden("Admin access required")) }
    }
}

enum Proof<'a> {
    None,
    Token(&'a str),
    Ticket(String),
}

/// What a request shows: a header before all, since a program sets it on purpose; a ticket where one is accepted; the
/// cookie, which a browser sends by itself.
fn proof(parts: &Parts) -> Proof<'_> {
    if let Some(token) = bearer(&parts.headers) {
        return Proof::Token(token);
    }
    if let Some(ticket) = stream_ticket(parts) {
        return Proof::Ticket(ticket);
    }
    cookie(&parts.headers).map_or(Proof::None, Proof::Token)
}

/// The token of `Authorization: Bearer …` (RFC 6750).
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// The token in the session's cookie.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, value)| *name == COOKIE && !value.is_empty()).map(|(_, value)| value)
}

/// Only for reading a track's sound: a player outside the browser can send neither header nor cookie.
fn stream_ticket(parts: &Parts) -> Option<String> {
    let is_stream =
        [Method::GET, Method::HEAD].contains(&parts.method) && parts.uri.path().ends_with("/stream");
    if is_stream { parameter(parts.uri.query()?, "ticket") } else { None }
}

/// The ticket or token of a query. Neither has a character that a URL would have to escape.
pub(crate) fn parameter(query: &str, name: &str) -> Option<String> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(method: &str, uri: &str, headers: &[(&str, &str)]) -> Parts {
        let mut request = http::Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(()).unwrap().into_parts().0
    }

    fn shown(parts: &Parts) -> String {
        match proof(parts) {
            Proof::None => "none".into(),
            Proof::Token(token) => format!("token {token}"),
            Proof::Ticket(ticket) => format!("ticket {ticket}"),
        }
    }

    #[test]
    fn a_header_goes_before_a_ticket_and_a_ticket_before_a_cookie() {
        let all = [("authorization", "bearer abc"), ("cookie", "x=1; barbossa_session=def")];
        assert_eq!(shown(&parts("GET", "/api/tracks/1/stream?ticket=t", &all)), "token abc");
        assert_eq!(shown(&parts("GET", "/api/tracks/1/stream?ticket=t", &all[1..])), "ticket t");
        assert_eq!(shown(&parts("GET", "/api/tracks/1/stream", &all[1..])), "token def");
    }

    #[test]
    fn a_ticket_counts_nowhere_but_in_a_stream() {
        assert_eq!(shown(&parts("GET", "/api/albums?ticket=t", &[])), "none");
        assert_eq!(shown(&parts("POST", "/api/tracks/1/stream?ticket=t", &[])), "none");
    }

    #[test]
    fn what_is_no_token_is_nothing() {
        for (name, value) in [
            ("authorization", "Basic abc"),
            ("authorization", "Bearer"),
            ("cookie", "barbossa_session="),
            ("cookie", "not_barbossa_session=abc"),
            ("cookie", ";;=;"),
        ] {
            assert_eq!(shown(&parts("GET", "/", &[(name, value)])), "none", "{name}: {value}");
        }
    }
}
