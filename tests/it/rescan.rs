//! Looking again at an adopted library: what others have done to the files is followed, and nothing is lost by it.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use barbossa::app::App;
use barbossa::files::rename_noreplace;
use barbossa::hearts::ReconcileLinks;
use barbossa::imports::{self, Adopt, PreviewAdoption};
use barbossa::jobs::{self, End, Job, Queue, Registry, Worker};
use barbossa::library::ReadEssences;
use lofty::prelude::*;
use serde_json::Value;

use crate::harness::audio::{Format, Song, album};
use crate::harness::{Client, Town};

/// A household with an adopted library, every file of which was read whole.
pub struct Home {
    pub town: Town,
    pub app: App,
}

impl Home {
    pub async fn new() -> Self {
        let town = Town::new().await;
        let app = town.app();
        let registry = Registry::new()
            .with::<Adopt>()
            .with::<PreviewAdoption>()
            .with::<ReadEssences>()
            .with::<ReconcileLinks>();
        let worker = Worker::new(app.clone(), registry, &[Queue::Imports, Queue::Maintenance], 2);
        let stop = town.stop();
        tokio::spawn(async move { worker.run(stop).await });
        Self { town, app }
    }

    pub fn artists(&self, path: &str) -> PathBuf {
        self.town.music().join("artists").join(path)
    }

    pub async fn run(&self, job: impl Job) -> End {
        let id = jobs::enqueue(&self.app.db.get().await.unwrap(), &job).await.unwrap();
        let mut ended = jobs::wait(&self.app, &[id], Duration::from_secs(30)).await;
        ended.pop().unwrap_or_else(|| panic!("job {id} did not end")).end
    }

    pub async fn rescan(&self) -> Value {
        match self.run(Adopt::everything()).await {
            End::Completed(sum) => sum,
            other => panic!("{other:?}"),
        }
    }

    /// Adopts, and knows every essence.
    pub async fn settle(&self) -> Value {
        let sum = self.rescan().await;
        assert!(matches!(self.run(ReadEssences::default()).await, End::Completed(_)));
        sum
    }

    pub async fn text(&self, sql: &str) -> String {
        self.town.value(sql).await
    }

    pub async fn number(&self, sql: &str) -> i64 {
        self.town.value(sql).await
    }

    /// A member with a heart on an album; waits for the links.
    async fn member_with_heart(&self, album: &str) {
        self.town
            .execute(&format!(
                "insert into app_user (username, username_key, password_hash) values ('ada', 'ada', 'x') on conflict do nothing;
                 insert into heart (user_id, album_id) select u.id, a.id from app_user u, album a where a.title = '{album}'"
            ))
            .await;
        self.links_settle().await;
    }

    async fn links_settle(&self) {
        crate::harness::eventually("the links follow", || async {
            self.number("select count(*) from link_pending").await == 0
                && self.number("select count(*) from job where state in ('available', 'running') and kind in ('imports.adopt', 'library.read_essences', 'hearts.reconcile_links')").await == 0
        })
        .await;
    }

    fn beneath(&self, folder: &str) -> Vec<String> {
        crate::harness::files_beneath(&self.town.music().join(folder))
    }
}

fn move_file(from: impl AsRef<Path>, to: impl AsRef<Path>) {
    rename_noreplace(from.as_ref(), to.as_ref()).unwrap();
}

fn sums(sum: &Value) -> [u64; 6] {
    ["new", "changed", "moved", "returned", "missing", "damaged"]
        .map(|what| sum[format!("{what}_files")].as_u64().unwrap())
}

/// Other tags, the same audio, another time: what a tag editor does.
fn retag(path: &Path, change: impl FnOnce(&mut lofty::tag::Tag)) {
    let mut file = lofty::read_from_path(path).unwrap();
    let kind = file.primary_tag_type();
    let mut tag = file.remove(kind).unwrap_or_else(|| lofty::tag::Tag::new(kind));
    change(&mut tag);
    file.insert_tag(tag);
    file.save_to_path(path, lofty::config::WriteOptions::default()).unwrap();
    let later = std::time::SystemTime::now() + Duration::from_secs(5);
    fs::File::options().write(true).open(path).unwrap().set_modified(later).unwrap();
}

