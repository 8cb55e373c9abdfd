//! The job that writes an export into a folder. It may be stopped anywhere; run again, it reads what is there, keeps what
//! is right, and goes on.

use std::io;
use std::time::Duration;

use nix::errno::Errno;
use serde::{Deserialize, Serialize};

use super::export::{self, Export};
use super::work::Work;
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::jobs::{Context, Job, Outcome, Queue};
use crate::library::ensure_music_is_there;

/// Until the music is back.
const AWAY: Duration = Duration::from_secs(60);

/// An export is to be written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunExport {
    /// The row.
    pub export_id: i64,
}

/// Why it does not go on.
#[derive(Debug)]
pub enum Halt {
    /// A person has to do something; the sentence says what.
    Failed(String),
    /// We were told to stop.
    Stopped,
    /// The library's files are away for now.
    MusicAway,
    /// Anything else: try again.
    Error(Error),
}

impl<E: Into<Error>> From<E> for Halt {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

const JOB_OF: &str = "select job_id, state from export where id = $1";

impl Job for RunExport {
    const KIND: &'static str = "exports.run";
    const QUEUE: Queue = Queue::Exports;

    fn unique_key(&self) -> Option<String> {
        Some(format!("export:{}", self.export_id))
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        let export = match export::find(&context.app.db.get().await?, self.export_id).await {
            Ok(export) => export,
            Err(Error::NotFound(_)) => return Ok(Outcome::Cancel("The export is gone.".into())),
            Err(error) => return Err(error),
        };
        if let Some(reason) = self.ended_elsewhere(context).await? {
            return Ok(Outcome::Cancel(reason));
        }
        let done = match ensure_music_is_there(&context.app).await {
            // Its state is large, and lies once in memory.
            Ok(()) => Box::pin(write(context, &export)).await,
            Err(Error::Unavailable(_)) => Err(Halt::MusicAway),
            Err(error) => Err(error.into()),
        };
        match done {
            Ok(outcome) => Ok(outcome),
            Err(Halt::Failed(reason)) => {
                tracing::warn!(export_id = export.id, destination = export.destination, "{reason}");
                export.fail(&context.app.db.get().await?, &reason).await?;
                Ok(Outcome::Cancel(reason))
            }
            Err(Halt::Stopped) => match self.ended_elsewhere(context).await? {
                Some(reason) => Ok(Outcome::Cancel(reason)),
                None => Ok(Outcome::Snooze(Duration::ZERO)),
            },
            Err(Halt::MusicAway) => {
                tracing::error!(export_id = export.id, "the music folder is away, the export waits");
                Ok(Outcome::Snooze(AWAY))
            }
            Err(Halt::Error(error)) => {
                if context.attempt >= Self::MAX_ATTEMPTS && !error.is_database_away() {
                    let reason = format!("{error}. The journal has the details; resume it to try again.");
                    export.fail(&context.app.db.get().await?, &reason).await?;
                }
                Err(error)
            }
        }
    }
}

impl RunExport {
    /// Somebody has cancelled it, or another job has it.
    async fn ended_elsewhere(&self, context: &Context) -> Result<Option<String>> {
        let row = context.app.db.get().await?.maybe_row(JOB_OF, &[&self.export_id]).await?;
        let Some(row) = row else { return Ok(Some("The export is gone.".into())) };
        let (job_id, state): (Option<i64>, &str) = (row.get(0), row.get(1));
        if job_id.is_some_and(|id| id != context.id) {
            return Ok(Some("Another job goes on with this export.".into()));
        }
        Ok((!["pending", "running"].contains(&state)).then(|| format!("The export is {state}.")))
    }
}

async fn write(context: &Context, export: &Export) -> std::result::Result<Outcome, Halt> {
    let mut work = Work::open(context, export).await?;
    if !work.survey().await? {
        return Err(Halt::Stopped);
    }
    work.write_albums().await?;
    let ending = work.finish().await?;
    let mut client = context.app.db.get().await?;
    let tx = client.transaction().await?;
    context.hold(&tx).await?;
    let told = export.complete(&tx, &ending).await?;
    tx.commit().await?;
    tracing::info!(
        export_id = export.id,
        destination = export.destination,
        albums = ending.albums,
        bytes = ending.bytes,
        problems = ending.problems.len(),
        "exported"
    );
    Ok(Outcome::Done(told))
}

/// What a person can do about a drive that refuses.
pub fn advice(destination: &str, error: &io::Error) -> String {
    use Errno::{EACCES, EDQUOT, EFBIG, EIO, ENODEV, ENOENT, ENOSPC, ENOTCONN, ENXIO, EPERM, EROFS, ESTALE};
    match error.raw_os_error().map(Errno::from_raw) {
        Some(ENOSPC | EDQUOT) => format!("{destination} is full: make room and resume. What is there stays."),
        Some(EIO | ENODEV | ENXIO | ENOENT | ENOTCONN | ESTALE) => format!(
            "The drive of {destination} is away ({error}): plug the drive in again and resume. What is there stays."
        ),
        Some(EROFS) => format!(
            "{destination} is mounted read-only: mount it for writing (a drive with errors is made read-only: check it), \
             and resume."
        ),
        Some(EACCES | EPERM) => format!(
            "The user barbossa may not write into {destination}: give it the right (chgrp, chmod g+w, or mount options), \
             and resume. `barbossa doctor` tells more."
        ),
        Some(EFBIG) => {
            format!("A file is too large for the file system of {destination}: use another drive.")
        }
        _ if error.kind() == io::ErrorKind::InvalidData => format!(
            "{destination}: {error}. It is damaged, or smaller than it says: use another drive, and resume."
        ),
        _ => format!("{destination}: {error}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_refusal_of_a_drive_says_what_to_do() {
        for (errno, word) in [
            (Errno::ENODEV, "plug the drive in again"),
            (Errno::EIO, "plug the drive in again"),
            (Errno::ENOENT, "plug the drive in again"),
            (Errno::ENOSPC, "make room"),
            (Errno::EROFS, "read-only"),
            (Errno::EACCES, "may not write"),
            (Errno::EFBIG, "too large"),
        ] {
            let said = advice("/media/usb", &errno.into());
            assert!(said.contains(word) && said.contains("/media/usb"), "{said}");
        }
    }
}
