//! Live events, over real WebSockets: to whom they are addressed, none lost by a reconnect, nobody kept who may not.

use std::time::Duration;

use axum::Router;
use barbossa::activity;
use barbossa::app::App;
use barbossa::auth::{self, By, NewToken, NewUser, Purpose, Scope, User};
use barbossa::events::{self, Audience, Relay, publish};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_util::sync::CancellationToken;

use crate::harness::{Town, eventually};

struct Broadcast {
    town: Town,
    app: App,
    address: String,
    relay_stop: CancellationToken,
}

impl Broadcast {
    async fn new() -> Self {
        Self::of(Town::new().await).await
    }

    async fn of(town: Town) -> Self {
        let app = town.app();
        eventually("the ear is open", || async { app.notices.is_connected() }).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let router: Router = events::routes().with_state(app.clone()).into();
        tokio::spawn(async move { axum::serve(listener, router).await });
        let (relay, relay_stop) = (app.clone(), town.stop().child_token());
        let stop = relay_stop.clone();
        tokio::spawn(async move { relay.kept::<Relay>().run(&relay, stop).await });
        Self { town, app, address, relay_stop }
    }

    async fn person(&self, username: &str, is_admin: bool) -> (i64, String) {
        let client = self.app.db.get().await.unwrap();
        let new = NewUser { username, password: &"a long password".into(), is_admin };
        let id = auth::create_user(&client, new).await.unwrap().id;
        (id, auth::start_session(&self.app, id, None, None).await.unwrap())
    }

    async fn connect(&self, query: &str, headers: &[(&'static str, &str)]) -> Result<Ear, u16> {
        let mut request = format!("ws://{}/ws{query}", self.address).into_client_request().unwrap();
        for (name, value) in headers {
            request.headers_mut().insert(*name, value.parse().unwrap());
        }
        let stream = TcpStream::connect(&self.address).await.unwrap();
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((socket, _)) => Ok(Ear(socket)),
            Err(tokio_tungstenite::tungstenite::Error::Http(response)) => Err(response.status().as_u16()),
            Err(error) => panic!("{error}"),
        }
    }

    async fn listen_as(&self, token: &str) -> Ear {
        let mut ear = self.connect("", &[("authorization", &format!("Bearer {token}"))]).await.unwrap();
        assert_eq!(ear.hear().await["type"], "connected");
        ear
    }

    async fn say(&self, kind: &str, audience: Audience, payload: Value) -> i64 {
        publish(&self.app.db.get().await.unwrap(), kind, audience, &payload).await.unwrap()
    }
}

struct Ear(WebSocketStream<TcpStream>);

impl Ear {
    async fn hear(&mut self) -> Value {
        match self.next().await {
            Ok(json) => json,
            Err(code) => panic!("closed with {code}"),
        }
    }

