//! `barbossa jobs`: what waits, runs and failed; cancel, and try again.

use clap::Subcommand;
use clap_complete::engine::ArgValueCandidates;
use serde_json::{Value, json};

use super::args::Output;
use super::complete;
use super::exit::Status;
use super::terminal::{count, print, table, text_of, time_of};
use super::wire::{Wire, encoded};

#[derive(Debug, Subcommand)]
pub enum Jobs {
    /// List them, the newest first
    List {
        /// Only those in this state
        #[arg(long, value_parser = ["available", "running", "completed", "cancelled", "discarded"])]
        state: Option<String>,
        /// Only those of this queue: imports, exports, maintenance, downloads, network
        #[arg(long)]
        queue: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=200))]
        limit: u16,
        #[command(flatten)]
        output: Output,
    },
    /// How long the queues are
    Queues(Output),
    /// Show one
    Show {
        /// Its id
        #[arg(add = ArgValueCandidates::new(complete::jobs))]
        id: i64,
        #[command(flatten)]
        output: Output,
    },
    /// End one; one that runs ends at its next safe place
    Cancel {
        /// Its id
        #[arg(add = ArgValueCandidates::new(complete::jobs))]
        id: i64,
    },
    /// Give one that failed or was cancelled all its attempts again
    Retry {
        /// Its id
        #[arg(add = ArgValueCandidates::new(complete::jobs))]
        id: i64,
    },
}

pub async fn run(wire: Wire, command: Jobs) -> anyhow::Result<Status> {
    match command {
        Jobs::List { state, queue, limit, output } => {
            let given = |name: &str, value: Option<String>| {
                value.map(|v| format!("&{name}={}", encoded(&v))).unwrap_or_default()
            };
            let path = format!("/api/jobs?limit={limit}{}{}", given("state", state), given("queue", queue));
            let page = wire.get(&path).await?;
            tell(output, &page, listed)
        }
        Jobs::Queues(output) => tell(output, &wire.get("/api/jobs/queues").await?, queues),
        Jobs::Show { id, output } => tell(output, &wire.get(&format!("/api/jobs/{id}")).await?, shown),
        Jobs::Cancel { id } => {
            wire.post(&format!("/api/jobs/{id}/cancel"), json!({})).await?;
            print(format_args!("Job {id} ends, at its next safe place if it runs."))?;
            Ok(Status::Done)
        }
        Jobs::Retry { id } => {
            wire.post(&format!("/api/jobs/{id}/retry"), json!({})).await?;
            print(format_args!("Job {id} waits for its turn."))?;
            Ok(Status::Done)
        }
    }
}

fn tell(output: Output, found: &Value, text: fn(&Value) -> String) -> anyhow::Result<Status> {
    if output.json {
        output.print(found)?;
    } else {
        print(text(found))?;
    }
    Ok(Status::Done)
}

fn items(found: &Value) -> &[Value] {
    found["items"].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn listed(page: &Value) -> String {
    if items(page).is_empty() {
        return "None.".into();
    }
    let rows = items(page).iter().map(|job| {
        vec![
            text_of(&job["id"]),
            text_of(&job["kind"]),
            text_of(&job["state"]),
            format!("{}/{}", job["attempt"], job["max_attempts"]),
            time_of(&job["created_at"]),
            far(&job["progress"]),
            text_of(&job["error"]),
        ]
    });
    table(&["id", "kind", "state", "attempt", "asked for", "so far", "error"], &[0], rows)
}

/// `120 of 400`, where a job counts.
fn far(progress: &Value) -> String {
    let done = progress["done"].as_u64().or_else(|| progress["files"].as_u64());
    match (done, progress["total"].as_u64()) {
        (Some(done), Some(total)) => format!("{done} of {total}"),
        (Some(done), None) => done.to_string(),
        _ => String::new(),
    }
}

fn queues(found: &Value) -> String {
    if items(found).is_empty() {
        return "Nothing waits, runs or has failed.".into();
    }
    let rows = items(found).iter().map(|queue| {
        let numbers = ["ready", "running", "put_off", "failed"].map(|name| text_of(&queue[name]));
        let mut row = vec![text_of(&queue["queue"])];
        row.extend(numbers);
        row.push(time_of(&queue["oldest"]));
        row
    });
    table(&["queue", "ready", "running", "later", "failed", "oldest since"], &[1, 2, 3, 4], rows)
}

fn shown(job: &Value) -> String {
    let mut lines = vec![format!("Job {}: {}, {}", job["id"], text_of(&job["kind"]), text_of(&job["state"]))];
    lines.push(format!(
        "asked for {}, {} of {}",
        time_of(&job["created_at"]),
        count(usize::try_from(job["attempt"].as_u64().unwrap_or_default()).unwrap_or_default(), "attempt"),
        job["max_attempts"]
    ));
    for (name, word) in [("run_at", "not before"), ("attempted_at", "begun"), ("finished_at", "ended")] {
        let time = time_of(&job[name]);
        if !time.is_empty() {
            lines.push(format!("{word} {time}"));
        }
    }
    for name in ["progress", "payload", "result", "error"] {
        if !job[name].is_null() {
            lines.push(format!("{name}: {}", text_of(&job[name])));
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn how_far_a_job_is_reads_as_a_share() {
        assert_eq!(far(&json!({"done": 3, "total": 9})), "3 of 9");
        assert_eq!(far(&json!({"files": 3})), "3");
        assert_eq!(far(&Value::Null), "");
    }
}
