//! The OpenAPI document and the server say the same: each operation refuses strangers and members as it says, and
//! schemathesis, which makes up requests from the document, is answered with nothing that is not in it.

use std::path::PathBuf;
use std::process::Stdio;

use barbossa::auth::{self, NewUser};
use barbossa::jobs::{Queue, Worker};
use barbossa::lifecycle::{Life, Listener};
use barbossa::roles::api::{Limits, Server, router};
use barbossa::roles::rooms;
use http::Method;
use serde_json::{Value, json};

use crate::collection::Collection;
use crate::harness::Client;

/// A household with some music, all routes and all jobs.
pub struct House {
    pub collection: Collection,
    pub life: Life,
}

/// One operation of the document.
struct Operation {
    method: Method,
    path: String,
    name: String,
    says: Value,
}

impl House {
    pub async fn new() -> Self {
        let collection = Collection::new().await;
        for (artist, title) in [("Kino", "Gruppa krovi"), ("宇多田ヒカル", "First Love"), ("Ed Sheeran", "÷")]
        {
            collection.album(artist, title, 1999, &["One", "Two"]).await;
        }
        // What is asked of services that nobody has set up is answered at once, by the queue that could reach them.
        let queues = [Queue::Imports, Queue::Exports, Queue::Maintenance, Queue::Network];
        let worker = Worker::new(collection.app.clone(), rooms::jobs(), &queues, 4);
        let stop = collection.town.stop();
        tokio::spawn(async move { worker.run(stop).await });
        let fetch_is_there = "insert into heartbeat (role, host, pid, status, version, started_at, seen_at)
             values ('fetch', 'h', 1, '', '0', now(), now() + interval '1 hour')";
        collection.town.execute(fetch_is_there).await;
        Self { collection, life: Life::new() }
    }

    pub fn client(&self) -> Client {
        Client::new(router(&self.collection.app, &self.life.stop))
    }

    /// A token of a new person.
    pub async fn token(&self, username: &str, is_admin: bool) -> String {
        let password = "a long password";
        let new = NewUser { username, password: &password.into(), is_admin };
        auth::create_user(&self.collection.app.db.get().await.unwrap(), new).await.unwrap();
        let login = json!({"username": username, "password": password});
        let answer = self.client().post("/api/auth/login", login).await.expect(200);
        answer["token"].as_str().unwrap().to_owned()
    }

    async fn operations(&self) -> Vec<Operation> {
        let document = self.client().get("/api/openapi.json").await.expect(200);
        let mut operations = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, says) in item.as_object().unwrap() {
                operations.push(Operation {
                    method: method.to_uppercase().parse().unwrap(),
                    path: path.replace("{id}", "1").replace("{part}", "docs.css"),
                    name: says["operationId"].as_str().unwrap().to_owned(),
                    says: says.clone(),
                });
            }
        }
        operations
    }

    /// Its address, served over TCP until the house is dropped.
    fn serve(&self) -> String {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stop = self.life.stop.clone();
        let server = Server::new(router(&self.collection.app, &stop), Limits::default(), stop);
        server.open(Listener::from_passed(listener.into()).unwrap(), &self.life);
        tokio::spawn(async move { server.drain().await });
        format!("http://{address}")
    }
}

impl Operation {
    fn is_for_anyone(&self) -> bool {
        self.says["security"].as_array().is_some_and(|ways| ways.contains(&json!({})))
    }

    fn is_for_admins(&self) -> bool {
        self.says["x-role"] == "admin"
    }

    async fn ask(&self, client: &Client) -> u16 {
        let body = self.says.get("requestBody").map(|_| json!({}));
        client.send(self.method.clone(), &self.path, body).await.status.as_u16()
    }
}

#[tokio::test]
async fn each_route_refuses_strangers_and_members_as_the_document_says() {
    let house = House::new().await;
    let stranger = house.client();
    let member = stranger.with_token(&house.token("ada", false).await);
    let operations = house.operations().await;
    let admins = operations.iter().filter(|o| o.is_for_admins()).count();
    assert!(admins > 20 && operations.len() > 80, "{admins} of {}", operations.len());
    for operation in &operations {
        let Operation { method, path, name, .. } = operation;
        let as_stranger = operation.ask(&stranger).await;
        if operation.is_for_anyone() {
            assert!(![401, 403].contains(&as_stranger) || name == "login", "{method} {path}: {as_stranger}");
        } else {
            assert_eq!(as_stranger, 401, "{method} {path} without a token");
        }
        if operation.is_for_admins() {
            assert_eq!(operation.ask(&member).await, 403, "{method} {path} as a member");
        }
        let told = &operation.says["responses"];
        assert!(
            told.get(as_stranger.to_string()).is_some(),
            "{method} {path}: {as_stranger} is not documented"
        );
    }
}

