//! Promises 1 and 5: an import that is stopped between any two of its steps is brought to its end by the next run, and
//! not a byte of audio is lost, doubled or altered. Needs the feature `failpoints`.

use std::time::Duration;

use barbossa::imports::{ImportRelease, sweep};
use barbossa::jobs::{self, enqueue};

use crate::harness::audio::{Song, album};
use crate::imports::Inbox;

/// Every place between two steps of a filing, and how often it is passed before the stop.
const STEPS: &[(&str, u32)] = &[
    ("planned", 0),
    ("staging", 0),
    ("staging", 1),
    ("staging", 2),
    ("staged", 0),
    ("publishing", 0),
    ("publishing", 1),
    ("published", 0),
    ("recording", 0),
    ("recorded", 0),
    ("retiring", 0),
    ("retiring", 1),
    ("setting aside", 0),
    ("setting aside", 1),
    ("retired", 0),
];

/// Stops an import of this folder at a step, then lets it run again and again until it ends.
async fn stopped_and_resumed(inbox: &Inbox, folder: &str, (step, passed): (&str, u32)) {
    let path = format!("import/pending/{folder}");
    let point = format!("{step} {path}");
    fail::cfg(&point, &format!("{passed}*off->1*return->off")).unwrap();
    let before = inbox.essences();
    let job = ImportRelease { path, source: "import".into(), requested_by: None };
    let id = enqueue(&inbox.app.db.get().await.unwrap(), &job).await.unwrap();
    let end = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        assert_eq!(inbox.essences(), before, "{step}: audio was lost, doubled or altered");
        // Backoff is for others.
        inbox.town.execute("update job set run_at = now() where state = 'available'").await;
        let ended = jobs::wait(&inbox.app, &[id], Duration::from_millis(200)).await;
        if ended.iter().any(|e| {
            matches!(e.end, jobs::End::Completed(_) | jobs::End::Cancelled(_) | jobs::End::Discarded(_))
        }) {
            break;
        }
        assert!(std::time::Instant::now() < end, "{step}: it did not end: {}", inbox.last().await);
    }
    fail::remove(&point);
    assert_eq!(inbox.essences(), before, "{step}");
    let hidden: Vec<String> = inbox.filed().into_iter().filter(|f| f.starts_with('.')).collect();
    assert!(hidden.is_empty(), "{step}: {hidden:?}");
    assert!(!inbox.folder(folder).exists(), "{step}: the folder is still there");
    assert_eq!(sweep(&inbox.app).await.unwrap(), 0, "{step}: nothing is left to do");
    let lost: i64 = inbox.town.value("select count(*) from import where finished_at is null").await;
    assert_eq!(lost, 0, "{step}");
}

/// Rows and files say the same.
async fn rows_equal_files(inbox: &Inbox, step: &str) {
    let rows: Vec<String> = inbox
        .town
        .value("select coalesce(array_agg(substr(path, 9) order by path collate \"C\"), '{}') from track")
        .await;
    assert_eq!(rows, inbox.filed(), "{step}");
}

#[tokio::test]
async fn a_new_album_survives_a_stop_at_every_step() {
    for (n, step) in STEPS.iter().enumerate() {
        let inbox = Inbox::new().await;
        let name = format!("new {n}");
        album(&inbox.folder(&name), "Ann", "Album", 1999, 3);
        stopped_and_resumed(&inbox, &name, *step).await;
        assert_eq!(inbox.filed().len(), 3, "{step:?}");
        rows_equal_files(&inbox, step.0).await;
    }
}

#[tokio::test]
async fn added_tracks_survive_a_stop_at_every_step() {
    for (n, step) in STEPS.iter().enumerate() {
        let inbox = Inbox::new().await;
        let made = album(&inbox.folder("first"), "Ann", "Album", 1999, 4);
        let later = inbox.folder(&format!("later {n}"));
        std::fs::create_dir(&later).unwrap();
        for song in &made[2..] {
            let to = later.join(song.file_name().unwrap());
            std::fs::hard_link(song, to).unwrap();
            std::fs::remove_file(song).unwrap();
        }
        // One that the album has already goes to the trash.
        std::fs::copy(&made[0], later.join("double.flac")).unwrap();
        inbox.import("first").await;
        assert_eq!(inbox.filed().len(), 2);
        stopped_and_resumed(&inbox, &format!("later {n}"), *step).await;
        assert_eq!(inbox.filed().len(), 4, "{step:?}");
        assert_eq!(inbox.beneath(".trash").len(), 1);
        rows_equal_files(&inbox, step.0).await;
    }
}

#[tokio::test]
async fn a_review_survives_a_stop_at_every_step() {
    for (n, step) in STEPS.iter().enumerate() {
        let inbox = Inbox::new().await;
        let name = format!("unknown {n}");
        for n in 0..3 {
            Song::new("x")
                .without("title")
                .tone(400 + n)
                .named(&format!("file {n}"))
                .write(&inbox.folder(&name));
        }
        stopped_and_resumed(&inbox, &name, *step).await;
        assert_eq!(inbox.beneath("import/review").len(), 3, "{step:?}");
        assert!(inbox.last().await.starts_with("review: "));
        assert_eq!(inbox.count("import").await, 1);
    }
}
