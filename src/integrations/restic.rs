//! restic: a repository that keeps each state of a folder, each piece of it once. Its password is given as a closed file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use tempfile::NamedTempFile;

use super::rclone::{Rclone, closed_file};
use crate::process::{Failed, Program};

/// The first backup of a large library over a slow line takes days.
const DEADLINE: Duration = Duration::from_secs(14 * 86_400);
/// Under this name its snapshots stand in the repository, whatever the machine is called today.
const HOST: &str = "barbossa";
/// How often it is looked how far it is.
const LOOK: Duration = Duration::from_millis(500);
/// It writes a line a second, for days.
const TAIL_BYTES: u64 = 64 * 1024;

/// The program and a repository.
#[derive(Debug)]
pub struct Restic {
    repository: String,
    /// Gone when this is dropped.
    password: NamedTempFile,
    rclone: Rclone,
}

/// How far a backup is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// Files that are in it already.
    pub files_done: u64,
    /// All that were found so far.
    pub total_files: u64,
    /// Bytes that are in it already.
    pub bytes_done: u64,
    /// All that were found so far.
    pub total_bytes: u64,
}

/// A snapshot that was made.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Snapshot {
    /// Its id.
    #[serde(rename = "snapshot_id")]
    pub id: String,
    /// Files that were not in it before.
    pub files_new: u64,
    /// Files that are another than before.
    pub files_changed: u64,
    /// All its files.
    #[serde(rename = "total_files_processed")]
    pub files: u64,
    /// Bytes that the repository grew by.
    #[serde(rename = "data_added")]
    pub bytes_added: u64,
}

#[derive(Deserialize)]
struct Config {
    id: String,
}

impl Restic {
    /// This repository.
    ///
    /// # Errors
    /// When the closed files cannot be written.
    pub fn new(repository: &str, password: &SecretString, rclone: Option<&SecretString>) -> io::Result<Self> {
        Ok(Self {
            repository: repository.to_owned(),
            password: closed_file("barbossa-restic-", password.expose_secret())?,
            rclone: Rclone::new(rclone)?,
        })
    }

    /// The repository's own id.
    ///
    /// # Errors
    /// What restic says: there is none, the password is another.
    pub async fn id(&self) -> Result<String, Failed> {
        let said = self.program().args(["--no-lock", "cat", "config"]).run().await?;
        let config: Config = serde_json::from_slice(&said.stdout).map_err(strange)?;
        Ok(config.id)
    }

    /// Makes a new, empty one.
    ///
    /// # Errors
    /// What restic says.
    pub async fn create(&self) -> Result<(), Failed> {
        self.program().arg("init").run().await.map(drop)
    }

    /// Takes locks away whose holder is dead.
    ///
    /// # Errors
    /// What restic says.
    pub async fn unlock(&self) -> Result<(), Failed> {
        self.program().arg("unlock").run().await.map(drop)
    }

    /// Whether the repository has this snapshot.
    pub async fn has(&self, snapshot: &str) -> bool {
        self.program().args(["--no-lock", "cat", "snapshot", snapshot]).run().await.is_ok()
    }

