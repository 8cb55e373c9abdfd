//! Questions to Lidarr that somebody waits for; asked by the process that has a network. What is answered is shaped here as
//! clients read it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::Way;
use crate::app::App;
use crate::errand;
use crate::error::Result;
use crate::integrations::Trouble;
use crate::integrations::lidarr::{Album, Artist, Lidarr, NAME, NewArtist};
use crate::jobs::{Context, Job, Outcome, Queue};

/// A page shows no more.
const MOST_FOUND: usize = 20;

/// What is asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum AskLidarr {
    /// Whether it answers; at another address and with another key than those that are set, if they are named.
    Test {
        /// Where.
        url: Option<String>,
        /// Under which name the key was left.
        errand: Option<String>,
    },
    /// All artists that it has.
    Artists,
    /// Artists that there are.
    Search {
        /// As a person typed it.
        term: String,
    },
    /// Profiles and root folders.
    Choices,
    /// Adds an artist.
    Add(NewArtist),
    /// What is under way.
    Queue,
    /// What happened.
    History {
        /// At most so much.
        limit: usize,
    },
    /// What it wants and does not have.
    Wanted,
    /// Has it look for albums now, or for all of an artist's.
    Look {
        /// Its own ids.
        album_ids: Vec<i64>,
        /// Its own id.
        artist_id: Option<i64>,
    },
}

impl Job for AskLidarr {
    const KIND: &'static str = "lidarr.ask";
    const QUEUE: Queue = Queue::Network;
    const PRIORITY: i16 = -10;
    const MAX_ATTEMPTS: i32 = 1;

    async fn run(self, context: &Context) -> Result<Outcome> {
        if let Self::Test { url, errand } = self {
            return Ok(Outcome::Done(match test(&context.app, url, errand).await {
                Ok(version) => json!({"connected": true, "version": version}),
                Err(trouble) => json!({"connected": false, "error": trouble.to_string()}),
            }));
        }
        let answer = async {
            let (way, web) = (Way::of(&context.app.settings)?, context.app.direct_web());
            self.answer(&way.asked(&web)).await
        };
        Ok(answer.await.map_or_else(|trouble: Trouble| Outcome::Cancel(trouble.to_string()), Outcome::Done))
    }
}

impl AskLidarr {
    async fn answer(self, lidarr: &Lidarr<'_>) -> Result<Value, Trouble> {
        Ok(match self {
            Self::Test { .. } => Value::Null,
            Self::Artists => all("items", lidarr.artists().await?.iter().map(artist)),
            Self::Search { term } => {
                let found = lidarr.search(&term).await?;
                all("results", found.iter().take(MOST_FOUND).map(found_artist))
            }
            Self::Choices => {
                let choices = lidarr.choices().await?;
                json!({
                    "quality_profiles": choices.quality_profiles, "metadata_profiles": choices.metadata_profiles,
                    "root_folders": choices.root_folders.iter().map(|root| &root.path).collect::<Vec<_>>(),
                })
            }
            Self::Add(new) => {
                let (artist, was_there) = lidarr.add(&new).await?;
                if was_there && new.search_for_missing {
                    lidarr.search_artist(artist.id).await?;
                }
                json!({"status": if was_there { "exists" } else { "added" }, "artist_id": artist.id, "name": artist.artist_name})
            }
            Self::Queue => all(
                "items",
                lidarr.queue().await?.iter().map(|queued| {
                    json!({
                        "id": queued.id, "title": queued.title, "artist": name(queued.artist.as_ref()),
                        "album": title(queued.album.as_ref()), "status": queued.status,
                        "state": queued.tracked_download_state, "progress": queued.progress(),
                        "eta": queued.timeleft, "error": queued.error_message,
                    })
                }),
            ),
            Self::History { limit } => all(
                "items",
                lidarr.history(limit).await?.iter().map(|happened| {
                    json!({
                        "id": happened.id, "album": title(happened.album.as_ref()).unwrap_or(&happened.source_title),
                        "artist": name(happened.artist.as_ref()), "event_type": happened.event_type, "date": happened.date,
                    })
                }),
            ),
            Self::Wanted => all("items", lidarr.missing().await?.iter().map(wanted)),
            Self::Look { album_ids, artist_id } => {
                let command_id = match artist_id {
                    Some(id) => lidarr.search_artist(id).await?,
                    None => lidarr.search_albums(&album_ids).await?,
                };
                json!({"status": "started", "command_id": command_id})
            }
        })
    }
}

async fn test(app: &App, url: Option<String>, errand: Option<String>) -> Result<String, Trouble> {
    let settings = &app.settings;
    let way = match (url, errand) {
        (None, None) => Way::of(settings)?,
        (url, errand) => {
            let lost = || Trouble::Refused(NAME, "the key was lost on the way; try again".into());
            let key = match errand {
                Some(name) => errand::take(app, &name).await.ok_or_else(lost)?,
                None => Way::of(settings)?.key,
            };
            Way { url: url.unwrap_or_else(|| settings.lidarr.url.clone()), key }
        }
    };
    way.asked(&app.direct_web()).version().await
}

fn all(name: &str, items: impl Iterator<Item = Value>) -> Value {
    let items: Vec<Value> = items.collect();
    json!({"count": items.len(), name: items})
}

fn artist(artist: &Artist) -> Value {
    json!({
        "id": artist.id, "name": artist.artist_name, "mbid": artist.foreign_artist_id, "monitored": artist.monitored,
        "album_count": artist.statistics.as_ref().map_or(0, |s| s.album_count),
    })
}

fn found_artist(artist: &Artist) -> Value {
    let overview: String = artist.overview.as_deref().unwrap_or_default().chars().take(200).collect();
    json!({
        "name": artist.artist_name, "mbid": artist.foreign_artist_id, "overview": overview, "genres": artist.genres,
        "in_lidarr": artist.id > 0,
    })
}

fn wanted(album: &Album) -> Value {
    json!({"id": album.id, "title": album.title, "artist": name(album.artist.as_ref()), "mbid": album.foreign_album_id})
}

fn name(artist: Option<&Artist>) -> Option<&str> {
    artist.map(|artist| artist.artist_name.as_str()).filter(|name| !name.is_empty())
}

fn title(album: Option<&Album>) -> Option<&String> {
    album.map(|album| &album.title).filter(|title| !title.is_empty())
}
