//! What edits kept of old files goes after `trash.keep_days`; the journal stays, and says that it cannot be undone.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::site::Site;
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::jobs::{Context, Job, Outcome, Queue};
use crate::library::ensure_music_is_there;

/// Lets go of what is older than people may want it back.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ExpireEdits {}

const AWAY: Duration = Duration::from_secs(300);
const OLD: &str = "select id from edit
    where state = 'done' and expired_at is null and finished_at < now() - make_interval(days => $1)
        and has_lived(finished_at, finished_at + make_interval(days => $1))
    order by finished_at limit 500";
// First the row: a half-removed folder must not be taken for the way back.
const EXPIRE: &str = "update edit set expired_at = now() where id = $1";

impl Job for ExpireEdits {
    const KIND: &'static str = "edits.expire";
    const QUEUE: Queue = Queue::Maintenance;
    const PRIORITY: i16 = 10;

    fn unique_key(&self) -> Option<String> {
        Some("all".into())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        if let Err(Error::Unavailable(_)) = ensure_music_is_there(&context.app).await {
            return Ok(Outcome::Snooze(AWAY));
        }
        let keep_days = i32::try_from(context.app.settings.trash.keep_days).unwrap_or(i32::MAX);
        let client = context.app.db.get().await?;
        let old = client.rows(OLD, &[&keep_days]).await?;
        for row in &old {
            let edit_id: i64 = row.get(0);
            client.run(EXPIRE, &[&edit_id]).await?;
            let site = Site { music: context.app.music().to_owned(), edit_id, title: String::new() };
            let forgotten = tokio::task::spawn_blocking(move || site.forget());
            forgotten.await.map_err(anyhow::Error::from)?.map_err(anyhow::Error::from)?;
        }
        Ok(Outcome::Done(json!({ "edits": old.len() })))
    }
}
