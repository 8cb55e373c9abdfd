//! Promises 1 and 5 against the file system: each call that an import makes is refused once, with each error that a disk
//! has, and is the last that its process makes; then it runs again. Then PostgreSQL goes away at each step.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use barbossa::files::faults::{self, Fault};
use barbossa::imports::passed;
use nix::errno::Errno;

use crate::yard::Yard;

const REFUSALS: [Errno; 4] = [Errno::ENOSPC, Errno::EIO, Errno::EROFS, Errno::EACCES];

/// Walks all calls, with all faults.
async fn walk(make: fn(&Path), ending: &str) {
    let yard = Yard::new(make).await;
    let (expected, calls) = yard.undisturbed(ending).await;
    assert!(calls.len() >= 10, "{calls:?}");
    let refusals = REFUSALS.map(|e| Fault::Refuse(e as i32));
    let mut runs = 0;
    for fault in refusals.into_iter().chain([Fault::Death]) {
        // What is done about a fault takes calls of its own, which are not counted here.
        for (n, call) in calls.iter().enumerate() {
            let at = format!("call {n} ({call}), {fault:?}");
            yard.reset().await;
            faults::arm(yard.music(), n, fault);
            let first = yard.attempt(&yard.source).await;
            let seen = faults::disarm(yard.music());
            assert!(seen.len() > n, "{at}: it was not reached: {first:?}");
            yard.require_audio(&at);
            yard.settle(&yard.source).await;
            yard.require(&expected, &at).await;
            runs += 1;
        }
    }
    println!("{runs} runs, {} calls", calls.len());
}

#[tokio::test]
async fn a_new_album_survives_a_fault_at_every_call() {
    walk(Yard::new_album, "done").await;
}

#[tokio::test]
async fn an_upgrade_survives_a_fault_at_every_call() {
    walk(Yard::upgrade, "done").await;
}

#[tokio::test]
async fn a_review_survives_a_fault_at_every_call() {
    walk(Yard::review, "review").await;
}

#[tokio::test]
async fn a_rejection_survives_a_fault_at_every_call() {
    walk(Yard::rejection, "rejected").await;
}

/// Ends every session of a database but its own, as a restart of PostgreSQL does.
fn end_all_sessions(url: String) {
    let ended = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
            let driver = tokio::spawn(connection);
            let all = "select pg_terminate_backend(pid) from pg_stat_activity
                where datname = current_database() and pid <> pg_backend_pid()";
            client.batch_execute(all).await.unwrap();
            drop(client);
            driver.await.unwrap().unwrap();
        });
    });
    ended.join().unwrap();
}

#[tokio::test]
async fn postgresql_may_go_away_at_every_step() {
    let yard = Yard::new(Yard::upgrade).await;
    yard.undisturbed("done").await;
    let before = passed(&yard.source);
    let (expected, _) = yard.undisturbed("done").await;
    let after = passed(&yard.source);
    let places = &after[before.len()..];
    assert!(places.len() >= 12, "{places:?}");
    for (n, step) in places.iter().enumerate() {
        let nth = places[..n].iter().filter(|s| *s == step).count() as u32;
        let at = format!("{step} {nth}");
        yard.reset().await;
        let (url, left) = (yard.town.settings().database_url.clone(), Arc::new(AtomicU32::new(nth)));
        let point = format!("{step} {}", yard.source);
        fail::cfg_callback(&point, move || {
            if left.fetch_sub(1, Ordering::SeqCst) == 0 {
                end_all_sessions(url.clone());
            }
        })
        .unwrap();
        let first = yard.attempt(&yard.source).await;
        fail::remove(&point);
        yard.require_audio(&at);
        yard.settle(&yard.source).await;
        yard.require(&expected, &format!("{at} ({first:?})")).await;
    }
}
