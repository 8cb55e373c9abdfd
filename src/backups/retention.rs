//! Which backups may go. Pure.
//!
//! Of each of the last days, weeks and months in which there is a whole backup, the newest one stays: those that exist are
//! counted, not those of the calendar, so that a clock that jumps ahead by years lets nothing go. What seems to come from
//! the future stays, and takes nobody's place. The newest whole one stays whatever the numbers say, by its time and by the
//! order in which they were made; and where nothing is whole, everything stays.

use std::collections::BTreeSet;

use jiff::Timestamp;
use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;

/// How many dumps from before a migration stay.
const BEFORE_MIGRATIONS: usize = 3;

/// How many are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Policy {
    /// Days, of which the newest backup stays. Zero counts as one.
    pub daily: usize,
    /// Weeks.
    pub weekly: usize,
    /// Months.
    pub monthly: usize,
}

/// One backup, as far as it matters here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// When it was made, by the clock of then.
    pub made_at: Timestamp,
    /// Counts up in the order in which they were made, as far as that is known.
    pub order: i64,
    /// Whether it was whole when it was last looked at.
    pub is_whole: bool,
    /// Whether it was made before a migration rather than by the timer or by hand.
    pub is_before_migration: bool,
}

/// Which of these may go: their places in `backups`, ascending.
pub fn may_go(backups: &[Candidate], policy: Policy, now: Timestamp) -> Vec<usize> {
    let is_routine = |b: &Candidate| b.is_whole && !b.is_before_migration;
    let mut stays: BTreeSet<usize> = newest_of_all(backups).collect();
    let future = backups.iter().enumerate().filter(|(_, b)| b.made_at > now).map(|(n, _)| n);
    stays.extend(future);

    let past = |n: &usize| backups[*n].made_at <= now;
    let mut routine: Vec<usize> =
        (0..backups.len()).filter(|n| is_routine(&backups[*n])).filter(past).collect();
    routine.sort_by_key(|n| std::cmp::Reverse((backups[*n].made_at, backups[*n].order)));
    let day = |n: usize| backups[n].made_at.to_zoned(TimeZone::UTC).date();
    stays.extend(newest_of_each(&routine, policy.daily.max(1), day));
    stays.extend(newest_of_each(&routine, policy.weekly, |n| monday(day(n))));
    stays.extend(newest_of_each(&routine, policy.monthly, |n| day(n).first_of_month()));

    let mut before: Vec<usize> = (0..backups.len()).filter(|n| backups[*n].is_before_migration).collect();
    before.sort_by_key(|n| std::cmp::Reverse((backups[*n].made_at, backups[*n].order)));
    stays.extend(before.into_iter().take(BEFORE_MIGRATIONS));

    // A damaged one is better than none: it goes when as many whole ones as there are days are newer.
    let newer = |n: usize| routine.iter().filter(|w| backups[**w].made_at > backups[n].made_at).count();
    let damaged = (0..backups.len()).filter(|n| !backups[*n].is_whole);
    stays.extend(damaged.filter(|n| newer(*n) < policy.daily.max(1)));

    if !backups.iter().any(is_routine) {
        return Vec::new();
    }
    (0..backups.len()).filter(|n| !stays.contains(n)).collect()
}

/// The newest whole one, and the newest at all; each by its time and by its order.
fn newest_of_all(backups: &[Candidate]) -> impl Iterator<Item = usize> {
    let all = 0..backups.len();
    let whole: Vec<usize> =
        all.clone().filter(|n| backups[*n].is_whole && !backups[*n].is_before_migration).collect();
    let by_time = |n: &usize| (backups[*n].made_at, backups[*n].order);
    let by_order = |n: &usize| (backups[*n].order, backups[*n].made_at);
    let newest = [
        whole.iter().copied().max_by_key(by_time),
        whole.iter().copied().max_by_key(by_order),
        all.clone().max_by_key(by_time),
        all.max_by_key(by_order),
    ];
    newest.into_iter().flatten()
}

/// Of those, newest first, the first of each of so many buckets.
fn newest_of_each(sorted: &[usize], buckets: usize, bucket: impl Fn(usize) -> Date) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    let firsts = sorted.iter().copied().filter(|n| seen.insert(bucket(*n)));
    firsts.take(buckets).collect()
}

