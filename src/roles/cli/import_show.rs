//! `barbossa import list` and `barbossa import show`: what imports were taken for, how sure that is, and why.

use serde_json::{from_value, json};

use super::args::Imports;
use super::exit::Status;
use super::review::{self, Review};
use super::terminal;
use super::wire::{Wire, encoded};
use crate::imports::{Evidence, Shown};

pub async fn run(wire: Wire, command: Imports) -> anyhow::Result<Status> {
    match command {
        Imports::List { state, limit, output } => {
            let state = state.map(|s| format!("&state={}", encoded(&s))).unwrap_or_default();
            let list: Vec<Shown> = from_value(wire.get(&format!("/api/import?limit={limit}{state}")).await?)?;
            if output.json {
                output.print(&list)?;
            } else {
                terminal::print(table(&list))?;
            }
        }
        Imports::Show { id, output } => {
            let shown = find(&wire, id).await?;
            if output.json {
                output.print(&shown)?;
            } else {
                terminal::print(page(&shown))?;
            }
        }
        Imports::Scan(output) => {
            let started = wire.post("/api/import/trigger", json!({})).await?;
            if output.json {
                output.print(&started)?;
            } else {
                terminal::print(format_args!("Job {} looks at the inbox.", started["job_id"]))?;
            }
        }
        Imports::Review { status, output } => {
            return review::run(wire, Review::List { status, limit: 50, output }).await;
        }
        Imports::Approve(args) => return review::run(wire, Review::Approve(args)).await,
        Imports::Reject { id, reason, output } => {
            return review::run(wire, Review::Reject { id, reason, delete: false, output }).await;
        }
    }
    Ok(Status::Done)
}

/// One import.
pub async fn find(wire: &Wire, id: i64) -> anyhow::Result<Shown> {
    Ok(from_value(wire.get(&format!("/api/import/{id}")).await?)?)
}

fn table(list: &[Shown]) -> String {
    if list.is_empty() {
        return "There are none.".to_owned();
    }
    let rows = list.iter().map(|s| {
        let sure = s.confidence.map(percent).unwrap_or_default();
        vec![
            s.id.to_string(),
            terminal::time(s.created_at),
            s.state.clone(),
            sure,
            what(s),
            s.source_path.clone(),
        ]
    });
    terminal::table(&["id", "found", "state", "sure", "what", "from"], &[0, 3], rows)
}

/// `“Album” (1999) by Ann`, as far as it is known.
pub fn what(shown: &Shown) -> String {
    let year = shown.year.map(|y| format!(" ({y})")).unwrap_or_default();
    match (shown.album.as_deref(), shown.artist.as_deref()) {
        (Some(album), Some(artist)) => format!("“{album}”{year} by {artist}"),
        (Some(album), None) => format!("“{album}”{year}"),
        (None, Some(artist)) => format!("something by {artist}"),
        (None, None) => "nobody knows".to_owned(),
    }
}

pub fn percent(share: f32) -> String {
    format!("{:.0} %", share * 100.0)
}

pub fn page(shown: &Shown) -> String {
    let sure = shown.confidence.map(|c| format!(", {} sure", percent(c))).unwrap_or_default();
    let mut lines = vec![format!("Import {}: {}{sure}; {}", shown.id, what(shown), shown.state)];
    lines.push(format!(
        "from {} ({}), {}",
        shown.source_path,
        shown.source,
        terminal::time(shown.created_at)
    ));
    if let Some(path) = shown.path.as_ref().filter(|p| **p != shown.source_path) {
        lines.push(format!("now  {path}"));
    }
    lines.extend(shown.reason.iter().map(|r| format!("why  {r}")));
    lines.extend(shown.notes.iter().map(|n| format!("note {n}")));
    if !shown.evidence.is_empty() {
        lines.push(String::new());
        let head = ["field", "value", "witness", "factor", "support", "note"];
        lines.push(terminal::table(&head, &[3, 4], shown.evidence.iter().map(row)));
    }
    if let Some(other) = &shown.runner_up {
        let year = other.year.map(|y| format!(" ({y})")).unwrap_or_default();
        lines.push(String::new());
        lines.push(format!(
            "Or, {}: “{}”{year} by {}: {}",
            percent(other.confidence),
            other.title,
            other.artist,
            other.note
        ));
    }
    if let Some(told) = shown.enrichment.as_ref().and_then(|e| e.get("summary")?.as_str()) {
        lines.push(String::new());
        lines.push(told.to_owned());
    }
    lines.join("\n")
}

fn row(evidence: &Evidence) -> Vec<String> {
    let number =
        |n: f32, silent: f32| if (n - silent).abs() < 0.005 { String::new() } else { format!("{n:.2}") };
    vec![
        evidence.field.to_string(),
        evidence.value.clone().unwrap_or_default(),
        evidence.witness.name().to_owned(),
        number(evidence.weight(), 1.0),
        number(evidence.support, 0.0),
        evidence.note.as_deref().unwrap_or_default().to_owned(),
    ]
}
