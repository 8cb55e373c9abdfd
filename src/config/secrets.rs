//! The one registry of secrets, and where they are taken from: systemd's credentials first, then the environment.
//!
//! A unit gets its credentials as files in `$CREDENTIALS_DIRECTORY`, readable by nobody else. On the command line there
//! is no such folder; then only whether the admin has put a secret where the units take it from can be said.

use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use super::{Problem, Settings, Sources, changes, check};

/// A credential larger than this is a mistake.
const MAX_BYTES: u64 = 64 * 1024;

/// One secret.
pub struct Secret {
    /// The credential's name, which is the file's name.
    pub credential: &'static str,
    /// Its environment variable, where the first version had one.
    pub env: Option<&'static str>,
    /// What it is for, as a sentence.
    pub meaning: &'static str,
    /// The setting that is useless without it.
    pub needed_by: Option<&'static str>,
    put: fn(&mut Settings, Option<SecretString>),
}

/// All of them.
pub const SECRETS: &[Secret] = &[
    Secret {
        credential: "jwt-secret",
        env: Some("JWT_SECRET"),
        meaning: "Signs tickets and seals stored secrets; made by the installation.",
        needed_by: None,
        put: |s, v| s.secrets.jwt_secret = v,
    },
    Secret {
        credential: "barbossa.database-url",
        env: None,
        meaning: "database_url, when there is a password in it.",
        needed_by: None,
        put: |s, v| v.iter().for_each(|v| v.expose_secret().clone_into(&mut s.database_url)),
    },
    Secret {
        credential: "barbossa.redis-url",
        env: None,
        meaning: "redis_url, when there is a password in it.",
        needed_by: None,
        put: |s, v| v.iter().for_each(|v| v.expose_secret().clone_into(&mut s.redis_url)),
    },
    Secret {
        credential: "barbossa.qobuz-password",
        env: Some("QOBUZ_PASSWORD"),
        meaning: "The password of the Qobuz account.",
        needed_by: Some("qobuz.email"),
        put: |s, v| s.secrets.qobuz_password = v,
    },
    Secret {
        credential: "barbossa.lidarr-api-key",
        env: Some("LIDARR_API_KEY"),
        meaning: "Lidarr's API key (Settings, General).",
        needed_by: Some("lidarr.url"),
        put: |s, v| s.secrets.lidarr_api_key = v,
    },
    Secret {
        credential: "barbossa.plex-token",
        env: Some("PLEX_TOKEN"),
        meaning: "A Plex token.",
        needed_by: Some("plex.url"),
        put: |s, v| s.secrets.plex_token = v,
    },
    Secret {
        credential: "barbossa.torrentleech-key",
        env: Some("TORRENTLEECH_KEY"),
        meaning: "The announce key of a TorrentLeech account, 32 characters.",
        needed_by: None,
        put: |s, v| s.secrets.torrentleech_key = v,
    },
    Secret {
        credential: "barbossa.oidc-client-secret",
        env: None,
        meaning: "The secret of this client at the OpenID provider; a public client has none.",
        needed_by: None,
        put: |s, v| s.secrets.oidc_client_secret = v,
    },
    Secret {
        credential: "barbossa.acoustid-key",
        env: Some("ACOUSTID_KEY"),
        meaning: "The key of an application at AcoustID (free, acoustid.org/new-application).",
        needed_by: None,
        put: |s, v| s.secrets.acoustid_key = v,
    },
    Secret {
        credential: "barbossa.lidarr-webhook-secret",
        env: None,
        meaning: "The password that Lidarr's webhook shows; made up by you.",
        needed_by: None,
        put: |s, v| s.secrets.lidarr_webhook_secret = v,
    },
    Secret {
        credential: "barbossa.jellyfin-api-key",
        env: None,
        meaning: "An API key of Jellyfin (Dashboard, API keys).",
        needed_by: Some("jellyfin.url"),
        put: |s, v| s.secrets.jellyfin_api_key = v,
    },
    Secret {
        credential: "barbossa.navidrome-password",
        env: None,
        meaning: "The password of the account at Navidrome.",
        needed_by: Some("navidrome.url"),
        put: |s, v| s.secrets.navidrome_password = v,
    },
    Secret {
        credential: "barbossa.smtp-password",
        env: None,
        meaning: "The password of the account at the mail server.",
        needed_by: Some("notifications.smtp_user"),
        put: |s, v| s.secrets.smtp_password = v,
    },
    Secret {
        credential: "barbossa.ntfy-token",
        env: None,
        meaning: "An access token of the ntfy server (Account, Access tokens).",
        needed_by: Some("notifications.ntfy_server"),
        put: |s, v| s.secrets.ntfy_token = v,
    },
    Secret {
        credential: "barbossa.rclone-config",
        env: None,
        meaning: "rclone's configuration file, as `rclone config` writes it.",
        needed_by: None,
        put: |s, v| s.secrets.rclone_config = v,
    },
    Secret {
        credential: "barbossa.restic-password",
        env: None,
        meaning: "The password of the restic repository of the music.",
        needed_by: Some("backup.music_repository"),
        put: |s, v| s.secrets.restic_password = v,
    },
];

