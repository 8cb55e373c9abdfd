//! What holds for every route: answers that are known are not sent again, nobody asks without end, and what the first
//! version promised under another name is there.

use barbossa::app::App;
use barbossa::backups::MakeBackup;
use barbossa::jobs::{Queue, Registry, Worker};
use barbossa::roles::api::router;
use http::StatusCode;
use serde_json::json;

use crate::collection::Collection;
use crate::harness::{Client, Redis, eventually};

fn client(collection: &Collection, app: &App) -> Client {
    Client::new(router(app, &collection.town.stop()))
}

#[tokio::test]
async fn what_a_client_has_is_not_sent_again_until_it_changes() {
    let collection = Collection::with_worker().await;
    let ada = collection.member("ada").await;
    let bob = collection.member("bob").await;
    let album = collection.album("Kino", "Gruppa krovi", 1988, &["One"]).await;
    let ada = client(&collection, &collection.app).with_token(&ada.token);
    let bob = ada.with_token(&bob.token);
    for path in ["/api/albums".to_owned(), format!("/api/albums/{}", album.album_id)] {
        let first = ada.get(&path).await;
        let tag = first.header("etag").unwrap().to_owned();
        assert!(tag.starts_with("W/\""), "{tag}");
        assert_eq!(first.header("cache-control"), Some("private, no-cache"));
        let again = ada.with_header("if-none-match", &tag).get(&path).await;
        assert_eq!((again.status, again.body.len()), (StatusCode::NOT_MODIFIED, 0), "{path}");
        assert_eq!(again.header("etag"), Some(&*tag));
        bob.post(&format!("/api/me/library/albums/{}", album.album_id), json!({})).await.expect(200);
        let of_another = ada.with_header("if-none-match", &tag).get(&path).await;
        assert_eq!(of_another.status, StatusCode::NOT_MODIFIED, "another's heart is nobody else's news");
        ada.post(&format!("/api/me/library/albums/{}", album.album_id), json!({})).await.expect(200);
        let changed = ada.with_header("if-none-match", &tag).get(&path).await;
        assert_eq!(changed.status, StatusCode::OK, "{path}");
        ada.delete(&format!("/api/me/library/albums/{}", album.album_id)).await.expect(200);
    }
    let health = ada.get("/health").await;
    assert_eq!((health.header("etag"), health.header("cache-control")), (None, Some("no-store")));
}

#[tokio::test]
async fn who_asks_without_end_is_told_to_wait_and_nobody_else_is() {
    let mut collection = Collection::new().await;
    collection.town.settings_mut().api.requests_per_minute = 20;
    let (ada, bob) = (collection.member("ada").await, collection.member("bob").await);
    let app = collection.town.app();
    let ada = client(&collection, &app).with_token(&ada.token);
    let first = ada.get("/api/auth/me").await;
    assert_eq!(
        (first.header("x-ratelimit-limit"), first.header("x-ratelimit-remaining")),
        (Some("20"), Some("19"))
    );
    // A new minute may begin on the way, and gives 20 more.
    let mut refused = None;
    for _ in 0..45 {
        let answer = ada.get("/api/auth/me").await;
        if answer.status == StatusCode::TOO_MANY_REQUESTS {
            refused = Some(answer);
            break;
        }
    }
    let refused = refused.expect("refused");
    let seconds: i64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{seconds}");
    assert_eq!(refused.header("x-ratelimit-remaining"), Some("0"));
    assert_eq!(refused.json()["code"], "too_many_requests");
    assert!(refused.header("x-ratelimit-reset").unwrap().parse::<i64>().unwrap() > 1_700_000_000);
    ada.with_token(&bob.token).get("/api/auth/me").await.expect(200);
    assert_eq!(ada.get("/health").await.header("x-ratelimit-limit"), None, "health is not counted");
}

#[tokio::test]
async fn without_redis_nobody_is_limited() {
    let mut collection = Collection::new().await;
    let redis = Redis::start();
    collection.town.settings_mut().api.requests_per_minute = 1;
    collection.town.settings_mut().redis_url = redis.url();
    let ada = collection.member("ada").await;
    redis.crash();
    let app = collection.town.app();
    let ada = client(&collection, &app).with_token(&ada.token);
    for _ in 0..5 {
        let answer = ada.get("/api/auth/me").await;
        assert_eq!((answer.status, answer.header("x-ratelimit-limit")), (StatusCode::OK, None));
    }
}

#[tokio::test]
async fn an_admin_has_a_backup_made_and_reads_how_it_ended() {
    let collection = Collection::new().await;
    let registry = Registry::new().with::<MakeBackup>();
    let worker = Worker::new(collection.app.clone(), registry, &[Queue::Maintenance], 1);
    let stop = collection.town.stop();
    tokio::spawn(async move { worker.run(stop).await });
    let ada = collection.admin("ada").await;
    let ada = client(&collection, &collection.app).with_token(&ada.token);
    let elsewhere = ada.post("/api/admin/backup/trigger?destination=/etc", json!({})).await.expect(400);
    assert!(elsewhere["detail"].as_str().unwrap().starts_with("Destination must be under "), "{elsewhere}");
    let started = ada.post("/api/admin/backup/trigger?destination=.", json!({})).await.expect(200);
    assert_eq!(
        (&started["status"], &started["task_id"]),
        (&json!("started"), &json!(started["job_id"].to_string()))
    );
    eventually("the backup is complete", || async {
        let history = ada.get("/api/admin/backup/history?limit=1").await.expect(200);
        history["items"][0]["status"] == "complete"
    })
    .await;
    let history = ada.get("/api/admin/backup/history").await.expect(200);
    let item = &history["items"][0];
    assert_eq!((&item["id"], &item["destination_type"]), (&started["backup_id"], &json!("local")));
    assert_eq!((&item["files_backed_up"], &item["error_message"]), (&json!(1), &json!(null)));
    assert!(item["total_size"].as_i64().unwrap() > 1000, "{item}");
    assert!(std::path::Path::new(item["path"].as_str().unwrap()).exists());
    ada.get("/api/admin/backup/history?limit=0").await.expect(422);
}

