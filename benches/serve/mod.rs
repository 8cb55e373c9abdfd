//! Browsing, searching and hearting in libraries of three sizes, by wrk: requests a second, and how long they take.
//!
//! 32 connections at once say how much one process serves, queues included; 4, how long a family waits.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use barbossa::auth::{NewUser, create_user};
use barbossa::library::{identity_key, search_terms, sort_key};

use super::harness::Town;
use super::{Role, load};

/// Where the api listens when systemd passes it no socket.
const PORT: u16 = 8080;
const TRACKS_OF_AN_ALBUM: usize = 10;
const ALBUMS_OF_AN_ARTIST: usize = 8;
/// How many titles there are for tracks; the same ones come again, as they do.
const TITLES: usize = 20_000;
const ROWS_AT_ONCE: usize = 5_000;
/// The albums that are hearted and unhearted.
const HEARTED: usize = 600;
const LOGIN: &str = r#"{"username":"bench","password":"a long password"}"#;

const WORDS: [&str; 64] = [
    "Winter",
    "Summer",
    "Harbour",
    "Machine",
    "River",
    "Night",
    "Garden",
    "Signal",
    "Golden",
    "Love",
    "Dream",
    "Tiger",
    "Silence",
    "Paper",
    "Ocean",
    "Electric",
    "Mountain",
    "Letters",
    "Glass",
    "Wolf",
    "Shadow",
    "Parade",
    "Silver",
    "Road",
    "Écho",
    "Über",
    "Señora",
    "Łódź",
    "Ænima",
    "Øst",
    "Façade",
    "Café",
    "Зима",
    "Дорога",
    "Ночь",
    "Море",
    "Любовь",
    "Река",
    "Город",
    "Свет",
    "東京",
    "夜",
    "無罪",
    "花火",
    "海",
    "春",
    "Sunday",
    "Kitchen",
    "Battery",
    "Orchard",
    "Cinema",
    "Thunder",
    "Velvet",
    "Copper",
    "Lantern",
    "Feather",
    "Circus",
    "Ghost",
    "Island",
    "Marble",
    "Needle",
    "Pilot",
    "Quartz",
    "Saint",
];

/// What is asked for: a name, the way, and how wrk asks (`get`, `ids`, `login`, `toggle`).
const ASKED: [(&str, &str, &str); 15] = [
    ("health", "get", "/health"),
    ("albums, page 1", "get", "/api/albums"),
    ("albums, page 1,000 (or the last)", "get", "/api/albums?page=LAST"),
    ("an album with its tracks", "ids", "/api/albums/%d"),
    ("artists", "get", "/api/artists"),
    ("my library", "get", "/api/me/library"),
    ("search: a word", "get", "/api/search?q=river"),
    ("search: a beginning", "get", "/api/search?q=lante"),
    ("search: two words", "get", "/api/search?q=silver%20ghost"),
    ("search: Cyrillic", "get", "/api/search?q=%D0%B7%D0%B8%D0%BC"),
    ("search: two letters", "get", "/api/search?q=si"),
    ("search: a slip of the finger", "get", "/api/search?q=lantren"),
    ("search: no hit", "get", "/api/search?q=zzzzqqq"),
    ("heart and unheart", "toggle", "/api/me/library/albums/%d"),
    ("login", "login", "/api/auth/login"),
];

/// What else the pages ask for: how long each is by itself, in a library of a person's life.
const PAGES: [&str; 26] = [
    "/api/auth/me",
    "/api/library",
    "/api/albums?sort=title&page=1&limit=100",
    "/api/albums?sort=title&page=250&limit=100",
    "/api/albums?sort=artist&page=1&limit=100",
    "/api/albums?sort=artist&page=250&limit=100",
    "/api/albums?sort=year&page=1&limit=100",
    "/api/albums?sort=year&page=250&limit=100",
    "/api/albums?sort=added&page=1&limit=100",
    "/api/albums?sort=added&page=250&limit=100",
    "/api/albums?sort=title&lossy=true&page=1&limit=100",
    "/api/albums?sort=title&lossy=false&page=250&limit=100",
    "/api/albums?sort=title&incomplete=true&page=1&limit=100",
    "/api/albums?sort=title&hires=true&page=40&limit=100",
    "/api/albums/letters?sort=title",
    "/api/albums/letters?sort=artist",
    "/api/artists?page=1&limit=100",
    "/api/artists?page=60&limit=100",
    "/api/artists/letters",
    "/api/artists/100",
    "/api/artists/100/albums",
    "/api/me/library?page=1&limit=100",
    "/api/me/library/artists?page=1&limit=100",
    "/api/admin/health",
    "/api/admin/integrity",
    "/api/search?q=winter",
];

