//! The way back: a proven copy takes the damaged file's place, which goes into the trash; or a person takes the file as
//! it is now.
//!
//! The one safe replace: the copy is made beside, read back and fsynced; the damaged file is renamed into the trash,
//! whose row is there before; the copy is renamed to the free name; then the rows. Safe to run twice: a run that was
//! stopped finds what is done by looking.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::damages::{Way, damages};
use super::fetch_copy::{FetchGoodCopy, MUSIC_BACKUP, fetched_place};
use crate::activity;
use crate::app::App;
use crate::audio::{self, Digest};
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::files;
use crate::imports::Adopt;
use crate::jobs::{self, Context, Job, Outcome, Queue};
use crate::library::{self, Action, Ending, RenewedFile};
use crate::parallel::blocking;
use crate::trash;

/// Put a good copy in the place of a damaged file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Repair {
    /// Which damage.
    pub damage_id: i64,
    /// Who asked.
    pub requested_by: Option<i64>,
}

/// The track of a damage, and what its file should be.
pub(super) struct Patient {
    track_id: i64,
    album_id: i64,
    pub path: String,
    artist: String,
    album: String,
    kind: String,
    checksum: Option<Vec<u8>>,
    essence: Option<String>,
    row: Value,
}

const PATIENT: &str = "select t.id, t.album_id, t.path, r.name, a.title, d.kind, t.checksum, t.essence, to_jsonb(t) - 'search'
    from damage d join track t on t.id = d.track_id join album a on a.id = t.album_id join artist r on r.id = a.artist_id
    where d.id = $1 and d.ended_at is null";

impl Patient {
    pub(super) async fn find(client: &impl Sql, damage_id: i64) -> Result<Self> {
        let row = client.maybe_row(PATIENT, &[&damage_id]).await?;
        let row = row.ok_or(Error::NotFound("Damage not found"))?;
        Ok(Self {
            track_id: row.get(0),
            album_id: row.get(1),
            path: row.get(2),
            artist: row.get(3),
            album: row.get(4),
            kind: row.get(5),
            checksum: row.get(6),
            essence: row.get(7),
            row: row.get(8),
        })
    }

    /// 2: every byte is as it was; 1: the same audio, with other tags; 0: neither.
    pub(super) fn fitness(&self, path: &Path, digest: &Digest) -> u8 {
        if self.checksum.as_deref() == Some(&digest.checksum) {
            return 2;
        }
        let is_whole =
            || audio::read(path).and_then(|sound| audio::verify(path, &sound.quality, digest)).is_ok();
        u8::from(self.essence.as_deref() == Some(&digest.essence) && is_whole())
    }

    /// The best of the places where a good copy may be.
    fn remedy(&self, music: &Path, ways: &[Way]) -> Option<(Way, PathBuf, Digest)> {
        let mut best: Option<(u8, Way, PathBuf, Digest)> = None;
        for way in ways.iter().filter(|way| way.kind != "download") {
            let Some(path) = files::beneath(music, &way.place) else { continue };
            let Ok(digest) = audio::checksum_and_essence(&path) else { continue };
            let fitness = self.fitness(&path, &digest);
            if fitness > best.as_ref().map_or(0, |b| b.0) {
                best = Some((fitness, way.clone(), path, digest));
            }
        }
        best.map(|(_, way, path, digest)| (way, path, digest))
    }
}

impl Job for Repair {
    const KIND: &'static str = "integrity.repair";
    const QUEUE: Queue = Queue::Imports;
    const MAX_ATTEMPTS: i32 = 3;

