//! The life of a process: started, ready, reloaded, drained, stopped; told to systemd, and nothing told that is not so.
//!
//! The watchdog is fed by progress and by nothing else: no timer pings. `Life::progress()` is called by the role's own
//! loop each time it has gone round, so a process that hangs, is stopped or only pretends to work is restarted.

mod sockets;

pub use sockets::{Listener, PassedSocket, take_sockets};

use std::panic::AssertUnwindSafe;
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// What a process needs to know of itself before it begins.
pub struct Plan {
    /// Threads that run tasks.
    pub threads: usize,
    /// How long work may go on after SIGTERM. Keep it below the unit's `TimeoutStopSec=`.
    pub drain: Duration,
    /// Runs at SIGHUP; what it says goes to the journal.
    pub reload: Box<dyn Fn() -> anyhow::Result<String> + Send + Sync>,
}

/// The process's life, as its tasks see it. Cheap to clone.
#[derive(Clone)]
pub struct Life {
    /// Cancelled when the process is to stop: take no new work, finish or hand back what is in hand.
    pub stop: CancellationToken,
    /// The process ends when every task in here has ended (or the drain's deadline has passed).
    pub tracker: TaskTracker,
    shared: Arc<Shared>,
}

struct Shared {
    started: Instant,
    /// Of systemd's watchdog, when there is one.
    watchdog: Option<Duration>,
    is_ready: AtomicBool,
    status: Mutex<String>,
    /// Milliseconds after `started`.
    progressed_at: AtomicU64,
    pinged_at: AtomicU64,
    /// Why the process ends by itself, when it does.
    fault: OnceLock<String>,
}

impl Life {
    /// A life of its own, for one process or one test.
    pub fn new() -> Self {
        let shared = Shared {
            started: Instant::now(),
            watchdog: sd_notify::watchdog_enabled(),
            is_ready: AtomicBool::new(false),
            status: Mutex::default(),
            progressed_at: AtomicU64::new(0),
            pinged_at: AtomicU64::new(0),
            fault: OnceLock::new(),
        };
        Self { stop: CancellationToken::new(), tracker: TaskTracker::new(), shared: Arc::new(shared) }
    }

    /// Tells systemd, once, that the process does its work from now on.
    pub fn ready(&self) {
        if !self.shared.is_ready.swap(true, Ordering::Relaxed) {
            tracing::info!(after_ms = self.millis(), "ready");
            tell(&[NotifyState::Ready]);
        }
    }

    /// What `systemctl status` and `/health` say that the process does; told only when it has changed.
    pub fn status(&self, text: &str) {
        let mut status = self.shared.status.lock().unwrap_or_else(PoisonError::into_inner);
        if *status != text {
            // One line: a line break would end the field in the message to systemd.
            *status = text.replace(['\n', '\r'], " ");
            tell(&[NotifyState::Status(&status)]);
        }
    }

    /// The latest status.
    pub fn current_status(&self) -> String {
        self.shared.status.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The work went round once more. Pings the watchdog, at most four times in its period.
    pub fn progress(&self) {
        let now = self.millis();
        self.shared.progressed_at.store(now, Ordering::Relaxed);
        let Some(period) = self.shared.watchdog else { return };
        let pinged = self.shared.pinged_at.load(Ordering::Relaxed);
        let is_due = now >= pinged + period.as_millis() as u64 / 4;
        // Of several tasks that find it due, one pings.
        let swap =
            |at: &AtomicU64| at.compare_exchange(pinged, now, Ordering::Relaxed, Ordering::Relaxed).is_ok();
        if is_due && swap(&self.shared.pinged_at) {
            tell(&[NotifyState::Watchdog]);
        }
    }

    /// How long ago the latest progress was.
    pub fn since_progress(&self) -> Duration {
        let at = Duration::from_millis(self.shared.progressed_at.load(Ordering::Relaxed));
        self.shared.started.elapsed().saturating_sub(at)
    }

    /// How often a role's loop should make progress at least: often enough for the watchdog, and never rarer than this.
    pub fn beat(&self) -> Duration {
        let most = Duration::from_secs(5);
        self.shared.watchdog.map_or(most, |w| (w / 4).min(most))
    }

    /// Runs a task without which the process is not whole: when it ends, fails or panics before the stop, the process
    /// stops too, with a failing exit code, and systemd starts it again.
    pub fn spawn(&self, name: &'static str, task: impl Future<Output = anyhow::Result<()>> + Send + 'static) {
        let life = self.clone();
        self.tracker.spawn(async move {
            let why = match AssertUnwindSafe(task).catch_unwind().await {
                Ok(Ok(())) if life.stop.is_cancelled() => return,
                Ok(Ok(())) => "ended by itself".to_owned(),
                Ok(Err(error)) => format!("{error:#}"),
                Err(_) => "panicked".to_owned(),
            };
            life.fail(format!("{name}: {why}"));
        });
    }

    /// Stops the process, with a failing exit code. The first reason counts.
    pub fn fail(&self, why: String) {
        tracing::error!(reason = why, "the process cannot go on");
        self.shared.fault.get_or_init(|| why);
        self.stop.cancel();
    }

    fn millis(&self) -> u64 {
        self.shared.started.elapsed().as_millis() as u64
    }
}

impl Default for Life {
    fn default() -> Self {
        Self::new()
    }
}

/// Runs `body` as the process: its life ends when `body` and every tracked task have ended after `stop`, when the
/// drain's deadline has passed, or at once at a second signal.
pub fn run<F, Fut>(plan: Plan, body: F) -> ExitCode
where
    F: FnOnce(Life) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(plan.threads)
        .thread_name("barbossa")
        .enable_all()
        .build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => {
            tracing::error!(error = &error as &dyn std::error::Error, "cannot start the runtime");
            return ExitCode::FAILURE;
        }
    };
    let life = Life::new();
    runtime.block_on(live(&life, plan, body));
    // A thread that hangs on a dead mount must not keep the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    if life.shared.fault.get().is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

