//! What the shell offers when Tab is pressed: the real names and numbers, asked of the api as whoever types. An api that
//! is away or slow offers nothing.

use std::time::Duration;

use clap::CommandFactory;
use clap_complete::CompleteEnv;
use clap_complete::engine::CompletionCandidate;
use serde_json::Value;

use super::args::Cli;
use super::terminal::text_of;
use super::wire::{Wire, WireArgs};

/// Nobody waits longer for a Tab.
const PATIENCE: Duration = Duration::from_millis(1500);

/// Answers the shell, when it is the shell that asks.
pub fn answer_shell() {
    CompleteEnv::with_factory(Cli::command).bin("barbossa").completer("barbossa").complete();
}

/// The users' names.
pub fn users() -> Vec<CompletionCandidate> {
    offered("/api/admin/users", |user| {
        (text_of(&user["username"]), if user["is_admin"] == true { "admin" } else { "member" }.to_owned())
    })
}

/// Imports that wait for a person.
pub fn reviews() -> Vec<CompletionCandidate> {
    offered("/api/import/review?limit=50", |review| {
        let what = ["suggested_artist", "suggested_album"]
            .map(|name| review[name].as_str().unwrap_or("?").to_owned());
        (text_of(&review["id"]), what.join(" - "))
    })
}

/// What lies in the trash, the newest first.
pub fn trash() -> Vec<CompletionCandidate> {
    offered("/api/trash?limit=50", |item| (text_of(&item["id"]), text_of(&item["title"])))
}

/// Damages that have not ended.
pub fn damages() -> Vec<CompletionCandidate> {
    offered("/api/admin/integrity/damages?limit=50", |damage| {
        (text_of(&damage["id"]), text_of(&damage["path"]))
    })
}

/// Edits, the newest first.
pub fn edits() -> Vec<CompletionCandidate> {
    offered("/api/edits?limit=50", |edit| (text_of(&edit["id"]), text_of(&edit["title"])))
}

/// Jobs, the newest first.
pub fn jobs() -> Vec<CompletionCandidate> {
    offered("/api/jobs?limit=50", |job| {
        (text_of(&job["id"]), format!("{} ({})", text_of(&job["kind"]), text_of(&job["state"])))
    })
}

fn offered(path: &str, candidate: fn(&Value) -> (String, String)) -> Vec<CompletionCandidate> {
    let answer = ask(path).unwrap_or_default();
    let items = answer.as_array().or(answer["items"].as_array()).map(Vec::as_slice).unwrap_or_default();
    let candidates = items
        .iter()
        .map(candidate)
        .map(|(value, help)| CompletionCandidate::new(value).help(Some(help.into())));
    candidates.collect()
}

/// With what the environment says, since the command line is not finished yet.
fn ask(path: &str) -> Option<Value> {
    let set = |name: &str| std::env::var(name).ok();
    let args = WireArgs {
        api_url: set("BARBOSSA_URL"),
        token: set("BARBOSSA_TOKEN"),
        cacert: set("BARBOSSA_CACERT").map(Into::into),
        as_user: set("BARBOSSA_AS"),
    };
    let wire = Wire::open(&args).ok()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().ok()?;
    runtime.block_on(async { tokio::time::timeout(PATIENCE, wire.get(path)).await.ok()?.ok() })
}
