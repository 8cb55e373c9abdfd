//! The one way in: what is dropped is filed whole, what is bad is set aside with a reason, and nothing is lost.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use barbossa::app::App;
use barbossa::edits::ApplyEdits;
use barbossa::hearts::ReconcileLinks;
use barbossa::imports::{Adopt, ImportRelease, SortLoose, Sweep, http, sweep};
use barbossa::jobs::{self, End, Queue, Registry, Worker, enqueue};
use barbossa::{audio, auth};
use serde_json::{Value, json};

use crate::harness::audio::{Format, Song, album, cover};
use crate::harness::{Client, Town, files_beneath};

/// A town whose worker imports, with folders that settle at once.
pub struct Inbox {
    pub town: Town,
    pub app: App,
}

impl Inbox {
    pub async fn new() -> Self {
        Self::settling(0, 0).await
    }

    pub async fn settling(seconds: u32, seconds_incomplete: u32) -> Self {
        let mut town = Town::new().await;
        town.settings_mut().imports.settle_seconds = seconds;
        town.settings_mut().imports.settle_incomplete_seconds = seconds_incomplete;
        let app = town.app();
        let inbox = Self { town, app };
        inbox.start_worker();
        inbox
    }

    fn start_worker(&self) {
        let registry = Registry::new()
            .with::<ImportRelease>()
            .with::<SortLoose>()
            .with::<Sweep>()
            .with::<Adopt>()
            .with::<ReconcileLinks>()
            .with::<ApplyEdits>();
        let worker = Worker::new(self.app.clone(), registry, &[Queue::Imports], 4);
        let stop = self.town.stop();
        tokio::spawn(async move { worker.run(stop).await });
    }

    /// Puts one song with all its tags into a folder of the inbox.
    pub fn folder(&self, name: &str) -> PathBuf {
        self.town.pending().join(name)
    }

    /// Imports a folder of the inbox; how its job ended.
    pub async fn import(&self, folder: &str) -> End {
        self.import_path(&format!("import/pending/{folder}")).await
    }

    pub async fn import_path(&self, path: &str) -> End {
        let job = ImportRelease { path: path.into(), source: "import".into(), requested_by: None };
        let id = enqueue(&self.app.db.get().await.unwrap(), &job).await.unwrap();
        self.ended(id).await
    }

    pub async fn ended(&self, id: i64) -> End {
        let mut ended = jobs::wait(&self.app, &[id], Duration::from_secs(30)).await;
        ended.pop().unwrap_or_else(|| panic!("job {id} did not end")).end
    }

    /// The library's files, relative to `artists/`.
    pub fn filed(&self) -> Vec<String> {
        files_beneath(&self.town.music().join("artists"))
    }

    pub fn beneath(&self, folder: &str) -> Vec<String> {
        files_beneath(&self.town.music().join(folder))
    }

    /// `state: reason` of the latest import.
    pub async fn last(&self) -> String {
        self.town.value("select concat(state, ': ', reason) from import order by id desc limit 1").await
    }

    pub async fn count(&self, table: &str) -> i64 {
        self.town.value(&format!("select count(*) from {table}")).await
    }

    /// Every essence beneath MUSIC_PATH and how often it is there, by distinct inode.
    pub fn essences(&self) -> BTreeMap<String, usize> {
        essences(self.town.music())
    }
}

pub fn essences(folder: &Path) -> BTreeMap<String, usize> {
    use std::os::unix::fs::MetadataExt;
    let mut files: BTreeMap<(u64, u64), PathBuf> = BTreeMap::new();
    for entry in walkdir::WalkDir::new(folder).into_iter().filter_map(Result::ok) {
        if entry.file_type().is_file() && audio::is_audio_name(entry.path()) {
            let found = entry.metadata().unwrap();
            files.insert((found.dev(), found.ino()), entry.into_path());
        }
    }
    let mut essences = BTreeMap::new();
    for path in files.values() {
        if let Ok(digest) = audio::checksum_and_essence(path) {
            *essences.entry(digest.essence).or_default() += 1;
        }
    }
    essences
}

fn song(n: u32, artist: &str, album: &str) -> Song {
    Song::new(&format!("Song {n}")).artist(artist).album_artist(artist).album(album).year(1999).track(n, 0)
}

