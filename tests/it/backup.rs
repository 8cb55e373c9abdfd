//! Backups: whole, checksummed and read to their end, or nothing with a backup's name.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use barbossa::backups::{self, Manifest, Purpose, Step, Tools};
use barbossa::error::Error;
use secrecy::ExposeSecret;

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
pub fn backups_of(town: &Town) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(&town.settings().backup_dir) else { return Vec::new() };
    let mut names: Vec<String> = entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name != ".lock");
    names.sort();
    names
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
    assert!(name.starts_with("barbossa-2") && name.ends_with('Z'), "{name}");
    assert_eq!(backups_of(&town), std::slice::from_ref(&name));
    assert_eq!(files_beneath(&made.path), ["database.dump", "manifest.json", "settings.json"]);
    assert_eq!(steps.borrow().last(), Some(&Step::Pruning));
    let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&made.path), 0o700);
    for file in files_beneath(&made.path) {
        assert_eq!(mode(&made.path.join(&file)), 0o600, "{file}");
    }

    let manifest = Manifest::read(&made.path).unwrap();
    let dump = made.path.join("database.dump");
    let sum = Command::new("sha256sum").arg(&dump).output().unwrap();
    let part = manifest.parts.iter().find(|p| p.path == "database.dump").unwrap();
    assert!(String::from_utf8(sum.stdout).unwrap().starts_with(&part.sha256), "sha256sum does not agree");
    assert_eq!(manifest.schema, barbossa::db::latest_version());
    let library: String = town.value("select id::text from library").await;
    assert_eq!(manifest.library.unwrap().to_string(), library);
    assert_eq!((manifest.tables["app_user"], manifest.tables["album"]), (1, 0));

    let text = Command::new(real("pg_restore"))
        .args(["--file=-", "--data-only", "--table=app_user"])
        .arg(&dump)
        .output();
    assert!(
        String::from_utf8(text.unwrap().stdout).unwrap().contains("Ada"),
        "the person is not in the backup"
    );
    let listed = backups::list(&app.db.get().await.unwrap(), 10).await.unwrap();
    assert_eq!((listed.len(), listed[0].state.as_str()), (1, "verified"));
    assert_eq!(listed[0].size_bytes, Some(made.size_bytes.try_into().unwrap()));
    assert!(listed[0].left_out[0].contains("backup.recipients"), "{:?}", listed[0].left_out);
}

#[tokio::test]
async fn the_rows_of_the_manifest_are_those_of_the_dump_while_others_write() {
    let town = with_a_person().await;
    let app = town.app_as("backup");
    let stop = tokio_util::sync::CancellationToken::new();
    let (writer, stopped) = (town.app_as("writer"), stop.clone());
    let writing = tokio::spawn(async move {
        let client = writer.db.get().await.unwrap();
        while !stopped.is_cancelled() {
            let sql = "insert into activity (action, entity_type) values ('heart', 'album')";
            client.batch_execute(sql).await.unwrap();
        }
    });
    let slow = format!("case $1 in --*) sleep 0.3;; esac; exec {} \"$@\"", real("pg_dump").display());
    let tools = tools_with_dump(&town.outside(), &slow);
    let made = backups::run(&app, Purpose::Routine, Some(tools), |_| {}).await.unwrap();
    stop.cancel();
    writing.await.unwrap();
    let text = Command::new(real("pg_restore"))
        .args(["--file=-", "--data-only", "--table=activity"])
        .arg(made.path.join("database.dump"))
        .output()
        .unwrap();
    let text = String::from_utf8(text.stdout).unwrap();
    let rows =
        text.lines().skip_while(|l| !l.starts_with("COPY")).skip(1).take_while(|l| *l != "\\.").count();
    let counted = Manifest::read(&made.path).unwrap().tables["activity"];
    assert_eq!(i64::try_from(rows).unwrap(), counted);
    let now: i64 = town.value("select count(*) from activity").await;
    assert!(now > counted, "nothing was written meanwhile: {now}");
}

