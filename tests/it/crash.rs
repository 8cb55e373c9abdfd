//! Promises 1 and 5: an import that is stopped between any two of its steps is brought to its end by the next run, and
//! not a byte of audio is lost, doubled or altered. Needs the feature `failpoints`.
//!
//! The places are not listed here: each scenario runs once undisturbed and tells what it passed; then once for each of
//! these, and as often as it was passed.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use barbossa::imports::{ImportRelease, passed, sweep};
use barbossa::jobs::{self, End, enqueue};

use crate::harness::audio::{Format, Song, album};
use crate::harness::eventually;
use crate::imports::Inbox;
use crate::upgrade;

/// What is in the inbox and what is to come of it. The sound files are made once and copied for each run.
struct Scenario {
    /// Imported before, undisturbed; and what is then hearted.
    first: Option<PathBuf>,
    is_hearted: bool,
    /// Stopped.
    folder: PathBuf,
    /// Beneath MUSIC_PATH at the end, without users' links.
    at_the_end: Vec<String>,
    /// `state: reason`, as far as it goes.
    state: &'static str,
    files: tempfile::TempDir,
}

impl Scenario {
    fn new(state: &'static str, at_the_end: &[&str]) -> Self {
        let files = tempfile::tempdir().unwrap();
        let folder = files.path().join("folder");
        let at_the_end = at_the_end.iter().map(|p| (*p).to_owned()).collect();
        Self { first: None, is_hearted: false, folder, at_the_end, state, files }
    }

    fn first(&mut self) -> PathBuf {
        let first = self.files.path().join("first");
        self.first = Some(first.clone());
        first
    }

    /// A town in which everything stands ready.
    async fn town(&self, name: &str) -> Inbox {
        let inbox = Inbox::new().await;
        if let Some(first) = &self.first {
            copy_tree(first, &inbox.folder("first"));
            inbox.import("first").await;
            assert_eq!(inbox.last().await, "done: ");
        }
        if self.is_hearted {
            let user = crate::verdicts::somebody(&inbox).await;
            let heart = format!("insert into heart (user_id, album_id) select {user}, id from album");
            inbox.town.execute(&heart).await;
            eventually("the links are there", || async { !inbox.beneath("users").is_empty() }).await;
        }
        copy_tree(&self.folder, &inbox.folder(name));
        inbox
    }

    /// Runs it undisturbed, then with a stop at each place that it passed.
    async fn walk(&self, name: &str) {
        let calm = format!("{name} calm");
        let inbox = self.town(&calm).await;
        inbox.import(&calm).await;
        self.require_end(&inbox, &calm, "undisturbed").await;
        let mut places: BTreeMap<&'static str, u32> = BTreeMap::new();
        for step in passed(&format!("import/pending/{calm}")) {
            *places.entry(step).or_default() += 1;
        }
        assert!(places.len() >= 4, "{places:?}");
        for (n, (step, times)) in places.into_iter().enumerate() {
            for nth in 0..times {
                let folder = format!("{name} {n} {nth}");
                let inbox = self.town(&folder).await;
                stopped_and_resumed(&inbox, &folder, step, nth).await;
                self.require_end(&inbox, &folder, &format!("{step} {nth}")).await;
            }
        }
    }

    async fn require_end(&self, inbox: &Inbox, folder: &str, at: &str) {
        let last = inbox.last().await;
        assert!(last.starts_with(self.state), "{at}: {last}");
        let id: i64 = inbox.town.value("select max(id) from import").await;
        let expected: Vec<String> = self
            .at_the_end
            .iter()
            .map(|p| p.replace("FOLDER", folder).replace("/ID/", &format!("/{id}/")))
            .collect();
        let mut there: Vec<String> = ["artists", "import", ".trash"]
            .iter()
            .flat_map(|room| inbox.beneath(room).into_iter().map(move |f| format!("{room}/{f}")))
            .collect();
        there.sort();
        assert_eq!(there, expected, "{at}");
        assert!(!inbox.folder(folder).exists(), "{at}: the folder is still there");
        let rows: Vec<String> = inbox
            .town
            .value("select coalesce(array_agg(substr(path, 9) order by path collate \"C\"), '{}') from track")
            .await;
        assert_eq!(rows, inbox.filed(), "{at}: rows and files say the same");
        if self.is_hearted {
            let links: Vec<String> =
                inbox.beneath("users/ada").into_iter().filter(|f| !f.starts_with('.')).collect();
            assert_eq!(links, rows, "{at}: the links follow");
        }
        let untold: i64 =
            inbox.town.value("select count(*) from import where is_on_its_way or finished_at is null").await;
        assert_eq!(untold, 0, "{at}");
        let in_trash: i64 = inbox.town.value("select coalesce(sum(file_count), 0)::bigint from trash").await;
        assert_eq!(in_trash, inbox.beneath(".trash").len() as i64, "{at}: the trash is known");
        let before = (there, inbox.count("import").await, inbox.count("track").await);
        assert_eq!(sweep(&inbox.app).await.unwrap(), 0, "{at}: nothing is left to do");
        assert_eq!(before.1, inbox.count("import").await, "{at}: a second recovery changes nothing");
    }
}

