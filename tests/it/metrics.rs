//! What a monitor reads is so, and what the shipped dashboard and alerts ask for is told.

use std::collections::BTreeSet;
use std::path::Path;

use barbossa::app::App;
use barbossa::metrics::{self, Metrics};
use barbossa::roles::api::router;
use tokio_util::sync::CancellationToken;

use crate::collection::Collection;
use crate::harness::{Client, Town, postgres};

async fn text(app: &App) -> String {
    app.kept::<Metrics>().text(app).await.unwrap().replace("{}", "")
}

fn assert_told(text: &str, line: &str) {
    assert!(text.lines().any(|l| l == line), "`{line}` is not in\n{text}");
}

#[tokio::test]
async fn requests_are_counted_by_their_route_and_not_by_their_address() {
    let town = Town::new().await;
    let app = town.app();
    let client = Client::new(router(&app, &CancellationToken::new()));
    for id in 1..=3 {
        client.get(&format!("/api/albums/{id}?x={id}")).await.expect(401);
    }
    client.get("/live").await.expect(200);
    client.get("/wp-login.php").await.expect(404);
    let text = text(&app).await;
    let counted = r#"barbossa_http_requests_total{method="GET",route="/api/albums/{id}",status="4xx"} 3"#;
    assert_told(&text, counted);
    assert_told(&text, r#"barbossa_http_requests_total{method="GET",route="/live",status="2xx"} 1"#);
    assert_told(&text, r#"barbossa_http_requests_total{method="GET",route="none",status="4xx"} 1"#);
    assert_told(&text, r#"barbossa_http_request_seconds_count{method="GET",route="/api/albums/{id}"} 3"#);
    assert!(!text.contains("wp-login"), "{text}");
}

#[tokio::test]
async fn an_admin_reads_the_last_hour_and_a_member_does_not() {
    let collection = Collection::new().await;
    let (boss, ada) = (collection.admin("boss").await, collection.member("ada").await);
    let anyone = Client::new(router(&collection.app, &CancellationToken::new()));
    for _ in 0..20 {
        anyone.get("/live").await.expect(200);
    }
    let numbers = anyone.with_token(&boss.token).get("/api/admin/numbers").await.expect(200);
    // What else was asked by the harness is in it too.
    assert!(numbers["requests_per_minute"].as_f64().unwrap() >= 20.0, "{numbers}");
    assert!(numbers["p95_ms"].as_f64().unwrap() > 0.0, "{numbers}");
    assert_eq!((&numbers["errors_last_hour"], &numbers["live_connections"]), (&0.into(), &0.into()));
    assert_eq!(anyone.with_token(&ada.token).get("/api/admin/numbers").await.status, 403);
}

const HOUSE: &str = "insert into app_user (username, username_key, password_hash) values ('ada', 'ada', 'x');
    insert into session (user_id, token_sha256, expires_at) select id, sha256('a'), now() + interval '1 day' from app_user;
    insert into session (user_id, token_sha256, expires_at) select id, sha256('b'), now() - interval '1 day' from app_user;
    insert into api_token (user_id, name, token_sha256, scope) select id, 'x', sha256('c'), 'read' from app_user;
    insert into job (queue, kind, run_at) values ('imports', 'x', now() - interval '90 seconds'), ('imports', 'y', now() + interval '1 hour');
    insert into job (queue, kind, state, lease_token, lease_expires_at)
        values ('downloads', 'x', 'running', gen_random_uuid(), now() + interval '1 minute');
    insert into job (queue, kind, state, finished_at) values ('imports', 'x', 'discarded', now()),
        ('imports', 'x', 'completed', now()), ('imports', 'x', 'completed', now() - interval '2 days');
    insert into import (source_path, state, reason, finished_at) values ('a', 'review', 'why', null), ('b', 'done', null, now());
    insert into artist (name, sort_name, name_key, sort_key) values ('Ann', 'Ann', 'ann', 'ANN');
    insert into backup (destination, state, path, size_bytes, sha256, started_at, finished_at, restored_at)
        values ('x', 'verified', 'p', 77, sha256(''), '2026-01-01', '2026-01-02 00:00:00+00', '2026-01-03 00:00:00+00');
    insert into backup (destination, state, error, finished_at) values ('x', 'failed', 'full', now());
    insert into heartbeat (role, host, pid, status, version, started_at, seen_at)
        values ('watcher', 'h', 1, 'watching by sweep every 60 s (why), nothing pending', '1', now(), now());
    insert into alarm (name, reason) values ('vanished', 'why')";

#[tokio::test]
async fn what_other_processes_wrote_is_told() {
    let town = Town::new().await;
    let app = town.app();
    town.execute(HOUSE).await;
    let text = text(&app).await;
    for line in [
        "barbossa_database_up 1.0",
        "barbossa_users 1.0",
        "barbossa_sessions 1.0",
        "barbossa_api_tokens 1.0",
        "barbossa_artists 1.0",
        r#"barbossa_jobs{queue="imports",state="ready"} 1.0"#,
        r#"barbossa_jobs{queue="imports",state="scheduled"} 1.0"#,
        r#"barbossa_jobs{queue="downloads",state="running"} 1.0"#,
        r#"barbossa_jobs_ended{kind="x",outcome="discarded"} 1.0"#,
        r#"barbossa_jobs_ended{kind="x",outcome="completed"} 1.0"#,
        r#"barbossa_imports{state="review"} 1.0"#,
        r#"barbossa_imports_ended{state="done"} 1.0"#,
        "barbossa_backup_timestamp_seconds 1767312000.0",
        "barbossa_backup_restored_timestamp_seconds 1767398400.0",
        "barbossa_backup_size_bytes 77.0",
        "barbossa_backup_failed 1.0",
        r#"barbossa_watcher_mode{mode="sweep"} 1.0"#,
        r#"barbossa_part_up{part="beat"} 0.0"#,
        "barbossa_alarms 1.0",
        "barbossa_websocket_connections 0.0",
    ] {
        assert_told(&text, line);
    }
    let waited =
        text.lines().find_map(|l| l.strip_prefix(r#"barbossa_queue_oldest_seconds{queue="imports"} "#));
    assert!((90.0..120.0).contains(&waited.unwrap().parse::<f64>().unwrap()), "{waited:?}");
    // What is over is not told for ever.
    town.execute("delete from alarm; delete from job").await;
    let text = self::text(&app).await;
    assert_told(&text, "barbossa_alarms 0.0");
    assert!(!text.contains("barbossa_jobs{"), "{text}");
}

#[tokio::test]
async fn the_last_audit_of_the_links_is_told() {
    let town = Town::new().await;
    let app = town.app();
    let audited = "with done as (insert into job (queue, kind, state, finished_at, result) values
            ('imports', 'hearts.reconcile_links', 'completed', now(), '{\"kept\": 5, \"linked\": 1, \"relinked\": 2, \"removed\": 3, \"missing\": 4}')
            returning id)
        insert into job (queue, kind, state, finished_at, result)
        select 'maintenance', 'hearts.audit_links', 'completed', '2026-01-02 00:00:00+00', jsonb_build_object('jobs', jsonb_agg(id)) from done";
    town.execute(audited).await;
    let text = text(&app).await;
    assert_told(&text, r#"barbossa_link_audit_links{found="right"} 5.0"#);
    assert_told(&text, r#"barbossa_link_audit_links{found="repaired"} 6.0"#);
    assert_told(&text, r#"barbossa_link_audit_links{found="missing"} 4.0"#);
    assert_told(&text, "barbossa_link_audit_timestamp_seconds 1767312000.0");
}

#[tokio::test]
async fn without_a_database_it_says_so_and_tells_nothing_old() {
    let mut town = Town::new().await;
    town.execute("insert into alarm (name, reason) values ('vanished', 'why')").await;
    town.settings_mut().database_url = postgres().url("no_such_database");
    let text = text(&town.app_as("api")).await;
    assert_told(&text, "barbossa_database_up 0.0");
    assert_told(&text, r#"barbossa_part_up{part="database"} 0.0"#);
    assert!(!text.contains("barbossa_alarms "), "{text}");
}

#[tokio::test]
async fn metrics_are_not_among_the_public_routes() {
    let town = Town::new().await;
    let app = town.app();
    let public = Client::new(router(&app, &CancellationToken::new()));
    for path in ["/metrics", "/api/metrics"] {
        public.get(path).await.expect(404);
    }
    let own = Client::new(metrics::routes().with_state(app));
    let answer = own.get("/metrics").await;
    assert!(answer.header("content-type").unwrap().starts_with("application/openmetrics-text"));
    assert!(answer.body.ends_with(b"# EOF\n"));
}

/// `barbossa_…` in a text, without the endings that a counter and a histogram get.
fn named(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    let names = words.filter(|w| w.starts_with("barbossa_"));
    let bare = |name: &str| {
        let endings = ["_total", "_bucket", "_count", "_sum"];
        endings.iter().find_map(|e| name.strip_suffix(e)).unwrap_or(name).to_owned()
    };
    names.map(bare).collect()
}

fn shipped(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("packaging/monitoring").join(file);
    std::fs::read_to_string(path).unwrap()
}

#[test]
fn what_the_dashboard_and_the_alerts_ask_for_is_told() {
    let told: BTreeSet<String> = metrics::names().collect();
    let dashboard = shipped("grafana-dashboard.json");
    serde_json::from_str::<serde_json::Value>(&dashboard).unwrap();
    let asked = &named(&dashboard) | &named(&shipped("prometheus-rules.yml"));
    assert!(asked.len() > 20, "{asked:?}");
    assert_eq!(asked.difference(&told).collect::<Vec<_>>(), Vec::<&String>::new());
    // And whoever looks sees all that there is to see.
    assert_eq!(told.difference(&asked).collect::<Vec<_>>(), Vec::<&String>::new());
}
