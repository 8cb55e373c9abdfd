//! Covers and portraits that people send: checked here, handed to the worker through the database (the api may not write
//! music, and its own folder is no place that the worker can read), stored by it as `cover.jpg` or `artist.jpg`. The
//! first picture that was there stays beside it as `cover.original.jpg`, and comes back on request.

use std::io::ErrorKind;
use std::path::Path as FilePath;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, FromRequest, Multipart, Request, State};
use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::activity;
use crate::app::App;
use crate::auth::{Client, User};
use crate::db::Sql;
use crate::error::{Error, Problem, Result};
use crate::files;
use crate::hearts;
use crate::input::Path;
use crate::jobs::{self, Context, End, Job, Outcome, Queue};
use crate::library::{self, Action, Sitter, ensure_music_is_there, file_numbered, free_name};
use crate::picture;

const PATIENCE: Duration = Duration::from_secs(5);
/// The picture and what a form puts around it.
pub const PICTURE_BODY_LIMIT: usize = picture::MAX_BYTES + 64 * 1024;
const AWAY: Duration = Duration::from_secs(30);
const KEPT_ENDINGS: &[&str] = &["jpg", "png", "webp", "jpeg", "gif"];

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(put_album_artwork, restore_album_artwork))
        .routes(routes!(put_artist_artwork, restore_artist_artwork))
        .layer(DefaultBodyLimit::max(PICTURE_BODY_LIMIT))
}

/// A picture in a form.
#[derive(ToSchema)]
#[expect(dead_code, reason = "the form is read field by field")]
pub struct ArtworkForm {
    /// JPEG, PNG or WebP, at most 10 MB.
    #[schema(value_type = String, format = Binary, content_media_type = "image/*")]
    artwork: Vec<u8>,
}

/// What became of a picture.
#[derive(Serialize, ToSchema)]
struct ArtworkAnswer {
    /// `uploaded`, `restored` or `accepted`.
    status: String,
    /// Where it lies, relative to MUSIC_PATH.
    path: Option<String>,
    /// It is on its way, but not there yet.
    pending: Option<bool>,
    /// The job that stores it.
    job_id: Option<i64>,
}

/// Stores a picture of the album: the field `artwork` of a form, or the body itself.
#[utoipa::path(put, path = "/albums/{id}/artwork", tag = "files",
    request_body(content((ArtworkForm = "multipart/form-data"), (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png"), (Vec<u8> = "image/webp"))),
    responses((status = 200, body = ArtworkAnswer), (status = 202, body = ArtworkAnswer), (status = 409, body = Problem)))]
async fn put_album_artwork(
    app: State<App>,
    user: User,
    client: Client,
    Path(id): Path<i64>,
    body: Request,
) -> Result<Response> {
    upload(&app, &user, &client, Sitter::Album(id), body).await
}

/// Stores a picture of the artist: the field `artwork` of a form, or the body itself.
#[utoipa::path(put, path = "/artists/{id}/artwork", tag = "files",
    request_body(content((ArtworkForm = "multipart/form-data"), (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png"), (Vec<u8> = "image/webp"))),
    responses((status = 200, body = ArtworkAnswer), (status = 202, body = ArtworkAnswer), (status = 409, body = Problem)))]
async fn put_artist_artwork(
    app: State<App>,
    user: User,
    client: Client,
    Path(id): Path<i64>,
    body: Request,
) -> Result<Response> {
    upload(&app, &user, &client, Sitter::Artist(id), body).await
}

/// Brings back the first picture of the album.
#[utoipa::path(delete, path = "/albums/{id}/artwork", tag = "files",
    responses((status = 200, body = ArtworkAnswer), (status = 202, body = ArtworkAnswer), (status = 409, body = Problem)))]
async fn restore_album_artwork(
    app: State<App>,
    user: User,
    client: Client,
    Path(id): Path<i64>,
) -> Result<Response> {
    restore(&app, &user, &client, Sitter::Album(id)).await
}

/// Brings back the first picture of the artist.
#[utoipa::path(delete, path = "/artists/{id}/artwork", tag = "files",
    responses((status = 200, body = ArtworkAnswer), (status = 202, body = ArtworkAnswer), (status = 409, body = Problem)))]
async fn restore_artist_artwork(
    app: State<App>,
    user: User,
    client: Client,
    Path(id): Path<i64>,
) -> Result<Response> {
    restore(&app, &user, &client, Sitter::Artist(id)).await
}

