//! The commands of the first version, which do what ours do: `barbossa admin …`, `maintenance …`, `library heart`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::adopt::RescanArgs;
use super::args::{Command, ImportArgs, Library, Output, User};
use super::browse::{HeartArgs, Kind};
use super::exit::{Status, failure};
use super::integrity::Integrity;

/// `barbossa admin …`
#[derive(Debug, Subcommand)]
pub enum Admin {
    /// The same as `user add`
    CreateUser {
        /// Their name
        name: String,
        /// Refused: others would see it
        #[arg(long, short, value_name = "PASSWORD")]
        password: Option<String>,
        /// May manage users, settings and deletions
        #[arg(long)]
        admin: bool,
        /// Take the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// The same as `user list`
    ListUsers(Output),
    /// The same as `user remove`
    DeleteUser {
        /// Their name
        name: String,
        /// Do not ask
        #[arg(long, short)]
        force: bool,
    },
    /// The same as `library rescan`
    Rescan(OldRescan),
    /// The same as `import`
    Import {
        /// A folder in the inbox
        path: PathBuf,
        #[command(flatten)]
        output: Output,
    },
    /// The same as `migrate`
    DbInit,
}

/// `barbossa maintenance …`
#[derive(Debug, Subcommand)]
pub enum Maintenance {
    /// The same as `library rescan`
    Rescan(OldRescan),
    /// The same as `integrity verify --all`
    Integrity {
        /// Put a good copy in the place of each damaged file, where there is one
        #[arg(long)]
        fix: bool,
        #[command(flatten)]
        output: Output,
    },
    /// The same as `library duplicates`
    Dupes {
        /// Nothing is deleted by itself: a person decides
        #[arg(long, default_value = "report", value_parser = ["report"])]
        action: String,
        #[command(flatten)]
        output: Output,
    },
}

/// As the first version had it.
#[derive(Debug, Args)]
pub struct OldRescan {
    /// A folder beneath MUSIC_PATH/artists; else all of it
    #[arg(long, short)]
    path: Option<PathBuf>,
    /// Only say what would be done
    #[arg(long, short = 'n')]
    dry_run: bool,
    #[command(flatten)]
    output: Output,
}

/// `barbossa library heart --album 7`
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub struct OldHeart {
    /// An album's id
    #[arg(long, short)]
    album: Option<i64>,
    /// A track's id
    #[arg(long, short)]
    track: Option<i64>,
}

impl Admin {
    /// Ours.
    pub fn command(self) -> anyhow::Result<Command> {
        Ok(match self {
            Self::CreateUser { password: Some(_), name, .. } => {
                let why = format!(
                    "A password is not said on the command line, where others may read it: leave it out, and it is asked for; \
                     or: barbossa user add {name} --password-stdin"
                );
                return Err(failure(Status::Usage, why));
            }
            Self::CreateUser { name, admin, password_stdin, .. } => {
                Command::User(User::Add { name, admin, password_stdin })
            }
            Self::ListUsers(output) => Command::User(User::List(output)),
            Self::DeleteUser { name, force } => Command::User(User::Remove { name, yes: force }),
            Self::Rescan(args) => args.command(),
            Self::Import { path, output } => Command::Import(ImportArgs {
                command: None,
                path: Some(path),
                adopt: None,
                dry_run: false,
                wait: true,
                output,
            }),
            Self::DbInit => Command::Migrate,
        })
    }
}

impl Maintenance {
    /// Ours.
    pub fn command(self) -> Command {
        match self {
            Self::Rescan(args) => args.command(),
            Self::Integrity { fix, output } => {
                Command::Integrity(Integrity::Verify { all: true, ids: Vec::new(), fix, output })
            }
            Self::Dupes { output, .. } => {
                Command::Library(Library::Duplicates { why: None, limit: 50, output })
            }
        }
    }
}

impl OldRescan {
    fn command(self) -> Command {
        let Self { path: dir, dry_run, output } = self;
        Command::Library(Library::Rescan(RescanArgs { dir, dry_run, accept_missing: false, output }))
    }
}

impl OldHeart {
    /// Ours.
    pub fn args(&self, output: Output) -> HeartArgs {
        match (self.album, self.track) {
            (Some(id), _) => HeartArgs { what: Kind::Album, ids: vec![id], output },
            (None, id) => HeartArgs { what: Kind::Track, ids: id.into_iter().collect(), output },
        }
    }
}
