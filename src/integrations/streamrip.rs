//! streamrip's `rip`: albums from Qobuz, in the quality of their masters. Its README and `rip --help` document the commands;
//! streamrip/config.toml, which `rip config reset` writes, documents its settings.
//!
//! Each run has a folder of its own with settings of its own, for its owner alone, and nothing of it stays: the password's
//! hash is in there. What it writes is shown to people without it.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::BoxFuture;
use secrecy::SecretString;

use super::Trouble;
use super::adapter::{Adapter, Fetched, Health, Progress, Tell, Wanted, eta_text, speed_text};
use super::qobuz::{self, hashed};
use crate::audio;
use crate::config::Settings;
use crate::parallel::blocking;
use crate::process::{Failed, Limits, Program};

/// In a sentence.
const NAME: &str = "streamrip";
const SHORT: Duration = Duration::from_secs(60);
const MOST_LINES: usize = 64 << 20;
const LIMITS: Limits = Limits { memory_bytes: 4 << 30, cpu_seconds: 4 * 3600, file_bytes: 8 << 30 };
/// How often what has arrived is counted.
const LOOK: Duration = Duration::from_secs(1);
/// What stands for a secret in what people see.
const HIDDEN: &str = "•••";

/// The program, as this house uses it.
pub struct Streamrip {
    program: PathBuf,
    email: String,
    password: Option<SecretString>,
    deadline: Duration,
}

impl Streamrip {
    /// As the settings have it.
    pub fn new(settings: &Settings) -> Self {
        Self {
            program: settings.qobuz.rip_path.clone(),
            email: settings.qobuz.email.clone(),
            password: settings.secrets.qobuz_password.clone(),
            deadline: Duration::from_secs(u64::from(settings.downloads.deadline_hours) * 3600),
        }
    }

