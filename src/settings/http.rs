//! The routes of the settings, by the first version's names and by our own. For admins, beneath `/api`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::browse::{Refused, folders};
use crate::activity;
use crate::app::App;
use crate::auth::{Admin, Client};
use crate::config::{Change, Effect, KEYS, Key, NewSecret, Secret, Settings, key};
use crate::error::{Error, Result};
use crate::input::{self, Query};
use crate::sources;

/// All of them.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(read_settings, change_settings)).routes(routes!(browse_folders))
}

/// The first version's names for settings of ours.
const NAMES: &[(&str, &str)] = &[
    ("qobuz_email", "qobuz.email"),
    ("qobuz_quality", "qobuz.quality"),
    ("lidarr_url", "lidarr.url"),
    ("plex_url", "plex.url"),
    ("plex_auto_scan", "plex.auto_scan"),
];
/// Its names for secrets.
const SECRETS: &[(&str, &str)] = &[
    ("qobuz_password", "barbossa.qobuz-password"),
    ("lidarr_api_key", "barbossa.lidarr-api-key"),
    ("plex_token", "barbossa.plex-token"),
    ("torrentleech_key", "barbossa.torrentleech-key"),
    ("acoustid_key", "barbossa.acoustid-key"),
    ("lidarr_webhook_secret", "barbossa.lidarr-webhook-secret"),
    ("jellyfin_api_key", "barbossa.jellyfin-api-key"),
    ("navidrome_password", "barbossa.navidrome-password"),
    ("smtp_password", "barbossa.smtp-password"),
    ("ntfy_token", "barbossa.ntfy-token"),
];

// -- reading

/// The settings, without secrets.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Settings)]
struct Shown {
    /// The music folder on this machine.
    music_path_host: String,
    /// The same: there is no container.
    music_path_container: String,
    music_library: String,
    music_users: String,
    music_downloads: String,
    music_import: String,
    music_export: String,
    music_database: String,
    qobuz_enabled: bool,
    /// Two characters, stars, and what stands after `@`.
    qobuz_email: String,
    qobuz_quality: u32,
    lidarr_enabled: bool,
    lidarr_url: String,
    /// As it was when somebody looked last: at most ten minutes ago.
    lidarr_connected: Option<bool>,
    plex_enabled: bool,
    plex_url: String,
    plex_auto_scan: bool,
    /// The same.
    plex_connected: Option<bool>,
    torrentleech_enabled: bool,
    bandcamp_enabled: bool,
    /// Every setting that can be changed, by its own name.
    settings: Vec<Setting>,
}

/// One setting.
#[derive(Debug, Serialize, ToSchema)]
struct Setting {
    /// `imports.min_confidence`
    name: &'static str,
    /// As TOML writes it.
    value: String,
    /// As TOML writes it.
    default: String,
    /// What it means.
    meaning: &'static str,
    /// Units to be started again after a change; none: it holds at once.
    restart: Vec<&'static str>,
}

impl Setting {
    fn of(key: &'static Key, settings: &Settings) -> Option<Self> {
        let restart = restart(key.effect()?);
        let (value, default) = (key.show(settings), key.default_value());
        Some(Self { name: key.name, value, default, meaning: key.meaning, restart: restart.to_vec() })
    }
}

fn restart(effect: Effect) -> &'static [&'static str] {
    match effect {
        Effect::AtOnce => &[],
        Effect::AfterRestart(units) => units,
    }
}

impl From<&Settings> for Shown {
    fn from(s: &Settings) -> Self {
        let path = |folder: &str| s.music_path.join(folder).display().to_string();
        let music = s.music_path.display().to_string();
        Self {
            music_path_host: music.clone(),
            music_path_container: music,
            music_library: path("artists"),
            music_users: path("users"),
            music_downloads: path("downloads"),
            music_import: path("import"),
            music_export: path("export"),
            music_database: s.backup_dir.display().to_string(),
            qobuz_enabled: !s.qobuz.email.is_empty(),
            qobuz_email: masked(&s.qobuz.email),
            qobuz_quality: s.qobuz.quality,
            lidarr_enabled: !s.lidarr.url.is_empty(),
            lidarr_url: s.lidarr.url.clone(),
            lidarr_connected: None,
            plex_enabled: !s.plex.url.is_empty(),
            plex_url: s.plex.url.clone(),
            plex_auto_scan: s.plex.auto_scan,
            plex_connected: None,
            torrentleech_enabled: s.secrets.torrentleech_key.is_some(),
            bandcamp_enabled: !s.bandcamp.cookies_path.as_os_str().is_empty(),
            // The account is shown masked, and so here.
            settings: KEYS
                .iter()
                .filter(|key| key.name != "qobuz.email")
                .filter_map(|key| Setting::of(key, s))
                .collect(),
        }
    }
}

