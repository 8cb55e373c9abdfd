//! Bit rot is found, told apart from what people do, and has a way back; and where nothing is wrong, nothing is said.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use barbossa::app::App;
use barbossa::hearts::ReconcileLinks;
use barbossa::imports::Adopt;
use barbossa::integrity::{Repair, Scope, VerifySlice, accept, damages, routes, summary};
use barbossa::jobs::{self, End, Job, Queue, Registry, Worker};
use barbossa::library::{DamageKind, Expected, ReadEssences, Reading, Verdict, examine, judge, modified_us};
use barbossa::{audio, files};
use serde_json::Value;

use crate::harness::audio::{Format, Song, album};
use crate::harness::{Client, Town, eventually};

struct Vault {
    town: Town,
    app: App,
}

impl Vault {
    async fn new() -> Self {
        let town = Town::new().await;
        let app = town.app();
        let registry = Registry::new()
            .with::<Adopt>()
            .with::<ReadEssences>()
            .with::<ReconcileLinks>()
            .with::<VerifySlice>()
            .with::<Repair>();
        let worker = Worker::new(app.clone(), registry, &[Queue::Imports, Queue::Maintenance], 2);
        let stop = town.stop();
        tokio::spawn(async move { worker.run(stop).await });
        Self { town, app }
    }

    fn artists(&self, path: &str) -> PathBuf {
        self.town.music().join("artists").join(path)
    }

    async fn run(&self, job: impl Job) -> End {
        let id = jobs::enqueue(&self.app.db.get().await.unwrap(), &job).await.unwrap();
        let mut ended = jobs::wait(&self.app, &[id], Duration::from_secs(60)).await;
        ended.pop().unwrap_or_else(|| panic!("job {id} did not end")).end
    }

    async fn done(&self, job: impl Job) -> Value {
        match self.run(job).await {
            End::Completed(sum) => sum,
            other => panic!("{other:?}"),
        }
    }

    /// Adopts, and reads everything once.
    async fn settle(&self) {
        self.done(Adopt::everything()).await;
        self.done(ReadEssences::default()).await;
        eventually("nothing is to be done", || async {
            self.number("select count(*) from job where state in ('available', 'running') and kind in ('imports.adopt', 'library.read_essences', 'hearts.reconcile_links')").await == 0
        })
        .await;
    }

    async fn verify(&self) -> Value {
        self.done(VerifySlice { scope: Scope::All }).await
    }

    async fn text(&self, sql: &str) -> String {
        self.town.value(sql).await
    }

    async fn number(&self, sql: &str) -> i64 {
        self.town.value(sql).await
    }

    /// `kind path` of what is open.
    async fn open(&self) -> Vec<String> {
        let open = damages(&self.app, None, None, 100).await.unwrap();
        open.iter().map(|d| format!("{} {}", d.kind, d.path)).collect()
    }
}

/// Flips a bit as a failing disk does: the file's time stays.
fn rot(path: &Path, at: usize, bit: u8) {
    let time = fs::metadata(path).unwrap().modified().unwrap();
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 1 << bit;
    write_in_place(path, &bytes, time);
}

fn write_in_place(path: &Path, bytes: &[u8], time: SystemTime) {
    use std::io::Write;
    let mut file = fs::File::options().write(true).truncate(true).open(path).unwrap();
    file.write_all(bytes).unwrap();
    file.set_modified(time).unwrap();
}

#[tokio::test]
async fn rot_is_named_and_a_healthy_library_is_silent() {
    let vault = Vault::new().await;
    let files = album(&vault.artists("Ann/One (1999)"), "Ann", "One", 1999, 3);
    vault.settle().await;
    let sum = vault.verify().await;
    assert_eq!((sum["intact"].as_u64(), sum["damaged"].as_u64()), (Some(3), Some(0)), "{sum}");
    assert_eq!(summary(&vault.app).await.unwrap().verified, 3);
    let size = fs::metadata(&files[1]).unwrap().len() as usize;
    rot(&files[1], size - 100, 3);
    // The vendor's name in the comments: tags, no audio.
    let vendor = fs::read(&files[2]).unwrap().windows(4).position(|w| w == b"Lavf").unwrap();
    rot(&files[2], vendor, 0);
    let sum = vault.verify().await;
    assert_eq!((sum["intact"].as_u64(), sum["damaged"].as_u64()), (Some(1), Some(2)), "{sum}");
    let mut open = vault.open().await;
    open.sort();
    assert_eq!(
        open,
        [
            "audio_rot artists/Ann/One (1999)/02 - Song 2.flac",
            "tag_rot artists/Ann/One (1999)/03 - Song 3.flac"
        ]
    );
    assert_eq!(vault.number("select count(*) from activity where action = 'damage_found'").await, 2);
    vault.verify().await;
    assert_eq!(vault.number("select count(*) from damage").await, 2, "it is told once");
    rot(&files[1], size - 100, 3);
    vault.verify().await;
    assert_eq!(vault.text("select ending from damage where ended_at is not null").await, "healed");
}

