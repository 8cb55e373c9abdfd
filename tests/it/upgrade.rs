//! A better copy of what is there: the track keeps its id, its hearts and its links, and the old file can be brought
//! back. Only where more than a name says that it is the same.

use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

use barbossa::imports::{Approval, WhenThere, sweep};
use serde_json::Value;

use crate::harness::audio::{Format, Song};
use crate::harness::eventually;
use crate::imports::Inbox;
use crate::verdicts::{approved, last_id, somebody};

const RELEASE: &str = "f5093c06-23e3-404f-aeaa-40f72885ee3a";

/// A song of the release, known by its id.
pub fn song(n: u32, total: u32, format: Format) -> Song {
    let id_tag = if format == Format::Mp3 { "MusicBrainz Album Id" } else { "MUSICBRAINZ_ALBUMID" };
    named(n, total, format).tag(id_tag, RELEASE)
}

/// The same without an id.
fn named(n: u32, total: u32, format: Format) -> Song {
    let tone = 300 * n + if format == Format::Mp3 { 0 } else { 50 };
    Song::new(&format!("Song {n}"))
        .artist("Ann")
        .album_artist("Ann")
        .album("Album")
        .year(1999)
        .track(n, total)
        .tone(tone)
        .format(format)
        .named(&n.to_string())
}

fn write(inbox: &Inbox, folder: &str, songs: impl IntoIterator<Item = Song>) {
    songs.into_iter().for_each(|s| drop(s.write(&inbox.folder(folder))));
}

/// Two MP3s of the release, imported.
async fn with_mp3s(inbox: &Inbox) {
    write(inbox, "old", [1, 2].map(|n| song(n, 2, Format::Mp3)));
    inbox.import("old").await;
    assert_eq!(inbox.last().await, "done: ");
}

async fn tracks(inbox: &Inbox) -> String {
    inbox
        .town
        .value("select string_agg(concat_ws(' ', id, format, substr(path, 9)), ', ' order by id) from track")
        .await
}

/// A user who has hearted the album, once the links are there.
async fn hearted(inbox: &Inbox) -> PathBuf {
    let user = somebody(inbox).await;
    inbox.town.execute(&format!("insert into heart (user_id, album_id) select {user}, id from album")).await;
    let folder = inbox.town.music().join("users/ada/Ann/Album (1999)");
    eventually("the links are there", || async { folder.join("01 - Song 1.mp3").exists() }).await;
    folder
}

#[tokio::test]
async fn a_better_copy_keeps_the_ids_the_hearts_and_the_links() {
    let inbox = Inbox::new().await;
    with_mp3s(&inbox).await;
    let (before, links) = (tracks(&inbox).await, hearted(&inbox).await);
    assert_eq!(before, "1 MP3 Ann/Album (1999)/01 - Song 1.mp3, 2 MP3 Ann/Album (1999)/02 - Song 2.mp3");
    let essences = inbox.essences();
    write(&inbox, "new", [1, 2].map(|n| song(n, 2, Format::Flac16)));
    inbox.import("new").await;
    assert_eq!(inbox.last().await, "done: ");
    assert_eq!(
        tracks(&inbox).await,
        "1 FLAC Ann/Album (1999)/01 - Song 1.flac, 2 FLAC Ann/Album (1999)/02 - Song 2.flac"
    );
    assert_eq!(inbox.filed(), ["Ann/Album (1999)/01 - Song 1.flac", "Ann/Album (1999)/02 - Song 2.flac"]);
    let id = last_id(&inbox).await;
    let trash = [1, 2].map(|n| format!("replaced/{id}/0{n} - Song {n}.mp3"));
    assert_eq!(inbox.beneath(".trash"), trash);
    for n in [1, 2] {
        let (link, master) = (
            links.join(format!("0{n} - Song {n}.flac")),
            inbox.town.music().join(format!("artists/Ann/Album (1999)/0{n} - Song {n}.flac")),
        );
        assert_eq!(link.metadata().unwrap().ino(), master.metadata().unwrap().ino());
        assert!(!links.join(format!("0{n} - Song {n}.mp3")).exists(), "the old one is no longer linked");
    }
    assert!(essences.keys().all(|e| inbox.essences().contains_key(e)), "the old audio is in the trash");
    assert_eq!(inbox.count("heart").await, 1);
    assert_eq!(sweep(&inbox.app).await.unwrap(), 0, "nothing is left to do");
}

