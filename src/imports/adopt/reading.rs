//! Reads the folders that differ, on all processors, and says what became of each file.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::json;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::super::identify::{Release as Identified, identify};
use super::super::plan::cover_among;
use super::super::read::{Candidate, NotReadable, TrackFile};
use super::super::tree::{Entry, Kind};
use super::super::{names, record};
use super::lost::{Found, LostFiles};
use super::survey::{Fate, Release};
use crate::audio::Quality;
use crate::files::path_to_text;
use crate::library::{self, Expected, Move, NewAlbum, NewDamage, NewTrack, Reading as Examined, Verdict};
use crate::parallel;

/// A row with a changed file, as far as it takes to judge it.
#[derive(Debug, Clone)]
pub struct Row {
    /// Size, and time in microseconds since 1970.
    pub stamp: (i64, i64),
    /// BLAKE3 of all of it, and the essence; none when it was never read whole.
    pub read: Option<(Vec<u8>, String)>,
    /// As a person reads it: `FLAC 44.1 kHz 16 bit`.
    pub quality: String,
}

/// What the reading threads share.
pub struct Desk {
    /// MUSIC_PATH.
    pub music: PathBuf,
    /// Rows whose file is gone.
    pub lost: Arc<LostFiles>,
    /// Rows whose file is another one, by id.
    pub rows: HashMap<i64, Row>,
    /// Ends the reading.
    pub stop: CancellationToken,
}

/// One folder, read.
#[derive(Debug, Default)]
pub struct ReadRelease {
    /// Relative to MUSIC_PATH, as text.
    pub path: String,
    /// What is to be recorded; only tracks of which something differs.
    pub album: Option<NewAlbum>,
    /// Audio files in it.
    pub file_count: usize,
    /// Files without a row before.
    pub new: usize,
    /// Tracks with other tags, or another time.
    pub changed: Vec<i64>,
    /// Tracks that lay elsewhere.
    pub moved: Vec<Move>,
    /// The album that lay elsewhere as a whole.
    pub moved_album: Option<Move>,
    /// Files that are not what they were.
    pub damaged: Vec<NewDamage>,
    /// Files that give no sound.
    pub unreadable: Vec<Unreadable>,
}

/// A file that gives no sound, or may not be read.
#[derive(Debug, Clone, PartialEq)]
pub struct Unreadable {
    /// Relative to MUSIC_PATH, as `path_to_text` writes it.
    pub path: String,
    /// A sentence.
    pub reason: String,
    /// Its size and time, when it need not be tried again before they change.
    pub stamp: Option<(i64, Timestamp)>,
}

/// Reads them all; each as soon as it is read.
pub fn read_all(desk: Desk, releases: Vec<Release>) -> mpsc::Receiver<ReadRelease> {
    let stop = desk.stop.clone();
    parallel::stream(releases, parallel::readers(), stop, move |release| desk.read(&release))
}

impl Desk {
    fn read(&self, release: &Release) -> ReadRelease {
        let mut read = ReadRelease { path: path_to_text(&release.path), ..ReadRelease::default() };
        read.file_count = release.fates.len();
        let Some(path) = release.path.to_str().filter(|p| *p != "artists") else {
            let reason = "not in a folder of an album, or its name is not UTF-8".into();
            read.unreadable.push(Unreadable { path: read.path.clone(), reason, stamp: None });
            return read;
        };
        let dir = self.music.join(&release.path);
        match candidate(&dir, release, &mut read) {
            Ok(candidate) => self.adopt(path, release, &candidate, read),
            Err(error) => {
                let reason = error.to_string();
                read.unreadable.push(Unreadable { path: path.to_owned(), reason, stamp: None });
                read
            }
        }
    }

