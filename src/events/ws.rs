//! `GET /ws`: what happens, as it happens, to whoever is logged in.
//!
//! A client proves who it is by cookie, by header, by `?ticket=`, or by its first message `{"type":"auth","token":…}`.
//! Then it hears everything addressed to it, or only the channels that it subscribed to. Each event carries `seq`;
//! after a reconnect `{"type":"resume","after":seq}`, or `?after=seq` at once, brings what was missed. Whoever is too slow is sent away, and
//! comes back that way.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::extract::{RawQuery, State};
use axum::response::Response;
use futures_util::{SinkExt, StreamExt};
use http::uri::Authority;
use http::{HeaderMap, Uri, header};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Instant, MissedTickBehavior};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::relay::{self, Event, Heard, MOST_RETOLD, Relay};
use crate::app::{App, Via};
use crate::auth::access::Known;
use crate::auth::{self, Purpose, User, access};
use crate::error::{Error, Problem, Result};

const CHANNELS: &[&str] = &["downloads", "activity", "library", "imports", "exports"];
const HEARTBEAT_EVERY: Duration = Duration::from_secs(30);
/// Browsers answer each ping by themselves: who is silent for so long is gone.
const SILENT_FOR: Duration = Duration::from_secs(75);
/// A message that cannot be sent in this time goes to someone who does not read.
const SEND_WITHIN: Duration = Duration::from_secs(10);
const AUTH_WITHIN: Duration = Duration::from_secs(10);
/// What clients say is short.
const LONGEST_MESSAGE: usize = 8 * 1024;
const READ_BUFFER: usize = 1024;
/// More than can be on its way twice: what a resume brings, and what waits for a listener meanwhile.
const MOST_REMEMBERED: usize = 1024;
const MOST_PER_USER: usize = 10;

// RFC 6455, section 7.4.1; 4000 and above are an application's own.
const GOING_AWAY: u16 = 1001;
const NOT_ALLOWED: u16 = 1008;
const TRY_AGAIN_LATER: u16 = 1013;
const INVALID_TOKEN: u16 = 4001;

/// At the root.
pub fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(live_events))
}

/// Live events over a WebSocket. Who it is: the cookie, `Authorization`, a ticket, or the first message.
#[utoipa::path(get, path = "/ws", tag = "events", security((), ("bearer" = []), ("cookie" = []), ("ticket" = [])),
    responses((status = 101, description = "It is a WebSocket now"), (status = 400, body = Problem), (status = 403, body = Problem),
        (status = 426, body = Problem, description = "It was not asked for a WebSocket")))]
async fn live_events(
    State(app): State<App>,
    RawQuery(query): RawQuery,
    via: Option<Extension<Via>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Result<Response> {
    let via = via.map(|Extension(via)| via);
    let query = query.as_deref().unwrap_or_default();
    let proof = proof(&app, via, &headers, query).await?;
    let after = access::parameter(query, "after").and_then(|seq| seq.parse().ok());
    // What a client says is short, and the buffer for it is held as long as it listens: 128 KiB unless told.
    let upgrade = upgrade.read_buffer_size(READ_BUFFER).write_buffer_size(0);
    let upgrade = upgrade.max_message_size(LONGEST_MESSAGE).max_frame_size(LONGEST_MESSAGE);
    Ok(upgrade.on_upgrade(move |socket| serve(app, socket, proof, after)))
}

/// What the opening request showed.
enum Proof {
    Of(User),
    Wrong,
    NotYet,
}

async fn proof(app: &App, via: Option<Via>, headers: &HeaderMap, query: &str) -> Result<Proof> {
    let found = if let Some(ticket) = access::parameter(query, "ticket") {
        auth::user_of_ticket(app, &ticket, Purpose::Ws).await?
    } else if let Some(token) = first_versions_token(app, query) {
        auth::find_by_token(app, &token).await?
    } else {
        let known = access::known(app, via, headers).await?;
        let is_chosen = matches!(known, Known::Nobody) || access::bearer(headers).is_some();
        // A browser sends the cookie whichever page asks, and no rule of same origin stops a WebSocket.
        if !is_chosen && !is_our_page(app, headers) {
            return Err(Error::Forbidden("This page may not listen here"));
        }
        match known {
            Known::User(user) => Some(user),
            Known::Wrong => None,
            Known::Nobody => return Ok(Proof::NotYet),
        }
    };
    Ok(found.map_or(Proof::Wrong, Proof::Of))
}

/// Clients of the first version put the session's token into the URL, where logs keep it: only while the settings allow.
fn first_versions_token(app: &App, query: &str) -> Option<String> {
    if app.settings.compat.query_tokens { access::parameter(query, "token") } else { None }
}

fn is_our_page(app: &App, headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN).and_then(|o| o.to_str().ok()) else {
        // Not a browser.
        return true;
    };
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok());
    let is_same = origin.parse::<Uri>().is_ok_and(|o| o.authority().map(Authority::as_str) == host);
    is_same || app.settings.api.cors_origins.iter().any(|allowed| allowed == origin)
}

