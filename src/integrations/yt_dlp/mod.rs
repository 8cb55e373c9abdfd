//! yt-dlp: sound from the pages that it knows. Its README and `yt-dlp --help` document the options and the output template;
//! yt_dlp/extractor/common.py documents the fields of its information in JSON, yt_dlp/downloader/common.py those of its
//! progress.
//!
//! It reads what strangers wrote, so it runs with limits, without plugins or settings of its own, and reaches the internet
//! through the [`Guard`] alone. What it has downloaded keeps its codec; names and tags are ours to give (`pieces`).

mod pieces;

pub use pieces::source;

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::Trouble;
use super::adapter::{Adapter, Fetched, Health, Progress, Tell, Wanted, eta_text, speed_text};
use super::guard::{Guard, checked};
use crate::config::Settings;
use crate::parallel::blocking;
use crate::process::{Failed, Limits, Program};

/// In a sentence.
const NAME: &str = "yt-dlp";
/// Python takes its time on a cold disk.
const VERSION: Duration = Duration::from_secs(20);
/// A page that has not answered by then never will.
const LOOK: Duration = Duration::from_secs(120);
/// The information about a playlist of thousands has some tens of megabytes.
const MOST_INFORMATION: usize = 64 << 20;
/// A line of progress has a kilobyte, and there is one a second.
const MOST_LINES: usize = 64 << 20;
const LIMITS: Limits = Limits { memory_bytes: 4 << 30, cpu_seconds: 2 * 3600, file_bytes: 16 << 30 };
/// What a line of progress begins with; nothing else that it writes does.
const MARK: &str = "barbossa:";
/// The first version that takes `--js-runtimes`; those before find QuickJS by themselves, or need none.
const KNOWS_RUNTIMES: &str = "2025.11.12";

/// The program, as this house uses it.
pub struct YtDlp {
    program: PathBuf,
    allows_private: bool,
    deadline: Duration,
}

/// What a page has to offer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct About {
    /// Its title.
    pub title: String,
    /// Whose it is; empty when the page does not tell.
    pub artist: String,
    /// The album, or the playlist that it is.
    pub album: Option<String>,
    /// Seconds; of a playlist none.
    pub duration: Option<f64>,
    /// Whether something of the sound was lost there.
    pub is_lossy: bool,
    /// A picture's address.
    pub thumbnail: Option<String>,
    /// `youtube`, `soundcloud`, `bandcamp`, `url`.
    pub source: String,
    /// How many tracks.
    pub tracks: usize,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq)]
pub struct Hit {
    /// Its page.
    pub url: String,
    /// The page's title.
    pub title: String,
    /// Who put it there.
    pub channel: String,
    /// Seconds.
    pub duration: Option<f64>,
}

impl YtDlp {
    /// As the settings have it.
    pub fn new(settings: &Settings) -> Self {
        let of = &settings.downloads;
        let deadline = Duration::from_secs(u64::from(of.deadline_hours) * 3600);
        Self { program: of.yt_dlp_path.clone(), allows_private: of.allow_private, deadline }
    }

