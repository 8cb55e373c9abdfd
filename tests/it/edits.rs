//! Edits of names and tags: rows, files, folders and links together; undo gives back every byte; nothing is lost at any
//! step.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use axum::Router;
use barbossa::audio::{self, Changes, Field};
use barbossa::edits::{self, ApplyEdits, ExpireEdits, Request, SetArtwork};
use barbossa::hearts::ReconcileLinks;
use barbossa::jobs::{self, Queue, Registry, Worker};
use barbossa::library::{self, MakeThumbnails, NewAlbum, NewTrack, Recorded};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::collection::{Collection, Member, new_album, new_track};
use crate::harness::audio::{Format, Song};
use crate::harness::{Client, eventually, files_beneath};

/// A household whose worker edits.
pub struct Studio {
    pub collection: Collection,
}

impl Studio {
    pub async fn new() -> Self {
        let collection = Collection::new().await;
        let registry = Registry::new()
            .with::<ReconcileLinks>()
            .with::<ApplyEdits>()
            .with::<SetArtwork>()
            .with::<MakeThumbnails>()
            .with::<ExpireEdits>();
        let worker = Worker::new(collection.app.clone(), registry, &[Queue::Imports, Queue::Maintenance], 4);
        let stop = collection.town.stop();
        tokio::spawn(async move { worker.run(stop).await });
        Self { collection }
    }

    pub fn music(&self) -> &Path {
        self.collection.town.music()
    }

    /// A member whose client speaks to the edits' routes too.
    pub async fn member(&self, name: &str) -> Member {
        let member = self.collection.member(name).await;
        let api = library::routes()
            .merge(edits::routes())
            .merge(barbossa::hearts::routes())
            .merge(barbossa::downloads::routes());
        let router = Router::new().nest("/api", api.into()).with_state(self.collection.app.clone());
        Member { client: Client::new(router).with_token(&member.token), ..member }
    }

    /// Files these songs as an album, on the disk and in the rows: `NN - Title.ext`.
    pub async fn shelve(&self, artist: &str, title: &str, year: i32, songs: &[Song]) -> Recorded {
        let path = format!("artists/{artist}/{title} ({year})");
        let folder = self.music().join(&path);
        let mut tracks = Vec::new();
        for (song, n) in songs.iter().zip(1_u32..) {
            let song = song.clone().artist(artist).album_artist(artist).album(title).year(year as u32);
            let song = song.track(n, songs.len() as u32);
            let made = song.write(&folder);
            let file = made.file_name().unwrap().to_str().unwrap();
            let named = folder.join(format!("{n:02} - {file}"));
            barbossa::files::rename_noreplace(&made, &named).unwrap();
            tracks.push(track_of(self.music(), &named));
        }
        let album = NewAlbum {
            path,
            artwork_path: None,
            total_tracks: tracks.len() as i32,
            tracks,
            ..new_album(artist, title, year, &[])
        };
        self.collection.record(&[album]).await.remove(0)
    }

    /// Two short FLACs.
    pub async fn album(&self, artist: &str, title: &str, year: i32) -> Recorded {
        let tone = 300 + title.bytes().map(u32::from).sum::<u32>() % 1000;
        let songs = [Song::new("One").tone(tone), Song::new("Two").tone(tone + 1100)];
        self.shelve(artist, title, year, &songs).await
    }

    /// Every file beneath `artists/` with its bytes' hash and its time.
    pub fn files(&self) -> BTreeMap<String, (String, std::time::SystemTime)> {
        let root = self.music().join("artists");
        files_beneath(&root)
            .into_iter()
            .map(|name| {
                let path = root.join(&name);
                let hash = blake3::hash(&std::fs::read(&path).unwrap()).to_hex().to_string();
                let modified = path.metadata().unwrap().modified().unwrap();
                (name, (hash, modified))
            })
            .collect()
    }

    pub fn names(&self) -> Vec<String> {
        self.files().into_keys().collect()
    }

