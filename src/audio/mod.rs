//! What is inside a sound file: its tags, its quality, its essence; and whether it is whole. Reads; only `write` writes.
//!
//! Parsers meet files that anyone may have made: each call into one is guarded against its panics, and what is wrong
//! is said in words for a person.

mod essence;
mod fingerprint;
mod ogg;
mod quality;
mod tags;
mod verify;
mod window;
mod write;

pub use essence::{Digest, audio_ranges, checksum_and_essence};
pub use fingerprint::{Fingerprint, NoFingerprint};
pub use quality::{Format, Quality};
pub use tags::{Picture, Tags, embedded_cover};
pub use verify::verify;
pub use write::{Changes, Field, Unwritable, write_tags};

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use lofty::config::{GlobalOptions, ParseOptions, ParsingMode};
use lofty::file::{FileType, TaggedFile, TaggedFileExt};
use lofty::mp4::{Mp4Codec, Mp4File};
use lofty::prelude::AudioFile;
use lofty::probe::Probe;

use window::Window;

/// Endings of the files that we take for audio, lower case.
pub const AUDIO_EXTENSIONS: &[&str] = &[
    "flac", "mp3", "m4a", "m4b", "mp4", "ogg", "oga", "opus", "wav", "aif", "aiff", "aac", "wv", "ape",
    "mpc", "wma", "dsf", "dff",
];

/// What was read of a file without reading all of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Sound {
    /// Who and what, as written.
    pub tags: Tags,
    /// How it sounds, in numbers.
    pub quality: Quality,
}

/// Why a file gives no sound.
#[derive(Debug, thiserror::Error)]
pub enum Unreadable {
    /// Zero bytes.
    #[error("the file is empty (0 bytes)")]
    Empty,
    /// Something else under an audio file's name; the words say what, when that can be told.
    #[error("this is not audio{}", .0.map(|what| format!(" but {what}")).unwrap_or_default())]
    NotAudio(Option<&'static str>),
    /// An audio format that this program does not read.
    #[error("{0} files cannot be read by this program")]
    Unsupported(&'static str),
    /// Audio, and damaged or cut off.
    #[error("the file is damaged: {0}")]
    Damaged(String),
    /// The file system refused.
    #[error("the file could not be read: {0}")]
    Io(#[from] io::Error),
}

/// Whether a file's name says that it is audio.
pub fn is_audio_name(path: &Path) -> bool {
    let ending = path.extension().and_then(|e| e.to_str());
    ending.is_some_and(|e| AUDIO_EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(e)))
}

/// Reads tags and quality: a few small reads at the start (and for some formats the end) of the file, no pictures.
///
/// # Errors
/// [`Unreadable`]: every reason that a person may be told.
pub fn read(path: &Path) -> Result<Sound, Unreadable> {
    let window = Window::open(File::open(path)?)?;
    if window.size_bytes() == 0 {
        return Err(Unreadable::Empty);
    }
    if let Some(stranger) = stranger(window.start()) {
        return Err(stranger);
    }
    let (file, format) = guarded(|| parse(window))??;
    let quality = Quality::of(format, file.properties());
    if quality.duration_ms == 0 || quality.sample_rate_hz.is_none() {
        return Err(Unreadable::Damaged("there is no audio in it".into()));
    }
    Ok(Sound { tags: Tags::of(file.tags()), quality })
}

fn parse(window: Window) -> Result<(TaggedFile, Format), Unreadable> {
    lofty::config::apply_global_options(GlobalOptions::new().preserve_format_specific_items(false));
    let options = ParseOptions::new().read_cover_art(false).parsing_mode(ParsingMode::BestAttempt);
    let damaged = |e: lofty::error::FileParseError| Unreadable::Damaged(e.to_string());
    let probe = Probe::new(window).options(options).guess_file_type()?;
    match probe.file_type() {
        None => Err(Unreadable::NotAudio(None)),
        // M4A holds AAC or ALAC, and only this parser says which.
        Some(FileType::Mp4) => {
            let file = Mp4File::read_from(&mut probe.into_inner(), options).map_err(damaged)?;
            let format = format_in_mp4(file.properties().codec());
            Ok((file.into(), format))
        }
        Some(kind) => Ok((probe.read().map_err(damaged)?, format_of(kind))),
    }
}

fn format_in_mp4(codec: Option<Mp4Codec>) -> Format {
    match codec {
        Some(Mp4Codec::ALAC) => Format::Alac,
        Some(Mp4Codec::FLAC) => Format::Flac,
        Some(Mp4Codec::MP3) => Format::Mp3,
        _ => Format::Aac,
    }
}

fn format_of(kind: FileType) -> Format {
    match kind {
        FileType::Flac => Format::Flac,
        FileType::Mpeg => Format::Mp3,
        FileType::Mp4 | FileType::Aac => Format::Aac,
        FileType::Vorbis => Format::Vorbis,
        FileType::Opus => Format::Opus,
        FileType::Speex => Format::Speex,
        FileType::Wav => Format::Wav,
        FileType::Aiff => Format::Aiff,
        FileType::WavPack => Format::WavPack,
        FileType::Ape => Format::Ape,
        FileType::Mpc => Format::Musepack,
        _ => Format::Other,
    }
}

/// The usual strangers under an audio file's name, by their first bytes. A parser that looks for a frame anywhere
/// would find one in many a picture.
fn stranger(start: &[u8]) -> Option<Unreadable> {
    let what = match start {
        [0xff, 0xd8, 0xff, ..] => "a JPEG picture",
        [0x89, b'P', b'N', b'G', ..] => "a PNG picture",
        [b'G', b'I', b'F', b'8', ..] => "a GIF picture",
        [b'P', b'K', 3, 4, ..] => "a ZIP archive",
        [b'R', b'a', b'r', b'!', ..] => "a RAR archive",
        [b'%', b'P', b'D', b'F', ..] => "a PDF document",
        [b'<', ..] => "a web page or XML",
        [0x1a, 0x45, 0xdf, 0xa3, ..] => "a Matroska or WebM film",
        [0x30, 0x26, 0xb2, 0x75, ..] => return Some(Unreadable::Unsupported("WMA")),
        [b'D', b'S', b'D', b' ', ..] => return Some(Unreadable::Unsupported("DSF")),
        [b'F', b'R', b'M', b'8', ..] => return Some(Unreadable::Unsupported("DFF")),
        zeroes if zeroes.iter().all(|b| *b == 0) => "zeroes (a copy that was never finished?)",
        _ => return None,
    };
    Some(Unreadable::NotAudio(Some(what)))
}

/// Runs a parser of other people's; its panic means: damaged.
fn guarded<T>(parse: impl FnOnce() -> T) -> Result<T, Unreadable> {
    catch_unwind(AssertUnwindSafe(parse)).map_err(|_| Unreadable::Damaged("it cannot be parsed".into()))
}
