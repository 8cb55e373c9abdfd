//! How well the library is looked after, in numbers.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::app::App;
use crate::db::Sql;
use crate::error::Result;

/// All of it.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[schema(as = Integrity)]
pub struct Summary {
    /// Tracks in the library.
    pub tracks: i64,
    /// Tracks whose checksum is known.
    pub read: i64,
    /// Tracks whose file is away.
    pub missing: i64,
    /// Tracks that were held against their checksum within the period.
    pub verified: i64,
    /// Percent of those that are there.
    pub verified_pct: f64,
    /// The longest that a file has not been read; when it was read last.
    pub oldest_read_at: Option<Timestamp>,
    /// Everything is read within so many days.
    pub period_days: u32,
    /// When the next slice is due.
    pub next_slice_at: Option<Timestamp>,
    /// How many damages have not ended, by kind.
    pub damages: BTreeMap<String, i64>,
    /// Why rescans change nothing, when they do not.
    pub alarm: Option<String>,
}

const SUMMARY: &str = "select count(*), count(t.checksum), count(t.missing_since),
        count(*) filter (where v.verified_at > now() - make_interval(days => $1) and t.missing_since is null),
        min(coalesce(v.verified_at, t.imported_at)) filter (where t.missing_since is null),
        (select next_run_at from schedule where name = 'integrity.verify_slice'),
        (select reason from alarm order by raised_at limit 1)
    from track t left join verification v on v.track_id = t.id";
const BY_KIND: &str = "select kind, count(*) from damage where ended_at is null group by kind";

/// As of now.
pub async fn summary(app: &App) -> Result<Summary> {
    let client = app.db.get().await?;
    let period_days = app.settings.integrity.period_days;
    let row = client.row(SUMMARY, &[&i32::try_from(period_days).unwrap_or(i32::MAX)]).await?;
    let (tracks, missing, verified): (i64, i64, i64) = (row.get(0), row.get(2), row.get(3));
    let there = (tracks - missing).max(1) as f64;
    let damages = client.rows(BY_KIND, &[]).await?;
    Ok(Summary {
        tracks,
        read: row.get(1),
        missing,
        verified,
        verified_pct: (verified as f64 * 1000.0 / there).round() / 10.0,
        oldest_read_at: row.get(4),
        period_days,
        next_slice_at: row.get(5),
        damages: damages.iter().map(|row| (row.get(0), row.get(1))).collect(),
        alarm: row.get(6),
    })
}
