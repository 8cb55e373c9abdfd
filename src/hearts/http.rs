//! The routes of hearts: click, unclick, and the user's own library. Everyone changes only what is theirs.
//!
//! A click commits the rows; then the answer waits a little for the worker to make the links, so that they stand when
//! it arrives. A worker that is busy or away makes the answer say `pending`, and the links follow.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::heart::{self, Subject};
use super::mine::{self, LovedAlbums};
use super::reconcile::jobs_of;
use crate::activity;
use crate::app::App;
use crate::auth::{Admin, Client, Person, User};
use crate::db::Sql;
use crate::error::Result;
use crate::events::{self, Audience};
use crate::input::{Path, Query};
use crate::jobs::{self, End};
use crate::library::{self, Albums, Artists, Page, PageQuery, Shelf, ShelfQuery, Tracks};

/// How long an answer waits for the links.
const PATIENCE: Duration = Duration::from_secs(2);

/// All of them, to stand beneath `/api`.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(my_albums))
        .routes(routes!(my_artists))
        .routes(routes!(my_albums_of_artist))
        .routes(routes!(my_tracks))
        .routes(routes!(heart_album, unheart_album))
        .routes(routes!(heart_track, unheart_track))
        .routes(routes!(heart_artist, unheart_artist))
        .routes(routes!(relink))
}

/// What will make each user's folder equal to their hearts.
#[derive(Serialize, ToSchema)]
struct Relinking {
    /// `started`
    status: &'static str,
    /// The jobs, one a user; their results say what was mended.
    job_ids: Vec<i64>,
}

/// Has the folders of all users looked at and made equal to their hearts.
#[utoipa::path(post, path = "/admin/relink", tag = "my library", extensions(("x-role" = json!("admin"))),
    responses((status = 202, body = Relinking)))]
async fn relink(
    State(app): State<App>,
    admin: Admin,
    client: Client,
) -> Result<(StatusCode, Json<Relinking>)> {
    let mut connection = app.db.get().await?;
    let tx = connection.transaction().await?;
    let job_ids = super::audit(&tx, None).await?;
    let (details, address) = (json!({"users": job_ids.len()}), client.address_text());
    activity::record(&tx, admin.0.row(), "relink", None, Some(&details), address.as_deref()).await?;
    tx.commit().await?;
    Ok((StatusCode::ACCEPTED, Json(Relinking { status: "started", job_ids })))
}

// -- the user's own library

/// Hearted albums, the newest heart first; or only some of them, or in another order.
#[utoipa::path(get, path = "/me/library", tag = "my library", params(PageQuery, ShelfQuery), responses((status = 200, body = LovedAlbums<'_>)))]
async fn my_albums(
    State(app): State<App>,
    Person(user): Person,
    Query(query): Query<PageQuery>,
    Query(wanted): Query<ShelfQuery>,
) -> Result<Response> {
    let (is_by_title, asked) = (wanted.is_by_title(), query.check()?);
    let (client, shelf) = (app.db.get().await?, wanted.check()?);
    let page = if shelf.is_some() || is_by_title || asked.letter.is_some() || asked.artist_id.is_some() {
        Shelf::hearted(shelf).page(&client, user.id, &asked).await?
    } else {
        mine::albums(&client, user.id, &asked).await?
    };
    Ok(library::json(&LovedAlbums::from(&page)))
}

/// Artists with a hearted album or track.
#[utoipa::path(get, path = "/me/library/artists", tag = "my library", params(PageQuery), responses((status = 200, body = Page<Artists>)))]
async fn my_artists(
    State(app): State<App>,
    Person(user): Person,
    Query(query): Query<PageQuery>,
) -> Result<Response> {
    Ok(library::json(&mine::artists(&app.db.get().await?, user.id, &query.check()?).await?))
}

