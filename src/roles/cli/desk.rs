//! What a command for people works with: checked settings, the service's rights, a small runtime, a hand on Ctrl-C.

use tokio::signal::unix::{SignalKind, signal};

use super::check;
use super::exit::{Status, failure};
use super::privileges::become_service_user;
use crate::app::App;
use crate::config::{self, Settings, Sources};
use crate::telemetry;

/// The settings, and the rights of the service's user. Read before root's rights are given away, since only root may
/// read secrets.
pub fn settings(sources: &Sources) -> anyhow::Result<Settings> {
    let loaded = config::load(sources);
    if loaded.problems.has_errors() {
        check::tell(&loaded.problems);
        return Err(failure(Status::Failed, "The settings have errors."));
    }
    become_service_user()?;
    Ok(loaded.settings)
}

/// Runs a command that needs the database.
pub fn with_app<F, Fut>(work: F) -> anyhow::Result<Status>
where
    F: FnOnce(App) -> Fut,
    Fut: Future<Output = anyhow::Result<Status>>,
{
    let settings = settings(&Sources::of_process())?;
    let _log = telemetry::start("cli", "warn")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let app = App::new("cli", settings, 2)?;
        tokio::select! {
            done = work(app) => done,
            // What is under way is dropped, and cleans up after itself.
            stopped = interrupted() => Err(stopped),
        }
    })
}

/// Ctrl-C, or SIGTERM.
pub async fn interrupted() -> anyhow::Error {
    let signals = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let (Ok(mut interrupt), Ok(mut terminate)) = signals else {
        // Without handlers the signals end the process by themselves.
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    failure(Status::Failed, "Interrupted.")
}
