//! Adopting and looking again: a library is indexed where it lies, without moving or changing a file, and the next time
//! only where it differs from the rows.
//!
//! Quick, because people wait for it with their whole collection: one walk asks each file for its size and time, only
//! folders that differ are read, on all processors, while the rows of those before are written, some hundred albums a
//! transaction. Checksums and essences follow in the background (`library.read_essences`).
//!
//! What others do to the files is followed, and nothing is lost by it: a file that moved keeps its row (its essence says
//! who it is), one that is gone is missing and not deleted, one with other tags and the same audio is a change of tags,
//! one with other audio is a damage that a person decides about. When much is gone at once, nothing is changed at all.

mod http;
mod lost;
mod preview;
mod reading;
mod report;
mod survey;
mod walk;
mod write;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

pub(super) use self::http::routes;
use self::lost::LostFiles;
pub use self::preview::PreviewAdoption;
use self::reading::{Desk, ReadRelease, Row};
pub use self::report::Report;
use self::survey::{Survey, brake};
use super::require_library;
use crate::activity;
use crate::app::App;
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::events::{self, Audience};
use crate::jobs::{self, Context, Job, Outcome, Queue};
use crate::library::{self, Action, Ending, NewDamage};

/// Albums of one transaction, at most: enough that its cost does not count, few enough that the first are seen at once.
const BATCH: usize = 250;
/// So many are written when no more have been read yet: PostgreSQL need not wait for the others.
const ENOUGH: usize = 64;
/// The alarm of [`survey::brake`].
const VANISHED: &str = "files_vanished";

/// Index a folder of the library where it lies.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Adopt {
    /// `artists` or a folder beneath it, relative to MUSIC_PATH.
    pub dir: String,
    /// A person says that whatever is gone is gone, however much it is.
    #[serde(default)]
    pub accept_missing: bool,
}

impl Adopt {
    /// The whole library.
    pub fn everything() -> Self {
        Self { dir: "artists".into(), accept_missing: false }
    }
}

impl Job for Adopt {
    const KIND: &'static str = "imports.adopt";
    const QUEUE: Queue = Queue::Imports;
    const MAX_ATTEMPTS: i32 = 3;

    fn unique_key(&self) -> Option<String> {
        Some(if self.accept_missing { format!("{} (missing accepted)", self.dir) } else { self.dir.clone() })
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        let look = match Look::at(&context.app, &self.dir).await? {
            Ok(look) => look,
            Err(reason) => return Ok(Outcome::Cancel(reason)),
        };
        if let Some(reason) = look.survey.brake().filter(|_| !self.accept_missing) {
            alarm(context, &reason).await?;
            return Ok(Outcome::Cancel(reason));
        }
        self.adopt(context, look).await
    }
}

impl Adopt {
    async fn adopt(self, context: &Context, mut look: Look) -> Result<Outcome> {
        let mut report = Report::of(&look.survey);
        let total: usize = look.survey.releases.iter().map(|r| r.fates.len()).sum();
        let mut releases = look.read(context.stop.clone());
        let mut batch = Vec::new();
        while let Some(read) = releases.recv().await {
            report.add(&read);
            batch.push(read);
            if batch.len() >= BATCH || (batch.len() >= ENOUGH && releases.is_empty()) {
                write_batch(context, &mut batch, &mut report).await?;
            }
            let progress = json!({"files": report.files, "total": total, "albums": report.albums});
            context.progress.send_replace(Some(progress));
        }
        write_batch(context, &mut batch, &mut report).await?;
        if context.stop.is_cancelled() {
            return Ok(Outcome::Snooze(Duration::ZERO));
        }
        let missing = match self.settle_missing(context, &look, &report).await? {
            Ok(missing) => missing,
            Err(reason) => return Ok(Outcome::Cancel(reason)),
        };
        report.add_missing(missing.iter().map(String::as_str));
        finish(context, &self.dir, report).await
    }

