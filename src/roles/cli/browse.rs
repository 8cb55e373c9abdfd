//! `barbossa library artists`, `albums`, `album`, `search`, … and `barbossa heart`: the library as a member sees it.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::args::Output;
use super::exit::{Status, failure};
use super::terminal::{count, print, print_json, table, text_of};
use super::wire::{Wire, encoded};

/// Which part of a list.
#[derive(Debug, Args)]
pub struct PageArgs {
    /// Only what sorts under this letter; # for all others
    #[arg(long, short)]
    letter: Option<String>,
    /// Which page
    #[arg(long, short, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    page: u32,
    /// So many on a page
    #[arg(long, short = 'n', default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
    #[command(flatten)]
    output: Output,
}

/// Looking into the library.
#[derive(Debug, Subcommand)]
pub enum Browse {
    /// List the artists
    Artists(PageArgs),
    /// List the albums
    Albums {
        /// Only those of this artist
        #[arg(long, short, value_name = "ID")]
        artist: Option<i64>,
        #[command(flatten)]
        page: PageArgs,
    },
    /// One artist with their albums
    Artist {
        /// Its id
        id: i64,
        #[command(flatten)]
        output: Output,
    },
    /// One album with its tracks
    #[command(visible_alias = "tracks")]
    Album {
        /// Its id
        id: i64,
        #[command(flatten)]
        output: Output,
    },
    /// One track
    Track {
        /// Its id
        id: i64,
        #[command(flatten)]
        output: Output,
    },
    /// Find artists, albums and tracks by their names
    Search {
        /// Words of the name, or their beginnings
        #[arg(required = true)]
        query: Vec<String>,
        /// Only these
        #[arg(long = "type", short = 't', value_parser = ["all", "artist", "album", "track"], default_value = "all")]
        kind: String,
        /// At most so many of each
        #[arg(long, short = 'n', default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=50))]
        limit: u32,
        #[command(flatten)]
        output: Output,
    },
    /// The albums that you have hearted
    #[command(visible_alias = "my-library")]
    List(PageArgs),
}

pub async fn run(wire: Wire, command: Browse) -> anyhow::Result<Status> {
    match command {
        Browse::Artists(page) => {
            let path = format!("/api/artists?{}", page.query());
            listed(&wire, &path, page.output, ("artist", artists)).await
        }
        Browse::Albums { artist, page } => {
            let artist = artist.map(|id| format!("&artist_id={id}")).unwrap_or_default();
            let path = format!("/api/albums?{}{artist}", page.query());
            listed(&wire, &path, page.output, ("album", albums)).await
        }
        Browse::List(page) => {
            let path = format!("/api/me/library?{}", page.query());
            listed(&wire, &path, page.output, ("album", albums)).await
        }
        Browse::Artist { id, output } => artist(&wire, id, output).await,
        Browse::Album { id, output } => {
            let found = wire.get(&format!("/api/albums/{id}")).await?;
            tell(output, &found, album)
        }
        Browse::Track { id, output } => {
            let found = wire.get(&format!("/api/tracks/{id}")).await?;
            tell(output, &found, track)
        }
        Browse::Search { query, kind, limit, output } => {
            let path = format!("/api/search?q={}&type={kind}&limit={limit}", encoded(&query.join(" ")));
            let found = wire.get(&path).await?;
            tell(output, &found, hits)
        }
    }
}

impl PageArgs {
    fn query(&self) -> String {
        let letter = self.letter.as_deref().map(|l| format!("&letter={}", encoded(l))).unwrap_or_default();
        format!("page={}&limit={}{letter}", self.page, self.limit)
    }
}

fn tell(output: Output, found: &Value, text: fn(&Value) -> String) -> anyhow::Result<Status> {
    if output.json {
        output.print(found)?;
    } else {
        print(text(found))?;
    }
    Ok(Status::Done)
}

