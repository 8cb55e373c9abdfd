//! `barbossa backup run`, `send`, `verify`, `drill`, `status` and `list`.

use clap::Subcommand;
use serde_json::json;

use super::args::Output;
use super::exit::{Status, failure};
use super::music_backup::{self, Music};
use super::terminal::{bytes, complain, count, print, print_json, span, spinner, table, time};
use crate::app::App;
use crate::backups::{self, DrillStep, Purpose, Step};
use crate::error::Error;

#[derive(Debug, Subcommand)]
pub enum Backup {
    /// Make one now: read to its end, checksummed, then named; and let old ones go
    Run(Output),
    /// Read one again from its first byte to its last; without a name, all of them
    Verify {
        /// As `barbossa backup list` shows it, or a path
        name: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Carry the newest to the destinations where it is not yet, and compare it there
    Send {
        /// The name of one of backup.destinations; without it, all of them
        destination: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// How backups, their copies elsewhere and the backup of the music are
    Status(Output),
    /// Back the music up into its restic repository
    #[command(args_conflicts_with_subcommands = true)]
    Music {
        #[command(subcommand)]
        command: Option<Music>,
        #[command(flatten)]
        output: Output,
    },
    /// Restore the newest into a scratch database, hold it against its manifest and the files, and throw it away
    Drill(Output),
    /// List them, the newest first
    List {
        /// At most so many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
        limit: u16,
        #[command(flatten)]
        output: Output,
    },
}

pub async fn run(app: App, command: Backup) -> anyhow::Result<Status> {
    match command {
        Backup::Run(output) => make(&app, output).await,
        Backup::Verify { name, output } => verify(&app, name.as_deref(), output).await,
        Backup::Send { destination, output } => send(&app, destination.as_deref(), output).await,
        Backup::Status(output) => status(&app, output).await,
        Backup::Music { command, output } => music_backup::run(app, command, output).await,
        Backup::Drill(output) => drill(&app, output).await,
        Backup::List { limit, output } => list(&app, limit, output).await,
    }
}

async fn make(app: &App, output: Output) -> anyhow::Result<Status> {
    let spinner = spinner();
    let made = backups::run(app, Purpose::Routine, None, |step| match step {
        Step::Tidied(files) => {
            tracing::warn!(files, "removed what an interrupted backup had left");
            spinner.set_message(format!("removed {} of interrupted runs", count(files, "remnant")));
        }
        Step::Dumping(size) => spinner.set_message(format!("dumping, {}", bytes(size))),
        Step::Gathering => spinner.set_message("adding settings, secrets, pictures and lyrics"),
        Step::Verifying => spinner.set_message("reading it to its end"),
        Step::Finishing => spinner.set_message("giving it its name"),
        Step::Pruning => spinner.set_message("letting old ones go"),
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
            "left_out": made.left_out,
            "removed": made.removed,
        }))?;
    } else {
        let (path, size) = (made.path.display(), bytes(made.size_bytes));
        print(format_args!("{path}: {size}, verified, {:.1} s", made.took.as_secs_f64()))?;
        for sentence in &made.left_out {
            print(sentence)?;
        }
        if !made.removed.is_empty() {
            print(format_args!("Let go: {}", made.removed.join(", ")))?;
        }
    }
    Ok(Status::Done)
}

async fn send(app: &App, destination: Option<&str>, output: Output) -> anyhow::Result<Status> {
    let spinner = spinner();
    let sent = backups::send(app, destination, |to, backup| {
        spinner.set_message(format!("{} to {}", backup.name, to.name));
    })
    .await;
    spinner.finish_and_clear();
    let sent = sent?;
    let has_failed = sent.iter().any(|s| s.outcome.is_err());
    if output.json {
        let shown = sent.iter().map(|s| {
            let carried = s.outcome.as_ref().ok();
            json!({
                "destination": s.destination, "backup": s.backup, "ok": s.outcome.is_ok(),
                "was_there": carried.map(|c| c.was_there), "removed": carried.map(|c| &c.removed),
                "problem": s.outcome.as_ref().err(), "took_seconds": s.took.as_secs_f64(),
            })
        });
        print_json(&shown.collect::<Vec<_>>())?;
    } else if sent.is_empty() {
        print("There is no destination: see backup.destinations in /etc/barbossa/barbossa.toml.")?;
    } else {
        let rows = sent.iter().map(|s| {
            let outcome = match &s.outcome {
                Err(why) => format!("FAILED: {why}"),
                Ok(carried) if carried.was_there => "there already".to_owned(),
                Ok(carried) if carried.removed.is_empty() => "carried".to_owned(),
                Ok(carried) => format!("carried; let go: {}", carried.removed.join(", ")),
            };
            vec![s.destination.clone(), s.backup.clone(), span(s.took), outcome]
        });
        print(table(&["destination", "backup", "took", "is"], &[2], rows))?;
    }
    Ok(if has_failed { Status::Failed } else { Status::Done })
}

