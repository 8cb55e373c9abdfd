//! The settings while Barbossa runs: read, changed together, taken over by every process. Owns the folder of changes.
//!
//! Invariants: what does not fit changes nothing; a secret goes in and never comes out; where the data lies is not
//! changed by a request.

mod browse;
mod http;

pub use http::routes;

use crate::app::App;
use crate::config::{self, Change, NewSecret, Problem, Settings};
use crate::db::Sql;
use crate::error::{Error, Result};

const ONE_AT_A_TIME: &str = "select pg_advisory_xact_lock(7260143)::text";
const TELL: &str = "select pg_notify('barbossa_settings', '')::text";

/// Changes settings and secrets, here and (when they hear of it) in every other process.
///
/// # Errors
/// `Field` or `Invalid` with what does not fit: then nothing was changed.
pub async fn change(app: &App, changes: Vec<Change>, secrets: Vec<NewSecret>) -> Result<()> {
    let mut client = app.db.get().await?;
    let tx = client.transaction().await?;
    tx.row(ONE_AT_A_TIME, &[]).await?;
    let proposed = config::propose(&app.settings, &changes).map_err(|problem| refused(&problem))?;
    let keeping = tokio::task::spawn_blocking(move || config::keep(&proposed, &changes, &secrets));
    keeping.await.map_err(anyhow::Error::from)??;
    take_over(app);
    tx.row(TELL, &[]).await?;
    tx.commit().await?;
    Ok(())
}

fn refused(problem: &Problem) -> Error {
    let hint = problem.hint.as_deref().map(|hint| format!(" {hint}")).unwrap_or_default();
    Error::Invalid(format!("{}: {}{hint}", problem.key, problem.message))
}

/// Takes over what was changed, as far as it holds at once. Blocks for a moment.
pub fn take_over(app: &App) {
    let current: &Settings = &app.settings;
    match config::changed(current) {
        Ok(settings) => app.settings.replace(settings),
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the changed settings cannot be read; those from before hold");
        }
    }
}
