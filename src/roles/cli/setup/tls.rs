//! `barbossa setup tls CERTIFICATE KEY`: the site's own certificate. Nothing stays changed unless nginx takes it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use super::{Places, Status, failure};
use crate::config::{Settings, load};
use crate::files;

const FILE: &str = "30-tls.toml";
const SNIPPET: &str = "/etc/nginx/snippets/barbossa-tls.conf";
/// What Debian's ssl-cert makes.
const SELF_SIGNED: (&str, &str) =
    ("/etc/ssl/certs/ssl-cert-snakeoil.pem", "/etc/ssl/private/ssl-cert-snakeoil.key");

/// Which certificate.
pub(super) enum Wanted {
    /// This one.
    Pair {
        /// With its chain.
        certificate: PathBuf,
        /// Its key.
        key: PathBuf,
    },
    /// This machine's own.
    SelfSigned,
    /// The one of the settings.
    AsSet,
}

/// Who is told of a new certificate.
pub(super) trait Server {
    /// Whether it would take what is written now; its reason.
    fn test(&self) -> Result<(), String>;
    /// Has it read that.
    fn reload(&self) -> anyhow::Result<()>;
}

/// This machine's nginx.
pub(super) struct Nginx;

impl Server for Nginx {
    fn test(&self) -> Result<(), String> {
        let said = Command::new("nginx").args(["-q", "-t"]).output().map_err(|e| format!("nginx: {e}"))?;
        if said.status.success() {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&said.stderr).trim().to_owned())
        }
    }

    fn reload(&self) -> anyhow::Result<()> {
        if !Path::new("/run/systemd/system").is_dir() {
            return Ok(());
        }
        let done = Command::new("systemctl").args(["try-reload-or-restart", "nginx.service"]).status()?;
        if !done.success() {
            bail!("nginx did not read it: systemctl status nginx");
        }
        Ok(())
    }
}

pub(super) fn run(wanted: Wanted, places: &Places, server: &impl Server) -> anyhow::Result<Vec<String>> {
    let drop_in = places.drop_in(FILE);
    let before =
        [drop_in.clone(), places.at(Path::new(SNIPPET))].map(|path| (std::fs::read(&path).ok(), path));
    let changed = change(wanted, places, &drop_in);
    let tested = changed.and_then(|pair| {
        server.test().map_err(|why| failure(Status::Failed, format!("nginx does not take it: {why}")))?;
        Ok(pair)
    });
    let (certificate, _) = match tested {
        Ok(pair) => pair,
        Err(error) => {
            for (bytes, path) in before {
                match bytes {
                    Some(bytes) => files::replace_durably(&path, &bytes)?,
                    None => files::remove_file_if_there(&path)?,
                }
            }
            return Err(error);
        }
    };
    server.reload()?;
    let until = said_by(&["x509", "-noout", "-enddate", "-in"], &certificate)?;
    let until = until.trim().trim_start_matches("notAfter=").to_owned();
    Ok(vec![format!("nginx     {}, until {until}", certificate.display())])
}

/// Writes settings and snippet; the pair.
fn change(wanted: Wanted, places: &Places, drop_in: &Path) -> anyhow::Result<(PathBuf, PathBuf)> {
    let given = match wanted {
        Wanted::Pair { certificate, key } => {
            // As it is called, not where a link leads: certbot's links lead elsewhere after each renewal.
            let (certificate, key) = (std::path::absolute(certificate)?, std::path::absolute(key)?);
            check(&certificate, &key)?;
            let text = |path: &Path| toml::Value::from(path.to_string_lossy().into_owned()).to_string();
            let lines = format!(
                "# By `barbossa setup tls`.\n[tls]\ncertificate = {}\nkey = {}\n",
                text(&certificate),
                text(&key)
            );
            files::make_dirs(&places.drop_ins)?;
            files::replace_durably(drop_in, lines.as_bytes())?;
            Some((certificate, key))
        }
        Wanted::SelfSigned => {
            files::remove_file_if_there(drop_in)?;
            Some((PathBuf::new(), PathBuf::new()))
        }
        Wanted::AsSet => None,
    };
    let loaded = load(&places.sources());
    if let Some(problem) = loaded.problems.0.iter().find(|problem| problem.key.starts_with("tls.")) {
        return Err(failure(Status::Usage, format!("{}: {}", problem.key, problem.message)));
    }
    let (origins, Settings { tls, .. }) = (loaded.origins, loaded.settings);
    let set = (tls.certificate, tls.key);
    if given.is_some_and(|given| given != set) {
        let winner = origins.get("tls.certificate").map_or("another place", |origin| origin.0.as_str());
        let message = format!("It has no effect: tls.certificate is set by {winner} too. Take it out there.");
        return Err(failure(Status::Failed, message));
    }
    let pair = match set {
        (certificate, _) if certificate.as_os_str().is_empty() => {
            (places.at(Path::new(SELF_SIGNED.0)), places.at(Path::new(SELF_SIGNED.1)))
        }
        set => set,
    };
    check(&pair.0, &pair.1)?;
    write_snippet(places, &pair.0, &pair.1)?;
    Ok(pair)
}

/// All else in the snippet is the admin's, and stays.
fn write_snippet(places: &Places, certificate: &Path, key: &Path) -> anyhow::Result<()> {
    let path = places.at(Path::new(SNIPPET));
    let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let rewritten = text.lines().map(|line| match line.split_whitespace().next() {
        Some("ssl_certificate") => format!("ssl_certificate \"{}\";", certificate.display()),
        Some("ssl_certificate_key") => format!("ssl_certificate_key \"{}\";", key.display()),
        _ => line.to_owned(),
    });
    let rewritten: Vec<String> = rewritten.collect();
    if !["ssl_certificate ", "ssl_certificate_key "]
        .iter()
        .all(|name| rewritten.iter().any(|l| l.starts_with(name)))
    {
        bail!("{} has no lines ssl_certificate and ssl_certificate_key to change", path.display());
    }
    let text = rewritten.join("\n") + "\n";
    files::replace_durably(&path, text.as_bytes()).with_context(|| path.display().to_string())
}

