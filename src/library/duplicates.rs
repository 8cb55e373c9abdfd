//! The same music more than once: sound for sound, by the recording's ids, or perhaps (by its name and length); and what
//! could be freed. A report: what to do about it, a person decides.

use std::cmp::Reverse;
use std::collections::HashMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio_postgres::Row;
use utoipa::ToSchema;
use uuid::Uuid;

use super::naming::{identity_key, quality_display};
use crate::db::{Params, Sql};
use crate::error::{Error, Result};

/// Lengths of one recording differ by no more between two pressings.
const SAME_LENGTH_MS: i64 = 2000;
/// How many keys are looked at together.
const BATCH: i64 = 200;

/// Why tracks are taken for one recording; the surest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Why {
    /// The audio is the same, bit for bit.
    Essence,
    /// The MusicBrainz recording id is the same, the audio is not.
    Recording,
    /// The ISRC is the same, nothing surer is.
    Isrc,
    /// Artist and title are the same and the length nearly so, in different albums.
    Maybe,
}

impl Why {
    /// All, in the order of the report.
    pub const ALL: [Self; 4] = [Self::Essence, Self::Recording, Self::Isrc, Self::Maybe];

    /// `essence`
    pub fn name(self) -> &'static str {
        match self {
            Self::Essence => "essence",
            Self::Recording => "recording",
            Self::Isrc => "isrc",
            Self::Maybe => "maybe",
        }
    }

    /// The one of this name.
    ///
    /// # Errors
    /// `Field` when there is none.
    pub fn named(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|why| why.name() == name);
        let message = "must be essence, recording, isrc or maybe";
        found.ok_or_else(|| Error::Parameter { field: "why", message: message.into() })
    }

    fn next(self) -> Option<Self> {
        Self::ALL.into_iter().skip_while(|why| *why != self).nth(1)
    }
}

/// Tracks that are, or may be, one recording.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Group {
    /// Why.
    pub why: Why,
    /// Bytes that would be free if only the best of them were kept.
    pub can_be_freed: i64,
    /// The best first.
    pub tracks: Vec<Value>,
}

/// Where a page ends: in which part of the report, behind which key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The part.
    pub why: Why,
    /// The essence, id, ISRC or title that was last.
    pub key: String,
}

impl Place {
    /// The start of a part.
    pub fn start_of(why: Why) -> Self {
        Self { why, key: String::new() }
    }

    /// As a cursor's key.
    pub fn text(&self) -> String {
        format!("{}={}", self.why.name(), self.key)
    }

    /// What [`Place::text`] wrote.
    pub fn parse(text: &str) -> Option<Self> {
        let (why, key) = text.split_once('=')?;
        Some(Self { why: Why::named(why).ok()?, key: key.to_owned() })
    }
}

/// A page of the report from a place on, and the place at which the next page begins. `is_whole` goes on with the next
/// part of the report where one ends.
pub async fn duplicates(
    client: &impl Sql,
    from: Place,
    is_whole: bool,
    limit: usize,
) -> Result<(Vec<Group>, Option<Place>)> {
    let mut groups = Vec::new();
    let mut place = Some(from);
    while let Some(at) = place.take() {
        let (found, next) = part(client, &at, limit - groups.len()).await?;
        groups.extend(found);
        place = match next {
            Some(key) => Some(Place { why: at.why, key }),
            None if is_whole => at.why.next().map(Place::start_of),
            None => None,
        };
        if groups.len() >= limit {
            break;
        }
    }
    Ok((groups, place))
}

// Each in the order of an index that it reads alone, so that a page costs what is passed on the way to its last group.
const ESSENCES: &str = "select essence from track where essence > $1 group by essence having count(*) > 1
    order by essence limit $2";
const RECORDINGS: &str =
    "select musicbrainz_id::text as key from track where musicbrainz_id > $1 group by musicbrainz_id
    having count(*) > 1 order by track.musicbrainz_id limit $2";
