//! What somebody drops onto a page arrives in pieces, goes on where it broke off, and is imported in their name; nothing
//! of it appears in parts, leads out, or stays behind.

use std::path::Path;
use std::time::Duration;

use axum::body::Body;
use barbossa::auth::{self, NewUser};
use barbossa::imports::ImportRelease;
use barbossa::jobs::{self, Queue, Registry, Worker};
use barbossa::roles::api::router;
use barbossa::uploads::{Expire, Take};
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::harness::audio::album;
use crate::harness::{Answer, Client, Town, eventually, files_beneath};

const PASSWORD: &str = "correct horse battery";
const PIECE: &str = "application/offset+octet-stream";

struct House {
    town: Town,
    router: axum::Router,
}

struct Sender {
    client: Client,
    router: axum::Router,
    token: String,
}

impl House {
    async fn new() -> Self {
        let mut town = Town::new().await;
        let uploads = town.outside().with_file_name("uploads");
        town.settings_mut().uploads.dir = uploads;
        town.settings_mut().imports.settle_seconds = 0;
        town.settings_mut().imports.settle_incomplete_seconds = 0;
        let app = town.app();
        let router = router(&app, &town.stop());
        Self { town, router }
    }

    fn uploads(&self) -> &Path {
        &self.town.settings().uploads.dir
    }

    fn start_worker(&self) {
        let registry = Registry::new().with::<Take>().with::<Expire>().with::<ImportRelease>();
        let worker = Worker::new(self.town.app(), registry, &[Queue::Imports, Queue::Maintenance], 2);
        let stop = self.town.stop();
        tokio::spawn(async move { worker.run(stop).await });
    }

    async fn person(&self, username: &str) -> Sender {
        let new = NewUser { username, password: &PASSWORD.into(), is_admin: false };
        auth::create_user(&self.town.app_as("x").db.get().await.unwrap(), new).await.unwrap();
        let login = json!({"username": username, "password": PASSWORD});
        let answer = Client::new(self.router.clone()).post("/api/auth/login", login).await.expect(200);
        let token = answer["token"].as_str().unwrap().to_owned();
        Sender {
            client: Client::new(self.router.clone()).with_token(&token),
            router: self.router.clone(),
            token,
        }
    }

    /// The upload as soon as it is in this state.
    async fn upload(&self, sender: &Sender, id: i64, state: &str) -> Value {
        let path = format!("/api/import/uploads/{id}");
        eventually(state, async || sender.client.get(&path).await.expect(200)["state"] == state).await;
        sender.client.get(&path).await.expect(200)
    }
}

impl Sender {
    async fn begin(&self, files: &[(&str, usize)]) -> Value {
        let files: Vec<Value> =
            files.iter().map(|(path, size)| json!({"path": path, "size": size})).collect();
        self.client.post("/api/import/uploads", json!({"files": files})).await.expect(201)
    }

    async fn tus(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Body>,
    ) -> Answer {
        let mut request = Request::builder().method(method).uri(path).header("host", "barbossa.test");
        request = request.header("authorization", format!("Bearer {}", self.token));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let response = self.router.clone().oneshot(request.body(body.into()).unwrap()).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = http_body_util::BodyExt::collect(body).await.unwrap().to_bytes();
        Answer { status: parts.status, headers: parts.headers, body }
    }

    async fn piece(&self, file_id: i64, offset: usize, bytes: &[u8]) -> Answer {
        let offset = offset.to_string();
        let headers =
            [("content-type", PIECE), ("upload-offset", offset.as_str()), ("tus-resumable", "1.0.0")];
        self.tus(Method::PATCH, &format!("/api/import/upload/{file_id}"), &headers, bytes.to_vec()).await
    }

    async fn offset(&self, file_id: i64) -> String {
        let answer =
            self.tus(Method::HEAD, &format!("/api/import/upload/{file_id}"), &[], Body::empty()).await;
        assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, Some("no-store")));
        answer.header("upload-offset").unwrap().to_owned()
    }
}

fn id_of(upload: &Value, file: usize) -> i64 {
    upload["files"][file]["id"].as_i64().unwrap()
}

