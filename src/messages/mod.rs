//! Messages to people about what needs them: by webhook, ntfy or mail, to whom it concerns and who wants to know. Owns
//! `message`, `message_target` and `message_waiting`.
//!
//! Invariants: what is to be told is written by triggers, in the transaction in which it happened; nobody is told of
//! another's things; a person gets at most one message a minute by each way, with all that has come together since; an
//! address that somebody made up leads no further than its owner may reach.

mod deliver;
mod http;
mod news;
mod target;
mod tell;
mod test;

pub use deliver::DeliverMessages;
pub use http::routes;
pub use tell::tell_unit_failed;
pub use test::TestTarget;
