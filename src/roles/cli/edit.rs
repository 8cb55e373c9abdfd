//! `barbossa edit`: names and tags from the command line, the journal, and the way back. Shows what will change, and
//! asks before it does.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use serde_json::{Value, json};

use super::args::{AlbumArgs, ArtistArgs, Edit, HowArgs, TrackArgs};
use super::exit::{Status, failure};
use super::terminal;
use crate::app::App;
use crate::edits::{self, AlbumChange, ArtistChange, Asked, Draft, Given, Request, TrackChange, Wanted};

/// A folder of large files takes its time.
const PATIENCE: Duration = Duration::from_secs(600);
/// So many changes are shown before "and so on".
const SHOWN: usize = 20;

pub async fn run(app: App, command: Edit) -> anyhow::Result<Status> {
    match command {
        Edit::Album(args) => {
            let request = Request::Albums { ids: args.ids.clone(), change: album(&args).check()? };
            change(&app, request, args.how).await
        }
        Edit::Track(args) => {
            let request = Request::Track { id: args.id, change: track(&args).check()? };
            change(&app, request, args.how).await
        }
        Edit::Artist(args) => {
            let request = Request::Artist { id: args.id, change: artist(&args).check()? };
            change(&app, request, args.how).await
        }
        Edit::Undo { id, how } => change(&app, Request::Undo { edit_id: id }, how).await,
        Edit::List { limit, output } => list(&app, limit.into(), output.json).await,
    }
}

/// An empty value takes the old one away.
fn given(value: Option<&String>) -> Given<String> {
    value.map(|v| Some(v.clone()).filter(|v| !v.trim().is_empty()))
}

fn album(args: &AlbumArgs) -> AlbumChange {
    AlbumChange {
        title: given(args.title.as_ref()),
        year: args.year.map(Some),
        genre: given(args.genre.as_ref()),
        label: given(args.label.as_ref()),
        artist: given(args.artist.as_ref()),
        catalog_number: given(args.catalog_number.as_ref()),
        barcode: given(args.barcode.as_ref()),
        release_type: given(args.release_type.as_ref()),
    }
}

fn track(args: &TrackArgs) -> TrackChange {
    TrackChange {
        title: given(args.title.as_ref()),
        track_number: args.track_number.map(Some),
        disc_number: args.disc_number.map(Some),
        artist: given(args.artist.as_ref()),
        genre: given(args.genre.as_ref()),
        composer: given(args.composer.as_ref()),
        isrc: given(args.isrc.as_ref()),
    }
}

fn artist(args: &ArtistArgs) -> ArtistChange {
    ArtistChange { name: args.name.clone(), sort_name: given(args.sort_name.as_ref()), merge: args.merge }
}

async fn change(app: &App, request: Request, how: HowArgs) -> anyhow::Result<Status> {
    let draft = edits::preview(app, &request).await?;
    let is_json = how.output.json;
    if how.preview {
        if is_json {
            terminal::print_json(&edits::shown(&draft))?;
        } else {
            terminal::print(summary(&draft))?;
        }
        return Ok(Status::Done);
    }
    if !is_json {
        terminal::print(summary(&draft))?;
    }
    if draft.is_empty() {
        if is_json {
            terminal::print_json(&json!({ "status": "unchanged", "edit_id": null }))?;
        }
        return Ok(Status::Done);
    }
    if !how.yes && !is_json && !confirmed()? {
        return Err(failure(Status::Failed, "Nothing was changed."));
    }
    let Asked::On { edit_id, job_id, .. } = edits::ask(app, &request, None).await? else {
        return Ok(Status::Done);
    };
    let spinner = terminal::spinner();
    spinner.set_message("waiting for the worker");
    let ended = edits::wait(app, edit_id, job_id, PATIENCE).await?;
    spinner.finish_and_clear();
    match ended {
        Some(Ok(notes)) if is_json => {
            terminal::print_json(&json!({ "status": "done", "edit_id": edit_id, "notes": notes }))?;
        }
        Some(Ok(notes)) => {
            let notes: String = notes.iter().map(|n| format!("\n{n}")).collect();
            terminal::print(format_args!("Done. To undo it: barbossa edit undo {edit_id}{notes}"))?;
        }
        Some(Err(reason)) => return Err(failure(Status::Failed, reason)),
        None => {
            let message = format!("Edit {edit_id} waits for the worker: systemctl status barbossa-worker");
            return Err(failure(Status::NoConnection, message));
        }
    }
    Ok(Status::Done)
}

/// A script that forgot `--yes` is told so instead of hanging.
fn confirmed() -> anyhow::Result<bool> {
    if !std::io::stdin().is_terminal() {
        return Err(failure(Status::Usage, "Say --yes to change it without being asked."));
    }
    let mut err = std::io::stderr().lock();
    write!(err, "Change it? [y/N] ")?;
    err.flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}

fn summary(draft: &Draft) -> String {
    if draft.is_empty() {
        return "Nothing to change.".into();
    }
    // Where files lie is said by the folders and names below.
    let changes: Vec<_> = draft
        .changes()
        .into_iter()
        .filter(|c| !["path", "artwork_path"].contains(&c.field.as_str()))
        .collect();
    let mut lines: Vec<String> = changes
        .iter()
        .take(SHOWN)
        .map(|c| {
            format!(
                "{} {} ({}): {} {} → {}",
                c.entity,
                c.id,
                c.name,
                c.field,
                plain(&c.before),
                plain(&c.after)
            )
        })
        .collect();
    if changes.len() > SHOWN {
        lines.push(format!("... and {} more", changes.len() - SHOWN));
    }
    lines.extend(draft.plan.moves.iter().map(|m| format!("{} → {}", m.from, m.to)));
    let renamed = draft.plan.files.iter().filter(|f| draft.plan.moved(&f.from) != f.to);
    lines.extend(renamed.take(SHOWN).map(|f| format!("{} → {}", f.from, f.to)));
    lines.extend(draft.notes.iter().cloned());
    lines.push(format!("{} will be written.", terminal::count(draft.plan.files.len(), "file")));
    lines.join("\n")
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "(none)".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

async fn list(app: &App, limit: i64, is_json: bool) -> anyhow::Result<Status> {
    let wanted = Wanted { limit, ..Wanted::default() };
    let entries = edits::journal(&app.db.get().await?, &wanted).await?;
    if is_json {
        terminal::print_json(&entries)?;
        return Ok(Status::Done);
    }
    if entries.is_empty() {
        terminal::print("Nothing was edited yet.")?;
        return Ok(Status::Done);
    }
    let rows = entries.iter().map(|e| {
        let state = match (e.undone_by, &e.reason) {
            (Some(by), _) => format!("undone by {by}"),
            (None, Some(reason)) => format!("{}: {reason}", e.state),
            (None, None) => e.state.clone(),
        };
        vec![
            e.id.to_string(),
            e.created_at.strftime("%Y-%m-%d %H:%M").to_string(),
            e.username.clone().unwrap_or_else(|| "-".into()),
            e.kind.clone(),
            e.title.clone(),
            e.files.to_string(),
            state,
        ]
    });
    terminal::print(terminal::table(
        &["id", "when (UTC)", "who", "what", "of", "files", "state"],
        &[0, 5],
        rows,
    ))?;
    Ok(Status::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_value_takes_away_and_none_leaves() {
        assert_eq!(given(Some(&" ".into())), Some(None));
        assert_eq!(given(Some(&"x".into())), Some(Some("x".into())));
        assert_eq!(given(None), None);
    }

    #[test]
    fn nothing_is_called_nothing() {
        assert_eq!(summary(&Draft::default()), "Nothing to change.");
    }
}
