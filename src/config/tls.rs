//! `[tls]`: a certificate and its key, both or none.

use std::path::Path;

use super::{Problem, Settings, check};

/// What is wrong with them, as far as their names tell: only root may read the key.
pub(super) fn problems(settings: &Settings) -> Vec<Problem> {
    let tls = &settings.tls;
    let both = [("tls.certificate", &tls.certificate), ("tls.key", &tls.key)];
    if both.iter().all(|(_, path)| path.as_os_str().is_empty()) {
        return Vec::new();
    }
    both.iter().filter_map(|(key, path)| problem(key, path)).collect()
}

fn problem(key: &'static str, path: &Path) -> Option<Problem> {
    if path.as_os_str().is_empty() {
        return Some(Problem::error(
            key,
            "A certificate and its key belong together, and this one is missing.",
        ));
    }
    let example = "A whole path, such as /etc/letsencrypt/live/music.example.org/fullchain.pem.";
    let cannot = || {
        let is_odd = path.to_string_lossy().contains(['"', '\\', '$', ';']);
        is_odd.then(|| Problem::error(key, "A path with \", \\, $ or ; in it cannot be written for nginx."))
    };
    check::plain_absolute(key, path, example).or_else(cannot)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_comes_with_its_key_and_both_can_be_written_for_nginx() {
        for (certificate, key, is_good) in [
            ("", "", true),
            ("/etc/ssl/a.pem", "/etc/ssl/a.key", true),
            ("/etc/ssl/a.pem", "", false),
            ("", "/etc/ssl/a.key", false),
            ("a.pem", "/etc/ssl/a.key", false),
            ("/etc/ssl/a.pem; root /", "/etc/ssl/a.key", false),
        ] {
            let mut settings = Settings::default();
            (settings.tls.certificate, settings.tls.key) = (certificate.into(), key.into());
            assert_eq!(problems(&settings).is_empty(), is_good, "{certificate} {key}");
        }
    }
}
