//! How the library's folders and files are named: `Artist/Album (Year)/NN - Title.ext`. Pure.

use crate::files::{cut_at_char, safe_component};

/// Room is left for ` (2)` and for what file systems take (255 bytes).
const MAX_NAME_BYTES: usize = 240;

/// The artist's folder beneath `artists/`.
pub fn artist_folder(name: &str) -> String {
    safe_component(name)
}

/// The album's folder below its artist's: `Title (Year)`.
pub fn album_folder(title: &str, year: Option<i32>) -> String {
    let year = year.map(|y| format!(" ({y})")).unwrap_or_default();
    let title = safe_component(title);
    let title = cut_at_char(&title, MAX_NAME_BYTES - year.len()).trim_end();
    format!("{title}{year}")
}

/// `NN - Title.ext`, or `D-NN - Title.ext` where there are several discs.
pub fn track_file_name(disc: u32, number: u32, title: &str, disc_count: u32, ending: &str) -> String {
    let disc = if disc_count > 1 { format!("{disc}-") } else { String::new() };
    let stem = safe_component(&format!("{disc}{number:02} - {title}"));
    let room = MAX_NAME_BYTES - ending.len() - 1;
    format!("{}.{ending}", cut_at_char(&stem, room).trim_end_matches([' ', '.']))
}

/// `path`, or the first of `path (2)`, `path (3)`, … that is free.
pub fn free_name(
    is_taken: impl Fn(&str) -> bool,
    path: &str,
    numbered: impl Fn(&str, u32) -> String,
) -> String {
    let candidates = std::iter::once(path.to_owned()).chain((2..).map(|n| numbered(path, n)));
    candidates.into_iter().find(|p| !is_taken(p)).unwrap_or_else(|| path.to_owned())
}

/// `Album` → `Album (2)`.
pub fn folder_numbered(path: &str, n: u32) -> String {
    format!("{path} ({n})")
}

/// `a.flac` → `a (2).flac`.
pub fn file_numbered(path: &str, n: u32) -> String {
    match path.rsplit_once('.') {
        Some((stem, ending)) if !ending.contains('/') => format!("{stem} ({n}).{ending}"),
        _ => format!("{path} ({n})"),
    }
}
