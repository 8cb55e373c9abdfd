//! Asking other people's services: each question once for good, at the pace that they ask for, whichever process asks.
//! Owns `lookup` and `lookup_pace`.

use std::time::Duration;

use secrecy::ExposeSecret;
use serde_json::Value;

use crate::db::Sql;
use crate::error::Error;
use crate::integrations::{Question, Trouble, Web, acoustid, coverart, lrclib, musicbrainz};
use crate::jobs::Context;

/// From one question to the next; the services ask for one second (musicbrainz.org/doc/MusicBrainz_API/Rate_Limiting).
const PACE_SECONDS: f64 = 1.1;
/// When a service is busy and does not say for how long.
const BUSY: Duration = Duration::from_secs(30);
/// After a service could not be reached: others need not find that out one by one, each at the cost of a time-out.
const AWAY: Duration = Duration::from_secs(5 * 60);
/// A service that wants to be left alone for longer is asked by another attempt of the job.
const PATIENCE_SECONDS: f64 = 60.0;

const KNOWN: &str = "select answer from lookup
    where service = $1 and question = $2 and (answer is not null or asked_at > now() - interval '30 days')";
const KEEP: &str = "insert into lookup (service, question, answer) values ($1, $2, $3)
    on conflict (service, question) do update set answer = excluded.answer, asked_at = now()";
// The row lock puts all who ask in a line; each gets the next free second.
const TAKE_TURN: &str =
    "update lookup_pace set free_at = greatest(free_at, clock_timestamp()) + make_interval(secs => $2)
    where service = $1 and free_at < clock_timestamp() + make_interval(secs => $3)
    returning extract(epoch from free_at - clock_timestamp())::double precision - $2";
const LEAVE_ALONE: &str =
    "update lookup_pace set free_at = greatest(free_at, clock_timestamp() + make_interval(secs => $2))
    where service = $1";

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum NoAnswer {
    /// The service.
    #[error(transparent)]
    Trouble(#[from] Trouble),
    /// The process stops, or a person cancelled the job.
    #[error("stopped")]
    Stopped,
    /// Our own side.
    #[error(transparent)]
    Ours(#[from] Error),
}

/// What a job asks through.
pub struct Lookups<'a> {
    context: &'a Context,
    web: Web,
}

impl<'a> Lookups<'a> {
    /// Through the process's one client.
    pub fn new(context: &'a Context) -> Self {
        Self { context, web: context.app.web() }
    }

    /// MusicBrainz's answer; none when it knows nothing of it.
    pub async fn musicbrainz(&self, question: &str) -> Result<Option<Value>, NoAnswer> {
        let base = self.context.app.settings.musicbrainz.url.trim_end_matches('/');
        self.ask(musicbrainz::SERVICE, musicbrainz::NAME, question, &format!("{base}{question}")).await
    }

    /// AcoustID's answer; none without a key.
    pub async fn acoustid(&self, question: &str) -> Result<Option<Value>, NoAnswer> {
        let settings = &self.context.app.settings;
        let Some(key) = settings.secrets.acoustid_key.as_ref() else { return Ok(None) };
        let base = settings.acoustid.url.trim_end_matches('/');
        let address = format!("{base}{}", acoustid::with_key(question, key.expose_secret()));
        self.ask(acoustid::SERVICE, acoustid::NAME, question, &address).await
    }

    /// LRCLIB's answer; none when it knows nothing of it.
    pub async fn lrclib(&self, question: &str) -> Result<Option<Value>, NoAnswer> {
        let base = self.context.app.settings.lrclib.url.trim_end_matches('/');
        self.ask(lrclib::SERVICE, lrclib::NAME, question, &format!("{base}{question}")).await
    }

    /// The Cover Art Archive's list; none when it has nothing of it.
    pub async fn pictures(&self, question: &str) -> Result<Option<Value>, NoAnswer> {
        let base = self.context.app.settings.coverart.url.trim_end_matches('/');
        self.ask(coverart::SERVICE, coverart::NAME, question, &format!("{base}{question}")).await
    }

    /// A picture, at this address, at the Cover Art Archive's pace; none when there is none. It is not kept: whoever asks
    /// keeps it.
    pub async fn picture(&self, address: &str) -> Result<Option<Vec<u8>>, NoAnswer> {
        self.take_turn(coverart::SERVICE, coverart::NAME).await?;
        let answer = tokio::select! {
            answer = self.web.send(coverart::NAME, Question::get(address, &[])) => answer,
            () = self.context.stop.cancelled() => return Err(NoAnswer::Stopped),
        };
        self.leave_alone(coverart::SERVICE, answer).await
    }

    async fn ask(
        &self,
        service: &'static str,
        name: &'static str,
        question: &str,
        address: &str,
    ) -> Result<Option<Value>, NoAnswer> {
        let db = &self.context.app.db;
        if let Some(known) = db.get().await?.maybe_row(KNOWN, &[&service, &question]).await? {
            return Ok(known.get(0));
        }
        self.take_turn(service, name).await?;
        let answer = tokio::select! {
            answer = self.web.ask(name, address) => answer,
            () = self.context.stop.cancelled() => return Err(NoAnswer::Stopped),
        };
        let answer = self.leave_alone(service, answer).await?.filter(|a| !is_nothing(a));
        db.get().await?.run(KEEP, &[&service, &question, &answer]).await?;
        Ok(answer)
    }

    /// Passes an answer on; after none, the service is not asked for a while.
    async fn leave_alone<T>(&self, service: &str, answer: Result<T, Trouble>) -> Result<T, NoAnswer> {
        let trouble = match answer {
            Ok(answer) => return Ok(answer),
            Err(trouble) => trouble,
        };
        let pause = match &trouble {
            Trouble::Busy { retry_after, .. } => Some(retry_after.unwrap_or(BUSY)),
            Trouble::Away(..) => Some(AWAY),
            Trouble::Refused(..) | Trouble::Rubbish(..) => None,
        };
        if let Some(pause) = pause {
            let seconds = pause.as_secs_f64().min(3600.0);
            self.context.app.db.get().await?.run(LEAVE_ALONE, &[&service, &seconds]).await?;
        }
        Err(trouble.into())
    }

    /// Waits for the next free second of a service.
    async fn take_turn(&self, service: &str, name: &'static str) -> Result<(), NoAnswer> {
        let client = self.context.app.db.get().await?;
        let turn = client.maybe_row(TAKE_TURN, &[&service, &PACE_SECONDS, &PATIENCE_SECONDS]).await?;
        drop(client);
        let Some(turn) = turn else {
            return Err(Trouble::Busy { service: name, retry_after: None }.into());
        };
        let wait = Duration::from_secs_f64(turn.get::<_, f64>(0).clamp(0.0, PATIENCE_SECONDS));
        tokio::select! {
            () = tokio::time::sleep(wait) => Ok(()),
            () = self.context.stop.cancelled() => Err(NoAnswer::Stopped),
        }
    }
}

/// A list with nothing in it is a "no" as well, and may be a "yes" some day.
fn is_nothing(answer: &Value) -> bool {
    let lists = ["releases", "recordings", "results"].map(|name| answer.get(name).and_then(Value::as_array));
    let is_empty = answer.as_array().is_some_and(Vec::is_empty);
    is_empty || lists.into_iter().flatten().any(Vec::is_empty) && answer.get("id").is_none()
}
