//! `barbossa systemd-generator`: at boot and at `systemctl daemon-reload`, drop-ins that make the units follow the settings.
//!
//! Called by systemd before any file system but the root is mounted, so nothing here looks at the folders themselves.
//! Whatever happens it ends well: a boot must not fail over music.

use std::fmt::Write as _;
use std::path::Path;

use super::terminal::complain;
use crate::config::{self, Backup, Destination, DestinationKind, Settings, Sources};

const FILE: &str = "50-barbossa-settings.conf";
/// The worker has two.
const FILE_OF_BACKUPS: &str = "51-barbossa-backups.conf";
/// Those that carry backups away have up to three.
const FILE_OF_COPIES: &str = "52-barbossa-copies.conf";
const DEFAULT_BACKUP_DIR: &str = "/var/lib/barbossa/backups";

/// What a unit does with a folder.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    Reads,
    Writes,
    /// Writes there too, and has other work while it is away.
    MayWrite,
    /// Reads all of it, and writes the staging folder alone.
    Stages,
}

/// The units, and what each does with the music.
const MUSIC: &[(&str, Use)] = &[
    ("barbossa-api.service", Use::Reads),
    ("barbossa-watcher.service", Use::Reads),
    ("barbossa-worker.service", Use::Writes),
    ("barbossa-fetch.service", Use::Stages),
    ("barbossa-backup.service", Use::Reads),
    ("barbossa-restore-drill.service", Use::Reads),
    ("barbossa-backup-music.service", Use::Reads),
];
/// The unit that writes exports, and the one that looks whether their drive is there.
const EXPORTS: &str = "barbossa-worker.service";
const EXPORTS_ASKED: &str = "barbossa-api.service";
/// The unit that carries backups to their destinations.
const SEND: &str = "barbossa-backup-send.service";
/// The one that backs the music up.
const SEND_MUSIC: &str = "barbossa-backup-music.service";
/// The one that brings a file of it back.
const FETCH: &str = "barbossa-fetch.service";
/// What the units of a house without remotes have not: the two families that lead to other machines.
const NETWORK: &str = "# From backup.… in /etc/barbossa, which names another machine; by barbossa-generator.
[Service]
PrivateNetwork=no
RestrictAddressFamilies=AF_INET AF_INET6
IPAddressDeny=
";
/// The unit that only reads backups.
const DRILL: &str = "barbossa-restore-drill.service";
const BACKUPS: &[&str] = &["barbossa-backup.service", "barbossa-migrate.service"];

pub fn run(normal: &Path) {
    // Reading alone: checking would touch folders whose mounts come later, or hang on one that is dead.
    let settings = config::read(&Sources::of_process()).settings;
    for (unit, text) in drop_ins(&settings) {
        let folder = normal.join(format!("{unit}.d"));
        let file = match () {
            () if text.contains(" backup_dir ") => FILE_OF_BACKUPS,
            () if [SEND, SEND_MUSIC, FETCH].contains(&unit) && !text.contains(" music_path ") => {
                FILE_OF_COPIES
            }
            () => FILE,
        };
        let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(folder.join(file), text));
        if let Err(error) = written {
            complain(format_args!("barbossa-generator: {}: {error}", folder.display()));
        }
    }
}

fn drop_ins(settings: &Settings) -> Vec<(&'static str, String)> {
    let mut drop_ins = Vec::new();
    if !settings.has_default_music_path() && is_usable(&settings.music_path) {
        let units = MUSIC
            .iter()
            .map(|(unit, purpose)| (*unit, drop_in("music_path", &settings.music_path, *purpose)));
        drop_ins.extend(units);
    }
    if settings.backup_dir != Path::new(DEFAULT_BACKUP_DIR) && is_usable(&settings.backup_dir) {
        let text = drop_in("backup_dir", &settings.backup_dir, Use::Writes);
        drop_ins.extend(BACKUPS.iter().map(|unit| (*unit, text.clone())));
        // On request, and beside all its other work.
        let text = drop_in("backup_dir", &settings.backup_dir, Use::MayWrite);
        drop_ins.push(("barbossa-worker.service", text));
        drop_ins.push((DRILL, drop_in("backup_dir", &settings.backup_dir, Use::Reads)));
        drop_ins.push((SEND, drop_in("backup_dir", &settings.backup_dir, Use::Reads)));
    }
    let listen = &settings.metrics.listen;
    if listen != config::DEFAULT_METRICS_SOCKET && config::is_metrics_address(listen) {
        let setting =
            "# From metrics.listen in /etc/barbossa, by barbossa-generator.\n[Socket]\nListenStream=\n";
        drop_ins.push((
            "barbossa-metrics.socket",
            format!("{setting}ListenStream={}\n", listen.replace('%', "%%")),
        ));
    }
    drop_ins.extend(copies(&settings.backup));
    let roots = || settings.exports.roots.iter().map(Path::new).filter(|root| is_usable(root));
    add(&mut drop_ins, EXPORTS, &roots().map(export_root).collect::<String>());
    let seen = roots().filter(|root| is_hidden(root)).map(seen_export_root).collect::<String>();
    add(&mut drop_ins, EXPORTS_ASKED, &seen);
    drop_ins
}

