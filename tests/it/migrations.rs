//! The schema comes to be, once, whoever starts it and however many do.

use barbossa::db::{Db, current_version, latest_version, migrate};

use crate::harness::postgres;

#[tokio::test]
async fn twelve_migrators_at_once_apply_each_step_once() {
    let url = postgres().bare_database().await;
    let runs = (0..12).map(|_| {
        let db = Db::new(&url, "migrate", 1).unwrap();
        tokio::spawn(async move { migrate(&db, |_| {}).await.unwrap() })
    });
    let steps: usize = futures_util::future::try_join_all(runs).await.unwrap().into_iter().sum();
    let client = Db::new(&url, "look", 1).unwrap().get().await.unwrap();
    let applied = client.query_one("select count(*), max(version) from schema_migration", &[]).await.unwrap();
    assert_eq!((i64::try_from(steps).unwrap(), latest_version()), (applied.get(0), applied.get(1)));
}

#[tokio::test]
async fn a_database_from_the_future_is_refused_with_what_to_do() {
    let url = postgres().fresh_database().await;
    let db = Db::new(&url, "migrate", 1).unwrap();
    let client = db.get().await.unwrap();
    let future = "insert into schema_migration (version, name, sha256) values (9999, 'later', '\\x00')";
    client.batch_execute(future).await.unwrap();
    let refused = migrate(&db, |_| {}).await.unwrap_err().to_string();
    assert!(refused.contains("install the newer version"), "{refused}");
    assert_eq!(current_version(&client).await.unwrap(), 9999);
}

#[tokio::test]
async fn a_migration_that_changed_after_its_release_is_refused() {
    let url = postgres().fresh_database().await;
    let db = Db::new(&url, "migrate", 1).unwrap();
    db.get()
        .await
        .unwrap()
        .batch_execute("update schema_migration set sha256 = '\\x00' where version = 1")
        .await
        .unwrap();
    let refused = migrate(&db, |_| {}).await.unwrap_err().to_string();
    assert!(refused.contains("may never change"), "{refused}");
}

#[tokio::test]
async fn totals_follow_the_rows_whatever_the_statement() {
    let url = postgres().fresh_database().await;
    let db = Db::new(&url, "count", 1).unwrap();
    let client = db.get().await.unwrap();
    client
        .batch_execute(
            "insert into artist (name, name_key, sort_name, sort_key) select 'a' || n, 'a' || n, 'a', 'a' from generate_series(1, 5) n;
             insert into album (artist_id, title, title_key, sort_key, path)
                select id, 'b', 'b', 'b', 'artists/' || id || '/b' from artist;
             insert into track (album_id, title, title_key, track_number, path, size_bytes, modified_at, format, is_lossy)
                select a.id, 't', 't', n, a.path || '/' || n, 1, now(), 'FLAC', false from album a, generate_series(1, 3) n;
             delete from track where track_number = 3;
             delete from artist where name = 'a1';",
        )
        .await
        .unwrap();
    let row =
        client.query_one("select artist_count, album_count, track_count from library", &[]).await.unwrap();
    assert_eq!((row.get::<_, i64>(0), row.get::<_, i64>(1), row.get::<_, i64>(2)), (4, 4, 8));
    let row = client
        .query_one("select min(available_tracks), max(available_tracks) from album", &[])
        .await
        .unwrap();
    assert_eq!((row.get::<_, i32>(0), row.get::<_, i32>(1)), (2, 2));
}

/// Each that compares the rows of a statement with what they were costs as much as the writing itself.
#[tokio::test]
async fn no_trigger_on_tracks_compares_rows_while_essences_are_filled_in() {
    let url = postgres().fresh_database().await;
    let client = Db::new(&url, "triggers", 1).unwrap().get().await.unwrap();
    let comparing = "select coalesce(string_agg(tgname, ' ' order by tgname), ''), count(*) filter (where is_quiet)
        from (select tgname, pg_get_triggerdef(oid) like '%barbossa.fills_in_essences%' as is_quiet from pg_trigger
              where tgrelid = 'track'::regclass and tgoldtable is not null and tgnewtable is not null) t
        where not is_quiet or tgname = 'linked_track_changed'";
    let row = client.query_one(comparing, &[]).await.unwrap();
    assert_eq!((row.get::<_, String>(0).as_str(), row.get::<_, i64>(1)), ("linked_track_changed", 1));
}

