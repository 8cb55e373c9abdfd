//! What became of a file, from what the rows know and what a reading found. Pure.
//!
//! The rule (`ARCHITECTURE.md`, rules of the domain): tags may change, audio may not. A file whose time was not touched
//! has no reason to differ at all: there even a change in its tags is rot.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DamageKind {
    /// The audio is another one, and nobody has written to the file, or it does not decode any more.
    AudioRot,
    /// Only what surrounds the audio differs, and nobody has written to the file.
    TagRot,
    /// It ends too early.
    Truncated,
    /// The disk does not give it.
    Unreadable,
    /// It is away.
    Missing,
    /// A whole file with other audio was put in its place.
    Replaced,
}

impl DamageKind {
    /// As the row says it.
    pub fn name(self) -> &'static str {
        match self {
            Self::AudioRot => "audio_rot",
            Self::TagRot => "tag_rot",
            Self::Truncated => "truncated",
            Self::Unreadable => "unreadable",
            Self::Missing => "missing",
            Self::Replaced => "replaced",
        }
    }

    /// As a person reads it.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::AudioRot => "its audio is not what it was",
            Self::TagRot => "bytes beside its audio have changed although nobody has written to it",
            Self::Truncated => "it ends too early",
            Self::Unreadable => "it cannot be read",
            Self::Missing => "it is not there",
            Self::Replaced => "another recording lies under its name",
        }
    }
}

/// A file as the rows know it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expected<'a> {
    /// Its size.
    pub size_bytes: i64,
    /// Its time, in microseconds since 1970.
    pub modified_us: i64,
    /// BLAKE3 of all of it.
    pub checksum: &'a [u8],
    /// Of the audio alone.
    pub essence: &'a str,
}

/// What a reading of the whole file found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reading {
    /// No such file.
    Gone,
    /// The disk refused; why.
    Refused(String),
    /// It was read to its end.
    Read {
        /// Its size.
        size_bytes: i64,
        /// Its time, in microseconds since 1970.
        modified_us: i64,
        /// BLAKE3 of all of it.
        checksum: [u8; 32],
        /// Of the audio alone.
        essence: String,
        /// It promises more than there is.
        is_cut_off: bool,
        /// What a decoder or a parser says against it.
        flaw: Option<String>,
    },
}

/// What became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Every byte is as it was.
    Intact,
    /// Every byte is as it was, under another time.
    Touched,
    /// Somebody has changed its tags; the audio is as it was.
    Retagged,
    /// This.
    Damaged(DamageKind),
}

