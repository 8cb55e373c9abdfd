//! The contract, as programs and people read it: the OpenAPI document, made from the routes themselves, and the pages
//! that show it.

use std::sync::LazyLock;

use axum::Json;
use axum::extract::Path;
use axum::response::{IntoResponse, Redirect, Response};
use http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::openapi::OpenApi as Document;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::app::App;
use crate::auth::access::COOKIE;
use crate::error::{Error, Problem};

/// What the document says before it names a route.
#[derive(OpenApi)]
#[openapi(
    info(
        title = "Barbossa",
        description = "A household's music library. Errors are `{\"detail\": …, \"code\": …}`: a sentence that helps, and a stable \
            word. Lists page by `cursor` and `next_cursor`, and by `page` and `limit`. What is marked `admin` is for admins.",
        license(name = "MIT")
    ),
    components(schemas(Problem)),
    security(("bearer" = []), ("cookie" = [])),
    modifiers(&Schemes),
    tags(
        (name = "library", description = "Artists, albums and tracks"),
        (name = "search", description = "As you type"),
        (name = "files", description = "Sound and pictures"),
        (name = "my library", description = "Hearts, and what they bring"),
        (name = "jobs", description = "What waits, runs and failed; cancel, and try again"),
        (name = "edits", description = "Names, tags and pictures, changed by people; and the way back"),
        (name = "downloads", description = "Music from elsewhere"),
        (name = "sources", description = "Where music comes from, and who else is told: how each of them is"),
        (name = "import", description = "The one way in"),
        (name = "review", description = "What waits for a person"),
        (name = "reports", description = "What is there twice, and what is not there"),
        (name = "trash", description = "What was replaced or deleted, and the way back"),
        (name = "integrity", description = "Files held against their checksums"),
        (name = "enrichment", description = "What catalogues add: lyrics, pictures"),
        (name = "lidarr", description = "Lidarr, which looks for albums"),
        (name = "tracker", description = "TorrentLeech, for recordings that the family may share"),
        (name = "notifications", description = "How I am told of what needs me"),
        (name = "players", description = "Plex, Jellyfin and Navidrome, told of what changed"),
        (name = "backups", description = "Copies proven to be readable"),
        (name = "exports", description = "A library on a drive"),
        (name = "activity", description = "Who did what"),
        (name = "users", description = "The household's people"),
        (name = "auth", description = "Logging in, sessions, tickets"),
        (name = "settings", description = "What an admin may change while it runs"),
        (name = "events", description = "What happens, as it happens"),
        (name = "health", description = "Alive, ready, and how the parts are"),
        (name = "about", description = "What this is"),
    )
)]
pub(super) struct Contract;

/// The ways to prove who asks.
struct Schemes;

impl Modify for Schemes {
    fn modify(&self, document: &mut Document) {
        let parts = document.components.get_or_insert_default();
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some("The `token` of `POST /api/auth/login`; opaque."));
        parts.add_security_scheme("bearer", SecurityScheme::Http(bearer.build()));
        let cookie = ApiKeyValue::with_description(
            COOKIE,
            "Set by `POST /api/auth/login`, for browsers; over TLS its name begins with `__Host-`.",
        );
        let basic = HttpBuilder::new()
            .scheme(HttpAuthScheme::Basic)
            .description(Some("The password of Lidarr's webhook, with any user's name."));
        parts.add_security_scheme("basic", SecurityScheme::Http(basic.build()));
        parts.add_security_scheme("cookie", SecurityScheme::ApiKey(ApiKey::Cookie(cookie)));
        let ticket = ApiKeyValue::with_description(
            "ticket",
            "Of `POST /api/auth/ticket`, for one purpose and a short time.",
        );
        parts.add_security_scheme("ticket", SecurityScheme::ApiKey(ApiKey::Query(ticket)));
    }
}

/// The whole document, as it is served.
pub fn document() -> Value {
    let document = super::routes().into_openapi();
    let mut document = serde_json::to_value(document).expect("it has only texts for keys");
    complete(&mut document);
    document
}

/// What every route of a kind may answer need not be written at each of them.
fn complete(document: &mut Value) {
    for (path, item) in document["paths"].as_object_mut().into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            if path.contains("{id}") {
                let row = json!({"name": "id", "in": "path", "required": true, "description": "Its row.",
                    "schema": {"type": "integer", "format": "int64", "minimum": 1}});
                with_parameter(operation, row);
            }
            let mut usual = usual(path, operation);
            if method == "get" && operation["responses"]["200"]["content"].get("application/json").is_some() {
                usual.push(("304", "As known by `If-None-Match`"));
            }
            let Some(answers) = operation["responses"].as_object_mut() else { continue };
            for (status, what) in usual {
                let answer = || if status == "304" { json!({"description": what}) } else { problem(what) };
                answers.entry(status).or_insert_with(answer);
            }
        }
    }
}

