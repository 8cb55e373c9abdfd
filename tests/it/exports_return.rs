//! An export becomes a library again: on an empty Barbossa, with its history and its hearts.

use std::fs;
use std::path::Path;
use std::time::Duration;

use barbossa::exports::{Restore, is_export};
use barbossa::jobs::{self, End, Queue, Registry, Worker, enqueue};
use serde_json::{Value, json};

use crate::exports::{Household, manifest, require_whole};
use crate::harness::files_beneath;

/// What two libraries must have in common, whatever their ids: albums, tracks, hearts, each with its history.
const ROWS: &str = "select jsonb_build_object(
    'albums', (select jsonb_agg(to_jsonb(a) - '{id, artist_id, updated_at, search}'::text[] || jsonb_build_object('artist', r.name,
            'artist_sort', r.sort_name, 'artist_id', r.musicbrainz_id) order by a.path)
        from album a join artist r on r.id = a.artist_id where exists (select from track t where t.album_id = a.id)),
    'tracks', (select jsonb_agg(to_jsonb(t) - '{id, album_id, updated_at, search, imported_by, path, title_key, sort_key}'::text[] order by t.title) from track t),
    'hearts', (select jsonb_agg(concat_ws(' ', u.username, ar.name, al.path, t.title, case when ar.id is null then h.created_at end) order by al.path, t.title)
        from heart h join app_user u on u.id = h.user_id left join artist ar on ar.id = h.artist_id
            left join album al on al.id = h.album_id left join track t on t.id = h.track_id))";

/// A household that takes exports in.
async fn empty_household() -> Household {
    let home = Household::new().await;
    let registry = Registry::new().with::<Restore>();
    let worker = Worker::new(home.app.clone(), registry, &[Queue::Imports], 1);
    let stop = home.town.stop();
    tokio::spawn(async move { worker.run(stop).await });
    home
}

async fn take_in(home: &Household, folder: &Path) -> Value {
    let job = Restore { path: folder.to_str().unwrap().into(), requested_by: None };
    let id = enqueue(&home.app.db.get().await.unwrap(), &job).await.unwrap();
    let mut ended = jobs::wait(&home.app, &[id], Duration::from_secs(60)).await;
    match ended.pop().unwrap_or_else(|| panic!("the job did not end")).end {
        End::Completed(result) => result,
        other => panic!("{other:?}"),
    }
}

/// A household that loves all of its music, with what catalogues and people have found out about it.
async fn loving_household() -> Household {
    let home = Household::with_music().await;
    home.heart("tracks", "select id from track where title = 'Song 1'").await;
    home.heart("tracks", "select id from track where title = 'Song 3'").await;
    home.heart("artists", "select id from artist where name = 'Björk'").await;
    home.town
        .execute(
            "update artist set musicbrainz_id = '87c5dedd-371d-4a53-9f7f-80522fb7f3cb' where name = 'Björk';
            update album set musicbrainz_id = '4f5a6b7c-1111-4222-8333-444455556666', label = 'One Little Indian', total_tracks = 11,
                catalog_number = 'TPLP31', source = 'qobuz', source_url = 'https://example.org/debut', created_at = '2020-02-03 04:05:06+00'
                where title like 'Debut%';
            update track set title = 'Known by a catalogue', source = 'qobuz',
                musicbrainz_id = '11111111-2222-4333-8444-555566667777', isrc = 'GBAYE0000001', composer = 'Björk',
                imported_at = '2020-02-03 04:05:06+00' where title like 'Song 1 of Debut%';
            update heart set created_at = '2021-01-01 00:00:00+00' where album_id is not null;
            update track set imported_by = (select id from app_user where username = 'ada')",
        )
        .await;
    home
}

