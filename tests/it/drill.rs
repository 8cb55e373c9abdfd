//! The restore drill: what can be restored is proven, what cannot is told, and nothing is left behind.

use std::path::Path;

use barbossa::audio;
use barbossa::backups::{self, Purpose};
use barbossa::db::{Db, migrate};
use barbossa::health::Probes;
use sha2::Digest;

use crate::harness::audio::Song;
use crate::harness::{Town, postgres};

async fn with_a_track() -> Town {
    let town = Town::new().await;
    let folder = town.music().join("artists/Ada/One");
    std::fs::create_dir_all(&folder).unwrap();
    let file = Song::new("A").named("01 - A").write(&folder);
    let digest = audio::checksum_and_essence(&file).unwrap();
    town.execute(&format!(
        "insert into app_user (username, username_key, password_hash) values ('Ada', 'ada', '$argon2id$x');
         insert into artist (name, name_key, sort_name, sort_key) values ('Ada', 'ada', 'Ada', 'ada');
         insert into album (artist_id, title, title_key, sort_key, path)
            select id, 'One', 'one', 'one', 'artists/Ada/One' from artist;
         insert into track (album_id, title, title_key, track_number, path, size_bytes, modified_at, format, is_lossy, essence)
            select id, 'A', 'a', 1, path || '/01 - A.flac', 5, now(), 'FLAC', false, '{}' from album;",
        digest.essence
    ))
    .await;
    town
}

/// The tables in the scratch database of a town.
async fn tables_left(town: &Town) -> i64 {
    let app = town.app_as("look");
    let name = format!("{}_drill", app.db.config().get_dbname().unwrap());
    let client = app.db.beside(&name, 1).unwrap().get().await.unwrap();
    client.query_one("select count(*) from pg_tables where schemaname = 'public'", &[]).await.unwrap().get(0)
}

async fn code(town: &Town) -> String {
    let app = town.app_as("health");
    let report = app.kept::<Probes>().look(&app).await;
    let complaints = report.complaints();
    complaints.split(", ").find_map(|c| c.strip_prefix("backups ")).unwrap_or("ok").to_owned()
}

#[tokio::test]
async fn the_newest_backup_is_restored_counted_and_heard_and_nothing_is_left() {
    let town = with_a_track().await;
    let app = town.app_as("drill");
    let none = backups::drill(&app, None, |_| {}).await.unwrap_err();
    assert!(none.to_string().contains("There is no backup yet"), "{none}");
    assert_eq!(code(&town).await, "ok");
    town.execute("update library set created_at = now() - interval '10 days'").await;
    assert_eq!(code(&town).await, "restore_not_proven");

    let made = backups::run(&app, Purpose::Routine, None, |_| {}).await.unwrap();
    let drilled = backups::drill(&app, None, |_| {}).await.unwrap();
    assert_eq!((drilled.backup.path, drilled.files_checked), (made.path, 1));
    assert!(drilled.rows > 10, "{}", drilled.rows);
    assert_eq!(tables_left(&town).await, 0);
    let proof = backups::proof(&app.db.get().await.unwrap()).await.unwrap();
    assert!(proof.last_proven_restore.is_some() && !proof.is_overdue, "{proof:?}");
    assert_eq!(proof.last_drill.unwrap().rows_restored, Some(drilled.rows));
    let listed = backups::list(&app.db.get().await.unwrap(), 1).await.unwrap();
    assert!(listed[0].restored_at.is_some(), "{listed:?}");
    assert_eq!(code(&town).await, "ok");
}

#[tokio::test]
async fn what_cannot_be_restored_is_told_until_something_can() {
    let town = with_a_track().await;
    let app = town.app_as("drill");
    let made = backups::run(&app, Purpose::Routine, None, |_| {}).await.unwrap();
    // One row more than the dump has: as if rows were lost on the way.
    let path = made.path.join("manifest.json");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("\"app_user\": 1", "\"app_user\": 2")).unwrap();
    let failed = backups::drill(&app, None, |_| {}).await.unwrap_err().to_string();
    assert!(failed.contains("app_user has 1 rows, and the manifest says 2"), "{failed}");
    assert_eq!(tables_left(&town).await, 0);
    let proof = backups::proof(&app.db.get().await.unwrap()).await.unwrap();
    assert_eq!(proof.last_drill.unwrap().error, Some(failed));
    assert_eq!(code(&town).await, "restore_failed");
    backups::run(&app, Purpose::Routine, None, |_| {}).await.unwrap();
    backups::drill(&app, None, |_| {}).await.unwrap();
    assert_eq!(code(&town).await, "ok");
}

