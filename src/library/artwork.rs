//! Pictures: an album's cover, an artist's portrait (else the cover of the first album).

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;

use super::serve::{Handout, hand_out};
use crate::app::{App, Via};
use crate::auth::User;
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::input::Path;

const OF_ALBUM: &str = "select artwork_path from album where id = $1";
const OF_ARTIST: &str = "select coalesce(r.artwork_path, (
        select a.artwork_path from album a where a.artist_id = r.id and a.artwork_path is not null
        order by a.year nulls last, a.sort_key, a.id limit 1))
    from artist r where r.id = $1";

/// GET and HEAD `/albums/{id}/artwork`
pub async fn of_album(
    State(app): State<App>,
    _: User,
    via: Option<Extension<Via>>,
    Path(id): Path<i64>,
    request: HeaderMap,
) -> Result<Response> {
    picture(&app, via, &request, OF_ALBUM, id, "Album not found").await
}

/// GET and HEAD `/artists/{id}/artwork`
pub async fn of_artist(
    State(app): State<App>,
    _: User,
    via: Option<Extension<Via>>,
    Path(id): Path<i64>,
    request: HeaderMap,
) -> Result<Response> {
    picture(&app, via, &request, OF_ARTIST, id, "Artist not found").await
}

async fn picture(
    app: &App,
    via: Option<Extension<Via>>,
    request: &HeaderMap,
    sql: &'static str,
    id: i64,
    missing: &'static str,
) -> Result<Response> {
    let row = app.db.get().await?.maybe_row(sql, &[&id]).await?.ok_or(Error::NotFound(missing))?;
    let path: &str = row.get::<_, Option<&str>>(0).ok_or(Error::NotFound("Artwork not found"))?;
    let file = Handout {
        path,
        content_type: media_type(path),
        // A grid of covers is shown again and again; a new cover may take a quarter of an hour to be seen.
        cache_control: "private, max-age=900, stale-while-revalidate=86400",
        file_name: None,
        missing: "Artwork not found",
    };
    hand_out(app, via.map(|v| v.0), request, &file).await
}

/// Of a picture, by its ending. Nothing that a browser would run: no SVG, no HTML.
fn media_type(path: &str) -> &'static str {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending.to_ascii_lowercase().as_str() {
        "jpg" | "jpeg" => "image/jpeg",
        "png" => "image/png",
        "webp" => "image/webp",
        "gif" => "image/gif",
        _ => "application/octet-stream",
    }
}
