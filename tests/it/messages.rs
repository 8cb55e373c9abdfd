//! People are told of what needs them: whom it concerns and who wants to know, by their own ways, not too often.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use axum::response::IntoResponse;
use http::StatusCode;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

use crate::cli::{barbossa, run};
use crate::harness::eventually;
use crate::harness::fake::{Asked, Fake};
use crate::services::House;

async fn hook() -> Arc<Fake> {
    Fake::start(|_| StatusCode::OK.into_response()).await
}

async fn add(client: &crate::harness::Client, kind: &str, address: &str) -> Value {
    client.post("/api/me/notifications", json!({"kind": kind, "address": address})).await.expect(201)
}

async fn delivered(house: &House, what: &str) {
    eventually(what, || async {
        house.hurry("messages.deliver").await;
        house.value::<i64>("select count(*) from message_waiting").await == 0
    })
    .await;
}

fn review(name: &str, requested_by: Option<i64>) -> String {
    let who = requested_by.map_or("null".into(), |id| id.to_string());
    format!(
        "insert into import (source_path, state, reason, suggested_artist, suggested_album, requested_by)
            values ('import/pending/{name}', 'review', 'The year is unclear.', 'Kino', '{name}', {who})"
    )
}

#[tokio::test]
async fn an_import_that_waits_is_told_to_the_admins_and_to_whoever_asked_for_it() {
    let house = House::new(|settings| settings.api.public_url = "https://music.example.org".into()).await;
    let (of_ada, of_bob) = (hook().await, hook().await);
    add(&house.ada, "webhook", &format!("{}/x", of_ada.url)).await;
    // A member's own may not lead into the house: put there as if it had been allowed once, and Bob were an admin still.
    house.execute(&format!("update app_user set is_admin = true where id = {}", house.bob_id)).await;
    add(&house.bob, "webhook", &format!("{}/y", of_bob.url)).await;
    house.execute(&review("Noch", None)).await;
    delivered(&house, "both admins are told").await;
    let sent = of_ada.asked().pop().unwrap();
    assert_eq!(
        (sent.method.as_str(), sent.path.as_str(), sent.header("content-type")),
        ("POST", "/x", "application/json")
    );
    let letter = sent.json();
    assert_eq!(
        (&letter["title"], &letter["message"]),
        (&json!("An import waits for you"), &json!("Kino – Noch: The year is unclear."))
    );
    assert_eq!(
        (&letter["url"], &letter["events"][0]["event"]),
        (&json!("https://music.example.org"), &json!("review_needed"))
    );
    assert_eq!(of_bob.asked().len(), 1);
    // A member again: not told of another's, and led nowhere.
    house.execute(&format!("update app_user set is_admin = false where id = {}", house.bob_id)).await;
    house.execute(&review("Other", Some(house.ada_id))).await;
    let to_bob: i64 = house
        .value(&format!("select count(*) from message_waiting w join message_target t on t.id = w.target_id where t.user_id = {}", house.bob_id))
        .await;
    assert_eq!(to_bob, 0);
    house.execute(&review("Mine", Some(house.bob_id))).await;
    house.execute("update message_target set last_sent_at = null").await;
    let failed =
        format!("select coalesce(max(last_error), '') from message_target where user_id = {}", house.bob_id);
    eventually("a member's way into this machine is closed", || async {
        house.hurry("messages.deliver").await;
        house.value::<String>(&failed).await.contains("network that messages may not be sent to")
    })
    .await;
    assert_eq!(of_bob.asked().len(), 1);
}

#[tokio::test]
async fn what_comes_within_a_minute_is_one_message_and_the_same_is_told_once() {
    let house = House::new(|_| {}).await;
    let ntfy = hook().await;
    add(&house.ada, "ntfy", &format!("{}/house_topic", ntfy.url)).await;
    for name in ["One", "Two", "Three"] {
        house.execute(&review(name, None)).await;
    }
    delivered(&house, "it is told").await;
    assert_eq!(ntfy.asked().len(), 1);
    let sent = ntfy.asked().pop().unwrap();
    // docs.ntfy.sh/publish, "Publish as JSON": to the server itself, the topic inside.
    assert_eq!(sent.path, "/");
    let letter = sent.json();
    assert_eq!(
        (&letter["topic"], &letter["title"], &letter["priority"]),
        (&json!("house_topic"), &json!("3 things to know"), &json!(3))
    );
    assert_eq!(letter["message"].as_str().unwrap().lines().count(), 3);
    house.execute(&review("Four", None)).await;
    house.hurry("messages.deliver").await;
    eventually("it waits for its minute", || async {
        house
            .value::<bool>("select exists (select from job where kind = 'messages.deliver' and state = 'available' and run_at > now() + interval '20 seconds')")
            .await
    })
    .await;
    assert_eq!(ntfy.asked().len(), 1, "not before a minute is over");
    house.execute("update import set state = 'failed' where suggested_album = 'Four'").await;
    house.execute("update import set state = 'review' where suggested_album = 'Four'").await;
    assert_eq!(
        house.value::<i64>("select count(*) from message").await,
        4,
        "the same thing again is no news"
    );
}

