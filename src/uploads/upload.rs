//! The rows: an upload, and the files of it.

use jiff::Timestamp;
use serde::Serialize;
use tokio_postgres::Row;
use utoipa::ToSchema;

use super::take::Take;
use crate::db::{Sql, Transaction};
use crate::error::{Error, Result};
use crate::jobs;

/// Files that come together.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Upload {
    /// The row.
    pub id: i64,
    /// The folder that it will be in the inbox.
    pub name: String,
    /// `open` (more is to come), `taking` (the worker puts it into the inbox), `done` or `failed`.
    pub state: String,
    /// Of all its files.
    pub total_bytes: i64,
    /// So many of them are here.
    pub received_bytes: i64,
    /// The folder in the inbox, relative to the music folder, once it is there.
    pub folder: Option<String>,
    /// Why it failed, as a sentence.
    pub problem: Option<String>,
    /// The job that takes it.
    pub job_id: Option<i64>,
    /// When it began.
    pub created_at: Timestamp,
    /// Its files, while more is to come.
    pub files: Vec<UploadFile>,
}

/// One file of it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct UploadFile {
    /// The row; it is sent to `/api/import/upload/{id}`.
    pub id: i64,
    /// Where it belongs in the upload.
    pub path: String,
    /// How large it is.
    pub size: i64,
    /// How much of it is here: the next piece begins there.
    pub offset: i64,
}

/// A file that is asked for by its own address.
#[derive(Debug, Clone)]
pub struct OneFile {
    pub upload_id: i64,
    pub path: String,
    pub size_bytes: i64,
    pub received_bytes: i64,
    pub is_open: bool,
}

/// What is to come.
#[derive(Debug)]
pub struct NewUpload {
    pub name: String,
    /// Path and size of each.
    pub files: Vec<(String, i64)>,
}

const CREATE: &str = "insert into upload (user_id, name, total_bytes) values ($1, $2, $3) returning id";
const ADD_FILES: &str = "insert into upload_file (upload_id, path, size_bytes)
    select $1, f.path, f.size_bytes from unnest($2::text[], $3::bigint[]) f (path, size_bytes)";
// Two who begin at once are counted one after the other.
const LOCK_USER: &str = "select id from app_user where id = $1 for update";
const ON_THEIR_WAY: &str = "select coalesce(sum(total_bytes), 0)::bigint from upload where user_id = $1 and state in ('open', 'taking')";

/// Begins one, when the user may send so much.
pub async fn create(tx: &Transaction<'_>, user_id: i64, new: &NewUpload, quota_bytes: i64) -> Result<i64> {
    tx.row(LOCK_USER, &[&user_id]).await?;
    let on_their_way: i64 = tx.row(ON_THEIR_WAY, &[&user_id]).await?.get(0);
    let total_bytes: i64 = new.files.iter().map(|(_, size)| size).sum();
    if on_their_way + total_bytes > quota_bytes {
        let (wanted, left) = (in_gib(total_bytes), in_gib((quota_bytes - on_their_way).max(0)));
        return Err(Error::Conflict(format!(
            "These files are {wanted} GiB, and you may send {left} GiB more at the moment (uploads.quota_gib)."
        )));
    }
    let id: i64 = tx.row(CREATE, &[&user_id, &new.name, &total_bytes]).await?.get(0);
    let paths: Vec<&str> = new.files.iter().map(|(path, _)| path.as_str()).collect();
    let sizes: Vec<i64> = new.files.iter().map(|(_, size)| *size).collect();
    tx.run(ADD_FILES, &[&id, &paths, &sizes]).await?;
    Ok(id)
}

pub fn in_gib(bytes: i64) -> f64 {
    (bytes as f64 / f64::from(1 << 30) * 100.0).round() / 100.0
}

const LIST: &str = "select u.id, u.name, u.state, u.total_bytes, u.folder, u.problem, u.job_id, u.created_at,
        coalesce((select sum(f.received_bytes) from upload_file f where f.upload_id = u.id), u.total_bytes)::bigint
    from upload u where u.user_id = $1 and ($2::bigint is null or u.id = $2) order by u.id desc limit 50";
const FILES: &str = "select upload_id, id, path, size_bytes, received_bytes from upload_file
    where upload_id = any($1) order by upload_id, id";

