//! How each outside program and service is stands in its row: off, ok or down, since when and why.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use barbossa::app::{App, Via};
use barbossa::auth::{self, NewUser};
use barbossa::jobs::{self, End, Queue, Registry, Worker, enqueue};
use barbossa::roles::api::router;
use barbossa::sources::LookAtSources;
use serde_json::{Value, json};

use crate::harness::{Client, Town};

struct House {
    town: Town,
    app: App,
    client: Client,
}

impl House {
    async fn new() -> Self {
        let mut town = Town::new().await;
        town.settings_mut().downloads.yt_dlp_path = town.pending().join("yt-dlp");
        let app = town.app();
        let worker = Worker::new(app.clone(), Registry::new().with::<LookAtSources>(), &[Queue::Network], 1);
        let stop = town.stop();
        tokio::spawn(async move { worker.run(stop).await });
        let new = NewUser { username: "ada", password: &"a long password".into(), is_admin: true };
        auth::create_user(&app.db.get().await.unwrap(), new).await.unwrap();
        let client = Client::new(router(&app, &town.stop()).layer(axum::Extension(Via::Nginx)));
        let login = json!({"username": "ada", "password": "a long password"});
        let token =
            client.post("/api/auth/login", login).await.expect(200)["token"].as_str().unwrap().to_owned();
        Self { client: client.with_token(&token), town, app }
    }

    async fn look(&self) -> Value {
        let id = enqueue(&self.app.db.get().await.unwrap(), &LookAtSources {}).await.unwrap();
        let ended = jobs::wait(&self.app, &[id], Duration::from_secs(60)).await.pop().expect("it ends");
        assert!(matches!(ended.end, End::Completed(_)), "{ended:?}");
        self.yt_dlp().await
    }

    async fn yt_dlp(&self) -> Value {
        let all = self.client.get("/api/sources").await.expect(200);
        all.as_array().unwrap().iter().find(|s| s["name"] == "yt_dlp").unwrap().clone()
    }
}

fn script(path: &Path, text: &str) {
    std::fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[tokio::test]
async fn a_source_says_how_it_is_since_when_and_why_and_health_does_not_mind() {
    let house = House::new().await;
    let program = house.town.settings().downloads.yt_dlp_path.clone();
    assert_eq!(house.yt_dlp().await["why"], "Nobody has looked yet.");
    let health = house.client.get("/health").await.json();
    let off = house.look().await;
    assert_eq!(
        (&off["state"], off["why"].as_str().unwrap().contains("apt install yt-dlp")),
        (&json!("off"), true)
    );
    script(&program, "echo 2026.01.02");
    let ok = house.look().await;
    assert_eq!(
        (&ok["state"], &ok["why"], &ok["version"]),
        (&json!("ok"), &Value::Null, &json!("2026.01.02"))
    );
    let again = house.look().await;
    assert_eq!(again["since"], ok["since"]);
    assert_ne!(again["checked_at"], ok["checked_at"]);
    script(&program, "echo 'ImportError: no module named yt_dlp' >&2; exit 1");
    let down = house.look().await;
    assert_eq!(down["state"], "down");
    assert!(down["why"].as_str().unwrap().contains("ImportError"), "{down}");
    assert_ne!(down["since"], ok["since"]);
    let told: i64 = house
        .town
        .value("select count(*) from event where kind = 'source:changed' and payload ->> 'name' = 'yt_dlp'")
        .await;
    assert_eq!(told, 3);
    assert_eq!(house.client.get("/health").await.json(), health);
}
