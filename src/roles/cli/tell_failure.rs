//! `barbossa tell-failure`: what barbossa-failure@.service does besides the journal. Straight into the database, since the
//! api may be what failed.

use super::exit::Status;
use crate::app::App;
use crate::messages;

pub async fn run(app: App, unit: String) -> anyhow::Result<Status> {
    let result = std::env::var("MONITOR_SERVICE_RESULT").unwrap_or_else(|_| "failed".into());
    messages::tell_unit_failed(&app.db.get().await?, &unit, &result).await?;
    Ok(Status::Done)
}
