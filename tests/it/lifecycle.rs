//! Each role as systemd sees it: the real program, with a notify socket, passed sockets, signals and a watchdog.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use barbossa::auth::{self, NewUser};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::harness::{Postgres, Town, eventually};

/// A role's process, and the service manager that it believes to have.
struct Unit {
    process: Child,
    folder: TempDir,
    notify: UnixDatagram,
    log: Receiver<String>,
    said: Vec<String>,
}

impl Unit {
    /// Starts `barbossa ARGS`, with a watchdog of eight seconds.
    fn start(town: &Town, args: &str) -> Self {
        Self::start_with(town, args, Vec::new())
    }

    /// The same with passed sockets. The shell takes them as its stdin and stdout, moves them to where systemd puts
    /// them, and becomes the program, which then has the process id that `LISTEN_PID` names.
    fn start_with(town: &Town, args: &str, sockets: Vec<OwnedFd>) -> Self {
        Self::launch(town, &format!("exec \"$0\" {args}"), sockets)
    }

    /// The same by a shell's command, whose `$0` is the program.
    fn launch(town: &Town, run: &str, sockets: Vec<OwnedFd>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let notify = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        notify.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        fs::write(folder.path().join("barbossa.toml"), "").unwrap();
        let count = sockets.len();
        let moves = ["", "exec 3<&0 0</dev/null;", "exec 3<&0 4<&1 0</dev/null 1>&2;"][count];
        let listen = if count == 0 { String::new() } else { format!("LISTEN_FDS={count} LISTEN_PID=$$") };
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{moves} {listen} {run}")]);
        command.arg(env!("CARGO_BIN_EXE_barbossa")).env_clear();
        for (name, value) in [
            ("NOTIFY_SOCKET", folder.path().join("notify").to_str().unwrap()),
            ("WATCHDOG_USEC", "8000000"),
            ("PATH", "/usr/bin:/bin"),
            ("BARBOSSA_CONFIG", folder.path().join("barbossa.toml").to_str().unwrap()),
            ("DATABASE_URL", &town.settings().database_url),
            ("REDIS_URL", &town.settings().redis_url),
            ("MUSIC_PATH", town.music().to_str().unwrap()),
            ("BACKUP_DIR", town.settings().backup_dir.to_str().unwrap()),
        ] {
            command.env(name, value);
        }
        let mut sockets = sockets.into_iter();
        command.stdin(sockets.next().map_or_else(Stdio::null, Stdio::from));
        command.stdout(sockets.next().map_or_else(Stdio::null, Stdio::from));
        let mut process = command.stderr(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(process.stderr.take().unwrap()).lines();
        let (sender, log) = channel();
        std::thread::spawn(move || lines.map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Self { process, folder, notify, log, said: Vec::new() }
    }

    /// Waits for a message to systemd with this in it; the whole message. What was said before counts, once.
    fn expect(&mut self, what: &str) -> String {
        let end = Instant::now() + Duration::from_secs(15);
        loop {
            if let Some(at) = self.said.iter().position(|said| said.contains(what)) {
                return self.said.drain(..=at).next_back().unwrap();
            }
            self.listen();
            if Instant::now() > end || self.process.try_wait().unwrap().is_some() {
                let log: Vec<String> = self.log.try_iter().collect();
                panic!("never said {what}, but {:#?}; log: {log:#?}", self.said);
            }
        }
    }

    /// Hears what is said within 50 ms.
    fn listen(&mut self) {
        let mut message = [0; 4096];
        while let Ok(count) = self.notify.recv(&mut message) {
            self.said.push(String::from_utf8_lossy(&message[..count]).into_owned());
        }
    }

    fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.process.id().cast_signed()), signal).unwrap();
    }

    /// Its end, within so long.
    fn end(&mut self, within: Duration) -> ExitStatus {
        let end = Instant::now() + within;
        loop {
            if let Some(status) = self.process.try_wait().unwrap() {
                return status;
            }
            assert!(
                Instant::now() < end,
                "still running; log: {:#?}",
                self.log.try_iter().collect::<Vec<_>>()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn stop(&mut self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.end(Duration::from_secs(10))
    }

    fn log_has(&self, what: &str) -> bool {
        let end = Instant::now() + Duration::from_secs(5);
        while Instant::now() < end {
            if self.log.recv_timeout(Duration::from_millis(100)).is_ok_and(|line| line.contains(what)) {
                return true;
            }
        }
        false
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn ask(mut stream: impl Read + Write, path: &str) -> String {
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

struct Doors {
    tcp: TcpListener,
    unix: UnixListener,
    path: PathBuf,
}

impl Doors {
    fn new(town: &Town) -> Self {
        let path = town.music().join("../api.sock");
        Self {
            tcp: TcpListener::bind("127.0.0.1:0").unwrap(),
            unix: UnixListener::bind(&path).unwrap(),
            path,
        }
    }

    fn passed(&self) -> Vec<OwnedFd> {
        vec![self.tcp.try_clone().unwrap().into(), self.unix.try_clone().unwrap().into()]
    }

    fn ask(&self, path: &str) -> String {
        ask(TcpStream::connect(self.tcp.local_addr().unwrap()).unwrap(), path)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_told_at_a_door_of_their_own() {
    let town = Town::new().await;
    let folder = tempfile::tempdir().unwrap();
    let bind = |name: &str| UnixListener::bind(folder.path().join(name)).unwrap();
    let passed = vec![OwnedFd::from(bind("metrics.sock")), OwnedFd::from(bind("api.sock"))];
    let mut api = Unit::launch(&town, "LISTEN_FDNAMES=metrics:api exec \"$0\" api", passed);
    api.expect("READY=1");
    let at = |name: &str, path: &str| ask(UnixStream::connect(folder.path().join(name)).unwrap(), path);
    assert!(at("api.sock", "/metrics").starts_with("HTTP/1.1 404"));
    assert!(at("metrics.sock", "/live").starts_with("HTTP/1.1 404"));
    let told = at("metrics.sock", "/metrics");
    let counted = r#"barbossa_http_requests_total{method="GET",route="none",status="4xx"} 1"#;
    assert!(told.contains(counted) && told.contains("barbossa_build_info{"), "{told}");
    assert!(api.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_api_serves_on_both_passed_sockets_and_is_ready_at_once() {
    let town = Town::new().await;
    let doors = Doors::new(&town);
    let start = Instant::now();
    let mut api = Unit::start_with(&town, "api", doors.passed());
    api.expect("READY=1");
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert!(doors.ask("/live").starts_with("HTTP/1.1 200"));
    assert!(ask(UnixStream::connect(&doors.path).unwrap(), "/").contains(r#""name":"Barbossa""#));
    api.expect("STATUS=serving");
    assert!(api.stop().success());
    api.expect_after_end("STOPPING=1");
}

impl Unit {
    fn expect_after_end(&mut self, what: &str) {
        self.listen();
        assert!(self.said.iter().any(|said| said.contains(what)), "{:#?}", self.said);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_watchdog_is_fed_while_there_is_progress_and_not_by_a_stopped_process() {
    let town = Town::new().await;
    for role in ["api", "worker", "watcher"] {
        let mut unit = if role == "api" {
            Unit::start_with(&town, role, Doors::new(&town).passed())
        } else {
            Unit::start(&town, role)
        };
        unit.expect("READY=1");
        for _ in 0..2 {
            let start = Instant::now();
            unit.expect("WATCHDOG=1");
            assert!(start.elapsed() < Duration::from_secs(8), "{role}: {:?}", start.elapsed());
        }
        unit.signal(Signal::SIGSTOP);
        unit.listen();
        unit.said.clear();
        std::thread::sleep(Duration::from_secs(3));
        unit.listen();
        assert_eq!(unit.said, Vec::<String>::new(), "{role}");
        unit.signal(Signal::SIGCONT);
        assert!(unit.stop().success(), "{role}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reload_changes_the_level_without_a_restart() {
    let town = Town::new().await;
    let mut beat = Unit::start(&town, "beat");
    beat.expect("READY=1");
    fs::write(beat.folder.path().join("barbossa.toml"), "log_level = \"debug\"\n").unwrap();
    beat.signal(Signal::SIGHUP);
    let reloading = beat.expect("RELOADING=1");
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    beat.expect("READY=1");
    assert!(beat.log_has("log level debug"));
    // Bad settings are refused, and the unit is not left reloading.
    fs::write(beat.folder.path().join("barbossa.toml"), "log_level = \"loud\"\n").unwrap();
    beat.signal(Signal::SIGHUP);
    beat.expect("RELOADING=1");
    beat.expect("READY=1");
    assert!(beat.log_has("not reloaded"));
    assert!(beat.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_worker_tells_what_it_does() {
    let town = Town::new().await;
    let mut worker = Unit::start(&town, "worker --queues imports,maintenance");
    worker.expect("READY=1");
    worker.expect("STATUS=0 jobs running, 0 waiting");
    eventually("the worker's heartbeat", || async {
        town.value::<i64>("select count(*) from heartbeat where role = 'worker'").await == 1
    })
    .await;
    let mut fetch = Unit::start(&town, "worker --queues downloads,network");
    fetch.expect("READY=1");
    eventually("fetch's heartbeat", || async {
        town.value::<i64>("select count(*) from heartbeat where role = 'fetch'").await == 1
    })
    .await;
    // How the sources are is not left to the schedule.
    eventually("the sources were looked at", || async {
        town.value::<i64>("select count(*) from source where checked_at is not null").await > 0
    })
    .await;
    assert!(worker.stop().success() && fetch.stop().success());
    assert_eq!(town.value::<i64>("select count(*) from heartbeat").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_marker_no_file_job_is_touched() {
    let town = Town::new().await;
    town.execute(
        "with a as (insert into artist (name, name_key, sort_name, sort_key) values ('A', 'a', 'A', 'a') returning id),
              b as (insert into album (artist_id, title, title_key, sort_key, path)
                    select id, 'B', 'b', 'b', 'artists/A/B' from a returning id)
         insert into track (album_id, title, title_key, track_number, path, size_bytes, modified_at, format, is_lossy)
         select id, 'C', 'c', 1, 'artists/A/B/C.flac', 1, now(), 'flac', false from b",
    )
    .await;
    let marker = town.music().join(".barbossa-library");
    let text = fs::read(&marker).unwrap();
    fs::remove_file(&marker).unwrap();
    town.execute("insert into job (queue, kind) values ('maintenance', 'jobs.prune')").await;
    let mut worker = Unit::start(&town, "worker");
    worker.expect("STATUS=no file job is touched");
    worker.expect("READY=1");
    assert_eq!(town.value::<String>("select state from job where kind = 'jobs.prune'").await, "available");
    assert!(!marker.exists(), "a library with tracks gets no marker from us");
    fs::write(&marker, text).unwrap();
    worker.expect("jobs running");
    eventually("the job is done", || async {
        town.value::<String>("select state from job where kind = 'jobs.prune'").await == "completed"
    })
    .await;
    fs::remove_file(&marker).unwrap();
    worker.expect("STATUS=no file job is touched");
    assert!(worker.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_library_gets_its_folders_and_its_marker() {
    let town = Town::new().await;
    fs::remove_dir_all(town.music()).unwrap();
    fs::create_dir(town.music()).unwrap();
    let mut worker = Unit::start(&town, "worker");
    worker.expect("jobs running");
    let id = fs::read_to_string(town.music().join(".barbossa-library")).unwrap();
    assert_eq!(id.trim(), town.value::<uuid::Uuid>("select id from library").await.to_string());
    assert!(town.pending().is_dir());
    assert!(worker.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_watcher_stands_by_and_takes_over() {
    let town = Town::new().await;
    let mut first = Unit::start(&town, "watcher");
    first.expect("STATUS=watching");
    let mut second = Unit::start(&town, "watcher");
    second.expect("STATUS=standing by: another watcher is at work");
    first.signal(Signal::SIGKILL);
    second.expect("STATUS=watching");
    assert!(second.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watcher_without_watches_left_sweeps_and_says_so() {
    let town = Town::new().await;
    // A user namespace has a limit of its own.
    let few = "echo 2 >/proc/sys/user/max_inotify_watches && exec \"$0\" watcher";
    let run = format!("exec unshare --user --map-root-user sh -c '{few}' \"$0\"");
    let mut watcher = Unit::launch(&town, &run, Vec::new());
    fs::create_dir_all(town.pending().join("a/b/c")).unwrap();
    watcher.expect("STATUS=watching by sweep every 60 s (the kernel's limit of watches is reached)");
    assert!(watcher.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standing_watcher_stops_when_told() {
    let town = Town::new().await;
    let mut first = Unit::start(&town, "watcher");
    first.expect("STATUS=watching");
    let mut second = Unit::start(&town, "watcher");
    second.expect("STATUS=standing by");
    assert!(second.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_postgresql_every_role_waits_and_goes_on_by_itself() {
    let mut postgres = Postgres::start();
    let mut town = Town::new().await;
    let url = postgres.bare_database().await;
    let db = barbossa::db::Db::new(&url, "test", 1).unwrap();
    barbossa::db::migrate(&db, |_| {}).await.unwrap();
    town.settings_mut().database_url = url;
    // The marker of the town's first database would be another library's.
    fs::remove_file(town.music().join(".barbossa-library")).unwrap();
    drop(db);
    postgres.crash();
    let doors = Doors::new(&town);
    let mut api = Unit::start_with(&town, "api", doors.passed());
    let mut others: Vec<Unit> =
        ["worker", "beat", "watcher"].iter().map(|role| Unit::start(&town, role)).collect();
    api.expect("READY=1");
    api.expect("STATUS=waiting for PostgreSQL");
    let health = doors.ask("/health");
    assert!(health.starts_with("HTTP/1.1 503") && health.contains(r#""status":"unhealthy""#), "{health}");
    let refused = doors.ask("/api/auth/me").to_lowercase();
    assert!(refused.starts_with("http/1.1 503") && refused.contains("retry-after"), "{refused}");
    for unit in &mut others {
        unit.expect("STATUS=waiting for PostgreSQL");
        unit.expect("READY=1");
        unit.expect("WATCHDOG=1");
    }
    postgres.run();
    let back = Instant::now();
    while !doors.ask("/api/auth/me").starts_with("HTTP/1.1 401") {
        assert!(back.elapsed() < Duration::from_secs(2), "PostgreSQL is back and not used");
        std::thread::sleep(Duration::from_millis(50));
    }
    others[0].expect("jobs running");
    others[1].expect("STATUS=next: ");
    others[2].expect("STATUS=watching");
    assert!(api.stop().success());
    assert!(others.iter_mut().all(|unit| unit.stop().success()));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_schema_is_waited_for_and_not_served() {
    let town = Town::new().await;
    town.execute("delete from schema_migration where version > 1").await;
    let doors = Doors::new(&town);
    let mut api = Unit::start_with(&town, "api", doors.passed());
    api.expect("STATUS=waiting for the schema: version 1 is there");
    assert!(doors.ask("/api/auth/me").starts_with("HTTP/1.1 503"));
    assert!(doors.ask("/live").starts_with("HTTP/1.1 200"));
    let mut beat = Unit::start(&town, "beat");
    beat.expect("STATUS=waiting for the schema");
    assert!(beat.stop().success() && api.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_signal_stops_at_once() {
    let town = Town::new().await;
    let doors = Doors::new(&town);
    let mut api = Unit::start_with(&town, "api", doors.passed());
    api.expect("STATUS=serving");
    // A request whose body never comes keeps the drain waiting.
    let mut stream = TcpStream::connect(doors.tcp.local_addr().unwrap()).unwrap();
    let head = "POST /api/auth/login HTTP/1.1\r\nHost: b\r\nContent-Type: application/json\r\nContent-Length: 50\r\n\r\n{";
    stream.write_all(head.as_bytes()).unwrap();
    std::thread::sleep(Duration::from_millis(200));
    api.signal(Signal::SIGTERM);
    std::thread::sleep(Duration::from_millis(2500));
    assert!(api.process.try_wait().unwrap().is_none(), "it waits for the request");
    assert!(api.stop().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_setting_holds_in_every_role_that_runs() {
    let town = Town::new().await;
    // Both read the same folder of changes, which lies beside the settings that the environment names.
    let shared = tempfile::tempdir().unwrap();
    let shared = shared.path();
    fs::write(shared.join("barbossa.toml"), "").unwrap();
    let run = format!("BARBOSSA_CONFIG={} exec \"$0\" api", shared.join("barbossa.toml").display());
    let app = town.app_as("test");
    let client = app.db.get().await.unwrap();
    let new = NewUser { username: "ada", password: &"a long password".into(), is_admin: true };
    let id = auth::create_user(&client, new).await.unwrap().id;
    let token = auth::start_session(&app, id, None, None).await.unwrap();
    let doors = [(); 2].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    let run = format!("LISTEN_FDNAMES=api {run}");
    let passed = |door: &TcpListener| vec![door.try_clone().unwrap().into()];
    let mut roles = doors.each_ref().map(|door| Unit::launch(&town, &run, passed(door)));
    for role in &mut roles {
        role.expect("READY=1");
    }
    let say = |door: &TcpListener, request: &str, body: &str| {
        let mut stream = TcpStream::connect(door.local_addr().unwrap()).unwrap();
        let length = body.len();
        write!(
            stream,
            "{request} /api/settings HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\
             Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    };
    let days =
        |door: &TcpListener| say(door, "GET", "").contains("\"name\":\"trash.keep_days\",\"value\":\"7\"");
    assert!(!days(&doors[0]) && !days(&doors[1]));
    let changed = say(&doors[0], "PUT", "{\"trash.keep_days\": 7}");
    assert!(changed.starts_with("HTTP/1.1 200"), "{changed}");
    assert!(days(&doors[0]), "{}", say(&doors[0], "GET", ""));
    eventually("the other process has heard of it", || async { days(&doors[1]) }).await;
    for role in &mut roles {
        assert!(role.stop().success());
    }
}
