//! What is deleted or replaced lies in the trash and comes back as it was: ids, hearts, links, every byte. Only what is
//! old, or what an admin removes, goes for good.

use std::fs;
use std::path::Path;
use std::time::Duration;

use barbossa::db::Sql;
use barbossa::files::rename_noreplace;
use barbossa::jobs::{self, End};
use barbossa::library::Recorded;
use barbossa::trash::{self, Expire, File, Kind, NewEntry};
use http::StatusCode;
use serde_json::{Value, json};

use crate::cli::{barbossa, run};
use crate::collection::{Collection, Member, each, new_album};
use crate::harness::files_beneath;
use crate::totals::totals_are_true;

impl Collection {
    pub fn master(&self) -> Vec<String> {
        files_beneath(&self.town.music().join("artists"))
    }

    pub fn trashed(&self) -> Vec<String> {
        files_beneath(&self.town.music().join(".trash"))
    }

    async fn ended<J: jobs::Job>(&self, job: &J) -> End {
        let id = jobs::enqueue(&self.app.db.get().await.unwrap(), job).await.unwrap();
        self.end_of(id).await
    }

    async fn end_of(&self, id: i64) -> End {
        let mut ended = jobs::wait(&self.app, &[id], Duration::from_secs(20)).await;
        ended.pop().unwrap_or_else(|| panic!("job {id} did not end")).end
    }

    /// Rows and files say the same.
    pub async fn rows_equal_files(&self) {
        let rows: Vec<String> = self
            .town
            .value("select coalesce(array_agg(substr(path, 9) order by path collate \"C\"), '{}') from track")
            .await;
        let mut files = self.master();
        files.retain(|f| barbossa::audio::is_audio_name(Path::new(f)));
        assert_eq!(rows, files);
        let counts: String = self
            .town
            .value("select concat_ws(' ', artist_count, album_count, track_count) from library")
            .await;
        let counted: String = self
            .town
            .value("select concat_ws(' ', (select count(*) from artist), (select count(*) from album), (select count(*) from track))")
            .await;
        assert_eq!(counts, counted);
        let wrong: i64 = self
            .town
            .value("select count(*) from album a where available_tracks <> (select count(*) from track t where t.album_id = a.id)")
            .await;
        assert_eq!(wrong, 0, "available_tracks");
        totals_are_true(&self.town).await;
    }

    /// Every row that a deletion takes away and a restoration brings back.
    async fn rows(&self) -> Value {
        self.town
            .value(
                "select jsonb_build_array(
                    (select jsonb_agg(to_jsonb(a) order by id) from artist a),
                    (select jsonb_agg(to_jsonb(a) - 'updated_at' order by id) from album a),
                    (select jsonb_agg(to_jsonb(t) - 'updated_at' order by id) from track t),
                    (select jsonb_agg(to_jsonb(h) order by id) from heart h))",
            )
            .await
    }
}

impl Member {
    async fn delete(&self, path: &str) -> Value {
        self.client.delete(&format!("/api/{path}")).await.expect(200)
    }

    async fn restore(&self, id: i64) -> Value {
        self.client.post(&format!("/api/trash/{id}/restore"), json!({})).await.expect(200)
    }
}

fn trash_id(answer: &Value) -> i64 {
    answer["trash_ids"][0].as_i64().unwrap_or_else(|| panic!("{answer}"))
}

/// Two albums of one artist, one with a heart on it and one on a track; an admin.
async fn household() -> (Collection, Member, Member, Recorded, Recorded) {
    let collection = Collection::with_worker().await;
    let (boss, ada) = (collection.admin("boss").await, collection.member("ada").await);
    let debut = collection.album("Björk", "Debut", 1993, &["One", "Two", "Three"]).await;
    let post = collection.album("Björk", "Post", 1995, &["Army"]).await;
    collection.file("artists/Björk/Debut (1993)/Scans/back.jpg", "a scan");
    ada.heart("albums", debut.album_id).await;
    ada.heart("tracks", debut.track_ids[1]).await;
    boss.heart("tracks", debut.track_ids[0]).await;
    (collection, boss, ada, debut, post)
}

