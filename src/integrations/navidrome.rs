//! Navidrome, by the Subsonic interface that it speaks (subsonic.org/pages/api.jsp, opensubsonic.netlify.app): ping, and a
//! scan of what has changed. The password is never sent: a salted MD5 of it is, as the interface has it since 1.13.

use md5::{Digest, Md5};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{Question, Trouble, Web, encoded, nothing_there, read};

/// As it calls itself.
pub const NAME: &str = "Navidrome";
/// The version of the interface that has all that is used here.
const VERSION: &str = "1.16.1";

/// One server.
pub struct Navidrome<'a> {
    /// Through which it is asked.
    pub web: &'a Web,
    /// Its address.
    pub url: &'a str,
    /// Who asks.
    pub user: &'a str,
    /// Their password.
    pub password: &'a SecretString,
}

#[derive(Deserialize)]
struct Wrapped {
    #[serde(rename = "subsonic-response")]
    response: Response,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Response {
    status: String,
    server_version: Option<String>,
    error: Option<Complaint>,
}

#[derive(Deserialize)]
struct Complaint {
    #[serde(default)]
    message: String,
}

impl Navidrome<'_> {
    /// Its version, if it tells; also says whether the password is right.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn ping(&self) -> Result<Option<String>, Trouble> {
        Ok(self.ask("ping").await?.server_version)
    }

    /// Has it look for what has changed. It answers before it has looked.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn start_scan(&self) -> Result<(), Trouble> {
        self.ask("startScan").await.map(drop)
    }

    async fn ask(&self, method: &str) -> Result<Response, Trouble> {
        let mut salt = [0; 12];
        getrandom::fill(&mut salt).map_err(|e| Trouble::Away(NAME, e.to_string()))?;
        let salt = hex(&salt);
        let token = token(self.password, &salt);
        let address = format!(
            "{}/rest/{method}?u={}&t={token}&s={salt}&v={VERSION}&c=barbossa&f=json",
            self.url.trim_end_matches('/'),
            encoded(self.user)
        );
        let answer = self.web.send_for_json(NAME, Question::get(&address, &[])).await?;
        let response = read::<Wrapped>(NAME, answer.ok_or_else(|| nothing_there(NAME))?)?.response;
        match response.status.as_str() {
            "ok" => Ok(response),
            _ => Err(Trouble::Refused(NAME, response.error.map_or_else(String::new, |e| e.message))),
        }
    }
}

/// `md5(password + salt)`, hex.
fn token(password: &SecretString, salt: &str) -> String {
    hex(&Md5::new().chain_update(password.expose_secret()).chain_update(salt).finalize())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_is_that_of_the_documentations_example() {
        assert_eq!(token(&"sesame".into(), "c19b2d"), "26719a1196d2a940705a59634eb18eab");
    }
}