#[tokio::test]
async fn a_dropped_folder_goes_on_where_it_broke_off_and_is_imported_in_its_senders_name() {
    let house = House::new().await;
    let ada = house.person("ada").await;
    let songs = album(&house.town.outside().join("Noch"), "Kino", "Noch", 1986, 2);
    let bytes: Vec<Vec<u8>> = songs.iter().map(|song| std::fs::read(song).unwrap()).collect();
    let named = |n: usize| format!("Noch/{}", songs[n].file_name().unwrap().to_str().unwrap());
    let upload =
        ada.begin(&[(&named(0), bytes[0].len()), (&named(1), bytes[1].len()), ("Noch/Thumbs.db", 9)]).await;
    assert_eq!((&upload["name"], &upload["left_out"]), (&json!("Noch"), &json!(["Noch/Thumbs.db"])));
    let (first, second) = (id_of(&upload, 0), id_of(&upload, 1));
    // A line that breaks off in the midst of a piece.
    let half = bytes[0][..3000].to_vec();
    let broken = futures_util::stream::iter([Ok(half), Err(std::io::Error::other("gone"))]);
    let headers = [("content-type", PIECE), ("upload-offset", "0")];
    let path = format!("/api/import/upload/{first}");
    assert_eq!(ada.tus(Method::PATCH, &path, &headers, Body::from_stream(broken)).await.status, 400);
    assert_eq!(ada.offset(first).await, "3000");
    assert_eq!(ada.piece(first, 0, &bytes[0]).await.status, StatusCode::CONFLICT);
    let answer = ada.piece(first, 3000, &bytes[0][3000..]).await;
    assert_eq!(answer.status, StatusCode::NO_CONTENT);
    assert_eq!(answer.header("upload-offset"), Some(bytes[0].len().to_string().as_str()));
    assert!(files_beneath(&house.town.pending()).is_empty(), "nothing appears in parts");
    assert_eq!(ada.piece(second, 0, &bytes[1]).await.status, StatusCode::NO_CONTENT);
    house.start_worker();
    let done = house.upload(&ada, upload["id"].as_i64().unwrap(), "done").await;
    assert_eq!(done["folder"], "import/pending/Noch");
    eventually("the album is in the library", async || {
        house.town.value::<i64>("select count(*) from track").await == 2
    })
    .await;
    let who = "select username from app_user u join track t on t.imported_by = u.id limit 1";
    assert_eq!(house.town.value::<String>(who).await, "ada");
    eventually("nothing is left of it", async || files_beneath(house.uploads()).is_empty()).await;
}

#[tokio::test]
async fn files_without_a_folder_get_one_that_is_named_after_their_album() {
    let house = House::new().await;
    house.start_worker();
    let ada = house.person("ada").await;
    let songs = album(&house.town.outside().join("x"), "Kino", "Noch", 1986, 2);
    let bytes: Vec<Vec<u8>> = songs.iter().map(|song| std::fs::read(song).unwrap()).collect();
    let upload =
        ada.begin(&[("01 - Song 1.flac", bytes[0].len()), ("02 - Song 2.flac", bytes[1].len())]).await;
    for (n, content) in bytes.iter().enumerate() {
        assert_eq!(ada.piece(id_of(&upload, n), 0, content).await.status, StatusCode::NO_CONTENT);
    }
    let done = house.upload(&ada, upload["id"].as_i64().unwrap(), "done").await;
    assert_eq!(done["folder"], "import/pending/Kino - Noch");
    eventually("the album is in the library", async || {
        house.town.value::<i64>("select count(*) from track").await == 2
    })
    .await;
}

fn zipped(folder: &Path) -> Vec<u8> {
    let path = folder.with_extension("zip");
    let made =
        std::process::Command::new("zip").args(["-q", "-r"]).arg(&path).arg(".").current_dir(folder).status();
    assert!(made.unwrap().success());
    std::fs::read(path).unwrap()
}

#[tokio::test]
async fn a_zip_is_taken_apart_as_any_program_that_speaks_tus_sends_it() {
    let house = House::new().await;
    house.start_worker();
    let ada = house.person("ada").await;
    let folder = house.town.outside().join("album");
    album(&folder, "Kino", "Noch", 1986, 2);
    let zip = zipped(&folder);
    let (length, name) = (zip.len().to_string(), "filename S2lubyAtIE5vY2guemlw");
    let headers = [("tus-resumable", "1.0.0"), ("upload-length", length.as_str()), ("upload-metadata", name)];
    let begun = ada.tus(Method::POST, "/api/import/upload", &headers, Body::empty()).await;
    assert_eq!(begun.status, StatusCode::CREATED, "{:?}", begun.body);
    let location = begun.header("location").unwrap().to_owned();
    let file_id: i64 = location.rsplit('/').next().unwrap().parse().unwrap();
    assert_eq!(ada.piece(file_id, 0, &zip).await.status, StatusCode::NO_CONTENT);
    eventually("the album is in the library", async || {
        house.town.value::<i64>("select count(*) from album where title = 'Noch'").await == 1
    })
    .await;
    let listed = ada.client.get("/api/import/uploads").await.expect(200);
    assert_eq!(
        (&listed[0]["state"], &listed[0]["folder"]),
        (&json!("done"), &json!("import/pending/Kino - Noch"))
    );
}

#[tokio::test]
async fn an_archive_that_means_harm_fails_with_a_reason_and_leaves_nothing() {
    let house = House::new().await;
    house.start_worker();
    let ada = house.person("ada").await;
    let path = house.town.outside().join("evil.zip");
    std::fs::create_dir_all(house.town.outside()).unwrap();
    let program = "import sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], 'w') as z: z.writestr('../../artists/x.flac', b'fLaC')";
    let made = std::process::Command::new("python3").args(["-c", program]).arg(&path).status();
    assert!(made.unwrap().success());
    let zip = std::fs::read(path).unwrap();
    let upload = ada.begin(&[("evil.zip", zip.len())]).await;
    assert_eq!(ada.piece(id_of(&upload, 0), 0, &zip).await.status, StatusCode::NO_CONTENT);
    let failed = house.upload(&ada, upload["id"].as_i64().unwrap(), "failed").await;
    assert!(failed["problem"].as_str().unwrap().contains("leads out of its folder"), "{failed}");
    eventually("nothing is left", async || {
        files_beneath(house.uploads()).is_empty() && files_beneath(&house.town.pending()).is_empty()
    })
    .await;
}

