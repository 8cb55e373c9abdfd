//! Of `barbossa doctor`: the music as the units see it. A sandbox may hide what a shell shows, and show what a home hides.
//!
//! Root enters the running worker's view of the file systems, becomes the service's user there, and tries what the worker
//! does all day; and asks as nginx's user whether it may read.

use std::path::Path;
use std::process::{Command, Stdio};

use uuid::Uuid;

use super::exit::{Status, failure};
use super::privileges::become_service_user;
use super::terminal::print;
use crate::config::{Settings, Sources, load};
use crate::files;

const WORKER: &str = "barbossa-worker.service";
const NGINX_USER: &str = "www-data";
/// A dead mount answers nobody.
const PATIENCE: &str = "20";

/// The marker that is there, or what went wrong, in words.
pub(super) type Tried = Result<Option<Uuid>, String>;

/// What the music is to the units, as far as root could find out.
#[derive(Default)]
pub(super) struct Views {
    /// The worker's; `None` when it does not run, or when this is not root.
    pub worker: Option<Tried>,
    /// Whether nginx may read the folder; `None` when nobody could say.
    pub nginx: Option<bool>,
}

/// Looks, while this process still is root.
pub(super) fn look(settings: &Settings) -> Views {
    if !nix::unistd::geteuid().is_root() {
        return Views::default();
    }
    Views { worker: worker_pid().and_then(|pid| as_the_worker(&pid)), nginx: as_nginx(&settings.music_path) }
}

/// `barbossa doctor-music`: what `look` runs within the worker's view.
pub fn run() -> anyhow::Result<Status> {
    let settings = load(&Sources::of_process()).settings;
    become_service_user()?;
    match try_all(&settings.music_path) {
        Ok(marker) => print(marker.map(|id| id.to_string()).unwrap_or_default())?,
        Err(error) => return Err(failure(Status::Failed, error)),
    }
    Ok(Status::Done)
}

/// The marker; then, where there is one, a file on the disk for good, a second name for it in another folder, a rename.
pub(super) fn try_all(music: &Path) -> Tried {
    let marker = files::read_marker(music).map_err(|e| e.to_string())?;
    if marker.is_some() {
        try_links(music).map_err(|e| e.to_string())?;
    }
    Ok(marker)
}

fn try_links(music: &Path) -> std::io::Result<()> {
    let source = tempfile::Builder::new().prefix(".doctor-").tempfile_in(music.join("import"))?;
    source.as_file().sync_all()?;
    let targets = ["artists", "users"]
        .map(|folder| tempfile::Builder::new().prefix(".doctor-").tempdir_in(music.join(folder)));
    for target in targets {
        let target = target?;
        let link = target.path().join("link");
        files::link_noreplace(source.path(), &link)?;
        files::rename_noreplace(&link, &target.path().join("renamed"))?;
    }
    Ok(())
}

fn worker_pid() -> Option<String> {
    let asked = Command::new("systemctl").args(["show", "--value", "--property=MainPID", WORKER]).output();
    let pid = String::from_utf8(asked.ok()?.stdout).ok()?.trim().to_owned();
    (!pid.is_empty() && pid != "0").then_some(pid)
}

fn as_the_worker(pid: &str) -> Option<Tried> {
    let program = std::env::current_exe().ok()?;
    let asked = Command::new("timeout")
        .args(["--kill-after=1", PATIENCE, "nsenter", "--target", pid, "--mount", "--"])
        .arg(program)
        .arg("doctor-music")
        .stdin(Stdio::null())
        .output()
        .ok()?;
    if asked.status.success() {
        return Some(Ok(String::from_utf8_lossy(&asked.stdout).trim().parse().ok()));
    }
    let said = String::from_utf8_lossy(&asked.stderr).trim().to_owned();
    let said =
        if said.is_empty() { format!("no answer within {PATIENCE} s: is its disk alive?") } else { said };
    Some(Err(said))
}

fn as_nginx(music: &Path) -> Option<bool> {
    let asked = Command::new("timeout")
        .args(["--kill-after=1", PATIENCE, "runuser", "-u", NGINX_USER, "--", "test", "-r"])
        .arg(music)
        .arg("-a")
        .arg("-x")
        .arg(music)
        .stderr(Stdio::null())
        .status();
    match asked.ok()?.code()? {
        0 => Some(true),
        1 => Some(false),
        // There is no such user here, or no answer.
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_that_cannot_be_linked_into_are_found() {
        let dir = tempfile::tempdir().unwrap();
        for folder in ["import", "artists", "users"] {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
        }
        try_links(dir.path()).unwrap();
        std::fs::remove_dir(dir.path().join("users")).unwrap();
        assert!(try_links(dir.path()).is_err());
        assert_eq!(
            std::fs::read_dir(dir.path().join("artists")).unwrap().count(),
            0,
            "something was left behind"
        );
    }

    #[test]
    fn a_folder_without_a_marker_is_told_apart_from_one_with_a_wrong_one() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(try_all(dir.path()), Ok(None));
        std::fs::write(dir.path().join(".barbossa-library"), "not an id").unwrap();
        assert!(try_all(dir.path()).is_err());
    }
}
