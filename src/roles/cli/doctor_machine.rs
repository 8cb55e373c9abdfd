//! Of `barbossa doctor`: folders, disks, nginx, sockets and the machine's own limits. Each says what to type.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;

use super::doctor::{Found, age, bad, doubtful};
use super::host::Certificate;
use super::terminal::{bytes, span};
use crate::files;

/// Below this an import of an album in 24/192 may not fit.
const LITTLE_SPACE: u64 = 5 << 30;
/// Two weeks to renew a certificate.
const SOON: Duration = Duration::from_secs(14 * 86_400);
/// inotify: each folder in the inbox is one.
const FEW_WATCHES: u64 = 8192;
/// inotify: the watcher is one, and so is much else of the machine.
const FEW_INSTANCES: u64 = 16;
const PORT: u16 = 8080;
const SOCKETS: [&str; 2] = ["barbossa-api.socket", "barbossa-metrics.socket"];
/// Whoever made it: certbot, this machine itself, or the admin.
const RENEW: &str = "certbot renew; make-ssl-cert generate-default-snakeoil --force-overwrite for this machine's own; \
    or barbossa setup tls CERTIFICATE KEY";

/// What the worker does all day with a folder: a file on the disk for good, another name for it.
pub(super) fn try_folder(folder: &Path) -> io::Result<()> {
    let trial = tempfile::Builder::new().prefix(".doctor-").tempdir_in(folder)?;
    let (first, second) = (trial.path().join("first"), trial.path().join("second"));
    files::create_durably(&first, b"")?;
    files::rename_noreplace(&first, &second)
}

/// Folders that may be away: those that are there have to be writable.
pub(super) fn exports<'a>(roots: impl Iterator<Item = &'a Path>) -> Found {
    let (there, away): (Vec<&Path>, Vec<&Path>) = roots.partition(|folder| folder.is_dir());
    for folder in &there {
        if let Err(error) = try_folder(folder) {
            return bad(format!("exports.roots: {0}: {error}: chown barbossa '{0}'", folder.display()));
        }
    }
    let away: Vec<String> = away.iter().map(|folder| folder.display().to_string()).collect();
    match (there.len(), away.len()) {
        (0, 0) => Ok("none is set".to_owned()),
        (count, 0) => Ok(format!("{count} writable")),
        _ => Ok(format!("not there now: {}", away.join(", "))),
    }
}

pub(super) fn backup_folder(folder: &Path) -> Found {
    match try_folder(folder).and_then(|()| files::free_bytes(folder)) {
        Ok(free) => Ok(format!("{}: writable, {} left", folder.display(), bytes(free))),
        Err(error) => {
            bad(format!("{0}: {error}: install -d -o barbossa -g barbossa -m 700 '{0}'", folder.display()))
        }
    }
}

pub(super) fn space(free_bytes: io::Result<u64>) -> Found {
    match free_bytes {
        Ok(free) if free < LITTLE_SPACE => doubtful(format!(
            "only {} left for music: barbossa trash empty, or barbossa setup music-path DIR on a larger disk",
            bytes(free)
        )),
        Ok(free) => Ok(format!("{} left for music", bytes(free))),
        Err(error) => doubtful(format!("how much is left for music cannot be told: {error}")),
    }
}

/// nginx sends audio and covers itself, so it has to know the same folder. `snippet` is what tells it.
pub(super) fn nginx(
    runs: Option<bool>,
    snippet: Option<&str>,
    music: &Path,
    may_read: Option<bool>,
) -> Found {
    let shown = music.display();
    if runs == Some(false) {
        return bad("does not run: systemctl start nginx; nginx -t says what is wrong with its settings");
    }
    let Some(snippet) = snippet else {
        return doubtful("its snippet barbossa-music.conf cannot be read: apt install --reinstall barbossa");
    };
    let alias = snippet.lines().find_map(|l| l.trim().strip_prefix("alias")?.trim().strip_suffix(';'));
    match alias.map(|a| a.trim_matches('"').trim_end_matches('/')) {
        Some(alias) if Path::new(alias) == music && may_read == Some(false) => bad(format!(
            "www-data may not enter {shown}, so covers and audio are not served: \
             setfacl -m u:www-data:x on each closed folder above it (apt install acl)"
        )),
        Some(alias) if Path::new(alias) == music => Ok("serves the same music folder".to_owned()),
        Some(alias) => bad(format!("serves {alias} instead: barbossa setup music-path '{shown}'")),
        None => bad(format!("its snippet names no folder: barbossa setup music-path '{shown}'")),
    }
}

