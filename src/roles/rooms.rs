//! What the rooms bring along: their routes, their jobs, their times. A new room is added here, and nowhere else.

use utoipa_axum::router::OpenApiRouter;

use crate::app::App;
use crate::jobs::schedule::{self, Timed};
use crate::jobs::{self, Registry};
use crate::{
    activity, auth, backups, downloads, edits, enrichment, exports, health, hearts, imports, integrity,
    library, lidarr, members, messages, metrics, openid, players, settings, sources, tracker, trash, uploads,
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
        .merge(uploads::routes())
        .merge(integrity::routes())
        .merge(health::api_routes())
        .merge(downloads::routes())
        .merge(imports::show_http::routes())
        .merge(backups::routes())
        .merge(settings::routes())
        .merge(players::routes())
        .merge(enrichment::routes())
        .merge(lidarr::routes())
        .merge(tracker::routes())
        .merge(messages::routes())
        .merge(exports::routes())
        .merge(metrics::api_routes())
}

/// The kinds of jobs that there are.
pub fn jobs() -> Registry {
    Registry::new()
        .with::<jobs::Prune>()
        .with::<jobs::Vacuum>()
        .with::<sources::LookAtSources>()
        .with::<library::ReadEssences>()
        .with::<library::MakeThumbnails>()
        .with::<library::MakePreview>()
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
        .with::<enrichment::FetchLyrics>()
        .with::<enrichment::WriteLyrics>()
        .with::<enrichment::FetchCovers>()
        .with::<enrichment::FetchPortraits>()
        .with::<lidarr::AskLidarr>()
        .with::<lidarr::CollectLidarr>()
        .with::<lidarr::FillGaps>()
        .with::<tracker::CheckRelease>()
        .with::<tracker::UploadRelease>()
        .with::<messages::DeliverMessages>()
        .with::<messages::TestTarget>()
        .with::<players::TellPlayers>()
        .with::<players::AskPlayer>()
        .with::<uploads::Take>()
        .with::<uploads::Expire>()
        .with::<integrity::VerifySlice>()
        .with::<integrity::Repair>()
        .with::<integrity::FetchGoodCopy>()
        .with::<downloads::FetchDownload>()
        .with::<downloads::SettleDownload>()
        .with::<downloads::TidyDownloads>()
        .with::<downloads::LookAtAddress>()
        .with::<downloads::AskCatalogue>()
        .with::<downloads::SyncBandcamp>()
        .with::<downloads::FillGaps>()
        .with::<backups::MakeBackup>()
        .with::<exports::RunExport>()
        .with::<exports::Restore>()
}

/// When the clock enqueues what, in UTC.
pub fn timetable() -> Vec<Timed> {
    let rooms = [
        Timed::new::<imports::Sweep>("*/5 * * * *"),
        Timed::new::<integrity::VerifySlice>("0 3 * * *"),
        Timed::new::<uploads::Expire>("25 * * * *"),
        Timed::new::<edits::ExpireEdits>("40 2 * * *"),
        // What a lost job has left; else it finds nothing to do.
        Timed::new::<library::MakeThumbnails>("10 5 * * *"),
        Timed::new::<library::NoteSpace>("5 * * * *"),
        Timed::new::<downloads::TidyDownloads>("25 * * * *"),
        Timed::new::<sources::LookAtSources>("*/10 * * * *"),
        // Sundays, when nobody waits for the disk.
        Timed::new::<hearts::AuditLinks>("30 4 * * 0"),
        // What fell between two transactions; else it finds nothing to do.
        Timed::new::<players::TellPlayers>("*/5 * * * *"),
        Timed::new::<messages::DeliverMessages>("*/5 * * * *"),
        Timed::new::<lidarr::CollectLidarr>("*/5 * * * *"),
        // As often as `bandcamp.sync_hours` says.
        Timed::new::<downloads::SyncBandcamp>("35 * * * *"),
        Timed::new::<enrichment::FetchCovers>("25 * * * *"),
        Timed::new::<enrichment::FetchLyrics>("0 2 * * 6"),
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
