//! The reports name what is there twice and what is missing, page by page, and nothing that is whole.

use axum::Router;
use barbossa::db::Sql;
use barbossa::imports;
use barbossa::integrations::musicbrainz;
use barbossa::library::NewAlbum;
use serde_json::{Value, json};

use crate::collection::{Collection, each, new_album, new_track};
use crate::harness::Client;

async fn all(client: &Client, path: &str) -> Vec<Value> {
    let (mut items, mut url) = (Vec::new(), path.to_owned());
    loop {
        let page = client.get(&url).await.expect(200);
        items.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(cursor) => url = format!("{path}&cursor={cursor}"),
            None => return items,
        }
    }
}

fn album(title: &str, change: impl Fn(usize, &mut barbossa::library::NewTrack)) -> NewAlbum {
    let mut album = new_album("Ann", title, 2000, &["One", "Two"]);
    for (n, track) in album.tracks.iter_mut().enumerate() {
        change(n, track);
    }
    album
}

#[tokio::test]
async fn the_same_music_is_found_by_its_sound_its_ids_and_perhaps_by_its_name() {
    let collection = Collection::new().await;
    let ada = collection.member("ada").await;
    let recording = uuid::Uuid::from_u128(7);
    let albums = [
        album("First", |n, t| {
            (t.essence, t.size_bytes) = (Some(format!("blake3:{n}")), 1000);
            t.musicbrainz_id = Some(recording).filter(|_| n == 1);
        }),
        // One is the same sound; Two the same recording, better.
        album("Second", |n, t| {
            t.essence = Some(format!("blake3:{}", if n == 0 { 0 } else { 22 }));
            (t.musicbrainz_id, t.bit_depth, t.size_bytes) =
                (Some(recording).filter(|_| n == 1), Some(24), 3000);
        }),
        // One has the length of First's, Two is another recording of the same song.
        album("Third", |n, t| {
            t.essence = Some(format!("blake3:3{n}"));
            t.duration_ms = Some(if n == 0 { 201_900 } else { 350_000 });
        }),
        album("Fourth", |n, t| (t.title, t.isrc) = (format!("Song {n}"), Some("GBAYE0000351".into()))),
    ];
    collection.record(&albums).await;
    let groups = all(&ada.client, "/api/library/duplicates?limit=1").await;
    assert_eq!(each(&json!(groups), "why"), ["essence", "recording", "isrc", "maybe"]);
    let albums_of = |group: &Value| each(&group["tracks"], "album").join(", ");
    assert_eq!(albums_of(&groups[0]), "Second, First", "the best first");
    assert_eq!((albums_of(&groups[1]), &groups[1]["can_be_freed"]), ("Second, First".into(), &json!(1000)));
    assert_eq!(albums_of(&groups[2]), "Fourth, Fourth");
    assert_eq!(albums_of(&groups[3]), "Second, First, Third");
    assert_eq!(each(&groups[3]["tracks"], "title"), ["One", "One", "One"]);
    let only = ada.client.get("/api/library/duplicates?why=recording").await.expect(200);
    assert_eq!((only["items"].as_array().unwrap().len(), &only["next_cursor"]), (1, &Value::Null));
    for query in ["why=x", "limit=0", "cursor=00", "cursor=303a61"] {
        assert_eq!(ada.client.get(&format!("/api/library/duplicates?{query}")).await.status, 422, "{query}");
    }
}

#[tokio::test]
async fn the_missing_tracks_of_an_album_have_the_names_that_its_release_has() {
    let collection = Collection::new().await;
    let ada = collection.member("ada").await;
    let release = uuid::Uuid::from_u128(7);
    let mut short = new_album("Ann", "Short", 2001, &["One", "Two"]);
    (short.total_tracks, short.musicbrainz_id) = (4, Some(release));
    let recorded = collection.record(&[short, new_album("Ann", "Whole", 2000, &["One"])]).await;
    let api = Router::new().nest("/api", imports::http::routes().into()).with_state(collection.app.clone());
    let client = Client::new(api).with_token(&ada.token);
    let url = format!("/api/albums/{}/missing", recorded[0].album_id);
    let numbers = client.get(&url).await.expect(200);
    let bare = |number: i32| json!({"disc_number": 1, "track_number": number, "title": null, "artist": null, "duration": null});
    assert_eq!(numbers, json!({"tracks": [bare(3), bare(4)], "discs": [], "unnamed": 0}));

    // As it was asked for when the album came.
    let track = |position: u32, title: &str| json!({"position": position, "title": title, "length": 61_400});
    let answer = json!({"id": release, "title": "Short", "media": [{"position": 1, "track-count": 4,
        "tracks": [track(1, "One"), track(2, "Two"), track(3, "Three"), track(4, "Four")]}]});
    let keep = "insert into lookup (service, question, answer) values ('musicbrainz', $1, $2)";
    let db = collection.app.db.get().await.unwrap();
    db.run(keep, &[&musicbrainz::release(release), &answer]).await.unwrap();
    let named = client.get(&url).await.expect(200);
    assert_eq!(each(&named["tracks"], "title"), ["Three", "Four"]);
    assert_eq!(named["tracks"][0]["duration"], 61);

    let whole = client.get(&format!("/api/albums/{}/missing", recorded[1].album_id)).await.expect(200);
    assert_eq!(whole, json!({"tracks": [], "discs": [], "unnamed": 0}));
    assert_eq!(client.get("/api/albums/4711/missing").await.expect(404)["detail"], "Album not found");
}

#[tokio::test]
async fn missing_tracks_are_named_and_whole_albums_are_not() {
    let collection = Collection::new().await;
    let ada = collection.member("ada").await;
    let whole = new_album("Ann", "Whole", 2000, &["One", "Two"]);
    let mut short = new_album("Ann", "Short", 2001, &["One", "Two"]);
    short.total_tracks = 4;
    let mut gap = new_album("Ann", "Gap", 2002, &["One", "Two"]);
    gap.tracks[1].track_number = 3;
    let mut discs = new_album("Ann", "Discs", 2003, &["One"]);
    (discs.disc_count, discs.total_tracks) = (3, 5);
    discs.tracks[0].disc_number = 2;
    discs.tracks.push(new_track("Hidden", 0, "artists/Ann/Discs (2003)/0.flac"));
    collection.record(&[whole, short, gap, discs]).await;
    let albums = all(&ada.client, "/api/library/incomplete?limit=1").await;
    assert_eq!(each(&json!(albums), "title"), ["Short", "Gap", "Discs"]);
    let missing = |n: usize| albums[n]["missing"].clone();
    assert_eq!(missing(0), json!([{"disc": 1, "tracks": [3, 4], "is_whole_disc": false}]));
    assert_eq!(missing(1), json!([{"disc": 1, "tracks": [2], "is_whole_disc": false}]));
    assert_eq!(missing(2), json!([{"disc": 3, "tracks": [], "is_whole_disc": true}]));
    assert_eq!((&albums[2]["unnamed"], &albums[0]["available_tracks"]), (&json!(3), &json!(2)));
}
