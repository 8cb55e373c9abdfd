//! What each value has to be, beyond its type, and what has to stand together.

use std::io;
use std::net::SocketAddr;
use std::path::{Component, Path};
use std::str::FromStr;

use super::secrets::{Presence, SECRETS};
use super::sources::nearest;
use super::{ForwardAuth, PathMap, Problem, Settings, Sources, TrustedPeer, destination, keys, tls};

/// Folders that belong to the system as a whole; a unit that may write in one may write everywhere.
const SYSTEM_FOLDERS: &[&str] = &[
    "/",
    "/bin",
    "/boot",
    "/dev",
    "/etc",
    "/home",
    "/lib",
    "/media",
    "/mnt",
    "/opt",
    "/proc",
    "/root",
    "/run",
    "/sbin",
    "/srv",
    "/sys",
    "/tmp",
    "/usr",
    "/var",
    "/var/lib",
    "/var/lib/barbossa",
];

/// Checks it all; `read` are the credentials that were taken.
pub(super) fn check(settings: &Settings, sources: &Sources, read: &[&str]) -> Vec<Problem> {
    let mut problems = Vec::new();
    problems.extend(music_path(&settings.music_path));
    problems.extend(backup_dir(settings));
    problems.extend(settings.backup.recipients.iter().filter_map(|key| recipient(key)));
    problems.extend(destination::problems(settings));
    problems.extend(tls::problems(settings));
    problems.extend(destination::music_repository(&settings.backup.music_repository));
    problems.extend(destination::music_every(&settings.backup.music_every));
    problems.extend(settings.exports.roots.iter().filter_map(|root| export_root(root)));
    problems.extend(database_url(&settings.database_url));
    problems.extend(redis_url(&settings.redis_url));
    problems.extend(log_level(&settings.log_level));
    problems.extend(settings.api.cors_origins.iter().filter_map(|o| origin(o)));
    problems.extend(web_address("api.public_url", &settings.api.public_url));
    problems.extend(forward_auth(&settings.forward_auth));
    problems.extend(oidc(settings));
    problems.extend(metrics_listen(&settings.metrics.listen));
    problems.extend(web_address("lidarr.url", &settings.lidarr.url));
    problems.extend(services(settings));
    problems.extend(cookies(&settings.bandcamp.cookies_path));
    problems.extend(settling(settings));
    problems.extend(missing_secrets(settings, sources, read));
    problems.extend(missing_signing_secret(sources, read));
    problems
}

fn services(settings: &Settings) -> Vec<Problem> {
    let addresses = [
        ("plex.url", &settings.plex.url),
        ("jellyfin.url", &settings.jellyfin.url),
        ("navidrome.url", &settings.navidrome.url),
        ("musicbrainz.url", &settings.musicbrainz.url),
        ("acoustid.url", &settings.acoustid.url),
        ("lrclib.url", &settings.lrclib.url),
        ("coverart.url", &settings.coverart.url),
        ("coverart.commons_url", &settings.coverart.commons_url),
        ("torrentleech.url", &settings.torrentleech.url),
        ("torrentleech.announce_url", &settings.torrentleech.announce_url),
        ("notifications.ntfy_server", &settings.notifications.ntfy_server),
    ];
    let maps = [
        ("lidarr.path_map", &settings.lidarr.path_map),
        ("plex.path_map", &settings.plex.path_map),
        ("jellyfin.path_map", &settings.jellyfin.path_map),
    ];
    let mut problems: Vec<Problem> =
        addresses.into_iter().filter_map(|(key, url)| web_address(key, url)).collect();
    problems.extend(maps.into_iter().filter_map(|(key, map)| path_map(key, map)));
    problems.extend(mail_server(&settings.notifications.smtp_url));
    problems
}

fn path_map(key: &'static str, map: &[String]) -> Option<Problem> {
    let wrong = PathMap::of(map).err()?;
    let hint = "Two whole paths with = between them: as the other program sees it, then as it is here: /music=/srv/music";
    Some(Problem::error(key, format!("`{wrong}` says not where a folder lies.")).hint(hint))
}

