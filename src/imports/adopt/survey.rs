//! What differs between the rows and the disk, before a single file is opened.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use tokio_postgres::Row;

use super::super::tree::{Entry, Kind, release_folder};
use super::walk::{Folder, Walk};
use crate::app::App;
use crate::db::Sql;
use crate::error::{Error, Result};
use crate::files::{path_to_text, text_to_path};

/// So many files gone at once, and this share of all, are no tidying up: the disk is at fault, or the path.
const BRAKE_FILES: usize = 200;
const BRAKE_SHARE: usize = 20;

/// What became of one audio file since the rows were written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// Nothing, by size and time.
    Same,
    /// It was judged before, and nobody has touched it since.
    Judged,
    /// Its row says otherwise.
    Changed(i64),
    /// No row knows it.
    New,
}

/// A folder of an album in which something differs.
#[derive(Debug)]
pub struct Release {
    /// Relative to MUSIC_PATH.
    pub path: PathBuf,
    /// All its files, relative to it.
    pub entries: Vec<Entry>,
    /// Of its audio files, by their path relative to it.
    pub fates: HashMap<PathBuf, Fate>,
}

/// A row whose file is not where it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// The track.
    pub id: i64,
    /// Relative to MUSIC_PATH.
    pub path: String,
    /// It was away before this look, too.
    pub is_old: bool,
}

/// The whole difference.
#[derive(Debug, Default)]
pub struct Survey {
    /// What has to be read.
    pub releases: Vec<Release>,
    /// Files of which nothing differs.
    pub unchanged: usize,
    /// Tracks that were away and are as they were.
    pub returned: Vec<i64>,
    /// Rows without a file.
    pub gone: Vec<Gone>,
    /// Tracks with a changed file.
    pub changed: Vec<i64>,
    /// Files without a row.
    pub new: usize,
    /// What nothing is concluded from, as sentences.
    pub left_out: Vec<String>,
    /// Files that could not be read the last time and have not changed since, with the reason.
    pub still_unreadable: Vec<(String, String)>,
    /// All tracks of the library whose file was there.
    pub present: usize,
}

/// A row, as far as it is needed to see a difference.
struct Known {
    id: i64,
    path: String,
    stamp: (i64, i64),
    is_missing: bool,
    /// The file as it was judged damaged.
    judged: Option<(i64, i64)>,
}

const KNOWN: &str = "select t.id, t.path, t.size_bytes, t.modified_at, t.missing_since is not null,
        d.seen_size_bytes, d.seen_modified_at
    from track t left join damage d on d.track_id = t.id and d.ended_at is null and d.seen_size_bytes is not null
    where t.path like $1 escape '\\'";
const UNREADABLE: &str =
    "select path, size_bytes, modified_at, reason from unreadable_file where path like $1 escape '\\'";
const PRESENT: &str = "select (select track_count from library)
    - (select count(*) from track where missing_since is not null)";
// An album that is just being filed is the import's own business.
const BUSY: &str = "select distinct target from (
        select plan #>> '{filing,target}' as target from import where is_on_its_way and plan is not null
    ) i where target is not null";

impl From<&Row> for Known {
    fn from(row: &Row) -> Self {
        let time = |at: Timestamp| at.as_microsecond();
        let judged = row.get::<_, Option<i64>>(5).zip(row.get::<_, Option<Timestamp>>(6).map(time));
        let stamp = (row.get(2), time(row.get(3)));
        Self { id: row.get(0), path: row.get(1), stamp, is_missing: row.get(4), judged }
    }
}