/// To what the unit has already.
fn add(drop_ins: &mut Vec<(&'static str, String)>, unit: &'static str, text: &str) {
    match drop_ins.iter_mut().find(|(there, _)| *there == unit) {
        _ if text.is_empty() => {}
        Some((_, before)) => before.push_str(text),
        None => drop_ins.push((unit, text.to_owned())),
    }
}

/// Beneath a home, for who only looks.
fn seen_export_root(root: &Path) -> String {
    format!(
        "# From exports.roots in /etc/barbossa, by barbossa-generator.\n[Service]\nProtectHome=tmpfs\nBindReadOnlyPaths={}\n",
        if_there(root)
    )
}

/// The units that carry backups out of the house, and the timer of one of them.
fn copies(backup: &Backup) -> Vec<(&'static str, String)> {
    let mut drop_ins = Vec::new();
    let places = backup.destinations.iter().map(Destination::kind);
    let send = places.fold(String::new(), |text, place| match place {
        DestinationKind::Folder(path) if is_usable(path) => text + &opened("backup.destinations", path),
        DestinationKind::Remote(_) if !text.contains(NETWORK) => text + NETWORK,
        _ => text,
    });
    if !send.is_empty() {
        drop_ins.push((SEND, send));
    }
    let repository = Path::new(&backup.music_repository);
    if is_usable(repository) {
        drop_ins.push((SEND_MUSIC, opened("backup.music_repository", repository)));
        if is_hidden(repository) {
            let path = if_there(repository);
            drop_ins.push((FETCH, format!("[Service]\nProtectHome=tmpfs\nBindReadOnlyPaths={path}\n")));
        }
    } else if ["rest:", "rclone:"].iter().any(|kind| backup.music_repository.starts_with(kind)) {
        drop_ins.push((SEND_MUSIC, NETWORK.to_owned()));
    }
    if backup.music_every == "day" {
        let setting = "# From backup.music_every in /etc/barbossa, by barbossa-generator.\n[Timer]\n";
        drop_ins.push((
            "barbossa-backup-music.timer",
            format!("{setting}OnCalendar=\nOnCalendar=*-*-* 01:00:00\n"),
        ));
    }
    drop_ins
}

/// A folder that may be written, wherever its disk is. One that is not there must keep no other from its copy.
fn opened(setting: &str, path: &Path) -> String {
    let (name, writable) = (quoted(&path.to_string_lossy()), if_there(path));
    let mut text = format!(
        "# From {setting} in /etc/barbossa, by barbossa-generator.\n[Unit]\nWantsMountsFor={name}\n\n[Service]\n"
    );
    if is_hidden(path) {
        // Writing to a String cannot fail.
        let _ = write!(text, "ProtectHome=tmpfs\nBindPaths={writable}\n");
    }
    let _ = write!(text, "ReadWritePaths={writable}\nNoExecPaths={writable}\n");
    text
}

/// Where exports may be written. A drive that is not plugged in must keep nobody from starting: the job looks for it.
fn export_root(root: &Path) -> String {
    let writable = if_there(root);
    let mut text = String::from("# From exports.roots in /etc/barbossa, by barbossa-generator.\n[Service]\n");
    if is_hidden(root) {
        // Writing to a String cannot fail.
        let _ = write!(text, "ProtectHome=tmpfs\nBindPaths={writable}\n");
    }
    let _ = write!(text, "ReadWritePaths={writable}\nNoExecPaths={writable}\n");
    text
}

/// What check-config refuses must not reach a unit either: `/` would open the whole machine.
fn is_usable(path: &Path) -> bool {
    config::is_folder_of_its_own(path)
}

fn drop_in(setting: &str, path: &Path, purpose: Use) -> String {
    let name = quoted(&path.to_string_lossy());
    // One path for all that is written: two would be two mounts, and links between them would fail.
    let writable = match purpose {
        Use::Reads => None,
        Use::Writes | Use::MayWrite => Some(path.to_owned()),
        Use::Stages => Some(path.join("downloads")),
    };
    let mut text = format!("# From {setting} in /etc/barbossa, by barbossa-generator.\n[Unit]\n");
    // Who writes must not write into the empty folder beneath a disk that is not there; who reads can say so instead.
    let is_needed = !matches!(purpose, Use::Reads | Use::MayWrite);
    let wanted = if is_needed { "RequiresMountsFor" } else { "WantsMountsFor" };
    // Writing to a String cannot fail.
    let _ = write!(text, "{wanted}={name}\n\n[Service]\n");
    if is_hidden(path) {
        // The units see no one's home but for this folder in it.
        text.push_str("ProtectHome=tmpfs\n");
        if !matches!(purpose, Use::Writes | Use::MayWrite) {
            let _ = writeln!(text, "BindReadOnlyPaths={}", if_there(path));
        }
        if let Some(writable) = &writable {
            let _ = writeln!(text, "BindPaths={}", if_there(writable));
        }
    }
    if let Some(writable) = &writable {
        // NoExecPaths= for what is written and for nothing else: a path that is only named there becomes writable.
        let writable = if_there(writable);
        let _ = write!(text, "ReadWritePaths={writable}\nNoExecPaths={writable}\n");
    }
    text
}

/// The path as systemd takes it when it may be missing.
fn if_there(path: &Path) -> String {
    quoted(&format!("-{}", path.display()))
}

/// Beneath what `ProtectHome=yes` takes out of sight.
fn is_hidden(path: &Path) -> bool {
    ["/home", "/root", "/run/user"].iter().any(|home| path.starts_with(home))
}

/// One word of a unit file: quoted, so that neither a blank nor the colon of `BindPaths=` ends it; `%` doubled, since it
/// begins a specifier.
fn quoted(word: &str) -> String {
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(music: &str) -> Settings {
        Settings { music_path: music.into(), ..Settings::default() }
    }

    fn of(unit: &str, settings: &Settings) -> String {
        drop_ins(settings).into_iter().find(|(u, _)| *u == unit).unwrap().1
    }

    #[test]
    fn the_default_needs_none() {
        assert!(drop_ins(&Settings::default()).is_empty());
    }

    #[test]
    fn the_worker_may_write_there_and_waits_for_the_mount() {
        let text = of("barbossa-worker.service", &settings("/srv/my music"));
        for line in [
            "RequiresMountsFor=\"/srv/my music\"",
            "ReadWritePaths=\"-/srv/my music\"",
            "NoExecPaths=\"-/srv/my music\"",
        ] {
            assert!(text.contains(line), "{line} not in\n{text}");
        }
        assert!(!text.contains("ProtectHome"));
    }

    #[test]
    fn the_api_and_the_watcher_only_read() {
        for unit in ["barbossa-api.service", "barbossa-watcher.service"] {
            let text = of(unit, &settings("/srv/music"));
            assert!(!text.contains("ReadWritePaths") && text.contains("WantsMountsFor"), "{text}");
            // Named there alone, it would be writable.
            assert!(!text.contains("NoExecPaths"), "{text}");
        }
    }

    #[test]
    fn fetch_writes_the_staging_folder_and_nothing_else() {
        let text = of("barbossa-fetch.service", &settings("/srv/music"));
        assert!(text.contains("ReadWritePaths=\"-/srv/music/downloads\"\n"), "{text}");
        assert_eq!(text.matches("ReadWritePaths").count(), 1, "{text}");
        let text = of("barbossa-fetch.service", &settings("/home/ada/Music"));
        assert!(
            text.contains("BindReadOnlyPaths=\"-/home/ada/Music\"\nBindPaths=\"-/home/ada/Music/downloads\""),
            "{text}"
        );
    }

    #[test]
    fn music_in_a_home_shows_that_folder_and_nothing_else() {
        let worker = of("barbossa-worker.service", &settings("/home/ada/Music: all"));
        assert!(worker.contains("ProtectHome=tmpfs\nBindPaths=\"-/home/ada/Music: all\""), "{worker}");
        let api = of("barbossa-api.service", &settings("/home/ada/Music"));
        assert!(api.contains("BindReadOnlyPaths=\"-/home/ada/Music\""), "{api}");
    }

    #[test]
    fn what_means_something_to_systemd_is_escaped() {
        assert_eq!(quoted("/srv/100% \"live\"\\"), "\"/srv/100%% \\\"live\\\"\\\\\"");
    }

    #[test]
    fn no_unit_is_ever_opened_to_the_whole_machine() {
        for bad in ["/", "/etc", "/home", "relative", "", "/srv/../etc", "/srv/a\nExecStart=/bin/sh"] {
            assert!(drop_ins(&settings(bad)).is_empty(), "{bad:?}");
        }
    }

    #[test]
    fn metrics_are_listened_for_where_the_settings_say() {
        let at = |listen: &str| {
            let mut settings = Settings::default();
            settings.metrics.listen = listen.into();
            drop_ins(&settings)
        };
        let (unit, text) = at("127.0.0.1:9477").remove(0);
        assert_eq!(unit, "barbossa-metrics.socket");
        assert!(text.ends_with("[Socket]\nListenStream=\nListenStream=127.0.0.1:9477\n"), "{text}");
        for bad in ["0.0.0.0:9477", "/run/a\nExecStart=x", "/run/a b", ""] {
            assert!(at(bad).is_empty(), "{bad:?}");
        }
    }

    #[test]
    fn exports_are_written_beneath_their_roots_whether_the_drive_is_there_or_not() {
        let mut settings = settings("/srv/music");
        settings.exports.roots = vec!["/media/usb".into(), "/etc".into(), "/home/ada/out".into()];
        let text = of("barbossa-worker.service", &settings);
        assert!(text.contains("ReadWritePaths=\"-/srv/music\""), "{text}");
        assert!(text.contains("ReadWritePaths=\"-/media/usb\"\nNoExecPaths=\"-/media/usb\""), "{text}");
        assert!(text.contains("BindPaths=\"-/home/ada/out\""), "{text}");
        let api = of("barbossa-api.service", &settings);
        assert!(api.contains("BindReadOnlyPaths=\"-/home/ada/out\"") && !api.contains("/media/usb"), "{api}");
        assert!(!text.contains("/etc\"") && !text.contains("MountsFor=\"/media"), "{text}");
        let alone = Settings { music_path: config::DEFAULT_MUSIC_PATH.into(), ..settings };
        assert_eq!(drop_ins(&alone).len(), 2);
    }

    #[test]
    fn who_carries_backups_away_gets_just_the_places_and_the_network_that_they_need() {
        let mut settings = Settings::default();
        let mut to = |name: &str, to: &str| {
            let destination = Destination { name: name.into(), to: to.into(), ..Destination::default() };
            settings.backup.destinations.push(destination);
        };
        to("nas", "/mnt/nas/barbossa");
        to("bad", "/etc");
        let closed = copies(&settings.backup);
        assert_eq!(closed.len(), 1);
        let text = &closed[0].1;
        assert!(text.contains("ReadWritePaths=\"-/mnt/nas/barbossa\"\nNoExecPaths"), "{text}");
        assert!(!text.contains("PrivateNetwork") && !text.contains("\"-/etc\""), "{text}");
        settings.backup.destinations[1].to = "b2:family/barbossa".into();
        let open = &copies(&settings.backup)[0].1;
        assert!(
            open.contains("RestrictAddressFamilies=AF_INET AF_INET6") && open.contains("/mnt/nas"),
            "{open}"
        );
        settings.backup.music_repository = "/mnt/nas/music".into();
        settings.backup.music_every = "day".into();
        let found = copies(&settings.backup);
        let units: Vec<_> = found.iter().map(|(unit, _)| *unit).collect();
        assert_eq!(units, [SEND, SEND_MUSIC, "barbossa-backup-music.timer"]);
        assert!(!found[1].1.contains("PrivateNetwork"), "{}", found[1].1);
        settings.backup.music_repository = "rest:https://nas.example.org/music".into();
        assert!(copies(&settings.backup)[1].1.contains("PrivateNetwork=no"));
    }

    #[test]
    fn another_folder_for_backups_is_opened_to_who_makes_them() {
        let settings = Settings { backup_dir: "/mnt/nas/barbossa".into(), ..Settings::default() };
        let drop_ins = drop_ins(&settings);
        let units: Vec<_> = drop_ins.iter().map(|(unit, _)| *unit).collect();
        assert_eq!(
            units,
            [
                "barbossa-backup.service",
                "barbossa-migrate.service",
                "barbossa-worker.service",
                "barbossa-restore-drill.service",
                "barbossa-backup-send.service"
            ]
        );
        assert!(drop_ins[0].1.contains("RequiresMountsFor"));
        assert!(drop_ins[2].1.contains("WantsMountsFor") && drop_ins[2].1.contains("ReadWritePaths"));
    }
}