    /// Notes which files are away now, and which have come back. `Err` when they are too many to believe it.
    async fn settle_missing(
        &self,
        context: &Context,
        look: &Look,
        report: &Report,
    ) -> Result<Result<Vec<String>, String>> {
        let app = &context.app;
        let was_there: HashSet<i64> = look.survey.gone.iter().filter(|g| !g.is_old).map(|g| g.id).collect();
        let unclaimed: Vec<(i64, String)> = look
            .lost
            .unclaimed()
            .filter(|l| was_there.contains(&l.id))
            .map(|l| (l.id, l.path.clone()))
            .collect();
        let music = app.music().to_owned();
        // They may have come while the others were read.
        let gone = tokio::task::spawn_blocking(move || {
            let is_there = |path: &str| music.join(path).symlink_metadata().is_ok_and(|m| m.is_file());
            unclaimed.into_iter().filter(|(_, path)| !is_there(path)).collect::<Vec<_>>()
        });
        let gone = gone.await.map_err(anyhow::Error::from)?;
        let reason = brake(gone.len().saturating_sub(report.new_files), look.survey.present);
        let reason = reason.filter(|_| !self.accept_missing);
        if let Some(reason) = reason.or(require_library(app).await?.err()) {
            alarm(context, &reason).await?;
            return Ok(Err(reason));
        }
        let mut client = app.db.get().await?;
        let tx = client.transaction().await?;
        context.hold(&tx).await?;
        let marked = library::mark_missing(&tx, &gone).await?;
        let missing: Vec<(i64, String)> = gone.into_iter().filter(|(id, _)| marked.contains(id)).collect();
        let damages: Vec<NewDamage> =
            missing.iter().map(|(id, path)| NewDamage::missing(*id, path)).collect();
        library::report_damage(&tx, &damages).await?;
        library::mark_present(&tx, &look.survey.returned).await?;
        library::end_damage(&tx, &look.survey.returned, Ending::Healed).await?;
        if self.dir == "artists" {
            tx.run(CALM, &[&VANISHED]).await?;
        }
        tx.commit().await?;
        Ok(Ok(missing.into_iter().map(|(_, path)| path).collect()))
    }
}

async fn write_batch(context: &Context, batch: &mut Vec<ReadRelease>, report: &mut Report) -> Result<()> {
    if !batch.is_empty() {
        let written = write::write(context, batch).await?;
        report.new_albums += written.new_albums;
        report.tracks += written.tracks;
        batch.clear();
    }
    Ok(())
}

/// The announcement, the background reading, and the answer.
async fn finish(context: &Context, dir: &str, report: Report) -> Result<Outcome> {
    let mut client = context.app.db.get().await?;
    let tx = client.transaction().await?;
    if report.has_changes() {
        let more = json!({"adopted": report.albums, "missing": report.missing_files});
        library::tell_updated(&tx, None, Action::Updated, more).await?;
        let details = json!({
            "dir": dir, "new_albums": report.new_albums, "new": report.new_files, "changed": report.changed_files,
            "moved": report.moved_files, "missing": report.missing_files, "returned": report.returned_files,
            "damaged": report.damaged_files,
        });
        activity::record(&tx, None, "library_rescanned", None, Some(&details), None).await?;
    }
    if report.tracks > 0 {
        jobs::enqueue(&tx, &library::ReadEssences::default()).await?;
    }
    library::thumbnails_are_due(&tx).await?;
    tx.commit().await?;
    Ok(Outcome::Done(report.answer()))
}

const RAISE: &str = "insert into alarm (name, reason) values ($1, $2)
    on conflict (name) do update set reason = excluded.reason";
const CALM: &str = "delete from alarm where name = $1";

/// Nothing is changed, and everybody who should know hears why.
async fn alarm(context: &Context, reason: &str) -> Result<()> {
    tracing::error!("the library is left as it is: {reason}");
    let mut client = context.app.db.get().await?;
    let tx = client.transaction().await?;
    context.hold(&tx).await?;
    tx.run(RAISE, &[&VANISHED, &reason]).await?;
    let details = json!({"reason": reason});
    activity::record(&tx, None, "library_alarm", None, Some(&details), None).await?;
    let notification = json!({"title": "Files of the library have vanished", "message": reason});
    events::publish(&tx, "notification", Audience::Admins, &notification).await?;
    Ok(tx.commit().await?)
}

/// `artists`, or a plain path beneath it.
fn is_adoptable(dir: &str) -> bool {
    let mut parts = dir.split('/');
    parts.next() == Some("artists") && parts.all(|p| !p.is_empty() && p != "." && p != "..")
}

