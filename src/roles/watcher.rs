//! The watcher: what lands in the inbox and in staging becomes an import job. One at a time in a house.
//!
//! Two watchers would ask for each folder twice and settle nothing sooner, so the watcher holds an advisory lock of
//! PostgreSQL on a connection of its own. A second one stands by, says so, and takes over when the first is gone.

use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio_postgres::{Client, NoTls};

use super::{Play, play, stopped_within, wait_until_usable};
use crate::app::App;
use crate::config::Settings;
use crate::imports::Watch;
use crate::lifecycle::Life;

/// Of this lock among all of the database's.
const LOCK: i64 = 0x6261_7262_7761_7463; // "barbwatc"
/// How soon a second watcher takes over.
const TRY_AGAIN: Duration = Duration::from_secs(2);
/// For connecting and for the answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs the role to its end.
pub fn run(settings: Settings) -> ExitCode {
    let role = Play {
        role: "watcher",
        connections: 3,
        drain: Duration::from_secs(10),
        has_network: false,
        channels: &[],
    };
    play(role, settings, |app, life| async move {
        while wait_until_usable(&app, &life).await {
            life.ready();
            if let Some(post) = take_post(&app, &life).await {
                watch(&app, &life, post).await;
            }
        }
        Ok(())
    })
}

/// The right to watch: as long as its connection lives.
struct Post {
    /// Closing it gives the lock back.
    client: Client,
    connection: JoinHandle<()>,
}

impl Drop for Post {
    fn drop(&mut self) {
        self.connection.abort();
    }
}

/// Waits for the post; `None` when PostgreSQL went away or the process is to stop.
async fn take_post(app: &App, life: &Life) -> Option<Post> {
    let mut config = app.db.config().clone();
    config.options("-c idle_session_timeout=0");
    let (client, connection) = tokio::time::timeout(PATIENCE, config.connect(NoTls)).await.ok()?.ok()?;
    let connection = tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(error = &error as &dyn std::error::Error, "the watcher's lock is gone");
        }
    });
    let post = Post { client, connection };
    let mut is_told = false;
    loop {
        let asked = post.client.query_one("select pg_try_advisory_lock($1)", &[&LOCK]);
        if tokio::time::timeout(PATIENCE, asked).await.ok()?.ok()?.get(0) {
            return Some(post);
        }
        if !std::mem::replace(&mut is_told, true) {
            tracing::info!("another watcher is at work; standing by");
        }
        life.status("standing by: another watcher is at work");
        life.progress();
        if stopped_within(TRY_AGAIN, life).await {
            return None;
        }
    }
}

/// Watches until the process stops or the post is lost.
async fn watch(app: &App, life: &Life, mut post: Post) {
    let stop = life.stop.child_token();
    let mut watching = pin!(Watch::new(app.clone()).run(stop.clone(), |status| {
        life.status(&status.to_string());
        life.progress();
    }));
    tokio::select! {
        () = &mut watching => {}
        _ = &mut post.connection => {
            stop.cancel();
            watching.await;
        }
    }
}
