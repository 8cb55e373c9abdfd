//! What most files say of themselves. Pure; without an allocation for a folder whose files agree.

use crate::audio::Tags;
use crate::library::identity_key;

/// The value that most files have (compared as names are), as most of them write it.
pub(super) struct Vote<'t> {
    /// As written.
    pub value: &'t str,
    /// How many files have it.
    pub count: usize,
    /// How many have any value.
    pub asked: usize,
    /// How many files there are.
    pub total: usize,
    /// The other values as written, the most frequent first.
    pub rivals: Vec<(&'t str, usize)>,
}

impl Vote<'_> {
    /// Of all files.
    pub fn share(&self) -> f32 {
        self.count as f32 / self.total.max(1) as f32
    }

    /// Every file has it.
    pub fn is_unanimous(&self) -> bool {
        self.count == self.total
    }
}

/// Asks each file; none when no file has a value. The first one written wins a tie, so that the answer does not depend
/// on chance.
pub(super) fn vote<'t>(tags: &[&'t Tags], field: impl Fn(&'t Tags) -> Option<&'t str>) -> Option<Vote<'t>> {
    let (mut first, mut asked, mut is_one) = (None, 0, true);
    for value in tags.iter().filter_map(|t| field(t)) {
        asked += 1;
        is_one &= *first.get_or_insert(value) == value;
    }
    let (first, total) = (first?, tags.len());
    if is_one {
        return Some(Vote { value: first, count: asked, asked, total, rivals: Vec::new() });
    }
    let mut groups: Vec<(String, Vec<&str>)> = Vec::new();
    for value in tags.iter().filter_map(|t| field(t)) {
        let key = identity_key(value);
        match groups.iter_mut().find(|(k, _)| *k == key) {
            Some((_, values)) => values.push(value),
            None => groups.push((key, vec![value])),
        }
    }
    // A stable sort keeps the order of the files among equals.
    groups.sort_by_key(|(_, values)| std::cmp::Reverse(values.len()));
    let mut groups = groups.iter().map(|(_, values)| (usual_spelling(values), values.len()));
    let (value, count) = groups.next()?;
    Some(Vote { value, count, asked, total, rivals: groups.collect() })
}

/// The same among the values that say something.
pub(super) fn vote_but<'t>(
    tags: &[&'t Tags],
    field: impl Fn(&'t Tags) -> Option<&'t str>,
    is_noise: impl Fn(&str) -> bool,
) -> Option<Vote<'t>> {
    let all = vote(tags, &field)?;
    if all.rivals.is_empty() {
        return (!is_noise(all.value)).then_some(all);
    }
    vote(tags, |t| field(t).filter(|value| !is_noise(value)))
}

fn usual_spelling<'t>(values: &[&'t str]) -> &'t str {
    let count = |value: &str| values.iter().filter(|v| **v == value).count();
    let mut best = ("", 0);
    for value in values {
        let n = if *value == best.0 { 0 } else { count(value) };
        if n > best.1 {
            best = (*value, n);
        }
    }
    best.0
}

/// The value that most files have, and whether every file that has one has this.
pub(super) fn most<T: PartialEq + Copy>(
    tags: &[&Tags],
    field: impl Fn(&Tags) -> Option<T>,
) -> Option<(T, bool)> {
    let mut counts: Vec<(T, usize)> = Vec::new();
    for value in tags.iter().filter_map(|t| field(t)) {
        match counts.iter_mut().find(|(v, _)| *v == value) {
            Some((_, n)) => *n += 1,
            None => counts.push((value, 1)),
        }
    }
    let mut best = *counts.first()?;
    for one in &counts {
        if one.1 > best.1 {
            best = *one;
        }
    }
    Some((best.0, counts.len() == 1))
}

/// The value that all files have.
pub(super) fn same<T: PartialEq + Copy>(tags: &[&Tags], field: impl Fn(&Tags) -> Option<T>) -> Option<T> {
    let first = field(tags.first()?)?;
    tags.iter().all(|t| field(t) == Some(first)).then_some(first)
}
