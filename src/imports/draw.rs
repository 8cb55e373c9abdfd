//! Drawing a plan: a decision, and what the disk and other imports leave free, become steps.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::decide::Decision;
use super::identify::{Identified, Release};
use super::inbox;
use super::plan::{
    Aside, Closure, Cover, Ending, Filing, Names, Plan, Replacement, Step, album_folder, cover_among,
    file_numbered, folder_numbered, folder_underscored, free_name, track_file_name,
};
use super::read::{Candidate, File, TrackFile};
use crate::audio::Digest;
use crate::files::{path_to_text, safe_component};
use crate::library::ExistingAlbum;

/// What the disk has and other imports were promised.
pub struct Taken {
    /// MUSIC_PATH.
    pub music: PathBuf,
    /// See `Import::promised_places`.
    pub promised: HashSet<String>,
}

impl Names for Taken {
    fn is_taken(&self, path: &str) -> bool {
        self.promised.contains(path) || self.music.join(path).symlink_metadata().is_ok()
    }
}

/// All that the plan is drawn from.
pub struct Drawn {
    /// What is free.
    pub names: Taken,
    /// The artist's folder beneath `artists/`.
    pub artist_folder: String,
    /// What to do.
    pub decision: Decision,
    /// The album that it is about, if there is one.
    pub twin: Option<ExistingAlbum>,
    /// The import's row.
    pub import_id: i64,
    /// Where the folder lies, relative to MUSIC_PATH.
    pub source: String,
    /// The names are a person's, and the files' tags say others.
    pub is_renamed: bool,
    /// What is rejected goes into the trash: a person wants it gone.
    pub rejects_into_trash: bool,
}

impl Drawn {
    /// The plan; none while another import is on its way to the same place.
    pub fn plan(&self, candidate: &Candidate, identified: &Identified) -> Option<Plan> {
        let plan = self.drawn(candidate, identified)?;
        // What cannot be moved is filed as copies, and all of it stays.
        let is_kept = candidate.is_immovable;
        Some(if is_kept { Plan { asides: Vec::new(), stays: true, ..plan } } else { plan })
    }

    fn drawn(&self, candidate: &Candidate, identified: &Identified) -> Option<Plan> {
        let drawing = Drawing {
            candidate,
            release: &identified.release,
            names: &self.names,
            import_id: self.import_id,
        };
        let track_of = |n: &usize| whole(&candidate.tracks[*n]);
        Some(match &self.decision {
            Decision::New | Decision::Beside => {
                let target = format!("artists/{}/{}", self.artist_folder, album_folder(&identified.release));
                if self.names.promised.contains(&target) {
                    return None;
                }
                let target = free_name(&self.names, &target, folder_numbered);
                let all: Vec<usize> = (0..candidate.tracks.len()).collect();
                let mut filing = drawing.filing(target, &all, None);
                filing.is_renamed = self.is_renamed;
                let asides = damaged_aside(&drawing).into_iter().collect();
                Plan { ending: Ending::Done, reason: None, filing: Some(filing), asides, stays: false }
            }
            Decision::Merge { added, replaced, doubles } => {
                let twin = self.twin.as_ref()?;
                if self.names.promised.contains(&twin.path) {
                    return None;
                }
                let mut filing = drawing.merging(twin, added, replaced);
                filing.is_renamed = self.is_renamed;
                let mut asides: Vec<_> = damaged_aside(&drawing).into_iter().collect();
                let superfluous = drawing.superfluous(&twin.path);
                if !doubles.is_empty() || !superfluous.is_empty() {
                    let superfluous = superfluous.into_iter().map(|file| (file, None));
                    let files = doubles.iter().map(track_of).chain(superfluous);
                    asides.push(drawing.aside(inbox::TRASH, files, None));
                }
                Plan { ending: Ending::Done, reason: None, filing: Some(filing), asides, stays: false }
            }
            Decision::Duplicate(how) => {
                let there = self.twin.as_ref().map_or("the library", |t| t.path.as_str());
                let reason = format!("all of it is in {there} already, {how}");
                self.set_aside(&drawing, inbox::TRASH, Ending::Duplicate, reason, None)
            }
            Decision::Review(reason) => {
                self.set_aside(&drawing, inbox::REVIEW, Ending::Review, reason.clone(), None)
            }
            Decision::Reject(reason) if self.rejects_into_trash => {
                self.set_aside(&drawing, inbox::TRASH, Ending::Rejected, reason.clone(), None)
            }
            Decision::Reject(reason) => {
                let text = format!("{reason}\n\n{}", damages(candidate));
                let text = Some(text.trim_end().to_owned());
                self.set_aside(&drawing, inbox::REJECTED, Ending::Rejected, reason.clone(), text)
            }
        })
    }