    fn adopt(
        &self,
        path: &str,
        release: &Release,
        candidate: &Candidate,
        mut read: ReadRelease,
    ) -> ReadRelease {
        for damaged in &candidate.damaged {
            let fate = release.fates.get(&damaged.file.relative);
            let name = path_to_text(&damaged.file.relative);
            if let Some(Fate::Changed(id)) = fate {
                let file = format!("{path}/{name}");
                read.damaged
                    .extend(self.judge(*id, &file, &candidate.dir.join(&damaged.file.relative)).err());
            } else if fate == Some(&Fate::New) {
                let stamp = Some((damaged.file.size_bytes as i64, damaged.file.modified_at));
                let path = format!("{}/{name}", read.path);
                read.unreadable.push(Unreadable { path, reason: damaged.reason.clone(), stamp });
            }
        }
        let identified = identify(candidate).release;
        let mut tracks = Vec::new();
        for (file, track) in candidate.tracks.iter().zip(&identified.tracks) {
            let Some(name) = file.file.relative.to_str() else {
                let path = format!("{}/{}", read.path, path_to_text(&file.file.relative));
                let stamp = Some((file.file.size_bytes as i64, file.file.modified_at));
                read.unreadable.push(Unreadable { path, reason: "its name is not UTF-8".into(), stamp });
                continue;
            };
            let track = NewTrack {
                path: format!("{path}/{name}"),
                size_bytes: file.file.size_bytes.try_into().unwrap_or(i64::MAX),
                modified_at: file.file.modified_at,
                ..record::of_track(track)
            };
            let fate = release.fates.get(&file.file.relative).copied().unwrap_or(Fate::Same);
            tracks.extend(self.follow(fate, track, file, candidate, &mut read));
        }
        read.moved_album = self.moved_album(path, &read);
        read.album = Some(album(path, candidate, &identified, tracks)).filter(|a| !a.tracks.is_empty());
        read
    }

    /// What is to be recorded of one file, if anything.
    fn follow(
        &self,
        fate: Fate,
        mut track: NewTrack,
        file: &TrackFile,
        candidate: &Candidate,
        read: &mut ReadRelease,
    ) -> Option<NewTrack> {
        let on_disk = candidate.dir.join(&file.file.relative);
        match fate {
            Fate::Same | Fate::Judged => return None,
            Fate::New => {
                let found = Found {
                    path: &track.path,
                    stamp: (track.size_bytes, track.modified_at.as_microsecond()),
                    format: &track.format,
                    duration_ms: track.duration_ms.unwrap_or_default(),
                };
                let mut digest = None;
                let lost = self.lost.claim(&found, || {
                    digest = crate::audio::checksum_and_essence(&on_disk).ok();
                    digest.as_ref().map(|d| d.essence.clone())
                });
                match lost {
                    Some(lost) => {
                        read.moved.push(Move {
                            id: lost.id,
                            from: lost.path.clone(),
                            to: track.path.clone(),
                        });
                    }
                    None => read.new += 1,
                }
                if let Some(digest) = digest {
                    track.checksum = Some(digest.checksum);
                    track.essence = Some(digest.essence);
                }
            }
            Fate::Changed(id) => match self.judge(id, &track.path, &on_disk) {
                Ok(examined) => {
                    read.changed.push(id);
                    if let Some(Examined::Read { checksum, essence, .. }) = examined {
                        track.checksum = Some(checksum);
                        track.essence = Some(essence);
                    }
                }
                Err(mut damage) => {
                    damage.details["found"]["quality"] = json!(quality_text(&file.sound.quality));
                    read.damaged.push(damage);
                    return None;
                }
            },
        }
        Some(track)
    }

    /// What was read, when the audio is what it was or was never known; else the damage.
    fn judge(&self, id: i64, path: &str, on_disk: &Path) -> Result<Option<Examined>, NewDamage> {
        let Some(row) = self.rows.get(&id) else { return Ok(None) };
        let Some((checksum, essence)) = &row.read else { return Ok(None) };
        let expected = Expected { size_bytes: row.stamp.0, modified_us: row.stamp.1, checksum, essence };
        let examined = library::examine(on_disk);
        match library::judge(&expected, &examined) {
            Verdict::Intact | Verdict::Touched | Verdict::Retagged => Ok(Some(examined)),
            Verdict::Damaged(kind) => {
                let mut damage = NewDamage::of(id, path, kind, &expected, &examined);
                damage.details["expected"]["quality"] = json!(row.quality);
                Err(damage)
            }
        }
    }

