//! Copies of backups elsewhere: with real folders and the real rclone; whole and compared, or nothing with a backup's name.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use barbossa::backups::{self, MARKER, Purpose, Sent};
use barbossa::config::Destination;
use barbossa::error::Error;
use barbossa::health::Probes;

use crate::cli::{barbossa, run};
use crate::harness::{Town, files_beneath};

fn destination(name: &str, to: &str) -> Destination {
    Destination { name: name.into(), to: to.into(), ..Destination::default() }
}

/// A household with a picture and two destinations: a folder on another disk, and a remote of rclone, which leads to a
/// second folder; and where these are.
async fn house() -> (Town, PathBuf, PathBuf) {
    let mut town = Town::new().await;
    let (disk, cloud) = (town.outside().join("disk"), town.outside().join("cloud"));
    for folder in [&disk, &cloud] {
        std::fs::create_dir_all(folder).unwrap();
    }
    std::fs::write(disk.join(MARKER), "").unwrap();
    let album = town.music().join("artists/Kino/One");
    std::fs::create_dir_all(&album).unwrap();
    std::fs::write(album.join("cover.jpg"), "cover").unwrap();
    town.execute(
        "insert into artist (name, name_key, sort_name, sort_key) values ('Kino', 'kino', 'Kino', 'kino');
         insert into album (artist_id, title, title_key, sort_key, path, artwork_path)
            select id, 'One', 'one', 'one', 'artists/Kino/One', 'artists/Kino/One/cover.jpg' from artist;",
    )
    .await;
    let remote = format!("[box]\ntype = alias\nremote = {}\n", cloud.display());
    let settings = town.settings_mut();
    settings.secrets.rclone_config = Some(remote.into());
    settings.backup.destinations =
        vec![destination("disk", disk.to_str().unwrap()), destination("cloud", "box:family/barbossa")];
    (town, disk, cloud.join("family/barbossa"))
}

async fn make(town: &Town) -> PathBuf {
    backups::run(&town.app_as("backup"), Purpose::Routine, None, |_| {}).await.unwrap().path
}

async fn send(town: &Town) -> Vec<Sent> {
    backups::send(&town.app_as("send"), None, |_, _| {}).await.unwrap()
}

/// What lies there, by name; the marker and the lock left out.
fn names(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| ![MARKER, ".lock"].contains(&name.as_str()));
    names.sort();
    names
}

fn name_of(backup: &Path) -> String {
    backup.file_name().unwrap().to_str().unwrap().to_owned()
}

/// Another backup of an earlier day, whole, as if it had been made then.
fn as_of(backup: &Path, folder: &Path, name: &str) {
    let done = std::process::Command::new("cp").arg("-a").arg(backup).arg(folder.join(name)).status();
    assert!(done.unwrap().success());
}

#[tokio::test]
async fn a_backup_comes_to_each_destination_byte_for_byte_and_once() {
    let (town, disk, cloud) = house().await;
    let made = make(&town).await;
    let sent = send(&town).await;
    assert!(sent.iter().all(|s| s.outcome.as_ref().is_ok_and(|c| !c.was_there)), "{sent:?}");
    for place in [&disk, &cloud] {
        assert_eq!(names(place), [name_of(&made)], "{}", place.display());
        let copy = place.join(name_of(&made));
        assert_eq!(files_beneath(&copy), files_beneath(&made));
        for file in files_beneath(&made) {
            assert_eq!(std::fs::read(copy.join(&file)).unwrap(), std::fs::read(made.join(&file)).unwrap());
        }
    }
    let again = send(&town).await;
    assert!(again.iter().all(|s| s.outcome.as_ref().is_ok_and(|c| c.was_there)), "{again:?}");
    let rows: i64 = town.value("select count(*) from backup_copy where state = 'complete'").await;
    assert_eq!(rows, 2);
    let app = town.app();
    let client = app.db.get().await.unwrap();
    let states = backups::destinations(&client, &app.settings.backup.destinations).await.unwrap();
    let shown: Vec<_> = states.iter().map(|s| (s.name.as_str(), s.kind, s.kept, s.is_overdue)).collect();
    assert_eq!(shown, [("disk", "folder", 1, false), ("cloud", "remote", 1, false)]);
}

