//! `barbossa import`: a folder of the inbox now, or a library that is filed already (`--adopt`).

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::args::{ImportArgs, Output};
use super::exit::{Status, failure};
use super::{adopt, desk, import_show as show, job, terminal};
use crate::app::App;
use crate::files::path_to_text;
use crate::imports::{ImportRelease, is_importable, source_of};
use crate::jobs;

pub fn run(args: ImportArgs) -> anyhow::Result<Status> {
    if let Some(command) = args.command {
        return desk::with_app(|app| show::run(app, command));
    }
    // As seen from where the command was given, which is left together with root's rights.
    let path =
        std::path::absolute(args.adopt.as_ref().or(args.path.as_ref()).expect("clap asks for one of them"))?;
    let is_adoption = args.adopt.is_some();
    let ImportArgs { wait, output, dry_run, .. } = args;
    desk::with_app(|app| async move {
        if is_adoption {
            adopt::adopt(&app, &path, dry_run, output).await
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

/// Relative to MUSIC_PATH, as jobs have it.
pub fn within_music(app: &App, path: &Path) -> anyhow::Result<String> {
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
