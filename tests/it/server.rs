//! The server under bad clients, and through a restart: nobody who behaves loses a request.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::routing::{get, post};
use barbossa::app::App;
use barbossa::lifecycle::{Life, Listener};
use barbossa::roles::api::{Limits, Server, behind_all_layers, router};
use bytes::Bytes;
use http::header;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

use crate::harness::{Client, Town};

fn quick() -> Limits {
    Limits {
        direct_head: Duration::from_millis(400),
        stall: Duration::from_millis(400),
        grace: Duration::from_millis(300),
        ..Limits::default()
    }
}

fn routes() -> Router<App> {
    Router::new()
        .route("/quick", get(|| async { "done" }))
        .route("/keep", post(|body: Bytes| async move { body.len().to_string() }))
        .route(
            "/slow",
            get(|| async {
                tokio::time::sleep(Duration::from_secs(2)).await;
                "slowly done"
            }),
        )
        .route("/endless", get(|| async { Body::from_stream(futures_util::stream::repeat_with(chunk)) }))
        .route("/panic", get(panics))
}

async fn panics() -> &'static str {
    panic!("on purpose")
}

#[expect(clippy::unnecessary_wraps, reason = "the stream's items are results")]
fn chunk() -> Result<Bytes, std::io::Error> {
    Ok(Bytes::from_static(&[b'x'; 65536]))
}

/// A process that serves on this listener until its life ends.
struct Running {
    life: Life,
    address: std::net::SocketAddr,
    done: tokio::task::JoinHandle<()>,
}

fn serve(app: &App, limits: Limits, listener: std::net::TcpListener) -> Running {
    let address = listener.local_addr().unwrap();
    let life = Life::new();
    let server = Server::new(behind_all_layers(routes(), app, &life.stop), limits, life.stop.clone());
    server.open(Listener::from_passed(listener.into()).unwrap(), &life);
    Running { life, address, done: tokio::spawn(async move { server.drain().await }) }
}

fn listener() -> std::net::TcpListener {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap()
}

async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut bytes));
    let _ = read.await.expect("the server closes the connection");
    String::from_utf8_lossy(&bytes).into_owned()
}

#[tokio::test]
async fn who_sends_nothing_or_dribbles_is_closed() {
    let town = Town::new().await;
    let running = serve(&town.app(), quick(), listener());
    let start = Instant::now();
    let mut silent = TcpStream::connect(running.address).await.unwrap();
    let mut dribbling = TcpStream::connect(running.address).await.unwrap();
    dribbling.write_all(b"GET /quick HTTP/1.1\r\nHos").await.unwrap();
    assert!(!read_to_end(&mut silent).await.contains("200 OK"));
    assert!(!read_to_end(&mut dribbling).await.contains("200 OK"));
    assert!(start.elapsed() < Duration::from_secs(3), "{:?}", start.elapsed());
}

#[tokio::test]
async fn who_never_reads_the_answer_is_cut() {
    let town = Town::new().await;
    let running = serve(&town.app(), quick(), listener());
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(b"GET /endless HTTP/1.1\r\nHost: b\r\n\r\n").await.unwrap();
    // The place is given back although the client still holds its end.
    running.life.stop.cancel();
    tokio::time::timeout(Duration::from_secs(5), running.done).await.expect("drained").unwrap();
}

#[tokio::test]
async fn a_full_house_serves_the_next_when_a_place_is_free() {
    let town = Town::new().await;
    let limits = Limits { direct_connections: 2, ..quick() };
    let running = serve(&town.app(), limits, listener());
    let mut idle = Vec::new();
    for _ in 0..2 {
        idle.push(TcpStream::connect(running.address).await.unwrap());
    }
    tokio::time::sleep(Duration::from_millis(100)).await;
    let start = Instant::now();
    let mut third = TcpStream::connect(running.address).await.unwrap();
    third.write_all(b"GET /quick HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n").await.unwrap();
    assert!(read_to_end(&mut third).await.ends_with("done"));
    assert!(start.elapsed() > Duration::from_millis(150), "it waited for a place");
}

