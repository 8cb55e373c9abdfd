//! Telling: an event is published in the transaction that causes it, and heard after commit or not at all. Owns `event`.
//!
//! The row is the truth (its id is the sequence number that a client asks from after a reconnect); `pg_notify` and the
//! WebSocket are only quick.

mod relay;
mod ws;

pub use relay::{Event, Heard, Relay};
pub use ws::routes;

use serde_json::Value;

use crate::db::Sql;
use crate::error::Result;

/// Who may hear it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Audience {
    /// Everyone who is logged in.
    Everyone,
    /// One user.
    User(i64),
    /// The admins.
    Admins,
}

const PUBLISH: &str = "with said as (insert into event (kind, user_id, for_admins, payload) values ($1, $2, $3, $4) returning id)
    select id, pg_notify('barbossa_event', id::text)::text from said";

/// Publishes in the caller's transaction; the sequence number. `kind` and payload as in the contract:
/// `import:complete`, `library:updated`, … with ids; clients ask again for the rows.
pub async fn publish(client: &impl Sql, kind: &str, audience: Audience, payload: &Value) -> Result<i64> {
    let (user_id, for_admins) = match audience {
        Audience::Everyone => (None, false),
        Audience::User(id) => (Some(id), false),
        Audience::Admins => (None, true),
    };
    Ok(client.row(PUBLISH, &[&kind, &user_id, &for_admins, payload]).await?.get(0))
}

const FORGET_OLD: &str = "delete from event where id in (select id from event
    where created_at < now() - make_interval(days => $1) limit $2)";

/// Deletes up to `limit` events older than `keep_days`; how many.
pub async fn forget_old(client: &impl Sql, keep_days: i32, limit: i64) -> Result<u64> {
    client.run(FORGET_OLD, &[&keep_days, &limit]).await
}