const TITLE: &str = "create temporary table title (place, title, title_key, sort_key, terms) as
    select ordinality - 1, title, title_key, sort_key, string_to_array(terms, ' ')
    from unnest($1::text[], $2::text[], $3::text[], $4::text[]) with ordinality t (title, title_key, sort_key, terms)";
const ARTISTS: &str = "insert into artist (name, name_key, sort_name, sort_key, search)
    select name, name_key, name, sort_key, setweight(array_to_tsvector(string_to_array(terms, ' ')), 'A')
    from unnest($1::text[], $2::text[], $3::text[], $4::text[]) a (name, name_key, sort_key, terms)";
const ALBUMS: &str =
    "insert into album (artist_id, title, title_key, sort_key, year, path, total_tracks, source, search)
    select artist_id, title, title_key, sort_key, 1960 + artist_id % 65, path, $7 + (artist_id % 25 = 0)::integer, 'import',
        setweight(array_to_tsvector(string_to_array(terms, ' ')), 'A')
    from unnest($1::bigint[], $2::text[], $3::text[], $4::text[], $5::text[], $6::text[])
        a (artist_id, title, title_key, sort_key, terms, path)";
const TRACKS: &str = "insert into track (album_id, title, title_key, sort_key, disc_number, track_number, duration_ms, path,
        size_bytes, modified_at, format, sample_rate_hz, bit_depth, channels, is_lossy, checksum, search)
    select a.id, t.title, t.title_key, t.sort_key, 1, n, 200000 + n, a.path || '/' || lpad(n::text, 2, '0') || ' - Song.flac',
        30000000, now(), 'FLAC', case when a.id % 10 = 1 then 96000 else 44100 end, 16, 2, a.id % 20 = 0, decode(repeat('ab', 32), 'hex'),
        setweight(array_to_tsvector(t.terms), 'A') || setweight(strip(a.search), 'D')
    from album a cross join generate_series(1, $1::integer) n
        join title t on t.place = abs(hashint8(a.id * 100 + n)) % $2::integer
    where a.id > $3 and a.id <= $4";

pub async fn serve() {
    for albums in [1_000, 50_000, 100_000] {
        of(albums).await;
    }
}

