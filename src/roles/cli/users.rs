//! `barbossa user`: people who may log in.

use std::io::{self, BufRead, IsTerminal};

use anyhow::Context;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;

use super::args::{Output, User};
use super::exit::{Status, failure};
use super::terminal::{print, print_json, table, time};
use crate::activity;
use crate::app::App;
use crate::auth::{self, Account, NewUser};
use crate::db::Transaction;

pub async fn run(app: App, command: User) -> anyhow::Result<Status> {
    match command {
        User::Add { name, admin, password_stdin } => add(&app, &name, admin, password_stdin).await,
        User::List(output) => list(&app, output).await,
        User::Remove { name, yes } => remove(&app, &name, yes).await,
        User::Password { name, password_stdin } => password(&app, &name, password_stdin).await,
    }
}

async fn add(app: &App, name: &str, is_admin: bool, from_stdin: bool) -> anyhow::Result<Status> {
    // Before the password is asked for: a name that will not do is told at once.
    let name = auth::valid_name(name)?;
    let mut client = app.db.get().await?;
    if auth::find_user_by_name(&client, &name).await.is_ok() {
        return Err(failure(Status::Failed, format!("There is a user {name} already.")));
    }
    let password = ask_password(from_stdin)?;
    let tx = client.transaction().await?;
    let account = auth::create_user(&tx, NewUser { username: &name, password: &password, is_admin }).await?;
    note(&tx, "user_create", &account).await?;
    tx.commit().await?;
    let role = if account.is_admin { "admin" } else { "member" };
    print(format_args!("{} may log in now ({role}).", account.username))?;
    Ok(Status::Done)
}

async fn list(app: &App, output: Output) -> anyhow::Result<Status> {
    let users = auth::users(&app.db.get().await?).await?;
    if output.json {
        print_json(&users)?;
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

async fn remove(app: &App, name: &str, yes: bool) -> anyhow::Result<Status> {
    let mut client = app.db.get().await?;
    let account = auth::find_user_by_name(&client, name).await?;
    if !yes && !confirmed(&account.username)? {
        return Err(failure(Status::Failed, "Nothing was removed."));
    }
    let tx = client.transaction().await?;
    auth::remove_user(&tx, account.id).await?;
    note(&tx, "user_delete", &account).await?;
    tx.commit().await?;
    print(format_args!("{} is removed. The music stays.", account.username))?;
    Ok(Status::Done)
}

async fn password(app: &App, name: &str, from_stdin: bool) -> anyhow::Result<Status> {
    let mut client = app.db.get().await?;
    let account = auth::find_user_by_name(&client, name).await?;
    let password = ask_password(from_stdin)?;
    let tx = client.transaction().await?;
    auth::set_password(&tx, account.id, &password).await?;
    auth::end_sessions_of(&tx, account.id).await?;
    note(&tx, "password_change", &account).await?;
    tx.commit().await?;
    print(format_args!("{} has a new password, and is logged out everywhere.", account.username))?;
    Ok(Status::Done)
}

/// In the activity log, as something that nobody who is logged in did.
async fn note(tx: &Transaction<'_>, action: &str, account: &Account) -> anyhow::Result<()> {
    let details = json!({"username": account.username, "is_admin": account.is_admin, "by": "command line"});
    activity::record(tx, None, action, Some(("user", account.id)), Some(&details), None).await?;
    Ok(())
}

/// Twice on a terminal, unseen; else the first line of standard input.
fn ask_password(from_stdin: bool) -> anyhow::Result<SecretString> {
    if from_stdin {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line)?;
        return Ok(line.trim_end_matches(['\r', '\n']).into());
    }
    if !io::stdin().is_terminal() {
        let message = "There is no terminal to ask for the password: use --password-stdin.";
        return Err(failure(Status::Usage, message));
    }
    let first: SecretString =
        rpassword::prompt_password("Password: ").context("asking for the password")?.into();
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
