//! What may be said on the command line. The manual pages and the shells' completions are made from this.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::engine::ArgValueCandidates;

use super::adopt::RescanArgs;
use super::aliases::{Admin, Maintenance, OldHeart};
use super::backup::Backup;
use super::browse::{Browse, HeartArgs};
use super::complete;
use super::download::{Bandcamp, Download};
use super::export::ExportArgs;
use super::integrity::Integrity;
use super::jobs::Jobs;
use super::login::Auth;
pub use super::output::{JsonOutput, Output};
use super::restore::{BesideArgs, RestoreArgs, SwapArgs};
use super::review::{ApproveArgs, Review};
use super::services::{Lidarr, Notify, Plex, Tl};
use super::settings::Settings;
use super::tokens::Token;
use super::trash::Trash;
use super::wire::WireArgs;
use crate::jobs::Queue;

/// One household, one music collection, everyone's own library.
///
/// The roles run as systemd units. The other commands ask the api: as root (`sudo`) over its local socket, where root needs
/// no password; else as whoever `barbossa auth login` has made known, here or at another Barbossa (--api-url).
#[derive(Debug, Parser)]
#[command(name = "barbossa", version, after_help = SEE, after_long_help = AFTERWORD, max_term_width = 100)]
#[command(disable_help_subcommand = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub wire: WireArgs,
}

const SEE: &str = "See also: systemctl status 'barbossa-*', journalctl -u barbossa-worker, man barbossa";

const AFTERWORD: &str = "\
Settings: /etc/barbossa/barbossa.toml, then /etc/barbossa/conf.d/*.toml in the order of their names, then the environment. \
BARBOSSA_CONFIG names another file. `barbossa check-config` judges them all.

Exit status:
  0  done
  1  it failed
  2  the command line, or what was typed in, cannot be used
  3  the password or the login was refused
  4  not permitted: only an admin may, or root (sudo)
  5  no such user, file or row
  6  Barbossa, PostgreSQL or Redis does not answer

Commands of the first version are known too: admin, maintenance, library heart, import review.

See also: systemctl status 'barbossa-*', journalctl -u barbossa-worker, /usr/share/doc/barbossa/README.Debian";

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Role: answer HTTP and WebSocket
    Api,
    /// Role: run jobs
    Worker(WorkerArgs),
    /// Role: put jobs into the queue when they are due
    Beat,
    /// Role: watch the inbox
    Watcher,
    /// Bring the database's schema to this version; with a dump first when there is something to lose
    Migrate,
    /// Say everything that is wrong with the settings at once
    CheckConfig(CheckArgs),
    /// Carry settings over, move the music
    #[command(subcommand)]
    Setup(Setup),
    /// What holds, and what may be changed while everything runs
    #[command(subcommand)]
    Settings(Settings),
    /// Log in to the api, and out
    #[command(subcommand)]
    Auth(Auth),
    /// People who may log in
    #[command(subcommand, visible_alias = "users")]
    User(User),
    /// Tokens with which programs get in
    #[command(subcommand)]
    Token(Token),
    /// Copies of the database, the settings, the secrets, pictures and lyrics
    #[command(subcommand)]
    Backup(Backup),
    /// Put a backup in the place of the running database, which stays beside it until it is forgotten; as root
    Restore(RestoreArgs),
    /// Import a folder, or index a library that is filed already
    Import(ImportArgs),
    /// Get music from elsewhere, and see what became of it
    #[command(subcommand)]
    Download(Download),
    /// What was bought at Bandcamp
    #[command(subcommand)]
    Bandcamp(Bandcamp),
    /// Put a user's library onto a drive, verified
    Export(ExportArgs),
    /// Change names and tags, in rows, files and folders; see what was changed; undo it
    #[command(subcommand)]
    Edit(Edit),
    /// Look into the library, and care for it
    #[command(subcommand)]
    Library(Library),
    /// Take into your own library: albums, tracks, artists
    Heart(HeartArgs),
    /// Take out of your own library
    Unheart(HeartArgs),
    /// What was deleted, replaced or came twice
    #[command(subcommand)]
    Trash(Trash),
    /// Files held against their checksums, and what to do about damaged ones
    #[command(subcommand)]
    Integrity(Integrity),
    /// Imports that wait for a person
    #[command(subcommand)]
    Review(Review),
    /// What waits, runs and failed
    #[command(subcommand)]
    Jobs(Jobs),
    /// Lidarr, which looks for albums
    #[command(subcommand)]
    Lidarr(Lidarr),
    /// Plex, which is told of what changed
    #[command(subcommand)]
    Plex(Plex),
    /// TorrentLeech, for recordings that the family may share
    #[command(subcommand)]
    Tl(Tl),
    /// How I am told of what needs me
    #[command(subcommand)]
    Notify(Notify),
    /// Commands of the first version
    #[command(subcommand, hide = true)]
    Admin(Admin),
    /// Commands of the first version
    #[command(subcommand, hide = true)]
    Maintenance(Maintenance),
    /// Whether all is well, and what runs, waits and is there; exits 0 (well), 1 (look) or 2 (critical), as monitoring
    /// plugins do
    Status(Output),
    /// Try everything that has to work, and say what does not
    Doctor(Output),
    /// Of `doctor`: what is tried within the worker's view
    #[command(hide = true)]
    DoctorMusic,
    /// The version of this program and of its schema
    Version(Output),
    /// Of `restore`: what the service's user does
    #[command(hide = true)]
    RestoreBeside(BesideArgs),
    /// Of `restore`: what is left to do after the swap
    #[command(hide = true)]
    RestoreAfter {
        /// The backup's path
        path: String,
    },
    /// Of `restore`: what runs as a unit of its own
    #[command(hide = true)]
    RestoreSwap(SwapArgs),
    /// Of barbossa-failure@.service: tells people of a unit that failed
    #[command(hide = true)]
    TellFailure {
        /// Its name
        unit: String,
    },
    /// Manual pages and completions
    #[command(subcommand, hide = true)]
    Gen(Gen),
    /// Drop-ins that make the units follow the settings; called by systemd
    #[command(hide = true)]
    SystemdGenerator {
        /// Where drop-ins of the usual priority go
        normal: PathBuf,
        /// Unused
        early: Option<PathBuf>,
        /// Unused
        late: Option<PathBuf>,
    },
}

