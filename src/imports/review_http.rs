//! The routes of review: look, approve, reject, put back, undo. Admins look; everyone who may import decides, by name.
//! Beneath `/api`.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use bytes::Bytes;
use http::StatusCode;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::review::{self, Review, ReviewDetail};
use super::undo::undo;
use super::verdict::{Approval, WhenThere, approve, put_back, reject};
use crate::app::App;
use crate::auth::{Admin, User};
use crate::db::{Sql, Transaction};
use crate::error::{Error, Problem, Result};
use crate::input::{self, Path, Query};
use crate::jobs::{self, End};
use crate::library::ensure_music_is_there;

/// How long an answer waits for the job.
const PATIENCE: Duration = Duration::from_secs(8);
/// How many a list has at most.
const MAX_LIMIT: i64 = 500;
/// No name is longer.
const MAX_NAME_BYTES: usize = 1000;

/// All of them.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list_reviews))
        .routes(routes!(failed_reviews))
        .routes(routes!(find_review))
        .routes(routes!(approve_review))
        .routes(routes!(decide_review))
        .routes(routes!(reject_review))
        .routes(routes!(put_review_back))
        .routes(routes!(undo_review))
        .merge(super::picture::routes())
}

// -- looking

/// `?status&before&limit`
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Which {
    /// `pending` (when it is not said), `approved`, `rejected`, `failed` or `duplicate`; `manual`, as the first version had it,
    /// is always empty.
    status: Option<String>,
    /// Older than the one of this id.
    before: Option<i64>,
    /// At most so many; 500 when it is not said.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<i64>,
}

impl Which {
    fn limit(&self) -> Result<i64> {
        let limit = self.limit.unwrap_or(MAX_LIMIT);
        if (1..=MAX_LIMIT).contains(&limit) {
            return Ok(limit);
        }
        Err(Error::Parameter { field: "limit", message: format!("must be from 1 to {MAX_LIMIT}") })
    }
}

/// Imports that wait for a person, or have waited, the newest first.
#[utoipa::path(get, path = "/import/review", tag = "review", params(Which), extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = Vec<Review>)))]
async fn list_reviews(
    State(app): State<App>,
    _: Admin,
    Query(which): Query<Which>,
) -> Result<Json<Vec<Review>>> {
    let state = review::state_of(which.status.as_deref().unwrap_or("pending"))?;
    Ok(Json(Review::list(&app.db.get().await?, state, which.before, which.limit()?).await?))
}

/// Imports that failed, the newest first.
#[utoipa::path(get, path = "/import/review/failed", tag = "review", params(Which), extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = Vec<Review>)))]
async fn failed_reviews(
    State(app): State<App>,
    _: Admin,
    Query(which): Query<Which>,
) -> Result<Json<Vec<Review>>> {
    Ok(Json(Review::list(&app.db.get().await?, "failed", which.before, which.limit()?).await?))
}

/// One of them with evidence, files, and what the library has beside it.
#[utoipa::path(get, path = "/import/review/{id}", tag = "review", extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = ReviewDetail)))]
async fn find_review(State(app): State<App>, _: Admin, Path(id): Path<i64>) -> Result<Json<ReviewDetail>> {
    Ok(Json(ReviewDetail::find(&app, id).await?))
}

// -- deciding

/// What a person may say of a folder; a body that is not there says nothing.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = Approval)]
struct Words {
    /// Instead of what was suggested.
    artist: Option<String>,
    /// Instead of what was suggested.
    album: Option<String>,
    /// Instead of what was suggested.
    #[schema(minimum = 1, maximum = 9999)]
    year: Option<i32>,
    /// When the album is there already.
    #[serde(default)]
    when_there: WhenThere,
    /// It is what came second.
    #[serde(default)]
    use_runner_up: bool,
}

impl Words {
    fn check(self, by: Option<i64>) -> Result<Approval> {
        Ok(Approval {
            artist: name("artist", self.artist)?,
            album: name("album", self.album)?,
            year: year(self.year)?,
            use_runner_up: self.use_runner_up,
            when_there: self.when_there,
            by,
            known: None,
        })
    }
}

