//! How full the disk with the music is, day by day, and when it will be full. Owns `disk_space`.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::ensure_music_is_there;
use crate::app::App;
use crate::db::Sql;
use crate::error::Result;
use crate::files;
use crate::jobs::{Context, Job, Outcome, Queue};

/// A disk that lasts longer than this need not be thought about.
const FAR_AWAY: f64 = 3650.0;

const NOTE: &str = "insert into disk_space (day, free_bytes, total_bytes) values (current_date, $1, $2)
    on conflict (day) do update set free_bytes = excluded.free_bytes, total_bytes = excluded.total_bytes";
const FORGET: &str = "delete from disk_space where day < current_date - 400";
// A straight line through a season; of less than a week nothing can be said. A larger disk begins anew.
const BYTES_A_DAY: &str = "select regr_slope(free_bytes, day - current_date) from disk_space
    where day > current_date - 90 and total_bytes = $1 having count(*) >= 7";

/// The disk with the music.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Space {
    /// Bytes that may still be written.
    pub free_bytes: u64,
    /// Bytes that it holds in all.
    pub total_bytes: u64,
    /// Days until it is full, if it goes on as in the last three months; none when it does not fill up, and when less
    /// than a week is known.
    pub days_left: Option<u32>,
}

/// How full it is now.
///
/// # Errors
/// `Io` when the folder cannot be asked, `Database`.
pub async fn space(app: &App, client: &impl Sql) -> Result<Space> {
    let (free_bytes, total_bytes) = files::space(app.music())?;
    let slope = client.maybe_row(BYTES_A_DAY, &[&bigint(total_bytes)]).await?;
    let slope: Option<f64> = slope.and_then(|row| row.get(0));
    Ok(Space { free_bytes, total_bytes, days_left: slope.and_then(|slope| days_left(free_bytes, slope)) })
}

fn days_left(free_bytes: u64, bytes_a_day: f64) -> Option<u32> {
    let days = free_bytes as f64 / -bytes_a_day;
    (bytes_a_day < 0.0 && days < FAR_AWAY).then_some(days as u32)
}

fn bigint(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// Notes how full it is today.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct NoteSpace {}

impl Job for NoteSpace {
    const KIND: &'static str = "library.note_space";
    const QUEUE: Queue = Queue::Maintenance;

    fn unique_key(&self) -> Option<String> {
        Some("all".into())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        // The disk beneath a mount that is away is another one.
        ensure_music_is_there(&context.app).await?;
        let (free, total) = files::space(context.app.music())?;
        let client = context.app.db.get().await?;
        client.run(NOTE, &[&bigint(free), &bigint(total)]).await?;
        client.run(FORGET, &[]).await?;
        Ok(Outcome::Done(json!({ "free_bytes": free, "total_bytes": total })))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_is_full_when_what_it_takes_a_day_has_used_up_what_is_free() {
        assert_eq!(days_left(1000, -10.0), Some(100));
        assert_eq!(days_left(0, -10.0), Some(0));
        for slope in [0.0, 5.0, -0.000_001] {
            assert_eq!(days_left(1000, slope), None, "{slope}");
        }
    }
}
