//! The job that puts an upload into the inbox: as one folder, zips taken apart, by one rename; then it is imported as any
//! other, in the name of who sent it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::names::{self, Kind};
use super::receive::{folder_of, path_of};
use crate::app::App;
use crate::db::Sql;
use crate::error::Result;
use crate::events::{self, Audience};
use crate::files::{self, UnzipLimits, UnzipRefusal, safe_component};
use crate::imports::{self, ImportRelease};
use crate::jobs::{self, Context, Job, Outcome, Queue};
use crate::parallel::blocking;

/// Where it appears, relative to MUSIC_PATH.
const INBOX: &str = "import/pending";
/// Until the music folder is back.
const AWAY: Duration = Duration::from_secs(30);
/// Of an archive; a box set has hundreds.
const MOST_FILES: usize = 10_000;
/// What stays free on the music's disk.
const RESERVE_BYTES: u64 = 1 << 30;

/// An upload is whole.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Take {
    /// The row.
    pub upload_id: i64,
}

const FIND: &str = "select user_id, name, folder from upload where id = $1 and state = 'taking'";
const FILES: &str = "select id, path, size_bytes from upload_file where upload_id = $1 order by id";
const WILL_BE: &str = "update upload set folder = $2 where id = $1 and state = 'taking'";
const DONE: &str =
    "update upload set state = 'done', folder = $2, finished_at = now() where id = $1 and state = 'taking'";
const FAILED: &str = "update upload set state = 'failed', folder = null, problem = $2, finished_at = now() where id = $1 and state = 'taking'";
const FORGET_FILES: &str = "delete from upload_file where upload_id = $1";

impl Job for Take {
    const KIND: &'static str = "uploads.take";
    const QUEUE: Queue = Queue::Imports;

    fn unique_key(&self) -> Option<String> {
        Some(self.upload_id.to_string())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        let app = &context.app;
        if let Err(alarm) = imports::require_library(app).await? {
            tracing::error!(upload_id = self.upload_id, "an upload waits: {alarm}");
            return Ok(Outcome::Snooze(AWAY));
        }
        let client = app.db.get().await?;
        let Some(row) = client.maybe_row(FIND, &[&self.upload_id]).await? else {
            return Ok(Outcome::Cancel("the upload was taken or forgotten already".into()));
        };
        let (user_id, name, folder): (i64, String, Option<String>) = (row.get(0), row.get(1), row.get(2));
        let files = client.rows(FILES, &[&self.upload_id]).await?;
        let files: Vec<Arrived> = files
            .iter()
            .map(|row| Arrived {
                from: path_of(app, self.upload_id, row.get(0)),
                path: row.get(1),
                size_bytes: row.get::<_, i64>(2).unsigned_abs(),
            })
            .collect();
        drop(client);
        let name = named(name, &files).await?;
        let staging = app.music().join(INBOX).join(format!(".upload-{}", self.upload_id));
        // The rename was made, and its row was not written.
        let has_appeared = folder.is_some() && !staging.exists() && exists(app, folder.as_deref());
        let appeared = match folder.filter(|_| has_appeared) {
            Some(folder) => Ok(folder),
            None => match self.gather(context, &staging, files).await? {
                Gathered::Whole => Ok(self.appear(app, &staging, &name).await?),
                Gathered::Refused(why) => Err(why),
                Gathered::Stopped if is_cancelled(context).await? => Err("It was cancelled.".into()),
                Gathered::Stopped => return Ok(Outcome::Snooze(Duration::ZERO)),
            },
        };
        self.end(app, user_id, appeared).await
    }
}

