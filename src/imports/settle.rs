//! Whether a folder has come to rest: nothing in it changed for a while, and nothing in it is visibly unfinished.
//!
//! A program that pauses in the middle of a file still has it open for writing: the kernel is asked (a read lease), where
//! it tells; the watcher's events tell of the others.
//!
//! The time of the last change is the inode's own (ctime), which no copying program can set back; so one look is
//! enough, and a process that has just started knows as much as one that has watched for a day. Only where the clock
//! of the file system is ahead of ours (a network share) does it take two looks.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::tree::{Entry, Kind, Tree};

/// What was seen of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rest {
    /// Quiet for so long.
    Settled(Duration),
    /// Not yet; why, and when to look again.
    Wait {
        /// A sentence for a person.
        reason: String,
        /// Nothing can change the answer before.
        look_after: Duration,
    },
    /// There is nothing to import in it; the sentence says so.
    Nothing(String),
    /// The clock of the file system is ahead: look twice.
    ClockAhead,
}

/// Judges one release: its files, and when the folders that hold them changed last.
pub fn judge<'a>(
    files: impl IntoIterator<Item = &'a Entry>,
    folders_changed: Option<SystemTime>,
    quiet: Duration,
    now: SystemTime,
) -> Rest {
    let (mut newest, mut has_audio, mut unfinished) = (folders_changed, false, None);
    for file in files {
        // A modification time that lies ahead was set by a program, not by the clock.
        let modified = Some(file.modified).filter(|at| *at <= now);
        newest = newest.max(Some(file.changed)).max(modified);
        has_audio |= matches!(file.kind, Kind::Audio | Kind::Archive);
        if file.kind == Kind::Unfinished {
            unfinished = Some(&file.relative);
        }
    }
    if let Some(unfinished) = unfinished {
        let reason = format!("{} is not finished", name_of(unfinished));
        return Rest::Wait { reason, look_after: quiet };
    }
    // A second of grace: file systems round, and clocks of one machine are read at different moments.
    let Ok(rest) = now.duration_since(newest.unwrap_or(SystemTime::UNIX_EPOCH)).or_else(|ahead| {
        if ahead.duration() < Duration::from_secs(1) { Ok(Duration::ZERO) } else { Err(ahead) }
    }) else {
        return Rest::ClockAhead;
    };
    if rest < quiet {
        let reason = "it is still being copied".to_owned();
        return Rest::Wait { reason, look_after: quiet.saturating_sub(rest) };
    }
    if has_audio { Rest::Settled(rest) } else { Rest::Nothing("there is no audio in it".into()) }
}

/// Judges a whole tree as one.
pub fn judge_tree(tree: &Tree, quiet: Duration, now: SystemTime) -> Rest {
    judge(&tree.files, tree.folders.iter().map(|(_, changed)| *changed).max(), quiet, now)
}

/// Looks, and where the clocks differ looks twice. Blocks for as long as `quiet`.
pub fn look(dir: &Path, quiet: Duration) -> std::io::Result<(Tree, Rest)> {
    let tree = Tree::of(dir)?;
    match judge_tree(&tree, quiet, SystemTime::now()) {
        Rest::ClockAhead => {
            std::thread::sleep(quiet);
            let again = Tree::of(dir)?;
            let has_audio = again.files.iter().any(|f| f.kind == Kind::Audio);
            let rest = match (again == tree, has_audio) {
                (true, true) => Rest::Settled(quiet),
                (true, false) => Rest::Nothing("there is no audio in it".into()),
                (false, _) => Rest::Wait { reason: "it is still being copied".into(), look_after: quiet },
            };
            Ok((again, rest))
        }
        Rest::Settled(rested) => {
            let writing =
                |file: &&Entry| crate::files::is_being_written(&dir.join(&file.relative)) == Some(true);
            let rest = match tree.files.iter().find(writing) {
                Some(file) => Rest::Wait {
                    reason: format!("{} is being written", name_of(&file.relative)),
                    look_after: quiet.max(Duration::from_secs(1)),
                },
                None => Rest::Settled(rested),
            };
            Ok((tree, rest))
        }
        rest => Ok((tree, rest)),
    }
}