#[derive(Debug, Args)]
pub struct WorkerArgs {
    /// Queues to take jobs from, commas between them
    #[arg(long, value_name = "QUEUES", value_delimiter = ',', value_parser = queue)]
    #[arg(default_values = ["imports", "exports", "maintenance"])]
    pub queues: Vec<Queue>,
}

fn queue(name: &str) -> Result<Queue, String> {
    const ALL: [Queue; 5] =
        [Queue::Imports, Queue::Exports, Queue::Maintenance, Queue::Downloads, Queue::Network];
    let found = ALL.into_iter().find(|q| q.name() == name);
    found.ok_or_else(|| format!("there are {}", ALL.map(Queue::name).join(", ")))
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Print nothing when all is well
    #[arg(long, short)]
    pub quiet: bool,
    /// Judge an .env of the first version instead of the settings
    #[arg(long, value_name = "FILE")]
    pub env_file: Option<PathBuf>,
    /// Judge as this role would, which is about to start
    #[arg(long, value_enum)]
    pub role: Option<Role>,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Role {
    Api,
    Worker,
    Beat,
    Watcher,
}

impl Role {
    pub fn name(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Worker => "worker",
            Self::Beat => "beat",
            Self::Watcher => "watcher",
        }
    }
}

#[derive(Debug, Subcommand)]
pub enum Setup {
    /// Carry an .env of the first version over: settings to conf.d/50-imported.toml, secrets to credentials
    ImportEnv {
        /// The .env
        file: PathBuf,
    },
    /// Install streamrip, which fetches from Qobuz, in a folder of its own beneath /opt/barbossa; or bring it up to date
    Streamrip,
    /// Move to another folder for all music: checks it, writes the settings of Barbossa and of nginx
    MusicPath {
        /// The folder; made when only its last part is missing
        dir: PathBuf,
    },
    /// Serve with your own certificate: tries the pair, writes the settings, has nginx read it
    Tls {
        /// The certificate with its chain, PEM; without it, what the settings say
        #[arg(requires = "key")]
        certificate: Option<PathBuf>,
        /// Its key, PEM
        key: Option<PathBuf>,
        /// Back to this machine's self-signed one
        #[arg(long, conflicts_with = "certificate")]
        self_signed: bool,
    },
}

