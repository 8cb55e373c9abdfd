//! Logging in at an OpenID provider: against one that speaks the real wire, with real keys, and lies on demand.

use std::process::Command;
use std::sync::{Arc, Mutex};

use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Extension, Router};
use barbossa::app::{App, Via};
use barbossa::auth::{self, NewUser};
use barbossa::roles::api::router;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD as URL64};
use http::{HeaderMap, StatusCode, header};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use secrecy::SecretString;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio_util::sync::CancellationToken;

use crate::harness::{Answer, Client, Town};

const CLIENT_SECRET: &str = "s3cret/of+the client";

enum Key {
    P256(EcdsaKeyPair),
    Rsa(RsaKeyPair),
}

impl Key {
    fn p256() -> Self {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self::P256(
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).unwrap(),
        )
    }

    /// Made by openssl, as most providers' are.
    fn rsa() -> Self {
        let made = Command::new("openssl")
            .args(["genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-outform", "DER"])
            .output()
            .expect("openssl is installed: `./dev setup`");
        Self::Rsa(
            RsaKeyPair::from_pkcs8(&made.stdout).or_else(|_| RsaKeyPair::from_der(&made.stdout)).unwrap(),
        )
    }

    fn public(&self, kid: &str) -> Value {
        match self {
            Self::P256(pair) => {
                let point = pair.public_key().as_ref();
                json!({"kty": "EC", "crv": "P-256", "use": "sig", "kid": kid, "x": URL64.encode(&point[1..33]), "y": URL64.encode(&point[33..])})
            }
            Self::Rsa(pair) => {
                let key: ring::rsa::PublicKeyComponents<Vec<u8>> = pair.public().into();
                json!({"kty": "RSA", "use": "sig", "kid": kid, "n": URL64.encode(key.n), "e": URL64.encode(key.e)})
            }
        }
    }

    fn token(&self, kid: &str, claims: &Value) -> String {
        let (random, alg) =
            (SystemRandom::new(), if matches!(self, Self::Rsa(_)) { "RS256" } else { "ES256" });
        let signed = format!(
            "{}.{}",
            URL64.encode(json!({"alg": alg, "kid": kid}).to_string()),
            URL64.encode(claims.to_string())
        );
        let signature = match self {
            Self::P256(pair) => pair.sign(&random, signed.as_bytes()).unwrap().as_ref().to_vec(),
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).unwrap();
                signature
            }
        };
        format!("{signed}.{}", URL64.encode(signature))
    }
}

/// The provider, where Ada has logged in already.
struct Provider {
    key: Mutex<(String, Key)>,
    issuer: String,
    /// What the last authorization asked for: a code is good for it, once.
    asked: Mutex<Option<Vec<(String, String)>>>,
    /// Put over the claims of the next tokens.
    lies: Mutex<Value>,
    person: Mutex<Value>,
}

impl Provider {
    async fn start(key: Key) -> Arc<Self> {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let provider = Arc::new(Self {
            key: Mutex::new(("one".into(), key)),
            issuer: format!("http://{}/realms/home", listener.local_addr().unwrap()),
            asked: Mutex::default(),
            lies: Mutex::new(json!({})),
            person: Mutex::new(json!({"sub": "248289761001", "preferred_username": "ada"})),
        });
        let routes = Router::new()
            .route("/realms/home/.well-known/openid-configuration", get(discovery))
            .route("/keys", get(keys))
            .route("/token", post(token))
            .with_state(provider.clone());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        provider
    }

    fn base(&self) -> &str {
        self.issuer.strip_suffix("/realms/home").unwrap()
    }

    /// What the browser sees of the login there: the address it is sent to, and the one it comes back to.
    fn authorize(&self, address: &str) -> String {
        let query = address.strip_prefix(&format!("{}/authorize?", self.base())).expect("it was sent here");
        let asked = pairs(query);
        let of =
            |name: &str| asked.iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()).unwrap_or_default();
        assert_eq!((of("response_type").as_str(), of("client_id").as_str()), ("code", "barbossa"));
        assert!(of("scope").split(' ').any(|s| s == "openid"));
        let state = of("state");
        *self.asked.lock().unwrap() = Some(asked);
        format!("/api/auth/oidc/callback?code=c%2Fde&state={state}")
    }
}

