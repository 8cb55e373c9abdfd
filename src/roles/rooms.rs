//! What the rooms bring along: their routes, their jobs, their times. A new room is added here, and nowhere else.

use axum::Router;

use crate::app::App;
use crate::jobs::{self, Registry, schedule::Timed};
use crate::{activity, auth, hearts, library, members};

/// Beneath `/api`.
pub(super) fn routes() -> Router<App> {
    Router::new()
        .merge(auth::http::routes())
        .merge(members::routes())
        .merge(activity::routes())
        .merge(library::routes())
        .merge(hearts::routes())
}

/// The kinds of jobs that there are.
pub(super) fn jobs() -> Registry {
    Registry::new()
        .with::<jobs::Prune>()
        .with::<jobs::Vacuum>()
        .with::<library::ReadEssences>()
        .with::<hearts::ReconcileLinks>()
        .with::<hearts::AuditLinks>()
}

/// When the clock enqueues what.
pub(super) fn timetable() -> Vec<Timed> {
    [jobs::schedule::TIMED, hearts::TIMED].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_rooms_have_one_address_or_one_kind_of_job() {
        let _: Router<App> = routes();
        jobs();
    }
}