#[tokio::test]
async fn every_format_is_filed_with_its_quality_and_nothing_is_left_behind() {
    let inbox = Inbox::new().await;
    let folder = inbox.folder("Mixed");
    for (format, n) in Format::ALL.into_iter().zip(1..) {
        let song = Song::new(&format!("In {format:?}")).artist("Ann").album_artist("Ann").album("Formats");
        song.year(2001).track(n, 8).tone(200 + n * 37).format(format).named(&format!("{n}")).write(&folder);
    }
    let before = inbox.essences();
    assert!(matches!(inbox.import("Mixed").await, End::Completed(_)), "{}", inbox.last().await);
    assert_eq!(
        inbox.filed(),
        [
            "Ann/Formats (2001)/01 - In Flac16.flac",
            "Ann/Formats (2001)/02 - In Flac24.flac",
            "Ann/Formats (2001)/03 - In Mp3.mp3",
            "Ann/Formats (2001)/04 - In Vorbis.ogg",
            "Ann/Formats (2001)/05 - In Opus.opus",
            "Ann/Formats (2001)/06 - In Aac.m4a",
            "Ann/Formats (2001)/07 - In Alac.m4a",
            "Ann/Formats (2001)/08 - In Wav.wav",
        ]
    );
    let told: String = inbox
        .town
        .value("select string_agg(concat_ws(' ', format, sample_rate_hz, bit_depth, is_lossy), ', ' order by track_number) from track")
        .await;
    assert_eq!(
        told,
        "FLAC 44100 16 f, FLAC 96000 24 f, MP3 44100 t, Vorbis 44100 t, Opus 48000 t, AAC 44100 t, ALAC 44100 16 f, WAV 44100 16 f"
    );
    let known: i64 = inbox
        .town
        .value("select count(*) from track where essence is not null and checksum is not null")
        .await;
    assert_eq!(known, 8);
    assert!(!folder.exists());
    assert_eq!(inbox.essences(), before);
    assert_eq!(inbox.last().await, "done: ");
}

#[tokio::test]
async fn covers_logs_discs_and_names_of_any_script_come_along() {
    let inbox = Inbox::new().await;
    let folder = inbox.folder("rip");
    for disc in 1..=2 {
        for n in 1..=2 {
            Song::new(&format!("夜に駆ける {disc}.{n}"))
                .artist("Кино")
                .album("Группа крови")
                .year(1988)
                .track(n, 2)
                .named(&format!("0{n}"))
                .write(&folder.join(format!("CD{disc}")));
        }
    }
    cover(&folder.join("folder.jpg"));
    std::fs::write(folder.join("CD1/rip.log"), "ok").unwrap();
    std::fs::write(folder.join(".DS_Store"), "junk").unwrap();
    inbox.import("rip").await;
    let album = "Кино/Группа крови (1988)";
    assert_eq!(
        inbox.filed(),
        [
            format!("{album}/1-01 - 夜に駆ける 1.1.flac"),
            format!("{album}/1-02 - 夜に駆ける 1.2.flac"),
            format!("{album}/2-01 - 夜に駆ける 2.1.flac"),
            format!("{album}/2-02 - 夜に駆ける 2.2.flac"),
            format!("{album}/CD1/rip.log"),
            format!("{album}/folder.jpg"),
        ]
    );
    let artwork: String = inbox.town.value("select artwork_path from album").await;
    assert_eq!(artwork, format!("artists/{album}/folder.jpg"));
    assert!(!folder.exists(), "junk does not keep a folder");
}

#[tokio::test]
async fn the_same_title_by_two_artists_is_two_albums_and_so_are_two_signs() {
    let inbox = Inbox::new().await;
    let albums =
        [("Ann", "Greatest Hits"), ("Bob", "Greatest Hits"), ("Ed", "÷"), ("Ed", "×"), ("Sigur Rós", "( )")];
    for ((artist, title), n) in albums.into_iter().zip(1..) {
        let song = song(1, artist, title).year(2002).tone(n * 300).named("1");
        song.write(&inbox.folder(&n.to_string()));
        assert!(matches!(inbox.import(&n.to_string()).await, End::Completed(_)));
    }
    assert_eq!(inbox.count("album").await, 5);
    let folders: Vec<String> =
        inbox.filed().iter().map(|f| f.rsplit_once('/').unwrap().0.to_owned()).collect();
    assert_eq!(
        folders,
        [
            "Ann/Greatest Hits (2002)",
            "Bob/Greatest Hits (2002)",
            "Ed/× (2002)",
            "Ed/÷ (2002)",
            "Sigur Rós/( ) (2002)"
        ]
    );
}

