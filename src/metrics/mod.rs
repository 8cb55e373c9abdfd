//! What a monitor reads: `GET /metrics`, on a socket of its own and never through nginx.
//!
//! Requests are counted here, in each api process. All else is a row that some process wrote, so it is read when somebody
//! asks: what workers do is seen without asking them, and a restart forgets none of it. The text is that of OpenMetrics 1.0.

mod numbers;
mod recent;
mod requests;
mod rows;

use axum::Router;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header;
use prometheus_client::encoding::text::encode;
use prometheus_client::registry::Registry;
use utoipa_axum::router::OpenApiRouter;

use self::requests::Requests;
use self::rows::Rows;
use crate::app::App;
use crate::error::{Error, Result};

const PREFIX: &str = "barbossa";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The metrics of one process ([`App::kept`]).
pub struct Metrics {
    registry: Registry,
    /// What the api serves.
    pub requests: Requests,
    rows: Rows,
    /// One look at the rows at a time, however many ask.
    looking: tokio::sync::Mutex<()>,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let requests = Requests::registered(&mut registry);
        let rows = Rows::registered(&mut registry);
        Self { registry, requests, rows, looking: tokio::sync::Mutex::default() }
    }
}

impl Metrics {
    /// All of them as of now, as text. Without a database, what this process knows by itself.
    ///
    /// # Errors
    /// None that is known: writing into memory does not fail.
    pub async fn text(&self, app: &App) -> Result<String> {
        let _one = self.looking.lock().await;
        self.rows.look(app).await;
        let mut text = String::new();
        encode(&mut text, &self.registry).map_err(|e| Error::Internal(e.into()))?;
        Ok(text)
    }
}

/// The names of all metrics, as a query begins with them.
pub fn names() -> impl Iterator<Item = String> {
    let names = requests::NAMES.into_iter().chain(rows::names());
    names.map(|name| format!("{PREFIX}_{name}"))
}

/// Beneath `/api`: some of them, for a page.
pub fn api_routes() -> OpenApiRouter<App> {
    numbers::routes()
}

/// `/metrics`, for the socket of its own.
pub fn routes() -> Router<App> {
    Router::new().route("/metrics", get(show))
}

async fn show(State(app): State<App>) -> Result<Response> {
    let text = app.kept::<Metrics>().text(&app).await?;
    Ok(([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response())
}
