//! What a member takes along: whole, verified, under names that every drive takes; interrupted anywhere it goes on, and
//! nothing of somebody else is touched.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use axum::Router;
use barbossa::app::App;
use barbossa::auth::{self, NewUser};
use barbossa::exports::{self, RunExport};
use barbossa::imports::{ImportRelease, sweep};
use barbossa::jobs::{Context, Job, Outcome, Queue, Registry, Worker};
use barbossa::{hearts, library};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::harness::audio::{Format, Song, album, cover};
use crate::harness::{Client, Town, eventually, files_beneath};

const PASSWORD: &str = "correct horse battery";

/// A household with music that came in by the usual way, and a member who loves some of it.
pub struct Household {
    pub town: Town,
    pub app: App,
    pub ada: Client,
    pub ada_id: i64,
}

impl Household {
    pub async fn new() -> Self {
        Self::set(|_| {}).await
    }

    pub async fn set(change: impl FnOnce(&mut Town)) -> Self {
        // Every file is flushed: on a fast disk a test can afford hundreds of exports.
        let shm = Path::new("/dev/shm");
        let mut town = if shm.is_dir() { Town::beneath(shm).await } else { Town::new().await };
        town.settings_mut().imports.settle_seconds = 0;
        town.settings_mut().imports.settle_incomplete_seconds = 0;
        town.settings_mut().musicbrainz.enabled = false;
        change(&mut town);
        let app = town.app();
        let registry = Registry::new().with::<ImportRelease>();
        let worker = Worker::new(app.clone(), registry, &[Queue::Imports], 2);
        let stop = town.stop();
        tokio::spawn(async move { worker.run(stop).await });
        let mut household = Self { ada: Client::new(Router::new()), ada_id: 0, town, app };
        (household.ada_id, household.ada) = household.person("ada", false).await;
        household
    }

    pub async fn person(&self, username: &str, is_admin: bool) -> (i64, Client) {
        let client = self.app.db.get().await.unwrap();
        let new = NewUser { username, password: &PASSWORD.to_owned().into(), is_admin };
        let id = auth::create_user(&client, new).await.unwrap().id;
        let anyone = Client::new(self.router());
        let login = json!({"username": username, "password": PASSWORD});
        let answer = anyone.post("/api/auth/login", login).await.expect(200);
        (id, anyone.with_token(answer["token"].as_str().unwrap()))
    }

    pub fn router(&self) -> Router {
        let api =
            exports::routes().merge(hearts::routes()).merge(library::routes()).merge(auth::http::routes());
        Router::new().nest("/api", api.into()).with_state(self.app.clone())
    }

    /// Puts music into the inbox with `make`, and waits until it is filed.
    pub async fn import(&self, make: impl FnOnce(&Path)) {
        let before: i64 = self.town.value("select count(*) from album").await;
        make(&self.town.pending());
        sweep(&self.app).await.unwrap();
        eventually("the album is filed", || async {
            let done: bool =
                self.town.value("select not exists (select from import where is_on_its_way)").await;
            done && self.town.value::<i64>("select count(*) from album").await > before
        })
        .await;
    }

    /// Two albums, one with a cover, lyrics and a booklet; ada loves the first, and one song of the second.
    pub async fn with_music() -> Self {
        let household = Self::new().await;
        household.stock().await;
        household
    }

    pub async fn stock(&self) {
        self.import(|pending| {
            album(&pending.join("first"), "Björk", "Debut: 1/2?", 1993, 2);
            cover(&pending.join("first/cover.jpg"));
            fs::create_dir(pending.join("first/Scans")).unwrap();
            fs::write(pending.join("first/Scans/booklet.txt"), "thanks").unwrap();
        })
        .await;
        self.import(|pending| {
            for (n, format) in [(1, Format::Flac24), (2, Format::Mp3), (3, Format::Flac16)] {
                Song::new(&format!("Song {n}"))
                    .artist("AC/DC")
                    .album_artist("AC/DC")
                    .album("CON")
                    .year(1980)
                    .track(n, 3)
                    .format(format)
                    .named(&format!("{n:02}"))
                    .write(&pending.join("second"));
            }
        })
        .await;
        let path: String =
            self.town.value("select path from track where title = 'Song 1 of Debut: 1/2?'").await;
        fs::write(self.town.music().join(&path).with_extension("lrc"), "[00:00.00]la\n").unwrap();
        self.heart("albums", "select id from album where title like 'Debut%'").await;
        self.heart("tracks", "select id from track where title = 'Song 2'").await;
    }

    pub async fn heart(&self, what: &str, which: &str) {
        let id: i64 = self.town.value(which).await;
        let user = self.ada_id;
        let column = what.trim_end_matches('s');
        self.town.execute(&format!("insert into heart (user_id, {column}_id) values ({user}, {id})")).await;
    }

    pub async fn unheart(&self, what: &str, which: &str) {
        let column = what.trim_end_matches('s');
        self.town.execute(&format!("delete from heart where {column}_id in ({which})")).await;
    }

    pub fn destination(&self) -> PathBuf {
        self.town.music().join("export/ada")
    }

