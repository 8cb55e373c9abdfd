//! What a person decides: with the evidence in sight, by name, once, and so that it can be undone.

use std::time::Duration;

use barbossa::audio::{self, Changes, Field};
use barbossa::auth::{self, NewUser};
use barbossa::edits::SetArtwork;
use barbossa::hearts::ReconcileLinks;
use barbossa::imports::{self, ReturnFromTrash, UndoApproval};
use barbossa::jobs::{Queue, Registry, Worker};
use barbossa::{activity, trash};
use http::{Method, StatusCode, header};
use image::{GenericImageView, ImageFormat};
use serde_json::{Value, json};

use crate::artwork::encoded;
use crate::cli::{barbossa, run};
use crate::harness::audio::{Format, Song, cover};
use crate::harness::{Client, Town, eventually};
use crate::imports::Inbox;

const PASSWORD: &str = "correct horse battery";

/// An inbox with the api in front of it.
struct Desk {
    inbox: Inbox,
    boss: Client,
    ada: Client,
}

impl Desk {
    async fn new() -> Self {
        let inbox = Inbox::new().await;
        let registry =
            Registry::new().with::<ReturnFromTrash>().with::<UndoApproval>().with::<ReconcileLinks>();
        let registry = registry.with::<trash::Delete>().with::<trash::Restore>().with::<SetArtwork>();
        let worker = Worker::new(inbox.app.clone(), registry, &[Queue::Imports], 4);
        let stop = inbox.town.stop();
        tokio::spawn(async move { worker.run(stop).await });
        let api = imports::http::routes()
            .merge(trash::routes())
            .merge(auth::http::routes())
            .merge(activity::routes());
        let anyone = Client::new(axum::Router::new().nest("/api", api.into()).with_state(inbox.app.clone()));
        let boss = login(&inbox.town, &anyone, "boss", true).await;
        let ada = login(&inbox.town, &anyone, "ada", false).await;
        Self { inbox, boss, ada }
    }

    /// A folder that only a person can name; its review.
    async fn unknown(&self, name: &str) -> i64 {
        let folder = self.inbox.folder(name);
        Song::new("x").without("title").named("01 - One").write(&folder);
        cover(&folder.join("cover.jpg"));
        self.inbox.import(name).await;
        assert!(self.inbox.last().await.starts_with("review: "), "{}", self.inbox.last().await);
        self.inbox.town.value("select max(id) from import").await
    }

    async fn say(&self, id: i64, what: &str, body: Value, status: u16) -> Value {
        self.ada.post(&format!("/api/import/review/{id}/{what}"), body).await.expect(status)
    }
}

async fn login(town: &Town, anyone: &Client, username: &str, is_admin: bool) -> Client {
    let new = NewUser { username, password: &PASSWORD.into(), is_admin };
    auth::create_user(&town.app_as("x").db.get().await.unwrap(), new).await.unwrap();
    let answer =
        anyone.post("/api/auth/login", json!({"username": username, "password": PASSWORD})).await.expect(200);
    anyone.with_token(answer["token"].as_str().unwrap())
}

