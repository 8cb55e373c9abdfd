//! `GET /api/admin/numbers`: how much is asked and how fast it is answered, for the admin's page.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Metrics;
use crate::app::App;
use crate::auth::Admin;
use crate::error::Result;
use crate::events::Relay;

/// Beneath `/api`.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(numbers))
}

/// How much is asked of the process that answers, and how fast it answers.
#[derive(Debug, Serialize, ToSchema)]
struct Numbers {
    /// Of the last five minutes.
    requests_per_minute: f64,
    /// 95 of 100 requests of the last hour took no longer; null when there was none.
    p95_ms: Option<f64>,
    /// Answers of the last hour that said that it is the server's fault (5xx).
    errors_last_hour: u64,
    /// WebSockets that are open now.
    live_connections: usize,
    /// How much of the last hour this process has seen.
    known_seconds: u64,
}

/// Requests, their times, errors and live connections, of the process that answers.
#[utoipa::path(get, path = "/admin/numbers", tag = "health", extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = Numbers)))]
async fn numbers(State(app): State<App>, _: Admin) -> Result<Json<Numbers>> {
    let rates = app.kept::<Metrics>().requests.recent.rates();
    Ok(Json(Numbers {
        requests_per_minute: rates.requests_per_minute,
        p95_ms: rates.p95_ms,
        errors_last_hour: rates.errors,
        live_connections: app.kept::<Relay>().listener_count(),
        known_seconds: rates.known.as_secs(),
    }))
}