/// Fills in what a reading of the file found, and nothing else.
const FILL_IN: &str =
    "update track set checksum = decode(repeat('00', 32), 'hex'), essence = 'blake3:x' where id = 1";

#[tokio::test]
async fn who_says_that_only_essences_are_filled_in_wakes_nobody_and_everyone_else_does() {
    let url = postgres().fresh_database().await;
    let db = Db::new(&url, "fill in", 1).unwrap();
    let client = db.get().await.unwrap();
    client
        .batch_execute(
            "insert into app_user (username, username_key, password_hash) values ('ada', 'ada', 'x');
             insert into artist (name, name_key, sort_name, sort_key) values ('a', 'a', 'a', 'a');
             insert into album (artist_id, title, title_key, sort_key, path)
                select 1, t, t, t, 'artists/a/' || t from unnest(array['one', 'two']) t order by t;
             insert into track (album_id, title, title_key, track_number, path, size_bytes, modified_at, format, is_lossy)
                select a.id, 't', 't', n, a.path || '/' || n, 1, now(), 'FLAC', false from album a, generate_series(1, 2) n order by a.id, n;
             insert into heart (user_id, album_id) values (1, 1);
             insert into heart (user_id, track_id) values (1, 1);
             delete from link_pending",
        )
        .await
        .unwrap();
    let pending = async || {
        let sql = "with gone as (delete from link_pending returning album_id)
            select coalesce(string_agg(album_id::text, ' ' order by album_id), '') from gone";
        client.query_one(sql, &[]).await.unwrap().get::<_, String>(0)
    };
    let there = async || {
        let sql = "select string_agg(available_tracks::text, ' ' order by id) from album";
        client.query_one(sql, &[]).await.unwrap().get::<_, String>(0)
    };
    let say_so = "select set_config('barbossa.fills_in_essences', 'on', true)";
    let said = async |sql: &str, end: &str| {
        client.batch_execute(&format!("begin; {say_so}; {sql}; {end}")).await.unwrap();
    };

    said(FILL_IN, "commit").await;
    assert_eq!((pending().await.as_str(), there().await.as_str()), ("", "2 2"));
    let known = client.query_one("select count(*) from track where essence = 'blake3:x'", &[]).await.unwrap();
    assert_eq!(known.get::<_, i64>(0), 1, "it is written all the same");
    // The word is believed; so nobody may say it who does anything else.
    said("update track set modified_at = now() where id = 1", "commit").await;
    assert_eq!(pending().await, "");

    // It is the transaction's, not the connection's, whether it ends well or not.
    for change in ["size_bytes = 2", "modified_at = now() + interval '1 hour'", "path = 'artists/a/one/3'"] {
        said(FILL_IN, if change.starts_with("size") { "rollback" } else { "commit" }).await;
        client.batch_execute(&format!("update track set {change} where id = 1")).await.unwrap();
        assert_eq!(pending().await, "1", "{change}");
    }
    client.batch_execute(FILL_IN).await.unwrap();
    assert_eq!(pending().await, "", "nothing that a link hangs on has changed");
    client.batch_execute("update track set missing_since = now() where id = 2").await.unwrap();
    assert_eq!(there().await, "1 2");
    client.batch_execute("update track set missing_since = null where id = 2").await.unwrap();
    pending().await;
    client
        .batch_execute("update track set album_id = 2, path = 'artists/a/two/3' where id = 1")
        .await
        .unwrap();
    assert_eq!((pending().await.as_str(), there().await.as_str()), ("1 2", "1 3"));
    let heart =
        client.query_one("select folder_of_album_id from heart where track_id = 1", &[]).await.unwrap();
    assert_eq!(heart.get::<_, i64>(0), 2, "the heart goes with its track");
}