const IDS: &str = "select string_agg(id::text, ' ' order by disc_number, track_number) from track";

#[tokio::test]
async fn a_file_moved_renamed_and_retagged_at_once_keeps_its_id_and_hearts() {
    let home = Home::new().await;
    let files = album(&home.artists("Ann/One (1999)"), "Ann", "One", 1999, 3);
    home.settle().await;
    home.member_with_heart("One").await;
    let before = home.text(IDS).await;
    let album_before = home.number("select id from album").await;
    let target = home.artists("Anne/The One (2000)");
    fs::create_dir_all(&target).unwrap();
    for (n, file) in files.iter().enumerate() {
        let there = target.join(format!("{} renamed.flac", n + 1));
        move_file(file, &there);
        retag(&there, |tag| {
            tag.set_artist("Anne".into());
            tag.insert_text(ItemKey::AlbumArtist, "Anne".into());
            tag.set_album("The One".into());
            tag.set_title(format!("Another {n}"));
        });
    }
    fs::remove_dir(home.artists("Ann/One (1999)")).unwrap();
    let sum = home.rescan().await;
    assert_eq!(sums(&sum), [0, 0, 3, 0, 0, 0], "{sum}");
    assert_eq!(home.text(IDS).await, before);
    let row = "select concat_ws('|', a.id, r.name, a.title, a.path, a.available_tracks) from album a join artist r on r.id = a.artist_id";
    assert_eq!(home.text(row).await, format!("{album_before}|Anne|The One|artists/Anne/The One (2000)|3"));
    home.links_settle().await;
    let linked = home.beneath("users/ada");
    assert_eq!(linked.len(), 3, "{linked:?}");
    assert!(linked.iter().all(|l| l.starts_with("Anne/The One (2000)/")), "{linked:?}");
    assert_eq!(sums(&home.rescan().await), [0; 6], "a second look finds nothing");
}

#[tokio::test]
async fn a_retagged_track_that_lay_in_another_albums_folder_keeps_its_heart() {
    let home = Home::new().await;
    let files = album(&home.artists("Ann/One (1999)"), "Ann", "One", 1999, 2);
    home.settle().await;
    // As after a restore: the second track's album has its folder elsewhere.
    let two = "with two as (insert into album (artist_id, title, title_key, sort_key, path)
            select id, 'Two', 'two', 'two', 'artists/Ann/Two' from artist returning id)
        update track t set album_id = two.id from two where t.track_number = 2";
    home.town.execute(two).await;
    home.member_with_heart("Two").await;
    retag(&files[1], |tag| tag.set_title("Other".into()));
    home.rescan().await;
    home.links_settle().await;
    let track = "select concat_ws(' ', a.title, t.title) from track t join album a on a.id = t.album_id where t.track_number = 2";
    assert_eq!(home.text(track).await, "One Other", "the folder's album has it now");
    let hearted = "select string_agg(t.title, ', ') from heart h join track t on t.id = h.track_id or t.album_id = h.album_id";
    assert_eq!(home.text(hearted).await, "Other");
    assert_eq!(home.beneath("users/ada"), ["Ann/One (1999)/02 - Song 2.flac"]);
    assert_eq!(home.number("select count(*) from album").await, 1, "an album without tracks goes");
}

