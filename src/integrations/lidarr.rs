//! Lidarr's HTTP interface, version 1 (lidarr.audio/docs/api): `X-Api-Key` in a header, JSON in camel case, lists that grow
//! in pages with `records`. What its webhook sends is read here too (its settings, "Connect", "Webhook").

use std::path::{Path, PathBuf};

use http::Method;
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{Body, Question, Trouble, Web, encoded, nothing_there, read};

/// As it calls itself.
pub const NAME: &str = "Lidarr";
/// So many rows of a list at once.
const PAGE: usize = 200;
/// No list is read further than this.
const MAX_PAGES: usize = 50;
/// The order of its history, and what comes with each row.
const HISTORY: &str = "sortKey=date&sortDirection=descending&includeArtist=true&includeAlbum=true";

/// One Lidarr.
pub struct Lidarr<'a> {
    /// Through which it is asked.
    pub web: &'a Web,
    /// Its address.
    pub url: &'a str,
    /// Its API key.
    pub key: &'a SecretString,
}

/// An artist that it knows, or (without an id of its own) could know.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Artist {
    /// Its own; 0 when it does not have the artist.
    pub id: i64,
    /// As written.
    pub artist_name: String,
    /// MusicBrainz artist.
    pub foreign_artist_id: String,
    /// Whether it looks for albums of theirs.
    pub monitored: bool,
    /// Some sentences about them.
    pub overview: Option<String>,
    /// In its words.
    pub genres: Vec<String>,
    /// How much it has.
    pub statistics: Option<Statistics>,
}

/// How much it has of an artist.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Statistics {
    /// Albums.
    pub album_count: i64,
}

/// An album that it knows.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Album {
    /// Its own.
    pub id: i64,
    /// As written.
    pub title: String,
    /// MusicBrainz release group.
    pub foreign_album_id: String,
    /// Whose.
    pub artist: Option<Artist>,
    /// Its editions.
    pub releases: Vec<Release>,
}

/// An edition of an album.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Release {
    /// MusicBrainz release.
    pub foreign_release_id: String,
}

/// Something that is being fetched.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Queued {
    /// The row of the queue.
    pub id: i64,
    /// The release's name.
    pub title: String,
    /// `downloading`, `completed`, …
    pub status: String,
    /// `downloading`, `importPending`, `importBlocked`, `imported`, `failedPending`, …
    pub tracked_download_state: Option<String>,
    /// Bytes.
    pub size: f64,
    /// Bytes to come.
    pub sizeleft: f64,
    /// `00:03:20`
    pub timeleft: Option<String>,
    /// Why it does not go on.
    pub error_message: Option<String>,
    /// The download client's own name for it.
    pub download_id: Option<String>,
    /// Where it lies when it is complete, as Lidarr sees it.
    pub output_path: Option<String>,
    /// Whose.
    pub artist: Option<Artist>,
    /// Of which album.
    pub album: Option<Album>,
}

impl Queued {
    /// Percent.
    pub fn progress(&self) -> i64 {
        if self.size <= 0.0 {
            0
        } else {
            ((self.size - self.sizeleft) / self.size * 100.0).clamp(0.0, 100.0) as i64
        }
    }

    /// Whether all of it is there, and Lidarr has not (yet) moved it.
    pub fn is_complete(&self) -> bool {
        let state = self.tracked_download_state.as_deref().unwrap_or_default();
        let is_done = self.status.eq_ignore_ascii_case("completed");
        is_done
            && (state.eq_ignore_ascii_case("importPending") || state.eq_ignore_ascii_case("importBlocked"))
    }
}

/// Something that happened.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Happened {
    /// The row of the history.
    pub id: i64,
    /// `grabbed`, `trackFileImported`, `downloadImported`, `downloadFailed`, …
    pub event_type: String,
    /// When, ISO 8601.
    pub date: String,
    /// Of what.
    pub source_title: String,
    /// The download client's own name for it.
    pub download_id: Option<String>,
    /// What else it remembers.
    pub data: HappenedData,
    /// Whose.
    pub artist: Option<Artist>,
    /// Which.
    pub album: Option<Album>,
}

