//! Undoing what a person decided: a filed folder goes back to review as it was, a rejected one as well; what was put back
//! is rejected again.
//!
//! The files' tags are what they were before, if the approval had other names written into them. The way back leads over the trash, whose steps can be stopped anywhere: the library's files and rows go there like any
//! deletion, an older version that was replaced comes back to its track, and then the files go to `import/review`.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio_postgres::Row;

use super::plan::{Filing, Plan};
use super::record::tell_review;
use super::returned::{free_review_folder, told};
use super::verdict::{Verdict, put_back, reject};
use super::{inbox, require_library};
use crate::activity;
use crate::db::{Client, Sql};
use crate::edits::{self, TakenBack};
use crate::error::{Error, Result};
use crate::jobs::{self, Context, Job, Outcome, Queue};
use crate::trash::{self, Delete, Entry, File, Restore, Thing};

/// Until the edit of the tags is through.
const SOON: Duration = Duration::from_millis(200);
/// Until the music folder is back.
const AWAY: Duration = Duration::from_secs(30);

const DECIDED: &str = "select state, is_on_its_way, approval, source_path from import where id = $1";

/// Undoes what a person decided last about an import, in the caller's transaction; the job that does it.
///
/// # Errors
/// `NotFound`; `Conflict` while it is on its way; `Invalid` when there is nothing to undo.
pub async fn undo(tx: &impl Sql, import_id: i64, by: Option<i64>) -> Result<i64> {
    let row = tx.maybe_row(DECIDED, &[&import_id]).await?.ok_or(Error::NotFound("Review item not found"))?;
    if row.get(1) {
        return Err(Error::Conflict("It is on its way. Try again in a moment.".into()));
    }
    let verdict: Option<Value> = row.get(2);
    let verdict = verdict.and_then(|v| serde_json::from_value(v).ok());
    match (row.get(0), verdict) {
        ("done", Some(Verdict::Approve(_))) => jobs::enqueue(tx, &UndoApproval { import_id, by }).await,
        ("rejected", Some(Verdict::Reject { .. })) => put_back(tx, import_id, by).await,
        ("review", Some(Verdict::PutBack { reason, .. })) => {
            let source: &str = row.get(3);
            let lay_in_trash = source.starts_with(".trash/");
            if !lay_in_trash && !source.starts_with(inbox::REJECTED) {
                return Err(Error::Invalid(
                    "It was put back after a failure. Reject it, if you do not want it.".into(),
                ));
            }
            reject(tx, import_id, by, reason.as_deref(), lay_in_trash).await
        }
        ("done", _) => {
            Err(Error::Invalid("It was filed without a person's word. Delete the album instead.".into()))
        }
        _ => Err(Error::Invalid("Nobody has decided anything that could be undone".into())),
    }
}

/// A filed folder goes back to review.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct UndoApproval {
    /// The import's row.
    pub import_id: i64,
    /// Who wants it; none at the command line.
    pub by: Option<i64>,
}

const FILED: &str =
    "select id, state, album_id, source_path, path, plan, finished_at from import where id = $1";
const CLAIM: &str = "update import set path = $2 where id = $1 and state = 'done'";
const REPLACED: &str =
    "select id from trash where import_id = $1 and kind = 'replaced' and state in ('kept', 'restoring')
    order by id";
const STILL_FILED: &str =
    "select id, (select count(*) from track o where o.album_id = t.album_id) from track t
    where album_id = $1 and essence = any($2) order by id";
// Deleted by us, or by somebody since it was filed; not what lay in the trash before.
const IN_THE_TRASH: &str = "select distinct t.id from trash t, jsonb_array_elements(t.files) f
    where t.trashed_at >= $2 and t.state in ('kept', 'restoring') and t.kind in ('deleted', 'replaced')
        and f ->> 'essence' = any($1) order by t.id";
const UNDONE: &str =
    "update import set state = 'review', arrived_path = coalesce(arrived_path, source_path), source_path = $2, path = $2,
        approval = null, plan = null, album_id = null, notes = $3, reason = 'its approval was undone',
        finished_at = now(), updated_at = now()
    where id = $1 and state = 'done'";

impl Job for UndoApproval {
    const KIND: &'static str = "imports.undo_approval";
    const QUEUE: Queue = Queue::Imports;

    fn unique_key(&self) -> Option<String> {
        Some(format!("import:{}", self.import_id))
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        if let Err(alarm) = require_library(&context.app).await? {
            tracing::error!(import_id = self.import_id, "nothing is undone: {alarm}");
            return Ok(Outcome::Snooze(AWAY));
        }
        let mut client = context.app.db.get().await?;
        let Some(row) = client.maybe_row(FILED, &[&self.import_id]).await? else {
            return Ok(Outcome::Cancel("the import is gone".into()));
        };
        if row.get::<_, &str>(1) != "done" {
            return Ok(Outcome::Done(told(
                self.import_id,
                row.get::<_, Option<&str>>(4).unwrap_or_default(),
            )));
        }
        let plan: Option<Plan> = row.get::<_, Option<Value>>(5).and_then(|p| serde_json::from_value(p).ok());
        let Some(filing) = plan.and_then(|p| p.filing) else {
            return Ok(Outcome::Cancel("it has filed nothing".into()));
        };
        let folder = self.claim(context, &client, &row).await?;
        // The jobs of the trash take connections of their own.
        drop(client);
        let tags = self.take_back_tags(context, &row, &filing).await?;
        if tags == TakenBack::OnTheWay {
            return Ok(Outcome::Snooze(SOON));
        }
        if let Some(later) = self.out_of_the_library(context, &row, &filing).await? {
            return Ok(later);
        }
        client = context.app.db.get().await?;
        let essences = essences(&filing);
        let since: Option<jiff::Timestamp> = row.get(6);
        let rows =
            client.rows(IN_THE_TRASH, &[&essences, &since.unwrap_or(jiff::Timestamp::UNIX_EPOCH)]).await?;
        let mut entries = Vec::new();
        for row in &rows {
            entries.extend(Entry::find(&client, row.get(0)).await?);
        }
        if entries.is_empty() {
            return Ok(Outcome::Cancel(
                "its files are neither in the library nor in the trash any more".into(),
            ));
        }
        let names = names(&filing, &entries);
        for entry in &entries {
            let named = |file: &File| {
                names.get(&(entry.id, file.name.clone())).cloned().unwrap_or_else(|| file.name.clone())
            };
            trash::take_out(context, entry, &folder, named).await?;
        }
        let note = match tags {
            TakenBack::Refused(why) => {
                Some(format!("its files keep the tags that its approval gave them: {why}"))
            }
            _ => None,
        };
        self.record(context, &mut client, &entries, (&folder, note)).await?;
        tracing::info!(
            import_id = self.import_id,
            folder,
            "an approval was undone: it waits for a person again"
        );
        Ok(Outcome::Done(told(self.import_id, &folder)))
    }
}

