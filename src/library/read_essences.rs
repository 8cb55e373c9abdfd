//! Reads the files whose checksum is not known yet (an adopted library), at the speed of the disk and no faster than
//! leaves room for others: two at once, in the order of the rows, which is about that of the folders; what was read is
//! written while the next files are read.

use std::path::Path;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_postgres::Row;
use tokio_util::task::AbortOnDropHandle;

use super::mount::ensure_music_is_there;
use crate::app::App;
use crate::audio::{self, Digest, Unreadable};
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::files;
use crate::jobs::{Context, Job, Outcome, Queue};
use crate::parallel;

/// Rows that are fetched at once, and bytes of their files: between two of these it is asked whether the disk is there.
const PAGE: i64 = 2048;
const PAGE_BYTES: i64 = 4 << 30;
/// Written in one statement, at the latest after so long: of small files enough that writing does not count.
const BATCH: usize = 512;
const WRITE_AFTER: Duration = Duration::from_secs(5);
const AT_ONCE: usize = 2;
const MOUNT_PAUSE: Duration = Duration::from_secs(300);

/// Fills in checksum and essence of the tracks that have none.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ReadEssences {}

/// A file to be read.
#[derive(Debug)]
struct Unread {
    id: i64,
    path: String,
    size_bytes: i64,
}

const TOTAL: &str = "select count(*) from track where checksum is null";
const NEXT: &str =
    "select id, path, size_bytes from track where checksum is null and id > $1 order by id limit $2";
// The triggers on track need not compare the rows (migration 0008): nothing hangs on what is filled in here.
const SAY_SO: &str = "select set_config('barbossa.fills_in_essences', 'on', true)";
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
        let mut sum = Sum { total, ..Sum::default() };
        let mut desk = Desk::new(app);
        let mut behind = 0;
        loop {
            if let Err(error) = ensure_music_is_there(app).await {
                desk.finish().await?;
                return if matches!(error, Error::Unavailable(_)) {
                    Ok(Outcome::Snooze(MOUNT_PAUSE))
                } else {
                    Err(error)
                };
            }
            let page = page(app, behind).await?;
            let Some(last) = page.last() else { break };
            behind = last.id;
            let music = app.music().to_owned();
            let mut readings = parallel::stream(page, AT_ONCE, context.stop.clone(), move |file: Unread| {
                let read = file.read(&music);
                (file, read)
            });
            while let Some((file, read)) = readings.recv().await {
                if let Some(digest) = sum.note(&file, read) {
                    desk.take(file, digest).await?;
                }
                context.progress.send_replace(Some(json!(sum)));
            }
            if context.stop.is_cancelled() {
                desk.finish().await?;
                return Ok(Outcome::Snooze(Duration::ZERO));
            }
        }
        desk.finish().await?;
        let (read, unreadable) = (sum.read, sum.unreadable);
        tracing::info!(read, unreadable, "checksums of the library's files are known");
        Ok(Outcome::Done(json!({ "read": read, "unreadable": unreadable })))
    }
}

/// How far it is.
#[derive(Debug, Default, Serialize)]
struct Sum {
    read: usize,
    unreadable: usize,
    total: i64,
}

impl Sum {
    fn note(&mut self, file: &Unread, read: Result<Digest, Unreadable>) -> Option<Digest> {
        match read {
            Ok(digest) => {
                self.read += 1;
                Some(digest)
            }
            Err(error) => {
                self.unreadable += 1;
                let path = file.path.as_str();
                tracing::warn!(track_id = file.id, path, error = %error, "a file of the library cannot be read");
                None
            }
        }
    }
}

/// The next rows, as many as a page has room for.
async fn page(app: &App, behind: i64) -> Result<Vec<Unread>> {
    let rows = app.db.get().await?.rows(NEXT, &[&behind, &PAGE]).await?;
    let mut room = PAGE_BYTES;
    let files = rows.iter().map(Unread::from).take_while(|file| {
        let has_room = room > 0;
        room -= file.size_bytes;
        has_room
    });
    Ok(files.collect())
}

impl Unread {
    fn read(&self, music: &Path) -> Result<Digest, Unreadable> {
        match files::beneath(music, &self.path) {
            Some(path) => audio::checksum_and_essence(&path),
            None => Err(Unreadable::Io(std::io::ErrorKind::InvalidInput.into())),
        }
    }
}

/// What was read gathers here, and is written while more is being read.
struct Desk {
    app: App,
    read: Vec<(Unread, Digest)>,
    written_at: Instant,
    writing: Option<AbortOnDropHandle<Result<()>>>,
}

impl Desk {
    fn new(app: &App) -> Self {
        Self { app: app.clone(), read: Vec::with_capacity(BATCH), written_at: Instant::now(), writing: None }
    }

    async fn take(&mut self, file: Unread, digest: Digest) -> Result<()> {
        self.read.push((file, digest));
        if self.read.len() >= BATCH || self.written_at.elapsed() >= WRITE_AFTER {
            self.write().await?;
        }
        Ok(())
    }

    /// Begins to write, once the batch before is written.
    async fn write(&mut self) -> Result<()> {
        self.wait().await?;
        let (app, read) = (self.app.clone(), std::mem::take(&mut self.read));
        self.writing = Some(AbortOnDropHandle::new(tokio::spawn(async move { fill_in(&app, read).await })));
        self.written_at = Instant::now();
        Ok(())
    }

    async fn wait(&mut self) -> Result<()> {
        match self.writing.take() {
            Some(writing) => writing.await.map_err(anyhow::Error::from)?,
            None => Ok(()),
        }
    }

    async fn finish(&mut self) -> Result<()> {
        self.write().await?;
        self.wait().await
    }
}

async fn fill_in(app: &App, mut digests: Vec<(Unread, Digest)>) -> Result<()> {
    if digests.is_empty() {
        return Ok(());
    }
    // Many statements lock rows in this order.
    digests.sort_unstable_by_key(|(file, _)| file.id);
    let ids: Vec<i64> = digests.iter().map(|(file, _)| file.id).collect();
    let paths: Vec<&str> = digests.iter().map(|(file, _)| file.path.as_str()).collect();
    let sizes: Vec<i64> = digests.iter().map(|(file, _)| file.size_bytes).collect();
    let checksums: Vec<&[u8]> = digests.iter().map(|(_, d)| d.checksum.as_slice()).collect();
    let essences: Vec<&str> = digests.iter().map(|(_, d)| d.essence.as_str()).collect();
    let mut client = app.db.get().await?;
    let tx = client.transaction().await?;
    tx.row(SAY_SO, &[]).await?;
    tx.run(FILL_IN, &[&ids, &paths, &sizes, &checksums, &essences]).await?;
    Ok(tx.commit().await?)
}
