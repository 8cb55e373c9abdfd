//! A user's name: what is allowed, and which two names are the same login.

use caseless::Caseless;
use unicode_normalization::UnicodeNormalization;

use crate::error::{Error, Result};

/// The longest name, in bytes: it is a folder's name, too.
const MAX_BYTES: usize = 64;

/// What two spellings of one name have in common: `Ada`, `ada` and `ＡＤＡ` are one login and one folder. Unicode's
/// compatibility caseless matching (The Unicode Standard, section 3.13, D146).
pub fn name_key(name: &str) -> String {
    name.nfkd().default_case_fold().nfkc().collect()
}

/// The name as it is kept: composed (NFC), without blanks around it.
///
/// # Errors
/// When it could not be a folder beneath `users/`, or would be hard to see.
pub fn valid_name(name: &str) -> Result<String> {
    let name: String = name.trim().nfc().collect();
    let problem = if name.is_empty() {
        "A user name cannot be empty."
    } else if name.len() > MAX_BYTES {
        "A user name can have 64 bytes at most."
    } else if name.contains(['/', '\\']) {
        "A user name is a folder's name, too: it cannot contain a slash."
    } else if name.starts_with('.') || name.ends_with('.') {
        "A user name cannot begin or end with a dot."
    } else if name.chars().any(is_unseen) {
        "A user name cannot contain characters that are not seen."
    } else {
        return Ok(name);
    };
    Err(Error::Invalid(problem.into()))
}

/// Control characters, and those that change how others are shown: joiners, directions, byte-order marks.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || (c.is_whitespace() && c != ' ')
        || matches!(c, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_name_are_one_login() {
        for (one, other) in [
            ("Ada", "ada"),
            ("ＡＤＡ", "ada"),
            ("Straße", "STRASSE"),
            ("Ju\u{308}rgen", "jürgen"),
            ("ΣΊΣΥΦΟΣ", "σίσυφος"),
        ] {
            assert_eq!(name_key(one), name_key(other), "{one} {other}");
        }
        assert_ne!(name_key("Ленинград"), name_key("宇多田ヒカル"));
    }

    #[test]
    fn a_name_is_one_plain_path_component() {
        for bad in [
            "",
            "   ",
            ".",
            "..",
            ".hidden",
            "a/b",
            "a\\b",
            "a\nb",
            "a\0b",
            "end.",
            "a\u{202e}b",
            &"x".repeat(65),
        ] {
            assert!(valid_name(bad).is_err(), "{bad:?}");
        }
        for good in ["ada", "Ada Lovelace", "宇多田ヒカル", "o'neil", "a.b", "÷"] {
            assert_eq!(valid_name(good).unwrap(), good);
        }
        assert_eq!(valid_name("  ada ").unwrap(), "ada");
    }
}
