//! `barbossa user`: people who may log in.

use std::io::{self, BufRead, IsTerminal};

use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};
use serde_json::{from_value, json};

use super::args::{Output, User};
use super::exit::{Status, failure};
use super::terminal::{asked_once, print, table, time};
use super::wire::Wire;
use crate::auth::{Account, name_key, valid_name};

pub async fn run(wire: Wire, command: User) -> anyhow::Result<Status> {
    match command {
        User::Add { name, admin, password_stdin } => add(&wire, &name, admin, password_stdin).await,
        User::List(output) => list(&wire, output).await,
        User::Remove { name, yes } => remove(&wire, &name, yes).await,
        User::Password { name, password_stdin } => password(&wire, &name, password_stdin).await,
        User::Update { name, admin, password: is_asked } => {
            if let Some(is_admin) = admin {
                update(&wire, &name, is_admin).await?;
            }
            if is_asked { password(&wire, &name, false).await } else { Ok(Status::Done) }
        }
    }
}

async fn users(wire: &Wire) -> anyhow::Result<Vec<Account>> {
    Ok(from_value(wire.get("/api/admin/users").await?)?)
}

/// The user of this name, in any spelling.
async fn find(wire: &Wire, name: &str) -> anyhow::Result<Account> {
    let key = name_key(name);
    let found = users(wire).await?.into_iter().find(|user| name_key(&user.username) == key);
    found.ok_or_else(|| failure(Status::NotFound, format!("Nobody here is called {name}.")))
}

async fn add(wire: &Wire, name: &str, is_admin: bool, from_stdin: bool) -> anyhow::Result<Status> {
    // Before the password is asked for: a name that will not do is told at once.
    let name = valid_name(name)?;
    if users(wire).await?.iter().any(|user| name_key(&user.username) == name_key(&name)) {
        return Err(failure(Status::Failed, format!("There is a user {name} already.")));
    }
    let password = ask_password(from_stdin)?;
    let body = json!({"username": name, "password": password.expose_secret(), "is_admin": is_admin});
    let account: Account = from_value(wire.post("/api/admin/users", body).await?)?;
    let role = if account.is_admin { "admin" } else { "member" };
    print(format_args!("{} may log in now ({role}).", account.username))?;
    Ok(Status::Done)
}

async fn list(wire: &Wire, output: Output) -> anyhow::Result<Status> {
    let users = users(wire).await?;
    if output.json {
        output.print(&users)?;
        return Ok(Status::Done);
    }
    if users.is_empty() {
        print("No one yet: barbossa user add NAME --admin")?;
        return Ok(Status::Done);
    }
    let rows = users.into_iter().map(|u| {
        let role = if u.is_admin { "admin" } else { "member" };
        vec![u.username, role.to_owned(), time(u.created_at), u.id.to_string()]
    });
    print(table(&["name", "role", "since", "id"], &[3], rows))?;
    Ok(Status::Done)
}

async fn remove(wire: &Wire, name: &str, yes: bool) -> anyhow::Result<Status> {
    let account = find(wire, name).await?;
    if !yes && !confirmed(&account.username)? {
        return Err(failure(Status::Failed, "Nothing was removed."));
    }
    wire.delete(&format!("/api/admin/users/{}", account.id)).await?;
    print(format_args!("{} is removed. The music stays.", account.username))?;
    Ok(Status::Done)
}

async fn password(wire: &Wire, name: &str, from_stdin: bool) -> anyhow::Result<Status> {
    let account = find(wire, name).await?;
    let password = ask_password(from_stdin)?;
    let body = json!({"password": password.expose_secret()});
    wire.put(&format!("/api/admin/users/{}", account.id), body).await?;
    print(format_args!("{} has a new password, and is logged out everywhere.", account.username))?;
    Ok(Status::Done)
}

async fn update(wire: &Wire, name: &str, is_admin: bool) -> anyhow::Result<Status> {
    let account = find(wire, name).await?;
    wire.put(&format!("/api/admin/users/{}", account.id), json!({"is_admin": is_admin})).await?;
    let role = if is_admin { "an admin" } else { "a member" };
    print(format_args!("{} is {role} now.", account.username))?;
    Ok(Status::Done)
}

/// Twice on a terminal, unseen; else the first line of standard input.
fn ask_password(from_stdin: bool) -> anyhow::Result<SecretString> {
    let first = asked_once(from_stdin)?;
    if from_stdin {
        return Ok(first);
    }
    let second: SecretString =
        rpassword::prompt_password("Once more: ").context("asking for the password")?.into();
    if first.expose_secret() != second.expose_secret() {
        return Err(failure(Status::Usage, "The two are not the same."));
    }
    Ok(first)
}

fn confirmed(name: &str) -> anyhow::Result<bool> {
    if !io::stdin().is_terminal() {
        return Err(failure(Status::Usage, "There is no terminal to ask: use --yes."));
    }
    print(format_args!(
        "Remove {name}, their hearts and their folder of links? The music stays. Type the name to say yes:"
    ))?;
    let mut line = String::new();
    io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim() == name)
}
