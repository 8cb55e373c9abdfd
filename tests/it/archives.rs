//! A zip that a person drops into the inbox comes in as the folder that it holds; one that cannot be taken apart is set
//! aside with the reason; and whatever happens meanwhile, there is the zip or its folder.

use std::io::Write;
use std::path::Path;
use std::process::Command;

use barbossa::files::rename_noreplace;
use barbossa::imports::{Approval, approve, sweep};

use crate::harness::audio::{Song, cover};
use crate::harness::{eventually, files_beneath};
use crate::imports::Inbox;

/// What a shop puts into its zip: flat, each file named after artist and album, too.
fn bought(folder: &Path, artist: &str, album: &str, tracks: u32) {
    for n in 1..=tracks {
        let song = Song::new(&format!("{album} {n}")).artist(artist).album_artist(artist).album(album);
        song.year(1986).track(n, 0).named(&format!("{artist} - {album} - {n:02} {album} {n}")).write(folder);
    }
    cover(&folder.join("cover.jpg"));
}

/// A zip of what is in `folder`.
fn zip(folder: &Path, archive: &Path, options: &[&str]) {
    let mut zip = Command::new("zip");
    zip.args(["-q", "-r"]).args(options).arg(archive).arg(".").current_dir(folder);
    assert!(zip.status().unwrap().success());
}

/// A zip as Python's `zipfile` makes it: what is done with `z`.
fn python_zip(archive: &Path, work: &str) {
    let program = format!(
        "import sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED) as z: {work}"
    );
    assert!(Command::new("python3").args(["-c", &program]).arg(archive).status().unwrap().success());
}

/// Sweeps until there are so many albums.
async fn albums(inbox: &Inbox, count: i64) {
    eventually("the albums are in the library", || async {
        sweep(&inbox.app).await.unwrap();
        inbox.count("album").await == count
    })
    .await;
}

#[tokio::test]
async fn a_zip_comes_in_as_its_album_flat_or_in_a_folder() {
    let inbox = Inbox::new().await;
    let made = inbox.town.outside();
    bought(&made.join("flat"), "Кино", "Ночь", 2);
    bought(&made.join("deep/Zoo - Fable"), "Zoo", "Fable", 2);
    zip(&made.join("flat"), &inbox.folder("Кино - Ночь.zip"), &[]);
    zip(&made.join("deep"), &inbox.folder("download(1).ZIP"), &[]);
    albums(&inbox, 2).await;
    eventually("the inbox is empty", || async { files_beneath(&inbox.town.pending()).is_empty() }).await;
    assert_eq!(
        inbox.filed(),
        [
            "Zoo/Fable (1986)/01 - Fable 1.flac",
            "Zoo/Fable (1986)/02 - Fable 2.flac",
            "Zoo/Fable (1986)/cover.jpg",
            "Кино/Ночь (1986)/01 - Ночь 1.flac",
            "Кино/Ночь (1986)/02 - Ночь 2.flac",
            "Кино/Ночь (1986)/cover.jpg",
        ]
    );
    let done = "select count(*) from import where state = 'done'";
    eventually("both have ended well", || async { inbox.town.value::<i64>(done).await == 2 }).await;
}

#[tokio::test]
async fn a_zip_whose_files_have_no_tags_is_known_by_its_names() {
    let inbox = Inbox::new().await;
    let made = inbox.town.outside().join("bare");
    for (n, title) in [(1, "Dusk"), (2, "Dawn")] {
        let song = Song::new(title).without("title").without("artist").tone(400 + n);
        song.named(&format!("Ann - Tones - {n:02} {title}")).write(&made);
    }
    cover(&made.join("cover.jpg"));
    zip(&made, &inbox.folder("Ann - Tones.zip"), &[]);
    eventually("it is seen", || async {
        sweep(&inbox.app).await.unwrap();
        inbox.count("import").await == 1
            && inbox.town.value::<bool>("select state in ('done', 'review') from import").await
    })
    .await;
    // Names are no proof: where they are all that there is, a person says so.
    if inbox.last().await.starts_with("review: ") {
        let id: i64 = inbox.town.value("select id from import").await;
        approve(&inbox.app.db.get().await.unwrap(), id, &Approval::default()).await.unwrap();
    }
    albums(&inbox, 1).await;
    assert_eq!(
        inbox.filed(),
        ["Ann/Tones/01 - Dusk.flac", "Ann/Tones/02 - Dawn.flac", "Ann/Tones/cover.jpg"]
    );
}

