//! A town's api at a local socket, in a thread of its own: the program that asks it is waited for without leaving this
//! one a moment to answer.

use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};

use barbossa::app::App;
use barbossa::config::Settings;
use barbossa::lifecycle::{Life, Listener};
use barbossa::roles::api::{Limits, Server, router};
use tokio_util::sync::CancellationToken;

/// Serves until `stop`; where.
pub fn open(settings: Settings, folder: &Path, stop: CancellationToken) -> PathBuf {
    let path = folder.join("api.sock");
    let listener = UnixListener::bind(&path).unwrap();
    std::thread::spawn(move || {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let app = App::new("api", settings, 8).unwrap();
            let life = Life::new();
            let (ear, until) = (app.clone(), stop.clone());
            tokio::spawn(async move {
                let channels = ["barbossa_job_end", "barbossa_event", "barbossa_session"];
                ear.notices.run(&ear.db, &channels, until).await;
            });
            let server = Server::new(router(&app, &life.stop), Limits::default(), life.stop.clone());
            server.open(Listener::from_passed(listener.into()).unwrap(), &life);
            stop.cancelled().await;
        });
    });
    path
}
