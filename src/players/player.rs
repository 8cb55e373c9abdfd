//! The players that there are, each behind the same two questions: how are you, and look at these folders.

use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::config::{PathMap, Settings};
use crate::integrations::jellyfin::{self, Jellyfin};
use crate::integrations::navidrome::{self, Navidrome};
use crate::integrations::plex::{self, Plex, Section};
use crate::integrations::{Trouble, Web};

/// Plex looks at so many folders one by one; at more it looks at all.
const SINGLE_FOLDERS: usize = 50;

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Player {
    /// Plex Media Server.
    Plex,
    /// Jellyfin.
    Jellyfin,
    /// Navidrome.
    Navidrome,
}

/// Where it is and who asks, as far as that is said.
pub(super) struct Way {
    pub url: String,
    pub secret: SecretString,
}

impl Player {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Plex, Self::Jellyfin, Self::Navidrome];

    /// As the rows call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plex => "plex",
            Self::Jellyfin => "jellyfin",
            Self::Navidrome => "navidrome",
        }
    }

    /// As people call it.
    pub fn title(self) -> &'static str {
        match self {
            Self::Plex => plex::NAME,
            Self::Jellyfin => jellyfin::NAME,
            Self::Navidrome => navidrome::NAME,
        }
    }

    /// Its address in the settings; empty: not used.
    pub fn url(self, settings: &Settings) -> &str {
        match self {
            Self::Plex => &settings.plex.url,
            Self::Jellyfin => &settings.jellyfin.url,
            Self::Navidrome => &settings.navidrome.url,
        }
    }

    fn secret(self, settings: &Settings) -> Option<&SecretString> {
        match self {
            Self::Plex => settings.secrets.plex_token.as_ref(),
            Self::Jellyfin => settings.secrets.jellyfin_api_key.as_ref(),
            Self::Navidrome => settings.secrets.navidrome_password.as_ref(),
        }
    }

    /// Whether it wants to be told by itself.
    pub fn is_told(self, settings: &Settings) -> bool {
        !self.url(settings).is_empty() && (self != Self::Plex || settings.plex.auto_scan)
    }

    /// As the settings have it.
    ///
    /// # Errors
    /// `Refused` when address or secret is not set.
    pub(super) fn way(self, settings: &Settings) -> Result<Way, Trouble> {
        let unset = |what: &str| Trouble::Refused(self.title(), format!("its {what} is not set"));
        let url = Some(self.url(settings)).filter(|url| !url.is_empty()).ok_or_else(|| unset("address"))?;
        let secret = self.secret(settings).ok_or_else(|| unset("key or password"))?;
        Ok(Way { url: url.to_owned(), secret: secret.clone() })
    }

    /// Its version, if it tells; also says whether the secret is right.
    pub(super) async fn version(
        self,
        web: &Web,
        settings: &Settings,
        way: &Way,
    ) -> Result<Option<String>, Trouble> {
        match self {
            Self::Plex => plex_of(web, way).server().await.map(|server| Some(server.version)),
            Self::Jellyfin => jellyfin_of(web, way).server().await.map(|server| Some(server.version)),
            Self::Navidrome => navidrome_of(web, settings, way).ping().await,
        }
    }

    /// Has it look at these folders, whole paths on this machine.
    pub(super) async fn tell(self, app: &App, folders: &[PathBuf]) -> Result<(), Trouble> {
        let (web, settings) = (app.direct_web(), &app.settings);
        let way = self.way(settings)?;
        match self {
            Self::Plex => tell_plex(&plex_of(&web, &way), app, folders).await,
            Self::Jellyfin => {
                let map = path_map(self, &settings.jellyfin.path_map)?;
                let theirs: Vec<PathBuf> = folders.iter().map(|folder| map.theirs(folder)).collect();
                jellyfin_of(&web, &way).updated(&theirs).await
            }
            Self::Navidrome => navidrome_of(&web, settings, &way).start_scan().await,
        }
    }
}

pub(super) fn plex_of<'a>(web: &'a Web, way: &'a Way) -> Plex<'a> {
    Plex { web, url: &way.url, token: &way.secret }
}

fn jellyfin_of<'a>(web: &'a Web, way: &'a Way) -> Jellyfin<'a> {
    Jellyfin { web, url: &way.url, key: &way.secret }
}

fn navidrome_of<'a>(web: &'a Web, settings: &'a Settings, way: &'a Way) -> Navidrome<'a> {
    Navidrome { web, url: &way.url, user: &settings.navidrome.user, password: &way.secret }
}

fn path_map(player: Player, texts: &[String]) -> Result<PathMap, Trouble> {
    PathMap::of(texts).map_err(|wrong| Trouble::Refused(player.title(), format!("path_map says `{wrong}`")))
}

/// Plex does not notice that a folder is gone when it is asked to look there: it looks at the one above.
async fn tell_plex(plex: &Plex<'_>, app: &App, folders: &[PathBuf]) -> Result<(), Trouble> {
    let map = path_map(Player::Plex, &app.settings.plex.path_map)?;
    let sections = plex.sections().await?;
    let section = section_of(&sections, &app.settings.plex.music_section)?;
    let mut theirs = Vec::new();
    for folder in folders {
        let there = map.theirs(&nearest(app.music(), folder).await);
        if !theirs.contains(&there) {
            theirs.push(there);
        }
    }
    if let Some(outside) = theirs.iter().find(|folder| !plex::is_within(section, folder)) {
        let why = format!(
            "{} lies in none of the folders of its library {}: plex.path_map says where Plex sees our folders",
            outside.display(),
            section.title
        );
        return Err(Trouble::Refused(plex::NAME, why));
    }
    if theirs.len() > SINGLE_FOLDERS {
        return plex.refresh(&section.key, None).await;
    }
    for folder in &theirs {
        plex.refresh(&section.key, Some(folder)).await?;
    }
    Ok(())
}

pub(super) fn section_of<'a>(sections: &'a [Section], wanted: &str) -> Result<&'a Section, Trouble> {
    let none = || match wanted {
        "" => "it has no library for music".to_owned(),
        wanted => format!("it has no library for music called {wanted} (plex.music_section)"),
    };
    plex::choose(sections, wanted).ok_or_else(|| Trouble::Refused(plex::NAME, none()))
}

/// The folder itself, or the nearest one above it that is there; never above the library.
async fn nearest(music: &Path, folder: &Path) -> PathBuf {
    let library = music.join("artists");
    let mut at = folder;
    while at != library && !tokio::fs::try_exists(at).await.unwrap_or(true) {
        match at.parent().filter(|above| above.starts_with(&library)) {
            Some(above) => at = above,
            None => break,
        }
    }
    at.to_owned()
}
