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

#[cfg(test)]
mod tests {
    use super::*;

    /// Makes a wheel (packaging.python.org, "Binary distribution format") of a program `rip`; its SHA-256.
    const WHEEL: &str = r#"
import hashlib, sys, zipfile
path, version = sys.argv[1:]
info = f"streamrip-{version}.dist-info"
with zipfile.ZipFile(path, "w") as wheel:
    wheel.writestr("streamrip.py", f"def main(): print('rip, version {version}')")
    wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: streamrip\nVersion: {version}\n")
    wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: a test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    wheel.writestr(f"{info}/entry_points.txt", "[console_scripts]\nrip = streamrip:main\n")
    wheel.writestr(f"{info}/RECORD", "".join(f"{name},,\n" for name in wheel.namelist() + [f"{info}/RECORD"]))
print(hashlib.sha256(open(path, "rb").read()).hexdigest())
"#;

    /// What is to be installed, from a folder beside and from nowhere else.
    fn offer(places: &Places, version: &str, is_sound: bool) {
        let wheels = places.at(Path::new("/wheels"));
        std::fs::create_dir_all(&wheels).unwrap();
        let wheel = wheels.join(format!("streamrip-{version}-py3-none-any.whl"));
        let hash = told(Command::new(PYTHON).args(["-c", WHEEL]).arg(wheel).arg(version), "").unwrap();
        let hash = if is_sound { hash } else { "0".repeat(64) };
        let requirements = places.at(Path::new(REQUIREMENTS));
        std::fs::create_dir_all(requirements.parent().unwrap()).unwrap();
        let text = format!(
            "--no-index\n--find-links {}\nstreamrip=={version} --hash=sha256:{hash}\n",
            wheels.display()
        );
        std::fs::write(requirements, text).unwrap();
    }

    #[test]
    fn what_works_stays_until_another_one_does() {
        let root = tempfile::tempdir().unwrap();
        let places = Places { root: root.path().into(), drop_ins: root.path().join("etc") };
        let says =
            || told(Command::new(places.at(Path::new(HOME)).join("bin/rip")).arg("--version"), "").unwrap();
        assert!(run(&places).unwrap_err().to_string().contains("reinstall the package"));
        offer(&places, "1.0", true);
        let report = run(&places).unwrap();
        assert!(report[0].starts_with("installed rip, version 1.0 in "), "{report:?}");
        // The next run was stopped in the middle, and the one after that finds a file that is not the one it should be.
        let home = places.at(Path::new(HOME));
        files::rename_noreplace(&home, &home.with_file_name("streamrip.before")).unwrap();
        std::fs::create_dir_all(home.join("bin")).unwrap();
        offer(&places, "2.0", false);
        let refused = run(&places).unwrap_err().to_string();
        assert!(refused.contains("bin/pip: "), "{refused}");
        assert_eq!(says(), "rip, version 1.0");
        offer(&places, "2.0", true);
        run(&places).unwrap();
        assert_eq!(says(), "rip, version 2.0");
        assert!(!home.with_file_name("streamrip.before").exists());
    }
}
