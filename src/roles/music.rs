//! Whether our music lies in `MUSIC_PATH`, before anything is done to it.
//!
//! A marker file carries the library's id. Missing is not deleted: without the marker nothing is known about the music
//! (the mount may be away), so file jobs wait and an alarm stands in STATUS and `/health`. Only a library without a
//! single track gets its folders and its marker from us.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use uuid::Uuid;

use super::{PATIENCE, stopped_within, wait_until_usable};
use crate::app::App;
use crate::db::Sql;
use crate::error::Result;
use crate::files;
use crate::lifecycle::Life;

/// The rooms of `MUSIC_PATH`.
const FOLDERS: [&str; 8] = [
    "artists",
    "users",
    "import",
    "import/pending",
    "import/review",
    "import/rejected",
    "downloads",
    ".trash",
];
/// Read, write and enter for the group too, and what is made inside belongs to it: members drop music in the inbox.
const SHARED: u32 = 0o2775;
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// A mount that takes longer is as good as away.
const HUNG: Duration = Duration::from_secs(5);

const LIBRARY: &str = "select id, exists (select 1 from track) from library";

/// What lies in `MUSIC_PATH`.
#[derive(Debug, PartialEq, Eq)]
enum Music {
    /// Our library.
    Ours,
    /// Nothing yet, and no track is missed: the worker is about to found the library.
    Unfounded,
    /// Not our library, or nobody knows; what a person should know.
    Away(String),
}

/// Waits until PostgreSQL is usable and the music is there; the library's id, or `None` when the process is to stop.
/// `keeps` says whether this process makes the folders and the marker of a new library.
pub(super) async fn wait_for(app: &App, life: &Life, keeps: bool) -> Option<Uuid> {
    let start = Instant::now();
    let mut told = None;
    loop {
        if !wait_until_usable(app, life).await {
            return None;
        }
        match look(app, keeps).await {
            Ok((library, Music::Ours)) => {
                if told.is_some() {
                    tracing::info!("the music is there");
                }
                return Some(library);
            }
            Ok((_, Music::Unfounded)) => life.status("waiting for the worker to found the library"),
            Ok((_, Music::Away(why))) => alarm(life, why, &mut told),
            // The database went away between the two looks; the next round tells.
            Err(error) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "cannot look at the library");
            }
        }
        life.progress();
        if start.elapsed() > PATIENCE {
            life.ready();
        }
        if stopped_within(LOOK_EVERY, life).await {
            return None;
        }
    }
}

/// Returns when the music is not there any more; what a person should know.
pub(super) async fn gone(app: &App, library: Uuid) -> String {
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        if let Music::Away(why) = bounded(app.music(), move |music| judge(music, library)).await {
            return why;
        }
    }
}

fn alarm(life: &Life, why: String, told: &mut Option<String>) {
    life.status(&format!("no file job is touched: {why}"));
    if told.as_ref() != Some(&why) {
        tracing::error!("no file job is touched: {why}");
        *told = Some(why);
    }
}

async fn look(app: &App, keeps: bool) -> Result<(Uuid, Music)> {
    let row = app.db.get().await?.row(LIBRARY, &[]).await?;
    let (library, has_tracks): (Uuid, bool) = (row.get(0), row.get(1));
    let music = bounded(app.music(), move |music| {
        if keeps && !has_tracks {
            found_library(music, library)
        } else if keeps {
            settle(music, library)
        } else if !has_tracks && matches!(files::read_marker(music), Ok(None)) {
            Music::Unfounded
        } else {
            judge(music, library)
        }
    });
    Ok((library, music.await))
}

/// A mount that hangs takes a thread with it, and nothing else.
async fn bounded(music: &Path, look: impl FnOnce(&Path) -> Music + Send + 'static) -> Music {
    let path = music.to_owned();
    let looked = tokio::task::spawn_blocking(move || look(&path));
    match tokio::time::timeout(HUNG, looked).await {
        Ok(Ok(music)) => music,
        Ok(Err(_)) | Err(_) => Music::Away(format!("{} does not answer", music.display())),
    }
}

