//! The api: HTTP and WebSockets, on sockets that systemd holds.
//!
//! It is ready as soon as it listens, after one look for PostgreSQL. Without PostgreSQL it answers 503 and goes on asking,
//! so that `/health` can say what is the matter. Its watchdog is fed when a request to its own router was answered.

mod etag;
mod frame;
mod openapi;
mod serve;
mod stream;

pub use openapi::document;
pub use serve::{Limits, Server};

use std::os::unix::fs::FileTypeExt;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use axum::body::Body;
use axum::extract::DefaultBodyLimit;
use axum::{Router, middleware};
use http::{HeaderName, HeaderValue, Method, Request, StatusCode, header};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::cors::{AllowOrigin, CorsLayer};
use tower_http::csrf::CsrfLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;

use self::frame::{Frame, Gate, after_panic, frame, vouch_for_tokens};
use super::{LOOK_AGAIN, Play, play, rooms, stopped_within, tell};
use crate::app::App;
use crate::config::Settings;
use crate::error::Error;
use crate::events::{self, Relay};
use crate::health::{self, Probes, Status, Waiting};
use crate::lifecycle::{Life, Listener, PassedSocket};
use crate::metrics::{self, Metrics};

/// For JSON; a route that takes files says so itself.
const BODY_LIMIT: usize = 1 << 20;
/// Without a socket from systemd (started by hand).
const OWN_ADDRESS: &str = "127.0.0.1:8080";
/// `FileDescriptorName=` of barbossa-metrics.socket.
const METRICS: &str = "metrics";
/// How often a usable database is looked at again: somebody may have restored an old one.
const LOOK_WHILE_USABLE: Duration = Duration::from_secs(5);
/// How long the first look may keep requests waiting.
const FIRST_LOOK: Duration = Duration::from_secs(1);

/// Runs the role to its end.
pub fn run(settings: Settings, sockets: Vec<PassedSocket>) -> ExitCode {
    let role = Play {
        role: "api",
        connections: 16,
        drain: Duration::from_secs(40),
        has_network: false,
        channels: &["barbossa_event", "barbossa_session", "barbossa_job_end"],
    };
    play(role, settings, |app, life| live(app, life, sockets))
}

async fn live(app: App, life: Life, sockets: Vec<PassedSocket>) -> anyhow::Result<()> {
    let (for_metrics, sockets) = sockets.into_iter().partition(|s: &PassedSocket| s.name == METRICS);
    let metrics_listeners = metrics_listeners(&app, for_metrics, sockets.is_empty()).await?;
    let listeners = listeners(sockets).await?;
    let (gate, is_open) = watch::channel(first_look(&app).await);
    let router = gated_router(&app, &life.stop, is_open.clone());
    let server = Server::new(router.clone(), Limits::default(), life.stop.clone());
    for listener in listeners {
        server.open(listener, &life);
    }
    let monitor = Server::new(monitor_router(&app), Limits::default(), life.stop.clone());
    for listener in metrics_listeners {
        monitor.open(listener, &life);
    }
    life.status("starting");
    life.ready();
    let (keeper, looking) = (life.clone(), app.clone());
    life.spawn("the gate", async move {
        keep_gate(&looking, &keeper, &gate).await;
        Ok(())
    });
    let (teller, told, mut open) = (app.clone(), life.stop.clone(), is_open.clone());
    life.spawn("the relay of events", async move {
        // Not before its tables are there; an error means that the gate's keeper has ended, as at the stop.
        let _ = open.wait_for(Option::is_none).await;
        teller.kept::<Relay>().run(&teller, told).await;
        Ok(())
    });
    let (watched, counted, looking) = (life.clone(), server.clone(), app.clone());
    life.spawn("the watch over the api itself", async move {
        watch_over(&looking, &watched, router, &counted, is_open).await
    });
    tokio::join!(server.drain(), monitor.drain());
    Ok(())
}

