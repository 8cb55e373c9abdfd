//! Adopting: a library is indexed where it lies, whatever its state, and again only where it changed.

use std::path::PathBuf;

use barbossa::imports::Adopt;
use barbossa::jobs::{End, enqueue};
use serde_json::Value;

use crate::harness::audio::{Song, album, cover};
use crate::imports::Inbox;

async fn adopt(inbox: &Inbox, dir: &str) -> Value {
    let id = enqueue(&inbox.app.db.get().await.unwrap(), &Adopt { dir: dir.into(), accept_missing: false })
        .await
        .unwrap();
    match inbox.ended(id).await {
        End::Completed(sum) => sum,
        other => panic!("{other:?}"),
    }
}

fn in_library(inbox: &Inbox, folder: &str) -> PathBuf {
    inbox.town.music().join("artists").join(folder)
}

#[tokio::test]
async fn a_library_is_indexed_where_it_lies() {
    let inbox = Inbox::new().await;
    album(&in_library(&inbox, "Ann/One (1999)"), "Ann", "One", 1999, 3);
    cover(&in_library(&inbox, "Ann/One (1999)").join("cover.jpg"));
    for disc in 1..=2 {
        Song::new("Song")
            .artist("Bob")
            .album("Two")
            .track(1, 1)
            .tone(300 * disc)
            .named("01")
            .write(&in_library(&inbox, &format!("Bob/Two (2000)/Disc {disc}")));
    }
    Song::new("x").without("title").named("01 - Untold").write(&in_library(&inbox, "Cid/Three (2001)"));
    std::fs::write(in_library(&inbox, "Cid/Three (2001)").join("02.flac"), "").unwrap();
    let before = inbox.filed();
    let sum = adopt(&inbox, "artists").await;
    assert_eq!((sum["albums"].clone(), sum["tracks"].clone()), (3.into(), 6.into()), "{sum}");
    assert_eq!(sum["unreadable_files"], 1);
    assert!(sum["unreadable"][0].as_str().unwrap().contains("02.flac: the file is empty"), "{sum}");
    assert_eq!(inbox.filed(), before, "nothing is moved");
    let albums: String = inbox
        .town
        .value("select string_agg(concat_ws('|', r.name, a.title, a.year, a.path, a.disc_count), ', ' order by a.path)
                from album a join artist r on r.id = a.artist_id")
        .await;
    assert_eq!(
        albums,
        "Ann|One|1999|artists/Ann/One (1999)|1, Bob|Two|2000|artists/Bob/Two (2000)|2, \
         Cid|Three|2001|artists/Cid/Three (2001)|1"
    );
    let artwork: String = inbox.town.value("select artwork_path from album where title = 'One'").await;
    assert_eq!(artwork, "artists/Ann/One (1999)/cover.jpg");
    let reading: i64 =
        inbox.town.value("select count(*) from job where kind = 'library.read_essences'").await;
    assert_eq!(reading, 1);
}

#[tokio::test]
async fn only_what_changed_is_read_again_and_ids_stay() {
    let inbox = Inbox::new().await;
    let one = album(&in_library(&inbox, "Ann/One"), "Ann", "One", 1999, 2);
    album(&in_library(&inbox, "Ann/Two"), "Ann", "Two", 2000, 2);
    adopt(&inbox, "artists").await;
    let ids = "select string_agg(id::text, ' ' order by path) from track";
    let before: String = inbox.town.value(ids).await;
    let sum = adopt(&inbox, "artists").await;
    assert_eq!((sum["files"].clone(), sum["unchanged_files"].clone()), (0.into(), 4.into()), "{sum}");
    Song::new("New Title")
        .artist("Ann")
        .album_artist("Ann")
        .album("One")
        .year(1999)
        .track(1, 2)
        .named("01 - Song 1")
        .write(one[0].parent().unwrap());
    let sum = adopt(&inbox, "artists/Ann").await;
    assert_eq!((sum["files"].clone(), sum["albums"].clone()), (2.into(), 1.into()), "{sum}");
    assert_eq!(inbox.town.value::<String>(ids).await, before);
    let title: String = inbox.town.value("select title from track where path like '%One/01%'").await;
    assert_eq!(title, "New Title");
}

#[tokio::test]
async fn albums_that_arrive_by_adopting_are_hearted_for_who_follows_their_artist() {
    let inbox = Inbox::new().await;
    album(&in_library(&inbox, "Ann/One (1999)"), "Ann", "One", 1999, 1);
    adopt(&inbox, "artists").await;
    let people = "insert into app_user (username, username_key, password_hash) select n, n, 'x' from unnest(array['ada', 'bob', 'cid']) n;
        insert into heart (user_id, artist_id) select id, (select id from artist) from app_user where username <> 'cid'";
    inbox.town.execute(people).await;
    album(&in_library(&inbox, "Ann/Two (2000)"), "Ann", "Two", 2000, 1);
    album(&in_library(&inbox, "Ann/Three (2001)"), "Ann", "Three", 2001, 1);
    album(&in_library(&inbox, "Bob/Other (2002)"), "Bob", "Other", 2002, 1);
    for _ in 0..2 {
        adopt(&inbox, "artists").await;
        let hearted: String = inbox
            .town
            .value(
                "select string_agg(concat_ws(' ', u.username, a.title), ', ' order by u.username, a.year)
                from heart h join app_user u on u.id = h.user_id join album a on a.id = h.album_id",
            )
            .await;
        assert_eq!(hearted, "ada Two, ada Three, bob Two, bob Three");
    }
    let told = "select count(*) from event where kind = 'notification'";
    assert_eq!(inbox.town.value::<i64>(told).await, 4);
}

#[tokio::test]
async fn only_folders_of_the_library_can_be_adopted() {
    let inbox = Inbox::new().await;
    for dir in ["users", "artists/../users", "/"] {
        let id =
            enqueue(&inbox.app.db.get().await.unwrap(), &Adopt { dir: dir.into(), accept_missing: false })
                .await
                .unwrap();
        assert!(matches!(inbox.ended(id).await, End::Cancelled(_)), "{dir}");
    }
}
