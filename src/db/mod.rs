//! PostgreSQL: the pool, cached statements, the migrations, and one listener for notifications.
//!
//! The queue of record and every row live here; what commits here is kept. All statements are prepared once per
//! connection; `tests/it/sql.rs` prepares each of them against the migrated schema.

mod listen;
mod migrate;

pub use listen::{Notice, Notices};
pub use migrate::{Migration, Progress as MigrationProgress, current_version, latest_version, migrate};

use std::str::FromStr;
use std::time::Duration;

pub use deadpool_postgres::{Client, GenericClient, Transaction};
use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, QueueMode, RecyclingMethod, Runtime};
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, NoTls, Row};

use crate::error::Result;

/// How long a request waits for a connection before it answers 503.
const WAIT: Duration = Duration::from_secs(3);
/// A connection is replaced after this, so that what a server keeps per connection does not grow for ever.
const MAX_AGE: Duration = Duration::from_secs(1800);

/// A pool of connections to one database.
#[derive(Clone)]
pub struct Db {
    pool: Pool,
    config: Config,
}

impl Db {
    /// A pool of up to `size` connections; opens none yet, so PostgreSQL may be away.
    ///
    /// # Errors
    /// When `url` is not a PostgreSQL connection string (`postgresql://…` or `host=… dbname=…`).
    pub fn new(url: &str, role: &str, size: usize) -> anyhow::Result<Self> {
        let mut config = Config::from_str(url)?;
        config.application_name(format!("barbossa-{role}"));
        config.connect_timeout(Duration::from_secs(2));
        config.options(
            "-c statement_timeout=60s -c idle_in_transaction_session_timeout=60s -c lock_timeout=20s \
             -c pg_trgm.word_similarity_threshold=0.45",
        );
        Self::of(config, size)
    }

    fn of(config: Config, size: usize) -> anyhow::Result<Self> {
        let manager_config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_config(config.clone(), NoTls, manager_config);
        let pool = Pool::builder(manager)
            .max_size(size)
            .runtime(Runtime::Tokio1)
            // The connection that was used last has everything at hand: its statements, the server's caches.
            .queue_mode(QueueMode::Lifo)
            .wait_timeout(Some(WAIT))
            .create_timeout(Some(WAIT))
            .recycle_timeout(Some(WAIT))
            .pre_recycle(Hook::sync_fn(|client, metrics| {
                if client.is_closed() || metrics.age() > MAX_AGE {
                    return Err(HookError::message("closed or old"));
                }
                Ok(())
            }))
            .build()?;
        Ok(Self { pool, config })
    }

    /// A pool of up to `size` connections to another database of the same server, as the same user.
    ///
    /// # Errors
    /// As [`Db::new`].
    pub fn beside(&self, database: &str, size: usize) -> anyhow::Result<Self> {
        let mut config = self.config.clone();
        config.dbname(database);
        Self::of(config, size)
    }

    /// A connection from the pool.
    pub async fn get(&self) -> Result<Client> {
        Ok(self.pool.get().await?)
    }

    /// One round trip to the server.
    pub async fn ping(&self) -> Result<()> {
        self.get().await?.row("select 1", &[]).await?;
        Ok(())
    }

    /// Forget every idle connection (they may still be to a server that was restarted).
    pub fn forget_connections(&self) {
        self.pool.retain(|_, _| false);
    }

    /// The connection string's meaning, for a connection of one's own.
    pub fn config(&self) -> &Config {
        &self.config
    }
}

/// A parameter list, as tokio-postgres takes it.
pub type Params<'a> = &'a [&'a (dyn ToSql + Sync)];

/// Statements that are prepared once per connection and then only bound. For SQL that is a constant: the cache never
/// forgets.
pub trait Sql: GenericClient + Sync {
    /// All rows.
    fn rows(&self, sql: &'static str, params: Params<'_>) -> impl Future<Output = Result<Vec<Row>>> + Send {
        async move { Ok(self.query(&self.prepare_cached(sql).await?, params).await?) }
    }

    /// Exactly one row.
    fn row(&self, sql: &'static str, params: Params<'_>) -> impl Future<Output = Result<Row>> + Send {
        async move { Ok(self.query_one(&self.prepare_cached(sql).await?, params).await?) }
    }

    /// One row or none.
    fn maybe_row(
        &self,
        sql: &'static str,
        params: Params<'_>,
    ) -> impl Future<Output = Result<Option<Row>>> + Send {
        async move { Ok(self.query_opt(&self.prepare_cached(sql).await?, params).await?) }
    }

    /// Runs it; how many rows it touched.
    fn run(&self, sql: &'static str, params: Params<'_>) -> impl Future<Output = Result<u64>> + Send {
        async move { Ok(self.execute(&self.prepare_cached(sql).await?, params).await?) }
    }
}

impl<C: GenericClient + Sync> Sql for C {}
