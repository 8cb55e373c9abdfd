//! The house in numbers, from the rows that all its processes write.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tokio_postgres::Row;

use crate::app::App;
use crate::db::{self, Sql};
use crate::error::Result;
use crate::events::Relay;
use crate::health::Probes;

/// A monitor gives up after ten seconds.
const PATIENCE: Duration = Duration::from_secs(5);

type Labels = Vec<(&'static str, String)>;
type Numbers = Family<Labels, Gauge<f64, AtomicU64>>;

/// One metric: its name, what it tells, and the names of its labels.
struct Told {
    name: &'static str,
    help: &'static str,
    labels: &'static [&'static str],
}

const fn told(name: &'static str, help: &'static str, labels: &'static [&'static str]) -> Told {
    Told { name, help, labels }
}

/// All of them. A query's columns are a metric's name, its value, and a text for each label; no value, no line.
const TOLD: &[Told] = &[
    told("build_info", "1, for the version of this program and its schema", &["version", "schema"]),
    told("database_up", "Whether PostgreSQL has just told what follows", &[]),
    told("part_up", "Whether each part that /health looks at is well", &["part"]),
    told("role_age_seconds", "Seconds since a process of this role said that it works", &["role"]),
    told("watcher_mode", "1 for the way in which the inbox is watched: events, sweep, or stopped", &["mode"]),
    told("websocket_connections", "Live connections to this process", &[]),
    told("users", "People who may log in", &[]),
    told("sessions", "Logins that last", &[]),
    told("api_tokens", "Tokens of programs that last", &[]),
    told("artists", "Artists in the library", &[]),
    told("albums", "Albums in the library", &[]),
    told("tracks", "Tracks in the library", &[]),
    told("jobs", "Jobs that have not ended: ready, scheduled for later, running", &["queue", "state"]),
    told("queue_oldest_seconds", "How long the oldest ready job of a queue has been due", &["queue"]),
    told("jobs_ended", "Jobs that ended within 24 hours, by how", &["kind", "outcome"]),
    told("imports", "Imports by state: done, review, rejected, failed and those under way", &["state"]),
    told("imports_ended", "Imports that ended within 24 hours, by how", &["state"]),
    told("links_pending", "Albums in somebody's library whose links do not follow the hearts yet", &[]),
    told("link_audit_timestamp_seconds", "When the last audit of all links began its work", &[]),
    told(
        "link_audit_links",
        "Links by what the last audit found: right, repaired, missing in the library",
        &["found"],
    ),
    told("damages", "Damaged files that wait for a way back, by kind", &["kind"]),
    told("unreadable_files", "Sound files in the library that cannot be read", &[]),
    told("alarms", "What a person has to look at before files are concluded gone", &[]),
    told(
        "integrity_oldest_timestamp_seconds",
        "The longest ago that a file was last held against its checksum",
        &[],
    ),
    told("backup_timestamp_seconds", "When the last verified backup was made", &[]),
    told("backup_size_bytes", "Size of the last verified backup", &[]),
    told("backup_failed", "1 when the newest backup failed", &[]),
    told("backup_restored_timestamp_seconds", "When a backup was last proven by restoring it", &[]),
    told("backup_copy_timestamp_seconds", "When a backup last came to a destination whole", &["destination"]),
    told("backup_copy_failed", "1 when the last try to carry a backup there failed", &["destination"]),
    told("music_backup_timestamp_seconds", "When the music was last backed up", &[]),
    told("music_backup_failed", "1 when the last backup of the music failed", &[]),
    told(
        "music_backup_held_back",
        "Files that the last one left out, since they are not as they should be",
        &[],
    ),
    told("trash_bytes", "What the trash holds", &[]),
];

const HOUSE: &str = "select 'artists', artist_count::float8 from library
    union all select 'albums', album_count from library
    union all select 'tracks', track_count from library
    union all select 'users', count(*) from app_user
    union all select 'sessions', count(*) from session where expires_at > now()
    union all select 'api_tokens', count(*) from api_token where coalesce(expires_at > now(), true)
    union all select 'links_pending', count(*) from link_pending
    union all select 'unreadable_files', count(*) from unreadable_file
    union all select 'alarms', count(*) from alarm
    union all select 'trash_bytes', coalesce(sum(size_bytes), 0) from trash
    union all select 'integrity_oldest_timestamp_seconds', extract(epoch from min(verified_at)) from verification";
const BACKUPS: &str = "(select 'backup_timestamp_seconds', extract(epoch from max(finished_at))::float8 from backup where state = 'verified')
    union all (select 'backup_size_bytes', size_bytes from backup where state = 'verified' order by finished_at desc limit 1)
    union all (select 'backup_failed', (state = 'failed')::int from backup where state <> 'running' order by started_at desc, id desc limit 1)
    union all (select 'backup_restored_timestamp_seconds', extract(epoch from max(restored_at)) from backup)
    union all (select 'music_backup_timestamp_seconds', extract(epoch from max(finished_at)) from music_backup
        where kind = 'backup' and state = 'complete')
    union all (select 'music_backup_failed', (state = 'failed')::int from music_backup
        where kind = 'backup' and state <> 'running' order by started_at desc, id desc limit 1)
    union all (select 'music_backup_held_back', held_back from music_backup
        where kind = 'backup' and state = 'complete' order by started_at desc, id desc limit 1)";
