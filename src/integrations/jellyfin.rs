//! Jellyfin's HTTP interface (api.jellyfin.org): who it is, and which paths have changed. The key is in `Authorization`, as
//! its scheme `MediaBrowser` has it.

use std::path::Path;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use super::{Body, Question, Trouble, Web, nothing_there, read};

/// As it calls itself.
pub const NAME: &str = "Jellyfin";

/// One server.
pub struct Jellyfin<'a> {
    /// Through which it is asked.
    pub web: &'a Web,
    /// Its address.
    pub url: &'a str,
    /// An API key.
    pub key: &'a SecretString,
}

/// What a server says of itself to whoever has a key.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Server {
    /// `10.10.3`
    pub version: String,
}

impl Jellyfin<'_> {
    /// Which one it is; also says whether the key is right.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn server(&self) -> Result<Server, Trouble> {
        let (address, key) = (self.address("/System/Info"), self.authorization());
        let headers = [("authorization", key.expose_secret())];
        let answer = self.web.send_for_json(NAME, Question::get(&address, &headers)).await?;
        read(NAME, answer.ok_or_else(|| nothing_there(NAME))?)
    }

    /// Tells it of folders (as Jellyfin sees them) in which something changed (`POST /Library/Media/Updated`).
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn updated(&self, folders: &[impl AsRef<Path>]) -> Result<(), Trouble> {
        let (address, key) = (self.address("/Library/Media/Updated"), self.authorization());
        let headers = [("authorization", key.expose_secret())];
        let path = |folder: &Path| json!({"Path": folder.to_string_lossy(), "UpdateType": "Modified"});
        let updates: Vec<_> = folders.iter().map(|folder| path(folder.as_ref())).collect();
        let body = Body::Json(json!({"Updates": updates}));
        let answer = self.web.send(NAME, Question::post(&address, &headers, body)).await?;
        answer.map(drop).ok_or_else(|| nothing_there(NAME))
    }

    fn address(&self, path: &str) -> String {
        format!("{}{path}", self.url.trim_end_matches('/'))
    }

    fn authorization(&self) -> SecretString {
        let key: String = self.key.expose_secret().chars().filter(|c| *c != '"').collect();
        format!("MediaBrowser Client=\"Barbossa\", Device=\"Barbossa\", DeviceId=\"barbossa\", Version=\"1\", Token=\"{key}\"")
            .into()
    }
}
