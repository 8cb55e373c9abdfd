//! `barbossa check-config`: everything that is wrong with the settings, at once, for people, for units and for programs.

use std::path::Path;

use anyhow::Context;
use serde_json::json;

use super::args::{CheckArgs, Role};
use super::exit::Status;
use super::terminal::{complain, count, print, print_json};
use crate::config::{self, EnvFile, KEYS, Loaded, Problem, Problems, Severity, Sources};

pub fn run(args: &CheckArgs) -> anyhow::Result<Status> {
    let (loaded, subject) = if let Some(file) = &args.env_file {
        (judge(file)?, file.display().to_string())
    } else {
        let sources = Sources::of_process();
        let loaded = config::load(&Sources { role: args.role.map(Role::name), ..sources });
        let subject = described(&loaded);
        (loaded, subject)
    };
    let status = if loaded.problems.has_errors() { Status::Failed } else { Status::Done };
    if args.output.json {
        print_json(&json!({
            "ok": status == Status::Done,
            "files": loaded.files,
            "problems": loaded.problems.0,
            "settings": shown(&loaded),
        }))?;
    } else {
        tell(&loaded.problems);
        if !args.quiet {
            print(verdict(&loaded.problems, &subject))?;
        }
    }
    Ok(status)
}

/// What a role or a command says before it gives up.
pub fn tell(problems: &Problems) {
    // systemd takes the number in front as the priority of the line.
    let is_unit = std::env::var_os("JOURNAL_STREAM").is_some() && std::env::var_os("INVOCATION_ID").is_some();
    for problem in &problems.0 {
        match (is_unit, problem.severity) {
            (false, _) => complain(problem),
            (true, severity) => {
                let priority = if severity == Severity::Error { 3 } else { 4 };
                for line in problem.to_string().lines() {
                    complain(format_args!("<{priority}>{line}"));
                }
            }
        }
    }
}

/// An `.env` alone, as if it were all that is set.
fn judge(file: &Path) -> anyhow::Result<Loaded> {
    let env = EnvFile::read(file).with_context(|| file.display().to_string())?;
    let mut loaded = config::load(&env.sources());
    let is_about_it = |p: &Problem| p.place.is_some();
    loaded.problems.0.retain(is_about_it);
    loaded.problems.0.extend(env.problems);
    Ok(loaded)
}

fn described(loaded: &Loaded) -> String {
    let files = loaded.files.iter().map(|f| f.display().to_string()).collect::<Vec<_>>().join(", ");
    let from_elsewhere = loaded.origins.len();
    let files = if files.is_empty() { "no settings file".to_owned() } else { files };
    format!("{files} ({} set)", count(from_elsewhere, "value"))
}

fn verdict(problems: &Problems, subject: &str) -> String {
    let of = |severity| problems.0.iter().filter(|p| p.severity == severity).count();
    match (of(Severity::Error), of(Severity::Warning)) {
        (0, 0) => format!("{subject}: all is well"),
        (errors, warnings) => {
            format!("{subject}: {}, {}", count(errors, "error"), count(warnings, "warning"))
        }
    }
}

/// Each setting with its value and where it was given.
fn shown(loaded: &Loaded) -> serde_json::Value {
    let settings = KEYS.iter().map(|key| {
        let origin = loaded.origins.get(key.name).map_or("default", |o| o.0.as_str());
        let value = config::redacted(&key.show(&loaded.settings));
        (key.name.to_owned(), json!({"value": value, "from": origin}))
    });
    serde_json::Value::Object(settings.collect())
}
