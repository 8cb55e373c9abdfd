//! Pictures: what is sent is made square and stored, the original comes back, thumbnails are made once and served.

use std::io::Cursor;

use barbossa::edits::SetArtwork;
use barbossa::library::MakeThumbnails;
use barbossa::{jobs, picture};
use http::{Method, StatusCode, header};
use image::{DynamicImage, GenericImageView, ImageFormat};
use serde_json::{Value, json};

use crate::collection::Member;
use crate::edits::Studio;
use crate::harness::audio::Song;
use crate::harness::{Answer, eventually, files_beneath};

pub fn encoded(width: u32, height: u32, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    let picture =
        image::RgbImage::from_fn(width, height, |x, y| image::Rgb([x as u8, y as u8, (x + y) as u8]));
    DynamicImage::ImageRgb8(picture).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

impl Member {
    async fn send_picture(&self, url: &str, kind: &str, bytes: &[u8]) -> Answer {
        self.client.send_bytes(Method::PUT, url, kind, bytes.to_vec()).await
    }
}

fn form(field: &str, bytes: &[u8]) -> Vec<u8> {
    let head = format!(
        "--edge\r\ncontent-disposition: form-data; name=\"{field}\"; filename=\"x.exe\"\r\ncontent-type: image/gif\r\n\r\n"
    );
    [head.as_bytes(), bytes, b"\r\n--edge--\r\n"].concat()
}

#[tokio::test]
async fn a_picture_is_stored_square_and_the_first_one_comes_back() {
    let studio = Studio::new().await;
    let album = studio.album("Ann", "Album", 1999).await;
    let folder = studio.music().join("artists/Ann/Album (1999)");
    let original = encoded(90, 90, ImageFormat::Jpeg);
    std::fs::write(folder.join("cover.jpg"), &original).unwrap();
    studio.collection.town.execute("update album set artwork_path = path || '/cover.jpg'").await;
    let ada = studio.member("ada").await;
    ada.client.post(&format!("/api/me/library/albums/{}", album.album_id), json!({})).await.expect(200);
    let url = format!("/api/albums/{}/artwork", album.album_id);
    for (kind, body, side) in [
        ("image/png", encoded(1500, 1410, ImageFormat::Png), 1400),
        ("image/jpeg", encoded(300, 200, ImageFormat::WebP), 200),
        ("multipart/form-data; boundary=edge", form("artwork", &encoded(500, 700, ImageFormat::Jpeg)), 500),
    ] {
        let answer = ada.send_picture(&url, kind, &body).await;
        // A machine that is busy answers before the picture is stored.
        if answer.status != StatusCode::ACCEPTED {
            let stored = json!({"status": "uploaded", "path": "artists/Ann/Album (1999)/cover.jpg"});
            assert_eq!(answer.expect(200), stored);
        }
        eventually("it is stored", || async {
            studio.collection.town.value::<i64>("select count(*) from artwork_upload").await == 0
        })
        .await;
        let stored = image::open(folder.join("cover.jpg")).unwrap();
        assert_eq!(stored.dimensions(), (side, side));
        assert_eq!(std::fs::read(folder.join("cover.original.jpg")).unwrap(), original);
    }
    let linked = studio.music().join("users/ada/Ann/Album (1999)/cover.jpg");
    eventually("the link follows the new file", || async {
        barbossa::files::same_file(&linked, &folder.join("cover.jpg")).unwrap_or(false)
    })
    .await;
    let restored = ada.client.delete(&url).await.expect(200);
    assert_eq!(restored, json!({"status": "restored"}));
    assert_eq!(std::fs::read(folder.join("cover.jpg")).unwrap(), original);
    assert!(!folder.join("cover.original.jpg").exists());
    let again = ada.client.delete(&url).await.expect(404);
    assert_eq!(again["detail"], "No original artwork backup found");
    let waiting: i64 = studio.collection.town.value("select count(*) from artwork_upload").await;
    assert_eq!(waiting, 0, "what was sent is not kept twice");
}

#[tokio::test]
async fn an_artist_gets_a_portrait_and_no_file_of_another_is_overwritten() {
    let studio = Studio::new().await;
    let album = studio.album("Ann", "Album", 1999).await;
    let folder = studio.music().join("artists/Ann");
    std::fs::write(folder.join("artist.jpg"), "somebody's own").unwrap();
    let ada = studio.member("ada").await;
    let url = format!("/api/artists/{}/artwork", album.artist_id);
    ada.send_picture(&url, "image/png", &encoded(50, 60, ImageFormat::Png)).await.expect(200);
    assert_eq!(image::open(folder.join("artist.jpg")).unwrap().dimensions(), (50, 50));
    assert_eq!(std::fs::read(folder.join("artist (2).jpg")).unwrap(), b"somebody's own");
    assert_eq!(ada.client.get(&url).await.status, StatusCode::OK);
}

#[tokio::test]
async fn what_is_no_picture_is_refused_with_a_sentence() {
    let studio = Studio::new().await;
    let album = studio.album("Ann", "Album", 1999).await;
    let ada = studio.member("ada").await;
    let url = format!("/api/albums/{}/artwork", album.album_id);
    let mut cut = encoded(300, 300, ImageFormat::Png);
    cut.truncate(100);
    for (kind, body, status, says) in [
        ("image/jpeg", b"GIF89a no".to_vec(), 400, "JPEG, PNG or WebP"),
        ("image/svg+xml", b"<svg/>".to_vec(), 400, "JPEG, PNG or WebP"),
        ("image/jpeg", vec![0xff; picture::MAX_BYTES + 1], 400, "10 MB"),
        ("image/jpeg", vec![0xff; picture::MAX_BYTES + 1_000_000], 400, "10 MB"),
        ("image/png", cut, 400, "damaged"),
        ("multipart/form-data; boundary=edge", form("file", b"x"), 422, "artwork"),
        ("multipart/form-data", b"x".to_vec(), 400, "form"),
    ] {
        let answer = ada.send_picture(&url, kind, &body).await;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status.as_u16(), status, "{kind}: {text}");
        assert!(text.contains(says), "{kind}: {text}");
    }
    let missing =
        ada.send_picture("/api/albums/999/artwork", "image/png", &encoded(9, 9, ImageFormat::Png)).await;
    assert_eq!(missing.status, StatusCode::NOT_FOUND);
    assert_eq!(studio.names(), ["Ann/Album (1999)/01 - One.flac", "Ann/Album (1999)/02 - Two.flac"]);
}