fn mail_server(url: &str) -> Option<Problem> {
    let host = url.strip_prefix("smtp://").or_else(|| url.strip_prefix("smtps://"));
    let is_server = url.is_empty() || host.is_some_and(|h| !h.is_empty() && !h.contains(['/', '@', ' ']));
    (!is_server).then(|| {
        Problem::error("notifications.smtp_url", format!("`{}` is no mail server.", redacted(url)))
            .hint("smtp://HOST:PORT or smtps://HOST:PORT; who logs in is notifications.smtp_user.")
    })
}

fn music_path(path: &Path) -> Option<Problem> {
    let key = "music_path";
    let example = "A whole path, such as /srv/music.";
    if let Some(problem) = plain_absolute(key, path, example) {
        return Some(problem);
    }
    if !is_folder_of_its_own(path) {
        let message = format!("{} is not for music alone.", path.display());
        return Some(
            Problem::error(key, message)
                .hint(format!("A folder of its own: {}", path.join("music").display())),
        );
    }
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_dir() => None,
        Ok(_) => Some(Problem::error(key, format!("{} is a file, not a folder.", path.display()))),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Some(
            Problem::warning(
                key,
                format!("{} is not there (yet, or its disk is not mounted).", path.display()),
            )
            .hint("Nothing is imported and no music is served until it is."),
        ),
        Err(e) if e.kind() == io::ErrorKind::NotADirectory => {
            Some(Problem::error(key, format!("{}: a part of it is a file, not a folder.", path.display())))
        }
        Err(e) => Some(Problem::warning(key, format!("{} cannot be looked at: {e}.", path.display()))),
    }
}

fn backup_dir(settings: &Settings) -> Option<Problem> {
    let (key, dir) = ("backup_dir", &settings.backup_dir);
    if let Some(problem) = plain_absolute(key, dir, "A whole path, such as /var/lib/barbossa/backups.") {
        return Some(problem);
    }
    if std::fs::metadata(dir).is_ok_and(|m| !m.is_dir()) {
        return Some(Problem::error(key, format!("{} is a file, not a folder.", dir.display())));
    }
    dir.starts_with(&settings.music_path).then(|| {
        Problem::warning(key, "The backups lie in the music folder: one lost disk takes both.")
            .hint("Another disk, or at least another file system.")
    })
}

fn recipient(key: &str) -> Option<Problem> {
    (!is_recipient(key)).then(|| {
        let said = if key.to_uppercase().starts_with("AGE-SECRET-KEY-") {
            "A secret key does not belong here: whoever reads this file could open the backups.".to_owned()
        } else {
            format!("`{key}` is no public key of age.")
        };
        Problem::error("backup.recipients", said).hint(
            "It begins with age1; `age-keygen` makes one and shows it, and its secret half stays with you.",
        )
    })
}

fn is_recipient(key: &str) -> bool {
    age::x25519::Recipient::from_str(key).is_ok()
}

fn export_root(root: &str) -> Option<Problem> {
    let key = "exports.roots";
    let path = Path::new(root);
    if let Some(problem) = plain_absolute(key, path, "A whole path, such as /media/usb.") {
        return Some(problem);
    }
    (!is_folder_of_its_own(path)).then(|| {
        Problem::error(key, format!("{root} is not for exports alone.")).hint(format!(
            "The drive's own mount point, or a folder of its own: {}",
            path.join("music").display()
        ))
    })
}

/// Whether a unit may be given this folder: what `check` says without looking at the disk.
pub fn is_folder_of_its_own(path: &Path) -> bool {
    plain_absolute("", path, "").is_none() && !SYSTEM_FOLDERS.iter().any(|f| Path::new(f) == path)
}

/// Absolute, and nothing in it that reads otherwise in a unit file or as a message.
pub(super) fn plain_absolute(key: &'static str, path: &Path, example: &str) -> Option<Problem> {
    let text = path.to_string_lossy();
    let message = if text.is_empty() {
        "It is empty.".to_owned()
    } else if !path.is_absolute() {
        format!("{text} is relative; it would mean another folder for each program.")
    } else if text.chars().any(char::is_control) {
        "There is a control character in it.".to_owned()
    } else if path.components().any(|c| c == Component::ParentDir) {
        format!("{text} goes up by `..`; write where it leads to.")
    } else {
        return None;
    };
    Some(Problem::error(key, message).hint(example))
}

