//! Every setting: its key, its default and what it means. Loaded and checked once, then shared by `App`.
//!
//! Later wins: the defaults below, `barbossa.toml`, `conf.d/*.toml` in the order of their names, what an admin changed at
//! run time (`changes`), the environment. Secrets come from such a change first, then from systemd's credentials, then from
//! the environment, and never from a file that anyone may read.
//! `load` never stops at the first mistake: whoever edits a file by hand is told all of them at once.

mod changes;
mod check;
mod destination;
mod env_file;
mod keys;
mod path_map;
mod peer;
mod problem;
mod secrets;
mod sources;
mod tls;

use std::path::{Path, PathBuf};

use secrecy::SecretString;

pub use changes::{Change, Effect, NewSecret, keep, propose};
pub use check::{is_folder_of_its_own, is_metrics_address, redacted};
pub use destination::{Destination, DestinationKind};
pub use env_file::{EnvFile, RETIRED, Retired};
pub use keys::{KEYS, Key, key};
pub use path_map::PathMap;
pub use peer::{Network, TrustedPeer};
pub use problem::{Problem, Problems, Severity};
pub use secrets::{SECRETS, Secret, known as known_secrets};
pub use sources::{Loaded, Origin, Sources, Variable, changed, load, read};

/// Where the settings lie, unless `BARBOSSA_CONFIG` says otherwise.
pub const SETTINGS_FILE: &str = "/etc/barbossa/barbossa.toml";
/// Where what an admin changes while Barbossa runs is kept; the api may write there.
pub const CHANGES_DIR: &str = "/var/lib/barbossa/settings";
/// Where uploads lie while they arrive; the api and the worker may write there.
pub const UPLOADS_DIR: &str = "/var/lib/barbossa/uploads";
/// Where music lies unless somebody moved it; the units are written for it.
pub const DEFAULT_MUSIC_PATH: &str = "/var/lib/barbossa/music";

/// Where a monitor asks, unless somebody moved it; the socket unit is written for it.
pub const DEFAULT_METRICS_SOCKET: &str = "/run/barbossa/metrics.sock";

/// The settings of this process, after files, environment and credentials were put together.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Root of all music: `artists/`, `users/`, `import/`, `downloads/`, `.trash/`. One file system.
    pub music_path: PathBuf,
    /// PostgreSQL; a Unix socket with peer authentication by default.
    pub database_url: String,
    /// Redis; a private instance on a Unix socket by default.
    pub redis_url: String,
    /// `error`, `warn`, `info`, `debug`, or a filter of tracing-subscriber's `EnvFilter`.
    pub log_level: String,
    /// Where `barbossa backup run` puts its backups.
    pub backup_dir: PathBuf,
    /// What backups hold, and how long they are kept.
    pub backup: Backup,
    /// The api role.
    pub api: Api,
    /// A proxy that has logged people in already.
    pub forward_auth: ForwardAuth,
    /// Logging in at an OpenID provider.
    pub oidc: Oidc,
    /// What a monitor reads.
    pub metrics: Metrics,
    /// The certificate of the site.
    pub tls: Tls,
    /// The worker role.
    pub worker: Worker,
    /// The way in.
    pub imports: Imports,
    /// What is dropped onto a page.
    pub uploads: Uploads,
    /// The way out.
    pub exports: Exports,
    /// Music from elsewhere.
    pub downloads: Downloads,
    /// The queue.
    pub jobs: Jobs,
    /// What was replaced or deleted.
    pub trash: Trash,
    /// How often files are read again.
    pub integrity: Integrity,
    /// For programs of the first version.
    pub compat: Compat,
    /// Qobuz.
    pub qobuz: Qobuz,
    /// Lidarr.
    pub lidarr: Lidarr,
    /// Plex.
    pub plex: Plex,
    /// Jellyfin.
    pub jellyfin: Jellyfin,
    /// Navidrome.
    pub navidrome: Navidrome,
    /// Bandcamp.
    pub bandcamp: Bandcamp,
    /// MusicBrainz.
    pub musicbrainz: Musicbrainz,
    /// AcoustID.
    pub acoustid: Acoustid,
    /// LRCLIB.
    pub lrclib: Lrclib,
    /// The Cover Art Archive, and the pictures of artists that MusicBrainz knows of.
    pub coverart: Coverart,
    /// TorrentLeech.
    pub torrentleech: Torrentleech,
    /// Messages to people.
    pub notifications: Notifications,
    /// Where the changes of an admin lie.
    pub changes_dir: PathBuf,
    /// What only this process and its credentials know.
    pub secrets: Secrets,
}

