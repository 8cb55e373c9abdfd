//! The folder that somebody asks for, by the path that they know it by: relative to the music folder, or as it is on
//! this machine.

use std::io;
use std::path::{Path, PathBuf};

use crate::app::App;
use crate::error::{Error, Result};
use crate::files::path_to_text;

/// Relative to MUSIC_PATH, as jobs have it. Looks at the disk, so not for a task that others wait for.
///
/// # Errors
/// `NotFound` when there is nothing; `Field` when it is no folder, or lies elsewhere.
pub(super) fn within_music(music: &Path, asked: &str) -> Result<String> {
    let refuse = |message: String| Error::Field { field: "path", message };
    if asked.contains('\0') {
        return Err(refuse("must not hold a NUL character".into()));
    }
    let trimmed = asked.trim_end_matches('/');
    if !asked.starts_with('/') {
        return Ok(trimmed.to_owned());
    }
    let path = PathBuf::from(trimmed);
    let meta = std::fs::metadata(&path).map_err(|e| match e.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Error::NotFound("The folder is not there."),
        // What may not be seen lies outside: all music may be.
        io::ErrorKind::PermissionDenied => refuse(outside(&path, music)),
        io::ErrorKind::InvalidFilename => refuse("is longer than a path can be".into()),
        _ => Error::Io(e),
    })?;
    if !meta.is_dir() {
        return Err(refuse(format!("{} is not a folder.", path.display())));
    }
    // The same folder may be known by another way, over a symbolic link.
    let ways = [(path.clone(), music.to_owned()), (path.canonicalize()?, music.canonicalize()?)];
    let relative = ways.iter().find_map(|(path, music)| path.strip_prefix(music).ok());
    let relative: PathBuf =
        relative.map(|r| r.components().collect()).ok_or_else(|| refuse(outside(&path, music)))?;
    Ok(path_to_text(&relative))
}

/// The same, off the async threads.
pub(super) async fn asked_folder(app: &App, asked: String) -> Result<String> {
    let music = app.music().to_owned();
    let found = tokio::task::spawn_blocking(move || within_music(&music, &asked)).await;
    found.map_err(anyhow::Error::from)?
}

fn outside(path: &Path, music: &Path) -> String {
    format!("{} does not lie in the music folder, {}.", path.display(), music.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_cannot_be_is_refused_and_one_that_is_not_there_is_told() {
        let root = tempfile::tempdir().unwrap();
        let long = format!("/{}", "x".repeat(300));
        assert!(matches!(within_music(root.path(), &long), Err(Error::Field { field: "path", .. })));
        let gone = root.path().join("gone").display().to_string();
        assert!(matches!(within_music(root.path(), &gone), Err(Error::NotFound(_))));
    }

    #[test]
    fn a_folder_is_known_by_each_of_its_paths() {
        let root = tempfile::tempdir().unwrap();
        let (music, link) = (root.path().join("music"), root.path().join("link"));
        std::fs::create_dir_all(music.join("import/pending/A")).unwrap();
        std::fs::write(music.join("a file"), "").unwrap();
        std::os::unix::fs::symlink(&music, &link).unwrap();
        let asked = |path: &Path| within_music(&music, path.to_str().unwrap());
        assert_eq!(asked(&music.join("import/pending/A/")).unwrap(), "import/pending/A");
        assert_eq!(asked(&link.join("import/pending/A")).unwrap(), "import/pending/A");
        assert_eq!(within_music(&music, "import/pending/A/").unwrap(), "import/pending/A");
        assert!(matches!(asked(&music.join("missing")), Err(Error::NotFound(_))));
        assert!(matches!(asked(&music.join("a file")), Err(Error::Field { field: "path", .. })));
        assert!(asked(root.path()).unwrap_err().to_string().contains("does not lie in the music folder"));
    }
}