#[tokio::test]
async fn what_a_disk_has_already_takes_no_room_again() {
    let (town, disk, _) = house().await;
    let made = make(&town).await;
    as_of(&made, &disk, "barbossa-20250101T033000Z");
    send(&town).await;
    let inode = |name: &str| {
        let cover = disk.join(name).join("artwork/artists/Kino/One/cover.jpg");
        cover.metadata().unwrap().ino()
    };
    assert_eq!(inode("barbossa-20250101T033000Z"), inode(&name_of(&made)));
}

#[tokio::test]
async fn each_destination_lets_go_by_its_own_numbers() {
    let (mut town, disk, cloud) = house().await;
    let of = |keep: u32, destination: &mut Destination| {
        (destination.keep_daily, destination.keep_weekly, destination.keep_monthly) =
            (Some(keep), Some(0), Some(0));
    };
    of(1, &mut town.settings_mut().backup.destinations[0]);
    of(3, &mut town.settings_mut().backup.destinations[1]);
    let made = make(&town).await;
    std::fs::create_dir_all(&cloud).unwrap();
    for place in [&disk, &cloud] {
        for day in 1..=4 {
            as_of(&made, place, &format!("barbossa-2025010{day}T033000Z"));
        }
    }
    // One that lacks its manifest is none, and takes nobody's place.
    std::fs::remove_file(cloud.join("barbossa-20250104T033000Z/manifest.json")).unwrap();
    let sent = send(&town).await;
    let removed: Vec<usize> = sent.iter().map(|s| s.outcome.as_ref().unwrap().removed.len()).collect();
    assert_eq!(names(&disk), [name_of(&made)]);
    assert_eq!(
        names(&cloud),
        [
            "barbossa-20250102T033000Z".to_owned(),
            "barbossa-20250103T033000Z".to_owned(),
            "barbossa-20250104T033000Z".to_owned(),
            name_of(&made)
        ]
    );
    assert_eq!(removed, [4, 1]);
}

