//! An `.env` of the first version: read as Docker Compose reads it, as far as such files went.

use std::collections::BTreeMap;
use std::path::Path;

use super::secrets::is_placeholder;
use super::sources::{Sources, Variable};
use super::{KEYS, Problem, Secret};

/// A variable of the first version that means nothing here.
pub struct Retired {
    /// Its name.
    pub name: &'static str,
    /// What is here instead, as a sentence.
    pub instead: &'static str,
}

/// All of them.
pub const RETIRED: &[Retired] = &[
    Retired {
        name: "DB_PASSWORD",
        instead: "PostgreSQL knows the user barbossa by its Unix socket; there is no password.",
    },
    Retired {
        name: "JWT_ALGORITHM",
        instead: "Sessions are rows in the database; there is no algorithm to choose.",
    },
    Retired {
        name: "JWT_EXPIRY_HOURS",
        instead: "The setting api.session_days says how long a login lasts.",
    },
    Retired {
        name: "MUSIC_PATH_HOST",
        instead: "music_path is the path everywhere; there is no container in between.",
    },
    Retired { name: "MUSIC_LIBRARY", instead: "It is always artists/ beneath music_path." },
    Retired { name: "MUSIC_USERS", instead: "It is always users/ beneath music_path." },
    Retired { name: "MUSIC_DOWNLOADS", instead: "It is always downloads/ beneath music_path." },
    Retired { name: "MUSIC_IMPORT", instead: "It is always import/ beneath music_path." },
    Retired { name: "MUSIC_EXPORT", instead: "An export names its own destination." },
    Retired { name: "MUSIC_DATABASE", instead: "The setting backup_dir says where the dumps go." },
    Retired { name: "QOBUZ_APP_SECRET", instead: "It is asked for by itself." },
    Retired { name: "PLEX_ENABLED", instead: "Plex is used when plex.url is set." },
    Retired { name: "LOG_PATH", instead: "Everything is in the journal: journalctl -u 'barbossa-*'." },
    Retired { name: "API_PORT", instead: "systemd holds the port: systemctl edit barbossa-api.socket." },
    Retired {
        name: "FRONTEND_PORT",
        instead: "nginx serves the pages: /etc/nginx/sites-available/barbossa.",
    },
    Retired { name: "WATCH_PATHS", instead: "The inbox and the downloads are watched, always." },
];

/// What stood in it.
#[derive(Debug, Clone, Default)]
pub struct EnvFile {
    /// Each variable, with its line.
    pub variables: BTreeMap<String, Variable>,
    /// Lines that are none, and what means nothing here.
    pub problems: Vec<Problem>,
}

impl EnvFile {
    /// Reads it.
    ///
    /// # Errors
    /// When the file cannot be read; what is wrong inside is in `problems`.
    pub fn read(path: &Path) -> std::io::Result<Self> {
        Ok(Self::parse(&std::fs::read_to_string(path)?, &path.display().to_string()))
    }

    fn parse(text: &str, name: &str) -> Self {
        let mut file = Self::default();
        for (i, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let place = format!("{name}, line {}", i + 1);
            match variable(line) {
                Ok((variable, value)) => {
                    file.problems.extend(judge(variable, &value).map(|p| p.at(place.clone())));
                    file.variables.insert(variable.to_owned(), Variable { value, place });
                }
                Err(message) => file.problems.push(Problem::error(name, message).at(place)),
            }
        }
        file
    }

    /// The sources that judge this file alone: no settings file, no credentials, its own variables.
    pub fn sources(&self) -> Sources {
        Sources { environment: self.variables.clone(), ..Sources::default() }
    }

    /// The value, unless it is empty.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.variables.get(name).map(|v| v.value.trim()).filter(|v| !v.is_empty())
    }
}

