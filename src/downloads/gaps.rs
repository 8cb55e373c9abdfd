//! Filling the gaps of an album. The sources that are set up are asked in the order of their quality: Qobuz for the whole
//! album; Lidarr, which searches for it; and, only where lossy music is allowed, yt-dlp for each track that is missing. The
//! imports take what is missing or better, track by track, each with where it came from. Beneath `/api`.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use super::catalogue::catalogue;
use super::download::{self, Download, NewDownload};
use super::filling::Filling;
use crate::answer::Started;
use crate::app::App;
use crate::auth::Person;
use crate::db::Sql;
use crate::error::{Error, Problem, Result};
use crate::imports::{self, Lookups, NoAnswer};
use crate::input::{Path, Query};
use crate::integrations::musicbrainz;
use crate::integrations::qobuz::Album;
use crate::integrations::yt_dlp::{self, YtDlp};
use crate::jobs::{self, Context, Job, Outcome, Queue};
use crate::library::identity_key;
use crate::lidarr;

/// So many hits of a search are looked at.
const HITS: u32 = 20;
/// The same, of a search for one track.
const TRACK_HITS: u32 = 5;
/// So many tracks are searched for at once; the rest when somebody asks again.
const MOST_TRACKS: usize = 30;

/// All of them.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(fill_gaps))
}

/// An album is to become whole.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FillGaps {
    /// Its row.
    pub album_id: i64,
    /// Who wants it.
    pub user_id: i64,
    /// Music that has lost something is welcome where there is no other.
    #[serde(default)]
    pub allows_lossy: bool,
    /// Qobuz has been asked already, and has brought what it has.
    #[serde(default)]
    pub is_beyond_qobuz: bool,
}

/// What is known of the album.
#[derive(Debug, Clone)]
struct Wanted {
    artist: String,
    title: String,
    year: Option<i32>,
    barcode: Option<String>,
    release_id: Option<Uuid>,
    total: i64,
    available: i64,
}

const ALBUM: &str =
    "select r.name, a.title, a.year, a.barcode, a.musicbrainz_id, a.total_tracks, a.available_tracks
    from album a join artist r on r.id = a.artist_id where a.id = $1";

impl Wanted {
    async fn find(client: &impl Sql, album_id: i64) -> Result<Self> {
        let row = client.maybe_row(ALBUM, &[&album_id]).await?.ok_or(Error::NotFound("Album not found"))?;
        let number = |at: usize| i64::from(row.get::<_, i32>(at));
        Ok(Self {
            artist: row.get(0),
            title: row.get(1),
            year: row.get(2),
            barcode: row.get(3),
            release_id: row.get(4),
            total: number(5),
            available: number(6),
        })
    }
}

/// What one source does about it; or why it does nothing, as a sentence.
type Asked = std::result::Result<Value, String>;

impl Job for FillGaps {
    const KIND: &'static str = "downloads.fill_gaps";
    const QUEUE: Queue = Queue::Network;
    const MAX_ATTEMPTS: i32 = 3;

