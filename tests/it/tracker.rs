//! TorrentLeech: off without a key, for admins alone, and never without their word that the family may share it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::response::IntoResponse;
use http::StatusCode;
use serde_json::{Value, json};

use crate::harness::fake::{Asked, Fake, form};
use crate::services::House;

const KEY: &str = "0123456789abcdef0123456789abcdef";
const NAME: &str = "Ann.Our.Evening.2020.16bit.44kHz.FLAC";

/// TorrentLeech as its page for uploaders has it: the key in the form, a phrase in single quotes, bare numbers as answers.
async fn tracker(is_there: Arc<AtomicBool>) -> Arc<Fake> {
    Fake::start(move |asked| match (asked.method.as_str(), asked.path.as_str()) {
        ("POST", "/api/torrentsearch") => {
            let sent = form(std::str::from_utf8(&asked.body).unwrap());
            let of = |name: &str| {
                sent.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str()).unwrap_or_default()
            };
            assert_eq!((of("announcekey"), of("exact")), (KEY, "1"));
            assert!(of("query").starts_with('\'') && of("query").ends_with('\''), "{}", of("query"));
            if is_there.load(Ordering::SeqCst) { "1" } else { "0" }.into_response()
        }
        ("POST", "/torrents/upload/apiupload") => {
            let all = parts(asked);
            let of = |name: &str| {
                all.iter().find(|(n, ..)| n == name).map(|(.., value)| value.clone()).unwrap_or_default()
            };
            assert_eq!((of("announcekey"), of("category")), (KEY.as_bytes().to_vec(), b"31".to_vec()));
            assert!(of("torrent").starts_with(b"d8:announce") && !of("nfo").is_empty());
            "4711".into_response()
        }
        _ => StatusCode::NOT_FOUND.into_response(),
    })
    .await
}

/// Name, the rest of the header, and value of each part (RFC 7578).
fn parts(asked: &Asked) -> Vec<(String, String, Vec<u8>)> {
    let boundary = asked.header("content-type").split_once("boundary=").unwrap().1.to_owned();
    let (body, mark) = (asked.body.to_vec(), format!("--{boundary}").into_bytes());
    let starts: Vec<usize> =
        (0..=body.len() - mark.len()).filter(|at| body[*at..].starts_with(&mark)).collect();
    let part = |ends: &[usize]| {
        let inner = &body[ends[0] + mark.len() + 2..ends[1] - 2];
        let split = inner.windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(inner[..split].to_vec()).unwrap();
        let name = head.split("name=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
        (name, head, inner[split + 4..].to_vec())
    };
    starts.windows(2).map(part).collect()
}

async fn house_with(tracker: &Fake) -> House {
    let url = tracker.url.clone();
    House::new(|settings| {
        settings.torrentleech.url = url;
        settings.secrets.torrentleech_key = Some(KEY.into());
    })
    .await
}

#[tokio::test]
async fn a_release_is_uploaded_on_an_admins_word_which_is_recorded_first() {
    let is_there = Arc::new(AtomicBool::new(false));
    let tracker = tracker(is_there.clone()).await;
    let house = house_with(&tracker).await;
    let album = house.collection.album("Ann", "Our Evening", 2020, &["One", "Two"]).await;
    let path = format!("/api/tl/upload/{}", album.album_id);
    let word = json!({"right": "own_recording", "statement": "Recorded by ourselves in our living room."});
    for wrong in [
        json!({}),
        json!({"right": "own_recording", "statement": "ours"}),
        json!({"right": "because", "statement": "Recorded by ourselves in our living room."}),
    ] {
        house.ada.post(&path, wrong).await.expect(422);
    }
    house.bob.post(&path, word.clone()).await.expect(403);
    assert!(tracker.asked().is_empty(), "nothing is sent without the word of an admin");
    let uploaded = house.ada.post(&format!("{path}?tags=folk,live"), word.clone()).await.expect(200);
    assert_eq!(
        (&uploaded["status"], &uploaded["torrent_id"], &uploaded["release_name"]),
        (&json!("uploaded"), &json!(4711), &json!(NAME))
    );
    let sent = parts(&tracker.asked().pop().unwrap());
    let names: Vec<&str> = sent.iter().map(|(name, ..)| name.as_str()).collect();
    assert_eq!(names, ["announcekey", "category", "tags", "nfo", "torrent"]);
    assert_eq!(sent[2].2, b"folk,live");
    assert!(sent[4].1.contains(&format!("filename=\"{NAME}.torrent\"")), "{}", sent[4].1);
    let nfo = String::from_utf8_lossy(&sent[3].2).into_owned();
    assert!(nfo.contains("Artist    Ann\n") && nfo.contains("02. Two [3:20]"), "{nfo}");
    let torrent = String::from_utf8_lossy(&sent[4].2).into_owned();
    for part in [
        "7:privatei1e",
        "6:source16:TorrentLeech.org",
        "13:01 - One.flac",
        "9:cover.jpg",
        "12:piece lengthi32768e",
    ] {
        assert!(torrent.contains(part), "{part} in {torrent}");
    }
    assert!(!torrent.contains(KEY), "the key is not in what others get");
    let file = house.ada.get(&format!("/api/tl/uploads/{}/torrent", uploaded["upload_id"])).await;
    assert_eq!(file.body.as_ref(), sent[4].2.as_slice());
    let recorded: String = house
        .value("select string_agg(action || ' ' || coalesce(details ->> 'right', ''), ', ' order by id) from activity where action like 'tracker%'")
        .await;
    assert_eq!(recorded, "tracker_upload_stated own_recording, tracker_upload ");
    is_there.store(true, Ordering::SeqCst);
    let again = house.ada.post(&path, word).await.expect(400);
    assert_eq!(again["detail"], "Release already exists on TorrentLeech");
    let listed = house.ada.get("/api/tl/uploads").await.expect(200);
    assert_eq!((listed.as_array().unwrap().len(), &listed[1]["requested_by"]), (2, &json!("ada")));
}

#[tokio::test]
async fn a_name_is_checked_and_without_a_key_nothing_is_asked() {
    let is_there = Arc::new(AtomicBool::new(true));
    let tracker = tracker(is_there.clone()).await;
    let house = house_with(&tracker).await;
    let found = house.ada.get(&format!("/api/tl/check/{NAME}")).await.expect(200);
    assert_eq!(found, json!({"release_name": NAME, "exists": true, "safe_to_upload": false}));
    is_there.store(false, Ordering::SeqCst);
    assert_eq!(house.ada.get(&format!("/api/tl/check/{NAME}")).await.expect(200)["safe_to_upload"], true);
    house.bob.get(&format!("/api/tl/check/{NAME}")).await.expect(403);
    let leaked: Value =
        house.value("select coalesce(jsonb_agg(payload || coalesce(result, '{}')), '[]') from job").await;
    assert!(!leaked.to_string().contains(KEY));
    let url = tracker.url.clone();
    let off = House::new(|settings| settings.torrentleech.url = url).await;
    let asked = tracker.asked().len();
    let refused = off.ada.get(&format!("/api/tl/check/{NAME}")).await.expect(502);
    assert!(refused["detail"].as_str().unwrap().contains("barbossa.torrentleech-key"), "{refused}");
    assert_eq!(tracker.asked().len(), asked);
}
