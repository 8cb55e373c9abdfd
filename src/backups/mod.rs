//! Copies that are proven to be restorable. Owns `backup`, `backup_copy`, `restore_drill`, `music_backup`,
//! `music_copy`, and what lies in `backup_dir`, at `backup.destinations` and in `backup.music_repository`.
//!
//! A backup is a folder: the database as it was at one instant, the settings, the secrets under the admin's own keys, the
//! pictures and lyrics beside the music, and a manifest with the checksum of each.
//!
//! Invariants: what has a backup's name is whole, flushed to the disk and was read to its end before it got that name;
//! what is let go loses its name first. Which may go, `retention` alone says, and it is asked only when a new one is whole.

mod contents;
mod copies;
mod drill;
mod file;
mod http;
mod make;
mod make_backup;
mod manifest;
mod music;
mod music_rows;
mod record;
mod restore;
mod retention;
mod scratch;
mod send;
mod snapshot;
mod to_folder;
mod to_remote;
mod tools;
mod verify;

pub use contents::{KeptSettings, kept_settings, open_secrets};
pub use copies::{Copy, DestinationState, destinations};
pub use drill::{DrillStep, Drilled, drill};
pub use file::{Found, on_disk};
pub use http::routes;
pub use make::{Made, Purpose, Step, run};
pub use make_backup::MakeBackup;
pub use manifest::{Manifest, Part};
pub use music::{MusicMade, MusicStep, back_up_music, restore_music, verify_music};
pub use music_rows::{MusicRun, MusicState, music_state};
pub use record::{Backup, Drill, Proof, list, proof};
pub use restore::{Beside, Settled, restore_beside, settle_after, take_in};
pub use send::{Carried, Sent, fetch, list_at, send};
pub use to_folder::MARKER;
pub use tools::{Connection, Tools};
pub use verify::{Verdict, Whole, check, find, verify};