#[tokio::test]
async fn an_export_on_an_empty_barbossa_is_the_same_library_again() {
    let home = loving_household().await;
    let export = home.export(json!({})).await;
    assert_eq!(export["status"], "complete", "{export}");
    require_whole(&home.destination());
    assert!(is_export(&home.destination()));
    let other = empty_household().await;
    let result = take_in(&other, &home.destination()).await;
    assert_eq!(result["problems"], json!([]), "{result}");
    assert_eq!((&result["albums"], &result["tracks"]), (&json!(2), &json!(5)), "{result}");
    let (there, here): (Value, Value) = (home.town.value(ROWS).await, other.town.value(ROWS).await);
    assert_eq!(here, there);
    let by: i64 = other
        .town
        .value(
            "select count(*) from track where imported_by = (select id from app_user where username = 'ada')",
        )
        .await;
    assert_eq!(by, 5);
    let follows: i64 = other.town.value("select count(*) from heart where artist_id is not null").await;
    assert_eq!(follows, 1);
    // Every file, byte for byte: sound, cover, lyrics, booklet.
    let hashes = |home: &Household| -> Vec<String> {
        let artists = home.town.music().join("artists");
        let hash = |f: String| blake3::hash(&fs::read(artists.join(f)).unwrap()).to_hex().to_string();
        let mut hashes: Vec<String> = files_beneath(&artists).into_iter().map(hash).collect();
        hashes.sort();
        hashes
    };
    assert_eq!(hashes(&other), hashes(&home));
    assert_eq!(files_beneath(&other.town.pending()), Vec::<String>::new());
    // And out again: the same export.
    let again = other.export(json!({})).await;
    assert_eq!(again["status"], "complete", "{again}");
    require_whole(&other.destination());
    let albums = |folder: &Path| {
        let mut albums = manifest(folder)["albums"].clone();
        albums.as_array_mut().unwrap().sort_by_key(|album| album["artist"].to_string());
        for album in albums.as_array_mut().unwrap() {
            let of_track = |track: &mut Value| track["files"].take();
            album["tracks"].as_array_mut().unwrap().iter_mut().for_each(|t| drop(of_track(t)));
            album["files"].take();
        }
        albums
    };
    assert_eq!(albums(&other.destination()), albums(&home.destination()));
    // Twice is once.
    let twice = take_in(&other, &home.destination()).await;
    assert_eq!((&twice["albums"], &twice["hearts"]), (&json!(2), &json!(0)), "{twice}");
    assert_eq!(other.town.value::<i64>("select count(*) from track").await, 5);
}

#[tokio::test]
async fn what_is_damaged_in_an_export_stays_out_and_is_told() {
    let home = loving_household().await;
    home.export(json!({})).await;
    let song = home.destination().join("Björk/Debut_ 1_2_ (1993)/02 - Song 2 of Debut_ 1_2_.flac");
    let mut bytes = fs::read(&song).unwrap();
    bytes[900] ^= 1;
    fs::write(&song, bytes).unwrap();
    let other = empty_household().await;
    let result = take_in(&other, &home.destination()).await;
    let problems = result["problems"].to_string();
    assert!(problems.contains("02 - Song 2 of Debut_ 1_2_.flac is damaged"), "{result}");
    assert_eq!(result["tracks"], 4, "{result}");
    assert_eq!(other.town.value::<i64>("select count(*) from track").await, 4);
}

#[tokio::test]
async fn hearts_of_somebody_who_is_not_here_are_told_and_return_later() {
    let home = loving_household().await;
    home.export(json!({})).await;
    let other = empty_household().await;
    other.town.execute("update app_user set username = 'eve', username_key = 'eve'").await;
    let result = take_in(&other, &home.destination()).await;
    assert!(result["problems"][0].as_str().unwrap().contains("Nobody here is called ada"), "{result}");
    assert_eq!(other.town.value::<i64>("select count(*) from heart").await, 0);
    other.town.execute("update app_user set username = 'ada', username_key = 'ada'").await;
    let again = take_in(&other, &home.destination()).await;
    assert_eq!(again["problems"], json!([]), "{again}");
    assert_eq!(again["hearts"], 4, "an album and three songs");
}

#[tokio::test]
async fn a_manifest_from_anyone_leads_nowhere() {
    let home = loving_household().await;
    home.export(json!({})).await;
    let outside = home.town.outside();
    fs::create_dir_all(&outside).unwrap();
    fs::write(outside.join("secret.flac"), "secret").unwrap();
    let mut forged = manifest(&home.destination());
    for path in ["../../outside/secret.flac", "/etc/passwd"] {
        for album in forged["albums"].as_array_mut().unwrap() {
            for track in album["tracks"].as_array_mut().unwrap() {
                track["files"][0]["path"] = json!(path);
                track["title"] = json!("../../../up");
            }
            album["files"] =
                json!([{"path": path, "kind": "extra", "size": 1, "sha256": "", "of": "x", "id": 1}]);
        }
        fs::write(home.destination().join("manifest.json"), forged.to_string()).unwrap();
        let other = empty_household().await;
        let result = take_in(&other, &home.destination()).await;
        assert_eq!(result["tracks"], 0, "{result}");
        assert_eq!(other.town.value::<i64>("select count(*) from album").await, 0);
        let all = files_beneath(other.town.music());
        assert_eq!(all, [".barbossa-library"], "{path}");
    }
}
