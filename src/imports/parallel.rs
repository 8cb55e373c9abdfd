//! The same work on many files, on as many threads as there are processors.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// How many threads read at once: more would only wait for the same disk.
pub fn readers() -> usize {
    thread::available_parallelism().map_or(2, usize::from).min(8)
}

/// `work` on each item; the results in the items' order. Blocks.
pub fn each<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<R>>> = Mutex::new(items.iter().map(|_| None).collect());
    thread::scope(|scope| {
        for _ in 0..readers().min(items.len()) {
            scope.spawn(|| {
                while let Some((n, item)) =
                    { Some(next.fetch_add(1, Ordering::Relaxed)) }.and_then(|n| Some((n, items.get(n)?)))
                {
                    let result = work(item);
                    results.lock().unwrap_or_else(std::sync::PoisonError::into_inner)[n] = Some(result);
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    // A panic in `work` has already gone up through the scope.
    results.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_item_once_in_order() {
        let items: Vec<u32> = (0..1000).collect();
        assert_eq!(each(&items, |n| n * 2), items.iter().map(|n| n * 2).collect::<Vec<_>>());
        assert!(each::<u32, u32>(&[], |n| *n).is_empty());
    }
}
