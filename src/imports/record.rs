//! Sixth station: the library's rows, the hearts of followers, the activity log and the announcement, in one
//! transaction; before it nobody sees the album, after it everybody does.

use std::path::Path;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::carry::text_in;
use super::enrich::Enrich;
use super::fingerprint::Fingerprint;
use super::identify::{Release, ReleaseTrack};
use super::import::{Import, State};
use super::picture;
use super::plan::{Ending, Filing, Plan, Replacement, Step, trash_of_replaced};
use super::verdict::Verdict;
use crate::activity;
use crate::db::{Client, Sql};
use crate::edits;
use crate::error::Result;
use crate::events::{self, Audience};
use crate::files::text_to_path;
use crate::hearts;
use crate::jobs::{self, Context};
use crate::library::{self, Action, Arrival, NewAlbum, NewTrack, Replaced, quality_display};
use crate::trash;

/// What became of the rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Written {
    /// They know it.
    Recorded,
    /// The album is not as it was planned for: nothing is written.
    Stale,
}

/// Records what was published.
pub async fn record(context: &Context, client: &mut Client, import: &mut Import) -> Result<Written> {
    let Some(mut plan) = import.plan.clone() else { return Ok(Written::Stale) };
    let Some(filing) = &mut plan.filing else { return Ok(Written::Stale) };
    let tx = client.transaction().await?;
    context.hold(&tx).await?;
    if filing.extends_album.is_some() {
        hearts::stand_still(&tx).await?;
    }
    let (album, others) = new_album(filing, import);
    let recorded = library::record(&tx, std::slice::from_ref(&album)).await?;
    let recorded = recorded.first().ok_or_else(|| anyhow::anyhow!("the library recorded nothing"))?;
    if let Some(id) = filing.extends_album
        && (recorded.album_id != id || !library::album_stands(&tx, id, &filing.target).await?)
    {
        return Ok(Written::Stale);
    }
    let replaced: Vec<Replaced<'_>> = filing
        .replaces
        .iter()
        .zip(&others)
        .map(|(r, new)| Replaced { track_id: r.track_id, old_path: &r.old_path, new, source: &import.source })
        .collect();
    let Some(before) = library::replace_files(&tx, &replaced).await? else { return Ok(Written::Stale) };
    let replaced_ids: Vec<i64> = replaced.iter().map(|r| r.track_id).collect();
    let arrival = arrival(import);
    library::note_arrival(&tx, recorded.album_id, &recorded.track_ids, false, &arrival).await?;
    library::note_arrival(&tx, recorded.album_id, &replaced_ids, true, &arrival).await?;
    tell_upgrades(&tx, import, &album, recorded.album_id, &before, &replaced).await?;
    for (replacement, row) in filing.replaces.iter_mut().zip(before) {
        replacement.row = Some(row);
    }
    if recorded.is_new {
        hearts::follow(&tx, recorded.artist_id, recorded.album_id).await?;
    }
    tell_imported(&tx, import, &album, recorded).await?;
    let target = filing.target.clone();
    import.recorded(&tx, recorded.album_id, &target, plan).await?;
    picture::hand_on(&tx, import.id, recorded.album_id).await?;
    ask_around(context, &tx, import.id).await?;
    tx.commit().await?;
    Ok(Written::Recorded)
}

/// Where the files come from, for good.
fn arrival(import: &Import) -> Arrival<'_> {
    let origin = import.origin.as_ref();
    Arrival {
        source: &import.source,
        source_url: origin.and_then(|o| o.url.as_deref()),
        reference: origin.and_then(|o| o.reference.as_deref()),
        fills_album_id: origin.and_then(|o| o.fills_album_id),
        requested_by: import.requested_by,
        program: origin.and_then(|o| o.program.as_deref()),
        program_version: origin.and_then(|o| o.program_version.as_deref()),
        import_id: import.id,
        download_id: origin.map(|o| o.download_id),
    }
}

