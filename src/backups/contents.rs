//! What a backup holds besides the database: the settings, the secrets under the admin's own keys, the pictures and the
//! lyrics that lie beside the music.

use std::collections::BTreeMap;
use std::fs::DirBuilder;
use std::io::{self, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use anyhow::{Context, anyhow};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};

use super::file::{copy, create, hex, sum};
use super::manifest::{Manifest, Part};
use crate::config::{self, KEYS, Settings, Sources};
use crate::files;

/// The settings' name in a backup.
pub(super) const SETTINGS: &str = "settings.json";
/// The secrets'.
pub(super) const SECRETS: &str = "secrets.age";
/// The folder of the pictures; in it the paths that they have in MUSIC_PATH.
pub(super) const ARTWORK: &str = "artwork";
/// The folder of the lyrics, likewise.
pub(super) const LYRICS: &str = "lyrics";

/// The settings as they held.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct KeptSettings {
    /// Each setting as TOML writes it; passwords in addresses are left out.
    pub values: BTreeMap<String, String>,
    /// The files that they came from, as they were.
    pub files: BTreeMap<String, String>,
}

impl KeptSettings {
    fn of(settings: &Settings) -> Self {
        let values = KEYS.iter().map(|key| {
            let value = key.show(settings);
            let has_password = ["database_url", "redis_url"].contains(&key.name);
            (key.name.to_owned(), if has_password { config::redacted(&value) } else { value })
        });
        let sources = Sources::of_process();
        let mut paths = config::read(&sources).files;
        paths.push(sources.changes_dir.join("changes.toml"));
        let text = |path: &PathBuf| std::fs::read_to_string(path).ok();
        let files = paths.iter().filter_map(|path| Some((path.display().to_string(), text(path)?)));
        Self { values: values.collect(), files: files.collect() }
    }
}

/// The settings of a backup; none where it has none, or they cannot be read.
pub fn kept_settings(backup: &Path) -> Option<KeptSettings> {
    serde_json::from_slice(&std::fs::read(backup.join(SETTINGS)).ok()?).ok()
}

/// Puts the settings into the folder.
pub(super) fn put_settings(folder: &Path, settings: &Settings) -> anyhow::Result<()> {
    put(&folder.join(SETTINGS), serde_json::to_string_pretty(&KeptSettings::of(settings))?.as_bytes())?;
    Ok(())
}

/// Puts the secrets that this process knows into the folder, encrypted; or why not, as a sentence.
///
/// # Errors
/// A recipient that is none; what the disk says.
pub(super) fn put_secrets(folder: &Path, settings: &Settings) -> anyhow::Result<Option<String>> {
    let recipients = &settings.backup.recipients;
    if recipients.is_empty() {
        let why = "The secrets are left out: backup.recipients names no age key to encrypt them to.";
        return Ok(Some(why.to_owned()));
    }
    let known = config::known_secrets(settings);
    if known.is_empty() {
        let why = "No secrets are in it: there are none, or only barbossa-backup.service is given them.";
        return Ok(Some(why.to_owned()));
    }
    let known: BTreeMap<_, _> = known.iter().map(|(name, value)| (name, value.expose_secret())).collect();
    put(&folder.join(SECRETS), &encrypted(recipients, &serde_json::to_vec(&known)?)?)?;
    Ok(None)
}

fn encrypted(recipients: &[String], plain: &[u8]) -> anyhow::Result<Vec<u8>> {
    let recipient = |key: &String| {
        age::x25519::Recipient::from_str(key).map_err(|why| anyhow!("backup.recipients: {key}: {why}"))
    };
    let recipients = recipients.iter().map(recipient).collect::<anyhow::Result<Vec<_>>>()?;
    let encryptor = age::Encryptor::with_recipients(recipients.iter().map(|r| r as &dyn age::Recipient))?;
    let mut sealed = Vec::new();
    let mut writer = encryptor.wrap_output(&mut sealed)?;
    writer.write_all(plain)?;
    writer.finish()?;
    Ok(sealed)
}

