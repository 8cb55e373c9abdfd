//! Copies that are proven to be restorable. Owns `backup`, `restore_drill` and what lies in `backup_dir`.
//!
//! A backup is a folder: the database as it was at one instant, the settings, the secrets under the admin's own keys, the
//! pictures and lyrics beside the music, and a manifest with the checksum of each.
//!
//! Invariants: what has a backup's name is whole, flushed to the disk and was read to its end before it got that name;
//! what is let go loses its name first. Which may go, `retention` alone says, and it is asked only when a new one is whole.

mod contents;
mod drill;
mod file;
mod http;
mod make;
mod make_backup;
mod manifest;
mod record;
mod restore;
mod retention;
mod scratch;
mod snapshot;
mod tools;
mod verify;

pub use contents::{KeptSettings, kept_settings, open_secrets};
pub use drill::{DrillStep, Drilled, drill};
pub use file::{Found, on_disk};
pub use http::routes;
pub use make::{Made, Purpose, Step, run};
pub use make_backup::MakeBackup;
pub use manifest::{Manifest, Part};
pub use record::{Backup, Drill, Proof, list, proof};
pub use restore::{Beside, Settled, restore_beside, settle_after, take_in};
pub use tools::{Connection, Tools};
pub use verify::{Verdict, Whole, check, find, verify};
