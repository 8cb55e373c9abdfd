//! What a release is, as text that goes with it. Pure.

/// An album.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Release {
    /// Whose.
    pub artist: String,
    /// As written.
    pub title: String,
    /// Of release.
    pub year: Option<i32>,
    /// In its tags' words.
    pub genre: Option<String>,
    /// Who brought it out.
    pub label: Option<String>,
    /// `16/44kHz FLAC`
    pub quality: String,
    /// `CD`, `WEB`, … as far as the tags or the source tell.
    pub source: String,
    /// In order: disc, number, title, seconds.
    pub tracks: Vec<(i32, i32, String, i64)>,
}

/// The text.
pub fn nfo(release: &Release) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: &str| text.push_str(&format!("{name:<10}{value}\n"));
    line("Artist", &release.artist);
    line("Album", &release.title);
    if let Some(year) = release.year {
        line("Year", &year.to_string());
    }
    for (name, value) in [("Genre", &release.genre), ("Label", &release.label)] {
        if let Some(value) = value {
            line(name, value);
        }
    }
    line("Quality", &release.quality);
    line("Source", &release.source);
    line("Tracks", &release.tracks.len().to_string());
    text.push('\n');
    let has_discs = release.tracks.iter().any(|(disc, ..)| *disc > 1);
    for (disc, number, title, seconds) in &release.tracks {
        let disc = if has_discs { format!("{disc}-") } else { String::new() };
        text.push_str(&format!("{disc}{number:02}. {title} [{}:{:02}]\n", seconds / 60, seconds % 60));
    }
    let seconds: i64 = release.tracks.iter().map(|(.., seconds)| seconds).sum();
    text.push_str(&format!("\nTotal {}:{:02}\n", seconds / 60, seconds % 60));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tracks_are_listed_with_their_lengths() {
        let release = Release {
            artist: "Kino".into(),
            title: "Noch".into(),
            year: Some(1986),
            quality: "16/44kHz FLAC".into(),
            source: "CD".into(),
            tracks: vec![(1, 1, "One".into(), 61), (1, 2, "Two".into(), 600)],
            ..Release::default()
        };
        let text = nfo(&release);
        assert!(
            text.starts_with("Artist    Kino\nAlbum     Noch\nYear      1986\nQuality   16/44kHz FLAC\n"),
            "{text}"
        );
        assert!(text.ends_with("\n01. One [1:01]\n02. Two [10:00]\n\nTotal 11:01\n"), "{text}");
        let discs = nfo(&Release { tracks: vec![(2, 1, "One".into(), 1)], ..release });
        assert!(discs.contains("\n2-01. One [0:01]\n"));
    }
}
