//! Asks outside catalogues about what was imported, afterwards and never on the way in: ids, barcode, label, ISRCs where
//! there were none, and more evidence. Names that people see are never changed. An import that waits for a person goes on
//! by itself when a catalogue knows just what its tags say.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::fit::{self, Fit, Ours, described};
use super::identify::{Evidence, RunnerUp, Witness, confidence, is_many, likeness};
use super::lookup::{Lookups, NoAnswer};
use super::subject::{Standing, Subject};
use super::verdict::{self, Approval};
use crate::db::{Client, Sql};
use crate::error::{Error, Result};
use crate::integrations::{Trouble, acoustid, musicbrainz};
use crate::jobs::{Context, Job, Outcome, Queue};
use crate::library::{self, Action, Known};

/// Until an import that is on its way has arrived.
const ON_ITS_WAY: Duration = Duration::from_secs(5);
/// Until a service that is away or busy is asked again.
const LATER: Duration = Duration::from_secs(15 * 60);
/// From an import until nobody asks about it any more.
const PATIENCE: Duration = Duration::from_secs(3 * 24 * 3600);
/// So many candidates are looked at whole: each is a question, and a second.
const CANDIDATES: usize = 4;
/// So many tracks are asked for by ISRC or by sound.
const ASKED_TRACKS: usize = 3;
/// AcoustID is believed from here on.
const SOUNDS_LIKE: f32 = 0.8;
/// A candidate in a search that names so little of ours is not looked at.
const WORTH_A_LOOK: f32 = 0.6;

/// Ask about an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Enrich {
    /// The import's row.
    pub import_id: i64,
    /// What its files sound like, once they were listened to and have no rows of their own.
    #[serde(default)]
    pub essences: Vec<String>,
}

impl Job for Enrich {
    const KIND: &'static str = "imports.enrich";
    const QUEUE: Queue = Queue::Network;
    const PRIORITY: i16 = 10;
    const MAX_ATTEMPTS: i32 = 6;

    fn unique_key(&self) -> Option<String> {
        let heard = if self.essences.is_empty() { "" } else { ":heard" };
        Some(format!("{}{heard}", self.import_id))
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        if !context.app.settings.musicbrainz.enabled {
            return Ok(Outcome::Done(json!({"state": "off"})));
        }
        let subject = Subject::find(&context.app.db.get().await?, self.import_id, &self.essences).await?;
        let subject = match subject {
            Standing::Here(subject) => subject,
            Standing::OnItsWay => return Ok(Outcome::Snooze(ON_ITS_WAY)),
            Standing::Gone => return Ok(Outcome::Cancel("there is nothing to ask about".into())),
        };
        let lookups = Lookups::new(context);
        match ask(&lookups, &subject).await {
            Ok(candidates) => {
                let found = Found::of(&subject.ours, candidates);
                self.write(context, &subject, &found).await
            }
            Err(NoAnswer::Stopped) => Ok(Outcome::Snooze(Duration::ZERO)),
            Err(NoAnswer::Ours(error)) => Err(error),
            Err(NoAnswer::Trouble(trouble)) => self.put_off(context, trouble).await,
        }
    }
}

const NOTE: &str = "update import set enrichment = $2, updated_at = now()
    where id = $1 and coalesce(enrichment ->> 'state', '') not in ('matched', 'alike')";

const IS_OLD: &str = "select created_at < now() - make_interval(secs => $2) from import where id = $1";

impl Enrich {
    /// A house without a network is a house in order: the question waits, quietly, and one day is dropped.
    async fn put_off(&self, context: &Context, trouble: Trouble) -> Result<Outcome> {
        let client = context.app.db.get().await?;
        let summary = format!("No catalogue was asked: {trouble}.");
        let told = json!({"state": "failed", "summary": summary});
        client.run(NOTE, &[&self.import_id, &told]).await?;
        match trouble {
            Trouble::Away(..) | Trouble::Busy { .. } => {
                let patience = PATIENCE.as_secs_f64();
                let row = client.maybe_row(IS_OLD, &[&self.import_id, &patience]).await?;
                if row.is_none_or(|row| row.get(0)) {
                    Ok(Outcome::Done(told))
                } else {
                    Ok(Outcome::Snooze(LATER))
                }
            }
            Trouble::Rubbish(..) => Err(Error::Internal(anyhow::anyhow!("{trouble}"))),
            Trouble::Refused(..) => Ok(Outcome::Cancel(trouble.to_string())),
        }
    }
}

// -- asking