    fn unique_key(&self) -> Option<String> {
        Some(format!("{}{}", self.album_id, if self.allows_lossy { " lossy" } else { "" }))
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        let client = context.app.db.get().await?;
        let Ok(wanted) = Wanted::find(&client, self.album_id).await else {
            return Ok(Outcome::Cancel("the album is gone".into()));
        };
        drop(client);
        if wanted.available >= wanted.total {
            return Ok(Outcome::Cancel("nothing of it is missing".into()));
        }
        let (mut done, mut said) = (Vec::new(), Vec::new());
        if !self.is_beyond_qobuz {
            match self.ask_qobuz(&context.app, &wanted).await? {
                // All of it comes; what is missing then is asked of the others.
                Ok(asked) => return Ok(Outcome::Done(json!({"asked": [asked]}))),
                Err(why) => said.push(why),
            }
        }
        // A better copy that comes later takes the place of a lossy one.
        let lidarr = self.ask_lidarr(&context.app).await?;
        let yt_dlp = match self.allows_lossy {
            true => self.ask_yt_dlp(context, &wanted).await,
            false => Ok(Err("Lossy music was not allowed (confirm_lossy).".into())),
        };
        let yt_dlp = match yt_dlp {
            Err(NoAnswer::Stopped) => return Ok(Outcome::Snooze(Duration::ZERO)),
            Err(NoAnswer::Ours(error)) => return Err(error),
            Err(NoAnswer::Trouble(trouble)) => Err(format!("{trouble}.")),
            Ok(asked) => asked,
        };
        for asked in [lidarr, yt_dlp] {
            match asked {
                Ok(asked) => done.push(asked),
                Err(why) => said.push(why),
            }
        }
        match done.is_empty() {
            true => Ok(Outcome::Cancel(format!("No source has what is missing. {}", said.join(" ")))),
            false => Ok(Outcome::Done(json!({"asked": done, "said": said}))),
        }
    }
}

impl FillGaps {
    /// What Qobuz did not have of an album with gaps is asked of the sources after it.
    pub fn after(download: &Download) -> Option<Self> {
        let album_id = download.fills_album_id.filter(|_| download.source == "qobuz")?;
        let (user_id, allows_lossy) = (download.user_id, download.confirm_lossy);
        Some(Self { album_id, user_id, allows_lossy, is_beyond_qobuz: true })
    }

    /// Qobuz, for the whole album.
    async fn ask_qobuz(&self, app: &App, wanted: &Wanted) -> Result<Asked> {
        if app.settings.qobuz.email.is_empty() {
            return Ok(Err("Qobuz is not set up.".into()));
        }
        let query = format!("{} {}", wanted.artist, wanted.title);
        let asked = async { catalogue(app).await?.search(&query, "album", HITS).await };
        let hits = match asked.await {
            Ok(hits) => hits.albums,
            Err(trouble) => return Ok(Err(format!("{trouble}."))),
        };
        let Some(found) = choose(wanted, hits) else {
            return Ok(Err("Qobuz does not have it whole.".into()));
        };
        let new = NewDownload {
            user_id: self.user_id,
            source: "qobuz",
            url: Some(format!("https://open.qobuz.com/album/{}", found.id)),
            reference: format!("qobuz:album:{}", found.id),
            search_type: Some("album".into()),
            quality: i32::try_from(app.settings.qobuz.quality).unwrap_or(4),
            confirm_lossy: self.allows_lossy,
            fills_album_id: Some(self.album_id),
            title: Some(found.title),
            artist: Some(found.artist_name),
            ..NewDownload::default()
        };
        Ok(create(app, &new).await?.map(|id| json!({"source": "qobuz", "download_ids": [id]})))
    }

    /// Lidarr, which searches for it, if it wants it as well.
    async fn ask_lidarr(&self, app: &App) -> Result<Asked> {
        if app.settings.lidarr.url.is_empty() {
            return Ok(Err("Lidarr is not set up.".into()));
        }
        Ok(match lidarr::search_missing(app, Some(self.album_id)).await? {
            Ok(searched) if searched.album_ids.is_empty() => Err("Lidarr does not look for it.".into()),
            Ok(searched) => Ok(json!({"source": "lidarr", "album_ids": searched.album_ids})),
            Err(trouble) => Err(format!("{trouble}.")),
        })
    }

