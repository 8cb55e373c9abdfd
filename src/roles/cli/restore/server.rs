//! Who may make databases and swap their names: the user postgres of this machine, or whoever database_url names.

use std::time::Duration;

use anyhow::{Context, bail};
use nix::unistd::geteuid;
use tokio_postgres::config::Host;
use tokio_postgres::{Client, Config, NoTls, SimpleQueryMessage};

use crate::process::Program;

/// Longer than PostgreSQL waits for the last session to leave.
const DEADLINE: Duration = Duration::from_secs(3600);

/// See the module.
pub enum Server {
    /// This machine's, asked as its superuser over its socket.
    ThisMachines {
        /// The folder of the socket.
        host: String,
        /// Its number.
        port: u16,
    },
    /// Another, or one of somebody else's making: whatever our own role may do there.
    Own(Box<Config>),
}

impl Server {
    /// The one of these settings.
    pub fn of(config: &Config) -> Self {
        let port = config.get_ports().first().copied().unwrap_or(5432);
        match config.get_hosts().first() {
            Some(Host::Unix(host)) if is_the_machines_admin() => {
                Self::ThisMachines { host: host.display().to_string(), port }
            }
            _ => Self::Own(Box::new(config.clone())),
        }
    }

    /// Runs statements one after the other; those that contain several are one transaction.
    ///
    /// # Errors
    /// What PostgreSQL says to the first that fails.
    pub async fn run(&self, statements: &[&str]) -> anyhow::Result<()> {
        for statement in statements {
            self.ask("postgres", statement).await?;
        }
        Ok(())
    }

    /// The first row of an answer, `|` between its columns; empty when there is none.
    ///
    /// # Errors
    /// What PostgreSQL says.
    pub async fn ask(&self, database: &str, sql: &str) -> anyhow::Result<String> {
        Ok(self.all(database, sql).await?.into_iter().next().unwrap_or_default())
    }

    /// All rows of an answer.
    ///
    /// # Errors
    /// What PostgreSQL says.
    pub async fn all(&self, database: &str, sql: &str) -> anyhow::Result<Vec<String>> {
        match self {
            Self::ThisMachines { host, port } => by_psql(host, *port, database, sql).await,
            Self::Own(config) => by_ourselves(config, database, sql).await,
        }
    }
}

/// Root, and not in the house of a test.
pub fn is_the_machines_admin() -> bool {
    geteuid().is_root() && std::env::var_os("BARBOSSA_USER").is_none()
}

/// A name as SQL writes it.
pub fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A text as SQL writes it.
pub fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

async fn by_psql(host: &str, port: u16, database: &str, sql: &str) -> anyhow::Result<Vec<String>> {
    let program =
        Program::new("/usr/sbin/runuser").args(["-u", "postgres", "--", "psql", "--no-psqlrc", "--quiet"]);
    let program = program.args(["--tuples-only", "--no-align", "--set=ON_ERROR_STOP=1"]);
    let program = program.args(["--host", host, "--port", &port.to_string(), "--dbname", database]);
    let done = program.args(["--command", sql]).deadline(DEADLINE).run().await?;
    let text = String::from_utf8_lossy(&done.stdout).into_owned();
    Ok(text.lines().map(str::to_owned).collect())
}

async fn by_ourselves(config: &Config, database: &str, sql: &str) -> anyhow::Result<Vec<String>> {
    let mut config = config.clone();
    config.dbname(database).options("-c statement_timeout=0");
    let (client, connection) = config.connect(NoTls).await.context("cannot reach PostgreSQL")?;
    let driver = tokio::spawn(connection);
    let rows = rows(&client, sql).await;
    drop(client);
    // Its session has to be gone before a database can get another name.
    let _ = driver.await;
    rows
}

async fn rows(client: &Client, sql: &str) -> anyhow::Result<Vec<String>> {
    let messages = match client.simple_query(sql).await {
        Ok(messages) => messages,
        Err(error) => match error.as_db_error() {
            Some(said) => bail!("PostgreSQL says: {}", said.message()),
            None => return Err(error.into()),
        },
    };
    let row = |message: &SimpleQueryMessage| match message {
        SimpleQueryMessage::Row(row) => {
            let columns = (0..row.len()).map(|n| row.get(n).unwrap_or_default().to_owned());
            Some(columns.collect::<Vec<_>>().join("|"))
        }
        _ => None,
    };
    Ok(messages.iter().filter_map(row).collect())
}
