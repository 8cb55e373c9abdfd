//! Reads one file of the library whole and says what was found, for [`judge`](fn@super::judge). Blocks.

use std::fs::{self, Metadata};
use std::io;
use std::path::Path;

use jiff::Timestamp;

use super::judge::Reading;
use crate::audio::{self, Unreadable};

/// Checksum, essence, and what a decoder says, as they are now. A file that changes while it is read is read again.
pub fn examine(path: &Path) -> Reading {
    for _ in 0..3 {
        let before = match seen(path) {
            Ok(before) => before,
            Err(reading) => return reading,
        };
        let digest = match audio::checksum_and_essence(path) {
            Ok(digest) => digest,
            Err(Unreadable::Empty) => return empty(before),
            Err(Unreadable::Io(error)) => return refusal(&error),
            Err(other) => return Reading::Refused(other.to_string()),
        };
        let flaw = match audio::read(path).and_then(|sound| audio::verify(path, &sound.quality, &digest)) {
            Ok(()) => None,
            Err(Unreadable::Io(error)) => return refusal(&error),
            Err(flaw) => Some(flaw.to_string()),
        };
        match seen(path) {
            Ok(after) if after == before => {
                return Reading::Read {
                    size_bytes: before.0,
                    modified_us: before.1,
                    checksum: digest.checksum,
                    essence: digest.essence,
                    is_cut_off: digest.is_cut_off,
                    flaw: flaw.filter(|_| !digest.is_cut_off),
                };
            }
            Ok(_) => {}
            Err(reading) => return reading,
        }
    }
    Reading::Refused("it changes while it is read".into())
}

/// Size and time in microseconds; a symbolic link is no file of the library.
fn seen(path: &Path) -> Result<(i64, i64), Reading> {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => Ok((found.len() as i64, modified_us(&found))),
        Ok(_) => Err(Reading::Gone),
        Err(error) => Err(refusal(&error)),
    }
}

/// The time of the last change, in microseconds since 1970, as PostgreSQL keeps it.
pub fn modified_us(found: &Metadata) -> i64 {
    let modified = found.modified().ok().and_then(|at| Timestamp::try_from(at).ok());
    modified.map_or(0, Timestamp::as_microsecond)
}

fn refusal(error: &io::Error) -> Reading {
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Reading::Gone,
        _ => Reading::Refused(error.to_string()),
    }
}

fn empty((size_bytes, modified_us): (i64, i64)) -> Reading {
    Reading::Read {
        size_bytes,
        modified_us,
        checksum: *blake3::hash(b"").as_bytes(),
        essence: String::new(),
        is_cut_off: true,
        flaw: None,
    }
}