    /// yt-dlp, for each track that is missing.
    async fn ask_yt_dlp(&self, context: &Context, wanted: &Wanted) -> Result<Asked, NoAnswer> {
        let missing = match self.missing(context, wanted).await? {
            Ok(missing) => missing,
            Err(why) => return Ok(Err(why)),
        };
        let (program, mut ids, mut not_found) = (YtDlp::new(&context.app.settings), Vec::new(), Vec::new());
        for filling in missing.into_iter().take(MOST_TRACKS) {
            if context.stop.is_cancelled() {
                return Err(NoAnswer::Stopped);
            }
            let hits = program.search(&filling.words(), TRACK_HITS).await?;
            let Some(hit) = filling.choose(hits) else {
                not_found.push(filling.title);
                continue;
            };
            let new = NewDownload {
                user_id: self.user_id,
                source: yt_dlp::source(&hit.url),
                reference: hit.url.clone(),
                url: Some(hit.url),
                search_query: Some(filling.words()),
                search_type: Some("track".into()),
                quality: 4,
                confirm_lossy: true,
                fills_album_id: Some(self.album_id),
                title: Some(filling.title.clone()),
                artist: Some(filling.artist.clone()),
                filling: Some(filling),
                ..NewDownload::default()
            };
            match create(&context.app, &new).await? {
                Ok(id) => ids.push(id),
                Err(why) if ids.is_empty() => return Ok(Err(why)),
                // The rest when somebody asks again.
                Err(_) => break,
            }
        }
        Ok(match ids.is_empty() {
            true => Err(format!("yt-dlp finds none of it: {}.", not_found.join(", "))),
            false => Ok(json!({"source": "yt_dlp", "download_ids": ids, "not_found": not_found})),
        })
    }

    /// The tracks that are missing, as far as their names are known.
    async fn missing(
        &self,
        context: &Context,
        wanted: &Wanted,
    ) -> Result<std::result::Result<Vec<Filling>, String>, NoAnswer> {
        let is_asked = context.app.settings.musicbrainz.enabled;
        let release = match is_asked {
            true => release(&Lookups::new(context), wanted).await?,
            false => wanted.release_id,
        };
        let client = context.app.db.get().await?;
        let missing = imports::missing_of(&client, self.album_id, release).await?;
        let fillings = missing.tracks.into_iter().filter_map(|track| {
            Some(Filling {
                disc_number: u32::try_from(track.disc_number).ok()?,
                // What is hidden before the first track belongs to no place.
                track_number: u32::try_from(track.track_number).ok().filter(|number| *number > 0)?,
                title: track.title?,
                artist: track.artist.unwrap_or_else(|| wanted.artist.clone()),
                album_artist: wanted.artist.clone(),
                album: wanted.title.clone(),
                year: wanted.year,
                length: track.duration.map(|seconds| seconds as f64),
            })
        });
        let fillings: Vec<Filling> = fillings.collect();
        Ok(match (fillings.is_empty(), is_asked) {
            (false, _) => Ok(fillings),
            (true, true) => {
                Err("Which songs are missing is not known: MusicBrainz does not have this album.".into())
            }
            (true, false) => Err("Which songs are missing is not known: MusicBrainz is not asked.".into()),
        })
    }
}

/// The release that the album is: by its id, else the one of these names and so many tracks. What MusicBrainz says of it is
/// kept, for whoever looks up its tracks.
async fn release(lookups: &Lookups<'_>, wanted: &Wanted) -> Result<Option<Uuid>, NoAnswer> {
    let id = match wanted.release_id {
        Some(id) => Some(id),
        None => {
            let total = u32::try_from(wanted.total).unwrap_or(u32::MAX);
            let question =
                musicbrainz::search(&wanted.artist, &wanted.title, usize::try_from(wanted.total).ok());
            let found = lookups.musicbrainz(&question).await?;
            let found = found.map(musicbrainz::Release::all_of).transpose()?.unwrap_or_default();
            let is_it = |release: &musicbrainz::Release| {
                identity_key(&release.artist()) == identity_key(&wanted.artist)
                    && identity_key(&release.title) == identity_key(&wanted.title)
                    && release.track_count() == total
            };
            found.into_iter().find(is_it).map(|release| release.id)
        }
    };
    if let Some(id) = id {
        lookups.musicbrainz(&musicbrainz::release(id)).await?;
    }
    Ok(id)
}