async fn upload(app: &App, user: &User, client: &Client, sitter: Sitter, body: Request) -> Result<Response> {
    let place = Place::find(&app.db.get().await?, sitter).await?;
    let image = picture_sent(app, body).await?;
    let path = format!("{}/{}.jpg", place.folder, place.stem());
    hand_over(app, user, client, sitter, Some(&image), json!({ "status": "uploaded", "path": path })).await
}

async fn restore(app: &App, user: &User, client: &Client, sitter: Sitter) -> Result<Response> {
    let place = Place::find(&app.db.get().await?, sitter).await?;
    let music = app.music().to_owned();
    let looking = tokio::task::spawn_blocking(move || place.original(&music));
    if looking.await.map_err(anyhow::Error::from)?.is_none() {
        return Err(Error::NotFound("No original artwork backup found"));
    }
    hand_over(app, user, client, sitter, None, json!({ "status": "restored" })).await
}

/// The picture that a request brings: the field `artwork` of a form, or the body itself.
///
/// # Errors
/// `Invalid` when it is none that can be used, `Field` when there is none.
pub async fn picture_sent(app: &App, request: Request) -> Result<Bytes> {
    let image = body_or_field(app, request).await?;
    picture::look(&image).map_err(|unusable| Error::Invalid(unusable.to_string()))?;
    Ok(image)
}

async fn body_or_field(app: &App, request: Request) -> Result<Bytes> {
    let large = || Error::Invalid(picture::Unusable::Large.to_string());
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    if !kind.starts_with("multipart/form-data") {
        return Bytes::from_request(request, app).await.map_err(|_| large());
    }
    let mut form = Multipart::from_request(request, app)
        .await
        .map_err(|e| Error::Invalid(format!("The form cannot be read: {e}")))?;
    loop {
        let field =
            form.next_field().await.map_err(|e| Error::Invalid(format!("The form cannot be read: {e}")))?;
        let Some(field) = field else {
            return Err(Error::Field { field: "artwork", message: "must be there, with a picture".into() });
        };
        if field.name() == Some("artwork") {
            return field.bytes().await.map_err(|_| large());
        }
    }
}

const HAND_OVER: &str = "insert into artwork_upload (album_id, artist_id, image, uploaded_by, address)
    values ($1, $2, $3, $4, $5) returning id";

/// Hands over a picture that the house found by itself, or that somebody sent for what was no album yet; the job that
/// stores it.
///
/// # Errors
/// `Invalid` when it is no picture that can be used.
pub async fn give_picture(tx: &impl Sql, sitter: Sitter, image: &[u8], sent_by: Option<i64>) -> Result<i64> {
    picture::look(image).map_err(|unusable| Error::Invalid(unusable.to_string()))?;
    leave_with_worker(tx, sitter, Some(image), sent_by, None).await
}

async fn leave_with_worker(
    tx: &impl Sql,
    sitter: Sitter,
    image: Option<&[u8]>,
    who: Option<i64>,
    address: Option<&str>,
) -> Result<i64> {
    let (album_id, artist_id) = match sitter {
        Sitter::Album(id) => (Some(id), None),
        Sitter::Artist(id) => (None, Some(id)),
    };
    let row = tx.row(HAND_OVER, &[&album_id, &artist_id, &image, &who, &address]).await?;
    jobs::enqueue(tx, &SetArtwork { upload_id: row.get(0) }).await
}

async fn hand_over(
    app: &App,
    user: &User,
    client: &Client,
    sitter: Sitter,
    image: Option<&[u8]>,
    answer: Value,
) -> Result<Response> {
    let mut connection = app.db.get().await?;
    let tx = connection.transaction().await?;
    jobs::name_request(&tx).await?;
    let address = client.address_text();
    let job_id = leave_with_worker(&tx, sitter, image, user.row(), address.as_deref()).await?;
    tx.commit().await?;
    drop(connection);
    match jobs::wait(app, &[job_id], PATIENCE).await.pop().map(|ended| ended.end) {
        Some(End::Completed(_)) => Ok(axum::Json(answer).into_response()),
        Some(End::Cancelled(reason)) => Err(Error::Invalid(reason)),
        Some(End::Discarded(_)) => {
            Err(Error::Conflict("The picture could not be stored; the journal has the details.".into()))
        }
        None => {
            let answer = json!({ "status": "accepted", "pending": true, "job_id": job_id });
            Ok((StatusCode::ACCEPTED, axum::Json(answer)).into_response())
        }
    }
}