#[tokio::test]
async fn a_panic_is_one_failed_request() {
    let town = Town::new().await;
    let client = Client::new(behind_all_layers(routes(), &town.app(), &CancellationToken::new()));
    let answer = client.get("/panic").await;
    assert_eq!(answer.expect(500)["code"], "internal");
    assert!(answer.header("x-request-id").is_some());
    assert_eq!(client.get("/quick").await.status.as_u16(), 200);
}

#[tokio::test]
async fn errors_of_the_framework_have_the_shape_of_ours() {
    let town = Town::new().await;
    let client = Client::new(router(&town.app(), &CancellationToken::new()));
    assert_eq!(client.get("/nowhere").await.expect(404)["code"], "not_found");
    assert_eq!(client.get("/api/nowhere").await.expect(404)["code"], "not_found");
    assert_eq!(client.post("/live", json!({})).await.expect(405)["code"], "method_not_allowed");
    let large = behind_all_layers(routes(), &town.app(), &CancellationToken::new());
    let answer = Client::new(large).post("/keep", json!("x".repeat(2 << 20))).await;
    assert_eq!(answer.expect(413)["code"], "too_large");
}

#[tokio::test]
async fn a_plain_request_id_comes_back_and_others_are_replaced() {
    let town = Town::new().await;
    let client = Client::new(router(&town.app(), &CancellationToken::new()));
    let answer = client.with_header("x-request-id", "phone-17").get("/live").await;
    assert_eq!(answer.header("x-request-id"), Some("phone-17"));
    let answer = client.with_header("x-request-id", "two words").get("/live").await;
    assert_eq!(answer.header("x-request-id").unwrap().len(), 32);
}

#[tokio::test]
async fn a_foreign_page_cannot_act_in_a_members_name() {
    let town = Town::new().await;
    let client = Client::new(behind_all_layers(routes(), &town.app(), &CancellationToken::new()))
        .with_header("sec-fetch-site", "cross-site")
        .with_header("origin", "https://elsewhere.example");
    assert_eq!(client.post("/keep", json!(1)).await.expect(403)["code"], "forbidden");
    // A token is no cookie: only the member's own program can send it.
    assert_eq!(client.with_token("a token").post("/keep", json!(1)).await.status.as_u16(), 200);
    assert_eq!(client.get("/quick").await.status.as_u16(), 200);
}

#[tokio::test]
async fn pages_of_configured_origins_may_call_and_others_may_not_read() {
    let mut town = Town::new().await;
    let closed = Client::new(behind_all_layers(routes(), &town.app(), &CancellationToken::new()))
        .with_header("origin", "https://music.example");
    let answer = closed.get("/quick").await;
    assert_eq!(answer.header("access-control-allow-origin"), None, "nobody, when nothing is set");
    town.settings_mut().api.cors_origins = vec!["https://music.example".into()];
    let client = Client::new(behind_all_layers(routes(), &town.app(), &CancellationToken::new()));
    let ours = client.with_header("origin", "https://music.example");
    let answer = ours.post("/keep", json!(1)).await;
    assert_eq!(answer.status.as_u16(), 200);
    assert_eq!(answer.header("access-control-allow-origin"), Some("https://music.example"));
    assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
    let other = client.with_header("origin", "https://elsewhere.example").get("/quick").await;
    assert_eq!(other.header("access-control-allow-origin"), None);
}

#[tokio::test]
async fn the_root_says_who_this_is() {
    let town = Town::new().await;
    let client = Client::new(router(&town.app(), &CancellationToken::new()));
    let body = client.get("/").await.expect(200);
    assert_eq!(
        (body["name"].as_str(), body["version"].as_str()),
        (Some("Barbossa"), Some(env!("CARGO_PKG_VERSION")))
    );
}

#[tokio::test]
async fn a_long_answer_is_finished_and_meanwhile_others_are_served() {
    let town = Town::new().await;
    let running = serve(&town.app(), quick(), listener());
    let mut slow = TcpStream::connect(running.address).await.unwrap();
    slow.write_all(b"GET /slow HTTP/1.1\r\nHost: b\r\n\r\n").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    running.life.stop.cancel();
    tokio::time::sleep(Duration::from_millis(500)).await;
    let mut other = TcpStream::connect(running.address).await.unwrap();
    other.write_all(b"GET /quick HTTP/1.1\r\nHost: b\r\n\r\n").await.unwrap();
    let answer = read_to_end(&mut other).await.to_lowercase();
    assert!(answer.contains("connection: close") && answer.ends_with("done"), "{answer}");
    assert!(read_to_end(&mut slow).await.ends_with("slowly done"));
    tokio::time::timeout(Duration::from_secs(3), running.done).await.expect("drained").unwrap();
}

