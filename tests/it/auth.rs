//! Nobody gets in but by a password, stays in after being shown the door, or is shut out by somebody else.

use std::time::{Duration, Instant};

use axum::{Extension, Router};
use barbossa::app::{App, Via};
use barbossa::auth::{self, NewUser, Purpose};
use barbossa::config::Settings;
use barbossa::{activity, members};
use http::StatusCode;
use serde_json::{Value, json};

use crate::harness::{Answer, Client, Redis, Town, eventually};

const PASSWORD: &str = "correct horse battery";

struct House {
    town: Town,
    app: App,
}

impl House {
    /// With one admin, `root`.
    async fn new() -> Self {
        let town = Town::new().await;
        let app = town.app();
        let house = Self { town, app };
        house.person("root", true).await;
        house
    }

    async fn person(&self, username: &str, is_admin: bool) -> i64 {
        let client = self.app.db.get().await.unwrap();
        let new = NewUser { username, password: &PASSWORD.into(), is_admin };
        auth::create_user(&client, new).await.unwrap().id
    }

    /// Through nginx, from an address of the documentation's range.
    fn client(&self) -> Client {
        client_of(&self.app)
    }

    async fn logged_in(&self, username: &str) -> Client {
        let token = login(&self.client(), username, PASSWORD).await.expect(200)["token"].clone();
        self.client().with_token(token.as_str().unwrap())
    }
}

fn client_of(app: &App) -> Client {
    let api = auth::http::routes().merge(members::routes()).merge(activity::routes());
    let router = Router::new().nest("/api", api.into()).layer(Extension(Via::Nginx)).with_state(app.clone());
    Client::new(router).with_header("x-real-ip", "192.0.2.1").with_header("x-forwarded-proto", "https")
}

async fn login(client: &Client, username: &str, password: &str) -> Answer {
    client.post("/api/auth/login", json!({"username": username, "password": password})).await
}

fn detail(answer: &Answer, status: u16) -> String {
    answer.expect(status)["detail"].as_str().unwrap_or_default().to_owned()
}

