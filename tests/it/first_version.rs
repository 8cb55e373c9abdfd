//! What clients of the first version know: names, shapes, statuses and words. They hold.

use std::collections::BTreeSet;

use http::Method;
use serde_json::{Value, json};

use crate::contract::House;
use crate::exports::Household;
use crate::harness::{Client, eventually};

const USER: &str = "username id is_admin created_at";
const ARTIST: &str = "name id sort_name path artwork_path musicbrainz_id is_hearted";
const ALBUM: &str =
    "title year id artist_id artist_name path artwork_path total_tracks available_tracks source is_hearted";
const ALBUM_DETAIL: &str = "artist tracks disc_count genre label musicbrainz_id created_at";
const TRACK_BRIEF: &str = "id title track_number disc_number duration path sample_rate bit_depth format is_lossy \
    quality_display is_hearted";
const TRACK: &str = "title track_number disc_number id album_id duration path album_title artist_name artwork_path sample_rate \
    bit_depth bitrate format is_lossy quality_display source source_quality is_hearted";
const PAGE: &str = "items total page limit";
const EXPORT: &str = "id user_id destination format include_artwork include_playlist status progress total_albums \
    exported_albums total_size error_message created_at started_at completed_at";
const REVIEW: &str = "id path suggested_artist suggested_album suggested_year beets_confidence track_count quality_info source \
    status notes error_message created_at";
const SETTINGS: &str = "music_path_host music_path_container music_library music_users music_downloads music_import \
    music_export music_database qobuz_enabled qobuz_email qobuz_quality lidarr_enabled lidarr_url lidarr_connected plex_enabled \
    plex_url plex_auto_scan plex_connected torrentleech_enabled bandcamp_enabled";

/// It has all of these fields, whatever it has besides.
fn has(thing: &Value, fields: &str) {
    for field in fields.split_whitespace() {
        assert!(thing.get(field).is_some(), "`{field}` is missing in {thing}");
    }
}

fn first(list: &Value) -> &Value {
    list.get(0).unwrap_or_else(|| panic!("it is empty: {list}"))
}

async fn get(client: &Client, path: &str) -> Value {
    client.get(path).await.expect(200)
}

#[tokio::test]
async fn the_library_and_what_is_hearted_have_their_shapes() {
    let house = House::new().await;
    let ada = house.client().with_token(&house.token("ada", false).await);
    let artists = get(&ada, "/api/artists").await;
    has(&artists, PAGE);
    has(first(&artists["items"]), ARTIST);
    let id = &first(&artists["items"])["id"];
    has(&get(&ada, &format!("/api/artists/{id}")).await, ARTIST);
    has(first(&get(&ada, &format!("/api/artists/{id}/albums")).await), ALBUM);
    let albums = get(&ada, "/api/albums?letter=G&page=1&limit=100").await;
    has(&albums, PAGE);
    has(first(&albums["items"]), ALBUM);
    let id = first(&albums["items"])["id"].clone();
    let album = get(&ada, &format!("/api/albums/{id}")).await;
    has(&album, ALBUM);
    has(&album, ALBUM_DETAIL);
    has(&album["artist"], "id name");
    has(first(&album["tracks"]), TRACK_BRIEF);
    let tracks = get(&ada, &format!("/api/albums/{id}/tracks")).await;
    has(first(&tracks), TRACK);
    has(&get(&ada, &format!("/api/tracks/{}", tracks[0]["id"])).await, TRACK);
    let found = get(&ada, "/api/search?q=kino&type=all&limit=5").await;
    has(first(&found["artists"]), ARTIST);
    has(&found, "albums tracks");
    let unified = get(&ada, "/api/search/unified?q=krovi&type=album").await;
    has(&unified, "query type local external");
    has(&unified["local"], "count albums artists tracks");
    let fields = "id title year artwork_path artist_id artist_name source status";
    has(first(&unified["local"]["albums"]), fields);
    assert_eq!(unified["external"], Value::Null, "nobody asked for it");

    for (method, path, words) in [
        (Method::POST, "albums", "Album added to library"),
        (Method::POST, "albums", "Album already in library"),
        (Method::DELETE, "albums", "Album removed from library"),
        (Method::DELETE, "albums", "Album not in library"),
        (Method::POST, "albums", "Album added to library"),
    ] {
        let said = ada.send(method, &format!("/api/me/library/{path}/{id}"), None).await.expect(200);
        assert_eq!(said["message"], words);
    }
    let mine = get(&ada, "/api/me/library").await;
    has(&mine, PAGE);
    assert_eq!(mine["items"], mine["albums"], "what one client reads as items another reads as albums");
    has(first(&mine["albums"]), ALBUM);
    let artists = get(&ada, "/api/me/library/artists?letter=K").await;
    has(first(&artists["items"]), ARTIST);
    let of = format!("/api/me/library/artists/{}/albums", artists["items"][0]["id"]);
    has(first(&get(&ada, &of).await), ALBUM);
    has(first(&get(&ada, "/api/me/library/tracks?page=1&limit=10").await), TRACK);
    let nothing = ada.get("/api/me/library/artists/4711/albums").await.expect(404);
    assert_eq!(nothing["detail"], "No albums found for this artist in your library");
}

