//! Listens to what was imported, in the background: a fingerprint for each recording, and which recordings of the
//! library sound like it. Owns `fingerprint`.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::enrich::Enrich;
use super::identify::{Evidence, Witness};
use super::plan::Plan;
use super::require_library;
use crate::audio::{self, NoFingerprint, Unreadable};
use crate::db::Sql;
use crate::error::Result;
use crate::files;
use crate::jobs::{self, Context, Job, Outcome, Queue};
use crate::library::sort_key;

/// Until the music folder is back.
const AWAY: Duration = Duration::from_secs(300);
/// Two recordings that sound so much alike are one; see [`audio::Fingerprint::similarity`].
const ALIKE: f32 = 0.7;

/// Listen to the files of an import.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// The import's row.
    pub import_id: i64,
}

/// A file to listen to.
struct Heard {
    path: PathBuf,
    title: String,
    essence: Option<String>,
    duration_ms: i64,
}

/// What became of it.
struct Print {
    essence: String,
    print: Option<audio::Fingerprint>,
    reason: Option<String>,
    title: String,
    duration_ms: i64,
}

const IMPORT: &str = "select state, album_id, plan, release from import where id = $1";
const OF_ALBUM: &str = "select path, title, essence, coalesce(duration_ms, 0) from track where album_id = $1 and essence is not null
    order by disc_number, track_number, id";
const KNOWN: &str = "select essence, compressed, reason from fingerprint where essence = any($1)";
const KEEP: &str = "insert into fingerprint (essence, compressed, duration_ms, reason) values ($1, $2, $3, $4)
    on conflict (essence) do update set compressed = excluded.compressed, reason = excluded.reason, made_at = now()";
// The same title and about the same length: few enough to listen to each of them.
const MAY_BE_ALIKE: &str =
    "select t.path, f.compressed from track t join fingerprint f on f.essence = t.essence
    where t.sort_key = $1 and t.essence <> $2 and t.duration_ms between $3::bigint - 5000 and $3::bigint + 5000
        and f.compressed is not null
    order by t.id limit 20";
const EVIDENCE: &str = "update import set evidence = coalesce((
            select jsonb_agg(e order by n) from jsonb_array_elements(evidence) with ordinality a (e, n)
            where e ->> 'field' <> 'fingerprint'), '[]') || $2::jsonb, updated_at = now()
    where id = $1 and evidence is not null";

impl Job for Fingerprint {
    const KIND: &'static str = "imports.fingerprint";
    const QUEUE: Queue = Queue::Maintenance;
    const PRIORITY: i16 = 20;
    const MAX_ATTEMPTS: i32 = 3;

    fn unique_key(&self) -> Option<String> {
        Some(self.import_id.to_string())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        if require_library(&context.app).await?.is_err() {
            return Ok(Outcome::Snooze(AWAY));
        }
        let files = self.files(context).await?;
        let mut prints = Vec::new();
        for (n, file) in files.into_iter().enumerate() {
            if context.stop.is_cancelled() {
                return Ok(Outcome::Snooze(Duration::ZERO));
            }
            prints.extend(self.listen(context, file).await?);
            context.progress.send_replace(Some(json!({"files": n + 1})));
        }
        self.tell(context, &prints).await
    }
}

impl Fingerprint {
    /// Those of the album that it became, or those that wait for a person.
    async fn files(&self, context: &Context) -> Result<Vec<Heard>> {
        let client = context.app.db.get().await?;
        let Some(import) = client.maybe_row(IMPORT, &[&self.import_id]).await? else { return Ok(Vec::new()) };
        let music = context.app.music();
        if let Some(album_id) = import.get::<_, Option<i64>>("album_id") {
            let rows = client.rows(OF_ALBUM, &[&album_id]).await?;
            let heard = rows.iter().filter_map(|row| {
                let path = files::beneath(music, row.get::<_, &str>(0))?;
                Some(Heard { path, title: row.get(1), essence: row.get(2), duration_ms: row.get(3) })
            });
            return Ok(heard.collect());
        }
        if import.get::<_, &str>("state") != "review" {
            return Ok(Vec::new());
        }
        let plan =
            import.get::<_, Option<Value>>("plan").and_then(|p| serde_json::from_value::<Plan>(p).ok());
        let Some(aside) = plan.and_then(|p| p.asides.into_iter().next()) else { return Ok(Vec::new()) };
        let paths =
            aside.steps.iter().map(|step| music.join(files::text_to_path(&aside.target)).join(&step.to));
        let heard = paths.filter(|path| audio::is_audio_name(path));
        Ok(heard.map(|path| Heard { path, title: String::new(), essence: None, duration_ms: 0 }).collect())
    }

