//! Asks the Cover Art Archive for the front of albums that have no cover, by the release that MusicBrainz knows them as.

use serde::{Deserialize, Serialize};
use serde_json::json;
use uuid::Uuid;

use super::unanswered;
use crate::db::Sql;
use crate::edits;
use crate::error::{Error, Result};
use crate::imports::{Lookups, NoAnswer};
use crate::integrations::coverart;
use crate::jobs::{Context, Job, Outcome, Queue};
use crate::library::Sitter;

/// At once: each is two questions, and two seconds.
const AT_ONCE: i64 = 200;

/// Fetches covers of albums that have none.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct FetchCovers {}

const BARE: &str = "select a.id, a.musicbrainz_id from album a left join picture_asked p on p.album_id = a.id
    where a.artwork_path is null and a.musicbrainz_id is not null
        and (p.album_id is null or p.asked_at < now() - interval '30 days')
    order by a.id desc limit $1";
const ASKED: &str = "insert into picture_asked (album_id) values ($1)
    on conflict on constraint picture_asked_album do update set asked_at = now()";

impl Job for FetchCovers {
    const KIND: &'static str = "enrichment.fetch_covers";
    const QUEUE: Queue = Queue::Network;
    const PRIORITY: i16 = 12;

    fn unique_key(&self) -> Option<String> {
        Some("all".into())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        if !context.app.settings.coverart.enabled {
            return Ok(Outcome::Done(json!({"state": "off"})));
        }
        let rows = context.app.db.get().await?.rows(BARE, &[&AT_ONCE]).await?;
        let lookups = Lookups::new(context);
        let mut found = 0;
        for (done, row) in rows.iter().enumerate() {
            context.progress.send_replace(Some(json!({"done": done, "total": rows.len()})));
            match of_album(context, &lookups, row.get(0), row.get(1)).await {
                Ok(has_cover) => found += usize::from(has_cover),
                Err(why) => return unanswered(why),
            }
        }
        Ok(Outcome::Done(json!({"asked": rows.len(), "found": found})))
    }
}

async fn of_album(
    context: &Context,
    lookups: &Lookups<'_>,
    album_id: i64,
    release: Uuid,
) -> Result<bool, NoAnswer> {
    let list = lookups.pictures(&coverart::pictures(release)).await?;
    let has_front = list.map(coverart::has_front).transpose()?.unwrap_or_default();
    let base = context.app.settings.coverart.url.trim_end_matches('/');
    let image = match has_front {
        true => lookups.picture(&format!("{base}{}", coverart::front(release))).await?,
        false => None,
    };
    let mut client = context.app.db.get().await?;
    let tx = client.transaction().await.map_err(Error::from)?;
    context.hold(&tx).await?;
    match tx.run(ASKED, &[&album_id]).await {
        Err(error) if error.constraint() == Some("picture_asked_album_fk") => return Ok(false),
        asked => asked?,
    };
    let given = match &image {
        Some(image) => edits::give_picture(&tx, Sitter::Album(album_id), image, None).await,
        None => Err(Error::NotFound("There is no cover.")),
    };
    tx.commit().await.map_err(Error::from)?;
    if let Err(Error::Invalid(why)) = &given {
        tracing::warn!(album_id, "the cover that was found cannot be used: {why}");
    }
    Ok(given.is_ok())
}