    /// The next text, or the code with which it was closed.
    async fn next(&mut self) -> Result<Value, u16> {
        loop {
            let message = tokio::time::timeout(Duration::from_secs(10), self.0.next()).await;
            match message.expect("nothing was said for 10 s") {
                Some(Ok(Message::Text(text))) => return Ok(serde_json::from_str(&text).unwrap()),
                Some(Ok(Message::Close(frame))) => return Err(frame.map_or(1005, |f| f.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(1006),
            }
        }
    }

    async fn closed_with(&mut self) -> u16 {
        loop {
            if let Err(code) = self.next().await {
                return code;
            }
        }
    }

    async fn say(&mut self, json: Value) {
        self.0.send(Message::text(json.to_string())).await.unwrap();
    }

    async fn ask(&mut self, json: Value) -> Value {
        self.say(json).await;
        self.hear().await
    }
}

#[tokio::test]
async fn an_event_is_heard_at_commit_or_not_at_all() {
    let house = Broadcast::new().await;
    let (_, token) = house.person("ada", false).await;
    let mut ear = house.listen_as(&token).await;
    let mut client = house.app.db.get().await.unwrap();
    let tx = client.transaction().await.unwrap();
    publish(&tx, "library:updated", Audience::Everyone, &json!({"entity_id": 1})).await.unwrap();
    tx.rollback().await.unwrap();
    let tx = client.transaction().await.unwrap();
    let seq = publish(&tx, "library:updated", Audience::Everyone, &json!({"entity_id": 2})).await.unwrap();
    tx.commit().await.unwrap();
    let heard = ear.hear().await;
    assert_eq!((heard["entity_id"].as_i64(), heard["seq"].as_i64()), (Some(2), Some(seq)));
    assert_eq!(heard["type"], "library:updated");
    assert!(heard["timestamp"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn each_hears_what_is_addressed_to_them() {
    let house = Broadcast::new().await;
    let (ada_id, ada) = house.person("ada", false).await;
    let (_, bob) = house.person("bob", false).await;
    let (_, root) = house.person("root", true).await;
    let (mut ada, mut bob, mut root) =
        (house.listen_as(&ada).await, house.listen_as(&bob).await, house.listen_as(&root).await);
    house.say("notification", Audience::User(ada_id), json!({"title": "yours"})).await;
    house.say("import:review", Audience::Admins, json!({"review_id": 1})).await;
    house.say("library:updated", Audience::Everyone, json!({})).await;
    assert_eq!(ada.hear().await["title"], "yours");
    assert_eq!(ada.hear().await["type"], "library:updated");
    assert_eq!(bob.hear().await["type"], "library:updated");
    assert_eq!(root.hear().await["type"], "import:review");
    assert_eq!(root.hear().await["type"], "library:updated");
}

#[tokio::test]
async fn subscriptions_filter() {
    let house = Broadcast::new().await;
    let (id, token) = house.person("ada", false).await;
    let mut ear = house.listen_as(&token).await;
    assert_eq!(ear.ask(json!({"type": "ping"})).await, json!({"type": "pong"}));
    assert_eq!(
        ear.ask(json!({"type": "subscribe", "channel": "downloads"})).await,
        json!({"type": "subscribed", "channel": "downloads"})
    );
    assert_eq!(
        ear.ask(json!({"type": "subscribe", "channel": "weather"})).await,
        json!({"type": "error", "message": "Unknown channel: weather"})
    );
    ear.say(json!({"type": "dance"})).await;
    house.say("library:updated", Audience::Everyone, json!({})).await;
    house.say("download:progress", Audience::User(id), json!({"progress": 5})).await;
    house.say("notification", Audience::User(id), json!({})).await;
    assert_eq!(ear.hear().await["type"], "download:progress");
    assert_eq!(ear.hear().await["type"], "notification");
    assert_eq!(ear.ask(json!({"type": "unsubscribe", "channel": "downloads"})).await["type"], "unsubscribed");
    assert_eq!(ear.ask(json!({"type": "subscribe", "channel": "library"})).await["type"], "subscribed");
    house.say("download:progress", Audience::User(id), json!({})).await;
    house.say("import:complete", Audience::Everyone, json!({})).await;
    assert_eq!(ear.hear().await["type"], "import:complete");
}

#[tokio::test]
async fn a_reconnect_misses_nothing() {
    let house = Broadcast::new().await;
    let (id, token) = house.person("ada", false).await;
    let (other, _) = house.person("bob", false).await;
    let mut ear = house.listen_as(&token).await;
    // An open transaction has taken a number that is lower than the last one heard.
    let mut client = house.app.db.get().await.unwrap();
    let late = client.transaction().await.unwrap();
    let lower = publish(&late, "library:updated", Audience::Everyone, &json!({"n": 0})).await.unwrap();
    let heard = house.say("library:updated", Audience::Everyone, json!({"n": 1})).await;
    assert!(lower < heard);
    assert_eq!(ear.hear().await["seq"], heard);
    drop(ear);
    late.commit().await.unwrap();
    for n in 2..5 {
        house.say("library:updated", Audience::Everyone, json!({"n": n})).await;
    }
    house.say("notification", Audience::User(other), json!({"n": 5})).await;
    house.say("import:review", Audience::Admins, json!({"n": 6})).await;
    let last = house.say("notification", Audience::User(id), json!({"n": 7})).await;
    let mut ear = house.listen_as(&token).await;
    ear.say(json!({"type": "resume", "after": heard})).await;
    // Some may come live before the resume is read; each comes once.
    let mut heard = Vec::new();
    loop {
        let event = ear.hear().await;
        if event["type"] == "resumed" {
            assert_eq!(event["seq"], last);
            break;
        }
        heard.push(event["n"].as_i64().unwrap());
    }
    heard.sort_unstable();
    assert_eq!(heard, [0, 2, 3, 4, 7]);
    house.say("library:updated", Audience::Everyone, json!({"n": 8})).await;
    assert_eq!(ear.hear().await["n"], 8, "told once");
}

#[tokio::test]
async fn whoever_missed_too_much_is_told_to_look_anew() {
    let house = Broadcast::new().await;
    let (_, token) = house.person("ada", false).await;
    let first = house.say("library:updated", Audience::Everyone, json!({})).await;
    house
        .town
        .execute(
            "insert into event (kind, payload) select 'library:updated', '{}' from generate_series(1, 600)",
        )
        .await;
    let mut ear = house.listen_as(&token).await;
    assert_eq!(ear.ask(json!({"type": "resume", "after": first})).await, json!({"type": "resync"}));
}

#[tokio::test]
async fn what_was_forgotten_meanwhile_is_not_passed_over_in_silence() {
    let house = Broadcast::new().await;
    let (_, token) = house.person("ada", false).await;
    let mut seqs = Vec::new();
    for n in 0..4 {
        seqs.push(house.say("library:updated", Audience::Everyone, json!({"entity_id": n})).await);
    }
    house.town.execute(&format!("delete from event where id <= {}", seqs[1])).await;
    let mut ear = house.listen_as(&token).await;
    assert_eq!(ear.ask(json!({"type": "resume", "after": seqs[0]})).await, json!({"type": "resync"}));
    assert_eq!(ear.ask(json!({"type": "resume", "after": seqs[1]})).await["entity_id"], 2);
    let mut ear = house.listen_as(&token).await;
    house.town.execute("delete from event").await;
    assert_eq!(ear.ask(json!({"type": "resume", "after": seqs[2]})).await, json!({"type": "resync"}));
    assert_eq!(ear.ask(json!({"type": "resume", "after": seqs[3]})).await["type"], "resumed");
}

#[tokio::test]
async fn a_reconnect_may_say_in_its_address_from_where() {
    let house = Broadcast::new().await;
    let (_, token) = house.person("ada", false).await;
    let seen = house.say("library:updated", Audience::Everyone, json!({"entity_id": 1})).await;
    let missed = house.say("library:updated", Audience::Everyone, json!({"entity_id": 2})).await;
    let bearer = format!("Bearer {token}");
    let mut ear = house.connect(&format!("?after={seen}"), &[("authorization", &bearer)]).await.unwrap();
    assert_eq!(ear.hear().await["type"], "connected");
    assert_eq!(ear.hear().await["seq"], missed);
    assert_eq!(ear.hear().await, json!({"type": "resumed", "seq": missed}));
}

#[tokio::test]
async fn a_programs_token_listens_and_its_end_ends_the_connection() {
    let house = Broadcast::new().await;
    let (id, _) = house.person("ada", true).await;
    let client = house.app.db.get().await.unwrap();
    let new = NewToken { name: "x", scope: Scope::Read, days: None };
    let (about, token) = auth::issue_token(&client, id, new).await.unwrap();
    let mut ear = house.listen_as(&token).await;
    // An admin's, and yet not for what is the admins'.
    house.say("import:review", Audience::Admins, json!({})).await;
    house.say("library:updated", Audience::Everyone, json!({})).await;
    assert_eq!(ear.hear().await["type"], "library:updated");
    auth::revoke_token(&client, about.id, id).await.unwrap();
    assert_eq!(ear.closed_with().await, 4001);
}

#[tokio::test]
async fn every_way_to_say_who_one_is_works() {
    let house = Broadcast::new().await;
    let (id, token) = house.person("ada", false).await;
    let cookie = format!("barbossa_session={token}");
    let mut ear = house.connect("", &[("cookie", &cookie)]).await.unwrap();
    assert_eq!(ear.hear().await["type"], "connected");
    let mut ear = house.connect("", &[]).await.unwrap();
    assert_eq!(ear.ask(json!({"type": "auth", "token": token})).await["type"], "connected");
    let session_id = house.town.value("select id from session").await;
    let user = User { id, username: "ada".into(), is_admin: false, by: By::Session(session_id) };
    let ticket = auth::issue_ticket(&house.app, &user, Purpose::Ws).unwrap().ticket;
    let mut ear = house.connect(&format!("?ticket={ticket}"), &[]).await.unwrap();
    assert_eq!(ear.hear().await["type"], "connected");
}

#[tokio::test]
async fn whoever_is_not_known_is_closed_with_4001() {
    let house = Broadcast::new().await;
    let wrong = house.connect("", &[("cookie", "barbossa_session=00")]).await;
    assert_eq!(wrong.unwrap().closed_with().await, 4001);
    assert_eq!(house.connect("?ticket=v1.ws.1.9.00", &[]).await.unwrap().closed_with().await, 4001);
    for said in [json!({"type": "auth", "token": "00"}), json!({"type": "ping"}), json!("hello")] {
        let mut ear = house.connect("", &[]).await.unwrap();
        ear.say(said).await;
        assert_eq!(ear.closed_with().await, 4001);
    }
    // A session's token in the URL would be in every log.
    let (_, token) = house.person("ada", false).await;
    let mut ear = house.connect(&format!("?token={token}"), &[]).await.unwrap();
    ear.say(json!({"type": "ping"})).await;
    assert_eq!(ear.closed_with().await, 4001);
}

#[tokio::test]
async fn a_token_in_the_url_counts_only_where_the_settings_allow_it() {
    let mut town = Town::new().await;
    town.settings_mut().compat.query_tokens = true;
    let house = Broadcast::of(town).await;
    let (_, token) = house.person("ada", false).await;
    let mut ear = house.connect(&format!("?token={token}"), &[]).await.unwrap();
    assert_eq!(ear.hear().await["type"], "connected");
    assert_eq!(house.connect("?token=00", &[]).await.unwrap().closed_with().await, 4001);
}

#[tokio::test]
async fn another_sites_page_cannot_listen_with_our_cookie() {
    let house = Broadcast::new().await;
    let (_, token) = house.person("ada", false).await;
    let cookie = format!("barbossa_session={token}");
    let foreign = [("cookie", cookie.as_str()), ("origin", "https://evil.example")];
    assert_eq!(house.connect("", &foreign).await.err(), Some(403));
    let own = format!("http://{}", house.address);
    assert!(house.connect("", &[("cookie", &cookie), ("origin", &own)]).await.is_ok());
}

#[tokio::test]
async fn the_end_of_a_session_ends_its_connections() {
    let house = Broadcast::new().await;
    let (id, token) = house.person("ada", false).await;
    let mut ear = house.listen_as(&token).await;
    let client = house.app.db.get().await.unwrap();
    auth::end_sessions_of(&client, id).await.unwrap();
    assert_eq!(ear.closed_with().await, 4001);
}

#[tokio::test]
async fn a_stopping_process_says_goodbye() {
    let house = Broadcast::new().await;
    let (_, token) = house.person("ada", false).await;
    let mut ear = house.listen_as(&token).await;
    house.relay_stop.cancel();
    assert_eq!(ear.closed_with().await, 1001);
    drop(ear);
    let relay = house.app.kept::<Relay>();
    eventually("nobody listens", || async { relay.listener_count() == 0 }).await;
}

#[tokio::test]
async fn ten_connections_are_enough_for_one_person() {
    let house = Broadcast::new().await;
    let (_, token) = house.person("ada", false).await;
    let mut ears = Vec::new();
    for _ in 0..10 {
        ears.push(house.listen_as(&token).await);
    }
    let bearer = format!("Bearer {token}");
    let mut one_more = house.connect("", &[("authorization", &bearer)]).await.unwrap();
    assert_eq!(one_more.closed_with().await, 1008);
    drop(ears.pop());
    let relay = house.app.kept::<Relay>();
    eventually("a place is free", || async { relay.listener_count() == 9 }).await;
    house.listen_as(&token).await;
}

#[tokio::test]
async fn what_was_said_while_the_ear_was_down_is_told_afterwards() {
    let house = Broadcast::new().await;
    let (_, token) = house.person("ada", false).await;
    let mut ear = house.listen_as(&token).await;
    house.say("library:updated", Audience::Everyone, json!({"n": 1})).await;
    assert_eq!(ear.hear().await["n"], 1);
    house
        .town
        .execute(
            "select pg_terminate_backend(pid) from pg_stat_activity
                where datname = current_database() and application_name = 'barbossa-test' and query like 'listen%'",
        )
        .await;
    house.say("library:updated", Audience::Everyone, json!({"n": 2})).await;
    assert_eq!(ear.hear().await["n"], 2);
}

#[tokio::test]
async fn what_people_do_is_told() {
    let house = Broadcast::new().await;
    let (id, token) = house.person("ada", false).await;
    let mut ear = house.listen_as(&token).await;
    let client = house.app.db.get().await.unwrap();
    let details = json!({"title": "Blue Train"});
    activity::record(&client, Some(id), "user_create", Some(("user", 9)), None, None).await.unwrap();
    activity::record(&client, Some(id), "heart", Some(("album", 7)), Some(&details), None).await.unwrap();
    let heard = ear.hear().await;
    assert_eq!((heard["type"].as_str(), heard["action"].as_str()), (Some("activity"), Some("heart")));
    assert_eq!((heard["username"].as_str(), heard["title"].as_str()), (Some("ada"), Some("Blue Train")));
}
