//! Brings what Lidarr has downloaded: seen in its queue (complete, and left there), in its history (taken into its own
//! library), or told by its webhook.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Way;
use super::copy::{NotCopied, copy};
use crate::app::App;
use crate::config::PathMap;
use crate::db::Sql;
use crate::error::Result;
use crate::files;
use crate::imports::ImportRelease;
use crate::integrations::lidarr::{News, TrackFile};
use crate::integrations::{Trouble, lidarr};
use crate::jobs::{self, Context, Job, Outcome, Queue};

/// The disk may have space again.
const FULL: Duration = Duration::from_secs(15 * 60);

/// Looks for what Lidarr has downloaded, and hands it over.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct CollectLidarr {
    /// What its webhook told; none: what is seen in its lists.
    #[serde(default)]
    pub arrival: Option<Arrival>,
}

/// Something that Lidarr has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Arrival {
    /// The download client's name for it, or the folder.
    pub reference: String,
    /// Whose.
    pub artist: Option<String>,
    /// Which.
    pub title: String,
    /// Where it lies, as Lidarr sees it.
    pub folder: String,
}

impl Arrival {
    /// Out of what the webhook tells, when it tells of one.
    pub fn of(news: &News) -> Option<Self> {
        if news.event_type != "Download" {
            return None;
        }
        let folder = news.folder()?.to_string_lossy().into_owned();
        let title = news.album.as_ref().map(|album| album.title.clone()).filter(|title| !title.is_empty());
        Some(Self {
            reference: news.download_id.clone().filter(|id| !id.is_empty()).unwrap_or_else(|| folder.clone()),
            artist: news.artist.as_ref().map(|artist| artist.name.clone()),
            title: title.or_else(|| name_of(Path::new(&folder))).unwrap_or_else(|| "Album".into()),
            folder,
        })
    }
}

fn name_of(folder: &Path) -> Option<String> {
    folder.file_name().map(|name| name.to_string_lossy().into_owned())
}

// What failed is looked at again when Lidarr tells of it again.
const FOUND: &str = "insert into lidarr_download as d (reference, artist, title, folder) values ($1, $2, $3, $4)
    on conflict on constraint lidarr_download_once do update set state = 'found', folder = excluded.folder, error = null
        where d.state = 'failed'";
const WAITING: &str =
    "select id, title, folder from lidarr_download where state = 'found' order by id limit 100";
const HANDED_OVER: &str =
    "update lidarr_download set state = 'handed_over', path = $2, finished_at = now() where id = $1";
const FAILED: &str =
    "update lidarr_download set state = 'failed', error = $2, finished_at = now() where id = $1";
const LAST_SEEN: &str = "select last_id from lidarr_history";
const SEEN: &str = "insert into lidarr_history as h (last_id) values ($1)
    on conflict on constraint lidarr_history_pk do update set last_id = greatest(h.last_id, excluded.last_id)";

impl Job for CollectLidarr {
    const KIND: &'static str = "lidarr.collect";
    const QUEUE: Queue = Queue::Network;
    const PRIORITY: i16 = 5;

    fn unique_key(&self) -> Option<String> {
        Some(self.arrival.as_ref().map_or_else(|| "lists".into(), |arrival| arrival.reference.clone()))
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        let settings = &context.app.settings;
        if settings.lidarr.url.is_empty() || !settings.lidarr.import_completed {
            return Ok(Outcome::Done(json!({"state": "off"})));
        }
        match self.arrival {
            Some(arrival) => note(&context.app, &arrival).await?,
            None => {
                if let Err(trouble) = look(&context.app).await? {
                    return Ok(Outcome::Cancel(trouble.to_string()));
                }
            }
        }
        hand_over_all(context).await
    }
}

async fn note(app: &App, arrival: &Arrival) -> Result<()> {
    let Ok(map) = PathMap::of(&app.settings.lidarr.path_map) else { return Ok(()) };
    let Some(folder) = map.ours(Path::new(&arrival.folder)) else { return Ok(()) };
    let clean = |text: &str| text.replace('\0', "");
    let artist = arrival.artist.as_deref().map(clean);
    let (reference, title) = (clean(&arrival.reference), clean(&arrival.title));
    let client = app.db.get().await?;
    client.run(FOUND, &[&reference, &artist, &title, &files::path_to_text(&folder)]).await?;
    Ok(())
}

/// Looks into its queue and its history.
async fn look(app: &App) -> Result<Result<(), Trouble>> {
    let seen: Option<i64> = app.db.get().await?.maybe_row(LAST_SEEN, &[]).await?.map(|row| row.get(0));
    let lists = async {
        let (way, web) = (Way::of(&app.settings)?, app.direct_web());
        let lidarr = way.asked(&web);
        let history = match seen {
            Some(seen) => lidarr.history_since(seen).await?,
            None => lidarr.history(1).await?,
        };
        Ok((lidarr.queue().await?, history))
    };
    let (queue, history) = match lists.await {
        Ok(lists) => lists,
        Err(trouble) => return Ok(Err(trouble)),
    };
    for queued in queue.iter().filter(|queued| queued.is_complete()) {
        let Some(folder) = queued.output_path.clone().filter(|path| !path.is_empty()) else { continue };
        let title = queued.album.as_ref().map(|album| album.title.clone()).filter(|title| !title.is_empty());
        let arrival = Arrival {
            reference: queued.download_id.clone().unwrap_or_else(|| folder.clone()),
            artist: queued.artist.as_ref().map(|artist| artist.artist_name.clone()),
            title: title.unwrap_or_else(|| queued.title.clone()),
            folder,
        };
        note(app, &arrival).await?;
    }
    let newest = history.iter().map(|happened| happened.id).max().unwrap_or_default();
    // What it had before Barbossa knew it is not ours to bring.
    if let Some(seen) = seen {
        for arrival in taken_in(history.iter().filter(|happened| happened.id > seen)) {
            note(app, &arrival).await?;
        }
    }
    app.db.get().await?.run(SEEN, &[&newest]).await?;
    Ok(Ok(()))
}

