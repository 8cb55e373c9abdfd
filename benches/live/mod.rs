//! What is live: a thousand idle WebSockets on one api, how soon an event is heard, and everyone's links made anew.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use barbossa::app::App;
use barbossa::auth::{self, NewUser};
use barbossa::db::Sql;
use barbossa::events::{self, Audience};
use barbossa::hearts;
use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use tokio::net::UnixStream;
use tokio::sync::mpsc;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use super::harness::Town;
use super::{PROGRAM, Role, SEED, load};

const CONNECTIONS: usize = 1000;
/// As many as one person may have.
const EACH: usize = 10;
const EVENTS: usize = 500;

/// An api on a Unix socket, which takes as many connections as nginx brings. The shell puts it where systemd does.
fn api_at(town: &Town, socket: &Path) -> Role {
    let listener = UnixListener::bind(socket).unwrap();
    let settings = town.settings();
    let child = Command::new("sh")
        .args(["-c", "exec 3<&0 0</dev/null; LISTEN_FDS=1 LISTEN_PID=$$ exec \"$0\" api", PROGRAM])
        .env("BARBOSSA_CONFIG", "/dev/null")
        .env("DATABASE_URL", &settings.database_url)
        .env("REDIS_URL", &settings.redis_url)
        .env("MUSIC_PATH", &settings.music_path)
        .env("JWT_SECRET", "a secret of this measurement that is long enough")
        .env("LOG_LEVEL", "warn")
        .stdin(Stdio::from(OwnedFd::from(listener)))
        .spawn()
        .unwrap();
    Role(child)
}

async fn listen(socket: &Path, token: &str) -> WebSocketStream<UnixStream> {
    let mut request = "ws://localhost/ws".into_client_request().unwrap();
    request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    let stream = UnixStream::connect(socket).await.unwrap();
    let (mut ear, _) = tokio_tungstenite::client_async(request, stream).await.unwrap();
    let greeting = ear.next().await.unwrap().unwrap();
    assert!(greeting.to_text().unwrap().contains("connected"), "{greeting:?}");
    ear
}

