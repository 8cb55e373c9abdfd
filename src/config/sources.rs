//! Reads the settings from where they lie, and remembers for each of them where it was given.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::changes;
use super::check::{self, password_in};
use super::keys::{self, KEYS, Key};
use super::secrets::{self, Secret};
use super::{CHANGES_DIR, Problem, Problems, SETTINGS_FILE, Settings};

/// What [`load`] reads.
#[derive(Debug, Clone, Default)]
pub struct Sources {
    /// `barbossa.toml`; `conf.d/` lies beside it.
    pub file: PathBuf,
    /// Whether somebody asked for just this file, so that it has to be there.
    pub is_file_named: bool,
    /// The environment: value and, for messages, where it stands.
    pub environment: BTreeMap<String, Variable>,
    /// `$CREDENTIALS_DIRECTORY`: systemd sets it for a unit that has credentials.
    pub credentials_dir: Option<PathBuf>,
    /// Where the units' credentials come from, as far as this process may look.
    pub credential_stores: Vec<PathBuf>,
    /// What an admin changed at run time; empty: nothing.
    pub changes_dir: PathBuf,
    /// The role that is about to start, if one is.
    pub role: Option<&'static str>,
}

/// A variable of the environment or of an old `.env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Variable {
    /// As given.
    pub value: String,
    /// `MUSIC_PATH in the environment`, `.env, line 3`.
    pub place: String,
}

/// Where a setting was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin(pub String);

/// What [`load`] found.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// Everything that could be understood, defaults for the rest.
    pub settings: Settings,
    /// Everything that is wrong.
    pub problems: Problems,
    /// Where each setting was given; what is not here has its default.
    pub origins: BTreeMap<&'static str, Origin>,
    /// The files that were read, in order.
    pub files: Vec<PathBuf>,
}

impl Sources {
    /// Those of this process.
    pub fn of_process() -> Self {
        let named = std::env::var_os("BARBOSSA_CONFIG").filter(|v| !v.is_empty());
        // Whoever names another file has other changes, too.
        let changes_dir = match &named {
            Some(file) => Path::new(file).with_file_name("changes"),
            None => CHANGES_DIR.into(),
        };
        Self {
            changes_dir,
            is_file_named: named.is_some(),
            file: named.unwrap_or_else(|| SETTINGS_FILE.into()).into(),
            environment: environment(std::env::vars_os()),
            credentials_dir: std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from),
            credential_stores: ["/etc/barbossa/credentials", "/etc/credstore", "/etc/credstore.encrypted"]
                .map(PathBuf::from)
                .to_vec(),
            role: None,
        }
    }

    /// The same for a role that is about to start.
    #[must_use]
    pub fn for_role(self, role: &'static str) -> Self {
        Self { role: Some(role), ..self }
    }

    /// The variable, unless it is unset or empty: compose files pass on what an `.env` lacks as empty.
    pub(super) fn variable(&self, name: &str) -> Option<String> {
        self.environment.get(name).map(|v| v.value.trim().to_owned()).filter(|v| !v.is_empty())
    }

    pub(super) fn place_of(&self, name: &str) -> String {
        self.environment.get(name).map_or_else(|| name.to_owned(), |v| v.place.clone())
    }

    /// `conf.d/`, beside the settings file.
    pub fn drop_in_dir(&self) -> PathBuf {
        self.file.with_file_name("conf.d")
    }
}

/// Only what is text: nothing of ours is anything else.
fn environment(variables: impl Iterator<Item = (OsString, OsString)>) -> BTreeMap<String, Variable> {
    variables
        .filter_map(|(name, value)| {
            let name = name.into_string().ok()?;
            let place = format!("{name} in the environment");
            Some((name, Variable { value: value.to_string_lossy().into_owned(), place }))
        })
        .collect()
}

