//! The listening sockets that systemd holds for us.

use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};

use nix::sys::socket::{AddressFamily, SockaddrLike, SockaddrStorage, getsockname, getsockopt, sockopt};

/// A socket that the service manager opened and passed to us.
#[derive(Debug)]
pub struct PassedSocket {
    /// The socket; ours from here on.
    pub fd: OwnedFd,
    /// `FileDescriptorName=` of the socket unit.
    pub name: String,
}

/// Takes over what systemd passed (`LISTEN_FDS`), and removes the variables so that no child believes they are its own.
/// Empty when started by hand.
///
/// # Errors
/// When the variables contradict each other.
#[expect(
    unsafe_code,
    reason = "passed descriptors and the environment can only be taken over by unsafe calls"
)]
pub fn take_sockets() -> io::Result<Vec<PassedSocket>> {
    // SAFETY: `main` calls this first, before any thread exists that could read the environment; and each number is a
    // descriptor that systemd opened for us alone (LISTEN_PID was compared), wrapped here once and nowhere else.
    unsafe {
        let passed = sd_notify::listen_fds_with_names_and_unset_env()?;
        Ok(passed.map(|(fd, name)| PassedSocket { fd: OwnedFd::from_raw_fd(fd), name }).collect())
    }
}

/// A listener of ours, whoever opened it.
#[derive(Debug)]
pub enum Listener {
    /// For programs on this machine.
    Tcp(tokio::net::TcpListener),
    /// For nginx.
    Unix(tokio::net::UnixListener),
}

impl Listener {
    /// Tells what kind of socket was passed, and hands it to the runtime.
    ///
    /// # Errors
    /// When it is not a listening stream socket of a family that we serve.
    pub fn from_passed(fd: OwnedFd) -> io::Result<Self> {
        if !getsockopt(&fd.as_fd(), sockopt::AcceptConn)? {
            return Err(io::Error::other("the passed socket does not listen"));
        }
        let address: SockaddrStorage = getsockname(fd.as_raw_fd())?;
        match address.family() {
            Some(AddressFamily::Unix) => {
                let listener = std::os::unix::net::UnixListener::from(fd);
                listener.set_nonblocking(true)?;
                Ok(Self::Unix(tokio::net::UnixListener::from_std(listener)?))
            }
            Some(AddressFamily::Inet | AddressFamily::Inet6) => {
                let listener = std::net::TcpListener::from(fd);
                listener.set_nonblocking(true)?;
                Ok(Self::Tcp(tokio::net::TcpListener::from_std(listener)?))
            }
            family => Err(io::Error::other(format!("cannot serve a socket of family {family:?}"))),
        }
    }

    /// Its address, for the journal.
    pub fn name(&self) -> String {
        match self {
            Self::Tcp(listener) => listener.local_addr().map_or_else(|e| e.to_string(), |a| a.to_string()),
            Self::Unix(listener) => match listener.local_addr() {
                Ok(address) => address
                    .as_pathname()
                    .map_or_else(|| "an unnamed Unix socket".to_owned(), |p| p.display().to_string()),
                Err(error) => error.to_string(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn passed_sockets_are_told_apart_by_their_own_address() {
        let dir = tempfile::tempdir().unwrap();
        let unix = std::os::unix::net::UnixListener::bind(dir.path().join("api.sock")).unwrap();
        let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        assert!(matches!(Listener::from_passed(unix.into()).unwrap(), Listener::Unix(_)));
        assert!(matches!(Listener::from_passed(tcp.into()).unwrap(), Listener::Tcp(_)));
    }

    #[tokio::test]
    async fn a_socket_that_does_not_listen_is_refused() {
        let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        assert!(Listener::from_passed(ours.into()).is_err());
    }
}
