//! The queue of downloads under trouble: a source that is slow or wants to be left alone holds up no other, a restart goes on
//! where it was, a full disk and a change of mind leave nothing behind.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::get;
use futures_util::{StreamExt, stream};
use http::{HeaderMap, StatusCode, header};
use serde_json::{Value, json};

use crate::downloads::{House, fake, program};
use crate::harness::audio::{Format, Song};
use crate::harness::eventually;

/// What a fake does that brings a song: `tone.flac` beside it.
const BRING: &str = "cp \"$(dirname \"$0\")/tone.flac\" 0.x.flac; echo '{\"title\":\"Tone\",\"artist\":\"Ann\"}' > 0.x.info.json";

fn song(house: &House) {
    Song::new("x").format(Format::Flac16).named("tone").write(house.town.pending().parent().unwrap());
}

/// Waits until it is in the library, whichever of two with the same sound came first.
async fn arrives(house: &House, download: &Value) {
    let end = Instant::now() + Duration::from_secs(120);
    loop {
        let now = house.status(download).await;
        if ["complete", "duplicate"].contains(&now["status"].as_str().unwrap()) {
            return;
        }
        assert!(Instant::now() < end, "it does not arrive: {now}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn each_source_fetches_as_many_at_once_as_it_may_and_none_holds_up_another() {
    let house = House::with(|town| {
        fake(town, "sleep 1000");
        town.settings_mut().downloads.at_once_per_source = 2;
        // What else there is to do has hands of its own.
        town.settings_mut().worker.concurrency = 1;
    })
    .await;
    for n in 1..=3 {
        house.ask(&format!("http://example.org/{n}")).await;
        house.ask(&format!("https://soundcloud.com/ann/{n}")).await;
    }
    let running = "select coalesce(string_agg(source || ' ' || n, ', ' order by source), '')
        from (select source, count(*) as n from download where state = 'downloading' group by source) s";
    eventually("both sources are at their limits", || async {
        house.town.value::<String>(running).await == "soundcloud 2, url 2"
    })
    .await;
    let one: i64 =
        house.town.value("select min(id) from download where source = 'url' and state = 'downloading'").await;
    house.client.post(&format!("/api/downloads/{one}/cancel"), json!({})).await.expect(200);
    // The third of the same source has its turn, and of the other there are no more than before.
    let waiting = "select coalesce(string_agg(source, ', '), '') from download where state = 'pending'";
    eventually("it has its turn", || async { house.town.value::<String>(waiting).await == "soundcloud" })
        .await;
    assert_eq!(house.town.value::<String>(running).await, "soundcloud 2, url 2");
    // Nor do the questions wait that anybody asks meanwhile.
    house.client.post("/api/sources/check", json!({})).await.expect(202);
    eventually("the sources are looked at", || async {
        house
            .town
            .value::<bool>(
                "select exists (select from job where kind = 'sources.look' and state = 'completed')",
            )
            .await
    })
    .await;
}

#[tokio::test]
async fn a_source_that_wants_to_be_left_alone_is_and_the_others_go_on() {
    let house = House::faking(&format!(
        "case \"$*\" in *soundcloud*) echo x >> \"$(dirname \"$0\")/asked\"; [ -e \"$(dirname \"$0\")/open\" ] ||
            {{ echo 'ERROR: [soundcloud] a: HTTP Error 429: Too Many Requests' >&2; exit 1; }};; esac\n{BRING}"
    ))
    .await;
    song(&house);
    let beside = |name: &str| house.town.pending().parent().unwrap().join(name);
    let first = house.ask("https://soundcloud.com/ann/1").await;
    eventually("it was told to wait", || async { !house.status(&first).await["error_message"].is_null() })
        .await;
    assert_eq!(house.status(&first).await["status"], "pending");
    let second = house.ask("https://soundcloud.com/ann/2").await;
    let other = house.ask("http://example.org/a").await;
    house.reaches(&other, "complete").await;
    let waits = "select count(*) from job j join download d on d.job_id = j.id where d.source = 'soundcloud'
        and j.state = 'available' and j.attempt = 0 and j.run_at > now() + interval '1 minute'";
    eventually("both wait as long as it wants, and no attempt is lost", || async {
        house.town.value::<i64>(waits).await == 2
    })
    .await;
    let asked = || std::fs::read_to_string(beside("asked")).unwrap().lines().count();
    assert_eq!(asked(), 1, "the second did not even ask");
    // The time is over.
    std::fs::write(beside("open"), "").unwrap();
    house.town.execute("update download_pace set free_at = now(); update job set run_at = now() where state = 'available'").await;
    for one in [&first, &second] {
        arrives(&house, one).await;
    }
    assert_eq!(asked(), 3);
}

#[tokio::test]
async fn no_more_is_begun_at_a_source_within_a_minute_than_it_may() {
    let house = House::with(|town| {
        fake(town, "sleep 1000");
        town.settings_mut().downloads.per_minute_per_source = 1;
    })
    .await;
    let first = house.ask("http://example.org/1").await;
    house.reaches(&first, "downloading").await;
    let second = house.ask("http://example.org/2").await;
    let other = house.ask("https://soundcloud.com/ann/1").await;
    house.reaches(&other, "downloading").await;
    let waits = format!(
        "select exists (select from job j join download d on d.job_id = j.id where d.id = {} and d.state = 'pending'
            and j.state = 'available' and j.run_at > now() + interval '20 seconds')",
        second["id"]
    );
    eventually("the second waits for its minute", || async { house.town.value::<bool>(&waits).await }).await;
}

/// A server of one file. As long as it is slow it sends no more than the first half, and then nothing. RFC 9110, section 14,
/// says how the rest is asked for.
struct Slow {
    bytes: Vec<u8>,
    is_slow: AtomicBool,
    begun_at: Mutex<Vec<usize>>,
}

async fn half(State(file): State<Arc<Slow>>, headers: HeaderMap) -> Response {
    let range = headers.get(header::RANGE).and_then(|range| range.to_str().ok());
    let from = range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    file.begun_at.lock().unwrap().extend(from);
    let (start, all) = (from.unwrap_or(0), file.bytes.len());
    let answer = Response::builder()
        .header(header::CONTENT_TYPE, "audio/flac")
        .header(header::ACCEPT_RANGES, "bytes")
        .header(header::CONTENT_LENGTH, all - start)
        .header(header::CONTENT_RANGE, format!("bytes {start}-{}/{all}", all - 1))
        .status(if from.is_some() { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK });
    let body = if file.is_slow.load(Ordering::Relaxed) {
        let first = file.bytes[start..all / 2].to_vec();
        Body::from_stream(stream::iter([Ok::<_, std::io::Error>(first)]).chain(stream::pending()))
    } else {
        Body::from(file.bytes[start..].to_vec())
    };
    answer.body(body).unwrap()
}

#[tokio::test]
async fn after_a_restart_the_real_program_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let song = Song::new("Tone")
        .artist("Ann")
        .album("Tones")
        .format(Format::Flac16)
        .tag("comment", &"x".repeat(120_000));
    let bytes = std::fs::read(song.write(folder.path())).unwrap();
    let file = Arc::new(Slow { bytes, is_slow: AtomicBool::new(true), begun_at: Mutex::default() });
    let routes = Router::new().route("/tone.flac", get(half)).with_state(file.clone());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/tone.flac", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, routes).await });
    let mut house = House::with(|town| town.settings_mut().downloads.yt_dlp_path = program("yt-dlp")).await;
    let asked = house.ask(&url).await;
    let staging = house.town.music().join(format!("downloads/url/.fetching-{}", asked["id"]));
    let part = || {
        let files = std::fs::read_dir(&staging).into_iter().flatten().flatten();
        let part = files
            .map(|file| file.path())
            .find(|path| path.extension().is_some_and(|ending| ending == "part"));
        part.and_then(|path| std::fs::metadata(path).ok()).map_or(0, |meta| meta.len())
    };
    let end = Instant::now() + Duration::from_secs(60);
    while part() == 0 {
        assert!(Instant::now() < end, "nothing of it arrived: {}", house.status(&asked).await);
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(*file.begun_at.lock().unwrap(), [0; 0], "from its beginning");
    house.restart().await;
    // It is the same one, and what was there is not asked for again.
    file.is_slow.store(false, Ordering::Relaxed);
    let done = house.reaches(&asked, "complete").await;
    let begun = file.begun_at.lock().unwrap().clone();
    assert!(begun.len() == 1 && begun[0] > 0, "{begun:?}");
    assert_eq!(house.album(&done["result_album_id"]).await["tracks"][0]["title"], "Tone");
    assert_eq!(house.town.value::<i64>("select count(*) from download").await, 1);
    assert_eq!(house.town.value::<i64>("select count(*) from track").await, 1);
    assert_eq!(house.left(), [""; 0]);
}

#[tokio::test]
async fn a_full_disk_ends_a_download_which_gives_back_what_it_took() {
    let house = House::faking(&format!(
        "case \"$*\" in *full*) [ -e \"$(dirname \"$0\")/room\" ] || {{ head -c 100000 /dev/zero > 0.x.flac.part
            echo 'ERROR: unable to write data: [Errno 28] No space left on device' >&2; exit 1; }};;
            *slow*) head -c 100000 /dev/zero > 0.x.flac.part; [ -e \"$(dirname \"$0\")/room\" ] || sleep 1000;; esac
         rm -f 0.x.flac.part; {BRING}"
    ))
    .await;
    song(&house);
    // The program finds the disk full.
    let full = house.ask("http://example.org/full").await;
    let failed = house.reaches(&full, "failed").await;
    let why = failed["error_message"].as_str().unwrap();
    assert!(why.contains("nearly full") && why.contains("downloads.keep_free_gib"), "{why}");
    assert!(failed["output"].as_str().unwrap().contains("No space left"), "{failed}");
    let attempts: i32 = house.town.value("select max(attempt) from job where kind = 'downloads.fetch'").await;
    assert_eq!((attempts, house.left()), (1, Vec::new()));
    // Something else fills it meanwhile, and the program has not met its end yet.
    let slow = house.ask("http://example.org/slow").await;
    let part = house.town.music().join(format!("downloads/url/.fetching-{}/0.x.flac.part", slow["id"]));
    eventually("it has begun", || async { part.exists() }).await;
    let keep = |gib: u32| {
        let mut settings = (*house.app.settings).clone();
        settings.downloads.keep_free_gib = gib;
        house.app.settings.replace(settings);
    };
    keep(1_000_000);
    let failed = house.reaches(&slow, "failed").await;
    assert!(
        failed["error_message"].as_str().unwrap().contains("1000000 GiB of it are never filled"),
        "{failed}"
    );
    assert_eq!(house.left(), [""; 0]);
    // With room again, it is tried again.
    keep(0);
    std::fs::write(house.town.pending().parent().unwrap().join("room"), "").unwrap();
    for one in [&full, &slow] {
        house.client.post(&format!("/api/downloads/{}/retry", one["id"]), json!({})).await.expect(200);
    }
    for one in [&full, &slow] {
        arrives(&house, one).await;
    }
    assert_eq!(house.town.value::<i64>("select count(*) from track").await, 1);
}

