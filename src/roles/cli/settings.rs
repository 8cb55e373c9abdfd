//! `barbossa settings`: what holds, and what may be changed while everything runs.

use std::io::{self, BufRead, IsTerminal};

use anyhow::Context;
use clap::Subcommand;
use serde_json::{Value, json};

use super::args::Output;
use super::exit::{Status, failure};
use super::terminal::{print, table};
use super::wire::Wire;

/// These are asked for, and never shown.
const SECRETS: &[&str] = &[
    "qobuz_password",
    "lidarr_api_key",
    "lidarr_webhook_secret",
    "plex_token",
    "jellyfin_api_key",
    "navidrome_password",
    "torrentleech_key",
    "acoustid_key",
    "smtp_password",
    "ntfy_token",
];

/// What may be done with them.
#[derive(Debug, Subcommand)]
pub enum Settings {
    /// List what can be changed, with values and defaults
    List(Output),
    /// Print the value of one
    Get {
        /// Its name: imports.min_confidence
        name: String,
        #[command(flatten)]
        output: Output,
    },
    /// Change one; says what has to be started again, if anything has
    Set {
        /// Its name; or a secret: qobuz_password, lidarr_api_key, plex_token, torrentleech_key, acoustid_key
        name: String,
        /// Its value; a secret is asked for, or read from standard input
        value: Option<String>,
        #[command(flatten)]
        output: Output,
    },
}

pub async fn run(wire: Wire, command: Settings) -> anyhow::Result<Status> {
    match command {
        Settings::List(output) => list(&wire, &output).await,
        Settings::Get { name, output } => get(&wire, &name, &output).await,
        Settings::Set { name, value, output } => set(&wire, &name, value, &output).await,
    }
}

async fn known(wire: &Wire) -> anyhow::Result<Vec<Value>> {
    let mut answer = wire.get("/api/settings").await?;
    serde_json::from_value(answer["settings"].take()).context("the answer has no list of settings")
}

fn text(setting: &Value, field: &str) -> String {
    setting[field].as_str().unwrap_or_default().to_owned()
}

async fn list(wire: &Wire, output: &Output) -> anyhow::Result<Status> {
    let known = known(wire).await?;
    if output.json {
        output.print(&known)?;
        return Ok(Status::Done);
    }
    let rows = known.iter().map(|setting| {
        let (value, default) = (text(setting, "value"), text(setting, "default"));
        let default = if value == default { String::new() } else { default };
        vec![text(setting, "name"), value, default]
    });
    print(table(&["setting", "value", "default, where it is another"], &[], rows))?;
    Ok(Status::Done)
}

async fn get(wire: &Wire, name: &str, output: &Output) -> anyhow::Result<Status> {
    let known = known(wire).await?;
    let Some(setting) = known.iter().find(|setting| setting["name"] == name) else {
        let why =
            format!("No setting that can be changed is called {name}: `barbossa settings list` has them.");
        return Err(failure(Status::NotFound, why));
    };
    if output.json {
        output.print(setting)?;
    } else {
        print(text(setting, "value"))?;
    }
    Ok(Status::Done)
}

async fn set(wire: &Wire, name: &str, value: Option<String>, output: &Output) -> anyhow::Result<Status> {
    let value = match (SECRETS.contains(&name), value) {
        (true, Some(_)) => {
            let why = "A secret is not said on the command line, where others may read it: leave it out, and it is asked for.";
            return Err(failure(Status::Usage, why));
        }
        (true, None) => asked(name)?,
        (false, Some(value)) => json!(value),
        (false, None) => {
            let why = format!("What is it to be? `barbossa settings set {name} VALUE`");
            return Err(failure(Status::Usage, why));
        }
    };
    let answer = wire.put("/api/settings", json!({ name: value })).await?;
    if output.json {
        output.print(&answer)?;
        return Ok(Status::Done);
    }
    let units: Vec<&str> =
        answer["restart"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    if units.is_empty() {
        print(format_args!("{name} is changed."))?;
    } else {
        print(format_args!("{name} is changed, and holds after: systemctl restart {}", units.join(" ")))?;
    }
    Ok(Status::Done)
}

/// Unseen on a terminal, else the first line of standard input; an empty one forgets it.
fn asked(name: &str) -> anyhow::Result<Value> {
    let text = if io::stdin().is_terminal() {
        rpassword::prompt_password(format!("{name} (empty: forget it): ")).context("asking for it")?
    } else {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        line.trim_end_matches(['\r', '\n']).to_owned()
    };
    Ok(json!(text))
}
