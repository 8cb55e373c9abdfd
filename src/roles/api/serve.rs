//! Accepts connections and speaks HTTP/1 on them (nginx speaks HTTP/2 to browsers), and drains without losing a request.
//!
//! While draining, listeners go on accepting as long as connections from before the stop are still at work, so that
//! nobody waits for a long answer of somebody else; each new connection gets one answer. Then accepting ends, what has
//! been accepted is finished, and what comes after waits in systemd's socket for the next process.

use std::convert::Infallible;
use std::io;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, HeaderValue, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt;

use super::stream::{Socket, Stream};
use crate::app::Via;
use crate::lifecycle::{Life, Listener};

/// How the server treats those who are slow.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections at once through one TCP listener.
    pub direct_connections: usize,
    /// The same for nginx, whose own connections outlive many of a browser's.
    pub nginx_connections: usize,
    /// For the head of a request, and between two requests on one TCP connection.
    pub direct_head: Duration,
    /// The same for nginx. It keeps idle connections for a minute: who waits longer never closes one under a request.
    pub nginx_head: Duration,
    /// A write may stand still for so long.
    pub stall: Duration,
    /// An idle connection is closed so long after the stop; until then it may bring one more request.
    pub grace: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            direct_connections: 256,
            nginx_connections: 1024,
            direct_head: Duration::from_secs(20),
            nginx_head: Duration::from_secs(75),
            stall: Duration::from_secs(30),
            grace: Duration::from_secs(1),
        }
    }
}

/// The server of one process.
#[derive(Clone)]
pub struct Server {
    router: Router,
    limits: Limits,
    stop: CancellationToken,
    /// Cancelled when nothing more is to be accepted.
    shut: CancellationToken,
    /// Connections that were accepted before the stop, and after it.
    before: TaskTracker,
    after: TaskTracker,
}

impl Server {
    /// Serves this router until `stop`.
    pub fn new(router: Router, limits: Limits, stop: CancellationToken) -> Self {
        let (before, after) = (TaskTracker::new(), TaskTracker::new());
        Self { router, limits, stop, shut: CancellationToken::new(), before, after }
    }

    /// How many connections are open now.
    pub fn connections(&self) -> usize {
        self.before.len() + self.after.len()
    }

    /// Begins to accept on this listener.
    pub fn open(&self, listener: Listener, life: &Life) {
        let server = self.clone();
        tracing::info!("listening on {}", listener.name());
        life.spawn("a listener", async move {
            server.accept(listener).await;
            Ok(())
        });
    }

    /// Waits for the stop, then until every request that came in was answered.
    pub async fn drain(&self) {
        self.stop.cancelled().await;
        self.before.close();
        self.before.wait().await;
        self.shut.cancel();
        self.after.close();
        self.after.wait().await;
    }

    async fn accept(self, listener: Listener) {
        let (via, most) = match listener {
            Listener::Tcp(_) => (Via::Direct, self.limits.direct_connections),
            Listener::Unix(_) => (Via::Nginx, self.limits.nginx_connections),
        };
        let places = Arc::new(Semaphore::new(most));
        let mut is_failing = false;
        loop {
            // Whoever finds no place waits in the socket, unseen, until there is one.
            let next = async {
                let place = places.clone().acquire_owned().await.expect("the semaphore is never closed");
                (place, accept_one(&listener).await)
            };
            let (place, accepted) = tokio::select! {
                () = self.shut.cancelled() => return,
                next = next => next,
            };
            match accepted {
                Ok((socket, peer)) => {
                    is_failing = false;
                    let tracker = if self.stop.is_cancelled() { &self.after } else { &self.before };
                    let stream = Stream::new(socket, self.limits.stall, place, tracker.token());
                    tokio::spawn(self.clone().converse(stream, via, peer));
                }
                // No descriptors left, or a client that went at once: nothing of this ends the listener.
                Err(error) => {
                    if !std::mem::replace(&mut is_failing, true) {
                        tracing::warn!(error = &error as &dyn std::error::Error, "cannot accept connections");
                    }
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    async fn converse(self, stream: Stream, via: Via, peer: Option<IpAddr>) {
        let head = match via {
            Via::Nginx => self.limits.nginx_head,
            Via::Direct => self.limits.direct_head,
        };
        let router = self.router;
        let service = service_fn(move |request: Request<Incoming>| {
            let router = router.clone();
            async move {
                let request = introduce(request.map(Body::new), via, peer);
                Ok::<_, Infallible>(router.oneshot(request).await.unwrap_or_else(|never| match never {}))
            }
        });
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(head)
            .max_headers(64)
            .max_buf_size(64 << 10)
            .half_close(false)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades();
        let mut connection = pin!(connection);
        let goodbye = async {
            self.stop.cancelled().await;
            tokio::time::sleep(self.limits.grace).await;
        };
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = goodbye => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        };
        if let Err(error) = ended {
            tracing::debug!(error = &error as &dyn std::error::Error, "a connection broke");
        }
    }
}

async fn accept_one(listener: &Listener) -> io::Result<(Box<dyn Socket>, Option<IpAddr>)> {
    match listener {
        Listener::Tcp(listener) => {
            let (socket, peer) = listener.accept().await?;
            // Answers are written whole; waiting for more of them would only delay.
            socket.set_nodelay(true)?;
            Ok((Box::new(socket), Some(peer.ip())))
        }
        Listener::Unix(listener) => Ok((Box::new(listener.accept().await?.0), None)),
    }
}

/// Says by which door the request came. What only nginx may claim is taken from everyone else.
fn introduce(mut request: Request<Body>, via: Via, peer: Option<IpAddr>) -> Request<Body> {
    request.extensions_mut().insert(via);
    if via == Via::Direct {
        let headers = request.headers_mut();
        remove_claims(headers);
        if let Some(address) = peer.and_then(|ip| HeaderValue::try_from(ip.to_string()).ok()) {
            headers.insert("x-real-ip", address);
        }
    }
    request
}

fn remove_claims(headers: &mut HeaderMap) {
    let is_claim =
        |name: &str| name.starts_with("x-forwarded-") || name == "forwarded" || name == "x-real-ip";
    let claims: Vec<_> = headers.keys().filter(|name| is_claim(name.as_str())).cloned().collect();
    for name in claims {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request<Body> {
        let request =
            Request::builder().header("x-real-ip", "203.0.113.9").header("x-forwarded-proto", "https");
        request.body(Body::empty()).unwrap()
    }

    #[test]
    fn who_comes_directly_cannot_claim_another_address() {
        let request = introduce(request(), Via::Direct, Some("127.0.0.1".parse().unwrap()));
        assert_eq!(request.headers()["x-real-ip"], "127.0.0.1");
        assert!(!request.headers().contains_key("x-forwarded-proto"));
    }

    #[test]
    fn nginx_is_believed() {
        let request = introduce(request(), Via::Nginx, None);
        assert_eq!(request.headers()["x-real-ip"], "203.0.113.9");
        assert_eq!(request.headers()["x-forwarded-proto"], "https");
        assert_eq!(request.extensions().get(), Some(&Via::Nginx));
    }
}