#[derive(Debug, Subcommand)]
pub enum User {
    /// Add a user; asks for the password
    Add {
        /// The name to log in with, and of the folder of links
        name: String,
        /// May manage users, settings and deletions
        #[arg(long)]
        admin: bool,
        /// Take the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// List the users
    List(Output),
    /// Remove a user and their folder of links; the music stays
    Remove {
        /// Their name
        #[arg(add = ArgValueCandidates::new(complete::users))]
        name: String,
        /// Do not ask
        #[arg(long, alias = "force")]
        yes: bool,
    },
    /// Make a user an admin, or a member again; or give them another password
    #[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
    Update {
        /// Their name
        #[arg(add = ArgValueCandidates::new(complete::users))]
        name: String,
        /// Whether they may manage users, settings and deletions
        #[arg(long, action = clap::ArgAction::Set, value_name = "true|false", group = "change")]
        admin: Option<bool>,
        /// Ask for another password
        #[arg(long, group = "change")]
        password: bool,
    },
    /// Give a user another password, and end their sessions
    Password {
        /// Their name
        #[arg(add = ArgValueCandidates::new(complete::users))]
        name: String,
        /// Take the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
    },
}

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct ImportArgs {
    #[command(subcommand)]
    pub command: Option<Imports>,
    /// A folder in the inbox to import now, or an export, wherever it lies
    #[arg(required_unless_present = "adopt", conflicts_with = "adopt")]
    pub path: Option<PathBuf>,
    /// Index a library beneath MUSIC_PATH/artists that is filed already; no file is moved
    #[arg(long, value_name = "DIR")]
    pub adopt: Option<PathBuf>,
    /// With --adopt: only say what would be done
    #[arg(long, requires = "adopt")]
    pub dry_run: bool,
    /// Wait until it has ended, and say how (always so with --adopt)
    #[arg(long)]
    pub wait: bool,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Subcommand)]
pub enum Imports {
    /// List imports, the newest first
    List {
        /// Only those in this state: waiting, review, done, rejected, duplicate, failed
        #[arg(long, value_name = "STATE")]
        state: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
        limit: u16,
        #[command(flatten)]
        output: Output,
    },
    /// Show what one was taken for, how sure that is, and why
    Show {
        /// Its number
        id: i64,
        #[command(flatten)]
        output: Output,
    },
    /// Look at the inbox now: what has settled in it is imported
    Scan(Output),
    /// The same as `review list`
    #[command(hide = true)]
    Review {
        /// Which
        #[arg(long, default_value = "pending")]
        status: String,
        #[command(flatten)]
        output: Output,
    },
    /// The same as `review approve`
    #[command(hide = true)]
    Approve(ApproveArgs),
    /// The same as `review reject`
    #[command(hide = true)]
    Reject {
        /// Its id
        id: i64,
        /// Why
        #[arg(long)]
        reason: Option<String>,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, Subcommand)]
pub enum Edit {
    /// Change albums: the same for all that are named
    Album(AlbumArgs),
    /// Change a track
    Track(TrackArgs),
    /// Give an artist another name, in the tags of all their files too
    Artist(ArtistArgs),
    /// Make everything what it was before an edit; undoing that does it again
    Undo {
        /// Its number, as `barbossa edit list` shows it
        #[arg(add = ArgValueCandidates::new(complete::edits))]
        id: i64,
        #[command(flatten)]
        how: HowArgs,
    },
    /// What was edited, the newest first
    List {
        /// At most so many
        #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..))]
        limit: u16,
        #[command(flatten)]
        output: Output,
    },
}

/// Whether to do it, and how to print.
#[derive(Debug, Clone, Copy, Args)]
pub struct HowArgs {
    /// Only say what would change
    #[arg(long)]
    pub preview: bool,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
    #[command(flatten)]
    pub output: Output,
}

#[derive(Debug, Args)]
#[group(skip)]
pub struct AlbumArgs {
    /// The albums' numbers
    #[arg(required = true, value_name = "ID")]
    pub ids: Vec<i64>,
    /// The title
    #[arg(long)]
    pub title: Option<String>,
    /// Year of release
    #[arg(long)]
    pub year: Option<i32>,
    /// The genre; '' takes it away, like each of those below
    #[arg(long)]
    pub genre: Option<String>,
    /// Record label
    #[arg(long)]
    pub label: Option<String>,
    /// Another album artist
    #[arg(long)]
    pub artist: Option<String>,
    /// The label's number
    #[arg(long)]
    pub catalog_number: Option<String>,
    /// EAN or UPC
    #[arg(long)]
    pub barcode: Option<String>,
    /// album, single, ep, compilation, soundtrack, live
    #[arg(long)]
    pub release_type: Option<String>,
    #[command(flatten)]
    pub how: HowArgs,
}

