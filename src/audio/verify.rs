//! Whether a sound file is whole: FLAC is decoded against its own MD5, the others are held against what they promise.

use std::fs::File;
use std::path::Path;

use symphonia::core::codecs::audio::AudioDecoderOptions;
use symphonia::core::formats::probe::Hint;
use symphonia::core::formats::{FormatOptions, TrackType};
use symphonia::core::io::{MediaSourceStream, MediaSourceStreamOptions};
use symphonia::core::meta::MetadataOptions;

use super::essence::Digest;
use super::{Format, Quality, Unreadable, guarded};

/// Checks a file that was read before. What cannot be checked passes.
///
/// # Errors
/// `Damaged` with what is wrong; `Io`.
pub fn verify(path: &Path, quality: &Quality, digest: &Digest) -> Result<(), Unreadable> {
    if digest.is_cut_off {
        return Err(Unreadable::Damaged("it ends before its own end".into()));
    }
    match quality.format {
        Format::Mp3 => promised_length(quality, digest),
        Format::Flac => {
            let file = File::open(path)?;
            guarded(|| decode_flac(file))?
        }
        _ => Ok(()),
    }
}

/// The first frame of an MP3 often says how many bytes of audio follow; then `bitrate × duration` is that number.
fn promised_length(quality: &Quality, digest: &Digest) -> Result<(), Unreadable> {
    let promised = u64::from(quality.bitrate_kbps.unwrap_or(0)) * quality.duration_ms / 8;
    let missing = promised.saturating_sub(digest.audio_bytes);
    // Two percent and 16 KiB: taggers and encoders count padding and their own frame differently.
    if missing > 16 * 1024 && missing * 50 > promised {
        let percent = digest.audio_bytes * 100 / promised.max(1);
        return Err(Unreadable::Damaged(format!("it ends too early: {percent} % of it is there")));
    }
    Ok(())
}

/// Decodes all of it. A stream that this decoder does not take at all passes: FLAC in other containers, and the rare
/// variants that only the reference decoder accepts.
fn decode_flac(file: File) -> Result<(), Unreadable> {
    let stream = MediaSourceStream::new(Box::new(file), MediaSourceStreamOptions::default());
    let (format, metadata) = (FormatOptions::default(), MetadataOptions::default());
    let Ok(mut reader) = symphonia::default::get_probe().probe(&Hint::new(), stream, format, metadata) else {
        return Ok(());
    };
    let Some(track) = reader.default_track(TrackType::Audio) else { return Ok(()) };
    let promised = track.num_frames;
    let mut options = AudioDecoderOptions::default();
    options.verify = true;
    let Some(params) = track.codec_params.as_ref().and_then(|p| p.audio()) else { return Ok(()) };
    let Ok(mut decoder) = symphonia::default::get_codecs().make_audio_decoder(params, &options) else {
        return Ok(());
    };
    let mut frames = 0_u64;
    // A frame that does not decode, or is missing, shows in the sum.
    while let Ok(Some(packet)) = reader.next_packet() {
        if let Ok(decoded) = decoder.decode(&packet) {
            frames += decoded.frames() as u64;
        }
    }
    match (decoder.finalize().verify_ok, promised) {
        (_, Some(all)) if frames < all => {
            Err(Unreadable::Damaged(format!("{} % of its samples decode", frames * 100 / all.max(1))))
        }
        (Some(false), _) => Err(Unreadable::Damaged("its samples do not match its own MD5".into())),
        _ => Ok(()),
    }
}
