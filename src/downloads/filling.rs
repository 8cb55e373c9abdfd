//! A single track that is to fill a gap: which hit of a search is that recording, and the tags that bring it to its place.
//! What is found by words alone may be something else, so that only what fits by title, by length or by whose it is counts.

use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::audio::{self, Changes, Field};
use crate::integrations::yt_dlp::Hit;
use crate::library::identity_key;

/// What encoders and intros of a page add.
const SAME_LENGTH_SECONDS: f64 = 7.0;
/// Words that say that it is another recording, unless the song is called so.
const OTHER: [&str; 10] = [
    "live",
    "cover",
    "karaoke",
    "instrumental",
    "remix",
    "acoustic",
    "demo",
    "reaction",
    "tutorial",
    "lesson",
];

/// The place that a fetched track takes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Filling {
    /// Counts from 1.
    pub disc_number: u32,
    /// Counts from 1.
    pub track_number: u32,
    /// The song.
    pub title: String,
    /// Its own artist, else the album's.
    pub artist: String,
    /// Whose the album is.
    pub album_artist: String,
    /// The album's title, as the library has it.
    pub album: String,
    /// Of release.
    pub year: Option<i32>,
    /// Seconds, where a catalogue knows.
    pub length: Option<f64>,
}

impl Filling {
    /// What is searched for.
    pub fn words(&self) -> String {
        format!("{} {}", self.artist, self.title)
    }

    /// The hit that is this recording, if one is: of several the artist's own, then the one whose length fits best.
    pub fn choose(&self, hits: Vec<Hit>) -> Option<Hit> {
        let apart = |hit: &Hit| match (hit.duration, self.length) {
            (Some(theirs), Some(ours)) => Some((theirs - ours).abs()),
            _ => None,
        };
        let is_it = |hit: &Hit| match apart(hit) {
            Some(apart) => apart <= SAME_LENGTH_SECONDS,
            // Nothing but words: then it has to be the artist's own.
            None => self.is_by(hit),
        };
        let fitting = hits.into_iter().filter(|hit| self.is_called_so(hit) && is_it(hit));
        fitting.min_by(|a, b| {
            let rank = |hit: &Hit| (!self.is_by(hit), apart(hit).unwrap_or(0.0));
            let ((other_a, apart_a), (other_b, apart_b)) = (rank(a), rank(b));
            other_a.cmp(&other_b).then(apart_a.total_cmp(&apart_b))
        })
    }

    /// Its title is in the page's, and nothing beside it says that it is another recording.
    fn is_called_so(&self, hit: &Hit) -> bool {
        let (ours, theirs) = (words(&self.title), words(&hit.title));
        let is_within = !ours.is_empty() && theirs.windows(ours.len()).any(|part| part == ours);
        let names: Vec<String> = [&ours[..], &words(&self.artist), &words(&self.album)].concat();
        is_within && !theirs.iter().any(|word| OTHER.contains(&word.as_str()) && !names.contains(word))
    }

    /// The artist's own channel, or the one that YouTube makes for them.
    fn is_by(&self, hit: &Hit) -> bool {
        let channel = hit.channel.trim_end_matches(" - Topic");
        [&self.artist, &self.album_artist].into_iter().any(|name| identity_key(name) == identity_key(channel))
    }

    /// Gives the one track in the folder its tags; false when there is not just one.
    ///
    /// # Errors
    /// When the file system refuses, or the file cannot be tagged.
    pub fn tag(&self, folder: &Path) -> io::Result<bool> {
        let files = std::fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
        let sounds: Vec<_> =
            files.iter().map(std::fs::DirEntry::path).filter(|path| audio::is_audio_name(path)).collect();
        let [sound] = sounds.as_slice() else { return Ok(false) };
        let number = |n: u32| Some(n.to_string());
        let changes = Changes::from([
            (Field::Title, Some(self.title.clone())),
            (Field::Artist, Some(self.artist.clone())),
            (Field::AlbumArtist, Some(self.album_artist.clone())),
            (Field::Album, Some(self.album.clone())),
            (Field::DiscNumber, number(self.disc_number)),
            (Field::TrackNumber, number(self.track_number)),
            (Field::Year, self.year.map(|year| year.to_string())),
            (Field::ReleaseType, None),
        ]);
        audio::write_tags(sound, &changes).map_err(io::Error::other)?;
        Ok(true)
    }
}

/// Each word of a title as it is compared, brackets and the like left out.
fn words(text: &str) -> Vec<String> {
    let parts = text.split(|c: char| !c.is_alphanumeric() && c != '\'' && c != '’');
    parts.filter(|part| !part.is_empty()).map(identity_key).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filling() -> Filling {
        Filling {
            disc_number: 1,
            track_number: 3,
            title: "Anna".into(),
            artist: "Kino".into(),
            album_artist: "Kino".into(),
            album: "Noch".into(),
            year: Some(1986),
            length: Some(200.0),
        }
    }

    fn hit(url: &str, title: &str, channel: &str, duration: Option<f64>) -> Hit {
        Hit { url: url.into(), title: title.into(), channel: channel.into(), duration }
    }

    #[test]
    fn the_recording_is_known_by_its_title_its_length_and_whose_it_is() {
        let chosen =
            |hits: &[Hit]| filling().choose(hits.to_vec()).map_or_else(|| "none".into(), |hit| hit.url);
        let own = hit("own", "Anna", "Kino - Topic", Some(203.0));
        let fan = hit("fan", "KINO – Anna (1986)", "somebody", Some(200.0));
        let longer = hit("longer", "Kino - Anna", "somebody", Some(260.0));
        let live = hit("live", "Kino - Anna (Live)", "Kino", Some(201.0));
        let another = hit("another", "Kino - Hanna", "Kino", Some(200.0));
        let untold = hit("untold", "Anna", "Kino", None);
        let unknown = hit("unknown", "Anna", "somebody", None);
        assert_eq!(chosen(&[fan.clone(), own]), "own");
        assert_eq!(chosen(&[longer.clone(), live.clone(), fan]), "fan");
        assert_eq!(chosen(&[longer, live, another, unknown]), "none");
        assert_eq!(chosen(&[untold]), "untold");
    }

    #[test]
    fn a_song_may_be_called_live() {
        let song = Filling { title: "Live and Let Die".into(), ..filling() };
        let own = hit("own", "Live and Let Die", "Kino", Some(200.0));
        assert_eq!(song.choose(vec![own.clone()]), Some(own));
    }
}