/// Releases that it may be, by the surest sign that there is.
async fn ask(lookups: &Lookups<'_>, subject: &Subject) -> Result<Vec<musicbrainz::Release>, NoAnswer> {
    let ours = &subject.ours;
    if let Some(id) = ours.release_id {
        return details(lookups, &[id]).await;
    }
    let mut ids = Vec::new();
    if let Some(barcode) = &ours.barcode {
        let answer = lookups.musicbrainz(&musicbrainz::by_barcode(barcode)).await?;
        let found = answer.map(musicbrainz::Release::all_of).transpose()?.unwrap_or_default();
        ids.extend(found.iter().map(|r| r.id));
    }
    if ids.is_empty() {
        ids = by_isrc(lookups, ours).await?;
    }
    if ids.is_empty() {
        ids = by_sound(lookups, subject).await?;
    }
    if ids.is_empty() {
        ids = by_name(lookups, ours).await?;
    }
    ids.truncate(CANDIDATES);
    details(lookups, &ids).await
}

async fn details(lookups: &Lookups<'_>, ids: &[Uuid]) -> Result<Vec<musicbrainz::Release>, NoAnswer> {
    let mut releases = Vec::new();
    for id in ids {
        if let Some(answer) = lookups.musicbrainz(&musicbrainz::release(*id)).await? {
            releases.push(musicbrainz::Release::of(answer)?);
        }
    }
    Ok(releases)
}

async fn by_isrc(lookups: &Lookups<'_>, ours: &Ours) -> Result<Vec<Uuid>, NoAnswer> {
    let mut found = Vec::new();
    for isrc in ours.tracks.iter().filter_map(|t| t.isrc.as_deref()).take(ASKED_TRACKS) {
        if let Some(answer) = lookups.musicbrainz(&musicbrainz::by_isrc(isrc)).await? {
            found.extend(musicbrainz::Release::all_of_isrc(answer)?.iter().map(|r| r.id));
        }
    }
    Ok(most_frequent(found))
}

async fn by_sound(lookups: &Lookups<'_>, subject: &Subject) -> Result<Vec<Uuid>, NoAnswer> {
    let mut found = Vec::new();
    for (compressed, duration_ms) in subject.prints.iter().take(ASKED_TRACKS) {
        let question = acoustid::lookup(compressed, *duration_ms);
        if let Some(answer) = lookups.acoustid(&question).await? {
            let matches = acoustid::matches(answer)?.into_iter().filter(|m| m.score >= SOUNDS_LIKE);
            found.extend(matches.flat_map(|m| m.release_ids));
        }
    }
    Ok(most_frequent(found))
}

/// Those that most of the tracks are on come first.
fn most_frequent(found: Vec<Uuid>) -> Vec<Uuid> {
    let mut counts: Vec<(Uuid, usize)> = Vec::new();
    for id in found {
        match counts.iter_mut().find(|(known, _)| *known == id) {
            Some((_, n)) => *n += 1,
            None => counts.push((id, 1)),
        }
    }
    counts.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    counts.into_iter().map(|(id, _)| id).collect()
}

async fn by_name(lookups: &Lookups<'_>, ours: &Ours) -> Result<Vec<Uuid>, NoAnswer> {
    if ours.artist.is_empty() || ours.title.is_empty() {
        return Ok(Vec::new());
    }
    let count = (ours.total_tracks as usize).max(ours.tracks.len());
    for tracks in [Some(count), None] {
        let question = musicbrainz::search(&ours.artist, &ours.title, tracks);
        let answer = lookups.musicbrainz(&question).await?;
        let found = answer.map(musicbrainz::Release::all_of).transpose()?.unwrap_or_default();
        let ranked = fit::rank(ours, &found);
        let worth = ranked.iter().filter(|(_, fit)| fit.score >= WORTH_A_LOOK);
        let ids: Vec<Uuid> = worth.map(|(n, _)| found[*n].id).collect();
        if !ids.is_empty() {
            return Ok(ids);
        }
    }
    Ok(Vec::new())
}

// -- what it means

/// What was found, the best first.
struct Found {
    releases: Vec<(musicbrainz::Release, Fit)>,
    /// The best is the very edition.
    is_certain: bool,
}

impl Found {
    fn of(ours: &Ours, candidates: Vec<musicbrainz::Release>) -> Self {
        let ranked = fit::rank(ours, &candidates);
        let mut candidates: Vec<Option<musicbrainz::Release>> = candidates.into_iter().map(Some).collect();
        let releases: Vec<_> =
            ranked.into_iter().filter_map(|(n, fit)| Some((candidates[n].take()?, fit))).collect();
        let second = releases.get(1).map(|(_, fit)| fit);
        let is_certain = releases.first().is_some_and(|(r, f)| fit::is_certain(ours, (r, f), second));
        Self { releases, is_certain }
    }

