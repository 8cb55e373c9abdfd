//! The Cover Art Archive (musicbrainz.org/doc/Cover_Art_Archive/API): which pictures of a release there are, and its front
//! at most 1200 pixels wide. And pictures of artists that MusicBrainz knows of, which lie at Wikimedia Commons
//! (commons.wikimedia.org/wiki/Commons:FAQ, "Special:FilePath"). No key; pace and cache are the caller's.

use serde::Deserialize;
use serde_json::Value;
use uuid::Uuid;

use super::{Trouble, encoded, read};

/// As it calls itself.
pub const SERVICE: &str = "coverartarchive";
/// In a sentence.
pub const NAME: &str = "The Cover Art Archive";

/// All pictures of a release, as a list; 404 when there are none.
pub fn pictures(release: Uuid) -> String {
    format!("/release/{release}/")
}

/// The front itself, by redirects to where it lies.
pub fn front(release: Uuid) -> String {
    format!("/release/{release}/front-1200")
}

/// Whether the answer to [`pictures`] has a front that people have approved.
///
/// # Errors
/// `Rubbish`
pub fn has_front(answer: Value) -> Result<bool, Trouble> {
    #[derive(Deserialize)]
    struct Pictures {
        images: Vec<Picture>,
    }
    #[derive(Deserialize)]
    struct Picture {
        #[serde(default)]
        front: bool,
        #[serde(default = "yes")]
        approved: bool,
    }
    fn yes() -> bool {
        true
    }
    Ok(read::<Pictures>(NAME, answer)?.images.iter().any(|p| p.front && p.approved))
}

/// What MusicBrainz knows of an artist elsewhere.
pub fn links_of_artist(artist: Uuid) -> String {
    format!("/ws/2/artist/{artist}?fmt=json&inc=url-rels")
}

/// The name of the artist's picture at Wikimedia Commons, out of the answer to [`links_of_artist`].
pub fn picture_of_artist(answer: &Value) -> Option<String> {
    let relations = answer["relations"].as_array()?;
    let mut images = relations.iter().filter(|r| r["type"] == "image");
    let file = |relation: &Value| {
        let url = relation["url"]["resource"].as_str()?;
        let name = url.split_once("commons.wikimedia.org/wiki/File:")?.1;
        Some(name.split(['?', '#']).next().unwrap_or(name).to_owned()).filter(|n| !n.is_empty())
    };
    images.find_map(file)
}

/// A picture at Wikimedia Commons, at most 1200 pixels wide. `name` is as an address has it, percent-encoded already.
pub fn commons_file(name: &str) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "-._~%!'()*,;:@+$".contains(c);
    let name: String =
        name.chars().map(|c| if is_safe(c) { c.to_string() } else { encoded(&c.to_string()) }).collect();
    format!("/wiki/Special:FilePath/{name}?width=1200")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn only_an_approved_front_is_one() {
        let of = |front: bool, approved: bool| json!({"images": [{"front": front, "approved": approved}]});
        assert!(has_front(of(true, true)).unwrap());
        assert!(!has_front(of(false, true)).unwrap() && !has_front(of(true, false)).unwrap());
        assert!(has_front(json!({"error": "x"})).is_err());
    }

    #[test]
    fn a_picture_of_an_artist_is_found_by_its_relation() {
        let answer = json!({"relations": [
            {"type": "discogs", "url": {"resource": "https://www.discogs.com/artist/1"}},
            {"type": "image", "url": {"resource": "https://commons.wikimedia.org/wiki/File:Kino_%281986%29.jpg"}}]});
        let name = picture_of_artist(&answer).unwrap();
        assert_eq!(commons_file(&name), "/wiki/Special:FilePath/Kino_%281986%29.jpg?width=1200");
        assert_eq!(commons_file("a/../b?x"), "/wiki/Special:FilePath/a%2F..%2Fb%3Fx?width=1200");
        assert_eq!(picture_of_artist(&json!({})), None);
    }
}
