//! What every outside source can be asked, whatever is behind it: how it is, what it has, and to fetch it.
//!
//! A new one is added to [`adapters`], and nowhere else. Whatever goes wrong is a [`Trouble`] or a [`Health`]: a source that
//! is down is a fact to be told, never an error of ours.

use std::path::Path;

use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use super::Trouble;
use super::bandcamp::Bandcamp;
use super::services::Service;
use super::streamrip::Streamrip;
use super::yt_dlp::YtDlp;
use crate::config::Settings;

/// How a source is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Health {
    /// Nobody has set it up; what would, as a sentence.
    Off(String),
    /// It answers.
    Ok {
        /// Its own version, when it tells.
        version: Option<String>,
    },
    /// It should work, and does not; why, as a sentence.
    Down(String),
    /// It is set up, and is not asked just to see how it is: what was noted at its last use holds.
    Untried {
        /// Its own version, when it tells.
        version: Option<String>,
    },
}

/// What a search asks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Query {
    /// As a person typed it.
    pub text: String,
    /// `album`, `artist`, `track`, `playlist`.
    pub kind: String,
    /// At most so many.
    pub limit: u32,
}

/// What a search found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Found {
    /// The source's own id.
    pub id: String,
    /// Its name.
    pub title: String,
    /// Whose it is.
    pub artist: String,
    /// When it came out.
    pub year: Option<i32>,
    /// `24/96`, for people.
    pub quality: Option<String>,
    /// Its page: what [`Wanted::url`] takes.
    pub url: String,
}

/// What is to be fetched.
#[derive(Clone, Copy)]
pub struct Wanted<'a> {
    /// Its page.
    pub url: &'a str,
    /// What it is at its source, however its address is written.
    pub reference: &'a str,
    /// 0 to 4, as streamrip counts: MP3 128, MP3 320, FLAC 16/44.1, FLAC to 24/96, FLAC to 24/192.
    pub quality: u32,
    /// Music that has lost something is welcome, too.
    pub allows_lossy: bool,
    /// An empty folder, or what an attempt before has left in it. Only music, its cover and its booklet stay there.
    pub into: &'a Path,
    /// Told each line that its program writes, without secrets: the last ones are shown when it fails.
    pub hear: &'a (dyn Fn(&str) + Send + Sync),
}

/// How far a fetch is.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Progress {
    /// 0 to 100.
    pub percent: f32,
    /// For people: `2.5 MiB/s`.
    pub speed: Option<String>,
    /// For people: `1:30`.
    pub eta: Option<String>,
}

/// `2.5 MiB/s`
pub fn speed_text(bytes_per_second: f64) -> String {
    match bytes_per_second {
        speed if speed >= 1_048_576.0 => format!("{:.1} MiB/s", speed / 1_048_576.0),
        speed => format!("{:.0} KiB/s", speed.max(0.0) / 1024.0),
    }
}

/// `01:30`, `1:02:03`
pub fn eta_text(seconds: f64) -> String {
    let seconds = seconds.clamp(0.0, 1e9) as u64;
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 {
        format!("{hours}:{minutes:02}:{seconds:02}")
    } else {
        format!("{minutes:02}:{seconds:02}")
    }
}

/// What was fetched.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Fetched {
    /// The program that did it.
    pub program: Option<String>,
    /// Its version.
    pub version: Option<String>,
    /// Its name, as the source has it.
    pub title: Option<String>,
    /// Whose it is.
    pub artist: Option<String>,
}

/// Told how far it is, as often as there is news.
pub type Tell<'a> = &'a (dyn Fn(Progress) + Send + Sync);

/// A source of music, or another service that is told of it.
pub trait Adapter: Send + Sync {
    /// `yt_dlp`, `qobuz`, `plex`, …: the name of its row.
    fn name(&self) -> &'static str;

    /// As people call it, and what it is for: `Qobuz`, `albums in the quality of their masters`.
    fn title(&self) -> (&'static str, &'static str);

    /// How it is now. Asks with a deadline of its own.
    fn health(&self) -> BoxFuture<'_, Health>;

    /// What it has.
    fn search<'a>(&'a self, query: &'a Query) -> BoxFuture<'a, Result<Vec<Found>, Trouble>> {
        Box::pin(async move {
            let (title, _) = self.title();
            Err(Trouble::Refused(title, format!("it cannot be searched for {}", query.kind)))
        })
    }

    /// Fetches it whole. Dropping the future ends all that it has begun; asked again with the same folder, it goes on.
    fn fetch<'a>(&'a self, _: Wanted<'a>, _: Tell<'a>) -> BoxFuture<'a, Result<Fetched, Trouble>> {
        Box::pin(async move {
            let (title, _) = self.title();
            Err(Trouble::Refused(title, "nothing can be fetched from it".into()))
        })
    }
}

/// All of them, as the settings have them now.
pub fn adapters(settings: &Settings) -> Vec<Box<dyn Adapter>> {
    let mut all: Vec<Box<dyn Adapter>> = vec![
        Box::new(YtDlp::new(settings)),
        Box::new(Streamrip::new(settings)),
        Box::new(Bandcamp::new(settings)),
    ];
    all.extend(Service::all(settings).map(|service| Box::new(service) as Box<dyn Adapter>));
    all
}
