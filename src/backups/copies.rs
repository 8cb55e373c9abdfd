//! The rows of copies elsewhere: what was carried where, and how each place is.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::config::{Destination, DestinationKind};
use crate::db::Sql;
use crate::error::Result;

/// How a destination is.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct DestinationState {
    /// Its name.
    pub name: String,
    /// Its folder, or the remote of rclone.
    pub to: String,
    /// `folder` or `remote`.
    pub kind: &'static str,
    /// The last try; none: not tried yet.
    pub last: Option<Copy>,
    /// When a backup last came there whole.
    pub last_complete_at: Option<Timestamp>,
    /// How many backups lie there, as far as the rows know.
    pub kept: i64,
    /// Whether none has come there for three days, in a house that is older than that.
    pub is_overdue: bool,
}

/// A backup that was carried somewhere.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Copy {
    /// The backup's name.
    pub name: String,
    /// `running`, `complete` (carried, and compared with what was carried) or `failed`.
    pub state: String,
    /// Why it failed.
    pub error: Option<String>,
    /// Bytes.
    pub size_bytes: Option<i64>,
    /// When it began.
    pub started_at: Timestamp,
    /// When it ended.
    pub finished_at: Option<Timestamp>,
}

const STATES: &str = "select d.name, l.name, l.state, l.error, l.size_bytes, l.started_at, l.finished_at,
        (select max(finished_at) from backup_copy c where c.destination = d.name and c.state = 'complete'),
        (select count(distinct c.name) from backup_copy c
            where c.destination = d.name and c.state = 'complete' and c.removed_at is null),
        greatest((select max(finished_at) from backup_copy c where c.destination = d.name and c.state = 'complete'),
            (select created_at from library)) < now() - interval '3 days'
    from unnest($1::text[]) with ordinality d (name, place)
    left join lateral (select * from backup_copy c where c.destination = d.name
        order by started_at desc, id desc limit 1) l on true
    order by d.place";
const BEGIN: &str = "with interrupted as (
        update backup_copy set state = 'failed', error = 'It was interrupted.', finished_at = now()
        where destination = $1 and state = 'running')
    insert into backup_copy (destination, name) values ($1, $2) returning id";
const COMPLETE: &str =
    "update backup_copy set state = 'complete', size_bytes = $2, finished_at = now() where id = $1";
const FOUND: &str = "insert into backup_copy (destination, name, state, size_bytes, finished_at)
    select $1, $2, 'complete', $3, now() where 'failed' = (
        select state from backup_copy where destination = $1 order by started_at desc, id desc limit 1)";
const FAILED: &str = "update backup_copy set state = 'failed', error = $2, finished_at = now() where id = $1";
const KNOWN: &str = "select name, max(id) from backup_copy
    where destination = $1 and state = 'complete' and removed_at is null group by name";
const REMOVED: &str = "update backup_copy set removed_at = now()
    where destination = $1 and name = $2 and state = 'complete' and removed_at is null";

/// How each of these is, in their order.
pub async fn destinations(client: &impl Sql, of: &[Destination]) -> Result<Vec<DestinationState>> {
    let names: Vec<&str> = of.iter().map(|destination| destination.name.as_str()).collect();
    let rows = client.rows(STATES, &[&names]).await?;
    let states = rows.iter().zip(of).map(|(row, destination)| DestinationState {
        name: row.get(0),
        to: destination.to.clone(),
        kind: match destination.kind() {
            DestinationKind::Folder(_) => "folder",
            DestinationKind::Remote(_) => "remote",
        },
        last: row.get::<_, Option<String>>(1).map(|name| Copy {
            name,
            state: row.get(2),
            error: row.get(3),
            size_bytes: row.get(4),
            started_at: row.get(5),
            finished_at: row.get(6),
        }),
        last_complete_at: row.get(7),
        kept: row.get(8),
        is_overdue: row.get(9),
    });
    Ok(states.collect())
}

/// A row for a try. Whoever has the destination's lock knows that what still runs, runs no more.
pub(super) async fn begin(client: &impl Sql, destination: &str, name: &str) -> Result<i64> {
    Ok(client.row(BEGIN, &[&destination, &name]).await?.get(0))
}

pub(super) async fn complete(client: &impl Sql, id: i64, size_bytes: u64) -> Result<()> {
    client.run(COMPLETE, &[&id, &(size_bytes as i64)]).await?;
    Ok(())
}

/// It lies there already: after a try that failed (the disk was away), that is how the destination is.
pub(super) async fn found(client: &impl Sql, destination: &str, name: &str, size_bytes: u64) -> Result<()> {
    client.run(FOUND, &[&destination, &name, &(size_bytes as i64)]).await?;
    Ok(())
}

pub(super) async fn failed(client: &impl Sql, id: i64, error: &str) -> Result<()> {
    client.run(FAILED, &[&id, &error]).await?;
    Ok(())
}

/// The backups that came there whole, in the order in which they came.
pub(super) async fn known(client: &impl Sql, destination: &str) -> Result<HashMap<String, i64>> {
    let rows = client.rows(KNOWN, &[&destination]).await?;
    Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
}

/// It was let go there.
pub(super) async fn removed(client: &impl Sql, destination: &str, name: &str) -> Result<()> {
    client.run(REMOVED, &[&destination, &name]).await?;
    Ok(())
}
