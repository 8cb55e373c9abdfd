//! The one way in. Owns `import`, `import_picture`, `MUSIC_PATH/import` and what arrives in `MUSIC_PATH/downloads`.
//!
//! A folder walks through stations, each of which takes the previous one's type: settle → read → identify → decide →
//! plan → stage → publish → record → retire. Invariants: nothing enters `artists/` but through here; the plan is in the database
//! before the disk changes; an album appears whole or not at all; a source's name goes only after the library's rows
//! know the file's new one; whatever waits has a reason that a person can read.

mod adopt;
mod carry;
mod cue;
mod decide;
mod draw;
mod ears;
mod enrich;
mod fingerprint;
mod fit;
pub mod http;
mod identify;
mod import;
mod import_release;
mod inbox;
mod known;
mod lookup;
mod loose;
mod missing;
mod names;
mod picture;
mod place;
mod place_asked;
mod plan;
mod read;
mod record;
mod returned;
mod review;
mod review_http;
mod settle;
mod show;
pub mod show_http;
mod split;
mod subject;
mod stops;
mod sweep;
mod tree;
mod undo;
mod unpack;
mod verdict;
mod watch;

pub use adopt::{Adopt, PreviewAdoption, Report as AdoptReport};
pub use enrich::Enrich;
pub use fingerprint::Fingerprint;
pub use identify::{Evidence, RunnerUp, Witness};
pub use import_release::ImportRelease;
pub use inbox::{is_importable, source_of};
pub use known::{Known, KnownTrack, bring};
pub use lookup::{Lookups, NoAnswer};
pub use loose::{SortLoose, folder_name};
pub use missing::missing_of;
pub use returned::ReturnFromTrash;
pub use review::{Review, ReviewDetail, state_of};
pub use show::{Asked, Shown};
#[cfg(feature = "failpoints")]
pub use stops::passed;
pub use sweep::{Sweep, sweep};
pub use undo::{UndoApproval, undo};
pub use verdict::{Approval, WhenThere, approve, put_back, reject};
pub use watch::{Mode, Status as WatchStatus, Watch};

use crate::app::App;
use crate::db::Sql;
use crate::error::Result;
use crate::files;

const LIBRARY: &str = "select id from library";

/// Whether the music folder is the one that this database belongs to; else the alarm, as a sentence. A folder whose
/// disk is not mounted looks empty, and nothing may be concluded from it.
pub async fn require_library(app: &App) -> Result<Result<(), String>> {
    let expected: uuid::Uuid = app.db.get().await?.row(LIBRARY, &[]).await?.get(0);
    let music = app.music().to_owned();
    let found =
        tokio::task::spawn_blocking(move || files::read_marker(&music)).await.map_err(anyhow::Error::from)?;
    Ok(match found {
        Ok(Some(id)) if id == expected => Ok(()),
        Ok(Some(_)) => {
            Err(format!("{} belongs to another library (its marker says so)", app.music().display()))
        }
        Ok(None) => {
            Err(format!("the library's marker is missing in {}: is the disk mounted?", app.music().display()))
        }
        Err(e) => Err(format!("the library's marker in {} could not be read: {e}", app.music().display())),
    })
}
