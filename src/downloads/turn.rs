//! Whose turn it is. Each source has a bound of its own and a pace of its own, so that one that is slow, or that wants to be
//! left alone, holds up no other. Owns `download_pace`.

use std::time::Duration;

use super::download::Download;
use crate::config::Settings;
use crate::db::{Client, Sql};
use crate::error::Result;

/// Until a turn is asked for again.
const AGAIN: Duration = Duration::from_secs(5);
/// Where downloads come from: Qobuz, YouTube, SoundCloud, Bandcamp, other addresses.
const SOURCES: usize = 5;

/// So many jobs run at once when each source has all that it may; and the hourly care.
pub fn most_at_once(settings: &Settings) -> usize {
    SOURCES * usize::try_from(settings.downloads.at_once_per_source).unwrap_or(1) + 1
}

const LOCK: &str = "select pg_advisory_xact_lock(7205759403792796)";
const RUNNING: &str = "select count(*) from download d join job j on j.id = d.job_id
    where d.source = $1 and d.state = 'downloading' and j.state = 'running' and d.id <> $2";
const WAIT: &str =
    "select extract(epoch from free_at - clock_timestamp())::double precision from download_pace
    where source = $1 and free_at > clock_timestamp()";
const BEGIN: &str = "update download set state = 'downloading', started_at = coalesce(started_at, now())
    where id = $1 and state in ('pending', 'downloading')";
const LEAVE_ALONE: &str = "insert into download_pace as p (source, free_at)
    values ($1, clock_timestamp() + make_interval(secs => $2))
    on conflict on constraint download_pace_pk do update set free_at = greatest(p.free_at, excluded.free_at)";

/// Begins, when it is this one's turn; else when to ask again.
pub(super) async fn take(
    settings: &Settings,
    client: &mut Client,
    of: &Download,
) -> Result<Option<Duration>> {
    let tx = client.transaction().await?;
    tx.row(LOCK, &[]).await?;
    let running: i64 = tx.row(RUNNING, &[&of.source, &of.id]).await?.get(0);
    if running >= i64::from(settings.downloads.at_once_per_source) {
        return Ok(Some(AGAIN));
    }
    if let Some(row) = tx.maybe_row(WAIT, &[&of.source]).await? {
        return Ok(Some(Duration::from_secs_f64(row.get::<_, f64>(0).clamp(0.0, 3600.0))));
    }
    let pace = Duration::from_secs(60) / settings.downloads.per_minute_per_source.max(1);
    leave_alone(&tx, &of.source, pace).await?;
    tx.run(BEGIN, &[&of.id]).await?;
    tx.commit().await?;
    Ok(None)
}

/// Nothing more is begun at this source for so long.
pub(super) async fn leave_alone(client: &impl Sql, source: &str, wait: Duration) -> Result<()> {
    client.run(LEAVE_ALONE, &[&source, &wait.as_secs_f64()]).await.map(drop)
}
