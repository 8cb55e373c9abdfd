//! `barbossa download`: music from elsewhere, and what became of it.

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::args::{JsonOutput, Output};
use super::exit::{Status, failure};
use super::terminal::{self, complain, print, table, text_of, time_of};
use super::wire::{Wire, encoded};

/// How often to look.
const EVERY: Duration = Duration::from_millis(500);
const ENDS: [&str; 5] = ["complete", "duplicate", "failed", "cancelled", "pending_review"];

#[derive(Debug, Subcommand)]
pub enum Download {
    /// Search a source for what could be fetched
    Search {
        /// Where
        #[arg(value_enum)]
        source: Searched,
        /// What
        query: String,
        /// Of which kind
        #[arg(long = "type", value_enum, default_value = "album")]
        kind: Kind,
        /// At most so many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=100))]
        limit: u16,
        #[command(flatten)]
        output: Output,
    },
    /// Say what is at an address, and fetch nothing
    Info {
        /// Of the web
        url: String,
        #[command(flatten)]
        output: Output,
    },
    /// Fetch an album, or all of an artist or a playlist, from Qobuz
    Qobuz(AskArgs),
    /// Fetch what is at an address: a page that yt-dlp knows, or a file
    Url(AskArgs),
    /// What of one's own is on its way, failed, or waits for a person
    Queue {
        /// Go on looking until nothing is on its way
        #[arg(long)]
        watch: bool,
        #[command(flatten)]
        output: Output,
    },
    /// One's own, the newest first
    List {
        /// At most so many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=100))]
        limit: u16,
        #[command(flatten)]
        output: Output,
    },
    /// How far one is; of one that failed, what its program wrote last
    Status {
        /// Its number
        id: i64,
        #[command(flatten)]
        output: Output,
    },
    /// End one that waits or runs
    Cancel {
        /// Its number
        id: i64,
        #[command(flatten)]
        output: Output,
    },
    /// Try one again that failed
    Retry {
        /// Its number
        id: i64,
        /// Music that has lost something is welcome, too
        #[arg(long)]
        confirm_lossy: bool,
        #[command(flatten)]
        output: Output,
    },
    /// Forget one that has ended; what it brought stays
    Dismiss {
        /// Its number
        id: i64,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, Subcommand)]
pub enum Bandcamp {
    /// Fetch what was bought and is not here yet
    Sync(Output),
}

#[derive(Debug, Args)]
pub struct AskArgs {
    /// Its page
    pub url: String,
    /// The best quality to ask for, 0 to 4: MP3 128, MP3 320, FLAC 16/44.1, FLAC to 24/96, FLAC to 24/192
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u8).range(0..=4))]
    pub quality: u8,
    /// Music that has lost something is welcome, too
    #[arg(long)]
    pub confirm_lossy: bool,
    /// What it was found as
    #[arg(long = "type", value_enum)]
    pub kind: Option<Kind>,
    /// Wait until it has ended, and say how
    #[arg(long)]
    pub wait: bool,
    #[command(flatten)]
    pub output: JsonOutput,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Searched {
    Qobuz,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Album,
    Artist,
    Track,
    Playlist,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Album => "album",
            Self::Artist => "artist",
            Self::Track => "track",
            Self::Playlist => "playlist",
        }
    }
}

