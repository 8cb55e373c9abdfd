//! The music in a repository of the real restic: what is not as it should be takes no good copy's place, and a damaged
//! file comes back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use barbossa::app::App;
use barbossa::backups::{self, MusicStep};
use barbossa::error::Error;
use barbossa::health::Probes;
use barbossa::hearts::ReconcileLinks;
use barbossa::imports::Adopt;
use barbossa::integrity::{FetchGoodCopy, Repair, Scope, VerifySlice, damages};
use barbossa::jobs::{self, End, Job, Queue, Registry, Worker};
use barbossa::library::ReadEssences;
use serde_json::Value;

use crate::harness::audio::album;
use crate::harness::{Town, eventually};

struct House {
    town: Town,
    app: App,
    repository: PathBuf,
    files: Vec<PathBuf>,
}

impl House {
    /// An album of three, adopted and read; an empty repository.
    async fn new() -> Self {
        let mut town = Town::new().await;
        let repository = town.outside().join("repository");
        fs::create_dir_all(town.outside()).unwrap();
        let settings = town.settings_mut();
        repository.to_str().unwrap().clone_into(&mut settings.backup.music_repository);
        settings.secrets.restic_password = Some("s3cr3t".to_owned().into());
        let app = town.app();
        let registry = Registry::new()
            .with::<Adopt>()
            .with::<ReadEssences>()
            .with::<ReconcileLinks>()
            .with::<VerifySlice>()
            .with::<Repair>()
            .with::<FetchGoodCopy>();
        let queues = [Queue::Imports, Queue::Maintenance, Queue::Network];
        let worker = Worker::new(app.clone(), registry, &queues, 2);
        let stop = town.stop();
        tokio::spawn(async move { worker.run(stop).await });
        let files = album(&town.music().join("artists/Ann/One (1999)"), "Ann", "One", 1999, 3);
        let house = Self { town, app, repository, files };
        house.done(Adopt::everything()).await;
        house.done(ReadEssences::default()).await;
        eventually("all is read", || async {
            house.town.value::<i64>("select count(*) from track where essence is null").await == 0
        })
        .await;
        house
    }

    async fn with_repository() -> Self {
        let house = Self::new().await;
        house.restic(&["init"]);
        house
    }

    /// What a person would type.
    fn restic(&self, args: &[&str]) -> String {
        let password = self.town.outside().join("password");
        fs::write(&password, "s3cr3t").unwrap();
        let said = Command::new("restic")
            .args(["--no-cache", "--repo", self.repository.to_str().unwrap(), "--password-file"])
            .arg(password)
            .args(args)
            .output()
            .unwrap();
        assert!(said.status.success(), "{said:?}");
        String::from_utf8(said.stdout).unwrap()
    }

    async fn done(&self, job: impl Job) -> Value {
        let id = jobs::enqueue(&self.app.db.get().await.unwrap(), &job).await.unwrap();
        self.ended(id).await
    }

    async fn ended(&self, id: i64) -> Value {
        let mut ended = jobs::wait(&self.app, &[id], Duration::from_secs(60)).await;
        match ended.pop().unwrap_or_else(|| panic!("job {id} did not end")).end {
            End::Completed(sum) => sum,
            other => panic!("{other:?}"),
        }
    }

    async fn back_up(&self) -> backups::MusicMade {
        backups::back_up_music(&self.app, |_| {}).await.unwrap()
    }
}

