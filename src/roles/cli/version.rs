//! `barbossa version`.

use serde_json::json;

use super::args::Output;
use super::exit::Status;
use super::terminal::print;
use crate::db::latest_version;

pub fn run(output: Output) -> anyhow::Result<Status> {
    let version = env!("CARGO_PKG_VERSION");
    if output.json {
        output.print(&json!({"name": "Barbossa", "version": version, "schema": latest_version()}))?;
    } else {
        print(format_args!("Barbossa {version} (schema {})", latest_version()))?;
    }
    Ok(Status::Done)
}
