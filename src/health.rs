//! Alive, ready, and how the parts are: what systemd, nginx, a person with curl and a monitor read. Owns `heartbeat`.
//!
//! Each answer is true now: probes are bounded by a second and kept for less than one, a mount that hangs hangs nobody,
//! and what cannot be known is not called `ok`. Answers carry codes only; the details go to the journal, once a change.

mod system;

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use jiff::Timestamp;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::App;
use crate::backups;
use crate::db::{self, Sql};
use crate::error::Result;
use crate::files;
use crate::lifecycle::Life;

/// How long one probe may take.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long a report is as good as a new one.
const FRESH: Duration = Duration::from_millis(900);
/// How often a role says that it is alive.
const BEAT: Duration = Duration::from_secs(5);
/// When a role that said nothing counts as stale. The SQL below says the same.
const STALE: Duration = Duration::from_secs(20);
/// The processes of a whole house.
const ROLES: [&str; 5] = ["api", "worker", "fetch", "beat", "watcher"];

const OK: &str = "ok";
/// Nobody can say, since the database cannot be asked.
const UNKNOWN: &str = "unknown";

// -- how the parts are

/// How the whole is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// All parts are well.
    Healthy,
    /// It serves, but something is missing.
    Degraded,
    /// It cannot serve.
    Unhealthy,
}

impl Status {
    /// As clients read it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Degraded => "degraded",
            Self::Unhealthy => "unhealthy",
        }
    }
}

/// What one look at all parts found: a code for each, `ok` or what is the matter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report(BTreeMap<&'static str, &'static str>);

impl Report {
    /// The whole, from its parts: without the database and its schema nothing works; all else only hurts.
    pub fn status(&self) -> Status {
        if !self.is_ready() {
            Status::Unhealthy
        } else if self.0.values().all(|code| *code == OK) {
            Status::Healthy
        } else {
            Status::Degraded
        }
    }

    /// Whether requests can be served.
    pub fn is_ready(&self) -> bool {
        ["database", "schema"].iter().all(|part| self.0.get(part) == Some(&OK))
    }

    /// The parts that are known not to be well: `redis unreachable, beat stale`. Empty when all are.
    pub fn complaints(&self) -> String {
        let bad = self.0.iter().filter(|(_, code)| ![OK, UNKNOWN].contains(code));
        bad.map(|(part, code)| format!("{part} {code}")).collect::<Vec<_>>().join(", ")
    }

    /// Each part, and whether it is well. What cannot be known is not.
    pub fn parts(&self) -> impl Iterator<Item = (&'static str, bool)> {
        self.0.iter().map(|(part, code)| (*part, *code == OK))
    }

    /// What one part is: `ok`, or what is the matter with it.
    pub fn code(&self, part: &str) -> &'static str {
        self.0.get(part).copied().unwrap_or(UNKNOWN)
    }

    fn shown(&self) -> Shown {
        let status = self.status().name();
        Shown { status, version: env!("CARGO_PKG_VERSION"), checks: self.0.clone() }
    }
}

/// What a probe found: a code, and the details for the journal.
#[derive(Debug, Clone)]
struct Found {
    code: &'static str,
    detail: String,
}

impl Found {
    fn ok() -> Self {
        Self::code(OK)
    }

    fn code(code: &'static str) -> Self {
        Self { code, detail: String::new() }
    }

    fn because(code: &'static str, detail: impl fmt::Display) -> Self {
        Self { code, detail: detail.to_string() }
    }
}

