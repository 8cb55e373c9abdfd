//! The beginning of a track as MP3, for browsers that cannot play what it is (ALAC, AIFF): made when somebody asks for it,
//! kept for a week, and sent by nginx like all music.
//!
//! Previews lie in `MUSIC_PATH/.previews/ID-STATE.mp3`, where STATE names the file that it is the beginning of: another
//! file of the same track has another preview.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;
use std::time::{Duration, SystemTime};

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_postgres::Row;

use super::mount::ensure_music_is_there;
use super::serve::{Handout, hand_out};
use crate::app::{App, Via};
use crate::auth::User;
use crate::db::Sql;
use crate::error::{Error, Problem, Result};
use crate::files;
use crate::input;
use crate::jobs::{self, Context, End, Job, Outcome, Queue};
use crate::parallel::blocking;
use crate::process::{Failed, Program};

/// Where they lie, relative to MUSIC_PATH.
const PREVIEWS: &str = ".previews";
/// Enough to know whether one likes it.
const SECONDS: &str = "90";
/// Encoding takes a second or two; what takes longer than this does not end.
const DEADLINE: Duration = Duration::from_secs(60);
/// How long a listener is kept waiting.
const PATIENCE: Duration = Duration::from_secs(20);
/// So many may wait for the encoder: a person listens to one.
const MOST_WAITING: i64 = 10;
const KEEP: Duration = Duration::from_secs(7 * 24 * 3600);
const MOST_KEPT: usize = 500;

/// Make the preview of a track.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MakePreview {
    /// The row.
    pub track_id: i64,
}

const FILE: &str = "select path, size_bytes, modified_at from track where id = $1";
const WAITING: &str =
    "select count(*) from job where kind = 'library.make_preview' and state in ('available', 'running')";

/// The first minute and a half of a track as MP3, for what a browser cannot play.
#[utoipa::path(get, path = "/tracks/{id}/preview", tag = "files", security(("bearer" = []), ("cookie" = [])),
    responses((status = 200, content_type = "audio/mpeg", body = Vec<u8>), (status = 206, description = "A part of it", content_type = "audio/mpeg", body = Vec<u8>),
        (status = 304, description = "As known"), (status = 409, body = Problem, description = "It cannot be made, and why"),
        (status = 416, description = "No such part")))]
pub async fn preview(
    State(app): State<App>,
    _: User,
    via: Option<Extension<Via>>,
    input::Path(id): input::Path<i64>,
    request: HeaderMap,
) -> Result<Response> {
    let client = app.db.get().await?;
    let row = client.maybe_row(FILE, &[&id]).await?.ok_or(Error::NotFound("Track not found"))?;
    let path = path_of(id, &row);
    let there = app.music().join(&path);
    if !blocking(move || there.is_file()).await? {
        ensure_music_is_there(&app).await?;
        if client.row(WAITING, &[]).await?.get::<_, i64>(0) >= MOST_WAITING {
            let message = "Too many previews are being made: try again in a moment.".into();
            return Err(Error::TooMany { message, retry_after_seconds: 5 });
        }
        let job_id = jobs::enqueue(&client, &MakePreview { track_id: id }).await?;
        drop(client);
        match jobs::wait(&app, &[job_id], PATIENCE).await.pop().map(|ended| ended.end) {
            Some(End::Completed(_)) => {}
            Some(End::Cancelled(reason)) => return Err(Error::Conflict(reason)),
            Some(End::Discarded(error)) => return Err(anyhow::anyhow!("job {job_id}: {error}").into()),
            None => return Err(Error::Unavailable("The preview is being made. Try again in a moment.")),
        }
    }
    let file = Handout {
        path: &path,
        content_type: "audio/mpeg",
        cache_control: "private, no-cache",
        file_name: None,
        missing: "Track file not found",
    };
    hand_out(&app, via.map(|v| v.0), &request, &file).await
}

/// Relative to MUSIC_PATH.
fn path_of(track_id: i64, row: &Row) -> String {
    let (path, size, modified): (&str, i64, Timestamp) = (row.get(0), row.get(1), row.get(2));
    let state = blake3::hash(format!("{path}\0{size}\0{}", modified.as_microsecond()).as_bytes()).to_hex();
    format!("{PREVIEWS}/{track_id}-{}.mp3", &state[..16])
}

