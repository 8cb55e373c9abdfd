//! How the services are that are asked and told, and from which nothing is fetched: Lidarr, the players, the catalogues, the
//! tracker.

use futures_util::future::BoxFuture;
use secrecy::SecretString;

use super::adapter::{Adapter, Health};
use super::jellyfin::Jellyfin;
use super::lidarr::Lidarr;
use super::navidrome::Navidrome;
use super::plex::Plex;
use super::{Question, Trouble, Web, coverart, lrclib, torrentleech};
use crate::config::Settings;

/// Which.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Lidarr,
    Plex,
    Jellyfin,
    Navidrome,
    Lrclib,
    Coverart,
    Torrentleech,
}

/// One of them, as the settings have it now.
pub struct Service {
    kind: Kind,
    settings: Settings,
}

impl Service {
    /// All of them.
    pub fn all(settings: &Settings) -> impl Iterator<Item = Self> + '_ {
        let kinds = [
            Kind::Lidarr,
            Kind::Plex,
            Kind::Jellyfin,
            Kind::Navidrome,
            Kind::Lrclib,
            Kind::Coverart,
            Kind::Torrentleech,
        ];
        kinds.into_iter().map(|kind| Self { kind, settings: settings.clone() })
    }

    /// Why it is off, if it is.
    fn off(&self) -> Option<&'static str> {
        let s = &self.settings;
        let (is_on, what) = match self.kind {
            Kind::Lidarr => (!s.lidarr.url.is_empty(), "Set lidarr.url and its API key to use it."),
            Kind::Plex => (!s.plex.url.is_empty(), "Set plex.url and its token to use it."),
            Kind::Jellyfin => (!s.jellyfin.url.is_empty(), "Set jellyfin.url and its API key to use it."),
            Kind::Navidrome => {
                (!s.navidrome.url.is_empty(), "Set navidrome.url, its user and the password to use it.")
            }
            Kind::Lrclib => (s.lrclib.enabled, "It is switched off: lrclib.enabled."),
            Kind::Coverart => (s.coverart.enabled, "It is switched off: coverart.enabled."),
            Kind::Torrentleech => (
                s.secrets.torrentleech_key.is_some(),
                "An admin's credential barbossa.torrentleech-key switches it on.",
            ),
        };
        (!is_on).then_some(what)
    }

    async fn look(&self) -> Health {
        if let Some(why) = self.off() {
            return Health::Off(why.into());
        }
        match self.version().await {
            Ok(version) => Health::Ok { version },
            Err(trouble) => Health::Down(format!("{trouble}.")),
        }
    }

    async fn version(&self) -> Result<Option<String>, Trouble> {
        let (title, _) = self.title();
        let broken = |e: anyhow::Error| Trouble::Away(title, e.to_string());
        let s = &self.settings;
        let secret = |secret: &Option<SecretString>| {
            secret.clone().ok_or_else(|| Trouble::Refused(title, "its key or password is not set".into()))
        };
        let contact = &s.musicbrainz.contact;
        let web = Web::direct(contact).map_err(broken)?;
        match self.kind {
            Kind::Lidarr => {
                let key = &secret(&s.secrets.lidarr_api_key)?;
                Lidarr { web: &web, url: &s.lidarr.url, key }.version().await.map(Some)
            }
            Kind::Plex => {
                let token = &secret(&s.secrets.plex_token)?;
                Plex { web: &web, url: &s.plex.url, token }.server().await.map(|server| Some(server.version))
            }
            Kind::Jellyfin => {
                let key = &secret(&s.secrets.jellyfin_api_key)?;
                Jellyfin { web: &web, url: &s.jellyfin.url, key }
                    .server()
                    .await
                    .map(|server| Some(server.version))
            }
            Kind::Navidrome => {
                let password = &secret(&s.secrets.navidrome_password)?;
                Navidrome { web: &web, url: &s.navidrome.url, user: &s.navidrome.user, password }.ping().await
            }
            Kind::Lrclib => there(&Web::new(contact).map_err(broken)?, lrclib::NAME, &s.lrclib.url).await,
            Kind::Coverart => {
                there(&Web::new(contact).map_err(broken)?, coverart::NAME, &s.coverart.url).await
            }
            Kind::Torrentleech => {
                there(&Web::new(contact).map_err(broken)?, torrentleech::NAME, &s.torrentleech.url).await
            }
        }
    }
}

/// Whether anything answers at an address.
async fn there(web: &Web, service: &'static str, url: &str) -> Result<Option<String>, Trouble> {
    match web.send(service, Question::get(url, &[])).await {
        // It is there, and has no first page for programs.
        Ok(_) | Err(Trouble::Refused(..)) => Ok(None),
        Err(trouble) => Err(trouble),
    }
}

impl Adapter for Service {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Lidarr => "lidarr",
            Kind::Plex => "plex",
            Kind::Jellyfin => "jellyfin",
            Kind::Navidrome => "navidrome",
            Kind::Lrclib => "lrclib",
            Kind::Coverart => "coverart",
            Kind::Torrentleech => "torrentleech",
        }
    }

    fn title(&self) -> (&'static str, &'static str) {
        match self.kind {
            Kind::Lidarr => ("Lidarr", "looks for albums, and what it has found is imported"),
            Kind::Plex => ("Plex", "is told of folders that changed"),
            Kind::Jellyfin => ("Jellyfin", "is told of folders that changed"),
            Kind::Navidrome => ("Navidrome", "is asked to scan after changes"),
            Kind::Lrclib => ("LRCLIB", "lyrics"),
            Kind::Coverart => ("Cover Art Archive", "covers of albums that have none"),
            Kind::Torrentleech => ("TorrentLeech", "recordings that the family may share"),
        }
    }

    fn health(&self) -> BoxFuture<'_, Health> {
        Box::pin(self.look())
    }
}
