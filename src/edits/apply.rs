//! The job that carries edits out, one after the other, step by step. It may be stopped anywhere; run again, it goes on
//! from what the rows say.

use std::collections::HashSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::edit::{self, Edit, State};
use super::gather;
use super::plan::{FileStep, Plan};
use super::request::Request;
use super::site::{Obstacle, Site, here};
use super::undo::with_changes;
use crate::activity;
use crate::db::{Client, Sql};
use crate::error::{Error, Result};
use crate::jobs::{Context, Job, Outcome, Queue};
use crate::library::{self, Action, Rows, ensure_music_is_there};
use crate::parallel::blocking;
use crate::{app::App, hearts};

/// Carries out all edits that wait.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ApplyEdits {}

/// Until the music folder is back.
const AWAY: Duration = Duration::from_secs(30);
/// Until somebody has made room.
const NEEDS_A_PERSON: Duration = Duration::from_secs(30);
/// Until an import of the same album is through.
const SOON: Duration = Duration::from_millis(500);

impl Job for ApplyEdits {
    const KIND: &'static str = "edits.apply";
    const QUEUE: Queue = Queue::Imports;
    const PRIORITY: i16 = -5;

    /// One at a time: two edits may be of one file.
    fn unique_key(&self) -> Option<String> {
        Some("all".into())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        match ensure_music_is_there(&context.app).await {
            Err(Error::Unavailable(_)) => return Ok(Outcome::Snooze(AWAY)),
            found => found?,
        }
        let mut client = context.app.db.get().await?;
        let (mut blocked, mut ended) = (HashSet::new(), 0);
        let (mut failure, mut pause): (Option<Error>, Option<Duration>) = (None, None);
        for mut edit in Edit::unfinished(&client).await? {
            let albums: Vec<i64> = edit.before.albums.iter().map(|a| a.id).collect();
            if albums.iter().any(|id| blocked.contains(id)) {
                continue;
            }
            match go_on(context, &mut client, &mut edit).await {
                Ok(None) => {
                    ended += 1;
                    continue;
                }
                Ok(Some(after)) => pause = Some(pause.map_or(after, |p| p.min(after))),
                Err(error) => {
                    edit.waits(&client, &error.to_string()).await?;
                    failure = Some(error);
                }
            }
            if context.stop.is_cancelled() {
                return Ok(Outcome::Snooze(Duration::ZERO));
            }
            blocked.extend(edit.before.albums.iter().map(|a| a.id));
        }
        match (failure, pause) {
            (Some(error), _) => Err(error),
            (None, Some(pause)) => Ok(Outcome::Snooze(pause)),
            (None, None) => Ok(Outcome::Done(json!({ "edits": ended }))),
        }
    }
}

/// Through all states to the end; how long to wait, when it has to.
async fn go_on(context: &Context, client: &mut Client, edit: &mut Edit) -> Result<Option<Duration>> {
    loop {
        if context.stop.is_cancelled() {
            return Ok(Some(Duration::ZERO));
        }
        let pause = match edit.state {
            State::Waiting => plan(context, client, edit).await?,
            State::Planned => stage(context, client, edit).await?,
            State::Staged => publish(context, client, edit).await?,
            State::Published => {
                step("recording", edit)?;
                record(context, client, edit).await?;
                step("recorded", edit)?;
                None
            }
            State::Recorded => conclude(context, client, edit).await?,
            State::Ended => return Ok(None),
        };
        if pause.is_some() {
            return Ok(pause);
        }
    }
}

fn step(name: &'static str, edit: &Edit) -> Result<()> {
    here(name, &edit.title).map_err(|e| anyhow::Error::from(e).into())
}

fn site(app: &App, edit: &Edit) -> Site {
    Site { music: app.music().to_owned(), edit_id: edit.id, title: edit.title.clone() }
}

const ON_THEIR_WAY: &str = "select count(*) from import
    where finished_at is null and plan is not null and plan -> 'filing' ->> 'target' = any($1)";