#[tokio::test]
async fn an_admin_sees_evidence_files_and_what_the_library_has_and_a_member_decides() {
    let desk = Desk::new().await;
    let song = |tone| {
        Song::new("One").artist("Ann").album_artist("Ann").album("Album").year(1999).track(1, 1).tone(tone)
    };
    song(300).named("1").write(&desk.inbox.folder("old"));
    desk.inbox.import("old").await;
    song(3000).format(Format::Mp3).named("1").write(&desk.inbox.folder("new"));
    desk.inbox.import("new").await;
    let list = desk.boss.get("/api/import/review").await.expect(200);
    assert_eq!(list.as_array().unwrap().len(), 1);
    let id = list[0]["id"].as_i64().unwrap();
    assert_eq!((&list[0]["status"], &list[0]["suggested_album"]), (&json!("pending"), &json!("Album")));
    let detail = desk.boss.get(&format!("/api/import/review/{id}")).await.expect(200);
    assert_eq!((&detail["files"][0]["name"], &detail["files"][0]["title"]), (&json!("1.mp3"), &json!("One")));
    assert!(detail["files"][0]["quality"].as_str().unwrap().contains("MP3"), "{detail}");
    assert!(detail["files"][0]["size"].as_u64().unwrap() > 1000 && detail["evidence"].is_array());
    let there = &detail["in_library"];
    assert_eq!((&there["title"], &there["likeness"]), (&json!("Album"), &json!("text")));
    assert!(there["tracks"][0]["quality"].as_str().unwrap().contains("FLAC"), "{there}");
    for path in ["", "/failed", &format!("/{id}")] {
        assert_eq!(desk.ada.get(&format!("/api/import/review{path}")).await.status, StatusCode::FORBIDDEN);
    }
    assert_eq!(desk.boss.get("/api/import/review/4711").await.expect(404)["detail"], "Review item not found");
    assert_eq!(desk.boss.get("/api/import/review?status=x").await.status, 422);

    // As long as nobody says how, a rival is not filed, and not touched.
    let again = desk.say(id, "approve", json!({}), 409).await;
    assert!(again["detail"].as_str().unwrap().contains("when_there"), "{again}");
    let answer = desk.say(id, "approve", json!({"when_there": "beside"}), 200).await;
    assert_eq!((&answer["status"], answer["album_id"].is_i64()), (&json!("approved"), true));
    assert_eq!(desk.inbox.filed().len(), 2);
    assert_eq!(desk.say(id, "approve", json!({}), 400).await["detail"], "Item already processed");
    assert_eq!(desk.say(id, "reject", json!({}), 400).await["detail"], "Item already processed");
    assert_eq!(desk.say(4711, "approve", json!({}), 404).await["detail"], "Review item not found");
    let approved = desk.boss.get("/api/import/review?status=approved").await.expect(200);
    assert!(approved.as_array().unwrap().iter().any(|r| r["id"] == json!(id)), "{approved}");
    let who: String = desk
        .inbox
        .town
        .value("select string_agg(distinct username, ',') from activity a join app_user u on u.id = a.user_id where action = 'import_approved'")
        .await;
    assert_eq!(who, "ada");
}

#[tokio::test]
async fn a_picture_that_is_sent_before_the_decision_becomes_the_cover() {
    let desk = Desk::new().await;
    let id = desk.unknown("Ann - Demo (2003)").await;
    let url = format!("/api/import/review/{id}/artwork");
    let send = async |url: &str, kind: &str, bytes: &[u8]| {
        desk.ada.send_bytes(Method::PUT, url, kind, bytes.to_vec()).await
    };
    assert_eq!(desk.ada.get(&url).await.status, StatusCode::NOT_FOUND);
    let unusable = send(&url, "image/png", b"<svg onload=alert(1)>").await.expect(400);
    assert!(unusable["detail"].as_str().unwrap().contains("JPEG, PNG or WebP"), "{unusable}");
    let none = send("/api/import/review/4711/artwork", "image/png", &encoded(9, 9, ImageFormat::Png)).await;
    assert_eq!(none.expect(404)["detail"], "Review item not found");
    for side in [40, 50] {
        let bytes = encoded(side, side, ImageFormat::Png);
        assert_eq!(send(&url, "image/png", &bytes).await.expect(200), json!({"status": "kept"}));
        let shown = desk.ada.get(&url).await;
        assert_eq!(
            (&shown.headers[header::CONTENT_TYPE], &shown.body[..]),
            (&"image/png".parse().unwrap(), &bytes[..])
        );
    }
    desk.ada.delete(&url).await.expect(200);
    assert_eq!(desk.ada.delete(&url).await.status, StatusCode::NOT_FOUND);
    send(&url, "image/png", &encoded(60, 80, ImageFormat::Png)).await.expect(200);
    assert!(
        desk.boss.get(&format!("/api/import/review/{id}")).await.expect(200)["picture_sent_at"].is_string()
    );

    desk.say(id, "approve", json!({"album": "Demo Tape", "year": 2004}), 200).await;
    let folder = desk.inbox.town.music().join("artists/Ann/Demo Tape (2004)");
    eventually("the picture is the cover", || async {
        image::open(folder.join("cover.jpg")).is_ok_and(|cover| cover.dimensions() == (60, 60))
    })
    .await;
    assert!(folder.join("cover.original.jpg").is_file(), "the one that lay beside the files stays");
    assert_eq!(desk.inbox.town.value::<i64>("select count(*) from import_picture").await, 0);
    let late = send(&url, "image/png", &encoded(9, 9, ImageFormat::Png)).await;
    assert_eq!(late.expect(400)["detail"], "Item already processed");
    let who = "select username from activity a join app_user u on u.id = a.user_id where action = 'artwork_uploaded'";
    assert_eq!(desk.inbox.town.value::<String>(who).await, "ada");
}

