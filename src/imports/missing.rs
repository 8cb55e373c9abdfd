//! What is missing of an album, by name where the release is known: its list of tracks was asked for when the album came.
//! Beneath `/api`.

use std::collections::{BTreeMap, BTreeSet};

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

use crate::app::App;
use crate::auth::User;
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::input::Path;
use crate::integrations::musicbrainz::{self, Release};
use crate::library::{self, Missing};

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(missing_tracks))
}

/// What is missing of an album.
#[derive(Debug, Default, Serialize, ToSchema)]
pub struct MissingTracks {
    /// By disc and number.
    pub tracks: Vec<MissingTrack>,
    /// Discs of which nothing is here and no track is known.
    pub discs: Vec<i32>,
    /// Tracks that are missing and of which nothing is known.
    pub unnamed: i32,
}

/// A track that is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MissingTrack {
    /// Counts from 1.
    pub disc_number: i32,
    /// On its disc.
    pub track_number: i32,
    /// As MusicBrainz has it, when the release is known there.
    pub title: Option<String>,
    /// Whose it is, when that is not the release's artist.
    pub artist: Option<String>,
    /// Seconds.
    pub duration: Option<i64>,
}

const RELEASE: &str = "select a.musicbrainz_id from album a where a.id = $1";
const KNOWN: &str = "select answer from lookup where service = $1 and question = $2 and answer is not null";
const HERE: &str =
    "select disc_number, track_number from track where album_id = $1 and missing_since is null";

/// The tracks of an album that are not here, by number, and by name where the release is known.
#[utoipa::path(get, path = "/albums/{id}/missing", tag = "reports", responses((status = 200, body = MissingTracks)))]
async fn missing_tracks(State(app): State<App>, _: User, Path(id): Path<i64>) -> Result<Json<MissingTracks>> {
    let client = app.db.get().await?;
    let row = client.maybe_row(RELEASE, &[&id]).await?.ok_or(Error::NotFound("Album not found"))?;
    Ok(Json(missing_of(&client, id, row.get(0)).await?))
}

/// The tracks of an album that are not here, named by the answer about this release that was kept.
pub async fn missing_of(client: &impl Sql, album_id: i64, release: Option<Uuid>) -> Result<MissingTracks> {
    let Some(album) = library::incomplete_album(client, album_id).await? else {
        return Ok(MissingTracks::default());
    };
    let listed = match release {
        Some(release) => listed(client, release).await?,
        None => Listed::new(),
    };
    let here = client.rows(HERE, &[&album_id]).await?;
    let here = here.iter().map(|row| (row.get(0), row.get(1))).collect();
    Ok(named(&album.missing, album.unnamed, album.total_tracks, &here, &listed))
}

/// What is known of a track.
#[derive(Debug, Clone, Default)]
struct ListedTrack {
    title: String,
    artist: Option<String>,
    seconds: Option<i64>,
}

/// A release's tracks, by disc and number.
type Listed = BTreeMap<(i32, i32), ListedTrack>;

async fn listed(client: &impl Sql, release: Uuid) -> Result<Listed> {
    let question = musicbrainz::release(release);
    let Some(row) = client.maybe_row(KNOWN, &[&musicbrainz::SERVICE, &question]).await? else {
        return Ok(Listed::new());
    };
    // What cannot be read names nothing.
    Ok(Release::of(row.get(0)).map(tracks_of).unwrap_or_default())
}

fn tracks_of(release: Release) -> Listed {
    let number = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    let of_all = release.artist();
    let mut listed = Listed::new();
    for (place, medium) in (1..).zip(release.media) {
        let disc = medium.position.map_or(place, number);
        for track in medium.tracks {
            let ms = track.duration_ms().and_then(|ms| i64::try_from(ms).ok());
            let artist = Some(track.artist()).filter(|artist| !artist.is_empty() && *artist != of_all);
            let known = ListedTrack { artist, seconds: ms.map(|ms| (ms + 500) / 1000), title: track.title };
            listed.insert((disc, number(track.position)), known);
        }
    }
    listed
}

