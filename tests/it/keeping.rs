//! Promises 1 and 5 for pictures and repairs: each call to the file system that such a deed makes is refused once, with
//! each error that a disk has, and is the last that its process makes; then it runs again, and all is as if undisturbed.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use barbossa::app::App;
use barbossa::edits::SetArtwork;
use barbossa::files::faults::{self, Fault};
use barbossa::imports::Adopt;
use barbossa::integrity::{Repair, Scope, VerifySlice};
use barbossa::jobs::{Job, Outcome};
use barbossa::library::ReadEssences;
use nix::errno::Errno;

use crate::collection::Collection;
use crate::harness::audio::Song;
use crate::harness::files_beneath;
use crate::yard::{attempt, without_numbers};

const REFUSALS: [Errno; 4] = [Errno::ENOSPC, Errno::EIO, Errno::EROFS, Errno::EACCES];

/// What is set up anew for each fault.
trait Scene {
    type Deed: Job + Clone;

    fn collection(&self) -> &Collection;
    /// Everything as at the start.
    async fn arrange(&self) -> Self::Deed;
    /// What no fault may cost, by content.
    fn dear(&self) -> Vec<Vec<u8>>;
    /// The rows that the deed writes, as text.
    fn rows(&self) -> &'static str;

    fn app(&self) -> &App {
        &self.collection().app
    }

    fn music(&self) -> &Path {
        self.collection().town.music()
    }

    /// Each file, and the rows.
    async fn state(&self) -> (BTreeMap<String, String>, String) {
        let mut files = BTreeMap::new();
        for room in ["artists", ".trash"] {
            for name in files_beneath(&self.music().join(room)) {
                let bytes = fs::read(self.music().join(room).join(&name)).unwrap();
                let path = without_numbers(&format!("{room}/{name}"));
                files.insert(path, blake3::hash(&bytes).to_hex().to_string());
            }
        }
        (files, self.collection().town.value(self.rows()).await)
    }

    fn require_dear(&self, at: &str) {
        let there: Vec<Vec<u8>> = ["artists", ".trash"]
            .iter()
            .map(|room| self.music().join(room))
            .flat_map(|room| files_beneath(&room).into_iter().map(move |f| fs::read(room.join(f)).unwrap()))
            .collect();
        for file in self.dear() {
            assert!(there.contains(&file), "{at}: a file is lost");
        }
    }

    async fn settle(&self, deed: &Self::Deed, at: &str) {
        let mut last = None;
        for _ in 0..4 {
            match attempt(self.app(), deed.clone()).await {
                Ok(Outcome::Done(_)) => return,
                other => last = Some(other),
            }
        }
        panic!("{at}: it does not end: {last:?}");
    }

    /// Walks all calls, with all faults.
    async fn walk(&self, at_least: usize) {
        let deed = self.arrange().await;
        faults::arm(self.music(), usize::MAX, Fault::None);
        self.settle(&deed, "undisturbed").await;
        let calls = faults::disarm(self.music());
        let expected = self.state().await;
        self.require_dear("undisturbed");
        assert!(calls.len() >= at_least, "{calls:?}");
        for fault in REFUSALS.map(|e| Fault::Refuse(e as i32)).into_iter().chain([Fault::Death]) {
            for (n, call) in calls.iter().enumerate() {
                let at = format!("call {n} ({call}), {fault:?}");
                let deed = self.arrange().await;
                faults::arm(self.music(), n, fault);
                let first = attempt(self.app(), deed.clone()).await;
                let seen = faults::disarm(self.music());
                assert!(seen.len() > n, "{at}: it was not reached: {first:?}");
                self.require_dear(&at);
                self.settle(&deed, &at).await;
                assert_eq!(self.state().await, expected, "{at}: {first:?}");
                self.require_dear(&at);
            }
        }
    }
}

async fn forget_all(collection: &Collection) {
    collection
        .town
        .execute("delete from artist; delete from trash; delete from job; delete from activity")
        .await;
    for room in ["artists", ".trash"] {
        let path = collection.town.music().join(room);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
    }
}

/// Pictures of an album, by name, and what is sent; nothing: the original is to come back.
struct Wall {
    collection: Collection,
    hanging: Vec<(&'static str, Vec<u8>)>,
    shown: &'static str,
    sent: Option<Vec<u8>>,
}

impl Scene for Wall {
    type Deed = SetArtwork;

    fn collection(&self) -> &Collection {
        &self.collection
    }

