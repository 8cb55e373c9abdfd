//! Whether a backup is whole: every part has its bytes, and the dump can be read from its list of contents to its end.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow, bail};

use super::file::{self, Found};
use super::manifest::{self, Manifest};
use super::record;
use super::tools::Tools;
use crate::app::App;
use crate::error::{Error, Result};

/// A backup that was read from its first byte to its last.
#[derive(Debug, Clone)]
pub struct Whole {
    /// What it says of itself; a single dump says nothing.
    pub manifest: Option<Manifest>,
    /// Its dump of the database.
    pub dump: PathBuf,
    /// Of all parts.
    pub size_bytes: u64,
    /// Of its manifest, or of the single dump.
    pub sha256: [u8; 32],
}

/// What was found.
#[derive(Debug, Clone)]
pub struct Verdict {
    /// Of which.
    pub backup: Found,
    /// What is wrong with it; none: it is whole.
    pub problem: Option<String>,
    /// How long the look took.
    pub took: Duration,
}

/// Reads one backup, or each of them from the newest on, and writes down what was found.
///
/// # Errors
/// `NotFound` when there is none of that name; `Database` when PostgreSQL is away.
pub async fn verify(app: &App, name: Option<&str>, tell: impl Fn(&Found)) -> Result<Vec<Verdict>> {
    let client = app.db.get().await?;
    let tools = Tools::for_server(record::server_major(&client).await?);
    drop(client);
    let dir = &app.settings.backup_dir;
    let backups = match name {
        Some(name) => vec![find(dir, name)?],
        None => file::on_disk(dir)?,
    };
    let mut verdicts = Vec::new();
    for backup in backups {
        tell(&backup);
        let started = Instant::now();
        let checked = check(&backup, &tools).await;
        let problem = checked.as_ref().err().map(|error| format!("{error:#}"));
        let client = app.db.get().await?;
        record::checked(&client, &backup, checked.as_ref().ok(), problem.as_deref()).await?;
        verdicts.push(Verdict { backup, problem, took: started.elapsed() });
    }
    Ok(verdicts)
}

/// The backup of this name in the folder, or at this path.
///
/// # Errors
/// `NotFound`
pub fn find(dir: &Path, name: &str) -> Result<Found> {
    let path = if name.contains('/') { PathBuf::from(name) } else { dir.join(name) };
    let with_ending = path.with_file_name(format!("{}.dump", path.file_name().unwrap_or_default().display()));
    let found = file::at(&path).or_else(|| file::at(&with_ending));
    found.ok_or(Error::NotFound("There is no backup of this name: `barbossa backup list` shows them."))
}

/// Reads a backup from its first byte to its last.
///
/// # Errors
/// What is wrong with it, as a sentence.
pub async fn check(backup: &Found, tools: &Tools) -> anyhow::Result<Whole> {
    let path = backup.path.clone();
    let is_single_file = backup.is_single_file;
    let read = tokio::task::spawn_blocking(move || match is_single_file {
        true => read_single(&path),
        false => read_folder(&path),
    });
    let whole = read.await.context("reading the backup")??;
    let tables = whole.manifest.as_ref().map(|m| m.tables.keys()).into_iter().flatten();
    dump(&whole.dump, tools, tables).await?;
    Ok(whole)
}

fn read_folder(path: &Path) -> anyhow::Result<Whole> {
    let manifest = Manifest::read(path)?;
    manifest.check(path)?;
    let (_, sha256) = file::sum(&path.join(manifest::NAME))?;
    let size_bytes = manifest.size_bytes();
    Ok(Whole { dump: path.join(manifest::DUMP), size_bytes, sha256, manifest: Some(manifest) })
}

/// A dump of an earlier version, its checksum beside it.
fn read_single(path: &Path) -> anyhow::Result<Whole> {
    let (size_bytes, sha256) = file::sum(path)?;
    let beside = file::checksum_of(path);
    let said =
        std::fs::read_to_string(&beside).with_context(|| format!("cannot read {}", beside.display()))?;
    if said.split_whitespace().next() != Some(file::hex(&sha256).as_str()) {
        bail!("it has changed since it was made: its checksum is another");
    }
    Ok(Whole { dump: path.to_owned(), size_bytes, sha256, manifest: None })
}

/// Without reading it: whether what makes it a backup is there, in its size.
pub(super) fn looks_whole(backup: &Found) -> bool {
    if backup.is_single_file {
        return file::checksum_of(&backup.path).exists() && backup.path.metadata().is_ok_and(|m| m.len() > 0);
    }
    let Ok(manifest) = Manifest::read(&backup.path) else { return false };
    manifest.parts.iter().all(|part| {
        let path = part.within(&backup.path);
        path.and_then(|path| path.metadata().ok()).is_some_and(|m| m.len() == part.size_bytes)
    })
}

/// Its list of contents names each of our tables, and it can be read to its end: the list stands at the beginning, and
/// is whole in a dump that lacks its second half.
pub(super) async fn dump(
    path: &Path,
    tools: &Tools,
    tables: impl Iterator<Item = &String>,
) -> anyhow::Result<()> {
    let list = tools.restore().arg("--list").arg(path).run().await.context("the dump cannot be read")?;
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    for table in tables {
        if !has_data_of(&list, table) {
            return Err(anyhow!("the dump lacks the table {table}"));
        }
    }
    let whole = tools.restore().arg("--file=/dev/null").arg(path).run().await;
    whole.context("the dump cannot be read to its end")?;
    Ok(())
}

/// `3456; 0 16398 TABLE DATA public album barbossa`
fn has_data_of(list: &str, table: &str) -> bool {
    list.lines()
        .filter_map(|line| line.split_once(" TABLE DATA "))
        .any(|(_, rest)| rest.split(' ').nth(1) == Some(table))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_in_the_list_by_its_whole_name() {
        let list = "; Archive created\n3456; 0 16398 TABLE DATA public album_art barbossa\n3457; 0 1 TABLE public heart barbossa\n";
        assert!(has_data_of(list, "album_art"));
        assert!(!has_data_of(list, "album") && !has_data_of(list, "heart"));
    }
}