/// `ad*****@example.org`
fn masked(email: &str) -> String {
    let (name, domain) = email.split_once('@').unwrap_or((email, ""));
    if email.is_empty() {
        return String::new();
    }
    let shown: String = name.chars().take(2).collect();
    let stars = "*".repeat(name.chars().count().saturating_sub(2));
    format!("{shown}{stars}@{domain}")
}

/// The settings, without secrets.
#[utoipa::path(get, path = "/settings", tag = "settings", extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = Shown)))]
async fn read_settings(State(app): State<App>, _: Admin) -> Result<Json<Shown>> {
    let settings: &Settings = &app.settings;
    let known = sources::list(&app, &app.db.get().await?).await?;
    let connected =
        |name: &str| known.iter().find(|s| s.name == name && s.state != "off").map(|s| s.state == "ok");
    let (lidarr_connected, plex_connected) = (connected("lidarr"), connected("plex"));
    Ok(Json(Shown { lidarr_connected, plex_connected, ..Shown::from(settings) }))
}

// -- changing

/// Only what is given is changed: these, and every name of `settings` in the answer of `GET`, such as
/// `"imports.min_confidence": 0.9`.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = SettingsChange)]
struct Wanted {
    /// Must be what it is: the music is moved by `barbossa setup music-path DIR`.
    music_library: Option<String>,
    /// Must be what it is.
    music_users: Option<String>,
    /// All others: text, numbers, true or false. Null changes nothing; an empty text forgets a secret.
    #[serde(flatten)]
    #[schema(value_type = Object)]
    others: BTreeMap<String, Value>,
}

/// What became of a change.
#[derive(Debug, Serialize, ToSchema)]
struct SettingsChanged {
    /// `updated`
    status: &'static str,
    /// Units to be started again: `systemctl restart UNIT`. None when everything holds at once.
    restart: Vec<&'static str>,
}

/// Changes settings together: all of them, or none when one does not fit. Secrets go in and never come out.
#[utoipa::path(put, path = "/settings", tag = "settings", extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = SettingsChanged)))]
async fn change_settings(
    State(app): State<App>,
    Admin(user): Admin,
    from: Client,
    input::Json(wanted): input::Json<Wanted>,
) -> Result<Json<SettingsChanged>> {
    for (name, given, folder) in
        [("music_library", &wanted.music_library, "artists"), ("music_users", &wanted.music_users, "users")]
    {
        unmoved(&app, name, given.as_deref(), folder)?;
    }
    let (mut changes, mut secrets) = (Vec::new(), Vec::new());
    // Clients of the first version send null for what they do not change.
    for (name, value) in wanted.others.into_iter().filter(|(_, value)| !value.is_null()) {
        if is_shown_email(&name, &value, &app.settings) {
            continue;
        }
        if let Some(secret) = secret(&name) {
            secrets.push(new_secret(secret, &name, &value)?);
        } else if let Some(key) = setting(&name) {
            changes.push(Change { key, value: text(key, &value)? });
        } else {
            return Err(Error::Invalid(format!("There is no setting called {name}.")));
        }
    }
    let mut units: Vec<_> =
        changes.iter().filter_map(|c| c.key.effect()).flat_map(restart).copied().collect();
    units.sort_unstable();
    units.dedup();
    let names: Vec<_> = changes.iter().map(|c| c.key.name).collect();
    let hidden: Vec<_> = secrets.iter().map(|s| s.secret.credential).collect();
    if names.is_empty() && hidden.is_empty() {
        return Ok(Json(SettingsChanged { status: "updated", restart: units }));
    }
    let details = json!({"settings": names, "secrets": hidden});
    super::change(&app, changes, secrets).await?;
    let client = app.db.get().await?;
    let address = from.address_text();
    activity::record(&client, user.row(), "settings_update", None, Some(&details), address.as_deref())
        .await?;
    Ok(Json(SettingsChanged { status: "updated", restart: units }))
}