#[tokio::test]
async fn what_a_person_writes_is_no_rot_and_what_ends_too_early_is_truncated() {
    let vault = Vault::new().await;
    let files = album(&vault.artists("Ann/One (1999)"), "Ann", "One", 1999, 3);
    vault.settle().await;
    // A tag editor: other bytes in the comments, another time.
    let mut bytes = fs::read(&files[0]).unwrap();
    let title = bytes.windows(6).position(|w| w == b"Song 1").unwrap();
    bytes[title..title + 6].copy_from_slice(b"Song X");
    write_in_place(&files[0], &bytes, SystemTime::now() + Duration::from_secs(5));
    let bytes = fs::read(&files[1]).unwrap();
    write_in_place(&files[1], &bytes[..bytes.len() / 2], SystemTime::now() + Duration::from_secs(5));
    fs::remove_file(&files[2]).unwrap();
    let sum = vault.verify().await;
    assert_eq!((sum["differ"].as_u64(), sum["damaged"].as_u64()), (Some(3), Some(0)), "{sum}");
    eventually("the rescan judges them", || async { vault.open().await.len() == 2 }).await;
    let mut open = vault.open().await;
    open.sort();
    assert_eq!(
        open,
        [
            "missing artists/Ann/One (1999)/03 - Song 3.flac",
            "truncated artists/Ann/One (1999)/02 - Song 2.flac"
        ]
    );
    assert_eq!(vault.text("select title from track where path like '%/01 - %'").await, "Song X of One");
}

#[tokio::test]
async fn a_duplicate_heals_and_the_damaged_file_goes_into_the_trash() {
    let vault = Vault::new().await;
    let song = Song::new("Song").artist("Ann").album_artist("Ann").album("One").track(1, 1);
    let file = song.write(&vault.artists("Ann/One (1999)"));
    let twin = vault.artists("Ann/Best (2005)").join("07 - Song.flac");
    fs::create_dir_all(twin.parent().unwrap()).unwrap();
    fs::copy(&file, &twin).unwrap();
    vault.settle().await;
    vault
        .town
        .execute(
            "insert into app_user (username, username_key, password_hash) values ('ada', 'ada', 'x');
             insert into heart (user_id, track_id) select u.id, t.id from app_user u, track t where t.path like '%One%'",
        )
        .await;
    let link = vault.town.music().join("users/ada/Ann/One (1999)/Song.flac");
    eventually("it is linked", || async { link.exists() }).await;
    let good = fs::read(&file).unwrap();
    rot(&file, good.len() - 50, 1);
    vault.verify().await;
    let damage = damages(&vault.app, None, None, 10).await.unwrap().remove(0);
    let ways: Vec<&str> = damage.ways.iter().map(|w| w.kind.as_str()).collect();
    assert_eq!(ways, ["duplicate"], "the member's file is the damaged one");
    let before = vault.number("select id from track where path like '%One%'").await;
    let repair = || Repair { damage_id: damage.id, requested_by: None };
    let result = vault.done(repair()).await;
    assert_eq!(result["from"]["place"], "artists/Ann/Best (2005)/07 - Song.flac", "{result}");
    assert_eq!(fs::read(&file).unwrap(), good);
    assert_eq!(vault.number("select id from track where path like '%One%'").await, before);
    let in_trash =
        fs::read(vault.town.music().join(format!(".trash/damaged/{}/Song.flac", damage.id))).unwrap();
    assert_ne!(in_trash, good, "the damaged one is kept");
    assert_eq!(vault.number("select count(*) from trash where kind = 'replaced'").await, 1);
    assert!(vault.open().await.is_empty());
    eventually("the member has the good one", || async { fs::read(&link).is_ok_and(|b| b == good) }).await;
    assert_eq!(vault.done(repair()).await["state"], "ended", "a second run changes nothing");
    assert_eq!(vault.verify().await["intact"], 2);
}

