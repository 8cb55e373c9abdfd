//! `[[backup.destinations]]`: where backups are carried besides `backup_dir`, and how long they are kept there.

use std::collections::HashSet;
use std::path::Path;

use toml::de::DeValue;

use super::{Problem, Settings, check};

/// One place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Destination {
    /// What it is called in lists, in metrics and by `barbossa restore --from`.
    pub name: String,
    /// A folder's whole path, or `REMOTE:PATH` as rclone has it.
    pub to: String,
    /// Of so many days the newest backup is kept there; none: as `backup.keep_daily` says.
    pub keep_daily: Option<u32>,
    /// Of so many weeks, likewise.
    pub keep_weekly: Option<u32>,
    /// Of so many months, likewise.
    pub keep_monthly: Option<u32>,
}

/// What it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DestinationKind<'a> {
    /// A folder on this machine: another disk, or a mount of a NAS.
    Folder(&'a Path),
    /// A remote of rclone.
    Remote(&'a str),
}

impl Destination {
    /// Which kind: a path begins with `/`.
    pub fn kind(&self) -> DestinationKind<'_> {
        if self.to.starts_with('/') {
            DestinationKind::Folder(Path::new(&self.to))
        } else {
            DestinationKind::Remote(&self.to)
        }
    }

    /// Takes one from a table of a file. The error is a sentence.
    pub(super) fn of_toml(value: &DeValue<'_>) -> Result<Self, String> {
        let wanted = "Each of backup.destinations is a table with name and to.";
        let table = value.as_table().ok_or(wanted)?;
        let mut found = Self::default();
        for (key, value) in table {
            let key: &str = key.get_ref();
            let text = || value.get_ref().as_str().map(str::to_owned).ok_or(format!("{key} must be text."));
            let count = || {
                let number = value.get_ref().as_integer().and_then(|n| n.as_str().parse().ok());
                number.filter(|n| *n <= 3650).ok_or(format!("{key} must be a whole number from 0 to 3650."))
            };
            match key {
                "name" => found.name = text()?,
                "to" => found.to = text()?,
                "keep_daily" => found.keep_daily = Some(count()?),
                "keep_weekly" => found.keep_weekly = Some(count()?),
                "keep_monthly" => found.keep_monthly = Some(count()?),
                other => {
                    return Err(format!(
                        "A destination has no {other}; it has name, to, keep_daily, keep_weekly, keep_monthly."
                    ));
                }
            }
        }
        Ok(found)
    }

    /// As TOML writes it.
    pub(super) fn to_toml(&self) -> toml::Value {
        let mut table = toml::Table::new();
        table.insert("name".into(), self.name.clone().into());
        table.insert("to".into(), self.to.clone().into());
        let counts = [
            ("keep_daily", self.keep_daily),
            ("keep_weekly", self.keep_weekly),
            ("keep_monthly", self.keep_monthly),
        ];
        for (key, count) in counts {
            if let Some(count) = count {
                table.insert(key.into(), i64::from(count).into());
            }
        }
        table.into()
    }
}

/// What is wrong with them.
pub(super) fn problems(settings: &Settings) -> Vec<Problem> {
    let key = "backup.destinations";
    let mut names = HashSet::new();
    let mut found = Vec::new();
    for destination in &settings.backup.destinations {
        let name = &destination.name;
        let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if name.is_empty() || !name.chars().all(is_plain) {
            let message = format!("`{name}` is no name: it has small letters, digits and - only.");
            found.push(Problem::error(key, message));
        } else if !names.insert(name) {
            found.push(Problem::error(key, format!("Two destinations are called {name}.")));
        }
        found.extend(match destination.kind() {
            DestinationKind::Folder(path) => folder(settings, name, path),
            DestinationKind::Remote(remote) => self::remote(name, remote),
        });
    }
    found
}

fn folder(settings: &Settings, name: &str, path: &Path) -> Option<Problem> {
    let key = "backup.destinations";
    if !check::is_folder_of_its_own(path) {
        let message = format!("{name}: {} is not for backups alone.", path.display());
        let hint = format!("A folder of its own: {}", path.join("barbossa").display());
        return Some(Problem::error(key, message).hint(hint));
    }
    let dir = &settings.backup_dir;
    (path.starts_with(dir) || dir.starts_with(path)).then(|| {
        Problem::error(key, format!("{name}: {} and backup_dir are within each other.", path.display()))
            .hint("Another disk, or a mount of another machine.")
    })
}

