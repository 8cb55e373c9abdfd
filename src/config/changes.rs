//! What an admin has changed while Barbossa runs: one file and some secrets, in a folder that the api may write. They win
//! over the files that are written by hand.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::keys::Key;
use super::secrets::Secret;
use super::{Problem, Settings, Severity, Sources, check};

/// Lines `name = value`, sorted, in TOML.
const FILE: &str = "changes.toml";
const SECRETS: &str = "secrets";

/// When a changed setting holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// In every process, as soon as it hears of it.
    AtOnce,
    /// When these units have been started again.
    AfterRestart(&'static [&'static str]),
}

/// One setting, and what it is to be, as it would stand in the environment.
#[derive(Clone)]
pub struct Change {
    /// Which.
    pub key: &'static Key,
    /// What.
    pub value: String,
}

/// A secret that is kept, or (none) forgotten.
#[derive(Clone)]
pub struct NewSecret {
    /// Which.
    pub secret: &'static Secret,
    /// What.
    pub value: Option<SecretString>,
}

impl Key {
    /// When a change of it holds; none when it is not for changing at run time: it says where the data is, or who may
    /// see what of the machine.
    pub fn effect(&self) -> Option<Effect> {
        match self.name {
            "music_path"
            | "database_url"
            | "redis_url"
            | "backup_dir"
            | "backup.recipients"
            | "backup.destinations"
            | "backup.music_repository"
            | "backup.music_every"
            | "tls.certificate"
            | "tls.key"
            | "api.browse_roots"
            | "exports.roots"
            | "downloads.yt_dlp_path"
            | "downloads.allow_private"
            | "lidarr.path_map"
            | "notifications.private_targets"
            | "qobuz.rip_path"
            | "qobuz.url"
            | "bandcamp.url"
            | "bandcamp.cookies_path" => None,
            // Who is let in is for whoever may edit files as root.
            name if ["forward_auth.", "oidc.", "metrics."].iter().any(|part| name.starts_with(part)) => None,
            "api.cors_origins" => Some(Effect::AfterRestart(&["barbossa-api.service"])),
            "worker.concurrency" => {
                Some(Effect::AfterRestart(&["barbossa-worker.service", "barbossa-fetch.service"]))
            }
            // It has as many hands as all sources may use.
            "downloads.at_once_per_source" => Some(Effect::AfterRestart(&["barbossa-fetch.service"])),
            "log_level" => Some(Effect::AfterRestart(&["barbossa.target"])),
            _ => Some(Effect::AtOnce),
        }
    }
}

/// The settings as they would be, judged together.
///
/// # Errors
/// What is wrong with a setting that was to be changed.
pub fn propose(current: &Settings, changes: &[Change]) -> Result<Settings, Problem> {
    let mut proposed = current.clone();
    for Change { key, value } in changes {
        if key.effect().is_none() {
            let hint = "It stands in /etc/barbossa; the music is moved by `barbossa setup music-path DIR`.";
            return Err(Problem::error(key.name, "It is not changed while Barbossa runs.").hint(hint));
        }
        key.set_text(&mut proposed, value).map_err(|message| Problem::error(key.name, message))?;
    }
    let is_changed = |problem: &Problem| changes.iter().any(|change| change.key.name == problem.key);
    let mut found = check::check(&proposed, &Sources::default(), &[]).into_iter();
    match found.find(|problem| problem.severity == Severity::Error && is_changed(problem)) {
        Some(problem) => Err(problem),
        None => Ok(proposed),
    }
}

/// Keeps changes that were proposed, and secrets. Blocks; one at a time is the caller's to see to.
///
/// # Errors
/// When the folder cannot be written.
pub fn keep(proposed: &Settings, changes: &[Change], secrets: &[NewSecret]) -> io::Result<()> {
    let dir = &proposed.changes_dir;
    std::fs::create_dir_all(dir)?;
    if !changes.is_empty() {
        let mut lines = lines(dir)?;
        for Change { key, .. } in changes {
            lines.insert(key.name.to_owned(), key.show(proposed));
        }
        let text =
            "# Changed while Barbossa ran, by `PUT /api/settings` or `barbossa settings set`.\n".to_owned();
        let text = lines.iter().fold(text, |text, (name, value)| format!("{text}{name} = {value}\n"));
        replace(&dir.join(FILE), text.as_bytes())?;
    }
    if secrets.is_empty() {
        return Ok(());
    }
    std::fs::create_dir_all(dir.join(SECRETS))?;
    for NewSecret { secret, value } in secrets {
        let path = secret_file(dir, secret);
        // Empty: forgotten, whatever the credentials say.
        replace(&path, value.as_ref().map_or("", |value| value.expose_secret()).as_bytes())?;
    }
    Ok(())
}