/// As `curl http://localhost:8080/ready` was answered.
pub(super) fn api(answer: io::Result<String>) -> Found {
    match answer {
        Ok(answer) if answer.starts_with("HTTP/1.1 200") => Ok("ready".to_owned()),
        Ok(answer) => {
            let line = answer.lines().next().unwrap_or_default();
            bad(format!("{line}: curl http://localhost:{PORT}/health"))
        }
        Err(error) => bad(format!(
            "no answer on port {PORT} ({error}): systemctl status barbossa-api.socket barbossa-api"
        )),
    }
}

pub(super) fn ask_api() -> io::Result<String> {
    let patience = Duration::from_secs(5);
    let mut stream = TcpStream::connect_timeout(&SocketAddr::from(([127, 0, 0, 1], PORT)), patience)?;
    stream.set_read_timeout(Some(patience))?;
    stream.write_all(b"GET /ready HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(4096).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// An upgrade changes a socket's unit and leaves its listeners, so that nobody waits in vain. A socket does not start while its
/// service runs: both stop first.
pub(super) fn sockets(listening: &Path, units: &Path) -> Found {
    let differs = |name: &&str| match std::fs::read(listening.join(name)) {
        Ok(then) => std::fs::read(units.join(name)).is_ok_and(|now| now != then),
        Err(_) => false,
    };
    match SOCKETS.iter().find(|name| differs(name)) {
        None => Ok("listen as their units say".to_owned()),
        Some(name) => doubtful(format!(
            "a changed socket unit waits for a restart: \
             systemctl stop {name} barbossa-api.service && systemctl start {name} barbossa-api.service"
        )),
    }
}

pub(super) fn certificate(found: Option<Certificate>, now: Timestamp) -> Found {
    let Some(found) = found else {
        return doubtful(
            "cannot be read: run this as root, or see ssl_certificate in /etc/nginx/snippets/barbossa-tls.conf",
        );
    };
    let (path, left) = (found.path.display(), age(now, found.expires_at));
    if left.is_zero() {
        return bad(format!("{path} has expired: {RENEW}"));
    }
    if left < SOON {
        return doubtful(format!("{path} expires in {}: {RENEW}", span(left)));
    }
    Ok(format!("{path}, for another {}", span(left)))
}

/// Logins, tickets and the pace of questions to others go by the clock.
pub(super) fn clock(is_synchronized: Option<bool>) -> Found {
    match is_synchronized {
        Some(true) => Ok("set by the network".to_owned()),
        Some(false) => doubtful("not set by the network: timedatectl set-ntp true"),
        None => Ok("nobody here knows whether it is set by the network".to_owned()),
    }
}

pub(super) fn inotify(limits: &Path) -> Found {
    for (name, few, enough) in
        [("max_user_watches", FEW_WATCHES, 65_536), ("max_user_instances", FEW_INSTANCES, 128)]
    {
        let read = std::fs::read_to_string(limits.join(name)).ok();
        let Some(most) = read.and_then(|text| text.trim().parse::<u64>().ok()) else {
            return doubtful(format!("{name} cannot be read; the inbox is swept"));
        };
        if most < few {
            return doubtful(format!(
                "{name} is only {most}; larger inboxes are swept: \
                 echo fs.inotify.{name}={enough} >/etc/sysctl.d/barbossa-inotify.conf && sysctl --system"
            ));
        }
    }
    Ok("enough folders can be watched".to_owned())
}

pub(super) fn units(failed: &[String]) -> Found {
    match failed.first() {
        None => Ok("none has failed".to_owned()),
        Some(first) => bad(format!(
            "failed: {}: journalctl -u {first} says why; then systemctl restart {first}",
            failed.join(", ")
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::roles::cli::doctor::Verdict;

    /// Whether it is good, and what is said of it.
    fn said(found: Found) -> (Option<Verdict>, String) {
        match found {
            Ok(detail) => (None, detail),
            Err((verdict, detail)) => (Some(verdict), detail),
        }
    }

    #[track_caller]
    fn holds(found: Found, verdict: Option<Verdict>, mend: &str) {
        let (seen, detail) = said(found);
        assert_eq!(seen, verdict, "{detail}");
        assert!(detail.contains(mend), "{detail:?} has no {mend:?}");
    }

    #[test]
    fn nginx_has_to_run_and_to_name_the_folder_of_the_settings() {
        let music = Path::new("/srv/my music");
        let same = Some("# comment\nalias \"/srv/my music/\";\n");
        for (runs, snippet, may_read, verdict, mend) in [
            (Some(true), same, Some(true), None, "serves the same"),
            (None, same, None, None, "serves the same"),
            (Some(false), same, Some(true), Some(Verdict::Bad), "systemctl start nginx"),
            (Some(true), same, Some(false), Some(Verdict::Bad), "setfacl -m u:www-data:x"),
            (Some(true), None, None, Some(Verdict::Doubtful), "apt install --reinstall barbossa"),
            (Some(true), Some("root /;"), None, Some(Verdict::Bad), "setup music-path '/srv/my music'"),
            (Some(true), Some("alias /srv/old/;"), None, Some(Verdict::Bad), "serves /srv/old instead: "),
        ] {
            holds(nginx(runs, snippet, music, may_read), verdict, mend);
        }
    }

    #[test]
    fn each_finding_of_the_machine_has_its_sentence_and_its_mend() {
        let gone = || io::Error::from(io::ErrorKind::ConnectionRefused);
        let at = |days: i64| Certificate {
            path: "/etc/ssl/ours.pem".into(),
            expires_at: Timestamp::from_second(days * 86_400).unwrap(),
        };
        let now = Timestamp::from_second(100 * 86_400).unwrap();
        let (doubt, fail) = (Some(Verdict::Doubtful), Some(Verdict::Bad));
        holds(space(Ok(LITTLE_SPACE)), None, "left for music");
        holds(space(Ok(LITTLE_SPACE - 1)), doubt, "barbossa trash empty");
        holds(space(Err(gone())), doubt, "cannot be told");
        holds(api(Ok("HTTP/1.1 200 OK\r\n".into())), None, "ready");
        holds(api(Ok("HTTP/1.1 503 no\r\n".into())), fail, "503 no: curl http://localhost:8080/health");
        holds(api(Err(gone())), fail, "systemctl status barbossa-api.socket barbossa-api");
        holds(certificate(Some(at(130)), now), None, "for another");
        holds(certificate(Some(at(110)), now), doubt, "certbot renew");
        holds(certificate(Some(at(99)), now), fail, "has expired: certbot renew");
        holds(certificate(None, now), doubt, "barbossa-tls.conf");
        holds(clock(Some(true)), None, "");
        holds(clock(Some(false)), doubt, "timedatectl set-ntp true");
        holds(clock(None), None, "nobody");
        holds(units(&[]), None, "");
        holds(
            units(&["barbossa-x.service".into()]),
            fail,
            "journalctl -u barbossa-x.service says why; then systemctl restart barbossa-x.service",
        );
    }

    #[test]
    fn low_limits_of_inotify_are_raised_for_good() {
        let limits = tempfile::tempdir().unwrap();
        holds(inotify(limits.path()), Some(Verdict::Doubtful), "cannot be read");
        for (watches, instances, verdict, mend) in [
            ("8192\n", "128\n", None, "enough"),
            ("8191\n", "128\n", Some(Verdict::Doubtful), "echo fs.inotify.max_user_watches=65536 >"),
            ("65536\n", "8\n", Some(Verdict::Doubtful), "echo fs.inotify.max_user_instances=128 >"),
        ] {
            std::fs::write(limits.path().join("max_user_watches"), watches).unwrap();
            std::fs::write(limits.path().join("max_user_instances"), instances).unwrap();
            holds(inotify(limits.path()), verdict, mend);
        }
    }

    #[test]
    fn folders_are_tried_and_left_as_they_were() {
        let dir = tempfile::tempdir().unwrap();
        let (there, away) = (dir.path().join("there"), dir.path().join("away"));
        std::fs::create_dir(&there).unwrap();
        holds(backup_folder(&there), None, "writable");
        holds(backup_folder(&away), Some(Verdict::Bad), "install -d -o barbossa -g barbossa -m 700 '");
        holds(exports(std::iter::empty()), None, "none is set");
        holds(exports([there.as_path()].into_iter()), None, "1 writable");
        holds(exports([there.as_path(), &away].into_iter()), None, "not there now: ");
        // Nobody may write here, not even root.
        holds(exports([Path::new("/proc")].into_iter()), Some(Verdict::Bad), "chown barbossa '/proc'");
        assert_eq!(std::fs::read_dir(&there).unwrap().count(), 0, "something was left behind");
    }

    #[test]
    fn a_socket_that_listens_by_an_older_unit_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let (listening, units) = (dir.path().join("run"), dir.path().join("units"));
        std::fs::create_dir(&listening).unwrap();
        std::fs::create_dir(&units).unwrap();
        // Nobody has written down what it was: another way to start it.
        holds(sockets(&listening, &units), None, "");
        for folder in [&listening, &units] {
            std::fs::write(folder.join(SOCKETS[1]), "ListenStream=1").unwrap();
        }
        holds(sockets(&listening, &units), None, "listen as");
        std::fs::write(units.join(SOCKETS[1]), "ListenStream=2").unwrap();
        let mend = "systemctl stop barbossa-metrics.socket barbossa-api.service && \
            systemctl start barbossa-metrics.socket barbossa-api.service";
        holds(sockets(&listening, &units), Some(Verdict::Doubtful), mend);
    }
}