fn copy_tree(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.unwrap();
        let to = to.join(entry.path().strip_prefix(from).unwrap());
        if entry.file_type().is_dir() {
            std::fs::create_dir_all(to).unwrap();
        } else {
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// Stops an import of this folder when it passes a place for the nth time (from 0), then lets it run until it ends.
async fn stopped_and_resumed(inbox: &Inbox, folder: &str, step: &str, nth: u32) {
    let path = format!("import/pending/{folder}");
    let point = format!("{step} {path}");
    fail::cfg(&point, &format!("{nth}*off->1*return->off")).unwrap();
    let before = inbox.essences();
    let job = ImportRelease { path, source: "import".into(), requested_by: None };
    let id = enqueue(&inbox.app.db.get().await.unwrap(), &job).await.unwrap();
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        // Only what stands still can be counted.
        let stopped: i64 = inbox
            .town
            .value("select count(*) from job where state = 'available' and error is not null")
            .await;
        if stopped > 0 {
            assert_eq!(inbox.essences(), before, "{step}: audio was lost, doubled or altered");
            // Backoff is for others.
            inbox.town.execute("update job set run_at = now() where state = 'available'").await;
        }
        let ended = jobs::wait(&inbox.app, &[id], Duration::from_millis(50)).await;
        if ended.iter().any(|e| matches!(e.end, End::Completed(_) | End::Cancelled(_) | End::Discarded(_))) {
            break;
        }
        assert!(Instant::now() < end, "{step}: it did not end: {}", inbox.last().await);
    }
    fail::remove(&point);
    assert_eq!(inbox.essences(), before, "{step}");
}

#[tokio::test]
async fn a_new_album_survives_a_stop_at_every_step() {
    let expected = [1, 2, 3].map(|n| format!("artists/Ann/Album (1999)/0{n} - Song {n} of Album.flac"));
    let scenario = Scenario::new("done: ", &expected.each_ref().map(String::as_str));
    album(&scenario.folder, "Ann", "Album", 1999, 3);
    scenario.walk("new").await;
}

#[tokio::test]
async fn added_tracks_survive_a_stop_at_every_step() {
    let expected = [1, 2, 3, 4].map(|n| format!("artists/Ann/Album (1999)/0{n} - Song {n} of Album.flac"));
    let mut expected: Vec<&str> = expected.iter().map(String::as_str).collect();
    expected.insert(0, ".trash/imports/FOLDER/double.flac");
    let mut scenario = Scenario::new("done: ", &expected);
    let first = scenario.first();
    let made = album(&first, "Ann", "Album", 1999, 4);
    std::fs::create_dir(&scenario.folder).unwrap();
    for song in &made[2..] {
        let to = scenario.folder.join(song.file_name().unwrap());
        barbossa::files::rename_noreplace(song, &to).unwrap();
    }
    // One that the album has already.
    std::fs::copy(&made[0], scenario.folder.join("double.flac")).unwrap();
    scenario.walk("more").await;
}

#[tokio::test]
async fn a_duplicate_survives_a_stop_at_every_step() {
    let mut scenario = Scenario::new(
        "duplicate: ",
        &[
            ".trash/imports/FOLDER/01 - Song 1.flac",
            ".trash/imports/FOLDER/02 - Song 2.flac",
            "artists/Ann/Album (1999)/01 - Song 1 of Album.flac",
            "artists/Ann/Album (1999)/02 - Song 2 of Album.flac",
        ],
    );
    album(&scenario.folder, "Ann", "Album", 1999, 2);
    let first = scenario.first();
    copy_tree(&scenario.folder, &first);
    scenario.walk("again").await;
}

#[tokio::test]
async fn a_review_survives_a_stop_at_every_step() {
    let files = [0, 1, 2].map(|n| format!("import/review/FOLDER/file {n}.flac"));
    let scenario = Scenario::new("review: ", &files.each_ref().map(String::as_str));
    for n in 0..3 {
        let song = Song::new("x").without("title").tone(400 + 100 * n).named(&format!("file {n}"));
        song.write(&scenario.folder);
    }
    scenario.walk("unknown").await;
}

#[tokio::test]
async fn a_rejection_survives_a_stop_at_every_step() {
    let scenario = Scenario::new(
        "rejected: ",
        &[
            "import/rejected/FOLDER/REASON.txt",
            "import/rejected/FOLDER/a.flac",
            "import/rejected/FOLDER/b.mp3",
        ],
    );
    std::fs::create_dir(&scenario.folder).unwrap();
    std::fs::write(scenario.folder.join("a.flac"), "<html>").unwrap();
    std::fs::write(scenario.folder.join("b.mp3"), "").unwrap();
    scenario.walk("bad").await;
}

#[tokio::test]
async fn an_upgrade_with_hearts_survives_a_stop_at_every_step() {
    let mut scenario = Scenario::new(
        "done: ",
        &[
            ".trash/replaced/ID/01 - Song 1.mp3",
            ".trash/replaced/ID/02 - Song 2.mp3",
            "artists/Ann/Album (1999)/01 - Song 1.flac",
            "artists/Ann/Album (1999)/02 - Song 2.flac",
        ],
    );
    scenario.is_hearted = true;
    let first = scenario.first();
    for n in [1, 2] {
        upgrade::song(n, 2, Format::Mp3).write(&first);
        upgrade::song(n, 2, Format::Flac16).write(&scenario.folder);
    }
    scenario.walk("better").await;
}
