//! The job that takes one folder in, station by station. It may be stopped anywhere; run again, it goes on from what
//! the row says.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::carry::{NEEDS_A_PERSON, SOON};
use super::decide::{Case, Decision, decide};
use super::draw::{Drawn, Taken};
use super::identify::{Identified, identify, missing_tracks, summary, tells_total};
use super::import::{Import, State};
use super::place::{Obstacle, Site};
use super::plan::folder_numbered;
use super::read::{Candidate, NotReadable};
use super::settle::{self, Rest};
use super::tree::{Entry, Tree};
use super::verdict::{Approval, Verdict};
use super::{cue, inbox, require_library, split};
use crate::db::{Client, Sql};
use crate::edits;
use crate::error::Result;
use crate::files::{self, path_to_text, safe_component};
use crate::jobs::{self, Context, Job, Outcome, Queue};
use crate::library::{self, ExistingAlbum, TwinQuery, identity_key};
use crate::parallel::blocking;

/// A folder is to be taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportRelease {
    /// Relative to MUSIC_PATH, as `files::path_to_text` writes it.
    pub path: String,
    /// `import`, `qobuz`, …
    pub source: String,
    /// Who asked for it; none when it was found.
    pub requested_by: Option<i64>,
}

impl Job for ImportRelease {
    const KIND: &'static str = "imports.import_release";
    const QUEUE: Queue = Queue::Imports;

    fn unique_key(&self) -> Option<String> {
        Some(self.path.clone())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        if let Err(alarm) = require_library(&context.app).await? {
            tracing::error!(path = self.path, "nothing is imported: {alarm}");
            return Ok(Outcome::Snooze(AWAY));
        }
        if !inbox::is_importable(&self.path) && !inbox::is_set_aside(&self.path) {
            return Ok(Outcome::Cancel(format!("{} is no place where music arrives", self.path)));
        }
        let done = self.go_on(context).await;
        match &done {
            Err(error) if context.attempt >= Self::MAX_ATTEMPTS && !error.is_database_away() => {
                self.give_up(context, &error.to_string()).await?;
            }
            _ => {}
        }
        done
    }
}

/// Until the music folder is back.
const AWAY: Duration = Duration::from_secs(30);

/// What became of the folder before anything was moved.
pub(super) enum Prepared {
    /// The plan is in the row.
    Planned,
    /// Later; why.
    NotYet { reason: String, look_after: Duration },
    /// Nothing to do here (any more); why.
    Never(String),
    /// Its releases are imports of their own.
    Several(Vec<String>),
    /// It is set aside, and its row says why.
    Rejected,
}

pub(super) fn not_yet(reason: impl Into<String>, look_after: Duration) -> Prepared {
    Prepared::NotYet { reason: reason.into(), look_after }
}

impl ImportRelease {
    async fn go_on(&self, context: &Context) -> Result<Outcome> {
        let mut client = context.app.db.get().await?;
        let found = Import::find(&client, &self.path).await?;
        let mut import = match found {
            Some(import) => import,
            None if inbox::is_set_aside(&self.path) => {
                return Ok(Outcome::Cancel("nobody has decided yet what to do with it".into()));
            }
            None if !self.is_there(context) => return Ok(Outcome::Cancel("the folder is gone".into())),
            None => Import::begin(&client, &self.path, &self.source, self.requested_by, context.id).await?,
        };
        loop {
            if context.stop.is_cancelled() {
                return Ok(Outcome::Snooze(Duration::ZERO));
            }
            let outcome = match import.state {
                State::Waiting => self.wait_or_plan(context, &mut client, &mut import).await?,
                State::Ended => {
                    let ending = import.plan.as_ref().map(|p| p.ending);
                    return Ok(Outcome::Done(
                        json!({"import_id": import.id, "state": ending, "album_id": import.album_id}),
                    ));
                }
                _ => self.advance(context, &mut client, &mut import).await?,
            };
            if let Some(outcome) = outcome {
                return Ok(outcome);
            }
        }
    }

