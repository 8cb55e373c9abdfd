//! A backup back into its place: restored beside the running database, and what belongs to it after the names were
//! swapped. Who may make databases, swap names and pause units is the command line (`roles/cli/restore`).

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;
use std::time::Instant;

use anyhow::{Context, anyhow};
use nix::unistd::{Gid, Uid, chown};
use serde::Serialize;

use super::contents::{ARTWORK, LYRICS};
use super::file::{self, Found, checksum_of};
use super::manifest::Manifest;
use super::record;
use super::scratch;
use super::tools::Tools;
use super::verify;
use crate::app::App;
use crate::db::Sql;
use crate::error::Result;
use crate::files;
use crate::hearts;

/// A backup that lies in a database of its own now.
#[derive(Debug, Clone, Serialize)]
pub struct Beside {
    /// Its rows, as they were.
    pub rows: i64,
    /// Whose links will be made to follow: so many people.
    pub people: usize,
}

/// What was found and done after the swap.
#[derive(Debug, Clone, Serialize)]
pub struct Settled {
    /// Pictures and lyrics that were missing and are back.
    pub put_back: usize,
    /// What a person has to do about the music folder; none: nothing.
    pub music: Option<String>,
}

const LIBRARY: &str = "select id, track_count from library";
const FORGET_RUNNING: &str = "delete from backup where state = 'running'";
const FORGET_PROCESSES: &str = "delete from heartbeat";

/// Restores a backup into this empty database, brings it to this schema, and leaves in it what has to happen when it is
/// the running one: the links of all people follow the hearts.
///
/// # Errors
/// Why the backup is none; nothing but that database was touched.
pub async fn restore_beside(app: &App, backup: &Found, database: &str) -> Result<Beside> {
    let started = Instant::now();
    if app.db.config().get_dbname() == Some(database) {
        return Err(anyhow!("{database} is the running database").into());
    }
    let db = app.db.beside(database, 2)?;
    let tools = Tools::for_server(record::server_major(&db.get().await?).await?);
    let whole = verify::check(backup, &tools).await?;
    let restored = scratch::restore(&db, &whole, &tools).await?;
    let rows = restored.rows();
    let mut client = db.get().await?;
    let tx = client.transaction().await?;
    // The dump was made while its own run ran.
    tx.run(FORGET_RUNNING, &[]).await?;
    // Who was alive then is not now.
    tx.run(FORGET_PROCESSES, &[]).await?;
    let row = record::begin_drill(&tx, &backup.name).await?;
    record::proven(&tx, row, backup, &whole, (rows, 0, started.elapsed())).await?;
    let people = hearts::audit(&tx, None).await?.len();
    tx.commit().await?;
    Ok(Beside { rows, people })
}

/// After the swap: is the music folder the one of the restored library? Then pictures and lyrics that are missing in it
/// are put back, and nothing that is there is touched.
///
/// # Errors
/// `Database`, `Io`.
pub async fn settle_after(app: &App, backup: &Found) -> Result<Settled> {
    let row = app.db.get().await?.row(LIBRARY, &[]).await?;
    let (library, tracks): (uuid::Uuid, i64) = (row.get(0), row.get(1));
    let music = app.music().to_owned();
    let path = (!backup.is_single_file).then(|| backup.path.clone());
    let settled = tokio::task::spawn_blocking(move || {
        let marker = files::read_marker(&music)?;
        if marker != Some(library) {
            let sentence = strange_music(&music, marker, library, tracks)?;
            return Ok(Settled { put_back: 0, music: sentence });
        }
        let put_back = path.map_or(Ok(0), |path| put_back(&path, &music))?;
        anyhow::Ok(Settled { put_back, music: None })
    });
    Ok(settled.await.context("looking at the music")??)
}