fn variable(line: &str) -> Result<(&str, String), String> {
    let line = line.strip_prefix("export ").unwrap_or(line);
    let (name, value) = line.split_once('=').ok_or("This line is no NAME=value.")?;
    let name = name.trim();
    let is_name = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !is_name {
        return Err(format!("`{name}` is no name of a variable."));
    }
    Ok((name, unquoted(value.trim()).map_err(|e| format!("{name}: {e}"))?))
}

/// As Compose does: single quotes are literal, double quotes know `\n`, `\"`, `\\`; without any, ` #` begins a comment.
fn unquoted(value: &str) -> Result<String, String> {
    let quoted = |quote: char| value.strip_prefix(quote).map(|rest| rest.rsplit_once(quote));
    match (quoted('\''), quoted('"')) {
        (Some(Some((inner, _))), _) => Ok(inner.to_owned()),
        (_, Some(Some((inner, _)))) => Ok(unescaped(inner)),
        (Some(None), _) | (_, Some(None)) => Err("the quote is never closed.".into()),
        _ => {
            let end = value.find(" #").unwrap_or(value.len());
            let value = value[..end].trim();
            if value.contains("${") {
                return Err("it takes its value from another variable; write the value itself.".into());
            }
            Ok(value.to_owned())
        }
    }
}

fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, if c == '\\' { chars.next() } else { None }) {
            ('\\', Some('n')) => out.push('\n'),
            ('\\', Some(escaped @ ('"' | '\\' | '$'))) => out.push(escaped),
            ('\\', Some(other)) => out.extend(['\\', other]),
            (c, _) => out.push(c),
        }
    }
    out
}

fn judge(name: &str, value: &str) -> Option<Problem> {
    if value.trim().is_empty() {
        return None;
    }
    if let Some(retired) = RETIRED.iter().find(|r| r.name == name) {
        return Some(Problem::warning(name, format!("It is not used any more. {}", retired.instead)));
    }
    let secret = Secret::find(name);
    if secret.is_some_and(|s| s.credential != "jwt-secret") && is_placeholder(value) && value.len() < 64 {
        return Some(Problem::warning(name, "This looks like the placeholder of an example."));
    }
    let is_known = secret.is_some() || KEYS.iter().any(|k| k.env == Some(name));
    (!is_known).then(|| Problem::warning(name, "Barbossa knows no such variable; it is left out."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_as_compose_reads_them() {
        let text = "# comment\n\nA=1\nexport B = two \nC='x # y'\nD=\"a\\nb \\\"q\\\"\" # tail\nE=v # tail\nF=\nG=a#b\n";
        let file = EnvFile::parse(text, ".env");
        let get = |n: &str| file.variables[n].value.as_str();
        assert_eq!(
            ["A", "B", "C", "D", "E", "F", "G"].map(get),
            ["1", "two", "x # y", "a\nb \"q\"", "v", "", "a#b"]
        );
        assert_eq!(file.variables["C"].place, ".env, line 5");
    }

    #[test]
    fn a_line_that_is_none_is_an_error_with_its_number() {
        let file = EnvFile::parse("A=1\nnonsense\nB=\"open\nC=${A}\n", ".env");
        let shown: Vec<_> =
            file.problems.iter().filter(|p| p.message.contains('.')).map(ToString::to_string).collect();
        for place in [".env, line 2", ".env, line 3", ".env, line 4"] {
            assert!(shown.iter().any(|s| s.contains(place) && s.starts_with("error")), "{shown:?}");
        }
    }

    #[test]
    fn what_means_nothing_here_is_explained() {
        let file = EnvFile::parse("DB_PASSWORD=x\nAPI_PORT=8080\nFOO=1\nWATCH_PATHS=\n", ".env");
        let names: Vec<_> = file.problems.iter().map(|p| p.key.as_str()).collect();
        assert_eq!(names, ["DB_PASSWORD", "API_PORT", "FOO"]);
    }

    #[test]
    fn no_variable_is_both_used_and_retired() {
        for retired in RETIRED {
            assert!(KEYS.iter().all(|k| k.env != Some(retired.name)) && Secret::find(retired.name).is_none());
        }
    }
}
