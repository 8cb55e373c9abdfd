//! Makes the small pictures that pages show in grids, once for each cover, and takes covers out of files where an album
//! has none. In the background, after imports and edits; costs what is new.
//!
//! Thumbnails lie in `MUSIC_PATH/.thumbs/ab/HASH-200.jpg`, named after the cover's content: the same cover twice is made
//! once, and nginx, which reads all music anyway, sends them without us.

use std::fs;
use std::io::{self, ErrorKind};
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::mount::ensure_music_is_there;
use crate::app::App;
use crate::audio;
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::files;
use crate::jobs::{Context, Job, Outcome, Queue};
use crate::parallel::blocking;
use crate::picture::{self, THUMBNAIL_PIXELS};

/// Where they lie, relative to MUSIC_PATH.
pub const THUMBS: &str = ".thumbs";

const BATCH: i64 = 32;
const AT_ONCE: usize = 2;
const AWAY: Duration = Duration::from_secs(300);
/// A scan of a booklet's front may be large; what is larger is not shown smaller.
const MAX_COVER_BYTES: u64 = 64 * 1024 * 1024;
/// Of an album's tracks, so many are asked for a picture.
const TRACKS_SEARCHED: usize = 2;

/// Makes what is missing.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct MakeThumbnails {}

// An album that got more tracks since is worth another look.
const WITHOUT: &str = "select a.id, a.path, a.available_tracks,
        array(select t.path from track t where t.album_id = a.id order by t.disc_number, t.track_number, t.id limit 2)
    from album a left join album_searched_for_picture s on s.album_id = a.id
    where a.artwork_path is null and a.id > $1 and a.available_tracks > coalesce(s.track_count, 0)
    order by a.id limit $2";
const FOUND: &str = "update album set artwork_path = $3, updated_at = now()
    where id = $1 and path = $2 and artwork_path is null";
const SEARCHED: &str = "insert into album_searched_for_picture (album_id, track_count)
    select id, $2 from album where id = $1
    on conflict (album_id) do update set track_count = excluded.track_count";
const UNMADE: &str = "select shown.path
    from (select artwork_path as path from album where artwork_path is not null
          union select artwork_path from artist where artwork_path is not null) shown
    where shown.path > $1 and not exists (select from picture p where p.path = shown.path)
    order by shown.path limit $2";
const MADE: &str = "insert into picture (path, size_bytes, modified_at, hash, problem)
    select * from unnest($1::text[], $2::bigint[], $3::timestamptz[], $4::text[], $5::text[])
    on conflict (path) do update set size_bytes = excluded.size_bytes, modified_at = excluded.modified_at,
        hash = excluded.hash, problem = excluded.problem, made_at = now()";
const FORGET: &str = "delete from picture p
    where not exists (select from album where artwork_path = p.path)
        and not exists (select from artist where artwork_path = p.path)
    returning p.hash";
const STILL_USED: &str = "select hash from picture where hash = any($1)";

const PUT_OFF: &str = "update job set run_at = now() + interval '5 seconds'
    where kind = 'library.make_thumbnails' and state = 'available' and run_at < now() + interval '4 seconds'";
const DUE: &str =
    "update job set run_at = now() where kind = 'library.make_thumbnails' and state = 'available'";

/// For who is about to add many albums more and needs the processors: the pictures wait a few seconds, or until
/// [`thumbnails_are_due`].
pub async fn put_off_thumbnails(tx: &impl Sql) -> Result<()> {
    tx.run(PUT_OFF, &[]).await.map(drop)
}

/// They need not wait any longer.
pub async fn thumbnails_are_due(tx: &impl Sql) -> Result<()> {
    tx.run(DUE, &[]).await.map(drop)
}

impl Job for MakeThumbnails {
    const KIND: &'static str = "library.make_thumbnails";
    const QUEUE: Queue = Queue::Maintenance;
    const PRIORITY: i16 = 20;

