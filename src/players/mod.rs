//! Players that show the same music: Plex, Jellyfin and Navidrome are told of the folders in which something changed. Owns
//! `player_folder`.
//!
//! Invariants: whoever changes a track's row, the triggers on it remember its folder; a folder is forgotten when every
//! player that is set up was told of it, or after a day; a player that is away holds up neither music nor other players.

mod ask;
mod http;
mod player;
mod tell;

pub use ask::AskPlayer;
pub use http::routes;
pub use player::Player;
pub use tell::TellPlayers;
