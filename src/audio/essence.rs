//! Two fingerprints of a file from one reading: of all its bytes, and of the audio alone.
//!
//! The essence says which recording this is, whatever the tags, the name and the folder say. FLAC carries an MD5 of
//! the decoded samples (RFC 9639, section 8.2), which outlives re-encoding to FLAC too; elsewhere it is the BLAKE3 of
//! the encoded audio with all tags left out, which outlives retagging.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;

use super::Unreadable;
use super::ogg::AudioPackets;

/// One read of the file, one call of the kernel; what was read is still in the processor's cache when it is hashed.
const READ_BYTES: usize = 128 * 1024;

/// What a reading of the whole file gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digest {
    /// BLAKE3 of all bytes.
    pub checksum: [u8; 32],
    /// `flac-md5:<32 hex digits>` or `blake3:<64 hex digits>`: of the audio alone.
    pub essence: String,
    /// Bytes of encoded audio.
    pub audio_bytes: u64,
    /// Its own structure promises more than there is.
    pub is_cut_off: bool,
}

/// Where the audio is.
#[derive(Debug, PartialEq)]
struct Layout {
    audio: Audio,
    is_cut_off: bool,
}

#[derive(Debug, PartialEq)]
enum Audio {
    /// In these bytes; an MD5 of the samples may be known already.
    Ranges { ranges: Vec<Range<u64>>, md5: Option<[u8; 16]> },
    /// In packets, between packets of tags.
    OggPackets,
}

/// Reads a file from start to end, once.
///
/// # Errors
/// `Io`; `Empty` for a file of no bytes. A file that is no audio has a digest too.
pub fn checksum_and_essence(path: &Path) -> Result<Digest, Unreadable> {
    let mut file = File::open(path)?;
    let size_bytes = file.metadata()?.len();
    if size_bytes == 0 {
        return Err(Unreadable::Empty);
    }
    let layout = layout(&mut file, size_bytes)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(digest(&mut file, layout, size_bytes)?)
}

/// Where the encoded audio lies in a file, in bytes; none where it is spread over packets (Ogg).
///
/// # Errors
/// `Io`.
pub fn audio_ranges(path: &Path) -> io::Result<Option<Vec<Range<u64>>>> {
    let mut file = File::open(path)?;
    let size_bytes = file.metadata()?.len();
    Ok(match layout(&mut file, size_bytes)?.audio {
        Audio::Ranges { ranges, .. } => Some(ranges),
        Audio::OggPackets => None,
    })
}

fn digest(file: &mut impl Read, layout: Layout, size_bytes: u64) -> io::Result<Digest> {
    let (mut whole, mut audio) = (blake3::Hasher::new(), blake3::Hasher::new());
    let mut packets = AudioPackets::default();
    let mut buffer = vec![0; size_bytes.clamp(1, READ_BYTES as u64) as usize];
    let mut at = 0_u64;
    loop {
        let n = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        let bytes = &buffer[..n];
        whole.update(bytes);
        match &layout.audio {
            Audio::Ranges { md5: Some(_), .. } => {}
            Audio::Ranges { ranges, md5: None } => {
                for part in ranges.iter().filter_map(|r| overlap(r, at, bytes)) {
                    audio.update(part);
                }
            }
            Audio::OggPackets => packets.push(bytes, |part| {
                audio.update(part);
            }),
        }
        at += n as u64;
    }
    let (essence, audio_bytes) = match &layout.audio {
        Audio::Ranges { ranges, md5 } => {
            let bytes = ranges.iter().map(|r| r.end - r.start).sum();
            (md5.map_or_else(|| named(&audio), |md5| format!("flac-md5:{}", hex(&md5))), bytes)
        }
        Audio::OggPackets => (named(&audio), audio.count()),
    };
    let is_cut_off = layout.is_cut_off || packets.is_cut_off();
    Ok(Digest { checksum: *whole.finalize().as_bytes(), essence, audio_bytes, is_cut_off })
}