/// Writes into a file as another program would: its time moves on.
fn spoil(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() - 100;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[tokio::test]
async fn the_music_is_backed_up_with_progress_and_only_what_is_new_is_read_again() {
    let house = House::with_repository().await;
    let mut steps = Vec::new();
    let made = backups::back_up_music(&house.app, |step| steps.push(step)).await.unwrap();
    assert_eq!((made.snapshot.files, made.held_back.len()), (3, 0));
    assert!(steps.contains(&MusicStep::Looking(3, 3)), "{steps:?}");
    let again = house.back_up().await;
    assert_eq!((again.snapshot.files_new, again.snapshot.files_changed), (0, 0));
    let listed = house.restic(&["ls", "latest"]);
    assert!(listed.contains("/artists/Ann/One (1999)/01 - Song 1.flac"), "{listed}");
    backups::verify_music(&house.app).await.unwrap();
    let client = house.app.db.get().await.unwrap();
    let state = backups::music_state(&client, &house.app.settings).await.unwrap();
    assert_eq!(state.last.unwrap().state, "complete");
    assert_eq!(state.last_verified.unwrap().state, "complete");
    assert!(!state.is_overdue && state.last_complete_at.is_some());
}

#[tokio::test]
async fn a_file_that_somebody_spoiled_is_reported_and_takes_no_good_copys_place() {
    let house = House::with_repository().await;
    let first = house.back_up().await;
    let good = fs::read(&house.files[1]).unwrap();
    spoil(&house.files[1]);
    let second = house.back_up().await;
    assert_eq!(second.held_back.len(), 1, "{second:?}");
    assert_eq!(second.held_back[0].0, "artists/Ann/One (1999)/02 - Song 2.flac");
    assert_eq!(second.snapshot.files, 2, "the spoiled one is not in it");
    let copy = |snapshot: &str| house.restic(&["ls", snapshot]).contains("02 - Song 2.flac");
    assert!(copy(&first.snapshot.id) && !copy(&second.snapshot.id));
    // It stands among the damages, with the backup as its way back, and comes back byte for byte.
    let open = damages(&house.app, None, None, 10).await.unwrap();
    assert_eq!(open.len(), 1);
    assert!(open[0].ways.iter().any(|way| way.kind == "music_backup"), "{:?}", open[0].ways);
    let held: i64 = house.town.value("select held_back from music_backup order by id desc limit 1").await;
    assert_eq!(held, 1);
    let mut job = backups::restore_music(&house.app, &open[0].path).await.unwrap();
    let done = loop {
        let done = house.ended(job).await;
        match done["job_id"].as_i64() {
            Some(next) => job = next,
            None => break done,
        }
    };
    assert_eq!(done["state"], "repaired", "{done}");
    assert_eq!(fs::read(&house.files[1]).unwrap(), good);
    assert!(damages(&house.app, None, None, 10).await.unwrap().is_empty());
    assert!(!house.town.music().join("downloads/.good-copies").join(open[0].id.to_string()).exists());
    let third = house.back_up().await;
    assert_eq!((third.held_back.len(), third.snapshot.files), (0, 3));
    let fine = backups::restore_music(&house.app, &open[0].path).await.unwrap_err();
    assert!(matches!(fine, Error::Conflict(_)), "{fine}");
}

#[tokio::test]
async fn tags_that_another_program_wrote_are_backed_up_for_the_sound_is_the_same() {
    let house = House::with_repository().await;
    house.back_up().await;
    let written = Command::new("ffmpeg")
        .args(["-loglevel", "error", "-y", "-i"])
        .arg(&house.files[0])
        .args(["-c", "copy", "-metadata", "comment=mine"])
        .arg(house.town.outside().join("new.flac"))
        .status();
    assert!(written.unwrap().success());
    fs::copy(house.town.outside().join("new.flac"), &house.files[0]).unwrap();
    let made = house.back_up().await;
    assert_eq!((made.held_back.len(), made.snapshot.files_changed), (0, 1), "{made:?}");
}

#[tokio::test]
async fn rot_that_came_after_the_backup_and_a_file_that_is_gone_come_back() {
    let house = House::with_repository().await;
    house.back_up().await;
    let good = fs::read(&house.files[2]).unwrap();
    // As a failing disk does: size and time stay, so only reading it shows it; restic does not read it again.
    let time = fs::metadata(&house.files[2]).unwrap().modified().unwrap();
    spoil(&house.files[2]);
    fs::File::options().write(true).open(&house.files[2]).unwrap().set_modified(time).unwrap();
    let made = house.back_up().await;
    assert_eq!((made.snapshot.files_changed, made.snapshot.files), (0, 3));
    house.done(VerifySlice { scope: Scope::All }).await;
    let open = damages(&house.app, None, None, 10).await.unwrap();
    assert_eq!(open.len(), 1);
    fs::remove_file(&house.files[0]).unwrap();
    for path in ["artists/Ann/One (1999)/03 - Song 3.flac", "artists/Ann/One (1999)/01 - Song 1.flac"] {
        let mut job = backups::restore_music(&house.app, path).await.unwrap();
        while let Some(next) = house.ended(job).await["job_id"].as_i64() {
            job = next;
        }
    }
    assert_eq!(fs::read(&house.files[2]).unwrap(), good);
    assert!(house.files[0].exists());
}

#[tokio::test]
async fn without_a_repository_a_password_or_the_music_nothing_is_made_up() {
    let mut house = House::new().await;
    let refused = backups::back_up_music(&house.app, |_| {}).await.unwrap_err().to_string();
    assert!(refused.contains("is its disk mounted"), "{refused}");
    assert!(!house.repository.exists(), "an empty repository beneath a disk that is away");
    let app = house.town.app();
    assert_eq!(app.kept::<Probes>().look(&app).await.code("backups"), "music_backup_failed");
    house.town.settings_mut().secrets.restic_password = None;
    let refused = backups::back_up_music(&house.town.app(), |_| {}).await.unwrap_err().to_string();
    assert!(refused.contains("barbossa.restic-password"), "{refused}");
    house.town.settings_mut().backup.music_repository = String::new();
    let refused = backups::back_up_music(&house.town.app(), |_| {}).await.unwrap_err();
    assert!(matches!(refused, Error::NotFound(_)), "{refused}");
}

#[tokio::test]
async fn two_at_once_take_turns_and_one_that_was_killed_is_told() {
    let house = House::with_repository().await;
    house.town.execute("insert into music_backup (kind) values ('backup')").await;
    let (one, two) =
        tokio::join!(backups::back_up_music(&house.app, |_| {}), backups::back_up_music(&house.app, |_| {}));
    let refused = [one.is_err(), two.is_err()].iter().filter(|e| **e).count();
    assert_eq!(refused, 1);
    let told: String = house.town.value("select error from music_backup where state = 'failed'").await;
    assert_eq!(told, "It was interrupted.");
}
