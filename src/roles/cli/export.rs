//! `barbossa export`: a user's library onto a drive, and what became of it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use clap_complete::engine::ArgValueCandidates;
use serde_json::{Value, json};

use super::args::{JsonOutput, Output};
use super::complete;
use super::exit::{Status, failure};
use super::terminal::{self, bytes, complain, count, print, table, text_of, time_of};
use super::wire::Wire;

/// How often to look.
const EVERY: Duration = Duration::from_millis(500);

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct ExportArgs {
    #[command(subcommand)]
    pub command: Option<Exports>,
    /// Whose library; by default one's own
    #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(complete::users))]
    pub user: Option<String>,
    /// A folder beneath one of exports.roots; by default the user's own in the first of them
    #[arg(long, value_name = "DIR")]
    pub dest: Option<PathBuf>,
    /// As the library has the tracks, as MP3 of 320 kbit/s (lossy ones stay as they are), or both
    #[arg(long, value_enum, default_value = "flac")]
    pub format: Kept,
    /// Covers, too
    #[arg(long)]
    pub artwork: bool,
    /// Playlists, too: one for each album and one for all
    #[arg(long)]
    pub playlist: bool,
    /// No lyrics
    #[arg(long)]
    pub no_lyrics: bool,
    /// Delete what an earlier export has put there and the user does not love any more
    #[arg(long)]
    pub prune: bool,
    /// Wait until it has ended, and say how
    #[arg(long)]
    pub wait: bool,
    #[command(flatten)]
    pub output: JsonOutput,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kept {
    Flac,
    Mp3,
    Both,
}

#[derive(Debug, Subcommand)]
pub enum Exports {
    /// How far one is
    Status {
        /// Its number
        id: i64,
        #[command(flatten)]
        output: Output,
    },
    /// End one; what is whole stays where it is
    Cancel {
        /// Its number
        id: i64,
        #[command(flatten)]
        output: Output,
    },
    /// Let one go on that failed or was cancelled: when the drive is plugged in again
    Resume {
        /// Its number
        id: i64,
        /// Wait until it has ended, and say how
        #[arg(long)]
        wait: bool,
        #[command(flatten)]
        output: Output,
    },
    /// List them, the newest first
    List {
        /// Only of this user
        #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(complete::users))]
        user: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=100))]
        limit: u16,
        #[command(flatten)]
        output: Output,
    },
}

pub async fn run(wire: Wire, args: ExportArgs) -> anyhow::Result<Status> {
    match args.command {
        None => begin(&wire, args).await,
        Some(Exports::Status { id, output }) => tell(&wire.get(&format!("/api/exports/{id}")).await?, output),
        Some(Exports::Cancel { id, output }) => {
            wire.post(&format!("/api/exports/{id}/cancel"), json!({})).await?;
            tell(&wire.get(&format!("/api/exports/{id}")).await?, output)
        }
        Some(Exports::Resume { id, wait, output }) => {
            wire.post(&format!("/api/exports/{id}/resume"), json!({})).await?;
            end_of(&wire, id, wait, output).await
        }
        Some(Exports::List { user, limit, output }) => list(&wire, user, limit, output).await,
    }
}

async fn begin(wire: &Wire, args: ExportArgs) -> anyhow::Result<Status> {
    let destination =
        args.dest.as_deref().map(|dest| dest.to_string_lossy().into_owned()).unwrap_or_default();
    let format = match args.format {
        Kept::Flac => "flac",
        Kept::Mp3 => "mp3",
        Kept::Both => "both",
    };
    let body = json!({
        "user_id": id_of(wire, args.user.as_deref()).await?, "destination": destination, "format": format,
        "include_artwork": args.artwork, "include_playlist": args.playlist, "include_lyrics": !args.no_lyrics,
        "prune": args.prune,
    });
    let export = wire.post("/api/exports", body).await?;
    end_of(wire, export["id"].as_i64().unwrap_or_default(), args.wait, args.output.into()).await
}

