//! What to do about one path of a user's folder, from what is wanted, what we made, and what is there. Pure.

/// A file as the kernel knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileId {
    /// The file system.
    pub device: u64,
    /// The file.
    pub inode: u64,
    /// How many names it has.
    pub names: u64,
}

impl FileId {
    /// Whether both are names of one file.
    pub fn is_same(self, other: Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }
}

/// What lies at a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDisk {
    /// Nothing.
    Nothing,
    /// A regular file.
    File(FileId),
    /// Something that we never make: a folder, a symbolic link, or a path that leads through one.
    Other,
}

/// All that is known of one path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Findings {
    /// The hearts say that it should be there.
    pub is_wanted: bool,
    /// The file of the master library with the same path.
    pub master: Option<FileId>,
    /// The inode of the link that we made there, if we did.
    pub made: Option<u64>,
    /// What is there now.
    pub on_disk: OnDisk,
    /// Its name says that there is music in it.
    pub is_audio: bool,
}

/// What to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// It is as it should be.
    Keep,
    /// It is as it should be; only our note is missing or old.
    Note,
    /// Make the link.
    Link,
    /// The master file is another one now: make the link anew in the place of ours.
    Relink,
    /// Remove our link.
    Remove,
    /// Our link is gone already: forget it.
    Forget,
    /// A person has put something there: leave it.
    LeaveForeign,
    /// Not wanted any more, but the only name that is left of a file with music: leave it.
    LeaveLast,
    /// Wanted, but the master library does not have the file now: change nothing. Missing is not deleted.
    LeaveMissing,
}

/// Decides.
pub fn step(found: &Findings) -> Step {
    match (found.is_wanted, found.on_disk) {
        (true, on_disk) => match found.master {
            None => Step::LeaveMissing,
            Some(master) => step_towards(master, found.made, on_disk),
        },
        (false, OnDisk::Nothing) => Step::Forget,
        (false, OnDisk::Other) => Step::LeaveForeign,
        (false, OnDisk::File(file)) => {
            let is_ours = found.made == Some(file.inode) || found.master.is_some_and(|m| m.is_same(file));
            if !is_ours {
                Step::LeaveForeign
            } else if found.is_audio && file.names < 2 {
                Step::LeaveLast
            } else {
                Step::Remove
            }
        }
    }
}

fn step_towards(master: FileId, made: Option<u64>, on_disk: OnDisk) -> Step {
    match on_disk {
        OnDisk::Nothing => Step::Link,
        OnDisk::Other => Step::LeaveForeign,
        OnDisk::File(file) if file.is_same(master) && made == Some(file.inode) => Step::Keep,
        OnDisk::File(file) if file.is_same(master) => Step::Note,
        OnDisk::File(file) if made == Some(file.inode) => Step::Relink,
        OnDisk::File(_) => Step::LeaveForeign,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MASTER: FileId = FileId { device: 1, inode: 10, names: 2 };
    const OLD: FileId = FileId { device: 1, inode: 9, names: 2 };
    const LAST: FileId = FileId { device: 1, inode: 9, names: 1 };
    const ELSEWHERE: FileId = FileId { device: 2, inode: 10, names: 1 };

    fn step_for(is_wanted: bool, master: Option<FileId>, made: Option<u64>, on_disk: OnDisk) -> Step {
        step(&Findings { is_wanted, master, made, on_disk, is_audio: true })
    }

    #[test]
    fn what_is_wanted_becomes_a_link_to_the_master_file() {
        for (made, on_disk, expected) in [
            (None, OnDisk::Nothing, Step::Link),
            (Some(10), OnDisk::Nothing, Step::Link),
            (Some(10), OnDisk::File(MASTER), Step::Keep),
            (None, OnDisk::File(MASTER), Step::Note),
            (Some(9), OnDisk::File(MASTER), Step::Note),
            (Some(9), OnDisk::File(OLD), Step::Relink),
            (None, OnDisk::File(OLD), Step::LeaveForeign),
            (Some(8), OnDisk::File(OLD), Step::LeaveForeign),
            (None, OnDisk::File(ELSEWHERE), Step::LeaveForeign),
            (Some(10), OnDisk::Other, Step::LeaveForeign),
        ] {
            assert_eq!(step_for(true, Some(MASTER), made, on_disk), expected, "{made:?} {on_disk:?}");
        }
    }

    #[test]
    fn a_missing_master_file_changes_nothing() {
        for on_disk in [OnDisk::Nothing, OnDisk::File(OLD), OnDisk::Other] {
            assert_eq!(step_for(true, None, Some(9), on_disk), Step::LeaveMissing);
        }
    }

    #[test]
    fn only_our_own_links_are_removed() {
        for (master, made, on_disk, expected) in [
            (Some(MASTER), Some(10), OnDisk::File(MASTER), Step::Remove),
            (Some(MASTER), Some(9), OnDisk::File(MASTER), Step::Remove),
            (None, Some(9), OnDisk::File(OLD), Step::Remove),
            (Some(MASTER), Some(8), OnDisk::File(OLD), Step::LeaveForeign),
            (Some(MASTER), Some(10), OnDisk::Other, Step::LeaveForeign),
            (Some(MASTER), Some(10), OnDisk::Nothing, Step::Forget),
        ] {
            assert_eq!(step_for(false, master, made, on_disk), expected, "{made:?} {on_disk:?}");
        }
    }

    #[test]
    fn the_last_name_of_a_file_with_music_is_never_removed() {
        assert_eq!(step_for(false, None, Some(9), OnDisk::File(LAST)), Step::LeaveLast);
        let cover = Findings {
            is_wanted: false,
            master: None,
            made: Some(9),
            on_disk: OnDisk::File(LAST),
            is_audio: false,
        };
        assert_eq!(step(&cover), Step::Remove);
    }
}
