//! The routes of backups: what was made, whether it can be restored, and one more now. For admins, beneath `/api`.

use std::path::Path;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::copies::{self, DestinationState};
use super::make_backup::MakeBackup;
use super::music_rows::{self, MusicState};
use super::record::{self, Backup, Proof};
use crate::activity;
use crate::app::App;
use crate::auth::{Admin, Client};
use crate::error::{Error, Result};
use crate::input::Query;
use crate::jobs;

/// All of them.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(backup_history))
        .routes(routes!(backup_status))
        .routes(routes!(trigger_backup))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct HistoryQuery {
    /// At most so many.
    #[serde(default = "twenty")]
    #[param(minimum = 1, maximum = 100)]
    limit: i64,
}

fn twenty() -> i64 {
    20
}

/// Backups, the newest first.
#[derive(Debug, Serialize, ToSchema)]
struct BackupHistory {
    items: Vec<BackupRun>,
}

/// One run.
#[derive(Debug, Serialize, ToSchema)]
struct BackupRun {
    id: i64,
    /// The folder.
    destination: String,
    /// `local`
    destination_type: &'static str,
    /// `running`, `complete` (written, and read back to its end) or `failed`.
    status: &'static str,
    /// One, when it is complete.
    files_backed_up: i64,
    /// Bytes.
    total_size: Option<i64>,
    /// Why it failed.
    error_message: Option<String>,
    /// Its folder; a dump in the backups of earlier versions.
    path: Option<String>,
    /// Of its manifest, which has those of all parts; in hexadecimal.
    sha256: Option<String>,
    /// What is not in it, and why; sentences.
    left_out: Vec<String>,
    /// When it was last read again from its first byte to its last.
    checked_at: Option<Timestamp>,
    /// What was wrong with it then.
    problem: Option<String>,
    /// When it was last restored beside the database and found whole.
    restored_at: Option<Timestamp>,
    /// When it was let go, as the settings (`backup.keep_…`) have it.
    removed_at: Option<Timestamp>,
    started_at: Timestamp,
    completed_at: Option<Timestamp>,
    created_at: Timestamp,
}

impl From<Backup> for BackupRun {
    fn from(backup: Backup) -> Self {
        let is_complete = backup.state == "verified";
        Self {
            id: backup.id,
            destination: backup.destination,
            destination_type: "local",
            status: match backup.state.as_str() {
                "verified" => "complete",
                "failed" => "failed",
                _ => "running",
            },
            files_backed_up: i64::from(is_complete),
            total_size: backup.size_bytes,
            error_message: backup.error,
            path: backup.path,
            sha256: backup.sha256,
            left_out: backup.left_out,
            checked_at: backup.checked_at,
            problem: backup.problem,
            restored_at: backup.restored_at,
            removed_at: backup.removed_at,
            started_at: backup.started_at,
            completed_at: backup.finished_at,
            created_at: backup.started_at,
        }
    }
}

/// The backups that were made, the newest first.
#[utoipa::path(get, path = "/admin/backup/history", tag = "backups", params(HistoryQuery), extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = BackupHistory)))]
async fn backup_history(
    State(app): State<App>,
    _: Admin,
    Query(query): Query<HistoryQuery>,
) -> Result<Json<BackupHistory>> {
    if !(1..=100).contains(&query.limit) {
        return Err(Error::Parameter { field: "limit", message: "must be from 1 to 100".into() });
    }
    let backups = record::list(&app.db.get().await?, query.limit).await?;
    Ok(Json(BackupHistory { items: backups.into_iter().map(BackupRun::from).collect() }))
}

/// How backups are.
#[derive(Debug, Serialize, ToSchema)]
struct BackupStatus {
    /// The newest run.
    last_backup: Option<BackupRun>,
    #[serde(flatten)]
    proof: Proof,
    /// Where backups are carried besides, and how that went.
    destinations: Vec<DestinationState>,
    /// The backup of the music.
    music: MusicState,
}

/// The newest backup, when one was last restored into a scratch database and found whole, and the copies elsewhere.
#[utoipa::path(get, path = "/admin/backup/status", tag = "backups", extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = BackupStatus)))]
async fn backup_status(State(app): State<App>, _: Admin) -> Result<Json<BackupStatus>> {
    let client = app.db.get().await?;
    let last_backup = record::list(&client, 1).await?.pop().map(BackupRun::from);
    let destinations = copies::destinations(&client, &app.settings.backup.destinations).await?;
    let music = music_rows::music_state(&client, &app.settings).await?;
    Ok(Json(BackupStatus { last_backup, proof: record::proof(&client).await?, destinations, music }))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct TriggerQuery {
    /// The folder of the settings (`backup_dir`), by its path or as `.`; there is no other.
    destination: Option<String>,
}

/// A backup that was begun.
#[derive(Debug, Serialize, ToSchema)]
struct BackupStarted {
    /// `started`
    status: &'static str,
    /// Its row in the history.
    backup_id: i64,
    /// The job, as clients of the first version read it.
    task_id: String,
    /// The job.
    job_id: i64,
    /// The folder.
    destination: String,
}

/// Makes a backup of the database now. The history tells how it ended.
#[utoipa::path(post, path = "/admin/backup/trigger", tag = "backups", params(TriggerQuery), extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = BackupStarted)))]
async fn trigger_backup(
    State(app): State<App>,
    Admin(user): Admin,
    from: Client,
    Query(query): Query<TriggerQuery>,
) -> Result<Json<BackupStarted>> {
    let dir = &app.settings.backup_dir;
    let asked = query.destination.as_deref().unwrap_or_default();
    if !asked.is_empty() && dir.join(asked).components().ne(dir.join(Path::new(".")).components()) {
        let message = format!("Destination must be under {0}: backups go into {0} itself.", dir.display());
        return Err(Error::Invalid(message));
    }
    let destination = dir.display().to_string();
    let mut client = app.db.get().await?;
    let tx = client.transaction().await?;
    jobs::name_request(&tx).await?;
    let backup_id = record::ask(&tx, &destination).await?;
    let job_id = jobs::enqueue(&tx, &MakeBackup { backup_id }).await?;
    let (details, address) = (json!({"backup_id": backup_id}), from.address_text());
    activity::record(&tx, user.row(), "backup", None, Some(&details), address.as_deref()).await?;
    tx.commit().await?;
    let task_id = job_id.to_string();
    Ok(Json(BackupStarted { status: "started", backup_id, task_id, job_id, destination }))
}
