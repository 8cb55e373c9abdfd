//! What a person decides about an import that was set aside: it goes back into the one way in, with that word on it.
//!
//! The row stays the same, so that its id is the one that clients know; where the folder lay first is kept in
//! `arrived_path`, and who decided what is in the activity log.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::ImportRelease;
use super::identify::{Evidence, Identified, Witness};
use super::known::Known;
use crate::activity;
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::jobs;
use crate::library::identity_key;

/// File it, as the person says.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The album artist, instead of the one that was suggested.
    #[serde(default)]
    pub artist: Option<String>,
    /// The title, instead of the one that was suggested.
    #[serde(default)]
    pub album: Option<String>,
    /// The year, instead of the one that was suggested.
    #[serde(default)]
    pub year: Option<i32>,
    /// Take the second reading of the files instead of the first.
    #[serde(default)]
    pub use_runner_up: bool,
    /// What to do when the library has other audio in its place.
    #[serde(default)]
    pub when_there: WhenThere,
    /// Who says so; none at the command line, and when a catalogue has settled the doubt.
    #[serde(default)]
    pub by: Option<i64>,
    /// What the release is, when that was known before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known: Option<Box<Known>>,
}

/// What to do when the library has other audio in the same place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WhenThere {
    /// It waits for a person again, with the reason.
    #[default]
    Ask,
    /// These files take the place, whatever their quality; the old ones go into the trash.
    Replace,
    /// It is an edition of its own, in its own folder.
    Beside,
    /// Only what is missing is added; the rest goes into the trash.
    Extend,
}

/// Any decision of a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "verdict", rename_all = "snake_case")]
pub enum Verdict {
    /// File it.
    Approve(Approval),
    /// Back among those that wait for a person.
    PutBack {
        /// Who says so; none at the command line.
        by: Option<i64>,
        /// Why it had been set aside: it would be again, were this undone.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
    /// It is not wanted.
    Reject {
        /// Who says so; none at the command line.
        by: Option<i64>,
        /// A sentence; it lies beside the files.
        reason: Option<String>,
        /// Into the trash instead of `import/rejected`.
        to_trash: bool,
    },
}

impl Verdict {
    /// Who decided; none at the command line.
    pub(super) fn by(&self) -> Option<i64> {
        match self {
            Self::Approve(approval) => approval.by,
            Self::PutBack { by, .. } | Self::Reject { by, .. } => *by,
        }
    }

    fn action(&self) -> &'static str {
        match self {
            Self::Approve(_) => "import_approved",
            Self::PutBack { .. } => "import_put_back",
            Self::Reject { .. } => "import_rejected_by_person",
        }
    }

    /// The states of an import that it can be said of.
    fn states(&self) -> &'static [&'static str] {
        match self {
            Self::Approve(_) => &["review", "rejected", "duplicate", "failed"],
            Self::PutBack { .. } => &["rejected", "duplicate", "failed"],
            Self::Reject { .. } => &["review", "failed"],
        }
    }
}

/// Sends an import that was set aside on its way into the library; its job, which may be waited for. Afterwards the same
/// row says `done` (and its album), or why it waits again.
///
/// # Errors
/// `NotFound`; `Invalid` when somebody has decided already; `Conflict` when its folder is on its way.
pub async fn approve(tx: &impl Sql, import_id: i64, approval: &Approval) -> Result<i64> {
    send(tx, import_id, &Verdict::Approve(approval.clone())).await
}

/// Brings an import back from the rejected, from the trash (a duplicate) or from a failure to those that wait for a
/// person; its job.
///
/// # Errors
/// As [`approve`].
pub async fn put_back(tx: &impl Sql, import_id: i64, by: Option<i64>) -> Result<i64> {
    let reason = tx.maybe_row(REASON, &[&import_id]).await?.and_then(|row| row.get(0));
    send(tx, import_id, &Verdict::PutBack { by, reason }).await
}

/// Sets an import that waits aside for good: into `import/rejected` with the reason beside it, or into the trash; its job.
///
/// # Errors
/// As [`approve`].
pub async fn reject(
    tx: &impl Sql,
    import_id: i64,
    by: Option<i64>,
    reason: Option<&str>,
    to_trash: bool,
) -> Result<i64> {
    send(tx, import_id, &Verdict::Reject { by, reason: reason.map(str::to_owned), to_trash }).await
}

const SEND: &str = "update import set state = 'waiting', arrived_path = coalesce(arrived_path, source_path), source_path = path,
        approval = $2, requested_by = coalesce(requested_by, $3), plan = null, reason = null, notes = null,
        album_id = null, keeps_source = false, held_until = null, finished_at = null, updated_at = now()
    where id = $1 and state = any($4) and path is not null
    returning source_path, source, requested_by";
const REASON: &str = "select reason from import where id = $1";
const EXISTS: &str = "select state from import where id = $1";
const TAKEN_BY: &str = "update import set job_id = $2 where id = $1";