#[tokio::test]
async fn an_upgrade_is_told_and_its_old_files_are_known_in_the_trash() {
    let inbox = Inbox::new().await;
    with_mp3s(&inbox).await;
    write(&inbox, "new", [1, 2].map(|n| song(n, 2, Format::Flac24)));
    inbox.import("new").await;
    let told: Value = inbox.town.value("select details from activity where action = 'quality_upgrade'").await;
    assert_eq!(told["tracks"].as_array().unwrap().len(), 2);
    let first = &told["tracks"][0];
    assert_eq!(first["after"]["quality"], "24/96kHz FLAC");
    assert!(first["before"]["quality"].as_str().unwrap().ends_with("kbps MP3"), "{first}");
    let event: Value = inbox
        .town
        .value("select payload from event where kind = 'quality:upgraded' order by id limit 1")
        .await;
    assert_eq!((event["track_id"].as_i64(), &event["new_quality"]), (Some(1), &first["after"]["quality"]));
    let entry: String = inbox
        .town
        .value("select concat_ws('|', kind, artist, title, album_id, file_count, path) from trash")
        .await;
    assert_eq!(entry, format!("replaced|Ann|Album|1|2|.trash/replaced/{}", last_id(&inbox).await));
    let file: Value = inbox.town.value("select files -> 0 from trash").await;
    assert_eq!(file["original_path"], "artists/Ann/Album (1999)/01 - Song 1.mp3");
    assert_eq!((&file["track_id"], &file["track"]["format"]), (&Value::from(1), &Value::from("MP3")));
    let name = file["name"].as_str().unwrap();
    let path = inbox.town.music().join(format!(".trash/replaced/{}/{name}", last_id(&inbox).await));
    let bytes = std::fs::read(path).unwrap();
    assert_eq!(file["checksum"], blake3::hash(&bytes).to_hex().as_str());
    assert_eq!(file["size_bytes"], bytes.len());
}

#[tokio::test]
async fn a_worse_copy_of_the_same_release_goes_to_the_trash() {
    let inbox = Inbox::new().await;
    write(&inbox, "old", [1, 2].map(|n| song(n, 2, Format::Flac16)));
    inbox.import("old").await;
    write(&inbox, "worse", [1, 2].map(|n| song(n, 2, Format::Mp3)));
    inbox.import("worse").await;
    assert!(
        inbox.last().await.ends_with("already, in the same or a better quality"),
        "{}",
        inbox.last().await
    );
    assert_eq!(inbox.beneath(".trash"), ["imports/worse/1.mp3", "imports/worse/2.mp3"]);
    let entry: String = inbox
        .town
        .value("select concat_ws('|', kind, title, file_count, files -> 0 ->> 'original_path') from trash")
        .await;
    assert_eq!(entry, "duplicate|Album|2|import/pending/worse/1.mp3");
    assert_eq!(inbox.filed().len(), 2);
}

#[tokio::test]
async fn a_mixed_album_is_the_best_of_both() {
    let inbox = Inbox::new().await;
    write(&inbox, "old", [song(1, 3, Format::Mp3), song(2, 3, Format::Flac24)]);
    inbox.import("old").await;
    write(&inbox, "new", [1, 2, 3].map(|n| song(n, 3, Format::Flac16)));
    inbox.import("new").await;
    assert_eq!(inbox.last().await, "done: ");
    assert_eq!(
        tracks(&inbox).await,
        "1 FLAC Ann/Album (1999)/01 - Song 1.flac, 2 FLAC Ann/Album (1999)/02 - Song 2.flac, \
         3 FLAC Ann/Album (1999)/03 - Song 3.flac"
    );
    let id = last_id(&inbox).await;
    assert_eq!(
        inbox.beneath(".trash"),
        ["imports/new/2.flac".into(), format!("replaced/{id}/01 - Song 1.mp3")]
    );
    let rate: i32 = inbox.town.value("select sample_rate_hz from track where id = 2").await;
    assert_eq!(rate, 96_000, "what was better stays");
}

