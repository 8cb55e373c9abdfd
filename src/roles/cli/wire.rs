//! The way to Barbossa: over the api's local socket, over this machine's port, or over the network; always as a client
//! like any other. What is refused there ends a command with the exit status that belongs to it.

use std::path::Path;
use std::time::{Duration, Instant};

use clap::Args;
use clap_complete::engine::ArgValueCandidates;
use http::Method;
use indicatif::ProgressBar;
use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::exit::{Status, failure};
use super::terminal::complain;
use super::{complete, desk, login};
use crate::auth::AS_USER;
use crate::integrations;

/// Root is known there without a password.
const SOCKET: &str = "/run/barbossa/api.sock";
/// For everyone else on this machine.
const PORT: &str = "http://127.0.0.1:8080";
/// How an address names a socket.
const UNIX: &str = "unix:";
const CONNECT: Duration = Duration::from_secs(5);
/// The api waits some seconds for the worker before it answers.
const WHOLE: Duration = Duration::from_secs(60);
/// How often a job is looked at; at first more often, since much is done at once.
const EVERY: Duration = Duration::from_millis(250);
const AT_FIRST: Duration = Duration::from_millis(20);
/// No list gives more at once.
const PAGE: usize = 100;
/// An api that is restarted meanwhile is waited for.
const RESTART: Duration = Duration::from_secs(60);

/// Which Barbossa is meant, and who asks. For all commands that are answered over HTTP.
#[derive(Debug, Clone, Default, Args)]
pub struct WireArgs {
    /// Address of another Barbossa, such as `https://music.example.org`; else the one on this machine
    #[arg(long, global = true, value_name = "URL", env = "BARBOSSA_URL", hide_env_values = true)]
    #[arg(help_heading = "Connection")]
    pub api_url: Option<String>,
    /// A token, instead of `barbossa auth login`; better in the environment than where others can read it
    #[arg(long, global = true, value_name = "TOKEN", env = "BARBOSSA_TOKEN", hide_env_values = true)]
    #[arg(help_heading = "Connection")]
    pub token: Option<String>,
    /// A PEM file with the certificate authority of that Barbossa
    #[arg(long, global = true, value_name = "FILE", env = "BARBOSSA_CACERT", help_heading = "Connection")]
    pub cacert: Option<std::path::PathBuf>,
    /// As root: for this person, with their rights
    #[arg(long = "as", global = true, value_name = "NAME", env = "BARBOSSA_AS", help_heading = "Connection")]
    #[arg(add = ArgValueCandidates::new(complete::users))]
    pub as_user: Option<String>,
}

/// An open way to Barbossa.
pub struct Wire {
    http: reqwest::Client,
    /// As a person knows it.
    address: String,
    /// What all paths follow.
    base: String,
    token: Option<SecretString>,
    as_user: Option<String>,
}

/// Runs a command that is answered over HTTP.
pub fn with_wire<F, Fut>(args: &WireArgs, work: F) -> anyhow::Result<Status>
where
    F: FnOnce(Wire) -> Fut,
    Fut: Future<Output = anyhow::Result<Status>>,
{
    let wire = Wire::open(args)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        tokio::select! {
            done = work(wire) => done,
            stopped = desk::interrupted() => Err(stopped),
        }
    })
}

