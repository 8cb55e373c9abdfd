//! Asks LRCLIB for the words of songs: of one track, an album, an artist, or of the newest that have none.

use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio_postgres::Row;

use super::unanswered;
use super::write_lyrics::WriteLyrics;
use crate::app::App;
use crate::db::Sql;
use crate::error::Result;
use crate::files::text_to_path;
use crate::imports::{Lookups, NoAnswer};
use crate::integrations::lrclib::{self, Lyrics, Song};
use crate::jobs::{self, Context, Job, Outcome, Queue};

/// What the timetable asks for: half an hour at the pace that is asked of us.
const AT_ONCE: i64 = 500;
/// A person's own `.lrc` larger than this is none.
const MAX_LRC_BYTES: u64 = 256 * 1024;

/// Asks for words.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FetchLyrics {
    /// Only of this track, even if it was asked about before.
    #[serde(default)]
    pub track_id: Option<i64>,
    /// Only of this album.
    #[serde(default)]
    pub album_id: Option<i64>,
    /// Only of this artist.
    #[serde(default)]
    pub artist_id: Option<i64>,
    /// At most so many tracks.
    #[serde(default = "at_once")]
    pub limit: i64,
}

fn at_once() -> i64 {
    AT_ONCE
}

impl Default for FetchLyrics {
    fn default() -> Self {
        Self { track_id: None, album_id: None, artist_id: None, limit: AT_ONCE }
    }
}

/// A track without words.
struct Wordless {
    id: i64,
    path: String,
    song: Song,
}

// A "no" is asked again after a season: LRCLIB grows.
const WORDLESS: &str = "select t.id, t.path, coalesce(t.artist_name, r.name) as artist, t.title, a.title as album, t.duration_ms
    from track t join album a on a.id = t.album_id join artist r on r.id = a.artist_id
        left join lyrics l on l.track_id = t.id
    where t.missing_since is null
        and (l.track_id is null or t.id = $1 and l.state <> 'found' or l.state = 'none' and l.asked_at < now() - interval '90 days')
        and ($1::bigint is null or t.id = $1) and ($2::bigint is null or t.album_id = $2)
        and ($3::bigint is null or a.artist_id = $3)
    order by t.id desc limit $4";
const KEEP: &str = "insert into lyrics (track_id, state, synced, plain) values ($1, $2, $3, $4)
    on conflict on constraint lyrics_pk do update set state = excluded.state, synced = excluded.synced,
        plain = excluded.plain, asked_at = now()";

impl Job for FetchLyrics {
    const KIND: &'static str = "enrichment.fetch_lyrics";
    const QUEUE: Queue = Queue::Network;
    const PRIORITY: i16 = 15;

    fn unique_key(&self) -> Option<String> {
        Some(match (self.track_id, self.album_id, self.artist_id) {
            (Some(id), ..) => format!("track:{id}"),
            (_, Some(id), _) => format!("album:{id}"),
            (_, _, Some(id)) => format!("artist:{id}"),
            _ => "newest".into(),
        })
    }

    async fn run(self, context: &Context) -> Result<Outcome> {
        if !context.app.settings.lrclib.enabled {
            return Ok(Outcome::Cancel("LRCLIB is off (lrclib.enabled).".into()));
        }
        let which = [self.track_id, self.album_id, self.artist_id];
        let client = context.app.db.get().await?;
        let rows = client.rows(WORDLESS, &[&which[0], &which[1], &which[2], &self.limit]).await?;
        drop(client);
        let tracks: Vec<Wordless> = rows.iter().map(Wordless::from).collect();
        let lookups = Lookups::new(context);
        let mut found = 0;
        for (done, track) in tracks.iter().enumerate() {
            context.progress.send_replace(Some(json!({"done": done, "total": tracks.len()})));
            match of_track(context, &lookups, track).await {
                Ok(has_words) => found += usize::from(has_words),
                Err(why) => return unanswered(why),
            }
        }
        Ok(Outcome::Done(json!({"asked": tracks.len(), "found": found})))
    }
}

impl From<&Row> for Wordless {
    fn from(row: &Row) -> Self {
        let song = Song {
            artist: row.get("artist"),
            title: row.get("title"),
            album: row.get("album"),
            duration_ms: row.get("duration_ms"),
        };
        Self { id: row.get("id"), path: row.get("path"), song }
    }
}

/// Finds and keeps the words of one track; whether there are any.
async fn of_track(context: &Context, lookups: &Lookups<'_>, track: &Wordless) -> Result<bool, NoAnswer> {
    if let Some(text) = beside(&context.app, &track.path).await {
        let own = Lyrics::own(text);
        keep(context, track.id, Some(&own), false).await?;
        return Ok(own.plain().is_some());
    }
    let lyrics = ask(lookups, &track.song).await?;
    keep(context, track.id, lyrics.as_ref(), true).await?;
    Ok(lyrics.is_some_and(|lyrics| lyrics.plain().is_some()))
}

async fn ask(lookups: &Lookups<'_>, song: &Song) -> Result<Option<Lyrics>, NoAnswer> {
    if let Some(question) = lrclib::exact(song)
        && let Some(answer) = lookups.lrclib(&question).await?
    {
        return Ok(Some(Lyrics::of(answer)?));
    }
    match lookups.lrclib(&lrclib::search(song)).await? {
        Some(answer) => Ok(Lyrics::best_of(answer, song)?),
        None => Ok(None),
    }
}

/// What a person put there.
async fn beside(app: &App, path: &str) -> Option<String> {
    let file = app.music().join(text_to_path(path)).with_extension("lrc");
    let size = tokio::fs::metadata(&file).await.ok()?.len();
    if size > MAX_LRC_BYTES {
        return None;
    }
    read_text(&file).await
}

async fn read_text(file: &Path) -> Option<String> {
    let bytes = tokio::fs::read(file).await.ok()?;
    Some(String::from_utf8_lossy(&bytes).replace('\0', ""))
}

async fn keep(context: &Context, track_id: i64, lyrics: Option<&Lyrics>, is_written: bool) -> Result<()> {
    let plain = lyrics.and_then(Lyrics::plain).map(|text| text.replace('\0', ""));
    let synced = lyrics.and_then(Lyrics::synced).map(|text| text.replace('\0', ""));
    let state = match (&plain, lyrics) {
        (Some(_), _) => "found",
        (None, Some(lyrics)) if lyrics.instrumental => "instrumental",
        (None, _) => "none",
    };
    let mut client = context.app.db.get().await?;
    let tx = client.transaction().await?;
    context.hold(&tx).await?;
    match tx.run(KEEP, &[&track_id, &state, &synced, &plain]).await {
        // The track went while it was asked about.
        Err(error) if error.constraint() == Some("lyrics_track_fk") => return Ok(()),
        kept => kept?,
    };
    if is_written && synced.is_some() {
        jobs::enqueue(&tx, &WriteLyrics { track_id }).await?;
    }
    Ok(tx.commit().await?)
}
