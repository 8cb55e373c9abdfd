//! `barbossa backup run` and `list`.

use serde_json::json;

use super::args::{Backup, Output};
use super::exit::Status;
use super::terminal::{bytes, count, print, print_json, span, spinner, table, time};
use crate::app::App;
use crate::backups::{self, Purpose, Step};

pub async fn run(app: App, command: Backup) -> anyhow::Result<Status> {
    match command {
        Backup::Run(output) => make(&app, output).await,
        Backup::List { limit, output } => list(&app, limit, output).await,
    }
}

async fn make(app: &App, output: Output) -> anyhow::Result<Status> {
    let spinner = spinner();
    let made = backups::run(app, Purpose::Routine, None, |step| match step {
        Step::Tidied(files) => {
            tracing::warn!(files, "removed what an interrupted backup had left");
            spinner.set_message(format!("removed {} of an interrupted run", count(files, "file")));
        }
        Step::Dumping(size) => spinner.set_message(format!("dumping, {}", bytes(size))),
        Step::Verifying => spinner.set_message("reading it to its end"),
        Step::Finishing => spinner.set_message("flushing it to the disk"),
    })
    .await;
    spinner.finish_and_clear();
    let made = made?;
    if output.json {
        print_json(&json!({
            "path": made.path,
            "size_bytes": made.size_bytes,
            "sha256": made.sha256,
            "took_seconds": made.took.as_secs_f64(),
        }))?;
    } else {
        let (path, size) = (made.path.display(), bytes(made.size_bytes));
        print(format_args!("{path}: {size}, verified, {:.1} s", made.took.as_secs_f64()))?;
    }
    Ok(Status::Done)
}

async fn list(app: &App, limit: u16, output: Output) -> anyhow::Result<Status> {
    let backups = backups::list(&app.db.get().await?, i64::from(limit)).await?;
    if output.json {
        print_json(&backups)?;
        return Ok(Status::Done);
    }
    let rows = backups.into_iter().map(|b| {
        let took = b
            .finished_at
            .map(|end| std::time::Duration::try_from(end.duration_since(b.started_at)).unwrap_or_default());
        vec![
            time(b.started_at),
            b.state,
            b.size_bytes.map(|s| bytes(s.unsigned_abs())).unwrap_or_default(),
            took.map(span).unwrap_or_default(),
            b.path.or(b.error).unwrap_or_default(),
        ]
    });
    print(table(&["started", "state", "size", "took", "file or reason"], &[2, 3], rows))?;
    Ok(Status::Done)
}
