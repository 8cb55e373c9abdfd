//! The row of a download: what was asked for, how far it is, how it ended.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tokio_postgres::Row;
use utoipa::ToSchema;

use super::fetch::FetchDownload;
use super::filling::Filling;
use super::place::Place;
use crate::activity;
use crate::app::App;
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::events::{self, Audience};
use crate::jobs;

/// As clients see it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Download {
    /// The row.
    pub id: i64,
    /// Who asked.
    pub user_id: i64,
    /// `qobuz`, `lidarr`, `youtube`, `soundcloud`, `bandcamp`, `url`.
    pub source: String,
    /// Its page.
    pub source_url: Option<String>,
    /// What was searched for.
    pub search_query: Option<String>,
    /// `artist`, `album`, `track`, `playlist`.
    pub search_type: Option<String>,
    /// `pending`, `downloading`, `importing`, `complete`, `duplicate`, `failed`, `cancelled`, `pending_review`.
    pub status: String,
    /// Percent.
    pub progress: i32,
    /// `2.5 MiB/s`
    pub speed: Option<String>,
    /// `01:30`
    pub eta: Option<String>,
    /// Why it failed, or why the last attempt did.
    pub error_message: Option<String>,
    /// The last lines that its program wrote, when it failed.
    pub output: Option<String>,
    /// The album that it became, or that was there already.
    pub result_album_id: Option<i64>,
    /// The import that waits for a person.
    pub result_review_id: Option<i64>,
    /// Its job, as clients of the first version read it.
    pub celery_task_id: Option<String>,
    /// Its job.
    pub job_id: Option<i64>,
    /// Whose music it is, once that is known.
    pub artist: Option<String>,
    /// What it is, once that is known.
    pub title: Option<String>,
    /// Bytes, once it is here.
    pub size: Option<i64>,
    /// The album whose gaps it fills.
    pub fills_album_id: Option<i64>,
    /// 0 to 4.
    pub quality: i32,
    /// Music that has lost something is welcome, too.
    pub confirm_lossy: bool,
    /// What it is at its source.
    #[serde(skip)]
    pub reference: String,
    /// The place that it takes in that album, when it is a single track.
    #[serde(skip)]
    pub filling: Option<Filling>,
    /// When it began.
    pub started_at: Option<Timestamp>,
    /// When it ended.
    pub completed_at: Option<Timestamp>,
    /// When it was asked for.
    pub created_at: Timestamp,
}

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct NewDownload {
    /// Who asks.
    pub user_id: i64,
    /// `qobuz`, `youtube`, …
    pub source: &'static str,
    /// Its page.
    pub url: Option<String>,
    /// What it is at its source, however the address was written.
    pub reference: String,
    /// What was searched for.
    pub search_query: Option<String>,
    /// `artist`, `album`, `track`, `playlist`.
    pub search_type: Option<String>,
    /// 0 to 4.
    pub quality: i32,
    /// Music that has lost something is welcome, too.
    pub confirm_lossy: bool,
    /// The album whose gaps it is to fill: fetched although that is here.
    pub fills_album_id: Option<i64>,
    /// The place that it takes there, when it is a single track.
    pub filling: Option<Filling>,
    /// What it is, where that is known already.
    pub title: Option<String>,
    /// Whose it is, where that is known already.
    pub artist: Option<String>,
    /// Where the request came from, for the activity log.
    pub address: Option<String>,
}

const FIND: &str = "select d.* from download d where d.id = $1";
const LIST: &str = "select d.* from download d where d.user_id = $1 and ($2::text is null or d.state = $2)
    order by d.id desc limit $3";
const QUEUE: &str = "select d.* from download d where d.user_id = $1
        and d.state in ('pending', 'downloading', 'importing', 'pending_review', 'failed') order by d.id";
const UNDER_WAY: &str =
    "select count(*) from download where user_id = $1 and state in ('pending', 'downloading', 'importing')";
const FETCHED: &str = "select coalesce(sum(size_bytes), 0)::bigint from download
    where user_id = $1 and created_at > now() - interval '30 days'";
// All of it is here, and nothing of it was lost.
const IN_LIBRARY: &str = "select t.album_id from provenance p join track t on t.id = p.track_id join album a on a.id = t.album_id
    where p.reference = $1 and t.missing_since is null and a.available_tracks >= a.total_tracks order by p.id desc limit 1";
const ACTIVE: &str = "select d.id, u.username from download d join app_user u on u.id = d.user_id
    where d.reference = $1 and d.state in ('pending', 'downloading', 'importing')";
