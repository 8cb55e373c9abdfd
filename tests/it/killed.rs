//! Promises 1 and 5 with the real program: `barbossa worker` is killed by SIGKILL at each of its calls to the file
//! system in the middle of an upgrade, one call after the other, and a fresh worker goes on.

use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use barbossa::imports::ImportRelease;
use barbossa::jobs::enqueue;

use crate::yard::Yard;

/// Calls that change what others see of the disk.
const CALLS: &[&str] = &["linkat", "renameat2", "unlink", "unlinkat", "rmdir", "mkdir", "fsync"];

/// The worker under strace, which kills it at the nth such call of one of its threads.
fn worker(yard: &Yard, call: &str, nth: u32) -> Child {
    let config = yard.town.outside().join("barbossa.toml");
    std::fs::create_dir_all(yard.town.outside()).unwrap();
    std::fs::write(&config, "log_level = \"warn\"\n").unwrap();
    let said = std::fs::File::create(yard.town.outside().join("said")).unwrap();
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-o", "/dev/null"]);
    command.arg(format!("--trace={call}")).arg(format!("--inject={call}:signal=SIGKILL:when={nth}"));
    command.args([env!("CARGO_BIN_EXE_barbossa"), "worker", "--queues", "imports"]);
    command.env_clear().process_group(0);
    for (name, value) in [
        ("PATH", "/usr/bin:/bin"),
        ("BARBOSSA_CONFIG", config.to_str().unwrap()),
        ("DATABASE_URL", &yard.town.settings().database_url),
        ("REDIS_URL", &yard.town.settings().redis_url),
        ("MUSIC_PATH", yard.music().to_str().unwrap()),
        ("BACKUP_DIR", yard.town.settings().backup_dir.to_str().unwrap()),
    ] {
        command.env(name, value);
    }
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(said).spawn().unwrap()
}

/// Whether strace may trace here: a container may forbid it.
fn can_trace() -> bool {
    let tried = Command::new("strace").args(["-f", "-qq", "-o", "/dev/null", "true"]).status();
    tried.is_ok_and(|status| status.success())
}

/// Lets a worker run until the import has ended or the worker has been killed; whether it was. The plan is there already:
/// what comes before it changes nothing on the disk.
async fn is_killed(yard: &Yard, call: &str, nth: u32) -> bool {
    let point = format!("planned {}", yard.source);
    fail::cfg(&point, "1*return->off").unwrap();
    assert!(yard.attempt(&yard.source).await.is_err());
    fail::remove(&point);
    yard.town.execute("delete from job").await;
    let job = ImportRelease { path: yard.source.clone(), source: "import".into(), requested_by: None };
    enqueue(&yard.app.db.get().await.unwrap(), &job).await.unwrap();
    let mut worker = worker(yard, call, nth);
    let end = Instant::now() + Duration::from_secs(30);
    let was_killed = loop {
        if let Some(status) = worker.try_wait().unwrap() {
            // strace ends as its program did.
            let said = std::fs::read_to_string(yard.town.outside().join("said")).unwrap();
            assert_eq!(status.signal(), Some(9), "{call} {nth}: {said}");
            break true;
        }
        let ended: bool = yard
            .town
            .value("select exists (select from job where kind = 'imports.import_release' and finished_at is not null)")
            .await;
        if ended {
            break false;
        }
        assert!(Instant::now() < end, "{call} {nth}: neither killed nor done");
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    // Its own group: strace and, if it lives, the worker.
    let group = nix::unistd::Pid::from_raw(worker.id().cast_signed());
    let _ = nix::sys::signal::killpg(group, nix::sys::signal::Signal::SIGKILL);
    worker.wait().unwrap();
    was_killed
}

#[tokio::test]
async fn a_worker_may_be_killed_at_any_call_to_the_file_system() {
    assert!(can_trace(), "strace may not trace processes here: a container has to allow ptrace(2)");
    let yard = Yard::new(Yard::upgrade).await;
    let (expected, _) = yard.undisturbed("done").await;
    let mut kills = 0;
    for &call in CALLS {
        for nth in 1.. {
            yard.reset().await;
            if !is_killed(&yard, call, nth).await {
                break;
            }
            kills += 1;
            let at = format!("killed at {call} {nth}");
            yard.require_audio(&at);
            // The lease of the dead is not waited for.
            yard.town.execute("delete from job").await;
            yard.settle(&yard.source).await;
            yard.require(&expected, &at).await;
        }
    }
    assert!(kills >= 15, "only {kills} kills");
    println!("{kills} kills");
}
