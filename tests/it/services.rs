//! A household that knows other programs: all routes, all jobs, an admin and a member; and real clients of those programs,
//! which hold our fakes of them to the format.

use std::path::PathBuf;

use barbossa::config::Settings;
use barbossa::jobs::{Queue, Worker};
use barbossa::roles::api::router;
use barbossa::roles::rooms;

use crate::collection::Collection;
use crate::harness::{Client, Town};

pub struct House {
    pub collection: Collection,
    /// An admin.
    pub ada: Client,
    pub ada_id: i64,
    /// A member.
    pub bob: Client,
    pub bob_id: i64,
    /// Nobody.
    pub stranger: Client,
}

impl House {
    pub async fn new(change: impl FnOnce(&mut Settings)) -> Self {
        let mut town = Town::new().await;
        let settings = town.settings_mut();
        (settings.imports.settle_seconds, settings.imports.settle_incomplete_seconds) = (0, 0);
        settings.musicbrainz.enabled = false;
        // Nothing that was not meant to be asked is.
        for url in [&mut settings.musicbrainz.url, &mut settings.lrclib.url, &mut settings.coverart.url] {
            *url = "http://127.0.0.1:1".into();
        }
        change(settings);
        let app = town.app();
        let collection = Collection { town, app };
        let queues = [Queue::Imports, Queue::Maintenance, Queue::Network];
        let worker = Worker::new(collection.app.clone(), rooms::jobs(), &queues, 6);
        let stop = collection.town.stop();
        tokio::spawn(async move { worker.run(stop).await });
        let stranger = Client::new(router(&collection.app, &collection.town.stop()));
        let (ada, bob) = (collection.admin("ada").await, collection.member("bob").await);
        Self {
            ada: stranger.with_token(&ada.token),
            ada_id: ada.id,
            bob: stranger.with_token(&bob.token),
            bob_id: bob.id,
            stranger,
            collection,
        }
    }

    pub async fn value<T>(&self, sql: &str) -> T
    where
        T: for<'a> tokio_postgres::types::FromSql<'a>,
    {
        self.collection.town.value(sql).await
    }

    pub async fn execute(&self, sql: &str) {
        self.collection.town.execute(sql).await;
    }

    /// Nobody waits for what is gathered or put off.
    pub async fn hurry(&self, kind: &str) {
        self.execute(&format!("update job set run_at = now() where kind = '{kind}' and state = 'available'"))
            .await;
    }
}

/// Runs a script of Python's with the clients that `./dev setup` installs; panics with what it says when it fails.
pub async fn client(script: &str, args: &[&str]) -> String {
    let cache = std::env::var_os("BARBOSSA_DEV_CACHE").unwrap_or_else(|| "/var/cache/barbossa-dev".into());
    let python = PathBuf::from(cache).join("clients/bin/python");
    assert!(python.exists(), "{} is missing: `./dev setup` installs it", python.display());
    let mut command = tokio::process::Command::new(python);
    command.env_clear().env("HOME", "/nonexistent").args(["-B", "-c", script]).args(args);
    let ran = command.output().await.unwrap();
    let (out, err) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
    assert!(ran.status.success(), "{out}\n{err}");
    out.into_owned()
}
