//! The command line: the real program, with its exit statuses, and what it says.

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use barbossa::auth::{self, Verdict};
use barbossa::{jobs, library};
use serde_json::Value;

use crate::harness::{Town, files_beneath, postgres};

/// The program with this town's settings and nothing else of our environment.
pub fn barbossa(town: &Town) -> Command {
    let settings = town.settings();
    let file = settings.backup_dir.with_file_name("barbossa.toml");
    if !file.exists() {
        std::fs::write(&file, "").unwrap();
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_barbossa"));
    command.env_clear().env("PATH", "/usr/bin:/bin").env("BARBOSSA_CONFIG", file).env("BARBOSSA_USER", "");
    command.env("DATABASE_URL", &settings.database_url).env("REDIS_URL", &settings.redis_url);
    command.env("MUSIC_PATH", &settings.music_path).env("BACKUP_DIR", &settings.backup_dir);
    command.env("JWT_SECRET", "QmFyYm9zc2EgaXMgYSBob3VzZWhvbGQgb2YgbXVzaWM");
    // A home of nobody, so that no login of the developer's is used.
    command.env("HOME", settings.backup_dir.with_file_name("home"));
    command.env("BARBOSSA_URL", format!("unix:{}", town.door().display()));
    command.stdin(Stdio::null());
    command
}

pub fn run(command: &mut Command) -> (i32, String, String) {
    seen(&command.output().unwrap())
}

fn seen(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

pub fn run_with_input(command: &mut Command, input: &str) -> (i32, String, String) {
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    seen(&child.wait_with_output().unwrap())
}

#[tokio::test]
async fn check_config_says_all_that_is_wrong_at_once_and_exits_1() {
    let town = Town::new().await;
    let command = |town: &Town| {
        let mut command = barbossa(town);
        command.arg("check-config").env("MUSIC_PATH", "music").env("LOG_LEVEL", "chatty");
        command.env("DATABASE_URL", "postgresql+asyncpg://barbossa:s3cr3t@db:5432/barbossa");
        command.env("JWT_SECRET", "change-me-in-production").env("LIDARR_URL", "localhost:8686");
        command
    };
    let (code, out, err) = run(&mut command(&town));
    assert_eq!(code, 1, "{out}{err}");
    for key in ["music_path", "log_level", "database_url", "jwt-secret", "lidarr.url"] {
        assert!(err.contains(&format!("error: {key}: ")), "{key} not in\n{err}");
    }
    assert!(err.contains("[MUSIC_PATH in the environment]"), "{err}");
    assert!(!err.contains("s3cr3t") && !err.contains("change-me"), "a secret was shown:\n{err}");
    let (code, out, _) = run(command(&town).arg("--json"));
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &report["ok"]), (1, &Value::Bool(false)));
    assert!(report["problems"].as_array().unwrap().len() >= 5 && !out.contains("s3cr3t"), "{out}");
}

#[tokio::test]
async fn check_config_lets_warnings_pass_and_is_quiet_when_all_is_well() {
    let town = Town::new().await;
    let (code, out, err) = run(barbossa(&town).args(["check-config", "--quiet"]));
    assert_eq!((code, out.as_str(), err.as_str()), (0, "", ""));
    let (code, out, err) =
        run(barbossa(&town).args(["check-config", "--quiet"]).env("MUSIC_PATH", "/nowhere/music"));
    assert_eq!((code, out.as_str()), (0, ""));
    assert!(err.starts_with("warning: music_path: /nowhere/music is not there"), "{err}");
}