/// Where an album's or artist's pictures lie.
#[derive(Debug, Clone)]
struct Place {
    sitter: Sitter,
    /// Relative to MUSIC_PATH.
    folder: String,
    /// What is shown now, relative to MUSIC_PATH.
    shown: Option<String>,
    title: String,
}

const PLACE_OF_ALBUM: &str = "select path, artwork_path, title from album where id = $1";
const PLACE_OF_ARTIST: &str = "select (select regexp_replace(a.path, '/[^/]+$', '') from album a
        where a.artist_id = r.id and a.path like 'artists/%/%' order by a.id limit 1), r.artwork_path, r.name
    from artist r where r.id = $1";

impl Place {
    async fn find(client: &impl Sql, sitter: Sitter) -> Result<Self> {
        let (sql, id, missing) = match sitter {
            Sitter::Album(id) => (PLACE_OF_ALBUM, id, "Album not found"),
            Sitter::Artist(id) => (PLACE_OF_ARTIST, id, "Artist not found"),
        };
        let row = client.maybe_row(sql, &[&id]).await?.ok_or(Error::NotFound(missing))?;
        let title: String = row.get(2);
        let folder = row.get::<_, Option<String>>(0);
        let folder = folder.ok_or_else(|| Error::Invalid(format!("{title} has no folder for a picture.")))?;
        Ok(Self { sitter, folder, shown: row.get(1), title })
    }

    fn stem(&self) -> &'static str {
        match self.sitter {
            Sitter::Album(_) => "cover",
            Sitter::Artist(_) => "artist",
        }
    }

    /// The ending of the picture that was there first.
    fn original(&self, music: &FilePath) -> Option<&'static str> {
        let is_there = |ending: &&&str| music.join(self.original_path(ending)).is_file();
        KEPT_ENDINGS.iter().find(is_there).copied()
    }

    fn original_path(&self, ending: &str) -> String {
        format!("{}/{}.original.{ending}", self.folder, self.stem())
    }

    fn path(&self, ending: &str) -> String {
        format!("{}/{}.{ending}", self.folder, self.stem())
    }

    /// Stores a new picture, and the one before it if that was the first; the path. Blocks.
    fn store(&self, music: &FilePath, bytes: &[u8]) -> std::io::Result<String> {
        let path = self.path("jpg");
        let place = music.join(&path);
        if let Some(shown) = &self.shown
            && self.original(music).is_none()
            && shown.starts_with(&format!("{}/", self.folder))
        {
            let ending = shown.rsplit_once('.').map_or("jpg", |(_, e)| e).to_lowercase();
            let ending = KEPT_ENDINGS.iter().find(|k| **k == ending).unwrap_or(&"jpg");
            let (from, to) = (music.join(shown), music.join(self.original_path(ending)));
            match files::link_noreplace(&from, &to) {
                Err(e) if e.kind() == ErrorKind::NotFound => {}
                Err(e) if files::must_copy_instead(&e) => drop(files::copy_durably(&from, &to)?),
                done => done?,
            }
            files::sync_dir(&music.join(&self.folder))?;
        }
        // An attempt that ended before it could say so has put it there.
        if std::fs::read(&place).is_ok_and(|there| there == bytes) {
            files::sync_dir(&music.join(&self.folder))?;
            return Ok(path);
        }
        if self.shown.as_deref() != Some(path.as_str()) && place.exists() {
            let is_taken = |p: &str| music.join(p).symlink_metadata().is_ok();
            let free = free_name(is_taken, &path, file_numbered);
            files::rename_noreplace(&place, &music.join(free))?;
        }
        files::replace_durably(&place, bytes)?;
        Ok(path)
    }

    /// Brings the first picture back; its path. When it has come back before, where it is now. Blocks.
    fn bring_back(&self, music: &FilePath) -> std::io::Result<Option<String>> {
        let is_there = |path: &String| music.join(path).is_file();
        let Some(ending) = self.original(music) else {
            let shown = self.shown.clone().filter(is_there);
            return Ok(shown.or_else(|| KEPT_ENDINGS.iter().map(|ending| self.path(ending)).find(is_there)));
        };
        let (from, path) = (music.join(self.original_path(ending)), self.path(ending));
        let (to, ours) = (music.join(&path), music.join(self.path("jpg")));
        if self.shown.as_deref() == Some(self.path("jpg").as_str()) {
            files::remove_file_if_there(&ours)?;
        }
        match files::rename_noreplace(&from, &to) {
            // It has stood there all the time under its own name.
            Err(e) if e.kind() == ErrorKind::AlreadyExists && files::same_file(&from, &to)? => {
                files::remove_file_if_there(&from)?;
            }
            Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                let is_taken = |p: &str| music.join(p).symlink_metadata().is_ok();
                let free = free_name(is_taken, &path, file_numbered);
                files::rename_noreplace(&from, &music.join(&free))?;
                return Ok(Some(free));
            }
            done => done?,
        }
        files::sync_dir(&music.join(&self.folder))?;
        Ok(Some(path))
    }
}

