//! A secret on its way from one process to another, for a question that somebody waits for: a password that an admin
//! wants tried before it is kept. In Redis for a minute, under a name that is the only thing that is written down; taken
//! once.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

use crate::app::App;
use crate::error::{Error, Result};

const SECONDS: u64 = 60;

/// Leaves the secret; its name.
///
/// # Errors
/// `Unavailable` when Redis is away.
pub async fn leave(app: &App, secret: &SecretString) -> Result<String> {
    let mut name = [0; 24];
    getrandom::fill(&mut name).map_err(anyhow::Error::from)?;
    let name = BASE64_URL_SAFE_NO_PAD.encode(name);
    let (key, text) = (key(&name), secret.expose_secret().to_owned());
    let left: Option<String> = app
        .cache
        .ask(|mut c| async move {
            redis::cmd("SET").arg(key).arg(text).arg("EX").arg(SECONDS).query_async(&mut c).await
        })
        .await;
    left.map(|_| name)
        .ok_or(Error::Unavailable("Redis is away: save the key first, and test it without naming it."))
}

/// Takes the secret that was left under this name.
pub async fn take(app: &App, name: &str) -> Option<SecretString> {
    let key = key(name);
    let found: Option<Option<String>> =
        app.cache.ask(|mut c| async move { redis::cmd("GETDEL").arg(key).query_async(&mut c).await }).await;
    found.flatten().map(Into::into)
}

fn key(name: &str) -> String {
    format!("barbossa:errand:{name}")
}
