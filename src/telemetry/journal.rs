//! The bridge from tracing to journald.
//!
//! An event and the fields of the spans around it become one owned record, which a bounded channel takes to a thread of
//! its own: the journal's socket blocks when journald does not read, and no task may wait for that. What does not fit
//! into the channel is counted and reported afterwards.

use std::fmt::{self, Write as _};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use log::kv;
use systemd_journal_logger::JournalLog;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Metadata, Subscriber, span};
use tracing_log::NormalizeEvent;
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, Scope};

/// Records that may wait for journald; some hundred kilobytes.
const QUEUE: usize = 4096;
/// How long the end of the process waits for the last records.
const FLUSH: Duration = Duration::from_secs(2);

/// Sends each event on its way to the journal.
pub(super) struct JournalLayer {
    queue: SyncSender<Letter>,
    lost: Arc<AtomicU64>,
}

/// Waits when dropped, two seconds at most, until what is queued was sent.
pub(super) struct Flush(SyncSender<Letter>);

enum Letter {
    Record(Box<Record>),
    Flush(SyncSender<()>),
}

/// Opens the way to journald.
///
/// # Errors
/// When journald's socket is not there.
pub(super) fn connect(identifier: &str, role: &str) -> io::Result<(JournalLayer, Flush)> {
    let journal = JournalLog::empty()?
        .with_syslog_identifier(identifier.to_owned())
        .add_extra_field("BARBOSSA_ROLE", role);
    let (queue, letters) = sync_channel(QUEUE);
    let lost = Arc::new(AtomicU64::new(0));
    let layer = JournalLayer { queue: queue.clone(), lost: lost.clone() };
    thread::Builder::new().name("journal".into()).spawn(move || post(&journal, &letters, &lost))?;
    Ok((layer, Flush(queue)))
}

fn post(journal: &JournalLog, letters: &Receiver<Letter>, lost: &AtomicU64) {
    let mut told: Option<Instant> = None;
    for letter in letters {
        match letter {
            Letter::Flush(done) => drop(done.send(())),
            Letter::Record(record) => send(journal, &record),
        }
        // At most one such line a second, or the complaint would be what does not fit.
        if told.is_none_or(|t| t.elapsed() > Duration::from_secs(1)) {
            let count = lost.swap(0, Ordering::Relaxed);
            if count > 0 {
                told = Some(Instant::now());
                send(journal, &Record::of_losses(count));
            }
        }
    }
}

/// A record that journald refuses has nowhere else to go.
fn send(journal: &JournalLog, record: &Record) {
    drop(record.with_log(|log| journal.journal_send(log)));
}