const INSERT: &str = "insert into download (user_id, source, source_url, reference, search_query, search_type, quality,
        confirm_lossy, fills_album_id, title, artist, filling, state, result_album_id, finished_at, progress)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $13, case when $12::bigint is null then 'pending' else 'duplicate' end,
        $12, case when $12::bigint is not null then now() end, case when $12::bigint is null then 0 else 100 end)
    returning id";
const HAS_JOB: &str = "update download set job_id = $2, path = $3 where id = $1";
const JOB_OF: &str = "select job_id from download where id = $1 and state in ('pending', 'downloading')";
const CANCEL: &str = "update download set state = 'cancelled', finished_at = now(), speed = null, eta = null
    where id = $1 and state in ('pending', 'downloading')";
const AGAIN: &str = "update download set state = 'pending', error = null, output = null, progress = 0, speed = null, eta = null,
        started_at = null, finished_at = null, confirm_lossy = confirm_lossy or $2, quality = $3
    where id = $1 and state = 'failed'";
const DELETE: &str = "delete from download where id = $1 and state in ('complete', 'duplicate', 'failed', 'cancelled', 'pending_review')";

impl From<&Row> for Download {
    fn from(row: &Row) -> Self {
        let job_id: Option<i64> = row.get("job_id");
        Self {
            id: row.get("id"),
            user_id: row.get("user_id"),
            source: row.get("source"),
            source_url: row.get("source_url"),
            search_query: row.get("search_query"),
            search_type: row.get("search_type"),
            status: row.get("state"),
            progress: row.get("progress"),
            speed: row.get("speed"),
            eta: row.get("eta"),
            error_message: row.get("error"),
            output: row.get("output"),
            result_album_id: row.get("result_album_id"),
            result_review_id: row.get("result_review_id"),
            celery_task_id: job_id.map(|id| id.to_string()),
            job_id,
            artist: row.get("artist"),
            title: row.get("title"),
            size: row.get("size_bytes"),
            fills_album_id: row.get("fills_album_id"),
            quality: row.get("quality"),
            confirm_lossy: row.get("confirm_lossy"),
            reference: row.get("reference"),
            filling: row
                .get::<_, Option<Value>>("filling")
                .and_then(|place| serde_json::from_value(place).ok()),
            started_at: row.get("started_at"),
            completed_at: row.get("finished_at"),
            created_at: row.get("created_at"),
        }
    }
}

/// One of them.
///
/// # Errors
/// `NotFound`
pub async fn find(client: &impl Sql, id: i64) -> Result<Download> {
    let row = client.maybe_row(FIND, &[&id]).await?;
    row.as_ref().map(Download::from).ok_or(Error::NotFound("Download not found"))
}

/// A user's, the newest first; of one state, when it is given.
pub async fn list(client: &impl Sql, user_id: i64, state: Option<&str>, limit: i64) -> Result<Vec<Download>> {
    Ok(client.rows(LIST, &[&user_id, &state, &limit]).await?.iter().map(Download::from).collect())
}

/// What of a user's is on its way or waits for them, the oldest first.
pub async fn queue(client: &impl Sql, user_id: i64) -> Result<Vec<Download>> {
    Ok(client.rows(QUEUE, &[&user_id]).await?.iter().map(Download::from).collect())
}

/// Asks for a download, in the caller's transaction. What the library has already is not fetched: its row says `duplicate`.
///
/// # Errors
/// `Conflict` when the same is on its way; `TooMany` when the user's queue or quota is full.
pub async fn create(app: &App, tx: &impl Sql, new: &NewDownload) -> Result<Download> {
    within_limits(app, tx, new.user_id).await?;
    let there = match new.fills_album_id {
        None => tx.maybe_row(IN_LIBRARY, &[&new.reference]).await?.map(|row| row.get::<_, i64>(0)),
        Some(_) => None,
    };
    if let Some(row) = tx.maybe_row(ACTIVE, &[&new.reference]).await? {
        return Err(under_way(row.get(0), row.get(1)));
    }
    let inserted = tx
        .row(
            INSERT,
            &[
                &new.user_id,
                &new.source,
                &new.url,
                &new.reference,
                &new.search_query,
                &new.search_type,
                &new.quality,
                &new.confirm_lossy,
                &new.fills_album_id,
                &new.title,
                &new.artist,
                &there,
                &new.filling.as_ref().and_then(|place| serde_json::to_value(place).ok()),
            ],
        )
        .await;
    let id: i64 = match inserted {
        Ok(row) => row.get(0),
        // Another request was quicker by an instant.
        Err(error) if error.constraint() == Some("download_active") => {
            return Err(Error::Conflict("The same download was asked for just now.".into()));
        }
        Err(error) => return Err(error),
    };
    if there.is_none() {
        send(tx, new.source, id).await?;
    }
    let details =
        json!({"download_id": id, "source": new.source, "url": new.url, "search_query": new.search_query});
    let (by, from) = (Some(new.user_id), new.address.as_deref());
    activity::record(tx, by, "download_started", None, Some(&details), from).await?;
    let download = find(tx, id).await?;
    tell_queued(tx, &download).await?;
    Ok(download)
}

