//! The database at one instant: what is counted here is what the dump holds, whatever is written meanwhile.

use std::collections::BTreeMap;

use anyhow::Context;
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Config, NoTls};
use uuid::Uuid;

/// A transaction that is held open, and the name under which `pg_dump` sees the same.
pub(super) struct Snapshot {
    client: Client,
    driver: JoinHandle<()>,
    /// For `pg_dump --snapshot`.
    pub id: String,
}

impl Snapshot {
    pub(super) async fn take(config: &Config) -> anyhow::Result<Self> {
        let (client, driver) = connect(config).await?;
        client
            .batch_execute(
                "set idle_in_transaction_session_timeout = 0; set statement_timeout = 0;
                 begin isolation level repeatable read, read only",
            )
            .await?;
        let id = client.query_one("select pg_export_snapshot()", &[]).await?.get(0);
        Ok(Self { client, driver, id })
    }

    pub(super) async fn counts(&self) -> anyhow::Result<BTreeMap<String, i64>> {
        counts(&self.client).await
    }

    pub(super) async fn library(&self) -> anyhow::Result<Option<Uuid>> {
        library(&self.client).await
    }

    /// The pictures that rows name, and the tracks, relative to MUSIC_PATH.
    pub(super) async fn pictures_and_tracks(&self) -> anyhow::Result<(Vec<String>, Vec<String>)> {
        let pictures = "select artwork_path from album where artwork_path is not null
            union select artwork_path from artist where artwork_path is not null order by 1";
        let tracks = "select path from track order by 1";
        let texts = async |sql: &str| {
            let rows = self.client.query(sql, &[]).await?;
            anyhow::Ok(rows.iter().map(|row| row.get(0)).collect())
        };
        Ok((texts(pictures).await?, texts(tracks).await?))
    }
}

impl Drop for Snapshot {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// A connection of one's own, without the pool's limits of time.
pub(super) async fn connect(config: &Config) -> anyhow::Result<(Client, JoinHandle<()>)> {
    let (client, connection) = config.connect(NoTls).await.context("cannot reach PostgreSQL")?;
    let driver = tokio::spawn(async move {
        // Whoever uses the client is told.
        let _ = connection.await;
    });
    Ok((client, driver))
}

/// The rows of each of our tables.
pub(super) async fn counts(client: &Client) -> anyhow::Result<BTreeMap<String, i64>> {
    let names = "select tablename::text, format('select count(*) from %I', tablename) from pg_tables
        where schemaname = current_schema() order by 1";
    let mut counts = BTreeMap::new();
    for row in client.query(names, &[]).await? {
        let (name, sql): (String, String) = (row.get(0), row.get(1));
        counts.insert(name, client.query_one(&sql, &[]).await?.get(0));
    }
    Ok(counts)
}

/// Which library it is; none before the migration that makes one.
pub(super) async fn library(client: &Client) -> anyhow::Result<Option<Uuid>> {
    let there = client.query_one("select to_regclass('library') is not null", &[]).await?;
    if !there.get::<_, bool>(0) {
        return Ok(None);
    }
    Ok(client.query_opt("select id from library", &[]).await?.map(|row| row.get(0)))
}
