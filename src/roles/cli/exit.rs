//! How a command ends: the exit status, and the sentence for a failure.

use std::io;
use std::process::ExitCode;

use tokio_postgres::error::{DbError, SqlState};

use crate::error::Error;

/// The exit statuses, as the contract has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Done = 0,
    Failed = 1,
    Usage = 2,
    Refused = 3,
    NotPermitted = 4,
    NotFound = 5,
    NoConnection = 6,
}

impl From<Status> for ExitCode {
    fn from(status: Status) -> Self {
        Self::from(status as u8)
    }
}

/// A failure that has its own exit status, besides those that the error itself tells.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Failure {
    pub status: Status,
    pub message: String,
}

/// A failure with this exit status and this sentence.
pub fn failure(status: Status, message: impl Into<String>) -> anyhow::Error {
    Failure { status, message: message.into() }.into()
}

/// Whether the reader of our output has gone, which is their right: `barbossa user list | head -1`.
pub fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.chain().filter_map(|e| e.downcast_ref::<io::Error>()).any(|e| e.kind() == io::ErrorKind::BrokenPipe)
}

/// The exit status for an error.
pub fn status_of(error: &anyhow::Error) -> Status {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return failure.status;
    }
    if is_database_away(error) {
        return Status::NoConnection;
    }
    if let Some(answer) = answer_of_database(error) {
        return if is_login_refused(answer.code()) { Status::NotPermitted } else { Status::Failed };
    }
    match error.downcast_ref::<Error>() {
        Some(Error::NotFound(_)) => Status::NotFound,
        Some(Error::Invalid(_) | Error::Field { .. } | Error::Parameter { .. } | Error::Unread(_)) => {
            Status::Usage
        }
        Some(Error::Unauthenticated(_)) => Status::Refused,
        Some(Error::Forbidden(_)) => Status::NotPermitted,
        Some(Error::Unavailable(_)) => Status::NoConnection,
        _ => match io_error(error).map(io::Error::kind) {
            Some(io::ErrorKind::PermissionDenied) => Status::NotPermitted,
            Some(io::ErrorKind::NotFound) => Status::NotFound,
            _ => Status::Failed,
        },
    }
}

/// The error as sentences: what failed, and what to do where that is known.
pub fn explain(error: &anyhow::Error) -> String {
    if is_database_away(error) {
        return explain_silence(error);
    }
    if let Some(answer) = answer_of_database(error) {
        let advice = advice_for(answer.code());
        return format!("PostgreSQL says: {}.\n{advice}", answer.message()).trim_end().to_owned();
    }
    let mut text = format!("{error:#}");
    if status_of(error) == Status::NotPermitted && !text.contains("sudo") {
        text.push_str("\nRun it with sudo.");
    }
    text
}

fn explain_silence(error: &anyhow::Error) -> String {
    let said = answer_of_database(error).map(|a| a.message().to_owned());
    let reason = said.or_else(|| io_error(error).map(ToString::to_string));
    let reason = reason.map(|r| format!(" ({r})")).unwrap_or_default();
    if io_error(error).is_some_and(|e| e.kind() == io::ErrorKind::PermissionDenied) {
        return format!("PostgreSQL's socket may not be opened{reason}.\nRun it with sudo.");
    }
    format!("PostgreSQL does not answer{reason}.\nIs it running? systemctl status postgresql")
}

fn advice_for(code: &SqlState) -> &'static str {
    match *code {
        SqlState::INVALID_CATALOG_NAME => "Make it: systemctl start barbossa-provision",
        SqlState::UNDEFINED_TABLE | SqlState::UNDEFINED_COLUMN | SqlState::UNDEFINED_FUNCTION => {
            "The schema is not that of this version: systemctl start barbossa-migrate"
        }
        _ if is_login_refused(code) => "The database lets in the user barbossa only: run it with sudo.",
        _ => "",
    }
}

fn is_login_refused(code: &SqlState) -> bool {
    [
        SqlState::INVALID_AUTHORIZATION_SPECIFICATION,
        SqlState::INVALID_PASSWORD,
        SqlState::INSUFFICIENT_PRIVILEGE,
    ]
    .contains(code)
}

/// Not reached, going down, coming up, or full: worth another try, unlike an answer that says no.
fn is_database_away(error: &anyhow::Error) -> bool {
    if let Some(error) = error.downcast_ref::<Error>() {
        return error.is_database_away();
    }
    let is_postgres = error.chain().any(<dyn std::error::Error>::is::<tokio_postgres::Error>);
    match answer_of_database(error) {
        // Classes 08 and 57P of PostgreSQL's error codes, and "too many connections".
        Some(answer) => {
            let code = answer.code().code();
            code.starts_with("08") || code.starts_with("57P") || code == "53300"
        }
        None => is_postgres && io_error(error).is_some(),
    }
}

fn answer_of_database(error: &anyhow::Error) -> Option<&DbError> {
    error.chain().find_map(|e| {
        let inside = e.downcast_ref::<tokio_postgres::Error>().and_then(tokio_postgres::Error::as_db_error);
        inside.or_else(|| e.downcast_ref::<DbError>())
    })
}

fn io_error(error: &anyhow::Error) -> Option<&io::Error> {
    error.chain().find_map(|e| e.downcast_ref::<io::Error>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_failure_has_its_exit_status() {
        for (error, status) in [
            (Error::NotFound("User not found").into(), Status::NotFound),
            (Error::Invalid("no".into()).into(), Status::Usage),
            (Error::Forbidden("no").into(), Status::NotPermitted),
            (Error::Conflict("busy".into()).into(), Status::Failed),
            (anyhow::Error::from(io::Error::from(io::ErrorKind::PermissionDenied)), Status::NotPermitted),
            (anyhow::anyhow!("x"), Status::Failed),
            (failure(Status::Refused, "x"), Status::Refused),
        ] {
            assert_eq!(status_of(&error), status, "{error}");
        }
    }

    #[tokio::test]
    async fn a_database_that_is_away_is_no_connection_and_says_what_to_do() {
        let db = crate::db::Db::new("postgresql://barbossa@%2Fnowhere/barbossa", "test", 1).unwrap();
        let pooled = anyhow::Error::from(db.get().await.err().unwrap());
        let single = crate::db::migrate(&db, |_| {}).await.unwrap_err();
        for error in [pooled, single] {
            assert_eq!(status_of(&error), Status::NoConnection, "{error:?}");
            assert!(explain(&error).contains("systemctl status postgresql"), "{}", explain(&error));
        }
    }

    #[test]
    fn what_needs_root_says_sudo_once() {
        let error = failure(Status::NotPermitted, "This writes to /etc.");
        assert_eq!(explain(&error), "This writes to /etc.\nRun it with sudo.");
    }
}
