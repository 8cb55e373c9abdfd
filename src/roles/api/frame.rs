//! What every request passes on its way in and out: its id, its span, its deadline, the gate, the shape of errors.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::body::{Body, to_bytes};
use axum::extract::{MatchedPath, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE, ORIGIN};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use serde_json::json;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;
use uuid::Uuid;

use crate::auth::{Allowance, Meter};
use crate::error::Error;
use crate::health::Waiting;
use crate::metrics::Metrics;
use crate::telemetry::REQUEST_ID;

const REQUEST_ID_HEADER: &str = "x-request-id";
/// Until the head of the answer; a body may stream for longer.
const DEADLINE: Duration = Duration::from_secs(30);
/// The same while a piece of a file arrives, which waits for each part of it no longer than it should by itself.
const DEADLINE_OF_UPLOADS: Duration = Duration::from_secs(4 * 3600);
/// An answer that takes longer is worth a line in the journal.
const SLOW: Duration = Duration::from_secs(5);

/// Whether the database can be used; `None`: it can.
pub(super) type Gate = watch::Receiver<Option<Waiting>>;

/// What the frame knows.
#[derive(Clone)]
pub(super) struct Frame {
    pub(super) stop: CancellationToken,
    pub(super) gate: Gate,
    pub(super) metrics: Arc<Metrics>,
}

