//! Qobuz's catalogue, as clients browse it: with pictures, and a mark at what is here already. Asked by jobs of the role
//! that reaches the internet. Beneath `/api`.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ask::{PATIENCE, answered, ask};
use super::download::{Download, NewDownload};
use super::http::{Asked, create};
use crate::app::App;
use crate::auth::{Client, Person, User};
use crate::db::Sql;
use crate::error::{Error, Problem, Result};
use crate::input::{self, Path, Query};
use crate::integrations::adapter::{Found, Health};
use crate::integrations::qobuz::{self, Album, AlbumPage, Artist, ArtistPage, Hits, Memory, Qobuz, Track};
use crate::integrations::streamrip::Streamrip;
use crate::integrations::{Trouble, Web};
use crate::jobs::{Context, Job, Outcome, Queue};
use crate::library::{identity_key, number};
use crate::sources;

/// All of them.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(search_qobuz))
        .routes(routes!(qobuz_catalogue))
        .routes(routes!(qobuz_artist))
        .routes(routes!(qobuz_album))
        .routes(routes!(ask_for_qobuz))
}

// -- the questions

/// Something that is asked of the catalogue.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AskCatalogue {
    /// What.
    pub question: Question,
}

/// What is asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Question {
    /// What there is of this name.
    Search {
        /// As typed.
        text: String,
        /// `album`, `artist`, `track`, `playlist`.
        kind: String,
        /// At most so many.
        limit: u32,
    },
    /// An artist with their albums.
    Artist(String),
    /// An album with its tracks.
    Album(String),
    /// The album that a track is on.
    AlbumOfTrack(String),
}

#[derive(Default)]
struct Kept {
    web: OnceLock<Web>,
    memory: Arc<Memory>,
}

impl Job for AskCatalogue {
    const KIND: &'static str = "downloads.ask_catalogue";
    const QUEUE: Queue = Queue::Network;
    // Somebody waits.
    const PRIORITY: i16 = -20;
    const MAX_ATTEMPTS: i32 = 1;

    fn unique_key(&self) -> Option<String> {
        serde_json::to_string(&self.question).ok()
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        let app = &context.app;
        let answer = self.answer(app).await;
        let health = match &answer {
            Ok(_) => Some(Health::Ok { version: None }),
            Err(Trouble::Away(..) | Trouble::Rubbish(..)) => {
                answer.as_ref().err().map(|e| Health::Down(e.to_string()))
            }
            Err(Trouble::Refused(_, why)) if why.contains("password") => Some(Health::Down(why.clone())),
            Err(_) => None,
        };
        // Without an account it is off, which is for the look at all sources to say.
        if let Some(health) = health.filter(|_| !app.settings.qobuz.email.is_empty()) {
            sources::note(&app.db.get().await?, "qobuz", &health).await?;
        }
        Ok(answered(answer))
    }
}

impl AskCatalogue {
    async fn answer(&self, app: &App) -> std::result::Result<serde_json::Value, Trouble> {
        let qobuz = catalogue(app).await?;
        let rubbish = |e: serde_json::Error| Trouble::Rubbish(qobuz::NAME, e.to_string());
        match &self.question {
            Question::Search { text, kind, limit } => {
                serde_json::to_value(qobuz.search(text, kind, *limit).await?).map_err(rubbish)
            }
            Question::Artist(id) => serde_json::to_value(qobuz.artist(id).await?).map_err(rubbish),
            Question::Album(id) => serde_json::to_value(qobuz.album(id).await?).map_err(rubbish),
            Question::AlbumOfTrack(id) => {
                serde_json::to_value(qobuz.album_of_track(id).await?).map_err(rubbish)
            }
        }
    }
}

/// The catalogue, as this process knows it.
pub(super) async fn catalogue(app: &App) -> std::result::Result<Qobuz, Trouble> {
    let kept = app.kept::<Kept>();
    let web = match kept.web.get() {
        Some(web) => web.clone(),
        None => {
            let web = Web::new("").map_err(|e| Trouble::Away(qobuz::NAME, e.to_string()))?;
            kept.web.get_or_init(|| web).clone()
        }
    };
    let qobuz = Qobuz::new(&app.settings, web.clone(), kept.memory.clone());
    if qobuz.has_app_id() {
        return Ok(qobuz);
    }
    kept.memory.learn_app_id(Streamrip::new(&app.settings).app_id().await?);
    Ok(Qobuz::new(&app.settings, web, kept.memory.clone()))
}

async fn asked<T: serde::de::DeserializeOwned>(app: &App, question: Question) -> Result<T> {
    match ask(app, &AskCatalogue { question }, PATIENCE).await {
        // Whatever the catalogue does not do, this API answers as a gateway.
        Err(Error::Invalid(why)) => Err(Error::Upstream(why)),
        answer => answer,
    }
}

// -- what is here

const IN_LIBRARY: &str =
    "select n.at, min(a.id) from unnest($1::text[], $2::text[]) with ordinality n (artist, title, at)
    join artist r on r.name_key = n.artist join album a on a.artist_id = r.id and a.title_key = n.title
    group by n.at";