    /// Makes a snapshot of `folder` in `root`, without the files `left_out` (whole paths). A file whose size and time are
    /// those that it has in the snapshot `parent` is not read again.
    ///
    /// # Errors
    /// What restic says; also when a file could not be read.
    pub async fn back_up(
        &self,
        root: &Path,
        folder: &str,
        left_out: &[String],
        parent: Option<&str>,
        mut tell: impl FnMut(Progress),
    ) -> Result<Snapshot, Failed> {
        let mut exclude = closed_file("barbossa-left-out-", "").map_err(broken)?;
        for path in left_out {
            writeln!(exclude, "{}", pattern(path)).map_err(broken)?;
        }
        let output = tempfile::NamedTempFile::new().map_err(broken)?;
        let program =
            self.program().current_dir(root).args(["backup", "--json", "--host", HOST, "--tag", HOST]);
        let program =
            program.args(["--ignore-ctime", "--ignore-inode", "--exclude-file"]).arg(exclude.path());
        let program = match parent {
            Some(parent) => program.args(["--parent", parent]),
            None => program.arg("--force"),
        };
        let program = program.arg(folder).stdout_to(output.reopen().map_err(broken)?);
        let mut ended = std::pin::pin!(program.run());
        let mut look = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                done = &mut ended => {
                    done?;
                    break;
                }
                _ = look.tick() => {
                    if let Some(progress) = last_of_kind(output.path(), "status") {
                        tell(progress);
                    }
                }
            }
        }
        last_of_kind(output.path(), "summary").ok_or_else(|| broken(io::Error::other("it told no summary")))
    }

    /// Writes one file of a snapshot into `to`.
    ///
    /// # Errors
    /// What restic says.
    pub async fn dump(&self, snapshot: &str, path: &str, to: File) -> Result<(), Failed> {
        let program = self.program().args(["--no-lock", "dump", snapshot, path]);
        program.stdout_to(to).deadline(DEADLINE).run().await.map(drop)
    }

    /// Looks whether all is there that belongs there, and reads so much of the data, in per cent.
    ///
    /// # Errors
    /// What is wrong with it.
    pub async fn check(&self, percent: u8) -> Result<(), Failed> {
        let program = self.program().args(["check", "--quiet"]).arg(format!("--read-data-subset={percent}%"));
        program.deadline(DEADLINE).run().await.map(drop)
    }

    fn program(&self) -> Program {
        let scratch = std::env::temp_dir();
        let program = Program::new("restic").arg("--repo").arg(&self.repository);
        let program = program.arg("--password-file").arg(self.password.path());
        let program = program.arg("--cache-dir").arg(scratch.join("restic"));
        // One line a second says how far it is.
        let program = program.env("RESTIC_PROGRESS_FPS", "1").env("TMPDIR", scratch).deadline(DEADLINE);
        program.env("RCLONE_CONFIG", self.rclone.config())
    }
}

/// The last line of this kind that it has written so far.
fn last_of_kind<T: for<'de> Deserialize<'de>>(output: &Path, kind: &str) -> Option<T> {
    let mut file = File::open(output).ok()?;
    let start = file.metadata().ok()?.len().saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(start)).ok()?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let mark = format!("\"message_type\":\"{kind}\"");
    let mut lines = text.lines().rev().filter(|line| line.contains(&mark));
    // The newest may be half written.
    lines.find_map(|line| serde_json::from_str(line).ok())
}

/// A path as restic reads it in a list of patterns: as it is, whatever characters are in it.
fn pattern(path: &str) -> String {
    let mut pattern = String::with_capacity(path.len());
    for c in path.chars() {
        match c {
            '*' | '?' | '[' | ']' | '\\' => pattern.extend(['\\', c]),
            '$' => pattern.push_str("$$"),
            other => pattern.push(other),
        }
    }
    pattern
}

fn strange(error: serde_json::Error) -> Failed {
    broken(error.into())
}

fn broken(error: io::Error) -> Failed {
    Failed::Io { program: "restic".into(), error }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_snapshot_holds_each_file_but_those_left_out_whatever_their_names() {
        let dir = tempfile::tempdir().unwrap();
        let (music, repository) = (dir.path().join("music"), dir.path().join("repository"));
        std::fs::create_dir_all(music.join("artists/Ada")).unwrap();
        let odd = "artists/Ada/01 [live] $5 a*b?.flac";
        std::fs::write(music.join(odd), "odd").unwrap();
        std::fs::write(music.join("artists/Ada/02.flac"), "plain").unwrap();
        let restic = Restic::new(repository.to_str().unwrap(), &"secret".into(), None).unwrap();
        assert!(restic.id().await.unwrap_err().to_string().contains("restic"));
        restic.create().await.unwrap();
        assert_eq!(restic.id().await.unwrap().len(), 64);
        let left_out = [music.join(odd).to_str().unwrap().to_owned()];
        let first = restic.back_up(&music, "artists", &left_out, None, |_| {}).await.unwrap();
        assert_eq!((first.files, first.files_new), (1, 1));
        assert!(restic.has(&first.id).await && !restic.has("00000000").await);
        let second = restic.back_up(&music, "artists", &[], Some(&first.id), |_| {}).await.unwrap();
        assert_eq!((second.files, second.files_new), (2, 1));
        let target = dir.path().join("back");
        restic.dump(&second.id, &format!("/{odd}"), File::create(&target).unwrap()).await.unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"odd");
        restic.check(100).await.unwrap();
        restic.unlock().await.unwrap();
        let other = Restic::new(repository.to_str().unwrap(), &"another".into(), None).unwrap();
        let refused = other.id().await.unwrap_err().to_string();
        assert!(!refused.contains("another"), "{refused}");
    }
}
