//! What may be told, and how it is said. Pure.

use serde_json::{Value, json};

use crate::integrations::letters::Letter;

/// So many lines are said; of more, only how many.
const LINES: usize = 20;

/// Something that people may want to be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// As the rows call it.
    pub name: &'static str,
    /// As a sentence.
    pub meaning: &'static str,
    /// Whether it concerns the house rather than one person.
    pub is_for_admins: bool,
    /// Whether it should not wait until morning.
    is_urgent: bool,
    /// Of one of them.
    title: &'static str,
}

/// All of them.
pub const EVENTS: &[Event] = &[
    Event {
        name: "review_needed",
        meaning: "An import waits for a person: yours, or (for admins) anyone's.",
        is_for_admins: false,
        is_urgent: false,
        title: "An import waits for you",
    },
    Event {
        name: "download_failed",
        meaning: "A download of yours has failed.",
        is_for_admins: false,
        is_urgent: false,
        title: "A download has failed",
    },
    Event {
        name: "damage_found",
        meaning: "A file of the library is damaged or missing.",
        is_for_admins: true,
        is_urgent: true,
        title: "A file is damaged",
    },
    Event {
        name: "backup_failed",
        meaning: "A backup has failed.",
        is_for_admins: true,
        is_urgent: true,
        title: "A backup has failed",
    },
    Event {
        name: "disk_low",
        meaning: "The disk with the music is nearly full.",
        is_for_admins: true,
        is_urgent: true,
        title: "The disk is nearly full",
    },
    Event {
        name: "unit_failed",
        meaning: "A service of Barbossa has failed.",
        is_for_admins: true,
        is_urgent: true,
        title: "A service has failed",
    },
];

/// The one of that name.
pub fn event(name: &str) -> Option<&'static Event> {
    EVENTS.iter().find(|event| event.name == name)
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct News {
    /// Which event.
    pub event: String,
    /// What is known of it.
    pub payload: Value,
}

/// One letter about all of it; `home` is where people reach Barbossa, empty when that is not known.
pub fn letter(all: &[News], home: &str) -> Letter {
    let known = || all.iter().filter_map(|news| event(&news.event));
    let title = match all {
        [one] => event(&one.event).map_or("Something happened", |event| event.title).to_owned(),
        many => format!("{} things to know", many.len()),
    };
    let mut lines: Vec<String> = all.iter().take(LINES).map(|news| line(news, all.len() > 1)).collect();
    if all.len() > LINES {
        lines.push(format!("… and {} more.", all.len() - LINES));
    }
    let told = all.iter().map(|news| json!({"event": news.event, "details": news.payload}));
    Letter {
        title,
        text: lines.join("\n"),
        is_urgent: known().any(|event| event.is_urgent),
        link: Some(home.trim_end_matches('/').to_owned()).filter(|home| !home.is_empty()),
        news: told.collect(),
    }
}

fn line(news: &News, with_title: bool) -> String {
    let text = |name: &str| news.payload[name].as_str().map(one_line).filter(|text| !text.is_empty());
    let named = |parts: [Option<String>; 2]| parts.into_iter().flatten().collect::<Vec<_>>().join(" – ");
    let because = |what: String, why: Option<String>| match why {
        Some(why) if what.is_empty() => why,
        Some(why) => format!("{what}: {why}"),
        None => what,
    };
    let said = match news.event.as_str() {
        "review_needed" => {
            let name = Some(named([text("artist"), text("album")])).filter(|name| !name.is_empty());
            because(name.or_else(|| text("path")).unwrap_or_default(), text("reason"))
        }
        "download_failed" => {
            let name = Some(named([text("artist"), text("title")])).filter(|name| !name.is_empty());
            because(name.or_else(|| text("query")).or_else(|| text("url")).unwrap_or_default(), text("error"))
        }
        "damage_found" => {
            because(text("path").unwrap_or_default(), text("kind").map(|kind| kind.replace('_', " ")))
        }
        "backup_failed" => because(text("destination").unwrap_or_default(), text("error")),
        "disk_low" => {
            let gib = |name: &str| news.payload[name].as_f64().unwrap_or_default() / f64::from(1 << 30);
            format!("{:.1} of {:.0} GiB are free.", gib("free_bytes"), gib("total_bytes"))
        }
        _ => because(text("unit").unwrap_or_default(), text("result")),
    };
    match event(&news.event) {
        Some(event) if with_title => format!("{}. {said}", event.title),
        _ => said,
    }
}

/// What others wrote is one line of ours, and not a long one.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(event: &str, payload: Value) -> News {
        News { event: event.into(), payload }
    }

    #[test]
    fn one_thing_is_said_with_its_name_and_its_reason() {
        for (event, payload, title, text) in [
            (
                "review_needed",
                json!({"artist": "Kino", "album": "Noch", "reason": "The year\nis unclear."}),
                "An import waits for you",
                "Kino – Noch: The year is unclear.",
            ),
            (
                "review_needed",
                json!({"path": "import/pending/x", "artist": null}),
                "An import waits for you",
                "import/pending/x",
            ),
            (
                "download_failed",
                json!({"url": "https://x/1", "error": "Gone."}),
                "A download has failed",
                "https://x/1: Gone.",
            ),
            (
                "damage_found",
                json!({"path": "a.flac", "kind": "audio_rot"}),
                "A file is damaged",
                "a.flac: audio rot",
            ),
            (
                "disk_low",
                json!({"free_bytes": 1_610_612_736_u64, "total_bytes": 107_374_182_400_u64}),
                "The disk is nearly full",
                "1.5 of 100 GiB are free.",
            ),
            (
                "unit_failed",
                json!({"unit": "barbossa-api", "result": "exit-code"}),
                "A service has failed",
                "barbossa-api: exit-code",
            ),
        ] {
            let letter = letter(&[news(event, payload)], "https://music.example.org/");
            assert_eq!((letter.title.as_str(), letter.text.as_str()), (title, text));
            assert_eq!(letter.link.as_deref(), Some("https://music.example.org"));
        }
    }

    #[test]
    fn many_things_are_one_letter_that_does_not_grow() {
        let all: Vec<News> =
            (0..25).map(|n| news("review_needed", json!({"album": format!("A{n}")}))).collect();
        let letter = letter(&all, "");
        assert_eq!(
            (letter.title.as_str(), letter.link, letter.is_urgent),
            ("25 things to know", None, false)
        );
        assert_eq!(letter.text.lines().count(), 21);
        assert!(
            letter.text.starts_with("An import waits for you. A0\n")
                && letter.text.ends_with("… and 5 more.")
        );
    }
}