    /// Asks for an export with all there is; its id.
    pub async fn ask(&self, more: Value) -> i64 {
        let mut body = json!({"include_playlist": true});
        for (name, value) in more.as_object().unwrap() {
            body[name] = value.clone();
        }
        self.ada.post("/api/exports", body).await.expect(200)["id"].as_i64().unwrap()
    }

    pub async fn show(&self, id: i64) -> Value {
        self.ada.get(&format!("/api/exports/{id}")).await.expect(200)
    }

    /// One attempt of a fresh worker.
    pub async fn attempt(&self, id: i64, stop: CancellationToken) -> barbossa::error::Result<Outcome> {
        const LEASE: &str = "update job set state = 'running', attempt = 1, lease_token = gen_random_uuid(),
                lease_expires_at = now() + interval '1 hour', finished_at = null
            where id = (select job_id from export where id = $1) returning id, lease_token";
        let row = self.app.db.get().await.unwrap().query_one(LEASE, &[&id]).await.unwrap();
        let context = Context {
            app: self.app.clone(),
            id: row.get(0),
            attempt: 1,
            lease: row.get(1),
            stop,
            request_id: None,
            progress: tokio::sync::watch::channel(None).0,
        };
        let done = Box::pin(RunExport { export_id: id }.run(&context)).await;
        // As the queue would write it down.
        let end = match &done {
            Ok(Outcome::Done(_)) => "state = 'completed', finished_at = now()",
            Ok(Outcome::Cancel(_)) => "state = 'cancelled', finished_at = now()",
            _ => "state = 'available'",
        };
        let job: i64 = row.get(0);
        self.town
            .execute(&format!(
                "update job set {end}, lease_token = null, lease_expires_at = null where id = {job}"
            ))
            .await;
        done
    }

    /// Asks and lets it run to its end.
    pub async fn export(&self, more: Value) -> Value {
        let id = self.ask(more).await;
        self.attempt(id, CancellationToken::new()).await.unwrap();
        self.show(id).await
    }
}

/// As a person would look whether it is whole.
pub fn require_whole(folder: &Path) {
    let checked = Command::new("sha256sum")
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(folder)
        .output()
        .unwrap();
    assert!(
        checked.status.success(),
        "{}{}",
        String::from_utf8_lossy(&checked.stdout),
        String::from_utf8_lossy(&checked.stderr)
    );
    let listed = String::from_utf8_lossy(&checked.stdout).lines().count();
    let left: usize = manifest(folder)["left"].as_array().unwrap().len();
    assert_eq!(listed + left + 1, files_beneath(folder).len(), "every file but the list itself is in it");
    assert!(!folder.join(".barbossa-export").exists(), "its own folder is gone");
}

pub fn manifest(folder: &Path) -> Value {
    serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap()
}

/// Every file's content and inode: what was written again has another one.
fn state(folder: &Path) -> BTreeMap<String, (String, u64)> {
    let state = |name: String| {
        let path = folder.join(&name);
        let hash = blake3::hash(&fs::read(&path).unwrap()).to_hex().to_string();
        (name, (hash, path.metadata().unwrap().ino()))
    };
    files_beneath(folder).into_iter().map(state).collect()
}

const OWN: [&str; 2] = ["SHA256SUMS", "manifest.json"];

