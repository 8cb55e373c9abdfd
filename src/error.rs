//! What a room may answer when it cannot, and the one map from that to an HTTP status.
//!
//! Nothing below `http.rs` and the roles knows a status code: rooms return `Error`, and this file alone says what a
//! client sees of it. What a person may read is in the variant; everything else goes to the journal, once, here.

use std::fmt;

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;
use utoipa::ToSchema;

/// The error of every room.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No such thing; the sentence says which: `Album not found`.
    #[error("{0}")]
    NotFound(&'static str),
    /// The input cannot be used; the sentence says why and what would do.
    #[error("{0}")]
    Invalid(String),
    /// One named field of a request's body is wrong. Shape of the answer: `{"detail":[{"loc","msg","type"}]}`.
    #[error("{field}: {message}")]
    Field {
        /// The field, as the client wrote it.
        field: &'static str,
        /// What is wrong with it, as a sentence.
        message: String,
    },
    /// One named parameter of a request's query is wrong. Answered like `Field`.
    #[error("{field}: {message}")]
    Parameter {
        /// The parameter, as the client wrote it.
        field: &'static str,
        /// What is wrong with it, as a sentence.
        message: String,
    },
    /// A part of a request cannot be read at all. Answered like `Field`.
    #[error("{0}")]
    Unread(FieldProblem),
    /// Nobody is logged in, or the token is not (any more) valid.
    #[error("{0}")]
    Unauthenticated(&'static str),
    /// Logged in, but not allowed.
    #[error("{0}")]
    Forbidden(&'static str),
    /// Contradicts what is there already.
    #[error("{0}")]
    Conflict(String),
    /// Too much of it; try again after so many seconds.
    #[error("{message}")]
    TooMany {
        /// What there was too much of, as a sentence.
        message: String,
        /// When trying again makes sense.
        retry_after_seconds: u64,
    },
    /// A part that we need is away for now (PostgreSQL, the music folder); the sentence names it.
    #[error("{0}")]
    Unavailable(&'static str),
    /// Another program did not do what was asked of it; the sentence says which, and why.
    #[error("{0}")]
    Upstream(String),
    /// PostgreSQL refused or is away.
    #[error("database: {0}")]
    Database(#[from] tokio_postgres::Error),
    /// No connection from the pool.
    #[error("database pool: {0}")]
    Pool(#[from] deadpool_postgres::PoolError),
    /// The file system refused.
    #[error("file system: {0}")]
    Io(#[from] std::io::Error),
    /// Anything else that should not have happened.
    #[error("{0:#}")]
    Internal(#[from] anyhow::Error),
}

/// What an answer says that is no success.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// A stable word for programs: `not_found`, `conflict`, `validation`, …
    pub code: &'static str,
    /// What is the matter, and where it helps, what to do.
    pub detail: Detail,
}

/// A sentence for people, or (with the code `validation`) the part of the request that does not fit.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Detail {
    /// What is the matter.
    Sentence(String),
    /// What does not fit.
    Fields(Vec<FieldProblem>),
}

/// What is wrong with one part of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct FieldProblem {
    /// The way to the part: `["query", "limit"]`, `["body", "ids", 0]`. First `path`, `query` or `body`.
    pub loc: Vec<Step>,
    /// What is wrong with it.
    pub msg: String,
    /// `value_error`, `missing` or `json_invalid`.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// One step on the way to a part of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Step {
    /// Into the field of this name.
    Name(String),
    /// Into the item at this place, from 0.
    Index(u64),
}

impl FieldProblem {
    fn of(part: &str, field: &str, message: &str) -> Self {
        let loc = [part, field].map(|step| Step::Name(step.into())).into();
        Self { loc, msg: message.into(), kind: "value_error" }
    }
}

impl fmt::Display for FieldProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.loc.last() {
            Some(Step::Name(name)) => write!(f, "{name}: {}", self.msg),
            _ => f.write_str(&self.msg),
        }
    }
}

/// The result of every room.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// A stable word for programs: `not_found`, `unavailable`, …
    pub fn code(&self) -> &'static str {
        match self {
            Self::NotFound(_) => "not_found",
            Self::Invalid(_) => "invalid",
            Self::Field { .. } | Self::Parameter { .. } | Self::Unread(_) => "validation",
            Self::Unauthenticated(_) => "unauthenticated",
            Self::Forbidden(_) => "forbidden",
            Self::Conflict(_) => "conflict",
            Self::TooMany { .. } => "too_many_requests",
            Self::Unavailable(_) => "unavailable",
            Self::Upstream(_) => "upstream",
            _ if self.is_database_away() => "unavailable",
            _ if self.is_text_refused() => "invalid",
            Self::Database(_) | Self::Pool(_) | Self::Io(_) | Self::Internal(_) => "internal",
        }
    }

    /// Whether the database could not be reached (as opposed to: it answered no). Such a request may be sent again.
    pub fn is_database_away(&self) -> bool {
        match self {
            Self::Database(e) => is_away(e),
            Self::Pool(deadpool_postgres::PoolError::Backend(e)) => is_away(e),
            Self::Pool(_) => true,
            _ => false,
        }
    }

    /// Whether a text that a client sent holds what PostgreSQL cannot keep: a NUL character.
    fn is_text_refused(&self) -> bool {
        let Self::Database(error) = self else { return false };
        matches!(error.code().map(tokio_postgres::error::SqlState::code), Some("22021" | "22P05"))
    }

    /// The name of the constraint that refused the rows, if one did.
    pub fn constraint(&self) -> Option<&str> {
        match self {
            Self::Database(e) => e.as_db_error().and_then(|d| d.constraint()),
            _ => None,
        }
    }

    fn status(&self) -> StatusCode {
        match self {
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Field { .. } | Self::Parameter { .. } | Self::Unread(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Unauthenticated(_) => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::Conflict(_) => StatusCode::CONFLICT,
            Self::TooMany { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Upstream(_) => StatusCode::BAD_GATEWAY,
            _ if self.is_database_away() => StatusCode::SERVICE_UNAVAILABLE,
            _ if self.is_text_refused() => StatusCode::BAD_REQUEST,
            Self::Database(_) | Self::Pool(_) | Self::Io(_) | Self::Internal(_) => {
                StatusCode::INTERNAL_SERVER_ERROR
            }
        }
    }
}

/// The server is away (or going, or full), rather than refusing this statement: class 08 and 57P of PostgreSQL's error
/// codes (appendix A of its manual), too many connections, or no answer at all.
fn is_away(error: &tokio_postgres::Error) -> bool {
    match error.code() {
        None => {
            error.is_closed()
                || std::error::Error::source(error).is_some_and(<dyn std::error::Error>::is::<std::io::Error>)
        }
        Some(code) => {
            let code = code.code();
            code.starts_with("08") || code.starts_with("57P") || code == "53300"
        }
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let status = self.status();
        let detail = match &self {
            Self::Field { field, message } => Detail::Fields(vec![FieldProblem::of("body", field, message)]),
            Self::Parameter { field, message } => {
                Detail::Fields(vec![FieldProblem::of("query", field, message)])
            }
            Self::Unread(problem) => Detail::Fields(vec![problem.clone()]),
            e if status == StatusCode::SERVICE_UNAVAILABLE && e.is_database_away() => {
                Detail::Sentence("The database is away. Try again in a moment.".into())
            }
            e if e.is_text_refused() => Detail::Sentence("A text holds a NUL character.".into()),
            _ if status == StatusCode::INTERNAL_SERVER_ERROR => {
                Detail::Sentence("Something went wrong. The journal has the details.".into())
            }
            e => Detail::Sentence(e.to_string()),
        };
        if status == StatusCode::INTERNAL_SERVER_ERROR {
            tracing::error!(error = &self as &dyn std::error::Error, "a request failed");
        }
        let mut response = (status, axum::Json(Problem { code: self.code(), detail })).into_response();
        let headers = response.headers_mut();
        match &self {
            Self::Unauthenticated(_) => {
                headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::TooMany { retry_after_seconds, .. } => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(*retry_after_seconds));
            }
            _ if status == StatusCode::SERVICE_UNAVAILABLE => {
                headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            }
            _ => {}
        }
        response
    }
}
