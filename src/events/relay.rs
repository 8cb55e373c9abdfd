//! The relay: one task per api process hears the ids of events, reads their rows at once, and hands them to everyone
//! who listens here.
//!
//! What was said while PostgreSQL could not be heard is read from the table afterwards. Ids are given before commit,
//! so "after the last one" is not enough: see `AFTER`.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::{RecvError, TryRecvError};
use tokio_postgres::Row;
use tokio_util::sync::CancellationToken;

use super::Audience;
use crate::app::App;
use crate::auth::User;
use crate::db::{Notice, Sql};
use crate::error::Result;

/// A listener that is this many behind is too slow, and is sent away to ask again from where it was.
const BACKLOG: usize = 512;
/// At most so many are told again; who has missed more should look at everything anew.
pub(super) const MOST_RETOLD: i64 = 500;
/// How long listeners may take to hear that the process stops.
const GOODBYE_WITHIN: Duration = Duration::from_secs(3);
/// How many ids are remembered, so that none is told twice from here.
const REMEMBERED: usize = 2048;

/// An event, as its row tells it.
#[derive(Debug, Clone, PartialEq)]
pub struct Event {
    /// The sequence number.
    pub seq: i64,
    /// `import:complete`, …
    pub kind: String,
    /// Who may hear it.
    pub audience: Audience,
    /// What it says.
    pub payload: Value,
    /// When.
    pub at: Timestamp,
}

/// What a listener hears.
#[derive(Debug, Clone)]
pub enum Heard {
    /// This happened.
    Event(Arc<Event>),
    /// A session ended or a user changed, somewhere: see whether it was yours.
    SessionsChanged,
}

/// See the module; one per process ([`App::kept`]).
pub struct Relay {
    sender: broadcast::Sender<Heard>,
    listeners: Mutex<HashMap<i64, usize>>,
    newest: AtomicI64,
    closing: CancellationToken,
}

impl Default for Relay {
    fn default() -> Self {
        Self {
            sender: broadcast::channel(BACKLOG).0,
            listeners: Mutex::default(),
            newest: AtomicI64::new(0),
            closing: CancellationToken::new(),
        }
    }
}

const BY_ID: &str = "select id, kind, user_id, for_admins, payload, created_at from event
    where id = any($1) order by id";
const NEWEST: &str = "select coalesce(max(id), 0) from event";
// An event with a lower id may become visible after `$1` was seen; then its transaction was still open when `$1` was
// inserted, and its xid is at least the oldest that was open then.
const AFTER: &str = "select id, kind, user_id, for_admins, payload, created_at from event
    where (id > $1 or (id between $1 - 1000 and $1 - 1 and xid >= (select oldest_xid from event where id = $1)))
        and (user_id is null or $2::bigint is null or user_id = $2)
    order by id limit $3";

/// Events since `seq` that `user_id` may hear (everyone's with `None`; an admin's are not sorted out here).
pub(super) async fn after(
    client: &impl Sql,
    seq: i64,
    user_id: Option<i64>,
    limit: i64,
) -> Result<Vec<Event>> {
    Ok(client.rows(AFTER, &[&seq, &user_id, &limit]).await?.iter().map(Event::from).collect())
}

// Of a client that has seen `$1` all that came after it is still there, if `$1` itself or what came right after it is.
const IS_FORGOTTEN: &str = "select coalesce((select min(id) from event),
        (select case when is_called then last_value + 1 else 0 end from event_id_seq)) > $1::bigint + 1";

/// Whether events after `seq` may have been deleted for their age.
pub(super) async fn is_forgotten(client: &impl Sql, seq: i64) -> Result<bool> {
    Ok(client.row(IS_FORGOTTEN, &[&seq]).await?.get(0))
}

/// What the relay knows of what was told.
#[derive(Default)]
struct Told {
    /// None before the first look.
    newest: Option<i64>,
    ids: VecDeque<i64>,
}

impl Relay {
    /// A listener from now on.
    pub(super) fn subscribe(&self) -> broadcast::Receiver<Heard> {
        self.sender.subscribe()
    }