#[tokio::test]
async fn an_export_is_what_is_hearted_and_can_be_checked_by_anyone() {
    let home = Household::with_music().await;
    let export = home.export(json!({})).await;
    assert_eq!(export["status"], "complete", "{export}");
    assert_eq!((&export["progress"], &export["exported_albums"]), (&json!(100), &json!(2)), "{export}");
    let folder = home.destination();
    assert_eq!(
        files_beneath(&folder),
        [
            "AC_DC/CON (1980)/02 - Song 2.mp3",
            "AC_DC/CON (1980)/CON (1980).m3u8",
            "Björk/Debut_ 1_2_ (1993)/01 - Song 1 of Debut_ 1_2_.flac",
            "Björk/Debut_ 1_2_ (1993)/01 - Song 1 of Debut_ 1_2_.lrc",
            "Björk/Debut_ 1_2_ (1993)/02 - Song 2 of Debut_ 1_2_.flac",
            "Björk/Debut_ 1_2_ (1993)/Debut_ 1_2_ (1993).m3u8",
            "Björk/Debut_ 1_2_ (1993)/Scans/booklet.txt",
            "Björk/Debut_ 1_2_ (1993)/cover.jpg",
            "SHA256SUMS",
            "library.m3u8",
            "manifest.json",
        ]
    );
    require_whole(&folder);
    let playlist = fs::read_to_string(folder.join("library.m3u8")).unwrap();
    let paths: Vec<&str> = playlist.lines().filter(|l| !l.starts_with('#')).collect();
    assert_eq!(paths.len(), 3);
    assert!(paths.iter().all(|p| folder.join(p).is_file()), "{playlist}");
    let manifest = manifest(&folder);
    let debut = manifest["albums"].as_array().unwrap().iter().find(|a| a["artist"] == "Björk").unwrap();
    assert!(debut["hearted_at"].is_string() && debut["tracks"][0]["essence"].is_string(), "{debut}");
    let song = manifest["albums"].as_array().unwrap().iter().find(|a| a["artist"] == "AC/DC").unwrap();
    assert!(song["hearted_at"].is_null() && song["tracks"][0]["hearted_at"].is_string(), "{song}");
    assert_eq!(song["tracks"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_is_there_and_right_is_not_written_again() {
    let home = Household::with_music().await;
    home.export(json!({"format": "both"})).await;
    let folder = home.destination();
    require_whole(&folder);
    let before = state(&folder);
    assert!(before.contains_key("MP3/Björk/Debut_ 1_2_ (1993)/01 - Song 1 of Debut_ 1_2_.mp3"), "{before:?}");
    assert!(before.contains_key("MP3/AC_DC/CON (1980)/02 - Song 2.mp3"), "{before:?}");
    assert_eq!(
        before["MP3/AC_DC/CON (1980)/02 - Song 2.mp3"].0, before["FLAC/AC_DC/CON (1980)/02 - Song 2.mp3"].0,
        "a lossy file is copied"
    );
    // Rot on the drive that neither size nor time tell of.
    let rotten = "FLAC/Björk/Debut_ 1_2_ (1993)/02 - Song 2 of Debut_ 1_2_.flac";
    let rotten_mp3 = "MP3/Björk/Debut_ 1_2_ (1993)/02 - Song 2 of Debut_ 1_2_.mp3";
    for name in [rotten, rotten_mp3] {
        let mut bytes = fs::read(folder.join(name)).unwrap();
        bytes[700] ^= 1;
        fs::write(folder.join(name), bytes).unwrap();
    }
    let again = home.export(json!({"format": "both"})).await;
    assert_eq!(again["status"], "complete", "{again}");
    require_whole(&folder);
    let after = state(&folder);
    for (name, (hash, inode)) in &before {
        if name == rotten || name == rotten_mp3 {
            assert_ne!(after[name].1, *inode, "{name} is written anew");
        } else if !OWN.contains(&name.as_str()) {
            assert_eq!(&after[name], &(hash.clone(), *inode), "{name}");
        }
    }
    assert_eq!(after[rotten].0, before[rotten].0);
}

#[tokio::test]
async fn an_mp3_is_one_of_320_kbits_with_the_names_of_the_rows() {
    let home = Household::with_music().await;
    let export = home.export(json!({"format": "mp3"})).await;
    assert_eq!(export["status"], "complete", "{export}");
    let folder = home.destination();
    require_whole(&folder);
    let mp3 = folder.join("Björk/Debut_ 1_2_ (1993)/01 - Song 1 of Debut_ 1_2_.mp3");
    let sound = barbossa::audio::read(&mp3).unwrap();
    let probe = ["-v", "error", "-show_entries", "stream=bit_rate,codec_name", "-of", "csv=p=0"];
    let probed = Command::new("ffprobe").args(probe).arg(&mp3).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&probed.stdout).trim(), "mp3,320000");
    assert_eq!(sound.tags.album.as_deref(), Some("Debut: 1/2?"));
    assert_eq!(
        (sound.tags.title.as_deref(), sound.tags.track_number),
        (Some("Song 1 of Debut: 1/2?"), Some(1))
    );
    assert_eq!(sound.tags.year, Some(1993));
    let bytes = fs::read(&mp3).unwrap();
    assert!(bytes.windows(4).any(|w| w == b"Info" || w == b"Xing"), "it knows its length");
}

#[tokio::test]
async fn what_is_not_hearted_any_more_is_listed_and_goes_only_when_asked() {
    let home = Household::with_music().await;
    home.export(json!({})).await;
    let folder = home.destination();
    fs::write(folder.join("mine.txt"), "mine").unwrap();
    fs::write(folder.join("AC_DC/mine.txt"), "mine").unwrap();
    home.unheart("tracks", "select id from track where title = 'Song 2'").await;
    let song = "AC_DC/CON (1980)/02 - Song 2.mp3";
    let listed = home.export(json!({})).await;
    assert_eq!(listed["removed"], json!([song]), "{listed}");
    assert!(folder.join(song).exists());
    let again = home.export(json!({})).await;
    assert_eq!(again["removed"], json!([song]), "it is known still");
    let pruned = home.export(json!({"prune": true})).await;
    assert_eq!(pruned["removed"], json!([song]), "{pruned}");
    assert!(!folder.join("AC_DC/CON (1980)").exists());
    assert!(folder.join("AC_DC/mine.txt").exists() && folder.join("mine.txt").exists());
    fs::remove_file(folder.join("AC_DC/mine.txt")).unwrap();
    fs::remove_file(folder.join("mine.txt")).unwrap();
    require_whole(&folder);
}

#[tokio::test]
async fn a_renamed_album_is_renamed_on_the_drive_and_not_copied() {
    let home = Household::with_music().await;
    home.export(json!({})).await;
    let folder = home.destination();
    let inode = |name: &str| folder.join(name).metadata().unwrap().ino();
    let before = inode("Björk/Debut_ 1_2_ (1993)/02 - Song 2 of Debut_ 1_2_.flac");
    let old: String = home.town.value("select path from album where title like 'Debut%'").await;
    let new = "artists/Björk/First (1993)";
    barbossa::files::rename_noreplace(&home.town.music().join(&old), &home.town.music().join(new)).unwrap();
    home.town
        .execute(&format!(
            "update track set path = replace(path, '{old}', '{new}');
            update album set path = '{new}', artwork_path = '{new}/cover.jpg' where path = '{old}'"
        ))
        .await;
    let export = home.export(json!({})).await;
    assert_eq!((&export["status"], &export["removed"]), (&json!("complete"), &json!([])));
    assert_eq!(inode("Björk/First (1993)/02 - Song 2 of Debut_ 1_2_.flac"), before);
    assert!(!folder.join("Björk/Debut_ 1_2_ (1993)/01 - Song 1 of Debut_ 1_2_.flac").exists());
    require_whole(&folder);
}

#[tokio::test]
async fn what_a_person_put_there_is_not_touched() {
    let home = Household::with_music().await;
    let folder = home.destination();
    let taken = folder.join("AC_DC/CON (1980)/02 - Song 2.mp3");
    fs::create_dir_all(taken.parent().unwrap()).unwrap();
    fs::write(&taken, "somebody's own").unwrap();
    home.export(json!({})).await;
    assert_eq!(fs::read_to_string(&taken).unwrap(), "somebody's own");
    let beside = folder.join("AC_DC/CON (1980)/02 - Song 2 (2).mp3");
    let inode = beside.metadata().unwrap().ino();
    home.export(json!({})).await;
    assert_eq!(beside.metadata().unwrap().ino(), inode, "the same name each time");
    // A folder that is somebody else's export, or no export at all.
    let (_, bob) = home.person("bob", false).await;
    let refused = bob.post("/api/exports", json!({"destination": "ada"})).await.expect(200);
    let id = refused["id"].as_i64().unwrap();
    home.attempt(id, CancellationToken::new()).await.unwrap();
    let refused = bob.get(&format!("/api/exports/{id}")).await.expect(200);
    assert!(refused["error_message"].as_str().unwrap().contains("holds the export of ada"), "{refused}");
    let other = home.town.music().join("export/web");
    fs::create_dir_all(&other).unwrap();
    fs::write(other.join("manifest.json"), "{\"name\": \"an app\"}").unwrap();
    let refused = home.export(json!({"destination": "web"})).await;
    assert!(refused["error_message"].as_str().unwrap().contains("not one of an export"), "{refused}");
    assert_eq!(files_beneath(&other), ["manifest.json"]);
    assert!(!other.join(".barbossa-export").exists());
}

#[tokio::test]
async fn hostile_names_become_plain_ones() {
    let home = Household::new().await;
    home.import(|pending| {
        for (n, title) in [(1, "con"), (2, "a<b>|?*\"c"), (3, "dots..."), (4, "e\u{301}"), (5, "É")] {
            Song::new(title)
                .artist("NUL")
                .album_artist("NUL")
                .album("What: ever?")
                .year(2000)
                .track(n, 5)
                .named(&format!("{n}"))
                .write(&pending.join("hostile"));
        }
    })
    .await;
    home.heart("albums", "select id from album").await;
    let export = home.export(json!({})).await;
    assert_eq!(export["status"], "complete", "{export}");
    let files = files_beneath(&home.destination());
    require_whole(&home.destination());
    for file in &files {
        for part in file.split('/') {
            assert!(!part.contains(['<', '>', ':', '"', '\\', '|', '?', '*']), "{file}");
            assert!(
                !part.ends_with(['.', ' ']) && !["nul", "con"].contains(&part.to_lowercase().as_str()),
                "{file}"
            );
        }
    }
    let folded: std::collections::HashSet<String> = files.iter().map(|f| f.to_lowercase()).collect();
    assert_eq!(folded.len(), files.len(), "{files:?}");
}

#[tokio::test]
async fn nobody_exports_or_sees_what_is_anothers() {
    let home = Household::with_music().await;
    let (_, bob) = home.person("bob", false).await;
    let (_, root) = home.person("root", true).await;
    let id = home.ask(json!({})).await;
    for path in [format!("/api/exports/{id}"), format!("/api/exports/{id}/download")] {
        assert_eq!(bob.get(&path).await.expect(403)["detail"], "Access denied");
    }
    for verb in ["cancel", "retry", "resume"] {
        bob.post(&format!("/api/exports/{id}/{verb}"), json!({})).await.expect(403);
    }
    let ada_id = home.ada_id;
    bob.post("/api/exports", json!({"user_id": ada_id})).await.expect(403);
    bob.get(&format!("/api/exports?user_id={ada_id}")).await.expect(403);
    assert_eq!(bob.get("/api/exports").await.expect(200), json!([]));
    let busy = home.ada.post("/api/me/export", json!({})).await.expect(409);
    assert!(busy["detail"].as_str().unwrap().contains("under way"), "{busy}");
    root.post("/api/exports", json!({"user_id": ada_id})).await.expect(409);
    root.post(&format!("/api/exports/{id}/cancel"), json!({})).await.expect(200);
    let again = home.ada.post(&format!("/api/exports/{id}/cancel"), json!({})).await.expect(400);
    assert_eq!(again["detail"], "Cannot cancel cancelled export");
    let theirs = root.post("/api/exports", json!({"user_id": ada_id})).await.expect(200);
    assert_eq!((&theirs["user_id"], &theirs["username"]), (&json!(ada_id), &json!("ada")));
    assert_eq!(home.ada.get("/api/me/export").await.expect(200).as_array().unwrap().len(), 2);
    home.ada.get("/api/exports/4711").await.expect(404);
    home.ada.post("/api/exports", json!({"format": "ogg"})).await.expect(422);
}

#[tokio::test]
async fn a_destination_lies_beneath_a_root_on_a_drive_that_is_there() {
    let home = Household::set(|town| {
        let usb = town.outside().join("usb");
        fs::create_dir_all(&usb).unwrap();
        town.settings_mut().exports.roots = vec![usb.to_str().unwrap().to_owned()];
    })
    .await;
    home.stock().await;
    let usb = home.town.outside().join("usb");
    for bad in ["/etc", "../x", "/tmp/x"] {
        let refused = home.ada.post("/api/exports", json!({"destination": bad})).await.expect(400);
        assert!(refused["detail"].as_str().unwrap().contains(usb.to_str().unwrap()), "{refused}");
    }
    let away = home.ada.post("/api/exports", json!({"destination": "Music"})).await.expect(400);
    assert!(away["detail"].as_str().unwrap().contains("plug it in"), "{away}");
    fs::write(usb.join(".barbossa-exports"), "").unwrap();
    let id = home.ask(json!({"destination": "Music"})).await;
    // Pulled before the worker came to it.
    fs::remove_file(usb.join(".barbossa-exports")).unwrap();
    home.attempt(id, CancellationToken::new()).await.unwrap();
    let failed = home.show(id).await;
    assert_eq!(failed["status"], "failed", "{failed}");
    assert_eq!(fs::read_dir(&usb).unwrap().count(), 0, "nothing is written onto the system's disk");
    home.ada.post(&format!("/api/exports/{id}/resume"), json!({})).await.expect(400);
    fs::write(usb.join(".barbossa-exports"), "").unwrap();
    home.ada.post(&format!("/api/exports/{id}/resume"), json!({})).await.expect(200);
    home.attempt(id, CancellationToken::new()).await.unwrap();
    assert_eq!(home.show(id).await["status"], "complete");
    require_whole(&usb.join("Music"));
}

#[tokio::test]
async fn a_cancelled_export_leaves_what_is_whole_and_a_stopped_one_goes_on_by_itself() {
    let home = Household::with_music().await;
    let id = home.ask(json!({})).await;
    let stop = CancellationToken::new();
    stop.cancel();
    assert_eq!(home.attempt(id, stop.clone()).await.unwrap(), Outcome::Snooze(std::time::Duration::ZERO));
    assert_ne!(home.show(id).await["status"], "cancelled", "the process stopped, not the person");
    home.ada.post(&format!("/api/exports/{id}/cancel"), json!({})).await.expect(200);
    assert!(matches!(home.attempt(id, stop).await.unwrap(), Outcome::Cancel(_)));
    assert_eq!(home.show(id).await["status"], "cancelled");
    let resumed = home.ada.post(&format!("/api/exports/{id}/retry"), json!({})).await.expect(200);
    assert_eq!(resumed["status"], "pending");
    home.attempt(id, CancellationToken::new()).await.unwrap();
    assert_eq!(home.show(id).await["status"], "complete");
    require_whole(&home.destination());
    home.ada.post(&format!("/api/exports/{id}/resume"), json!({})).await.expect(400);
}

/// A worker writes how far it is in the transaction that holds its job's row (`context.hold`), then the export's. A cancel
/// that took them the other way round and they would each wait for the other, until PostgreSQL ended one of them.
#[tokio::test]
async fn whoever_cancels_waits_for_the_worker_and_neither_is_ended() {
    let home = Household::with_music().await;
    let id = home.ask(json!({})).await;
    let mut worker = home.app.db.get().await.unwrap();
    let tx = worker.transaction().await.unwrap();
    let job: i64 = home.town.value(&format!("select job_id from export where id = {id}")).await;
    tx.execute("select from job where id = $1 for no key update", &[&job]).await.unwrap();
    let (ada, path) = (home.ada.clone(), format!("/api/exports/{id}/cancel"));
    let cancelling = tokio::spawn(async move { ada.post(&path, json!({})).await });
    eventually("the cancel waits for the job's row", || async {
        let waiting = "select count(*) from pg_stat_activity where datname = current_database()
            and wait_event_type = 'Lock'";
        home.town.value::<i64>(waiting).await >= 1
    })
    .await;
    // With the export's row held by the cancel this would be the deadlock.
    tx.execute("set local lock_timeout = '5s'", &[]).await.unwrap();
    tx.execute("update export set exported_albums = 1 where id = $1", &[&id]).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(cancelling.await.unwrap().expect(200)["status"], "cancelled");
    assert_eq!(home.show(id).await["status"], "cancelled");
    let state: String = home.town.value(&format!("select state from job where id = {job}")).await;
    assert_eq!(state, "cancelled");
}

#[tokio::test]
async fn a_worker_runs_it_and_tells_how_far_it_is() {
    let home = Household::with_music().await;
    let worker = Worker::new(home.app.clone(), Registry::new().with::<RunExport>(), &[Queue::Exports], 1);
    let stop = home.town.stop();
    tokio::spawn(async move { worker.run(stop).await });
    let id = home.ask(json!({})).await;
    eventually("it is complete", || async { home.show(id).await["status"] == "complete" }).await;
    require_whole(&home.destination());
    let told: Value = home.town.value("select payload from event where kind = 'export:complete'").await;
    assert_eq!((&told["export_id"], &told["album_count"]), (&json!(id), &json!(2)), "{told}");
    let whose: i64 = home.town.value("select user_id from event where kind = 'export:complete'").await;
    assert_eq!(whose, home.ada_id);
}

#[tokio::test]
async fn a_file_that_is_missing_or_not_what_it_was_is_told_and_the_rest_is_exported() {
    let home = Household::with_music().await;
    let path = |title: &str| format!("select path from track where title = '{title}'");
    let gone: String = home.town.value(&path("Song 1 of Debut: 1/2?")).await;
    fs::remove_file(home.town.music().join(&gone)).unwrap();
    let changed: String = home.town.value(&path("Song 2 of Debut: 1/2?")).await;
    let mut bytes = fs::read(home.town.music().join(&changed)).unwrap();
    bytes[700] ^= 1;
    fs::write(home.town.music().join(&changed), bytes).unwrap();
    let export = home.export(json!({})).await;
    assert_eq!(export["status"], "complete", "{export}");
    let problems: Vec<&str> =
        export["problems"].as_array().unwrap().iter().map(|p| p.as_str().unwrap()).collect();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].contains(&gone) && problems[0].contains("not exported"), "{problems:?}");
    assert!(problems[1].contains(&changed) && problems[1].contains("integrity"), "{problems:?}");
    require_whole(&home.destination());
}

