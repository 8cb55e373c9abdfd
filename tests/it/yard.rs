//! A household on a fast disk whose imports run in the test itself, one call after the other, so that a test can afford
//! hundreds of them: the sound files are made once, and each run starts from the same state.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use barbossa::app::App;
use barbossa::error::Result;
use barbossa::files::faults;
use barbossa::imports::{ImportRelease, sweep};
use barbossa::jobs::{Context, Job, Outcome};
use tokio_util::sync::CancellationToken;

use crate::harness::audio::{Format, Song, album, cover};
use crate::harness::{Folder, Town, eventually, files_beneath};
use crate::upgrade;

pub struct Yard {
    pub town: Town,
    pub app: App,
    /// What lies ready: `first` (imported before) and `folder`.
    stock: Folder,
    /// Where the folder lies on its way in; no two yards have the same, since failpoints are known by it.
    pub source: String,
    /// A user hearts everything that is imported first, and a worker links it.
    pub is_hearted: bool,
    music: Folder,
}

static COUNT: AtomicU32 = AtomicU32::new(0);

/// What there is when nothing moves: each file's checksum, and the rows. Numbers of imports are left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct State {
    pub files: BTreeMap<String, String>,
    pub rows: String,
}

const ROWS: &str = "select concat_ws(E'\\n',
    (select string_agg(concat_ws(' ', path, format, size_bytes, essence, encode(checksum, 'hex')), E'\\n' order by path) from track),
    (select string_agg(concat_ws(' ', path, title, available_tracks), E'\\n' order by path) from album),
    (select string_agg(concat_ws(' ', kind, regexp_replace(path, '/[0-9]+$', '/ID'), file_count), E'\\n' order by path) from trash),
    (select string_agg(concat_ws(' ', state, reason), E'\\n' order by id) from import))";

impl Yard {
    pub async fn new(make: impl FnOnce(&Path)) -> Self {
        let fast =
            Some(PathBuf::from("/dev/shm")).filter(|shm| shm.is_dir()).unwrap_or_else(std::env::temp_dir);
        let builder = || Folder::new("barbossa-test-yard-", &fast);
        let (music, stock) = (builder(), builder());
        make(stock.path());
        let mut town = Town::new().await;
        std::fs::copy(town.music().join(".barbossa-library"), music.path().join(".barbossa-library"))
            .unwrap();
        town.settings_mut().music_path = music.path().into();
        town.settings_mut().imports.settle_seconds = 0;
        town.settings_mut().imports.settle_incomplete_seconds = 0;
        let app = town.app();
        let source = format!("import/pending/folder {}", COUNT.fetch_add(1, Ordering::Relaxed));
        Self { town, app, stock, source, is_hearted: false, music }
    }

    /// A new album with a cover and a log.
    pub fn new_album(stock: &Path) {
        album(&stock.join("folder"), "Ann", "Album", 1999, 2);
        cover(&stock.join("folder/cover.jpg"));
        std::fs::create_dir(stock.join("folder/Scans")).unwrap();
        std::fs::write(stock.join("folder/Scans/rip.log"), "fine").unwrap();
    }

    /// Two tracks that are better than what is there, one that is there, one that is new.
    pub fn upgrade(stock: &Path) {
        let song = |n, format| upgrade::song(n, 4, format).named(&format!("{n:02} Song {n}"));
        for n in [1, 2] {
            song(n, Format::Mp3).write(&stock.join("first"));
            song(n, Format::Flac16).write(&stock.join("folder"));
        }
        let both = song(3, Format::Flac16).write(&stock.join("first"));
        std::fs::copy(both, stock.join("folder/3.flac")).unwrap();
        song(4, Format::Flac16).write(&stock.join("folder"));
    }

    /// Nobody can say what it is.
    pub fn review(stock: &Path) {
        for tone in [400, 500] {
            Song::new("x").without("title").tone(tone).named(&tone.to_string()).write(&stock.join("folder"));
        }
    }

    /// Nothing of it can be read.
    pub fn rejection(stock: &Path) {
        std::fs::create_dir(stock.join("folder")).unwrap();
        std::fs::write(stock.join("folder/a.flac"), "<html>").unwrap();
        std::fs::write(stock.join("folder/b.jpg"), "no").unwrap();
    }

    /// Everything as at the start: `first` is in the library, `folder` in the inbox.
    pub async fn reset(&self) {
        let rows =
            "delete from artist; delete from trash; delete from import; delete from job; delete from event;
            delete from activity; delete from user_link; delete from link_pending";
        self.town.execute(rows).await;
        for room in ["artists", "users", "import", "downloads", ".trash"] {
            let path = self.music().join(room);
            let _ = std::fs::remove_dir_all(&path);
            std::fs::create_dir_all(&path).unwrap();
        }
        let first = self.stock.path().join("first");
        if first.is_dir() {
            copy_tree(&first, &self.music().join("import/pending/first"));
            self.settle("import/pending/first").await;
        }
        if self.is_hearted {
            let hearts = "insert into heart (user_id, album_id) select u.id, a.id from app_user u, album a";
            self.town.execute(hearts).await;
            eventually("the links are there", || async {
                self.town.value::<i64>("select count(*) from link_pending").await == 0
            })
            .await;
        }
        copy_tree(&self.stock.path().join("folder"), &self.music().join(&self.source));
    }

