//! What a user loves, as files of their own: on a drive, verified, or as one zip. Owns `export`, and `MUSIC_PATH/export`.
//!
//! Invariants: an export reads the library and changes nothing of it; it writes beneath the roots that the admin allows,
//! on a drive that is there; no file of somebody else is overwritten or deleted; a file has its name only when it was
//! read back from the drive and is what it should be; what is there and right is not written again.

mod choose;
mod drive;
mod encode;
mod export;
mod http;
mod layout;
mod manifest;
mod names;
mod place;
mod restore;
mod run;
mod settle;
mod work;
mod zip;

pub use export::{Export, NewExport, cancel, create, find, list, resume};
pub use http::routes;
pub use layout::{Format, Wants};
pub use place::{ROOT_MARKER, resolve, roots};
pub use restore::{Restore, is_export};
pub use run::RunExport;