fn named(hasher: &blake3::Hasher) -> String {
    format!("blake3:{}", hasher.finalize().to_hex())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// The part of `bytes`, which start at offset `at`, that lies in `range`.
fn overlap<'a>(range: &Range<u64>, at: u64, bytes: &'a [u8]) -> Option<&'a [u8]> {
    let from = range.start.saturating_sub(at).min(bytes.len() as u64) as usize;
    let to = range.end.saturating_sub(at).min(bytes.len() as u64) as usize;
    (from < to).then(|| &bytes[from..to])
}

fn layout(file: &mut (impl Read + Seek), size: u64) -> io::Result<Layout> {
    let start = after_id3v2(file, size)?;
    let head: [u8; 12] = bytes_at(file, start)?.unwrap_or_default();
    match &head {
        [b'f', b'L', b'a', b'C', ..] => flac(file, start, size),
        [b'O', b'g', b'g', b'S', ..] => Ok(Layout { audio: Audio::OggPackets, is_cut_off: false }),
        [b'R', b'I' | b'F', b'F' | b'6', b'F' | b'4', _, _, _, _, b'W', b'A', b'V', b'E'] => {
            chunks(file, size, *b"data", u32::from_le_bytes)
        }
        [b'F', b'O', b'R', b'M', _, _, _, _, b'A', b'I', b'F', b'F' | b'C'] => {
            chunks(file, size, *b"SSND", u32::from_be_bytes)
        }
        [_, _, _, _, b'f', b't', b'y', b'p', ..] => mp4(file, size),
        _ => {
            let end = before_trailing_tags(file, start, size)?;
            Ok(ranges(vec![start..end], false))
        }
    }
}

fn ranges(ranges: Vec<Range<u64>>, is_cut_off: bool) -> Layout {
    Layout { audio: Audio::Ranges { ranges, md5: None }, is_cut_off }
}

/// `N` bytes at an offset, or `None` when the file ends before.
fn bytes_at<const N: usize>(file: &mut (impl Read + Seek), at: u64) -> io::Result<Option<[u8; N]>> {
    let mut bytes = [0; N];
    file.seek(SeekFrom::Start(at))?;
    match file.read_exact(&mut bytes) {
        Ok(()) => Ok(Some(bytes)),
        Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(e) => Err(e),
    }
}

/// Behind the ID3v2 tags at the start (ID3v2.4 structure, section 3.1), of which there may be several.
fn after_id3v2(file: &mut (impl Read + Seek), size: u64) -> io::Result<u64> {
    let mut at = 0;
    while let Some([b'I', b'D', b'3', _, _, flags, a, b, c, d]) = bytes_at(file, at)? {
        let length = [a, b, c, d].iter().fold(0_u64, |n, byte| n << 7 | u64::from(byte & 0x7f));
        let footer = if flags & 0x10 != 0 { 10 } else { 0 };
        at += 10 + length + footer;
        if at >= size {
            return Ok(0);
        }
    }
    Ok(at)
}

/// Before the ID3v1 (128 bytes) and APEv2 tags at the end, in whatever order they were added.
fn before_trailing_tags(file: &mut (impl Read + Seek), start: u64, size: u64) -> io::Result<u64> {
    let mut end = size;
    loop {
        if end >= start + 128 && bytes_at(file, end - 128)? == Some(*b"TAG") {
            end -= 128;
            continue;
        }
        let footer: Option<[u8; 32]> = if end >= start + 32 { bytes_at(file, end - 32)? } else { None };
        let Some(footer) = footer.filter(|f| f.starts_with(b"APETAGEX")) else { return Ok(end) };
        let number =
            |at: usize| u32::from_le_bytes([footer[at], footer[at + 1], footer[at + 2], footer[at + 3]]);
        let header = if number(20) & 0x8000_0000 != 0 { 32 } else { 0 };
        let length = u64::from(number(12)) + header;
        match end.checked_sub(length).filter(|e| *e >= start && length >= 32) {
            Some(before) => end = before,
            None => return Ok(end),
        }
    }
}

