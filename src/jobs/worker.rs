//! The worker: takes jobs that are due, runs a few at once, takes back what lost workers left, and stops politely.
//!
//! A notice wakes it at once; it looks every two seconds anyway, since notices are only a hint. While PostgreSQL is
//! away it goes on with what it has, and looks again twice a second.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{broadcast, watch};
use tokio::task::{self, JoinError, JoinSet};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::attempt::{Attempt, Finished};
use super::lease::{self, Lease};
use super::{Queue, Registry};
use crate::app::App;
use crate::db::{Notice, Sql};
use crate::error::{Error, Result};

/// After so long without a sign of life a job is another worker's to take.
const LEASE: Duration = Duration::from_secs(30);
/// How long running jobs may take to reach a safe place when the worker stops.
const DRAIN: Duration = Duration::from_secs(240);
const LOOK_EVERY: Duration = Duration::from_secs(2);
const LOOK_WHILE_AWAY_EVERY: Duration = Duration::from_millis(400);
/// A server that takes longer over a look is not well; the loop must go on turning.
const PATIENCE: Duration = Duration::from_secs(8);
/// Rescue and counting cost a little, so a busy worker does not do them with each look.
const CARE_EVERY: Duration = Duration::from_secs(1);

/// One process's hands. See the module.
pub struct Worker {
    app: App,
    registry: Registry,
    queues: Vec<&'static str>,
    kinds: Vec<&'static str>,
    lanes: Vec<Lane>,
    lease: Duration,
    drain: Duration,
    name: String,
    running: AtomicUsize,
    waiting: AtomicI64,
    is_away: AtomicBool,
    looks: watch::Sender<u64>,
    cared_at: Mutex<Option<Instant>>,
}

/// Queues that share hands.
struct Lane {
    queues: Vec<&'static str>,
    kinds: Vec<&'static str>,
    hands: usize,
}

/// What runs now; owned by the loop alone.
#[derive(Default)]
struct Hands {
    tasks: JoinSet<Finished>,
    jobs: HashMap<task::Id, Running>,
    /// When jobs that were put off here are due again; those of other workers are seen by looking.
    due_at: Vec<Instant>,
}

struct Running {
    job_id: i64,
    /// Whose hand it has, by its place in the list of lanes.
    lane: usize,
    token: Uuid,
    stop: CancellationToken,
}

impl Worker {
    /// Runs jobs of these queues that the registry knows, up to `concurrency` at once.
    pub fn new(app: App, registry: Registry, queues: &[Queue], concurrency: usize) -> Self {
        let host =
            nix::unistd::gethostname().map_or_else(|_| "host".into(), |h| h.to_string_lossy().into_owned());
        Self {
            name: format!("{host}:{}:{}", app.role, std::process::id()),
            app,
            queues: Vec::new(),
            kinds: Vec::new(),
            registry,
            lanes: Vec::new(),
            lease: LEASE,
            drain: DRAIN,
            running: AtomicUsize::new(0),
            waiting: AtomicI64::new(0),
            is_away: AtomicBool::new(false),
            looks: watch::channel(0).0,
            cared_at: Mutex::new(None),
        }
        .with_hands(queues, concurrency)
    }

    /// The same, which runs jobs of these queues as well, so many at once: neither do they wait for the others, nor the
    /// others for them.
    #[must_use]
    pub fn with_hands(mut self, queues: &[Queue], hands: usize) -> Self {
        let names: Vec<&'static str> = queues.iter().map(|q| q.name()).collect();
        let kinds = self.registry.kinds_in(queues);
        self.queues.extend(&names);
        self.kinds.extend(&kinds);
        self.lanes.push(Lane { queues: names, kinds, hands: hands.max(1) });
        self
    }

    /// The same with another length of leases.
    #[must_use]
    pub fn with_lease(self, lease: Duration) -> Self {
        Self { lease, ..self }
    }

    /// The same with another patience for running jobs when it stops.
    #[must_use]
    pub fn with_drain(self, drain: Duration) -> Self {
        Self { drain, ..self }
    }