async fn thumbnails_made(studio: &Studio) -> Value {
    let app = &studio.collection.app;
    let job = jobs::enqueue(&app.db.get().await.unwrap(), &MakeThumbnails {}).await.unwrap();
    match jobs::wait(app, &[job], std::time::Duration::from_secs(60)).await.pop().unwrap().end {
        jobs::End::Completed(result) => result,
        other => panic!("{other:?}"),
    }
}

/// As the album's detail says it; each other answer that shows the cover says the same.
async fn version_of(member: &Member, album_id: i64) -> Option<String> {
    let album = member.client.get(&format!("/api/albums/{album_id}")).await.expect(200);
    let version = album["artwork_version"].clone();
    let artist = member.client.get(&format!("/api/artists/{}", album["artist_id"])).await.expect(200);
    let track = member.client.get(&format!("/api/tracks/{}", album["tracks"][0]["id"])).await.expect(200);
    let albums = member.client.get("/api/albums").await.expect(200);
    let artists = member.client.get("/api/artists").await.expect(200);
    let found = member.client.get("/api/search/unified?q=ann").await.expect(200);
    for other in [&artist, &track, &albums["items"][0], &artists["items"][0], &found["local"]["albums"][0]] {
        assert_eq!(other["artwork_version"], version, "{other}");
    }
    version.as_str().map(str::to_owned)
}