/// One transaction; the row, or why there is none.
async fn create(app: &App, new: &NewDownload) -> Result<std::result::Result<i64, String>> {
    let mut client = app.db.get().await?;
    let tx = client.transaction().await?;
    match download::create(app, &tx, new).await {
        Ok(download) => {
            tx.commit().await?;
            Ok(Ok(download.id))
        }
        Err(Error::Conflict(why) | Error::TooMany { message: why, .. }) => Ok(Err(why)),
        Err(error) => Err(error),
    }
}

/// The same album, by its barcode or by artist and title, with at least as many tracks; of several the one whose number fits.
fn choose(wanted: &Wanted, hits: Vec<Album>) -> Option<Album> {
    let digits = |text: &str| text.trim_start_matches('0').to_owned();
    let has_barcode = |hit: &Album| match (&hit.barcode, &wanted.barcode) {
        (Some(theirs), Some(ours)) => digits(theirs) == digits(ours),
        _ => false,
    };
    let is_named = |hit: &Album| {
        identity_key(&hit.artist_name) == identity_key(&wanted.artist)
            && identity_key(&hit.title) == identity_key(&wanted.title)
    };
    let fitting =
        hits.into_iter().filter(|hit| (has_barcode(hit) || is_named(hit)) && hit.track_count >= wanted.total);
    fitting.min_by_key(|hit| {
        (!has_barcode(hit), hit.track_count - wanted.total, hit.maximum_bit_depth.map(|bits| -bits))
    })
}

#[derive(Debug, Deserialize, IntoParams)]
struct GapsQuery {
    /// Music that has lost something is welcome where there is no other; marked as such. False when it is not said.
    confirm_lossy: Option<String>,
}

/// Has the missing tracks of an album fetched from the best source that has them; what is better there comes along.
#[utoipa::path(post, path = "/albums/{id}/fill-gaps", tag = "downloads", params(GapsQuery),
    responses((status = 202, body = Started), (status = 400, body = Problem)))]
async fn fill_gaps(
    State(app): State<App>,
    Person(user): Person,
    Path(id): Path<i64>,
    Query(query): Query<GapsQuery>,
) -> Result<(StatusCode, Json<Started>)> {
    let client = app.db.get().await?;
    let wanted = Wanted::find(&client, id).await?;
    if wanted.available >= wanted.total {
        return Err(Error::Invalid("Nothing of this album is missing.".into()));
    }
    let allows_lossy = matches!(query.confirm_lossy.as_deref(), Some("true" | "1"));
    let job = FillGaps { album_id: id, user_id: user.id, allows_lossy, is_beyond_qobuz: false };
    let id = jobs::enqueue(&client, &job).await?;
    Ok((StatusCode::ACCEPTED, Json(Started::job(id))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_album_is_chosen_and_a_shorter_one_never() {
        let wanted = Wanted {
            artist: "Weezer".into(),
            title: "Weezer (Blue Album)".into(),
            year: None,
            barcode: Some("0720642462928".into()),
            release_id: None,
            total: 10,
            available: 8,
        };
        let hit = |id: &str, title: &str, track_count: i64, barcode: Option<&str>| Album {
            id: id.into(),
            title: title.into(),
            artist_name: "weezer".into(),
            track_count,
            barcode: barcode.map(str::to_owned),
            ..Album::default()
        };
        let chosen = |hits: &[Album]| choose(&wanted, hits.to_vec()).map(|album| album.id);
        let other = hit("green", "Weezer (Green Album)", 10, None);
        let deluxe = hit("deluxe", "Weezer (Blue Album)", 24, None);
        let same = hit("same", "Weezer (Blue Album)", 10, None);
        let sold = hit("sold", "Weezer", 10, Some("720642462928"));
        assert_eq!(chosen(&[other.clone(), hit("ep", "Weezer (Blue Album)", 4, None)]), None);
        assert_eq!(chosen(&[other.clone(), deluxe.clone(), same.clone()]).as_deref(), Some("same"));
        assert_eq!(chosen(&[deluxe, same, sold, other]).as_deref(), Some("sold"));
    }
}
