//! Audio files dropped into the inbox without a folder: each album's get a folder of their own and come in as it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::inbox::{self, PENDING};
use super::require_library;
use super::settle::{self, Rest};
use super::tree::{Entry, Kind};
use crate::audio;
use crate::error::Result;
use crate::files::{self, safe_component};
use crate::jobs::{Context, Job, Outcome, Queue};
use crate::library::identity_key;
use crate::parallel;

/// Give the loose files of the inbox folders.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SortLoose {}

impl Job for SortLoose {
    const KIND: &'static str = "imports.sort_loose";
    const QUEUE: Queue = Queue::Imports;

    fn unique_key(&self) -> Option<String> {
        Some(String::new())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        if let Err(alarm) = require_library(&context.app).await? {
            return Ok(Outcome::Cancel(alarm));
        }
        let (room, quiet) = (context.app.music().join(PENDING), inbox::quiet(&context.app));
        let sorted =
            tokio::task::spawn_blocking(move || sort(&room, quiet)).await.map_err(anyhow::Error::from)??;
        Ok(match sorted {
            Sorted::NotYet(after) => Outcome::Snooze(after),
            Sorted::Into(folders) => Outcome::Done(json!({"folders": folders})),
        })
    }
}

/// What was done.
#[derive(Debug, PartialEq)]
enum Sorted {
    /// They are still being copied.
    NotYet(Duration),
    /// The folders that were made or filled.
    Into(Vec<String>),
}

fn sort(room: &Path, quiet: Duration) -> std::io::Result<Sorted> {
    let found = inbox::loose_files(room)?;
    match settle::judge(&found, None, quiet, SystemTime::now()) {
        Rest::Wait { look_after, .. } => return Ok(Sorted::NotYet(look_after)),
        Rest::ClockAhead => {
            std::thread::sleep(quiet);
            if inbox::loose_files(room)? != found {
                return Ok(Sorted::NotYet(quiet));
            }
        }
        Rest::Nothing(_) => return Ok(Sorted::Into(Vec::new())),
        Rest::Settled(_) => {}
    }
    let files: Vec<Entry> = found.into_iter().filter(|f| f.kind == Kind::Audio).collect();
    let mut albums: BTreeMap<String, (String, Vec<&Entry>)> = BTreeMap::new();
    let names = parallel::each(&files, |file| folder_for(room, &file.relative));
    for (file, (key, name)) in files.iter().zip(names) {
        albums.entry(key).or_insert_with(|| (name, Vec::new())).1.push(file);
    }
    let mut folders = Vec::new();
    for (name, files) in albums.into_values() {
        let folder = free_folder(room, &name);
        files::make_dirs(&folder)?;
        for file in files {
            files::rename_noreplace(&room.join(&file.relative), &folder.join(&file.relative))?;
        }
        files::sync_dir(&folder)?;
        folders.push(name);
    }
    files::sync_dir(room)?;
    Ok(Sorted::Into(folders))
}

/// What its album is known by, and a name for the folder.
fn folder_for(room: &Path, file: &Path) -> (String, String) {
    let name = folder_name(&room.join(file));
    (identity_key(&name), safe_component(&name))
}

/// A name for the folder of a sound file that has none: of its album, by the tags, else of the file itself.
pub fn folder_name(file: &Path) -> String {
    let tags = audio::read(file).map(|sound| sound.tags).unwrap_or_default();
    match (tags.album_artist.or(tags.artist), tags.album) {
        (Some(artist), Some(album)) => format!("{artist} - {album}"),
        (None, Some(album)) => album,
        _ => file.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
    }
}

/// Never into a folder that somebody may be filling.
fn free_folder(room: &Path, name: &str) -> PathBuf {
    let mut numbered = (2..).map(|n| room.join(format!("{name} ({n})")));
    let plain = room.join(name);
    let is_free = |path: &PathBuf| path.symlink_metadata().is_err();
    if is_free(&plain) { plain } else { numbered.find(is_free).unwrap_or(plain) }
}
