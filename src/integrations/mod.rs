//! Other people's services, in their own words: what is asked, and what their answers say. No tables, no jobs, no events.
//!
//! Whoever answers there is a stranger: every answer has a deadline and a largest size, and is read for what is needed
//! and nothing else.

pub mod acoustid;
pub mod adapter;
pub mod coverart;
pub mod jellyfin;
pub mod letters;
pub mod lidarr;
pub mod lrclib;
pub mod bandcamp;
pub mod guard;
pub mod musicbrainz;
pub mod navidrome;
pub mod openid;
pub mod plex;
pub mod rclone;
mod reach;
pub mod restic;
pub mod services;
pub mod torrent;
pub mod torrentleech;
pub mod qobuz;
pub mod streamrip;
pub mod yt_dlp;

pub use reach::{Reach, check_host};

use std::sync::Once;
use std::time::Duration;

use http::{Method, StatusCode, header};
use serde_json::Value;

/// Until a connection stands.
const CONNECT: Duration = Duration::from_secs(5);
/// Until the whole answer is here.
const WHOLE: Duration = Duration::from_secs(20);
/// A release with a thousand tracks has some two megabytes, a list of all artists more.
const MAX_BYTES: usize = 32 * 1024 * 1024;

/// One client for all services; it keeps its connections.
#[derive(Debug, Clone)]
pub struct Web(reqwest::Client);

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Trouble {
    /// No network, no such host, no answer in time.
    #[error("{0} could not be reached: {1}")]
    Away(&'static str, String),
    /// It wants to be left alone for a while.
    #[error("{service} is busy or out of reach, and is left alone for a while")]
    Busy {
        /// Which.
        service: &'static str,
        /// As it says itself.
        retry_after: Option<Duration>,
    },
    /// It will answer the same the next time.
    #[error("{0} refused: {1}")]
    Refused(&'static str, String),
    /// Not what its documentation promises.
    #[error("{0} answered something that cannot be understood: {1}")]
    Rubbish(&'static str, String),
}

/// What is sent.
#[derive(Debug, Default)]
pub enum Body {
    /// Nothing.
    #[default]
    Nothing,
    /// JSON.
    Json(Value),
    /// A text.
    Text(String),
    /// `application/x-www-form-urlencoded`, encoded already.
    Form(String),
    /// Anything, with its content type.
    Bytes(String, Vec<u8>),
}

/// A question of more than an address.
#[derive(Debug)]
pub struct Question<'a> {
    /// GET, POST, …
    pub method: Method,
    /// With path and query.
    pub address: &'a str,
    /// Keys belong here rather than into the address.
    pub headers: &'a [(&'static str, &'a str)],
    /// What is sent.
    pub body: Body,
}

impl<'a> Question<'a> {
    /// A GET of this address.
    pub fn get(address: &'a str, headers: &'a [(&'static str, &'a str)]) -> Self {
        Self { method: Method::GET, address, headers, body: Body::Nothing }
    }

    /// A POST to this address.
    pub fn post(address: &'a str, headers: &'a [(&'static str, &'a str)], body: Body) -> Self {
        Self { method: Method::POST, address, headers, body }
    }
}

impl Web {
    /// `contact` is how the people of a service reach the people of this house: an address of the web or of e-mail.
    /// MusicBrainz asks for it (musicbrainz.org/doc/MusicBrainz_API/Rate_Limiting).
    ///
    /// # Errors
    /// When the machine's certificates cannot be read.
    pub fn new(contact: &str) -> anyhow::Result<Self> {
        // Pictures of the Cover Art Archive lie behind two of them.
        Ok(Self(builder(contact).redirect(reqwest::redirect::Policy::limited(3)).build()?))
    }

    /// One that goes where it is sent and nowhere else: a key in a header is not carried on to another address.
    ///
    /// # Errors
    /// When the machine's certificates cannot be read.
    pub fn direct(contact: &str) -> anyhow::Result<Self> {
        Ok(Self(builder(contact).redirect(reqwest::redirect::Policy::none()).build()?))
    }

    /// One for addresses that people made up: no redirects, and no way further than `reach`, whatever a name is resolved
    /// to. An address that is written as a number is the caller's to check ([`check_host`]).
    ///
    /// # Errors
    /// When the machine's certificates cannot be read.
    pub fn outward(contact: &str, reach: Reach) -> anyhow::Result<Self> {
        let resolver = std::sync::Arc::new(reach::Resolver(reach));
        let client =
            builder(contact).redirect(reqwest::redirect::Policy::none()).no_proxy().dns_resolver(resolver);
        Ok(Self(client.build()?))
    }

    /// Sends anything; the answer's bytes, or none when there is nothing of that name (404).
    ///
    /// # Errors
    /// [`Trouble`]; neither the address nor a header is in it.
    pub async fn send(
        &self,
        service: &'static str,
        question: Question<'_>,
    ) -> Result<Option<Vec<u8>>, Trouble> {
        let mut request = self.0.request(question.method, question.address);
        for (name, value) in question.headers {
            request = request.header(*name, *value);
        }
        let of_kind =
            |request: reqwest::RequestBuilder, kind: &str| request.header(header::CONTENT_TYPE, kind);
        let request = match question.body {
            Body::Nothing => request,
            Body::Json(value) => of_kind(request, "application/json").body(value.to_string()),
            Body::Text(text) => of_kind(request, "text/plain; charset=utf-8").body(text),
            Body::Form(form) => of_kind(request, "application/x-www-form-urlencoded").body(form),
            Body::Bytes(kind, bytes) => of_kind(request, &kind).body(bytes),
        };
        self.bytes(service, request).await
    }

    /// The same, of an answer that is JSON.
    ///
    /// # Errors
    /// As for `send`.
    pub async fn send_for_json(
        &self,
        service: &'static str,
        question: Question<'_>,
    ) -> Result<Option<Value>, Trouble> {
        let answer = self.send(service, question).await?;
        answer.map(|bytes| json_of(service, &bytes)).transpose()
    }

    /// Asks; none when they know nothing of it (404).
    ///
    /// # Errors
    /// [`Trouble`]; the address is not in it, since there may be a key in the address.
    pub async fn ask(&self, service: &'static str, address: &str) -> Result<Option<Value>, Trouble> {
        self.answer(service, self.0.get(address)).await
    }

    /// Sends a form (with HTTP's basic authentication, both halves encoded as RFC 6749, section 2.3.1 wants it); nothing
    /// of it is sent on to another address.
    ///
    /// # Errors
    /// [`Trouble`]; neither the form nor the secret is in it.
    pub async fn post(
        &self,
        service: &'static str,
        address: &str,
        form: &[(&str, &str)],
        secret: Option<(&str, &str)>,
    ) -> Result<Value, Trouble> {
        let form = form.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect::<Vec<_>>();
        let request = self.0.post(address).body(form.join("&"));
        let mut request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some((name, secret)) = secret {
            request = request.basic_auth(encoded(name), Some(encoded(secret)));
        }
        let answer = self.answer(service, request).await?;
        answer.ok_or_else(|| Trouble::Rubbish(service, "there is nothing at its address".into()))
    }

    async fn answer(
        &self,
        service: &'static str,
        request: reqwest::RequestBuilder,
    ) -> Result<Option<Value>, Trouble> {
        let answer = self.bytes(service, request).await?;
        answer.map(|bytes| json_of(service, &bytes)).transpose()
    }

    async fn bytes(
        &self,
        service: &'static str,
        request: reqwest::RequestBuilder,
    ) -> Result<Option<Vec<u8>>, Trouble> {
        let away = |e: reqwest::Error| Trouble::Away(service, reason(&e.without_url()));
        let mut response = request.header(header::ACCEPT, "application/json").send().await.map_err(away)?;
        let status = response.status();
        let retry_after = response.headers().get(header::RETRY_AFTER).and_then(|v| v.to_str().ok());
        let retry_after = retry_after.and_then(|v| v.trim().parse().ok()).map(Duration::from_secs);
        match status.as_u16() {
            404 => return Ok(None),
            429 | 503 => return Err(Trouble::Busy { service, retry_after }),
            500.. => return Err(Trouble::Away(service, format!("it answered {status}"))),
            _ => {}
        }
        let mut body = Vec::new();
        while let Some(part) = response.chunk().await.map_err(away)? {
            body.extend_from_slice(&part);
            if body.len() > MAX_BYTES {
                return Err(Trouble::Rubbish(service, format!("more than {} MiB", MAX_BYTES >> 20)));
            }
        }
        if status.is_success() {
            return Ok(Some(body));
        }
        let said = if status == StatusCode::UNAUTHORIZED {
            "it does not accept the key or password".to_owned()
        } else {
            complaint(serde_json::from_slice(&body).ok(), status.as_u16())
        };
        Err(Trouble::Refused(service, said))
    }
}

fn builder(contact: &str) -> reqwest::ClientBuilder {
    choose_cryptography();
    let agent: String = user_agent(contact).chars().filter(|c| !c.is_control()).collect();
    reqwest::Client::builder().user_agent(agent).connect_timeout(CONNECT).timeout(WHOLE)
}

fn json_of(service: &'static str, bytes: &[u8]) -> Result<Value, Trouble> {
    serde_json::from_slice(bytes).map_err(|e| Trouble::Rubbish(service, e.to_string()))
}

/// Out of JSON, what is needed of it.
fn read<T: for<'a> serde::Deserialize<'a>>(service: &'static str, answer: Value) -> Result<T, Trouble> {
    serde_json::from_value(answer).map_err(|e| Trouble::Rubbish(service, e.to_string()))
}

/// What a program of the house that should be there answers when there is nothing at its address.
fn nothing_there(service: &'static str) -> Trouble {
    Trouble::Rubbish(service, "there is nothing at its address; is the URL right?".into())
}

/// Has to be done before a client is built.
pub fn choose_cryptography() {
    static PROVIDER: Once = Once::new();
    // Another part of the process may have chosen already; one of them is enough.
    PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));
}