impl Wire {
    pub fn open(args: &WireArgs) -> anyhow::Result<Self> {
        let login = login::read()?;
        let named = args.api_url.as_deref().filter(|url| !url.is_empty());
        let address = match (named, &login) {
            (Some(url), _) => url.trim_end_matches('/').to_owned(),
            (None, _) if may_open(Path::new(SOCKET)) => format!("{UNIX}{SOCKET}"),
            (None, Some(login)) => login.url.clone(),
            (None, None) => PORT.to_owned(),
        };
        // What was given for one Barbossa is shown to no other.
        let saved = login.filter(|login| login.url == address).map(|login| login.token.into());
        let given = args.token.clone().filter(|token| !token.is_empty()).map(SecretString::from);
        integrations::choose_cryptography();
        let mut client = reqwest::Client::builder()
            .user_agent(concat!("barbossa-cli/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(CONNECT)
            .timeout(WHOLE)
            // A redirect could carry the token elsewhere.
            .redirect(reqwest::redirect::Policy::none());
        if let Some(file) = &args.cacert {
            let pem = std::fs::read(file)
                .map_err(|e| failure(Status::Usage, format!("{} cannot be read: {e}", file.display())))?;
            for authority in reqwest::Certificate::from_pem_bundle(&pem)? {
                client = client.add_root_certificate(authority);
            }
        }
        let base = match address.strip_prefix(UNIX) {
            Some(path) => {
                client = client.unix_socket(path);
                "http://localhost".to_owned()
            }
            None if address.starts_with("http://") || address.starts_with("https://") => address.clone(),
            None => {
                let message = format!("{address} is no address: use https://…, http://… or {UNIX}/path");
                return Err(failure(Status::Usage, message));
            }
        };
        let as_user = args.as_user.clone().filter(|name| !name.is_empty());
        Ok(Self { http: client.build()?, address, base, token: given.or(saved), as_user })
    }

    /// The address, as a login remembers it.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// From now on for this person, as far as root at the local socket asks; nobody else can.
    pub fn act_as(&mut self, name: &str) {
        self.as_user = Some(name.to_owned());
    }

    /// Whether requests will say who asks, as opposed to: root at the local socket is known.
    pub fn has_token(&self) -> bool {
        self.token.is_some()
    }

    pub async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.send(Method::GET, path, None).await
    }

    /// The first `limit` items of a list that comes in pages: the last page, with the items of all.
    pub async fn pages(&self, path: &str, limit: usize) -> anyhow::Result<Value> {
        let join = if path.contains('?') { '&' } else { '?' };
        let mut items = Vec::new();
        let mut cursor = String::new();
        loop {
            let wanted = limit.saturating_sub(items.len()).clamp(1, PAGE);
            let mut page = self.get(&format!("{path}{join}limit={wanted}{cursor}")).await?;
            if let Value::Array(more) = page["items"].take() {
                items.extend(more);
            }
            match page["next_cursor"].as_str() {
                Some(next) if items.len() < limit => cursor = format!("&cursor={}", encoded(next)),
                _ => {
                    page["items"] = items.into();
                    return Ok(page);
                }
            }
        }
    }

    pub async fn post(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.send(Method::POST, path, Some(body)).await
    }

    pub async fn put(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.send(Method::PUT, path, Some(body)).await
    }

    pub async fn delete(&self, path: &str) -> anyhow::Result<Value> {
        self.send(Method::DELETE, path, None).await
    }

    /// `path` begins with `/api/` or is one beside it; a body is sent as JSON.
    pub async fn send(&self, method: Method, path: &str, body: Option<Value>) -> anyhow::Result<Value> {
        let mut request = self.http.request(method, format!("{}{path}", self.base));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token.expose_secret());
        }
        if let Some(name) = &self.as_user {
            request = request.header(AS_USER, http::HeaderValue::from_bytes(name.as_bytes())?);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let response = request.send().await.map_err(|e| self.silence(&e))?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(|e| self.silence(&e))?;
        let answer: Option<Value> = serde_json::from_slice(&bytes).ok();
        match answer {
            Some(answer) if status.is_success() => Ok(answer),
            answer => Err(self.refusal(status, answer.as_ref())),
        }
    }

    fn silence(&self, error: &reqwest::Error) -> anyhow::Error {
        let reason = integrations::reason(error);
        let local = self.address.starts_with(UNIX) || self.address == PORT;
        let hint = if local { "\nIs it running? systemctl status barbossa-api" } else { "" };
        failure(Status::NoConnection, format!("{} does not answer ({reason}).{hint}", self.address))
    }

    fn refusal(&self, status: StatusCode, answer: Option<&Value>) -> anyhow::Error {
        let Some(said) = answer.map(sentence) else {
            let message = format!("{} answered {status}, but not as Barbossa does.", self.address);
            return failure(Status::NoConnection, message);
        };
        let (ending, advice) = match status.as_u16() {
            401 => (Status::Refused, "\nLog in: barbossa auth login NAME; or, on its own machine, use sudo."),
            403 => (Status::NotPermitted, "\nLog in as an admin: barbossa auth login NAME; or use sudo."),
            404 => (Status::NotFound, ""),
            400 | 413 | 415 | 422 => (Status::Usage, ""),
            502..=504 => (Status::NoConnection, ""),
            _ => (Status::Failed, ""),
        };
        failure(ending, format!("{said}{advice}"))
    }

