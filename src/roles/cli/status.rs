//! `barbossa status`: one screen that says whether all is well, and what is not; for monitoring, its exit status does.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::args::Output;
use super::desk;
use super::exit::{Status, explain};
use super::host::{self, Certificate, Pem};
use super::music_backup;
use super::terminal::{bytes, count, print, print_json, span, table, time};
use crate::app::App;
use crate::backups::{self, Backup, DestinationState, MusicState, Proof};
use crate::db::{Client, Sql, current_version, latest_version};
use crate::health::{self, Probes};
use crate::integrity;
use crate::library::{self, Space};
use crate::sources::{self, Source};

/// A role that has not been heard for so long is late; /health says the same.
const LATE: Duration = Duration::from_secs(20);

/// Below this an import of an album in 24/192 may not fit.
const LITTLE_SPACE: u64 = 5 << 30;
/// Two weeks to buy a disk or to renew a certificate.
const SOON: Duration = Duration::from_secs(14 * 86_400);

const HEARTBEATS: &str = "select role, host, pid, status, version, started_at, seen_at from heartbeat
    order by role, host, pid";
const QUEUE: &str =
    "select queue, count(*) filter (where state = 'running'), count(*) filter (where state = 'available'),
        count(*) filter (where state = 'discarded')
    from job where state in ('running', 'available', 'discarded') group by queue order by queue";
const LIBRARY: &str = "select artist_count, album_count, track_count, (select count(*) from app_user),
        (select count(*) from import where state = 'review'), (select count(*) from damage where ended_at is null)
    from library";

/// As monitoring plugins say it (monitoring-plugins.org, "Plugin Return Codes").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warning,
    Critical,
}

#[derive(Serialize)]
struct Report {
    verdict: Verdict,
    /// What is not well, the worst first; empty when all is.
    complaints: Vec<Complaint>,
    version: &'static str,
    schema: i32,
    schema_needed: i32,
    redis: bool,
    roles: Vec<Heartbeat>,
    failed_units: Vec<String>,
    queues: Vec<Backlog>,
    library: Library,
    /// None when the music folder cannot be asked.
    space: Option<Space>,
    last_backup: Option<Backup>,
    proof: Proof,
    destinations: Vec<DestinationState>,
    music: MusicState,
    /// How the inbox is watched, in the watcher's own words; none: no watcher is heard.
    watcher: Option<String>,
    integrity: integrity::Summary,
    certificate: Option<Certificate>,
    /// Where music comes from and who else is told; none of them is needed.
    sources: Vec<Source>,
}

#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
struct Complaint {
    verdict: Verdict,
    what: String,
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
    damaged: i64,
}

pub fn run(output: Output) -> anyhow::Result<Status> {
    let pem = host::read_certificate();
    let told = desk::with_app(|app| async move {
        let report = Box::pin(gather(&app, pem)).await?;
        if output.json {
            print_json(&report)?;
        } else {
            print(shown(&report, app.clock.now()))?;
        }
        Ok(exit_of(report.verdict))
    });
    // Without the database nothing works, and a monitor wants to know just that.
    told.or_else(|error| {
        let what = explain(&error);
        if output.json {
            let complaint = Complaint { verdict: Verdict::Critical, what };
            print_json(&serde_json::json!({ "verdict": Verdict::Critical, "complaints": [complaint] }))?;
        } else {
            print(format_args!("Barbossa {}: CRITICAL\n  {what}", env!("CARGO_PKG_VERSION")))?;
        }
        Ok(exit_of(Verdict::Critical))
    })
}

/// 0, 1 and 2.
fn exit_of(verdict: Verdict) -> Status {
    match verdict {
        Verdict::Ok => Status::Done,
        Verdict::Warning => Status::Failed,
        Verdict::Critical => Status::Usage,
    }
}

async fn gather(app: &App, pem: Option<Pem>) -> anyhow::Result<Report> {
    let client = app.db.get().await?;
    let (schema, redis) = (current_version(&client).await?, app.cache.is_there().await);
    let row = client.row(LIBRARY, &[]).await?;
    let library = Library {
        artists: row.get(0),
        albums: row.get(1),
        tracks: row.get(2),
        users: row.get(3),
        in_review: row.get(4),
        damaged: row.get(5),
    };
    let probes = app.kept::<Probes>();
    let certificate = async {
        match pem {
            Some(pem) => pem.certificate().await,
            None => None,
        }
    };
    let (health, failed_units, certificate) =
        tokio::join!(probes.look(app), host::failed_units(), certificate);
    let roles = roles(&client, app.clock.now()).await?;
    let watching = roles.iter().find(|role| role.role == "watcher" && !role.is_late);
    let watcher = watching.map(|role| role.status.clone());
    let mut report = Report {
        verdict: Verdict::Ok,
        complaints: Vec::new(),
        version: env!("CARGO_PKG_VERSION"),
        schema,
        schema_needed: latest_version(),
        redis,
        roles,
        watcher,
        failed_units,
        queues: queues(&client).await?,
        library,
        space: library::space(app, &client).await.ok(),
        last_backup: backups::list(&client, 1).await?.pop(),
        proof: backups::proof(&client).await?,
        destinations: backups::destinations(&client, &app.settings.backup.destinations).await?,
        music: backups::music_state(&client, &app.settings).await?,
        sources: sources::list(app, &client).await?,
        integrity: integrity::summary(app).await?,
        certificate,
    };
    report.complaints = complaints(&report, &health, app.clock.now());
    report.verdict = report.complaints.first().map_or(Verdict::Ok, |c| c.verdict);
    Ok(report)
}

