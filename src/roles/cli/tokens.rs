//! `barbossa token`: what programs get in with.

use clap::Subcommand;
use clap_complete::engine::ArgValueCandidates;
use serde_json::{Value, from_value, json};

use super::args::Output;
use super::complete;
use super::exit::{Status, failure};
use super::terminal::{complain, print, table, text_of, time};
use super::wire::Wire;
use crate::auth::{ApiToken, Scope, name_key};

#[derive(Debug, Subcommand)]
pub enum Token {
    /// Make a token for a program, and print it: this once
    Create {
        /// What it is for, in your words
        name: String,
        /// Whose token it is, as root; else your own
        #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(complete::users))]
        user: Option<String>,
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
        /// Whose, as root; else your own
        #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(complete::users))]
        user: Option<String>,
        #[command(flatten)]
        output: Output,
    },
    /// End a token at once
    Revoke {
        /// Its number, as `barbossa token list` shows it
        id: i64,
        /// Whose it is, as root; else your own
        #[arg(long, value_name = "NAME", add = ArgValueCandidates::new(complete::users))]
        user: Option<String>,
    },
}

fn scope(name: &str) -> Result<Scope, String> {
    Scope::of(name).ok_or_else(|| format!("there are {}", Scope::ALL.map(Scope::name).join(", ")))
}

pub async fn run(mut wire: Wire, command: Token) -> anyhow::Result<Status> {
    let (Token::Create { user, .. } | Token::List { user, .. } | Token::Revoke { user, .. }) = &command;
    let owner = owner(&mut wire, user.as_deref()).await?;
    match command {
        Token::Create { name, scope, days, output, .. } => {
            let body = json!({"name": name, "scope": scope, "expires_in_days": days});
            create(&wire.post("/api/auth/tokens", body).await?, &owner, output)
        }
        Token::List { output, .. } => list(&wire.get("/api/auth/tokens").await?, &owner, output),
        Token::Revoke { id, .. } => {
            wire.delete(&format!("/api/auth/tokens/{id}")).await?;
            print(format_args!("Token {id} of {owner} gets nobody in any more."))?;
            Ok(Status::Done)
        }
    }
}

/// The name of whoever is meant: only root at the local socket acts for others, and nobody shall make a token of their own
/// in the belief that it is another's.
async fn owner(wire: &mut Wire, asked: Option<&str>) -> anyhow::Result<String> {
    if let Some(asked) = asked {
        wire.act_as(asked);
    }
    let known = text_of(&wire.get("/api/auth/me").await?["username"]);
    match asked {
        Some(asked) if name_key(asked.trim()) != name_key(&known) => {
            let why = format!(
                "You are {known} here, and only root makes tokens for others: sudo barbossa token … --user {asked}, on \
                 Barbossa's own machine; or leave --user out."
            );
            Err(failure(Status::NotPermitted, why))
        }
        _ => Ok(known),
    }
}

fn create(made: &Value, owner: &str, output: Output) -> anyhow::Result<Status> {
    if output.json {
        output.print(made)?;
        return Ok(Status::Done);
    }
    // The token alone goes to where a script takes it from.
    print(text_of(&made["token"]))?;
    let about: ApiToken = from_value(made.clone())?;
    let ends = about
        .expires_at
        .map_or_else(|| "does not end by itself".to_owned(), |at| format!("ends {}", time(at)));
    let scope = about.scope.name();
    complain(format_args!("Token {} of {owner}, {scope}, {ends}. It is not shown again.", about.id));
    Ok(Status::Done)
}

fn list(tokens: &Value, owner: &str, output: Output) -> anyhow::Result<Status> {
    if output.json {
        output.print(tokens)?;
        return Ok(Status::Done);
    }
    let tokens: Vec<ApiToken> = from_value(tokens.clone())?;
    if tokens.is_empty() {
        print(format_args!("{owner} has none: barbossa token create NAME"))?;
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
