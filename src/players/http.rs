//! The routes of players: how Plex is, looking again, and trying what an admin typed in. Beneath `/api`.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{AskPlayer, Player};
use crate::answer::Status;
use crate::app::App;
use crate::auth::{Admin, User};
use crate::errand;
use crate::error::{Error, Problem, Result};
use crate::input::{self, Query};
use crate::jobs;

/// Longer than a player may take to answer.
const PATIENCE: Duration = Duration::from_secs(25);

/// All of them.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(plex_status))
        .routes(routes!(scan_plex))
        .routes(routes!(test_plex))
        .routes(routes!(test_jellyfin))
        .routes(routes!(test_navidrome))
}

/// How Plex is.
#[derive(Debug, Serialize, ToSchema)]
struct PlexStatus {
    connected: bool,
    /// Its address, for admins.
    url: Option<String>,
    version: Option<String>,
    /// As its people call it.
    name: Option<String>,
    /// The key of the library that is told.
    section: Option<String>,
    /// Its libraries for music.
    sections: Vec<PlexSection>,
    /// Whether our library lies in a folder of that section; if not, `plex.path_map` says where Plex sees it.
    sees_the_library: bool,
    /// Why it is not connected.
    error: Option<String>,
}

/// A library for music in Plex.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct PlexSection {
    key: String,
    title: String,
    /// Where its files lie, as Plex sees them.
    paths: Vec<String>,
}

#[derive(Deserialize)]
struct Told {
    version: String,
    name: Option<String>,
    section: Option<String>,
    sections: Vec<PlexSection>,
    sees_the_library: bool,
}

/// How Plex is, and which of its libraries are for music.
#[utoipa::path(get, path = "/plex/status", tag = "players", responses((status = 200, body = PlexStatus)))]
async fn plex_status(State(app): State<App>, user: User) -> Result<Json<PlexStatus>> {
    let url = Player::Plex.url(&app.settings).to_owned();
    let mut status = PlexStatus {
        connected: false,
        url: user.is_admin.then(|| url.clone()),
        version: None,
        name: None,
        section: None,
        sections: Vec::new(),
        sees_the_library: false,
        error: None,
    };
    if url.is_empty() {
        status.error = Some("Plex is not used: plex.url is not set.".into());
        return Ok(Json(status));
    }
    match jobs::ask(&app, &AskPlayer::Sections, PATIENCE).await {
        Ok(answer) => {
            let told: Told = serde_json::from_value(answer).map_err(anyhow::Error::from)?;
            let Told { version, name, section, sections, sees_the_library } = told;
            let version = Some(version);
            status =
                PlexStatus { connected: true, version, name, section, sections, sees_the_library, ..status };
        }
        Err(Error::Upstream(why)) => status.error = Some(why),
        Err(error) => return Err(error),
    }
    Ok(Json(status))
}

/// What Plex is to look at.
#[derive(Debug, Default, Deserialize, ToSchema)]
struct Scan {
    /// A folder of the library, relative to the music folder or a whole path; without it, all.
    path: Option<String>,
}

/// Has Plex look at a folder, or at all.
#[utoipa::path(post, path = "/plex/scan", tag = "players", request_body = Option<Scan>, extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = Status), (status = 502, body = Problem, description = "Plex refused, or is away")))]
async fn scan_plex(State(app): State<App>, _: Admin, body: bytes::Bytes) -> Result<Json<Status>> {
    let asked: Scan = input::optional_json(&body)?.unwrap_or_default();
    let folder = asked.path.filter(|path| !path.is_empty()).map(|path| folder_of(&app, &path)).transpose()?;
    if Player::Plex.url(&app.settings).is_empty() {
        return Err(Error::Invalid("Plex is not used: set plex.url first.".into()));
    }
    jobs::ask(&app, &AskPlayer::Scan { folder }, PATIENCE).await?;
    Ok(Json(Status { status: "started" }))
}

/// Relative to MUSIC_PATH.
fn folder_of(app: &App, path: &str) -> Result<String> {
    let music = app.music().display().to_string();
    let relative =
        path.strip_prefix(&music).map_or(path, |rest| rest.trim_start_matches('/')).trim_end_matches('/');
    let is_plain = relative.split('/').all(|part| !part.is_empty() && part != "." && part != "..");
    if !is_plain || !(relative == "artists" || relative.starts_with("artists/")) || relative.contains('\0') {
        let message = "must be a folder of the library, such as artists/Artist/Album".into();
        return Err(Error::Field { field: "path", message });
    }
    Ok(relative.to_owned())
}

/// What is to be tried; what is not said is as the settings have it.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Trial {
    /// Its address.
    url: Option<String>,
    /// Its token, key or password. Better saved first, and left out here: addresses end up in logs.
    #[serde(alias = "api_key", alias = "password")]
    token: Option<String>,
}

/// Whether it answers.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct Tested {
    connected: bool,
    version: Option<String>,
    /// Why not.
    error: Option<String>,
}

/// Whether Plex answers, at this address and with this token or as it is set.
#[utoipa::path(post, path = "/settings/test/plex", tag = "settings", params(Trial), extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = Tested)))]
async fn test_plex(State(app): State<App>, _: Admin, Query(trial): Query<Trial>) -> Result<Json<Tested>> {
    test(&app, Player::Plex, trial).await
}

/// Whether Jellyfin answers, at this address and with this key or as it is set.
#[utoipa::path(post, path = "/settings/test/jellyfin", tag = "settings", params(Trial), extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = Tested)))]
async fn test_jellyfin(State(app): State<App>, _: Admin, Query(trial): Query<Trial>) -> Result<Json<Tested>> {
    test(&app, Player::Jellyfin, trial).await
}

/// Whether Navidrome answers, at this address and with this password or as it is set.
#[utoipa::path(post, path = "/settings/test/navidrome", tag = "settings", params(Trial), extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = Tested)))]
async fn test_navidrome(
    State(app): State<App>,
    _: Admin,
    Query(trial): Query<Trial>,
) -> Result<Json<Tested>> {
    test(&app, Player::Navidrome, trial).await
}

async fn test(app: &App, player: Player, trial: Trial) -> Result<Json<Tested>> {
    let saved = player.url(&app.settings);
    let url = trial.url.filter(|url| !url.is_empty());
    let token = trial.token.filter(|token| !token.is_empty()).map(SecretString::from);
    let failed = |why: &str| Ok(Json(Tested { connected: false, version: None, error: Some(why.into()) }));
    if url.is_none() && saved.is_empty() {
        return failed("It is not used: its address is not set.");
    }
    // A secret that was saved goes to no other address than the one that it was saved for.
    if token.is_none()
        && url.as_deref().is_some_and(|url| url.trim_end_matches('/') != saved.trim_end_matches('/'))
    {
        return failed("Another address needs its key with it.");
    }
    let errand = match &token {
        Some(token) => Some(errand::leave(app, token).await?),
        None => None,
    };
    let answer = jobs::ask(app, &AskPlayer::Test { player, url, errand }, PATIENCE).await?;
    Ok(Json(serde_json::from_value(answer).map_err(anyhow::Error::from)?))
}