    /// `3 jobs running, 12 waiting`
    pub fn status(&self) -> String {
        let running = match self.running.load(Ordering::Relaxed) {
            1 => "1 job running".to_owned(),
            n => format!("{n} jobs running"),
        };
        if self.is_away.load(Ordering::Relaxed) {
            return format!("waiting for PostgreSQL, {running}");
        }
        format!("{running}, {} waiting", self.waiting.load(Ordering::Relaxed))
    }

    /// Counts the loop's rounds: as long as it grows, the worker is not stuck. At least one every two seconds (a little
    /// more while PostgreSQL does not answer).
    pub fn looks(&self) -> watch::Receiver<u64> {
        self.looks.subscribe()
    }

    /// Takes and runs jobs until `stop`; then tells those that run, waits for them, and hands back what is left.
    pub async fn run(&self, stop: CancellationToken) {
        let mut hands = Hands::default();
        let mut notices = self.app.notices.subscribe();
        while !stop.is_cancelled() {
            self.looks.send_modify(|n| *n += 1);
            let next = self.look(&mut hands, &stop).await;
            let woken = async {
                tokio::select! {
                    () = stop.cancelled() => {}
                    () = self.reason_to_look(&mut hands, &mut notices) => {}
                }
            };
            let _ = tokio::time::timeout_at(next, woken).await;
        }
        self.put_down(hands).await;
    }

    /// Runs the jobs that are due, and those that become due meanwhile, until none is left; how many attempts that were.
    /// For who works without a service.
    ///
    /// # Errors
    /// When PostgreSQL is away.
    pub async fn run_due(&self) -> Result<usize> {
        let (mut hands, mut count) = (Hands::default(), 0);
        // A job may wait for what another one does that it has enqueued.
        let mut notices = self.app.notices.subscribe();
        loop {
            self.take(&mut hands, &CancellationToken::new()).await?;
            let running = hands.jobs.len();
            if running == 0 {
                return Ok(count);
            }
            self.reason_to_look(&mut hands, &mut notices).await;
            count += running - hands.jobs.len();
        }
    }

    /// One look; when to look again at the latest.
    async fn look(&self, hands: &mut Hands, stop: &CancellationToken) -> Instant {
        let looked = tokio::time::timeout(PATIENCE, self.take(hands, stop)).await;
        let looked = looked.unwrap_or(Err(Error::Unavailable("PostgreSQL does not answer")));
        self.running.store(hands.jobs.len(), Ordering::Relaxed);
        let now = Instant::now();
        if let Err(error) = looked {
            if !self.is_away.swap(true, Ordering::Relaxed) {
                tracing::warn!(error = &error as &dyn std::error::Error, "cannot look for jobs");
            }
            return now + LOOK_WHILE_AWAY_EVERY;
        }
        if self.is_away.swap(false, Ordering::Relaxed) {
            tracing::info!("looking for jobs again");
        }
        hands.due_at.retain(|at| *at > now);
        hands.due_at.iter().copied().fold(now + LOOK_EVERY, Instant::min)
    }

    async fn take(&self, hands: &mut Hands, stop: &CancellationToken) -> Result<()> {
        let client = self.app.db.get().await?;
        if self.should_care() {
            self.care(&client).await?;
        }
        for (at, Lane { queues, kinds, hands: all }) in self.lanes.iter().enumerate() {
            let free = all.saturating_sub(hands.jobs.values().filter(|job| job.lane == at).count());
            if free == 0 || queues.is_empty() {
                continue;
            }
            for lease in lease::acquire(&client, queues, kinds, free, &self.name, self.lease).await? {
                self.begin(hands, lease, at, stop);
            }
        }
        Ok(())
    }

    fn should_care(&self) -> bool {
        let mut cared_at = self.cared_at.lock().unwrap_or_else(PoisonError::into_inner);
        let should = cared_at.is_none_or(|at| at.elapsed() >= CARE_EVERY);
        if should {
            *cared_at = Some(Instant::now());
        }
        should
    }