#[tokio::test]
async fn an_old_env_file_is_judged_alone() {
    let town = Town::new().await;
    let env = town.settings().backup_dir.with_file_name(".env");
    std::fs::write(&env, "MUSIC_PATH=/nowhere\nDB_PASSWORD=x\nREDIS_URL=redis://redis:6379/0\nnonsense\n")
        .unwrap();
    let (code, _, err) =
        run(barbossa(&town).args(["check-config", "--env-file"]).arg(&env).env("LOG_LEVEL", "chatty"));
    assert_eq!(code, 1);
    for (what, line) in [("music_path", 1), ("DB_PASSWORD", 2), ("redis_url", 3), ("no NAME=value", 4)] {
        let place = format!(".env, line {line}]");
        assert!(err.lines().any(|l| l.contains(what) && l.contains(&place)), "{what} {place} not in\n{err}");
    }
    assert!(!err.contains("chatty"), "the environment was judged, too:\n{err}");
}

#[tokio::test]
async fn people_are_added_listed_given_another_password_and_removed() {
    let town = Town::new().await;
    let user = |args: &[&str], input: &str| run_with_input(barbossa(&town).arg("user").args(args), input);
    let (code, out, err) = user(&["add", "Ada", "--admin", "--password-stdin"], "first of all\n");
    assert_eq!((code, out.as_str()), (0, "Ada may log in now (admin).\n"), "{err}");
    assert_eq!(user(&["add", "ada", "--password-stdin"], "another one\n").0, 1, "two spellings, one login");
    let (code, _, err) = user(&["add", "Bob", "--password-stdin"], "short\n");
    assert_eq!(code, 2, "{err}");
    assert_eq!(user(&["add", "../etc", "--password-stdin"], "first of all\n").0, 2);
    assert_eq!(user(&["add", "Cleo"], "").0, 2, "a password was asked for without a terminal");
    assert_eq!(user(&["add", "Bob", "--password-stdin"], "second of all\n").0, 0);

    let users: Value = serde_json::from_str(&user(&["list", "--json"], "").1).unwrap();
    assert_eq!(users.as_array().unwrap().len(), 2, "{users}");
    assert!(users[0]["is_admin"].as_bool().unwrap() && !users.to_string().contains("argon2"), "{users}");
    let (_, out, _) = user(&["list"], "");
    assert!(out.starts_with("NAME") && out.contains("Ada") && out.contains("member"), "{out}");

    assert_eq!(user(&["password", "BOB", "--password-stdin"], "third of all\n").0, 0);
    let app = town.app_as("test");
    let verify = async |password: &str| auth::verify(&app, "Bob", &password.into()).await.unwrap();
    assert!(matches!(verify("third of all").await, Verdict::Right(_)));
    assert!(matches!(verify("second of all").await, Verdict::WrongPassword { .. }));

    assert_eq!(user(&["remove", "Bob"], "").0, 2, "removed without being asked");
    assert_eq!(user(&["remove", "Bob", "--yes"], "").0, 0);
    assert_eq!(user(&["remove", "Bob", "--yes"], "").0, 5);
    assert_eq!(user(&["remove", "Ada", "--yes"], "").0, 2, "the last admin was removed");
}

#[tokio::test]
async fn a_backup_is_made_and_listed() {
    let town = Town::new().await;
    let (code, out, err) = run(barbossa(&town).args(["backup", "run"]));
    assert_eq!(code, 0, "{err}");
    assert!(out.contains("Z: ") && out.contains("verified") && out.contains("backup.recipients"), "{out}");
    let (_, out, _) = run(barbossa(&town).args(["backup", "list"]));
    assert!(out.contains("verified") && out.contains("barbossa-2"), "{out}");
    let (code, out, err) = run(barbossa(&town).args(["backup", "verify"]));
    assert!(code == 0 && out.contains("whole"), "{out}{err}");
    let made: Value =
        serde_json::from_str(&run(barbossa(&town).args(["backup", "run", "--json"])).1).unwrap();
    assert!(Path::new(made["path"].as_str().unwrap()).exists());
}

