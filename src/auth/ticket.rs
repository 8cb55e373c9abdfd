//! Tickets: a signed permission for one purpose that lives for minutes, for what cannot send a header.
//!
//! `v1.PURPOSE.SESSION.EXPIRES.MAC`: a keyed BLAKE3 over the rest, with a key derived from the signing secret. A
//! ticket ends with the session that it was issued to.

use jiff::Timestamp;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::User;
use super::session::{find_by_id, new_token};
use crate::app::App;
use crate::error::{Error, Result};

/// What a ticket is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = TicketPurpose)]
pub enum Purpose {
    /// Opening the WebSocket; one minute.
    Ws,
    /// Listening (`GET …/stream`); a quarter of an hour, since a player asks again for the next part.
    Stream,
    /// Taking an export away (`GET …/download`); five minutes to begin.
    Download,
}

impl Purpose {
    fn word(self) -> &'static str {
        match self {
            Self::Ws => "ws",
            Self::Stream => "stream",
            Self::Download => "download",
        }
    }

    fn seconds(self) -> i64 {
        match self {
            Self::Ws => 60,
            Self::Stream => 15 * 60,
            Self::Download => 5 * 60,
        }
    }
}

/// As it is given out.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Ticket {
    /// For `?ticket=`.
    pub ticket: String,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// A ticket for whoever has this session.
///
/// # Errors
/// When it is known by something else, which can be sent itself.
pub fn issue_ticket(app: &App, user: &User, purpose: Purpose) -> Result<Ticket> {
    let why = "A ticket belongs to a login: who comes with a token sends that, and needs no ticket.";
    let session_id = user.session_id().ok_or_else(|| Error::Invalid(why.into()))?;
    let expires = app.clock.now().as_second() + purpose.seconds();
    let claim = format!("v1.{}.{session_id}.{expires}", purpose.word());
    let ticket = format!("{claim}.{}", key(app).sign(&claim).to_hex());
    Ok(Ticket { ticket, expires_at: Timestamp::from_second(expires).unwrap_or(Timestamp::MAX) })
}

/// Whose ticket this is, if it is good for this purpose, not too old, and its session lasts.
pub async fn user_of_ticket(app: &App, ticket: &str, purpose: Purpose) -> Result<Option<User>> {
    match session_of(&key(app), ticket, purpose, app.clock.now().as_second()) {
        Some(session_id) => find_by_id(app, session_id).await,
        None => Ok(None),
    }
}

fn session_of(key: &Key, ticket: &str, purpose: Purpose, now_second: i64) -> Option<i64> {
    let (claim, mac) = ticket.rsplit_once('.')?;
    // Comparing hashes of BLAKE3 takes the same time whatever they are.
    if blake3::Hash::from_hex(mac).ok()? != key.sign(claim) {
        return None;
    }
    let mut parts = claim.split('.');
    let (version, word) = (parts.next()?, parts.next()?);
    let (session_id, expires): (i64, i64) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    let is_good = version == "v1" && word == purpose.word() && expires > now_second && parts.next().is_none();
    is_good.then_some(session_id)
}

struct Key([u8; 32]);

impl Key {
    fn derived_from(secret: &str) -> Self {
        Self(blake3::derive_key("barbossa 2026-11 ticket signing", secret.as_bytes()))
    }

    fn sign(&self, claim: &str) -> blake3::Hash {
        blake3::keyed_hash(&self.0, claim.as_bytes())
    }
}

fn key(app: &App) -> Key {
    match &app.settings.secrets.jwt_secret {
        Some(secret) => Key::derived_from(secret.expose_secret()),
        None => Key::derived_from(app.kept::<SecretOfThisProcess>().0.expose_secret()),
    }
}

/// Stands in where no secret is set: tickets then end with the process.
struct SecretOfThisProcess(SecretString);

impl Default for SecretOfThisProcess {
    fn default() -> Self {
        Self(new_token().expect("the kernel has random bytes once it has started").into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ticket_is_good_for_its_purpose_and_time_alone() {
        let key = Key::derived_from("secret");
        let claim = "v1.ws.7.1000";
        let ticket = format!("{claim}.{}", key.sign(claim).to_hex());
        assert_eq!(session_of(&key, &ticket, Purpose::Ws, 999), Some(7));
        assert_eq!(session_of(&key, &ticket, Purpose::Ws, 1000), None);
        assert_eq!(session_of(&key, &ticket, Purpose::Stream, 999), None);
        assert_eq!(session_of(&Key::derived_from("another"), &ticket, Purpose::Ws, 999), None);
    }

    #[test]
    fn a_ticket_that_was_changed_is_none() {
        let key = Key::derived_from("secret");
        let mac = key.sign("v1.ws.7.1000").to_hex();
        for forged in [
            format!("v1.ws.8.1000.{mac}"),
            format!("v1.ws.7.2000.{mac}"),
            format!("v1.stream.7.1000.{mac}"),
            "v1.ws.7.1000.".into(),
            "v1.ws.7.1000".into(),
            String::new(),
            ".".into(),
            "💥.💥".into(),
        ] {
            for purpose in [Purpose::Ws, Purpose::Stream] {
                assert_eq!(session_of(&key, &forged, purpose, 0), None, "{forged}");
            }
        }
    }
}
