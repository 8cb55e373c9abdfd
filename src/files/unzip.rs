//! Takes a zip apart into a folder, without trusting it: no name leads out, nothing is a link, what it becomes is limited
//! before and while it is written, and names that an old program wrote are read as it meant them.
//!
//! The format is PKWARE's APPNOTE; 4.4.4 (bit 11) says when a name is UTF-8.

use std::collections::HashSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use zip::ZipArchive;
use zip::result::ZipError;

use super::{make_dirs, may_fail, safe_component, sync_dir};

/// How much an archive may become.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// All files together, in bytes.
    pub total_bytes: u64,
    /// How many files.
    pub files: usize,
}

/// Music hardly shrinks in a zip, and silence in a WAV file by less than this: what grows more is no music.
const MOST_GROWTH: u64 = 250;
/// Below this, growth is nobody's harm.
const ALWAYS_ALLOWED_BYTES: u64 = 64 << 20;
const MOST_FOLDERS_DEEP: usize = 12;
const CHUNK_BYTES: usize = 256 * 1024;

/// What came out of it.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Unpacked {
    /// How many files there are now.
    pub files: usize,
    /// Their bytes.
    pub bytes: u64,
    /// What was left out because it is no file: links and devices, by their names.
    pub left_out: Vec<String>,
}

/// Why it stays as it is.
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// It is no zip, or not whole, or does not fit its own checksums.
    #[error("it is no whole zip archive ({0}): copy it again")]
    Broken(String),
    /// Its files are encrypted.
    #[error("it is locked with a password: unpack it yourself, and import the folder")]
    Encrypted,
    /// A method that hardly anybody uses.
    #[error("it is packed in a way that is not known here ({0}): unpack it yourself, and import the folder")]
    Unknown(String),
    /// A name that leads out of the folder.
    #[error("it holds a file named `{0}`, which leads out of its folder: such an archive is made to do harm")]
    LeadsOut(String),
    /// It would become far too much.
    #[error("{0}: it is too large to be unpacked")]
    TooLarge(String),
    /// Somebody does not want it any more.
    #[error("cancelled")]
    Cancelled,
    /// The disk says no.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<ZipError> for Refusal {
    fn from(error: ZipError) -> Self {
        match error {
            ZipError::Io(e) if is_about_content(&e) => Self::Broken(e.to_string()),
            ZipError::Io(e) => Self::Io(e),
            ZipError::CompressionMethodNotSupported(method) => Self::Unknown(format!("method {method}")),
            ZipError::UnsupportedArchive(ZipError::PASSWORD_REQUIRED) => Self::Encrypted,
            ZipError::UnsupportedArchive(why) => Self::Unknown(why.to_owned()),
            other => Self::Broken(other.to_string()),
        }
    }
}

/// Whether it is the archive that is not right, and not the disk.
fn is_about_content(error: &io::Error) -> bool {
    use io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    matches!(error.kind(), InvalidData | InvalidInput | Other | UnexpectedEof)
        && error.raw_os_error().is_none()
}

/// Takes `archive` apart into `folder`, which is made and must not be there. Everything in it is durable afterwards; when
/// it fails, the folder is for the caller to remove. `go_on` hears the bytes written so far, and says whether to go on.
///
/// # Errors
/// See [`Refusal`].
pub fn unzip(
    archive: &Path,
    folder: &Path,
    limits: Limits,
    go_on: &mut dyn FnMut(u64) -> bool,
) -> Result<Unpacked, Refusal> {
    may_fail("open", archive)?;
    let file = File::open(archive)?;
    let packed_bytes = file.metadata()?.len();
    let mut zip = ZipArchive::new(io::BufReader::with_capacity(CHUNK_BYTES, file))?;
    let most_bytes = judged(&mut zip, packed_bytes, limits)?;
    may_fail("mkdir", folder)?;
    fs::create_dir(folder)?;
    let mut work = Work { folder, most_bytes, taken: HashSet::new(), done: Unpacked::default(), go_on };
    for index in 0..zip.len() {
        let mut entry = zip.by_index(index)?;
        let name = name_of(entry.name_raw(), &entry.name().unwrap_or_default());
        if entry.is_dir() || is_clutter(&name) {
            continue;
        }
        let is_special = entry.unix_mode().is_some_and(|mode| !matches!(mode & 0o170_000, 0 | 0o100_000));
        if is_special || entry.is_symlink() {
            work.done.left_out.push(name);
            continue;
        }
        let target = place_of(&name).ok_or_else(|| Refusal::LeadsOut(name.clone()))?;
        work.write(&mut entry, &target)?;
    }
    sync_folders(folder)?;
    Ok(work.done)
}