/// An album of the catalogue.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QobuzAlbum)]
struct ShownAlbum {
    #[serde(flatten)]
    album: Album,
    /// The library has an album of this artist and title.
    in_library: bool,
    /// That one.
    local_album_id: Option<i64>,
}

/// Which albums of these artists and titles are here, in their order.
pub(super) async fn here(
    client: &impl Sql,
    names: impl Iterator<Item = (&str, &str)>,
) -> Result<Vec<Option<i64>>> {
    let (artists, titles): (Vec<String>, Vec<String>) =
        names.map(|(artist, title)| (identity_key(artist), identity_key(title))).unzip();
    let rows = client.rows(IN_LIBRARY, &[&artists, &titles]).await?;
    let here: HashMap<i64, i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    Ok((1..).take(titles.len()).map(|at| here.get(&at).copied()).collect())
}

async fn marked(client: &impl Sql, albums: Vec<Album>) -> Result<Vec<ShownAlbum>> {
    let names = albums.iter().map(|album| (album.artist_name.as_str(), album.title.as_str()));
    let here = here(client, names).await?;
    let shown = albums.into_iter().zip(here).map(|(album, local_album_id)| ShownAlbum {
        album,
        in_library: local_album_id.is_some(),
        local_album_id,
    });
    Ok(shown.collect())
}

// -- routes

#[derive(Debug, Deserialize, IntoParams)]
struct CatalogueQuery {
    /// What is looked for.
    q: String,
    /// `album`, `artist` or `track`; of `/downloads/search/qobuz` also `playlist`.
    r#type: Option<String>,
    /// At most so many; 20 when it is not said.
    #[param(value_type = Option<i64>, minimum = 1, maximum = 100)]
    limit: Option<String>,
}

impl CatalogueQuery {
    fn question(&self, kinds: &[&str], most: i64) -> Result<(String, Question)> {
        let text = self.q.trim();
        if text.is_empty() || text.len() > 500 || text.contains('\0') {
            return Err(Error::Parameter {
                field: "q",
                message: "must have from 1 to 500 characters".into(),
            });
        }
        let kind = self.r#type.as_deref().unwrap_or("album");
        if !kinds.contains(&kind) {
            return Err(Error::Parameter {
                field: "type",
                message: format!("must be one of {}", kinds.join(", ")),
            });
        }
        let limit = number("limit", self.limit.as_deref(), 1, most)?.unwrap_or(20);
        let (text, limit) = (text.to_owned(), u32::try_from(limit).unwrap_or(20));
        Ok((kind.to_owned(), Question::Search { text, kind: kind.to_owned(), limit }))
    }
}

/// Something that was found and can be fetched.
#[derive(Debug, Serialize, ToSchema)]
struct ExternalHit {
    id: String,
    title: String,
    artist: String,
    year: Option<i32>,
    /// `24/96`
    quality: Option<String>,
    /// For `POST /downloads/qobuz`.
    url: String,
}

/// Searches Qobuz.
#[utoipa::path(get, path = "/downloads/search/qobuz", tag = "downloads", params(CatalogueQuery),
    responses((status = 200, body = Vec<ExternalHit>), (status = 502, body = Problem), (status = 503, body = Problem)))]
async fn search_qobuz(
    State(app): State<App>,
    _: User,
    Query(query): Query<CatalogueQuery>,
) -> Result<Json<Vec<ExternalHit>>> {
    let (_, question) = query.question(&["album", "artist", "track", "playlist"], 100)?;
    let hits: Hits = asked(&app, question).await?;
    let shown = hits.found().into_iter().map(|Found { id, title, artist, year, quality, url }| ExternalHit {
        id,
        title,
        artist,
        year,
        quality,
        url,
    });
    Ok(Json(shown.collect()))
}

/// What the catalogue has of a name.
#[derive(Debug, Serialize, ToSchema)]
struct QobuzHits {
    query: String,
    #[serde(rename = "type")]
    kind: String,
    count: usize,
    albums: Vec<ShownAlbum>,
    artists: Vec<Artist>,
    tracks: Vec<Track>,
}

/// Searches the catalogue, with a mark at what is here already.
#[utoipa::path(get, path = "/qobuz/search", tag = "downloads", params(CatalogueQuery),
    responses((status = 200, body = QobuzHits), (status = 502, body = Problem), (status = 503, body = Problem)))]
async fn qobuz_catalogue(
    State(app): State<App>,
    _: User,
    Query(query): Query<CatalogueQuery>,
) -> Result<Json<QobuzHits>> {
    let (kind, question) = query.question(&["album", "artist", "track"], 50)?;
    let Hits { albums, artists, tracks, .. } = asked(&app, question).await?;
    let albums = marked(&app.db.get().await?, albums).await?;
    let count = albums.len() + artists.len() + tracks.len();
    Ok(Json(QobuzHits { query: query.q, kind, count, albums, artists, tracks }))
}

