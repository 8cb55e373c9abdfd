//! Lists show everything once, rows keep their ids, files are handed out whole or in part, and only to members.

use std::collections::HashSet;
use std::time::Duration;

use barbossa::jobs;
use barbossa::library::{self, ReadEssences, TwinQuery};
use http::{Method, StatusCode};
use serde_json::{Value, json};

use crate::collection::{Collection, each, new_album, new_track};
use crate::harness::Client;
use crate::harness::audio::{self, Song};

async fn all_pages(client: &Client, path: &str, limit: usize) -> Vec<Value> {
    let mut items = Vec::new();
    let mut url = format!("{path}limit={limit}");
    loop {
        let page = client.get(&url).await.expect(200);
        items.extend(page["items"].as_array().unwrap().clone());
        match page["next_cursor"].as_str() {
            Some(cursor) => url = format!("{path}limit={limit}&cursor={cursor}"),
            None => return items,
        }
    }
}

#[tokio::test]
async fn keyset_pages_show_every_album_once() {
    let collection = Collection::new().await;
    let ada = collection.member("ada").await;
    // Many with one sort key, so that ties cross the pages.
    let albums: Vec<_> = (0..57)
        .map(|n| {
            new_album(&format!("Artist {n}"), ["Same", "The Same", "Ленинград", "Zen"][n % 4], 2000, &["One"])
        })
        .collect();
    collection.record(&albums).await;
    for (path, expected) in [
        ("/api/albums?", 57),
        ("/api/artists?", 57),
        ("/api/albums?letter=S&", 29),
        ("/api/albums?letter=%23&", 14),
        ("/api/albums?letter=z&", 14),
        ("/api/albums?letter=q&", 0),
        ("/api/artists?letter=A&", 57),
    ] {
        let by_cursor = all_pages(&ada.client, path, 10).await;
        let ids: HashSet<i64> = by_cursor.iter().map(|a| a["id"].as_i64().unwrap()).collect();
        assert_eq!((by_cursor.len(), ids.len()), (expected, expected), "{path} by cursor");
        let mut by_page = Vec::new();
        for page in 1..=7 {
            let answer = ada.client.get(&format!("{path}limit=10&page={page}")).await.expect(200);
            assert_eq!(answer["total"], json!(expected), "{path}");
            assert_eq!((&answer["page"], &answer["limit"]), (&json!(page), &json!(10)));
            by_page.extend(answer["items"].as_array().unwrap().clone());
        }
        assert_eq!(by_page, by_cursor, "{path}: pages by number are the same");
    }
}

#[tokio::test]
async fn lists_are_in_the_order_of_a_catalogue() {
    let collection = Collection::new().await;
    let ada = collection.member("ada").await;
    for (artist, title, year) in [
        ("The Beatles", "Help!", 1965),
        ("Björk", "Debut", 1993),
        ("Ленинград", "Рыба", 2005),
        ("a-ha", "Hunting High and Low", 1985),
        ("The Beatles", "Abbey Road", 1969),
    ] {
        collection.record(&[new_album(artist, title, year, &["One"])]).await;
    }
    let artists = ada.client.get("/api/artists").await.expect(200);
    assert_eq!(each(&artists["items"], "name"), ["Ленинград", "a-ha", "The Beatles", "Björk"]);
    assert_eq!(artists["items"][2]["sort_name"], "Beatles, The");
    let id = artists["items"][2]["id"].as_i64().unwrap();
    let newest_first = ada.client.get(&format!("/api/artists/{id}/albums")).await.expect(200);
    assert_eq!(each(&newest_first, "title"), ["Abbey Road", "Help!"]);
    let by_title = ada.client.get(&format!("/api/albums?artist_id={id}&limit=1")).await.expect(200);
    assert_eq!((each(&by_title["items"], "title"), &by_title["total"]), (vec!["Abbey Road"], &json!(2)));
    let rest = all_pages(&ada.client, &format!("/api/albums?artist_id={id}&"), 1).await;
    assert_eq!(each(&json!(rest), "title"), ["Abbey Road", "Help!"]);
}