/// The most that may be written, after a look at what the archive says of itself.
fn judged(zip: &mut ZipArchive<impl Read + io::Seek>, packed: u64, limits: Limits) -> Result<u64, Refusal> {
    if zip.len() > limits.files.saturating_mul(2) {
        return Err(Refusal::TooLarge(format!("{} files, where {} are allowed", zip.len(), limits.files)));
    }
    let most_bytes = limits.total_bytes.min(packed.saturating_mul(MOST_GROWTH).max(ALWAYS_ALLOWED_BYTES));
    let mut total = 0_u64;
    for index in 0..zip.len() {
        let entry = zip.by_index_raw(index)?;
        if entry.encrypted() {
            return Err(Refusal::Encrypted);
        }
        total = total.saturating_add(entry.size());
        let name = name_of(entry.name_raw(), &entry.name().unwrap_or_default());
        if !entry.is_dir() && !is_clutter(&name) && place_of(&name).is_none() {
            return Err(Refusal::LeadsOut(name));
        }
    }
    if total > most_bytes {
        let (says, mib) = (total >> 20, most_bytes >> 20);
        return Err(Refusal::TooLarge(format!("{says} MiB of files, where {mib} MiB are allowed")));
    }
    Ok(most_bytes)
}

struct Work<'a> {
    folder: &'a Path,
    most_bytes: u64,
    /// In lower case, since a drive may not tell them apart.
    taken: HashSet<String>,
    done: Unpacked,
    go_on: &'a mut dyn FnMut(u64) -> bool,
}

impl Work<'_> {
    /// What an archive says of a file's size may be a lie: every byte counts.
    fn write(&mut self, entry: &mut impl Read, target: &str) -> Result<(), Refusal> {
        let path = self.folder.join(self.free_name(target));
        make_dirs(path.parent().unwrap_or(self.folder))?;
        may_fail("create", &path)?;
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o664).open(&path)?;
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            let read = match entry.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => read,
                Err(e) if is_about_content(&e) => return Err(Refusal::Broken(format!("{target}: {e}"))),
                Err(e) => return Err(e.into()),
            };
            self.done.bytes += read as u64;
            if self.done.bytes > self.most_bytes {
                return Err(Refusal::TooLarge(format!("`{target}` goes on and on")));
            }
            if !(self.go_on)(self.done.bytes) {
                return Err(Refusal::Cancelled);
            }
            file.write_all(&chunk[..read])?;
        }
        may_fail("fsync", &path)?;
        file.sync_all()?;
        self.done.files += 1;
        Ok(())
    }

    /// Two files of one name, which a zip may hold, are both kept.
    fn free_name(&mut self, target: &str) -> PathBuf {
        let path = Path::new(target);
        let (stem, ending) = (path.file_stem().unwrap_or_default(), path.extension().unwrap_or_default());
        let (stem, ending) = (stem.to_string_lossy(), ending.to_string_lossy());
        let dot = if ending.is_empty() { "" } else { "." };
        let numbered = (2..).map(|n| path.with_file_name(format!("{stem} ({n}){dot}{ending}")));
        let mut names = std::iter::once(path.to_owned()).chain(numbered);
        let is_free = |name: &PathBuf| self.taken.insert(name.to_string_lossy().to_lowercase());
        names.find(is_free).unwrap_or_else(|| path.to_owned())
    }
}

/// The name as it was meant: UTF-8 wherever the bytes are, since many programs write it and do not say so; else what the
/// format says, which is code page 437.
fn name_of(raw: &[u8], decoded: &str) -> String {
    std::str::from_utf8(raw).map_or_else(|_| decoded.to_owned(), str::to_owned)
}