    fn unique_key(&self) -> Option<String> {
        Some(self.damage_id.to_string())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        let app = &context.app;
        library::ensure_music_is_there(app).await?;
        let client = app.db.get().await?;
        let patient = match Patient::find(&client, self.damage_id).await {
            Err(Error::NotFound(_)) => return Ok(Outcome::Done(json!({"state": "ended"}))),
            patient => patient?,
        };
        drop(client);
        let mut ways =
            damages(app, None, Some(self.damage_id), 1).await?.pop().map(|d| d.ways).unwrap_or_default();
        ways.push(Way { kind: MUSIC_BACKUP.into(), place: fetched_place(self.damage_id) });
        let in_backup = ways.iter().find(|way| way.kind == MUSIC_BACKUP && way.place.contains(':')).cloned();
        let music = app.music().to_owned();
        let (patient, found) = blocking(move || {
            let found = patient.remedy(&music, &ways);
            (patient, found)
        })
        .await?;
        let Some((way, good, digest)) = found else {
            if let Some(way) = in_backup {
                let Self { damage_id, requested_by } = self;
                let fetch = FetchGoodCopy { damage_id, requested_by, place: way.place };
                let job_id = jobs::enqueue(&app.db.get().await?, &fetch).await?;
                return Ok(Outcome::Done(json!({"state": "fetching", "job_id": job_id})));
            }
            let reason = format!(
                "No intact copy of {} was found: download it again, or accept it as it is.",
                patient.path
            );
            return Ok(Outcome::Cancel(reason));
        };
        self.entrust_to_trash(context, &patient).await?;
        let (music, path, id) = (app.music().to_owned(), patient.path.clone(), self.damage_id);
        let checksum = digest.checksum;
        let modified = blocking(move || replace(&music, &path, id, &good, &checksum)).await??;
        let done = self.record(context, &patient, &way, digest, modified).await?;
        if way.kind == MUSIC_BACKUP
            && let Some(fetched) = files::beneath(app.music(), &fetched_place(id))
            && let Err(error) = files::remove_file_if_there(&fetched)
        {
            // The repair is done; a copy too many is no reason to do it again.
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, damage_id = id, "what was fetched for a repair could not be removed");
        }
        Ok(done)
    }
}

/// Where the damaged file goes, relative to MUSIC_PATH.
fn trash_dir(damage_id: i64) -> String {
    format!(".trash/damaged/{damage_id}")
}

