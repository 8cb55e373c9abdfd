//! What became of a download in the imports: found out whenever one of its imports turns (a trigger enqueues this job).

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::download::{Download, find};
use super::gaps::FillGaps;
use crate::db::Sql;
use crate::error::Result;
use crate::events::{self, Audience};
use crate::jobs::{self, Context, Job, Outcome, Queue};

/// Until a job that has not begun, or is about to end, is looked at again.
const AGAIN: Duration = Duration::from_secs(2);

/// A download's state is to follow its imports.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SettleDownload {
    /// Its row.
    pub download_id: i64,
}

/// Where one of its imports stands.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Standing {
    import_id: i64,
    state: String,
    is_on_its_way: bool,
    album_id: Option<i64>,
    reason: Option<String>,
    /// A person has decided so.
    is_decided: bool,
}

/// What a download has come to.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Importing,
    Review(i64),
    Complete(i64),
    Duplicate,
    Failed(String),
    Cancelled,
}

const IMPORTS: &str = "select id, state, is_on_its_way, album_id, reason, approval is not null from import
    where (origin ->> 'download_id')::bigint = $1 order by id";
// One that has not come so far as to have a row.
const HAS_JOB: &str =
    "select 1 from job j where j.kind = 'imports.import_release' and j.state in ('available', 'running')
        and (j.unique_key = $1 or starts_with(j.unique_key, $1 || '/'))
        and not exists (select from import i where i.source_path = j.unique_key) limit 1";
const REASON: &str = "select error from job where kind = 'imports.import_release' and unique_key = $1
    and finished_at is not null order by id desc limit 1";
const SETTLE: &str = "update download set state = $2, result_album_id = coalesce($3, result_album_id), result_review_id = $4,
        error = $5, finished_at = case when $2 in ('complete', 'duplicate', 'failed', 'cancelled') then now() end
    where id = $1 and (state, result_review_id) is distinct from ($2, $4)";
const ALBUM: &str = "select a.title, r.name from album a join artist r on r.id = a.artist_id where a.id = $1";
// The album that has the same sound already.
const TWIN: &str = "select t.album_id from import i, jsonb_array_elements(i.plan -> 'asides') a, jsonb_array_elements(a -> 'steps') s
        join track t on t.essence = s ->> 'essence'
    where (i.origin ->> 'download_id')::bigint = $1 and t.missing_since is null limit 1";

impl Job for SettleDownload {
    const KIND: &'static str = "downloads.settle";
    const QUEUE: Queue = Queue::Imports;
    const PRIORITY: i16 = -5;

    fn unique_key(&self) -> Option<String> {
        Some(self.download_id.to_string())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        let mut client = context.app.db.get().await?;
        let tx = client.transaction().await?;
        let Ok(download) = find(&tx, self.download_id).await else {
            return Ok(Outcome::Cancel("the download is forgotten".into()));
        };
        if ["pending", "cancelled"].contains(&download.status.as_str()) && download.started_at.is_none() {
            return Ok(Outcome::Cancel("it was never fetched".into()));
        }
        let (verdict, has_job) = judge_now(&tx, &download).await?;
        let has_turned = settle(&tx, &download, &verdict).await?;
        let is_over = matches!(verdict, Verdict::Complete(_) | Verdict::Duplicate | Verdict::Failed(_));
        if let Some(next) = FillGaps::after(&download).filter(|_| has_turned && is_over) {
            jobs::enqueue(&tx, &next).await?;
        }
        tx.commit().await?;
        if has_job {
            return Ok(Outcome::Snooze(AGAIN));
        }
        Ok(Outcome::Done(json!({"download_id": self.download_id, "verdict": format!("{verdict:?}")})))
    }
}

/// What it is now, and whether a job is about to change that.
async fn judge_now(tx: &impl Sql, download: &Download) -> Result<(Verdict, bool)> {
    let path = super::place::Place::path(&download.source, download.id);
    let imports: Vec<Standing> = tx
        .rows(IMPORTS, &[&download.id])
        .await?
        .iter()
        .map(|row| Standing {
            import_id: row.get(0),
            state: row.get(1),
            is_on_its_way: row.get(2),
            album_id: row.get(3),
            reason: row.get(4),
            is_decided: row.get(5),
        })
        .collect();
    let has_job = tx.maybe_row(HAS_JOB, &[&path]).await?.is_some();
    let reason = match imports.is_empty() && !has_job {
        true => tx.maybe_row(REASON, &[&path]).await?.and_then(|row| row.get(0)),
        false => None,
    };
    Ok((judge(&imports, has_job, reason), has_job))
}

