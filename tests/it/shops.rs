//! Qobuz and Bandcamp: against services that speak as they do and check what they are asked, and with the real streamrip
//! reading the settings that it is given.

use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::extract::{Path as Asked, Query, State};
use axum::response::{Html, IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use barbossa::downloads::SyncBandcamp;
use barbossa::files::rename_noreplace;
use barbossa::jobs::{self, End};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use crate::downloads::{House, program, script};
use crate::harness::audio::{Format, Song, album};
use crate::harness::fake::Fake;
use crate::harness::{Town, eventually};

const PASSWORD: &str = "a s3cret";
const APP_ID: &str = "123456789";

fn hash() -> String {
    use md5::{Digest, Md5};
    Md5::digest(PASSWORD.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The catalogue, as api.json/0.2 answers: everything needs the program's id and the token of a login.
#[derive(Default)]
struct Qobuz {
    logins: AtomicUsize,
    is_broken: AtomicBool,
    asked: Mutex<Vec<String>>,
}

type Words = Query<std::collections::HashMap<String, String>>;

impl Qobuz {
    async fn start() -> (Arc<Self>, String) {
        let fake = Arc::new(Self::default());
        let routes = Router::new()
            .route("/api.json/0.2/user/login", post(login))
            .route("/api.json/0.2/{thing}/{verb}", get(answer))
            .with_state(fake.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api.json/0.2", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        (fake, url)
    }

    fn token(&self) -> String {
        format!("token{}", self.logins.load(Ordering::SeqCst))
    }
}

fn refused(code: u16, message: &str) -> Response {
    let body = json!({"status": "error", "code": code, "message": message});
    (StatusCode::from_u16(code).unwrap(), Json(body)).into_response()
}

async fn login(State(fake): State<Arc<Qobuz>>, Query(words): Words) -> Response {
    let word = |name: &str| words.get(name).map(String::as_str).unwrap_or_default();
    if word("app_id") != APP_ID {
        return refused(400, "Invalid or missing app_id parameter");
    }
    if word("username") != "ada@example.org" || word("password") != hash() {
        return refused(401, "Invalid username/email and password combination");
    }
    fake.logins.fetch_add(1, Ordering::SeqCst);
    Json(json!({"user": {"id": 1, "credential": {"parameters": {}}}, "user_auth_token": fake.token()}))
        .into_response()
}

fn tones() -> Value {
    json!({"id": "a1", "title": "Tones", "artist": {"id": 7, "name": "Ann"}, "release_date_original": "1999-05-17", "tracks_count": 3,
        "duration": 600, "label": {"name": "Harbour"}, "genre": {"name": "Rock"}, "upc": "4006381333931", "hires": true,
        "hires_streamable": true, "maximum_bit_depth": 24, "maximum_sampling_rate": 96, "popularity": 3, "parental_warning": false,
        "image": {"small": "https://static.example.org/s.jpg", "thumbnail": "https://static.example.org/t.jpg", "large": "https://static.example.org/l.jpg"}})
}

async fn answer(
    State(fake): State<Arc<Qobuz>>,
    Asked((thing, verb)): Asked<(String, String)>,
    Query(words): Words,
) -> Response {
    let word = |name: &str| words.get(name).map(String::as_str).unwrap_or_default();
    fake.asked.lock().unwrap().push(format!("{thing}/{verb}"));
    if fake.is_broken.load(Ordering::SeqCst) {
        return StatusCode::BAD_GATEWAY.into_response();
    }
    if word("app_id") != APP_ID || word("user_auth_token") != fake.token() {
        return refused(401, "User authentication is required.");
    }
    match (thing.as_str(), verb.as_str()) {
        ("album", "search") => {
            assert!(!word("query").is_empty() && !word("limit").is_empty());
            let other =
                json!({"id": "b2", "title": "Other", "artist": {"id": 8, "name": "Bob"}, "tracks_count": 1});
            Json(json!({"query": word("query"), "albums": {"limit": 20, "offset": 0, "total": 2, "items": [tones(), other]}})).into_response()
        }
        ("album", "get") if word("album_id") == "a1" => {
            let mut album = tones();
            album["tracks"] = json!({"items": [{"id": 77, "title": "Song 1", "track_number": 1, "media_number": 1, "duration": 200,
                "performer": {"name": "Ann"}, "isrc": "DEA120000001", "previewable": true, "maximum_bit_depth": 24}]});
            Json(album).into_response()
        }
        ("artist", "get") => {
            assert_eq!((word("extra"), word("limit")), ("albums", "100"));
            Json(json!({"id": 7, "name": "Ann", "albums_count": 1, "albums": {"items": [tones()]}}))
                .into_response()
        }
        ("track", "get") => Json(json!({"id": 77, "title": "Song 1", "album": tones()})).into_response(),
        _ => refused(404, "No result matching given argument"),
    }
}

/// streamrip, of which only the way to the internet is missing: the real one makes and reads the settings.
fn rip(town: &Town, music: &Path) -> std::path::PathBuf {
    let folder = town.pending().parent().unwrap().to_owned();
    let wrapper = folder.join("rip");
    let lines = format!(
        "real='{real}'; out='{out}'
case \"$*\" in
  *--version*|*'config reset'*) exec \"$real\" \"$@\";;
  *' url -- '*)
    \"$real\" --config-path \"$2\" config path >\"$out/read\" 2>&1
    cp \"$2\" \"$out/config\"; stat -c %a \"$(dirname \"$2\")\" >\"$out/mode\"; echo \"$*\" >\"$out/args\"
    folder=$(sed -n 's/^folder = \"\\(.*\\)\"$/\\1/p' \"$2\" | head -n 1)
    mkdir -p \"$folder/Ann - Tones (1999)\"
    cp '{music}'/* \"$folder/Ann - Tones (1999)/\"
    echo \"Downloading Tones for $(sed -n 's/^email_or_userid = //p' \"$2\")\";;
  *) echo \"unexpected: $*\" >&2; exit 2;;
esac",
        real = program("rip").display(),
        out = folder.display(),
        music = music.display(),
    );
    script(&wrapper, &lines);
    wrapper
}

fn account(town: &mut Town, url: &str, music: &Path) {
    let rip = rip(town, music);
    let settings = town.settings_mut();
    settings.qobuz.email = "ada@example.org".into();
    settings.qobuz.url = url.into();
    settings.qobuz.app_id = APP_ID.into();
    settings.qobuz.rip_path = rip;
    settings.secrets.qobuz_password = Some(PASSWORD.to_owned().into());
}

#[tokio::test]
async fn an_album_is_found_fetched_whole_and_marked_as_here() {
    let music = tempfile::tempdir().unwrap();
    album(music.path(), "Ann", "Tones", 1999, 3);
    let (fake, url) = Qobuz::start().await;
    let house = House::with(|town| account(town, &url, music.path())).await;
    let hits = house.client.get("/api/downloads/search/qobuz?q=tones&limit=5").await.expect(200);
    let expected = json!({"id": "a1", "title": "Tones", "artist": "Ann", "year": 1999, "quality": "24/96", "url": "https://www.qobuz.com/us-en/album/a1"});
    assert_eq!(hits[0], expected);
    let page = house.client.get("/api/qobuz/album/a1").await.expect(200);
    assert_eq!(
        (&page["in_library"], &page["year"], &page["artwork_url"]),
        (&json!(false), &json!("1999"), &json!("https://static.example.org/l.jpg"))
    );
    assert_eq!(
        (&page["tracks"][0]["album_title"], &page["tracks"][0]["isrc"]),
        (&json!("Tones"), &json!("DEA120000001"))
    );

    let asked = house
        .client
        .post("/api/downloads/qobuz", json!({"url": hits[0]["url"], "search_type": "album"}))
        .await
        .expect(200);
    let done = house.reaches(&asked, "complete").await;
    let here = house.album(&done["result_album_id"]).await;
    assert_eq!((&here["title"], here["tracks"].as_array().unwrap().len()), (&json!("Tones"), 3));
    let read =
        |name: &str| std::fs::read_to_string(house.town.pending().parent().unwrap().join(name)).unwrap();
    assert!(!read("read").contains("Error loading"), "the real streamrip cannot read it: {}", read("read"));
    let config: toml::Table = read("config").parse().unwrap();
    assert_eq!(config["qobuz"]["password_or_token"].as_str(), Some(hash().as_str()));
    assert_eq!(
        (config["qobuz"]["quality"].as_integer(), config["database"]["downloads_enabled"].as_bool()),
        (Some(4), Some(false))
    );
    assert!(config["downloads"]["folder"].as_str().unwrap().contains("downloads/qobuz/.fetching-"));
    assert_eq!((read("mode").trim(), read("args").contains("s3cret")), ("700", false));
    assert!(read("args").trim().ends_with("url -- https://open.qobuz.com/album/a1"));
    let from =
        house.client.get(&format!("/api/albums/{}/provenance", done["result_album_id"])).await.expect(200);
    let from = &from["tracks"][0]["history"][0];
    assert_eq!(
        (&from["source"], &from["reference"], &from["program"]),
        (&json!("qobuz"), &json!("qobuz:album:a1"), &json!("streamrip"))
    );

    // The mark is of now, although the catalogue's answer is remembered.
    let marked = house.client.get("/api/qobuz/search?q=tones&type=album").await.expect(200);
    assert_eq!(
        (&marked["albums"][0]["in_library"], &marked["albums"][0]["local_album_id"]),
        (&json!(true), &done["result_album_id"])
    );
    assert_eq!(marked["albums"][1]["in_library"], false);
    // A track is its whole album, which is here.
    let track = house
        .client
        .post("/api/downloads/qobuz", json!({"url": "https://play.qobuz.com/track/77"}))
        .await
        .expect(200);
    assert_eq!(
        (&track["status"], &track["result_album_id"]),
        (&json!("duplicate"), &done["result_album_id"])
    );
    house
        .client
        .post("/api/downloads/qobuz", json!({"url": "https://example.org/album/1"}))
        .await
        .expect(422);
    let lossy = house
        .client
        .post("/api/downloads/qobuz", json!({"url": hits[0]["url"], "quality": 1}))
        .await
        .expect(400);
    assert!(lossy["detail"].as_str().unwrap().starts_with("Lossy source requires confirm_lossy=true."));
    assert_eq!(fake.logins.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn a_login_that_is_over_is_renewed_and_a_catalogue_that_is_down_says_so() {
    let music = tempfile::tempdir().unwrap();
    let (fake, url) = Qobuz::start().await;
    let house = House::with(|town| account(town, &url, music.path())).await;
    house.client.get("/api/qobuz/artist/7?sort=title").await.expect(200);
    house.client.get("/api/qobuz/artist/7?sort=year").await.expect(200);
    assert_eq!(fake.asked.lock().unwrap().len(), 1, "the second is remembered");
    // As if somebody had logged in elsewhere: the token is good no more.
    fake.logins.fetch_add(1, Ordering::SeqCst);
    house.client.get("/api/qobuz/album/a1").await.expect(200);
    assert_eq!(fake.logins.load(Ordering::SeqCst), 3);
    fake.is_broken.store(true, Ordering::SeqCst);
    let broken = house.client.get("/api/qobuz/search?q=x&type=track").await.expect(502);
    assert!(broken["detail"].as_str().unwrap().contains("Qobuz"), "{broken}");
    let sources = house.client.get("/api/sources").await.expect(200);
    let qobuz = sources.as_array().unwrap().iter().find(|s| s["name"] == "qobuz").unwrap().clone();
    assert_eq!(qobuz["state"], "down");
    assert!(!qobuz.to_string().contains(&hash()) && !broken.to_string().contains("token"), "{qobuz}");
    house.client.get("/api/qobuz/search?q=x&type=playlist").await.expect(422);
}

#[tokio::test]
async fn the_gaps_of_an_album_are_filled_track_by_track() {
    let music = tempfile::tempdir().unwrap();
    let songs = album(music.path(), "Ann", "Tones", 1999, 3);
    let (_fake, url) = Qobuz::start().await;
    let house = House::with(|town| account(town, &url, music.path())).await;
    let dropped = house.town.pending().join("Tones");
    std::fs::create_dir_all(&dropped).unwrap();
    for song in &songs[..2] {
        std::fs::copy(song, dropped.join(song.file_name().unwrap())).unwrap();
    }
    house.client.post("/api/import/trigger", json!({})).await.expect(202);
    let find = "select coalesce((select id from album where title = 'Tones'), 0)";
    eventually("it is imported", || async { house.town.value::<i64>(find).await > 0 }).await;
    let id: i64 = house.town.value(find).await;
    let before = house.album(&json!(id)).await;
    assert_eq!((&before["total_tracks"], &before["available_tracks"]), (&json!(3), &json!(2)));
    house.client.post(&format!("/api/albums/{id}/fill-gaps"), json!({})).await.expect(202);
    let asked = "select coalesce((select id from download where fills_album_id is not null), 0)";
    eventually("it is asked for", || async { house.town.value::<i64>(asked).await > 0 }).await;
    let download = json!({"id": house.town.value::<i64>(asked).await});
    let done = house.reaches(&download, "complete").await;
    assert_eq!(done["result_album_id"], json!(id));
    let after = house.album(&json!(id)).await;
    assert_eq!(after["available_tracks"], 3);
    let ids = |album: &Value| {
        album["tracks"].as_array().unwrap().iter().map(|t| t["id"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(ids(&after)[..2], ids(&before)[..]);
    let from = house.client.get(&format!("/api/albums/{id}/provenance")).await.expect(200);
    let sources: Vec<&Value> =
        from["tracks"].as_array().unwrap().iter().map(|t| &t["history"][0]["source"]).collect();
    assert_eq!(sources, ["import", "import", "qobuz"]);
    let whole = house.client.post(&format!("/api/albums/{id}/fill-gaps"), json!({})).await.expect(400);
    assert_eq!(whole["detail"], "Nothing of this album is missing.");
}

#[tokio::test]
async fn where_it_came_from_outlives_a_move_a_retag_and_an_upgrade() {
    let music = tempfile::tempdir().unwrap();
    album(music.path(), "Ann", "Tones", 1999, 3);
    let (_fake, url) = Qobuz::start().await;
    let house = House::with(|town| account(town, &url, music.path())).await;
    let asked = json!({"url": "https://play.qobuz.com/album/a1", "search_type": "album"});
    let asked = house.client.post("/api/downloads/qobuz", asked).await.expect(200);
    let id = house.reaches(&asked, "complete").await["result_album_id"].clone();
    let here = house.album(&id).await;
    let histories = async || {
        let from = house.client.get(&format!("/api/albums/{id}/provenance")).await.expect(200);
        let tracks = from["tracks"].as_array().unwrap().clone();
        tracks
            .into_iter()
            .map(|track| (track["track_id"].clone(), track["history"].clone()))
            .collect::<Vec<_>>()
    };
    let before = histories().await;
    assert_eq!(before[0].1[0]["reference"], "qobuz:album:a1");
    let track = &here["tracks"][0]["id"];
    for (path, change) in [
        (format!("/api/metadata/artists/{}", here["artist"]["id"]), json!({"name": "Anna"})),
        (format!("/api/metadata/albums/{id}"), json!({"title": "Other Tones", "year": 2000})),
        (format!("/api/metadata/tracks/{track}"), json!({"title": "First"})),
    ] {
        house.client.put(&path, change).await.expect(200);
    }
    eventually("the files have moved and have other tags", || async {
        let now = house.album(&id).await["tracks"][0].clone();
        now["path"] == "artists/Anna/Other Tones (2000)/01 - First.flac"
    })
    .await;
    assert_eq!(histories().await, before, "a move and other tags change nothing of it");

    let better = house.town.music().join("downloads/bandcamp/better");
    for (n, title) in [(1, "First"), (2, "Song 2 of Tones"), (3, "Song 3 of Tones")] {
        let song = Song::new(title).artist("Anna").album_artist("Anna").album("Other Tones").year(2000);
        song.track(n, 3).format(Format::Flac24).tone(3000 + n).named(&n.to_string()).write(&better);
    }
    house.client.post("/api/import/trigger", json!({})).await.expect(202);
    let ended = "select coalesce((select concat(state, ': ', reason) from import
        where source_path = 'downloads/bandcamp/better' and not is_on_its_way), '')";
    eventually("it has come in", || async { !house.town.value::<String>(ended).await.is_empty() }).await;
    assert_eq!(house.town.value::<String>(ended).await, "done: ");
    let now = house.album(&id).await["tracks"].as_array().unwrap().clone();
    assert!(
        now.iter().all(|track| track["bit_depth"] == 24),
        "better copies have taken their place: {now:?}"
    );
    for ((track, history), (same_track, old)) in histories().await.iter().zip(&before) {
        assert_eq!(track, same_track);
        let (new, rest) = history.as_array().unwrap().split_first().unwrap();
        assert_eq!((&new["source"], &new["is_replacement"]), (&json!("bandcamp"), &json!(true)));
        assert_eq!(rest, old.as_array().unwrap().as_slice(), "what was known before stays, word for word");
    }
}

/// MusicBrainz, which knows the one album; musicbrainz.org/doc/MusicBrainz_API documents the answers.
async fn musicbrainz() -> Arc<Fake> {
    const ID: &str = "11111111-2222-4333-8444-555555555555";
    let release = json!({"id": ID, "title": "Tones", "artist-credit": [{"name": "Ann", "joinphrase": ""}],
        "media": [{"position": 1, "track-count": 3, "tracks": [
            {"position": 1, "title": "Song 1", "length": 400}, {"position": 2, "title": "Song 2", "length": 400},
            {"position": 3, "title": "Song 3", "length": 400}]}]});
    Fake::start(move |asked| match asked.path.as_str() {
        "/ws/2/release" => {
            let found = json!({"id": ID, "title": "Tones", "artist-credit": [{"name": "Ann"}], "media": [{"track-count": 3}]});
            Json(json!({"releases": [found]})).into_response()
        }
        path if path == format!("/ws/2/release/{ID}") => Json(release.clone()).into_response(),
        _ => StatusCode::NOT_FOUND.into_response(),
    })
    .await
}

/// yt-dlp as it answers a search and a page of YouTube, and what it leaves in its folder.
fn yt_dlp(town: &Town, sound: &Path) -> std::path::PathBuf {
    let wrapper = town.pending().parent().unwrap().join("yt-dlp");
    let entry = |id: &str, title: &str, channel: &str, seconds: f64| {
        json!({"_type": "url", "ie_key": "Youtube", "id": id, "url": format!("https://www.youtube.com/watch?v={id}"),
            "title": title, "channel": channel, "uploader": channel, "duration": seconds})
    };
    let hits = json!({"_type": "playlist", "entries": [entry("live", "Ann - Song 3 (Live)", "Ann", 1.0),
        entry("long", "Song 3", "somebody", 900.0), entry("right", "Song 3", "Ann - Topic", 1.0)]});
    let page = json!({"id": "right", "title": "Song 3", "channel": "Ann - Topic", "upload_date": "20200102", "extractor_key": "Youtube",
        "webpage_url": "https://www.youtube.com/watch?v=right", "formats": [{"acodec": "opus", "vcodec": "none"}]});
    let lines = format!(
        "case \"$*\" in
  *--version*) echo 2025.01.01;;
  *' -- ytsearch5:Ann Song 3') echo '{hits}';;
  *ytsearch*) echo '{{\"entries\": []}}';;
  *--dump-single-json*watch?v=right) echo '{page}';;
  *watch?v=right) cp '{sound}' 0.right.opus; echo '{page}' > 0.right.info.json; echo right > .archive;;
  *) echo \"ERROR: unexpected $*\" >&2; exit 1;;
esac",
        sound = sound.display(),
    );
    script(&wrapper, &lines);
    wrapper
}

#[tokio::test]
async fn what_no_better_source_has_comes_lossy_only_when_that_is_allowed_and_is_marked() {
    let music = tempfile::tempdir().unwrap();
    let songs = album(music.path(), "Ann", "Tones", 1999, 3);
    let sound = Song::new("whatever").format(Format::Opus).tone(777).write(music.path());
    let musicbrainz = musicbrainz().await;
    let house = House::with(|town| {
        let program = yt_dlp(town, &sound);
        let settings = town.settings_mut();
        settings.downloads.yt_dlp_path = program;
        settings.musicbrainz.enabled = true;
        settings.musicbrainz.url.clone_from(&musicbrainz.url);
    })
    .await;
    let dropped = house.town.pending().join("Tones");
    std::fs::create_dir_all(&dropped).unwrap();
    for song in &songs[..2] {
        std::fs::copy(song, dropped.join(song.file_name().unwrap())).unwrap();
    }
    house.client.post("/api/import/trigger", json!({})).await.expect(202);
    let find = "select coalesce((select id from album where title = 'Tones'), 0)";
    eventually("it is imported", || async { house.town.value::<i64>(find).await > 0 }).await;
    let id: i64 = house.town.value(find).await;
    let fill = async |query: &str| {
        let path = format!("/api/albums/{id}/fill-gaps{query}");
        let started = house.client.post(&path, json!({})).await.expect(202);
        let id = started["job_id"].as_i64().unwrap();
        jobs::wait(&house.app, &[id], std::time::Duration::from_secs(60)).await.pop().unwrap().end
    };
    let End::Cancelled(why) = fill("").await else { panic!("nothing was allowed") };
    for said in ["Qobuz is not set up.", "Lidarr is not set up.", "Lossy music was not allowed"] {
        assert!(why.contains(said), "{why}");
    }
    let End::Completed(done) = fill("?confirm_lossy=true").await else { panic!("it is not asked for") };
    assert_eq!((&done["asked"][0]["source"], &done["asked"][0]["not_found"]), (&json!("yt_dlp"), &json!([])));
    let download = json!({"id": done["asked"][0]["download_ids"][0]});
    let done = house.reaches(&download, "complete").await;
    assert_eq!((&done["source"], &done["result_album_id"]), (&json!("youtube"), &json!(id)));
    let after = house.album(&json!(id)).await;
    assert_eq!((&after["available_tracks"], &after["year"]), (&json!(3), &json!(1999)));
    let marks: Vec<(bool, bool)> = after["tracks"]
        .as_array()
        .unwrap()
        .iter()
        .map(|track| (track["is_lossy"].as_bool().unwrap(), track["is_filling"].as_bool().unwrap()))
        .collect();
    assert_eq!(marks, [(false, false), (false, false), (true, true)]);
    assert_eq!(after["tracks"][2]["title"], "Song 3");
    let from = house.client.get(&format!("/api/albums/{id}/provenance")).await.expect(200);
    let last = &from["tracks"][2]["history"][0];
    assert_eq!(
        (&last["source"], &last["source_url"]),
        (&json!("youtube"), &json!("https://www.youtube.com/watch?v=right"))
    );
    // A better copy takes its place, and the mark goes.
    let better = house.town.pending().join("better");
    std::fs::create_dir_all(&better).unwrap();
    for song in &songs {
        std::fs::copy(song, better.join(song.file_name().unwrap())).unwrap();
    }
    std::fs::create_dir_all(house.town.music().join("downloads/bandcamp")).unwrap();
    rename_noreplace(&better, &house.town.music().join("downloads/bandcamp/better")).unwrap();
    house.client.post("/api/import/trigger", json!({})).await.expect(202);
    eventually("the better copy is there", || async {
        let track = house.album(&json!(id)).await["tracks"][2].clone();
        (track["is_lossy"].as_bool(), track["is_filling"].as_bool()) == (Some(false), Some(false))
    })
    .await;
}

#[tokio::test]
async fn a_search_of_everything_shows_what_qobuz_has_and_fails_with_no_source() {
    let music = tempfile::tempdir().unwrap();
    let (fake, url) = Qobuz::start().await;
    let house = House::with(|town| account(town, &url, music.path())).await;
    album(&house.town.pending().join("Other"), "Bob", "Other", 2001, 1);
    house.client.post("/api/import/trigger", json!({})).await.expect(202);
    let find = "select coalesce((select id from album where title = 'Other'), 0)";
    eventually("it is imported", || async { house.town.value::<i64>(find).await > 0 }).await;
    let unified =
        async |query: &str| house.client.get(&format!("/api/search/unified?{query}")).await.expect(200);
    let found = unified("q=tones&include_external=true").await;
    assert_eq!(found["local"]["count"], 0);
    let there = &found["external"];
    assert_eq!(
        (&there["source"], &there["count"], &there["error"]),
        (&json!("qobuz"), &json!(2), &Value::Null)
    );
    let tones = json!({"id": "a1", "title": "Tones", "artist": "Ann", "year": 1999, "quality": "24/96",
        "url": "https://www.qobuz.com/us-en/album/a1", "in_library": false, "local_album_id": null});
    assert_eq!(there["items"][0], tones);
    let (other, here) = (&there["items"][1], house.town.value::<i64>(find).await);
    assert_eq!((&other["in_library"], &other["local_album_id"]), (&json!(true), &json!(here)));
    assert_eq!(
        unified("q=other&include_external=true").await["external"],
        Value::Null,
        "what is here is enough"
    );

    fake.is_broken.store(true, Ordering::SeqCst);
    let broken = unified("q=elsewhere&include_external=true").await["external"].clone();
    assert_eq!(broken["items"], json!([]));
    assert!(broken["error"].as_str().unwrap().contains("Qobuz"), "{broken}");
    let asked = fake.asked.lock().unwrap().len();
    let again = unified("q=nowhere&include_external=true").await["external"].clone();
    assert!(again["error"].as_str().unwrap().contains("Qobuz"), "{again}");
    assert_eq!(fake.asked.lock().unwrap().len(), asked, "what is known to be down is not waited for");
}

// -- Bandcamp

/// One's own collection, as its page asks for it.
struct Bandcamp {
    url: Mutex<String>,
    album: Vec<u8>,
    track: Vec<u8>,
}

fn is_ada(headers: &HeaderMap) -> bool {
    headers
        .get(header::COOKIE)
        .and_then(|c| c.to_str().ok())
        .is_some_and(|c| c.split("; ").any(|c| c == "identity=7%09ada"))
}

async fn summary(headers: HeaderMap) -> Json<Value> {
    Json(if is_ada(&headers) {
        json!({"fan_id": 4711, "collection_summary": {"username": "ada"}})
    } else {
        json!({"error": true})
    })
}

async fn items(State(fake): State<Arc<Bandcamp>>, headers: HeaderMap, Json(asked): Json<Value>) -> Response {
    if !is_ada(&headers) || asked["fan_id"] != 4711 || !asked["count"].is_number() {
        return StatusCode::FORBIDDEN.into_response();
    }
    let url = fake.url.lock().unwrap().clone();
    let item = |id: i64, title: &str, kind: &str| json!({"sale_item_type": "p", "sale_item_id": id, "item_type": kind, "item_title": title, "band_name": "Ann", "item_url": format!("https://ann.bandcamp.com/{kind}/{id}")});
    let is_first = asked["older_than_token"].as_str().unwrap().ends_with("::a::");
    let (id, title, kind) = if is_first { (1, "Tones", "album") } else { (2, "Single", "track") };
    Json(
        json!({"items": [item(id, title, kind)], "more_available": is_first, "last_token": format!("{id}:x"),
        "redownload_urls": {format!("p{id}"): format!("{url}/download?payment_id={id}&sig=secret")}}),
    )
    .into_response()
}

async fn page(State(fake): State<Arc<Bandcamp>>, headers: HeaderMap, Query(words): Words) -> Response {
    if !is_ada(&headers) || words.get("sig").map(String::as_str) != Some("secret") {
        return StatusCode::FORBIDDEN.into_response();
    }
    let url = fake.url.lock().unwrap().clone();
    let blob = json!({"digital_items": [{"downloads": {"flac": {"url": format!("{url}/download/item?enc=flac&id={}", words["payment_id"])}}}]});
    let blob = blob.to_string().replace('&', "&amp;").replace('"', "&quot;");
    Html(format!("<html><div id=\"pagedata\" data-blob=\"{blob}\"></div></html>")).into_response()
}

async fn ready(State(fake): State<Arc<Bandcamp>>, Query(words): Words) -> Json<Value> {
    let url = fake.url.lock().unwrap().clone();
    Json(json!({"result": "ok", "download_url": format!("{url}/file/{}", words["id"])}))
}

async fn bought(State(fake): State<Arc<Bandcamp>>, Asked(id): Asked<String>) -> Response {
    if id == "1" {
        return ([(header::CONTENT_TYPE, "application/zip")], fake.album.clone()).into_response();
    }
    let named =
        [(header::CONTENT_DISPOSITION, "attachment; filename=\"Ann - Single.flac\"; filename*=UTF-8''x")];
    (named, fake.track.clone()).into_response()
}

/// What the job found.
async fn result(house: &House, id: i64) -> Value {
    let patience = std::time::Duration::from_secs(60);
    match jobs::wait(&house.app, &[id], patience).await.pop().unwrap().end {
        End::Completed(result) => result,
        other => panic!("{other:?}"),
    }
}

async fn by_the_clock(house: &House) -> Value {
    let id = jobs::enqueue(&house.app.db.get().await.unwrap(), &SyncBandcamp::default()).await.unwrap();
    result(house, id).await
}

#[tokio::test]
async fn what_was_bought_at_bandcamp_comes_once_by_the_clock_or_by_hand() {
    let music = tempfile::tempdir().unwrap();
    album(music.path(), "Ann", "Tones", 1999, 2);
    let zipped = Command::new("zip")
        .args(["-q", "-j", "-r", "album.zip", "."])
        .current_dir(music.path())
        .status()
        .unwrap();
    assert!(zipped.success(), "zip is installed: `./dev setup`");
    let single = tempfile::tempdir().unwrap();
    let song = album(single.path(), "Ann", "Single", 2001, 1).pop().unwrap();
    let fake = Arc::new(Bandcamp {
        url: Mutex::default(),
        album: std::fs::read(music.path().join("album.zip")).unwrap(),
        track: std::fs::read(song).unwrap(),
    });
    let routes = Router::new()
        .route("/api/fan/2/collection_summary", get(summary))
        .route("/api/fancollection/1/collection_items", post(items))
        .route("/download", get(page))
        .route("/statdownload/item", get(ready))
        .route("/file/{id}", get(bought))
        .with_state(fake.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    (*fake.url.lock().unwrap()).clone_from(&url);
    tokio::spawn(async move { axum::serve(listener, routes).await });

    let cookies = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(
        cookies.path(),
        "# Netscape HTTP Cookie File\n#HttpOnly_127.0.0.1\tFALSE\t/\tFALSE\t1999999999\tidentity\t7%09ada\n",
    )
    .unwrap();
    let house = House::with(|town| {
        let settings = town.settings_mut();
        settings.bandcamp.url.clone_from(&url);
        settings.bandcamp.cookies_path = cookies.path().to_owned();
    })
    .await;
    let sync = || async {
        let started = house.client.post("/api/settings/bandcamp/sync", json!({})).await.expect(200);
        result(&house, started["job_id"].as_i64().unwrap()).await
    };
    assert_eq!(by_the_clock(&house).await, json!({"bought": 2, "asked_for": 2}));
    assert_eq!(by_the_clock(&house).await, json!({"asked_for": 0, "why": "it is not time yet"}));
    let asked = house.client.get("/api/downloads").await.expect(200);
    for download in asked.as_array().unwrap() {
        let done = house.reaches(download, "complete").await;
        assert!(done["source_url"].as_str().unwrap().starts_with("https://ann.bandcamp.com/"), "{done}");
        assert!(!done.to_string().contains("secret"), "{done}");
    }
    let albums: i64 = house.town.value("select count(*) from album where source = 'bandcamp'").await;
    assert_eq!(albums, 2);
    assert_eq!(sync().await, json!({"bought": 2, "asked_for": 0}));
    let bob = house.person("bob", false).await;
    bob.post("/api/settings/bandcamp/sync", json!({})).await.expect(403);
}

#[tokio::test]
async fn without_cookies_nothing_is_asked_of_bandcamp() {
    let house = House::with(|_| {}).await;
    let refused = house.client.post("/api/settings/bandcamp/sync", json!({})).await.expect(400);
    assert_eq!(refused["detail"], "Bandcamp cookies not configured");
}
