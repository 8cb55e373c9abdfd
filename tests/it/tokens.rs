//! Tokens for programs, and a proxy that says who asks: each opens what it is for, and nothing else.

use axum::Router;
use barbossa::app::{App, Via};
use barbossa::auth::{self, NewUser};
use barbossa::roles::api::router;
use http::StatusCode;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::cli::{barbossa, run};
use crate::harness::{Client, Town, eventually};

const PASSWORD: &str = "correct horse battery";

struct House {
    town: Town,
    app: App,
}

impl House {
    async fn new() -> Self {
        Self::of(Town::new().await)
    }

    fn of(town: Town) -> Self {
        let app = town.app();
        Self { town, app }
    }

    /// A person, and a client of theirs that is logged in.
    async fn person(&self, username: &str, is_admin: bool) -> (i64, Client) {
        let client = self.app.db.get().await.unwrap();
        let new = NewUser { username, password: &PASSWORD.into(), is_admin };
        let id = auth::create_user(&client, new).await.unwrap().id;
        let token = auth::start_session(&self.app, id, None, None).await.unwrap();
        (id, self.client().with_token(&token))
    }

    fn router(&self) -> Router {
        router(&self.app, &CancellationToken::new())
    }

    fn client(&self) -> Client {
        Client::new(self.router())
    }

    /// What comes by this door.
    fn through(&self, via: Via) -> Client {
        Client::new(self.router().layer(axum::Extension(via)))
    }

    async fn token(&self, owner: &Client, scope: &str) -> (i64, Client) {
        let asked = json!({"name": format!("a {scope} script"), "scope": scope});
        let made = owner.post("/api/auth/tokens", asked).await.expect(201);
        (made["id"].as_i64().unwrap(), self.client().with_token(made["token"].as_str().unwrap()))
    }
}

#[tokio::test]
async fn a_token_is_shown_once_and_kept_as_a_hash() {
    let house = House::new().await;
    let (_, ada) = house.person("ada", false).await;
    let made = ada.post("/api/auth/tokens", json!({"name": " backup script "})).await.expect(201);
    let token = made["token"].as_str().unwrap();
    assert_eq!((&made["name"], &made["scope"]), (&"backup script".into(), &"read".into()));
    let listed = ada.get("/api/auth/tokens").await.expect(200);
    assert_eq!((listed[0]["id"].as_i64(), &listed[0]["last_used_at"]), (made["id"].as_i64(), &Value::Null));
    assert!(!listed.to_string().contains(token), "{listed}");
    let rows: String = house.town.value("select string_agg(api_token::text, '') from api_token").await;
    assert!(!rows.contains(token.trim_start_matches("bb_")), "{rows}");
    house.client().with_token(token).get("/api/albums").await.expect(200);
    assert!(ada.get("/api/auth/tokens").await.expect(200)[0]["last_used_at"].is_string());
}

#[tokio::test]
async fn a_token_may_what_its_scope_says() {
    let house = House::new().await;
    let (_, root) = house.person("root", true).await;
    for (scope, hearts, administers) in [("read", 403, 403), ("write", 404, 403), ("admin", 404, 200)] {
        let (_, script) = house.token(&root, scope).await;
        assert_eq!(script.get("/api/auth/me").await.expect(200)["username"], "root", "{scope}");
        assert_eq!(script.get("/api/me/library").await.status, StatusCode::OK, "{scope}");
        let heart = script.post("/api/me/library/albums/1", json!({})).await;
        assert_eq!(heart.status.as_u16(), hearts, "{scope}");
        assert_eq!(script.get("/api/admin/users").await.status.as_u16(), administers, "{scope}");
    }
    let (_, ada) = house.person("ada", false).await;
    let refused = ada.post("/api/auth/tokens", json!({"name": "x", "scope": "admin"})).await.expect(400);
    assert!(refused["detail"].as_str().unwrap().contains("Only an admin"), "{refused}");
}

#[tokio::test]
async fn a_token_cannot_change_how_its_owner_gets_in() {
    let house = House::new().await;
    let (_, root) = house.person("root", true).await;
    let (id, script) = house.token(&root, "admin").await;
    script.post("/api/auth/tokens", json!({"name": "another"})).await.expect(403);
    script.get("/api/auth/tokens").await.expect(403);
    script.delete(&format!("/api/auth/tokens/{id}")).await.expect(403);
    script.get("/api/auth/sessions").await.expect(403);
    script.delete("/api/auth/sessions").await.expect(403);
    let change = json!({"current_password": PASSWORD, "new_password": "another long password"});
    script.put("/api/auth/password", change).await.expect(403);
    script.post("/api/auth/ticket", json!({"purpose": "ws"})).await.expect(400);
    root.get("/api/auth/me").await.expect(200);
}

