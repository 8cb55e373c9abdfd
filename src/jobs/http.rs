//! The queue as people see it: what waits, runs and failed, how far it is; cancel, and try again. Beneath `/api`.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::Row;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Queue, pause};
use crate::app::App;
use crate::auth::{Admin, User};
use crate::db::Sql;
use crate::error::{Error, Problem, Result};
use crate::input::{Path, Query};

const STATES: &[&str] = &["available", "running", "completed", "cancelled", "discarded"];
const MAX_LIMIT: i64 = 200;

/// All of them.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_jobs))
        .routes(routes!(list_queues))
        .routes(routes!(pause::pause_queue))
        .routes(routes!(pause::resume_queue))
        .routes(routes!(find_job))
        .routes(routes!(cancel_job))
        .routes(routes!(retry_job))
}

/// A job, as clients read it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Job)]
struct Shown {
    /// Its row.
    id: i64,
    /// `imports`, `exports`, `maintenance`, `downloads`, `network`.
    queue: String,
    /// `room.verb`.
    kind: String,
    /// `available` (waits), `running`, `completed`, `cancelled`, `discarded` (failed for the last time).
    state: String,
    /// Which attempt this is; 0 before the first.
    attempt: i32,
    /// After so many it is discarded.
    max_attempts: i32,
    /// How far it is, in its own words; often `{"done", "total"}`.
    progress: Option<Value>,
    /// What it was given; for admins.
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Value>,
    /// What came of it; for admins.
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Value>,
    /// Why the last attempt failed, or why it was cancelled.
    error: Option<String>,
    /// Somebody wants it to end.
    cancel_requested: bool,
    /// When it was asked for.
    created_at: Timestamp,
    /// Not before this.
    run_at: Timestamp,
    /// When the last attempt began.
    attempted_at: Option<Timestamp>,
    /// When it ended.
    finished_at: Option<Timestamp>,
}

impl From<&Row> for Shown {
    fn from(row: &Row) -> Self {
        Self {
            id: row.get("id"),
            queue: row.get("queue"),
            kind: row.get("kind"),
            state: row.get("state"),
            attempt: row.get("attempt"),
            max_attempts: row.get("max_attempts"),
            progress: row.get("progress"),
            payload: row.get("payload"),
            result: row.get("result"),
            error: row.get("error"),
            cancel_requested: row.get("cancel_requested"),
            created_at: row.get("created_at"),
            run_at: row.get("run_at"),
            attempted_at: row.get("attempted_at"),
            finished_at: row.get("finished_at"),
        }
    }
}

const ONE: &str = "select id, queue, kind, state, attempt, max_attempts, progress, payload, result, error, cancel_requested,
        created_at, run_at, attempted_at, finished_at
    from job where id = $1";
const LIST: &str = "select id, queue, kind, state, attempt, max_attempts, progress, payload, result, error, cancel_requested,
        created_at, run_at, attempted_at, finished_at
    from job
    where id < $1 and ($2::text is null or state = $2) and ($3::text is null or queue = $3) and ($4::text is null or kind = $4)
    order by id desc limit $5";
const QUEUES: &str = "select q.queue, exists (select from queue_pause p where p.queue = q.queue) as paused,
        count(*) filter (where state = 'available' and run_at <= now()) as ready,
        count(*) filter (where state = 'available' and run_at > now()) as put_off,
        count(*) filter (where state = 'running') as running,
        count(*) filter (where state = 'discarded') as failed,
        min(run_at) filter (where state = 'available' and run_at <= now()) as oldest
    from unnest($1::text[]) q (queue)
        left join job j on j.queue = q.queue and j.state in ('available', 'running', 'discarded')
    group by q.queue order by q.queue";

/// `?state&queue&kind&before&limit`
#[derive(Debug, Deserialize, IntoParams)]
struct Which {
    /// `available` (waits), `running`, `completed`, `cancelled`, `discarded` (failed for the last time).
    state: Option<String>,
    /// `imports`, `exports`, `maintenance`, `downloads`, `network`.
    queue: Option<String>,
    /// `room.verb`.
    kind: Option<String>,
    /// Only those asked for before this one.
    before: Option<i64>,
    /// At most so many; 50 when it is not said.
    #[param(minimum = 1, maximum = 200)]
    limit: Option<i64>,
}

/// Some jobs.
#[derive(Serialize, ToSchema)]
struct JobPage {
    items: Vec<Shown>,
    /// As asked.
    limit: i64,
    /// Asks for what follows; null on the last page.
    next_before: Option<i64>,
}

