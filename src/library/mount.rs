//! Whether the music that the rows speak of is really there: a marker file in MUSIC_PATH carries the library's id.
//!
//! A disk that is not mounted looks like an empty folder. Missing is not deleted: whoever would change files or rows by
//! what he finds on the disk asks here first.

use std::time::Duration;

use uuid::Uuid;

use crate::app::App;
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::files;

/// A network mount that hangs must not hold a request for ever.
const PATIENCE: Duration = Duration::from_secs(5);

const LIBRARY: &str = "select id from library";

/// Fine when MUSIC_PATH holds this library.
///
/// # Errors
/// `Unavailable` when the marker is missing, is another library's, or cannot be read.
pub async fn ensure_music_is_there(app: &App) -> Result<()> {
    let library: Uuid = app.db.get().await?.row(LIBRARY, &[]).await?.get(0);
    let music = app.music().to_owned();
    let reading = tokio::task::spawn_blocking(move || files::read_marker(&music));
    match tokio::time::timeout(PATIENCE, reading).await {
        Ok(Ok(Ok(Some(found)))) if found == library => Ok(()),
        Ok(Ok(Ok(Some(_)))) => Err(Error::Unavailable("The music folder holds another library.")),
        _ => Err(Error::Unavailable("The music folder is away.")),
    }
}
