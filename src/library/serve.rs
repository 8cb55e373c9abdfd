//! Hands out a file of the library: whole or a range, only if it has changed, by nginx or by ourselves (RFC 9110).
//!
//! Behind nginx we only decide who may have which file; nginx sends it (X-Accel-Redirect) with ranges and conditions of
//! its own. Straight requests get the bytes from here. Both give the same validators.

use std::fs::{File, Metadata};
use std::io::{ErrorKind, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG,
    IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, LAST_MODIFIED, RANGE,
};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use jiff::Timestamp;
use jiff::fmt::rfc2822::DateTimePrinter;
use tokio::io::AsyncReadExt;
use tokio_util::io::ReaderStream;

use crate::app::{App, Via};
use crate::error::{Error, Result};
use crate::files;

/// How much is read and sent at once.
const CHUNK_BYTES: usize = 128 * 1024;
/// Where nginx finds MUSIC_PATH; only for its own redirects.
const NGINX_ROOT: &str = "/_music/";
const ACCEL: HeaderName = HeaderName::from_static("x-accel-redirect");

/// A file to hand out.
pub struct Handout<'a> {
    /// Relative to MUSIC_PATH.
    pub path: &'a str,
    /// Its media type.
    pub content_type: &'static str,
    /// Who may keep it, for how long.
    pub cache_control: &'static str,
    /// The name under which a browser would save it; none for pictures.
    pub file_name: Option<&'a str>,
    /// What to say when it is not there.
    pub missing: &'static str,
}

/// Answers a GET or HEAD request with the file. (The body of a HEAD answer is left out by the server.)
pub async fn hand_out(
    app: &App,
    via: Option<Via>,
    request: &HeaderMap,
    file: &Handout<'_>,
) -> Result<Response> {
    let (opened, about) = open(app, file).await?;
    let mut headers = HeaderMap::new();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(file.content_type));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(file.cache_control));
    if let Some(name) = file.file_name {
        headers.insert(CONTENT_DISPOSITION, header_value(&inline_as(name))?);
    }
    if via == Some(Via::Nginx) {
        let target = format!("{NGINX_ROOT}{}", percent_encoded(file.path, b"/"));
        headers.insert(ACCEL, header_value(&target)?);
        return Ok((headers, Body::empty()).into_response());
    }
    let validators = Validators::of(&about);
    headers.insert(ETAG, header_value(&validators.etag)?);
    if let Some(date) = &validators.last_modified {
        headers.insert(LAST_MODIFIED, header_value(date)?);
    }
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if !validators.are_matched_by(request) {
        return Ok((StatusCode::PRECONDITION_FAILED, headers).into_response());
    }
    if validators.are_known_to(request) {
        headers.remove(CONTENT_TYPE);
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let range = text(request, RANGE.as_str()).filter(|_| validators.allow_range(request));
    send(opened, about.len(), range, headers)
}

async fn open(app: &App, file: &Handout<'_>) -> Result<(File, Metadata)> {
    let (music, path) = (app.music().to_owned(), file.path.to_owned());
    let opening = tokio::task::spawn_blocking(move || {
        let opened = files::open_beneath(&music, &path)?;
        let about = opened.metadata()?;
        Ok::<_, std::io::Error>((opened, about))
    });
    match opening.await.map_err(anyhow::Error::from)? {
        Ok((opened, about)) if about.is_file() => Ok((opened, about)),
        Ok(_) => Err(Error::NotFound(file.missing)),
        Err(e) if e.kind() == ErrorKind::NotFound && !is_music_there(app.music()) => {
            Err(Error::Unavailable("The music folder is away."))
        }
        // A name that is too long, leads out of the library, or through a file, is a file that we do not have.
        Err(e) => match e.kind() {
            ErrorKind::NotFound
            | ErrorKind::NotADirectory
            | ErrorKind::InvalidFilename
            | ErrorKind::InvalidInput
            | ErrorKind::CrossesDevices => Err(Error::NotFound(file.missing)),
            _ => Err(Error::Io(e)),
        },
    }
}

