//! A town to test in: one PostgreSQL cluster and one Redis for the whole run (private sockets, own data folders, gone
//! with the process), and for each test a database from a migrated template and a music folder.

pub mod audio;
mod client;
mod door;
pub mod fake;
mod leftovers;
pub mod servers;

pub use client::{Answer, Client};
pub use leftovers::Folder;
pub use servers::{Postgres, Redis, postgres, redis};

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use barbossa::app::App;
use barbossa::config::Settings;
use tokio_util::sync::CancellationToken;

/// One household: database, music folder, settings. Dropping it removes the music and stops its tasks.
pub struct Town {
    settings: Settings,
    folder: Folder,
    stop: CancellationToken,
    door: OnceLock<PathBuf>,
}

impl Town {
    /// A migrated, empty database and an empty music folder with the usual rooms in it.
    pub async fn new() -> Self {
        Self::beneath(&std::env::temp_dir()).await
    }

    /// The same with its music in a folder of this one.
    pub async fn beneath(place: &Path) -> Self {
        let folder = Folder::new("barbossa-test-town-", place);
        let music = folder.path().join("music");
        for room in
            ["artists", "users", "import/pending", "import/review", "import/rejected", "downloads", ".trash"]
        {
            std::fs::create_dir_all(music.join(room)).unwrap();
        }
        let settings = Settings {
            music_path: music,
            database_url: postgres().fresh_database().await,
            redis_url: redis().url(),
            backup_dir: folder.path().join("backups"),
            changes_dir: folder.path().join("settings"),
            ..Settings::default()
        };
        let town = Self { settings, folder, stop: CancellationToken::new(), door: OnceLock::new() };
        town.put_marker().await;
        town
    }

    /// Another process's view of the same household.
    pub fn app_as(&self, role: &'static str) -> App {
        App::new(role, self.settings.clone(), 8).unwrap()
    }

    /// A process of this household, with its ear on PostgreSQL.
    pub fn app(&self) -> App {
        let app = self.app_as("test");
        let (ear, stop) = (app.clone(), self.stop.clone());
        tokio::spawn(async move {
            let channels = ["barbossa_job", "barbossa_job_end", "barbossa_event", "barbossa_session"];
            ear.notices.run(&ear.db, &channels, stop).await;
        });
        app
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    /// `MUSIC_PATH`.
    pub fn music(&self) -> &Path {
        &self.settings.music_path
    }

    pub fn pending(&self) -> PathBuf {
        self.music().join("import/pending")
    }

    /// A folder outside the music, on the same file system.
    pub fn outside(&self) -> PathBuf {
        self.folder.path().join("outside")
    }

    /// The local socket of this town's api, which begins to serve with the first call.
    pub fn door(&self) -> &Path {
        self.door.get_or_init(|| door::open(self.settings.clone(), self.folder.path(), self.stop.clone()))
    }

    /// Cancelled when the town ends.
    pub fn stop(&self) -> CancellationToken {
        self.stop.clone()
    }

    /// One value of one row.
    pub async fn value<T>(&self, sql: &str) -> T
    where
        T: for<'a> tokio_postgres::types::FromSql<'a>,
    {
        let app = self.app_as("look");
        let client = app.db.get().await.unwrap();
        client.query_one(sql, &[]).await.unwrap_or_else(|e| panic!("{sql}: {e:?}")).get(0)
    }

    /// Runs any statements.
    pub async fn execute(&self, sql: &str) {
        let app = self.app_as("hand");
        app.db.get().await.unwrap().batch_execute(sql).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
    }

    /// As if the beat had looked at the clock on each of so many days, today the last.
    pub async fn live_days(&self, days: i32) {
        let days_before = days - 1;
        self.execute(&format!(
            "insert into day_lived select (now() at time zone 'UTC')::date - n from generate_series(0, {days_before}) n
             on conflict on constraint day_lived_pk do nothing"
        ))
        .await;
    }

    async fn put_marker(&self) {
        let id: String = self.value("select id::text from library").await;
        std::fs::write(self.music().join(".barbossa-library"), format!("{id}\n")).unwrap();
    }
}

impl Drop for Town {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Asks again until it is so; panics with `what` after 15 seconds.
pub async fn eventually<F, Fut>(what: &str, mut is_so: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    let end = std::time::Instant::now() + std::time::Duration::from_secs(15);
    while !is_so().await {
        assert!(std::time::Instant::now() < end, "not within 15 s: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

/// Every regular file beneath a folder, relative to it, sorted.
pub fn files_beneath(folder: &Path) -> Vec<String> {
    let mut files: Vec<String> = walkdir::WalkDir::new(folder)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|e| e.file_type().is_file())
        .map(|e| e.path().strip_prefix(folder).unwrap().to_string_lossy().into_owned())
        .collect();
    files.sort();
    files
}
