//! The household, and the small model that it is held against.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::Router;
use barbossa::app::App;
use barbossa::audio;
use barbossa::auth::{self, NewUser};
use barbossa::db::{Notice, Sql};
use barbossa::imports::sweep;
use barbossa::jobs::{Queue, Worker};
use barbossa::roles::rooms;
use http::Method;
use serde_json::{Value, json};
use tokio::sync::broadcast;

use super::chance::Chance;
use super::stock::{essence_of, stock};
use crate::harness::{Answer, Client, Town};

const PASSWORD: &str = "correct horse battery";
// Half of PostgreSQL's time would else be planning, for thousands of questions about a handful of rows.
const QUICK: &str = "do $$ begin
        execute format('alter database %I set plan_cache_mode = force_generic_plan', current_database());
        execute format('alter database %I set synchronous_commit = off', current_database());
    end $$";

/// What is wrong, as a sentence.
pub type Verdict = Result<(), String>;

/// The household, its worker, and what must be so.
pub struct House {
    pub town: Town,
    pub app: App,
    pub chance: Chance,
    pub users: Vec<Person>,
    worker: Worker,
    /// Every essence that must be on the disk, and in how many files (users' folders left out).
    pub kept: BTreeMap<String, usize>,
    /// Which song each track's row was when it was first seen: album and number in the stock.
    pub known: BTreeMap<i64, (usize, u32)>,
    /// Which tracks each user has hearted, directly or by the album.
    pub hearted: BTreeSet<(i64, i64)>,
    /// Essences of files by inode, change time and size: read again only when they changed.
    read: HashMap<(u64, i64, i64, u64), String>,
    /// What was deleted: by the trash's entry, its tracks and who had hearted them.
    pub deleted: BTreeMap<i64, Deleted>,
    deeds: VecDeque<String>,
    counts: BTreeMap<&'static str, u64>,
    /// Where the time goes.
    pub took: BTreeMap<&'static str, Duration>,
    pub folders: u64,
    /// Which life this is: others are lived beside it.
    pub life: u64,
}

/// A member with a session.
#[derive(Clone)]
pub struct Person {
    pub id: i64,
    pub name: String,
    pub client: Client,
}

/// Tracks that were deleted together, and who had hearted which.
pub struct Deleted {
    pub tracks: Vec<i64>,
    pub hearts: Vec<(i64, i64)>,
}

/// A track's row.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    pub id: i64,
    pub album_id: i64,
    pub path: String,
    pub size_bytes: i64,
    pub essence: Option<String>,
    pub title: String,
}

/// An audio file beneath MUSIC_PATH.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    pub path: String,
    pub inode: u64,
    pub size_bytes: u64,
    pub essence: String,
}

impl House {
    pub async fn new(life: u64, chance: Chance) -> Self {
        // In memory where there is some: a life is thousands of fsyncs, and no power cut is played here.
        let memory = Path::new("/dev/shm");
        let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
        let mut town = Town::beneath(&place).await;
        town.settings_mut().imports.settle_seconds = 0;
        town.settings_mut().imports.settle_incomplete_seconds = 0;
        town.execute(QUICK).await;
        let app = town.app();
        let worker = Worker::new(app.clone(), rooms::jobs(), &[Queue::Imports, Queue::Maintenance], 2);
        let anyone = Client::new(Router::new().nest("/api", rooms::routes().into()).with_state(app.clone()));
        let mut users = Vec::new();
        for (name, is_admin) in [("ann", true), ("bob", false)] {
            let client = app.db.get().await.unwrap();
            let new = NewUser { username: name, password: &PASSWORD.into(), is_admin };
            let id = auth::create_user(&client, new).await.unwrap().id;
            let login = json!({"username": name, "password": PASSWORD});
            let answer = anyone.post("/api/auth/login", login).await.expect(200);
            let client = anyone.with_token(answer["token"].as_str().unwrap());
            users.push(Person { id, name: name.into(), client });
        }
        Self {
            town,
            app,
            chance,
            users,
            worker,
            kept: BTreeMap::new(),
            known: BTreeMap::new(),
            hearted: BTreeSet::new(),
            read: HashMap::new(),
            deleted: BTreeMap::new(),
            deeds: VecDeque::new(),
            counts: BTreeMap::new(),
            took: BTreeMap::new(),
            folders: 0,
            life,
        }
    }

    /// Writes down what is done, for the one who reads why it failed.
    pub fn note(&mut self, kind: &'static str, deed: String) {
        *self.counts.entry(kind).or_default() += 1;
        if self.deeds.len() == 40 {
            self.deeds.pop_front();
        }
        self.deeds.push_back(format!("{kind}: {deed}"));
    }