#[tokio::test]
async fn the_token_of_the_household_s_ntfy_server_is_shown_to_that_server_alone() {
    let (ours, other) = (hook().await, hook().await);
    let house = House::new(|settings| {
        settings.notifications.ntfy_server = format!("{}/", ours.url);
        settings.secrets.ntfy_token = Some("tk_secret".to_owned().into());
    })
    .await;
    add(&house.ada, "ntfy", &format!("{}/topic", ours.url)).await;
    add(&house.ada, "ntfy", &format!("{}/topic", other.url)).await;
    add(&house.ada, "webhook", &format!("{}/hook", ours.url)).await;
    house.execute(&review("One", None)).await;
    delivered(&house, "it is told").await;
    eventually("all are told", || async { (ours.asked().len(), other.asked().len()) == (2, 1) }).await;
    let shown = |asked: &Asked| (asked.path.clone(), asked.header("authorization").to_owned());
    let mut seen: Vec<(String, String)> = ours.asked().iter().map(shown).collect();
    seen.sort();
    assert_eq!(seen, [("/".into(), "Bearer tk_secret".into()), ("/hook".into(), String::new())]);
    assert_eq!(other.asked()[0].header("authorization"), "");
}

#[tokio::test]
async fn each_of_what_can_go_wrong_is_told_to_whom_it_concerns() {
    let house = House::new(|_| {}).await;
    let recorded = house.collection.album("Kino", "Noch", 1986, &["One"]).await;
    assert!(recorded.is_new);
    let (bob, track): (i64, i64) = (house.bob_id, house.value("select id from track").await);
    house
        .execute(&format!(
            "insert into backup (destination) values ('/backups');
            update backup set state = 'failed', error = 'No space.', finished_at = now();
            insert into disk_space values (current_date, 1000000000, 1000000000000);
            insert into damage (track_id, kind, details) values ({track}, 'audio_rot', '{{\"path\": \"artists/x.flac\"}}');
            insert into download (user_id, source, source_url, reference) values ({bob}, 'url', 'https://x/1', 'https://x/1');
            update download set state = 'failed', error = 'Gone.', finished_at = now()"
        ))
        .await;
    let events: String = house
        .value(
            "select string_agg(event || ':' || coalesce(user_id::text, ''), ' ' order by event) from message",
        )
        .await;
    assert_eq!(events, format!("backup_failed: damage_found: disk_low: download_failed:{bob}"));
    house.execute("insert into disk_space values (current_date - 1, 900000000000, 1000000000000)").await;
    assert_eq!(house.value::<i64>("select count(*) from message where event = 'disk_low'").await, 1);
    let told = run(barbossa(&house.collection.town)
        .args(["tell-failure", "barbossa-backup"])
        .env("MONITOR_SERVICE_RESULT", "exit-code"));
    assert_eq!(told.0, 0, "{told:?}");
    let unit: String = house.value("select payload ->> 'unit' || ' ' || (payload ->> 'result') from message where event = 'unit_failed'").await;
    assert_eq!(unit, "barbossa-backup exit-code");
}

#[tokio::test]
async fn a_way_that_is_closed_is_tried_again_later_and_says_why() {
    let is_well = Arc::new(AtomicBool::new(false));
    let well = is_well.clone();
    let fake = Fake::start(move |_| {
        if well.load(Ordering::SeqCst) { StatusCode::OK } else { StatusCode::INTERNAL_SERVER_ERROR }
            .into_response()
    })
    .await;
    let house = House::new(|_| {}).await;
    add(&house.ada, "webhook", &fake.url).await;
    house.execute(&review("Noch", None)).await;
    let failing =
        async || house.ada.get("/api/me/notifications").await.expect(200)["targets"][0]["last_error"].clone();
    eventually("the failure is told", || async {
        house.hurry("messages.deliver").await;
        failing().await.as_str().is_some_and(|why| why.contains("500"))
    })
    .await;
    let tries = fake.asked().len();
    house.hurry("messages.deliver").await;
    eventually("it is put off", || async {
        house.value::<bool>("select not_before > now() + interval '1 minute' from message_target").await
    })
    .await;
    assert!(fake.asked().len() <= tries + 1, "not again and again");
    is_well.store(true, Ordering::SeqCst);
    house.execute("update message_target set not_before = now()").await;
    delivered(&house, "it is told in the end").await;
    assert_eq!(failing().await, Value::Null);
}

