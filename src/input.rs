//! What a client sends, read with our own answer when it does not fit: 422 and which part of it, never a bare text.

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts};
use http::StatusCode;

use crate::error::Error;

/// A JSON body.
#[derive(Debug, FromRequest)]
#[from_request(via(axum::Json), rejection(Error))]
pub struct Json<T>(pub T);

/// The part of the URL after `?`.
#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Error))]
pub struct Query<T>(pub T);

/// The variable parts of the URL's path.
#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Path), rejection(Error))]
pub struct Path<T>(pub T);

impl From<JsonRejection> for Error {
    fn from(refused: JsonRejection) -> Self {
        if refused.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return Self::Invalid("The request is too large.".into());
        }
        Self::Field { field: "body", message: plain(&refused.body_text()) }
    }
}

impl From<QueryRejection> for Error {
    fn from(refused: QueryRejection) -> Self {
        Self::Field { field: "query", message: plain(&refused.body_text()) }
    }
}

impl From<PathRejection> for Error {
    fn from(refused: PathRejection) -> Self {
        Self::Field { field: "path", message: plain(&refused.body_text()) }
    }
}

/// Without the part that says which library could not read it.
fn plain(text: &str) -> String {
    let known = [
        "Failed to deserialize the JSON body into the target type: ",
        "Failed to parse the request body as JSON: ",
        "Failed to deserialize query string: ",
        "Invalid URL: ",
    ];
    known.iter().find_map(|k| text.strip_prefix(k)).unwrap_or(text).to_owned()
}
