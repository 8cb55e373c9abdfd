//! Redis, which may vanish at any moment: every call is bounded, and nothing that matters is only there.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{RedisError, RedisResult};
use tokio::sync::Mutex as AsyncMutex;

/// No caller waits longer than this for Redis.
const PATIENCE: Duration = Duration::from_millis(300);
/// After a call in vain nobody else waits: for so long, all are told at once that Redis is away.
const PAUSE: Duration = Duration::from_millis(500);

/// A handle on Redis; connects when first used, and again by itself.
pub struct Cache {
    client: redis::Client,
    /// Thrown away after each call in vain: a manager whose handshake was answered with nonsense never tries another.
    connection: AsyncMutex<Option<ConnectionManager>>,
    away_until: Mutex<Option<Instant>>,
}

/// Why there was no answer.
enum Silence {
    /// Not there, too slow, or not Redis.
    Away(String),
    /// It answered: no.
    Refused(RedisError),
}

impl Cache {
    /// A handle; opens no connection.
    ///
    /// # Errors
    /// When `url` is not a Redis URL (`redis+unix:///path` or `redis://host:port/db`).
    pub fn new(url: &str) -> anyhow::Result<Self> {
        let client = redis::Client::open(url)?;
        Ok(Self { client, connection: AsyncMutex::default(), away_until: Mutex::default() })
    }

    /// Runs one command or script; `None` when Redis did not answer in time, said something else, or is away.
    pub async fn ask<T, F, Fut>(&self, ask: F) -> Option<T>
    where
        F: FnOnce(ConnectionManager) -> Fut,
        Fut: Future<Output = RedisResult<T>>,
    {
        let away_until = *self.away_until.lock().unwrap_or_else(PoisonError::into_inner);
        if away_until.is_some_and(|until| Instant::now() < until) {
            return None;
        }
        self.ask_anyway(ask).await
    }

    /// Whether Redis answers now.
    pub async fn is_there(&self) -> bool {
        let ping = |mut c: ConnectionManager| async move { redis::cmd("PING").query_async(&mut c).await };
        let pong: Option<String> = self.ask_anyway(ping).await;
        pong.as_deref() == Some("PONG")
    }

    async fn ask_anyway<T, F, Fut>(&self, ask: F) -> Option<T>
    where
        F: FnOnce(ConnectionManager) -> Fut,
        Fut: Future<Output = RedisResult<T>>,
    {
        let asked = tokio::time::timeout(PATIENCE, async {
            let connection = self.connected().await?;
            ask(connection).await
        });
        let silence = match asked.await {
            Ok(Ok(answer)) => {
                self.note(None);
                return Some(answer);
            }
            Ok(Err(error)) if is_away(&error) => Silence::Away(error.to_string()),
            Ok(Err(error)) => Silence::Refused(error),
            Err(_) => Silence::Away(format!("no answer within {} ms", PATIENCE.as_millis())),
        };
        match silence {
            Silence::Away(why) => {
                // Whoever is connecting just now holds it, and will hand out a new one.
                if let Ok(mut connection) = self.connection.try_lock() {
                    *connection = None;
                }
                self.note(Some(&why));
            }
            Silence::Refused(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "Redis refused a command");
            }
        }
        None
    }

    /// Remembers whether Redis is away, and tells the journal when that has changed.
    fn note(&self, away: Option<&str>) {
        let until = away.map(|_| Instant::now() + PAUSE);
        let was_away = {
            let mut at = self.away_until.lock().unwrap_or_else(PoisonError::into_inner);
            std::mem::replace(&mut *at, until).is_some()
        };
        match away {
            Some(why) if !was_away => tracing::warn!("Redis is away, going on without it: {why}"),
            None if was_away => tracing::info!("Redis is back"),
            _ => {}
        }
    }

    async fn connected(&self) -> RedisResult<ConnectionManager> {
        let mut connection = self.connection.lock().await;
        if let Some(there) = &*connection {
            return Ok(there.clone());
        }
        let made = self.connect().await?;
        *connection = Some(made.clone());
        Ok(made)
    }

    async fn connect(&self) -> RedisResult<ConnectionManager> {
        let config = ConnectionManagerConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE))
            .set_number_of_retries(2)
            .set_max_delay(Duration::from_millis(200));
        ConnectionManager::new_with_config(self.client.clone(), config).await
    }
}

/// It did not answer, or what answered is not Redis, or it is still loading its data.
fn is_away(error: &RedisError) -> bool {
    error.is_io_error()
        || error.is_timeout()
        || error.is_connection_dropped()
        || error.is_connection_refusal()
        || error.is_unrecoverable_error()
        || error.code() == Some("LOADING")
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixListener;
    use tokio::task::JoinHandle;

    use super::*;

    /// Answers every command by this. See <https://redis.io/docs/latest/develop/reference/protocol-spec/>.
    fn answer_with(listener: UnixListener, answer: fn(&str) -> &'static str) -> JoinHandle<()> {
        tokio::spawn(async move {
            // Owned by this task: they end with it.
            let mut guests = tokio::task::JoinSet::new();
            while let Ok((mut guest, _)) = listener.accept().await {
                guests.spawn(async move {
                    let mut asked = [0; 4096];
                    while let Ok(read @ 1..) = guest.read(&mut asked).await {
                        let text = String::from_utf8_lossy(&asked[..read]).into_owned();
                        for command in text.split('*').skip(1) {
                            if guest.write_all(answer(command).as_bytes()).await.is_err() {
                                return;
                            }
                        }
                    }
                });
            }
        })
    }

    #[tokio::test]
    async fn what_answered_nonsense_is_asked_again_when_it_is_redis() {
        let dir = tempfile::tempdir().unwrap();
        let socket = dir.path().join("redis.sock");
        let cache = Cache::new(&format!("redis+unix://{}", socket.display())).unwrap();
        let liar =
            answer_with(UnixListener::bind(&socket).unwrap(), |_| "\u{0}HTTP/1.1 200 *-7\r\n$999999\r\n");
        for _ in 0..3 {
            assert!(!cache.is_there().await);
        }
        liar.abort();
        let _ = liar.await;
        std::fs::remove_file(&socket).unwrap();
        let pong = |command: &str| if command.contains("PING") { "+PONG\r\n" } else { "+OK\r\n" };
        let redis = answer_with(UnixListener::bind(&socket).unwrap(), pong);
        assert!(cache.is_there().await);
        redis.abort();
    }
}
