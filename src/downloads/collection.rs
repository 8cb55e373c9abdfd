//! What was bought at Bandcamp: asked for as downloads, each once. Beneath `/api`.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::download::{self, NewDownload};
use crate::answer::Started;
use crate::app::App;
use crate::auth::{Admin, users};
use crate::db::Sql;
use crate::error::{Error, Problem, Result};
use crate::integrations::Trouble;
use crate::integrations::adapter::Health;
use crate::integrations::bandcamp::{self, Bandcamp};
use crate::jobs::{self, Context, Job, Outcome, Queue};
use crate::sources;

/// All of them.
pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(sync_bandcamp))
}

/// What was bought and is not here is to be fetched.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct SyncBandcamp {
    /// In whose name; none when the clock asks: then in the first admin's, and not before it is time.
    pub user_id: Option<i64>,
}

// Not those that found that it was not time yet.
const LOOKED: &str =
    "select 1 from job where kind = 'downloads.sync_bandcamp' and state = 'completed' and result ? 'bought'
    and finished_at > now() - make_interval(hours => $1) limit 1";

// What failed or was cancelled is asked for again.
const KNOWN: &str = "select n.reference from unnest($1::text[]) n (reference)
    where exists (select from download d where d.reference = n.reference and d.state not in ('failed', 'cancelled'))
        or exists (select from provenance p join track t on t.id = p.track_id where p.reference = n.reference)";

impl Job for SyncBandcamp {
    const KIND: &'static str = "downloads.sync_bandcamp";
    const QUEUE: Queue = Queue::Network;
    const MAX_ATTEMPTS: i32 = 3;

    fn unique_key(&self) -> Option<String> {
        Some("all".into())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        let app = &context.app;
        let user_id = match self.user_id {
            Some(id) => id,
            None => match timed(app).await? {
                Ok(id) => id,
                Err(why) => return Ok(Outcome::Done(json!({"asked_for": 0, "why": why}))),
            },
        };
        let found = Bandcamp::new(&app.settings).purchases().await;
        let mut client = app.db.get().await?;
        let purchases = match found {
            Ok(purchases) => purchases,
            Err(trouble) => {
                let why = trouble.to_string();
                sources::note(&client, "bandcamp", &Health::Down(why.clone())).await?;
                return match trouble {
                    Trouble::Refused(..) | Trouble::Rubbish(..) => Ok(Outcome::Cancel(why)),
                    _ => Err(Error::Upstream(why)),
                };
            }
        };
        sources::note(&client, "bandcamp", &Health::Ok { version: None }).await?;
        let references: Vec<String> = purchases.iter().map(bandcamp::Purchase::reference).collect();
        let known: Vec<String> =
            client.rows(KNOWN, &[&references]).await?.iter().map(|row| row.get(0)).collect();
        let mut asked_for = 0;
        let wanted = purchases.iter().zip(references).filter(|(_, reference)| !known.contains(reference));
        for (purchase, reference) in wanted {
            let new = NewDownload {
                user_id,
                source: "bandcamp",
                url: purchase.page.clone(),
                reference,
                search_type: purchase.kind.clone().filter(|kind| ["album", "track"].contains(&kind.as_str())),
                quality: 4,
                title: Some(purchase.title.clone()),
                artist: Some(purchase.artist.clone()).filter(|artist| !artist.is_empty()),
                ..NewDownload::default()
            };
            let tx = client.transaction().await?;
            match download::create(app, &tx, &new).await {
                Ok(_) => tx.commit().await?,
                // The rest comes with the next look.
                Err(Error::TooMany { message, .. }) => {
                    tracing::info!(asked_for, "not all that was bought is asked for yet: {message}");
                    break;
                }
                Err(Error::Conflict(_)) => continue,
                Err(error) => return Err(error),
            }
            asked_for += 1;
        }
        Ok(Outcome::Done(json!({"bought": purchases.len(), "asked_for": asked_for})))
    }
}

/// In whose name the clock's look is; or why there is none now.
async fn timed(app: &App) -> Result<Result<i64, &'static str>> {
    let hours = app.settings.bandcamp.sync_hours;
    if hours == 0 || !Bandcamp::new(&app.settings).is_set_up() {
        return Ok(Err("it is off"));
    }
    let client = app.db.get().await?;
    let hours = i32::try_from(hours).unwrap_or(i32::MAX);
    if client.maybe_row(LOOKED, &[&hours]).await?.is_some() {
        return Ok(Err("it is not time yet"));
    }
    Ok(first_admin(&client).await?.ok_or("there is no admin who could own the downloads"))
}

/// Whoever is not a person, as root or the clock, has no library: in the name of the first admin.
async fn first_admin(client: &impl Sql) -> Result<Option<i64>> {
    Ok(users(client).await?.iter().filter(|user| user.is_admin).map(|user| user.id).min())
}

/// Has what was bought at Bandcamp, and is not here yet, fetched.
#[utoipa::path(post, path = "/settings/bandcamp/sync", tag = "settings", extensions(("x-role" = json!("admin"))),
    responses((status = 200, body = Started), (status = 400, body = Problem)))]
async fn sync_bandcamp(State(app): State<App>, Admin(user): Admin) -> Result<Json<Started>> {
    if !Bandcamp::new(&app.settings).is_set_up() {
        return Err(Error::Invalid("Bandcamp cookies not configured".into()));
    }
    let client = app.db.get().await?;
    let user_id = match user.row() {
        Some(id) => id,
        None => first_admin(&client).await?.ok_or_else(|| {
            Error::Invalid(
                "Nobody can own the downloads: add an admin first (barbossa user add --admin NAME).".into(),
            )
        })?,
    };
    let id = jobs::enqueue(&client, &SyncBandcamp { user_id: Some(user_id) }).await?;
    Ok(Json(Started::job(id)))
}
