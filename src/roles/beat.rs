//! The beat: puts due jobs into the queue, once each, also with several beats and after a time that was missed.

use std::pin::pin;
use std::process::ExitCode;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::{Play, play, rooms, wait_until_usable};
use crate::app::App;
use crate::config::Settings;
use crate::jobs::schedule::Beat;
use crate::lifecycle::Life;

/// Runs the role to its end.
pub fn run(settings: Settings) -> ExitCode {
    let role = Play {
        role: "beat",
        connections: 2,
        drain: Duration::from_secs(10),
        has_network: false,
        channels: &[],
    };
    play(role, settings, live)
}

async fn live(app: App, life: Life) -> anyhow::Result<()> {
    let beat = Beat::new(app.clone(), rooms::timetable())?;
    if !wait_until_usable(&app, &life).await {
        return Ok(());
    }
    life.ready();
    let mut second = interval(Duration::from_secs(1));
    second.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut run = pin!(beat.run(life.stop.clone(), || life.progress()));
    loop {
        tokio::select! {
            () = &mut run => return Ok(()),
            _ = second.tick() => life.status(&beat.status()),
        }
    }
}
