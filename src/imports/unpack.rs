//! A zip that lies in the inbox is a folder that is packed: it is taken apart beside, appears as that folder by one
//! rename, and the folder goes in as any other. One that cannot be taken apart is rejected, with the reason.
//!
//! The zip goes only when its folder stands; where it is to stand is in the row before, so that whoever comes after a
//! crash knows which of the two was meant to last. Every step can be taken twice.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::carry::{NEEDS_A_PERSON, SOON};
use super::import::Import;
use super::import_release::{ImportRelease, Prepared, not_yet};
use super::inbox::{self, PENDING, REJECTED};
use super::place::write_note;
use super::plan::{Ending, folder_numbered, folder_underscored};
use super::settle::{self, Rest};
use super::stops::here;
use super::tree::{Entry, Kind, Tree};
use crate::activity;
use crate::db::Client;
use crate::error::Result;
use crate::files::{self, UnzipLimits, UnzipRefusal, path_to_text, safe_component};
use crate::jobs::{self, Context};
use crate::parallel::blocking;

/// Of an archive; a box set has hundreds.
const MOST_FILES: usize = 10_000;
/// What stays free on the music's disk.
const RESERVE_BYTES: u64 = 1 << 30;
/// Music shrinks by less than this in a zip: when there is room for so much, what is too large is no music.
const USUAL_GROWTH: u64 = 4;

/// What became of an archive.
enum Opened {
    /// Its files stand in the staging folder, durably; the archive as it was then.
    Whole(Entry),
    /// Later; why.
    NotYet { reason: String, look_after: Duration },
    /// Never; why.
    Refused(String),
    /// The process stops, or a person does not want it.
    Stopped,
    /// Somebody took it away.
    Gone,
}

/// One archive and where it goes. All functions block.
#[derive(Debug, Clone)]
struct Packed {
    music: PathBuf,
    archive: PathBuf,
    /// Hidden, so that nobody imports half of it.
    staging: PathBuf,
    quiet: Duration,
    /// A copy that has paused for less than this may go on.
    patience: Duration,
}

impl ImportRelease {
    /// Ends what was begun before a crash, if there was one.
    pub(super) async fn finish_unpacking(
        &self,
        context: &Context,
        client: &mut Client,
        import: &mut Import,
    ) -> Result<Option<Prepared>> {
        let Some(target) = import.heads_for.clone().filter(|target| *target != self.path) else {
            return Ok(None);
        };
        let packed = self.packed(context, import);
        if target.starts_with(REJECTED) {
            return self.reject_archive(context, client, import, packed, &target).await.map(Some);
        }
        // The folder was complete before its name was written down, so that without a staging folder it has appeared.
        if !packed.staging.exists() {
            let written_at = import.updated_at;
            let is_older =
                move |now: &Entry| Timestamp::try_from(now.changed).is_ok_and(|at| at <= written_at);
            return self.hand_over(client, packed, &target, is_older).await.map(Some);
        }
        import.will_be(client, &self.path, None).await?;
        Ok(None)
    }