#[tokio::test]
async fn a_login_answers_who_it_is_and_a_token() {
    let house = House::new().await;
    let answer = login(&house.client(), "ROOT", PASSWORD).await;
    let body = answer.expect(200);
    assert_eq!(body["user"]["username"], "root");
    assert_eq!(body["user"]["is_admin"], true);
    assert!(body["user"]["created_at"].as_str().unwrap().ends_with('Z'));
    let token = body["token"].as_str().unwrap();
    let cookie = answer.header("set-cookie").unwrap();
    for part in [&format!("barbossa_session={token}"), "HttpOnly", "SameSite=Lax", "Path=/", "Secure"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let by_header = house.client().with_token(token).get("/api/auth/me").await.expect(200);
    let by_cookie = house.client().with_header("cookie", cookie.split(';').next().unwrap());
    assert_eq!(by_header, by_cookie.get("/api/auth/me").await.expect(200));
    assert_eq!(by_header, body["user"]);
}

#[tokio::test]
async fn the_token_and_the_password_are_nowhere_in_the_database() {
    let house = House::new().await;
    let token = login(&house.client(), "root", PASSWORD).await.expect(200)["token"].clone();
    let rows: String = house
        .town
        .value("select (select string_agg(session::text, '') from session) || (select string_agg(app_user::text, '') from app_user)")
        .await;
    assert!(!rows.contains(token.as_str().unwrap()) && !rows.contains(PASSWORD), "{rows}");
    assert!(rows.contains("192.0.2.1"), "{rows}");
}

#[tokio::test]
async fn a_wrong_password_and_a_name_that_nobody_has_look_alike() {
    let house = House::new().await;
    let wrong = login(&house.client(), "root", "wrong horse battery").await;
    let unknown = login(&house.client(), "nobody", "wrong horse battery").await;
    assert_eq!(wrong.body, unknown.body);
    assert_eq!(detail(&wrong, 401), "Invalid username or password");
    assert_eq!(wrong.header("www-authenticate"), Some("Bearer"));
}

#[tokio::test]
async fn without_a_session_nothing_opens() {
    let house = House::new().await;
    for path in ["/api/auth/me", "/api/auth/sessions", "/api/admin/users", "/api/admin/activity"] {
        assert_eq!(detail(&house.client().get(path).await, 401), "Missing authentication");
        let forged = house.client().with_token("00").get(path).await;
        assert_eq!(detail(&forged, 401), "Invalid or expired token");
    }
    let body = house.client().post("/api/auth/login", json!({"username": "root"})).await.expect(422);
    let detail = &body["detail"][0];
    assert_eq!((&detail["loc"], &detail["type"]), (&json!(["body", "password"]), &json!("missing")));
}

#[tokio::test]
async fn logging_out_ends_the_session_in_every_process_at_once() {
    let house = House::new().await;
    let root = house.logged_in("root").await;
    let token = login(&house.client(), "root", PASSWORD).await.expect(200)["token"].clone();
    let token = token.as_str().unwrap();
    let other_process = house.town.app();
    eventually("the other process hears", || async { other_process.notices.is_connected() }).await;
    let there = client_of(&other_process).with_token(token);
    there.get("/api/auth/me").await.expect(200);
    let here = house.client().with_token(token);
    let answer = here.post("/api/auth/logout", json!({})).await;
    assert_eq!(answer.expect(200)["message"], "Logged out successfully");
    assert!(answer.header("set-cookie").unwrap().contains("Max-Age=0"));
    here.get("/api/auth/me").await.expect(401);
    let ended = Instant::now();
    eventually("it is over there, too", || async {
        there.get("/api/auth/me").await.status == StatusCode::UNAUTHORIZED
    })
    .await;
    assert!(ended.elapsed() < Duration::from_secs(2), "{:?}", ended.elapsed());
    root.get("/api/auth/me").await.expect(200);
}

#[tokio::test]
async fn an_expired_session_is_none_and_use_makes_one_last_longer() {
    let house = House::new().await;
    let root = house.logged_in("root").await;
    house.town.execute("update session set last_seen_at = now() - interval '1 day', expires_at = now() + interval '1 day'").await;
    root.get("/api/auth/me").await.expect(200);
    assert!(house.town.value::<bool>("select expires_at > now() + interval '29 days' and last_seen_at > now() - interval '1 minute' from session").await);
    house.town.execute("update session set expires_at = now() - interval '1 second'").await;
    eventually("it is over", || async { root.get("/api/auth/me").await.status == StatusCode::UNAUTHORIZED })
        .await;
    let client = house.app.db.get().await.unwrap();
    assert_eq!(auth::forget_expired_sessions(&client).await.unwrap(), 1);
}

#[tokio::test]
async fn a_session_is_remembered_only_while_its_end_would_be_heard() {
    let house = House::new().await;
    let root = house.logged_in("root").await;
    let deaf = house.town.app_as("deaf");
    let token = login(&house.client(), "root", PASSWORD).await.expect(200)["token"].clone();
    let there = client_of(&deaf).with_token(token.as_str().unwrap());
    there.get("/api/auth/me").await.expect(200);
    root.delete("/api/auth/sessions").await.expect(200);
    there.get("/api/auth/me").await.expect(401);
}

#[tokio::test]
async fn people_see_their_own_sessions_and_end_them() {
    let house = House::new().await;
    house.person("ada", false).await;
    let ada = house.logged_in("ada").await;
    let phone = house.logged_in("ada").await;
    let root = house.logged_in("root").await;
    let sessions = ada.get("/api/auth/sessions").await.expect(200);
    assert_eq!(sessions.as_array().unwrap().len(), 2);
    let of_phone = sessions.as_array().unwrap().iter().find(|s| s["is_current"] == false).unwrap();
    let path = format!("/api/auth/sessions/{}", of_phone["id"]);
    root.delete(&path).await.expect(404);
    ada.delete(&path).await.expect(200);
    eventually("the phone is out", || async {
        phone.get("/api/auth/me").await.status == StatusCode::UNAUTHORIZED
    })
    .await;
    ada.get("/api/auth/me").await.expect(200);
}

#[tokio::test]
async fn another_password_ends_the_other_sessions() {
    let house = House::new().await;
    let here = house.logged_in("root").await;
    let there = house.logged_in("root").await;
    let change = |old: &str, new: &str| json!({"current_password": old, "new_password": new});
    let wrong = here.put("/api/auth/password", change("not it at all", "another password")).await;
    assert_eq!(detail(&wrong, 400), "The current password is not right.");
    here.put("/api/auth/password", change(PASSWORD, "short")).await.expect(400);
    let done = here.put("/api/auth/password", change(PASSWORD, "another password")).await.expect(200);
    assert_eq!(done["sessions_ended"], 1);
    here.get("/api/auth/me").await.expect(200);
    eventually("the other is out", || async {
        there.get("/api/auth/me").await.status == StatusCode::UNAUTHORIZED
    })
    .await;
    login(&house.client(), "root", "another password").await.expect(200);
}

/// Twenty wrong passwords: slow for whoever tries, nothing for the right person at another address.
async fn twenty_wrong_tries(client: &Client) {
    for n in 0..20 {
        let answer = login(client, "root", "a wrong password").await;
        if n < 5 {
            answer.expect(401);
        } else {
            let text = detail(&answer, 429);
            assert!(text.starts_with("Too many attempts to log in. Try again in "), "{text}");
            let wait: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=30).contains(&wait), "{wait}");
        }
    }
    login(&client.with_header("x-real-ip", "198.51.100.7"), "root", PASSWORD).await.expect(200);
    // Another account from the same address still has some tries.
    login(client, "nobody", "a wrong password").await.expect(401);
}