/// The albums of an artist that are hearted or have a hearted track.
#[utoipa::path(get, path = "/me/library/artists/{id}/albums", tag = "my library", responses((status = 200, body = Albums)))]
async fn my_albums_of_artist(
    State(app): State<App>,
    Person(user): Person,
    Path(id): Path<i64>,
) -> Result<Response> {
    Ok(library::json(&mine::albums_of_artist(&app.db.get().await?, user.id, id).await?))
}

/// The tracks of hearted albums and those hearted by themselves, the newest heart first.
#[utoipa::path(get, path = "/me/library/tracks", tag = "my library", params(PageQuery), responses((status = 200, body = Tracks)))]
async fn my_tracks(
    State(app): State<App>,
    Person(user): Person,
    Query(query): Query<PageQuery>,
) -> Result<Response> {
    Ok(library::json(&mine::tracks(&app.db.get().await?, user.id, &query.check()?).await?))
}

// -- clicks

/// What a click is answered with.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = HeartAnswer)]
struct Answer {
    message: String,
    /// The links are on their way, but do not stand yet.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pending: bool,
    /// Why there are no links, although the heart is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
}

/// What can be hearted.
#[derive(Debug, Clone, Copy)]
enum Thing {
    Album,
    Track,
    Artist,
}

impl Thing {
    fn name(self) -> &'static str {
        match self {
            Self::Album => "album",
            Self::Track => "track",
            Self::Artist => "artist",
        }
    }
}

/// Puts the album into my library.
#[utoipa::path(post, path = "/me/library/albums/{id}", tag = "my library", responses((status = 200, body = Answer)))]
async fn heart_album(
    app: State<App>,
    Person(user): Person,
    client: Client,
    id: Path<i64>,
) -> Result<Json<Answer>> {
    click(&app, &user, &client, true, Thing::Album, id.0).await
}

/// Takes the album out of my library.
#[utoipa::path(delete, path = "/me/library/albums/{id}", tag = "my library", responses((status = 200, body = Answer)))]
async fn unheart_album(
    app: State<App>,
    Person(user): Person,
    client: Client,
    id: Path<i64>,
) -> Result<Json<Answer>> {
    click(&app, &user, &client, false, Thing::Album, id.0).await
}

/// Puts the track into my library.
#[utoipa::path(post, path = "/me/library/tracks/{id}", tag = "my library", responses((status = 200, body = Answer)))]
async fn heart_track(
    app: State<App>,
    Person(user): Person,
    client: Client,
    id: Path<i64>,
) -> Result<Json<Answer>> {
    click(&app, &user, &client, true, Thing::Track, id.0).await
}

/// Takes the track out of my library.
#[utoipa::path(delete, path = "/me/library/tracks/{id}", tag = "my library", responses((status = 200, body = Answer)))]
async fn unheart_track(
    app: State<App>,
    Person(user): Person,
    client: Client,
    id: Path<i64>,
) -> Result<Json<Answer>> {
    click(&app, &user, &client, false, Thing::Track, id.0).await
}

/// Puts the artist into my library. Later albums follow.
#[utoipa::path(post, path = "/me/library/artists/{id}", tag = "my library", responses((status = 200, body = Answer)))]
async fn heart_artist(
    app: State<App>,
    Person(user): Person,
    client: Client,
    id: Path<i64>,
) -> Result<Json<Answer>> {
    click(&app, &user, &client, true, Thing::Artist, id.0).await
}

/// Takes the artist out of my library.
#[utoipa::path(delete, path = "/me/library/artists/{id}", tag = "my library", responses((status = 200, body = Answer)))]
async fn unheart_artist(
    app: State<App>,
    Person(user): Person,
    client: Client,
    id: Path<i64>,
) -> Result<Json<Answer>> {
    click(&app, &user, &client, false, Thing::Artist, id.0).await
}