    async fn wait_or_plan(
        &self,
        context: &Context,
        client: &mut Client,
        import: &mut Import,
    ) -> Result<Option<Outcome>> {
        match self.prepare(context, client, import).await? {
            Prepared::Planned => Ok(None),
            Prepared::NotYet { reason, look_after } => {
                let is_news = import.waits(client, &reason).await?;
                if is_news && look_after >= NEEDS_A_PERSON {
                    tracing::warn!(path = self.path, "an import waits for a person: {reason}");
                }
                Ok(Some(Outcome::Snooze(look_after.max(Duration::from_millis(100)))))
            }
            Prepared::Never(reason) if import.verdict.is_some() => {
                import.end(client, "failed", None, Some(&reason), None).await?;
                Ok(Some(Outcome::Cancel(reason)))
            }
            Prepared::Never(reason) => {
                import.forget(client).await?;
                Ok(Some(Outcome::Cancel(reason)))
            }
            Prepared::Rejected => {
                Ok(Some(Outcome::Done(json!({"import_id": import.id, "state": "rejected"}))))
            }
            Prepared::Several(paths) => {
                import.forget(client).await?;
                Ok(Some(Outcome::Done(json!({"releases": paths}))))
            }
        }
    }

    fn is_there(&self, context: &Context) -> bool {
        let dir = self.dir(context);
        dir.is_dir() || inbox::is_archive(&self.path) && dir.is_file()
    }

    // -- stations one to four

