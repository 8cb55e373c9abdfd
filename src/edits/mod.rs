//! Names and tags, changed by people: rows, files and folders together, each change with before and after, and the way
//! back. Owns `edit` and `artwork_upload`, and `MUSIC_PATH/.trash/edits`.
//!
//! Invariants: a file is never written in place, but replaced by a whole one whose sound was proven to be the same; what
//! the old one had is kept until `trash.keep_days` have passed, so that undo gives it back byte for byte; a program that
//! ends anywhere in between goes on from its plan; tags that we do not know stay.

mod apply;
mod artwork;
mod draft;
mod edit;
mod expire;
mod gather;
mod http;
mod kept;
mod plan;
mod request;
mod site;
mod undo;

pub use apply::ApplyEdits;
pub use artwork::{ArtworkForm, PICTURE_BODY_LIMIT, SetArtwork, give_picture, picture_sent};
pub use draft::{Draft, RowChange};
pub use edit::{Entry, Wanted, journal};
pub use expire::ExpireEdits;
pub use http::{routes, shown};
pub use plan::{FileStep, Move, Plan};
pub use request::{AlbumChange, ArtistChange, Given, Request, TrackChange};

use std::time::{Duration, Instant};

use crate::app::App;
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::jobs;

/// What became of a request.
#[derive(Debug)]
pub enum Asked {
    /// Everything is as it was asked for already.
    Nothing(Draft),
    /// It is on its way.
    On {
        /// The edit's row.
        edit_id: i64,
        /// The job that will carry it out.
        job_id: i64,
        /// What it will do, as things are now.
        draft: Draft,
    },
}

impl Asked {
    /// The edit's row, if there is one.
    pub fn edit_id(&self) -> Option<i64> {
        match self {
            Self::Nothing(_) => None,
            Self::On { edit_id, .. } => Some(*edit_id),
        }
    }

    /// What it will do.
    pub fn draft(&self) -> &Draft {
        match self {
            Self::Nothing(draft) | Self::On { draft, .. } => draft,
        }
    }
}

/// What a request would do now; nothing is changed.
///
/// # Errors
/// `NotFound`, or `Conflict` with what is in the way.
pub async fn preview(app: &App, request: &Request) -> Result<Draft> {
    let mut client = app.db.get().await?;
    let tx = client.transaction().await?;
    gather::draft(app, &tx, request).await
}

/// Writes down what was asked for and wakes the worker; refuses at once what cannot be done.
///
/// # Errors
/// See [`preview`].
pub async fn ask(app: &App, request: &Request, who: Option<i64>) -> Result<Asked> {
    let mut client = app.db.get().await?;
    let tx = client.transaction().await?;
    let draft = gather::draft(app, &tx, request).await?;
    if draft.is_empty() {
        return Ok(Asked::Nothing(draft));
    }
    let entity = match request {
        Request::Albums { ids, .. } => ("album", ids[0]),
        Request::Track { id, .. } => ("track", *id),
        Request::Artist { id, .. } => ("artist", *id),
        Request::WriteTags { album_id } => ("album", *album_id),
        Request::Undo { edit_id } => entity_of(&tx, *edit_id).await?,
    };
    let albums: Vec<i64> = draft.before.albums.iter().map(|a| a.id).collect();
    let edit_id =
        edit::begin(&tx, request, (entity.0, entity.1), &gather::title(&draft.before), who, &albums).await?;
    let job_id = jobs::enqueue(&tx, &ApplyEdits {}).await?;
    tx.commit().await?;
    Ok(Asked::On { edit_id, job_id, draft })
}

const ENTITY: &str = "select entity_type, entity_id from edit where id = $1";

async fn entity_of(tx: &impl Sql, edit_id: i64) -> Result<(&'static str, i64)> {
    let row = tx.row(ENTITY, &[&edit_id]).await?;
    let kind = match row.get(0) {
        "artist" => "artist",
        "track" => "track",
        _ => "album",
    };
    Ok((kind, row.get(1)))
}