    /// All rows of the library, but for when they were touched.
    pub async fn rows(&self) -> Value {
        let sql = "select jsonb_build_object(
            'artists', (select jsonb_agg(to_jsonb(r) - 'updated_at' - 'created_at' order by id) from artist r),
            'albums', (select jsonb_agg(to_jsonb(a) - 'updated_at' order by id) from album a),
            'tracks', (select jsonb_agg(to_jsonb(t) - 'updated_at' order by id) from track t))";
        self.collection.town.value(sql).await
    }

    /// Rows and files say the same: names, sizes, times, checksums, tags.
    pub async fn agree(&self) {
        let rows = self.rows().await;
        let tracks = rows["tracks"].as_array().cloned().unwrap_or_default();
        let mut known: Vec<String> =
            tracks.iter().map(|t| t["path"].as_str().unwrap()[8..].to_owned()).collect();
        known.sort();
        let audio: Vec<String> =
            self.names().into_iter().filter(|n| audio::is_audio_name(Path::new(n))).collect();
        assert_eq!(known, audio);
        for track in &tracks {
            let path = self.music().join(track["path"].as_str().unwrap());
            let bytes = std::fs::read(&path).unwrap();
            assert_eq!(track["size_bytes"], json!(bytes.len()), "{}", path.display());
            let checksum = format!("\\x{}", blake3::hash(&bytes).to_hex());
            assert_eq!(track["checksum"], json!(checksum), "{}", path.display());
            let tags = audio::read(&path).unwrap().tags;
            assert_eq!(tags.title.as_deref(), track["title"].as_str(), "{}", path.display());
            assert_eq!(
                tags.track_number.map(i64::from),
                track["track_number"].as_i64(),
                "{}",
                path.display()
            );
        }
    }

    /// How often each sound is there, by content, wherever it lies; what edits keep has no audio file's name.
    pub fn essences(&self) -> BTreeMap<String, usize> {
        crate::imports::essences(self.music())
    }

    /// Who follows whom.
    async fn followed(&self) -> String {
        let sql = "select coalesce(string_agg(concat_ws(' ', u.username, r.name), ', ' order by u.username, r.name), '')
            from heart h join app_user u on u.id = h.user_id join artist r on r.id = h.artist_id";
        self.collection.town.value(sql).await
    }

    pub async fn edit_id(&self) -> i64 {
        self.collection.town.value("select max(id) from edit").await
    }
}

fn track_of(music: &Path, file: &Path) -> NewTrack {
    let sound = audio::read(file).unwrap();
    let digest = audio::checksum_and_essence(file).unwrap();
    let found = file.metadata().unwrap();
    let tags = sound.tags;
    NewTrack {
        path: file.strip_prefix(music).unwrap().to_str().unwrap().to_owned(),
        size_bytes: found.len() as i64,
        modified_at: Timestamp::try_from(found.modified().unwrap()).unwrap(),
        checksum: Some(digest.checksum),
        essence: Some(digest.essence),
        format: sound.quality.format.name().into(),
        genre: tags.genre,
        ..new_track(&tags.title.unwrap(), tags.track_number.unwrap() as i32, "")
    }
}

fn all_changes() -> Changes {
    let all = [
        (Field::Title, "Ленинград ÷ 2"),
        (Field::Artist, "宇多田ヒカル"),
        (Field::Album, "( )"),
        (Field::AlbumArtist, "Various Artists"),
        (Field::AlbumArtistSort, "Artists, Various"),
        (Field::TrackNumber, "7"),
        (Field::DiscNumber, "2"),
        (Field::Year, "1973"),
        (Field::Genre, "Post-Rock"),
        (Field::Label, "FatCat"),
        (Field::CatalogNumber, "FAT-22"),
        (Field::Barcode, "0600116622211"),
        (Field::Composer, "Nobody"),
        (Field::Isrc, "GBAYK0500123"),
        (Field::ReleaseType, "album"),
    ];
    all.into_iter().map(|(field, value)| (field, Some(value.to_owned()))).collect()
}

/// The samples as ffmpeg decodes them, and every tag that it sees.
fn heard(path: &Path) -> (String, String) {
    let run = |program: &str, args: &[&str]| {
        let mut command = Command::new(program);
        command.args(args).arg(path).args(match program {
            "ffmpeg" => &["-map", "0:a", "-f", "md5", "-"][..],
            _ => &[],
        });
        let out = command.output().unwrap();
        assert!(out.status.success(), "{}", String::from_utf8_lossy(&out.stderr));
        String::from_utf8(out.stdout).unwrap()
    };
    let samples = run("ffmpeg", &["-nostdin", "-v", "error", "-i"]);
    let tags = run("ffprobe", &["-v", "error", "-show_entries", "format_tags:stream_tags", "-of", "compact"]);
    (samples, tags)
}

fn aiff(folder: &Path) -> PathBuf {
    let wav = Song::new("Sound").format(Format::Wav).tag("comment", "keep me").write(folder);
    let path = folder.join("sound.aiff");
    let made = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-y", "-i"])
        .arg(&wav)
        .args(["-write_id3v2", "1"])
        .arg(&path)
        .status()
        .unwrap();
    assert!(made.success());
    path
}

