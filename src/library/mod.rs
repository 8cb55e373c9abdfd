//! The master library: artists, albums, tracks, search, artwork, streaming. Owns `library`, `artist`, `album`, `track` and `MUSIC_PATH/artists`.

mod new;

pub use new::{NewAlbum, NewTrack};
