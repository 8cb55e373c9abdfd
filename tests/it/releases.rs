//! What people call an album: discs, boxes, compilations, soundtracks, hidden tracks, heaps of files, and folders that
//! are not ours to move.

use std::path::Path;
use std::process::{Command, Stdio};

use barbossa::imports::sweep;
use serde_json::Value;

use crate::harness::audio::{Song, album, cover};
use crate::harness::eventually;
use crate::imports::{Inbox, Mount, client};

fn song(n: u32, artist: &str, album: &str) -> Song {
    let tone = 200 + artist.len() as u32 * 31 + album.len() as u32 * 17 + n * 97;
    Song::new(&format!("Song {n}")).artist(artist).album(album).year(1999).track(n, 0).tone(tone)
}

/// Imports a folder and whatever jobs come of it.
async fn import(inbox: &Inbox, folder: &str) {
    inbox.import(folder).await;
    eventually("all jobs have ended", || async {
        let open: i64 = inbox
            .town
            .value("select count(*) from job where kind = 'imports.import_release' and finished_at is null")
            .await;
        open == 0
    })
    .await;
}

async fn albums(inbox: &Inbox) -> String {
    let sql = "select string_agg(concat_ws('|', r.name, a.title, a.disc_count, a.available_tracks), ', ' order by a.path)
        from album a join artist r on r.id = a.artist_id";
    inbox.town.value(sql).await
}

#[tokio::test]
async fn two_folders_of_discs_are_one_album_together_or_one_after_the_other() {
    let inbox = Inbox::new().await;
    for (disc, tone) in [(1, 500), (2, 900)] {
        for n in [1, 2] {
            let titled = song(n, "Ann", "Box").tag("title", &format!("Song {disc}.{n}")).tone(tone + n * 50);
            titled.named(&n.to_string()).write(&inbox.folder(&format!("Ann - Box CD{disc}")));
        }
    }
    import(&inbox, "Ann - Box CD1").await;
    assert_eq!(albums(&inbox).await, "Ann|Box|1|2");
    import(&inbox, "Ann - Box CD2").await;
    assert_eq!(albums(&inbox).await, "Ann|Box|2|4", "{}", inbox.last().await);
    let places: String = inbox
        .town
        .value("select string_agg(disc_number || '-' || track_number, ' ' order by disc_number, track_number) from track")
        .await;
    assert_eq!(places, "1-1 1-2 2-1 2-2");
    assert_eq!(inbox.count("album").await, 1);
}

#[tokio::test]
async fn disc_folders_and_disc_names_of_a_box_are_one_album() {
    let inbox = Inbox::new().await;
    let folder = inbox.folder("Big Box");
    for (n, disc) in ["CD1", "Disc 2", "disk_03 - Live"].into_iter().enumerate() {
        let n = n as u32 + 1;
        song(n, "Ann", "Big Box")
            .tag("title", &format!("On {n}"))
            .without("track")
            .named("01 - x")
            .write(&folder.join(disc));
    }
    song(1, "Ann", "Big Box").tag("title", "On 4").without("track").named("4-01 - x").write(&folder);
    import(&inbox, "Big Box").await;
    assert_eq!(albums(&inbox).await, "Ann|Big Box|4|4", "{}", inbox.last().await);
}

#[tokio::test]
async fn compilations_soundtracks_hidden_tracks_and_singles_have_their_places() {
    let inbox = Inbox::new().await;
    for (n, artist) in ["Ann", "Bob", "Cy", "Di"].into_iter().enumerate() {
        let n = n as u32 + 1;
        song(n, artist, "Best of 1999")
            .tag("compilation", "1")
            .named(&n.to_string())
            .write(&inbox.folder("va"));
        song(n, artist, "The Film: Original Soundtrack").named(&n.to_string()).write(&inbox.folder("ost"));
    }
    for n in 0..3 {
        song(n, "Ann", "Hidden").named(&n.to_string()).write(&inbox.folder("hidden"));
    }
    song(1, "Ann", "Alone")
        .track(1, 1)
        .tag("releasetype", "single")
        .named("1")
        .write(&inbox.folder("single"));
    for folder in ["va", "ost", "hidden", "single"] {
        import(&inbox, folder).await;
        assert_eq!(inbox.last().await, "done: ", "{folder}");
    }
    assert_eq!(
        albums(&inbox).await,
        "Ann|Alone|1|1, Ann|Hidden|1|3, Soundtrack|The Film: Original Soundtrack|1|4, Various Artists|Best of 1999|1|4"
    );
    assert!(inbox.filed().contains(&"Ann/Hidden (1999)/00 - Song 0.flac".to_owned()), "{:?}", inbox.filed());
    let artists: String =
        inbox.town.value("select string_agg(artist_name, ' ' order by artist_name) from track t join album a on a.id = t.album_id where a.title = 'Best of 1999'").await;
    assert_eq!(artists, "Ann Bob Cy Di");
}

/// A hundred chapters by one ffmpeg.
fn audiobook(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-f", "lavfi", "-i", "anoisesrc=duration=30:sample_rate=8000"]);
    for n in 1..=100 {
        let start = f64::from(n) * 0.25;
        ffmpeg.args(["-map_metadata", "-1", "-ss", &start.to_string(), "-t", "0.2", "-c:a", "flac"]);
        for tag in ["artist=Reader", "album=The Book", "genre=Audiobook"] {
            ffmpeg.args(["-metadata", tag]);
        }
        ffmpeg.args(["-metadata", &format!("title=Chapter {n}"), "-metadata", &format!("track={n}/100")]);
        ffmpeg.arg(folder.join(format!("{n:03}.flac")));
    }
    assert!(ffmpeg.stdin(Stdio::null()).status().unwrap().success());
}