    pub fn last_deeds(&self) -> String {
        self.deeds.iter().cloned().collect::<Vec<_>>().join("\n")
    }

    pub fn sum(&self) -> String {
        self.counts.iter().map(|(kind, n)| format!("{kind} {n}")).collect::<Vec<_>>().join(", ")
    }

    /// How the imports ended.
    pub async fn imports(&self) -> String {
        let sql = "select coalesce(string_agg(concat(n, ' × ', state, ' ', reason), E'\n'), '') from
            (select count(*) n, state, regexp_replace(reason, '[0-9]+', '#', 'g') reason from import group by 2, 3 order by 1 desc) i";
        self.town_value(sql).await
    }

    /// How long the jobs took, by kind.
    pub async fn jobs(&self) -> String {
        let sql = "select coalesce(string_agg(concat(kind, ' ', n, ' × ', ms, ' ms'), ', '), '') from
            (select kind, count(*) n, round(1000 * avg(extract(epoch from finished_at - attempted_at))) ms from job
             where finished_at is not null group by 1 order by 2 desc) j";
        self.town_value(sql).await
    }

    /// A life in which nothing happened proves nothing.
    pub fn was_a_full_life(&self) {
        for deed in [
            "buy",
            "heart",
            "unheart",
            "power cut",
            "delete",
            "restore",
            "throw away",
            "unplug",
            "edit",
            "undo",
            "foreign edit",
            "foreign move",
        ] {
            assert!(self.counts.get(deed).is_some_and(|n| *n >= 5), "too little {deed}: {}", self.sum());
        }
    }

    /// Runs all jobs there are, those that were put off too: time passes.
    pub async fn let_pass(&self) {
        for _ in 0..6 {
            tokio::select! {
                done = self.worker.run_due() => drop(done.unwrap()),
                () = self.time_flies() => {}
            }
            if self.hurry().await == 0 {
                return;
            }
        }
    }