pub async fn sockets() {
    let town = Town::new().await;
    let app = town.app_as("bench");
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("api.sock");
    let api = api_at(&town, &socket);
    let mut tokens = Vec::new();
    for n in 0..CONNECTIONS / EACH {
        let client = app.db.get().await.unwrap();
        let username = format!("bench {n}");
        let new = NewUser { username: &username, password: &"a long password".into(), is_admin: false };
        let id = auth::create_user(&client, new).await.unwrap().id;
        tokens.push(auth::start_session(&app, id, None, None).await.unwrap());
    }
    let first = listen(&socket, &tokens[0]).await;
    let before = api.resident_mib();
    let mut ears = vec![first];
    while ears.len() < CONNECTIONS {
        ears.push(listen(&socket, &tokens[ears.len() / EACH]).await);
    }
    tokio::time::sleep(Duration::from_secs(2)).await;
    let cost = api.resident_mib() - before;
    println!(
        "sockets: {CONNECTIONS} idle connections cost {cost:.1} MiB ({:.1} MiB in all)",
        api.resident_mib()
    );
    let mut heard = tell(&app, ears, &api).await;
    heard.sort_unstable();
    let at = |share: f64| heard[((heard.len() - 1) as f64 * share) as usize].as_secs_f64() * 1000.0;
    println!(
        "sockets: an event is heard by {CONNECTIONS} after p50 {:.1} ms, p99 {:.1} ms, at most {:.1} ms",
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

/// How long after the call that publishes it each event was heard by each.
async fn tell(app: &App, ears: Vec<WebSocketStream<UnixStream>>, api: &Role) -> Vec<Duration> {
    let (sender, mut receiver) = mpsc::unbounded_channel();
    let start = Instant::now();
    for mut ear in ears {
        let sender = sender.clone();
        tokio::spawn(async move {
            while let Some(Ok(message)) = ear.next().await {
                match message {
                    Message::Text(text) => {
                        let event: serde_json::Value = serde_json::from_str(&text).unwrap();
                        if let Some(sent) = event["sent_us"].as_u64() {
                            let _ = sender.send(start.elapsed().saturating_sub(Duration::from_micros(sent)));
                        }
                    }
                    Message::Ping(data) => drop(ear.send(Message::Pong(data)).await),
                    _ => {}
                }
            }
        });
    }
    drop(sender);
    let client = app.db.get().await.unwrap();
    for _ in 0..EVENTS {
        let sent = u64::try_from(start.elapsed().as_micros()).unwrap();
        events::publish(&client, "library:updated", Audience::Everyone, &json!({"sent_us": sent}))
            .await
            .unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut heard = Vec::new();
    while heard.len() < EVENTS * CONNECTIONS {
        match tokio::time::timeout(Duration::from_secs(10), receiver.recv()).await {
            Ok(Some(after)) => heard.push(after),
            _ => panic!("{} of {} were heard", heard.len(), EVENTS * CONNECTIONS),
        }
    }
    println!("sockets: {:.1} MiB after {EVENTS} events to {CONNECTIONS}", api.resident_mib());
    heard
}

/// 200,000 links of one user: made from nothing, looked at, and made anew after somebody removed the folder.
pub async fn relink() {
    let town = Town::new().await;
    town.execute(&SEED.replace("generate_series(1, 50000)", "generate_series(1, 20000)")).await;
    let app = town.app_as("bench");
    let client = app.db.get().await.unwrap();
    for row in client.query("select path from track", &[]).await.unwrap() {
        let path = town.music().join(row.get::<_, &str>(0));
        if std::fs::write(&path, "x").is_err() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, "x").unwrap();
        }
    }
    let new = NewUser { username: "bench", password: &"a long password".into(), is_admin: true };
    let id = auth::create_user(&client, new).await.unwrap().id;
    let worker = Role::start(&town, &["worker"]);
    tokio::time::sleep(Duration::from_secs(1)).await;
    let (start, used) = (Instant::now(), worker.busy_seconds());
    client.execute("insert into heart (user_id, album_id) select $1, id from album", &[&id]).await.unwrap();
    settled(&client).await;
    told("made", start, worker.busy_seconds() - used);
    for what in ["looked at", "made anew after the folder was removed"] {
        let (start, used) = (Instant::now(), worker.busy_seconds());
        hearts::audit(&client, None).await.unwrap();
        settled(&client).await;
        told(what, start, worker.busy_seconds() - used);
        if what == "looked at" {
            std::fs::remove_dir_all(town.music().join("users/bench")).unwrap();
        }
    }
    let links = walkdir::WalkDir::new(town.music().join("users/bench"));
    let count = links.into_iter().filter(|e| e.as_ref().is_ok_and(|e| e.file_type().is_file())).count();
    assert_eq!(count, 200_000);
    let start = Instant::now();
    let copied = Command::new("cp")
        .arg("-al")
        .arg(town.music().join("artists"))
        .arg(town.music().join("copied"))
        .status();
    assert!(copied.unwrap().success());
    println!("relink: `cp -al` of the same files in {:.2} s; load {}", start.elapsed().as_secs_f64(), load());
}

/// What `barbossa library relink` does.
fn told(what: &str, start: Instant, used: f64) {
    println!(
        "relink: 200,000 links {what} in {:.2} s, {used:.2} s of them the worker's work",
        start.elapsed().as_secs_f64()
    );
}

/// Waits until no links are left to be made.
async fn settled(client: &impl Sql) {
    let is_open = "select exists (select from link_pending)
        or exists (select from job where state in ('available', 'running') and kind = 'hearts.reconcile_links')";
    while client.row(is_open, &[]).await.unwrap().get(0) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