// -- zip

/// What Python reads of an archive: every file's checksum, after its own test of all of them.
fn read_by_python(archive: &Path) -> BTreeMap<String, String> {
    let script = "import zipfile, hashlib, json, sys\n\
        z = zipfile.ZipFile(sys.argv[1])\n\
        assert z.testzip() is None\n\
        assert all(i.compress_type == zipfile.ZIP_STORED for i in z.infolist())\n\
        print(json.dumps({i.filename: hashlib.sha256(z.read(i)).hexdigest() for i in z.infolist()}))";
    let read = Command::new("python3").args(["-c", script]).arg(archive).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    serde_json::from_slice(&read.stdout).unwrap()
}

#[tokio::test]
async fn a_zip_is_the_same_export_and_any_program_reads_it() {
    let home = Household::with_music().await;
    home.export(json!({})).await;
    let id = home.ask(json!({"destination": "zip"})).await;
    let waiting = home.show(id).await;
    assert_eq!(waiting["status"], "pending", "{waiting}");
    let answer = home.ada.get(waiting["download_url"].as_str().unwrap()).await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/zip"));
    assert_eq!(answer.header("x-accel-buffering"), Some("no"));
    let outside = home.town.outside();
    fs::create_dir_all(&outside).unwrap();
    fs::write(outside.join("ada.zip"), &answer.body).unwrap();
    let read = read_by_python(&outside.join("ada.zip"));
    let names: Vec<&String> = read.keys().collect();
    let mut expected = files_beneath(&home.destination());
    expected.sort();
    assert_eq!(names, expected.iter().collect::<Vec<_>>());
    let unzipped =
        Command::new("unzip").args(["-q", "ada.zip", "-d", "out"]).current_dir(&outside).status().unwrap();
    assert!(unzipped.success());
    require_whole(&outside.join("out"));
    eventually("it is complete", || async { home.show(id).await["status"] == "complete" }).await;
    // Again, as often as one likes; and by a ticket, for a program without cookies.
    let ticket = home.ada.post("/api/auth/ticket", json!({"purpose": "download"})).await.expect(200);
    let ticket = ticket["ticket"].as_str().unwrap();
    let anyone = Client::new(home.router());
    assert_eq!(anyone.get(&format!("/api/exports/{id}/download?ticket={ticket}")).await.status, 200);
    assert_eq!(anyone.get(&format!("/api/exports/{id}/download")).await.status, 401);
}