impl UndoApproval {
    /// The folder in review that the files will go to; written down, so that the next run takes the same.
    async fn claim(&self, context: &Context, client: &Client, row: &Row) -> Result<String> {
        if let Some(path) = row.get::<_, Option<&str>>(4).filter(|p| p.starts_with(inbox::REVIEW)) {
            return Ok(path.to_owned());
        }
        let source: &str = row.get(3);
        let name = source.rsplit('/').next().unwrap_or(source);
        let folder = free_review_folder(context, client, name, self.import_id).await?;
        client.run(CLAIM, &[&self.import_id, &folder]).await?;
        Ok(folder)
    }

    /// An approval under other names has had them written into the files.
    async fn take_back_tags(&self, context: &Context, row: &Row, filing: &Filing) -> Result<TakenBack> {
        let (album_id, ended_at): (Option<i64>, Option<jiff::Timestamp>) = (row.get(2), row.get(6));
        match album_id.zip(ended_at).filter(|_| filing.is_renamed) {
            Some((album_id, ended_at)) => {
                edits::take_back_tags(&context.app, album_id, ended_at, self.by).await
            }
            None => Ok(TakenBack::Done),
        }
    }

    /// Older versions come back to their tracks; what is left of the import leaves the library for the trash.
    async fn out_of_the_library(
        &self,
        context: &Context,
        row: &Row,
        filing: &Filing,
    ) -> Result<Option<Outcome>> {
        trash::finish_swaps(context).await?;
        let db = &context.app.db;
        for replaced in db.get().await?.rows(REPLACED, &[&self.import_id]).await? {
            let wanted = Restore { id: replaced.get(0), by: self.by, address: None };
            match trash::restore_now(context, wanted).await? {
                Outcome::Done(_) => {}
                other => return Ok(Some(other)),
            }
        }
        let album_id: Option<i64> = row.get(2);
        let filed = db.get().await?.rows(STILL_FILED, &[&album_id, &essences(filing)]).await?;
        let is_whole = filed.first().is_some_and(|row| row.get::<_, i64>(1) == filed.len() as i64);
        let deletions: Vec<Delete> = match (is_whole, album_id) {
            (true, Some(id)) => vec![self.deletion(Thing::Album, id)],
            _ => filed.iter().map(|row| self.deletion(Thing::Track, row.get(0))).collect(),
        };
        for deletion in deletions {
            match deletion.run(context).await? {
                Outcome::Done(_) => {}
                other => return Ok(Some(other)),
            }
        }
        Ok(None)
    }

    fn deletion(&self, thing: Thing, id: i64) -> Delete {
        Delete { thing, id, by: self.by, address: None }
    }

    async fn record(
        &self,
        context: &Context,
        client: &mut Client,
        entries: &[Entry],
        (folder, note): (&str, Option<String>),
    ) -> Result<()> {
        let tx = client.transaction().await?;
        context.hold(&tx).await?;
        tx.run(UNDONE, &[&self.import_id, &folder, &note]).await?;
        for entry in entries {
            trash::forget(&tx, &entry.path).await?;
        }
        let details = serde_json::json!({"import_id": self.import_id, "path": folder});
        activity::record(&tx, self.by, "import_undone", None, Some(&details), None).await?;
        tell_review(&tx, self.import_id).await?;
        Ok(tx.commit().await?)
    }
}

fn essences(filing: &Filing) -> Vec<String> {
    filing.steps.iter().filter_map(|step| step.essence.clone()).collect()
}

/// The name that each file had when it came, by entry and name in the trash: tracks by their sound, the rest by where it
/// was filed. What was made on the way in (a cover taken out of a file) keeps its name.
fn names(filing: &Filing, entries: &[Entry]) -> HashMap<(i64, String), String> {
    let mut steps: Vec<_> = filing.steps.iter().collect();
    let mut used: HashSet<String> = HashSet::new();
    let mut names = HashMap::new();
    for entry in entries {
        for file in &entry.files {
            let is_it = |step: &&super::plan::Step| match &step.essence {
                Some(essence) => file.essence.as_ref() == Some(essence),
                None => file.original_path.ends_with(&format!("/{}", step.to)),
            };
            let place = steps.iter().position(is_it);
            let wanted = place.map_or_else(|| file.name.clone(), |at| steps.remove(at).from.clone());
            let mut name = wanted.clone();
            while !used.insert(name.clone()) {
                name = format!("{} {wanted}", used.len());
            }
            names.insert((entry.id, file.name.clone()), name);
        }
    }
    names
}
