//! The row of an import: where a folder stands on its way in.
//!
//! `waiting → planned → staged → published → recorded → linked → retired → done`, or `review`, `rejected`, `duplicate`,
//! `failed` at the end. All before are on their way: one such row a folder (`import_in_progress`), and whoever finds one
//! goes on from there. Each state is written after what it says is true on the disk.

use std::collections::HashSet;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio_postgres::Row;

use super::identify::{Identified, RunnerUp};
use super::inbox::is_importable;
use super::plan::{Ending, Plan};
use super::verdict::Verdict;
use crate::db::Sql;
use crate::error::Result;

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Nothing is decided, nothing is moved.
    Waiting,
    /// The plan is written; the disk may show any part of its first step.
    Planned,
    /// The album is put together where nobody sees it.
    Staged,
    /// The files stand in the library; the rows do not know it.
    Published,
    /// The rows know it.
    Recorded,
    /// The users' links follow the rows.
    Linked,
    /// What was replaced lies in the trash; the source's names may still be there.
    Retired,
    /// Any of the last states.
    Ended,
}

/// An import on its way.
#[derive(Debug, Clone)]
pub struct Import {
    /// The row.
    pub id: i64,
    /// `import`, `qobuz`, …
    pub source: String,
    /// Who asked for it.
    pub requested_by: Option<i64>,
    /// Where it stands.
    pub state: State,
    /// What will be done, once it is planned.
    pub plan: Option<Plan>,
    /// The album's row, once it is recorded.
    pub album_id: Option<i64>,
    /// Its folder is in the inbox or among the downloads.
    pub lies_where_music_arrives: bool,
    /// What a person said of it.
    pub verdict: Option<Verdict>,
    /// The second reading that the person has seen.
    pub runner_up: Option<RunnerUp>,
    /// Where its files come from, when they were fetched.
    pub origin: Option<Origin>,
    /// Where the files are, or are about to be.
    pub heads_for: Option<String>,
    /// Why it waits.
    pub reason: Option<String>,
    /// When the row was written last.
    pub updated_at: Timestamp,
}

/// Where fetched files come from (`download_origin` in the schema).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Origin {
    /// The download's row.
    pub download_id: i64,
    /// The page.
    pub url: Option<String>,
    /// What it is at its source.
    pub reference: Option<String>,
    /// What fetched it.
    pub program: Option<String>,
    /// Its version.
    pub program_version: Option<String>,
    /// The album whose gaps it was fetched to fill.
    pub fills_album_id: Option<i64>,
}

const FIND: &str =
    "select id, source_path, source, requested_by, state, plan, album_id, approval, runner_up, origin, path, reason,
        updated_at from import
    where source_path = $1 and is_on_its_way";
// Of a fetched folder is known who asked for it, whoever has found it.
const BEGIN: &str =
    "insert into import (source_path, source, requested_by, job_id, path, origin)
    select $1, $2, coalesce($3, (d.origin ->> 'user_id')::bigint), $4, $1, d.origin from (select download_origin($1) as origin) d
    on conflict (source_path) where is_on_its_way do nothing";
const WAIT: &str =
    "update import set reason = $2, updated_at = now() where id = $1 and reason is distinct from $2";
const WILL_BE: &str = "update import set path = $2, reason = coalesce($3, reason), updated_at = now()
    where id = $1 and state = 'waiting'";
const FORGET: &str = "delete from import where id = $1 and state = 'waiting' and approval is null";
const PLAN: &str = "update import set state = 'planned', plan = $2, evidence = $3, confidence = $4, suggested_artist = $5,
        suggested_album = $6, suggested_year = $7, track_count = $8, quality = $9, release = $10, runner_up = $11,
        reason = null, updated_at = now()
    where id = $1 and state = 'waiting'";
const UNPLAN: &str = "update import set state = 'waiting', plan = null, reason = $2, updated_at = now()
    where id = $1 and is_on_its_way and album_id is null";
const REACH: &str = "update import set state = $3, updated_at = now() where id = $1 and state = $2";
const RECORDED: &str =
    "update import set state = 'recorded', album_id = $2, path = $3, plan = $4, updated_at = now()
    where id = $1 and state = 'published'";
const END: &str =
    "update import set state = $2, path = coalesce($3, path), reason = $4, notes = $5, finished_at = now(),
        keeps_source = $6, updated_at = now()
    where id = $1 and finished_at is null";