#[tokio::test]
async fn tags_cannot_climb_out_of_the_library() {
    let inbox = Inbox::new().await;
    let evil = Song::new("../../../../etc/passwd").artist("../..").album_artist("..").album("/../../x");
    evil.year(2000).track(1, 1).named("evil").write(&inbox.folder("evil"));
    assert!(matches!(inbox.import("evil").await, End::Completed(_)), "{}", inbox.last().await);
    assert_eq!(inbox.filed(), ["_/_.._.._x (2000)/01 - .._.._.._.._etc_passwd.flac"]);
}

#[tokio::test]
async fn long_names_and_names_that_are_no_text_are_filed_safely() {
    use std::os::unix::ffi::OsStrExt;
    let inbox = Inbox::new().await;
    let folder = inbox.folder("names");
    let long = "é".repeat(300);
    let first = song(1, "Ann", "Names").tag("title", &long).named("1").write(&folder);
    let second = song(2, "Ann", "Names").named("2").write(&folder);
    let third = song(3, "Ann", "Names").named("3").write(&folder);
    // 255 bytes is all that a file system takes.
    std::fs::hard_link(&first, folder.join(format!("{}.flac", "n".repeat(250)))).unwrap();
    std::fs::remove_file(first).unwrap();
    let bytes = std::ffi::OsStr::from_bytes(b"caf\xe9.flac");
    std::fs::hard_link(&second, folder.join(bytes)).unwrap();
    std::fs::remove_file(second).unwrap();
    std::fs::write(folder.join(std::ffi::OsStr::from_bytes(b"n\xf6te.txt")), "x").unwrap();
    drop(third);
    assert!(matches!(inbox.import("names").await, End::Completed(_)), "{}", inbox.last().await);
    let filed = inbox.filed();
    assert_eq!(filed.len(), 4);
    assert!(filed[0].starts_with("Ann/Names (1999)/01 - éé") && filed[0].len() < 270, "{filed:?}");
    assert_eq!(filed[1], "Ann/Names (1999)/02 - Song 2.flac");
    assert!(!folder.exists());
}

#[tokio::test]
async fn what_is_no_audio_is_rejected_with_the_reason_beside_it() {
    let inbox = Inbox::new().await;
    let folder = inbox.folder("bad");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("empty.flac"), "").unwrap();
    cover(&folder.join("photo.jpg"));
    std::fs::copy(folder.join("photo.jpg"), folder.join("song.mp3")).unwrap();
    inbox.import("bad").await;
    assert_eq!(inbox.last().await, "rejected: none of its 2 audio files can be read");
    assert_eq!(
        inbox.beneath("import/rejected"),
        ["bad/REASON.txt", "bad/empty.flac", "bad/photo.jpg", "bad/song.mp3"]
    );
    let reason = std::fs::read_to_string(inbox.town.music().join("import/rejected/bad/REASON.txt")).unwrap();
    assert!(reason.contains("empty.flac: the file is empty (0 bytes)"), "{reason}");
    assert!(reason.contains("song.mp3: this is not audio but a JPEG picture"), "{reason}");
    assert!(inbox.filed().is_empty() && !folder.exists());
}

#[tokio::test]
async fn one_damaged_file_is_set_aside_when_the_tags_tell_that_it_is_missing() {
    let inbox = Inbox::new().await;
    let folder = inbox.folder("cut");
    let files = album(&folder, "Ann", "Cut", 1999, 3);
    let bytes = std::fs::read(&files[1]).unwrap();
    std::fs::write(&files[1], &bytes[..bytes.len() / 2]).unwrap();
    assert!(matches!(inbox.import("cut").await, End::Completed(_)), "{}", inbox.last().await);
    assert_eq!(inbox.filed().len(), 2);
    assert_eq!(inbox.beneath("import/rejected"), ["cut/02 - Song 2.flac", "cut/REASON.txt"]);
    let (total, available): (i32, i32) = (
        inbox.town.value("select total_tracks from album").await,
        inbox.town.value("select available_tracks from album").await,
    );
    assert_eq!((total, available), (3, 2));
}