// Of a month: a destination that the settings do not name any more is forgotten.
const COPIES: &str = "select 'backup_copy_timestamp_seconds', extract(epoch from max(finished_at))::float8, destination
        from backup_copy where state = 'complete' group by destination having max(finished_at) > now() - interval '1 month'
    union all (select distinct on (destination) 'backup_copy_failed', (state = 'failed')::int, destination from backup_copy
        where state <> 'running' and started_at > now() - interval '1 month' order by destination, started_at desc, id desc)";
const ROLES: &str = "(select 'role_age_seconds', extract(epoch from now() - max(seen_at))::float8, role from heartbeat group by role)
    union all (select 'watcher_mode', 1, case when status like 'watching by events%' then 'events'
            when status like 'watching by sweep%' then 'sweep' else 'stopped' end
        from heartbeat where role = 'watcher' order by seen_at desc limit 1)";
const JOBS: &str = "select 'jobs', count(*)::float8, queue,
        case when state = 'running' then state when run_at <= now() then 'ready' else 'scheduled' end
    from job where state in ('available', 'running') group by 3, 4
    union all select 'jobs_ended', count(*), kind, state from job where finished_at > now() - interval '24 hours' group by 3, 4";
const QUEUES: &str = "select 'queue_oldest_seconds', extract(epoch from now() - min(run_at))::float8, queue
    from job where state = 'available' and run_at <= now() group by queue
    union all select 'imports', count(*), state from import group by state
    union all select 'imports_ended', count(*), state from import where finished_at > now() - interval '24 hours' group by state
    union all select 'damages', count(*), kind from damage where ended_at is null group by kind";
const AUDIT: &str = "with audit as (
        select finished_at, result from job where kind = 'hearts.audit_links' and state = 'completed'
        order by finished_at desc limit 1
    ), found as (
        select sum((r.result ->> 'kept')::bigint) as kept, sum((r.result ->> 'missing')::bigint) as missing,
            sum((r.result ->> 'linked')::bigint + (r.result ->> 'relinked')::bigint + (r.result ->> 'removed')::bigint) as repaired
        from audit, jsonb_array_elements_text(audit.result -> 'jobs') of_user join job r on r.id = of_user::bigint
        where r.state = 'completed'
    )
    select 'link_audit_timestamp_seconds', extract(epoch from finished_at)::float8, '' from audit
    union all select 'link_audit_links', kept, 'right' from found
    union all select 'link_audit_links', repaired, 'repaired' from found
    union all select 'link_audit_links', missing, 'missing' from found";

const QUERIES: [&str; 7] = [HOUSE, BACKUPS, COPIES, ROLES, JOBS, QUEUES, AUDIT];

pub(super) fn names() -> impl Iterator<Item = &'static str> {
    TOLD.iter().map(|told| told.name)
}

/// The numbers, as they were read last.
pub(super) struct Rows(Vec<Numbers>);

impl Rows {
    pub(super) fn registered(registry: &mut Registry) -> Self {
        let register = |told: &Told| {
            let numbers = Numbers::default();
            registry.register(told.name, told.help, numbers.clone());
            numbers
        };
        Self(TOLD.iter().map(register).collect())
    }

    /// Reads them anew. Without a database only what this process knows is left: old numbers would look true.
    pub(super) async fn look(&self, app: &App) {
        for numbers in &self.0 {
            numbers.clear();
        }
        let schema = db::latest_version().to_string();
        self.set("build_info", &[env!("CARGO_PKG_VERSION"), &schema], 1.0);
        self.set("websocket_connections", &[], app.kept::<Relay>().listener_count() as f64);
        for (part, is_well) in app.kept::<Probes>().look(app).await.parts() {
            self.set("part_up", &[part], f64::from(u8::from(is_well)));
        }
        let is_up = matches!(tokio::time::timeout(PATIENCE, self.read(app)).await, Ok(Ok(())));
        self.set("database_up", &[], f64::from(u8::from(is_up)));
    }

    async fn read(&self, app: &App) -> Result<()> {
        let client = app.db.get().await?;
        for query in QUERIES {
            for row in client.rows(query, &[]).await? {
                self.take(&row);
            }
        }
        Ok(())
    }

    fn take(&self, row: &Row) {
        let Some(value) = row.get::<_, Option<f64>>(1) else { return };
        let texts: Vec<&str> = (2..row.len()).map(|n| row.get(n)).collect();
        self.set(row.get(0), &texts, value);
    }

    fn set(&self, name: &str, texts: &[&str], value: f64) {
        let Some((told, numbers)) = TOLD.iter().zip(&self.0).find(|(told, _)| told.name == name) else {
            debug_assert!(false, "{name} is not registered");
            return;
        };
        let labels = told.labels.iter().copied().zip(texts.iter().map(|t| (*t).to_owned())).collect();
        numbers.get_or_create(&labels).set(value);
    }
}
