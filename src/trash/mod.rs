//! What was replaced, deleted or came twice. Owns `trash` and `MUSIC_PATH/.trash`.
//!
//! Invariants: nothing is ever deleted straight; each file in the trash has a row that says where it was, so that it can
//! be brought back as a whole; only what is older than `trash.keep_days` is removed for good.

mod entry;

pub use entry::{File, Kind, NewEntry, forget, put};