#[tokio::test]
async fn incomplete_tags_wait_for_a_person_who_is_told_why() {
    let inbox = Inbox::new().await;
    let folder = inbox.folder("Ann - Demo (2003)");
    Song::new("x").without("title").named("01 - One").write(&folder);
    inbox.import("Ann - Demo (2003)").await;
    let last = inbox.last().await;
    assert!(last.starts_with("review: ") && last.contains("no file names its album"), "{last}");
    assert_eq!(inbox.beneath("import/review"), ["Ann - Demo (2003)/01 - One.flac"]);
    let suggested: String = inbox
        .town
        .value("select concat_ws('|', suggested_artist, suggested_album, suggested_year, path) from import")
        .await;
    assert_eq!(suggested, "Ann|Demo|2003|import/review/Ann - Demo (2003)");
    let event: Value =
        inbox.town.value("select payload from event where kind = 'import:review' and for_admins").await;
    assert_eq!(event["suggested_artist"], "Ann");
    // The same name again goes beside it.
    Song::new("y").without("title").named("01 - One").write(&folder);
    inbox.import("Ann - Demo (2003)").await;
    assert_eq!(inbox.beneath("import/review").len(), 2);
}

#[tokio::test]
async fn a_double_goes_to_the_trash_and_missing_tracks_are_added() {
    let inbox = Inbox::new().await;
    let first = inbox.folder("first");
    for n in 1..=2 {
        song(n, "Ann", "Album").named(&n.to_string()).write(&first);
    }
    inbox.import("first").await;
    let again = inbox.folder("again");
    for n in 1..=2 {
        song(n, "Ann", "Album").tag("genre", "Rock").named(&n.to_string()).write(&again);
    }
    inbox.import("again").await;
    assert!(inbox.last().await.starts_with("duplicate: "), "{}", inbox.last().await);
    assert_eq!(inbox.beneath(".trash"), ["imports/again/1.flac", "imports/again/2.flac"]);
    let more = inbox.folder("more");
    for n in 2..=3 {
        song(n, "ann", "ALBUM").named(&n.to_string()).write(&more);
    }
    inbox.import("more").await;
    assert_eq!(inbox.last().await, "done: ");
    assert_eq!(inbox.filed().len(), 3);
    assert_eq!(inbox.count("album").await, 1);
    assert_eq!(inbox.count("track").await, 3);
    assert_eq!(inbox.beneath(".trash").len(), 3, "the one that was there already");
}

#[tokio::test]
async fn other_audio_under_a_name_that_is_there_waits_for_a_person() {
    let inbox = Inbox::new().await;
    song(1, "Ann", "Album").named("1").write(&inbox.folder("old"));
    inbox.import("old").await;
    song(1, "Ann", "Album").tone(3210).format(Format::Flac24).named("1").write(&inbox.folder("new"));
    inbox.import("new").await;
    let last = inbox.last().await;
    assert!(last.starts_with("review: ") && last.contains("better copy"), "{last}");
    assert_eq!(inbox.filed().len(), 1);
}

#[tokio::test]
async fn a_folder_of_albums_is_as_many_imports() {
    let inbox = Inbox::new().await;
    album(&inbox.folder("Ann/One"), "Ann", "One", 2001, 1);
    album(&inbox.folder("Ann/Two"), "Ann", "Two", 2002, 1);
    inbox.import("Ann").await;
    crate::harness::eventually("both are filed and the folder is gone", || async {
        inbox.filed().len() == 2 && !inbox.folder("Ann").exists()
    })
    .await;
    assert!(inbox.town.pending().exists(), "the inbox itself stays");
}

