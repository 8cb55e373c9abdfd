//! Root gives its rights away before it touches the database or the music: peer authentication knows the user barbossa,
//! and no file of root's appears among the music.

use std::ffi::CString;

use anyhow::Context;
use nix::unistd::{User, chdir, geteuid, initgroups, setgid, setuid};

use super::exit::{Status, failure};

/// The user of all units.
pub const SERVICE_USER: &str = "barbossa";
/// Names another user to become (empty: nobody), for tests and for a database that is somebody else's.
const VARIABLE: &str = "BARBOSSA_USER";

/// Becomes the service's user, for good, when this is root and there is such a user. Call it before there are threads.
pub fn become_service_user() -> anyhow::Result<()> {
    let name = std::env::var(VARIABLE).unwrap_or_else(|_| SERVICE_USER.to_owned());
    if !geteuid().is_root() || name.is_empty() {
        return Ok(());
    }
    let Some(user) = User::from_name(&name)? else { return Ok(()) };
    let groups = CString::new(name.as_str())?;
    initgroups(&groups, user.gid)
        .and_then(|()| setgid(user.gid))
        .and_then(|()| setuid(user.uid))
        .with_context(|| format!("cannot become the user {name}"))?;
    // The folder that we were started in may be one that only root may enter; the programs that we start would complain.
    chdir("/")?;
    Ok(())
}

/// For what only root may do: write to /etc.
pub fn require_root(what: &str) -> anyhow::Result<()> {
    if geteuid().is_root() {
        return Ok(());
    }
    Err(failure(Status::NotPermitted, format!("{what} needs root.")))
}
