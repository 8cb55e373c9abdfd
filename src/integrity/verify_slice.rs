//! Reads the files that were not read for the longest time: each night so many that all are read within
//! `integrity.period_days`. It picks up where it stopped, since what was read is written down as it goes.
//!
//! The kernel's idle I/O class is out of reach here (the worker's sandbox forbids the call, and it would be for the
//! whole process): the nightly slice rests as long as it reads instead. What a person asks for does not rest.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::check::{Checked, Known};
use super::summary;
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::imports::Adopt;
use crate::jobs::{self, Context, Job, Outcome, Queue};
use crate::library::{self, Ending, NewDamage, ensure_music_is_there};
use crate::parallel;

/// Files between two notes in the rows.
const PAGE: usize = 512;
const AT_ONCE: usize = 2;
const MOUNT_PAUSE: Duration = Duration::from_secs(300);

/// Hold files against their checksums.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VerifySlice {
    /// Which.
    #[serde(default)]
    pub scope: Scope,
}

/// Which files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Those of this night.
    #[default]
    Slice,
    /// All.
    All,
    /// Those of these tracks.
    Tracks(Vec<i64>),
}

// Read since this job was asked for: done, also by an attempt that was stopped.
const ALL: &str = "select t.id from track t left join verification v on v.track_id = t.id
    where t.checksum is not null and t.missing_since is null
        and (v.verified_at is null or v.verified_at < (select created_at from job where id = $1))
        and ($2::bigint[] is null or t.id = any($2))
    order by t.id";
const BUDGET: &str = "select
        (select coalesce(sum(size_bytes), 0)::bigint from track where checksum is not null and missing_since is null),
        (select coalesce(sum(t.size_bytes), 0)::bigint from verification v join track t on t.id = v.track_id
            where v.verified_at >= (select created_at from job where id = $1))";
// A file counts as read when it came. What is older than the period is due, however much it is.
const SLICE: &str = "select id from (
        select t.id, coalesce(v.verified_at, t.imported_at) as read_at,
            (sum(t.size_bytes) over (order by coalesce(v.verified_at, t.imported_at), t.id) - t.size_bytes)::bigint as before
        from track t left join verification v on v.track_id = t.id
        where t.checksum is not null and t.missing_since is null
            and (v.verified_at is null or v.verified_at < (select created_at from job where id = $1))
    ) s where before < $2 or read_at < now() - make_interval(days => $3)
    order by read_at, id";
const KNOWN: &str = "select id, path, size_bytes, modified_at, checksum, essence from track
    where id = any($1) and checksum is not null order by id";

impl Job for VerifySlice {
    const KIND: &'static str = "integrity.verify_slice";
    const QUEUE: Queue = Queue::Maintenance;
    const PRIORITY: i16 = 20;

    fn unique_key(&self) -> Option<String> {
        Some(match &self.scope {
            Scope::Slice => "slice".into(),
            Scope::All => "all".into(),
            Scope::Tracks(ids) => format!("tracks:{ids:?}"),
        })
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        let ids = self.scope.tracks(context).await?;
        let mut sum = Sum { total: ids.len(), ..Sum::default() };
        for page in ids.chunks(PAGE) {
            match ensure_music_is_there(&context.app).await {
                Err(Error::Unavailable(_)) => return Ok(Outcome::Snooze(MOUNT_PAUSE)),
                there => there?,
            }
            let started = Instant::now();
            sum.check(context, page).await?;
            if context.stop.is_cancelled() {
                return Ok(Outcome::Snooze(Duration::ZERO));
            }
            context
                .progress
                .send_replace(Some(json!({"done": sum.checked, "total": sum.total, "damaged": sum.damaged})));
            if self.scope == Scope::Slice {
                tokio::select! {
                    () = tokio::time::sleep(started.elapsed()) => {}
                    () = context.stop.cancelled() => return Ok(Outcome::Snooze(Duration::ZERO)),
                }
            }
        }
        summary::count(&context.app).await?;
        if sum.differ > 0 {
            jobs::enqueue(&context.app.db.get().await?, &Adopt::everything()).await?;
        }
        tracing::info!(
            checked = sum.checked,
            damaged = sum.damaged,
            differ = sum.differ,
            "files were held against their checksums"
        );
        Ok(Outcome::Done(json!(sum)))
    }
}

