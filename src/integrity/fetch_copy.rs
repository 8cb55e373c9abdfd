//! A good copy of a damaged file out of the newest backup of the music, into the staging folder: the part of the repair
//! that may need a network. The repair goes on from there.

use std::fs::File;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::repair::{Patient, Repair};
use crate::audio;
use crate::error::{Error, Result};
use crate::files;
use crate::integrations::restic::Restic;
use crate::jobs::{self, Context, Job, Outcome, Queue};
use crate::parallel::blocking;

/// The kind of this way back.
pub(super) const MUSIC_BACKUP: &str = "music_backup";
const FOLDER: &str = "downloads/.good-copies";

/// Bring a copy out of the music's backup.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FetchGoodCopy {
    /// For which damage.
    pub damage_id: i64,
    /// Who asked.
    pub requested_by: Option<i64>,
    /// `SNAPSHOT:PATH`
    pub place: String,
}

/// Where it comes to lie, relative to MUSIC_PATH.
pub(super) fn fetched_place(damage_id: i64) -> String {
    format!("{FOLDER}/{damage_id}")
}

impl Job for FetchGoodCopy {
    const KIND: &'static str = "integrity.fetch_good_copy";
    const QUEUE: Queue = Queue::Network;
    const MAX_ATTEMPTS: i32 = 3;

    fn unique_key(&self) -> Option<String> {
        Some(self.damage_id.to_string())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        let app = &context.app;
        let patient = match Patient::find(&app.db.get().await?, self.damage_id).await {
            Err(Error::NotFound(_)) => return Ok(Outcome::Done(json!({"state": "ended"}))),
            patient => patient?,
        };
        let (repository, secrets) = (&app.settings.backup.music_repository, &app.settings.secrets);
        let Some(password) = secrets.restic_password.as_ref().filter(|_| !repository.is_empty()) else {
            return Ok(Outcome::Cancel("The backup of the music is not set up any more.".into()));
        };
        let restic = Restic::new(repository, password, secrets.rclone_config.as_ref())?;
        let (snapshot, path) = self.place.split_once(':').context("a place without a snapshot")?;
        let target = app.music().join(fetched_place(self.damage_id));
        files::make_dirs(target.parent().unwrap_or(app.music()))?;
        files::remove_file_if_there(&target)?;
        let path = format!("/{path}");
        let brought = restic.dump(snapshot, &path, File::create_new(&target)?);
        tokio::select! {
            done = brought => done.map_err(anyhow::Error::from)?,
            () = context.stop.cancelled() => return Ok(Outcome::Snooze(std::time::Duration::ZERO)),
        }
        let fitness = blocking(move || {
            let digest = audio::checksum_and_essence(&target);
            let fitness = digest.map_or(0, |digest| patient.fitness(&target, &digest));
            if fitness == 0 {
                files::remove_file_if_there(&target)?;
            }
            Ok::<_, std::io::Error>((fitness, patient))
        });
        let (fitness, patient) = fitness.await??;
        if fitness == 0 {
            let reason = format!("The copy of {} in the backup of the music is not intact.", patient.path);
            return Ok(Outcome::Cancel(reason));
        }
        let repair = Repair { damage_id: self.damage_id, requested_by: self.requested_by };
        let job_id = jobs::enqueue(&app.db.get().await?, &repair).await?;
        Ok(Outcome::Done(json!({"state": "fetched", "job_id": job_id})))
    }
}
