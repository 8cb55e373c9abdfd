//! A backup in an empty database beside the running one: restored whole, counted, judged, and brought to this schema.

use std::collections::BTreeMap;

use anyhow::{Context, bail};
use tokio_postgres::Client;

use super::snapshot::{connect, counts, library};
use super::tools::{Connection, Tools};
use super::verify::Whole;
use crate::db::{self, Db};

/// What a restore brought.
#[derive(Debug, Clone)]
pub struct Restored {
    /// The rows of each table, as they were in the backup.
    pub tables: BTreeMap<String, i64>,
}

impl Restored {
    /// All rows together.
    pub fn rows(&self) -> i64 {
        self.tables.values().sum()
    }
}

/// Takes everything out of a database of ours.
pub(super) async fn empty(client: &Client) -> anyhow::Result<()> {
    client
        .batch_execute(
            "set statement_timeout = 0; set client_min_messages = warning;
             begin; drop schema if exists public cascade; create schema public; commit",
        )
        .await
        .context("the scratch database cannot be emptied")
}

/// Restores a backup that was read to its end into an empty database, and holds what came against what the backup says.
///
/// # Errors
/// What `pg_restore` said, what differs, or a migration that failed; as sentences.
pub(super) async fn restore(into: &Db, whole: &Whole, tools: &Tools) -> anyhow::Result<Restored> {
    let manifest = whole.manifest.as_ref();
    if let Some(made_for) = manifest.map(|m| m.schema).filter(|schema| *schema > db::latest_version()) {
        bail!(
            "the backup has schema {made_for}, and this program knows only {}: install the newer Barbossa first",
            db::latest_version()
        );
    }
    let name = into.config().get_dbname().context("a database without a name")?;
    let connection = Connection::new(into.config())?;
    let program = tools.restore_into(&connection, name).arg(&whole.dump);
    program.run().await.context("the dump cannot be restored")?;
    let (client, driver) = connect(into.config()).await?;
    let judged = judge(&client, whole).await;
    drop(client);
    driver.abort();
    let restored = judged?;
    // What an earlier version made is worth what this version makes of it.
    db::migrate(into, |_| {}).await.context("the restored database cannot be brought to this schema")?;
    Ok(restored)
}

async fn judge(client: &Client, whole: &Whole) -> anyhow::Result<Restored> {
    client.batch_execute("set statement_timeout = 0").await?;
    let tables = counts(client).await?;
    let library = library(client).await?;
    let schema: i32 = match tables.get("schema_migration") {
        Some(_) => {
            client.query_one("select coalesce(max(version), 0) from schema_migration", &[]).await?.get(0)
        }
        None => bail!("the dump is not one of Barbossa: it has no table schema_migration"),
    };
    let unproven = "select (select count(*) from pg_constraint where not convalidated)
        + (select count(*) from pg_index where not indisvalid)";
    let unproven: i64 = client.query_one(unproven, &[]).await?.get(0);
    if unproven > 0 {
        bail!("{unproven} constraints or indexes do not hold for the restored rows");
    }
    if let Some(manifest) = &whole.manifest {
        if let Some(sentence) = difference(&manifest.tables, &tables) {
            bail!(sentence);
        }
        if (manifest.library, manifest.schema) != (library, schema) {
            bail!("the restored library or its schema is another than the manifest says");
        }
    }
    Ok(Restored { tables })
}

fn difference(said: &BTreeMap<String, i64>, found: &BTreeMap<String, i64>) -> Option<String> {
    let names = said.keys().chain(found.keys());
    names
        .filter(|name| said.get(*name) != found.get(*name))
        .map(|name| {
            let count =
                |of: &BTreeMap<String, i64>| of.get(name).map_or("no".to_owned(), ToString::to_string);
            format!("{name} has {} rows, and the manifest says {}", count(found), count(said))
        })
        .next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_row_more_or_less_is_told() {
        let tables = |album: i64| -> BTreeMap<String, i64> { [("album".to_owned(), album)].into() };
        assert_eq!(difference(&tables(3), &tables(3)), None);
        assert_eq!(difference(&tables(3), &tables(2)).unwrap(), "album has 2 rows, and the manifest says 3");
        assert_eq!(
            difference(&tables(3), &BTreeMap::new()).unwrap(),
            "album has no rows, and the manifest says 3"
        );
    }
}
