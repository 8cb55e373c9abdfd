//! Of `barbossa doctor`: the music as the units see it. A sandbox may hide what a shell shows, and show what a home hides.
//!
//! Root enters the running worker's view of the file systems, becomes the service's user there, and tries what the worker
//! does all day; and asks as nginx's user whether it may read.

use std::io::{self, ErrorKind};
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

/// The marker; then, where there is one, a file on the disk for good, a second name for it in each folder, a rename there.
/// What goes wrong is said with its mend.
pub(super) fn try_all(music: &Path) -> Tried {
    let marker = files::read_marker(music).map_err(|error| mend(music, &error))?;
    if marker.is_some() {
        try_links(music)?;
    }
    Ok(marker)
}

/// Where music arrives, lies, is loved, and waits to be let go.
const FOLDERS: [&str; 6] = ["import", "import/pending", "artists", "users", "downloads", ".trash"];

fn try_links(music: &Path) -> Result<(), String> {
    let import = music.join(FOLDERS[0]);
    let source = tempfile::Builder::new().prefix(".doctor-").tempfile_in(&import);
    let source = source.and_then(|file| file.as_file().sync_all().map(|()| file));
    let source = source.map_err(|error| mend(&import, &error))?;
    for folder in FOLDERS.map(|name| music.join(name)) {
        try_link(source.path(), &folder).map_err(|error| mend(&folder, &error))?;
    }
    Ok(())
}

fn try_link(source: &Path, folder: &Path) -> io::Result<()> {
    let target = tempfile::Builder::new().prefix(".doctor-").tempdir_in(folder)?;
    let link = target.path().join("link");
    files::link_noreplace(source, &link)?;
    files::rename_noreplace(&link, &target.path().join("renamed"))?;
    files::sync_dir(target.path())
}

/// What went wrong in a folder, and what to type.
fn mend(folder: &Path, error: &io::Error) -> String {
    let shown = folder.display();
    let told = format!("{shown}: {error}");
    match error.kind() {
        ErrorKind::NotFound => format!("{told}: install -d -o barbossa -g barbossa -m 2775 '{shown}'"),
        ErrorKind::PermissionDenied => {
            format!("{told}: chown barbossa:barbossa '{shown}' && chmod 2775 '{shown}'")
        }
        ErrorKind::ReadOnlyFilesystem => {
            format!(
                "{told}: mount -o remount,rw \"$(findmnt -no TARGET -T '{shown}')\"; dmesg says why it was closed"
            )
        }
        ErrorKind::StorageFull => format!("{told}: barbossa trash empty --all, or a larger disk"),
        ErrorKind::CrossesDevices => format!("{told}: another file system lies there: umount '{shown}'"),
        _ => format!("{told}: findmnt -T '{shown}'; dmesg"),
    }
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
        for folder in FOLDERS {
            std::fs::create_dir(dir.path().join(folder)).unwrap();
        }
        try_links(dir.path()).unwrap();
        for folder in FOLDERS.map(|name| dir.path().join(name)).iter().rev() {
            let left = std::fs::read_dir(folder).unwrap().count();
            assert_eq!(left, usize::from(folder.ends_with("import")), "something was left behind");
            if !folder.ends_with("import") {
                std::fs::remove_dir(folder).unwrap();
                let said = try_links(dir.path()).unwrap_err();
                let mend = format!("install -d -o barbossa -g barbossa -m 2775 '{}'", folder.display());
                assert!(said.ends_with(&mend), "{said}");
                std::fs::create_dir(folder).unwrap();
            }
        }
    }

    #[test]
    fn each_refusal_of_a_file_system_has_its_own_mend() {
        for (kind, words) in [
            (ErrorKind::NotFound, "install -d -o barbossa -g barbossa -m 2775 '/m'"),
            (ErrorKind::PermissionDenied, "chown barbossa:barbossa '/m' && chmod 2775 '/m'"),
            (ErrorKind::ReadOnlyFilesystem, "mount -o remount,rw"),
            (ErrorKind::StorageFull, "barbossa trash empty --all"),
            (ErrorKind::CrossesDevices, "umount '/m'"),
            (ErrorKind::Other, "findmnt -T '/m'"),
        ] {
            let said = mend(Path::new("/m"), &io::Error::from(kind));
            assert!(said.starts_with("/m: ") && said.contains(words), "{said}");
        }
    }

    #[test]
    fn a_folder_without_a_marker_is_told_apart_from_one_with_a_wrong_one() {
        let dir = tempfile::tempdir().unwrap();
        assert_eq!(try_all(dir.path()), Ok(None));
        std::fs::write(dir.path().join(".barbossa-library"), "not an id").unwrap();
        assert!(try_all(dir.path()).is_err());
    }
}