#[derive(Debug, Args)]
#[group(skip)]
pub struct TrackArgs {
    /// The track's number in the library
    pub id: i64,
    /// The title
    #[arg(long)]
    pub title: Option<String>,
    /// Its place on the disc
    #[arg(long)]
    pub track_number: Option<i32>,
    /// Its disc
    #[arg(long)]
    pub disc_number: Option<i32>,
    /// Its own artist; '' for the album's
    #[arg(long)]
    pub artist: Option<String>,
    /// The genre; '' takes it away, like each of those below
    #[arg(long)]
    pub genre: Option<String>,
    /// The composer
    #[arg(long)]
    pub composer: Option<String>,
    /// Twelve letters and digits
    #[arg(long)]
    pub isrc: Option<String>,
    #[command(flatten)]
    pub how: HowArgs,
}

#[derive(Debug, Args)]
#[group(skip)]
pub struct ArtistArgs {
    /// The artist's number
    pub id: i64,
    /// The new name
    #[arg(long)]
    pub name: String,
    /// How it sorts: 'Beatles, The'
    #[arg(long)]
    pub sort_name: Option<String>,
    /// When there is an artist of that name, make both one
    #[arg(long)]
    pub merge: bool,
    #[command(flatten)]
    pub how: HowArgs,
}

#[derive(Debug, Subcommand)]
pub enum Library {
    #[command(flatten)]
    Browse(Browse),
    /// Make the folders of all users equal to their hearts
    #[command(visible_alias = "rebuild-symlinks", alias = "fix-symlinks")]
    Relink(Output),
    /// The same as `barbossa heart`
    #[command(hide = true)]
    Heart {
        #[command(flatten)]
        what: OldHeart,
        #[command(flatten)]
        output: Output,
    },
    /// The same as `barbossa unheart`
    #[command(hide = true)]
    Unheart {
        #[command(flatten)]
        what: OldHeart,
        #[command(flatten)]
        output: Output,
    },
    /// Follow what others have done to the files: new, changed, moved, missing
    Rescan(RescanArgs),
    /// The same music more than once, and what could be freed
    Duplicates {
        /// Only one part of the report
        #[arg(long, value_name = "WHY", value_parser = ["essence", "recording", "isrc", "maybe"])]
        why: Option<String>,
        /// At most so many groups
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
        #[command(flatten)]
        output: Output,
    },
    /// Albums of which tracks are missing, and which
    Incomplete {
        /// At most so many albums
        #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..))]
        limit: u32,
        #[command(flatten)]
        output: Output,
    },
    /// Move an album, an artist or a track into the trash, with all its files
    Delete {
        /// What it is
        what: Thing,
        /// Its id
        id: i64,
        /// Do not ask
        #[arg(long, alias = "force")]
        yes: bool,
        #[command(flatten)]
        output: Output,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Thing {
    Album,
    Artist,
    Track,
}

#[derive(Debug, Subcommand)]
pub enum Gen {
    /// Manual pages
    Man {
        /// Where to
        dir: PathBuf,
    },
    /// Completions for bash, zsh and fish
    Completions {
        /// Where to
        dir: PathBuf,
    },
    /// The API's OpenAPI document, as it is served
    Openapi,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::{Command, CommandFactory};

    use super::Cli;

    /// What is said for one command would otherwise be taken for what holds for all of them.
    #[test]
    fn no_command_calls_an_argument_as_all_commands_call_one() {
        let whole = Cli::command();
        let common: BTreeSet<&str> =
            whole.get_arguments().filter(|a| a.is_global_set()).map(|a| a.get_id().as_str()).collect();
        assert!(common.len() >= 4, "{common:?}");
        let mut twice = Vec::new();
        let mut left: Vec<(String, &Command)> =
            whole.get_subcommands().map(|c| (c.get_name().to_owned(), c)).collect();
        while let Some((name, command)) = left.pop() {
            let own = command.get_arguments().map(|a| a.get_id().as_str());
            twice.extend(own.filter(|id| common.contains(id)).map(|id| format!("{name}: {id}")));
            left.extend(command.get_subcommands().map(|c| (format!("{name} {}", c.get_name()), c)));
        }
        assert!(twice.is_empty(), "{twice:?}");
    }
}