/// What its history remembers of something.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct HappenedData {
    /// Where a file lies since, as Lidarr sees it.
    pub imported_path: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page<T> {
    total_records: usize,
    records: Vec<T>,
}

/// A quality or a metadata profile.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
pub struct Profile {
    /// Its own.
    pub id: i64,
    /// As its people call it.
    pub name: String,
}

/// Where it puts music, and by which profiles unless it is told others.
#[derive(Debug, Clone, Default, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RootFolder {
    /// A whole path, as Lidarr sees it.
    pub path: String,
    /// 0: none.
    pub default_quality_profile_id: i64,
    /// 0: none.
    pub default_metadata_profile_id: i64,
}

/// What an artist is added with; what is not said is taken from Lidarr.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NewArtist {
    /// MusicBrainz artist.
    pub mbid: String,
    /// As written.
    pub name: String,
    /// Whether it looks for their albums at once.
    pub search_for_missing: bool,
    /// Which quality is wanted.
    pub quality_profile_id: Option<i64>,
    /// Which kinds of releases are wanted.
    pub metadata_profile_id: Option<i64>,
    /// Where to.
    pub root_folder: Option<String>,
}

/// What an artist may be added with.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Choices {
    /// Which quality.
    pub quality_profiles: Vec<Profile>,
    /// Which kinds of releases.
    pub metadata_profiles: Vec<Profile>,
    /// Where to.
    pub root_folders: Vec<RootFolder>,
}

