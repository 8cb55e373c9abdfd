//! How a file sounds, in numbers, and which of two is better. Pure.
//!
//! The rule (`ARCHITECTURE.md`, rules of the domain): lossless beats lossy; then the sample rate, then the bit depth,
//! then, among lossy ones only, the bitrate. A tie goes to what is there.

use std::cmp::Ordering;

use lofty::properties::FileProperties;
use serde::{Deserialize, Serialize};

/// How the sound is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Format {
    /// Free Lossless Audio Codec, in its own container, Ogg or MP4.
    Flac,
    /// MPEG-1/2 layer III (and I, II).
    Mp3,
    /// Advanced Audio Coding, in MP4 or raw.
    Aac,
    /// Apple Lossless, in MP4.
    Alac,
    /// Ogg Vorbis.
    Vorbis,
    /// Ogg Opus.
    Opus,
    /// Ogg Speex.
    Speex,
    /// RIFF WAVE.
    Wav,
    /// Audio Interchange File Format.
    Aiff,
    /// WavPack.
    WavPack,
    /// Monkey's Audio.
    Ape,
    /// Musepack.
    Musepack,
    /// Anything else.
    Other,
}

impl Format {
    /// As people write it: `FLAC`, `MP3`, `Vorbis`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Flac => "FLAC",
            Self::Mp3 => "MP3",
            Self::Aac => "AAC",
            Self::Alac => "ALAC",
            Self::Vorbis => "Vorbis",
            Self::Opus => "Opus",
            Self::Speex => "Speex",
            Self::Wav => "WAV",
            Self::Aiff => "AIFF",
            Self::WavPack => "WavPack",
            Self::Ape => "APE",
            Self::Musepack => "Musepack",
            Self::Other => "unknown",
        }
    }

    /// Whether encoding in it loses something. (What was lost before, only the source knows.)
    pub fn is_lossy(self) -> bool {
        !matches!(self, Self::Flac | Self::Alac | Self::Wav | Self::Aiff | Self::WavPack | Self::Ape)
    }
}

/// How one file sounds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    /// How it is encoded.
    pub format: Format,
    /// Samples a second.
    pub sample_rate_hz: Option<u32>,
    /// Bits a sample; none for lossy formats.
    pub bit_depth: Option<u8>,
    /// kbit/s of the audio alone.
    pub bitrate_kbps: Option<u32>,
    /// 1, 2, 6, …
    pub channels: Option<u8>,
    /// Length.
    pub duration_ms: u64,
    /// By format, or because the source says that the lossless file was made from a lossy one.
    pub is_lossy: bool,
}

impl Quality {
    pub(super) fn of(format: Format, properties: &FileProperties) -> Self {
        let is_lossy = format.is_lossy();
        Self {
            format,
            sample_rate_hz: properties.sample_rate().filter(|n| *n > 0),
            bit_depth: properties.bit_depth().filter(|n| *n > 0 && !is_lossy),
            bitrate_kbps: properties.audio_bitrate().or(properties.overall_bitrate()).filter(|n| *n > 0),
            channels: properties.channels().filter(|n| *n > 0),
            duration_ms: u64::try_from(properties.duration().as_millis()).unwrap_or(u64::MAX),
            is_lossy,
        }
    }

    /// Which sounds better; `Equal` when neither does. An unknown number is below any known one.
    pub fn compare(&self, other: &Self) -> Ordering {
        other
            .is_lossy
            .cmp(&self.is_lossy)
            .then(self.sample_rate_hz.cmp(&other.sample_rate_hz))
            .then(self.bit_depth.cmp(&other.bit_depth))
            .then_with(|| match self.is_lossy {
                true => self.bitrate_kbps.cmp(&other.bitrate_kbps),
                false => Ordering::Equal,
            })
    }

    /// Whether it sounds better, and not just the same.
    pub fn is_better_than(&self, other: &Self) -> bool {
        self.compare(other) == Ordering::Greater
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flac(sample_rate_hz: u32, bit_depth: u8) -> Quality {
        Quality {
            format: Format::Flac,
            sample_rate_hz: Some(sample_rate_hz),
            bit_depth: Some(bit_depth),
            bitrate_kbps: Some(900),
            channels: Some(2),
            duration_ms: 1000,
            is_lossy: false,
        }
    }

    fn mp3(bitrate_kbps: u32) -> Quality {
        Quality {
            format: Format::Mp3,
            bit_depth: None,
            bitrate_kbps: Some(bitrate_kbps),
            is_lossy: true,
            ..flac(44_100, 16)
        }
    }

    #[test]
    fn the_order_is_lossless_rate_depth_bitrate() {
        let worst_to_best =
            [mp3(128), mp3(320), flac(44_100, 16), flac(44_100, 24), flac(48_000, 16), flac(96_000, 24)];
        for (n, worse) in worst_to_best.iter().enumerate() {
            for better in &worst_to_best[n + 1..] {
                assert!(better.is_better_than(worse), "{better:?} > {worse:?}");
                assert!(!worse.is_better_than(better));
            }
        }
    }

    #[test]
    fn a_tie_is_no_improvement() {
        assert_eq!(flac(44_100, 16).compare(&flac(44_100, 16)), Ordering::Equal);
        let smaller = Quality { bitrate_kbps: Some(500), ..flac(44_100, 16) };
        assert_eq!(
            flac(44_100, 16).compare(&smaller),
            Ordering::Equal,
            "bitrate says nothing of lossless files"
        );
        let alac = Quality { format: Format::Alac, ..flac(44_100, 16) };
        assert_eq!(flac(44_100, 16).compare(&alac), Ordering::Equal);
    }

    #[test]
    fn a_lossy_file_wrapped_in_flac_stays_lossy() {
        let wrapped = Quality { is_lossy: true, ..flac(192_000, 24) };
        assert!(flac(44_100, 16).is_better_than(&wrapped));
    }

    #[test]
    fn an_unknown_number_is_below_any_known_one() {
        let unknown = Quality { sample_rate_hz: None, ..flac(44_100, 16) };
        assert!(flac(8_000, 8).is_better_than(&unknown));
    }
}