/// Whether a secret is known, as far as this process can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// It was read, or lies where a unit takes it from.
    There,
    /// It is nowhere.
    Absent,
    /// This process may not look.
    Unknown,
}

impl Secret {
    /// The one of that variable or of that name: `JWT_SECRET`, `jwt-secret`.
    pub fn find(name: &str) -> Option<&'static Self> {
        SECRETS.iter().find(|s| s.env == Some(name) || s.credential == name)
    }

    /// The file that the admin writes it to: `jwt-secret` lies with the package's own, the optional ones where systemd
    /// looks for credentials by name.
    pub fn file(&self) -> PathBuf {
        let is_optional = self.credential.starts_with("barbossa.");
        let folder = if is_optional { "/etc/credstore" } else { "/etc/barbossa/credentials" };
        Path::new(folder).join(self.credential)
    }

    /// Where the units take it from: plain, or made by `systemd-creds encrypt`.
    fn stores(&self, sources: &Sources) -> Vec<PathBuf> {
        sources.credential_stores.iter().map(|store| store.join(self.credential)).collect()
    }

    pub(super) fn presence(&self, was_read: bool, sources: &Sources) -> Presence {
        if was_read {
            return Presence::There;
        }
        let mut presence = Presence::Absent;
        for path in self.stores(sources) {
            match std::fs::symlink_metadata(path) {
                Ok(_) => return Presence::There,
                Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {}
                Err(_) => presence = Presence::Unknown,
            }
        }
        presence
    }
}

/// The secrets of other people's services that this process knows, by the name of their credential. Not the signing key,
/// which every installation makes for itself; an address of a database or a Redis with a password in it is one.
pub fn known(settings: &Settings) -> Vec<(&'static str, SecretString)> {
    let of = &settings.secrets;
    let with_password = |url: &str| (check::redacted(url) != url).then(|| SecretString::from(url.to_owned()));
    let known = [
        ("barbossa.database-url", with_password(&settings.database_url)),
        ("barbossa.redis-url", with_password(&settings.redis_url)),
        ("barbossa.qobuz-password", of.qobuz_password.clone()),
        ("barbossa.lidarr-api-key", of.lidarr_api_key.clone()),
        ("barbossa.plex-token", of.plex_token.clone()),
        ("barbossa.torrentleech-key", of.torrentleech_key.clone()),
        ("barbossa.oidc-client-secret", of.oidc_client_secret.clone()),
        ("barbossa.acoustid-key", of.acoustid_key.clone()),
        ("barbossa.lidarr-webhook-secret", of.lidarr_webhook_secret.clone()),
        ("barbossa.jellyfin-api-key", of.jellyfin_api_key.clone()),
        ("barbossa.navidrome-password", of.navidrome_password.clone()),
        ("barbossa.smtp-password", of.smtp_password.clone()),
        ("barbossa.ntfy-token", of.ntfy_token.clone()),
        ("barbossa.rclone-config", of.rclone_config.clone()),
        ("barbossa.restic-password", of.restic_password.clone()),
    ];
    known.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
}

