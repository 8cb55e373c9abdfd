//! What yt-dlp has left in a folder becomes an album: which file is which track, and what its tags say. What the page says
//! of a track wins over the file's own tags, and these over what can only be guessed from titles.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{About, Hit};
use crate::audio::{self, Changes, Field, Tags};
use crate::files::{cut_at_char, rename_noreplace, safe_component};

/// What was downloaded already, so that another attempt goes on.
pub(super) const ARCHIVE: &str = ".archive";
/// Output templates: everything of one track begins with the same stem.
pub(super) const NAMES: [&str; 4] = [
    "%(playlist_index|0)s.%(id).80B.%(ext)s",
    "chapter:%(playlist_index|0)s.%(id).80B.s%(section_number)03d.%(ext)s",
    "thumbnail:%(playlist_index|0)s.%(id).80B.%(ext)s",
    "infojson:%(playlist_index|0)s.%(id).80B",
];
const INFO: &str = ".info.json";
const PICTURES: [&str; 4] = ["jpg", "jpeg", "png", "webp"];
const LOSSLESS: [&str; 9] = ["flac", "alac", "wav", "aiff", "aif", "pcm", "ape", "wavpack", "wv"];

// -- what a page says

/// Out of `--dump-single-json --flat-playlist`.
pub(super) fn about(info: &Value) -> About {
    let entries = info["entries"].as_array();
    let is_list = info["_type"] == "playlist" || entries.is_some();
    let title = text(info, "title").unwrap_or_else(|| "Untitled".into());
    About {
        artist: artist(info).unwrap_or_default(),
        album: text(info, "album")
            .or_else(|| text(info, "playlist_title"))
            .or_else(|| is_list.then(|| title.clone())),
        title,
        duration: info["duration"].as_f64(),
        is_lossy: is_lossy(info),
        thumbnail: thumbnail(info),
        source: source(&text(info, "webpage_url").unwrap_or_default()).into(),
        tracks: match (entries, info["chapters"].as_array()) {
            (Some(entries), _) => entries.len(),
            (None, Some(chapters)) if chapters.len() > 1 => chapters.len(),
            _ => 1,
        },
    }
}

/// Out of a search's `--dump-single-json --flat-playlist`: the fields of each entry are those of a URL result.
pub(super) fn hits(info: &Value) -> Vec<Hit> {
    let entries = info["entries"].as_array().map(Vec::as_slice).unwrap_or_default();
    let hit = |entry: &Value| {
        let url = text(entry, "url").or_else(|| text(entry, "webpage_url"))?;
        Some(Hit {
            url: Some(url).filter(|url| url.starts_with("https://"))?,
            title: text(entry, "title")?,
            channel: text(entry, "channel").or_else(|| text(entry, "uploader")).unwrap_or_default(),
            duration: entry["duration"].as_f64(),
        })
    };
    entries.iter().filter_map(hit).collect()
}

/// The source that an address counts as.
pub fn source(address: &str) -> &'static str {
    let host =
        address.split("://").nth(1).unwrap_or_default().split(['/', ':', '?']).next().unwrap_or_default();
    let is_of = |domain: &str| host == domain || host.ends_with(&format!(".{domain}"));
    if ["youtube.com", "youtu.be", "youtube-nocookie.com"].into_iter().any(is_of) {
        "youtube"
    } else if is_of("soundcloud.com") {
        "soundcloud"
    } else {
        "url"
    }
}

fn text(info: &Value, name: &str) -> Option<String> {
    let said = info[name].as_str().map(str::trim).filter(|said| !said.is_empty() && *said != "NA");
    said.map(|said| said.replace('\0', ""))
}

fn artist(info: &Value) -> Option<String> {
    let first = |name: &str| info[name].as_array()?.iter().find_map(Value::as_str).map(str::to_owned);
    let named = text(info, "artist").or_else(|| first("artists")).or_else(|| text(info, "creator"));
    // Channels that YouTube makes for artists are called so.
    let channel = || text(info, "uploader").or_else(|| text(info, "channel"));
    named.or_else(|| channel().map(|name| name.trim_end_matches(" - Topic").to_owned()))
}