#[tokio::test]
async fn pictures_lyrics_and_secrets_are_in_it() {
    let mut town = with_a_person().await;
    let key = age::x25519::Identity::generate();
    town.settings_mut().backup.recipients = vec![key.to_public().to_string()];
    town.settings_mut().secrets.plex_token = Some("s3cr3t".to_owned().into());
    let folder = town.music().join("artists/Ada/One");
    std::fs::create_dir_all(&folder).unwrap();
    for (name, text) in
        [("cover.jpg", "cover"), ("01 - A.lrc", "la"), ("01 - A.flac", "sound"), ("note.txt", "no")]
    {
        std::fs::write(folder.join(name), text).unwrap();
    }
    town.execute(
        "insert into artist (name, name_key, sort_name, sort_key) values ('Ada', 'ada', 'Ada', 'ada');
         insert into album (artist_id, title, title_key, sort_key, path, artwork_path)
            select id, 'One', 'one', 'one', 'artists/Ada/One', 'artists/Ada/One/cover.jpg' from artist;
         insert into track (album_id, title, title_key, track_number, path, size_bytes, modified_at, format, is_lossy)
            select id, 'A', 'a', 1, path || '/01 - A.flac', 5, now(), 'FLAC', false from album;",
    )
    .await;
    let app = town.app_as("backup");
    let made = backups::run(&app, Purpose::Routine, None, |_| {}).await.unwrap();
    assert_eq!(made.left_out, Vec::<String>::new());
    assert_eq!(
        files_beneath(&made.path),
        [
            "artwork/artists/Ada/One/cover.jpg",
            "database.dump",
            "lyrics/artists/Ada/One/01 - A.lrc",
            "manifest.json",
            "secrets.age",
            "settings.json"
        ]
    );
    let opened = backups::open_secrets(&made.path, key.to_string().expose_secret()).unwrap();
    assert_eq!(opened["barbossa.plex-token"], "s3cr3t");
    // Before a migration only what it can harm is kept.
    let made = backups::run(&app, Purpose::BeforeMigration(99), None, |_| {}).await.unwrap();
    assert_eq!(files_beneath(&made.path), ["database.dump", "manifest.json", "settings.json"]);
}

#[cfg(feature = "failpoints")]
#[tokio::test]
async fn a_disk_that_refuses_any_call_leaves_a_whole_backup_or_none() {
    use barbossa::files::faults::{self, Fault};
    let town = with_a_person().await;
    let app = town.app_as("backup");
    let dir = town.settings().backup_dir.clone();
    std::fs::create_dir_all(&dir).unwrap();
    faults::arm(&dir, usize::MAX, Fault::None);
    backups::run(&app, Purpose::Routine, None, |_| {}).await.unwrap();
    let calls = faults::disarm(&dir);
    assert!(calls.len() >= 12, "{calls:?}");
    for (n, call) in calls.iter().enumerate() {
        let before = backups_of(&town);
        faults::arm(&dir, n, Fault::Refuse(nix::errno::Errno::ENOSPC as i32));
        let ran = backups::run(&app, Purpose::Routine, None, |_| {}).await;
        faults::disarm(&dir);
        let error = ran.expect_err(call).to_string();
        assert_eq!(backups_of(&town), before, "call {n} ({call})");
        assert_eq!(last_row(&town).await, ("failed".to_owned(), error), "call {n} ({call})");
    }
    let verdicts = backups::verify(&app, None, |_| {}).await.unwrap();
    assert!(verdicts.len() == 1 && verdicts[0].problem.is_none(), "{verdicts:?}");
}

/// A dump as earlier versions made them.
fn single_file(town: &Town, name: &str) -> PathBuf {
    let path = town.settings().backup_dir.join(name);
    std::fs::create_dir_all(&town.settings().backup_dir).unwrap();
    let dumped =
        Command::new(real("pg_dump")).arg("--format=custom").arg(&town.settings().database_url).output();
    std::fs::write(&path, dumped.unwrap().stdout).unwrap();
    let sum = Command::new("sha256sum").arg(name).current_dir(path.parent().unwrap()).output().unwrap();
    std::fs::write(path.with_file_name(format!("{name}.sha256")), sum.stdout).unwrap();
    path
}

