//! `barbossa edit`: names and tags from the command line, the journal, and the way back. Shows what will change, and
//! asks before it does.

use std::io::{IsTerminal, Write};

use serde_json::{Map, Value, from_value, json};

use super::args::{AlbumArgs, ArtistArgs, Edit, HowArgs, TrackArgs};
use super::exit::{Status, failure};
use super::terminal;
use super::wire::Wire;
use crate::edits::Entry;

/// So many changes are shown before "and so on".
const SHOWN: usize = 20;

/// An edit as the api takes it.
struct Asked {
    method: http::Method,
    path: String,
    body: Value,
}

impl Asked {
    fn put(path: String, body: Map<String, Value>) -> Self {
        Self { method: http::Method::PUT, path, body: body.into() }
    }

    async fn send(&self, wire: &Wire, is_preview: bool) -> anyhow::Result<Value> {
        let path = format!("{}{}", self.path, if is_preview { "?preview=true" } else { "" });
        wire.send(self.method.clone(), &path, Some(self.body.clone())).await
    }
}

pub async fn run(wire: Wire, command: Edit) -> anyhow::Result<Status> {
    match command {
        Edit::Album(args) => {
            let mut body = album(&args);
            body.insert("ids".into(), json!(args.ids));
            change(&wire, &Asked::put("/api/metadata/albums".into(), body), args.how).await
        }
        Edit::Track(args) => {
            let path = format!("/api/metadata/tracks/{}", args.id);
            change(&wire, &Asked::put(path, track(&args)), args.how).await
        }
        Edit::Artist(args) => {
            let path = format!("/api/metadata/artists/{}", args.id);
            change(&wire, &Asked::put(path, artist(&args)), args.how).await
        }
        Edit::Undo { id, how } => {
            let path = format!("/api/edits/{id}/undo");
            change(&wire, &Asked { method: http::Method::POST, path, body: json!({}) }, how).await
        }
        Edit::List { limit, output } => list(&wire, limit.into(), output.json).await,
    }
}

/// Only what was given; an empty value takes the old one away.
fn given<const N: usize>(
    texts: [(&str, &Option<String>); N],
    numbers: &[(&str, Option<i32>)],
) -> Map<String, Value> {
    let texts = texts.into_iter().filter_map(|(name, value)| Some((name.to_owned(), json!(value.as_ref()?))));
    let numbers = numbers.iter().filter_map(|(name, value)| Some(((*name).to_owned(), json!((*value)?))));
    texts.chain(numbers).collect()
}

fn album(args: &AlbumArgs) -> Map<String, Value> {
    let texts = [
        ("title", &args.title),
        ("genre", &args.genre),
        ("label", &args.label),
        ("artist", &args.artist),
        ("catalog_number", &args.catalog_number),
        ("barcode", &args.barcode),
        ("release_type", &args.release_type),
    ];
    given(texts, &[("year", args.year)])
}

fn track(args: &TrackArgs) -> Map<String, Value> {
    let texts = [
        ("title", &args.title),
        ("artist", &args.artist),
        ("genre", &args.genre),
        ("composer", &args.composer),
        ("isrc", &args.isrc),
    ];
    given(texts, &[("track_number", args.track_number), ("disc_number", args.disc_number)])
}

fn artist(args: &ArtistArgs) -> Map<String, Value> {
    let mut body = given([("sort_name", &args.sort_name)], &[]);
    body.insert("name".into(), json!(args.name));
    body.insert("merge".into(), json!(args.merge));
    body
}

async fn change(wire: &Wire, asked: &Asked, how: HowArgs) -> anyhow::Result<Status> {
    let draft = asked.send(wire, true).await?;
    let is_json = how.output.json;
    if how.preview {
        if is_json {
            terminal::print_json(&draft)?;
        } else {
            terminal::print(summary(&draft))?;
        }
        return Ok(Status::Done);
    }
    if !is_json {
        terminal::print(summary(&draft))?;
    }
    if is_empty(&draft) {
        if is_json {
            terminal::print_json(&json!({ "status": "unchanged", "edit_id": null }))?;
        }
        return Ok(Status::Done);
    }
    if !how.yes && !is_json && !confirmed()? {
        return Err(failure(Status::Failed, "Nothing was changed."));
    }
    let answer = asked.send(wire, false).await?;
    let edit_id = &answer["edit_id"];
    if edit_id.is_null() {
        // Somebody else has made the same change meanwhile.
        return Ok(Status::Done);
    }
    let mut notes = answer["notes"].clone();
    if answer["pending"] == true {
        let spinner = terminal::spinner();
        spinner.set_message("waiting for the worker");
        notes = wire.follow(answer["job_id"].as_i64().unwrap_or_default(), &spinner).await?["notes"].take();
    }
    let notes = notes.as_array().cloned().unwrap_or_default();
    if is_json {
        terminal::print_json(&json!({ "status": "done", "edit_id": edit_id, "notes": notes }))?;
    } else {
        let notes: String = notes.iter().map(|n| format!("\n{}", terminal::text_of(n))).collect();
        terminal::print(format_args!("Done. To undo it: barbossa edit undo {edit_id}{notes}"))?;
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

fn items<'v>(draft: &'v Value, name: &str) -> &'v [Value] {
    draft[name].as_array().map(Vec::as_slice).unwrap_or_default()
}

