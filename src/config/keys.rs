//! The one registry of settings: from it the files and the environment are read, and the documents checked.

mod values;

use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::{Destination, Settings};

/// One setting.
pub struct Key {
    /// In TOML: `imports.settle_seconds` is `settle_seconds` in `[imports]`.
    pub name: &'static str,
    /// Its environment variable, where the first version had one.
    pub env: Option<&'static str>,
    /// What it means, as a sentence.
    pub meaning: &'static str,
    field: Field,
}

/// Where it lies in [`Settings`], and what it may be.
enum Field {
    Text(fn(&mut Settings) -> &mut String),
    Path(fn(&mut Settings) -> &mut PathBuf),
    Number(fn(&mut Settings) -> &mut u32, RangeInclusive<u32>),
    Count(fn(&mut Settings) -> &mut usize, RangeInclusive<usize>),
    /// A share of one.
    Share(fn(&mut Settings) -> &mut f32),
    Switch(fn(&mut Settings) -> &mut bool),
    /// Commas between them in the environment.
    List(fn(&mut Settings) -> &mut Vec<String>),
    /// Tables in a file, and nothing else.
    Destinations(fn(&mut Settings) -> &mut Vec<Destination>),
}

/// All of them, in the order of `barbossa.toml`.
pub const KEYS: &[Key] = &[
    Key {
        name: "music_path",
        env: Some("MUSIC_PATH"),
        meaning: "Root of all music: artists/, users/, import/, downloads/ and .trash/ beneath it, on one file system.",
        field: Field::Path(|s| &mut s.music_path),
    },
    Key {
        name: "database_url",
        env: Some("DATABASE_URL"),
        meaning: "PostgreSQL; by default this machine's own, over its Unix socket, without a password.",
        field: Field::Text(|s| &mut s.database_url),
    },
    Key {
        name: "redis_url",
        env: Some("REDIS_URL"),
        meaning: "Redis or Valkey; by default Barbossa's private instance on a Unix socket.",
        field: Field::Text(|s| &mut s.redis_url),
    },
    Key {
        name: "log_level",
        env: Some("LOG_LEVEL"),
        meaning: "What goes to the journal: error, warn, info, debug, or a filter such as info,barbossa::imports=debug.",
        field: Field::Text(|s| &mut s.log_level),
    },
    Key {
        name: "backup_dir",
        env: Some("BACKUP_DIR"),
        meaning: "Where `barbossa backup run` puts the backups: the database, the settings, the secrets, the pictures and lyrics.",
        field: Field::Path(|s| &mut s.backup_dir),
    },
    Key {
        name: "backup.recipients",
        env: None,
        meaning: "Public keys of age (age1…, made by age-keygen) to which the secrets in a backup are encrypted; empty: the secrets are left out.",
        field: Field::List(|s| &mut s.backup.recipients),
    },
    Key {
        name: "backup.keep_daily",
        env: None,
        meaning: "Of so many days the newest backup is kept.",
        field: Field::Number(|s| &mut s.backup.keep_daily, 1..=3650),
    },
    Key {
        name: "backup.keep_weekly",
        env: None,
        meaning: "Of so many weeks the newest backup is kept.",
        field: Field::Number(|s| &mut s.backup.keep_weekly, 0..=520),
    },
    Key {
        name: "backup.keep_monthly",
        env: None,
        meaning: "Of so many months the newest backup is kept.",
        field: Field::Number(|s| &mut s.backup.keep_monthly, 0..=1200),
    },
    Key {
        name: "backup.destinations",
        env: None,
        meaning: "Where backups are carried besides backup_dir: tables [[backup.destinations]] with name, to (a folder, or REMOTE:PATH of rclone) and their own keep_daily, keep_weekly, keep_monthly.",
        field: Field::Destinations(|s| &mut s.backup.destinations),
    },
    Key {
        name: "backup.music_repository",
        env: None,
        meaning: "The restic repository into which the music is backed up: a folder, rest:https://…, or rclone:REMOTE:PATH; empty: it is not.",
        field: Field::Text(|s| &mut s.backup.music_repository),
    },
    Key {
        name: "backup.music_every",
        env: None,
        meaning: "How often: day or week.",
        field: Field::Text(|s| &mut s.backup.music_every),
    },
    Key {
        name: "api.cors_origins",
        env: Some("CORS_ORIGINS"),
        meaning: "Origins of other pages that a browser may call the API from.",
        field: Field::List(|s| &mut s.api.cors_origins),
    },
    Key {
        name: "api.public_url",
        env: None,
        meaning: "The address that people use, for links in messages; empty: unknown.",
        field: Field::Text(|s| &mut s.api.public_url),
    },
    Key {
        name: "api.session_days",
        env: None,
        meaning: "Days that a login lasts after its last use.",
        field: Field::Number(|s| &mut s.api.session_days, 1..=3650),
    },
    Key {
        name: "api.requests_per_minute",
        env: None,
        meaning: "Requests that one person may send in a minute; 0: as many as they like.",
        field: Field::Number(|s| &mut s.api.requests_per_minute, 0..=1_000_000_000),
    },
    Key {
        name: "api.browse_roots",
        env: None,
        meaning: "Folders beneath which an admin may look for one to choose; the music folder is always one.",
        field: Field::List(|s| &mut s.api.browse_roots),
    },
    Key {
        name: "forward_auth.header",
        env: None,
        meaning: "The header in which a proxy that has logged people in says who asks, such as Remote-User; empty: none is believed.",
        field: Field::Text(|s| &mut s.forward_auth.header),
    },
    Key {
        name: "forward_auth.trusted",
        env: None,
        meaning: "Whose header is believed: addresses and networks of proxies, or nginx for the one on this machine.",
        field: Field::List(|s| &mut s.forward_auth.trusted),
    },
    Key {
        name: "forward_auth.create_users",
        env: None,
        meaning: "Give an account to whom the proxy knows and we do not.",
        field: Field::Switch(|s| &mut s.forward_auth.create_users),
    },
    Key {
        name: "oidc.issuer",
        env: None,
        meaning: "Address of an OpenID provider where people may log in; empty: not used.",
        field: Field::Text(|s| &mut s.oidc.issuer),
    },
    Key {
        name: "oidc.client_id",
        env: None,
        meaning: "The name of this client at the provider.",
        field: Field::Text(|s| &mut s.oidc.client_id),
    },
    Key {
        name: "oidc.username_claim",
        env: None,
        meaning: "What the provider says of a person that becomes their name here.",
        field: Field::Text(|s| &mut s.oidc.username_claim),
    },
    Key {
        name: "oidc.create_users",
        env: None,
        meaning: "Give an account to whom the provider knows and we do not.",
        field: Field::Switch(|s| &mut s.oidc.create_users),
    },
    Key {
        name: "metrics.listen",
        env: None,
        meaning: "Where a monitor reads GET /metrics: a Unix socket's path, or an address of this machine such as 127.0.0.1:9477.",
        field: Field::Text(|s| &mut s.metrics.listen),
    },
    Key {
        name: "tls.certificate",
        env: None,
        meaning: "The site's certificate with its chain, PEM; empty: this machine's self-signed one. `barbossa setup tls` tells nginx.",
        field: Field::Path(|s| &mut s.tls.certificate),
    },
    Key {
        name: "tls.key",
        env: None,
        meaning: "The certificate's key, PEM.",
        field: Field::Path(|s| &mut s.tls.key),
    },
    Key {
        name: "worker.concurrency",
        env: None,
        meaning: "Jobs that one worker process runs at once.",
        field: Field::Count(|s| &mut s.worker.concurrency, 1..=64),
    },
    Key {
        name: "imports.settle_seconds",
        env: None,
        meaning: "A dropped folder is taken when nothing in it has changed for so many seconds.",
        field: Field::Number(|s| &mut s.imports.settle_seconds, 1..=3600),
    },
    Key {
        name: "imports.settle_incomplete_seconds",
        env: None,
        meaning: "The same, when its own tags say that tracks are still missing.",
        field: Field::Number(|s| &mut s.imports.settle_incomplete_seconds, 1..=86_400),
    },
    Key {
        name: "imports.sweep_seconds",
        env: None,
        meaning: "Seconds between two looks at the inbox, whether or not the kernel told of a change.",
        field: Field::Number(|s| &mut s.imports.sweep_seconds, 1..=86_400),
    },
    Key {
        name: "imports.min_confidence",
        env: None,
        meaning: "An identification less certain than this, from 0 to 1, waits for a person.",
        field: Field::Share(|s| &mut s.imports.min_confidence),
    },
    Key {
        name: "uploads.quota_gib",
        env: None,
        meaning: "How much one person may have on its way at once, in GiB.",
        field: Field::Number(|s| &mut s.uploads.quota_gib, 1..=10_000),
    },
    Key {
        name: "uploads.keep_hours",
        env: None,
        meaning: "After so many hours an upload that nobody goes on with is forgotten.",
        field: Field::Number(|s| &mut s.uploads.keep_hours, 1..=720),
    },
    Key {
        name: "exports.roots",
        env: None,
        meaning: "Folders beneath which exports may be written: mount points of drives, or folders with a file .barbossa-exports in them; empty: export/ in music_path.",
        field: Field::List(|s| &mut s.exports.roots),
    },
    Key {
        name: "downloads.yt_dlp_path",
        env: None,
        meaning: "yt-dlp: a path, or a name that is looked for in PATH.",
        field: Field::Path(|s| &mut s.downloads.yt_dlp_path),
    },
    Key {
        name: "downloads.at_once_per_source",
        env: None,
        meaning: "Downloads at once from one source.",
        field: Field::Number(|s| &mut s.downloads.at_once_per_source, 1..=16),
    },
    Key {
        name: "downloads.per_minute_per_source",
        env: None,
        meaning: "Downloads that are begun at one source within a minute.",
        field: Field::Number(|s| &mut s.downloads.per_minute_per_source, 1..=600),
    },
    Key {
        name: "downloads.queue_per_user",
        env: None,
        meaning: "Downloads of one person that may wait or run.",
        field: Field::Number(|s| &mut s.downloads.queue_per_user, 1..=10_000),
    },
    Key {
        name: "downloads.quota_gib",
        env: None,
        meaning: "GiB that one person may have fetched within 30 days; 0: as much as they like.",
        field: Field::Number(|s| &mut s.downloads.quota_gib, 0..=1_000_000),
    },
    Key {
        name: "downloads.keep_free_gib",
        env: None,
        meaning: "GiB on the disk with the music that downloads never fill.",
        field: Field::Number(|s| &mut s.downloads.keep_free_gib, 0..=1_000_000),
    },
    Key {
        name: "downloads.deadline_hours",
        env: None,
        meaning: "After so many hours a download is given up.",
        field: Field::Number(|s| &mut s.downloads.deadline_hours, 1..=168),
    },
    Key {
        name: "downloads.allow_private",
        env: None,
        meaning: "Fetch from addresses of this house's own network, too: its router and its other machines can then be asked by any member.",
        field: Field::Switch(|s| &mut s.downloads.allow_private),
    },
    Key {
        name: "jobs.keep_days",
        env: None,
        meaning: "Days that finished jobs and old events are kept for looking back.",
        field: Field::Number(|s| &mut s.jobs.keep_days, 1..=3650),
    },
    Key {
        name: "trash.keep_days",
        env: None,
        meaning: "Days that replaced and deleted files can be brought back.",
        field: Field::Number(|s| &mut s.trash.keep_days, 1..=3650),
    },
    Key {
        name: "integrity.period_days",
        env: None,
        meaning: "Within so many days every file is read and held against its checksum.",
        field: Field::Number(|s| &mut s.integrity.period_days, 1..=3650),
    },
    Key {
        name: "compat.query_tokens",
        env: None,
        meaning: "Accept a login token in the address of the WebSocket, as programs of the first version send it.",
        field: Field::Switch(|s| &mut s.compat.query_tokens),
    },
    Key {
        name: "qobuz.email",
        env: Some("QOBUZ_EMAIL"),
        meaning: "The account's e-mail address; empty: not used.",
        field: Field::Text(|s| &mut s.qobuz.email),
    },
    Key {
        name: "qobuz.quality",
        env: Some("QOBUZ_QUALITY"),
        meaning: "The best quality to ask for: 0 = MP3 128, 1 = MP3 320, 2 = FLAC 16/44.1, 3 = FLAC to 24/96, 4 = FLAC to 24/192.",
        field: Field::Number(|s| &mut s.qobuz.quality, 0..=4),
    },
    Key {
        name: "qobuz.rip_path",
        env: None,
        meaning: "streamrip's program, as `barbossa setup streamrip` installs it.",
        field: Field::Path(|s| &mut s.qobuz.rip_path),
    },
    Key {
        name: "qobuz.url",
        env: None,
        meaning: "Address of Qobuz's catalogue.",
        field: Field::Text(|s| &mut s.qobuz.url),
    },
    Key {
        name: "qobuz.app_id",
        env: Some("QOBUZ_APP_ID"),
        meaning: "Which program asks the catalogue; empty: streamrip finds out.",
        field: Field::Text(|s| &mut s.qobuz.app_id),
    },
    Key {
        name: "lidarr.url",
        env: Some("LIDARR_URL"),
        meaning: "Address of Lidarr, such as http://localhost:8686; empty: not used.",
        field: Field::Text(|s| &mut s.lidarr.url),
    },
    Key {
        name: "lidarr.path_map",
        env: None,
        meaning: "Where Lidarr's folders lie on this machine, when it sees them elsewhere: THEIRS=OURS.",
        field: Field::List(|s| &mut s.lidarr.path_map),
    },
    Key {
        name: "lidarr.import_completed",
        env: None,
        meaning: "Import what Lidarr has downloaded.",
        field: Field::Switch(|s| &mut s.lidarr.import_completed),
    },
    Key {
        name: "plex.url",
        env: Some("PLEX_URL"),
        meaning: "Address of Plex, such as http://localhost:32400; empty: not used.",
        field: Field::Text(|s| &mut s.plex.url),
    },
    Key {
        name: "plex.music_section",
        env: Some("PLEX_MUSIC_SECTION"),
        meaning: "The music library in Plex; empty: the first one for music.",
        field: Field::Text(|s| &mut s.plex.music_section),
    },
    Key {
        name: "plex.auto_scan",
        env: Some("PLEX_AUTO_SCAN"),
        meaning: "Ask Plex to look at a folder after each import into it.",
        field: Field::Switch(|s| &mut s.plex.auto_scan),
    },
    Key {
        name: "plex.path_map",
        env: None,
        meaning: "Where our folders lie for Plex, when it sees them elsewhere: THEIRS=OURS.",
        field: Field::List(|s| &mut s.plex.path_map),
    },
    Key {
        name: "jellyfin.url",
        env: None,
        meaning: "Address of Jellyfin, which is told of folders that changed; empty: not used.",
        field: Field::Text(|s| &mut s.jellyfin.url),
    },
    Key {
        name: "jellyfin.path_map",
        env: None,
        meaning: "Where our folders lie for Jellyfin, when it sees them elsewhere: THEIRS=OURS.",
        field: Field::List(|s| &mut s.jellyfin.path_map),
    },
    Key {
        name: "navidrome.url",
        env: None,
        meaning: "Address of Navidrome, which is asked to scan after a change; empty: not used.",
        field: Field::Text(|s| &mut s.navidrome.url),
    },
    Key {
        name: "navidrome.user",
        env: None,
        meaning: "The account at Navidrome that asks it; an admin there.",
        field: Field::Text(|s| &mut s.navidrome.user),
    },
    Key {
        name: "bandcamp.cookies_path",
        env: Some("BANDCAMP_COOKIES"),
        meaning: "A cookies.txt of a logged-in browser, readable by user barbossa; empty: not used.",
        field: Field::Path(|s| &mut s.bandcamp.cookies_path),
    },
    Key {
        name: "bandcamp.sync_hours",
        env: None,
        meaning: "Hours between two looks for what was bought at Bandcamp; 0: only when somebody asks.",
        field: Field::Number(|s| &mut s.bandcamp.sync_hours, 0..=168),
    },
    Key {
        name: "bandcamp.url",
        env: None,
        meaning: "Address of Bandcamp.",
        field: Field::Text(|s| &mut s.bandcamp.url),
    },
    Key {
        name: "musicbrainz.enabled",
        env: None,
        meaning: "Ask MusicBrainz about what was imported, afterwards: ids, barcode, label, ISRCs.",
        field: Field::Switch(|s| &mut s.musicbrainz.enabled),
    },
    Key {
        name: "musicbrainz.url",
        env: None,
        meaning: "Address of MusicBrainz, or of a mirror of one's own.",
        field: Field::Text(|s| &mut s.musicbrainz.url),
    },
    Key {
        name: "musicbrainz.contact",
        env: None,
        meaning: "How the people of MusicBrainz reach you, an e-mail address or a page; they ask for it.",
        field: Field::Text(|s| &mut s.musicbrainz.contact),
    },
    Key {
        name: "acoustid.url",
        env: None,
        meaning: "Address of AcoustID, which knows recordings by their sound; used when there is a key for it.",
        field: Field::Text(|s| &mut s.acoustid.url),
    },
    Key {
        name: "lrclib.enabled",
        env: None,
        meaning: "Ask LRCLIB for lyrics, which are put beside the tracks as .lrc files.",
        field: Field::Switch(|s| &mut s.lrclib.enabled),
    },
    Key {
        name: "lrclib.url",
        env: None,
        meaning: "Address of LRCLIB.",
        field: Field::Text(|s| &mut s.lrclib.url),
    },
    Key {
        name: "coverart.enabled",
        env: None,
        meaning: "Ask the Cover Art Archive for the front of albums that MusicBrainz knows and that have no cover.",
        field: Field::Switch(|s| &mut s.coverart.enabled),
    },
    Key {
        name: "coverart.url",
        env: None,
        meaning: "Address of the Cover Art Archive.",
        field: Field::Text(|s| &mut s.coverart.url),
    },
    Key {
        name: "coverart.commons_url",
        env: None,
        meaning: "Address of Wikimedia Commons, where the pictures of artists lie that MusicBrainz names.",
        field: Field::Text(|s| &mut s.coverart.commons_url),
    },
    Key {
        name: "torrentleech.url",
        env: None,
        meaning: "Address of TorrentLeech; used when there is a key for it.",
        field: Field::Text(|s| &mut s.torrentleech.url),
    },
    Key {
        name: "torrentleech.announce_url",
        env: None,
        meaning: "The tracker that is written into torrents, without the key.",
        field: Field::Text(|s| &mut s.torrentleech.announce_url),
    },
    Key {
        name: "notifications.smtp_url",
        env: None,
        meaning: "The mail server that messages to people go through: smtp://HOST:PORT (STARTTLS when it offers it) or smtps://HOST; empty: no mail.",
        field: Field::Text(|s| &mut s.notifications.smtp_url),
    },
    Key {
        name: "notifications.smtp_user",
        env: None,
        meaning: "Who logs in at the mail server; empty: nobody needs to.",
        field: Field::Text(|s| &mut s.notifications.smtp_user),
    },
    Key {
        name: "notifications.mail_from",
        env: None,
        meaning: "The sender of mails to people.",
        field: Field::Text(|s| &mut s.notifications.mail_from),
    },
    Key {
        name: "notifications.ntfy_server",
        env: None,
        meaning: "The ntfy server that is shown the token barbossa.ntfy-token: https://ntfy.example.org; no other server sees it. Empty: none.",
        field: Field::Text(|s| &mut s.notifications.ntfy_server),
    },
    Key {
        name: "notifications.private_targets",
        env: None,
        meaning: "Let people's webhooks and ntfy servers lie in this house's own network.",
        field: Field::Switch(|s| &mut s.notifications.private_targets),
    },
];

/// The setting of that name.
pub fn key(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|k| k.name == name)
}

/// The table and the last part: `("imports", "settle_seconds")`; the table is empty at the top.
pub(super) fn split(name: &str) -> (&str, &str) {
    name.rsplit_once('.').unwrap_or(("", name))
}
