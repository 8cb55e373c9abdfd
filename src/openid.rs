//! Logging in at an OpenID provider, where the settings name one: `/api/auth/oidc…`. Owns `user_identity`.
//!
//! Who comes back is known by the provider's subject, never by a name or an address: either connected by a person who was
//! logged in here, or brought by the provider where the settings let it. What one login is known by stays with the browser
//! that began it, in a cookie, so that any api process can end it.

use std::time::{Duration, Instant};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use subtle::ConstantTimeEq;
use tokio::sync::Mutex;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::activity;
use crate::app::App;
use crate::auth::{self, Account, Client, InPerson, NewUser, access};
use crate::db::{Sql, Transaction};
use crate::error::{Error, Problem, Result};
use crate::input::Query;
use crate::integrations::openid::{self, Asked, Discovery, Doubt, Expected, Person};
use crate::integrations::{Trouble, Web};

/// Only our own routes get it, and only in the browser that asked for it.
const COOKIE: &str = "barbossa_oidc";
const COOKIE_PATH: &str = "/api/auth/oidc";
/// How long a person may take to log in there.
const MINUTES: u32 = 10;
/// How long the provider's word about itself is kept.
const KEPT: Duration = Duration::from_secs(3600);
/// A token with a new key has the keys asked for again, at most so often.
const KEYS_AGAIN: Duration = Duration::from_secs(30);

const AWAY: Error =
    Error::Unavailable("The OpenID provider does not answer. Log in with the password, or try again.");
const NOT_BELIEVED: Error =
    Error::Unauthenticated("What the OpenID provider said is not to be believed: try again");

/// Beneath `/api`.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(offered))
        .routes(routes!(start))
        .routes(routes!(connect))
        .routes(routes!(callback))
}

/// Whether a button for it makes sense.
#[derive(Serialize, ToSchema)]
#[schema(as = OidcOffer)]
struct Offer {
    enabled: bool,
    /// Where a browser begins; null without a provider.
    start: Option<&'static str>,
}

/// Whether people may log in at an OpenID provider.
#[utoipa::path(get, path = "/auth/oidc", tag = "auth", security(()), responses((status = 200, body = Offer)))]
async fn offered(State(app): State<App>) -> axum::Json<Offer> {
    let enabled = is_on(&app);
    axum::Json(Offer { enabled, start: enabled.then_some("/api/auth/oidc/start") })
}

fn is_on(app: &App) -> bool {
    !app.settings.oidc.issuer.is_empty() && !app.settings.api.public_url.is_empty()
}

fn return_to(app: &App) -> String {
    format!("{}/api/auth/oidc/callback", app.settings.api.public_url.trim_end_matches('/'))
}

#[derive(Deserialize, IntoParams)]
struct Start {
    /// The page of ours to go on with; `/` by default.
    next: Option<String>,
}

/// Sends the browser to the provider.
#[utoipa::path(get, path = "/auth/oidc/start", tag = "auth", security(()),
    responses((status = 303, description = "To the provider"), (status = 404, body = Problem), (status = 503, body = Problem)))]
async fn start(State(app): State<App>, client: Client, Query(start): Query<Start>) -> Result<Response> {
    let next = start.next.filter(|next| is_page_of_ours(next)).unwrap_or_else(|| "/".into());
    let (address, cookie) = begin(&app, &client, next, false).await?;
    see_other(&address, [cookie])
}

/// Where to go on.
#[derive(Serialize, ToSchema)]
#[schema(as = OidcConnect)]
struct Connect {
    /// At the provider, for the browser.
    url: String,
}

/// Connects whoever is logged in here with their account at the provider: the address there to go to.
#[utoipa::path(post, path = "/auth/oidc/connect", tag = "auth",
    responses((status = 200, body = Connect), (status = 404, body = Problem), (status = 503, body = Problem)))]
async fn connect(State(app): State<App>, client: Client, _: InPerson) -> Result<Response> {
    let (url, cookie) = begin(&app, &client, "/".into(), true).await?;
    Ok((HeaderMap::from_iter([(header::SET_COOKIE, cookie)]), axum::Json(Connect { url })).into_response())
}

