//! `barbossa import`: a folder of the inbox now, or a library that is filed already (`--adopt`).

use std::path::Path;

use serde_json::{Value, json};

use super::args::{ImportArgs, Output};
use super::exit::Status;
use super::wire::{Wire, WireArgs, with_wire};
use super::{adopt, import_show as show, terminal};
use crate::exports::is_export;

pub fn run(wire: &WireArgs, args: ImportArgs) -> anyhow::Result<Status> {
    if let Some(command) = args.command {
        return with_wire(wire, |wire| show::run(wire, command));
    }
    let ImportArgs { path, adopt: library, wait, output, dry_run, .. } = args;
    with_wire(wire, |wire| async move {
        match (library, path) {
            (Some(library), _) => adopt::adopt(&wire, &library, dry_run, output).await,
            (None, Some(path)) => import(&wire, &path, wait, output).await,
            (None, None) => unreachable!("clap asks for one of them"),
        }
    })
}

async fn import(wire: &Wire, path: &Path, wait: bool, output: Output) -> anyhow::Result<Status> {
    if is_export(path) {
        return restore(wire, path, wait, output).await;
    }
    let asked = wire.post("/api/import", json!({"path": named(path)?})).await?;
    let (id, path) = (asked["job_id"].as_i64().unwrap_or_default(), terminal::text_of(&asked["path"]));
    if !wait {
        tell(output, &asked, &format!("Job {id} takes it in when it has settled."))?;
        return Ok(Status::Done);
    }
    let spinner = terminal::spinner();
    spinner.set_message("waiting for the worker");
    let result = wire.follow(id, &spinner).await?;
    let state = result.get("state").and_then(Value::as_str).unwrap_or("done");
    tell(output, &result, &format!("{path}: {state}"))?;
    Ok(Status::Done)
}

/// What `barbossa export` has written, here or in another house.
async fn restore(wire: &Wire, path: &Path, wait: bool, output: Output) -> anyhow::Result<Status> {
    let whole = path.canonicalize()?;
    let asked = wire.post("/api/exports/import", json!({"path": whole.to_string_lossy()})).await?;
    let id = asked["job_id"].as_i64().unwrap_or_default();
    if !wait {
        tell(output, &asked, &format!("Job {id} takes the export in, album by album."))?;
        return Ok(Status::Done);
    }
    let result = wire.follow(id, &terminal::bar("albums")).await?;
    let text = format!(
        "{} albums with {} tracks are here, and {} hearts of {} are new.",
        result["albums"],
        result["tracks"],
        result["hearts"],
        terminal::text_of(&result["user"])
    );
    tell(output, &result, &text)?;
    for problem in result["problems"].as_array().into_iter().flatten() {
        terminal::complain(terminal::text_of(problem));
    }
    Ok(Status::Done)
}

/// A folder of this machine by its whole path, since the api stands elsewhere; any other as it was written.
pub fn named(path: &Path) -> anyhow::Result<String> {
    let named = if path.exists() { std::path::absolute(path)? } else { path.to_owned() };
    Ok(crate::files::path_to_text(&named))
}

fn tell(output: Output, result: &Value, text: &str) -> anyhow::Result<()> {
    if output.json { terminal::print_json(result) } else { Ok(terminal::print(text)?) }
}