#[tokio::test]
async fn an_approval_that_is_undone_is_in_review_again_as_it_was() {
    let desk = Desk::new().await;
    let id = desk.unknown("Ann - Demo (2003)").await;
    let before = desk.inbox.essences();
    let waiting = desk.inbox.beneath("import/review");
    let song = desk.inbox.town.music().join("import/review/Ann - Demo (2003)/01 - One.flac");
    let bytes = std::fs::read(&song).unwrap();
    let answer = desk.say(id, "approve", json!({"album": "Demo Tape", "year": 2004}), 200).await;
    let album = answer["album_id"].as_i64().unwrap();
    assert_eq!(desk.inbox.filed(), ["Ann/Demo Tape (2004)/01 - One.flac", "Ann/Demo Tape (2004)/cover.jpg"]);
    let answer = desk.say(id, "undo", json!({}), 200).await;
    assert_eq!(
        (&answer["status"], &answer["path"]),
        (&json!("pending"), &json!("import/review/Ann - Demo (2003)"))
    );
    assert_eq!(desk.inbox.beneath("import/review"), waiting);
    // What the edit of the tags keeps for its own undo stays.
    let is_edits = |file: &String| file.starts_with("edits/");
    assert!(desk.inbox.filed().is_empty() && desk.inbox.beneath(".trash").iter().all(is_edits));
    assert_eq!((desk.inbox.count("album").await, desk.inbox.count("trash").await), (0, 0));
    assert_eq!(desk.inbox.essences(), before);
    assert_eq!(desk.inbox.last().await, "review: its approval was undone");
    assert!(bytes == std::fs::read(&song).unwrap(), "the tags are those that it came with");
    assert_eq!(desk.say(id, "undo", json!({}), 400).await["code"], "invalid");
    // And once more, otherwise.
    let answer = desk.say(id, "approve", json!({"artist": "Ann & Bob"}), 200).await;
    assert_ne!(answer["album_id"], json!(album));
    assert_eq!(desk.inbox.filed().len(), 2);
}

#[tokio::test]
async fn an_undone_approval_leaves_tags_alone_that_somebody_has_changed_since() {
    let desk = Desk::new().await;
    let id = desk.unknown("Ann - Demo (2003)").await;
    desk.say(id, "approve", json!({"album": "Demo Tape", "year": 2004}), 200).await;
    let filed = desk.inbox.town.music().join("artists/Ann/Demo Tape (2004)/01 - One.flac");
    eventually("the files say the approved names", || async {
        desk.inbox.town.value::<i64>("select count(*) from edit where state = 'done'").await == 1
    })
    .await;
    let foreign = Changes::from([(Field::Composer, Some("Somebody else".to_owned()))]);
    audio::write_tags(&filed, &foreign).unwrap();
    desk.say(id, "undo", json!({}), 200).await;
    let song = desk.inbox.town.music().join("import/review/Ann - Demo (2003)/01 - One.flac");
    let tags = audio::read(&song).unwrap().tags;
    assert_eq!((tags.composer.as_deref(), tags.album.as_deref()), (Some("Somebody else"), Some("Demo Tape")));
    let shown = desk.boss.get(&format!("/api/import/review/{id}")).await.expect(200);
    assert!(shown["notes"].as_str().unwrap().starts_with("its files keep the tags"), "{shown}");
}

#[tokio::test]
async fn what_was_put_back_is_rejected_again_when_that_is_undone() {
    let desk = Desk::new().await;
    let id = desk.unknown("Ann - Demo (2003)").await;
    for (body, place, said) in [
        (json!({"reason": "not ours"}), "import/rejected", "rejected: not ours"),
        (json!({"delete_files": true}), ".trash", "rejected: a person did not want it"),
    ] {
        desk.say(id, "reject", body, 200).await;
        let aside = desk.inbox.beneath(place);
        assert_eq!(desk.inbox.last().await, said);
        desk.say(id, "put-back", json!({}), 200).await;
        assert!(desk.inbox.beneath(place).is_empty());
        let answer = desk.say(id, "undo", json!({}), 200).await;
        assert_eq!(answer["status"], "rejected");
        assert_eq!((desk.inbox.last().await.as_str(), desk.inbox.beneath(place)), (said, aside));
        // And that can be undone as well.
        assert_eq!(desk.say(id, "undo", json!({}), 200).await["status"], "pending");
    }
    desk.say(id, "approve", json!({}), 200).await;
}

