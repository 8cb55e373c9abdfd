//! One file against its row. Blocks, at the speed of the disk.

use std::path::Path;

use tokio_postgres::Row;

use crate::files;
use crate::library::{self, DamageKind, Expected, NewDamage, Verdict};

/// A file as its row knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The track.
    pub id: i64,
    /// Relative to MUSIC_PATH.
    pub path: String,
    /// Its size.
    pub size_bytes: i64,
    /// Its time, in microseconds since 1970.
    pub modified_us: i64,
    /// BLAKE3 of all of it.
    pub checksum: Vec<u8>,
    /// Of its audio.
    pub essence: String,
}

/// How it is.
#[derive(Debug, Clone, PartialEq)]
pub enum Checked {
    /// Every byte is as it was.
    Intact,
    /// Gone, or somebody has written to it: the rescan knows what that means.
    Differs,
    /// This.
    Damaged(NewDamage),
}

impl From<&Row> for Known {
    fn from(row: &Row) -> Self {
        let modified_us = row.get::<_, jiff::Timestamp>(3).as_microsecond();
        let (checksum, essence) = (row.get(4), row.get::<_, Option<String>>(5).unwrap_or_default());
        Self { id: row.get(0), path: row.get(1), size_bytes: row.get(2), modified_us, checksum, essence }
    }
}

impl Known {
    /// Reads it once when all is well, and twice more before it is called damaged.
    pub fn check(&self, music: &Path) -> Checked {
        let Some(path) = files::beneath(music, &self.path) else { return Checked::Differs };
        if !self.is_untouched(&path) {
            return Checked::Differs;
        }
        let is_intact =
            || files::hash_file(&path).is_ok_and(|hash| hash.as_bytes().as_slice() == self.checksum);
        if is_intact() {
            return Checked::Intact;
        }
        let (first, second) = (self.judge(&path), self.judge(&path));
        match (first, second) {
            (Verdict::Intact, _) | (_, Verdict::Intact) => Checked::Intact,
            (Verdict::Damaged(DamageKind::Missing), _) | (_, Verdict::Damaged(DamageKind::Missing)) => {
                Checked::Differs
            }
            (Verdict::Damaged(_), Verdict::Damaged(kind))
                if self.is_untouched(&path) || kind == DamageKind::Unreadable =>
            {
                Checked::Damaged(NewDamage::of(
                    self.id,
                    &self.path,
                    kind,
                    &self.expected(),
                    &library::examine(&path),
                ))
            }
            _ => Checked::Differs,
        }
    }

    fn judge(&self, path: &Path) -> Verdict {
        library::judge(&self.expected(), &library::examine(path))
    }

    fn expected(&self) -> Expected<'_> {
        Expected {
            size_bytes: self.size_bytes,
            modified_us: self.modified_us,
            checksum: &self.checksum,
            essence: &self.essence,
        }
    }

    fn is_untouched(&self, path: &Path) -> bool {
        path.symlink_metadata().is_ok_and(|found| {
            found.is_file()
                && found.len() as i64 == self.size_bytes
                && library::modified_us(&found) == self.modified_us
        })
    }
}
