//! `GET /api/admin/system`: how the machine is, for the admin's page: the parts, the roles' own words, the disks.

use std::path::Path;

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::{Probes, Shown};
use crate::app::App;
use crate::auth::Admin;
use crate::db::Sql;
use crate::error::Result;
use crate::files;
use crate::library;
use crate::parallel::blocking;

/// How the machine is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = System)]
pub(super) struct System {
    #[serde(flatten)]
    health: Shown,
    /// Every process that has given a sign of life lately.
    roles: Vec<RoleShown>,
    /// The disks that Barbossa writes to.
    disks: Vec<Disk>,
}

/// A process, in its own words.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RoleStatus)]
struct RoleShown {
    /// `api`, `worker`, `fetch`, `beat`, `watcher`.
    role: String,
    host: String,
    pid: i32,
    /// What `systemctl status` shows of it.
    status: String,
    version: String,
    started_at: Timestamp,
    /// Its last sign of life.
    seen_at: Timestamp,
    /// Whether that is not long ago.
    is_alive: bool,
    /// The unit, for `journalctl -u`.
    unit: String,
}

/// How full a disk is.
#[derive(Debug, Serialize, ToSchema)]
struct Disk {
    /// `music`, `uploads` or `backups`.
    what: &'static str,
    /// Where it is written to.
    path: String,
    free_bytes: u64,
    total_bytes: u64,
    /// Days until it is full, if it goes on as in the last three months; only of the music, and once it can be told.
    days_left: Option<u32>,
}

const ROLES: &str = "select role, host, pid, status, version, started_at, seen_at,
        abs(extract(epoch from now() - seen_at)) < 20 as is_alive
    from heartbeat order by role, host, pid";

/// How the machine is: its parts, its processes, its disks.
#[utoipa::path(get, path = "/admin/system", tag = "health", extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = System)))]
pub(super) async fn system(State(app): State<App>, _: Admin) -> Result<Json<System>> {
    let health = app.kept::<Probes>().look(&app).await.shown();
    let client = app.db.get().await?;
    let roles = client.rows(ROLES, &[]).await?;
    let roles = roles.iter().map(|row| {
        let role: String = row.get("role");
        RoleShown {
            unit: format!("barbossa-{role}.service"),
            role,
            host: row.get("host"),
            pid: row.get("pid"),
            status: row.get("status"),
            version: row.get("version"),
            started_at: row.get("started_at"),
            seen_at: row.get("seen_at"),
            is_alive: row.get("is_alive"),
        }
    });
    let roles = roles.collect();
    let mut disks = Vec::new();
    if let Ok(space) = library::space(&app, &client).await {
        let (path, days_left) = (app.music().display().to_string(), space.days_left);
        let (free_bytes, total_bytes) = (space.free_bytes, space.total_bytes);
        disks.push(Disk { what: "music", path, free_bytes, total_bytes, days_left });
    }
    let others =
        [("uploads", app.settings.uploads.dir.clone()), ("backups", app.settings.backup_dir.clone())];
    let asked =
        blocking(move || others.map(|(what, path)| (what, space_of(&path), path.display().to_string())));
    for (what, space, path) in asked.await? {
        if let Some((free_bytes, total_bytes)) = space {
            disks.push(Disk { what, path, free_bytes, total_bytes, days_left: None });
        }
    }
    Ok(Json(System { health, roles, disks }))
}

/// Of a folder, or of the nearest one above it that is there.
fn space_of(path: &Path) -> Option<(u64, u64)> {
    path.ancestors().find_map(|above| files::space(above).ok())
}
