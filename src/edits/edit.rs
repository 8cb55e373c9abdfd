//! The row of one edit: what was asked for, how far it is, and what a person reads of it.

use jiff::Timestamp;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::Row;
use utoipa::ToSchema;

use super::draft::Draft;
use super::plan::Plan;
use super::request::Request;
use crate::db::Sql;
use crate::error::Result;
use crate::library::Rows;

/// How far an edit is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Asked for.
    Waiting,
    /// Every step is written down.
    Planned,
    /// The new files are there, unseen.
    Staged,
    /// They are in their places.
    Published,
    /// The rows say so.
    Recorded,
    /// Nothing is left to do.
    Ended,
}

/// An edit on its way.
#[derive(Debug, Clone)]
pub struct Edit {
    /// The row.
    pub id: i64,
    /// What was asked for.
    pub request: Request,
    /// `Artist – Album`.
    pub title: String,
    /// `artist`, `album` or `track`, and its row.
    pub entity: (String, i64),
    /// Who asked.
    pub edited_by: Option<i64>,
    /// How far it is.
    pub state: State,
    /// The steps; from `Planned` on.
    pub plan: Plan,
    /// The rows as they were; from `Planned` on.
    pub before: Rows,
    /// The rows as they are to be; from `Planned` on.
    pub after: Rows,
    /// Sentences for a person.
    pub notes: Vec<String>,
    /// What kept it from ending.
    pub reason: Option<String>,
}

const BEGIN: &str = "insert into edit (request, entity_type, entity_id, title, edited_by, album_ids, undoes)
    values ($1, $2, $3, $4, $5, $6, $7) returning id";
const UNFINISHED: &str =
    "select id, request, title, entity_type, entity_id, edited_by, state, plan, before, after, notes, reason
    from edit where state not in ('done', 'failed') order by id limit 100";
const PLANNED: &str =
    "update edit set state = 'planned', plan = $2, before = $3, after = $4, changes = $5, notes = $6,
        album_ids = $7, reason = null
    where id = $1 and state = 'waiting'";
const STAGED: &str = "update edit set state = 'staged', plan = $2, after = $3, notes = $4, reason = null
    where id = $1 and state = 'planned'";
const ADVANCE: &str = "update edit set state = $2, reason = null where id = $1";
const RECORDED: &str = "update edit set state = 'recorded', plan = $2, reason = null where id = $1";
const PLAN: &str = "select plan from edit where id = $1";
const END: &str = "update edit set state = $2, reason = $3, finished_at = now() where id = $1";
const WAITS: &str = "update edit set reason = $2 where id = $1";
const UNDONE: &str = "update edit set undone_by = $2 where id = $1";
const ENDED: &str = "select state, reason, notes from edit where id = $1 and state in ('done', 'failed')";

/// Writes down that an edit was asked for; its id.
pub async fn begin(
    tx: &impl Sql,
    request: &Request,
    entity: (&str, i64),
    title: &str,
    who: Option<i64>,
    album_ids: &[i64],
) -> Result<i64> {
    let undoes = if let Request::Undo { edit_id } = request { Some(*edit_id) } else { None };
    let request = serde_json::to_value(request).map_err(anyhow::Error::from)?;
    let row = tx.row(BEGIN, &[&request, &entity.0, &entity.1, &title, &who, &album_ids, &undoes]).await?;
    Ok(row.get(0))
}

/// How an edit ended: the sentence why it failed, or what is to be noted.
pub async fn ended(client: &impl Sql, id: i64) -> Result<Option<Result<Vec<String>, String>>> {
    Ok(client.maybe_row(ENDED, &[&id]).await?.map(|row| match row.get(0) {
        "failed" => Err(row.get(1)),
        _ => Ok(row.get(2)),
    }))
}

/// What another edit has done.
pub async fn plan_of(tx: &impl Sql, id: i64) -> Result<Plan> {
    maybe_json(tx.row(PLAN, &[&id]).await?.get(0))
}

impl Edit {
    /// Those that are on their way, the oldest first.
    pub async fn unfinished(client: &impl Sql) -> Result<Vec<Self>> {
        client.rows(UNFINISHED, &[]).await?.iter().map(Self::of).collect()
    }

    fn of(row: &Row) -> Result<Self> {
        Ok(Self {
            id: row.get(0),
            request: json(row.get(1))?,
            title: row.get(2),
            entity: (row.get(3), row.get(4)),
            edited_by: row.get(5),
            state: match row.get(6) {
                "waiting" => State::Waiting,
                "planned" => State::Planned,
                "staged" => State::Staged,
                "published" => State::Published,
                "recorded" => State::Recorded,
                _ => State::Ended,
            },
            plan: maybe_json(row.get(7))?,
            before: maybe_json(row.get(8))?,
            after: maybe_json(row.get(9))?,
            notes: row.get(10),
            reason: row.get(11),
        })
    }

    /// The plan stands: from now on it is carried out to its end.
    pub async fn planned(&mut self, tx: &impl Sql, draft: Draft) -> Result<()> {
        let changes = value(&draft.changes())?;
        let albums: Vec<i64> = draft.before.albums.iter().map(|a| a.id).collect();
        Draft { before: self.before, after: self.after, plan: self.plan, notes: self.notes } = draft;
        let (plan, before, after) = (value(&self.plan)?, value(&self.before)?, value(&self.after)?);
        tx.run(PLANNED, &[&self.id, &plan, &before, &after, &changes, &self.notes, &albums]).await?;
        self.state = State::Planned;
        Ok(())
    }