    fn unique_key(&self) -> Option<String> {
        Some("all".into())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        match ensure_music_is_there(&context.app).await {
            Err(Error::Unavailable(_)) => return Ok(Outcome::Snooze(AWAY)),
            found => found?,
        }
        let Some(extracted) = extract(context).await? else { return Ok(Outcome::Snooze(Duration::ZERO)) };
        let Some((made, refused)) = make(context).await? else { return Ok(Outcome::Snooze(Duration::ZERO)) };
        let forgotten = forget(&context.app).await?;
        Ok(Outcome::Done(
            json!({ "extracted": extracted, "made": made, "refused": refused, "forgotten": forgotten }),
        ))
    }
}

// -- covers inside files

/// How many covers were taken out of files; none when it was told to stop.
async fn extract(context: &Context) -> Result<Option<usize>> {
    let (mut behind, mut extracted) = (0_i64, 0);
    loop {
        let client = context.app.db.get().await?;
        let rows = client.rows(WITHOUT, &[&behind, &BATCH]).await?;
        let Some(last) = rows.last() else { return Ok(Some(extracted)) };
        behind = last.get(0);
        for row in &rows {
            if context.stop.is_cancelled() {
                return Ok(None);
            }
            let (id, folder, track_count): (i64, String, i32) = (row.get(0), row.get(1), row.get(2));
            let (music, tracks, place) = (context.app.music().to_owned(), row.get(3), folder.clone());
            let taken = blocking(move || take_out(&music, &place, tracks)).await?;
            match taken {
                Some(path) => extracted += client.run(FOUND, &[&id, &folder, &path]).await? as usize,
                None => drop(client.run(SEARCHED, &[&id, &track_count]).await?),
            }
        }
    }
}

/// The cover of the first track that has one, as a file beside it; its path.
fn take_out(music: &Path, folder: &str, tracks: Vec<String>) -> Option<String> {
    for track in tracks.iter().take(TRACKS_SEARCHED) {
        let path = files::beneath(music, track)?;
        let Ok(Some(cover)) = audio::embedded_cover(&path) else { continue };
        let relative = format!("{folder}/cover.{}", cover.extension);
        let to = files::beneath(music, &relative)?;
        match files::create_durably(&to, &cover.bytes) {
            Ok(()) => return Some(relative),
            Err(e) if e.kind() == ErrorKind::AlreadyExists => return Some(relative),
            Err(error) => {
                tracing::warn!(path = relative, %error, "a cover could not be written");
                return None;
            }
        }
    }
    None
}

// -- thumbnails

/// What a cover is, and what came of it.
struct Made {
    path: String,
    size_bytes: i64,
    modified_at: Timestamp,
    hash: Result<String, String>,
}

/// How many covers were made small and how many could not be; none when it was told to stop.
async fn make(context: &Context) -> Result<Option<(usize, usize)>> {
    let (mut behind, mut made, mut refused) = (String::new(), 0, 0);
    loop {
        if context.stop.is_cancelled() {
            return Ok(None);
        }
        let rows = context.app.db.get().await?.rows(UNMADE, &[&behind, &BATCH]).await?;
        let paths: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        let Some(last) = paths.last() else { return Ok(Some((made, refused))) };
        behind.clone_from(last);
        let batch = make_all(&context.app, &paths).await?;
        refused += batch.iter().filter(|m| m.hash.is_err()).count();
        made += batch.iter().filter(|m| m.hash.is_ok()).count();
        note(&context.app, &batch).await?;
        context.progress.send_replace(Some(json!({ "done": made, "refused": refused })));
    }
}

async fn make_all(app: &App, paths: &[String]) -> Result<Vec<Made>> {
    let mut made = Vec::with_capacity(paths.len());
    for some in paths.chunks(AT_ONCE) {
        let making: Vec<_> = some
            .iter()
            .map(|path| {
                let (music, path) = (app.music().to_owned(), path.clone());
                tokio::task::spawn_blocking(move || make_one(&music, path))
            })
            .collect();
        for one in making {
            made.push(one.await.map_err(anyhow::Error::from)?);
        }
    }
    Ok(made)
}

