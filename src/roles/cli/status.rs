//! `barbossa status`: the units' heartbeats, the queue, what is there, the latest backup.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::args::Output;
use super::exit::Status;
use super::terminal::{count, print, print_json, span, table, time};
use crate::app::App;
use crate::backups::{self, Backup, Proof};
use crate::db::{Client, Sql, current_version, latest_version};

/// A role that has not been heard for so long is late; /health says the same.
const LATE: Duration = Duration::from_secs(20);

const HEARTBEATS: &str = "select role, host, pid, status, version, started_at, seen_at from heartbeat
    order by role, host, pid";
const QUEUE: &str =
    "select queue, count(*) filter (where state = 'running'), count(*) filter (where state = 'available'),
        count(*) filter (where state = 'discarded')
    from job where state in ('running', 'available', 'discarded') group by queue order by queue";
const LIBRARY: &str = "select artist_count, album_count, track_count, (select count(*) from app_user),
        (select count(*) from import where state = 'review')
    from library";

#[derive(Serialize)]
struct Report {
    version: &'static str,
    schema: i32,
    schema_needed: i32,
    redis: bool,
    roles: Vec<Heartbeat>,
    queues: Vec<Backlog>,
    library: Library,
    last_backup: Option<Backup>,
    proof: Proof,
}

#[derive(Serialize)]
struct Heartbeat {
    role: String,
    host: String,
    pid: i32,
    status: String,
    version: String,
    started_at: Timestamp,
    seen_at: Timestamp,
    is_late: bool,
}

#[derive(Serialize)]
struct Backlog {
    queue: String,
    running: i64,
    waiting: i64,
    failed: i64,
}

#[derive(Serialize)]
struct Library {
    artists: i64,
    albums: i64,
    tracks: i64,
    users: i64,
    in_review: i64,
}

pub async fn run(app: App, output: Output) -> anyhow::Result<Status> {
    let report = gather(&app).await?;
    if output.json {
        print_json(&report)?;
    } else {
        print(shown(&report, app.clock.now()))?;
    }
    Ok(Status::Done)
}

async fn gather(app: &App) -> anyhow::Result<Report> {
    let client = app.db.get().await?;
    let row = client.row(LIBRARY, &[]).await?;
    let library = Library {
        artists: row.get(0),
        albums: row.get(1),
        tracks: row.get(2),
        users: row.get(3),
        in_review: row.get(4),
    };
    Ok(Report {
        version: env!("CARGO_PKG_VERSION"),
        schema: current_version(&client).await?,
        schema_needed: latest_version(),
        redis: app.cache.is_there().await,
        roles: roles(&client, app.clock.now()).await?,
        queues: queues(&client).await?,
        library,
        last_backup: backups::list(&client, 1).await?.pop(),
        proof: backups::proof(&client).await?,
    })
}

async fn roles(client: &Client, now: Timestamp) -> anyhow::Result<Vec<Heartbeat>> {
    let rows = client.rows(HEARTBEATS, &[]).await?;
    let roles = rows.iter().map(|row| {
        let seen_at: Timestamp = row.get(6);
        Heartbeat {
            role: row.get(0),
            host: row.get(1),
            pid: row.get(2),
            status: row.get(3),
            version: row.get(4),
            started_at: row.get(5),
            seen_at,
            is_late: since(seen_at, now) > LATE,
        }
    });
    Ok(roles.collect())
}

async fn queues(client: &Client) -> anyhow::Result<Vec<Backlog>> {
    let rows = client.rows(QUEUE, &[]).await?;
    let queues = rows.iter().map(|row| Backlog {
        queue: row.get(0),
        running: row.get(1),
        waiting: row.get(2),
        failed: row.get(3),
    });
    Ok(queues.collect())
}

fn shown(report: &Report, now: Timestamp) -> String {
    let roles = report.roles.iter().map(|r| {
        let seen = span(since(r.seen_at, now));
        let seen = if r.is_late { format!("{seen} ago: late") } else { format!("{seen} ago") };
        vec![
            r.role.clone(),
            r.status.clone(),
            span(since(r.started_at, now)),
            seen,
            r.pid.to_string(),
            r.host.clone(),
        ]
    });
    let roles = match report.roles.len() {
        0 => "No role has been heard: systemctl status 'barbossa-*'".to_owned(),
        _ => table(&["role", "does", "up", "heard", "pid", "host"], &[4], roles),
    };
    let numbers = |q: &Backlog| [q.running, q.waiting, q.failed].map(|n| n.to_string());
    let queues = report.queues.iter().map(|q| [vec![q.queue.clone()], numbers(q).to_vec()].concat());
    let queues = match report.queues.len() {
        0 => "No job runs or waits.".to_owned(),
        _ => table(&["queue", "running", "waiting", "failed"], &[1, 2, 3], queues),
    };
    format!("{roles}\n\n{queues}\n\n{}", facts(report, now).join("\n"))
}

fn facts(report: &Report, now: Timestamp) -> Vec<String> {
    let library = &report.library;
    let of = |number: i64, noun: &str| count(usize::try_from(number).unwrap_or_default(), noun);
    let mut facts = vec![format!(
        "Library   {}, {}, {}; {}",
        of(library.artists, "artist"),
        of(library.albums, "album"),
        of(library.tracks, "track"),
        of(library.users, "user")
    )];
    if library.in_review > 0 {
        facts.push(format!("Review    {} for a person to decide", of(library.in_review, "import")));
    }
    facts.push(match &report.last_backup {
        Some(b) => {
            format!("Backup    {}, {} ({} ago)", b.state, time(b.started_at), span(since(b.started_at, now)))
        }
        None => "Backup    none yet: systemctl list-timers barbossa-backup.timer".to_owned(),
    });
    let left_out = report.last_backup.iter().flat_map(|b| &b.left_out);
    facts.extend(left_out.map(|sentence| format!("          {sentence}")));
    facts.push(match (report.proof.last_proven_restore, &report.proof.last_drill) {
        (_, Some(drill)) if drill.state == "failed" => {
            format!(
                "Restore   FAILED, {}: {}",
                time(drill.started_at),
                drill.error.as_deref().unwrap_or_default()
            )
        }
        (Some(at), _) => {
            let late =
                if report.proof.is_overdue { ": late, systemctl start barbossa-restore-drill" } else { "" };
            format!("Restore   proven, {} ({} ago){late}", time(at), span(since(at, now)))
        }
        (None, _) => {
            "Restore   not proven yet: systemctl list-timers barbossa-restore-drill.timer".to_owned()
        }
    });
    if !report.redis {
        facts.push("Redis     does not answer: live updates are slow, all else goes on".to_owned());
    }
    if report.schema != report.schema_needed {
        facts.push(format!(
            "Schema    is at version {}, this program needs {}: systemctl start barbossa-migrate",
            report.schema, report.schema_needed
        ));
    }
    facts
}

/// Never negative: the clocks of two machines differ a little.
fn since(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(at)).unwrap_or_default()
}