#[tokio::test]
async fn an_admin_who_is_one_no_more_has_no_admins_token_either() {
    let house = House::new().await;
    let (_, root) = house.person("root", true).await;
    let (bob_id, bob) = house.person("bob", true).await;
    let (_, script) = house.token(&bob, "admin").await;
    script.get("/api/admin/users").await.expect(200);
    root.put(&format!("/api/admin/users/{bob_id}"), json!({"is_admin": false})).await.expect(200);
    eventually("it is a member's", || async {
        script.get("/api/admin/users").await.status == StatusCode::FORBIDDEN
    })
    .await;
    script.get("/api/albums").await.expect(200);
}

#[tokio::test]
async fn a_revoked_token_ends_in_every_process_and_an_expired_one_by_itself() {
    let house = House::new().await;
    let (_, ada) = house.person("ada", false).await;
    let made = ada.post("/api/auth/tokens", json!({"name": "long"})).await.expect(201);
    let (id, token) = (&made["id"], made["token"].as_str().unwrap());
    let script = house.client().with_token(token);
    let made = ada.post("/api/auth/tokens", json!({"name": "short", "expires_in_days": 1})).await.expect(201);
    let short = house.client().with_token(made["token"].as_str().unwrap());
    short.get("/api/albums").await.expect(200);
    let other = house.town.app();
    eventually("the other process hears", || async { other.notices.is_connected() }).await;
    let elsewhere = Client::new(router(&other, &CancellationToken::new())).with_token(token);
    elsewhere.get("/api/albums").await.expect(200);
    script.get("/api/albums").await.expect(200);
    let (_, bob) = house.person("bob", false).await;
    assert_eq!(bob.delete(&format!("/api/auth/tokens/{id}")).await.expect(404)["detail"], "Token not found");
    ada.delete(&format!("/api/auth/tokens/{id}")).await.expect(200);
    script.get("/api/albums").await.expect(401);
    eventually("it has ended over there", || async {
        elsewhere.get("/api/albums").await.status == StatusCode::UNAUTHORIZED
    })
    .await;
    house.town.execute("update api_token set expires_at = now() - interval '1 second'; select pg_notify('barbossa_session', '')").await;
    eventually("it has ended", || async {
        short.get("/api/albums").await.status == StatusCode::UNAUTHORIZED
    })
    .await;
    for days in [0, 4000] {
        let refused = ada.post("/api/auth/tokens", json!({"name": "x", "expires_in_days": days})).await;
        assert_eq!(refused.expect(422)["detail"][0]["loc"][1], "expires_in_days");
    }
    let nameless = ada.post("/api/auth/tokens", json!({"name": " "})).await.expect(422);
    assert_eq!(nameless["detail"][0]["loc"][1], "name");
}

#[tokio::test]
async fn the_command_line_makes_lists_and_ends_tokens() {
    let house = House::new().await;
    house.person("ada", false).await;
    let made =
        run(barbossa(&house.town).args(["token", "create", "a script", "--user", "ADA", "--days", "9"]));
    assert_eq!(made.0, 0, "{}", made.2);
    let script = house.client().with_token(made.1.trim());
    assert_eq!(script.get("/api/auth/me").await.expect(200)["username"], "ada");
    let (_, listed, _) = run(barbossa(&house.town).args(["token", "list", "--user", "ada", "--json"]));
    let listed: Value = serde_json::from_str(&listed).unwrap();
    assert_eq!((&listed[0]["name"], &listed[0]["scope"]), (&"a script".into(), &"read".into()));
    let id = listed[0]["id"].to_string();
    let (code, _, err) =
        run(barbossa(&house.town).args(["token", "create", "x", "--user", "ada", "--scope", "admin"]));
    assert!(code == 2 && err.contains("Only an admin"), "{code} {err}");
    let (code, _, err) =
        run(barbossa(&house.town).args(["token", "create", "x", "--user", "ada", "--scope", "all"]));
    assert!(code == 2 && err.contains("read, write, admin"), "{code} {err}");
    assert_eq!(run(barbossa(&house.town).args(["token", "revoke", &id, "--user", "ada"])).0, 0);
    assert_eq!(run(barbossa(&house.town).args(["token", "revoke", &id, "--user", "ada"])).0, 5);
    eventually("it has ended", || async {
        script.get("/api/auth/me").await.status == StatusCode::UNAUTHORIZED
    })
    .await;
    let lines: String = house
        .town
        .value("select string_agg(action || ' ' || (details ->> 'name'), ', ' order by id) from activity")
        .await;
    assert_eq!(lines, "token_create a script, token_revoke a script");
}

