//! Queues that stand still because an admin wants it: what runs comes to its end, and nothing more of them is begun. Owns
//! `queue_pause`.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::Queue;
use crate::app::App;
use crate::auth::{Admin, Client};
use crate::db::Sql;
use crate::error::{Error, Problem, Result};
use crate::input::Path;

const PAUSE: &str =
    "insert into queue_pause (queue, paused_by) values ($1, $2) on conflict (queue) do nothing";
const GO_ON: &str =
    "delete from queue_pause where queue = $1 returning pg_notify('barbossa_job', queue)::text";

/// What a queue does now.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct QueueStatus {
    queue: &'static str,
    /// `paused` or `running`.
    status: &'static str,
}

fn named(name: &str) -> Result<&'static str> {
    let known = Queue::ALL.iter().map(|queue| queue.name());
    known.into_iter().find(|queue| *queue == name).ok_or(Error::NotFound("Queue not found"))
}

/// Lets a queue stand still: its jobs wait until it goes on.
#[utoipa::path(post, path = "/jobs/queues/{queue}/pause", tag = "jobs", extensions(("x-role" = json!("admin"))),
    params(("queue" = String, Path, description = "`imports`, `exports`, `maintenance`, `downloads` or `network`")),
    responses((status = 200, body = QueueStatus), (status = 404, body = Problem)))]
pub(super) async fn pause_queue(
    State(app): State<App>,
    Admin(user): Admin,
    client: Client,
    Path(queue): Path<String>,
) -> Result<Json<QueueStatus>> {
    let queue = named(&queue)?;
    app.db.get().await?.run(PAUSE, &[&queue, &user.row()]).await?;
    tracing::info!(queue, user_id = user.row(), address = client.address_text(), "a queue was paused");
    Ok(Json(QueueStatus { queue, status: "paused" }))
}

/// Lets a queue go on.
#[utoipa::path(post, path = "/jobs/queues/{queue}/resume", tag = "jobs", extensions(("x-role" = json!("admin"))),
    params(("queue" = String, Path, description = "`imports`, `exports`, `maintenance`, `downloads` or `network`")),
    responses((status = 200, body = QueueStatus), (status = 404, body = Problem)))]
pub(super) async fn resume_queue(
    State(app): State<App>,
    Admin(user): Admin,
    client: Client,
    Path(queue): Path<String>,
) -> Result<Json<QueueStatus>> {
    let queue = named(&queue)?;
    app.db.get().await?.maybe_row(GO_ON, &[&queue]).await?;
    tracing::info!(queue, user_id = user.row(), address = client.address_text(), "a queue goes on");
    Ok(Json(QueueStatus { queue, status: "running" }))
}