#[tokio::test]
async fn a_deleted_file_comes_back_from_a_members_folder() {
    let vault = Vault::new().await;
    let file = album(&vault.artists("Ann/One (1999)"), "Ann", "One", 1999, 1).remove(0);
    vault.settle().await;
    vault
        .town
        .execute(
            "insert into app_user (username, username_key, password_hash) values ('ada', 'ada', 'x');
             insert into heart (user_id, album_id) select u.id, a.id from app_user u, album a",
        )
        .await;
    let link = vault.town.music().join("users/ada/Ann/One (1999)/01 - Song 1.flac");
    eventually("it is linked", || async { link.exists() }).await;
    let good = fs::read(&file).unwrap();
    fs::remove_dir_all(vault.artists("Ann")).unwrap();
    vault.done(Adopt::everything()).await;
    assert_eq!(vault.number("select available_tracks::bigint from album").await, 0);
    let id = damages(&vault.app, None, None, 10).await.unwrap()[0].id;
    vault.done(Repair { damage_id: id, requested_by: None }).await;
    assert_eq!(fs::read(&file).unwrap(), good);
    assert_eq!(
        vault.number("select available_tracks::bigint from album where artwork_path is null").await,
        1
    );
}

#[tokio::test]
async fn without_a_good_copy_the_reason_is_given_and_a_person_may_accept() {
    let vault = Vault::new().await;
    let song = |tone| Song::new("Song").artist("Ann").album("One").track(1, 1).tone(tone);
    song(440).write(&vault.artists("Ann/One"));
    Song::new("Other").artist("Ann").album("One").track(2, 2).write(&vault.artists("Ann/One"));
    vault.settle().await;
    let mut other = song(900);
    other.milliseconds = 700;
    let file = other.write(&vault.artists("Ann/One"));
    fs::remove_file(vault.artists("Ann/One/Other.flac")).unwrap();
    vault.done(Adopt::everything()).await;
    let open = damages(&vault.app, None, None, 10).await.unwrap();
    let of = |kind: &str| open.iter().find(|d| d.kind == kind).unwrap().id;
    let End::Cancelled(reason) = vault.run(Repair { damage_id: of("replaced"), requested_by: None }).await
    else {
        panic!("it was repaired from nothing")
    };
    assert!(reason.contains("No intact copy of artists/Ann/One/Song.flac"), "{reason}");
    let before = fs::read(&file).unwrap();
    accept(&vault.app, of("replaced"), None, None).await.unwrap();
    eventually("it is read anew", || async {
        vault.number("select count(*) from track where checksum is not null").await == 2
            || vault.number("select count(*) from track where duration_ms = 700").await == 1
    })
    .await;
    assert_eq!(fs::read(&file).unwrap(), before);
    accept(&vault.app, of("missing"), None, None).await.unwrap();
    assert_eq!(vault.number("select count(*) from track").await, 1, "it has left the library");
    assert!(vault.open().await.is_empty());
}

#[tokio::test]
async fn a_slice_is_a_share_of_the_library_and_the_oldest_first() {
    let mut town = Town::new().await;
    town.settings_mut().integrity.period_days = 2;
    let app = town.app();
    let registry = Registry::new().with::<Adopt>().with::<ReadEssences>().with::<VerifySlice>();
    let worker = Worker::new(app.clone(), registry, &[Queue::Imports, Queue::Maintenance], 2);
    let stop = town.stop();
    tokio::spawn(async move { worker.run(stop).await });
    let vault = Vault { town, app };
    album(&vault.artists("Ann/One (1999)"), "Ann", "One", 1999, 6);
    vault.settle().await;
    vault
        .town
        .execute("update track set imported_at = now() - interval '1 hour' where track_number > 3")
        .await;
    let sum = vault.done(VerifySlice::default()).await;
    let checked = sum["checked"].as_u64().unwrap();
    assert!((3..=4).contains(&checked), "about half: {sum}");
    let read = "select string_agg(t.track_number::text, ' ' order by t.track_number) from verification v join track t on t.id = v.track_id";
    assert!(vault.text(read).await.ends_with("4 5 6"), "{}", vault.text(read).await);
    vault.done(VerifySlice::default()).await;
    assert_eq!(vault.number("select count(*) from verification").await, 6, "the next one reads the rest");
    // What is overdue is read, however much it is.
    vault.town.execute("update verification set verified_at = now() - interval '3 days'").await;
    assert_eq!(vault.done(VerifySlice::default()).await["checked"], 6);
}

