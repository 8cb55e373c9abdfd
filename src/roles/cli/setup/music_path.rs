//! `barbossa setup music-path DIR`: another folder for all music. The settings, the units and nginx have to agree on it.

use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use anyhow::Context;
use nix::unistd::User;

use super::{Places, Status, failure};
use crate::config::{Severity, Sources, Variable, load};
use crate::files;

const FILE: &str = "20-music-path.toml";

pub(super) fn run(dir: &Path, places: &Places, user: &User) -> anyhow::Result<Vec<String>> {
    let dir = plain(dir)?;
    let before = load(&places.sources()).settings.music_path;
    let mut report = Vec::new();
    if make(&dir, user)? {
        report.push(format!("made      {}", dir.display()));
    }
    check_rights(&dir, user)?;
    let text = format!("# By `barbossa setup music-path`.\nmusic_path = {}\n", toml_text(&dir));
    let drop_in = places.drop_in(FILE);
    files::make_dirs(&places.drop_ins)?;
    files::replace_durably(&drop_in, text.as_bytes()).with_context(|| drop_in.display().to_string())?;
    report.push(format!("settings  {}", drop_in.display()));
    report.extend(write_snippet(&dir, places)?);
    check_effect(&dir, places)?;
    report.extend(closed_to_nginx(&dir).map(|at| {
        format!(
            "warning   nginx (user www-data) may not enter {}: covers and audio will not be served.\n          \
             Let it: setfacl -m u:www-data:x '{}' (apt install acl); barbossa doctor tells whether it may.",
            at.display(),
            at.display()
        )
    }));
    report.extend(next_steps(&before, &dir));
    Ok(report)
}

/// Whole, without `.` and `//`, and one that the settings accept.
fn plain(dir: &Path) -> anyhow::Result<PathBuf> {
    let dir: PathBuf = std::path::absolute(dir)?.components().collect();
    let value = dir.to_str().context("The path is not UTF-8.")?.to_owned();
    // nginx reads `$` as a variable, and has no way to write it otherwise.
    if value.contains(['"', '\\', '$']) {
        return Err(failure(Status::Usage, "A path with \", \\ or $ in it cannot be written for nginx."));
    }
    let variable = Variable { value, place: "here".into() };
    let sources = Sources { environment: [("MUSIC_PATH".into(), variable)].into(), ..Sources::default() };
    let problems = load(&sources).problems.0.into_iter();
    match problems.filter(|p| p.key == "music_path").find(|p| p.severity == Severity::Error) {
        Some(problem) => Err(failure(Status::Usage, problem.message)),
        None => Ok(dir),
    }
}