/// Joins what the numbers tell with what the release's list tells. The list is believed to be the album's when it is as long.
fn named(
    missing: &[Missing],
    unnamed: i32,
    total: i32,
    here: &BTreeSet<(i32, i32)>,
    listed: &Listed,
) -> MissingTracks {
    let is_the_albums = i32::try_from(listed.len()) == Ok(total);
    let absent = || listed.keys().filter(|place| !here.contains(place)).copied();
    let mut places: BTreeSet<(i32, i32)> =
        missing.iter().flat_map(|disc| disc.tracks.iter().map(|number| (disc.disc, *number))).collect();
    let by_number = places.len();
    let mut discs = Vec::new();
    for disc in missing.iter().filter(|disc| disc.is_whole_disc).map(|disc| disc.disc) {
        let before = places.len();
        places.extend(absent().filter(|(of, _)| *of == disc));
        if places.len() == before {
            discs.push(disc);
        }
    }
    if is_the_albums {
        places.extend(absent());
    }
    let found = i32::try_from(places.len() - by_number).unwrap_or(i32::MAX);
    let tracks = places.into_iter().map(|place| {
        let known = listed.get(&place);
        MissingTrack {
            disc_number: place.0,
            track_number: place.1,
            title: known.map(|known| known.title.clone()),
            artist: known.and_then(|known| known.artist.clone()),
            duration: known.and_then(|known| known.seconds),
        }
    });
    MissingTracks { tracks: tracks.collect(), discs, unnamed: (unnamed - found).max(0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(
        missing: &[(i32, &[i32])],
        unnamed: i32,
        total: i32,
        here: &[(i32, i32)],
        listed: &[(i32, i32, &str)],
    ) -> String {
        let missing: Vec<Missing> = missing
            .iter()
            .map(|(disc, tracks)| Missing {
                disc: *disc,
                tracks: tracks.to_vec(),
                is_whole_disc: tracks.is_empty(),
            })
            .collect();
        let known = |title: &str| ListedTrack { title: title.to_owned(), ..ListedTrack::default() };
        let listed = listed.iter().map(|(disc, n, title)| ((*disc, *n), known(title))).collect();
        let all = named(&missing, unnamed, total, &here.iter().copied().collect(), &listed);
        let tracks: Vec<String> = all
            .tracks
            .iter()
            .map(|t| format!("{}.{} {}", t.disc_number, t.track_number, t.title.as_deref().unwrap_or("?")))
            .collect();
        format!("{} {:?} +{}", tracks.join(", "), all.discs, all.unnamed)
    }

    #[test]
    fn a_track_of_a_compilation_has_an_artist_of_its_own() {
        let release =
            serde_json::from_value(serde_json::json!({"artist-credit": [{"name": "Various Artists"}],
            "media": [{"tracks": [
                {"position": 1, "title": "A", "length": 1501, "artist-credit": [{"name": "Ann"}]},
                {"position": 2, "title": "B", "artist-credit": [{"name": "Various Artists"}]}]}]}));
        let listed = tracks_of(release.unwrap());
        let (a, b) = (&listed[&(1, 1)], &listed[&(1, 2)]);
        assert_eq!((a.artist.as_deref(), a.seconds), (Some("Ann"), Some(2)));
        assert_eq!((b.title.as_str(), b.artist.as_deref(), b.seconds), ("B", None, None));
    }

    #[test]
    fn what_is_missing_has_its_name_where_the_release_is_known() {
        let three = &[(1, 1, "A"), (1, 2, "B"), (1, 3, "C")];
        for (missing, unnamed, total, here, listed, expected) in [
            (&[(1, &[2][..])][..], 0, 3, &[(1, 1), (1, 3)][..], &three[..], "1.2 B [] +0"),
            (&[(1, &[2])], 0, 3, &[(1, 1), (1, 3)], &[], "1.2 ? [] +0"),
            // Another edition of the release names what fits, and adds nothing.
            (&[(1, &[2])], 0, 4, &[(1, 1), (1, 3), (1, 4)], three, "1.2 B [] +0"),
            // The tags told of a track more, and of no number.
            (&[], 1, 3, &[(1, 1), (1, 2)], three, "1.3 C [] +0"),
            (&[], 1, 4, &[(1, 1), (1, 2), (1, 3)], three, " [] +1"),
            (&[(2, &[])], 2, 5, &[(1, 1), (1, 2), (1, 3)], three, " [2] +2"),
            (
                &[(2, &[])],
                2,
                4,
                &[(1, 1), (1, 2)],
                &[(1, 1, "A"), (1, 2, "B"), (2, 1, "C"), (2, 2, "D")],
                "2.1 C, 2.2 D [] +0",
            ),
        ] {
            assert_eq!(told(missing, unnamed, total, here, listed), expected);
        }
    }
}
