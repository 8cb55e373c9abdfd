//! Lidarr is asked in its own words, and what it has downloaded is imported once, from the folder that both see.

use std::sync::{Arc, Mutex};

use axum::Json;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::StatusCode;
use serde_json::{Value, json};

use crate::cli::{barbossa, run};
use crate::harness::audio::album;
use crate::harness::fake::{Asked, Fake};
use crate::harness::{eventually, files_beneath};
use crate::services::{House, client};

const KEY: &str = "0123456789abcdef0123456789abcdef";
const KINO: &str = "f27ec8db-af05-4f36-916e-3d57f91ecf5e";
const RELEASE: &str = "59211ea4-ffd2-4ad9-9a4e-941d3148024a";

/// What it has.
#[derive(Default)]
struct Store {
    artists: Vec<Value>,
    queue: Vec<Value>,
    history: Vec<Value>,
    missing: Vec<Value>,
    commands: Vec<Value>,
}

/// Lidarr as lidarr.audio/docs/api has its version 1: `X-Api-Key`, camel case, pages, 201 for what was made, a list of
/// `errorMessage` for what cannot be.
async fn lidarr() -> (Arc<Fake>, Arc<Mutex<Store>>) {
    let store = Arc::new(Mutex::new(Store::default()));
    let kept = store.clone();
    let fake = Fake::start(move |asked| {
        if asked.header("x-api-key") != KEY {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        answer(asked, &mut kept.lock().unwrap())
    });
    (fake.await, store)
}

fn answer(asked: &Asked, store: &mut Store) -> Response {
    let path = asked.path.strip_prefix("/api/v1/").unwrap_or_default();
    let known = json!({"artistName": "Kino", "foreignArtistId": KINO, "overview": "A band. ".repeat(100), "genres": ["Rock"],
        "artistType": "Group", "status": "ended", "images": [], "links": []});
    match (asked.method.as_str(), path) {
        ("GET", "system/status") => {
            Json(json!({"appName": "Lidarr", "version": "2.9.6.4552", "branch": "master"})).into_response()
        }
        ("GET", "artist") => {
            let wanted = asked.param("mbId");
            let is_it = |artist: &&Value| wanted.as_deref().is_none_or(|id| artist["foreignArtistId"] == id);
            Json(json!(store.artists.iter().filter(is_it).collect::<Vec<_>>())).into_response()
        }
        ("GET", "artist/lookup") => {
            let found = asked.param("term").is_some_and(|term| term.to_lowercase().contains("kino"));
            Json(if found { json!([known]) } else { json!([]) }).into_response()
        }
        ("POST", "artist") => add(asked.json(), store),
        ("GET", "qualityprofile") => {
            Json(json!([{"id": 2, "name": "Any"}, {"id": 7, "name": "Lossless"}])).into_response()
        }
        ("GET", "metadataprofile") => Json(json!([{"id": 3, "name": "Standard"}])).into_response(),
        ("GET", "rootfolder") => {
            Json(json!([{"id": 1, "name": "Music", "path": "/music", "defaultMetadataProfileId": 3,
            "defaultQualityProfileId": 7, "accessible": true, "freeSpace": 1}]))
            .into_response()
        }
        ("GET", "queue") => page(asked, &store.queue),
        ("GET", "history") => page(asked, &store.history),
        ("GET", "wanted/missing") => page(asked, &store.missing),
        ("POST", "command") => {
            let command = asked.json();
            let is_one = match command["name"].as_str() {
                Some("AlbumSearch") => {
                    command["albumIds"].as_array().is_some_and(|ids| ids.iter().all(Value::is_i64))
                }
                Some("ArtistSearch") => command["artistId"].is_i64(),
                _ => false,
            };
            assert!(is_one, "{command}");
            store.commands.push(command.clone());
            (
                StatusCode::CREATED,
                Json(json!({"id": store.commands.len(), "name": command["name"], "status": "queued"})),
            )
                .into_response()
        }
        _ => (StatusCode::NOT_FOUND, Json(json!({"message": "NotFound"}))).into_response(),
    }
}

fn page(asked: &Asked, all: &[Value]) -> Response {
    let number = |name: &str, usual: usize| asked.param(name).map_or(usual, |text| text.parse().unwrap());
    let (page, size) = (number("page", 1), number("pageSize", 10));
    let records: Vec<&Value> = all.iter().skip((page - 1) * size).take(size).collect();
    Json(json!({"page": page, "pageSize": size, "sortKey": "date", "sortDirection": "descending", "totalRecords": all.len(), "records": records}))
        .into_response()
}

fn add(mut artist: Value, store: &mut Store) -> Response {
    let wrong = |name: &str, why: &str| {
        (
            StatusCode::BAD_REQUEST,
            Json(json!([{"propertyName": name, "errorMessage": why, "severity": "error"}])),
        )
            .into_response()
    };
    if !artist["qualityProfileId"].as_i64().is_some_and(|id| [2, 7].contains(&id)) {
        return wrong("QualityProfileId", "Quality Profile does not exist");
    }
    if artist["metadataProfileId"] != 3 {
        return wrong("MetadataProfileId", "Metadata profile does not exist");
    }
    if artist["rootFolderPath"] != "/music" {
        return wrong("Path", "Root folder does not exist");
    }
    if store.artists.iter().any(|known| known["foreignArtistId"] == artist["foreignArtistId"]) {
        return wrong("ForeignArtistId", "This artist has already been added.");
    }
    artist["id"] = json!(store.artists.len() + 1);
    artist["statistics"] = json!({"albumCount": 5, "trackFileCount": 0});
    store.artists.push(artist.clone());
    (StatusCode::CREATED, Json(artist)).into_response()
}

async fn house_with(lidarr: &Fake) -> House {
    let url = lidarr.url.clone();
    House::new(|settings| {
        settings.lidarr.url = url;
        settings.secrets.lidarr_api_key = Some(KEY.into());
        settings.secrets.lidarr_webhook_secret = Some("open sesame".into());
        let shared = settings.music_path.with_file_name("outside");
        settings.lidarr.path_map = vec![format!("/downloads={}", shared.display())];
    })
    .await
}

#[tokio::test]
async fn an_artist_is_added_with_the_profiles_and_the_folder_that_lidarr_has() {
    let (fake, store) = lidarr().await;
    let house = house_with(&fake).await;
    let found = house.bob.get("/api/lidarr/search?q=kino").await.expect(200);
    let first = &found["results"][0];
    assert_eq!(
        (&found["query"], &first["name"], &first["mbid"]),
        (&json!("kino"), &json!("Kino"), &json!(KINO))
    );
    assert_eq!(first["overview"].as_str().unwrap().len(), 200);
    let new = json!({"mbid": KINO, "name": "Kino"});
    let added = house.bob.post("/api/lidarr/artists", new.clone()).await.expect(200);
    assert_eq!(added, json!({"status": "added", "artist_id": 1, "name": "Kino"}));
    {
        let store = store.lock().unwrap();
        let sent = &store.artists[0];
        let profiles = (&sent["qualityProfileId"], &sent["metadataProfileId"], &sent["rootFolderPath"]);
        assert_eq!(profiles, (&json!(7), &json!(3), &json!("/music")));
        assert_eq!(
            (&sent["monitored"], &sent["addOptions"]["searchForMissingAlbums"]),
            (&json!(true), &json!(true))
        );
    }
    let again = house.bob.post("/api/lidarr/artists", new).await.expect(200);
    assert_eq!(again["status"], "exists", "twice is once");
    let artists = house.bob.get("/api/lidarr/artists").await.expect(200);
    assert_eq!(artists["count"], 1);
    assert_eq!(
        artists["artists"][0],
        json!({"id": 1, "name": "Kino", "mbid": KINO, "monitored": true, "album_count": 5})
    );
    let other = json!({"mbid": RELEASE, "name": "Other", "quality_profile_id": 9});
    let refused = house.bob.post("/api/lidarr/artists", other).await.expect(502);
    assert!(refused["detail"].as_str().unwrap().contains("quality profile"), "{refused}");
    let who: String =
        house.value("select details ->> 'artist' from activity where action = 'lidarr_add' limit 1").await;
    assert_eq!(who, "Kino");
}

#[tokio::test]
async fn what_lidarr_does_is_shown_with_how_far_it_is() {
    let (fake, store) = lidarr().await;
    let house = house_with(&fake).await;
    {
        let mut store = store.lock().unwrap();
        store.queue = (0..250)
            .map(|n| json!({"id": n, "title": "Kino-Noch", "status": "downloading", "trackedDownloadState": "downloading", "size": 200.0,
                "sizeleft": 50.0, "timeleft": "00:03:20", "artist": {"artistName": "Kino"}, "album": {"title": "Noch"}}))
            .collect();
        store.history = vec![
            json!({"id": 9, "eventType": "grabbed", "date": "2026-01-01T00:00:00Z", "sourceTitle": "Kino-Noch",
            "artist": {"artistName": "Kino"}, "album": {"title": "Noch"}, "data": {}}),
        ];
    }
    let status = house.bob.get("/api/lidarr/status").await.expect(200);
    assert_eq!(status, json!({"connected": true, "url": null, "version": "2.9.6.4552", "error": null}));
    let queue = house.bob.get("/api/lidarr/queue").await.expect(200);
    assert_eq!(queue["count"], 250, "all pages");
    let first = &queue["items"][0];
    assert_eq!(
        (&first["progress"], &first["artist"], &first["eta"]),
        (&json!(75), &json!("Kino"), &json!("00:03:20"))
    );
    let history = house.bob.get("/api/lidarr/history?limit=5").await.expect(200);
    let happened = json!({"id": 9, "album": "Noch", "artist": "Kino", "event_type": "grabbed", "date": "2026-01-01T00:00:00Z"});
    assert_eq!(history, json!({"count": 1, "items": [happened]}));
    let profiles = house.bob.get("/api/lidarr/profiles").await.expect(200);
    assert_eq!(
        (&profiles["quality_profiles"][1]["name"], &profiles["root_folders"][0]),
        (&json!("Lossless"), &json!("/music"))
    );
}

#[tokio::test]
async fn a_lidarr_that_is_away_or_has_another_key_is_a_stated_fact() {
    let (fake, _) = lidarr().await;
    let url = fake.url.clone();
    let house = House::new(|settings| {
        settings.lidarr.url = url;
        settings.secrets.lidarr_api_key = Some("wrong".into());
    })
    .await;
    let status = house.ada.get("/api/lidarr/status").await.expect(200);
    assert_eq!(
        (&status["connected"], &status["error"]),
        (&json!(false), &json!("Lidarr refused: it does not accept the key or password"))
    );
    let refused = house.ada.get("/api/lidarr/queue").await.expect(502);
    assert_eq!(refused["code"], "upstream");
    let tested = house
        .ada
        .post(&format!("/api/settings/test/lidarr?url={}&api_key={KEY}", fake.url), Value::Null)
        .await
        .expect(200);
    assert_eq!((&tested["connected"], &tested["version"]), (&json!(true), &json!("2.9.6.4552")));
    let off = House::new(|_| {}).await;
    assert_eq!(off.ada.get("/api/lidarr/status").await.expect(200)["connected"], false);
    off.ada.get("/api/lidarr/queue").await.expect(400);
}

#[tokio::test]
async fn what_lidarr_has_downloaded_is_imported_once_and_stays_where_it_is() {
    let (fake, store) = lidarr().await;
    let house = house_with(&fake).await;
    let town = &house.collection.town;
    album(&town.outside().join("Kino-Noch"), "Kino", "Noch", 1986, 2);
    let queued = |state: &str| {
        json!({"id": 1, "title": "Kino-Noch", "status": "completed", "trackedDownloadState": state, "size": 2.0, "sizeleft": 0.0,
            "downloadId": "SAB1", "outputPath": "/downloads/Kino-Noch", "artist": {"artistName": "Kino"}, "album": {"title": "Noch"}})
    };
    store.lock().unwrap().queue = vec![queued("imported")];
    let collect = async || {
        let started = house.bob.post("/api/lidarr/collect", Value::Null).await.expect(202);
        let id = started["job_id"].as_i64().unwrap();
        eventually("it has looked", || async {
            house.value::<bool>(&format!("select finished_at is not null from job where id = {id}")).await
        })
        .await;
    };
    collect().await;
    assert_eq!(
        house.value::<i64>("select count(*) from lidarr_download").await,
        0,
        "Lidarr has taken it already"
    );
    store.lock().unwrap().queue = vec![queued("importPending")];
    collect().await;
    let filed = || files_beneath(&town.music().join("artists"));
    eventually("it is in the library", || async {
        filed().len() == 2 && house.value::<i64>("select count(*) from album").await == 1
    })
    .await;
    let source: String = house.value("select source from album").await;
    assert_eq!(source, "lidarr");
    collect().await;
    assert_eq!(house.value::<i64>("select count(*) from import").await, 1, "the same download is taken once");
    assert_eq!(files_beneath(&town.outside()).len(), 2, "nothing of Lidarr's is touched");
    let shown = house.ada.get("/api/lidarr/downloads").await.expect(200);
    assert_eq!((&shown[0]["status"], &shown[0]["title"]), (&json!("handed_over"), &json!("Noch")));
}

#[tokio::test]
async fn the_webhook_shows_its_password_and_brings_what_lidarr_took_in() {
    let (fake, _) = lidarr().await;
    let house = house_with(&fake).await;
    let town = &house.collection.town;
    album(&town.outside().join("Kino/Noch (1986)"), "Kino", "Noch", 1986, 1);
    let file = files_beneath(&town.outside()).pop().unwrap();
    // As Lidarr's own source has it (NzbDrone.Core/Notifications/Webhook).
    let news = json!({"eventType": "Download", "instanceName": "Lidarr", "applicationUrl": "", "isUpgrade": false,
        "artist": {"id": 1, "name": "Kino", "path": "/music/Kino", "mbId": KINO}, "album": {"id": 5, "mbId": KINO, "title": "Noch"},
        "tracks": [{"id": 1, "title": "One", "trackNumber": "1"}],
        "trackFiles": [{"id": 1, "path": format!("/downloads/{file}"), "quality": "FLAC", "qualityVersion": 1, "size": 10}],
        "downloadClient": "SABnzbd", "downloadClientType": "Sabnzbd", "downloadId": "SAB2"});
    let as_user = |password: &str| {
        let shown = format!("Basic {}", BASE64_STANDARD.encode(format!("lidarr:{password}")));
        house.stranger.with_header("authorization", &shown)
    };
    let path = "/api/lidarr/webhook";
    house.stranger.post(path, news.clone()).await.expect(401);
    as_user("wrong").post(path, news.clone()).await.expect(401);
    as_user("").post(path, news.clone()).await.expect(401);
    house.bob.post(path, news.clone()).await.expect(403);
    let test = json!({"eventType": "Test", "artist": {"id": 1, "name": "Test Name"}, "albums": [{"id": 123, "title": "Test title"}]});
    assert_eq!(as_user("open sesame").post(path, test).await.expect(200)["status"], "ignored");
    as_user("open sesame").post(path, json!({"no": "event"})).await.expect(422);
    assert_eq!(as_user("open sesame").post(path, news).await.expect(200)["status"], "accepted");
    eventually("it is in the library", || async { files_beneath(&town.music().join("artists")).len() == 1 })
        .await;
    let astray = json!({"eventType": "Download", "downloadId": "SAB3", "trackFiles": [{"path": "/nowhere/x/y/01.flac"}]});
    as_user("open sesame").post(path, astray).await.expect(200);
    eventually("why it was not brought is told", || async {
        let shown = house.ada.get("/api/lidarr/downloads").await.expect(200);
        shown[0]["error"].as_str().is_some_and(|why| why.contains("lidarr.path_map"))
    })
    .await;
}

#[tokio::test]
async fn what_lidarr_took_in_is_brought_however_much_happened_since() {
    let (fake, store) = lidarr().await;
    let house = house_with(&fake).await;
    let town = &house.collection.town;
    album(&town.outside().join("Kino/Noch (1986)"), "Kino", "Noch", 1986, 1);
    let file = files_beneath(&town.outside()).pop().unwrap();
    let grabbed = |id: i64| json!({"id": id, "eventType": "grabbed", "date": "2026-01-01T00:00:00Z", "sourceTitle": "X", "data": {}});
    let imported = |id: i64| {
        json!({"id": id, "eventType": "trackFileImported", "date": "2026-01-01T00:00:00Z", "sourceTitle": "Kino-Noch",
        "downloadId": "SAB9", "artist": {"artistName": "Kino"}, "album": {"title": "Noch"}, "data": {"importedPath": format!("/downloads/{file}")}})
    };
    let collect = async || {
        let started = house.bob.post("/api/lidarr/collect", Value::Null).await.expect(202);
        let id = started["job_id"].as_i64().unwrap();
        eventually("it has looked", || async {
            house.value::<bool>(&format!("select finished_at is not null from job where id = {id}")).await
        })
        .await;
    };
    store.lock().unwrap().history = vec![grabbed(1)];
    collect().await;
    // The newest first, and more than two pages of it before the one that counts.
    store.lock().unwrap().history = (3..=450).rev().map(grabbed).chain([imported(2), grabbed(1)]).collect();
    collect().await;
    eventually("it is in the library", || async { files_beneath(&town.music().join("artists")).len() == 1 })
        .await;
    assert_eq!(house.value::<i64>("select last_id from lidarr_history").await, 450);
    let asked = fake.asked().len();
    collect().await;
    let pages = fake.asked()[asked..].iter().filter(|asked| asked.path.ends_with("/history")).count();
    assert_eq!(pages, 1, "what is known is not read again");
}

#[tokio::test]
async fn what_is_missing_of_our_albums_is_searched_for_as_far_as_lidarr_wants_it() {
    let (fake, store) = lidarr().await;
    let house = house_with(&fake).await;
    let whole = house.collection.album("Kino", "Whole", 1986, &["One"]).await;
    house.collection.album("Kino", "Noch", 1986, &["One"]).await;
    house.collection.album("Ann", "By Release", 1999, &["One"]).await;
    house.execute("update album set total_tracks = 3 where title <> 'Whole'").await;
    house
        .execute(&format!(
            "update album set musicbrainz_id = '{RELEASE}', artwork_path = 'x' where title = 'By Release'"
        ))
        .await;
    store.lock().unwrap().missing = vec![
        json!({"id": 11, "title": "noch", "artist": {"artistName": "KINO"}, "releases": []}),
        json!({"id": 12, "title": "Named otherwise", "artist": {"artistName": "?"}, "releases": [{"foreignReleaseId": RELEASE}]}),
        json!({"id": 13, "title": "Whole", "artist": {"artistName": "Kino"}, "releases": []}),
    ];
    let started = house.bob.post("/api/lidarr/gaps", Value::Null).await.expect(202);
    let id = started["job_id"].as_i64().unwrap();
    eventually("it has asked", || async {
        house.value::<bool>(&format!("select finished_at is not null from job where id = {id}")).await
    })
    .await;
    let commands = store.lock().unwrap().commands.clone();
    assert_eq!(commands, [json!({"name": "AlbumSearch", "albumIds": [11, 12]})]);
    assert!(whole.album_id > 0);
}

#[tokio::test]
async fn a_real_client_of_lidarr_takes_our_fake_for_one() {
    let (fake, store) = lidarr().await;
    store.lock().unwrap().missing = vec![json!({"id": 11, "title": "Noch"})];
    let script = "
import sys
from pyarr import LidarrAPI
lidarr = LidarrAPI(sys.argv[1], sys.argv[2])
assert lidarr.get_system_status()['version'] == '2.9.6.4552'
assert lidarr.get_root_folder()[0]['path'] == '/music'
found = lidarr.lookup_artist('kino')[0]
added = lidarr.add_artist(found, '/music', artist_search_for_missing_albums=True)
assert added['artistName'] == 'Kino' and added['id'] == 1, added
assert [a['artistName'] for a in lidarr.get_artist()] == ['Kino']
assert lidarr.get_wanted()['records'][0]['id'] == 11
assert lidarr.get_queue()['totalRecords'] == 0
assert lidarr.get_history()['records'] == []
";
    client(script, &[&fake.url, KEY]).await;
    assert_eq!(store.lock().unwrap().artists[0]["metadataProfileId"], 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_say_what_lidarr_says_and_end_as_it_ends() {
    let (fake, _) = lidarr().await;
    let house = House::new(|settings| {
        settings.lidarr.url.clone_from(&fake.url);
        settings.secrets.lidarr_api_key = Some(KEY.into());
    })
    .await;
    let command = async |args: &[&str]| {
        let mut command = barbossa(&house.collection.town);
        command.arg("lidarr").args(args);
        tokio::task::spawn_blocking(move || run(&mut command)).await.unwrap()
    };
    assert_eq!(command(&["status"]).await, (0, "Lidarr 2.9.6.4552 answers.\n".into(), String::new()));
    let (code, out, err) = command(&["request", "kino"]).await;
    assert_eq!((code, out.as_str()), (0, format!("Lidarr has added Kino ({KINO}).\n").as_str()), "{err}");
    let (code, out, _) = command(&["artists"]).await;
    assert!(code == 0 && out.contains("Kino") && out.ends_with("1 row.\n"), "{out}");
    let listed: Value = serde_json::from_str(&command(&["artists", "--json"]).await.1).unwrap();
    assert_eq!(listed["count"], 1);
    let (code, _, err) = command(&["request", "nobody at all"]).await;
    assert!(code == 5 && err.contains("nobody at all"), "{code} {err}");
    let (code, out, _) = command(&["gaps"]).await;
    assert_eq!((code, out.as_str()), (0, "0 albums are not whole; Lidarr looks for 0 of them.\n"));
}

#[tokio::test]
async fn the_settings_say_whether_it_answered_when_somebody_looked_last() {
    let (fake, _) = lidarr().await;
    let house = house_with(&fake).await;
    assert_eq!(house.ada.get("/api/settings").await.expect(200)["lidarr_connected"], Value::Null);
    house.ada.post("/api/sources/check", Value::Null).await.expect(202);
    eventually("somebody has looked at all", || async {
        let looked = house
            .value::<i64>("select count(*) from source where name in ('lidarr', 'lrclib', 'plex')")
            .await;
        looked == 3 && house.ada.get("/api/settings").await.expect(200)["lidarr_connected"] == true
    })
    .await;
    let all = house.bob.get("/api/sources").await.expect(200);
    let of = |name: &str| all.as_array().unwrap().iter().find(|s| s["name"] == name).unwrap().clone();
    assert_eq!((&of("lidarr")["state"], &of("lidarr")["version"]), (&json!("ok"), &json!("2.9.6.4552")));
    assert_eq!((&of("plex")["state"], &of("lrclib")["state"]), (&json!("off"), &json!("down")));
}
