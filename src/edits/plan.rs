//! What one edit will do, written down before the first step: rows before and after, folders that move, and each file
//! with its tags. Every step can be taken twice.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::audio::Changes;
use crate::hearts::Merger;

/// What is done on the disk. Paths are relative to MUSIC_PATH.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Folders, and files that are no tracks, in this order; before any file is exchanged.
    pub moves: Vec<Move>,
    /// The tracks' files.
    pub files: Vec<FileStep>,
    /// Two artists became one, and who followed them; known once the edit is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub merger: Option<Merger>,
    /// One artist became two again, as it was before this merger; known once the edit is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parting: Option<Merger>,
}

/// A folder or a file gets another name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Move {
    /// Where it is.
    pub from: String,
    /// A name that is free.
    pub to: String,
}

/// A track's file is replaced by one with other tags, another name, or both.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileStep {
    /// The row.
    pub track_id: i64,
    /// Where it is now, before any folder moves.
    pub from: String,
    /// Where it will be, after all folders have moved.
    pub to: String,
    /// Its tags; empty when only the name changes.
    pub tags: Changes,
    /// Known once it is staged.
    pub before: Option<Facts>,
    /// Known once it is staged; equal to `before` when its tags could not be written.
    pub after: Option<Facts>,
    /// What is kept of the old file; known once the edit is done.
    pub kept: Option<Kept>,
    /// It is made again from what another edit kept.
    pub rebuilt: Option<Rebuilt>,
}

/// A file's identity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Facts {
    /// Its size.
    pub size_bytes: u64,
    /// Its modification time.
    pub modified_at: Timestamp,
    /// BLAKE3, hex.
    pub checksum: String,
    /// Of the audio.
    pub essence: String,
}

/// What is left of an old file, from which and the new file it can be made again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kept {
    /// All of it.
    Whole,
    /// What lies around the audio, which the new file has as well.
    Around(Vec<Part>),
    /// Nothing: the new file is the old one.
    Same,
}

/// Some bytes of the old file, in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The next so many of what was kept.
    Kept(u64),
    /// So many of the new file, from this offset.
    New(u64, u64),
}

/// Where an old file's bytes are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rebuilt {
    /// The edit that kept them.
    pub edit_id: i64,
    /// The number of its file.
    pub number: usize,
    /// How.
    pub kept: Kept,
}

impl Plan {
    /// A path after the folders have moved.
    pub fn moved(&self, path: &str) -> String {
        moved(&self.moves, path)
    }

    /// Nothing happens on the disk.
    pub fn is_empty(&self) -> bool {
        self.moves.is_empty() && self.files.is_empty()
    }
}

/// A path after these moves.
pub fn moved(moves: &[Move], path: &str) -> String {
    moves.iter().fold(path.to_owned(), |path, step| match path.strip_prefix(&step.from) {
        Some("") => step.to.clone(),
        Some(rest) if rest.starts_with('/') => format!("{}{rest}", step.to),
        _ => path,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_a_folder_moves_with_it() {
        let moves = [
            Move { from: "artists/A".into(), to: "artists/B".into() },
            Move { from: "artists/B/x".into(), to: "artists/B/y".into() },
        ];
        for (path, expected) in [
            ("artists/A/x/1.flac", "artists/B/y/1.flac"),
            ("artists/A", "artists/B"),
            ("artists/AB/x/1.flac", "artists/AB/x/1.flac"),
            ("artists/C", "artists/C"),
        ] {
            assert_eq!(moved(&moves, path), expected);
        }
    }
}