impl Scope {
    async fn tracks(&self, context: &Context) -> Result<Vec<i64>> {
        let client = context.app.db.get().await?;
        let none: Option<Vec<i64>> = None;
        let rows = match self {
            Self::All => client.rows(ALL, &[&context.id, &none]).await?,
            Self::Tracks(ids) => client.rows(ALL, &[&context.id, &Some(ids)]).await?,
            Self::Slice => {
                let days =
                    i32::try_from(context.app.settings.integrity.period_days).unwrap_or(i32::MAX).max(1);
                let row = client.row(BUDGET, &[&context.id]).await?;
                let (all, done): (i64, i64) = (row.get(0), row.get(1));
                // Rounded up, so that a small library is read too.
                let budget = all / i64::from(days) + 1 - done;
                client.rows(SLICE, &[&context.id, &budget, &days]).await?
            }
        };
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }
}

/// What was found, for the answer.
#[derive(Debug, Default, Serialize)]
struct Sum {
    total: usize,
    checked: usize,
    intact: usize,
    damaged: usize,
    differ: usize,
    size_bytes: i64,
}

impl Sum {
    async fn check(&mut self, context: &Context, ids: &[i64]) -> Result<()> {
        let app = &context.app;
        let rows = app.db.get().await?.rows(KNOWN, &[&ids]).await?;
        let known: Vec<Known> = rows.iter().map(Known::from).collect();
        let music = app.music().to_owned();
        let mut checks = parallel::stream(known, AT_ONCE, context.stop.clone(), move |file: Known| {
            (file.check(&music), file)
        });
        let (mut intact, mut damaged) = (Vec::new(), Vec::new());
        while let Some((checked, file)) = checks.recv().await {
            self.checked += 1;
            self.size_bytes += file.size_bytes;
            match checked {
                Checked::Intact => intact.push(file.id),
                Checked::Differs => self.differ += 1,
                Checked::Damaged(damage) => damaged.push((damage, file.checksum)),
            }
        }
        self.intact += intact.len();
        self.damaged += note(context, &intact, damaged).await?;
        Ok(())
    }
}

const VERIFIED: &str = "insert into verification (track_id, verified_at)
    select t.id, now() from track t where t.id = any($1) order by t.id
    on conflict (track_id) do update set verified_at = excluded.verified_at";
const STILL: &str =
    "select t.id from track t join unnest($1::bigint[], $2::text[], $3::bytea[]) n (id, path, checksum)
        on n.id = t.id and n.path = t.path and n.checksum = t.checksum
    for share of t";

/// Writes down what was found; how many are damaged. A row that has changed meanwhile speaks of another file.
async fn note(context: &Context, intact: &[i64], damaged: Vec<(NewDamage, Vec<u8>)>) -> Result<usize> {
    let mut client = context.app.db.get().await?;
    let tx = client.transaction().await?;
    context.hold(&tx).await?;
    tx.run(VERIFIED, &[&intact]).await?;
    library::end_damage(&tx, intact, Ending::Healed).await?;
    let mut count = 0;
    if !damaged.is_empty() {
        let ids: Vec<i64> = damaged.iter().map(|(d, _)| d.track_id).collect();
        let paths: Vec<&str> = damaged.iter().map(|(d, _)| d.path.as_str()).collect();
        let checksums: Vec<&[u8]> = damaged.iter().map(|(_, c)| c.as_slice()).collect();
        let still: Vec<i64> =
            tx.rows(STILL, &[&ids, &paths, &checksums]).await?.iter().map(|row| row.get(0)).collect();
        let damaged: Vec<NewDamage> =
            damaged.into_iter().map(|(d, _)| d).filter(|d| still.contains(&d.track_id)).collect();
        count = damaged.len();
        library::report_damage(&tx, &damaged).await?;
    }
    tx.commit().await?;
    Ok(count)
}
