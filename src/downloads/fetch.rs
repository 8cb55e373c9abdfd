//! The job that fetches one download: takes its turn, lets the source bring it into a hidden folder, gives the folder its
//! name, and hands it over to the imports. May be stopped anywhere; run again, it goes on.

use std::collections::VecDeque;
use std::io;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::download::{Download, find};
use super::gaps::FillGaps;
use super::place::{Place, size_of};
use super::turn;
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::events::{self, Audience};
use crate::files;
use crate::imports::{self, ImportRelease};
use crate::integrations::Trouble;
use crate::integrations::adapter::{Adapter, Fetched, Health, Progress, Wanted, adapters};
use crate::jobs::{self, Context, Job, Outcome, Queue};
use crate::parallel::blocking;
use crate::sources;

/// Until the music folder is back.
const AWAY: Duration = Duration::from_secs(30);
/// Progress is written and told at most this often.
const PROGRESS: Duration = Duration::from_secs(1);
/// How often the disk is looked at meanwhile.
const SPACE: u64 = 5;
/// A source that wants to be left alone says for how long; else so long.
const BUSY: Duration = Duration::from_secs(120);
/// And never for less than this.
const LEAST_BUSY: Duration = Duration::from_secs(5);
/// As strerror(3) says it.
const NO_SPACE: &str = "No space left on device";
/// So many of the last lines of a program are kept.
const LINES: usize = 40;
/// A download may be larger than what is free; before it begins so much more than the reserve has to be.
const ROOM: u64 = 1 << 30;

/// A download is to be fetched.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FetchDownload {
    /// Its row.
    pub id: i64,
}

impl Job for FetchDownload {
    const KIND: &'static str = "downloads.fetch";
    const QUEUE: Queue = Queue::Downloads;
    const MAX_ATTEMPTS: i32 = 5;

    fn unique_key(&self) -> Option<String> {
        Some(self.id.to_string())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        if let Err(alarm) = imports::require_library(&context.app).await? {
            tracing::error!(download_id = self.id, "nothing is fetched: {alarm}");
            return Ok(Outcome::Snooze(AWAY));
        }
        let mut client = context.app.db.get().await?;
        let Ok(download) = find(&client, self.id).await else {
            return Ok(Outcome::Cancel("nobody wants it any more".into()));
        };
        let place = Place::of(context.app.music(), &download.source, download.id);
        if !["pending", "downloading"].contains(&download.status.as_str()) {
            let is_whole_in_vain =
                download.status == "cancelled" && client.maybe_row(TAKEN, &[&self.id]).await?.is_none();
            blocking(move || if is_whole_in_vain { place.clear_all() } else { place.clear() }).await??;
            return Ok(Outcome::Cancel(format!("it is {} already", download.status)));
        }
        if let Some(wait) = turn::take(&context.app.settings, &mut client, &download).await? {
            return Ok(Outcome::Snooze(wait));
        }
        drop(client);
        let fetch = Fetch { context, download, place, lines: Mutex::default() };
        match fetch.run().await {
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::StorageFull => {
                fetch.fail(&fetch.no_room()).await
            }
            ended => ended,
        }
    }
}

const TAKEN: &str = "select 1 from import where (origin ->> 'download_id')::bigint = $1 limit 1";
const TELL: &str =
    "update download set progress = $2, speed = $3, eta = $4 where id = $1 and state = 'downloading'";
const KNOWN: &str = "update download set program = $2, program_version = $3, title = coalesce($4, title),
        artist = coalesce($5, artist), size_bytes = $6, error = null, output = null, progress = 100, speed = null, eta = null
    where id = $1";
const HAND_OVER: &str = "update download set state = 'importing', progress = 100, speed = null, eta = null
    where id = $1 and state = 'downloading'";
const WAIT: &str = "update download set state = 'pending', error = $2, output = $3, speed = null, eta = null
    where id = $1 and state = 'downloading'";
const FAIL: &str = "update download set state = 'failed', error = $2, output = $3, speed = null, eta = null, finished_at = now()
    where id = $1 and state = 'downloading'";

/// One attempt.
struct Fetch<'a> {
    context: &'a Context,
    download: Download,
    place: Place,
    lines: Mutex<VecDeque<String>>,
}

/// How an attempt came to its end.
enum Ended {
    Fetched(Fetched),
    Trouble(Trouble),
    /// The process stops, or a person has cancelled it.
    Stopped,
    /// The disk is about to be full.
    NoRoom,
}

