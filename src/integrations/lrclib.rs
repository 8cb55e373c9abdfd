//! LRCLIB (lrclib.net/docs): lyrics by artist, title, album and length. It asks for no key, and for a `User-Agent` that says
//! who asks; pace and cache are the caller's.

use serde::Deserialize;
use serde_json::Value;

use super::{Trouble, encoded, read};

/// As it calls itself.
pub const SERVICE: &str = "lrclib";
/// In a sentence.
pub const NAME: &str = "LRCLIB";
/// A song may be this much longer or shorter than ours to be ours, as LRCLIB's own exact question has it.
const LEEWAY_SECONDS: f64 = 2.0;

/// What is asked about.
#[derive(Debug, Clone, PartialEq)]
pub struct Song {
    /// Of the track.
    pub artist: String,
    /// Of the track.
    pub title: String,
    /// What it is on.
    pub album: String,
    /// How long.
    pub duration_ms: Option<i64>,
}

/// Words of a song.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lyrics {
    /// There are none to be had.
    #[serde(default)]
    pub instrumental: bool,
    /// Lines.
    pub plain_lyrics: Option<String>,
    /// Lines with times, as in an `.lrc`.
    pub synced_lyrics: Option<String>,
    duration: Option<f64>,
}

/// The song of just this album and length; none when the length is not known, without which it does not answer.
pub fn exact(song: &Song) -> Option<String> {
    let seconds = (song.duration_ms? + 500) / 1000;
    Some(format!(
        "/api/get?artist_name={}&track_name={}&album_name={}&duration={seconds}",
        encoded(&song.artist),
        encoded(&song.title),
        encoded(&song.album)
    ))
}

/// Songs of that name.
pub fn search(song: &Song) -> String {
    format!("/api/search?track_name={}&artist_name={}", encoded(&song.title), encoded(&song.artist))
}

impl Lyrics {
    /// Out of the answer to [`exact`].
    ///
    /// # Errors
    /// `Rubbish`
    pub fn of(answer: Value) -> Result<Self, Trouble> {
        read(NAME, answer)
    }

    /// Out of the answer to [`search`]: the first that has words and is as long as ours; with times before without.
    ///
    /// # Errors
    /// `Rubbish`
    pub fn best_of(answer: Value, song: &Song) -> Result<Option<Self>, Trouble> {
        let found: Vec<Self> = read(NAME, answer)?;
        let Some(duration_ms) = song.duration_ms else { return Ok(None) };
        let ours = duration_ms as f64 / 1000.0;
        let fits = |l: &Self| l.duration.is_some_and(|d| (d - ours).abs() <= LEEWAY_SECONDS);
        let mut fitting: Vec<Self> = found.into_iter().filter(|l| fits(l) && !l.is_empty()).collect();
        fitting.sort_by_key(|l| l.synced().is_none());
        Ok(fitting.into_iter().next())
    }

    /// Words that somebody had already, as a file has them.
    pub fn own(text: String) -> Self {
        Self { instrumental: false, plain_lyrics: None, synced_lyrics: None, duration: None }.with(text)
    }

    fn with(self, text: String) -> Self {
        if text.contains('[') {
            Self { synced_lyrics: Some(text), ..self }
        } else {
            Self { plain_lyrics: Some(text), ..self }
        }
    }

    /// With times, if there is anything in them.
    pub fn synced(&self) -> Option<&str> {
        self.synced_lyrics.as_deref().map(str::trim).filter(|t| t.contains('['))
    }

    /// Without times; made of those with times where there are no others.
    pub fn plain(&self) -> Option<String> {
        let plain = self.plain_lyrics.as_deref().map(str::trim).filter(|t| !t.is_empty()).map(str::to_owned);
        plain.or_else(|| self.synced().map(without_times))
    }

    fn is_empty(&self) -> bool {
        !self.instrumental && self.synced().is_none() && self.plain().is_none()
    }
}

/// `[00:17.12] Words` → `Words`.
fn without_times(synced: &str) -> String {
    let words = |line: &str| {
        let mut rest = line.trim();
        while let Some((_, after)) = rest.strip_prefix('[').and_then(|r| r.split_once(']')) {
            rest = after.trim_start();
        }
        rest.to_owned()
    };
    synced.lines().map(words).collect::<Vec<_>>().join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn song() -> Song {
        let duration_ms = Some(200_400);
        Song { artist: "AC/DC".into(), title: "T & T".into(), album: "A".into(), duration_ms }
    }

    #[test]
    fn questions_are_as_documented() {
        let exact = exact(&song()).unwrap();
        assert_eq!(exact, "/api/get?artist_name=AC%2FDC&track_name=T%20%26%20T&album_name=A&duration=200");
        assert_eq!(super::exact(&Song { duration_ms: None, ..song() }), None);
        assert_eq!(search(&song()), "/api/search?track_name=T%20%26%20T&artist_name=AC%2FDC");
    }

    #[test]
    fn of_many_songs_the_one_that_is_as_long_and_has_times_is_ours() {
        let one = |duration: f64, plain: &str, synced: Option<&str>| json!({"id": 1, "duration": duration, "instrumental": false, "plainLyrics": plain, "syncedLyrics": synced});
        let all = json!([
            one(100.0, "other", None),
            one(201.0, "plain", None),
            one(200.0, "", Some("[00:01.00] la"))
        ]);
        let best = Lyrics::best_of(all, &song()).unwrap().unwrap();
        assert_eq!((best.synced(), best.plain().as_deref()), (Some("[00:01.00] la"), Some("la")));
        assert_eq!(Lyrics::best_of(json!([one(100.0, "other", None)]), &song()).unwrap(), None);
        assert!(Lyrics::best_of(json!({"no": 1}), &song()).is_err());
    }

    #[test]
    fn times_are_taken_away_and_words_stay() {
        assert_eq!(without_times("[ar: X]\n[00:01.00][00:09.00] One [x]\n[00:02.00]\nTwo"), "One [x]\n\nTwo");
    }
}