impl Lidarr<'_> {
    /// Its version; also says whether the key is right.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn version(&self) -> Result<String, Trouble> {
        #[derive(Deserialize)]
        struct Status {
            version: String,
        }
        Ok(self.get::<Status>("system/status").await?.version)
    }

    /// All artists that it has.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn artists(&self) -> Result<Vec<Artist>, Trouble> {
        self.get("artist").await
    }

    /// Artists that there are; those it has carry its own id.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn search(&self, term: &str) -> Result<Vec<Artist>, Trouble> {
        self.get(&format!("artist/lookup?term={}", encoded(term))).await
    }

    /// All that is under way.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn queue(&self) -> Result<Vec<Queued>, Trouble> {
        self.pages("queue", "includeArtist=true&includeAlbum=true&includeUnknownArtistItems=true", usize::MAX)
            .await
    }

    /// The latest that happened.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn history(&self, limit: usize) -> Result<Vec<Happened>, Trouble> {
        self.pages("history", HISTORY, limit).await
    }

    /// All that happened after what has this id, the newest first; a little more may come with it.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn history_since(&self, id: i64) -> Result<Vec<Happened>, Trouble> {
        let is_known = |page: &[Happened]| page.iter().any(|happened| happened.id <= id);
        self.pages_until("history", HISTORY, usize::MAX, is_known).await
    }

    /// Albums that it wants and does not have whole.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn missing(&self) -> Result<Vec<Album>, Trouble> {
        self.pages("wanted/missing", "includeArtist=true&sortKey=albums.title&monitored=true", usize::MAX)
            .await
    }

    /// The albums of an artist.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn albums_of(&self, artist_id: i64) -> Result<Vec<Album>, Trouble> {
        self.get(&format!("album?artistId={artist_id}")).await
    }

    /// Profiles and root folders.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn choices(&self) -> Result<Choices, Trouble> {
        Ok(Choices {
            quality_profiles: self.get("qualityprofile").await?,
            metadata_profiles: self.get("metadataprofile").await?,
            root_folders: self.get("rootfolder").await?,
        })
    }

    /// Adds an artist; it, as it is now, and whether it was there before.
    ///
    /// # Errors
    /// [`Trouble`]; `Refused` also when there is no profile or root folder to add it with.
    pub async fn add(&self, new: &NewArtist) -> Result<(Artist, bool), Trouble> {
        let known: Vec<Artist> = self.get(&format!("artist?mbId={}", encoded(&new.mbid))).await?;
        if let Some(artist) = known.into_iter().find(|artist| artist.foreign_artist_id == new.mbid) {
            return Ok((artist, true));
        }
        let (quality, metadata, root) = chosen(&self.choices().await?, new)?;
        let body = json!({
            "foreignArtistId": new.mbid, "artistName": new.name, "qualityProfileId": quality,
            "metadataProfileId": metadata, "rootFolderPath": root, "monitored": true,
            "addOptions": {"monitor": "all", "searchForMissingAlbums": new.search_for_missing},
        });
        Ok((self.post("artist", body).await?, false))
    }

    /// Has it look for these albums now (`AlbumSearch`); the command's id.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn search_albums(&self, ids: &[i64]) -> Result<i64, Trouble> {
        self.command(json!({"name": "AlbumSearch", "albumIds": ids})).await
    }

    /// Has it look for all albums of an artist that it wants (`ArtistSearch`); the command's id.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn search_artist(&self, id: i64) -> Result<i64, Trouble> {
        self.command(json!({"name": "ArtistSearch", "artistId": id})).await
    }

    async fn command(&self, body: Value) -> Result<i64, Trouble> {
        #[derive(Deserialize)]
        struct Command {
            id: i64,
        }
        Ok(self.post::<Command>("command", body).await?.id)
    }

    async fn pages<T: DeserializeOwned>(
        &self,
        path: &str,
        how: &str,
        limit: usize,
    ) -> Result<Vec<T>, Trouble> {
        self.pages_until(path, how, limit, |_| false).await
    }

    async fn pages_until<T: DeserializeOwned>(
        &self,
        path: &str,
        how: &str,
        limit: usize,
        is_enough: impl Fn(&[T]) -> bool,
    ) -> Result<Vec<T>, Trouble> {
        let mut found = Vec::new();
        let size = PAGE.min(limit);
        for page in 1..=MAX_PAGES {
            let read: Page<T> = self.get(&format!("{path}?page={page}&pageSize={size}&{how}")).await?;
            let is_last = read.records.len() < size
                || page * size >= read.total_records.min(limit)
                || is_enough(&read.records);
            found.extend(read.records);
            if is_last {
                break;
            }
        }
        found.truncate(limit);
        Ok(found)
    }

    async fn get<T: DeserializeOwned>(&self, path: &str) -> Result<T, Trouble> {
        self.ask(Method::GET, path, Body::Nothing).await
    }

    async fn post<T: DeserializeOwned>(&self, path: &str, body: Value) -> Result<T, Trouble> {
        self.ask(Method::POST, path, Body::Json(body)).await
    }

    async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str, body: Body) -> Result<T, Trouble> {
        let address = format!("{}/api/v1/{path}", self.url.trim_end_matches('/'));
        let headers = [("x-api-key", self.key.expose_secret())];
        let question = Question { method, address: &address, headers: &headers, body };
        let answer = self.web.send_for_json(NAME, question).await?;
        read(NAME, answer.ok_or_else(|| nothing_there(NAME))?)
    }
}

/// What is said, else what the root folder says, else the first that there is.
fn chosen(choices: &Choices, new: &NewArtist) -> Result<(i64, i64, String), Trouble> {
    let refused = |what: &str| Trouble::Refused(NAME, format!("there is no {what} in it"));
    let root = match &new.root_folder {
        Some(path) => {
            choices.root_folders.iter().find(|r| r.path.trim_end_matches('/') == path.trim_end_matches('/'))
        }
        None => choices.root_folders.first(),
    };
    let root = root.ok_or_else(|| refused("root folder of that path"))?;
    let profile = |asked: Option<i64>, default: i64, all: &[Profile], what: &str| {
        let is_there = |id: &i64| all.iter().any(|p| p.id == *id);
        match asked {
            Some(id) => Some(id).filter(is_there),
            None => Some(default).filter(is_there).or_else(|| all.first().map(|p| p.id)),
        }
        .ok_or_else(|| refused(what))
    };
    let of_quality = profile(
        new.quality_profile_id,
        root.default_quality_profile_id,
        &choices.quality_profiles,
        "quality profile of that id",
    )?;
    let of_metadata = profile(
        new.metadata_profile_id,
        root.default_metadata_profile_id,
        &choices.metadata_profiles,
        "metadata profile of that id",
    )?;
    Ok((of_quality, of_metadata, root.path.clone()))
}