fn thumbnail(info: &Value) -> Option<String> {
    let largest = || info["thumbnails"].as_array()?.iter().rev().find_map(|t| text(t, "url"));
    text(info, "thumbnail")
        .or_else(largest)
        .filter(|url| url.starts_with("https://") || url.starts_with("http://"))
}

/// Unless one of its formats is lossless. An entry of a list tells no more than its address.
fn is_lossy(info: &Value) -> bool {
    let is_lossless = |name: &str| LOSSLESS.iter().any(|known| name.to_ascii_lowercase().starts_with(known));
    if let Some(entries) = info["entries"].as_array() {
        let of_entry = |entry: &Value| match (entry["formats"].as_array(), text(entry, "url")) {
            (None, Some(url)) => !is_lossless(ending(&url)),
            _ => is_lossy(entry),
        };
        return entries.is_empty() || entries.iter().any(of_entry);
    }
    let is_lossless_format = |format: &Value| match format["acodec"].as_str() {
        Some("none") => false,
        Some(codec) if !codec.is_empty() => is_lossless(codec),
        _ => text(format, "ext").is_some_and(|ext| is_lossless(&ext)),
    };
    let formats = info["formats"].as_array().filter(|formats| !formats.is_empty());
    !formats.map_or_else(|| is_lossless_format(info), |formats| formats.iter().any(is_lossless_format))
}

fn ending(url: &str) -> &str {
    let path = url.split(['?', '#']).next().unwrap_or_default();
    path.rsplit_once('.').map_or("", |(_, ending)| ending)
}

// -- what it has left

/// One download: what was said of it, and its files.
struct Entry {
    info: Value,
    /// Where it stands in its list; 0 without one.
    index: u32,
    whole: Option<PathBuf>,
    /// In their order.
    chapters: Vec<PathBuf>,
}

/// A file and what it is to be called.
#[derive(Debug, PartialEq)]
struct Piece {
    file: PathBuf,
    title: Option<String>,
    artist: Option<String>,
    album: Option<String>,
    disc: Option<u32>,
    number: Option<u32>,
}

/// Gives everything its tags and its name, and takes away what is not music; how many tracks there are. Done in part it
/// goes on.
///
/// # Errors
/// When the file system refuses, or a file cannot be tagged.
pub(super) fn arrange(folder: &Path, about: &About) -> io::Result<usize> {
    let entries = entries(folder)?;
    let pieces = pieces(&entries, about);
    let own: Vec<Tags> =
        pieces.iter().map(|p| audio::read(&p.file).map(|s| s.tags).unwrap_or_default()).collect();
    let album_artist = album_artist(&pieces, &own, about);
    for (piece, own) in pieces.iter().zip(&own) {
        let changes = changes(piece, own, about, &album_artist, entries.iter().find(|e| e.has(&piece.file)));
        audio::write_tags(&piece.file, &changes).map_err(io::Error::other)?;
        let said = |field: Field| changes.get(&field).and_then(Clone::clone);
        let number = |field: Field, own: Option<u32>| said(field).and_then(|n| n.parse().ok()).or(own);
        let title = said(Field::Title).or_else(|| own.title.clone()).unwrap_or_default();
        let place =
            (number(Field::DiscNumber, own.disc_number), number(Field::TrackNumber, own.track_number));
        rename_free(&piece.file, folder, &file_stem(place, &title))?;
    }
    tidy(folder, &entries)?;
    let names = std::fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    Ok(names.iter().filter(|name| audio::is_audio_name(&name.path())).count())
}

impl Entry {
    fn has(&self, file: &Path) -> bool {
        self.whole.as_deref() == Some(file) || self.chapters.iter().any(|chapter| chapter == file)
    }
}

fn entries(folder: &Path) -> io::Result<Vec<Entry>> {
    let mut names: Vec<String> =
        std::fs::read_dir(folder)?.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    let mut entries = Vec::new();
    for name in names.iter().filter(|name| name.ends_with(INFO)) {
        let stem = name.trim_end_matches(INFO);
        let info: Value = serde_json::from_slice(&std::fs::read(folder.join(name))?).unwrap_or_default();
        if info["_type"] == "playlist" {
            continue;
        }
        let mine =
            names.iter().filter_map(|other| Some((other, other.strip_prefix(stem)?.strip_prefix('.')?)));
        let mine = mine.filter(|(other, _)| audio::is_audio_name(Path::new(other)));
        let (mut whole, mut chapters) = (None, Vec::new());
        for (other, rest) in mine {
            match rest.split_once('.') {
                None => whole = Some(folder.join(other)),
                Some((part, ending)) if is_chapter(part) && !ending.contains('.') => {
                    chapters.push(folder.join(other));
                }
                Some(_) => {}
            }
        }
        let index = stem.split('.').next().and_then(|n| n.parse().ok()).unwrap_or(0);
        entries.push(Entry { info, index, whole, chapters });
    }
    entries.sort_by_key(|entry| entry.index);
    Ok(entries)
}