#[tokio::test]
async fn a_disk_that_is_not_mounted_is_refused_and_keeps_no_other_from_its_copy() {
    let (town, disk, cloud) = house().await;
    std::fs::remove_file(disk.join(MARKER)).unwrap();
    let made = make(&town).await;
    let sent = send(&town).await;
    let why = sent[0].outcome.as_ref().unwrap_err();
    assert!(why.contains("is its disk mounted?") && why.contains("touch"), "{why}");
    assert_eq!((names(&disk), names(&cloud)), (Vec::<String>::new(), vec![name_of(&made)]));
    let app = town.app();
    let report = app.kept::<Probes>().look(&app).await;
    assert_eq!(report.code("backups"), "copy_failed");
    // Back again, it gets what it lacks, and all is well; also when it was away once more and lacks nothing.
    for there in [vec![], vec![name_of(&made)]] {
        let _ = std::fs::remove_file(disk.join(MARKER));
        assert_eq!(names(&disk), there);
        assert!(send(&town).await[0].outcome.is_err());
        std::fs::write(disk.join(MARKER), "").unwrap();
        send(&town).await;
        let other = town.app();
        assert_eq!(other.kept::<Probes>().look(&other).await.code("backups"), "ok");
    }
    town.execute("update backup_copy set started_at = now() - interval '4 days', finished_at = now() - interval '4 days';
        update library set created_at = now() - interval '5 days';
        insert into restore_drill (name, state, finished_at) values ('x', 'proven', now())").await;
    let later = town.app();
    assert_eq!(later.kept::<Probes>().look(&later).await.code("backups"), "copy_overdue");
}

#[tokio::test]
async fn what_a_stopped_run_left_is_thrown_away_and_a_damaged_copy_is_carried_again() {
    let (town, disk, cloud) = house().await;
    let made = make(&town).await;
    std::fs::create_dir_all(&cloud).unwrap();
    for place in [&disk, &cloud] {
        let half = place.join(".barbossa-20250101T033000Z.tmp");
        std::fs::create_dir(&half).unwrap();
        std::fs::write(half.join("database.dump"), "half").unwrap();
        // The newest, as a copy that was cut off left it.
        as_of(&made, place, &name_of(&made));
        std::fs::write(place.join(name_of(&made)).join("database.dump"), "cut").unwrap();
        std::fs::write(place.join("mine.txt"), "a person's").unwrap();
    }
    let sent = send(&town).await;
    assert!(sent.iter().all(|s| s.outcome.is_ok()), "{sent:?}");
    for place in [&disk, &cloud] {
        assert_eq!(names(place), [name_of(&made), "mine.txt".to_owned()]);
        let dump = place.join(name_of(&made)).join("database.dump");
        assert_eq!(std::fs::read(dump).unwrap(), std::fs::read(made.join("database.dump")).unwrap());
    }
}

#[tokio::test]
async fn a_remote_that_refuses_is_told_without_its_secrets() {
    let (mut town, _, cloud) = house().await;
    let settings = town.settings_mut();
    settings.secrets.rclone_config =
        Some("[box]\ntype = webdav\nurl = http://127.0.0.1:1\npass = s3cr3t\n".to_owned().into());
    settings.backup.destinations.remove(0);
    make(&town).await;
    let sent = send(&town).await;
    let why = sent[0].outcome.as_ref().unwrap_err();
    assert!(!why.contains("s3cr3t") && why.contains("rclone"), "{why}");
    assert_eq!(names(&cloud), Vec::<String>::new());
    let row: String = town.value("select state || ' ' || error from backup_copy").await;
    assert!(row.starts_with("failed ") && !row.contains("s3cr3t"), "{row}");
}

#[tokio::test]
async fn a_backup_comes_back_from_any_destination() {
    let (mut town, disk, cloud) = house().await;
    let made = make(&town).await;
    send(&town).await;
    let kept = std::fs::read(made.join("database.dump")).unwrap();
    for name in ["disk", "cloud"] {
        std::fs::remove_dir_all(&made).unwrap();
        let app = town.app_as("restore");
        let listed = backups::list_at(&app, name).await.unwrap();
        assert_eq!(listed.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), [name_of(&made)]);
        let fetched = backups::fetch(&app, name, "newest").await.unwrap();
        assert_eq!(fetched.path, made);
        assert_eq!(std::fs::read(made.join("database.dump")).unwrap(), kept);
        assert_eq!(made.metadata().unwrap().mode() & 0o777, 0o700);
        assert_eq!(made.join("database.dump").metadata().unwrap().mode() & 0o777, 0o600);
        assert!(matches!(
            backups::fetch(&app, name, "barbossa-20200101T000000Z").await,
            Err(Error::NotFound(_))
        ));
    }
    // One that was damaged there does not come.
    std::fs::remove_dir_all(&made).unwrap();
    for place in [&disk, &cloud] {
        let dump = place.join(name_of(&made)).join("database.dump");
        let mut bytes = std::fs::read(&dump).unwrap();
        bytes[100] ^= 1;
        std::fs::write(dump, bytes).unwrap();
    }
    for name in ["disk", "cloud"] {
        let refused = backups::fetch(&town.app(), name, "newest").await.unwrap_err().to_string();
        assert!(refused.contains("database.dump"), "{refused}");
    }
    assert!(!made.exists());
    town.settings_mut().backup.destinations.clear();
}

#[tokio::test]
async fn the_program_restores_from_a_destination_and_lists_what_is_there() {
    let (town, disk, _) = house().await;
    town.execute("insert into app_user (username, username_key, password_hash) values ('Ada', 'ada', 'x')")
        .await;
    let made = make(&town).await;
    let conf = town.settings().backup_dir.with_file_name("conf.d");
    std::fs::create_dir_all(&conf).unwrap();
    let text = format!("[[backup.destinations]]\nname = \"disk\"\nto = \"{}\"\n", disk.display());
    std::fs::write(conf.join("destinations.toml"), text).unwrap();
    let (code, out, err) = run(barbossa(&town).args(["backup", "send"]));
    assert!(code == 0 && out.contains("carried"), "{out}{err}");
    let (code, out, err) = run(barbossa(&town).args(["backup", "status"]));
    assert!(code == 0 && out.contains("disk") && out.contains("complete"), "{out}{err}");
    std::fs::remove_dir_all(&made).unwrap();
    town.execute("delete from app_user").await;
    let (code, out, err) = run(barbossa(&town).args(["restore", "--from", "disk"]));
    assert!(code == 0 && out.contains(&name_of(&made)), "{out}{err}");
    let (code, out, err) = run(barbossa(&town).args(["restore", "--from", "disk", "newest", "--yes"]));
    assert!(code == 0 && out.contains("is the running database now"), "{out}{err}");
    let people: String = town.value("select string_agg(username, ',') from app_user").await;
    assert_eq!(people, "Ada");
}
