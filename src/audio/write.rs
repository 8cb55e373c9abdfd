//! Writes tags into a sound file, one field at a time and in the format's own words: what is not named stays as it is,
//! known to us or not (pictures, ReplayGain, ids, comments, ratings). Writes in place: give it a copy.

mod formats;

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::{Read, Seek};
use std::path::Path;

use lofty::config::{GlobalOptions, ParseOptions, ParsingMode, WriteOptions};
use lofty::file::{AudioFile, FileType};
use lofty::id3::v2::{Id3v2Tag, Id3v2Version};
use lofty::probe::Probe;
use serde::{Deserialize, Serialize};

use super::{Unreadable, guarded};

/// A tag that can be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Field {
    /// The track's title.
    Title,
    /// The track's artist.
    Artist,
    /// The album's title.
    Album,
    /// Whose album it is.
    AlbumArtist,
    /// How that artist sorts.
    AlbumArtistSort,
    /// Counts from 1; a total that stands beside it stays.
    TrackNumber,
    /// Counts from 1; a total that stands beside it stays.
    DiscNumber,
    /// Four digits.
    Year,
    /// One.
    Genre,
    /// Record label.
    Label,
    /// The label's number for it.
    CatalogNumber,
    /// EAN or UPC.
    Barcode,
    /// As written.
    Composer,
    /// Twelve characters.
    Isrc,
    /// `album`, `single`, `ep`, …
    ReleaseType,
}

/// What tags are to become; none takes a tag away.
pub type Changes = BTreeMap<Field, Option<String>>;

/// Why a file's tags stay as they are.
#[derive(Debug, thiserror::Error)]
pub enum Unwritable {
    /// No tags can be written into such files.
    #[error("tags cannot be written into {0} files by this program")]
    Format(String),
    /// It cannot be read as what it is.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
    /// The format has no room for what was to be written, or the file system refused.
    #[error("the tags could not be written: {0}")]
    Refused(String),
}

/// Pictures of up to this size are carried along; a file with a larger one is left alone.
const MAX_ITEM_BYTES: usize = 64 * 1024 * 1024;

/// Changes the tags of this file, in place.
///
/// # Errors
/// [`Unwritable`]; then the file may be half written, which is why it must be a copy.
pub fn write_tags(path: &Path, changes: &Changes) -> Result<(), Unwritable> {
    guarded(|| write(path, changes))?
}

fn write(path: &Path, changes: &Changes) -> Result<(), Unwritable> {
    lofty::config::apply_global_options(GlobalOptions::new().allocation_limit(MAX_ITEM_BYTES));
    let mut file = OpenOptions::new().read(true).write(true).open(path).map_err(Unreadable::Io)?;
    let kind =
        Probe::new(&mut file).options(options()).guess_file_type().map_err(Unreadable::Io)?.file_type();
    file.rewind().map_err(Unreadable::Io)?;
    match kind {
        Some(FileType::Flac) => formats::flac(&mut file, changes),
        Some(FileType::Mpeg) => formats::mpeg(&mut file, changes),
        Some(FileType::Aac) => formats::aac(&mut file, changes),
        Some(FileType::Vorbis) => formats::vorbis(&mut file, changes),
        Some(FileType::Opus) => formats::opus(&mut file, changes),
        Some(FileType::Mp4) => formats::mp4(&mut file, changes),
        Some(FileType::Wav) => formats::wav(&mut file, changes),
        Some(FileType::Aiff) => formats::aiff(&mut file, changes),
        Some(FileType::WavPack) => formats::wavpack(&mut file, changes),
        Some(FileType::Ape) => formats::ape(&mut file, changes),
        other => Err(Unwritable::Format(other.map_or_else(|| "such".into(), |kind| format!("{kind:?}")))),
    }
}

fn options() -> ParseOptions {
    ParseOptions::new().read_properties(false).parsing_mode(ParsingMode::BestAttempt)
}

/// Reads a file of one format from its start, with all that is in its tags.
fn read<F: AudioFile>(file: &mut (impl Read + Seek)) -> Result<F, Unwritable> {
    let read = F::read_from(file, options()).map_err(|e| Unreadable::Damaged(e.to_string()))?;
    file.rewind().map_err(Unreadable::Io)?;
    Ok(read)
}

/// As the file's ID3v2 tag was: who writes 2.3 has a player that reads no 2.4.
fn like(tag: Option<&Id3v2Tag>) -> WriteOptions {
    let mut options = WriteOptions::new().respect_read_only(false);
    options.use_id3v23(tag.is_some_and(|t| t.original_version() != Id3v2Version::V4));
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_no_audio_is_refused_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.flac");
        std::fs::write(&path, b"hello, this is text and no audio at all").unwrap();
        let refused = write_tags(&path, &Changes::new()).unwrap_err();
        assert!(refused.to_string().contains("cannot be written"), "{refused}");
    }
}
