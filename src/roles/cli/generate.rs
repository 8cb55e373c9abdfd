//! `barbossa gen`: manual pages and completions, at the building of the package; the API's document, for the types of the
//! pages.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;

use anyhow::Context;
use clap::CommandFactory;
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};

use super::args::{Cli, Gen};
use super::exit::Status;
use crate::config::{KEYS, SECRETS};
use crate::roles::api;

pub fn run(command: &Gen) -> anyhow::Result<Status> {
    match command {
        Gen::Man { dir } => manuals(dir).with_context(|| dir.display().to_string()),
        Gen::Completions { dir } => completions(dir).with_context(|| dir.display().to_string()),
        Gen::Openapi => openapi(),
    }
}

fn manuals(dir: &Path) -> anyhow::Result<Status> {
    std::fs::create_dir_all(dir)?;
    clap_mangen::generate_to(Cli::command(), dir)?;
    std::fs::write(dir.join("barbossa.toml.5"), settings_manual())?;
    Ok(Status::Done)
}

fn completions(dir: &Path) -> anyhow::Result<Status> {
    std::fs::create_dir_all(dir)?;
    // Each asks the program itself, which knows the names: see `complete`.
    let shells: [(&dyn EnvCompleter, &str); 3] =
        [(&Bash, "barbossa.bash"), (&Zsh, "_barbossa"), (&Fish, "barbossa.fish")];
    for (shell, file) in shells {
        let mut script = Vec::new();
        shell.write_registration("COMPLETE", "barbossa", "barbossa", "barbossa", &mut script)?;
        std::fs::write(dir.join(file), script)?;
    }
    Ok(Status::Done)
}

fn openapi() -> anyhow::Result<Status> {
    std::io::stdout().write_all(api::document().to_string().as_bytes())?;
    Ok(Status::Done)
}

/// barbossa.toml(5), from the registry of settings.
fn settings_manual() -> String {
    let mut page = format!(
        ".TH barbossa.toml 5 \"\" \"barbossa {}\"\n.SH NAME\nbarbossa.toml \\- settings of Barbossa\n.SH SYNOPSIS\n\
         /etc/barbossa/barbossa.toml, /etc/barbossa/conf.d/*.toml\n.SH DESCRIPTION\n\
         Later wins: barbossa.toml, the files of conf.d in the order of their names, the environment.\n\
         .BR \"barbossa check-config\"\nsays everything that is wrong at once.\n.SH SETTINGS\n",
        env!("CARGO_PKG_VERSION")
    );
    for key in KEYS {
        let env = key.env.map(|e| format!(" [{e}]")).unwrap_or_default();
        let text = roff(&format!("{} Default: {}{env}", key.meaning, key.default_value()));
        // Writing to a String cannot fail.
        let _ = write!(page, ".TP\n.B {}\n{text}\n", roff(key.name));
    }
    page.push_str(
        ".SH CREDENTIALS\nSecrets are files of root's with mode 0600, plain or made by\n.BR systemd-creds (1),\n\
         and never stand in a settings file.\n",
    );
    for secret in SECRETS {
        let env = secret.env.map(|e| format!(" [{e}]")).unwrap_or_default();
        let text = roff(&format!("{}{env}", secret.meaning));
        let _ = write!(page, ".TP\n.B {}\n{text}\n", roff(&secret.file().display().to_string()));
    }
    page.push_str(".SH SEE ALSO\n.BR barbossa (1),\n.BR systemd-creds (1)\n");
    page
}

/// Text for roff: no line begins a request, and a hyphen is one that can be copied.
fn roff(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_setting_and_every_secret_has_its_place_in_the_manual() {
        let page = settings_manual();
        for key in KEYS {
            assert!(page.contains(&format!(".B {}\n", roff(key.name))), "{}", key.name);
        }
        for secret in SECRETS {
            assert!(page.contains(&roff(&secret.file().display().to_string())), "{}", secret.credential);
        }
    }

    #[test]
    fn pages_and_completions_are_made_under_the_names_that_the_package_expects() {
        let dir = tempfile::tempdir().unwrap();
        manuals(&dir.path().join("man")).unwrap();
        completions(&dir.path().join("completions")).unwrap();
        for name in [
            "man/barbossa.1",
            "man/barbossa-user-add.1",
            "man/barbossa.toml.5",
            "completions/barbossa.bash",
            "completions/_barbossa",
            "completions/barbossa.fish",
        ] {
            assert!(dir.path().join(name).metadata().unwrap().len() > 0, "{name}");
        }
        assert!(!dir.path().join("man/barbossa-gen.1").exists(), "a hidden command has a page");
    }
}
