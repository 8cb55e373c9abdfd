//! The routes of uploads. A page says first what is to come, and sends each file to the address that it is told; a program
//! that speaks tus 1.0.0 begins with one file at once. Beneath `/api`.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, LOCATION};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::names::{self, Kind};
use super::receive::{self, folder_of, path_of};
use super::upload::{self, NewUpload, Upload, UploadFile};
use crate::answer::Status;
use crate::app::App;
use crate::auth::Person;
use crate::error::{Error, Problem, Result};
use crate::files;
use crate::input::{self, Path};
use crate::jobs;
use crate::library::ensure_music_is_there;
use crate::parallel::blocking;

const VERSION: HeaderValue = HeaderValue::from_static("1.0.0");
const RESUMABLE: HeaderName = HeaderName::from_static("tus-resumable");
const OFFSET: HeaderName = HeaderName::from_static("upload-offset");
const LENGTH: HeaderName = HeaderName::from_static("upload-length");
const METADATA: HeaderName = HeaderName::from_static("upload-metadata");
/// More files are several uploads.
const MOST_FILES: usize = 5000;
/// What stays free on the disks.
const RESERVE_BYTES: u64 = 1 << 30;

/// All of them.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(begin_upload, my_uploads))
        .routes(routes!(find_upload, cancel_upload))
        .routes(routes!(begin_one_file))
        .routes(routes!(offset_of_file, send_piece, leave_file_out))
}

/// What is to come.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = NewUpload)]
struct Asked {
    /// The folder that it will be in the inbox; left out: the one that all files lie in, or the first file's name.
    #[serde(default)]
    name: Option<String>,
    /// All files, with the folders that they lie in.
    files: Vec<AskedFile>,
}

/// A file that is to come.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = NewUploadFile)]
struct AskedFile {
    /// `Album/CD1/01.flac`
    path: String,
    /// In bytes.
    #[schema(minimum = 0)]
    size: i64,
}

/// It may come.
#[derive(Debug, Serialize, ToSchema)]
struct Begun {
    #[serde(flatten)]
    upload: Upload,
    /// What has no place in a library, and is not to be sent.
    left_out: Vec<String>,
}

/// Begins an upload of a folder, of several files, or of a zip. Each file is then sent to `/api/import/upload/{id}` by its
/// own id, in pieces of any size; with the last byte of the last one, all of it goes to the inbox.
#[utoipa::path(post, path = "/import/uploads", tag = "import",
    responses((status = 201, body = Begun), (status = 409, body = Problem, description = "There is no room for it")))]
async fn begin_upload(
    State(app): State<App>,
    Person(user): Person,
    input::Json(asked): input::Json<Asked>,
) -> Result<(StatusCode, Json<Begun>)> {
    let (new, left_out) = checked(asked)?;
    let id = begin(&app, user.id, &new).await?;
    let upload = upload::find(&app.db.get().await?, user.id, id).await?;
    Ok((StatusCode::CREATED, Json(Begun { upload, left_out })))
}

