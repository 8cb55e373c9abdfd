//! Promises 1 and 5: an import that is stopped between any two of its steps is brought to its end by the next run, and
//! not a byte of audio is lost, doubled or altered. Needs the feature `failpoints`.
//!
//! The places are not listed here: each scenario runs once undisturbed and tells what it passed; then it is stopped once
//! at each of these, as often as it was passed.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use barbossa::hearts::ReconcileLinks;
use barbossa::imports::passed;
use barbossa::jobs::{Queue, Registry, Worker};

use crate::harness::audio::album;
use crate::harness::files_beneath;
use crate::yard::{Yard, copy_tree};

/// Stops it at each place that it passes, and lets it run again.
async fn walk(make: fn(&Path), ending: &str, is_hearted: bool) {
    let mut yard = Yard::new(make).await;
    if is_hearted {
        heart(&mut yard).await;
    }
    let before = passed(&yard.source).len();
    let (expected, _) = yard.undisturbed(ending).await;
    let places = passed(&yard.source).split_off(before);
    assert!(places.len() >= 5, "{places:?}");
    for (n, step) in places.iter().enumerate() {
        let nth = places[..n].iter().filter(|s| *s == step).count();
        let at = format!("{step} {nth}");
        yard.reset().await;
        let point = format!("{step} {}", yard.source);
        fail::cfg(&point, &format!("{nth}*off->1*return->off")).unwrap();
        let stopped = yard.attempt(&yard.source).await;
        fail::remove(&point);
        assert!(stopped.is_err(), "{at}: it was not stopped: {stopped:?}");
        yard.require_audio(&at);
        yard.settle(&yard.source).await;
        yard.require(&expected, &at).await;
        if is_hearted {
            require_links(&yard, &at);
        }
    }
}

/// From now on everything is hearted, and a worker makes the links.
async fn heart(yard: &mut Yard) {
    let password = "correct horse battery".to_owned().into();
    let new = barbossa::auth::NewUser { username: "ada", password: &password, is_admin: false };
    barbossa::auth::create_user(&yard.app.db.get().await.unwrap(), new).await.unwrap();
    let registry = Registry::new().with::<ReconcileLinks>();
    let worker = Worker::new(yard.app.clone(), registry, &[Queue::Imports], 1);
    let stop = yard.town.stop();
    tokio::spawn(async move { worker.run(stop).await });
    yard.is_hearted = true;
}

/// The user's folder has just the library's files.
fn require_links(yard: &Yard, at: &str) {
    let (mine, all) = (yard.music().join("users/ada"), yard.music().join("artists"));
    let visible = |folder: &Path| -> Vec<String> {
        files_beneath(folder).into_iter().filter(|f| !f.starts_with('.')).collect()
    };
    assert_eq!(visible(&mine), visible(&all), "{at}");
    for file in visible(&all) {
        let inode = |folder: &Path| folder.join(&file).metadata().unwrap().ino();
        assert_eq!(inode(&mine), inode(&all), "{at}: {file}");
    }
}

#[tokio::test]
async fn a_new_album_survives_a_stop_at_every_step() {
    walk(Yard::new_album, "done", false).await;
}

#[tokio::test]
async fn added_tracks_survive_a_stop_at_every_step() {
    let make = |stock: &Path| {
        let made = album(&stock.join("first"), "Ann", "Album", 1999, 4);
        std::fs::create_dir(stock.join("folder")).unwrap();
        for song in &made[2..] {
            let to = stock.join("folder").join(song.file_name().unwrap());
            barbossa::files::rename_noreplace(song, &to).unwrap();
        }
        // One that the album has already.
        std::fs::copy(&made[0], stock.join("folder/double.flac")).unwrap();
    };
    walk(make, "done", false).await;
}

#[tokio::test]
async fn a_duplicate_survives_a_stop_at_every_step() {
    let make = |stock: &Path| {
        album(&stock.join("folder"), "Ann", "Album", 1999, 2);
        copy_tree(&stock.join("folder"), &stock.join("first"));
    };
    walk(make, "duplicate", false).await;
}

#[tokio::test]
async fn a_review_survives_a_stop_at_every_step() {
    walk(Yard::review, "review", false).await;
}

#[tokio::test]
async fn a_rejection_survives_a_stop_at_every_step() {
    walk(Yard::rejection, "rejected", false).await;
}

#[tokio::test]
async fn an_upgrade_with_hearts_survives_a_stop_at_every_step() {
    walk(Yard::upgrade, "done", true).await;
}

#[tokio::test]
async fn an_album_that_changes_in_the_library_meanwhile_is_planned_for_again() {
    let yard = Yard::new(Yard::upgrade).await;
    let (expected, _) = yard.undisturbed("done").await;
    yard.reset().await;
    let point = format!("recording {}", yard.source);
    fail::cfg(&point, "1*return->off").unwrap();
    assert!(yard.attempt(&yard.source).await.is_err());
    fail::remove(&point);
    // Somebody gives a track's file another name.
    let (old, new) =
        ("artists/Ann/Album (1999)/01 - Song 1.mp3", "artists/Ann/Album (1999)/01 - Renamed.mp3");
    barbossa::files::rename_noreplace(&yard.music().join(old), &yard.music().join(new)).unwrap();
    yard.town.execute(&format!("update track set path = '{new}' where path = '{old}'")).await;
    yard.settle(&yard.source).await;
    let state = yard.state().await;
    assert_eq!(state.files.len(), expected.files.len(), "{:?}", state.files);
    assert!(state.files.contains_key(".trash/replaced/ID/01 - Renamed.mp3"), "{:?}", state.files);
    yard.require_audio("renamed");
}
