//! Answers that a client has already: a weak ETag of what would be sent, and 304 when it is the same.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, VARY};
use http::{HeaderValue, Method, StatusCode};
use hyper::body::Body as _;

/// What is larger is no list and no detail.
const MOST_BYTES: u64 = 4 << 20;

/// Around every route that answers with JSON which stands whole in memory. What has a tag of its own (files) or is not to
/// be kept (health) passes.
pub(super) async fn tag(request: Request, next: Next) -> Response {
    let is_get = request.method() == Method::GET;
    let known = request.headers().get(IF_NONE_MATCH).cloned();
    let response = next.run(request).await;
    if !is_get || !can_be_tagged(&response) {
        return response;
    }
    let (mut head, body) = response.into_parts();
    let Ok(bytes) = to_bytes(body, usize::MAX).await else {
        // A body that stands in memory cannot fail.
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let hash = blake3::hash(&bytes).to_hex();
    let tag = HeaderValue::try_from(format!("W/\"{}\"", &hash[..32])).expect("hexadecimal in quotes");
    let is_known = known.is_some_and(|known| has(&known, &tag));
    head.headers.insert(ETAG, tag);
    // Everyone sees their own hearts, so it is nobody else's; and it is asked for again each time, which is cheap.
    head.headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("private, no-cache"));
    head.headers.append(VARY, HeaderValue::from_static("authorization, cookie"));
    if is_known {
        head.status = StatusCode::NOT_MODIFIED;
        head.headers.remove(CONTENT_TYPE);
        return Response::from_parts(head, Body::empty());
    }
    Response::from_parts(head, Body::from(bytes))
}

fn can_be_tagged(response: &Response) -> bool {
    let headers = response.headers();
    let is = |name, text: &str| {
        headers.get(name).is_some_and(|v: &HeaderValue| v.as_bytes().starts_with(text.as_bytes()))
    };
    response.status() == StatusCode::OK
        && !headers.contains_key(ETAG)
        && is(CONTENT_TYPE, "application/json")
        && !is(CACHE_CONTROL, "no-store")
        && response.body().size_hint().exact().is_some_and(|size| size <= MOST_BYTES)
}

/// Whether a client's list of tags has this one; the weak comparison of RFC 9110, section 8.8.3.2.
fn has(known: &HeaderValue, tag: &HeaderValue) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    let (Ok(known), Ok(tag)) = (known.to_str(), tag.to_str()) else { return false };
    known.trim() == "*" || known.split(',').any(|one| opaque(one) == opaque(tag))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_known_in_any_of_its_spellings() {
        let ours = HeaderValue::from_static("W/\"abc\"");
        for known in ["W/\"abc\"", "\"abc\"", "\"x\", W/\"abc\"", "*"] {
            assert!(has(&HeaderValue::from_static(known), &ours), "{known}");
        }
        for other in ["\"ab\"", "abc", "", "W/\"abcd\""] {
            assert!(!has(&HeaderValue::from_static(other), &ours), "{other}");
        }
    }
}