#[tokio::test]
async fn without_postgresql_each_command_says_so_and_exits_6() {
    let town = Town::new().await;
    for args in [&["backup", "run"][..], &["migrate"]] {
        let mut command = barbossa(&town);
        command.args(args).env("DATABASE_URL", "postgresql://barbossa@%2Fnowhere/barbossa");
        let (code, _, err) = run(&mut command);
        assert_eq!(code, 6, "{args:?}: {err}");
        assert!(
            err.contains("PostgreSQL does not answer") && err.contains("systemctl status"),
            "{args:?}: {err}"
        );
    }
    assert_eq!(files_beneath(&town.settings().backup_dir), Vec::<String>::new());
}

#[tokio::test]
async fn without_the_api_a_command_says_so_and_exits_6() {
    let town = Town::new().await;
    for (url, hint) in [("unix:/nowhere/api.sock", true), ("http://127.0.0.1:1", false)] {
        let (code, _, err) = run(barbossa(&town).args(["user", "list"]).env("BARBOSSA_URL", url));
        assert_eq!(code, 6, "{err}");
        assert!(err.contains(&format!("{url} does not answer")), "{err}");
        assert_eq!(err.contains("systemctl status barbossa-api"), hint, "{err}");
    }
    let (code, _, err) = run(barbossa(&town).args(["user", "list", "--api-url", "music.example.org"]));
    assert!(code == 2 && err.contains("https://"), "{code} {err}");
}

/// A member and an admin, each with this password.
async fn people(town: &Town) {
    let app = town.app_as("test");
    let client = app.db.get().await.unwrap();
    for (username, is_admin) in [("Ada", true), ("Bob", false)] {
        let new = auth::NewUser { username, password: &"a long password".into(), is_admin };
        auth::create_user(&client, new).await.unwrap();
    }
}

#[tokio::test]
async fn a_login_is_remembered_for_its_own_barbossa_and_ends_with_a_logout() {
    use std::os::unix::fs::PermissionsExt;
    let town = Town::new().await;
    people(&town).await;
    let home = town.settings().backup_dir.with_file_name("home");
    std::fs::create_dir(&home).unwrap();
    let log_in = |password: &str| {
        run_with_input(barbossa(&town).args(["auth", "login", "bob", "--password-stdin"]), password)
    };
    let (code, _, err) = log_in("not the password\n");
    assert!(code == 3 && err.contains("Invalid username or password"), "{code} {err}");
    let (code, out, err) = log_in("a long password\n");
    assert!(code == 0 && out.starts_with("Bob is logged in at unix:"), "{out}{err}");
    let file = home.join(".barbossa/token.json");
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    assert!(!out.contains("barbossa_") && !err.contains("token"), "{out}{err}");

    let (code, out, _) = run(barbossa(&town).args(["auth", "whoami"]));
    assert!(code == 0 && out.starts_with("Bob (member) at "), "{out}");
    let (code, _, err) = run(barbossa(&town).args(["user", "list"]));
    assert!(code == 4 && err.contains("Admin access required") && err.contains("sudo"), "{code} {err}");
    // Another Barbossa is not shown it.
    let elsewhere = town.door().with_file_name("other.sock");
    std::os::unix::fs::symlink(town.door(), &elsewhere).unwrap();
    let other = format!("unix:{}", elsewhere.display());
    let (code, out, _) = run(barbossa(&town).args(["auth", "whoami"]).env("BARBOSSA_URL", other));
    assert!(code == 0 && out.starts_with("root (admin)"), "{out}");

    assert_eq!(run(barbossa(&town).args(["auth", "logout"])).0, 0);
    assert!(!file.exists());
    assert_eq!(town.value::<i64>("select count(*) from session").await, 0, "it has ended there, too");
    assert_eq!(run(barbossa(&town).args(["auth", "logout"])).0, 3);
}