/// What `GET` shows of the address, sent back as it was: that is no address.
fn is_shown_email(name: &str, value: &Value, settings: &Settings) -> bool {
    name == "qobuz_email" && value.as_str() == Some(&masked(&settings.qobuz.email))
}

fn setting(name: &str) -> Option<&'static Key> {
    NAMES.iter().find(|(theirs, _)| *theirs == name).map_or_else(|| key(name), |(_, ours)| key(ours))
}

fn secret(name: &str) -> Option<&'static Secret> {
    let (_, credential) = SECRETS.iter().find(|(theirs, _)| *theirs == name)?;
    Secret::find(credential)
}

fn new_secret(secret: &'static Secret, name: &str, value: &Value) -> Result<NewSecret> {
    let value = match value {
        Value::String(text) if text.is_empty() => None,
        Value::String(text) if text.len() <= 4096 && !text.contains(['\0', '\n', '\r']) => {
            Some(text.as_str().into())
        }
        _ => {
            return Err(Error::Invalid(format!(
                "{name}: It must be one line of text; an empty one forgets it."
            )));
        }
    };
    Ok(NewSecret { secret, value })
}

/// As it would stand in the environment.
fn text(key: &Key, value: &Value) -> Result<String> {
    let unfit = || {
        Error::Invalid(format!("{}: It must be text, a number, true or false, or a list of texts.", key.name))
    };
    let plain = |value: &Value| match value {
        Value::String(text) if !text.contains(|c: char| c.is_control()) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(is) => Some(is.to_string()),
        _ => None,
    };
    match value {
        Value::Array(all) => {
            let all: Option<Vec<String>> = all.iter().map(plain).collect();
            all.map(|all| all.join(",")).ok_or_else(unfit)
        }
        one => plain(one).ok_or_else(unfit),
    }
}

/// Clients of the first version send the folders along; another one than there is cannot be had this way.
fn unmoved(app: &App, name: &'static str, given: Option<&str>, folder: &str) -> Result<()> {
    let Some(given) = given else { return Ok(()) };
    let there = app.music().join(folder);
    if there == Path::new(given) {
        return Ok(());
    }
    let why = format!(
        "{name} lies in the music folder, at {}. To move all of the music: barbossa setup music-path DIR.",
        there.display()
    );
    Err(Error::Invalid(why))
}

// -- folders to choose from

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Where {
    /// A folder beneath an allowed root; `/` shows the roots.
    path: Option<String>,
}

/// Folders to choose from.
#[derive(Debug, Serialize, ToSchema)]
struct Folders {
    current_path: String,
    /// The names of the folders in it, hidden ones left out, sorted.
    directories: Vec<String>,
}

/// Folders to choose from, beneath `api.browse_roots` and the music folder.
#[utoipa::path(get, path = "/settings/browse", tag = "settings", params(Where), extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = Folders), (status = 404, body = crate::error::Problem)))]
async fn browse_folders(
    State(app): State<App>,
    _: Admin,
    Query(asked): Query<Where>,
) -> Result<Json<Folders>> {
    let current_path = asked.path.filter(|path| !path.is_empty()).unwrap_or_else(|| "/".into());
    let mut roots: Vec<PathBuf> = app.settings.api.browse_roots.iter().map(PathBuf::from).collect();
    roots.push(app.music().to_owned());
    let path = PathBuf::from(&current_path);
    let looking = tokio::task::spawn_blocking(move || folders(&roots, &path));
    let directories = looking.await.map_err(anyhow::Error::from)?.map_err(|refused| match refused {
        Refused::NotAllowed => {
            Error::Forbidden("This folder is not beneath one that may be shown (api.browse_roots).")
        }
        Refused::Missing => Error::NotFound("There is no such folder."),
        Refused::NotAFolder => Error::Invalid("This is not a folder.".into()),
        Refused::Failed(error) => error.into(),
    })?;
    Ok(Json(Folders { current_path, directories }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_told_apart_and_not_told() {
        for (email, shown) in [
            ("ada@example.org", "ad*@example.org"),
            ("augusta@example.org", "au*****@example.org"),
            ("a@b", "a@b"),
            ("", ""),
        ] {
            assert_eq!(masked(email), shown);
        }
    }

    #[test]
    fn every_name_of_the_first_version_is_a_setting_or_a_secret() {
        assert!(NAMES.iter().all(|(name, _)| setting(name).is_some()));
        assert!(SECRETS.iter().all(|(name, _)| secret(name).is_some()));
    }
}
