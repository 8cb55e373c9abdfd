//! `barbossa review`: what waits for a person, with what a decision rests on, and the decision.

use clap::{Args, Subcommand};
use clap_complete::engine::ArgValueCandidates;
use serde_json::{Value, json};

use super::args::Output;
use super::complete;
use super::exit::{Status, failure};
use super::import_show;
use super::terminal::{bytes, print, spinner, table, text_of, time_of};
use super::wire::Wire;

#[derive(Debug, Subcommand)]
pub enum Review {
    /// List them, the newest first
    List {
        /// Which
        #[arg(long, default_value = "pending")]
        #[arg(value_parser = ["pending", "approved", "rejected", "failed", "duplicate"])]
        status: String,
        /// At most so many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
        limit: u16,
        #[command(flatten)]
        output: Output,
    },
    /// Show one: what it is taken for and why, its files, and what the library has beside them
    Show {
        /// Its id
        #[arg(add = ArgValueCandidates::new(complete::reviews))]
        id: i64,
        #[command(flatten)]
        output: Output,
    },
    /// File it, as suggested or under other names
    Approve(ApproveArgs),
    /// Set it aside for good: into import/rejected, with the reason beside it
    Reject {
        /// Its id
        #[arg(add = ArgValueCandidates::new(complete::reviews))]
        id: i64,
        /// Why
        #[arg(long)]
        reason: Option<String>,
        /// Into the trash instead
        #[arg(long)]
        delete: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Bring one back that was rejected, came twice or failed
    PutBack {
        /// Its id
        #[arg(add = ArgValueCandidates::new(complete::reviews))]
        id: i64,
        #[command(flatten)]
        output: Output,
    },
    /// Undo what was decided last: back to review, as it was; what was put back is rejected again
    Undo {
        /// Its id
        #[arg(add = ArgValueCandidates::new(complete::reviews))]
        id: i64,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, Args)]
pub struct ApproveArgs {
    /// Its id
    #[arg(add = ArgValueCandidates::new(complete::reviews))]
    pub id: i64,
    /// The album artist, instead of the one that was suggested
    #[arg(long)]
    pub artist: Option<String>,
    /// The title, instead of the one that was suggested
    #[arg(long)]
    pub album: Option<String>,
    /// The year, instead of the one that was suggested
    #[arg(long, value_parser = clap::value_parser!(i32).range(1..=9999))]
    pub year: Option<i32>,
    /// Take the runner-up
    #[arg(long)]
    pub runner_up: bool,
    /// In the place of what the library has; the old files go into the trash
    #[arg(long, conflicts_with_all = ["beside", "extend"])]
    pub replace: bool,
    /// As an edition of its own beside what the library has
    #[arg(long, conflicts_with = "extend")]
    pub beside: bool,
    /// Add only what the library lacks
    #[arg(long)]
    pub extend: bool,
    #[command(flatten)]
    pub output: Output,
}

pub async fn run(wire: Wire, command: Review) -> anyhow::Result<Status> {
    match command {
        Review::List { status, limit, output } => list(&wire, &status, limit, output).await,
        Review::Show { id, output } => show(&wire, id, output).await,
        Review::Approve(args) => approve(&wire, args).await,
        Review::Reject { id, reason, delete, output } => {
            let body = json!({"reason": reason, "delete_files": delete});
            decide(&wire, id, ("reject", body), &["rejected"], output).await
        }
        Review::PutBack { id, output } => {
            decide(&wire, id, ("put-back", json!({})), &["review"], output).await
        }
        Review::Undo { id, output } => {
            decide(&wire, id, ("undo", json!({})), &["review", "rejected"], output).await
        }
    }
}

// -- looking

async fn list(wire: &Wire, status: &str, limit: u16, output: Output) -> anyhow::Result<Status> {
    let reviews = wire.get(&format!("/api/import/review?status={status}&limit={limit}")).await?;
    let items = reviews.as_array().map(Vec::as_slice).unwrap_or_default();
    if output.json {
        output.print(&reviews)?;
    } else if items.is_empty() {
        print("Nothing waits.")?;
    } else {
        print(table(
            &["id", "found", "sure", "artist", "album", "year", "tracks", "why"],
            &[0, 2, 5, 6],
            items.iter().map(line),
        ))?;
    }
    Ok(Status::Done)
}

fn line(review: &Value) -> Vec<String> {
    let name = |name: &str| review[name].as_str().unwrap_or("?").to_owned();
    vec![
        text_of(&review["id"]),
        time_of(&review["created_at"]),
        review["confidence"].as_f64().map(|sure| import_show::percent(sure as f32)).unwrap_or_default(),
        name("suggested_artist"),
        name("suggested_album"),
        text_of(&review["suggested_year"]),
        text_of(&review["track_count"]),
        text_of(&review["reason"]),
    ]
}

async fn show(wire: &Wire, id: i64, output: Output) -> anyhow::Result<Status> {
    let detail = wire.get(&format!("/api/import/review/{id}")).await?;
    if output.json {
        output.print(&detail)?;
        return Ok(Status::Done);
    }
    print(import_show::page(&import_show::find(wire, id).await?))?;
    let files = detail["files"].as_array().map(Vec::as_slice).unwrap_or_default();
    if !files.is_empty() {
        print(format_args!(
            "\n{}",
            beside(files, Some(&detail["in_library"]).filter(|there| there.is_object()))
        ))?;
    }
    let next = match detail["status"].as_str().unwrap_or_default() {
        "pending" => format!("barbossa review approve {id}, or reject {id}"),
        "approved" => format!("barbossa review undo {id}"),
        _ => format!("barbossa review put-back {id}"),
    };
    print(format_args!("\nNext: {next}"))?;
    Ok(Status::Done)
}

/// Each file, and at its side the track that the library has in its place.
fn beside(files: &[Value], in_library: Option<&Value>) -> String {
    let tracks: Vec<Value> = in_library.and_then(|l| l["tracks"].as_array().cloned()).unwrap_or_default();
    let place = |track: &Value| {
        let disc = track["disc_number"].as_i64().unwrap_or(1);
        track["track_number"].as_i64().map(|number| (disc, number))
    };
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut met = Vec::new();
    for file in files {
        let text = |name: &str| file[name].as_str().unwrap_or_default().to_owned();
        let there = tracks.iter().find(|t| place(file).is_some() && place(t) == place(file));
        met.extend(there.and_then(place));
        let what = if file["problem"].is_string() { text("problem") } else { text("quality") };
        rows.push(vec![
            text("name"),
            file["size"].as_u64().map(bytes).unwrap_or_default(),
            length(file),
            what,
            there.map(titled).unwrap_or_default(),
            there.map(length).unwrap_or_default(),
            there.and_then(|t| t["quality"].as_str()).unwrap_or_default().to_owned(),
        ]);
    }
    for track in tracks.iter().filter(|t| place(t).is_none_or(|p| !met.contains(&p))) {
        let none = || String::new();
        let quality = track["quality"].as_str().unwrap_or_default().to_owned();
        rows.push(vec!["-".into(), none(), none(), none(), titled(track), length(track), quality]);
    }
    match in_library {
        None => {
            let rows = rows.into_iter().map(|row| row[..4].to_vec());
            table(&["file", "size", "length", "quality"], &[1, 2], rows)
        }
        Some(album) => {
            let head = ["file", "size", "length", "quality", "in the library", "length", "quality"];
            let path = album["path"].as_str().unwrap_or_default();
            let by = album["likeness"].as_str().unwrap_or_default();
            format!("The library has {path} (by {by}):\n{}", table(&head, &[1, 2, 5], rows))
        }
    }
}

fn titled(track: &Value) -> String {
    let number = track["track_number"].as_i64().unwrap_or_default();
    format!("{number:02} {}", track["title"].as_str().unwrap_or_default())
}

fn length(track: &Value) -> String {
    track["duration"].as_u64().map(|s| format!("{}:{:02}", s / 60, s % 60)).unwrap_or_default()
}

// -- deciding

async fn approve(wire: &Wire, args: ApproveArgs) -> anyhow::Result<Status> {
    let when_there = match (args.replace, args.beside, args.extend) {
        (true, ..) => "replace",
        (_, true, _) => "beside",
        (.., true) => "extend",
        _ => "ask",
    };
    let body = json!({
        "artist": args.artist, "album": args.album, "year": args.year, "use_runner_up": args.runner_up,
        "when_there": when_there,
    });
    decide(wire, args.id, ("approve", body), &["done"], args.output).await
}

/// Decides, and waits for the worker; it failed when the import has not come to the state that was wanted.
async fn decide(
    wire: &Wire,
    id: i64,
    (verb, body): (&str, Value),
    wanted: &[&str],
    output: Output,
) -> anyhow::Result<Status> {
    let spinner = spinner();
    spinner.set_message("waiting for the worker");
    let answer = wire.post(&format!("/api/import/review/{id}/{verb}"), body).await.map_err(in_our_words)?;
    if answer["pending"] == true {
        wire.follow(answer["job_id"].as_i64().unwrap_or_default(), &spinner).await?;
    }
    spinner.finish_and_clear();
    let shown = import_show::find(wire, id).await?;
    let is_done = wanted.contains(&shown.state.as_str());
    if output.json {
        output.print(&json!({
            "id": id, "state": shown.state, "album_id": shown.album_id, "path": shown.path, "reason": shown.reason,
            "job_id": answer["job_id"],
        }))?;
        return Ok(if is_done { Status::Done } else { Status::Failed });
    }
    let what = import_show::what(&shown);
    let path = shown.path.as_deref().unwrap_or_default();
    if !is_done {
        let reason = shown.reason.as_deref().unwrap_or("nobody knows why");
        let hint = if shown.state == "review" { "\nSay --replace, --beside or --extend." } else { "" };
        return Err(failure(Status::Failed, format!("{what} is {} now: {reason}{hint}", shown.state)));
    }
    print(match shown.album_id {
        Some(album) => format!("{what} is filed in {path} (album {album}). Undo: barbossa review undo {id}"),
        None => format!("{what} is in {path} now."),
    })?;
    Ok(Status::Done)
}

/// Fields of a body are options here.
fn in_our_words(error: anyhow::Error) -> anyhow::Error {
    let text = error.to_string();
    let options =
        text.replace("Say when_there: replace, beside or extend.", "Say --replace, --beside or --extend.");
    failure(super::exit::status_of(&error), options)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_the_librarys_tracks_stand_side_by_side() {
        let track = |n: i64, title: &str| json!({"track_number": n, "title": title, "quality": "24/96kHz", "duration": 61});
        let file = |n: i64| json!({"name": format!("{n}.mp3"), "size": 2048, "track_number": n, "quality": "320k MP3"});
        let album = json!({"path": "artists/A/B", "likeness": "text", "tracks": [track(2, "Two"), track(3, "Three")]});
        let shown = beside(&[file(1), file(2), json!({"name": "cover.jpg", "size": 10})], Some(&album));
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines[0], "The library has artists/A/B (by text):");
        assert!(lines[2].starts_with("1.mp3") && !lines[2].contains("24/96"), "{shown}");
        assert!(
            lines[3].starts_with("2.mp3") && lines[3].contains("02 Two") && lines[3].contains("1:01"),
            "{shown}"
        );
        assert!(lines[5].starts_with('-') && lines[5].contains("03 Three"), "{shown}");
        let alone = beside(&[file(1)], None);
        assert!(!alone.to_lowercase().contains("library"), "{alone}");
    }
}
