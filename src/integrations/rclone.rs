//! rclone: folders at other people's services. Its configuration, which holds their passwords, is given as a closed file.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use secrecy::{ExposeSecret, SecretString};
use tempfile::NamedTempFile;

use crate::process::{Failed, Finished, Program};

/// A copy may take a night.
const DEADLINE: Duration = Duration::from_secs(10 * 3600);
/// What it exits with when there is no such folder (rclone.org/docs, "List of exit codes").
const NO_SUCH_FOLDER: i32 = 3;

/// The program with its configuration.
#[derive(Debug)]
pub struct Rclone {
    /// Gone when this is dropped.
    config: NamedTempFile,
}

impl Rclone {
    /// With this configuration; without one it knows only remotes that need none.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn new(config: Option<&SecretString>) -> io::Result<Self> {
        let text = config.map_or("", |config| config.expose_secret());
        Ok(Self { config: closed_file("barbossa-rclone-", text)? })
    }

    /// Where its configuration lies, for programs that start it themselves.
    pub fn config(&self) -> &Path {
        self.config.path()
    }

    /// The folders in a folder; none where there is no such folder yet.
    ///
    /// # Errors
    /// What rclone says.
    pub async fn folders(&self, place: &str) -> Result<Vec<String>, Failed> {
        let said = self.list(&["--dirs-only", place]).await?;
        Ok(said.into_iter().map(|name| name.trim_end_matches('/').to_owned()).collect())
    }

    /// Those of them with a file of this name right in them.
    ///
    /// # Errors
    /// What rclone says.
    pub async fn folders_with(&self, place: &str, file: &str) -> Result<Vec<String>, Failed> {
        let pattern = format!("/*/{file}");
        let args = ["--files-only", "--recursive", "--max-depth", "2", "--include", &pattern, place];
        let said = self.list(&args).await?;
        Ok(said.iter().filter_map(|path| path.split_once('/')).map(|(folder, _)| folder.to_owned()).collect())
    }

    /// Makes all that is in one folder be in the other, too.
    ///
    /// # Errors
    /// What rclone says.
    pub async fn copy(&self, from: &str, to: &str) -> Result<(), Failed> {
        self.run(&["copy", from, to]).await.map(drop)
    }

    /// Whether two folders hold the same files with the same bytes. By checksums; where the other side knows none that we
    /// know, by reading all of it.
    ///
    /// # Errors
    /// What differs, or what rclone says.
    pub async fn check(&self, one: &str, other: &str) -> Result<(), Failed> {
        let looked = self.run(&["check", one, other]).await?;
        if looked.stderr.contains("hashes could not be checked") {
            self.run(&["check", "--download", one, other]).await?;
        }
        Ok(())
    }

    /// Gives a folder another name.
    ///
    /// # Errors
    /// What rclone says.
    pub async fn rename(&self, from: &str, to: &str) -> Result<(), Failed> {
        self.run(&["moveto", from, to]).await.map(drop)
    }

    /// Removes one file.
    ///
    /// # Errors
    /// What rclone says.
    pub async fn remove_file(&self, path: &str) -> Result<(), Failed> {
        self.run(&["deletefile", path]).await.map(drop)
    }

    /// Removes a folder with all that is in it.
    ///
    /// # Errors
    /// What rclone says.
    pub async fn remove_folder(&self, path: &str) -> Result<(), Failed> {
        self.run(&["purge", path]).await.map(drop)
    }

    async fn list(&self, args: &[&str]) -> Result<Vec<String>, Failed> {
        let mut all = vec!["lsf"];
        all.extend(args);
        match self.run(&all).await {
            Ok(said) => Ok(String::from_utf8_lossy(&said.stdout).lines().map(str::to_owned).collect()),
            Err(Failed::Exit { status, .. }) if status.code() == Some(NO_SUCH_FOLDER) => Ok(Vec::new()),
            Err(failed) => Err(failed),
        }
    }

    async fn run(&self, args: &[&str]) -> Result<Finished, Failed> {
        // Dates stand in the journal already.
        let program = Program::new("rclone").arg("--config").arg(self.config.path()).arg("--log-format=");
        let program = program.arg("--cache-dir").arg(std::env::temp_dir().join("rclone"));
        program.args(["--contimeout=30s", "--timeout=5m"]).args(args).deadline(DEADLINE).run().await
    }
}

/// A file that only we may read, gone when it is dropped.
pub(super) fn closed_file(prefix: &str, text: &str) -> io::Result<NamedTempFile> {
    let closed = Permissions::from_mode(0o600);
    let mut file = tempfile::Builder::new().prefix(prefix).permissions(closed).tempfile()?;
    file.write_all(text.as_bytes())?;
    Ok(file)
}