/// `Barbossa/1.2.3 ( contact )`.
fn user_agent(contact: &str) -> String {
    let contact = if contact.trim().is_empty() { "a household's music library" } else { contact.trim() };
    format!("Barbossa/{} ( {contact} )", env!("CARGO_PKG_VERSION"))
}

/// What services say when they refuse: `{"error": "…"}`, `{"error": {"message": "…"}}`, `{"message": "…"}`,
/// `[{"errorMessage": "…"}]`.
fn complaint(answer: Option<Value>, status: u16) -> String {
    let said = answer.as_ref().and_then(|a| {
        let text = |value: &Value| value.as_str().map(|s| s.chars().take(200).collect());
        let error = a.get("error").map(|e| e.get("message").unwrap_or(e));
        [error, a.get("message"), a.pointer("/0/errorMessage")].into_iter().flatten().find_map(text)
    });
    said.unwrap_or_else(|| format!("status {status}"))
}

/// The innermost reason: what a person can act on.
pub fn reason(error: &reqwest::Error) -> String {
    let mut inner: &dyn std::error::Error = error;
    while let Some(source) = inner.source() {
        inner = source;
    }
    if error.is_timeout() { "no answer in time".into() } else { inner.to_string() }
}

/// Percent-encodes all but what is never special (RFC 3986, section 2.3).
pub fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(byte.into());
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_service_learns_who_asks() {
        let version = env!("CARGO_PKG_VERSION");
        assert_eq!(user_agent("ada@example.org"), format!("Barbossa/{version} ( ada@example.org )"));
        assert!(user_agent(" ").contains("( a household's music library )"));
    }

    #[test]
    fn complaints_of_both_services_are_understood() {
        assert_eq!(complaint(Some(json!({"error": "Invalid mbid."})), 400), "Invalid mbid.");
        let of_acoustid = json!({"status": "error", "error": {"code": 4, "message": "invalid API key"}});
        assert_eq!(complaint(Some(of_acoustid), 400), "invalid API key");
        let of_lidarr = json!([{"propertyName": "Path", "errorMessage": "Path is taken"}]);
        assert_eq!(complaint(Some(of_lidarr), 400), "Path is taken");
        assert_eq!(complaint(Some(json!({"message": "NotFound"})), 400), "NotFound");
        assert_eq!(complaint(None, 418), "status 418");
    }

    #[test]
    fn text_is_encoded_for_an_address() {
        assert_eq!(encoded("a b+÷&\"x\""), "a%20b%2B%C3%B7%26%22x%22");
    }
}
