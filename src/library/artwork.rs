//! Pictures: an album's cover, an artist's portrait (else the cover of the newest album); whole, or in one of two small
//! sizes that the worker made. Until it has, the whole one is sent.
//!
//! Albums, artists and tracks say the `artwork_version` of theirs, which is a part of the content's hash. Whoever asks for
//! a small picture by its version may keep it for good: another picture has another version.

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use jiff::Timestamp;
use serde::Deserialize;
use tokio_postgres::Row;
use utoipa::IntoParams;

use super::serve::{Handout, hand_out};
use super::thumbnails::{MakeThumbnails, about, thumbnail};
use crate::app::{App, Via};
use crate::auth::User;
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::files;
use crate::input::{Path, Query};
use crate::jobs;
use crate::picture::THUMBNAIL_PIXELS;

const OF_ALBUM: &str = "select a.artwork_path, p.size_bytes, p.modified_at, p.hash
    from album a left join picture p on p.path = a.artwork_path where a.id = $1";
const OF_ARTIST: &str = "select shown.path, p.size_bytes, p.modified_at, p.hash
    from artist r
        cross join lateral (select coalesce(r.artwork_path, (
            select a.artwork_path from album a where a.artist_id = r.id and a.artwork_path is not null
            order by a.year desc nulls last, a.sort_key, a.id limit 1)) as path) shown
        left join picture p on p.path = shown.path
    where r.id = $1";
const SET_OF_ALBUM: &str = "update album set artwork_path = $2, updated_at = now() where id = $1";
const SET_OF_ARTIST: &str = "update artist set artwork_path = $2, updated_at = now() where id = $1";
const FORGET: &str = "delete from picture where path = $1";

/// `?size=200` or `?size=600`, and `&v=…`; without a size, the whole picture.
#[derive(Debug, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Size {
    /// The longer side in pixels, 200 or 600; the whole picture when it is not said.
    size: Option<u32>,
    /// The `artwork_version` that was told: the answer may be kept for good when it is still that one. Whatever it is,
    /// the picture of now is sent.
    v: Option<String>,
}

/// An album's cover.
#[utoipa::path(get, path = "/albums/{id}/artwork", tag = "files", params(Size), responses((status = 200, content_type = "image/*", body = Vec<u8>), (status = 304, description = "As known")))]
pub async fn album_artwork(
    State(app): State<App>,
    _: User,
    via: Option<Extension<Via>>,
    Path(id): Path<i64>,
    Query(size): Query<Size>,
    request: HeaderMap,
) -> Result<Response> {
    picture(&app, via, &request, OF_ALBUM, id, &size, "Album not found").await
}

/// An artist's portrait, else the cover of the newest album.
#[utoipa::path(get, path = "/artists/{id}/artwork", tag = "files", params(Size), responses((status = 200, content_type = "image/*", body = Vec<u8>), (status = 304, description = "As known")))]
pub async fn artist_artwork(
    State(app): State<App>,
    _: User,
    via: Option<Extension<Via>>,
    Path(id): Path<i64>,
    Query(size): Query<Size>,
    request: HeaderMap,
) -> Result<Response> {
    picture(&app, via, &request, OF_ARTIST, id, &size, "Artist not found").await
}

async fn picture(
    app: &App,
    via: Option<Extension<Via>>,
    request: &HeaderMap,
    sql: &'static str,
    id: i64,
    size: &Size,
    missing: &'static str,
) -> Result<Response> {
    if size.size.is_some_and(|s| !THUMBNAIL_PIXELS.contains(&s)) {
        return Err(Error::Parameter { field: "size", message: "must be 200 or 600".into() });
    }
    let row = app.db.get().await?.maybe_row(sql, &[&id]).await?.ok_or(Error::NotFound(missing))?;
    let path: &str = row.get::<_, Option<&str>>(0).ok_or(Error::NotFound("Artwork not found"))?;
    let via = via.map(|v| v.0);
    if let Some(side) = size.size
        && let Some(small) = small(app, path, side, &row).await?
    {
        let is_asked_by_version = size.v.as_deref().is_some_and(|v| is_version_of(v, &row));
        let keep = if is_asked_by_version { FOR_GOOD } else { FOR_A_WHILE };
        match hand_out(app, via, request, &Handout { cache_control: keep, ..of(&small) }).await {
            // Somebody has emptied `.thumbs`.
            Err(Error::NotFound(_)) => make_again(app, path).await?,
            answer => return answer,
        }
    }
    hand_out(app, via, request, &of(path)).await
}

/// A grid of covers is shown again and again; a new cover may take a quarter of an hour to be seen.
const FOR_A_WHILE: &str = "private, max-age=900, stale-while-revalidate=86400";
/// What lies under a hash never changes (RFC 8246).
const FOR_GOOD: &str = "private, max-age=31536000, immutable";

/// Whether it is the version that answers tell of this row's picture: the beginning of its hash.
fn is_version_of(version: &str, row: &Row) -> bool {
    row.get::<_, Option<&str>>(3).and_then(|hash| hash.get(..16)) == Some(version)
}

fn of(path: &str) -> Handout<'_> {
    Handout {
        path,
        content_type: media_type(path),
        cache_control: FOR_A_WHILE,
        file_name: None,
        missing: "Artwork not found",
    }
}

/// The thumbnail of the picture as it is now; one of an older picture is made again.
async fn small(app: &App, path: &str, side: u32, row: &Row) -> Result<Option<String>> {
    let Some(size_bytes) = row.get::<_, Option<i64>>(1) else { return Ok(None) };
    let modified_at: Timestamp = row.get(2);
    let (music, place) = (app.music().to_owned(), path.to_owned());
    let looking =
        tokio::task::spawn_blocking(move || files::beneath(&music, &place).and_then(|p| about(&p).ok()));
    let Some(found) = looking.await.map_err(anyhow::Error::from)? else { return Ok(None) };
    if found != (size_bytes, modified_at) {
        make_again(app, path).await?;
        return Ok(None);
    }
    Ok(row.get::<_, Option<&str>>(3).map(|hash| thumbnail(hash, side)))
}

async fn make_again(app: &App, path: &str) -> Result<()> {
    let mut client = app.db.get().await?;
    let tx = client.transaction().await?;
    if tx.run(FORGET, &[&path]).await? > 0 {
        jobs::enqueue(&tx, &MakeThumbnails {}).await?;
    }
    Ok(tx.commit().await?)
}

/// Whose picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sitter {
    /// An album's cover.
    Album(i64),
    /// An artist's portrait.
    Artist(i64),
}

/// Has this file, relative to MUSIC_PATH, shown from now on; also when it is another one under the same name.
pub async fn set_artwork(tx: &impl Sql, sitter: Sitter, path: &str) -> Result<()> {
    let (sql, id) = match sitter {
        Sitter::Album(id) => (SET_OF_ALBUM, id),
        Sitter::Artist(id) => (SET_OF_ARTIST, id),
    };
    tx.run(sql, &[&id, &path]).await?;
    tx.run(FORGET, &[&path]).await?;
    Ok(())
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