fn monday(date: Date) -> Date {
    // The first week of time has no Monday before it.
    if date.weekday() == Weekday::Monday {
        date
    } else {
        date.nth_weekday(-1, Weekday::Monday).unwrap_or(date)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const POLICY: Policy = Policy { daily: 7, weekly: 4, monthly: 12 };
    const DAY: i64 = 86_400;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn whole(made_at: Timestamp, order: i64) -> Candidate {
        Candidate { made_at, order, is_whole: true, is_before_migration: false }
    }

    /// One each night until `last`.
    fn nights(last: Timestamp, count: i64) -> Vec<Candidate> {
        let second = last.as_second();
        (0..count)
            .map(|n| whole(Timestamp::from_second(second - (count - 1 - n) * DAY).unwrap(), n))
            .collect()
    }

    fn left(backups: &[Candidate], policy: Policy, now: Timestamp) -> Vec<Candidate> {
        let gone = may_go(backups, policy, now);
        let left = backups.iter().enumerate().filter(|(n, _)| !gone.contains(n));
        left.map(|(_, b)| b.clone()).collect()
    }

    #[test]
    fn two_years_of_nights_leave_seven_days_four_weeks_and_twelve_months() {
        let now = at("2026-11-22T04:00:00Z");
        let left = left(&nights(at("2026-11-22T03:30:00Z"), 730), POLICY, now);
        let days: Vec<String> = left.iter().map(|b| b.made_at.strftime("%m-%d").to_string()).collect();
        assert_eq!(
            days,
            [
                "12-31", "01-31", "02-28", "03-31", "04-30", "05-31", "06-30", "07-31", "08-31", "09-30",
                "10-31", "11-01", "11-08", "11-15", "11-16", "11-17", "11-18", "11-19", "11-20", "11-21",
                "11-22"
            ]
        );
    }

    #[test]
    fn what_was_settled_stays_settled_the_next_night() {
        let mut backups: Vec<Candidate> = Vec::new();
        let start = at("2024-01-01T03:30:00Z").as_second();
        for night in 0..800 {
            let now = Timestamp::from_second(start + night * DAY).unwrap();
            backups.push(whole(now, night));
            backups = left(&backups, POLICY, now);
        }
        // Never more than all buckets, and the months reach back over eleven whole ones.
        assert!(backups.len() <= 23, "{}", backups.len());
        let oldest = backups.first().unwrap().made_at.as_second();
        assert!(start + 799 * DAY - oldest > 300 * DAY);
    }

    #[test]
    fn at_the_edges() {
        let now = at("2026-11-22T04:00:00Z");
        let one = [whole(at("2020-01-01T00:00:00Z"), 1)];
        let damaged = Candidate { is_whole: false, ..one[0].clone() };
        let before = Candidate { is_before_migration: true, ..one[0].clone() };
        for (name, backups, gone) in [
            ("none", vec![], vec![]),
            ("the last of all, however old", one.to_vec(), vec![]),
            ("nothing whole: everything stays", vec![damaged.clone(); 20], vec![]),
            (
                "a damaged one stays until seven nights are newer",
                {
                    let mut all = nights(at("2026-11-22T03:30:00Z"), 6);
                    all.push(damaged.clone());
                    all
                },
                vec![],
            ),
            (
                "then it goes",
                {
                    let mut all = nights(at("2026-11-22T03:30:00Z"), 7);
                    all.push(damaged);
                    all
                },
                vec![7],
            ),
            (
                "of those before migrations three stay",
                {
                    let mut all = vec![before; 5];
                    for (n, b) in all.iter_mut().enumerate() {
                        b.order = n as i64;
                    }
                    all.push(whole(now, 9));
                    all
                },
                vec![0, 1],
            ),
        ] {
            assert_eq!(may_go(&backups, POLICY, now), gone, "{name}");
        }
    }

    #[test]
    fn of_many_on_one_day_the_newest_stays() {
        let now = at("2026-11-22T23:00:00Z");
        let hours = |h: i64| {
            whole(Timestamp::from_second(at("2026-11-22T00:00:00Z").as_second() + h * 3600).unwrap(), h)
        };
        let backups: Vec<_> = (0..5).map(hours).collect();
        assert_eq!(may_go(&backups, POLICY, now), [0, 1, 2, 3]);
    }

    #[test]
    fn a_clock_that_jumped_ahead_and_back_costs_one_night() {
        let mut backups = nights(at("2026-11-22T03:30:00Z"), 7);
        // One night the clock said 2099; what is made then counts as one more day.
        let future = at("2099-01-01T03:30:00Z");
        backups.push(whole(future, 7));
        assert_eq!(may_go(&backups, POLICY, future), [0]);
        // Back again: the one from the future is kept, and is in nobody's way.
        backups.push(whole(at("2026-11-23T03:30:00Z"), 8));
        let left = left(&backups, POLICY, at("2026-11-23T04:00:00Z"));
        assert!(left.contains(&backups[7]) && left.contains(&backups[8]));
        // A clock that is before them all lets nothing go.
        assert_eq!(may_go(&backups, POLICY, at("1970-01-01T00:00:00Z")), Vec::<usize>::new());
    }

    fn candidate() -> impl Strategy<Value = Candidate> {
        (0_i64..4_000_000_000, 0_i64..100, any::<bool>(), prop::bool::weighted(0.2)).prop_map(
            |(second, order, is_whole, is_before_migration)| Candidate {
                made_at: Timestamp::from_second(second).unwrap(),
                order,
                is_whole,
                is_before_migration,
            },
        )
    }

    proptest! {
        #[test]
        fn neither_the_newest_whole_one_nor_the_last_of_all_ever_goes(
            backups in prop::collection::vec(candidate(), 0..60),
            now in 0_i64..4_000_000_000,
            policy in (0_usize..9, 0_usize..9, 0_usize..9),
        ) {
            let policy = Policy { daily: policy.0, weekly: policy.1, monthly: policy.2 };
            let gone = may_go(&backups, policy, Timestamp::from_second(now).unwrap());
            prop_assert!(gone.is_sorted() && gone.iter().all(|n| *n < backups.len()));
            let left: Vec<_> = (0..backups.len()).filter(|n| !gone.contains(n)).collect();
            prop_assert_eq!(backups.is_empty(), left.is_empty());
            let of_all = |of: &[usize]| of.iter().map(|n| backups[*n].made_at).max();
            let whole = |of: &[usize]| {
                let whole = of.iter().filter(|n| backups[**n].is_whole && !backups[**n].is_before_migration);
                whole.map(|n| backups[*n].made_at).max()
            };
            let all: Vec<_> = (0..backups.len()).collect();
            prop_assert_eq!(of_all(&all), of_all(&left));
            prop_assert_eq!(whole(&all), whole(&left));
            prop_assert!(gone.iter().all(|n| backups[*n].made_at.as_second() <= now));
        }

        #[test]
        fn what_may_go_goes_at_once(
            backups in prop::collection::vec(candidate(), 0..40),
            now in 0_i64..4_000_000_000,
        ) {
            let now = Timestamp::from_second(now).unwrap();
            let once = left(&backups, POLICY, now);
            prop_assert_eq!(may_go(&once, POLICY, now), Vec::<usize>::new());
        }
    }
}