async fn send(tx: &impl Sql, import_id: i64, verdict: &Verdict) -> Result<i64> {
    let word = serde_json::to_value(verdict).map_err(anyhow::Error::from)?;
    let sent = tx.maybe_row(SEND, &[&import_id, &word, &verdict.by(), &verdict.states()]).await;
    let row = match sent {
        Ok(Some(row)) => row,
        Ok(None) if tx.maybe_row(EXISTS, &[&import_id]).await?.is_none() => {
            return Err(Error::NotFound("Review item not found"));
        }
        Ok(None) => return Err(Error::Invalid("Item already processed".into())),
        Err(error) if error.constraint() == Some("import_in_progress") => {
            return Err(Error::Conflict("Another import of the same folder is on its way.".into()));
        }
        Err(error) => return Err(error),
    };
    let job = ImportRelease { path: row.get(0), source: row.get(1), requested_by: row.get(2) };
    let job_id = jobs::enqueue(tx, &job).await?;
    tx.run(TAKEN_BY, &[&import_id, &job_id]).await?;
    let details = json!({"import_id": import_id, "path": job.path, "decision": word});
    activity::record(tx, verdict.by(), verdict.action(), None, Some(&details), None).await?;
    Ok(job_id)
}

impl Approval {
    /// Whether it says other names than the files' tags may.
    pub(super) fn names_something(&self) -> bool {
        self.artist.is_some() || self.album.is_some() || self.year.is_some() || self.use_runner_up
    }

    /// What the files are, now that a person has said so: no doubt is left.
    pub(super) fn apply(&self, identified: &mut Identified) {
        let said = |field, value| Evidence::certain(field, Some(value), Witness::Person);
        if let Some(other) = identified.runner_up.take().filter(|_| self.use_runner_up) {
            identified.take(&other);
            identified.evidence.push(said("album", format!("{} by {}", other.title, other.artist)));
        }
        let release = &mut identified.release;
        if let Some(artist) = given(self.artist.as_deref()) {
            // Ids go with the name that they were given for.
            if identity_key(artist) != identity_key(&release.artist) {
                (release.artist_id, release.artist_sort, release.release_id) = (None, None, None);
            }
            release.artist = artist.into();
            identified.evidence.push(said("artist", artist.to_owned()));
        }
        if let Some(album) = given(self.album.as_deref()) {
            if identity_key(album) != identity_key(&release.title) {
                (release.release_id, release.barcode) = (None, None);
            }
            release.title = album.into();
            identified.evidence.push(said("album", album.to_owned()));
        }
        if let Some(year) = self.year {
            release.year = Some(year);
            identified.evidence.push(said("year", year.to_string()));
        }
        identified.confidence = 1.0;
    }
}

fn given(name: Option<&str>) -> Option<&str> {
    name.map(str::trim).filter(|n| !n.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::imports::identify::{Release, RunnerUp};
    use uuid::Uuid;

    #[test]
    fn a_verdict_reads_as_it_was_written() {
        let approval = Approval { album: Some("X".into()), by: Some(3), ..Approval::default() };
        for verdict in [
            Verdict::Approve(approval),
            Verdict::PutBack { by: Some(1), reason: None },
            Verdict::PutBack { by: None, reason: Some("not ours".into()) },
            Verdict::Reject { by: Some(1), reason: None, to_trash: true },
        ] {
            let json = serde_json::to_value(&verdict).unwrap();
            assert_eq!(serde_json::from_value::<Verdict>(json).unwrap(), verdict);
        }
        let short = serde_json::from_str::<Verdict>(r#"{"verdict":"approve","by":1}"#).unwrap();
        assert_eq!(short, Verdict::Approve(Approval { by: Some(1), ..Approval::default() }));
    }

    #[test]
    fn the_second_reading_is_taken_when_a_person_says_so() {
        let other = RunnerUp {
            artist: "Bob".into(),
            title: "Other".into(),
            year: Some(2001),
            release_id: None,
            witness: Witness::FolderName,
            confidence: 0.2,
            note: "as the folder's name has it".into(),
        };
        for (use_runner_up, artist) in [(true, "Bob"), (false, "Ann")] {
            let release =
                Release { artist: "Ann".into(), release_id: Some(Uuid::nil()), ..Release::default() };
            let mut identified =
                Identified { release, runner_up: Some(other.clone()), ..Identified::default() };
            Approval { use_runner_up, ..Approval::default() }.apply(&mut identified);
            assert_eq!(identified.release.artist, artist);
            assert_eq!(identified.release.release_id.is_none(), use_runner_up);
        }
    }

    #[test]
    fn another_name_drops_the_ids_of_the_old_one_and_another_spelling_does_not() {
        let release = Release {
            artist: "Ann".into(),
            title: "album".into(),
            release_id: Some(Uuid::nil()),
            artist_id: Some(Uuid::nil()),
            ..Release::default()
        };
        let approved = |artist: Option<&str>, album: Option<&str>| {
            let mut identified =
                Identified { release: release.clone(), confidence: 0.1, ..Identified::default() };
            let approval = Approval {
                artist: artist.map(Into::into),
                album: album.map(Into::into),
                ..Approval::default()
            };
            approval.apply(&mut identified);
            identified
        };
        let same = approved(None, Some("Album"));
        assert_eq!((same.release.title.as_str(), same.confidence), ("Album", 1.0));
        assert!(same.release.release_id.is_some() && same.release.artist_id.is_some());
        assert!(approved(None, Some("Other")).release.release_id.is_none());
        assert!(approved(Some("Bob"), None).release.artist_id.is_none());
        assert_eq!(approved(Some(" "), None).release.artist, "Ann", "a blank says nothing");
    }
}
