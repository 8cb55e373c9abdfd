//! Stations five to ten: carrying the plan out, step by step. Each state is written after its step is durable, and each
//! step can be taken twice; so whoever finds the row, whatever happened, takes the step after the last one written.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::import::{Import, State};
use super::place::{Obstacle, Site};
use super::plan::{Filing, Plan};
use super::record::Written;
use super::stops::here;
use super::{ImportRelease, record};
use crate::db::{Client, Sql};
use crate::error::Result;
use crate::files::text_to_path;
use crate::jobs::{Context, Outcome};
use crate::parallel::blocking;

/// Until somebody has made room, or has given us the right to read.
pub(super) const NEEDS_A_PERSON: Duration = Duration::from_secs(30);
/// Until another import of the same album is through.
pub(super) const SOON: Duration = Duration::from_millis(500);
/// How long an import waits for the links before it lets its worker do something else.
const LINKS_NOW: Duration = Duration::from_secs(2);
/// Links that cannot be made for so long are no reason to keep an old version in its place.
const LINKS_AT_ALL: Duration = Duration::from_secs(600);

impl ImportRelease {
    /// Takes the next step; an outcome when the job is not to go on now.
    pub(super) async fn advance(
        &self,
        context: &Context,
        client: &mut Client,
        import: &mut Import,
    ) -> Result<Option<Outcome>> {
        let done = match import.state {
            State::Waiting | State::Ended => return Ok(None),
            State::Planned => self.stage(context, client, import).await?,
            State::Staged => self.publish(context, client, import).await?,
            State::Published => return self.record(context, client, import).await,
            State::Recorded => return self.link(client, import).await,
            State::Linked => self.retire(context, client, import).await?,
            State::Retired => self.remove_source(context, client, import).await?,
        };
        match done {
            Ok(()) => Ok(None),
            Err(obstacle) => self.meet(context, client, import, obstacle).await,
        }
    }

    /// What stands in the way: somebody else's change means a new plan, a full disk a person.
    async fn meet(
        &self,
        context: &Context,
        client: &mut Client,
        import: &mut Import,
        obstacle: Obstacle,
    ) -> Result<Option<Outcome>> {
        match obstacle {
            Obstacle::Changed(_) | Obstacle::Taken(_) if import.album_id.is_none() => {
                let (site, id) = (self.site(context), import.id);
                blocking(move || site.unstage(id)).await?.map_err(anyhow::Error::from)?;
                import.unplanned(client, &obstacle.to_string()).await?;
                Ok(Some(Outcome::Snooze(SOON)))
            }
            full @ Obstacle::Full(_) => {
                tracing::error!(path = self.path, "an import waits: {full}");
                import.waits(client, &full.to_string()).await?;
                Ok(Some(Outcome::Snooze(NEEDS_A_PERSON)))
            }
            other => Err(anyhow::Error::from(other).into()),
        }
    }

    async fn stage(&self, context: &Context, client: &mut Client, import: &mut Import) -> Step {
        let (site, plan) = self.site_and_plan(context, import)?;
        let Some(filing) = plan.filing else {
            // Nothing for the library: only the source is left to clear.
            here("planned", &self.path).map_err(anyhow::Error::from)?;
            return Ok(Ok(import.reached(client, State::Retired).await?));
        };
        let staged = blocking(move || {
            here("planned", &site.source)?;
            site.stage(&filing)?;
            Ok(here("staged", &site.source)?)
        });
        self.reach(staged.await?, client, import, State::Staged).await
    }

    async fn publish(&self, context: &Context, client: &mut Client, import: &mut Import) -> Step {
        let (site, filing) = self.site_and_filing(context, import)?;
        let published = blocking(move || {
            site.publish(&filing)?;
            Ok(here("published", &site.source)?)
        });
        self.reach(published.await?, client, import, State::Published).await
    }

    async fn record(
        &self,
        context: &Context,
        client: &mut Client,
        import: &mut Import,
    ) -> Result<Option<Outcome>> {
        here("recording", &self.path).map_err(anyhow::Error::from)?;
        let (site, filing) = self.site_and_filing(context, import)?;
        match record::record(context, client, import).await? {
            Written::Recorded => {
                here("recorded", &self.path).map_err(anyhow::Error::from)?;
                Ok(None)
            }
            Written::Stale => {
                blocking(move || site.unpublish(&filing)).await?.map_err(anyhow::Error::from)?;
                let reason = "the album changed in the library while this was on its way";
                import.unplanned(client, reason).await?;
                Ok(Some(Outcome::Snooze(SOON)))
            }
        }
    }