/// Reads and checks all of it.
pub fn load(sources: &Sources) -> Loaded {
    let (mut loaded, read) = gather(sources);
    let mut found = check::check(&loaded.settings, sources, &read);
    for problem in &mut found {
        let origin = loaded.origins.get(problem.key.as_str()).map(|o| o.0.clone());
        problem.place = problem.place.take().or(origin);
    }
    loaded.problems.0.extend(found);
    loaded
}

/// Reads all of it, and looks at nothing that it names.
pub fn read(sources: &Sources) -> Loaded {
    gather(sources).0
}

/// These settings with what an admin has changed since they were read. Blocks for a moment.
///
/// # Errors
/// When the changes cannot be read.
pub fn changed(current: &Settings) -> Result<Settings, Problems> {
    let mut loading = Loading { settings: current.clone(), ..Loading::default() };
    loading.read_file(&changes::file(&current.changes_dir), false);
    let Loading { mut settings, problems, .. } = loading;
    settings.log_level = check::usual_level(&settings.log_level);
    secrets::take_changed(&mut settings);
    let problems = Problems(problems);
    if problems.has_errors() { Err(problems) } else { Ok(settings) }
}

/// What was given, and which credentials were read.
fn gather(sources: &Sources) -> (Loaded, Vec<&'static str>) {
    let mut loading = Loading::default();
    loading.read_file(&sources.file, sources.is_file_named);
    for path in loading.drop_ins(&sources.drop_in_dir()) {
        loading.read_file(&path, true);
    }
    if !sources.changes_dir.as_os_str().is_empty() {
        loading.settings.changes_dir.clone_from(&sources.changes_dir);
        loading.read_file(&changes::file(&sources.changes_dir), false);
    }
    loading.read_environment(sources);
    let Loading { mut settings, mut problems, mut origins, files } = loading;
    settings.log_level = check::usual_level(&settings.log_level);
    let read = secrets::take(sources, &mut settings, &mut problems);
    for (credential, key) in [("barbossa.database-url", "database_url"), ("barbossa.redis-url", "redis_url")]
    {
        if read.contains(&credential) {
            origins.insert(key, Origin(format!("credential {credential}")));
        }
    }
    (Loaded { settings, problems: Problems(problems), origins, files }, read)
}

impl Loaded {
    /// The settings, when nothing keeps us from starting with them; else all that is wrong.
    pub fn into_settings(self) -> Result<Settings, Problems> {
        if self.problems.has_errors() { Err(self.problems) } else { Ok(self.settings) }
    }
}

#[derive(Default)]
struct Loading {
    settings: Settings,
    problems: Vec<Problem>,
    origins: BTreeMap<&'static str, Origin>,
    files: Vec<PathBuf>,
}

impl Loading {
    fn drop_ins(&mut self, dir: &Path) -> Vec<PathBuf> {
        let entries = match std::fs::read_dir(dir).and_then(Iterator::collect::<io::Result<Vec<_>>>) {
            Ok(entries) => entries,
            Err(e) if matches!(e.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Vec::new()
            }
            Err(e) => {
                self.problems
                    .push(Problem::error(dir.display().to_string(), format!("It cannot be read: {e}.")));
                Vec::new()
            }
        };
        let is_toml = |p: &PathBuf| p.extension().is_some_and(|e| e == "toml");
        let mut paths: Vec<_> = entries.iter().map(std::fs::DirEntry::path).filter(is_toml).collect();
        paths.sort();
        paths
    }