/// Why a conversation ends from our side.
#[derive(Debug)]
enum End {
    Say(u16, &'static str),
    /// Nobody is there to be told.
    Gone,
}

async fn serve(app: App, mut socket: WebSocket, proof: Proof, after: Option<i64>) {
    // Kept until the goodbye is said: a process that stops waits for it.
    let mut seat = None;
    let end = match identify(&app, &mut socket, proof).await {
        Ok(user) => {
            seat = app.kept::<Relay>().admit(user.id, MOST_PER_USER);
            match seat {
                Some(_) => Conversation::new(app, user).hold(&mut socket, after).await,
                None => End::Say(NOT_ALLOWED, "Too many connections"),
            }
        }
        Err(end) => end,
    };
    if let End::Say(code, reason) = end {
        let goodbye = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
        let _ = tokio::time::timeout(SEND_WITHIN, async {
            socket.send(goodbye).await?;
            // The other side's answer ends it cleanly; what else it still says does not matter.
            while let Some(Ok(_)) = socket.next().await {}
            socket.close().await
        })
        .await;
    }
    drop(seat);
}

async fn identify(app: &App, socket: &mut WebSocket, proof: Proof) -> Result<User, End> {
    let invalid = || End::Say(INVALID_TOKEN, "Invalid token");
    match proof {
        Proof::Of(user) => return Ok(user),
        Proof::Wrong => return Err(invalid()),
        Proof::NotYet => {}
    }
    let said = tokio::time::timeout(AUTH_WITHIN, async {
        loop {
            match socket.next().await {
                Some(Ok(Message::Text(text))) => return Some(text),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                _ => return None,
            }
        }
    });
    match said.await {
        Err(_) => Err(invalid()),
        Ok(None) => Err(End::Gone),
        Ok(Some(text)) => match serde_json::from_str(&text) {
            Ok(Said::Auth { token }) => match auth::find_by_token(app, &token).await {
                Ok(Some(user)) => Ok(user),
                Ok(None) => Err(invalid()),
                Err(_) => Err(End::Say(TRY_AGAIN_LATER, "Try again in a moment")),
            },
            _ => Err(invalid()),
        },
    }
}

/// What a client may say.
#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
enum Said {
    Auth {
        token: String,
    },
    Ping,
    Subscribe {
        channel: String,
    },
    Unsubscribe {
        channel: String,
    },
    Resume {
        after: i64,
    },
    #[serde(other)]
    Other,
}

/// One client, once it is known.
struct Conversation {
    app: App,
    user: User,
    relay: Arc<Relay>,
    /// None as long as the client never subscribed: everything.
    channels: Option<BTreeSet<&'static str>>,
    /// What was told here, live or on `resume`: the two overlap, and nothing is told twice.
    told: VecDeque<i64>,
    heard_at: Instant,
}

impl Conversation {
    fn new(app: App, user: User) -> Self {
        let relay = app.kept::<Relay>();
        Self { app, user, relay, channels: None, told: VecDeque::new(), heard_at: Instant::now() }
    }

    /// `after`: from where to resume at once.
    async fn hold(mut self, socket: &mut WebSocket, after: Option<i64>) -> End {
        let mut events = self.relay.subscribe();
        if let Err(end) = self.greet(socket).await {
            return end;
        }
        if let Some(after) = after
            && let Err(end) = self.resume(socket, after).await
        {
            return end;
        }
        let mut heartbeat = tokio::time::interval_at(Instant::now() + HEARTBEAT_EVERY, HEARTBEAT_EVERY);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let done = tokio::select! {
                () = self.relay.closing().cancelled() => Err(End::Say(GOING_AWAY, "Restarting")),
                said = socket.next() => self.answer(socket, said).await,
                heard = events.recv() => self.pass_on(socket, heard, &mut events).await,
                _ = heartbeat.tick() => self.beat(socket).await,
            };
            if let Err(end) = done {
                return end;
            }
        }
    }

    /// From where to resume, should the connection break before anything was heard.
    async fn greet(&mut self, socket: &mut WebSocket) -> Result<(), End> {
        // The session may have ended before we began to listen.
        self.still_allowed().await?;
        send(socket, &json!({"type": "connected", "seq": self.relay.newest()})).await
    }