/// `[backup]`
#[derive(Debug, Clone)]
pub struct Backup {
    /// Public keys of age to which the secrets are encrypted; empty: they are left out.
    pub recipients: Vec<String>,
    /// Of so many days the newest backup is kept.
    pub keep_daily: u32,
    /// Of so many weeks.
    pub keep_weekly: u32,
    /// Of so many months.
    pub keep_monthly: u32,
    /// Where backups are carried besides.
    pub destinations: Vec<Destination>,
    /// The restic repository of the music; empty: it is not backed up by us.
    pub music_repository: String,
    /// `day` or `week`.
    pub music_every: String,
}

/// `[api]`
#[derive(Debug, Clone)]
pub struct Api {
    /// Origins that a browser may call from, besides our own.
    pub cors_origins: Vec<String>,
    /// The address that people use, for links in messages; empty when unknown.
    pub public_url: String,
    /// How many days a session lives after its last use.
    pub session_days: u32,
    /// How much one person may ask; 0: without limit.
    pub requests_per_minute: u32,
    /// Folders beneath which an admin may look for one to choose; the music folder is always one.
    pub browse_roots: Vec<String>,
}

/// `[forward_auth]`
#[derive(Debug, Clone)]
pub struct ForwardAuth {
    /// The header in which the proxy says who asks; empty: none is believed.
    pub header: String,
    /// Whose header is believed: addresses, networks, `nginx`. See [`TrustedPeer`].
    pub trusted: Vec<String>,
    /// Whether someone whom the proxy knows and we do not gets an account.
    pub create_users: bool,
}

/// `[oidc]`
#[derive(Debug, Clone)]
pub struct Oidc {
    /// The provider's address, as its discovery document writes it; empty: not used.
    pub issuer: String,
    /// Who we are there.
    pub client_id: String,
    /// The claim that becomes the name of a new account.
    pub username_claim: String,
    /// Whether someone who is new here gets an account.
    pub create_users: bool,
}

/// `[metrics]`
#[derive(Debug, Clone)]
pub struct Metrics {
    /// A Unix socket's path, or an address of this machine with a port.
    pub listen: String,
}

/// `[tls]`
#[derive(Debug, Clone)]
pub struct Tls {
    /// The certificate and what leads from it to its root, PEM; empty: the self-signed one of this machine.
    pub certificate: PathBuf,
    /// Its key, PEM.
    pub key: PathBuf,
}

/// `[worker]`
#[derive(Debug, Clone)]
pub struct Worker {
    /// Jobs at once in one worker process.
    pub concurrency: usize,
}

/// `[imports]`
#[derive(Debug, Clone)]
pub struct Imports {
    /// A folder is settled when nothing in it changed for so long.
    pub settle_seconds: u32,
    /// The same, when its tags say that tracks are still missing.
    pub settle_incomplete_seconds: u32,
    /// How often the watcher sweeps, events or not.
    pub sweep_seconds: u32,
    /// Below this confidence a person decides, in [0, 1].
    pub min_confidence: f32,
}

/// `[uploads]`
#[derive(Debug, Clone)]
pub struct Uploads {
    /// Where they lie while they arrive; the units are written for it.
    pub dir: PathBuf,
    /// How much one person may have on its way at once.
    pub quota_gib: u32,
    /// How long one waits that nobody goes on with.
    pub keep_hours: u32,
}

/// `[exports]`
#[derive(Debug, Clone)]
pub struct Exports {
    /// Folders beneath which exports may be written; empty: `MUSIC_PATH/export`.
    pub roots: Vec<String>,
}

/// `[downloads]`
#[derive(Debug, Clone)]
pub struct Downloads {
    /// yt-dlp: a path, or a name in `PATH`.
    pub yt_dlp_path: PathBuf,
    /// Downloads at once from one source.
    pub at_once_per_source: u32,
    /// Downloads that are begun at one source within a minute.
    pub per_minute_per_source: u32,
    /// Downloads of one person that wait or run.
    pub queue_per_user: u32,
    /// GiB that one person may have fetched within 30 days; 0: as much as they like.
    pub quota_gib: u32,
    /// GiB on the disk with the music that are never filled by downloads.
    pub keep_free_gib: u32,
    /// After so many hours a download is given up.
    pub deadline_hours: u32,
    /// Whether addresses of this house's own network may be fetched from.
    pub allow_private: bool,
}

/// `[jobs]`
#[derive(Debug, Clone)]
pub struct Jobs {
    /// How many days finished jobs and events are kept.
    pub keep_days: u32,
}

/// `[trash]`
#[derive(Debug, Clone)]
pub struct Trash {
    /// How many days replaced and deleted files can be brought back.
    pub keep_days: u32,
}

/// `[integrity]`
#[derive(Debug, Clone)]
pub struct Integrity {
    /// Within so many days every file is read and held against its checksum.
    pub period_days: u32,
}

/// `[compat]`
#[derive(Debug, Clone)]
pub struct Compat {
    /// Whether the WebSocket takes a session token in its address.
    pub query_tokens: bool,
}