#[tokio::test]
async fn a_trusted_source_upgrades_what_it_names() {
    let inbox = Inbox::new().await;
    write(&inbox, "old", [named(1, 1, Format::Mp3)]);
    inbox.import("old").await;
    let download = inbox.town.music().join("downloads/qobuz/17");
    named(1, 1, Format::Flac24).write(&download);
    let job = barbossa::imports::ImportRelease {
        path: "downloads/qobuz/17".into(),
        source: "qobuz".into(),
        requested_by: None,
    };
    let id = barbossa::jobs::enqueue(&inbox.app.db.get().await.unwrap(), &job).await.unwrap();
    inbox.ended(id).await;
    assert_eq!(inbox.last().await, "done: ");
    let source: String = inbox.town.value("select concat_ws(' ', id, format, source) from track").await;
    assert_eq!(source, "1 FLAC qobuz");
}

#[tokio::test]
async fn names_alone_replace_only_when_a_person_says_so() {
    let inbox = Inbox::new().await;
    write(&inbox, "old", [named(1, 1, Format::Flac24)]);
    inbox.import("old").await;
    write(&inbox, "new", [named(1, 1, Format::Flac16).tone(999)]);
    inbox.import("new").await;
    assert!(inbox.last().await.contains("in a better copy"), "{}", inbox.last().await);
    let by = Some(somebody(&inbox).await);
    let replace = Approval { when_there: WhenThere::Replace, by, ..Approval::default() };
    approved(&inbox, last_id(&inbox).await, &replace).await;
    assert_eq!(inbox.last().await, "done: ");
    let quality: String = inbox.town.value("select concat_ws(' ', id, sample_rate_hz) from track").await;
    assert_eq!(quality, "1 44100", "the worse one, as the person wanted it");
    assert_eq!(inbox.beneath(".trash").len(), 1);
    assert_eq!(inbox.filed(), ["Ann/Album (1999)/01 - Song 1 (2).flac"], "a name of its own");
}

#[tokio::test]
async fn editions_stand_beside_each_other() {
    let inbox = Inbox::new().await;
    write(&inbox, "a", [named(1, 1, Format::Flac16)]);
    inbox.import("a").await;
    let other_id = "0b4df9e3-1f3c-4a19-9a57-2c5d0b1f7a11";
    write(&inbox, "b", [named(1, 1, Format::Flac16).tone(1000).album("Album (Deluxe)")]);
    write(&inbox, "c", [named(1, 1, Format::Flac16).tone(1100).album("Album [Explicit]")]);
    write(&inbox, "d", [named(1, 1, Format::Flac16).tone(1200).year(2009)]);
    write(&inbox, "e", [song(1, 1, Format::Flac16).tone(1300).year(2011)]);
    write(
        &inbox,
        "f",
        [song(1, 1, Format::Flac16).tone(1400).year(2011).tag("MUSICBRAINZ_ALBUMID", other_id)],
    );
    write(&inbox, "g", [named(1, 1, Format::Flac16).tone(1500).tag("title", "Something else")]);
    for folder in ["b", "c", "d", "e", "f", "g"] {
        inbox.import(folder).await;
        assert_eq!(inbox.last().await, "done: ", "{folder}");
    }
    let folders: Vec<String> =
        inbox.filed().iter().map(|f| f.rsplit_once('/').unwrap().0.to_owned()).collect();
    assert_eq!(
        folders,
        [
            "Ann/Album (1999)",
            "Ann/Album (2) (1999)",
            "Ann/Album (2009)",
            "Ann/Album (2011) (2)",
            "Ann/Album (2011)",
            "Ann/Album (Deluxe) (1999)",
            "Ann/Album [Explicit] (1999)",
        ]
    );
    assert_eq!(inbox.count("album").await, 7);
}
