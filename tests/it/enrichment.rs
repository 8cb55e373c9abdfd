//! Words, covers and pictures come from catalogues, kindly asked; what a person put there stays.

use std::sync::Arc;

use axum::Json;
use axum::response::{IntoResponse, Redirect, Response};
use http::StatusCode;
use image::{ImageFormat, RgbImage};
use serde_json::{Value, json};

use crate::harness::eventually;
use crate::harness::fake::{Asked, Fake};
use crate::services::House;

const RELEASE: &str = "59211ea4-ffd2-4ad9-9a4e-941d3148024a";
const ARTIST: &str = "f27ec8db-af05-4f36-916e-3d57f91ecf5e";
const WORDS: &str = "[00:01.00] One\n[00:02.50] Two";

fn has_manners(asked: &Asked) -> bool {
    asked.header("user-agent").starts_with("Barbossa/")
        && asked.header("user-agent").ends_with("( ada@example.org )")
}

fn jpeg() -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    RgbImage::from_pixel(60, 40, image::Rgb([200, 10, 10])).write_to(&mut bytes, ImageFormat::Jpeg).unwrap();
    bytes.into_inner()
}

/// LRCLIB as lrclib.net/docs has it: 404 with a name for what is not there, `null` for words that are not known.
async fn lrclib() -> Arc<Fake> {
    Fake::start(|asked| {
        assert!(has_manners(asked), "{:?}", asked.headers);
        let song = |title: &str, synced: Option<&str>| {
            json!({"id": 1, "trackName": title, "artistName": "Kino", "albumName": "Noch", "duration": 200, "instrumental": false,
                "plainLyrics": "One\nTwo", "syncedLyrics": synced})
        };
        let name = asked.param("track_name").unwrap_or_default();
        match (asked.path.as_str(), name.as_str()) {
            ("/api/get", "Sung") => {
                assert_eq!(asked.param("duration").as_deref(), Some("200"));
                Json(song("Sung", Some(WORDS))).into_response()
            }
            ("/api/search", "Spoken") => Json(json!([song("Spoken", None)])).into_response(),
            ("/api/search", _) => Json(json!([])).into_response(),
            ("/api/get", _) => {
                let body = json!({"code": 404, "name": "TrackNotFound", "message": "Failed to find specified track"});
                (StatusCode::NOT_FOUND, Json(body)).into_response()
            }
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    })
    .await
}

async fn house_with(lrclib: &Fake) -> House {
    let url = lrclib.url.clone();
    House::new(|settings| {
        settings.lrclib.url = url;
        settings.musicbrainz.contact = "ada@example.org".into();
    })
    .await
}

#[tokio::test]
async fn words_with_times_lie_beside_their_track_and_in_the_folder_of_whoever_loves_it() {
    let lrclib = lrclib().await;
    let house = house_with(&lrclib).await;
    let album = house.collection.album("Kino", "Noch", 1986, &["Sung", "Spoken", "Unknown"]).await;
    let id = album.album_id;
    house.bob.post(&format!("/api/me/library/albums/{id}"), Value::Null).await.expect(200);
    let told = house
        .bob
        .post(&format!("/api/enrichment/album/{id}?background=false"), Value::Null)
        .await
        .expect(200);
    assert_eq!(
        (&told["task_id"], &told["message"]),
        (&json!("sync"), &json!("Lyrics found for 2 of 3 tracks"))
    );
    let music = house.collection.town.music();
    let read = |path: &str| std::fs::read_to_string(music.join(path)).ok();
    eventually("they lie there", || async { read("artists/Kino/Noch (1986)/01 - Sung.lrc").is_some() }).await;
    assert_eq!(read("artists/Kino/Noch (1986)/01 - Sung.lrc").unwrap(), format!("{WORDS}\n"));
    assert_eq!(read("artists/Kino/Noch (1986)/02 - Spoken.lrc"), None, "words without times are no .lrc");
    let linked = music.join("users/bob");
    eventually("bob has them too", || async {
        crate::harness::files_beneath(&linked).iter().any(|path| path.ends_with("01 - Sung.lrc"))
    })
    .await;
    let track: i64 = house.value("select id from track where title = 'Spoken'").await;
    let words = house.bob.get(&format!("/api/tracks/{track}/lyrics")).await.expect(200);
    assert_eq!(words, json!({"track_id": track, "status": "found", "synced": null, "plain": "One\nTwo"}));
    let stats = house.bob.get("/api/enrichment/stats").await.expect(200);
    assert_eq!((&stats["total_tracks"], &stats["missing_lyrics"]), (&json!(3), &json!(1)));
    assert!((stats["lyrics_coverage_pct"].as_f64().unwrap() - 66.7).abs() < 0.01);
    let missing = house.bob.get("/api/enrichment/tracks/missing-lyrics").await.expect(200);
    assert_eq!((missing.as_array().unwrap().len(), &missing[0]["title"]), (1, &json!("Unknown")));
    let asked = lrclib.asked().len();
    house.bob.post(&format!("/api/enrichment/album/{id}?background=false"), Value::Null).await.expect(200);
    assert_eq!(lrclib.asked().len(), asked, "nothing is asked twice");
}

#[tokio::test]
async fn what_a_person_put_beside_a_track_is_read_and_never_replaced() {
    let lrclib = lrclib().await;
    let house = house_with(&lrclib).await;
    house.collection.album("Kino", "Noch", 1986, &["Sung"]).await;
    let own = house.collection.file("artists/Kino/Noch (1986)/01 - Sung.lrc", "[00:09.00] My own words");
    let track: i64 = house.value("select id from track").await;
    let told = house.bob.post(&format!("/api/enrichment/track/{track}"), Value::Null).await.expect(200);
    assert_eq!(told["success"], true);
    assert!(lrclib.asked().is_empty());
    assert_eq!(std::fs::read_to_string(own).unwrap(), "[00:09.00] My own words");
    let words = house.bob.get(&format!("/api/tracks/{track}/lyrics")).await.expect(200);
    assert_eq!(words["plain"], "My own words");
}

#[tokio::test]
async fn words_move_along_with_their_track() {
    let lrclib = lrclib().await;
    let house = house_with(&lrclib).await;
    let album = house.collection.album("Kino", "Noch", 1986, &["Sung"]).await;
    house.bob.post(&format!("/api/enrichment/album/{}", album.album_id), Value::Null).await.expect(200);
    let folder = house.collection.town.music().join("artists/Kino/Noch (1986)");
    eventually("they lie there", || async { folder.join("01 - Sung.lrc").exists() }).await;
    barbossa::files::rename_noreplace(&folder.join("01 - Sung.flac"), &folder.join("01 - Named.flac"))
        .unwrap();
    house.execute("update track set path = replace(path, 'Sung', 'Named')").await;
    eventually("they have moved", || async { folder.join("01 - Named.lrc").exists() }).await;
    assert!(!folder.join("01 - Sung.lrc").exists());
}

#[tokio::test]
async fn without_the_internet_a_question_for_words_ends_with_the_reason() {
    let house = House::new(|_| {}).await;
    let album = house.collection.album("Kino", "Noch", 1986, &["Sung"]).await;
    let path = format!("/api/enrichment/album/{}?background=false", album.album_id);
    let told = house.bob.post(&path, Value::Null).await.expect(200);
    assert!(told["message"].as_str().unwrap().starts_with("LRCLIB could not be reached"), "{told}");
    assert_eq!(house.value::<i64>("select count(*) from lyrics").await, 0, "it can be asked again");
    house.bob.post("/api/enrichment/batch", json!({"limit": 501})).await.expect(422);
    house.bob.post("/api/enrichment/album/4711", Value::Null).await.expect(404);
}

/// The Cover Art Archive as musicbrainz.org/doc/Cover_Art_Archive/API has it, MusicBrainz's relations of an artist, and
/// Wikimedia Commons' Special:FilePath; all pictures by a redirect.
async fn pictures() -> Arc<Fake> {
    Fake::start(|asked| -> Response {
        assert!(has_manners(asked), "{:?}", asked.headers);
        let front = format!("/release/{RELEASE}/front-1200");
        match asked.path.as_str() {
            path if path == format!("/release/{RELEASE}/") => Json(json!({"release": format!("https://musicbrainz.org/release/{RELEASE}"),
                "images": [{"id": "1", "front": true, "back": false, "approved": true, "types": ["Front"], "image": "http://x/1.jpg", "thumbnails": {}}]}))
            .into_response(),
            path if path == front => Redirect::temporary("/archive/1.jpg").into_response(),
            "/archive/1.jpg" => ([("content-type", "image/jpeg")], jpeg()).into_response(),
            path if path == format!("/ws/2/artist/{ARTIST}") => {
                assert_eq!((asked.param("inc").as_deref(), asked.param("fmt").as_deref()), (Some("url-rels"), Some("json")));
                let image = json!({"type": "image", "url": {"resource": "https://commons.wikimedia.org/wiki/File:Kino.jpg"}});
                Json(json!({"id": ARTIST, "name": "Kino", "relations": [image]})).into_response()
            }
            "/wiki/Special:FilePath/Kino.jpg" => Redirect::temporary("/archive/1.jpg").into_response(),
            _ => StatusCode::NOT_FOUND.into_response(),
        }
    })
    .await
}

async fn house_with_pictures(pictures: &Fake) -> House {
    let url = pictures.url.clone();
    House::new(|settings| {
        (settings.coverart.url, settings.coverart.commons_url) = (url.clone(), url.clone());
        settings.musicbrainz.url = url;
        settings.musicbrainz.contact = "ada@example.org".into();
    })
    .await
}

#[tokio::test]
async fn an_album_without_a_cover_gets_the_front_that_the_archive_has_and_is_asked_about_once() {
    let pictures = pictures().await;
    let house = house_with_pictures(&pictures).await;
    for (title, release) in [("Noch", RELEASE), ("Bare", ARTIST)] {
        house.collection.album("Kino", title, 1986, &["One"]).await;
        std::fs::remove_file(
            house.collection.town.music().join(format!("artists/Kino/{title} (1986)/cover.jpg")),
        )
        .unwrap();
        house.execute(&format!("update album set artwork_path = null where title = '{title}'")).await;
        house
            .execute(&format!("update album set musicbrainz_id = '{release}' where title = '{title}'"))
            .await;
    }
    eventually("it has its cover", || async {
        house.hurry("enrichment.fetch_covers").await;
        house.value::<bool>("select artwork_path is not null from album where title = 'Noch'").await
            && house.value::<i64>("select count(*) from picture_asked").await == 2
    })
    .await;
    let cover = house.collection.town.music().join("artists/Kino/Noch (1986)/cover.jpg");
    assert_eq!(image::image_dimensions(cover).unwrap(), (40, 40), "square, as all covers");
    let asked = pictures.asked().len();
    house.ada.post("/api/sources/check", Value::Null).await;
    let again = "insert into job (queue, kind, unique_key) values ('network', 'enrichment.fetch_covers', 'all') on conflict do nothing";
    house.execute(again).await;
    eventually("it has ended", || async {
        house.value::<i64>("select count(*) from job where kind = 'enrichment.fetch_covers' and state in ('available', 'running')").await == 0
    })
    .await;
    let new: Vec<String> =
        pictures.lines()[asked..].iter().filter(|line| line.contains("/release/")).cloned().collect();
    assert!(new.is_empty(), "{new:?}");
}

#[tokio::test]
async fn a_picture_of_an_artist_is_fetched_when_somebody_wants_one() {
    let pictures = pictures().await;
    let house = house_with_pictures(&pictures).await;
    let kino = house.collection.album("Kino", "Noch", 1986, &["One"]).await;
    let ann = house.collection.album("Ann", "Bare", 1999, &["One"]).await;
    house.execute(&format!("update artist set musicbrainz_id = '{ARTIST}' where name = 'Kino'")).await;
    let fetched = house
        .bob
        .post(&format!("/api/artists/{}/artwork/fetch", kino.artist_id), Value::Null)
        .await
        .expect(200);
    assert_eq!(fetched, json!({"status": "fetched", "path": "artists/Kino/artist.jpg"}));
    assert!(house.collection.town.music().join("artists/Kino/artist.jpg").exists());
    house.bob.post(&format!("/api/artists/{}/artwork/fetch", ann.artist_id), Value::Null).await.expect(404);
    house.bob.post("/api/artists/4711/artwork/fetch", Value::Null).await.expect(404);
    house.execute("update artist set artwork_path = null; delete from picture_asked").await;
    let all = house.bob.post("/api/artwork/artists/fetch-all", Value::Null).await.expect(200);
    assert_eq!(
        (&all["total"], &all["fetched"], &all["results"][0]["name"]),
        (&json!(1), &json!(1), &json!("Kino"))
    );
}