#[tokio::test]
async fn loose_files_come_in_as_their_albums() {
    let inbox = Inbox::new().await;
    let pending = inbox.town.pending();
    song(1, "Ann", "Album").named("a1").write(&pending);
    song(2, "Ann", "Album").named("a2").write(&pending);
    song(1, "Bob", "Other").named("b1").write(&pending);
    sweep(&inbox.app).await.unwrap();
    crate::harness::eventually("the files have folders", || async {
        std::fs::read_dir(&pending).unwrap().all(|e| e.unwrap().path().is_dir())
    })
    .await;
    sweep(&inbox.app).await.unwrap();
    crate::harness::eventually("both albums are known", || async { inbox.count("album").await == 2 }).await;
    assert_eq!(inbox.filed().len(), 3);
}

#[tokio::test]
async fn an_empty_folder_stays_where_it_is() {
    let inbox = Inbox::new().await;
    std::fs::create_dir_all(inbox.folder("nothing")).unwrap();
    let end = inbox.import("nothing").await;
    assert!(matches!(&end, End::Cancelled(reason) if reason.contains("no audio")), "{end:?}");
    assert!(inbox.folder("nothing").exists());
    assert_eq!(inbox.count("import").await, 0);
}

#[tokio::test]
async fn nothing_moves_while_the_music_folder_is_not_ours() {
    let inbox = Inbox::new().await;
    album(&inbox.folder("a"), "Ann", "Album", 1999, 1);
    let marker = inbox.town.music().join(".barbossa-library");
    let id = std::fs::read(&marker).unwrap();
    std::fs::remove_file(&marker).unwrap();
    let job = ImportRelease { path: "import/pending/a".into(), source: "import".into(), requested_by: None };
    let job_id = enqueue(&inbox.app.db.get().await.unwrap(), &job).await.unwrap();
    assert!(
        jobs::wait(&inbox.app, &[job_id], Duration::from_secs(2))
            .await
            .iter()
            .all(|e| !matches!(e.end, End::Completed(_)))
    );
    assert_eq!(sweep(&inbox.app).await.unwrap(), 0);
    assert!(inbox.filed().is_empty() && inbox.folder("a").exists());
    std::fs::write(&marker, id).unwrap();
    inbox.town.execute("update job set run_at = now() where state = 'available'").await;
    assert!(matches!(inbox.ended(job_id).await, End::Completed(_)));
    assert_eq!(inbox.filed().len(), 1);
}

#[tokio::test]
async fn paths_outside_the_inbox_are_refused() {
    let inbox = Inbox::new().await;
    for path in ["artists/Ann", "import/pending/../../users", "/etc", "downloads/x"] {
        assert!(matches!(inbox.import_path(path).await, End::Cancelled(_)), "{path}");
    }
}

#[tokio::test]
async fn a_symbolic_link_is_neither_followed_nor_moved() {
    let inbox = Inbox::new().await;
    let secret = inbox.town.outside();
    let outside = album(&secret, "Secret", "Secret", 1999, 1);
    album(&inbox.folder("a"), "Ann", "Album", 1999, 1);
    std::os::unix::fs::symlink(&outside[0], inbox.folder("a").join("02.flac")).unwrap();
    inbox.import("a").await;
    assert_eq!(inbox.filed().len(), 1);
    assert!(outside[0].exists());
}

/// A small file system of its own; unmounted on drop.
pub struct Mount(PathBuf);