#[tokio::test]
async fn what_admins_and_everyone_else_ask_has_its_shapes_and_statuses() {
    let house = House::new().await;
    let anyone = house.client();
    let boss = anyone.with_token(&house.token("boss", true).await);
    let login = json!({"username": "boss", "password": "a long password"});
    let session = anyone.post("/api/auth/login", login).await.expect(200);
    has(&session, "token user");
    has(&session["user"], USER);
    assert_eq!(session["user"]["is_admin"], true);
    has(&get(&boss, "/api/auth/me").await, USER);
    let wrong = json!({"username": "boss", "password": "another password"});
    assert_eq!(
        anyone.post("/api/auth/login", wrong).await.expect(401)["detail"],
        "Invalid username or password"
    );
    let missing = anyone.get("/api/albums").await;
    assert_eq!(missing.header("www-authenticate"), Some("Bearer"));
    assert_eq!(missing.expect(401)["detail"], "Missing authentication");

    let new = json!({"username": "bob", "password": "a long password"});
    let bob = boss.post("/api/admin/users", new.clone()).await.expect(201);
    has(&bob, USER);
    assert_eq!(boss.post("/api/admin/users", new).await.expect(400)["detail"], "Username already exists");
    has(first(&get(&boss, "/api/admin/users").await), USER);
    let me = get(&boss, "/api/auth/me").await["id"].clone();
    let myself = boss.delete(&format!("/api/admin/users/{me}")).await.expect(400);
    assert_eq!(myself["detail"], "Cannot delete yourself");
    let gone = boss.delete(&format!("/api/admin/users/{}", bob["id"])).await.expect(200);
    assert_eq!(gone["status"], "deleted");
    assert_eq!(
        boss.get(&format!("/api/admin/users/{}", bob["id"])).await.expect(404)["detail"],
        "User not found"
    );

    for path in ["/api/admin/rescan", "/api/admin/integrity/verify"] {
        let started = boss.send(Method::POST, path, None).await.expect(200);
        assert_eq!(started["status"], "started");
        assert!(started["task_id"].is_string(), "{started}");
    }
    let health = get(&boss, "/api/admin/health").await;
    has(&health, "summary quality albums_by_source incomplete_albums status");
    has(&health["summary"], "artists albums tracks users total_size_bytes total_size_gb");
    has(&health["quality"], "lossless lossy lossless_pct");
    let activity = get(&boss, "/api/admin/activity?limit=5&offset=0&action=user_create").await;
    has(&activity, "items limit offset");
    let fields = "id user_id action entity_type entity_id details ip_address created_at";
    has(first(&activity["items"]), fields);
    has(&get(&boss, "/api/settings").await, SETTINGS);
    has(&get(&boss, "/api/settings/browse?path=/").await, "current_path directories");

    has(&get(&anyone, "/").await, "name version docs");
    let health = anyone.get("/health").await.json();
    has(&health, "status version checks");
    has(&health["checks"], "database redis music_library music_users music_path");
    has(&get(&anyone, "/live").await, "alive version");
    has(&anyone.get("/ready").await.json(), "ready");
}

#[tokio::test]
async fn reviews_and_exports_have_their_shapes_and_words() {
    let house = House::new().await;
    let boss = house.client().with_token(&house.token("boss", true).await);
    let town = &house.collection.town;
    let insert = "insert into import (source_path, path, source, state, reason, suggested_artist)
        values ('import/pending/x', 'import/review/x', 'import', 'review', 'why', 'Kino')";
    town.execute(insert).await;
    let list = get(&boss, "/api/import/review").await;
    has(first(&list), REVIEW);
    assert_eq!(list[0]["status"], "pending");
    has(&get(&boss, &format!("/api/import/review/{}", list[0]["id"])).await, REVIEW);
    assert_eq!(boss.get("/api/import/review/4711").await.expect(404)["detail"], "Review item not found");
    for status in ["pending", "approved", "rejected", "manual", "failed"] {
        assert!(get(&boss, &format!("/api/import/review?status={status}")).await.is_array(), "{status}");
    }
    assert_eq!(get(&boss, "/api/import/review/failed").await, json!([]));
    town.execute("update import set state = 'done'").await;
    let decided = boss.post(&format!("/api/import/review/{}/reject", list[0]["id"]), json!({})).await;
    assert_eq!(decided.expect(400)["detail"], "Item already processed");

    let asked =
        json!({"destination": "usb", "format": "flac", "include_artwork": true, "include_playlist": false});
    let export = boss.post("/api/exports", asked).await.expect(200);
    has(&export, EXPORT);
    let of = format!("/api/exports/{}", export["id"]);
    has(&get(&boss, &of).await, EXPORT);
    has(first(&get(&boss, "/api/exports").await), EXPORT);
    eventually("the export has ended", || async { get(&boss, &of).await["status"] == "complete" }).await;
    let over = boss.post(&format!("{of}/cancel"), json!({})).await.expect(400);
    assert_eq!(over["detail"], "Cannot cancel completed export");
}