const ISRCS: &str =
    "select isrc from track where isrc > $1 group by isrc having count(*) > 1 order by isrc limit $2";
const TITLES: &str = "select title_key from track where title_key > $1 group by title_key having count(*) > 1
    order by title_key limit $2";

const WITH_ESSENCE: &str =
    "select t.essence as key, t.id, t.title, coalesce(t.artist_name, r.name) as artist, t.album_id,
        a.title as album, a.year, t.path, t.format, t.is_lossy, t.sample_rate_hz, t.bit_depth, t.bitrate_kbps,
        t.size_bytes, t.duration_ms, t.essence, t.musicbrainz_id, t.isrc
    from track t join album a on a.id = t.album_id join artist r on r.id = a.artist_id
    where t.essence = any($1) and t.missing_since is null";
const WITH_RECORDING: &str = "select t.musicbrainz_id::text as key, t.id, t.title, coalesce(t.artist_name, r.name) as artist,
        t.album_id, a.title as album, a.year, t.path, t.format, t.is_lossy, t.sample_rate_hz, t.bit_depth, t.bitrate_kbps,
        t.size_bytes, t.duration_ms, t.essence, t.musicbrainz_id, t.isrc
    from track t join album a on a.id = t.album_id join artist r on r.id = a.artist_id
    where t.musicbrainz_id = any($1) and t.missing_since is null";
const WITH_ISRC: &str =
    "select t.isrc as key, t.id, t.title, coalesce(t.artist_name, r.name) as artist, t.album_id,
        a.title as album, a.year, t.path, t.format, t.is_lossy, t.sample_rate_hz, t.bit_depth, t.bitrate_kbps,
        t.size_bytes, t.duration_ms, t.essence, t.musicbrainz_id, t.isrc
    from track t join album a on a.id = t.album_id join artist r on r.id = a.artist_id
    where t.isrc = any($1) and t.missing_since is null";
const WITH_TITLE: &str =
    "select t.title_key as key, t.id, t.title, coalesce(t.artist_name, r.name) as artist, t.album_id,
        a.title as album, a.year, t.path, t.format, t.is_lossy, t.sample_rate_hz, t.bit_depth, t.bitrate_kbps,
        t.size_bytes, t.duration_ms, t.essence, t.musicbrainz_id, t.isrc
    from track t join album a on a.id = t.album_id join artist r on r.id = a.artist_id
    where t.title_key = any($1) and t.missing_since is null";

/// Groups of one part, behind a key, until there are enough; and the key behind which there may be more. All groups of a
/// key stand on one page.
async fn part(client: &impl Sql, at: &Place, limit: usize) -> Result<(Vec<Group>, Option<String>)> {
    let (mut groups, mut after) = (Vec::new(), at.key.clone());
    loop {
        let keys = keys(client, at.why, &after).await?;
        let rows = tracks(client, at.why, &keys).await?;
        let mut by_key = by_key(&rows);
        for key in &keys {
            let found = news(at.why, by_key.remove(key).unwrap_or_default());
            groups.extend(found.into_iter().map(|tracks| group(at.why, tracks)));
            if groups.len() >= limit {
                return Ok((groups, Some(key.clone())));
            }
        }
        match keys.last() {
            Some(last) if keys.len() as i64 == BATCH => after.clone_from(last),
            _ => return Ok((groups, None)),
        }
    }
}

/// The next keys that several tracks have.
async fn keys(client: &impl Sql, why: Why, after: &str) -> Result<Vec<String>> {
    let id = Uuid::try_parse(after).unwrap_or(Uuid::nil());
    let (sql, params): (_, Params<'_>) = match why {
        Why::Essence => (ESSENCES, &[&after, &BATCH]),
        Why::Recording => (RECORDINGS, &[&id, &BATCH]),
        Why::Isrc => (ISRCS, &[&after, &BATCH]),
        Why::Maybe => (TITLES, &[&after, &BATCH]),
    };
    Ok(client.rows(sql, params).await?.iter().map(|row| row.get(0)).collect())
}