    async fn prepare(&self, context: &Context, client: &mut Client, import: &mut Import) -> Result<Prepared> {
        let is_archive = inbox::is_archive(&self.path) && !self.dir(context).is_dir();
        if is_archive && let Some(done) = self.finish_unpacking(context, client, import).await? {
            return Ok(done);
        }
        if let Some(reason) = import.held(client).await? {
            return Ok(not_yet(reason, SOON));
        }
        if is_archive {
            return self.unpack(context, client, import).await;
        }
        let (dir, quiet) = (self.dir(context), inbox::quiet(&context.app));
        let looked = blocking(move || settle::look(&dir, quiet)).await?;
        let (tree, rested) = match looked {
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                return Ok(Prepared::Never("the folder is gone".into()));
            }
            Err(e) => return Ok(not_yet(format!("the folder could not be read: {e}"), NEEDS_A_PERSON)),
            Ok((_, Rest::Wait { reason, look_after })) => return Ok(not_yet(reason, look_after)),
            Ok((_, Rest::ClockAhead)) => return Ok(not_yet("its file system's clock is ahead", quiet)),
            Ok((tree, Rest::Nothing(reason))) => {
                let packed = tree.files.iter().any(|f| inbox::is_archive_name(&f.relative.to_string_lossy()));
                if packed && inbox::is_set_aside(&self.path) {
                    return Ok(Prepared::Never(still_packed(self.dir(context)).await?));
                }
                return Ok(Prepared::Never(reason));
            }
            Ok((tree, Rest::Settled(rested))) => (tree, rested),
        };
        let others = self.enqueue_others(client, &tree).await?;
        if !tree.releases().contains_key(Path::new("")) {
            return Ok(Prepared::Several(others));
        }
        let dir = self.dir(context);
        // Somebody has looked at it: what is missing will not come.
        let patience = match import.verdict {
            Some(_) => 0,
            None => context.app.settings.imports.settle_incomplete_seconds,
        };
        let patience = Duration::from_secs(patience.into());
        match blocking(move || read(&dir, &tree, rested, patience)).await? {
            Ok(mut candidate) => {
                if inbox::is_set_aside(&self.path) {
                    candidate.others.retain(|other| other.relative != Path::new(inbox::REASON));
                }
                self.plan_or_part(context, client, import, candidate).await
            }
            Err(waits) => Ok(waits),
        }
    }

    /// The releases beneath this folder that are not the folder itself.
    async fn enqueue_others(&self, client: &mut Client, tree: &Tree) -> Result<Vec<String>> {
        let releases = tree.releases();
        let others = releases.keys().filter(|r| !r.as_os_str().is_empty());
        let paths: Vec<String> = others.map(|r| format!("{}/{}", self.path, path_to_text(r))).collect();
        if paths.is_empty() {
            return Ok(paths);
        }
        let tx = client.transaction().await?;
        for path in &paths {
            jobs::enqueue(&tx, &Self { path: path.clone(), ..self.clone() }).await?;
        }
        tx.commit().await?;
        Ok(paths)
    }

    /// A folder of several albums becomes as many folders; any other is planned.
    async fn plan_or_part(
        &self,
        context: &Context,
        client: &mut Client,
        import: &mut Import,
        candidate: Candidate,
    ) -> Result<Prepared> {
        let moves = if import.verdict.is_some() { Vec::new() } else { split::albums(&candidate) };
        if moves.is_empty() {
            return self.plan(context, client, import, candidate).await;
        }
        let site = Site { music: context.app.music().to_owned(), source: self.path.clone() };
        match blocking(move || site.part(&moves)).await? {
            Ok(folders) => {
                tracing::info!(path = self.path, albums = folders.join(", "), "several albums in one folder");
                Ok(not_yet("its albums get folders of their own", Duration::ZERO))
            }
            Err(Obstacle::Changed(_) | Obstacle::Taken(_)) => {
                Ok(not_yet("it changed while it was read", SOON))
            }
            Err(other) => Err(anyhow::Error::from(other).into()),
        }
    }

    async fn plan(
        &self,
        context: &Context,
        client: &mut Client,
        import: &mut Import,
        candidate: Candidate,
    ) -> Result<Prepared> {
        let approval = match &import.verdict {
            Some(Verdict::Approve(approval)) => Some(approval),
            _ => None,
        };
        let (candidate, uncut) = blocking(move || {
            let uncut = cue::uncut(&candidate);
            (candidate, uncut)
        })
        .await?;
        let mut identified = identify(&candidate);
        if let Some(approval) = approval {
            // What the person has seen counts, not what would be found now.
            identified.runner_up = import.runner_up.take().or(identified.runner_up);
            approval.apply(&mut identified);
            if let Some(known) = &approval.known {
                known.apply(&candidate, &mut identified);
            }
        }
        let tx = client.transaction().await?;
        let promised = import.promised_places(&tx).await?;
        let twin = find_twin(&tx, &identified).await?;
        // Its folder may be about to get another name.
        if let Some(twin) = &twin
            && edits::is_pending(&tx, &[twin.id]).await?
        {
            return Ok(not_yet("its album is being edited", SOON));
        }
        let essences: Vec<String> =
            candidate.tracks.iter().filter_map(|t| Some(t.digest.as_ref()?.essence.clone())).collect();
        let known = library::tracks_with_essence(&tx, &essences).await?;
        let case = Case {
            identified: &identified,
            essences: &essences,
            damaged: candidate.damaged.len(),
            is_total_told: tells_total(&candidate),
            twin: twin.as_ref(),
            known: &known,
            // What was fetched for a place in an album is known to be for it.
            min_confidence: match import.origin.as_ref().and_then(|origin| origin.fills_album_id) {
                Some(_) => 0.0,
                None => context.app.settings.imports.min_confidence,
            },
            is_trusted: matches!(import.source.as_str(), "qobuz" | "bandcamp" | "lidarr"),
            uncut: uncut.as_deref(),
            approval,
        };
        let decision = match &import.verdict {
            None | Some(Verdict::Approve(_)) => decide(&case),
            Some(Verdict::PutBack { .. }) => Decision::Review("a person has put it back".into()),
            Some(Verdict::Reject { reason, .. }) => {
                Decision::Reject(reason.clone().unwrap_or_else(|| "a person did not want it".into()))
            }
        };
        if decision == Decision::Beside {
            name_apart(&tx, &mut identified).await?;
        }
        tell(&self.path, &identified);
        tracing::info!(path = self.path, ?decision, "decided");
        let artist_folder = artist_folder(&tx, &identified).await?;
        let drawn = Drawn {
            names: Taken { music: context.app.music().to_owned(), promised },
            artist_folder,
            decision,
            twin,
            import_id: import.id,
            source: self.path.clone(),
            is_renamed: approval.is_some_and(Approval::names_something),
            rejects_into_trash: matches!(import.verdict, Some(Verdict::Reject { to_trash: true, .. })),
        };
        let (plan, identified) = blocking(move || (drawn.plan(&candidate, &identified), identified)).await?;
        let Some(plan) = plan else {
            return Ok(not_yet("another folder of the same album is on its way in", SOON));
        };
        context.hold(&tx).await?;
        import.planned(&tx, &identified, plan).await?;
        tx.commit().await?;
        Ok(Prepared::Planned)
    }
}

