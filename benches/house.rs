//! What a household would feel, measured against the real program: adopting a library, browsing a large one, memory,
//! start. `just bench` runs all of it; `just bench serve` one part. Figures are for comparing runs on one machine.
//!
//! Needs Debian's postgresql, redis-server, ffmpeg and wrk; mpd and beets to compare with (`just bench` installs them).
//! `adopt` and `import` take 10,000 files, `adopt-large` and `import-large` 100,000. `BARBOSSA_BENCH_LIBRARY=DIR` adopts that library
//! (`Artist/Album (Year)/…`) instead of one made here; `BARBOSSA_BENCH_BEETS=N` lets beets take at most so many files;
//! `BARBOSSA_BENCH_ASK=heart` asks `serve` only for what has that in its name.
#![expect(clippy::unwrap_used, reason = "a measurement that cannot go on should stop here")]

#[path = "../tests/it/harness/mod.rs"]
#[expect(dead_code, unused_imports, reason = "the tests use the rest")]
mod harness;
#[path = "live/mod.rs"]
mod live;
#[path = "peers/mod.rs"]
mod peers;
#[path = "serve/mod.rs"]
mod serve;

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use barbossa::app::App;
use barbossa::imports::Adopt;
use barbossa::integrity::{Scope, VerifySlice};
use barbossa::jobs::{self, End, Job};
use barbossa::parallel;
use harness::Town;
use harness::audio::{Format, Song};
use lofty::prelude::*;

const PROGRAM: &str = env!("CARGO_BIN_EXE_barbossa");
fn main() {
    harness::servers::IS_DURABLE.store(true, Ordering::Relaxed);
    let wanted: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|w| w == name);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    runtime.block_on(async {
        for (name, albums) in [("adopt", 1000), ("adopt-large", 10_000)] {
            if is_wanted(name) {
                adopt(albums).await;
            }
        }
        for (name, albums, voices) in
            [("import", 1000, Voices::Mixed), ("import-large", 10_000, Voices::Small)]
        {
            if is_wanted(name) {
                import(albums, voices).await;
            }
        }
        if is_wanted("sockets") {
            live::sockets().await;
        }
        if is_wanted("relink") {
            live::relink().await;
        }
        if is_wanted("serve") {
            serve::serve().await;
        }
    });
}

/// A role of the real program, ended with this one.
struct Role(Child);

impl Role {
    fn start(town: &Town, arguments: &[&str]) -> Self {
        let settings = town.settings();
        let child = Command::new(PROGRAM)
            .args(arguments)
            .envs(tunables(arguments[0]))
            .env("BARBOSSA_CONFIG", "/dev/null")
            .env("DATABASE_URL", &settings.database_url)
            .env("REDIS_URL", &settings.redis_url)
            .env("MUSIC_PATH", &settings.music_path)
            .env("JWT_SECRET", "a secret of this measurement that is long enough")
            .env("LOG_LEVEL", "warn")
            .stdin(Stdio::null())
            .spawn()
            .unwrap();
        Self(child)
    }

    fn resident_mib(&self) -> f64 {
        self.mib("VmRSS:")
    }

    /// The most that it ever had.
    fn peak_mib(&self) -> f64 {
        self.mib("VmHWM:")
    }

    /// How long it has kept a processor busy.
    fn busy_seconds(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id())).unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        // In hundredths of a second, of itself and of programs that it has waited for.
        fields[11..15].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
    }

    fn mib(&self, what: &str) -> f64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.0.id())).unwrap();
        let kib = status
            .lines()
            .find_map(|l| l.strip_prefix(what)?.trim().strip_suffix(" kB")?.trim().parse::<f64>().ok());
        kib.unwrap() / 1024.0
    }
}

/// What the role's unit sets for the allocator.
fn tunables(role: &str) -> Option<(&'static str, String)> {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("units/barbossa-{role}.service"));
    let unit = std::fs::read_to_string(unit).unwrap();
    let set = unit.lines().find_map(|line| line.strip_prefix("Environment=GLIBC_TUNABLES="));
    set.map(|value| ("GLIBC_TUNABLES", value.to_owned()))
}

