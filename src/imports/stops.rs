//! Places between two steps where a test may stop an import. A program without the feature `failpoints` has none.

/// A test stopped here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stopped by a test")]
pub struct Stopped;

/// Such a place. `source`, the import's folder, keeps the tests apart.
///
/// # Errors
/// Only when a test wants it.
pub fn here(step: &'static str, source: &str) -> Result<(), Stopped> {
    #[cfg(feature = "failpoints")]
    {
        tests_pass::note(step, source);
        fail::fail_point!(&format!("{step} {source}"), |_| Err(Stopped));
    }
    // What a program without the feature knows of it.
    let _ = (step, source);
    Ok(())
}

#[cfg(feature = "failpoints")]
pub use tests_pass::passed;

#[cfg(feature = "failpoints")]
mod tests_pass {
    use std::sync::Mutex;

    static PASSED: Mutex<Vec<(&'static str, String)>> = Mutex::new(Vec::new());

    pub fn note(step: &'static str, source: &str) {
        if let Ok(mut passed) = PASSED.lock() {
            passed.push((step, source.to_owned()));
        }
    }

    /// The places that an import of this folder has passed, in order, as often as it did.
    pub fn passed(source: &str) -> Vec<&'static str> {
        let passed = PASSED.lock().map(|p| p.clone()).unwrap_or_default();
        passed.into_iter().filter(|(_, s)| s == source).map(|(step, _)| step).collect()
    }
}