#[tokio::test]
async fn root_hearts_for_a_person_and_the_library_is_shown_as_they_see_it() {
    let town = Town::new().await;
    people(&town).await;
    town.execute(
        "insert into artist (name, sort_name, sort_key, name_key) values ('Björk', 'Björk', 'bjork', 'bjork');
         insert into album (artist_id, title, title_key, sort_key, year, path, total_tracks, available_tracks)
            select id, 'Debut', 'debut', 'debut', 1993, 'artists/Björk/Debut (1993)', 11, 11 from artist",
    )
    .await;
    let id: i64 = town.value("select id from album").await;
    let bob = |args: &[&str]| run(barbossa(&town).args(["--as", "bob"]).args(args));
    let (code, _, err) = run(barbossa(&town).args(["heart", "album", &id.to_string()]));
    assert!(code == 2 && err.contains("say whose is meant"), "{code} {err}");
    let (code, out, err) = bob(&["heart", "album", &id.to_string()]);
    assert_eq!((code, out), (0, format!("{id}: Album added to library\n")), "{err}");
    let (_, out, _) = bob(&["library", "list"]);
    assert!(out.contains("♥ Debut") && out.ends_with("1 album, page 1 of 1.\n"), "{out}");
    let (_, out, _) = bob(&["library", "artists", "--letter", "b"]);
    assert!(out.contains("Björk"), "{out}");
    let (_, out, _) = bob(&["library", "album", &id.to_string(), "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["is_hearted"], true);
    let (code, out, _) = bob(&["unheart", "album", &id.to_string()]);
    assert_eq!((code, out), (0, format!("{id}: Album removed from library\n")));
    let (code, _, err) = bob(&["library", "album", "999"]);
    assert!(code == 5 && err.contains("Album not found"), "{code} {err}");
    assert_eq!(bob(&["user", "list"]).0, 4, "with the rights of whom it acts for");
    assert_eq!(run(barbossa(&town).args(["--as", "nobody", "library", "list"])).0, 2);
}

#[tokio::test]
async fn the_shell_is_offered_the_real_names() {
    let town = Town::new().await;
    people(&town).await;
    let tab = |words: &[&str]| {
        let mut command = barbossa(&town);
        command.env("COMPLETE", "bash").env("_CLAP_IFS", "\n").args(["--", "barbossa"]).args(words);
        run(command.env("_CLAP_COMPLETE_INDEX", words.len().to_string()))
    };
    let (code, out, err) = tab(&["user", "remove", ""]);
    assert_eq!(code, 0, "{err}");
    assert!(out.lines().any(|l| l == "Ada") && out.lines().any(|l| l == "Bob"), "{out}");
    let (_, out, _) = tab(&["user", "remove", "B"]);
    assert!(!out.contains("Ada") && out.contains("Bob"), "{out}");
    let (_, out, _) = tab(&["lib"]);
    assert_eq!(out.trim(), "library");
}

#[tokio::test]
async fn jobs_are_listed_shown_cancelled_and_tried_again() {
    let town = Town::new().await;
    people(&town).await;
    town.execute("insert into job (queue, kind, payload) values ('maintenance', 'jobs.vacuum', '{}')").await;
    let id = town.value::<i64>("select id from job").await.to_string();
    let jobs = |args: &[&str]| run(barbossa(&town).arg("jobs").args(args));
    let (_, out, err) = jobs(&["list"]);
    assert!(out.contains("jobs.vacuum") && out.contains("available"), "{out}{err}");
    let (_, out, _) = jobs(&["queues"]);
    assert!(out.lines().any(|line| line.starts_with("maintenance  ")), "{out}");
    assert_eq!(jobs(&["cancel", &id]).0, 0);
    assert_eq!(jobs(&["cancel", &id]).0, 1, "it has ended already");
    assert_eq!(town.value::<String>("select state from job").await, "cancelled");
    assert_eq!(jobs(&["retry", &id]).0, 0);
    assert_eq!(town.value::<String>("select state from job").await, "available");
    assert_eq!(jobs(&["show", "999"]).0, 5);
    let (_, out, _) = jobs(&["show", &id, "--json"]);
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["kind"], "jobs.vacuum");
    let bob = run(barbossa(&town).args(["--as", "Bob", "jobs", "show", &id, "--json"])).1;
    assert!(!bob.contains("payload") && bob.contains("available"), "{bob}");
    assert_eq!(run(barbossa(&town).args(["--as", "Bob", "jobs", "list"])).0, 4);
}

#[tokio::test]
async fn migrations_are_told_step_by_step_and_once() {
    let town = Town::new().await;
    let url = postgres().bare_database().await;
    let (code, out, err) = run(barbossa(&town).arg("migrate").env("DATABASE_URL", &url));
    assert_eq!(code, 0, "{err}");
    assert!(
        out.contains("migration 1 (people_and_work) done") && out.contains("the schema is at version"),
        "{out}"
    );
    assert!(!out.contains("dump"), "an empty database was dumped: {out}");
    let (_, out, _) = run(barbossa(&town).arg("migrate").env("DATABASE_URL", &url));
    assert!(out.starts_with("the schema is at version") && out.contains("already"), "{out}");
}

#[tokio::test]
async fn before_a_migration_what_is_there_is_dumped() {
    use sha2::Digest;
    let town = Town::new().await;
    let url = postgres().bare_database().await;
    let first = concat!(env!("CARGO_MANIFEST_DIR"), "/src/db/migrations/0001_people_and_work.sql");
    let first = std::fs::read_to_string(first).unwrap();
    let sha256 = sha2::Sha256::digest(first.as_bytes()).to_vec();
    let client = barbossa::db::Db::new(&url, "test", 1).unwrap().get().await.unwrap();
    let history = "create table schema_migration (version integer primary key, name text not null, sha256 bytea not null,
        applied_at timestamptz not null default now())";
    client.batch_execute(&format!("{first}; {history}")).await.unwrap();
    client
        .execute("insert into schema_migration values (1, 'people_and_work', $1)", &[&sha256])
        .await
        .unwrap();
    client
        .batch_execute(
            "insert into app_user (username, username_key, password_hash) values ('Ada', 'ada', 'x')",
        )
        .await
        .unwrap();
    let (code, out, err) = run(barbossa(&town).arg("migrate").env("DATABASE_URL", &url));
    assert_eq!(code, 0, "{out}{err}");
    let dump = files_beneath(&town.settings().backup_dir)
        .into_iter()
        .find(|f| Path::new(f).extension().is_some_and(|e| e == "dump"))
        .unwrap();
    assert!(dump.starts_with("before-migration-2-"), "{dump}");
}

