//! Makes one backup: dump, flush, read to the end, checksum, name, row.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, anyhow};

use super::file::{self, Folder, Unfinished};
use super::record;
use super::tools::{Connection, Tools};
use crate::app::App;
use crate::error::{Error, Result};

/// Why it is made, which its name tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// `barbossa-TIME.dump`: by the timer or by hand.
    Routine,
    /// `before-migration-N-TIME.dump`: of the schema as it was before step N.
    BeforeMigration(i32),
}

/// Where it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// What runs that were killed had left was removed: so many files.
    Tidied(usize),
    /// So many bytes are written.
    Dumping(u64),
    /// `pg_restore` reads it to its end.
    Verifying,
    /// It is on its way to its name.
    Finishing,
}

/// A backup.
#[derive(Debug, Clone)]
pub struct Made {
    /// The dump; its `.sha256` lies beside it.
    pub path: PathBuf,
    /// Its size.
    pub size_bytes: u64,
    /// Its checksum, in hex.
    pub sha256: String,
    /// How long it took.
    pub took: Duration,
}

impl Purpose {
    fn prefix(self) -> String {
        match self {
            Self::Routine => "barbossa".to_owned(),
            Self::BeforeMigration(version) => format!("before-migration-{version}"),
        }
    }
}

/// Makes one, in `backup_dir`. A run that fails or is dropped leaves no file with a backup's name, and a row that says why.
///
/// # Errors
/// `Conflict` while another run is at it; `Database` when PostgreSQL is away; else what `pg_dump` or the disk said.
pub async fn run(app: &App, purpose: Purpose, tools: Option<Tools>, tell: impl Fn(Step)) -> Result<Made> {
    run_as(app, None, purpose, tools, tell).await
}

/// The same for a row that was made when it was asked for.
pub(super) async fn make_as(app: &App, id: i64) -> Result<Made> {
    run_as(app, Some(id), Purpose::Routine, None, |_| {}).await
}

async fn run_as(
    app: &App,
    asked: Option<i64>,
    purpose: Purpose,
    tools: Option<Tools>,
    tell: impl Fn(Step),
) -> Result<Made> {
    let started = Instant::now();
    let dir = &app.settings.backup_dir;
    let client = app.db.get().await?;
    let folder = Folder::lock(dir)
        .with_context(|| format!("cannot use {}", dir.display()))?
        .ok_or_else(|| Error::Conflict(format!("Another backup into {} is running.", dir.display())))?;
    let leftovers = folder.remove_leftovers()?;
    if leftovers > 0 {
        tell(Step::Tidied(leftovers));
    }
    let tables = record::tables(&client).await?;
    // Before the first migrations there is no table to write it down in.
    let has_history = tables.iter().any(|t| t == "backup");
    let id = match asked {
        Some(id) => Some(id),
        None if has_history => Some(record::begin(&client, &dir.display().to_string()).await?),
        None => None,
    };
    let tools = match tools {
        Some(tools) => tools,
        None => Tools::for_server(record::server_major(&client).await?),
    };
    let made = make(app, &folder, purpose, &tools, &tables, &tell).await;
    // A dump may take an hour, in which the connection has been idle.
    drop(client);
    note(app, id, &made).await;
    let (path, size_bytes, sha256) = made?;
    Ok(Made { path, size_bytes, sha256: file::hex(&sha256), took: started.elapsed() })
}

type File = (PathBuf, u64, [u8; 32]);

async fn make(
    app: &App,
    folder: &Folder,
    purpose: Purpose,
    tools: &Tools,
    tables: &[String],
    tell: &impl Fn(Step),
) -> Result<File> {
    let dump = begin(app, folder, purpose).await?;
    let connection = Connection::new(app.db.config())?;
    fill(&dump, tools, &connection, tell).await?;
    tell(Step::Verifying);
    verify(dump.path(), tools, tables).await?;
    tell(Step::Finishing);
    let size_bytes = dump.size_bytes()?;
    let (dump, sha256) = tokio::task::spawn_blocking(move || dump.seal().map(|sha256| (dump, sha256)))
        .await
        .context("reading the dump")??;
    let path = folder.finish(dump, &sha256)?;
    Ok((path, size_bytes, sha256))
}

/// An empty file whose name is free. Names count seconds, so two runs within one take turns.
async fn begin(app: &App, folder: &Folder, purpose: Purpose) -> Result<Unfinished> {
    for _ in 0..3 {
        let name = file::name(&purpose.prefix(), app.clock.now());
        if !folder.has(&name) {
            return Ok(folder.begin(&name)?);
        }
        tokio::time::sleep(Duration::from_millis(1100)).await;
    }
    Err(anyhow!("the clock stands still: each name for a backup is taken").into())
}

async fn fill(dump: &Unfinished, tools: &Tools, connection: &Connection, tell: &impl Fn(Step)) -> Result<()> {
    let mut ended = std::pin::pin!(tools.dump(connection).stdout_to(dump.handle()?).run());
    let mut look = tokio::time::interval(Duration::from_millis(250));
    loop {
        tokio::select! {
            ended = &mut ended => {
                ended.map_err(anyhow::Error::from)?;
                return Ok(());
            }
            _ = look.tick() => tell(Step::Dumping(dump.size_bytes()?)),
        }
    }
}

/// Its list of contents names each of our tables, and it can be read to its end: the list stands at the beginning, and
/// is whole in a dump that lacks its second half.
async fn verify(dump: &Path, tools: &Tools, tables: &[String]) -> Result<()> {
    let list = tools.restore().arg("--list").arg(dump).run().await.context("the dump cannot be read")?;
    let list = String::from_utf8_lossy(&list.stdout).into_owned();
    if let Some(missing) = tables.iter().find(|table| !has_data_of(&list, table)) {
        return Err(anyhow!("the dump lacks the table {missing}").into());
    }
    let whole = tools.restore().arg("--file=/dev/null").arg(dump).run().await;
    whole.context("the dump cannot be read to its end")?;
    Ok(())
}

/// `3456; 0 16398 TABLE DATA public album barbossa`
fn has_data_of(list: &str, table: &str) -> bool {
    list.lines()
        .filter_map(|line| line.split_once(" TABLE DATA "))
        .any(|(_, rest)| rest.split(' ').nth(1) == Some(table))
}

async fn note(app: &App, id: Option<i64>, made: &Result<File>) {
    let Some(id) = id else { return };
    let noted = async {
        let client = app.db.get().await?;
        match made {
            Ok((path, size, sha256)) => {
                record::verified(&client, id, &path.display().to_string(), *size, sha256).await
            }
            Err(error) => record::failed(&client, id, &error.to_string()).await,
        }
    };
    if let Err(error) = noted.await {
        // The files are the truth; the next run sees that this row's run has ended.
        tracing::warn!(error = &error as &dyn std::error::Error, "the backup could not be written down");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_in_the_list_by_its_whole_name() {
        let list = "; Archive created\n3456; 0 16398 TABLE DATA public album_art barbossa\n3457; 0 1 TABLE public heart barbossa\n";
        assert!(has_data_of(list, "album_art"));
        assert!(!has_data_of(list, "album") && !has_data_of(list, "heart"));
    }
}
