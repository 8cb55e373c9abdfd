//! What people, programs and accidents do.

use barbossa::db::Sql;
use barbossa::files;
use barbossa::imports::{Adopt, ImportRelease};
use barbossa::jobs::{Job, enqueue};
use barbossa::{hearts, imports, trash};
use http::Method;
use lofty::config::WriteOptions;
use lofty::prelude::{Accessor, AudioFile, TaggedFileExt};
use serde_json::json;

use super::house::{Deleted, House};
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
    pub async fn step(&mut self, _number: u64) -> &'static str {
        let deed = self.chance.below(28);
        match deed {
            0..=6 => self.buy().await,
            7..=9 => self.heart().await,
            10 => self.unheart().await,
            11 => self.rescan().await,
            12 => self.unplug().await,
            13 => self.audit().await,
            14..=15 => self.delete().await,
            16..=17 => self.restore().await,
            18 => self.throw_away().await,
            19..=20 => self.edit().await,
            21..=22 => self.undo().await,
            23 => self.foreign_edit().await,
            24 => self.foreign_move().await,
            25..=26 => self.decide().await,
            _ => self.tidy().await,
        }
        [
            "buy",
            "buy",
            "buy",
            "buy",
            "buy",
            "buy",
            "buy",
            "heart",
            "heart",
            "heart",
            "unheart",
            "rescan",
            "unplug",
            "audit",
            "delete",
            "delete",
            "restore",
            "restore",
            "throw away",
            "edit",
            "edit",
            "undo",
            "undo",
            "foreign edit",
            "foreign move",
            "decide",
            "decide",
            "tidy",
        ][deed]
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
        // Power cuts go by the folder's name, and each life has its own.
        let path = format!("import/pending/drop {} of life {}", self.folders, self.life);
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

    /// An admin deletes an album or a track; sometimes the power fails meanwhile.
    async fn delete(&mut self) {
        let rows = self.rows().await;
        let Some(row) = self.chance.one_of(&rows).cloned() else { return };
        let is_album = self.chance.one_in(2);
        let gone: Vec<i64> = rows
            .iter()
            .filter(|r| if is_album { r.album_id == row.album_id } else { r.id == row.id })
            .map(|r| r.id)
            .collect();
        let path = if is_album {
            format!("/api/albums/{}", row.album_id)
        } else {
            format!("/api/tracks/{}", row.id)
        };
        self.note("delete", format!("{path}: {}", row.path));
        let hearts: Vec<(i64, i64)> =
            self.hearted.iter().copied().filter(|(_, id)| gone.contains(id)).collect();
        let point = self.trip("trash", &["planned", "moving", "filled", "recorded"]);
        let admin = self.users[0].clone();
        let answer = self.ask(&admin, Method::DELETE, &path, None).await;
        let said = format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body));
        self.note("answer", said);
        self.let_pass().await;
        fail::remove(&point);
        let rows = self.rows().await;
        assert!(rows.iter().all(|r| !gone.contains(&r.id)), "not deleted: {path}\n{}", self.last_deeds());
        self.known.retain(|id, _| !gone.contains(id));
        self.hearted.retain(|heart| !hearts.contains(heart));
        let entry = self.town_value::<i64>("select max(id) from trash where kind = 'deleted'").await;
        self.deleted.insert(entry, Deleted { tracks: gone, hearts });
    }

    /// Sets a trap: the power may fail at one of these steps of a room, once.
    fn trip(&mut self, room: &str, steps: &[&str]) -> String {
        let step = steps[self.chance.below(steps.len())];
        let point = format!("{room} {step} {}", self.music().display());
        if self.chance.one_in(3) {
            let passed = self.chance.below(3);
            fail::cfg(&point, &format!("{passed}*off->1*return->off")).unwrap();
            self.note("power cut", point.clone());
        }
        point
    }

    async fn entries(&self) -> Vec<(i64, String, String)> {
        let client = self.app.db.get().await.unwrap();
        let rows = client.rows("select id, kind, path from trash order by id", &[]).await.unwrap();
        rows.iter().map(|r| (r.get(0), r.get(1), r.get(2))).collect()
    }

    /// Somebody regrets it.
    async fn restore(&mut self) {
        let entries = self.entries().await;
        let Some((entry, kind, path)) = self.chance.one_of(&entries).cloned() else { return };
        self.note("restore", format!("entry {entry}, {kind}: {path}"));
        let point = self.trip("trash", &["way found", "moved back", "moving", "swapped", "filled"]);
        let admin = self.users[0].clone();
        self.ask(&admin, Method::POST, &format!("/api/trash/{entry}/restore"), None).await;
        self.let_pass().await;
        fail::remove(&point);
        let there: Vec<i64> = self.rows().await.iter().map(|r| r.id).collect();
        if let Some(Deleted { tracks: ids, hearts }) = self.deleted.remove(&entry) {
            assert!(
                ids.iter().all(|id| there.contains(id)),
                "tracks {ids:?} are not back\n{}",
                self.last_deeds()
            );
            self.hearted.extend(hearts);
        }
    }

    /// A member corrects a name, of an album or a track.
    async fn edit(&mut self) {
        let rows = self.rows().await;
        let Some(row) = self.chance.one_of(&rows).cloned() else { return };
        let word = ["Ⅱ", "(live)", "été", "٣", "CON", "?"][self.chance.below(6)];
        let (path, change) = if self.chance.one_in(2) {
            let title: String = {
                let client = self.app.db.get().await.unwrap();
                client.row("select title from album where id = $1", &[&row.album_id]).await.unwrap().get(0)
            };
            let title = if title.chars().count() > 40 { word.to_owned() } else { format!("{title} {word}") };
            (format!("/api/metadata/albums/{}", row.album_id), json!({"title": title}))
        } else {
            (format!("/api/metadata/tracks/{}", row.id), json!({"title": format!("Song {word}")}))
        };
        self.note("edit", format!("{path} {change}"));
        let person = self.users[self.chance.below(2)].clone();
        let answer = self.ask(&person, Method::PUT, &path, Some(change)).await;
        self.note("answer", format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body)));
        self.let_pass().await;
    }

    /// Somebody wants it back as it was: byte for byte.
    async fn undo(&mut self) {
        let person = self.users[self.chance.below(2)].clone();
        let listed = self.ask(&person, Method::GET, "/api/edits", None).await.expect(200);
        let edits: Vec<i64> =
            listed["items"].as_array().unwrap().iter().map(|e| e["id"].as_i64().unwrap()).collect();
        let Some(edit) = self.chance.one_of(&edits).copied() else { return };
        self.note("undo", format!("edit {edit}"));
        let answer = self.ask(&person, Method::POST, &format!("/api/edits/{edit}/undo"), None).await;
        self.note("answer", format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body)));
        self.let_pass().await;
    }

    /// Another program writes tags into a file of the library, in its place.
    async fn foreign_edit(&mut self) {
        let rows = self.rows().await;
        let Some(row) = self.chance.one_of(&rows).cloned() else { return };
        self.note("foreign edit", row.path.clone());
        let path = self.music().join(&row.path);
        let title = format!("Foreign {}", self.chance.below(1000));
        let mut file = lofty::read_from_path(&path).unwrap();
        let tag = file.primary_tag_mut().unwrap();
        tag.set_title(title.clone());
        file.save_to_path(&path, WriteOptions::default()).unwrap();
        self.enqueue(&Adopt::everything()).await;
        self.let_pass().await;
        let rows = self.rows().await;
        let now = rows.iter().find(|r| r.id == row.id).map(|r| r.title.as_str());
        assert_eq!(now, Some(title.as_str()), "the row does not follow\n{}", self.last_deeds());
    }

    /// Another program gives a file another name.
    async fn foreign_move(&mut self) {
        let rows = self.rows().await;
        let Some(row) = self.chance.one_of(&rows).cloned() else { return };
        let (folder, name) = row.path.rsplit_once('/').unwrap();
        let moved = format!("{folder}/x{} {name}", self.chance.below(1000));
        if moved.len() > 220 {
            return;
        }
        self.note("foreign move", format!("{} to {moved}", row.path));
        files::rename_noreplace(&self.music().join(&row.path), &self.music().join(&moved)).unwrap();
        self.enqueue(&Adopt::everything()).await;
        self.let_pass().await;
        let rows = self.rows().await;
        let now = rows.iter().find(|r| r.id == row.id).map(|r| r.path.as_str());
        assert_eq!(now, Some(moved.as_str()), "the row does not follow\n{}", self.last_deeds());
    }

    /// An admin decides about something that waits, or takes a decision back.
    async fn decide(&mut self) {
        let admin = self.users[0].clone();
        let status = ["pending", "pending", "rejected", "approved"][self.chance.below(4)];
        let listed = self
            .ask(&admin, Method::GET, &format!("/api/import/review?status={status}"), None)
            .await
            .expect(200);
        let ids: Vec<i64> = listed.as_array().unwrap().iter().map(|r| r["id"].as_i64().unwrap()).collect();
        let Some(id) = self.chance.one_of(&ids).copied() else { return };
        let (verb, body) = match status {
            "pending" => match self.chance.below(6) {
                0 => ("approve", json!({"when_there": "replace"})),
                1 => ("approve", json!({"when_there": "beside"})),
                2 => ("approve", json!({"when_there": "extend", "album": "By Hand", "year": 2020})),
                3 => ("reject", json!({"reason": "not mine"})),
                // If it was put back, it is rejected again.
                4 => ("undo", json!({})),
                _ => ("reject", json!({"delete_files": true})),
            },
            "rejected" => ("put-back", json!({})),
            _ => ("undo", json!({})),
        };
        self.note("decide", format!("{verb} {id} {body}"));
        let answer =
            self.ask(&admin, Method::POST, &format!("/api/import/review/{id}/{verb}"), Some(body)).await;
        self.note("answer", format!("{} {}", answer.status, String::from_utf8_lossy(&answer.body)));
        self.let_pass().await;
        // An undone approval takes its tracks out of the library again.
        if verb == "undo" && answer.status == 200 {
            let there: Vec<i64> = self.rows().await.iter().map(|r| r.id).collect();
            self.known.retain(|id, _| there.contains(id));
            self.hearted.retain(|(_, id)| there.contains(id));
        }
    }

    /// What is in the trash goes for good: because an admin says so, or because it is old.
    async fn throw_away(&mut self) {
        let entries = self.entries().await;
        let Some((entry, _, path)) = self.chance.one_of(&entries).cloned() else { return };
        self.note("throw away", format!("entry {entry}: {path}"));
        let found = self.files(&path);
        let point = self.trip("trash", &["removing", "removed"]);
        if self.chance.one_in(2) {
            let admin = self.users[0].clone();
            self.ask(&admin, Method::DELETE, &format!("/api/trash/{entry}"), None).await;
        } else {
            let old = "update trash set expires_at = now() - interval '1 hour' where id = ";
            self.app.db.get().await.unwrap().batch_execute(&format!("{old}{entry}")).await.unwrap();
            self.enqueue(&trash::Expire {}).await;
        }
        self.let_pass().await;
        fail::remove(&point);
        for file in found {
            *self.kept.get_mut(&file.essence).unwrap() -= 1;
        }
        self.deleted.remove(&entry);
    }

    async fn empty_the_trash(&mut self) {
        self.note("empty the trash", String::new());
        for (entry, _, path) in self.entries().await {
            for file in self.files(&path) {
                *self.kept.get_mut(&file.essence).unwrap() -= 1;
            }
            self.deleted.remove(&entry);
        }
        let admin = self.users[0].clone();
        self.ask(&admin, Method::POST, "/api/trash/empty?all=true", None).await.expect(200);
        self.let_pass().await;
    }

    /// What was set aside is taken away, so that a long life does not fill the disk.
    async fn tidy(&mut self) {
        // Nobody here asks the internet: what waits for that would only be looked through again and again.
        let waits = "delete from job where queue = 'network' and state = 'available'";
        self.app.db.get().await.unwrap().run(waits, &[]).await.unwrap();
        if self.entries().await.len() > 30 {
            self.empty_the_trash().await;
        }
        for folder in ["import/review", "import/rejected"] {
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
