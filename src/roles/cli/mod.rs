//! The command line: which command was asked for, with which rights it runs, and how it ends.

mod adopt;
mod args;
mod backup;
mod check;
mod desk;
mod doctor;
mod edit;
mod exit;
mod generate;
mod generator;
mod import;
mod import_show;
mod integrity;
mod job;
mod library;
mod migrate;
mod privileges;
mod reports;
mod review;
mod role;
mod setup;
mod status;
mod terminal;
mod trash;
mod users;
mod version;

use std::process::ExitCode;

use clap::Parser;

use self::args::{Cli, Command};
use self::exit::Status;
use crate::lifecycle::PassedSocket;

/// Runs what the command line asks for. `sockets` are those that systemd passed.
pub fn run(sockets: Vec<PassedSocket>) -> ExitCode {
    let done = match Cli::parse().command {
        Command::Api => return role::api(sockets),
        Command::Worker(args) => return role::worker(args),
        Command::Beat => return role::beat(),
        Command::Watcher => return role::watcher(),
        Command::SystemdGenerator { normal, .. } => {
            generator::run(&normal);
            return ExitCode::SUCCESS;
        }
        command => desk_work(command),
    };
    match done {
        Ok(status) => status.into(),
        // Whoever read our output has seen enough.
        Err(error) if exit::is_closed_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::complain(format_args!("barbossa: {}", exit::explain(&error)));
            exit::status_of(&error).into()
        }
    }
}

fn desk_work(command: Command) -> anyhow::Result<Status> {
    match command {
        Command::CheckConfig(args) => check::run(&args),
        Command::Setup(command) => setup::run(command),
        Command::Gen(command) => generate::run(&command),
        Command::Version(output) => version::run(output),
        Command::Migrate => desk::with_app(migrate::run),
        Command::User(command) => desk::with_app(|app| users::run(app, command)),
        Command::Backup(command) => desk::with_app(|app| backup::run(app, command)),
        Command::Doctor(output) => doctor::run(output),
        Command::Import(args) => import::run(args),
        Command::Edit(command) => desk::with_app(|app| edit::run(app, command)),
        Command::Library(command) => desk::with_app(|app| library::run(app, command)),
        Command::Trash(command) => desk::with_app(|app| trash::run(app, command)),
        Command::Integrity(command) => desk::with_app(|app| integrity::run(app, command)),
        Command::Review(command) => desk::with_app(|app| review::run(app, command)),
        Command::Status(output) => desk::with_app(|app| status::run(app, output)),
        Command::Api
        | Command::Worker(_)
        | Command::Beat
        | Command::Watcher
        | Command::SystemdGenerator { .. } => {
            unreachable!("roles and the generator end by themselves")
        }
    }
}