fn cookies(path: &Path) -> Option<Problem> {
    let key = "bandcamp.cookies_path";
    if path.as_os_str().is_empty() {
        return None;
    }
    let missing = || {
        let gone = std::fs::metadata(path).is_err_and(|e| e.kind() == io::ErrorKind::NotFound);
        gone.then(|| Problem::warning(key, format!("{} is not there.", path.display())))
    };
    plain_absolute(key, path, "A whole path, such as /etc/barbossa/bandcamp-cookies.txt.").or_else(missing)
}

fn database_url(url: &str) -> Option<Problem> {
    let key = "database_url";
    let local = keys::key(key).map_or_else(String::new, keys::Key::default_value);
    let good = format!(
        "This machine's own: leave it out, or {local}.\nAnother one: postgresql://USER@HOST:5432/DATABASE"
    );
    if url.trim().is_empty() {
        return Some(Problem::error(key, "It is empty.").hint(good));
    }
    if let Some((scheme, rest)) = url.split_once("://").filter(|(s, _)| s.contains('+')) {
        let base = scheme.split('+').next().unwrap_or("postgresql");
        let hint = format!("Write {base}://{}", redacted(&format!("x://{rest}")).trim_start_matches("x://"));
        let message = format!("`{scheme}://` names a Python driver, as the first version did.");
        return Some(Problem::error(key, message).hint(hint));
    }
    if let Some(scheme) = scheme(url).filter(|s| !matches!(*s, "postgresql" | "postgres")) {
        return Some(Problem::error(key, format!("`{scheme}://` is not PostgreSQL.")).hint(good));
    }
    let config = match tokio_postgres::Config::from_str(url) {
        Ok(config) => config,
        Err(e) => {
            let reason = std::error::Error::source(&e).map_or_else(|| e.to_string(), ToString::to_string);
            return Some(
                Problem::error(key, format!("{} cannot be understood: {reason}.", redacted(url))).hint(good),
            );
        }
    };
    if config.get_hosts().is_empty() {
        return Some(Problem::error(key, format!("{} names no host.", redacted(url))).hint(good));
    }
    if config.get_hosts().contains(&tokio_postgres::config::Host::Tcp("db".into())) {
        let message = "The host `db` was a container of the first version; there is none here.";
        let hint = "Leave it out: Barbossa has its own database on this machine, over a Unix socket and without a password.";
        return Some(Problem::error(key, message).hint(hint));
    }
    config
        .get_dbname()
        .is_none()
        .then(|| Problem::error(key, format!("{} names no database.", redacted(url))).hint(good))
}

fn redis_url(url: &str) -> Option<Problem> {
    let key = "redis_url";
    let good =
        "Barbossa's own: leave it out. Another one: redis+unix:///PATH/OF/SOCKET or redis://HOST:6379/0";
    let Ok(info) = redis::IntoConnectionInfo::into_connection_info(url) else {
        return Some(
            Problem::error(key, format!("{} is not an address of Redis.", redacted(url))).hint(good),
        );
    };
    match info.addr() {
        redis::ConnectionAddr::Tcp(host, _) if host == "redis" => Some(
            Problem::warning(
                key,
                "The host `redis` was a container of the first version; there is none here.",
            )
            .hint("Leave it out: Barbossa has its own Redis on this machine."),
        ),
        _ => None,
    }
}

/// The words of the first version (Python's) for a level are taken for ours.
pub(super) fn usual_level(level: &str) -> String {
    match level.to_lowercase().as_str() {
        "warning" => "warn".into(),
        "critical" | "fatal" => "error".into(),
        _ => level.to_owned(),
    }
}