    pub fn music(&self) -> &Path {
        self.music.path()
    }

    /// One attempt of a fresh worker.
    pub async fn attempt(&self, path: &str) -> Result<Outcome> {
        let job = ImportRelease { path: path.into(), source: "import".into(), requested_by: None };
        attempt(&self.app, job).await
    }

    /// Attempt after attempt until it has ended.
    pub async fn settle(&self, path: &str) {
        let mut last = None;
        for _ in 0..12 {
            match self.attempt(path).await {
                Ok(Outcome::Done(_) | Outcome::Cancel(_)) => return,
                other => last = Some(other),
            }
        }
        panic!("{path} does not end: {last:?}");
    }

    pub async fn state(&self) -> State {
        let mut files = BTreeMap::new();
        for room in ["artists", "import", ".trash"] {
            for name in files_beneath(&self.music().join(room)) {
                let path = format!("{room}/{name}");
                let hash =
                    blake3::hash(&std::fs::read(self.music().join(&path)).unwrap()).to_hex().to_string();
                files.insert(without_numbers(&path), hash);
            }
        }
        State { files, rows: self.town.value(ROWS).await }
    }

    /// Every sound that there was is still there, whatever it is called.
    pub fn require_audio(&self, at: &str) {
        let hashes = |folder: &Path| -> Vec<String> {
            let files = files_beneath(folder).into_iter().map(|f| folder.join(f));
            files.map(|f| blake3::hash(&std::fs::read(f).unwrap()).to_hex().to_string()).collect()
        };
        let there = hashes(self.music());
        for hash in hashes(self.stock.path()) {
            assert!(there.contains(&hash), "{at}: a file is lost");
        }
    }

    /// The same as undisturbed, nothing half-done, and a second recovery changes nothing.
    pub async fn require(&self, expected: &State, at: &str) {
        let state = self.state().await;
        assert_eq!(&state, expected, "{at}");
        assert_eq!(sweep(&self.app).await.unwrap(), 0, "{at}: nothing is left to do");
        let rest: i64 = self.town.value("select count(*) from import where is_on_its_way").await;
        assert_eq!(rest, 0, "{at}");
        let hidden = |path: &&String| path.split('/').skip(1).any(|part| part.starts_with('.'));
        assert!(state.files.keys().find(hidden).is_none(), "{at}: {:?}", state.files);
        assert!(!self.music().join(&self.source).exists(), "{at}: the folder is still there");
    }

    /// What comes of it undisturbed, and the calls to the file system that it takes.
    pub async fn undisturbed(&self, ending: &str) -> (State, Vec<String>) {
        self.reset().await;
        faults::arm(self.music(), usize::MAX, faults::Fault::None);
        self.settle(&self.source).await;
        let calls = faults::disarm(self.music());
        let state = self.state().await;
        let last = state.rows.lines().last().unwrap_or_default();
        assert!(last.starts_with(ending), "{last}");
        self.require(&state, "undisturbed").await;
        (state, calls)
    }
}

/// One attempt of a fresh worker at any job.
pub async fn attempt<J: Job>(app: &App, job: J) -> Result<Outcome> {
    attempt_until(CancellationToken::new(), app, job).await
}

/// The same by a worker that may be told to stop.
pub async fn attempt_until<J: Job>(stop: CancellationToken, app: &App, job: J) -> Result<Outcome> {
    const LEASE: &str = "insert into job (queue, kind, state, attempt, lease_token, lease_expires_at)
        values ('imports', $1, 'running', 1, gen_random_uuid(), now() + interval '1 hour')
        returning id, lease_token";
    let client = app.db.get().await?;
    let row = client.query_one(LEASE, &[&J::KIND]).await?;
    drop(client);
    let context = Context {
        app: app.clone(),
        id: row.get(0),
        attempt: 1,
        lease: row.get(1),
        stop,
        request_id: None,
        progress: tokio::sync::watch::channel(None).0,
    };
    job.run(&context).await
}

pub fn without_numbers(path: &str) -> String {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    path.split('/').map(|part| if is_number(part) { "ID" } else { part }).collect::<Vec<_>>().join("/")
}

pub fn copy_tree(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.unwrap();
        let inside = entry.path().strip_prefix(from).unwrap();
        let to = if inside.as_os_str().is_empty() { to.to_owned() } else { to.join(inside) };
        if entry.file_type().is_dir() {
            std::fs::create_dir_all(to).unwrap();
        } else {
            std::fs::create_dir_all(to.parent().unwrap()).unwrap();
            std::fs::copy(entry.path(), to).unwrap();
        }
    }
}