    /// Takes an archive apart: its folder is an import of its own.
    pub(super) async fn unpack(
        &self,
        context: &Context,
        client: &mut Client,
        import: &mut Import,
    ) -> Result<Prepared> {
        let packed = self.packed(context, import);
        here("unpacking", &self.path).map_err(anyhow::Error::from)?;
        let (opening, stop, progress) = (packed.clone(), context.stop.clone(), context.progress.clone());
        match blocking(move || opening.open(&stop, &progress)).await?? {
            Opened::Gone => Ok(Prepared::Never("the archive is gone".into())),
            Opened::Stopped => Ok(not_yet("it is being unpacked", Duration::ZERO)),
            Opened::NotYet { reason, look_after } => Ok(not_yet(reason, look_after)),
            Opened::Refused(reason) => {
                let target = packed.free(REJECTED, folder_underscored);
                import.will_be(client, &target, Some(&reason)).await?;
                self.reject_archive(context, client, import, packed, &target).await
            }
            Opened::Whole(archive) => {
                here("unpacked", &self.path).map_err(anyhow::Error::from)?;
                let target = packed.free(PENDING, folder_numbered);
                import.will_be(client, &target, None).await?;
                let (appearing, folder) = (packed.clone(), target.clone());
                match blocking(move || appearing.appear(&folder)).await? {
                    // Somebody took the name in this moment.
                    Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                        Ok(not_yet("it is being unpacked", SOON))
                    }
                    Err(error) => Err(error.into()),
                    Ok(()) => {
                        here("appeared", &self.path).map_err(anyhow::Error::from)?;
                        self.hand_over(client, packed, &target, move |now| *now == archive).await
                    }
                }
            }
        }
    }

    fn packed(&self, context: &Context, import: &Import) -> Packed {
        let music = context.app.music().to_owned();
        Packed {
            archive: self.dir(context),
            staging: music.join(PENDING).join(format!(".unzip-{}", import.id)),
            quiet: inbox::quiet(&context.app),
            patience: Duration::from_secs(context.app.settings.imports.settle_incomplete_seconds.into()),
            music,
        }
    }

    /// The folder stands: it is imported, and the archive goes, unless another one has its name by now.
    async fn hand_over(
        &self,
        client: &mut Client,
        packed: Packed,
        folder: &str,
        is_unpacked: impl Fn(&Entry) -> bool + Send + 'static,
    ) -> Result<Prepared> {
        let tx = client.transaction().await?;
        jobs::enqueue(&tx, &Self { path: folder.to_owned(), ..self.clone() }).await?;
        tx.commit().await?;
        blocking(move || packed.remove(is_unpacked)).await??;
        tracing::info!(path = self.path, folder, "unpacked");
        Ok(Prepared::Several(vec![folder.to_owned()]))
    }

    /// The archive goes to `target`, where its row says that it will be.
    async fn reject_archive(
        &self,
        context: &Context,
        client: &mut Client,
        import: &mut Import,
        packed: Packed,
        target: &str,
    ) -> Result<Prepared> {
        let reason = import.reason.clone().unwrap_or_else(|| "it cannot be unpacked".into());
        let (folder, note) = (packed.music.join(target), reason.clone());
        let set_aside = move || {
            files::remove_tree_if_there(&packed.staging)?;
            packed.set_aside(&folder, &note)
        };
        blocking(set_aside).await??;
        here("set aside", &self.path).map_err(anyhow::Error::from)?;
        let tx = client.transaction().await?;
        context.hold(&tx).await?;
        import.end(&tx, Ending::Rejected.state(), Some(target), Some(&reason), None).await?;
        let details = json!({"import_id": import.id, "path": target, "reason": reason});
        activity::record(&tx, import.requested_by, "import_rejected", None, Some(&details), None).await?;
        tx.commit().await?;
        tracing::warn!(path = self.path, target, "rejected: {reason}");
        Ok(Prepared::Rejected)
    }
}

