//! Whether somebody has a file open for writing, by asking for a read lease: fcntl(2), `F_SETLEASE`.

use std::fs::OpenOptions;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::errno::Errno;
use nix::libc;

/// Which signal tells that a lease is in somebody's way; `linux/fcntl.h`, the same on every architecture of Debian.
const F_SETSIG: i32 = 10;

/// Whether a program has the file open for writing. `None` when the kernel does not tell: a file of another user, a file
/// system without leases, a file that cannot be read.
pub fn is_being_written(path: &Path) -> Option<bool> {
    let flags = libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_CLOEXEC;
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).ok()?;
    #[expect(
        unsafe_code,
        reason = "no crate wraps leases; the descriptor is ours and open, the argument a number"
    )]
    let fcntl =
        |command, argument: i32| unsafe { Errno::result(libc::fcntl(file.as_raw_fd(), command, argument)) };
    // Who opens the file while the lease is held makes the kernel signal us: with SIGURG, which is ignored unless it is
    // asked for; SIGIO, the default, would end the process.
    fcntl(F_SETSIG, libc::SIGURG).ok()?;
    match fcntl(libc::F_SETLEASE, libc::F_RDLCK) {
        // Given back at once, and in any case when the file is closed.
        Ok(_) => fcntl(libc::F_SETLEASE, libc::F_UNLCK).ok().map(|_| false),
        Err(Errno::EAGAIN) => Some(true),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::File;

    #[test]
    fn a_file_is_being_written_while_somebody_has_it_open_for_that() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("song.flac");
        let writer = File::create(&path).unwrap();
        assert_eq!(is_being_written(&path), Some(true));
        drop(writer);
        let reader = File::open(&path).unwrap();
        assert_eq!(is_being_written(&path), Some(false));
        drop(reader);
        assert_eq!(is_being_written(&dir.path().join("nothing")), None);
        // The lease was given back: nobody has to wait for it.
        assert!(OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(&path).is_ok());
    }
}
