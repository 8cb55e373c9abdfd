//! Cue sheets: whether one beside the music says that a file is a whole disc, which is not split here. Pure but for the
//! reading of the sheet.

use std::path::Path;

use super::read::Candidate;

/// Sheets are small; what is longer is something else.
const MAX_SHEET_BYTES: u64 = 256 * 1024;

/// Why a person has to look: a file that holds many tracks. Blocks.
pub fn uncut(candidate: &Candidate) -> Option<String> {
    let is_sheet = |path: &Path| path.extension().is_some_and(|e| e.eq_ignore_ascii_case("cue"));
    let sheets = candidate.others.iter().filter(|o| is_sheet(&o.relative) && o.size_bytes <= MAX_SHEET_BYTES);
    sheets.into_iter().find_map(|sheet| {
        let bytes = std::fs::read(candidate.dir.join(&sheet.relative)).ok()?;
        let folder = sheet.relative.parent();
        let beside: Vec<String> = candidate
            .tracks
            .iter()
            .filter(|t| t.file.relative.parent() == folder)
            .filter_map(|t| Some(t.file.relative.file_name()?.to_str()?.to_owned()))
            .collect();
        let name = sheet.relative.file_name()?.to_str().unwrap_or("the cue sheet");
        let (file, tracks) = uncut_file(&String::from_utf8_lossy(&bytes), name, &beside)?;
        Some(format!("{file} is {tracks} tracks in one file ({name} says where); it is not split here"))
    })
}

/// The file beside a sheet that holds more than one of its tracks, and how many.
fn uncut_file<'f>(sheet: &str, sheet_name: &str, beside: &'f [String]) -> Option<(&'f str, usize)> {
    let mut told: Vec<(String, usize)> = Vec::new();
    for line in sheet.lines().map(str::trim) {
        if let Some(name) = line.strip_prefix("FILE ") {
            told.push((stem(name.split('"').nth(1).unwrap_or(name)), 0));
        } else if line.starts_with("TRACK ")
            && let Some(last) = told.last_mut()
        {
            last.1 += 1;
        }
    }
    let uncut = told.iter().filter(|(_, tracks)| *tracks > 1);
    uncut.into_iter().find_map(|(told, tracks)| {
        // The sheet is often written for image.wav, which is image.flac by now.
        let named = beside.iter().find(|f| stem(f) == *told || stem(f) == stem(sheet_name));
        let only = beside.first().filter(|_| beside.len() == 1);
        Some((named.or(only)?.as_str(), *tracks))
    })
}

fn stem(name: &str) -> String {
    let name = name.rsplit(['/', '\\']).next().unwrap_or(name);
    name.rsplit_once('.').map_or(name, |(stem, _)| stem).to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    const IMAGE: &str =
        "FILE \"image.wav\" WAVE\r\n  TRACK 01 AUDIO\r\n    INDEX 01 00:00:00\r\n  TRACK 02 AUDIO\r\n";
    const TRACKS: &str = "FILE \"01.wav\" WAVE\n  TRACK 01 AUDIO\nFILE \"02.wav\" WAVE\n  TRACK 02 AUDIO\n";

    #[test]
    fn a_file_that_is_a_whole_disc_is_told_from_a_sheet_for_tracks() {
        let found = |sheet: &str, name: &str, beside: &[&str]| {
            let beside: Vec<String> = beside.iter().map(|b| (*b).to_owned()).collect();
            uncut_file(sheet, name, &beside).map(|(file, tracks)| (file.to_owned(), tracks))
        };
        assert_eq!(found(IMAGE, "x.cue", &["image.flac"]), Some(("image.flac".into(), 2)));
        assert_eq!(found(IMAGE, "x.cue", &["Other.flac"]), Some(("Other.flac".into(), 2)), "the only one");
        assert_eq!(found(IMAGE, "disc.cue", &["Disc.flac", "b.flac"]), Some(("Disc.flac".into(), 2)));
        assert_eq!(found(IMAGE, "x.cue", &["01.flac", "02.flac"]), None, "it was split already");
        assert_eq!(found(TRACKS, "x.cue", &["01.flac", "02.flac"]), None);
        assert_eq!(found("rubbish", "x.cue", &["01.flac"]), None);
    }
}