#[tokio::test]
async fn an_album_tells_all_about_itself() {
    let collection = Collection::new().await;
    let ada = collection.member("ada").await;
    let mut album = new_album("Ada's Band", "Two Discs", 2001, &["B", "A"]);
    album.tracks.push(library::NewTrack { disc_number: 2, ..new_track("C", 1, "artists/x/CD2/01.flac") });
    album.tracks.reverse();
    (album.disc_count, album.total_tracks, album.genre) = (2, 5, Some("Jazz".into()));
    let recorded = collection.record(&[album]).await.remove(0);
    let detail = ada.client.get(&format!("/api/albums/{}", recorded.album_id)).await.expect(200);
    assert_eq!(each(&detail["tracks"], "title"), ["B", "A", "C"]);
    for (field, value) in [
        ("title", json!("Two Discs")),
        ("year", json!(2001)),
        ("artist", json!({"id": recorded.artist_id, "name": "Ada's Band"})),
        ("artist_name", json!("Ada's Band")),
        ("disc_count", json!(2)),
        ("total_tracks", json!(5)),
        ("available_tracks", json!(3)),
        ("genre", json!("Jazz")),
        ("label", Value::Null),
        ("is_hearted", json!(false)),
    ] {
        assert_eq!(detail[field], value, "{field}");
    }
    let track = &detail["tracks"][0];
    assert_eq!((&track["duration"], &track["quality_display"]), (&json!(200), &json!("16/44kHz FLAC")));
    let alone = ada.client.get(&format!("/api/tracks/{}", track["id"])).await.expect(200);
    assert_eq!(
        (&alone["album_title"], &alone["source_quality"]),
        (&json!("Two Discs"), &json!("16/44 FLAC"))
    );
    let list = ada.client.get(&format!("/api/albums/{}/tracks", recorded.album_id)).await.expect(200);
    assert_eq!(list[0], alone);
}

