//! The job behind "make a backup now"; by the timer, `barbossa backup run` makes one by itself.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::make::make_as;
use crate::error::{Error, Result};
use crate::jobs::{Context, Job, Outcome, Queue};

/// When another run has the folder.
const BUSY: Duration = Duration::from_secs(60);

/// Makes one backup.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MakeBackup {
    /// The row that was made when it was asked for.
    pub backup_id: i64,
}

impl Job for MakeBackup {
    const KIND: &'static str = "backups.make_backup";
    const QUEUE: Queue = Queue::Maintenance;
    const PRIORITY: i16 = -5;
    const MAX_ATTEMPTS: i32 = 1;

    fn unique_key(&self) -> Option<String> {
        Some(self.backup_id.to_string())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        match make_as(&context.app, self.backup_id).await {
            Ok(made) => Ok(Outcome::Done(json!({
                "path": made.path, "size": made.size_bytes, "sha256": made.sha256,
                "left_out": made.left_out, "removed": made.removed,
            }))),
            Err(Error::Conflict(_)) => Ok(Outcome::Snooze(BUSY)),
            Err(error) => Err(error),
        }
    }
}