/// What is not well, the worst first.
fn complaints(report: &Report, health: &health::Report, now: Timestamp) -> Vec<Complaint> {
    let mut found = Vec::new();
    let mut complain = |verdict, what: String| found.push(Complaint { verdict, what });
    if report.schema != report.schema_needed {
        let (is, needed) = (report.schema, report.schema_needed);
        let what = format!(
            "the schema is at version {is}, this program needs {needed}: systemctl start barbossa-migrate"
        );
        complain(Verdict::Critical, what);
    }
    for (part, _) in
        health.parts().filter(|(part, is_well)| !is_well && !["database", "schema"].contains(part))
    {
        let verdict = if part.starts_with("music") { Verdict::Critical } else { Verdict::Warning };
        complain(verdict, format!("{part}: {}", health.code(part)));
    }
    for unit in &report.failed_units {
        complain(Verdict::Warning, format!("{unit} has failed: journalctl -u {unit}"));
    }
    if let Some(space) = report.space {
        let days = space.days_left.filter(|days| u64::from(*days) * 86_400 < SOON.as_secs());
        if space.free_bytes < LITTLE_SPACE {
            complain(Verdict::Warning, format!("only {} left for music", bytes(space.free_bytes)));
        } else if let Some(days) = days {
            complain(Verdict::Warning, format!("the disk with the music is full in about {days} days"));
        }
    }
    if let Some(certificate) = &report.certificate {
        let path = certificate.path.display();
        if certificate.expires_at <= now {
            complain(Verdict::Critical, format!("the certificate {path} has expired"));
        } else if since(now, certificate.expires_at) < SOON {
            let left = span(since(now, certificate.expires_at));
            complain(Verdict::Warning, format!("the certificate {path} expires in {left}"));
        }
    }
    found.sort_by_key(|complaint| std::cmp::Reverse(complaint.verdict));
    found
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
    let verdict = match report.verdict {
        Verdict::Ok => "all is well",
        Verdict::Warning => "LOOK",
        Verdict::Critical => "CRITICAL",
    };
    let complaints: String = report.complaints.iter().map(|c| format!("\n  {}", c.what)).collect();
    let facts = facts(report, now).join("\n");
    format!("Barbossa {}: {verdict}{complaints}\n\n{roles}\n\n{queues}\n\n{facts}", report.version)
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
    facts.extend(report.destinations.iter().map(|place| {
        let last = place.last_complete_at.map_or_else(|| "none yet".to_owned(), time);
        let failed =
            place.last.as_ref().filter(|last| last.state == "failed").and_then(|last| last.error.as_ref());
        let failed = failed.map(|why| format!("; FAILED: {why}")).unwrap_or_default();
        format!("Copies    {}: last {last}{failed}", place.name)
    }));
    if report.music.repository.is_some() {
        facts.push(music_backup::sentence(&report.music).replacen("Music: ", "Music     ", 1));
    }
    facts.push(format!("Watcher   {}", report.watcher.as_deref().unwrap_or("not heard")));
    if let Some(space) = report.space {
        let left = space.days_left.map(|days| format!(", full in about {days} days")).unwrap_or_default();
        let (free, total) = (bytes(space.free_bytes), bytes(space.total_bytes));
        facts.push(format!("Disk      {free} of {total} free for music{left}"));
    }
    let integrity = &report.integrity;
    let read = format!("{} % read again within {} days", integrity.verified_pct, integrity.period_days);
    facts.push(match library.damaged {
        0 => format!("Integrity no damaged file is known; {read}"),
        n => format!("Integrity {} damaged: barbossa integrity list; {read}", of(n, "file")),
    });
    let well = report.sources.iter().filter(|source| source.state == "ok");
    let well = well.map(|source| source.title.as_str()).collect::<Vec<_>>().join(", ");
    facts.push(format!("Sources   {}", if well.is_empty() { "none is up" } else { &well }));
    if let Some(certificate) = &report.certificate {
        facts.push(format!(
            "TLS       {} until {}",
            certificate.path.display(),
            time(certificate.expires_at)
        ));
    }
    facts.extend(report.sources.iter().filter(|s| s.state == "down").map(|source| {
        let since = source.since.map(|at| format!(" since {}", time(at))).unwrap_or_default();
        format!("Source    {} is down{since}: {}", source.title, source.why.as_deref().unwrap_or_default())
    }));
    facts
}

/// Never negative: the clocks of two machines differ a little.
fn since(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(at)).unwrap_or_default()
}