fn pairs(text: &str) -> Vec<(String, String)> {
    text.split('&').filter_map(|pair| pair.split_once('=')).map(|(n, v)| (n.into(), decoded(v))).collect()
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&tail[..2]).unwrap(), 16).unwrap());
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).unwrap()
}

async fn discovery(State(provider): State<Arc<Provider>>) -> axum::Json<Value> {
    let at = |path: &str| format!("{}{path}", provider.base());
    axum::Json(
        json!({"issuer": provider.issuer, "authorization_endpoint": at("/authorize"), "token_endpoint": at("/token"),
        "jwks_uri": at("/keys"), "response_types_supported": ["code"], "subject_types_supported": ["public"]}),
    )
}

async fn keys(State(provider): State<Arc<Provider>>) -> axum::Json<Value> {
    let key = provider.key.lock().unwrap();
    axum::Json(json!({"keys": [key.1.public(&key.0)]}))
}

async fn token(State(provider): State<Arc<Provider>>, headers: HeaderMap, form: String) -> Response {
    let form = pairs(&form);
    let refused = |why: &str| (StatusCode::BAD_REQUEST, axum::Json(json!({"error": why}))).into_response();
    let sent = |name: &str| form.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    // RFC 6749, section 2.3.1: both are form-encoded first.
    let basic = BASE64_STANDARD.encode("barbossa:s3cret%2Fof%2Bthe%20client");
    if headers.get(header::AUTHORIZATION).and_then(|v| v.to_str().ok()) != Some(&format!("Basic {basic}")) {
        return refused("invalid_client");
    }
    // A code is good once.
    let Some(asked) = provider.asked.lock().unwrap().take() else { return refused("invalid_grant") };
    let of = |name: &str| asked.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    let challenge = URL64.encode(Sha256::digest(sent("code_verifier").unwrap_or_default()));
    if sent("grant_type") != Some("authorization_code")
        || sent("code") != Some("c/de")
        || sent("redirect_uri") != of("redirect_uri")
        || of("code_challenge_method") != Some("S256")
        || of("code_challenge") != Some(&challenge)
    {
        return refused("invalid_grant");
    }
    let now = jiff::Timestamp::now().as_second();
    let mut claims =
        json!({"iss": provider.issuer, "aud": "barbossa", "nonce": of("nonce"), "iat": now, "exp": now + 60});
    for more in [&*provider.person.lock().unwrap(), &*provider.lies.lock().unwrap()] {
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    }
    let key = provider.key.lock().unwrap();
    let id_token = key.1.token(&key.0, &claims);
    axum::Json(json!({"access_token": "x", "token_type": "Bearer", "expires_in": 60, "id_token": id_token}))
        .into_response()
}

struct House {
    town: Town,
    app: App,
    provider: Arc<Provider>,
}

impl House {
    async fn new(key: Key, create_users: bool) -> Self {
        let provider = Provider::start(key).await;
        let mut town = Town::new().await;
        let settings = town.settings_mut();
        settings.oidc.issuer.clone_from(&provider.issuer);
        settings.oidc.create_users = create_users;
        settings.api.public_url = "https://music.example.org/".into();
        settings.secrets.oidc_client_secret = Some(SecretString::from(CLIENT_SECRET));
        let app = town.app();
        Self { town, app, provider }
    }

    fn browser(&self) -> Client {
        let router = router(&self.app, &CancellationToken::new()).layer(Extension(Via::Nginx));
        Client::new(router).with_header("x-forwarded-proto", "https")
    }

    async fn begin(&self, browser: &Client) -> (String, Client) {
        let sent = browser.get("/api/auth/oidc/start?next=/albums/7").await;
        assert_eq!(sent.status, StatusCode::SEE_OTHER, "{:?}", sent.body);
        let cookie = sent.header("set-cookie").unwrap();
        for part in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/api/auth/oidc", "Max-Age=600"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        let with_cookie = browser.with_header("cookie", cookie.split(';').next().unwrap());
        (sent.header("location").unwrap().to_owned(), with_cookie)
    }

