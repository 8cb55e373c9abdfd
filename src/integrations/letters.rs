//! Messages to people, by the ways that they have: ntfy (docs.ntfy.sh/publish, "Publish as JSON"), a webhook (our own JSON),
//! mail (RFC 5321, by the `lettre` crate).

use lettre::message::Mailbox;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Tls, TlsParameters};
use lettre::{AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};

use super::{Body, Question, Trouble, Web};

/// Said when an address does not answer.
pub const NTFY: &str = "ntfy";
/// The same.
pub const WEBHOOK: &str = "The webhook";
/// The same.
pub const MAIL: &str = "The mail server";
/// A mail server that takes longer is not well.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

/// One message.
#[derive(Debug, Clone, PartialEq)]
pub struct Letter {
    /// A line.
    pub title: String,
    /// Some lines.
    pub text: String,
    /// Whether it should not wait until morning.
    pub is_urgent: bool,
    /// Where to look, if that is known.
    pub link: Option<String>,
    /// What happened, for programs: `[{"event", …}]`.
    pub news: Value,
}

/// `https://ntfy.sh/topic`: the server, and the topic, its last part.
pub fn ntfy_topic(address: &str) -> Option<(String, String)> {
    let (server, topic) = address.trim_end_matches('/').rsplit_once('/')?;
    let is_topic = !topic.is_empty()
        && topic.len() <= 64
        && topic.chars().all(|c| c.is_ascii_alphanumeric() || "-_".contains(c));
    let has_host = server.split_once("://").is_some_and(|(_, host)| !host.is_empty());
    (is_topic && has_host).then(|| (server.to_owned(), topic.to_owned()))
}

/// The token that one ntfy server wants to be shown (docs.ntfy.sh/publish, "Access tokens").
#[derive(Debug, Clone, Copy)]
pub struct NtfyToken<'a> {
    /// `https://ntfy.example.org`; nobody else sees the token.
    pub server: &'a str,
    /// `tk_…`
    pub token: &'a SecretString,
}

impl NtfyToken<'_> {
    fn is_for(&self, server: &str) -> bool {
        let plain = |address: &str| address.trim_end_matches('/').to_ascii_lowercase();
        !self.server.is_empty() && plain(self.server) == plain(server)
    }
}

/// Publishes to a topic.
///
/// # Errors
/// [`Trouble`]
pub async fn to_ntfy(
    web: &Web,
    address: &str,
    token: Option<NtfyToken<'_>>,
    letter: &Letter,
) -> Result<(), Trouble> {
    let wrong = || Trouble::Refused(NTFY, "the address names no topic".into());
    let (server, topic) = ntfy_topic(address).ok_or_else(wrong)?;
    let mut body = json!({
        "topic": topic, "title": letter.title, "message": letter.text,
        "priority": if letter.is_urgent { 4 } else { 3 },
        "tags": [if letter.is_urgent { "warning" } else { "musical_note" }],
    });
    if let Some(link) = &letter.link {
        body["click"] = link.as_str().into();
    }
    let shown = token.filter(|token| token.is_for(&server));
    let shown = shown.map(|of| format!("Bearer {}", of.token.expose_secret()));
    let headers: Vec<(&str, &str)> = shown.iter().map(|shown| ("authorization", shown.as_str())).collect();
    taken(NTFY, web.send(NTFY, Question::post(&server, &headers, Body::Json(body))).await?)
}

/// Posts `{"title", "message", "urgent", "url", "events"}`.
///
/// # Errors
/// [`Trouble`]
pub async fn to_webhook(web: &Web, address: &str, letter: &Letter) -> Result<(), Trouble> {
    let body = json!({
        "title": letter.title, "message": letter.text, "urgent": letter.is_urgent, "url": letter.link,
        "events": letter.news,
    });
    taken(WEBHOOK, web.send(WEBHOOK, Question::post(address, &[], Body::Json(body))).await?)
}

fn taken(service: &'static str, answer: Option<Vec<u8>>) -> Result<(), Trouble> {
    answer.map(drop).ok_or_else(|| Trouble::Refused(service, "there is nothing at this address".into()))
}

