//! What an adoption found and did, for people and programs: sums, and a line for each folder in which something differs.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::reading::ReadRelease;
use super::survey::Survey;
use crate::files::path_to_text;

/// Of the lines and files, so many are named in a job's answer; all of them in the journal or by a dry run.
const NAMED: usize = 200;

/// Sums and lines.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Audio files in folders that were read.
    pub files: usize,
    /// Folders of albums in which something differs.
    pub albums: usize,
    /// Tracks written, or to be.
    pub tracks: usize,
    /// Albums that there were not before.
    pub new_albums: usize,
    /// Files without a row before.
    pub new_files: usize,
    /// Files that another program has changed.
    pub changed_files: usize,
    /// Files that lay elsewhere.
    pub moved_files: usize,
    /// Files that were away.
    pub returned_files: usize,
    /// Files that are away.
    pub missing_files: usize,
    /// Files that are not what they were.
    pub damaged_files: usize,
    /// Files of which nothing differs.
    pub unchanged_files: usize,
    /// Files that give no sound.
    pub unreadable_files: usize,
    /// The first of them, with the reason.
    pub unreadable: Vec<String>,
    /// What was not looked into, with the reason.
    pub left_out: Vec<String>,
    /// Each folder in which something differs.
    pub lines: Vec<Line>,
}

/// A folder of an album.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Line {
    /// Relative to MUSIC_PATH.
    pub path: String,
    /// `3 new, 1 moved here from artists/…`
    pub what: String,
}

impl Report {
    /// What was seen before a file was opened.
    pub fn of(survey: &Survey) -> Self {
        let unreadable = survey.still_unreadable.iter().map(|(path, reason)| format!("{path}: {reason}"));
        Self {
            unchanged_files: survey.unchanged,
            returned_files: survey.returned.len(),
            unreadable_files: survey.still_unreadable.len(),
            unreadable: unreadable.collect(),
            left_out: survey.left_out.clone(),
            ..Self::default()
        }
    }

    /// One folder more.
    pub fn add(&mut self, read: &ReadRelease) {
        self.files += read.file_count;
        self.albums += usize::from(read.album.is_some());
        self.new_files += read.new;
        self.changed_files += read.changed.len();
        self.moved_files += read.moved.len();
        self.damaged_files += read.damaged.len();
        self.unreadable_files += read.unreadable.len();
        for unreadable in &read.unreadable {
            let line = format!("{}: {}", unreadable.path, unreadable.reason);
            tracing::warn!("not adopted: {line}");
            self.unreadable.push(line);
        }
        let what = what(read);
        if !what.is_empty() {
            self.lines.push(Line { path: read.path.clone(), what });
        }
    }

    /// Files that are away, by the folder where they were.
    pub fn add_missing<'a>(&mut self, paths: impl Iterator<Item = &'a str>) {
        let mut folders: BTreeMap<String, usize> = BTreeMap::new();
        for path in paths {
            self.missing_files += 1;
            let folder = super::super::tree::release_folder(path.as_ref());
            *folders.entry(path_to_text(folder)).or_default() += 1;
        }
        self.lines.extend(folders.into_iter().map(|(path, n)| Line { path, what: format!("{n} missing") }));
    }

    /// Whether there is anything to tell of.
    pub fn has_changes(&self) -> bool {
        let sums =
            [self.albums, self.moved_files, self.returned_files, self.missing_files, self.damaged_files];
        sums.iter().any(|n| *n > 0)
    }

    /// As a job's answer: the first lines only.
    pub fn answer(mut self) -> Value {
        self.lines.truncate(NAMED);
        self.unreadable.truncate(NAMED);
        self.left_out.truncate(NAMED);
        json!(self)
    }
}

fn what(read: &ReadRelease) -> String {
    let moved = match (&read.moved_album, read.moved.first()) {
        (Some(album), _) => format!("moved here from {}", album.from),
        (None, Some(first)) => format!("moved here, the first from {}", first.from),
        (None, None) => String::new(),
    };
    let counted = [
        (read.new, "new"),
        (read.changed.len(), "changed"),
        (read.moved.len(), moved.as_str()),
        (read.unreadable.len(), "unreadable"),
    ];
    let counted = counted.iter().filter(|(n, _)| *n > 0).map(|(n, word)| format!("{n} {word}"));
    let file = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let damaged = read.damaged.iter().map(|d| format!("{}: {}", file(&d.path), d.kind.sentence()));
    counted.chain(damaged).collect::<Vec<_>>().join(", ")
}