    fn read_file(&mut self, path: &Path, must_be_there: bool) {
        let name = path.display().to_string();
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(e) if e.kind() == io::ErrorKind::NotFound && !must_be_there => return,
            Err(e) => {
                self.problems.push(Problem::error(name, format!("The file cannot be read: {e}.")));
                return;
            }
        };
        self.files.push(path.to_owned());
        let (table, faults) = DeTable::parse_recoverable(&text);
        let file = File { name, text: &text };
        for fault in faults {
            let place = file.place(fault.span().unwrap_or_default());
            let message = format!("This is not TOML: {}.", fault.message().trim_end_matches('.'));
            self.problems.push(Problem::error(file.name.clone(), message).at(place));
        }
        for (key, value) in table.get_ref() {
            match (value.get_ref(), keys::key(key.get_ref())) {
                (DeValue::Table(inner), None) => self.take_table(&file, key, inner),
                _ => self.take(&file, key.get_ref(), key.span(), value),
            }
        }
    }

    fn take_table(&mut self, file: &File<'_>, table: &Spanned<impl AsRef<str>>, inner: &DeTable<'_>) {
        let table_name = table.get_ref().as_ref();
        let is_known = KEYS.iter().any(|k| k.table_and_name().0 == table_name);
        for (key, value) in inner {
            let name = format!("{table_name}.{}", key.get_ref());
            if is_known || is_secret(&name).is_some() {
                self.take(file, &name, key.span(), value);
            }
        }
        let has_secret = inner.keys().any(|k| is_secret(&format!("{table_name}.{}", k.get_ref())).is_some());
        if !is_known && !has_secret {
            let tables = KEYS.iter().map(|k| k.table_and_name().0);
            let mut problem = Problem::error(table_name, format!("There is no section [{table_name}]."));
            problem.hint = nearest(table_name, tables).map(|n| format!("Did you mean [{n}]?"));
            self.problems.push(problem.at(file.place(table.span())));
        }
    }

    fn take(&mut self, file: &File<'_>, name: &str, span: Range<usize>, value: &Spanned<DeValue<'_>>) {
        let place = file.place(span);
        let Some(key) = keys::key(name) else {
            self.problems.push(unknown(name).at(place));
            return;
        };
        match key.set_toml(&mut self.settings, value.get_ref()) {
            Ok(()) => {
                let url =
                    value.get_ref().as_str().filter(|_| key.name.ends_with("_url")).and_then(password_in);
                if url.is_some() {
                    self.problems.push(password_in_file(key).at(place.clone()));
                }
                self.origins.insert(key.name, Origin(place));
            }
            Err(message) => self.problems.push(Problem::error(key.name, message).at(place).hint(about(key))),
        }
    }

    fn read_environment(&mut self, sources: &Sources) {
        for key in KEYS {
            let Some(name) = key.env else { continue };
            let Some(text) = sources.variable(name) else { continue };
            let place = sources.place_of(name);
            match key.set_text(&mut self.settings, &text) {
                Ok(()) => {
                    self.origins.insert(key.name, Origin(place));
                }
                Err(message) => {
                    self.problems.push(Problem::error(key.name, message).at(place).hint(about(key)));
                }
            }
        }
    }
}

struct File<'a> {
    name: String,
    text: &'a str,
}

impl File<'_> {
    /// `/etc/barbossa/barbossa.toml, line 3, column 1`.
    fn place(&self, span: Range<usize>) -> String {
        let before = self.text.get(..span.start).unwrap_or(self.text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        format!("{}, line {line}, column {column}", self.name)
    }
}

fn about(key: &Key) -> String {
    format!("{} Default: {}", key.meaning, key.default_value())
}

/// `qobuz.password` in a file is `QOBUZ_PASSWORD` and thus a secret.
fn is_secret(name: &str) -> Option<&'static Secret> {
    Secret::find(&name.to_uppercase().replace(['.', '-'], "_"))
}

fn unknown(name: &str) -> Problem {
    if let Some(secret) = is_secret(name) {
        return Problem::error(name, "A secret does not belong in a settings file, which everyone may read.")
            .hint(format!(
                "Take the line out, and put the secret alone into {} (owner root, mode 0600).",
                secret.file().display()
            ));
    }
    let problem = Problem::error(name, "There is no such setting.");
    let (_, last) = keys::split(name);
    if let Some(key) = KEYS.iter().find(|k| k.table_and_name().1 == last) {
        let (table, last) = key.table_and_name();
        let place = if table.is_empty() {
            "at the top, before the first section".into()
        } else {
            format!("in [{table}]")
        };
        return problem.hint(format!("{last} belongs {place}."));
    }
    match nearest(name, KEYS.iter().map(|k| k.name)) {
        Some(near) => problem.hint(format!("Did you mean {near}?")),
        None => problem,
    }
}

