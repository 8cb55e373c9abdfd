//! `barbossa restore`: the real program puts a backup in the place of the running database, or nothing changes.

use std::path::{Path, PathBuf};

use barbossa::backups::{self, Manifest, Purpose};
use serde_json::Value;

use crate::cli::{barbossa, run};
use crate::drill::{at_schema_one, write_sum};
use crate::harness::{Town, files_beneath, postgres};

const ADA: &str = "insert into app_user (username, username_key, password_hash) values ('Ada', 'ada', 'x');
    insert into artist (name, name_key, sort_name, sort_key) values ('Kino', 'kino', 'Kino', 'kino');
    insert into album (artist_id, title, title_key, sort_key, path, artwork_path)
        select id, 'One', 'one', 'one', 'artists/Kino/One', 'artists/Kino/One/cover.jpg' from artist;
    insert into track (album_id, title, title_key, track_number, path, size_bytes, modified_at, format, is_lossy)
        select id, 'A', 'a', 1, path || '/01 - A.flac', 5, now(), 'FLAC', false from album;
    insert into heart (user_id, album_id) select u.id, a.id from app_user u, album a;
    insert into heartbeat (role, host, pid, status, version, started_at, seen_at) values ('api', 'h', 1, '', '0', now(), now());";
/// What happened after the backup.
const LATER: &str = "delete from heartbeat; delete from app_user; delete from artist;
    insert into app_user (username, username_key, password_hash) values ('Bob', 'bob', 'x');";

/// A household with a backup of Ada's, in which Bob lives now.
async fn house() -> (Town, PathBuf) {
    let town = Town::new().await;
    let folder = town.music().join("artists/Kino/One");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("cover.jpg"), "cover").unwrap();
    town.execute(ADA).await;
    let made = backups::run(&town.app_as("backup"), Purpose::Routine, None, |_| {}).await.unwrap();
    town.execute(LATER).await;
    (town, made.path)
}

async fn people(town: &Town) -> String {
    town.value("select coalesce(string_agg(username, ',' order by username), '') from app_user").await
}

/// The databases of a town besides the running one.
async fn others(town: &Town) -> Vec<String> {
    let live = live(town);
    let sql = format!(
        "select coalesce(array_agg(datname::text order by 1), '{{}}') from pg_database
        where starts_with(datname, '{live}_')"
    );
    town.value(&sql).await
}

fn live(town: &Town) -> String {
    town.settings().database_url.rsplit('/').next().unwrap().to_owned()
}

#[tokio::test]
async fn a_restore_brings_everything_back_and_keeps_what_was_there() {
    let (town, made) = house().await;
    let cover = town.music().join("artists/Kino/One/cover.jpg");
    std::fs::remove_file(&cover).unwrap();
    let (code, out, err) = run(barbossa(&town).arg("restore"));
    assert!(code == 0 && out.contains("barbossa-2") && out.contains("barbossa restore NAME"), "{out}{err}");
    let (code, out, err) = run(barbossa(&town).args(["restore", "newest"]));
    assert_eq!(code, 2, "{out}{err}");
    assert!(out.contains("whole") && out.contains("users") && err.contains("use --yes"), "{out}{err}");
    assert_eq!((people(&town).await.as_str(), others(&town).await.len()), ("Bob", 0));

    let (code, out, err) = run(barbossa(&town).args(["restore", "newest", "--yes"]));
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("is the running database now") && out.contains("1 file of pictures"), "{out}");
    assert_eq!(people(&town).await, "Ada");
    assert_eq!(std::fs::read(&cover).unwrap(), b"cover");
    // Ada's folder will be made to follow her hearts.
    assert_eq!(town.value::<i64>("select count(*) from link_pending").await, 1);
    let jobs = "select count(*) from job where kind = 'hearts.reconcile_links' and state = 'available'";
    assert_eq!(town.value::<i64>(jobs).await, 1);
    assert_eq!(town.value::<i64>("select count(*) from heartbeat").await, 0, "who was alive then is not now");
    // The restored database knows the backup that it came from, and that it can be restored.
    let known = "select state || ',' || (restored_at is not null) || ',' || path from backup";
    assert_eq!(town.value::<String>(known).await, format!("verified,true,{}", made.display()));

    let kept = others(&town).await;
    assert!(kept.len() == 1 && kept[0].contains("_before_restore_2"), "{kept:?}");
    let before = town.app_as("look").db.beside(&kept[0], 1).unwrap().get().await.unwrap();
    let bob: String = before.query_one("select username from app_user", &[]).await.unwrap().get(0);
    assert_eq!(bob, "Bob");
    drop(before);
    assert_eq!(run(barbossa(&town).args(["restore", "--forget-old"])).0, 2, "forgotten without being asked");
    let (code, out, _) = run(barbossa(&town).args(["restore", "--forget-old", "--yes"]));
    assert!(code == 0 && out.contains("1 database forgotten"), "{out}");
    assert_eq!(others(&town).await, Vec::<String>::new());
}