fn make_one(music: &Path, path: String) -> Made {
    let Some(file) = files::beneath(music, &path) else {
        let hash = Err("its path leads elsewhere".to_owned());
        return Made { path, size_bytes: 0, modified_at: Timestamp::UNIX_EPOCH, hash };
    };
    let (size_bytes, modified_at) = about(&file).unwrap_or((0, Timestamp::UNIX_EPOCH));
    let hash = shrink(music, &file).map_err(|error| {
        tracing::info!(path, "no thumbnails: {error}");
        error
    });
    Made { path, size_bytes, modified_at, hash }
}

/// Size and modification time, as the row has them.
pub fn about(file: &Path) -> io::Result<(i64, Timestamp)> {
    let found = file.metadata()?;
    let modified = Timestamp::try_from(found.modified()?).map_err(io::Error::other)?;
    let micros = Timestamp::from_microsecond(modified.as_microsecond()).map_err(io::Error::other)?;
    Ok((i64::try_from(found.len()).unwrap_or(i64::MAX), micros))
}

fn shrink(music: &Path, file: &Path) -> Result<String, String> {
    let size = file.metadata().map_err(|e| e.to_string())?.len();
    if size > MAX_COVER_BYTES {
        return Err("the file is too large".into());
    }
    let bytes = fs::read(file).map_err(|e| e.to_string())?;
    let hash = blake3::hash(&bytes).to_hex().to_string();
    let places = THUMBNAIL_PIXELS.map(|side| music.join(thumbnail(&hash, side)));
    if places.iter().all(|place| place.exists()) {
        return Ok(hash);
    }
    let small = picture::thumbnails(&bytes).map_err(|e| e.to_string())?;
    for (place, bytes) in places.iter().zip(&small) {
        let folder = place.parent().unwrap_or(music);
        files::make_dirs(folder).map_err(|e| e.to_string())?;
        // Not fsynced: what a power cut takes is made again (see `shrink` and the page's own fallback).
        place_at_once(folder, place, bytes).map_err(|e| e.to_string())?;
    }
    Ok(hash)
}

fn place_at_once(folder: &Path, place: &Path, bytes: &[u8]) -> io::Result<()> {
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o664);
    let mut file = tempfile::Builder::new().prefix(".making-").permissions(mode).tempfile_in(folder)?;
    io::Write::write_all(&mut file, bytes)?;
    file.persist(place).map(drop).map_err(|e| e.error)
}

/// The thumbnail's path, relative to MUSIC_PATH.
pub fn thumbnail(hash: &str, side: u32) -> String {
    format!("{THUMBS}/{}/{hash}-{side}.jpg", hash.get(..2).unwrap_or("00"))
}

async fn note(app: &App, batch: &[Made]) -> Result<()> {
    let paths: Vec<&str> = batch.iter().map(|m| m.path.as_str()).collect();
    let sizes: Vec<i64> = batch.iter().map(|m| m.size_bytes).collect();
    let times: Vec<Timestamp> = batch.iter().map(|m| m.modified_at).collect();
    let hashes: Vec<Option<&str>> = batch.iter().map(|m| m.hash.as_deref().ok()).collect();
    let problems: Vec<Option<&str>> =
        batch.iter().map(|m| m.hash.as_ref().err().map(String::as_str)).collect();
    app.db.get().await?.run(MADE, &[&paths, &sizes, &times, &hashes, &problems]).await?;
    Ok(())
}

/// Rows of covers that nobody shows any more go, and their thumbnails.
async fn forget(app: &App) -> Result<usize> {
    let client = app.db.get().await?;
    let gone: Vec<String> =
        client.rows(FORGET, &[]).await?.iter().filter_map(|row| row.get::<_, Option<String>>(0)).collect();
    if gone.is_empty() {
        return Ok(0);
    }
    let used: Vec<String> = client.rows(STILL_USED, &[&gone]).await?.iter().map(|row| row.get(0)).collect();
    let (music, count) = (app.music().to_owned(), gone.len());
    blocking(move || {
        for hash in gone.iter().filter(|h| !used.contains(h)) {
            for side in THUMBNAIL_PIXELS {
                // What cannot be removed now lies there and harms nobody.
                let _ = files::remove_file_if_there(&music.join(thumbnail(hash, side)));
            }
        }
    })
    .await?;
    Ok(count)
}
