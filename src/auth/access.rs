//! Who may: the one place where a request becomes a person, and a person an admin.

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, Method, header};
use tokio_postgres::Row;

use super::session::find_by_id;
use super::ticket::{Purpose, user_of_ticket};
use super::token::{self, Scope};
use super::{Account, Meter, find_by_token, find_user, find_user_by_name, proxy};
use crate::app::{App, Via};
use crate::error::{Error, Result};

/// The cookie that carries a token.
pub const COOKIE: &str = "barbossa_session";
/// The same over TLS: by this prefix a browser takes it from this very host alone, and never from a neighbour beneath the
/// same name (RFC 6265bis, 4.1.3.2).
pub const COOKIE_OVER_TLS: &str = "__Host-barbossa_session";
/// By this header root at the local socket says whom it acts for: the user's name in UTF-8.
pub const AS_USER: &str = "x-barbossa-user";

/// Whoever is known. As a handler's argument: nobody else gets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// The row in `app_user`; 0, which no row has, for root at the local socket. See [`User::row`].
    pub id: i64,
    /// The login and the folder's name.
    pub username: String,
    /// May do what [`Admin`] guards.
    pub is_admin: bool,
    /// How that is known.
    pub by: By,
}

/// By what a request showed whose it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// A login: the row in `session`.
    Session(i64),
    /// A program's token: the row in `api_token`, and what it may.
    Token(i64, Scope),
    /// The word of a proxy that is trusted.
    Proxy,
    /// Being root on this machine, at the local socket.
    Root,
}

/// An admin who is known. As a handler's argument: no member gets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin(pub User);

/// Someone who has a library of their own. As a handler's argument: root at the local socket has to say whose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person(pub User);

/// Someone with a library of their own who came in themselves. As a handler's argument: no program's token gets in, so
/// that none can make another, or change how its owner gets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InPerson(pub User);

impl User {
    /// Root at the local socket, who acts for nobody in particular.
    fn root() -> Self {
        Self { id: 0, username: "root".into(), is_admin: true, by: By::Root }
    }

    fn of(account: Account, by: By) -> Self {
        Self { id: account.id, username: account.username, is_admin: account.is_admin, by }
    }

    /// The row in `app_user`, for what remembers who it was; none for root at the local socket.
    pub fn row(&self) -> Option<i64> {
        (self.id != 0).then_some(self.id)
    }

    /// The login by which, if it was one.
    pub fn session_id(&self) -> Option<i64> {
        match self.by {
            By::Session(id) => Some(id),
            By::Token(..) | By::Proxy | By::Root => None,
        }
    }

    /// A token that may only read changes nothing. What else its scope leaves out is in `is_admin`.
    fn may(&self, method: &Method) -> Result<()> {
        let is_change = ![Method::GET, Method::HEAD, Method::OPTIONS].contains(method);
        match self.by {
            By::Token(_, Scope::Read) if is_change => {
                Err(Error::Forbidden("This token may read, and change nothing"))
            }
            _ => Ok(()),
        }
    }
}

impl From<&Row> for User {
    fn from(row: &Row) -> Self {
        Self {
            id: row.get("id"),
            username: row.get("username"),
            is_admin: row.get("is_admin"),
            by: By::Session(row.get("session_id")),
        }
    }
}

impl FromRequestParts<App> for User {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let known = match ticket_of(parts) {
            Some((ticket, purpose)) => user_of_ticket(app, &ticket, purpose).await?.into(),
            None => known(app, parts.extensions.get().copied(), &parts.headers).await?,
        };
        match known {
            Known::User(user) => {
                user.may(&parts.method)?;
                if let (Some(meter), Some(id)) = (parts.extensions.get::<Meter>(), user.row()) {
                    meter.count(app, id).await?;
                }
                Ok(user)
            }
            Known::Wrong => Err(Error::Unauthenticated("Invalid or expired token")),
            Known::Nobody => Err(Error::Unauthenticated("Missing authentication")),
        }
    }
}

impl FromRequestParts<App> for Admin {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let user = User::from_request_parts(parts, app).await?;
        if user.is_admin { Ok(Self(user)) } else { Err(Error::Forbidden("Admin access required")) }
    }
}

impl FromRequestParts<App> for Person {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let user = User::from_request_parts(parts, app).await?;
        if user.row().is_some() {
            return Ok(Self(user));
        }
        let why = "Root has no library of its own: say whose is meant (`--user NAME`, or the header X-Barbossa-User).";
        Err(Error::Invalid(why.into()))
    }
}

impl FromRequestParts<App> for InPerson {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        let Person(user) = Person::from_request_parts(parts, app).await?;
        match user.by {
            By::Token(..) => Err(Error::Forbidden("Log in for this: a token cannot do it")),
            By::Session(_) | By::Proxy | By::Root => Ok(Self(user)),
        }
    }
}

/// Whether a request shows who it is.
pub(crate) enum Known {
    User(User),
    /// It shows what is worth nothing, or nothing any more.
    Wrong,
    Nobody,
}

impl From<Option<User>> for Known {
    fn from(user: Option<User>) -> Self {
        user.map_or(Self::Wrong, Self::User)
    }
}

