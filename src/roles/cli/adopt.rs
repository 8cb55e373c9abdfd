//! `barbossa import --adopt` and `barbossa library rescan`: the library is indexed where it lies; or it is said what
//! that would do.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde_json::{Value, json};

use super::args::Output;
use super::exit::Status;
use super::import::named;
use super::terminal;
use super::wire::Wire;

/// What may be said to `library rescan`.
#[derive(Debug, Args)]
pub struct RescanArgs {
    /// A folder beneath MUSIC_PATH/artists; else all of it
    pub dir: Option<PathBuf>,
    /// Only say what would be done
    #[arg(long)]
    pub dry_run: bool,
    /// Files that are gone are gone, however many they are
    #[arg(long)]
    pub accept_missing: bool,
    #[command(flatten)]
    pub output: Output,
}

pub async fn adopt(wire: &Wire, path: &Path, is_dry: bool, output: Output) -> anyhow::Result<Status> {
    look(wire, json!({"dir": named(path)?, "dry_run": is_dry}), output).await
}

pub async fn rescan(wire: &Wire, args: RescanArgs) -> anyhow::Result<Status> {
    let dir = args.dir.as_deref().map(named).transpose()?;
    let asked = json!({"dir": dir, "dry_run": args.dry_run, "accept_missing": args.accept_missing});
    look(wire, asked, args.output).await
}

async fn look(wire: &Wire, asked: Value, output: Output) -> anyhow::Result<Status> {
    let started = Instant::now();
    let bar = terminal::bar("files");
    let is_dry = asked["dry_run"] == true;
    let answer = wire.post("/api/admin/rescan", asked).await?;
    let mut result = wire.follow(answer["job_id"].as_i64().unwrap_or_default(), &bar).await?;
    let seconds = started.elapsed().as_secs_f64();
    result["took_seconds"] = json!(seconds);
    result["dry_run"] = json!(is_dry);
    if output.json {
        output.print(&result)?;
    } else {
        terminal::print(told(&result, seconds, is_dry))?;
    }
    Ok(Status::Done)
}

/// Sums and lines, for a person.
fn told(result: &Value, seconds: f64, is_dry: bool) -> String {
    let number = |name: &str| result.get(name).and_then(Value::as_u64).unwrap_or_default();
    let (files, unchanged) = (number("files"), number("unchanged_files"));
    let mut text = if files == 0 {
        format!("{unchanged} files looked at in {seconds:.1} s, none of them new or changed.")
    } else {
        format!(
            "{files} files read in {seconds:.1} s ({:.0} files/s), {unchanged} unchanged: {} albums, {} of them new, {} tracks.",
            files as f64 / seconds.max(0.001),
            number("albums"),
            number("new_albums"),
            number("tracks"),
        )
    };
    let counted = ["new", "changed", "moved", "returned", "missing", "damaged"];
    let counted = counted.iter().map(|what| (what, number(&format!("{what}_files")))).filter(|(_, n)| *n > 0);
    let counted: Vec<String> = counted.map(|(what, n)| format!("{n} {what}")).collect();
    if !counted.is_empty() {
        // Writing to a String cannot fail.
        let _ = write!(text, "\nFiles: {}.", counted.join(", "));
    }
    let list = |name: &str| result.get(name).and_then(Value::as_array).cloned().unwrap_or_default();
    for line in list("lines") {
        let part = |name: &str| line.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let _ = write!(text, "\n{}: {}", part("path"), part("what"));
    }
    for (name, word) in [("unreadable", "unreadable"), ("left_out", "left out")] {
        for line in list(name) {
            let _ = write!(text, "\n{word}: {}", line.as_str().unwrap_or_default());
        }
    }
    let unnamed = number("unreadable_files").saturating_sub(list("unreadable").len() as u64);
    if unnamed > 0 {
        let _ = write!(text, "\n... and {unnamed} more: journalctl -u barbossa-worker");
    }
    if is_dry {
        text.push_str("\nNothing was changed.");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_an_adoption_names_its_speed_and_what_could_not_be_read() {
        let result = json!({
            "files": 10_000, "albums": 1000, "tracks": 9998, "new_albums": 1000, "unchanged_files": 0,
            "new_files": 9998, "unreadable_files": 2, "unreadable": ["artists/a/b.flac: empty"],
            "lines": [{"path": "artists/a/One", "what": "10 new"}],
        });
        let text = told(&result, 2.0, true);
        assert!(text.starts_with("10000 files read in 2.0 s (5000 files/s)"), "{text}");
        assert!(text.contains("\nFiles: 9998 new.\nartists/a/One: 10 new"), "{text}");
        assert!(text.contains("\nunreadable: artists/a/b.flac: empty\n... and 1 more"), "{text}");
        assert!(text.ends_with("Nothing was changed."), "{text}");
    }

    #[test]
    fn a_rescan_that_finds_nothing_new_says_so() {
        let result = json!({"files": 0, "unchanged_files": 16, "missing_files": 0});
        assert_eq!(told(&result, 0.04, false), "16 files looked at in 0.0 s, none of them new or changed.");
        let result = json!({"files": 0, "unchanged_files": 15, "missing_files": 1});
        assert!(told(&result, 0.04, false).ends_with("none of them new or changed.\nFiles: 1 missing."));
    }
}
