//! A piece of a file as it arrives: written where the last one ended, made durable, and only then counted.

use std::collections::HashSet;
use std::io::SeekFrom;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use futures_util::StreamExt;
use tokio::fs::{File, OpenOptions};
use tokio::io::{AsyncReadExt, AsyncSeekExt, AsyncWriteExt};

use super::names;
use super::upload::{self, OneFile};
use crate::app::App;
use crate::error::{Error, Result};
use crate::files;
use crate::parallel::blocking;

/// Whoever sends nothing for so long has gone.
const SILENT_FOR: Duration = Duration::from_secs(60);
/// Counted at least so often: what is not counted is sent again after a crash.
const COUNT_EVERY_BYTES: i64 = 32 << 20;

/// The files that a piece is arriving of.
#[derive(Default)]
struct Arriving(Mutex<HashSet<i64>>);

/// One of them; it ends when this is dropped.
struct Turn(Arc<Arriving>, i64);

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.1);
    }
}

fn turn(app: &App, file_id: i64) -> Result<Turn> {
    let arriving = app.kept::<Arriving>();
    let is_first = arriving.0.lock().unwrap_or_else(PoisonError::into_inner).insert(file_id);
    let why = "A piece of this file is arriving already: ask for its offset, and go on from there.";
    is_first.then(|| Turn(arriving, file_id)).ok_or_else(|| Error::Conflict(why.into()))
}

/// The folder of an upload's files.
pub fn folder_of(app: &App, upload_id: i64) -> PathBuf {
    app.settings.uploads.dir.join(upload_id.to_string())
}

/// Where a file lies while it arrives.
pub fn path_of(app: &App, upload_id: i64, file_id: i64) -> PathBuf {
    folder_of(app, upload_id).join(file_id.to_string())
}

/// Takes a piece; how much of the file is here now. Goes on to its end when the client goes away in the midst of it, so that
/// what came is counted.
pub async fn receive(app: &App, file_id: i64, file: OneFile, body: Body) -> Result<i64> {
    let turn = turn(app, file_id)?;
    let app = app.clone();
    let work = tokio::spawn(async move {
        let _turn = turn;
        take_piece(&app, file_id, &file, body.into_data_stream()).await
    });
    work.await.map_err(anyhow::Error::from)?
}

async fn take_piece(app: &App, file_id: i64, file: &OneFile, mut body: BodyDataStream) -> Result<i64> {
    let (folder, path) = (folder_of(app, file.upload_id), path_of(app, file.upload_id, file_id));
    blocking(move || files::make_dirs(&folder)).await??;
    let mut to = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path).await?;
    // What a crash has left uncounted comes again.
    to.set_len(file.received_bytes.unsigned_abs()).await?;
    to.seek(SeekFrom::End(0)).await?;
    let (mut here, mut counted) = (file.received_bytes, file.received_bytes);
    let ending = loop {
        let chunk = match tokio::time::timeout(SILENT_FOR, body.next()).await {
            Ok(Some(Ok(chunk))) => chunk,
            Ok(None) => break Ok(()),
            Ok(Some(Err(_))) => {
                break Err("The connection broke off: ask for the offset, and go on from there.");
            }
            Err(_) => break Err("Nothing came for a minute: ask for the offset, and go on from there."),
        };
        if here + chunk.len() as i64 > file.size_bytes {
            break Err("More came than the file's size: nothing of this piece's end was taken.");
        }
        to.write_all(&chunk).await?;
        here += chunk.len() as i64;
        if here - counted >= COUNT_EVERY_BYTES {
            count(app, &mut to, file_id, here).await?;
            counted = here;
        }
    };
    count(app, &mut to, file_id, here).await?;
    ending.map_err(|why| Error::Invalid(why.into()))?;
    if here == file.size_bytes {
        finish(app, &mut to, file_id, file).await?;
    }
    Ok(here)
}

async fn count(app: &App, to: &mut File, file_id: i64, here: i64) -> Result<()> {
    to.flush().await?;
    to.sync_data().await?;
    upload::received(&app.db.get().await?, file_id, here).await
}

/// The file is whole: is it what its name says, and is it the last one?
async fn finish(app: &App, to: &mut File, file_id: i64, file: &OneFile) -> Result<()> {
    let mut head = Vec::new();
    to.seek(SeekFrom::Start(0)).await?;
    to.take(names::HEAD_BYTES as u64).read_to_end(&mut head).await?;
    let mut client = app.db.get().await?;
    if !names::begins_as_named(&file.path, &head) {
        upload::received(&client, file_id, 0).await?;
        let name = file.path.rsplit('/').next().unwrap_or_default();
        return Err(Error::Invalid(format!("`{name}` is not what its name says: it was not taken.")));
    }
    let folder = folder_of(app, file.upload_id);
    blocking(move || files::sync_dir(&folder)).await??;
    let tx = client.transaction().await?;
    upload::hand_over(&tx, file.upload_id).await?;
    tx.commit().await?;
    Ok(())
}
