//! Plex Media Server's HTTP interface (developer.plex.tv/pms, "Library Sections"): which music libraries there are, and
//! looking again at one folder. JSON when it is asked for, `X-Plex-Token` in a header.

use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{Question, Trouble, Web, encoded, nothing_there, read};

/// As it calls itself.
pub const NAME: &str = "Plex";

/// One server.
pub struct Plex<'a> {
    /// Through which it is asked.
    pub web: &'a Web,
    /// Its address.
    pub url: &'a str,
    /// Whoever asks.
    pub token: &'a SecretString,
}

/// What a server says of itself.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Server {
    /// `1.41.0.8994-f2c27da23`
    pub version: String,
    /// As its people call it.
    pub friendly_name: Option<String>,
}

/// A library in Plex.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Section {
    /// How addresses name it.
    pub key: String,
    /// `artist` for music.
    #[serde(rename = "type")]
    pub kind: String,
    /// As people call it.
    pub title: String,
    /// Where its files lie, as Plex sees them.
    #[serde(rename = "Location", default)]
    pub locations: Vec<Location>,
}

/// A folder of a section.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Location {
    /// A whole path.
    pub path: PathBuf,
}

#[derive(Deserialize)]
struct Wrapped<T> {
    #[serde(rename = "MediaContainer")]
    container: T,
}

impl Plex<'_> {
    /// Which one it is.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn server(&self) -> Result<Server, Trouble> {
        let answer = self.get("/").await?;
        let answer = serde_json::from_slice(&answer).map_err(|e| Trouble::Rubbish(NAME, e.to_string()))?;
        Ok(read::<Wrapped<Server>>(NAME, answer)?.container)
    }

    /// All of its libraries, not only those for music.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn sections(&self) -> Result<Vec<Section>, Trouble> {
        #[derive(Deserialize)]
        struct Sections {
            #[serde(rename = "Directory", default)]
            all: Vec<Section>,
        }
        let answer = self.get("/library/sections").await?;
        let answer = serde_json::from_slice(&answer).map_err(|e| Trouble::Rubbish(NAME, e.to_string()))?;
        Ok(read::<Wrapped<Sections>>(NAME, answer)?.container.all)
    }

    /// Has it look at a folder (as Plex sees it), or at the whole section. It answers before it has looked.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn refresh(&self, section: &str, folder: Option<&Path>) -> Result<(), Trouble> {
        let folder = folder.map(|f| format!("?path={}", encoded(&f.to_string_lossy()))).unwrap_or_default();
        self.get(&format!("/library/sections/{}/refresh{folder}", encoded(section))).await.map(drop)
    }

    async fn get(&self, path: &str) -> Result<Vec<u8>, Trouble> {
        let address = format!("{}{path}", self.url.trim_end_matches('/'));
        let headers = [
            ("x-plex-token", self.token.expose_secret()),
            ("x-plex-product", "Barbossa"),
            ("x-plex-client-identifier", "barbossa"),
        ];
        self.web.send(NAME, Question::get(&address, &headers)).await?.ok_or_else(|| nothing_there(NAME))
    }
}

/// The section that is meant: of that name or key, or the first one for music.
pub fn choose<'a>(sections: &'a [Section], wanted: &str) -> Option<&'a Section> {
    let mut music = sections.iter().filter(|s| s.kind == "artist");
    if wanted.is_empty() { music.next() } else { music.find(|s| s.title == wanted || s.key == wanted) }
}

/// The folder that Plex can look at: beneath one of the section's own.
pub fn is_within(section: &Section, folder: &Path) -> bool {
    section.locations.iter().any(|location| folder.starts_with(&location.path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(key: &str, kind: &str, title: &str) -> Section {
        let locations = vec![Location { path: "/music".into() }];
        Section { key: key.into(), kind: kind.into(), title: title.into(), locations }
    }

    #[test]
    fn the_section_is_the_one_that_is_named_or_the_first_for_music() {
        let all =
            [section("1", "movie", "Films"), section("2", "artist", "Kids"), section("3", "artist", "Music")];
        let chosen = |wanted: &str| choose(&all, wanted).map(|s| s.key.as_str());
        assert_eq!((chosen(""), chosen("Music"), chosen("3")), (Some("2"), Some("3"), Some("3")));
        assert_eq!((chosen("Films"), chosen("none")), (None, None));
        assert!(is_within(&all[2], Path::new("/music/a")) && !is_within(&all[2], Path::new("/musical/a")));
    }
}