/// A name that can be stored and filed; a blank one says nothing.
fn name(field: &'static str, name: Option<String>) -> Result<Option<String>> {
    let Some(name) = name.map(|n| n.trim().to_owned()).filter(|n| !n.is_empty()) else { return Ok(None) };
    if name.len() > MAX_NAME_BYTES || name.contains(char::is_control) {
        let message = format!("must have at most {MAX_NAME_BYTES} bytes, and no control characters");
        return Err(Error::Field { field, message });
    }
    Ok(Some(name))
}

fn year(year: Option<i32>) -> Result<Option<i32>> {
    match year {
        Some(year) if !(1..=9999).contains(&year) => {
            Err(Error::Field { field: "year", message: "must be from 1 to 9999".into() })
        }
        year => Ok(year),
    }
}

fn body<T: DeserializeOwned + Default>(bytes: &Bytes) -> Result<T> {
    Ok(input::optional_json(bytes)?.unwrap_or_default())
}

/// Where a decision has led.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ReviewDecided)]
struct Decided {
    /// `approved`, `rejected` or `pending`.
    status: &'static str,
    /// The album that it became.
    album_id: Option<i64>,
    /// The job that carries it out.
    job_id: i64,
    /// It is on its way, but not there yet.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pending: bool,
    /// Where the files are now.
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
}

type Answer = (StatusCode, Json<Decided>);

/// Files it as suggested, or as the body says.
#[utoipa::path(post, path = "/import/review/{id}/approve", tag = "review", request_body = Option<Words>,
    responses((status = 200, body = Decided), (status = 202, body = Decided), (status = 409, body = Problem)))]
async fn approve_review(state: State<App>, user: User, id: Path<i64>, sent: Bytes) -> Result<Answer> {
    decide_review(state, user, id, sent).await
}

/// Files it as the body says; the same as `approve`.
#[utoipa::path(post, path = "/import/review/{id}/manual", tag = "review", request_body = Option<Words>,
    responses((status = 200, body = Decided), (status = 202, body = Decided), (status = 409, body = Problem)))]
async fn decide_review(
    State(app): State<App>,
    user: User,
    Path(id): Path<i64>,
    sent: Bytes,
) -> Result<Answer> {
    let approval = body::<Words>(&sent)?.check(user.row())?;
    let job = decided(&app, async |tx| approve(tx, id, &approval).await).await?;
    answer(&app, job, &[("approved", "done")]).await
}

/// `{reason?, delete_files=false}`
#[derive(Debug, Default, Deserialize, ToSchema)]
#[schema(as = Rejection)]
struct Refusal {
    /// For whoever looks at it later.
    reason: Option<String>,
    /// Into the trash, instead of `import/rejected`.
    #[serde(default)]
    delete_files: bool,
}

/// Keeps it out of the library.
#[utoipa::path(post, path = "/import/review/{id}/reject", tag = "review", request_body = Option<Refusal>,
    responses((status = 200, body = Decided), (status = 202, body = Decided), (status = 409, body = Problem)))]
async fn reject_review(
    State(app): State<App>,
    user: User,
    Path(id): Path<i64>,
    sent: Bytes,
) -> Result<Answer> {
    let refusal: Refusal = body(&sent)?;
    let reason = name("reason", refusal.reason)?;
    let to_trash = refusal.delete_files;
    let job = decided(&app, async |tx| reject(tx, id, user.row(), reason.as_deref(), to_trash).await).await?;
    answer(&app, job, &[("rejected", "rejected")]).await
}

/// What was rejected waits for a person again.
#[utoipa::path(post, path = "/import/review/{id}/put-back", tag = "review",
    responses((status = 200, body = Decided), (status = 202, body = Decided), (status = 409, body = Problem)))]
async fn put_review_back(State(app): State<App>, user: User, Path(id): Path<i64>) -> Result<Answer> {
    let job = decided(&app, async |tx| put_back(tx, id, user.row()).await).await?;
    answer(&app, job, &[("pending", "review")]).await
}

