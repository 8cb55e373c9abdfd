//! The timetable: which jobs the clock puts into the queue, and when.
//!
//! The row in `schedule` is the whole truth about a timed job. Taking a due time and enqueueing the job are one
//! transaction, and taking it names the time that was seen, so any number of beats (on any number of hosts) enqueue a
//! due time once, without a leader. Times missed while nobody was there are made up for by one run.

use std::time::Duration;

use cronexpr::{Crontab, MakeTimestamp};
use futures_util::future::BoxFuture;
use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{Job, Prune, Vacuum, clock, enqueue};
use crate::app::App;
use crate::db::{Sql, Transaction};
use crate::error::{Error, Result};

/// A job that the clock enqueues.
#[derive(Clone, Copy)]
pub struct Timed {
    /// Its row in `schedule`: the job's kind, unless a kind has several times.
    pub name: &'static str,
    /// Minute, hour, day of the month, month, day of the week, in UTC.
    pub cron: &'static str,
    /// Enqueues it.
    pub enqueue: for<'a> fn(&'a Transaction<'a>) -> BoxFuture<'a, Result<i64>>,
}

impl Timed {
    /// A job that needs to be told nothing.
    pub const fn new<J: Job + Default + Sync>(cron: &'static str) -> Self {
        Self { name: J::KIND, cron, enqueue: enqueue_default::<J> }
    }
}

fn enqueue_default<'a, J: Job + Default + Sync>(tx: &'a Transaction<'a>) -> BoxFuture<'a, Result<i64>> {
    Box::pin(async move { enqueue(tx, &J::default()).await })
}

/// The hall's own times.
pub const TIMED: &[Timed] = &[Timed::new::<Prune>("20 4 * * *"), Timed::new::<Vacuum>("0 6 1 * *")];

/// The beat: enqueues what is due.
pub struct Beat {
    app: App,
    entries: Vec<Entry>,
    status: tokio::sync::watch::Sender<String>,
}

struct Entry {
    timed: Timed,
    times: Crontab,
}

/// No longer than this between two looks: another beat may have moved a time, and the clock may have been set.
const LOOK_EVERY: Duration = Duration::from_secs(15);
/// A server that takes longer over a round is not well; the clock must go on.
const PATIENCE: Duration = Duration::from_secs(10);
const LOOK_WHILE_AWAY_EVERY: Duration = Duration::from_millis(500);

const KNOWN: &str = "select name, next_run_at from schedule";
const FIRST: &str = "insert into schedule (name, next_run_at) values ($1, $2) on conflict on constraint schedule_pk do nothing";
const TAKE: &str =
    "update schedule set next_run_at = $3, last_run_at = $4 where name = $1 and next_run_at = $2";
const MOVE: &str = "update schedule set next_run_at = $3 where name = $1 and next_run_at = $2";

impl Beat {
    /// A beat with this timetable.
    ///
    /// # Errors
    /// When a time is not one, or two entries have one name.
    pub fn new(app: App, timetable: impl IntoIterator<Item = Timed>) -> anyhow::Result<Self> {
        let mut entries: Vec<Entry> = Vec::new();
        for timed in timetable {
            anyhow::ensure!(
                entries.iter().all(|e| e.timed.name != timed.name),
                "two timed jobs are called {}",
                timed.name
            );
            let times = cronexpr::parse_crontab(&format!("{} UTC", timed.cron))
                .map_err(|e| anyhow::anyhow!("the time of {} is not one: {e}", timed.name))?;
            entries.push(Entry { timed, times });
        }
        Ok(Self { app, entries, status: tokio::sync::watch::channel("starting".into()).0 })
    }

    /// `next: imports.sweep at 10:35 UTC`
    pub fn status(&self) -> String {
        self.status.borrow().clone()
    }

    /// Enqueues what is due until `stop`. `alive` is called each round, at least every 15 seconds.
    pub async fn run(&self, stop: CancellationToken, alive: impl Fn()) {
        let mut is_away = false;
        loop {
            alive();
            let ticked = tokio::time::timeout(PATIENCE, self.tick()).await;
            let pause = match ticked.unwrap_or(Err(Error::Unavailable("PostgreSQL does not answer"))) {
                Ok(next) => {
                    if std::mem::take(&mut is_away) {
                        tracing::info!("the clock goes on");
                    }
                    self.pause_until(next)
                }
                Err(error) => {
                    if !std::mem::replace(&mut is_away, true) {
                        tracing::warn!(error = &error as &dyn std::error::Error, "the clock stands still");
                    }
                    self.status.send_replace("waiting for PostgreSQL".into());
                    LOOK_WHILE_AWAY_EVERY
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    /// One round: enqueues what is due now; when the next one is.
    pub async fn tick(&self) -> Result<Option<(&'static str, Timestamp)>> {
        let now = self.app.clock.now();
        let mut client = self.app.db.get().await?;
        clock::look(&mut client).await?;
        let known = client.rows(KNOWN, &[]).await?;
        let mut next: Option<(&'static str, Timestamp)> = None;
        for entry in &self.entries {
            let seen = known.iter().find(|r| r.get::<_, &str>("name") == entry.timed.name);
            let seen: Option<Timestamp> = seen.map(|r| r.get("next_run_at"));
            let coming = entry.next_after(now)?;
            let at = entry.bring_up_to_date(&mut client, seen, coming, now).await?;
            if next.is_none_or(|(_, earliest)| at < earliest) {
                next = Some((entry.timed.name, at));
            }
        }
        let status = next.map_or_else(
            || "nothing is timed".to_owned(),
            |(name, at)| format!("next: {name} at {} UTC", at.strftime("%a %H:%M")),
        );
        self.status.send_replace(status);
        Ok(next)
    }

    fn pause_until(&self, next: Option<(&'static str, Timestamp)>) -> Duration {
        let until = next.map_or(LOOK_EVERY, |(_, at)| {
            Duration::try_from(at.duration_since(self.app.clock.now())).unwrap_or(Duration::ZERO)
        });
        until.clamp(Duration::from_millis(20), LOOK_EVERY)
    }
}

impl Entry {
    fn next_after(&self, now: Timestamp) -> Result<Timestamp> {
        let next = self.times.find_next(MakeTimestamp(now));
        Ok(next.map_err(|e| anyhow::anyhow!("no next time for {}: {e}", self.timed.name))?.timestamp())
    }

    /// Makes the row right (new, due, or moved by another timetable); when the job runs next.
    async fn bring_up_to_date(
        &self,
        client: &mut crate::db::Client,
        seen: Option<Timestamp>,
        coming: Timestamp,
        now: Timestamp,
    ) -> Result<Timestamp> {
        let name = self.timed.name;
        let Some(seen) = seen else {
            client.run(FIRST, &[&name, &coming]).await?;
            return Ok(coming);
        };
        if seen > now {
            if coming < seen {
                client.run(MOVE, &[&name, &seen, &coming]).await?;
            }
            return Ok(seen.min(coming));
        }
        let tx = client.transaction().await?;
        if tx.run(TAKE, &[&name, &seen, &coming, &now]).await? == 1 {
            let job_id = (self.timed.enqueue)(&tx).await?;
            tx.commit().await?;
            tracing::debug!(job_id, job_kind = name, "due");
        }
        Ok(coming)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_halls_own_times_are_times() {
        for timed in TIMED {
            let times = cronexpr::parse_crontab(&format!("{} UTC", timed.cron)).unwrap();
            assert!(times.find_next(MakeTimestamp(Timestamp::UNIX_EPOCH)).is_ok(), "{}", timed.name);
        }
    }
}
