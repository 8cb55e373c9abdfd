//! Uploads a release: asks whether it is there, makes its `.torrent` and NFO, and sends them; once.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_postgres::Row;

use super::key;
use super::nfo::{Release, nfo};
use crate::activity;
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::files::text_to_path;
use crate::integrations::torrentleech::{self, TorrentLeech, Upload, release_name};
use crate::integrations::{Trouble, torrent};
use crate::jobs::{Context, Job, Outcome, Queue};
use crate::library;

/// Said to whoever asks for it again.
pub(super) const IS_THERE: &str = "Release already exists on TorrentLeech";

/// Uploads what a row asks for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UploadRelease {
    /// The row.
    pub upload_id: i64,
}

const ASKED: &str = "select album_id, release_name, tags, requested_by from tracker_upload where id = $1 and torrent_id is null";
const MADE: &str = "update tracker_upload set torrent = $2, nfo = $3, error = null where id = $1";
const UPLOADED: &str = "update tracker_upload set torrent_id = $2, uploaded_at = now() where id = $1";
const FAILED: &str = "update tracker_upload set error = $2 where id = $1";
const ALBUM: &str =
    "select a.title, a.year, a.genre, a.label, a.path, a.artwork_path, a.source, r.name as artist
    from album a join artist r on r.id = a.artist_id where a.id = $1";
const TRACKS: &str = "select path, title, disc_number, track_number, coalesce(duration_ms, 0) / 1000 as seconds, format, is_lossy,
        sample_rate_hz, bit_depth, bitrate_kbps, missing_since is not null as is_missing
    from track where album_id = $1 order by disc_number, track_number, id";

/// What is known of an album before it is uploaded.
pub(super) struct Album {
    pub name: String,
    pub release: Release,
    folder: String,
    /// Relative to the folder.
    files: Vec<PathBuf>,
}

impl Album {
    /// Reads its rows.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` when it cannot be shared whole.
    pub async fn find(client: &impl Sql, id: i64) -> Result<Self> {
        let album = client.maybe_row(ALBUM, &[&id]).await?.ok_or(Error::NotFound("Album not found"))?;
        let rows = client.rows(TRACKS, &[&id]).await?;
        let Some(first) = rows.first() else { return Err(Error::Invalid("The album has no tracks.".into())) };
        if rows.iter().any(|row| row.get("is_missing")) {
            return Err(Error::Invalid("Files of this album are missing.".into()));
        }
        let folder: String = album.get("path");
        let inside = |path: &str| path.strip_prefix(&format!("{folder}/")).map(text_to_path);
        let mut files: Vec<PathBuf> = rows.iter().filter_map(|row| inside(row.get("path"))).collect();
        if files.len() < rows.len() {
            return Err(Error::Invalid("Files of this album lie in other folders.".into()));
        }
        files.extend(album.get::<_, Option<&str>>("artwork_path").and_then(inside));
        let (artist, title): (String, String) = (album.get("artist"), album.get("title"));
        let year: Option<i32> = album.get("year");
        let name = release_name(&artist, &title, year, &quality(first));
        let shown = library::quality_display(
            first.get("format"),
            first.get("is_lossy"),
            first.get("sample_rate_hz"),
            first.get("bit_depth"),
            first.get("bitrate_kbps"),
        );
        let release = Release {
            artist,
            title,
            year,
            genre: album.get("genre"),
            label: album.get("label"),
            quality: shown,
            source: album.get("source"),
            tracks: rows.iter().map(track).collect(),
        };
        Ok(Self { name, release, folder, files })
    }
}

fn track(row: &Row) -> (i32, i32, String, i64) {
    (row.get("disc_number"), row.get("track_number"), row.get("title"), row.get("seconds"))
}