#[test]
fn every_format_takes_all_tags_and_keeps_its_sound_and_the_tags_we_do_not_know() {
    let folder = tempfile::tempdir().unwrap();
    let mut files: Vec<PathBuf> = Format::ALL
        .iter()
        .map(|format| {
            let song = Song::new("Sound").format(*format).track(3, 12).tag("comment", "keep me");
            song.tag("replaygain_track_gain", "-6.66 dB").named(&format!("{format:?}")).write(folder.path())
        })
        .collect();
    files.push(aiff(folder.path()));
    for path in files {
        let (sound, _) = heard(&path);
        let essence = audio::checksum_and_essence(&path).unwrap().essence;
        audio::write_tags(&path, &all_changes()).unwrap();
        let (sound_after, tags) = heard(&path);
        assert_eq!(sound, sound_after, "{path:?}");
        assert_eq!(essence, audio::checksum_and_essence(&path).unwrap().essence, "{path:?}");
        assert!(tags.contains("keep me"), "{path:?}: {tags}");
        if !["m4a", "wav", "aiff"].iter().any(|e| path.extension().unwrap() == *e) {
            assert!(tags.contains("-6.66 dB"), "{path:?}: {tags}");
        }
        let read = audio::read(&path).unwrap().tags;
        assert_eq!(read.title.as_deref(), Some("Ленинград ÷ 2"), "{path:?}");
        assert_eq!(read.artist.as_deref(), Some("宇多田ヒカル"), "{path:?}");
        assert_eq!(read.album.as_deref(), Some("( )"), "{path:?}");
        assert_eq!(read.album_artist.as_deref(), Some("Various Artists"), "{path:?}");
        assert_eq!(read.album_artist_sort.as_deref(), Some("Artists, Various"), "{path:?}");
        assert_eq!(
            (read.track_number, read.disc_number, read.year),
            (Some(7), Some(2), Some(1973)),
            "{path:?}"
        );
        assert_eq!(
            (read.genre.as_deref(), read.label.as_deref()),
            (Some("Post-Rock"), Some("FatCat")),
            "{path:?}"
        );
        assert_eq!(read.catalog_number.as_deref(), Some("FAT-22"), "{path:?}");
        assert_eq!(read.barcode.as_deref(), Some("0600116622211"), "{path:?}");
        assert_eq!(
            (read.composer.as_deref(), read.isrc.as_deref()),
            (Some("Nobody"), Some("GBAYK0500123")),
            "{path:?}"
        );
        assert_eq!(read.release_type.as_deref(), Some("album"), "{path:?}");
        assert!(read.track_total.is_none_or(|t| t == 12), "{path:?}");
        let none: Changes =
            [Field::Year, Field::Genre, Field::Label].into_iter().map(|f| (f, None)).collect();
        audio::write_tags(&path, &none).unwrap();
        let read = audio::read(&path).unwrap().tags;
        assert_eq!((read.year, read.genre, read.label), (None, None, None), "{path:?}");
        assert_eq!(heard(&path).0, sound, "{path:?}");
    }
}

#[tokio::test]
async fn an_album_edit_changes_rows_tags_folder_and_links_and_undo_gives_every_byte_back() {
    let studio = Studio::new().await;
    let album = studio.album("Ann", "Albun", 1998).await;
    std::fs::write(studio.music().join("artists/Ann/Albun (1998)/booklet.txt"), "words").unwrap();
    let ada = studio.member("ada").await;
    ada.client.post(&format!("/api/me/library/albums/{}", album.album_id), json!({})).await.expect(200);
    let (files, rows, essences) = (studio.files(), studio.rows().await, studio.essences());
    let body = json!({"title": "Album", "year": 1999, "genre": "Jazz", "label": "Blue Note", "barcode": "0602498681350"});
    let url = format!("/api/metadata/albums/{}", album.album_id);

    let preview = ada.client.put(&format!("{url}?preview=true"), body.clone()).await.expect(200);
    assert_eq!(
        preview["folders"],
        json!([{"from": "artists/Ann/Albun (1998)", "to": "artists/Ann/Album (1999)"}])
    );
    assert_eq!(preview["files"][0]["tags"]["album"], "Album");
    assert_eq!(
        (studio.files(), studio.rows().await),
        (files.clone(), rows.clone()),
        "a preview changes nothing"
    );

    let answer = ada.client.put(&url, body).await.expect(200);
    assert_eq!(answer["status"], "updated");
    let names =
        ["Ann/Album (1999)/01 - One.flac", "Ann/Album (1999)/02 - Two.flac", "Ann/Album (1999)/booklet.txt"];
    assert_eq!(studio.names(), names);
    studio.agree().await;
    let tags = audio::read(&studio.music().join("artists/Ann/Album (1999)/01 - One.flac")).unwrap().tags;
    assert_eq!(
        (tags.album.as_deref(), tags.year, tags.genre.as_deref()),
        (Some("Album"), Some(1999), Some("Jazz"))
    );
    assert_eq!((tags.label.as_deref(), tags.track_total), (Some("Blue Note"), Some(2)));
    let link = studio.music().join("users/ada/Ann/Album (1999)/01 - One.flac");
    eventually("the link follows", || async {
        barbossa::files::same_file(&link, &studio.music().join("artists/Ann/Album (1999)/01 - One.flac"))
            .unwrap_or(false)
    })
    .await;
    eventually("all links follow", || async { studio.essences() == essences }).await;

    let journal = ada.client.get(&format!("/api/edits?entity=album&id={}", album.album_id)).await.expect(200);
    let entry = &journal["items"][0];
    assert_eq!(
        (&entry["username"], &entry["state"], &entry["can_undo"]),
        (&json!("ada"), &json!("done"), &json!(true))
    );
    let title = entry["changes"].as_array().unwrap().iter().find(|c| c["field"] == "title").unwrap();
    assert_eq!((&title["before"], &title["after"]), (&json!("Albun"), &json!("Album")));

    let edit = answer["edit_id"].as_i64().unwrap();
    let undone = ada.client.post(&format!("/api/edits/{edit}/undo"), json!({})).await.expect(200);
    assert_eq!(undone["status"], "undone");
    assert_eq!(studio.files(), files, "every byte, name and time");
    assert_eq!(studio.rows().await, rows);
    let again = ada.client.post(&format!("/api/edits/{edit}/undo"), json!({})).await;
    assert_eq!(again.status, 409);
    let redo = undone["edit_id"].as_i64().unwrap();
    ada.client.post(&format!("/api/edits/{redo}/undo"), json!({})).await.expect(200);
    assert_eq!(studio.names(), names);
    studio.agree().await;
    eventually("the links follow again", || async { studio.essences() == essences }).await;
}

