//! Plex, Jellyfin and Navidrome hear of the folders that changed, each in its own words, and none waits for another.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::Json;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use md5::{Digest, Md5};
use serde_json::{Value, json};

use crate::harness::eventually;
use crate::harness::fake::{Asked, Fake};
use crate::services::{House, client};

const TOKEN: &str = "plex-t0ken";

/// Plex as developer.plex.tv/pms has it: XML, or JSON for whoever asks for it; 401 without the token.
async fn plex() -> Arc<Fake> {
    Fake::start(|asked| {
        let token = asked.param("X-Plex-Token").unwrap_or_else(|| asked.header("x-plex-token").to_owned());
        if token != TOKEN {
            return StatusCode::UNAUTHORIZED.into_response();
        }
        let is_json = asked.header("accept") == "application/json";
        let shown = |json: Value, xml: &str| -> Response {
            if is_json {
                Json(json).into_response()
            } else {
                ([("content-type", "text/xml;charset=utf-8")], format!("<?xml version=\"1.0\"?>{xml}")).into_response()
            }
        };
        match asked.path.trim_end_matches('/') {
            "" => shown(
                json!({"MediaContainer": {"size": 1, "friendlyName": "Home", "version": "1.41.0.8994-f2c27da23", "machineIdentifier": "abc"}}),
                "<MediaContainer size=\"1\" friendlyName=\"Home\" version=\"1.41.0.8994-f2c27da23\" machineIdentifier=\"abc\"/>",
            ),
            "/library" => shown(json!({"MediaContainer": {"size": 1}}), "<MediaContainer size=\"1\" title1=\"Plex Library\" identifier=\"x\"/>"),
            "/library/sections" | "/library/sections/all" => shown(
                json!({"MediaContainer": {"size": 2, "Directory": [
                    {"key": "1", "type": "movie", "title": "Films", "Location": [{"id": 1, "path": "/films"}]},
                    {"key": "4", "type": "artist", "title": "Music", "Location": [{"id": 2, "path": "/music/artists"}]}]}}),
                "<MediaContainer size=\"2\">\
                 <Directory key=\"1\" type=\"movie\" title=\"Films\" uuid=\"a\"><Location id=\"1\" path=\"/films\"/></Directory>\
                 <Directory key=\"4\" type=\"artist\" title=\"Music\" uuid=\"b\"><Location id=\"2\" path=\"/music/artists\"/></Directory>\
                 </MediaContainer>",
            ),
            "/library/sections/4/refresh" => StatusCode::OK.into_response(),
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    })
    .await
}

/// What Plex was sent to look at.
fn looked_at(plex: &Fake) -> Vec<String> {
    let refreshes = plex.asked().into_iter().filter(|asked| asked.path.ends_with("/refresh"));
    refreshes.map(|asked| asked.param("path").unwrap_or_else(|| "everything".into())).collect()
}

async fn house_with(plex: &Fake) -> House {
    let url = plex.url.clone();
    let house = House::new(|settings| {
        settings.plex.url = url;
        settings.plex.path_map = vec![format!("/music={}", settings.music_path.display())];
        settings.secrets.plex_token = Some(TOKEN.into());
    });
    house.await
}

async fn told(house: &House) {
    eventually("everyone is told", || async {
        house.hurry("players.tell").await;
        house.value::<i64>("select count(*) from player_folder").await == 0
    })
    .await;
}

#[tokio::test]
async fn plex_looks_at_just_the_folder_that_changed_and_above_one_that_is_gone() {
    let plex = plex().await;
    let house = house_with(&plex).await;
    let album = house.collection.album("Kino", "Noch", 1986, &["One", "Two"]).await;
    told(&house).await;
    assert_eq!(looked_at(&plex), ["/music/artists/Kino/Noch (1986)"]);
    house.execute("update track set size_bytes = size_bytes + 1").await;
    told(&house).await;
    assert_eq!(looked_at(&plex).len(), 2);
    house.execute("update track set genre = 'Rock'").await;
    let waiting: i64 = house.value("select count(*) from player_folder").await;
    assert_eq!(waiting, 0, "what only our rows know is no news");
    std::fs::remove_dir_all(house.collection.town.music().join("artists/Kino")).unwrap();
    house.execute(&format!("delete from album where id = {}", album.album_id)).await;
    told(&house).await;
    assert_eq!(looked_at(&plex).last().unwrap(), "/music/artists");
}

#[tokio::test]
async fn many_folders_are_one_look_at_everything() {
    let plex = plex().await;
    let house = house_with(&plex).await;
    for n in 0..51 {
        house.collection.album("Kino", &format!("A{n}"), 1986, &["One"]).await;
    }
    told(&house).await;
    assert!(looked_at(&plex).contains(&"everything".to_owned()), "{:?}", looked_at(&plex));
}

#[tokio::test]
async fn a_player_that_is_away_is_told_later_and_holds_up_no_other() {
    let is_well = Arc::new(AtomicBool::new(false));
    let well = is_well.clone();
    // As api.jellyfin.org has it.
    let jellyfin = Fake::start(move |asked| {
        assert!(
            asked.header("authorization").starts_with("MediaBrowser ")
                && asked.header("authorization").contains("Token=\"jelly\"")
        );
        match (asked.path.as_str(), well.load(Ordering::SeqCst)) {
            (_, false) => StatusCode::SERVICE_UNAVAILABLE.into_response(),
            ("/Library/Media/Updated", true) => StatusCode::NO_CONTENT.into_response(),
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    })
    .await;
    // As subsonic.org/pages/api.jsp has it: 200 with an error inside for whoever may not.
    let navidrome = Fake::start(|asked| {
        let salt = asked.param("s").unwrap_or_default();
        let token: String =
            Md5::digest(format!("sesame{salt}")).iter().map(|byte| format!("{byte:02x}")).collect();
        let is_known = asked.param("u").as_deref() == Some("admin") && asked.param("t") == Some(token) && salt.len() >= 6;
        let has_manners = asked.param("f").as_deref() == Some("json") && asked.param("c").is_some() && asked.param("v").is_some();
        assert!(has_manners && asked.param("p").is_none());
        Json(match (asked.path.as_str(), is_known) {
            ("/rest/startScan", true) => json!({"subsonic-response": {"status": "ok", "version": "1.16.1", "scanStatus": {"scanning": true, "count": 1}}}),
            ("/rest/ping", true) => json!({"subsonic-response": {"status": "ok", "version": "1.16.1", "type": "navidrome", "serverVersion": "0.53.3"}}),
            _ => json!({"subsonic-response": {"status": "failed", "version": "1.16.1", "error": {"code": 40, "message": "Wrong username or password"}}}),
        })
        .into_response()
    })
    .await;
    let house = House::new(|settings| {
        settings.jellyfin.url = jellyfin.url.clone();
        settings.jellyfin.path_map = vec![format!("/media={}", settings.music_path.display())];
        settings.secrets.jellyfin_api_key = Some("jelly".into());
        settings.navidrome.url = navidrome.url.clone();
        settings.navidrome.user = "admin".into();
        settings.secrets.navidrome_password = Some("sesame".into());
    })
    .await;
    house.collection.album("Kino", "Noch", 1986, &["One"]).await;
    eventually("one waits for Jellyfin alone", || async {
        house.hurry("players.tell").await;
        house
            .value::<bool>("select coalesce(bool_and(waiting = array['jellyfin']), false) from player_folder")
            .await
    })
    .await;
    assert!(navidrome.lines().iter().any(|line| line.starts_with("GET /rest/startScan?u=admin&t=")));
    let scans = navidrome.asked().len();
    is_well.store(true, Ordering::SeqCst);
    told(&house).await;
    let sent = jellyfin.asked().pop().unwrap().json();
    assert_eq!(
        sent,
        json!({"Updates": [{"Path": "/media/artists/Kino/Noch (1986)", "UpdateType": "Modified"}]})
    );
    assert_eq!(navidrome.asked().len(), scans, "who was told is not told again");
    let tested = house.ada.post("/api/settings/test/navidrome", Value::Null).await.expect(200);
    assert_eq!(tested, json!({"connected": true, "version": "0.53.3", "error": null}));
    let wrong = house
        .ada
        .post(&format!("/api/settings/test/navidrome?url={}&password=wrong", navidrome.url), Value::Null)
        .await;
    assert!(wrong.expect(200)["error"].as_str().unwrap().contains("Wrong username"));
}

#[tokio::test]
async fn what_an_admin_typed_in_is_tried_and_kept_nowhere() {
    let plex = plex().await;
    let house = House::new(|_| {}).await;
    let test = async |query: &str| {
        house.ada.post(&format!("/api/settings/test/plex{query}"), Value::Null).await.expect(200)
    };
    assert_eq!(test("").await["connected"], false);
    let here = format!("?url={}&token={TOKEN}", plex.url);
    assert_eq!(
        test(&here).await,
        json!({"connected": true, "version": "1.41.0.8994-f2c27da23", "error": null})
    );
    let wrong = test(&format!("?url={}&token=wrong", plex.url)).await;
    assert_eq!(wrong["error"], "Plex refused: it does not accept the key or password");
    let away = test("?url=http://127.0.0.1:1&token=x").await;
    assert!(away["error"].as_str().unwrap().contains("could not be reached"), "{away}");
    let leaked: i64 = house
        .value(&format!(
            "select count(*) from job where payload::text like '%{TOKEN}%' or result::text like '%{TOKEN}%'"
        ))
        .await;
    assert_eq!(leaked, 0);
    house.bob.post("/api/settings/test/plex", Value::Null).await.expect(403);
}

#[tokio::test]
async fn a_saved_secret_is_sent_to_no_other_address() {
    let thief = Fake::start(|_| StatusCode::OK.into_response()).await;
    let plex = plex().await;
    let house = house_with(&plex).await;
    let tested =
        house.ada.post(&format!("/api/settings/test/plex?url={}", thief.url), Value::Null).await.expect(200);
    assert_eq!(tested["error"], "Another address needs its key with it.");
    assert!(thief.asked().is_empty());
}

#[tokio::test]
async fn plex_says_how_it_is_and_looks_when_it_is_asked() {
    let plex = plex().await;
    let house = house_with(&plex).await;
    let status = house.bob.get("/api/plex/status").await.expect(200);
    assert_eq!(
        (&status["connected"], &status["section"], &status["url"]),
        (&json!(true), &json!("4"), &Value::Null)
    );
    assert_eq!(status["sections"], json!([{"key": "4", "title": "Music", "paths": ["/music/artists"]}]));
    assert_eq!(status["sees_the_library"], true);
    house.ada.post("/api/plex/scan", json!({})).await.expect(200);
    assert_eq!(looked_at(&plex), ["everything"]);
    house.collection.file("artists/Kino/x", "x");
    house.ada.post("/api/plex/scan", json!({"path": "artists/Kino"})).await.expect(200);
    eventually("it looks", || async {
        looked_at(&plex).last().is_some_and(|path| path == "/music/artists/Kino")
    })
    .await;
    for path in ["/etc", "users/ada", "artists/../users", "artists//x"] {
        house.ada.post("/api/plex/scan", json!({"path": path})).await.expect(422);
    }
    house.bob.post("/api/plex/scan", json!({})).await.expect(403);
}

#[tokio::test]
async fn a_real_client_of_plex_takes_our_fake_for_one() {
    let plex = plex().await;
    let script = "
import sys
from plexapi.server import PlexServer
plex = PlexServer(sys.argv[1], sys.argv[2])
music = [s for s in plex.library.sections() if s.type == 'artist']
assert [(s.key, s.title, s.locations) for s in music] == [(4, 'Music', ['/music/artists'])], music
music[0].update(path='/music/artists/Kino')
print(plex.version, plex.friendlyName)
";
    let said = client(script, &[&plex.url, TOKEN]).await;
    assert_eq!(said.trim(), "1.41.0.8994-f2c27da23 Home");
    assert_eq!(looked_at(&plex), ["/music/artists/Kino"]);
    let ours: Vec<Asked> =
        plex.asked().into_iter().filter(|asked| asked.path.ends_with("/refresh")).collect();
    assert_eq!(ours[0].method, http::Method::GET, "as ours is");
}
