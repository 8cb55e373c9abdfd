//! Totals are kept by triggers and never counted when they are asked for; and they are what counting would give.

use serde_json::{Value, json};

use crate::collection::Collection;
use crate::harness::Town;

/// What is kept beside what counting gives.
const TOTALS: &str = "select jsonb_build_array(
    (select jsonb_object_agg(kind || ' ' || letter, names) from letter_total where names > 0),
    (select jsonb_object_agg(letter, n) from (
        select 'artist ' || first_letter(sort_key) as letter, count(*) n from artist group by 1
        union all select 'album ' || first_letter(sort_key), count(*) from album group by 1) counted),
    (select jsonb_object_agg(user_id, album_count) from loved where album_count > 0),
    (select jsonb_object_agg(user_id, n) from (
        select user_id, count(*) n from heart where album_id is not null group by 1) counted),
    (select jsonb_agg(jsonb_build_array(user_id, artist_id) order by user_id, artist_id) from loved_artist),
    (select jsonb_agg(pair order by pair) from (
        select distinct jsonb_build_array(h.user_id, a.artist_id) pair
        from heart h join album a on a.id = h.folder_of_album_id) counted),
    (select jsonb_object_agg(id, array[available_tracks, lossy_tracks, hires_tracks]) from album),
    (select jsonb_object_agg(a.id, (select array[count(*), count(*) filter (where t.is_lossy),
            count(*) filter (where not t.is_lossy and (t.bit_depth > 16 or t.sample_rate_hz > 48000))]
        from track t where t.album_id = a.id and t.missing_since is null)) from album a))";

pub async fn totals_are_true(town: &Town) {
    let all: Value = town.value(TOTALS).await;
    for (what, at) in
        [("letters", 0), ("hearted albums", 2), ("artists with hearts", 4), ("tracks of albums", 6)]
    {
        assert_eq!(all[at], all[at + 1], "{what}");
    }
}

#[tokio::test]
async fn totals_follow_whatever_is_done_to_the_rows() {
    let collection = Collection::new().await;
    let (ada, bob) = (collection.member("ada").await, collection.member("bob").await);
    let mut tracks = Vec::new();
    for (artist, title) in [
        ("Kino", "Noch"),
        ("Kino", "46"),
        ("Кино", "Ночь"),
        ("Abba", "Arrival"),
        ("Abba", "Voulez-Vous"),
        ("宇多田ヒカル", "First Love"),
        ("Straße", "Ä"),
    ] {
        tracks.extend(collection.album(artist, title, 1990, &["One", "Two"]).await.track_ids);
    }
    let (a, b) = (ada.id, bob.id);
    let town = &collection.town;
    totals_are_true(town).await;
    for change in [
        format!("insert into heart (user_id, album_id) select {a}, id from album where id <> 3"),
        format!("insert into heart (user_id, track_id) select {b}, id from track where track_number = 1"),
        format!("insert into heart (user_id, artist_id) select {b}, id from artist"),
        format!("delete from heart where user_id = {a} and album_id in (1, 4)"),
        format!("delete from heart where track_id = {}", tracks[2]),
        "update album set sort_key = 'zebra', title = 'Zebra' where id = 2".into(),
        "update artist set sort_key = '#' || sort_key where id = 2".into(),
        "update album set artist_id = 1 where id = 4".into(),
        format!("update track set album_id = 1, track_number = 9 where id = {}", tracks[6]),
        "update track set is_lossy = true, bit_depth = null where id % 3 = 0".into(),
        "update track set bit_depth = 24 where id % 2 = 0".into(),
        "update track set missing_since = now(), sample_rate_hz = 96000 where id in (3, 4, 5)".into(),
        "update track set missing_since = null, is_lossy = not is_lossy, album_id = 2, track_number = id + 20 where id in (4, 6)".into(),
        "update track set is_lossy = false where id % 3 = 0".into(),
        "delete from track where id % 4 = 0".into(),
        "delete from album where id in (1, 5)".into(),
        "delete from artist where id = 2".into(),
        format!("delete from app_user where id = {b}"),
        format!("delete from heart where user_id = {a}"),
        "delete from artist".into(),
    ] {
        town.execute(&change).await;
        totals_are_true(town).await;
    }
    assert_eq!(town.value::<i64>("select sum(names)::bigint from letter_total").await, 0);
}

#[tokio::test]
async fn a_list_of_a_letter_says_how_many_there_are() {
    let collection = Collection::new().await;
    let ada = collection.member("ada").await;
    for (artist, title) in [
        ("Sade", "Silence"),
        ("Saga", "Éclair"),
        ("ßeta", "ssss"),
        ("Кино", "Ночь"),
        ("Ленинград", "Дачники"),
        ("2 Unlimited", "No"),
    ] {
        let album = collection.album(artist, title, 1990, &["One"]).await;
        ada.client.post(&format!("/api/me/library/albums/{}", album.album_id), json!({})).await.expect(200);
    }
    for (list, letter, total) in [
        ("artists", "s", 3),
        ("artists", "ß", 1),
        ("artists", "%23", 3),
        ("artists", "К", 1),
        ("artists", "x", 0),
        ("albums", "e", 1),
        ("albums", "É", 1),
        ("albums", "%23", 2),
        ("me/library/artists", "s", 3),
        ("me/library/artists", "%23", 3),
        ("me/library/artists", "2", 1),
    ] {
        let page = ada.client.get(&format!("/api/{list}?letter={letter}&limit=1")).await.expect(200);
        assert_eq!(page["total"], total, "{list} {letter}");
        assert_eq!(page["items"].as_array().unwrap().len(), total.min(1), "{list} {letter}");
    }
    assert_eq!(ada.client.get("/api/me/library").await.expect(200)["total"], 6);
    assert_eq!(ada.client.get("/api/me/library/artists").await.expect(200)["total"], 6);
}

#[tokio::test]
async fn someone_who_loves_a_thousand_artists_pages_through_them_as_anyone() {
    let collection = Collection::new().await;
    let ada = collection.member("ada").await;
    let many = "insert into artist (name, name_key, sort_name, sort_key)
            select 'a' || n, 'a' || n, 'a' || n, chr(97 + n % 3) || lpad(n::text, 5, '0') from generate_series(1, 1500) n;
        insert into album (artist_id, title, title_key, sort_key, path)
            select id, 'b', 'b', 'b', 'artists/' || id || '/b' from artist;";
    collection.town.execute(many).await;
    let hearts =
        format!("insert into heart (user_id, album_id) select {}, id from album where id % 20 <> 0", ada.id);
    collection.town.execute(&hearts).await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = ada.client.get(&format!("/api/me/library/artists?limit=100{cursor}")).await.expect(200);
        assert_eq!(page["total"], 1425);
        seen.extend(page["items"].as_array().unwrap().iter().map(|a| a["id"].as_i64().unwrap()));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let expected: Vec<i64> = collection
        .town
        .value("select array_agg(a.id order by a.sort_key, a.id) from artist a join album b on b.artist_id = a.id where b.id % 20 <> 0")
        .await;
    assert_eq!(seen, expected);
    let third = ada.client.get("/api/me/library/artists?letter=b&page=3&limit=100").await.expect(200);
    assert_eq!((&third["total"], third["items"].as_array().unwrap().len()), (&json!(475), 100));
}
