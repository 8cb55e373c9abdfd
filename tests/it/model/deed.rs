//! What people, programs and accidents do.

use barbossa::files;
use barbossa::imports::{Adopt, ImportRelease};
use barbossa::jobs::{Job, enqueue};
use barbossa::{hearts, imports};
use http::Method;

use super::house::House;
use super::stock::{ALBUMS, Grade, stock};

/// Between which steps of an import a power cut may come.
const STEPS: &[&str] = &[
    "planned",
    "staging",
    "staged",
    "publishing",
    "published",
    "recording",
    "recorded",
    "retiring",
    "setting aside",
    "retired",
];

impl House {
    /// One deed, and what follows from it.
    pub async fn step(&mut self, _number: u64) {
        match self.chance.below(12) {
            0..=4 => self.buy().await,
            5..=6 => self.heart().await,
            7 => self.unheart().await,
            8 => self.rescan().await,
            9 => self.unplug().await,
            10 => self.audit().await,
            _ => self.tidy().await,
        }
    }

    async fn enqueue<J: Job>(&self, job: &J) {
        enqueue(&self.app.db.get().await.unwrap(), job).await.unwrap();
    }

    /// Somebody drops an album, or a part of one, into the inbox; sometimes the power fails while it is filed.
    async fn buy(&mut self) {
        let path = self.drop_something();
        let point = format!("{} {path}", STEPS[self.chance.below(STEPS.len())]);
        let is_cut_short = self.chance.one_in(3);
        if is_cut_short {
            let passed = self.chance.below(3);
            fail::cfg(&point, &format!("{passed}*off->1*return->off")).unwrap();
            self.note("power cut", point.clone());
        }
        self.enqueue(&ImportRelease { path, source: "import".into(), requested_by: None }).await;
        self.let_pass().await;
        fail::remove(&point);
    }

    fn drop_something(&mut self) -> String {
        let album = self.chance.below(ALBUMS.len());
        let grade = Grade::ALL[self.chance.below(3)];
        let mut copies = stock().album(album, grade);
        if self.chance.one_in(4) {
            copies.remove(self.chance.below(copies.len()));
        }
        self.folders += 1;
        let path = format!("import/pending/drop {}", self.folders);
        let folder = self.music().join(&path);
        std::fs::create_dir_all(&folder).unwrap();
        for copy in &copies {
            std::fs::copy(&copy.path, folder.join(copy.path.file_name().unwrap())).unwrap();
            *self.kept.entry(copy.essence.clone()).or_default() += 1;
        }
        self.note("buy", format!("{path}: album {album} {grade:?}, {} tracks", copies.len()));
        path
    }

    async fn heart(&mut self) {
        let rows = self.rows().await;
        let Some(row) = self.chance.one_of(&rows).cloned() else { return };
        let person = self.users[self.chance.below(self.users.len())].clone();
        let user = person.id;
        let is_album = self.chance.one_in(2);
        self.note(
            "heart",
            format!("user {user}, {} of {}", if is_album { "the album" } else { "the track" }, row.path),
        );
        let (path, wanted): (String, Vec<i64>) = if is_album {
            let album = rows.iter().filter(|r| r.album_id == row.album_id).map(|r| r.id);
            (format!("/api/me/library/albums/{}", row.album_id), album.collect())
        } else {
            (format!("/api/me/library/tracks/{}", row.id), vec![row.id])
        };
        self.ask(&person, Method::POST, &path, None).await.expect(200);
        self.hearted.extend(wanted.into_iter().map(|track| (user, track)));
        self.let_pass().await;
    }

    async fn unheart(&mut self) {
        let hearted: Vec<(i64, i64)> = self.hearted.iter().copied().collect();
        let Some((user, track)) = self.chance.one_of(&hearted).copied() else { return };
        self.note("unheart", format!("user {user}, track {track}"));
        let person = self.users.iter().find(|p| p.id == user).unwrap().clone();
        let path = format!("/api/me/library/tracks/{track}");
        self.ask(&person, Method::DELETE, &path, None).await.expect(200);
        self.hearted.remove(&(user, track));
        assert_eq!(self.hearted, self.hearted_now().await, "just one heart goes");
        self.let_pass().await;
    }

    /// Nothing changed, so nothing changes.
    async fn rescan(&mut self) {
        self.note("rescan", String::new());
        let before = self.rows().await;
        self.enqueue(&Adopt::everything()).await;
        self.let_pass().await;
        assert_eq!(before, self.rows().await, "a rescan changed rows\n{}", self.last_deeds());
    }

    /// The disk goes away while something arrives, and comes back.
    async fn unplug(&mut self) {
        let path = self.drop_something();
        self.note("unplug", String::new());
        let (before, marker) = (self.rows().await, self.music().join(files::MARKER));
        let aside = self.town.music().parent().unwrap().join("marker");
        files::rename_noreplace(&marker, &aside).unwrap();
        let artists = (self.music().join("artists"), self.town.music().parent().unwrap().join("artists"));
        files::rename_noreplace(&artists.0, &artists.1).unwrap();
        self.enqueue(&ImportRelease { path: path.clone(), source: "import".into(), requested_by: None })
            .await;
        self.enqueue(&Adopt::everything()).await;
        self.enqueue(&hearts::AuditLinks {}).await;
        self.let_pass().await;
        assert_eq!(before, self.rows().await, "rows changed while the disk was away\n{}", self.last_deeds());
        files::rename_noreplace(&artists.1, &artists.0).unwrap();
        files::rename_noreplace(&aside, &marker).unwrap();
        imports::sweep(&self.app).await.unwrap();
        self.let_pass().await;
    }

    async fn audit(&mut self) {
        self.note("audit", String::new());
        self.enqueue(&hearts::AuditLinks {}).await;
        self.let_pass().await;
    }

    /// What was set aside is taken away, so that a long life does not fill the disk.
    async fn tidy(&mut self) {
        for folder in [".trash", "import/review", "import/rejected"] {
            let found = self.files(folder);
            if found.len() < 24 {
                continue;
            }
            self.note("tidy", folder.into());
            for file in &found {
                *self.kept.get_mut(&file.essence).unwrap() -= 1;
            }
            for entry in std::fs::read_dir(self.music().join(folder)).unwrap().flatten() {
                std::fs::remove_dir_all(entry.path()).unwrap();
            }
        }
    }
}