/// What its webhook tells.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct News {
    /// `Test`, `Grab`, `Download` (it was imported there), `DownloadFailure`, `ImportFailure`, `Rename`, `Health`, …
    pub event_type: String,
    /// Whose; with `name`.
    pub artist: Option<Named>,
    /// Which; with `title`.
    pub album: Option<Named>,
    /// The files that came.
    pub track_files: Vec<TrackFile>,
    /// The download client's own name for it.
    pub download_id: Option<String>,
    /// What could not be fetched.
    pub release_title: Option<String>,
    /// What it says of its health.
    pub message: Option<String>,
}

/// A name, as the webhook has it.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Named {
    /// An artist's.
    pub name: String,
    /// An album's.
    pub title: String,
}

/// A file that came.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct TrackFile {
    /// A whole path, as Lidarr sees it.
    pub path: String,
}

impl News {
    /// The folder that all files that came lie in: the album's, above those of its discs.
    pub fn folder(&self) -> Option<PathBuf> {
        let mut folders = self.track_files.iter().filter_map(|file| Path::new(&file.path).parent());
        let first = folders.next()?.to_owned();
        let common = folders.fold(first, |common, next| {
            common.ancestors().find(|above| next.starts_with(above)).map(Path::to_owned).unwrap_or_default()
        });
        (common.components().count() > 2).then_some(common)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn profile(id: i64) -> Profile {
        Profile { id, name: String::new() }
    }

    #[test]
    fn profiles_are_those_of_the_root_folder_unless_others_are_named() {
        let root = RootFolder {
            path: "/music".into(),
            default_quality_profile_id: 3,
            default_metadata_profile_id: 0,
        };
        let choices = Choices {
            quality_profiles: vec![profile(2), profile(3)],
            metadata_profiles: vec![profile(7)],
            root_folders: vec![root],
        };
        let new = NewArtist::default();
        assert_eq!(chosen(&choices, &new).unwrap(), (3, 7, "/music".into()));
        let other =
            NewArtist { quality_profile_id: Some(2), root_folder: Some("/music/".into()), ..new.clone() };
        assert_eq!(chosen(&choices, &other).unwrap(), (2, 7, "/music".into()));
        for wrong in [
            NewArtist { quality_profile_id: Some(9), ..new.clone() },
            NewArtist { root_folder: Some("/elsewhere".into()), ..new },
        ] {
            assert!(matches!(chosen(&choices, &wrong), Err(Trouble::Refused(..))));
        }
    }

    #[test]
    fn the_folder_of_what_came_is_the_albums_and_never_a_root() {
        let news = |paths: &[&str]| News {
            track_files: paths.iter().map(|p| TrackFile { path: (*p).into() }).collect(),
            ..News::default()
        };
        let folder = |paths: &[&str]| news(paths).folder();
        assert_eq!(folder(&["/music/A/B/01.flac", "/music/A/B/02.flac"]), Some("/music/A/B".into()));
        assert_eq!(folder(&["/music/A/B/CD1/01.flac", "/music/A/B/CD2/01.flac"]), Some("/music/A/B".into()));
        assert_eq!(folder(&["/music/01.flac"]), None);
        assert_eq!(folder(&["/music/A/01.flac", "/other/A/01.flac"]), None);
        assert_eq!(folder(&[]), None);
    }

    #[test]
    fn what_is_complete_and_not_yet_taken_is_ready() {
        let of = |status: &str, state: &str| {
            let tracked_download_state = Some(state.into());
            Queued {
                status: status.into(),
                tracked_download_state,
                size: 200.0,
                sizeleft: 50.0,
                ..Queued::default()
            }
        };
        assert!(
            of("completed", "importPending").is_complete() && of("completed", "importBlocked").is_complete()
        );
        assert!(
            !of("completed", "imported").is_complete() && !of("downloading", "downloading").is_complete()
        );
        assert_eq!((of("", "").progress(), Queued::default().progress()), (75, 0));
    }
}