// Only the watcher hears who has a file open; the worker hears it from here.
const HOLD: &str = "insert into import (source_path, source, path, reason, held_until, origin)
    select path, source, path, reason, now() + make_interval(secs => $4), download_origin(path)
        from unnest($1::text[], $2::text[], $3::text[]) h (path, source, reason)
    on conflict (source_path) where is_on_its_way
        do update set held_until = excluded.held_until, reason = excluded.reason where import.state = 'waiting'";
const RELEASE: &str =
    "update import set held_until = null where source_path = any($1) and held_until is not null";
const IS_HELD: &str = "select reason from import where id = $1 and held_until > now()";
// The places that other imports on their way have already been promised.
const PROMISED: &str = "select plan -> 'filing' ->> 'target' from import
        where state in ('planned', 'staged', 'published') and id <> $1 and plan -> 'filing' ->> 'target' is not null
    union select a ->> 'target' from import, jsonb_array_elements(plan -> 'asides') a
        where is_on_its_way and plan is not null and id <> $1";
// One planner at a time, so that two imports of one album do not both find it new.
const LOCK_PLANNING: &str = "select pg_advisory_xact_lock(7205759403792795)";

impl Import {
    /// The one on its way from this folder, if there is one.
    pub async fn find(client: &impl Sql, source_path: &str) -> Result<Option<Self>> {
        client.maybe_row(FIND, &[&source_path]).await?.map(Self::try_from).transpose()
    }

    /// The one on its way from this folder, made when there is none.
    pub async fn begin(
        client: &impl Sql,
        source_path: &str,
        source: &str,
        requested_by: Option<i64>,
        job_id: i64,
    ) -> Result<Self> {
        client.run(BEGIN, &[&source_path, &source, &requested_by, &job_id]).await?;
        client.row(FIND, &[&source_path]).await?.try_into()
    }

    /// Says why it waits; whether that is new.
    pub async fn waits(&self, client: &impl Sql, reason: &str) -> Result<bool> {
        Ok(client.run(WAIT, &[&self.id, &reason]).await? > 0)
    }

    /// Says where the files are about to be, and why, before they are.
    pub async fn will_be(&mut self, client: &impl Sql, path: &str, reason: Option<&str>) -> Result<()> {
        client.run(WILL_BE, &[&self.id, &path, &reason]).await?;
        self.heads_for = Some(path.to_owned());
        self.reason = reason.map(str::to_owned).or(self.reason.take());
        Ok(())
    }

    /// Why it is held, if it is.
    pub async fn held(&self, client: &impl Sql) -> Result<Option<String>> {
        Ok(client.maybe_row(IS_HELD, &[&self.id]).await?.map(|row| row.get(0)))
    }

    /// Takes the row back: the folder is gone, or was several.
    pub async fn forget(&self, client: &impl Sql) -> Result<()> {
        client.run(FORGET, &[&self.id]).await?;
        Ok(())
    }

    /// Writes the plan down, with what it rests on.
    pub async fn planned(&mut self, tx: &impl Sql, identified: &Identified, plan: Plan) -> Result<()> {
        let release = &identified.release;
        let text = |s: &str| Some(s.to_owned()).filter(|s| !s.is_empty());
        let quality = release.tracks.first().map(|t| {
            let q = t.quality;
            json!({"sample_rate": q.sample_rate_hz, "bit_depth": q.bit_depth, "format": q.format.name()})
        });
        tx.run(
            PLAN,
            &[
                &self.id,
                &serde_json::to_value(&plan).map_err(anyhow::Error::from)?,
                &serde_json::to_value(&identified.evidence).map_err(anyhow::Error::from)?,
                &identified.confidence,
                &text(&release.artist),
                &text(&release.title),
                &release.year,
                &i32::try_from(release.tracks.len()).unwrap_or(i32::MAX),
                &quality,
                &serde_json::to_value(release).map_err(anyhow::Error::from)?,
                &identified.runner_up.as_ref().and_then(|r| serde_json::to_value(r).ok()),
            ],
        )
        .await?;
        self.state = State::Planned;
        self.plan = Some(plan);
        Ok(())
    }

    /// Back to the start: the folder or the library changed after the plan was made, and before the rows knew of it.
    pub async fn unplanned(&mut self, client: &impl Sql, reason: &str) -> Result<()> {
        client.run(UNPLAN, &[&self.id, &reason]).await?;
        self.state = State::Waiting;
        self.plan = None;
        Ok(())
    }