#[tokio::test]
async fn what_cannot_be_unpacked_is_set_aside_with_the_reason() {
    let inbox = Inbox::new().await;
    let made = inbox.town.outside();
    bought(&made.join("fine"), "Ann", "Album", 1);
    let whole = made.join("whole.zip");
    zip(&made.join("fine"), &whole, &[]);
    let whole = std::fs::read(whole).unwrap();
    for (name, reason) in [
        ("broken", "no whole zip archive"),
        ("page", "no whole zip archive"),
        ("locked", "locked with a password"),
        ("evil", "leads out of its folder"),
        ("bomb", "too large to be unpacked"),
        ("words", "there is no audio in it"),
    ] {
        let archive = made.join(format!("{name}.zip"));
        match name {
            "broken" => std::fs::write(&archive, &whole[..whole.len() / 2]).unwrap(),
            "page" => std::fs::write(&archive, "<html>Please log in</html>").unwrap(),
            "locked" => zip(&made.join("fine"), &archive, &["-P", "secret"]),
            "evil" => python_zip(&archive, "z.writestr('../../../artists/x.flac', b'fLaC')"),
            "bomb" => python_zip(&archive, "z.writestr('1.wav', bytes(100 << 20))"),
            _ => python_zip(&archive, "z.writestr('lyrics.txt', 'la la')"),
        }
        let bytes = std::fs::read(&archive).unwrap();
        rename_noreplace(&archive, &inbox.folder(&format!("{name}.zip"))).unwrap();
        inbox.import(&format!("{name}.zip")).await;
        let last = inbox.last().await;
        assert!(last.starts_with("rejected: ") && last.contains(reason), "{name}: {last}");
        let rejected = inbox.town.music().join("import/rejected").join(name);
        assert_eq!(std::fs::read(rejected.join(format!("{name}.zip"))).unwrap(), bytes, "{name}");
        let note = std::fs::read_to_string(rejected.join("REASON.txt")).unwrap();
        assert_eq!(note.trim_end(), last.trim_start_matches("rejected: "), "{name}");
        let path: String = inbox.town.value("select path from import order by id desc limit 1").await;
        assert_eq!(path, format!("import/rejected/{name}"));
        assert!(
            std::fs::read_dir(inbox.town.pending()).unwrap().next().is_none(),
            "{name}: something is left"
        );
    }
    assert!(inbox.filed().is_empty());
    assert_eq!(sweep(&inbox.app).await.unwrap(), 0, "what is rejected is not asked for again");
    // A person's word does not take it apart: it says so, and where the way is.
    let id: i64 = inbox.town.value("select id from import where path = 'import/rejected/broken'").await;
    approve(&inbox.app.db.get().await.unwrap(), id, &Approval::default()).await.unwrap();
    eventually("it is looked at", || async {
        inbox.town.value::<String>(&format!("select state from import where id = {id}")).await == "failed"
    })
    .await;
    let why: String = inbox.town.value(&format!("select reason from import where id = {id}")).await;
    assert!(why.contains("could not be unpacked: ") && why.contains("no whole zip archive"), "{why}");
    assert!(inbox.town.music().join("import/rejected/broken/broken.zip").exists());
}