async fn status(app: &App, output: Output) -> anyhow::Result<Status> {
    let client = app.db.get().await?;
    let last = backups::list(&client, 1).await?.pop();
    let proof = backups::proof(&client).await?;
    let destinations = backups::destinations(&client, &app.settings.backup.destinations).await?;
    let music = backups::music_state(&client, &app.settings).await?;
    if output.json {
        let all = json!({"last_backup": last, "proof": proof, "destinations": destinations, "music": music});
        print_json(&all)?;
        return Ok(Status::Done);
    }
    match &last {
        None => print("No backup yet: systemctl start barbossa-backup")?,
        Some(b) => print(format_args!(
            "Last backup: {}, {}{}",
            b.state,
            time(b.started_at),
            b.error.as_ref().map(|why| format!(": {why}")).unwrap_or_default()
        ))?,
    }
    let proven = proof.last_proven_restore.map_or_else(|| "never".to_owned(), time);
    print(format_args!("Last proven restore: {proven}"))?;
    print(music_backup::sentence(&music))?;
    if !destinations.is_empty() {
        let rows = destinations.iter().map(|d| {
            let last = d.last.as_ref();
            vec![
                d.name.clone(),
                d.to.clone(),
                last.map_or_else(|| "not tried yet".to_owned(), |last| last.state.clone()),
                d.last_complete_at.map(time).unwrap_or_default(),
                d.kept.to_string(),
                last.and_then(|last| last.error.clone()).unwrap_or_default(),
            ]
        });
        print(table(&["destination", "to", "last try", "last whole", "kept", "reason"], &[4], rows))?;
    }
    Ok(Status::Done)
}

async fn verify(app: &App, name: Option<&str>, output: Output) -> anyhow::Result<Status> {
    let spinner = spinner();
    let verdicts =
        backups::verify(app, name, |backup| spinner.set_message(format!("reading {}", backup.name))).await;
    spinner.finish_and_clear();
    let verdicts = verdicts?;
    let is_bad = verdicts.iter().any(|v| v.problem.is_some());
    if output.json {
        let shown = verdicts.iter().map(|v| {
            json!({
                "name": v.backup.name, "path": v.backup.path, "ok": v.problem.is_none(),
                "problem": v.problem, "took_seconds": v.took.as_secs_f64(),
            })
        });
        print_json(&shown.collect::<Vec<_>>())?;
    } else if verdicts.is_empty() {
        complain("There is no backup yet: systemctl start barbossa-backup");
    } else {
        let rows = verdicts.iter().map(|v| {
            let verdict = v.problem.as_ref().map_or_else(|| "whole".to_owned(), |p| format!("BAD: {p}"));
            vec![v.backup.name.clone(), time(v.backup.made_at), span(v.took), verdict]
        });
        print(table(&["backup", "made", "took", "is"], &[2], rows))?;
    }
    Ok(if is_bad || verdicts.is_empty() { Status::Failed } else { Status::Done })
}

async fn drill(app: &App, output: Output) -> anyhow::Result<Status> {
    let spinner = spinner();
    let drilled = backups::drill(app, None, |step| {
        spinner.set_message(match step {
            DrillStep::Reading => "reading it to its end",
            DrillStep::Restoring => "restoring it into the scratch database",
            DrillStep::Listening => "holding files against the restored rows",
        });
    })
    .await;
    spinner.finish_and_clear();
    let drilled = match drilled {
        Ok(drilled) => drilled,
        // No other failure ends with this status: to the unit it is none.
        Err(Error::NotFound(sentence)) => return Err(failure(Status::NotFound, sentence)),
        Err(Error::Internal(error)) => return Err(failure(Status::Failed, format!("{error:#}"))),
        Err(error) => return Err(error.into()),
    };
    let took = drilled.took.as_secs_f64();
    if output.json {
        print_json(&json!({
            "name": drilled.backup.name, "rows": drilled.rows, "files_checked": drilled.files_checked,
            "took_seconds": took,
        }))?;
    } else {
        let rows = count(usize::try_from(drilled.rows).unwrap_or_default(), "row");
        let files = count(usize::try_from(drilled.files_checked).unwrap_or_default(), "file");
        print(format_args!(
            "{} can be restored: {rows}, {files} compared, {took:.1} s",
            drilled.backup.name
        ))?;
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
            match (b.removed_at, &b.problem) {
                (Some(_), _) => "let go".to_owned(),
                (None, Some(_)) => "DAMAGED".to_owned(),
                (None, None) => b.state,
            },
            b.size_bytes.map(|s| bytes(s.unsigned_abs())).unwrap_or_default(),
            took.map(span).unwrap_or_default(),
            b.restored_at.map(time).unwrap_or_default(),
            b.problem.or(b.error).or(b.path).unwrap_or_default(),
        ]
    });
    print(table(&["started", "state", "size", "took", "proven", "folder or reason"], &[2, 3], rows))?;
    let destinations = backups::destinations(&app.db.get().await?, &app.settings.backup.destinations).await?;
    for place in destinations {
        let last = place.last_complete_at.map_or_else(|| "none yet".to_owned(), time);
        print(format_args!("At {} ({}): {} kept, the last one {last}", place.name, place.to, place.kept))?;
    }
    Ok(Status::Done)
}
