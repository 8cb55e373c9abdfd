//! Imports that a person decides about, as the API has them: the list, and one with everything that the decision rests on:
//! evidence, files, and what the library has beside it.

use std::path::Path;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use super::tree::{Entry, Kind, Tree};
use crate::app::App;
use crate::audio;
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::files::{path_to_text, text_to_path};
use crate::library::{self, ExistingAlbum, ExistingTrack, TwinQuery, quality_display};

/// More files than this are counted, not read.
const MAX_READ: usize = 200;

/// The words of the API for our states.
pub(super) const STATUSES: &[(&str, &str)] = &[
    ("pending", "review"),
    ("approved", "done"),
    ("rejected", "rejected"),
    ("failed", "failed"),
    ("duplicate", "duplicate"),
    // Clients of the first version ask for it; what a person names is approved here, and nothing is ever in this state.
    ("manual", "manual"),
];

/// Our state for a word of the API.
///
/// # Errors
/// `Field` when there is no such word.
pub fn state_of(status: &str) -> Result<&'static str> {
    let found = STATUSES.iter().find(|(word, _)| *word == status).map(|(_, state)| *state);
    let message = "must be one of pending, approved, rejected, manual, failed, duplicate";
    found.ok_or_else(|| Error::Parameter { field: "status", message: message.into() })
}

/// An import that waits for a person, or has, as the first version's clients know it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Review {
    /// The import's row.
    pub id: i64,
    /// Where its files are, relative to MUSIC_PATH.
    pub path: Option<String>,
    /// What it is taken for.
    pub suggested_artist: Option<String>,
    /// What it is taken for.
    pub suggested_album: Option<String>,
    /// What it is taken for.
    pub suggested_year: Option<i32>,
    /// As `confidence`, by its old name.
    pub beets_confidence: Option<f32>,
    /// In [0, 1].
    pub confidence: Option<f32>,
    /// How many files of audio.
    pub track_count: Option<i32>,
    /// Of the first track.
    pub quality_info: Option<Value>,
    /// `import`, `qobuz`, …
    pub source: String,
    /// `pending`, `approved`, `rejected`, `failed`, `duplicate`; `importing` when it is on its way again.
    pub status: String,
    /// Why it waits, was rejected, or failed.
    pub reason: Option<String>,
    /// What else a person may want to know.
    pub notes: Option<String>,
    /// The reason, when it failed.
    pub error_message: Option<String>,
    /// Why it is taken for that, field by field.
    pub evidence: Option<Value>,
    /// What it may be instead.
    pub runner_up: Option<Value>,
    /// The album that it became.
    pub album_id: Option<i64>,
    /// When it was found.
    pub created_at: Timestamp,
}

impl From<&Row> for Review {
    fn from(row: &Row) -> Self {
        let state: &str = row.get("state");
        let status = STATUSES.iter().find(|(_, s)| *s == state).map_or("importing", |(status, _)| *status);
        let reason: Option<String> = row.get("reason");
        Self {
            id: row.get("id"),
            path: row.get("path"),
            suggested_artist: row.get("suggested_artist"),
            suggested_album: row.get("suggested_album"),
            suggested_year: row.get("suggested_year"),
            beets_confidence: row.get("confidence"),
            confidence: row.get("confidence"),
            track_count: row.get("track_count"),
            quality_info: row.get("quality"),
            source: row.get("source"),
            status: status.to_owned(),
            error_message: reason.clone().filter(|_| state == "failed"),
            reason,
            notes: row.get("notes"),
            evidence: row.get("evidence"),
            runner_up: row.get("runner_up"),
            album_id: row.get("album_id"),
            created_at: row.get("created_at"),
        }
    }
}

const LIST: &str =
    "select id, path, suggested_artist, suggested_album, suggested_year, confidence, track_count, quality,
        source, state, reason, notes, evidence, runner_up, album_id, created_at
    from import where state = $1 and id < coalesce($2, 9223372036854775807) order by id desc limit $3";
const FIND: &str =
    "select id, path, suggested_artist, suggested_album, suggested_year, confidence, track_count, quality,
        source, state, reason, notes, evidence, runner_up, album_id, created_at, release,
        (select p.created_at from import_picture p where p.import_id = import.id) as picture_sent_at
    from import where id = $1 and (not is_on_its_way or approval is not null)";

impl Review {
    /// Those in a state (`review`, `done`, …), the newest first, older than `before`.
    pub async fn list(client: &impl Sql, state: &str, before: Option<i64>, limit: i64) -> Result<Vec<Self>> {
        Ok(client.rows(LIST, &[&state, &before, &limit]).await?.iter().map(Self::from).collect())
    }
}

