//! Tells people what waits to be told: all of it in one message, at most one a minute by each way, again when a way is closed.

use std::time::Duration;

use futures_util::future::join_all;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_postgres::Row;

use super::news::{News, letter};
use super::target::reach;
use crate::app::App;
use crate::db::Sql;
use crate::error::Result;
use crate::integrations::letters::{self, Letter, MailServer, NtfyToken};
use crate::integrations::{Trouble, Web, check_host};
use crate::jobs::{Context, Job, Outcome, Queue};

/// A phone that rings more often is switched off.
const MINUTE: Duration = Duration::from_secs(60);
/// Nothing is told after so many days.
const STALE_DAYS: i32 = 7;

/// Tells whoever has something to be told.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct DeliverMessages {}

/// A way to somebody, and what it is to tell.
struct Errand {
    target: Way,
    ids: Vec<i64>,
    news: Vec<News>,
}

/// Where to.
pub(super) struct Way {
    pub id: i64,
    kind: String,
    address: String,
    is_admin: bool,
}

const READY: &str = "select t.id, t.kind, t.address, u.is_admin,
        array_agg(m.id order by m.id) as ids, array_agg(m.event order by m.id) as events, array_agg(m.payload order by m.id) as payloads
    from message_waiting w join message m on m.id = w.message_id join message_target t on t.id = w.target_id
        join app_user u on u.id = t.user_id
    where t.is_enabled and t.not_before <= now()
        and (t.last_sent_at is null or t.last_sent_at <= now() - make_interval(secs => $1))
    group by t.id, u.is_admin";
const NEXT: &str = "select extract(epoch from min(greatest(t.not_before, coalesce(t.last_sent_at, '-infinity') + make_interval(secs => $1))) - now())::double precision
    from message_waiting w join message_target t on t.id = w.target_id where t.is_enabled";
const TOLD: &str = "delete from message_waiting where target_id = $1 and message_id = any($2)";
const SENT: &str = "update message_target set last_sent_at = now(), last_error = null, failures = 0, not_before = '-infinity' where id = $1";
// Two minutes, four, eight, … up to six hours.
const FAILED: &str = "update message_target set last_error = $2, failures = failures + 1,
        not_before = now() + least(interval '6 hours', make_interval(mins => (2 ^ least(failures + 1, 12))::integer))
    where id = $1";
const FORGET: &str = "delete from message where created_at < now() - make_interval(days => $1)";

impl Job for DeliverMessages {
    const KIND: &'static str = "messages.deliver";
    const QUEUE: Queue = Queue::Network;
    const PRIORITY: i16 = 5;

    fn unique_key(&self) -> Option<String> {
        Some("all".into())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        let client = context.app.db.get().await?;
        client.run(FORGET, &[&STALE_DAYS]).await?;
        let errands: Vec<Errand> =
            client.rows(READY, &[&MINUTE.as_secs_f64()]).await?.iter().map(Errand::from).collect();
        let sends = errands.iter().map(|errand| async move {
            let letter = letter(&errand.news, &context.app.settings.api.public_url);
            (errand, send(&context.app, &errand.target, &letter).await)
        });
        let mut sent = 0;
        for (errand, ended) in join_all(sends).await {
            match ended {
                Ok(()) => {
                    client.run(TOLD, &[&errand.target.id, &errand.ids]).await?;
                    client.run(SENT, &[&errand.target.id]).await?;
                    sent += 1;
                }
                Err(trouble) => note_failure(&client, &errand.target, &trouble).await?,
            }
        }
        let next: Option<f64> = client.row(NEXT, &[&MINUTE.as_secs_f64()]).await?.get(0);
        Ok(match next {
            Some(seconds) => Outcome::Snooze(Duration::from_secs_f64(seconds.clamp(1.0, 6.0 * 3600.0))),
            None => Outcome::Done(json!({"sent": sent})),
        })
    }
}

impl From<&Row> for Errand {
    fn from(row: &Row) -> Self {
        let (events, payloads): (Vec<String>, Vec<Value>) = (row.get("events"), row.get("payloads"));
        let news = events.into_iter().zip(payloads).map(|(event, payload)| News { event, payload }).collect();
        Self { target: Way::from(row), ids: row.get("ids"), news }
    }
}

impl From<&Row> for Way {
    fn from(row: &Row) -> Self {
        Self {
            id: row.get("id"),
            kind: row.get("kind"),
            address: row.get("address"),
            is_admin: row.get("is_admin"),
        }
    }
}

pub(super) async fn note_failure(client: &impl Sql, target: &Way, trouble: &Trouble) -> Result<()> {
    tracing::warn!(target_id = target.id, kind = target.kind, "a message was not sent: {trouble}");
    client.run(FAILED, &[&target.id, &trouble.to_string()]).await?;
    Ok(())
}

/// Sends one message.
pub(super) async fn send(app: &App, way: &Way, letter: &Letter) -> Result<(), Trouble> {
    let settings = &app.settings;
    if way.kind == "email" {
        let server = MailServer {
            url: &settings.notifications.smtp_url,
            user: &settings.notifications.smtp_user,
            password: settings.secrets.smtp_password.as_ref(),
            from: &settings.notifications.mail_from,
        };
        return server.send(&way.address, letter).await;
    }
    // Judged now, not when it was typed in: its owner may be no admin any more.
    let reach = reach(settings, way.is_admin);
    check_host(&way.address, reach).map_err(|why| Trouble::Refused("The address", why))?;
    let web = Web::outward(app.contact(), reach).map_err(|e| Trouble::Away("The address", e.to_string()))?;
    match way.kind.as_str() {
        "ntfy" => {
            let server = settings.notifications.ntfy_server.as_str();
            let token = settings.secrets.ntfy_token.as_ref().map(|token| NtfyToken { server, token });
            letters::to_ntfy(&web, &way.address, token, letter).await
        }
        _ => letters::to_webhook(&web, &way.address, letter).await,
    }
}