impl Fetch<'_> {
    async fn run(&self) -> Result<Outcome> {
        // It was whole before, and only its handing over was not written down.
        if self.place.is_whole() {
            return self.hand_over().await;
        }
        if !self.has_room(ROOM)? {
            return self.fail(&self.no_room()).await;
        }
        files::make_dirs(&self.place.staging)?;
        let adapters = adapters(&self.context.app.settings);
        let name = match self.download.source.as_str() {
            known @ ("qobuz" | "bandcamp") => known,
            _ => "yt_dlp",
        };
        let Some(adapter) = adapters.iter().find(|adapter| adapter.name() == name) else {
            return self.fail("This source is not known to this version.").await;
        };
        match self.bring(adapter.as_ref()).await? {
            Ended::Fetched(fetched) => {
                self.note(adapter.as_ref(), &Health::Ok { version: fetched.version.clone() }).await?;
                self.publish(fetched).await
            }
            Ended::Stopped if self.is_cancelled().await? => {
                self.place.clear()?;
                Ok(Outcome::Cancel("Cancelled.".into()))
            }
            Ended::Stopped => Ok(Outcome::Snooze(Duration::ZERO)),
            Ended::NoRoom => self.fail(&self.no_room()).await,
            Ended::Trouble(trouble) => self.judge(adapter.as_ref(), trouble).await,
        }
    }

    async fn bring(&self, adapter: &dyn Adapter) -> Result<Ended> {
        let (progress, mut seen) = watch::channel(Progress::default());
        let tell = |told: Progress| {
            progress.send_replace(told);
        };
        let hear = |line: &str| {
            let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
            lines.push_back(line.chars().take(500).collect());
            let surplus = lines.len().saturating_sub(LINES);
            lines.drain(..surplus);
        };
        let wanted = Wanted {
            url: self.download.source_url.as_deref().unwrap_or_default(),
            reference: &self.download.reference,
            quality: self.download.quality.cast_unsigned(),
            allows_lossy: self.download.confirm_lossy,
            into: &self.place.staging,
            hear: &hear,
        };
        let mut fetch = adapter.fetch(wanted, &tell);
        let mut ticks = interval(PROGRESS);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut count = 0;
        loop {
            tokio::select! {
                ended = &mut fetch => return Ok(ended.map_or_else(Ended::Trouble, Ended::Fetched)),
                () = self.context.stop.cancelled() => return Ok(Ended::Stopped),
                _ = ticks.tick() => {
                    count += 1;
                    if count % SPACE == 0 && !self.has_room(0)? {
                        return Ok(Ended::NoRoom);
                    }
                    if seen.has_changed().unwrap_or(false) {
                        let now = seen.borrow_and_update().clone();
                        self.tell(&now).await;
                    }
                }
            }
        }
    }

    /// Progress that cannot be written is no reason to stop.
    async fn tell(&self, progress: &Progress) {
        let percent = progress.percent.clamp(0.0, 99.0) as i32;
        let id = self.download.id;
        let told = async {
            let client = self.context.app.db.get().await?;
            client.run(TELL, &[&id, &percent, &progress.speed, &progress.eta]).await?;
            let told =
                json!({"download_id": id, "progress": percent, "speed": progress.speed, "eta": progress.eta});
            events::publish(&client, "download:progress", Audience::User(self.download.user_id), &told).await
        };
        if let Err(error) = told.await {
            tracing::debug!(error = &error as &dyn std::error::Error, "progress could not be told");
        }
        self.context.progress.send_replace(Some(json!({"done": percent, "total": 100})));
    }

    fn has_room(&self, more: u64) -> Result<bool> {
        let reserve = u64::from(self.context.app.settings.downloads.keep_free_gib) << 30;
        Ok(files::free_bytes(self.context.app.music())? >= reserve.saturating_add(more))
    }

    fn no_room(&self) -> String {
        let reserve = self.context.app.settings.downloads.keep_free_gib;
        format!(
            "The disk with the music is nearly full: {reserve} GiB of it are never filled by downloads (downloads.keep_free_gib)."
        )
    }

    async fn is_cancelled(&self) -> Result<bool> {
        let now = find(&self.context.app.db.get().await?, self.download.id).await;
        Ok(now.map_or(true, |now| now.status == "cancelled"))
    }

    async fn note(&self, adapter: &dyn Adapter, health: &Health) -> Result<()> {
        // What one page of many says tells nothing about the program.
        if adapter.name() == "yt_dlp" {
            return Ok(());
        }
        sources::note(&self.context.app.db.get().await?, adapter.name(), health).await
    }

    // -- the good end

    async fn publish(&self, fetched: Fetched) -> Result<Outcome> {
        if let Some(filling) = self.download.filling.clone() {
            let staging = self.place.staging.clone();
            if !blocking(move || filling.tag(&staging)).await?? {
                return self.fail("The source brought more than one track, where one is missing.").await;
            }
        }
        let (place, staging) = (self.place.clone(), self.place.staging.clone());
        let size = i64::try_from(blocking(move || size_of(&staging)).await?).unwrap_or(i64::MAX);
        // Before the folder can be seen, so that whoever finds it knows where it comes from.
        let client = self.context.app.db.get().await?;
        let Fetched { program, version, title, artist } = fetched;
        client.run(KNOWN, &[&self.download.id, &program, &version, &title, &artist, &size]).await?;
        drop(client);
        match blocking(move || place.publish()).await?? {
            Some(_) => self.hand_over().await,
            None => self.fail("The source brought nothing that can be played.").await,
        }
    }

    async fn hand_over(&self) -> Result<Outcome> {
        let Download { id, source, user_id, .. } = &self.download;
        let path = Place::path(source, *id);
        let mut client = self.context.app.db.get().await?;
        let tx = client.transaction().await?;
        self.context.hold(&tx).await?;
        if tx.run(HAND_OVER, &[id]).await? == 0 {
            tx.rollback().await?;
            if self.is_cancelled().await? {
                let place = self.place.clone();
                blocking(move || place.clear_all()).await??;
            }
            return Ok(Outcome::Cancel("nobody wants it any more".into()));
        }
        let import =
            ImportRelease { path: path.clone(), source: source.clone(), requested_by: Some(*user_id) };
        let import_job = jobs::enqueue(&tx, &import).await?;
        let told =
            json!({"download_id": id, "progress": 100, "speed": null, "eta": null, "status": "importing"});
        events::publish(&tx, "download:progress", Audience::User(*user_id), &told).await?;
        tx.commit().await?;
        tracing::info!(download_id = id, path, "fetched");
        Ok(Outcome::Done(json!({"download_id": id, "path": path, "import_job_id": import_job})))
    }

    // -- the other ends

    /// Again later, or never.
    async fn judge(&self, adapter: &dyn Adapter, trouble: Trouble) -> Result<Outcome> {
        let is_last = self.context.attempt >= FetchDownload::MAX_ATTEMPTS;
        let why = trouble.to_string();
        match trouble {
            // What a program could not write is said in its own words.
            _ if why.contains(NO_SPACE) || !self.has_room(0)? => self.fail(&self.no_room()).await,
            Trouble::Refused(..) => self.fail(&why).await,
            Trouble::Busy { retry_after, .. } if !self.is_overdue() => {
                self.note(adapter, &Health::Down(why.clone())).await?;
                self.wait(&why).await?;
                let wait = retry_after.unwrap_or(BUSY).clamp(LEAST_BUSY, Duration::from_secs(3600));
                // Addresses of any kind are at many places, and only one of these has said so.
                if self.download.source != "url" {
                    let client = self.context.app.db.get().await?;
                    turn::leave_alone(&client, &self.download.source, wait).await?;
                }
                Ok(Outcome::Snooze(wait))
            }
            _ => {
                self.note(adapter, &Health::Down(why.clone())).await?;
                if is_last {
                    return self.fail(&why).await;
                }
                self.wait(&why).await?;
                Err(Error::Conflict(why))
            }
        }
    }

    fn is_overdue(&self) -> bool {
        let hours = i64::from(self.context.app.settings.downloads.deadline_hours);
        let age = self.context.app.clock.now().duration_since(self.download.created_at);
        age.as_hours() >= hours
    }

    fn said(&self) -> Option<String> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        Some(lines.iter().map(String::as_str).collect::<Vec<_>>().join("\n")).filter(|said| !said.is_empty())
    }

    async fn wait(&self, why: &str) -> Result<()> {
        let client = self.context.app.db.get().await?;
        client.run(WAIT, &[&self.download.id, &why, &self.said()]).await.map(drop)
    }

    async fn fail(&self, why: &str) -> Result<Outcome> {
        self.place.clear()?;
        let mut client = self.context.app.db.get().await?;
        let tx = client.transaction().await?;
        if tx.run(FAIL, &[&self.download.id, &why, &self.said()]).await? > 0 {
            let told = json!({"download_id": self.download.id, "error": why});
            events::publish(&tx, "download:error", Audience::User(self.download.user_id), &told).await?;
            if let Some(next) = FillGaps::after(&self.download) {
                jobs::enqueue(&tx, &next).await?;
            }
        }
        tx.commit().await?;
        tracing::warn!(
            download_id = self.download.id,
            url = self.download.source_url,
            "a download failed: {why}"
        );
        Ok(Outcome::Cancel(why.to_owned()))
    }
}