/// Jobs, the newest first.
#[utoipa::path(get, path = "/jobs", tag = "jobs", extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = JobPage)))]
async fn list_jobs(State(app): State<App>, _: Admin, Query(which): Query<Which>) -> Result<Json<JobPage>> {
    let given = |text: Option<String>| text.filter(|t| !t.is_empty() && !t.contains('\0'));
    let (state, queue, kind) = (given(which.state), given(which.queue), given(which.kind));
    if state.as_deref().is_some_and(|s| !STATES.contains(&s)) {
        return Err(Error::Parameter {
            field: "state",
            message: format!("must be one of {}", STATES.join(", ")),
        });
    }
    let limit = which.limit.unwrap_or(50);
    if !(1..=MAX_LIMIT).contains(&limit) {
        return Err(Error::Parameter { field: "limit", message: format!("must be from 1 to {MAX_LIMIT}") });
    }
    let before = which.before.unwrap_or(i64::MAX);
    let rows = app.db.get().await?.rows(LIST, &[&before, &state, &queue, &kind, &limit]).await?;
    let items: Vec<Shown> = rows.iter().map(Shown::from).collect();
    let next_before = items.last().filter(|_| items.len() as i64 == limit).map(|job| job.id);
    Ok(Json(JobPage { items, limit, next_before }))
}

/// A queue's length.
#[derive(Serialize, ToSchema)]
struct QueueLength {
    queue: String,
    /// Nothing of it is begun until an admin lets it go on.
    paused: bool,
    /// Could begin now.
    ready: i64,
    /// Wait for their time.
    put_off: i64,
    /// Are being done.
    running: i64,
    /// Have failed for the last time.
    failed: i64,
    /// Since when the oldest that is ready could have begun.
    oldest: Option<Timestamp>,
}

/// All queues.
#[derive(Serialize, ToSchema)]
struct Queues {
    items: Vec<QueueLength>,
}

/// How long the queues are.
#[utoipa::path(get, path = "/jobs/queues", tag = "jobs", extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = Queues)))]
async fn list_queues(State(app): State<App>, _: Admin) -> Result<Json<Queues>> {
    let names: Vec<&str> = Queue::ALL.iter().map(|queue| queue.name()).collect();
    let rows = app.db.get().await?.rows(QUEUES, &[&names]).await?;
    let items = rows.iter().map(|row| QueueLength {
        queue: row.get("queue"),
        paused: row.get("paused"),
        ready: row.get("ready"),
        put_off: row.get("put_off"),
        running: row.get("running"),
        failed: row.get("failed"),
        oldest: row.get("oldest"),
    });
    Ok(Json(Queues { items: items.collect() }))
}

/// One job. Whoever has been told its number may see how far it is; what it is about is for admins.
#[utoipa::path(get, path = "/jobs/{id}", tag = "jobs", responses((status = 200, body = Shown)))]
async fn find_job(State(app): State<App>, user: User, Path(id): Path<i64>) -> Result<Json<Shown>> {
    let row = app.db.get().await?.maybe_row(ONE, &[&id]).await?;
    let mut job = row.as_ref().map(Shown::from).ok_or(Error::NotFound("Job not found"))?;
    if !user.is_admin {
        (job.payload, job.result) = (None, None);
    }
    Ok(Json(job))
}

/// What was done with a job.
#[derive(Serialize, ToSchema)]
struct JobStatus {
    /// `cancelled` or `queued`.
    status: &'static str,
    id: i64,
}

/// Ends a job; one that runs ends at its next safe place.
#[utoipa::path(post, path = "/jobs/{id}/cancel", tag = "jobs", extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = JobStatus), (status = 409, body = Problem)))]
async fn cancel_job(State(app): State<App>, _: Admin, Path(id): Path<i64>) -> Result<Json<JobStatus>> {
    let client = app.db.get().await?;
    client.maybe_row(ONE, &[&id]).await?.ok_or(Error::NotFound("Job not found"))?;
    if !super::cancel(&client, id).await? {
        return Err(Error::Conflict("It has ended already.".into()));
    }
    Ok(Json(JobStatus { status: "cancelled", id }))
}

/// Gives a job that failed or was cancelled all its attempts again.
#[utoipa::path(post, path = "/jobs/{id}/retry", tag = "jobs", extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = JobStatus), (status = 409, body = Problem)))]
async fn retry_job(State(app): State<App>, _: Admin, Path(id): Path<i64>) -> Result<Json<JobStatus>> {
    let client = app.db.get().await?;
    client.maybe_row(ONE, &[&id]).await?.ok_or(Error::NotFound("Job not found"))?;
    if !super::retry(&client, id).await? {
        let why = "It has not failed, or another one for the same thing waits already.";
        return Err(Error::Conflict(why.into()));
    }
    Ok(Json(JobStatus { status: "queued", id }))
}