type Findings = Vec<(&'static str, Found)>;

/// The probes of one process, and what they found last.
#[derive(Default)]
pub struct Probes {
    latest: tokio::sync::Mutex<Option<(Instant, Report)>>,
    told: Mutex<BTreeMap<&'static str, &'static str>>,
    is_looking_at_music: Arc<AtomicBool>,
}

impl Probes {
    /// How the parts are, as of less than a second ago. However many ask, one looks.
    pub async fn look(&self, app: &App) -> Report {
        let mut latest = self.latest.lock().await;
        if let Some((at, report)) = &*latest
            && at.elapsed() < FRESH
        {
            return report.clone();
        }
        let (of_database, has_redis) = tokio::join!(look_at_database(app), app.cache.is_there());
        let (mut found, library) = of_database;
        found.push(("redis", if has_redis { Found::ok() } else { Found::code("unreachable") }));
        found.extend(self.look_at_music(app.music(), library).await);
        self.tell(&found);
        let report = Report(found.into_iter().map(|(part, found)| (part, found.code)).collect());
        *latest = Some((Instant::now(), report.clone()));
        report
    }

    /// A mount that hangs takes one thread, not one for each look.
    async fn look_at_music(&self, music: &Path, library: Option<Uuid>) -> Findings {
        let timed_out =
            || ["music_path", "music_library", "music_users"].map(|p| (p, Found::code("timeout")));
        if self.is_looking_at_music.swap(true, Ordering::AcqRel) {
            return timed_out().into();
        }
        let (music, is_looking) = (music.to_owned(), self.is_looking_at_music.clone());
        let look = tokio::task::spawn_blocking(move || {
            let found = inspect_music(&music, library);
            is_looking.store(false, Ordering::Release);
            found
        });
        match tokio::time::timeout(PATIENCE, look).await {
            Ok(Ok(found)) => found,
            Ok(Err(_)) | Err(_) => timed_out().into(),
        }
    }

    /// The journal hears of each change, once.
    fn tell(&self, found: &Findings) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        for (part, Found { code, detail }) in found {
            let was = told.insert(part, code);
            if was == Some(code) {
                continue;
            }
            match was {
                // At the start only what is wrong is news, and that others start too is no alarm.
                None if *code == OK => {}
                None => tracing::info!(check = part, code, detail, "a part is not well"),
                _ if *code == OK => tracing::info!(check = part, "a part is well again"),
                _ => tracing::warn!(check = part, code, detail, "a part is not well"),
            }
        }
    }
}

/// Database, schema and roles, and the id of the library that the database belongs to.
async fn look_at_database(app: &App) -> (Findings, Option<Uuid>) {
    match bounded(ask_database(app)).await {
        Ok(answer) => answer,
        Err(why) => {
            let mut found = vec![("database", why), ("schema", Found::code(UNKNOWN))];
            found.extend(ROLES.map(|role| (role, Found::code(UNKNOWN))));
            (found, None)
        }
    }
}

const LIBRARY: &str = "select id from library";
const FILES: &str = "select exists (select from damage where ended_at is null), (select reason from alarm order by raised_at limit 1)";
const HEARTBEATS: &str =
    "select role, bool_or(abs(extract(epoch from now() - seen_at)) < 20) from heartbeat group by role";

async fn ask_database(app: &App) -> Result<(Findings, Option<Uuid>)> {
    let client = app.db.get().await?;
    let version = db::current_version(&client).await?;
    let mut found = vec![("database", Found::ok())];
    if version < db::latest_version() {
        let needed = db::latest_version();
        let detail = format!("version {version} is there, {needed} is needed; `barbossa migrate` brings it");
        found.push(("schema", Found::because("older_than_program", detail)));
        found.extend(ROLES.map(|role| (role, Found::code(UNKNOWN))));
        return Ok((found, None));
    }
    found.push(("schema", Found::ok()));
    let library = client.row(LIBRARY, &[]).await?.get(0);
    found.push(("files", look_at_files(&client).await?));
    found.push(("backups", look_at_backups(app, &client).await?));
    let rows = client.rows(HEARTBEATS, &[]).await?;
    let seen: BTreeMap<String, bool> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    found.extend(ROLES.map(|role| {
        let code = match seen.get(role) {
            Some(true) => OK,
            Some(false) => "stale",
            None => "missing",
        };
        (role, Found::code(code))
    }));
    Ok((found, Some(library)))
}

/// What the rows know of the files: the disk itself is not asked.
async fn look_at_files(client: &impl Sql) -> Result<Found> {
    let row = client.row(FILES, &[]).await?;
    Ok(match (row.get::<_, Option<String>>(1), row.get(0)) {
        (Some(reason), _) => Found::because("vanished_files", reason),
        (None, true) => Found::because("damaged_files", "`barbossa integrity list` names them"),
        (None, false) => Found::ok(),
    })
}

