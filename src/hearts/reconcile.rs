//! Makes a user's folder equal to the hearts, for just the albums that changed. Safe to run twice, and to be stopped
//! anywhere: what we are about to make is noted before the disk is touched, what was removed is forgotten after; and
//! only the holder of the job's lease notes anything.

use std::collections::{BTreeMap, HashSet};
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::last;
use super::step::{FileId, Findings, OnDisk, Step, step};
use super::tree::{Changed, Tree};
use crate::audio;
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::jobs::{Context, Job, Outcome, Queue};
use crate::library::ensure_music_is_there;
use crate::parallel::blocking;

/// How many albums are worked on between two looks at the clock and the stop sign.
const BATCH: i64 = 100;
/// How many strange files are named in a job's result.
const MAX_NAMED: usize = 20;
/// Booklets, scans, logs: folders in the album's folder are looked into so deep, and no further.
const MAX_DEPTH: usize = 3;
const MAX_EXTRAS: usize = 1000;
/// How long to wait for a disk that is away.
const MOUNT_PAUSE: Duration = Duration::from_secs(60);

/// The links of one user follow the hearts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ReconcileLinks {
    /// Whose.
    pub user_id: i64,
}

/// The unique key, as the triggers write it.
fn key(user_id: i64) -> String {
    format!("user:{user_id}")
}

const JOBS: &str = "select id from job where kind = 'hearts.reconcile_links' and unique_key = $1
    and state in ('available', 'running') order by id";

/// The jobs on whose end a user's folder is as the rows say now.
pub(super) async fn jobs_of(client: &impl Sql, user_id: i64) -> Result<Vec<i64>> {
    Ok(client.rows(JOBS, &[&key(user_id)]).await?.iter().map(|row| row.get(0)).collect())
}

impl Job for ReconcileLinks {
    const KIND: &'static str = "hearts.reconcile_links";
    const QUEUE: Queue = Queue::Imports;
    const PRIORITY: i16 = -10;

    fn unique_key(&self) -> Option<String> {
        Some(key(self.user_id))
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        let app = &context.app;
        if let Err(error) = ensure_music_is_there(app).await {
            if !matches!(error, Error::Unavailable(_)) {
                return Err(error);
            }
            tracing::error!(user_id = self.user_id, error = %error, "the links of a user wait for the music folder");
            return Ok(Outcome::Snooze(MOUNT_PAUSE));
        }
        let mut report = Report::default();
        while let Some(batch) = Batch::next(&app.db.get().await?, self.user_id).await? {
            if context.stop.is_cancelled() {
                return Ok(Outcome::Snooze(Duration::ZERO));
            }
            match batch.settle(context, &mut report).await {
                Err(Error::Io(e)) if e.kind() == io::ErrorKind::CrossesDevices => {
                    let reason = "MUSIC_PATH/users and MUSIC_PATH/artists lie on two file systems (or two mounts of \
                        one): a file cannot have a name on both.";
                    tracing::error!(user_id = self.user_id, "{reason}");
                    return Ok(Outcome::Cancel(reason.into()));
                }
                settled => settled?,
            }
            context.progress.send_replace(Some(json!({ "albums": report.albums })));
        }
        report.tell(self.user_id);
        Ok(Outcome::Done(json!(report)))
    }
}

/// What was found and done.
#[derive(Debug, Default, Serialize)]
struct Report {
    albums: usize,
    kept: usize,
    linked: usize,
    relinked: usize,
    removed: usize,
    missing: usize,
    /// Paths where a person has put something.
    foreign: Vec<String>,
    /// Paths that were left since they are the last name of a file with music.
    last: Vec<String>,
}

