//! Where another program sees the folders that lie here: `THEIRS=OURS`, as `lidarr.path_map` and its like have it.

use std::path::{Component, Path, PathBuf};

/// Pairs of folders; the longest that fits counts. Where none fits, a path is the same on both sides.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PathMap(Vec<(PathBuf, PathBuf)>);

impl PathMap {
    /// Out of the setting's texts.
    ///
    /// # Errors
    /// The first text that is no pair of whole paths without `..`.
    pub fn of(texts: &[String]) -> Result<Self, &str> {
        let pair = |text: &String| {
            let (theirs, ours) = text.split_once('=')?;
            let is_whole = |path: &str| {
                Path::new(path).is_absolute()
                    && !path.chars().any(char::is_control)
                    && Path::new(path).components().all(|c| c != Component::ParentDir)
            };
            (is_whole(theirs) && is_whole(ours)).then(|| (theirs.into(), ours.into()))
        };
        texts.iter().map(|text| pair(text).ok_or(text.as_str())).collect::<Result<_, _>>().map(Self)
    }

    /// As they see one of our paths.
    pub fn theirs(&self, ours: &Path) -> PathBuf {
        moved(ours, self.0.iter().map(|(theirs, ours)| (ours, theirs)))
    }

    /// Where one of their paths lies here. None when it goes up by `..`.
    pub fn ours(&self, theirs: &Path) -> Option<PathBuf> {
        let is_plain = theirs.is_absolute() && theirs.components().all(|c| c != Component::ParentDir);
        is_plain.then(|| moved(theirs, self.0.iter().map(|(theirs, ours)| (theirs, ours))))
    }
}

fn moved<'a>(path: &Path, pairs: impl Iterator<Item = (&'a PathBuf, &'a PathBuf)>) -> PathBuf {
    let fitting =
        pairs.filter_map(|(from, to)| Some((from.components().count(), to, path.strip_prefix(from).ok()?)));
    match fitting.max_by_key(|(depth, ..)| *depth) {
        Some((_, to, rest)) if rest.as_os_str().is_empty() => to.clone(),
        Some((_, to, rest)) => to.join(rest),
        None => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(texts: &[&str]) -> PathMap {
        PathMap::of(&texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn the_longest_folder_that_fits_counts_and_only_whole_names_fit() {
        let map = map(&["/music=/srv/music", "/music/new=/mnt/new"]);
        for (theirs, ours) in [
            ("/music/a/b", "/srv/music/a/b"),
            ("/music", "/srv/music"),
            ("/music/new/a", "/mnt/new/a"),
            ("/musical/a", "/musical/a"),
            ("/other", "/other"),
        ] {
            assert_eq!(map.ours(Path::new(theirs)).unwrap(), Path::new(ours));
            assert_eq!(map.theirs(Path::new(ours)), Path::new(theirs));
        }
        assert_eq!(map.ours(Path::new("/music/../etc")), None);
        assert_eq!(map.ours(Path::new("music")), None);
    }

    #[test]
    fn what_is_no_pair_is_named() {
        for wrong in ["/music", "music=/srv", "/music=srv", "/a=/b/../c", "=", ""] {
            assert_eq!(PathMap::of(&[wrong.to_owned()]), Err(wrong));
        }
    }
}