#[tokio::test]
async fn a_book_of_a_hundred_chapters_is_one_album_in_order() {
    let inbox = Inbox::new().await;
    audiobook(&inbox.folder("book"));
    import(&inbox, "book").await;
    assert_eq!(albums(&inbox).await, "Reader|The Book|1|100", "{}", inbox.last().await);
    let filed = inbox.filed();
    assert_eq!((filed[0].as_str(), filed.len()), ("Reader/The Book/01 - Chapter 1.flac", 100));
}

#[tokio::test]
async fn several_albums_in_one_folder_come_in_as_albums_and_a_heap_waits() {
    let inbox = Inbox::new().await;
    let heap = inbox.folder("heap");
    for n in [1, 2] {
        song(n, "Ann", "One").named(&format!("a{n}")).write(&heap);
        song(n, "Bob", "Another").tag("title", &format!("Other {n}")).named(&format!("b{n}")).write(&heap);
    }
    import(&inbox, "heap").await;
    assert_eq!(albums(&inbox).await, "Ann|One|1|2, Bob|Another|1|2", "{}", inbox.last().await);
    eventually("the folder is gone", || async { !heap.exists() }).await;
    let mixtape = inbox.folder("mixtape");
    for (n, (artist, title)) in [("Cy", "X"), ("Di", "Y"), ("Ed", "Z")].into_iter().enumerate() {
        song(n as u32 + 1, artist, title).named(&n.to_string()).write(&mixtape);
    }
    import(&inbox, "mixtape").await;
    assert!(inbox.last().await.starts_with("review: "), "{}", inbox.last().await);
    assert_eq!(inbox.beneath("import/review").len(), 3);
}

#[tokio::test]
async fn a_disc_in_one_file_waits_and_what_lies_beside_music_stays_with_it() {
    let inbox = Inbox::new().await;
    let folder = inbox.folder("image");
    song(1, "Ann", "Image").named("image").write(&folder);
    let sheet = "FILE \"image.wav\" WAVE\n TRACK 01 AUDIO\n  INDEX 01 00:00:00\n TRACK 02 AUDIO\n";
    std::fs::write(folder.join("image.cue"), sheet).unwrap();
    import(&inbox, "image").await;
    let last = inbox.last().await;
    assert!(last.contains("image.flac is 2 tracks in one file"), "{last}");
    let folder = inbox.folder("rip");
    album(&folder, "Ann", "Rip", 1999, 2);
    let tracks =
        "FILE \"01 - Song 1.wav\" WAVE\n TRACK 01 AUDIO\nFILE \"02 - Song 2.wav\" WAVE\n TRACK 02 AUDIO\n";
    std::fs::write(folder.join("rip.cue"), tracks).unwrap();
    std::fs::write(folder.join("rip.log"), "ok").unwrap();
    std::fs::write(folder.join("rip.m3u8"), "01 - Song 1.flac").unwrap();
    cover(&folder.join("cover.jpg"));
    import(&inbox, "rip").await;
    assert_eq!(inbox.last().await, "done: ");
    for name in ["rip.cue", "rip.log", "rip.m3u8", "cover.jpg"] {
        assert!(inbox.filed().contains(&format!("Ann/Rip (1999)/{name}")), "{:?}", inbox.filed());
    }
    assert_eq!(inbox.count("track").await, 2, "they are kept, and are no tracks");
}

#[tokio::test]
async fn a_folder_that_may_not_be_moved_is_copied_once_and_says_so() {
    let inbox = Inbox::new().await;
    let admin = client(&inbox, "root", true).await;
    let (folder, unknown) = (inbox.folder("theirs"), inbox.folder("unknown"));
    let _mounts = [Mount::tmpfs(&folder, "4m"), Mount::tmpfs(&unknown, "4m")];
    album(&folder, "Ann", "Theirs", 1999, 2);
    Song::new("x").without("title").named("?").write(&unknown);
    for mount in [&folder, &unknown] {
        let done = Command::new("mount").args(["-o", "remount,ro"]).arg(mount).status();
        assert!(done.unwrap().success());
    }
    import(&inbox, "theirs").await;
    assert_eq!(inbox.last().await, "done: ");
    assert_eq!((inbox.filed().len(), std::fs::read_dir(&folder).unwrap().count()), (2, 2));
    import(&inbox, "unknown").await;
    assert!(inbox.last().await.starts_with("review: "), "{}", inbox.last().await);
    assert_eq!(sweep(&inbox.app).await.unwrap(), 0, "never imported twice");
    let pending = admin.get("/api/import/pending").await.expect(200);
    let of = |path: &str| -> Value {
        pending
            .as_array()
            .unwrap()
            .iter()
            .find(|p| p["path"] == path)
            .unwrap_or_else(|| panic!("{pending}"))
            .clone()
    };
    let told = of("import/pending/theirs");
    assert_eq!(told["status"], "imported");
    let advice = format!("imported; the originals could not be removed: chmod -R g+w '{}'", folder.display());
    assert_eq!(told["reason"], advice);
    assert_eq!(of("import/pending/unknown")["status"], "review");
}