/// The difference, and what it takes to judge it.
struct Look {
    survey: Survey,
    lost: Arc<LostFiles>,
    rows: HashMap<i64, Row>,
    music: std::path::PathBuf,
}

const ROWS: &str = "select id, size_bytes, modified_at, checksum, essence,
        concat_ws(' ', format, sample_rate_hz || ' Hz', bit_depth || ' bit', bitrate_kbps || ' kbit/s')
    from track where id = any($1)";

impl Look {
    /// `Err` with a sentence when nothing may be concluded from what is seen.
    async fn at(app: &App, dir: &str) -> Result<Result<Self, String>> {
        if !is_adoptable(dir) {
            return Ok(Err(format!("{dir} is not artists/ or a folder beneath it in the music folder")));
        }
        if let Err(alarm) = require_library(app).await? {
            return Ok(Err(alarm));
        }
        let survey = match Survey::of(app, dir).await {
            Err(Error::Invalid(reason)) => return Ok(Err(reason)),
            survey => survey?,
        };
        let client = app.db.get().await?;
        let gone: Vec<i64> = survey.gone.iter().map(|g| g.id).collect();
        let lost = Arc::new(LostFiles::of(&client, &gone).await?);
        let mut rows = HashMap::new();
        if !survey.changed.is_empty() {
            for row in client.rows(ROWS, &[&survey.changed]).await? {
                let stamp = (row.get(1), row.get::<_, jiff::Timestamp>(2).as_microsecond());
                let read = row.get::<_, Option<Vec<u8>>>(3).zip(row.get(4));
                rows.insert(row.get(0), Row { stamp, read, quality: row.get(5) });
            }
        }
        Ok(Ok(Self { survey, lost, rows, music: app.music().to_owned() }))
    }

    /// Starts to read what differs.
    fn read(&mut self, stop: CancellationToken) -> tokio::sync::mpsc::Receiver<ReadRelease> {
        let desk = Desk {
            music: self.music.clone(),
            lost: self.lost.clone(),
            rows: std::mem::take(&mut self.rows),
            stop,
        };
        reading::read_all(desk, std::mem::take(&mut self.survey.releases))
    }
}

/// What adopting a folder would do; changes nothing. `told` hears of the progress.
///
/// # Errors
/// `Invalid` when the folder cannot be adopted, or too much is gone to believe it.
async fn preview(
    app: &App,
    adopt: &Adopt,
    mut told: impl FnMut(Value),
    stop: CancellationToken,
) -> Result<Report> {
    let mut look = Look::at(app, &adopt.dir).await?.map_err(Error::Invalid)?;
    if let Some(reason) = look.survey.brake().filter(|_| !adopt.accept_missing) {
        return Err(Error::Invalid(reason));
    }
    let mut report = Report::of(&look.survey);
    let total: usize = look.survey.releases.iter().map(|r| r.fates.len()).sum();
    let mut known: Vec<String> = Vec::new();
    let mut releases = look.read(stop);
    while let Some(read) = releases.recv().await {
        report.add(&read);
        if let Some(album) = &read.album {
            report.tracks += album.tracks.len();
            known.push(read.moved_album.as_ref().map_or_else(|| album.path.clone(), |m| m.from.clone()));
        }
        told(json!({"files": report.files, "total": total}));
    }
    let there: i64 = app.db.get().await?.row(KNOWN_ALBUMS, &[&known]).await?.get(0);
    report.new_albums = known.len().saturating_sub(usize::try_from(there).unwrap_or(0));
    let missing: Vec<String> = look.lost.unclaimed().map(|l| l.path.clone()).collect();
    report.add_missing(missing.iter().map(String::as_str));
    Ok(report)
}

const KNOWN_ALBUMS: &str = "select count(*) from album where path = any($1)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_library_can_be_adopted() {
        for dir in ["artists", "artists/Ann", "artists/Ann/Album (1999)"] {
            assert!(is_adoptable(dir), "{dir}");
        }
        for dir in ["", "users", "artists/../users", "artists/", "/artists", "import/pending", "artistsx"] {
            assert!(!is_adoptable(dir), "{dir}");
        }
    }
}
