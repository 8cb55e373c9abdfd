//! yt-dlp: sound from the pages that it knows (its README and `yt-dlp --help` document the options and the output template;
//! yt_dlp/extractor/common.py documents the fields of its information in JSON).

use std::path::PathBuf;
use std::time::Duration;

use futures_util::future::BoxFuture;

use super::adapter::{Adapter, Health};
use crate::config::Settings;
use crate::process::{Failed, Program};

/// Python takes its time on a cold disk.
const VERSION: Duration = Duration::from_secs(20);

/// The program, as this house uses it.
pub struct YtDlp {
    program: PathBuf,
}

impl YtDlp {
    /// As the settings have it.
    pub fn new(settings: &Settings) -> Self {
        Self { program: settings.downloads.yt_dlp_path.clone() }
    }

    async fn look(&self) -> Health {
        let asked = Program::new(&self.program).arg("--ignore-config").arg("--version").deadline(VERSION);
        match asked.run().await {
            Ok(said) => {
                let version = String::from_utf8_lossy(&said.stdout).trim().to_owned();
                Health::Ok { version: Some(version).filter(|v| !v.is_empty()) }
            }
            Err(Failed::NotFound { .. }) => Health::Off("It is not installed: apt install yt-dlp".into()),
            Err(failed) => Health::Down(failed.to_string()),
        }
    }
}

impl Adapter for YtDlp {
    fn name(&self) -> &'static str {
        "yt_dlp"
    }

    fn title(&self) -> (&'static str, &'static str) {
        ("yt-dlp", "sound from pasted addresses")
    }

    fn health(&self) -> BoxFuture<'_, Health> {
        Box::pin(self.look())
    }
}
