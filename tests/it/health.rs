//! What `/health` says is so: each part that goes away is named within five seconds, and well again when it is back.

use std::time::{Duration, Instant};

use barbossa::app::App;
use barbossa::config::Settings;
use barbossa::health::{self, Waiting};
use barbossa::lifecycle::Life;
use barbossa::roles::api::router;
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use crate::harness::{Client, Postgres, Redis, Town, eventually};

const ROLES: [&str; 5] = ["api", "worker", "fetch", "beat", "watcher"];

fn client(app: &App) -> Client {
    Client::new(router(app, &CancellationToken::new()))
}

async fn all_roles_beat(town: &Town) {
    for role in ROLES {
        health::beat(&town.app_as(role), "working").await.unwrap();
    }
}

async fn check(client: &Client, part: &str) -> (u16, Value, Value) {
    let answer = client.get("/health").await;
    let body = answer.json();
    (answer.status.as_u16(), body["status"].clone(), body["checks"][part].clone())
}

#[tokio::test]
async fn a_whole_house_is_healthy() {
    let town = Town::new().await;
    all_roles_beat(&town).await;
    let body = client(&town.app()).get("/health").await.expect(200);
    assert_eq!(body["status"], "healthy", "{body}");
    assert_eq!(body["version"], env!("CARGO_PKG_VERSION"));
    for part in ["database", "redis", "music_path", "music_library", "music_users"] {
        assert_eq!(body["checks"][part], "ok", "{part}");
    }
}

#[tokio::test]
async fn a_role_that_is_missing_or_silent_degrades() {
    let town = Town::new().await;
    all_roles_beat(&town).await;
    town.execute("delete from heartbeat where role = 'beat'").await;
    town.execute("update heartbeat set seen_at = now() - interval '30 seconds' where role = 'worker'").await;
    let body = client(&town.app()).get("/health").await.expect(200);
    assert_eq!(body["status"], "degraded");
    assert_eq!((&body["checks"]["beat"], &body["checks"]["worker"]), (&"missing".into(), &"stale".into()));
}

#[tokio::test]
async fn a_heart_tells_what_its_role_does_and_takes_its_word_back() {
    let town = Town::new().await;
    let (app, life, end) = (town.app_as("watcher"), Life::new(), CancellationToken::new());
    life.progress();
    life.status("watching");
    let beating = tokio::spawn(health::keep_beating(app, life, end.clone()));
    eventually("a heartbeat with its status", || async {
        town.value::<i64>("select count(*) from heartbeat where role = 'watcher' and status = 'watching'")
            .await
            == 1
    })
    .await;
    end.cancel();
    beating.await.unwrap();
    assert_eq!(town.value::<i64>("select count(*) from heartbeat").await, 0, "it took its word back");
}

#[tokio::test]
async fn a_music_folder_that_went_away_degrades() {
    let town = Town::new().await;
    all_roles_beat(&town).await;
    let client = client(&town.app());
    assert_eq!(check(&client, "music_path").await.2, "ok");
    let marker = town.music().join(".barbossa-library");
    let text = std::fs::read(&marker).unwrap();
    std::fs::remove_file(&marker).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(check(&client, "music_path").await, (200, "degraded".into(), "marker_missing".into()));
    std::fs::write(&marker, text).unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(check(&client, "music_path").await, (200, "healthy".into(), "ok".into()));
}

#[tokio::test]
async fn another_library_in_the_music_folder_is_noticed() {
    let town = Town::new().await;
    let marker = town.music().join(".barbossa-library");
    std::fs::write(marker, "6f1ed002-ab5e-4c49-9d1c-0f8c7ad0c0de\n").unwrap();
    assert_eq!(check(&client(&town.app()), "music_path").await.2, "other_library");
}

#[tokio::test]
async fn without_redis_it_is_degraded_and_with_it_well_again() {
    let mut town = Town::new().await;
    let mut redis = Redis::start();
    town.settings_mut().redis_url = redis.url();
    all_roles_beat(&town).await;
    let client = client(&town.app());
    assert_eq!(check(&client, "redis").await, (200, "healthy".into(), "ok".into()));
    redis.crash();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let start = Instant::now();
    assert_eq!(check(&client, "redis").await, (200, "degraded".into(), "unreachable".into()));
    assert!(start.elapsed() < Duration::from_secs(2));
    redis.run();
    eventually("Redis is seen again", || async { check(&client, "redis").await.2 == "ok" }).await;
}

#[tokio::test]
async fn something_that_is_not_redis_is_not_believed() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("redis.sock");
    let listener = tokio::net::UnixListener::bind(&socket).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ =
                tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
        }
    });
    let mut town = Town::new().await;
    town.settings_mut().redis_url = format!("redis+unix://{}", socket.display());
    let start = Instant::now();
    assert_eq!(check(&client(&town.app()), "redis").await.2, "unreachable");
    assert!(start.elapsed() < Duration::from_secs(2));
}

#[tokio::test]
async fn without_postgresql_it_is_unhealthy_within_five_seconds_and_back_within_one() {
    let mut postgres = Postgres::start();
    let url = postgres.bare_database().await;
    let settings = Settings { database_url: url, ..Town::new().await.settings().clone() };
    let app = App::new("test", settings, 4).unwrap();
    barbossa::db::migrate(&app.db, |_| {}).await.unwrap();
    let client = client(&app);
    assert_eq!(check(&client, "database").await.2, "ok");
    client.get("/ready").await.expect(200);
    postgres.crash();
    let stopped = Instant::now();
    while check(&client, "database").await.0 != 503 {
        assert!(stopped.elapsed() < Duration::from_secs(5), "still not 503");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let (status, whole, code) = check(&client, "database").await;
    assert_eq!((status, whole, code), (503, "unhealthy".into(), "unreachable".into()));
    assert_eq!(client.get("/ready").await.expect(503)["ready"], false);
    assert_eq!(client.get("/live").await.expect(200)["alive"], true);
    assert!(matches!(health::usable(&app).await, Err(Waiting::Database(_))));
    postgres.run();
    let back = Instant::now();
    while client.get("/ready").await.status.as_u16() != 200 {
        assert!(back.elapsed() < Duration::from_secs(2), "PostgreSQL is back and not seen");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test]
async fn an_old_schema_is_not_served() {
    let town = Town::new().await;
    town.execute("delete from schema_migration where version > 1").await;
    let client = client(&town.app());
    assert_eq!(check(&client, "schema").await, (503, "unhealthy".into(), "older_than_program".into()));
    assert!(matches!(health::usable(&town.app()).await, Err(Waiting::Schema { there: 1, .. })));
}

#[tokio::test]
async fn a_newer_schema_is_served() {
    let town = Town::new().await;
    town.execute("insert into schema_migration (version, name, sha256) values (9999, 'later', '')").await;
    assert_eq!(health::usable(&town.app()).await, Ok(()));
}

#[tokio::test]
async fn a_wrong_database_url_is_told_and_crashes_nothing() {
    let mut town = Town::new().await;
    let url = town.settings().database_url.clone();
    town.settings_mut().database_url = format!("{url}_of_nobody");
    let (status, _, code) = check(&client(&town.app_as("api")), "database").await;
    assert_eq!((status, code), (503, "refused".into()));
    assert_eq!(health::usable(&town.app_as("api")).await.unwrap_err().to_string(), "waiting for PostgreSQL");
}