#[tokio::test]
async fn the_library_in_numbers_is_what_is_in_it() {
    let collection = Collection::new().await;
    let ada = collection.admin("ada").await;
    let ada = client(&collection, &collection.app).with_token(&ada.token);
    let nothing = ada.get("/api/admin/health").await.expect(200);
    assert_eq!(nothing["quality"], json!({"lossless": 0, "lossy": 0, "lossless_pct": 0.0}));
    collection.album("Kino", "Gruppa krovi", 1988, &["One", "Two", "Three"]).await;
    collection.album("Ed Sheeran", "÷", 2017, &["One"]).await;
    collection.town.execute("update track set size_bytes = 1073741824, is_lossy = title = 'Three'").await;
    collection.town.execute("update album set total_tracks = 2 where title = '÷'").await;
    let found = ada.get("/api/admin/health").await.expect(200);
    let summary = json!({"artists": 2, "albums": 2, "tracks": 4, "users": 1, "total_size_bytes": 4_294_967_296_i64,
        "total_size_gb": 4.0});
    assert_eq!(found["summary"], summary);
    assert_eq!(found["quality"], json!({"lossless": 3, "lossy": 1, "lossless_pct": 75.0}));
    assert_eq!((&found["albums_by_source"], &found["incomplete_albums"]), (&json!({"import": 2}), &json!(1)));
}

#[tokio::test]
async fn everyone_reads_what_they_did_themselves_and_nothing_else() {
    let collection = Collection::with_worker().await;
    let (ada, bob) = (collection.member("ada").await, collection.member("bob").await);
    let album = collection.album("Kino", "Gruppa krovi", 1988, &["One", "Two"]).await;
    let ada = client(&collection, &collection.app).with_token(&ada.token);
    let bob = ada.with_token(&bob.token);
    ada.post(&format!("/api/me/library/albums/{}", album.album_id), json!({})).await.expect(200);
    bob.post(&format!("/api/me/library/tracks/{}", album.track_ids[0]), json!({})).await.expect(200);
    let mine = ada.get("/api/me/activity").await.expect(200);
    let items = mine["items"].as_array().unwrap();
    assert_eq!(
        (items.len(), &items[0]["action"], &items[0]["entity_type"]),
        (1, &json!("heart"), &json!("album"))
    );
    assert_eq!((&items[0]["username"], &mine["limit"]), (&json!("ada"), &json!(100)));
    let none = ada.get("/api/me/activity?action=unheart").await.expect(200);
    assert_eq!(none["items"], json!([]));
    let behind = ada.get("/api/me/activity?offset=1").await.expect(200);
    assert_eq!(behind["items"], json!([]));
}

#[tokio::test]
async fn addresses_of_the_first_version_lead_where_they_led() {
    let collection = Collection::new().await;
    let anyone = client(&collection, &collection.app);
    let root = anyone.get("/").await.expect(200);
    assert_eq!((&root["name"], &root["docs"]), (&json!("Barbossa"), &json!("/docs")));
    assert_eq!(
        anyone.get("/openapi.json").await.expect(200),
        anyone.get("/api/openapi.json").await.expect(200)
    );
    assert_eq!(anyone.get("/health/live").await.expect(200)["alive"], json!(true));
    assert_eq!(anyone.get("/health/ready").await.expect(200), json!({"ready": true}));
    assert_eq!(anyone.get("/redoc").await.header("location"), Some("/docs"));
    let page = anyone.get("/docs").await;
    let policy = page.header("content-security-policy").unwrap();
    assert!(policy.starts_with("default-src 'none'") && !policy.contains("unsafe"), "{policy}");
    assert!(String::from_utf8_lossy(&page.body).contains("/docs/docs.js"));
    let script = anyone.get("/docs/docs.js").await;
    assert_eq!(script.header("content-type"), Some("text/javascript; charset=utf-8"));
    anyone.get("/docs/other.js").await.expect(404);
}

#[tokio::test]
async fn a_character_that_no_name_has_is_refused_and_nothing_breaks() {
    let collection = Collection::new().await;
    let ada = collection.admin("ada").await;
    let ada = client(&collection, &collection.app).with_token(&ada.token);
    for path in
        ["/api/trash?q=%00", "/api/import?state=%00", "/api/admin/activity?action=a%00", "/api/search?q=%00"]
    {
        let status = ada.get(path).await.status.as_u16();
        assert!([400, 422].contains(&status), "{path}: {status}");
    }
}

#[tokio::test]
async fn a_look_at_the_inbox_can_be_asked_for() {
    let collection = Collection::new().await;
    let ada = collection.member("ada").await;
    let ada = client(&collection, &collection.app).with_token(&ada.token);
    let started = ada.post("/api/import/trigger", json!({})).await.expect(202);
    assert_eq!(started["status"], "started");
    let kind: String = collection.town.value("select kind from job").await;
    assert_eq!(kind, "imports.sweep");
    let again = ada.post("/api/import/trigger", json!({})).await.expect(202);
    assert_eq!(again["job_id"], started["job_id"], "asking twice is asking once");
}