#[derive(Debug, Deserialize, IntoParams)]
struct ArtistQuery {
    /// `year`, `title` or `popularity`.
    sort: Option<String>,
    /// Only what has a warning on it.
    explicit_only: Option<String>,
}

/// An artist of the catalogue.
#[derive(Debug, Serialize, ToSchema)]
struct QobuzArtist {
    #[serde(flatten)]
    artist: Artist,
    albums: Vec<ShownAlbum>,
}

fn plain_id(id: &str) -> Result<()> {
    let is_id = !id.is_empty() && id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric());
    if is_id { Ok(()) } else { Err(Error::NotFound("Qobuz has no such ids")) }
}

/// An artist of the catalogue, with their albums.
#[utoipa::path(get, path = "/qobuz/artist/{artist}", tag = "downloads", params(ArtistQuery),
    responses((status = 200, body = QobuzArtist), (status = 404, body = Problem), (status = 502, body = Problem), (status = 503, body = Problem)))]
async fn qobuz_artist(
    State(app): State<App>,
    _: User,
    Path(id): Path<String>,
    Query(query): Query<ArtistQuery>,
) -> Result<Json<QobuzArtist>> {
    plain_id(&id)?;
    let ArtistPage { artist, mut albums } = asked(&app, Question::Artist(id)).await?;
    if matches!(query.explicit_only.as_deref(), Some("true" | "1")) {
        albums.retain(|album| album.explicit);
    }
    match query.sort.as_deref().unwrap_or("year") {
        "year" => albums.sort_by(|a, b| b.year.cmp(&a.year)),
        "title" => albums.sort_by_key(|album| identity_key(&album.title)),
        "popularity" => albums.sort_by_key(|album| std::cmp::Reverse(album.popularity)),
        _ => {
            let message = "must be one of year, title, popularity".into();
            return Err(Error::Parameter { field: "sort", message });
        }
    }
    let albums = marked(&app.db.get().await?, albums).await?;
    Ok(Json(QobuzArtist { artist, albums }))
}

/// An album of the catalogue with its tracks.
#[derive(Debug, Serialize, ToSchema)]
struct QobuzAlbumPage {
    #[serde(flatten)]
    album: ShownAlbum,
    tracks: Vec<Track>,
}

/// An album of the catalogue, with its tracks.
#[utoipa::path(get, path = "/qobuz/album/{album}", tag = "downloads",
    responses((status = 200, body = QobuzAlbumPage), (status = 404, body = Problem), (status = 502, body = Problem), (status = 503, body = Problem)))]
async fn qobuz_album(
    State(app): State<App>,
    _: User,
    Path(id): Path<String>,
) -> Result<Json<QobuzAlbumPage>> {
    plain_id(&id)?;
    let AlbumPage { album, tracks } = asked(&app, Question::Album(id)).await?;
    let album = marked(&app.db.get().await?, vec![album]).await?.pop();
    let album = album.ok_or(Error::NotFound("Qobuz has no such album"))?;
    Ok(Json(QobuzAlbumPage { album, tracks }))
}

/// Asks for something at Qobuz. Of a track the whole album comes.
#[utoipa::path(post, path = "/downloads/qobuz", tag = "downloads", request_body = Asked,
    responses((status = 200, body = Download), (status = 400, body = Problem), (status = 409, body = Problem), (status = 502, body = Problem), (status = 503, body = Problem)))]
async fn ask_for_qobuz(
    State(app): State<App>,
    Person(user): Person,
    from: Client,
    input::Json(asked_for): input::Json<Asked>,
) -> Result<Json<Download>> {
    asked_for.check()?;
    let Some((kind, id)) = qobuz::named_by(&asked_for.url) else {
        let message = "must be the page of an album, an artist, a track or a playlist at Qobuz".into();
        return Err(Error::Field { field: "url", message });
    };
    let quality = asked_for.quality.min(i32::try_from(app.settings.qobuz.quality).unwrap_or(4));
    if quality < 2 && !asked_for.confirm_lossy {
        return Err(Error::Invalid(
            "Lossy source requires confirm_lossy=true. Quality 2 and better is lossless.".into(),
        ));
    }
    let of_track = match kind {
        "track" => Some(asked::<Album>(&app, Question::AlbumOfTrack(id.clone())).await?),
        _ => None,
    };
    let (kind, id) = of_track.as_ref().map_or((kind, id), |album| ("album", album.id.clone()));
    let new = NewDownload {
        user_id: user.id,
        source: "qobuz",
        url: Some(format!("https://open.qobuz.com/{kind}/{id}")),
        reference: format!("qobuz:{kind}:{id}"),
        search_type: asked_for.search_type,
        quality,
        confirm_lossy: asked_for.confirm_lossy,
        title: of_track.as_ref().map(|album| album.title.clone()),
        artist: of_track.map(|album| album.artist_name),
        address: from.address_text(),
        ..NewDownload::default()
    };
    create(&app, new).await
}