    async fn log_in(&self) -> Answer {
        let (address, browser) = self.begin(&self.browser()).await;
        browser.get(&self.provider.authorize(&address)).await
    }

    /// Who got in, by the cookie of the answer.
    async fn who(&self, answer: &Answer) -> Value {
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", String::from_utf8_lossy(&answer.body));
        assert_eq!(answer.header("location"), Some("/albums/7"));
        let cookies: Vec<&str> =
            answer.headers.get_all("set-cookie").iter().map(|c| c.to_str().unwrap()).collect();
        let session = cookies.iter().find(|c| c.starts_with("__Host-barbossa_session=")).unwrap();
        assert!(session.contains("HttpOnly") && session.contains("Secure"), "{session}");
        assert!(
            cookies.iter().any(|c| c.starts_with("barbossa_oidc=;") && c.contains("Max-Age=0")),
            "{cookies:?}"
        );
        let browser = self.browser().with_header("cookie", session.split(';').next().unwrap());
        browser.get("/api/auth/me").await.expect(200)
    }
}

#[tokio::test]
async fn whoever_the_provider_knows_gets_in_and_is_the_same_the_next_time() {
    let house = House::new(Key::p256(), true).await;
    assert_eq!(house.browser().get("/api/auth/oidc").await.expect(200)["enabled"], true);
    let first = house.who(&house.log_in().await).await;
    assert_eq!((&first["username"], &first["is_admin"]), (&"ada".into(), &false.into()));
    // Renamed there: still the same person.
    *house.provider.person.lock().unwrap() = json!({"sub": "248289761001", "preferred_username": "lovelace"});
    assert_eq!(house.who(&house.log_in().await).await["id"], first["id"]);
    // Somebody else with her old name is not her.
    *house.provider.person.lock().unwrap() = json!({"sub": "2", "preferred_username": "ada"});
    house.log_in().await.expect(409);
    *house.provider.person.lock().unwrap() = json!({"sub": "3"});
    house.log_in().await.expect(403);
    assert_eq!(house.town.value::<i64>("select count(*) from app_user").await, 1);
    assert_eq!(
        house.town.value::<i64>("select count(*) from activity where action = 'user_create'").await,
        1
    );
}

#[tokio::test]
async fn keys_of_rsa_are_understood_and_new_ones_are_asked_for() {
    let house = House::new(Key::rsa(), true).await;
    house.who(&house.log_in().await).await;
    // Keys change while we keep the old ones; these are not asked for again at once.
    *house.provider.key.lock().unwrap() = ("two".into(), Key::p256());
    house.log_in().await.expect(401);
    let restarted = House { app: house.town.app(), town: house.town, provider: house.provider };
    restarted.who(&restarted.log_in().await).await;
}

#[tokio::test]
async fn what_is_not_the_providers_word_for_this_login_lets_nobody_in() {
    let house = House::new(Key::p256(), true).await;
    for lie in [
        json!({"nonce": "of another login"}),
        json!({"aud": "another client"}),
        json!({"iss": "https://evil.example.org"}),
        json!({"exp": 1_000_000_000}),
        json!({"sub": ""}),
    ] {
        *house.provider.lies.lock().unwrap() = lie.clone();
        let answer = house.log_in().await;
        assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{lie}");
    }
    *house.provider.lies.lock().unwrap() = json!({});
    // A code that was used already.
    let (address, browser) = house.begin(&house.browser()).await;
    let back = house.provider.authorize(&address);
    assert_eq!(browser.get(&back).await.status, StatusCode::SEE_OTHER);
    browser.get(&back).await.expect(401);
    // The person said no.
    let (address, browser) = house.begin(&house.browser()).await;
    let state = house.provider.authorize(&address).split("state=").nth(1).unwrap().to_owned();
    browser.get(&format!("/api/auth/oidc/callback?error=access_denied&state={state}")).await.expect(401);
    assert_eq!(house.town.value::<i64>("select count(*) from session").await, 1);
}

