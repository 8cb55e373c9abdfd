//! Recordings are known by their sound: the same one in another encoding is alike, another one is not, and Debian's own
//! fpcalc hears the same as we do.

use std::path::{Path, PathBuf};
use std::process::Command;

use barbossa::audio::{Fingerprint, Format, NoFingerprint};

const RATE: u32 = 44_100;

/// Chords that change with `seed`, twenty seconds of them, as a WAV file (RIFF, 16 bit, mono).
fn melody(path: &Path, seed: u64) -> PathBuf {
    let mut dice = seed;
    let mut samples: Vec<u8> = Vec::new();
    for _ in 0..80 {
        let tones: Vec<f64> = (0..3)
            .map(|_| {
                dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                220.0 * 2_f64.powf(((dice >> 33) % 30) as f64 / 12.0)
            })
            .collect();
        for n in 0..RATE / 4 {
            let at = f64::from(n) / f64::from(RATE);
            let sum: f64 = tones.iter().map(|hz| (at * hz * std::f64::consts::TAU).sin()).sum();
            samples.extend(((sum * 8000.0) as i16).to_le_bytes());
        }
    }
    let size = samples.len() as u32;
    let mut wav = Vec::new();
    wav.extend(b"RIFF");
    wav.extend((36 + size).to_le_bytes());
    wav.extend(b"WAVEfmt ");
    for number in [16, 0x0001_0001, RATE, RATE * 2, 0x0010_0002] {
        wav.extend(u32::to_le_bytes(number));
    }
    wav.extend(b"data");
    wav.extend(size.to_le_bytes());
    wav.extend(samples);
    std::fs::write(path, wav).unwrap();
    path.to_owned()
}

fn encode(wav: &Path, name: &str, options: &[&str]) -> PathBuf {
    let path = wav.with_file_name(name);
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args(["-nostdin", "-v", "error", "-y", "-i"]).arg(wav).args(options).arg(&path);
    assert!(ffmpeg.status().unwrap().success());
    path
}

#[test]
fn a_recording_is_known_again_in_another_encoding_and_others_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let (one, other) = (melody(&dir.path().join("one.wav"), 1), melody(&dir.path().join("other.wav"), 99));
    let whole = Fingerprint::of_file(&one, Format::Wav).unwrap();
    let stranger = Fingerprint::of_file(&other, Format::Wav).unwrap();
    for (name, format, options) in [
        ("a.flac", Format::Flac, ["-ar", "48000", "-ac", "2"].as_slice()),
        ("a.mp3", Format::Mp3, &["-b:a", "96k"]),
        ("a.m4a", Format::Aac, &["-c:a", "aac", "-b:a", "96k"]),
        ("alac.m4a", Format::Alac, &["-c:a", "alac"]),
        ("a.ogg", Format::Vorbis, &["-c:a", "libvorbis", "-q:a", "3"]),
        ("a.aiff", Format::Aiff, &["-c:a", "pcm_s16be"]),
    ] {
        let heard = Fingerprint::of_file(&encode(&one, name, options), format).unwrap();
        let (alike, unlike) = (heard.similarity(&whole), heard.similarity(&stranger));
        println!("{name}: {alike:.3} like itself, {unlike:.3} like another");
        assert!(alike > 0.8, "{name}: {alike}");
        assert!(unlike < 0.4, "{name}: {unlike}");
    }
}

#[test]
fn what_cannot_be_heard_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let wav = melody(&dir.path().join("one.wav"), 1);
    let opus = encode(&wav, "a.opus", &["-c:a", "libopus"]);
    let none = Fingerprint::of_file(&opus, Format::Opus).unwrap_err();
    assert_eq!(none.to_string(), "there is no decoder for Opus here");
    let short = encode(&wav, "short.flac", &["-t", "0.5"]);
    assert!(matches!(Fingerprint::of_file(&short, Format::Flac), Err(NoFingerprint::TooShort)));
    let broken = dir.path().join("broken.flac");
    std::fs::write(&broken, [b"fLaC".as_slice(), &[7; 3000]].concat()).unwrap();
    assert!(matches!(Fingerprint::of_file(&broken, Format::Flac), Err(NoFingerprint::Unreadable(_))));
}

#[test]
fn fpcalc_hears_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let flac = encode(&melody(&dir.path().join("one.wav"), 7), "a.flac", &[]);
    let ours = Fingerprint::of_file(&flac, Format::Flac).unwrap();
    let raw = |arguments: &[&str]| Command::new("fpcalc").args(arguments).arg(&flac).output();
    let Ok(told) = raw(&["-raw", "-plain"]) else {
        println!("SKIPPED: there is no fpcalc here (Debian: libchromaprint-tools)");
        return;
    };
    let text = String::from_utf8(told.stdout).unwrap();
    // Some builds print the items as signed numbers.
    let items = text.trim().split(',').map(|n| n.parse::<i64>().unwrap() as u32).collect();
    let theirs = Fingerprint::of_items(items);
    let alike = ours.similarity(&theirs);
    println!("{} items here, {} of fpcalc, {alike:.4} alike", ours.items().len(), theirs.items().len());
    assert!(alike > 0.95, "{alike}");
    assert!(ours.items().len().abs_diff(theirs.items().len()) <= 2);
    // And what it compresses we expand, and the other way round.
    let told = String::from_utf8(raw(&["-plain"]).unwrap().stdout).unwrap();
    assert_eq!(barbossa::integrations::acoustid::base64(&theirs.compressed()), told.trim());
}