/// What the rows know of the backups: the newest, and the last one that was restored to see whether it can be.
async fn look_at_backups(app: &App, client: &impl Sql) -> Result<Found> {
    let proof = backups::proof(client).await?;
    let newest = backups::list(client, 1).await?.pop();
    if let Some(failed) = newest.filter(|b| b.state == "failed") {
        return Ok(Found::because("backup_failed", failed.error.unwrap_or_default()));
    }
    if let Some(drill) = proof.last_drill.filter(|drill| drill.state == "failed") {
        return Ok(Found::because("restore_failed", drill.error.unwrap_or_default()));
    }
    if proof.is_overdue {
        let detail = "`barbossa backup drill` proves that the newest can be restored";
        return Ok(Found::because("restore_not_proven", detail));
    }
    look_at_copies(app, client).await
}

/// What the rows know of the copies elsewhere.
async fn look_at_copies(app: &App, client: &impl Sql) -> Result<Found> {
    let destinations = backups::destinations(client, &app.settings.backup.destinations).await?;
    for place in &destinations {
        let last = place.last.as_ref().filter(|last| last.state == "failed");
        if let Some(why) = last.and_then(|last| last.error.as_ref()) {
            return Ok(Found::because("copy_failed", format!("{}: {why}", place.name)));
        }
    }
    if let Some(place) = destinations.iter().find(|place| place.is_overdue) {
        let detail = format!("{}: none has come there for three days", place.name);
        return Ok(Found::because("copy_overdue", detail));
    }
    let music = backups::music_state(client, &app.settings).await?;
    let runs = [&music.last, &music.last_verified].into_iter().flatten();
    let failed = runs.filter(|run| run.state == "failed").find_map(|run| run.error.clone());
    Ok(match failed.filter(|_| music.repository.is_some()) {
        Some(why) => Found::because("music_backup_failed", why),
        None if music.is_overdue => {
            Found::because("music_backup_overdue", "systemctl status barbossa-backup-music.timer")
        }
        None => Found::ok(),
    })
}

async fn bounded<T>(ask: impl Future<Output = Result<T>>) -> std::result::Result<T, Found> {
    match tokio::time::timeout(PATIENCE, ask).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) if error.is_database_away() => Err(Found::because("unreachable", Causes(&error))),
        Ok(Err(error)) => Err(Found::because("refused", Causes(&error))),
        Err(_) => Err(Found::because("timeout", format!("no answer within {} s", PATIENCE.as_secs()))),
    }
}

/// Blocks for as long as the mount does. Without the library's id (the database is away) any marker will do.
fn inspect_music(music: &Path, library: Option<Uuid>) -> Findings {
    let of_path = match std::fs::metadata(music) {
        Err(error) => Found::because(absence(&error), error),
        Ok(there) if !there.is_dir() => Found::code("not_a_directory"),
        Ok(_) => match files::read_marker(music) {
            Ok(None) => Found::because("marker_missing", "the mount is away, or nothing was set up yet"),
            Ok(Some(id)) if library.is_some_and(|library| library != id) => {
                Found::because("other_library", format!("the marker says {id}"))
            }
            Ok(Some(_)) => Found::ok(),
            Err(error) => Found::because("unreadable", error),
        },
    };
    let of_folder = |name: &str| match std::fs::read_dir(music.join(name)) {
        Ok(_) => Found::ok(),
        Err(error) => Found::because(absence(&error), error),
    };
    vec![
        ("music_path", of_path),
        ("music_library", of_folder("artists")),
        ("music_users", of_folder("users")),
    ]
}

fn absence(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => "missing",
        io::ErrorKind::PermissionDenied => "not_accessible",
        io::ErrorKind::NotADirectory => "not_a_directory",
        _ => "unreadable",
    }
}

/// An error with all its causes.
struct Causes<'a>(&'a (dyn std::error::Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

// -- what a role waits for

/// Why a role cannot work yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Waiting {
    /// PostgreSQL is away, or does not let us in; the causes, for the journal.
    Database(String),
    /// The schema is older than this program needs.
    Schema {
        /// In the database.
        there: i32,
        /// By this program.
        needed: i32,
    },
}