fn password_in_file(key: &Key) -> Problem {
    let credential = format!("barbossa.{}", key.name.replace('_', "-"));
    Problem::error(key.name, "There is a password in it, and everyone may read this file.").hint(format!(
        "Take the line out, and put the whole address into /etc/credstore/{credential} (owner root, mode 0600)."
    ))
}

/// The candidate that differs by a slip of the fingers or two.
pub(super) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let name = name.to_lowercase();
    let allowed = if name.chars().count() < 4 { 1 } else { (name.chars().count() / 3).clamp(2, 3) };
    candidates
        .filter(|c| !c.is_empty())
        .map(|c| (distance(&name, c), c))
        .filter(|(d, _)| *d <= allowed)
        .min_by_key(|(d, _)| *d)
        .map(|(_, c)| c)
}

/// Levenshtein's: how many characters to insert, delete or change.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Severity;

    /// Loads from a folder with these files and variables; the music folder is the folder itself.
    fn load_from(files: &[(&str, &str)], variables: &[(&str, &str)]) -> Loaded {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let mut sources = Sources { file: dir.path().join("barbossa.toml"), ..Sources::default() };
        let music = dir.path().to_str().unwrap();
        for (name, value) in [("MUSIC_PATH", music)].iter().chain(variables) {
            let variable = Variable { value: (*value).to_owned(), place: (*name).to_owned() };
            sources.environment.insert((*name).to_owned(), variable);
        }
        load(&sources)
    }

    fn errors(loaded: &Loaded) -> Vec<String> {
        let errors = loaded.problems.0.iter().filter(|p| p.severity == Severity::Error);
        errors.map(|p| format!("{}: {}", p.key, p.message)).collect()
    }

    #[test]
    fn without_any_file_the_defaults_hold() {
        let loaded = load_from(&[], &[]);
        assert_eq!(errors(&loaded), Vec::<String>::new());
        assert_eq!(loaded.settings.imports.settle_seconds, 3);
    }

    #[test]
    fn later_wins_file_then_drop_in_by_name_then_environment() {
        let files = [
            ("barbossa.toml", "log_level = 'warn'\n[worker]\nconcurrency = 1\n[jobs]\nkeep_days = 1"),
            ("conf.d/10-a.toml", "[worker]\nconcurrency = 2\n[jobs]\nkeep_days = 2"),
            ("conf.d/20-b.toml", "[jobs]\nkeep_days = 3"),
            ("conf.d/30-c.toml.off", "[jobs]\nkeep_days = 4"),
        ];
        let loaded = load_from(&files, &[("LOG_LEVEL", "debug")]);
        assert_eq!(errors(&loaded), Vec::<String>::new());
        assert_eq!(loaded.settings.log_level, "debug");
        assert_eq!(loaded.settings.worker.concurrency, 2);
        assert_eq!(loaded.settings.jobs.keep_days, 3);
    }

    #[test]
    fn an_empty_variable_is_an_unset_one() {
        let loaded = load_from(&[("barbossa.toml", "[qobuz]\nquality = 2")], &[("QOBUZ_QUALITY", "")]);
        assert_eq!(loaded.settings.qobuz.quality, 2);
    }

    #[test]
    fn all_mistakes_are_told_at_once_with_line_and_column() {
        let text = "log_level = 'info'\nmusic_pth = '/x'\n[imports]\nsettle_seconds = 'three'\n  min_confidence = 2\n[quobuz]\nemail = 'a'\n";
        let loaded = load_from(&[("barbossa.toml", text)], &[("PLEX_AUTO_SCAN", "perhaps")]);
        let shown = loaded.problems.to_string();
        for (what, place) in [
            ("music_pth: There is no such setting.", "line 2, column 1"),
            ("Did you mean music_path?", ""),
            ("imports.settle_seconds: \"three\" does not fit", "line 4, column 1"),
            ("imports.min_confidence: 2 does not fit", "line 5, column 3"),
            ("quobuz: There is no section [quobuz].", "line 6, column 2"),
            ("Did you mean [qobuz]?", ""),
            ("plex.auto_scan: `perhaps` is neither true nor false.", "PLEX_AUTO_SCAN"),
        ] {
            assert!(shown.contains(what) && shown.contains(place), "{what} {place} not in:\n{shown}");
        }
        assert!(loaded.into_settings().is_err());
    }

    #[test]
    fn what_is_no_toml_is_told_with_its_line() {
        let loaded = load_from(&[("barbossa.toml", "log_level = 'info'\nmusic_path = /srv\n")], &[]);
        let shown = loaded.problems.to_string();
        assert!(shown.contains("This is not TOML") && shown.contains("line 2"), "{shown}");
    }

    #[test]
    fn a_setting_in_the_wrong_section_is_shown_its_place() {
        let loaded = load_from(&[("barbossa.toml", "settle_seconds = 3")], &[]);
        assert!(loaded.problems.to_string().contains("settle_seconds belongs in [imports]."));
    }

    #[test]
    fn a_secret_in_a_file_is_refused_and_shown_its_place_but_not_repeated() {
        let text = "jwt_secret = 'abcdefghij'\ndatabase_url = 'postgresql://u:hunter2@h/d'\n[qobuz]\npassword = 'hunter2'\n[torrentleech]\nkey = 'hunter2'";
        let loaded = load_from(&[("barbossa.toml", text)], &[]);
        let shown = loaded.problems.to_string();
        assert_eq!(errors(&loaded).len(), 4, "{shown}");
        for place in [
            "/etc/barbossa/credentials/jwt-secret",
            "/etc/credstore/barbossa.qobuz-password",
            "/etc/credstore/barbossa.torrentleech-key",
            "/etc/credstore/barbossa.database-url",
        ] {
            assert!(shown.contains(place), "{place} not in:\n{shown}");
        }
        assert!(!shown.contains("hunter2") && !shown.contains("abcdefghij"), "{shown}");
    }

    #[test]
    fn a_settings_file_that_somebody_named_has_to_be_there() {
        let sources =
            Sources { file: "/nowhere/barbossa.toml".into(), is_file_named: true, ..Sources::default() };
        assert!(load(&sources).problems.has_errors());
    }

    #[test]
    fn a_credential_wins_over_the_environment() {
        use secrecy::ExposeSecret;
        let dir = tempfile::tempdir().unwrap();
        let good = "0123456789abcdefghijklmnopqrstuvwxyz";
        std::fs::write(dir.path().join("jwt-secret"), format!("{good}\n")).unwrap();
        let mut sources = Sources { credentials_dir: Some(dir.path().into()), ..Sources::default() };
        let variable = Variable { value: "x".into(), place: "JWT_SECRET".into() };
        sources.environment.insert("JWT_SECRET".into(), variable);
        let secret = load(&sources).settings.secrets.jwt_secret.unwrap();
        assert_eq!(secret.expose_secret(), good);
    }

    #[test]
    fn a_slip_of_the_fingers_is_near_and_another_word_is_not() {
        let names = || KEYS.iter().map(|k| k.name);
        assert_eq!(nearest("log_levle", names()), Some("log_level"));
        assert_eq!(nearest("MUSIC_PATH", names()), Some("music_path"));
        assert_eq!(nearest("colour", names()), None);
    }
}