/// A level, or directives `target=level` with commas between them.
fn log_level(filter: &str) -> Option<Problem> {
    const LEVELS: &[&str] = &["off", "error", "warn", "info", "debug", "trace"];
    let key = "log_level";
    let hint = "error, warn, info, debug, or for parts of the program: info,barbossa::imports=debug";
    for part in filter.split(',').map(str::trim) {
        let level = part.rsplit_once('=').map_or(part, |(_, level)| level).to_lowercase();
        if !LEVELS.contains(&level.as_str()) {
            let message = format!("`{level}` is no level.");
            let near = nearest(&level, LEVELS.iter().copied());
            let hint =
                near.map_or_else(|| hint.to_owned(), |n| format!("Did you mean {n}? There are: {hint}"));
            return Some(Problem::error(key, message).hint(hint));
        }
    }
    let parsed = tracing_subscriber::EnvFilter::builder().parse(filter);
    parsed.err().map(|e| Problem::error(key, format!("`{filter}` cannot be understood: {e}.")).hint(hint))
}

fn origin(origin: &str) -> Option<Problem> {
    let key = "api.cors_origins";
    if origin == "*" {
        return Some(
            Problem::warning(key, "`*` lets the pages of every site call the API from a visitor's browser.")
                .hint("Name those that may, such as https://music.example.org; with none it works from our own pages."),
        );
    }
    let uri = http::Uri::from_str(origin).ok();
    let is_origin = uri.is_some_and(|u| {
        matches!(u.scheme_str(), Some("http" | "https"))
            && u.host().is_some()
            && u.path() == "/"
            && u.query().is_none()
    });
    (!is_origin || origin.ends_with('/')).then(|| {
        Problem::error(key, format!("`{origin}` is no origin."))
            .hint("Scheme, host and, if it is not the usual one, port: https://music.example.org")
    })
}

fn web_address(key: &'static str, url: &str) -> Option<Problem> {
    if url.is_empty() {
        return None;
    }
    let uri = http::Uri::from_str(url).ok();
    let is_web = uri.is_some_and(|u| matches!(u.scheme_str(), Some("http" | "https")) && u.host().is_some());
    (!is_web).then(|| {
        Problem::error(key, format!("`{}` is no web address.", redacted(url)))
            .hint("It begins with http:// or https://, such as http://localhost:8686")
    })
}

fn forward_auth(settings: &ForwardAuth) -> Vec<Problem> {
    let (key, header) = ("forward_auth.header", settings.header.as_str());
    let mut problems = Vec::new();
    let unknown = settings.trusted.iter().filter(|t| TrustedPeer::of(t).is_none()).map(|text| {
        Problem::error("forward_auth.trusted", format!("`{text}` is neither an address nor a network."))
            .hint("Such as 10.0.0.7 or 10.0.0.0/24; or nginx, for the one on this machine.")
    });
    problems.extend(unknown);
    if header.is_empty() {
        return problems;
    }
    let taken = ["authorization", "cookie", "host", "origin", "x-real-ip", "x-barbossa-user"];
    if http::HeaderName::from_str(header).is_err() || taken.contains(&header.to_lowercase().as_str()) {
        let message = format!("`{header}` cannot be the header that says who asks.");
        problems.push(Problem::error(key, message).hint("Such as Remote-User or X-Forwarded-User"));
    }
    if settings.trusted.is_empty() {
        let message = "It is set, but nobody's word counts: forward_auth.trusted is empty.";
        problems.push(Problem::warning(key, message));
    }
    problems
}

fn oidc(settings: &Settings) -> Vec<Problem> {
    let (key, issuer) = ("oidc.issuer", settings.oidc.issuer.as_str());
    let mut problems: Vec<Problem> = web_address(key, issuer).into_iter().collect();
    if issuer.is_empty() || !problems.is_empty() {
        return problems;
    }
    let host = http::Uri::from_str(issuer).ok().and_then(|u| u.host().map(str::to_owned)).unwrap_or_default();
    if issuer.starts_with("http:") && !["localhost", "127.0.0.1", "[::1]"].contains(&host.as_str()) {
        let message = "Without https anyone between here and the provider could log in as anyone.";
        problems.push(Problem::error(key, message));
    }
    if settings.api.public_url.is_empty() {
        let message = "It needs api.public_url: the provider sends people back there.";
        problems.push(Problem::error(key, message));
    }
    if settings.oidc.client_id.is_empty() || settings.oidc.username_claim.is_empty() {
        let message = "It needs oidc.client_id and oidc.username_claim.";
        problems.push(Problem::error(key, message));
    }
    problems
}

