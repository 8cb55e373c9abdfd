//! What the machine around us tells: units that failed, nginx's certificate, the clock.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::process::Program;

const TLS_SNIPPET: &str = "/etc/nginx/snippets/barbossa-tls.conf";
const PATIENCE: Duration = Duration::from_secs(5);

/// The certificate that browsers see.
#[derive(Debug, Clone, Serialize)]
pub struct Certificate {
    /// The file.
    pub path: PathBuf,
    /// When it ends.
    pub expires_at: Timestamp,
}

/// Our units that failed; empty also where there is no systemd.
pub async fn failed_units() -> Vec<String> {
    if !Path::new("/run/systemd/system").exists() {
        return Vec::new();
    }
    let list = Program::new("systemctl")
        .args(["list-units", "--all", "--plain", "--no-legend", "--no-pager", "--state=failed", "barbossa*"])
        .deadline(PATIENCE)
        .run()
        .await;
    let Ok(list) = list else { return Vec::new() };
    let lines = String::from_utf8_lossy(&list.stdout).into_owned();
    lines.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

/// Whether a unit runs; none where there is no systemd to ask.
pub async fn is_active(unit: &str) -> Option<bool> {
    if !Path::new("/run/systemd/system").exists() {
        return None;
    }
    let said = Program::new("systemctl").args(["show", "--value", "--property=ActiveState", unit]);
    let said = said.deadline(PATIENCE).run().await.ok()?;
    let state = String::from_utf8_lossy(&said.stdout).trim().to_owned();
    Some(["active", "reloading", "activating"].contains(&state.as_str()))
}

/// A certificate as it lies there.
pub struct Pem {
    path: PathBuf,
    text: Vec<u8>,
}

/// The certificate that our site names, if it can be read. Before root's rights are given away: certbot keeps what it
/// fetched where only root may look.
pub fn read_certificate() -> Option<Pem> {
    read_certificate_of(Path::new(TLS_SNIPPET))
}

fn read_certificate_of(snippet: &Path) -> Option<Pem> {
    let text = std::fs::read_to_string(snippet).ok()?;
    let named =
        text.lines().find_map(|l| l.trim().strip_prefix("ssl_certificate ")?.trim().strip_suffix(';'))?;
    let path = PathBuf::from(named.trim().trim_matches('"'));
    Some(Pem { text: std::fs::read(&path).ok()?, path })
}

impl Pem {
    /// When it ends, as openssl says.
    pub async fn certificate(self) -> Option<Certificate> {
        let mut copy = tempfile::NamedTempFile::new().ok()?;
        copy.write_all(&self.text).ok()?;
        let said = Program::new("openssl")
            .args(["x509", "-noout", "-enddate", "-dateopt", "iso_8601", "-in"])
            .arg(copy.path())
            .deadline(PATIENCE)
            .run()
            .await
            .ok()?;
        let said = String::from_utf8_lossy(&said.stdout).into_owned();
        // `notAfter=2036-11-19 19:12:43Z`
        let expires_at = said.trim().strip_prefix("notAfter=")?.parse().ok()?;
        Some(Certificate { path: self.path, expires_at })
    }
}

/// Whether the clock is set by the network; none where nobody knows.
pub async fn is_clock_synchronized() -> Option<bool> {
    let said = Program::new("timedatectl")
        .args(["show", "--property=NTPSynchronized", "--value"])
        .deadline(PATIENCE)
        .run()
        .await
        .ok()?;
    match String::from_utf8_lossy(&said.stdout).trim() {
        "yes" => Some(true),
        "no" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_end_of_the_certificate_that_nginx_names_is_known() {
        let dir = tempfile::tempdir().unwrap();
        let (key, certificate) = (dir.path().join("key.pem"), dir.path().join("my certificate.pem"));
        let made = std::process::Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ed25519",
                "-nodes",
                "-subj",
                "/CN=barbossa.local",
                "-days",
                "10",
                "-keyout",
            ])
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .output()
            .unwrap();
        assert!(made.status.success(), "{made:?}");
        let snippet = dir.path().join("tls.conf");
        std::fs::write(
            &snippet,
            format!("# mine\nssl_certificate \"{}\";\nssl_certificate_key x;\n", certificate.display()),
        )
        .unwrap();
        let found = read_certificate_of(&snippet).unwrap().certificate().await.unwrap();
        let days = found.expires_at.duration_since(Timestamp::now()).as_hours() / 24;
        assert!(found.path == certificate && (9..=10).contains(&days), "{found:?}");
        std::fs::write(&certificate, "nothing").unwrap();
        assert!(read_certificate_of(&snippet).unwrap().certificate().await.is_none());
        std::fs::remove_file(&certificate).unwrap();
        assert!(read_certificate_of(&snippet).is_none());
    }
}
