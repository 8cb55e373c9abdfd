//! Another file for a track that is here already: the row stays, and with it hearts, links and history.

use serde_json::Value;

use super::new::NewTrack;
use crate::db::Sql;
use crate::error::Result;

/// A track and the file that takes the place of its present one.
#[derive(Debug, Clone, Copy)]
pub struct Replaced<'a> {
    /// The track's row.
    pub track_id: i64,
    /// The file that it is expected to have now, relative to MUSIC_PATH.
    pub old_path: &'a str,
    /// The new file, and what is inside.
    pub new: &'a NewTrack,
    /// `import`, `qobuz`, …
    pub source: &'a str,
}

const AS_THEY_ARE: &str =
    "select t.id, to_jsonb(t) - 'search' from unnest($1::bigint[], $2::text[]) w (id, path)
    join track t on t.id = w.id and t.path = w.path order by t.id for update of t";
// Names stay as they are here: a person may have corrected them. Ids that were missing are welcome.
const REPLACE: &str = "update track t set
        path = n.path, size_bytes = n.size_bytes, modified_at = n.modified_at, duration_ms = n.duration_ms,
        format = n.format, sample_rate_hz = n.sample_rate_hz, bit_depth = n.bit_depth, bitrate_kbps = n.bitrate_kbps,
        channels = n.channels, is_lossy = n.is_lossy, checksum = n.checksum, essence = n.essence,
        isrc = coalesce(t.isrc, n.isrc), musicbrainz_id = coalesce(t.musicbrainz_id, n.musicbrainz_id),
        source = n.source, source_url = null, updated_at = now()
    from unnest($1::bigint[], $2::text[], $3::bigint[], $4::timestamptz[], $5::bigint[], $6::text[], $7::integer[],
            $8::integer[], $9::integer[], $10::integer[], $11::boolean[], $12::bytea[], $13::text[], $14::text[],
            $15::uuid[], $16::text[])
        n (id, path, size_bytes, modified_at, duration_ms, format, sample_rate_hz, bit_depth, bitrate_kbps, channels,
           is_lossy, checksum, essence, isrc, musicbrainz_id, source)
    where t.id = n.id";

/// Gives tracks their new files in the caller's transaction; their rows as they were before, in the order given. None,
/// and nothing is changed, when one of them has another file than expected, or is gone: plan again.
pub async fn replace_files(tx: &impl Sql, replaced: &[Replaced<'_>]) -> Result<Option<Vec<Value>>> {
    if replaced.is_empty() {
        return Ok(Some(Vec::new()));
    }
    let ids: Vec<i64> = replaced.iter().map(|r| r.track_id).collect();
    let paths: Vec<&str> = replaced.iter().map(|r| r.old_path).collect();
    let rows = tx.rows(AS_THEY_ARE, &[&ids, &paths]).await?;
    let before = |id: i64| rows.iter().find(|row| row.get::<_, i64>(0) == id).map(|row| row.get(1));
    let Some(before) = ids.iter().map(|id| before(*id)).collect::<Option<Vec<Value>>>() else {
        return Ok(None);
    };
    let checksums: Vec<Option<&[u8]>> =
        replaced.iter().map(|r| r.new.checksum.as_ref().map(<[u8; 32]>::as_slice)).collect();
    tx.run(
        REPLACE,
        &[
            &ids,
            &column(replaced, |n| n.path.as_str()),
            &column(replaced, |n| n.size_bytes),
            &column(replaced, |n| n.modified_at),
            &column(replaced, |n| n.duration_ms),
            &column(replaced, |n| n.format.as_str()),
            &column(replaced, |n| n.sample_rate_hz),
            &column(replaced, |n| n.bit_depth),
            &column(replaced, |n| n.bitrate_kbps),
            &column(replaced, |n| n.channels),
            &column(replaced, |n| n.is_lossy),
            &checksums,
            &column(replaced, |n| n.essence.as_deref()),
            &column(replaced, |n| n.isrc.as_deref()),
            &column(replaced, |n| n.musicbrainz_id),
            &replaced.iter().map(|r| r.source).collect::<Vec<_>>(),
        ],
    )
    .await?;
    Ok(Some(before))
}

fn column<'r, V>(replaced: &[Replaced<'r>], of: impl Fn(&'r NewTrack) -> V) -> Vec<V> {
    replaced.iter().map(|r| of(r.new)).collect()
}

const STANDS: &str = "select id from album where id = $1 and path = $2 for update";

/// Whether an album is still here and has this folder; it stays so until the end of the caller's transaction.
pub async fn album_stands(tx: &impl Sql, album_id: i64, path: &str) -> Result<bool> {
    Ok(tx.maybe_row(STANDS, &[&album_id, &path]).await?.is_some())
}
