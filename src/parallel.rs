//! Work on files off the threads that answer requests: one thing on a thread of its own; or the same work on many files,
//! on several threads, all results at the end or each as it comes.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::error::Result;

/// Results that wait to be taken, until the threads wait too.
const AHEAD: usize = 512;

/// Work on the disk, on a thread that may wait.
///
/// # Errors
/// `Internal` when it panics.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
    Ok(tokio::task::spawn_blocking(work).await.map_err(anyhow::Error::from)?)
}

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
                    results.lock().unwrap_or_else(PoisonError::into_inner)[n] = Some(result);
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_else(PoisonError::into_inner);
    // A panic in `work` has already gone up through the scope.
    results.into_iter().flatten().collect()
}

/// `work` on each item, in their order, on so many threads; each result as soon as it is there. It ends when all is
/// done, when `stop` says so, or when nobody takes the results any more.
pub fn stream<T: Send + 'static, R: Send + 'static>(
    items: Vec<T>,
    threads: usize,
    stop: CancellationToken,
    work: impl Fn(T) -> R + Send + Sync + 'static,
) -> mpsc::Receiver<R> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    let shared = Arc::new((Mutex::new(items.into_iter()), work));
    for _ in 0..threads.max(1) {
        let (shared, sender, stop) = (shared.clone(), sender.clone(), stop.clone());
        tokio::task::spawn_blocking(move || {
            let (items, work) = &*shared;
            let next = || items.lock().unwrap_or_else(PoisonError::into_inner).next();
            while !stop.is_cancelled()
                && let Some(item) = next()
            {
                if sender.blocking_send(work(item)).is_err() {
                    return;
                }
            }
        });
    }
    receiver
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

    #[tokio::test]
    async fn a_stream_gives_each_result_once_and_ends_when_it_is_told_to() {
        let mut results = stream((0..2000_u32).collect(), 3, CancellationToken::new(), |n| n * 2);
        let mut got = Vec::new();
        while let Some(result) = results.recv().await {
            got.push(result);
        }
        got.sort_unstable();
        assert_eq!(got, (0..2000).map(|n| n * 2).collect::<Vec<_>>());
        let stop = CancellationToken::new();
        stop.cancel();
        assert_eq!(stream(vec![1], 1, stop, |n| n).recv().await, None);
    }
}
