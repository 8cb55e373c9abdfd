//! One attempt of one job: runs the handler, keeps the lease, passes progress on, writes down the end.
//!
//! The handler runs in a task of its own, so that a panic is an error like any other and a handler that forgets the
//! lease can be ended. The lease is counted by our own clock: when PostgreSQL cannot be asked for its whole length,
//! the attempt stops by itself before anyone else may take the job.

use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument;

use super::lease::{Held, Lease, Verdict};
use super::registry::Run;
use super::{Context, Outcome, backoff};
use crate::app::App;
use crate::error::{Error, Result};
use crate::telemetry::REQUEST_ID;

/// Progress is written at most this often.
const PROGRESS_EVERY: Duration = Duration::from_secs(1);
/// How often the end is offered to a database that is away.
const END_AGAIN_EVERY: Duration = Duration::from_millis(250);

/// See the module.
pub(super) struct Attempt {
    pub app: App,
    pub lease: Lease,
    pub length: Duration,
    pub run: Run,
    pub stop: CancellationToken,
}

/// What the worker needs to know afterwards.
pub(super) struct Finished {
    /// It comes back after this time.
    pub again_after: Option<Duration>,
}

impl Attempt {
    /// Runs it to its end. Dropping the future ends the handler; the lease then runs out.
    pub async fn run(mut self) -> Finished {
        let span = tracing::info_span!(
            "job",
            job_id = self.lease.id,
            job_kind = %self.lease.kind,
            request_id = self.lease.request_id.as_deref()
        );
        async {
            let started = Instant::now();
            let Some(outcome) = self.watch().await else {
                tracing::warn!("the lease was lost: what this attempt did no longer counts");
                return Finished { again_after: None };
            };
            Finished { again_after: self.settle(outcome, started.elapsed()).await }
        }
        .instrument(span)
        .await
    }

