//! `barbossa setup import-env FILE`: settings of the first version into `conf.d/50-imported.toml`, secrets into credentials.
//!
//! What cannot be used is left out, and the report says why: the rest is worth having. Nothing is overwritten.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use anyhow::Context;

use super::{Places, Status, create, create_closed, failure};
use crate::config::{EnvFile, KEYS, Key, Problem, SECRETS, Secret, Settings, Severity, Sources, load};

const FILE: &str = "50-imported.toml";

pub(super) fn run(file: &Path, places: &Places) -> anyhow::Result<Vec<String>> {
    let env = EnvFile::read(file).with_context(|| file.display().to_string())?;
    let target = places.drop_in(FILE);
    if target.exists() {
        let message = format!(
            "{} is there already: an .env is carried over once. Edit it, or move it away.",
            target.display()
        );
        return Err(failure(Status::Failed, message));
    }
    let mut plan = Plan::default();
    for key in KEYS {
        plan.take_setting(key, &env);
    }
    for secret in SECRETS {
        plan.take_secret(secret, &env, places)?;
    }
    plan.left_out.extend(env.problems.iter().map(ToString::to_string));
    plan.carry_out(file, &target, places)
}

#[derive(Default)]
struct Plan {
    settings: Vec<(&'static Key, String)>,
    secrets: Vec<(&'static Secret, String)>,
    left_out: Vec<String>,
    next: Vec<String>,
}

impl Plan {
    fn take_setting(&mut self, key: &'static Key, env: &EnvFile) {
        let Some((name, text)) = key.env.and_then(|name| Some((name, env.get(name)?))) else { return };
        if key.name == "music_path" {
            // More than a setting has to follow it: the units, nginx, the rights on the folder.
            self.next.push(format!("Music stays where it is after: barbossa setup music-path '{text}'"));
            return;
        }
        match alone(key.name, name, env) {
            Ok(settings) => self.settings.push((key, key.show(&settings))),
            Err(problem) => self.left_out.push(problem.to_string()),
        }
    }

    fn take_secret(&mut self, secret: &'static Secret, env: &EnvFile, places: &Places) -> anyhow::Result<()> {
        let Some((name, text)) = secret.env.and_then(|name| Some((name, env.get(name)?))) else {
            return Ok(());
        };
        let path = places.credential(secret);
        if secret.credential == "jwt-secret" && path.exists() {
            self.left_out
                .push(format!("{name}: the one made by the installation stays. Everyone logs in once more."));
            return Ok(());
        }
        if let Err(problem) = alone(secret.credential, name, env) {
            self.left_out.push(problem.to_string());
            return Ok(());
        }
        match std::fs::read_to_string(&path) {
            Ok(there) if there.trim_end_matches('\n') == text => Ok(()),
            Ok(_) => {
                let message = format!(
                    "{} is there already and holds another secret. Move one of them away.",
                    path.display()
                );
                Err(failure(Status::Failed, message))
            }
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => {
                self.secrets.push((secret, text.to_owned()));
                Ok(())
            }
            Err(e) => Err(e).with_context(|| path.display().to_string()),
        }
    }

    fn carry_out(self, file: &Path, target: &Path, places: &Places) -> anyhow::Result<Vec<String>> {
        let mut report = Vec::new();
        for (secret, text) in &self.secrets {
            let path = places.credential(secret);
            create_closed(&path, text)?;
            report.push(format!("secret    {}", path.display()));
        }
        if !self.settings.is_empty() {
            create(target, &self.toml(file))?;
            let names = self.settings.iter().map(|(key, _)| key.name).collect::<Vec<_>>().join(", ");
            report.push(format!("settings  {} ({names})", target.display()));
        }
        if report.is_empty() {
            report.push("Nothing to carry over.".to_owned());
        }
        report.extend(self.left_out.iter().map(|line| format!("left out  {line}")));
        report.extend(self.next);
        report.push("Then: barbossa check-config && systemctl restart barbossa.target".to_owned());
        Ok(report)
    }

    fn toml(&self, file: &Path) -> String {
        let mut tables: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for (key, value) in &self.settings {
            let (table, name) = key.table_and_name();
            tables.entry(table).or_default().push(format!("# {}\n{name} = {value}", key.meaning));
        }
        let mut text = format!("# Carried over from {} by `barbossa setup import-env`.\n", file.display());
        // The empty name comes first: what stands at the top has to precede the first section.
        for (table, lines) in tables {
            if !table.is_empty() {
                // Writing to a String cannot fail.
                let _ = writeln!(text, "\n[{table}]");
            }
            text.push_str(&lines.join("\n"));
            text.push('\n');
        }
        text
    }
}

/// The settings with just this variable set, unless there is an error in it.
fn alone(key: &str, variable: &str, env: &EnvFile) -> Result<Settings, Problem> {
    let environment = env.variables.iter().filter(|(name, _)| name.as_str() == variable);
    let sources = Sources {
        environment: environment.map(|(n, v)| (n.clone(), v.clone())).collect(),
        ..Sources::default()
    };
    let loaded = load(&sources);
    let is_it = |p: &Problem| p.key == key && p.severity == Severity::Error;
    match loaded.problems.0.into_iter().find(is_it) {
        Some(problem) => Err(problem),
        None => Ok(loaded.settings),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn places() -> (tempfile::TempDir, Places) {
        let dir = tempfile::tempdir().unwrap();
        let places = Places { root: dir.path().into(), drop_ins: dir.path().join("etc/barbossa/conf.d") };
        (dir, places)
    }

    fn import(dir: &tempfile::TempDir, places: &Places, text: &str) -> anyhow::Result<Vec<String>> {
        let env = dir.path().join(".env");
        std::fs::write(&env, text).unwrap();
        run(&env, places)
    }

    const OLD: &str = "DB_PASSWORD=barbossa
DATABASE_URL=postgresql+asyncpg://barbossa:barbossa@db:5432/barbossa
MUSIC_PATH=/srv/music
JWT_SECRET=change-me-in-production
QOBUZ_EMAIL=ada@example.org
QOBUZ_PASSWORD='p w#1'
LIDARR_URL=http://localhost:8686
LIDARR_API_KEY=0123456789abcdef
PLEX_URL=
LOG_LEVEL=warning
";

    #[test]
    fn settings_become_toml_secrets_become_closed_files_and_the_rest_is_explained() {
        let (dir, places) = places();
        let report = import(&dir, &places, OLD).unwrap().join("\n");
        let text = std::fs::read_to_string(places.drop_in(FILE)).unwrap();
        for line in [
            "log_level = \"warn\"",
            "[qobuz]",
            "email = \"ada@example.org\"",
            "url = \"http://localhost:8686\"",
        ] {
            assert!(text.contains(line), "{line} not in\n{text}");
        }
        assert!(
            !text.contains("p w#1") && !text.contains("music_path =") && !text.contains("database_url"),
            "{text}"
        );
        let password = dir.path().join("etc/credstore/barbossa.qobuz-password");
        assert_eq!(std::fs::read_to_string(&password).unwrap(), "p w#1");
        assert_eq!(password.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(password.parent().unwrap().metadata().unwrap().permissions().mode() & 0o777, 0o700);
        assert!(
            !dir.path().join("etc/barbossa/credentials/jwt-secret").exists(),
            "a placeholder was carried over"
        );
        for word in ["DB_PASSWORD", "Python driver", "placeholder", "barbossa setup music-path '/srv/music'"]
        {
            assert!(report.contains(word), "{word} not in\n{report}");
        }
        assert!(!report.contains("p w#1") && !report.contains("0123456789abcdef"), "{report}");
    }

    #[test]
    fn what_was_written_is_read_again_without_a_problem() {
        let (dir, places) = places();
        import(&dir, &places, OLD).unwrap();
        let sources = Sources { file: dir.path().join("etc/barbossa/barbossa.toml"), ..Sources::default() };
        let loaded = load(&sources);
        assert!(!loaded.problems.has_errors(), "{}", loaded.problems);
        assert_eq!(loaded.settings.lidarr.url, "http://localhost:8686");
    }

    #[test]
    fn nothing_is_overwritten() {
        let (dir, places) = places();
        let secret = dir.path().join("etc/credstore/barbossa.qobuz-password");
        create_closed(&secret, "another").unwrap();
        let refused = import(&dir, &places, OLD).unwrap_err().to_string();
        assert!(refused.contains("holds another secret"), "{refused}");
        assert!(!places.drop_in(FILE).exists(), "half of it was carried out");
        std::fs::remove_file(&secret).unwrap();
        import(&dir, &places, OLD).unwrap();
        assert!(import(&dir, &places, OLD).unwrap_err().to_string().contains("is there already"));
    }

    #[test]
    fn the_signing_secret_of_the_installation_stays() {
        let (dir, places) = places();
        let path = dir.path().join("etc/barbossa/credentials/jwt-secret");
        create_closed(&path, "made by the installation").unwrap();
        let text = "JWT_SECRET=QmFyYm9zc2EgaXMgYSBob3VzZWhvbGQgb2YgbXVzaWM\n";
        let report = import(&dir, &places, text).unwrap().join("\n");
        assert!(report.contains("stays"), "{report}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "made by the installation");
    }
}