#[tokio::test]
async fn a_zip_of_mp3s_is_made_on_the_way() {
    let home = Household::with_music().await;
    let damaged: String =
        home.town.value("select path from track where title = 'Song 2 of Debut: 1/2?'").await;
    fs::write(home.town.music().join(&damaged), "not music any more").unwrap();
    let id = home.ask(json!({"destination": "zip", "format": "mp3"})).await;
    let answer = home.ada.get(&format!("/api/exports/{id}/download")).await;
    let outside = home.town.outside();
    fs::create_dir_all(&outside).unwrap();
    fs::write(outside.join("ada.zip"), &answer.body).unwrap();
    let read = read_by_python(&outside.join("ada.zip"));
    assert!(read.contains_key("Björk/Debut_ 1_2_ (1993)/01 - Song 1 of Debut_ 1_2_.mp3"), "{read:?}");
    assert!(!read.keys().any(|name| name.contains("02 - Song 2 of")), "{read:?}");
    let unzipped =
        Command::new("unzip").args(["-q", "ada.zip", "-d", "out"]).current_dir(&outside).status().unwrap();
    assert!(unzipped.success());
    require_whole(&outside.join("out"));
    let mp3 = outside.join("out/Björk/Debut_ 1_2_ (1993)/01 - Song 1 of Debut_ 1_2_.mp3");
    assert_eq!(barbossa::audio::read(&mp3).unwrap().quality.bitrate_kbps, Some(320));
    eventually("its end is told", || async { home.show(id).await["status"] == "complete" }).await;
    assert_eq!(home.show(id).await["problems"].as_array().unwrap().len(), 1);
}