    /// One job waits for what another one does, which was put off: not for long. Does not end.
    async fn time_flies(&self) {
        // Those that are due are the worker's to take: it passes over a row that is locked.
        let sql = "with put_off as (update job set run_at = now()
                where state = 'available' and queue <> 'network' and run_at > now() returning 1)
            select count(pg_notify('barbossa_job', 'imports')) from put_off";
        loop {
            tokio::time::sleep(Duration::from_millis(50)).await;
            self.town_value::<i64>(sql).await;
        }
    }

    /// What was put off for later is due now; how many jobs that are. The network's are another worker's.
    async fn hurry(&self) -> i64 {
        let sql =
            "with put_off as (update job set run_at = now() where state = 'available' and queue <> 'network'
                returning 1)
            select count(*) from put_off";
        self.town_value(sql).await
    }

    /// Asks the API, while the worker works.
    pub async fn ask(&self, person: &Person, method: Method, path: &str, body: Option<Value>) -> Answer {
        let (client, path) = (person.client.clone(), path.to_owned());
        let mut notices = self.app.notices.subscribe();
        let mut asking = tokio::spawn(async move { client.send(method, &path, body).await });
        loop {
            let is_late = tokio::select! {
                answer = &mut asking => return answer.unwrap(),
                () = a_job_came(&mut notices) => false,
                () = tokio::time::sleep(Duration::from_millis(20)) => true,
            };
            if self.worker.run_due().await.unwrap() > 0 || is_late {
                self.hurry().await;
            }
        }
    }

    pub async fn town_value<T>(&self, sql: &'static str) -> T
    where
        T: for<'a> tokio_postgres::types::FromSql<'a>,
    {
        let client = self.app.db.get().await.unwrap();
        client.row(sql, &[]).await.unwrap_or_else(|e| panic!("{sql}: {e:?}")).get(0)
    }

    pub fn music(&self) -> PathBuf {
        self.town.music().to_owned()
    }

    pub async fn rows(&self) -> Vec<Row> {
        let client = self.app.db.get().await.unwrap();
        let sql =
            "select id, album_id, path, size_bytes, essence, title from track order by path collate \"C\"";
        let rows = client.rows(sql, &[]).await.unwrap();
        let row = |r: &tokio_postgres::Row| Row {
            id: r.get(0),
            album_id: r.get(1),
            path: r.get(2),
            size_bytes: r.get(3),
            essence: r.get(4),
            title: r.get(5),
        };
        rows.iter().map(row).collect()
    }

    /// Every audio file beneath a folder of MUSIC_PATH, by path.
    pub fn files(&mut self, folder: &str) -> Vec<Found> {
        let music = self.music();
        let walk = walkdir::WalkDir::new(music.join(folder)).sort_by_file_name();
        let mut found = Vec::new();
        for entry in walk.into_iter().filter_map(Result::ok).filter(|e| e.file_type().is_file()) {
            if !audio::is_audio_name(entry.path()) {
                continue;
            }
            let meta = entry.metadata().unwrap();
            let key = (meta.ino(), meta.ctime(), meta.ctime_nsec(), meta.len());
            let essence = self.read.entry(key).or_insert_with(|| essence_of(entry.path())).clone();
            let path = entry.path().strip_prefix(&music).unwrap().to_str().unwrap().to_owned();
            found.push(Found { path, inode: meta.ino(), size_bytes: meta.len(), essence });
        }
        found
    }

    /// Which tracks users have hearted, directly or by the album.
    pub async fn hearted_now(&self) -> BTreeSet<(i64, i64)> {
        let client = self.app.db.get().await.unwrap();
        let sql = "select h.user_id, t.id from heart h join track t on t.id = h.track_id or t.album_id = h.album_id";
        client.rows(sql, &[]).await.unwrap().iter().map(|r| (r.get(0), r.get(1))).collect()
    }

    /// Everything that must be so after each step.
    pub async fn check(&mut self) -> Verdict {
        let mut all = Vec::new();
        for folder in ["artists", "import", "downloads", ".trash"] {
            all.extend(self.files(folder));
        }
        // What an edit keeps for its undo is no song of its own.
        all.retain(|f| !f.path.starts_with(".trash/edits/"));
        self.nothing_is_lost_doubled_or_altered(&all)?;
        let rows = self.rows().await;
        let filed: Vec<&Found> = all.iter().filter(|f| f.path.starts_with("artists/")).collect();
        rows_equal_files(&rows, &filed)?;
        self.tracks_are_who_they_were(&rows, &filed)?;
        self.hearts_stay().await?;
        self.folders_are_what_is_hearted(&rows, &filed).await?;
        self.nothing_is_left_to_do().await
    }

    fn nothing_is_lost_doubled_or_altered(&self, all: &[Found]) -> Verdict {
        let inodes: BTreeMap<u64, &Found> = all.iter().map(|f| (f.inode, f)).collect();
        let mut there: BTreeMap<&str, usize> = BTreeMap::new();
        for found in inodes.values() {
            *there.entry(&found.essence).or_default() += 1;
        }
        let kept: BTreeMap<&str, usize> =
            self.kept.iter().filter(|(_, n)| **n > 0).map(|(e, n)| (e.as_str(), *n)).collect();
        if there == kept {
            return Ok(());
        }
        let name = |essence: &str| {
            stock().by_essence(essence).map(|c| format!("album {} track {} {:?}", c.album, c.track, c.grade))
        };
        let all_keys: BTreeSet<&str> = there.keys().chain(kept.keys()).copied().collect();
        let wrong: Vec<String> = all_keys
            .into_iter()
            .filter(|k| there.get(k) != kept.get(k))
            .map(|k| {
                let places: Vec<&str> =
                    all.iter().filter(|f| f.essence == k).map(|f| f.path.as_str()).collect();
                format!("{:?} ({k}): {:?} files, not {:?}: {places:?}", name(k), there.get(k), kept.get(k))
            })
            .collect();
        Err(format!("audio was lost, doubled or altered: {}", wrong.join("\n  ")))
    }

    /// A row keeps its song for life; a new row is a new one.
    fn tracks_are_who_they_were(&mut self, rows: &[Row], filed: &[&Found]) -> Verdict {
        let by_path: HashMap<&str, &str> =
            filed.iter().map(|f| (f.path.as_str(), f.essence.as_str())).collect();
        for row in rows {
            let essence = by_path[row.path.as_str()];
            let copy =
                stock().by_essence(essence).ok_or_else(|| format!("{} is no song of the stock", row.path))?;
            let song = (copy.album, copy.track);
            let was = *self.known.entry(row.id).or_insert(song);
            if was != song {
                return Err(format!("track {} was {was:?} and is {song:?} now: {}", row.id, row.path));
            }
            if row.essence.as_deref().is_some_and(|e| e != essence) {
                return Err(format!(
                    "the row of {} has the essence {:?}, the file {essence}",
                    row.path, row.essence
                ));
            }
        }
        let there: BTreeSet<i64> = rows.iter().map(|r| r.id).collect();
        match self.known.keys().find(|id| !there.contains(id)) {
            Some(id) => Err(format!("track {id}, {:?}, has no row any more", self.known[id])),
            None => Ok(()),
        }
    }

    /// Nothing but a person takes a heart away.
    async fn hearts_stay(&mut self) -> Verdict {
        let now = self.hearted_now().await;
        if let Some(gone) = self.hearted.iter().find(|h| !now.contains(h)) {
            // What a reader of this wants to know next.
            let sql = "select coalesce(string_agg(concat_ws(' ', t.id, t.album_id, t.path, t.title), E'\\n' order by t.id), '') from track t
                where exists (select from track x where x.id = $1 and split_part(x.path, '/', 2) = split_part(t.path, '/', 2))";
            let client = self.app.db.get().await.unwrap();
            let near: String = client.row(sql, &[&gone.1]).await.unwrap().get(0);
            return Err(format!(
                "user {} has lost the heart of track {}; its artist's tracks:\n{near}",
                gone.0, gone.1
            ));
        }
        self.hearted = now;
        Ok(())
    }

    async fn folders_are_what_is_hearted(&mut self, rows: &[Row], filed: &[&Found]) -> Verdict {
        let inodes: HashMap<&str, u64> = filed.iter().map(|f| (f.path.as_str(), f.inode)).collect();
        for Person { id: user, name, .. } in self.users.clone() {
            let wanted: BTreeMap<String, u64> = rows
                .iter()
                .filter(|r| self.hearted.contains(&(user, r.id)))
                .map(|r| (r.path.replacen("artists", &format!("users/{name}"), 1), inodes[r.path.as_str()]))
                .collect();
            let there: BTreeMap<String, u64> =
                self.files(&format!("users/{name}")).into_iter().map(|f| (f.path, f.inode)).collect();
            let wrong: Vec<&String> = wanted
                .iter()
                .chain(&there)
                .filter(|(path, inode)| wanted.get(*path) != Some(inode) || there.get(*path) != Some(inode))
                .map(|(path, _)| path)
                .collect();
            if !wrong.is_empty() {
                let made = "select coalesce(string_agg(concat_ws(' ', path, album_id, inode), '; '), '') from user_link";
                let done = "select coalesce(string_agg(concat(id, ' ', result), E'\\n'), '') from
                    (select id, result from job where kind = 'hearts.reconcile_links' order by id desc limit 4) j";
                let (made, done) =
                    (self.town_value::<String>(made).await, self.town_value::<String>(done).await);
                return Err(format!(
                    "{name}'s folder differs in {wrong:?}: there {:?}, wanted {:?}; links made: {made}; jobs:\n{done}",
                    wrong.iter().map(|p| there.get(*p)).collect::<Vec<_>>(),
                    wrong.iter().map(|p| wanted.get(*p)).collect::<Vec<_>>(),
                ));
            }
        }
        Ok(())
    }

    /// A second recovery finds nothing.
    async fn nothing_is_left_to_do(&self) -> Verdict {
        if sweep(&self.app).await.map_err(|e| e.to_string())? > 0 {
            let what: String = self
                .town_value(
                    "select string_agg(concat(kind, ' ', payload), '; ') from job
                        where state = 'available' and queue <> 'network'",
                )
                .await;
            return Err(format!("a second recovery finds something to do: {what}"));
        }
        let left =
            "select concat_ws('; ', (select string_agg(concat('import ', id, ' ', state, ' ', reason), ', ')
                    from import where finished_at is null),
                (select string_agg(concat(kind, ' ', state, ' ', error), ', ') from job
                    where state in ('available', 'running', 'discarded') and queue <> 'network'),
                (select string_agg(concat('links of ', user_id), ', ') from link_pending))";
        match self.town_value::<String>(left).await.as_str() {
            "" => Ok(()),
            left => Err(format!("left on the way: {left}")),
        }
    }
}