#[tokio::test]
async fn tracks_that_were_added_to_an_album_are_taken_out_again_alone() {
    let desk = Desk::new().await;
    let song = |n: u32| {
        let title = format!("Song {n}");
        Song::new(&title)
            .artist("Ann")
            .album_artist("Ann")
            .album("Album")
            .year(1999)
            .track(n, 2)
            .tone(300 * n)
    };
    song(1).named("1").write(&desk.inbox.folder("first"));
    desk.inbox.import("first").await;
    // The second is damaged in its tags, so that a person has to look.
    Song::new("Song 2").tone(999).named("2").write(&desk.inbox.folder("second"));
    desk.inbox.import("second").await;
    let id: i64 = desk.inbox.town.value("select max(id) from import where state = 'review'").await;
    let words = json!({"artist": "Ann", "album": "Album", "year": 1999, "when_there": "extend"});
    let answer = desk.ada.post(&format!("/api/import/review/{id}/approve"), words).await;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    assert_eq!(desk.inbox.filed().len(), 2);
    desk.say(id, "undo", json!({}), 200).await;
    assert_eq!(desk.inbox.filed(), ["Ann/Album (1999)/01 - Song 1.flac"]);
    assert_eq!(desk.inbox.beneath("import/review"), ["second/2.flac"]);
    assert_eq!(desk.inbox.count("track").await, 1);
}

#[tokio::test]
async fn what_an_approval_replaced_comes_back_to_its_track_when_it_is_undone() {
    let desk = Desk::new().await;
    let song = |tone| {
        Song::new("One").artist("Ann").album_artist("Ann").album("Album").year(1999).track(1, 1).tone(tone)
    };
    song(300).named("1").write(&desk.inbox.folder("old"));
    desk.inbox.import("old").await;
    song(3000).format(Format::Mp3).named("1").write(&desk.inbox.folder("new"));
    desk.inbox.import("new").await;
    let (before, waiting) = (desk.inbox.essences(), desk.inbox.beneath("import/review"));
    let track = "select concat_ws(' ', id, path, format, encode(checksum, 'hex')) from track";
    let was: String = desk.inbox.town.value(track).await;
    let id: i64 = desk.inbox.town.value("select max(id) from import").await;
    desk.say(id, "approve", json!({"when_there": "replace"}), 200).await;
    assert_ne!(desk.inbox.town.value::<String>(track).await, was);
    let answer = desk.say(id, "undo", json!({}), 200).await;
    assert_eq!(answer["path"], "import/review/new");
    assert_eq!(desk.inbox.town.value::<String>(track).await, was);
    assert_eq!((desk.inbox.beneath("import/review"), desk.inbox.count("trash").await), (waiting, 0));
    assert_eq!((desk.inbox.filed().len(), desk.inbox.essences()), (1, before));
}

#[tokio::test]
async fn what_is_rejected_comes_back_from_its_folder_and_from_the_trash() {
    let desk = Desk::new().await;
    let id = desk.unknown("Ann - Demo (2003)").await;
    let waiting = desk.inbox.beneath("import/review");
    let answer = desk.say(id, "reject", json!({"reason": "not ours"}), 200).await;
    assert_eq!(
        (&answer["status"], &answer["path"]),
        (&json!("rejected"), &json!("import/rejected/Ann - Demo (2003)"))
    );
    let note = desk.inbox.town.music().join("import/rejected/Ann - Demo (2003)/REASON.txt");
    assert!(std::fs::read_to_string(note).unwrap().starts_with("not ours"));
    desk.say(id, "undo", json!({}), 200).await;
    assert_eq!(desk.inbox.beneath("import/review"), waiting);

    desk.say(id, "reject", json!({"delete_files": true}), 200).await;
    assert_eq!(desk.inbox.beneath(".trash").len(), 2, "never straight to nowhere");
    assert!(desk.inbox.beneath("import").is_empty());
    desk.say(id, "put-back", json!({}), 200).await;
    assert_eq!((desk.inbox.beneath("import/review"), desk.inbox.count("trash").await), (waiting.clone(), 0));

    // The same over the trash's own way.
    desk.say(id, "reject", json!({"delete_files": true}), 200).await;
    let entry: i64 = desk.inbox.town.value("select id from trash").await;
    let answer = desk.boss.post(&format!("/api/trash/{entry}/restore"), json!({})).await.expect(200);
    assert_eq!(
        (&answer["import_id"], &answer["path"]),
        (&json!(id), &json!("import/review/Ann - Demo (2003)"))
    );
    assert_eq!((desk.inbox.beneath("import/review"), desk.inbox.count("trash").await), (waiting, 0));
    assert!(desk.inbox.last().await.starts_with("review: "), "{}", desk.inbox.last().await);
    assert_eq!(desk.inbox.count("import").await, 1, "still the same row");
    desk.say(id, "approve", json!({}), 200).await;
}

