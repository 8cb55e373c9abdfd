//! Puts words with times beside their track as an `.lrc`, and moves it along when the track has another name. The worker's.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::db::Sql;
use crate::error::{Error, Result};
use crate::files::{self, path_to_text, text_to_path};
use crate::hearts;
use crate::jobs::{Context, Job, Outcome, Queue};
use crate::library;

const AWAY: Duration = Duration::from_secs(30);

/// Writes the words of one track.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WriteLyrics {
    /// Whose.
    pub track_id: i64,
}

const WORDS: &str =
    "select t.path, t.album_id, l.synced, l.path as written from lyrics l join track t on t.id = l.track_id
    where t.id = $1 and t.missing_since is null";
const WRITTEN: &str = "update lyrics set path = $2 where track_id = $1";

impl Job for WriteLyrics {
    const KIND: &'static str = "enrichment.write_lyrics";
    const QUEUE: Queue = Queue::Imports;
    const PRIORITY: i16 = 10;

    fn unique_key(&self) -> Option<String> {
        Some(self.track_id.to_string())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        match library::ensure_music_is_there(&context.app).await {
            Err(Error::Unavailable(_)) => return Ok(Outcome::Snooze(AWAY)),
            found => found?,
        }
        let mut client = context.app.db.get().await?;
        let Some(row) = client.maybe_row(WORDS, &[&self.track_id]).await? else {
            return Ok(Outcome::Cancel("The track is gone.".into()));
        };
        let Some(synced) = row.get::<_, Option<String>>("synced") else {
            return Ok(Outcome::Done(json!({"path": null})));
        };
        let written: Option<String> = row.get("written");
        let music = context.app.music().to_owned();
        let target = text_to_path(row.get("path")).with_extension("lrc");
        let place = target.clone();
        let putting = tokio::task::spawn_blocking(move || {
            put(&music, &place, written.as_deref().map(text_to_path).as_deref(), &synced)
        });
        let is_ours = putting.await.map_err(anyhow::Error::from)??;
        let path = is_ours.then(|| path_to_text(&target));
        let tx = client.transaction().await?;
        context.hold(&tx).await?;
        tx.run(WRITTEN, &[&self.track_id, &path]).await?;
        hearts::relink_album(&tx, row.get("album_id")).await?;
        tx.commit().await?;
        Ok(Outcome::Done(json!({"path": path})))
    }
}

/// Puts the words there, unless somebody else's lie there; whether ours do. Paths are relative to `music`. Blocks.
fn put(music: &Path, target: &Path, written: Option<&Path>, synced: &str) -> io::Result<bool> {
    let place = music.join(target);
    let text = format!("{}\n", synced.trim_end());
    if written == Some(target) && place.exists() {
        return Ok(true);
    }
    if let Some(old) = written.and_then(|written| left_behind(music, target, written)) {
        return match files::rename_noreplace(&old, &place) {
            Ok(()) => {
                for folder in [old.parent(), place.parent()].into_iter().flatten() {
                    files::sync_dir(folder)?;
                }
                Ok(true)
            }
            Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(false),
            Err(e) => Err(e),
        };
    }
    match files::create_durably(&place, text.as_bytes()) {
        Ok(()) => Ok(true),
        // Written by an attempt that ended before it could say so.
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(std::fs::read(&place)? == text.as_bytes()),
        Err(e) => Err(e),
    }
}

/// Where ours lies still, under the name that its track had: in the folder that it had, or carried along with the folder.
fn left_behind(music: &Path, target: &Path, written: &Path) -> Option<PathBuf> {
    let carried = target.parent()?.join(written.file_name()?);
    [written.to_owned(), carried].into_iter().map(|path| music.join(path)).find(|path| path.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_go_along_with_their_track_and_nobody_elses_are_touched() {
        let dir = tempfile::tempdir().unwrap();
        let music = dir.path();
        for folder in ["A/One", "A/Two"] {
            std::fs::create_dir_all(music.join(folder)).unwrap();
        }
        let read = |path: &str| std::fs::read_to_string(music.join(path)).ok();
        let [first, second] = ["A/One/01.lrc", "A/Two/02.lrc"].map(Path::new);
        assert!(put(music, first, None, "[00:01.00] la").unwrap());
        assert!(put(music, first, None, "[00:01.00] la").unwrap(), "an attempt before has written it");
        assert!(put(music, second, Some(first), "[00:01.00] la").unwrap());
        assert_eq!((read("A/One/01.lrc"), read("A/Two/02.lrc").as_deref()), (None, Some("[00:01.00] la\n")));
        // The folder was renamed with the file in it, and the track in the folder too.
        let third = Path::new("A/Two/03.lrc");
        assert!(put(music, third, Some(Path::new("A/Old/02.lrc")), "[00:01.00] la").unwrap());
        assert_eq!((read("A/Two/02.lrc"), read("A/Two/03.lrc").is_some()), (None, true));
        std::fs::write(music.join("A/Two/04.lrc"), "a person's").unwrap();
        assert!(!put(music, Path::new("A/Two/04.lrc"), Some(third), "[00:01.00] la").unwrap());
        assert_eq!(read("A/Two/04.lrc").as_deref(), Some("a person's"));
    }
}