/// Metadata blocks until the one marked last; the MD5 of the samples is in the first (RFC 9639, section 8).
fn flac(file: &mut (impl Read + Seek), start: u64, size: u64) -> io::Result<Layout> {
    let mut at = start + 4;
    let mut md5 = None;
    while let Some([kind, a, b, c]) = bytes_at(file, at)? {
        let length = u64::from(u32::from_be_bytes([0, a, b, c]));
        let is_streaminfo = kind & 0x7f == 0;
        if is_streaminfo {
            md5 = bytes_at::<34>(file, at + 4)?.map(|b| std::array::from_fn(|n| b[18 + n]));
        }
        at += 4 + length;
        if kind & 0x80 != 0 {
            break;
        }
    }
    let is_cut_off = at >= size;
    let end = before_trailing_tags(file, at.min(size), size)?;
    let audio = Audio::Ranges { ranges: vec![at.min(end)..end], md5: md5.filter(|m| *m != [0; 16]) };
    Ok(Layout { audio, is_cut_off })
}

/// The audio chunk of RIFF and AIFF; a size of all ones says "to the end" (streams, RF64).
fn chunks(
    file: &mut (impl Read + Seek),
    size: u64,
    audio: [u8; 4],
    number: fn([u8; 4]) -> u32,
) -> io::Result<Layout> {
    let mut at = 12;
    while let Some([k, e, y, z, a, b, c, d]) = bytes_at(file, at)? {
        let length = number([a, b, c, d]);
        let (from, to) = (at + 8, at + 8 + u64::from(length));
        if [k, e, y, z] == audio {
            let is_cut_off = to > size && length != u32::MAX;
            return Ok(ranges(vec![from..to.min(size)], is_cut_off));
        }
        // Chunks begin at even offsets.
        at = to + to % 2;
    }
    Ok(ranges(Vec::new(), true))
}