async fn tell_imported(
    tx: &impl Sql,
    import: &Import,
    album: &NewAlbum,
    recorded: &library::Recorded,
) -> Result<()> {
    if !album.tracks.is_empty() {
        let details = json!({
            "import_id": import.id, "path": album.path, "tracks": album.tracks.len(), "source": import.source,
            "added_to_existing": !recorded.is_new, "artist": album.artist, "title": album.title,
        });
        let entity = Some(("album", recorded.album_id));
        activity::record(tx, import.requested_by, "album_imported", entity, Some(&details), None).await?;
    }
    let told = json!({
        "import_id": import.id, "album_id": recorded.album_id, "album_title": album.title,
        "artist_name": album.artist, "source": import.source,
    });
    events::publish(tx, "import:complete", Audience::Everyone, &told).await?;
    let action = if recorded.is_new { Action::Created } else { Action::Updated };
    let more = json!({"album_ids": [recorded.album_id], "artist_ids": [recorded.artist_id]});
    library::tell_updated(tx, Some(("album", recorded.album_id)), action, more).await
}

/// What can wait until the music is where it belongs: listening to it, and asking catalogues about it.
async fn ask_around(context: &Context, tx: &impl Sql, import_id: i64) -> Result<()> {
    jobs::enqueue(tx, &Fingerprint { import_id }).await?;
    if context.app.settings.musicbrainz.enabled {
        jobs::enqueue(tx, &Enrich { import_id, essences: Vec::new() }).await?;
    }
    Ok(())
}