/// Every format, many random bits, as a failing disk flips them and as a program does; and thousands of readings of
/// files that are well.
#[test]
fn a_flipped_bit_is_always_found_and_a_whole_file_is_never_called_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut next = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let mut calm = 0;
    for format in Format::ALL {
        let mut song =
            Song::new(&format!("A song in {format:?}")).artist("Ann").album("One").track(1, 1).format(format);
        song.milliseconds = 150;
        let path = song.write(folder.path());
        let good = fs::read(&path).unwrap();
        let digest = audio::checksum_and_essence(&path).unwrap();
        let found = fs::metadata(&path).unwrap();
        let time = found.modified().unwrap();
        let expected = Expected {
            size_bytes: good.len() as i64,
            modified_us: modified_us(&found),
            checksum: &digest.checksum,
            essence: &digest.essence,
        };
        for _ in 0..400 {
            assert_eq!(judge(&expected, &examine(&path)), Verdict::Intact, "{format:?}");
            assert_eq!(files::hash_file(&path).unwrap().as_bytes(), &digest.checksum);
            calm += 1;
        }
        for n in 0..120 {
            let (at, bit) = (next() as usize % good.len(), (next() % 8) as u8);
            let mut bytes = good.clone();
            bytes[at] ^= 1 << bit;
            write_in_place(&path, &bytes, time);
            let verdict = judge(&expected, &examine(&path));
            assert!(matches!(verdict, Verdict::Damaged(_)), "{format:?}, byte {at}, bit {bit}: {verdict:?}");
            if n % 3 == 0 {
                // The same by a program, which leaves another time: audio is damage, tags are a change of tags.
                write_in_place(&path, &bytes, time + Duration::from_secs(9));
                let reading = examine(&path);
                let is_sound = matches!(&reading, Reading::Read { essence, flaw: None, is_cut_off: false, .. } if *essence == digest.essence);
                let verdict = judge(&expected, &reading);
                assert_eq!(
                    verdict == Verdict::Retagged,
                    is_sound,
                    "{format:?}, byte {at}, bit {bit}: {verdict:?}"
                );
                assert!(
                    verdict == Verdict::Retagged || matches!(verdict, Verdict::Damaged(_)),
                    "{verdict:?}"
                );
            }
        }
        write_in_place(&path, &good[..good.len() * 2 / 3], time + Duration::from_secs(9));
        let verdict = judge(&expected, &examine(&path));
        assert!(matches!(verdict, Verdict::Damaged(_)), "{format:?} cut off: {verdict:?}");
        fs::remove_file(&path).unwrap();
        assert_eq!(judge(&expected, &examine(&path)), Verdict::Damaged(DamageKind::Missing));
    }
    assert_eq!(calm, 3200);
}

#[tokio::test]
async fn an_admin_sees_how_whole_the_library_is() {
    let vault = Vault::new().await;
    let file = album(&vault.artists("Ann/One (1999)"), "Ann", "One", 1999, 1).remove(0);
    vault.settle().await;
    let size = fs::metadata(&file).unwrap().len() as usize;
    rot(&file, size - 20, 5);
    let client = vault.app.db.get().await.unwrap();
    let mut tokens = Vec::new();
    for (username, is_admin) in [("ada", true), ("bob", false)] {
        let user =
            barbossa::auth::NewUser { username, password: &"a long password".to_owned().into(), is_admin };
        let account = barbossa::auth::create_user(&client, user).await.unwrap();
        tokens.push(barbossa::auth::start_session(&vault.app, account.id, None, None).await.unwrap());
    }
    let http = Client::new(axum::Router::new().nest("/api", routes().into()).with_state(vault.app.clone()));
    let (ada, bob) = (http.with_token(&tokens[0]), http.with_token(&tokens[1]));
    bob.get("/api/admin/integrity").await.expect(403);
    let started = ada.send(http::Method::POST, "/api/admin/integrity/verify", None).await.expect(200);
    assert_eq!(started["status"], "started");
    eventually("it is found", || async { !vault.open().await.is_empty() }).await;
    let sum = ada.get("/api/admin/integrity").await.expect(200);
    assert_eq!((&sum["damages"]["audio_rot"], &sum["tracks"]), (&1.into(), &1.into()), "{sum}");
    let items = ada.get("/api/admin/integrity/damages").await.expect(200);
    let id = items["items"][0]["id"].as_i64().unwrap();
    let answer = ada.post(&format!("/api/admin/integrity/damages/{id}/repair"), Value::Null).await;
    assert!(answer.expect(409)["detail"].as_str().unwrap().contains("No intact copy"));
    ada.post("/api/admin/integrity/damages/999/accept", Value::Null).await.expect(404);
    let health = Client::new(barbossa::health::routes().with_state(vault.app.clone()).into())
        .get("/health")
        .await
        .json();
    assert_eq!(health["checks"]["files"], "damaged_files", "{health}");
    ada.post(&format!("/api/admin/integrity/damages/{id}/accept"), Value::Null).await.expect(200);
    assert!(vault.open().await.is_empty());
}
