//! The worker: runs jobs. Twice in a house: `barbossa-worker`, the only process that writes music, and
//! `barbossa-fetch`, the only one that reaches the internet.

use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};
use uuid::Uuid;

use super::{Play, music, play, rooms};
use crate::app::App;
use crate::config::Settings;
use crate::downloads;
use crate::jobs::{self, Queue, Worker};
use crate::lifecycle::Life;
use crate::sources::LookAtSources;

/// What a running job gets to reach a safe place, and what handing back may take after that.
const HAND_BACK: Duration = Duration::from_secs(15);

/// Runs the role to its end.
pub fn run(settings: Settings, queues: Vec<Queue>) -> ExitCode {
    // Which of the two units this is shows in what it takes.
    let is_fetch = queues.iter().any(|queue| matches!(queue, Queue::Downloads | Queue::Network))
        && !queues.contains(&Queue::Imports);
    let patience = Duration::from_secs(if is_fetch { 90 } else { 240 });
    let role = Play {
        role: if is_fetch { "fetch" } else { "worker" },
        connections: settings.worker.concurrency + 4,
        drain: patience + HAND_BACK,
        has_network: is_fetch,
        channels: &["barbossa_job"],
    };
    play(role, settings, move |app, life| async move {
        live(&app, &life, &queues, patience).await;
        Ok(())
    })
}

async fn live(app: &App, life: &Life, queues: &[Queue], patience: Duration) {
    let keeps_music = queues.contains(&Queue::Imports);
    while let Some(library) = music::wait_for(app, life, keeps_music).await {
        life.ready();
        if queues.contains(&Queue::Network) {
            look_at_sources(app).await;
        }
        let worker = hands(app, queues).with_drain(patience);
        work(app, life, &worker, library).await;
    }
}

/// What runs the jobs of these queues. Downloads have hands of their own, as many as all sources may use at once: they wait
/// for other machines, and nobody is to wait for them.
pub fn hands(app: &App, queues: &[Queue]) -> Worker {
    let (downloads, others): (Vec<Queue>, Vec<Queue>) =
        queues.iter().partition(|queue| **queue == Queue::Downloads);
    Worker::new(app.clone(), rooms::jobs(), &others, app.settings.worker.concurrency)
        .with_hands(&downloads, downloads::most_at_once(&app.settings))
}

/// How the sources are is known as soon as somebody can look, and not only when the schedule says so.
async fn look_at_sources(app: &App) {
    let asked = async { jobs::enqueue(&app.db.get().await?, &LookAtSources {}).await };
    if let Err(error) = asked.await {
        tracing::warn!(error = &error as &dyn std::error::Error, "the sources are looked at later");
    }
}

/// Until the process stops or the music goes away. The worker's loop runs in this very task: where it hangs, nothing
/// here makes progress either.
async fn work(app: &App, life: &Life, worker: &Worker, library: Uuid) {
    let stop = life.stop.child_token();
    let mut looks = worker.looks();
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut run = pin!(worker.run(stop.clone()));
    let mut gone = pin!(music::gone(app, library));
    loop {
        tokio::select! {
            () = &mut run => return,
            Ok(()) = looks.changed() => life.progress(),
            why = &mut gone, if !stop.is_cancelled() => {
                tracing::error!("the music is gone, jobs are handed back: {why}");
                stop.cancel();
            }
            _ = second.tick() => {
                life.status(&worker.status());
                // Jobs that come to their end are progress; the worker's own patience bounds it.
                if stop.is_cancelled() {
                    life.progress();
                }
            }
        }
    }
}
