//! Logs and spans: to the journal with their fields when systemd listens, to a readable stderr otherwise.
//!
//! Fields of the spans around an event go along with it (`journalctl JOB_ID=17`), the inner span's first. Names become
//! upper case in the journal, so a field may not be called like one of its own (`message`, `priority`, `path`, `user`).
//! Nothing secret is ever a field: no query string, no header, no settings.

mod journal;

use std::io::IsTerminal;

use anyhow::Context;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry, fmt, reload};

/// The id of the request (or of the job that a request caused) that is being worked on, if any.
pub fn current_request_id() -> Option<String> {
    REQUEST_ID.try_with(Clone::clone).ok()
}

tokio::task_local! {
    /// Set around each request and each job.
    pub static REQUEST_ID: String;
}

/// Keep it until the end of `main`: dropping it waits, two seconds at most, for what is still on its way to the journal.
pub struct Guard {
    filter: reload::Handle<EnvFilter, Registry>,
    _journal: Option<journal::Flush>,
}

impl Guard {
    /// Changes what is logged, from now on, without a restart.
    ///
    /// # Errors
    /// When `level` is neither a level nor a filter.
    pub fn set_level(&self, level: &str) -> anyhow::Result<()> {
        self.filter.reload(filter(level)?).context("the log is closed")
    }
}

/// Begins to log, as `barbossa-ROLE`. Once per process.
///
/// # Errors
/// When `level` is neither a level nor a filter, or the process logs already.
pub fn start(role: &str, level: &str) -> anyhow::Result<Guard> {
    let (filter, handle) = reload::Layer::new(filter(level)?);
    let (to_journal, flush) = match connect(role) {
        Some((layer, flush)) => (Some(layer), Some(flush)),
        None => (None, None),
    };
    let to_terminal = to_journal.is_none().then(|| {
        fmt::layer()
            .with_writer(std::io::stderr)
            .with_ansi(std::io::stderr().is_terminal())
            .with_target(false)
            .boxed()
    });
    tracing_subscriber::registry()
        .with(filter)
        .with(to_journal)
        .with(to_terminal)
        .try_init()
        .context("cannot begin to log")?;
    log_panics();
    Ok(Guard { filter: handle, _journal: flush })
}

/// Whether `level` is one that `start` and `set_level` take.
///
/// # Errors
/// Says what is wrong with it.
pub fn check_level(level: &str) -> anyhow::Result<()> {
    filter(level).map(drop)
}

/// It warns of every oddity in a file of people's, such as a picture before the sound; what matters of that is ours to say.
const READS_PEOPLES_FILES: &str = "symphonia";

/// A bare level is ours; the libraries beneath us speak up from `warn` on. Anything else is a filter as it stands.
fn filter(level: &str) -> anyhow::Result<EnvFilter> {
    let level = level.trim().to_lowercase();
    let directives = match level.as_str() {
        "warn" | "info" | "debug" => format!("warn,{READS_PEOPLES_FILES}=error,barbossa={level}"),
        // Names of the first version, which was written in Python.
        "warning" => "warn".to_owned(),
        "critical" => "error".to_owned(),
        _ => level,
    };
    let is_level = |word: &str| ["off", "error", "warn", "info", "debug", "trace"].contains(&word);
    if !directives.contains(['=', ',']) && !is_level(&directives) {
        anyhow::bail!("`{directives}` is no log level; use error, warn, info or debug");
    }
    EnvFilter::builder().parse(&directives).with_context(|| format!("`{directives}` is no log filter"))
}

fn connect(role: &str) -> Option<(journal::JournalLayer, journal::Flush)> {
    if !systemd_journal_logger::connected_to_journal() {
        return None;
    }
    match journal::connect(&format!("barbossa-{role}"), role) {
        Ok(connected) => Some(connected),
        Err(error) => {
            // stderr goes to the journal too, only without fields.
            eprintln!("no connection to the journal, writing to stderr: {error}");
            None
        }
    }
}

/// A panic becomes one record with its place, instead of lines without priority on stderr.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let payload = panic.payload();
        let said = payload.downcast_ref::<&str>().copied();
        let said = said.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
        let said = said.unwrap_or("a panic without words");
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let backtrace = std::backtrace::Backtrace::capture();
        tracing::error!(place, %backtrace, "panicked: {said}");
    }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_level_is_ours_and_libraries_stay_quiet() {
        assert_eq!(filter("debug").unwrap().to_string(), "symphonia=error,barbossa=debug,warn");
        assert_eq!(filter(" INFO ").unwrap().to_string(), "symphonia=error,barbossa=info,warn");
    }

    #[test]
    fn a_filter_is_taken_as_it_stands() {
        assert_eq!(filter("barbossa::jobs=debug,warn").unwrap().to_string(), "barbossa::jobs=debug,warn");
    }

    #[test]
    fn levels_of_the_first_version_are_understood() {
        assert_eq!(filter("WARNING").unwrap().to_string(), "warn");
        assert!(check_level("CRITICAL").is_ok());
    }

    #[test]
    fn an_unknown_level_is_refused_with_those_that_there_are() {
        let error = filter("loud").unwrap_err().to_string();
        assert!(error.contains("`loud`") && error.contains("debug"), "{error}");
    }
}