async fn of(albums: usize) {
    let town = Town::new().await;
    let start = Instant::now();
    seed(&town, albums).await;
    println!(
        "serve: {albums} albums, {} tracks (made in {:.0} s)",
        albums * TRACKS_OF_AN_ALBUM,
        start.elapsed().as_secs_f64()
    );
    let app = town.app_as("bench");
    let new = NewUser { username: "bench", password: &"a long password".into(), is_admin: true };
    create_user(&app.db.get().await.unwrap(), new).await.unwrap();
    let start = Instant::now();
    let api = Role::start(&town, &["api"]);
    while std::net::TcpStream::connect(("127.0.0.1", PORT)).is_err() {
        assert!(start.elapsed() < Duration::from_secs(10), "the api does not listen");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    println!(
        "serve: api accepts {} ms after its start; {:.0} MiB",
        start.elapsed().as_millis(),
        api.resident_mib()
    );
    let token = log_in();
    let last = (albums / 50).min(1_000).to_string();
    put_files(&town, albums);
    let only = std::env::var("BARBOSSA_BENCH_ASK").unwrap_or_default();
    for (name, way, path) in ASKED {
        // An account of a hundred thousand albums differs from one of fifty thousand in what is searched alone.
        let is_asked = (albums <= 50_000 || name.starts_with("search")) && name.contains(&only);
        // A heart is told when its links are made. More than five tries of one password at once are refused.
        let worker = (way == "toggle" && is_asked).then(|| Role::start(&town, &["worker"]));
        if worker.is_some() {
            tokio::time::sleep(Duration::from_secs(2)).await;
        }
        let crowds: &[usize] = if matches!(way, "toggle" | "login") { &[4, 1] } else { &[32, 4] };
        for &connections in crowds {
            if is_asked {
                println!("{}", wrk(name, way, &path.replace("LAST", &last), connections, albums, &token));
            }
        }
    }
    if albums == 50_000 && "pages".contains(&only) {
        for path in PAGES {
            println!("{}", wrk(path, "get", path, 1, albums, &token));
        }
    }
    if albums == 1_000 {
        zip(&town, &api, &token).await;
    }
    println!("serve: api {:.0} MiB after it, at most {:.0}", api.resident_mib(), api.peak_mib());
    let mut total = api.resident_mib();
    let roles = ["worker", "beat", "watcher"].map(|name| (name, Role::start(&town, &[name])));
    tokio::time::sleep(Duration::from_secs(4)).await;
    for (name, role) in &roles {
        total += role.resident_mib();
        println!("serve: {name} {:.0} MiB", role.resident_mib());
    }
    println!("serve: four roles {total:.0} MiB; load {}\n", load());
}

/// A name of one to three words.
fn name(n: usize) -> String {
    let word = |n: usize| WORDS[n % WORDS.len()];
    let (first, second, third) = (word(n), word(n / 7 + 3), word(n / 31 + 11));
    match n % 5 {
        0 => first.to_owned(),
        1 => format!("The {first} {second}"),
        2 | 3 => format!("{first} {second}"),
        _ => format!("{first} of {second} and {third}"),
    }
}

/// Names in the columns of `unnest`.
#[derive(Default)]
struct Names {
    names: Vec<String>,
    keys: Vec<String>,
    sort_keys: Vec<String>,
    terms: Vec<String>,
}

impl Names {
    fn of(names: impl Iterator<Item = String>) -> Self {
        let mut all = Self::default();
        for name in names {
            all.keys.push(identity_key(&name));
            all.sort_keys.push(sort_key(&name));
            all.terms.push(search_terms(&[&name]).join(" "));
            all.names.push(name);
        }
        all
    }
}

/// Rows as the importer writes them, without files.
async fn seed(town: &Town, albums: usize) {
    let app = town.app_as("seed");
    let client = app.db.get().await.unwrap();
    let all = Names::of((0..TITLES).map(name));
    client.execute(TITLE, &[&all.names, &all.keys, &all.sort_keys, &all.terms]).await.unwrap();
    let artists = albums.div_ceil(ALBUMS_OF_AN_ARTIST);
    let all = Names::of((0..artists).map(|n| format!("{} {n}", name(n * 3 + 1))));
    client.execute(ARTISTS, &[&all.names, &all.keys, &all.sort_keys, &all.terms]).await.unwrap();
    for from in (0..albums).step_by(ROWS_AT_ONCE) {
        let numbers = from..(from + ROWS_AT_ONCE).min(albums);
        let all = Names::of(numbers.clone().map(|n| format!("{} {n}", name(n))));
        let ids: Vec<i64> = numbers.clone().map(|n| (n % artists + 1) as i64).collect();
        let paths: Vec<String> = numbers.clone().map(|n| format!("artists/{}/{n}", n % artists)).collect();
        let tracks = TRACKS_OF_AN_ALBUM as i32;
        client
            .execute(ALBUMS, &[&ids, &all.names, &all.keys, &all.sort_keys, &all.terms, &paths, &tracks])
            .await
            .unwrap();
        let (first, last) = (numbers.start as i64, numbers.end as i64);
        client.execute(TRACKS, &[&tracks, &(TITLES as i32), &first, &last]).await.unwrap();
    }
    for last in ["drop table title", "vacuum analyze", "checkpoint"] {
        client.batch_execute(last).await.unwrap();
    }
    let counted: i64 = town.value("select track_count from library").await;
    assert_eq!(counted, (albums * TRACKS_OF_AN_ALBUM) as i64);
}

/// The files of the albums that are hearted.
fn put_files(town: &Town, albums: usize) {
    let artists = albums.div_ceil(ALBUMS_OF_AN_ARTIST);
    for n in 0..HEARTED.min(albums) {
        let folder = town.music().join(format!("artists/{}/{n}", n % artists));
        std::fs::create_dir_all(&folder).unwrap();
        for track in 1..=TRACKS_OF_AN_ALBUM {
            std::fs::write(folder.join(format!("{track:02} - Song.flac")), "sound").unwrap();
        }
    }
}

/// Albums of 300 MB each as one zip, which is made while it is sent: how quickly, and what the api needs meanwhile.
async fn zip(town: &Town, api: &Role, token: &str) {
    town.execute("delete from heart; insert into heart (user_id, album_id) select u.id, a.id from app_user u, album a where a.id <= 5").await;
    let tracks: Vec<String> =
        serde_json::from_value(town.value("select jsonb_agg(path) from track where album_id <= 5").await)
            .unwrap();
    for track in &tracks {
        std::fs::File::create(town.music().join(track)).unwrap().set_len(30_000_000).unwrap();
    }
    let ask = |arguments: &[&str]| {
        let mut curl = Command::new("curl");
        curl.args(["-fsS", "-H", &format!("Authorization: Bearer {token}")]).args(arguments);
        curl
    };
    let asked = ask(&["-H", "Content-Type: application/json", "-d", r#"{"destination": "zip"}"#])
        .arg(format!("http://127.0.0.1:{PORT}/api/exports"))
        .output()
        .unwrap();
    let export: serde_json::Value = serde_json::from_slice(&asked.stdout).unwrap();
    let (before, start) = (api.resident_mib(), Instant::now());
    let mut sent = ask(&["-o", "/dev/null"])
        .arg(format!("http://127.0.0.1:{PORT}/api/exports/{}/download", export["id"]))
        .spawn()
        .unwrap();
    let mut most = before;
    let status = loop {
        if let Some(status) = sent.try_wait().unwrap() {
            break status;
        }
        most = most.max(api.resident_mib());
        tokio::time::sleep(Duration::from_millis(20)).await;
    };
    assert!(status.success(), "the zip broke off");
    let megabytes = tracks.len() as f64 * 30.0;
    println!(
        "serve: a zip of {megabytes:.0} MB at {:.0} MB/s; api {before:.0} MiB before, at most {most:.0} meanwhile",
        megabytes / start.elapsed().as_secs_f64()
    );
}

fn log_in() -> String {
    let curl = Command::new("curl")
        .args(["-fsS", "-H", "Content-Type: application/json", "-d", LOGIN])
        .arg(format!("http://127.0.0.1:{PORT}/api/auth/login"))
        .output()
        .unwrap();
    assert!(curl.status.success(), "{}", String::from_utf8_lossy(&curl.stderr));
    let answer: serde_json::Value = serde_json::from_slice(&curl.stdout).unwrap();
    answer["token"].as_str().unwrap().to_owned()
}

fn wrk(name: &str, way: &str, path: &str, connections: usize, albums: usize, token: &str) -> String {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/serve/ask.lua");
    let out = Command::new("wrk")
        .args([
            "-t1",
            if connections == 1 { "-d2s" } else { "-d5s" },
            "--timeout",
            "30s",
            &format!("-c{connections}"),
            "-s",
        ])
        .arg(script)
        .arg(format!("http://127.0.0.1:{PORT}{}", path.replace("%d", "1")))
        .env("ASK_WAY", way)
        .env("ASK_PATH", path)
        .env("ASK_ALBUMS", albums.to_string())
        .env("ASK_HEARTED", HEARTED.to_string())
        .env("ASK_TOKEN", token)
        .env("ASK_LOGIN", LOGIN)
        .output()
        .expect("wrk is installed: `./dev setup`");
    let text = String::from_utf8_lossy(&out.stdout);
    let line = text.lines().find_map(|l| l.strip_prefix("asked: ")).unwrap_or(&text);
    format!("  {name:<58} x{connections:<2} {line}")
}