/// Station one: all that can be known of the folder without the database.
fn read(
    dir: &Path,
    tree: &Tree,
    rested: Duration,
    patience: Duration,
) -> std::result::Result<Candidate, Prepared> {
    let releases = tree.releases();
    let entries: &[&Entry] = releases.get(Path::new("")).map_or(&[], Vec::as_slice);
    let waits = |not_readable: NotReadable| match not_readable {
        NotReadable::Changed => not_yet("it changed while it was read", SOON),
        NotReadable::Refused(reason) => not_yet(reason, NEEDS_A_PERSON),
    };
    let mut candidate = Candidate::read(dir, entries).map_err(waits)?;
    candidate.is_immovable = tree.folders.iter().any(|(f, _)| !files::may_change(&dir.join(f)));
    if let Some(missing) = Some(missing_tracks(&candidate)).filter(|n| *n > 0 && rested < patience) {
        let reason = format!("{missing} of the tracks that its tags tell of are not here yet");
        return Err(not_yet(reason, patience.saturating_sub(rested)));
    }
    wait_for_damaged(&candidate, rested, patience)?;
    candidate.read_whole().map_err(waits)?;
    wait_for_damaged(&candidate, rested, patience)?;
    match Tree::of(dir) {
        Ok(after) if after == *tree => Ok(candidate),
        _ => Err(not_yet("it changed while it was read", SOON)),
    }
}

/// A zip that was set aside does not come apart because a person wants it.
async fn still_packed(folder: PathBuf) -> Result<String> {
    let why = blocking(move || std::fs::read_to_string(folder.join(inbox::REASON))).await?;
    let why = why.map(|why| format!(": {}", why.trim_end())).unwrap_or_default();
    Ok(format!(
        "it is a zip that could not be unpacked{why}; put a whole one, or what is in it, into the inbox"
    ))
}

/// Some programs make all files first and fill them then, and some pause in the middle of one.
fn wait_for_damaged(candidate: &Candidate, rested: Duration, patience: Duration) -> Result<(), Prepared> {
    match candidate.damaged.first() {
        Some(damaged) if rested < patience => {
            let name = path_to_text(&damaged.file.relative);
            Err(not_yet(
                format!("{name} is not complete yet: {}", damaged.reason),
                patience.saturating_sub(rested),
            ))
        }
        _ => Ok(()),
    }
}

/// An edition without a name of its own gets a number: `Album (2)`. It no longer claims to be the release that is there.
async fn name_apart(tx: &impl Sql, identified: &mut Identified) -> Result<()> {
    let title = identified.release.title.clone();
    (identified.release.release_id, identified.release.barcode) = (None, None);
    for n in 2.. {
        identified.release.title = folder_numbered(&title, n);
        if find_twin(tx, identified).await?.is_none() {
            break;
        }
    }
    Ok(())
}

/// One line for the journal, with fields for `journalctl -o verbose`.
fn tell(path: &str, identified: &Identified) {
    let release = &identified.release;
    let (artist, album, year) = (release.artist.as_str(), release.title.as_str(), release.year);
    let (confidence, evidence) = (format!("{:.2}", identified.confidence), summary(&identified.evidence));
    let percent = identified.confidence * 100.0;
    let or = identified.runner_up.as_ref();
    let or = or.map_or_else(String::new, |r| format!(", or “{}” by {} ({})", r.title, r.artist, r.note));
    tracing::info!(
        path,
        artist,
        album,
        year,
        confidence,
        evidence,
        "{percent:.0} % sure: “{album}” by {artist}{or}"
    );
}

async fn find_twin(tx: &impl Sql, identified: &Identified) -> Result<Option<ExistingAlbum>> {
    let release = &identified.release;
    if release.artist.is_empty() || release.title.is_empty() {
        return Ok(None);
    }
    let asked = TwinQuery {
        artist: &release.artist,
        title: &release.title,
        year: release.year,
        musicbrainz_id: release.release_id,
        barcode: release.barcode.as_deref(),
    };
    library::find_twin(tx, &asked).await
}

const FOLDER_OF_ARTIST: &str =
    "select split_part(b.path, '/', 2) from artist a join album b on b.artist_id = a.id
    where a.name_key = $1 and b.path like 'artists/%/%' order by b.id limit 1";

/// The folder that the artist has already, however the name is written this time.
async fn artist_folder(tx: &impl Sql, identified: &Identified) -> Result<String> {
    let artist = &identified.release.artist;
    let there = tx.maybe_row(FOLDER_OF_ARTIST, &[&identity_key(artist)]).await?;
    Ok(there.map_or_else(|| safe_component(artist), |row| row.get(0)))
}
