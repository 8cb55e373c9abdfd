//! Every way in which people's programs put music into the inbox: cp, mv, rsync, a slow network, a pause, an archive. None
//! is filed before it is whole, each is filed soon after, and every byte of it is there.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use barbossa::files::{FileSystem, filesystem_kind};
use barbossa::imports::Mode;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::harness::audio::{Song, album};
use crate::harness::{eventually, files_beneath};
use crate::imports::Inbox;
use crate::watch::watched;

/// A folder beside the music, on the same file system.
fn beside(inbox: &Inbox, name: &str) -> PathBuf {
    let folder = inbox.town.outside().join(name);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The checksum of every file beneath, sorted.
fn checksums(folder: &Path) -> Vec<String> {
    let files = files_beneath(folder);
    let hash = |file: &String| blake3::hash(&std::fs::read(folder.join(file)).unwrap()).to_hex().to_string();
    let mut checksums: Vec<String> = files.iter().map(hash).collect();
    checksums.sort();
    checksums
}

/// Waits for a program; nothing may be filed while it runs.
async fn nothing_is_filed_while(inbox: &Inbox, mut program: Child) {
    while program.try_wait().unwrap().is_none() {
        assert!(inbox.filed().is_empty(), "filed while it was copied: {:?}", inbox.filed());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(program.wait().unwrap().success());
}

/// The album is filed within ten seconds, whole.
async fn is_filed(inbox: &Inbox, expected: &[String]) {
    let over = Instant::now();
    eventually("the album is filed", || async { inbox.filed().len() == expected.len() }).await;
    assert!(over.elapsed() < Duration::from_secs(10), "{:?}", over.elapsed());
    assert_eq!(checksums(&inbox.town.music().join("artists")), expected);
    let imports: i64 = inbox.town.value("select count(*) from import").await;
    assert_eq!(imports, 1, "asked for once: {}", inbox.last().await);
}

#[tokio::test]
async fn what_rsync_copies_under_temporary_names_is_filed_when_all_of_it_is_there() {
    let (inbox, _) = watched(1, 3).await;
    let source = beside(&inbox, "source");
    album(&source, "Ann", "Synced", 1999, 3);
    let expected = checksums(&source);
    let rsync =
        Command::new("rsync").args(["-a", "--bwlimit=20"]).arg(&source).arg(inbox.town.pending()).spawn();
    nothing_is_filed_while(&inbox, rsync.unwrap()).await;
    is_filed(&inbox, &expected).await;
}

#[tokio::test]
async fn a_copy_at_one_kilobyte_a_second_is_waited_for() {
    let (inbox, _) = watched(1, 3).await;
    let source = beside(&inbox, "source");
    let song = Song::new("Slow").artist("Ann").album_artist("Ann").album("Slow").year(1999).track(1, 1);
    let song = song.format(crate::harness::audio::Format::Opus).write(&source);
    let expected = checksums(&source);
    let folder = inbox.folder("slow");
    std::fs::create_dir(&folder).unwrap();
    let script = "for n in $(seq 0 999); do dd if=\"$0\" bs=1024 skip=$n count=1 status=none | grep -q . || exit 0; \
                  dd if=\"$0\" bs=1024 skip=$n count=1 status=none; sleep 1; done >\"$1\"";
    let copy =
        Command::new("bash").args(["-c", script]).arg(&song).arg(folder.join("1.opus")).spawn().unwrap();
    nothing_is_filed_while(&inbox, copy).await;
    is_filed(&inbox, &expected).await;
}

#[tokio::test]
async fn a_copy_that_pauses_for_a_minute_is_waited_for() {
    let (inbox, status) = watched(1, 3).await;
    let source = beside(&inbox, "source");
    let songs = album(&source, "Ann", "Paused", 1999, 2);
    let expected = checksums(&source);
    let folder = inbox.folder("paused");
    std::fs::create_dir(&folder).unwrap();
    std::fs::copy(&songs[0], folder.join("1.flac")).unwrap();
    let script = "{ head -c 9000 \"$0\"; sleep 60; tail -c +9001 \"$0\"; } >\"$1\"";
    let copy =
        Command::new("bash").args(["-c", script]).arg(&songs[1]).arg(folder.join("2.flac")).spawn().unwrap();
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(status.borrow().1.contains("2.flac is being written"), "{}", status.borrow().1);
    nothing_is_filed_while(&inbox, copy).await;
    is_filed(&inbox, &expected).await;
}

#[tokio::test]
async fn an_archive_is_filed_when_all_of_it_is_unpacked() {
    let (inbox, _) = watched(1, 3).await;
    let source = beside(&inbox, "source");
    album(&source.join("Album"), "Ann", "Packed", 1999, 4);
    let expected = checksums(&source);
    let archive = inbox.town.outside().join("album.zip");
    let zip = Command::new("zip").args(["-q", "-r"]).arg(&archive).arg("Album").current_dir(&source).status();
    assert!(zip.unwrap().success());
    let mut unzip = Command::new("unzip");
    let mut unzip = unzip
        .arg("-q")
        .arg(&archive)
        .arg("-d")
        .arg(inbox.town.pending())
        .stdin(Stdio::null())
        .spawn()
        .unwrap();
    // A slow disk: the program is stopped again and again, wherever it is.
    let process = Pid::from_raw(unzip.id().cast_signed());
    for _ in 0..40 {
        let _ = kill(process, Signal::SIGSTOP);
        assert!(
            inbox.filed().is_empty() || unzip.try_wait().unwrap().is_some(),
            "filed while it was unpacked"
        );
        tokio::time::sleep(Duration::from_millis(100)).await;
        let _ = kill(process, Signal::SIGCONT);
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    assert!(unzip.wait().unwrap().success());
    is_filed(&inbox, &expected).await;
}

#[tokio::test]
async fn the_second_half_of_an_album_that_comes_later_is_waited_for_and_filed_with_the_first() {
    let (inbox, _) = watched(1, 8).await;
    let source = beside(&inbox, "source");
    let songs = album(&source, "Ann", "Halves", 1999, 4);
    let expected = checksums(&source);
    let folder = inbox.folder("halves");
    std::fs::create_dir(&folder).unwrap();
    for song in &songs {
        let copied = Command::new("cp").arg(song).arg(&folder).status();
        assert!(copied.unwrap().success());
        assert!(inbox.filed().is_empty(), "filed in halves");
        tokio::time::sleep(Duration::from_secs(2)).await;
    }
    is_filed(&inbox, &expected).await;
}

/// A FUSE mount of a folder onto itself, as a network share would look; taken down when dropped.
struct Fuse(PathBuf);

impl Fuse {
    fn over(folder: &Path, behind: &Path) -> Self {
        let mounted = Command::new("bindfs").arg(behind).arg(folder).status();
        assert!(
            mounted.expect("bindfs is installed: `./dev setup`").success(),
            "FUSE cannot be mounted here"
        );
        Self(folder.to_owned())
    }
}

impl Drop for Fuse {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[tokio::test]
async fn where_events_are_blind_it_sweeps_and_says_so() {
    let inbox = Inbox::settling(1, 2).await;
    let behind = beside(&inbox, "share");
    let _mount = Fuse::over(&inbox.town.pending(), &behind);
    assert_eq!(filesystem_kind(&inbox.town.pending()).unwrap(), FileSystem::Network);
    let mut settings = inbox.town.settings().clone();
    settings.imports.sweep_seconds = 2;
    let (sender, status) = tokio::sync::watch::channel((Mode::Events, String::new()));
    let watcher = barbossa::imports::Watch::new(barbossa::app::App::new("watcher", settings, 3).unwrap());
    tokio::spawn(watcher.run(inbox.town.stop(), move |s| {
        sender.send_replace((s.mode.clone(), s.to_string()));
    }));
    // Behind the mount, as another machine would write to the share.
    album(&behind.join("shared"), "Ann", "Shared", 1999, 2);
    let expected = checksums(&behind);
    is_filed(&inbox, &expected).await;
    let said = status.borrow().1.clone();
    assert!(said.starts_with("watching by sweep every 2 s (a network file system tells nothing)"), "{said}");
}