/// What systemd passed for them; started by hand, a socket of our own. Metrics are for looking in, so that one that cannot
/// be opened by hand costs nothing but them.
async fn metrics_listeners(
    app: &App,
    passed: Vec<PassedSocket>,
    is_by_hand: bool,
) -> anyhow::Result<Vec<Listener>> {
    if !is_by_hand {
        return passed.into_iter().map(take).collect();
    }
    let listen = &app.settings.metrics.listen;
    let opened = if listen.starts_with('/') {
        // One that a process before us has left; nothing but a socket is ever removed.
        if std::fs::symlink_metadata(listen).is_ok_and(|m| m.file_type().is_socket()) {
            let _ = std::fs::remove_file(listen);
        }
        tokio::net::UnixListener::bind(listen).map(Listener::Unix)
    } else {
        tokio::net::TcpListener::bind(listen).await.map(Listener::Tcp)
    };
    Ok(opened.inspect_err(|error| tracing::info!("no metrics on {listen}: {error}")).into_iter().collect())
}

fn monitor_router(app: &App) -> Router {
    metrics::routes()
        .fallback(|| async { Error::NotFound("Metrics are at /metrics.") })
        .with_state(app.clone())
}

fn take(socket: PassedSocket) -> anyhow::Result<Listener> {
    Listener::from_passed(socket.fd).with_context(|| format!("the passed socket `{}`", socket.name))
}

/// What there is to wait for, before the first connection is taken: over a restart, requests wait in the sockets' backlog
/// and meet an open gate, instead of hearing that a database is away which nobody has asked yet.
async fn first_look(app: &App) -> Option<Waiting> {
    match tokio::time::timeout(FIRST_LOOK, health::usable(app)).await {
        Ok(Ok(())) => {
            tracing::info!("serving");
            None
        }
        Ok(Err(waiting)) => Some(waiting),
        Err(_) => Some(Waiting::Database("no answer yet".into())),
    }
}

async fn listeners(sockets: Vec<PassedSocket>) -> anyhow::Result<Vec<Listener>> {
    if sockets.is_empty() {
        let listener = tokio::net::TcpListener::bind(OWN_ADDRESS)
            .await
            .with_context(|| format!("cannot listen on {OWN_ADDRESS}"))?;
        tracing::info!("systemd passed no socket");
        return Ok(vec![Listener::Tcp(listener)]);
    }
    sockets.into_iter().map(take).collect()
}

/// Keeps the gate closed until the database can be used, and closes it again when its schema is not ours any more.
/// When PostgreSQL goes away later, handlers say so themselves: each request finds out in the moment it asks.
async fn keep_gate(app: &App, life: &Life, gate: &watch::Sender<Option<Waiting>>) {
    let mut told = None;
    loop {
        let mut pause = LOOK_AGAIN;
        match health::usable(app).await {
            Ok(()) => {
                if gate.send_replace(None).is_some() {
                    tracing::info!("serving");
                }
                (told, pause) = (None, LOOK_WHILE_USABLE);
            }
            Err(waiting) => {
                let was_open = gate.borrow().is_none();
                if !was_open || matches!(waiting, Waiting::Schema { .. }) {
                    tell(life, &waiting, &mut told);
                    gate.send_replace(Some(waiting));
                }
            }
        }
        if stopped_within(pause, life).await {
            return;
        }
    }
}

/// Asks the router for `/live` in a task of its own, so that the runtime, the layers and the handlers all have a part in
/// what counts as progress; and tells systemd how things are.
async fn watch_over(
    app: &App,
    life: &Life,
    router: Router,
    server: &Server,
    gate: Gate,
) -> anyhow::Result<()> {
    let probes = app.kept::<Probes>();
    let beat = life.beat().min(Duration::from_secs(2));
    loop {
        let request =
            Request::get("/live").body(Body::empty()).expect("a request with a path and nothing else");
        let asked = tokio::spawn(router.clone().oneshot(request)).await;
        match asked {
            Ok(Ok(response)) if response.status() == StatusCode::OK => life.progress(),
            _ => tracing::error!("the api does not answer itself"),
        }
        if gate.borrow().is_none() {
            let report = probes.look(app).await;
            life.status(&status_line(server.connections(), &report));
        }
        if stopped_within(beat, life).await {
            return Ok(());
        }
    }
}