#[tokio::test]
async fn each_route_for_members_lets_members_in() {
    let house = House::new().await;
    let stranger = house.client();
    let ends_the_session = ["logout", "end_one_session"];
    let member = stranger.with_token(&house.token("ada", false).await);
    for operation in house.operations().await {
        let Operation { method, path, name, says } = &operation;
        if operation.is_for_admins() || ends_the_session.contains(&name.as_str()) {
            continue;
        }
        let status = operation.ask(&member).await;
        assert!(![401, 403].contains(&status) || name == "login", "{method} {path}: {status}");
        assert!(
            says["responses"].get(status.to_string()).is_some(),
            "{method} {path}: {status} is not documented"
        );
    }
}

/// How long each role is tried for; `./dev contract` says more.
fn seconds() -> String {
    std::env::var("BARBOSSA_CONTRACT_SECONDS").unwrap_or_else(|_| "40".into())
}

/// The same requests in each run, so that a run that fails is the change's doing and can be had again. Other requests:
/// `BARBOSSA_CONTRACT_SEED`, a number, or `random` as `./dev contract` says; what was tried is told with what failed.
fn seed() -> Option<String> {
    let said = std::env::var("BARBOSSA_CONTRACT_SEED").unwrap_or_else(|_| "20240203".into());
    (said != "random").then_some(said)
}

/// As `./dev setup` installs it.
fn schemathesis() -> PathBuf {
    let cache = std::env::var_os("BARBOSSA_DEV_CACHE").unwrap_or_else(|| "/var/cache/barbossa-dev".into());
    let program = PathBuf::from(cache).join("contract/bin/schemathesis");
    assert!(program.exists(), "{} is missing: `./dev setup` installs it", program.display());
    program
}

/// Runs it with a person's token; panics with what it says when it finds anything.
async fn hold_to_the_document(is_admin: bool) {
    let house = House::new().await;
    let token = house.token("ada", is_admin).await;
    let address = house.serve();
    let folder = tempfile::tempdir().unwrap();
    let checks = "not_a_server_error,status_code_conformance,content_type_conformance,\
        response_headers_conformance,response_schema_conformance,unsupported_method";
    let mut command = tokio::process::Command::new(schemathesis());
    command.arg("run").arg(format!("{address}/api/openapi.json")).args(["--url", &address]);
    command.args(["--header", &format!("Authorization: Bearer {token}")]);
    command.args(["--checks", checks, "--phases", "examples,coverage,fuzzing"]);
    command.args(["--max-time", &seconds(), "--workers", "1", "--no-color", "--warnings", "off"]);
    command.args(["--generation-database", "none", "--request-timeout", "30", "--continue-on-failure"]);
    if let Some(seed) = seed() {
        command.args(["--seed", &seed]);
    }
    // What would end the session by which it asks, or is no request and answer.
    for name in ["logout", "live_events", "end_one_session", "end_other_sessions_of_me", "change_user"] {
        command.args(["--exclude-operation-id", name]);
    }
    // Another service answers here, and there is none: 502, as documented, and never anything else.
    for name in ["search_qobuz", "qobuz_catalogue", "qobuz_artist", "qobuz_album", "check_release"] {
        command.args(["--exclude-operation-id", name]);
    }
    // Its body is of a type that is not made up (tus); `uploads` has its tests.
    command.args(["--exclude-operation-id", "send_piece"]);
    let ran =
        command.current_dir(folder.path()).stdin(Stdio::null()).kill_on_drop(true).output().await.unwrap();
    let said = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{said}\n{}", String::from_utf8_lossy(&ran.stderr));
    let still = house.client().with_token(&token).get("/api/auth/me").await;
    assert_eq!(still.status.as_u16(), 200, "the session was lost on the way, so little was tried:\n{said}");
    println!("{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_is_answered_as_the_document_says_whatever_is_asked() {
    hold_to_the_document(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_admin_is_answered_as_the_document_says_whatever_is_asked() {
    hold_to_the_document(true).await;
}
