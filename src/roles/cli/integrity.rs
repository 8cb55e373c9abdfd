//! `barbossa integrity`: what was verified, what is damaged, and the ways back.

use clap::Subcommand;
use clap_complete::engine::ArgValueCandidates;
use serde_json::{Value, from_value, json};

use super::args::Output;
use super::complete;
use super::exit::Status;
use super::terminal;
use super::wire::Wire;
use crate::integrity::{Damage, Summary};

/// What may be asked of it.
#[derive(Debug, Subcommand)]
pub enum Integrity {
    /// How much was verified, and what is damaged
    Status(Output),
    /// Read files now: this night's slice, all, or those of some tracks; exit status 1 when one is damaged
    Verify {
        /// Every file
        #[arg(long, conflicts_with = "ids")]
        all: bool,
        /// Ids of tracks
        ids: Vec<i64>,
        /// Then put a good copy in the place of each damaged file, where there is one
        #[arg(long)]
        fix: bool,
        #[command(flatten)]
        output: Output,
    },
    /// List damaged files with their ways back
    List(Output),
    /// Put a good copy in the place of a damaged file, which goes into the trash
    Repair {
        /// The damage's id
        #[arg(add = ArgValueCandidates::new(complete::damages))]
        id: i64,
        #[command(flatten)]
        output: Output,
    },
    /// Take a file as it is now; one that is missing leaves the library
    Accept {
        /// The damage's id
        #[arg(add = ArgValueCandidates::new(complete::damages))]
        id: i64,
        #[command(flatten)]
        output: Output,
    },
}

/// So many damages are listed.
const LISTED: i64 = 500;

pub async fn run(wire: Wire, command: Integrity) -> anyhow::Result<Status> {
    match command {
        Integrity::Status(output) => status(&wire, output).await,
        Integrity::Verify { all, ids, fix, output } => {
            let verified = verify(&wire, all, ids, output).await?;
            if fix { mend(&wire).await } else { Ok(verified) }
        }
        Integrity::List(output) => list(&wire, output).await,
        Integrity::Repair { id, output } => repair(&wire, id, output).await,
        Integrity::Accept { id, output } => {
            let result = wire.post(&format!("/api/admin/integrity/damages/{id}/accept"), json!({})).await?;
            tell(output, &result, "It is taken as it is.")
        }
    }
}

async fn status(wire: &Wire, output: Output) -> anyhow::Result<Status> {
    let summary: Summary = from_value(wire.get("/api/admin/integrity").await?)?;
    if output.json {
        output.print(&summary)?;
        return Ok(Status::Done);
    }
    let damaged: i64 = summary.damages.values().sum();
    let kinds: Vec<String> = summary.damages.iter().map(|(kind, n)| format!("{n} {kind}")).collect();
    let mut text = format!(
        "{} tracks, {} with a checksum, {} missing.\n{} ({} %) verified within {} days.\n{} damaged{}{}.",
        summary.tracks,
        summary.read,
        summary.missing,
        summary.verified,
        summary.verified_pct,
        summary.period_days,
        damaged,
        if damaged > 0 { ": " } else { "" },
        kinds.join(", "),
    );
    if let Some(next) = summary.next_slice_at {
        text.push_str(&format!("\nThe next slice is due {}.", terminal::time(next)));
    }
    if let Some(alarm) = &summary.alarm {
        text.push_str(&format!("\nAlarm: {alarm}"));
    }
    terminal::print(text)?;
    Ok(Status::Done)
}

async fn verify(wire: &Wire, all: bool, ids: Vec<i64>, output: Output) -> anyhow::Result<Status> {
    let asked = match (all, ids.is_empty()) {
        (true, _) => json!({"scope": "all"}),
        (false, false) => json!({"ids": ids}),
        (false, true) => json!({"scope": "slice"}),
    };
    let started = wire.post("/api/admin/integrity/verify", asked).await?;
    let job = started["job_id"].as_i64().unwrap_or_default();
    let result = wire.follow(job, &terminal::bar("files")).await?;
    let number = |name: &str| result.get(name).and_then(Value::as_u64).unwrap_or_default();
    let text = format!(
        "{} files read: {} intact, {} damaged, {} changed or gone (a rescan looks at them).",
        number("checked"),
        number("intact"),
        number("damaged"),
        number("differ")
    );
    tell(output, &result, &text)?;
    Ok(if number("damaged") > 0 { Status::Failed } else { Status::Done })
}

/// Repairs what can be repaired, and says what cannot and why.
async fn mend(wire: &Wire) -> anyhow::Result<Status> {
    let page = wire.get(&format!("/api/admin/integrity/damages?limit={LISTED}")).await?;
    let mut status = Status::Done;
    for damage in page["items"].as_array().into_iter().flatten() {
        let path = terminal::text_of(&damage["path"]);
        match repaired(wire, damage["id"].as_i64().unwrap_or_default()).await {
            Ok(_) => terminal::complain(format_args!("{path}: repaired; the damaged file is in the trash.")),
            Err(error) if super::exit::status_of(&error) == Status::Failed => {
                terminal::complain(format_args!("{path}: {error}"));
                status = Status::Failed;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(status)
}

async fn list(wire: &Wire, output: Output) -> anyhow::Result<Status> {
    let mut page = wire.get(&format!("/api/admin/integrity/damages?limit={LISTED}")).await?;
    let damages: Vec<Damage> = from_value(page["items"].take())?;
    if output.json {
        output.print(&damages)?;
    } else if damages.is_empty() {
        terminal::print("Nothing is damaged.")?;
    } else {
        let rows = damages.iter().map(|d| {
            let ways: Vec<&str> = d.ways.iter().map(|w| w.kind.as_str()).collect();
            let ways = if ways.is_empty() { "none known".to_owned() } else { ways.join(", ") };
            vec![d.id.to_string(), d.kind.clone(), terminal::time(d.found_at), d.path.clone(), ways]
        });
        terminal::print(terminal::table(&["id", "what", "found", "file", "ways back"], &[0], rows))?;
    }
    Ok(Status::Done)
}

/// What the repair of one says when it is done.
async fn repaired(wire: &Wire, damage_id: i64) -> anyhow::Result<Value> {
    let answer = wire.post(&format!("/api/admin/integrity/damages/{damage_id}/repair"), json!({})).await?;
    let mut answer = answer;
    // One job may leave the rest to another: who brings a copy is not who puts it into its place.
    while let (Some("started") | None, Some(job)) = (answer["status"].as_str(), answer["job_id"].as_i64()) {
        answer = wire.follow(job, &terminal::spinner()).await?;
    }
    Ok(answer)
}

async fn repair(wire: &Wire, damage_id: i64, output: Output) -> anyhow::Result<Status> {
    let result = repaired(wire, damage_id).await?;
    let from = result.pointer("/from/place").and_then(Value::as_str).unwrap_or_default().to_owned();
    tell(output, &result, &format!("Repaired from {from}; the damaged file is in the trash."))
}

fn tell(output: Output, result: &Value, text: &str) -> anyhow::Result<Status> {
    if output.json {
        output.print(result)?;
    } else {
        terminal::print(text)?;
    }
    Ok(Status::Done)
}
