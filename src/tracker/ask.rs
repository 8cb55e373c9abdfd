//! Whether a release is there.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::key;
use crate::error::Result;
use crate::integrations::Trouble;
use crate::integrations::torrentleech::TorrentLeech;
use crate::jobs::{Context, Job, Outcome, Queue};

/// Asks whether a release is there.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CheckRelease {
    /// As it would be called there.
    pub name: String,
}

impl Job for CheckRelease {
    const KIND: &'static str = "tracker.check";
    const QUEUE: Queue = Queue::Network;
    const PRIORITY: i16 = -10;
    const MAX_ATTEMPTS: i32 = 1;

    async fn run(self, context: &Context) -> Result<Outcome> {
        let asked = async {
            let (key, web) = (key(&context.app.settings)?, context.app.direct_web());
            TorrentLeech { web: &web, url: &context.app.settings.torrentleech.url, key: &key }
                .exists(&self.name)
                .await
        };
        Ok(match asked.await {
            Ok(exists) => Outcome::Done(json!({"exists": exists})),
            Err(trouble) => Outcome::Cancel(Trouble::to_string(&trouble)),
        })
    }
}