#[tokio::test]
async fn missing_is_not_deleted_and_what_returns_is_there_again() {
    let home = Home::new().await;
    album(&home.artists("Ann/One (1999)"), "Ann", "One", 1999, 2);
    album(&home.artists("Bob/Two (2000)"), "Bob", "Two", 2000, 1);
    home.settle().await;
    let (there, away) = (home.artists("Ann/One (1999)"), home.town.music().join("away"));
    move_file(&there, &away);
    let sum = home.rescan().await;
    assert_eq!(sums(&sum), [0, 0, 0, 0, 2, 0], "{sum}");
    assert_eq!(sum["lines"][0]["what"], "2 missing", "{sum}");
    let state = "select concat_ws('|', (select count(*) from track), (select count(*) from track where missing_since is not null),
        (select available_tracks from album where title = 'One'), (select count(*) from damage where ended_at is null and kind = 'missing'))";
    assert_eq!(home.text(state).await, "3|2|0|2");
    assert_eq!(sums(&home.rescan().await), [0; 6], "it is told once");
    move_file(&away, &there);
    let sum = home.rescan().await;
    assert_eq!(sums(&sum), [0, 0, 0, 2, 0, 0], "{sum}");
    assert_eq!(home.text(state).await, "3|0|2|0");
}

#[tokio::test]
async fn when_much_is_gone_at_once_nothing_is_changed() {
    let home = Home::new().await;
    album(&home.artists("Ann/One (1999)"), "Ann", "One", 1999, 1);
    home.settle().await;
    home.town
        .execute(
            "insert into track (album_id, title, title_key, track_number, path, size_bytes, modified_at, format, is_lossy)
             select a.id, 'x', 'x', n, 'artists/Gone/Album/' || n || '.flac', 1, now(), 'FLAC', false from album a, generate_series(1, 250) n",
        )
        .await;
    album(&home.artists("Bob/Two (2000)"), "Bob", "Two", 2000, 1);
    let End::Cancelled(reason) = home.run(Adopt::everything()).await else { panic!("it went on") };
    assert!(reason.contains("249 of 251 files are gone at once"), "{reason}");
    let state = "select concat_ws('|', (select count(*) from album), (select count(*) from track where missing_since is not null),
        (select name from alarm))";
    assert_eq!(home.text(state).await, "1|0|files_vanished");
    // A person knows better.
    let accepted = Adopt { accept_missing: true, ..Adopt::everything() };
    assert!(matches!(home.run(accepted).await, End::Completed(_)));
    assert_eq!(home.text(state).await, "2|250");
}

#[tokio::test]
async fn without_its_marker_a_library_is_left_alone() {
    let home = Home::new().await;
    album(&home.artists("Ann/One (1999)"), "Ann", "One", 1999, 1);
    home.settle().await;
    fs::remove_file(home.town.music().join(".barbossa-library")).unwrap();
    fs::remove_dir_all(home.artists("Ann")).unwrap();
    let End::Cancelled(reason) = home.run(Adopt::everything()).await else { panic!("it went on") };
    assert!(reason.contains("marker"), "{reason}");
    assert_eq!(home.number("select count(*) from track where missing_since is null").await, 1);
}

#[tokio::test]
async fn tags_changed_by_another_program_are_taken_and_told() {
    for format in [Format::Flac16, Format::Mp3, Format::Aac] {
        let home = Home::new().await;
        let song = Song::new("Song").artist("Ann").album_artist("Ann").album("One").track(1, 1);
        let file = song.format(format).write(&home.artists("Ann/One"));
        home.settle().await;
        let before = home.text("select concat_ws('|', id, essence) from track").await;
        retag(&file, |tag| tag.set_title("Better Name".into()));
        let sum = home.rescan().await;
        assert_eq!(sums(&sum), [0, 1, 0, 0, 0, 0], "{format:?} {sum}");
        assert_eq!(home.text("select concat_ws('|', id, essence) from track").await, before, "{format:?}");
        let told =
            "select details #>> '{tracks,0,before,title}' || ' -> ' || (details #>> '{tracks,0,after,title}')
            from activity where action = 'tags_changed'";
        assert_eq!(home.text(told).await, "Song -> Better Name", "{format:?}");
        assert_eq!(home.number("select count(*) from damage").await, 0);
    }
}