async fn plan(context: &Context, client: &mut Client, edit: &mut Edit) -> Result<Option<Duration>> {
    let tx = client.transaction().await?;
    context.hold(&tx).await?;
    match gather::draft(&context.app, &tx, &edit.request).await {
        Ok(draft) => {
            let folders: Vec<&str> = draft.before.albums.iter().map(|a| a.path.as_str()).collect();
            if tx.row(ON_THEIR_WAY, &[&folders]).await?.get::<_, i64>(0) > 0 {
                return Ok(Some(SOON));
            }
            edit.planned(&tx, draft).await?;
        }
        Err(Error::NotFound(why)) => edit.end(&tx, Some(why)).await?,
        Err(Error::Conflict(why) | Error::Invalid(why)) => edit.end(&tx, Some(&why)).await?,
        Err(error) => return Err(error),
    }
    tx.commit().await?;
    step("planned", edit)?;
    Ok(None)
}

async fn stage(context: &Context, client: &mut Client, edit: &mut Edit) -> Result<Option<Duration>> {
    let (site, mut plan) = (site(&context.app, edit), edit.plan.clone());
    context.progress.send_replace(Some(json!({ "edit_id": edit.id, "total": plan.files.len() })));
    let staged = blocking(move || site.stage(&mut plan).map(|notes| (plan, notes))).await?;
    match staged {
        Ok((plan, notes)) => {
            let damaged = plan.files.iter().find(|f| is_damaged(f, &edit.before));
            if let Some(file) = damaged {
                let reason = format!(
                    "{} does not hold the sound any more that it had; nothing was changed.",
                    file.from
                );
                return give_up(context, client, edit, &reason).await;
            }
            edit.notes.extend(notes);
            edit.plan = plan;
            know_files(edit);
            edit.staged(client).await?;
            step("staged", edit)?;
            Ok(None)
        }
        Err(obstacle) => met(context, client, edit, obstacle).await,
    }
}

/// The rows know another essence: the file was damaged, or is another recording's.
fn is_damaged(file: &FileStep, rows: &Rows) -> bool {
    let row = rows.tracks.iter().find(|t| t.id == file.track_id);
    let known = row.and_then(|t| t.essence.as_ref());
    known.zip(file.before.as_ref()).is_some_and(|(known, found)| *known != found.essence)
}

/// Size, time and checksum of the new files, as the rows will have them (PostgreSQL counts microseconds).
fn know_files(edit: &mut Edit) {
    for file in &edit.plan.files {
        let track = edit.after.tracks.iter_mut().find(|t| t.id == file.track_id);
        if let (Some(track), Some(facts)) = (track, &file.after) {
            track.size_bytes = i64::try_from(facts.size_bytes).unwrap_or(i64::MAX);
            let micros = facts.modified_at.as_microsecond();
            track.modified_at = jiff::Timestamp::from_microsecond(micros).unwrap_or(facts.modified_at);
            track.checksum = Some(facts.checksum.clone());
            track.essence = Some(facts.essence.clone());
        }
    }
}

async fn publish(context: &Context, client: &mut Client, edit: &mut Edit) -> Result<Option<Duration>> {
    let (site, plan) = (site(&context.app, edit), edit.plan.clone());
    let checking = site.clone();
    let (plan, checked) = blocking(move || {
        let checked = checking.check(&plan);
        (plan, checked)
    })
    .await?;
    if let Err(obstacle) = checked {
        return met(context, client, edit, obstacle).await;
    }
    let published = blocking(move || site.publish(&plan)).await?;
    published.map_err(anyhow::Error::from)?;
    step("exchanged", edit)?;
    edit.advance(client, "published", State::Published).await?;
    Ok(None)
}

/// Nothing was done yet that anyone could see.
async fn met(
    context: &Context,
    client: &mut Client,
    edit: &mut Edit,
    obstacle: Obstacle,
) -> Result<Option<Duration>> {
    match obstacle {
        Obstacle::Changed(why) => give_up(context, client, edit, &why).await,
        Obstacle::Taken(path) => give_up(context, client, edit, &format!("{path} is taken.")).await,
        Obstacle::Full(why) => {
            tracing::error!(edit_id = edit.id, "an edit waits: {why}");
            edit.waits(client, &why).await?;
            Ok(Some(NEEDS_A_PERSON))
        }
        other => Err(anyhow::Error::from(other).into()),
    }
}

async fn give_up(
    context: &Context,
    client: &mut Client,
    edit: &mut Edit,
    reason: &str,
) -> Result<Option<Duration>> {
    let site = site(&context.app, edit);
    blocking(move || site.forget()).await?.map_err(anyhow::Error::from)?;
    edit.end(client, Some(reason)).await?;
    Ok(None)
}

