//! How many requests each route has answered, how, and how fast.

use std::time::Duration;

use http::{Method, StatusCode};
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

use super::recent::Recent;

/// Upper bounds, in seconds: from an answer out of memory to one that waits for a job.
pub(super) const BUCKETS: [f64; 12] =
    [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0];
/// How many were answered, and how fast.
pub(super) const NAMES: [&str; 2] = ["http_requests", "http_request_seconds"];
/// What matched no route: as many addresses as there are, and one line for all.
const NO_ROUTE: &str = "none";

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Answered {
    method: &'static str,
    route: String,
    status: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Asked {
    method: &'static str,
    route: String,
}

type Latencies = Family<Asked, Histogram, fn() -> Histogram>;

/// The counters and histograms.
pub struct Requests {
    answered: Family<Answered, Counter>,
    seconds: Latencies,
    pub(super) recent: Recent,
}

impl Requests {
    pub(super) fn registered(registry: &mut Registry) -> Self {
        let answered = Family::default();
        let seconds = Latencies::new_with_constructor(|| Histogram::new(BUCKETS));
        registry.register(NAMES[0], "Requests answered, by route and class of status", answered.clone());
        registry.register(NAMES[1], "Time until the head of the answer, by route", seconds.clone());
        Self { answered, seconds, recent: Recent::default() }
    }

    /// Counts one. `route` is its template (`/api/albums/{id}`), if one matched.
    pub fn count(&self, method: &Method, route: Option<&str>, status: StatusCode, took: Duration) {
        self.recent.count(status.is_server_error(), took);
        let route = route.unwrap_or(NO_ROUTE);
        let method = word(method);
        let answered = Answered { method, route: route.into(), status: class(status) };
        self.answered.get_or_create(&answered).inc();
        let asked = Asked { method, route: route.into() };
        self.seconds.get_or_create(&asked).observe(took.as_secs_f64());
    }
}

/// Methods that a client invents are one.
fn word(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn class(status: StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_clients_invent_makes_no_new_lines() {
        let mut registry = Registry::default();
        let requests = Requests::registered(&mut registry);
        for n in 0..1000 {
            let method = Method::from_bytes(format!("M{n}").as_bytes()).unwrap();
            requests.count(&method, None, StatusCode::NOT_FOUND, Duration::from_millis(1));
        }
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).unwrap();
        let lines = text.lines().filter(|l| l.starts_with("http_requests_total{")).collect::<Vec<_>>();
        assert_eq!(lines, ["http_requests_total{method=\"other\",route=\"none\",status=\"4xx\"} 1000"]);
    }
}