async fn listed(
    wire: &Wire,
    path: &str,
    output: Output,
    (noun, text): (&str, fn(&[Value]) -> String),
) -> anyhow::Result<Status> {
    let page = wire.get(path).await?;
    if output.json {
        output.print(&page)?;
        return Ok(Status::Done);
    }
    let items = page["items"].as_array().map(Vec::as_slice).unwrap_or_default();
    let total = usize::try_from(page["total"].as_u64().unwrap_or_default()).unwrap_or_default();
    if !items.is_empty() {
        print(text(items))?;
    }
    let limit = page["limit"].as_u64().unwrap_or(1).max(1);
    let pages = (total as u64).div_ceil(limit).max(1);
    print(format_args!("{}, page {} of {pages}.", count(total, noun), page["page"]))?;
    Ok(Status::Done)
}

async fn artist(wire: &Wire, id: i64, output: Output) -> anyhow::Result<Status> {
    let mut found = wire.get(&format!("/api/artists/{id}")).await?;
    let of = wire.get(&format!("/api/artists/{id}/albums")).await?;
    if output.json {
        found["albums"] = of;
        print_json(&found)?;
        return Ok(Status::Done);
    }
    print(format_args!("{}{}", heart(&found), text_of(&found["name"])))?;
    print(albums(of.as_array().map(Vec::as_slice).unwrap_or_default()))?;
    Ok(Status::Done)
}

// -- as text

fn heart(thing: &Value) -> &'static str {
    if thing["is_hearted"] == true { "♥ " } else { "" }
}

fn artists(items: &[Value]) -> String {
    let rows = items.iter().map(|a| vec![text_of(&a["id"]), format!("{}{}", heart(a), text_of(&a["name"]))]);
    table(&["id", "artist"], &[0], rows)
}

fn albums(items: &[Value]) -> String {
    let rows = items.iter().map(|a| {
        vec![
            text_of(&a["id"]),
            text_of(&a["artist_name"]),
            format!("{}{}", heart(a), text_of(&a["title"])),
            text_of(&a["year"]),
            here(a),
        ]
    });
    table(&["id", "artist", "album", "year", "tracks"], &[0, 4], rows)
}

/// `9`, or `7 of 9`.
fn here(album: &Value) -> String {
    let (there, total) = (&album["available_tracks"], &album["total_tracks"]);
    if there.as_i64() < total.as_i64() { format!("{there} of {total}") } else { text_of(there) }
}

fn album(album: &Value) -> String {
    let facts = ["year", "genre", "label", "source"].map(|name| text_of(&album[name]));
    let facts: Vec<String> = facts.into_iter().filter(|fact| !fact.is_empty()).collect();
    let artist = text_of(if album["artist_name"].is_null() {
        &album["artist"]["name"]
    } else {
        &album["artist_name"]
    });
    let head = format!("{}{} by {artist}", heart(album), text_of(&album["title"]));
    let tracks = album["tracks"].as_array().map(Vec::as_slice).unwrap_or_default();
    let is_several = album["disc_count"].as_i64().unwrap_or(1) > 1;
    let rows = tracks.iter().map(|t| {
        let number = text_of(&t["track_number"]);
        vec![
            text_of(&t["id"]),
            if is_several { format!("{}-{number}", t["disc_number"]) } else { number },
            format!("{}{}", heart(t), text_of(&t["title"])),
            length(t),
            text_of(&t["quality_display"]),
        ]
    });
    format!(
        "{head}\n{}\n\n{}",
        facts.join(", "),
        table(&["id", "no", "title", "length", "quality"], &[0, 1, 3], rows)
    )
}

fn length(track: &Value) -> String {
    track["duration"].as_u64().map(|s| format!("{}:{:02}", s / 60, s % 60)).unwrap_or_default()
}

