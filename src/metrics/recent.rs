//! How it went within the last hour: requests, errors and times, minute by minute. What Prometheus makes of the counters,
//! for a page that has no Prometheus.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::requests::BUCKETS;

/// So far back it is known.
const MINUTES: usize = 60;
/// The rate is that of so many whole minutes.
const RATE_MINUTES: u64 = 5;

/// A minute's requests.
#[derive(Debug, Clone, Copy, Default)]
struct Minute {
    /// Counts from the start of the process.
    number: u64,
    requests: u64,
    errors: u64,
    /// By the bucket of their time; the last is of those that took longer than all.
    times: [u32; BUCKETS.len() + 1],
}

/// The last hour of this process.
pub struct Recent {
    began: Instant,
    minutes: Mutex<[Minute; MINUTES]>,
}

/// What can be said of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Rates {
    pub(super) requests_per_minute: f64,
    /// 95 of 100 requests of the hour took no longer, in milliseconds; none without requests.
    pub(super) p95_ms: Option<f64>,
    /// Answers that said that it is our fault.
    pub(super) errors: u64,
    /// How much of an hour is known.
    pub(super) known: Duration,
}

impl Default for Recent {
    fn default() -> Self {
        Self { began: Instant::now(), minutes: Mutex::new([Minute::default(); MINUTES]) }
    }
}

impl Recent {
    pub(super) fn count(&self, is_error: bool, took: Duration) {
        self.count_at(self.began.elapsed(), is_error, took);
    }

    fn count_at(&self, since: Duration, is_error: bool, took: Duration) {
        let number = since.as_secs() / 60;
        let mut minutes = self.minutes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let minute = &mut minutes[number as usize % MINUTES];
        if minute.number != number {
            *minute = Minute { number, ..Minute::default() };
        }
        minute.requests += 1;
        minute.errors += u64::from(is_error);
        let seconds = took.as_secs_f64();
        let bucket = BUCKETS.iter().position(|most| seconds <= *most).unwrap_or(BUCKETS.len());
        minute.times[bucket] += 1;
    }

    pub(super) fn rates(&self) -> Rates {
        self.rates_at(self.began.elapsed())
    }

    fn rates_at(&self, since: Duration) -> Rates {
        let now = since.as_secs() / 60;
        let minutes = *self.minutes.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let hour =
            || minutes.iter().filter(|minute| minute.number <= now && now - minute.number < MINUTES as u64);
        // The minute that has only begun would say too little; before the first is over, it is all there is.
        let whole = now.min(RATE_MINUTES);
        let last = hour().filter(|minute| now == 0 || (1..=whole).contains(&(now - minute.number)));
        let requests: u64 = last.map(|minute| minute.requests).sum();
        let of_minutes = if now == 0 { since.as_secs_f64().max(1.0) / 60.0 } else { whole as f64 };
        let mut times = [0_u64; BUCKETS.len() + 1];
        for minute in hour() {
            for (sum, n) in times.iter_mut().zip(minute.times) {
                *sum += u64::from(n);
            }
        }
        Rates {
            requests_per_minute: requests as f64 / of_minutes,
            p95_ms: p95(&times).map(|seconds| seconds * 1000.0),
            errors: hour().map(|minute| minute.errors).sum(),
            known: since.min(Duration::from_secs(3600)),
        }
    }
}

/// Within its bucket as far as its place among those in it, as `histogram_quantile` of Prometheus has it.
fn p95(times: &[u64; BUCKETS.len() + 1]) -> Option<f64> {
    let total: u64 = times.iter().sum();
    let wanted = total as f64 * 0.95;
    let (mut below, mut least) = (0_u64, 0.0);
    for (n, most) in times.iter().zip(BUCKETS) {
        if *n > 0 && (below + n) as f64 >= wanted {
            return Some(least + (most - least) * (wanted - below as f64) / *n as f64);
        }
        (below, least) = (below + n, most);
    }
    // It took longer than the last bound, nobody knows by how much.
    (total > 0).then_some(least)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    fn minutes(n: u64) -> Duration {
        Duration::from_secs(n * 60)
    }

    #[test]
    fn a_rate_is_of_whole_minutes_and_an_hour_is_forgotten() {
        let recent = Recent::default();
        for minute in 0..70 {
            for n in 0..10 {
                recent.count_at(minutes(minute), minute < 20 && n == 0, MS);
            }
        }
        // The minute that has just begun has more already.
        recent.count_at(minutes(69) + MS, false, MS);
        let rates = recent.rates_at(minutes(69) + 2 * MS);
        assert_eq!((rates.requests_per_minute, rates.errors), (10.0, 10), "errors of the minutes 10 to 19");
        let later = recent.rates_at(minutes(200));
        assert_eq!((later.requests_per_minute, later.p95_ms, later.errors), (0.0, None, 0));
    }

    #[test]
    fn the_first_minute_is_told_by_what_there_is_of_it() {
        let recent = Recent::default();
        for _ in 0..30 {
            recent.count_at(Duration::from_secs(10), false, MS);
        }
        let rate = recent.rates_at(Duration::from_secs(30)).requests_per_minute;
        assert!((rate - 60.0).abs() < 1e-6, "{rate}");
    }

    #[test]
    fn of_a_hundred_times_the_95th_is_told() {
        for (times, expected) in [
            (vec![(100, 1)], 0.95),
            (vec![(94, 1), (6, 40)], 25.0 + 25.0 / 6.0),
            (vec![(50, 1), (50, 60_000)], 10_000.0),
        ] {
            let recent = Recent::default();
            for (n, ms) in &times {
                for _ in 0..*n {
                    recent.count_at(Duration::ZERO, false, Duration::from_millis(*ms));
                }
            }
            let p95 = recent.rates_at(Duration::from_secs(1)).p95_ms.expect("there were requests");
            assert!((p95 - expected).abs() < 1e-6, "{times:?}: {p95}");
        }
    }
}