/// Whether the key is the certificate's own, and the certificate holds today.
fn check(certificate: &Path, key: &Path) -> anyhow::Result<()> {
    let of_certificate = said_by(&["x509", "-noout", "-pubkey", "-in"], certificate).map_err(|why| {
        failure(Status::Usage, format!("{} is no certificate: {why}", certificate.display()))
    })?;
    let of_key = said_by(&["pkey", "-pubout", "-passin", "pass:", "-in"], key).map_err(|why| {
        failure(Status::Usage, format!("{} is no key that can be read: {why}", key.display()))
    })?;
    if of_certificate.trim() != of_key.trim() {
        let message = format!("{} is not the key of {}.", key.display(), certificate.display());
        return Err(failure(Status::Usage, message));
    }
    said_by(&["x509", "-noout", "-checkend", "0", "-in"], certificate)
        .map_err(|_| failure(Status::Usage, format!("{} has expired.", certificate.display())))?;
    Ok(())
}

fn said_by(args: &[&str], path: &Path) -> anyhow::Result<String> {
    let said = Command::new("openssl").args(args).arg(path).output().context("openssl")?;
    if !said.status.success() {
        let why = String::from_utf8_lossy(&said.stderr).into_owned();
        bail!("{}", why.lines().next().unwrap_or("openssl gives no reason"));
    }
    Ok(String::from_utf8(said.stdout)?)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    struct Fake {
        takes_it: bool,
        reloads: Cell<usize>,
    }

    impl Server for Fake {
        fn test(&self) -> Result<(), String> {
            if self.takes_it { Ok(()) } else { Err("cannot load certificate".into()) }
        }

        fn reload(&self) -> anyhow::Result<()> {
            self.reloads.set(self.reloads.get() + 1);
            Ok(())
        }
    }

    fn server(takes_it: bool) -> Fake {
        Fake { takes_it, reloads: Cell::new(0) }
    }

    fn make(dir: &Path, name: &str, days: &str) -> (PathBuf, PathBuf) {
        let (certificate, key) = (dir.join(format!("{name}.pem")), dir.join(format!("{name}.key")));
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ed25519",
                "-nodes",
                "-subj",
                "/CN=barbossa.local",
                "-days",
                days,
            ])
            .arg("-keyout")
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        (certificate, key)
    }

    fn house() -> (tempfile::TempDir, Places) {
        let dir = tempfile::tempdir().unwrap();
        let places = Places { root: dir.path().into(), drop_ins: dir.path().join("etc/barbossa/conf.d") };
        let snippet = places.at(Path::new(SNIPPET));
        std::fs::create_dir_all(snippet.parent().unwrap()).unwrap();
        std::fs::write(
            &snippet,
            "# mine\nssl_certificate /a;\nssl_certificate_key /b;\nssl_protocols TLSv1.3;\n",
        )
        .unwrap();
        (dir, places)
    }

    fn snippet(places: &Places) -> String {
        std::fs::read_to_string(places.at(Path::new(SNIPPET))).unwrap()
    }

    fn pair((certificate, key): &(PathBuf, PathBuf)) -> Wanted {
        Wanted::Pair { certificate: certificate.clone(), key: key.clone() }
    }

    #[test]
    fn a_pair_becomes_settings_and_snippet_and_nginx_reads_it_once() {
        let (dir, places) = house();
        let mine = make(dir.path(), "mine", "30");
        let nginx = server(true);
        run(pair(&mine), &places, &nginx).unwrap();
        let text = snippet(&places);
        assert!(text.contains(&format!("ssl_certificate \"{}\";\n", mine.0.display())), "{text}");
        assert!(text.starts_with("# mine\n") && text.ends_with("ssl_protocols TLSv1.3;\n"), "{text}");
        assert_eq!(load(&places.sources()).settings.tls.key, mine.1);
        assert_eq!(nginx.reloads.get(), 1);
        // Renewed under the same names, as certbot does it: the settings stand, and nginx reads it again.
        make(dir.path(), "mine", "60");
        run(Wanted::AsSet, &places, &nginx).unwrap();
        assert_eq!(nginx.reloads.get(), 2);
    }

    #[test]
    fn what_nginx_does_not_take_leaves_everything_as_it_was() {
        let (dir, places) = house();
        let before = snippet(&places);
        let nginx = server(false);
        let refused = run(pair(&make(dir.path(), "mine", "30")), &places, &nginx).unwrap_err().to_string();
        assert!(refused.contains("cannot load certificate"), "{refused}");
        assert_eq!((snippet(&places), nginx.reloads.get()), (before, 0));
        assert!(!places.drop_in(FILE).exists());
    }

    #[test]
    fn a_key_of_another_certificate_or_none_at_all_is_refused() {
        let (dir, places) = house();
        let (mine, other) = (make(dir.path(), "mine", "30"), make(dir.path(), "other", "30"));
        let before = snippet(&places);
        for (certificate, key, why) in [
            (&mine.0, &other.1, "is not the key of"),
            (&mine.1, &mine.1, "is no certificate"),
            (&mine.0, &mine.0, "is no key"),
        ] {
            let wanted = Wanted::Pair { certificate: certificate.clone(), key: key.clone() };
            let refused = run(wanted, &places, &server(true)).unwrap_err().to_string();
            assert!(refused.contains(why), "{refused}");
            assert_eq!(snippet(&places), before);
        }
    }
}
