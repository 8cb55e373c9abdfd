//! TorrentLeech's interface for uploaders (its page "API documentation", as last changed in 2025): the announce key is in the
//! form, answers are bare text. Whether a release is there: `0` or `1`; an upload: the new torrent's number.

use secrecy::{ExposeSecret, SecretString};

use super::{Body, Question, Trouble, Web, encoded, nothing_there};

/// As it calls itself.
pub const NAME: &str = "TorrentLeech";
/// What makes a torrent TorrentLeech's own.
pub const SOURCE: &str = "TorrentLeech.org";
/// `Music :: Audio`
const CATEGORY: &str = "31";

/// The tracker.
pub struct TorrentLeech<'a> {
    /// Through which it is asked.
    pub web: &'a Web,
    /// Its address.
    pub url: &'a str,
    /// The announce key, 32 characters.
    pub key: &'a SecretString,
}

/// What is uploaded.
#[derive(Debug, Clone)]
pub struct Upload<'a> {
    /// The release's name.
    pub name: &'a str,
    /// The `.torrent`.
    pub torrent: &'a [u8],
    /// What the release is, as text.
    pub nfo: &'a str,
    /// Commas between them.
    pub tags: &'a str,
}

impl TorrentLeech<'_> {
    /// Whether there is a release of just this name.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn exists(&self, release: &str) -> Result<bool, Trouble> {
        let address = format!("{}/api/torrentsearch", self.url.trim_end_matches('/'));
        // Their syntax of a phrase; a quote in it would end it.
        let phrase = format!("'{}'", release.replace('\'', " "));
        let form =
            format!("announcekey={}&exact=1&query={}", encoded(self.key.expose_secret()), encoded(&phrase));
        match self.said(Question::post(&address, &[], Body::Form(form))).await?.as_str() {
            "0" => Ok(false),
            "1" => Ok(true),
            other => Err(self.complaint(other)),
        }
    }

    /// Uploads; the torrent's number there.
    ///
    /// # Errors
    /// [`Trouble`]; `Refused` with what it says.
    pub async fn upload(&self, upload: &Upload<'_>) -> Result<i64, Trouble> {
        let address = format!("{}/torrents/upload/apiupload", self.url.trim_end_matches('/'));
        let boundary = boundary(upload);
        let body = self.form(&boundary, upload);
        let kind = format!("multipart/form-data; boundary={boundary}");
        let said = self.said(Question::post(&address, &[], Body::Bytes(kind, body))).await?;
        said.parse().map_err(|_| self.complaint(&said))
    }

    fn form(&self, boundary: &str, upload: &Upload<'_>) -> Vec<u8> {
        let mut form = Vec::new();
        let fields =
            [("announcekey", self.key.expose_secret()), ("category", CATEGORY), ("tags", upload.tags)];
        for (name, value) in fields {
            part(&mut form, boundary, &format!("name=\"{name}\""), None, value.as_bytes());
        }
        let file =
            |name: &str, ending: &str| format!("name=\"{name}\"; filename=\"{}.{ending}\"", upload.name);
        part(&mut form, boundary, &file("nfo", "nfo"), Some("text/plain"), upload.nfo.as_bytes());
        part(
            &mut form,
            boundary,
            &file("torrent", "torrent"),
            Some("application/x-bittorrent"),
            upload.torrent,
        );
        form.extend(format!("--{boundary}--\r\n").into_bytes());
        form
    }

    async fn said(&self, question: Question<'_>) -> Result<String, Trouble> {
        let answer = self.web.send(NAME, question).await?.ok_or_else(|| nothing_there(NAME))?;
        Ok(String::from_utf8_lossy(&answer).trim().to_owned())
    }

    /// What it says instead of a number; never with the key in it.
    fn complaint(&self, said: &str) -> Trouble {
        let said = said.replace(self.key.expose_secret(), "…");
        if said.contains('<') {
            return Trouble::Rubbish(NAME, "a page, where there should be a number".into());
        }
        Trouble::Refused(NAME, said.chars().take(200).collect())
    }
}

/// RFC 7578.
fn part(form: &mut Vec<u8>, boundary: &str, name: &str, kind: Option<&str>, value: &[u8]) {
    form.extend(format!("--{boundary}\r\nContent-Disposition: form-data; {name}\r\n").into_bytes());
    if let Some(kind) = kind {
        form.extend(format!("Content-Type: {kind}\r\n").into_bytes());
    }
    form.extend(b"\r\n");
    form.extend_from_slice(value);
    form.extend(b"\r\n");
}

/// Of what is sent, so that it cannot be in it.
fn boundary(upload: &Upload<'_>) -> String {
    blake3::hash(upload.torrent).to_hex()[..32].to_owned()
}

/// `Artist.Title.Year[.24bit.96kHz].FLAC`: letters, digits and what file names need; all else is a dot.
pub fn release_name(artist: &str, title: &str, year: Option<i32>, quality: &[String]) -> String {
    let parts = [artist.to_owned(), title.to_owned()].into_iter().chain(year.map(|y| y.to_string()));
    let text = parts.chain(quality.iter().cloned()).collect::<Vec<_>>().join(".");
    let safe = text.chars().map(|c| if c.is_alphanumeric() || "-_()+".contains(c) { c } else { '.' });
    let mut name = String::new();
    for c in safe {
        if c != '.' || !name.ends_with('.') {
            name.push(c);
        }
    }
    name.trim_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_named_with_dots() {
        let quality = ["16bit".to_owned(), "44.1kHz".to_owned(), "FLAC".to_owned()];
        let name = release_name("Sigur Rós", "( ) / \"live\"", Some(2002), &quality);
        assert_eq!(name, "Sigur.Rós.(.).live.2002.16bit.44.1kHz.FLAC");
        assert_eq!(release_name("A", "B", None, &["FLAC".into()]), "A.B.FLAC");
    }

    #[test]
    fn what_it_says_never_shows_the_key() {
        let key: SecretString = "0123456789abcdef0123456789abcdef".into();
        let web = Web::direct("").unwrap();
        let tracker = TorrentLeech { web: &web, url: "", key: &key };
        let said = tracker.complaint("Wrong key 0123456789abcdef0123456789abcdef").to_string();
        assert!(said.contains("Wrong key …") && !said.contains("0123"), "{said}");
        assert!(matches!(tracker.complaint("<html>"), Trouble::Rubbish(..)));
    }
}
