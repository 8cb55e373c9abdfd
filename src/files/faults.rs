//! Makes the file system refuse, or the process seem to die, at any call that a test chooses. Only with the feature
//! `failpoints`: each call of ours to the file system passes here, and those beneath one root are counted.

use std::io;
use std::panic::resume_unwind;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What happens at the chosen call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing: calls are only counted.
    None,
    /// It fails with this error of errno(3), once.
    Refuse(i32),
    /// Neither it nor any later one happens.
    Death,
}

struct Armed {
    root: PathBuf,
    fault: Fault,
    at: usize,
    calls: Vec<String>,
    is_dead: bool,
}

static ARMED: Mutex<Vec<Armed>> = Mutex::new(Vec::new());
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// From now on calls beneath `root` are counted, from 0, and the one with the number `at` meets its fault.
pub fn arm(root: &Path, at: usize, fault: Fault) {
    disarm(root);
    let armed = Armed { root: root.to_owned(), fault, at, calls: Vec::new(), is_dead: false };
    if let Ok(mut all) = ARMED.lock() {
        all.push(armed);
        COUNT.store(all.len(), Ordering::Release);
    }
}

/// Back to normal; the calls that were counted, each as `what path`.
pub fn disarm(root: &Path) -> Vec<String> {
    let Ok(mut all) = ARMED.lock() else { return Vec::new() };
    let at = all.iter().position(|armed| armed.root == root);
    let calls = at.map(|at| all.swap_remove(at).calls).unwrap_or_default();
    COUNT.store(all.len(), Ordering::Release);
    calls
}

/// A call that is about to be made.
///
/// # Errors
/// The chosen one.
pub fn pass(what: &str, path: &Path) -> io::Result<()> {
    if COUNT.load(Ordering::Acquire) == 0 {
        return Ok(());
    }
    let is_dead = {
        let Ok(mut all) = ARMED.lock() else { return Ok(()) };
        let Some(armed) = all.iter_mut().find(|armed| path.starts_with(&armed.root)) else { return Ok(()) };
        let n = armed.calls.len();
        armed.calls.push(format!("{what} {}", path.display()));
        match armed.fault {
            Fault::Refuse(error) if n == armed.at => return Err(io::Error::from_raw_os_error(error)),
            Fault::Death => armed.is_dead |= n == armed.at,
            _ => {}
        }
        armed.is_dead
    };
    if is_dead {
        // Without the hook that would print it: this is no mistake.
        resume_unwind(Box::new("the process is dead, says a test"));
    }
    Ok(())
}