    /// The best, when it is good enough.
    fn best(&self) -> Option<&(musicbrainz::Release, Fit)> {
        self.releases.first().filter(|(_, fit)| fit.is_enough())
    }

    fn state(&self) -> &'static str {
        match (self.best(), self.is_certain) {
            (Some(_), true) => "matched",
            (Some(_), false) => "alike",
            (None, _) if self.releases.is_empty() => "unknown",
            (None, _) => "unlike",
        }
    }

    fn summary(&self) -> String {
        let first = self.releases.first().map(|(r, f)| (described(r), f.score * 100.0));
        match (self.state(), first) {
            ("matched", Some((what, percent))) => {
                format!("MusicBrainz knows it: {what} ({percent:.0} % fits).")
            }
            ("alike", Some((what, _))) => {
                format!("MusicBrainz knows several editions that fit as well, such as {what}.")
            }
            (_, Some((what, percent))) => {
                format!("MusicBrainz knows nothing that fits; nearest is {what} ({percent:.0} % fits).")
            }
            (_, None) => "MusicBrainz does not know it.".into(),
        }
    }

    fn told(&self) -> Value {
        let candidates = self.releases.iter().map(|(release, fit)| {
            let fields = fit.fields.iter().map(|(field, value, fit)| {
                json!({"field": field, "value": value, "fit": (fit * 100.0).round() / 100.0})
            });
            json!({
                "release_id": release.id, "title": release.title, "artist": release.artist(), "year": release.year(),
                "country": release.country, "barcode": release.barcode, "score": fit.score,
                "fields": fields.collect::<Vec<_>>(),
            })
        });
        json!({"state": self.state(), "summary": self.summary(), "candidates": candidates.collect::<Vec<_>>()})
    }

    /// The rows as they are now: doubts that the catalogue settles weigh less, its own rows stand behind. Twice is once.
    fn evidence(&self, mut rows: Vec<Evidence>, ours: &Ours) -> Vec<Evidence> {
        rows.retain(|e| e.witness != Witness::Musicbrainz);
        let settled = self.best().map_or(0.0, |(_, fit)| 0.9 * fit.score);
        for row in &mut rows {
            // Sounds are not in this catalogue's answer, and a person's word is not its business.
            let may_settle = !matches!(row.witness, Witness::Audio | Witness::Person);
            row.settled = if may_settle { settled } else { 0.0 };
        }
        match (self.best(), self.releases.first()) {
            (Some((release, fit)), _) => rows.extend(fit.evidence(release)),
            // The tags name a release, and the files are not that.
            (None, Some((release, _))) if ours.release_id == Some(release.id) => {
                let note = format!(
                    "the tags name this release, and the files do not fit it: {}",
                    described(release)
                );
                let value = Some(release.id.to_string());
                rows.push(Evidence::doubtful("release_id", value, Witness::Musicbrainz, 0.8, note));
            }
            _ => {}
        }
        rows
    }

    /// The catalogue's second reading, where it is another one.
    fn runner_up(&self, confidence: f32) -> Option<RunnerUp> {
        let (first, _) = self.best()?;
        let is_other =
            |r: &&(musicbrainz::Release, Fit)| r.0.title != first.title || r.0.artist() != first.artist();
        let (release, fit) = self.releases.iter().skip(1).find(is_other)?;
        Some(RunnerUp {
            artist: release.artist(),
            title: release.title.clone(),
            year: release.year(),
            release_id: Some(release.id),
            witness: Witness::Musicbrainz,
            confidence: (1.0 - confidence) * fit.score,
            note: "the second release of MusicBrainz that may fit".into(),
        })
    }

    /// What the library may be told: numbers of one edition only when it is this one.
    fn known(&self, ours: &Ours) -> Option<Known> {
        let (release, fit) = self.best()?;
        let text = |t: &Option<String>| t.clone().filter(|t| !t.is_empty() && !t.contains('\0'));
        let label = release.label_info.first();
        let all: Vec<&musicbrainz::Track> = release.tracks().map(|(_, track)| track).collect();
        let tracks = ours.tracks.iter().zip(&fit.pairs).filter_map(|(track, pair)| {
            let theirs = all.get((*pair)?)?;
            let is_same = likeness(&track.title, &theirs.title) != super::identify::Likeness::Other;
            let is_near =
                track.duration_ms.zip(theirs.duration_ms()).is_some_and(|(a, b)| a.abs_diff(b) <= 7000);
            let recording = Some(theirs.recording.id).filter(|id| !id.is_nil());
            (is_same && is_near).then(|| (track.id, theirs.recording.isrcs.first().cloned(), recording))
        });
        let tracks = tracks.filter_map(|(id, isrc, recording)| Some((id?, isrc, recording))).collect();
        let one = (release.artist_credit.len() == 1).then(|| &release.artist_credit[0].artist);
        let shared = Known {
            artist_musicbrainz_id: one.map(|a| a.id).filter(|id| !id.is_nil() && !is_many(&ours.artist)),
            release_type: release.kind(),
            tracks,
            ..Known::default()
        };
        if !self.is_certain {
            return Some(shared);
        }
        Some(Known {
            musicbrainz_id: Some(release.id),
            year: release.year(),
            barcode: text(&release.barcode),
            label: label.and_then(|l| l.label.as_ref()).map(|l| l.name.clone()).filter(|l| !l.is_empty()),
            catalog_number: label.and_then(|l| text(&l.catalog_number)),
            ..shared
        })
    }
}