/// One line for the album, with each track before and after, and an event for each track.
async fn tell_upgrades(
    tx: &impl Sql,
    import: &Import,
    album: &NewAlbum,
    album_id: i64,
    before: &[Value],
    replaced: &[Replaced<'_>],
) -> Result<()> {
    if replaced.is_empty() {
        return Ok(());
    }
    let mut tracks = Vec::new();
    for (row, new) in before.iter().zip(replaced) {
        let (old_quality, new_quality) = (quality_in(row), quality_of(new.new));
        let change =
            json!({"track_id": new.track_id, "old_quality": old_quality, "new_quality": new_quality});
        events::publish(tx, "quality:upgraded", Audience::Everyone, &change).await?;
        tracks.push(json!({
            "track_id": new.track_id, "title": row.get("title"),
            "before": {"path": new.old_path, "quality": old_quality, "source": row.get("source")},
            "after": {"path": new.new.path, "quality": new_quality, "source": new.source},
        }));
    }
    let details = json!({
        "import_id": import.id, "artist": album.artist, "title": album.title, "tracks": tracks,
        "trash": trash_of_replaced(import.id),
    });
    let entity = Some(("album", album_id));
    activity::record(tx, import.requested_by, "quality_upgrade", entity, Some(&details), None).await?;
    Ok(())
}

/// As clients show it.
fn quality_of(track: &NewTrack) -> String {
    quality_display(&track.format, track.is_lossy, track.sample_rate_hz, track.bit_depth, track.bitrate_kbps)
}

/// The same, of a track's row that was kept as JSON.
fn quality_in(row: &Value) -> String {
    let number = |name: &str| row.get(name).and_then(Value::as_i64).and_then(|n| i32::try_from(n).ok());
    let is_lossy = row.get("is_lossy").and_then(Value::as_bool).unwrap_or_default();
    let format = text_in(row, "format").unwrap_or_default();
    quality_display(&format, is_lossy, number("sample_rate_hz"), number("bit_depth"), number("bitrate_kbps"))
}

/// The old files lie in the trash now: one entry, from which each can be brought back to its track.
pub async fn retired(context: &Context, client: &mut Client, import: &mut Import) -> Result<()> {
    let filing = import.plan.as_ref().and_then(|plan| plan.filing.clone());
    let Some(filing) = filing.filter(|f| !f.replaces.is_empty()) else {
        return import.reached(client, State::Retired).await;
    };
    let tx = client.transaction().await?;
    context.hold(&tx).await?;
    let entry = trash::NewEntry {
        kind: trash::Kind::Replaced,
        path: trash_of_replaced(import.id),
        artist: Some(filing.release.artist.clone()),
        title: filing.release.title.clone(),
        album_id: import.album_id,
        import_id: Some(import.id),
        files: filing.replaces.iter().map(in_trash).collect(),
        snapshot: None,
        reason: "another copy took its place".into(),
        trashed_by: import.requested_by,
    };
    trash::put(&context.app, &tx, &entry).await?;
    import.reached(&tx, State::Retired).await?;
    Ok(tx.commit().await?)
}

fn in_trash(replaced: &Replacement) -> trash::File {
    let row = replaced.row.as_ref();
    let text = |name: &str| row.and_then(|row| text_in(row, name));
    trash::File {
        name: replaced.trash_name.clone(),
        original_path: replaced.old_path.clone(),
        size_bytes: row.and_then(|r| r.get("size_bytes")).and_then(Value::as_u64).unwrap_or_default(),
        // PostgreSQL writes bytes as `\x…`.
        checksum: text("checksum").map(|hex| hex.trim_start_matches("\\x").to_owned()),
        essence: text("essence"),
        track_id: Some(replaced.track_id),
        track: replaced.row.clone(),
    }
}

/// Ends an import that filed nothing, or whose source is gone now.
pub async fn end(
    context: &Context,
    client: &mut Client,
    import: &mut Import,
    (source, plan): (&str, &Plan),
    left: &[String],
) -> Result<()> {
    let tx = client.transaction().await?;
    context.hold(&tx).await?;
    let path = plan.asides.first().filter(|_| plan.ending != Ending::Done).map(|a| a.target.as_str());
    let mut notes = notes(plan, left);
    if plan.stays && import.lies_where_music_arrives {
        let advice = stays(plan, &context.app.music().join(text_to_path(source)));
        tracing::warn!(path = source, "{advice}");
        notes = Some(advice);
    }
    tell_trash(context, &tx, import, source, plan).await?;
    import.end(&tx, plan.ending.state(), path, plan.reason.as_deref(), notes.as_deref()).await?;
    // Only now: a file that had other tags by then would no longer be known as the source's.
    if let (Some(album_id), Some(filing)) = (import.album_id, &plan.filing)
        && filing.is_renamed
    {
        edits::write_tags(&tx, album_id, import.verdict.as_ref().and_then(Verdict::by)).await?;
    }
    if plan.ending != Ending::Done {
        let action = format!("import_{}", plan.ending.state());
        let details = json!({"import_id": import.id, "path": path, "reason": plan.reason});
        activity::record(&tx, import.requested_by, &action, None, Some(&details), None).await?;
    }
    if plan.ending == Ending::Review {
        tell_review(&tx, import.id).await?;
        ask_around(context, &tx, import.id).await?;
    }
    Ok(tx.commit().await?)
}

/// What lies in the trash now has its entries; what came out of it has none any more.
async fn tell_trash(
    context: &Context,
    tx: &impl Sql,
    import: &Import,
    source: &str,
    plan: &Plan,
) -> Result<()> {
    if source.starts_with(".trash/") && !plan.stays {
        trash::forget(tx, source).await?;
    }
    let names = tx.row(NAMES, &[&import.id]).await?;
    for aside in plan.asides.iter().filter(|a| a.target.starts_with(".trash/")) {
        let folder = aside.target.rsplit('/').next().unwrap_or(&aside.target);
        let is_unwanted = plan.ending == Ending::Rejected;
        let file = |step: &Step| trash::File {
            name: step.to.clone(),
            original_path: format!("{source}/{}", step.from),
            size_bytes: step.size_bytes,
            checksum: step.checksum.clone(),
            essence: step.essence.clone(),
            track_id: None,
            track: None,
        };
        let entry = trash::NewEntry {
            kind: if is_unwanted { trash::Kind::Deleted } else { trash::Kind::Duplicate },
            path: aside.target.clone(),
            artist: names.get(0),
            title: names.get::<_, Option<String>>(1).unwrap_or_else(|| folder.to_owned()),
            album_id: import.album_id,
            import_id: Some(import.id),
            files: aside.steps.iter().map(file).collect(),
            snapshot: None,
            reason: plan.reason.clone().unwrap_or_else(|| "they are in the library already".into()),
            trashed_by: import.requested_by.filter(|_| is_unwanted),
        };
        trash::put(&context.app, tx, &entry).await?;
    }
    Ok(())
}

/// What a person can do about files that could only be copied, or only be looked at.
fn stays(plan: &Plan, folder: &Path) -> String {
    let told = match plan.ending {
        Ending::Done | Ending::Duplicate => "imported; the originals could not be removed",
        Ending::Review | Ending::Rejected => "it stays where it is, since its files could not be moved",
    };
    format!("{told}: chmod -R g+w '{}'", folder.display())
}

const NAMES: &str = "select suggested_artist, suggested_album from import where id = $1";

const SUGGESTED: &str =
    "select jsonb_build_object('review_id', id, 'path', path, 'suggested_artist', suggested_artist,
        'suggested_album', suggested_album, 'confidence', confidence, 'reason', reason)
    from import where id = $1";

