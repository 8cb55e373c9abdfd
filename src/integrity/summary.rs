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
    /// Tracks that were held against their checksum within the period, as of `counted_at`.
    pub verified: i64,
    /// Percent of those that are there.
    pub verified_pct: f64,
    /// The longest that a file has not been read; when it was read last. As of `counted_at`.
    pub oldest_read_at: Option<Timestamp>,
    /// The end of the newest verification.
    pub counted_at: Timestamp,
    /// Everything is read within so many days.
    pub period_days: u32,
    /// When the next slice is due.
    pub next_slice_at: Option<Timestamp>,
    /// How many damages have not ended, by kind.
    pub damages: BTreeMap<String, i64>,
    /// Why rescans change nothing, when they do not.
    pub alarm: Option<String>,
}

const SUMMARY: &str = "select l.track_count,
        l.track_count - (select count(*) from track where checksum is null),
        m.missing, least(c.verified_count, l.track_count - m.missing), c.oldest_read_at, c.counted_at,
        (select next_run_at from schedule where name = 'integrity.verify_slice'),
        (select reason from alarm order by raised_at limit 1)
    from library l cross join integrity_count c
        cross join (select count(*) as missing from track where missing_since is not null) m";
const BY_KIND: &str = "select kind, count(*) from damage where ended_at is null group by kind";

/// As of now.
pub async fn summary(app: &App) -> Result<Summary> {
    let client = app.db.get().await?;
    let period_days = app.settings.integrity.period_days;
    let row = client.row(SUMMARY, &[]).await?;
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
        counted_at: row.get(5),
        next_slice_at: row.get(6),
        damages: damages.iter().map(|row| (row.get(0), row.get(1))).collect(),
        alarm: row.get(7),
    })
}

const COUNT: &str = "update integrity_count set (verified_count, oldest_read_at, counted_at) = (
    select count(*) filter (where v.verified_at > now() - make_interval(days => $1)),
        min(coalesce(v.verified_at, t.imported_at)), now()
    from track t left join verification v on v.track_id = t.id where t.missing_since is null)";

/// Counts what the summary says of the readings.
pub(super) async fn count(app: &App) -> Result<()> {
    let period_days = i32::try_from(app.settings.integrity.period_days).unwrap_or(i32::MAX);
    app.db.get().await?.run(COUNT, &[&period_days]).await?;
    Ok(())
}
