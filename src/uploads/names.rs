//! Which files may come, and whether they are what their names say. Pure.

use std::path::Path;

use crate::audio::is_audio_name;
use crate::files::safe_component;

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Music.
    Audio,
    /// Music in a zip.
    Zip,
    /// What lies beside music: covers, booklets, logs, lyrics.
    Beside,
}

const BESIDE: &[&str] =
    &["jpg", "jpeg", "png", "webp", "gif", "pdf", "cue", "log", "m3u", "m3u8", "txt", "nfo", "lrc", "md5"];
const MOST_FOLDERS_DEEP: usize = 12;

/// The kind of a file by its name; none for what has no place in a library.
pub fn kind_of(path: &str) -> Option<Kind> {
    let name = path.rsplit('/').next().unwrap_or_default();
    let (stem, ending) = name.rsplit_once('.')?;
    if stem.is_empty() || stem.starts_with('.') {
        return None;
    }
    let ending = ending.to_ascii_lowercase();
    match ending.as_str() {
        "zip" => Some(Kind::Zip),
        _ if is_audio_name(Path::new(name)) => Some(Kind::Audio),
        ending if BESIDE.contains(&ending) => Some(Kind::Beside),
        _ => None,
    }
}

/// A path as a browser names it (`Album/CD1/01.flac`), as one beneath a folder; none when it leads out of it.
pub fn place_of(path: &str) -> Option<String> {
    if path.starts_with('/') || path.contains('\0') {
        return None;
    }
    let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty() && *part != ".").collect();
    if parts.is_empty() || parts.len() > MOST_FOLDERS_DEEP || parts.contains(&"..") {
        return None;
    }
    Some(parts.into_iter().map(safe_component).collect::<Vec<_>>().join("/"))
}

/// The folder that all of them lie in, if there is one: then it is the upload's own.
pub fn common_folder<'a>(mut paths: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let first = paths.next()?.split_once('/')?.0;
    paths.all(|path| path.split_once('/').is_some_and(|(folder, _)| folder == first)).then_some(first)
}

/// How many bytes from the beginning tell what a file is.
pub const HEAD_BYTES: usize = 64;

/// Whether a file begins as its name says that it does. What has no mark of its own (texts, raw frames) is believed: the
/// import looks closer.
pub fn begins_as_named(path: &str, head: &[u8]) -> bool {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending).to_ascii_lowercase();
    let at = |offset: usize, mark: &[u8]| head.get(offset..).is_some_and(|rest| rest.starts_with(mark));
    let is_id3 = at(0, b"ID3");
    // A frame's sync word (ISO 11172-3, 2.4.2.3): eleven ones.
    let is_frame = head.len() > 1 && head[0] == 0xff && head[1] & 0xe0 == 0xe0;
    match ending.as_str() {
        "flac" => at(0, b"fLaC") || is_id3 || at(0, b"OggS"),
        "mp3" => is_id3 || is_frame || at(0, b"RIFF") || head.iter().take(32).all(|byte| *byte == 0),
        "aac" => is_id3 || is_frame || at(0, b"ADIF"),
        "m4a" | "m4b" | "mp4" => at(4, b"ftyp"),
        "ogg" | "oga" | "opus" => at(0, b"OggS"),
        "wav" => (at(0, b"RIFF") || at(0, b"RF64")) && at(8, b"WAVE"),
        "aif" | "aiff" => at(0, b"FORM") && (at(8, b"AIFF") || at(8, b"AIFC")),
        "wv" => at(0, b"wvpk"),
        "ape" => at(0, b"MAC ") || is_id3,
        "zip" => at(0, b"PK\x03\x04") || at(0, b"PK\x05\x06"),
        "jpg" | "jpeg" => at(0, &[0xff, 0xd8, 0xff]),
        "png" => at(0, b"\x89PNG\r\n\x1a\n"),
        "webp" => at(0, b"RIFF") && at(8, b"WEBP"),
        "gif" => at(0, b"GIF8"),
        "pdf" => at(0, b"%PDF"),
        // Texts; what runs begins otherwise.
        _ => !at(0, b"\x7fELF") && !at(0, b"MZ") && !at(0, b"#!"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_place_in_a_library_is_left_out() {
        for (path, kind) in [
            ("A/01.FLAC", Some(Kind::Audio)),
            ("01.m4a", Some(Kind::Audio)),
            ("Album.zip", Some(Kind::Zip)),
            ("A/cover.jpg", Some(Kind::Beside)),
            ("A/rip.log", Some(Kind::Beside)),
            ("A/.DS_Store", None),
            ("A/._01.flac", None),
            ("A/setup.exe", None),
            ("A/flac", None),
            (".flac", None),
            ("A/index.html", None),
        ] {
            assert_eq!(kind_of(path), kind, "{path}");
        }
    }

    #[test]
    fn no_place_leads_out() {
        assert_eq!(place_of("Album/./CD1//01.flac").as_deref(), Some("Album/CD1/01.flac"));
        assert_eq!(place_of("Album/AC\\DC.flac").as_deref(), Some("Album/AC_DC.flac"));
        assert_eq!(place_of(".hidden/01.flac").as_deref(), Some("_hidden/01.flac"));
        for path in ["", "/", "/etc/01.flac", "../01.flac", "a/../../01.flac", "a/..", &"a/".repeat(20)] {
            assert_eq!(place_of(path), None, "{path}");
        }
    }

    #[test]
    fn a_dropped_folder_keeps_its_name() {
        let of = |paths: &[&'static str]| common_folder(paths.iter().copied());
        assert_eq!(of(&["A/1.flac", "A/CD2/1.flac"]), Some("A"));
        assert_eq!(of(&["A/1.flac", "B/1.flac"]), None);
        assert_eq!(of(&["A/1.flac", "1.flac"]), None);
        assert_eq!(of(&["1.flac"]), None);
    }

    #[test]
    fn a_file_is_what_its_name_says() {
        for (path, head) in [
            ("a.flac", &b"fLaC\0\0\0\x22"[..]),
            ("a.mp3", b"ID3\x04"),
            ("a.mp3", &[0xff, 0xfb, 0x90, 0x64]),
            ("a.m4a", b"\0\0\0\x20ftypM4A "),
            ("a.opus", b"OggS\0"),
            ("a.wav", b"RIFF\x24\0\0\0WAVEfmt "),
            ("a.aiff", b"FORM\0\0\0\0AIFF"),
            ("a.zip", b"PK\x03\x04"),
            ("a.jpg", &[0xff, 0xd8, 0xff, 0xe0]),
            ("a.cue", b"FILE \"a.flac\" WAVE"),
        ] {
            assert!(begins_as_named(path, head), "{path}");
        }
        for (path, head) in [
            ("a.flac", &b"MZ\x90\0"[..]),
            ("a.flac", b"<html>"),
            ("a.mp3", b"<!doctype html>                     "),
            ("a.m4a", b"\x7fELF"),
            ("a.zip", b"Rar!"),
            ("a.jpg", b"<svg onload="),
            ("a.txt", b"#!/bin/sh"),
            ("a.txt", b"MZ"),
            ("a.wav", b"RIFF\0\0\0\0AVI "),
        ] {
            assert!(!begins_as_named(path, head), "{path} {head:?}");
        }
    }
}