/// `[qobuz]`
#[derive(Debug, Clone)]
pub struct Qobuz {
    /// The account; empty: not used.
    pub email: String,
    /// 0 to 4, as streamrip counts: MP3 128, MP3 320, FLAC 16/44.1, FLAC to 24/96, FLAC to 24/192.
    pub quality: u32,
    /// streamrip's program.
    pub rip_path: PathBuf,
    /// The catalogue's address.
    pub url: String,
    /// Which program asks the catalogue; empty: streamrip finds out.
    pub app_id: String,
}

/// `[lidarr]`
#[derive(Debug, Clone)]
pub struct Lidarr {
    /// Its address; empty: not used.
    pub url: String,
    /// `THEIRS=OURS`: where its folders lie here. See [`PathMap`].
    pub path_map: Vec<String>,
    /// Whether what it has downloaded is imported.
    pub import_completed: bool,
}

/// `[plex]`
#[derive(Debug, Clone)]
pub struct Plex {
    /// Its address; empty: not used.
    pub url: String,
    /// The music library in Plex; empty: the first one for music.
    pub music_section: String,
    /// Whether Plex is asked to look at a folder after an import into it.
    pub auto_scan: bool,
    /// `THEIRS=OURS`: where our folders lie for Plex. See [`PathMap`].
    pub path_map: Vec<String>,
}

/// `[jellyfin]`
#[derive(Debug, Clone)]
pub struct Jellyfin {
    /// Its address; empty: not used.
    pub url: String,
    /// `THEIRS=OURS`
    pub path_map: Vec<String>,
}

/// `[navidrome]`
#[derive(Debug, Clone)]
pub struct Navidrome {
    /// Its address; empty: not used.
    pub url: String,
    /// Who asks it: an account that may scan.
    pub user: String,
}

/// `[bandcamp]`
#[derive(Debug, Clone)]
pub struct Bandcamp {
    /// A `cookies.txt` of a logged-in browser; empty: not used.
    pub cookies_path: PathBuf,
    /// How often it is looked for what was bought; 0: only when somebody asks.
    pub sync_hours: u32,
    /// Its address.
    pub url: String,
}

/// `[musicbrainz]`
#[derive(Debug, Clone)]
pub struct Musicbrainz {
    /// Whether it is asked about what was imported, afterwards.
    pub enabled: bool,
    /// Its address.
    pub url: String,
    /// How its people reach the people of this house; empty: not told.
    pub contact: String,
}

/// `[acoustid]`
#[derive(Debug, Clone)]
pub struct Acoustid {
    /// Its address.
    pub url: String,
}

/// `[lrclib]`
#[derive(Debug, Clone)]
pub struct Lrclib {
    /// Whether it is asked for lyrics.
    pub enabled: bool,
    /// Its address.
    pub url: String,
}

/// `[coverart]`
#[derive(Debug, Clone)]
pub struct Coverart {
    /// Whether albums without a cover get one.
    pub enabled: bool,
    /// Address of the Cover Art Archive.
    pub url: String,
    /// Address of Wikimedia Commons, where the pictures of artists lie.
    pub commons_url: String,
}

/// `[torrentleech]`
#[derive(Debug, Clone)]
pub struct Torrentleech {
    /// Its address.
    pub url: String,
    /// What stands in a torrent as its tracker, without the key.
    pub announce_url: String,
}

/// `[notifications]`
#[derive(Debug, Clone)]
pub struct Notifications {
    /// The mail server: `smtp://HOST:PORT`, `smtps://…`; empty: no mail.
    pub smtp_url: String,
    /// Who logs in there; empty: nobody needs to.
    pub smtp_user: String,
    /// What stands in `From:`.
    pub mail_from: String,
    /// The ntfy server that wants a token; empty: none does.
    pub ntfy_server: String,
    /// Whether people's webhooks may lie in this house's own network.
    pub private_targets: bool,
}

