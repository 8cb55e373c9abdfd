//! What a catalogue knows of an album and nobody had written down: ids, barcode, label, ISRCs, a year where there was
//! none. Fills what is empty and changes nothing that a person sees.

use uuid::Uuid;

use crate::db::Sql;
use crate::error::Result;

/// What a catalogue knows; none where it does not, or where it is not sure.
#[derive(Debug, Clone, Default)]
pub struct Known {
    /// MusicBrainz release.
    pub musicbrainz_id: Option<Uuid>,
    /// MusicBrainz artist of the release.
    pub artist_musicbrainz_id: Option<Uuid>,
    /// Year of release.
    pub year: Option<i32>,
    /// EAN or UPC.
    pub barcode: Option<String>,
    /// Who brought it out.
    pub label: Option<String>,
    /// The label's number for it.
    pub catalog_number: Option<String>,
    /// `album`, `single`, …
    pub release_type: Option<String>,
    /// Of tracks: row, ISRC, MusicBrainz recording.
    pub tracks: Vec<(i64, Option<String>, Option<Uuid>)>,
}

// Year and id are part of what makes an album one of its own: they stay empty where another album is that one.
const IDENTITY: &str = "update album a set musicbrainz_id = coalesce(a.musicbrainz_id, $2), year = coalesce(a.year, $3),
        updated_at = now()
    where a.id = $1 and (a.musicbrainz_id is null and $2::uuid is not null or a.year is null and $3::integer is not null)
        and not exists (select from album o where o.id <> a.id and o.artist_id = a.artist_id and o.title_key = a.title_key
            and o.year is not distinct from coalesce(a.year, $3)
            and o.musicbrainz_id is not distinct from coalesce(a.musicbrainz_id, $2))";
const EXTRAS: &str = "update album set barcode = coalesce(barcode, $2), label = coalesce(label, $3),
        catalog_number = coalesce(catalog_number, $4), release_type = coalesce(release_type, $5), updated_at = now()
    where id = $1 and (barcode is null and $2::text is not null or label is null and $3::text is not null
        or catalog_number is null and $4::text is not null or release_type is null and $5::text is not null)";
const ARTIST: &str = "update artist r set musicbrainz_id = $2, updated_at = now() from album a
    where a.id = $1 and r.id = a.artist_id and r.musicbrainz_id is null
        and not exists (select from artist o where o.musicbrainz_id = $2)";
const TRACKS: &str =
    "update track t set isrc = coalesce(t.isrc, n.isrc), musicbrainz_id = coalesce(t.musicbrainz_id, n.id),
        updated_at = now()
    from unnest($2::bigint[], $3::text[], $4::uuid[]) n (track_id, isrc, id)
    where t.id = n.track_id and t.album_id = $1
        and (t.isrc is null and n.isrc is not null or t.musicbrainz_id is null and n.id is not null)";

/// Fills in what is empty, in the caller's transaction; how many rows have something new. Twice is once.
pub async fn complete(tx: &impl Sql, album_id: i64, known: &Known) -> Result<u64> {
    let mut changed = tx.run(IDENTITY, &[&album_id, &known.musicbrainz_id, &known.year]).await?;
    changed += tx
        .run(EXTRAS, &[&album_id, &known.barcode, &known.label, &known.catalog_number, &known.release_type])
        .await?;
    if let Some(artist) = known.artist_musicbrainz_id {
        changed += tx.run(ARTIST, &[&album_id, &artist]).await?;
    }
    if !known.tracks.is_empty() {
        let ids: Vec<i64> = known.tracks.iter().map(|t| t.0).collect();
        let isrcs: Vec<Option<&str>> = known.tracks.iter().map(|t| t.1.as_deref()).collect();
        let recordings: Vec<Option<Uuid>> = known.tracks.iter().map(|t| t.2).collect();
        changed += tx.run(TRACKS, &[&album_id, &ids, &isrcs, &recordings]).await?;
    }
    Ok(changed)
}
