//! Tells the players of the folders in which something changed: many at once, each player by itself, again when it was away.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::Player;
use crate::db::Sql;
use crate::error::Result;
use crate::files::text_to_path;
use crate::jobs::{Context, Job, Outcome, Queue};

/// At once.
const MANY: i64 = 2000;
/// A player that is away is told again after so long, and later and later.
const SOON: Duration = Duration::from_secs(30);
const LATE: Duration = Duration::from_secs(15 * 60);
/// After that it will have looked by itself.
const PATIENCE: Duration = Duration::from_secs(24 * 3600);

/// Tells all players of all folders that changed.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct TellPlayers {}

struct Changed {
    path: String,
    version: i64,
    waiting: Option<Vec<String>>,
    changed_at: Timestamp,
}

const CHANGED: &str =
    "select path, version, waiting, changed_at from player_folder order by changed_at, path limit $1";
const TOLD: &str = "delete from player_folder f using unnest($1::text[], $2::bigint[]) as t (path, version)
    where f.path = t.path and f.version = t.version";
const TELL_AGAIN: &str = "update player_folder f set waiting = $3
    from unnest($1::text[], $2::bigint[]) as t (path, version) where f.path = t.path and f.version = t.version";

impl Job for TellPlayers {
    const KIND: &'static str = "players.tell";
    const QUEUE: Queue = Queue::Network;
    const PRIORITY: i16 = 5;

    fn unique_key(&self) -> Option<String> {
        Some("all".into())
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        let app = &context.app;
        let rows = app.db.get().await?.rows(CHANGED, &[&MANY]).await?;
        let all: Vec<Changed> = rows
            .iter()
            .map(|row| Changed {
                path: row.get(0),
                version: row.get(1),
                waiting: row.get(2),
                changed_at: row.get(3),
            })
            .collect();
        let mut away = Vec::new();
        let mut reasons = Vec::new();
        for player in Player::ALL.into_iter().filter(|player| player.is_told(&app.settings)) {
            let folders: Vec<PathBuf> = all
                .iter()
                .filter(|folder| folder.concerns(player))
                .map(|folder| app.music().join(text_to_path(&folder.path)))
                .collect();
            if folders.is_empty() {
                continue;
            }
            match player.tell(app, &folders).await {
                Ok(()) => tracing::info!(player = player.name(), folders = folders.len(), "told"),
                Err(trouble) => {
                    tracing::warn!(player = player.name(), folders = folders.len(), "not told: {trouble}");
                    reasons.push(trouble.to_string());
                    away.push(player);
                }
            }
        }
        self.write(context, &all, &away).await?;
        let oldest = all.iter().map(|folder| folder.changed_at).min();
        Ok(match oldest {
            Some(since) if !away.is_empty() => Outcome::Snooze(pause(app.clock.now(), since)),
            _ if all.len() as i64 == MANY => Outcome::Snooze(Duration::ZERO),
            _ => Outcome::Done(json!({"folders": all.len(), "not_told": reasons})),
        })
    }
}

impl Changed {
    fn concerns(&self, player: Player) -> bool {
        self.waiting.as_ref().is_none_or(|waiting| waiting.iter().any(|name| name == player.name()))
    }
}

impl TellPlayers {
    /// What all were told of is forgotten; so is what a player is not told of for a day.
    async fn write(&self, context: &Context, all: &[Changed], away: &[Player]) -> Result<()> {
        let now = context.app.clock.now();
        let is_old = |folder: &Changed| {
            Duration::try_from(now.duration_since(folder.changed_at)).is_ok_and(|age| age > PATIENCE)
        };
        let is_left =
            |folder: &&Changed| !is_old(folder) && away.iter().any(|player| folder.concerns(*player));
        let (left, told): (Vec<&Changed>, Vec<&Changed>) = all.iter().partition(is_left);
        let columns = |rows: &[&Changed]| -> (Vec<String>, Vec<i64>) {
            rows.iter().map(|folder| (folder.path.clone(), folder.version)).unzip()
        };
        let client = context.app.db.get().await?;
        let (paths, versions) = columns(&told);
        client.run(TOLD, &[&paths, &versions]).await?;
        let (paths, versions) = columns(&left);
        let names: Vec<&str> = away.iter().map(|player| player.name()).collect();
        client.run(TELL_AGAIN, &[&paths, &versions, &names]).await?;
        Ok(())
    }
}

/// As long again as it has been away, within bounds.
fn pause(now: Timestamp, since: Timestamp) -> Duration {
    Duration::try_from(now.duration_since(since)).unwrap_or_default().clamp(SOON, LATE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longer_a_player_is_away_the_later_it_is_told_again() {
        let since: Timestamp = "2024-01-01T00:00:00Z".parse().unwrap();
        let after = |seconds: i64| pause(since + jiff::SignedDuration::from_secs(seconds), since);
        assert_eq!((after(0), after(100), after(99_999)), (SOON, Duration::from_secs(100), LATE));
        assert_eq!(after(-5), SOON);
    }
}