impl Survey {
    /// Looks at the disk and at the rows, at the same time.
    ///
    /// # Errors
    /// `Invalid` when the folder cannot be read.
    pub async fn of(app: &App, dir: &str) -> Result<Self> {
        let (music, folder) = (app.music().to_owned(), text_to_path(dir));
        let walking = tokio::task::spawn_blocking(move || Walk::of(&music, &folder));
        let escaped = dir.replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
        let beneath = format!("{escaped}/%");
        let client = app.db.get().await?;
        let rows = client.rows(KNOWN, &[&beneath]).await?;
        let known: Vec<Known> = rows.iter().map(Known::from).collect();
        drop(rows);
        let unreadable = client.rows(UNREADABLE, &[&beneath]).await?;
        let unreadable = unreadable.iter().map(|row| {
            let stamp = (row.get(1), row.get::<_, Timestamp>(2).as_microsecond());
            (text_to_path(row.get(0)), (stamp, row.get(3)))
        });
        let unreadable: Unreadable = unreadable.collect();
        let present: i64 = client.row(PRESENT, &[]).await?.get(0);
        let busy: Vec<PathBuf> =
            client.rows(BUSY, &[]).await?.iter().map(|row| PathBuf::from(row.get::<_, &str>(0))).collect();
        drop(client);
        let walk = walking.await.map_err(anyhow::Error::from)?;
        let walk = walk.map_err(|e| Error::Invalid(format!("{dir} could not be read: {e}")))?;
        let compared = tokio::task::spawn_blocking(move || compare(walk, known, &unreadable, &busy));
        let mut survey = compared.await.map_err(anyhow::Error::from)?;
        survey.present = usize::try_from(present).unwrap_or(0);
        Ok(survey)
    }

    /// Files that are gone without another having come: a reorganised library loses none, a lost disk all.
    pub fn lost(&self) -> usize {
        self.gone.iter().filter(|g| !g.is_old).count().saturating_sub(self.new)
    }

    /// Why nothing is to be changed, if that is so.
    pub fn brake(&self) -> Option<String> {
        brake(self.lost(), self.present)
    }
}

/// The rule (`ARCHITECTURE.md`, mounts): more than 5 % and at least 200 files gone at once is an alarm.
pub fn brake(lost: usize, of: usize) -> Option<String> {
    (lost >= BRAKE_FILES && lost * BRAKE_SHARE > of).then(|| {
        format!(
            "{lost} of {of} files are gone at once: nothing was changed. Is everything mounted? If they are \
             gone for good: barbossa library rescan --accept-missing"
        )
    })
}

/// Files that could not be read: size and time, and why.
type Unreadable = HashMap<PathBuf, ((i64, i64), String)>;

/// Pure: the difference between what was seen and what is known.
fn compare(walk: Walk, known: Vec<Known>, unreadable: &Unreadable, busy: &[PathBuf]) -> Survey {
    let mut survey = Survey::default();
    let is_beneath = |path: &Path, above: &[PathBuf]| above.iter().any(|a| path.starts_with(a));
    let mut rows = Rows::of(&known);
    let mut differs: HashSet<PathBuf> = HashSet::new();
    let mut fates: HashMap<PathBuf, Fate> = HashMap::new();
    for folder in walk.folders.iter().filter(|f| f.files.iter().any(|file| file.kind == Kind::Audio)) {
        if !busy.is_empty() && is_beneath(&folder.path, busy) {
            continue;
        }
        let mut is_same = true;
        for file in folder.files.iter().filter(|f| f.kind == Kind::Audio) {
            let stamp = file.stamp();
            let row =
                folder.path.to_str().zip(file.name.to_str()).and_then(|(dir, name)| rows.take(dir, name));
            let fate = match row.map(|n| &known[n]) {
                Some(row) if row.stamp == stamp => {
                    survey.unchanged += 1;
                    survey.returned.extend(row.is_missing.then_some(row.id));
                    continue;
                }
                Some(row) if row.judged == Some(stamp) => Fate::Judged,
                Some(row) => {
                    survey.changed.push(row.id);
                    Fate::Changed(row.id)
                }
                None => {
                    let path = folder.path.join(&file.name);
                    if let Some((_, reason)) = unreadable.get(&path).filter(|(seen, _)| *seen == stamp) {
                        survey.still_unreadable.push((path_to_text(&path), reason.clone()));
                        continue;
                    }
                    survey.new += 1;
                    Fate::New
                }
            };
            is_same &= fate == Fate::Judged;
            survey.unchanged += usize::from(fate == Fate::Judged);
            fates.insert(folder.path.join(&file.name), fate);
        }
        if !is_same {
            differs.insert(release_folder(&folder.path.join("x")).to_owned());
        }
    }
    let hidden: Vec<PathBuf> = walk
        .left_out
        .iter()
        .filter(|l| l.hides_files)
        .map(|l| l.path.clone())
        .chain(busy.iter().cloned())
        .collect();
    survey.gone = rows
        .left()
        .map(|n| &known[n])
        .filter(|row| hidden.is_empty() || !is_beneath(Path::new(&row.path), &hidden))
        .map(|row| Gone { id: row.id, path: row.path.clone(), is_old: row.is_missing })
        .collect();
    survey.left_out =
        walk.left_out.iter().map(|l| format!("{}: {}", path_to_text(&l.path), l.reason)).collect();
    survey.releases = releases(&walk.folders, differs, fates);
    survey
}