/// The fields that a preview would change, but for where things lie.
fn changed(preview: &Value) -> BTreeSet<&str> {
    let fields = preview["changes"].as_array().unwrap().iter().filter_map(|c| c["field"].as_str());
    fields.filter(|field| !field.contains("path")).collect()
}

#[tokio::test]
async fn null_is_what_a_client_does_not_change() {
    let house = House::new().await;
    let ada = house.client().with_token(&house.token("ada", false).await);
    let town = &house.collection.town;
    town.execute("update album set genre = 'Rock', label = 'AnTrop' where year = 1999").await;
    let album: i64 = town.value("select id from album where title = 'Gruppa krovi'").await;
    let change = json!({"title": "Группа крови", "year": null, "genre": null, "label": null});
    let path = format!("/api/metadata/albums/{album}?preview=true");
    let told = ada.put(&path, change).await.expect(200);
    assert_eq!(changed(&told), BTreeSet::from(["title"]), "{told}");
    let track: i64 = town.value(&format!("select min(id) from track where album_id = {album}")).await;
    let change = json!({"title": "Новое", "track_number": null, "disc_number": null});
    ada.put(&format!("/api/metadata/tracks/{track}?preview=true"), change).await.expect(200);
    let taken = ada.put(&path, json!({"year": 0, "genre": ""})).await.expect(200);
    assert_eq!(changed(&taken), BTreeSet::from(["genre", "year"]), "{taken}");

    let boss = house.client().with_token(&house.token("boss", true).await);
    boss.put("/api/settings", json!({"qobuz_email": "augusta@example.org"})).await.expect(200);
    let shown = get(&boss, "/api/settings").await["qobuz_email"].clone();
    let back =
        json!({"qobuz_email": shown, "qobuz_password": null, "lidarr_url": null, "plex_auto_scan": null});
    boss.put("/api/settings", back).await.expect(200);
    assert_eq!(house.collection.app.settings.qobuz.email, "augusta@example.org");
}

#[tokio::test]
async fn what_does_not_fit_is_named_with_the_part_where_it_stands() {
    let house = House::new().await;
    let boss = house.client().with_token(&house.token("boss", true).await);
    let refused = async |method: Method, path: &str, body: Option<Value>| {
        let answer = boss.send(method, path, body).await.expect(422);
        assert_eq!(answer["code"], "validation");
        assert!(
            answer["detail"][0]["msg"].is_string() && answer["detail"][0]["type"].is_string(),
            "{answer}"
        );
        answer["detail"][0]["loc"].clone()
    };
    for (path, loc) in [
        ("/api/albums/one", json!(["path", "id"])),
        ("/api/albums/99999999999999999999", json!(["path", "id"])),
        ("/api/albums?limit=0", json!(["query", "limit"])),
        ("/api/albums?page=x", json!(["query", "page"])),
        ("/api/albums?letter=ab", json!(["query", "letter"])),
        ("/api/albums/1/artwork?size=7", json!(["query", "size"])),
        ("/api/albums/1/artwork?size=x", json!(["query", "size"])),
        ("/api/search", json!(["query", "q"])),
        ("/api/search/unified?q=x&type=playlist", json!(["query", "type"])),
        ("/api/admin/activity?limit=x", json!(["query", "limit"])),
        ("/api/admin/activity?limit=501", json!(["query", "limit"])),
        ("/api/import/review?status=x", json!(["query", "status"])),
        ("/api/jobs?limit=0", json!(["query", "limit"])),
        ("/api/exports?limit=x", json!(["query", "limit"])),
        ("/api/library/duplicates?why=x", json!(["query", "why"])),
        ("/api/trash?kind=x", json!(["query", "kind"])),
        ("/api/edits?entity=x", json!(["query", "entity"])),
    ] {
        assert_eq!(refused(Method::GET, path, None).await, loc, "{path}");
    }
    let several = json!({"ids": [1, "x"], "title": "T"});
    for (method, path, body, loc) in [
        (Method::POST, "/api/auth/login", json!({"username": "ada"}), json!(["body", "password"])),
        (
            Method::POST,
            "/api/auth/login",
            json!({"username": 3, "password": "x"}),
            json!(["body", "username"]),
        ),
        (Method::POST, "/api/auth/login", json!(null), json!(["body"])),
        (Method::PUT, "/api/metadata/albums/1", json!({"year": 73}), json!(["body", "year"])),
        (Method::PUT, "/api/metadata/albums/1", json!({"year": "x"}), json!(["body", "year"])),
        (Method::PUT, "/api/metadata/albums/1", json!({"colour": "red"}), json!(["body", "colour"])),
        (Method::PUT, "/api/metadata/albums", several, json!(["body", "ids", 1])),
        (Method::POST, "/api/exports", json!({"format": "wav"}), json!(["body", "format"])),
        (Method::POST, "/api/import/review/1/approve", json!({"year": 0}), json!(["body", "year"])),
        (Method::POST, "/api/import/review/1/approve", json!({"year": "x"}), json!(["body", "year"])),
        (Method::POST, "/api/admin/rescan", json!({"dry_run": 7}), json!(["body", "dry_run"])),
    ] {
        assert_eq!(refused(method, path, Some(body.clone())).await, loc, "{path} {body}");
    }
    let torn = boss.send_bytes(Method::POST, "/api/auth/login", "application/json", b"{".to_vec()).await;
    let torn = torn.expect(422);
    assert_eq!(
        (&torn["detail"][0]["loc"], &torn["detail"][0]["type"]),
        (&json!(["body"]), &json!("json_invalid"))
    );
}

