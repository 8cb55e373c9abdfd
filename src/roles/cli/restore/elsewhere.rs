//! Backups that lie at a destination: what there is, and one of them into the folder of the backups.

use serde_json::json;

use super::super::args::Output;
use super::super::exit::Status;
use super::super::terminal::{complain, print, print_json, spinner, table, time};
use crate::app::App;
use crate::backups::{self, Found};
use crate::config::{Secret, Settings};
use crate::process::Program;

const RCLONE_CONFIG: &str = "barbossa.rclone-config";

/// The settings with rclone's configuration from where the units take it: only root may read it there.
pub async fn with_rclone(settings: &Settings) -> anyhow::Result<Settings> {
    let mut settings = settings.clone();
    if settings.secrets.rclone_config.is_some() {
        return Ok(settings);
    }
    let plain = Secret::find(RCLONE_CONFIG).map(Secret::file);
    if let Some(text) = plain.and_then(|path| std::fs::read_to_string(path).ok()) {
        settings.secrets.rclone_config = Some(text.into());
        return Ok(settings);
    }
    let sealed = std::path::Path::new("/etc/credstore.encrypted").join(RCLONE_CONFIG);
    if sealed.exists() {
        let name = format!("--name={RCLONE_CONFIG}");
        let opened =
            Program::new("systemd-creds").args(["decrypt", &name]).arg(sealed).arg("-").run().await?;
        settings.secrets.rclone_config = Some(String::from_utf8(opened.stdout)?.into());
    }
    Ok(settings)
}

/// What lies there.
pub async fn list(app: &App, destination: &str, output: Output) -> anyhow::Result<Status> {
    let there = backups::list_at(app, destination).await?;
    if output.json {
        let shown = there.iter().map(|(name, made_at)| json!({"name": name, "made_at": made_at}));
        print_json(&shown.collect::<Vec<_>>())?;
    } else if there.is_empty() {
        complain(format_args!("{destination} holds no whole backup."));
        return Ok(Status::NotFound);
    } else {
        let rows = there.iter().map(|(name, made_at)| vec![name.clone(), time(*made_at)]);
        print(table(&["backup", "made"], &[], rows))?;
    }
    Ok(Status::Done)
}

/// Brings it here.
pub async fn fetch(app: &App, destination: &str, name: &str) -> anyhow::Result<Found> {
    let spinner = spinner();
    spinner.set_message(format!("bringing {name} from {destination}"));
    let fetched = backups::fetch(app, destination, name).await;
    spinner.finish_and_clear();
    Ok(fetched?)
}