fn remote(name: &str, remote: &str) -> Option<Problem> {
    let key = "backup.destinations";
    let is_remote = remote.split_once(':').is_some_and(|(remote, path)| {
        let is_plain = |c: char| c.is_alphanumeric() || "_-. ".contains(c);
        // A remote made up in the address itself (`:sftp,pass=…:`) would have its secrets in a process list.
        !remote.is_empty() && remote.chars().all(is_plain) && !path.trim_matches('/').is_empty()
    });
    (!is_remote || remote.starts_with('-') || remote.chars().any(char::is_control)).then(|| {
        Problem::error(key, format!("{name}: `{remote}` is neither a whole path nor a remote of rclone.")).hint(
            "/mnt/nas/barbossa, or REMOTE:PATH with a remote of the configuration in /etc/credstore/barbossa.rclone-config",
        )
    })
}

/// The address of a repository of restic.
pub(super) fn music_repository(text: &str) -> Option<Problem> {
    let key = "backup.music_repository";
    let hint = "A folder's whole path, rest:https://HOST/PATH, or rclone:REMOTE:PATH";
    if text.is_empty() {
        return None;
    }
    if text.starts_with('/') {
        let message = format!("{text} is not for this repository alone.");
        return (!check::is_folder_of_its_own(Path::new(text)))
            .then(|| Problem::error(key, message).hint(hint));
    }
    if let Some(address) = text.strip_prefix("rest:") {
        if check::redacted(address) != address {
            let message = "There is a password in it, and everyone may read this file.";
            return Some(Problem::error(key, message).hint("rclone:REMOTE:PATH keeps it in a credential."));
        }
        return (!address.starts_with("http"))
            .then(|| Problem::error(key, "`rest:` wants a web address.").hint(hint));
    }
    let is_rclone = text.strip_prefix("rclone:").is_some_and(|rest| remote("", rest).is_none());
    (!is_rclone).then(|| {
        Problem::error(key, format!("`{}` is no repository that is known here.", check::redacted(text)))
            .hint(hint)
    })
}

/// How often the music is backed up.
pub(super) fn music_every(text: &str) -> Option<Problem> {
    (!["day", "week"].contains(&text))
        .then(|| Problem::error("backup.music_every", format!("`{text}` is neither day nor week.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(destinations: &[(&str, &str)]) -> String {
        let destinations = destinations.iter().map(|(name, to)| Destination {
            name: (*name).to_owned(),
            to: (*to).to_owned(),
            ..Destination::default()
        });
        let mut settings = Settings::default();
        settings.backup.destinations = destinations.collect();
        problems(&settings).iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_cannot_be_a_destination_is_told() {
        assert_eq!(said(&[("nas", "/mnt/nas/barbossa"), ("cloud", "b2:family/barbossa")]), "");
        for (destinations, why) in [
            (&[("nas", "/mnt/a"), ("nas", "/mnt/b")][..], "Two destinations are called nas"),
            (&[("My NAS", "/mnt/a")], "is no name"),
            (&[("nas", "/mnt")], "is not for backups alone"),
            (&[("nas", "/var/lib/barbossa/backups/more")], "within each other"),
            (&[("nas", "relative")], "neither a whole path nor a remote"),
            (&[("cloud", "b2:")], "neither a whole path nor a remote"),
            (&[("cloud", ":sftp,pass=secret:/x")], "neither a whole path nor a remote"),
            (&[("cloud", "--config=/x:y")], "neither a whole path nor a remote"),
        ] {
            assert!(said(destinations).contains(why), "{destinations:?}: {}", said(destinations));
        }
    }

    #[test]
    fn what_cannot_be_a_repository_is_told() {
        for good in
            ["", "/mnt/nas/music", "rest:https://nas.example.org:8000/music", "rclone:b2:family/music"]
        {
            assert_eq!(music_repository(good), None, "{good}");
        }
        for bad in
            ["/mnt", "music", "rest:https://ada:secret@nas.example.org/", "rclone:b2:", "sftp:ada@nas:/x"]
        {
            let said = music_repository(bad).unwrap().to_string();
            assert!(!said.contains("secret"), "{said}");
        }
    }

    #[test]
    fn a_table_is_read_and_shown_again() {
        let text = "to = 'b2:x/y'\nname = 'cloud'\nkeep_daily = 30\n";
        let table = toml::de::DeTable::parse(text).unwrap();
        let value = DeValue::Table(table.into_inner());
        let found = Destination::of_toml(&value).unwrap();
        assert_eq!((found.name.as_str(), found.to.as_str(), found.keep_daily), ("cloud", "b2:x/y", Some(30)));
        assert_eq!(found.kind(), DestinationKind::Remote("b2:x/y"));
        assert_eq!(found.to_toml().to_string(), r#"{ keep_daily = 30, name = "cloud", to = "b2:x/y" }"#);
        let table = toml::de::DeTable::parse("path = '/x'").unwrap();
        let refused = Destination::of_toml(&DeValue::Table(table.into_inner())).unwrap_err();
        assert!(refused.contains("has no path"), "{refused}");
    }
}
