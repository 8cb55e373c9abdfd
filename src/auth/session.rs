//! Sessions: a row each, so that they can be seen and ended; the token is only ever with the client.
//!
//! A process may answer for a session from memory for ten seconds. Whoever ends one says so at commit
//! (`barbossa_session`, by trigger); the memory is emptied by that, and is not used while notices cannot be heard.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest, Sha256};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::TryRecvError;

use super::{User, token};
use crate::app::App;
use crate::db::{Notice, Sql};
use crate::error::{Error, Result};

/// How long a session may be answered for from memory.
const REMEMBERED: Duration = Duration::from_secs(10);
/// More than a household has; a flood of made-up tokens is not remembered at all.
const MOST_REMEMBERED: usize = 1000;

/// A session, as its owner sees it.
#[derive(Debug, Serialize, utoipa::ToSchema)]
pub struct Session {
    /// The row.
    pub id: i64,
    /// When it was logged in.
    pub created_at: Timestamp,
    /// When it was last used, to five minutes.
    pub last_seen_at: Timestamp,
    /// When it ends, unless it is used.
    pub expires_at: Timestamp,
    /// The program.
    pub user_agent: Option<String>,
    /// From where.
    pub address: Option<String>,
}

const START: &str = "insert into session (user_id, token_sha256, expires_at, user_agent, address)
    values ($1, $2, now() + make_interval(days => $3), $4, $5)";

/// Logs a user in; the token, which is kept nowhere else.
pub async fn start_session(
    app: &App,
    user_id: i64,
    user_agent: Option<&str>,
    address: Option<&str>,
) -> Result<String> {
    let token = new_token()?;
    let user_agent = user_agent.map(|a| a.chars().take(200).collect::<String>());
    let client = app.db.get().await?;
    client.run(START, &[&user_id, &sha256(&token), &days(app), &user_agent, &address]).await?;
    Ok(token)
}

/// 256 bits by chance, in hexadecimal.
pub(super) fn new_token() -> Result<String> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|e| anyhow::anyhow!("no random bytes: {e}"))?;
    Ok(blake3::Hash::from_bytes(bytes).to_hex().to_string())
}

pub(super) fn sha256(token: &str) -> Vec<u8> {
    Sha256::digest(token.as_bytes()).to_vec()
}

fn days(app: &App) -> i32 {
    i32::try_from(app.settings.api.session_days).unwrap_or(i32::MAX)
}

const BY_TOKEN: &str = "select s.id as session_id, u.id, u.username, u.is_admin,
        s.last_seen_at < now() - interval '5 minutes' as is_to_touch
    from session s join app_user u on u.id = s.user_id
    where s.token_sha256 = $1 and s.expires_at > now()";
const BY_ID: &str = "select s.id as session_id, u.id, u.username, u.is_admin
    from session s join app_user u on u.id = s.user_id
    where s.id = $1 and s.expires_at > now()";
// Only ever later: a shorter life is news for every process (see the trigger), and a changed setting is none.
const TOUCH: &str = "update session set last_seen_at = now(),
        expires_at = greatest(expires_at, now() + make_interval(days => $2))
    where id = $1 and last_seen_at < now() - interval '5 minutes'";

/// Whose token this is, a session's or a program's, if it is (still) one. Use makes the session last longer.
pub async fn find_by_token(app: &App, token: &str) -> Result<Option<User>> {
    let key = sha256(token);
    let memory = app.kept::<Memory>();
    let round = match memory.look(app, &key) {
        Looked::Known(user) => return Ok(Some(user)),
        Looked::Unknown { round } => round,
    };
    let client = app.db.get().await?;
    let found = if token.starts_with(token::PREFIX) {
        token::find_by_hash(&client, &key).await?
    } else {
        find_by_hash(&client, &key, days(app)).await?
    };
    if let Some(user) = &found {
        memory.remember(app, key, user, round);
    }
    Ok(found)
}

async fn find_by_hash(client: &impl Sql, hash: &[u8], days: i32) -> Result<Option<User>> {
    let Some(row) = client.maybe_row(BY_TOKEN, &[&hash]).await? else { return Ok(None) };
    let user = User::from(&row);
    if row.get("is_to_touch") {
        client.run(TOUCH, &[&user.session_id(), &days]).await?;
    }
    Ok(Some(user))
}