/// By the marker alone.
fn judge(music: &Path, library: Uuid) -> Music {
    match files::read_marker(music) {
        Ok(Some(id)) if id == library => Music::Ours,
        Ok(Some(id)) => Music::Away(format!(
            "{} holds another library ({id}) than the database ({library}); mount the right one, or restore its database",
            music.display()
        )),
        Ok(None) => Music::Away(format!(
            "the marker of the library is missing in {}; is the disk mounted?",
            music.display()
        )),
        Err(error) => Music::Away(format!("{} cannot be read: {error}", music.display())),
    }
}

/// Our own library; a folder that somebody removed comes back.
fn settle(music: &Path, library: Uuid) -> Music {
    match judge(music, library) {
        Music::Ours | Music::Unfounded => match make_folders(music) {
            Ok(()) => Music::Ours,
            Err(error) => Music::Away(format!("{} cannot be written: {error}", music.display())),
        },
        away @ Music::Away(_) => away,
    }
}

/// A library without a track: whatever lies there, nothing of ours can be lost. The folder itself is not ours to make: it
/// may be where a disk is to be mounted.
fn found_library(music: &Path, library: Uuid) -> Music {
    match fs::metadata(music) {
        Ok(there) if there.is_dir() => {}
        Ok(_) => return Music::Away(format!("{} is not a folder", music.display())),
        Err(error) => return Music::Away(format!("{} is not there: {error}", music.display())),
    }
    if !matches!(files::read_marker(music), Ok(None)) {
        return settle(music, library);
    }
    match make_folders(music).and_then(|()| files::write_marker(music, library)) {
        Ok(()) => {
            tracing::info!("{} is the music folder of a new library", music.display());
            Music::Ours
        }
        Err(error) => Music::Away(format!("{} cannot be written: {error}", music.display())),
    }
}

fn make_folders(music: &Path) -> io::Result<()> {
    FOLDERS.iter().try_for_each(|folder| make_shared(&music.join(folder)))
}

fn make_shared(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Ok(()) => {}
        Err(error) if error.kind() == ErrorKind::AlreadyExists => return Ok(()),
        Err(error) => return Err(error),
    }
    let mode = fs::metadata(path)?.permissions().mode() & 0o7777;
    if mode & SHARED != SHARED {
        // The unit's sandbox refuses to set this bit; there the folder has it from the one above, which the package made.
        // Where even that is not so, sharing suffers and nothing else.
        if let Err(error) = fs::set_permissions(path, fs::Permissions::from_mode(mode | SHARED)) {
            tracing::warn!("{} is not shared with the group: {error}", path.display());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_library_gets_its_folders_and_its_marker() {
        let (dir, library) = (tempfile::tempdir().unwrap(), Uuid::new_v4());
        assert_eq!(found_library(dir.path(), library), Music::Ours);
        for folder in FOLDERS {
            let mode = fs::metadata(dir.path().join(folder)).unwrap().permissions().mode();
            assert_eq!(mode & 0o7777, SHARED, "{folder}");
        }
        assert_eq!(judge(dir.path(), library), Music::Ours);
        assert_eq!(found_library(dir.path(), library), Music::Ours, "again");
    }

    #[test]
    fn a_library_with_tracks_never_gets_a_marker_from_us() {
        let dir = tempfile::tempdir().unwrap();
        let Music::Away(why) = settle(dir.path(), Uuid::new_v4()) else { panic!("taken for ours") };
        assert!(why.contains("marker"), "{why}");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0, "nothing was made");
    }

    #[test]
    fn the_folder_of_another_library_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        files::write_marker(dir.path(), Uuid::new_v4()).unwrap();
        assert!(matches!(found_library(dir.path(), Uuid::new_v4()), Music::Away(_)));
    }

    #[test]
    fn a_missing_music_folder_is_not_made() {
        let dir = tempfile::tempdir().unwrap();
        let music = dir.path().join("disk");
        assert!(matches!(found_library(&music, Uuid::new_v4()), Music::Away(_)));
        assert!(!music.exists());
    }
}