/// Takes all that there are; which were read.
pub(super) fn take(
    sources: &Sources,
    settings: &mut Settings,
    problems: &mut Vec<Problem>,
) -> Vec<&'static str> {
    let mut read = Vec::new();
    for secret in SECRETS {
        if let Some(changed) = changed_secret(&sources.changes_dir, secret) {
            if !changed.is_empty() {
                read.push(secret.credential);
            }
            (secret.put)(settings, or_forgotten(changed));
            continue;
        }
        let credential = sources.credentials_dir.as_ref().map(|dir| dir.join(secret.credential));
        let from_credential = credential.and_then(|path| from_file(secret, &path, problems));
        let from_environment = || Some((secret.env?, sources.variable(secret.env?)?));
        let (text, place) = match (from_credential, from_environment()) {
            (Some(text), _) => (text, format!("credential {}", secret.credential)),
            (None, Some((name, text))) => (text, name.to_owned()),
            (None, None) => continue,
        };
        if let Some(fault) = fault(secret, &text) {
            problems.push(Problem { place: Some(place), ..fault });
        }
        (secret.put)(settings, Some(text.into()));
        read.push(secret.credential);
    }
    for secret in SECRETS {
        problems.extend(secret.stores(sources).iter().filter_map(|path| too_open(secret, path, 0o077)));
    }
    read
}

/// Takes over those that were changed.
pub(super) fn take_changed(settings: &mut Settings) {
    for secret in SECRETS {
        if let Some(changed) = changed_secret(&settings.changes_dir, secret) {
            (secret.put)(settings, or_forgotten(changed));
        }
    }
}

fn or_forgotten(changed: String) -> Option<SecretString> {
    Some(changed).filter(|text| !text.is_empty()).map(Into::into)
}

/// What an admin made of it, if anything; an empty file says that it is to be forgotten. The units that have no business
/// with secrets may not look, and need none.
fn changed_secret(changes_dir: &Path, secret: &Secret) -> Option<String> {
    if changes_dir.as_os_str().is_empty() {
        return None;
    }
    read_limited(&changes::secret_file(changes_dir, secret)).ok()
}

fn from_file(secret: &Secret, path: &Path, problems: &mut Vec<Problem>) -> Option<String> {
    let text = match read_limited(path) {
        Ok(text) => text,
        Err(e) if e.kind() == io::ErrorKind::NotFound => return None,
        Err(e) => {
            problems
                .push(Problem::error(secret.credential, format!("{} cannot be read: {e}.", path.display())));
            return None;
        }
    };
    // systemd lets the unit's user in by an access control list, which shows as the group's bits.
    problems.extend(too_open(secret, path, 0o027));
    // One newline at the end is the editor's, all else is the secret's.
    let text = text.strip_suffix('\n').unwrap_or(&text);
    if text.is_empty() {
        problems.push(Problem::error(secret.credential, format!("{} is empty.", path.display())));
        return None;
    }
    Some(text.to_owned())
}

fn read_limited(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path)?;
    if file.take(MAX_BYTES + 1).read_to_string(&mut text)? as u64 > MAX_BYTES {
        return Err(io::Error::other("it is larger than 64 KiB"));
    }
    Ok(text)
}

fn too_open(secret: &Secret, path: &Path, forbidden: u32) -> Option<Problem> {
    let mode = std::fs::metadata(path).ok()?.permissions().mode() & 0o777;
    (mode & forbidden != 0).then(|| {
        Problem::warning(
            secret.credential,
            format!("{} may be read by others: its mode is {mode:04o}.", path.display()),
        )
        .hint(format!("Close it: chmod 0600 {}", path.display()))
    })
}