/// A handler's argument may have said it already, but not what it is.
fn with_parameter(operation: &mut Value, parameter: Value) {
    let Some(operation) = operation.as_object_mut() else { return };
    let all = operation.entry("parameters").or_insert_with(|| json!([]));
    let Some(all) = all.as_array_mut() else { return };
    all.retain(|one| one["name"] != parameter["name"] || one["in"] != parameter["in"]);
    all.insert(0, parameter);
}

fn usual(path: &str, operation: &Value) -> Vec<(&'static str, &'static str)> {
    let parameters = operation["parameters"].as_array().map_or(&[][..], Vec::as_slice);
    let is_open = operation["security"].as_array().is_some_and(|ways| ways.contains(&json!({})));
    let mut usual = Vec::new();
    if !is_open {
        usual.push(("401", "Nobody is logged in, or the token is not (any more) valid"));
    }
    if operation["x-role"] == "admin" {
        usual.push(("403", "Only admins may"));
    }
    if parameters.iter().any(|parameter| parameter["in"] == "path") {
        usual.push(("404", "There is no such thing"));
    }
    if !is_open || !parameters.is_empty() || operation.get("requestBody").is_some() {
        usual.push(("400", "It cannot be used, and why"));
    }
    if !parameters.is_empty() || operation.get("requestBody").is_some() {
        usual.push(("422", "A part of the request does not fit; `detail` names it"));
    }
    if path.starts_with("/api/") {
        usual.push(("429", "Too much of it; `Retry-After` says when to try again"));
        usual.push(("503", "A part is away for now; `Retry-After` says when to try again"));
    }
    usual
}

fn problem(what: &str) -> Value {
    let schema = json!({"$ref": "#/components/schemas/Problem"});
    json!({"description": what, "content": {"application/json": {"schema": schema}}})
}

// -- the pages

/// What the pages are made of. Ours, and nothing from elsewhere.
const PARTS: &[(&str, &str, &str)] = &[
    ("docs.css", "text/css; charset=utf-8", include_str!("docs/docs.css")),
    ("docs.js", "text/javascript; charset=utf-8", include_str!("docs/docs.js")),
];
const PAGE: &str = include_str!("docs/docs.html");
/// Nothing but what this server itself serves, no script or style within the page, no frame around it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; \
    form-action 'none'; frame-ancestors 'none'";

/// At the root.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(root))
        .routes(routes!(openapi))
        .routes(routes!(first_openapi))
        .routes(routes!(docs))
        .routes(routes!(part_of_docs))
        .routes(routes!(redoc))
}

/// What answers here.
#[derive(Serialize, ToSchema)]
struct About {
    name: &'static str,
    /// Of the program.
    version: &'static str,
    /// Where to read on.
    docs: &'static str,
}

/// What answers here.
#[utoipa::path(get, path = "/", tag = "about", security(()), responses((status = 200, body = About)))]
async fn root() -> Json<About> {
    Json(About { name: "Barbossa", version: env!("CARGO_PKG_VERSION"), docs: "/docs" })
}

/// This document.
#[utoipa::path(get, path = "/api/openapi.json", tag = "about", security(()), responses((status = 200, body = Value)))]
async fn openapi() -> Response {
    static TEXT: LazyLock<String> = LazyLock::new(|| document().to_string());
    ([(CONTENT_TYPE, "application/json"), (CACHE_CONTROL, "no-cache")], TEXT.as_str()).into_response()
}

/// This document, where the first version had it.
#[utoipa::path(get, path = "/openapi.json", tag = "about", security(()), responses((status = 200, body = Value)))]
async fn first_openapi() -> Response {
    openapi().await
}

/// A page that shows this document.
#[utoipa::path(get, path = "/docs", tag = "about", security(()), responses((status = 200, content_type = "text/html", body = String)))]
async fn docs() -> Response {
    page("text/html; charset=utf-8", PAGE)
}

/// Script and style of that page.
#[utoipa::path(get, path = "/docs/{part}", tag = "about", security(()), params(("part" = String, Path)),
    responses((status = 200, content_type = "text/*", body = String)))]
