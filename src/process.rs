//! Runs an outside program: in a process group of its own, with a deadline, a clean environment, and bounded output; where
//! it reads what strangers wrote, with limits on its memory, its time and its files.
//!
//! Whatever happens to the caller, no program outlives its `Program`: dropping it kills the whole group.
//!
//! The limits are those of the kernel for a process (`setrlimit(2)`), set by `prlimit` of util-linux just before the program
//! starts. A scope of systemd would bound the group as a whole, but the service's user may not ask for one, and a unit that
//! may would be one that can start anything. The unit's own limits (`barbossa.slice`) bound the sum.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, Command};

/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(2);
/// How much of stderr is kept: its end, where the reason stands.
const STDERR_KEPT: usize = 4096;
/// A line is no longer than this.
const LINE: usize = 64 * 1024;

/// A program to run. Its environment holds `PATH`, `LANG` and what `env` adds; its stdin is empty.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    folder: Option<PathBuf>,
    stdout: Option<File>,
    dir: Option<PathBuf>,
    limits: Option<Limits>,
    deadline: Duration,
    most_bytes: usize,
}

/// What one process may use. Each process that the program starts gets the same.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Address space.
    pub memory_bytes: u64,
    /// Time on a processor.
    pub cpu_seconds: u64,
    /// The largest file that it may write.
    pub file_bytes: u64,
}

/// What it left.
#[derive(Debug)]
pub struct Finished {
    /// All that it wrote to stdout (nothing when that went to a file).
    pub stdout: Vec<u8>,
    /// The end of what it wrote to stderr.
    pub stderr: String,
}

/// Why there is no result.
#[derive(Debug, thiserror::Error)]
pub enum Failed {
    /// No such program.
    #[error("{program} is not installed")]
    NotFound {
        /// As asked for.
        program: String,
    },
    /// It did not start, or its output could not be read.
    #[error("{program}: {error}")]
    Io {
        /// Its name.
        program: String,
        /// What the system said.
        #[source]
        error: io::Error,
    },
    /// It was killed at its deadline.
    #[error("{program} did not finish within {seconds} s and was killed")]
    Deadline {
        /// Its name.
        program: String,
        /// The deadline.
        seconds: u64,
    },
    /// It wrote more than it may, and was killed.
    #[error("{program} wrote more than {most_bytes} bytes and was killed")]
    TooMuch {
        /// Its name.
        program: String,
        /// The limit.
        most_bytes: usize,
    },
    /// It ended, but not well.
    #[error("{program} {}: {}", ending(*.status), last_line(.stderr))]
    Exit {
        /// Its name.
        program: String,
        /// Its exit code or the signal that ended it.
        status: ExitStatus,
        /// The end of what it wrote to stderr.
        stderr: String,
    },
}