impl fmt::Display for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(_) => f.write_str("waiting for PostgreSQL"),
            Self::Schema { there, needed } => write!(
                f,
                "waiting for the schema: version {there} is there, {needed} is needed (barbossa migrate)"
            ),
        }
    }
}

/// Whether a role can work: PostgreSQL answers, and its schema is at least ours. A newer one is fine, since migrations
/// only add; that is how the old version goes on serving while a new one is installed.
pub async fn usable(app: &App) -> std::result::Result<(), Waiting> {
    let version = async { db::current_version(&app.db.get().await?).await };
    match bounded(version).await {
        Ok(there) if there >= db::latest_version() => Ok(()),
        Ok(there) => Err(Waiting::Schema { there, needed: db::latest_version() }),
        Err(found) => Err(Waiting::Database(found.detail)),
    }
}

// -- the roles' own heartbeats

const SAY: &str = "insert into heartbeat (role, host, pid, status, version, started_at, seen_at)
    values ($1, $2, $3, $4, $5, $6, now())
    on conflict on constraint heartbeat_pk do update
    set status = excluded.status, version = excluded.version, started_at = excluded.started_at, seen_at = now()";
const BURY: &str =
    "delete from heartbeat where role = $1 and host = $2 and seen_at < now() - interval '1 minute'";
const LEAVE: &str = "delete from heartbeat where role = $1 and host = $2 and pid = $3";

/// Who beats: this process.
struct Heart {
    host: String,
    pid: i32,
    started_at: Timestamp,
}

impl Heart {
    fn of_this_process(app: &App) -> Self {
        let host =
            nix::unistd::gethostname().map_or_else(|_| "localhost".into(), |h| h.to_string_lossy().into());
        Self { host, pid: std::process::id().cast_signed(), started_at: app.clock.now() }
    }

    async fn say(&self, app: &App, status: &str) -> Result<()> {
        let client = app.db.get().await?;
        client.run(BURY, &[&app.role, &self.host]).await?;
        let version = env!("CARGO_PKG_VERSION");
        client
            .run(SAY, &[&app.role, &self.host, &self.pid, &status, &version, &self.started_at])
            .await
            .map(drop)
    }

    async fn leave(&self, app: &App) -> Result<()> {
        app.db.get().await?.run(LEAVE, &[&app.role, &self.host, &self.pid]).await.map(drop)
    }
}

/// Says once that this process is alive, and what it does.
pub async fn beat(app: &App, status: &str) -> Result<()> {
    Heart::of_this_process(app).say(app, status).await
}

/// Says every few seconds that this process is alive, as long as its work makes progress; takes the word back at the
/// end. A process that hangs grows stale although this task still runs.
pub async fn keep_beating(app: App, life: Life, until: CancellationToken) {
    let heart = Heart::of_this_process(&app);
    loop {
        let mut pause = BEAT;
        if life.since_progress() < STALE {
            let said = tokio::time::timeout(PATIENCE, heart.say(&app, &life.current_status())).await;
            if !matches!(said, Ok(Ok(()))) {
                // Whoever waits for the database says so; here only: again soon.
                pause = Duration::from_secs(1);
            }
        }
        tokio::select! {
            () = until.cancelled() => break,
            () = tokio::time::sleep(pause) => {}
        }
    }
    // Not said: then the row grows stale.
    let _ = tokio::time::timeout(PATIENCE, heart.leave(&app)).await;
}

// -- what clients see

/// `/health`, `/ready`, `/live`, at the root.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(health))
        .routes(routes!(ready))
        .routes(routes!(live))
        .routes(routes!(health_ready))
        .routes(routes!(health_live))
}

/// What is for admins, beneath `/api`.
pub fn api_routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(system::system))
}

/// How the whole is, and each part.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Health)]
struct Shown {
    /// `healthy`, `degraded` or `unhealthy`.
    status: &'static str,
    /// Of the program.
    version: &'static str,
    /// For each part `ok`, or a short code for what is the matter.
    checks: BTreeMap<&'static str, &'static str>,
}