fn file_name(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

impl Repair {
    /// The trash knows of the damaged file before it is moved there.
    async fn entrust_to_trash(&self, context: &Context, patient: &Patient) -> Result<()> {
        let app = &context.app;
        let whole = files::beneath(app.music(), &patient.path);
        let size_bytes = whole.and_then(|p| p.symlink_metadata().ok()).map(|m| m.len());
        let Some(size_bytes) = size_bytes else { return Ok(()) };
        let file = trash::File {
            name: file_name(&patient.path).to_owned(),
            original_path: patient.path.clone(),
            size_bytes,
            checksum: None,
            essence: None,
            track_id: Some(patient.track_id),
            track: Some(patient.row.clone()),
        };
        let entry = trash::NewEntry {
            kind: trash::Kind::Replaced,
            path: trash_dir(self.damage_id),
            artist: Some(patient.artist.clone()),
            title: patient.album.clone(),
            album_id: Some(patient.album_id),
            import_id: None,
            files: vec![file],
            snapshot: None,
            reason: format!("it was damaged ({}) and replaced by a good copy", patient.kind),
            trashed_by: self.requested_by,
        };
        let mut client = app.db.get().await?;
        let tx = client.transaction().await?;
        context.hold(&tx).await?;
        trash::put(app, &tx, &entry).await?;
        Ok(tx.commit().await?)
    }

    async fn record(
        &self,
        context: &Context,
        patient: &Patient,
        way: &Way,
        digest: Digest,
        (size_bytes, modified_at): (i64, jiff::Timestamp),
    ) -> Result<Outcome> {
        let mut client = context.app.db.get().await?;
        let tx = client.transaction().await?;
        context.hold(&tx).await?;
        let file = RenewedFile {
            track_id: patient.track_id,
            path: patient.path.clone(),
            size_bytes,
            modified_at,
            checksum: digest.checksum,
            essence: digest.essence,
        };
        library::renew_file(&tx, &file).await?;
        library::end_damage(&tx, &[patient.track_id], Ending::Repaired).await?;
        let details = json!({"path": patient.path, "kind": patient.kind, "from": way, "artist": patient.artist, "title": patient.album});
        let entity = Some(("track", patient.track_id));
        activity::record(&tx, self.requested_by, "file_repaired", entity, Some(&details), None).await?;
        tell(&tx, patient).await?;
        tx.commit().await?;
        tracing::info!(
            damage_id = self.damage_id,
            path = patient.path,
            from = way.place,
            "a damaged file was repaired"
        );
        Ok(Outcome::Done(
            json!({"state": "repaired", "track_id": patient.track_id, "path": patient.path, "from": way}),
        ))
    }
}

/// Puts a copy of the good file, which has this checksum, at the path, and what was there into the trash; size and time of
/// the copy.
fn replace(
    music: &Path,
    path: &str,
    damage_id: i64,
    good: &Path,
    checksum: &[u8; 32],
) -> io::Result<(i64, jiff::Timestamp)> {
    let invalid = || io::Error::new(io::ErrorKind::InvalidInput, "not a path of the library");
    let target = files::beneath(music, path).ok_or_else(invalid)?;
    let folder = target.parent().ok_or_else(invalid)?;
    files::make_dirs(folder)?;
    // A run that ended before it could say so has put it there.
    if audio::checksum_and_essence(&target).is_ok_and(|there| there.checksum == *checksum) {
        files::sync_dir(folder)?;
        return size_and_time(&target);
    }
    let beside = folder.join(format!(".repair-{damage_id}"));
    files::remove_file_if_there(&beside)?;
    files::copy_durably(good, &beside)?;
    // Another time than before: whoever looks sees another file, and the members' links follow it.
    File::options().write(true).open(&beside)?.set_modified(SystemTime::now())?;
    files::sync_file(&beside)?;
    if target.symlink_metadata().is_ok() {
        let trash = music.join(trash_dir(damage_id));
        files::make_dirs(&trash)?;
        let mut aside = trash.join(file_name(path));
        if aside.symlink_metadata().is_ok() {
            // A run that was stopped has put the damaged one there, and somebody something at its place since.
            aside = trash.join(format!("{} {}", jiff::Timestamp::now().as_microsecond(), file_name(path)));
        }
        files::rename_noreplace(&target, &aside)?;
        files::sync_dir(&trash)?;
    }
    files::rename_noreplace(&beside, &target)?;
    files::sync_dir(folder)?;
    size_and_time(&target)
}

fn size_and_time(file: &Path) -> io::Result<(i64, jiff::Timestamp)> {
    let found = file.symlink_metadata()?;
    let modified = jiff::Timestamp::from_microsecond(library::modified_us(&found));
    Ok((found.len() as i64, modified.unwrap_or(jiff::Timestamp::UNIX_EPOCH)))
}

/// Whoever shows the track looks at it again.
async fn tell(tx: &impl Sql, patient: &Patient) -> Result<()> {
    let more = json!({"album_ids": [patient.album_id]});
    library::tell_updated(tx, Some(("track", patient.track_id)), Action::Updated, more).await
}

/// Takes the file as it is now: its tags and audio are read anew; one that is missing leaves the library.
///
/// # Errors
/// `NotFound`; `Conflict` for a file that cannot be read.
pub async fn accept(app: &App, damage_id: i64, who: Option<i64>, address: Option<&str>) -> Result<Value> {
    let mut client = app.db.get().await?;
    let tx = client.transaction().await?;
    let patient = Patient::find(&tx, damage_id).await?;
    let ids = [patient.track_id];
    let mut job_id = None;
    match patient.kind.as_str() {
        "unreadable" => {
            let message =
                "A file that cannot be read cannot be taken as it is: repair it, or delete the track.";
            return Err(Error::Conflict(message.into()));
        }
        "missing" => library::forget_tracks(&tx, &ids).await?,
        _ => {
            library::end_damage(&tx, &ids, Ending::Accepted).await?;
            library::forget_reading(&tx, &ids).await?;
            let dir = patient.path.rsplit_once('/').map_or("artists", |(folder, _)| folder).to_owned();
            job_id = Some(jobs::enqueue(&tx, &Adopt { dir, accept_missing: false }).await?);
        }
    }
    let details =
        json!({"path": patient.path, "kind": patient.kind, "artist": patient.artist, "title": patient.album});
    let entity = Some(("track", patient.track_id));
    activity::record(&tx, who, "damage_accepted", entity, Some(&details), address).await?;
    tell(&tx, &patient).await?;
    tx.commit().await?;
    Ok(json!({"status": "accepted", "track_id": patient.track_id, "job_id": job_id}))
}