/// A disk that is not mounted has no marker.
fn is_music_there(music: &Path) -> bool {
    files::read_marker(music).is_ok_and(|marker| marker.is_some())
}

fn send(mut file: File, size: u64, range: Option<&str>, mut headers: HeaderMap) -> Result<Response> {
    let (status, from, length) = match range.map_or(Wanted::Whole, |range| wanted(range, size)) {
        Wanted::Whole => (StatusCode::OK, 0, size),
        Wanted::Part { from, to } => {
            headers.insert(CONTENT_RANGE, header_value(&format!("bytes {from}-{to}/{size}"))?);
            (StatusCode::PARTIAL_CONTENT, from, to - from + 1)
        }
        Wanted::Beyond => {
            headers.insert(CONTENT_RANGE, header_value(&format!("bytes */{size}"))?);
            headers.remove(CONTENT_TYPE);
            return Ok((StatusCode::RANGE_NOT_SATISFIABLE, headers).into_response());
        }
    };
    if from > 0 {
        file.seek(SeekFrom::Start(from))?;
    }
    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
    let mut file = tokio::fs::File::from_std(file);
    file.set_max_buf_size(CHUNK_BYTES);
    let body = Body::from_stream(ReaderStream::with_capacity(file.take(length), CHUNK_BYTES));
    Ok((status, headers, body).into_response())
}

// -- ranges

/// Which bytes a request wants.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    Whole,
    /// Both inclusive.
    Part {
        from: u64,
        to: u64,
    },
    /// None that there are.
    Beyond,
}

/// One range is served; several at once, or what cannot be read, get the whole file, as RFC 9110 section 14.2 allows.
fn wanted(range: &str, size: u64) -> Wanted {
    let Some((from, to)) = range.trim().strip_prefix("bytes=").and_then(|r| r.trim().split_once('-')) else {
        return Wanted::Whole;
    };
    let number = |text: &str| match text {
        "" => Some(None),
        t if t.bytes().all(|b| b.is_ascii_digit()) => Some(Some(t.parse().unwrap_or(u64::MAX))),
        _ => None,
    };
    match (number(from), number(to)) {
        (Some(Some(from)), Some(to)) if to.is_none_or(|to| to >= from) => match to {
            _ if from >= size => Wanted::Beyond,
            to => Wanted::Part { from, to: to.unwrap_or(u64::MAX).min(size - 1) },
        },
        (Some(None), Some(Some(last))) => match last.min(size) {
            0 => Wanted::Beyond,
            last => Wanted::Part { from: size - last, to: size - 1 },
        },
        _ => Wanted::Whole,
    }
}

// -- conditions

/// By what a client tells whether it has the file already; written as nginx writes them.
struct Validators {
    etag: String,
    last_modified: Option<String>,
    modified: Option<Timestamp>,
}

impl Validators {
    fn of(about: &Metadata) -> Self {
        let modified = Timestamp::from_second(about.mtime()).ok();
        let print = |at| DateTimePrinter::new().timestamp_to_rfc9110_string(&at).ok();
        Self {
            etag: format!("\"{:x}-{:x}\"", about.mtime(), about.len()),
            last_modified: modified.and_then(print),
            modified,
        }
    }

    /// If-Match: only what the client knows.
    fn are_matched_by(&self, request: &HeaderMap) -> bool {
        text(request, IF_MATCH.as_str()).is_none_or(|known| is_in(known, &self.etag))
    }

    /// If-None-Match, else If-Modified-Since.
    fn are_known_to(&self, request: &HeaderMap) -> bool {
        match text(request, IF_NONE_MATCH.as_str()) {
            Some(known) => is_in(known, &self.etag),
            None => {
                let since = text(request, IF_MODIFIED_SINCE.as_str()).and_then(date);
                since.zip(self.modified).is_some_and(|(since, modified)| modified <= since)
            }
        }
    }

    /// If-Range: a part, only if it is of the file that the client has the rest of.
    fn allow_range(&self, request: &HeaderMap) -> bool {
        text(request, IF_RANGE.as_str())
            .is_none_or(|known| known == self.etag || Some(known) == self.last_modified.as_deref())
    }
}

