//! The command line: which command was asked for, with which rights it runs, and how it ends.

mod adopt;
mod aliases;
mod args;
mod backup;
mod browse;
mod check;
mod complete;
mod desk;
mod doctor;
mod doctor_machine;
mod doctor_music;
mod download;
mod edit;
mod exit;
mod export;
mod generate;
mod generator;
mod host;
mod import;
mod import_show;
mod integrity;
mod jobs;
mod library;
mod login;
mod migrate;
mod music_backup;
mod output;
mod privileges;
mod reports;
mod restore;
mod review;
mod role;
mod services;
mod settings;
mod setup;
mod status;
mod tell_failure;
mod terminal;
mod tokens;
mod trash;
mod users;
mod version;
mod wire;

use std::process::ExitCode;

use clap::Parser;

use self::args::{Cli, Command};
use self::exit::Status;
use self::wire::{WireArgs, with_wire};
use crate::lifecycle::PassedSocket;

/// Runs what the command line asks for. `sockets` are those that systemd passed.
pub fn run(sockets: Vec<PassedSocket>) -> ExitCode {
    complete::answer_shell();
    let Cli { command, wire } = Cli::parse();
    let done = match command {
        Command::Api => return role::api(sockets),
        Command::Worker(args) => return role::worker(args),
        Command::Beat => return role::beat(),
        Command::Watcher => return role::watcher(),
        Command::SystemdGenerator { normal, .. } => {
            generator::run(&normal);
            return ExitCode::SUCCESS;
        }
        command => desk_work(command, &wire),
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

fn desk_work(command: Command, wire: &WireArgs) -> anyhow::Result<Status> {
    match command {
        Command::CheckConfig(args) => check::run(&args),
        Command::Setup(command) => setup::run(command),
        Command::Settings(command) => with_wire(wire, |wire| settings::run(wire, command)),
        Command::Gen(command) => generate::run(&command),
        Command::Version(output) => version::run(output),
        Command::Migrate => desk::with_app(migrate::run),
        Command::Token(command) => with_wire(wire, |wire| tokens::run(wire, command)),
        Command::Backup(command) => desk::with_app(|app| backup::run(app, command)),
        Command::Restore(args) => restore::run(args),
        Command::RestoreBeside(args) => desk::with_app(|app| restore::beside(app, args)),
        Command::RestoreAfter { path } => desk::with_app(|app| restore::after(app, path)),
        Command::RestoreSwap(args) => restore::swap_in_its_unit(args),
        Command::Doctor(output) => doctor::run(output),
        Command::DoctorMusic => doctor_music::run(),
        Command::Auth(command) => login::run(wire, command),
        Command::User(command) => with_wire(wire, |wire| users::run(wire, command)),
        Command::Import(args) => import::run(wire, args),
        Command::Download(command) => with_wire(wire, |wire| download::run(wire, command)),
        Command::Bandcamp(command) => with_wire(wire, |wire| download::bandcamp(wire, command)),
        Command::Export(args) => with_wire(wire, |wire| export::run(wire, args)),
        Command::Edit(command) => with_wire(wire, |wire| edit::run(wire, command)),
        Command::Library(command) => with_wire(wire, |wire| library::run(wire, command)),
        Command::Heart(args) => with_wire(wire, |wire| browse::set_hearts(wire, args, true)),
        Command::Unheart(args) => with_wire(wire, |wire| browse::set_hearts(wire, args, false)),
        Command::Trash(command) => with_wire(wire, |wire| trash::run(wire, command)),
        Command::Integrity(command) => with_wire(wire, |wire| integrity::run(wire, command)),
        Command::Review(command) => with_wire(wire, |wire| review::run(wire, command)),
        Command::Jobs(command) => with_wire(wire, |wire| jobs::run(wire, command)),
        Command::Lidarr(command) => with_wire(wire, |wire| services::lidarr(wire, command)),
        Command::Plex(command) => with_wire(wire, |wire| services::plex(wire, command)),
        Command::Tl(command) => with_wire(wire, |wire| services::tl(wire, command)),
        Command::Notify(command) => with_wire(wire, |wire| services::notify(wire, command)),
        Command::TellFailure { unit } => desk::with_app(|app| tell_failure::run(app, unit)),
        Command::Admin(command) => desk_work(command.command()?, wire),
        Command::Maintenance(command) => desk_work(command.command(), wire),
        Command::Status(output) => status::run(output),
        Command::Api
        | Command::Worker(_)
        | Command::Beat
        | Command::Watcher
        | Command::SystemdGenerator { .. } => {
            unreachable!("roles and the generator end by themselves")
        }
    }
}