#[tokio::test]
async fn a_file_that_is_not_what_its_name_says_is_not_taken() {
    let house = House::new().await;
    let ada = house.person("ada").await;
    let upload = ada.begin(&[("a/01.flac", 8), ("a/02.flac", 4)]).await;
    let refused = ada.piece(id_of(&upload, 0), 0, b"MZ\x90\0\x03\0\0\0").await;
    assert!(refused.expect(400)["detail"].as_str().unwrap().contains("01.flac"));
    assert_eq!(ada.offset(id_of(&upload, 0)).await, "0");
    let path = format!("/api/import/upload/{}", id_of(&upload, 0));
    assert_eq!(ada.tus(Method::DELETE, &path, &[], Body::empty()).await.status, 204);
    assert_eq!(ada.piece(id_of(&upload, 1), 0, b"fLaC").await.status, 204, "the rest goes on without it");
    let shown = ada.client.get(&format!("/api/import/uploads/{}", upload["id"])).await.expect(200);
    assert_eq!((&shown["state"], &shown["total_bytes"]), (&json!("taking"), &json!(4)));
}

#[tokio::test]
async fn nobody_sends_more_than_they_may_and_nobody_sees_anothers() {
    let mut house = House::new().await;
    house.town.settings_mut().uploads.quota_gib = 1;
    let app = house.town.app();
    house.router = router(&app, &house.town.stop());
    let (ada, bob) = (house.person("ada").await, house.person("bob").await);
    let asked = |size: u64| json!({"files": [{"path": "a.flac", "size": size}]});
    let begun = ada.client.post("/api/import/uploads", asked(900 << 20)).await.expect(201);
    let refused = ada.client.post("/api/import/uploads", asked(200 << 20)).await.expect(409);
    assert!(refused["detail"].as_str().unwrap().contains("quota"), "{refused}");
    let path = format!("/api/import/uploads/{}", begun["id"]);
    assert_eq!(bob.client.get(&path).await.status, 404);
    assert_eq!(bob.client.delete(&path).await.status, 404);
    assert_eq!(bob.piece(id_of(&begun, 0), 0, b"fLaC").await.status, 404);
    assert_eq!(ada.client.delete(&path).await.status, 200);
    ada.client.post("/api/import/uploads", asked(200 << 20)).await.expect(201);
}

#[tokio::test]
async fn another_version_more_than_was_said_and_another_kind_are_refused() {
    let house = House::new().await;
    let ada = house.person("ada").await;
    let upload = ada.begin(&[("01.flac", 4)]).await;
    let path = format!("/api/import/upload/{}", id_of(&upload, 0));
    let old = [("content-type", PIECE), ("upload-offset", "0"), ("tus-resumable", "0.2.2")];
    let answer = ada.tus(Method::PATCH, &path, &old, "fLaC").await;
    assert_eq!((answer.status.as_u16(), answer.header("tus-version")), (412, Some("1.0.0")));
    let plain = [("content-type", "audio/flac"), ("upload-offset", "0")];
    assert_eq!(ada.tus(Method::PATCH, &path, &plain, "fLaC").await.status, 415);
    assert_eq!(ada.piece(id_of(&upload, 0), 0, b"fLaC and more").await.status, 400);
    assert_eq!(ada.client.post("/api/import/uploads", json!({"files": []})).await.status, 422);
}

#[tokio::test]
async fn what_nobody_goes_on_with_is_forgotten() {
    let house = House::new().await;
    let ada = house.person("ada").await;
    let (old, young) = (ada.begin(&[("01.flac", 40)]).await, ada.begin(&[("01.flac", 40)]).await);
    for upload in [&old, &young] {
        assert_eq!(ada.piece(id_of(upload, 0), 0, b"fLaC").await.status, 204);
    }
    let age = format!("update upload set touched_at = now() - interval '25 hours' where id = {}", old["id"]);
    house.town.execute(&age).await;
    let long_ago = std::time::SystemTime::now() - Duration::from_secs(7200);
    for entry in std::fs::read_dir(house.uploads()).unwrap() {
        std::fs::File::open(entry.unwrap().path()).unwrap().set_modified(long_ago).unwrap();
    }
    house.start_worker();
    let job = jobs::enqueue(&house.town.app_as("x").db.get().await.unwrap(), &Expire {}).await.unwrap();
    let ended = format!("select state from job where id = {job}");
    eventually("it has looked", async || house.town.value::<String>(&ended).await == "completed").await;
    assert_eq!(ada.client.get(&format!("/api/import/uploads/{}", old["id"])).await.status, 404);
    assert_eq!(files_beneath(house.uploads()), [format!("{}/{}", young["id"], id_of(&young, 0))]);
}