impl Report {
    fn tell(&self, user_id: i64) {
        tracing::info!(
            user_id,
            albums = self.albums,
            kept = self.kept,
            linked = self.linked,
            relinked = self.relinked,
            removed = self.removed,
            missing = self.missing,
            "the links of a user follow the hearts"
        );
        if self.missing > 0 {
            tracing::warn!(
                user_id,
                missing = self.missing,
                "files of the master library are missing; links to them stay"
            );
        }
        for path in self.foreign.iter().take(MAX_NAMED) {
            tracing::warn!(user_id, path, "left alone: somebody has put another file here");
        }
        for path in self.last.iter().take(MAX_NAMED) {
            tracing::warn!(user_id, path, "left alone: this is the only name left of a file with music");
        }
    }
}

/// One path of the user's folder: what is wanted and what we made.
#[derive(Debug, Clone, Default)]
struct Entry {
    album_id: i64,
    is_wanted: bool,
    made: Option<u64>,
    /// The album that the link was made for: a track may have moved to another one.
    made_for: Option<i64>,
    /// The folder's name when the link was made; another than now after a user was removed.
    username: Option<String>,
}

impl Entry {
    /// Whether the note that is there is the one that a link to this file would get.
    fn is_noted_as(&self, master: Option<FileId>, username: &str) -> bool {
        self.made.is_some()
            && self.made == master.map(|m| m.inode)
            && self.made_for == Some(self.album_id)
            && self.username.as_deref() == Some(username)
    }
}

/// Some albums of one user, and what the rows say about them.
struct Batch {
    user_id: i64,
    /// None when the user is gone.
    username: Option<String>,
    pending: Vec<(i64, i64)>,
    entries: BTreeMap<String, Entry>,
    hearted: Vec<HeartedAlbum>,
}

/// An album that is hearted as a whole: what else lies in its folder comes along.
struct HeartedAlbum {
    id: i64,
    path: String,
}

const PENDING: &str =
    "select album_id, version from link_pending where user_id = $1 order by album_id limit $2";
const USERNAME: &str = "select username from app_user where id = $1";
const MADE: &str =
    "select path, album_id, inode, username from user_link where user_id = $1 and album_id = any($2)";
const WANTED_TRACKS: &str = "select t.path, t.album_id from track t where t.album_id = any($2) and (
        exists (select from heart h where h.user_id = $1 and h.album_id = t.album_id)
        or exists (select from heart h where h.user_id = $1 and h.track_id = t.id))";
const WANTED_ALBUMS: &str = "select a.id, a.path, a.artwork_path,
        exists (select from heart h where h.user_id = $1 and h.album_id = a.id)
    from album a where a.id = any($2)
        and exists (select from heart h where h.user_id = $1 and h.folder_of_album_id = a.id)";

impl Batch {
    /// What the rows say about the next albums that may have changed.
    async fn next(client: &impl Sql, user_id: i64) -> Result<Option<Self>> {
        let pending: Vec<(i64, i64)> = client
            .rows(PENDING, &[&user_id, &BATCH])
            .await?
            .iter()
            .map(|row| (row.get(0), row.get(1)))
            .collect();
        if pending.is_empty() {
            return Ok(None);
        }
        let albums: Vec<i64> = pending.iter().map(|(album_id, _)| *album_id).collect();
        let username = client.maybe_row(USERNAME, &[&user_id]).await?.map(|row| row.get(0));
        let mut batch = Self { user_id, username, pending, entries: BTreeMap::new(), hearted: Vec::new() };
        for row in client.rows(MADE, &[&user_id, &albums]).await? {
            let entry = batch.entry(row.get(0), row.get(1));
            entry.made = Some(row.get::<_, i64>(2) as u64);
            entry.made_for = Some(row.get(1));
            entry.username = row.get(3);
        }
        for row in client.rows(WANTED_TRACKS, &[&user_id, &albums]).await? {
            batch.want(row.get(0), row.get(1));
        }
        for row in client.rows(WANTED_ALBUMS, &[&user_id, &albums]).await? {
            let id = row.get(0);
            if let Some(cover) = row.get::<_, Option<&str>>(2) {
                batch.want(cover, id);
            }
            if row.get(3) {
                batch.hearted.push(HeartedAlbum { id, path: row.get(1) });
            }
        }
        Ok(Some(batch))
    }