/// Rows by folder and name; each is taken once.
struct Rows<'k> {
    by_folder: HashMap<&'k str, Vec<(&'k str, usize)>>,
    is_taken: Vec<bool>,
}

impl<'k> Rows<'k> {
    fn of(known: &'k [Known]) -> Self {
        let mut by_folder: HashMap<&str, Vec<(&str, usize)>> = HashMap::new();
        for (n, row) in known.iter().enumerate() {
            let (folder, name) = row.path.rsplit_once('/').unwrap_or(("", &row.path));
            by_folder.entry(folder).or_default().push((name, n));
        }
        for names in by_folder.values_mut() {
            names.sort_unstable();
        }
        Self { by_folder, is_taken: vec![false; known.len()] }
    }

    fn take(&mut self, folder: &str, name: &str) -> Option<usize> {
        let names = self.by_folder.get(folder)?;
        let at = names.binary_search_by_key(&name, |(name, _)| name).ok()?;
        let n = names[at].1;
        self.is_taken[n] = true;
        Some(n)
    }

    fn left(&self) -> impl Iterator<Item = usize> {
        self.is_taken.iter().enumerate().filter(|(_, taken)| !**taken).map(|(n, _)| n)
    }
}

/// Everything that belongs to the folders in which something differs.
fn releases(folders: &[Folder], differs: HashSet<PathBuf>, fates: HashMap<PathBuf, Fate>) -> Vec<Release> {
    if differs.is_empty() {
        return Vec::new();
    }
    // A folder within an album that holds no album of its own (scans) belongs to it; one that does, does not.
    let has_audio = |folder: &Folder| folder.files.iter().any(|f| f.kind == Kind::Audio);
    let own: HashSet<PathBuf> = folders
        .iter()
        .filter(|f| has_audio(f))
        .map(|f| release_folder(&f.path.join("x")).to_owned())
        .collect();
    let mut releases: HashMap<PathBuf, Release> = HashMap::new();
    for folder in folders {
        let Some(home) = folder.path.ancestors().find(|a| own.contains(*a)) else { continue };
        if !differs.contains(home) {
            continue;
        }
        let release = releases.entry(home.to_owned()).or_insert_with(|| Release {
            path: home.to_owned(),
            entries: Vec::new(),
            fates: HashMap::new(),
        });
        for file in &folder.files {
            let path = folder.path.join(&file.name);
            let relative = path.strip_prefix(home).unwrap_or(&path).to_owned();
            if file.kind == Kind::Audio {
                let fate = fates.get(&path).copied().unwrap_or(Fate::Same);
                release.fates.insert(relative.clone(), fate);
            }
            release.entries.push(file.entry(relative));
        }
    }
    let mut releases: Vec<Release> = releases.into_values().collect();
    releases.sort_unstable_by(|a, b| a.path.cmp(&b.path));
    releases
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_brake_wants_both_a_number_and_a_share() {
        for (lost, of, is_braked) in [
            (199, 200, false),
            (200, 200, true),
            (200, 4000, false),
            (201, 4000, true),
            (5000, 100_000, false),
            (0, 0, false),
        ] {
            assert_eq!(brake(lost, of).is_some(), is_braked, "{lost} of {of}");
        }
    }

    #[test]
    fn a_reorganised_library_has_lost_nothing() {
        let gone = (0..500).map(|id| Gone { id, path: String::new(), is_old: false }).collect();
        let mut survey = Survey { gone, new: 500, present: 500, ..Survey::default() };
        assert_eq!(survey.brake(), None);
        survey.new = 0;
        assert!(survey.brake().is_some());
    }
}
