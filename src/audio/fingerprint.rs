//! How a recording sounds, in some kilobytes: Chromaprint's fingerprint of the first two minutes. It outlives encoders,
//! bitrates and volume, so that a recording is known again in another quality; equal essences need none of this.

use std::fs::File;
use std::path::Path;

use rusty_chromaprint::{Configuration, FingerprintCompressor, Fingerprinter};
use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;

use super::{Format, Unreadable, guarded};

/// So much of a track is listened to, as AcoustID's own `fpcalc` does.
const SECONDS: usize = 120;
/// Two encoders may begin some seconds apart: so many items (an eighth of a second each) are tried in both directions.
const SHIFT: usize = 80;
/// Fewer items in common say nothing.
const LEAST_IN_COMMON: usize = 16;

/// A recording, as Chromaprint hears it (algorithm 1, the one that AcoustID knows): an item for each 0.124 s.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint(Vec<u32>);

/// Why a file has none.
#[derive(Debug, thiserror::Error)]
pub enum NoFingerprint {
    /// The audio is fine, and this program cannot decode it.
    #[error("there is no decoder for {0} here")]
    NoDecoder(&'static str),
    /// Some three seconds are needed.
    #[error("it is too short")]
    TooShort,
    /// Damaged, or the file system refused.
    #[error(transparent)]
    Unreadable(#[from] Unreadable),
}

impl Fingerprint {
    /// Decodes the first 120 s of a file. Blocks; a second or so of work.
    ///
    /// # Errors
    /// [`NoFingerprint`]: every reason that a person may be told.
    pub fn of_file(path: &Path, format: Format) -> Result<Self, NoFingerprint> {
        let file = File::open(path).map_err(Unreadable::from)?;
        let items = guarded(|| listen(file, format))??;
        if items.is_empty() { Err(NoFingerprint::TooShort) } else { Ok(Self(items)) }
    }

    /// From its items.
    pub fn of_items(items: Vec<u32>) -> Self {
        Self(items)
    }

    /// Each item.
    pub fn items(&self) -> &[u32] {
        &self.0
    }

    /// As Chromaprint compresses it; AcoustID takes this in base64.
    pub fn compressed(&self) -> Vec<u8> {
        FingerprintCompressor::from(&Configuration::preset_test2()).compress(&self.0)
    }

    /// Out of its compressed form; none when that is damaged.
    pub fn expanded(bytes: &[u8]) -> Option<Self> {
        let (head, packed) = bytes.split_at_checked(4)?;
        let count = u32::from_be_bytes([0, head[1], head[2], head[3]]) as usize;
        // Three bits for the distance to the next set bit, 0 at the end of an item; 7 is seven and what follows behind.
        let mut steps = Vec::new();
        let mut ends = 0;
        while ends < count {
            let step = bits(packed, steps.len() * 3, 3)?;
            ends += usize::from(step == 0);
            steps.push(step);
        }
        let mut at = (steps.len() * 3).div_ceil(8) * 8;
        let (mut items, mut last, mut item, mut bit) = (Vec::with_capacity(count), 0_u32, 0_u32, 0_u32);
        for mut step in steps {
            if step == 7 {
                step += bits(packed, at, 5)?;
                at += 5;
            }
            if step == 0 {
                last ^= item;
                items.push(last);
                (item, bit) = (0, 0);
            } else {
                bit += step;
                item |= 1_u32.checked_shl(bit - 1)?;
            }
        }
        Some(Self(items))
    }

    /// How alike two recordings sound, in [0, 1]: about 1 for two encodings of one recording, about 0 for two of them.
    /// The share of equal bits at the best alignment, of which a half is what chance gives.
    pub fn similarity(&self, other: &Self) -> f32 {
        let (a, b) = (&self.0, &other.0);
        let least = LEAST_IN_COMMON.max(a.len().min(b.len()) / 2);
        let later = (0..=SHIFT).filter_map(|n| alike(a.get(n..)?, b, least));
        let sooner = (1..=SHIFT).filter_map(|n| alike(a, b.get(n..)?, least));
        later.chain(sooner).fold(0.0, f32::max)
    }
}

/// The share of equal bits beyond chance, when there are enough.
fn alike(a: &[u32], b: &[u32], least: usize) -> Option<f32> {
    let common = a.len().min(b.len());
    if common < least {
        return None;
    }
    let different: u32 = a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum();
    Some((1.0 - different as f32 / (common * 16) as f32).max(0.0))
}

/// `count` bits from the bit `at`, the lowest first.
fn bits(bytes: &[u8], at: usize, count: usize) -> Option<u32> {
    (0..count).try_fold(0, |value, n| {
        let byte = bytes.get((at + n) / 8)?;
        Some(value | u32::from(byte >> ((at + n) % 8) & 1) << n)
    })
}

fn listen(file: File, format: Format) -> Result<Vec<u32>, NoFingerprint> {
    let damaged = |e: symphonia::core::errors::Error| Unreadable::Damaged(e.to_string());
    if matches!(format, Format::Opus | Format::Speex | Format::WavPack | Format::Ape | Format::Musepack) {
        return Err(NoFingerprint::NoDecoder(format.name()));
    }
    let stream = MediaSourceStream::new(Box::new(file), MediaSourceStreamOptions::default());
    let (options, metadata) = (FormatOptions::default(), MetadataOptions::default());
    let mut reader =
        symphonia::default::get_probe().probe(&Hint::new(), stream, options, metadata).map_err(damaged)?;
    let no_decoder = || NoFingerprint::NoDecoder(format.name());
    let track = reader.default_track(TrackType::Audio).ok_or_else(no_decoder)?;
    let id = track.id;
    let params = track.codec_params.as_ref().and_then(|p| p.audio()).ok_or_else(no_decoder)?;
    let decoder =
        symphonia::default::get_codecs().make_audio_decoder(params, &AudioDecoderOptions::default());
    let mut decoder = decoder.map_err(|_| no_decoder())?;
    let mut printer = Fingerprinter::new(&Configuration::preset_test2());
    let (mut samples, mut left, mut spec) = (Vec::<i16>::new(), None, None);
    while let Ok(Some(packet)) = reader.next_packet() {
        if packet.track_id != id {
            continue;
        }
        // A frame that does not decode is a click; the rest of the recording sounds as it does.
        let Ok(decoded) = decoder.decode(&packet) else { continue };
        let (rate, channels) = (decoded.spec().rate(), decoded.spec().channels().count());
        if channels == 0 || decoded.frames() == 0 {
            continue;
        }
        if spec.is_none() {
            printer
                .start(rate, channels as u32)
                .map_err(|_| Unreadable::Damaged(format!("it has {rate} samples a second")))?;
            (spec, left) = (Some((rate, channels)), Some(rate as usize * SECONDS * channels));
        }
        if spec != Some((rate, channels)) {
            break;
        }
        decoded.copy_to_vec_interleaved(&mut samples);
        let wanted = samples.len().min(left.unwrap_or(0));
        printer.consume(&samples[..wanted]);
        left = left.map(|n| n - wanted);
        if left == Some(0) {
            break;
        }
    }
    if spec.is_none() {
        return Err(Unreadable::Damaged("none of it decodes".into()).into());
    }
    printer.finish();
    Ok(printer.fingerprint().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn noise(seed: u32, count: usize) -> Fingerprint {
        let step = |n: &mut u32| {
            *n = n.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            Some(*n ^ (*n >> 15))
        };
        Fingerprint(std::iter::successors(Some(seed), |n| step(&mut { *n })).take(count).collect())
    }

    #[test]
    fn a_recording_is_like_itself_and_unlike_others() {
        let (a, b) = (noise(1, 900), noise(77, 900));
        assert!((a.similarity(&a) - 1.0).abs() < 1e-6);
        assert!(a.similarity(&b) < 0.15, "{}", a.similarity(&b));
        let late = Fingerprint(a.0[30..].to_vec());
        assert!(a.similarity(&late) > 0.99 && late.similarity(&a) > 0.99);
        assert!(a.similarity(&Fingerprint(Vec::new())).abs() < 1e-6);
        assert!(a.similarity(&Fingerprint(a.0[..8].to_vec())).abs() < 1e-6, "too little to say");
    }

    #[test]
    fn damaged_bytes_are_no_fingerprint() {
        let whole = noise(5, 100).compressed();
        assert_eq!(Fingerprint::expanded(&whole).unwrap(), noise(5, 100));
        assert_eq!(Fingerprint::expanded(&whole[..whole.len() / 2]), None);
        assert_eq!(Fingerprint::expanded(&[1, 2]), None);
        assert_eq!(Fingerprint::expanded(&[1, 255, 255, 255]), None);
    }

    proptest! {
        #[test]
        fn compression_loses_nothing(items in proptest::collection::vec(any::<u32>(), 0..200)) {
            let print = Fingerprint(items);
            prop_assert_eq!(Fingerprint::expanded(&print.compressed()).unwrap(), print);
        }

        #[test]
        fn any_bytes_are_expanded_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = Fingerprint::expanded(&bytes);
        }
    }
}
