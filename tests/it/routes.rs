//! Every route there is: nobody gets in without showing who it is, no member does what is an admin's, and nobody reaches
//! another's things. The list is read from the source, so that a new route is in it by itself.

use std::collections::BTreeSet;

use barbossa::app::App;
use barbossa::auth::{self, NewToken, NewUser, Scope};
use barbossa::roles::api::router;
use http::Method;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use crate::harness::{Answer, Client, Town};
use crate::tidy::source_files;

/// What is for everyone, and says nothing about anyone.
const OPEN: &[(&str, &str)] = &[
    ("GET", "/"),
    ("GET", "/health"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/live"),
    ("GET", "/ready"),
    ("POST", "/api/auth/login"),
    ("GET", "/api/auth/oidc"),
    ("GET", "/api/auth/oidc/callback"),
    ("GET", "/api/auth/oidc/start"),
];

/// What an admin alone may, beside all beneath `/api/admin/` and `/api/trash`.
const ADMINS: &[(&str, &str)] = &[
    ("DELETE", "/api/albums/{id}"),
    ("DELETE", "/api/artists/{id}"),
    ("DELETE", "/api/tracks/{id}"),
    ("GET", "/api/import/review"),
    ("GET", "/api/import/review/failed"),
    ("GET", "/api/import/review/{id}"),
    ("GET", "/api/jobs"),
    ("GET", "/api/jobs/queues"),
    ("POST", "/api/jobs/queues/{queue}/pause"),
    ("POST", "/api/jobs/queues/{queue}/resume"),
    ("POST", "/api/jobs/{id}/cancel"),
    ("POST", "/api/jobs/{id}/retry"),
    ("GET", "/api/settings"),
    ("PUT", "/api/settings"),
    ("GET", "/api/settings/browse"),
];

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Route {
    method: String,
    path: String,
}

impl Route {
    fn is_one_of(&self, listed: &[(&str, &str)]) -> bool {
        listed.contains(&(self.method.as_str(), self.path.as_str()))
    }

    fn is_admins(&self) -> bool {
        self.path.starts_with("/api/admin/") || self.path.starts_with("/api/trash") || self.is_one_of(ADMINS)
    }

    fn at(&self, id: i64) -> String {
        self.path
            .split('/')
            .map(|part| if part.starts_with('{') { id.to_string() } else { part.into() })
            .collect::<Vec<_>>()
            .join("/")
    }
}

/// What the document and the socket need is in their own tests, as are metrics, which have a door of their own.
fn is_walked(path: &str) -> bool {
    !["/ws", "/metrics", "/docs", "/redoc", "/openapi.json", "/api/openapi.json", "/api/docs"].contains(&path)
        && !path.starts_with("/docs/")
        && !path.starts_with("/api/docs/")
}

/// `.route("/path", get(…).post(…))` and `#[utoipa::path(get, path = "/path", …)]`, of all rooms.
fn routes() -> BTreeSet<Route> {
    let mut routes = BTreeSet::new();
    for file in source_files() {
        let text = file.text.split("#[cfg(test)]").next().unwrap().to_owned();
        let at_root =
            ["health.rs", "events/", "metrics/mod.rs", "roles/"].iter().any(|r| file.path.starts_with(r));
        let mut put = |method: &str, path: &str| {
            let path = if at_root { path.to_owned() } else { format!("/api{path}") };
            if is_walked(&path) {
                routes.insert(Route { method: method.to_uppercase(), path });
            }
        };
        for (at, _) in text.match_indices(".route(") {
            let call = parenthesised(&text[at + 6..]);
            let path = call.split('"').nth(1).unwrap_or_default();
            for method in ["get", "post", "put", "patch", "delete", "any"] {
                if call.contains(&format!(" {method}(")) || call.contains(&format!(".{method}(")) {
                    put(method, path);
                }
            }
        }
        for (at, _) in text.match_indices("utoipa::path(") {
            let call = parenthesised(&text[at + 12..]);
            let method = call.trim_start_matches('(').trim_start().split(',').next().unwrap_or_default();
            let path = call.split_once("path = \"").and_then(|(_, rest)| rest.split('"').next());
            put(method.trim(), path.unwrap_or_default());
        }
    }
    routes
}

fn parenthesised(text: &str) -> &str {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return &text[..=at];
        }
    }
    text
}

struct House {
    town: Town,
    app: App,
    client: Client,
}

impl House {
    async fn new() -> Self {
        let town = Town::new().await;
        let app = town.app();
        let client = Client::new(router(&app, &CancellationToken::new()));
        Self { town, app, client }
    }

    async fn person(&self, username: &str) -> i64 {
        let client = self.app.db.get().await.unwrap();
        let new = NewUser { username, password: &"correct horse battery".into(), is_admin: false };
        auth::create_user(&client, new).await.unwrap().id
    }

    /// Freshly logged in: what was asked before may have ended the login.
    async fn logged_in(&self, user_id: i64) -> Client {
        let token = auth::start_session(&self.app, user_id, None, None).await.unwrap();
        self.client.with_token(&token)
    }