/// What a browser keeps while its person is at the provider.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    state: String,
    nonce: String,
    verifier: String,
    next: String,
    /// Asked for by someone who was logged in, by a request that no other site can make.
    is_connecting: bool,
}

async fn begin(
    app: &App,
    client: &Client,
    next: String,
    is_connecting: bool,
) -> Result<(String, HeaderValue)> {
    if !is_on(app) {
        return Err(Error::NotFound("No OpenID provider is set up here"));
    }
    let provider = app.kept::<Provider>();
    let discovery = provider.discovery(app).await?;
    let asked = Asked { state: secret()?, nonce: secret()?, verifier: secret()? };
    let address = discovery.login_address(&app.settings.oidc.client_id, &return_to(app), &asked);
    let Asked { state, nonce, verifier } = asked;
    let kept = Kept { state, nonce, verifier, next, is_connecting };
    let kept = BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&kept).map_err(anyhow::Error::from)?);
    Ok((address, cookie(&kept, MINUTES * 60, client.is_https)))
}

/// 256 bits by chance.
fn secret() -> Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| anyhow::anyhow!("no random bytes: {e}"))?;
    Ok(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// `Lax`: it comes along when the provider sends the browser back.
fn cookie(kept: &str, max_age_seconds: u32, is_https: bool) -> HeaderValue {
    let secure = if is_https { "; Secure" } else { "" };
    let line = format!(
        "{COOKIE}={kept}; Path={COOKIE_PATH}; Max-Age={max_age_seconds}; HttpOnly; SameSite=Lax{secure}"
    );
    HeaderValue::try_from(line).expect("base64 is plain")
}

fn kept(headers: &HeaderMap) -> Option<Kept> {
    let text = access::cookie_named(headers, COOKIE)?;
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// A path here, and nothing that a browser takes for another site.
fn is_page_of_ours(next: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_graphic() && c != '\\';
    next.len() <= 512 && next.starts_with('/') && !next.starts_with("//") && next.chars().all(is_plain)
}

fn see_other(address: &str, cookies: impl IntoIterator<Item = HeaderValue>) -> Result<Response> {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let location = HeaderValue::try_from(address).map_err(anyhow::Error::from)?;
    response.headers_mut().insert(header::LOCATION, location);
    for cookie in cookies {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

#[derive(Deserialize, IntoParams)]
struct Back {
    /// What the provider was sent.
    state: Option<String>,
    /// Good for one token.
    code: Option<String>,
    /// Why there is no code.
    error: Option<String>,
}

/// Where the provider sends the browser back to.
#[utoipa::path(get, path = "/auth/oidc/callback", tag = "auth", security(()),
    responses((status = 303, description = "Logged in; to the page that was asked for"), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 503, body = Problem)))]
async fn callback(
    State(app): State<App>,
    client: Client,
    headers: HeaderMap,
    Query(back): Query<Back>,
) -> Result<Response> {
    if !is_on(&app) {
        return Err(Error::NotFound("No OpenID provider is set up here"));
    }
    let begun = kept(&headers);
    let is_same =
        |kept: &Kept| back.state.as_ref().is_some_and(|s| s.as_bytes().ct_eq(kept.state.as_bytes()).into());
    let Some(kept) = begun.filter(is_same) else {
        let why = "This login was begun in another browser, or too long ago: begin again.";
        return Err(Error::Invalid(why.into()));
    };
    let Some(code) = back.code else {
        tracing::info!(error = back.error, "the OpenID provider let nobody in");
        return Err(Error::Unauthenticated("The OpenID provider did not let you in"));
    };
    let person = app.kept::<Provider>().person(&app, &code, &kept).await?;
    let account = account(&app, &client, &headers, &person, kept.is_connecting).await?;
    let address = client.address_text();
    let token =
        auth::start_session(&app, account.id, client.user_agent.as_deref(), address.as_deref()).await?;
    tracing::info!(user_id = account.id, address, "logged in at the OpenID provider");
    see_other(&kept.next, [auth::http::login_cookie(&app, &client, &token), cookie("", 0, client.is_https)])
}

// -- who that is here

const KNOWN: &str = "select user_id from user_identity where issuer = $1 and subject = $2";
const CONNECT: &str = "insert into user_identity (issuer, subject, user_id) values ($1, $2, $3)
    on conflict on constraint user_identity_pk do update set issuer = excluded.issuer returning user_id";

async fn account(
    app: &App,
    client: &Client,
    headers: &HeaderMap,
    person: &Person,
    is_connecting: bool,
) -> Result<Account> {
    let mut connection = app.db.get().await?;
    let tx = connection.transaction().await?;
    let issuer = &app.settings.oidc.issuer;
    let known: Option<i64> = tx.maybe_row(KNOWN, &[issuer, &person.subject]).await?.map(|row| row.get(0));
    let here = if is_connecting { logged_in(app, headers).await? } else { None };
    let user_id = match (known, here) {
        (Some(known), Some(here)) if known != here => {
            return Err(Error::Conflict(
                "That account at the provider is connected with someone else here.".into(),
            ));
        }
        (Some(known), _) => known,
        (None, Some(here)) => {
            note(&tx, here, "oidc_connect", client, person).await?;
            here
        }
        (None, None) if is_connecting => {
            return Err(Error::Unauthenticated("Log in here first, then connect the two"));
        }
        (None, None) => make(app, &tx, client, person).await?,
    };
    let connected: i64 = tx.row(CONNECT, &[issuer, &person.subject, &user_id]).await?.get(0);
    // Another browser of theirs was first.
    let account = auth::find_user(&tx, connected).await?;
    tx.commit().await?;
    Ok(account)
}

async fn logged_in(app: &App, headers: &HeaderMap) -> Result<Option<i64>> {
    let Some(token) = access::cookie(headers) else { return Ok(None) };
    Ok(auth::find_by_token(app, token).await?.filter(|user| user.session_id().is_some()).map(|user| user.id))
}

/// With a password that nobody knows: this one comes by the provider, until an admin sets another.
async fn make(app: &App, tx: &Transaction<'_>, client: &Client, person: &Person) -> Result<i64> {
    let oidc = &app.settings.oidc;
    if !oidc.create_users {
        let why = "Nobody here is connected with that account: log in with the password, and connect the two";
        return Err(Error::Forbidden(why));
    }
    let Some(name) = person.claim(&oidc.username_claim) else {
        tracing::warn!(claim = oidc.username_claim, "the OpenID provider does not say this of a person");
        return Err(Error::Forbidden(
            "The OpenID provider does not say your name: ask the admin of this house",
        ));
    };
    if auth::find_user_by_name(tx, name).await.is_ok() {
        let why = format!(
            "There is someone called {name} here already: if it is you, log in with the password and connect the two."
        );
        return Err(Error::Conflict(why));
    }
    let password = secret()?.into();
    let account =
        auth::create_user(tx, NewUser { username: name, password: &password, is_admin: false }).await?;
    note(tx, account.id, "user_create", client, person).await?;
    Ok(account.id)
}

async fn note(
    tx: &Transaction<'_>,
    user_id: i64,
    action: &str,
    client: &Client,
    person: &Person,
) -> Result<()> {
    let details = json!({"by": "OpenID provider", "subject": person.subject});
    let address = client.address_text();
    activity::record(tx, Some(user_id), action, Some(("user", user_id)), Some(&details), address.as_deref())
        .await
        .map(drop)
}

// -- the provider

/// What is known of the provider; one per process.
#[derive(Default)]
struct Provider(Mutex<Option<Heard>>);

#[derive(Clone)]
struct Heard {
    web: Web,
    discovery: Discovery,
    keys: Value,
    at: Instant,
}

impl Provider {
    async fn discovery(&self, app: &App) -> Result<Discovery> {
        Ok(self.heard(app, KEPT).await?.discovery)
    }

    /// As of at most `age` ago.
    async fn heard(&self, app: &App, age: Duration) -> Result<Heard> {
        let mut kept = self.0.lock().await;
        if let Some(heard) = kept.as_ref().filter(|heard| heard.at.elapsed() < age) {
            return Ok(heard.clone());
        }
        let heard = ask(&app.settings.oidc.issuer).await.map_err(|trouble| told(&trouble))?;
        *kept = Some(heard.clone());
        Ok(heard)
    }

    /// Whose code this is.
    async fn person(&self, app: &App, code: &str, kept: &Kept) -> Result<Person> {
        let heard = self.heard(app, KEPT).await?;
        let (client_id, return_to) = (app.settings.oidc.client_id.as_str(), return_to(app));
        let mut form = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &return_to),
            ("code_verifier", &kept.verifier),
        ];
        let secret = app.settings.secrets.oidc_client_secret.as_ref().map(|s| (client_id, s.expose_secret()));
        if secret.is_none() {
            form.push(("client_id", client_id));
        }
        let answer = heard.web.post(openid::NAME, &heard.discovery.token_endpoint, &form, secret).await;
        let answer = answer.map_err(|trouble| told(&trouble))?;
        let token = openid::id_token(&answer).map_err(|trouble| told(&trouble))?;
        let issuer = app.settings.oidc.issuer.as_str();
        let expected = Expected { issuer, client_id, nonce: &kept.nonce, now: app.clock.now().as_second() };
        let believed = match openid::believe(token, &heard.keys, expected) {
            Err(Doubt::Key | Doubt::Signature) => {
                openid::believe(token, &self.heard(app, KEYS_AGAIN).await?.keys, expected)
            }
            believed => believed,
        };
        believed.map_err(|doubt| {
            tracing::warn!("a token of the OpenID provider is not believed: {doubt}");
            NOT_BELIEVED
        })
    }
}