fn is_in(list: &str, etag: &str) -> bool {
    list.trim() == "*" || list.split(',').any(|known| known.trim().trim_start_matches("W/") == etag)
}

fn date(text: &str) -> Option<Timestamp> {
    jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()
}

// -- header values

fn text<'a>(request: &'a HeaderMap, name: &str) -> Option<&'a str> {
    request.get(name)?.to_str().ok()
}

fn header_value(text: &str) -> Result<HeaderValue> {
    HeaderValue::from_str(text).map_err(|e| Error::Internal(e.into()))
}

/// To be shown, and saved under this name (RFC 6266; RFC 5987 for what is not ASCII).
fn inline_as(name: &str) -> String {
    let is_plain = |c: char| (c.is_ascii_graphic() || c == ' ') && !matches!(c, '"' | '\\' | '%');
    let plain: String = name.chars().map(|c| if is_plain(c) { c } else { '_' }).collect();
    format!("inline; filename=\"{plain}\"; filename*=UTF-8''{}", percent_encoded(name, b""))
}

/// RFC 3986: letters, digits and `-._~` stay, and what is named.
fn percent_encoded(text: &str, also: &[u8]) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::with_capacity(text.len() + 16), |mut encoded, b| {
        if b.is_ascii_alphanumeric() || b"-._~".contains(&b) || also.contains(&b) {
            encoded.push(char::from(b));
        } else {
            write!(encoded, "%{b:02X}").expect("writing to a string cannot fail");
        }
        encoded
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_the_standard_says() {
        for (range, size, expected) in [
            ("bytes=0-99", 1000, Wanted::Part { from: 0, to: 99 }),
            ("bytes=900-", 1000, Wanted::Part { from: 900, to: 999 }),
            ("bytes=-100", 1000, Wanted::Part { from: 900, to: 999 }),
            ("bytes=-5000", 1000, Wanted::Part { from: 0, to: 999 }),
            ("bytes=0-99999999999999999999999", 1000, Wanted::Part { from: 0, to: 999 }),
            ("bytes=0-0", 1, Wanted::Part { from: 0, to: 0 }),
            ("bytes=1000-", 1000, Wanted::Beyond),
            ("bytes=99999999999999999999999-", 1000, Wanted::Beyond),
            ("bytes=-0", 1000, Wanted::Beyond),
            ("bytes=0-", 0, Wanted::Beyond),
            ("bytes=5-4", 1000, Wanted::Whole),
            ("bytes=0-1,5-6", 1000, Wanted::Whole),
            ("bytes=a-b", 1000, Wanted::Whole),
            ("bytes=+1-2", 1000, Wanted::Whole),
            ("bytes=-", 1000, Wanted::Whole),
            ("lines=1-2", 1000, Wanted::Whole),
            ("", 1000, Wanted::Whole),
        ] {
            assert_eq!(wanted(range, size), expected, "{range} of {size}");
        }
    }

    #[test]
    fn names_of_every_script_pass_through_headers() {
        assert_eq!(
            inline_as("01 - Ä \"x\".flac"),
            "inline; filename=\"01 - _ _x_.flac\"; filename*=UTF-8''01%20-%20%C3%84%20%22x%22.flac"
        );
        assert!(HeaderValue::from_str(&inline_as("宇多田\r\nX: y")).is_ok());
        assert_eq!(
            percent_encoded("artists/A & B/50% ?#.flac", b"/"),
            "artists/A%20%26%20B/50%25%20%3F%23.flac"
        );
    }

    #[test]
    fn lists_of_etags_are_searched() {
        let etag = "\"5f-3e8\"";
        for (list, expected) in [
            ("\"5f-3e8\"", true),
            ("W/\"5f-3e8\"", true),
            ("\"a\", \"5f-3e8\"", true),
            ("*", true),
            ("\"a\"", false),
        ] {
            assert_eq!(is_in(list, etag), expected, "{list}");
        }
    }
}