    /// Which program Qobuz takes it for: it finds that out when it logs in.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn app_id(&self) -> Result<String, Trouble> {
        let run = self.prepare(None, 1).await?;
        let found = run.dir.path().join("found.json");
        let asked = self.asked(&run).args(["search", "--num-results", "1", "--output-file"]).arg(&found);
        let asked = asked.args(["qobuz", "album", "love"]).deadline(SHORT);
        asked.run_lines(|_| {}).await.map_err(|failed| self.trouble(&failed))?;
        let written = std::fs::read_to_string(&run.config).unwrap_or_default();
        let config: toml::Table = written.parse().unwrap_or_default();
        let app_id = config.get("qobuz").and_then(|q| q.get("app_id")).and_then(toml::Value::as_str);
        app_id
            .filter(|id| !id.is_empty())
            .map(str::to_owned)
            .ok_or_else(|| Trouble::Away(NAME, "it could not log in to Qobuz".into()))
    }

    async fn version(&self) -> Result<String, Failed> {
        let said = Program::new(&self.program).arg("--version").deadline(SHORT).run().await?;
        // `rip, version 2.1.0`
        let said = String::from_utf8_lossy(&said.stdout).trim().to_owned();
        Ok(said.rsplit(' ').next().unwrap_or_default().to_owned())
    }

    /// A folder with settings that say just what is wanted.
    async fn prepare(&self, into: Option<&Path>, quality: u32) -> Result<Run, Trouble> {
        let away = |e: std::io::Error| Trouble::Away(NAME, format!("its folder could not be made: {e}"));
        let Some(password) = self.password.as_ref().filter(|_| !self.email.is_empty()) else {
            return Err(Trouble::Refused(
                NAME,
                "there is no account: set qobuz.email and its password".into(),
            ));
        };
        // Made for its owner alone.
        let closed = Permissions::from_mode(0o700);
        let made = tempfile::Builder::new().prefix("barbossa-rip-").permissions(closed).tempdir();
        let dir = made.map_err(away)?;
        let run = Run { config: dir.path().join("config.toml"), dir };
        // Its own defaults, whatever its version.
        let reset = self.asked(&run).args(["config", "reset", "--yes"]).deadline(SHORT);
        reset.run_lines(|_| {}).await.map_err(|failed| self.trouble(&failed))?;
        let defaults = std::fs::read_to_string(&run.config).map_err(away)?;
        let mut config: toml::Table =
            defaults.parse().map_err(|e: toml::de::Error| Trouble::Rubbish(NAME, e.message().to_owned()))?;
        let folder = into.unwrap_or(run.dir.path());
        for (section, key, value) in [
            ("downloads", "folder", folder.display().to_string().into()),
            ("downloads", "source_subdirectories", false.into()),
            ("qobuz", "quality", toml::Value::Integer(quality.clamp(1, 4).into())),
            ("qobuz", "use_auth_token", false.into()),
            ("qobuz", "email_or_userid", self.email.clone().into()),
            ("qobuz", "password_or_token", hashed(password).into()),
            ("database", "downloads_enabled", false.into()),
            ("database", "failed_downloads_enabled", false.into()),
            ("conversion", "enabled", false.into()),
            ("artwork", "embed", true.into()),
            ("artwork", "save_artwork", true.into()),
            ("cli", "progress_bars", false.into()),
            ("misc", "check_for_updates", false.into()),
        ] {
            let section = config.entry(section).or_insert_with(|| toml::Table::new().into());
            if let Some(section) = section.as_table_mut() {
                section.insert(key.to_owned(), value);
            }
        }
        let text = toml::to_string(&config).map_err(|e| Trouble::Rubbish(NAME, e.to_string()))?;
        std::fs::write(&run.config, text).map_err(away)?;
        Ok(run)
    }

    fn asked(&self, run: &Run) -> Program {
        Program::new(&self.program)
            .arg("--config-path")
            .arg(&run.config)
            .arg("--no-progress")
            .env("HOME", run.dir.path())
            .env("XDG_CONFIG_HOME", run.dir.path())
            .env("COLUMNS", "400")
            .env("NO_COLOR", "1")
            .dir(run.dir.path())
            .limits(LIMITS)
            .most_bytes(MOST_LINES)
            .deadline(self.deadline)
    }

    /// Without what nobody is to see.
    fn redacted(&self, line: &str) -> String {
        let mut line = line.to_owned();
        let hash = self.password.as_ref().map(hashed).unwrap_or_default();
        for secret in [hash.as_str(), self.email.as_str()].into_iter().filter(|s| !s.is_empty()) {
            line = line.replace(secret, HIDDEN);
        }
        line
    }

    async fn bring(&self, wanted: Wanted<'_>, tell: Tell<'_>) -> Result<Fetched, Trouble> {
        let Some((kind, id)) = qobuz::named_by(wanted.url) else {
            return Err(Trouble::Refused(NAME, "this is no address at Qobuz".into()));
        };
        let version = self.version().await.map_err(|failed| self.trouble(&failed))?;
        let run = self.prepare(Some(wanted.into), wanted.quality).await?;
        let mut complaint = None;
        let asked = self.asked(&run).args(["url", "--"]).arg(format!("https://open.qobuz.com/{kind}/{id}"));
        let rip = asked.run_lines(|line| {
            let line = self.redacted(line);
            (wanted.hear)(&line);
            if let Some(progress) = told_progress(&line) {
                tell(progress);
            }
            if is_complaint(&line) {
                complaint = Some(line);
            }
        });
        let ended = watched(rip, wanted.into, tell).await;
        // It ends well although tracks failed, and badly although all came.
        let arrived = {
            let folder = wanted.into.to_owned();
            blocking(move || Arrived::of(&folder)).await.map_err(|e| Trouble::Away(NAME, e.to_string()))?
        };
        let is_whole = arrived.tracks > 0 && (kind != "album" || arrived.missing == 0);
        match ended {
            _ if is_whole => {}
            Err(failed) => return Err(self.trouble(&failed)),
            Ok(()) if arrived.tracks > 0 => {
                let (came, all) = (arrived.tracks, arrived.tracks + arrived.missing);
                return Err(Trouble::Away(NAME, format!("only {came} of {all} tracks came")));
            }
            Ok(()) => {
                let why = complaint.unwrap_or_else(|| "it brought nothing and gave no reason".into());
                return Err(self.judged(&why));
            }
        }
        let (title, artist) = (arrived.album, arrived.artist);
        Ok(Fetched { program: Some(NAME.into()), version: Some(version), title, artist })
    }

    fn judged(&self, said: &str) -> Trouble {
        let said: String = self.redacted(said.trim()).chars().take(400).collect();
        let is_for_good = [
            "Invalid Qobuz",
            "Invalid credentials",
            "MissingCredentials",
            "not eligible",
            "Invalid app",
            "not streamable",
            "NonStreamable",
        ];
        match is_for_good.iter().any(|known| said.contains(known)) {
            true => Trouble::Refused(NAME, said),
            false => Trouble::Away(NAME, said),
        }
    }

    fn trouble(&self, failed: &Failed) -> Trouble {
        match failed {
            Failed::NotFound { .. } => {
                Trouble::Refused(NAME, "it is not installed: barbossa setup streamrip".into())
            }
            Failed::Exit { stderr, .. } => {
                let last =
                    stderr.lines().rev().map(str::trim).find(|line| line.chars().any(char::is_alphanumeric));
                self.judged(last.unwrap_or("it gave no reason"))
            }
            Failed::TooMuch { .. } => Trouble::Refused(NAME, failed.to_string()),
            other => Trouble::Away(NAME, other.to_string()),
        }
    }
}

