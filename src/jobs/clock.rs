//! The clock may be wrong, and be set right. What was put off by a wrong one is not put off for years; and days count only
//! when they were lived (`has_lived` in the database), so that nothing goes for good because the clock leapt ahead.

use std::time::Duration;

use crate::db::{Client, Sql};
use crate::error::Result;

/// What time synchronisation does all the time is less.
const LITTLE: Duration = Duration::from_secs(60);
/// Longer than any lease: its holder extends it, or is gone.
const LONGEST_LEASE: Duration = Duration::from_secs(300);

const SEEN: &str = "select extract(epoch from seen_at - now())::float8 from clock for update";
const LOOK: &str = "insert into clock (seen_at) values (now())
    on conflict on constraint clock_pk do update set seen_at = excluded.seen_at";
const LIVE: &str = "insert into day_lived (day) values ((now() at time zone 'UTC')::date)
    on conflict on constraint day_lived_pk do nothing";
const BRING_FORWARD: &str = "update job set run_at = greatest(now(), run_at - make_interval(secs => $1))
    where state = 'available' and run_at > now()";
const SHORTEN: &str = "update job set lease_expires_at = now() + make_interval(secs => $1)
    where state = 'running' and lease_expires_at > now() + make_interval(secs => $1)";

/// Looks at the database's clock, which all of us go by. When it was set back since the last look, what waits for a time
/// waits as long as it would have, and a lease ends as soon as a lease does.
///
/// # Errors
/// When PostgreSQL does not answer.
pub(super) async fn look(client: &mut Client) -> Result<()> {
    let tx = client.transaction().await?;
    let back = tx.maybe_row(SEEN, &[]).await?.map_or(0.0, |row| row.get::<_, f64>(0));
    tx.run(LOOK, &[]).await?;
    tx.run(LIVE, &[]).await?;
    if back > LITTLE.as_secs_f64() {
        let jobs = tx.run(BRING_FORWARD, &[&back]).await?;
        tx.run(SHORTEN, &[&LONGEST_LEASE.as_secs_f64()]).await?;
        tracing::warn!(seconds = back, jobs, "the clock was set back; what waits for a time follows it");
    }
    tx.commit().await?;
    Ok(())
}