#[tokio::test]
async fn only_what_lies_around_the_audio_is_kept_for_undo() {
    let studio = Studio::new().await;
    let songs = Format::ALL.map(|f| {
        let mut song = Song::new(&format!("In {f:?}")).format(f);
        song.milliseconds = 3000;
        song
    });
    let album = studio.shelve("Ann", "Formats", 2001, &songs).await;
    let (files, before) = (studio.files(), studio.rows().await);
    let ada = studio.member("ada").await;
    let url = format!("/api/metadata/artists/{}", album.artist_id);
    let answer = ada.client.put(&url, json!({"name": "Ann ÷"})).await.expect(200);
    assert_eq!((&answer["old_name"], &answer["new_name"]), (&json!("Ann"), &json!("Ann ÷")));
    studio.agree().await;
    assert!(studio.names().iter().all(|n| n.starts_with("Ann ÷/Formats (2001)/")), "{:?}", studio.names());
    let kept = studio.music().join(".trash/edits").join(answer["edit_id"].to_string());
    let sizes: BTreeMap<String, u64> = files_beneath(&kept)
        .into_iter()
        .map(|n| (n.clone(), kept.join(&n).metadata().unwrap().len()))
        .collect();
    let whole: Vec<&String> = sizes.keys().filter(|n| n.starts_with("old/")).collect();
    assert_eq!(whole, ["old/3", "old/4"], "only Ogg is kept whole: {sizes:?}");
    assert!(sizes.iter().all(|(n, size)| n.starts_with("old/") || *size < 20_000), "{sizes:?}");
    let undo = format!("/api/edits/{}/undo", answer["edit_id"]);
    ada.client.post(&undo, json!({})).await.expect(200);
    assert_eq!(studio.files(), files);
    assert_eq!(studio.rows().await, before);
}

#[tokio::test]
async fn a_track_gets_another_name_number_and_artist() {
    let studio = Studio::new().await;
    let album = studio.album("Ann", "Album", 1999).await;
    let ada = studio.member("ada").await;
    let url = |n: usize| format!("/api/metadata/tracks/{}", album.track_ids[n]);
    let taken = ada.client.put(&url(0), json!({"track_number": 2})).await;
    assert_eq!(taken.status, 409);
    assert!(taken.json()["detail"].as_str().unwrap().contains("Two"), "{:?}", taken.json());
    for (body, expected) in [
        (json!({"title": "AC/DC: ..\\ ÷"}), "Ann/Album (1999)/01 - AC_DC: .._ ÷.flac"),
        (json!({"title": "one"}), "Ann/Album (1999)/01 - one.flac"),
        (json!({"title": "One"}), "Ann/Album (1999)/01 - One.flac"),
        (json!({"title": "Cafe\u{301}"}), "Ann/Album (1999)/01 - Café.flac"),
        (
            json!({"title": "Café", "artist": "Bob", "isrc": "gb-ayk-05-00123"}),
            "Ann/Album (1999)/01 - Café.flac",
        ),
        (json!({"track_number": 9, "disc_number": 2}), "Ann/Album (1999)/2-09 - Café.flac"),
    ] {
        ada.client.put(&url(0), body.clone()).await.expect(200);
        assert!(studio.names().contains(&expected.to_owned()), "{body}: {:?}", studio.names());
        assert_eq!(studio.names().len(), 2);
        studio.agree().await;
    }
    let long = "é".repeat(900);
    ada.client.put(&url(1), json!({ "title": long })).await.expect(200);
    studio.agree().await;
}

