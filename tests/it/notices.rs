//! What people are told without asking: that an artist they follow has a new album, that something they love was deleted.
//! Those it is about, each once, and nobody else.

use barbossa::hearts::ReconcileLinks;
use barbossa::jobs::{Queue, Registry, Worker};
use serde_json::{Value, json};

use crate::collection::Collection;
use crate::exports::Household;
use crate::harness::audio::album;
use crate::harness::{Town, eventually, files_beneath};

/// All notices, by whom they are for.
async fn notices(town: &Town) -> Vec<(i64, Value)> {
    let all: Value = town
        .value("select coalesce(jsonb_agg(jsonb_build_array(user_id, payload) order by id), '[]') from event where kind = 'notification'")
        .await;
    all.as_array().unwrap().iter().map(|n| (n[0].as_i64().unwrap(), n[1].clone())).collect()
}

#[tokio::test]
async fn who_follows_an_artist_finds_the_next_album_in_their_folder_and_is_told() {
    let home = Household::new().await;
    let registry = Registry::new().with::<ReconcileLinks>();
    let worker = Worker::new(home.app.clone(), registry, &[Queue::Imports], 1);
    let stop = home.town.stop();
    tokio::spawn(async move { worker.run(stop).await });
    let (bob_id, bob) = home.person("bob", false).await;
    home.person("cleo", false).await;
    home.import(|pending| drop(album(&pending.join("first"), "Björk", "Debut", 1993, 1))).await;
    let artist: i64 = home.town.value("select id from artist").await;
    home.ada.post(&format!("/api/me/library/artists/{artist}"), json!({})).await.expect(200);
    // Bob loves the first album, and follows nobody.
    bob.post("/api/me/library/albums/1", json!({})).await.expect(200);
    assert_eq!(notices(&home.town).await, [], "nobody is told of their own click");

    home.import(|pending| drop(album(&pending.join("second"), "Björk", "Post", 1995, 1))).await;
    let id: i64 = home.town.value("select id from album where title = 'Post'").await;
    let told = notices(&home.town).await;
    let notice = json!({
        "title": "New Album Added", "message": "'Post' by Björk added to your library", "album_id": id, "artist_id": artist,
    });
    assert_eq!(told, [(home.ada_id, notice)]);
    let mine = home.ada.get("/api/me/library").await.expect(200);
    assert_eq!((&mine["items"][0]["title"], &mine["total"]), (&json!("Post"), &json!(2)));
    let folder = home.town.music().join("users/ada");
    eventually("the file is in her folder", || async {
        files_beneath(&folder).iter().any(|file| file.contains("Post (1995)/"))
    })
    .await;
    assert_eq!(bob.get("/api/me/library").await.expect(200)["total"], 1);

    // Once more the same album is nothing new.
    let followers = "select count(*) from heart where album_id is not null";
    assert_eq!(home.town.value::<i64>(followers).await, 3);
    let of_bob = notices(&home.town).await.iter().filter(|(id, _)| *id == bob_id).count();
    assert_eq!(of_bob, 0);
}

#[tokio::test]
async fn whoever_loves_what_is_deleted_is_told_where_it_is_and_nobody_else() {
    let collection = Collection::with_worker().await;
    let boss = collection.admin("boss").await;
    let (ada, bob, cleo) =
        (collection.member("ada").await, collection.member("bob").await, collection.member("cleo").await);
    let debut = collection.album("Björk", "Debut", 1993, &["One", "Two"]).await;
    let post = collection.album("Björk", "Post", 1995, &["Army"]).await;
    ada.heart("albums", debut.album_id).await;
    bob.heart("tracks", debut.track_ids[0]).await;
    cleo.heart("albums", post.album_id).await;
    let answer = boss.client.delete(&format!("/api/albums/{}", debut.album_id)).await.expect(200);
    let notice = json!({
        "title": "Album Deleted", "message": "'Debut' by Björk is in the trash now; an admin can bring it back",
        "album_id": debut.album_id, "artist_id": debut.artist_id, "trash_id": answer["trash_ids"][0],
    });
    let mut told = notices(&collection.town).await;
    told.sort_by_key(|(user_id, _)| *user_id);
    assert_eq!(told, [(ada.id, notice.clone()), (bob.id, notice)]);
    collection.settled().await;
    assert!(collection.files_of("ada").is_empty() && collection.files_of("bob").is_empty());
    assert_eq!(collection.trashed().len(), 3, "both songs and the cover, for an admin to bring back");

    let track = boss.client.delete(&format!("/api/tracks/{}", post.track_ids[0])).await.expect(200);
    assert_eq!(track["message"], "Track deleted");
    let told = notices(&collection.town).await;
    assert_eq!((told.len(), told[2].0), (3, cleo.id));
    assert!(["Track Deleted", "Album Deleted"].contains(&told[2].1["title"].as_str().unwrap()), "{told:?}");
}
