//! The programs that do the same with the same files: `mpd` (Debian's) and `beets` (from PyPI), installed by
//! `just bench`; and `cat`, which only reads. None of them changes a file.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Reads every file once, as `cat` does; seconds.
pub fn cat(folder: &Path) -> f64 {
    let start = Instant::now();
    let done = Command::new("sh")
        .args(["-c", "find \"$1\" -type f -print0 | xargs -0 cat > /dev/null", "sh"])
        .arg(folder)
        .status()
        .unwrap();
    assert!(done.success());
    start.elapsed().as_secs_f64()
}

/// Bytes of all files beneath a folder.
pub fn size(folder: &Path) -> u64 {
    let files = walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap);
    files.filter(|e| e.file_type().is_file()).map(|e| e.metadata().unwrap().len()).sum()
}

/// Puts the files' pages out of the kernel's cache; names and attributes stay in it.
pub fn forget_pages(folder: &Path) {
    use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
    for entry in walkdir::WalkDir::new(folder).into_iter().map(Result::unwrap) {
        if entry.file_type().is_file() {
            let file = fs::File::open(entry.path()).unwrap();
            let _ = file.sync_all();
            posix_fadvise(&file, 0, 0, PosixFadviseAdvice::POSIX_FADV_DONTNEED).unwrap();
        }
    }
}

/// A running mpd on a socket of its own.
struct Mpd {
    child: Child,
    socket: PathBuf,
}

impl Mpd {
    fn start(music: &Path, state: &Path) -> Option<Self> {
        let socket = state.join("socket");
        let settings = format!(
            "music_directory \"{}\"\ndb_file \"{1}/db\"\nlog_file \"{1}/log\"\nbind_to_address \"{2}\"\n\
             auto_update \"no\"\naudio_output {{\n type \"null\"\n name \"none\"\n}}\n",
            music.display(),
            state.display(),
            socket.display()
        );
        fs::write(state.join("mpd.conf"), settings).unwrap();
        let child = Command::new("mpd")
            .args(["--no-daemon"])
            .arg(state.join("mpd.conf"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        Some(Self { child, socket })
    }

    /// One command of the protocol (mpd.readthedocs.io/en/stable/protocol.html): lines until `OK`.
    fn ask(&self, command: &str) -> Option<String> {
        let mut stream = UnixStream::connect(&self.socket).ok()?;
        writeln!(stream, "{command}\nclose").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        Some(answer)
    }

    fn is_updating(&self) -> bool {
        self.ask("status").is_none_or(|s| s.contains("updating_db"))
    }

    fn update(&self) -> f64 {
        let start = Instant::now();
        self.ask("update").unwrap();
        while self.is_updating() {
            std::thread::sleep(Duration::from_millis(5));
        }
        start.elapsed().as_secs_f64()
    }
}

impl Drop for Mpd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Seconds of mpd's first update and of the next one, in which nothing has changed; and how many songs it knows. Without a
/// database it begins the first by itself as soon as it starts, so its start (some hundredths of a second) is counted.
pub fn mpd(music: &Path) -> Option<(f64, f64, u64)> {
    let state = tempfile::tempdir().unwrap();
    // It may drop to a user of its own.
    fs::set_permissions(state.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let start = Instant::now();
    let mpd = Mpd::start(music, state.path())?;
    while mpd.ask("ping").is_none() {
        if start.elapsed() > Duration::from_secs(10) {
            return None;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    while mpd.is_updating() {
        std::thread::sleep(Duration::from_millis(5));
    }
    let (first, again) = (start.elapsed().as_secs_f64(), mpd.update());
    let stats = mpd.ask("stats").unwrap();
    let songs = stats.lines().find_map(|l| l.strip_prefix("songs: ")?.parse().ok()).unwrap_or(0);
    Some((first, again, songs))
}

/// Seconds of `beet import -A -C` (no autotagging, no copying).
pub fn beets(music: &Path) -> Option<f64> {
    let beet = std::env::var_os("BARBOSSA_BENCH_BEET").map_or_else(|| PathBuf::from("beet"), PathBuf::from);
    let state = tempfile::tempdir().unwrap();
    let start = Instant::now();
    let done = Command::new(beet)
        .env("BEETSDIR", state.path())
        .args(["-l"])
        .arg(state.path().join("library.db"))
        .args(["import", "-A", "-C", "-q"])
        .arg(music)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    done.ok().filter(std::process::ExitStatus::success).map(|_| start.elapsed().as_secs_f64())
}