    fn entry(&mut self, path: &str, album_id: i64) -> &mut Entry {
        let entry = self.entries.entry(path.to_owned()).or_default();
        entry.album_id = album_id;
        entry
    }

    /// A path of the master library is wanted: the same one, beneath the user's folder instead of `artists/`.
    fn want(&mut self, master_path: &str, album_id: i64) {
        if let Some(path) = master_path.strip_prefix("artists/") {
            self.entry(path, album_id).is_wanted = true;
        }
    }

    /// Looks, notes, does, and notes what was done.
    async fn settle(mut self, context: &Context, report: &mut Report) -> Result<()> {
        let music = context.app.music().to_owned();
        let mut surveyed = blocking(move || self.survey(&music)).await??;
        surveyed.let_go_of_known(context).await?;
        surveyed.note_intents(context).await?;
        let music = context.app.music().to_owned();
        let done = blocking(move || {
            surveyed.carry_out(&music)?;
            io::Result::Ok(surveyed)
        })
        .await??;
        done.record(context).await?;
        done.count_into(report);
        Ok(())
    }

    /// Looks at the disk.
    fn survey(&mut self, music: &Path) -> io::Result<Survey> {
        let unreadable = self.want_extras(music);
        let fallback = self.entries.values().find_map(|e| e.username.clone());
        let username = self.username.clone().or(fallback).unwrap_or_default();
        let mut tree = Tree::open(music, &username)?;
        let mut plan = Vec::with_capacity(self.entries.len());
        for (path, entry) in &self.entries {
            let master = tree.master(&master_path(path))?;
            let is_audio = audio::is_audio_name(Path::new(path));
            let findings = Findings {
                // The folder of this album cannot be read, or is gone: which pictures and papers lie in it is not known,
                // so none goes. The rows know the tracks.
                is_wanted: entry.is_wanted || (!is_audio && unreadable.contains(&entry.album_id)),
                master,
                made: entry.made,
                on_disk: tree.look(path)?,
                is_audio,
            };
            let step = match step(&findings) {
                Step::Keep if entry.made_for != Some(entry.album_id) => Step::Note,
                step => step,
            };
            plan.push(Planned {
                path: path.clone(),
                album_id: entry.album_id,
                step,
                master,
                made: entry.made,
                is_noted: entry.is_noted_as(master, &username),
                on_disk: findings.on_disk,
            });
        }
        Ok(Survey { user_id: self.user_id, username, pending: std::mem::take(&mut self.pending), plan })
    }

    /// What else lies in the folders of hearted albums: covers, booklets, scans, logs. The albums whose folder could
    /// not be read.
    fn want_extras(&mut self, music: &Path) -> HashSet<i64> {
        let own_tracks: HashSet<String> =
            self.entries.iter().filter(|(_, e)| e.is_wanted).map(|(path, _)| master_path(path)).collect();
        let mut unreadable = HashSet::new();
        for album in std::mem::take(&mut self.hearted) {
            let mut extras = Vec::new();
            match extras_in(music, &album.path, &own_tracks, 0, &mut extras) {
                Ok(_) => extras.iter().for_each(|path| self.want(path, album.id)),
                Err(error) => {
                    tracing::warn!(album_id = album.id, path = album.path, error = %error, "an album's folder cannot be read");
                    unreadable.insert(album.id);
                }
            }
        }
        unreadable
    }
}

/// What lies in an album's folder besides the tracks of albums: covers, booklets, scans, logs. Paths relative to
/// MUSIC_PATH, as `own_tracks` (the album's tracks) are. Blocks.
///
/// # Errors
/// When the album's folder cannot be read.
pub fn extras(music: &Path, album_path: &str, own_tracks: &[&str]) -> io::Result<Vec<String>> {
    let own_tracks = own_tracks.iter().map(|path| (*path).to_owned()).collect();
    let mut extras = Vec::new();
    extras_in(music, album_path, &own_tracks, 0, &mut extras)?;
    Ok(extras)
}

