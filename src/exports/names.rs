//! Names that every file system takes: FAT, exFAT, NTFS and ours. Pure: the same music gets the same names each time.

use std::collections::{HashMap, HashSet};

use caseless::default_case_fold_str;
use unicode_normalization::UnicodeNormalization;

use crate::files::cut_at_char;

/// File systems take 255 bytes (ext4) or 255 UTF-16 units (FAT, exFAT, NTFS), of which a name never has more than it
/// has bytes; room is left for ` (2)`.
const MAX_BYTES: usize = 240;
/// What Windows keeps for devices, whatever ending follows ("Naming Files, Paths, and Namespaces").
const DEVICES: &[&str] = &["con", "prn", "aux", "nul", "conin$", "conout$"];

/// One component of a path: NFC, without what FAT and Windows refuse, at most 240 bytes with its ending kept, never
/// empty and never hidden. `What? 1:2` → `What_ 1_2`, `CON.flac` → `CON_.flac`, `Vol. 1.` → `Vol. 1`.
pub fn safe(name: &str) -> String {
    let is_refused = |c: char| c.is_control() || "<>:\"/\\|?*\u{2028}\u{2029}\u{fffd}".contains(c);
    let safe: String = name.nfc().map(|c| if is_refused(c) { '_' } else { c }).collect();
    let safe = safe.trim().trim_end_matches([' ', '.']);
    let (stem, ending) = split(safe);
    let stem = cut_at_char(stem, MAX_BYTES.saturating_sub(ending.len())).trim_end_matches(' ');
    let stem = match stem.strip_prefix('.') {
        Some(rest) => format!("_{}", rest.trim_start_matches('.')),
        None => stem.to_owned(),
    };
    let whole = format!("{}{ending}", without_device(&stem));
    let whole = whole.trim_end_matches([' ', '.']);
    if whole.is_empty() { "_".to_owned() } else { whole.to_owned() }
}

/// The name without its ending, and the ending with its dot: short ones only, so that `Vol. 1` has none.
fn split(name: &str) -> (&str, &str) {
    match name.rfind('.') {
        Some(at) if at > 0 && is_ending(&name[at + 1..]) => name.split_at(at),
        _ => (name, ""),
    }
}

fn is_ending(text: &str) -> bool {
    (1..=5).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

/// `CON`, `nul.2`, `COM1` get a mark behind the part that Windows reads.
fn without_device(stem: &str) -> String {
    let (first, rest) = stem.find('.').map_or((stem, ""), |at| stem.split_at(at));
    let word = first.trim_end().to_lowercase();
    let is_port = ["com", "lpt"].iter().any(|port| {
        word.strip_prefix(port).is_some_and(|n| n.chars().count() == 1 && n.chars().all(is_digit))
    });
    if is_port || DEVICES.contains(&word.as_str()) {
        return format!("{}_{rest}", first.trim_end());
    }
    stem.to_owned()
}

/// Windows takes the small raised ones for digits here, too.
fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || "¹²³".contains(c)
}

/// As file systems compare that do not tell `A` from `a`.
pub fn folded(path: &str) -> String {
    default_case_fold_str(path).nfc().collect()
}

/// The names that were given away in one export.
#[derive(Debug, Default)]
pub struct Names {
    /// Hashes of folded paths: an export may have a hundred thousand of them.
    taken: HashSet<[u8; 16]>,
    /// Folded path of a folder → as it was written first.
    folders: HashMap<String, String>,
}

impl Names {
    /// A path for a file, from one that may hold anything: its folders in their first writing, its name numbered when it
    /// is taken. `folder` is empty or ends with `/`.
    pub fn file(&mut self, folder: &str, wanted: &str) -> String {
        let name = safe(wanted);
        let (stem, ending) = split(&name);
        for n in 1.. {
            let name = if n == 1 { name.clone() } else { format!("{stem} ({n}){ending}") };
            let path = format!("{folder}{name}");
            if self.take(&path) {
                return path;
            }
        }
        unreachable!("there are more numbers than files")
    }

