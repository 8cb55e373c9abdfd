//! Reads the files whose checksum is not known yet (an adopted library), at the speed of the disk and no faster than
//! leaves room for others: two at once, in the order of the rows, which is about that of the folders.

use std::time::Duration;

use futures_util::stream::{self, StreamExt};
use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_postgres::Row;

use super::mount::ensure_music_is_there;
use crate::app::App;
use crate::audio::{self, Digest, Unreadable};
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::files;
use crate::jobs::{Context, Job, Outcome, Queue};

/// Rows that are fetched and written at once: some seconds of reading, and of small files enough that writing does not
/// count.
const BATCH: i64 = 128;
const AT_ONCE: usize = 2;
const MOUNT_PAUSE: Duration = Duration::from_secs(300);

/// Fills in checksum and essence of the tracks that have none.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ReadEssences {}

/// A file to be read.
#[derive(Debug, Clone)]
struct Unread {
    id: i64,
    path: String,
    size_bytes: i64,
}

const TOTAL: &str = "select count(*) from track where checksum is null";
const NEXT: &str =
    "select id, path, size_bytes from track where checksum is null and id > $1 order by id limit $2";
// A row that was written anew meanwhile belongs to another file: it is read in the next pass.
const FILL_IN: &str = "update track t set checksum = n.checksum, essence = n.essence
    from unnest($1::bigint[], $2::text[], $3::bigint[], $4::bytea[], $5::text[]) n (id, path, size_bytes, checksum, essence)
    where t.id = n.id and t.path = n.path and t.size_bytes = n.size_bytes and t.checksum is null";

impl From<&Row> for Unread {
    fn from(row: &Row) -> Self {
        Self { id: row.get(0), path: row.get(1), size_bytes: row.get(2) }
    }
}

impl Job for ReadEssences {
    const KIND: &'static str = "library.read_essences";
    const QUEUE: Queue = Queue::Maintenance;
    const PRIORITY: i16 = 10;

    fn unique_key(&self) -> Option<String> {
        Some("all".into())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        let app = &context.app;
        let total: i64 = app.db.get().await?.row(TOTAL, &[]).await?.get(0);
        let mut behind: i64 = 0;
        let (mut read, mut unreadable) = (0, 0);
        loop {
            if let Err(error) = ensure_music_is_there(app).await {
                return if matches!(error, Error::Unavailable(_)) {
                    Ok(Outcome::Snooze(MOUNT_PAUSE))
                } else {
                    Err(error)
                };
            }
            let rows = app.db.get().await?.rows(NEXT, &[&behind, &BATCH]).await?;
            let Some(last) = rows.last() else { break };
            behind = last.get(0);
            let files: Vec<Unread> = rows.iter().map(Unread::from).collect();
            let digests = read_all(app, &files, context).await?;
            fill_in(app, &digests).await?;
            if context.stop.is_cancelled() {
                return Ok(Outcome::Snooze(Duration::ZERO));
            }
            unreadable += files.len() - digests.len();
            read += digests.len();
            context
                .progress
                .send_replace(Some(json!({ "read": read, "unreadable": unreadable, "total": total })));
        }
        tracing::info!(read, unreadable, "checksums of the library's files are known");
        Ok(Outcome::Done(json!({ "read": read, "unreadable": unreadable })))
    }
}

/// Reads these files, two at once; those that could be read.
async fn read_all(app: &App, files: &[Unread], context: &Context) -> Result<Vec<(Unread, Digest)>> {
    let mut readings = stream::iter(files.to_vec())
        .take_while(|_| std::future::ready(!context.stop.is_cancelled()))
        .map(|file| {
            let music = app.music().to_owned();
            tokio::task::spawn_blocking(move || {
                let read = match files::beneath(&music, &file.path) {
                    Some(path) => audio::checksum_and_essence(&path),
                    None => Err(Unreadable::Io(std::io::ErrorKind::InvalidInput.into())),
                };
                (file, read)
            })
        })
        .buffer_unordered(AT_ONCE);
    let mut digests = Vec::with_capacity(files.len());
    while let Some(reading) = readings.next().await {
        match reading.map_err(anyhow::Error::from)? {
            (file, Ok(digest)) => digests.push((file, digest)),
            (file, Err(error)) => {
                let path = file.path.as_str();
                tracing::warn!(track_id = file.id, path, error = %error, "a file of the library cannot be read");
            }
        }
    }
    // Many statements lock rows in this order.
    digests.sort_unstable_by_key(|(file, _)| file.id);
    Ok(digests)
}

async fn fill_in(app: &App, digests: &[(Unread, Digest)]) -> Result<()> {
    if digests.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = digests.iter().map(|(file, _)| file.id).collect();
    let paths: Vec<&str> = digests.iter().map(|(file, _)| file.path.as_str()).collect();
    let sizes: Vec<i64> = digests.iter().map(|(file, _)| file.size_bytes).collect();
    let checksums: Vec<&[u8]> = digests.iter().map(|(_, d)| d.checksum.as_slice()).collect();
    let essences: Vec<&str> = digests.iter().map(|(_, d)| d.essence.as_str()).collect();
    let mut client = app.db.get().await?;
    let tx = client.transaction().await?;
    tx.run(FILL_IN, &[&ids, &paths, &sizes, &checksums, &essences]).await?;
    Ok(tx.commit().await?)
}