/// Whether requests can be served.
#[derive(Debug, Serialize, ToSchema)]
struct Readiness {
    ready: bool,
}

/// That the process answers.
#[derive(Debug, Serialize, ToSchema)]
struct Liveness {
    alive: bool,
    /// Of the program.
    version: &'static str,
}

/// How the parts are.
#[utoipa::path(get, path = "/health", tag = "health", security(()),
    responses((status = 200, body = Shown), (status = 503, body = Shown, description = "It cannot serve")))]
async fn health(State(app): State<App>) -> Response {
    let report = app.kept::<Probes>().look(&app).await;
    answer(report.status() != Status::Unhealthy, report.shown())
}

/// Whether requests can be served.
#[utoipa::path(get, path = "/ready", tag = "health", security(()),
    responses((status = 200, body = Readiness), (status = 503, body = Readiness, description = "Not yet, or not now")))]
async fn ready(State(app): State<App>) -> Response {
    let is_ready = app.kept::<Probes>().look(&app).await.is_ready();
    answer(is_ready, Readiness { ready: is_ready })
}

/// That the process answers.
#[utoipa::path(get, path = "/live", tag = "health", security(()), responses((status = 200, body = Liveness)))]
async fn live() -> Response {
    answer(true, Liveness { alive: true, version: env!("CARGO_PKG_VERSION") })
}

/// The same as `/ready`.
#[utoipa::path(get, path = "/health/ready", tag = "health", security(()),
    responses((status = 200, body = Readiness), (status = 503, body = Readiness, description = "Not yet, or not now")))]
async fn health_ready(app: State<App>) -> Response {
    ready(app).await
}

/// The same as `/live`.
#[utoipa::path(get, path = "/health/live", tag = "health", security(()), responses((status = 200, body = Liveness)))]
async fn health_live() -> Response {
    live().await
}

fn answer(is_well: bool, body: impl Serialize) -> Response {
    let status = if is_well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    let mut response = (status, Json(body)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if !is_well {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(parts: &[(&'static str, &'static str)]) -> Report {
        let well = ["database", "schema", "redis", "music_path"].map(|part| (part, OK));
        Report(well.into_iter().chain(parts.iter().copied()).collect())
    }

    #[test]
    fn the_whole_is_as_well_as_its_parts() {
        for (parts, status) in [
            (&[][..], Status::Healthy),
            (&[("redis", "unreachable")], Status::Degraded),
            (&[("music_path", "marker_missing")], Status::Degraded),
            (&[("beat", "stale")], Status::Degraded),
            (&[("database", "timeout")], Status::Unhealthy),
            (&[("schema", "older_than_program")], Status::Unhealthy),
            (&[("database", "unreachable"), ("redis", "unreachable")], Status::Unhealthy),
        ] {
            assert_eq!(report(parts).status(), status, "{parts:?}");
        }
    }

    #[test]
    fn complaints_name_what_is_not_well() {
        assert_eq!(report(&[]).complaints(), "");
        assert_eq!(
            report(&[("redis", "unreachable"), ("beat", "stale")]).complaints(),
            "beat stale, redis unreachable"
        );
    }

    #[test]
    fn the_music_is_judged_by_its_marker() {
        let folder = tempfile::tempdir().unwrap();
        let code = |path: &Path, library| inspect_music(path, library)[0].1.code;
        assert_eq!(code(&folder.path().join("gone"), None), "missing");
        assert_eq!(code(folder.path(), None), "marker_missing");
        let library = Uuid::new_v4();
        files::write_marker(folder.path(), library).unwrap();
        assert_eq!(code(folder.path(), Some(library)), OK);
        assert_eq!(code(folder.path(), None), OK);
        assert_eq!(code(folder.path(), Some(Uuid::new_v4())), "other_library");
    }

    #[tokio::test]
    async fn a_mount_that_hangs_is_looked_at_once() {
        let probes = Probes::default();
        probes.is_looking_at_music.store(true, Ordering::Release);
        let found = probes.look_at_music(Path::new("/"), None).await;
        assert!(found.iter().all(|(_, found)| found.code == "timeout"));
    }
}
