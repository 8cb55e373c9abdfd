//! `barbossa trash`, and what leads into it: `barbossa library delete`.

use clap::Subcommand;
use clap_complete::engine::ArgValueCandidates;
use serde_json::{Value, json};

use super::args::{self, Output};
use super::complete;
use super::exit::{Status, failure};
use super::terminal::{bytes, confirmed, count, print, print_json, spinner, table, text_of, time_of};
use super::wire::{Wire, encoded};

/// What may be asked of it.
#[derive(Debug, Subcommand)]
pub enum Trash {
    /// List it, the newest first
    List {
        /// Only of this kind
        #[arg(long, value_parser = ["replaced", "deleted", "duplicate"])]
        kind: Option<String>,
        /// Only where artist or title holds this
        #[arg(long, default_value = "", hide_default_value = true)]
        find: String,
        /// At most so many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u16).range(1..))]
        limit: u16,
        #[command(flatten)]
        output: Output,
    },
    /// Show one with its files
    Show {
        /// Its id
        #[arg(add = ArgValueCandidates::new(complete::trash))]
        id: i64,
        #[command(flatten)]
        output: Output,
    },
    /// Bring things back to where they were
    Restore {
        /// Their ids
        #[arg(required = true)]
        #[arg(add = ArgValueCandidates::new(complete::trash))]
        ids: Vec<i64>,
        #[command(flatten)]
        output: Output,
    },
    /// Remove one for good
    Remove {
        /// Its id
        #[arg(add = ArgValueCandidates::new(complete::trash))]
        id: i64,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Remove for good what is older than trash.keep_days
    Empty {
        /// All of it, not only what is old
        #[arg(long)]
        all: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
        #[command(flatten)]
        output: Output,
    },
}

pub async fn run(wire: Wire, command: Trash) -> anyhow::Result<Status> {
    match command {
        Trash::List { kind, find, limit, output } => list(&wire, kind.as_deref(), &find, limit, output).await,
        Trash::Show { id, output } => show(&wire, id, output).await,
        Trash::Restore { ids, output } => restore(&wire, &ids, output).await,
        Trash::Remove { id, yes, output } => remove(&wire, id, yes, output).await,
        Trash::Empty { all, yes, output } => empty(&wire, all, yes, output).await,
    }
}

fn size(number: &Value) -> String {
    bytes(number.as_u64().unwrap_or_default())
}

fn number(value: &Value) -> usize {
    usize::try_from(value.as_u64().unwrap_or_default()).unwrap_or_default()
}

async fn list(
    wire: &Wire,
    kind: Option<&str>,
    q: &str,
    limit: u16,
    output: Output,
) -> anyhow::Result<Status> {
    let kind = kind.map(|kind| format!("&kind={kind}")).unwrap_or_default();
    let first = format!("/api/trash?q={}{kind}", encoded(q.trim()));
    let mut page = wire.pages(&first, limit.into()).await?;
    if output.json {
        if let Some(page) = page.as_object_mut() {
            page.retain(|name, _| ["items", "total", "total_size"].contains(&name.as_str()));
        }
        print_json(&page)?;
        return Ok(Status::Done);
    }
    if page["total"] == 0 {
        print("Nothing.")?;
        return Ok(Status::Done);
    }
    let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let rows = items.iter().map(|item| {
        let state = text_of(&item["state"]);
        vec![
            text_of(&item["id"]),
            if state == "kept" { text_of(&item["kind"]) } else { state },
            text_of(&item["artist"]),
            text_of(&item["title"]),
            text_of(&item["file_count"]),
            size(&item["size"]),
            time_of(&item["trashed_at"]),
            time_of(&item["expires_at"]),
        ]
    });
    print(table(&["id", "kind", "artist", "title", "files", "size", "since", "until"], &[0, 4, 5], rows))?;
    let is_more = page["next_cursor"].is_string();
    let more = if is_more { format!("; the newest {} are shown", items.len()) } else { String::new() };
    print(format_args!("{}, {}{more}.", entries(number(&page["total"])), size(&page["total_size"])))?;
    Ok(Status::Done)
}

fn entries(number: usize) -> String {
    if number == 1 { "1 entry".into() } else { format!("{number} entries") }
}

async fn show(wire: &Wire, id: i64, output: Output) -> anyhow::Result<Status> {
    let item = wire.get(&format!("/api/trash/{id}")).await?;
    if output.json {
        output.print(&item)?;
        return Ok(Status::Done);
    }
    let artist = item["artist"].as_str().map(|a| format!("{a} - ")).unwrap_or_default();
    print(format_args!("{artist}{}", text_of(&item["title"])))?;
    print(format_args!(
        "{} since {}, by {}, kept until {}: {}.",
        text_of(&item["kind"]),
        time_of(&item["trashed_at"]),
        item["trashed_by"].as_str().unwrap_or("the house"),
        time_of(&item["expires_at"]),
        text_of(&item["reason"])
    ))?;
    let files = item["files"].as_array().map(Vec::as_slice).unwrap_or_default();
    let rows = files.iter().map(|file| {
        vec![
            text_of(&file["name"]),
            text_of(&file["quality"]),
            size(&file["size"]),
            text_of(&file["original_path"]),
        ]
    });
    print(table(&["file", "quality", "size", "was"], &[2], rows))?;
    print(format_args!("Bring it back: barbossa trash restore {id}"))?;
    Ok(Status::Done)
}

/// What a job says of it, however long that takes: the answer itself when the job was quick.
async fn ended(wire: &Wire, answer: Value) -> anyhow::Result<Value> {
    if answer["pending"] != true {
        return Ok(answer);
    }
    let spinner = spinner();
    spinner.set_message("waiting for the worker");
    wire.follow(answer["job_id"].as_i64().unwrap_or_default(), &spinner).await
}

async fn restore(wire: &Wire, ids: &[i64], output: Output) -> anyhow::Result<Status> {
    let mut results = Vec::new();
    for id in ids {
        let answer = wire.post(&format!("/api/trash/{id}/restore"), json!({})).await?;
        let result = ended(wire, answer).await?;
        if !output.json {
            print(restored(*id, &result))?;
        }
        results.push(result);
    }
    if output.json {
        output.print(&results)?;
    }
    Ok(Status::Done)
}

/// What came back, and where it is not where it was.
fn restored(id: i64, result: &Value) -> String {
    let list = |name: &str| result[name].as_array().cloned().unwrap_or_default();
    let mut text = match (result["album_id"].as_i64(), result["path"].as_str()) {
        (Some(album), _) => format!("{id} is back: album {album}"),
        (None, Some(path)) => format!("{id} is back: it waits for a person in {path}"),
        (None, None) => format!("{id} is back"),
    };
    if let Some(title) = result["new_title"].as_str() {
        text.push_str(&format!(", now called {title}: another album has its name"));
    }
    if let Some(newer) = result["newer_trash_id"].as_i64() {
        text.push_str(&format!("; the newer version is in the trash now, as {newer}"));
    }
    for renamed in list("renamed") {
        let path = |name: &str| renamed[name].as_str().unwrap_or_default().to_owned();
        text.push_str(&format!("\n  taken: {} is {} now", path("from"), path("to")));
    }
    for missing in list("missing") {
        text.push_str(&format!("\n  not there: {}", missing.as_str().unwrap_or_default()));
    }
    text
}

async fn remove(wire: &Wire, id: i64, yes: bool, output: Output) -> anyhow::Result<Status> {
    let item = wire.get(&format!("/api/trash/{id}")).await?;
    let files = count(number(&item["file_count"]), "file");
    let what = format!("{} ({files}, {})", text_of(&item["title"]), size(&item["size"]));
    if !yes && !confirmed(format_args!("Remove {what} for good? There is no way back."))? {
        return Err(failure(Status::Failed, "Nothing was removed."));
    }
    let answer = wire.delete(&format!("/api/trash/{id}")).await?;
    let result = ended(wire, answer).await?;
    tell(output, &result, &format!("{what} is gone for good."))
}

async fn empty(wire: &Wire, all: bool, yes: bool, output: Output) -> anyhow::Result<Status> {
    if all && !yes && !confirmed("Remove everything in the trash for good? There is no way back.")? {
        return Err(failure(Status::Failed, "Nothing was removed."));
    }
    let answer = wire.post(&format!("/api/trash/empty?all={all}"), json!({})).await?;
    let result = ended(wire, answer).await?;
    let text = format!(
        "{} removed for good, {}.",
        entries(number(&result["removed"])),
        size(&result["freed_bytes"])
    );
    tell(output, &result, &text)
}

// -- into the trash

pub async fn delete(
    wire: &Wire,
    what: args::Thing,
    id: i64,
    yes: bool,
    output: Output,
) -> anyhow::Result<Status> {
    let (room, noun, named) = match what {
        args::Thing::Album => ("albums", "album", "title"),
        args::Thing::Artist => ("artists", "artist", "name"),
        args::Thing::Track => ("tracks", "track", "title"),
    };
    let found = wire.get(&format!("/api/{room}/{id}")).await?;
    let by = found["artist_name"].as_str().or(found["artist"]["name"].as_str());
    let by = by.map(|artist| format!(" by {artist}")).unwrap_or_default();
    let name = format!("{}{by}", text_of(&found[named]));
    if !yes && !confirmed(format_args!("Move the {noun} {name} into the trash?"))? {
        return Err(failure(Status::Failed, "Nothing was deleted."));
    }
    let answer = wire.delete(&format!("/api/{room}/{id}")).await?;
    let result = ended(wire, answer).await?;
    let ids = result["trash_ids"].as_array().into_iter().flatten().map(ToString::to_string);
    let ids = ids.collect::<Vec<_>>().join(" ");
    tell(output, &result, &format!("{name} is in the trash. Bring it back: barbossa trash restore {ids}"))
}

fn tell(output: Output, result: &Value, text: &str) -> anyhow::Result<Status> {
    if output.json {
        output.print(result)?;
    } else {
        print(text)?;
    }
    Ok(Status::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_back_elsewhere_is_said() {
        let result = json!({
            "album_id": 7, "new_title": "Debut (restored)", "renamed": [{"from": "a", "to": "b"}], "missing": ["c"],
        });
        let text = restored(3, &result);
        assert!(text.starts_with("3 is back: album 7, now called Debut (restored)"), "{text}");
        assert!(text.contains("a is b now") && text.contains("not there: c"), "{text}");
    }
}