/// Stores one picture that was sent, or brings the original back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SetArtwork {
    /// The row that holds it.
    pub upload_id: i64,
}

const UPLOADED: &str =
    "select album_id, artist_id, image, uploaded_by, address from artwork_upload where id = $1";
const TAKEN: &str = "delete from artwork_upload where id = $1";

impl Job for SetArtwork {
    const KIND: &'static str = "edits.set_artwork";
    const QUEUE: Queue = Queue::Imports;
    const PRIORITY: i16 = -5;

    fn unique_key(&self) -> Option<String> {
        Some(self.upload_id.to_string())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        match ensure_music_is_there(&context.app).await {
            Err(Error::Unavailable(_)) => return Ok(Outcome::Snooze(AWAY)),
            found => found?,
        }
        let mut client = context.app.db.get().await?;
        let Some(row) = client.maybe_row(UPLOADED, &[&self.upload_id]).await? else {
            return Ok(Outcome::Done(json!({ "status": "stored before" })));
        };
        let sitter = match (row.get::<_, Option<i64>>(0), row.get::<_, Option<i64>>(1)) {
            (Some(id), _) => Sitter::Album(id),
            (_, Some(id)) => Sitter::Artist(id),
            _ => return Ok(Outcome::Cancel("The picture is nobody's.".into())),
        };
        let place = match Place::find(&client, sitter).await {
            Err(error @ (Error::NotFound(_) | Error::Invalid(_))) => {
                client.run(TAKEN, &[&self.upload_id]).await?;
                return Ok(Outcome::Cancel(error.to_string()));
            }
            place => place?,
        };
        let (music, image, at) =
            (context.app.music().to_owned(), row.get::<_, Option<Vec<u8>>>(2), place.clone());
        let is_upload = image.is_some();
        let stored = tokio::task::spawn_blocking(move || match image {
            Some(image) => picture::cover(&image).map(|bytes| at.store(&music, &bytes).map(Some)),
            None => Ok(at.bring_back(&music)),
        });
        let path = match stored.await.map_err(anyhow::Error::from)? {
            Ok(path) => path?,
            Err(unusable) => {
                client.run(TAKEN, &[&self.upload_id]).await?;
                return Ok(Outcome::Cancel(unusable.to_string()));
            }
        };
        // Brought back before, by an attempt that ended before it could say so.
        let path = path
            .or_else(|| place.shown.clone())
            .ok_or(Error::NotFound("No original artwork backup found"))?;
        let tx = client.transaction().await?;
        context.hold(&tx).await?;
        library::set_artwork(&tx, sitter, &path).await?;
        tell(&tx, &place, is_upload, row.get(3), row.get(4)).await?;
        tx.run(TAKEN, &[&self.upload_id]).await?;
        tx.commit().await?;
        Ok(Outcome::Done(json!({ "path": path })))
    }
}

async fn tell(
    tx: &impl Sql,
    place: &Place,
    is_upload: bool,
    who: Option<i64>,
    address: Option<&str>,
) -> Result<()> {
    let (entity, more) = match place.sitter {
        Sitter::Album(id) => {
            // The name may be the same, and the file another one.
            hearts::relink_album(tx, id).await?;
            (("album", id), json!({ "album_ids": [id] }))
        }
        Sitter::Artist(id) => (("artist", id), json!({ "artist_ids": [id] })),
    };
    let action = if is_upload { "artwork_uploaded" } else { "artwork_restored" };
    let details = json!({ "title": place.title });
    activity::record(tx, who, action, Some(entity), Some(&details), address).await?;
    library::tell_updated(tx, Some(entity), Action::Updated, more).await
}
