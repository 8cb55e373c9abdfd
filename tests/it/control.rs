//! What an admin's pages need beyond what others ask for: queues that stand still, and how the machine is.

use barbossa::auth::{self, NewUser};
use barbossa::health;
use barbossa::jobs::{self, Queue, Registry, Worker};
use barbossa::roles::api::router;
use barbossa::uploads::{Expire, Take};
use serde_json::{Value, json};

use crate::harness::{Client, Town, eventually};

async fn admin(town: &Town) -> Client {
    let new = NewUser { username: "boss", password: &"correct horse battery".into(), is_admin: true };
    auth::create_user(&town.app_as("x").db.get().await.unwrap(), new).await.unwrap();
    let anyone = Client::new(router(&town.app(), &town.stop()));
    let login = json!({"username": "boss", "password": "correct horse battery"});
    let token = anyone.post("/api/auth/login", login).await.expect(200)["token"].clone();
    anyone.with_token(token.as_str().unwrap())
}

#[tokio::test]
async fn a_paused_queue_stands_still_while_the_others_go_on() {
    let mut town = Town::new().await;
    town.settings_mut().uploads.dir = town.outside();
    let boss = admin(&town).await;
    let app = town.app();
    let worker = Worker::new(
        app.clone(),
        Registry::new().with::<Take>().with::<Expire>(),
        &[Queue::Imports, Queue::Maintenance],
        2,
    );
    let stop = town.stop();
    boss.post("/api/jobs/queues/maintenance/pause", json!({})).await.expect(200);
    boss.post("/api/jobs/queues/maintenance/pause", json!({})).await.expect(200);
    tokio::spawn(async move { worker.run(stop).await });
    let client = app.db.get().await.unwrap();
    let held = jobs::enqueue(&client, &Expire {}).await.unwrap();
    let other = jobs::enqueue(&client, &Take { upload_id: 999 }).await.unwrap();
    let state = async |id: i64| town.value::<String>(&format!("select state from job where id = {id}")).await;
    eventually("the other queue goes on", async || state(other).await == "cancelled").await;
    assert_eq!(state(held).await, "available");
    let queues = boss.get("/api/jobs/queues").await.expect(200);
    let paused: Vec<&Value> =
        queues["items"].as_array().unwrap().iter().filter(|queue| queue["paused"] == json!(true)).collect();
    assert_eq!(
        (paused.len(), &paused[0]["queue"], &paused[0]["ready"]),
        (1, &json!("maintenance"), &json!(1))
    );
    boss.post("/api/jobs/queues/maintenance/resume", json!({})).await.expect(200);
    eventually("it goes on", async || state(held).await == "completed").await;
    assert_eq!(boss.post("/api/jobs/queues/dishes/pause", json!({})).await.status, 404);
}

#[tokio::test]
async fn an_admin_sees_every_process_and_every_disk() {
    let town = Town::new().await;
    let boss = admin(&town).await;
    health::beat(&town.app_as("worker"), "3 jobs running").await.unwrap();
    let old = "insert into heartbeat (role, host, pid, status, version, started_at, seen_at)
        values ('beat', 'elsewhere', 7, 'waiting', '0.0.9', now() - interval '1 day', now() - interval '1 hour')";
    town.execute(old).await;
    let system = boss.get("/api/admin/system").await.expect(200);
    let role =
        |name: &str| system["roles"].as_array().unwrap().iter().find(|r| r["role"] == name).unwrap().clone();
    assert_eq!(
        (&role("worker")["status"], &role("worker")["is_alive"]),
        (&json!("3 jobs running"), &json!(true))
    );
    assert_eq!(
        (&role("beat")["is_alive"], &role("beat")["unit"]),
        (&json!(false), &json!("barbossa-beat.service"))
    );
    assert!(system["checks"]["database"] == "ok", "{system}");
    let disks = system["disks"].as_array().unwrap();
    assert!(disks.iter().any(|disk| disk["what"] == "music") && disks.len() == 3, "{system}");
    assert!(disks.iter().all(|disk| disk["total_bytes"].as_u64().unwrap() > 0));
}