/// What is wrong with the secret itself, if something can be seen.
fn fault(secret: &Secret, text: &str) -> Option<Problem> {
    let hint = "Make a good one: openssl rand -base64 48";
    match secret.credential {
        "jwt-secret" if is_placeholder(text) => Some(
            Problem::error(
                secret.credential,
                "This is the placeholder of an example, known to everyone: whoever knows it can forge a ticket.",
            )
            .hint(hint),
        ),
        "jwt-secret" if text.len() < 32 => Some(
            Problem::error(secret.credential, "It is shorter than 32 characters and could be guessed.").hint(hint),
        ),
        _ => None,
    }
}

/// `change-me-in-production` and its kin, or hardly more than one character repeated.
pub(super) fn is_placeholder(text: &str) -> bool {
    let plain: String = text.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
    let distinct: std::collections::HashSet<char> = plain.chars().collect();
    ["changeme", "changethis", "replaceme", "placeholder", "yoursecret", "supersecret"]
        .iter()
        .any(|word| plain.contains(word))
        || distinct.len() < 6
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Severity;

    fn take_from(dir: &Path) -> (Settings, Vec<Problem>) {
        let sources = Sources { credentials_dir: Some(dir.into()), ..Sources::default() };
        let (mut settings, mut problems) = (Settings::default(), Vec::new());
        take(&sources, &mut settings, &mut problems);
        (settings, problems)
    }

    fn put(dir: &Path, name: &str, text: &str, mode: u32) {
        let path = dir.join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn a_signing_secret_that_could_be_known_or_guessed_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        for (bad, why) in [
            ("change-me-in-production-use-random-string", "placeholder"),
            ("Change_Me_Please_It_Is_Only_An_Example_1234", "placeholder"),
            ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "placeholder"),
            ("k3YtooShort9z", "shorter than 32"),
        ] {
            put(dir.path(), "jwt-secret", bad, 0o400);
            let (_, problems) = take_from(dir.path());
            assert!(
                problems[0].message.contains(why) && !problems[0].to_string().contains(bad),
                "{bad}: {problems:?}"
            );
        }
        put(dir.path(), "jwt-secret", "q8ZV0mXkW1c7uJx3oT9sRb5nYh2LdPfE6gAi4UwKvNQ=", 0o400);
        assert_eq!(take_from(dir.path()).1, []);
    }

    #[test]
    fn only_the_newline_at_the_end_is_taken_off() {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), "barbossa.qobuz-password", " pass word \n", 0o400);
        let (settings, _) = take_from(dir.path());
        assert_eq!(settings.secrets.qobuz_password.unwrap().expose_secret(), " pass word ");
    }

    #[test]
    fn a_secret_that_others_may_read_is_told_and_one_that_systemd_closed_is_not() {
        let dir = tempfile::tempdir().unwrap();
        for (mode, is_told) in [(0o400, false), (0o440, false), (0o444, true), (0o460, true)] {
            put(dir.path(), "barbossa.plex-token", "x", mode);
            let (_, problems) = take_from(dir.path());
            assert_eq!(
                problems.iter().any(|p| p.severity == Severity::Warning),
                is_told,
                "{mode:o}: {problems:?}"
            );
        }
    }

    #[test]
    fn an_address_with_a_password_can_be_a_credential() {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), "barbossa.database-url", "postgresql://u:p@h/d\n", 0o400);
        assert_eq!(take_from(dir.path()).0.database_url, "postgresql://u:p@h/d");
    }

    #[test]
    fn an_empty_credential_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        put(dir.path(), "jwt-secret", "\n", 0o400);
        assert_eq!(take_from(dir.path()).1[0].severity, Severity::Error);
    }
}
