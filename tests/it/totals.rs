//! Totals are kept by triggers and never counted when they are asked for; and they are what counting would give.

use serde_json::{Value, json};

use crate::collection::Collection;
use crate::edits::Studio;
use crate::harness::{Town, eventually};

/// What is kept beside what counting gives.
const TOTALS: &str = "select jsonb_build_array(
    (select jsonb_object_agg(kind || ' ' || letter, names) from letter_total where names > 0),
    (select jsonb_object_agg(letter, n) from (
        select 'artist ' || first_letter(sort_key) as letter, count(*) n from artist group by 1
        union all select 'album ' || first_letter(sort_key), count(*) from album group by 1
        union all select 'album by artist ' || first_letter(r.sort_key), count(*)
            from album a join artist r on r.id = a.artist_id group by 1) counted),
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
        from track t where t.album_id = a.id and t.missing_since is null)) from album a),
    (select jsonb_object_agg(artist_id, sort_key) from loved_artist),
    (select jsonb_object_agg(l.artist_id, a.sort_key) from loved_artist l join artist a on a.id = l.artist_id),
    (select jsonb_build_array(track_bytes, lossless_count, track_count) from library),
    (select jsonb_build_array(coalesce(sum(size_bytes), 0), count(*) filter (where not is_lossy), count(*)) from track),
    (select jsonb_agg(jsonb_build_array(kind, sort_key, id, names) order by kind, sort_key, id) from stretch),
    (select jsonb_agg(jsonb_build_array(kind, sort_key, id, case kind
            when 'artist' then (select count(*) from artist a where (a.sort_key, a.id) >= (s.sort_key, s.id)
                and (behind_id is null or (a.sort_key, a.id) < (behind_key, behind_id)))
            else (select count(*) from album a where (a.sort_key, a.id) >= (s.sort_key, s.id)
                and (behind_id is null or (a.sort_key, a.id) < (behind_key, behind_id))) end) order by kind, sort_key, id)
        from (select *, lead(sort_key) over places as behind_key, lead(id) over places as behind_id
              from stretch window places as (partition by kind order by sort_key, id)) s))";