impl Packed {
    /// Takes it apart into the staging folder, once nobody writes to it any more.
    fn open(&self, stop: &CancellationToken, progress: &watch::Sender<Option<Value>>) -> io::Result<Opened> {
        files::remove_tree_if_there(&self.staging)?;
        let (archive, rested) = match settle::look_at_archive(&self.archive, self.quiet) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Opened::Gone),
            Err(e) => return Ok(needs_a_person(format!("it could not be read: {e}"))),
            Ok((archive, Rest::Settled(rested))) => (archive, rested),
            Ok((_, Rest::Wait { reason, look_after })) => return Ok(Opened::NotYet { reason, look_after }),
            Ok((_, Rest::ClockAhead | Rest::Nothing(_))) => {
                return Ok(Opened::NotYet {
                    reason: "its file system's clock is ahead".into(),
                    look_after: self.quiet,
                });
            }
        };
        let packed_bytes = archive.size_bytes;
        let room = files::free_bytes(&self.music)?.saturating_sub(RESERVE_BYTES);
        if room < packed_bytes {
            return Ok(needs_a_person(no_room()));
        }
        let mut go_on = |bytes: u64| {
            let done = bytes.min(packed_bytes);
            progress.send_replace(Some(json!({"done": done, "total": packed_bytes})));
            !stop.is_cancelled()
        };
        let limits = UnzipLimits { total_bytes: room, files: MOST_FILES };
        let opened = match files::unzip(&self.archive, &self.staging, limits, &mut go_on) {
            Ok(_) if has_audio(&self.staging)? => {
                files::sync_dir(&self.music.join(PENDING))?;
                return Ok(Opened::Whole(archive));
            }
            Ok(_) => Opened::Refused("there is no audio in it".into()),
            Err(UnzipRefusal::Cancelled) => Opened::Stopped,
            // A copy that was made with pauses, or by a program that sets the times back.
            Err(UnzipRefusal::Broken(why)) if rested < self.patience => Opened::NotYet {
                reason: format!("it is not complete yet: {why}"),
                look_after: self.patience.saturating_sub(rested),
            },
            Err(UnzipRefusal::TooLarge(_)) if room / USUAL_GROWTH < packed_bytes => needs_a_person(no_room()),
            Err(UnzipRefusal::Io(error)) if error.kind() == ErrorKind::StorageFull => {
                needs_a_person(no_room())
            }
            Err(UnzipRefusal::Io(error)) => {
                files::remove_tree_if_there(&self.staging)?;
                return Err(error);
            }
            Err(refusal) => Opened::Refused(refusal.to_string()),
        };
        files::remove_tree_if_there(&self.staging)?;
        Ok(opened)
    }

    /// A folder in `room` that is not there, named as the archive.
    fn free(&self, room: &str, numbered: fn(&str, u32) -> String) -> String {
        let stem = path_to_text(Path::new(self.archive.file_stem().unwrap_or_default()));
        let plain = format!("{room}/{}", safe_component(&stem));
        let names = std::iter::once(plain.clone()).chain((2..).map(|n| numbered(&plain, n)));
        let is_free = |name: &String| self.music.join(name).symlink_metadata().is_err();
        names.into_iter().find(is_free).unwrap_or_else(|| plain.clone())
    }

    fn appear(&self, folder: &str) -> io::Result<()> {
        files::rename_noreplace(&self.staging, &self.music.join(folder))?;
        files::sync_dir(&self.music.join(PENDING))
    }

    fn remove(&self, is_unpacked: impl Fn(&Entry) -> bool) -> io::Result<()> {
        match Entry::of_archive(&self.archive) {
            Ok(now) if is_unpacked(&now) => files::remove_file_if_there(&self.archive)?,
            _ => return Ok(()),
        }
        files::sync_dir(&self.music.join(PENDING))
    }

    /// Moves the archive to `folder`, with the reason beside it.
    fn set_aside(&self, folder: &Path, reason: &str) -> io::Result<()> {
        files::make_dirs(folder)?;
        write_note(folder, reason).map_err(io::Error::other)?;
        let target = folder.join(self.archive.file_name().unwrap_or_default());
        match files::rename_noreplace(&self.archive, &target) {
            // Moved before.
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            other => other?,
        }
        files::sync_dir(folder)?;
        files::sync_dir(&self.music.join(REJECTED))?;
        files::sync_dir(&self.music.join(PENDING))
    }
}

fn has_audio(folder: &Path) -> io::Result<bool> {
    Ok(Tree::of(folder)?.files.iter().any(|file| file.kind == Kind::Audio))
}

fn needs_a_person(reason: String) -> Opened {
    Opened::NotYet { reason, look_after: NEEDS_A_PERSON }
}

fn no_room() -> String {
    "the disk is full: there is not enough room to unpack it".into()
}