#[tokio::test]
async fn other_audio_under_a_known_name_is_reported_and_not_taken() {
    let home = Home::new().await;
    let song = |tone| Song::new("Song").artist("Ann").album("One").track(1, 1).tone(tone);
    song(440).write(&home.artists("Ann/One"));
    home.settle().await;
    let before = home.text("select track::text from track").await;
    let mut other = song(880);
    other.milliseconds = 900;
    other.write(&home.artists("Ann/One"));
    let sum = home.rescan().await;
    assert_eq!(sums(&sum), [0, 0, 0, 0, 0, 1], "{sum}");
    let damage =
        "select concat_ws('|', kind, details ->> 'path', details #>> '{found,quality}' like 'FLAC 44100 Hz%',
        details #>> '{expected,quality}' like 'FLAC 44100 Hz%') from damage where ended_at is null";
    assert_eq!(home.text(damage).await, "replaced|artists/Ann/One/Song.flac|t|t");
    assert_eq!(home.text("select track::text from track").await, before, "the row waits for a person");
    let sum = home.rescan().await;
    assert_eq!((sums(&sum), sum["files"].as_u64()), ([0; 6], Some(0)), "it is not read again: {sum}");
}

#[tokio::test]
async fn two_albums_merged_by_hand_keep_everyones_music() {
    let home = Home::new().await;
    album(&home.artists("Ann/One (1999)"), "Ann", "One", 1999, 2);
    let extra = album(&home.artists("Ann/Bonus (1999)"), "Ann", "Bonus", 1999, 2);
    home.settle().await;
    home.member_with_heart("Bonus").await;
    let before = home.text("select string_agg(id::text, ' ' order by id) from track").await;
    for (n, file) in extra.iter().enumerate() {
        move_file(file, home.artists("Ann/One (1999)").join(format!("1{n} - Bonus.flac")));
    }
    fs::remove_dir(home.artists("Ann/Bonus (1999)")).unwrap();
    let sum = home.rescan().await;
    assert_eq!(sums(&sum), [0, 0, 2, 0, 0, 0], "{sum}");
    assert_eq!(home.text("select string_agg(id::text, ' ' order by id) from track").await, before);
    let albums = "select string_agg(path || ' ' || available_tracks, ', ') from album";
    assert_eq!(home.text(albums).await, "artists/Ann/One (1999) 4");
    home.links_settle().await;
    let linked = home.beneath("users/ada").into_iter().collect::<Vec<_>>();
    assert_eq!(linked, ["Ann/One (1999)/10 - Bonus.flac", "Ann/One (1999)/11 - Bonus.flac"]);
}

#[tokio::test]
async fn strange_things_in_the_library_are_named_and_left() {
    let home = Home::new().await;
    album(&home.artists("Ann/One (1999)"), "Ann", "One", 1999, 1);
    let song = Song::new("Song").artist("Bob").album("Two").track(1, 1).write(&home.artists("Bob/Two"));
    move_file(&song, home.artists("Bob/Two").join(std::ffi::OsStr::from_bytes(b"caf\xe9.flac")));
    fs::write(home.artists("Ann/One (1999)/02 - Broken.flac"), "not audio at all, only words").unwrap();
    fs::create_dir_all(home.artists("Empty/Album")).unwrap();
    std::os::unix::fs::symlink(home.artists("Ann"), home.artists("Link")).unwrap();
    let before = home.beneath("artists");
    let sum = home.rescan().await;
    assert_eq!(sum["new_files"], 1, "{sum}");
    assert_eq!(sum["unreadable_files"], 2, "{sum}");
    let all = sum.to_string();
    assert!(all.contains("its name is not UTF-8") && all.contains("artists/Link: a symbolic link"), "{all}");
    assert_eq!(home.beneath("artists"), before, "nothing is touched");
    let again = home.rescan().await;
    assert_eq!((again["files"].as_u64(), again["unreadable_files"].as_u64()), (Some(0), Some(2)), "{again}");
}