// -- drives that fail

/// Asks for an export, and lets the chosen call to the file system meet its fault; how the attempt ended.
#[cfg(feature = "failpoints")]
async fn with_fault(
    home: &Household,
    id: i64,
    at: usize,
    fault: barbossa::files::faults::Fault,
) -> (barbossa::error::Result<Outcome>, Vec<String>) {
    use barbossa::files::faults;
    let folder = home.destination();
    faults::arm(&folder, at, fault);
    let done = home.attempt(id, CancellationToken::new()).await;
    (done, faults::disarm(&folder))
}

#[cfg(feature = "failpoints")]
async fn send_again(home: &Household, id: i64) {
    if ["failed", "cancelled"].contains(&home.show(id).await["status"].as_str().unwrap()) {
        home.ada.post(&format!("/api/exports/{id}/resume"), json!({})).await.expect(200);
    }
}

#[cfg(feature = "failpoints")]
#[tokio::test]
async fn an_export_goes_on_after_a_death_or_a_pulled_drive_at_any_call() {
    use barbossa::files::faults::Fault;
    use nix::errno::Errno;
    let home = Household::with_music().await;
    let folder = home.destination();
    fs::create_dir_all(&folder).unwrap();
    let undisturbed = home.ask(json!({})).await;
    let (_, calls) = with_fault(&home, undisturbed, usize::MAX, Fault::None).await;
    assert!(calls.len() > 60, "{}", calls.len());
    let expected = state(&folder);
    let contents = |state: &BTreeMap<String, (String, u64)>| -> BTreeMap<String, String> {
        state
            .iter()
            .filter(|(n, _)| !OWN.contains(&n.as_str()))
            .map(|(n, (h, _))| (n.clone(), h.clone()))
            .collect()
    };
    // Every call once, the faults taking turns: the process dies, the drive is pulled, it is full.
    let faults = [
        Fault::Death,
        Fault::Refuse(Errno::ENODEV as i32),
        Fault::Refuse(Errno::EIO as i32),
        Fault::Refuse(Errno::ENOSPC as i32),
    ];
    for n in 0..calls.len() {
        let fault = faults[n % faults.len()];
        let at = format!("call {n} ({}), {fault:?}", calls[n]);
        fs::remove_dir_all(&folder).unwrap();
        fs::create_dir(&folder).unwrap();
        let id = home.ask(json!({})).await;
        let (done, seen) = with_fault(&home, id, n, fault).await;
        assert!(seen.len() > n, "{at}: it was not reached");
        // Whatever has its name already is whole.
        let half = state(&folder);
        for (name, (hash, _)) in half.iter().filter(|(n, _)| !n.starts_with(".barbossa-export/")) {
            let whole = expected.get(name).map(|(hash, _)| hash);
            assert!(OWN.contains(&name.as_str()) || whole == Some(hash), "{at}: {name} is half");
        }
        if let Fault::Refuse(errno) = fault {
            let shown = home.show(id).await;
            assert!(matches!(done, Ok(Outcome::Cancel(_) | Outcome::Done(_))), "{at}: {done:?}");
            let said = shown["error_message"].as_str().unwrap_or_default();
            let word = if errno == Errno::ENOSPC as i32 { "make room" } else { "plug the drive in again" };
            assert!(shown["status"] == "complete" || said.contains(word), "{at}: {shown}");
        }
        send_again(&home, id).await;
        if home.show(id).await["status"] != "complete" {
            home.attempt(id, CancellationToken::new()).await.unwrap();
        }
        let after = state(&folder);
        assert_eq!(contents(&after), contents(&expected), "{at}");
        assert_eq!(manifest(&folder)["left"], json!([]), "{at}");
        require_whole(&folder);
        for (name, (_, inode)) in half.iter().filter(|(n, _)| n.contains(".flac") || n.contains(".jpg")) {
            assert_eq!(after[name].1, *inode, "{at}: {name} was there and right, and was written again");
        }
    }
}