    /// Cancelled when the process stops: say goodbye.
    pub(super) fn closing(&self) -> &CancellationToken {
        &self.closing
    }

    /// How many listen.
    pub fn listener_count(&self) -> usize {
        self.listeners.lock().unwrap_or_else(PoisonError::into_inner).values().sum()
    }

    /// Counts a listener of this user, unless it has `most` already.
    pub(super) fn admit(self: &Arc<Self>, user_id: i64, most: usize) -> Option<Seat> {
        let mut listeners = self.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        let count = listeners.entry(user_id).or_default();
        if *count >= most {
            return None;
        }
        *count += 1;
        Some(Seat { relay: Arc::clone(self), user_id })
    }

    /// The highest sequence number that was told, 0 before the first look.
    pub(super) fn newest(&self) -> i64 {
        self.newest.load(Ordering::Relaxed)
    }

    /// Tells what is published until `stop`; then waits until all listeners have been told goodbye.
    pub async fn run(&self, app: &App, stop: CancellationToken) {
        let mut notices = app.notices.subscribe();
        let mut told = Told::default();
        let mut ids = Vec::new();
        let mut is_behind = true;
        loop {
            if is_behind {
                is_behind = self.catch_up(app, &mut told).await.is_err();
            }
            let pause = if is_behind { Duration::from_millis(500) } else { Duration::from_secs(3600) };
            tokio::select! {
                () = stop.cancelled() => break,
                () = tokio::time::sleep(pause) => continue,
                heard = notices.recv() => is_behind |= self.hear(heard, &mut ids),
            }
            loop {
                match notices.try_recv() {
                    Ok(notice) => is_behind |= self.hear(Ok(notice), &mut ids),
                    Err(TryRecvError::Lagged(_)) => is_behind = true,
                    Err(TryRecvError::Empty | TryRecvError::Closed) => break,
                }
            }
            if !ids.is_empty() && !is_behind {
                is_behind = self.tell_new(app, &ids, &mut told).await.is_err();
            }
            ids.clear();
        }
        self.closing.cancel();
        let end = tokio::time::Instant::now() + GOODBYE_WITHIN;
        while self.listener_count() > 0 && tokio::time::Instant::now() < end {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Whether something may have been missed.
    fn hear(&self, heard: Result<Notice, RecvError>, ids: &mut Vec<i64>) -> bool {
        match heard {
            Ok(Notice::Message { channel, payload }) => {
                match channel.as_str() {
                    "barbossa_event" => ids.extend(payload.parse::<i64>()),
                    "barbossa_session" => drop(self.sender.send(Heard::SessionsChanged)),
                    _ => {}
                }
                false
            }
            Ok(Notice::Resync) | Err(_) => true,
        }
    }

    async fn tell_new(&self, app: &App, ids: &[i64], told: &mut Told) -> Result<()> {
        let rows = app.db.get().await?.rows(BY_ID, &[&ids]).await?;
        self.tell(rows.iter().map(Event::from), told);
        Ok(())
    }

    /// The first time: from now on. Later: all that was said since, and a look at the sessions.
    async fn catch_up(&self, app: &App, told: &mut Told) -> Result<()> {
        let client = app.db.get().await?;
        let Some(newest) = told.newest else {
            let newest = client.row(NEWEST, &[]).await?.get(0);
            told.newest = Some(newest);
            self.newest.store(newest, Ordering::Relaxed);
            return Ok(());
        };
        let _ = self.sender.send(Heard::SessionsChanged);
        let mut from = newest;
        loop {
            let missed = after(&client, from, None, MOST_RETOLD).await?;
            let is_all = missed.len() < usize::try_from(MOST_RETOLD).unwrap_or(usize::MAX);
            from = missed.last().map_or(from, |e| e.seq.max(from));
            self.tell(missed.into_iter(), told);
            if is_all {
                return Ok(());
            }
        }
    }

    fn tell(&self, events: impl Iterator<Item = Event>, told: &mut Told) {
        for event in events {
            if told.ids.contains(&event.seq) {
                continue;
            }
            told.ids.push_back(event.seq);
            if told.ids.len() > REMEMBERED {
                told.ids.pop_front();
            }
            let newest = told.newest.unwrap_or(0).max(event.seq);
            told.newest = Some(newest);
            self.newest.store(newest, Ordering::Relaxed);
            // An error means that nobody listens at the moment.
            let _ = self.sender.send(Heard::Event(Arc::new(event)));
        }
    }
}

/// A listener's place; given back when dropped.
pub(super) struct Seat {
    relay: Arc<Relay>,
    user_id: i64,
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut listeners = self.relay.listeners.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = listeners.get_mut(&self.user_id) {
            *count -= 1;
            if *count == 0 {
                listeners.remove(&self.user_id);
            }
        }
    }
}

impl From<&Row> for Event {
    fn from(row: &Row) -> Self {
        let audience = match (row.get("user_id"), row.get("for_admins")) {
            (Some(user_id), _) => Audience::User(user_id),
            (None, true) => Audience::Admins,
            (None, false) => Audience::Everyone,
        };
        Self {
            seq: row.get("id"),
            kind: row.get("kind"),
            audience,
            payload: row.get("payload"),
            at: row.get("created_at"),
        }
    }
}

impl Event {
    /// Whether this user may hear it.
    pub fn is_for(&self, user: &User) -> bool {
        match self.audience {
            Audience::Everyone => true,
            Audience::User(id) => id == user.id,
            Audience::Admins => user.is_admin,
        }
    }