#[tokio::test]
async fn a_double_comes_back_from_the_trash_as_an_import_that_a_person_decides_about() {
    let desk = Desk::new().await;
    let song = Song::new("One").artist("Ann").album_artist("Ann").album("Album").year(1999).track(1, 1);
    let file = song.named("1").write(&desk.inbox.folder("first"));
    std::fs::create_dir(desk.inbox.folder("again")).unwrap();
    std::fs::copy(file, desk.inbox.folder("again").join("1.flac")).unwrap();
    desk.inbox.import("first").await;
    desk.inbox.import("again").await;
    assert!(desk.inbox.last().await.starts_with("duplicate: "), "{}", desk.inbox.last().await);
    let entry: i64 = desk.inbox.town.value("select id from trash").await;
    let answer = desk.boss.post(&format!("/api/trash/{entry}/restore"), json!({})).await.expect(200);
    assert_eq!(desk.inbox.beneath("import/review"), ["again/1.flac"]);
    let id = answer["import_id"].as_i64().unwrap();
    desk.say(id, "approve", json!({"when_there": "beside"}), 200).await;
    assert_eq!(desk.inbox.count("album").await, 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_shows_and_decides() {
    let desk = Desk::new().await;
    let id = desk.unknown("Ann - Demo (2003)").await.to_string();
    let said = |args: &[&str]| run(barbossa(&desk.inbox.town).arg("review").args(args));
    let (code, out, _) = said(&["list"]);
    assert!(code == 0 && out.contains("Demo") && out.contains("Ann"), "{out}");
    let (_, out, _) = said(&["show", &id]);
    for what in ["01 - One.flac", "cover.jpg", "FLAC", "WITNESS", "barbossa review approve"] {
        assert!(out.contains(what), "{what}: {out}");
    }
    let (code, out, err) = said(&["approve", &id, "--album", "Tape", "--year", "2004"]);
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("is filed in artists/Ann/Tape (2004)"), "{out}");
    assert_eq!(said(&["approve", &id]).0, 2, "already processed");
    assert_eq!(said(&["approve", "4711"]).0, 5);
    let (code, out, _) = said(&["undo", &id]);
    assert!(code == 0 && out.contains("import/review/Ann - Demo (2003)"), "{out}");
    let (code, out, _) = said(&["reject", &id, "--reason", "not ours"]);
    assert!(code == 0 && out.contains("import/rejected/Ann - Demo (2003)"), "{out}");
    let (code, out, _) = said(&["put-back", &id, "--json"]);
    let shown: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &shown["state"]), (0, &json!("review")));
}

#[tokio::test]
async fn a_disk_that_is_away_is_said_and_nothing_is_decided() {
    let desk = Desk::new().await;
    let id = desk.unknown("Ann - Demo (2003)").await;
    std::fs::remove_file(desk.inbox.town.music().join(".barbossa-library")).unwrap();
    for what in ["approve", "reject", "put-back", "undo"] {
        desk.say(id, what, json!({}), 503).await;
    }
    let state: String = desk.inbox.town.value("select state from import").await;
    assert_eq!(state, "review");
}

#[cfg(feature = "failpoints")]
#[tokio::test]
async fn an_undo_survives_a_stop_at_every_step() {
    let once = ["planned", "filled", "recorded", "way found", "moved back"].map(|step| (step, 0));
    for (step, passed) in once.into_iter().chain((0..4).map(|n| ("moving", n))) {
        let desk = Desk::new().await;
        let id = desk.unknown("Ann - Demo (2003)").await;
        let (before, waiting) = (desk.inbox.essences(), desk.inbox.beneath("import/review"));
        desk.say(id, "approve", json!({}), 200).await;
        let point = format!("trash {step} {}", desk.inbox.town.music().display());
        fail::cfg(&point, &format!("{passed}*off->1*return->off")).unwrap();
        let job = imports::undo(&desk.inbox.app.db.get().await.unwrap(), id, None).await.unwrap();
        eventually("the undo ends", || async {
            assert_eq!(desk.inbox.essences(), before, "{step} {passed}");
            desk.inbox.town.execute("update job set run_at = now() where state = 'available'").await;
            tokio::time::sleep(Duration::from_millis(50)).await;
            let sql = format!("select state = 'completed' from job where id = {job}");
            desk.inbox.town.value::<bool>(&sql).await
        })
        .await;
        fail::remove(&point);
        assert_eq!(desk.inbox.beneath("import/review"), waiting, "{step} {passed}");
        assert_eq!(
            (desk.inbox.count("album").await, desk.inbox.count("trash").await),
            (0, 0),
            "{step} {passed}"
        );
    }
}