impl Drop for Flush {
    fn drop(&mut self) {
        let (done, wait) = sync_channel(1);
        let end = Instant::now() + FLUSH;
        let mut letter = Letter::Flush(done);
        loop {
            match self.0.try_send(letter) {
                Ok(()) => break,
                Err(TrySendError::Full(back)) if Instant::now() < end => {
                    letter = back;
                    thread::sleep(Duration::from_millis(5));
                }
                Err(_) => return,
            }
        }
        let _ = wait.recv_timeout(end.saturating_duration_since(Instant::now()));
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for JournalLayer {
    fn on_new_span(&self, attributes: &span::Attributes<'_>, id: &span::Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        span.extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &span::Id, values: &span::Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(fields) = span.extensions_mut().get_mut::<Fields>() {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        for span in context.event_scope(event).into_iter().flat_map(Scope::from_root) {
            if let Some(of_span) = span.extensions().get::<Fields>() {
                of_span.0.iter().for_each(|(name, value)| fields.put(name, value.clone()));
            }
        }
        let mut own = Fields::default();
        event.record(&mut own);
        let message = own.sentence();
        own.0.into_iter().for_each(|(name, value)| fields.put(name, value));
        // An event of the `log` crate carries its own place as fields; this makes them the metadata.
        let normalized = event.normalized_metadata();
        let record = Record::new(normalized.as_ref().unwrap_or_else(|| event.metadata()), message, fields);
        if self.queue.try_send(Letter::Record(Box::new(record))).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// Names and values, each name once: what comes later wins.
#[derive(Debug, Clone, Default)]
struct Fields(Vec<(&'static str, String)>);

impl Fields {
    fn put(&mut self, name: &'static str, value: String) {
        match self.0.iter_mut().find(|(there, _)| *there == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    /// What plain `journalctl` shows: the message, then the error, then what else the event itself says.
    fn sentence(&mut self) -> String {
        let mut sentence = self.take("message").unwrap_or_default();
        for (name, value) in self.0.iter().filter(|(name, _)| *name != "error") {
            let _ = write!(sentence, " {name}={value}");
        }
        if let Some((_, error)) = self.0.iter().find(|(name, _)| *name == "error") {
            let _ = write!(sentence, ": {error}");
        }
        sentence
    }

    fn take(&mut self, name: &str) -> Option<String> {
        let at = self.0.iter().position(|(there, _)| *there == name)?;
        Some(self.0.remove(at).1)
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        // tracing-log's own copies of file, line and target.
        if !field.name().starts_with("log.") {
            self.put(field.name(), value.to_owned());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        let mut text = value.to_string();
        let mut cause = value.source();
        while let Some(error) = cause {
            // Writing to a String cannot fail.
            let _ = write!(text, ": {error}");
            cause = error.source();
        }
        self.put(field.name(), text);
    }
}

struct Record {
    level: log::Level,
    target: String,
    module: Option<String>,
    file: Option<String>,
    line: Option<u32>,
    message: String,
    fields: Fields,
}

impl Record {
    fn new(metadata: &Metadata<'_>, message: String, fields: Fields) -> Self {
        Self {
            level: priority(*metadata.level()),
            target: metadata.target().to_owned(),
            module: metadata.module_path().map(str::to_owned),
            file: metadata.file().map(str::to_owned),
            line: metadata.line(),
            message,
            fields,
        }
    }

    fn of_losses(count: u64) -> Self {
        Self {
            level: log::Level::Warn,
            target: module_path!().to_owned(),
            module: None,
            file: None,
            line: None,
            message: format!("{count} log records were dropped: the journal did not keep up"),
            fields: Fields::default(),
        }
    }

    fn with_log<T>(&self, use_it: impl FnOnce(&log::Record<'_>) -> T) -> T {
        use_it(
            &log::Record::builder()
                .args(format_args!("{}", self.message))
                .level(self.level)
                .target(&self.target)
                .module_path(self.module.as_deref())
                .file(self.file.as_deref())
                .line(self.line)
                .key_values(&self.fields)
                .build(),
        )
    }
}

/// The journal logger sends error, warn, info, debug, trace as priorities 3, 4, 5, 6, 7, though syslog (RFC 5424,
/// table 2) has `info` at 6 and `debug` at 7, and 5 (`notice`) rings bells. One step down puts them right.
fn priority(level: Level) -> log::Level {
    match level {
        Level::ERROR => log::Level::Error,
        Level::WARN => log::Level::Warn,
        Level::INFO => log::Level::Debug,
        _ => log::Level::Trace,
    }
}

impl kv::Source for Fields {
    fn visit<'kvs>(&'kvs self, visitor: &mut dyn kv::VisitSource<'kvs>) -> Result<(), kv::Error> {
        self.0
            .iter()
            .try_for_each(|(name, value)| visitor.visit_pair(kv::Key::from_str(name), value.as_str().into()))
    }
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    fn record(log: impl FnOnce()) -> Box<Record> {
        let (queue, letters) = sync_channel(8);
        let layer = JournalLayer { queue, lost: Arc::default() };
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), log);
        match letters.try_recv().unwrap() {
            Letter::Record(record) => record,
            Letter::Flush(_) => unreachable!(),
        }
    }

    #[test]
    fn an_event_carries_the_fields_of_its_spans_and_the_inner_one_wins() {
        let record = record(|| {
            let _outer = tracing::info_span!("request", request_id = "r-1", job_id = 1).entered();
            let _inner = tracing::info_span!("job", job_id = 17, job_kind = tracing::field::Empty).entered();
            tracing::Span::current().record("job_kind", "imports.import_release");
            tracing::info!(size_bytes = 42, "filed");
        });
        assert_eq!(record.message, "filed size_bytes=42");
        let fields = record.fields.0;
        assert_eq!(
            fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>(),
            ["request_id=r-1", "job_id=17", "job_kind=imports.import_release", "size_bytes=42"]
        );
    }

    #[test]
    fn an_error_is_told_with_its_causes() {
        let error = anyhow::Error::from(io::Error::other("disk full")).context("cannot file the album");
        let error: &(dyn std::error::Error + 'static) = error.as_ref();
        let record = record(|| tracing::error!(error, "import failed"));
        assert_eq!(record.message, "import failed: cannot file the album: disk full");
        assert_eq!(record.fields.0, [("error", "cannot file the album: disk full".to_owned())]);
    }

    #[test]
    fn levels_arrive_as_the_priorities_of_syslog() {
        // What systemd-journal-logger sends for each level of the `log` crate.
        let sent = |level: Level| match priority(level) {
            log::Level::Error => 3,
            log::Level::Warn => 4,
            log::Level::Info => 5,
            log::Level::Debug => 6,
            log::Level::Trace => 7,
        };
        assert_eq!([Level::ERROR, Level::WARN, Level::INFO, Level::DEBUG].map(sent), [3, 4, 6, 7]);
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let (queue, _letters) = sync_channel(1);
        let lost = Arc::new(AtomicU64::new(0));
        let layer = JournalLayer { queue, lost: lost.clone() };
        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), || {
            (0..3).for_each(|n| tracing::info!(n, "much"));
        });
        assert_eq!(lost.load(Ordering::Relaxed), 2);
    }
}