#[tokio::test]
async fn status_is_a_table_for_people_and_json_for_programs() {
    let town = Town::new().await;
    town.execute(
        "insert into heartbeat (role, host, pid, status, version, started_at, seen_at)
         values ('worker', 'h', 7, '3 jobs running, 12 waiting', '0.1.0', now() - interval '2 hours', now() - interval '1 minute')",
    )
    .await;
    let (code, out, err) = run(barbossa(&town).arg("status"));
    assert_eq!(code, 1, "{err}");
    assert!(out.contains("3 jobs running, 12 waiting") && out.contains("1 min ago: late"), "{out}");
    assert!(out.starts_with(&format!("Barbossa {}: LOOK\n", env!("CARGO_PKG_VERSION"))), "{out}");
    let report: Value = serde_json::from_str(&run(barbossa(&town).args(["status", "--json"])).1).unwrap();
    assert_eq!((&report["roles"][0]["is_late"], &report["redis"]), (&Value::Bool(true), &Value::Bool(true)));
    assert!(report["space"]["free_bytes"].as_u64().unwrap() > 0, "{report}");
    let complaints = report["complaints"].as_array().unwrap();
    assert!(complaints.iter().any(|c| c["what"] == "worker: stale" && c["verdict"] == "warning"), "{report}");
}