/// The files that are no audio in an album's folder and in those folders within it that are no other album's. Whether
/// the folder was taken for this album's.
fn extras_in(
    music: &Path,
    dir: &str,
    own_tracks: &HashSet<String>,
    depth: usize,
    extras: &mut Vec<String>,
) -> io::Result<bool> {
    let (mut files, mut folders) = (Vec::new(), Vec::new());
    for entry in fs::read_dir(music.join(dir))? {
        let entry = entry?;
        // A name that is not UTF-8 cannot stand in the rows; a hidden one is some program's own.
        let Ok(name) = entry.file_name().into_string() else { continue };
        if name.starts_with('.') {
            continue;
        }
        let (kind, path) = (entry.file_type()?, format!("{dir}/{name}"));
        if kind.is_dir() {
            folders.push(path);
        } else if kind.is_file() && audio::is_audio_name(Path::new(&name)) {
            if depth > 0 && !own_tracks.contains(&path) {
                return Ok(false);
            }
        } else if kind.is_file() {
            files.push(path);
        }
    }
    extras.extend(files.into_iter().take(MAX_EXTRAS.saturating_sub(extras.len())));
    if depth < MAX_DEPTH {
        for folder in folders {
            extras_in(music, &folder, own_tracks, depth + 1, extras)?;
        }
    }
    Ok(true)
}

fn master_path(path: &str) -> String {
    format!("artists/{path}")
}

/// One path and what to do about it.
struct Planned {
    path: String,
    album_id: i64,
    step: Step,
    master: Option<FileId>,
    made: Option<u64>,
    on_disk: OnDisk,
    /// Whether a row says that we made a link there (with the master's inode).
    is_noted: bool,
}

impl Planned {
    fn master_inode(&self) -> i64 {
        self.master.map_or(0, |m| m.inode as i64)
    }
}

/// What was found on the disk.
struct Survey {
    user_id: i64,
    username: String,
    pending: Vec<(i64, i64)>,
    plan: Vec<Planned>,
}

const NOTE: &str = "insert into user_link (user_id, path, album_id, username, inode)
    select $1, path, album_id, $2, inode from unnest($3::text[], $4::bigint[], $5::bigint[]) n (path, album_id, inode)
    on conflict (user_id, path) do update
        set album_id = excluded.album_id, username = excluded.username, inode = excluded.inode";
const FORGET: &str = "delete from user_link where user_id = $1 and path = any($2)";
// The links stand; whoever clicked waits for this. If PostgreSQL crashes now, they are looked at once more.
const NEED_NOT_WAIT: &str = "select set_config('synchronous_commit', 'off', true)";
const SETTLED: &str =
    "delete from link_pending p using unnest($2::bigint[], $3::bigint[]) n (album_id, version)
    where p.user_id = $1 and p.album_id = n.album_id and p.version = n.version";

impl Survey {
    /// The last name of a file may go when the library has its sound under another one.
    async fn let_go_of_known(&mut self, context: &Context) -> Result<()> {
        let username = self.username.clone();
        let place = |planned: &Planned| format!("users/{username}/{}", planned.path);
        let last = self.plan.iter().filter(|p| p.step == Step::LeaveLast).map(place).collect::<Vec<_>>();
        if last.is_empty() {
            return Ok(());
        }
        let known = last::known_elsewhere(&context.app, last).await?;
        for planned in self.plan.iter_mut().filter(|p| p.step == Step::LeaveLast) {
            if known.contains(&place(planned)) {
                planned.step = Step::Remove;
            }
        }
        Ok(())
    }