#[tokio::test]
async fn sound_that_is_another_than_the_backup_knows_is_told() {
    let town = with_a_track().await;
    let app = town.app_as("drill");
    backups::run(&app, Purpose::Routine, None, |_| {}).await.unwrap();
    let folder = town.music().join("artists/Ada/One");
    std::fs::remove_file(folder.join("01 - A.flac")).unwrap();
    Song::new("A").tone(1234).named("01 - A").write(&folder);
    let failed = backups::drill(&app, None, |_| {}).await.unwrap_err().to_string();
    assert!(failed.contains("01 - A.flac does not hold the sound"), "{failed}");
    // What was edited since is no fault of the backup.
    town.execute("update track set essence = 'another'").await;
    assert_eq!(backups::drill(&app, None, |_| {}).await.unwrap().files_checked, 0);
}

/// A database as the first release made it, with a person in it.
pub async fn at_schema_one() -> String {
    let url = postgres().bare_database().await;
    let first = concat!(env!("CARGO_MANIFEST_DIR"), "/src/db/migrations/0001_people_and_work.sql");
    let first = std::fs::read_to_string(first).unwrap();
    let sha256 = sha2::Sha256::digest(first.as_bytes()).to_vec();
    let client = Db::new(&url, "test", 1).unwrap().get().await.unwrap();
    let history = "create table schema_migration (version integer primary key, name text not null, sha256 bytea not null,
        applied_at timestamptz not null default now());
        insert into app_user (username, username_key, password_hash) values ('Ada', 'ada', 'x')";
    client.batch_execute(&format!("{first}; {history}")).await.unwrap();
    let insert = "insert into schema_migration values (1, 'people_and_work', $1)";
    client.execute(insert, &[&sha256]).await.unwrap();
    url
}

#[tokio::test]
async fn a_dump_of_an_earlier_version_is_brought_to_this_schema() {
    let town = Town::new().await;
    let url = at_schema_one().await;
    let dir = &town.settings().backup_dir;
    std::fs::create_dir_all(dir).unwrap();
    let dump = dir.join("barbossa-20250101T033000Z.dump");
    let mut program = std::process::Command::new("/usr/bin/pg_dump");
    program.arg("--format=custom").arg(&url);
    std::fs::write(&dump, program.output().unwrap().stdout).unwrap();
    write_sum(&dump);
    let app = town.app_as("drill");
    let drilled = backups::drill(&app, None, |_| {}).await.unwrap();
    assert!(drilled.backup.is_single_file && drilled.rows == 2, "{drilled:?}");
}

pub fn write_sum(dump: &Path) {
    let name = dump.file_name().unwrap().to_str().unwrap();
    let sum = std::process::Command::new("sha256sum").arg(name).current_dir(dump.parent().unwrap()).output();
    std::fs::write(dump.with_file_name(format!("{name}.sha256")), sum.unwrap().stdout).unwrap();
}

#[tokio::test]
async fn a_role_that_may_make_no_database_needs_only_the_empty_one() {
    let mut town = Town::new().await;
    let name = format!("plain_{}", std::process::id());
    let roots = town.settings().database_url.clone();
    let root = Db::new(&roots, "root", 1).unwrap().get().await.unwrap();
    root.batch_execute(&format!("create role {name} login nosuperuser nocreatedb")).await.unwrap();
    root.batch_execute(&format!("create database {name} owner {name} template template0")).await.unwrap();
    let base = postgres().url(&name);
    let url = base.replace("postgresql://barbossa@", &format!("postgresql://{name}@"));
    let db = Db::new(&url, "plain", 2).unwrap();
    migrate(&db, |_| {}).await.unwrap();
    town.settings_mut().database_url = url;
    let app = town.app_as("drill");
    backups::run(&app, Purpose::Routine, None, |_| {}).await.unwrap();
    let refused = backups::drill(&app, None, |_| {}).await.unwrap_err().to_string();
    assert!(refused.contains("systemctl start barbossa-provision"), "{refused}");
    root.batch_execute(&format!("create database {name}_drill owner {name} template template0"))
        .await
        .unwrap();
    for _ in 0..2 {
        backups::drill(&app, None, |_| {}).await.unwrap();
    }
    assert_eq!(tables_left(&town).await, 0);
}
