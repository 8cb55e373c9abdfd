//! `barbossa doctor`: tries everything that has to work together, and says of each what it found and what to do.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use super::args::Output;
use super::desk;
use super::doctor_machine as machine;
use super::doctor_music::{self, Tried, Views};
use super::exit::Status;
use super::host::{self, Pem};
use super::terminal::{print, print_json, span, table};
use crate::app::App;
use crate::backups;
use crate::config::{self, Severity, Sources};
use crate::db::{Sql, current_version, latest_version};
use crate::files;
use crate::sources;

/// The timer makes one a day.
const OLD_BACKUP: Duration = Duration::from_secs(2 * 86_400);
const ENCODING: &str = "select current_setting('server_encoding')";
const NGINX_SNIPPET: &str = "/etc/nginx/snippets/barbossa-music.conf";
/// Where each socket unit lies as it was when its listeners came.
const LISTENING: &str = "/run/barbossa";
const UNITS: &str = "/usr/lib/systemd/system";
const LIBRARY: &str = "select id from library";
const LATE: &str = "select role from heartbeat where seen_at < now() - interval '20 seconds' order by role";
const HEARD: &str =
    "select count(distinct role) from heartbeat where seen_at >= now() - interval '20 seconds'";

/// One thing that was tried.
#[derive(Serialize)]
struct Finding {
    what: &'static str,
    verdict: Verdict,
    detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Verdict {
    Good,
    Doubtful,
    Bad,
}

pub(super) type Found = Result<String, (Verdict, String)>;

pub(super) fn doubtful(detail: impl Into<String>) -> Found {
    Err((Verdict::Doubtful, detail.into()))
}

pub(super) fn bad(detail: impl Into<String>) -> Found {
    Err((Verdict::Bad, detail.into()))
}

pub fn run(output: Output) -> anyhow::Result<Status> {
    let loaded = config::load(&Sources::of_process());
    let mut findings = vec![finding("settings", settings(&loaded))];
    if !loaded.problems.has_errors() {
        let found = &mut findings;
        // Before root's rights are given away.
        let views = doctor_music::look(&loaded.settings);
        let pem = host::read_certificate();
        desk::with_app(|app| async move {
            found.extend(examine(&app, views, pem).await);
            Ok(Status::Done)
        })?;
    }
    let is_bad = findings.iter().any(|f| f.verdict == Verdict::Bad);
    if output.json {
        print_json(&findings)?;
    } else {
        let rows = findings.iter().map(|f| {
            let verdict = match f.verdict {
                Verdict::Good => "ok",
                Verdict::Doubtful => "look",
                Verdict::Bad => "BAD",
            };
            vec![f.what.to_owned(), verdict.to_owned(), f.detail.clone()]
        });
        print(table(&["what", "is", "because"], &[], rows))?;
    }
    Ok(if is_bad { Status::Failed } else { Status::Done })
}

async fn examine(app: &App, views: Views, pem: Option<Pem>) -> Vec<Finding> {
    let certificate = match pem {
        Some(pem) => pem.certificate().await,
        None => None,
    };
    vec![
        finding("database", database(app).await),
        finding("redis", redis(app).await),
        finding("locale", locale(app).await),
        finding("music", music(app, views.worker).await),
        finding("mounts", mounts(app)),
        finding("exports", machine::exports(app.settings.exports.roots.iter().map(Path::new))),
        finding("space", machine::space(files::free_bytes(app.music()))),
        finding("nginx", nginx(app, views.nginx).await),
        finding("api", machine::api(machine::ask_api())),
        finding("sockets", machine::sockets(Path::new(LISTENING), Path::new(UNITS))),
        finding("roles", roles(app).await),
        finding("backup", backup(app).await),
        finding("restore", restore(app).await),
        finding("backup folder", machine::backup_folder(&app.settings.backup_dir)),
        finding("destinations", destinations(app).await),
        finding("music backup", music_backup(app).await),
        finding("sources", sources(app).await),
        finding("certificate", machine::certificate(certificate, app.clock.now())),
        finding("clock", machine::clock(host::is_clock_synchronized().await)),
        finding("inotify", machine::inotify(Path::new("/proc/sys/fs/inotify"))),
        finding("units", machine::units(&host::failed_units().await)),
        finding("old tokens", old_tokens(app)),
    ]
}

fn finding(what: &'static str, found: Found) -> Finding {
    match found {
        Ok(detail) => Finding { what, verdict: Verdict::Good, detail },
        Err((verdict, detail)) => Finding { what, verdict, detail },
    }
}

fn settings(loaded: &config::Loaded) -> Found {
    let problems = &loaded.problems.0;
    let detail = problems.iter().map(|p| format!("{}: {}", p.key, p.message)).collect::<Vec<_>>().join("\n");
    match problems.iter().map(|p| p.severity).min() {
        None => Ok("nothing is wrong with them".to_owned()),
        Some(Severity::Warning) => doubtful(detail),
        Some(Severity::Error) => bad(detail),
    }
}

async fn database(app: &App) -> Found {
    let version = async { current_version(&app.db.get().await?).await };
    match version.await {
        Err(error) => bad(super::exit::explain(&error.into())),
        Ok(version) if version == latest_version() => Ok(format!("answers, schema {version}")),
        Ok(version) => {
            bad(format!("schema {version}, needed {}: systemctl start barbossa-migrate", latest_version()))
        }
    }
}

async fn redis(app: &App) -> Found {
    if app.cache.is_there().await {
        return Ok("answers".to_owned());
    }
    doubtful("does not answer; live updates are slow: systemctl status barbossa-redis")
}

/// As the worker sees it, where it runs and root asks; else as this process does.
async fn music(app: &App, seen_by_worker: Option<Tried>) -> Found {
    let music = app.music();
    let (who, tried) = match seen_by_worker {
        Some(tried) => (" for the worker", tried),
        None => ("", doctor_music::try_all(music)),
    };
    let expected =
        async { Ok::<uuid::Uuid, crate::error::Error>(app.db.get().await?.row(LIBRARY, &[]).await?.get(0)) };
    match (tried, expected.await) {
        (Err(error), _) => bad(error),
        (Ok(None), _) => bad(format!(
            "no marker in {0}: is its disk mounted? findmnt -T '{0}'; on a new house: systemctl start barbossa-worker",
            music.display()
        )),
        (Ok(Some(there)), Ok(expected)) if there != expected => bad(format!(
            "the marker in {0} is that of another library. If the music in it is this one's: echo {expected} | sudo tee {0}/{1}",
            music.display(),
            files::MARKER
        )),
        _ => Ok(format!("{}: files, links, renames and fsync work{who}", music.display())),
    }
}

/// On which file systems the folders lie.
fn mounts(app: &App) -> Found {
    let music = app.music();
    let apart = ["artists", "users", "import", "downloads", ".trash"]
        .into_iter()
        .find(|name| files::same_file_system(music, &music.join(name)).is_ok_and(|is_same| !is_same));
    if let Some(name) = apart {
        return bad(format!(
            "{0}/{name} is another file system than {0}: unmount it there: umount '{0}/{name}'",
            music.display()
        ));
    }
    let dir = &app.settings.backup_dir;
    match (files::filesystem_kind(music), files::same_file_system(music, dir)) {
        (Err(error), _) => bad(format!("{}: {error}: findmnt -T '{0}'", music.display())),
        (Ok(_), Ok(true)) if app.settings.backup.destinations.is_empty() => doubtful(
            "music and backups lie on one file system, and no copy is carried elsewhere: see backup.destinations",
        ),
        (Ok(kind), _) => Ok(format!("music on one file system ({kind:?})")),
    }
}

/// Names fold and sort by Unicode, so all has to be UTF-8.
async fn locale(app: &App) -> Found {
    let asked = async { app.db.get().await?.row(ENCODING, &[]).await };
    match asked.await {
        Err(error) => return bad(error.to_string()),
        Ok(row) if row.get::<_, String>(0) != "UTF8" => {
            let encoding: String = row.get(0);
            return bad(format!(
                "the database is {encoding}, not UTF8: make it anew with --encoding=UTF8, then barbossa restore newest"
            ));
        }
        Ok(_) => {}
    }
    let names = ["LC_ALL", "LC_CTYPE", "LANG"];
    let set = names.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
    match set {
        Some(value) if !value.to_lowercase().replace('-', "").contains("utf8") => doubtful(format!(
            "this terminal is {value}: names may be shown wrong: update-locale LANG=C.UTF-8, then log in again"
        )),
        _ => Ok("UTF-8".to_owned()),
    }
}

async fn destinations(app: &App) -> Found {
    let asked =
        async { backups::destinations(&app.db.get().await?, &app.settings.backup.destinations).await };
    let places = match asked.await {
        Err(error) => return bad(error.to_string()),
        Ok(places) => places,
    };
    if places.is_empty() {
        return Ok("none is set".to_owned());
    }
    for place in &places {
        let (name, again) = (&place.name, "systemctl start barbossa-backup-send");
        if place.kind == "folder" && !Path::new(&place.to).join(backups::MARKER).is_file() {
            let (to, marker) = (&place.to, backups::MARKER);
            return bad(format!(
                "{name}: {to} has no {marker}: mount '{to}'; the first time: \
                 install -d -o barbossa -g barbossa -m 700 '{to}' && touch '{to}/{marker}'"
            ));
        }
        if let Some(why) = place.last.as_ref().and_then(|last| last.error.as_ref()) {
            return bad(format!("{name}: {why}: {again}; journalctl -u barbossa-backup-send"));
        }
        if place.is_overdue {
            return bad(format!("{name}: no backup has come there for three days: {again}"));
        }
    }
    let shown = places.iter().map(|place| format!("{}: {} kept", place.name, place.kept));
    Ok(shown.collect::<Vec<_>>().join(", "))
}

async fn music_backup(app: &App) -> Found {
    let asked = async { backups::music_state(&app.db.get().await?, &app.settings).await };
    let music = match asked.await {
        Err(error) => return bad(error.to_string()),
        Ok(music) => music,
    };
    if music.repository.is_none() {
        return Ok("not backed up from here (backup.music_repository)".to_owned());
    }
    let runs = [&music.last, &music.last_verified].into_iter().flatten();
    if let Some(why) = runs.filter(|run| run.state == "failed").find_map(|run| run.error.as_ref()) {
        return bad(format!("{why}: systemctl start barbossa-backup-music"));
    }
    match music.last_complete_at {
        None => doubtful("not yet: systemctl start barbossa-backup-music"),
        Some(_) if music.is_overdue => bad("late: systemctl start barbossa-backup-music"),
        Some(at) => Ok(format!("{} ago", span(age(at, app.clock.now())))),
    }
}

/// What fetch has found; it alone has a network to look with.
async fn sources(app: &App) -> Found {
    let asked = async { sources::list(app, &app.db.get().await?).await };
    let all = match asked.await {
        Err(error) => return bad(error.to_string()),
        Ok(all) => all,
    };
    let down: Vec<String> = all
        .iter()
        .filter(|source| source.state == "down")
        .map(|source| format!("{}: {}", source.title, source.why.as_deref().unwrap_or("no reason is known")))
        .collect();
    if !down.is_empty() {
        return doubtful(down.join("\n"));
    }
    let well: Vec<&str> = all.iter().filter(|s| s.state == "ok").map(|s| s.title.as_str()).collect();
    Ok(if well.is_empty() { "none is set up".to_owned() } else { well.join(", ") })
}

async fn nginx(app: &App, may_read: Option<bool>) -> Found {
    let snippet = std::fs::read_to_string(NGINX_SNIPPET);
    let runs = host::is_active("nginx.service").await;
    machine::nginx(runs, snippet.ok().as_deref(), app.music(), may_read)
}

async fn roles(app: &App) -> Found {
    let asked = async {
        let client = app.db.get().await?;
        let late: Vec<String> = client.rows(LATE, &[]).await?.iter().map(|r| r.get(0)).collect();
        Ok::<_, crate::error::Error>((late, client.row(HEARD, &[]).await?.get::<_, i64>(0)))
    };
    match asked.await {
        Err(error) => bad(error.to_string()),
        Ok((_, 0)) => bad("no role is heard: systemctl status 'barbossa-*'"),
        Ok((late, heard)) if late.is_empty() => Ok(format!("{heard} heard within 20 s")),
        Ok((late, _)) => doubtful(format!("late: {}; see barbossa status", late.join(", "))),
    }
}

async fn backup(app: &App) -> Found {
    let listed = async { backups::list(&app.db.get().await?, 100).await };
    let newest = match listed.await {
        Err(error) => return bad(error.to_string()),
        Ok(backups) => backups.into_iter().find(|b| b.state == "verified" && b.removed_at.is_none()),
    };
    let Some(newest) = newest else { return doubtful("none yet: systemctl start barbossa-backup") };
    let age = age(newest.started_at, app.clock.now());
    if !newest.path.as_deref().is_some_and(|p| Path::new(p).exists()) {
        return bad(format!("the newest ({} old) is not there any more", span(age)));
    }
    if let Some(problem) = newest.problem {
        return bad(format!("the newest is damaged: {problem}: systemctl start barbossa-backup"));
    }
    if age > OLD_BACKUP {
        return bad(format!("the newest is {} old: journalctl -u barbossa-backup", span(age)));
    }
    Ok(format!("verified, {} old", span(age)))
}

async fn restore(app: &App) -> Found {
    let asked = async { backups::proof(&app.db.get().await?).await };
    let proof = match asked.await {
        Err(error) => return bad(error.to_string()),
        Ok(proof) => proof,
    };
    if let Some(drill) = proof.last_drill.filter(|drill| drill.state == "failed") {
        return bad(drill.error.unwrap_or_default());
    }
    match proof.last_proven_restore.map(|at| span(age(at, app.clock.now()))) {
        Some(ago) if !proof.is_overdue => {
            Ok(format!("a backup was restored {ago} ago, into a scratch database"))
        }
        Some(ago) => bad(format!("proven {ago} ago: systemctl start barbossa-restore-drill")),
        None if proof.is_overdue => bad("never proven: systemctl start barbossa-restore-drill"),
        None => doubtful("not proven yet: systemctl start barbossa-restore-drill"),
    }
}

pub(super) fn age(at: Timestamp, now: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(at)).unwrap_or_default()
}

fn old_tokens(app: &App) -> Found {
    if app.settings.compat.query_tokens {
        return doubtful("compat.query_tokens is on: login tokens may end up in logs");
    }
    Ok("login tokens are not taken from addresses".to_owned())
}