/// Whose session this is, if it still lasts; always asks the database.
pub(super) async fn find_by_id(app: &App, session_id: i64) -> Result<Option<User>> {
    let row = app.db.get().await?.maybe_row(BY_ID, &[&session_id]).await?;
    Ok(row.as_ref().map(User::from))
}

const LIST: &str = "select id, created_at, last_seen_at, expires_at, user_agent, address from session
    where user_id = $1 and expires_at > now() order by last_seen_at desc, id desc";

/// A user's sessions, the last used first.
pub async fn sessions_of(client: &impl Sql, user_id: i64) -> Result<Vec<Session>> {
    let rows = client.rows(LIST, &[&user_id]).await?;
    Ok(rows
        .iter()
        .map(|row| Session {
            id: row.get("id"),
            created_at: row.get("created_at"),
            last_seen_at: row.get("last_seen_at"),
            expires_at: row.get("expires_at"),
            user_agent: row.get("user_agent"),
            address: row.get("address"),
        })
        .collect())
}

const END: &str = "delete from session where id = $1 and user_id = $2";
const END_OTHERS: &str = "delete from session where user_id = $1 and id is distinct from $2";
const END_ALL: &str = "delete from session where user_id = $1";
const FORGET_EXPIRED: &str = "delete from session where expires_at < now()";

/// Ends one of a user's own sessions, or `Session not found`.
pub async fn end_session(client: &impl Sql, session_id: i64, user_id: i64) -> Result<()> {
    match client.run(END, &[&session_id, &user_id]).await? {
        0 => Err(Error::NotFound("Session not found")),
        _ => Ok(()),
    }
}

/// Ends all sessions of the user but this one, if it is one; how many.
pub async fn end_other_sessions(client: &impl Sql, user_id: i64, but: Option<i64>) -> Result<u64> {
    client.run(END_OTHERS, &[&user_id, &but]).await
}

/// Ends all sessions of the user; how many.
pub async fn end_sessions_of(client: &impl Sql, user_id: i64) -> Result<u64> {
    client.run(END_ALL, &[&user_id]).await
}

/// Deletes the rows of sessions that are over; how many.
pub async fn forget_expired_sessions(client: &impl Sql) -> Result<u64> {
    client.run(FORGET_EXPIRED, &[]).await
}

/// Empties this process's memory, for a request that ended a session: its own answer must not be the last one that
/// still believes in it. The other processes hear it by themselves.
pub fn forget_remembered(app: &App) {
    app.kept::<Memory>().up_to_date(app).forget();
}

/// The sessions that were seen in the last seconds.
#[derive(Default)]
struct Memory(Mutex<Remembered>);

#[derive(Default)]
struct Remembered {
    users: HashMap<Vec<u8>, (User, Instant)>,
    /// Grows with each emptying: what was read before one must not be remembered after it.
    round: u64,
    ear: Option<broadcast::Receiver<Notice>>,
}

enum Looked {
    Known(User),
    Unknown { round: u64 },
}

impl Memory {
    fn look(&self, app: &App, key: &[u8]) -> Looked {
        let memory = self.up_to_date(app);
        let known = memory.users.get(key).filter(|(_, at)| at.elapsed() < REMEMBERED);
        match known {
            Some((user, _)) if app.notices.is_connected() => Looked::Known(user.clone()),
            _ => Looked::Unknown { round: memory.round },
        }
    }

    fn remember(&self, app: &App, key: Vec<u8>, user: &User, round: u64) {
        let mut memory = self.up_to_date(app);
        if memory.round != round || !app.notices.is_connected() {
            return;
        }
        if memory.users.len() >= MOST_REMEMBERED {
            memory.users.clear();
        }
        memory.users.insert(key, (user.clone(), Instant::now()));
    }

    /// Emptied, if since the last look a session was ended anywhere or something may not have been heard.
    fn up_to_date(&self, app: &App) -> MutexGuard<'_, Remembered> {
        let mut memory = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let ear = memory.ear.get_or_insert_with(|| app.notices.subscribe());
        let mut is_stale = false;
        loop {
            match ear.try_recv() {
                Ok(Notice::Message { channel, .. }) if channel != "barbossa_session" => {}
                Ok(_) | Err(TryRecvError::Lagged(_)) => is_stale = true,
                Err(TryRecvError::Empty | TryRecvError::Closed) => break,
            }
        }
        if is_stale {
            memory.forget();
        }
        memory
    }
}

impl Remembered {
    fn forget(&mut self) {
        self.users.clear();
        self.round += 1;
    }
}
