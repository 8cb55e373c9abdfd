//! Lidarr, which looks for albums: asked and told by people, and what it has downloaded is imported. Owns `lidarr_download`
//! and `lidarr_history`.
//!
//! Invariants: profiles and folders are Lidarr's own; what it has is copied from the folder that both see into
//! `downloads/lidarr/` and goes through the imports like everything else; nothing of Lidarr's is changed or deleted; the same
//! download is taken once.

mod ask;
mod collect;
mod copy;
mod gaps;
mod http;
mod webhook;

pub use ask::AskLidarr;
pub use collect::CollectLidarr;
pub use gaps::{FillGaps, search_missing};
pub use http::routes;

use secrecy::SecretString;

use crate::config::Settings;
use crate::integrations::{Trouble, lidarr};

/// Where it is, and its key.
struct Way {
    url: String,
    key: SecretString,
}

impl Way {
    /// As the settings have it.
    ///
    /// # Errors
    /// `Refused` when address or key is not set.
    fn of(settings: &Settings) -> Result<Self, Trouble> {
        let unset = |what: &str| Trouble::Refused(lidarr::NAME, format!("its {what} is not set"));
        let url = Some(&settings.lidarr.url).filter(|url| !url.is_empty()).ok_or_else(|| unset("address"))?;
        let key = settings.secrets.lidarr_api_key.as_ref().ok_or_else(|| unset("API key"))?;
        Ok(Self { url: url.clone(), key: key.clone() })
    }

    fn asked<'a>(&'a self, web: &'a crate::integrations::Web) -> lidarr::Lidarr<'a> {
        lidarr::Lidarr { web, url: &self.url, key: &self.key }
    }
}
