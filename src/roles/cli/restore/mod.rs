//! `barbossa restore`: a backup in the place of the running database, which stays beside until it is forgotten.
//!
//! As root: the service's user checks and restores beside (`restore-beside`), the user postgres makes and renames the
//! databases, root pauses the units. Until the names are swapped, in one transaction, nothing that runs is touched; a
//! failure or a kill before that leaves at most a database that the next restore throws away.

mod elsewhere;
mod server;
mod swap;

use std::fs::File;
use std::path::Path;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use nix::fcntl::{Flock, FlockArg};
use serde_json::{Value, json};
use tokio_postgres::Config;

use self::server::{Server, literal, quoted};
use super::args::Output;
use super::desk::interrupted;
use super::exit::{Status, failure};
use super::terminal::{bytes, complain, confirmed, count, print, print_json, spinner, table, time};
use crate::app::App;
use crate::backups::{self, Found, Manifest, Tools};
use crate::config::{self, Secret, Settings, Sources};
use crate::process::Program;

/// As long as a dump may take.
const DEADLINE: Duration = Duration::from_secs(5 * 3600);

#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// Which: a name that `barbossa backup list` shows, a path, or `newest`; without it, what there is
    #[arg(conflicts_with = "forget_old")]
    backup: Option<String>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// From a destination (the name of one of backup.destinations) instead of backup_dir
    #[arg(long, value_name = "DESTINATION", conflicts_with = "forget_old")]
    from: Option<String>,
    /// Throw away the databases that earlier restores have put aside
    #[arg(long)]
    forget_old: bool,
    /// Put secrets that are missing here back, too: the file with the secret key, as age-keygen wrote it
    #[arg(long, value_name = "FILE", requires = "backup")]
    identity: Option<std::path::PathBuf>,
    #[command(flatten)]
    output: Output,
}

/// The part of the service's user.
#[derive(Debug, Args)]
pub struct BesideArgs {
    /// The backup's path
    path: String,
    /// The empty database
    database: String,
}

/// The part of the unit of its own.
#[derive(Debug, Args)]
pub struct SwapArgs {
    live: String,
    restored: String,
    old: String,
    /// The units that ran, which are started again.
    active: Vec<String>,
}

/// Of the three databases.
pub struct Names {
    live: String,
    restored: String,
    old: String,
}

/// Where a test may fail or kill it. A program without the feature `failpoints` has no such place.
fn here(step: &str) -> anyhow::Result<()> {
    #[cfg(feature = "failpoints")]
    match std::env::var("BARBOSSA_RESTORE_STOP").unwrap_or_default().split_once(' ') {
        Some(("kill", at)) if at == step => {
            nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL)?;
        }
        Some(("fail", at)) if at == step => bail!("a test failed it at `{step}`"),
        _ => {}
    }
    // What a program without the feature knows of it.
    let _ = step;
    Ok(())
}

// -- the parts that other users and units play

pub async fn beside(app: App, args: BesideArgs) -> anyhow::Result<Status> {
    let backup = backups::find(Path::new("/"), &args.path)?;
    print_json(&backups::restore_beside(&app, &backup, &args.database).await?)?;
    Ok(Status::Done)
}

pub async fn after(app: App, path: String) -> anyhow::Result<Status> {
    let backup = backups::find(Path::new("/"), &path)?;
    print_json(&backups::settle_after(&app, &backup).await?)?;
    Ok(Status::Done)
}

pub fn swap_in_its_unit(args: SwapArgs) -> anyhow::Result<Status> {
    let (_, config) = settings()?;
    let SwapArgs { live, restored, old, active } = args;
    let names = Names { live, restored, old };
    on_a_runtime(swap::in_its_unit(&Server::of(&config), &names, &active))?;
    Ok(Status::Done)
}

// -- the whole

