//! The swap: units paused, names exchanged in one transaction, units started again.
//!
//! On a machine with systemd it runs as a unit of its own, a oneshot. Before that stops anything, a second unit that starts
//! it again is asked for, `After=` the first: systemd itself keeps that job until the first one has ended, however it
//! ended. No process waits for it that could be killed too, and the house serves again, with the old database or the new.

use std::time::Duration;

use anyhow::Context;

use super::server::{Server, is_the_machines_admin, literal, quoted};
use super::{Names, here};
use crate::process::Program;

/// What may write to the database; sockets and timers first, since they start the others.
const UNITS: &[&str] = &[
    "barbossa-api.socket",
    "barbossa-metrics.socket",
    "barbossa-backup.timer",
    "barbossa-restore-drill.timer",
    "barbossa-backup-send.timer",
    "barbossa-backup-music.timer",
    "barbossa-migrate.path",
    "barbossa.target",
    "barbossa-api.service",
    "barbossa-worker.service",
    "barbossa-fetch.service",
    "barbossa-beat.service",
    "barbossa-watcher.service",
    "barbossa-backup.service",
    "barbossa-restore-drill.service",
    "barbossa-backup-send.service",
    "barbossa-backup-music.service",
    "barbossa-migrate.service",
];
/// They run once, and are not started again.
const ONCE: &[&str] = &[
    "barbossa-backup.service",
    "barbossa-restore-drill.service",
    "barbossa-backup-send.service",
    "barbossa-backup-music.service",
    "barbossa-migrate.service",
];
/// The unit that exchanges the names.
const SWAP: &str = "barbossa-restore-swap";
/// The one that starts what that has stopped.
const GUARD: &str = "barbossa-restore-guard";
/// A worker gets five minutes to end its jobs.
const DEADLINE: Duration = Duration::from_secs(15 * 60);
/// Somebody may come back between the end of the sessions and the new name.
const TRIES: usize = 5;

/// Pauses, swaps and starts again.
pub async fn paused_swap(server: &Server, names: &Names) -> anyhow::Result<()> {
    if !is_the_machines_admin() || !std::path::Path::new("/run/systemd/system").is_dir() {
        return swap(server, names).await;
    }
    let active = active_units().await?;
    let program = Program::new("systemd-run").args(["--wait", "--collect", "--quiet", "--pipe"]);
    let program = program.arg(format!("--unit={SWAP}")).arg("--description=Barbossa changes its database");
    let mut program = program.args(["--property=Slice=barbossa.slice", "--property=Type=oneshot"]);
    if let Some(config) = std::env::var_os("BARBOSSA_CONFIG") {
        let mut setting = std::ffi::OsString::from("--setenv=BARBOSSA_CONFIG=");
        setting.push(config);
        program = program.arg(setting);
    }
    let this = std::env::current_exe().context("which program this is")?;
    let program =
        program.arg(this).args(["restore-swap", &names.live, &names.restored, &names.old]).args(active);
    program.deadline(DEADLINE).run().await.context("the swap")?;
    Ok(())
}

async fn active_units() -> anyhow::Result<Vec<&'static str>> {
    let mut active = Vec::new();
    for unit in UNITS.iter().filter(|unit| !ONCE.contains(unit)) {
        let asked = Program::new("systemctl").args(["is-active", "--quiet", unit]).run().await;
        if asked.is_ok() {
            active.push(*unit);
        }
    }
    Ok(active)
}

/// What the unit of its own does.
pub async fn in_its_unit(server: &Server, names: &Names, active: &[String]) -> anyhow::Result<()> {
    if !active.is_empty() {
        let guard = Program::new("systemd-run").args(["--no-block", "--collect", "--quiet"]);
        let guard = guard.arg(format!("--unit={GUARD}")).arg("--description=Barbossa goes on");
        let guard = guard.arg(format!("--property=After={SWAP}.service")).arg("/usr/bin/systemctl");
        guard.args(["start", "--no-block"]).args(active).run().await.context("the guard of the swap")?;
    }
    let stop = Program::new("systemctl").arg("stop").args(UNITS).deadline(DEADLINE);
    stop.run().await.context("the units could not be stopped")?;
    swap(server, names).await
}

/// Exchanges the names, at once: a database that is there under the old name steps aside, and nothing is lost.
async fn swap(server: &Server, names: &Names) -> anyhow::Result<()> {
    here("swapping")?;
    let (live, restored, old) = (quoted(&names.live), quoted(&names.restored), quoted(&names.old));
    let of_live = format!("select 1 from pg_database where datname = {}", literal(&names.live));
    let is_there = !server.ask("postgres", &of_live).await?.is_empty();
    let aside = if is_there { format!("alter database {live} rename to {old};") } else { String::new() };
    let text = format!(
        "begin;
         select pg_terminate_backend(pid) from pg_stat_activity
            where datname in ({}, {}) and pid <> pg_backend_pid();
         {aside}
         alter database {restored} rename to {live};
         commit",
        literal(&names.live),
        literal(&names.restored)
    );
    let mut tries = 1;
    while let Err(error) = server.run(&[&text]).await {
        if tries == TRIES {
            return Err(error.context("the databases could not change their names"));
        }
        tries += 1;
        tokio::time::sleep(Duration::from_millis(300)).await;
    }
    here("swapped")
}