fn behind_a_proxy(town: &mut Town, create_users: bool) {
    let forward_auth = &mut town.settings_mut().forward_auth;
    forward_auth.header = "Remote-User".into();
    forward_auth.trusted = vec!["10.1.0.0/16".into()];
    forward_auth.create_users = create_users;
}

#[tokio::test]
async fn a_trusted_proxy_says_who_asks_and_nobody_else_can() {
    let mut town = Town::new().await;
    behind_a_proxy(&mut town, false);
    let house = House::of(town);
    let (_, bob) = house.person("bob", false).await;
    house.person("ada", true).await;
    let said = |from: &str, who: &str| {
        house.through(Via::Nginx).with_header("x-real-ip", from).with_header("remote-user", who)
    };
    assert_eq!(said("10.1.9.9", "Ada").get("/api/auth/me").await.expect(200)["username"], "ada");
    said("10.1.9.9", "ada").get("/api/admin/users").await.expect(200);
    said("192.0.2.1", "ada").get("/api/auth/me").await.expect(401);
    let refused = said("10.1.9.9", "eve").get("/api/auth/me").await.expect(403);
    assert!(refused["detail"].as_str().unwrap().contains("ask the admin"), "{refused}");
    // Its word goes before a cookie, and a token, which a program sends on purpose, before its word.
    let cookie = format!("barbossa_session={}", "0".repeat(64));
    assert_eq!(
        said("10.1.9.9", "ada").with_header("cookie", &cookie).get("/api/auth/me").await.expect(200)["username"],
        "ada"
    );
    bob.get("/api/auth/me").await.expect(200);
    // A page of another origin acts in nobody's name.
    let foreign = said("10.1.9.9", "ada").with_header("sec-fetch-site", "cross-site");
    foreign.post("/api/auth/logout", json!({})).await.expect(403);
    assert_eq!(house.town.value::<i64>("select count(*) from app_user").await, 2);
}

#[tokio::test]
async fn without_the_setting_no_header_says_who_asks() {
    let house = House::new().await;
    house.person("ada", true).await;
    let said =
        house.through(Via::Nginx).with_header("x-real-ip", "10.1.9.9").with_header("remote-user", "ada");
    said.get("/api/auth/me").await.expect(401);
}

#[tokio::test]
async fn a_proxy_brings_new_people_where_the_settings_allow() {
    let mut town = Town::new().await;
    behind_a_proxy(&mut town, true);
    let house = House::of(town);
    let eve =
        house.through(Via::Direct).with_header("x-real-ip", "10.1.0.1").with_header("remote-user", "eve");
    let (one, other) = tokio::join!(eve.get("/api/auth/me"), eve.get("/api/auth/me"));
    assert_eq!(one.expect(200)["id"], other.expect(200)["id"]);
    assert_eq!(one.json()["is_admin"], false);
    eve.get("/api/me/library").await.expect(200);
    let nobody = eve.with_header("remote-user", "../etc");
    nobody.get("/api/auth/me").await.expect(400);
}

#[tokio::test]
async fn everyone_sees_what_they_did_themselves_and_nothing_of_others() {
    let house = House::new().await;
    let (ada_id, ada) = house.person("ada", false).await;
    let (bob_id, _) = house.person("bob", false).await;
    house
        .town
        .execute(&format!(
            "insert into activity (user_id, action, entity_type, entity_id) values ({ada_id}, 'heart', 'album', 1),
            ({bob_id}, 'heart', 'album', 2), (null, 'rescan', null, null), ({ada_id}, 'unheart', 'album', 3)"
        ))
        .await;
    let all = ada.get("/api/me/activity").await.expect(200);
    let entities = |body: &Value| {
        body["items"].as_array().unwrap().iter().map(|l| l["entity_id"].as_i64().unwrap()).collect::<Vec<_>>()
    };
    assert_eq!(entities(&all), [3, 1]);
    assert_eq!(all["items"][0]["username"], "ada");
    assert_eq!(entities(&ada.get("/api/me/activity?limit=1&offset=1").await.expect(200)), [1]);
    assert_eq!(entities(&ada.get("/api/me/activity?action=heart").await.expect(200)), [1]);
    ada.get("/api/me/activity?limit=0").await.expect(422);
}
