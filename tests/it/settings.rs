//! Settings are changed together or not at all, hold at once, and no secret comes out again.

use barbossa::roles::api::router;
use barbossa::settings;
use http::StatusCode;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::cli::{barbossa, run, run_with_input};
use crate::collection::Collection;
use crate::harness::Client;

async fn admin(collection: &Collection) -> Client {
    let ada = collection.admin("ada").await;
    Client::new(router(&collection.app, &collection.town.stop())).with_token(&ada.token)
}

#[tokio::test]
async fn the_settings_have_the_first_versions_names_and_no_secrets() {
    let collection = Collection::new().await;
    let ada = admin(&collection).await;
    let change = json!({"qobuz_email": "augusta@example.org", "qobuz_password": "pass word", "lidarr_url": "http://lidarr:8686",
        "lidarr_api_key": "0123456789abcdef", "plex_auto_scan": false, "qobuz_quality": 2});
    let changed = ada.put("/api/settings", change).await.expect(200);
    assert_eq!(changed, json!({"status": "updated", "restart": []}));
    let answer = ada.get("/api/settings").await;
    let text = String::from_utf8_lossy(&answer.body).into_owned();
    assert!(
        !text.contains("pass word") && !text.contains("0123456789abcdef") && !text.contains("augusta"),
        "{text}"
    );
    let shown = answer.expect(200);
    let music = collection.town.music().display().to_string();
    for (name, value) in [
        ("music_path_host", json!(music)),
        ("music_library", json!(format!("{music}/artists"))),
        ("qobuz_enabled", json!(true)),
        ("qobuz_email", json!("au*****@example.org")),
        ("qobuz_quality", json!(2)),
        ("lidarr_enabled", json!(true)),
        ("lidarr_url", json!("http://lidarr:8686")),
        ("plex_enabled", json!(false)),
        ("plex_auto_scan", json!(false)),
        ("bandcamp_enabled", json!(false)),
    ] {
        assert_eq!(shown[name], value, "{name}");
    }
    let line: String =
        collection.town.value("select details::text from activity where action = 'settings_update'").await;
    assert!(line.contains("barbossa.qobuz-password") && !line.contains("pass word"), "{line}");
}

