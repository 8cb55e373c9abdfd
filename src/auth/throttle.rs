//! How often a password may be tried: five times quickly, then slowly, counted by who is tried and from where.
//!
//! One bucket belongs to the account and the network together, so that nobody can lock the right person out from
//! elsewhere; one to the network alone, so that trying many accounts is slow, too. The count is in Redis, shared by
//! all processes; while Redis is away each process counts by itself.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use super::{Client, name_key};
use crate::app::App;
use crate::error::{Error, Result};

/// A bucket of the generic cell rate algorithm (ITU-T I.371): `burst` at once, then one each `interval_ms`.
#[derive(Clone, Copy)]
struct Rate {
    interval_ms: i64,
    burst: i64,
}

const ACCOUNT_FROM_NETWORK: Rate = Rate { interval_ms: 30_000, burst: 5 };
const NETWORK: Rate = Rate { interval_ms: 6_000, burst: 20 };

/// All buckets give, or none does; the milliseconds to wait, 0 for none. Redis's own clock, so that hosts agree.
const TRY: &str = r"
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local wait, full_at = 0, {}
for i, key in ipairs(KEYS) do
    local interval, burst = tonumber(ARGV[2 * i - 1]), tonumber(ARGV[2 * i])
    local tat = math.max(tonumber(redis.call('GET', key) or '') or now, now)
    wait = math.max(wait, tat - now - interval * (burst - 1))
    full_at[i] = tat + interval
end
if wait > 0 then return wait end
for i, key in ipairs(KEYS) do
    redis.call('SET', key, string.format('%d', full_at[i]), 'PX', string.format('%d', full_at[i] - now))
end
return 0";

/// The first bucket is emptied, the second gets one try back.
const FORGIVE: &str = r"
redis.call('DEL', KEYS[1])
if redis.call('EXISTS', KEYS[2]) == 1 then redis.call('DECRBY', KEYS[2], ARGV[1]) end
return 0";

/// One try at an account's password, counted when it begins.
pub(super) struct Attempt {
    keys: [String; 2],
}

impl Attempt {
    /// Counts a try.
    ///
    /// # Errors
    /// `Error::TooMany` with the time to wait.
    pub async fn begin(app: &App, username: &str, client: &Client) -> Result<Self> {
        let attempt = Self { keys: keys(app, username, client) };
        let wait_ms = match attempt.ask_redis(app).await {
            Some(wait_ms) => wait_ms,
            None => app.kept::<Buckets>().take(&attempt.keys, app.clock.now().as_millisecond()),
        };
        if wait_ms <= 0 {
            return Ok(attempt);
        }
        let retry_after_seconds = u64::try_from(wait_ms).unwrap_or(0).div_ceil(1000);
        let message = format!("Too many attempts to log in. Try again in {retry_after_seconds} seconds.");
        Err(Error::TooMany { message, retry_after_seconds })
    }

    /// The password was right: the tries before it are forgotten.
    pub async fn forgive(self, app: &App) {
        app.kept::<Buckets>().forgive(&self.keys);
        let [account, network] = &self.keys;
        app.cache
            .ask(|mut redis| async move {
                let forgive = redis::Script::new(FORGIVE);
                forgive
                    .key(account)
                    .key(network)
                    .arg(NETWORK.interval_ms)
                    .invoke_async::<i64>(&mut redis)
                    .await
            })
            .await;
    }

    async fn ask_redis(&self, app: &App) -> Option<i64> {
        let [account, network] = &self.keys;
        app.cache
            .ask(|mut redis| async move {
                let script = redis::Script::new(TRY);
                let mut call = script.prepare_invoke();
                call.key(account).key(network);
                for rate in [ACCOUNT_FROM_NETWORK, NETWORK] {
                    call.arg(rate.interval_ms).arg(rate.burst);
                }
                call.invoke_async(&mut redis).await
            })
            .await
    }
}

/// Names of accounts are not written into Redis; households that share one do not share buckets.
fn keys(app: &App, username: &str, client: &Client) -> [String; 2] {
    let household = app.db.config().get_dbname().unwrap_or_default();
    let network = client.network();
    let account = blake3::hash(format!("{}\n{network}", name_key(username.trim())).as_bytes());
    [
        format!("barbossa:{household}:login:account:{}", &account.to_hex()[..32]),
        format!("barbossa:{household}:login:network:{network}"),
    ]
}

/// This process's own count.
#[derive(Default)]
struct Buckets(Mutex<HashMap<String, i64>>);

/// Old buckets are thrown away when there are more than this.
const MOST_BUCKETS: usize = 10_000;

impl Buckets {
    fn take(&self, keys: &[String; 2], now_ms: i64) -> i64 {
        let mut full_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if full_at.len() > MOST_BUCKETS {
            full_at.retain(|_, at| *at > now_ms);
        }
        let rates = [ACCOUNT_FROM_NETWORK, NETWORK];
        let tries = keys.iter().zip(rates).map(|(key, rate)| rate.take(full_at.get(key).copied(), now_ms));
        let tries: Vec<Result<i64, i64>> = tries.collect();
        if let Some(wait_ms) = tries.iter().filter_map(|t| t.err()).max() {
            return wait_ms;
        }
        full_at.extend(keys.iter().cloned().zip(tries.into_iter().flatten()));
        0
    }

    fn forgive(&self, [account, network]: &[String; 2]) {
        let mut full_at = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        full_at.remove(account);
        if let Some(at) = full_at.get_mut(network) {
            *at -= NETWORK.interval_ms;
        }
    }
}

impl Rate {
    /// From when the bucket is full again, `full_at`, to the same after one more; or how long to wait first.
    fn take(self, full_at: Option<i64>, now_ms: i64) -> Result<i64, i64> {
        let full_at = full_at.unwrap_or(now_ms).max(now_ms);
        let over = full_at - now_ms - self.interval_ms * (self.burst - 1);
        if over > 0 { Err(over) } else { Ok(full_at + self.interval_ms) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_quick_tries_then_one_each_half_minute() {
        let mut full_at = None;
        for _ in 0..5 {
            full_at = Some(ACCOUNT_FROM_NETWORK.take(full_at, 1_000).unwrap());
        }
        assert_eq!(ACCOUNT_FROM_NETWORK.take(full_at, 1_000), Err(30_000));
        assert_eq!(ACCOUNT_FROM_NETWORK.take(full_at, 30_999), Err(1));
        assert!(ACCOUNT_FROM_NETWORK.take(full_at, 31_000).is_ok());
    }

    #[test]
    fn twenty_accounts_from_one_network_are_as_slow_as_one() {
        let buckets = Buckets::default();
        let key = |n: usize| [format!("account {n}"), "network".to_owned()];
        assert!((0..20).all(|n| buckets.take(&key(n), 0) == 0));
        assert_eq!(buckets.take(&key(20), 0), 6_000);
        buckets.forgive(&key(20));
        assert_eq!(buckets.take(&key(20), 0), 0);
    }
}
