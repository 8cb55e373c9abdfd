//! `barbossa review`: what waits for a person, with what a decision rests on, and the decision.

use serde_json::{Value, json};

use super::args::{ApproveArgs, Output, Review as Command};
use super::exit::{Status, failure};
use super::terminal::{bytes, print, print_json, spinner, table, time};
use super::{import_show, job};
use crate::app::App;
use crate::db::Transaction;
use crate::error::Result;
use crate::imports::{self, Approval, Review, ReviewDetail, Shown, WhenThere};
use crate::library::ensure_music_is_there;

pub async fn run(app: App, command: Command) -> anyhow::Result<Status> {
    match command {
        Command::List { status, limit, output } => list(&app, &status, limit, output).await,
        Command::Show { id, output } => show(&app, id, output).await,
        Command::Approve(args) => approve(&app, args).await,
        Command::Reject { id, reason, delete, output } => {
            let reason = reason.as_deref().map(str::trim).filter(|r| !r.is_empty());
            let job = decided(&app, async |tx| imports::reject(tx, id, None, reason, delete).await).await?;
            end(&app, (id, job), "rejected", output).await
        }
        Command::PutBack { id, output } => {
            let job = decided(&app, async |tx| imports::put_back(tx, id, None).await).await?;
            end(&app, (id, job), "review", output).await
        }
        Command::Undo { id, output } => {
            let job = decided(&app, async |tx| imports::undo(tx, id, None).await).await?;
            end(&app, (id, job), "review", output).await
        }
    }
}

// -- looking

async fn list(app: &App, status: &str, limit: u16, output: Output) -> anyhow::Result<Status> {
    let state = imports::state_of(status)?;
    let reviews = Review::list(&app.db.get().await?, state, None, limit.into()).await?;
    if output.json {
        print_json(&reviews)?;
    } else if reviews.is_empty() {
        print("Nothing waits.")?;
    } else {
        print(table(
            &["id", "found", "sure", "artist", "album", "year", "tracks", "why"],
            &[0, 2, 5, 6],
            reviews.iter().map(line),
        ))?;
    }
    Ok(Status::Done)
}

fn line(review: &Review) -> Vec<String> {
    vec![
        review.id.to_string(),
        time(review.created_at),
        review.confidence.map(import_show::percent).unwrap_or_default(),
        review.suggested_artist.clone().unwrap_or_else(|| "?".into()),
        review.suggested_album.clone().unwrap_or_else(|| "?".into()),
        review.suggested_year.map(|y| y.to_string()).unwrap_or_default(),
        review.track_count.map(|n| n.to_string()).unwrap_or_default(),
        review.reason.clone().unwrap_or_default(),
    ]
}

async fn show(app: &App, id: i64, output: Output) -> anyhow::Result<Status> {
    let detail = ReviewDetail::find(app, id).await?;
    if output.json {
        print_json(&detail)?;
        return Ok(Status::Done);
    }
    let shown = Shown::find(&app.db.get().await?, id).await?;
    print(import_show::page(&shown))?;
    if !detail.files.is_empty() {
        print(format_args!("\n{}", beside(&detail.files, detail.in_library.as_ref())))?;
    }
    let next = match detail.review.status.as_str() {
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

async fn approve(app: &App, args: ApproveArgs) -> anyhow::Result<Status> {
    let when_there = match (args.replace, args.beside, args.extend) {
        (true, ..) => WhenThere::Replace,
        (_, true, _) => WhenThere::Beside,
        (.., true) => WhenThere::Extend,
        _ => WhenThere::Ask,
    };
    let approval = Approval {
        artist: args.artist,
        album: args.album,
        year: args.year,
        use_runner_up: args.runner_up,
        when_there,
        by: None,
    };
    let job = decided(app, async |tx| imports::approve(tx, args.id, &approval).await).await?;
    end(app, (args.id, job), "done", args.output).await
}

async fn decided(
    app: &App,
    decide: impl AsyncFnOnce(&Transaction<'_>) -> Result<i64>,
) -> anyhow::Result<i64> {
    ensure_music_is_there(app).await?;
    let mut client = app.db.get().await?;
    let tx = client.transaction().await?;
    let job = decide(&tx).await?;
    tx.commit().await?;
    Ok(job)
}

/// Waits for the job; it failed when the import has not come to the state that was wanted.
async fn end(app: &App, (id, job_id): (i64, i64), wanted: &str, output: Output) -> anyhow::Result<Status> {
    let spinner = spinner();
    spinner.set_message("waiting for the worker");
    job::follow(app, job_id, &spinner).await?;
    let shown = Shown::find(&app.db.get().await?, id).await?;
    let is_done = shown.state == wanted;
    if output.json {
        print_json(&json!({
            "id": id, "state": shown.state, "album_id": shown.album_id, "path": shown.path, "reason": shown.reason,
            "job_id": job_id,
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
