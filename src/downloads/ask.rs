//! Questions that need the internet: this process has none, so that a job of the role that does asks them, and the request
//! waits for its answer.

use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::app::App;
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::integrations::Trouble;
use crate::integrations::yt_dlp::{About, YtDlp};
use crate::jobs::{self, Context, Job, Outcome, Queue};

/// Nobody looks at a page for longer.
pub(super) const PATIENCE: Duration = Duration::from_secs(45);

/// What is there at an address?
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LookAtAddress {
    /// Of the web.
    pub url: String,
}

impl Job for LookAtAddress {
    const KIND: &'static str = "downloads.look_at_address";
    const QUEUE: Queue = Queue::Network;
    // Somebody waits.
    const PRIORITY: i16 = -20;
    const MAX_ATTEMPTS: i32 = 1;

    fn unique_key(&self) -> Option<String> {
        Some(self.url.clone())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        Ok(answered(YtDlp::new(&context.app.settings).about(&self.url).await))
    }
}

/// What a source said becomes the job's result; a refusal is an answer, too.
pub(super) fn answered<T: Serialize>(answer: Result<T, Trouble>) -> Outcome {
    Outcome::Done(match answer {
        Ok(found) => json!({ "found": found }),
        Err(trouble) => {
            json!({"refused": matches!(trouble, Trouble::Refused(..)), "why": trouble.to_string()})
        }
    })
}

// As long as /health believes in a role that has said nothing.
const FETCH_IS_THERE: &str =
    "select 1 from heartbeat where role = 'fetch' and seen_at > now() - interval '20 seconds' limit 1";

/// Asks and waits.
///
/// # Errors
/// `Invalid` when the source refused; `Upstream` when it did not answer well; `Unavailable` when nobody is there to ask.
pub(super) async fn ask<J: Job, T: DeserializeOwned>(app: &App, question: &J, within: Duration) -> Result<T> {
    let client = app.db.get().await?;
    if client.maybe_row(FETCH_IS_THERE, &[]).await?.is_none() {
        return Err(Error::Unavailable("Nobody is there to ask: is barbossa-fetch running?"));
    }
    drop(client);
    let mut answer = jobs::ask(app, question, within).await?;
    if answer.get("found").is_some() {
        return Ok(serde_json::from_value(answer["found"].take()).map_err(anyhow::Error::from)?);
    }
    let why = answer["why"].as_str().unwrap_or("The source gave no reason.").to_owned();
    Err(if answer["refused"] == true { Error::Invalid(why) } else { Error::Upstream(why) })
}

/// What is at an address.
///
/// # Errors
/// As [`ask`].
pub(super) async fn about(app: &App, url: String) -> Result<About> {
    ask(app, &LookAtAddress { url }, PATIENCE).await
}