async fn id_of(wire: &Wire, name: Option<&str>) -> anyhow::Result<Option<i64>> {
    let Some(name) = name else { return Ok(None) };
    let users = wire.get("/api/admin/users").await?;
    let is_it = |user: &&Value| user["username"].as_str() == Some(name);
    match users.as_array().into_iter().flatten().find(is_it) {
        Some(user) => Ok(user["id"].as_i64()),
        None => {
            Err(failure(Status::NotFound, format!("Nobody here is called {name}: `barbossa users list`.")))
        }
    }
}

/// At once, or when it has ended.
async fn end_of(wire: &Wire, id: i64, wait: bool, output: Output) -> anyhow::Result<Status> {
    let bar = terminal::bar("MiB");
    loop {
        let export = wire.get(&format!("/api/exports/{id}")).await?;
        let is_over =
            ["complete", "failed", "cancelled"].contains(&export["status"].as_str().unwrap_or_default());
        if is_over || !wait || export["destination"] == "zip" {
            bar.finish_and_clear();
            return tell(&export, output);
        }
        if let Some(total) = export["total_size"].as_u64() {
            bar.set_length(total >> 20);
        }
        bar.set_position(export["exported_size"].as_u64().unwrap_or_default() >> 20);
        tokio::time::sleep(EVERY).await;
    }
}

fn tell(export: &Value, output: Output) -> anyhow::Result<Status> {
    let status = if export["status"] == "failed" { Status::Failed } else { Status::Done };
    if output.json {
        output.print(export)?;
        return Ok(status);
    }
    let told = told(export);
    if status == Status::Failed {
        complain(told);
    } else {
        print(told)?;
    }
    for problem in export["problems"].as_array().into_iter().flatten() {
        complain(text_of(problem));
    }
    let removed = export["removed"].as_array().map_or(0, Vec::len);
    if removed > 0 {
        let done = if export["prune"] == true { "deleted" } else { "still there; --prune deletes them" };
        print(format_args!("{} of earlier exports, not loved any more: {done}", count(removed, "file")))?;
    }
    Ok(status)
}

fn told(export: &Value) -> String {
    let number = |name: &str| usize::try_from(export[name].as_u64().unwrap_or_default()).unwrap_or_default();
    let (albums, size) = (count(number("exported_albums"), "album"), bytes(number("exported_size") as u64));
    let (id, progress) = (&export["id"], &export["progress"]);
    let what =
        format!("Export {id} of {} to {}", text_of(&export["username"]), text_of(&export["destination"]));
    match export["status"].as_str().unwrap_or_default() {
        "complete" => format!("{what}: {albums}, {size}, verified"),
        "failed" => format!("{what} failed: {}", text_of(&export["error_message"])),
        "running" => format!("{what}: {progress} %, {albums} of {}, {size}", export["total_albums"]),
        _ if export["download_url"].is_string() => {
            format!("{what}: it is made while it is downloaded, from {}", text_of(&export["download_url"]))
        }
        state => format!("{what}: {state}"),
    }
}

async fn list(wire: &Wire, user: Option<String>, limit: u16, output: Output) -> anyhow::Result<Status> {
    let of = id_of(wire, user.as_deref()).await?.map(|id| format!("&user_id={id}")).unwrap_or_default();
    let exports = wire.get(&format!("/api/exports?limit={limit}{of}")).await?;
    if output.json {
        output.print(&exports)?;
        return Ok(Status::Done);
    }
    let rows = exports.as_array().into_iter().flatten().map(|e| {
        let why = text_of(&e["error_message"]);
        vec![
            text_of(&e["id"]),
            text_of(&e["username"]),
            time_of(&e["created_at"]),
            text_of(&e["status"]),
            format!("{} %", e["progress"]),
            bytes(e["exported_size"].as_u64().unwrap_or_default()),
            if why.is_empty() { text_of(&e["destination"]) } else { why },
        ]
    });
    print(table(&["id", "user", "asked", "state", "done", "size", "where or why"], &[0, 4, 5], rows))?;
    Ok(Status::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_export_that_failed_says_why() {
        let export = json!({
            "id": 3, "username": "ada", "destination": "/media/usb", "status": "failed", "error_message": "Plug it in.",
        });
        assert_eq!(told(&export), "Export 3 of ada to /media/usb failed: Plug it in.");
    }
}
