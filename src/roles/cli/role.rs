//! The roles: settings checked, root's rights given away, then the role has the process.

use std::process::ExitCode;

use super::args::WorkerArgs;
use super::exit::{explain, status_of};
use super::{desk, terminal};
use crate::config::{Settings, Sources};
use crate::lifecycle::PassedSocket;
use crate::roles;

pub fn api(sockets: Vec<PassedSocket>) -> ExitCode {
    play("api", |settings| roles::api::run(settings, sockets))
}

pub fn worker(args: WorkerArgs) -> ExitCode {
    play("worker", |settings| roles::worker::run(settings, args.queues))
}

pub fn beat() -> ExitCode {
    play("beat", roles::beat::run)
}

pub fn watcher() -> ExitCode {
    play("watcher", roles::watcher::run)
}

fn play(role: &'static str, run: impl FnOnce(Settings) -> ExitCode) -> ExitCode {
    match desk::settings(&Sources::of_process().for_role(role)) {
        Ok(settings) => run(settings),
        Err(error) => {
            terminal::complain(format_args!("barbossa {role}: {}", explain(&error)));
            status_of(&error).into()
        }
    }
}