#[tokio::test]
async fn what_is_there_already_is_named_and_nothing_is_changed() {
    let studio = Studio::new().await;
    let one = studio.album("Ann", "One", 1999).await;
    studio.album("Ann", "Other", 1999).await;
    let bob = studio.album("Bob", "Other", 1999).await;
    let ada = studio.member("ada").await;
    let (files, rows) = (studio.files(), studio.rows().await);
    for (url, body, status, says) in [
        (
            format!("/api/metadata/albums/{}", one.album_id),
            json!({"title": "OTHER"}),
            409,
            "Other (1999) by Ann",
        ),
        (format!("/api/metadata/artists/{}", bob.artist_id), json!({"name": "ann"}), 409, "merge=true"),
        (
            format!("/api/metadata/artists/{}", bob.artist_id),
            json!({"name": "Ann", "merge": true}),
            409,
            "Other (1999) by Ann",
        ),
        (format!("/api/metadata/artists/{}", bob.artist_id), json!({"name": "  "}), 400, "Name required"),
        (
            format!("/api/metadata/artists/{}", bob.artist_id),
            json!({"name": "\u{200b}"}),
            400,
            "Name required",
        ),
        (format!("/api/metadata/albums/{}", one.album_id), json!({"year": 99}), 422, "year"),
        (format!("/api/metadata/albums/{}", one.album_id), json!({"titel": "x"}), 422, "titel"),
        ("/api/metadata/albums/999".into(), json!({"title": "x"}), 404, "Album not found"),
        ("/api/metadata/tracks/999".into(), json!({"title": "x"}), 404, "Track not found"),
        ("/api/metadata/artists/999".into(), json!({"name": "x"}), 404, "Artist not found"),
        ("/api/metadata/albums".into(), json!({"ids": [], "year": 2000}), 422, "ids"),
    ] {
        let answer = ada.client.put(&url, body.clone()).await;
        let text = String::from_utf8_lossy(&answer.body).into_owned();
        assert_eq!(answer.status.as_u16(), status, "{body}: {text}");
        assert!(text.contains(says), "{body}: {text}");
    }
    let nothing =
        ada.client.put(&format!("/api/metadata/albums/{}", one.album_id), json!({"title": "One"})).await;
    assert_eq!(nothing.expect(200)["edit_id"], Value::Null);
    assert_eq!((studio.files(), studio.rows().await), (files, rows));
}

#[tokio::test]
async fn artists_become_one_and_two_again() {
    let studio = Studio::new().await;
    let ann = studio.album("Ann", "First", 1999).await;
    let typo = studio.album("Anne", "Second", 2001).await;
    let ada = studio.member("ada").await;
    ada.client.post(&format!("/api/me/library/artists/{}", typo.artist_id), json!({})).await.expect(200);
    let (files, rows) = (studio.files(), studio.rows().await);
    let url = format!("/api/metadata/artists/{}", typo.artist_id);
    let answer = ada.client.put(&url, json!({"name": "Ann", "merge": true})).await.expect(200);
    assert!(studio.names().iter().all(|n| n.starts_with("Ann/")), "{:?}", studio.names());
    assert!(!studio.music().join("artists/Anne").exists(), "the empty folder goes");
    studio.agree().await;
    let count: i64 = studio.collection.town.value("select count(*) from artist").await;
    assert_eq!(count, 1);
    let follows: i64 =
        studio.collection.town.value("select artist_id from heart where artist_id is not null").await;
    assert_eq!(follows, ann.artist_id);
    let undone =
        ada.client.post(&format!("/api/edits/{}/undo", answer["edit_id"]), json!({})).await.expect(200);
    assert_eq!(studio.files(), files);
    assert_eq!(studio.rows().await, rows);
    assert_eq!(studio.followed().await, "ada Anne");
    // And one again: undoing an undoing is doing it.
    ada.client.post(&format!("/api/edits/{}/undo", undone["edit_id"]), json!({})).await.expect(200);
    assert_eq!(studio.followed().await, "ada Ann");
    studio.agree().await;
}

