//! What is kept of an old file whose audio lives on in the new one: the bytes around the audio. Proven before the old
//! file goes: what is made again has its checksum, to the byte.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use super::plan::Part;
use crate::audio;

/// Keeps in `to` what `old` has and `new` has not, if that is less than half of it; then how `old` is made from the two.
/// None when it cannot be made again this way (Ogg spreads its audio over numbered pages).
///
/// # Errors
/// `Io`.
pub fn keep(old: &Path, new: &Path, to: &Path, checksum: &str) -> io::Result<Option<Vec<Part>>> {
    let Some(parts) = parts(old, new)? else { return Ok(None) };
    let kept_bytes: u64 = parts.iter().map(|p| if let Part::Kept(n) = p { *n } else { 0 }).sum();
    if kept_bytes * 2 > old.metadata()?.len() {
        return Ok(None);
    }
    let mut source = File::open(old)?;
    let mut kept = OpenOptions::new().write(true).create(true).truncate(true).mode(0o664).open(to)?;
    for part in &parts {
        match *part {
            Part::Kept(bytes) => copied(&mut source, &mut kept, bytes)?,
            Part::New(_, bytes) => {
                source.seek_relative(i64::try_from(bytes).map_err(io::Error::other)?)?;
            }
        }
    }
    kept.sync_all()?;
    let mut hasher = blake3::Hasher::new();
    rebuild(to, new, &parts, &mut hasher)?;
    if hasher.finalize().to_hex().as_str() == checksum {
        return Ok(Some(parts));
    }
    std::fs::remove_file(to)?;
    Ok(None)
}

/// Writes the old file, from what was kept and the new one.
///
/// # Errors
/// `UnexpectedEof` when one of them is too short; `Io`.
pub fn rebuild(kept: &Path, new: &Path, parts: &[Part], out: &mut impl Write) -> io::Result<()> {
    let (mut kept, mut new) = (File::open(kept)?, File::open(new)?);
    for part in parts {
        match *part {
            Part::Kept(bytes) => copied(&mut kept, out, bytes)?,
            Part::New(from, bytes) => {
                new.seek(SeekFrom::Start(from))?;
                copied(&mut new, out, bytes)?;
            }
        }
    }
    Ok(())
}

/// The audio of both, range by range, and what lies between.
fn parts(old: &Path, new: &Path) -> io::Result<Option<Vec<Part>>> {
    let (Some(mut ours), Some(mut theirs)) = (audio::audio_ranges(old)?, audio::audio_ranges(new)?) else {
        return Ok(None);
    };
    let lengths =
        |ranges: &[std::ops::Range<u64>]| ranges.iter().map(|r| r.end - r.start).collect::<Vec<_>>();
    if ours.is_empty() || lengths(&ours) != lengths(&theirs) {
        return Ok(None);
    }
    ours.sort_by_key(|r| r.start);
    theirs.sort_by_key(|r| r.start);
    let (mut parts, mut at) = (Vec::new(), 0);
    for (old, new) in ours.iter().zip(&theirs) {
        let Some(before) = old.start.checked_sub(at) else { return Ok(None) };
        parts.push(Part::Kept(before));
        parts.push(Part::New(new.start, old.end - old.start));
        at = old.end;
    }
    Ok(old.metadata()?.len().checked_sub(at).map(|rest| {
        parts.push(Part::Kept(rest));
        parts
    }))
}

fn copied(from: &mut impl Read, to: &mut impl Write, bytes: u64) -> io::Result<()> {
    let copied = io::copy(&mut from.take(bytes), to)?;
    if copied == bytes { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

/// Whether both files have the same bytes of audio; Ogg's are compared by their essence alone.
///
/// # Errors
/// `Io`.
pub fn is_same_audio(old: &Path, new: &Path) -> io::Result<bool> {
    let (Some(ours), Some(theirs)) = (audio::audio_ranges(old)?, audio::audio_ranges(new)?) else {
        return Ok(true);
    };
    let hash = |path: &Path, ranges: &[std::ops::Range<u64>]| {
        let (mut file, mut hasher) = (File::open(path)?, blake3::Hasher::new());
        for range in ranges {
            file.seek(SeekFrom::Start(range.start))?;
            copied(&mut file, &mut hasher, range.end - range.start)?;
        }
        Ok::<_, io::Error>(hasher.finalize())
    };
    Ok(hash(old, &ours)? == hash(new, &theirs)?)
}
