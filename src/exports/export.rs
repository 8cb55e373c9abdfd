//! The row of an export: what was asked for, how far it is, how it ended.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tokio_postgres::Row;
use utoipa::ToSchema;

use super::layout::{Format, Wants};
use super::place::ZIP;
use super::run::RunExport;
use crate::activity;
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::events::{self, Audience};
use crate::jobs;

/// As clients see it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Export {
    /// The row.
    pub id: i64,
    /// Whose hearts.
    pub user_id: i64,
    /// Their name.
    pub username: String,
    /// A folder, or `zip`.
    pub destination: String,
    /// `flac`, `mp3`, `both`.
    pub format: String,
    /// Covers, scans.
    pub include_artwork: bool,
    /// `.m3u8`
    pub include_playlist: bool,
    /// `.lrc`
    pub include_lyrics: bool,
    /// Files that are not hearted any more are deleted.
    pub prune: bool,
    /// `pending`, `running`, `complete`, `failed`, `cancelled`.
    pub status: String,
    /// Percent.
    pub progress: i64,
    /// How many there are.
    pub total_albums: i32,
    /// How many are done.
    pub exported_albums: i32,
    /// Bytes, once they were counted.
    pub total_size: Option<i64>,
    /// Bytes that are there.
    pub exported_size: i64,
    /// Seconds that it may still take.
    pub eta: Option<i64>,
    /// Why it failed, and what to do.
    pub error_message: Option<String>,
    /// What could not be exported, and why.
    pub problems: Vec<String>,
    /// Files of an earlier export that are not hearted any more; with `prune` they are gone.
    pub removed: Vec<String>,
    /// Where to get it, when it is a zip.
    pub download_url: Option<String>,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub struct NewExport {
    /// Whose hearts.
    pub user_id: i64,
    /// Who asks; none at the command line.
    pub requested_by: Option<i64>,
    /// As `place::resolve` has it.
    pub destination: String,
    /// What of each album.
    pub wants: Wants,
    /// Delete what is not hearted any more.
    pub prune: bool,
    /// Where the request came from, for the activity log.
    pub address: Option<String>,
}

// A job that is over, or forgotten, runs no export: its worker was lost for the last time.
const SELECT_ONE: &str = "select e.*, u.username, e.state in ('pending', 'running') and not e.is_zip
        and not exists (select from job j where j.id = e.job_id and j.finished_at is null) as is_lost
    from export e join app_user u on u.id = e.user_id where e.id = $1";
const SELECT_OF_USER: &str = "select e.*, u.username, e.state in ('pending', 'running') and not e.is_zip
        and not exists (select from job j where j.id = e.job_id and j.finished_at is null) as is_lost
    from export e join app_user u on u.id = e.user_id
    where $1::bigint is null or e.user_id = $1 order by e.id desc limit $2";
const END_LOST: &str = "update export e set state = 'failed', finished_at = now(),
        error = coalesce((select j.error from job j where j.id = e.job_id), 'Its worker was lost.') || ' Resume it to go on.'
    where e.state in ('pending', 'running') and not e.is_zip and ($1::bigint is null or e.user_id = $1)
        and not exists (select from job j where j.id = e.job_id and j.finished_at is null)";
const INSERT: &str =
    "insert into export (user_id, requested_by, destination, format, include_artwork, include_playlist,
        include_lyrics, prune)
    values ($1, $2, $3, $4, $5, $6, $7, $8) returning id";
const HAS_JOB: &str = "update export set job_id = $2 where id = $1";
const AGAIN: &str = "update export set state = 'pending', error = null, finished_at = null, eta_seconds = null, problems = '{}',
        removed = '{}', exported_albums = 0, exported_bytes = 0
    where id = $1 and state in ('failed', 'cancelled')";
const JOB_UNDER_WAY: &str =
    "select job_id from export where id = $1 and state in ('pending', 'running') and job_id is not null";
const CANCEL: &str = "update export set state = 'cancelled', finished_at = now(), eta_seconds = null
    where id = $1 and state in ('pending', 'running') returning job_id";

impl From<&Row> for Export {
    fn from(row: &Row) -> Self {
        let is_lost: bool = row.get("is_lost");
        let state: String = row.get("state");
        let (total, done): (Option<i64>, i64) = (row.get("total_bytes"), row.get("exported_bytes"));
        let (id, is_zip): (i64, bool) = (row.get("id"), row.get("is_zip"));
        let lost = || "Its worker was lost. Resume it to go on.".to_owned();
        Self {
            id,
            user_id: row.get("user_id"),
            username: row.get("username"),
            destination: row.get("destination"),
            format: row.get("format"),
            include_artwork: row.get("include_artwork"),
            include_playlist: row.get("include_playlist"),
            include_lyrics: row.get("include_lyrics"),
            prune: row.get("prune"),
            progress: percent(&state, done, total),
            status: if is_lost { "failed".into() } else { state },
            total_albums: row.get("total_albums"),
            exported_albums: row.get("exported_albums"),
            total_size: total,
            exported_size: done,
            eta: row.get("eta_seconds"),
            error_message: row.get::<_, Option<String>>("error").or_else(|| is_lost.then(lost)),
            problems: row.get("problems"),
            removed: row.get("removed"),
            download_url: is_zip.then(|| format!("/api/exports/{id}/download")),
            created_at: row.get("created_at"),
            started_at: row.get("started_at"),
            completed_at: row.get("finished_at"),
        }
    }
}

