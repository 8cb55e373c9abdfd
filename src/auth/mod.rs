//! Users, sessions, and who may do what. Owns `app_user`, `session`, `api_token`.
//!
//! Invariants: a password is only ever kept as an Argon2id hash, a token only as its SHA-256; ending a session works at
//! once in every process; at least one admin remains; `access.rs` alone decides whether a request may pass.

pub mod access;
mod client;
pub mod http;
mod name;
mod password;
mod proxy;
mod rate;
mod session;
mod throttle;
mod ticket;
mod token;
mod user;

pub use access::{AS_USER, Admin, By, InPerson, Person, User};
pub use client::Client;
pub use name::{name_key, valid_name};
pub use rate::{Allowance, Meter};
pub use session::{
    Session, end_other_sessions, end_session, end_sessions_of, find_by_token, forget_expired_sessions,
    forget_remembered, sessions_of, start_session,
};
pub use ticket::{Purpose, Ticket, issue_ticket, user_of_ticket};
pub use token::{ApiToken, NewToken, Scope, issue_token, revoke_token, tokens_of};
pub use user::{
    Account, NewUser, Verdict, create_user, find_user, find_user_by_name, remove_user, set_admin,
    set_password, users, verify,
};
