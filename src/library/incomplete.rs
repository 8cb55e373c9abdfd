//! Albums of which tracks are missing, and which: by the totals that the tags tell, and by gaps in the numbers.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::db::Sql;
use crate::error::Result;

/// A number this far beyond the count of tracks is no gap, but a way of numbering.
const MAX_GAP: i32 = 100;

/// An album that is not whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Incomplete {
    /// The row.
    pub album_id: i64,
    /// As written.
    pub title: String,
    /// The album artist.
    pub artist: String,
    /// Of release.
    pub year: Option<i32>,
    /// The folder, relative to MUSIC_PATH.
    pub path: String,
    /// How many tracks the release has, as far as is known.
    pub total_tracks: i32,
    /// How many of them are here.
    pub available_tracks: i32,
    /// What is missing, disc by disc.
    pub missing: Vec<Missing>,
    /// Tracks that are missing and have no number that could be named.
    pub unnamed: i32,
}

/// What is missing of a disc.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Missing {
    /// Counts from 1.
    pub disc: i32,
    /// The numbers; none when the disc is missing whole.
    pub tracks: Vec<i32>,
    /// No track of the disc is here.
    pub is_whole_disc: bool,
}

impl Missing {
    /// `1-3, 7`, or `all`.
    pub fn text(&self) -> String {
        if self.is_whole_disc {
            return "all".into();
        }
        let mut runs: Vec<(i32, i32)> = Vec::new();
        for number in &self.tracks {
            match runs.last_mut() {
                Some((_, last)) if *last + 1 == *number => *last = *number,
                _ => runs.push((*number, *number)),
            }
        }
        let texts = runs.iter().map(|(a, b)| if a == b { a.to_string() } else { format!("{a}-{b}") });
        texts.collect::<Vec<_>>().join(", ")
    }
}

// In the order of the index on (album_id, disc_number, track_number): a page costs what is passed on the way to its last
// album, and no track's row is read but for those that are found.
const CANDIDATES: &str = "select d.album_id
    from (select album_id, disc_number, max(track_number) as last,
            count(distinct track_number) filter (where track_number > 0) as numbers
          from track where album_id > $1 group by album_id, disc_number) d
        join album a on a.id = d.album_id
    group by d.album_id, a.id
    having bool_or(d.last > d.numbers) or a.available_tracks < a.total_tracks or count(*) < a.disc_count
    order by d.album_id limit $2";
const ALBUMS: &str =
    "select a.id, a.title, r.name, a.year, a.path, a.total_tracks, a.available_tracks, a.disc_count
    from album a join artist r on r.id = a.artist_id where a.id = any($1) order by a.id";
const NUMBERS: &str = "select album_id, disc_number, track_number from track
    where album_id = any($1) and missing_since is null";

/// A page of them in the order of their ids, behind the album `after`; and behind which one the next page begins.
pub async fn incomplete(client: &impl Sql, after: i64, limit: i64) -> Result<(Vec<Incomplete>, Option<i64>)> {
    let mut found = Vec::new();
    let mut after = after;
    loop {
        let ids: Vec<i64> =
            client.rows(CANDIDATES, &[&after, &(limit + 1)]).await?.iter().map(|row| row.get(0)).collect();
        let is_last = (ids.len() as i64) <= limit;
        found.extend(look_at(client, &ids).await?);
        let room = usize::try_from(limit).unwrap_or(usize::MAX);
        if found.len() > room {
            found.truncate(room);
            let next = found.last().map(|album| album.album_id);
            return Ok((found, next));
        }
        match ids.last() {
            Some(last) if !is_last => after = *last,
            _ => return Ok((found, None)),
        }
    }
}

/// This album; none when it is whole.
pub async fn incomplete_album(client: &impl Sql, album_id: i64) -> Result<Option<Incomplete>> {
    Ok(look_at(client, &[album_id]).await?.pop())
}