impl Drop for Role {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A job from the moment it is asked for until its end is known; seconds, and what it said.
async fn run(app: &App, job: &impl Job) -> (f64, serde_json::Value) {
    let start = Instant::now();
    let id = jobs::enqueue(&app.db.get().await.unwrap(), job).await.unwrap();
    let ended = jobs::wait(app, &[id], Duration::from_secs(1200)).await;
    let seconds = start.elapsed().as_secs_f64();
    match ended.into_iter().next().expect("it ends in twenty minutes").end {
        End::Completed(said) => (seconds, said),
        other => panic!("{other:?}"),
    }
}

fn say(what: &str, files: usize, seconds: f64) {
    println!("{what}: {files} files in {seconds:.2} s = {:.0} files/s", files as f64 / seconds);
}

fn load() -> String {
    std::fs::read_to_string("/proc/loadavg").unwrap().split(' ').take(2).collect::<Vec<_>>().join(" ")
}

/// Index an existing library in place: until browsable, again when nothing has changed, and until every byte was read
/// and verified; beside programs that do the same.
async fn adopt(albums: usize) {
    let town = Town::new().await;
    let artists = town.music().join("artists");
    let files = match std::env::var_os("BARBOSSA_BENCH_LIBRARY") {
        Some(library) => link_library(Path::new(&library), &artists),
        None => make_library(&artists, albums, Voices::Same),
    };
    let mib = peers::size(&artists) as f64 / 1024.0 / 1024.0;
    println!("adopt: {files} files, {mib:.0} MiB, load {}", load());
    let app = town.app();
    for round in ["cold pages", "warm"] {
        if round == "cold pages" {
            peers::forget_pages(&artists);
        } else {
            peers::cat(&artists);
        }
        town.execute("truncate artist, job, verification, damage, unreadable_file, event, activity cascade; update library set artist_count = 0, album_count = 0, track_count = 0").await;
        let worker = Role::start(&town, &["worker"]);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let (seconds, _) = run(&app, &Adopt::everything()).await;
        say(&format!("adopt, {round}"), files, seconds);
        println!("adopt, {round}: worker's peak {:.0} MiB", worker.peak_mib());
        if round == "cold pages" {
            continue;
        }
        let start = Instant::now();
        let reading = town.value("select max(id) from job where kind = 'library.read_essences'").await;
        jobs::wait(&app, &[reading], Duration::from_secs(1200)).await;
        let (seconds, cat) = (start.elapsed().as_secs_f64(), peers::cat(&artists));
        let unread: i64 = town.value("select count(*) from track where checksum is null").await;
        assert_eq!(unread, 0, "the checksums do not come");
        println!(
            "essences: {:.0} MiB/s; cat {:.0} MiB/s; {:.0} %",
            mib / seconds,
            mib / cat,
            100.0 * cat / seconds
        );
        for _ in 0..2 {
            let (seconds, said) = run(&app, &Adopt::everything()).await;
            assert_eq!(said["files"], 0, "{said}");
            say("rescan, nothing changed", files, seconds);
        }
        let (seconds, said) = run(&app, &VerifySlice { scope: Scope::All }).await;
        assert_eq!((&said["damaged"], &said["differ"]), (&0.into(), &0.into()), "{said}");
        let cat = peers::cat(&artists);
        println!(
            "verify: {:.0} MiB/s; cat {:.0} MiB/s; {:.0} %",
            mib / seconds,
            mib / cat,
            100.0 * cat / seconds
        );
        println!("worker's peak {:.0} MiB, load {}", worker.peak_mib(), load());
    }
    compare(&artists, files);
}

/// The same files, the same minute.
fn compare(artists: &Path, files: usize) {
    match peers::mpd(artists) {
        Some((first, again, songs)) => {
            say(&format!("mpd, first update ({songs} songs)"), files, first);
            say("mpd, nothing changed", files, again);
        }
        None => println!("mpd: not installed, or it does not start"),
    }
    let most = std::env::var("BARBOSSA_BENCH_BEETS").ok().and_then(|n| n.parse().ok()).unwrap_or(usize::MAX);
    let some = tempfile::tempdir_in(artists.parent().unwrap()).unwrap();
    let mut taken = 0;
    for artist in std::fs::read_dir(artists).unwrap().map(Result::unwrap) {
        if taken < most {
            taken += link_library(&artist.path(), &some.path().join(artist.file_name()));
        }
    }
    match peers::beets(some.path()) {
        Some(seconds) => say("beets, import -A -C", taken, seconds),
        None => println!("beets: not installed, or it failed"),
    }
    println!("load {}", load());
}

/// The inbox: folders that are moved into the library, each read whole, identified, filed and recorded.
async fn import(albums: usize, voices: Voices) {
    let town = Town::new().await;
    let made = town.music().parent().unwrap().join("made");
    let files = make_library(&made, albums, voices);
    let mib = peers::size(&made) as f64 / 1024.0 / 1024.0;
    println!("import: {files} files, {mib:.0} MiB, load {}", load());
    let app = town.app_as("bench");
    let client = app.db.get().await.unwrap();
    let mut count = 0;
    for artist in std::fs::read_dir(&made).unwrap().map(Result::unwrap) {
        for album in std::fs::read_dir(artist.path()).unwrap().map(Result::unwrap) {
            let name = format!("{count} {}", album.file_name().to_str().unwrap());
            let (folder, source) = (town.pending().join(&name), "import".to_owned());
            barbossa::files::rename_noreplace(&album.path(), &folder).unwrap();
            let path = format!("import/pending/{name}");
            let job = barbossa::imports::ImportRelease { path, source, requested_by: None };
            barbossa::jobs::enqueue(&client, &job).await.unwrap();
            count += 1;
        }
    }
    // What has just been written has to settle first.
    tokio::time::sleep(Duration::from_secs(4)).await;
    let start = Instant::now();
    let worker = Role::start(&town, &["worker"]);
    let unfinished = "select count(*) from job where kind = 'imports.import_release' and finished_at is null";
    while town.value::<i64>(unfinished).await > 0 {
        assert!(start.elapsed() < Duration::from_secs(1800), "the imports do not end");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let tracks: i64 = town.value("select track_count from library").await;
    say(&format!("import with move ({tracks} tracks filed)"), files, start.elapsed().as_secs_f64());
    assert_eq!(usize::try_from(tracks).unwrap(), files, "each file is a track of its own");
    println!(
        "import: worker's peak {:.0} MiB, its processor time {:.0} s, load {}",
        worker.peak_mib(),
        worker.busy_seconds(),
        load()
    );
}

/// What the files of a library sound like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Voices {
    /// One sound a format: what is indexed in place may sound alike.
    Same,
    /// Each file its own: what comes twice is not imported.
    Mixed,
    /// The same in a few kilobytes each, without ffmpeg.
    Small,
}

/// Short, so that a hundred thousand fit on a disk; a library's own files are a hundred times as long.
const MILLISECONDS: u32 = 500;
const TRACKS: usize = 10;

/// A sound file for each track of each album, in the formats that families have.
fn make_sounds(folder: &Path, albums: usize, voices: Voices) -> Vec<PathBuf> {
    std::fs::create_dir_all(folder).unwrap();
    let formats = [
        Format::Flac16,
        Format::Flac16,
        Format::Flac16,
        Format::Flac24,
        Format::Mp3,
        Format::Vorbis,
        Format::Opus,
        Format::Aac,
    ];
    let each = |n: usize| {
        let mut song = Song::new(&format!("base {n}")).format(formats[n]);
        song.milliseconds = MILLISECONDS;
        song.write(folder)
    };
    let own = |album: usize| noises(folder, album, formats[album % formats.len()]);
    match voices {
        Voices::Same => {
            let bases: Vec<PathBuf> = (0..formats.len()).map(each).collect();
            (0..albums * TRACKS).map(|n| bases[n / TRACKS % bases.len()].clone()).collect()
        }
        Voices::Mixed => {
            let all: Vec<usize> = (0..albums).collect();
            parallel::each(&all, |album| own(*album)).concat()
        }
        Voices::Small => (0..albums * TRACKS).map(|n| tiny(folder, n)).collect(),
    }
}

/// An album of noise, no two of them alike, by one call of ffmpeg.
fn noises(folder: &Path, album: usize, format: Format) -> Vec<PathBuf> {
    let seconds = f64::from(MILLISECONDS) / 1000.0;
    let noise = format!("anoisesrc=duration={}:seed={album}:amplitude=0.1", seconds * TRACKS as f64);
    let mut ffmpeg = Command::new("ffmpeg");
    ffmpeg.args([
        "-nostdin",
        "-v",
        "error",
        "-y",
        "-threads",
        "1",
        "-filter_threads",
        "1",
        "-f",
        "lavfi",
        "-i",
        &noise,
    ]);
    let paths: Vec<PathBuf> =
        (0..TRACKS).map(|n| folder.join(format!("{album}-{n}.{}", format.extension()))).collect();
    for (n, path) in paths.iter().enumerate() {
        let (from, length) = ((seconds * n as f64).to_string(), seconds.to_string());
        ffmpeg.args(["-ss", &from, "-t", &length, "-ac", "2", "-map_metadata", "-1", "-threads", "1"]);
        ffmpeg.args(format.codec()).arg(path);
    }
    assert!(ffmpeg.status().unwrap().success(), "ffmpeg could not make {}", folder.display());
    paths
}

/// A tenth of a second, with its number in the first samples.
fn tiny(folder: &Path, n: usize) -> PathBuf {
    const RATE: u32 = 8000;
    let mut data = vec![0_u8; RATE as usize / 10 * 2];
    data[..8].copy_from_slice(&(n as u64).to_le_bytes());
    let length = u32::try_from(data.len()).unwrap();
    let mut wav = b"RIFF".to_vec();
    wav.extend((36 + length).to_le_bytes());
    wav.extend(b"WAVEfmt \x10\0\0\0\x01\0\x01\0");
    wav.extend(RATE.to_le_bytes());
    wav.extend((RATE * 2).to_le_bytes());
    wav.extend(b"\x02\0\x10\0data");
    wav.extend(length.to_le_bytes());
    wav.extend(data);
    let path = folder.join(format!("{n}.wav"));
    std::fs::write(&path, wav).unwrap();
    path
}

/// Ten tracks an album; each file tagged for real.
fn make_library(artists: &Path, albums: usize, voices: Voices) -> usize {
    let folder = artists.parent().unwrap().join("bases");
    let sounds = make_sounds(&folder, albums, voices);
    let mut count = 0;
    for album in 0..albums {
        let (artist, title, year) =
            (format!("Artist {}", album / 4), format!("Album {album}"), 1960 + album % 60);
        let folder = artists.join(&artist).join(format!("{title} ({year})"));
        std::fs::create_dir_all(&folder).unwrap();
        for number in 1..=10_u32 {
            let base = &sounds[count];
            let path = folder
                .join(format!("{number:02} - Song {number}.{}", base.extension().unwrap().to_str().unwrap()));
            std::fs::copy(base, &path).unwrap();
            let mut file = lofty::read_from_path(&path).unwrap();
            let kind = file.primary_tag_type();
            let mut tag = lofty::tag::Tag::new(kind);
            tag.set_artist(artist.clone());
            tag.insert_text(ItemKey::AlbumArtist, artist.clone());
            tag.set_album(title.clone());
            tag.set_title(format!("Song {number} of {album}"));
            tag.set_track(number);
            tag.set_track_total(10);
            tag.insert_text(ItemKey::RecordingDate, year.to_string());
            file.insert_tag(tag);
            file.save_to_path(&path, lofty::config::WriteOptions::default()).unwrap();
            count += 1;
        }
    }
    std::fs::remove_dir_all(folder).unwrap();
    count
}

/// The same files under the town's roof, by hard links where the disk allows.
fn link_library(from: &Path, to: &Path) -> usize {
    let mut count = 0;
    for entry in
        walkdir::WalkDir::new(from).into_iter().map(Result::unwrap).filter(|e| e.file_type().is_file())
    {
        let target = to.join(entry.path().strip_prefix(from).unwrap());
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        if std::fs::hard_link(entry.path(), &target).is_err() {
            std::fs::copy(entry.path(), &target).unwrap();
        }
        count += 1;
    }
    count
}

const SEED: &str = "
    insert into artist (name, name_key, sort_name, sort_key, search)
        select 'Artist ' || n, 'artist ' || n, 'Artist ' || n, 'artist ' || lpad(n::text, 6, '0'), array_to_tsvector(array['artist', n::text])
        from generate_series(1, 5000) n;
    insert into album (artist_id, title, title_key, sort_key, year, path, total_tracks, source, search)
        select 1 + n % 5000, w || ' ' || n, lower(w) || ' ' || n, lower(w) || ' ' || n, 1960 + n % 65, 'artists/Artist ' || (1 + n % 5000) || '/' || w || ' ' || n, 10,
            'import', array_to_tsvector(array[lower(w), n::text])
        from (select n, (array['Winter', 'Summer', 'Harbour', 'Machine', 'River', 'Night', 'Garden', 'Signal'])[1 + n % 8] w from generate_series(1, 50000) n) s;
    insert into track (album_id, title, title_key, disc_number, track_number, duration_ms, path, size_bytes, modified_at, format, sample_rate_hz, bit_depth, channels, is_lossy, search)
        select a.id, 'Song ' || n, 'song ' || n, 1, n, 200000, a.path || '/' || lpad(n::text, 2, '0') || ' - Song ' || n || '.flac', 30000000, now(), 'FLAC', 44100, 16, 2, false,
            array_to_tsvector(array['song', n::text])
        from album a, generate_series(1, 10) n;
    analyze;
";
