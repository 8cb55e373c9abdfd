//! A reader for parsers that jump about: a seek costs nothing, and what was read just now is not read again.
//!
//! `BufReader` throws its buffer away at each seek, and tag parsers seek many times within the first kilobytes.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;

/// Most of what a tag parser wants lies in the first blocks; one read gets it.
const WINDOW_BYTES: usize = 16 * 1024;

/// One window on a file.
pub struct Window {
    file: File,
    size_bytes: u64,
    position: u64,
    buffer: Box<[u8]>,
    filled: usize,
    buffer_at: u64,
}

impl Window {
    /// At the start of the file, with its first bytes in the window.
    pub fn open(file: File) -> io::Result<Self> {
        let size_bytes = file.metadata()?.len();
        let buffer = vec![0; WINDOW_BYTES].into_boxed_slice();
        let mut window = Self { file, size_bytes, position: 0, buffer, filled: 0, buffer_at: 0 };
        window.fill()?;
        Ok(window)
    }

    /// The file's size when it was opened.
    pub fn size_bytes(&self) -> u64 {
        self.size_bytes
    }

    /// What the window shows from the file's start (only before anything else was read).
    pub fn start(&self) -> &[u8] {
        if self.buffer_at == 0 { &self.buffer[..self.filled] } else { &[] }
    }

    fn fill(&mut self) -> io::Result<()> {
        let read = loop {
            match self.file.read_at(&mut self.buffer, self.position) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                done => break done,
            }
        };
        self.filled = *read.as_ref().unwrap_or(&0);
        self.buffer_at = self.position;
        read.map(|_| ())
    }

    fn seen(&self) -> &[u8] {
        let from = self.position.checked_sub(self.buffer_at).and_then(|n| usize::try_from(n).ok());
        from.and_then(|n| self.buffer[..self.filled].get(n..)).unwrap_or_default()
    }
}

impl Read for Window {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.seen().is_empty() && self.position < self.size_bytes {
            if into.len() >= WINDOW_BYTES {
                let n = self.file.read_at(into, self.position)?;
                self.position += n as u64;
                return Ok(n);
            }
            self.fill()?;
        }
        let seen = self.seen();
        let n = seen.len().min(into.len());
        into[..n].copy_from_slice(&seen[..n]);
        self.position += n as u64;
        Ok(n)
    }
}

impl Seek for Window {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(n) => Some(n),
            SeekFrom::End(n) => self.size_bytes.checked_add_signed(n),
            SeekFrom::Current(n) => self.position.checked_add_signed(n),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_reads_what_the_file_holds_wherever_one_jumps() {
        let bytes: Vec<u8> = (0..100_000_u32).map(|n| (n % 251) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        io::Write::write_all(&mut file, &bytes).unwrap();
        let mut window = Window::open(file).unwrap();
        for (at, len) in [(0_usize, 10), (5, 20_000), (99_990, 10), (16_380, 8), (50_000, 40_000), (3, 4)] {
            window.seek(SeekFrom::Start(at as u64)).unwrap();
            let mut got = vec![0; len];
            window.read_exact(&mut got).unwrap();
            assert_eq!(got, bytes[at..at + len], "{at}+{len}");
        }
        window.seek(SeekFrom::End(-1)).unwrap();
        let mut rest = Vec::new();
        window.read_to_end(&mut rest).unwrap();
        assert_eq!(rest.len(), 1);
        assert!(window.seek(SeekFrom::Current(-200_000)).is_err());
    }
}