/// The secrets of a backup, by the name of their credential; `identity` is what `age-keygen` wrote.
///
/// # Errors
/// When there are none, or this key does not open them.
pub fn open_secrets(backup: &Path, identity: &str) -> anyhow::Result<BTreeMap<String, String>> {
    let sealed = std::fs::read(backup.join(SECRETS)).context("there are no secrets in this backup")?;
    let line = identity.lines().map(str::trim).find(|l| l.starts_with("AGE-SECRET-KEY-"));
    let line = line.context("the file of the key has no line that begins with AGE-SECRET-KEY-")?;
    let identity = age::x25519::Identity::from_str(line).map_err(|why| anyhow!("the key: {why}"))?;
    let plain = age::decrypt(&identity, &sealed).context("this key does not open the secrets")?;
    Ok(serde_json::from_slice(&plain)?)
}

/// Copies what lies beside the music and cannot be made again from it. A file that an earlier backup holds in the same
/// bytes is linked, so that a hundred backups take the room of one. What is not there is left out, with a sentence.
///
/// # Errors
/// What the disk of the backups says.
pub(super) fn put_beside(
    folder: &Path,
    music: &Path,
    (pictures, tracks): &(Vec<String>, Vec<String>),
    earlier: Option<&Path>,
) -> anyhow::Result<Option<String>> {
    if !matches!(files::read_marker(music), Ok(Some(_))) {
        return Ok(Some("Pictures and lyrics are left out: the music folder is not there.".to_owned()));
    }
    let earlier = earlier.and_then(|path| Some((path, Manifest::read(path).ok()?)));
    let known: BTreeMap<&str, &Part> = match &earlier {
        Some((_, manifest)) => manifest.parts.iter().map(|part| (part.path.as_str(), part)).collect(),
        None => BTreeMap::new(),
    };
    let lyrics = tracks.iter().map(|track| files::text_to_path(track).with_extension("lrc"));
    let wanted = pictures.iter().map(|picture| (ARTWORK, files::text_to_path(picture)));
    let wanted = wanted.chain(lyrics.map(|path| (LYRICS, path)));
    let mut missing = 0;
    for (kind, relative) in wanted {
        let Ok((_, sha256)) = sum(&music.join(&relative)) else {
            missing += usize::from(kind == ARTWORK);
            continue;
        };
        let path = Path::new(kind).join(&relative);
        let target = folder.join(&path);
        if target.exists() {
            continue;
        }
        make_folders(target.parent().unwrap_or(folder))?;
        let part = known.get(files::path_to_text(&path).as_str()).filter(|part| part.sha256 == hex(&sha256));
        let link = part.and_then(|part| part.within(earlier.as_ref()?.0));
        if !link.is_some_and(|link| is_linked(&link, &target, &sha256)) {
            copy(&music.join(&relative), &target)?;
        }
    }
    Ok((missing > 0)
        .then(|| format!("Pictures that are left out since their files are not there: {missing}.")))
}

/// Links what an earlier backup holds, if it is still what it was.
fn is_linked(earlier: &Path, target: &Path, sha256: &[u8; 32]) -> bool {
    sum(earlier).is_ok_and(|(_, found)| found == *sha256) && files::link_noreplace(earlier, target).is_ok()
}

fn put(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = create(path)?;
    files::may_fail("write", path)?;
    file.write_all(bytes)?;
    files::may_fail("fsync", path)?;
    file.sync_all()
}