#[tokio::test]
async fn a_deleted_album_comes_back_with_its_ids_hearts_links_and_every_file() {
    let (collection, boss, _, debut, _) = household().await;
    collection.settled().await;
    let (rows, files) = (collection.rows().await, collection.master());
    let (hers, his) = (collection.files_of("ada"), collection.files_of("boss"));
    let answer = boss.delete(&format!("albums/{}", debut.album_id)).await;
    assert_eq!(answer["message"], "Album deleted");
    collection.settled().await;
    assert_eq!(collection.master(), ["Björk/Post (1995)/01 - Army.flac", "Björk/Post (1995)/cover.jpg"]);
    assert!(collection.files_of("ada").is_empty() && collection.files_of("boss").is_empty());
    assert_eq!(collection.trashed().len(), 5);
    collection.rows_equal_files().await;
    let told: i64 = collection
        .town
        .value("select count(*) from event where kind = 'notification' and user_id is not null")
        .await;
    assert_eq!(told, 2, "those who had hearted it");
    let logged: String = collection
        .town
        .value("select concat_ws(' ', action, entity_type, details ->> 'title') from activity where action = 'delete'")
        .await;
    assert_eq!(logged, "delete album Debut");

    let id = trash_id(&answer);
    let detail = boss.client.get(&format!("/api/trash/{id}")).await.expect(200);
    assert_eq!(
        (&detail["kind"], &detail["artist"], &detail["title"]),
        (&json!("deleted"), &json!("Björk"), &json!("Debut"))
    );
    assert_eq!((detail["files"].as_array().unwrap().len(), &detail["hearts"]), (5, &json!(2)));
    assert_eq!(detail["files"][1]["title"], "Two");
    let answer = boss.restore(id).await;
    assert_eq!(
        (&answer["album_id"], &answer["tracks"], &answer["files"]),
        (&json!(debut.album_id), &json!(3), &json!(5))
    );
    assert_eq!((&answer["renamed"], &answer["new_title"]), (&json!([]), &Value::Null));
    collection.settled().await;
    assert_eq!(collection.rows().await, rows);
    assert_eq!(collection.master(), files);
    assert_eq!((collection.files_of("ada"), collection.files_of("boss")), (hers, his));
    assert!(collection.trashed().is_empty());
    collection.rows_equal_files().await;
    assert_eq!(boss.client.get(&format!("/api/trash/{id}")).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn only_admins_delete_and_only_with_the_files_and_only_what_is_there() {
    let (collection, boss, ada, debut, _) = household().await;
    let path = format!("/api/albums/{}", debut.album_id);
    for (who, path, status, detail) in [
        (&ada, path.as_str(), 403, "Admin access required"),
        (&boss, "/api/albums/4711", 404, "Album not found"),
        (&boss, "/api/artists/4711", 404, "Artist not found"),
        (&boss, "/api/tracks/4711", 404, "Track not found"),
    ] {
        assert_eq!(who.client.delete(path).await.expect(status)["detail"], detail, "{path}");
    }
    let refused = boss.client.delete(&format!("{path}?delete_files=false")).await.expect(400);
    assert!(refused["detail"].as_str().unwrap().contains("trash"), "{refused}");
    for path in ["/api/trash", "/api/trash/1"] {
        assert_eq!(ada.client.get(path).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert_eq!(collection.master().len(), 7);
    // A disk that is not mounted: nothing is concluded, nothing is done.
    fs::remove_file(collection.town.music().join(".barbossa-library")).unwrap();
    assert_eq!(boss.client.delete(&path).await.status, StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(collection.town.value::<i64>("select count(*) from trash").await, 0);
}

#[tokio::test]
async fn a_track_goes_alone_and_the_last_one_takes_its_album_along() {
    let (collection, boss, _, debut, post) = household().await;
    let rows = collection.rows().await;
    let two = trash_id(&boss.delete(&format!("tracks/{}", debut.track_ids[1])).await);
    assert_eq!(collection.trashed(), [format!("deleted/{two}/02 - Two.flac")]);
    collection.rows_equal_files().await;
    let army = trash_id(&boss.delete(&format!("tracks/{}", post.track_ids[0])).await);
    assert_eq!(collection.town.value::<i64>("select count(*) from album").await, 1);
    assert!(!collection.town.music().join("artists/Björk/Post (1995)").exists());
    // The album goes after its track: whichever comes back first brings the album.
    let rest = trash_id(&boss.delete(&format!("albums/{}", debut.album_id)).await);
    assert_eq!(collection.town.value::<i64>("select count(*) from artist").await, 0);
    assert!(!collection.town.music().join("artists/Björk").exists());
    for id in [two, rest, army] {
        boss.restore(id).await;
        collection.rows_equal_files().await;
    }
    collection.settled().await;
    assert_eq!(collection.rows().await, rows);
}

#[tokio::test]
async fn an_artist_goes_with_all_albums_and_followers_follow_again() {
    let (collection, boss, ada, debut, _) = household().await;
    ada.heart("artists", debut.artist_id).await;
    collection.settled().await;
    let (rows, hers) = (collection.rows().await, collection.files_of("ada"));
    let answer = boss.delete(&format!("artists/{}", debut.artist_id)).await;
    assert_eq!(
        (&answer["message"], answer["trash_ids"].as_array().unwrap().len()),
        (&json!("Artist deleted"), 2)
    );
    assert!(collection.master().is_empty() && !collection.town.music().join("artists/Björk").exists());
    assert_eq!(collection.town.value::<i64>("select count(*) from heart").await, 0);
    for id in answer["trash_ids"].as_array().unwrap() {
        boss.restore(id.as_i64().unwrap()).await;
    }
    collection.settled().await;
    assert_eq!(collection.rows().await, rows);
    assert_eq!(collection.files_of("ada"), hers);
}

#[tokio::test]
async fn what_is_taken_meanwhile_stays_and_the_restored_stands_beside_it() {
    let (collection, boss, ada, debut, _) = household().await;
    let id = trash_id(&boss.delete(&format!("albums/{}", debut.album_id)).await);
    let newer = collection.album("Björk", "Debut", 1993, &["One"]).await;
    let answer = boss.restore(id).await;
    assert_eq!(
        (&answer["album_id"], &answer["new_title"]),
        (&json!(debut.album_id), &json!("Debut (restored)"))
    );
    assert_eq!(answer["renamed"].as_array().unwrap().len(), 5);
    let at = "artists/Björk/Debut (1993) (2)/01 - One.flac";
    assert!(collection.town.music().join(at).exists());
    assert!(collection.town.music().join("artists/Björk/Debut (1993)/01 - One.flac").exists());
    collection.rows_equal_files().await;
    collection.settled().await;
    assert_eq!(collection.files_of("ada").len(), 5);
    let found = ada.client.get("/api/search?q=restored").await.expect(200);
    assert_eq!(found["albums"][0]["id"], json!(debut.album_id));
    assert_ne!(newer.album_id, debut.album_id);

    // Only a file's name is taken, by something that no row knows.
    let id = trash_id(&boss.delete(&format!("tracks/{}", newer.track_ids[0])).await);
    collection.file("artists/Björk/Debut (1993)/01 - One.flac", "a stranger");
    let answer = boss.restore(id).await;
    assert!(answer["renamed"].to_string().contains("01 - One (2).flac"), "{answer}");
    let stranger = collection.town.music().join("artists/Björk/Debut (1993)/01 - One.flac");
    assert_eq!(fs::read_to_string(stranger).unwrap(), "a stranger");
}

#[tokio::test]
async fn members_who_are_gone_get_nothing_back_and_files_of_other_albums_stay() {
    let (collection, boss, ada, debut, _) = household().await;
    // An album in the folder of another, and a track of another that was moved in.
    let mut inner = new_album("Björk", "Inner", 1993, &["Deep"]);
    inner.path = "artists/Björk/Debut (1993)/Inner".into();
    inner.artwork_path = None;
    inner.tracks[0].path = "artists/Björk/Debut (1993)/Inner/1.flac".into();
    collection.file("artists/Björk/Debut (1993)/Inner/1.flac", "deep");
    collection.record(&[inner]).await;
    let id = trash_id(&boss.delete(&format!("albums/{}", debut.album_id)).await);
    assert!(collection.town.music().join("artists/Björk/Debut (1993)/Inner/1.flac").exists());
    collection.town.execute(&format!("delete from app_user where id = {}", ada.id)).await;
    boss.restore(id).await;
    let hearts: i64 = collection.town.value("select count(*) from heart").await;
    assert_eq!(hearts, 1);
    collection.rows_equal_files().await;
}

#[tokio::test]
async fn the_list_is_in_pages_and_can_be_searched() {
    let collection = Collection::with_worker().await;
    let boss = collection.admin("boss").await;
    let mut ids = Vec::new();
    for n in 0..5 {
        let album = collection.album(&format!("Artist {n}"), "Same", 2000 + n, &["One"]).await;
        ids.push(trash_id(&boss.delete(&format!("albums/{}", album.album_id)).await));
    }
    let first = boss.client.get("/api/trash?limit=2").await.expect(200);
    assert_eq!(each(&first["items"], "artist"), ["Artist 4", "Artist 3"]);
    assert_eq!((&first["total"], &first["items"][0]["trashed_by"]), (&json!(5), &json!("boss")));
    let next = first["next_cursor"].as_str().unwrap();
    let second = boss.client.get(&format!("/api/trash?limit=2&cursor={next}")).await.expect(200);
    assert_eq!(each(&second["items"], "artist"), ["Artist 2", "Artist 1"]);
    let found = boss.client.get("/api/trash?q=artist%203&kind=deleted").await.expect(200);
    assert_eq!((each(&found["items"], "artist"), &found["next_cursor"]), (vec!["Artist 3"], &Value::Null));
    for (typed, total) in [("SAME", 5), ("t 3 sa", 1), ("%25", 0), ("_", 0), ("%5C", 0), ("artist_3", 0)] {
        let found = boss.client.get(&format!("/api/trash?q={}", typed.replace(' ', "%20"))).await.expect(200);
        assert_eq!(found["total"], total, "{typed}");
        assert_eq!(found["items"].as_array().unwrap().len(), total, "{typed}");
    }
    assert_eq!(boss.client.get("/api/trash?kind=replaced").await.expect(200)["total"], 0);
    for query in ["kind=x", "limit=0", "cursor=zz"] {
        assert_eq!(boss.client.get(&format!("/api/trash?{query}")).await.status, 422, "{query}");
    }
}

#[tokio::test]
async fn a_clock_that_leaps_ahead_takes_nothing_from_the_trash() {
    let (collection, boss, _, debut, _) = household().await;
    let id = trash_id(&boss.delete(&format!("albums/{}", debut.album_id)).await);
    let town = &collection.town;
    // As after a leap of 31 days: by the clock its time is over, and one day was lived in it.
    town.execute("update trash set trashed_at = trashed_at - interval '31 days', expires_at = expires_at - interval '31 days'").await;
    for lived in [1, 29] {
        town.live_days(lived).await;
        assert!(matches!(collection.ended(&Expire {}).await, End::Completed(_)));
        let kept = format!("select state = 'kept' from trash where id = {id}");
        assert!(town.value::<bool>(&kept).await, "gone after {lived} days");
    }
    town.live_days(30).await;
    assert!(matches!(collection.ended(&Expire {}).await, End::Completed(_)));
    assert_eq!(town.value::<i64>(&format!("select count(*) from trash where id = {id}")).await, 0);
}

#[tokio::test]
async fn only_what_is_old_goes_and_nothing_that_no_row_knows() {
    let (collection, boss, _, debut, post) = household().await;
    let old = trash_id(&boss.delete(&format!("albums/{}", debut.album_id)).await);
    let young = trash_id(&boss.delete(&format!("albums/{}", post.album_id)).await);
    collection
        .town
        .execute(&format!("update trash set expires_at = now() - interval '1 second' where id = {old}"))
        .await;
    // Somebody has put a file of their own into an entry's folder, and one beside all entries.
    collection.file(&format!(".trash/deleted/{old}/mine.txt"), "mine");
    collection.file(".trash/also mine.txt", "mine");
    collection.file(".trash/imports/stray/1.flac", "nobody knows");
    let answer = boss.client.post("/api/trash/empty", json!({})).await.expect(200);
    assert_eq!((&answer["removed"], &answer["unknown_files_left"]), (&json!(1), &json!(1)));
    let left =
        [".trash/also mine.txt", &format!(".trash/deleted/{old}/mine.txt"), ".trash/imports/stray/1.flac"];
    for path in left {
        assert!(collection.town.music().join(path).exists(), "{path}");
    }
    assert!(matches!(collection.ended(&Expire {}).await, End::Completed(_)));
    assert_eq!(
        collection.town.value::<i64>("select count(*) from trash").await,
        1,
        "strays of today are left alone"
    );
    assert_eq!(boss.restore(young).await["tracks"], 1);
    collection.rows_equal_files().await;
}

#[tokio::test]
async fn the_admin_removes_one_for_good_and_is_told_what_goes() {
    let (collection, boss, _, debut, post) = household().await;
    let id = trash_id(&boss.delete(&format!("albums/{}", debut.album_id)).await);
    boss.delete(&format!("albums/{}", post.album_id)).await;
    let gone = boss.delete(&format!("trash/{id}")).await;
    assert_eq!(
        (&gone["title"], &gone["file_count"], &gone["removed"]),
        (&json!("Debut"), &json!(5), &json!(1))
    );
    assert_eq!(boss.client.delete(&format!("/api/trash/{id}")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        boss.client.post(&format!("/api/trash/{id}/restore"), json!({})).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(collection.trashed().len(), 2);
    let answer = boss.client.post("/api/trash/empty", json!({})).await.expect(200);
    assert_eq!(answer["removed"], 0, "nothing is too old");
    let answer = boss.client.post("/api/trash/empty?all=true", json!({})).await.expect(200);
    assert_eq!(answer["removed"], 1);
    assert!(collection.trashed().is_empty());
}

#[tokio::test]
async fn a_link_that_leads_out_of_the_trash_is_not_followed() {
    let (collection, boss, _, debut, _) = household().await;
    let id = trash_id(&boss.delete(&format!("albums/{}", debut.album_id)).await);
    let folder = collection.town.music().join(format!(".trash/deleted/{id}"));
    let outside = collection.town.outside();
    rename_noreplace(&folder, &outside).unwrap();
    std::os::unix::fs::symlink(&outside, &folder).unwrap();
    let answer = boss.client.delete(&format!("/api/trash/{id}")).await;
    assert_eq!(answer.status, StatusCode::ACCEPTED, "{:?}", answer.json());
    assert_eq!(files_beneath(&outside).len(), 5);
    assert_eq!(collection.town.value::<i64>("select count(*) from trash").await, 1);
}

/// A better copy has taken the place of the first track; the older version is in the trash.
async fn upgraded(collection: &Collection, album: &Recorded) -> i64 {
    let client = collection.app.db.get().await.unwrap();
    let id = album.track_ids[0];
    let was: Value = client
        .query_one("select to_jsonb(t) - 'search' from track t where id = $1", &[&id])
        .await
        .unwrap()
        .get(0);
    let old = was["path"].as_str().unwrap();
    let new = old.replace(".flac", " (2).flac");
    collection.file(&new, "a better sound");
    collection.file(
        ".trash/replaced/1/01 - One.flac",
        &fs::read_to_string(collection.town.music().join(old)).unwrap(),
    );
    fs::remove_file(collection.town.music().join(old)).unwrap();
    let file = File {
        name: "01 - One.flac".into(),
        original_path: old.into(),
        size_bytes: 1000,
        checksum: None,
        essence: None,
        track_id: Some(id),
        track: Some(was.clone()),
    };
    let entry = NewEntry {
        kind: Kind::Replaced,
        path: ".trash/replaced/1".into(),
        artist: Some("Björk".into()),
        title: "Debut".into(),
        album_id: Some(album.album_id),
        import_id: None,
        files: vec![file],
        snapshot: None,
        reason: "a better copy came".into(),
        trashed_by: None,
    };
    let trash_id = trash::put(&collection.app, &client, &entry).await.unwrap();
    let sql =
        "update track set path = $2, size_bytes = 14, bit_depth = 24, sample_rate_hz = 96000 where id = $1";
    client.execute(sql, &[&id, &new]).await.unwrap();
    trash_id
}

#[tokio::test]
async fn the_older_version_comes_back_to_its_track_and_that_can_be_undone_again() {
    let (collection, boss, _, debut, _) = household().await;
    let before = collection.rows().await;
    let first = upgraded(&collection, &debut).await;
    collection.settled().await;
    let upgraded_rows = collection.rows().await;
    let answer = boss.restore(first).await;
    collection.settled().await;
    assert_eq!(answer["tracks"], 1, "{answer}");
    assert_eq!(collection.rows().await, before);
    collection.rows_equal_files().await;
    let one = "Björk/Debut (1993)/01 - One.flac";
    let content = |path: String| fs::read_to_string(collection.town.music().join(path)).unwrap();
    assert_eq!(content(format!("users/ada/{one}")), "the sound of One");
    let newer = answer["newer_trash_id"].as_i64().unwrap();
    assert_eq!(collection.trashed(), [format!("replaced/back-{newer}/01 - One (2).flac")]);

    boss.restore(newer).await;
    collection.settled().await;
    assert_eq!(collection.rows().await, upgraded_rows);
    assert_eq!(content("users/ada/Björk/Debut (1993)/01 - One (2).flac".into()), "a better sound");
    collection.rows_equal_files().await;
    // With the album gone there is no track to come back to, and the files stay where they are.
    boss.delete(&format!("albums/{}", debut.album_id)).await;
    let left: i64 = collection.town.value("select id from trash where kind = 'replaced'").await;
    let refused = boss.client.post(&format!("/api/trash/{left}/restore"), json!({})).await.expect(409);
    assert!(refused["detail"].as_str().unwrap().contains("restore the album first"), "{refused}");
    let state: String = collection.town.value("select state from trash where kind = 'replaced'").await;
    assert_eq!(state, "kept");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_deletes_lists_restores_and_removes() {
    let (collection, _, _, debut, post) = household().await;
    let said = |args: &[&str]| run(barbossa(&collection.town).args(args));
    let (code, out, err) = said(&["library", "delete", "album", &debut.album_id.to_string(), "--yes"]);
    assert_eq!(code, 0, "{err}");
    assert!(
        out.starts_with("Debut by Björk is in the trash.") && out.contains("barbossa trash restore"),
        "{out}"
    );
    assert_eq!(said(&["library", "delete", "album", "4711", "--yes"]).0, 5);
    assert_eq!(said(&["library", "delete", "album", &post.album_id.to_string()]).0, 2, "without being asked");
    let (_, out, _) = said(&["trash", "list"]);
    assert!(out.contains("Debut") && out.contains("deleted") && out.contains("1 entry"), "{out}");
    let list: Value = serde_json::from_str(&said(&["trash", "list", "--json"]).1).unwrap();
    let id = list["items"][0]["id"].to_string();
    let (_, out, _) = said(&["trash", "show", &id]);
    assert!(
        out.contains("01 - One.flac") && out.contains("artists/Björk/Debut (1993)/01 - One.flac"),
        "{out}"
    );
    let (code, out, err) = said(&["trash", "restore", &id]);
    assert_eq!((code, out.trim()), (0, format!("{id} is back: album {}", debut.album_id).as_str()), "{err}");
    assert_eq!(said(&["trash", "restore", &id]).0, 5);
    collection.rows_equal_files().await;
    said(&["library", "delete", "track", &post.track_ids[0].to_string(), "--yes"]);
    let (code, out, _) = said(&["trash", "empty", "--all", "--yes"]);
    assert_eq!(code, 0);
    assert!(out.starts_with("1 entry removed for good"), "{out}");
    assert_eq!(said(&["trash", "list"]).1, "Nothing.\n");
    let (code, out, _) = said(&["library", "incomplete"]);
    assert_eq!((code, out.as_str()), (0, "All albums are whole, as far as their tags and numbers tell.\n"));
    assert!(said(&["library", "duplicates"]).1.starts_with("0 groups"));
}

#[cfg(feature = "failpoints")]
mod stops {
    use super::*;

    /// Each place between two steps, and how often it is passed before the stop.
    const STEPS: &[(&str, u32)] = &[
        ("planned", 0),
        ("way found", 0),
        ("moving", 0),
        ("moving", 1),
        ("moving", 3),
        ("filled", 0),
        ("recorded", 0),
        ("moved back", 0),
        ("swapped", 0),
        ("removing", 0),
        ("removing", 2),
        ("removed", 0),
    ];

    /// Has a job stopped at a step and run again until it ends; whether the step was passed at all.
    async fn stopped(collection: &Collection, (step, passed): (&str, u32), job: i64) {
        let end = std::time::Instant::now() + Duration::from_secs(20);
        loop {
            collection.town.execute("update job set run_at = now() where state = 'available'").await;
            if let Some(ended) = jobs::wait(&collection.app, &[job], Duration::from_millis(100)).await.pop() {
                assert!(matches!(ended.end, End::Completed(_)), "{step} {passed}: {:?}", ended.end);
                return;
            }
            assert!(std::time::Instant::now() < end, "{step} {passed}: it did not end");
        }
    }

    fn arm(collection: &Collection, (step, passed): (&str, u32)) -> String {
        let point = format!("trash {step} {}", collection.town.music().display());
        fail::cfg(&point, &format!("{passed}*off->1*return->off")).unwrap();
        point
    }

    #[tokio::test]
    async fn a_deletion_and_its_way_back_survive_a_stop_at_every_step() {
        for step in STEPS {
            let (collection, _, _, debut, _) = household().await;
            collection.settled().await;
            let (rows, files, hers) =
                (collection.rows().await, collection.master(), collection.files_of("ada"));
            let client = collection.app.db.get().await.unwrap();
            let point = arm(&collection, *step);
            let wanted =
                trash::Delete { thing: trash::Thing::Album, id: debut.album_id, by: None, address: None };
            stopped(&collection, *step, trash::delete(&client, &wanted).await.unwrap()).await;
            assert_eq!((collection.master().len(), collection.trashed().len()), (2, 5), "{step:?}");
            collection.rows_equal_files().await;
            let id: i64 = collection.town.value("select id from trash where state = 'kept'").await;
            assert_eq!(collection.town.value::<i64>("select count(*) from trash").await, 1, "{step:?}");

            fail::remove(&point);
            let point = arm(&collection, *step);
            let wanted = trash::Restore { id, by: None, address: None };
            stopped(&collection, *step, trash::restore(&client, &wanted).await.unwrap()).await;
            collection.settled().await;
            assert_eq!(collection.rows().await, rows, "{step:?}");
            assert_eq!((collection.master(), collection.files_of("ada")), (files, hers), "{step:?}");
            assert_eq!(
                (collection.trashed().len(), client.rows("select from trash", &[]).await.unwrap().len()),
                (0, 0)
            );
            fail::remove(&point);
        }
    }

    #[tokio::test]
    async fn a_swap_of_versions_survives_a_stop_at_every_step() {
        for step in STEPS {
            let (collection, _, _, debut, _) = household().await;
            let before = collection.rows().await;
            let id = upgraded(&collection, &debut).await;
            let point = arm(&collection, *step);
            let wanted = trash::Restore { id, by: None, address: None };
            let client = collection.app.db.get().await.unwrap();
            stopped(&collection, *step, trash::restore(&client, &wanted).await.unwrap()).await;
            assert_eq!(collection.rows().await, before, "{step:?}");
            assert_eq!(collection.trashed().len(), 1, "{step:?}");
            collection.rows_equal_files().await;
            fail::remove(&point);
        }
    }

    #[tokio::test]
    async fn a_removal_for_good_survives_a_stop_at_every_step() {
        for step in STEPS.iter().filter(|(step, _)| step.starts_with("remov")) {
            let (collection, boss, _, debut, post) = household().await;
            let id = trash_id(&boss.delete(&format!("albums/{}", debut.album_id)).await);
            boss.delete(&format!("albums/{}", post.album_id)).await;
            let point = arm(&collection, *step);
            let client = collection.app.db.get().await.unwrap();
            stopped(&collection, *step, trash::remove(&client, id, &trash::Remove::default()).await.unwrap())
                .await;
            assert_eq!(collection.trashed().len(), 2, "{step:?}: the other entry is whole");
            assert_eq!(collection.town.value::<i64>("select count(*) from trash").await, 1);
            fail::remove(&point);
        }
    }
}