/// Where an entry belongs, relative to the folder; none for one that leads out. Old programs of Windows part folders by a
/// backslash.
fn place_of(name: &str) -> Option<String> {
    let name = if name.contains('/') { name.to_owned() } else { name.replace('\\', "/") };
    let has_drive = name.as_bytes().get(1) == Some(&b':') && name.as_bytes()[0].is_ascii_alphabetic();
    if name.starts_with('/') || name.contains('\0') || has_drive && name.as_bytes().get(2) == Some(&b'/') {
        return None;
    }
    let mut parts = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => return None,
            part if part.split('\\').any(|inner| inner == "..") => return None,
            part => parts.push(shortened(part)),
        }
    }
    (!parts.is_empty() && parts.len() <= MOST_FOLDERS_DEEP).then(|| parts.join("/"))
}

/// As one component of a path; a file keeps its ending, by which it is known.
fn shortened(part: &str) -> String {
    let safe = safe_component(part);
    match part.rsplit_once('.') {
        Some((stem, ending)) if safe.len() < part.len() && ending.len() <= 8 && !stem.is_empty() => {
            let room = super::MAX_COMPONENT_BYTES - ending.len() - 1;
            safe_component(&format!("{}.{ending}", super::cut_at_char(stem, room)))
        }
        _ => safe,
    }
}

/// What a computer adds by itself.
fn is_clutter(name: &str) -> bool {
    let last = name.rsplit(['/', '\\']).next().unwrap_or_default();
    name.starts_with("__MACOSX/")
        || matches!(last, ".DS_Store" | "Thumbs.db" | "desktop.ini")
        || last.starts_with("._")
}

