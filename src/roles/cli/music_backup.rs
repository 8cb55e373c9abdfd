//! `barbossa backup music`, `music verify` and `music restore`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Subcommand;
use serde_json::{Value, json};

use super::args::Output;
use super::exit::{Status, failure};
use super::terminal::{bytes, complain, print, print_json, span, spinner, time};
use crate::app::App;
use crate::backups::{self, MusicState, MusicStep};
use crate::error::Error;
use crate::files;
use crate::jobs::{self, End};

/// Until somebody has brought the copy, and somebody else has put it into its place.
const PATIENCE: Duration = Duration::from_secs(3600);

#[derive(Debug, Subcommand)]
pub enum Music {
    /// Look whether the repository is whole, and read a part of its data
    Verify(Output),
    /// Bring a damaged or missing file back, from wherever a good copy of it is
    Restore {
        /// The file, relative to the music folder or as a whole path
        path: PathBuf,
        #[command(flatten)]
        output: Output,
    },
}

pub async fn run(app: App, command: Option<Music>, output: Output) -> anyhow::Result<Status> {
    match command {
        None => make(&app, output).await,
        Some(Music::Verify(output)) => verify(&app, output).await,
        Some(Music::Restore { path, output }) => restore(&app, &path, output).await,
    }
}

/// How it is, for one line.
pub fn sentence(music: &MusicState) -> String {
    let Some(repository) = &music.repository else {
        return "Music: not backed up from here (backup.music_repository)".to_owned();
    };
    let at = music.last_complete_at.map_or_else(|| "not yet".to_owned(), time);
    let late = if music.is_overdue { ", LATE" } else { "" };
    let last = music.last.as_ref();
    let held = last.and_then(|run| run.held_back).filter(|n| *n > 0);
    let held = held.map(|n| format!(", {n} held back: barbossa integrity list")).unwrap_or_default();
    let running = last.filter(|run| run.state == "running").and_then(|run| run.progress.as_ref());
    let running = running.map(|p| format!(", now {} of {} files", p["files_done"], p["total_files"]));
    let failed = last.filter(|run| run.state == "failed").and_then(|run| run.error.as_ref());
    let failed = failed.map(|why| format!(", FAILED: {why}")).unwrap_or_default();
    format!("Music: {repository}, last {at}{late}{held}{}{failed}", running.unwrap_or_default())
}

async fn make(app: &App, output: Output) -> anyhow::Result<Status> {
    let spinner = spinner();
    let made = backups::back_up_music(app, |step| {
        spinner.set_message(match step {
            MusicStep::Looking(done, total) => {
                format!("holding what is new against its rows, {done}/{total}")
            }
            MusicStep::Copying(at) => format!(
                "{} of {} files, {} of {}",
                at.files_done,
                at.total_files,
                bytes(at.bytes_done),
                bytes(at.total_bytes)
            ),
        });
    })
    .await;
    spinner.finish_and_clear();
    let made = match made {
        Ok(made) => made,
        // To the unit it is no failure that nobody wants the music backed up.
        Err(Error::NotFound(sentence)) => return Err(failure(Status::NotFound, sentence)),
        Err(Error::Internal(error)) => return Err(failure(Status::Failed, format!("{error:#}"))),
        Err(error) => return Err(error.into()),
    };
    let snapshot = &made.snapshot;
    if output.json {
        print_json(&json!({
            "snapshot": snapshot.id, "files": snapshot.files, "files_new": snapshot.files_new,
            "files_changed": snapshot.files_changed, "bytes_added": snapshot.bytes_added,
            "held_back": made.held_back, "took_seconds": made.took.as_secs_f64(),
        }))?;
        return Ok(Status::Done);
    }
    print(format_args!(
        "Snapshot {}: {} files, {} new, {} changed, {} added, {}",
        snapshot.id,
        snapshot.files,
        snapshot.files_new,
        snapshot.files_changed,
        bytes(snapshot.bytes_added),
        span(made.took)
    ))?;
    for (path, why) in &made.held_back {
        complain(format_args!("held back: {path}: {why} See: barbossa integrity list"));
    }
    Ok(Status::Done)
}

async fn verify(app: &App, output: Output) -> anyhow::Result<Status> {
    let spinner = spinner();
    spinner.set_message("looking at the repository, and reading a part of it");
    let looked = backups::verify_music(app).await;
    spinner.finish_and_clear();
    let took = match looked {
        Err(Error::Internal(error)) => return Err(failure(Status::Failed, format!("{error:#}"))),
        looked => looked?,
    };
    if output.json {
        print_json(&json!({"ok": true, "took_seconds": took.as_secs_f64()}))?;
    } else {
        print(format_args!("The repository is whole, {}", span(took)))?;
    }
    Ok(Status::Done)
}

async fn restore(app: &App, path: &Path, output: Output) -> anyhow::Result<Status> {
    let relative = path.strip_prefix(app.music()).unwrap_or(path);
    let mut job = backups::restore_music(app, &files::path_to_text(relative)).await?;
    let spinner = spinner();
    spinner.set_message("bringing a good copy back");
    let done: Value = loop {
        let ended = jobs::wait(app, &[job], PATIENCE).await.pop();
        let done = match ended.map(|ended| ended.end) {
            Some(End::Completed(done)) => done,
            Some(End::Cancelled(why) | End::Discarded(why)) => return Err(failure(Status::Failed, why)),
            None => {
                return Err(failure(Status::Failed, format!("It still goes on: barbossa jobs show {job}")));
            }
        };
        // Who brings the copy leaves the rest to who puts it into its place.
        match done["job_id"].as_i64() {
            Some(next) => job = next,
            None => break done,
        }
    };
    spinner.finish_and_clear();
    if output.json {
        print_json(&done)?;
    } else {
        let from = done.pointer("/from/place").and_then(Value::as_str).unwrap_or_default();
        print(format_args!("Back, from {from}; what was there is in the trash."))?;
    }
    Ok(Status::Done)
}