fn track(track: &Value) -> String {
    let line = |name: &str, value: String| (!value.is_empty()).then(|| format!("{name:<9}{value}"));
    let mut lines = vec![format!("{}{}", heart(track), text_of(&track["title"]))];
    lines.extend(line("artist", text_of(&track["artist_name"])));
    lines.extend(line("album", format!("{} ({})", text_of(&track["album_title"]), track["album_id"])));
    lines.extend(line("length", length(track)));
    lines.extend(line("quality", text_of(&track["quality_display"])));
    lines.extend(line("source", text_of(&track["source"])));
    lines.extend(line("file", text_of(&track["path"])));
    lines.join("\n")
}

fn hits(found: &Value) -> String {
    let list = |name: &str| found[name].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut parts = Vec::new();
    if !list("artists").is_empty() {
        parts.push(artists(list("artists")));
    }
    if !list("albums").is_empty() {
        parts.push(albums(list("albums")));
    }
    if !list("tracks").is_empty() {
        let rows = list("tracks").iter().map(|t| {
            let title = format!("{}{}", heart(t), text_of(&t["title"]));
            vec![text_of(&t["id"]), text_of(&t["artist_name"]), title, text_of(&t["album_title"]), length(t)]
        });
        parts.push(table(&["id", "artist", "track", "album", "length"], &[0, 4], rows));
    }
    if parts.is_empty() { "Nothing has such a name.".into() } else { parts.join("\n\n") }
}

// -- hearts

/// What can be hearted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    Album,
    Track,
    /// All their albums, and those that come later
    Artist,
}

#[derive(Debug, Args)]
pub struct HeartArgs {
    /// What it is
    pub what: Kind,
    /// Their ids
    #[arg(required = true)]
    pub ids: Vec<i64>,
    #[command(flatten)]
    pub output: Output,
}

/// Takes hearts and gives them: `barbossa heart album 7`, `barbossa unheart track 9`.
pub async fn set_hearts(wire: Wire, args: HeartArgs, is_hearted: bool) -> anyhow::Result<Status> {
    let room = match args.what {
        Kind::Album => "albums",
        Kind::Track => "tracks",
        Kind::Artist => "artists",
    };
    let mut said = Vec::new();
    for id in args.ids {
        let path = format!("/api/me/library/{room}/{id}");
        let answer = if is_hearted { wire.post(&path, json!({})).await } else { wire.delete(&path).await };
        let answer = answer.map_err(|e| {
            let done = said.len();
            let status = super::exit::status_of(&e);
            failure(status, format!("{id}: {e}{}", if done > 0 { " (those before it are done)" } else { "" }))
        })?;
        if !args.output.json {
            print(format_args!("{id}: {}", text_of(&answer["message"])))?;
        }
        said.push(answer);
    }
    if args.output.json {
        print_json(&said)?;
    }
    Ok(Status::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_album_shows_its_facts_its_tracks_and_what_is_hearted() {
        let found = json!({
            "id": 7, "title": "Debut", "artist_name": "Björk", "year": 1993, "genre": null, "label": "One", "disc_count": 2,
            "is_hearted": true,
            "tracks": [{"id": 9, "title": "Crying", "track_number": 2, "disc_number": 1, "duration": 289,
                "quality_display": "16/44kHz FLAC", "is_hearted": false}],
        });
        let text = album(&found);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..2], ["♥ Debut by Björk", "1993, One"]);
        assert!(
            lines[4].contains("1-2") && lines[4].contains("4:49") && lines[4].contains("Crying"),
            "{text}"
        );
    }

    #[test]
    fn an_album_that_is_not_whole_says_how_much_is_here() {
        assert_eq!(here(&json!({"available_tracks": 7, "total_tracks": 9})), "7 of 9");
        assert_eq!(here(&json!({"available_tracks": 9, "total_tracks": 9})), "9");
    }

    #[test]
    fn no_hit_is_said_in_words() {
        assert_eq!(hits(&json!({"artists": [], "albums": [], "tracks": []})), "Nothing has such a name.");
    }
}
