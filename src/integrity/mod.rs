//! Every file is read again within its period and held against its checksum; what is not as it was is named, told apart
//! and given its ways back. Owns `verification` and
//! `integrity_count`.
//!
//! Invariants: a file is called damaged only after two readings agree and its row has not changed meanwhile; a repair
//! puts a proven copy in its place and the damaged file into the trash, never over it; a file that somebody has written
//! to is judged by the rescan, not here.

mod check;
mod damages;
mod fetch_copy;
mod http;
mod repair;
mod summary;
mod verify_slice;

pub use damages::{Damage, Way, damages};
pub use fetch_copy::FetchGoodCopy;
pub use http::routes;
pub use repair::{Repair, accept};
pub use summary::{Summary, summary};
pub use verify_slice::{Scope, VerifySlice};