pub fn run(args: RestoreArgs) -> anyhow::Result<Status> {
    let (settings, config) = settings()?;
    // The programs that we start may not enter every folder that root may.
    nix::unistd::chdir("/").context("changing to /")?;
    let server = Server::of(&config);
    on_a_runtime(async {
        tokio::select! {
            done = choose(&settings, &config, &server, &args) => done,
            stopped = interrupted() => Err(stopped),
        }
    })
}

fn settings() -> anyhow::Result<(Settings, Config)> {
    let loaded = config::load(&Sources::of_process());
    if loaded.problems.has_errors() {
        return Err(failure(Status::Failed, "The settings have errors: barbossa check-config"));
    }
    let config = Config::from_str(&loaded.settings.database_url).context("database_url")?;
    Ok((loaded.settings, config))
}

fn on_a_runtime<T>(work: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

async fn choose(
    settings: &Settings,
    config: &Config,
    server: &Server,
    args: &RestoreArgs,
) -> anyhow::Result<Status> {
    let live = config.get_dbname().context("database_url names no database")?;
    if args.forget_old {
        return forget_old(server, live, args.yes).await;
    }
    if let Some(destination) = &args.from {
        let app = App::new("restore", elsewhere::with_rclone(settings).await?, 1)?;
        let Some(wanted) = &args.backup else { return elsewhere::list(&app, destination, args.output).await };
        let backup = elsewhere::fetch(&app, destination, wanted).await?;
        return restore(settings, config, server, &backup, args).await;
    }
    let Some(wanted) = &args.backup else { return list(settings, args.output) };
    let backup = match wanted.as_str() {
        "newest" => {
            let found = backups::on_disk(&settings.backup_dir)?;
            let routine = found.iter().find(|b| b.purpose == backups::Purpose::Routine);
            let none =
                || failure(Status::NotFound, format!("{} holds no backup", settings.backup_dir.display()));
            routine.cloned().ok_or_else(none)?
        }
        name => backups::find(&settings.backup_dir, name)?,
    };
    restore(settings, config, server, &backup, args).await
}

fn list(settings: &Settings, output: Output) -> anyhow::Result<Status> {
    let found = backups::on_disk(&settings.backup_dir)?;
    let manifest = |b: &Found| Manifest::read(&b.path).ok().filter(|_| !b.is_single_file);
    if output.json {
        let shown = found
            .iter()
            .map(|b| json!({"name": b.name, "path": b.path, "made_at": b.made_at, "manifest": manifest(b)}));
        print_json(&shown.collect::<Vec<_>>())?;
        return Ok(Status::Done);
    }
    if found.is_empty() {
        let dir = settings.backup_dir.display();
        complain(format_args!("{dir} holds no backup. One that lies elsewhere is named by its path."));
        return Ok(Status::NotFound);
    }
    let rows = found.iter().map(|b| {
        let manifest = manifest(b);
        let of = |table: &str| manifest.as_ref().and_then(|m| m.tables.get(table)).map(ToString::to_string);
        vec![
            b.name.clone(),
            time(b.made_at),
            of("app_user").unwrap_or_default(),
            of("album").unwrap_or_default(),
            of("heart").unwrap_or_default(),
            manifest.as_ref().map_or_else(String::new, |m| m.schema.to_string()),
        ]
    });
    print(table(&["backup", "made", "users", "albums", "hearts", "schema"], &[2, 3, 4, 5], rows))?;
    print(
        "\nbarbossa restore NAME puts one in the place of the running database; it says first what that replaces.",
    )?;
    Ok(Status::Done)
}

async fn restore(
    settings: &Settings,
    config: &Config,
    server: &Server,
    backup: &Found,
    args: &RestoreArgs,
) -> anyhow::Result<Status> {
    let live = config.get_dbname().unwrap_or_default();
    let _alone = alone(&settings.backup_dir)?;
    let spinner = spinner();
    spinner.set_message("reading the backup to its end");
    let version: u32 =
        server.ask("postgres", "show server_version_num").await?.parse().context("PostgreSQL's version")?;
    let whole = backups::check(backup, &Tools::for_server(version / 10_000)).await?;
    here("checked")?;
    spinner.finish_and_clear();
    print(format_args!(
        "{}: whole, {}, made {}",
        backup.name,
        bytes(whole.size_bytes),
        time(backup.made_at)
    ))?;
    tell_difference(server, live, whole.manifest.as_ref()).await?;
    tell_settings(settings, backup);
    if !args.yes && !confirmed("The running database steps aside for it; Barbossa pauses for some seconds.")?
    {
        return Err(failure(Status::Failed, "Nothing was changed."));
    }
    let backup = backups::take_in(&settings.backup_dir, backup)?;
    let names = names(live);
    let replaced = replace(config, server, &backup, &names, version).await;
    if replaced.is_err() {
        // Not ours any more after the swap; else the next restore would throw it away.
        let _ = server.run(&[&drop_database(&names.restored)]).await;
    }
    let restored = replaced?;
    here("after")?;
    let settled = part(&["restore-after", &backup.path.to_string_lossy()]).await;
    let mut report = vec![
        format!("{} is the running database now: {} rows.", backup.name, restored["rows"]),
        format!("The one before is {}; `barbossa restore --forget-old` throws it away.", names.old),
    ];
    match settled {
        Ok(settled) => {
            let put_back = settled["put_back"].as_u64().unwrap_or_default() as usize;
            if put_back > 0 {
                report.push(format!("{} of pictures and lyrics put back.", count(put_back, "file")));
            }
            report.extend(settled["music"].as_str().map(str::to_owned));
        }
        Err(error) => report.push(format!("The music folder could not be looked at: {error:#}")),
    }
    if let Some(identity) = &args.identity {
        report.extend(put_secrets(&backup.path, identity)?);
    }
    if args.output.json {
        print_json(&json!({"backup": backup.path, "old_database": names.old, "report": report}))?;
    } else {
        print(report.join("\n"))?;
    }
    Ok(Status::Done)
}

/// One restore at a time.
fn alone(dir: &Path) -> anyhow::Result<Option<Flock<File>>> {
    let Ok(folder) = File::open(dir) else { return Ok(None) };
    match Flock::lock(folder, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err(_) => bail!("another restore is running"),
    }
}

fn names(live: &str) -> Names {
    // To the millisecond: two may be put aside within a second.
    let now = jiff::Timestamp::now().strftime("%Y%m%dt%H%M%S%3fz");
    Names {
        live: live.to_owned(),
        restored: format!("{live}_restored"),
        old: format!("{}{now}", old_prefix(live)),
    }
}

fn old_prefix(live: &str) -> String {
    format!("{live}_before_restore_")
}

fn drop_database(name: &str) -> String {
    format!("drop database if exists {} with (force)", quoted(name))
}

/// Beside, then in its place.
async fn replace(
    config: &Config,
    server: &Server,
    backup: &Found,
    names: &Names,
    version: u32,
) -> anyhow::Result<Value> {
    let owner = config.get_user().unwrap_or(super::privileges::SERVICE_USER);
    // As packaging/libexec/provision-db makes the first one.
    let locale = match version {
        170_000.. => "locale_provider builtin builtin_locale 'C.UTF-8' locale 'C.UTF-8'",
        _ => "locale 'C.UTF-8'",
    };
    let create = format!(
        "create database {} owner {} template template0 encoding 'UTF8' {locale}",
        quoted(&names.restored),
        quoted(owner)
    );
    server.run(&[&drop_database(&names.restored), &create]).await?;
    here("created")?;
    let spinner = spinner();
    spinner.set_message("restoring beside the running database");
    let restored = part(&["restore-beside", &backup.path.to_string_lossy(), &names.restored]).await?;
    here("restored")?;
    spinner.set_message("pausing Barbossa and changing the names");
    swap::paused_swap(server, names).await?;
    spinner.finish_and_clear();
    Ok(restored)
}

/// This program again, as the service's user; what it says.
async fn part(args: &[&str]) -> anyhow::Result<Value> {
    let this = std::env::current_exe().context("which program this is")?;
    let program =
        std::env::vars_os().fold(Program::new(this), |program, (name, value)| program.env(name, value));
    let done = program.args(args).deadline(DEADLINE).run().await.map_err(|failed| match failed {
        crate::process::Failed::Exit { stderr, .. } => {
            anyhow!(stderr.trim().trim_start_matches("barbossa: ").to_owned())
        }
        other => other.into(),
    })?;
    Ok(serde_json::from_slice(&done.stdout)?)
}

/// What is there now, beside what comes.
async fn tell_difference(server: &Server, live: &str, manifest: Option<&Manifest>) -> anyhow::Result<()> {
    let there = format!("select 1 from pg_database where datname = {}", literal(live));
    if server.ask("postgres", &there).await?.is_empty() {
        return Ok(print(format_args!("There is no database {live} yet."))?);
    }
    let mut rows = Vec::new();
    for (what, name) in [("users", "app_user"), ("albums", "album"), ("tracks", "track"), ("hearts", "heart")]
    {
        let sql = format!("select count(*) from {name}");
        let now = server.ask(live, &sql).await.unwrap_or_else(|_| "none".to_owned());
        let then = manifest.map(|m| m.tables.get(name).copied().unwrap_or_default().to_string());
        rows.push(vec![what.to_owned(), now, then.unwrap_or_else(|| "as it was".to_owned())]);
    }
    Ok(print(table(&["", "now", "then"], &[1, 2], rows))?)
}

/// Settings are not changed by a restore: whoever reads this may.
fn tell_settings(settings: &Settings, backup: &Found) {
    let Some(kept) = backups::kept_settings(&backup.path) else { return };
    let differs = config::KEYS.iter().filter_map(|key| {
        let (here, there) = (key.show(settings), kept.values.get(key.name)?);
        let is_address = ["database_url", "redis_url", "backup_dir"].contains(&key.name);
        (here != *there && !is_address).then(|| format!("{} = {there} (here {here})", key.name))
    });
    let differs: Vec<String> = differs.collect();
    if !differs.is_empty() {
        complain(format_args!(
            "Settings were different then, and stay as they are here:\n  {}",
            differs.join("\n  ")
        ));
    }
}

/// Puts secrets back that are missing here; what is there stays.
fn put_secrets(backup: &Path, identity: &Path) -> anyhow::Result<Vec<String>> {
    let key =
        std::fs::read_to_string(identity).with_context(|| format!("cannot read {}", identity.display()))?;
    let mut report = Vec::new();
    for (name, value) in backups::open_secrets(backup, &key)? {
        let Some(secret) = Secret::find(&name) else { continue };
        let path = secret.file();
        match super::setup::create_closed(&path, &value) {
            Ok(()) => report.push(format!("{} is back.", path.display())),
            Err(_) if path.exists() => report.push(format!("{} is there and stays.", path.display())),
            Err(error) => return Err(error),
        }
    }
    Ok(report)
}

async fn forget_old(server: &Server, live: &str, yes: bool) -> anyhow::Result<Status> {
    let prefix = old_prefix(live);
    let sql = format!(
        "select datname, pg_size_pretty(pg_database_size(oid)) from pg_database where starts_with(datname, {}) order by 1",
        literal(&prefix)
    );
    let old = server.all("postgres", &sql).await?;
    if old.is_empty() {
        print("No database of before a restore is left.")?;
        return Ok(Status::Done);
    }
    print(old.iter().map(|row| row.replace('|', "  ")).collect::<Vec<_>>().join("\n"))?;
    if !yes && !confirmed("They are thrown away for good.")? {
        return Err(failure(Status::Failed, "Nothing was changed."));
    }
    for row in &old {
        let name = row.split('|').next().unwrap_or_default();
        server.run(&[&drop_database(name)]).await?;
    }
    print(format_args!("{} forgotten.", count(old.len(), "database")))?;
    Ok(Status::Done)
}
