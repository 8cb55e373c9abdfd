//! The master library: artists, albums, tracks, search, artwork, streaming. Owns `library`, `artist`, `album`, `track`,
//! `damage` and `MUSIC_PATH/artists`.
//!
//! Invariants: paths in the rows are relative to MUSIC_PATH, lie beneath `artists/` and are opened beneath it and
//! nowhere else; a row keeps its id whatever is recorded again; totals are kept by triggers and never counted; no name
//! folds to nothing.

mod album;
mod artist;
mod artwork;
mod complete;
mod filing;
mod damage;
mod duplicates;
mod examine;
mod http;
mod incomplete;
mod judge;
mod lookup;
mod mount;
mod naming;
mod new;
mod news;
mod page;
mod preview;
mod provenance;
mod read_essences;
mod record;
mod revise;
mod relocate;
mod removal;
mod reports;
mod replace;
mod search;
mod serve;
mod shelf;
mod space;
mod statistics;
mod stream;
mod thumbnails;
mod track;

pub use album::{Album, AlbumDetail, Albums};
pub use artist::{Artist, Artists};
pub use artwork::{Sitter, set_artwork};
pub use complete::{Known, complete};
pub use damage::{Ending, NewDamage, end_damage, report_damage};
pub use duplicates::{Group, Place, Why, duplicates};
pub use examine::{examine, modified_us};
pub use filing::{album_folder, artist_folder, file_numbered, folder_numbered, free_name, track_file_name};
pub use http::{SearchQuery, routes};
pub use incomplete::{Incomplete, Missing, incomplete, incomplete_album};
pub use judge::{DamageKind, Expected, Reading, Verdict, judge};
pub use lookup::{
    ExistingAlbum, ExistingTrack, KnownEssence, Likeness, TwinQuery, find_twin, tracks_with_essence,
};
pub use mount::ensure_music_is_there;
pub use naming::{identity_key, quality_display, search_terms, sort_key};
pub use new::{NewAlbum, NewTrack};
pub use news::{Action, tell_updated};
pub use page::{Asked, Cursor, Page, PageQuery, json, number};
pub use preview::MakePreview;
pub use provenance::{AlbumProvenance, Arrival, TrackProvenance, note_arrival, restore_provenance};
pub use read_essences::ReadEssences;
pub use record::{Recorded, record};
pub use relocate::{
    Move, RenewedFile, forget_empty_albums, forget_reading, forget_tracks, mark_missing, mark_present,
    move_albums, move_tracks, renew_file,
};
pub use removal::{
    Returned, Returning, Standing, bring_back, lock_for_removal, remove_artist_without_albums, remove_tracks,
    return_files,
};
pub use replace::{Replaced, album_stands, replace_files};
pub use revise::{AlbumRow, ArtistRow, Rows, TrackRow, revise};
pub use search::{Found, Kind, Local, local, search};
pub use shelf::{Shelf, ShelfQuery};
pub use space::{NoteSpace, Space, space};
pub use thumbnails::{MakeThumbnails, THUMBS, put_off_thumbnails, thumbnails_are_due};
pub use track::{Track, Tracks};
