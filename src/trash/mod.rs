//! What was replaced, deleted or came twice. Owns `trash` and `MUSIC_PATH/.trash`.
//!
//! Invariants: nothing is ever deleted straight; each file in the trash has a row that says where it was, so that it can
//! be brought back as a whole; only what is older than `trash.keep_days`, or what an admin removes, goes for good; what
//! has no row is never removed.

mod delete;
mod disk;
mod entry;
mod http;
mod list;
mod places;
mod remove;
mod restore;
mod swap;

pub use delete::{Delete, Thing, delete, name_of};
pub use entry::{Entry, File, Kind, NewEntry, State, forget, put};
pub use http::routes;
pub use list::{Item, ItemDetail, Items, Wanted, find, list};
pub use remove::{Expire, Remove, empty, remove};
pub use restore::{Restore, restore, restore_now, take_out};
pub use swap::finish_all as finish_swaps;

use std::time::Duration;

use crate::app::App;
use crate::error::{Error, Result};
use crate::jobs::Outcome;
use crate::library::ensure_music_is_there;

/// How long to wait for a disk that is away.
const MOUNT_PAUSE: Duration = Duration::from_secs(60);

/// What to answer as long as the music is away; nothing is concluded from a disk that is not mounted.
async fn wait_for_music(app: &App) -> Result<Option<Outcome>> {
    match ensure_music_is_there(app).await {
        Ok(()) => Ok(None),
        Err(Error::Unavailable(why)) => {
            tracing::error!("the trash is not touched: {why}");
            Ok(Some(Outcome::Snooze(MOUNT_PAUSE)))
        }
        Err(error) => Err(error),
    }
}