/// Decides.
pub fn judge(expected: &Expected<'_>, reading: &Reading) -> Verdict {
    let Reading::Read { size_bytes, modified_us, checksum, essence, is_cut_off, flaw } = reading else {
        let kind = if *reading == Reading::Gone { DamageKind::Missing } else { DamageKind::Unreadable };
        return Verdict::Damaged(kind);
    };
    let is_untouched = (*size_bytes, *modified_us) == (expected.size_bytes, expected.modified_us);
    if checksum.as_slice() == expected.checksum {
        return if is_untouched { Verdict::Intact } else { Verdict::Touched };
    }
    let is_sound = essence == expected.essence && flaw.is_none() && !is_cut_off;
    match (is_untouched, is_sound, size_bytes.cmp(&expected.size_bytes)) {
        (true, true, _) => Verdict::Damaged(DamageKind::TagRot),
        (true, false, _) => Verdict::Damaged(DamageKind::AudioRot),
        (false, true, _) => Verdict::Retagged,
        (false, false, Ordering::Less)
            if *is_cut_off || flaw.is_some() || *modified_us == expected.modified_us =>
        {
            Verdict::Damaged(DamageKind::Truncated)
        }
        (false, false, Ordering::Equal) => Verdict::Damaged(DamageKind::AudioRot),
        (false, false, _) if *is_cut_off => Verdict::Damaged(DamageKind::Truncated),
        (false, false, _) if flaw.is_some() => Verdict::Damaged(DamageKind::AudioRot),
        (false, false, _) => Verdict::Damaged(DamageKind::Replaced),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXPECTED: Expected<'static> =
        Expected { size_bytes: 1000, modified_us: 77, checksum: &[1; 32], essence: "blake3:a" };

    fn reading(size_bytes: i64, modified_us: i64, checksum: u8, essence: &str, flaw: &str) -> Reading {
        Reading::Read {
            size_bytes,
            modified_us,
            checksum: [checksum; 32],
            essence: essence.into(),
            is_cut_off: flaw == "cut off",
            flaw: Some(flaw.to_owned()).filter(|f| !f.is_empty() && f != "cut off"),
        }
    }

    #[test]
    fn each_way_to_differ_has_its_name() {
        use DamageKind::*;
        let damaged = Verdict::Damaged;
        for (found, verdict) in [
            (reading(1000, 77, 1, "blake3:a", ""), Verdict::Intact),
            (reading(1000, 78, 1, "blake3:a", ""), Verdict::Touched),
            (reading(1010, 78, 2, "blake3:a", ""), Verdict::Retagged),
            (reading(1000, 78, 2, "blake3:a", ""), Verdict::Retagged),
            (reading(1000, 77, 2, "blake3:a", ""), damaged(TagRot)),
            (reading(1000, 77, 2, "blake3:b", ""), damaged(AudioRot)),
            // FLAC: the sum in its head is the old one, the frames are not.
            (reading(1000, 77, 2, "blake3:a", "its samples do not match its own MD5"), damaged(AudioRot)),
            (reading(1000, 78, 2, "blake3:b", ""), damaged(AudioRot)),
            (reading(1010, 78, 2, "blake3:a", "its samples do not match its own MD5"), damaged(AudioRot)),
            (reading(500, 77, 2, "blake3:b", ""), damaged(Truncated)),
            (reading(500, 78, 2, "blake3:b", "cut off"), damaged(Truncated)),
            (reading(500, 78, 2, "blake3:a", "50 % of its samples decode"), damaged(Truncated)),
            (reading(500, 78, 2, "blake3:b", ""), damaged(Replaced)),
            (reading(5000, 78, 2, "blake3:b", ""), damaged(Replaced)),
            (reading(5000, 78, 2, "blake3:b", "cut off"), damaged(Truncated)),
            (Reading::Gone, damaged(Missing)),
            (Reading::Refused("EIO".into()), damaged(Unreadable)),
        ] {
            assert_eq!(judge(&EXPECTED, &found), verdict, "{found:?}");
        }
    }

    /// A million files as healthy libraries have them, and as many with one bit that fell over.
    #[test]
    fn a_million_checks_give_no_false_alarm_and_miss_nothing() {
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut next = move || {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            seed
        };
        for n in 0..1_000_000_u32 {
            let random = next();
            let checksum: [u8; 32] = std::array::from_fn(|i| (random >> (i % 8 * 8)) as u8 ^ i as u8);
            let (size_bytes, modified_us) = ((random >> 40) as i64 + 1, (random >> 14) as i64);
            let essence = format!("blake3:{random:x}");
            let expected = Expected { size_bytes, modified_us, checksum: &checksum, essence: &essence };
            let mut other = checksum;
            other[(random % 32) as usize] ^= 1 << (random >> 8 & 7);
            let read = |size_bytes, modified_us, checksum, essence: &str| Reading::Read {
                size_bytes,
                modified_us,
                checksum,
                essence: essence.into(),
                is_cut_off: false,
                flaw: None,
            };
            let (verdict, is_alarm) = match n % 6 {
                0 => (judge(&expected, &read(size_bytes, modified_us, checksum, &essence)), false),
                1 => (judge(&expected, &read(size_bytes, modified_us + 1, checksum, &essence)), false),
                2 => (judge(&expected, &read(size_bytes + 9, modified_us + 1, other, &essence)), false),
                3 => (judge(&expected, &read(size_bytes, modified_us, other, &essence)), true),
                4 => (judge(&expected, &read(size_bytes, modified_us, other, "blake3:x")), true),
                _ => (judge(&expected, &read(size_bytes, modified_us + 1, other, "blake3:x")), true),
            };
            assert_eq!(matches!(verdict, Verdict::Damaged(_)), is_alarm, "{n}: {verdict:?}");
        }
    }
}