#[tokio::test]
async fn status_exits_as_monitoring_plugins_do() {
    let town = Town::new().await;
    let heard = "insert into heartbeat (role, host, pid, status, version, started_at, seen_at)
        select role, 'h', 1, 'idle', '0.1.0', now(), now()
        from unnest(array['api', 'worker', 'fetch', 'beat', 'watcher']) role";
    town.execute(heard).await;
    let (code, out, _) = run(barbossa(&town).arg("status"));
    assert!(code == 0 && out.contains(": all is well\n"), "{code} {out}");
    std::fs::remove_file(town.music().join(".barbossa-library")).unwrap();
    let (code, out, _) = run(barbossa(&town).arg("status"));
    assert!(code == 2 && out.contains(": CRITICAL\n"), "{code} {out}");
    let mut away = barbossa(&town);
    away.args(["status", "--json"]).env("DATABASE_URL", "postgresql://barbossa@%2Fnowhere/barbossa");
    let (code, out, _) = run(&mut away);
    let report: Value = serde_json::from_str(&out).unwrap();
    assert_eq!((code, &report["verdict"]), (2, &Value::from("critical")));
    let what = report["complaints"][0]["what"].as_str().unwrap();
    assert!(what.contains("PostgreSQL does not answer") && what.contains("systemctl status"), "{what}");
}

#[tokio::test]
async fn a_disk_that_fills_up_has_its_days_counted() {
    let town = Town::new().await;
    let app = town.app();
    let client = app.db.get().await.unwrap();
    let now = library::space(&app, &client).await.unwrap();
    assert_eq!(now.days_left, None, "nothing is known yet");
    let noted = jobs::enqueue(&client, &library::NoteSpace {}).await.unwrap();
    let registry = jobs::Registry::new().with::<library::NoteSpace>();
    jobs::Worker::new(app.clone(), registry, &[jobs::Queue::Maintenance], 1).run_due().await.unwrap();
    let state: String = town.value(&format!("select state from job where id = {noted}")).await;
    assert_eq!(
        (state.as_str(), town.value::<i64>("select count(*) from disk_space").await),
        ("completed", 1)
    );
    // A hundredth of what is free today was used each day of the last two weeks.
    let (free, total) = (now.free_bytes as i64, now.total_bytes as i64);
    town.execute(&format!(
        "insert into disk_space select current_date - n, {free} + n * {free} / 100, {total} from generate_series(0, 14) n
            on conflict (day) do update set free_bytes = excluded.free_bytes"
    ))
    .await;
    let days = library::space(&app, &client).await.unwrap().days_left.expect("it fills up");
    assert!((90..=110).contains(&days), "{days}");
}

#[tokio::test]
async fn a_reader_who_leaves_is_no_failure() {
    let town = Town::new().await;
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let output =
        barbossa(&town).args(["user", "list"]).stdout(writer).stderr(Stdio::piped()).output().unwrap();
    let (code, _, err) = seen(&output);
    assert_eq!((code, err.as_str()), (0, ""));
}

#[test]
fn what_cannot_be_understood_exits_2_and_help_documents_the_exit_statuses() {
    let program = || Command::new(env!("CARGO_BIN_EXE_barbossa"));
    assert_eq!(run(program().arg("sail")).0, 2);
    assert_eq!(run(program().args(["worker", "--queues", "rum"])).0, 2);
    let (code, out, _) = run(program().arg("--help"));
    assert_eq!(code, 0);
    assert!(out.contains("6  Barbossa, PostgreSQL or Redis does not answer"), "{out}");
}

#[test]
fn the_generator_never_fails_a_boot() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("barbossa.toml");
    let generate = |text: &str, out: &Path| {
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_barbossa"));
        command.arg("systemd-generator").args([out, out, out]).env_clear().env("BARBOSSA_CONFIG", &file);
        run(&mut command).0
    };
    let out = dir.path().join("out");
    assert_eq!(generate("this is [not TOML", &out), 0);
    assert!(!out.exists());
    assert_eq!(generate("music_path = '/srv/music'", Path::new("/proc/nowhere")), 0);
    assert_eq!(generate("music_path = '/srv/music'", &out), 0);
    let names = files_beneath(&out);
    assert!(names.contains(&"barbossa-worker.service.d/50-barbossa-settings.conf".to_owned()), "{names:?}");
}