/// Files that came without a folder have the first one's name, until their tags can be read: a folder's name counts when
/// an album is identified.
async fn named(name: String, files: &[Arrived]) -> Result<String> {
    let Some(first) = files.iter().find(|file| names::kind_of(&file.path) == Some(Kind::Audio)) else {
        return Ok(name);
    };
    let stem = Path::new(&first.path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    if first.path.contains('/') || safe_component(&stem) != name {
        return Ok(name);
    }
    let from = first.from.clone();
    let by_tags = blocking(move || imports::folder_name(&from)).await?;
    // By its row's number, when it has no tags.
    Ok(if by_tags.bytes().all(|byte| byte.is_ascii_digit()) { name } else { by_tags })
}

/// A file as it lies in the upload's folder.
struct Arrived {
    from: PathBuf,
    path: String,
    size_bytes: u64,
}

enum Gathered {
    Whole,
    /// Why not, as a sentence.
    Refused(String),
    Stopped,
}

impl Take {
    /// Puts all files together in a hidden folder of the inbox.
    async fn gather(&self, context: &Context, staging: &Path, arrived: Vec<Arrived>) -> Result<Gathered> {
        let (staging, stop) = (staging.to_owned(), context.stop.clone());
        let total: u64 = arrived.iter().map(|file| file.size_bytes).sum();
        let progress = context.progress.clone();
        let music = context.app.music().to_owned();
        blocking(move || {
            files::remove_tree_if_there(&staging)?;
            let free = files::free_bytes(&music)?;
            if free < total.saturating_add(RESERVE_BYTES) {
                let why = "There is not enough room on the music's disk: make some, and send it again.";
                return Ok(Gathered::Refused(why.into()));
            }
            let limits = UnzipLimits { total_bytes: free - RESERVE_BYTES - total, files: MOST_FILES };
            let mut done = 0;
            let is_alone = arrived.len() == 1;
            files::make_dirs(&staging)?;
            for file in &arrived {
                if stop.is_cancelled() {
                    return Ok(Gathered::Stopped);
                }
                if names::kind_of(&file.path) == Some(Kind::Zip) {
                    let mut go_on = |bytes: u64| {
                        progress.send_replace(Some(
                            json!({"done": done + bytes.min(file.size_bytes), "total": total}),
                        ));
                        !stop.is_cancelled()
                    };
                    match unpack(file, &staging, is_alone, limits, &mut go_on) {
                        Ok(()) => {}
                        Err(UnzipRefusal::Cancelled) => return Ok(Gathered::Stopped),
                        Err(UnzipRefusal::Io(error)) => return Err(error),
                        Err(why) => {
                            return Ok(Gathered::Refused(format!("{} was not taken: {why}.", file.path)));
                        }
                    }
                } else {
                    let to = staging.join(&file.path);
                    files::make_dirs(to.parent().unwrap_or(&staging))?;
                    files::copy_durably(&file.from, &to)?;
                }
                done += file.size_bytes;
                progress.send_replace(Some(json!({"done": done, "total": total})));
            }
            sync_folders(&staging)?;
            Ok(Gathered::Whole)
        })
        .await?
        .map_err(Into::into)
    }

    /// Lets it appear in the inbox; where, relative to MUSIC_PATH. The name is in the row before the disk has it.
    async fn appear(&self, app: &App, staging: &Path, name: &str) -> Result<String> {
        let name = safe_component(name);
        let names = std::iter::once(name.clone()).chain((2..).map(|n| format!("{name} ({n})")));
        for name in names {
            let folder = format!("{INBOX}/{name}");
            app.db.get().await?.run(WILL_BE, &[&self.upload_id, &folder]).await?;
            let (from, to) = (staging.to_owned(), app.music().join(&folder));
            let renamed = blocking(move || {
                files::rename_noreplace(&from, &to)?;
                files::sync_dir(to.parent().unwrap_or(&to))
            });
            match renamed.await? {
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error.into()),
                Ok(()) => return Ok(folder),
            }
        }
        unreachable!("there is always another number")
    }

    async fn end(&self, app: &App, user_id: i64, appeared: Result<String, String>) -> Result<Outcome> {
        let mut client = app.db.get().await?;
        let tx = client.transaction().await?;
        let outcome = match &appeared {
            Ok(folder) => {
                tx.run(DONE, &[&self.upload_id, folder]).await?;
                let (path, source) = (folder.clone(), "import".to_owned());
                jobs::enqueue(&tx, &ImportRelease { path, source, requested_by: Some(user_id) }).await?;
                let news = json!({"upload_id": self.upload_id, "folder": folder});
                events::publish(&tx, "upload:done", Audience::User(user_id), &news).await?;
                Outcome::Done(json!({"folder": folder}))
            }
            Err(problem) => {
                tx.run(FAILED, &[&self.upload_id, problem]).await?;
                let news = json!({"upload_id": self.upload_id, "error": problem});
                events::publish(&tx, "upload:failed", Audience::User(user_id), &news).await?;
                Outcome::Cancel(problem.clone())
            }
        };
        tx.run(FORGET_FILES, &[&self.upload_id]).await?;
        tx.commit().await?;
        let folder = folder_of(app, self.upload_id);
        let staging = app.music().join(INBOX).join(format!(".upload-{}", self.upload_id));
        // What cannot be removed now is, when uploads are looked through.
        blocking(move || {
            files::remove_tree_if_there(&folder)?;
            files::remove_tree_if_there(&staging)
        })
        .await??;
        Ok(outcome)
    }
}

const CANCELLED: &str = "select cancel_requested from job where id = $1";

/// Whether a person wants it to end, and not only this process.
async fn is_cancelled(context: &Context) -> Result<bool> {
    let row = context.app.db.get().await?.maybe_row(CANCELLED, &[&context.id]).await?;
    Ok(row.is_some_and(|row| row.get(0)))
}

fn exists(app: &App, folder: Option<&str>) -> bool {
    folder.is_some_and(|folder| app.music().join(folder).exists())
}

/// An archive that is all there is becomes the folder itself; one of several, a folder in it.
fn unpack(
    file: &Arrived,
    staging: &Path,
    is_alone: bool,
    limits: UnzipLimits,
    go_on: &mut dyn FnMut(u64) -> bool,
) -> Result<(), UnzipRefusal> {
    let target = staging.join(file.path.rsplit_once('.').map_or(file.path.as_str(), |(stem, _)| stem));
    files::make_dirs(target.parent().unwrap_or(staging))?;
    let beside = staging.with_extension("unpacked");
    files::remove_tree_if_there(&beside)?;
    let unpacked = files::unzip(&file.from, &beside, limits, go_on);
    if let Err(error) = unpacked {
        files::remove_tree_if_there(&beside)?;
        return Err(error);
    }
    if is_alone {
        files::remove_tree_if_there(staging)?;
        files::rename_noreplace(&beside, staging)?;
    } else {
        let mut numbered = (2..).map(|n| {
            target
                .with_file_name(format!("{} ({n})", target.file_name().unwrap_or_default().to_string_lossy()))
        });
        let is_free = |path: &PathBuf| path.symlink_metadata().is_err();
        let target = if is_free(&target) { target } else { numbered.find(is_free).unwrap_or(target) };
        files::rename_noreplace(&beside, &target)?;
    }
    Ok(())
}

fn sync_folders(folder: &Path) -> std::io::Result<()> {
    for entry in walkdir::WalkDir::new(folder).contents_first(true) {
        let entry = entry?;
        if entry.file_type().is_dir() {
            files::sync_dir(entry.path())?;
        }
    }
    Ok(())
}
