//! Rows whose file is gone, and the recognition of their files in another place: by the essence, which no move, new
//! name or new tag changes. Only what could be one of them by its length or size is read for it.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio_postgres::Row;

use crate::db::Sql;
use crate::error::Result;

/// A row whose file is gone, or whose file is another now.
#[derive(Debug)]
pub struct Lost {
    /// The track.
    pub id: i64,
    /// Relative to MUSIC_PATH.
    pub path: String,
    /// Its album.
    pub album_id: i64,
    /// Where the rows have the album.
    pub album_path: String,
    /// Nothing of its album is left where it was.
    pub is_album_gone: bool,
    /// Size, and time in microseconds since 1970.
    pub stamp: (i64, i64),
    format: String,
    duration_ms: i64,
    essence: Option<String>,
    is_claimed: AtomicBool,
}

/// All of them, to be asked by several threads.
#[derive(Debug, Default)]
pub struct LostFiles {
    all: Vec<Lost>,
    by_id: HashMap<i64, usize>,
    by_second: HashMap<(String, i64), Vec<usize>>,
    by_size: HashMap<i64, Vec<usize>>,
}

/// A file without a row, as far as it was read.
#[derive(Debug, Clone, Copy)]
pub struct Found<'a> {
    /// Relative to MUSIC_PATH.
    pub path: &'a str,
    /// Size, and time in microseconds since 1970.
    pub stamp: (i64, i64),
    /// `FLAC`, `MP3`, …
    pub format: &'a str,
    /// Length.
    pub duration_ms: i64,
}

const LOST: &str = "select t.id, t.path, t.album_id, a.path, t.size_bytes, t.modified_at, t.format, t.duration_ms, t.essence,
        (select count(*) from track s where s.album_id = t.album_id)
            = (select count(*) from track s where s.album_id = t.album_id and s.id = any($1))
    from track t join album a on a.id = t.album_id where t.id = any($1)";

impl From<&Row> for Lost {
    fn from(row: &Row) -> Self {
        Self {
            id: row.get(0),
            path: row.get(1),
            album_id: row.get(2),
            album_path: row.get(3),
            stamp: (row.get(4), row.get::<_, jiff::Timestamp>(5).as_microsecond()),
            format: row.get(6),
            duration_ms: row.get::<_, Option<i64>>(7).unwrap_or_default(),
            essence: row.get(8),
            is_album_gone: row.get(9),
            is_claimed: AtomicBool::new(false),
        }
    }
}

impl LostFiles {
    /// Of these tracks.
    pub async fn of(client: &impl Sql, ids: &[i64]) -> Result<Self> {
        if ids.is_empty() {
            return Ok(Self::default());
        }
        let rows = client.rows(LOST, &[&ids]).await?;
        Ok(Self::from_rows(rows.iter().map(Lost::from).collect()))
    }

    fn from_rows(all: Vec<Lost>) -> Self {
        let mut lost = Self { all, ..Self::default() };
        for (n, row) in lost.all.iter().enumerate() {
            lost.by_id.insert(row.id, n);
            lost.by_second.entry((row.format.clone(), row.duration_ms / 1000)).or_default().push(n);
            lost.by_size.entry(row.stamp.0).or_default().push(n);
        }
        lost
    }

    /// Which of them this file may be, the likeliest first.
    fn candidates(&self, found: &Found<'_>) -> Vec<&Lost> {
        let second = found.duration_ms / 1000;
        let by_length = (second - 1..=second + 1)
            .filter_map(|s| self.by_second.get(&(found.format.to_owned(), s)))
            .chain(self.by_size.get(&found.stamp.0))
            .flatten();
        let mut numbers: Vec<usize> = by_length.copied().collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut candidates: Vec<&Lost> = numbers
            .into_iter()
            .map(|n| &self.all[n])
            .filter(|l| !l.is_claimed.load(Ordering::Acquire))
            .collect();
        candidates.sort_by_key(|lost| std::cmp::Reverse(likeness(lost, found)));
        candidates
    }

