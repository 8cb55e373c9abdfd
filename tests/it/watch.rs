//! The watcher: quick when the kernel tells, certain when it does not, and never before the copying is over.

use std::io::Write;
use std::time::{Duration, Instant};

use barbossa::imports::{Mode, Watch};
use tokio::sync::watch;

use crate::harness::audio::album;
use crate::harness::eventually;
use crate::imports::Inbox;

/// An inbox that is watched; the latest status line is in the receiver.
pub async fn watched(
    settle_seconds: u32,
    settle_incomplete_seconds: u32,
) -> (Inbox, watch::Receiver<(Mode, String)>) {
    let inbox = Inbox::settling(settle_seconds, settle_incomplete_seconds).await;
    let (sender, status) = watch::channel((Mode::Events, String::new()));
    let (watcher, stop) = (Watch::new(inbox.app.clone()), inbox.town.stop());
    tokio::spawn(watcher.run(stop, move |s| {
        sender.send_replace((s.mode.clone(), s.to_string()));
    }));
    (inbox, status)
}

#[tokio::test]
async fn a_folder_is_filed_soon_after_its_copying_is_over_and_never_before() {
    let (inbox, status) = watched(1, 2).await;
    let made = tempfile::tempdir_in(inbox.town.music().parent().unwrap()).unwrap();
    let songs = album(made.path(), "Ann", "Slow", 1999, 3);
    let folder = inbox.folder("Slow");
    std::fs::create_dir(&folder).unwrap();
    for song in &songs {
        let mut copy = std::fs::File::create(folder.join(song.file_name().unwrap())).unwrap();
        for piece in std::fs::read(song).unwrap().chunks(16 * 1024) {
            copy.write_all(piece).unwrap();
            tokio::time::sleep(Duration::from_millis(300)).await;
            assert!(inbox.filed().is_empty(), "filed while it was copied");
        }
        // A pause that is longer than the quiet time, with the file still open.
        tokio::time::sleep(Duration::from_millis(1500)).await;
        assert!(inbox.filed().is_empty(), "filed while a file was open");
    }
    let over = Instant::now();
    assert!(status.borrow().1.contains("1 pending: Slow"), "{}", status.borrow().1);
    eventually("the album is filed", || async { inbox.filed().len() == 3 }).await;
    assert!(over.elapsed() < Duration::from_secs(5), "{:?}", over.elapsed());
}

#[tokio::test]
async fn an_album_whose_tags_tell_more_tracks_waits_longer_for_them() {
    let (inbox, _) = watched(1, 6).await;
    let made = tempfile::tempdir_in(inbox.town.music().parent().unwrap()).unwrap();
    let songs = album(made.path(), "Ann", "Parts", 1999, 2);
    let folder = inbox.folder("Parts");
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(&songs[0], folder.join("1.flac")).unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert!(inbox.filed().is_empty());
    std::fs::copy(&songs[1], folder.join("2.flac")).unwrap();
    let over = Instant::now();
    eventually("the whole album is filed", || async { inbox.filed().len() == 2 }).await;
    assert!(
        over.elapsed() < Duration::from_secs(5),
        "a complete album waits no longer: {:?}",
        over.elapsed()
    );
}

#[tokio::test]
async fn what_lay_there_before_and_what_is_moved_in_is_found() {
    let inbox = Inbox::settling(1, 1).await;
    album(&inbox.folder("before"), "Ann", "Before", 1999, 1);
    let made = tempfile::tempdir_in(inbox.town.music().parent().unwrap()).unwrap();
    album(&made.path().join("x"), "Ann", "Moved", 1999, 1);
    std::fs::create_dir_all(inbox.town.music().join("downloads/bandcamp")).unwrap();
    album(&inbox.town.music().join("downloads/bandcamp/7"), "Ann", "Bought", 1999, 1);
    tokio::spawn(Watch::new(inbox.app.clone()).run(inbox.town.stop(), |_| {}));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let moved =
        std::process::Command::new("mv").arg(made.path().join("x")).arg(inbox.folder("moved")).status();
    assert!(moved.unwrap().success());
    eventually("all three are filed", || async { inbox.filed().len() == 3 }).await;
    let bought: String = inbox.town.value("select source from album where title = 'Bought'").await;
    assert_eq!(bought, "bandcamp");
    let imports: i64 = inbox.town.value("select count(*) from import").await;
    assert_eq!(imports, 3, "each folder once");
}

#[tokio::test]
async fn unfinished_names_wait_with_a_reason_and_an_empty_folder_too() {
    let (inbox, status) = watched(1, 1).await;
    let folder = inbox.folder("Torrent");
    let songs = album(&folder, "Ann", "Torrent", 1999, 2);
    let part = folder.join("02 - Song 2.flac.!qB");
    std::fs::hard_link(&songs[1], &part).unwrap();
    std::fs::remove_file(&songs[1]).unwrap();
    eventually("the reason is given", || async {
        status.borrow().1.contains("02 - Song 2.flac.!qB is not finished")
    })
    .await;
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert!(inbox.filed().is_empty());
    std::fs::hard_link(&part, &songs[1]).unwrap();
    std::fs::remove_file(&part).unwrap();
    eventually("the album is filed", || async { inbox.filed().len() == 2 }).await;
    std::fs::create_dir(inbox.folder("Empty")).unwrap();
    eventually("the empty folder is listed", || async {
        status.borrow().1.contains("there is no audio in it")
    })
    .await;
    assert_eq!(status.borrow().0, Mode::Events);
}

#[tokio::test]
async fn an_inbox_that_is_made_later_is_soon_watched() {
    let inbox = Inbox::settling(1, 1).await;
    std::fs::remove_dir(inbox.town.pending()).unwrap();
    let (sender, status) = watch::channel((Mode::Events, String::new()));
    let (watcher, stop) = (Watch::new(inbox.app.clone()), inbox.town.stop());
    tokio::spawn(watcher.run(stop, move |s| {
        sender.send_replace((s.mode.clone(), s.to_string()));
    }));
    eventually("the inbox is missed", || async { matches!(status.borrow().0, Mode::Sweep(_)) }).await;
    std::fs::create_dir(inbox.town.pending()).unwrap();
    album(&inbox.folder("late"), "Ann", "Late", 1999, 2);
    eventually("the album is filed", || async { inbox.filed().len() == 2 }).await;
    assert_eq!(status.borrow().0, Mode::Events);
}