impl Program {
    /// A program by path, or by name from `PATH`. Ten minutes and 16 MiB of output, unless said otherwise.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            path: path.as_ref().to_owned(),
            args: Vec::new(),
            env: Vec::new(),
            folder: None,
            stdout: None,
            dir: None,
            limits: None,
            deadline: Duration::from_secs(600),
            most_bytes: 16 << 20,
        }
    }

    /// One more argument. Secrets have no place here: every user of the machine can read them.
    #[must_use]
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// More arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(args.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// One more variable of its environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.env.push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// It is started in this folder.
    #[must_use]
    pub fn current_dir(mut self, folder: impl AsRef<Path>) -> Self {
        self.folder = Some(folder.as_ref().to_owned());
        self
    }

    /// Its stdout goes into this file, without passing through us and without a limit.
    #[must_use]
    pub fn stdout_to(mut self, file: File) -> Self {
        self.stdout = Some(file);
        self
    }

    /// It starts in this folder.
    #[must_use]
    pub fn dir(mut self, dir: impl AsRef<Path>) -> Self {
        self.dir = Some(dir.as_ref().to_owned());
        self
    }

    /// It gets no more than this.
    #[must_use]
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = Some(limits);
        self
    }

    /// After so long it is killed.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// It may write so much to stdout.
    #[must_use]
    pub fn most_bytes(mut self, most_bytes: usize) -> Self {
        self.most_bytes = most_bytes;
        self
    }

    /// Runs it to its end. Dropping the future kills it.
    ///
    /// # Errors
    /// See [`Failed`]; also when it ends with any exit code but 0.
    pub async fn run(mut self) -> Result<Finished, Failed> {
        let program = self.path.display().to_string();
        let (deadline, most_bytes) = (self.deadline, self.most_bytes);
        let mut group = self.start(&program)?;
        match tokio::time::timeout(deadline, group.finish(most_bytes)).await {
            Ok(Ok(Some((status, finished)))) if status.success() => Ok(finished),
            Ok(Ok(Some((status, Finished { stderr, .. })))) => Err(Failed::Exit { program, status, stderr }),
            Ok(Ok(None)) => Err(Failed::TooMuch { program, most_bytes }),
            Ok(Err(error)) => Err(Failed::Io { program, error }),
            Err(_) => {
                group.end().await;
                Err(Failed::Deadline { program, seconds: deadline.as_secs() })
            }
        }
    }

    /// Runs it to its end, and hands over each line that it writes to stdout or stderr, as it comes. A line is cut after
    /// 64 KiB. Dropping the future kills it.
    ///
    /// # Errors
    /// As [`Program::run`]; `stderr` in it is the end of all that it wrote.
    pub async fn run_lines(mut self, mut heard: impl FnMut(&str) + Send) -> Result<(), Failed> {
        let program = self.path.display().to_string();
        let (deadline, most_bytes) = (self.deadline, self.most_bytes);
        let mut group = self.start(&program)?;
        match tokio::time::timeout(deadline, group.lines(most_bytes, &mut heard)).await {
            Ok(Ok(Some((status, _)))) if status.success() => Ok(()),
            Ok(Ok(Some((status, stderr)))) => Err(Failed::Exit { program, status, stderr }),
            Ok(Ok(None)) => {
                group.end().await;
                Err(Failed::TooMuch { program, most_bytes })
            }
            Ok(Err(error)) => Err(Failed::Io { program, error }),
            Err(_) => {
                group.end().await;
                Err(Failed::Deadline { program, seconds: deadline.as_secs() })
            }
        }
    }

    fn start(&mut self, program: &str) -> Result<Group, Failed> {
        let not_found = || Failed::NotFound { program: program.to_owned() };
        // `prlimit` would say so in words of its own.
        if self.limits.is_some() && !is_there(&self.path) {
            return Err(not_found());
        }
        match self.command().spawn() {
            Ok(child) => Ok(Group::new(child)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(not_found()),
            Err(error) => Err(Failed::Io { program: program.to_owned(), error }),
        }
    }

    fn command(&mut self) -> Command {
        let mut command = match self.limits {
            None => Command::new(&self.path),
            Some(limits) => {
                let mut command = Command::new("prlimit");
                command
                    .arg(format!("--as={}", limits.memory_bytes))
                    .arg(format!("--cpu={}", limits.cpu_seconds));
                command
                    .arg(format!("--fsize={}", limits.file_bytes))
                    .arg("--core=0")
                    .arg("--")
                    .arg(&self.path);
                command
            }
        };
        if let Some(dir) = &self.dir {
            command.current_dir(dir);
        }
        command.args(&self.args).env_clear().envs(self.env.drain(..));
        for name in ["PATH", "LANG"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        if let Some(folder) = &self.folder {
            command.current_dir(folder);
        }
        let stdout = self.stdout.take().map_or_else(Stdio::piped, Stdio::from);
        command.stdin(Stdio::null()).stdout(stdout).stderr(Stdio::piped());
        command.process_group(0).kill_on_drop(true);
        command
    }
}

/// A running program and all that it started.
struct Group {
    child: Child,
    /// `None` once the leader was reaped: its number may be another's by then.
    id: Option<Pid>,
}

impl Group {
    fn new(child: Child) -> Self {
        let id = child.id().map(|id| Pid::from_raw(id as i32));
        Self { child, id }
    }

    /// Its status and output; `None` when it wrote too much.
    async fn finish(&mut self, most_bytes: usize) -> io::Result<Option<(ExitStatus, Finished)>> {
        let stdout = self.child.stdout.take();
        let stderr = self.child.stderr.take();
        let all = async {
            match stdout {
                Some(stdout) => read_all(stdout, most_bytes).await,
                None => Ok(Some(Vec::new())),
            }
        };
        let end = async {
            match stderr {
                Some(stderr) => read_end(stderr).await,
                None => Ok(String::new()),
            }
        };
        // Too much on stdout ends the wait for stderr, which may never close.
        let mut end = std::pin::pin!(end);
        let mut all = std::pin::pin!(all);
        let (stdout, stderr) = tokio::select! {
            stdout = &mut all => match stdout? {
                Some(stdout) => (stdout, end.await?),
                None => return Ok(None),
            },
            stderr = &mut end => match all.await? {
                Some(stdout) => (stdout, stderr?),
                None => return Ok(None),
            },
        };
        let status = self.child.wait().await?;
        // What it left running in the background goes with it. (The number cannot have become another group's in this
        // instant: numbers are given out in turn.)
        self.signal(Signal::SIGKILL);
        self.id = None;
        Ok(Some((status, Finished { stdout, stderr })))
    }

    /// Its status and the end of all that it wrote; `None` when it wrote too much.
    async fn lines(
        &mut self,
        most_bytes: usize,
        heard: &mut (impl FnMut(&str) + Send),
    ) -> io::Result<Option<(ExitStatus, String)>> {
        let mut both = (self.child.stdout.take().map(Lines::of), self.child.stderr.take().map(Lines::of));
        let (mut total, mut kept) = (0, Vec::new());
        loop {
            let line = match &mut both {
                (None, None) => break,
                (Some(one), None) => one.next().await?.ok_or(true),
                (None, Some(one)) => one.next().await?.ok_or(false),
                (Some(out), Some(err)) => tokio::select! {
                    line = out.next() => line?.ok_or(true),
                    line = err.next() => line?.ok_or(false),
                },
            };
            match line {
                Ok(line) => {
                    total += line.len() + 1;
                    if total > most_bytes {
                        return Ok(None);
                    }
                    let text = String::from_utf8_lossy(&line);
                    keep_end(&mut kept, text.as_bytes());
                    keep_end(&mut kept, b"\n");
                    heard(text.trim_end());
                }
                Err(true) => both.0 = None,
                Err(false) => both.1 = None,
            }
        }
        let status = self.child.wait().await?;
        self.signal(Signal::SIGKILL);
        self.id = None;
        Ok(Some((status, String::from_utf8_lossy(&kept).trim().to_owned())))
    }

    /// Ends it politely, then not.
    async fn end(&mut self) {
        self.signal(Signal::SIGTERM);
        if tokio::time::timeout(GRACE, self.child.wait()).await.is_err() {
            self.signal(Signal::SIGKILL);
            // SIGKILL cannot be refused; the result is that it is gone.
            let _ = self.child.wait().await;
        }
        self.signal(Signal::SIGKILL);
        self.id = None;
    }

    fn signal(&self, signal: Signal) {
        if let Some(id) = self.id {
            // ESRCH: the whole group has ended already, which is what we want.
            let _ = killpg(id, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::SIGKILL);
    }
}

async fn read_all(from: impl AsyncRead + Unpin, most_bytes: usize) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = Vec::new();
    from.take(most_bytes as u64 + 1).read_to_end(&mut bytes).await?;
    Ok((bytes.len() <= most_bytes).then_some(bytes))
}

async fn read_end(mut from: impl AsyncRead + Unpin) -> io::Result<String> {
    let mut kept = Vec::new();
    let mut buffer = [0; 4096];
    loop {
        let count = from.read(&mut buffer).await?;
        if count == 0 {
            return Ok(String::from_utf8_lossy(&kept).trim().to_owned());
        }
        keep_end(&mut kept, &buffer[..count]);
    }
}

fn keep_end(kept: &mut Vec<u8>, more: &[u8]) {
    kept.extend_from_slice(more);
    let surplus = kept.len().saturating_sub(STDERR_KEPT);
    kept.drain(..surplus);
}

/// A stream in lines; what makes a line too long is passed over. A carriage return ends a line, too: programs that draw
/// their progress over itself write no other.
struct Lines<R> {
    from: BufReader<R>,
    line: Vec<u8>,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    fn of(from: R) -> Self {
        Self { from: BufReader::new(from), line: Vec::new() }
    }

    /// The next one; what was read of it stays when the future is dropped.
    async fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            let buffer = self.from.fill_buf().await?;
            if buffer.is_empty() {
                return Ok(Some(std::mem::take(&mut self.line)).filter(|line| !line.is_empty()));
            }
            let end = buffer.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let part = &buffer[..end.unwrap_or(buffer.len())];
            let room = LINE.saturating_sub(self.line.len());
            self.line.extend_from_slice(&part[..part.len().min(room)]);
            let used = end.map_or(buffer.len(), |end| end + 1);
            self.from.consume(used);
            if end.is_some() {
                return Ok(Some(std::mem::take(&mut self.line)));
            }
        }
    }
}