    /// A link that is about to be made is noted first: if we die in between, the next run knows it for ours.
    async fn note_intents(&mut self, context: &Context) -> Result<()> {
        let is_intent = |p: &Planned| matches!(p.step, Step::Link | Step::Note) && !p.is_noted;
        if self.plan.iter().any(is_intent) {
            let mut client = context.app.db.get().await?;
            let tx = client.transaction().await?;
            context.hold(&tx).await?;
            self.note(&tx, is_intent).await?;
            tx.commit().await?;
            self.plan.iter_mut().filter(|p| is_intent(p)).for_each(|p| p.is_noted = true);
        }
        Ok(())
    }

    async fn note(&self, client: &impl Sql, which: impl Fn(&Planned) -> bool) -> Result<()> {
        let noted: Vec<&Planned> = self.plan.iter().filter(|p| which(p)).collect();
        let paths: Vec<&str> = noted.iter().map(|p| p.path.as_str()).collect();
        let album_ids: Vec<i64> = noted.iter().map(|p| p.album_id).collect();
        let inodes: Vec<i64> = noted.iter().map(|p| p.master_inode()).collect();
        client.run(NOTE, &[&self.user_id, &self.username, &paths, &album_ids, &inodes]).await?;
        Ok(())
    }

    /// Changes the disk. A path where something else turned up meanwhile becomes `LeaveForeign`.
    fn carry_out(&mut self, music: &Path) -> io::Result<()> {
        let mut tree = Tree::open(music, &self.username)?;
        for planned in &mut self.plan {
            let path = planned.path.as_str();
            let changed = match (planned.step, planned.on_disk) {
                (Step::Link, _) => match tree.link(&master_path(path), path) {
                    // It was there a moment ago: the next run sees what became of it.
                    Err(e) if e.kind() == io::ErrorKind::NotFound => {
                        planned.step = Step::LeaveMissing;
                        continue;
                    }
                    linked => linked?,
                },
                (Step::Relink, OnDisk::File(old)) => tree.relink(&master_path(path), path, old.inode)?,
                (Step::Remove, OnDisk::File(file)) => tree.remove(path, &[file.inode])?,
                _ => continue,
            };
            if changed == Changed::Foreign {
                planned.step = Step::LeaveForeign;
            }
        }
        let gone = |p: &&Planned| matches!(p.step, Step::Remove | Step::Forget);
        for planned in self.plan.iter().filter(gone) {
            tree.prune(&planned.path)?;
        }
        Ok(())
    }

    /// Notes what was done, and that these albums are settled unless they have changed again.
    async fn record(&self, context: &Context) -> Result<()> {
        let is_forgotten = |p: &&Planned| match p.step {
            Step::Remove | Step::Forget => true,
            Step::LeaveForeign => p.made.is_some() || p.is_noted,
            Step::LeaveMissing => p.is_noted && p.made.is_none(),
            _ => false,
        };
        let forgotten: Vec<&str> = self.plan.iter().filter(is_forgotten).map(|p| p.path.as_str()).collect();
        let (album_ids, versions): (Vec<i64>, Vec<i64>) = self.pending.iter().copied().unzip();
        let mut client = context.app.db.get().await?;
        let tx = client.transaction().await?;
        context.hold(&tx).await?;
        tx.row(NEED_NOT_WAIT, &[]).await?;
        self.note(&tx, |p| p.step == Step::Relink).await?;
        tx.run(FORGET, &[&self.user_id, &forgotten]).await?;
        tx.run(SETTLED, &[&self.user_id, &album_ids, &versions]).await?;
        Ok(tx.commit().await?)
    }

    fn count_into(self, report: &mut Report) {
        report.albums += self.pending.len();
        for planned in self.plan {
            match planned.step {
                Step::Keep | Step::Note => report.kept += 1,
                Step::Link => report.linked += 1,
                Step::Relink => report.relinked += 1,
                Step::Remove => report.removed += 1,
                Step::Forget => {}
                Step::LeaveMissing => report.missing += 1,
                Step::LeaveForeign => report.foreign.push(planned.path),
                Step::LeaveLast => report.last.push(planned.path),
            }
        }
        report.foreign.truncate(MAX_NAMED);
        report.last.truncate(MAX_NAMED);
    }
}
