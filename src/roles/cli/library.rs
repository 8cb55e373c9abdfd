//! `barbossa library`: everyone's folder made equal to their hearts, the rows made equal to the files, reports, deletions.

use serde_json::{Value, json};

use super::args::{Library, Output};
use super::exit::Status;
use super::wire::Wire;
use super::{adopt, browse, reports, terminal, trash};

/// What the jobs count, and how it is said.
const COUNTED: &[(&str, &str)] = &[
    ("albums", "albums looked at"),
    ("kept", "links were right"),
    ("linked", "made"),
    ("relinked", "made anew"),
    ("removed", "removed"),
    ("missing", "files of the library missing"),
];

pub async fn run(wire: Wire, command: Library) -> anyhow::Result<Status> {
    match command {
        Library::Browse(command) => browse::run(wire, command).await,
        Library::Relink(output) => relink(&wire, output).await,
        Library::Heart { what, output } => browse::set_hearts(wire, what.args(output), true).await,
        Library::Unheart { what, output } => browse::set_hearts(wire, what.args(output), false).await,
        Library::Rescan(args) => adopt::rescan(&wire, args).await,
        Library::Duplicates { why, limit, output } => {
            reports::duplicates(&wire, why.as_deref(), limit, output).await
        }
        Library::Incomplete { limit, output } => reports::incomplete(&wire, limit, output).await,
        Library::Delete { what, id, yes, output } => trash::delete(&wire, what, id, yes, output).await,
    }
}

async fn relink(wire: &Wire, output: Output) -> anyhow::Result<Status> {
    let answer = wire.post("/api/admin/relink", json!({})).await?;
    let ids: Vec<i64> =
        answer["job_ids"].as_array().into_iter().flatten().filter_map(Value::as_i64).collect();
    let spinner = terminal::spinner();
    let mut sums = COUNTED.iter().map(|(name, _)| (*name, 0)).collect::<Vec<_>>();
    for (i, id) in ids.iter().enumerate() {
        spinner.set_message(format!("user {} of {}", i + 1, ids.len()));
        let result = wire.follow(*id, &spinner).await?;
        for (name, sum) in &mut sums {
            *sum += result.get(*name).and_then(Value::as_u64).unwrap_or_default();
        }
    }
    spinner.finish_and_clear();
    if output.json {
        let sums = sums.into_iter().map(|(name, sum)| (name.to_owned(), json!(sum)));
        let mut report: serde_json::Map<String, Value> = sums.collect();
        report.insert("users".to_owned(), json!(ids.len()));
        terminal::print_json(&report)?;
    } else {
        let words = sums.iter().zip(COUNTED).map(|((_, sum), (_, words))| format!("{sum} {words}"));
        let words = words.collect::<Vec<_>>().join(", ");
        terminal::print(format_args!("{}: {words}.", terminal::count(ids.len(), "user")))?;
    }
    Ok(Status::Done)
}