    /// The folder of these components beneath `above` (empty, or ends with `/`), with a `/` at its end.
    pub fn folder<'c>(&mut self, above: &str, components: impl IntoIterator<Item = &'c str>) -> String {
        let mut path = above.to_owned();
        for component in components {
            let name = safe(component);
            let key = folded(&format!("{path}{name}"));
            if let Some(known) = self.folders.get(&key) {
                path.clone_from(known);
                continue;
            }
            let made = self.file(&path, &name);
            path = format!("{made}/");
            self.folders.insert(key, path.clone());
        }
        path
    }

    fn take(&mut self, path: &str) -> bool {
        let hash = blake3::hash(folded(path).as_bytes());
        let mut short = [0; 16];
        short.copy_from_slice(&hash.as_bytes()[..16]);
        self.taken.insert(short)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_safe_name_is_one_that_fat_takes() {
        for (name, expected) in [
            ("What? 1:2 <\"x\"> a|b *.flac", "What_ 1_2 __x__ a_b _.flac"),
            ("AC/DC", "AC_DC"),
            ("back\\slash", "back_slash"),
            ("CON", "CON_"),
            ("con.flac", "con_.flac"),
            ("nul.2.flac", "nul_.2.flac"),
            ("COM1.mp3", "COM1_.mp3"),
            ("lpt³", "lpt³_"),
            ("Contact.flac", "Contact.flac"),
            ("COM10", "COM10"),
            ("Vol. 1.", "Vol. 1"),
            ("trailing . . ", "trailing"),
            ("...And Justice", "_And Justice"),
            ("..", "_"),
            ("", "_"),
            ("   ", "_"),
            ("E\u{301}dith.flac", "Édith.flac"),
            ("new\nline\0.flac", "new_line_.flac"),
            ("宇多田ヒカル", "宇多田ヒカル"),
            ("÷", "÷"),
        ] {
            assert_eq!(safe(name), expected, "{name:?}");
        }
    }

    #[test]
    fn a_long_name_keeps_its_ending_and_fits() {
        let long = safe(&format!("{}.flac", "宇".repeat(300)));
        assert!(long.ends_with("宇.flac") && long.len() <= 240, "{long}");
        let astral = safe(&format!("{}.flac", "𝄞".repeat(300)));
        assert!(astral.encode_utf16().count() <= 255 && astral.len() <= 255);
        let mut names = Names::default();
        let paths: Vec<String> =
            (0..12).map(|_| names.file("", &format!("{}.flac", "x".repeat(400)))).collect();
        assert!(paths.iter().all(|p| p.len() <= 255 && split(p).1 == ".flac"));
    }

    #[test]
    fn what_a_file_system_cannot_tell_apart_is_numbered_the_same_way_each_time() {
        let run = || {
            let mut names = Names::default();
            ["Straße.flac", "STRASSE.flac", "strasse.flac", "a:b", "a?b", "É", "e\u{301}"]
                .map(|name| names.file("x/", name))
        };
        let expected = [
            "x/Straße.flac",
            "x/STRASSE (2).flac",
            "x/strasse (3).flac",
            "x/a_b",
            "x/a_b (2)",
            "x/É",
            "x/é (2)",
        ];
        assert_eq!(run(), expected);
        assert_eq!(run(), expected);
    }

    #[test]
    fn one_folder_has_one_writing() {
        let mut names = Names::default();
        assert_eq!(names.folder("", ["ABBA", "Arrival"]), "ABBA/Arrival/");
        assert_eq!(names.folder("", ["Abba", "Waterloo"]), "ABBA/Waterloo/");
        assert_eq!(names.folder("", ["Abba", "arrival"]), "ABBA/Arrival/");
        assert_eq!(names.file("", "abba"), "abba (2)", "a file is no folder");
        assert_eq!(names.folder("FLAC/", ["AC/DC"]), "FLAC/AC_DC/");
    }
}