/// A mail server as RFC 5321 has it; what it was given.
async fn mail_server() -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("smtp://{}", listener.local_addr().unwrap());
    let mails = Arc::new(Mutex::new(Vec::new()));
    let kept = mails.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (read, mut write) = stream.into_split();
            let mut lines = BufReader::new(read).lines();
            write.write_all(b"220 mail.test ESMTP\r\n").await.unwrap();
            let (mut mail, mut in_data) = (String::new(), false);
            while let Ok(Some(line)) = lines.next_line().await {
                mail.push_str(&format!("{line}\n"));
                let answer = match line.as_str() {
                    "." if in_data => {
                        in_data = false;
                        "250 2.0.0 queued\r\n"
                    }
                    _ if in_data => continue,
                    "DATA" => {
                        in_data = true;
                        "354 go on\r\n"
                    }
                    "QUIT" => "221 bye\r\n",
                    line if line.starts_with("EHLO ") => "250-mail.test\r\n250 8BITMIME\r\n",
                    line if line.starts_with("RCPT TO:<nobody@") => "550 5.1.1 no such user\r\n",
                    _ => "250 ok\r\n",
                };
                write.write_all(answer.as_bytes()).await.unwrap();
            }
            kept.lock().unwrap().push(mail);
        }
    });
    (url, mails)
}

#[tokio::test]
async fn a_test_says_at_once_whether_it_arrived_and_cannot_be_used_to_pester() {
    let (url, mails) = mail_server().await;
    let house = House::new(|settings| {
        settings.notifications.smtp_url = url;
        settings.notifications.mail_from = "barbossa@example.org".into();
    })
    .await;
    house.bob.post("/api/me/notifications/test", Value::Null).await.expect(404);
    let good = add(&house.bob, "email", "bob@example.org").await;
    let tested = house.bob.post("/api/me/notifications/test", Value::Null).await.expect(200);
    assert_eq!(tested, json!([{"id": good["id"], "sent": true, "error": null}]));
    eventually("the mail is there", || async { !mails.lock().unwrap().is_empty() }).await;
    let mail = mails.lock().unwrap()[0].clone();
    for line in [
        "MAIL FROM:<barbossa@example.org>",
        "RCPT TO:<bob@example.org>",
        "Subject: Barbossa: A test",
        "Messages from Barbossa arrive here.",
    ] {
        assert!(mail.contains(line), "{line} in {mail}");
    }
    let again = house.bob.post("/api/me/notifications/test", json!({"id": good["id"]})).await;
    assert_eq!((again.status.as_u16(), again.header("retry-after")), (429, Some("10")));
    let bad = add(&house.bob, "email", "nobody@example.org").await;
    let failed = house.bob.post("/api/me/notifications/test", json!({"id": bad["id"]})).await.expect(200);
    assert_eq!(failed[0]["sent"], false);
    assert!(failed[0]["error"].as_str().unwrap().contains("no such user"), "{failed}");
    house.ada.post("/api/me/notifications/test", json!({"id": good["id"]})).await.expect(404);
    house.ada.delete(&format!("/api/me/notifications/{}", good["id"])).await.expect(404);
    house.bob.delete(&format!("/api/me/notifications/{}", good["id"])).await.expect(200);
    house
        .bob
        .post("/api/me/notifications", json!({"kind": "webhook", "address": "http://192.168.1.1/"}))
        .await
        .expect(422);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_add_try_and_remove_a_way() {
    let ntfy = hook().await;
    let house = House::new(|_| {}).await;
    let command = async |args: &[&str]| {
        let mut command = barbossa(&house.collection.town);
        command.args(["--as", "ada", "notify"]).args(args);
        tokio::task::spawn_blocking(move || run(&mut command)).await.unwrap()
    };
    let (code, out, err) =
        command(&["add", "ntfy", &format!("{}/topic", ntfy.url), "--events", "disk_low,backup_failed"]).await;
    assert!(code == 0 && out.starts_with("Added as number 1."), "{out}{err}");
    let (code, out, err) = command(&["test"]).await;
    assert!(code == 0 && out.contains("true"), "{out}{err}");
    assert_eq!(ntfy.asked().pop().unwrap().json()["title"], "A test");
    let (code, out, _) = command(&["list"]).await;
    assert!(
        code == 0 && out.contains("disk_low, backup_failed") && out.contains("A backup has failed."),
        "{out}"
    );
    let (code, _, err) = command(&["add", "email", "nobody"]).await;
    assert!(code == 2 && err.contains("e-mail address"), "{code} {err}");
    assert_eq!(command(&["remove", "1"]).await.1, "Removed.\n");
    assert_eq!(command(&["remove", "1"]).await.0, 5);
}