    /// Whether it belongs to what a client subscribed to. What is said to one person is not part of any channel.
    pub fn is_on(&self, channel: &str) -> bool {
        match self.kind.split_once(':').map_or(self.kind.as_str(), |(topic, _)| topic) {
            "download" => channel == "downloads",
            // An imported album is news of the library, too.
            "import" => channel == "imports" || channel == "library",
            "library" | "quality" => channel == "library",
            "export" => channel == "exports",
            "notification" | "toast" => true,
            topic => channel == topic,
        }
    }

    /// As clients read it: the payload's fields beside `type`, `timestamp` and `seq`.
    pub fn to_json(&self) -> Value {
        let mut object = match &self.payload {
            Value::Object(fields) => fields.clone(),
            Value::Null => Map::new(),
            other => Map::from_iter([("data".to_owned(), other.clone())]),
        };
        object.insert("type".into(), self.kind.clone().into());
        object.insert("timestamp".into(), self.at.to_string().into());
        object.insert("seq".into(), self.seq.into());
        Value::Object(object)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::By;

    fn event(kind: &str, audience: Audience) -> Event {
        let payload = serde_json::json!({"album_id": 7});
        Event { seq: 5, kind: kind.into(), audience, payload, at: Timestamp::UNIX_EPOCH }
    }

    #[test]
    fn an_event_reaches_whom_it_is_for() {
        let user = |id, is_admin| User { id, username: "ada".into(), is_admin, by: By::Session(1) };
        assert!(event("library:updated", Audience::Everyone).is_for(&user(1, false)));
        assert!(event("notification", Audience::User(1)).is_for(&user(1, false)));
        assert!(!event("notification", Audience::User(1)).is_for(&user(2, true)));
        assert!(!event("import:review", Audience::Admins).is_for(&user(1, false)));
        assert!(event("import:review", Audience::Admins).is_for(&user(1, true)));
    }

    #[test]
    fn each_kind_has_its_channel() {
        let on = |kind: &str| {
            let event = event(kind, Audience::Everyone);
            ["downloads", "activity", "library", "imports", "exports"]
                .into_iter()
                .filter(|c| event.is_on(c))
                .collect::<Vec<_>>()
        };
        assert_eq!(on("download:progress"), ["downloads"]);
        assert_eq!(on("import:complete"), ["library", "imports"]);
        assert_eq!(on("activity"), ["activity"]);
        assert_eq!(on("notification").len(), 5);
    }

    #[test]
    fn clients_read_one_flat_object() {
        let json = event("import:complete", Audience::Everyone).to_json();
        assert_eq!(
            json,
            serde_json::json!({"type": "import:complete", "album_id": 7, "seq": 5, "timestamp": "1970-01-01T00:00:00Z"})
        );
    }
}
