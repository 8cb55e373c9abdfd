//! The integration tests: real PostgreSQL, real Redis, real audio files, the real router. One binary, so that the
//! database cluster is made once; each test has a database, a music folder and a Redis prefix of its own.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop here")]

mod harness;

mod access;
mod adopt;
mod artwork;
mod archives;
mod arrivals;
mod auth;
mod backup;
mod cli;
mod collection;
mod contract;
mod conduct;
mod control;
#[cfg(feature = "failpoints")]
mod crash;
mod destinations;
mod downloads;
mod drill;
mod enrich;
mod enrichment;
mod edits;
mod events;
mod exports;
mod exports_on_drives;
mod exports_return;
#[cfg(feature = "failpoints")]
mod faults;
mod fingerprint;
mod first_version;
mod health;
mod hearts;
mod identify;
mod imports;
mod integrity;
mod jobs;
#[cfg(feature = "failpoints")]
mod killed;
#[cfg(feature = "failpoints")]
mod keeping;
mod library;
mod lidarr;
mod lifecycle;
mod messages;
mod metrics;
mod migrations;
mod music_backup;
mod notices;
mod openid;
mod pages;
mod players;
mod preview;
mod queue;
mod releases;
mod reports;
mod restore;
mod review;
mod routes;
#[cfg(feature = "failpoints")]
mod model;
mod rescan;
mod search;
mod server;
mod services;
mod settings;
mod shelf;
mod shops;
mod sources;
mod sql;
mod tidy;
mod tokens;
mod totals;
mod tracker;
mod trash;
mod upgrade;
mod uploads;
mod verdicts;
mod watch;
#[cfg(feature = "failpoints")]
mod yard;