#[tokio::test]
async fn twenty_wrong_passwords_shut_nobody_else_out() {
    let house = House::new().await;
    twenty_wrong_tries(&house.client()).await;
}

#[tokio::test]
async fn passwords_are_throttled_without_redis_too() {
    let mut house = House::new().await;
    house.town.settings_mut().redis_url = "redis+unix:///nonexistent/redis.sock".into();
    let app = house.town.app();
    twenty_wrong_tries(&client_of(&app)).await;
}

#[tokio::test]
async fn garbage_in_redis_lets_nobody_through_and_locks_nobody_out() {
    let redis = Redis::start();
    let mut house = House::new().await;
    house.town.settings_mut().redis_url = redis.url();
    let app = house.town.app();
    login(&client_of(&app), "root", "a wrong password").await.expect(401);
    app.cache
        .ask(|mut c| async move {
            let keys: Vec<String> = redis::cmd("KEYS").arg("barbossa:*").query_async(&mut c).await?;
            assert_eq!(keys.len(), 2, "{keys:?}");
            assert!(keys.iter().all(|k| !k.contains("root")), "{keys:?}");
            for key in keys {
                redis::cmd("DEL").arg(&key).query_async::<()>(&mut c).await?;
                redis::cmd("HSET").arg(key).arg("not").arg("a number").query_async::<()>(&mut c).await?;
            }
            Ok(())
        })
        .await
        .unwrap();
    twenty_wrong_tries(&client_of(&app)).await;
    redis.crash();
}

#[tokio::test]
async fn the_right_password_forgets_the_wrong_ones() {
    let house = House::new().await;
    for _ in 0..4 {
        for _ in 0..4 {
            login(&house.client(), "root", "a wrong password").await.expect(401);
        }
        login(&house.client(), "root", PASSWORD).await.expect(200);
    }
}

#[tokio::test]
async fn a_ticket_is_for_its_purpose_and_ends_with_its_session() {
    let house = House::new().await;
    let root = house.logged_in("root").await;
    let ticket = |purpose: &'static str| {
        let root = root.clone();
        async move {
            root.post("/api/auth/ticket", json!({"purpose": purpose})).await.expect(200)["ticket"].clone()
        }
    };
    let ws = ticket("ws").await;
    let ws = ws.as_str().unwrap();
    root.post("/api/auth/ticket", json!({"purpose": "everything"})).await.expect(422);
    assert!(auth::user_of_ticket(&house.app, ws, Purpose::Ws).await.unwrap().is_some());
    assert!(auth::user_of_ticket(&house.app, ws, Purpose::Stream).await.unwrap().is_none());
    let stream = ticket("stream").await;
    let elsewhere = house.client().get(&format!("/api/auth/me?ticket={}", stream.as_str().unwrap())).await;
    assert_eq!(detail(&elsewhere, 401), "Missing authentication");
    root.post("/api/auth/logout", json!({})).await.expect(200);
    assert!(auth::user_of_ticket(&house.app, ws, Purpose::Ws).await.unwrap().is_none());
}