/// The test holds the listening socket, as systemd does.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn restarts_under_load_lose_no_request() {
    let town = Town::new().await;
    let held = listener();
    let address = held.local_addr().unwrap();
    let mut running = serve(&town.app(), quick(), held.try_clone().unwrap());
    let answered = Arc::new(AtomicUsize::new(0));
    let enough = CancellationToken::new();
    let clients: Vec<_> =
        (0..8).map(|_| tokio::spawn(keep_asking(address, enough.clone(), answered.clone()))).collect();
    for _ in 0..5 {
        tokio::time::sleep(Duration::from_millis(300)).await;
        running.life.stop.cancel();
        running.done.await.unwrap();
        running = serve(&town.app(), quick(), held.try_clone().unwrap());
    }
    enough.cancel();
    for client in clients {
        client.await.unwrap().unwrap();
    }
    assert!(answered.load(Ordering::Relaxed) > 500, "{answered:?}");
}

/// Each stop falls into the moment in which somebody is just being let in: whoever was, is answered before the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn nobody_is_let_in_behind_the_back_of_the_drain() {
    let town = Town::new().await;
    let app = town.app();
    let held = listener();
    let address = held.local_addr().unwrap();
    let limits = Limits { grace: Duration::from_millis(20), ..quick() };
    let enough = CancellationToken::new();
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let enough = enough.clone();
            tokio::spawn(async move {
                while !enough.is_cancelled() {
                    let Ok(mut stream) = TcpStream::connect(address).await else { continue };
                    let _ = stream
                        .write_all(b"GET /quick HTTP/1.1\r\nHost: b\r\nConnection: close\r\n\r\n")
                        .await;
                    let mut answer = String::new();
                    let _ =
                        tokio::time::timeout(Duration::from_millis(100), stream.read_to_string(&mut answer))
                            .await;
                }
            })
        })
        .collect();
    for round in 0..150 {
        let life = Life::new();
        let server = Server::new(behind_all_layers(routes(), &app, &life.stop), limits, life.stop.clone());
        server.open(Listener::from_passed(held.try_clone().unwrap().into()).unwrap(), &life);
        tokio::time::sleep(Duration::from_millis(3)).await;
        life.stop.cancel();
        server.drain().await;
        life.tracker.close();
        life.tracker.wait().await;
        assert_eq!(server.connections(), 0, "the process would end under them, in round {round}");
    }
    enough.cancel();
    for client in clients {
        client.await.unwrap();
    }
}

/// One POST after the other, on one connection for as long as the server keeps it, as nginx does: a request that was
/// sent and not answered is lost, since nobody may send a POST again.
async fn keep_asking(
    address: std::net::SocketAddr,
    enough: CancellationToken,
    answered: Arc<AtomicUsize>,
) -> Result<(), String> {
    let mut stream: Option<TcpStream> = None;
    while !enough.is_cancelled() {
        let mut open = match stream.take() {
            Some(open) => open,
            None => TcpStream::connect(address).await.map_err(|e| format!("connect: {e}"))?,
        };
        let request = b"POST /keep HTTP/1.1\r\nHost: b\r\nContent-Length: 5\r\n\r\nhello";
        open.write_all(request).await.map_err(|e| format!("write: {e}"))?;
        let mut answer = vec![0; 4096];
        let count = open.read(&mut answer).await.map_err(|e| format!("read: {e}"))?;
        let answer = String::from_utf8_lossy(&answer[..count]).to_lowercase();
        if !answer.starts_with("http/1.1 200") {
            return Err(format!("{} answers, then `{answer}`", answered.load(Ordering::Relaxed)));
        }
        answered.fetch_add(1, Ordering::Relaxed);
        if !answer.contains(&format!("{}: close", header::CONNECTION)) {
            stream = Some(open);
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(())
}
