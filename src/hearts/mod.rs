//! Who loves what, and the users' own libraries: `users/NAME/` holds real files of just what that user has hearted, as
//! hard links to the master library. Owns `heart`, `user_link`, `link_pending` and `MUSIC_PATH/users`.
//!
//! Invariants: a user's folder is a function of (hearts, master library): same relative paths, same inodes; what changes
//! the rows leaves a note in `link_pending` in the same transaction (triggers), and the job makes the folder follow;
//! only links that we made are ever replaced or removed, and never the last name of a file with music in it.
//!
//! What a heart means: one on an album covers all its tracks, also later ones. Hearts on single tracks stand beside it
//! and stay when it goes. Hearting the last missing track of a complete album turns the track hearts into one on the
//! album; taking the heart from a track of a hearted album turns it into hearts on the other tracks. A heart on an
//! artist (following) hearts all albums, and later ones as they come (`follow`).

mod audit;
mod bring_back;
mod heart;
mod http;
mod last;
mod mine;
mod reconcile;
mod restore;
mod step;
mod tree;

pub use audit::{AuditLinks, audit, relink_album};
pub use bring_back::bring_back;
pub use heart::{Merger, follow, follow_all, keep_with_tracks, merge_artists, part_artists, stand_still};
pub use http::routes;
pub use reconcile::{ReconcileLinks, extras};
pub use restore::{Loved, restore_following, restore_hearts};
