//! `barbossa lidarr`, `plex`, `tl`, `notify`: other programs of the house and of the world, and how I am told of things.

use clap::{Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::args::Output;
use super::exit::{Status, failure};
use super::terminal::{count, print, table, text_of, time_of};
use super::wire::{Wire, encoded};

#[derive(Debug, Subcommand)]
pub enum Lidarr {
    /// Whether it answers
    Status(Output),
    /// List the artists that it has
    Artists(Output),
    /// Find artists that it could look for
    Search {
        /// Their name
        name: String,
        #[command(flatten)]
        output: Output,
    },
    /// Have it look for an artist's albums
    #[command(alias = "add")]
    Request {
        /// Their name; the first that is found, unless --mbid says who is meant
        name: String,
        /// MusicBrainz artist
        #[arg(long)]
        mbid: Option<String>,
        /// Only know them: do not look for albums now
        #[arg(long)]
        no_search: bool,
        #[command(flatten)]
        output: Output,
    },
    /// List what it is fetching
    Queue(Output),
    /// List what happened, the newest first
    History {
        /// At most so much
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=500))]
        limit: u16,
        #[command(flatten)]
        output: Output,
    },
    /// List albums that it wants and does not have whole
    Wanted(Output),
    /// Have it look for what is missing of our albums
    Gaps {
        /// Only of this album
        #[arg(long, value_name = "ID")]
        album: Option<i64>,
        #[command(flatten)]
        output: Output,
    },
    /// Bring now what it has downloaded
    Collect(Output),
}

#[derive(Debug, Subcommand)]
pub enum Plex {
    /// Whether it answers, and which libraries for music it has
    Status(Output),
    /// Have it look at a folder, or at all
    Scan {
        /// A folder of the library: a whole path, or artists/Artist/Album
        #[arg(long)]
        path: Option<String>,
    },
}