#[cfg(feature = "failpoints")]
#[tokio::test]
async fn a_pulled_drive_in_the_middle_of_mp3s_goes_on_without_encoding_them_again() {
    use barbossa::files::faults::Fault;
    use nix::errno::Errno;
    let home = Household::with_music().await;
    let folder = home.destination();
    let id = home.ask(json!({"format": "mp3"})).await;
    let (_, calls) = with_fault(&home, id, usize::MAX, Fault::None).await;
    let second = calls.iter().rposition(|c| c.starts_with("rename") && c.contains(".mp3")).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    fs::create_dir(&folder).unwrap();
    let id = home.ask(json!({"format": "mp3"})).await;
    with_fault(&home, id, second, Fault::Refuse(Errno::ENODEV as i32)).await.0.unwrap();
    let half = state(&folder);
    let first = "Björk/Debut_ 1_2_ (1993)/01 - Song 1 of Debut_ 1_2_.mp3";
    assert!(half.contains_key(first), "{half:?}");
    send_again(&home, id).await;
    home.attempt(id, CancellationToken::new()).await.unwrap();
    assert_eq!(state(&folder)[first], half[first], "the same bytes under the same inode");
    require_whole(&folder);
}

/// A file system of a few megabytes, if this machine lets us mount one.
struct SmallDrive(PathBuf);

