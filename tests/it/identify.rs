//! What a folder was taken for, how sure that is and why: kept, shown to whom it concerns, and used by a person.

use barbossa::imports::{http, show_http};
use barbossa::{auth, jobs};
use serde_json::json;

use crate::harness::Client;
use crate::harness::audio::{Song, album};
use crate::imports::Inbox;

async fn client(inbox: &Inbox, username: &str, is_admin: bool) -> (Client, i64) {
    let password = "correct horse battery".to_owned().into();
    let new = auth::NewUser { username, password: &password, is_admin };
    let account = auth::create_user(&inbox.app.db.get().await.unwrap(), new).await.unwrap();
    let token = auth::start_session(&inbox.app, account.id, None, None).await.unwrap();
    let routes = axum::Router::new().nest("/api", http::routes().merge(show_http::routes()).into());
    (Client::new(routes.with_state(inbox.app.clone())).with_token(&token), account.id)
}

#[tokio::test]
async fn an_import_shows_its_evidence_to_admins_and_to_whoever_asked() {
    let inbox = Inbox::new().await;
    let (admin, _) = client(&inbox, "root", true).await;
    let (ada, ada_id) = client(&inbox, "ada", false).await;
    let (eve, _) = client(&inbox, "eve", false).await;
    album(&inbox.folder("Ann - Album (1999)"), "Ann", "Album", 1999, 2);
    inbox.import("Ann - Album (1999)").await;
    inbox.town.execute(&format!("update import set requested_by = {ada_id}")).await;
    let list = admin.get("/api/import").await.expect(200);
    let path = format!("/api/import/{}", list[0]["id"]);
    let shown = admin.get(&path).await.expect(200);
    assert_eq!((&shown["state"], &shown["album"]), (&json!("done"), &json!("Album")));
    assert!(shown["confidence"].as_f64().unwrap() > 0.97, "{shown}");
    let evidence = shown["evidence"].as_array().unwrap();
    let of = |field: &str| evidence.iter().find(|e| e["field"] == field).unwrap_or_else(|| panic!("{field}"));
    assert_eq!(of("artist")["value"], "Ann");
    assert_eq!(of("track_count")["value"], "2 of 2");
    assert_eq!(of("folder_name")["witness"], "folder_name");
    assert!(of("file_names")["support"].as_f64().unwrap() > 0.0);
    assert_eq!(ada.get(&path).await.expect(200)["id"], shown["id"]);
    assert_eq!(ada.get("/api/import").await.expect(200).as_array().unwrap().len(), 1);
    assert_eq!(eve.get(&path).await.status, 404);
    assert!(eve.get("/api/import").await.expect(200).as_array().unwrap().is_empty());
    assert_eq!(admin.get("/api/import/999999").await.expect(404)["detail"], "Import not found");
    assert_eq!(admin.get("/api/import?limit=0").await.status, 422);
}

#[tokio::test]
async fn whoever_sees_an_album_sees_why_it_was_taken_for_that() {
    let inbox = Inbox::new().await;
    let (eve, _) = client(&inbox, "eve", false).await;
    for (artist, title) in [("Ann", "Album"), ("Ben", "Other")] {
        let name = format!("{artist} - {title} (1999)");
        album(&inbox.folder(&name), artist, title, 1999, 2);
        inbox.import(&name).await;
    }
    let album_id: i64 = inbox.town.value("select id from album where title = 'Album'").await;
    let import_id: i64 = inbox.town.value("select id from import where suggested_artist = 'Ann'").await;
    let told = eve.get(&format!("/api/import?album_id={album_id}")).await.expect(200);
    assert_eq!((&told[0]["id"], told.as_array().unwrap().len()), (&json!(import_id), 1));
    assert!(!told[0]["evidence"].as_array().unwrap().is_empty());
    assert!(eve.get("/api/import?album_id=999999").await.expect(200).as_array().unwrap().is_empty());
}

#[tokio::test]
async fn a_folder_that_contradicts_its_tags_waits_with_both_readings_and_a_person_picks_one() {
    let inbox = Inbox::new().await;
    let (admin, admin_id) = client(&inbox, "root", true).await;
    let song = Song::new("One").artist("Ann").album_artist("Ann").album("Wrong Match").track(1, 1).year(1999);
    song.named("01 - One").write(&inbox.folder("Ann - True Name (2003)"));
    inbox.import("Ann - True Name (2003)").await;
    let shown = &admin.get("/api/import?state=review").await.expect(200)[0];
    assert_eq!((&shown["album"], &shown["runner_up"]["title"]), (&json!("Wrong Match"), &json!("True Name")));
    let sum = shown["confidence"].as_f64().unwrap() + shown["runner_up"]["confidence"].as_f64().unwrap();
    assert!(sum <= 1.0 && shown["confidence"].as_f64().unwrap() < 0.85, "{shown}");
    let approval =
        barbossa::imports::Approval { use_runner_up: true, by: Some(admin_id), ..Default::default() };
    let mut connection = inbox.app.db.get().await.unwrap();
    let tx = connection.transaction().await.unwrap();
    let job = barbossa::imports::approve(&tx, shown["id"].as_i64().unwrap(), &approval).await.unwrap();
    tx.commit().await.unwrap();
    assert!(matches!(inbox.ended(job).await, jobs::End::Completed(_)), "{}", inbox.last().await);
    assert_eq!(inbox.filed(), ["Ann/True Name (2003)/01 - One.flac"]);
}