async fn part_of_docs(Path(part): Path<String>) -> Result<Response, Error> {
    let found = PARTS.iter().find(|(name, ..)| *name == part);
    found.map(|(_, kind, text)| page(kind, text)).ok_or(Error::NotFound("There is nothing at this address."))
}

/// Where the first version had another page of the kind.
#[utoipa::path(get, path = "/redoc", tag = "about", security(()), responses((status = 308, description = "It is at `/docs`")))]
async fn redoc() -> Redirect {
    Redirect::permanent("/docs")
}

fn page(kind: &'static str, text: &'static str) -> Response {
    let headers = [(CONTENT_TYPE, kind), (CONTENT_SECURITY_POLICY, POLICY), (CACHE_CONTROL, "no-cache")];
    (headers, text).into_response()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use axum::body::Body;
    use http::{Request, StatusCode};
    use tower::ServiceExt;

    use super::*;
    use crate::config::Settings;

    fn operations(document: &Value) -> Vec<(String, String, Value)> {
        let paths = document["paths"].as_object().unwrap().iter();
        let of_path = |(path, item): (&String, &Value)| -> Vec<_> {
            let item = item.as_object().unwrap();
            item.iter().map(|(method, one)| (path.clone(), method.to_uppercase(), one.clone())).collect()
        };
        paths.flat_map(of_path).collect()
    }

    /// `tidy` sees that no route comes by another way than `routes!`, which writes it into the document.
    #[tokio::test]
    async fn every_route_of_the_document_is_there() {
        let app = App::new("test", Settings::default(), 1).unwrap();
        let router = super::super::router(&app, &tokio_util::sync::CancellationToken::new());
        let operations = operations(&document());
        assert!(operations.len() > 80, "{}", operations.len());
        for (path, method, _) in operations {
            let address = path.replace("{id}", "x").replace("{part}", "docs.css");
            let request = Request::builder().method(method.as_str()).uri(&address);
            let answer = router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
            let status = answer.status();
            // A route may say itself that there is nothing, such as no OpenID provider; the router says it in these words.
            let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap_or_default();
            let is_nothing = String::from_utf8_lossy(&body).contains("nothing at this address");
            let is_there = !is_nothing && status != StatusCode::METHOD_NOT_ALLOWED;
            assert!(is_there, "{method} {address}: {status}");
        }
    }

    #[test]
    fn every_operation_has_a_name_of_its_own_a_sentence_and_a_known_tag() {
        let document = document();
        assert_eq!(document["openapi"], "3.1.0");
        let tags: Vec<&Value> = document["tags"].as_array().unwrap().iter().map(|tag| &tag["name"]).collect();
        let mut names = BTreeSet::new();
        for (path, method, operation) in operations(&document) {
            let name = operation["operationId"].as_str().unwrap().to_owned();
            assert!(names.insert(name.clone()), "two operations are called {name}");
            assert!(
                operation["summary"].as_str().is_some_and(|s| s.len() > 5),
                "{method} {path} says nothing"
            );
            let of_operation = operation["tags"].as_array().unwrap();
            assert!(of_operation.iter().all(|tag| tags.contains(&tag)), "{method} {path}: {of_operation:?}");
        }
    }

    #[test]
    fn no_parameter_is_forgotten_or_said_twice() {
        let document = document();
        let mut queries = 0;
        for (path, method, operation) in operations(&document) {
            let all = operation["parameters"].as_array().cloned().unwrap_or_default();
            let names: BTreeSet<String> = all.iter().map(|p| format!("{} {}", p["in"], p["name"])).collect();
            assert_eq!(names.len(), all.len(), "{method} {path}: {all:?}");
            let in_path = all.iter().filter(|p| p["in"] == "path").count();
            assert_eq!(in_path, path.matches('{').count(), "{method} {path}");
            queries += all.iter().filter(|p| p["in"] == "query").count();
        }
        assert!(queries > 60, "{queries}");
    }

    #[test]
    fn every_shape_that_is_named_is_there() {
        let document = document();
        let text = document.to_string();
        for (at, _) in text.match_indices("\"#/components/schemas/") {
            let name = text[at + 22..].split('"').next().unwrap();
            assert!(document["components"]["schemas"].get(name).is_some(), "{name}");
        }
    }

    #[test]
    fn the_pages_need_nothing_but_themselves() {
        assert!(!PAGE.contains("<style") && !PAGE.contains(" style=") && !PAGE.contains(" onload="));
        for (name, _, text) in PARTS {
            assert!(!text.contains("http://") && !text.contains("https://"), "{name}");
            assert!(!text.contains("innerHTML") && !text.contains("eval("), "{name}");
        }
    }
}