async fn ask(issuer: &str) -> Result<Heard, Trouble> {
    let web = Web::new("").map_err(|e| Trouble::Away(openid::NAME, e.to_string()))?;
    let missing = || Trouble::Rubbish(openid::NAME, "there is nothing at an address of it".into());
    let document = web.ask(openid::NAME, &openid::discovery_address(issuer)).await?.ok_or_else(missing)?;
    let discovery = Discovery::read(document, issuer)?;
    let keys = web.ask(openid::NAME, &discovery.jwks_uri).await?.ok_or_else(missing)?;
    Ok(Heard { web, discovery, keys, at: Instant::now() })
}

/// In the journal what it was; outside whether trying again helps.
fn told(trouble: &Trouble) -> Error {
    tracing::warn!("{trouble}");
    match trouble {
        Trouble::Refused(..) => NOT_BELIEVED,
        Trouble::Away(..) | Trouble::Busy { .. } | Trouble::Rubbish(..) => AWAY,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_back_leads_nowhere_else() {
        for good in ["/", "/albums/7?x=1#y"] {
            assert!(is_page_of_ours(good), "{good}");
        }
        for bad in
            ["", "albums", "//evil.example", "/\\evil.example", "https://evil.example", "/a\nb", "/ü", "/ a"]
        {
            assert!(!is_page_of_ours(bad), "{bad:?}");
        }
    }

    #[test]
    fn what_a_browser_keeps_comes_back_whole_or_not_at_all() {
        let ours = Kept {
            state: "s".into(),
            nonce: "n".into(),
            verifier: "v".into(),
            next: "/a?b=;c".into(),
            is_connecting: true,
        };
        let text = BASE64_URL_SAFE_NO_PAD.encode(serde_json::to_vec(&ours).unwrap());
        let line = cookie(&text, 600, true);
        let pair = line.to_str().unwrap().split(';').next().unwrap().to_owned();
        let headers = |line: &str| HeaderMap::from_iter([(header::COOKIE, line.parse().unwrap())]);
        assert_eq!(kept(&headers(&format!("x=1; {pair}"))), Some(ours));
        assert_eq!(kept(&headers(&format!("{COOKIE}=rubbish"))), None);
    }
}
