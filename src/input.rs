//! What a client sends, read with our own answer when it does not fit: 422 and which part of it, never a bare text.

use axum::extract::path::ErrorKind;
use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams};
use bytes::Bytes;
use http::StatusCode;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::error::{Error, FieldProblem, Result, Step};

/// A JSON body.
#[derive(Debug, FromRequest)]
#[from_request(via(axum::Json), rejection(Error))]
pub struct Json<T>(pub T);

/// The part of the URL after `?`.
#[derive(Debug, FromRequestParts)]
#[from_request(via(axum::extract::Query), rejection(Error))]
pub struct Query<T>(pub T);

/// The variable parts of the URL's path.
#[derive(Debug)]
pub struct Path<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self> {
        let refused = match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(value)) => return Ok(Self(value)),
            Err(refused) => refused,
        };
        // A single value is read without its name.
        let names = RawPathParams::from_request_parts(parts, state).await.ok();
        let first = names.as_ref().and_then(|names| names.iter().next()).map_or("id", |(name, _)| name);
        Err(path_problem(&refused, first))
    }
}

/// A JSON body that may be left out, or be `null`.
///
/// # Errors
/// As for [`Json`].
pub fn optional_json<T: DeserializeOwned>(body: &Bytes) -> Result<Option<T>> {
    if body.trim_ascii().is_empty() {
        return Ok(None);
    }
    Ok(axum::Json::<Option<T>>::from_bytes(body)?.0)
}

impl From<JsonRejection> for Error {
    fn from(refused: JsonRejection) -> Self {
        if refused.status() == StatusCode::PAYLOAD_TOO_LARGE {
            return Self::Invalid("The request is too large.".into());
        }
        let text = refused.body_text();
        match &refused {
            JsonRejection::JsonDataError(_) => Self::Unread(problem("body", &plain(&text))),
            JsonRejection::JsonSyntaxError(_) => {
                let loc = vec![Step::Name("body".into())];
                Self::Unread(FieldProblem { loc, msg: plain(&text), kind: "json_invalid" })
            }
            _ => {
                let loc = vec![Step::Name("body".into())];
                Self::Unread(FieldProblem { loc, msg: plain(&text), kind: "value_error" })
            }
        }
    }
}

impl From<QueryRejection> for Error {
    fn from(refused: QueryRejection) -> Self {
        Self::Unread(problem("query", &plain(&refused.body_text())))
    }
}

fn path_problem(refused: &PathRejection, first: &str) -> Error {
    let of = |name: &str, message: &str| {
        let loc = ["path", name].map(|step| Step::Name(step.into())).into();
        Error::Unread(FieldProblem { loc, msg: in_words(message), kind: "value_error" })
    };
    let text = plain(&refused.body_text());
    match refused {
        PathRejection::FailedToDeserializePathParams(failed) => match failed.kind() {
            ErrorKind::ParseErrorAtKey { key, .. } | ErrorKind::InvalidUtf8InPathParam { key } => {
                of(key, &text)
            }
            _ => of(first, &text),
        },
        _ => of(first, &text),
    }
}

/// What serde says, with the way to the value before it (`change.ids[0]: …`) where there is one, as the part of the
/// request and what is wrong with it.
pub fn problem(part: &str, said: &str) -> FieldProblem {
    let mut loc = vec![Step::Name(part.to_owned())];
    let said = said.split(" at line ").next().unwrap_or(said);
    let (way, said) = match said.split_once(": ") {
        Some((way, rest)) if !way.contains(|c: char| c.is_whitespace() || c == '`') => (way, rest),
        _ => ("", said),
    };
    for step in way.split(['.', '[', ']']).filter(|step| !step.is_empty() && *step != "?") {
        loc.push(step.parse().map_or_else(|_| Step::Name(step.into()), Step::Index));
    }
    let named = |words: &str| said.strip_prefix(words)?.split('`').next();
    if let Some(field) = named("missing field `") {
        loc.push(Step::Name(field.into()));
        return FieldProblem { loc, msg: "Field required".into(), kind: "missing" };
    }
    for words in ["duplicate field `", "unknown field `"] {
        if let Some(field) = named(words)
            && loc.last() != Some(&Step::Name(field.into()))
        {
            loc.push(Step::Name(field.into()));
        }
    }
    FieldProblem { loc, msg: in_words(said), kind: "value_error" }
}

/// What the libraries say of a number or a word, as people say it.
fn in_words(said: &str) -> String {
    let number =
        ["invalid digit found", "number too large", "number too small", "cannot parse integer", "to a `i64`"];
    if number.iter().any(|words| said.contains(words)) {
        return "must be a whole number".into();
    }
    if said.contains("was not `true` or `false`") {
        return "must be true or false".into();
    }
    said.to_owned()
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_cannot_be_read_says_where_it_stands() {
        for (said, loc, msg, kind) in [
            (
                "missing field `password` at line 1 column 2",
                json!(["body", "password"]),
                "Field required",
                "missing",
            ),
            (
                "ids[2]: invalid type: string \"x\", expected i64 at line 1 column 14",
                json!(["body", "ids", 2]),
                "invalid type: string \"x\", expected i64",
                "value_error",
            ),
            (
                "change.year: invalid type: map, expected i32",
                json!(["body", "change", "year"]),
                "invalid type: map, expected i32",
                "value_error",
            ),
            (
                "limit: invalid digit found in string",
                json!(["body", "limit"]),
                "must be a whole number",
                "value_error",
            ),
            (
                "invalid type: null, expected struct Login",
                json!(["body"]),
                "invalid type: null, expected struct Login",
                "value_error",
            ),
            ("duplicate field `page`", json!(["body", "page"]), "duplicate field `page`", "value_error"),
        ] {
            let problem = problem("body", said);
            assert_eq!(serde_json::to_value(&problem.loc).unwrap(), loc, "{said}");
            assert_eq!((problem.msg.as_str(), problem.kind), (msg, kind));
        }
    }

    #[test]
    fn a_body_may_be_left_out_and_not_be_wrong() {
        assert_eq!(optional_json::<u8>(&Bytes::from_static(b" \n")).unwrap(), None);
        assert_eq!(optional_json::<u8>(&Bytes::from_static(b"null")).unwrap(), None);
        assert_eq!(optional_json::<u8>(&Bytes::from_static(b"7")).unwrap(), Some(7));
        assert!(matches!(optional_json::<u8>(&Bytes::from_static(b"x")), Err(Error::Unread(_))));
    }
}