    async fn arrange(&self) -> SetArtwork {
        forget_all(&self.collection).await;
        let album = self.collection.album("Ann", "Album", 1999, &["One"]).await;
        let folder = self.music().join("artists/Ann/Album (1999)");
        fs::remove_file(folder.join("cover.jpg")).unwrap();
        for (name, bytes) in &self.hanging {
            fs::write(folder.join(name), bytes).unwrap();
        }
        let client = self.app().db.get().await.unwrap();
        let shown = format!("artists/Ann/Album (1999)/{}", self.shown);
        client.execute("update album set artwork_path = $1", &[&shown]).await.unwrap();
        let upload = "insert into artwork_upload (album_id, image) values ($1, $2) returning id";
        let row = client.query_one(upload, &[&album.album_id, &self.sent]).await.unwrap();
        SetArtwork { upload_id: row.get(0) }
    }

    /// An upload takes the place of an upload only.
    fn dear(&self) -> Vec<Vec<u8>> {
        let is_upload = |name: &str| self.hanging.len() > 1 && name == self.shown;
        self.hanging.iter().filter(|(name, _)| !is_upload(name)).map(|(_, bytes)| bytes.clone()).collect()
    }

    fn rows(&self) -> &'static str {
        "select concat_ws(' ', artwork_path, (select count(*) from artwork_upload)) from album"
    }
}

fn png(side: u32) -> Vec<u8> {
    let mut bytes = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(side, side).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
    bytes.into_inner()
}

#[tokio::test]
async fn a_picture_that_is_sent_survives_a_fault_at_every_call() {
    for (hanging, shown) in [
        (vec![("cover.jpg", b"the first".to_vec())], "cover.jpg"),
        (vec![("front.png", b"the first".to_vec())], "front.png"),
        // What was sent before, beside the first.
        (
            vec![("cover.jpg", b"sent before".to_vec()), ("cover.original.png", b"the first".to_vec())],
            "cover.jpg",
        ),
    ] {
        let wall = Wall { collection: Collection::new().await, hanging, shown, sent: Some(png(40)) };
        wall.walk(2).await;
    }
}

#[tokio::test]
async fn a_picture_that_comes_back_survives_a_fault_at_every_call() {
    for original in ["cover.original.jpg", "cover.original.png"] {
        let hanging = vec![("cover.jpg", b"sent".to_vec()), (original, b"the first".to_vec())];
        let wall = Wall { collection: Collection::new().await, hanging, shown: "cover.jpg", sent: None };
        wall.walk(2).await;
    }
}

/// A damaged file with a good twin in another album.
struct Ward {
    collection: Collection,
    good: Vec<u8>,
}

impl Ward {
    async fn new() -> Self {
        let collection = Collection::new().await;
        let song = Song::new("Song").artist("Ann").album_artist("Ann").album("One").track(1, 1);
        let file = song.write(&collection.town.outside());
        Self { collection, good: fs::read(file).unwrap() }
    }

    fn place(&self, path: &str) -> PathBuf {
        let place = self.music().join("artists").join(path);
        fs::create_dir_all(place.parent().unwrap()).unwrap();
        place
    }

    fn damaged(&self) -> Vec<u8> {
        let mut bytes = self.good.clone();
        let at = bytes.len() - 50;
        bytes[at] ^= 2;
        bytes
    }
}

impl Scene for Ward {
    type Deed = Repair;

    fn collection(&self) -> &Collection {
        &self.collection
    }

    async fn arrange(&self) -> Repair {
        forget_all(&self.collection).await;
        let file = self.place("Ann/One (1999)/Song.flac");
        fs::write(&file, &self.good).unwrap();
        fs::write(self.place("Ann/Best (2005)/07 - Song.flac"), &self.good).unwrap();
        attempt(self.app(), Adopt::everything()).await.unwrap();
        attempt(self.app(), ReadEssences::default()).await.unwrap();
        let modified = file.metadata().unwrap().modified().unwrap();
        fs::write(&file, self.damaged()).unwrap();
        fs::File::options().write(true).open(&file).unwrap().set_modified(modified).unwrap();
        attempt(self.app(), VerifySlice { scope: Scope::All }).await.unwrap();
        let damage_id = self.collection.town.value("select id from damage where ended_at is null").await;
        Repair { damage_id, requested_by: None }
    }

    fn dear(&self) -> Vec<Vec<u8>> {
        vec![self.good.clone(), self.damaged()]
    }

    fn rows(&self) -> &'static str {
        "select concat_ws(' ', (select string_agg(concat_ws(' ', path, size_bytes, encode(checksum, 'hex'), essence), ' ' order by path) from track),
            (select string_agg(ending, ' ') from damage where ended_at > now() - interval '1 minute' and track_id in (select id from track)),
            (select string_agg(concat_ws(' ', kind, state, file_count), ' ') from trash))"
    }
}

#[tokio::test]
async fn a_repair_survives_a_fault_at_every_call() {
    Ward::new().await.walk(6).await;
}
