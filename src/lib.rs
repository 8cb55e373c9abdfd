//! Barbossa: one household, one music collection, everyone's own library.
//!
//! The modules stand in the order of the staircase (see `ARCHITECTURE.md`): each may use those above it in
//! this file, and none below. `tests/it/tidy.rs` holds that rule.

// -- ground: knows nothing of music libraries
/// Every setting: key, default, meaning; loaded and checked once.
pub mod config;
/// What a room may answer when it cannot; the one map to HTTP status.
pub mod error;
/// What a client sends: body, query, path; refused in our own words.
pub mod input;
/// What a client gets: the shapes that several rooms answer with.
pub mod answer;
/// Logs and spans, to the journal or to a terminal; set up before anything can fail.
pub mod telemetry;
/// Signals in, readiness out: start, drain, stop, watchdog, passed sockets.
pub mod lifecycle;
/// Runs an outside program with a deadline; kills its process group when dropped.
pub mod process;
/// Link, copy, durable rename, safe resolve beneath a root.
pub mod files;
/// The same work on many files, on several threads.
pub mod parallel;
/// What is inside a sound file: tags, quality, essence.
pub mod audio;
/// What a picture is; made square, made small.
pub mod picture;
/// Pool, transaction, constraint names, migrations and their runner, notifications.
pub mod db;
/// Redis, which may vanish at any moment: limits and fan-out with a bound on every call.
pub mod cache;

// -- gate: other people's programs, in their own words
/// MusicBrainz, AcoustID, the sources of music: what is asked, and what the answers say.
pub mod integrations;

// -- hall: what every room shares
/// `App`: settings, pool, clock; built once per process.
pub mod app;
/// A secret on its way from one process to another.
pub mod errand;
/// Users, sessions, and who may do what.
pub mod auth;
/// `publish` at commit; relay to WebSockets.
pub mod events;
/// Enqueue, lease, run, back off, rescue.
pub mod jobs;
/// Who did what.
pub mod activity;
/// The household's people, as an admin sees them.
pub mod members;
/// Logging in at an OpenID provider.
pub mod openid;
/// Which outside programs and services there are, and how each of them is.
pub mod sources;

// -- rooms, nearest to the data first
/// Artists, albums, tracks, search, artwork, streaming.
pub mod library;
/// Who loves what; the users' trees.
pub mod hearts;
/// What was replaced or deleted, and the way back.
pub mod trash;
/// Names, tags and pictures, changed by people; and the way back.
pub mod edits;
/// The one way in.
pub mod imports;
/// What catalogues add to music that is here: lyrics, covers, pictures of artists.
pub mod enrichment;
/// Lidarr, which looks for albums.
pub mod lidarr;
/// TorrentLeech, for recordings that the family may share.
pub mod tracker;
/// Players that show the same music, told of what changed.
pub mod players;
/// What somebody drops onto a page, piece by piece.
pub mod uploads;
/// Files held against their checksums; damages and the ways back.
pub mod integrity;
/// Music from elsewhere: asked for, fetched, handed over to the imports.
pub mod downloads;
/// A user's library on a drive of their own, verified.
pub mod exports;
/// Copies proven to be readable.
pub mod backups;
/// What people are told of, and how.
pub mod messages;
/// What an admin may change while it runs.
pub mod settings;
/// Alive, ready, and how the parts are.
pub mod health;
/// What a monitor reads: requests as they are served, and the house in numbers.
pub mod metrics;

// -- roof: which process am I today?
/// Api, worker, beat, watcher, command line: wiring and nothing else.
pub mod roles;
