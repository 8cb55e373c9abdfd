//! Fetches pictures of artists: MusicBrainz says which file at Wikimedia Commons shows them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
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

/// Fetches the picture of one artist, or of all that have none.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct FetchPortraits {
    /// Only of this one, whether or not there is a picture.
    pub artist_id: Option<i64>,
}

const FACELESS: &str = "select r.id, r.name, r.musicbrainz_id from artist r left join picture_asked p on p.artist_id = r.id
    where case when $1::bigint is null
        then r.artwork_path is null and r.musicbrainz_id is not null and (p.artist_id is null or p.asked_at < now() - interval '30 days')
        else r.id = $1 end
    order by r.id desc limit $2";
const ASKED: &str = "insert into picture_asked (artist_id) values ($1)
    on conflict on constraint picture_asked_artist do update set asked_at = now()";

impl Job for FetchPortraits {
    const KIND: &'static str = "enrichment.fetch_portraits";
    const QUEUE: Queue = Queue::Network;
    const PRIORITY: i16 = 3;

    fn unique_key(&self) -> Option<String> {
        Some(self.artist_id.map_or_else(|| "all".into(), |id| id.to_string()))
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        let rows = context.app.db.get().await?.rows(FACELESS, &[&self.artist_id, &AT_ONCE]).await?;
        let lookups = Lookups::new(context);
        let mut results: Vec<Value> = Vec::new();
        for row in &rows {
            context.progress.send_replace(Some(json!({"done": results.len(), "total": rows.len()})));
            let (id, name): (i64, String) = (row.get(0), row.get(1));
            let stored = match of_artist(context, &lookups, id, row.get(2)).await {
                Ok(stored) => stored,
                Err(why) => return unanswered(why),
            };
            let status = if stored.is_some() { "fetched" } else { "not_found" };
            results.push(json!({"artist_id": id, "name": name, "status": status, "job_id": stored}));
        }
        Ok(Outcome::Done(json!({"results": results})))
    }
}

/// The job that stores the picture, if there is one.
async fn of_artist(
    context: &Context,
    lookups: &Lookups<'_>,
    artist_id: i64,
    musicbrainz_id: Option<Uuid>,
) -> Result<Option<i64>, NoAnswer> {
    let links = match musicbrainz_id {
        Some(id) => lookups.musicbrainz(&coverart::links_of_artist(id)).await?,
        None => None,
    };
    let base = context.app.settings.coverart.commons_url.trim_end_matches('/');
    let image = match links.as_ref().and_then(coverart::picture_of_artist) {
        Some(name) => lookups.picture(&format!("{base}{}", coverart::commons_file(&name))).await?,
        None => None,
    };
    let mut client = context.app.db.get().await?;
    let tx = client.transaction().await.map_err(Error::from)?;
    context.hold(&tx).await?;
    match tx.run(ASKED, &[&artist_id]).await {
        Err(error) if error.constraint() == Some("picture_asked_artist_fk") => return Ok(None),
        asked => asked?,
    };
    let given = match &image {
        Some(image) => edits::give_picture(&tx, Sitter::Artist(artist_id), image, None).await,
        None => Err(Error::NotFound("There is no picture.")),
    };
    tx.commit().await.map_err(Error::from)?;
    Ok(given.ok())
}