async fn live<F, Fut>(life: &Life, plan: Plan, body: F)
where
    F: FnOnce(Life) -> Fut,
    Fut: Future<Output = anyhow::Result<()>>,
{
    let signals = match Signals::new() {
        Ok(signals) => signals,
        Err(error) => return life.fail(format!("cannot receive signals: {error}")),
    };
    let work = async {
        let ended = AssertUnwindSafe(body(life.clone())).catch_unwind().await;
        match ended {
            Ok(Ok(())) if life.stop.is_cancelled() => {}
            Ok(Ok(())) => life.fail("the role ended by itself".to_owned()),
            Ok(Err(error)) => life.fail(format!("{error:#}")),
            Err(_) => life.fail("the role panicked".to_owned()),
        }
        life.tracker.close();
        life.tracker.wait().await;
    };
    tokio::select! {
        biased;
        () = work => tracing::info!("stopped"),
        () = signals.obey(life, &plan) => {}
        () = deadline(life, plan.drain) => {
            tracing::warn!(tasks = life.tracker.len(), seconds = plan.drain.as_secs(), "the time to drain is over");
        }
    }
}

/// Ends so long after the stop; until then the drain itself counts as progress, since it has this deadline.
async fn deadline(life: &Life, drain: Duration) {
    life.stop.cancelled().await;
    tell(&[NotifyState::Stopping]);
    let end = Instant::now() + drain;
    while Instant::now() < end {
        life.progress();
        tokio::time::sleep(Duration::from_secs(1).min(end - Instant::now())).await;
    }
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// Stops at the first SIGTERM or SIGINT, returns at the second; reloads at each SIGHUP.
    async fn obey(mut self, life: &Life, plan: &Plan) {
        loop {
            let name = tokio::select! {
                _ = self.terminate.recv() => "SIGTERM",
                _ = self.interrupt.recv() => "SIGINT",
                _ = self.hangup.recv() => {
                    reload(plan);
                    continue;
                }
            };
            if life.stop.is_cancelled() {
                tracing::warn!(signal = name, tasks = life.tracker.len(), "stopping at once");
                return;
            }
            tracing::info!(signal = name, "stopping");
            life.stop.cancel();
        }
    }
}

/// `Type=notify-reload`: RELOADING=1 with the time, then READY=1, whatever came of it (a unit that never answers would
/// be killed for bad settings, which the running ones are not).
fn reload(plan: &Plan) {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => tell(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(error = &error as &dyn std::error::Error, "no monotonic clock"),
    }
    match (plan.reload)() {
        Ok(said) => tracing::info!("settings reloaded: {said}"),
        Err(error) => tracing::error!("settings not reloaded, the old ones go on: {error:#}"),
    }
    tell(&[NotifyState::Ready]);
}

/// Tells systemd, when it is there to hear.
fn tell(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::debug!(error = &error as &dyn std::error::Error, "systemd did not hear us");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_that_ends_by_itself_stops_the_process_as_failed() {
        let life = Life::new();
        life.spawn("the loop", async { Ok(()) });
        life.stop.cancelled().await;
        assert_eq!(life.shared.fault.get().unwrap(), "the loop: ended by itself");
    }

    #[tokio::test]
    async fn a_task_that_panics_stops_the_process_as_failed() {
        let life = Life::new();
        life.spawn("the loop", async { panic!("on purpose") });
        life.stop.cancelled().await;
        assert_eq!(life.shared.fault.get().unwrap(), "the loop: panicked");
    }

    #[tokio::test]
    async fn a_task_that_ends_after_the_stop_is_no_fault() {
        let life = Life::new();
        let stop = life.stop.clone();
        life.spawn("the loop", async move {
            stop.cancelled().await;
            Ok(())
        });
        life.stop.cancel();
        life.tracker.close();
        life.tracker.wait().await;
        assert!(life.shared.fault.get().is_none());
    }

    #[test]
    fn progress_is_remembered() {
        let life = Life::new();
        std::thread::sleep(Duration::from_millis(30));
        assert!(life.since_progress() >= Duration::from_millis(30));
        life.progress();
        assert!(life.since_progress() < Duration::from_millis(30));
    }

    #[test]
    fn a_status_is_one_line() {
        let life = Life::new();
        life.status("waiting\nfor PostgreSQL");
        assert_eq!(life.current_status(), "waiting for PostgreSQL");
    }
}
