//! Every setting: its key, its default and what it means. Loaded and checked once, then shared by `App`.

use std::path::PathBuf;

use secrecy::SecretString;

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
    /// Where `barbossa backup run` puts its dumps.
    pub backup_dir: PathBuf,
    /// The api role.
    pub api: Api,
    /// The worker role.
    pub worker: Worker,
    /// The way in.
    pub imports: Imports,
    /// The queue.
    pub jobs: Jobs,
    /// What only this process and its credentials know.
    pub secrets: Secrets,
}

/// `[api]`
#[derive(Debug, Clone)]
pub struct Api {
    /// Origins that a browser may call from, besides our own.
    pub cors_origins: Vec<String>,
    /// How many days a session lives after its last use.
    pub session_days: u32,
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

/// `[jobs]`
#[derive(Debug, Clone)]
pub struct Jobs {
    /// How many days finished jobs and events are kept.
    pub keep_days: u32,
}

/// Secrets: from systemd credentials first, then (an old `.env`) from the environment; never printed.
#[derive(Debug, Clone, Default)]
pub struct Secrets {
    /// Signs tickets and seals stored secrets. Only the api has it.
    pub jwt_secret: Option<SecretString>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            music_path: "/var/lib/barbossa/music".into(),
            database_url: "postgresql://barbossa@%2Frun%2Fpostgresql/barbossa".into(),
            redis_url: "redis+unix:///run/barbossa-redis/redis.sock".into(),
            log_level: "info".into(),
            backup_dir: "/var/lib/barbossa/backups".into(),
            api: Api { cors_origins: Vec::new(), session_days: 30 },
            worker: Worker { concurrency: 4 },
            imports: Imports {
                settle_seconds: 3,
                settle_incomplete_seconds: 30,
                sweep_seconds: 60,
                min_confidence: 0.85,
            },
            jobs: Jobs { keep_days: 30 },
            secrets: Secrets::default(),
        }
    }
}