pub async fn run(wire: Wire, command: Download) -> anyhow::Result<Status> {
    match command {
        Download::Search { source: Searched::Qobuz, query, kind, limit, output } => {
            let path = format!(
                "/api/downloads/search/qobuz?q={}&type={}&limit={limit}",
                encoded(&query),
                kind.name()
            );
            found(&wire.get(&path).await?, output)
        }
        Download::Info { url, output } => {
            let info = wire.get(&format!("/api/downloads/url/info?url={}", encoded(&url))).await?;
            about(&info, output)
        }
        Download::Qobuz(args) => begin(&wire, "/api/downloads/qobuz", args).await,
        Download::Url(args) => begin(&wire, "/api/downloads/url", args).await,
        Download::Queue { watch, output } => queue(&wire, watch, output).await,
        Download::List { limit, output } => {
            list(&wire.get(&format!("/api/downloads?limit={limit}")).await?, output)
        }
        Download::Status { id, output } => one(&wire.get(&format!("/api/downloads/{id}")).await?, output),
        Download::Cancel { id, output } => {
            wire.post(&format!("/api/downloads/{id}/cancel"), json!({})).await?;
            one(&wire.get(&format!("/api/downloads/{id}")).await?, output)
        }
        Download::Retry { id, confirm_lossy, output } => {
            let body = json!({"confirm_lossy": confirm_lossy});
            one(&wire.post(&format!("/api/downloads/{id}/retry"), body).await?, output)
        }
        Download::Dismiss { id, output } => {
            let done = wire.delete(&format!("/api/downloads/{id}")).await?;
            if output.json {
                output.print(&done)?;
            } else {
                print(format_args!("Download {id} is forgotten."))?;
            }
            Ok(Status::Done)
        }
    }
}

pub async fn bandcamp(wire: Wire, command: Bandcamp) -> anyhow::Result<Status> {
    let Bandcamp::Sync(output) = command;
    let started = wire.post("/api/settings/bandcamp/sync", json!({})).await?;
    let done = wire.follow(started["job_id"].as_i64().unwrap_or_default(), &terminal::bar("albums")).await?;
    if output.json {
        output.print(&done)?;
        return Ok(Status::Done);
    }
    print(format_args!(
        "{} bought, {} to be fetched: barbossa download queue",
        done["bought"], done["asked_for"]
    ))?;
    Ok(Status::Done)
}

async fn begin(wire: &Wire, path: &str, args: AskArgs) -> anyhow::Result<Status> {
    let body = json!({"url": args.url, "quality": args.quality, "confirm_lossy": args.confirm_lossy,
        "search_type": args.kind.map(Kind::name)});
    let mut download = wire.post(path, body).await?;
    let bar = terminal::bar("%");
    bar.set_length(100);
    while args.wait && !is_over(&download) {
        bar.set_position(download["progress"].as_u64().unwrap_or_default());
        tokio::time::sleep(EVERY).await;
        download = wire.get(&format!("/api/downloads/{}", download["id"])).await?;
    }
    bar.finish_and_clear();
    one(&download, args.output.into())
}

fn is_over(download: &Value) -> bool {
    ENDS.contains(&download["status"].as_str().unwrap_or_default())
}

fn one(download: &Value, output: Output) -> anyhow::Result<Status> {
    let status = if download["status"] == "failed" { Status::Failed } else { Status::Done };
    if output.json {
        output.print(download)?;
        return Ok(status);
    }
    let told = told(download);
    if status == Status::Failed {
        complain(told);
        download["output"]
            .as_str()
            .into_iter()
            .flat_map(str::lines)
            .for_each(|line| complain(format_args!("    {line}")));
    } else {
        print(told)?;
    }
    Ok(status)
}

fn told(download: &Value) -> String {
    let what = format!("Download {} ({})", download["id"], name_of(download));
    let why = text_of(&download["error_message"]);
    match download["status"].as_str().unwrap_or_default() {
        "complete" => format!("{what}: album {} of the library", download["result_album_id"]),
        "duplicate" => match download["result_album_id"].as_i64() {
            Some(album) => format!("{what}: the library has it already, album {album}"),
            None => format!("{what}: the library has it already"),
        },
        "failed" => format!("{what} failed: {why}"),
        "pending_review" => {
            format!("{what} waits for a person: barbossa review show {}", download["result_review_id"])
        }
        "downloading" => {
            let more = [&download["speed"], &download["eta"]].map(text_of);
            let more = more.iter().filter(|m| !m.is_empty()).map(|m| format!(", {m}")).collect::<String>();
            format!("{what}: {} %{more}", download["progress"])
        }
        state if why.is_empty() => format!("{what}: {state}"),
        state => format!("{what}: {state}; the last attempt: {why}"),
    }
}