#[tokio::test]
async fn a_login_ends_in_the_browser_that_began_it() {
    let house = House::new(Key::p256(), true).await;
    let (address, mine) = house.begin(&house.browser()).await;
    let back = house.provider.authorize(&address);
    let refused = house.browser().get(&back).await.expect(400);
    assert!(refused["detail"].as_str().unwrap().contains("another browser"), "{refused}");
    let (_, other) = house.begin(&house.browser()).await;
    other.get(&back).await.expect(400);
    mine.get("/api/auth/oidc/callback?code=x").await.expect(400);
    assert_eq!(mine.get(&back).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_person_connects_their_account_and_gets_in_by_it_from_then_on() {
    let house = House::new(Key::p256(), false).await;
    let client = house.app.db.get().await.unwrap();
    let new = NewUser { username: "grace", password: &"correct horse battery".into(), is_admin: true };
    let grace = auth::create_user(&client, new).await.unwrap().id;
    let refused = house.log_in().await.expect(403);
    assert!(refused["detail"].as_str().unwrap().contains("connect the two"), "{refused}");
    let session = auth::start_session(&house.app, grace, None, None).await.unwrap();
    let cookie = format!("barbossa_session={session}");
    let browser = house.browser().with_header("cookie", &cookie);
    // No other site can begin it.
    let forged =
        browser.with_header("sec-fetch-site", "cross-site").post("/api/auth/oidc/connect", json!({})).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    // And a login that was begun without asking for it connects nothing, whoever is logged in.
    let (address, plain) = house.begin(&browser).await;
    let kept = plain.with_header("cookie", &format!("{cookie}; {}", cookie_of(&plain)));
    kept.get(&house.provider.authorize(&address)).await.expect(403);
    let sent = browser.post("/api/auth/oidc/connect", json!({})).await;
    let address = sent.expect(200)["url"].as_str().unwrap().to_owned();
    let begun = sent.header("set-cookie").unwrap().split(';').next().unwrap().to_owned();
    let back = house.provider.authorize(&address);
    let both = house.browser().with_header("cookie", &format!("{cookie}; {begun}"));
    assert_eq!(both.get(&back).await.status, StatusCode::SEE_OTHER);
    assert_eq!(house.who(&house.log_in().await).await["id"], grace);
    assert_eq!(
        house.town.value::<i64>("select count(*) from activity where action = 'oidc_connect'").await,
        1
    );
}

/// The cookie that a client sends.
fn cookie_of(client: &Client) -> String {
    client.header("cookie").unwrap().to_owned()
}

#[tokio::test]
async fn without_a_provider_there_is_nothing_and_one_that_is_away_is_said_so() {
    let house = House::new(Key::p256(), true).await;
    let mut town = Town::new().await;
    let app = town.app();
    let client = Client::new(router(&app, &CancellationToken::new()));
    assert_eq!(client.get("/api/auth/oidc").await.expect(200)["enabled"], false);
    client.get("/api/auth/oidc/start").await.expect(404);
    client.get("/api/auth/oidc/callback?code=x&state=y").await.expect(404);
    town.settings_mut().oidc.issuer = "http://127.0.0.1:9/".into();
    town.settings_mut().api.public_url = "https://music.example.org".into();
    let away = town.app();
    let client = Client::new(router(&away, &CancellationToken::new()));
    let answer = client.get("/api/auth/oidc/start").await;
    assert!(answer.expect(503)["detail"].as_str().unwrap().contains("OpenID provider"));
    // Not sent anywhere else.
    let evil = house.browser().get("/api/auth/oidc/start?next=//evil.example").await;
    assert_eq!(evil.status, StatusCode::SEE_OTHER);
    let browser =
        house.browser().with_header("cookie", evil.header("set-cookie").unwrap().split(';').next().unwrap());
    let back = browser.get(&house.provider.authorize(evil.header("location").unwrap())).await;
    assert_eq!(back.header("location"), Some("/"));
}
