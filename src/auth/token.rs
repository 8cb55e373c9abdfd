//! Tokens for programs: named by their owner, with a scope, shown once and kept as a SHA-256.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use utoipa::ToSchema;

use super::session::{new_token, sha256};
use super::{By, User};
use crate::db::Sql;
use crate::error::{Error, Result};

/// What begins like this is a program's token, not a session's.
pub(super) const PREFIX: &str = "bb_";

const LONGEST_NAME: usize = 100;

/// What a token may, each more than the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
#[schema(as = TokenScope)]
pub enum Scope {
    /// Ask, and change nothing.
    Read,
    /// What its owner may as a member.
    Write,
    /// All that its owner may, who is an admin.
    Admin,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Admin];

    /// As it is written.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        }
    }

    /// The scope of that name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.name() == name)
    }
}

/// A token, as its owner sees it afterwards.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ApiToken {
    /// The row.
    pub id: i64,
    /// What it is for, in its owner's words.
    pub name: String,
    /// What it may.
    pub scope: Scope,
    /// When it was made.
    pub created_at: Timestamp,
    /// When it was last used, to five minutes.
    pub last_used_at: Option<Timestamp>,
    /// When it ends by itself, if it does.
    pub expires_at: Option<Timestamp>,
}

impl From<&Row> for ApiToken {
    fn from(row: &Row) -> Self {
        Self {
            id: row.get("id"),
            name: row.get("name"),
            scope: scope(row),
            created_at: row.get("created_at"),
            last_used_at: row.get("last_used_at"),
            expires_at: row.get("expires_at"),
        }
    }
}

fn scope(row: &Row) -> Scope {
    Scope::of(row.get("scope")).expect("a constraint knows all scopes")
}

/// A token to be made.
#[derive(Debug)]
pub struct NewToken<'a> {
    /// 1 to 100 characters.
    pub name: &'a str,
    /// What it may.
    pub scope: Scope,
    /// Days until it ends by itself; none: it does not.
    pub days: Option<u16>,
}

const ISSUE: &str = "insert into api_token (user_id, name, token_sha256, scope, expires_at)
    select u.id, $2, $3, $4, now() + make_interval(days => $5) from app_user u
    where u.id = $1 and (u.is_admin or $4 <> 'admin')
    returning id, name, scope, created_at, last_used_at, expires_at";

/// Makes a token for a user, and the token itself, which is kept nowhere else.
///
/// # Errors
/// When the name will not do, or a member asks for an admin's.
pub async fn issue_token(client: &impl Sql, user_id: i64, new: NewToken<'_>) -> Result<(ApiToken, String)> {
    let name = new.name.trim();
    if name.is_empty() || name.chars().count() > LONGEST_NAME || name.contains(char::is_control) {
        let message = format!("must have 1 to {LONGEST_NAME} characters, and say what the token is for");
        return Err(Error::Field { field: "name", message });
    }
    let token = format!("{PREFIX}{}", new_token()?);
    let days = new.days.map(i32::from);
    let row = client
        .maybe_row(ISSUE, &[&user_id, &name, &sha256(&token), &new.scope.name(), &days])
        .await?
        .ok_or_else(|| Error::Invalid("Only an admin can have a token with the scope admin.".into()))?;
    Ok((ApiToken::from(&row), token))
}

const LIST: &str = "select id, name, scope, created_at, last_used_at, expires_at from api_token
    where user_id = $1 order by id desc";
const REVOKE: &str = "delete from api_token where id = $1 and user_id = $2
    returning id, name, scope, created_at, last_used_at, expires_at";

/// A user's tokens, the newest first, also those that have ended by themselves.
pub async fn tokens_of(client: &impl Sql, user_id: i64) -> Result<Vec<ApiToken>> {
    Ok(client.rows(LIST, &[&user_id]).await?.iter().map(ApiToken::from).collect())
}

/// Ends one of a user's own tokens; what it was, or `Token not found`.
pub async fn revoke_token(client: &impl Sql, id: i64, user_id: i64) -> Result<ApiToken> {
    let row = client.maybe_row(REVOKE, &[&id, &user_id]).await?;
    row.as_ref().map(ApiToken::from).ok_or(Error::NotFound("Token not found"))
}

// An admin with a lesser token is a member.
const BY_TOKEN: &str =
    "select t.id as token_id, t.scope, u.id, u.username, u.is_admin and t.scope = 'admin' as is_admin,
        coalesce(t.last_used_at < now() - interval '5 minutes', true) as is_to_touch
    from api_token t join app_user u on u.id = t.user_id
    where t.token_sha256 = $1 and coalesce(t.expires_at > now(), true)";
const BY_ID: &str =
    "select t.id as token_id, t.scope, u.id, u.username, u.is_admin and t.scope = 'admin' as is_admin
    from api_token t join app_user u on u.id = t.user_id
    where t.id = $1 and coalesce(t.expires_at > now(), true)";
const TOUCH: &str = "update api_token set last_used_at = now() where id = $1";

/// Whose token this is, by its hash, if it is (still) one.
pub(super) async fn find_by_hash(client: &impl Sql, hash: &[u8]) -> Result<Option<User>> {
    let Some(row) = client.maybe_row(BY_TOKEN, &[&hash]).await? else { return Ok(None) };
    if row.get("is_to_touch") {
        client.run(TOUCH, &[&row.get::<_, i64>("token_id")]).await?;
    }
    Ok(Some(user(&row)))
}

/// Whose token this row is, if it still is one.
pub(super) async fn find_by_id(client: &impl Sql, id: i64) -> Result<Option<User>> {
    Ok(client.maybe_row(BY_ID, &[&id]).await?.as_ref().map(user))
}

fn user(row: &Row) -> User {
    User {
        id: row.get("id"),
        username: row.get("username"),
        is_admin: row.get("is_admin"),
        by: By::Token(row.get("token_id"), scope(row)),
    }
}