/// Albums that it took into its own library, file by file.
fn taken_in<'a>(history: impl Iterator<Item = &'a lidarr::Happened>) -> Vec<Arrival> {
    let mut albums: BTreeMap<String, (Arrival, Vec<TrackFile>)> = BTreeMap::new();
    for happened in history.filter(|happened| happened.event_type == "trackFileImported") {
        let Some(path) = happened.data.imported_path.clone() else { continue };
        let folder = Path::new(&path).parent().map(Path::to_owned).unwrap_or_default();
        let folder = folder.to_string_lossy().into_owned();
        let reference =
            happened.download_id.clone().filter(|id| !id.is_empty()).unwrap_or_else(|| folder.clone());
        let album = albums.entry(reference.clone()).or_insert_with(|| {
            let title = happened.album.as_ref().map(|album| album.title.clone());
            let artist = happened.artist.as_ref().map(|artist| artist.artist_name.clone());
            let title =
                title.filter(|title| !title.is_empty()).unwrap_or_else(|| happened.source_title.clone());
            (Arrival { reference, artist, title, folder }, Vec::new())
        });
        album.1.push(TrackFile { path });
    }
    let arrival = |(arrival, track_files): (Arrival, Vec<TrackFile>)| {
        let folder = News { track_files, ..News::default() }.folder()?;
        Some(Arrival { folder: folder.to_string_lossy().into_owned(), ..arrival })
    };
    albums.into_values().filter_map(arrival).collect()
}

/// Copies and hands over whatever was found.
async fn hand_over_all(context: &Context) -> Result<Outcome> {
    let app = &context.app;
    let rows = app.db.get().await?.rows(WAITING, &[]).await?;
    let (mut handed_over, mut is_full) = (0, false);
    for row in &rows {
        if context.stop.is_cancelled() {
            return Ok(Outcome::Snooze(Duration::ZERO));
        }
        let (id, title): (i64, String) = (row.get(0), row.get(1));
        let path = format!("downloads/lidarr/{}", files::safe_component(&format!("{id} {title}")));
        let (music, from) = (app.music().to_owned(), files::text_to_path(row.get(2)));
        let to: PathBuf = music.join(&path);
        let copying = tokio::task::spawn_blocking(move || copy(&music, &from, &to));
        let copied = copying.await.map_err(anyhow::Error::from)?;
        let mut client = app.db.get().await?;
        match copied {
            Ok(()) => {
                let tx = client.transaction().await?;
                context.hold(&tx).await?;
                tx.run(HANDED_OVER, &[&id, &path]).await?;
                let import = ImportRelease { path, source: "lidarr".into(), requested_by: None };
                jobs::enqueue(&tx, &import).await?;
                tx.commit().await?;
                handed_over += 1;
            }
            Err(NotCopied::NoSpace) => is_full = true,
            Err(why) => {
                tracing::warn!(lidarr_download = id, "what Lidarr has was not brought: {why}");
                client.run(FAILED, &[&id, &why.to_string()]).await?;
            }
        }
    }
    if is_full {
        return Ok(Outcome::Snooze(FULL));
    }
    Ok(Outcome::Done(json!({"handed_over": handed_over, "found": rows.len()})))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::from_value;

    #[test]
    fn the_webhook_tells_of_an_album_and_of_nothing_else() {
        let news = |value| Arrival::of(&from_value(value).unwrap());
        let told = json!({
            "eventType": "Download", "downloadId": "SAB1", "artist": {"name": "Kino"}, "album": {"title": "Noch"},
            "trackFiles": [{"path": "/music/Kino/Noch/01.flac"}, {"path": "/music/Kino/Noch/02.flac"}]});
        let arrival = news(told.clone()).unwrap();
        assert_eq!((arrival.reference.as_str(), arrival.folder.as_str()), ("SAB1", "/music/Kino/Noch"));
        assert_eq!((arrival.artist.as_deref(), arrival.title.as_str()), (Some("Kino"), "Noch"));
        for kind in ["Test", "Grab", "Rename", "DownloadFailure"] {
            let mut other = told.clone();
            other["eventType"] = kind.into();
            assert_eq!(news(other), None, "{kind}");
        }
        assert_eq!(news(json!({"eventType": "Download"})), None);
    }

    #[test]
    fn files_that_it_took_in_are_albums_by_their_download() {
        let of = |id: i64, event: &str, download: &str, path: &str| {
            from_value(json!({"id": id, "eventType": event, "downloadId": download, "sourceTitle": "x",
                "album": {"title": "A"}, "data": {"importedPath": path}}))
            .unwrap()
        };
        let history: Vec<lidarr::Happened> = vec![
            of(3, "trackFileImported", "one", "/m/Ann/A/CD1/01.flac"),
            of(2, "trackFileImported", "one", "/m/Ann/A/CD2/01.flac"),
            of(1, "grabbed", "two", "/m/Ann/B/01.flac"),
        ];
        let found = taken_in(history.iter());
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].reference.as_str(), found[0].folder.as_str()), ("one", "/m/Ann/A"));
    }
}