impl Mount {
    pub fn tmpfs(at: &Path, size: &str) -> Self {
        std::fs::create_dir_all(at).unwrap();
        let options = format!("size={size},mode=0777");
        let done = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(at)
            .status();
        assert!(done.unwrap().success(), "mounting a tmpfs needs root");
        Self(at.to_owned())
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test]
async fn an_inbox_on_another_file_system_is_copied_checked_and_emptied() {
    let inbox = Inbox::new().await;
    let _mount = Mount::tmpfs(&inbox.town.music().join("import"), "64m");
    album(&inbox.folder("a"), "Ann", "Album", 1999, 2);
    Song::new("x").without("title").named("?").write(&inbox.folder("unknown"));
    let before = inbox.essences();
    assert!(matches!(inbox.import("a").await, End::Completed(_)), "{}", inbox.last().await);
    inbox.import("unknown").await;
    assert_eq!(inbox.filed().len(), 2);
    assert!(!inbox.folder("a").exists());
    assert_eq!(inbox.essences(), before);
}

#[tokio::test]
async fn a_full_disk_is_said_and_nothing_is_lost() {
    let inbox = Inbox::new().await;
    let _mount = Mount::tmpfs(&inbox.town.music().join("artists"), "16k");
    album(&inbox.folder("a"), "Ann", "Album", 1999, 4);
    let before = inbox.essences();
    let job = ImportRelease { path: "import/pending/a".into(), source: "import".into(), requested_by: None };
    enqueue(&inbox.app.db.get().await.unwrap(), &job).await.unwrap();
    crate::harness::eventually("the reason is given", || async {
        inbox.count("import").await == 1 && inbox.last().await.contains("the disk is full")
    })
    .await;
    assert_eq!(inbox.essences(), before);
    assert_eq!(inbox.count("album").await, 0);
}

/// A client that is logged in; the router has the way in only.
pub async fn client(inbox: &Inbox, username: &str, is_admin: bool) -> Client {
    let password = "correct horse battery".to_owned().into();
    let new = auth::NewUser { username, password: &password, is_admin };
    let account = auth::create_user(&inbox.app.db.get().await.unwrap(), new).await.unwrap();
    let token = auth::start_session(&inbox.app, account.id, None, None).await.unwrap();
    let routes = axum::Router::new().nest("/api", http::routes().into()).with_state(inbox.app.clone());
    Client::new(routes).with_token(&token)
}

#[tokio::test]
async fn the_api_says_what_waits_and_why_and_takes_requests() {
    let inbox = Inbox::settling(60, 60).await;
    let (admin, member) = (client(&inbox, "root", true).await, client(&inbox, "ada", false).await);
    album(&inbox.folder("Fresh"), "Ann", "Fresh", 1999, 2);
    std::fs::create_dir(inbox.folder("Empty")).unwrap();
    let pending = member.get("/api/import/pending").await.expect(200);
    let told: Vec<(&str, &str)> = pending
        .as_array()
        .unwrap()
        .iter()
        .map(|p| (p["path"].as_str().unwrap(), p["reason"].as_str().unwrap()))
        .collect();
    assert_eq!(told[1], ("import/pending/Fresh", "it is still being copied"));
    assert_eq!((told[0].0, told.len()), ("import/pending/Empty", 2));
    let asked = member.post("/api/import", json!({"path": "import/pending/Fresh/"})).await.expect(202);
    assert_eq!(asked["path"], "import/pending/Fresh");
    for path in ["../artists", "artists/Ann", ""] {
        assert_eq!(member.post("/api/import", json!({"path": path})).await.status, 422, "{path}");
    }
    assert_eq!(member.get("/api/import/review").await.status, 403);
    assert!(admin.get("/api/import/review").await.expect(200).as_array().unwrap().is_empty());
}

#[tokio::test]
async fn an_admin_reads_what_waits_for_a_person_with_the_evidence() {
    let inbox = Inbox::new().await;
    let admin = client(&inbox, "root", true).await;
    Song::new("x").without("title").named("01 - One").write(&inbox.folder("Ann - Demo (2003)"));
    inbox.import("Ann - Demo (2003)").await;
    let reviews = admin.get("/api/import/review").await.expect(200);
    let review = &reviews[0];
    assert_eq!((&review["status"], &review["suggested_artist"]), (&json!("pending"), &json!("Ann")));
    assert_eq!((&review["track_count"], &review["suggested_year"]), (&json!(1), &json!(2003)));
    assert!(review["beets_confidence"].as_f64().unwrap() < 0.85);
    let fields: Vec<&str> =
        review["evidence"].as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap()).collect();
    assert_eq!(fields, ["artist", "album", "titles", "order", "year", "track_count"]);
    let one = admin.get(&format!("/api/import/review/{}", review["id"])).await.expect(200);
    assert_eq!(one["path"], "import/review/Ann - Demo (2003)");
    assert_eq!(admin.get("/api/import/review/99999").await.expect(404)["detail"], "Review item not found");
    assert_eq!(admin.get("/api/import/review?status=lost").await.status, 422);
}
