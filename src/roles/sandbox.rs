//! Looks from inside whether the sandbox holds: `PrivateNetwork=` is skipped without a word where the kernel or the
//! container lacks it, and a score of the unit cannot see that.

use std::path::Path;

use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};

/// Says in one line what this process could reach, when systemd runs it.
pub(super) fn check(has_network: bool) {
    let is_unit = std::env::var_os("INVOCATION_ID").is_some();
    if !is_unit {
        return;
    }
    let interfaces = interfaces(Path::new("/proc/self/net/dev"));
    let can_open_inet = socket(AddressFamily::Inet, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None).is_ok();
    let interfaces = if interfaces.is_empty() { "none".to_owned() } else { interfaces.join(" ") };
    let inet = if can_open_inet { "allowed" } else { "refused" };
    let is_closed = interfaces == "lo" || interfaces == "none";
    match (has_network, is_closed && !can_open_inet) {
        (false, true) => tracing::info!(interfaces, inet, "sandbox: no network, as it should be"),
        (false, false) => {
            tracing::warn!(interfaces, inet, "sandbox: this process could reach the network, and should not");
        }
        (true, _) => tracing::info!(interfaces, inet, "sandbox: the network is this role's work"),
    }
}

fn interfaces(table: &Path) -> Vec<String> {
    let Ok(table) = std::fs::read_to_string(table) else { return Vec::new() };
    // Two lines of headings, then `  name: counters…`.
    let names = table.lines().skip(2).filter_map(|line| line.split_once(':'));
    names.map(|(name, _)| name.trim().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_read_from_the_kernels_table() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let table = "Inter-|   Receive  |\n face |bytes    |\n    lo:     0  0\nmv-eth0: 12 3\n";
        std::fs::write(file.path(), table).unwrap();
        assert_eq!(interfaces(file.path()), ["lo", "mv-eth0"]);
    }
}
