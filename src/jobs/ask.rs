//! A question that another process answers while a request waits: the api has no network, and barbossa-fetch has no
//! clients.

use std::time::Duration;

use serde_json::Value;

use super::wait::{End, wait};
use super::{Job, cancel, enqueue};
use crate::app::App;
use crate::error::{Error, Result};

/// Enqueues the job and waits for its end; its result.
///
/// # Errors
/// `Upstream` with the reason when it was cancelled or failed; `Unavailable` when it has not ended in time: then it is
/// cancelled, since nobody waits for it any more.
pub async fn ask<J: Job>(app: &App, question: &J, within: Duration) -> Result<Value> {
    let id = enqueue(&app.db.get().await?, question).await?;
    match wait(app, &[id], within).await.pop().map(|ended| ended.end) {
        Some(End::Completed(answer)) => Ok(answer),
        Some(End::Cancelled(reason) | End::Discarded(reason)) => Err(Error::Upstream(reason)),
        None => {
            cancel(&app.db.get().await?, id).await?;
            Err(Error::Unavailable("There was no answer in time. Is barbossa-fetch running?"))
        }
    }
}