fn percent(state: &str, done: i64, total: Option<i64>) -> i64 {
    match total {
        _ if state == "complete" => 100,
        Some(total) if total > 0 => (done.saturating_mul(100) / total).clamp(0, 99),
        _ => 0,
    }
}

impl Export {
    /// What of each album.
    pub fn wants(&self) -> Wants {
        Wants {
            format: Format::of(&self.format).unwrap_or(Format::Flac),
            artwork: self.include_artwork,
            playlist: self.include_playlist,
            lyrics: self.include_lyrics,
        }
    }

    /// Whether it is made while it is downloaded.
    pub fn is_zip(&self) -> bool {
        self.destination == ZIP
    }
}

/// One of them.
///
/// # Errors
/// `NotFound`
pub async fn find(client: &impl Sql, id: i64) -> Result<Export> {
    let row = client.maybe_row(SELECT_ONE, &[&id]).await?;
    row.as_ref().map(Export::from).ok_or(Error::NotFound("Export not found"))
}

/// A user's, or everyone's; the newest first.
pub async fn list(client: &impl Sql, user_id: Option<i64>, limit: i64) -> Result<Vec<Export>> {
    Ok(client.rows(SELECT_OF_USER, &[&user_id, &limit]).await?.iter().map(Export::from).collect())
}

/// Asks for an export; its id. A zip waits for its download, all others get a job.
///
/// # Errors
/// `Conflict` while another export of the same user is under way.
pub async fn create(tx: &impl Sql, new: &NewExport) -> Result<i64> {
    tx.run(END_LOST, &[&Some(new.user_id)]).await?;
    let wants = new.wants;
    let row = tx
        .row(
            INSERT,
            &[
                &new.user_id,
                &new.requested_by,
                &new.destination,
                &wants.format.name(),
                &wants.artwork,
                &wants.playlist,
                &wants.lyrics,
                &new.prune,
            ],
        )
        .await
        .map_err(one_at_a_time)?;
    let id: i64 = row.get(0);
    if new.destination != ZIP {
        send(tx, id).await?;
    }
    let details = json!({"export_id": id, "destination": new.destination, "format": wants.format.name()});
    let by = new.requested_by;
    activity::record(tx, by, "export", Some(("user", new.user_id)), Some(&details), new.address.as_deref())
        .await?;
    Ok(id)
}

/// Lets an export that failed or was cancelled go on: what is there and right stays.
///
/// # Errors
/// `NotFound`; `Invalid` when there is nothing to resume; `Conflict` while another one of the same user is under way.
pub async fn resume(tx: &impl Sql, id: i64) -> Result<()> {
    let export = find(tx, id).await?;
    tx.run(END_LOST, &[&Some(export.user_id)]).await?;
    if tx.run(AGAIN, &[&id]).await.map_err(one_at_a_time)? == 0 {
        return Err(Error::Invalid(format!("Cannot resume an export that is {}.", export.status)));
    }
    if export.is_zip() { Ok(()) } else { send(tx, id).await }
}

const ZIP_AGAIN: &str =
    "update export set state = 'pending', error = null, finished_at = null, started_at = null,
        problems = '{}', exported_albums = 0, exported_bytes = 0 where id = $1 and is_zip";

/// A zip is made anew by each download.
pub async fn restart_zip(tx: &impl Sql, id: i64) -> Result<()> {
    tx.run(ZIP_AGAIN, &[&id]).await.map(drop)
}

/// Ends an export; what is whole stays where it is.
///
/// # Errors
/// `NotFound`; `Invalid` when it has ended.
pub async fn cancel(tx: &impl Sql, id: i64) -> Result<()> {
    let export = find(tx, id).await?;
    // The job's row before the export's, as its worker takes them; the other way round each could wait for the other.
    if let Some(row) = tx.maybe_row(JOB_UNDER_WAY, &[&id]).await? {
        jobs::cancel(tx, row.get(0)).await?;
    }
    if tx.maybe_row(CANCEL, &[&id]).await?.is_none() {
        return Err(Error::Invalid(format!("Cannot cancel {} export", of_ended(&export.status))));
    }
    Ok(())
}

fn of_ended(status: &str) -> &str {
    if status == "complete" { "completed" } else { status }
}

