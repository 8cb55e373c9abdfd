//! `barbossa setup streamrip`: puts streamrip into a folder of its own, by the exact versions and hashes that this version of
//! Barbossa was tried with. One that works is put aside first, and comes back when the new one does not.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, bail};

use super::{Places, Status, failure};
use crate::files;

/// Where the settings look for it.
const HOME: &str = "/opt/barbossa/streamrip";
/// What is installed.
const REQUIREMENTS: &str = "/usr/share/barbossa/streamrip.txt";
const PYTHON: &str = "/usr/bin/python3";

pub(super) fn run(places: &Places) -> anyhow::Result<Vec<String>> {
    let (home, requirements) = (places.at(Path::new(HOME)), places.at(Path::new(REQUIREMENTS)));
    if !requirements.is_file() {
        let what = format!("{} is missing: reinstall the package barbossa.", requirements.display());
        return Err(failure(Status::NotFound, what));
    }
    let folder = home.parent().context("it has a parent")?;
    std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let before = folder.join("streamrip.before");
    // Of a run that was stopped: what worked before it.
    if before.exists() {
        files::remove_tree_if_there(&home)?;
        files::rename_noreplace(&before, &home)?;
    }
    // Scripts in it name their interpreter by its path, so that it is made under its own name.
    let had_one = home.exists();
    if had_one {
        files::rename_noreplace(&home, &before)?;
    }
    let made = install(&home, &requirements);
    match made {
        Ok(version) => {
            files::remove_tree_if_there(&before)?;
            let mut report = vec![format!("installed {version} in {}", home.display())];
            report.push(
                "next      the account: qobuz.email in /etc/barbossa/barbossa.toml, and its password:".into(),
            );
            report.push("          systemd-ask-password -n | install -m 0600 /dev/stdin /etc/credstore/barbossa.qobuz-password".into());
            report.push("          systemctl restart barbossa-fetch".into());
            Ok(report)
        }
        Err(error) => {
            files::remove_tree_if_there(&home)?;
            if had_one {
                files::rename_noreplace(&before, &home)?;
            }
            Err(error)
        }
    }
}

/// Its version, as it says itself.
fn install(home: &Path, requirements: &Path) -> anyhow::Result<String> {
    told(Command::new(PYTHON).args(["-m", "venv"]).arg(home), "apt install python3-venv")?;
    let mut pip = Command::new(home.join("bin/pip"));
    pip.args([
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-input",
        "--require-hashes",
        "--requirement",
    ]);
    told(pip.arg(requirements), "is the internet reached from here?")?;
    told(Command::new(home.join("bin/rip")).arg("--version").env("HOME", home), "it does not start")
}

fn told(command: &mut Command, hint: &str) -> anyhow::Result<String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let said = command.output().with_context(|| format!("{program}: {hint}"))?;
    if !said.status.success() {
        let why = String::from_utf8_lossy(&said.stderr);
        let last = why.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it gave no reason");
        bail!("{program}: {last} ({hint})");
    }
    Ok(String::from_utf8_lossy(&said.stdout).trim().to_owned())
}