/// One run's folder; gone with it.
struct Run {
    dir: tempfile::TempDir,
    config: PathBuf,
}

/// Some versions draw their progress in one line: `Downloading: 45% | 2.5 MB/s | ETA: 00:01:30`.
fn told_progress(line: &str) -> Option<Progress> {
    let rest = line.split_once("Downloading:")?.1;
    let mut parts = rest.split('|').map(str::trim);
    let percent = parts.next()?.strip_suffix('%')?.trim().parse().ok()?;
    let speed = parts.next().map(str::to_owned);
    let eta = parts.next().and_then(|part| part.strip_prefix("ETA:")).map(|eta| eta.trim().to_owned());
    Some(Progress { percent, speed, eta })
}

fn is_complaint(line: &str) -> bool {
    ["ERROR", "Error", "Invalid", "not available", "not streamable"].iter().any(|word| line.contains(word))
}

/// Most versions tell nothing of their progress without a terminal: what lies in the folder does.
async fn watched(
    rip: impl Future<Output = Result<(), Failed>>,
    folder: &Path,
    tell: Tell<'_>,
) -> Result<(), Failed> {
    let mut rip = std::pin::pin!(rip);
    let mut ticks = tokio::time::interval(LOOK);
    let mut before: Option<u64> = None;
    loop {
        tokio::select! {
            ended = &mut rip => return ended,
            _ = ticks.tick() => {
                let looked = folder.to_owned();
                let Ok(now) = blocking(move || Arrived::of(&looked)).await else { continue };
                let speed = before.map(|before| now.bytes.saturating_sub(before) as f64 / LOOK.as_secs_f64());
                before = Some(now.bytes);
                let all = (now.tracks + now.missing).max(1);
                let left = speed.filter(|speed| *speed > 0.0 && now.tracks > 0).map(|speed| {
                    now.bytes as f64 / now.tracks as f64 * now.missing as f64 / speed
                });
                if now.tracks > 0 {
                    tell(Progress {
                        percent: now.tracks as f32 / all as f32 * 100.0,
                        speed: speed.map(speed_text),
                        eta: left.map(eta_text),
                    });
                }
            }
        }
    }
}