    async fn ask(&self, client: &Client, route: &Route, id: i64) -> Answer {
        let method = Method::from_bytes(route.method.as_bytes()).unwrap();
        let body = (!["GET", "DELETE"].contains(&route.method.as_str())).then(|| json!({}));
        client.send(method, &route.at(id), body).await
    }
}

#[test]
fn the_list_of_routes_is_whole() {
    let routes = routes();
    assert!(routes.len() > 70, "{routes:#?}");
    for (method, path) in OPEN.iter().chain(ADMINS) {
        let route = Route { method: (*method).into(), path: (*path).into() };
        assert!(routes.contains(&route), "{route:?} is not there any more");
    }
}

#[tokio::test]
async fn nobody_gets_in_without_showing_who_it_is() {
    let house = House::new().await;
    for route in routes().iter().filter(|r| !r.is_one_of(OPEN)) {
        for client in [house.client.clone(), house.client.with_token("00"), house.client.with_token("bb_00")]
        {
            let answer = house.ask(&client, route, 1).await;
            assert_eq!(answer.status.as_u16(), 401, "{route:?}: {:?}", answer.body);
        }
    }
}

#[tokio::test]
async fn no_member_and_no_lesser_token_does_what_is_an_admins() {
    let house = House::new().await;
    let ada = house.person("ada").await;
    let bob = house.person("bob").await;
    house.town.execute(&format!("update app_user set is_admin = true where id = {bob}")).await;
    let client = house.app.db.get().await.unwrap();
    let new = NewToken { name: "x", scope: Scope::Write, days: None };
    let (_, lesser) = auth::issue_token(&client, bob, new).await.unwrap();
    let asking = [house.logged_in(ada).await, house.client.with_token(&lesser)];
    for route in routes().iter().filter(|r| r.is_admins()) {
        for client in &asking {
            let answer = house.ask(client, route, 1).await;
            assert_eq!(answer.status.as_u16(), 403, "{route:?}: {:?}", answer.body);
        }
    }
}

#[tokio::test]
async fn a_token_that_may_read_changes_nothing() {
    let house = House::new().await;
    let ada = house.person("ada").await;
    let new = NewToken { name: "x", scope: Scope::Read, days: None };
    let (_, token) = auth::issue_token(&house.app.db.get().await.unwrap(), ada, new).await.unwrap();
    let script = house.client.with_token(&token);
    for route in
        routes().iter().filter(|r| !["GET", "HEAD"].contains(&r.method.as_str()) && !r.is_one_of(OPEN))
    {
        let answer = house.ask(&script, route, 1).await;
        assert_eq!(answer.status.as_u16(), 403, "{route:?}: {:?}", answer.body);
    }
}

/// Whatever is Ada's own, with the same mark in it.
const MARK: &str = "adas-own";
const ADAS: &str = "select concat_ws(E'\n',
    (select count(*) from session where user_id = $USER), (select count(*) from api_token where user_id = $USER),
    (select string_agg(h::text, ',' order by id) from heart h where user_id = $USER),
    (select count(*) from activity where user_id = $USER), (select count(*) from event where user_id = $USER),
    (select string_agg(i::text, ',' order by id) from import i where requested_by = $USER),
    (select password_hash from app_user where id = $USER))";

#[tokio::test]
async fn nobody_reaches_anothers_things() {
    let house = House::new().await;
    let (ada, bob) = (house.person("ada").await, house.person("bob").await);
    let client = house.app.db.get().await.unwrap();
    auth::start_session(&house.app, ada, Some(MARK), None).await.unwrap();
    let new = NewToken { name: MARK, scope: Scope::Read, days: None };
    auth::issue_token(&client, ada, new).await.unwrap();
    let things = format!("insert into import (source_path, source, state, requested_by) values ('import/pending/{MARK}', 'import', 'done', {ada});
        insert into activity (user_id, action, details) values ({ada}, 'heart', '{{\"title\": \"{MARK}\"}}');
        insert into event (kind, user_id, payload) values ('notification', {ada}, '{{\"title\": \"{MARK}\"}}')");
    house.town.execute(&things).await;
    let adas = ADAS.replace("$USER", &ada.to_string());
    let before: String = house.town.value(&adas).await;
    // Rows of hers have these numbers.
    let ids = ["session", "api_token", "import", "activity", "event"].map(|table| {
        format!(
            "select max(id) from {table} where {} = {ada}",
            if table == "import" { "requested_by" } else { "user_id" }
        )
    });
    let mut hers = BTreeSet::from([ada]);
    for sql in ids {
        hers.insert(house.town.value(&sql).await);
    }
    for route in routes().iter().filter(|r| !r.is_admins()) {
        for id in &hers {
            let answer = house.ask(&house.logged_in(bob).await, route, *id).await;
            let body = String::from_utf8_lossy(&answer.body);
            assert!(!body.contains(MARK), "{route:?} with {id} told: {body}");
            // Nobody is there who could ask the internet.
            let is_away = answer.status == 503 && body.contains("barbossa-fetch");
            assert!(
                !answer.status.is_server_error() || is_away,
                "{route:?} with {id}: {} {body}",
                answer.status
            );
            if !route.path.contains('{') {
                break;
            }
        }
    }
    let after: String = house.town.value(&adas).await;
    assert_eq!(before, after);
}