async fn tracks(client: &impl Sql, why: Why, keys: &[String]) -> Result<Vec<Row>> {
    let ids: Vec<Uuid> = keys.iter().filter_map(|key| Uuid::try_parse(key).ok()).collect();
    match why {
        Why::Essence => client.rows(WITH_ESSENCE, &[&keys]).await,
        Why::Recording => client.rows(WITH_RECORDING, &[&ids]).await,
        Why::Isrc => client.rows(WITH_ISRC, &[&keys]).await,
        Why::Maybe => client.rows(WITH_TITLE, &[&keys]).await,
    }
}

/// What the report needs to know of a track.
#[derive(Debug, Clone)]
struct Twin {
    id: i64,
    album_id: i64,
    artist_key: String,
    duration_ms: Option<i64>,
    size_bytes: i64,
    /// Higher is better: lossless, samples a second, bits, and of lossy ones kbit/s.
    rank: (bool, Option<i32>, Option<i32>, Option<i32>),
    essence: Option<String>,
    recording: Option<Uuid>,
    isrc: Option<String>,
    shown: Value,
}

impl From<&Row> for Twin {
    fn from(row: &Row) -> Self {
        let (rate, bits, kbps) = (row.get("sample_rate_hz"), row.get("bit_depth"), row.get("bitrate_kbps"));
        let (format, is_lossy): (&str, bool) = (row.get("format"), row.get("is_lossy"));
        let artist: &str = row.get("artist");
        let duration_ms: Option<i64> = row.get("duration_ms");
        let (id, album_id, size_bytes): (i64, i64, i64) =
            (row.get("id"), row.get("album_id"), row.get("size_bytes"));
        let shown = json!({
            "id": id, "title": row.get::<_, &str>("title"), "artist": artist, "album_id": album_id,
            "album": row.get::<_, &str>("album"), "year": row.get::<_, Option<i32>>("year"),
            "path": row.get::<_, &str>("path"), "size": size_bytes, "duration": duration_ms.map(|ms| (ms + 500) / 1000),
            "quality": quality_display(format, is_lossy, rate, bits, kbps),
        });
        Self {
            id,
            album_id,
            artist_key: identity_key(artist),
            duration_ms,
            size_bytes,
            rank: (!is_lossy, rate, bits, kbps.filter(|_| is_lossy)),
            essence: row.get("essence"),
            recording: row.get("musicbrainz_id"),
            isrc: row.get("isrc"),
            shown,
        }
    }
}

fn by_key(rows: &[Row]) -> HashMap<String, Vec<Twin>> {
    let mut by_key: HashMap<String, Vec<Twin>> = HashMap::new();
    for row in rows {
        by_key.entry(row.get("key")).or_default().push(Twin::from(row));
    }
    by_key
}

/// The best first; of equals the one that was there first.
fn group(why: Why, mut tracks: Vec<Twin>) -> Group {
    tracks.sort_by_key(|t| (Reverse(t.rank), t.id));
    let can_be_freed = tracks.iter().skip(1).map(|t| t.size_bytes).sum();
    Group { why, can_be_freed, tracks: tracks.into_iter().map(|t| t.shown).collect() }
}

/// Of tracks with one key those that are, or may be, one recording, unless a surer part of the report has said so already.
fn news(why: Why, tracks: Vec<Twin>) -> Vec<Vec<Twin>> {
    let groups = if why == Why::Maybe { alike(tracks) } else { vec![tracks] };
    groups.into_iter().filter(|group| group.len() > 1 && !is_said(why, group)).collect()
}

fn is_said(why: Why, group: &[Twin]) -> bool {
    fn is_one<T: PartialEq>(group: &[Twin], of: impl Fn(&Twin) -> Option<&T>) -> bool {
        let first = group.first().and_then(&of);
        first.is_some() && group.iter().all(|t| of(t) == first)
    }
    let surer = [
        (Why::Essence, is_one(group, |t| t.essence.as_ref())),
        (Why::Recording, is_one(group, |t| t.recording.as_ref())),
        (Why::Isrc, is_one(group, |t| t.isrc.as_ref())),
    ];
    surer.into_iter().take_while(|(surer, _)| *surer != why).any(|(_, is_one)| is_one)
}