    /// The row that this file belongs to; `essence` reads the file, and is only called when there is a candidate. A row
    /// is given away once.
    pub fn claim(&self, found: &Found<'_>, essence: impl FnOnce() -> Option<String>) -> Option<&Lost> {
        if self.all.is_empty() {
            return None;
        }
        let candidates = self.candidates(found);
        if candidates.is_empty() {
            return None;
        }
        // A row that was never read whole is known by size and time alone.
        let is_unread = |lost: &Lost| lost.essence.is_none() && lost.stamp == found.stamp;
        let read = candidates.iter().any(|lost| lost.essence.is_some()).then(essence).flatten();
        candidates
            .into_iter()
            .filter(|lost| is_unread(lost) || (read.is_some() && lost.essence == read))
            .find(|lost| !lost.is_claimed.swap(true, Ordering::AcqRel))
    }

    /// One of them.
    pub fn get(&self, id: i64) -> Option<&Lost> {
        self.by_id.get(&id).map(|n| &self.all[*n])
    }

    /// Those that nothing was found for.
    pub fn unclaimed(&self) -> impl Iterator<Item = &Lost> {
        self.all.iter().filter(|lost| !lost.is_claimed.load(Ordering::Acquire))
    }
}

/// Of several rows with one sound (a song on two albums), the one that looks most like the file.
fn likeness(lost: &Lost, found: &Found<'_>) -> u8 {
    let parts = |path: &str| {
        let mut parts = path.rsplit('/').map(str::to_owned);
        (parts.next(), parts.next())
    };
    let ((file, folder), (lost_file, lost_folder)) = (parts(found.path), parts(&lost.path));
    u8::from(lost.stamp == found.stamp) * 4
        + u8::from(file == lost_file) * 2
        + u8::from(folder == lost_folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lost(id: i64, path: &str, essence: Option<&str>) -> Lost {
        Lost {
            id,
            path: path.into(),
            album_id: 1,
            album_path: "artists/A".into(),
            is_album_gone: true,
            stamp: (100, 5),
            format: "FLAC".into(),
            duration_ms: 200_000,
            essence: essence.map(str::to_owned),
            is_claimed: AtomicBool::new(false),
        }
    }

    fn found(path: &str, stamp: (i64, i64), duration_ms: i64) -> Found<'_> {
        Found { path, stamp, format: "FLAC", duration_ms }
    }

    #[test]
    fn a_file_is_known_by_its_sound_and_given_away_once() {
        let files = LostFiles::from_rows(vec![lost(1, "artists/A/01.flac", Some("x"))]);
        let elsewhere = found("artists/B/09.flac", (150, 9), 200_900);
        assert!(files.claim(&elsewhere, || Some("y".into())).is_none());
        assert_eq!(files.claim(&elsewhere, || Some("x".into())).map(|l| l.id), Some(1));
        assert!(files.claim(&elsewhere, || Some("x".into())).is_none(), "a copy is a new track");
        assert_eq!(files.unclaimed().count(), 0);
    }

    #[test]
    fn what_cannot_be_one_of_them_is_not_read() {
        let files = LostFiles::from_rows(vec![lost(1, "artists/A/01.flac", Some("x"))]);
        let other = found("artists/B/09.flac", (150, 9), 20_000);
        assert!(files.claim(&other, || panic!("it was read")).is_none());
    }

    #[test]
    fn of_two_with_one_sound_the_namesake_is_taken() {
        let two = || {
            LostFiles::from_rows(vec![
                lost(1, "artists/Ann/Best/07 - Song.flac", Some("x")),
                lost(2, "artists/Ann/One/01 - Song.flac", Some("x")),
            ])
        };
        let file = found("artists/Ann & Co/One/01 - Song.flac", (150, 9), 200_000);
        assert_eq!(two().claim(&file, || Some("x".into())).map(|l| l.id), Some(2));
    }

    #[test]
    fn a_row_that_was_never_read_is_known_by_size_and_time() {
        let files = LostFiles::from_rows(vec![lost(1, "artists/A/01.flac", None)]);
        assert!(files.claim(&found("b", (100, 6), 200_000), || None).is_none());
        assert!(files.claim(&found("b", (100, 5), 200_000), || None).is_some());
    }
}