fn under_way(id: i64, username: &str) -> Error {
    Error::Conflict(format!("This is being fetched already: download {id}, asked for by {username}."))
}

async fn within_limits(app: &App, tx: &impl Sql, user_id: i64) -> Result<()> {
    let of = &app.settings.downloads;
    let waiting: i64 = tx.row(UNDER_WAY, &[&user_id]).await?.get(0);
    if waiting >= i64::from(of.queue_per_user) {
        let message =
            format!("{waiting} downloads of yours are on their way: wait for some of them, or cancel them.");
        return Err(Error::TooMany { message, retry_after_seconds: 60 });
    }
    let fetched: i64 = tx.row(FETCHED, &[&user_id]).await?.get(0);
    if of.quota_gib > 0 && fetched >= i64::from(of.quota_gib) << 30 {
        let message = format!(
            "You have fetched {} GiB within 30 days, which is all that one person may.",
            fetched >> 30
        );
        return Err(Error::TooMany { message, retry_after_seconds: 24 * 3600 });
    }
    Ok(())
}

async fn send(tx: &impl Sql, source: &str, id: i64) -> Result<()> {
    let job_id = jobs::enqueue(tx, &FetchDownload { id }).await?;
    tx.run(HAS_JOB, &[&id, &job_id, &Place::path(source, id)]).await.map(drop)
}

async fn tell_queued(tx: &impl Sql, download: &Download) -> Result<()> {
    let told = json!({"download_id": download.id, "source": download.source, "source_url": download.source_url,
        "search_query": download.search_query, "status": download.status});
    events::publish(tx, "download:queued", Audience::User(download.user_id), &told).await.map(drop)
}

/// Ends a download that waits or runs. Its job clears up what its program has left.
///
/// # Errors
/// `NotFound`; `Invalid` at any other stage.
pub async fn cancel(tx: &impl Sql, id: i64) -> Result<()> {
    // The job's row before the download's, as its worker takes them; the other way round each could wait for the other.
    if let Some(job_id) = tx.maybe_row(JOB_OF, &[&id]).await?.and_then(|row| row.get::<_, Option<i64>>(0)) {
        jobs::call_off(tx, job_id).await?;
        // One that runs may end without having heard of it: another comes after it, and clears up what is left.
        jobs::enqueue(tx, &FetchDownload { id }).await?;
    }
    if tx.run(CANCEL, &[&id]).await? == 0 {
        let status = find(tx, id).await?.status;
        return Err(Error::Invalid(format!("Cannot cancel download with status: {status}")));
    }
    Ok(())
}

/// Tries one again that has failed.
///
/// # Errors
/// `NotFound`; `Invalid` at any other stage; `Conflict` when the same is on its way.
pub async fn retry(tx: &impl Sql, id: i64, confirm_lossy: bool, quality: i32) -> Result<Download> {
    let download = find(tx, id).await?;
    match tx.run(AGAIN, &[&id, &confirm_lossy, &quality]).await {
        Ok(0) => {
            return Err(Error::Invalid(format!("Cannot retry download with status: {}", download.status)));
        }
        Ok(_) => {}
        Err(error) if error.constraint() == Some("download_active") => {
            return Err(Error::Conflict("The same is being fetched already, by another download.".into()));
        }
        Err(error) => return Err(error),
    }
    send(tx, &download.source, id).await?;
    let download = find(tx, id).await?;
    tell_queued(tx, &download).await?;
    Ok(download)
}

/// Forgets one that has ended; what it brought stays.
///
/// # Errors
/// `Invalid` while it is on its way.
pub async fn forget(tx: &impl Sql, id: i64) -> Result<()> {
    match tx.run(DELETE, &[&id]).await? {
        0 => Err(Error::Invalid("Cannot delete active download. Cancel first.".into())),
        _ => Ok(()),
    }
}
