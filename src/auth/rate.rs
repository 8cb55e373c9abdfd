//! How much one person may ask in a minute. Generous: it stops a program that has run wild, and nobody who listens.
//!
//! The count is in Redis, so that all processes share it; each takes a few requests from it at once and then counts by
//! itself, since a question to Redis for each request would cost more than most requests. While Redis is away there is
//! no limit.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::app::App;
use crate::error::{Error, Result};

/// A process takes this part of a minute's requests at once.
const SHARE: u32 = 50;
/// Counts of people who are gone are thrown away when there are more than this.
const MOST_PEOPLE: usize = 10_000;

/// What a request has learned of its sender's allowance. As an extension of the request: whoever put it there reads it
/// when the answer is on its way out. Without it nothing is counted.
#[derive(Clone, Default)]
pub struct Meter(Arc<OnceLock<Allowance>>);

/// What is left in this minute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Requests in a minute.
    pub limit: u32,
    /// Requests that are left in this one.
    pub remaining: u32,
    /// When the next one begins, in seconds since 1970.
    pub reset_at: i64,
}

impl Meter {
    /// What was learned; none when the request was nobody's, or nothing was counted.
    pub fn read(&self) -> Option<Allowance> {
        self.0.get().copied()
    }

    /// Counts a request of this user, once.
    ///
    /// # Errors
    /// `TooMany` when the minute's requests are used up.
    pub(super) async fn count(&self, app: &App, user_id: i64) -> Result<()> {
        let limit = app.settings.api.requests_per_minute;
        if limit == 0 || self.0.get().is_some() {
            return Ok(());
        }
        let now = app.clock.now().as_second();
        let (minute, reset_at) = (now / 60, (now / 60 + 1) * 60);
        let (remaining, is_refused) = match spend(app, user_id, minute, limit).await {
            Taken::Left(remaining) => (remaining, false),
            Taken::UsedUp => (0, true),
            Taken::Unknown => return Ok(()),
        };
        let _ = self.0.set(Allowance { limit, remaining, reset_at });
        if !is_refused {
            return Ok(());
        }
        let retry_after_seconds = u64::try_from(reset_at - now).unwrap_or(60).max(1);
        let message = format!("Too many requests. Try again in {retry_after_seconds} seconds.");
        Err(Error::TooMany { message, retry_after_seconds })
    }
}

/// What became of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Taken {
    /// It may be served, and so many after it.
    Left(u32),
    /// There was none left.
    UsedUp,
    /// Only Redis can say.
    Unknown,
}

async fn spend(app: &App, user_id: i64, minute: i64, limit: u32) -> Taken {
    let counts = app.kept::<Counts>();
    let known = counts.lock().take(user_id, minute);
    if known != Taken::Unknown {
        return known;
    }
    let batch = (limit / SHARE).max(1);
    let household = app.db.config().get_dbname().unwrap_or_default();
    let key = format!("barbossa:{household}:requests:{user_id}:{minute}");
    let taken = |mut redis: redis::aio::ConnectionManager| async move {
        let mut both = redis::pipe();
        both.atomic().cmd("INCRBY").arg(&key).arg(batch).cmd("EXPIRE").arg(&key).arg(120).ignore();
        both.query_async::<(u64,)>(&mut redis).await
    };
    match app.cache.ask(taken).await {
        Some((total,)) => counts.lock().put(user_id, minute, limit, batch, total),
        None => Taken::Unknown,
    }
}

/// This process's own part of the count.
#[derive(Default)]
struct Counts(Mutex<Book>);

#[derive(Default)]
struct Book(HashMap<i64, Count>);

/// Of one user in one minute.
struct Count {
    minute: i64,
    /// Taken from Redis, and not used yet.
    in_hand: u32,
    /// What Redis has left, as of the last time.
    elsewhere: u32,
}

impl Counts {
    fn lock(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// One of those in hand.
    fn take(&mut self, user_id: i64, minute: i64) -> Taken {
        match self.0.get_mut(&user_id).filter(|count| count.minute == minute) {
            None => Taken::Unknown,
            Some(Count { in_hand: 0, elsewhere: 0, .. }) => Taken::UsedUp,
            Some(Count { in_hand: 0, .. }) => Taken::Unknown,
            Some(count) => {
                count.in_hand -= 1;
                Taken::Left(count.in_hand + count.elsewhere)
            }
        }
    }

    /// `total` is what Redis counts now that `batch` more were taken; one of them is used at once.
    fn put(&mut self, user_id: i64, minute: i64, limit: u32, batch: u32, total: u64) -> Taken {
        if self.0.len() >= MOST_PEOPLE {
            self.0.retain(|_, count| count.minute == minute);
        }
        let before = total.saturating_sub(u64::from(batch));
        let free = u32::try_from(u64::from(limit).saturating_sub(before)).unwrap_or(limit);
        let got = batch.min(free);
        let in_hand = got + self.0.get(&user_id).filter(|c| c.minute == minute).map_or(0, |c| c.in_hand);
        let elsewhere = free - got;
        self.0.insert(user_id, Count { minute, in_hand, elsewhere });
        self.take(user_id, minute)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_processes_give_no_more_than_the_limit_between_them() {
        let (mut one, mut other, mut redis) = (Book::default(), Book::default(), 0);
        let (mut given, mut refused) = (0, 0);
        for n in 0..300 {
            let book = if n % 3 == 0 { &mut one } else { &mut other };
            let mut taken = book.take(7, 1);
            if taken == Taken::Unknown {
                redis += 4;
                taken = book.put(7, 1, 200, 4, redis);
            }
            match taken {
                Taken::Left(_) => given += 1,
                _ => refused += 1,
            }
        }
        assert!((196..=200).contains(&given), "{given}");
        assert_eq!(given + refused, 300);
        assert_eq!(one.take(7, 2), Taken::Unknown, "a new minute asks Redis again");
    }

    #[test]
    fn what_is_left_goes_down_one_by_one() {
        let mut book = Book::default();
        assert_eq!(book.put(7, 1, 5, 1, 1), Taken::Left(4));
        assert_eq!(book.put(7, 1, 5, 1, 5), Taken::Left(0));
        assert_eq!(book.take(7, 1), Taken::UsedUp);
        assert_eq!(book.put(8, 1, 5, 1, 6), Taken::UsedUp, "others have used it up");
    }
}
