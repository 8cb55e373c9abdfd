//! What a browser cannot play is heard all the same: its beginning, made when somebody asks.

use barbossa::jobs::{Queue, Registry, Worker};
use barbossa::library::MakePreview;
use http::Method;

use crate::collection::{Collection, new_album};
use crate::harness::audio::{Format, Song};
use crate::harness::files_beneath;

async fn with_a_track() -> (Collection, i64) {
    let collection = Collection::new().await;
    let worker =
        Worker::new(collection.app.clone(), Registry::new().with::<MakePreview>(), &[Queue::Exports], 2);
    let stop = collection.town.stop();
    tokio::spawn(async move { worker.run(stop).await });
    let mut album = new_album("Kino", "Noch", 1986, &["Widely known"]);
    let folder = collection.town.music().join(&album.path);
    let file = Song::new("Widely known").format(Format::Alac).write(&folder);
    album.tracks[0].path = format!("{}/{}", album.path, file.file_name().unwrap().to_str().unwrap());
    let track_id = collection.record(&[album]).await.remove(0).track_ids[0];
    (collection, track_id)
}

#[tokio::test]
async fn what_a_browser_cannot_play_is_sent_as_mp3() {
    let (collection, track_id) = with_a_track().await;
    let ada = collection.member("ada").await;
    let path = format!("/api/tracks/{track_id}/preview");
    let answer = ada.client.get(&path).await;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    assert_eq!(answer.header("content-type"), Some("audio/mpeg"));
    assert!(answer.body.len() > 2000 && (answer.body.starts_with(b"ID3") || answer.body[0] == 0xff));
    assert_eq!(files_beneath(&collection.town.music().join(".previews")).len(), 1);
    let jobs = "select count(*) from job where kind = 'library.make_preview'";
    let part = ada.client.with_header("range", "bytes=10-19").get(&path).await;
    assert_eq!((part.status.as_u16(), part.body.len()), (206, 10));
    assert_eq!(collection.town.value::<i64>(jobs).await, 1, "it is made once");
    collection.town.execute("update track set modified_at = now()").await;
    ada.client.get(&path).await;
    assert_eq!(collection.town.value::<i64>(jobs).await, 2, "another file has another beginning");
    let behind = collection.behind_nginx(&ada).get(&path).await;
    assert!(behind.header("x-accel-redirect").unwrap().starts_with("/_music/.previews/"));
}

#[tokio::test]
async fn what_cannot_be_made_says_why() {
    let (collection, track_id) = with_a_track().await;
    let ada = collection.member("ada").await;
    assert_eq!(ada.client.get("/api/tracks/999/preview").await.status, 404);
    let path = format!("/api/tracks/{track_id}/preview");
    let artists = collection.town.music().join("artists");
    let song = files_beneath(&artists).into_iter().find(|name| name.contains("Widely")).unwrap();
    std::fs::write(artists.join(song), "not a sound").unwrap();
    let silent = ada.client.get(&path).await.expect(409);
    assert_eq!(silent["detail"], "ffmpeg cannot play what is in this file.");
    std::fs::remove_dir_all(artists).unwrap();
    let away = ada.client.get(&path).await.expect(409);
    assert_eq!(away["detail"], "The track's file is away.");
    let many = "insert into job (queue, kind, unique_key) select 'x', 'library.make_preview', n::text from generate_series(100, 120) n";
    collection.town.execute(many).await;
    let refused = ada.client.send(Method::GET, &path, None).await;
    assert_eq!((refused.status.as_u16(), refused.header("retry-after")), (429, Some("5")));
}