#[tokio::test]
async fn each_kind_of_backup_is_read_again_and_damage_is_told() {
    let town = with_a_person().await;
    let app = town.app_as("backup");
    let old = single_file(&town, "barbossa-20250101T033000Z.dump");
    let made = backups::run(&app, Purpose::Routine, None, |_| {}).await.unwrap();
    let problems = async || {
        let verdicts = backups::verify(&app, None, |_| {}).await.unwrap();
        verdicts.into_iter().map(|v| v.problem.unwrap_or_default()).collect::<Vec<_>>()
    };
    assert_eq!(problems().await, ["", ""]);
    // The old one has got its row, and stands in the list.
    let listed = backups::list(&app.db.get().await.unwrap(), 10).await.unwrap();
    assert_eq!(listed.len(), 2);
    assert!(listed.iter().all(|b| b.checked_at.is_some() && b.problem.is_none()), "{listed:?}");

    let flip = |path: &Path| {
        let mut bytes = std::fs::read(path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        std::fs::write(path, bytes).unwrap();
    };
    flip(&made.path.join("database.dump"));
    let bytes = std::fs::read(&old).unwrap();
    std::fs::write(&old, &bytes[..bytes.len() - 100]).unwrap();
    let said = problems().await;
    assert!(said[0].contains("database.dump has changed"), "{said:?}");
    assert!(said[1].contains("its checksum is another"), "{said:?}");
    let listed = backups::list(&app.db.get().await.unwrap(), 10).await.unwrap();
    assert!(listed.iter().all(|b| b.problem.is_some()), "{listed:?}");
    let one = backups::verify(&app, Some("barbossa-20250101T033000Z"), |_| {}).await.unwrap();
    assert_eq!(one.len(), 1);
    assert!(matches!(backups::verify(&app, Some("nothing"), |_| {}).await, Err(Error::NotFound(_))));
}

#[tokio::test]
async fn only_a_new_whole_backup_lets_old_ones_go() {
    let mut town = with_a_person().await;
    let keep = &mut town.settings_mut().backup;
    (keep.keep_daily, keep.keep_weekly, keep.keep_monthly) = (2, 0, 0);
    for day in 1..=5 {
        single_file(&town, &format!("barbossa-2025010{day}T033000Z.dump"));
    }
    // The newest of the old ones is damaged: no reason to let a whole one go for it.
    let newest = town.settings().backup_dir.join("barbossa-20250105T033000Z.dump");
    std::fs::write(&newest, "").unwrap();
    let app = town.app_as("backup");
    let tools = tools_with_dump(&town.outside(), "echo 'pg_dump: error: no space' >&2; exit 1");
    backups::run(&app, Purpose::Routine, Some(tools), |_| {}).await.unwrap_err();
    assert_eq!(backups_of(&town).len(), 10);
    let made = backups::run(&app, Purpose::Routine, None, |_| {}).await.unwrap();
    let names: Vec<String> = (1..=3).rev().map(|day| format!("barbossa-2025010{day}T033000Z.dump")).collect();
    assert_eq!(made.removed, names);
    let name = made.path.file_name().unwrap().to_str().unwrap().to_owned();
    let left: Vec<String> = backups_of(&town).into_iter().filter(|n| !has_extension(n, "sha256")).collect();
    assert_eq!(left, ["barbossa-20250104T033000Z.dump", "barbossa-20250105T033000Z.dump", &name]);
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
    assert_eq!(backups_of(&town).len(), 1);
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
    // Of one day the newest stays.
    assert_eq!(two.removed, [one.path.file_name().unwrap().to_str().unwrap()]);
    assert_eq!(backups_of(&town).len(), 1);
}
