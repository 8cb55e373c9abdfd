//! Picks a role or a command, and returns its exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    // First of all, while there is but one thread: what systemd passed is taken out of the environment.
    match barbossa::lifecycle::take_sockets() {
        Ok(sockets) => barbossa::roles::cli::run(sockets),
        Err(error) => {
            eprintln!("barbossa: the sockets that systemd passed cannot be taken: {error}");
            ExitCode::FAILURE
        }
    }
}
