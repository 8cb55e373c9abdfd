//! Questions to a player that somebody waits for; asked by the process that has a network.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::player::{Way, plex_of, section_of};
use super::{Player, TellPlayers};
use crate::app::App;
use crate::config::{PathMap, Settings};
use crate::db::Sql;
use crate::errand;
use crate::error::{Error, Result};
use crate::integrations::{Trouble, plex};
use crate::jobs::{self, Context, Job, Outcome, Queue};

/// What is asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum AskPlayer {
    /// Whether it answers; at another address and with another secret than those that are set, if they are named.
    Test {
        /// Which.
        player: Player,
        /// Where.
        url: Option<String>,
        /// Under which name the secret was left.
        errand: Option<String>,
    },
    /// How Plex is, and which libraries for music it has.
    Sections,
    /// Has Plex look at a folder (relative to MUSIC_PATH), or at all.
    Scan {
        /// Which.
        folder: Option<String>,
    },
}

impl Job for AskPlayer {
    const KIND: &'static str = "players.ask";
    const QUEUE: Queue = Queue::Network;
    const PRIORITY: i16 = -10;
    const MAX_ATTEMPTS: i32 = 1;

    async fn run(self, context: &Context) -> Result<Outcome> {
        let app = &context.app;
        let answer = match self {
            Self::Test { player, url, errand } => {
                return Ok(Outcome::Done(match test(app, player, url, errand).await {
                    Ok(version) => json!({"connected": true, "version": version}),
                    Err(trouble) => json!({"connected": false, "error": trouble.to_string()}),
                }));
            }
            Self::Sections => sections(app).await,
            Self::Scan { folder } => return scan(app, folder).await,
        };
        Ok(answer.map_or_else(|trouble| Outcome::Cancel(trouble.to_string()), Outcome::Done))
    }
}

async fn test(
    app: &App,
    player: Player,
    url: Option<String>,
    errand: Option<String>,
) -> Result<Option<String>, Trouble> {
    let settings: &Settings = &app.settings;
    let way = match (url, errand) {
        (None, None) => player.way(settings)?,
        (url, errand) => {
            let lost = || Trouble::Refused(player.title(), "the key was lost on the way; try again".into());
            let secret = match errand {
                Some(name) => errand::take(app, &name).await.ok_or_else(lost)?,
                None => player.way(settings)?.secret,
            };
            Way { url: url.unwrap_or_else(|| player.url(settings).to_owned()), secret }
        }
    };
    player.version(&app.direct_web(), settings, &way).await
}

async fn sections(app: &App) -> Result<serde_json::Value, Trouble> {
    let (web, settings) = (app.direct_web(), &app.settings);
    let way = Player::Plex.way(settings)?;
    let plex = plex_of(&web, &way);
    let server = plex.server().await?;
    let sections = plex.sections().await?;
    let chosen = section_of(&sections, &settings.plex.music_section).ok();
    let music = sections.iter().filter(|section| section.kind == "artist").map(|section| {
        let paths: Vec<_> = section.locations.iter().map(|location| &location.path).collect();
        json!({"key": section.key, "title": section.title, "paths": paths})
    });
    Ok(json!({
        "version": server.version, "name": server.friendly_name,
        "section": chosen.map(|section| &section.key), "sections": music.collect::<Vec<_>>(),
        "sees_the_library": chosen.is_some_and(|section| sees(app, section)),
    }))
}

/// Whether the library lies in one of the section's folders.
fn sees(app: &App, section: &plex::Section) -> bool {
    let library = app.music().join("artists");
    PathMap::of(&app.settings.plex.path_map).is_ok_and(|map| plex::is_within(section, &map.theirs(&library)))
}

const REMEMBER: &str = "select player_folders_changed(array[$1::text])::text";

async fn scan(app: &App, folder: Option<String>) -> Result<Outcome> {
    if let Some(folder) = folder {
        // As if something had changed in it: told now, and again when Plex is away.
        let client = app.db.get().await?;
        client.row(REMEMBER, &[&folder]).await?;
        let id = jobs::enqueue(&client, &TellPlayers {}).await?;
        return Ok(Outcome::Done(json!({"job_id": id})));
    }
    let asked = async {
        let (web, settings) = (app.direct_web(), &app.settings);
        let way = Player::Plex.way(settings)?;
        let plex = plex_of(&web, &way);
        let sections = plex.sections().await?;
        plex.refresh(&section_of(&sections, &settings.plex.music_section)?.key, None).await
    };
    asked.await.map_or_else(
        |trouble: Trouble| Err(Error::Upstream(trouble.to_string())),
        |()| Ok(Outcome::Done(json!({}))),
    )
}
