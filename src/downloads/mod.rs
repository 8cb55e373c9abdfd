//! Music from elsewhere: asked for, fetched, handed over to the imports. Owns `download`, `download_pace`, and what is not whole yet beneath
//! `MUSIC_PATH/downloads`.
//!
//! Invariants: only the role that reaches the internet fetches; a folder has its visible name when all of it is there, and
//! not before, so that nobody imports half an album; one thing is fetched once at a time, and not at all when the library
//! has it; what somebody asked for ends in a state with a sentence, whatever becomes of the source, the program or us.

mod ask;
mod catalogue;
mod collection;
mod download;
mod fetch;
mod filling;
mod gaps;
mod http;
mod place;
mod settle;
mod tidy;
mod turn;
mod unified;

pub use ask::LookAtAddress;
pub use catalogue::AskCatalogue;
pub use collection::SyncBandcamp;
pub use download::{Download, NewDownload, create, find};
pub use fetch::FetchDownload;
pub use gaps::FillGaps;
pub use http::routes;
pub use settle::SettleDownload;
pub use tidy::TidyDownloads;
pub use turn::most_at_once;
