//! How long a job that failed waits before its next attempt.

use std::time::Duration;

const FIRST_SECONDS: f64 = 2.0;
const GROWTH: f64 = 4.0;
const LONGEST_SECONDS: f64 = 3600.0;

/// The wait after the failure of `attempt` (counts from 1): 2 s, 8 s, 32 s, … up to an hour, each between three
/// quarters and five quarters of that, so that jobs that failed together do not come back together.
///
/// `chance` in [0, 1) chooses where between.
pub fn delay(attempt: i32, chance: f64) -> Duration {
    let grown = FIRST_SECONDS * GROWTH.powi(attempt.saturating_sub(1).clamp(0, 20));
    Duration::from_secs_f64(grown.min(LONGEST_SECONDS) * (0.75 + chance.clamp(0.0, 1.0) / 2.0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_wait_is_four_times_the_last_up_to_an_hour() {
        let seconds: Vec<u64> = (1..=8).map(|n| delay(n, 0.5).as_secs()).collect();
        assert_eq!(seconds, [2, 8, 32, 128, 512, 2048, 3600, 3600]);
    }

    #[test]
    fn chance_spreads_a_wait_by_a_quarter_either_way() {
        assert_eq!(delay(2, 0.0), Duration::from_secs(6));
        assert_eq!(delay(2, 1.0), Duration::from_secs(10));
    }

    #[test]
    fn no_attempt_number_makes_it_overflow_or_vanish() {
        for attempt in [i32::MIN, -1, 0, 1, i32::MAX] {
            assert!((Duration::from_secs(1)..=Duration::from_secs(4500)).contains(&delay(attempt, 0.5)));
        }
    }
}