#[tokio::test]
async fn who_followed_either_of_two_artists_follows_the_same_when_their_merger_is_undone() {
    let studio = Studio::new().await;
    let (ann, typo) = (studio.album("Ann", "First", 1999).await, studio.album("Anne", "Second", 2001).await);
    let mut people = Vec::new();
    for (name, artists) in
        [("ada", vec![&ann]), ("bob", vec![&typo]), ("cid", vec![&ann, &typo]), ("dot", vec![&typo])]
    {
        let member = studio.member(name).await;
        for artist in artists {
            let url = format!("/api/me/library/artists/{}", artist.artist_id);
            member.client.post(&url, json!({})).await.expect(200);
        }
        people.push(member);
    }
    let url = format!("/api/metadata/artists/{}", typo.artist_id);
    let merged = people[0].client.put(&url, json!({"name": "Ann", "merge": true})).await.expect(200);
    assert_eq!(studio.followed().await, "ada Ann, bob Ann, cid Ann, dot Ann");
    studio.collection.town.execute("delete from app_user where username = 'dot'").await;
    let undo = format!("/api/edits/{}/undo", merged["edit_id"]);
    people[0].client.post(&undo, json!({})).await.expect(200);
    assert_eq!(studio.followed().await, "ada Ann, bob Anne, cid Ann, cid Anne");
}

#[tokio::test]
async fn an_artist_whom_somebody_follows_stays_when_the_last_album_goes_to_another() {
    let studio = Studio::new().await;
    let album = studio.album("Ann", "One", 1999).await;
    let ada = studio.member("ada").await;
    ada.client.post(&format!("/api/me/library/artists/{}", album.artist_id), json!({})).await.expect(200);
    let (files, rows) = (studio.files(), studio.rows().await);
    let url = format!("/api/metadata/albums/{}", album.album_id);
    let moved = ada.client.put(&url, json!({"artist": "Bob"})).await.expect(200);
    assert_eq!(studio.followed().await, "ada Ann");
    ada.client.post(&format!("/api/edits/{}/undo", moved["edit_id"]), json!({})).await.expect(200);
    assert_eq!((studio.files(), studio.rows().await), (files, rows));
    assert_eq!(studio.followed().await, "ada Ann");
}

#[tokio::test]
async fn an_album_goes_to_another_artist_and_several_get_one_change() {
    let studio = Studio::new().await;
    let (one, two) = (studio.album("Ann", "One", 1999).await, studio.album("Ann", "Twos", 2000).await);
    let ada = studio.member("ada").await;
    let (files, rows) = (studio.files(), studio.rows().await);
    let url = format!("/api/metadata/albums/{}", one.album_id);
    let moved = ada.client.put(&url, json!({"artist": "The New"})).await.expect(200);
    assert!(studio.names().contains(&"The New/One (1999)/01 - One.flac".to_owned()), "{:?}", studio.names());
    let sort: String =
        studio.collection.town.value("select sort_name from artist where name = 'The New'").await;
    assert_eq!(sort, "New, The");
    let body = json!({"ids": [one.album_id, two.album_id], "genre": "Jazz", "artist": "Bob"});
    let both = ada.client.put("/api/metadata/albums", body).await.expect(200);
    assert!(studio.names().iter().all(|n| n.starts_with("Bob/")), "{:?}", studio.names());
    let artists: i64 = studio.collection.town.value("select count(*) from artist").await;
    assert_eq!(artists, 1, "artists without albums are forgotten");
    studio.agree().await;
    let early = ada.client.post(&format!("/api/edits/{}/undo", moved["edit_id"]), json!({})).await;
    assert_eq!(early.status, 409, "the later edit comes first");
    for edit in [both, moved] {
        ada.client.post(&format!("/api/edits/{}/undo", edit["edit_id"]), json!({})).await.expect(200);
    }
    assert_eq!(studio.files(), files);
    assert_eq!(studio.rows().await, rows);
}

#[tokio::test]
async fn what_came_to_an_album_since_goes_back_with_its_folder() {
    let studio = Studio::new().await;
    let album = studio.album("Ann", "Album", 1999).await;
    let ada = studio.member("ada").await;
    let url = format!("/api/metadata/albums/{}", album.album_id);
    let answer = ada.client.put(&url, json!({"title": "Album Ⅱ"})).await.expect(200);
    // A third track is bought, and gets a name of its own; a cover is found.
    let path = "artists/Ann/Album Ⅱ (1999)";
    let song = Song::new("Three").artist("Ann").album_artist("Ann").album("Album Ⅱ").year(1999).track(3, 3);
    let file = song.tone(2900).named("x616 03 - Three").write(&studio.music().join(path));
    std::fs::write(studio.music().join(path).join("cover.jpg"), "a picture").unwrap();
    let tracks = vec![track_of(studio.music(), &file)];
    let more = NewAlbum { path: path.into(), tracks, ..new_album("Ann", "Album Ⅱ", 1999, &[]) };
    assert_eq!(studio.collection.record(&[more]).await[0].album_id, album.album_id);
    let cover = format!("update album set artwork_path = '{path}/cover.jpg'");
    studio.collection.town.execute(&cover).await;
    studio.agree().await;
    let (files, rows) = (studio.files(), studio.rows().await);

    let undo =
        ada.client.post(&format!("/api/edits/{}/undo", answer["edit_id"]), json!({})).await.expect(200);
    let names = ["01 - One.flac", "02 - Two.flac", "cover.jpg", "x616 03 - Three.flac"];
    assert_eq!(studio.names(), names.map(|name| format!("Ann/Album (1999)/{name}")));
    studio.agree().await;
    let third = studio.music().join("artists/Ann/Album (1999)/x616 03 - Three.flac");
    assert_eq!(audio::read(&third).unwrap().tags.album.as_deref(), Some("Album"));
    let cover: String = studio.collection.town.value("select artwork_path from album").await;
    assert_eq!(cover, "artists/Ann/Album (1999)/cover.jpg");

    ada.client.post(&format!("/api/edits/{}/undo", undo["edit_id"]), json!({})).await.expect(200);
    assert_eq!(studio.files(), files, "every byte, name and time");
    assert_eq!(studio.rows().await, rows);
}

