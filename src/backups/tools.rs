//! PostgreSQL's own `pg_dump` and `pg_restore`: which of those installed, and how they are told where the database is.

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use tempfile::NamedTempFile;
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use crate::process::Program;

/// A dump may take long; less than `TimeoutStartSec=` of `barbossa-backup.service`.
const DEADLINE: Duration = Duration::from_secs(5 * 3600);
/// Where Debian has one folder for each version of PostgreSQL.
const DEBIAN: &str = "/usr/lib/postgresql";
/// From this version on `pg_dump` compresses with zstd.
const WITH_ZSTD: u32 = 16;

/// The two programs, of one version.
#[derive(Debug, Clone)]
pub struct Tools {
    folder: Option<PathBuf>,
    /// The major version, where the folder's name tells it.
    major: Option<u32>,
}

impl Tools {
    /// Those that can dump a server of this major version: the nearest that is not older; else what `PATH` has (on
    /// Debian a wrapper, which chooses too).
    pub fn for_server(major: u32) -> Self {
        let (major, folder) = nearest(&installed(Path::new(DEBIAN)), major).unzip();
        Self { folder, major }
    }

    /// Those in this folder.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: Some(folder.into()), major: None }
    }

    /// All of the database as this snapshot has it, to stdout: a format that several processes can restore at once.
    pub(super) fn dump(&self, connection: &Connection, snapshot: &str) -> Program {
        let mut program = self.program("pg_dump");
        program = program.args(["--format=custom", "--no-password", "--lock-wait-timeout=60000"]);
        program = program.arg(format!("--snapshot={snapshot}"));
        if self.major.is_some_and(|major| major >= WITH_ZSTD) {
            program = program.arg("--compress=zstd:6");
        }
        connection.give_to(program)
    }

    /// Looks into a dump.
    pub(super) fn restore(&self) -> Program {
        self.program("pg_restore")
    }

    /// Puts a dump into a database that is empty: all of it, or an error.
    pub(super) fn restore_into(&self, connection: &Connection, database: &str) -> Program {
        let program = self.program("pg_restore").args(["--exit-on-error", "--no-owner", "--no-privileges"]);
        let program = program.args(["--no-password", "--jobs=2"]).arg(format!("--dbname={database}"));
        connection.give_to(program)
    }

    fn program(&self, name: &str) -> Program {
        let path = self.folder.as_ref().map_or_else(|| PathBuf::from(name), |folder| folder.join(name));
        Program::new(path).deadline(DEADLINE)
    }
}

fn installed(debian: &Path) -> Vec<(u32, PathBuf)> {
    let entries = std::fs::read_dir(debian).into_iter().flatten().filter_map(Result::ok);
    let mut found: Vec<_> = entries
        .filter_map(|e| Some((e.file_name().to_str()?.parse().ok()?, e.path().join("bin"))))
        .filter(|(_, bin)| bin.join("pg_dump").exists() && bin.join("pg_restore").exists())
        .collect();
    found.sort();
    found
}

fn nearest(installed: &[(u32, PathBuf)], major: u32) -> Option<(u32, PathBuf)> {
    installed.iter().find(|(version, _)| *version >= major).cloned()
}

/// Where the database is, for programs of PostgreSQL: by variables, and a password by a closed file. Neither stands in a
/// process list.
pub struct Connection {
    variables: Vec<(&'static str, String)>,
    /// Gone when this is dropped.
    _password: Option<NamedTempFile>,
}

impl Connection {
    /// The first host of the address, as tokio-postgres understood it.
    ///
    /// # Errors
    /// When the address has no host, or the file for the password cannot be written.
    pub fn new(config: &Config) -> anyhow::Result<Self> {
        let host = match config.get_hosts().first() {
            Some(Host::Unix(path)) => path.display().to_string(),
            Some(Host::Tcp(host)) => host.clone(),
            None => bail!("database_url names no host"),
        };
        let mut variables = vec![("PGHOST", host), ("PGAPPNAME", "barbossa-backup".to_owned())];
        variables.extend(config.get_ports().first().map(|port| ("PGPORT", port.to_string())));
        variables.extend(config.get_user().map(|user| ("PGUSER", user.to_owned())));
        variables.extend(config.get_dbname().map(|name| ("PGDATABASE", name.to_owned())));
        let password = config.get_password().map(password_file).transpose()?;
        let path = password.as_ref().map_or_else(|| "/dev/null".into(), |f| f.path().display().to_string());
        variables.push(("PGPASSFILE", path));
        Ok(Self { variables, _password: password })
    }

    fn give_to(&self, program: Program) -> Program {
        self.variables.iter().fold(program, |program, (name, value)| program.env(name, value))
    }
}

/// libpq's password file: any host, port, database, user; `\` and `:` escaped.
fn password_file(password: &[u8]) -> anyhow::Result<NamedTempFile> {
    let password = std::str::from_utf8(password).context("the password is not UTF-8")?;
    let escaped = password.replace('\\', "\\\\").replace(':', "\\:");
    let closed = std::fs::Permissions::from_mode(0o600);
    let mut file = tempfile::Builder::new().prefix("barbossa-pgpass-").permissions(closed).tempfile()?;
    writeln!(file, "*:*:*:*:{escaped}")?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use super::*;

    #[test]
    fn the_nearest_version_that_is_not_older_dumps() {
        let installed = [(15, "/15".into()), (17, "/17".into()), (18, "/18".into())];
        assert_eq!(nearest(&installed, 15), Some((15, "/15".into())));
        assert_eq!(nearest(&installed, 16), Some((17, "/17".into())));
        assert_eq!(nearest(&installed, 19), None);
    }

    #[test]
    fn a_password_stands_in_a_closed_file_and_nowhere_else() {
        let config = Config::from_str("postgresql://ada:a%3Ab%5Cc@db.example.org:5433/music").unwrap();
        let connection = Connection::new(&config).unwrap();
        let get = |name: &str| connection.variables.iter().find(|(n, _)| *n == name).unwrap().1.clone();
        assert_eq!(
            ["PGHOST", "PGPORT", "PGUSER", "PGDATABASE"].map(get),
            ["db.example.org", "5433", "ada", "music"]
        );
        let file = PathBuf::from(get("PGPASSFILE"));
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "*:*:*:*:a\\:b\\\\c\n");
        drop(connection);
        assert!(!file.exists());
    }

    #[test]
    fn a_socket_is_a_host_too() {
        let config = Config::from_str("postgresql://barbossa@%2Frun%2Fpostgresql/barbossa").unwrap();
        let connection = Connection::new(&config).unwrap();
        assert!(connection.variables.contains(&("PGHOST", "/run/postgresql".to_owned())));
    }
}