/// The mail server.
#[derive(Debug)]
pub struct MailServer<'a> {
    /// `smtp://HOST:PORT`, `smtps://HOST`.
    pub url: &'a str,
    /// Who logs in there; empty: nobody.
    pub user: &'a str,
    /// Their password.
    pub password: Option<&'a SecretString>,
    /// `From:`
    pub from: &'a str,
}

/// Whether that is somebody's address.
pub fn is_mail_address(address: &str) -> bool {
    address.parse::<lettre::Address>().is_ok() && address.is_ascii()
}

impl MailServer<'_> {
    /// Sends a mail.
    ///
    /// # Errors
    /// [`Trouble`]; `Refused` when an address or the login is wrong.
    pub async fn send(&self, to: &str, letter: &Letter) -> Result<(), Trouble> {
        let refused = |e: &dyn std::fmt::Display| Trouble::Refused(MAIL, e.to_string());
        let mailbox = |address: &str| address.parse::<Mailbox>().map_err(|e| refused(&e));
        let text = letter.link.iter().fold(letter.text.clone(), |text, link| format!("{text}\n\n{link}"));
        let mail = Message::builder()
            .from(mailbox(self.from)?)
            .to(mailbox(to)?)
            .subject(format!("Barbossa: {}", letter.title))
            .user_agent("Barbossa".into())
            .body(text)
            .map_err(|e| refused(&e))?;
        match self.transport()?.send(mail).await {
            Ok(_) => Ok(()),
            Err(e) if e.is_permanent() || e.is_client() => Err(refused(&e)),
            Err(e) => Err(Trouble::Away(MAIL, e.to_string())),
        }
    }

    fn transport(&self) -> Result<AsyncSmtpTransport<Tokio1Executor>, Trouble> {
        super::choose_cryptography();
        let (is_tls, host) = match self.url.split_once("://") {
            Some(("smtps", host)) => (true, host),
            Some((_, host)) => (false, host),
            None => {
                return Err(Trouble::Refused(MAIL, "no mail server is set (notifications.smtp_url)".into()));
            }
        };
        let (host, port) = match host.rsplit_once(':') {
            Some((host, port)) if port.chars().all(|c| c.is_ascii_digit()) => (host, port.parse().ok()),
            _ => (host, None),
        };
        let port = port.unwrap_or(if is_tls { 465 } else { 25 });
        let parameters =
            || TlsParameters::new(host.to_owned()).map_err(|e| Trouble::Away(MAIL, e.to_string()));
        let is_here = ["localhost", "127.0.0.1", "[::1]"].contains(&host);
        let tls = match (is_tls, self.user.is_empty()) {
            (true, _) => Tls::Wrapper(parameters()?),
            // A password goes nowhere in the clear, but on this machine.
            (false, false) if !is_here => Tls::Required(parameters()?),
            // A mail server on this machine has a certificate that was made for another name.
            (false, _) if is_here => Tls::None,
            (false, _) => Tls::Opportunistic(parameters()?),
        };
        let mut transport = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(host)
            .port(port)
            .tls(tls)
            .timeout(Some(PATIENCE));
        if !self.user.is_empty() {
            let password = self.password.map(|p| p.expose_secret().to_owned()).unwrap_or_default();
            transport = transport.credentials(Credentials::new(self.user.to_owned(), password));
        }
        Ok(transport.build())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_topic_is_the_last_part_of_the_address() {
        assert_eq!(ntfy_topic("https://ntfy.sh/house"), Some(("https://ntfy.sh".into(), "house".into())));
        assert_eq!(ntfy_topic("http://n:80/a/b/"), Some(("http://n:80/a".into(), "b".into())));
        for wrong in ["https://ntfy.sh", "https://ntfy.sh/", "https://ntfy.sh/a b", "topic", "https:///topic"]
        {
            assert_eq!(ntfy_topic(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn addresses_of_people_are_told_from_other_texts() {
        assert!(is_mail_address("ada@example.org"));
        for wrong in ["ada", "ada@", "a@b\nBcc: c@d", "Ada <ada@example.org>", ""] {
            assert!(!is_mail_address(wrong), "{wrong}");
        }
    }
}
