//! `barbossa setup`: carries an old `.env` over, moves the music, sets the certificate, installs streamrip. What is
//! written beneath /etc is never over what a person wrote.

mod import_env;
mod music_path;
mod streamrip;
mod tls;

use std::fs::{DirBuilder, Permissions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::Context;
use nix::unistd::User;

use super::args::Setup;
use super::exit::{Status, failure};
use super::privileges::{SERVICE_USER, require_root};
use super::terminal::print;
use crate::config::{Secret, Sources};
use crate::files;

pub fn run(command: Setup) -> anyhow::Result<Status> {
    require_root("This writes to /etc and /opt, which")?;
    let places = Places::of_system();
    let report = match command {
        Setup::Streamrip => streamrip::run(&places)?,
        Setup::ImportEnv { file } => import_env::run(&file, &places)?,
        Setup::MusicPath { dir } => {
            let user = User::from_name(SERVICE_USER)?.ok_or_else(|| {
                failure(
                    Status::NotFound,
                    format!("There is no user {SERVICE_USER}: is the package installed?"),
                )
            })?;
            music_path::run(&dir, &places, &user)?
        }
        Setup::Tls { certificate, key, self_signed } => {
            let wanted = match (certificate.zip(key), self_signed) {
                (Some((certificate, key)), _) => tls::Wanted::Pair { certificate, key },
                (None, true) => tls::Wanted::SelfSigned,
                (None, false) => tls::Wanted::AsSet,
            };
            tls::run(wanted, &places, &tls::Nginx)?
        }
    };
    print(report.join("\n"))?;
    Ok(Status::Done)
}

/// Where things lie; beneath another root in a test.
struct Places {
    root: PathBuf,
    drop_ins: PathBuf,
}

impl Places {
    fn of_system() -> Self {
        Self { root: "/".into(), drop_ins: Sources::of_process().drop_in_dir() }
    }

    fn at(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }

    fn drop_in(&self, name: &str) -> PathBuf {
        self.drop_ins.join(name)
    }

    fn credential(&self, secret: &Secret) -> PathBuf {
        self.at(&secret.file())
    }

    fn nginx_snippet(&self) -> PathBuf {
        self.at(Path::new("/etc/nginx/snippets/barbossa-music.conf"))
    }
}

/// A new file for everyone to read, durably; never over another one.
fn create(path: &Path, text: &str) -> anyhow::Result<()> {
    create_with_mode(path, text, 0o644, 0o755)
}

/// A new file for its owner alone, in a folder for its owner alone.
pub(super) fn create_closed(path: &Path, text: &str) -> anyhow::Result<()> {
    create_with_mode(path, text, 0o600, 0o700)
}

fn create_with_mode(path: &Path, text: &str, mode: u32, folder_mode: u32) -> anyhow::Result<()> {
    let context = || format!("cannot write {}", path.display());
    let folder = path.parent().with_context(context)?;
    DirBuilder::new().recursive(true).mode(folder_mode).create(folder).with_context(context)?;
    let mut file = tempfile::Builder::new()
        .prefix(".writing-")
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)
        .with_context(context)?;
    file.write_all(text.as_bytes()).with_context(context)?;
    file.as_file().set_permissions(Permissions::from_mode(mode)).with_context(context)?;
    file.as_file().sync_all().with_context(context)?;
    file.persist_noclobber(path).map_err(|e| e.error).with_context(context)?;
    files::sync_dir(folder).with_context(context)
}