/// The payload of each `mdat` (ISO/IEC 14496-12, section 4.2: 32-bit size, 1 = 64-bit size follows, 0 = to the end).
fn mp4(file: &mut (impl Read + Seek), size: u64) -> io::Result<Layout> {
    let (mut at, mut found, mut is_cut_off) = (0, Vec::new(), false);
    while let Some([a, b, c, d, kind @ ..]) = bytes_at::<8>(file, at)? {
        let (header, length) = match u32::from_be_bytes([a, b, c, d]) {
            0 => (8, size - at),
            1 => (16, bytes_at(file, at + 8)?.map_or(0, u64::from_be_bytes)),
            n => (8, u64::from(n)),
        };
        if length < header {
            is_cut_off = true;
            break;
        }
        let end = at.saturating_add(length);
        is_cut_off |= end > size;
        if kind == *b"mdat" {
            found.push((at + header).min(size)..end.min(size));
        }
        at = end;
        if at >= size {
            break;
        }
    }
    Ok(ranges(found, is_cut_off))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    fn essence(bytes: &[u8]) -> Digest {
        let layout = layout(&mut Cursor::new(bytes), bytes.len() as u64).unwrap();
        digest(&mut Cursor::new(bytes), layout, bytes.len() as u64).unwrap()
    }

    fn id3v2(length: u8) -> Vec<u8> {
        let mut tag = vec![b'I', b'D', b'3', 4, 0, 0, 0, 0, 0, length];
        tag.resize(10 + usize::from(length), b'x');
        tag
    }

    fn id3v1() -> Vec<u8> {
        let mut tag = b"TAG".to_vec();
        tag.resize(128, b'y');
        tag
    }

    fn ape() -> Vec<u8> {
        let part = |is_header: bool| {
            let mut p = b"APETAGEX".to_vec();
            p.extend(2000_u32.to_le_bytes());
            p.extend(40_u32.to_le_bytes());
            p.extend(1_u32.to_le_bytes());
            p.extend((0x8000_0000_u32 | if is_header { 0x2000_0000 } else { 0 }).to_le_bytes());
            p.extend([0; 8]);
            p
        };
        [part(true), vec![b'v'; 8], part(false)].concat()
    }

    fn flac(md5: [u8; 16], comment: &[u8], audio: &[u8]) -> Vec<u8> {
        let mut file = b"fLaC".to_vec();
        file.extend([0, 0, 0, 34]);
        file.extend([1; 18]);
        file.extend(md5);
        file.extend([0x84, 0, 0, comment.len() as u8]);
        file.extend(comment);
        file.extend(audio);
        file
    }

    fn atom(kind: &[u8; 4], payload: &[u8]) -> Vec<u8> {
        [&(8 + payload.len() as u32).to_be_bytes()[..], kind, payload].concat()
    }

    #[test]
    fn tags_around_mpeg_frames_do_not_matter() {
        let audio = [vec![0xff, 0xfb], vec![3; 5000]].concat();
        let plain = essence(&audio);
        for tagged in [
            [id3v2(50), audio.clone()].concat(),
            [id3v2(9), id3v2(20), audio.clone(), id3v1()].concat(),
            [audio.clone(), ape(), id3v1()].concat(),
            [audio.clone(), id3v1(), ape()].concat(),
        ] {
            let tagged = essence(&tagged);
            assert_eq!(tagged.essence, plain.essence);
            assert_ne!(tagged.checksum, plain.checksum);
            assert_eq!(tagged.audio_bytes, 5002);
        }
        assert_ne!(essence(&[vec![0xff, 0xfb], vec![4; 5000]].concat()).essence, plain.essence);
    }

    #[test]
    fn flac_brings_its_own_unless_it_is_zero() {
        let known = essence(&flac([0xab; 16], b"artist", b"frames"));
        assert_eq!(known.essence, format!("flac-md5:{}", "ab".repeat(16)));
        let unknown = essence(&flac([0; 16], b"artist", b"frames"));
        assert_eq!(unknown.essence, essence(&flac([0; 16], b"other tags", b"frames")).essence);
        assert_ne!(unknown.essence, essence(&flac([0; 16], b"artist", b"framez")).essence);
        assert!(essence(&flac([0xab; 16], b"artist", b"")).is_cut_off);
    }

    #[test]
    fn the_payload_of_mp4_is_found_before_and_behind_the_tags() {
        let (kind, tags, audio) = (atom(b"ftyp", b"M4A "), atom(b"moov", b"tags"), atom(b"mdat", &[5; 999]));
        let before = essence(&[&kind[..], &tags, &audio].concat());
        let behind = essence(&[&kind[..], &audio, &atom(b"moov", b"longer tags")].concat());
        assert_eq!(before.essence, behind.essence);
        assert!(!before.is_cut_off && before.audio_bytes == 999);
        let cut = [&kind[..], &tags, &audio[..500]].concat();
        assert!(essence(&cut).is_cut_off);
    }

    #[test]
    fn a_wave_file_that_promises_more_than_there_is_is_cut_off() {
        let mut wave = b"RIFF....WAVEfmt ".to_vec();
        wave.extend(3_u32.to_le_bytes());
        wave.extend(b"fmt\0data");
        wave.extend(100_u32.to_le_bytes());
        let whole = [&wave[..], &[7; 100], b"LIST"].concat();
        assert_eq!(essence(&whole).audio_bytes, 100);
        assert!(!essence(&whole).is_cut_off);
        assert!(essence(&whole[..wave.len() + 60]).is_cut_off);
    }

    #[test]
    fn no_bytes_make_it_panic() {
        let mut seed = 7_u64;
        for sample in
            [flac([1; 16], b"x", b"y"), [id3v2(9), id3v1()].concat(), atom(b"ftyp", &atom(b"mdat", b"1"))]
        {
            for _ in 0..2000 {
                let mut bytes = sample.clone();
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let at = (seed >> 33) as usize % bytes.len();
                bytes[at] = (seed >> 20) as u8;
                bytes.truncate(1 + (seed >> 40) as usize % bytes.len());
                essence(&bytes);
            }
        }
    }
}
