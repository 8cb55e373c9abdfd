//! `manifest.json`: what a backup holds, so that whoever finds it in ten years can tell whether it is all there.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, bail};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::file::{create, hex, sum};
use crate::files;

/// The manifest's name in a backup.
pub(super) const NAME: &str = "manifest.json";
/// The database's.
pub(super) const DUMP: &str = "database.dump";
/// Of this shape.
const FORMAT: u32 = 1;

/// What a backup holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Of this file: 1.
    pub format: u32,
    /// Of the program that made it.
    pub version: String,
    /// Of the database's schema.
    pub schema: i32,
    /// The major version of the server.
    pub postgresql: u32,
    /// When it was begun.
    pub made_at: Timestamp,
    /// Which library it is of; none when there was none yet.
    pub library: Option<Uuid>,
    /// The rows of each table, as the dump has them.
    pub tables: BTreeMap<String, i64>,
    /// All files but this one.
    pub parts: Vec<Part>,
    /// Sentences: what is not in it, and why.
    pub left_out: Vec<String>,
}

/// One file of a backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// Relative to the backup's folder.
    pub path: String,
    /// Its size.
    pub size_bytes: u64,
    /// Hex.
    pub sha256: String,
}

impl Manifest {
    /// One of what is in `folder` now: each file is read from its first byte to its last.
    pub(super) fn of(folder: &Path, about: About) -> io::Result<Self> {
        let mut parts = Vec::new();
        for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
            let entry = entry?;
            if entry.file_type().is_file() {
                parts.push(Part::read(folder, entry.path())?);
            }
        }
        Ok(Self {
            format: FORMAT,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            schema: about.schema,
            postgresql: about.postgresql,
            made_at: about.made_at,
            library: about.library,
            tables: about.tables,
            parts,
            left_out: about.left_out,
        })
    }

    /// Puts it into the folder, durably.
    pub(super) fn write(&self, folder: &Path) -> anyhow::Result<()> {
        let mut text = serde_json::to_string_pretty(self)?;
        text.push('\n');
        let path = folder.join(NAME);
        let mut file = create(&path)?;
        files::may_fail("write", &path)?;
        file.write_all(text.as_bytes())?;
        files::may_fail("fsync", &path)?;
        Ok(file.sync_all()?)
    }

    /// The one of a backup.
    ///
    /// # Errors
    /// When there is none, it cannot be read, or a later version of Barbossa wrote it.
    pub fn read(backup: &Path) -> anyhow::Result<Self> {
        let path = backup.join(NAME);
        let text =
            std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let manifest: Self =
            serde_json::from_str(&text).with_context(|| format!("{} is damaged", path.display()))?;
        if manifest.format > FORMAT {
            bail!(
                "{} was made by a newer Barbossa ({}): install that one",
                backup.display(),
                manifest.version
            );
        }
        Ok(manifest)
    }

    /// All bytes of it but the manifest's own.
    pub fn size_bytes(&self) -> u64 {
        self.parts.iter().map(|part| part.size_bytes).sum()
    }

    /// Reads every part again. Blocks, for as long as the disk takes.
    ///
    /// # Errors
    /// The first part that is missing, of another size or of other bytes.
    pub(super) fn check(&self, backup: &Path) -> anyhow::Result<()> {
        for part in &self.parts {
            let path =
                part.within(backup).with_context(|| format!("{} is no path in a backup", part.path))?;
            let (size, sha256) = sum(&path).with_context(|| format!("{} is missing", part.path))?;
            if size != part.size_bytes {
                bail!("{} has {size} bytes instead of {}", part.path, part.size_bytes);
            }
            if hex(&sha256) != part.sha256 {
                bail!("{} has changed since it was made", part.path);
            }
        }
        if !self.parts.iter().any(|part| part.path == DUMP) {
            bail!("it has no {DUMP}");
        }
        Ok(())
    }
}

/// What a manifest says besides its parts.
#[derive(Debug, Clone)]
pub(super) struct About {
    pub schema: i32,
    pub postgresql: u32,
    pub made_at: Timestamp,
    pub library: Option<Uuid>,
    pub tables: BTreeMap<String, i64>,
    pub left_out: Vec<String>,
}

impl Part {
    /// Where it lies in this backup; none for a path that leads out of it.
    pub(super) fn within(&self, backup: &Path) -> Option<PathBuf> {
        let relative = files::text_to_path(&self.path);
        let is_plain = relative.components().all(|c| matches!(c, Component::Normal(_)));
        is_plain.then(|| backup.join(relative))
    }

    fn read(folder: &Path, path: &Path) -> io::Result<Self> {
        let (size_bytes, sha256) = sum(path)?;
        let relative = path.strip_prefix(folder).unwrap_or(path);
        Ok(Self { path: files::path_to_text(relative), size_bytes, sha256: hex(&sha256) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(folder: &Path) -> Manifest {
        std::fs::write(folder.join(DUMP), "dump").unwrap();
        std::fs::create_dir_all(folder.join("artwork/artists/Ada")).unwrap();
        std::fs::write(folder.join("artwork/artists/Ada/artist.jpg"), "picture").unwrap();
        let tables = [("album".to_owned(), 3)].into();
        let made_at = "2026-11-22T10:39:00Z".parse().unwrap();
        let about =
            About { schema: 12, postgresql: 17, made_at, library: None, tables, left_out: Vec::new() };
        let manifest = Manifest::of(folder, about).unwrap();
        manifest.write(folder).unwrap();
        manifest
    }

    #[test]
    fn it_names_every_file_and_is_read_again() {
        let dir = tempfile::tempdir().unwrap();
        let manifest = made(dir.path());
        let paths: Vec<_> = manifest.parts.iter().map(|p| p.path.as_str()).collect();
        assert_eq!(paths, ["artwork/artists/Ada/artist.jpg", DUMP]);
        assert_eq!(manifest.size_bytes(), 11);
        assert_eq!(Manifest::read(dir.path()).unwrap(), manifest);
        manifest.check(dir.path()).unwrap();
    }

    #[test]
    fn a_part_that_is_gone_cut_or_flipped_is_named() {
        for (change, said) in [
            (None, "is missing"),
            (Some("pictur"), "6 bytes instead of 7"),
            (Some("pictuRe"), "has changed since it was made"),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let manifest = made(dir.path());
            let path = dir.path().join("artwork/artists/Ada/artist.jpg");
            match change {
                None => std::fs::remove_file(path).unwrap(),
                Some(text) => std::fs::write(path, text).unwrap(),
            }
            let error = manifest.check(dir.path()).unwrap_err().to_string();
            assert!(error.contains("artist.jpg") && error.contains(said), "{error}");
        }
    }

    #[test]
    fn one_that_leads_out_or_comes_from_the_future_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut manifest = made(dir.path());
        manifest.parts[0].path = "../../etc/passwd".into();
        assert!(manifest.check(dir.path()).unwrap_err().to_string().contains("no path in a backup"));
        std::fs::remove_file(dir.path().join(NAME)).unwrap();
        manifest.format = 2;
        manifest.write(dir.path()).unwrap();
        assert!(Manifest::read(dir.path()).unwrap_err().to_string().contains("newer Barbossa"));
    }
}
