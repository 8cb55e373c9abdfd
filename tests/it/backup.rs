//! Backups: whole, checksummed and read to their end, or nothing with a backup's name.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use barbossa::backups::{self, Purpose, Step, Tools};
use barbossa::error::Error;

use crate::harness::{Town, files_beneath};

/// PostgreSQL's own programs, as the backup finds them.
fn real(program: &str) -> PathBuf {
    let mut found: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
        .unwrap()
        .map(|e| e.unwrap().path().join("bin").join(program))
        .filter(|p| p.exists())
        .collect();
    found.sort();
    found.pop().expect("Debian's postgresql-client is installed")
}

/// A folder with a `pg_dump` of our own beside the real `pg_restore`.
fn tools_with_dump(folder: &Path, script: &str) -> Tools {
    std::fs::create_dir_all(folder).unwrap();
    let dump = folder.join("pg_dump");
    std::fs::write(&dump, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&dump, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink(real("pg_restore"), folder.join("pg_restore")).unwrap();
    Tools::in_folder(folder)
}

/// What lies in the folder of the backups, the lock left out.
fn backups_of(town: &Town) -> Vec<String> {
    files_beneath(&town.settings().backup_dir).into_iter().filter(|f| f != ".lock").collect()
}

fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|e| e == extension)
}

async fn last_row(town: &Town) -> (String, String) {
    let text = "select state || '|' || coalesce(error, '') from backup order by id desc limit 1";
    let row: String = town.value(text).await;
    let (state, error) = row.split_once('|').unwrap();
    (state.to_owned(), error.to_owned())
}

async fn with_a_person() -> Town {
    let town = Town::new().await;
    town.execute(
        "insert into app_user (username, username_key, password_hash) values ('Ada', 'ada', '$argon2id$x')",
    )
    .await;
    town
}