async fn send(tx: &impl Sql, id: i64) -> Result<()> {
    let job_id = jobs::enqueue(tx, &RunExport { export_id: id }).await?;
    tx.run(HAS_JOB, &[&id, &job_id]).await?;
    Ok(())
}

fn one_at_a_time(error: Error) -> Error {
    if error.constraint() == Some("export_running") {
        return Error::Conflict("Another export of this user is under way: wait for it or cancel it.".into());
    }
    error
}

// -- how it goes on

const BEGIN: &str =
    "update export set state = 'running', started_at = coalesce(started_at, now()), total_albums = $2,
        total_bytes = $3, exported_albums = 0, exported_bytes = 0, error = null
    where id = $1 and state in ('pending', 'running')";
const PROGRESS: &str = "update export set exported_albums = $2, exported_bytes = $3, eta_seconds = $4
    where id = $1 and state = 'running'";
const COMPLETE: &str =
    "update export set state = 'complete', finished_at = now(), eta_seconds = null, exported_albums = $2,
        exported_bytes = $3, total_bytes = $3, problems = $4, removed = $5, error = $6
    where id = $1 and state in ('pending', 'running')";
const FAIL: &str = "update export set state = 'failed', finished_at = now(), eta_seconds = null, error = $2
    where id = $1 and state in ('pending', 'running')";

/// How far it is.
#[derive(Debug, Clone, Default)]
pub struct Progress {
    /// Albums that are done.
    pub albums: i32,
    /// Bytes that are there.
    pub bytes: i64,
    /// Bytes that will be there.
    pub total: i64,
    /// Bytes a second.
    pub speed: i64,
    /// Seconds that it may still take.
    pub eta: Option<i64>,
    /// What is being written.
    pub album: String,
}

/// How it ended.
#[derive(Debug, Clone, Default)]
pub struct Ending {
    /// How many albums it holds.
    pub albums: i32,
    /// How many bytes.
    pub bytes: i64,
    /// What could not be exported, and why.
    pub problems: Vec<String>,
    /// Files that are not hearted any more.
    pub removed: Vec<String>,
}

impl Export {
    /// It begins, or goes on; `false` when somebody has ended it.
    pub async fn begin(&self, client: &impl Sql, albums: usize, bytes: Option<u64>) -> Result<bool> {
        let albums = i32::try_from(albums).unwrap_or(i32::MAX);
        let bytes = bytes.map(|b| i64::try_from(b).unwrap_or(i64::MAX));
        Ok(client.run(BEGIN, &[&self.id, &albums, &bytes]).await? > 0)
    }

    /// How far it is, for whoever looks, and live; `false` when somebody has ended it.
    pub async fn tell(&self, tx: &impl Sql, progress: &Progress) -> Result<bool> {
        let Progress { albums, bytes, total, speed, eta, album } = progress;
        if tx.run(PROGRESS, &[&self.id, albums, bytes, eta]).await? == 0 {
            return Ok(false);
        }
        let told = json!({
            "export_id": self.id, "user_id": self.user_id, "progress": percent("running", *bytes, Some(*total)),
            "current_album": album, "exported_albums": albums, "exported_size": bytes, "total_size": total,
            "speed": speed, "eta": eta,
        });
        events::publish(tx, "export:progress", Audience::User(self.user_id), &told).await?;
        Ok(true)
    }

    /// It is whole; what to answer whoever waits for the job.
    pub async fn complete(&self, tx: &impl Sql, ending: &Ending) -> Result<Value> {
        let Ending { albums, bytes, problems, removed } = ending;
        let error = (!problems.is_empty()).then(|| match problems.len() {
            1 => problems[0].clone(),
            n => format!("{n} files could not be exported as they should be; see problems."),
        });
        tx.run(COMPLETE, &[&self.id, albums, bytes, problems, removed, &error]).await?;
        let told = json!({
            "export_id": self.id, "user_id": self.user_id, "path": self.destination, "album_count": albums,
            "total_size": bytes, "problems": problems.len(), "status": "complete",
        });
        events::publish(tx, "export:complete", Audience::User(self.user_id), &told).await?;
        Ok(json!({
            "export_id": self.id, "destination": self.destination, "albums": albums, "bytes": bytes,
            "problems": problems, "removed": removed,
        }))
    }

    /// It cannot go on by itself; the sentence says what to do.
    pub async fn fail(&self, tx: &impl Sql, reason: &str) -> Result<()> {
        if tx.run(FAIL, &[&self.id, &reason]).await? > 0 {
            let told = json!({
                "export_id": self.id, "user_id": self.user_id, "path": self.destination, "status": "failed",
                "error": reason,
            });
            events::publish(tx, "export:complete", Audience::User(self.user_id), &told).await?;
        }
        Ok(())
    }
}