/// The file that the admin edits names every setting with its default, and nothing else.
#[test]
fn the_packaged_settings_are_those_of_the_program() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/barbossa.toml");
    let text = std::fs::read_to_string(file).unwrap();
    let mut section = String::new();
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|l| l.strip_suffix(']')) {
            section = format!("{name}.");
        } else if let Some((name, value)) = line.strip_prefix('#').and_then(|l| l.split_once(" = ")) {
            let is_key = !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
            if is_key {
                found.push((format!("{section}{name}"), value.to_owned()));
            }
        }
    }
    let wanted: Vec<_> =
        barbossa::config::KEYS.iter().map(|k| (k.name.to_owned(), k.default_value())).collect();
    assert_eq!(found, wanted);
    let uncommented = text.lines().filter(|l| !l.starts_with(['#', '[']) && !l.trim().is_empty()).count();
    assert_eq!(uncommented, 0, "a setting is not commented out");
    for secret in barbossa::config::SECRETS {
        let is_optional_address = secret.credential.ends_with("-url");
        assert!(
            is_optional_address || text.contains(secret.credential),
            "{} is not explained",
            secret.credential
        );
    }
}

#[tokio::test]
async fn root_gives_its_rights_away_before_it_writes() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
    if !nix::unistd::geteuid().is_root() {
        // Who is not root has nothing to give away: that these rights are enough is what the other tests show.
        return;
    }
    let town = Town::new().await;
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    let backups = &town.settings().backup_dir;
    let home = backups.parent().unwrap();
    std::fs::set_permissions(home, std::fs::Permissions::from_mode(0o755)).unwrap();
    std::fs::create_dir(backups).unwrap();
    chown(backups, Some(nobody.uid.as_raw()), Some(nobody.gid.as_raw())).unwrap();
    // A settings file that only root may read is read before.
    std::fs::write(home.join("barbossa.toml"), "log_level = 'warn'\n").unwrap();
    std::fs::set_permissions(home.join("barbossa.toml"), std::fs::Permissions::from_mode(0o600)).unwrap();
    let (code, _, err) = run(barbossa(&town).args(["backup", "run"]).env("BARBOSSA_USER", "nobody"));
    assert_eq!(code, 0, "{err}");
    for file in files_beneath(backups) {
        assert_eq!(backups.join(&file).metadata().unwrap().uid(), nobody.uid.as_raw(), "{file} is root's");
    }
}

#[tokio::test]
async fn only_what_lies_in_the_inbox_is_imported_and_only_the_library_is_adopted() {
    let town = Town::new().await;
    let outside = town.outside();
    std::fs::create_dir_all(&outside).unwrap();
    let import = |args: &[&str], path: &Path| run(barbossa(&town).arg("import").args(args).arg(path));
    let (code, _, err) = import(&[], &outside);
    assert!(code == 2 && err.contains("does not lie in the music folder"), "{code} {err}");
    let (code, _, err) = import(&[], &town.music().join("artists"));
    assert!(code == 2 && err.contains("no folder of the inbox"), "{code} {err}");
    let (code, _, err) = import(&["--adopt"], &town.pending());
    assert!(code == 2 && err.contains("A library is adopted where it lies"), "{code} {err}");
    assert_eq!(import(&[], &town.pending().join("missing")).0, 5);
    std::fs::create_dir(town.pending().join("Album")).unwrap();
    let (code, out, err) = import(&["--json"], &town.pending().join("Album"));
    assert_eq!(code, 0, "{err}");
    let asked: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(asked["path"], "import/pending/Album");
    assert_eq!(town.value::<i64>("select count(*) from job where kind = 'imports.import_release'").await, 1);
}

