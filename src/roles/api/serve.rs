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
use crate::auth::access::AS_USER;
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
    /// Those who accept.
    listening: TaskTracker,
    /// Connections that were accepted before the stop, and after it.
    before: TaskTracker,
    after: TaskTracker,
}

impl Server {
    /// Serves this router until `stop`.
    pub fn new(router: Router, limits: Limits, stop: CancellationToken) -> Self {
        let (listening, before, after) = (TaskTracker::new(), TaskTracker::new(), TaskTracker::new());
        Self { router, limits, stop, shut: CancellationToken::new(), listening, before, after }
    }

    /// How many connections are open now.
    pub fn connections(&self) -> usize {
        self.before.len() + self.after.len()
    }

    /// Begins to accept on this listener.
    pub fn open(&self, listener: Listener, life: &Life) {
        let server = self.clone();
        tracing::info!("listening on {}", listener.name());
        let listening = self.listening.token();
        life.spawn("a listener", async move {
            let _listening = listening;
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
        // A listener may just now be letting somebody in: only when none listens any more, all who came are counted.
        for tracker in [&self.listening, &self.before, &self.after] {
            tracker.close();
            tracker.wait().await;
        }
    }

    async fn accept(self, listener: Listener) {
        let most = match listener {
            Listener::Tcp(_) => self.limits.direct_connections,
            Listener::Unix(_) => self.limits.nginx_connections,
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
                Ok((socket, door)) => {
                    is_failing = false;
                    let tracker = if self.stop.is_cancelled() { &self.after } else { &self.before };
                    let stream = Stream::new(socket, self.limits.stall, place, tracker.token());
                    tokio::spawn(self.clone().converse(stream, door));
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

    async fn converse(self, stream: Stream, door: Door) {
        let head = match door {
            Door::Unix { .. } => self.limits.nginx_head,
            Door::Tcp(_) => self.limits.direct_head,
        };
        let router = self.router;
        let service = service_fn(move |request: Request<Incoming>| {
            let router = router.clone();
            async move {
                let request = introduce(request.map(Body::new), door);
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

/// Where a connection came in.
#[derive(Debug, Clone, Copy)]
enum Door {
    Tcp(IpAddr),
    /// Whether the process at the other end is root's (`SO_PEERCRED`, unix(7)): nginx's workers are not.
    Unix {
        is_root: bool,
    },
}

async fn accept_one(listener: &Listener) -> io::Result<(Box<dyn Socket>, Door)> {
    match listener {
        Listener::Tcp(listener) => {
            let (socket, peer) = listener.accept().await?;
            // Answers are written whole; waiting for more of them would only delay.
            socket.set_nodelay(true)?;
            Ok((Box::new(socket), Door::Tcp(peer.ip())))
        }
        Listener::Unix(listener) => {
            let (socket, _) = listener.accept().await?;
            let is_root = socket.peer_cred().is_ok_and(|peer| peer.uid() == 0);
            Ok((Box::new(socket), Door::Unix { is_root }))
        }
    }
}

/// Says by which door the request came. What only nginx may claim is taken from everyone else, and what only root may
/// say from everyone but root.
fn introduce(mut request: Request<Body>, door: Door) -> Request<Body> {
    let headers = request.headers_mut();
    let via = match door {
        Door::Tcp(_) => Via::Direct,
        Door::Unix { is_root: true } if !speaks_for_another(headers) => Via::Root,
        Door::Unix { .. } => Via::Nginx,
    };
    if via != Via::Root {
        headers.remove(AS_USER);
    }
    if let Door::Tcp(peer) = door {
        remove_claims(headers);
        if let Ok(address) = HeaderValue::try_from(peer.to_string()) {
            headers.insert("x-real-ip", address);
        }
    }
    request.extensions_mut().insert(via);
    request
}

/// A proxy says so by its claims, whoever runs it; a browser behind one that says nothing, by what only browsers send.
fn speaks_for_another(headers: &HeaderMap) -> bool {
    let is_browsers =
        |name: &str| name.starts_with("sec-fetch-") || ["cookie", "origin", "referer", "via"].contains(&name);
    headers.keys().any(|name| is_claim(name.as_str()) || is_browsers(name.as_str()))
}

fn is_claim(name: &str) -> bool {
    name.starts_with("x-forwarded-") || name == "forwarded" || name == "x-real-ip"
}

fn remove_claims(headers: &mut HeaderMap) {
    let claims: Vec<_> = headers.keys().filter(|name| is_claim(name.as_str())).cloned().collect();
    for name in claims {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(headers: &[(&str, &str)]) -> Request<Body> {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Body::empty()).unwrap()
    }

    const CLAIMS: [(&str, &str); 2] = [("x-real-ip", "203.0.113.9"), ("x-forwarded-proto", "https")];

    fn via(request: &Request<Body>) -> Via {
        *request.extensions().get().unwrap()
    }

    #[test]
    fn who_comes_directly_cannot_claim_another_address() {
        let request = introduce(request(&CLAIMS), Door::Tcp("127.0.0.1".parse().unwrap()));
        assert_eq!(request.headers()["x-real-ip"], "127.0.0.1");
        assert!(!request.headers().contains_key("x-forwarded-proto"));
        assert_eq!(via(&request), Via::Direct);
    }

    #[test]
    fn nginx_is_believed() {
        let request = introduce(request(&CLAIMS), Door::Unix { is_root: false });
        assert_eq!(request.headers()["x-real-ip"], "203.0.113.9");
        assert_eq!(request.headers()["x-forwarded-proto"], "https");
        assert_eq!(via(&request), Via::Nginx);
    }

    #[test]
    fn root_is_root_only_when_it_speaks_for_itself() {
        let root = Door::Unix { is_root: true };
        assert_eq!(via(&introduce(request(&[("host", "localhost")]), root)), Via::Root);
        // A proxy that somebody runs as root.
        assert_eq!(via(&introduce(request(&CLAIMS), root)), Via::Nginx);
        assert_eq!(via(&introduce(request(&[("forwarded", "for=192.0.2.1")]), root)), Via::Nginx);
        for browsers in ["cookie", "origin", "sec-fetch-site"] {
            assert_eq!(via(&introduce(request(&[(browsers, "x")]), root)), Via::Nginx, "{browsers}");
        }
    }

    #[test]
    fn only_root_may_name_whom_it_acts_for() {
        let named = || request(&[(AS_USER, "ada")]);
        let tcp = Door::Tcp("127.0.0.1".parse().unwrap());
        for door in [tcp, Door::Unix { is_root: false }] {
            assert!(!introduce(named(), door).headers().contains_key(AS_USER), "{door:?}");
        }
        assert!(introduce(named(), Door::Unix { is_root: true }).headers().contains_key(AS_USER));
    }
}