impl Job for MakePreview {
    const KIND: &'static str = "library.make_preview";
    const QUEUE: Queue = Queue::Exports;
    // Somebody waits for it.
    const PRIORITY: i16 = -10;
    const MAX_ATTEMPTS: i32 = 2;

    fn unique_key(&self) -> Option<String> {
        Some(self.track_id.to_string())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        let app = &context.app;
        ensure_music_is_there(app).await?;
        let Some(row) = app.db.get().await?.maybe_row(FILE, &[&self.track_id]).await? else {
            return Ok(Outcome::Cancel("The track is gone.".into()));
        };
        let (source, target) = (row.get::<_, String>(0), app.music().join(path_of(self.track_id, &row)));
        let folder = app.music().join(PREVIEWS);
        let (music, making) = (app.music().to_owned(), folder.clone());
        let opened = blocking(move || {
            files::make_dirs(&making)?;
            sweep(&making)?;
            let made =
                tempfile::Builder::new().prefix(".making-").permissions(readable()).tempfile_in(&making)?;
            // Nothing of it is read: it proves that the path stays within the library.
            files::open_beneath(&music, &source)?;
            Ok::<_, std::io::Error>((music.join(source), made))
        });
        let (source, made) = match opened.await? {
            Ok(opened) => opened,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Outcome::Cancel("The track's file is away.".into()));
            }
            Err(error) => return Err(error.into()),
        };
        match encode(&source, made.as_file().try_clone()?).await {
            Ok(()) => {}
            Err(Failed::NotFound { program }) => {
                let why = format!("{program} is not installed, which makes previews: apt install ffmpeg");
                return Ok(Outcome::Cancel(why));
            }
            // Asked again, it would end the same way.
            Err(error @ Failed::Exit { .. }) => {
                tracing::warn!(
                    error = &error as &dyn std::error::Error,
                    track_id = self.track_id,
                    "no preview"
                );
                return Ok(Outcome::Cancel("ffmpeg cannot play what is in this file.".into()));
            }
            Err(error) => return Err(anyhow::Error::from(error).into()),
        }
        blocking(move || made.persist_noclobber(target).map(drop).or_else(|e| ignore_taken(e.error)))
            .await??;
        Ok(Outcome::Done(json!({})))
    }
}

/// nginx reads them.
fn readable() -> fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o664)
}

/// Another worker was as quick.
fn ignore_taken(error: std::io::Error) -> std::io::Result<()> {
    if error.kind() == ErrorKind::AlreadyExists { Ok(()) } else { Err(error) }
}

async fn encode(source: &Path, target: File) -> Result<(), Failed> {
    let mut input = std::ffi::OsString::from("file:");
    input.push(source);
    let ffmpeg = Program::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y", "-i"])
        .arg(input)
        .args(["-t", SECONDS, "-map", "0:a:0", "-map_metadata", "-1", "-ac", "2", "-ar", "44100"])
        // Opened anew, and not as a pipe: so it can go back and write the length into the first frame.
        .args(["-c:a", "libmp3lame", "-b:a", "192k", "-threads", "1", "-f", "mp3", "file:/proc/self/fd/1"]);
    ffmpeg.stdout_to(target).deadline(DEADLINE).run().await.map(drop)
}

/// Removes what is old, and of too many the oldest; also what a killed process has left.
fn sweep(folder: &Path) -> std::io::Result<()> {
    let mut kept = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        kept.push((entry.metadata()?.modified()?, entry.path()));
    }
    kept.sort();
    let too_many = kept.len().saturating_sub(MOST_KEPT);
    let is_old = |at: &SystemTime| SystemTime::now().duration_since(*at).is_ok_and(|age| age > KEEP);
    for (_, path) in
        kept.iter().enumerate().filter(|(n, (at, _))| *n < too_many || is_old(at)).map(|(_, one)| one)
    {
        files::remove_file_if_there(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_old_goes_and_what_is_young_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (old, young) = (folder.path().join("1-a.mp3"), folder.path().join("2-b.mp3"));
        fs::write(&old, "x").unwrap();
        fs::write(&young, "x").unwrap();
        let long_ago = SystemTime::now() - KEEP - Duration::from_secs(60);
        File::open(&old).unwrap().set_modified(long_ago).unwrap();
        sweep(folder.path()).unwrap();
        assert!(!old.exists() && young.exists());
    }
}