    /// What a page has to offer; nothing is fetched.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn about(&self, url: &str) -> Result<About, Trouble> {
        let guard = self.guard().await?;
        let version = self.version().await?;
        self.look(&guard, &version, url).await
    }

    /// What YouTube finds by these words, the best first; nothing is fetched.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn search(&self, words: &str, limit: u32) -> Result<Vec<Hit>, Trouble> {
        let guard = self.guard().await?;
        let version = self.version().await?;
        // Its own prefix stands before the words, so that they are neither an option nor an address.
        let asked = format!("ytsearch{limit}:{words}");
        let asked =
            self.asked(&guard, &version).args(["--dump-single-json", "--flat-playlist", "--", &asked]);
        let said = asked.deadline(LOOK).most_bytes(MOST_INFORMATION).run().await;
        let said = said.map_err(|failed| trouble(&failed, guard.refused()))?;
        let info: Value =
            serde_json::from_slice(&said.stdout).map_err(|e| Trouble::Rubbish(NAME, e.to_string()))?;
        Ok(pieces::hits(&info))
    }

    async fn guard(&self) -> Result<Guard, Trouble> {
        let opened = Guard::open(self.allows_private).await;
        opened.map_err(|e| Trouble::Away(NAME, format!("its way out could not be opened: {e}")))
    }

    async fn version(&self) -> Result<String, Trouble> {
        let asked =
            Program::new(&self.program).arg("--ignore-config").arg("--version").env("YTDLP_NO_PLUGINS", "1");
        let said = asked.deadline(VERSION).run().await.map_err(|failed| trouble(&failed, None))?;
        Ok(String::from_utf8_lossy(&said.stdout).trim().to_owned())
    }

    async fn look(&self, guard: &Guard, version: &str, url: &str) -> Result<About, Trouble> {
        let url = checked(url, self.allows_private)
            .map_err(|why| Trouble::Refused(NAME, format!("the address {why}")))?;
        let asked =
            self.asked(guard, version).args(["--dump-single-json", "--flat-playlist", "--", url.as_str()]);
        let said = asked.deadline(LOOK).most_bytes(MOST_INFORMATION).run().await;
        let said = said.map_err(|failed| trouble(&failed, guard.refused()))?;
        let info: Value =
            serde_json::from_slice(&said.stdout).map_err(|e| Trouble::Rubbish(NAME, e.to_string()))?;
        Ok(pieces::about(&info))
    }

    /// The program with what holds for every question.
    fn asked(&self, guard: &Guard, version: &str) -> Program {
        let mut asked = Program::new(&self.program)
            .args(["--ignore-config", "--no-cache-dir", "--color", "never", "--socket-timeout", "30"])
            .args(["--retries", "5", "--fragment-retries", "10", "--proxy"])
            .arg(guard.url())
            // ffmpeg fetches some streams itself.
            .env("http_proxy", guard.url())
            .env("https_proxy", guard.url())
            .env("YTDLP_NO_PLUGINS", "1")
            .limits(LIMITS);
        if version >= KNOWS_RUNTIMES {
            asked = asked.args(["--js-runtimes", "quickjs"]);
        }
        asked
    }

    async fn bring(&self, wanted: Wanted<'_>, tell: Tell<'_>) -> Result<Fetched, Trouble> {
        let guard = self.guard().await?;
        let version = self.version().await?;
        let about = self.look(&guard, &version, wanted.url).await?;
        if about.is_lossy && !wanted.allows_lossy {
            let why = "what it has is lossy, and that was not confirmed: ask again with confirm_lossy=true";
            return Err(Trouble::Refused(NAME, why.into()));
        }
        self.download(&guard, &version, &wanted, tell).await?;
        let (into, known) = (wanted.into.to_owned(), about.clone());
        let arranged = blocking(move || pieces::arrange(&into, &known)).await;
        let count = arranged
            .map_err(|e| Trouble::Away(NAME, e.to_string()))?
            .map_err(|e| Trouble::Rubbish(NAME, format!("what it left could not be tagged: {e}")))?;
        if count == 0 {
            return Err(Trouble::Refused(NAME, "there was no sound at this address".into()));
        }
        Ok(Fetched {
            program: Some(NAME.into()),
            version: Some(version),
            title: Some(about.album.unwrap_or(about.title)),
            artist: Some(about.artist).filter(|artist| !artist.is_empty()),
        })
    }

    async fn download(
        &self,
        guard: &Guard,
        version: &str,
        wanted: &Wanted<'_>,
        tell: Tell<'_>,
    ) -> Result<(), Trouble> {
        let url = checked(wanted.url, self.allows_private)
            .map_err(|why| Trouble::Refused(NAME, format!("the address {why}")))?;
        let progress = format!(
            "download:{MARK}{{\"progress\":%(progress)j,\"index\":%(info.playlist_index)j,\"count\":%(info.n_entries)j}}"
        );
        let mut errors: Vec<String> = Vec::new();
        let asked = self
            .asked(guard, version)
            .args([
                "--newline",
                "--progress",
                "--progress-delta",
                "1",
                "--format",
                "bestaudio/best",
                "--extract-audio",
                "--audio-format",
                "best",
            ])
            .args([
                "--write-info-json",
                "--write-thumbnail",
                "--split-chapters",
                "--continue",
                "--no-overwrites",
            ])
            .args([
                "--restrict-filenames",
                "--download-archive",
                pieces::ARCHIVE,
                "--progress-template",
                &progress,
            ])
            .args(pieces::NAMES.iter().flat_map(|name| ["--output", name]))
            .args(["--", url.as_str()])
            .dir(wanted.into)
            .deadline(self.deadline)
            .most_bytes(MOST_LINES);
        let ended = asked
            .run_lines(|line| {
                if let Some(told) = line.strip_prefix(MARK) {
                    told_progress(told).into_iter().for_each(tell);
                    return;
                }
                (wanted.hear)(line);
                if line.starts_with("ERROR:") {
                    errors.push(line.to_owned());
                }
            })
            .await;
        match ended {
            Ok(()) => Ok(()),
            // Of a playlist, what is gone for good is left out, and the rest is welcome.
            Err(Failed::Exit { .. })
                if !errors.is_empty() && errors.iter().all(|e| is_for_good(e)) && has_some(wanted.into) =>
            {
                Ok(())
            }
            Err(failed) => Err(trouble(&failed, guard.refused())),
        }
    }
}

fn has_some(folder: &Path) -> bool {
    folder.join(pieces::ARCHIVE).exists()
}

