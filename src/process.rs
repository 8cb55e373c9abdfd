//! Runs an outside program: in a process group of its own, with a deadline, a clean environment, and bounded output.
//!
//! Whatever happens to the caller, no program outlives its `Program`: dropping it kills the whole group.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};

/// Between SIGTERM and SIGKILL.
const GRACE: Duration = Duration::from_secs(2);
/// How much of stderr is kept: its end, where the reason stands.
const STDERR_KEPT: usize = 4096;

/// A program to run. Its environment holds `PATH`, `LANG` and what `env` adds; its stdin is empty.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
    args: Vec<OsString>,
    env: Vec<(OsString, OsString)>,
    stdout: Option<File>,
    deadline: Duration,
    most_bytes: usize,
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
            stdout: None,
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

    /// Its stdout goes into this file, without passing through us and without a limit.
    #[must_use]
    pub fn stdout_to(mut self, file: File) -> Self {
        self.stdout = Some(file);
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
        let mut group = match self.command().spawn() {
            Ok(child) => Group::new(child),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(Failed::NotFound { program });
            }
            Err(error) => return Err(Failed::Io { program, error }),
        };
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

    fn command(&mut self) -> Command {
        let mut command = Command::new(&self.path);
        command.args(&self.args).env_clear().envs(self.env.drain(..));
        for name in ["PATH", "LANG"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
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
        kept.extend_from_slice(&buffer[..count]);
        let surplus = kept.len().saturating_sub(STDERR_KEPT);
        kept.drain(..surplus);
    }
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
}