/// The rows, the activity log and the event in one transaction; then the links.
async fn click(
    app: &App,
    user: &User,
    client: &Client,
    is_heart: bool,
    thing: Thing,
    id: i64,
) -> Result<Json<Answer>> {
    let mut connection = app.db.get().await?;
    let tx = connection.transaction().await?;
    jobs::name_request(&tx).await?;
    let (message, details) = change(&tx, user.id, is_heart, thing, id).await?;
    let mut jobs = Vec::new();
    if let Some(details) = details {
        let action = if is_heart { "heart" } else { "unheart" };
        note(&tx, user, client, action, (thing.name(), id), details).await?;
        jobs = jobs_of(&tx, user.id).await?;
    }
    tx.commit().await?;
    // Others may have the connection while this answer waits.
    drop(connection);
    Ok(Json(answer(app, message, &jobs).await))
}

/// What to answer, and for the activity log what was changed, if anything was.
async fn change(
    tx: &impl Sql,
    user_id: i64,
    is_heart: bool,
    thing: Thing,
    id: i64,
) -> Result<(String, Option<Value>)> {
    Ok(match (thing, is_heart) {
        (Thing::Album, true) => {
            let (is_new, album) = heart::heart_album(tx, user_id, id).await?;
            let message = if is_new { "Album added to library" } else { "Album already in library" };
            (message.into(), is_new.then(|| album.details()))
        }
        (Thing::Album, false) => {
            let album = heart::unheart_album(tx, user_id, id).await?;
            let message = if album.is_some() { "Album removed from library" } else { "Album not in library" };
            (message.into(), album.map(|a| a.details()))
        }
        (Thing::Track, true) => {
            let (is_new, track) = heart::heart_track(tx, user_id, id).await?;
            let message = if is_new { "Track added to library" } else { "Track already in library" };
            (message.into(), is_new.then(|| track.details()))
        }
        (Thing::Track, false) => {
            let track = heart::unheart_track(tx, user_id, id).await?;
            let message = if track.is_some() { "Track removed from library" } else { "Track not in library" };
            (message.into(), track.map(|t| t.details()))
        }
        (Thing::Artist, true) => {
            let (added, artist) = heart::heart_artist(tx, user_id, id).await?;
            let message = match added {
                0 => "All albums already in library".to_owned(),
                n => format!("Added {n} album(s) to library"),
            };
            (message, Some(artist.details_with("album_count", added)))
        }
        (Thing::Artist, false) => {
            let (removed, artist) = heart::unheart_artist(tx, user_id, id).await?;
            let message = match removed {
                0 => "No albums in library".to_owned(),
                n => format!("Removed {n} album(s) from library"),
            };
            (message, Some(artist.details_with("album_count", removed)))
        }
    })
}

impl Subject {
    fn details(&self) -> Value {
        json!({ "artist": self.artist, "album": self.album, "track": self.track })
    }

    fn details_with(&self, key: &str, number: impl Into<Value>) -> Value {
        json!({ "artist": self.artist, key: number.into() })
    }
}

/// The activity log for everyone's memory, the event for this user's other windows.
async fn note(
    tx: &impl Sql,
    user: &User,
    client: &Client,
    action: &str,
    (entity, id): (&str, i64),
    details: Value,
) -> Result<()> {
    let address = client.address_text();
    activity::record(tx, Some(user.id), action, Some((entity, id)), Some(&details), address.as_deref())
        .await?;
    let event = json!({ "entity_type": entity, "entity_id": id, "action": action });
    events::publish(tx, "library:updated", Audience::User(user.id), &event).await?;
    Ok(())
}

/// Waits a little for the links.
async fn answer(app: &App, message: String, jobs: &[i64]) -> Answer {
    if jobs.is_empty() {
        return Answer { message, pending: false, warning: None };
    }
    let ended = jobs::wait(app, jobs, PATIENCE).await;
    let warning = ended.iter().find_map(|job| match &job.end {
        End::Completed(_) => None,
        End::Cancelled(reason) => Some(reason.clone()),
        End::Discarded(_) => Some("The files could not be linked; the journal has the details.".to_owned()),
    });
    Answer { message, pending: ended.len() < jobs.len(), warning }
}