    /// All of it goes to a room, unless it lies there already.
    fn set_aside(
        &self,
        drawing: &Drawing<'_, Taken>,
        room: &str,
        ending: Ending,
        reason: String,
        text: Option<String>,
    ) -> Plan {
        let stays = drawing.candidate.is_immovable
            || self.source.strip_prefix(room).is_some_and(|rest| rest.starts_with('/'));
        let asides = if stays { Vec::new() } else { vec![drawing.all_aside(room, text)] };
        Plan { ending, reason: Some(reason), filing: None, asides, stays }
    }
}

fn damaged_aside(drawing: &Drawing<'_, Taken>) -> Option<Aside> {
    let damaged = &drawing.candidate.damaged;
    let files = damaged.iter().map(|d| (&d.file, None));
    (!damaged.is_empty()).then(|| drawing.aside(inbox::REJECTED, files, Some(damages(drawing.candidate))))
}

/// Each file that cannot be read, and why.
fn damages(candidate: &Candidate) -> String {
    let lines = candidate.damaged.iter().map(|d| format!("{}: {}", path_to_text(&d.file.relative), d.reason));
    lines.collect::<Vec<_>>().join("\n")
}

/// A filing being planned.
struct Drawing<'a, N: Names> {
    /// What was read.
    candidate: &'a Candidate,
    /// What it is; tracks in the candidate's order.
    release: &'a Release,
    /// What is free.
    names: &'a N,
    /// The import's row.
    import_id: i64,
}

