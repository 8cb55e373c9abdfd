//! `barbossa trash`, and what leads into it: `barbossa library delete`.

use serde_json::{Value, json};

use super::args::{self, Output, Trash};
use super::exit::{Status, failure};
use super::job;
use super::terminal::{bytes, confirmed, count, print, print_json, spinner, table, time};
use crate::app::App;
use crate::trash::{self, Delete, Remove, Restore, Thing, Wanted};

pub async fn run(app: App, command: Trash) -> anyhow::Result<Status> {
    match command {
        Trash::List { kind, find, limit, output } => list(&app, kind.as_deref(), &find, limit, output).await,
        Trash::Show { id, output } => show(&app, id, output).await,
        Trash::Restore { ids, output } => restore(&app, &ids, output).await,
        Trash::Remove { id, yes, output } => remove(&app, id, yes, output).await,
        Trash::Empty { all, yes, output } => empty(&app, all, yes, output).await,
    }
}

fn size(number: i64) -> String {
    bytes(u64::try_from(number).unwrap_or_default())
}

async fn list(app: &App, kind: Option<&str>, q: &str, limit: u16, output: Output) -> anyhow::Result<Status> {
    let wanted = Wanted { kind, q: q.trim(), before: None, limit: limit.into() };
    let (items, next, total, total_size) = trash::list(&app.db.get().await?, &wanted).await?;
    if output.json {
        print_json(&json!({"items": items, "total": total, "total_size": total_size}))?;
        return Ok(Status::Done);
    }
    if total == 0 {
        print("Nothing.")?;
        return Ok(Status::Done);
    }
    let rows = items.iter().map(|item| {
        let state = if item.state == "kept" { item.kind } else { item.state };
        vec![
            item.id.to_string(),
            state.to_owned(),
            item.artist.unwrap_or_default().to_owned(),
            item.title.to_owned(),
            item.file_count.to_string(),
            size(item.size),
            time(item.trashed_at),
            time(item.expires_at),
        ]
    });
    print(table(&["id", "kind", "artist", "title", "files", "size", "since", "until"], &[0, 4, 5], rows))?;
    let shown = items.iter().len();
    let more = if next.is_some() { format!("; the newest {shown} are shown") } else { String::new() };
    let total = usize::try_from(total).unwrap_or_default();
    print(format_args!("{}, {}{more}.", entries(total), size(total_size)))?;
    Ok(Status::Done)
}

fn entries(number: usize) -> String {
    if number == 1 { "1 entry".into() } else { format!("{number} entries") }
}

async fn show(app: &App, id: i64, output: Output) -> anyhow::Result<Status> {
    let found = trash::find(&app.db.get().await?, id).await?;
    if output.json {
        print_json(&found)?;
        return Ok(Status::Done);
    }
    let item = found.item();
    let artist = item.artist.map(|a| format!("{a} - ")).unwrap_or_default();
    print(format_args!("{artist}{}", item.title))?;
    print(format_args!(
        "{} since {}, by {}, kept until {}: {}.",
        item.kind,
        time(item.trashed_at),
        item.trashed_by.unwrap_or("the house"),
        time(item.expires_at),
        item.reason
    ))?;
    let rows = found.files().into_iter().map(|file| {
        let text = |name: &str| file[name].as_str().unwrap_or_default().to_owned();
        vec![
            text("name"),
            text("quality"),
            size(file["size"].as_i64().unwrap_or_default()),
            text("original_path"),
        ]
    });
    print(table(&["file", "quality", "size", "was"], &[2], rows))?;
    print(format_args!("Bring it back: barbossa trash restore {}", item.id))?;
    Ok(Status::Done)
}

async fn restore(app: &App, ids: &[i64], output: Output) -> anyhow::Result<Status> {
    let mut results = Vec::new();
    for id in ids {
        let mut client = app.db.get().await?;
        let tx = client.transaction().await?;
        let job_id = trash::restore(&tx, &Restore { id: *id, by: None, address: None }).await?;
        tx.commit().await?;
        drop(client);
        let spinner = spinner();
        spinner.set_message("waiting for the worker");
        let result = job::follow(app, job_id, &spinner).await?;
        if !output.json {
            print(restored(*id, &result))?;
        }
        results.push(result);
    }
    if output.json {
        print_json(&results)?;
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

async fn remove(app: &App, id: i64, yes: bool, output: Output) -> anyhow::Result<Status> {
    let mut client = app.db.get().await?;
    let found = trash::find(&client, id).await?;
    let item = found.item();
    let files = count(usize::try_from(item.file_count).unwrap_or_default(), "file");
    let what = format!("{} ({files}, {})", item.title, size(item.size));
    if !yes && !confirmed(format_args!("Remove {what} for good? There is no way back."))? {
        return Err(failure(Status::Failed, "Nothing was removed."));
    }
    let tx = client.transaction().await?;
    let job_id = trash::remove(&tx, id, &Remove::default()).await?;
    tx.commit().await?;
    drop(client);
    let result = job::follow(app, job_id, &spinner()).await?;
    tell(output, &result, &format!("{what} is gone for good."))
}

async fn empty(app: &App, all: bool, yes: bool, output: Output) -> anyhow::Result<Status> {
    if all && !yes && !confirmed("Remove everything in the trash for good? There is no way back.")? {
        return Err(failure(Status::Failed, "Nothing was removed."));
    }
    let mut client = app.db.get().await?;
    let tx = client.transaction().await?;
    let (job_id, _) = trash::empty(&tx, all, &Remove::default()).await?;
    tx.commit().await?;
    drop(client);
    let result = job::follow(app, job_id, &spinner()).await?;
    let removed = usize::try_from(result["removed"].as_u64().unwrap_or_default()).unwrap_or_default();
    let freed = bytes(result["freed_bytes"].as_u64().unwrap_or_default());
    tell(output, &result, &format!("{} removed for good, {freed}.", entries(removed)))
}

// -- into the trash

pub async fn delete(
    app: &App,
    what: args::Thing,
    id: i64,
    yes: bool,
    output: Output,
) -> anyhow::Result<Status> {
    let thing = match what {
        args::Thing::Album => Thing::Album,
        args::Thing::Artist => Thing::Artist,
        args::Thing::Track => Thing::Track,
    };
    let mut client = app.db.get().await?;
    let name = trash::name_of(&client, thing, id).await?;
    if !yes && !confirmed(format_args!("Move the {} {name} into the trash?", thing.name()))? {
        return Err(failure(Status::Failed, "Nothing was deleted."));
    }
    let tx = client.transaction().await?;
    let job_id = trash::delete(&tx, &Delete { thing, id, by: None, address: None }).await?;
    tx.commit().await?;
    drop(client);
    let spinner = spinner();
    spinner.set_message("waiting for the worker");
    let result = job::follow(app, job_id, &spinner).await?;
    let ids = result["trash_ids"].as_array().into_iter().flatten().map(ToString::to_string);
    let ids = ids.collect::<Vec<_>>().join(" ");
    tell(output, &result, &format!("{name} is in the trash. Bring it back: barbossa trash restore {ids}"))
}

fn tell(output: Output, result: &Value, text: &str) -> anyhow::Result<Status> {
    if output.json {
        print_json(result)?;
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