    /// The new files are there, and known to the byte.
    pub async fn staged(&mut self, client: &impl Sql) -> Result<()> {
        let (plan, after) = (value(&self.plan)?, value(&self.after)?);
        client.run(STAGED, &[&self.id, &plan, &after, &self.notes]).await?;
        self.state = State::Staged;
        Ok(())
    }

    /// One state further.
    pub async fn advance(&mut self, client: &impl Sql, name: &'static str, state: State) -> Result<()> {
        client.run(ADVANCE, &[&self.id, &name]).await?;
        self.state = state;
        Ok(())
    }

    /// The rows know it; the plan with who followed whom.
    pub async fn recorded(&mut self, tx: &impl Sql) -> Result<()> {
        tx.run(RECORDED, &[&self.id, &value(&self.plan)?]).await?;
        self.state = State::Recorded;
        Ok(())
    }

    /// Done, or failed for this reason.
    pub async fn end(&mut self, client: &impl Sql, reason: Option<&str>) -> Result<()> {
        let name = if reason.is_some() { "failed" } else { "done" };
        client.run(END, &[&self.id, &name, &reason]).await?;
        self.state = State::Ended;
        Ok(())
    }

    /// What keeps it.
    pub async fn waits(&mut self, client: &impl Sql, reason: &str) -> Result<()> {
        client.run(WAITS, &[&self.id, &reason]).await?;
        self.reason = Some(reason.to_owned());
        Ok(())
    }

    /// That other edit does not stand any more.
    pub async fn undoes(&self, tx: &impl Sql, other: i64) -> Result<()> {
        tx.run(UNDONE, &[&other, &self.id]).await?;
        Ok(())
    }
}

fn value(of: &impl Serialize) -> Result<Value> {
    Ok(serde_json::to_value(of).map_err(anyhow::Error::from)?)
}

fn json<T: DeserializeOwned>(value: Value) -> Result<T> {
    Ok(serde_json::from_value(value).map_err(anyhow::Error::from)?)
}

fn maybe_json<T: DeserializeOwned + Default>(value: Option<Value>) -> Result<T> {
    value.map_or_else(|| Ok(T::default()), json)
}

// -- the journal

/// An edit as people see it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = Edit)]
pub struct Entry {
    /// The row.
    pub id: i64,
    /// `albums`, `track`, `artist`, `write_tags`, `undo`.
    pub kind: String,
    /// `artist`, `album` or `track`.
    pub entity_type: String,
    /// The row of it.
    pub entity_id: i64,
    /// `Artist – Album`.
    pub title: String,
    /// Who; none for the house.
    pub user_id: Option<i64>,
    /// Who.
    pub username: Option<String>,
    /// `waiting`, …, `done`, `failed`.
    pub state: String,
    /// Entity, id, name, field, before, after.
    pub changes: Value,
    /// How many files were written or renamed.
    pub files: i32,
    /// Sentences.
    pub notes: Vec<String>,
    /// Why it failed or waits.
    pub reason: Option<String>,
    /// The edit that this one took back.
    pub undoes: Option<i64>,
    /// The edit that took this one back.
    pub undone_by: Option<i64>,
    /// Whether it may be undone, as far as the journal knows.
    pub can_undo: bool,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

const JOURNAL: &str = "select e.id, e.request ->> 'kind', e.entity_type, e.entity_id, e.title, e.edited_by, u.username, e.state,
        e.changes, coalesce(jsonb_array_length(e.plan -> 'files'), 0), e.notes, e.reason, e.undoes, e.undone_by,
        e.state = 'done' and e.undone_by is null and e.expired_at is null, e.created_at, e.finished_at
    from edit e left join app_user u on u.id = e.edited_by
    where ($1::text is null or e.entity_type = $1) and ($2::bigint is null or e.entity_id = $2)
        and ($3::bigint is null or e.id < $3) and ($4::bigint is null or e.id = $4)
    order by e.id desc limit $5";

/// Which edits of the journal.
#[derive(Debug, Clone, Copy, Default)]
pub struct Wanted<'a> {
    /// `artist`, `album` or `track`.
    pub entity_type: Option<&'a str>,
    /// Its row.
    pub entity_id: Option<i64>,
    /// Older than this edit.
    pub before: Option<i64>,
    /// Just this one.
    pub id: Option<i64>,
    /// At most so many.
    pub limit: i64,
}

/// The journal, the newest first.
pub async fn journal(client: &impl Sql, wanted: &Wanted<'_>) -> Result<Vec<Entry>> {
    let Wanted { entity_type, entity_id, before, id, limit } = wanted;
    let rows = client.rows(JOURNAL, &[entity_type, entity_id, before, id, limit]).await?;
    Ok(rows
        .iter()
        .map(|row| Entry {
            id: row.get(0),
            kind: row.get(1),
            entity_type: row.get(2),
            entity_id: row.get(3),
            title: row.get(4),
            user_id: row.get(5),
            username: row.get(6),
            state: row.get(7),
            changes: row.get(8),
            files: row.get(9),
            notes: row.get(10),
            reason: row.get(11),
            undoes: row.get(12),
            undone_by: row.get(13),
            can_undo: row.get(14),
            created_at: row.get(15),
            finished_at: row.get(16),
        })
        .collect())
}
