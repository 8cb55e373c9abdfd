//! The audit: every album of a user's library is looked at again, whatever changed. Weekly, and at the command line
//! (`barbossa library relink`). It leaves the notes; `hearts.reconcile_links` does the work, finds and repairs.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::reconcile::jobs_of;
use crate::db::Sql;
use crate::error::Result;
use crate::jobs::{Context, Job, Outcome, Queue};

const AUDIT: &str = "with every as (
        insert into link_pending (user_id, album_id)
        select user_id, album_id
        from (select user_id, folder_of_album_id as album_id from heart where folder_of_album_id is not null
              union select user_id, album_id from user_link) loved
        where $1::bigint is null or user_id = $1 order by user_id, album_id
        on conflict (user_id, album_id) do update set version = excluded.version
        returning user_id)
    select user_id, count(*) from every group by user_id order by user_id";

/// Has all albums of one user, or of all, looked at again, in the caller's transaction: the jobs that do it (their
/// results say what was repaired), one a user.
pub async fn audit(tx: &impl Sql, user_id: Option<i64>) -> Result<Vec<i64>> {
    let mut jobs = Vec::new();
    for row in tx.rows(AUDIT, &[&user_id]).await? {
        let user_id: i64 = row.get(0);
        tracing::info!(
            user_id,
            albums = row.get::<_, i64>(1),
            "the links of a user's library will be audited"
        );
        jobs.extend(jobs_of(tx, user_id).await?);
    }
    Ok(jobs)
}

const RELINK: &str = "insert into link_pending (user_id, album_id)
    select distinct user_id, folder_of_album_id from heart where folder_of_album_id = $1 order by 1, 2
    on conflict (user_id, album_id) do update set version = excluded.version";

/// Has one album looked at again by all who have it: a file that is not a track's is another one under the same name.
pub async fn relink_album(tx: &impl Sql, album_id: i64) -> Result<()> {
    tx.run(RELINK, &[&album_id]).await?;
    Ok(())
}

/// The weekly audit of everyone's links.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct AuditLinks {}

impl Job for AuditLinks {
    const KIND: &'static str = "hearts.audit_links";
    const QUEUE: Queue = Queue::Maintenance;

    fn unique_key(&self) -> Option<String> {
        Some("all".into())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        let mut client = context.app.db.get().await?;
        let tx = client.transaction().await?;
        let jobs = audit(&tx, None).await?;
        tx.commit().await?;
        Ok(Outcome::Done(json!({ "jobs": jobs })))
    }
}
