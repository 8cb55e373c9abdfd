//! A test message to one target, for somebody who waits for it.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::deliver::{Way, note_failure, send};
use crate::db::Sql;
use crate::error::Result;
use crate::integrations::letters::Letter;
use crate::jobs::{Context, Job, Outcome, Queue};

/// Sends a test message.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TestTarget {
    /// The row.
    pub target_id: i64,
}

const TARGET: &str =
    "select t.id, t.kind, t.address, u.is_admin from message_target t join app_user u on u.id = t.user_id
    where t.id = $1";
const WELL: &str =
    "update message_target set last_error = null, failures = 0, not_before = '-infinity' where id = $1";

impl Job for TestTarget {
    const KIND: &'static str = "messages.test";
    const QUEUE: Queue = Queue::Network;
    const PRIORITY: i16 = -10;
    const MAX_ATTEMPTS: i32 = 1;

    async fn run(self, context: &Context) -> Result<Outcome> {
        let client = context.app.db.get().await?;
        let Some(row) = client.maybe_row(TARGET, &[&self.target_id]).await? else {
            return Ok(Outcome::Cancel("There is no such target.".into()));
        };
        let way = Way::from(&row);
        let home = &context.app.settings.api.public_url;
        let letter = Letter {
            title: "A test".into(),
            text: "Messages from Barbossa arrive here.".into(),
            is_urgent: false,
            link: Some(home.clone()).filter(|home| !home.is_empty()),
            news: json!([{"event": "test", "details": {}}]),
        };
        Ok(match send(&context.app, &way, &letter).await {
            Ok(()) => {
                client.run(WELL, &[&way.id]).await?;
                Outcome::Done(json!({"sent": true}))
            }
            Err(trouble) => {
                note_failure(&client, &way, &trouble).await?;
                Outcome::Done(json!({"sent": false, "error": trouble.to_string()}))
            }
        })
    }
}