#[tokio::test]
async fn a_half_copied_zip_waits_and_holds_up_nothing_else() {
    let inbox = Inbox::settling(0, 3600).await;
    let made = inbox.town.outside();
    bought(&made.join("fine"), "Ann", "Album", 2);
    zip(&made.join("fine"), &made.join("whole.zip"), &[]);
    let whole = std::fs::read(made.join("whole.zip")).unwrap();
    let (first, second) = whole.split_at(whole.len() / 2);
    let mut copy = std::fs::File::create(inbox.folder("half.zip")).unwrap();
    copy.write_all(first).unwrap();
    Song::new("Loose")
        .artist("Bob")
        .album_artist("Bob")
        .album("Other")
        .year(1999)
        .write(&inbox.town.pending());
    albums(&inbox, 1).await;
    let reason = async || {
        let of =
            "select coalesce((select reason from import where source_path = 'import/pending/half.zip'), '')";
        inbox.town.value::<String>(of).await
    };
    eventually("it waits while it is open", || async { reason().await == "it is being written" }).await;
    drop(copy);
    eventually("it waits while it is not whole", || async {
        inbox.town.execute("update job set run_at = now() where state = 'available'").await;
        reason().await.starts_with("it is not complete yet")
    })
    .await;
    assert_eq!(files_beneath(&inbox.town.pending()), ["half.zip"], "nothing half-unpacked is left");
    let mut copy = std::fs::OpenOptions::new().append(true).open(inbox.folder("half.zip")).unwrap();
    copy.write_all(second).unwrap();
    drop(copy);
    inbox.town.execute("update job set run_at = now() where state = 'available'").await;
    albums(&inbox, 2).await;
}

#[cfg(feature = "failpoints")]
mod stopped {
    use barbossa::files::faults::{Fault, arm, disarm};
    use barbossa::imports::ImportRelease;
    use barbossa::jobs::Outcome;
    use tokio_util::sync::CancellationToken;

    use super::*;
    use crate::yard::{Yard, attempt_until};

    /// One zip in the inbox, again and again.
    async fn yard() -> Yard {
        let mut yard = Yard::new(|stock| {
            bought(&stock.join("made"), "Ann", "Album", 1);
            zip(&stock.join("made"), &stock.join("made.zip"), &[]);
            rename_noreplace(&stock.join("made.zip"), &stock.join("folder")).unwrap();
        })
        .await;
        yard.source.push_str(".zip");
        yard
    }

    async fn settle(yard: &Yard) {
        yard.settle(&yard.source).await;
        yard.settle(yard.source.trim_end_matches(".zip")).await;
    }

    #[tokio::test]
    async fn a_stop_while_it_is_unpacked_leaves_nothing_behind_and_the_next_worker_goes_on() {
        let yard = yard().await;
        yard.reset().await;
        let (stop, point) = (CancellationToken::new(), format!("unpacking {}", yard.source));
        let stopping = stop.clone();
        fail::cfg_callback(&point, move || stopping.cancel()).unwrap();
        let job = ImportRelease { path: yard.source.clone(), source: "import".into(), requested_by: None };
        let stopped = attempt_until(stop, &yard.app, job).await;
        fail::remove(&point);
        assert!(matches!(stopped, Ok(Outcome::Snooze(_))), "{stopped:?}");
        let name = yard.source.rsplit('/').next().unwrap();
        let pending = std::fs::read_dir(yard.music().join("import/pending")).unwrap();
        let left: Vec<_> = pending.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, [name]);
        settle(&yard).await;
        let state = yard.state().await;
        assert!(state.rows.ends_with("done"), "{}", state.rows);
    }

    #[tokio::test]
    async fn it_survives_a_refusal_and_a_death_at_every_call_to_the_file_system() {
        let yard = yard().await;
        yard.reset().await;
        arm(yard.music(), usize::MAX, Fault::None);
        yard.settle(&yard.source).await;
        let calls = disarm(yard.music());
        assert!(calls.len() >= 8, "{calls:?}");
        settle(&yard).await;
        let expected = yard.state().await;
        assert!(expected.files.keys().any(|path| path == "artists/Ann/Album (1986)/01 - Album 1.flac"));
        let full_disk = 28;
        for (n, call) in calls.iter().enumerate() {
            for fault in [Fault::Refuse(full_disk), Fault::Death] {
                let at = format!("{fault:?} at {n}: {call}");
                yard.reset().await;
                arm(yard.music(), n, fault);
                let first = yard.attempt(&yard.source).await;
                disarm(yard.music());
                settle(&yard).await;
                yard.require(&expected, &format!("{at} ({first:?})")).await;
            }
        }
    }
}
