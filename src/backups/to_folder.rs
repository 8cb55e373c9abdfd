//! A destination that is a folder: another disk, or a mount of a NAS. Its marker says that the disk is there: an empty
//! mount point is a folder, too, and would fill the disk beneath it.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::file::{self, Folder, Found, hex, sum};
use super::make::Purpose;
use super::manifest::{self, Manifest};
use super::restore::give_all;
use super::send::{Lying, incoming};
use super::verify;
use crate::files;
use crate::parallel::blocking;

/// The file that says it.
pub const MARKER: &str = ".barbossa-backups";

/// The folder, whose disk was there when it was opened.
#[derive(Clone)]
pub(super) struct FolderPlace {
    path: PathBuf,
}

impl FolderPlace {
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        if !path.join(MARKER).is_file() {
            let path = path.display();
            bail!(
                "there is no file {MARKER} in {path}: is its disk mounted? \
                 The first time: install -d -o barbossa -g barbossa -m 700 '{path}' && touch '{path}/{MARKER}'"
            );
        }
        Ok(Self { path: path.to_owned() })
    }

    pub(super) fn list(&self) -> anyhow::Result<Vec<Lying>> {
        let found = file::on_disk(&self.path)?.into_iter();
        let folders = found.filter(|b| b.purpose == Purpose::Routine && !b.is_single_file);
        let lying =
            folders.map(|b| Lying { is_whole: verify::looks_whole(&b), made_at: b.made_at, name: b.name });
        Ok(lying.collect())
    }

    pub(super) async fn put(&self, backup: &Found) -> anyhow::Result<()> {
        let (place, backup) = (self.clone(), backup.clone());
        blocking(move || place.put_now(&backup)).await?
    }

    fn put_now(&self, backup: &Found) -> anyhow::Result<()> {
        let folder = Folder::lock(&self.path)?.context("another run is at it")?;
        folder.remove_leftovers()?;
        let there = self.path.join(&backup.name);
        let manifest = Manifest::read(&backup.path)?;
        if there.symlink_metadata().is_ok() {
            let is_same =
                Manifest::read(&there).is_ok_and(|m| m == manifest) && manifest.check(&there).is_ok();
            if is_same {
                return Ok(());
            }
            folder.remove_backup(&there)?;
        }
        let needed = manifest.size_bytes();
        let free = files::free_bytes(&self.path)?;
        if free < needed {
            bail!(
                "{} has {} MiB left, and the backup has {} MiB",
                self.path.display(),
                free >> 20,
                needed >> 20
            );
        }
        let earlier = file::on_disk(&self.path)?.into_iter().find(|b| !b.is_single_file);
        let earlier = earlier.and_then(|b| Some((Manifest::read(&b.path).ok()?, b.path)));
        let made = folder.begin(&backup.name)?;
        for part in &manifest.parts {
            let source = part.within(&backup.path).context("a path that leads out of the backup")?;
            let target = part.within(made.path()).context("a path that leads out of the backup")?;
            make_folders(target.parent().unwrap_or(made.path()))?;
            // What an earlier one has in the same bytes takes no room again.
            let same = earlier.as_ref().and_then(|(manifest, path)| {
                manifest.parts.iter().find(|p| p.path == part.path && p.sha256 == part.sha256)?.within(path)
            });
            let is_linked = same.is_some_and(|same| {
                sum(&same).is_ok_and(|(_, found)| hex(&found) == part.sha256)
                    && files::link_noreplace(&same, &target).is_ok()
            });
            if !is_linked {
                file::copy(&source, &target)?;
            }
        }
        file::copy(&backup.path.join(manifest::NAME), &made.path().join(manifest::NAME))?;
        // What was written is read again before it gets its name.
        Manifest::read(made.path())?.check(made.path())?;
        folder.finish(made)?;
        Ok(())
    }

    pub(super) fn remove(&self, name: &str) -> anyhow::Result<()> {
        let folder = Folder::lock(&self.path)?.context("another run is at it")?;
        Ok(folder.remove_backup(&self.path.join(name))?)
    }

    pub(super) fn fetch(&self, name: &str, into: &Path) -> anyhow::Result<Found> {
        let source = self.path.join(name);
        let coming = incoming(into, name)?;
        DirBuilder::new().mode(0o700).recursive(true).create(&coming)?;
        let manifest = Manifest::read(&source)?;
        for part in &manifest.parts {
            let from = part.within(&source).context("a path that leads out of the backup")?;
            let to = part.within(&coming).context("a path that leads out of the backup")?;
            make_folders(to.parent().unwrap_or(&coming))?;
            file::copy(&from, &to)?;
        }
        file::copy(&source.join(manifest::NAME), &coming.join(manifest::NAME))?;
        name_it(&coming, into, name)
    }
}

/// Gives what has come its name, when all of it is right.
pub(super) fn name_it(coming: &Path, into: &Path, name: &str) -> anyhow::Result<Found> {
    Manifest::read(coming)?.check(coming)?;
    give_all(coming, into)?;
    let path = into.join(name);
    files::rename_noreplace(coming, &path)?;
    files::sync_dir(into)?;
    file::at(&path).context("it has no backup's name")
}

fn make_folders(path: &Path) -> std::io::Result<()> {
    DirBuilder::new().mode(0o700).recursive(true).create(path)
}
