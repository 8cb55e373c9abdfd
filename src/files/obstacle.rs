//! Why work on files cannot be carried out: what the rooms that move music tell apart, and what a person reads of it.

use std::io::{self, ErrorKind};
use std::path::Path;

use super::path_to_text;

/// Why a plan cannot be carried out on the disk as it stands.
#[derive(Debug, thiserror::Error)]
pub enum Obstacle {
    /// A file is not the one that the plan speaks of: nothing was done, plan again. The sentence says which.
    #[error("{0}")]
    Changed(String),
    /// Something has the name by now.
    #[error("{0} is taken")]
    Taken(String),
    /// There is not enough room; the sentence says how much is missing.
    #[error("{0}")]
    Full(String),
    /// The file system refused; try again later.
    #[error("{what}: {error}")]
    Io {
        /// What was being done, and with which file.
        what: String,
        /// What the file system said.
        error: io::Error,
    },
    /// A test stopped here.
    #[error(transparent)]
    Stopped(#[from] Stopped),
}

/// A test stopped the work between two steps. A program without the feature `failpoints` never does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stopped by a test")]
pub struct Stopped;

/// Names the file in an error.
pub trait During<T> {
    /// `what` is what was being done: `making`, `linking to`.
    ///
    /// # Errors
    /// [`Obstacle::Full`] when there is no room, else [`Obstacle::Io`].
    fn during(self, what: &str, path: &Path) -> Result<T, Obstacle>;
}

impl<T> During<T> for io::Result<T> {
    fn during(self, what: &str, path: &Path) -> Result<T, Obstacle> {
        self.map_err(|error| match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
                Obstacle::Full(format!("the disk is full: {what} {}", path_to_text(path)))
            }
            _ => Obstacle::Io { what: format!("{what} {}", path_to_text(path)), error },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_told_from_all_else_and_the_file_is_named() {
        let refused = |kind: ErrorKind| -> Obstacle {
            let done: io::Result<()> = Err(kind.into());
            done.during("linking to", Path::new("artists/Ada/01.flac")).unwrap_err()
        };
        for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
            assert_eq!(refused(kind).to_string(), "the disk is full: linking to artists/Ada/01.flac");
        }
        let other = refused(ErrorKind::PermissionDenied);
        assert!(matches!(other, Obstacle::Io { .. }), "{other}");
        assert!(other.to_string().starts_with("linking to artists/Ada/01.flac: "), "{other}");
    }
}
