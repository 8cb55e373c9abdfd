//! The library in numbers, for admins: how much there is, how good it is, where it came from.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::Admin;
use crate::db::Sql;
use crate::error::Result;

/// Beneath `/api`.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(library_health))
}

/// How the library is.
#[derive(Debug, Serialize, ToSchema)]
struct LibraryHealth {
    summary: LibrarySummary,
    quality: LibraryQuality,
    /// `import`, `qobuz`, …: how many albums came from there.
    albums_by_source: BTreeMap<String, i64>,
    /// Albums of which tracks are missing, as far as their totals tell.
    incomplete_albums: i64,
    /// `healthy`
    status: &'static str,
}

/// How much there is.
#[derive(Debug, Serialize, ToSchema)]
struct LibrarySummary {
    artists: i64,
    albums: i64,
    tracks: i64,
    users: i64,
    total_size_bytes: i64,
    /// Of 2^30 bytes, to two places.
    total_size_gb: f64,
}

/// How good it is.
#[derive(Debug, Serialize, ToSchema)]
struct LibraryQuality {
    lossless: i64,
    lossy: i64,
    /// Percent, to one place.
    lossless_pct: f64,
}

const TOTALS: &str = "select artist_count, album_count, track_count, (select count(*) from app_user), track_bytes, lossless_count
    from library";
const ALBUMS: &str = "select source, count(*) from album group by source";
const INCOMPLETE: &str = "select count(*) from album where available_tracks < total_tracks";

/// How much there is, how good it is, and where it came from.
#[utoipa::path(get, path = "/admin/health", tag = "reports", extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = LibraryHealth)))]
async fn library_health(State(app): State<App>, _: Admin) -> Result<Json<LibraryHealth>> {
    let client = app.db.get().await?;
    let totals = client.row(TOTALS, &[]).await?;
    let sources = client.rows(ALBUMS, &[]).await?;
    let incomplete_albums = client.row(INCOMPLETE, &[]).await?.get(0);
    let (tracks, lossless): (i64, i64) = (totals.get(2), totals.get(5));
    let total_size_bytes: i64 = totals.get(4);
    let summary = LibrarySummary {
        artists: totals.get(0),
        albums: totals.get(1),
        tracks,
        users: totals.get(3),
        total_size_bytes,
        total_size_gb: rounded(total_size_bytes as f64 / f64::from(1 << 30), 100.0),
    };
    let lossless_pct = rounded(lossless as f64 * 100.0 / tracks.max(1) as f64, 10.0);
    Ok(Json(LibraryHealth {
        summary,
        quality: LibraryQuality { lossless, lossy: tracks - lossless, lossless_pct },
        albums_by_source: sources.iter().map(|row| (row.get(0), row.get(1))).collect(),
        incomplete_albums,
        status: "healthy",
    }))
}

fn rounded(number: f64, to: f64) -> f64 {
    (number * to).round() / to
}