#[tokio::test]
async fn a_change_holds_at_once_here_and_in_a_process_that_hears_of_it() {
    let collection = Collection::new().await;
    let ada = admin(&collection).await;
    let other = collection.town.app_as("other");
    ada.put("/api/settings", json!({"trash.keep_days": 7, "plex_token": "secret"})).await.expect(200);
    assert_eq!(collection.app.settings.trash.keep_days, 7);
    assert_eq!(other.settings.trash.keep_days, 30);
    settings::take_over(&other);
    assert_eq!(other.settings.trash.keep_days, 7);
    assert_eq!(other.settings.secrets.plex_token.as_ref().unwrap().expose_secret(), "secret");
    ada.put("/api/settings", json!({"plex_token": null, "plex_url": null})).await.expect(200);
    assert!(collection.app.settings.secrets.plex_token.is_some(), "null changes nothing");
    ada.put("/api/settings", json!({"plex_token": ""})).await.expect(200);
    assert!(collection.app.settings.secrets.plex_token.is_none());
    let files = collection.town.settings().changes_dir.join("secrets/barbossa.plex-token");
    let mode = std::os::unix::fs::PermissionsExt::mode(&files.metadata().unwrap().permissions());
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn one_that_does_not_fit_keeps_all_others_from_being_changed() {
    let collection = Collection::new().await;
    let ada = admin(&collection).await;
    for (change, named) in [
        (json!({"trash.keep_days": 7, "qobuz_quality": 9}), "qobuz.quality"),
        (json!({"trash.keep_days": 7, "lidarr_url": "nonsense"}), "lidarr.url"),
        (json!({"trash.keep_days": 7, "music_path": "/srv"}), "music_path"),
        (json!({"trash.keep_days": 7, "no_such": 1}), "no_such"),
        (json!({"trash.keep_days": 7, "music_library": "/srv/elsewhere"}), "music_library"),
        (json!({"trash.keep_days": 7, "plex_token": ["x"]}), "plex_token"),
    ] {
        let refused = ada.put("/api/settings", change).await.expect(400);
        assert!(refused["detail"].as_str().unwrap().contains(named), "{refused}");
    }
    assert_eq!(collection.app.settings.trash.keep_days, 30);
    let there = collection.town.music().join("artists");
    let same = json!({"music_library": there, "worker.concurrency": 2});
    let changed = ada.put("/api/settings", same).await.expect(200);
    assert_eq!(changed["restart"], json!(["barbossa-fetch.service", "barbossa-worker.service"]));
}

#[tokio::test]
async fn members_neither_read_nor_change_nor_look_around() {
    let collection = Collection::new().await;
    let bob = collection.member("bob").await;
    let bob = Client::new(router(&collection.app, &collection.town.stop())).with_token(&bob.token);
    bob.get("/api/settings").await.expect(403);
    bob.put("/api/settings", json!({"trash.keep_days": 7})).await.expect(403);
    bob.get("/api/settings/browse").await.expect(403);
    assert_eq!(collection.app.settings.trash.keep_days, 30);
}

#[tokio::test]
async fn an_admin_looks_around_beneath_the_allowed_roots_only() {
    let collection = Collection::new().await;
    let ada = admin(&collection).await;
    let music = collection.town.music().display().to_string();
    let inside = ada.get(&format!("/api/settings/browse?path={music}/import")).await.expect(200);
    assert_eq!(inside["directories"], json!(["pending", "rejected", "review"]));
    let hidden = ada.get(&format!("/api/settings/browse?path={music}")).await.expect(200);
    assert_eq!(hidden["directories"], json!(["artists", "downloads", "import", "users"]), "no .trash");
    let roots = ada.get("/api/settings/browse").await.expect(200);
    assert_eq!(roots["current_path"], "/");
    assert!(
        roots["directories"].as_array().unwrap().contains(&json!(music.trim_start_matches('/'))),
        "{roots}"
    );
    std::os::unix::fs::symlink("/etc", collection.town.music().join("import/out")).unwrap();
    for (path, status) in [
        ("/etc".to_owned(), 403),
        (format!("{music}/../.."), 403),
        (format!("{music}/import/out"), 403),
        (format!("{music}/none"), 404),
        (format!("{music}/.barbossa-library"), 400),
    ] {
        let answer = ada.get(&format!("/api/settings/browse?path={path}")).await;
        assert_eq!(answer.status, StatusCode::from_u16(status).unwrap(), "{path}");
    }
}

#[tokio::test]
async fn the_command_line_lists_reads_and_changes_them() {
    let collection = Collection::new().await;
    let town = &collection.town;
    let settings = |args: &[&str]| run(barbossa(town).arg("settings").args(args));
    let (code, out, err) = settings(&["list"]);
    assert!(code == 0 && out.starts_with("SETTING") && out.contains("trash.keep_days"), "{out}{err}");
    let listed: Value = serde_json::from_str(&settings(&["list", "--json"]).1).unwrap();
    let names: Vec<&str> = listed.as_array().unwrap().iter().map(|s| s["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"imports.min_confidence") && !names.contains(&"qobuz.email"), "{names:?}");
    let (_, out, _) = settings(&["list", "--format", "csv"]);
    assert!(out.lines().any(|line| line.starts_with("name,") || line.contains(",name,")), "{out}");

    assert_eq!(settings(&["get", "trash.keep_days"]), (0, "30\n".into(), String::new()));
    assert_eq!(settings(&["set", "trash.keep_days", "7"]).1, "trash.keep_days is changed.\n");
    assert_eq!(settings(&["get", "trash.keep_days"]).1, "7\n");
    let (code, out, _) = settings(&["set", "worker.concurrency", "2"]);
    assert!(
        code == 0 && out.contains("systemctl restart barbossa-fetch.service barbossa-worker.service"),
        "{out}"
    );
    let (code, _, err) = settings(&["set", "trash.keep_days", "never"]);
    assert!(code == 2 && err.contains("trash.keep_days"), "{code} {err}");
    let (code, _, err) = settings(&["set", "trash.keep_days"]);
    assert!(code == 2 && err.contains("barbossa settings set trash.keep_days VALUE"), "{code} {err}");
    let (code, _, err) = settings(&["get", "no.such"]);
    assert!(code == 5 && err.contains("barbossa settings list"), "{code} {err}");

    let (code, _, err) = settings(&["set", "plex_token", "s3cr3t"]);
    assert!(code == 2 && err.contains("it is asked for"), "{code} {err}");
    let secret = |input: &str| run_with_input(barbossa(town).args(["settings", "set", "plex_token"]), input);
    let file = town.settings().changes_dir.join("secrets/barbossa.plex-token");
    let (code, out, err) = secret("s3cr3t\n");
    assert!(code == 0 && !out.contains("s3cr3t") && !err.contains("s3cr3t"), "{out}{err}");
    assert_eq!(std::fs::read_to_string(&file).unwrap().trim(), "s3cr3t");
    assert_eq!(secret("\n").0, 0);
    assert!(std::fs::read_to_string(&file).unwrap_or_default().trim().is_empty(), "it is forgotten");

    let (code, _, err) = {
        collection.member("bob").await;
        run(barbossa(town).args(["--as", "bob", "settings", "list"]))
    };
    assert!(code == 4 && err.contains("Admin access required"), "{code} {err}");
}