#[tokio::test]
async fn what_waits_is_cancelled_at_every_stage_and_leaves_nothing() {
    let house = House::with(|town| {
        // It stumbles once, and leaves what it had.
        fake(town, "case \"$*\" in *stumble*) echo x > 0.x.flac.part; echo 'ERROR: timed out' >&2; exit 1;; esac\nsleep 1000");
        town.settings_mut().downloads.at_once_per_source = 1;
    })
    .await;
    let cancel = async |download: &Value, status: u16| {
        house
            .client
            .post(&format!("/api/downloads/{}/cancel", download["id"]), json!({}))
            .await
            .expect(status)
    };
    let jobs_left =
        "select count(*) from job where kind = 'downloads.fetch' and state in ('available', 'running')";
    // Between two attempts.
    let stumbled = house.ask("http://example.org/stumble").await;
    eventually("it has stumbled", || async { !house.status(&stumbled).await["error_message"].is_null() })
        .await;
    assert_eq!(house.left().len(), 1);
    cancel(&stumbled, 200).await;
    eventually("what it had is gone, and so is its job", || async {
        house.left().is_empty() && house.town.value::<i64>(jobs_left).await == 0
    })
    .await;
    // In the queue, behind one that runs.
    let running = house.ask("http://example.org/1").await;
    house.reaches(&running, "downloading").await;
    let waiting = house.ask("http://example.org/2").await;
    cancel(&waiting, 200).await;
    eventually("only the other one is left", || async { house.town.value::<i64>(jobs_left).await == 1 })
        .await;
    assert_eq!(
        (&house.status(&waiting).await["status"], &house.status(&waiting).await["started_at"]),
        (&json!("cancelled"), &Value::Null)
    );
    // Whole already, and not handed over: its worker was lost in between.
    let user: i64 = house.town.value("select id from app_user where username = 'ada'").await;
    let id: i64 = house
        .town
        .value(&format!(
            "insert into download (user_id, source, source_url, reference, state, started_at, path)
             values ({user}, 'url', 'http://example.org/3', 'http://example.org/3', 'downloading', now(), 'downloads/url/3') returning id"
        ))
        .await;
    let whole = house.town.music().join(format!("downloads/url/{id}"));
    Song::new("Tone").artist("Ann").album("Tones").write(&whole);
    let job = barbossa::downloads::FetchDownload { id };
    let job_id = barbossa::jobs::enqueue(&house.app.db.get().await.unwrap(), &job).await.unwrap();
    house.town.execute(&format!("update download set job_id = {job_id} where id = {id}")).await;
    let third = json!({"id": id});
    cancel(&third, 200).await;
    eventually("it is gone", || async { !whole.exists() && house.town.value::<i64>(jobs_left).await == 1 })
        .await;
    assert_eq!(house.status(&third).await["status"], "cancelled");
    // While its program runs, and when it is over.
    cancel(&running, 200).await;
    eventually("nothing is left", || async {
        house.left().is_empty() && house.town.value::<i64>(jobs_left).await == 0
    })
    .await;
    // Its files are the imports' now.
    house
        .town
        .execute(&format!("update download set state = 'importing', finished_at = null where id = {id}"))
        .await;
    assert_eq!(cancel(&third, 400).await["detail"], "Cannot cancel download with status: importing");
    assert_eq!(house.town.value::<i64>("select count(*) from album").await, 0);
}