impl<N: Names> Drawing<'_, N> {
    /// Files the tracks with these numbers into `target`, and what is no audio with them. A folder that is there keeps
    /// its own cover and log: others of the same name are not filed (see [`Drawing::superfluous`]).
    fn filing(&self, target: String, tracks: &[usize], extends_album: Option<i64>) -> Filing {
        let mut used = HashSet::new();
        let mut place = |wanted: String| {
            // Names that differ only in case are one name on the drives that people copy to.
            let is_taken =
                |p: &str| used.contains(&p.to_lowercase()) || self.names.is_taken(&format!("{target}/{p}"));
            let name = free_name(&Closure(is_taken), &wanted, file_numbered);
            used.insert(name.to_lowercase());
            name
        };
        let mut release = Release { tracks: Vec::new(), ..self.release.clone() };
        let mut steps = Vec::new();
        for n in tracks {
            let (file, track) = (&self.candidate.tracks[*n], &self.release.tracks[*n]);
            let to = place(track_file_name(track, self.release.disc_count, &ending(&file.file.relative)));
            steps.push(step(&file.file, file.digest.as_ref(), to));
            release.tracks.push(track.clone());
        }
        let superfluous = extends_album.map(|_| self.superfluous(&target)).unwrap_or_default();
        let wanted = self.candidate.others.iter().filter(|o| !superfluous.contains(o));
        let others: Vec<Step> = wanted.map(|o| step(o, None, place(safe_path(&o.relative)))).collect();
        let mut artwork = cover_among(others.iter().map(|s| s.to.as_str())).map(str::to_owned);
        steps.extend(others);
        let mut cover = None;
        if artwork.is_none()
            && extends_album.is_none()
            && let Some((track, picture)) = self.candidate.embedded_cover()
        {
            let to = place(format!("cover.{}", picture.extension));
            artwork = Some(to.clone());
            cover = Some(Cover { from: path_to_text(&track.file.relative), to });
        }
        Filing {
            artwork_path: artwork.map(|name| format!("{target}/{name}")),
            staging: format!("artists/.incoming-{}", self.import_id),
            target,
            extends_album,
            steps,
            cover,
            release,
            replaces: Vec::new(),
            is_copied: self.candidate.is_immovable,
            is_renamed: false,
        }
    }

    /// Files some tracks into an album that is there, some of them in the place of what it has. The album keeps its
    /// names; what it does not know of itself it learns.
    fn merging(&self, twin: &ExistingAlbum, added: &[usize], replaced: &[(usize, i64)]) -> Filing {
        let chosen: Vec<usize> = added.iter().copied().chain(replaced.iter().map(|(n, _)| *n)).collect();
        let mut filing = self.filing(twin.path.clone(), &chosen, Some(twin.id));
        filing.artwork_path = twin.artwork_path.clone().or(filing.artwork_path);
        let release = &mut filing.release;
        release.artist.clone_from(&twin.artist);
        release.artist_id = twin.artist_musicbrainz_id.or(release.artist_id);
        release.title.clone_from(&twin.title);
        release.year = twin.year.or(release.year);
        release.release_id = twin.musicbrainz_id.or(release.release_id);
        let mut used = HashSet::new();
        for (step, (_, track_id)) in (added.len()..).zip(replaced) {
            let Some(old) = twin.tracks.iter().find(|t| t.id == *track_id) else { continue };
            let name = old.path.rsplit('/').next().unwrap_or(&old.path);
            let trash_name = free_name(&Closure(|p: &str| used.contains(p)), name, file_numbered);
            used.insert(trash_name.clone());
            filing.replaces.push(Replacement {
                step,
                track_id: *track_id,
                old_path: old.path.clone(),
                trash_name,
                row: None,
            });
        }
        filing
    }

    /// Files other than audio whose names an existing album's folder has already.
    fn superfluous(&self, target: &str) -> Vec<&File> {
        let is_there = |o: &&File| self.names.is_taken(&format!("{target}/{}", safe_path(&o.relative)));
        self.candidate.others.iter().filter(is_there).collect()
    }

    /// Sends everything of the folder to `room/NAME` (`import/review`, …).
    fn all_aside(&self, room: &str, reason: Option<String>) -> Aside {
        let unread = self.candidate.damaged.iter().map(|d| &d.file).chain(&self.candidate.others);
        let all = self.candidate.tracks.iter().map(whole).chain(unread.map(|file| (file, None)));
        self.aside(room, all, reason)
    }

    /// Sends some files to `room/NAME`.
    fn aside<'f>(
        &self,
        room: &str,
        chosen: impl Iterator<Item = (&'f File, Option<&'f Digest>)>,
        reason: Option<String>,
    ) -> Aside {
        let target = format!("{room}/{}", safe_component(&self.candidate.name));
        let target = free_name(self.names, &target, folder_underscored);
        let mut used = HashSet::new();
        let steps = chosen.map(|(file, digest)| {
            let is_taken = |p: &str| used.contains(p) || p.eq_ignore_ascii_case(inbox::REASON);
            let to = free_name(&Closure(is_taken), &safe_path(&file.relative), file_numbered);
            used.insert(to.clone());
            step(file, digest, to)
        });
        let steps = steps.collect();
        Aside { target, steps, reason }
    }
}

/// An audio file and what is known of all of it.
fn whole(track: &TrackFile) -> (&File, Option<&Digest>) {
    (&track.file, track.digest.as_ref())
}

fn step(file: &File, digest: Option<&Digest>, to: String) -> Step {
    Step {
        from: path_to_text(&file.relative),
        to,
        size_bytes: file.size_bytes,
        modified_at: file.modified_at,
        checksum: digest.map(|d| blake3::Hash::from_bytes(d.checksum).to_hex().to_string()),
        essence: digest.map(|d| d.essence.clone()),
    }
}

fn ending(path: &Path) -> String {
    path.extension().map_or_else(String::new, |e| safe_component(&e.to_string_lossy().to_lowercase()))
}

/// Each component made safe; the folders stay.
fn safe_path(relative: &Path) -> String {
    let parts: Vec<String> = relative.iter().map(|part| safe_component(&part.to_string_lossy())).collect();
    parts.join("/")
}
