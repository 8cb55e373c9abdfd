//! `barbossa import`: a folder of the inbox now, or a library that is filed already (`--adopt`).

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Instant;

use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::args::{ImportArgs, Output};
use super::exit::{Status, failure};
use super::{desk, import_show as show, job, terminal};
use crate::app::App;
use crate::files::path_to_text;
use crate::imports::{Adopt, ImportRelease, is_importable, source_of};
use crate::jobs;

pub fn run(args: ImportArgs) -> anyhow::Result<Status> {
    if let Some(command) = args.command {
        return desk::with_app(|app| show::run(app, command));
    }
    // As seen from where the command was given, which is left together with root's rights.
    let path =
        std::path::absolute(args.adopt.as_ref().or(args.path.as_ref()).expect("clap asks for one of them"))?;
    let ImportArgs { wait, output, adopt, .. } = args;
    desk::with_app(|app| async move {
        if adopt.is_some() {
            adopt_library(&app, &path, output).await
        } else {
            import(&app, &path, wait, output).await
        }
    })
}

async fn import(app: &App, path: &Path, wait: bool, output: Output) -> anyhow::Result<Status> {
    let relative = within_music(app, path)?;
    if !is_importable(&relative) {
        let message = format!(
            "{} is no folder of the inbox: copy it into {} first.",
            path.display(),
            app.music().join("import/pending").display()
        );
        return Err(failure(Status::Usage, message));
    }
    let source = source_of(&relative).to_owned();
    let release = ImportRelease { path: relative, source, requested_by: None };
    let id = jobs::enqueue(&app.db.get().await?, &release).await?;
    if !wait {
        tell(
            output,
            &json!({"job_id": id, "path": release.path}),
            &format!("Job {id} takes it in when it has settled."),
        )?;
        return Ok(Status::Done);
    }
    let spinner = terminal::spinner();
    spinner.set_message("waiting for the worker");
    let result = job::follow(app, id, &spinner).await?;
    let state = result.get("state").and_then(Value::as_str).unwrap_or("done");
    tell(output, &result, &format!("{}: {state}", release.path))?;
    Ok(Status::Done)
}

async fn adopt_library(app: &App, path: &Path, output: Output) -> anyhow::Result<Status> {
    let dir = within_music(app, path)?;
    if dir != "artists" && !dir.starts_with("artists/") {
        let message =
            format!("A library is adopted where it lies: beneath {}.", app.music().join("artists").display());
        return Err(failure(Status::Usage, message));
    }
    let started = Instant::now();
    let id = jobs::enqueue(&app.db.get().await?, &Adopt { dir }).await?;
    let bar: ProgressBar = terminal::bar("files");
    let mut result = job::follow(app, id, &bar).await?;
    let seconds = started.elapsed().as_secs_f64();
    result["took_seconds"] = json!(seconds);
    tell(output, &result, &adopted(&result, seconds))?;
    Ok(Status::Done)
}

fn adopted(result: &Value, seconds: f64) -> String {
    let number = |name: &str| result.get(name).and_then(Value::as_u64).unwrap_or_default();
    let (files, unchanged) = (number("files"), number("unchanged_files"));
    let mut text = format!(
        "{files} files read in {seconds:.1} s ({:.0} files/s), {unchanged} unchanged: {} albums, {} of them new, {} tracks.",
        files as f64 / seconds.max(0.001),
        number("albums"),
        number("new_albums"),
        number("tracks"),
    );
    let unreadable = result.get("unreadable").and_then(Value::as_array);
    for file in unreadable.into_iter().flatten().filter_map(Value::as_str) {
        text.push_str("\nunreadable: ");
        text.push_str(file);
    }
    let unnamed = number("unreadable_files").saturating_sub(unreadable.map_or(0, |u| u.len() as u64));
    if unnamed > 0 {
        // Writing to a String cannot fail.
        let _ = write!(text, "\n... and {unnamed} more: journalctl -u barbossa-worker");
    }
    text
}

/// Relative to MUSIC_PATH, as jobs have it.
fn within_music(app: &App, path: &Path) -> anyhow::Result<String> {
    let meta = std::fs::metadata(path).map_err(|e| match e.kind() {
        std::io::ErrorKind::NotFound => {
            failure(Status::NotFound, format!("{} is not there.", path.display()))
        }
        _ => anyhow::Error::from(e).context(path.display().to_string()),
    })?;
    if !meta.is_dir() {
        return Err(failure(Status::Usage, format!("{} is not a folder.", path.display())));
    }
    // The same folder may be known by another way, over a symbolic link.
    let ways =
        [(path.to_owned(), app.music().to_owned()), (path.canonicalize()?, app.music().canonicalize()?)];
    let relative = ways.iter().find_map(|(path, music)| path.strip_prefix(music).ok());
    let relative: PathBuf = relative.map(|r| r.components().collect()).ok_or_else(|| {
        let message =
            format!("{} does not lie in the music folder, {}.", path.display(), app.music().display());
        failure(Status::Usage, message)
    })?;
    Ok(path_to_text(&relative))
}

fn tell(output: Output, result: &Value, text: &str) -> anyhow::Result<()> {
    if output.json { terminal::print_json(result) } else { Ok(terminal::print(text)?) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_of_an_adoption_names_its_speed_and_what_could_not_be_read() {
        let result = json!({
            "files": 10_000, "albums": 1000, "tracks": 9998, "new_albums": 1000, "unchanged_files": 0,
            "unreadable_files": 2, "unreadable": ["artists/a/b.flac"],
        });
        let text = adopted(&result, 2.0);
        assert!(text.starts_with("10000 files read in 2.0 s (5000 files/s)"), "{text}");
        assert!(text.contains("\nunreadable: artists/a/b.flac\n... and 1 more"), "{text}");
    }
}
