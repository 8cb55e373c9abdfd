//! PostgreSQL and Redis of the test run's own, from Debian's binaries: private sockets, own data folders.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use barbossa::db::{Db, migrate};
use tokio_postgres::NoTls;

use super::Folder;

/// Whether PostgreSQL keeps what it says it kept, with Debian's own settings: for measurements. Before its first start.
pub static IS_DURABLE: AtomicBool = AtomicBool::new(false);

/// The cluster of this test run.
pub fn postgres() -> &'static Postgres {
    static CLUSTER: OnceLock<Postgres> = OnceLock::new();
    CLUSTER.get_or_init(Postgres::start)
}

/// The Redis of this test run.
pub fn redis() -> &'static Redis {
    static SERVER: OnceLock<Redis> = OnceLock::new();
    SERVER.get_or_init(Redis::start)
}

/// A PostgreSQL cluster. Tests that stop it start one of their own.
pub struct Postgres {
    folder: Folder,
    binaries: PathBuf,
    pid: u32,
}

impl Postgres {
    /// `initdb` and start; without fsync unless `IS_DURABLE`, since nothing here has to outlive a power cut.
    pub fn start() -> Self {
        let folder = Folder::new("barbossa-test-pg-", &std::env::temp_dir());
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let binaries = newest_postgres();
        let mut cluster = Self { folder, binaries, pid: 0 };
        if nix::unistd::geteuid().is_root() {
            let postgres =
                nix::unistd::User::from_name("postgres").unwrap().expect("Debian's postgresql is installed");
            nix::unistd::chown(cluster.folder.path(), Some(postgres.uid), Some(postgres.gid)).unwrap();
        }
        let made = cluster
            .command("initdb")
            .args([
                "--auth=trust",
                "--username=barbossa",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
                "--no-sync",
                "-D",
            ])
            .arg(cluster.data())
            .stdout(Stdio::null())
            .status()
            .unwrap();
        assert!(made.success(), "initdb failed");
        cluster.run();
        cluster
    }

    /// Starts (again) the server over the same data, and waits until it answers.
    pub fn run(&mut self) {
        let mut command = self.command("postgres");
        command.arg("-D").arg(self.data()).args(["-c", "listen_addresses=", "-c", "max_connections=200"]);
        command.args(["-c", "log_min_messages=fatal"]);
        if !IS_DURABLE.load(Ordering::Relaxed) {
            command.args(["-c", "fsync=off", "-c", "full_page_writes=off", "-c", "shared_buffers=64MB"]);
        }
        command.arg("-c").arg(format!("unix_socket_directories={}", self.folder.path().display()));
        self.pid = outlived_by_nothing(command);
        let socket = self.folder.path().join(".s.PGSQL.5432");
        wait_for("PostgreSQL", || {
            socket.exists()
                && self
                    .command("pg_isready")
                    .args(["-q", "-U", "barbossa", "-d", "postgres", "-h"])
                    .arg(self.folder.path())
                    .status()
                    .unwrap()
                    .success()
        });
    }

    /// Stops it at once, as a crash would (`SIGQUIT`: no shutdown checkpoint).
    pub fn crash(&self) {
        let pid = nix::unistd::Pid::from_raw(self.pid.cast_signed());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGQUIT).unwrap();
        let lock = self.data().join("postmaster.pid");
        wait_for("PostgreSQL to end", || !lock.exists() || nix::sys::signal::kill(pid, None).is_err());
    }

    /// A connection string to a database of this name.
    pub fn url(&self, database: &str) -> String {
        let host = self.folder.path().to_str().unwrap().replace('/', "%2F");
        format!("postgresql://barbossa@{host}/{database}")
    }

    /// An empty, migrated database; its connection string.
    pub async fn fresh_database(&self) -> String {
        static TEMPLATE: tokio::sync::Mutex<Option<u32>> = tokio::sync::Mutex::const_new(None);
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let mut template = TEMPLATE.lock().await;
        if *template != Some(self.pid) {
            self.create("create database template_migrated").await;
            let db = Db::new(&self.url("template_migrated"), "template", 1).unwrap();
            migrate(&db, |_| {}).await.unwrap();
            drop(db);
            *template = Some(self.pid);
        }
        let name = format!("town_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        // The template may have no other session; a connection that has just ended may still be seen for a moment.
        self.create(&format!("create database {name} template template_migrated strategy file_copy")).await;
        self.url(&name)
    }

    /// An empty database without a schema.
    pub async fn bare_database(&self) -> String {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("bare_{}", COUNT.fetch_add(1, Ordering::Relaxed));
        self.create(&format!("create database {name}")).await;
        self.url(&name)
    }

    async fn create(&self, sql: &str) {
        let (client, connection) = tokio_postgres::connect(&self.url("postgres"), NoTls).await.unwrap();
        tokio::spawn(connection);
        let end = Instant::now() + Duration::from_secs(10);
        while let Err(error) = client.batch_execute(sql).await {
            assert!(Instant::now() < end, "{sql}: {error:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn data(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "QUIT"]);
        if nix::unistd::geteuid().is_root() {
            command.args(["--reuid", "postgres", "--regid", "postgres", "--clear-groups"]);
        }
        command.arg("--").arg(self.binaries.join(program)).current_dir("/").stdin(Stdio::null());
        command
    }
}

/// A Redis. Tests that stop it start one of their own.
pub struct Redis {
    folder: Folder,
    pid: u32,
}

impl Redis {
    /// Starts one, empty, without persistence.
    pub fn start() -> Self {
        let folder = Folder::new("barbossa-test-redis-", &std::env::temp_dir());
        let mut server = Self { folder, pid: 0 };
        server.run();
        server
    }

    /// Starts (again), empty.
    pub fn run(&mut self) {
        let mut command = Command::new("setpriv");
        command.args([
            "--pdeathsig",
            "KILL",
            "--",
            "redis-server",
            "--port",
            "0",
            "--save",
            "",
            "--unixsocket",
        ]);
        command.arg(self.socket()).stdin(Stdio::null()).stdout(Stdio::null()).current_dir(self.folder.path());
        self.pid = outlived_by_nothing(command);
        let socket = self.socket();
        wait_for("Redis", || std::os::unix::net::UnixStream::connect(&socket).is_ok());
    }

    /// Ends it at once.
    pub fn crash(&self) {
        let pid = nix::unistd::Pid::from_raw(self.pid.cast_signed());
        nix::sys::signal::kill(pid, nix::sys::signal::Signal::SIGKILL).unwrap();
        wait_for("Redis to end", || nix::sys::signal::kill(pid, None).is_err());
    }

    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("redis.sock")
    }
}

/// Starts a server that the kernel ends with this process: the parent-death signal follows the thread that started
/// it, so that thread stays until the server ends.
fn outlived_by_nothing(mut command: Command) -> u32 {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut child = command.spawn().unwrap_or_else(|e| panic!("{command:?}: {e}"));
        sender.send(child.id()).unwrap();
        let _ = child.wait();
    });
    receiver.recv().unwrap()
}

fn newest_postgres() -> PathBuf {
    let mut found: Vec<(u32, PathBuf)> = fs::read_dir("/usr/lib/postgresql")
        .expect("Debian's postgresql is installed: `./dev setup`")
        .filter_map(|e| {
            Some((e.as_ref().ok()?.file_name().to_str()?.parse().ok()?, e.ok()?.path().join("bin")))
        })
        .filter(|(_, bin)| Path::new(bin).join("initdb").exists())
        .collect();
    found.sort();
    found.pop().expect("a PostgreSQL server beneath /usr/lib/postgresql").1
}

fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < end, "waited 30 s for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