#[tokio::test]
async fn a_file_that_changed_since_is_not_undone_and_a_damaged_one_is_not_edited() {
    let studio = Studio::new().await;
    let album = studio.album("Ann", "Album", 1999).await;
    let ada = studio.member("ada").await;
    let url = format!("/api/metadata/albums/{}", album.album_id);
    let answer = ada.client.put(&url, json!({"genre": "Jazz"})).await.expect(200);
    let file = studio.music().join("artists/Ann/Album (1999)/01 - One.flac");
    let foreign = Changes::from([(Field::Composer, Some("Somebody else".to_owned()))]);
    audio::write_tags(&file, &foreign).unwrap();
    let refused = ada.client.post(&format!("/api/edits/{}/undo", answer["edit_id"]), json!({})).await;
    assert_eq!(refused.status, 409, "{:?}", refused.json());
    assert!(refused.json()["detail"].as_str().unwrap().contains("01 - One.flac"), "{:?}", refused.json());
    // Another edit takes the foreign tag along.
    ada.client.put(&url, json!({"genre": "Rock"})).await.expect(200);
    assert_eq!(audio::read(&file).unwrap().tags.composer.as_deref(), Some("Somebody else"));
    studio.agree().await;
    let other = Song::new("Other").tone(2222).write(&studio.collection.town.outside());
    std::fs::copy(other, &file).unwrap();
    let files = studio.files();
    let refused = ada.client.put(&url, json!({"genre": "Folk"})).await;
    assert_eq!(refused.status, 409, "{:?}", refused.json());
    assert!(refused.json()["detail"].as_str().unwrap().contains("sound"), "{:?}", refused.json());
    assert_eq!(studio.files(), files);
}

#[tokio::test]
async fn tags_follow_the_rows_when_asked_and_what_was_kept_goes_by_its_age() {
    let studio = Studio::new().await;
    let album = studio.album("Ann", "Album", 1999).await;
    let town = &studio.collection.town;
    town.execute("update album set title = 'Approved', title_key = 'approved', year = 2003").await;
    let mut client = studio.collection.app.db.get().await.unwrap();
    let tx = client.transaction().await.unwrap();
    let job = edits::write_tags(&tx, album.album_id, None).await.unwrap();
    tx.commit().await.unwrap();
    jobs::wait(&studio.collection.app, &[job], Duration::from_secs(10)).await;
    let file = studio.music().join("artists/Ann/Album (1999)/01 - One.flac");
    let tags = audio::read(&file).unwrap().tags;
    assert_eq!((tags.album.as_deref(), tags.year), (Some("Approved"), Some(2003)));
    studio.agree().await;
    let request = Request::WriteTags { album_id: album.album_id };
    assert!(
        edits::preview(&studio.collection.app, &request).await.unwrap().is_empty(),
        "nothing is left to write"
    );

    // By the clock only: it leapt ahead, and nobody has had the time to want it back.
    town.execute("update edit set finished_at = now() - interval '31 days'").await;
    let job = jobs::enqueue(&client, &ExpireEdits {}).await.unwrap();
    jobs::wait(&studio.collection.app, &[job], Duration::from_secs(10)).await;
    assert!(!files_beneath(&studio.music().join(".trash")).is_empty());
    town.live_days(31).await;
    let job = jobs::enqueue(&client, &ExpireEdits {}).await.unwrap();
    jobs::wait(&studio.collection.app, &[job], Duration::from_secs(10)).await;
    assert!(files_beneath(&studio.music().join(".trash")).is_empty());
    let ada = studio.member("ada").await;
    let refused = ada.client.post(&format!("/api/edits/{}/undo", studio.edit_id().await), json!({})).await;
    assert_eq!(refused.status, 409);
    let entry = ada.client.get(&format!("/api/edits/{}", studio.edit_id().await)).await.expect(200);
    assert_eq!(entry["can_undo"], false);
}