/// Readable by its owner alone, and whole or not there at all.
fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write;
    let folder = path.parent().unwrap_or(Path::new("/"));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    std::fs::File::open(folder)?.sync_all()
}

fn lines(dir: &Path) -> io::Result<BTreeMap<String, String>> {
    let text = match std::fs::read_to_string(dir.join(FILE)) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    let pairs = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(" = "));
    Ok(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
}

/// Where the changes lie.
pub(super) fn file(dir: &Path) -> PathBuf {
    dir.join(FILE)
}

/// Where a secret lies that was changed.
pub(super) fn secret_file(dir: &Path, secret: &Secret) -> PathBuf {
    dir.join(SECRETS).join(secret.credential)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{KEYS, key, load};

    fn change(name: &str, value: &str) -> Change {
        Change { key: key(name).unwrap(), value: value.into() }
    }

    #[test]
    fn what_is_kept_is_read_again_and_wins_over_the_files() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("barbossa.toml"), "[imports]\nmin_confidence = 0.5\n").unwrap();
        let changes_dir = dir.path().join("settings");
        let current = Settings { changes_dir: changes_dir.clone(), ..Settings::default() };
        let first = [change("imports.min_confidence", "0.9"), change("lidarr.url", "http://lidarr:8686")];
        keep(&propose(&current, &first).unwrap(), &first, &[]).unwrap();
        let second = [change("qobuz.email", "ada \"x\" = y")];
        let secret = Secret::find("LIDARR_API_KEY").unwrap();
        let key = NewSecret { secret, value: Some("s3cret".into()) };
        keep(&propose(&current, &second).unwrap(), &second, &[key]).unwrap();
        let sources = Sources { file: dir.path().join("barbossa.toml"), changes_dir, ..Sources::default() };
        let loaded = load(&sources).settings;
        assert!((loaded.imports.min_confidence - 0.9).abs() < 1e-6);
        assert_eq!((&*loaded.lidarr.url, &*loaded.qobuz.email), ("http://lidarr:8686", "ada \"x\" = y"));
        assert_eq!(loaded.secrets.lidarr_api_key.unwrap().expose_secret(), "s3cret");
        keep(&current, &[], &[NewSecret { secret, value: None }]).unwrap();
        assert!(load(&sources).settings.secrets.lidarr_api_key.is_none());
    }

    #[test]
    fn what_does_not_fit_is_named_and_nothing_is_proposed() {
        let current = Settings::default();
        for (name, value) in [
            ("qobuz.quality", "9"),
            ("lidarr.url", "lidarr:8686"),
            ("imports.min_confidence", "2"),
            ("plex.auto_scan", "perhaps"),
            ("music_path", "/srv/music"),
            ("database_url", "postgresql://elsewhere/x"),
        ] {
            assert_eq!(propose(&current, &[change(name, value)]).unwrap_err().key, name, "{value}");
        }
    }

    #[test]
    fn where_the_data_is_and_who_may_look_is_not_changed_by_a_request() {
        let is_open =
            |name: &str| !["forward_auth.", "oidc.", "metrics."].iter().any(|part| name.starts_with(part));
        let fixed = KEYS.iter().filter(|key| key.effect().is_none()).map(|key| key.name);
        let fixed: Vec<_> = fixed.filter(|name| is_open(name)).collect();
        let expected = [
            "music_path",
            "database_url",
            "redis_url",
            "backup_dir",
            "backup.recipients",
            "backup.destinations",
            "backup.music_repository",
            "backup.music_every",
            "api.browse_roots",
            "tls.certificate",
            "tls.key",
            "exports.roots",
            "downloads.yt_dlp_path",
            "downloads.allow_private",
            "qobuz.rip_path",
            "qobuz.url",
            "lidarr.path_map",
            "bandcamp.cookies_path",
            "bandcamp.url",
            "notifications.private_targets",
        ];
        assert_eq!(fixed, expected);
    }
}