    /// Waits for a job's end, however long it takes; what it says of its progress moves the bar. Its result.
    pub async fn follow(&self, id: i64, bar: &ProgressBar) -> anyhow::Result<Value> {
        let mut last_error = Value::Null;
        let mut silent_since: Option<Instant> = None;
        let mut pause = AT_FIRST;
        loop {
            let job = match self.get(&format!("/api/jobs/{id}")).await {
                Ok(job) => job,
                Err(error) => {
                    let is_away = super::exit::status_of(&error) == Status::NoConnection;
                    if !is_away || silent_since.get_or_insert_with(Instant::now).elapsed() > RESTART {
                        return Err(error);
                    }
                    tokio::time::sleep(EVERY).await;
                    continue;
                }
            };
            silent_since = None;
            match job["state"].as_str() {
                Some("completed") => {
                    bar.finish_and_clear();
                    return Ok(job["result"].clone());
                }
                Some("cancelled" | "discarded") => {
                    bar.finish_and_clear();
                    let reason = job["error"].as_str().unwrap_or("It gave no reason.");
                    return Err(failure(Status::Failed, reason));
                }
                _ => {}
            }
            // An attempt failed and the next one is to come: nobody should wait without knowing.
            if job["error"].is_string() && job["error"] != last_error {
                let reason = job["error"].as_str().unwrap_or_default().to_owned();
                bar.suspend(|| complain(format_args!("It is tried again: {reason}")));
                last_error = job["error"].clone();
            }
            show(bar, &job["progress"]);
            tokio::time::sleep(pause).await;
            pause = (pause + pause / 4).min(EVERY);
        }
    }
}

/// Moves the bar by what a job says of its progress.
fn show(bar: &ProgressBar, progress: &Value) {
    if let Some(total) = progress["total"].as_u64() {
        bar.set_length(total);
    }
    if let Some(done) = progress["done"].as_u64().or_else(|| progress["files"].as_u64()) {
        bar.set_position(done);
    }
}

/// What the server says in `detail`: a sentence, or one for each field that is wrong.
fn sentence(answer: &Value) -> String {
    match &answer["detail"] {
        Value::String(text) => text.clone(),
        Value::Array(fields) => {
            let told = fields.iter().map(|field| {
                let place = field["loc"].as_array().and_then(|loc| loc.last());
                let place = place.and_then(Value::as_str).unwrap_or("input");
                format!("{place}: {}", field["msg"].as_str().unwrap_or_default())
            });
            told.collect::<Vec<_>>().join("\n")
        }
        _ => "It was refused without a reason.".into(),
    }
}

fn may_open(socket: &Path) -> bool {
    nix::unistd::access(socket, nix::unistd::AccessFlags::W_OK).is_ok()
}

/// One value in a query string or a path.
pub fn encoded(value: &str) -> String {
    integrations::encoded(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn wire(url: &str) -> Wire {
        Wire::open(&WireArgs { api_url: Some(url.into()), token: Some("t".into()), ..WireArgs::default() })
            .unwrap()
    }

    #[test]
    fn what_was_refused_has_its_exit_status_and_says_what_to_do() {
        let wire = wire("https://music.example.org/");
        assert_eq!(wire.address(), "https://music.example.org");
        for (status, ending, word) in [
            (401, Status::Refused, "auth login"),
            (403, Status::NotPermitted, "sudo"),
            (404, Status::NotFound, "Album not found"),
            (409, Status::Failed, ""),
            (503, Status::NoConnection, ""),
        ] {
            let status = StatusCode::from_u16(status).unwrap();
            let error = wire.refusal(status, Some(&json!({"detail": "Album not found", "code": "x"})));
            assert_eq!(super::super::exit::status_of(&error), ending, "{status}");
            assert!(error.to_string().contains(word), "{error}");
        }
        let fields = json!({"detail": [{"loc": ["body", "year"], "msg": "must be from 1000 to 9999", "type": "value"}]});
        let error = wire.refusal(StatusCode::UNPROCESSABLE_ENTITY, Some(&fields));
        assert_eq!(error.to_string(), "year: must be from 1000 to 9999");
        let error = wire.refusal(StatusCode::OK, None);
        assert!(error.to_string().contains("not as Barbossa does"), "{error}");
    }

    #[test]
    fn an_address_that_is_none_is_refused_before_anything_is_sent() {
        let args = WireArgs { api_url: Some("music.example.org".into()), ..WireArgs::default() };
        assert!(Wire::open(&args).is_err_and(|e| e.to_string().contains("https://")));
    }

    #[tokio::test]
    async fn nobody_there_is_no_connection() {
        let error = wire("unix:/nowhere/api.sock").get("/health").await.unwrap_err();
        assert_eq!(super::super::exit::status_of(&error), Status::NoConnection);
        assert!(error.to_string().contains("systemctl status barbossa-api"), "{error}");
    }
}
