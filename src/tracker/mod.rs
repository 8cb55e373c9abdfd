//! TorrentLeech, for admins who may share a recording: is a release there, make its `.torrent` and NFO, upload them. Owns
//! `tracker_upload`.
//!
//! Invariants: nothing is uploaded but on an admin's word, given for this very upload, that the family holds the right to
//! share the recording; that word is in the activity log before anything is sent; without a key nothing is asked.

mod ask;
mod http;
mod nfo;
mod upload;

pub use ask::CheckRelease;
pub use http::routes;
pub use upload::UploadRelease;

use secrecy::SecretString;

use crate::config::Settings;
use crate::integrations::{Trouble, torrentleech};

/// Said when there is no key.
const OFF: &str = "it is off: there is no credential barbossa.torrentleech-key";

fn key(settings: &Settings) -> Result<SecretString, Trouble> {
    let off = || Trouble::Refused(torrentleech::NAME, OFF.into());
    settings.secrets.torrentleech_key.clone().ok_or_else(off)
}