/// Takes the last decision back: what was approved leaves the library, with the tags that it had, and waits for a person
/// again, and so does what was rejected; what was put back is rejected again.
#[utoipa::path(post, path = "/import/review/{id}/undo", tag = "review",
    responses((status = 200, body = Decided), (status = 202, body = Decided), (status = 409, body = Problem)))]
async fn undo_review(State(app): State<App>, user: User, Path(id): Path<i64>) -> Result<Answer> {
    let job = decided(&app, async |tx| undo(tx, id, user.row()).await).await?;
    answer(&app, job, &[("pending", "review"), ("rejected", "rejected")]).await
}

/// Commits the decision and its job together.
async fn decided(app: &App, decide: impl AsyncFnOnce(&Transaction<'_>) -> Result<i64>) -> Result<i64> {
    ensure_music_is_there(app).await?;
    let mut client = app.db.get().await?;
    let tx = client.transaction().await?;
    jobs::name_request(&tx).await?;
    let job = decide(&tx).await?;
    tx.commit().await?;
    Ok(job)
}

const OUTCOME: &str = "select state, album_id, path, reason from import where id = $1";

/// 200 when it has come to a state that was wanted (each with its word in the answer), 202 when it is on its way, 409 with the reason when it came to another.
async fn answer(app: &App, job_id: i64, wanted: &[(&'static str, &str)]) -> Result<Answer> {
    let ended = jobs::wait(app, &[job_id], PATIENCE).await.pop().map(|ended| ended.end);
    let result = match ended {
        None => {
            let status = wanted.first().map_or("pending", |(status, _)| *status);
            let body = Decided { status, album_id: None, job_id, pending: true, path: None };
            return Ok((StatusCode::ACCEPTED, Json(body)));
        }
        Some(End::Completed(result)) => result,
        Some(End::Cancelled(reason)) => return Err(Error::Conflict(reason)),
        Some(End::Discarded(error)) => return Err(anyhow::anyhow!("job {job_id}: {error}").into()),
    };
    let id = result["import_id"].as_i64().unwrap_or_default();
    let row = app.db.get().await?.row(OUTCOME, &[&id]).await?;
    let state: &str = row.get(0);
    let Some((status, _)) = wanted.iter().find(|(_, wanted)| *wanted == state) else {
        let reason: Option<&str> = row.get(3);
        return Err(Error::Conflict(came_to(state, reason.unwrap_or("nobody knows why"))));
    };
    let path = if state == "done" { None } else { row.get(2) };
    Ok((StatusCode::OK, Json(Decided { status, album_id: row.get(1), job_id, pending: false, path })))
}

fn came_to(state: &str, reason: &str) -> String {
    match state {
        "review" => {
            format!("It still waits for a person: {reason}. Say when_there: replace, beside or extend.")
        }
        "duplicate" => format!("It is in the trash: {reason}."),
        other => format!("It is {other} now: {reason}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_that_is_not_there_says_nothing_and_a_blank_name_neither() {
        let words: Words = body(&Bytes::from_static(b" ")).unwrap();
        let approval = words.check(Some(3)).unwrap();
        assert_eq!(approval, Approval { by: Some(3), ..Approval::default() });
        let words: Words = body(&Bytes::from_static(br#"{"artist":"  ","when_there":"beside"}"#)).unwrap();
        let approval = words.check(Some(3)).unwrap();
        assert_eq!((approval.artist, approval.when_there), (None, WhenThere::Beside));
    }

    #[test]
    fn what_cannot_be_a_name_or_a_year_is_refused_by_name() {
        for (sent, field) in [
            (r#"{"artist":"a\u0000b"}"#, "artist"),
            (r#"{"album":"a\nb"}"#, "album"),
            (r#"{"year":0}"#, "year"),
        ] {
            let words =
                body::<Words>(&Bytes::copy_from_slice(sent.as_bytes())).and_then(|w| w.check(Some(1)));
            assert!(matches!(words, Err(Error::Field { field: f, .. }) if f == field), "{sent}");
        }
        let unread = body::<Words>(&Bytes::from_static(br#"{"when_there":"x"}"#)).unwrap_err();
        assert!(matches!(&unread, Error::Unread(_)) && unread.to_string().contains("when_there"), "{unread}");
    }
}
