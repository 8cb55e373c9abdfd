//! Names for what goes into the trash and what comes out of it again. Pure.

use std::collections::HashSet;
use std::path::{Component, Path};

use crate::files::text_to_path;

/// How many numbered names are tried when a name is taken.
pub const TRIES: u32 = 50;

/// The names to try for a file, the best first: its own, then `Song (2).flac`, `Song (3).flac`, …
pub fn candidates(path: &str) -> impl Iterator<Item = String> + '_ {
    let name_at = path.rfind('/').map_or(0, |slash| slash + 1);
    let dot = path[name_at..].rfind('.').filter(|dot| *dot > 0).map_or(path.len(), |dot| name_at + dot);
    let (stem, ending) = path.split_at(dot);
    std::iter::once(path.to_owned()).chain((2..=TRIES).map(move |n| format!("{stem} ({n}){ending}")))
}

/// The names to try for a folder: its own, then `Album (1999) (2)`, …
pub fn folder_candidates(path: &str) -> impl Iterator<Item = String> + '_ {
    std::iter::once(path.to_owned()).chain((2..=TRIES).map(move |n| format!("{path} ({n})")))
}

/// A path that lay in `old` as it is in `new`; others are what they were.
pub fn moved_along(path: &str, old: &str, new: &str) -> String {
    match path.strip_prefix(old).filter(|rest| rest.starts_with('/')) {
        Some(rest) => format!("{new}{rest}"),
        None => path.to_owned(),
    }
}

/// Names within an entry's folder: as in the album's folder; what lay elsewhere by its file name; no two alike.
pub fn name_in_entry(original: &str, folder: &str, taken: &HashSet<String>) -> String {
    let own = original.strip_prefix(folder).and_then(|rest| rest.strip_prefix('/'));
    let wanted = own.unwrap_or_else(|| original.rsplit('/').next().unwrap_or(original));
    candidates(wanted)
        .find(|name| !taken.contains(name))
        .unwrap_or_else(|| format!("{} {wanted}", taken.len()))
}

/// Whether a path from a row leads to a place beneath `root` and nowhere else: plain components only.
pub fn is_beneath(path: &str, root: &str) -> bool {
    let path = text_to_path(path);
    let is_plain = path.components().all(|c| matches!(c, Component::Normal(_)));
    is_plain && path.strip_prefix(root).is_ok_and(|rest| rest != Path::new(""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_name_is_numbered_before_its_ending() {
        for (path, second) in [
            ("artists/A/B/01 - Song.flac", "artists/A/B/01 - Song (2).flac"),
            ("artists/A/B.C/cover", "artists/A/B.C/cover (2)"),
            ("artists/A/.hidden", "artists/A/.hidden (2)"),
            ("x.tar.gz", "x.tar (2).gz"),
        ] {
            let names: Vec<String> = candidates(path).take(2).collect();
            assert_eq!(names, [path, second]);
        }
        assert_eq!(folder_candidates("artists/A/B. C").nth(1).unwrap(), "artists/A/B. C (2)");
    }

    #[test]
    fn what_lay_in_a_folder_goes_along_with_it() {
        for (path, moved) in [
            ("artists/A/B/CD1/01.flac", "artists/A/B (2)/CD1/01.flac"),
            ("artists/A/Bones/01.flac", "artists/A/Bones/01.flac"),
            ("artists/A/B", "artists/A/B"),
        ] {
            assert_eq!(moved_along(path, "artists/A/B", "artists/A/B (2)"), moved);
        }
    }

    #[test]
    fn no_two_files_of_an_entry_have_one_name() {
        let mut taken = HashSet::new();
        for (original, name) in [
            ("artists/A/B/CD1/01.flac", "CD1/01.flac"),
            ("artists/A/B/01.flac", "01.flac"),
            ("artists/A/Other/01.flac", "01 (2).flac"),
        ] {
            let found = name_in_entry(original, "artists/A/B", &taken);
            assert_eq!(found, name);
            taken.insert(found);
        }
    }

    #[test]
    fn only_plain_paths_beneath_their_root_are_touched() {
        assert!(is_beneath("artists/A/B/01.flac", "artists"));
        assert!(is_beneath("artists/caf\\xe9/01.flac", "artists"));
        for path in ["artists", "artists/", "artists/../x", "/artists/a", "users/ada/x", "artistsx/a", ""] {
            assert!(!is_beneath(path, "artists"), "{path}");
        }
    }
}