/// Returns when somebody has said that there is a job to do, or may have said it.
async fn a_job_came(notices: &mut broadcast::Receiver<Notice>) {
    while let Ok(Notice::Message { channel, .. }) = notices.recv().await {
        if channel == "barbossa_job" {
            return;
        }
    }
}

fn rows_equal_files(rows: &[Row], filed: &[&Found]) -> Verdict {
    let hidden = filed.iter().find(|f| f.path.split('/').any(|part| part.starts_with('.')));
    if let Some(hidden) = hidden {
        return Err(format!("a hidden file in the library: {}", hidden.path));
    }
    let by_path = |path: &str, size: u64| format!("{path} ({size} bytes)");
    let mut rows: Vec<String> = rows.iter().map(|r| by_path(&r.path, r.size_bytes as u64)).collect();
    let mut files: Vec<String> = filed.iter().map(|f| by_path(&f.path, f.size_bytes)).collect();
    rows.sort();
    files.sort();
    if rows == files {
        return Ok(());
    }
    let only = |a: &[String], b: &[String]| a.iter().filter(|x| !b.contains(x)).cloned().collect::<Vec<_>>();
    Err(format!(
        "rows without files: {:?}; files without rows: {:?}",
        only(&rows, &files),
        only(&files, &rows)
    ))
}