#[tokio::test]
async fn a_backup_is_readable_closed_checksummed_and_written_down() {
    let town = with_a_person().await;
    let steps = std::cell::RefCell::new(Vec::new());
    let app = town.app_as("backup");
    let made = backups::run(&app, Purpose::Routine, None, |s| steps.borrow_mut().push(s)).await.unwrap();
    let name = made.path.file_name().unwrap().to_str().unwrap().to_owned();
    assert!(name.starts_with("barbossa-2") && name.ends_with("Z.dump"), "{name}");
    assert_eq!(backups_of(&town), [name.clone(), format!("{name}.sha256")]);
    assert_eq!(made.path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(steps.borrow().last(), Some(&Step::Finishing));

    let folder = &town.settings().backup_dir;
    let mut sum = Command::new("sha256sum");
    let sum = sum.args(["--check", "--strict"]).arg(format!("{name}.sha256")).current_dir(folder);
    assert!(sum_is_right(sum), "sha256sum does not agree");
    let list = Command::new(real("pg_restore")).arg("--list").arg(&made.path).output().unwrap();
    assert!(String::from_utf8(list.stdout).unwrap().contains("TABLE DATA public app_user"));
    let text = Command::new(real("pg_restore"))
        .args(["--file=-", "--data-only", "--table=app_user"])
        .arg(&made.path)
        .output();
    assert!(
        String::from_utf8(text.unwrap().stdout).unwrap().contains("Ada"),
        "the person is not in the backup"
    );

    let listed = backups::list(&app.db.get().await.unwrap(), 10).await.unwrap();
    assert_eq!((listed.len(), listed[0].state.as_str()), (1, "verified"));
    assert_eq!(listed[0].size_bytes, Some(made.size_bytes.try_into().unwrap()));
}

fn sum_is_right(command: &mut Command) -> bool {
    command.output().unwrap().status.success()
}

#[tokio::test]
async fn a_dump_cut_short_leaves_nothing_and_says_why() {
    let town = with_a_person().await;
    // It says that all went well: only reading it shows that its end is missing.
    let script = format!("{} \"$@\" | head -c 30000; exit 0", real("pg_dump").display());
    let tools = tools_with_dump(&town.outside(), &script);
    let failed =
        backups::run(&town.app_as("backup"), Purpose::Routine, Some(tools), |_| {}).await.unwrap_err();
    assert!(failed.to_string().contains("cannot be read"), "{failed:?}");
    assert_eq!(backups_of(&town), Vec::<String>::new());
    let (state, error) = last_row(&town).await;
    assert_eq!(state, "failed");
    assert!(error.contains("cannot be read"), "{error}");
}

#[tokio::test]
async fn a_dump_of_another_database_is_no_backup_of_this_one() {
    let town = with_a_person().await;
    let script = format!("exec {} \"$@\" --exclude-table-data=app_user", real("pg_dump").display());
    let tools = tools_with_dump(&town.outside(), &script);
    let failed =
        backups::run(&town.app_as("backup"), Purpose::Routine, Some(tools), |_| {}).await.unwrap_err();
    assert!(failed.to_string().contains("lacks the table app_user"), "{failed}");
    assert_eq!(backups_of(&town), Vec::<String>::new());
}

#[tokio::test]
async fn a_pg_dump_that_fails_leaves_nothing_and_its_reason() {
    let town = with_a_person().await;
    let tools = tools_with_dump(&town.outside(), "echo half; echo 'pg_dump: error: no space' >&2; exit 1");
    let failed =
        backups::run(&town.app_as("backup"), Purpose::Routine, Some(tools), |_| {}).await.unwrap_err();
    assert!(failed.to_string().contains("no space"), "{failed}");
    assert_eq!(backups_of(&town), Vec::<String>::new());
    assert!(last_row(&town).await.1.contains("no space"));
}

#[tokio::test]
async fn a_second_run_at_the_same_time_is_refused_and_the_first_goes_on() {
    let town = with_a_person().await;
    let script = format!("sleep 1; exec {} \"$@\"", real("pg_dump").display());
    let tools = tools_with_dump(&town.outside(), &script);
    let (one, two) = (town.app_as("one"), town.app_as("two"));
    let first = backups::run(&one, Purpose::Routine, Some(tools), |_| {});
    let second = async {
        tokio::time::sleep(Duration::from_millis(400)).await;
        backups::run(&two, Purpose::Routine, None, |_| {}).await
    };
    let (first, second) = tokio::join!(first, second);
    assert!(first.is_ok(), "{first:?}");
    assert!(matches!(second, Err(Error::Conflict(_))), "{second:?}");
    assert_eq!(backups_of(&town).len(), 2);
}

#[tokio::test]
async fn a_run_that_is_given_up_leaves_nothing_and_the_next_one_says_so() {
    let town = with_a_person().await;
    let tools = tools_with_dump(&town.outside(), "echo half; sleep 60");
    let app = town.app_as("backup");
    let run = backups::run(&app, Purpose::Routine, Some(tools), |_| {});
    assert!(tokio::time::timeout(Duration::from_millis(500), run).await.is_err());
    assert_eq!(backups_of(&town), Vec::<String>::new());
    backups::run(&app, Purpose::Routine, None, |_| {}).await.unwrap();
    let states: Vec<String> = town.value("select array_agg(state order by id) from backup").await;
    assert_eq!(states, ["failed", "verified"]);
}

#[tokio::test]
async fn what_a_killed_run_left_is_removed_by_the_next() {
    let town = with_a_person().await;
    let folder = &town.settings().backup_dir;
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join(".barbossa-20260101T000000Z.dump.tmp"), "half").unwrap();
    std::fs::write(folder.join("mine.txt"), "a person's").unwrap();
    let tidied = std::cell::Cell::new(false);
    let app = town.app_as("backup");
    backups::run(&app, Purpose::Routine, None, |s| tidied.set(tidied.get() || s == Step::Tidied(1)))
        .await
        .unwrap();
    assert!(tidied.get());
    let left = backups_of(&town);
    assert!(
        left.contains(&"mine.txt".to_owned()) && !left.iter().any(|f| has_extension(f, "tmp")),
        "{left:?}"
    );
}

#[tokio::test]
async fn two_backups_within_a_second_have_two_names() {
    let town = with_a_person().await;
    let app = town.app_as("backup");
    let one = backups::run(&app, Purpose::Routine, None, |_| {}).await.unwrap();
    let two = backups::run(&app, Purpose::Routine, None, |_| {}).await.unwrap();
    assert_ne!(one.path, two.path);
    assert_eq!(backups_of(&town).len(), 4);
}