    /// The album that this folder was, when all of that album went away and most of what is here was of it.
    fn moved_album(&self, path: &str, read: &ReadRelease) -> Option<Move> {
        let mut votes: HashMap<i64, usize> = HashMap::new();
        let of = |m: &Move| self.lost.get(m.id);
        for lost in read.moved.iter().filter_map(of).filter(|l| l.is_album_gone && l.album_path != path) {
            *votes.entry(lost.album_id).or_default() += 1;
        }
        let (album_id, _) = votes.into_iter().max_by_key(|(id, votes)| (*votes, -*id))?;
        let lost = read.moved.iter().filter_map(of).find(|l| l.album_id == album_id)?;
        Some(Move { id: album_id, from: lost.album_path.clone(), to: path.to_owned() })
    }
}

/// A file that may not be read hides nothing but itself.
fn candidate(dir: &Path, release: &Release, read: &mut ReadRelease) -> Result<Candidate, NotReadable> {
    let all: Vec<&Entry> = release.entries.iter().collect();
    match Candidate::read_alone(dir, &all) {
        Err(NotReadable::Refused(_)) => {
            let (mut readable, mut refused) = (Vec::new(), Vec::new());
            for entry in all {
                match std::fs::File::open(dir.join(&entry.relative)) {
                    Err(error) if entry.kind == Kind::Audio => refused.push((entry, error)),
                    _ => readable.push(entry),
                }
            }
            for (entry, error) in refused {
                let path = path_to_text(&release.path.join(&entry.relative));
                let reason = format!("it may not be read: {error}");
                read.unreadable.push(Unreadable { path, reason, stamp: None });
            }
            Candidate::read_alone(dir, &readable)
        }
        other => other,
    }
}

fn album(path: &str, candidate: &Candidate, release: &Identified, tracks: Vec<NewTrack>) -> NewAlbum {
    let cover = cover_among(candidate.others.iter().filter_map(|o| o.relative.to_str()));
    let (artist, title) = names_of(path, &release.artist, &release.title);
    NewAlbum {
        artist,
        title,
        path: path.to_owned(),
        artwork_path: cover.map(|name| format!("{path}/{name}")),
        tracks,
        ..record::of_release(release)
    }
}

/// `FLAC 44100 Hz 16 bit 900 kbit/s`.
fn quality_text(quality: &Quality) -> String {
    let number = |n: Option<u32>, unit: &str| n.map(|n| format!(" {n} {unit}")).unwrap_or_default();
    format!(
        "{}{}{}{}",
        quality.format.name(),
        number(quality.sample_rate_hz, "Hz"),
        number(quality.bit_depth.map(u32::from), "bit"),
        number(quality.bitrate_kbps, "kbit/s")
    )
}

/// What tags do not say, the path says: nothing of a library is left out.
fn names_of(path: &str, artist: &str, title: &str) -> (String, String) {
    let mut parts = path.rsplit('/');
    let folder = names::folder(parts.next().unwrap_or_default());
    let above = parts.next().filter(|a| *a != "artists");
    let artist = match artist {
        "" => folder.artist.or(above.map(str::to_owned)).unwrap_or_else(|| "Unknown Artist".into()),
        artist => artist.to_owned(),
    };
    let title = match title {
        "" => folder.album.unwrap_or_else(|| path.to_owned()),
        title => title.to_owned(),
    };
    (artist, title)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tags_do_not_say_the_path_says() {
        let of = |path, artist, title| names_of(path, artist, title);
        let both = |a: &str, t: &str| (a.to_owned(), t.to_owned());
        assert_eq!(of("artists/Ann/Album (1999)", "", ""), both("Ann", "Album"));
        assert_eq!(of("artists/Ann - Album", "", ""), both("Ann", "Album"));
        assert_eq!(of("artists/Album", "", ""), both("Unknown Artist", "Album"));
        assert_eq!(of("artists/Ann/Album", "Bob", "Other"), both("Bob", "Other"));
    }
}