/// Makes it when only its last part is missing; whether it did.
fn make(dir: &Path, user: &User) -> anyhow::Result<bool> {
    if dir.is_dir() {
        return Ok(false);
    }
    if !dir.parent().is_some_and(Path::is_dir) {
        let message = format!("{} is not there: is its disk mounted?", dir.parent().unwrap_or(dir).display());
        return Err(failure(Status::NotFound, message));
    }
    std::fs::create_dir(dir).with_context(|| dir.display().to_string())?;
    chown(dir, Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
    // Setgid: what is dropped into the inbox by a member of the group belongs to the group.
    std::fs::set_permissions(dir, Permissions::from_mode(0o2775))?;
    Ok(true)
}

/// Whether the units will be able to write there. Folders above it do not matter: systemd mounts it into their view.
fn check_rights(dir: &Path, user: &User) -> anyhow::Result<()> {
    let meta = dir.metadata()?;
    let class = if meta.uid() == user.uid.as_raw() {
        6
    } else if meta.gid() == user.gid.as_raw() {
        3
    } else {
        0
    };
    if meta.mode() >> class & 0o7 == 0o7 {
        return Ok(());
    }
    let (name, dir) = (&user.name, dir.display());
    let message = format!(
        "The user {name} may not write in {dir}.\nLet it: chown {name}:{name} '{dir}' && chmod 2775 '{dir}' (and what is inside: chgrp -R {name} '{dir}' && chmod -R g+rwX '{dir}')"
    );
    Err(failure(Status::Failed, message))
}

/// The first folder on the way there that others may not enter.
fn closed_to_nginx(dir: &Path) -> Option<PathBuf> {
    let mut way: Vec<&Path> = dir.ancestors().collect();
    way.reverse();
    let is_closed = |p: &&&Path| p.metadata().is_ok_and(|m| m.mode() & 0o001 == 0);
    way.iter().find(is_closed).map(|p| p.to_path_buf())
}

fn write_snippet(dir: &Path, places: &Places) -> anyhow::Result<Option<String>> {
    let snippet = places.nginx_snippet();
    if !snippet.parent().is_some_and(Path::is_dir) {
        return Ok(None);
    }
    let text = format!(
        "# Where nginx finds the music: the same folder as music_path in the settings, with a / at the end.\n\
         # Written by `barbossa setup music-path`. nginx runs as www-data, which must be able to read it.\n\
         alias \"{}/\";\n",
        dir.display()
    );
    files::replace_durably(&snippet, text.as_bytes()).with_context(|| snippet.display().to_string())?;
    Ok(Some(format!("nginx     {}", snippet.display())))
}

/// A later file or a variable may say otherwise.
fn check_effect(dir: &Path, places: &Places) -> anyhow::Result<()> {
    let loaded = load(&places.sources());
    if loaded.settings.music_path == dir {
        return Ok(());
    }
    let winner = loaded.origins.get("music_path").map_or("another place", |o| o.0.as_str());
    let message =
        format!("It has no effect: music_path is set by {winner} too, and that wins. Take it out there.");
    Err(failure(Status::Failed, message))
}

fn next_steps(before: &Path, dir: &Path) -> Vec<String> {
    let mut steps = vec!["Then:".to_owned()];
    let has_music = before != dir && before.join("artists").read_dir().is_ok_and(|mut d| d.next().is_some());
    if has_music {
        // -H: users' folders are hard links; copied apart they would take their space twice and more.
        steps.push("  systemctl stop barbossa.target".to_owned());
        steps.push(format!("  rsync -aHAX '{}/' '{}/'", before.display(), dir.display()));
    }
    steps.push(
        "  systemctl daemon-reload && systemctl restart barbossa.target && systemctl reload nginx".to_owned(),
    );
    steps
}

fn toml_text(path: &Path) -> String {
    toml::Value::from(path.to_string_lossy().into_owned()).to_string()
}

impl Places {
    /// The settings as the roles will read them.
    pub(super) fn sources(&self) -> Sources {
        let file = self.drop_ins.with_file_name("barbossa.toml");
        // In a test the environment is nobody's.
        let process = if self.root == Path::new("/") { Sources::of_process() } else { Sources::default() };
        Sources { file, ..process }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn me() -> User {
        User::from_uid(nix::unistd::geteuid()).unwrap().unwrap()
    }

    fn places(dir: &Path) -> Places {
        std::fs::create_dir_all(dir.join("etc/nginx/snippets")).unwrap();
        Places { root: dir.into(), drop_ins: dir.join("etc/barbossa/conf.d") }
    }

    #[test]
    fn settings_and_nginx_agree_on_the_new_folder() {
        let dir = tempfile::tempdir().unwrap();
        let places = places(dir.path());
        let music = dir.path().join("big disk/../music");
        std::fs::create_dir(dir.path().join("big disk")).unwrap();
        assert!(run(&music, &places, &me()).is_err(), "`..` was taken");
        let music = dir.path().join("big disk/music");
        let report = run(&music, &places, &me()).unwrap().join("\n");
        assert_eq!(load(&places.sources()).settings.music_path, music);
        let snippet = std::fs::read_to_string(places.nginx_snippet()).unwrap();
        assert!(snippet.contains(&format!("alias \"{}/\";", music.display())), "{snippet}");
        assert!(report.contains("systemctl daemon-reload"), "{report}");
        assert_eq!(music.metadata().unwrap().mode() & 0o7777, 0o2775);
    }

    #[test]
    fn a_later_setting_that_wins_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let places = places(dir.path());
        std::fs::create_dir_all(&places.drop_ins).unwrap();
        std::fs::write(places.drop_in("90-mine.toml"), "music_path = '/srv/elsewhere'\n").unwrap();
        let refused = run(&dir.path().join("music"), &places, &me()).unwrap_err().to_string();
        assert!(refused.contains("90-mine.toml, line 1"), "{refused}");
    }

    #[test]
    fn a_disk_that_is_not_mounted_is_not_made_up() {
        let dir = tempfile::tempdir().unwrap();
        let refused = run(&dir.path().join("disk/music"), &places(dir.path()), &me()).unwrap_err();
        assert!(refused.to_string().contains("is its disk mounted?"), "{refused}");
        assert!(!dir.path().join("disk").exists());
    }

    #[test]
    fn a_folder_of_somebody_else_is_refused_with_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let music = dir.path().join("music");
        std::fs::create_dir(&music).unwrap();
        std::fs::set_permissions(&music, Permissions::from_mode(0o555)).unwrap();
        let refused = run(&music, &places(dir.path()), &me()).unwrap_err().to_string();
        assert!(refused.contains("chown"), "{refused}");
    }

    #[test]
    fn what_nginx_cannot_write_is_refused() {
        for bad in ["/srv/a$b", "/srv/a\"b"] {
            assert!(plain(Path::new(bad)).is_err(), "{bad}");
        }
    }
}