async fn record(context: &Context, client: &mut Client, edit: &mut Edit) -> Result<()> {
    let tx = client.transaction().await?;
    context.hold(&tx).await?;
    hearts::stand_still(&tx).await?;
    let album_ids: Vec<i64> = edit.before.albums.iter().map(|a| a.id).collect();
    let current = Rows::of_albums(&tx, &album_ids).await?;
    let after = carried_over(&tx, edit, &current).await?;
    let undone = match edit.request {
        Request::Undo { edit_id } => edit::plan_of(&tx, edit_id).await?,
        _ => Plan::default(),
    };
    if let Some((from, into)) = becomes_one(edit, &undone) {
        edit.plan.merger = Some(hearts::merge_artists(&tx, from, into).await?);
    }
    library::revise(&tx, &edit.before, &after).await?;
    if let Some(merger) = undone.merger {
        hearts::part_artists(&tx, &merger).await?;
        edit.plan.parting = Some(merger);
    }
    if let Request::Undo { edit_id } = edit.request {
        edit.undoes(&tx, edit_id).await?;
    }
    let details = json!({ "edit_id": edit.id, "title": edit.title, "request": edit.request });
    let action =
        if matches!(edit.request, Request::Undo { .. }) { "metadata_undone" } else { "metadata_updated" };
    let entity = Some((edit.entity.0.as_str(), edit.entity.1));
    activity::record(&tx, edit.edited_by, action, entity, Some(&details), None).await?;
    let artist_ids: Vec<i64> = after.artists.iter().map(|a| a.id).collect();
    let more = json!({ "album_ids": album_ids, "artist_ids": artist_ids });
    library::tell_updated(&tx, entity, Action::Updated, more).await?;
    edit.recorded(&tx).await?;
    Ok(tx.commit().await?)
}

/// The artist who goes, and the one who takes the albums: by this edit, or because it undoes an undoing.
fn becomes_one(edit: &Edit, undone: &Plan) -> Option<(i64, i64)> {
    if let Some(parting) = &undone.parting {
        return Some((parting.from, parting.into));
    }
    match edit.request {
        Request::Artist { id, .. } if edit.after.artist(id).is_none() => {
            edit.after.artists.first().map(|into| (id, into.id))
        }
        _ => None,
    }
}

/// What the plan changes, on the rows as they are now: others may have learned something about them meanwhile.
async fn carried_over(tx: &impl Sql, edit: &Edit, current: &Rows) -> Result<Rows> {
    let mut rows = current.clone();
    for now in &mut rows.albums {
        if let (Some(before), Some(after)) = (edit.before.album(now.id), edit.after.album(now.id)) {
            *now = with_changes(before, after, now);
        }
    }
    for now in &mut rows.tracks {
        let of = |rows: &Rows| rows.tracks.iter().find(|t| t.id == now.id).cloned();
        match (of(&edit.before), of(&edit.after)) {
            (Some(before), Some(after)) => *now = with_changes(&before, &after, now),
            // It came meanwhile, and has moved with its folder.
            _ => now.path = edit.plan.moved(&now.path),
        }
    }
    let ids: Vec<i64> = edit.after.artists.iter().map(|a| a.id).collect();
    let known = Rows::artists(tx, &ids).await?;
    rows.artists = edit
        .after
        .artists
        .iter()
        .map(|after| match (edit.before.artist(after.id), known.iter().find(|a| a.id == after.id)) {
            (Some(before), Some(now)) => with_changes(before, after, now),
            (None, Some(now)) => now.clone(),
            (_, None) => after.clone(),
        })
        .collect();
    Ok(rows)
}

async fn conclude(context: &Context, client: &mut Client, edit: &mut Edit) -> Result<Option<Duration>> {
    let (site, plan) = (site(&context.app, edit), edit.plan.clone());
    blocking(move || site.conclude(&plan)).await?.map_err(anyhow::Error::from)?;
    step("concluded", edit)?;
    edit.end(client, None).await?;
    tracing::info!(edit_id = edit.id, files = edit.plan.files.len(), "edited {}", edit.title);
    Ok(None)
}