    /// Listens to one file, unless its recording is known; none when it is gone.
    async fn listen(&self, context: &Context, file: Heard) -> Result<Option<Print>> {
        if let Some(essence) = &file.essence
            && let Some(known) =
                context.app.db.get().await?.rows(KNOWN, &[&[essence.as_str()].as_slice()]).await?.first()
        {
            let print = known.get::<_, Option<Vec<u8>>>(1).and_then(|c| audio::Fingerprint::expanded(&c));
            let (title, duration_ms) = (file.title, file.duration_ms);
            return Ok(Some(Print {
                essence: essence.clone(),
                print,
                reason: known.get(2),
                title,
                duration_ms,
            }));
        }
        let work = move || {
            let sound = audio::read(&file.path)?;
            let essence = match file.essence {
                Some(essence) => essence,
                None => audio::checksum_and_essence(&file.path)?.essence,
            };
            let (print, reason) = match audio::Fingerprint::of_file(&file.path, sound.quality.format) {
                Ok(print) => (Some(print), None),
                Err(NoFingerprint::Unreadable(Unreadable::Io(e))) => return Err(Unreadable::Io(e)),
                Err(none) => (None, Some(none.to_string())),
            };
            let title = Some(file.title).filter(|t| !t.is_empty()).or(sound.tags.title).unwrap_or_default();
            let duration_ms = i64::try_from(sound.quality.duration_ms).unwrap_or(i64::MAX);
            Ok(Print { essence, print, reason, title, duration_ms })
        };
        let heard: Result<Print, Unreadable> =
            tokio::task::spawn_blocking(work).await.map_err(anyhow::Error::from)?;
        let Ok(print) = heard else { return Ok(None) };
        let compressed = print.print.as_ref().map(audio::Fingerprint::compressed);
        let client = context.app.db.get().await?;
        client.run(KEEP, &[&print.essence, &compressed, &print.duration_ms, &print.reason]).await?;
        Ok(Some(print))
    }

    /// A row of evidence, and the question to AcoustID.
    async fn tell(&self, context: &Context, prints: &[Print]) -> Result<Outcome> {
        let heard = prints.iter().filter(|p| p.print.is_some()).count();
        let mut notes: Vec<String> = prints.iter().filter_map(|p| p.reason.clone()).collect();
        notes.sort_unstable();
        notes.dedup();
        let mut client = context.app.db.get().await?;
        for print in prints {
            if let Some(path) = sounds_like(&client, print).await? {
                notes.push(format!("“{}” sounds like {path}", print.title));
            }
        }
        let value = Some(format!("{heard} of {} files", prints.len()));
        let mut row = Evidence::certain("fingerprint", value, Witness::Audio);
        if !notes.is_empty() {
            row = row.noted(notes.join("; "));
        }
        let rows = serde_json::to_value([row]).map_err(anyhow::Error::from)?;
        let tx = client.transaction().await?;
        context.hold(&tx).await?;
        tx.run(EVIDENCE, &[&self.import_id, &rows]).await?;
        if heard > 0 && context.app.settings.musicbrainz.enabled {
            let essences = prints.iter().filter(|p| p.print.is_some()).map(|p| p.essence.clone()).collect();
            jobs::enqueue(&tx, &Enrich { import_id: self.import_id, essences }).await?;
        }
        tx.commit().await?;
        Ok(Outcome::Done(json!({"files": prints.len(), "fingerprints": heard})))
    }
}

/// A track of the library that is the same recording in another file.
async fn sounds_like(client: &impl Sql, print: &Print) -> Result<Option<String>> {
    let Some(own) = &print.print else { return Ok(None) };
    let (key, length) = (sort_key(&print.title), print.duration_ms);
    let rows = client.rows(MAY_BE_ALIKE, &[&key, &print.essence, &length]).await?;
    let is_alike =
        |bytes: &[u8]| audio::Fingerprint::expanded(bytes).is_some_and(|o| own.similarity(&o) >= ALIKE);
    Ok(rows.iter().find(|row| is_alike(row.get(1))).map(|row| row.get(0)))
}