/// Every place between two steps, and how often it is passed before the stop.
#[cfg(feature = "failpoints")]
const STEPS: &[(&str, u32)] = &[
    ("planned", 0),
    ("staging", 0),
    ("staging", 1),
    ("staged", 0),
    ("moving", 0),
    ("freeing", 0),
    ("exchanging", 0),
    ("exchanging", 1),
    ("exchanged", 0),
    ("recording", 0),
    ("recorded", 0),
    ("concluding", 0),
    ("concluding", 1),
    ("concluded", 0),
];

#[cfg(feature = "failpoints")]
#[tokio::test]
async fn an_edit_and_its_undo_survive_a_stop_at_every_step() {
    let studio = Studio::new().await;
    for (n, (step, passed)) in STEPS.iter().enumerate() {
        let title = format!("Album {n}");
        let album = studio.album("Ann", &title, 1999).await;
        let (files, essences) = (studio.files(), studio.essences());
        // Both tracks get another number as well, so that files are renamed: a second edit of the same kind of steps.
        let rename = [
            Request::Track {
                id: album.track_ids[0],
                change: serde_json::from_value(json!({"title": "New"})).unwrap(),
            },
            Request::Albums {
                ids: vec![album.album_id],
                change: serde_json::from_value(json!({"title": format!("{title} again"), "year": 2000}))
                    .unwrap(),
            },
        ];
        let mut done = Vec::new();
        for request in rename {
            let is_track = matches!(request, Request::Track { .. });
            if is_track == matches!(*step, "moving")
                || (is_track && *passed > 0)
                || (!is_track && *step == "freeing")
            {
                continue;
            }
            let point = format!("edit {step} Ann – {title}");
            fail::cfg(&point, &format!("{passed}*off->1*return->off")).unwrap();
            done.push(carried_out(&studio, &request).await);
            fail::remove(&point);
            assert_eq!(studio.essences(), essences, "{step}");
            studio.agree().await;
        }
        for edit_id in done.into_iter().rev() {
            let request = Request::Undo { edit_id };
            let current: String =
                studio.collection.town.value(&format!("select concat_ws(' – ', r.name, a.title) from album a join artist r on r.id = a.artist_id where a.id = {}", album.album_id)).await;
            let point = format!("edit {step} {current}");
            fail::cfg(&point, &format!("{passed}*off->1*return->off")).unwrap();
            carried_out(&studio, &request).await;
            fail::remove(&point);
            studio.agree().await;
        }
        assert_eq!(studio.files(), files, "{step}");
        assert_eq!(studio.essences(), essences, "{step}");
        let hidden = files_beneath(&studio.music().join(".trash/edits"));
        assert!(!hidden.iter().any(|f| f.contains("/new/")), "{step}: {hidden:?}");
    }
    let open: i64 =
        studio.collection.town.value("select count(*) from edit where state not in ('done')").await;
    assert_eq!(open, 0);
}

/// Asks for it and goes on until it has ended, however often it is stopped; no sound is ever lost.
#[cfg(feature = "failpoints")]
async fn carried_out(studio: &Studio, request: &Request) -> i64 {
    let app = &studio.collection.app;
    let essences: Vec<String> = studio.essences().into_keys().collect();
    let edits::Asked::On { edit_id, job_id, .. } = edits::ask(app, request, None).await.unwrap() else {
        panic!("nothing to do: {request:?}");
    };
    let end = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        // Backoff is for others.
        studio
            .collection
            .town
            .execute("update job set run_at = now() where state = 'available' and kind like 'edits.%'")
            .await;
        if let Some(ended) = edits::wait(app, edit_id, job_id, Duration::from_millis(150)).await.unwrap() {
            assert_eq!(ended, Ok(Vec::new()), "{request:?}");
            let attempts: i32 = studio
                .collection
                .town
                .value(&format!("select max(attempt) from job where id >= {job_id} and kind = 'edits.apply'"))
                .await;
            assert!(attempts > 1, "it was not stopped at all: {request:?}");
            return edit_id;
        }
        let found: Vec<String> = everywhere(studio.music());
        for essence in &essences {
            assert!(found.contains(essence), "a sound is gone");
        }
        assert!(std::time::Instant::now() < end, "it did not end");
    }
}

/// The sounds of all files, whatever their names.
#[cfg(feature = "failpoints")]
fn everywhere(folder: &Path) -> Vec<String> {
    files_beneath(folder)
        .iter()
        .filter_map(|name| Some(audio::checksum_and_essence(&folder.join(name)).ok()?.essence))
        .collect()
}
