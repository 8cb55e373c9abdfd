//! The roof: which process am I today? Wiring, and nothing else.
//!
//! A role is up as soon as systemd can consider it so, and says in its STATUS what it waits for. It waits for PostgreSQL
//! and for the schema by itself, so there is no crash loop, whatever is started first.

pub mod api;
pub mod beat;
pub mod cli;
mod music;
/// What the rooms bring along.
pub mod rooms;
mod sandbox;
pub mod watcher;
pub mod worker;

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::config::{self, Settings};
use crate::db::Notice;
use crate::health::{self, Waiting};
use crate::lifecycle::{self, Life};
use crate::{settings, telemetry};

/// How long a role that cannot work yet keeps `systemctl start` waiting.
const PATIENCE: Duration = Duration::from_secs(3);
/// What saying goodbye to PostgreSQL may take.
const GOODBYE: Duration = Duration::from_millis(30);
/// How soon the return of PostgreSQL is seen.
const LOOK_AGAIN: Duration = Duration::from_millis(300);

/// Where PostgreSQL tells of changed settings.
const SETTINGS_CHANGED: &str = "barbossa_settings";

/// What a role asks of the process that it is.
struct Play {
    /// `api`, `worker`, `fetch`, `beat`, `watcher`: the unit's name without `barbossa-`.
    role: &'static str,
    /// Connections to PostgreSQL, the listening one left out.
    connections: usize,
    /// How long it may go on after SIGTERM; the unit's `TimeoutStopSec=` is longer.
    drain: Duration,
    /// Whether its unit has a network.
    has_network: bool,
    /// What it wants to hear from PostgreSQL.
    channels: &'static [&'static str],
}

/// Runs the process with all that every role has: the log, the ear, the heartbeat, the signals.
fn play<F, Fut>(play: Play, settings: Settings, body: F) -> ExitCode
where
    F: FnOnce(App, Life) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let Play { role, connections, drain, has_network, channels } = play;
    let log = match telemetry::start(role, &settings.log_level) {
        Ok(log) => Arc::new(log),
        Err(error) => {
            eprintln!("barbossa {role}: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "starting");
    sandbox::check(has_network);
    let app = match App::new(role, settings, connections) {
        Ok(app) => app,
        Err(error) => {
            tracing::error!("cannot start: {error:#}");
            return ExitCode::FAILURE;
        }
    };
    let plan = lifecycle::Plan { threads: threads(), drain, reload: Box::new(reload(role, log.clone())) };
    lifecycle::run(plan, |life| async move {
        let database = app.db.clone();
        listen(&app, channels, &life);
        // The heart beats until the drain is over: a process that finishes its work is not gone yet.
        let end = CancellationToken::new();
        let beating = tokio::spawn(health::keep_beating(app.clone(), life.clone(), end.clone()));
        let ended = body(app, life).await;
        end.cancel();
        // It was not aborted; if it panicked, the hook said so.
        let _ = beating.await;
        // Connections that are only dropped with the process are errors in PostgreSQL's log.
        database.forget_connections();
        tokio::time::sleep(GOODBYE).await;
        ended
    })
}

/// Two at least, so that one that is busy does not stop the other; few, since the work is done elsewhere.
fn threads() -> usize {
    std::thread::available_parallelism().map_or(2, |n| n.get().clamp(2, 4))
}

/// SIGHUP: the log level is taken over at once. All else needs a restart, which drops nothing.
fn reload(role: &'static str, log: Arc<telemetry::Guard>) -> impl Fn() -> anyhow::Result<String> {
    move || {
        let loaded = config::load(&config::Sources::of_process().for_role(role));
        let settings = loaded.into_settings().map_err(|problems| anyhow::anyhow!("{problems}"))?;
        log.set_level(&settings.log_level)?;
        Ok(format!("log level {}", settings.log_level))
    }
}

fn listen(app: &App, channels: &'static [&'static str], life: &Life) {
    let channels: Vec<&str> = channels.iter().copied().chain([SETTINGS_CHANGED]).collect();
    let (follower, stop) = (app.clone(), life.stop.clone());
    let heard = app.notices.subscribe();
    life.spawn("the ear on the settings", async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = follow_settings(&follower, heard) => {}
        }
        Ok(())
    });
    let (ear, stop) = (app.clone(), life.stop.clone());
    life.spawn("the ear on PostgreSQL", async move {
        ear.notices.run(&ear.db, &channels, stop).await;
        Ok(())
    });
}

/// Takes over what an admin has changed, and looks whenever something may not have been heard.
async fn follow_settings(app: &App, mut heard: broadcast::Receiver<Notice>) {
    loop {
        match heard.recv().await {
            Ok(Notice::Message { channel, .. }) if channel != SETTINGS_CHANGED => {}
            Ok(_) | Err(RecvError::Lagged(_)) => settings::take_over(app),
            Err(RecvError::Closed) => return,
        }
    }
}

/// Waits until PostgreSQL answers with a schema that will do, telling so; `false` when the process is to stop.
async fn wait_until_usable(app: &App, life: &Life) -> bool {
    let start = Instant::now();
    let mut told = None;
    loop {
        match health::usable(app).await {
            Ok(()) => {
                if told.is_some() {
                    tracing::info!(after_seconds = start.elapsed().as_secs(), "the database is there");
                }
                return !life.stop.is_cancelled();
            }
            Err(waiting) => tell(life, &waiting, &mut told),
        }
        life.progress();
        if start.elapsed() > PATIENCE {
            life.ready();
        }
        if stopped_within(LOOK_AGAIN, life).await {
            return false;
        }
    }
}

/// In the STATUS always, in the journal once a reason.
fn tell(life: &Life, waiting: &Waiting, told: &mut Option<Waiting>) {
    life.status(&waiting.to_string());
    if told.as_ref() != Some(waiting) {
        match waiting {
            Waiting::Database(why) => tracing::warn!(reason = why, "{waiting}"),
            Waiting::Schema { .. } => tracing::warn!("{waiting}"),
        }
        *told = Some(waiting.clone());
    }
}

/// Sleeps; `true`, and at once, when the process is to stop.
async fn stopped_within(pause: Duration, life: &Life) -> bool {
    tokio::select! {
        () = life.stop.cancelled() => true,
        () = tokio::time::sleep(pause) => false,
    }
}
