//! Folders of one test run. Statics are never dropped and a killed run drops nothing, so each folder is
//! locked by its process, and the next run removes those whose lock is free.

use std::fs::{self, File};
use std::path::Path;

use tempfile::TempDir;

/// A folder that does not outlive the run, or at least not the next one.
pub struct Folder {
    folder: TempDir,
    _lock: File,
}

impl Folder {
    /// `place/prefixXXXXXX`.
    pub fn new(prefix: &str, place: &Path) -> Self {
        // One at a time, so that nobody sweeps what is about to be locked.
        let gate = File::create(std::env::temp_dir().join("barbossa-tests.lock")).unwrap();
        gate.lock().unwrap();
        sweep(prefix, place);
        let folder = tempfile::Builder::new().prefix(prefix).tempdir_in(place).unwrap();
        let lock = File::open(folder.path()).unwrap();
        lock.lock().unwrap();
        Self { folder, _lock: lock }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }
}

fn sweep(prefix: &str, place: &Path) {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    for entry in entries.filter(|e| e.file_name().to_str().is_some_and(|name| name.starts_with(prefix))) {
        if File::open(entry.path()).is_ok_and(|folder| folder.try_lock().is_ok()) {
            // Its servers may be about to end; then the next run has another try.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[test]
fn what_an_ended_run_left_is_swept_and_what_is_in_use_stays() {
    let place = tempfile::tempdir().unwrap();
    let used = Folder::new("barbossa-x-", place.path());
    let left = place.path().join("barbossa-x-left");
    fs::create_dir(&left).unwrap();
    fs::write(left.join("a file"), "").unwrap();
    let others = place.path().join("barbossa-y-1");
    fs::create_dir(&others).unwrap();
    let next = Folder::new("barbossa-x-", place.path());
    assert!(!left.exists() && others.exists());
    assert!(used.path().exists() && next.path().exists());
}