/// Whether a program can be started: by its path, or by its name from `PATH`.
fn is_there(program: &Path) -> bool {
    if program.components().count() > 1 {
        return program.exists();
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders).any(|folder| folder.join(program).exists())
}

fn ending(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("ended with exit code {code}"),
        (None, Some(signal)) => format!("was ended by signal {signal}"),
        (None, None) => "ended".to_owned(),
    }
}

fn last_line(text: &str) -> &str {
    text.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it gave no reason")
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    fn sh(script: &str) -> Program {
        Program::new("/bin/sh").arg("-c").arg(script)
    }

    #[tokio::test]
    async fn output_and_reason_come_back() {
        let finished = sh("echo out; echo err >&2").run().await.unwrap();
        assert_eq!((finished.stdout.as_slice(), finished.stderr.as_str()), (b"out\n".as_slice(), "err"));
        let failed = sh("echo 'no such role' >&2; exit 3").run().await.unwrap_err();
        assert_eq!(failed.to_string(), "/bin/sh ended with exit code 3: no such role");
    }

    #[tokio::test]
    async fn a_program_that_is_not_there_is_named() {
        let failed = Program::new("/nowhere/pg_dump").run().await.unwrap_err();
        assert_eq!(failed.to_string(), "/nowhere/pg_dump is not installed");
    }

    #[tokio::test]
    async fn at_the_deadline_the_whole_group_is_killed() {
        let start = Instant::now();
        let dir = tempfile::tempdir().unwrap();
        let pid_file = dir.path().join("pid");
        let script = format!("sleep 60 & echo $! > '{}'; wait", pid_file.display());
        let failed = sh(&script).deadline(Duration::from_millis(300)).run().await.unwrap_err();
        assert!(matches!(failed, Failed::Deadline { .. }), "{failed}");
        assert!(start.elapsed() < Duration::from_secs(10));
        assert!(is_gone(&pid_file).await);
    }

    #[tokio::test]
    async fn dropping_the_future_kills_the_whole_group() {
        let dir = tempfile::tempdir().unwrap();
        let pid_file = dir.path().join("pid");
        let script = format!("sleep 60 & echo $! > '{}'; wait", pid_file.display());
        let run = tokio::time::timeout(Duration::from_millis(300), sh(&script).run());
        assert!(run.await.is_err());
        assert!(is_gone(&pid_file).await);
    }

    /// Whether the process ends within two seconds: a signal was sent, and takes its time to be obeyed.
    async fn is_gone(pid_file: &Path) -> bool {
        let pid = std::fs::read_to_string(pid_file).unwrap();
        let stat = format!("/proc/{}/stat", pid.trim());
        for _ in 0..100 {
            // A zombie that nobody has reaped yet does not run.
            if std::fs::read_to_string(&stat).is_ok_and(|stat| !stat.contains(") Z ")) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            } else {
                return true;
            }
        }
        false
    }

    #[tokio::test]
    async fn too_much_output_ends_it() {
        let failed = sh("yes").most_bytes(1000).run().await.unwrap_err();
        assert!(matches!(failed, Failed::TooMuch { most_bytes: 1000, .. }), "{failed}");
    }

    #[tokio::test]
    async fn nothing_of_our_environment_but_path_and_language_is_passed_on() {
        let finished = Program::new("/usr/bin/env").env("PGPASSFILE", "/x").run().await.unwrap();
        let text = String::from_utf8(finished.stdout).unwrap();
        let names: Vec<_> = text.lines().filter_map(|l| l.split_once('=')).map(|(name, _)| name).collect();
        assert!(names.contains(&"PGPASSFILE"), "{names:?}");
        assert!(names.iter().all(|n| ["PATH", "LANG", "PGPASSFILE"].contains(n)), "{names:?}");
    }

    #[tokio::test]
    async fn stdout_can_go_straight_into_a_file() {
        let file = tempfile::NamedTempFile::new().unwrap();
        sh("echo dump").stdout_to(file.reopen().unwrap()).run().await.unwrap();
        assert_eq!(std::fs::read(file.path()).unwrap(), b"dump\n");
    }

    #[tokio::test]
    async fn lines_come_from_both_streams_as_they_are_written() {
        let mut heard = Vec::new();
        let script = "echo one; echo two >&2; printf '10 %%\\r20 %%\\r'; printf last";
        sh(script).run_lines(|line| heard.push(line.to_owned())).await.unwrap();
        heard.sort();
        assert_eq!(heard, ["10 %", "20 %", "last", "one", "two"]);
    }

    #[tokio::test]
    async fn a_flood_is_ended_and_a_line_without_end_is_cut() {
        let flood = sh("while :; do echo some words; done").most_bytes(100_000).run_lines(|_| {});
        assert!(matches!(flood.await, Err(Failed::TooMuch { .. })));
        let mut longest = 0;
        let long =
            sh("head -c 300000 /dev/zero | tr '\\0' x").run_lines(|line| longest = longest.max(line.len()));
        long.await.unwrap();
        assert_eq!(longest, LINE);
    }

    #[tokio::test]
    async fn a_program_gets_no_more_than_its_limits() {
        let limits = Limits { memory_bytes: 1 << 30, cpu_seconds: 60, file_bytes: 4096 };
        let dir = tempfile::tempdir().unwrap();
        let failed = sh("ulimit -v; ulimit -t; head -c 9000 /dev/zero > file").dir(dir.path()).limits(limits);
        let mut heard = Vec::new();
        let failed = failed.run_lines(|line| heard.push(line.to_owned())).await.unwrap_err();
        assert!(matches!(failed, Failed::Exit { .. }), "{failed}");
        assert_eq!(&heard[..2], [(1_u32 << 20).to_string(), "60".into()]);
        assert_eq!(std::fs::metadata(dir.path().join("file")).unwrap().len(), 4096);
        let absent = Program::new("no-such-program").limits(limits).run_lines(|_| {}).await.unwrap_err();
        assert_eq!(absent.to_string(), "no-such-program is not installed");
    }
}