#[tokio::test]
async fn admins_make_change_and_remove_people() {
    let house = House::new().await;
    let root = house.logged_in("root").await;
    let new = json!({"username": "Ada", "password": PASSWORD});
    let ada = root.post("/api/admin/users", new.clone()).await.expect(201);
    assert_eq!((ada["username"].as_str(), ada["is_admin"].as_bool()), (Some("Ada"), Some(false)));
    let twin = json!({"username": "ADA", "password": PASSWORD});
    assert_eq!(detail(&root.post("/api/admin/users", twin).await, 400), "Username already exists");
    for bad in ["../up", "", ".hidden"] {
        root.post("/api/admin/users", json!({"username": bad, "password": PASSWORD})).await.expect(400);
    }
    let names: Vec<Value> = root.get("/api/admin/users").await.expect(200).as_array().unwrap().clone();
    assert_eq!(names.iter().map(|u| u["username"].as_str().unwrap()).collect::<Vec<_>>(), ["Ada", "root"]);
    let path = format!("/api/admin/users/{}", ada["id"]);
    assert_eq!(root.get(&path).await.expect(200), ada);
    let session = house.logged_in("ada").await;
    assert_eq!(
        root.put(&path, json!({"password": "a new password", "is_admin": true})).await.expect(200)["is_admin"],
        true
    );
    eventually("the old session is over", || async {
        session.get("/api/auth/me").await.status == StatusCode::UNAUTHORIZED
    })
    .await;
    login(&house.client(), "ada", "a new password").await.expect(200);
    let in_url = root.put(&format!("{path}?password=in-every-log"), json!({})).await;
    assert!(detail(&in_url, 400).contains("JSON body"));
    assert_eq!(root.delete(&path).await.expect(200), json!({"status": "deleted"}));
    assert_eq!(detail(&root.get(&path).await, 404), "User not found");
    let lines = root.get("/api/admin/activity?limit=10").await.expect(200);
    let actions: Vec<&str> =
        lines["items"].as_array().unwrap().iter().map(|i| i["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["user_delete", "user_update", "user_create"]);
    assert_eq!(lines["items"][0]["ip_address"], "192.0.2.1");
    assert!(!lines.to_string().contains("a new password"));
    let one = root.get("/api/admin/activity?action=user_create&limit=1").await.expect(200);
    assert_eq!(
        (one["items"][0]["details"]["username"].as_str(), one["limit"].as_i64()),
        (Some("Ada"), Some(1))
    );
    for bad in ["limit=0", "limit=501", "offset=-1", "limit=x"] {
        root.get(&format!("/api/admin/activity?{bad}")).await.expect(422);
    }
}

#[tokio::test]
async fn members_are_not_admins() {
    let house = House::new().await;
    let id = house.person("ada", false).await;
    let ada = house.logged_in("ada").await;
    for path in ["/api/admin/users", "/api/admin/activity", &format!("/api/admin/users/{id}")] {
        assert_eq!(detail(&ada.get(path).await, 403), "Admin access required");
    }
    let own = json!({"is_admin": true});
    assert_eq!(detail(&ada.put(&format!("/api/admin/users/{id}"), own).await, 403), "Admin access required");
}

#[tokio::test]
async fn one_admin_always_remains() {
    let house = House::new().await;
    let root = house.logged_in("root").await;
    let me = root.get("/api/auth/me").await.expect(200)["id"].clone();
    let path = format!("/api/admin/users/{me}");
    assert_eq!(detail(&root.delete(&path).await, 400), "Cannot delete yourself");
    assert_eq!(
        detail(&root.put(&path, json!({"is_admin": false})).await, 400),
        "The last admin must stay one."
    );
    // Two admins who remove each other at the same moment: one of them stays.
    let other = house.person("ada", true).await;
    let ada = house.logged_in("ada").await;
    let by_root = format!("/api/admin/users/{other}");
    let (_, _) = tokio::join!(
        root.put(&by_root, json!({"is_admin": false})),
        ada.put(&path, json!({"is_admin": false}))
    );
    assert_eq!(house.town.value::<i64>("select count(*) from app_user where is_admin").await, 1);
}

#[tokio::test]
async fn a_database_that_is_away_is_503_and_not_a_wrong_password() {
    let settings = Settings {
        database_url: "postgresql://barbossa@%2Fnonexistent/barbossa".into(),
        redis_url: "redis+unix:///nonexistent/redis.sock".into(),
        ..Settings::default()
    };
    let app = App::new("test", settings, 2).unwrap();
    let answer = login(&client_of(&app), "root", PASSWORD).await;
    answer.expect(503);
    assert_eq!(answer.header("retry-after"), Some("1"));
}
