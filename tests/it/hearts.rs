//! A member's folder is what that member has hearted, as the same files; what a person put there stays; nothing that
//! is the last of its kind goes.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use barbossa::files::rename_noreplace;
use barbossa::hearts;
use barbossa::jobs;
use barbossa::library::NewTrack;
use serde_json::{Value, json};

use crate::collection::{Collection, Member, each, new_album, new_track};
use crate::harness::{eventually, files_beneath};

fn inode(path: &Path) -> u64 {
    fs::symlink_metadata(path).unwrap().ino()
}

fn message(answer: &Value) -> &str {
    assert_eq!(answer["pending"], Value::Null, "{answer}");
    assert_eq!(answer["warning"], Value::Null, "{answer}");
    answer["message"].as_str().unwrap()
}

impl Member {
    pub async fn heart(&self, thing: &str, id: i64) -> String {
        let answer = self.client.post(&format!("/api/me/library/{thing}/{id}"), json!({})).await.expect(200);
        message(&answer).to_owned()
    }

    async fn unheart(&self, thing: &str, id: i64) -> String {
        let answer = self.client.delete(&format!("/api/me/library/{thing}/{id}")).await.expect(200);
        message(&answer).to_owned()
    }
}

impl Collection {
    pub fn files_of(&self, username: &str) -> Vec<String> {
        files_beneath(&self.town.music().join("users").join(username))
    }

    /// Waits until all links follow the rows.
    pub async fn settled(&self) {
        eventually("the links follow", || async {
            self.town
                .value::<bool>(
                    "select not exists (select from link_pending) and not exists
                (select from job where state in ('available', 'running') and kind like 'hearts.%')",
                )
                .await
        })
        .await;
    }

