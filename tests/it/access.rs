//! Who may do what, over real sockets: root at the local one, and nobody else without showing who it is.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use barbossa::app::App;
use barbossa::auth::{self, NewUser};
use barbossa::lifecycle::{Life, Listener};
use barbossa::roles::api::{Limits, Server, router};
use serde_json::Value;

use crate::harness::Town;

const PASSWORD: &str = "correct horse battery";

/// An api of a household, on a Unix socket that everyone may connect to.
struct LocalApi {
    town: Town,
    app: App,
    life: Life,
    folder: tempfile::TempDir,
}

impl LocalApi {
    async fn new() -> Self {
        let town = Town::new().await;
        let (app, life) = (town.app(), Life::new());
        let folder = tempfile::Builder::new().prefix("barbossa-socket-").tempdir().unwrap();
        std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let listener = std::os::unix::net::UnixListener::bind(folder.path().join("api.sock")).unwrap();
        std::fs::set_permissions(folder.path().join("api.sock"), PermissionsExt::from_mode(0o777)).unwrap();
        let server = Server::new(router(&app, &life.stop), Limits::default(), life.stop.clone());
        server.open(Listener::from_passed(listener.into()).unwrap(), &life);
        Self { town, app, life, folder }
    }

    async fn person(&self, username: &str, is_admin: bool) -> i64 {
        let client = self.app.db.get().await.unwrap();
        let new = NewUser { username, password: &PASSWORD.into(), is_admin };
        auth::create_user(&client, new).await.unwrap().id
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("api.sock")
    }

    /// Asks by curl, as another program does; the status and the body.
    async fn ask(&self, path: &str, arguments: &[&str]) -> (u16, Value) {
        self.ask_with(Command::new("curl"), path, arguments).await
    }

    /// The same, by a process of www-data's, which nginx's workers are.
    async fn ask_as_www_data(&self, path: &str, arguments: &[&str]) -> (u16, Value) {
        let mut command = Command::new("setpriv");
        command.args(["--reuid", "www-data", "--regid", "www-data", "--clear-groups", "--", "curl"]);
        self.ask_with(command, path, arguments).await
    }

    async fn ask_with(&self, mut curl: Command, path: &str, arguments: &[&str]) -> (u16, Value) {
        curl.args(["--silent", "--show-error", "--max-time", "20", "--write-out", "\n%{http_code}"]);
        curl.arg("--unix-socket").arg(self.socket()).args(arguments).arg(format!("http://localhost{path}"));
        curl.current_dir("/").stdin(Stdio::null());
        let out = tokio::task::spawn_blocking(move || curl.output()).await.unwrap();
        let out = out.expect("curl and setpriv are installed: `./dev setup`");
        let text = String::from_utf8(out.stdout).unwrap();
        let (body, status) = text.rsplit_once('\n').unwrap();
        let wrong = || panic!("{path}: {body} {}", String::from_utf8_lossy(&out.stderr));
        (status.parse().unwrap(), serde_json::from_str(body).unwrap_or_else(|_| wrong()))
    }
}

impl Drop for LocalApi {
    fn drop(&mut self) {
        self.life.stop.cancel();
    }
}

/// Tests run as root where machines are made for them; elsewhere the other half of the promise is looked at.
fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

#[tokio::test]
async fn root_at_the_local_socket_is_an_admin_without_a_token() {
    let api = LocalApi::new().await;
    let (status, users) = api.ask("/api/admin/users", &[]).await;
    if !is_root() {
        assert_eq!((status, users["detail"].as_str()), (401, Some("Missing authentication")));
        return;
    }
    assert_eq!((status, users.as_array().map(Vec::len)), (200, Some(0)));
    let (_, me) = api.ask("/api/auth/me", &[]).await;
    assert_eq!((&me["username"], &me["is_admin"], &me["id"]), (&"root".into(), &true.into(), &Value::Null));
    let new = r#"{"username": "ada", "password": "correct horse battery"}"#;
    let (status, ada) =
        api.ask("/api/admin/users", &["-H", "content-type: application/json", "-d", new]).await;
    assert_eq!((status, &ada["username"]), (201, &"ada".into()));
    let (_, activity) = api.ask("/api/admin/activity", &[]).await;
    let line = &activity["items"][0];
    assert_eq!((&line["action"], &line["username"]), (&"user_create".into(), &"root".into()));
    assert_eq!((&line["user_id"], &line["ip_address"]), (&Value::Null, &"local".into()));
}

#[tokio::test]
async fn root_acts_for_a_person_with_that_ones_rights() {
    let api = LocalApi::new().await;
    let id = api.person("宇多田", false).await;
    if !is_root() {
        assert_eq!(api.ask("/api/auth/me", &["-H", "x-barbossa-user: 宇多田"]).await.0, 401);
        return;
    }
    let for_her = ["-H", "x-barbossa-user: 宇多田"];
    let (status, me) = api.ask("/api/auth/me", &for_her).await;
    assert_eq!((status, me["id"].as_i64()), (200, Some(id)));
    assert_eq!(api.ask("/api/me/library", &for_her).await.0, 200);
    assert_eq!(api.ask("/api/admin/users", &for_her).await.0, 403);
    let (status, refused) = api.ask("/api/albums", &["-H", "x-barbossa-user: nobody"]).await;
    assert_eq!((status, &refused["code"]), (400, &"invalid".into()));
    assert!(refused["detail"].as_str().unwrap().contains("users list"), "{refused}");
    // A person's things are nobody's by default.
    let (status, refused) = api.ask("/api/me/library", &[]).await;
    assert!(status == 400 && refused["detail"].as_str().unwrap().contains("--user"), "{refused}");
}

#[tokio::test]
async fn what_root_may_is_not_for_nginx_nor_for_who_comes_through_a_proxy() {
    let api = LocalApi::new().await;
    api.person("ada", true).await;
    let as_ada = ["-H", "x-barbossa-user: ada"];
    // Whoever runs the proxy, also root: it says for whom it speaks.
    for claim in ["x-real-ip: 192.0.2.1", "x-forwarded-for: 192.0.2.1", "cookie: a=b", "sec-fetch-site: none"]
    {
        let (status, _) = api.ask("/api/auth/me", &["-H", claim, as_ada[0], as_ada[1]]).await;
        assert_eq!(status, 401, "{claim}");
    }
    if is_root() {
        assert_eq!(api.ask_as_www_data("/api/auth/me", &[]).await.0, 401);
        assert_eq!(api.ask_as_www_data("/api/admin/users", &as_ada).await.0, 401);
        assert_eq!(api.ask_as_www_data("/live", &[]).await.0, 200);
    }
    assert_eq!(api.town.value::<i64>("select count(*) from session").await, 0);
}

#[tokio::test]
async fn a_token_goes_before_being_root() {
    let api = LocalApi::new().await;
    let id = api.person("ada", false).await;
    let token = auth::start_session(&api.app, id, None, None).await.unwrap();
    let bearer = format!("authorization: Bearer {token}");
    assert_eq!(api.ask("/api/auth/me", &["-H", &bearer]).await.1["username"], "ada");
    assert_eq!(api.ask("/api/admin/users", &["-H", &bearer]).await.0, 403);
    assert_eq!(api.ask("/api/albums", &["-H", "authorization: Bearer 00"]).await.0, 401);
}
