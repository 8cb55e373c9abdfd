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
    assert_eq!(i32::try_from(steps).unwrap(), latest_version());
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
