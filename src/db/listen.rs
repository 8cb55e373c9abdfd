//! One connection of the process's own that listens; everyone in the process hears it.
//!
//! What is said while the connection is down is lost, so each (re)connect sends `Notice::Resync`: whoever waits for
//! something then looks for it once. Notifications are a hint; looking is the guarantee.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::sync::{broadcast, watch};
use tokio_postgres::{AsyncMessage, NoTls};
use tokio_util::sync::CancellationToken;

use super::Db;

/// What was heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notice {
    /// The connection is new: look for yourself what was missed.
    Resync,
    /// `pg_notify(channel, payload)` was committed somewhere.
    Message {
        /// `barbossa_job`, `barbossa_job_end`, `barbossa_event`, `barbossa_session`.
        channel: String,
        /// As given to `pg_notify`.
        payload: String,
    },
}

/// The process's ear. Cheap to clone.
#[derive(Clone)]
pub struct Notices {
    sender: broadcast::Sender<Notice>,
    connected: watch::Sender<bool>,
}

impl Default for Notices {
    fn default() -> Self {
        Self { sender: broadcast::channel(4096).0, connected: watch::channel(false).0 }
    }
}

impl Notices {
    /// A receiver of all that is heard from now on. Subscribe first, then look. `Lagged` means the same as `Resync`.
    pub fn subscribe(&self) -> broadcast::Receiver<Notice> {
        self.sender.subscribe()
    }

    /// Whether what is said now is heard.
    pub fn is_connected(&self) -> bool {
        *self.connected.borrow()
    }

    /// Listens until `stop`; connects again by itself, at most a second after the server is back.
    pub async fn run(&self, db: &Db, channels: &[&str], stop: CancellationToken) {
        loop {
            let heard = tokio::select! {
                () = stop.cancelled() => return,
                r = self.listen(db, channels) => r,
            };
            self.connected.send_replace(false);
            if let Err(error) = heard {
                tracing::debug!(error = &error as &dyn std::error::Error, "not listening to PostgreSQL");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(Duration::from_millis(500)) => {}
            }
        }
    }

    async fn listen(&self, db: &Db, channels: &[&str]) -> Result<(), tokio_postgres::Error> {
        let mut config = db.config().clone();
        config.options("-c statement_timeout=0 -c idle_session_timeout=0");
        let (client, mut connection) = config.connect(NoTls).await?;
        let mut messages = stream::poll_fn(move |cx| connection.poll_message(cx));
        let listen: String = channels.iter().map(|c| format!("listen {c};")).collect();
        let mut ready = std::pin::pin!(client.batch_execute(&listen));
        let mut is_ready = false;
        loop {
            tokio::select! {
                done = &mut ready, if !is_ready => {
                    done?;
                    is_ready = true;
                    self.connected.send_replace(true);
                    let _ = self.sender.send(Notice::Resync);
                }
                message = messages.next() => match message {
                    Some(Ok(AsyncMessage::Notification(n))) => {
                        let notice = Notice::Message { channel: n.channel().into(), payload: n.payload().into() };
                        // An error means that nobody listens at the moment.
                        let _ = self.sender.send(notice);
                    }
                    Some(Ok(_)) => {}
                    Some(Err(error)) => return Err(error),
                    None => return Ok(()),
                },
            }
        }
    }
}