fn name_of(download: &Value) -> String {
    match (download["artist"].as_str(), download["title"].as_str()) {
        (Some(artist), Some(title)) => format!("{artist}, {title}"),
        (None, Some(title)) => title.to_owned(),
        _ => text_of(&download["source_url"]),
    }
}

async fn queue(wire: &Wire, watch: bool, output: Output) -> anyhow::Result<Status> {
    loop {
        let queue = wire.get("/api/downloads/queue").await?;
        list(&queue, output)?;
        let is_busy = queue.as_array().into_iter().flatten().any(|download| !is_over(download));
        if !watch || !is_busy {
            return Ok(Status::Done);
        }
        tokio::time::sleep(EVERY * 4).await;
    }
}

fn list(downloads: &Value, output: Output) -> anyhow::Result<Status> {
    if output.json {
        output.print(downloads)?;
        return Ok(Status::Done);
    }
    let rows = downloads.as_array().into_iter().flatten().map(|d| {
        let why = text_of(&d["error_message"]);
        vec![
            text_of(&d["id"]),
            time_of(&d["created_at"]),
            text_of(&d["source"]),
            text_of(&d["status"]),
            format!("{} %", d["progress"]),
            if why.is_empty() { name_of(d) } else { format!("{}: {why}", name_of(d)) },
        ]
    });
    print(table(&["id", "asked", "source", "state", "done", "what"], &[0, 4], rows))?;
    Ok(Status::Done)
}

fn found(hits: &Value, output: Output) -> anyhow::Result<Status> {
    if output.json {
        output.print(hits)?;
        return Ok(Status::Done);
    }
    let hits = hits.as_array().map_or(&[][..], Vec::as_slice);
    if hits.is_empty() {
        return Err(failure(Status::NotFound, "Nothing of this name was found."));
    }
    let rows = hits.iter().map(|hit| {
        ["artist", "title", "year", "quality", "url"]
            .iter()
            .map(|name| text_of(&hit[name]))
            .collect::<Vec<_>>()
    });
    print(table(&["artist", "title", "year", "quality", "page"], &[2], rows))?;
    Ok(Status::Done)
}

fn about(info: &Value, output: Output) -> anyhow::Result<Status> {
    if output.json {
        output.print(info)?;
        return Ok(Status::Done);
    }
    let by =
        info["artist"].as_str().filter(|a| !a.is_empty()).map(|a| format!(" by {a}")).unwrap_or_default();
    let sound = if info["is_lossy"] == true { "lossy: fetch it with --confirm-lossy" } else { "lossless" };
    let tracks = terminal::count(usize::try_from(info["tracks"].as_u64().unwrap_or(1)).unwrap_or(1), "track");
    print(format_args!("“{}”{by}, {tracks}, {sound}", text_of(&info["title"])))?;
    Ok(Status::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_became_of_a_download_is_one_sentence() {
        let of = |more: Value| {
            let mut download =
                json!({"id": 3, "artist": "Ann", "title": "Tones", "progress": 40, "status": "downloading"});
            download.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            told(&download)
        };
        assert_eq!(
            of(json!({"speed": "2.5 MiB/s", "eta": "01:30"})),
            "Download 3 (Ann, Tones): 40 %, 2.5 MiB/s, 01:30"
        );
        assert_eq!(
            of(json!({"status": "complete", "result_album_id": 9})),
            "Download 3 (Ann, Tones): album 9 of the library"
        );
        let again =
            of(json!({"status": "pending", "error_message": "yt-dlp could not be reached: timed out"}));
        assert!(again.ends_with("pending; the last attempt: yt-dlp could not be reached: timed out"));
    }
}
