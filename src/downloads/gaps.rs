//! Filling the gaps of an album: the best source that has all of it is asked for it, and the imports take from it what is
//! missing or better, track by track. Beneath `/api`.

use axum::Json;
use axum::extract::State;
use http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::catalogue::catalogue;
use super::download::{self, NewDownload};
use crate::answer::Started;
use crate::app::App;
use crate::auth::Person;
use crate::db::Sql;
use crate::error::{Error, Problem, Result};
use crate::input::Path;
use crate::integrations::qobuz::Album;
use crate::jobs::{self, Context, Job, Outcome, Queue};
use crate::library::identity_key;

/// So many hits of a search are looked at.
const HITS: u32 = 20;

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
}

/// What is known of the album.
#[derive(Debug, Clone)]
struct Wanted {
    artist: String,
    title: String,
    barcode: Option<String>,
    total: i64,
    available: i64,
}

const ALBUM: &str = "select r.name, a.title, a.barcode, a.total_tracks, a.available_tracks
    from album a join artist r on r.id = a.artist_id where a.id = $1";

impl Wanted {
    async fn find(client: &impl Sql, album_id: i64) -> Result<Self> {
        let row = client.maybe_row(ALBUM, &[&album_id]).await?.ok_or(Error::NotFound("Album not found"))?;
        let number = |at: usize| i64::from(row.get::<_, i32>(at));
        Ok(Self {
            artist: row.get(0),
            title: row.get(1),
            barcode: row.get(2),
            total: number(3),
            available: number(4),
        })
    }
}

impl Job for FillGaps {
    const KIND: &'static str = "downloads.fill_gaps";
    const QUEUE: Queue = Queue::Network;
    const MAX_ATTEMPTS: i32 = 3;

    fn unique_key(&self) -> Option<String> {
        Some(self.album_id.to_string())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        let app = &context.app;
        let mut client = app.db.get().await?;
        let Ok(wanted) = Wanted::find(&client, self.album_id).await else {
            return Ok(Outcome::Cancel("the album is gone".into()));
        };
        if wanted.available >= wanted.total {
            return Ok(Outcome::Cancel("nothing of it is missing".into()));
        }
        let asked = async {
            let query = format!("{} {}", wanted.artist, wanted.title);
            catalogue(app).await?.search(&query, "album", HITS).await
        };
        let hits = match asked.await {
            Ok(hits) => hits.albums,
            Err(trouble) => return Ok(Outcome::Cancel(format!("No source could be asked: {trouble}."))),
        };
        let Some(found) = choose(&wanted, hits) else {
            return Ok(Outcome::Cancel("No source has it whole.".into()));
        };
        let new = NewDownload {
            user_id: self.user_id,
            source: "qobuz",
            url: Some(format!("https://open.qobuz.com/album/{}", found.id)),
            reference: format!("qobuz:album:{}", found.id),
            search_type: Some("album".into()),
            quality: i32::try_from(app.settings.qobuz.quality).unwrap_or(4),
            fills_album_id: Some(self.album_id),
            title: Some(found.title),
            artist: Some(found.artist_name),
            ..NewDownload::default()
        };
        let tx = client.transaction().await?;
        let download = match download::create(app, &tx, &new).await {
            Ok(download) => download,
            Err(Error::Conflict(why) | Error::TooMany { message: why, .. }) => {
                return Ok(Outcome::Cancel(why));
            }
            Err(error) => return Err(error),
        };
        tx.commit().await?;
        Ok(Outcome::Done(json!({"download_id": download.id, "source": "qobuz"})))
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

/// Has the missing tracks of an album fetched from the best source that has it; what is better there comes along.
#[utoipa::path(post, path = "/albums/{id}/fill-gaps", tag = "downloads",
    responses((status = 202, body = Started), (status = 400, body = Problem)))]
async fn fill_gaps(
    State(app): State<App>,
    Person(user): Person,
    Path(id): Path<i64>,
) -> Result<(StatusCode, Json<Started>)> {
    let client = app.db.get().await?;
    let wanted = Wanted::find(&client, id).await?;
    if wanted.available >= wanted.total {
        return Err(Error::Invalid("Nothing of this album is missing.".into()));
    }
    let id = jobs::enqueue(&client, &FillGaps { album_id: id, user_id: user.id }).await?;
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
            barcode: Some("0720642462928".into()),
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