/// Of tracks with one title those of one artist and nearly one length, in several albums.
fn alike(mut tracks: Vec<Twin>) -> Vec<Vec<Twin>> {
    tracks.retain(|t| t.duration_ms.is_some());
    tracks.sort_by(|a, b| {
        a.artist_key.cmp(&b.artist_key).then_with(|| (a.duration_ms, a.id).cmp(&(b.duration_ms, b.id)))
    });
    let is_near = |a: &Twin, b: &Twin| {
        let (a_ms, b_ms) = (a.duration_ms.unwrap_or_default(), b.duration_ms.unwrap_or_default());
        a.artist_key == b.artist_key && b_ms - a_ms <= SAME_LENGTH_MS
    };
    let has_albums = |group: &&[Twin]| group.iter().any(|t| t.album_id != group[0].album_id);
    tracks.chunk_by(is_near).filter(has_albums).map(<[Twin]>::to_vec).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn twin(id: i64, artist: &str, seconds: i64) -> Twin {
        Twin {
            id,
            album_id: id,
            artist_key: artist.into(),
            duration_ms: Some(seconds * 1000),
            size_bytes: 10 * id,
            rank: (true, Some(44_100), Some(16), None),
            essence: None,
            recording: None,
            isrc: None,
            shown: json!(id),
        }
    }

    fn groups(tracks: Vec<Twin>) -> Vec<Vec<i64>> {
        news(Why::Maybe, tracks).iter().map(|group| group.iter().map(|t| t.id).collect()).collect()
    }

    #[test]
    fn one_artist_and_nearly_one_length_in_several_albums_may_be_one_recording() {
        let tracks = vec![twin(1, "a", 200), twin(2, "a", 202), twin(3, "a", 205), twin(4, "b", 200)];
        assert_eq!(groups(tracks.clone()), [[1, 2]]);
        let one_album = tracks.into_iter().map(|t| Twin { album_id: 7, ..t }).collect();
        assert!(groups(one_album).is_empty(), "a reprise on the same album");
        let unknown = Twin { duration_ms: None, ..twin(2, "a", 0) };
        assert!(groups(vec![twin(1, "a", 200), unknown]).is_empty());
    }

    #[test]
    fn what_is_known_more_surely_is_not_said_again() {
        let same = |t: Twin| Twin { essence: Some("e".into()), ..t };
        assert!(groups(vec![same(twin(1, "a", 200)), same(twin(2, "a", 200))]).is_empty());
        assert_eq!(groups(vec![same(twin(1, "a", 200)), twin(2, "a", 200)]), [[1, 2]]);
        let isrc = |t: Twin| Twin { isrc: Some("X".into()), ..t };
        assert!(groups(vec![isrc(twin(1, "a", 200)), isrc(twin(2, "a", 200))]).is_empty());
    }

    #[test]
    fn the_best_stands_first_and_the_others_could_be_freed() {
        let lossy = Twin { rank: (false, Some(44_100), None, Some(320)), ..twin(1, "a", 200) };
        let better = Twin { rank: (true, Some(96_000), Some(24), None), ..twin(3, "a", 200) };
        let found = group(Why::Maybe, vec![lossy, twin(2, "a", 200), better]);
        assert_eq!((found.tracks, found.can_be_freed), (vec![json!(3), json!(2), json!(1)], 30));
    }

    #[test]
    fn a_place_survives_the_way_to_the_client_and_back() {
        for place in [Place::start_of(Why::Isrc), Place { why: Why::Maybe, key: "a=b".into() }] {
            assert_eq!(Place::parse(&place.text()), Some(place));
        }
        assert_eq!(Place::parse("nothing"), None);
    }
}
