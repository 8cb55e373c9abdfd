//! Redis, which may vanish at any moment: every call is bounded, and nothing that matters is only there.

use std::time::Duration;

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use tokio::sync::OnceCell;

/// No caller waits longer than this for Redis.
const PATIENCE: Duration = Duration::from_millis(300);

/// A handle on Redis; connects when first used, and again by itself.
pub struct Cache {
    client: redis::Client,
    connection: OnceCell<ConnectionManager>,
}

impl Cache {
    /// A handle; opens no connection.
    ///
    /// # Errors
    /// When `url` is not a Redis URL (`redis+unix:///path` or `redis://host:port/db`).
    pub fn new(url: &str) -> anyhow::Result<Self> {
        Ok(Self { client: redis::Client::open(url)?, connection: OnceCell::new() })
    }

    /// Runs one command or script; `None` when Redis did not answer in time, said something else, or is away.
    pub async fn ask<T, F, Fut>(&self, ask: F) -> Option<T>
    where
        F: FnOnce(ConnectionManager) -> Fut,
        Fut: Future<Output = redis::RedisResult<T>>,
    {
        let asked = tokio::time::timeout(PATIENCE, async {
            let connection = self.connection.get_or_try_init(|| self.connect()).await?;
            ask(connection.clone()).await
        });
        match asked.await {
            Ok(Ok(answer)) => Some(answer),
            Ok(Err(error)) => {
                tracing::debug!(error = &error as &dyn std::error::Error, "Redis did not help");
                None
            }
            Err(_) => None,
        }
    }

    /// Whether Redis answers now.
    pub async fn is_there(&self) -> bool {
        let pong =
            self.ask(|mut c| async move { redis::cmd("PING").query_async::<String>(&mut c).await }).await;
        pong.as_deref() == Some("PONG")
    }

    async fn connect(&self) -> redis::RedisResult<ConnectionManager> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE))
            .set_number_of_retries(2)
            .set_max_delay(Duration::from_millis(200));
        ConnectionManager::new_with_config(self.client.clone(), config).await
    }
}