    /// The handler's answer, or nothing when the lease was lost.
    async fn watch(&mut self) -> Option<Result<Outcome>> {
        let (progress, mut seen) = watch::channel(None);
        let mut handler = self.start(progress);
        let mut extend = tokio::time::interval_at(Instant::now() + self.length / 3, self.length / 3);
        extend.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut report = tokio::time::interval(PROGRESS_EVERY);
        report.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                ended = &mut handler => return Some(ended.unwrap_or_else(|e| Err(broken(e)))),
                _ = extend.tick() => if self.extend().await == Held::Lost { return None },
                _ = report.tick() => self.report(&mut seen).await,
                () = tokio::time::sleep_until(self.lease.ends_at) => return None,
            }
            if self.lease.ends_at.saturating_duration_since(Instant::now()) < self.length / 5 {
                self.stop.cancel();
            }
        }
    }

    fn start(&mut self, progress: watch::Sender<Option<Value>>) -> AbortOnDropHandle<Result<Outcome>> {
        let context = Context {
            app: self.app.clone(),
            id: self.lease.id,
            attempt: self.lease.attempt,
            lease: self.lease.token,
            stop: self.stop.clone(),
            request_id: self.lease.request_id.clone(),
            progress,
        };
        let work = (self.run)(self.lease.payload.take(), context).in_current_span();
        AbortOnDropHandle::new(match self.lease.request_id.clone() {
            Some(id) => tokio::spawn(REQUEST_ID.scope(id, work)),
            None => tokio::spawn(work),
        })
    }

    async fn extend(&mut self) -> Held {
        let ends_at = self.lease.ends_at;
        let asked = tokio::time::timeout_at(ends_at, async {
            let client = self.app.db.get().await?;
            self.lease.extend(&client, self.length).await
        });
        match asked.await {
            Ok(Ok(held)) => {
                if held != Held::Yes {
                    self.stop.cancel();
                }
                held
            }
            // Still ours until `ends_at`; the next tick asks again.
            Ok(Err(error)) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "the lease could not be extended");
                Held::Yes
            }
            Err(_) => Held::Lost,
        }
    }

    async fn report(&self, seen: &mut watch::Receiver<Option<Value>>) {
        if !seen.has_changed().unwrap_or(false) {
            return;
        }
        let progress = seen.borrow_and_update().clone();
        if let (Some(progress), Ok(client)) = (progress, self.app.db.get().await)
            && let Err(error) = self.lease.report(&client, &progress).await
        {
            tracing::debug!(error = &error as &dyn std::error::Error, "progress could not be written");
        }
    }

    /// Writes the end down; tries until the lease is over, since the work is done and only its end is not yet kept.
    async fn settle(&self, outcome: Result<Outcome>, took: Duration) -> Option<Duration> {
        let mut verdict = self.judge(outcome);
        loop {
            let written = match self.app.db.get().await {
                Ok(client) => self.lease.end(&client, &verdict).await,
                Err(error) => Err(error),
            };
            match written {
                Ok(true) => break,
                Ok(false) => {
                    tracing::warn!("the lease was lost before the end could be written");
                    return None;
                }
                Err(error) if Instant::now() >= self.lease.ends_at => {
                    tracing::error!(
                        error = &error as &dyn std::error::Error,
                        "the end could not be written: the job will run again"
                    );
                    return None;
                }
                Err(error) if error.is_database_away() => tokio::time::sleep(END_AGAIN_EVERY).await,
                // What the handler answered cannot be kept (a NUL in JSON, say). The work must not be done for ever.
                Err(error) if !matches!(verdict, Verdict::Discarded(_)) => {
                    verdict = Verdict::Discarded(format!("The end could not be kept: {}", sentence(&error)));
                }
                Err(error) => {
                    tracing::error!(error = &error as &dyn std::error::Error, "the end was refused");
                    return None;
                }
            }
        }
        self.tell(&verdict, took);
        match verdict {
            Verdict::Again { after, .. } => Some(after),
            _ => None,
        }
    }

    fn judge(&self, outcome: Result<Outcome>) -> Verdict {
        match outcome {
            Ok(Outcome::Done(result)) => Verdict::Completed(result),
            Ok(Outcome::Cancel(reason)) => Verdict::Cancelled(reason),
            Ok(Outcome::Snooze(after)) => Verdict::Again { after, error: None },
            // It was told to stop and did, in its way.
            Err(_) if self.stop.is_cancelled() => Verdict::Again { after: Duration::ZERO, error: None },
            Err(error) if self.lease.attempt >= self.lease.max_attempts => {
                Verdict::Discarded(sentence(&error))
            }
            // Nothing is wrong with the job; and once the database is back, people wait.
            Err(error) if error.is_database_away() => {
                Verdict::Again { after: Duration::from_secs(1), error: Some(sentence(&error)) }
            }
            Err(error) => {
                let chance = f64::from(getrandom::u32().unwrap_or(u32::MAX / 2)) / f64::from(u32::MAX);
                let after = backoff::delay(self.lease.attempt, chance);
                Verdict::Again { after, error: Some(sentence(&error)) }
            }
        }
    }

    fn tell(&self, verdict: &Verdict, took: Duration) {
        let (kind, attempt, took_ms) = (&self.lease.kind, self.lease.attempt, took.as_millis());
        match verdict {
            Verdict::Completed(_) => tracing::info!(attempt, %took_ms, "{kind} done"),
            Verdict::Cancelled(reason) => tracing::info!(attempt, %took_ms, reason, "{kind} cancelled"),
            Verdict::Again { after, error: None } => {
                tracing::debug!(attempt, %took_ms, ?after, "{kind} put off");
            }
            Verdict::Again { after, error: Some(error) } => {
                let max_attempts = self.lease.max_attempts;
                tracing::warn!(attempt, max_attempts, %took_ms, ?after, error, "{kind} failed, will be tried again");
            }
            Verdict::Discarded(error) => {
                tracing::error!(attempt, %took_ms, error, "{kind} failed for the last time");
            }
        }
    }
}

/// What a person reads in the row.
fn sentence(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        source = inner.source();
    }
    // PostgreSQL has no NUL in texts.
    text.replace('\0', "\u{fffd}")
}

fn broken(ended: tokio::task::JoinError) -> Error {
    let Ok(panic) = ended.try_into_panic() else {
        return Error::Conflict("the attempt was ended from outside".into());
    };
    let text = panic
        .downcast_ref::<&str>()
        .map(|s| (*s).to_owned())
        .or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".into());
    Error::Internal(anyhow::anyhow!("a defect in the program: {text}"))
}