/// `16bit`, `44kHz`, `FLAC`
fn quality(track: &Row) -> Vec<String> {
    let bits = track.get::<_, Option<i32>>("bit_depth").map(|bits| format!("{bits}bit"));
    let rate = track.get::<_, Option<i32>>("sample_rate_hz").map(|hz| format!("{}kHz", hz / 1000));
    let format = Some(track.get::<_, String>("format").to_uppercase());
    let parts = if track.get("is_lossy") { vec![format] } else { vec![bits, rate, format] };
    parts.into_iter().flatten().collect()
}

impl Job for UploadRelease {
    const KIND: &'static str = "tracker.upload";
    const QUEUE: Queue = Queue::Network;
    // Whether an attempt that was cut off has arrived is for a person to see.
    const MAX_ATTEMPTS: i32 = 1;

    fn unique_key(&self) -> Option<String> {
        Some(self.upload_id.to_string())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        let client = context.app.db.get().await?;
        let Some(row) = client.maybe_row(ASKED, &[&self.upload_id]).await? else {
            return Ok(Outcome::Done(json!({"status": "uploaded before"})));
        };
        let Some(album_id) = row.get::<_, Option<i64>>(0) else {
            return Ok(Outcome::Cancel("The album is gone.".into()));
        };
        let (name, tags, who): (String, String, Option<i64>) = (row.get(1), row.get(2), row.get(3));
        let album = match Album::find(&client, album_id).await {
            Err(error @ (Error::NotFound(_) | Error::Invalid(_))) => {
                return Ok(Outcome::Cancel(error.to_string()));
            }
            album => album?,
        };
        drop(client);
        match self.send(context, &album, &name, &tags).await? {
            Ok(torrent_id) => self.done(context, (album_id, who), &name, torrent_id).await,
            Err(trouble) => {
                let why = trouble.to_string();
                context.app.db.get().await?.run(FAILED, &[&self.upload_id, &why]).await?;
                Ok(Outcome::Cancel(why))
            }
        }
    }
}

impl UploadRelease {
    async fn send(
        &self,
        context: &Context,
        album: &Album,
        name: &str,
        tags: &str,
    ) -> Result<Result<i64, Trouble>> {
        let settings = &context.app.settings;
        let key = match key(settings) {
            Ok(key) => key,
            Err(off) => return Ok(Err(off)),
        };
        let web = context.app.direct_web();
        let tracker = TorrentLeech { web: &web, url: &settings.torrentleech.url, key: &key };
        match tracker.exists(name).await {
            Ok(true) => return Ok(Err(Trouble::Refused(torrentleech::NAME, IS_THERE.into()))),
            Ok(false) => {}
            Err(trouble) => return Ok(Err(trouble)),
        }
        let (folder, files) = (context.app.music().join(text_to_path(&album.folder)), album.files.clone());
        let (named, announce) = (name.to_owned(), settings.torrentleech.announce_url.clone());
        let making = tokio::task::spawn_blocking(move || {
            torrent::torrent(&torrent::Release {
                name: &named,
                folder: &folder,
                files: &files,
                announce: &announce,
                source: torrentleech::SOURCE,
            })
        });
        let torrent = making.await.map_err(anyhow::Error::from)??;
        let nfo = nfo(&album.release);
        context.app.db.get().await?.run(MADE, &[&self.upload_id, &torrent, &nfo]).await?;
        Ok(tracker.upload(&Upload { name, torrent: &torrent, nfo: &nfo, tags }).await)
    }

    async fn done(
        &self,
        context: &Context,
        (album_id, who): (i64, Option<i64>),
        name: &str,
        torrent_id: i64,
    ) -> Result<Outcome> {
        let mut client = context.app.db.get().await?;
        let tx = client.transaction().await?;
        tx.run(UPLOADED, &[&self.upload_id, &torrent_id]).await?;
        let details: Value =
            json!({"upload_id": self.upload_id, "release_name": name, "torrent_id": torrent_id});
        activity::record(&tx, who, "tracker_upload", Some(("album", album_id)), Some(&details), None).await?;
        tx.commit().await?;
        Ok(Outcome::Done(json!({"torrent_id": torrent_id, "release_name": name})))
    }
}