fn checked(asked: Asked) -> Result<(NewUpload, Vec<String>)> {
    let field = |message: &str| Error::Field { field: "files", message: message.into() };
    if asked.files.len() > MOST_FILES {
        return Err(field("are too many at once: send one album after the other"));
    }
    let (mut files, mut left_out) = (Vec::new(), Vec::new());
    for file in asked.files {
        let place = names::place_of(&file.path).ok_or_else(|| field("must have paths within a folder"))?;
        if file.size <= 0 || names::kind_of(&place).is_none() {
            left_out.push(file.path);
        } else if files.iter().any(|(path, _): &(String, i64)| *path == place) {
            return Err(field(&format!("holds `{place}` twice")));
        } else {
            files.push((place, file.size));
        }
    }
    let is_music = |path: &str| matches!(names::kind_of(path), Some(Kind::Audio | Kind::Zip));
    if !files.iter().any(|(path, _)| is_music(path)) {
        return Err(field("hold no music: FLAC, MP3, M4A, Ogg, Opus, WAV, AIFF, or a zip of them"));
    }
    let common = names::common_folder(files.iter().map(|(path, _)| path.as_str())).map(str::to_owned);
    if let Some(folder) = &common {
        for (path, _) in &mut files {
            path.drain(..=folder.len());
        }
    }
    let of_first = || {
        let first = files.first().map_or("", |(path, _)| path.as_str());
        first
            .rsplit_once('.')
            .map_or(first, |(stem, _)| stem)
            .rsplit('/')
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    let name = asked.name.filter(|name| !name.trim().is_empty()).or(common).unwrap_or_else(of_first);
    Ok((NewUpload { name: files::safe_component(&name), files }, left_out))
}

async fn begin(app: &App, user_id: i64, new: &NewUpload) -> Result<i64> {
    ensure_music_is_there(app).await?;
    let total = new.files.iter().map(|(_, size)| size.unsigned_abs()).fold(0, u64::saturating_add);
    let (dir, music) = (app.settings.uploads.dir.clone(), app.music().to_owned());
    let free = blocking(move || {
        files::make_dirs(&dir)?;
        Ok::<_, std::io::Error>(files::free_bytes(&dir)?.min(files::free_bytes(&music)?))
    });
    let free = free.await??.saturating_sub(RESERVE_BYTES);
    if total > free {
        let (wanted, left) = (upload::in_gib(total as i64), upload::in_gib(free as i64));
        return Err(Error::Conflict(format!(
            "These files are {wanted} GiB, and the disk has room for {left} GiB: make some, and try again."
        )));
    }
    let quota = i64::from(app.settings.uploads.quota_gib) << 30;
    let mut client = app.db.get().await?;
    let tx = client.transaction().await?;
    let id = upload::create(&tx, user_id, new, quota).await?;
    tx.commit().await?;
    Ok(id)
}

/// One's own latest uploads, the newest first; those that are open with how far each file is.
#[utoipa::path(get, path = "/import/uploads", tag = "import", responses((status = 200, body = Vec<Upload>)))]
async fn my_uploads(State(app): State<App>, Person(user): Person) -> Result<Json<Vec<Upload>>> {
    Ok(Json(upload::uploads(&app.db.get().await?, user.id, None).await?))
}

/// One of one's own uploads.
#[utoipa::path(get, path = "/import/uploads/{id}", tag = "import", responses((status = 200, body = Upload)))]
async fn find_upload(
    State(app): State<App>,
    Person(user): Person,
    Path(id): Path<i64>,
) -> Result<Json<Upload>> {
    Ok(Json(upload::find(&app.db.get().await?, user.id, id).await?))
}

/// Cancels an upload: what came of it is removed. One that is being put into the inbox is asked to stop.
#[utoipa::path(delete, path = "/import/uploads/{id}", tag = "import", responses((status = 200, body = Status)))]
async fn cancel_upload(
    State(app): State<App>,
    Person(user): Person,
    Path(id): Path<i64>,
) -> Result<Json<Status>> {
    let client = app.db.get().await?;
    let upload = upload::find(&client, user.id, id).await?;
    if upload::forget(&client, id, user.id).await? {
        let folder = folder_of(&app, id);
        blocking(move || files::remove_tree_if_there(&folder)).await??;
    } else if let Some(job_id) = upload.job_id {
        jobs::cancel(&client, job_id).await?;
    }
    Ok(Json(Status { status: "cancelled" }))
}

// -- tus 1.0.0

/// Begins an upload of one file, as tus does: `Upload-Length`, and its name in `Upload-Metadata`. `Location` is where its
/// pieces go.
#[utoipa::path(post, path = "/import/upload", tag = "import",
    params(("Upload-Length" = i64, Header, description = "In bytes"),
        ("Upload-Metadata" = String, Header, description = "`filename`, and its value in base64")),
    responses((status = 201, description = "`Location` is where its pieces go"), (status = 409, body = Problem), (status = 412, body = Problem)))]
async fn begin_one_file(
    State(app): State<App>,
    Person(user): Person,
    headers: HeaderMap,
) -> Result<Response> {
    if let Some(refusal) = other_version(&headers) {
        return Ok(refusal);
    }
    let header = |field, message: &str| Error::Invalid(format!("The header {field} {message}."));
    let size = number(&headers, &LENGTH)
        .ok_or_else(|| header("Upload-Length", "must be the file's size in bytes"))?;
    let name =
        file_name(&headers).ok_or_else(|| header("Upload-Metadata", "must hold `filename` in base64"))?;
    let asked = Asked { name: None, files: vec![AskedFile { path: name, size }] };
    let (new, left_out) = checked(asked)?;
    if !left_out.is_empty() {
        return Err(Error::Invalid("An empty file is no music.".into()));
    }
    let id = begin(&app, user.id, &new).await?;
    let upload = upload::find(&app.db.get().await?, user.id, id).await?;
    let UploadFile { id, .. } = upload.files.first().ok_or(Error::NotFound("Upload not found"))?;
    let location = HeaderValue::try_from(format!("/api/import/upload/{id}")).map_err(anyhow::Error::from)?;
    let headers = [(RESUMABLE, VERSION), (LOCATION, location)];
    Ok((StatusCode::CREATED, headers).into_response())
}

/// How much of a file is here.
#[utoipa::path(head, path = "/import/upload/{id}", tag = "import",
    responses((status = 200, description = "`Upload-Offset` says how much, `Upload-Length` of how much")))]
async fn offset_of_file(
    State(app): State<App>,
    Person(user): Person,
    Path(id): Path<i64>,
) -> Result<Response> {
    let file = upload::find_file(&app.db.get().await?, user.id, id).await?;
    let headers = [
        (RESUMABLE, VERSION),
        (OFFSET, file.received_bytes.into()),
        (LENGTH, file.size_bytes.into()),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((StatusCode::OK, headers).into_response())
}

/// Sends the next piece of a file, which begins at `Upload-Offset`.
#[utoipa::path(patch, path = "/import/upload/{id}", tag = "import",
    params(("Upload-Offset" = i64, Header, description = "Where the piece begins: how much is here already")),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream"),
    responses((status = 204, description = "`Upload-Offset` says how much is here now"),
        (status = 409, body = Problem, description = "It does not begin where the last one ended, or another one arrives"),
        (status = 412, body = Problem), (status = 415, body = Problem)))]
