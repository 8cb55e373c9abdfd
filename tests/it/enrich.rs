//! Outside catalogues are asked afterwards and kindly: what was missing is filled in, names stay, and whatever the
//! services do, no import is the worse for it.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::get};
use barbossa::imports::{Enrich, Fingerprint, ImportRelease};
use barbossa::jobs::{End, Queue, Registry, Worker, enqueue};
use http::{HeaderMap, StatusCode};
use serde_json::{Value, json};

use crate::harness::audio::{Song, album};
use crate::harness::{Town, eventually};
use crate::imports::Inbox;

const RELEASE: &str = "59211ea4-ffd2-4ad9-9a4e-941d3148024a";
const OTHER: &str = "0d5d5e56-6d2f-4d23-8d3e-2f4b0f1e7b11";
const ARTIST: &str = "f27ec8db-af05-4f36-916e-3d57f91ecf5e";

/// How the service is today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mood {
    Well,
    /// Finds nothing by its name.
    Nameless,
    Busy,
    Rubbish,
    Refusing,
}

/// MusicBrainz as musicbrainz.org/doc/MusicBrainz_API (and …/Rate_Limiting) has it, and AcoustID as
/// acoustid.org/webservice has it: JSON with hyphens, 503 for whoever is too quick, 403 for whoever does not say who asks.
struct Fake {
    mood: Mood,
    asked: Mutex<Vec<(Instant, String)>>,
    tracks: Vec<(&'static str, u64)>,
}

impl Fake {
    async fn start(mood: Mood, tracks: &[(&'static str, u64)]) -> (Arc<Self>, String) {
        let fake = Arc::new(Self { mood, asked: Mutex::default(), tracks: tracks.to_vec() });
        let router = Router::new()
            .route("/ws/2/release", get(search))
            .route("/ws/2/release/{id}", get(release))
            .route("/ws/2/isrc/{isrc}", get(|| async { StatusCode::NOT_FOUND }))
            .route("/v2/lookup", get(by_sound))
            .with_state(fake.clone());
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (fake, url)
    }

    /// Notes the question; an answer when the manners or the mood are bad.
    fn note(&self, question: String, headers: &HeaderMap) -> Option<Response> {
        let agent = headers.get("user-agent").and_then(|a| a.to_str().ok()).unwrap_or_default();
        let is_known = agent.starts_with("Barbossa/") && agent.ends_with("( ada@example.org )");
        if !is_known || !question.contains("fmt=json") && !question.contains("format=json") {
            return Some(StatusCode::FORBIDDEN.into_response());
        }
        let mut asked = self.asked.lock().unwrap();
        let service = |question: &str| question.starts_with("lookup?");
        // One a second on average, as the service measures it: five in less than three seconds are more than a question
        // that came late on its way.
        let fourth = asked.iter().rev().filter(|(_, q)| service(q) == service(&question)).nth(3);
        let is_hasty = fourth.is_some_and(|(at, _)| at.elapsed() < Duration::from_secs(3));
        asked.push((Instant::now(), question));
        let busy = json!({"error": "Your requests are exceeding the allowable rate limit."});
        match self.mood {
            Mood::Well | Mood::Nameless if is_hasty => {
                Some((StatusCode::SERVICE_UNAVAILABLE, Json(busy)).into_response())
            }
            Mood::Well | Mood::Nameless => None,
            Mood::Busy => {
                Some((StatusCode::SERVICE_UNAVAILABLE, [("retry-after", "40")], Json(busy)).into_response())
            }
            Mood::Rubbish => Some("<html>It works!</html>".into_response()),
            Mood::Refusing => {
                Some((StatusCode::BAD_REQUEST, Json(json!({"error": "Invalid query."}))).into_response())
            }
        }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().iter().map(|(_, question)| question.clone()).collect()
    }

    fn release(&self, id: &str, length_more: u64, is_whole: bool) -> Value {
        let track = |(n, (title, length)): (usize, &(&str, u64))| {
            json!({"id": ARTIST, "number": (n + 1).to_string(), "position": n + 1, "title": title,
                "length": length + length_more, "recording": {"id": format!("00000000-0000-4000-8000-{n:012}"), "title": title,
                    "length": length + length_more, "video": false, "isrcs": [format!("DEA1200000{n:02}")]}})
        };
        let tracks: Vec<Value> = self.tracks.iter().enumerate().map(track).collect();
        let mut medium = json!({"position": 1, "format": "CD", "title": "", "track-count": tracks.len()});
        if is_whole {
            medium["tracks"] = tracks.into();
        }
        json!({"id": id, "title": "ALBUM", "status": "Official", "date": "1999-05-17", "country": "DE",
            "barcode": "4006381333931", "disambiguation": "",
            "artist-credit": [{"name": "Ann", "joinphrase": "", "artist": {"id": ARTIST, "name": "Ann", "sort-name": "Ann"}}],
            "release-group": {"id": ARTIST, "primary-type": "Album", "secondary-types": []},
            "label-info": [{"catalog-number": "X 1", "label": {"id": ARTIST, "name": "Harbour"}}],
            "media": [medium]})
    }
}

async fn search(State(fake): State<Arc<Fake>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    if let Some(refusal) = fake.note(format!("search?{}", query.unwrap_or_default()), &headers) {
        return refusal;
    }
    if fake.mood == Mood::Nameless {
        return Json(json!({"count": 0, "offset": 0, "releases": []})).into_response();
    }
    let releases = [fake.release(OTHER, 60_000, false), fake.release(RELEASE, 0, false)];
    Json(json!({"created": "2026-01-01T00:00:00.000Z", "count": 2, "offset": 0, "releases": releases}))
        .into_response()
}

async fn release(
    State(fake): State<Arc<Fake>>,
    Path(id): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Response {
    if let Some(refusal) = fake.note(format!("{id}?{}", query.unwrap_or_default()), &headers) {
        return refusal;
    }
    Json(fake.release(&id, if id == RELEASE { 0 } else { 60_000 }, true)).into_response()
}

async fn by_sound(State(fake): State<Arc<Fake>>, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    if let Some(refusal) = fake.note(format!("lookup?{}", query.unwrap_or_default()), &headers) {
        return refusal;
    }
    let recordings = json!([{"id": ARTIST, "releases": [{"id": RELEASE}]}]);
    Json(json!({"status": "ok", "results": [{"id": ARTIST, "score": 0.96, "recordings": recordings}]}))
        .into_response()
}

/// A household whose worker and fetch run everything that imports need.
async fn household(url: &str, acoustid_key: Option<&str>) -> Inbox {
    let mut town = Town::new().await;
    let settings = town.settings_mut();
    (settings.imports.settle_seconds, settings.imports.settle_incomplete_seconds) = (0, 0);
    settings.musicbrainz.url = url.into();
    settings.musicbrainz.contact = "ada@example.org".into();
    settings.acoustid.url = url.into();
    settings.secrets.acoustid_key = acoustid_key.map(Into::into);
    let app = town.app();
    let registry = Registry::new().with::<ImportRelease>().with::<Fingerprint>().with::<Enrich>();
    let worker = Worker::new(app.clone(), registry, &[Queue::Imports, Queue::Network, Queue::Maintenance], 4);
    let stop = town.stop();
    tokio::spawn(async move { worker.run(stop).await });
    Inbox { town, app }
}

async fn enrichment(inbox: &Inbox) -> Value {
    inbox.town.value("select coalesce(enrichment, 'null') from import order by id limit 1").await
}

async fn ask_again(inbox: &Inbox) -> End {
    let import_id: i64 = inbox.town.value("select min(id) from import").await;
    let job = Enrich { import_id, essences: Vec::new() };
    let id = enqueue(&inbox.app.db.get().await.unwrap(), &job).await.unwrap();
    inbox.ended(id).await
}

#[tokio::test]
async fn what_was_missing_is_filled_in_and_names_stay_as_they_are() {
    let (fake, url) = Fake::start(Mood::Well, &[("Song 1 of Album", 400), ("Song 2 of Album", 400)]).await;
    let inbox = household(&url, None).await;
    album(&inbox.folder("x"), "Ann", "Album", 1999, 2);
    inbox.import("x").await;
    let before: f32 = inbox.town.value("select confidence from import").await;
    eventually("the catalogue has answered", || async { enrichment(&inbox).await["state"] == "matched" })
        .await;
    let told: String = inbox
        .town
        .value(
            "select concat_ws(' | ', a.title, a.musicbrainz_id, a.barcode, a.label, a.catalog_number, a.release_type,
                r.musicbrainz_id, (select string_agg(isrc, ',' order by track_number) from track)) from album a, artist r",
        )
        .await;
    let expected = format!(
        "Album | {RELEASE} | 4006381333931 | Harbour | X 1 | album | {ARTIST} | DEA120000000,DEA120000001"
    );
    assert_eq!(told, expected);
    assert_eq!(
        inbox.filed(),
        ["Ann/Album (1999)/01 - Song 1 of Album.flac", "Ann/Album (1999)/02 - Song 2 of Album.flac"]
    );
    let after: f32 = inbox.town.value("select confidence from import").await;
    let witnesses: i64 = inbox
        .town
        .value("select count(*) from import, jsonb_array_elements(evidence) e where e ->> 'witness' = 'musicbrainz'")
        .await;
    assert!(after > before && witnesses >= 5, "{before} {after} {witnesses}");
    let asked = fake.asked();
    assert!(asked.len() == 3 && asked[0].starts_with("search?"), "{asked:?}");
    assert!(matches!(ask_again(&inbox).await, End::Completed(_)));
    // The album has its id now, and that answer is known.
    assert_eq!(fake.asked().len(), 3, "nothing is asked twice");
    let again: f32 = inbox.town.value("select confidence from import").await;
    assert!((again - after).abs() < 0.02, "twice is once: {after} {again}");
}

#[tokio::test]
async fn all_processes_together_ask_one_question_a_second() {
    let (fake, url) = Fake::start(Mood::Well, &[("Nothing of ours", 1)]).await;
    let inbox = household(&url, None).await;
    // Each turn is written down as it is taken: on a busy machine a question may come late, and never early.
    inbox
        .town
        .execute(
            "create table turn (free_at timestamptz);
            create function turn_is_taken() returns trigger language plpgsql as
                'begin insert into turn values (new.free_at); return null; end';
            create trigger turn_is_taken after update on lookup_pace for each row execute function turn_is_taken()",
        )
        .await;
    for name in ["One", "Two"] {
        album(&inbox.folder(name), "Ann", name, 1999, 1);
        inbox.import(name).await;
    }
    eventually("both were asked about", || async {
        let done: i64 = inbox.town.value("select count(*) from import where enrichment is not null").await;
        done == 2
    })
    .await;
    let (now, instant) =
        (SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64(), Instant::now());
    let came: Vec<f64> = {
        let asked = fake.asked.lock().unwrap();
        asked.iter().map(|(at, _)| now - instant.duration_since(*at).as_secs_f64()).collect()
    };
    let ends = "select array_agg(extract(epoch from free_at)::double precision order by free_at) from turn";
    let turns: Vec<f64> = inbox.town.value::<Vec<f64>>(ends).await;
    assert!(came.len() >= 4 && came.len() == turns.len(), "{came:?} {turns:?}");
    assert!(turns.windows(2).all(|w| w[1] - w[0] > 1.05), "each has a second of its own: {turns:?}");
    // A turn ends 1.1 s after it begins.
    assert!(
        came.iter().zip(&turns).all(|(came, end)| *came > end - 1.11),
        "none is early: {came:?} {turns:?}"
    );
}

#[tokio::test]
async fn a_doubted_folder_goes_on_when_the_catalogue_knows_just_what_its_tags_say() {
    let (_fake, url) = Fake::start(Mood::Well, &[("One", 400), ("Two", 400)]).await;
    let inbox = household(&url, None).await;
    let folder = inbox.folder("Ann - Something Else");
    for (n, title) in [(1, "One"), (2, "Two")] {
        let song = Song::new(title).artist("Ann").album_artist("Ann").album("Album").year(1999).track(n, 2);
        song.named(&format!("{n:02} - {title}")).write(&folder);
    }
    inbox.import("Ann - Something Else").await;
    eventually("it is filed", || async { inbox.last().await == "done: " }).await;
    assert_eq!(inbox.filed(), ["Ann/Album (1999)/01 - One.flac", "Ann/Album (1999)/02 - Two.flac"]);
    let who: String = inbox
        .town
        .value("select concat_ws(' ', action, user_id) from activity where action = 'import_approved'")
        .await;
    assert_eq!(who, "import_approved", "by nobody");
}

#[tokio::test]
async fn a_doubted_folder_stays_with_a_person_when_the_catalogue_knows_it_otherwise() {
    let (_fake, url) = Fake::start(Mood::Well, &[("Quite", 400), ("Another", 400)]).await;
    let inbox = household(&url, None).await;
    let folder = inbox.folder("Ann - Something Else");
    for (n, title) in [(1, "One"), (2, "Two")] {
        let song = Song::new(title).artist("Ann").album_artist("Ann").album("Album").year(1999).track(n, 2);
        song.named(&format!("{n:02} - {title}")).write(&folder);
    }
    inbox.import("Ann - Something Else").await;
    eventually("the catalogue has answered", || async { enrichment(&inbox).await["state"] == "unlike" })
        .await;
    assert!(inbox.last().await.starts_with("review: ") && inbox.filed().is_empty());
}

#[tokio::test]
async fn whatever_a_service_does_the_import_is_done() {
    for (mood, word) in
        [(Mood::Rubbish, "cannot be understood"), (Mood::Busy, "busy"), (Mood::Refusing, "Invalid query")]
    {
        let (fake, url) = Fake::start(mood, &[]).await;
        let inbox = household(&url, None).await;
        album(&inbox.folder("x"), "Ann", "Album", 1999, 1);
        assert!(matches!(inbox.import("x").await, End::Completed(_)));
        eventually("the reason is told", || async {
            enrichment(&inbox).await["summary"].as_str().is_some_and(|s| s.contains(word))
        })
        .await;
        assert_eq!((inbox.last().await.as_str(), inbox.filed().len()), ("done: ", 1), "{mood:?}");
        assert_eq!(inbox.count("lookup").await, 0, "no answer is no answer");
        if mood == Mood::Busy {
            let wait: f64 = inbox
                .town
                .value("select extract(epoch from free_at - now())::float8 from lookup_pace where service = 'musicbrainz'")
                .await;
            assert!(wait > 25.0, "it is left alone for as long as it says: {wait}");
            assert_eq!(fake.asked().len(), 1);
        }
    }
}

#[tokio::test]
async fn without_a_network_the_import_is_done_and_the_question_waits_without_an_error() {
    let inbox = household("http://127.0.0.1:1", None).await;
    for name in ["x", "y"] {
        album(&inbox.folder(name), "Ann", name, 1999, 1);
        assert!(matches!(inbox.import(name).await, End::Completed(_)));
    }
    let told = async |words: &str| {
        let sql = format!("select count(*) from import where enrichment ->> 'summary' like '%{words}%'");
        inbox.town.value::<i64>(&sql).await
    };
    eventually("one finds that out, the other need not", || async {
        (told("could not be reached").await, told("out of reach").await) == (1, 1)
    })
    .await;
    let waiting =
        "select count(*) from job where kind = 'imports.enrich' and state = 'available' and attempt = 0
        and error is null and run_at > now() + interval '10 minutes'";
    eventually("both wait", || async { inbox.town.value::<i64>(waiting).await == 2 }).await;
    assert_eq!(inbox.last().await, "done: ");
}

#[tokio::test]
async fn after_three_days_without_a_network_nobody_asks_any_more() {
    let inbox = household("http://127.0.0.1:1", None).await;
    album(&inbox.folder("x"), "Ann", "Album", 1999, 1);
    assert!(matches!(inbox.import("x").await, End::Completed(_)));
    let in_state = |state: &'static str| {
        let sql = format!("select count(*) from job where kind = 'imports.enrich' and state = '{state}'");
        let town = &inbox.town;
        async move { town.value::<i64>(&sql).await > 0 }
    };
    eventually("it was put off", || async {
        in_state("available").await && enrichment(&inbox).await["state"] == "failed"
    })
    .await;
    inbox.town.execute("update import set created_at = now() - interval '73 hours'").await;
    inbox.town.execute("update job set run_at = now() where kind = 'imports.enrich'").await;
    eventually("it has ended", || in_state("completed")).await;
    assert!(enrichment(&inbox).await["summary"].as_str().unwrap().starts_with("No catalogue was asked"));
}

#[tokio::test]
async fn a_recording_is_asked_for_by_its_sound_and_the_key_is_kept_nowhere() {
    let (fake, url) = Fake::start(Mood::Nameless, &[("Song 1 of Album", 6000)]).await;
    let inbox = household(&url, Some("s3cr3t")).await;
    let mut song = Song::new("Song 1 of Album");
    song.milliseconds = 6000;
    let song = song.artist("Ann").album_artist("Ann").album("Album").year(1999).track(1, 1);
    song.named("01 - Song 1 of Album").write(&inbox.folder("x"));
    inbox.import("x").await;
    eventually("it was listened to", || async { inbox.count("fingerprint").await == 1 }).await;
    eventually("AcoustID was asked", || async { fake.asked().iter().any(|q| q.starts_with("lookup?")) })
        .await;
    let question = fake.asked().into_iter().find(|q| q.starts_with("lookup?")).unwrap();
    assert!(
        question.contains("client=s3cr3t") && question.contains("&duration=6&fingerprint=AQ"),
        "{question}"
    );
    let leaked: i64 = inbox
        .town
        .value("select count(*) from lookup where question like '%s3cr3t%' or answer::text like '%s3cr3t%'")
        .await;
    assert_eq!(leaked, 0);
    let heard: String = inbox
        .town
        .value("select e ->> 'value' from import, jsonb_array_elements(evidence) e where e ->> 'field' = 'fingerprint'")
        .await;
    assert_eq!(heard, "1 of 1 files");
    eventually("its release is known", || async { enrichment(&inbox).await["state"] == "matched" }).await;
    let nothing: i64 = inbox.town.value("select count(*) from lookup where answer is null").await;
    assert!(nothing > 0, "what nobody knew by its name is asked again some day");
}