#[tokio::test]
async fn lists_are_comma_separated_values_for_programs_that_want_them() {
    let town = Town::new().await;
    people(&town).await;
    let (code, out, err) = run(barbossa(&town).args(["user", "list", "--format", "csv"]));
    assert_eq!(code, 0, "{err}");
    let lines: Vec<&str> = out.lines().collect();
    let place = lines[0].split(',').position(|name| name == "username").unwrap();
    let names: Vec<&str> = lines[1..].iter().map(|line| line.split(',').nth(place).unwrap()).collect();
    assert_eq!(names, ["Ada", "Bob"], "{out}");
    let (_, out, _) = run(barbossa(&town).args(["library", "albums", "--format", "json"]));
    assert_eq!(serde_json::from_str::<Value>(&out).unwrap()["total"], 0);
    let (_, out, _) = run(barbossa(&town).args(["user", "list", "--format", "table"]));
    assert!(out.starts_with("NAME"), "{out}");
    assert_eq!(
        run(barbossa(&town).args(["user", "list", "--json", "--format", "csv"])).0,
        2,
        "one or the other"
    );
}

#[tokio::test]
async fn the_commands_of_the_first_version_still_do_what_they_did() {
    let town = Town::new().await;
    let (code, out, err) = run_with_input(
        barbossa(&town).args(["admin", "create-user", "ada", "--admin", "--password-stdin"]),
        "a long password\n",
    );
    assert_eq!((code, out.as_str()), (0, "ada may log in now (admin).\n"), "{err}");
    let (code, _, err) = run(barbossa(&town).args(["admin", "create-user", "bob", "-p", "a long password"]));
    assert!(code == 2 && err.contains("barbossa user add bob --password-stdin"), "{code} {err}");
    assert_eq!(
        run_with_input(barbossa(&town).args(["user", "add", "bob", "--password-stdin"]), "a long password\n")
            .0,
        0
    );
    let (_, out, _) = run(barbossa(&town).args(["admin", "list-users"]));
    assert!(out.contains("ada") && out.contains("bob"), "{out}");
    town.execute(
        "insert into artist (name, sort_name, sort_key, name_key) values ('Björk', 'Björk', 'bjork', 'bjork');
         insert into album (artist_id, title, title_key, sort_key, year, path)
            select id, 'Debut', 'debut', 'debut', 1993, 'artists/Björk/Debut (1993)' from artist",
    )
    .await;
    let id: i64 = town.value("select id from album").await;
    let bob = |args: &[&str]| run(barbossa(&town).args(["--as", "bob", "library"]).args(args));
    let (code, out, err) = bob(&["heart", "-a", &id.to_string()]);
    assert_eq!((code, out), (0, format!("{id}: Album added to library\n")), "{err}");
    assert!(bob(&["my-library", "-p", "1", "-n", "5"]).1.contains("Debut"));
    assert_eq!(bob(&["unheart", "--album", &id.to_string()]).0, 0);
    assert_eq!(bob(&["heart"]).0, 2, "which one?");
    let (code, out, err) = run(barbossa(&town).args(["import", "review", "--format", "csv"]));
    assert_eq!((code, out.trim()), (0, ""), "{err}");
    assert!(run(barbossa(&town).args(["import", "scan"])).1.contains("looks at the inbox"));
    let (code, _, err) = run(barbossa(&town).args(["import", "approve", "4711"]));
    assert!(code == 5 && err.contains("Review item not found"), "{code} {err}");
    assert_eq!(run(barbossa(&town).args(["maintenance", "dupes", "--action", "report"])).0, 0);
    assert_eq!(run(barbossa(&town).args(["maintenance", "dupes", "--action", "keep-best"])).0, 2);
    assert_eq!(run(barbossa(&town).args(["admin", "delete-user", "bob", "--force"])).0, 0);
    assert_eq!(town.value::<i64>("select count(*) from app_user").await, 1);
}