fn sync_folders(folder: &Path) -> io::Result<()> {
    for entry in walkdir::WalkDir::new(folder).contents_first(true) {
        let entry = entry?;
        if entry.file_type().is_dir() {
            sync_dir(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use zip::write::SimpleFileOptions;

    const LIMITS: Limits = Limits { total_bytes: 1 << 30, files: 100 };

    /// An archive of these files.
    fn archive(folder: &Path, files: &[(&str, &[u8])]) -> PathBuf {
        let path = folder.join("archive.zip");
        let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
        for (name, content) in files {
            zip.start_file(*name, SimpleFileOptions::default()).unwrap();
            zip.write_all(content).unwrap();
        }
        zip.finish().unwrap();
        path
    }

    fn unpacked(archive: &Path, limits: Limits) -> Result<Unpacked, Refusal> {
        unzip(archive, &archive.with_file_name("out"), limits, &mut |_| true)
    }

    #[test]
    fn files_come_out_as_they_went_in() {
        let folder = tempfile::tempdir().unwrap();
        let long = vec![7; 700_000];
        let path = archive(
            folder.path(),
            &[("Ленинград/01 ÷.flac", &long), ("cover.jpg", b"x"), ("__MACOSX/._x", b"y")],
        );
        let done = unpacked(&path, LIMITS).unwrap();
        assert_eq!((done.files, done.bytes), (2, 700_001));
        assert_eq!(fs::read(folder.path().join("out/Ленинград/01 ÷.flac")).unwrap(), long);
        assert!(!folder.path().join("out/__MACOSX").exists());
    }

    #[test]
    fn a_name_that_leads_out_refuses_the_whole_archive() {
        for name in
            ["../evil", "a/../../evil", "/etc/evil", "..\\evil", "a/..\\..\\evil", "C:/evil", "C:\\evil"]
        {
            let folder = tempfile::tempdir().unwrap();
            let path = archive(folder.path(), &[("01.flac", b"fine"), (name, b"evil")]);
            let refused = unpacked(&path, LIMITS);
            assert!(matches!(refused, Err(Refusal::LeadsOut(_))), "{name}: {refused:?}");
            assert!(!folder.path().join("out").exists(), "{name}");
        }
    }

    #[test]
    fn a_link_is_left_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("archive.zip");
        let mut zip = zip::ZipWriter::new(File::create(&path).unwrap());
        zip.add_symlink("01.flac", "/etc/passwd", SimpleFileOptions::default()).unwrap();
        zip.finish().unwrap();
        let done = unpacked(&path, LIMITS).unwrap();
        assert_eq!((done.files, done.left_out), (0, vec!["01.flac".to_owned()]));
        assert!(folder.path().join("out/01.flac").symlink_metadata().is_err());
    }

    #[test]
    fn what_would_become_too_much_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = archive(folder.path(), &[("1.wav", &vec![0; 3 << 20]), ("2.wav", b"x")]);
        for limits in [Limits { total_bytes: 1 << 20, files: 10 }, Limits { total_bytes: 1 << 30, files: 0 }]
        {
            let refused = unpacked(&path, limits);
            assert!(matches!(refused, Err(Refusal::TooLarge(_))), "{refused:?}");
        }
    }

    #[test]
    fn a_bomb_is_refused_however_much_room_there_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = deflated(folder.path(), 100 << 20);
        assert!(fs::metadata(&path).unwrap().len() < 200 << 10);
        assert!(matches!(unpacked(&path, LIMITS), Err(Refusal::TooLarge(_))));
    }

    /// A zip with one file of so many zeros, packed as tightly as deflate can.
    fn deflated(folder: &Path, bytes: usize) -> PathBuf {
        let path = folder.join("archive.zip");
        let program = "import sys, zipfile\nwith zipfile.ZipFile(sys.argv[1], 'w', zipfile.ZIP_DEFLATED) as z: z.writestr('a.wav', bytes(int(sys.argv[2])))";
        let made = std::process::Command::new("python3")
            .args(["-c", program])
            .arg(&path)
            .arg(bytes.to_string())
            .status();
        assert!(made.unwrap().success());
        path
    }

    #[test]
    fn what_is_packed_tightly_comes_out_whole() {
        let folder = tempfile::tempdir().unwrap();
        let done = unpacked(&deflated(folder.path(), 1 << 20), LIMITS).unwrap();
        assert_eq!(done.bytes, 1 << 20);
    }

    #[test]
    fn half_an_archive_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let path = archive(folder.path(), &[("1.flac", &vec![3; 9000])]);
        let whole = fs::read(&path).unwrap();
        for length in [0, 10, whole.len() / 2, whole.len() - 1] {
            fs::write(&path, &whole[..length]).unwrap();
            let refused = unpacked(&path, LIMITS);
            assert!(matches!(refused, Err(Refusal::Broken(_))), "{length}: {refused:?}");
        }
        let mut changed = whole.clone();
        changed[42] ^= 1;
        fs::write(&path, changed).unwrap();
        assert!(matches!(unpacked(&path, LIMITS), Err(Refusal::Broken(_))));
    }

    #[test]
    fn it_stops_when_nobody_wants_it_any_more() {
        let folder = tempfile::tempdir().unwrap();
        let path = archive(folder.path(), &[("1.flac", b"x")]);
        let stopped = unzip(&path, &folder.path().join("out"), LIMITS, &mut |_| false);
        assert!(matches!(stopped, Err(Refusal::Cancelled)));
    }

    #[test]
    fn two_files_of_one_name_are_both_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = archive(folder.path(), &[("a/x.flac", b"1"), ("A/X.FLAC", b"2")]);
        assert_eq!(unpacked(&path, LIMITS).unwrap().files, 2);
        assert_eq!(fs::read(folder.path().join("out/A/X (2).FLAC")).unwrap(), b"2");
    }

    #[test]
    fn names_of_other_systems_are_read_as_they_were_meant() {
        assert_eq!(place_of("Album\\CD1\\01.mp3").as_deref(), Some("Album/CD1/01.mp3"));
        assert_eq!(place_of("./Album//01.mp3").as_deref(), Some("Album/01.mp3"));
        assert_eq!(place_of("Album/AC\\DC.mp3").as_deref(), Some("Album/AC_DC.mp3"));
        assert_eq!(place_of("./"), None);
        assert_eq!(name_of("Ágætis".as_bytes(), "├ügµtis"), "Ágætis");
        assert_eq!(name_of(b"Caf\x82", "Café"), "Café");
        let long = format!("{}.flac", "é".repeat(300));
        let kept = place_of(&long).unwrap();
        assert!(kept.len() <= 240 && kept.ends_with("é.flac"), "{kept}");
    }
}
