//! What catalogues in the world add to music that is here: words of songs (LRCLIB), covers (the Cover Art Archive), pictures
//! of artists (MusicBrainz, Wikimedia Commons). Owns `lyrics`, `picture_asked` and the `.lrc` files that it wrote.
//!
//! Invariants: asked at the pace that each service wants, whichever process asks; what a person put there is never
//! replaced; the process that asks hands over through the database, and the worker alone writes beside the music.

mod covers;
mod http;
mod lyrics;
mod portraits;
mod write_lyrics;

pub use covers::FetchCovers;
pub use http::routes;
pub use lyrics::FetchLyrics;
pub use portraits::FetchPortraits;
pub use write_lyrics::WriteLyrics;

use crate::error::Result;
use crate::imports::NoAnswer;
use crate::jobs::Outcome;

/// What becomes of a job whose question had no answer: a house without the internet is a house in order, and asks again
/// when the timetable or a person says so.
fn unanswered(why: NoAnswer) -> Result<Outcome> {
    match why {
        NoAnswer::Stopped => Ok(Outcome::Snooze(std::time::Duration::ZERO)),
        NoAnswer::Ours(error) => Err(error),
        NoAnswer::Trouble(trouble) => {
            Ok(Outcome::Cancel(format!("{}.", trouble.to_string().trim_end_matches('.'))))
        }
    }
}
