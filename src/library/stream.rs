//! The sound of a track, to listen to: ranges for seeking, the right media type, shown and not saved.

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

const PATH: &str = "select path from track where id = $1";

/// The sound of a track, whole or in ranges.
#[utoipa::path(get, path = "/tracks/{id}/stream", tag = "files", security(("bearer" = []), ("cookie" = []), ("ticket" = [])),
    responses((status = 200, content_type = "audio/*", body = Vec<u8>), (status = 206, description = "A part of it", content_type = "audio/*", body = Vec<u8>),
        (status = 304, description = "As known"), (status = 416, description = "No such part")))]
pub async fn stream(
    State(app): State<App>,
    _: User,
    via: Option<Extension<Via>>,
    Path(id): Path<i64>,
    request: HeaderMap,
) -> Result<Response> {
    let row = app.db.get().await?.maybe_row(PATH, &[&id]).await?.ok_or(Error::NotFound("Track not found"))?;
    let path: &str = row.get(0);
    let file = Handout {
        path,
        content_type: media_type(path),
        // An upgrade puts another file under the same address: ask each time, which costs no bytes when it is the same.
        cache_control: "private, no-cache",
        file_name: path.rsplit('/').next(),
        missing: "Track file not found",
    };
    hand_out(&app, via.map(|v| v.0), &request, &file).await
}

/// Of a sound file, by its ending (IANA's registry of media types; RFC 5334 for Ogg; what browsers know for the rest).
fn media_type(path: &str) -> &'static str {
    let ending = path.rsplit_once('.').map_or("", |(_, ending)| ending);
    match ending.to_ascii_lowercase().as_str() {
        "flac" => "audio/flac",
        "mp3" => "audio/mpeg",
        "m4a" | "m4b" | "mp4" => "audio/mp4",
        "aac" => "audio/aac",
        "ogg" | "oga" | "opus" => "audio/ogg",
        "wav" => "audio/wav",
        "aif" | "aiff" => "audio/aiff",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_has_its_media_type() {
        for (path, expected) in [
            ("a/b.FLAC", "audio/flac"),
            ("a.b/c.mp3", "audio/mpeg"),
            ("c.m4a", "audio/mp4"),
            ("c.opus", "audio/ogg"),
            ("c.aiff", "audio/aiff"),
            ("c.wv", "application/octet-stream"),
            ("flac", "application/octet-stream"),
        ] {
            assert_eq!(media_type(path), expected, "{path}");
        }
    }
}