/// Looks at one zip of the inbox, and where the clocks differ twice. Blocks for as long as `quiet`.
pub fn look_at_archive(path: &Path, quiet: Duration) -> std::io::Result<(Entry, Rest)> {
    let archive = Entry::of_archive(path)?;
    let rest = match judge([&archive], None, quiet, SystemTime::now()) {
        Rest::ClockAhead => {
            std::thread::sleep(quiet);
            match Entry::of_archive(path)? == archive {
                true => Rest::Settled(quiet),
                false => Rest::Wait { reason: "it is still being copied".into(), look_after: quiet },
            }
        }
        Rest::Settled(_) if crate::files::is_being_written(path) == Some(true) => {
            Rest::Wait { reason: "it is being written".into(), look_after: quiet.max(Duration::from_secs(1)) }
        }
        rest => rest,
    };
    Ok((archive, rest))
}

fn name_of(path: &Path) -> String {
    path.file_name().map_or_else(PathBuf::new, PathBuf::from).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Duration = Duration::from_secs(3);

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    fn file(kind: Kind, modified: u64, changed: u64) -> Entry {
        Entry {
            relative: "a/b.flac".into(),
            kind,
            size_bytes: 1,
            modified: at(modified),
            changed: at(changed),
        }
    }

    #[test]
    fn a_folder_is_settled_when_nothing_changed_for_a_while() {
        let old = file(Kind::Audio, 10, 100);
        assert_eq!(judge([&old], None, QUIET, at(103)), Rest::Settled(QUIET));
        assert!(
            matches!(judge([&old], None, QUIET, at(102)), Rest::Wait { look_after, .. } if look_after.as_secs() == 1)
        );
        assert!(matches!(judge([&old], Some(at(102)), QUIET, at(104)), Rest::Wait { .. }));
    }

    #[test]
    fn a_copy_that_keeps_old_times_is_still_a_change() {
        let copied = file(Kind::Audio, 10, 102);
        assert!(matches!(judge([&copied], None, QUIET, at(104)), Rest::Wait { .. }));
    }

    #[test]
    fn an_unfinished_name_waits_for_ever() {
        let files = [file(Kind::Audio, 1, 1), file(Kind::Unfinished, 1, 1)];
        let Rest::Wait { reason, .. } = judge(&files, None, QUIET, at(1_000_000)) else { panic!() };
        assert_eq!(reason, "b.flac is not finished");
    }

    #[test]
    fn a_modification_time_in_the_future_is_only_somebodys_tag() {
        let dated = file(Kind::Audio, 9_000_000, 100);
        assert!(matches!(judge([&dated], None, QUIET, at(200)), Rest::Settled(_)));
        assert_eq!(judge([&file(Kind::Audio, 1, 9_000_000)], None, QUIET, at(200)), Rest::ClockAhead);
    }

    #[test]
    fn a_file_that_is_open_for_writing_is_waited_for_however_quiet_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let writer = std::fs::File::create(dir.path().join("1.flac")).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        let quiet = Duration::from_millis(10);
        let Rest::Wait { reason, .. } = look(dir.path(), quiet).unwrap().1 else {
            panic!("it does not wait")
        };
        assert_eq!(reason, "1.flac is being written");
        drop(writer);
        assert!(matches!(look(dir.path(), quiet).unwrap().1, Rest::Settled(_)));
    }

    #[test]
    fn a_folder_without_audio_holds_nothing() {
        assert!(matches!(judge([], Some(at(1)), QUIET, at(100)), Rest::Nothing(_)));
        assert!(matches!(judge([&file(Kind::Other, 1, 1)], None, QUIET, at(100)), Rest::Nothing(_)));
    }
}
