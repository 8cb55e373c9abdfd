//! The house's own rules about its source: floors, first lines, sizes.

use std::collections::HashMap;
use std::path::Path;

/// One file of `src/`.
pub struct SourceFile {
    /// Relative to `src/`.
    pub path: String,
    pub text: String,
}

pub fn source_files() -> Vec<SourceFile> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    walkdir::WalkDir::new(&root)
        .sort_by_file_name()
        .into_iter()
        .map(Result::unwrap)
        .filter(|e| e.path().extension().is_some_and(|x| x == "rs"))
        .map(|e| SourceFile {
            path: e.path().strip_prefix(&root).unwrap().to_str().unwrap().to_owned(),
            text: std::fs::read_to_string(e.path()).unwrap(),
        })
        .collect()
}

/// The program without its tests: what stands before `#[cfg(test)]`.
fn program(text: &str) -> &str {
    text.split("#[cfg(test)]").next().unwrap_or(text)
}

/// The modules in the order of `lib.rs`, which is the staircase.
fn staircase() -> HashMap<String, usize> {
    let lib = source_files().into_iter().find(|f| f.path == "lib.rs").unwrap().text;
    let names = lib.lines().filter_map(|l| l.strip_prefix("pub mod ")?.strip_suffix(';').map(str::to_owned));
    names.enumerate().map(|(n, name)| (name, n)).collect()
}

/// Rows and rules may be needed by those who only translate them.
fn may_look_up(file: &str, used: &str) -> bool {
    // The map from errors to HTTP knows no room; `db` is named in its variants by crate, not by module.
    // A job's row remembers the request that caused it.
    matches!((file, used), ("telemetry.rs", "config"))
}

#[test]
fn calls_go_downstairs_only() {
    let floors = staircase();
    let mut upstairs = Vec::new();
    for file in source_files() {
        let room = file.path.split(['/', '.']).next().unwrap();
        let Some(own) = floors.get(room) else { continue };
        for (at, _) in program(&file.text).match_indices("crate::") {
            let used: String =
                file.text[at + 7..].chars().take_while(|c| c.is_ascii_lowercase() || *c == '_').collect();
            if floors.get(&used).is_some_and(|floor| floor > own) && !may_look_up(&file.path, &used) {
                upstairs.push(format!("{} uses crate::{used}", file.path));
            }
        }
    }
    assert!(upstairs.is_empty(), "{}", upstairs.join("\n"));
}

#[test]
fn other_rooms_use_the_front_door() {
    let rooms = ["library", "hearts", "imports", "backups", "jobs", "events", "auth"];
    let mut wrong = Vec::new();
    for file in source_files() {
        let own = file.path.split(['/', '.']).next().unwrap();
        for room in rooms.iter().filter(|r| **r != own) {
            for (at, _) in program(&file.text).match_indices(&format!("crate::{room}::")) {
                let rest = &file.text[at + 9 + room.len()..];
                let next: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                let is_module =
                    next.chars().all(|c| !c.is_uppercase()) && rest[next.len()..].starts_with("::");
                let is_public = ["http", "schedule", "access"].contains(&next.as_str());
                if is_module && !is_public {
                    wrong.push(format!("{}: crate::{room}::{next}::…", file.path));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_route_stands_in_the_document() {
    // Metrics have a socket of their own, and are no part of the contract.
    let bare: Vec<String> = source_files()
        .iter()
        .filter(|f| f.path != "metrics/mod.rs" && program(&f.text).contains(".route("))
        .map(|f| format!("{}: add it with `routes!`, so that the OpenAPI document has it", f.path))
        .collect();
    assert!(bare.is_empty(), "{}", bare.join("\n"));
}

#[test]
fn every_file_says_first_what_it_is_for() {
    let silent: Vec<String> = source_files()
        .into_iter()
        .filter(|f| f.text.lines().next().is_none_or(|l| !l.starts_with("//! ") || l.len() < 20))
        .map(|f| f.path)
        .collect();
    assert!(silent.is_empty(), "{silent:?}");
}

/// A file that nobody names is compiled by nobody, and its tests pass by not being there.
#[test]
fn every_file_of_tests_takes_part() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let main = std::fs::read_to_string(folder.join("main.rs")).unwrap();
    let named: Vec<&str> =
        main.lines().filter_map(|line| line.trim().strip_prefix("mod ")?.strip_suffix(';')).collect();
    for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let module = name.trim_end_matches(".rs");
        assert!(module == "main" || named.contains(&module), "main.rs does not name {name}");
    }
    assert!(named.len() > 60, "{named:?}");
}

#[test]
fn no_file_is_a_heap_and_no_function_a_scroll() {
    let mut long = Vec::new();
    for file in source_files() {
        let lines: Vec<&str> = program(&file.text).lines().collect();
        if lines.len() > 600 {
            long.push(format!("{}: {} lines", file.path, lines.len()));
        }
        let mut start: Option<(usize, usize)> = None;
        for (n, line) in lines.iter().enumerate() {
            let indent = line.len() - line.trim_start().len();
            let head = line.trim_start();
            let is_head = [
                "fn ",
                "pub fn ",
                "async fn ",
                "pub async fn ",
                "pub(crate) fn ",
                "pub(super) fn ",
                "pub(super) async fn ",
            ]
            .iter()
            .any(|k| head.starts_with(k));
            if is_head {
                start = Some((n, indent));
            } else if let Some((from, at)) = start
                && indent == at
                && head.starts_with('}')
            {
                if n - from > 90 {
                    long.push(format!("{}:{}: {} lines in one function", file.path, from + 1, n - from));
                }
                start = None;
            }
        }
    }
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn rules_are_pure() {
    let pure = [
        "audio/quality.rs",
        "jobs/backoff.rs",
        "imports/decide.rs",
        "imports/fit.rs",
        "imports/identify.rs",
        "imports/identify/evidence.rs",
        "library/naming.rs",
    ];
    for file in source_files().iter().filter(|f| pure.contains(&f.path.as_str())) {
        for word in ["async ", "crate::db", "crate::app", "std::fs", "tokio::"] {
            assert!(!program(&file.text).contains(word), "{} is a pure file, and has `{word}`", file.path);
        }
    }
}
