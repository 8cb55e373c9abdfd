//! A link of ours that is the only name left of a file is kept, for there may be music in it that is nowhere else. When a
//! file was written anew (its tags were edited), the library has the same sound under another name: then the link may go.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use crate::app::App;
use crate::audio;
use crate::db::Sql;
use crate::error::Result;
use crate::files;

const WITH_ESSENCE: &str = "select essence, path from track where essence = any($1)";

/// Which of these files, relative to MUSIC_PATH, hold a sound that a file of the library has too: read whole and looked up.
pub async fn known_elsewhere(app: &App, paths: Vec<String>) -> Result<HashSet<String>> {
    let music = app.music().to_owned();
    let read =
        tokio::task::spawn_blocking(move || essences(&music, paths)).await.map_err(anyhow::Error::from)?;
    let essences: Vec<&str> = read.values().map(String::as_str).collect();
    let rows = app.db.get().await?.rows(WITH_ESSENCE, &[&essences]).await?;
    let there: Vec<(String, String)> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let music = app.music().to_owned();
    let kept = tokio::task::spawn_blocking(move || {
        let is_there = |path: &str| files::open_beneath(&music, path).is_ok();
        there
            .into_iter()
            .filter(|(_, path)| is_there(path))
            .map(|(essence, _)| essence)
            .collect::<HashSet<_>>()
    });
    let kept = kept.await.map_err(anyhow::Error::from)?;
    Ok(read.into_iter().filter(|(_, essence)| kept.contains(essence)).map(|(path, _)| path).collect())
}

/// What cannot be read has no essence, and is left alone.
fn essences(music: &Path, paths: Vec<String>) -> HashMap<String, String> {
    let essence = |path: &String| {
        let file = files::beneath(music, path)?;
        audio::checksum_and_essence(&file).ok().map(|digest| digest.essence)
    };
    paths.into_iter().filter_map(|path| Some((path.clone(), essence(&path)?))).collect()
}