    async fn care(&self, client: &impl Sql) -> Result<()> {
        match lease::rescue(client).await {
            // A twin was enqueued while we looked: the next look sees it.
            Err(error) if error.constraint() == Some("job_waiting") => {}
            rescued => drop(rescued?),
        }
        self.waiting.store(lease::waiting(client, &self.queues, &self.kinds).await?, Ordering::Relaxed);
        Ok(())
    }

    fn begin(&self, hands: &mut Hands, lease: Lease, lane: usize, stop: &CancellationToken) {
        let run = self.registry.find(&lease.kind).expect("acquire asks only for kinds of the registry");
        let stop = stop.child_token();
        let running = Running { job_id: lease.id, lane, token: lease.token, stop: stop.clone() };
        let attempt = Attempt { app: self.app.clone(), lease, length: self.lease, run, stop };
        let task = hands.tasks.spawn(attempt.run());
        hands.jobs.insert(task.id(), running);
    }

    /// Returns when a hand is free again, or when something was said that makes a look worth it.
    async fn reason_to_look(&self, hands: &mut Hands, notices: &mut broadcast::Receiver<Notice>) {
        loop {
            tokio::select! {
                Some(ended) = hands.tasks.join_next_with_id(), if !hands.tasks.is_empty() => {
                    hands.note(ended);
                    while let Some(ended) = hands.tasks.try_join_next_with_id() {
                        hands.note(ended);
                    }
                    return;
                }
                heard = notices.recv() => {
                    let mut is_reason = self.hear(hands, heard);
                    while let Ok(more) = notices.try_recv() {
                        is_reason |= self.hear(hands, Ok(more));
                    }
                    if is_reason {
                        return;
                    }
                }
            }
        }
    }

    fn hear(&self, hands: &Hands, heard: Result<Notice, RecvError>) -> bool {
        match heard {
            Ok(Notice::Message { channel, payload }) if channel == "barbossa_job" => {
                match payload.strip_prefix("cancel:").map(str::parse::<i64>) {
                    Some(Ok(id)) => {
                        hands.jobs.values().filter(|r| r.job_id == id).for_each(|r| r.stop.cancel());
                        false
                    }
                    _ => self.queues.contains(&payload.as_str()),
                }
            }
            Ok(Notice::Message { .. }) => false,
            Ok(Notice::Resync) | Err(_) => true,
        }
    }

    /// The end: running jobs have been told by their tokens; what does not stop in time is ended and handed back.
    async fn put_down(&self, mut hands: Hands) {
        let in_time = tokio::time::timeout(self.drain, async {
            while let Some(ended) = hands.tasks.join_next_with_id().await {
                hands.note(ended);
                self.running.store(hands.jobs.len(), Ordering::Relaxed);
                self.looks.send_modify(|n| *n += 1);
            }
        });
        if in_time.await.is_ok() {
            return;
        }
        hands.tasks.shutdown().await;
        tracing::warn!(jobs = hands.jobs.len(), "jobs did not stop in time and are handed back");
        let Ok(client) = self.app.db.get().await else { return };
        for (_, left) in hands.jobs.drain() {
            if let Err(error) = lease::hand_back(&client, left.job_id, left.token).await {
                tracing::warn!(
                    job_id = left.job_id,
                    error = &error as &dyn std::error::Error,
                    "a job could not be handed back; it comes back when its lease has run out"
                );
            }
        }
        self.running.store(0, Ordering::Relaxed);
    }
}

impl Hands {
    fn note(&mut self, ended: Result<(task::Id, Finished), JoinError>) {
        let again_after = match ended {
            Ok((id, finished)) => {
                self.jobs.remove(&id);
                finished.again_after
            }
            Err(broken) => {
                self.jobs.remove(&broken.id());
                None
            }
        };
        if let Some(after) = again_after {
            self.due_at.push(Instant::now() + after);
        }
    }
}
