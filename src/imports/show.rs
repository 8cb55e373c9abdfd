//! An import as a person sees it: where it stands, what it was taken for, how sure that is, and why.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::Row;
use utoipa::ToSchema;

use super::identify::{Evidence, RunnerUp};
use crate::db::Sql;
use crate::error::{Error, Result};

/// One import, whatever its state.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Import)]
pub struct Shown {
    /// The row.
    pub id: i64,
    /// `waiting`, `planned`, …, `done`, `review`, `rejected`, `duplicate`, `failed`.
    pub state: String,
    /// Where the folder lay when it was asked for, relative to MUSIC_PATH.
    pub source_path: String,
    /// Where the files are now.
    pub path: Option<String>,
    /// `import`, `qobuz`, …
    pub source: String,
    /// Who asked for it.
    pub requested_by: Option<i64>,
    /// The album artist that it was taken for.
    pub artist: Option<String>,
    /// The title that it was taken for.
    pub album: Option<String>,
    /// The year that it was taken for.
    pub year: Option<i32>,
    /// In [0, 1].
    pub confidence: Option<f32>,
    /// Why, field by field.
    pub evidence: Vec<Evidence>,
    /// What it may be instead.
    pub runner_up: Option<RunnerUp>,
    /// What outside catalogues added, or why they could not.
    pub enrichment: Option<Value>,
    /// How many files of audio.
    pub track_count: Option<i32>,
    /// Of the first track.
    pub quality: Option<Value>,
    /// The album that it became.
    pub album_id: Option<i64>,
    /// The job that carries it.
    pub job_id: Option<i64>,
    /// Why it waits, was rejected, or failed.
    pub reason: Option<String>,
    /// What else a person may want to know.
    pub notes: Option<String>,
    /// When it was found.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

/// Which imports.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    /// In this state.
    pub state: Option<String>,
    /// Asked for by this user.
    pub requested_by: Option<i64>,
    /// Became this album, or part of it.
    pub album_id: Option<i64>,
    /// Older than this one.
    pub before: Option<i64>,
    /// At most so many.
    pub limit: i64,
}

const ONE: &str = "select id, state, source_path, path, source, requested_by, suggested_artist, suggested_album, suggested_year,
        confidence, evidence, runner_up, enrichment, track_count, quality, album_id, job_id, reason, notes, created_at,
        finished_at
    from import where id = $1";
const LIST: &str = "select id, state, source_path, path, source, requested_by, suggested_artist, suggested_album, suggested_year,
        confidence, evidence, runner_up, enrichment, track_count, quality, album_id, job_id, reason, notes, created_at,
        finished_at
    from import
    where ($1::text is null or state = $1) and ($2::bigint is null or requested_by = $2) and ($3::bigint is null or album_id = $3)
        and id < coalesce($4, 9223372036854775807)
    order by id desc limit $5";

impl Shown {
    /// The one with this id.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn find(client: &impl Sql, id: i64) -> Result<Self> {
        let row = client.maybe_row(ONE, &[&id]).await?;
        row.as_ref().map(Self::from).ok_or(Error::NotFound("Import not found"))
    }

    /// The newest first.
    pub async fn list(client: &impl Sql, asked: &Asked) -> Result<Vec<Self>> {
        let Asked { state, requested_by, album_id, before, limit } = asked;
        let rows = client.rows(LIST, &[state, requested_by, album_id, before, limit]).await?;
        Ok(rows.iter().map(Self::from).collect())
    }
}

impl From<&Row> for Shown {
    fn from(row: &Row) -> Self {
        // Rows of an older version may lack what this one writes: they are shown with what they have.
        let evidence: Option<Value> = row.get("evidence");
        let runner_up: Option<Value> = row.get("runner_up");
        Self {
            id: row.get("id"),
            state: row.get("state"),
            source_path: row.get("source_path"),
            path: row.get("path"),
            source: row.get("source"),
            requested_by: row.get("requested_by"),
            artist: row.get("suggested_artist"),
            album: row.get("suggested_album"),
            year: row.get("suggested_year"),
            confidence: row.get("confidence"),
            evidence: evidence.and_then(|e| serde_json::from_value(e).ok()).unwrap_or_default(),
            runner_up: runner_up.and_then(|r| serde_json::from_value(r).ok()),
            enrichment: row.get("enrichment"),
            track_count: row.get("track_count"),
            quality: row.get("quality"),
            album_id: row.get("album_id"),
            job_id: row.get("job_id"),
            reason: row.get("reason"),
            notes: row.get("notes"),
            created_at: row.get("created_at"),
            finished_at: row.get("finished_at"),
        }
    }
}