async fn look_at(client: &impl Sql, ids: &[i64]) -> Result<Vec<Incomplete>> {
    let mut numbers: HashMap<i64, Vec<(i32, i32)>> = HashMap::new();
    for row in client.rows(NUMBERS, &[&ids]).await? {
        numbers.entry(row.get(0)).or_default().push((row.get(1), row.get(2)));
    }
    let albums = client.rows(ALBUMS, &[&ids]).await?;
    Ok(albums
        .iter()
        .map(|row| {
            let album_id = row.get(0);
            let (total_tracks, available_tracks) = (row.get(5), row.get(6));
            let numbers = numbers.get(&album_id).map_or(&[][..], Vec::as_slice);
            let (missing, unnamed) = gaps(numbers, total_tracks, row.get(7));
            Incomplete {
                album_id,
                title: row.get(1),
                artist: row.get(2),
                year: row.get(3),
                path: row.get(4),
                total_tracks,
                available_tracks,
                missing,
                unnamed,
            }
        })
        .filter(|album| !album.missing.is_empty() || album.unnamed > 0)
        .collect())
}

/// What is missing among (disc, number), and how many more the total tells of. The total is of all discs together, so
/// that it names the last tracks of a single disc only.
fn gaps(numbers: &[(i32, i32)], total_tracks: i32, disc_count: i32) -> (Vec<Missing>, i32) {
    let mut discs: BTreeMap<i32, BTreeSet<i32>> = BTreeMap::new();
    for (disc, number) in numbers {
        discs.entry(*disc).or_default().insert(*number);
    }
    let is_single = disc_count <= 1 && discs.len() <= 1;
    let mut missing = Vec::new();
    for (disc, present) in &discs {
        let tracks = gaps_of_disc(present, if is_single { total_tracks } else { 0 });
        if !tracks.is_empty() {
            missing.push(Missing { disc: *disc, tracks, is_whole_disc: false });
        }
    }
    for disc in (1..=disc_count.min(MAX_GAP)).filter(|disc| !discs.contains_key(disc)) {
        missing.push(Missing { disc, tracks: Vec::new(), is_whole_disc: true });
    }
    missing.sort_by_key(|m| m.disc);
    let named: usize = missing.iter().map(|m| m.tracks.len()).sum();
    let here = i32::try_from(numbers.len()).unwrap_or(i32::MAX);
    let unnamed = total_tracks - here - i32::try_from(named).unwrap_or(i32::MAX);
    (missing, unnamed.max(0))
}

fn gaps_of_disc(present: &BTreeSet<i32>, total: i32) -> Vec<i32> {
    let Some(first) = present.iter().find(|n| **n > 0) else { return Vec::new() };
    // `101`, `102`, …: the disc stands before the number.
    let base = first / 100 * 100;
    let last = present.last().copied().unwrap_or_default().max(base + total.min(99));
    let missing: Vec<i32> = (base + 1..=last).filter(|n| !present.contains(n)).collect();
    let is_numbering = i32::try_from(missing.len()).unwrap_or(i32::MAX) > MAX_GAP;
    if is_numbering { Vec::new() } else { missing }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(numbers: &[(i32, i32)], total: i32, discs: i32) -> String {
        let (missing, unnamed) = gaps(numbers, total, discs);
        let texts: Vec<String> = missing.iter().map(|m| format!("{}: {}", m.disc, m.text())).collect();
        format!("{} +{unnamed}", texts.join("; "))
    }

    #[test]
    fn missing_numbers_are_named_disc_by_disc() {
        for (numbers, total, discs, expected) in [
            (&[(1, 1), (1, 2), (1, 3)][..], 3, 1, " +0"),
            (&[(1, 1), (1, 2), (1, 4)], 3, 1, "1: 3 +0"),
            (&[(1, 2), (1, 5)], 7, 1, "1: 1, 3-4, 6-7 +0"),
            (&[(1, 0), (1, 1), (1, 2)], 2, 1, " +0"),
            (&[(1, 1), (2, 1), (2, 3)], 5, 2, "2: 2 +1"),
            (&[(1, 1), (3, 1)], 2, 3, "2: all +0"),
            (&[(2, 1)], 10, 2, "1: all +9"),
            (&[(1, 101), (1, 103)], 3, 1, "1: 102 +0"),
            (&[(1, 1), (1, 2001)], 2, 1, " +0"),
            (&[(1, 0)], 3, 1, " +2"),
            (&[], 3, 1, "1: all +3"),
        ] {
            assert_eq!(told(numbers, total, discs), expected, "{numbers:?} of {total} on {discs}");
        }
    }
}
