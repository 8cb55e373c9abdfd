//! `barbossa migrate`: the schema forward, a dump before it when there is something to lose.

use super::exit::Status;
use super::terminal::print;
use crate::app::App;
use crate::backups::{self, Purpose};
use crate::db::{self, MigrationProgress, Sql, current_version, latest_version};

const HAS_USERS: &str = "select exists (select from app_user)";
const HAS_TRACKS: &str = "select exists (select from track)";

pub async fn run(app: App) -> anyhow::Result<Status> {
    let client = app.db.get().await?;
    let version = current_version(&client).await?;
    let has_rows = match version {
        0 => false,
        1 => client.row(HAS_USERS, &[]).await?.get(0),
        _ => client.row(HAS_USERS, &[]).await?.get(0) || client.row(HAS_TRACKS, &[]).await?.get(0),
    };
    drop(client);
    if has_rows && version < latest_version() {
        print(format_args!("dumping the database before migration {} ...", version + 1))?;
        let made = backups::run(&app, Purpose::BeforeMigration(version + 1), None, |_| {}).await?;
        print(format_args!("dumped to {}", made.path.display()))?;
    }
    let steps = db::migrate(&app.db, |progress| {
        // A reader who has gone away is no reason to stop half-way.
        let _ = print(line(progress));
    })
    .await?;
    let version = latest_version();
    print(match steps {
        0 => format!("the schema is at version {version} already"),
        _ => format!("the schema is at version {version}"),
    })?;
    Ok(Status::Done)
}

fn line(progress: MigrationProgress) -> String {
    match progress {
        MigrationProgress::Waiting => "waiting for another migration to end ...".to_owned(),
        MigrationProgress::Applying(m) => format!("migration {} ({}) ...", m.version, m.name),
        MigrationProgress::Applied(m) => format!("migration {} ({}) done", m.version, m.name),
    }
}