/// What the headers of a request that came by this door show: a token before all, since a program sends it on purpose;
/// then who is at the other end; then the cookie, which a browser sends by itself.
pub(crate) async fn known(app: &App, via: Option<Via>, headers: &HeaderMap) -> Result<Known> {
    if let Some(token) = bearer(headers) {
        return Ok(find_by_token(app, token).await?.into());
    }
    if via == Some(Via::Root) {
        return root(app, headers).await.map(Known::User);
    }
    if let Some(name) = proxy::claim(&app.settings.forward_auth, via, headers) {
        return proxy::user(app, &name).await.map(Known::User);
    }
    match cookie(headers) {
        Some(token) => Ok(find_by_token(app, token).await?.into()),
        None => Ok(Known::Nobody),
    }
}

/// The same user as they are now, if what they were known by still holds; always asks the database.
pub(crate) async fn still_known(app: &App, user: &User) -> Result<Option<User>> {
    match user.by {
        By::Session(id) => return find_by_id(app, id).await,
        By::Token(id, _) => return token::find_by_id(&app.db.get().await?, id).await,
        By::Proxy | By::Root => {}
    }
    let Some(id) = user.row() else { return Ok(Some(user.clone())) };
    match find_user(&app.db.get().await?, id).await {
        Ok(account) => Ok(Some(User::of(account, user.by))),
        Err(Error::NotFound(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Root itself, or whom it acts for, with that one's rights.
async fn root(app: &App, headers: &HeaderMap) -> Result<User> {
    let Some(name) = headers.get(AS_USER) else { return Ok(User::root()) };
    let name = String::from_utf8_lossy(name.as_bytes());
    match find_user_by_name(&app.db.get().await?, &name).await {
        Ok(account) => Ok(User::of(account, By::Root)),
        Err(Error::NotFound(_)) => {
            Err(Error::Invalid(format!("Nobody here is called {name}: `barbossa users list` shows who is.")))
        }
        Err(error) => Err(error),
    }
}

/// The token of `Authorization: Bearer …` (RFC 6750).
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

/// The token in the session's cookie; the one that nobody else can have set goes first.
pub(crate) fn cookie(headers: &HeaderMap) -> Option<&str> {
    cookie_named(headers, COOKIE_OVER_TLS).or_else(|| cookie_named(headers, COOKIE))
}

/// What a cookie holds, if it is there and not empty.
pub(crate) fn cookie_named<'a>(headers: &'a HeaderMap, wanted: &str) -> Option<&'a str> {
    let lines = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut pairs = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(name, value)| *name == wanted && !value.is_empty()).map(|(_, value)| value)
}

/// Only for reading a track's sound or an archive: a player or a program that downloads can send neither header nor
/// cookie. A token, which a program sends on purpose, goes before it.
fn ticket_of(parts: &Parts) -> Option<(String, Purpose)> {
    if bearer(&parts.headers).is_some() || ![Method::GET, Method::HEAD].contains(&parts.method) {
        return None;
    }
    let purpose = match parts.uri.path().rsplit('/').next()? {
        "stream" => Purpose::Stream,
        "download" => Purpose::Download,
        _ => return None,
    };
    Some((parameter(parts.uri.query()?, "ticket")?, purpose))
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
        let token = bearer(&parts.headers).map(|token| format!("token {token}"));
        let ticket = || ticket_of(parts).map(|(ticket, _)| format!("ticket {ticket}"));
        let cookie = || cookie(&parts.headers).map(|token| format!("cookie {token}"));
        token.or_else(ticket).or_else(cookie).unwrap_or_else(|| "nothing".into())
    }

    #[test]
    fn a_header_goes_before_a_ticket_and_a_ticket_before_a_cookie() {
        let all = [("authorization", "bearer abc"), ("cookie", "x=1; barbossa_session=def")];
        let whole = parts("GET", "/api/tracks/1/stream?ticket=t", &all);
        assert_eq!((shown(&whole).as_str(), ticket_of(&whole)), ("token abc", None));
        assert_eq!(shown(&parts("GET", "/api/tracks/1/stream?ticket=t", &all[1..])), "ticket t");
        assert_eq!(shown(&parts("GET", "/api/tracks/1/stream", &all[1..])), "cookie def");
    }

    #[test]
    fn the_cookie_that_only_this_host_can_set_goes_first() {
        let both = [("cookie", "barbossa_session=planted; __Host-barbossa_session=ours")];
        assert_eq!(shown(&parts("GET", "/", &both)), "cookie ours");
    }

    #[test]
    fn a_ticket_counts_nowhere_but_in_a_stream() {
        assert_eq!(shown(&parts("GET", "/api/albums?ticket=t", &[])), "nothing");
        assert_eq!(shown(&parts("POST", "/api/tracks/1/stream?ticket=t", &[])), "nothing");
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
            assert_eq!(shown(&parts("GET", "/", &[(name, value)])), "nothing", "{name}: {value}");
        }
    }

    #[tokio::test]
    async fn root_is_believed_at_the_local_socket_only() {
        let app = App::new("test", crate::config::Settings::default(), 1).unwrap();
        let of = async |via: Option<Via>| {
            let mut parts = parts("GET", "/api/albums", &[]);
            if let Some(via) = via {
                parts.extensions.insert(via);
            }
            User::from_request_parts(&mut parts, &app).await
        };
        assert_eq!(of(Some(Via::Root)).await.unwrap(), User::root());
        for via in [None, Some(Via::Nginx), Some(Via::Direct)] {
            assert!(matches!(of(via).await, Err(Error::Unauthenticated(_))), "{via:?}");
        }
    }
}