    async fn relinked(&self, user_id: i64) -> Value {
        let jobs = hearts::audit(&self.app.db.get().await.unwrap(), Some(user_id)).await.unwrap();
        let mut ended = jobs::wait(&self.app, &jobs, Duration::from_secs(15)).await;
        match ended.remove(0).end {
            jobs::End::Completed(report) => report,
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_hearted_album_is_hard_links_to_the_same_inodes() {
    let collection = Collection::with_worker().await;
    let ada = collection.member("ada").await;
    let album = collection.album("Björk", "Debut", 1993, &["One", "Two"]).await;
    collection.file("artists/Björk/Debut (1993)/Scans/booklet.pdf", "a booklet");
    collection.file("artists/Björk/Debut (1993)/.hidden", "x");
    collection.file("artists/Björk/Debut (1993)/stray.flac", "not in the rows");
    assert_eq!(ada.heart("albums", album.album_id).await, "Album added to library");
    let files = collection.files_of("ada");
    let expected = ["01 - One.flac", "02 - Two.flac", "Scans/booklet.pdf", "cover.jpg"];
    assert_eq!(files, expected.map(|f| format!("Björk/Debut (1993)/{f}")));
    for file in files {
        let (mine, master) = (
            collection.town.music().join("users/ada").join(&file),
            collection.town.music().join("artists").join(&file),
        );
        assert_eq!(inode(&mine), inode(&master), "{file}");
    }
    assert_eq!(ada.heart("albums", album.album_id).await, "Album already in library");

    assert_eq!(ada.unheart("albums", album.album_id).await, "Album removed from library");
    assert!(!collection.town.music().join("users/ada").exists(), "empty folders go");
    assert!(collection.town.music().join("artists/Björk/Debut (1993)/01 - One.flac").exists());
    assert_eq!(ada.unheart("albums", album.album_id).await, "Album not in library");
    assert_eq!(ada.unheart("albums", 4711).await, "Album not in library");
    assert_eq!(collection.town.value::<i64>("select count(*) from user_link").await, 0);
}

#[tokio::test]
async fn a_hearted_track_is_one_file_and_the_cover_and_stays_when_the_albums_heart_goes() {
    let collection = Collection::with_worker().await;
    let ada = collection.member("ada").await;
    let album = collection.album("A", "B", 2000, &["One", "Two", "Three"]).await;
    assert_eq!(ada.heart("tracks", album.track_ids[1]).await, "Track added to library");
    let alone = ["A/B (2000)/02 - Two.flac", "A/B (2000)/cover.jpg"];
    assert_eq!(collection.files_of("ada"), alone);
    assert_eq!(ada.heart("tracks", album.track_ids[1]).await, "Track already in library");
    ada.heart("albums", album.album_id).await;
    assert_eq!(collection.files_of("ada").len(), 4);
    ada.unheart("albums", album.album_id).await;
    assert_eq!(collection.files_of("ada"), alone);
    assert_eq!(ada.unheart("tracks", album.track_ids[1]).await, "Track removed from library");
    assert_eq!(ada.unheart("tracks", album.track_ids[1]).await, "Track not in library");
    assert!(collection.files_of("ada").is_empty());
}

#[tokio::test]
async fn hearting_every_track_hearts_the_album_and_one_less_leaves_the_others() {
    let collection = Collection::with_worker().await;
    let ada = collection.member("ada").await;
    let album = collection.album("A", "B", 2000, &["One", "Two", "Three"]).await;
    let is_hearted = async || {
        ada.client.get(&format!("/api/albums/{}", album.album_id)).await.expect(200)["is_hearted"] == true
    };
    for track in &album.track_ids {
        assert!(!is_hearted().await);
        ada.heart("tracks", *track).await;
    }
    assert!(is_hearted().await);
    assert_eq!(ada.unheart("tracks", album.track_ids[0]).await, "Track removed from library");
    assert!(!is_hearted().await);
    let detail = ada.client.get(&format!("/api/albums/{}", album.album_id)).await.expect(200);
    let hearts: Vec<bool> =
        detail["tracks"].as_array().unwrap().iter().map(|t| t["is_hearted"].as_bool().unwrap()).collect();
    assert_eq!(hearts, [false, true, true]);
    let files = ["02 - Two.flac", "03 - Three.flac", "cover.jpg"].map(|f| format!("A/B (2000)/{f}"));
    assert_eq!(collection.files_of("ada"), files);
}

#[tokio::test]
async fn a_track_of_an_incomplete_album_does_not_heart_the_album() {
    let collection = Collection::with_worker().await;
    let ada = collection.member("ada").await;
    let mut album = new_album("A", "B", 2000, &["One"]);
    album.total_tracks = 12;
    let album = collection.record(&[album]).await.remove(0);
    ada.heart("tracks", album.track_ids[0]).await;
    let mine = ada.client.get("/api/me/library").await.expect(200);
    assert_eq!(mine["total"], 0);
}

#[tokio::test]
async fn following_an_artist_hearts_all_albums_and_later_ones() {
    let collection = Collection::with_worker().await;
    let (ada, bob) = (collection.member("ada").await, collection.member("bob").await);
    let first = collection.album("A", "First", 2000, &["One"]).await;
    collection.album("A", "Second", 2001, &["One"]).await;
    assert_eq!(ada.heart("artists", first.artist_id).await, "Added 2 album(s) to library");
    assert_eq!(ada.heart("artists", first.artist_id).await, "All albums already in library");
    let third = collection.album("A", "Third", 2002, &["One"]).await;
    let followers =
        hearts::follow(&collection.app.db.get().await.unwrap(), third.artist_id, third.album_id).await;
    assert_eq!(followers.unwrap(), [ada.id]);
    collection.settled().await;
    assert!(collection.files_of("ada").contains(&"A/Third (2002)/01 - One.flac".into()));
    assert!(collection.files_of("bob").is_empty());
    let told = "select payload ->> 'message' from event where kind = 'notification'";
    assert_eq!(collection.town.value::<String>(told).await, "'Third' by A added to your library");
    assert_eq!(ada.unheart("artists", first.artist_id).await, "Removed 3 album(s) from library");
    assert_eq!(ada.unheart("artists", first.artist_id).await, "No albums in library");
    assert!(collection.files_of("ada").is_empty());
    let unknown = bob.client.post("/api/me/library/artists/99", json!({})).await.expect(404);
    assert_eq!(unknown["detail"], "Artist not found");
}

#[tokio::test]
async fn many_new_albums_are_hearted_at_once_for_all_who_follow() {
    let collection = Collection::with_worker().await;
    let (ada, bob) = (collection.member("ada").await, collection.member("bob").await);
    let mut artists = Vec::new();
    for name in ["A", "B", "C"] {
        artists.push(collection.album(name, "First", 2000, &["One"]).await.artist_id);
    }
    ada.heart("artists", artists[0]).await;
    for artist in &artists[..2] {
        bob.heart("artists", *artist).await;
    }
    collection.settled().await;
    let mut new = Vec::new();
    for name in ["A", "B", "C"] {
        let album = collection.album(name, "Second", 2001, &["One"]).await;
        new.push((album.artist_id, album.album_id));
    }
    let client = collection.app.db.get().await.unwrap();
    let hearted = hearts::follow_all(&client, &new).await.unwrap();
    let wanted = [(ada.id, new[0].1), (bob.id, new[0].1), (bob.id, new[1].1)];
    assert_eq!(hearted, wanted);
    assert_eq!(hearts::follow_all(&client, &new).await.unwrap(), [], "nobody is told twice");
    assert_eq!(hearts::follow_all(&client, &[]).await.unwrap(), []);
    collection.settled().await;
    let files = |artist: &str| format!("{artist}/Second (2001)/01 - One.flac");
    assert!(collection.files_of("ada").contains(&files("A")));
    assert!(!collection.files_of("ada").contains(&files("B")));
    assert!(["A", "B"].iter().all(|artist| collection.files_of("bob").contains(&files(artist))));
    assert!(!collection.files_of("bob").contains(&files("C")));
    let told = "select string_agg(concat_ws(' ', user_id, payload ->> 'album_id'), ', ' order by id)
        from event where kind = 'notification'";
    let wanted = wanted.map(|(user, album)| format!("{user} {album}")).join(", ");
    assert_eq!(collection.town.value::<String>(told).await, wanted);
}

#[tokio::test]
async fn my_library_shows_what_is_hearted_newest_first() {
    let collection = Collection::with_worker().await;
    let (ada, bob) = (collection.member("ada").await, collection.member("bob").await);
    let mut albums = Vec::new();
    for n in 1..=5 {
        let album =
            collection.album(&format!("Artist {n}"), &format!("Album {n}"), 2000, &["One", "Two"]).await;
        ada.heart("albums", album.album_id).await;
        albums.push(album);
    }
    let single = collection.album("Zappa", "Hot Rats", 1969, &["Peaches", "Willie"]).await;
    ada.heart("tracks", single.track_ids[0]).await;

    let page = ada.client.get("/api/me/library?limit=3").await.expect(200);
    assert_eq!(each(&page["items"], "title"), ["Album 5", "Album 4", "Album 3"]);
    assert_eq!((&page["items"], &page["total"]), (&page["albums"], &json!(5)));
    assert!(page["items"].as_array().unwrap().iter().all(|a| a["is_hearted"] == true));
    let cursor = page["next_cursor"].as_str().unwrap();
    let rest = ada.client.get(&format!("/api/me/library?limit=3&cursor={cursor}")).await.expect(200);
    assert_eq!(
        (each(&rest["items"], "title"), &rest["next_cursor"]),
        (vec!["Album 2", "Album 1"], &Value::Null)
    );
    let second = ada.client.get("/api/me/library?limit=3&page=2").await.expect(200);
    assert_eq!(second["items"], rest["items"]);

    let artists = ada.client.get("/api/me/library/artists?limit=4").await.expect(200);
    assert_eq!((artists["items"].as_array().unwrap().len(), &artists["total"]), (4, &json!(6)));
    let letter = ada.client.get("/api/me/library/artists?letter=Z").await.expect(200);
    assert_eq!((each(&letter["items"], "name"), &letter["total"]), (vec!["Zappa"], &json!(1)));
    let of_artist =
        ada.client.get(&format!("/api/me/library/artists/{}/albums", single.artist_id)).await.expect(200);
    assert_eq!((&of_artist[0]["title"], &of_artist[0]["is_hearted"]), (&json!("Hot Rats"), &json!(false)));
    let tracks = ada.client.get("/api/me/library/tracks?limit=3").await.expect(200);
    assert_eq!(each(&tracks, "title"), ["Peaches", "One", "Two"]);

    assert_eq!(bob.client.get("/api/me/library").await.expect(200)["total"], 0);
    let none =
        bob.client.get(&format!("/api/me/library/artists/{}/albums", single.artist_id)).await.expect(404);
    assert_eq!(none["detail"], "No albums found for this artist in your library");
}

#[tokio::test]
async fn a_file_that_a_person_put_there_stays() {
    let collection = Collection::with_worker().await;
    let ada = collection.member("ada").await;
    let album = collection.album("A", "B", 2000, &["One", "Two"]).await;
    let own = collection.file("users/ada/A/B (2000)/01 - One.flac", "my own recording");
    let notes = collection.file("users/ada/A/B (2000)/notes.txt", "my notes");
    ada.heart("albums", album.album_id).await;
    assert_eq!(fs::read_to_string(&own).unwrap(), "my own recording");
    assert!(collection.town.music().join("users/ada/A/B (2000)/02 - Two.flac").exists());
    // And a link of ours that a person has replaced.
    let two = collection.town.music().join("users/ada/A/B (2000)/02 - Two.flac");
    fs::remove_file(&two).unwrap();
    fs::write(&two, "edited").unwrap();
    ada.unheart("albums", album.album_id).await;
    let left = ["01 - One.flac", "02 - Two.flac", "notes.txt"].map(|f| format!("A/B (2000)/{f}"));
    assert_eq!(collection.files_of("ada"), left);
    assert_eq!(fs::read_to_string(&notes).unwrap(), "my notes");
    assert_eq!(fs::read_to_string(&two).unwrap(), "edited");
}

#[tokio::test]
async fn a_replaced_master_file_is_linked_anew_and_a_moved_one_moves() {
    let collection = Collection::with_worker().await;
    let ada = collection.member("ada").await;
    let album = collection.album("A", "B", 2000, &["One", "Two"]).await;
    ada.heart("albums", album.album_id).await;
    let (music, path) = (collection.town.music().to_owned(), "A/B (2000)/01 - One.flac");
    // As an upgrade does: another file, then the rows.
    rename_noreplace(&music.join("artists").join(path), &music.join(".trash/old.flac")).unwrap();
    collection.file(&format!("artists/{path}"), "a better recording");
    collection.town.execute("update track set size_bytes = size_bytes + 1 where track_number = 1").await;
    collection.settled().await;
    assert_eq!(fs::read_to_string(music.join("users/ada").join(path)).unwrap(), "a better recording");
    assert_eq!(fs::metadata(music.join(".trash/old.flac")).unwrap().nlink(), 1);
    // As a rename does.
    rename_noreplace(&music.join("artists").join(path), &music.join("artists/A/B (2000)/01 - Uno.flac"))
        .unwrap();
    collection
        .town
        .execute("update track set path = replace(path, 'One', 'Uno') where track_number = 1")
        .await;
    collection.settled().await;
    let files = ["01 - Uno.flac", "02 - Two.flac", "cover.jpg"].map(|f| format!("A/B (2000)/{f}"));
    assert_eq!(collection.files_of("ada"), files);
}

#[tokio::test]
async fn a_track_that_is_added_later_comes_along() {
    let collection = Collection::with_worker().await;
    let ada = collection.member("ada").await;
    let album = collection.album("A", "B", 2000, &["One"]).await;
    ada.heart("albums", album.album_id).await;
    let mut more = new_album("A", "B", 2000, &["One"]);
    let path = format!("{}/02 - Two.flac", more.path);
    collection.file(&path, "two");
    more.tracks = vec![NewTrack { ..new_track("Two", 2, &path) }];
    collection.record(&[more]).await;
    collection.settled().await;
    assert!(collection.files_of("ada").contains(&"A/B (2000)/02 - Two.flac".into()));
}

#[tokio::test]
async fn a_deleted_album_and_a_removed_user_take_their_links_along() {
    let collection = Collection::with_worker().await;
    let (ada, bob) = (collection.member("ada").await, collection.member("bob").await);
    let gone = collection.album("A", "Gone", 2000, &["One"]).await;
    let kept = collection.album("A", "Kept", 2001, &["One"]).await;
    for member in [&ada, &bob] {
        member.heart("albums", gone.album_id).await;
        member.heart("albums", kept.album_id).await;
    }
    collection.town.execute(&format!("delete from album where id = {}", gone.album_id)).await;
    collection.settled().await;
    assert_eq!(collection.files_of("ada"), ["A/Kept (2001)/01 - One.flac", "A/Kept (2001)/cover.jpg"]);
    collection.town.execute(&format!("delete from app_user where id = {}", bob.id)).await;
    collection.settled().await;
    assert!(!collection.town.music().join("users/bob").exists());
    assert_eq!(collection.files_of("ada").len(), 2);
    assert!(collection.town.music().join("artists/A/Gone (2000)/01 - One.flac").exists());
}

#[tokio::test]
async fn a_missing_master_file_takes_no_link_away_and_the_last_name_is_never_removed() {
    let collection = Collection::with_worker().await;
    let ada = collection.member("ada").await;
    let album = collection.album("A", "B", 2000, &["One", "Two"]).await;
    ada.heart("albums", album.album_id).await;
    fs::remove_file(collection.town.music().join("artists/A/B (2000)/01 - One.flac")).unwrap();
    let report = collection.relinked(ada.id).await;
    assert_eq!((&report["missing"], &report["kept"], &report["removed"]), (&json!(1), &json!(2), &json!(0)));
    ada.unheart("albums", album.album_id).await;
    assert_eq!(collection.files_of("ada"), ["A/B (2000)/01 - One.flac"], "the only name that is left");
}

#[tokio::test]
async fn an_audit_finds_and_repairs() {
    let collection = Collection::with_worker().await;
    let ada = collection.member("ada").await;
    let album = collection.album("A", "B", 2000, &["One", "Two"]).await;
    ada.heart("albums", album.album_id).await;
    fs::remove_file(collection.town.music().join("users/ada/A/B (2000)/02 - Two.flac")).unwrap();
    let report = collection.relinked(ada.id).await;
    assert_eq!((&report["linked"], &report["kept"]), (&json!(1), &json!(2)));
    fs::remove_dir_all(collection.town.music().join("users/ada")).unwrap();
    assert_eq!(collection.relinked(ada.id).await["linked"], 3);
    assert_eq!(collection.relinked(ada.id).await["kept"], 3);
}

#[tokio::test]
async fn without_the_music_folder_hearts_are_kept_and_nothing_is_removed() {
    let collection = Collection::with_worker().await;
    let ada = collection.member("ada").await;
    let album = collection.album("A", "B", 2000, &["One"]).await;
    ada.heart("albums", album.album_id).await;
    let marker = collection.town.music().join(".barbossa-library");
    let id = fs::read(&marker).unwrap();
    fs::remove_file(&marker).unwrap();
    let url = format!("/api/me/library/albums/{}", album.album_id);
    let answer = ada.client.delete(&url).await.expect(200);
    assert_eq!(
        (&answer["message"], &answer["pending"]),
        (&json!("Album removed from library"), &json!(true))
    );
    assert_eq!(collection.files_of("ada").len(), 2);
    fs::write(&marker, id).unwrap();
    // The next click wakes the job that waits.
    let other = collection.album("C", "D", 2000, &["One"]).await;
    ada.heart("albums", other.album_id).await;
    assert_eq!(collection.files_of("ada"), ["C/D (2000)/01 - One.flac", "C/D (2000)/cover.jpg"]);
}

#[tokio::test]
async fn with_no_worker_the_heart_is_kept_and_the_answer_says_pending() {
    let collection = Collection::new().await;
    let ada = collection.member("ada").await;
    let album = collection.album("A", "B", 2000, &["One"]).await;
    let answer =
        ada.client.post(&format!("/api/me/library/albums/{}", album.album_id), json!({})).await.expect(200);
    assert_eq!((&answer["message"], &answer["pending"]), (&json!("Album added to library"), &json!(true)));
    collection.start_worker();
    collection.settled().await;
    assert_eq!(collection.files_of("ada").len(), 2);
}

#[tokio::test]
async fn many_clicks_at_once_end_as_the_rows_say() {
    let collection = Collection::with_worker().await;
    let (ada, bob) = (collection.member("ada").await, collection.member("bob").await);
    let mut albums = Vec::new();
    for n in 0..8 {
        albums.push(collection.album("A", &format!("Album {n}"), 2000, &["One", "Two"]).await);
    }
    let clicks = albums.iter().enumerate().flat_map(|(n, album)| {
        let (track, album) = (album.track_ids[n % 2], album.album_id);
        [&ada, &bob].map(|member| async move {
            let heart = format!("/api/me/library/albums/{album}");
            member.client.post(&heart, json!({})).await.expect(200);
            member.client.delete(&format!("/api/me/library/tracks/{track}")).await.expect(200);
            if n % 3 == 0 {
                member.client.post(&format!("/api/me/library/tracks/{track}"), json!({})).await.expect(200);
            }
        })
    });
    futures_util::future::join_all(clicks).await;
    collection.settled().await;
    let mut expected = Vec::new();
    for n in 0..8 {
        let files = ["01 - One.flac", "02 - Two.flac"];
        let tracks = files.iter().enumerate().filter(|(t, _)| n % 3 == 0 || *t != n % 2);
        expected.extend(tracks.map(|(_, file)| format!("A/Album {n} (2000)/{file}")));
        expected.push(format!("A/Album {n} (2000)/cover.jpg"));
    }
    expected.sort();
    assert_eq!(collection.files_of("ada"), expected);
    assert_eq!(collection.files_of("bob"), expected);
}