pub async fn totals_are_true(town: &Town) {
    let all: Value = town.value(TOTALS).await;
    for (what, at) in [
        ("letters", 0),
        ("hearted albums", 2),
        ("artists with hearts", 4),
        ("tracks of albums", 6),
        ("their order", 8),
        ("all music", 10),
        ("stretches", 12),
    ] {
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
        "update artist set sort_key = 'q' || sort_key".into(),
        "update album set artist_id = 1 where id = 4".into(),
        format!("update track set album_id = 1, track_number = 9 where id = {}", tracks[6]),
        "update track set is_lossy = true, bit_depth = null where id % 3 = 0".into(),
        "update track set bit_depth = 24 where id % 2 = 0".into(),
        "update track set missing_since = now(), sample_rate_hz = 96000 where id in (3, 4, 5)".into(),
        "update track set missing_since = null, is_lossy = not is_lossy, album_id = 2, track_number = id + 20 where id in (4, 6)".into(),
        "update track set is_lossy = false where id % 3 = 0".into(),
        "delete from track where id % 4 = 0".into(),
        "update track set size_bytes = 5, is_lossy = not is_lossy where track_number = 1".into(),
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

/// Names in few first letters, so that some stretches are cut, and cut again.
const MANY_NAMES: &str = "with n as (insert into artist (name, name_key, sort_name, sort_key)
        select 'a' || n, md5($SALT || n), 'a', regexp_replace(left(md5($SALT || n), 1 + n % 4), '^([0-9])', '#\\1') from generate_series(1, 3000) n returning id)
    insert into album (artist_id, title, title_key, sort_key, path)
        select id, 'b', 'b', regexp_replace(left(md5(id::text), 1 + id::integer % 3), '^([0-9])', '#\\1'), 'artists/' || id || '/b' from n";

#[tokio::test]
async fn a_page_by_its_number_is_where_counting_would_find_it() {
    let collection = Collection::new().await;
    let (town, ada) = (&collection.town, collection.member("ada").await);
    for change in [
        MANY_NAMES.replace("$SALT", "'1'"),
        "delete from artist where id % 3 = 0".into(),
        "update album set sort_key = 'zz' || sort_key where id % 5 = 0".into(),
        MANY_NAMES.replace("$SALT", "'2'"),
        "delete from album where sort_key < '#4'".into(),
        "update artist set sort_key = '#' || sort_key where id % 7 = 0".into(),
        "delete from artist where sort_key > 'b'".into(),
    ] {
        town.execute(&change).await;
        totals_are_true(town).await;
        for (list, table) in [("albums", "album"), ("artists", "artist")] {
            for (letter, range) in [
                ("", "true"),
                ("&letter=f", "sort_key >= 'f' and sort_key < 'g'"),
                ("&letter=%23", "sort_key like '#%'"),
            ] {
                let total: i64 = town.value(&format!("select count(*) from {table} where {range}")).await;
                for page in
                    [1, 2, 3, total / 97, total / 97 + 1, total / 97 + 2].into_iter().filter(|p| *p > 0)
                {
                    let answer = ada
                        .client
                        .get(&format!("/api/{list}?limit=97&page={page}{letter}"))
                        .await
                        .expect(200);
                    let ids: Vec<i64> = answer["items"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .map(|i| i["id"].as_i64().unwrap())
                        .collect();
                    let offset = (page - 1) * 97;
                    let counted: Vec<i64> = town
                        .value(&format!("select coalesce(array_agg(id), '{{}}') from (
                            select id from {table} where {range} order by sort_key, id limit 97 offset {offset}) p"))
                        .await;
                    assert_eq!(
                        (ids, answer["total"].as_i64()),
                        (counted, Some(total)),
                        "{list} {page}{letter} after {change}"
                    );
                }
            }
        }
    }
}

async fn so_many_wait(town: &Town, n: i64) {
    let waiting = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
    eventually(&format!("{n} wait for a lock"), || async { town.value::<i64>(waiting).await >= n }).await;
}

/// Both write to the log when all else is done: who holds it stops them in the middle of their transactions.
#[tokio::test]
async fn a_click_in_the_very_moment_when_an_album_changes_hands_counts_for_its_artist() {
    let studio = Studio::new().await;
    let (town, ada) = (&studio.collection.town, studio.member("ada").await);
    for is_click_first in [true, false] {
        for click in ["heart albums", "unheart albums", "heart tracks", "unheart tracks"] {
            let title = format!("{click} {is_click_first}");
            let album = studio.album("Ann", &title, 1999).await;
            let (what, on) = click.split_once(' ').unwrap();
            let id = if on == "albums" { album.album_id } else { album.track_ids[0] };
            let url = format!("/api/me/library/{on}/{id}");
            if what == "unheart" {
                ada.client.post(&url, json!({})).await.expect(200);
            }
            let app = town.app_as("log");
            let mut client = app.db.get().await.unwrap();
            let log = client.transaction().await.unwrap();
            log.batch_execute("lock table activity in share mode").await.unwrap();
            let clicking = async {
                so_many_wait(town, i64::from(!is_click_first)).await;
                let answer = match what {
                    "heart" => ada.client.post(&url, json!({})).await,
                    _ => ada.client.delete(&url).await,
                };
                assert!(answer.status.is_success(), "{title}: {}", answer.status);
            };
            let editing = async {
                so_many_wait(town, i64::from(is_click_first)).await;
                let edit = json!({"artist": format!("Bob {title}")});
                let answer = ada.client.put(&format!("/api/metadata/albums/{}", album.album_id), edit).await;
                assert!(answer.status.is_success(), "{title}: {}", answer.status);
            };
            let releasing = async {
                so_many_wait(town, 2).await;
                log.commit().await.unwrap();
            };
            tokio::join!(clicking, editing, releasing);
            eventually("it is edited", || async {
                town.value::<i64>("select count(*) from edit where state <> 'done'").await == 0
            })
            .await;
            totals_are_true(town).await;
        }
    }
}
