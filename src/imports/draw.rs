//! Drawing a plan: a decision, and what the disk and other imports leave free, become steps.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::decide::Decision;
use super::identify::{Identified, Release};
use super::inbox;
use super::plan::{
    Aside, Closure, Cover, Ending, Filing, Names, Plan, Step, album_folder, cover_among, file_numbered,
    folder_numbered, folder_underscored, free_name, track_file_name,
};
use super::read::{Candidate, File};
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
    /// What is rejected goes into the trash: a person wants it gone.
    pub rejects_into_trash: bool,
}

impl Drawn {
    /// The plan; none while another import is on its way to the same place.
    pub fn plan(&self, candidate: &Candidate, identified: &Identified) -> Option<Plan> {
        let drawing = Drawing {
            candidate,
            release: &identified.release,
            names: &self.names,
            import_id: self.import_id,
        };
        let file_of = |n: &usize| &candidate.tracks[*n].file;
        Some(match &self.decision {
            Decision::New => {
                let target = format!("artists/{}/{}", self.artist_folder, album_folder(&identified.release));
                if self.names.promised.contains(&target) {
                    return None;
                }
                let target = free_name(&self.names, &target, folder_numbered);
                let all: Vec<usize> = (0..candidate.tracks.len()).collect();
                let filing = drawing.filing(target, &all, None);
                let asides = damaged_aside(&drawing).into_iter().collect();
                Plan { ending: Ending::Done, reason: None, filing: Some(filing), asides, stays: false }
            }
            Decision::Extend { added, doubles } => {
                let twin = self.twin.as_ref()?;
                if self.names.promised.contains(&twin.path) {
                    return None;
                }
                let mut filing = drawing.filing(twin.path.clone(), added, Some(twin.id));
                filing.artwork_path = twin.artwork_path.clone().or(filing.artwork_path);
                let mut asides: Vec<_> = damaged_aside(&drawing).into_iter().collect();
                let superfluous = drawing.superfluous(&twin.path);
                if !doubles.is_empty() || !superfluous.is_empty() {
                    let files = doubles.iter().map(file_of).chain(superfluous);
                    asides.push(drawing.aside(inbox::TRASH, files, None));
                }
                Plan { ending: Ending::Done, reason: None, filing: Some(filing), asides, stays: false }
            }
            Decision::Duplicate => {
                let there = self.twin.as_ref().map_or("the library", |t| t.path.as_str());
                let reason = format!("all of it is in {there} already, sound for sound");
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
        let stays = self.source.strip_prefix(room).is_some_and(|rest| rest.starts_with('/'));
        let asides = if stays { Vec::new() } else { vec![drawing.all_aside(room, text)] };
        Plan { ending, reason: Some(reason), filing: None, asides, stays }
    }
}

fn damaged_aside(drawing: &Drawing<'_, Taken>) -> Option<Aside> {
    let damaged = &drawing.candidate.damaged;
    let files = damaged.iter().map(|d| &d.file);
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
            let digest = file.digest.as_ref();
            steps.push(Step {
                checksum: digest.map(|d| blake3::Hash::from_bytes(d.checksum).to_hex().to_string()),
                essence: digest.map(|d| d.essence.clone()),
                ..step(&file.file, to)
            });
            release.tracks.push(track.clone());
        }
        let superfluous = extends_album.map(|_| self.superfluous(&target)).unwrap_or_default();
        let wanted = self.candidate.others.iter().filter(|o| !superfluous.contains(o));
        let others: Vec<Step> = wanted.map(|o| step(o, place(safe_path(&o.relative)))).collect();
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
        }
    }

    /// Files other than audio whose names an existing album's folder has already.
    fn superfluous(&self, target: &str) -> Vec<&File> {
        let is_there = |o: &&File| self.names.is_taken(&format!("{target}/{}", safe_path(&o.relative)));
        self.candidate.others.iter().filter(is_there).collect()
    }

    /// Sends everything of the folder to `room/NAME` (`import/review`, …).
    fn all_aside(&self, room: &str, reason: Option<String>) -> Aside {
        let all = self.candidate.tracks.iter().map(|t| &t.file);
        let all = all.chain(self.candidate.damaged.iter().map(|d| &d.file)).chain(&self.candidate.others);
        self.aside(room, all, reason)
    }

    /// Sends some files to `room/NAME`.
    fn aside<'f>(&self, room: &str, chosen: impl Iterator<Item = &'f File>, reason: Option<String>) -> Aside {
        let target = format!("{room}/{}", safe_component(&self.candidate.name));
        let target = free_name(self.names, &target, folder_underscored);
        let mut used = HashSet::new();
        let steps = chosen.map(|file| {
            let is_taken = |p: &str| used.contains(p) || p.eq_ignore_ascii_case(inbox::REASON);
            let to = free_name(&Closure(is_taken), &safe_path(&file.relative), file_numbered);
            used.insert(to.clone());
            step(file, to)
        });
        let steps = steps.collect();
        Aside { target, steps, reason }
    }
}

fn step(file: &File, to: String) -> Step {
    Step {
        from: path_to_text(&file.relative),
        to,
        size_bytes: file.size_bytes,
        modified_at: file.modified_at,
        checksum: None,
        essence: None,
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
