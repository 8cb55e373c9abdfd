//! A cover for what waits for a decision: kept with the import, and handed on to the album once it is filed. Owns
//! `import_picture`.

use axum::Json;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::response::{IntoResponse, Response};
use http::header;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::answer::Status;
use crate::app::App;
use crate::auth::User;
use crate::db::Sql;
use crate::edits::{self, ArtworkForm, PICTURE_BODY_LIMIT};
use crate::error::{Error, Result};
use crate::input::Path;
use crate::library::Sitter;
use crate::picture;

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(put_review_artwork, review_artwork, remove_review_artwork))
        .layer(DefaultBodyLimit::max(PICTURE_BODY_LIMIT))
}

const KEEP: &str = "insert into import_picture (import_id, image, sent_by)
    select id, $2, $3 from import where id = $1 and state in ('review', 'rejected', 'duplicate', 'failed')
    on conflict (import_id) do update set image = excluded.image, sent_by = excluded.sent_by, created_at = now()";
const EXISTS: &str = "select exists (select from import where id = $1)";
const FIND: &str = "select image from import_picture where import_id = $1";
const REMOVE: &str = "delete from import_picture where import_id = $1";
const TAKE: &str = "delete from import_picture where import_id = $1 returning image, sent_by";

/// Keeps a picture for what waits for a decision: it becomes the album's cover when it is filed. The field `artwork` of a
/// form, or the body itself.
#[utoipa::path(put, path = "/import/review/{id}/artwork", tag = "review",
    request_body(content((ArtworkForm = "multipart/form-data"), (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png"), (Vec<u8> = "image/webp"))),
    responses((status = 200, body = Status)))]
async fn put_review_artwork(
    State(app): State<App>,
    user: User,
    Path(id): Path<i64>,
    body: Request,
) -> Result<Json<Status>> {
    let image = edits::picture_sent(&app, body).await?;
    let client = app.db.get().await?;
    if client.run(KEEP, &[&id, &&image[..], &user.row()]).await? > 0 {
        return Ok(Json(Status { status: "kept" }));
    }
    match client.row(EXISTS, &[&id]).await?.get(0) {
        true => Err(Error::Invalid("Item already processed".into())),
        false => Err(Error::NotFound("Review item not found")),
    }
}

/// The picture that somebody sent for it.
#[utoipa::path(get, path = "/import/review/{id}/artwork", tag = "review",
    responses((status = 200, content((Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png"), (Vec<u8> = "image/webp")))))]
async fn review_artwork(State(app): State<App>, _: User, Path(id): Path<i64>) -> Result<Response> {
    let row = app.db.get().await?.maybe_row(FIND, &[&id]).await?;
    let image: Vec<u8> = row.ok_or(Error::NotFound("Artwork not found"))?.get(0);
    let kind = picture::media_type(&image).unwrap_or("application/octet-stream");
    Ok(([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "private, no-cache")], image).into_response())
}

/// Takes the picture back that somebody sent for it.
#[utoipa::path(delete, path = "/import/review/{id}/artwork", tag = "review", responses((status = 200, body = Status)))]
async fn remove_review_artwork(State(app): State<App>, _: User, Path(id): Path<i64>) -> Result<Json<Status>> {
    match app.db.get().await?.run(REMOVE, &[&id]).await? {
        0 => Err(Error::NotFound("Artwork not found")),
        _ => Ok(Json(Status { status: "deleted" })),
    }
}

/// It is an album now: the picture that was sent for it is to be the album's.
pub(super) async fn hand_on(tx: &impl Sql, import_id: i64, album_id: i64) -> Result<()> {
    let Some(row) = tx.maybe_row(TAKE, &[&import_id]).await? else { return Ok(()) };
    let (image, sent_by): (Vec<u8>, Option<i64>) = (row.get(0), row.get(1));
    edits::give_picture(tx, Sitter::Album(album_id), &image, sent_by).await.map(drop)
}
