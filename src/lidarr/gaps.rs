//! Has Lidarr look for what is missing of our albums: those that it wants as well are searched for.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::Way;
use crate::app::App;
use crate::db::Sql;
use crate::error::Result;
use crate::integrations::Trouble;
use crate::integrations::lidarr::Album;
use crate::jobs::{Context, Job, Outcome, Queue};
use crate::library::{self, Incomplete, identity_key};

/// Of our albums at once.
const PAGE: i64 = 500;
/// Lidarr asks each of its indexers about each of them.
const MOST: usize = 100;

/// Has Lidarr look for what is missing.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct FillGaps {
    /// Only of this album.
    pub album_id: Option<i64>,
}

const RELEASES: &str =
    "select id, musicbrainz_id from album where id = any($1) and musicbrainz_id is not null";

impl Job for FillGaps {
    const KIND: &'static str = "lidarr.fill_gaps";
    const QUEUE: Queue = Queue::Network;
    const MAX_ATTEMPTS: i32 = 3;

    fn unique_key(&self) -> Option<String> {
        Some(self.album_id.map_or_else(|| "all".into(), |id| id.to_string()))
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        Ok(match search_missing(&context.app, self.album_id).await? {
            Ok(Searched { incomplete, album_ids }) => Outcome::Done(
                json!({"incomplete": incomplete, "searched": album_ids.len(), "album_ids": album_ids}),
            ),
            Err(trouble @ (Trouble::Away(..) | Trouble::Busy { .. })) => {
                return Err(anyhow::anyhow!("{trouble}").into());
            }
            Err(trouble) => Outcome::Cancel(trouble.to_string()),
        })
    }
}

/// What Lidarr looks for now.
#[derive(Debug, Clone)]
pub struct Searched {
    /// How many of our albums have gaps.
    pub incomplete: usize,
    /// Lidarr's own ids of those that it searches for.
    pub album_ids: Vec<i64>,
}

/// Has it look for what is missing of an album, or of all of them. Those that it does not want are left out.
pub async fn search_missing(app: &App, album_id: Option<i64>) -> Result<Result<Searched, Trouble>> {
    let client = app.db.get().await?;
    let mut gaps = Vec::new();
    let mut after = album_id.map_or(0, |id| id - 1);
    loop {
        let (found, next) = library::incomplete(&client, after, PAGE).await?;
        gaps.extend(found.into_iter().filter(|album| album_id.is_none_or(|id| id == album.album_id)));
        match next {
            Some(next) if album_id.is_none() => after = next,
            _ => break,
        }
    }
    let ids: Vec<i64> = gaps.iter().map(|album| album.album_id).collect();
    let releases = client.rows(RELEASES, &[&ids]).await?;
    drop(client);
    let releases: HashMap<i64, Uuid> = releases.iter().map(|row| (row.get(0), row.get(1))).collect();
    let asked = async {
        let (way, web) = (Way::of(&app.settings)?, app.direct_web());
        let lidarr = way.asked(&web);
        let mut wanted = matching(&gaps, &releases, &lidarr.missing().await?);
        wanted.truncate(MOST);
        if !wanted.is_empty() {
            lidarr.search_albums(&wanted).await?;
        }
        Ok(wanted)
    };
    Ok(asked.await.map(|album_ids| Searched { incomplete: gaps.len(), album_ids }))
}

/// Lidarr's ids of our albums: by an edition that both know, else by artist and title.
fn matching(gaps: &[Incomplete], releases: &HashMap<i64, Uuid>, missing: &[Album]) -> Vec<i64> {
    let mut by_release: HashMap<&str, i64> = HashMap::new();
    let mut by_name: HashMap<(String, String), i64> = HashMap::new();
    for album in missing {
        by_release
            .extend(album.releases.iter().map(|release| (release.foreign_release_id.as_str(), album.id)));
        let artist = album.artist.as_ref().map(|artist| artist.artist_name.as_str()).unwrap_or_default();
        by_name.insert((identity_key(artist), identity_key(&album.title)), album.id);
    }
    let id_of = |gap: &Incomplete| {
        let release = releases.get(&gap.album_id).map(Uuid::to_string);
        let known = release.and_then(|release| by_release.get(release.as_str()).copied());
        known.or_else(|| by_name.get(&(identity_key(&gap.artist), identity_key(&gap.title))).copied())
    };
    let mut seen = HashSet::new();
    gaps.iter().filter_map(id_of).filter(|id| seen.insert(*id)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::from_value;

    #[test]
    fn an_album_is_found_by_its_edition_or_by_its_names() {
        let gap = |album_id: i64, artist: &str, title: &str| Incomplete {
            album_id,
            title: title.into(),
            artist: artist.into(),
            year: None,
            path: String::new(),
            total_tracks: 2,
            available_tracks: 1,
            missing: Vec::new(),
            unnamed: 0,
        };
        let release = Uuid::from_u128(7);
        let missing: Vec<Album> = from_value(json!([
            {"id": 1, "title": "Other", "artist": {"artistName": "X"}, "releases": [{"foreignReleaseId": release.to_string()}]},
            {"id": 2, "title": "NOCH", "artist": {"artistName": "kino"}, "releases": []},
            {"id": 3, "title": "Unwanted", "artist": {"artistName": "Y"}}]))
        .unwrap();
        let gaps =
            [gap(10, "Ann", "Known by its release"), gap(11, "Kino", "Noch"), gap(12, "Z", "Not there")];
        assert_eq!(matching(&gaps, &HashMap::from([(10, release)]), &missing), [1, 2]);
    }
}