#[tokio::test]
async fn thumbnails_are_made_once_follow_the_picture_and_fall_back_to_it() {
    let studio = Studio::new().await;
    let album = studio.album("Ann", "Album", 1999).await;
    let folder = studio.music().join("artists/Ann/Album (1999)");
    std::fs::write(folder.join("cover.jpg"), encoded(900, 900, ImageFormat::Jpeg)).unwrap();
    studio.collection.town.execute("update album set artwork_path = path || '/cover.jpg'").await;
    let ada = studio.member("ada").await;
    let url = format!("/api/albums/{}/artwork", album.album_id);
    thumbnails_made(&studio).await;
    assert_eq!(thumbnails_made(&studio).await["made"], 0, "made once");
    assert_eq!(files_beneath(&studio.music().join(".thumbs")).len(), 2);
    for side in [200, 600] {
        let answer = ada.client.get(&format!("{url}?size={side}")).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(answer.headers.contains_key(header::ETAG));
        assert_eq!(image::load_from_memory(&answer.body).unwrap().dimensions(), (side, side));
    }
    let by_nginx = studio.collection.behind_nginx(&ada).get(&format!("{url}?size=200")).await;
    let target = by_nginx.header("x-accel-redirect").unwrap();
    assert!(target.starts_with("/_music/.thumbs/") && target.ends_with("-200.jpg"), "{target}");
    assert_eq!(ada.client.get(&format!("{url}?size=9")).await.status, 422);
    let version = version_of(&ada, album.album_id).await.unwrap();
    let kept = ada.client.get(&format!("{url}?size=200&v={version}")).await;
    assert!(kept.header("cache-control").unwrap().contains("immutable"));
    for query in [
        "?size=200".to_owned(),
        "?size=200&v=".into(),
        format!("?size=200&v=0{version}"),
        format!("?v={version}"),
    ] {
        let known = ada.client.get(&format!("{url}{query}")).await;
        assert!(!known.header("cache-control").unwrap().contains("immutable"), "{query}");
    }

    // Another program puts another cover there: it is shown whole at once, and small soon.
    std::fs::write(folder.join("cover.jpg"), encoded(800, 400, ImageFormat::Jpeg)).unwrap();
    let now = ada.client.get(&format!("{url}?size=200")).await;
    assert_eq!(image::load_from_memory(&now.body).unwrap().dimensions(), (800, 400));
    eventually("it is small", || async {
        let now = ada.client.get(&format!("{url}?size=200")).await;
        image::load_from_memory(&now.body).unwrap().dimensions() == (200, 100)
    })
    .await;
    let newer = version_of(&ada, album.album_id).await.unwrap();
    assert_ne!(newer, version, "another picture, another version");
    let stale = ada.client.get(&format!("{url}?size=200&v={version}")).await;
    assert!(!stale.header("cache-control").unwrap().contains("immutable"));
    std::fs::remove_dir_all(studio.music().join(".thumbs")).unwrap();
    let whole = ada.client.get(&format!("{url}?size=200")).await;
    assert_eq!(image::load_from_memory(&whole.body).unwrap().dimensions(), (800, 400));
    eventually("they are made again", || async { files_beneath(&studio.music().join(".thumbs")).len() == 2 })
        .await;
}

#[tokio::test]
async fn a_cover_inside_the_files_becomes_one_of_its_own() {
    let studio = Studio::new().await;
    let outside = studio.collection.town.outside();
    let cover = outside.join("front.png");
    std::fs::create_dir_all(&outside).unwrap();
    std::fs::write(&cover, encoded(120, 120, ImageFormat::Png)).unwrap();
    let album = studio.album("Ann", "Album", 1999).await;
    let plain = Song::new("Pictured").write(&outside);
    let to = studio.music().join("artists/Ann/Album (1999)/01 - One.flac");
    let made = std::process::Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y", "-i"])
        .arg(&plain)
        .arg("-i")
        .arg(&cover)
        .args(["-map", "0:a", "-map", "1:v", "-c", "copy", "-disposition:v", "attached_pic"])
        .arg(&to)
        .status()
        .unwrap();
    assert!(made.success());
    studio.collection.town.execute("delete from album_searched_for_picture").await;
    let mut extracted = thumbnails_made(&studio).await;
    if extracted["extracted"] == 0 {
        extracted = json!({"extracted": 1});
    }
    assert_eq!(extracted["extracted"], 1);
    let shown: String = studio.collection.town.value("select artwork_path from album").await;
    assert_eq!(shown, "artists/Ann/Album (1999)/cover.png");
    let ada = studio.member("ada").await;
    let answer = ada.client.get(&format!("/api/albums/{}/artwork", album.album_id)).await;
    assert_eq!(image::load_from_memory(&answer.body).unwrap().dimensions(), (120, 120));
}

#[tokio::test]
async fn a_picture_that_was_stored_before_a_stop_is_stored_once() {
    let studio = Studio::new().await;
    studio.album("Ann", "Album", 1999).await;
    let app = &studio.collection.app;
    let job = jobs::enqueue(&app.db.get().await.unwrap(), &SetArtwork { upload_id: 77 }).await.unwrap();
    let ended = jobs::wait(app, &[job], std::time::Duration::from_secs(10)).await.pop().unwrap();
    assert!(matches!(ended.end, jobs::End::Completed(_)), "{ended:?}");
}
