//! Files that are not what they were: found once, told once, ended once. Owns `damage`.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::judge::{DamageKind, Expected, Reading};
use crate::activity;
use crate::db::Sql;
use crate::error::Result;
use crate::events::{self, Audience};

/// A damage that was just found.
#[derive(Debug, Clone, PartialEq)]
pub struct NewDamage {
    /// Whose file.
    pub track_id: i64,
    /// What it is.
    pub kind: DamageKind,
    /// The file, relative to MUSIC_PATH.
    pub path: String,
    /// What was expected and what was found.
    pub details: Value,
    /// Size and time of the file as it was judged.
    pub seen: Option<(i64, Timestamp)>,
}

impl NewDamage {
    /// From a verdict on a reading.
    pub fn of(
        track_id: i64,
        path: &str,
        kind: DamageKind,
        expected: &Expected<'_>,
        reading: &Reading,
    ) -> Self {
        let time = |us: i64| Timestamp::from_microsecond(us).unwrap_or(Timestamp::UNIX_EPOCH);
        let mut details = json!({
            "path": path, "sentence": kind.sentence(),
            "expected": {
                "size_bytes": expected.size_bytes, "modified_at": time(expected.modified_us),
                "checksum": hex(expected.checksum), "essence": expected.essence,
            },
        });
        let mut seen = None;
        match reading {
            Reading::Gone => {}
            Reading::Refused(why) => details["found"] = json!({"error": why}),
            Reading::Read { size_bytes, modified_us, checksum, essence, flaw, .. } => {
                seen = Some((*size_bytes, time(*modified_us)));
                details["found"] = json!({
                    "size_bytes": size_bytes, "modified_at": time(*modified_us), "checksum": hex(checksum),
                    "essence": essence, "flaw": flaw,
                });
            }
        }
        Self { track_id, kind, path: path.to_owned(), details, seen }
    }

    /// A file that is not there.
    pub fn missing(track_id: i64, path: &str) -> Self {
        let kind = DamageKind::Missing;
        let details = json!({"path": path, "sentence": kind.sentence()});
        Self { track_id, kind, path: path.to_owned(), details, seen: None }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

// What was known already is not news, unless it is of another kind now.
const REPORT: &str = "insert into damage as d (track_id, kind, details, seen_size_bytes, seen_modified_at)
    select n.track_id, n.kind, n.details, n.size_bytes, n.modified_at
    from unnest($1::bigint[], $2::text[], $3::jsonb[], $4::bigint[], $5::timestamptz[])
            n (track_id, kind, details, size_bytes, modified_at)
        join track t on t.id = n.track_id
    on conflict (track_id) where ended_at is null do update
        set kind = excluded.kind, details = excluded.details, found_at = now(),
            seen_size_bytes = excluded.seen_size_bytes, seen_modified_at = excluded.seen_modified_at
        where (d.kind, d.seen_size_bytes, d.seen_modified_at)
            is distinct from (excluded.kind, excluded.seen_size_bytes, excluded.seen_modified_at)
    returning id, track_id, kind, details";

/// Of many at once, so many are told one by one.
const TOLD: usize = 50;

/// Writes them down, tells the journal, the activity log and the admins; how many are news.
pub async fn report_damage(tx: &impl Sql, found: &[NewDamage]) -> Result<usize> {
    if found.is_empty() {
        return Ok(0);
    }
    let track_ids: Vec<i64> = found.iter().map(|d| d.track_id).collect();
    let kinds: Vec<&str> = found.iter().map(|d| d.kind.name()).collect();
    let details: Vec<&Value> = found.iter().map(|d| &d.details).collect();
    let sizes: Vec<Option<i64>> = found.iter().map(|d| d.seen.map(|s| s.0)).collect();
    let times: Vec<Option<Timestamp>> = found.iter().map(|d| d.seen.map(|s| s.1)).collect();
    let news = tx.rows(REPORT, &[&track_ids, &kinds, &details, &sizes, &times]).await?;
    for row in &news {
        let (id, track_id, kind): (i64, i64, &str) = (row.get(0), row.get(1), row.get(2));
        let details: Value = row.get(3);
        let path = details["path"].as_str().unwrap_or_default();
        tracing::error!(
            damage_id = id,
            track_id,
            path,
            kind,
            "a file of the library is damaged: {}",
            details["sentence"]
        );
    }
    for row in news.iter().take(TOLD) {
        let details: Value = row.get(3);
        let entity = Some(("track", row.get(1)));
        activity::record(tx, None, "damage_found", entity, Some(&details), None).await?;
    }
    if !news.is_empty() {
        let ids: Vec<i64> = news.iter().map(|row| row.get(0)).collect();
        events::publish(
            tx,
            "integrity:damage",
            Audience::Admins,
            &json!({"damage_ids": ids, "count": news.len()}),
        )
        .await?;
    }
    Ok(news.len())
}

/// How a damage ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The file is what it was again.
    Healed,
    /// A good copy took its place.
    Repaired,
    /// A person took it as it is.
    Accepted,
}

impl Ending {
    fn name(self) -> &'static str {
        match self {
            Self::Healed => "healed",
            Self::Repaired => "repaired",
            Self::Accepted => "accepted",
        }
    }
}

const END: &str =
    "update damage set ended_at = now(), ending = $2 where track_id = any($1) and ended_at is null";

/// Ends what is open for these tracks; how many were.
pub async fn end_damage(tx: &impl Sql, track_ids: &[i64], ending: Ending) -> Result<u64> {
    if track_ids.is_empty() {
        return Ok(0);
    }
    tx.run(END, &[&track_ids, &ending.name()]).await
}
