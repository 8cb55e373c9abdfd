//! `barbossa library duplicates` and `incomplete`: what is there twice, and what is not there.

use std::fmt::Write as _;

use serde_json::{from_value, json};

use super::args::Output;
use super::exit::Status;
use super::terminal::{bytes, count, print, table};
use super::wire::Wire;
use crate::library::{Group, Incomplete, Why};

pub async fn duplicates(
    wire: &Wire,
    why: Option<&str>,
    limit: u32,
    output: Output,
) -> anyhow::Result<Status> {
    let why = why.map(|why| format!("?why={why}")).unwrap_or_default();
    let mut page = wire.pages(&format!("/api/library/duplicates{why}"), limit as usize).await?;
    let is_complete = page["next_cursor"].is_null();
    let groups: Vec<Group> = from_value(page["items"].take())?;
    if output.json {
        output.print(&json!({"items": groups, "is_complete": is_complete}))?;
        return Ok(Status::Done);
    }
    let mut last = None;
    for group in &groups {
        if last != Some(group.why) {
            print(headline(group.why))?;
            last = Some(group.why);
        }
        print(told(group))?;
    }
    let freed: i64 = groups.iter().map(|g| g.can_be_freed).sum();
    let more = if is_complete { "" } else { " so far (there is more: --limit)" };
    let freed = bytes(u64::try_from(freed).unwrap_or_default());
    print(format_args!("{}{more}; {freed} could be freed.", count(groups.len(), "group")))?;
    Ok(Status::Done)
}

fn headline(why: Why) -> &'static str {
    match why {
        Why::Essence => "The same audio, bit for bit:",
        Why::Recording => "The same recording (MusicBrainz), other audio:",
        Why::Isrc => "The same recording (ISRC), other audio:",
        Why::Maybe => "Perhaps the same: artist, title and length agree:",
    }
}

fn told(group: &Group) -> String {
    let mut text = String::new();
    for (n, track) in group.tracks.iter().enumerate() {
        let of = |name: &str| track[name].as_str().unwrap_or_default();
        let size = bytes(track["size"].as_u64().unwrap_or_default());
        let mark = if n == 0 { "  " } else { "    " };
        // Writing to a String cannot fail.
        let _ =
            writeln!(text, "{mark}{:>8}  {}  {size}  {}", track["id"].to_string(), of("quality"), of("path"));
    }
    text.trim_end().to_owned()
}

pub async fn incomplete(wire: &Wire, limit: u32, output: Output) -> anyhow::Result<Status> {
    let mut page = wire.pages("/api/library/incomplete", limit as usize).await?;
    let is_complete = page["next_cursor"].is_null();
    let albums: Vec<Incomplete> = from_value(page["items"].take())?;
    if output.json {
        output.print(&json!({"items": albums, "is_complete": is_complete}))?;
        return Ok(Status::Done);
    }
    if albums.is_empty() {
        print("All albums are whole, as far as their tags and numbers tell.")?;
        return Ok(Status::Done);
    }
    let rows = albums.iter().map(|album| {
        vec![
            album.album_id.to_string(),
            album.artist.clone(),
            album.title.clone(),
            format!("{} of {}", album.available_tracks, album.total_tracks.max(album.available_tracks)),
            missing(album),
        ]
    });
    print(table(&["id", "artist", "album", "here", "missing"], &[0], rows))?;
    let more = if is_complete { "" } else { " so far (there is more: --limit)" };
    print(format_args!("{}{more}.", count(albums.len(), "album")))?;
    Ok(Status::Done)
}

/// `3, 5-7`; `disc 2: 1; disc 3: all`; `2 more, unknown which`.
fn missing(album: &Incomplete) -> String {
    let is_single = album.missing.iter().all(|m| m.disc == 1 && !m.is_whole_disc);
    let discs = album.missing.iter().map(|m| match is_single {
        true => m.text(),
        false => format!("disc {}: {}", m.disc, m.text()),
    });
    let mut parts: Vec<String> = discs.collect();
    if album.unnamed > 0 {
        parts.push(format!("{} more, unknown which", album.unnamed));
    }
    parts.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::library::Missing;

    #[test]
    fn what_is_missing_is_named_as_shortly_as_can_be() {
        let disc = |disc, tracks: &[i32]| Missing {
            disc,
            tracks: tracks.to_vec(),
            is_whole_disc: tracks.is_empty(),
        };
        let album = |missing, unnamed| Incomplete {
            album_id: 1,
            title: "B".into(),
            artist: "A".into(),
            year: None,
            path: "artists/A/B".into(),
            total_tracks: 9,
            available_tracks: 5,
            missing,
            unnamed,
        };
        assert_eq!(missing(&album(vec![disc(1, &[3, 5, 6])], 0)), "3, 5-6");
        assert_eq!(
            missing(&album(vec![disc(1, &[3]), disc(2, &[])], 1)),
            "disc 1: 3; disc 2: all; 1 more, unknown which"
        );
    }
}