#[cfg(feature = "failpoints")]
#[tokio::test]
async fn a_failure_or_a_kill_at_any_step_leaves_the_old_state_or_the_new_one() {
    let (town, _) = house().await;
    for step in ["checked", "created", "restored", "swapping"] {
        for how in ["fail", "kill"] {
            let mut command = barbossa(&town);
            command
                .args(["restore", "newest", "--yes"])
                .env("BARBOSSA_RESTORE_STOP", format!("{how} {step}"));
            let ended = command.output().unwrap();
            assert!(!ended.status.success(), "{how} {step}");
            assert_eq!(people(&town).await, "Bob", "{how} {step}");
            let left = others(&town).await;
            assert!(left.iter().all(|name| name.ends_with("_restored")), "{how} {step}: {left:?}");
            assert!(how == "kill" || left.is_empty(), "{how} {step}: {left:?}");
        }
    }
    for how in ["fail", "kill"] {
        let mut command = barbossa(&town);
        command.args(["restore", "newest", "--yes"]).env("BARBOSSA_RESTORE_STOP", format!("{how} swapped"));
        assert!(!command.output().unwrap().status.success());
        assert_eq!(people(&town).await, "Ada");
        town.execute(LATER).await;
    }
    // Whatever was left is in nobody's way.
    let (code, out, err) = run(barbossa(&town).args(["restore", "newest", "--yes"]));
    assert_eq!(code, 0, "{out}{err}");
    assert_eq!(people(&town).await, "Ada");
    let left = others(&town).await;
    assert!(left.iter().all(|name| name.contains("_before_restore_")), "{left:?}");
}

#[tokio::test]
async fn what_is_damaged_or_from_the_future_is_refused_and_nothing_is_touched() {
    let (town, made) = house().await;
    let name = made.file_name().unwrap().to_str().unwrap();
    let path = made.join("manifest.json");
    let text = std::fs::read_to_string(&path).unwrap();
    let schema = format!("\"schema\": {}", Manifest::read(&made).unwrap().schema);
    let dump = made.join("database.dump");
    let whole = std::fs::read(&dump).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for (manifest, bytes, said) in [
        (text.clone(), whole[..whole.len() - 9].to_vec(), "database.dump has"),
        (text.clone(), flipped, "database.dump has changed"),
        (text.replace(&schema, "\"schema\": 9999"), whole.clone(), "install the newer Barbossa first"),
        (text.replace("\"app_user\": 1", "\"app_user\": 2"), whole.clone(), "app_user has 1 rows"),
    ] {
        std::fs::write(&path, manifest).unwrap();
        std::fs::write(&dump, bytes).unwrap();
        let (code, out, err) = run(barbossa(&town).args(["restore", name, "--yes"]));
        assert_eq!(code, 1, "{said}: {out}{err}");
        assert!(err.contains(said), "{said}: {err}");
        assert_eq!((people(&town).await.as_str(), others(&town).await.len()), ("Bob", 0), "{said}");
    }
    let (code, _, err) = run(barbossa(&town).args(["restore", "barbossa-2020", "--yes"]));
    assert!(code == 5 && err.contains("backup list"), "{err}");
}

#[tokio::test]
async fn a_dump_of_the_first_version_is_restored_where_no_database_is_yet() {
    let town = Town::new().await;
    let stick = town.outside();
    std::fs::create_dir_all(&stick).unwrap();
    let dump = stick.join("barbossa-20250101T033000Z.dump");
    let mut program = std::process::Command::new("/usr/bin/pg_dump");
    std::fs::write(&dump, program.arg("--format=custom").arg(at_schema_one().await).output().unwrap().stdout)
        .unwrap();
    write_sum(&dump);
    let name = format!("{}_elsewhere", live(&town));
    let url = postgres().url(&name);
    let mut command = barbossa(&town);
    let (code, out, err) =
        run(command.args(["restore", "--yes", "--json"]).arg(&dump).env("DATABASE_URL", &url));
    assert_eq!(code, 0, "{out}{err}");
    assert!(out.contains("There is no database"), "{out}");
    let report: Value = serde_json::from_str(&out[out.find('{').unwrap()..]).unwrap();
    let here = town.settings().backup_dir.join("barbossa-20250101T033000Z.dump");
    assert_eq!(report["backup"], here.to_str().unwrap());
    assert_eq!(
        files_beneath(here.parent().unwrap()),
        ["barbossa-20250101T033000Z.dump", "barbossa-20250101T033000Z.dump.sha256"]
    );
    let db = barbossa::db::Db::new(&url, "look", 1).unwrap().get().await.unwrap();
    let row = db.query_one("select username, (select max(version) from schema_migration) from app_user", &[]);
    let row = row.await.unwrap();
    assert_eq!((row.get::<_, &str>(0), row.get::<_, i32>(1)), ("Ada", barbossa::db::latest_version()));
}

#[tokio::test]
async fn a_strange_music_folder_is_told_and_never_taken_for_the_librarys() {
    let (town, made) = house().await;
    let app = town.app_as("restore");
    town.execute("delete from app_user").await;
    town.execute(ADA).await;
    let backup = backups::find(Path::new("/"), made.to_str().unwrap()).unwrap();
    let marker = town.music().join(".barbossa-library");
    let ours = std::fs::read_to_string(&marker).unwrap();
    assert_eq!(backups::settle_after(&app, &backup).await.unwrap().music, None);
    // Another library's music lies there.
    let other = "6f9619ff-8b86-d011-b42d-00cf4fc964ff\n";
    std::fs::write(&marker, other).unwrap();
    let said = backups::settle_after(&app, &backup).await.unwrap().music.unwrap();
    assert!(said.contains("another library") && said.contains(ours.trim()), "{said}");
    assert_eq!(std::fs::read_to_string(&marker).unwrap(), other);
    // A fresh installation's empty folder: its mark goes, and nothing looks as if all had vanished.
    std::fs::remove_dir_all(town.music().join("artists")).unwrap();
    let said = backups::settle_after(&app, &backup).await.unwrap().music.unwrap();
    assert!(said.contains("bring it into this folder") && !marker.exists(), "{said}");
}