/// Of several imports the one that a person has to see counts most, then what arrived.
fn judge(imports: &[Standing], has_job: bool, reason: Option<String>) -> Verdict {
    let of = |state: &str| imports.iter().find(|i| i.state == state);
    if has_job || imports.iter().any(|i| i.is_on_its_way) {
        return Verdict::Importing;
    }
    let why = |i: &Standing| i.reason.clone().unwrap_or_else(|| "The import gave no reason.".into());
    if let Some(review) = of("review") {
        Verdict::Review(review.import_id)
    } else if let Some(album_id) = imports.iter().filter(|i| i.state == "done").find_map(|i| i.album_id) {
        Verdict::Complete(album_id)
    } else if of("duplicate").is_some() {
        Verdict::Duplicate
    } else if let Some(failed) = of("failed") {
        Verdict::Failed(why(failed))
    } else if let Some(rejected) = of("rejected") {
        if rejected.is_decided { Verdict::Cancelled } else { Verdict::Failed(why(rejected)) }
    } else {
        Verdict::Failed(reason.unwrap_or_else(|| "There was nothing in it that could be imported.".into()))
    }
}

/// Whether that is new.
async fn settle(tx: &impl Sql, download: &Download, verdict: &Verdict) -> Result<bool> {
    let (state, album_id, review_id, error) = match verdict {
        Verdict::Importing => ("importing", None, None, None),
        Verdict::Review(id) => ("pending_review", None, Some(*id), None),
        Verdict::Complete(album_id) => ("complete", Some(*album_id), None, None),
        Verdict::Duplicate => {
            let twin = tx.maybe_row(TWIN, &[&download.id]).await?.map(|row| row.get::<_, i64>(0));
            ("duplicate", twin, None, None)
        }
        Verdict::Failed(why) => ("failed", None, None, Some(why.as_str())),
        Verdict::Cancelled => ("cancelled", None, None, None),
    };
    if tx.run(SETTLE, &[&download.id, &state, &album_id, &review_id, &error]).await? == 0 {
        return Ok(false);
    }
    let to = Audience::User(download.user_id);
    match verdict {
        Verdict::Complete(album_id) => {
            let row = tx.maybe_row(ALBUM, &[album_id]).await?;
            let (title, artist): (Option<String>, Option<String>) =
                row.map_or((None, None), |row| (Some(row.get(0)), Some(row.get(1))));
            let told = json!({"download_id": download.id, "album_id": album_id, "album_title": title, "artist_name": artist});
            events::publish(tx, "download:complete", to, &told).await?;
        }
        Verdict::Failed(why) => {
            let told = json!({"download_id": download.id, "error": why});
            events::publish(tx, "download:error", to, &told).await?;
        }
        _ => {
            let told = json!({"download_id": download.id, "progress": 100, "speed": null, "eta": null, "status": state,
                "review_id": review_id, "album_id": album_id});
            events::publish(tx, "download:progress", to, &told).await?;
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn standing(import_id: i64, state: &str) -> Standing {
        let is_on_its_way = ["waiting", "planned"].contains(&state);
        let album_id = (state == "done").then_some(import_id * 10);
        Standing {
            import_id,
            state: state.into(),
            is_on_its_way,
            album_id,
            reason: Some("why".into()),
            is_decided: false,
        }
    }

    #[test]
    fn a_download_is_what_its_imports_have_come_to() {
        for (states, has_job, expected) in [
            (vec!["planned"], false, Verdict::Importing),
            (vec!["done"], true, Verdict::Importing),
            (vec!["done", "review"], false, Verdict::Review(2)),
            (vec!["duplicate", "done"], false, Verdict::Complete(20)),
            (vec!["duplicate"], false, Verdict::Duplicate),
            (vec!["failed"], false, Verdict::Failed("why".into())),
            (vec!["rejected"], false, Verdict::Failed("why".into())),
            (vec![], false, Verdict::Failed("the folder is gone".into())),
        ] {
            let imports: Vec<Standing> =
                states.iter().zip(1..).map(|(state, id)| standing(id, state)).collect();
            assert_eq!(judge(&imports, has_job, Some("the folder is gone".into())), expected, "{states:?}");
        }
        let decided = Standing { is_decided: true, ..standing(1, "rejected") };
        assert_eq!(judge(&[decided], false, None), Verdict::Cancelled);
    }
}
