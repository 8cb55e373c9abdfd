//! The queue keeps what it promises: every job to an end, none twice at once, none lost, effects once.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use barbossa::app::App;
use barbossa::config::Settings;
use barbossa::db::{Db, Sql, migrate};
use barbossa::error::Result;
use barbossa::jobs::schedule::{Beat, Timed};
use barbossa::jobs::{self, Context, End, Job, Outcome, Prune, Queue, Registry, Worker, enqueue, wait};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::harness::{Postgres, Town, eventually};

/// What the jobs of these tests do, so that a test needs to know nothing about another's.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Play {
    /// Written into `effect` under the fence, when set.
    effect: Option<i32>,
    key: Option<String>,
    /// What happens after the gate.
    then: Then,
    /// Wait until the test opens the gate, or until told to stop.
    is_gated: bool,
    is_deaf: bool,
    sleep_ms: u64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
enum Then {
    #[default]
    Done,
    SnoozeTwice,
    Fail,
    Panic,
    Cancel,
}

const EFFECT: &str = "insert into effect (n) values ($1)";

impl Job for Play {
    const KIND: &'static str = "test.play";
    const QUEUE: Queue = Queue::Imports;
    const MAX_ATTEMPTS: i32 = 3;

    fn unique_key(&self) -> Option<String> {
        self.key.clone()
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        let stage = context.app.kept::<Stage>();
        let _player = stage.enter();
        tokio::time::sleep(Duration::from_millis(self.sleep_ms)).await;
        if self.is_gated {
            let mut gate = stage.gate.subscribe();
            tokio::select! {
                _ = gate.wait_for(|is_open| *is_open) => {}
                () = context.stop.cancelled(), if !self.is_deaf => return Ok(Outcome::Snooze(Duration::ZERO)),
            }
        }
        if let Some(n) = self.effect {
            let mut client = context.app.db.get().await?;
            let tx = client.transaction().await?;
            context.hold(&tx).await?;
            tx.execute(EFFECT, &[&n]).await?;
            tx.commit().await?;
        }
        match self.then {
            Then::Done => Ok(Outcome::Done(json!({"effect": self.effect}))),
            Then::SnoozeTwice if stage.runs.load(Ordering::SeqCst) < 3 => {
                Ok(Outcome::Snooze(Duration::from_millis(30)))
            }
            Then::SnoozeTwice => Ok(Outcome::Done(json!(context.attempt))),
            Then::Fail => Err(anyhow::anyhow!("the record is scratched").into()),
            Then::Panic => panic!("out of tune"),
            Then::Cancel => Ok(Outcome::Cancel("nobody came".into())),
        }
    }
}

/// What a process's players share with the test.
struct Stage {
    gate: watch::Sender<bool>,
    playing: AtomicUsize,
    most_at_once: AtomicUsize,
    runs: AtomicUsize,
}

impl Default for Stage {
    fn default() -> Self {
        Self {
            gate: watch::channel(false).0,
            playing: AtomicUsize::default(),
            most_at_once: AtomicUsize::default(),
            runs: AtomicUsize::default(),
        }
    }
}

impl Stage {
    fn enter(&self) -> Playing<'_> {
        self.runs.fetch_add(1, Ordering::SeqCst);
        let now = self.playing.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_at_once.fetch_max(now, Ordering::SeqCst);
        Playing(self)
    }
}

struct Playing<'a>(&'a Stage);

impl Drop for Playing<'_> {
    fn drop(&mut self) {
        self.0.playing.fetch_sub(1, Ordering::SeqCst);
    }
}

struct Hall {
    town: Town,
    app: App,
}

impl Hall {
    async fn new() -> Self {
        let town = Town::new().await;
        // No constraint on `n`: a second effect must be seen, not refused.
        town.execute("create table effect (n integer not null)").await;
        let app = town.app();
        Self { town, app }
    }

    fn worker(app: &App) -> Worker {
        Worker::new(
            app.clone(),
            Registry::new().with::<Play>().with::<Prune>(),
            &[Queue::Imports, Queue::Maintenance],
            4,
        )
        .with_lease(Duration::from_millis(1500))
    }

    fn start(&self, worker: Worker) -> (JoinHandle<()>, CancellationToken) {
        let stop = self.town.stop().child_token();
        let token = stop.clone();
        (tokio::spawn(async move { worker.run(token).await }), stop)
    }

