//! AcoustID's web service (acoustid.org/webservice): which recordings sound like a fingerprint. Needs a key of one's own,
//! which is free; at most three questions a second.

use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::{Trouble, encoded};

/// As it calls itself.
pub const SERVICE: &str = "acoustid";
/// In a sentence.
pub const NAME: &str = "AcoustID";

/// Recordings with this fingerprint (compressed by Chromaprint), and the releases that they are on. The key is not in it.
pub fn lookup(compressed: &[u8], duration_ms: u64) -> String {
    let seconds = (duration_ms + 500) / 1000;
    format!(
        "/v2/lookup?format=json&meta=recordings+releaseids&duration={seconds}&fingerprint={}",
        base64(compressed)
    )
}

/// The question with the key that asks it.
pub fn with_key(question: &str, key: &str) -> String {
    format!("{question}&client={}", encoded(key))
}

/// A recording that sounds so.
#[derive(Debug, Clone, PartialEq)]
pub struct Match {
    /// How sure AcoustID is, in [0, 1].
    pub score: f32,
    /// MusicBrainz recording.
    pub recording_id: Uuid,
    /// MusicBrainz releases.
    pub release_ids: Vec<Uuid>,
}

#[derive(Deserialize)]
struct Answer {
    status: String,
    #[serde(default)]
    results: Vec<Found>,
}

#[derive(Deserialize)]
struct Found {
    score: f32,
    #[serde(default)]
    recordings: Vec<Recording>,
}

#[derive(Deserialize)]
struct Recording {
    id: Uuid,
    #[serde(default)]
    releases: Vec<Release>,
}

#[derive(Deserialize)]
struct Release {
    id: Uuid,
}

/// Out of the answer to [`lookup`].
///
/// # Errors
/// `Refused`, `Rubbish`.
pub fn matches(answer: Value) -> Result<Vec<Match>, Trouble> {
    let answer: Answer = serde_json::from_value(answer).map_err(|e| Trouble::Rubbish(NAME, e.to_string()))?;
    if answer.status != "ok" {
        return Err(Trouble::Refused(NAME, answer.status));
    }
    let all = answer.results.into_iter().flat_map(|found| {
        found.recordings.into_iter().map(move |recording| Match {
            score: found.score.clamp(0.0, 1.0),
            recording_id: recording.id,
            release_ids: recording.releases.into_iter().map(|r| r.id).collect(),
        })
    });
    Ok(all.collect())
}

/// The alphabet of RFC 4648, section 5, without padding, as Chromaprint writes it.
pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut out = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let number = three.iter().chain([&0, &0]).take(3).fold(0_u32, |n, b| n << 8 | u32::from(*b));
        for n in 0..=three.len() {
            out.push(LETTERS[(number >> (18 - 6 * n) & 63) as usize].into());
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn base64_is_that_of_the_rfc_without_padding() {
        for (plain, text) in [
            ("", ""),
            ("f", "Zg"),
            ("fo", "Zm8"),
            ("foo", "Zm9v"),
            ("foob", "Zm9vYg"),
            ("foobar", "Zm9vYmFy"),
        ] {
            assert_eq!(base64(plain.as_bytes()), text);
        }
        assert_eq!(base64(&[0xfb, 0xff]), "-_8");
    }

    #[test]
    fn recordings_are_read_and_a_refusal_is_one() {
        let id = "cd2e7c47-16f5-46c6-a37c-a1eb7bf599ff";
        let answer = json!({"status": "ok", "results": [
            {"id": id, "score": 0.97, "recordings": [{"id": id, "releases": [{"id": id}]}]}, {"id": id, "score": 0.2}]});
        let found = matches(answer).unwrap();
        assert_eq!((found.len(), found[0].release_ids.len()), (1, 1));
        assert!(matches!(matches(json!({"status": "error"})), Err(Trouble::Refused(..))));
        assert!(matches!(matches(json!("no")), Err(Trouble::Rubbish(..))));
    }
}