#[tokio::test]
async fn a_folder_that_may_not_be_read_hides_its_files_and_loses_none() {
    if nix::unistd::geteuid().is_root() {
        eprintln!("skipped: root may read everything");
        return;
    }
    let home = Home::new().await;
    album(&home.artists("Ann/One (1999)"), "Ann", "One", 1999, 1);
    home.settle().await;
    fs::set_permissions(home.artists("Ann"), fs::Permissions::from_mode(0o0)).unwrap();
    let sum = home.rescan().await;
    fs::set_permissions(home.artists("Ann"), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(sums(&sum), [0; 6], "{sum}");
    assert!(sum["left_out"][0].as_str().unwrap().contains("may not be read"), "{sum}");
}

#[tokio::test]
async fn a_dry_run_says_what_would_be_done_and_does_nothing() {
    let home = Home::new().await;
    let one = album(&home.artists("Ann/One (1999)"), "Ann", "One", 1999, 2);
    let two = album(&home.artists("Bob/Two (2000)"), "Bob", "Two", 2000, 2);
    home.settle().await;
    album(&home.artists("Cid/Three (2001)"), "Cid", "Three", 2001, 2);
    retag(&one[0], |tag| tag.set_title("New".into()));
    fs::create_dir_all(home.artists("Bob/Elsewhere")).unwrap();
    move_file(&two[0], home.artists("Bob/Elsewhere/1.flac"));
    fs::remove_file(&two[1]).unwrap();
    let rows = "select string_agg(t::text, ' ' order by id) || (select count(*) from activity) from track t";
    let before = home.text(rows).await;
    let dry = PreviewAdoption { dir: "artists".into(), accept_missing: false };
    let End::Completed(sum) = home.run(dry).await else { panic!("it has failed") };
    assert_eq!(sums(&sum), [2, 1, 1, 0, 1, 0], "{sum}");
    assert_eq!(sum["new_albums"], 1, "the album that moved is no new one: {sum}");
    let text = |line: &Value, name: &str| line[name].as_str().unwrap().to_owned();
    let lines = sum["lines"].as_array().unwrap().iter();
    let lines: Vec<String> = lines.map(|l| format!("{}: {}", text(l, "path"), text(l, "what"))).collect();
    assert!(lines.contains(&"artists/Cid/Three (2001): 2 new".to_owned()), "{lines:?}");
    assert!(lines.contains(&"artists/Bob/Two (2000): 1 missing".to_owned()), "{lines:?}");
    assert_eq!(home.text(rows).await, before);
    // And the real one does what was said.
    assert_eq!(sums(&home.rescan().await), [2, 1, 1, 0, 1, 0]);
}

#[tokio::test]
async fn only_an_admin_may_ask_for_a_rescan() {
    let home = Home::new().await;
    let client = home.app.db.get().await.unwrap();
    for (username, is_admin) in [("ada", true), ("bob", false)] {
        let user = barbossa::auth::NewUser { username, password: &"a long password".into(), is_admin };
        barbossa::auth::create_user(&client, user).await.unwrap();
    }
    let http = Client::new(
        axum::Router::new()
            .merge(barbossa::auth::http::routes())
            .merge(imports::http::routes())
            .with_state(home.app.clone()),
    );
    for (username, status) in [("ada", 200), ("bob", 403)] {
        let body = serde_json::json!({"username": username, "password": "a long password"});
        let token = http.post("/auth/login", body).await.expect(200)["token"].as_str().unwrap().to_owned();
        let answer = http.with_token(&token).post("/admin/rescan", Value::Null).await.expect(status);
        if status == 200 {
            assert_eq!(answer["status"], "started");
            assert_eq!(answer["task_id"], answer["job_id"].to_string());
        }
    }
}
