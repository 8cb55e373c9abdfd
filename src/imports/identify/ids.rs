//! Numbers that somebody gave to a release or a recording: MusicBrainz ids, barcode, ISRC. Pure.

use std::collections::HashSet;

use super::evidence::{Evidence, Witness};
use super::votes::{most, same, vote};
use crate::audio::Tags;

/// What each kind of number says; nothing where there is none.
pub(super) fn ids(tags: &[&Tags]) -> impl Iterator<Item = Evidence> {
    [release_id(tags), recording_ids(tags), barcode(tags), isrc(tags)].into_iter().flatten()
}

fn release_id(tags: &[&Tags]) -> Option<Evidence> {
    let (id, is_one) = most(tags, |t| t.release_id)?;
    let value = Some(id.to_string());
    Some(if same(tags, |t| t.release_id).is_some() {
        Evidence::certain("release_id", value, Witness::Tags).supporting(0.8)
    } else if is_one {
        Evidence::certain("release_id", value, Witness::Tags).noted("only some of the files name it")
    } else {
        let note = "the files name different MusicBrainz releases";
        Evidence::doubtful("release_id", value, Witness::Tags, 0.8, note)
    })
}

fn recording_ids(tags: &[&Tags]) -> Option<Evidence> {
    let ids: Vec<_> = tags.iter().filter_map(|t| t.recording_id).collect();
    let distinct: HashSet<_> = ids.iter().collect();
    of_each("recording_ids", ids.len(), distinct.len(), tags.len(), 0.4)
}

fn isrc(tags: &[&Tags]) -> Option<Evidence> {
    let codes: Vec<&str> = tags.iter().filter_map(|t| t.isrc.as_deref()).collect();
    let distinct: HashSet<_> = codes.iter().collect();
    of_each("isrc", codes.len(), distinct.len(), tags.len(), 0.4)
}

/// A number that each track has to itself.
fn of_each(
    field: &'static str,
    here: usize,
    distinct: usize,
    tracks: usize,
    support: f32,
) -> Option<Evidence> {
    if here == 0 {
        return None;
    }
    let value = Some(format!("{distinct} for {tracks} files"));
    Some(if distinct < here {
        let note = "several files have the same: they may be one recording, or wrongly tagged";
        Evidence::doubtful(field, value, Witness::Tags, 0.95, note)
    } else {
        let share = here as f32 / tracks.max(1) as f32;
        Evidence::certain(field, value, Witness::Tags).supporting(support * share)
    })
}

fn barcode(tags: &[&Tags]) -> Option<Evidence> {
    let vote = vote(tags, |t| t.barcode.as_deref())?;
    let value = Some(vote.value.to_owned());
    Some(if !vote.rivals.is_empty() {
        Evidence::doubtful("barcode", value, Witness::Tags, 0.9, "not all files have the same")
    } else if !has_right_check_digit(vote.value) {
        Evidence::certain("barcode", value, Witness::Tags).noted("its check digit is wrong: it is not used")
    } else {
        Evidence::certain("barcode", value, Witness::Tags).supporting(0.5 * vote.share())
    })
}

/// EAN-8, UPC-A, EAN-13, GTIN-14: weights 3 and 1 from the right, and a sum that ends in 0 (GS1 General
/// Specifications, section 7.9).
pub fn has_right_check_digit(code: &str) -> bool {
    let digits: Option<Vec<u32>> = code.chars().map(|c| c.to_digit(10)).collect();
    let Some(digits) = digits.filter(|d| matches!(d.len(), 8 | 12 | 13 | 14)) else { return false };
    let sum: u32 = digits.iter().rev().enumerate().map(|(n, d)| if n % 2 == 1 { d * 3 } else { *d }).sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_barcode_is_one_when_its_check_digit_fits() {
        for good in ["4006381333931", "036000291452", "96385074", "04006381333931"] {
            assert!(has_right_check_digit(good), "{good}");
        }
        for bad in ["4006381333932", "036000291453", "123", "", "4006381333931x"] {
            assert!(!has_right_check_digit(bad), "{bad}");
        }
    }

    #[test]
    fn numbers_of_all_files_confirm_and_contrary_ones_doubt() {
        let with = |isrc: &str, barcode: &str| Tags {
            isrc: Some(isrc.into()),
            barcode: Some(barcode.into()),
            ..Tags::default()
        };
        let (a, b) = (with("A", "4006381333931"), with("B", "4006381333931"));
        let found: Vec<Evidence> = ids(&[&a, &b]).collect();
        assert!(found.iter().all(|e| e.factor >= 1.0 && e.support > 0.3), "{found:?}");
        let same: Vec<Evidence> = ids(&[&a, &a]).collect();
        assert!(same.iter().any(|e| e.field == "isrc" && e.factor < 1.0));
        let other = with("C", "036000291452");
        assert!(ids(&[&a, &other]).any(|e| e.field == "barcode" && e.factor < 1.0));
        assert_eq!(ids(&[&Tags::default()]).count(), 0);
    }
}
