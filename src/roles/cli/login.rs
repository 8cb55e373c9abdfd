//! `barbossa auth`: a login that is remembered in `~/.barbossa/token.json`, which nobody else may read.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::PathBuf;

use anyhow::Context;
use clap::Subcommand;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::args::Output;
use super::exit::{Status, failure};
use super::terminal::{asked_once, complain, print};
use super::wire::{Wire, WireArgs, with_wire};

/// What is remembered.
#[derive(Debug, Serialize, Deserialize)]
pub struct Login {
    /// Of which Barbossa.
    pub url: String,
    /// Of whom.
    pub username: String,
    /// What proves it there.
    pub token: String,
}

#[derive(Debug, Subcommand)]
pub enum Auth {
    /// Log in; asks for the password
    Login {
        /// The name
        username: String,
        /// Take the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// End the login, here and there
    Logout,
    /// Who is logged in
    Whoami(Output),
}

pub fn run(wire: &WireArgs, command: Auth) -> anyhow::Result<Status> {
    match command {
        Auth::Login { username, password_stdin } => {
            // Not the one that a former login shows.
            let nobody = WireArgs { token: None, ..wire.clone() };
            with_wire(&nobody, |wire| log_in(wire, username, password_stdin))
        }
        Auth::Logout => with_wire(wire, log_out),
        Auth::Whoami(output) => with_wire(wire, |wire| who_am_i(wire, output)),
    }
}

async fn log_in(wire: Wire, username: String, from_stdin: bool) -> anyhow::Result<Status> {
    let password = asked_once(from_stdin)?;
    let body = json!({"username": username, "password": password.expose_secret()});
    let answer = wire.post("/api/auth/login", body).await?;
    let text = |value: &serde_json::Value| value.as_str().map(ToOwned::to_owned);
    let token = text(&answer["token"]).context("the answer to the login has no token")?;
    let name = text(&answer["user"]["username"]).unwrap_or(username);
    keep(&Login { url: wire.address().to_owned(), username: name.clone(), token })?;
    print(format_args!("{name} is logged in at {}.", wire.address()))?;
    Ok(Status::Done)
}

async fn log_out(wire: Wire) -> anyhow::Result<Status> {
    if !wire.has_token() {
        return Err(failure(Status::Refused, "Nobody is logged in."));
    }
    // A token that has ended there is of no use here either.
    let ended = wire.post("/api/auth/logout", json!({})).await;
    forget()?;
    match ended {
        Err(error) if super::exit::status_of(&error) != Status::Refused => Err(error),
        _ => {
            print("Logged out.")?;
            Ok(Status::Done)
        }
    }
}

async fn who_am_i(wire: Wire, output: Output) -> anyhow::Result<Status> {
    let me = wire.get("/api/auth/me").await?;
    if output.json {
        output.print(&me)?;
        return Ok(Status::Done);
    }
    let role = if me["is_admin"] == true { "admin" } else { "member" };
    print(format_args!("{} ({role}) at {}", me["username"].as_str().unwrap_or("?"), wire.address()))?;
    Ok(Status::Done)
}

// -- the file

/// What is remembered, if anything is.
pub fn read() -> anyhow::Result<Option<Login>> {
    let Some(file) = file() else { return Ok(None) };
    let text = match fs::read(&file) {
        Ok(text) => text,
        // A home that may not be entered holds no login of ours.
        Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied) => {
            return Ok(None);
        }
        Err(e) => return Err(anyhow::Error::from(e).context(file.display().to_string())),
    };
    let login = serde_json::from_slice(&text).ok();
    if login.is_none() {
        complain(format_args!("{} cannot be read and counts for nothing: log in again.", file.display()));
    }
    Ok(login)
}

fn keep(login: &Login) -> anyhow::Result<()> {
    let file = file().context("there is no HOME to remember the login in")?;
    let folder = file.parent().context("HOME is the root")?;
    let kept = || -> io::Result<()> {
        fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
        // Until its rights are narrowed, its folder keeps others out.
        crate::files::replace_durably(&file, serde_json::to_string_pretty(login)?.as_bytes())?;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600))
    };
    kept().with_context(|| format!("{} cannot be written", file.display()))
}

fn forget() -> anyhow::Result<()> {
    let Some(file) = file() else { return Ok(()) };
    match fs::remove_file(&file) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            Err(anyhow::Error::from(e).context(format!("{} cannot be removed", file.display())))
        }
        _ => Ok(()),
    }
}

fn file() -> Option<PathBuf> {
    let home = std::env::var_os("HOME").filter(|home| !home.is_empty())?;
    Some(PathBuf::from(home).join(".barbossa/token.json"))
}
