//! What every room of a process shares: the settings, the database, the ear, the cache and the clock. Built once.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::ops::Deref;
use std::path::Path;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};

use jiff::Timestamp;

use crate::cache::Cache;
use crate::config::Settings;
use crate::db::{Db, Notices};
use crate::integrations::Web;

/// The shared things of one process. Cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Shared>);

/// See [`App`].
pub struct Shared {
    /// Which role this process plays: `api`, `worker`, …
    pub role: &'static str,
    /// As they are now.
    pub settings: Live,
    /// PostgreSQL.
    pub db: Db,
    /// What is heard from PostgreSQL; silent until the role runs it.
    pub notices: Notices,
    /// Redis, or the lack of it.
    pub cache: Cache,
    /// The time.
    pub clock: Clock,
    kept: Mutex<HashMap<TypeId, Arc<dyn Any + Send + Sync>>>,
}

impl App {
    /// Puts them together; opens no connection, so nothing needs to be up yet.
    ///
    /// # Errors
    /// When `database_url` or `redis_url` cannot be understood.
    pub fn new(role: &'static str, settings: Settings, connections: usize) -> anyhow::Result<Self> {
        let db = Db::new(&settings.database_url, role, connections)?;
        let cache = Cache::new(&settings.redis_url)?;
        let clock = Clock::default();
        let (notices, kept) = (Notices::default(), Mutex::default());
        let settings = Live::new(settings);
        Ok(Self(Arc::new(Shared { role, settings, db, notices, cache, clock, kept })))
    }

    /// What a room keeps in memory for as long as the process lives (a cache, its subscribers): one of each type, made
    /// when first asked for. Nothing that must survive.
    pub fn kept<T: Default + Send + Sync + 'static>(&self) -> Arc<T> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let one = kept.entry(TypeId::of::<T>()).or_insert_with(|| Arc::new(T::default()));
        Arc::clone(one).downcast().expect("the key is the type")
    }

    /// `MUSIC_PATH`.
    pub fn music(&self) -> &Path {
        &self.settings.music_path
    }

    /// What catalogues in the world are asked through. Like the next one: one for the process, which keeps its connections.
    pub fn web(&self) -> Web {
        self.kept::<Webs>().world.get_or_init(|| self.made(Web::new)).clone()
    }

    /// What other programs of the house are asked through: it goes nowhere else with their keys.
    pub fn direct_web(&self) -> Web {
        self.kept::<Webs>().direct.get_or_init(|| self.made(Web::direct)).clone()
    }

    fn made(&self, make: fn(&str) -> anyhow::Result<Web>) -> Web {
        make(self.contact()).expect("a client without settings of its own can be built")
    }

    /// How the people of a service reach the people of this house; empty when that is not said.
    pub fn contact(&self) -> &str {
        let all = [&self.settings.musicbrainz.contact, &self.settings.api.public_url];
        all.into_iter().find(|c| !c.is_empty()).map_or("", String::as_str)
    }
}

#[derive(Default)]
struct Webs {
    world: OnceLock<Web>,
    direct: OnceLock<Web>,
}

impl Deref for App {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

/// The settings, which an admin may change while the process runs. What reads them at their use follows.
pub struct Live(RwLock<&'static Settings>);

impl Live {
    fn new(settings: Settings) -> Self {
        Self(RwLock::new(Box::leak(Box::new(settings))))
    }

    /// From now on these. Those from before stay in memory, since someone may be reading them: a few kilobytes for each
    /// change that a person makes.
    pub fn replace(&self, settings: Settings) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Box::leak(Box::new(settings));
    }
}

impl Deref for Live {
    type Target = Settings;

    fn deref(&self) -> &Settings {
        *self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// By which door a request came; set by the api role on each request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Via {
    /// Through nginx, on the Unix socket: its `X-Real-IP` and `X-Forwarded-Proto` are true, and `X-Accel-Redirect` may
    /// be answered.
    Nginx,
    /// Straight, on the Unix socket, by a process of root's that speaks for nobody else: the machine's admin.
    Root,
    /// Straight, over TCP: what a client claims was taken away, and `X-Real-IP` is what the connection shows.
    Direct,
}

/// Where the time comes from: the system, or a test's own.
#[derive(Clone, Default)]
pub enum Clock {
    /// The system's.
    #[default]
    System,
    /// One that a test moves.
    Fixed(Arc<Mutex<Timestamp>>),
}

impl Clock {
    /// Now.
    pub fn now(&self) -> Timestamp {
        match self {
            Self::System => Timestamp::now(),
            Self::Fixed(at) => *at.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}
