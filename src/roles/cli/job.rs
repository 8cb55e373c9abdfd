//! A job that a person waits for: its progress as a bar, its end as a result or an error.

use std::time::Duration;

use indicatif::ProgressBar;
use serde_json::Value;

use super::exit::{Status, failure};
use super::terminal::complain;
use crate::app::App;
use crate::db::Sql;

const LOOK: &str = "select state, progress, result, error, attempt from job where id = $1";
/// How often to look.
const EVERY: Duration = Duration::from_millis(250);

/// Waits for the job's end, however long it takes; what it says of its progress moves the bar.
pub async fn follow(app: &App, id: i64, bar: &ProgressBar) -> anyhow::Result<Value> {
    let mut last_error = None;
    loop {
        let row = app.db.get().await?.row(LOOK, &[&id]).await?;
        let error: Option<String> = row.get(3);
        match row.get(0) {
            "completed" => {
                bar.finish_and_clear();
                return Ok(row.get::<_, Option<Value>>(2).unwrap_or(Value::Null));
            }
            "cancelled" | "discarded" => {
                bar.finish_and_clear();
                let reason = error.unwrap_or_else(|| "It gave no reason.".to_owned());
                return Err(failure(Status::Failed, reason));
            }
            _ => {}
        }
        // An attempt failed and the next one is to come: nobody should wait without knowing.
        if error.is_some() && error != last_error {
            let reason = error.as_deref().unwrap_or_default();
            bar.suspend(|| complain(format_args!("It is tried again: {reason}")));
            last_error = error;
        }
        show(bar, row.get(1));
        tokio::time::sleep(EVERY).await;
    }
}

/// Moves the bar by what a job says of its progress.
pub fn show(bar: &ProgressBar, progress: Option<Value>) {
    let Some(progress) = progress else { return };
    let number = |name: &str| progress.get(name).and_then(Value::as_u64);
    if let Some(total) = number("total") {
        bar.set_length(total);
    }
    if let Some(done) = number("done").or_else(|| number("files")) {
        bar.set_position(done);
    }
}