const UPDATES: &str =
    "select coalesce(jsonb_agg(payload order by id), '[]') from event where kind = 'library:updated'
    and user_id is null";

#[tokio::test]
async fn news_of_the_library_say_what_happened_to_which_row() {
    let house = House::new().await;
    let boss = house.client().with_token(&house.token("boss", true).await);
    let town = &house.collection.town;
    let album: i64 = town.value("select min(id) from album").await;
    let gone = boss.delete(&format!("/api/albums/{album}")).await.expect(200);
    assert_eq!(gone["message"], "Album deleted");
    boss.post(&format!("/api/trash/{}/restore", gone["trash_ids"][0]), json!({})).await.expect(200);
    let told: Value = town.value(UPDATES).await;
    for (event, action) in told.as_array().unwrap().iter().zip(["deleted", "created"]) {
        assert_eq!(event["entity_type"], "album");
        assert_eq!((&event["entity_id"], &event["action"]), (&json!(album), &json!(action)));
    }
    assert_eq!(told.as_array().unwrap().len(), 2, "{told}");
}

#[tokio::test]
async fn news_of_an_import_have_their_fields() {
    let home = Household::with_music().await;
    let told: Value = home.town.value(UPDATES).await;
    let created = told.as_array().unwrap().iter().filter(|e| e["action"] == "created");
    let created: Vec<&Value> = created.collect();
    assert!(!created.is_empty(), "{told}");
    for event in created {
        assert_eq!(event["entity_type"], "album");
        assert!(event["entity_id"].is_i64(), "{event}");
    }
    let all: Value =
        home.town.value("select jsonb_agg(payload) from event where kind = 'import:complete'").await;
    has(first(&all), "album_id album_title artist_name source");
}

#[tokio::test]
async fn the_page_of_the_document_is_served_with_all_it_needs_and_may_load_nothing_else() {
    let house = House::new().await;
    let anyone = house.client();
    let page = anyone.get("/docs").await;
    assert_eq!((page.status.as_u16(), page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    let policy = page.header("content-security-policy").unwrap();
    for rule in ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'"] {
        assert!(policy.contains(rule), "{policy}");
    }
    let html = String::from_utf8_lossy(&page.body).into_owned();
    let mut sources = Vec::new();
    for attribute in ["src=\"", "href=\""] {
        sources.extend(html.split(attribute).skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()));
    }
    assert!(
        sources.iter().any(|s| s.contains("docs.js")) && sources.iter().any(|s| s.contains("docs.css")),
        "{sources:?}"
    );
    let mut texts = html.clone();
    for source in sources.iter().filter(|s| !s.starts_with('#')) {
        assert!(source.starts_with('/') && !source.starts_with("//"), "{source} is elsewhere");
        let part = anyone.get(source).await;
        assert_eq!(part.status.as_u16(), 200, "{source}");
        texts.push_str(&String::from_utf8_lossy(&part.body));
    }
    assert!(texts.contains("/api/openapi.json"), "the page knows where the document is");
    assert_eq!(anyone.get("/api/openapi.json").await.expect(200)["openapi"], "3.1.0");
    assert_eq!(anyone.get("/openapi.json").await.expect(200), anyone.get("/api/openapi.json").await.json());
    assert_eq!(anyone.get("/redoc").await.header("location"), Some("/docs"));
}