fn is_empty(draft: &Value) -> bool {
    ["changes", "folders", "files"].iter().all(|name| items(draft, name).is_empty())
}

fn summary(draft: &Value) -> String {
    if is_empty(draft) {
        return "Nothing to change.".into();
    }
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    // Where files lie is said by the folders and names below.
    let changes = items(draft, "changes").iter();
    let changes: Vec<&Value> =
        changes.filter(|c| !["path", "artwork_path"].contains(&text(&c["field"]).as_str())).collect();
    let mut lines: Vec<String> = changes
        .iter()
        .take(SHOWN)
        .map(|c| {
            format!(
                "{} {} ({}): {} {} → {}",
                text(&c["entity"]),
                c["id"],
                text(&c["name"]),
                text(&c["field"]),
                plain(&c["before"]),
                plain(&c["after"])
            )
        })
        .collect();
    if changes.len() > SHOWN {
        lines.push(format!("... and {} more", changes.len() - SHOWN));
    }
    let moves: Vec<(String, String)> =
        items(draft, "folders").iter().map(|m| (text(&m["from"]), text(&m["to"]))).collect();
    lines.extend(moves.iter().map(|(from, to)| format!("{from} → {to}")));
    let files = items(draft, "files").iter().map(|f| (text(&f["from"]), text(&f["to"])));
    let renamed = files.filter(|(from, to)| moved(&moves, from) != *to);
    lines.extend(renamed.take(SHOWN).map(|(from, to)| format!("{from} → {to}")));
    lines.extend(items(draft, "notes").iter().map(text));
    lines.push(format!("{} will be written.", terminal::count(items(draft, "files").len(), "file")));
    lines.join("\n")
}

/// Where a file lies when only folders have moved.
fn moved(moves: &[(String, String)], path: &str) -> String {
    moves.iter().fold(path.to_owned(), |path, (from, to)| {
        match path.strip_prefix(from).filter(|rest| rest.starts_with('/')) {
            Some(rest) => format!("{to}{rest}"),
            None => path,
        }
    })
}

fn plain(value: &Value) -> String {
    match value {
        Value::Null => "(none)".into(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

async fn list(wire: &Wire, limit: i64, is_json: bool) -> anyhow::Result<Status> {
    let mut page = wire.get(&format!("/api/edits?limit={limit}")).await?;
    let entries: Vec<Entry> = from_value(page["items"].take())?;
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
    fn an_empty_value_is_sent_and_none_is_not() {
        let (blank, some, none) = (Some(" ".to_owned()), Some("x".to_owned()), None);
        let body = given([("a", &blank), ("b", &some), ("c", &none)], &[("d", Some(2)), ("e", None)]);
        assert_eq!(Value::Object(body), json!({"a": " ", "b": "x", "d": 2}));
    }

    #[test]
    fn nothing_is_called_nothing() {
        assert_eq!(summary(&json!({"changes": [], "folders": [], "files": []})), "Nothing to change.");
    }

    #[test]
    fn a_file_that_only_goes_with_its_folder_is_not_named() {
        let draft = json!({
            "changes": [{"entity": "album", "id": 7, "name": "One", "field": "title", "before": "One", "after": "Two"}],
            "folders": [{"from": "artists/A/One", "to": "artists/A/Two"}],
            "files": [
                {"from": "artists/A/One/01.flac", "to": "artists/A/Two/01.flac"},
                {"from": "artists/A/One/02.flac", "to": "artists/A/Two/02 - New.flac"},
            ],
            "notes": [],
        });
        let text = summary(&draft);
        assert!(
            text.starts_with("album 7 (One): title One → Two\nartists/A/One → artists/A/Two\n"),
            "{text}"
        );
        assert!(
            !text.contains("01.flac")
                && text.contains("02 - New.flac")
                && text.ends_with("2 files will be written.")
        );
    }
}
