//! MP3 of 320 kbit/s from a lossless file, by ffmpeg: with the names and numbers that the library knows, and all other tags
//! that the file has.

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use super::manifest::{Album, Track};
use crate::process::{Failed, Program};

/// Encoding is much faster than listening; on a machine where it is not, something is wrong.
const LEAST_DEADLINE: Duration = Duration::from_secs(600);

/// Where the MP3 goes.
pub enum Target {
    /// A file, in which ffmpeg may go back to write how long it is.
    File(File),
    /// The end of a pipe.
    Pipe(File),
}

/// The tags that the rows know, as ffmpeg names them.
pub fn tags(album: &Album, track: &Track) -> Vec<(&'static str, String)> {
    let mut tags = vec![
        ("title", track.title.clone()),
        ("artist", track.artist.clone().unwrap_or_else(|| album.artist.clone())),
        ("album_artist", album.artist.clone()),
        ("album", album.title.clone()),
        ("track", track.track_number.to_string()),
        ("disc", track.disc_number.to_string()),
    ];
    tags.extend(album.year.map(|year| ("date", year.to_string())));
    tags.extend(track.genre.clone().or_else(|| album.genre.clone()).map(|genre| ("genre", genre)));
    tags.extend(track.composer.clone().map(|composer| ("composer", composer)));
    tags
}

/// What an MP3 is made of: when this is another, it must be made again. `source` tells of the library's file.
pub fn made_of(source: &str, tags: &[(&'static str, String)]) -> String {
    let mut hasher = blake3::Hasher::new();
    for (name, value) in tags {
        hasher.update(name.as_bytes()).update(&[0]).update(value.as_bytes()).update(&[0]);
    }
    let tags = hasher.finalize().to_hex();
    format!("mp3-320 of {source} with {}", &tags[..16])
}

/// Encodes a file of the library.
///
/// # Errors
/// [`Failed`]: ffmpeg is missing, or could not.
pub async fn encode(
    source: &Path,
    tags: &[(&'static str, String)],
    duration_ms: Option<i64>,
    target: Target,
) -> Result<(), Failed> {
    let deadline = Duration::from_millis(duration_ms.unwrap_or_default().unsigned_abs()).max(LEAST_DEADLINE);
    let mut input = std::ffi::OsString::from("file:");
    input.push(source);
    let mut ffmpeg = Program::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y", "-i"])
        .arg(input)
        .args(["-map", "0:a:0", "-map_metadata", "0", "-c:a", "libmp3lame", "-b:a", "320k"])
        .args(["-id3v2_version", "3", "-threads", "1"]);
    for (name, value) in tags {
        // A line's end would be the value's.
        let value = value.replace(['\0', '\n', '\r'], " ");
        ffmpeg = ffmpeg.arg("-metadata").arg(format!("{name}={value}"));
    }
    let (output, file) = match target {
        // Opened anew, and not as a pipe: so it can go back and write the length into the first frame.
        Target::File(file) => (["-f", "mp3", "file:/proc/self/fd/1"].as_slice(), file),
        Target::Pipe(file) => (["-write_xing", "0", "-f", "mp3", "pipe:1"].as_slice(), file),
    };
    ffmpeg.args(output).stdout_to(file).deadline(deadline).run().await.map(drop)
}