/// One of them, with all that a decision rests on.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReviewDetail {
    /// As in the list.
    #[serde(flatten)]
    pub review: Review,
    /// Each file: `name`, `size`, and of audio `title`, `artist`, `track_number`, `disc_number`, `duration`, `quality`, or
    /// why it cannot be read (`problem`).
    pub files: Vec<Value>,
    /// The album of the library that it is, or may be: `id`, `artist`, `title`, `year`, `path`, `likeness`, `tracks`.
    pub in_library: Option<Value>,
    /// When somebody sent a picture for it (`/artwork`); it becomes the album's cover.
    pub picture_sent_at: Option<Timestamp>,
}

impl ReviewDetail {
    /// The one with this id.
    ///
    /// # Errors
    /// `NotFound`
    pub async fn find(app: &App, id: i64) -> Result<Self> {
        let client = app.db.get().await?;
        let row = client.maybe_row(FIND, &[&id]).await?.ok_or(Error::NotFound("Review item not found"))?;
        let review = Review::from(&row);
        let picture_sent_at = row.get("picture_sent_at");
        let in_library = match review.status.as_str() {
            "approved" => None,
            _ => twin(&client, &review, row.get("release")).await?.as_ref().map(shown),
        };
        drop(client);
        // What is filed is the library's to show.
        let folder = review.path.as_deref().filter(|_| review.status != "approved");
        let files = match folder.map(|path| app.music().join(text_to_path(path))) {
            Some(dir) => {
                tokio::task::spawn_blocking(move || files_in(&dir)).await.map_err(anyhow::Error::from)?
            }
            None => Vec::new(),
        };
        Ok(Self { review, files, in_library, picture_sent_at })
    }
}

async fn twin(client: &impl Sql, review: &Review, release: Option<Value>) -> Result<Option<ExistingAlbum>> {
    let release = release.unwrap_or_default();
    let (Some(artist), Some(title)) = (&review.suggested_artist, &review.suggested_album) else {
        return Ok(None);
    };
    let musicbrainz_id = release["release_id"].as_str().and_then(|id| Uuid::try_parse(id).ok());
    let barcode = release["barcode"].as_str();
    let asked = TwinQuery { artist, title, year: review.suggested_year, musicbrainz_id, barcode };
    library::find_twin(client, &asked).await
}

fn shown(album: &ExistingAlbum) -> Value {
    let quality = |t: &ExistingTrack| {
        quality_display(&t.format, t.is_lossy, t.sample_rate_hz, t.bit_depth, t.bitrate_kbps)
    };
    let track = |t: &ExistingTrack| {
        json!({
            "id": t.id, "disc_number": t.disc_number, "track_number": t.track_number, "title": t.title, "path": t.path,
            "duration": t.duration_ms.map(|ms| (ms + 500) / 1000), "quality": quality(t),
        })
    };
    json!({
        "id": album.id, "title": album.title, "year": album.year, "path": album.path, "total_tracks": album.total_tracks,
        "likeness": format!("{:?}", album.likeness).to_lowercase(),
        "tracks": album.tracks.iter().map(track).collect::<Vec<_>>(),
    })
}

/// What lies in the folder now; empty when it is gone.
fn files_in(dir: &Path) -> Vec<Value> {
    let tree = Tree::of(dir).unwrap_or_default();
    let files = tree.files.iter().filter(|f| f.kind != Kind::Junk).enumerate();
    files.map(|(n, entry)| file(&dir.join(&entry.relative), entry, n < MAX_READ)).collect()
}

fn file(path: &Path, entry: &Entry, is_read: bool) -> Value {
    let mut shown = json!({"name": path_to_text(&entry.relative), "size": entry.size_bytes});
    if entry.kind != Kind::Audio || !is_read {
        return shown;
    }
    match audio::read(path) {
        Ok(sound) => {
            let (q, tags) = (sound.quality, sound.tags);
            let number = |n: Option<u32>| n.and_then(|n| i32::try_from(n).ok());
            let (rate, kbps) = (number(q.sample_rate_hz), number(q.bitrate_kbps));
            shown["quality"] =
                json!(quality_display(q.format.name(), q.is_lossy, rate, q.bit_depth.map(Into::into), kbps));
            shown["duration"] = json!((q.duration_ms + 500) / 1000);
            shown["title"] = json!(tags.title);
            shown["artist"] = json!(tags.artist);
            shown["track_number"] = json!(tags.track_number);
            shown["disc_number"] = json!(tags.disc_number);
        }
        Err(problem) => shown["problem"] = json!(problem.to_string()),
    }
    shown
}