#[tokio::test]
async fn what_is_not_there_is_said_by_name_and_strangers_see_nothing() {
    let collection = Collection::new().await;
    let ada = collection.member("ada").await;
    for (path, status, detail) in [
        ("/api/albums/7", 404, "Album not found"),
        ("/api/albums/7/tracks", 404, "Album not found"),
        ("/api/albums/7/artwork", 404, "Album not found"),
        ("/api/artists/7", 404, "Artist not found"),
        ("/api/artists/7/albums", 404, "Artist not found"),
        ("/api/tracks/7", 404, "Track not found"),
        ("/api/tracks/7/stream", 404, "Track not found"),
    ] {
        assert_eq!(ada.client.get(path).await.expect(status)["detail"], detail, "{path}");
        let stranger = Client::new(collection.router()).get(path).await;
        assert_eq!(stranger.status, StatusCode::UNAUTHORIZED, "{path}");
    }
    for path in ["/api/albums?limit=0", "/api/albums?page=x", "/api/albums/x", "/api/artists?letter=ab"] {
        assert_eq!(ada.client.get(path).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{path}");
    }
}

#[tokio::test]
async fn recording_twice_changes_nothing() {
    let collection = Collection::new().await;
    let albums = [
        new_album("Ленинград", "Рыба", 2005, &["Рыба", "Пёс"]),
        new_album("宇多田ヒカル", "First Love", 1999, &["Automatic"]),
        new_album("Ed Sheeran", "÷", 2017, &["Eraser"]),
        new_album("Ed Sheeran", "×", 2014, &["One"]),
        new_album("Sigur Rós", "( )", 2002, &["Untitled"]),
        new_album("Other", "÷", 2017, &["Eraser"]),
    ];
    let first = collection.record(&albums).await;
    let ids: HashSet<i64> = first.iter().map(|r| r.album_id).collect();
    assert_eq!(ids.len(), 6, "six albums: no name folds into another");
    assert_eq!(first[2].artist_id, first[3].artist_id);
    assert!(first.iter().all(|r| r.is_new));
    let again = collection.record(&albums).await;
    for (one, other) in first.iter().zip(&again) {
        assert_eq!((one.album_id, &one.track_ids), (other.album_id, &other.track_ids));
        assert!(!other.is_new);
    }
    let counts = "select artist_count || ' ' || album_count || ' ' || track_count from library";
    assert_eq!(collection.town.value::<String>(counts).await, "5 6 7");
    let available = "select sum(available_tracks)::bigint from album";
    assert_eq!(collection.town.value::<i64>(available).await, 7);
}

#[tokio::test]
async fn a_retagged_album_keeps_its_ids_and_an_unchanged_file_its_checksum() {
    let collection = Collection::new().await;
    let mut album = new_album("Bjork", "Debut", 1993, &["Human Behaviour", "Crying"]);
    let before = collection.record(&[album.clone()]).await.remove(0);
    collection
        .town
        .execute("update track set checksum = sha256(path::bytea), essence = 'flac-md5:' || id")
        .await;
    (album.artist, album.title, album.year) = ("Björk".into(), "Début".into(), Some(1994));
    album.tracks[1].size_bytes += 1;
    let after = collection.record(&[album]).await.remove(0);
    assert_eq!((before.album_id, before.track_ids), (after.album_id, after.track_ids));
    assert_ne!(before.artist_id, after.artist_id);
    let names = "select string_agg(name, ',') from artist";
    assert_eq!(collection.town.value::<String>(names).await, "Björk", "the empty artist is gone");
    let known = "select string_agg(title, ',') from track where checksum is not null";
    assert_eq!(collection.town.value::<String>(known).await, "Human Behaviour");
}

#[tokio::test]
async fn namesakes_with_other_musicbrainz_ids_are_other_artists() {
    let collection = Collection::new().await;
    let id = |n: u128| Some(uuid::Uuid::from_u128(n));
    let mut albums: Vec<_> =
        (1..=3).map(|n| new_album("Nirvana", &format!("Album {n}"), 1990 + n, &["One"])).collect();
    (albums[0].artist_musicbrainz_id, albums[1].artist_musicbrainz_id) = (id(1), id(2));
    let recorded = collection.record(&albums).await;
    assert_ne!(recorded[0].artist_id, recorded[1].artist_id);
    assert_eq!(recorded[2].artist_id, recorded[0].artist_id, "without an id: the first namesake");
    assert_eq!(collection.town.value::<i64>("select artist_count from library").await, 2);
}

#[tokio::test]
async fn broken_tags_do_not_stop_a_recording() {
    let collection = Collection::new().await;
    let mut album = new_album("x", "y", 2000, &["one", "two"]);
    (album.artist, album.title) = (" \0".into(), "\0".into());
    album.genre = Some("Ro\0ck".into());
    album.tracks[0].title = "x".repeat(5000);
    album.tracks[1].title = String::new();
    album.tracks[1].path = album.tracks[0].path.clone();
    let recorded = collection.record(&[album]).await.remove(0);
    assert_eq!(recorded.track_ids[0], recorded.track_ids[1], "one file is one track");
    assert_eq!(collection.town.value::<String>("select name from artist").await, "Unknown Artist");
    assert_eq!(collection.town.value::<String>("select title from album").await, "y (2000)");
}

#[tokio::test]
async fn a_twin_is_found_by_the_surest_sign() {
    let collection = Collection::new().await;
    let mut album = new_album("The Beatles", "Abbey Road (Remastered)", 1969, &["Come Together"]);
    (album.musicbrainz_id, album.barcode) = (Some(uuid::Uuid::from_u128(9)), Some("5099969944123".into()));
    album.tracks[0].essence = Some("flac-md5:00ff".into());
    let recorded = collection.record(&[album, new_album("Weezer", "Weezer", 1994, &["Buddy Holly"])]).await;
    let client = collection.app.db.get().await.unwrap();
    let twin = async |asked: TwinQuery<'_>| {
        library::find_twin(&client, &asked).await.unwrap().map(|t| (t.id, t.likeness))
    };
    let text = TwinQuery { artist: "WEEZER", title: "weezer", year: Some(1994), ..TwinQuery::default() };
    assert_eq!(twin(text).await, Some((recorded[1].album_id, library::Likeness::Text)));
    assert_eq!(twin(TwinQuery { year: None, ..text }).await.map(|t| t.0), Some(recorded[1].album_id));
    assert_eq!(twin(TwinQuery { year: Some(2001), ..text }).await, None, "the green one");
    let barcode =
        TwinQuery { artist: "?", title: "?", barcode: Some("5099969944123"), ..TwinQuery::default() };
    assert_eq!(twin(barcode).await, Some((recorded[0].album_id, library::Likeness::Barcode)));
    let other_release = TwinQuery { musicbrainz_id: Some(uuid::Uuid::from_u128(8)), ..barcode };
    assert_eq!(twin(other_release).await, None);
    let known =
        library::tracks_with_essence(&client, &["flac-md5:00ff".into(), "none".into()]).await.unwrap();
    assert_eq!((known.len(), known[0].track_id), (1, recorded[0].track_ids[0]));
}