#[derive(Debug, Subcommand)]
pub enum Tl {
    /// Whether a release of this name is there
    Check {
        /// As it would be called there
        name: String,
        #[command(flatten)]
        output: Output,
    },
    /// Upload an album that the family may share; what is said here is recorded
    Upload {
        /// The album's number
        album: i64,
        /// By what right
        #[arg(long, value_enum)]
        right: Right,
        /// In your own words: whose recording it is, which licence, who permitted it
        #[arg(long)]
        statement: String,
        /// Commas between them
        #[arg(long, default_value = "")]
        tags: String,
        #[command(flatten)]
        output: Output,
    },
    /// List what was uploaded, and by what right
    List(Output),
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Right {
    /// We made this recording ourselves
    OwnRecording,
    /// Its licence lets anyone share it
    FreeLicence,
    /// Whoever holds the rights has permitted it
    Permission,
}

#[derive(Debug, Subcommand)]
pub enum Notify {
    /// List the ways by which I am told of what needs me
    List(Output),
    /// Add one
    Add {
        /// What it is
        #[arg(value_enum)]
        kind: Kind,
        /// Of the webhook, of the topic (`https://ntfy.sh/topic`), or of me
        address: String,
        /// Only these, commas between them; `list` names them
        #[arg(long, value_delimiter = ',')]
        events: Vec<String>,
        #[command(flatten)]
        output: Output,
    },
    /// Remove one
    Remove {
        /// Its number
        id: i64,
    },
    /// Send a test message by one, or by all
    Test {
        /// Its number
        id: Option<i64>,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum Kind {
    Webhook,
    Ntfy,
    Email,
}

pub async fn lidarr(wire: Wire, command: Lidarr) -> anyhow::Result<Status> {
    match command {
        Lidarr::Status(output) => status(output, &wire.get("/api/lidarr/status").await?, "Lidarr"),
        Lidarr::Artists(output) => list(
            output,
            &wire.get("/api/lidarr/artists").await?,
            "items",
            &["id", "name", "album_count", "monitored", "mbid"],
        ),
        Lidarr::Search { name, output } => {
            let found = wire.get(&format!("/api/lidarr/search?q={}", encoded(&name))).await?;
            list(output, &found, "results", &["name", "mbid", "in_lidarr", "overview"])
        }
        Lidarr::Request { name, mbid, no_search, output } => {
            request(&wire, name, mbid, !no_search, output).await
        }
        Lidarr::Queue(output) => {
            let columns = ["id", "artist", "album", "status", "progress", "eta", "error"];
            list(output, &wire.get("/api/lidarr/queue").await?, "items", &columns)
        }
        Lidarr::History { limit, output } => {
            let found = wire.get(&format!("/api/lidarr/history?limit={limit}")).await?;
            list(output, &found, "items", &["date", "event_type", "artist", "album"])
        }
        Lidarr::Wanted(output) => {
            list(output, &wire.get("/api/lidarr/wanted").await?, "items", &["id", "artist", "title"])
        }
        Lidarr::Gaps { album, output } => {
            let started = wire.post("/api/lidarr/gaps", json!({"album_id": album})).await?;
            done(&wire, output, &started, |told| {
                format!(
                    "{} albums are not whole; Lidarr looks for {} of them.",
                    told["incomplete"], told["searched"]
                )
            })
            .await
        }
        Lidarr::Collect(output) => {
            let started = wire.post("/api/lidarr/collect", json!({})).await?;
            done(&wire, output, &started, |told| {
                format!("{} albums were handed over to the imports.", told["handed_over"])
            })
            .await
        }
    }
}

async fn request(
    wire: &Wire,
    name: String,
    mbid: Option<String>,
    search: bool,
    output: Output,
) -> anyhow::Result<Status> {
    let (name, mbid) = match mbid {
        Some(mbid) => (name, mbid),
        None => {
            let found = wire.get(&format!("/api/lidarr/search?q={}", encoded(&name))).await?;
            let first = &found["results"][0];
            match (first["name"].as_str(), first["mbid"].as_str()) {
                (Some(name), Some(mbid)) => (name.to_owned(), mbid.to_owned()),
                _ => return Err(failure(Status::NotFound, format!("Lidarr knows nobody called {name}."))),
            }
        }
    };
    let body = json!({"name": name, "mbid": mbid, "search_for_missing": search});
    let added = wire.post("/api/lidarr/artists", body).await?;
    if output.json {
        output.print(&added)?;
    } else {
        let what = if added["status"] == "exists" { "knew" } else { "has added" };
        print(format_args!("Lidarr {what} {} ({mbid}).", text_of(&added["name"])))?;
    }
    Ok(Status::Done)
}

pub async fn plex(wire: Wire, command: Plex) -> anyhow::Result<Status> {
    match command {
        Plex::Status(output) => {
            let found = wire.get("/api/plex/status").await?;
            let status = status(output, &found, "Plex")?;
            if !output.json && found["connected"] == true {
                print(rows(&found["sections"], &["key", "title", "paths"]))?;
                if found["sees_the_library"] == false {
                    print(
                        "Our library lies in none of its folders: set plex.path_map, or add the folder in Plex.",
                    )?;
                }
            }
            Ok(status)
        }
        Plex::Scan { path } => {
            wire.post("/api/plex/scan", json!({"path": path})).await?;
            print("Plex looks.")?;
            Ok(Status::Done)
        }
    }
}

pub async fn tl(wire: Wire, command: Tl) -> anyhow::Result<Status> {
    match command {
        Tl::Check { name, output } => {
            let found = wire.get(&format!("/api/tl/check/{}", encoded(&name))).await?;
            if output.json {
                output.print(&found)?;
            } else {
                print(if found["exists"] == true { "It is there already." } else { "It is not there." })?;
            }
            Ok(Status::Done)
        }
        Tl::Upload { album, right, statement, tags, output } => {
            let right = match right {
                Right::OwnRecording => "own_recording",
                Right::FreeLicence => "free_licence",
                Right::Permission => "permission",
            };
            let path = format!("/api/tl/upload/{album}?tags={}", encoded(&tags));
            let uploaded = wire.post(&path, json!({"right": right, "statement": statement})).await?;
            if output.json {
                output.print(&uploaded)?;
            } else {
                let number =
                    uploaded["torrent_id"].as_i64().map_or_else(|| "on its way".into(), |id| id.to_string());
                print(format_args!("{}: {number}", text_of(&uploaded["release_name"])))?;
            }
            Ok(Status::Done)
        }
        Tl::List(output) => {
            let columns = ["id", "release_name", "right", "requested_by", "torrent_id", "error"];
            let found = json!({"items": wire.get("/api/tl/uploads").await?});
            list(output, &found, "items", &columns)
        }
    }
}

pub async fn notify(wire: Wire, command: Notify) -> anyhow::Result<Status> {
    match command {
        Notify::List(output) => {
            let found = wire.get("/api/me/notifications").await?;
            if output.json {
                output.print(&found)?;
                return Ok(Status::Done);
            }
            print(rows(
                &found["targets"],
                &["id", "kind", "address", "events", "last_sent_at", "last_error"],
            ))?;
            print("What can be told:")?;
            print(rows(&found["events"], &["name", "meaning"]))?;
            Ok(Status::Done)
        }
        Notify::Add { kind, address, events, output } => {
            let kind = match kind {
                Kind::Webhook => "webhook",
                Kind::Ntfy => "ntfy",
                Kind::Email => "email",
            };
            let events = (!events.is_empty()).then_some(events);
            let body = json!({"kind": kind, "address": address, "events": events});
            let made = wire.post("/api/me/notifications", body).await?;
            if output.json {
                output.print(&made)?;
            } else {
                print(format_args!(
                    "Added as number {}. Try it: barbossa notify test {}",
                    made["id"], made["id"]
                ))?;
            }
            Ok(Status::Done)
        }
        Notify::Remove { id } => {
            wire.delete(&format!("/api/me/notifications/{id}")).await?;
            print("Removed.")?;
            Ok(Status::Done)
        }
        Notify::Test { id, output } => {
            let tested = wire.post("/api/me/notifications/test", json!({"id": id})).await?;
            let has_failed = tested.as_array().is_some_and(|all| all.iter().any(|one| one["sent"] != true));
            if output.json {
                output.print(&tested)?;
            } else {
                print(rows(&tested, &["id", "sent", "error"]))?;
            }
            Ok(if has_failed { Status::Failed } else { Status::Done })
        }
    }
}

/// `Lidarr 2.5.1 answers.`
fn status(output: Output, found: &Value, name: &str) -> anyhow::Result<Status> {
    let is_there = found["connected"] == true;
    if output.json {
        output.print(found)?;
    } else if is_there {
        print(format_args!("{name} {} answers.", text_of(&found["version"])))?;
    } else {
        print(text_of(&found["error"]))?;
    }
    Ok(if is_there { Status::Done } else { Status::Failed })
}

fn list(output: Output, found: &Value, items: &str, columns: &[&str]) -> anyhow::Result<Status> {
    if output.json {
        output.print(found)?;
        return Ok(Status::Done);
    }
    print(rows(&found[items], columns))?;
    print(format_args!("{}.", count(found[items].as_array().map_or(0, Vec::len), "row")))?;
    Ok(Status::Done)
}

fn rows(items: &Value, columns: &[&str]) -> String {
    let cell = |item: &Value, column: &str| match &item[column] {
        Value::Null => String::new(),
        Value::Array(all) => all.iter().map(text_of).collect::<Vec<_>>().join(", "),
        value if column.ends_with("_at") || column == "date" => time_of(value),
        Value::Number(number) if column == "progress" => format!("{number} %"),
        value => text_of(value).chars().take(80).collect(),
    };
    let all = items.as_array().into_iter().flatten();
    table(columns, &[], all.map(|item| columns.iter().map(|column| cell(item, column)).collect()))
}

async fn done(
    wire: &Wire,
    output: Output,
    started: &Value,
    say: impl Fn(&Value) -> String,
) -> anyhow::Result<Status> {
    let spinner = super::terminal::spinner();
    let told = wire.follow(started["job_id"].as_i64().unwrap_or_default(), &spinner).await?;
    spinner.finish_and_clear();
    if output.json {
        output.print(&told)?;
    } else {
        print(say(&told))?;
    }
    Ok(Status::Done)
}
