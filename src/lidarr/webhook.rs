//! What Lidarr tells by itself (its settings, Connect, Webhook). It shows a password of its own by HTTP's basic
//! authentication (RFC 7617); an admin may tell, too.

use axum::Json;
use axum::extract::{FromRequestParts, State};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::header;
use http::request::Parts;
use secrecy::ExposeSecret;
use serde_json::Value;
use subtle::ConstantTimeEq;

use super::collect::{Arrival, CollectLidarr};
use crate::answer::Status;
use crate::app::App;
use crate::auth::Admin;
use crate::error::{Error, Result};
use crate::input;
use crate::integrations::lidarr::News;
use crate::jobs;

/// Whoever may tell.
pub(super) struct Teller;

impl FromRequestParts<App> for Teller {
    type Rejection = Error;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self> {
        match password(parts) {
            Some(shown) => {
                let known = app.settings.secrets.lidarr_webhook_secret.as_ref();
                let is_right = known.is_some_and(|known| {
                    let known = known.expose_secret();
                    !known.is_empty() && bool::from(known.as_bytes().ct_eq(shown.as_bytes()))
                });
                if is_right {
                    Ok(Self)
                } else {
                    Err(Error::Unauthenticated("This is not the webhook's password"))
                }
            }
            None => Admin::from_request_parts(parts, app).await.map(|_| Self),
        }
    }
}

/// Of basic authentication; the user's name does not matter.
fn password(parts: &Parts) -> Option<String> {
    let shown = parts.headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = shown.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = BASE64_STANDARD.decode(encoded.trim()).unwrap_or_default();
    let text = String::from_utf8(decoded).unwrap_or_default();
    Some(text.split_once(':').map(|(_, password)| password.to_owned()).unwrap_or_default())
}

/// Takes what Lidarr's webhook tells. When it has imported an album, that is brought from the folder that both see.
#[utoipa::path(post, path = "/lidarr/webhook", tag = "lidarr", request_body = Object, extensions(("x-role" = json!("admin"))),
    security(("basic" = []), ("bearer" = []), ("cookie" = [])), responses((status = 200, body = Status)))]
pub(super) async fn lidarr_webhook(
    State(app): State<App>,
    _: Teller,
    input::Json(told): input::Json<Value>,
) -> Result<Json<Status>> {
    let unfit =
        |e: serde_json::Error| Error::Invalid(format!("This is not what Lidarr's webhook sends: {e}"));
    let news: News = serde_json::from_value(told).map_err(unfit)?;
    if news.event_type.is_empty() {
        return Err(Error::Field { field: "eventType", message: "must be there, as Lidarr sends it".into() });
    }
    tracing::info!(event = %news.event_type.escape_debug(), "Lidarr tells");
    match Arrival::of(&news) {
        Some(arrival) if !arrival.folder.contains('\0') => {
            let job = CollectLidarr { arrival: Some(arrival) };
            jobs::enqueue(&app.db.get().await?, &job).await?;
            Ok(Json(Status { status: "accepted" }))
        }
        _ => Ok(Json(Status { status: "ignored" })),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_is_what_stands_behind_the_first_colon() {
        let shown = |value: &str| {
            let (parts, ()) =
                http::Request::builder().header("authorization", value).body(()).unwrap().into_parts();
            password(&parts)
        };
        assert_eq!(shown("Basic bGlkYXJyOmE6Yg==").as_deref(), Some("a:b"));
        assert_eq!(shown("basic nonsense").as_deref(), Some(""));
        assert_eq!(shown("Bearer x"), None);
    }
}
