//! What the rooms bring along: their routes, their jobs, their times. A new room is added here, and nowhere else.

use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::jobs::schedule::{self, Timed};
use crate::jobs::{self, Registry};
use crate::{
    activity, auth, backups, edits, exports, hearts, imports, integrity, library, members, openid, settings,
    sources, trash,
};

/// Beneath `/api`.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(auth::http::routes())
        .merge(jobs::routes())
        .merge(members::routes())
        .merge(openid::routes())
        .merge(sources::routes())
        .merge(activity::routes())
        .merge(library::routes())
        .merge(hearts::routes())
        .merge(edits::routes())
        .merge(trash::routes())
        .merge(imports::http::routes())
        .merge(integrity::routes())
        .merge(imports::show_http::routes())
        .merge(backups::routes())
        .merge(settings::routes())
        .merge(exports::routes())
}

/// The kinds of jobs that there are.
pub fn jobs() -> Registry {
    Registry::new()
        .with::<jobs::Prune>()
        .with::<jobs::Vacuum>()
        .with::<sources::LookAtSources>()
        .with::<library::ReadEssences>()
        .with::<library::MakeThumbnails>()
        .with::<library::NoteSpace>()
        .with::<hearts::ReconcileLinks>()
        .with::<hearts::AuditLinks>()
        .with::<edits::ApplyEdits>()
        .with::<edits::SetArtwork>()
        .with::<edits::ExpireEdits>()
        .with::<trash::Delete>()
        .with::<trash::Restore>()
        .with::<trash::Remove>()
        .with::<trash::Expire>()
        .with::<imports::ImportRelease>()
        .with::<imports::SortLoose>()
        .with::<imports::Sweep>()
        .with::<imports::ReturnFromTrash>()
        .with::<imports::UndoApproval>()
        .with::<imports::Adopt>()
        .with::<imports::PreviewAdoption>()
        .with::<imports::Fingerprint>()
        .with::<imports::Enrich>()
        .with::<integrity::VerifySlice>()
        .with::<integrity::Repair>()
        .with::<backups::MakeBackup>()
        .with::<exports::RunExport>()
        .with::<exports::Restore>()
}

/// When the clock enqueues what, in UTC.
pub fn timetable() -> Vec<Timed> {
    let rooms = [
        Timed::new::<imports::Sweep>("*/5 * * * *"),
        Timed::new::<integrity::VerifySlice>("0 3 * * *"),
        Timed::new::<edits::ExpireEdits>("40 2 * * *"),
        // What a lost job has left; else it finds nothing to do.
        Timed::new::<library::MakeThumbnails>("10 5 * * *"),
        Timed::new::<library::NoteSpace>("5 0 * * *"),
        Timed::new::<sources::LookAtSources>("*/10 * * * *"),
        // Sundays, when nobody waits for the disk.
        Timed::new::<hearts::AuditLinks>("30 4 * * 0"),
        Timed::new::<trash::Expire>("30 2 * * *"),
    ];
    schedule::TIMED.iter().copied().chain(rooms).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_rooms_have_one_address_or_one_kind_of_job() {
        // Both would panic.
        let _: (OpenApiRouter<App>, Registry) = (routes(), jobs());
    }

    #[test]
    fn every_room_wakes_at_its_own_time() {
        let mut names: Vec<_> = timetable().iter().map(|timed| timed.name).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }
}