fn is_chapter(part: &str) -> bool {
    part.strip_prefix('s').is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

/// Chapters are tracks, and so are the entries of a list; a list of things with chapters has discs.
fn pieces(entries: &[Entry], about: &About) -> Vec<Piece> {
    let is_list = entries.len() > 1 || entries.iter().any(|entry| entry.index > 0);
    let has_chapters = entries.iter().any(|entry| entry.chapters.len() > 1);
    let list = about.album.clone().filter(|_| is_list);
    let mut pieces = Vec::new();
    for entry in entries {
        let album = text(&entry.info, "album").or_else(|| list.clone());
        let disc = entry.info["disc_number"].as_u64().and_then(|n| u32::try_from(n).ok());
        let disc = disc.or_else(|| (is_list && has_chapters).then_some(entry.index.max(1)));
        let artist = artist(&entry.info);
        let title = text(&entry.info, "track").or_else(|| text(&entry.info, "title"));
        if entry.chapters.len() > 1 {
            let titles = entry.info["chapters"].as_array();
            for (n, file) in entry.chapters.iter().enumerate() {
                let of_chapter = titles.and_then(|titles| text(titles.get(n)?, "title"));
                let number = u32::try_from(n + 1).ok();
                let album = album.clone().or_else(|| title.clone());
                let title = of_chapter.or_else(|| number.map(|n| format!("Part {n}")));
                pieces.push(Piece { file: file.clone(), title, artist: artist.clone(), album, disc, number });
            }
        } else if let Some(file) = entry.whole.clone() {
            let told = entry.info["track_number"].as_u64().and_then(|n| u32::try_from(n).ok());
            let number =
                if list.is_some() && !has_chapters { Some(entry.index) } else { told.or(disc.map(|_| 1)) };
            pieces.push(Piece { file, title, artist, album, disc, number });
        }
    }
    pieces
}

/// Whose album it is: what the page says, else the one artist of all tracks.
fn album_artist(pieces: &[Piece], own: &[Tags], about: &About) -> String {
    let each: BTreeSet<String> = pieces
        .iter()
        .zip(own)
        .filter_map(|(piece, own)| {
            own.album_artist.clone().or_else(|| piece.artist.clone()).or_else(|| own.artist.clone())
        })
        .collect();
    match each.len() {
        0 if about.artist.is_empty() => "Unknown Artist".into(),
        0 => about.artist.clone(),
        1 => each.into_iter().next().unwrap_or_default(),
        _ if !about.artist.is_empty() && each.contains(&about.artist) => about.artist.clone(),
        _ => "Various Artists".into(),
    }
}

/// Only what the file does not say itself, or the page says better.
fn changes(piece: &Piece, own: &Tags, about: &About, album_artist: &str, entry: Option<&Entry>) -> Changes {
    let mut changes = Changes::new();
    // A file that lies there as such says more of itself than its name does; a page's track says more than the file.
    let is_bare = entry.is_none_or(|e| e.info["extractor_key"] == "Generic") && own.title.is_some();
    let is_told = entry.is_some_and(|e| text(&e.info, "track").is_some());
    let mut set = |field: Field, new: Option<String>, old: Option<String>, wins: bool| {
        if let Some(new) = new
            && (wins || old.is_none())
        {
            changes.insert(field, Some(new));
        }
    };
    let title = piece.title.clone().or_else(|| Some(about.title.clone()));
    set(Field::Title, title.clone(), own.title.clone(), !is_bare || is_told);
    let artist = piece.artist.clone().or_else(|| Some(album_artist.to_owned()));
    set(Field::Artist, artist, own.artist.clone(), piece.artist.is_some() && !is_bare);
    set(Field::AlbumArtist, Some(album_artist.to_owned()), own.album_artist.clone(), false);
    let is_single = piece.album.is_none() && own.album.is_none();
    set(Field::Album, piece.album.clone().or(title), own.album.clone(), piece.album.is_some());
    set(Field::ReleaseType, is_single.then(|| "single".to_owned()), own.release_type.clone(), false);
    let number = piece.number.or(own.track_number).unwrap_or(1);
    set(
        Field::TrackNumber,
        Some(number.to_string()),
        own.track_number.map(|n| n.to_string()),
        piece.number.is_some(),
    );
    set(Field::DiscNumber, piece.disc.map(|n| n.to_string()), own.disc_number.map(|n| n.to_string()), true);
    let info = entry.map(|e| &e.info);
    set(Field::Year, info.and_then(year), own.year.map(|n| n.to_string()), false);
    set(Field::Genre, info.and_then(|i| text(i, "genre")), own.genre.clone(), false);
    changes
}

fn year(info: &Value) -> Option<String> {
    let released = info["release_year"].as_i64().map(|year| year.to_string());
    let dated = |name: &str| text(info, name)?.get(..4).map(str::to_owned);
    // When somebody put it there says nothing of when it came out.
    let year = released.or_else(|| dated("release_date"))?;
    year.bytes().all(|b| b.is_ascii_digit()).then_some(year)
}

fn file_stem((disc, number): (Option<u32>, Option<u32>), title: &str) -> String {
    let place = match (disc, number.unwrap_or(1)) {
        (Some(disc), number) => format!("{disc}-{number:02}"),
        (None, number) => format!("{number:02}"),
    };
    cut_at_char(&safe_component(&format!("{place} - {title}")), 200).to_owned()
}

fn rename_free(file: &Path, folder: &Path, stem: &str) -> io::Result<()> {
    let ending = file.extension().and_then(|e| e.to_str()).unwrap_or("audio");
    for n in 1..1000 {
        let name = if n == 1 { format!("{stem}.{ending}") } else { format!("{stem} ({n}).{ending}") };
        match rename_noreplace(file, &folder.join(name)) {
            Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
            done => return done,
        }
    }
    Err(io::Error::other("a thousand tracks have one name"))
}

/// One picture stays, as the cover; what was cut into chapters, and what was written about it, goes.
fn tidy(folder: &Path, entries: &[Entry]) -> io::Result<()> {
    for whole in entries.iter().filter(|e| e.chapters.len() > 1).filter_map(|e| e.whole.as_ref()) {
        crate::files::remove_file_if_there(whole)?;
    }
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let ending = path.extension().and_then(|e| e.to_str()).unwrap_or_default();
        if PICTURES.contains(&ending) && !name.starts_with("cover.") {
            match rename_noreplace(&path, &folder.join(format!("cover.{ending}"))) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {
                    crate::files::remove_file_if_there(&path)?;
                }
                done => done?,
            }
        }
    }
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if name.ends_with(INFO) || name.ends_with(".description") || name == ARCHIVE {
            crate::files::remove_file_if_there(&path)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(index: u32, info: Value, chapters: usize) -> Entry {
        let file = |name: String| PathBuf::from(name);
        let chapters = (1..=chapters).map(|n| file(format!("{index}.x.s{n:03}.opus"))).collect();
        Entry { info, index, whole: Some(file(format!("{index}.x.opus"))), chapters }
    }

    fn told(title: &str, album: Option<&str>) -> About {
        About {
            title: title.into(),
            artist: String::new(),
            album: album.map(str::to_owned),
            duration: None,
            is_lossy: true,
            thumbnail: None,
            source: "youtube".into(),
            tracks: 1,
        }
    }

    type Placed<'a> = (Option<&'a str>, Option<&'a str>, Option<u32>, Option<u32>);

    fn places(pieces: &[Piece]) -> Vec<Placed<'_>> {
        pieces.iter().map(|p| (p.title.as_deref(), p.album.as_deref(), p.disc, p.number)).collect()
    }

    #[test]
    fn what_a_page_offers_is_lossy_unless_it_says_otherwise() {
        for (info, expected) in [
            (json!({"formats": [{"acodec": "opus"}, {"acodec": "none", "ext": "mp4"}]}), true),
            (json!({"formats": [{"acodec": "mp4a.40.2"}, {"acodec": "flac"}]}), false),
            (json!({"formats": [{"ext": "wav"}]}), false),
            (json!({"acodec": null, "ext": "flac"}), false),
            (json!({"entries": [{"url": "https://x/a.flac?b"}, {"url": "https://x/b.flac"}]}), false),
            (json!({"entries": [{"url": "https://x/a.flac"}, {"url": "https://x/watch?v=1"}]}), true),
            (json!({"entries": []}), true),
            (json!({}), true),
        ] {
            assert_eq!(is_lossy(&info), expected, "{info}");
        }
    }

    #[test]
    fn the_host_says_the_source_and_not_a_part_of_the_address() {
        for (address, expected) in [
            ("https://music.youtube.com/watch?v=1", "youtube"),
            ("https://youtu.be/1", "youtube"),
            ("https://soundcloud.com/a/b", "soundcloud"),
            ("https://example.org/youtube.com/", "url"),
            ("https://notyoutube.com/", "url"),
            ("", "url"),
        ] {
            assert_eq!(source(address), expected, "{address}");
        }
    }

    #[test]
    fn chapters_are_tracks_of_an_album_that_is_called_as_the_whole() {
        let info = json!({"title": "A Whole Album", "uploader": "Ann - Topic", "chapters": [{"title": "Intro"}, {"title": " "}]});
        let found = pieces(&[entry(0, info, 2)], &told("A Whole Album", None));
        let expected = [
            (Some("Intro"), Some("A Whole Album"), None, Some(1)),
            (Some("Part 2"), Some("A Whole Album"), None, Some(2)),
        ];
        assert_eq!(places(&found), expected);
        assert_eq!(found[0].artist.as_deref(), Some("Ann"));
    }

    #[test]
    fn a_list_is_an_album_in_its_order_and_one_with_chapters_has_discs() {
        let one = json!({"title": "One", "artist": "Ann"});
        let found = pieces(
            &[entry(1, one.clone(), 0), entry(3, json!({"title": "Three"}), 1)],
            &told("List", Some("List")),
        );
        assert_eq!(
            places(&found),
            [(Some("One"), Some("List"), None, Some(1)), (Some("Three"), Some("List"), None, Some(3))]
        );
        let disc = json!({"title": "Night 2", "chapters": [{"title": "A"}, {"title": "B"}]});
        let found = pieces(&[entry(1, one, 0), entry(2, disc, 2)], &told("List", Some("List")));
        let expected = [
            (Some("One"), Some("List"), Some(1), Some(1)),
            (Some("A"), Some("List"), Some(2), Some(1)),
            (Some("B"), Some("List"), Some(2), Some(2)),
        ];
        assert_eq!(places(&found), expected);
    }

    #[test]
    fn a_file_that_lies_there_as_such_keeps_its_own_tags() {
        let about = told("01_tone", None);
        let said = json!({"title": "01_tone", "extractor_key": "Generic", "release_date": "20240102", "upload_date": "20250607"});
        let bare = entry(0, said, 0);
        let own = Tags {
            title: Some("Tone".into()),
            artist: Some("Ann".into()),
            album: Some("Tones".into()),
            ..Tags::default()
        };
        let piece = &pieces(std::slice::from_ref(&bare), &about)[0];
        let written = changes(piece, &own, &about, "Ann", Some(&bare));
        assert_eq!(written.get(&Field::Title), None);
        assert_eq!(written.get(&Field::Album), None);
        assert_eq!(written[&Field::AlbumArtist].as_deref(), Some("Ann"));
        assert_eq!(written[&Field::Year].as_deref(), Some("2024"));
        let silent = changes(piece, &Tags::default(), &about, "Unknown Artist", Some(&bare));
        assert_eq!(silent[&Field::Title].as_deref(), Some("01_tone"));
        assert_eq!(silent[&Field::ReleaseType].as_deref(), Some("single"));
        let put_there = entry(0, json!({"title": "01_tone", "upload_date": "20250607"}), 0);
        let piece = &pieces(std::slice::from_ref(&put_there), &about)[0];
        let written = changes(piece, &Tags::default(), &about, "Ann", Some(&put_there));
        assert_eq!(written.get(&Field::Year), None, "when it was put there is not when it came out");
    }
}