/// A line of `--progress-template`: of a playlist, how far all of it is.
fn told_progress(told: &str) -> Option<Progress> {
    let told: Value = serde_json::from_str(told).ok()?;
    let of = &told["progress"];
    let total = of["total_bytes"].as_f64().or_else(|| of["total_bytes_estimate"].as_f64());
    let done = of["downloaded_bytes"].as_f64()?;
    let share = match total {
        Some(total) if total > 0.0 => (done / total).clamp(0.0, 1.0),
        _ => of["fragment_index"].as_f64()? / of["fragment_count"].as_f64().filter(|n| *n > 0.0)?,
    };
    let (index, count) =
        (told["index"].as_f64().unwrap_or(1.0), told["count"].as_f64().unwrap_or(1.0).max(1.0));
    let percent = ((index - 1.0).max(0.0) + share) / count * 100.0;
    Some(Progress {
        percent: percent.clamp(0.0, 100.0) as f32,
        speed: of["speed"].as_f64().map(speed_text),
        eta: of["eta"].as_f64().filter(|_| count <= 1.0).map(eta_text),
    })
}

/// Sentences of yt-dlp and its extractors about what another attempt cannot change.
fn is_for_good(error: &str) -> bool {
    [
        "Unsupported URL",
        "is not a valid URL",
        "HTTP Error 404",
        "HTTP Error 410",
        "Video unavailable",
        "This video is",
        "Private video",
        "Sign in",
        "members-only",
        "has been removed",
        "account associated",
        "DRM protected",
        "not available in your country",
        "no longer available",
        "Requested format is not available",
        "There's no video",
    ]
    .iter()
    .any(|known| error.contains(known))
}

/// What a site says that was asked too often.
fn is_busy(error: &str) -> Option<Trouble> {
    // "… has been rate-limited by YouTube for up to an hour"
    let hour = error.contains("rate-limited by YouTube").then(|| Duration::from_secs(3600));
    let is_busy = ["HTTP Error 429", "Too Many Requests"].iter().any(|known| error.contains(known));
    (hour.is_some() || is_busy).then_some(Trouble::Busy { service: NAME, retry_after: hour })
}

/// What became of it, for people.
fn trouble(failed: &Failed, refused: Option<String>) -> Trouble {
    if let Some(host) = refused {
        return Trouble::Refused(
            NAME,
            format!("{host} lies in this house's own network, which downloads may not reach"),
        );
    }
    match failed {
        Failed::NotFound { .. } => Trouble::Refused(NAME, "it is not installed: apt install yt-dlp".into()),
        Failed::Exit { stderr, .. } => {
            let lines = || stderr.lines().rev().map(str::trim).filter(|line| !line.is_empty());
            let said = lines().find_map(|line| line.strip_prefix("ERROR:")).or_else(|| lines().next());
            let said: String = said.unwrap_or("it gave no reason").trim().chars().take(400).collect();
            match is_busy(&said) {
                Some(busy) => busy,
                None if is_for_good(&said) => Trouble::Refused(NAME, said),
                None => Trouble::Away(NAME, said),
            }
        }
        Failed::TooMuch { .. } => Trouble::Refused(NAME, failed.to_string()),
        other => Trouble::Away(NAME, other.to_string()),
    }
}

impl Adapter for YtDlp {
    fn name(&self) -> &'static str {
        "yt_dlp"
    }

    fn title(&self) -> (&'static str, &'static str) {
        (NAME, "sound from pasted addresses")
    }

    fn health(&self) -> BoxFuture<'_, Health> {
        Box::pin(async move {
            match self.version().await {
                Ok(version) => Health::Ok { version: Some(version).filter(|v| !v.is_empty()) },
                Err(Trouble::Refused(_, why)) => {
                    Health::Off(format!("{}{}.", why[..1].to_uppercase(), &why[1..]))
                }
                Err(other) => Health::Down(other.to_string()),
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
    fn progress_is_that_of_the_whole_playlist() {
        let line = r#"{"progress":{"status":"downloading","downloaded_bytes":512,"total_bytes":1024,"speed":2097152.0,"eta":65},"index":null,"count":null}"#;
        let told = told_progress(line).unwrap();
        assert_eq!(
            told,
            Progress { percent: 50.0, speed: Some("2.0 MiB/s".into()), eta: Some("01:05".into()) }
        );
        let second = line.replace("\"index\":null,\"count\":null", "\"index\":2,\"count\":4");
        let told = told_progress(&second).unwrap();
        assert_eq!((told.percent, told.eta), (37.5, None));
        assert_eq!(told_progress(r#"{"progress":{"downloaded_bytes":5},"index":1,"count":1}"#), None);
        assert_eq!(told_progress("{"), None);
    }

    #[test]
    fn what_another_attempt_cannot_change_is_told_at_once() {
        let exit = |stderr: &str| Failed::Exit {
            program: "yt-dlp".into(),
            status: std::os::unix::process::ExitStatusExt::from_raw(256),
            stderr: stderr.into(),
        };
        let gone = trouble(&exit("WARNING: x\nERROR: [youtube] abc: Video unavailable\n"), None);
        assert!(matches!(gone, Trouble::Refused(_, why) if why == "[youtube] abc: Video unavailable"));
        let away = trouble(&exit("ERROR: unable to download video data: timed out"), None);
        assert!(matches!(away, Trouble::Away(..)));
        let house = trouble(&exit("ERROR: Unable to connect to proxy"), Some("router.lan".into()));
        assert!(house.to_string().contains("router.lan lies in this house's own network"));
    }
}
