//! `barbossa token`: what programs get in with.

use clap::Subcommand;
use serde_json::{Value, json};

use super::args::Output;
use super::exit::Status;
use super::terminal::{complain, print, print_json, table, time};
use crate::activity;
use crate::app::App;
use crate::auth::{self, Account, ApiToken, NewToken, Scope};
use crate::db::Transaction;

#[derive(Debug, Subcommand)]
pub enum Token {
    /// Make a token for a program, and print it: this once
    Create {
        /// What it is for, in your words
        name: String,
        /// Whose token it is
        #[arg(long, value_name = "NAME")]
        user: String,
        /// What it may: read; write, also what a member may; admin, all that an admin may
        #[arg(long, default_value = "read", value_parser = scope)]
        scope: Scope,
        /// Days until it ends by itself [default: it does not]
        #[arg(long, value_parser = clap::value_parser!(u16).range(1..=3650))]
        days: Option<u16>,
        #[command(flatten)]
        output: Output,
    },
    /// List a user's tokens
    List {
        /// Whose
        #[arg(long, value_name = "NAME")]
        user: String,
        #[command(flatten)]
        output: Output,
    },
    /// End a token at once
    Revoke {
        /// Its number, as `barbossa token list` shows it
        id: i64,
        /// Whose it is
        #[arg(long, value_name = "NAME")]
        user: String,
    },
}

fn scope(name: &str) -> Result<Scope, String> {
    Scope::of(name).ok_or_else(|| format!("there are {}", Scope::ALL.map(Scope::name).join(", ")))
}

pub async fn run(app: App, command: Token) -> anyhow::Result<Status> {
    match command {
        Token::Create { name, user, scope, days, output } => {
            create(&app, &user, NewToken { name: &name, scope, days }, output).await
        }
        Token::List { user, output } => list(&app, &user, output).await,
        Token::Revoke { id, user } => revoke(&app, &user, id).await,
    }
}

async fn create(app: &App, user: &str, new: NewToken<'_>, output: Output) -> anyhow::Result<Status> {
    let mut client = app.db.get().await?;
    let account = auth::find_user_by_name(&client, user).await?;
    let tx = client.transaction().await?;
    let (about, token) = auth::issue_token(&tx, account.id, new).await?;
    note(&tx, "token_create", &account, &about).await?;
    tx.commit().await?;
    if output.json {
        let mut json = serde_json::to_value(&about)?;
        json["token"] = Value::String(token);
        print_json(&json)?;
        return Ok(Status::Done);
    }
    // The token alone goes to where a script takes it from.
    print(&token)?;
    let ends = about
        .expires_at
        .map_or_else(|| "does not end by itself".to_owned(), |at| format!("ends {}", time(at)));
    let scope = about.scope.name();
    complain(format_args!(
        "Token {} of {}, {scope}, {ends}. It is not shown again.",
        about.id, account.username
    ));
    Ok(Status::Done)
}

async fn list(app: &App, user: &str, output: Output) -> anyhow::Result<Status> {
    let client = app.db.get().await?;
    let account = auth::find_user_by_name(&client, user).await?;
    let tokens = auth::tokens_of(&client, account.id).await?;
    if output.json {
        print_json(&tokens)?;
        return Ok(Status::Done);
    }
    if tokens.is_empty() {
        print(format_args!("{} has none: barbossa token create NAME --user {user}", account.username))?;
        return Ok(Status::Done);
    }
    let rows = tokens.into_iter().map(|t| {
        let used = t.last_used_at.map_or_else(|| "never".to_owned(), time);
        let ends = t.expires_at.map_or_else(|| "no".to_owned(), time);
        vec![t.id.to_string(), t.name, t.scope.name().to_owned(), time(t.created_at), used, ends]
    });
    print(table(&["id", "name", "scope", "since", "last used", "ends"], &[0], rows))?;
    Ok(Status::Done)
}

async fn revoke(app: &App, user: &str, id: i64) -> anyhow::Result<Status> {
    let mut client = app.db.get().await?;
    let account = auth::find_user_by_name(&client, user).await?;
    let tx = client.transaction().await?;
    let about = auth::revoke_token(&tx, id, account.id).await?;
    note(&tx, "token_revoke", &account, &about).await?;
    tx.commit().await?;
    print(format_args!("{} gets nobody in any more.", about.name))?;
    Ok(Status::Done)
}

/// In the activity log, as something that nobody who is logged in did.
async fn note(tx: &Transaction<'_>, action: &str, account: &Account, about: &ApiToken) -> anyhow::Result<()> {
    let details = json!({
        "username": account.username, "name": about.name, "scope": about.scope, "by": "command line",
    });
    activity::record(tx, None, action, Some(("user", account.id)), Some(&details), None).await?;
    Ok(())
}
