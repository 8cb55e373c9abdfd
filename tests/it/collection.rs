//! A household with some music and people: albums as files and rows, members with sessions, a worker for the links.

use std::path::PathBuf;

use axum::{Extension, Router};
use barbossa::app::{App, Via};
use barbossa::auth::{self, NewUser};
use barbossa::hearts::{self, AuditLinks, ReconcileLinks};
use barbossa::jobs::{Queue, Registry, Worker};
use barbossa::library::{self, NewAlbum, NewTrack, ReadEssences, Recorded};
use barbossa::{downloads, trash};
use serde_json::Value;

use crate::harness::{Client, Town};

const PASSWORD: &str = "correct horse battery";

pub struct Collection {
    pub town: Town,
    pub app: App,
}

/// A member who is logged in.
pub struct Member {
    pub id: i64,
    pub token: String,
    pub client: Client,
}

impl Collection {
    pub async fn new() -> Self {
        let town = Town::new().await;
        let app = town.app();
        Self { town, app }
    }

    /// The same, with a worker that makes links.
    pub async fn with_worker() -> Self {
        let collection = Self::new().await;
        collection.start_worker();
        collection
    }

    pub fn start_worker(&self) {
        let registry = Registry::new().with::<ReconcileLinks>().with::<AuditLinks>().with::<ReadEssences>();
        let registry = registry.with::<trash::Delete>().with::<trash::Restore>();
        let registry = registry.with::<trash::Remove>().with::<trash::Expire>();
        let worker = Worker::new(self.app.clone(), registry, &[Queue::Imports, Queue::Maintenance], 2);
        let stop = self.town.stop();
        tokio::spawn(async move { worker.run(stop).await });
    }

    pub fn router(&self) -> Router {
        let api = library::routes()
            .merge(hearts::routes())
            .merge(trash::routes())
            .merge(auth::http::routes())
            .merge(downloads::routes());
        Router::new().nest("/api", api.into()).with_state(self.app.clone())
    }

    pub async fn member(&self, username: &str) -> Member {
        self.person(username, false).await
    }

    pub async fn admin(&self, username: &str) -> Member {
        self.person(username, true).await
    }

    async fn person(&self, username: &str, is_admin: bool) -> Member {
        let client = self.app.db.get().await.unwrap();
        let new = NewUser { username, password: &PASSWORD.into(), is_admin };
        let id = auth::create_user(&client, new).await.unwrap().id;
        let login = serde_json::json!({"username": username, "password": PASSWORD});
        let anyone = Client::new(self.router());
        let answer = anyone.post("/api/auth/login", login).await.expect(200);
        let token = answer["token"].as_str().unwrap().to_owned();
        Member { id, client: anyone.with_token(&token), token }
    }

    /// What nginx would be answered.
    pub fn behind_nginx(&self, member: &Member) -> Client {
        Client::new(self.router().layer(Extension(Via::Nginx))).with_token(&member.token)
    }

    /// An album with a file for each track and a cover, on the disk and in the rows.
    pub async fn album(&self, artist: &str, title: &str, year: i32, titles: &[&str]) -> Recorded {
        let album = new_album(artist, title, year, titles);
        for track in &album.tracks {
            self.file(&track.path, &format!("the sound of {}", track.title));
        }
        self.file(&format!("{}/cover.jpg", album.path), "a picture");
        self.record(&[album]).await.remove(0)
    }

    /// Rows alone.
    pub async fn record(&self, albums: &[NewAlbum]) -> Vec<Recorded> {
        let mut client = self.app.db.get().await.unwrap();
        let tx = client.transaction().await.unwrap();
        let recorded = library::record(&tx, albums).await.unwrap();
        tx.commit().await.unwrap();
        recorded
    }

    /// Puts a file beneath the music folder; its place.
    pub fn file(&self, path: &str, content: &str) -> PathBuf {
        let file = self.town.music().join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, content).unwrap();
        file
    }
}

pub fn new_album(artist: &str, title: &str, year: i32, titles: &[&str]) -> NewAlbum {
    let safe = |name: &str| barbossa::files::safe_component(name);
    let path = format!("artists/{}/{} ({year})", safe(artist), safe(title));
    let tracks: Vec<NewTrack> = titles
        .iter()
        .zip(1..)
        .map(|(title, n)| new_track(title, n, &format!("{path}/{n:02} - {}.flac", safe(title))))
        .collect();
    NewAlbum {
        artist: artist.into(),
        title: title.into(),
        year: Some(year),
        artwork_path: Some(format!("{path}/cover.jpg")),
        total_tracks: tracks.len() as i32,
        disc_count: 1,
        source: "import".into(),
        path,
        tracks,
        ..NewAlbum::default()
    }
}

pub fn new_track(title: &str, track_number: i32, path: &str) -> NewTrack {
    NewTrack {
        title: title.into(),
        artist_name: None,
        disc_number: 1,
        track_number,
        duration_ms: Some(200_400),
        path: path.into(),
        size_bytes: 1000,
        modified_at: "2024-02-03T04:05:06Z".parse().unwrap(),
        format: "FLAC".into(),
        sample_rate_hz: Some(44_100),
        bit_depth: Some(16),
        bitrate_kbps: Some(900),
        channels: Some(2),
        is_lossy: false,
        checksum: None,
        essence: None,
        isrc: None,
        composer: None,
        genre: None,
        musicbrainz_id: None,
    }
}

/// The values of one field of a list.
pub fn each<'v>(list: &'v Value, field: &str) -> Vec<&'v str> {
    list.as_array().unwrap().iter().map(|item| item[field].as_str().unwrap()).collect()
}
