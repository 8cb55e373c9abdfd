//! How I am told of what needs me. Beneath `/api/me`.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::TestTarget;
use super::news::EVENTS;
use super::target::{self, NewTarget, Target, concerning};
use crate::answer::Status;
use crate::app::App;
use crate::auth::Person;
use crate::db::Sql;
use crate::error::{Error, Problem, Result};
use crate::input::{self, Path};
use crate::jobs;

/// Longer than a mail server may take to answer.
const PATIENCE: Duration = Duration::from_secs(25);

/// All of them.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(my_notifications, add_notification))
        .routes(routes!(change_notification, remove_notification))
        .routes(routes!(test_notifications))
}

/// How I am told, and of what I could be.
#[derive(Debug, Serialize, ToSchema)]
struct Notifications {
    targets: Vec<Target>,
    /// What concerns me.
    events: Vec<EventShown>,
    /// `webhook`, `ntfy`, `email`.
    kinds: [&'static str; 3],
}

/// Something that can be told.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = NotificationEvent)]
struct EventShown {
    name: &'static str,
    /// As a sentence.
    meaning: &'static str,
}

/// How I am told of what needs me, and of what I could be.
#[utoipa::path(get, path = "/me/notifications", tag = "notifications", responses((status = 200, body = Notifications)))]
async fn my_notifications(State(app): State<App>, Person(user): Person) -> Result<Json<Notifications>> {
    let targets = target::of_user(&app.db.get().await?, user.id).await?;
    let mine = concerning(user.is_admin);
    let events = EVENTS.iter().filter(|event| mine.iter().any(|name| name == event.name));
    let events = events.map(|event| EventShown { name: event.name, meaning: event.meaning }).collect();
    Ok(Json(Notifications { targets, events, kinds: ["webhook", "ntfy", "email"] }))
}

/// Adds a way to tell me: a webhook (POST with JSON), a topic at ntfy, or an e-mail address.
#[utoipa::path(post, path = "/me/notifications", tag = "notifications",
    responses((status = 201, body = Target), (status = 409, body = Problem, description = "It is there already, or there are too many")))]
async fn add_notification(
    State(app): State<App>,
    Person(user): Person,
    input::Json(wanted): input::Json<NewTarget>,
) -> Result<(StatusCode, Json<Target>)> {
    let wanted = wanted.checked(&app.settings, user.is_admin)?;
    let made = target::create(&app.db.get().await?, user.id, &wanted).await?;
    Ok((StatusCode::CREATED, Json(made)))
}

/// Changes a way to tell me.
#[utoipa::path(put, path = "/me/notifications/{id}", tag = "notifications",
    responses((status = 200, body = Target), (status = 409, body = Problem, description = "It is there already")))]
async fn change_notification(
    State(app): State<App>,
    Person(user): Person,
    Path(id): Path<i64>,
    input::Json(wanted): input::Json<NewTarget>,
) -> Result<Json<Target>> {
    let wanted = wanted.checked(&app.settings, user.is_admin)?;
    Ok(Json(target::change(&app.db.get().await?, user.id, id, &wanted).await?))
}

/// Forgets a way to tell me.
#[utoipa::path(delete, path = "/me/notifications/{id}", tag = "notifications", responses((status = 200, body = Status)))]
async fn remove_notification(
    State(app): State<App>,
    Person(user): Person,
    Path(id): Path<i64>,
) -> Result<Json<Status>> {
    target::remove(&app.db.get().await?, user.id, id).await?;
    Ok(Json(Status { status: "deleted" }))
}

/// Which one is tried.
#[derive(Debug, Default, Deserialize, ToSchema)]
struct Which {
    /// Only this one; all of mine, when it is not said.
    id: Option<i64>,
}

/// What became of a test.
#[derive(Debug, Serialize, ToSchema)]
struct TestResult {
    id: i64,
    /// Whether it was taken there.
    sent: bool,
    /// Why not.
    error: Option<String>,
}

// The clock is the row's, so that no process is asked in vain.
const MAY_TEST: &str = "update message_target set last_test_at = now()
    where user_id = $1 and ($2::bigint is null or id = $2)
        and (last_test_at is null or last_test_at < now() - interval '10 seconds')
    returning id";
const ARE_THERE: &str =
    "select count(*) from message_target where user_id = $1 and ($2::bigint is null or id = $2)";

/// Sends me a test message, by one way or by all of mine; each at most every ten seconds.
#[utoipa::path(post, path = "/me/notifications/test", tag = "notifications", request_body = Option<Which>,
    responses((status = 200, body = Vec<TestResult>), (status = 404, body = Problem, description = "There is no such target")))]
async fn test_notifications(
    State(app): State<App>,
    Person(user): Person,
    body: bytes::Bytes,
) -> Result<Json<Vec<TestResult>>> {
    let which: Which = input::optional_json(&body)?.unwrap_or_default();
    let client = app.db.get().await?;
    let count: i64 = client.row(ARE_THERE, &[&user.id, &which.id]).await?.get(0);
    if count == 0 {
        return Err(Error::NotFound("There is no such target"));
    }
    let ids: Vec<i64> =
        client.rows(MAY_TEST, &[&user.id, &which.id]).await?.iter().map(|row| row.get(0)).collect();
    drop(client);
    if ids.is_empty() {
        let message = "It was tested a moment ago.".into();
        return Err(Error::TooMany { message, retry_after_seconds: 10 });
    }
    let tests = ids.into_iter().map(|id| {
        let app = &app;
        async move {
            let (sent, error) = match jobs::ask(app, &TestTarget { target_id: id }, PATIENCE).await {
                Ok(told) => (told["sent"] == true, told["error"].as_str().map(str::to_owned)),
                Err(Error::Upstream(why)) => (false, Some(why)),
                Err(error) => return Err(error),
            };
            Ok(TestResult { id, sent, error })
        }
    });
    Ok(Json(futures_util::future::try_join_all(tests).await?))
}
