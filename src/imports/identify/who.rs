//! Whose album it is, what it is called and from which year, by the votes of the tags; names stand in. Pure.

use super::evidence::{Evidence, Witness};
use super::names::FolderName;
use super::votes::{Vote, most, vote, vote_but};
use super::words::{Likeness, is_many, is_nobody, is_nothing, likeness, without_disc, without_guests};
use crate::audio::Tags;
use crate::library::identity_key;

/// A name, why, and what else some files say.
pub(super) struct Named {
    pub evidence: Evidence,
    /// The strongest other answer of the tags, and how many files give it.
    pub rival: Option<(String, usize)>,
}

impl Named {
    fn of(evidence: Evidence) -> Self {
        Self { evidence, rival: None }
    }

    /// Somebody else has the same name in full.
    fn written_out(mut self, name: &str, note: &'static str) -> Self {
        self.evidence = self.evidence.noted(note);
        self.evidence.value = Some(name.to_owned());
        self
    }

    pub fn name(&self) -> &str {
        self.evidence.value.as_deref().unwrap_or_default()
    }
}

/// What is left of the confidence when not all files agree: those that are silent and those with a slip of the pen
/// weigh less than those that name something else.
fn agreement(vote: &Vote<'_>) -> f32 {
    let is_slip = |name: &str| likeness(vote.value, name) != Likeness::Other;
    let contrary: usize = vote.rivals.iter().filter(|(name, _)| !is_slip(name)).map(|(_, n)| n).sum();
    let slips = vote.asked - vote.count - contrary;
    let share = |n: usize| n as f32 / vote.total.max(1) as f32;
    let contrary = if contrary > 0 { 0.15 + 0.6 * share(contrary) } else { 0.0 };
    let silent = share(vote.total - vote.asked);
    // One in twenty that was forgotten is a slip too; half of them are a question.
    let lenient = |share: f32| if share > 0.0 { 0.02 + 0.35 * share } else { 0.0 };
    (1.0 - contrary - lenient(share(slips)) - lenient(silent)).max(0.1)
}

fn of_vote(field: &'static str, vote: &Vote<'_>, others: &'static str) -> Named {
    let value = Some(vote.value.to_owned());
    let rival = vote.rivals.first().map(|(name, n)| ((*name).to_owned(), *n));
    let evidence = if vote.is_unanimous() {
        Evidence::certain(field, value, Witness::Tags)
    } else {
        Evidence::doubtful(field, value, Witness::Tags, agreement(vote), others)
    };
    Named { evidence, rival }
}

/// ID3v1 has thirty letters for a name: the whole of it, when `told` begins with what is left of it.
pub(super) fn whole<'t>(tag: &str, told: &'t str) -> Option<&'t str> {
    let letters = tag.chars().count();
    let is_cut = (28..=30).contains(&letters) && told.chars().count() > 30;
    (is_cut && told.to_lowercase().starts_with(&tag.to_lowercase())).then_some(told)
}

pub(super) fn album(tags: &[&Tags], folder: &FolderName) -> Named {
    // Without `(Disc 2)` at its end.
    let vote = vote_but(tags, |t| Some(without_disc(t.album.as_deref()?).0), is_nothing);
    match (vote, folder.album.as_deref()) {
        (Some(vote), told) => {
            let named = of_vote("album", &vote, "not all files name the same album");
            match told.and_then(|told| whole(vote.value, told)) {
                Some(told) => named.written_out(told, "the tags are cut off; the folder's name has it whole"),
                None => named,
            }
        }
        (None, Some(name)) => Named::of(Evidence::doubtful(
            "album",
            Some(without_disc(name).0.to_owned()),
            Witness::FolderName,
            0.7,
            "no file names its album",
        )),
        (None, None) => {
            Named::of(Evidence::doubtful("album", None, Witness::Tags, 0.0, "nothing names the album"))
        }
    }
}

