//! What somebody drops onto a page: files that come piece by piece over any line, each from where it broke off, then into
//! the inbox as one folder. Owns `upload`, `upload_file` and `/var/lib/barbossa/uploads`.
//!
//! The pieces follow the tus protocol, version 1.0.0 (tus.io/protocols/resumable-upload), core, creation and termination.
//! The api writes them into a folder of its own, since it may not write music; when the last byte of the last file is
//! there, a job of the worker takes them over: zips are taken apart, and all of it appears in the inbox by one rename.
//!
//! Invariants: what is counted as received lies durably on the disk; nothing appears in the inbox in parts; an upload that
//! nobody goes on with is forgotten after a day.

mod expire;
mod http;
mod names;
mod receive;
mod take;
mod upload;

pub use expire::Expire;
pub use http::routes;
pub use take::Take;