/// Whether the socket unit may be given this: what `check` says.
pub fn is_metrics_address(listen: &str) -> bool {
    metrics_listen(listen).is_none() && !listen.contains(char::is_whitespace)
}

/// A path, or an address of this machine: what is told there is for no other eyes.
fn metrics_listen(listen: &str) -> Option<Problem> {
    let key = "metrics.listen";
    if listen.starts_with('/') {
        return plain_absolute(key, Path::new(listen), "Such as /run/barbossa/metrics.sock.");
    }
    let address = SocketAddr::from_str(listen).ok();
    let message = match address {
        Some(address) if address.ip().is_loopback() && address.port() != 0 => return None,
        Some(_) => format!("{listen} could be asked by others; metrics are for this machine."),
        None => format!("`{listen}` is neither a path nor an address with a port."),
    };
    Some(Problem::error(key, message).hint("/run/barbossa/metrics.sock, or 127.0.0.1:9477"))
}

fn settling(settings: &Settings) -> Option<Problem> {
    let imports = &settings.imports;
    (imports.settle_incomplete_seconds < imports.settle_seconds).then(|| {
        Problem::warning(
            "imports.settle_incomplete_seconds",
            "It is shorter than settle_seconds: a folder that lacks tracks would be taken before a whole one.",
        )
    })
}

/// An address without its key, an account without its password.
fn missing_secrets(settings: &Settings, sources: &Sources, read: &[&str]) -> Vec<Problem> {
    let mut problems = Vec::new();
    for secret in SECRETS {
        let Some(key) = secret.needed_by.and_then(keys::key) else { continue };
        let is_used = key.show(settings) != key.default_value();
        if is_used && secret.presence(read.contains(&secret.credential), sources) == Presence::Absent {
            let message = format!(
                "It is set, but its secret {} is missing, so it will not be used.",
                secret.credential
            );
            let hint = format!(
                "{} Put it into {} (owner root, mode 0600).",
                secret.meaning,
                secret.file().display()
            );
            problems.push(Problem::warning(key.name, message).hint(hint));
        }
    }
    problems
}

/// The api signs with it. A unit that lacks it must not start; elsewhere the command at hand can do without.
fn missing_signing_secret(sources: &Sources, read: &[&str]) -> Option<Problem> {
    let secret = SECRETS.first().expect("the signing secret is the first of them");
    let is_api = sources.role == Some("api");
    // Units other than the api have no business with it, and a command for a person is told only when it is nowhere.
    let is_unit_of_another = sources.credentials_dir.is_some() && !is_api;
    let is_missing = secret.presence(read.contains(&secret.credential), sources) == Presence::Absent;
    let is_concerned = is_api || sources.role.is_none();
    if read.contains(&secret.credential) || is_unit_of_another || !is_concerned || !(is_missing || is_api) {
        return None;
    }
    let file = secret.file();
    let hint = format!("Make one: umask 077; openssl rand -base64 48 > {}", file.display());
    let message = "There is none, so the api cannot sign tickets for audio and live events.";
    let is_fatal = is_api && sources.credentials_dir.is_some();
    let problem = if is_fatal { Problem::error } else { Problem::warning };
    Some(problem(secret.credential, message).hint(hint))
}

fn scheme(url: &str) -> Option<&str> {
    url.split_once("://").map(|(scheme, _)| scheme)
}

/// The password within `scheme://user:password@host`, or of `password=` in a connection string.
pub(super) fn password_in(url: &str) -> Option<std::ops::Range<usize>> {
    if let Some(start) = url.find("password=").map(|i| i + "password=".len()) {
        let end = url[start..].find(['&', ' ']).map_or(url.len(), |i| start + i);
        return (end > start).then_some(start..end);
    }
    let start = url.find("://")? + 3;
    let authority = url[start..].find('/').map_or(url.len(), |i| start + i);
    // A password may itself hold an `@` or a `/` that should have been escaped: rather hide too much.
    let at = url[start..authority].rfind('@').or_else(|| url[start..].rfind('@'))? + start;
    let colon = url[start..at].find(':')? + start + 1;
    (at > colon).then_some(colon..at)
}