fn make_folders(path: &Path) -> io::Result<()> {
    files::may_fail("mkdir", path)?;
    DirBuilder::new().mode(0o700).recursive(true).create(path)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};

    use super::*;

    fn music() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        files::write_marker(dir.path(), uuid::Uuid::new_v4()).unwrap();
        std::fs::create_dir_all(dir.path().join("artists/Ada/One")).unwrap();
        for (name, text) in [("artist.jpg", "face"), ("One/cover.jpg", "cover"), ("One/01.lrc", "la la")] {
            std::fs::write(dir.path().join("artists/Ada").join(name), text).unwrap();
        }
        dir
    }

    fn wanted() -> (Vec<String>, Vec<String>) {
        let owned = |paths: &[&str]| paths.iter().map(|p| (*p).to_owned()).collect();
        (
            owned(&["artists/Ada/artist.jpg", "artists/Ada/One/cover.jpg", "artists/Ada/gone.jpg"]),
            owned(&["artists/Ada/One/01.flac", "artists/Ada/One/02.flac"]),
        )
    }

    #[test]
    fn pictures_and_lyrics_are_copied_closed_and_linked_the_next_time() {
        let (music, one, two) = (music(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let said = put_beside(one.path(), music.path(), &wanted(), None).unwrap();
        assert!(said.unwrap().ends_with("not there: 1."));
        let cover = "artwork/artists/Ada/One/cover.jpg";
        assert_eq!(std::fs::read(one.path().join(cover)).unwrap(), b"cover");
        assert_eq!(std::fs::read(one.path().join("lyrics/artists/Ada/One/01.lrc")).unwrap(), b"la la");
        assert_eq!(one.path().join(cover).metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let about = super::super::manifest::About {
            schema: 1,
            postgresql: 17,
            made_at: jiff::Timestamp::UNIX_EPOCH,
            library: None,
            tables: BTreeMap::new(),
            left_out: Vec::new(),
        };
        Manifest::of(one.path(), about).unwrap().write(one.path()).unwrap();
        std::fs::write(music.path().join("artists/Ada/artist.jpg"), "another face").unwrap();
        // Rot in the earlier backup is not inherited.
        std::fs::write(one.path().join("lyrics/artists/Ada/One/01.lrc"), "lo lo").unwrap();
        put_beside(two.path(), music.path(), &wanted(), Some(one.path())).unwrap();
        let inode = |dir: &tempfile::TempDir, path: &str| dir.path().join(path).metadata().unwrap().ino();
        assert_eq!(inode(&one, cover), inode(&two, cover));
        assert_eq!(
            std::fs::read(two.path().join("artwork/artists/Ada/artist.jpg")).unwrap(),
            b"another face"
        );
        assert_eq!(std::fs::read(one.path().join("artwork/artists/Ada/artist.jpg")).unwrap(), b"face");
        assert_eq!(std::fs::read(two.path().join("lyrics/artists/Ada/One/01.lrc")).unwrap(), b"la la");
    }

    #[test]
    fn without_the_music_folder_it_says_so() {
        let (music, backup) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let said = put_beside(backup.path(), music.path(), &wanted(), None).unwrap();
        assert!(said.unwrap().contains("music folder is not there"));
        assert_eq!(std::fs::read_dir(backup.path()).unwrap().count(), 0);
    }

    #[test]
    fn secrets_open_with_the_admins_key_and_with_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let key = age::x25519::Identity::generate();
        let mut settings = Settings::default();
        assert!(put_secrets(dir.path(), &settings).unwrap().unwrap().contains("backup.recipients"));
        settings.backup.recipients = vec![key.to_public().to_string()];
        assert!(put_secrets(dir.path(), &settings).unwrap().unwrap().contains("there are none"));
        settings.secrets.plex_token = Some("s3cr3t-token".into());
        settings.secrets.jwt_secret = Some("the signing key".into());
        assert_eq!(put_secrets(dir.path(), &settings).unwrap(), None);
        let sealed = std::fs::read(dir.path().join(SECRETS)).unwrap();
        assert!(!sealed.windows(6).any(|w| w == b"s3cr3t"));
        let identity = format!("# created: 2026\n{}\n", key.to_string().expose_secret());
        let opened = open_secrets(dir.path(), &identity).unwrap();
        assert_eq!(opened, [("barbossa.plex-token".to_owned(), "s3cr3t-token".to_owned())].into());
        let other = age::x25519::Identity::generate();
        let refused = open_secrets(dir.path(), other.to_string().expose_secret()).unwrap_err();
        assert!(refused.to_string().contains("does not open"), "{refused}");
        assert!(open_secrets(dir.path(), "nothing").is_err());
    }

    #[test]
    fn the_settings_hold_each_key_and_no_password() {
        let settings = Settings {
            database_url: "postgresql://ada:s3cr3t@db.example.org/music".into(),
            ..Settings::default()
        };
        let kept = KeptSettings::of(&settings);
        assert_eq!(kept.values.len(), KEYS.len());
        assert_eq!(kept.values["trash.keep_days"], "30");
        assert!(!kept.values["database_url"].contains("s3cr3t"), "{}", kept.values["database_url"]);
    }
}