/// Secrets: from systemd credentials first, then (an old `.env`) from the environment; never printed.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    /// Signs tickets and seals stored secrets. Only the api has it.
    pub jwt_secret: Option<SecretString>,
    /// Of the Qobuz account.
    pub qobuz_password: Option<SecretString>,
    /// Of Lidarr.
    pub lidarr_api_key: Option<SecretString>,
    /// Of Plex.
    pub plex_token: Option<SecretString>,
    /// Of TorrentLeech.
    pub torrentleech_key: Option<SecretString>,
    /// Of the client at the OpenID provider.
    pub oidc_client_secret: Option<SecretString>,
    /// Of an application at AcoustID.
    pub acoustid_key: Option<SecretString>,
    /// What Lidarr's webhook shows.
    pub lidarr_webhook_secret: Option<SecretString>,
    /// Of Jellyfin.
    pub jellyfin_api_key: Option<SecretString>,
    /// Of the account at Navidrome.
    pub navidrome_password: Option<SecretString>,
    /// Of the account at the mail server.
    pub smtp_password: Option<SecretString>,
    /// An access token of the ntfy server.
    pub ntfy_token: Option<SecretString>,
    /// rclone's configuration, which holds its passwords and keys.
    pub rclone_config: Option<SecretString>,
    /// Of the restic repository of the music.
    pub restic_password: Option<SecretString>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            music_path: DEFAULT_MUSIC_PATH.into(),
            database_url: "postgresql://barbossa@%2Frun%2Fpostgresql/barbossa".into(),
            redis_url: "redis+unix:///run/barbossa-redis/redis.sock".into(),
            log_level: "info".into(),
            backup_dir: "/var/lib/barbossa/backups".into(),
            backup: Backup {
                recipients: Vec::new(),
                keep_daily: 7,
                keep_weekly: 4,
                keep_monthly: 12,
                destinations: Vec::new(),
                music_repository: String::new(),
                music_every: "week".into(),
            },
            api: Api {
                cors_origins: Vec::new(),
                public_url: String::new(),
                session_days: 30,
                requests_per_minute: 600_000,
                browse_roots: ["/srv", "/mnt", "/media"].map(str::to_owned).to_vec(),
            },
            forward_auth: ForwardAuth { header: String::new(), trusted: Vec::new(), create_users: false },
            oidc: Oidc {
                issuer: String::new(),
                client_id: "barbossa".into(),
                username_claim: "preferred_username".into(),
                create_users: false,
            },
            metrics: Metrics { listen: DEFAULT_METRICS_SOCKET.into() },
            tls: Tls { certificate: PathBuf::new(), key: PathBuf::new() },
            worker: Worker { concurrency: 4 },
            imports: Imports {
                settle_seconds: 3,
                settle_incomplete_seconds: 30,
                sweep_seconds: 60,
                min_confidence: 0.85,
            },
            uploads: Uploads { dir: UPLOADS_DIR.into(), quota_gib: 50, keep_hours: 24 },
            exports: Exports { roots: Vec::new() },
            downloads: Downloads::default(),
            jobs: Jobs { keep_days: 30 },
            trash: Trash { keep_days: 30 },
            integrity: Integrity { period_days: 30 },
            compat: Compat { query_tokens: false },
            qobuz: Qobuz::default(),
            lidarr: Lidarr { url: String::new(), path_map: Vec::new(), import_completed: true },
            plex: Plex {
                url: String::new(),
                music_section: String::new(),
                auto_scan: true,
                path_map: Vec::new(),
            },
            jellyfin: Jellyfin { url: String::new(), path_map: Vec::new() },
            navidrome: Navidrome { url: String::new(), user: String::new() },
            bandcamp: Bandcamp {
                cookies_path: PathBuf::new(),
                sync_hours: 24,
                url: "https://bandcamp.com".into(),
            },
            musicbrainz: Musicbrainz {
                enabled: true,
                url: "https://musicbrainz.org".into(),
                contact: String::new(),
            },
            acoustid: Acoustid { url: "https://api.acoustid.org".into() },
            lrclib: Lrclib { enabled: true, url: "https://lrclib.net".into() },
            coverart: Coverart {
                enabled: true,
                url: "https://coverartarchive.org".into(),
                commons_url: "https://commons.wikimedia.org".into(),
            },
            torrentleech: Torrentleech {
                url: "https://www.torrentleech.org".into(),
                announce_url: "https://tracker.torrentleech.org".into(),
            },
            notifications: Notifications {
                smtp_url: "smtp://localhost:25".into(),
                smtp_user: String::new(),
                mail_from: "barbossa@localhost".into(),
                ntfy_server: String::new(),
                private_targets: false,
            },
            changes_dir: CHANGES_DIR.into(),
            secrets: Secrets::default(),
        }
    }
}

impl Default for Downloads {
    fn default() -> Self {
        Self {
            yt_dlp_path: "yt-dlp".into(),
            at_once_per_source: 2,
            per_minute_per_source: 20,
            queue_per_user: 100,
            quota_gib: 0,
            keep_free_gib: 2,
            deadline_hours: 6,
            allow_private: false,
        }
    }
}

impl Default for Qobuz {
    fn default() -> Self {
        Self {
            email: String::new(),
            quality: 4,
            rip_path: "/opt/barbossa/streamrip/bin/rip".into(),
            url: "https://www.qobuz.com/api.json/0.2".into(),
            app_id: String::new(),
        }
    }
}

impl Settings {
    /// Whether music lies where the units expect it by themselves.
    pub fn has_default_music_path(&self) -> bool {
        self.music_path == Path::new(DEFAULT_MUSIC_PATH)
    }
}