/// `serving 3 connections`, and what is the matter, if anything is.
fn status_line(connections: usize, report: &health::Report) -> String {
    let serving = match connections {
        1 => "serving 1 connection".to_owned(),
        n => format!("serving {n} connections"),
    };
    match report.status() {
        Status::Healthy => serving,
        status => format!("{serving}; {}: {}", status.name(), report.complaints()),
    }
}

/// Everything that is served, with all layers, as if the database were usable.
pub fn router(app: &App, stop: &CancellationToken) -> Router {
    let (_gate, is_open) = watch::channel(None);
    gated_router(app, stop, is_open)
}

fn gated_router(app: &App, stop: &CancellationToken, gate: Gate) -> Router {
    let whole = Router::from(routes());
    framed(whole.fallback(async || Error::NotFound("There is nothing at this address.")), app, stop, gate)
}

/// All of them, with what the document says of each.
fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::with_openapi(openapi::Contract::openapi())
        .merge(openapi::routes())
        .merge(health::routes())
        .merge(events::routes())
        .nest("/api", rooms::routes())
}

/// These routes behind the layers of all others.
pub fn behind_all_layers(routes: Router<App>, app: &App, stop: &CancellationToken) -> Router {
    let (_gate, is_open) = watch::channel(None);
    framed(routes, app, stop, is_open)
}

/// The layers, from the innermost to the outermost.
fn framed(routes: Router<App>, app: &App, stop: &CancellationToken, gate: Gate) -> Router {
    let origins = &app.settings.api.cors_origins;
    let routes = routes.layer(DefaultBodyLimit::max(BODY_LIMIT)).layer(middleware::from_fn(etag::tag));
    let routes = routes.layer(csrf(origins));
    let routes = routes.layer(middleware::from_fn(vouch_for_tokens));
    let routes = if origins.is_empty() { routes } else { routes.layer(cors(origins)) };
    let frame_state = Arc::new(Frame { stop: stop.clone(), gate, metrics: app.kept::<Metrics>() });
    routes
        .layer(CatchPanicLayer::custom(after_panic))
        .layer(middleware::from_fn_with_state(frame_state, frame))
        .with_state(app.clone())
}

/// A page of another origin cannot act in the name of a member whose cookie the browser sends along.
fn csrf(origins: &[String]) -> CsrfLayer {
    origins.iter().filter(|origin| *origin != "*").fold(CsrfLayer::new(), |layer, origin| {
        layer.clone().add_trusted_origin(origin).unwrap_or_else(|error| {
            tracing::warn!(error = &error as &dyn std::error::Error, "cors_origins: `{origin}` is no origin");
            layer
        })
    })
}

/// For pages on other origins, by the settings. `*` opens what needs a token, and nothing that a cookie opens.
fn cors(origins: &[String]) -> CorsLayer {
    let layer = CorsLayer::new()
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers([
            header::AUTHORIZATION,
            header::CONTENT_TYPE,
            header::IF_NONE_MATCH,
            header::RANGE,
            HeaderName::from_static("x-request-id"),
        ])
        .expose_headers([
            HeaderName::from_static("x-request-id"),
            HeaderName::from_static("x-ratelimit-limit"),
            HeaderName::from_static("x-ratelimit-remaining"),
            HeaderName::from_static("x-ratelimit-reset"),
            header::CONTENT_RANGE,
            header::ETAG,
            header::RETRY_AFTER,
        ])
        .max_age(Duration::from_secs(600));
    if origins.iter().any(|origin| origin == "*") {
        return layer.allow_origin(AllowOrigin::any());
    }
    let origins = origins.iter().filter_map(|origin| HeaderValue::try_from(origin).ok());
    layer.allow_origin(AllowOrigin::list(origins)).allow_credentials(true)
}