async fn send_piece(
    State(app): State<App>,
    Person(user): Person,
    Path(id): Path<i64>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response> {
    if let Some(refusal) = other_version(&headers) {
        return Ok(refusal);
    }
    let kind = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if kind != Some("application/offset+octet-stream") {
        let why = "A piece is sent as application/offset+octet-stream.";
        return Ok((StatusCode::UNSUPPORTED_MEDIA_TYPE, why).into_response());
    }
    let file = upload::find_file(&app.db.get().await?, user.id, id).await?;
    if !file.is_open {
        return Err(Error::Conflict("This upload is whole already.".into()));
    }
    let here = file.received_bytes;
    if number(&headers, &OFFSET) != Some(here) {
        return Err(Error::Conflict(format!("{here} bytes are here: go on from there (Upload-Offset).")));
    }
    let here = receive::receive(&app, id, file, body).await?;
    Ok((StatusCode::NO_CONTENT, [(RESUMABLE, VERSION), (OFFSET, here.into())]).into_response())
}

/// Leaves a file out of its upload, which goes on without it.
#[utoipa::path(delete, path = "/import/upload/{id}", tag = "import", responses((status = 204, description = "It is gone")))]
async fn leave_file_out(
    State(app): State<App>,
    Person(user): Person,
    Path(id): Path<i64>,
) -> Result<Response> {
    let mut client = app.db.get().await?;
    let file = upload::find_file(&client, user.id, id).await?;
    if !file.is_open {
        return Err(Error::Conflict("This upload is whole already: cancel it as a whole.".into()));
    }
    let tx = client.transaction().await?;
    upload::forget_file(&tx, file.upload_id, id).await?;
    tx.commit().await?;
    let path = path_of(&app, file.upload_id, id);
    blocking(move || files::remove_file_if_there(&path)).await??;
    Ok((StatusCode::NO_CONTENT, [(RESUMABLE, VERSION)]).into_response())
}

/// A program that speaks another version is told which one is spoken here; one that names none is one of ours.
fn other_version(headers: &HeaderMap) -> Option<Response> {
    let is_other = headers.get(RESUMABLE).is_some_and(|version| version != VERSION);
    let headers = [(HeaderName::from_static("tus-version"), VERSION)];
    is_other.then(|| (StatusCode::PRECONDITION_FAILED, headers, "tus 1.0.0 is spoken here.").into_response())
}

fn number(headers: &HeaderMap, name: &HeaderName) -> Option<i64> {
    headers.get(name)?.to_str().ok()?.parse().ok().filter(|n| *n >= 0)
}

/// `filename BASE64` among pairs that commas part.
fn file_name(headers: &HeaderMap) -> Option<String> {
    let pairs = headers.get(METADATA)?.to_str().ok()?.split(',');
    let value = pairs.filter_map(|pair| pair.trim().split_once(' ')).find(|(key, _)| *key == "filename")?.1;
    String::from_utf8(BASE64_STANDARD.decode(value.trim()).ok()?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(files: &[(&str, i64)]) -> Asked {
        let files = files.iter().map(|(path, size)| AskedFile { path: (*path).into(), size: *size });
        Asked { name: None, files: files.collect() }
    }

    #[test]
    fn a_dropped_folder_becomes_the_folder_of_the_inbox() {
        let (new, left_out) =
            checked(asked(&[("Album/1.flac", 3), ("Album/CD2/1.flac", 4), ("Album/x.exe", 9)])).unwrap();
        assert_eq!(new.name, "Album");
        assert_eq!(new.files, [("1.flac".to_owned(), 3), ("CD2/1.flac".to_owned(), 4)]);
        assert_eq!(left_out, ["Album/x.exe"]);
        assert_eq!(checked(asked(&[("Kino - Noch.zip", 3)])).unwrap().0.name, "Kino - Noch");
    }

    #[test]
    fn what_is_no_music_does_not_begin() {
        for files in [
            &[][..],
            &[("cover.jpg", 3)],
            &[("a.flac", 0)],
            &[("../a.flac", 3)],
            &[("a.flac", 1), ("./a.flac", 1)],
        ] {
            assert!(matches!(checked(asked(files)), Err(Error::Field { field: "files", .. })), "{files:?}");
        }
    }

    #[test]
    fn a_name_is_read_as_tus_writes_it() {
        let named = |value: &str| file_name(&HeaderMap::from_iter([(METADATA, value.parse().unwrap())]));
        assert_eq!(named("is_confidential,filename wrcuZmxhYw==").as_deref(), Some("\u{b7}.flac"));
        assert_eq!(named("filename ###"), None);
        assert_eq!(named("filetype YQ=="), None);
    }
}
