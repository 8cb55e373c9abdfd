//! Where an export may go: beneath a root that the admin allows, on a drive that is there.
//!
//! A drive that is not mounted is an empty folder, and writing there would fill the system's disk. So a root must be a
//! mount point, or have one on the way down to the destination, or hold the file `.barbossa-exports`, by which the admin
//! says that it is meant to be a plain folder. The one in MUSIC_PATH is known by the library's own marker.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};

use crate::app::App;
use crate::error::{Error, Result};

/// Says that a root is a plain folder and no drive.
pub const ROOT_MARKER: &str = ".barbossa-exports";
/// The destination that is no folder.
pub const ZIP: &str = "zip";

/// The folders beneath which exports may be written: as set, else `MUSIC_PATH/export`.
pub fn roots(app: &App) -> Vec<PathBuf> {
    let set = &app.settings.exports.roots;
    if set.is_empty() { vec![own_root(app)] } else { set.iter().map(PathBuf::from).collect() }
}

fn own_root(app: &App) -> PathBuf {
    app.music().join("export")
}

/// The destination that was meant: absolute, beneath a root, without `..`; a relative one lies beneath the first root, and
/// none at all is the user's own folder there.
///
/// # Errors
/// `Invalid` with the allowed roots.
pub fn resolve(app: &App, asked: &str, username: &str) -> Result<String> {
    let asked = asked.trim();
    if asked == ZIP {
        return Ok(ZIP.into());
    }
    let roots = roots(app);
    let asked = if asked.is_empty() { Path::new(username) } else { Path::new(asked) };
    let whole = match roots.first() {
        Some(first) if asked.is_relative() => first.join(asked),
        _ => asked.to_owned(),
    };
    let is_plain = whole.components().all(|c| matches!(c, Component::RootDir | Component::Normal(_)))
        && !whole.to_string_lossy().contains(char::is_control);
    let tidy: PathBuf = whole.components().collect();
    if !is_plain || !roots.iter().any(|root| tidy.starts_with(root)) {
        let allowed = roots.iter().map(|r| r.display().to_string()).collect::<Vec<_>>().join(", ");
        return Err(Error::Invalid(format!(
            "An export goes beneath {allowed}, or is a zip (destination `zip`). An admin allows other folders with exports.roots."
        )));
    }
    match tidy.to_str() {
        Some(text) => Ok(text.to_owned()),
        None => Err(Error::Invalid("The destination's name is not UTF-8.".into())),
    }
}

/// Whether the drive of a destination is there, else what to do, as a sentence. Blocks.
///
/// # Errors
/// The sentence.
pub fn ensure_drive(app: &App, destination: &Path) -> std::result::Result<(), String> {
    let roots = roots(app);
    let Some(root) = roots.iter().filter(|r| destination.starts_with(r)).max_by_key(|r| r.as_os_str().len())
    else {
        return Err(format!(
            "{} lies beneath none of the folders that exports.roots allows.",
            destination.display()
        ));
    };
    // Whether the music is there was asked before.
    if *root == own_root(app) || destination.starts_with(app.music().join("export")) {
        return Ok(());
    }
    is_drive_there(root, destination).map_err(|error| match error.kind() {
        ErrorKind::NotFound => format!(
            "No drive is mounted at {}: plug it in, mount it, and resume. If it is meant to be a plain folder, create \
             the file {ROOT_MARKER} in it.",
            root.display()
        ),
        _ => format!("{} cannot be looked at: {error}.", root.display()),
    })
}

/// `NotFound` when it is not.
fn is_drive_there(root: &Path, destination: &Path) -> io::Result<()> {
    root.metadata()?;
    if root.join(ROOT_MARKER).symlink_metadata().is_ok() {
        return Ok(());
    }
    let mut at = destination;
    loop {
        if at.is_dir() && is_mount_point(at)? {
            return Ok(());
        }
        match at.parent() {
            Some(above) if at != root => at = above,
            _ => return Err(ErrorKind::NotFound.into()),
        }
    }
}

fn is_mount_point(folder: &Path) -> io::Result<bool> {
    let Some(above) = folder.parent() else { return Ok(false) };
    Ok(fs::metadata(folder)?.dev() != fs::metadata(above)?.dev())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    fn app(roots: &[&str]) -> App {
        let mut settings = Settings { music_path: "/srv/music".into(), ..Settings::default() };
        settings.exports.roots = roots.iter().map(|r| (*r).to_owned()).collect();
        App::new("test", settings, 1).unwrap()
    }

    #[test]
    fn an_export_goes_beneath_a_root_and_nowhere_else() {
        let drives = app(&["/media/usb", "/srv/out"]);
        for (asked, expected) in [
            ("/media/usb/Music", Some("/media/usb/Music")),
            ("/media/usb", Some("/media/usb")),
            ("/srv/out//x/", Some("/srv/out/x")),
            ("Holiday", Some("/media/usb/Holiday")),
            ("", Some("/media/usb/ada")),
            ("zip", Some("zip")),
            ("/media/usb2", None),
            ("/media/usb/../../etc", None),
            ("../x", None),
            ("/etc", None),
            ("/srv/music/export", None),
            ("/media/usb/a\nb", None),
        ] {
            let resolved = resolve(&drives, asked, "ada");
            assert_eq!(resolved.ok().as_deref(), expected, "{asked}");
        }
        let refused = resolve(&drives, "/etc", "ada").unwrap_err().to_string();
        assert!(refused.contains("/media/usb, /srv/out"), "{refused}");
        assert_eq!(resolve(&app(&[]), "", "ada").unwrap(), "/srv/music/export/ada");
    }

    #[test]
    fn an_empty_mount_point_is_no_drive() {
        let folder = tempfile::tempdir().unwrap();
        let usb = folder.path().join("usb");
        let drives = app(&[usb.to_str().unwrap()]);
        assert!(ensure_drive(&drives, &usb.join("Music")).unwrap_err().contains("plug it in"));
        fs::create_dir(&usb).unwrap();
        assert!(ensure_drive(&drives, &usb.join("Music")).unwrap_err().contains("plug it in"));
        fs::write(usb.join(ROOT_MARKER), "").unwrap();
        assert_eq!(ensure_drive(&drives, &usb.join("Music")), Ok(()));
        // What is mounted beneath the root will do, too.
        let system = app(&["/"]);
        assert_eq!(ensure_drive(&system, Path::new("/proc/x")), Ok(()));
    }
}