/// The outermost layer.
pub(super) async fn frame(State(frame): State<Arc<Frame>>, mut request: Request, next: Next) -> Response {
    let id = request_id(request.headers());
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let span = tracing::info_span!("request", request_id = id, http_method = %method, http_path = path);
    let work = async {
        let start = Instant::now();
        let meter = Meter::default();
        request.extensions_mut().insert(meter.clone());
        let mut response = frame.pass(&path, request, next).await;
        if let Some(allowance) = meter.read() {
            show(allowance, response.headers_mut());
        }
        let (status, took) = (response.status().as_u16(), start.elapsed());
        frame.metrics.requests.count(
            &method,
            route.as_ref().map(MatchedPath::as_str),
            response.status(),
            took,
        );
        let took_ms = took.as_millis() as u64;
        if took > SLOW && method != Method::PATCH {
            tracing::warn!(http_status = status, took_ms, "{method} {path} was slow");
        } else {
            tracing::debug!(http_status = status, took_ms, "{method} {path}");
        }
        response
    };
    let mut response = REQUEST_ID.scope(id.clone(), work.instrument(span)).await;
    let headers = response.headers_mut();
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert(REQUEST_ID_HEADER, id);
    }
    // Nothing may come after this answer, so that closing the connection takes no request with it.
    if frame.stop.is_cancelled() && response.status() != StatusCode::SWITCHING_PROTOCOLS {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// As the first version promised it.
fn show(allowance: Allowance, headers: &mut HeaderMap) {
    headers.insert("x-ratelimit-limit", allowance.limit.into());
    headers.insert("x-ratelimit-remaining", allowance.remaining.into());
    headers.insert("x-ratelimit-reset", allowance.reset_at.into());
}

impl Frame {
    async fn pass(&self, path: &str, request: Request, next: Next) -> Response {
        if let Some(refusal) = self.refusal(path) {
            return refusal.into_response();
        }
        let is_upload = request.method() == Method::PATCH && path.starts_with("/api/import/upload/");
        let deadline = if is_upload { DEADLINE_OF_UPLOADS } else { DEADLINE };
        match tokio::time::timeout(deadline, next.run(request)).await {
            Ok(response) => in_our_words(response).await,
            Err(_) => Error::Unavailable("That took too long. Try again in a moment.").into_response(),
        }
    }

    /// Without a database that this program understands, nothing is asked of it.
    fn refusal(&self, path: &str) -> Option<Error> {
        if !(path.starts_with("/api/") || path == "/ws") {
            return None;
        }
        match &*self.gate.borrow() {
            None => None,
            Some(Waiting::Database(_)) => {
                Some(Error::Unavailable("The database is away. Try again in a moment."))
            }
            Some(Waiting::Schema { .. }) => Some(Error::Unavailable(
                "The database is not ready for this version yet. Try again in a moment.",
            )),
        }
    }
}

/// The caller's own id when it is one plain word, so that its log and ours can be laid side by side; else a new one.
fn request_id(headers: &HeaderMap) -> String {
    let given = headers.get(REQUEST_ID_HEADER).and_then(|value| value.to_str().ok());
    let is_plain = |id: &str| {
        (1..=64).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.".contains(&b))
    };
    given.filter(|id| is_plain(id)).map_or_else(|| Uuid::now_v7().simple().to_string(), str::to_owned)
}

/// Errors of the framework (no such route, a body that is too large) get the shape of all others.
async fn in_our_words(response: Response) -> Response {
    let status = response.status();
    let is_text =
        response.headers().get(CONTENT_TYPE).is_none_or(|t| t.as_bytes().starts_with(b"text/plain"));
    if !(status.is_client_error() || status.is_server_error()) || !is_text {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let said = to_bytes(body, 1024).await.unwrap_or_default();
    let detail = match std::str::from_utf8(&said) {
        Ok(text) if !text.trim().is_empty() => text.trim(),
        _ => status.canonical_reason().unwrap_or("The request cannot be served"),
    };
    let body = json!({"detail": detail, "code": code_of(status)}).to_string();
    head.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    head.headers.remove(http::header::CONTENT_LENGTH);
    Response::from_parts(head, Body::from(body))
}

fn code_of(status: StatusCode) -> &'static str {
    match status {
        StatusCode::UNAUTHORIZED => "unauthenticated",
        StatusCode::FORBIDDEN => "forbidden",
        StatusCode::NOT_FOUND => "not_found",
        StatusCode::METHOD_NOT_ALLOWED => "method_not_allowed",
        StatusCode::PAYLOAD_TOO_LARGE => "too_large",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "unsupported_media_type",
        StatusCode::UNPROCESSABLE_ENTITY => "validation",
        StatusCode::TOO_MANY_REQUESTS => "too_many_requests",
        StatusCode::SERVICE_UNAVAILABLE => "unavailable",
        status if status.is_client_error() => "invalid",
        _ => "internal",
    }
}

/// A handler panicked: the hook wrote the place to the journal, within this request's span.
pub(super) fn after_panic(_: Box<dyn Any + Send + 'static>) -> Response {
    Error::Internal(anyhow::anyhow!("a handler panicked")).into_response()
}

/// A request that carries a token of its own was not forged by a foreign page: a browser adds cookies by itself, but
/// never this header. So it is not asked where it comes from.
pub(super) async fn vouch_for_tokens(mut request: Request, next: Next) -> Response {
    let headers = request.headers_mut();
    if headers.contains_key(AUTHORIZATION) {
        headers.remove(ORIGIN);
        headers.remove("sec-fetch-site");
    }
    next.run(request).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(id: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(REQUEST_ID_HEADER.parse().unwrap(), HeaderValue::from_static(id))])
    }

    #[test]
    fn a_plain_request_id_is_taken_over() {
        assert_eq!(request_id(&headers("f-81d4.fae_7")), "f-81d4.fae_7");
    }

    #[test]
    fn any_other_request_id_is_replaced() {
        for id in ["", "two words", "line\tbreak", "<script>", &"x".repeat(65)] {
            let headers = headers(id.to_owned().leak());
            assert_eq!(request_id(&headers).len(), 32, "{id:?}");
        }
        assert_ne!(request_id(&HeaderMap::new()), request_id(&HeaderMap::new()));
    }

    #[tokio::test]
    async fn errors_of_the_framework_get_our_shape() {
        let response = in_our_words((StatusCode::METHOD_NOT_ALLOWED, "").into_response()).await;
        assert_eq!(response.status(), StatusCode::METHOD_NOT_ALLOWED);
        let body = to_bytes(response.into_body(), 1024).await.unwrap();
        assert_eq!(body.as_ref(), br#"{"code":"method_not_allowed","detail":"Method Not Allowed"}"#);
    }

    #[tokio::test]
    async fn our_own_errors_stay_as_they_are() {
        let response = in_our_words(Error::NotFound("Album not found").into_response()).await;
        let body = to_bytes(response.into_body(), 1024).await.unwrap();
        assert_eq!(body.as_ref(), br#"{"code":"not_found","detail":"Album not found"}"#);
    }
}