const TITLE: &str = "select concat_ws(' – ', r.name, a.title) from album a join artist r on r.id = a.artist_id where a.id = $1";

/// Has the files' tags made equal to an album's rows, in the caller's transaction, journalled and undoable like every
/// edit; the job. For whoever has changed names in the rows alone: an import that was approved under another name.
pub async fn write_tags(tx: &impl Sql, album_id: i64, who: Option<i64>) -> Result<i64> {
    let title: String = tx.row(TITLE, &[&album_id]).await?.get(0);
    let request = Request::WriteTags { album_id };
    edit::begin(tx, &request, ("album", album_id), &title, who, &[album_id]).await?;
    jobs::enqueue(tx, &ApplyEdits {}).await
}

/// What became of the tags that [`write_tags`] had written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TakenBack {
    /// The files are as they were before, byte for byte; or nothing had been written.
    Done,
    /// An edit has to end first: ask again.
    OnTheWay,
    /// The files keep the tags; why.
    Refused(String),
}

const WRITTEN: &str = "select e.id, e.state, e.undone_by is not null, u.state, u.reason from edit e
        left join lateral (select state, reason from edit where undoes = e.id order by id desc limit 1) u on true
    where e.request ->> 'kind' = 'write_tags' and e.entity_type = 'album' and e.entity_id = $1 and e.created_at = $2";

/// Undoes what [`write_tags`] did in a transaction of that time, for whoever undoes what the names came from; may be
/// called until it is done.
pub async fn take_back_tags(
    app: &App,
    album_id: i64,
    written_at: jiff::Timestamp,
    who: Option<i64>,
) -> Result<TakenBack> {
    let written = app.db.get().await?.maybe_row(WRITTEN, &[&album_id, &written_at]).await?;
    let Some(row) = written else { return Ok(TakenBack::Done) };
    let (edit_id, state, is_undone): (i64, &str, bool) = (row.get(0), row.get(1), row.get(2));
    match (state, row.get::<_, Option<&str>>(3)) {
        _ if is_undone => Ok(TakenBack::Done),
        // It has changed nothing.
        ("failed", _) => Ok(TakenBack::Done),
        ("done", Some("failed")) => {
            Ok(TakenBack::Refused(row.get::<_, Option<String>>(4).unwrap_or_default()))
        }
        ("done", None) => match ask(app, &Request::Undo { edit_id }, who).await {
            Ok(Asked::On { .. }) => Ok(TakenBack::OnTheWay),
            Ok(Asked::Nothing(_)) => Ok(TakenBack::Done),
            Err(Error::Conflict(why)) => Ok(TakenBack::Refused(why)),
            Err(error) => Err(error),
        },
        _ => Ok(TakenBack::OnTheWay),
    }
}

const UNFINISHED: &str =
    "select count(*) from edit where state not in ('done', 'failed') and album_ids && $1::bigint[]";

/// Whether an edit of one of these albums is on its way: their folders may be about to move.
pub async fn is_pending(client: &impl Sql, album_ids: &[i64]) -> Result<bool> {
    Ok(client.row(UNFINISHED, &[&album_ids]).await?.get::<_, i64>(0) > 0)
}

/// Waits for an edit to end, `within` this time at most: its notes, or why it failed; none when it is still on its way.
pub async fn wait(
    app: &App,
    edit_id: i64,
    job_id: i64,
    within: Duration,
) -> Result<Option<Result<Vec<String>, String>>> {
    const LOOK_EVERY: Duration = Duration::from_millis(100);
    let end = Instant::now() + within;
    loop {
        if let Some(ended) = edit::ended(&app.db.get().await?, edit_id).await? {
            return Ok(Some(ended));
        }
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Ok(None);
        }
        // A job that has ended without this edit has a twin that goes on with it.
        if !jobs::wait(app, &[job_id], left.min(LOOK_EVERY * 3)).await.is_empty() {
            tokio::time::sleep(LOOK_EVERY.min(left)).await;
        }
    }
}
