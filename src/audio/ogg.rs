//! Which bytes of an Ogg file are audio: the packets, without those that carry tags (RFC 3533; RFC 7845 for Opus).
//!
//! Pages are renumbered and cut anew when tags grow, so the pages' own headers are no part of the essence.

use std::collections::HashMap;

/// A page has at most 27 + 255 + 255 · 255 bytes.
const HEADER_BYTES: usize = 27;

/// Takes a file in pieces of any size and gives out the audio in it.
#[derive(Default)]
pub struct AudioPackets {
    carry: Vec<u8>,
    streams: HashMap<u32, Stream>,
}

/// One logical stream.
#[derive(Default)]
struct Stream {
    packet: u64,
    tag_packets: Option<TagPackets>,
}

/// Which packets carry no audio, counted from 0; both ends are meant.
#[derive(Clone, Copy)]
struct TagPackets(u64, u64);

impl TagPackets {
    /// By the first bytes of the first packet. Vorbis keeps its first and third packet, without which nothing decodes.
    fn of(first: &[u8]) -> Self {
        match first {
            [b'O', b'p', b'u', b's', b'H', ..] => Self(0, 1),
            [0x7f, b'F', b'L', b'A', b'C', _, _, high, low, ..] => {
                Self(0, u64::from(u16::from_be_bytes([*high, *low])).max(1))
            }
            _ => Self(1, 1),
        }
    }

    fn contains(self, packet: u64) -> bool {
        (self.0..=self.1).contains(&packet)
    }
}

impl AudioPackets {
    /// The next piece of the file.
    pub fn push(&mut self, bytes: &[u8], mut audio: impl FnMut(&[u8])) {
        self.carry.extend_from_slice(bytes);
        let carry = std::mem::take(&mut self.carry);
        let mut rest = &carry[..];
        while let Some((page, behind)) = next_page(&mut rest) {
            self.page(page, &mut audio);
            rest = behind;
        }
        self.carry = rest.to_vec();
    }

    /// Whether the last page is there only in part.
    pub fn is_cut_off(&self) -> bool {
        self.carry.starts_with(b"OggS")
    }

    fn page(&mut self, page: &[u8], audio: &mut impl FnMut(&[u8])) {
        let serial = u32::from_le_bytes([page[14], page[15], page[16], page[17]]);
        let stream = self.streams.entry(serial).or_default();
        let segments = usize::from(page[26]);
        let (lacing, mut body) = page[HEADER_BYTES..].split_at(segments);
        let tag_packets = *stream.tag_packets.get_or_insert_with(|| TagPackets::of(body));
        for lace in lacing {
            let (segment, behind) = body.split_at(usize::from(*lace));
            if !tag_packets.contains(stream.packet) {
                audio(segment);
            }
            // A segment of less than 255 bytes ends its packet.
            stream.packet += u64::from(*lace < 255);
            body = behind;
        }
    }
}

/// The first whole page and what follows it; `rest` is moved to where a page begins.
fn next_page<'a>(rest: &mut &'a [u8]) -> Option<(&'a [u8], &'a [u8])> {
    if !rest.starts_with(b"OggS") {
        let next = rest.windows(4).position(|w| w == b"OggS");
        // The mark itself may be cut by the piece's end.
        *rest = &rest[next.unwrap_or(rest.len().saturating_sub(3))..];
    }
    if !rest.starts_with(b"OggS") || rest.len() < HEADER_BYTES {
        return None;
    }
    let lacing = rest.get(HEADER_BYTES..HEADER_BYTES + usize::from(rest[26]))?;
    let length = HEADER_BYTES + lacing.len() + lacing.iter().map(|n| usize::from(*n)).sum::<usize>();
    (rest.len() >= length).then(|| rest.split_at(length))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(number: u8, packets: &[&[u8]]) -> Vec<u8> {
        let mut page = b"OggS".to_vec();
        page.resize(14, 0);
        page.extend([9, 0, 0, 0, number, 0, 0, 0, 1, 2, 3, 4]);
        let lacing: Vec<u8> = packets
            .iter()
            .flat_map(|p| std::iter::repeat_n(255, p.len() / 255).chain([(p.len() % 255) as u8]))
            .collect();
        page.push(lacing.len() as u8);
        page.extend(lacing);
        page.extend(packets.concat());
        page
    }

    fn audio(file: &[u8], piece: usize) -> Vec<u8> {
        let (mut packets, mut out) = (AudioPackets::default(), Vec::new());
        for piece in file.chunks(piece) {
            packets.push(piece, |a| out.extend_from_slice(a));
        }
        out
    }

    #[test]
    fn tags_are_left_out_however_the_pages_are_cut() {
        let long_tags = [b't'; 700];
        let short = [page(0, &[b"OpusHead"]), page(1, &[b"OpusTags"]), page(2, &[b"one", b"two"])].concat();
        let long = [page(0, &[b"OpusHead"]), page(1, &[&long_tags]), page(2, &[b"one"]), page(3, &[b"two"])]
            .concat();
        for piece in [1, 7, 100, 10_000] {
            assert_eq!(audio(&short, piece), b"onetwo");
            assert_eq!(audio(&long, piece), b"onetwo");
        }
    }

    #[test]
    fn vorbis_keeps_the_packets_that_decoding_needs() {
        let file =
            [page(0, &[b"\x01vorbis"]), page(1, &[b"tags", b"codebooks"]), page(2, &[b"sound"])].concat();
        assert_eq!(audio(&file, 64), b"\x01vorbiscodebookssound");
    }

    #[test]
    fn a_page_that_is_there_in_part_is_noticed_and_junk_is_passed_over() {
        let file = [b"junk".to_vec(), page(0, &[b"OpusHead"]), page(1, &[b"t", b"sound"])].concat();
        assert_eq!(audio(&file, 5), b"sound");
        let mut packets = AudioPackets::default();
        packets.push(&file[..file.len() - 2], |_| {});
        assert!(packets.is_cut_off());
        let mut packets = AudioPackets::default();
        packets.push(&file, |_| {});
        assert!(!packets.is_cut_off());
    }
}