#[tokio::test]
async fn a_track_streams_whole_in_part_or_not_at_all_if_it_is_known() {
    let collection = Collection::new().await;
    let ada = collection.member("ada").await;
    let album = collection.album("Ärzte", "13", 1998, &["Ä \"x\""]).await;
    let content = "the sound of Ä \"x\"".as_bytes();
    let url = format!("/api/tracks/{}/stream", album.track_ids[0]);
    let whole = ada.client.get(&url).await;
    assert_eq!((whole.status, &whole.body[..]), (StatusCode::OK, content));
    for (name, value) in [
        ("content-type", "audio/flac"),
        ("accept-ranges", "bytes"),
        ("content-length", &content.len().to_string()),
        ("cache-control", "private, no-cache"),
    ] {
        assert_eq!(whole.header(name), Some(value), "{name}");
    }
    assert!(whole.header("content-disposition").unwrap().starts_with("inline; filename="));
    let etag = whole.header("etag").unwrap().to_owned();

    let part = ada.client.with_header("range", "bytes=4-8").get(&url).await;
    assert_eq!((part.status, &part.body[..]), (StatusCode::PARTIAL_CONTENT, &b"sound"[..]));
    assert_eq!(part.header("content-range"), Some(&*format!("bytes 4-8/{}", content.len())));
    let beyond = ada.client.with_header("range", "bytes=9999-").get(&url).await;
    assert_eq!(beyond.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(beyond.header("content-range"), Some(&*format!("bytes */{}", content.len())));
    let known = ada.client.with_header("if-none-match", &etag).get(&url).await;
    assert_eq!((known.status, known.body.len()), (StatusCode::NOT_MODIFIED, 0));
    let ranged = ada.client.with_header("range", "bytes=0-2");
    assert_eq!(ranged.with_header("if-range", &etag).get(&url).await.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(ranged.with_header("if-range", "\"old\"").get(&url).await.status, StatusCode::OK);
    let head = ada.client.send(Method::HEAD, &url, None).await;
    assert_eq!((head.status, head.body.len()), (StatusCode::OK, 0));
    assert_eq!(head.header("content-length"), Some(&*content.len().to_string()));

    let nginx = collection.behind_nginx(&ada).get(&url).await;
    let target = nginx.header("x-accel-redirect").unwrap();
    assert_eq!(target, "/_music/artists/%C3%84rzte/13%20%281998%29/01%20-%20%C3%84%20%22x%22.flac");
    assert_eq!((nginx.body.len(), nginx.header("content-type")), (0, Some("audio/flac")));
}

#[tokio::test]
async fn a_missing_file_and_a_missing_disk_are_told_apart() {
    let collection = Collection::new().await;
    let ada = collection.member("ada").await;
    let album = collection.album("A", "B", 2000, &["One", "Two"]).await;
    let url = format!("/api/tracks/{}/stream", album.track_ids[0]);
    std::fs::remove_file(collection.town.music().join("artists/A/B (2000)/01 - One.flac")).unwrap();
    assert_eq!(ada.client.get(&url).await.expect(404)["detail"], "Track file not found");
    std::fs::remove_dir_all(collection.town.music()).unwrap();
    std::fs::create_dir(collection.town.music()).unwrap();
    let away = ada.client.get(&url).await;
    assert_eq!((away.status, away.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, Some("1")));
}

#[tokio::test]
async fn a_path_in_the_rows_that_leads_out_hands_nothing_out() {
    let collection = Collection::new().await;
    let ada = collection.member("ada").await;
    let album = collection.album("A", "B", 2000, &["One", "Two"]).await;
    std::fs::create_dir(collection.town.outside()).unwrap();
    std::fs::write(collection.town.outside().join("secret.flac"), "secret").unwrap();
    let file = collection.town.music().join("artists/A/B (2000)/01 - One.flac");
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink(collection.town.outside().join("secret.flac"), &file).unwrap();
    let answer = ada.client.get(&format!("/api/tracks/{}/stream", album.track_ids[0])).await;
    assert_eq!(answer.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn covers_are_shown_to_members_and_an_artist_without_one_shows_an_albums() {
    let collection = Collection::new().await;
    let ada = collection.member("ada").await;
    let album = collection.album("A", "B", 2000, &["One"]).await;
    for url in [
        format!("/api/albums/{}/artwork", album.album_id),
        format!("/api/artists/{}/artwork", album.artist_id),
    ] {
        let cover = ada.client.get(&url).await;
        assert_eq!((cover.status, &cover.body[..]), (StatusCode::OK, &b"a picture"[..]));
        assert_eq!(cover.header("content-type"), Some("image/jpeg"));
        assert!(cover.header("cache-control").unwrap().starts_with("private, max-age="));
    }
    collection.town.execute("update album set artwork_path = null").await;
    let none = ada.client.get(&format!("/api/albums/{}/artwork", album.album_id)).await.expect(404);
    assert_eq!(none["detail"], "Artwork not found");
}

#[tokio::test]
async fn essences_of_an_adopted_library_are_read_later() {
    let collection = Collection::with_worker().await;
    let mut album = new_album("A", "B", 2000, &["One", "Two", "Gone"]);
    for track in &mut album.tracks[..2] {
        let made = Song::new(&track.title).format(audio::Format::Flac16);
        let file = collection.file(&track.path, "");
        std::fs::copy(made.write(&collection.town.outside()), &file).unwrap();
        track.size_bytes = file.metadata().unwrap().len() as i64;
    }
    collection.record(&[album]).await;
    let job = jobs::enqueue(&collection.app.db.get().await.unwrap(), &ReadEssences {}).await.unwrap();
    let ended = jobs::wait(&collection.app, &[job], Duration::from_secs(20)).await;
    assert_eq!(ended[0].end, jobs::End::Completed(json!({"read": 2, "unreadable": 1})));
    let known = "select count(*) from track where octet_length(checksum) = 32 and essence like 'flac-md5:%'";
    assert_eq!(collection.town.value::<i64>(known).await, 2);
}

#[tokio::test]
async fn what_was_found_out_about_an_album_stays_when_its_tags_do_not_say_it() {
    let collection = Collection::new().await;
    let mut album = new_album("Ann", "Album", 1999, &["One"]);
    album.musicbrainz_id = Some(uuid::Uuid::from_u128(7));
    let id = collection.record(std::slice::from_ref(&album)).await[0].album_id;
    (album.musicbrainz_id, album.year) = (None, None);
    assert_eq!(collection.record(&[album]).await[0].album_id, id);
    let known: String = collection.town.value("select concat(year, ' ', musicbrainz_id) from album").await;
    assert_eq!(known, "1999 00000000-0000-0000-0000-000000000007");
}

#[tokio::test]
async fn an_artist_whom_somebody_follows_outlives_a_last_album_that_is_another_ones_now() {
    let collection = Collection::new().await;
    let ada = collection.member("ada").await;
    let mut album = new_album("Ann", "Album", 1999, &["One"]);
    let first = collection.record(std::slice::from_ref(&album)).await.remove(0);
    let url = format!("/api/me/library/artists/{}", first.artist_id);
    ada.client.post(&url, json!({})).await.expect(200);
    for (artist, artists) in [("Bob", "Ann, Bob"), ("Cid", "Ann, Cid")] {
        album.artist = artist.into();
        assert_eq!(collection.record(std::slice::from_ref(&album)).await[0].album_id, first.album_id);
        let there: String =
            collection.town.value("select string_agg(name, ', ' order by name) from artist").await;
        assert_eq!(there, artists, "nobody follows Bob");
    }
}