/// The address as a person may see it in a message or a journal: its password hidden.
pub fn redacted(url: &str) -> String {
    match password_in(url) {
        Some(range) => format!("{}…{}", &url[..range.start], &url[range.end..]),
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Severity;

    fn errors(problem: Option<Problem>) -> bool {
        problem.is_some_and(|p| p.severity == Severity::Error)
    }

    #[test]
    fn the_defaults_have_no_error() {
        let sources = Sources { credential_stores: vec!["/nowhere".into()], ..Sources::default() };
        let problems = check(&Settings::default(), &sources, &["jwt-secret"]);
        assert!(problems.iter().all(|p| p.severity == Severity::Warning), "{problems:?}");
    }

    #[test]
    fn the_music_folder_may_be_missing_but_not_be_a_file_relative_or_the_systems() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        assert_eq!(music_path(dir.path()), None);
        let missing = music_path(&dir.path().join("missing")).unwrap();
        assert_eq!(missing.severity, Severity::Warning);
        for bad in [&file, &file.join("beneath")] {
            assert!(errors(music_path(bad)), "{bad:?}");
        }
        for bad in ["", "music", "./music", "/srv/../etc", "/", "/home", "/var/lib/barbossa", "/srv/a\nb"] {
            assert!(errors(music_path(Path::new(bad))), "{bad:?}");
        }
    }

    #[test]
    fn an_address_of_postgresql_is_understood_or_explained() {
        for good in [
            "postgresql://barbossa@%2Frun%2Fpostgresql/barbossa",
            "postgres://u:p@db.example.org:5432/music?sslmode=prefer",
            "host=/run/postgresql user=barbossa dbname=barbossa",
        ] {
            assert_eq!(database_url(good), None, "{good}");
        }
        for (bad, why) in [
            ("postgresql+asyncpg://barbossa:s3cr3t@localhost/barbossa", "names a Python driver"),
            ("postgresql://barbossa:barbossa@db:5432/barbossa", "was a container of the first version"),
            ("mysql://localhost/barbossa", "is not PostgreSQL"),
            ("postgresql://u:s3cr3t@host:notaport/d", "cannot be understood"),
            ("postgresql:///barbossa", "names no host"),
            ("postgresql://barbossa@localhost", "names no database"),
            ("nonsense", "cannot be understood"),
            ("", "is empty"),
        ] {
            let problem = database_url(bad).unwrap_or_else(|| panic!("{bad} was taken"));
            assert!(problem.message.contains(why), "{bad}: {problem}");
            assert!(problem.hint.is_some() && !problem.to_string().contains("s3cr3t"), "{problem}");
        }
    }

    #[test]
    fn an_address_of_redis_is_understood_or_explained() {
        for good in ["redis+unix:///run/barbossa-redis/redis.sock", "redis://localhost:6379/0"] {
            assert_eq!(redis_url(good), None, "{good}");
        }
        assert!(errors(redis_url("http://localhost:6379")));
        assert!(errors(redis_url("")));
        assert_eq!(redis_url("redis://redis:6379/0").unwrap().severity, Severity::Warning);
    }

    #[test]
    fn a_log_level_is_a_level_or_directives() {
        for good in ["info", "WARN", "info,barbossa::imports=debug", "off"] {
            assert_eq!(log_level(good), None, "{good}");
        }
        for bad in ["verbose", "", "info,chatty", "barbossa=loud"] {
            assert!(errors(log_level(bad)), "{bad:?}");
        }
        assert!(log_level("wran").unwrap().to_string().contains("Did you mean warn?"));
    }

    #[test]
    fn a_proxys_header_needs_someone_to_be_trusted() {
        let of = |header: &str, trusted: &[&str]| {
            let trusted = trusted.iter().map(|t| (*t).into()).collect();
            forward_auth(&ForwardAuth { header: header.into(), trusted, create_users: false })
        };
        assert!(of("", &[]).is_empty() && of("Remote-User", &["10.0.0.0/8", "nginx"]).is_empty());
        assert_eq!(of("Remote-User", &[])[0].severity, Severity::Warning);
        for bad in [of("Remote-User", &["proxy.local"]), of("Remote User", &["::1"]), of("Cookie", &["::1"])]
        {
            assert_eq!(bad[0].severity, Severity::Error, "{bad:?}");
        }
    }

    #[test]
    fn a_provider_is_asked_over_https_and_knows_the_way_back() {
        let of = |issuer: &str, public_url: &str| {
            let mut settings = Settings::default();
            settings.oidc.issuer = issuer.into();
            settings.api.public_url = public_url.into();
            oidc(&settings).len()
        };
        let house = "https://music.example.org";
        assert_eq!(of("", ""), 0);
        assert_eq!(of("https://auth.example.org", house), 0);
        assert_eq!(of("http://localhost:8081/realms/home", house), 0);
        assert_eq!(of("http://auth.example.org", house), 1);
        assert_eq!(of("https://auth.example.org", ""), 1);
        assert_eq!(of("auth.example.org", house), 1);
    }

    #[test]
    fn metrics_are_for_this_machine() {
        for good in ["/run/barbossa/metrics.sock", "127.0.0.1:9477", "[::1]:9477"] {
            assert_eq!(metrics_listen(good), None, "{good}");
        }
        for bad in ["0.0.0.0:9477", "192.0.2.1:9477", "127.0.0.1:0", "9477", "localhost:9477", "", "run/x"] {
            assert!(errors(metrics_listen(bad)), "{bad}");
        }
    }

    #[test]
    fn an_origin_has_neither_path_nor_slash() {
        for good in ["https://music.example.org", "http://localhost:3000"] {
            assert_eq!(origin(good), None, "{good}");
        }
        for bad in ["music.example.org", "https://music.example.org/", "https://a/b", "ftp://a"] {
            assert!(errors(origin(bad)), "{bad}");
        }
        assert_eq!(origin("*").unwrap().severity, Severity::Warning);
    }

    #[test]
    fn an_account_without_its_secret_is_a_warning_unless_the_secret_may_be_where_we_cannot_look() {
        let mut settings = Settings::default();
        settings.qobuz.email = "ada@example.org".into();
        let dir = tempfile::tempdir().unwrap();
        let sources = Sources { credential_stores: vec![dir.path().into()], ..Sources::default() };
        let warned = missing_secrets(&settings, &sources, &[]);
        assert!(warned[0].to_string().contains("barbossa.qobuz-password"), "{warned:?}");
        assert!(missing_secrets(&settings, &sources, &["barbossa.qobuz-password"]).is_empty());
        std::fs::write(dir.path().join("barbossa.qobuz-password"), "x").unwrap();
        assert!(missing_secrets(&settings, &sources, &[]).is_empty());
    }

    #[test]
    fn the_api_unit_does_not_start_without_its_signing_secret() {
        let sources = Sources::default().for_role("api");
        assert_eq!(missing_signing_secret(&sources, &[]).unwrap().severity, Severity::Warning);
        let unit = Sources { credentials_dir: Some("/run/credentials/x".into()), ..sources };
        assert!(errors(missing_signing_secret(&unit, &[])));
        assert_eq!(missing_signing_secret(&unit, &["jwt-secret"]), None);
        let other = Sources { role: Some("worker"), ..unit };
        assert_eq!(missing_signing_secret(&other, &[]), None);
    }

    #[test]
    fn a_password_is_never_shown() {
        for (url, shown) in [
            ("postgresql://u:p@h/d", "postgresql://u:…@h/d"),
            ("postgresql://u:p/w@h/d", "postgresql://u:…@h/d"),
            ("postgresql://u:p@w@h/d", "postgresql://u:…@h/d"),
            ("host=h user=u password=p dbname=d", "host=h user=u password=… dbname=d"),
            ("redis://:p@h:6379/0", "redis://:…@h:6379/0"),
            ("postgresql://u@h/d", "postgresql://u@h/d"),
        ] {
            assert_eq!(redacted(url), shown);
        }
    }
}
