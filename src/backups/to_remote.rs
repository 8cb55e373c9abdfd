//! A destination that is a remote of rclone: carried under another name, compared, then renamed.
//!
//! At some services a rename is a copy, file by file: what has a backup's name there counts as one when it has its
//! manifest, and what is let go loses that first.

use std::path::Path;

use anyhow::Context;
use secrecy::SecretString;

use super::file::{self, Found};
use super::make::Purpose;
use super::manifest;
use super::send::{Lying, incoming};
use super::to_folder::name_it;
use crate::integrations::rclone::Rclone;

/// A folder of a remote.
pub(super) struct RemotePlace {
    rclone: Rclone,
    place: String,
}

impl RemotePlace {
    pub(super) fn open(remote: &str, config: Option<&SecretString>) -> anyhow::Result<Self> {
        let rclone = Rclone::new(config)?;
        Ok(Self { rclone, place: remote.trim_end_matches('/').to_owned() })
    }

    fn at(&self, name: &str) -> String {
        format!("{}/{name}", self.place)
    }

    pub(super) async fn list(&self) -> anyhow::Result<Vec<Lying>> {
        let folders = self.rclone.folders(&self.place).await?;
        let whole = match folders.is_empty() {
            true => Vec::new(),
            false => self.rclone.folders_with(&self.place, manifest::NAME).await?,
        };
        let lying = folders.into_iter().filter_map(|name| {
            let (made_at, purpose) = file::parsed(&name)?;
            let is_whole = whole.contains(&name);
            (purpose == Purpose::Routine).then_some(Lying { name, made_at, is_whole })
        });
        Ok(lying.collect())
    }

    pub(super) async fn put(&self, backup: &Found) -> anyhow::Result<()> {
        let source = backup.path.to_str().context("its path is not UTF-8")?;
        let (coming, target) = (self.at(&format!(".{}.tmp", backup.name)), self.at(&backup.name));
        let there = self.rclone.folders(&self.place).await?;
        if there.contains(&backup.name) {
            if self.rclone.check(source, &target).await.is_ok() {
                return Ok(());
            }
            self.remove(&backup.name).await?;
        }
        // What runs left that were stopped: of this backup and of others.
        for name in there.iter().filter(|name| is_leftover(name)) {
            self.rclone.remove_folder(&self.at(name)).await?;
        }
        self.rclone.copy(source, &coming).await.context("it could not be carried")?;
        self.rclone.check(source, &coming).await.context("what came there is not what was sent")?;
        self.rclone.rename(&coming, &target).await.context("it could not get its name")?;
        // Where a rename is a copy, it is as good as one that was looked at.
        self.rclone.check(source, &target).await.context("what lies there is not what was sent")?;
        Ok(())
    }

    pub(super) async fn remove(&self, name: &str) -> anyhow::Result<()> {
        let path = self.at(name);
        // It may have none: then it is none.
        let _ = self.rclone.remove_file(&format!("{path}/{}", manifest::NAME)).await;
        Ok(self.rclone.remove_folder(&path).await?)
    }

    pub(super) async fn fetch(&self, name: &str, into: &Path) -> anyhow::Result<Found> {
        let coming = incoming(into, name)?;
        let target = coming.to_str().context("its path is not UTF-8")?;
        self.rclone.copy(&self.at(name), target).await?;
        file::close(&coming)?;
        name_it(&coming, into, name)
    }
}

fn is_leftover(name: &str) -> bool {
    name.strip_prefix('.').and_then(|n| n.strip_suffix(".tmp")).is_some_and(|n| file::parsed(n).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_we_left_is_a_leftover() {
        assert!(is_leftover(".barbossa-20261122T103900Z.tmp"));
        for other in ["barbossa-20261122T103900Z", ".mine.tmp", ".barbossa-20261122T103900Z", "x.tmp"] {
            assert!(!is_leftover(other), "{other}");
        }
    }
}