// -- writing

// Whoever listens to the files writes evidence too, and a person may decide meanwhile.
const LOCK: &str = "select evidence, coalesce(enrichment ->> 'state', '') in ('matched', 'alike') from import where id = $1 and (state = $2 or album_id = $3) for update";
const KEEP: &str =
    "update import set enrichment = $2, evidence = $3, confidence = $4, runner_up = coalesce(runner_up, $5),
        updated_at = now()
    where id = $1";

impl Enrich {
    async fn write(&self, context: &Context, subject: &Subject, found: &Found) -> Result<Outcome> {
        let mut client: Client = context.app.db.get().await?;
        let tx = client.transaction().await?;
        context.hold(&tx).await?;
        let locked = tx.maybe_row(LOCK, &[&self.import_id, &subject.state, &subject.album_id]).await?;
        let Some(locked) = locked else { return Ok(Outcome::Snooze(ON_ITS_WAY)) };
        if found.best().is_none() && locked.get(1) {
            // Another question had an answer.
            return Ok(Outcome::Done(json!({"state": found.state(), "filled": 0})));
        }
        let evidence: Option<Value> = locked.get(0);
        let evidence = evidence.and_then(|e| serde_json::from_value(e).ok()).unwrap_or_default();
        let evidence = found.evidence(evidence, &subject.ours);
        let confidence = confidence(&evidence);
        let rows = serde_json::to_value(&evidence).map_err(anyhow::Error::from)?;
        let runner_up = found.runner_up(confidence).and_then(|r| serde_json::to_value(r).ok());
        tx.run(KEEP, &[&self.import_id, &found.told(), &rows, &confidence, &runner_up]).await?;
        let (mut filled, mut job_id) = (0, None);
        if let Some(album_id) = subject.album_id
            && let Some(known) = found.known(&subject.ours)
        {
            filled = library::complete(&tx, album_id, &known).await?;
            if filled > 0 {
                let more = json!({"album_ids": [album_id]});
                library::tell_updated(&tx, Some(("album", album_id)), Action::Updated, more).await?;
            }
        } else if may_go_on(context, subject, found, confidence) {
            job_id = Some(verdict::approve(&tx, self.import_id, &Approval::default()).await?);
        }
        tx.commit().await?;
        tracing::info!(import_id = self.import_id, confidence, filled, ?job_id, "{}", found.summary());
        let state = found.state();
        Ok(Outcome::Done(
            json!({"state": state, "filled": filled, "confidence": confidence, "approved_by_job": job_id}),
        ))
    }
}

/// A folder that waits for a person because it was doubted, and for nothing else, and whose tags a catalogue confirms
/// track by track.
fn may_go_on(context: &Context, subject: &Subject, found: &Found, confidence: f32) -> bool {
    let least = context.app.settings.imports.min_confidence;
    let Some((_, fit)) = found.best() else { return false };
    let at_least = |field, least| fit.of(field).is_some_and(|fit| fit >= least);
    subject.state == "review"
        && !subject.has_verdict
        && subject.confidence < least
        && confidence >= least
        && at_least("artist", 1.0)
        && at_least("album", 1.0)
        && at_least("titles", 0.9)
        && at_least("durations", 0.9)
        && at_least("track_count", 1.0)
}