    /// The next step is done.
    pub async fn reached(&mut self, client: &impl Sql, next: State) -> Result<()> {
        client.run(REACH, &[&self.id, &self.state.name(), &next.name()]).await?;
        self.state = next;
        Ok(())
    }

    /// The library knows it; `plan` with the rows as they were before.
    pub async fn recorded(&mut self, tx: &impl Sql, album_id: i64, path: &str, plan: Plan) -> Result<()> {
        let written = serde_json::to_value(&plan).map_err(anyhow::Error::from)?;
        tx.run(RECORDED, &[&self.id, &album_id, &path, &written]).await?;
        self.state = State::Recorded;
        self.album_id = Some(album_id);
        self.plan = Some(plan);
        Ok(())
    }

    /// It is over.
    pub async fn end(
        &mut self,
        tx: &impl Sql,
        state: &str,
        path: Option<&str>,
        reason: Option<&str>,
        notes: Option<&str>,
    ) -> Result<()> {
        let is_kept = self.plan.as_ref().is_some_and(|plan| plan.stays) && self.lies_where_music_arrives;
        tx.run(END, &[&self.id, &state, &path, &reason, &notes, &is_kept]).await?;
        self.state = State::Ended;
        Ok(())
    }

    /// From here to the end of the transaction nobody else plans; the places that are promised to others.
    pub async fn promised_places(&self, tx: &impl Sql) -> Result<HashSet<String>> {
        tx.row(LOCK_PLANNING, &[]).await?;
        Ok(tx.rows(PROMISED, &[&self.id]).await?.iter().map(|row| row.get(0)).collect())
    }
}

/// Keeps folders from being touched for some seconds: path, source and reason of each.
pub async fn hold(client: &impl Sql, folders: &[(&str, &str, &str)], seconds: f64) -> Result<()> {
    let paths: Vec<&str> = folders.iter().map(|f| f.0).collect();
    let sources: Vec<&str> = folders.iter().map(|f| f.1).collect();
    let reasons: Vec<&str> = folders.iter().map(|f| f.2).collect();
    client.run(HOLD, &[&paths, &sources, &reasons, &seconds]).await?;
    Ok(())
}

/// Lets go of folders that were held.
pub async fn release(client: &impl Sql, paths: &[String]) -> Result<()> {
    client.run(RELEASE, &[&paths]).await?;
    Ok(())
}

impl State {
    /// As the row says it.
    fn name(self) -> &'static str {
        STATES.iter().find(|(_, state)| *state == self).map_or("ended", |(name, _)| *name)
    }

    fn of(name: &str) -> Self {
        STATES.iter().find(|(known, _)| *known == name).map_or(Self::Ended, |(_, state)| *state)
    }
}

/// Those on their way.
const STATES: &[(&str, State)] = &[
    ("waiting", State::Waiting),
    ("planned", State::Planned),
    ("staged", State::Staged),
    ("published", State::Published),
    ("recorded", State::Recorded),
    ("linked", State::Linked),
    ("retired", State::Retired),
];

impl Ending {
    /// As the row says it.
    pub fn state(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Review => "review",
            Self::Rejected => "rejected",
            Self::Duplicate => "duplicate",
        }
    }
}

impl TryFrom<Row> for Import {
    type Error = crate::error::Error;

    fn try_from(row: Row) -> Result<Self> {
        let plan: Option<Value> = row.get("plan");
        let verdict: Option<Value> = row.get("approval");
        let plan = plan.map(serde_json::from_value).transpose().map_err(anyhow::Error::from)?;
        Ok(Self {
            id: row.get("id"),
            lies_where_music_arrives: is_importable(row.get("source_path")),
            source: row.get("source"),
            requested_by: row.get("requested_by"),
            state: State::of(row.get("state")),
            plan,
            album_id: row.get("album_id"),
            heads_for: row.get("path"),
            reason: row.get("reason"),
            updated_at: row.get("updated_at"),
            runner_up: row.get::<_, Option<Value>>("runner_up").and_then(|r| serde_json::from_value(r).ok()),
            origin: row.get::<_, Option<Value>>("origin").and_then(|o| serde_json::from_value(o).ok()),
            verdict: verdict.map(serde_json::from_value).transpose().map_err(anyhow::Error::from)?,
        })
    }
}