    /// The users' links go to the new files before the old ones leave their place.
    async fn link(&self, client: &mut Client, import: &mut Import) -> Result<Option<Outcome>> {
        let end = tokio::time::Instant::now() + LINKS_NOW;
        loop {
            let row = client.row(LINKS_PENDING, &[&import.id]).await?;
            let (is_pending, since): (bool, Timestamp) = (row.get(0), row.get(1));
            let waited = Duration::try_from(Timestamp::now() - since).unwrap_or_default();
            if is_pending && waited > LINKS_AT_ALL {
                tracing::warn!(
                    path = self.path,
                    "the users' links do not follow: see hearts.reconcile_links"
                );
            }
            if !is_pending || waited > LINKS_AT_ALL {
                break;
            }
            if tokio::time::Instant::now() >= end {
                return Ok(Some(Outcome::Snooze(LINKS_NOW)));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        import.reached(client, State::Linked).await?;
        here("linked", &self.path).map_err(anyhow::Error::from)?;
        Ok(None)
    }

    /// The old version goes into the trash.
    async fn retire(&self, context: &Context, client: &mut Client, import: &mut Import) -> Step {
        let (site, filing) = self.site_and_filing(context, import)?;
        let id = import.id;
        let retired = blocking(move || site.retire_replaced(id, &filing)).await?;
        if let Err(obstacle) = retired {
            return Ok(Err(obstacle));
        }
        record::retired(context, client, import).await?;
        Ok(here("retired", &self.path).map_err(Obstacle::from))
    }

    async fn remove_source(&self, context: &Context, client: &mut Client, import: &mut Import) -> Step {
        let (site, plan) = self.site_and_plan(context, import)?;
        let removed = blocking(move || if plan.stays { Ok(Vec::new()) } else { site.remove_source(&plan) });
        let left = match removed.await? {
            Ok(left) => left,
            Err(obstacle) => return Ok(Err(obstacle)),
        };
        here("source removed", &self.path).map_err(anyhow::Error::from)?;
        let (_, plan) = self.site_and_plan(context, import)?;
        if !left.is_empty() {
            tracing::warn!(
                path = self.path,
                left = left.join(", "),
                "not everything of the folder was imported"
            );
        }
        record::end(context, client, import, (&self.path, &plan), &left).await?;
        here("done", &self.path).map_err(anyhow::Error::from)?;
        Ok(Ok(()))
    }

    async fn reach(
        &self,
        done: std::result::Result<(), Obstacle>,
        client: &mut Client,
        import: &mut Import,
        next: State,
    ) -> Step {
        match done {
            Ok(()) => Ok(Ok(import.reached(client, next).await?)),
            Err(obstacle) => Ok(Err(obstacle)),
        }
    }

    /// After the last attempt: a reason for a person. What has reached the library is never given up.
    pub(super) async fn give_up(&self, context: &Context, reason: &str) -> Result<()> {
        let client = context.app.db.get().await?;
        let Some(mut import) = Import::find(&client, &self.path).await? else { return Ok(()) };
        if matches!(import.state, State::Planned | State::Staged) {
            let (site, plan) = self.site_and_plan(context, &import)?;
            let id = import.id;
            let is_undone = blocking(move || {
                let is_filed = plan.filing.as_ref().is_some_and(|f| site.is_published(f));
                !is_filed && site.unstage(id).is_ok()
            });
            if !is_undone.await? {
                return Ok(());
            }
        }
        if matches!(import.state, State::Waiting | State::Planned | State::Staged) {
            import.end(&client, "failed", None, Some(reason), None).await?;
        }
        Ok(())
    }

    pub(super) fn dir(&self, context: &Context) -> std::path::PathBuf {
        context.app.music().join(text_to_path(&self.path))
    }

    fn site(&self, context: &Context) -> Site {
        Site { music: context.app.music().to_owned(), source: self.path.clone() }
    }

    fn site_and_plan(&self, context: &Context, import: &Import) -> Result<(Site, Plan)> {
        Ok((self.site(context), import.plan.clone().ok_or_else(no_plan)?))
    }

    fn site_and_filing(&self, context: &Context, import: &Import) -> Result<(Site, Filing)> {
        let (site, plan) = self.site_and_plan(context, import)?;
        Ok((site, plan.filing.ok_or_else(no_plan)?))
    }
}

/// A step that is done, or what stands in its way.
type Step = Result<std::result::Result<(), Obstacle>>;

const LINKS_PENDING: &str =
    "select exists (select from link_pending p where p.album_id = i.album_id), i.updated_at
    from import i where i.id = $1";

fn no_plan() -> anyhow::Error {
    anyhow::anyhow!("an import on its way has no plan")
}

/// The text of a value in a row that was kept as JSON.
pub(super) fn text_in(row: &Value, name: &str) -> Option<String> {
    row.get(name).and_then(Value::as_str).map(str::to_owned)
}