impl SmallDrive {
    fn at(folder: &Path, kind: &str, options: &str) -> Option<Self> {
        fs::create_dir_all(folder).unwrap();
        let mounted =
            Command::new("mount").args(["-t", kind, "-o", options, "none"]).arg(folder).output().unwrap();
        mounted.status.success().then(|| Self(folder.to_owned()))
    }
}

impl Drop for SmallDrive {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[tokio::test]
async fn a_drive_that_is_too_small_is_told_before_anything_is_written() {
    let home = Household::set(|town| {
        let usb = town.outside().join("usb");
        town.settings_mut().exports.roots = vec![usb.to_str().unwrap().to_owned()];
    })
    .await;
    home.stock().await;
    let usb = home.town.outside().join("usb");
    let Some(_drive) = SmallDrive::at(&usb, "tmpfs", "size=4m") else {
        println!("no file system can be mounted here");
        return;
    };
    // A mount point needs no marker.
    let failed = home.export(json!({"destination": "Music"})).await;
    assert_eq!(failed["status"], "failed", "{failed}");
    assert!(failed["error_message"].as_str().unwrap().contains("are needed"), "{failed}");
    assert_eq!(files_beneath(&usb), Vec::<String>::new());
}

#[tokio::test]
async fn an_archive_may_hold_a_file_of_more_than_four_gibibytes() {
    use http_body_util::BodyExt;
    use std::io::{Seek, SeekFrom, Write};
    use tower::ServiceExt;
    const SIZE: u64 = 5 << 30;
    let home = Household::with_music().await;
    let path: String = home.town.value("select path from track where title = 'Song 1 of Debut: 1/2?'").await;
    // Sparse: it takes no room.
    fs::File::options().write(true).open(home.town.music().join(&path)).unwrap().set_len(SIZE).unwrap();
    let id = home.ask(json!({"destination": "zip"})).await;
    let ticket = home.ada.post("/api/auth/ticket", json!({"purpose": "download"})).await.expect(200);
    let ticket = ticket["ticket"].as_str().unwrap();
    let request = http::Request::get(format!("/api/exports/{id}/download?ticket={ticket}"));
    let request = request.body(axum::body::Body::empty()).unwrap();
    let mut body = home.router().oneshot(request).await.unwrap().into_body();
    fs::create_dir_all(home.town.outside()).unwrap();
    let archive = home.town.outside().join("large.zip");
    let mut file = fs::File::create(&archive).unwrap();
    let zeroes = vec![0; 1 << 20];
    while let Some(frame) = body.frame().await {
        let bytes = frame.unwrap().into_data().unwrap();
        if zeroes.starts_with(&bytes) {
            file.seek(SeekFrom::Current(bytes.len() as i64)).unwrap();
        } else {
            file.write_all(&bytes).unwrap();
        }
    }
    let script = "import zipfile, hashlib, sys\n\
        z = zipfile.ZipFile(sys.argv[1])\n\
        large = [i for i in z.infolist() if i.file_size == int(sys.argv[2])]\n\
        assert len(large) == 1, [i.file_size for i in z.infolist()]\n\
        sums = dict(reversed(l.split('  ', 1)) for l in z.read('SHA256SUMS').decode().splitlines())\n\
        for i in z.infolist():\n\
        \x20   if i.file_size < 1 << 30 and i.filename != 'SHA256SUMS':\n\
        \x20       assert hashlib.sha256(z.read(i)).hexdigest() == sums[i.filename], i.filename\n\
        assert z.open(large[0]).read(4) == b'fLaC'";
    let read =
        Command::new("python3").args(["-c", script]).arg(&archive).arg(SIZE.to_string()).output().unwrap();
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    eventually("it is complete", || async { home.show(id).await["status"] == "complete" }).await;
}