/// A user's latest, or one of them.
pub async fn uploads(client: &impl Sql, user_id: i64, only: Option<i64>) -> Result<Vec<Upload>> {
    let rows = client.rows(LIST, &[&user_id, &only]).await?;
    let mut uploads: Vec<Upload> = rows.iter().map(Upload::from).collect();
    let open: Vec<i64> = uploads.iter().filter(|u| u.state == "open").map(|u| u.id).collect();
    for row in client.rows(FILES, &[&open]).await? {
        let file = UploadFile { id: row.get(1), path: row.get(2), size: row.get(3), offset: row.get(4) };
        if let Some(upload) = uploads.iter_mut().find(|u| u.id == row.get::<_, i64>(0)) {
            upload.files.push(file);
        }
    }
    Ok(uploads)
}

/// One of a user's own, or `Upload not found`.
pub async fn find(client: &impl Sql, user_id: i64, id: i64) -> Result<Upload> {
    uploads(client, user_id, Some(id)).await?.pop().ok_or(Error::NotFound("Upload not found"))
}

impl From<&Row> for Upload {
    fn from(row: &Row) -> Self {
        Self {
            id: row.get(0),
            name: row.get(1),
            state: row.get(2),
            total_bytes: row.get(3),
            folder: row.get(4),
            problem: row.get(5),
            job_id: row.get(6),
            created_at: row.get(7),
            received_bytes: row.get(8),
            files: Vec::new(),
        }
    }
}

const FIND_FILE: &str = "select f.upload_id, f.path, f.size_bytes, f.received_bytes, u.state = 'open'
    from upload_file f join upload u on u.id = f.upload_id where f.id = $1 and u.user_id = $2";

/// One file of a user's own uploads, or `Upload not found`.
pub async fn find_file(client: &impl Sql, user_id: i64, file_id: i64) -> Result<OneFile> {
    let row = client.maybe_row(FIND_FILE, &[&file_id, &user_id]).await?;
    let row = row.ok_or(Error::NotFound("Upload not found"))?;
    Ok(OneFile {
        upload_id: row.get(0),
        path: row.get(1),
        size_bytes: row.get(2),
        received_bytes: row.get(3),
        is_open: row.get(4),
    })
}

const RECEIVED: &str = "with touched as (update upload u set touched_at = now() from upload_file f where f.id = $1 and u.id = f.upload_id)
    update upload_file set received_bytes = $2 where id = $1";

/// So much of it is here.
pub async fn received(client: &impl Sql, file_id: i64, bytes: i64) -> Result<()> {
    client.run(RECEIVED, &[&file_id, &bytes]).await?;
    Ok(())
}

const LOCK: &str = "select id from upload where id = $1 and state = 'open' for update";
const IS_WHOLE: &str = "select count(*) filter (where received_bytes < size_bytes) = 0 and count(*) > 0 from upload_file where upload_id = $1";
const HAND_OVER: &str = "update upload set state = 'taking', job_id = $2, touched_at = now() where id = $1";

/// Hands it to the worker when all of it is here; whether it did.
pub async fn hand_over(tx: &Transaction<'_>, id: i64) -> Result<bool> {
    if tx.maybe_row(LOCK, &[&id]).await?.is_none() || !tx.row(IS_WHOLE, &[&id]).await?.get::<_, bool>(0) {
        return Ok(false);
    }
    let job_id = jobs::enqueue(tx, &Take { upload_id: id }).await?;
    tx.run(HAND_OVER, &[&id, &job_id]).await?;
    Ok(true)
}

const FORGET_FILE: &str = "delete from upload_file where id = $1";
const COUNT_AGAIN: &str = "update upload set total_bytes = coalesce((select sum(size_bytes) from upload_file where upload_id = $1), 0)
    where id = $1";
const FORGET: &str = "delete from upload where id = $1";
const FORGET_OPEN: &str = "delete from upload where id = $1 and user_id = $2 and state <> 'taking'";

/// Leaves one file out; the upload goes with its last one.
pub async fn forget_file(tx: &Transaction<'_>, upload_id: i64, file_id: i64) -> Result<()> {
    tx.maybe_row(LOCK, &[&upload_id]).await?;
    tx.run(FORGET_FILE, &[&file_id]).await?;
    tx.run(COUNT_AGAIN, &[&upload_id]).await?;
    let left: i64 =
        tx.row("select count(*) from upload_file where upload_id = $1", &[&upload_id]).await?.get(0);
    if left == 0 {
        tx.run(FORGET, &[&upload_id]).await?;
        return Ok(());
    }
    hand_over(tx, upload_id).await?;
    Ok(())
}

/// Forgets one that nobody takes at the moment; whether it did.
pub async fn forget(client: &impl Sql, id: i64, user_id: i64) -> Result<bool> {
    Ok(client.run(FORGET_OPEN, &[&id, &user_id]).await? > 0)
}