/// What lies in a folder.
#[derive(Debug, Default, PartialEq)]
struct Arrived {
    bytes: u64,
    tracks: usize,
    /// By what the tags say of their discs.
    missing: usize,
    album: Option<String>,
    artist: Option<String>,
}

impl Arrived {
    fn of(folder: &Path) -> Self {
        let mut arrived = Self::default();
        let mut discs = std::collections::BTreeMap::<u32, (usize, u32)>::new();
        let mut disc_total = 1;
        for entry in walkdir::WalkDir::new(folder).into_iter().filter_map(Result::ok) {
            let Some(meta) = entry.metadata().ok().filter(std::fs::Metadata::is_file) else { continue };
            arrived.bytes += meta.len();
            if !audio::is_audio_name(entry.path()) {
                continue;
            }
            // What is still being written cannot be read.
            let Ok(sound) = audio::read(entry.path()) else { continue };
            arrived.tracks += 1;
            let tags = sound.tags;
            let disc = discs.entry(tags.disc_number.unwrap_or(1)).or_default();
            disc.0 += 1;
            disc.1 =
                disc.1.max(tags.track_total.unwrap_or_default()).max(tags.track_number.unwrap_or_default());
            disc_total = disc_total.max(tags.disc_total.unwrap_or(1));
            arrived.album = arrived.album.or(tags.album);
            arrived.artist = arrived.artist.or(tags.album_artist).or(tags.artist);
        }
        let of_discs =
            discs.values().map(|(there, total)| (*total as usize).saturating_sub(*there)).sum::<usize>();
        let whole_discs = (disc_total as usize).saturating_sub(discs.len());
        arrived.missing = of_discs + if arrived.tracks > 0 { whole_discs } else { 0 };
        arrived
    }
}

impl Adapter for Streamrip {
    fn name(&self) -> &'static str {
        "qobuz"
    }

    fn title(&self) -> (&'static str, &'static str) {
        ("Qobuz", "albums in the quality of their masters, by streamrip")
    }

    fn health(&self) -> BoxFuture<'_, Health> {
        Box::pin(async move {
            if self.email.is_empty() || self.password.is_none() {
                return Health::Off(
                    "There is no account: set qobuz.email and the credential barbossa.qobuz-password.".into(),
                );
            }
            match self.version().await {
                Ok(version) => Health::Untried { version: Some(version).filter(|v| !v.is_empty()) },
                Err(Failed::NotFound { .. }) => {
                    Health::Off("streamrip is not installed: barbossa setup streamrip".into())
                }
                Err(failed) => Health::Down(self.redacted(&failed.to_string())),
            }
        })
    }

    fn fetch<'a>(&'a self, wanted: Wanted<'a>, tell: Tell<'a>) -> BoxFuture<'a, Result<Fetched, Trouble>> {
        Box::pin(self.bring(wanted, tell))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn progress_is_read_where_it_is_told() {
        let told = told_progress("Downloading: 45% | 2.5 MB/s | ETA: 00:01:30").unwrap();
        assert_eq!(
            told,
            Progress { percent: 45.0, speed: Some("2.5 MB/s".into()), eta: Some("00:01:30".into()) }
        );
        assert_eq!(told_progress("Downloading Blue by Weezer"), None);
    }

    #[test]
    fn nobody_sees_the_password_or_the_account() {
        let mut settings = Settings::default();
        settings.qobuz.email = "ada@example.org".into();
        settings.secrets.qobuz_password = Some("password".to_owned().into());
        let rip = Streamrip::new(&settings);
        let said = "AuthenticationError: Invalid credentials from params {'email': 'ada@example.org', 'password': '5f4dcc3b5aa765d61d8327deb882cf99'}";
        let trouble = rip.judged(said);
        assert!(matches!(&trouble, Trouble::Refused(..)), "{trouble}");
        let shown = trouble.to_string();
        assert!(
            !shown.contains("ada@") && !shown.contains("5f4d") && shown.contains("Invalid credentials"),
            "{shown}"
        );
    }
}