/// What to do about a folder that is marked as another library's, or not at all. A fresh installation marks its empty
/// folder: that mark goes, since an empty folder under the right mark would look as if all music had vanished.
fn strange_music(
    music: &Path,
    marker: Option<uuid::Uuid>,
    library: uuid::Uuid,
    tracks: i64,
) -> anyhow::Result<Option<String>> {
    let path = music.join(files::MARKER);
    let is_empty = !walkdir::WalkDir::new(music.join("artists"))
        .into_iter()
        .filter_map(Result::ok)
        .any(|e| e.file_type().is_file());
    if tracks == 0 && is_empty {
        if marker.is_some() {
            files::remove_file_if_there(&path)?;
            files::write_marker(music, library)?;
        }
        return Ok(None);
    }
    if is_empty && marker.is_some() {
        files::remove_file_if_there(&path)?;
    }
    let what = match (is_empty, marker) {
        (true, _) => "the music is not there yet: bring it into this folder",
        (false, None) => "nothing says which library lies there",
        (false, Some(_)) => "another library lies there, says its mark",
    };
    let path = path.display();
    Ok(Some(format!(
        "{}: {what}. When the music of this library lies there: echo {library} | sudo tee {path}",
        music.display()
    )))
}

/// How many files came back.
fn put_back(backup: &Path, music: &Path) -> anyhow::Result<usize> {
    let mut count = 0;
    for part in Manifest::read(backup)?.parts {
        let relative = part.path.split_once('/').filter(|(kind, _)| [ARTWORK, LYRICS].contains(kind));
        let (Some((_, relative)), Some(source)) = (relative, part.within(backup)) else { continue };
        let target = music.join(files::text_to_path(relative));
        let Some(folder) = target.parent().filter(|folder| folder.is_dir()) else { continue };
        if target.symlink_metadata().is_ok() {
            continue;
        }
        let coming = folder.join(".barbossa-restoring");
        files::remove_file_if_there(&coming)?;
        files::copy_durably(&source, &coming)?;
        files::rename_noreplace(&coming, &target)?;
        files::sync_dir(folder)?;
        count += 1;
    }
    Ok(count)
}

/// Copies a backup that lies elsewhere (a stick, another machine's folder) into the folder of the backups, where the
/// service may read it; whole or not at all.
///
/// # Errors
/// What the disk says; `AlreadyExists` is none: it is here already.
pub fn take_in(dir: &Path, backup: &Found) -> anyhow::Result<Found> {
    let target = dir.join(&backup.name);
    if backup.path == target {
        return Ok(backup.clone());
    }
    let context = || format!("cannot copy {} into {}", backup.path.display(), dir.display());
    if target.symlink_metadata().is_err() {
        if !dir.is_dir() {
            DirBuilder::new().mode(0o700).recursive(true).create(dir).with_context(context)?;
        }
        copy_in(dir, &backup.path, &target).with_context(context)?;
    }
    file::at(&target).with_context(context)
}

fn copy_in(dir: &Path, source: &Path, target: &Path) -> anyhow::Result<()> {
    let owner = dir.metadata()?;
    let coming = dir.join(format!(".incoming-{}.tmp", target.file_name().unwrap_or_default().display()));
    files::remove_tree_if_there(&coming)?;
    for entry in walkdir::WalkDir::new(source) {
        let entry = entry?;
        let relative = entry.path().strip_prefix(source)?;
        let to = if relative.as_os_str().is_empty() { coming.clone() } else { coming.join(relative) };
        if entry.file_type().is_dir() {
            DirBuilder::new().mode(0o700).create(&to)?;
        } else if entry.file_type().is_file() {
            copy_closed(entry.path(), &to)?;
        }
        give(&to, &owner)?;
    }
    let beside = checksum_of(source);
    if beside.is_file() {
        let to = checksum_of(target);
        files::remove_file_if_there(&to)?;
        copy_closed(&beside, &to)?;
        give(&to, &owner)?;
    }
    files::rename_noreplace(&coming, target)?;
    Ok(files::sync_dir(dir)?)
}

fn copy_closed(from: &Path, to: &Path) -> io::Result<()> {
    let mut target = file::create(to)?;
    io::copy(&mut File::open(from)?, &mut target)?;
    target.sync_all()
}

/// To whom the folder of the backups belongs: all of what has come into it.
pub(super) fn give_all(path: &Path, dir: &Path) -> anyhow::Result<()> {
    let owner = dir.metadata()?;
    for entry in walkdir::WalkDir::new(path) {
        give(entry?.path(), &owner)?;
    }
    Ok(())
}

/// To whom the folder belongs.
fn give(path: &Path, owner: &std::fs::Metadata) -> io::Result<()> {
    if nix::unistd::geteuid().is_root() {
        chown(path, Some(Uid::from_raw(owner.uid())), Some(Gid::from_raw(owner.gid())))?;
    }
    Ok(())
}
