//! A `.torrent` of a folder (BitTorrent BEP 3, `private` as in BEP 27): its names, sizes and SHA-1 of its pieces, written in
//! bencode.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA1_OUTPUT_LEN};

/// What bencode knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bencode {
    /// `i42e`
    Number(u64),
    /// `4:spam`
    Bytes(Vec<u8>),
    /// `l…e`
    List(Vec<Bencode>),
    /// `d…e`, sorted by its keys' bytes.
    Dictionary(BTreeMap<&'static str, Bencode>),
}

impl Bencode {
    fn text(text: &str) -> Self {
        Self::Bytes(text.as_bytes().to_vec())
    }

    /// As it stands in a file.
    pub fn encoded(&self) -> Vec<u8> {
        let mut out = Vec::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Number(number) => out.extend(format!("i{number}e").into_bytes()),
            Self::Bytes(bytes) => write_bytes(bytes, out),
            Self::List(all) => {
                out.push(b'l');
                for one in all {
                    one.write(out);
                }
                out.push(b'e');
            }
            Self::Dictionary(all) => {
                out.push(b'd');
                for (key, value) in all {
                    write_bytes(key.as_bytes(), out);
                    value.write(out);
                }
                out.push(b'e');
            }
        }
    }
}

fn write_bytes(bytes: &[u8], out: &mut Vec<u8>) {
    out.extend(format!("{}:", bytes.len()).into_bytes());
    out.extend_from_slice(bytes);
}

/// Bytes of one piece: so many that there are neither too many pieces nor too large ones, as TorrentLeech's rules have it.
pub fn piece_bytes(total_bytes: u64) -> u64 {
    const MIB: u64 = 1024 * 1024;
    let upto = [(50, 15), (150, 16), (350, 17), (512, 18), (1024, 19), (2048, 20), (4096, 21)];
    let fits = upto.iter().find(|(mib, _)| total_bytes < mib * MIB);
    1 << fits.map_or(22, |(_, power)| *power)
}

/// What a torrent is made of.
#[derive(Debug, Clone)]
pub struct Release<'a> {
    /// The folder's name in it.
    pub name: &'a str,
    /// Where the files lie.
    pub folder: &'a Path,
    /// The files, relative to the folder.
    pub files: &'a [PathBuf],
    /// The tracker.
    pub announce: &'a str,
    /// What makes it this tracker's own.
    pub source: &'a str,
}

/// The `.torrent` file. Reads every file to its end. Blocks.
///
/// # Errors
/// When a file cannot be read.
pub fn torrent(release: &Release<'_>) -> io::Result<Vec<u8>> {
    let mut sizes = Vec::new();
    for file in release.files {
        sizes.push(release.folder.join(file).metadata()?.len());
    }
    let piece = piece_bytes(sizes.iter().sum());
    let mut pieces = Pieces::new(piece);
    let mut files = Vec::new();
    for (file, size) in release.files.iter().zip(&sizes) {
        let read = pieces.read(&mut File::open(release.folder.join(file))?)?;
        if read != *size {
            return Err(io::Error::other(format!("{} changed while it was read", file.display())));
        }
        let parts = file.components().map(|part| Bencode::text(&part.as_os_str().to_string_lossy()));
        files.push(Bencode::Dictionary(
            [("length", Bencode::Number(*size)), ("path", Bencode::List(parts.collect()))].into(),
        ));
    }
    let info = Bencode::Dictionary(
        [
            ("files", Bencode::List(files)),
            ("name", Bencode::text(release.name)),
            ("piece length", Bencode::Number(piece)),
            ("pieces", Bencode::Bytes(pieces.end())),
            ("private", Bencode::Number(1)),
            ("source", Bencode::text(release.source)),
        ]
        .into(),
    );
    let all = [
        ("announce", Bencode::text(release.announce)),
        ("created by", Bencode::text("Barbossa")),
        ("info", info),
    ];
    Ok(Bencode::Dictionary(all.into()).encoded())
}

/// SHA-1 of each piece of all files, one after the other.
struct Pieces {
    piece: u64,
    left: u64,
    context: Context,
    hashes: Vec<u8>,
}

impl Pieces {
    fn new(piece: u64) -> Self {
        Self { piece, left: piece, context: Context::new(&SHA1_FOR_LEGACY_USE_ONLY), hashes: Vec::new() }
    }

    /// How many bytes there were.
    fn read(&mut self, from: &mut impl Read) -> io::Result<u64> {
        let mut buffer = vec![0; 128 * 1024];
        let mut total = 0;
        loop {
            let count = from.read(&mut buffer)?;
            if count == 0 {
                return Ok(total);
            }
            total += count as u64;
            let mut rest = &buffer[..count];
            while !rest.is_empty() {
                let (now, later) = rest.split_at(rest.len().min(self.left as usize));
                self.context.update(now);
                self.left -= now.len() as u64;
                rest = later;
                if self.left == 0 {
                    self.finish_piece();
                }
            }
        }
    }

    fn finish_piece(&mut self) {
        let context = std::mem::replace(&mut self.context, Context::new(&SHA1_FOR_LEGACY_USE_ONLY));
        self.hashes.extend_from_slice(context.finish().as_ref());
        self.left = self.piece;
    }

    fn end(mut self) -> Vec<u8> {
        if self.left < self.piece {
            self.finish_piece();
        }
        debug_assert!(self.hashes.len().is_multiple_of(SHA1_OUTPUT_LEN));
        self.hashes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bencode_is_as_the_specification_shows_it() {
        let list = Bencode::List(vec![Bencode::text("spam"), Bencode::Number(42)]);
        let all = Bencode::Dictionary([("spam", list), ("cow", Bencode::text("moo"))].into());
        assert_eq!(all.encoded(), b"d3:cow3:moo4:spaml4:spami42eee");
    }

    #[test]
    fn pieces_grow_with_the_whole() {
        const MIB: u64 = 1024 * 1024;
        for (mib, kib) in [
            (1, 32),
            (49, 32),
            (50, 64),
            (150, 128),
            (400, 256),
            (600, 512),
            (1500, 1024),
            (3000, 2048),
            (9000, 4096),
        ] {
            assert_eq!(piece_bytes(mib * MIB), kib * 1024, "{mib} MiB");
        }
    }

    #[test]
    fn pieces_go_on_from_file_to_file() {
        let dir = tempfile::tempdir().unwrap();
        let (one, two) = (vec![b'a'; 20_000], vec![b'b'; 30_000]);
        std::fs::create_dir(dir.path().join("CD2")).unwrap();
        std::fs::write(dir.path().join("01.flac"), &one).unwrap();
        std::fs::write(dir.path().join("CD2/01.flac"), &two).unwrap();
        let files = [PathBuf::from("01.flac"), PathBuf::from("CD2/01.flac")];
        let release = Release {
            name: "A.B",
            folder: dir.path(),
            files: &files,
            announce: "https://t/announce",
            source: "S",
        };
        let made = torrent(&release).unwrap();
        let whole = [one, two].concat();
        let hashes: Vec<u8> = whole
            .chunks(32 * 1024)
            .flat_map(|piece| ring::digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, piece).as_ref().to_vec())
            .collect();
        let expected = [
            b"d8:announce18:https://t/announce10:created by8:Barbossa4:infod5:filesld6:lengthi20000e4:pathl7:01.flaceed\
              6:lengthi30000e4:pathl3:CD27:01.flaceee4:name3:A.B12:piece lengthi32768e6:pieces40:"
                .as_slice(),
            &hashes,
            b"7:privatei1e6:source1:See",
        ]
        .concat();
        assert_eq!(made, expected);
    }
}