pub(super) fn artist(tags: &[&Tags], folder: &FolderName, album: &str) -> Named {
    if let Some(vote) = vote_but(tags, |t| t.album_artist.as_deref(), is_nobody) {
        if vote.is_unanimous() && is_many(vote.value) {
            return Named::of(Evidence::certain("artist", Some("Various Artists".into()), Witness::Tags));
        }
        return of_vote("artist", &vote, "not all files name the same album artist");
    }
    let is_soundtrack = vote(tags, |t| t.release_type.as_deref())
        .is_some_and(|v| v.value.contains("soundtrack"))
        || identity_key(album).contains("soundtrack");
    if is_soundtrack {
        return Named::of(Evidence::certain("artist", Some("Soundtrack".into()), Witness::Rule));
    }
    artist_of_tracks(tags, folder)
}

/// No file says whose album it is.
fn artist_of_tracks(tags: &[&Tags], folder: &FolderName) -> Named {
    let is_marked = tags.iter().any(|t| t.is_compilation);
    let leading = vote_but(tags, |t| t.artist.as_deref().map(without_guests), is_nobody);
    let of = |value: &str, witness, factor, note: &'static str| {
        Named::of(Evidence::doubtful("artist", Some(value.into()), witness, factor, note))
    };
    let Some(vote) = leading else {
        return match folder.artist.as_deref() {
            Some(name) => of(name, Witness::FolderName, 0.8, "no file names its artist"),
            None => {
                Named::of(Evidence::doubtful("artist", None, Witness::Tags, 0.0, "nothing names the artist"))
            }
        };
    };
    if is_marked || is_many(vote.value) {
        return Named::of(Evidence::certain("artist", Some("Various Artists".into()), Witness::Rule));
    }
    if vote.rivals.is_empty() {
        return of_vote("artist", &vote, "not all files name their artist");
    }
    // `Ann & Bob` is with Ann, when she is there alone too.
    let with_leader: usize =
        vote.rivals.iter().filter(|(name, _)| is_with(name, vote.value)).map(|(_, n)| n).sum();
    let share = (vote.count + with_leader) as f32 / vote.total as f32;
    let rival = vote.rivals.iter().find(|(name, _)| !is_with(name, vote.value));
    let mut named = match vote.rivals.len() + 1 {
        _ if rival.is_none() && share > 0.99 => {
            of(vote.value, Witness::Tags, 0.97, "no album artist is given; others play along")
        }
        _ if share >= 0.6 => {
            // From one guest among many to nearly half of the tracks.
            let note = "no album artist is given; most tracks are by this one";
            of(vote.value, Witness::Tags, 0.7 + 0.25 * share, note)
        }
        distinct if distinct > 3 && share <= 0.34 => {
            of("Various Artists", Witness::Rule, 0.92, "no album artist is given, and the tracks are by many")
        }
        _ => of(vote.value, Witness::Tags, 0.7, "no album artist is given, and the tracks differ"),
    };
    named.rival = rival.map(|(name, n)| ((*name).to_owned(), *n));
    named
}

/// `Ann & Bob`, `Bob, Ann`: her name stands there as words of its own.
fn is_with(names: &str, leader: &str) -> bool {
    format!(" {} ", identity_key(names)).contains(&format!(" {} ", identity_key(leader)))
}

pub(super) fn is_compilation(tags: &[&Tags], artist: &str) -> bool {
    tags.iter().any(|t| t.is_compilation) || is_many(artist)
}

pub(super) fn year(tags: &[&Tags], folder: &FolderName) -> Evidence {
    match (most(tags, |t| t.year), folder.year) {
        (Some((year, true)), Some(other)) if year != other => {
            let note = format!("the folder's name says {other}: another pressing, or the first one's year");
            Evidence::certain("year", Some(year.to_string()), Witness::Tags).noted(note)
        }
        (Some((year, true)), folder) => {
            let support = if folder.is_some() { 0.1 } else { 0.0 };
            Evidence::certain("year", Some(year.to_string()), Witness::Tags).supporting(support)
        }
        (Some((year, false)), _) => Evidence::doubtful(
            "year",
            Some(year.to_string()),
            Witness::Tags,
            0.98,
            "not all files give the same year",
        ),
        (None, Some(year)) => Evidence::doubtful(
            "year",
            Some(year.to_string()),
            Witness::FolderName,
            0.98,
            "no file gives a year",
        ),
        (None, None) => Evidence::doubtful("year", None, Witness::Tags, 0.97, "nothing gives a year"),
    }
}