    async fn put(&self, play: Play) -> i64 {
        enqueue(&self.app.db.get().await.unwrap(), &play).await.unwrap()
    }

    async fn end(&self, id: i64) -> End {
        let mut ended = wait(&self.app, &[id], Duration::from_secs(15)).await;
        ended.pop().unwrap_or_else(|| panic!("job {id} did not end")).end
    }

    async fn state(&self, id: i64) -> String {
        self.town.value(&format!("select state from job where id = {id}")).await
    }

    async fn in_state(&self, id: i64, state: &str) {
        eventually(&format!("job {id} is {state}"), || async { self.state(id).await == state }).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_run_each_job_once() {
    let hall = Hall::new().await;
    let other = hall.town.app();
    let mut ids = Vec::new();
    for n in 0..60 {
        ids.push(hall.put(Play { effect: Some(n), ..Play::default() }).await);
    }
    hall.start(Hall::worker(&hall.app));
    hall.start(Hall::worker(&other));
    assert_eq!(wait(&hall.app, &ids, Duration::from_secs(15)).await.len(), 60);
    let counts: i64 = hall.town.value("select count(*) * 1000 + count(distinct n) from effect").await;
    assert_eq!(counts, 60_060);
}

#[tokio::test]
async fn a_job_starts_as_soon_as_it_is_committed() {
    let hall = Hall::new().await;
    hall.start(Hall::worker(&hall.app));
    hall.end(hall.put(Play::default()).await).await;
    // Just after a look, the next is two seconds away: only the notice can be quicker.
    let started = Instant::now();
    hall.end(hall.put(Play::default()).await).await;
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
}

#[tokio::test]
async fn whoever_has_lost_the_lease_can_neither_act_nor_finish() {
    let hall = Hall::new().await;
    let id = hall.put(Play { is_gated: true, is_deaf: true, effect: Some(1), ..Play::default() }).await;
    hall.start(Hall::worker(&hall.app));
    hall.in_state(id, "running").await;
    let thief = "00000000-0000-0000-0000-000000000001";
    hall.town
        .execute(&format!(
            "update job set lease_token = '{thief}', lease_expires_at = now() + interval '1 hour'"
        ))
        .await;
    hall.app.kept::<Stage>().gate.send_replace(true);
    let stage = hall.app.kept::<Stage>();
    eventually("the handler ends", || async { stage.playing.load(Ordering::SeqCst) == 0 }).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(hall.town.value::<i64>("select count(*) from effect").await, 0);
    assert_eq!(hall.town.value::<String>("select lease_token::text from job").await, thief);
}

#[tokio::test]
async fn a_lost_lease_ends_the_handler() {
    let hall = Hall::new().await;
    let id = hall.put(Play { is_gated: true, is_deaf: true, ..Play::default() }).await;
    hall.start(Hall::worker(&hall.app));
    hall.in_state(id, "running").await;
    hall.town
        .execute(
            "update job set lease_token = gen_random_uuid(), lease_expires_at = now() + interval '1 hour'",
        )
        .await;
    let stage = hall.app.kept::<Stage>();
    eventually("the handler is ended", || async { stage.playing.load(Ordering::SeqCst) == 0 }).await;
}

#[tokio::test]
async fn a_change_made_while_the_job_runs_is_not_lost() {
    let hall = Hall::new().await;
    let play = Play { is_gated: true, key: Some("ada".into()), ..Play::default() };
    let first = hall.put(play.clone()).await;
    hall.start(Hall::worker(&hall.app));
    hall.in_state(first, "running").await;
    let second = hall.put(play.clone()).await;
    assert_ne!(first, second, "the running job has read its input already");
    assert_eq!(second, hall.put(play).await, "one that waits is enough");
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(hall.state(second).await, "available", "a key does not overlap itself");
    hall.app.kept::<Stage>().gate.send_replace(true);
    assert_eq!(wait(&hall.app, &[first, second], Duration::from_secs(15)).await.len(), 2);
    let stage = hall.app.kept::<Stage>();
    assert_eq!((stage.runs.load(Ordering::SeqCst), stage.most_at_once.load(Ordering::SeqCst)), (2, 1));
}

#[tokio::test]
async fn a_snooze_costs_no_attempt() {
    let hall = Hall::new().await;
    let id = hall.put(Play { then: Then::SnoozeTwice, ..Play::default() }).await;
    hall.start(Hall::worker(&hall.app));
    assert_eq!(hall.end(id).await, End::Completed(json!(1)));
    assert_eq!(hall.app.kept::<Stage>().runs.load(Ordering::SeqCst), 3);
}

#[tokio::test]
async fn a_job_that_fails_backs_off_and_is_discarded_with_its_reason() {
    let hall = Hall::new().await;
    let id = hall.put(Play { then: Then::Fail, ..Play::default() }).await;
    hall.start(Hall::worker(&hall.app));
    for attempt in 1..3 {
        let failed =
            format!("select attempt = {attempt} and state = 'available' and run_at > now() from job");
        eventually("it waits for its next attempt", || async { hall.town.value(&failed).await }).await;
        hall.town.execute("update job set run_at = now()").await;
    }
    assert_eq!(hall.end(id).await, End::Discarded("the record is scratched".into()));
    assert_eq!(hall.town.value::<i32>("select attempt from job").await, 3);
}

#[tokio::test]
async fn a_person_can_retry_what_was_discarded() {
    let hall = Hall::new().await;
    let id = hall.put(Play { then: Then::Fail, key: Some("k".into()), ..Play::default() }).await;
    hall.town.execute("update job set attempt = 2").await;
    let (running, stop) = hall.start(Hall::worker(&hall.app));
    assert!(matches!(hall.end(id).await, End::Discarded(_)));
    stop.cancel();
    running.await.unwrap();
    let client = hall.app.db.get().await.unwrap();
    let twin = hall.put(Play { key: Some("k".into()), ..Play::default() }).await;
    assert!(!jobs::retry(&client, id).await.unwrap(), "a twin waits already");
    hall.town.execute(&format!("delete from job where id = {twin}")).await;
    assert!(jobs::retry(&client, id).await.unwrap());
    let row: String = hall.town.value("select state || attempt from job").await;
    assert_eq!(row, "available0");
    assert!(!jobs::retry(&client, id).await.unwrap(), "it waits");
}

#[tokio::test]
async fn a_panic_is_an_error_like_any_other() {
    let hall = Hall::new().await;
    let id = hall.put(Play { then: Then::Panic, ..Play::default() }).await;
    hall.town.execute("update job set attempt = 2").await;
    hall.start(Hall::worker(&hall.app));
    let End::Discarded(why) = hall.end(id).await else { panic!("it ended otherwise") };
    assert!(why.contains("out of tune"), "{why}");
}

#[tokio::test]
async fn an_answer_that_cannot_be_kept_does_not_make_the_job_run_for_ever() {
    #[derive(Serialize, Deserialize)]
    struct Nul {}
    impl Job for Nul {
        const KIND: &'static str = "test.nul";
        const QUEUE: Queue = Queue::Imports;
        async fn run(self, _: &Context) -> Result<Outcome> {
            Ok(Outcome::Done(json!("a\0b")))
        }
    }
    let hall = Hall::new().await;
    let id = enqueue(&hall.app.db.get().await.unwrap(), &Nul {}).await.unwrap();
    hall.start(Worker::new(hall.app.clone(), Registry::new().with::<Nul>(), &[Queue::Imports], 1));
    assert!(matches!(hall.end(id).await, End::Discarded(why) if why.contains("could not be kept")));
}

#[tokio::test]
async fn a_job_that_can_never_work_says_why() {
    let hall = Hall::new().await;
    let id = hall.put(Play { then: Then::Cancel, ..Play::default() }).await;
    hall.start(Hall::worker(&hall.app));
    assert_eq!(hall.end(id).await, End::Cancelled("nobody came".into()));
}

#[tokio::test]
async fn a_person_can_cancel_what_waits_and_what_runs() {
    let hall = Hall::new().await;
    let client = hall.app.db.get().await.unwrap();
    let waiting = hall.put(Play::default()).await;
    assert!(jobs::cancel(&client, waiting).await.unwrap());
    assert_eq!(hall.end(waiting).await, End::Cancelled("Cancelled.".into()));
    assert!(!jobs::cancel(&client, waiting).await.unwrap(), "it has ended");
    let running = hall.put(Play { is_gated: true, ..Play::default() }).await;
    hall.start(Hall::worker(&hall.app));
    hall.in_state(running, "running").await;
    assert!(jobs::cancel(&client, running).await.unwrap());
    assert_eq!(hall.end(running).await, End::Cancelled("Cancelled.".into()));
}

#[tokio::test]
async fn a_lost_workers_job_goes_to_another() {
    let hall = Hall::new().await;
    let id = hall.put(Play { is_gated: true, ..Play::default() }).await;
    let (running, _) = hall.start(Hall::worker(&hall.app));
    hall.in_state(id, "running").await;
    running.abort();
    let other = hall.town.app();
    other.kept::<Stage>().gate.send_replace(true);
    hall.start(Hall::worker(&other));
    assert!(matches!(hall.end(id).await, End::Completed(_)));
    assert_eq!(hall.town.value::<i32>("select attempt from job").await, 2);
}

#[tokio::test]
async fn a_waiting_job_does_not_run_before_the_change_it_was_wanted_for_is_committed() {
    let hall = Hall::new().await;
    let play = Play { key: Some("k".into()), effect: Some(1), ..Play::default() };
    let waiting = hall.put(play.clone()).await;
    let mut client = hall.app.db.get().await.unwrap();
    let change = client.transaction().await.unwrap();
    assert_eq!(enqueue(&change, &play).await.unwrap(), waiting);
    hall.start(Hall::worker(&hall.app));
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(hall.state(waiting).await, "available");
    change.commit().await.unwrap();
    assert!(matches!(hall.end(waiting).await, End::Completed(_)));
}

#[tokio::test]
async fn a_lost_workers_job_makes_way_for_its_twin() {
    let hall = Hall::new().await;
    let play = Play { is_gated: true, key: Some("ada".into()), ..Play::default() };
    let first = hall.put(play.clone()).await;
    let (running, _) = hall.start(Hall::worker(&hall.app));
    hall.in_state(first, "running").await;
    let twin = hall.put(play).await;
    running.abort();
    let other = hall.town.app();
    other.kept::<Stage>().gate.send_replace(true);
    hall.start(Hall::worker(&other));
    assert!(matches!(hall.end(first).await, End::Cancelled(_)));
    assert!(matches!(hall.end(twin).await, End::Completed(_)));
}

#[tokio::test]
async fn a_job_that_takes_its_worker_with_it_is_not_tried_for_ever() {
    let hall = Hall::new().await;
    let id = hall.put(Play::default()).await;
    hall.town
        .execute(
            "update job set state = 'running', attempt = 3, lease_token = gen_random_uuid(),
                lease_expires_at = now() - interval '1 second'",
        )
        .await;
    hall.start(Hall::worker(&hall.app));
    assert!(matches!(hall.end(id).await, End::Discarded(why) if why.contains("worker was lost")));
}

#[tokio::test]
async fn stopping_hands_jobs_back_without_spending_an_attempt() {
    let hall = Hall::new().await;
    let polite = hall.put(Play { is_gated: true, ..Play::default() }).await;
    let deaf = hall.put(Play { is_gated: true, is_deaf: true, ..Play::default() }).await;
    let (running, stop) = hall.start(Hall::worker(&hall.app).with_drain(Duration::from_millis(300)));
    hall.in_state(polite, "running").await;
    hall.in_state(deaf, "running").await;
    stop.cancel();
    running.await.unwrap();
    for id in [polite, deaf] {
        let row: String = hall.town.value(&format!("select state || attempt from job where id = {id}")).await;
        assert_eq!(row, "available0");
    }
}

#[tokio::test]
async fn waiting_ends_in_time_with_what_has_ended() {
    let hall = Hall::new().await;
    let quick = hall.put(Play { effect: Some(7), ..Play::default() }).await;
    let slow = hall.put(Play { is_gated: true, ..Play::default() }).await;
    hall.start(Hall::worker(&hall.app));
    let started = Instant::now();
    let ended = wait(&hall.app, &[slow, quick], Duration::from_millis(700)).await;
    assert!(started.elapsed() < Duration::from_millis(1200));
    assert_eq!(ended.len(), 1);
    assert_eq!((ended[0].id, &ended[0].end), (quick, &End::Completed(json!({"effect": 7}))));
    assert_eq!(wait(&hall.app, &[], Duration::from_secs(9)).await, []);
}

#[tokio::test]
async fn a_worker_leaves_kinds_and_queues_alone_that_are_not_its_own() {
    let hall = Hall::new().await;
    hall.town
        .execute(
            "insert into job (queue, kind) values ('imports', 'test.of_a_later_version'), ('downloads', 'test.play')",
        )
        .await;
    hall.start(Hall::worker(&hall.app));
    hall.end(hall.put(Play::default()).await).await;
    assert_eq!(hall.town.value::<i64>("select count(*) from job where state = 'available'").await, 2);
}

#[tokio::test]
async fn status_tells_what_runs_and_what_waits() {
    let hall = Hall::new().await;
    for _ in 0..6 {
        hall.put(Play { is_gated: true, ..Play::default() }).await;
    }
    let worker = std::sync::Arc::new(Hall::worker(&hall.app));
    let (running, stop) = (std::sync::Arc::clone(&worker), hall.town.stop());
    tokio::spawn(async move { running.run(stop).await });
    eventually("the status says so", || async { worker.status() == "4 jobs running, 2 waiting" }).await;
}

/// Promises 2 and 3, with the workers' deaths drawn by chance.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_runs_what_is_due_takes_what_is_enqueued_while_a_job_runs_and_leaves_what_is_for_later() {
    let hall = Hall::new().await;
    let worker = Hall::worker(&hall.app);
    assert_eq!(worker.run_due().await.unwrap(), 0, "nothing is due");
    let later = hall.put(Play::default()).await;
    hall.town.execute("update job set run_at = now() + interval '1 hour'").await;
    let waiting = hall.put(Play { is_gated: true, ..Play::default() }).await;
    let others = async {
        hall.in_state(waiting, "running").await;
        // The one that waits needs this one; nobody's hand is free by then but the worker's own.
        let needed = hall.put(Play { effect: Some(1), ..Play::default() }).await;
        assert_eq!(hall.end(needed).await, End::Completed(json!({"effect": 1})));
        assert_eq!(hall.state(waiting).await, "running");
        hall.app.kept::<Stage>().gate.send_replace(true);
    };
    let (ran, ()) = tokio::join!(worker.run_due(), others);
    assert_eq!(ran.unwrap(), 2);
    assert_eq!(
        (hall.state(waiting).await, hall.state(later).await),
        ("completed".into(), "available".into())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_jobs_survive_the_deaths_of_their_workers() {
    const JOBS: i32 = 500;
    let hall = Hall::new().await;
    let client = hall.app.db.get().await.unwrap();
    for n in 0..JOBS {
        let sleep_ms = u64::from(getrandom::u32().unwrap() % 12);
        let key = (n % 3 == 0).then(|| format!("key {}", n % 30));
        // A key's twins are one job: each of these jobs is its own.
        let key = key.map(|k| format!("{k} {n}"));
        enqueue(&client, &Play { effect: Some(n), key, sleep_ms, ..Play::default() }).await.unwrap();
    }
    hall.town.execute("update job set max_attempts = 1000").await;
    let mut workers: Vec<JoinHandle<()>> = Vec::new();
    let mut deaths = 0;
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        workers.retain(|w| !w.is_finished());
        while workers.len() < 3 {
            let worker = Hall::worker(&hall.app).with_lease(Duration::from_millis(400));
            workers.push(hall.start(worker).0);
        }
        tokio::time::sleep(Duration::from_millis(u64::from(getrandom::u32().unwrap() % 80))).await;
        if deaths < 25 {
            workers[0].abort();
            deaths += 1;
        }
        let left: i64 = hall.town.value("select count(*) from job where finished_at is null").await;
        if left == 0 {
            break;
        }
        assert!(Instant::now() < end, "{left} jobs have no end after {deaths} deaths");
    }
    let states: i64 = hall.town.value("select count(*) from job where state = 'completed'").await;
    let distinct: i64 = hall.town.value("select count(distinct n) from effect").await;
    assert_eq!((states, distinct), (i64::from(JOBS), i64::from(JOBS)), "{deaths} deaths");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_go_on_when_postgresql_is_back() {
    let mut cluster = Postgres::start();
    let url = cluster.bare_database().await;
    migrate(&Db::new(&url, "migrate", 1).unwrap(), |_| {}).await.unwrap();
    let settings = Settings { database_url: url, ..Settings::default() };
    let app = App::new("test", settings, 8).unwrap();
    let stop = CancellationToken::new();
    let (ear, until) = (app.clone(), stop.clone());
    tokio::spawn(async move { ear.notices.run(&ear.db, &["barbossa_job", "barbossa_job_end"], until).await });
    let worker = std::sync::Arc::new(
        Worker::new(app.clone(), Registry::new().with::<Play>(), &[Queue::Imports], 4)
            .with_lease(Duration::from_secs(20)),
    );
    let (running, until) = (std::sync::Arc::clone(&worker), stop.clone());
    tokio::spawn(async move { running.run(until).await });
    let running =
        enqueue(&app.db.get().await.unwrap(), &Play { is_gated: true, ..Play::default() }).await.unwrap();
    let stage = app.kept::<Stage>();
    eventually("the job runs", || async { stage.playing.load(Ordering::SeqCst) == 1 }).await;

    cluster.crash();
    eventually("the worker says that it waits", || async {
        worker.status() == "waiting for PostgreSQL, 1 job running"
    })
    .await;
    stage.gate.send_replace(true);
    cluster.run();
    let back = Instant::now();
    assert_eq!(wait(&app, &[running], Duration::from_secs(10)).await.len(), 1, "{}", worker.status());
    let next = enqueue(&app.db.get().await.unwrap(), &Play::default()).await.unwrap();
    assert_eq!(wait(&app, &[next], Duration::from_secs(10)).await.len(), 1);
    assert!(back.elapsed() < Duration::from_secs(3), "{:?}", back.elapsed());
    assert_eq!(stage.runs.load(Ordering::SeqCst), 2, "the job that ran was not run again");
    stop.cancel();
    cluster.crash();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_number_of_beats_enqueue_a_due_time_once() {
    let hall = Hall::new().await;
    let timetable = [Timed::new::<Play>("0 3 * * *")];
    let beats: Vec<Beat> = (0..6).map(|_| Beat::new(hall.app.clone(), timetable).unwrap()).collect();
    let (name, next) = beats[0].tick().await.unwrap().unwrap();
    assert_eq!(name, "test.play");
    assert!(next > hall.app.clock.now());
    assert_eq!(hall.town.value::<i64>("select count(*) from job").await, 0, "a new entry is not due");
    // Missed for a week: one run makes up for it.
    hall.town.execute("update schedule set next_run_at = now() - interval '7 days'").await;
    futures_util::future::try_join_all(beats.iter().map(Beat::tick)).await.unwrap();
    beats[1].tick().await.unwrap();
    assert_eq!(hall.town.value::<i64>("select count(*) from job").await, 1);
    assert!(
        hall.town.value::<bool>("select next_run_at > now() and last_run_at <= now() from schedule").await
    );
    assert!(beats[1].status().starts_with("next: test.play at "), "{}", beats[1].status());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_beat_enqueues_what_is_due_when_it_starts_and_ends_when_it_is_told() {
    let hall = Hall::new().await;
    let beat = Beat::new(hall.app.clone(), [Timed::new::<Play>("0 3 * * *")]).unwrap();
    beat.tick().await.unwrap();
    hall.town.execute("update schedule set next_run_at = now() - interval '1 minute'").await;
    let (rounds, stop) = (AtomicUsize::default(), CancellationToken::new());
    let alive = || {
        rounds.fetch_add(1, Ordering::SeqCst);
    };
    let told = async {
        eventually("it is enqueued", || async {
            hall.town.value::<i64>("select count(*) from job").await == 1
        })
        .await;
        stop.cancel();
    };
    tokio::join!(beat.run(stop.clone(), alive), told);
    assert!(rounds.load(Ordering::SeqCst) >= 1, "it says that it is alive");
    assert!(hall.town.value::<bool>("select next_run_at > now() from schedule").await);
}

#[tokio::test]
async fn a_clock_that_is_set_back_keeps_no_job_waiting_and_no_lease_for_years() {
    let hall = Hall::new().await;
    let beat = Beat::new(hall.app.clone(), []).unwrap();
    beat.tick().await.unwrap();
    assert_eq!(hall.town.value::<i64>("select count(*) from day_lived").await, 1);
    // Written while the clock was a year ahead: one job put off by an hour, one that is due, one that runs.
    hall.town
        .execute(
            "update clock set seen_at = now() + interval '365 days';
            insert into job (queue, kind, run_at) values
                ('maintenance', 'test.put_off', now() + interval '365 days 1 hour'),
                ('maintenance', 'test.due', now() + interval '364 days');
            insert into job (queue, kind, state, attempt, lease_token, lease_expires_at)
                values ('maintenance', 'test.running', 'running', 1, gen_random_uuid(), now() + interval '365 days')",
        )
        .await;
    let told = |kind: &str| {
        format!(
            "select extract(epoch from coalesce(lease_expires_at, run_at) - now())::float8 from job where kind = 'test.{kind}'"
        )
    };
    for _ in 0..2 {
        // The second look finds the clock as it left it.
        beat.tick().await.unwrap();
        let put_off = hall.town.value::<f64>(&told("put_off")).await;
        assert!((3500.0..=3600.0).contains(&put_off), "{put_off}");
        assert!(hall.town.value::<f64>(&told("due")).await <= 0.0);
        assert!(hall.town.value::<f64>(&told("running")).await <= 300.0);
    }
    // A clock that goes ahead moves nothing.
    hall.town.execute("update clock set seen_at = now() - interval '365 days'").await;
    beat.tick().await.unwrap();
    assert!(hall.town.value::<f64>(&told("put_off")).await > 3400.0);
}

#[tokio::test]
async fn an_earlier_time_in_a_new_timetable_counts_at_once() {
    let hall = Hall::new().await;
    let beat = Beat::new(hall.app.clone(), [Timed::new::<Play>("0 3 * * *")]).unwrap();
    beat.tick().await.unwrap();
    hall.town.execute("update schedule set next_run_at = now() + interval '1 year'").await;
    beat.tick().await.unwrap();
    assert!(hall.town.value::<bool>("select next_run_at < now() + interval '2 days' from schedule").await);
    let bad = Timed { cron: "61 3 * * *", ..Timed::new::<Play>("0 3 * * *") };
    assert!(Beat::new(hall.app.clone(), [bad]).is_err());
}

#[tokio::test]
async fn what_is_old_and_finished_goes_and_what_failed_stays_longer() {
    let hall = Hall::new().await;
    hall.town
        .execute(
            "insert into job (queue, kind, state, finished_at) values
                ('imports', 'old', 'completed', now() - interval '31 days'),
                ('imports', 'failed', 'discarded', now() - interval '31 days'),
                ('imports', 'long_failed', 'discarded', now() - interval '91 days'),
                ('imports', 'new', 'completed', now());
            insert into event (kind, payload, created_at) values ('old', '{}', now() - interval '31 days'), ('new', '{}', now());",
        )
        .await;
    let prune = enqueue(&hall.app.db.get().await.unwrap(), &Prune {}).await.unwrap();
    hall.start(Hall::worker(&hall.app));
    let End::Completed(counts) = hall.end(prune).await else { panic!("it failed") };
    assert_eq!(counts, json!({"jobs": 2, "events": 1, "sessions": 0}));
    let left: String = hall
        .town
        .value("select string_agg(kind, ' ' order by kind) from job where kind <> 'jobs.prune'")
        .await;
    assert_eq!(left, "failed new");
}

#[tokio::test]
async fn progress_is_in_the_row_while_the_job_runs() {
    #[derive(Serialize, Deserialize)]
    struct Count {}
    impl Job for Count {
        const KIND: &'static str = "test.count";
        const QUEUE: Queue = Queue::Imports;
        async fn run(self, context: &Context) -> Result<Outcome> {
            for done in 0.. {
                context.progress.send_replace(Some(json!({"done": done})));
                tokio::select! {
                    () = context.stop.cancelled() => break,
                    () = tokio::time::sleep(Duration::from_millis(5)) => {}
                }
            }
            Ok(Outcome::Done(Value::Null))
        }
    }
    let hall = Hall::new().await;
    let client = hall.app.db.get().await.unwrap();
    enqueue(&client, &Count {}).await.unwrap();
    hall.start(Worker::new(hall.app.clone(), Registry::new().with::<Count>(), &[Queue::Imports], 1));
    eventually("progress is seen", || async {
        hall.town.value::<bool>("select coalesce((progress ->> 'done')::int > 0, false) from job").await
    })
    .await;
    assert!(client.maybe_row("select id from job where state = 'running'", &[]).await.unwrap().is_some());
}
