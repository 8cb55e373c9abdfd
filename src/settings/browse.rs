//! Folders to choose from: beneath the roots that the settings allow, and nowhere else.

use std::io::{self, ErrorKind};
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::OFlag;

use crate::files;

/// Why there is nothing to see.
#[derive(Debug)]
pub(super) enum Refused {
    /// Not beneath a root.
    NotAllowed,
    /// Not there.
    Missing,
    /// A file.
    NotAFolder,
    /// The disk said so.
    Failed(io::Error),
}

/// The names of the folders in this one, hidden ones left out, sorted. At `/` the roots. Blocks.
pub(super) fn folders(roots: &[PathBuf], path: &Path) -> Result<Vec<String>, Refused> {
    if path == Path::new("/") {
        let names = roots.iter().filter(|root| root.is_dir());
        let mut names: Vec<String> =
            names.map(|root| root.to_string_lossy().trim_start_matches('/').to_owned()).collect();
        names.sort();
        names.dedup();
        return Ok(names);
    }
    let beneath = |root: &PathBuf| path.strip_prefix(root).ok().map(|rest| (root.clone(), rest.to_owned()));
    let (root, rest) = roots.iter().find_map(beneath).ok_or(Refused::NotAllowed)?;
    let rest = match rest.to_str() {
        Some("") => ".",
        Some(rest) => rest,
        None => return Err(Refused::Missing),
    };
    let root = std::fs::File::open(root).map_err(refused)?;
    let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let folder = files::openat_beneath(&root, rest, flags).map_err(|errno| match errno {
        // A symbolic link or `..` that leads out.
        Errno::EXDEV | Errno::ELOOP => Refused::NotAllowed,
        other => refused(other.into()),
    })?;
    // By the open folder, not by its name, which may lead elsewhere by now.
    let mut names = Vec::new();
    for entry in std::fs::read_dir(format!("/proc/self/fd/{}", folder.as_raw_fd())).map_err(refused)? {
        let entry = entry.map_err(refused)?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if !name.starts_with('.') && entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}

fn refused(error: io::Error) -> Refused {
    match error.kind() {
        ErrorKind::NotFound => Refused::Missing,
        ErrorKind::NotADirectory => Refused::NotAFolder,
        ErrorKind::PermissionDenied => Refused::NotAllowed,
        _ => Refused::Failed(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_lies_beneath_a_root_is_shown() {
        let dir = tempfile::tempdir().unwrap();
        let (root, outside) = (dir.path().join("root"), dir.path().join("outside"));
        for folder in ["b", "a/deep", ".hidden"] {
            std::fs::create_dir_all(root.join(folder)).unwrap();
        }
        std::fs::create_dir_all(outside.join("secret")).unwrap();
        std::fs::write(root.join("file"), "").unwrap();
        std::os::unix::fs::symlink(&outside, root.join("out")).unwrap();
        let roots = [root.clone()];
        assert_eq!(folders(&roots, &root).unwrap(), ["a", "b"]);
        assert_eq!(folders(&roots, &root.join("a")).unwrap(), ["deep"]);
        assert_eq!(
            folders(&roots, Path::new("/")).unwrap(),
            [root.to_str().unwrap().trim_start_matches('/')]
        );
        let out = [
            &outside,
            &root.join("out"),
            &root.join("out/secret"),
            &root.join("../outside"),
            Path::new("/etc"),
        ];
        for path in out {
            assert!(matches!(folders(&roots, path), Err(Refused::NotAllowed)), "{}", path.display());
        }
        assert!(matches!(folders(&roots, &root.join("none")), Err(Refused::Missing)));
        assert!(matches!(folders(&roots, &root.join("file")), Err(Refused::NotAFolder)));
    }
}
