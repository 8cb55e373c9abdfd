//! The people who may log in: their rows.

use jiff::Timestamp;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use tokio_postgres::Row;
use utoipa::ToSchema;

use super::{name_key, password, valid_name};
use crate::app::App;
use crate::db::{Sql, Transaction};
use crate::error::{Error, Result};

/// A person who may log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = User)]
pub struct Account {
    /// The row.
    pub id: i64,
    /// As written when it was made; also the folder's name beneath `users/`.
    pub username: String,
    /// May change settings, users, and what cannot be undone.
    pub is_admin: bool,
    /// When it was made.
    pub created_at: Timestamp,
}

/// An account to be made.
pub struct NewUser<'a> {
    /// See [`valid_name`].
    pub username: &'a str,
    /// 8 to 1,024 characters.
    pub password: &'a SecretString,
    /// See [`Account::is_admin`].
    pub is_admin: bool,
}

impl From<&Row> for Account {
    fn from(row: &Row) -> Self {
        Self {
            id: row.get("id"),
            username: row.get("username"),
            is_admin: row.get("is_admin"),
            created_at: row.get("created_at"),
        }
    }
}

const CREATE: &str =
    "insert into app_user (username, username_key, password_hash, is_admin) values ($1, $2, $3, $4)
    returning id, username, is_admin, created_at";

/// Makes an account.
///
/// # Errors
/// When the name or the password will not do, or `Username already exists`.
pub async fn create_user(client: &impl Sql, new: NewUser<'_>) -> Result<Account> {
    let username = valid_name(new.username)?;
    let hash = password::hash(new.password).await?;
    match client.row(CREATE, &[&username, &name_key(&username), &hash, &new.is_admin]).await {
        Ok(row) => Ok(Account::from(&row)),
        Err(refused) => Err(match refused.constraint() {
            Some("app_user_username_key_unique") => Error::Invalid("Username already exists".into()),
            Some("app_user_username_is_a_folder") => {
                Error::Invalid("This user name cannot be a folder.".into())
            }
            _ => refused,
        }),
    }
}

const LIST: &str = "select id, username, is_admin, created_at from app_user order by username_key";
const FIND: &str = "select id, username, is_admin, created_at from app_user where id = $1";
const FIND_BY_NAME: &str = "select id, username, is_admin, created_at from app_user where username_key = $1";

/// Everyone, by name.
pub async fn users(client: &impl Sql) -> Result<Vec<Account>> {
    Ok(client.rows(LIST, &[]).await?.iter().map(Account::from).collect())
}

/// One account, or `User not found`.
pub async fn find_user(client: &impl Sql, id: i64) -> Result<Account> {
    let row = client.maybe_row(FIND, &[&id]).await?;
    row.as_ref().map(Account::from).ok_or(Error::NotFound("User not found"))
}

/// One account by any spelling of its name, or `User not found`.
pub async fn find_user_by_name(client: &impl Sql, username: &str) -> Result<Account> {
    let row = client.maybe_row(FIND_BY_NAME, &[&name_key(username.trim())]).await?;
    row.as_ref().map(Account::from).ok_or(Error::NotFound("User not found"))
}

const PASSWORD_HASH: &str =
    "select id, username, is_admin, created_at, password_hash from app_user where username_key = $1";

/// What a name and a password are worth.
#[derive(Debug)]
pub enum Verdict {
    /// This is who it is.
    Right(Account),
    /// The name is known, the password is not its.
    WrongPassword {
        /// Whose password it is not.
        user_id: i64,
    },
    /// Nobody has this name.
    NoSuchUser,
}

/// Judges a name and a password. Takes as long for a name that does not exist; outside, both failures must look alike.
pub async fn verify(app: &App, username: &str, password: &SecretString) -> Result<Verdict> {
    // The connection goes back before the hash is worked out: logins must not hold the pool.
    let row = app.db.get().await?.maybe_row(PASSWORD_HASH, &[&name_key(username.trim())]).await?;
    let hash = row.as_ref().map(|r| r.get("password_hash"));
    let is_right = password::is_right(password, hash).await?;
    Ok(match row {
        Some(row) if is_right => Verdict::Right(Account::from(&row)),
        Some(row) => Verdict::WrongPassword { user_id: row.get("id") },
        None => Verdict::NoSuchUser,
    })
}

const SET_PASSWORD: &str = "update app_user set password_hash = $2, updated_at = now() where id = $1";

/// Another password. Ends no session: whoever changes one decides which.
pub async fn set_password(client: &impl Sql, id: i64, new: &SecretString) -> Result<()> {
    let hash = password::hash(new).await?;
    match client.run(SET_PASSWORD, &[&id, &hash]).await? {
        0 => Err(Error::NotFound("User not found")),
        _ => Ok(()),
    }
}

const LOCK_ADMINS: &str = "select id from app_user where is_admin order by id for update";
const SET_ADMIN: &str = "update app_user set is_admin = $2, updated_at = now() where id = $1";
const REMOVE: &str = "delete from app_user where id = $1";

/// Makes someone an admin, or a member again.
///
/// # Errors
/// For the last admin.
pub async fn set_admin(tx: &Transaction<'_>, id: i64, is_admin: bool) -> Result<()> {
    if !is_admin {
        leave_an_admin(tx, id, "The last admin must stay one.").await?;
    }
    match tx.run(SET_ADMIN, &[&id, &is_admin]).await? {
        0 => Err(Error::NotFound("User not found")),
        _ => Ok(()),
    }
}

/// Removes an account with its sessions and hearts; the master library stays.
///
/// # Errors
/// For the last admin.
pub async fn remove_user(tx: &Transaction<'_>, id: i64) -> Result<()> {
    leave_an_admin(tx, id, "The last admin cannot be removed.").await?;
    match tx.run(REMOVE, &[&id]).await? {
        0 => Err(Error::NotFound("User not found")),
        _ => Ok(()),
    }
}

/// The rows of all admins are locked, so that two of them cannot remove each other at the same moment.
async fn leave_an_admin(tx: &Transaction<'_>, leaving: i64, refusal: &str) -> Result<()> {
    let admins: Vec<i64> = tx.rows(LOCK_ADMINS, &[]).await?.iter().map(|r| r.get(0)).collect();
    if admins == [leaving] { Err(Error::Invalid(refusal.into())) } else { Ok(()) }
}
