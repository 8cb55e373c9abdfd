//! Downloads: the real yt-dlp against a server with real media, and programs that fail, hang and flood; whatever they do,
//! what was asked for ends in a state with a reason, and half an album is seen by nobody.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use axum::Router;
use axum::extract::{Path as Asked, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use barbossa::app::{App, Via};
use barbossa::auth::{self, NewUser};
use barbossa::jobs::Queue;
use barbossa::roles::api::router;
use barbossa::roles::worker::hands;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::harness::audio::{Format, Song, cover};
use crate::harness::{Client, Town, files_beneath};

/// A household whose roles all run, and a web server with media beside it.
pub struct House {
    pub town: Town,
    hands: (CancellationToken, JoinHandle<()>),
    pub app: App,
    pub client: Client,
    pub web: Web,
}

/// A server of a folder's files.
pub struct Web {
    pub folder: tempfile::TempDir,
    pub url: String,
}

impl Web {
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let routes = Router::new().route("/{name}", get(file)).with_state(folder.path().to_owned());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { folder, url }
    }

    fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.url)
    }
}

async fn file(State(folder): State<PathBuf>, Asked(name): Asked<String>) -> Response {
    let kind = match name.rsplit_once('.') {
        Some((_, "opus" | "ogg")) => "audio/ogg",
        Some((_, "flac")) => "audio/flac",
        Some((_, "mp3")) => "audio/mpeg",
        Some((_, "xml")) => "application/rss+xml",
        Some((_, "jpg")) => "image/jpeg",
        _ => "application/octet-stream",
    };
    match std::fs::read(folder.join(name)) {
        Ok(bytes) => ([("content-type", kind)], bytes).into_response(),
        Err(_) => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The real one, as `./dev setup` installs it.
pub fn program(name: &str) -> PathBuf {
    let cache = std::env::var_os("BARBOSSA_DEV_CACHE").unwrap_or_else(|| "/var/cache/barbossa-dev".into());
    let program = PathBuf::from(cache).join("programs/bin").join(name);
    assert!(program.exists(), "{} is missing: `./dev setup`", program.display());
    program
}

pub fn script(path: &Path, text: &str) {
    std::fs::write(path, format!("#!/bin/sh\n{text}\n")).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

pub fn fake(town: &mut Town, lines: &str) {
    let about = json!({"title": "Tone", "uploader": "Ann", "formats": [{"acodec": "flac"}], "webpage_url": "http://x/"});
    let program = town.pending().parent().unwrap().join("yt-dlp");
    script(
        &program,
        &format!(
            "case \"$*\" in *--version*) echo 2025.01.01; exit;; *--dump-single-json*) echo '{about}'; exit;; esac\n{lines}"
        ),
    );
    town.settings_mut().downloads.yt_dlp_path = program;
}

impl House {
    /// With the real yt-dlp.
    async fn new() -> Self {
        Self::with(|town| town.settings_mut().downloads.yt_dlp_path = program("yt-dlp")).await
    }

    /// With a program that does what the lines say; `--version` and the look at the page are answered well before that.
    pub async fn faking(lines: &str) -> Self {
        Self::with(|town| fake(town, lines)).await
    }

    pub async fn with(change: impl FnOnce(&mut Town)) -> Self {
        let mut town = Town::new().await;
        let settings = town.settings_mut();
        settings.imports.settle_seconds = 0;
        settings.imports.settle_incomplete_seconds = 0;
        settings.musicbrainz.enabled = false;
        settings.downloads.allow_private = true;
        settings.downloads.keep_free_gib = 0;
        settings.downloads.per_minute_per_source = 600;
        settings.worker.concurrency = 6;
        change(&mut town);
        let app = town.app();
        let hands = Self::begin(&town, &app);
        let client = Client::new(router(&app, &town.stop()).layer(axum::Extension(Via::Nginx)));
        let house = Self { town, hands, app, client, web: Web::start().await };
        // The role that answers questions is there.
        house
            .town
            .execute(
                "insert into heartbeat (role, host, pid, status, version, started_at, seen_at)
            values ('fetch', 'here', 1, 'runs', '1', now(), now() + interval '1 day')",
            )
            .await;
        let client = house.person("ada", true).await;
        Self { client, ..house }
    }

    fn begin(town: &Town, app: &App) -> (CancellationToken, JoinHandle<()>) {
        let queues = [Queue::Imports, Queue::Maintenance, Queue::Downloads, Queue::Network];
        let (worker, stop) = (hands(app, &queues), town.stop().child_token());
        let heard = stop.clone();
        (stop, tokio::spawn(async move { worker.run(heard).await }))
    }

    /// The roles that do the work stop, and begin again.
    pub async fn restart(&mut self) {
        self.hands.0.cancel();
        (&mut self.hands.1).await.unwrap();
        self.hands = Self::begin(&self.town, &self.app);
    }

    pub async fn person(&self, username: &str, is_admin: bool) -> Client {
        let new = NewUser { username, password: &"a long password".into(), is_admin };
        auth::create_user(&self.app.db.get().await.unwrap(), new).await.unwrap();
        let login = json!({"username": username, "password": "a long password"});
        let answer = self.client.post("/api/auth/login", login).await.expect(200);
        self.client.with_token(answer["token"].as_str().unwrap())
    }

    pub async fn ask(&self, url: &str) -> Value {
        self.client.post("/api/downloads/url", json!({"url": url, "confirm_lossy": true})).await.expect(200)
    }

    pub async fn status(&self, download: &Value) -> Value {
        self.client.get(&format!("/api/downloads/{}", download["id"])).await.expect(200)
    }

    /// Waits until it is in this state.
    pub async fn reaches(&self, download: &Value, state: &str) -> Value {
        let end = Instant::now() + Duration::from_secs(120);
        loop {
            let now = self.status(download).await;
            if now["status"] == state {
                return now;
            }
            assert!(Instant::now() < end, "not {state} within two minutes: {now}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    pub async fn album(&self, id: &Value) -> Value {
        self.client.get(&format!("/api/albums/{id}")).await.expect(200)
    }

    pub fn left(&self) -> Vec<String> {
        files_beneath(&self.town.music().join("downloads"))
    }

    pub async fn events(&self) -> Vec<String> {
        let kinds: String = self
            .town
            .value("select coalesce(string_agg(kind, ' ' order by id), '') from event where kind like 'download:%'")
            .await;
        kinds.split_whitespace().map(str::to_owned).collect()
    }
}

fn titles(album: &Value) -> Vec<(i64, String)> {
    let tracks = album["tracks"].as_array().unwrap().iter();
    tracks.map(|t| (t["track_number"].as_i64().unwrap(), t["title"].as_str().unwrap().to_owned())).collect()
}

#[tokio::test]
async fn a_pasted_address_becomes_an_album_in_its_own_codec_and_knows_where_it_came_from() {
    let house = House::new().await;
    let tone = Song::new("Tone").artist("Ann").album("Tones").format(Format::Opus).named("tone");
    tone.write(house.web.folder.path());
    let url = house.web.at("tone.opus");
    let info = house.client.get(&format!("/api/downloads/url/info?url={url}")).await.expect(200);
    assert_eq!(
        (&info["is_lossy"], &info["source"], &info["tracks"]),
        (&json!(true), &json!("url"), &json!(1))
    );
    let asked = house.ask(&url).await;
    assert_eq!((&asked["status"], &asked["source"]), (&json!("pending"), &json!("url")));
    let done = house.reaches(&asked, "complete").await;
    assert_eq!((&done["progress"], &done["error_message"]), (&json!(100), &Value::Null));
    let album = house.album(&done["result_album_id"]).await;
    assert_eq!((&album["title"], &album["artist_name"]), (&json!("Tones"), &json!("Ann")));
    let track = &album["tracks"][0];
    assert_eq!(
        (&track["title"], &track["format"], &track["is_lossy"]),
        (&json!("Tone"), &json!("Opus"), &json!(true))
    );
    let history = house.client.get(&format!("/api/tracks/{}/provenance", track["id"])).await.expect(200);
    let from = &history["history"][0];
    assert_eq!((&from["source"], &from["source_url"]), (&json!("url"), &json!(url)));
    assert_eq!((&from["requested_by"], &from["program"]), (&json!("ada"), &json!("yt-dlp")));
    assert!(from["program_version"].as_str().unwrap().starts_with("20"), "{from}");
    assert_eq!(from["checksum"].as_str().unwrap().len(), 64);
    let events = house.events().await;
    assert_eq!(
        (events.first().unwrap().as_str(), events.last().unwrap().as_str()),
        ("download:queued", "download:complete")
    );
    assert!(events.contains(&"download:progress".to_owned()));
    assert_eq!(house.left(), [""; 0]);
    // The library has it now: asked for again, it is not fetched.
    let again = house.ask(&url).await;
    assert_eq!(
        (&again["status"], &again["result_album_id"]),
        (&json!("duplicate"), &done["result_album_id"])
    );
}

#[tokio::test]
async fn a_list_is_an_album_with_its_numbers_and_lossless_stays_lossless() {
    let house = House::new().await;
    let folder = house.web.folder.path();
    Song::new("b").artist("Ann").format(Format::Flac16).named("two").write(folder);
    Song::new("a").artist("Ann").format(Format::Flac16).tone(300).named("one").write(folder);
    let item = |title: &str, name: &str| {
        let url = house.web.at(name);
        format!(
            "<item><title>{title}</title><link>{url}</link><enclosure url=\"{url}\" type=\"audio/flac\"/></item>"
        )
    };
    let feed = format!(
        "<?xml version=\"1.0\"?><rss version=\"2.0\"><channel><title>Live at Home</title>{}{}</channel></rss>",
        item("First", "one.flac"),
        item("Second", "two.flac")
    );
    std::fs::write(folder.join("feed.xml"), feed).unwrap();
    let asked =
        house.client.post("/api/downloads/url", json!({"url": house.web.at("feed.xml")})).await.expect(200);
    let now = house.reaches(&asked, "complete").await;
    let album = house.album(&now["result_album_id"]).await;
    assert_eq!(album["title"], "Live at Home");
    let numbers: Vec<i64> = titles(&album).into_iter().map(|(n, _)| n).collect();
    assert_eq!(numbers, [1, 2]);
    assert!(album["tracks"].as_array().unwrap().iter().all(|t| t["is_lossy"] == false), "{album}");
}

#[tokio::test]
async fn chapters_are_tracks_and_the_picture_of_the_page_is_the_cover() {
    let web = Web::start().await;
    Song::new("whole").format(Format::Opus).named("whole").write(web.folder.path());
    cover(&web.folder.path().join("page.jpg"));
    // What a page with chapters says, as --write-info-json writes it.
    let info = json!({"id": "v1", "title": "A Whole Album", "uploader": "Ann - Topic", "extractor": "page", "extractor_key": "Page",
        "webpage_url": web.at("v1"), "ext": "opus", "duration": 0.4, "release_date": "20240506",
        "formats": [{"format_id": "0", "url": web.at("whole.opus"), "ext": "opus", "vcodec": "none", "acodec": "opus", "protocol": "http"}],
        "thumbnails": [{"id": "0", "url": web.at("page.jpg")}],
        "chapters": [{"start_time": 0, "end_time": 0.2, "title": "Intro"}, {"start_time": 0.2, "end_time": 0.4, "title": "Outro"}]});
    std::fs::write(web.folder.path().join("info.json"), info.to_string()).unwrap();
    let house = House::with(|town| {
        let wrapper = town.pending().parent().unwrap().join("yt-dlp");
        let (real, info) = (program("yt-dlp"), web.folder.path().join("info.json"));
        let lines = format!(
            "case \"$*\" in *--version*) exec '{0}' \"$@\";; esac\nexec '{0}' --load-info-json '{1}' \"$@\"",
            real.display(),
            info.display()
        );
        script(&wrapper, &lines);
        town.settings_mut().downloads.yt_dlp_path = wrapper;
    })
    .await;
    let done = house.reaches(&house.ask(&web.at("v1")).await, "complete").await;
    assert_eq!((&done["title"], &done["artist"]), (&json!("A Whole Album"), &json!("Ann")));
    let album = house.album(&done["result_album_id"]).await;
    assert_eq!((&album["artist_name"], &album["year"]), (&json!("Ann"), &json!(2024)));
    assert_eq!(titles(&album), [(1, "Intro".to_owned()), (2, "Outro".to_owned())]);
    assert!(album["artwork_path"].as_str().unwrap().ends_with("cover.jpg"), "{album}");
}

#[tokio::test]
async fn what_is_lossy_has_to_be_confirmed() {
    let house = House::new().await;
    for url in ["https://www.youtube.com/watch?v=1", "https://youtu.be/1", "https://soundcloud.com/a/b"] {
        let refused = house.client.post("/api/downloads/url", json!({"url": url})).await.expect(400);
        assert!(
            refused["detail"].as_str().unwrap().starts_with("Lossy source requires confirm_lossy=true. ")
        );
    }
    Song::new("Tone").artist("Ann").format(Format::Mp3).named("tone").write(house.web.folder.path());
    let asked =
        house.client.post("/api/downloads/url", json!({"url": house.web.at("tone.mp3")})).await.expect(200);
    let failed = house.reaches(&asked, "failed").await;
    assert!(failed["error_message"].as_str().unwrap().contains("confirm_lossy=true"), "{failed}");
    let again = house
        .client
        .post(&format!("/api/downloads/{}/retry", asked["id"]), json!({"confirm_lossy": true}))
        .await;
    house.reaches(&again.expect(200), "complete").await;
}

#[tokio::test]
async fn an_address_that_cannot_be_is_refused_and_one_that_has_nothing_says_so() {
    let house = House::new().await;
    for url in ["file:///etc/passwd", "--exec=id", "ftp://x/y", "https://ada:pw@example.org/", "x"] {
        let refused = house.client.post("/api/downloads/url", json!({"url": url})).await.expect(422);
        assert_eq!(refused["detail"][0]["loc"], json!(["body", "url"]), "{url}");
    }
    let failed = house.reaches(&house.ask(&house.web.at("nothing.flac")).await, "failed").await;
    assert!(failed["error_message"].as_str().unwrap().contains("404"), "{failed}");
    let info =
        house.client.get(&format!("/api/downloads/url/info?url={}", house.web.at("nothing.flac"))).await;
    assert!(info.expect(400)["detail"].as_str().unwrap().contains("404"));
}

#[tokio::test]
async fn this_house_is_not_asked_whatever_a_program_follows() {
    let house = House::with(|town| {
        let program = town.pending().parent().unwrap().join("yt-dlp");
        let lines = "case \"$*\" in *--version*) echo 2025.01.01; exit;; esac\n\
            curl --silent --show-error \"http://localhost:$PPID/\" || { echo 'ERROR: no answer' >&2; exit 1; }";
        script(&program, lines);
        let settings = town.settings_mut();
        settings.downloads.yt_dlp_path = program;
        settings.downloads.allow_private = false;
    })
    .await;
    let refused =
        house.client.post("/api/downloads/url", json!({"url": "http://192.168.1.1/"})).await.expect(422);
    assert!(refused["detail"][0]["msg"].as_str().unwrap().contains("own network"));
    let asked = house.ask("http://example.org/a").await;
    let failed = house.reaches(&asked, "failed").await;
    assert!(
        failed["error_message"].as_str().unwrap().contains("localhost lies in this house's own network"),
        "{failed}"
    );
}

#[tokio::test]
async fn a_source_that_stumbles_is_asked_again_and_one_that_fails_shows_its_last_lines() {
    let house = House::faking(
        "case \"$*\" in *gone*) echo one; echo 'ERROR: Video unavailable' >&2; exit 1;; esac\n\
         if [ ! -e stumbled ]; then touch stumbled; echo 'ERROR: timed out' >&2; exit 1; fi\n\
         rm stumbled; cp \"$(dirname \"$0\")/tone.flac\" 0.x.flac; echo '{\"title\":\"Tone\",\"artist\":\"Ann\"}' > 0.x.info.json",
    )
    .await;
    Song::new("x").format(Format::Flac16).named("tone").write(house.town.pending().parent().unwrap());
    let stumbled = house.ask("http://example.org/a").await;
    let done = house.reaches(&stumbled, "complete").await;
    assert_eq!(done["error_message"], Value::Null);
    assert_eq!(titles(&house.album(&done["result_album_id"]).await), [(1, "Tone".to_owned())]);
    let attempts: i32 = house.town.value("select max(attempt) from job where kind = 'downloads.fetch'").await;
    assert_eq!(attempts, 2);
    let failed = house.reaches(&house.ask("http://example.org/gone").await, "failed").await;
    assert!(failed["error_message"].as_str().unwrap().contains("Video unavailable"), "{failed}");
    assert!(failed["output"].as_str().unwrap().lines().any(|line| line == "one"), "{failed}");
    assert_eq!(house.left(), [""; 0]);
    let told = house.events().await;
    assert_eq!(told.last().unwrap(), "download:error");
}

#[tokio::test]
async fn one_that_hangs_is_ended_with_all_that_it_began_and_leaves_nothing() {
    let house = House::faking("sleep 1000 & echo $! > child; touch 0.x.flac.part; wait").await;
    let asked = house.ask("http://example.org/a").await;
    house.reaches(&asked, "downloading").await;
    let child = house.town.music().join(format!("downloads/url/.fetching-{}/child", asked["id"]));
    let end = Instant::now() + Duration::from_secs(60);
    let pid = loop {
        match std::fs::read_to_string(&child).ok().filter(|pid| pid.ends_with('\n')) {
            Some(pid) => break pid.trim().to_owned(),
            None => assert!(Instant::now() < end, "it did not begin"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    let busy = house
        .client
        .post("/api/downloads/url", json!({"url": "http://example.org/a", "confirm_lossy": true}))
        .await;
    assert!(busy.expect(409)["detail"].as_str().unwrap().contains("asked for by ada"));
    let too_early = house.client.delete(&format!("/api/downloads/{}", asked["id"])).await.expect(400);
    assert_eq!(too_early["detail"], "Cannot delete active download. Cancel first.");
    let cancelled =
        house.client.post(&format!("/api/downloads/{}/cancel", asked["id"]), json!({})).await.expect(200);
    assert_eq!(cancelled, json!({"status": "cancelled", "id": asked["id"]}));
    while Path::new("/proc").join(&pid).exists() || !house.left().is_empty() {
        assert!(Instant::now() < end, "{pid} runs on, or files are left: {:?}", house.left());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(house.status(&asked).await["status"], "cancelled");
    let again =
        house.client.post(&format!("/api/downloads/{}/cancel", asked["id"]), json!({})).await.expect(400);
    assert_eq!(again["detail"], "Cannot cancel download with status: cancelled");
    house.client.delete(&format!("/api/downloads/{}", asked["id"])).await.expect(200);
}

#[tokio::test]
async fn one_that_floods_is_ended() {
    let house = House::faking("yes 'some words that nobody wants to read'").await;
    let failed = house.reaches(&house.ask("http://example.org/a").await, "failed").await;
    assert!(failed["error_message"].as_str().unwrap().contains("wrote more than"), "{failed}");
}

#[tokio::test]
async fn what_was_whole_before_a_crash_is_handed_over_and_not_fetched_twice() {
    let house = House::faking("exit 7").await;
    let user: i64 = house.town.value("select id from app_user where username = 'ada'").await;
    house.town.execute(&format!(
        "insert into download (user_id, source, source_url, reference, state, started_at, path, program, program_version)
         overriding system value values ({user}, 'url', 'http://example.org/a', 'http://example.org/a', 'downloading', now(),
            'downloads/url/1', 'yt-dlp', '2025.01.01')"
    )).await;
    let id: i64 = house.town.value("select id from download").await;
    let folder = house.town.music().join(format!("downloads/url/{id}"));
    house.town.execute(&format!("update download set path = 'downloads/url/{id}'")).await;
    Song::new("Tone").artist("Ann").album_artist("Ann").album("Tones").track(1, 1).write(&folder);
    let job = barbossa::downloads::FetchDownload { id };
    barbossa::jobs::enqueue(&house.app.db.get().await.unwrap(), &job).await.unwrap();
    let done = house.reaches(&json!({"id": id}), "complete").await;
    assert_eq!(house.album(&done["result_album_id"]).await["title"], "Tones");
}

#[tokio::test]
async fn everyone_sees_their_own_and_nobody_has_more_than_their_share() {
    let house = House::faking("sleep 1000").await;
    let bob = house.person("bob", false).await;
    let asked = house.ask("http://example.org/a").await;
    let id = &asked["id"];
    for path in [format!("/api/downloads/{id}"), format!("/api/downloads/{id}/status")] {
        bob.get(&path).await.expect(403);
    }
    bob.post(&format!("/api/downloads/{id}/cancel"), json!({})).await.expect(403);
    bob.delete(&format!("/api/downloads/{id}")).await.expect(403);
    assert_eq!(bob.get("/api/downloads").await.expect(200), json!([]));
    assert_eq!(house.client.get("/api/downloads/queue").await.expect(200).as_array().unwrap().len(), 1);
    house.client.get("/api/downloads?status=lost").await.expect(422);
    let mut settings = (*house.app.settings).clone();
    settings.downloads.queue_per_user = 1;
    house.app.settings.replace(settings.clone());
    let full =
        house.client.post("/api/downloads/url", json!({"url": "http://example.org/b"})).await.expect(429);
    assert!(full["detail"].as_str().unwrap().contains("on their way"));
    settings.downloads.quota_gib = 1;
    house.app.settings.replace(settings);
    house
        .town
        .execute(
            "insert into download (user_id, source, reference, state, size_bytes, finished_at)
        select id, 'url', 'x', 'complete', 2::bigint << 30, now() from app_user where username = 'bob'",
        )
        .await;
    let spent = bob.post("/api/downloads/url", json!({"url": "http://example.org/b"})).await.expect(429);
    assert!(spent["detail"].as_str().unwrap().contains("2 GiB within 30 days"));
}