/// Tells the admins that an import waits for a person.
pub(super) async fn tell_review(tx: &impl Sql, import_id: i64) -> Result<()> {
    let told = tx.row(SUGGESTED, &[&import_id]).await?.get::<_, Value>(0);
    events::publish(tx, "import:review", Audience::Admins, &told).await?;
    Ok(())
}

/// What a person may want to know of an import that ended well.
fn notes(plan: &Plan, left: &[String]) -> Option<String> {
    let mut notes = Vec::new();
    if plan.ending == Ending::Done {
        for aside in &plan.asides {
            let reason = aside.reason.as_deref().unwrap_or("they are in the library already");
            notes.push(format!("{} files went to {}: {reason}", aside.steps.len(), aside.target));
        }
    }
    if !left.is_empty() {
        notes.push(format!("left where they were: {}", left.join(", ")));
    }
    Some(notes.join("\n")).filter(|n| !n.is_empty())
}

/// The album with the tracks that it gets, and beside it the files that take the place of others, in the plan's order.
fn new_album(filing: &Filing, import: &Import) -> (NewAlbum, Vec<NewTrack>) {
    let release = &filing.release;
    let (mut tracks, mut others) = (Vec::new(), Vec::new());
    for (n, (track, step)) in release.tracks.iter().zip(&filing.steps).enumerate() {
        let of_its_kind = if filing.replacement(n).is_some() { &mut others } else { &mut tracks };
        of_its_kind.push(new_track(track, step, &filing.target));
    }
    let album = NewAlbum {
        path: filing.target.clone(),
        artwork_path: filing.artwork_path.clone(),
        source: import.source.clone(),
        imported_by: import.requested_by,
        tracks,
        ..of_release(release)
    };
    (album, others)
}

/// What a release says of its album; where it lies and what is in it is not in there.
pub fn of_release(release: &Release) -> NewAlbum {
    NewAlbum {
        artist: release.artist.clone(),
        artist_sort: release.artist_sort.clone(),
        artist_musicbrainz_id: release.artist_id,
        title: release.title.clone(),
        year: release.year,
        total_tracks: release.total_tracks.try_into().unwrap_or(i32::MAX),
        disc_count: release.disc_count.max(1).try_into().unwrap_or(i32::MAX),
        genre: release.genre.clone(),
        label: release.label.clone(),
        catalog_number: release.catalog_number.clone(),
        barcode: release.barcode.clone(),
        musicbrainz_id: release.release_id,
        release_type: release.release_type.clone(),
        is_compilation: release.is_compilation,
        source: "import".into(),
        ..NewAlbum::default()
    }
}

fn new_track(track: &ReleaseTrack, step: &Step, target: &str) -> NewTrack {
    let checksum = step.checksum.as_deref().and_then(|hex| blake3::Hash::from_hex(hex).ok());
    NewTrack {
        path: format!("{target}/{}", step.to),
        size_bytes: step.size_bytes.try_into().unwrap_or(i64::MAX),
        modified_at: step.modified_at,
        checksum: checksum.map(|hash| *hash.as_bytes()),
        essence: step.essence.clone(),
        ..of_track(track)
    }
}

/// What a release says of a track; where it lies is not in there.
pub fn of_track(track: &ReleaseTrack) -> NewTrack {
    let quality = &track.quality;
    let number = |n: Option<u32>| n.and_then(|n| i32::try_from(n).ok());
    NewTrack {
        title: track.title.clone(),
        artist_name: track.artist_name.clone(),
        disc_number: track.disc_number.max(1).try_into().unwrap_or(1),
        track_number: track.track_number.try_into().unwrap_or(0),
        duration_ms: i64::try_from(quality.duration_ms).ok(),
        path: String::new(),
        size_bytes: 0,
        modified_at: Timestamp::UNIX_EPOCH,
        format: quality.format.name().into(),
        sample_rate_hz: number(quality.sample_rate_hz),
        bit_depth: quality.bit_depth.map(Into::into),
        bitrate_kbps: number(quality.bitrate_kbps),
        channels: quality.channels.map(Into::into),
        is_lossy: quality.is_lossy,
        checksum: None,
        essence: None,
        isrc: track.isrc.clone(),
        composer: track.composer.clone(),
        genre: track.genre.clone(),
        musicbrainz_id: track.recording_id,
    }
}