    async fn answer(
        &mut self,
        socket: &mut WebSocket,
        said: Option<Result<Message, axum::Error>>,
    ) -> Result<(), End> {
        self.heard_at = Instant::now();
        let text = match said {
            Some(Ok(Message::Text(text))) => text,
            Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(End::Gone),
            Some(Ok(_)) => return Ok(()),
        };
        let Ok(said) = serde_json::from_str::<Said>(&text) else {
            return send(socket, &json!({"type": "error", "message": "This is not understood"})).await;
        };
        match said {
            Said::Ping => send(socket, &json!({"type": "pong"})).await,
            Said::Subscribe { channel } => {
                let reply = self.subscribe(&channel);
                send(socket, &reply).await
            }
            Said::Unsubscribe { channel } => {
                let channels = self.channels.get_or_insert_default();
                channels.retain(|c| *c != channel);
                send(socket, &json!({"type": "unsubscribed", "channel": channel})).await
            }
            Said::Resume { after } => self.resume(socket, after).await,
            Said::Auth { .. } | Said::Other => Ok(()),
        }
    }

    fn subscribe(&mut self, channel: &str) -> Value {
        match CHANNELS.iter().find(|c| **c == channel) {
            Some(known) => {
                self.channels.get_or_insert_default().insert(known);
                json!({"type": "subscribed", "channel": channel})
            }
            None => json!({"type": "error", "message": format!("Unknown channel: {channel}")}),
        }
    }

    /// All that was missed, or, when it is too much (or too long ago), that everything should be looked at anew.
    async fn resume(&mut self, socket: &mut WebSocket, after: i64) -> Result<(), End> {
        let Ok(missed) = self.missed(after).await else {
            return Err(End::Say(TRY_AGAIN_LATER, "Try again in a moment"));
        };
        let Some(missed) = missed else { return send(socket, &json!({"type": "resync"})).await };
        let newest = missed.last().map_or(after, |e| e.seq.max(after));
        for event in &missed {
            self.tell(socket, event).await?;
        }
        send(socket, &json!({"type": "resumed", "seq": newest})).await
    }

    /// None when it is too much, or was forgotten meanwhile.
    async fn missed(&self, after: i64) -> Result<Option<Vec<Event>>> {
        let client = self.app.db.get().await?;
        if relay::is_forgotten(&client, after).await? {
            return Ok(None);
        }
        let missed = relay::after(&client, after, Some(self.user.id), MOST_RETOLD).await?;
        Ok(Some(missed).filter(|all| i64::try_from(all.len()).is_ok_and(|n| n < MOST_RETOLD)))
    }

    async fn pass_on(
        &mut self,
        socket: &mut WebSocket,
        heard: Result<Heard, RecvError>,
        events: &mut broadcast::Receiver<Heard>,
    ) -> Result<(), End> {
        match heard {
            Ok(Heard::Event(event)) => self.tell(socket, &event).await,
            Ok(Heard::SessionsChanged) => {
                // Several changes at once need one look.
                if events.is_empty() { self.still_allowed().await } else { Ok(()) }
            }
            Err(RecvError::Lagged(_)) => Err(End::Say(TRY_AGAIN_LATER, "Too slow: resume")),
            Err(RecvError::Closed) => Err(End::Say(GOING_AWAY, "Restarting")),
        }
    }

    async fn tell(&mut self, socket: &mut WebSocket, event: &Event) -> Result<(), End> {
        let is_wanted = self.channels.as_ref().is_none_or(|c| {
            c.iter().any(|channel| event.is_on(channel))
                || matches!(event.kind.as_str(), "notification" | "toast")
        });
        if !is_wanted || !event.is_for(&self.user) || self.told.contains(&event.seq) {
            return Ok(());
        }
        if self.told.len() >= MOST_REMEMBERED {
            self.told.pop_front();
        }
        self.told.push_back(event.seq);
        send(socket, &event.to_json()).await
    }

    async fn beat(&mut self, socket: &mut WebSocket) -> Result<(), End> {
        if self.heard_at.elapsed() > SILENT_FOR {
            return Err(End::Gone);
        }
        self.still_allowed().await?;
        let now = self.app.clock.now().to_string();
        send(socket, &json!({"type": "heartbeat", "timestamp": now})).await?;
        put(socket, Message::Ping(Vec::new().into())).await
    }

    /// The session may have ended, the user may no longer be an admin. While PostgreSQL is away nothing is told anyway.
    async fn still_allowed(&mut self) -> Result<(), End> {
        match access::still_known(&self.app, &self.user).await {
            Ok(Some(user)) => {
                self.user = user;
                Ok(())
            }
            Ok(None) => Err(End::Say(INVALID_TOKEN, "Invalid token")),
            Err(_) => Ok(()),
        }
    }
}

async fn send(socket: &mut WebSocket, json: &Value) -> Result<(), End> {
    put(socket, Message::Text(json.to_string().into())).await
}

async fn put(socket: &mut WebSocket, message: Message) -> Result<(), End> {
    match tokio::time::timeout(SEND_WITHIN, SinkExt::send(socket, message)).await {
        Ok(Ok(())) => Ok(()),
        // Too slow to be told so.
        Ok(Err(_)) | Err(_) => Err(End::Gone),
    }
}
