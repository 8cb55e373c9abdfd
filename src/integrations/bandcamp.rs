//! Bandcamp: what a person of this house has bought there, as the files that it sells. There is no documented interface; what
//! is asked here is what the page of one's own collection asks (`/api/fan/2/collection_summary`,
//! `/api/fancollection/1/collection_items`), and what is read of a download page is the JSON in its `data-blob`, as
//! bandcamp-collection-downloader and bandcampsync do.
//!
//! Who asks is known by the cookies of a browser that is logged in, in a `cookies.txt` of Netscape's format (curl's manual,
//! "HTTP cookies"). The address of a download carries a signature: it is looked up for each download and kept nowhere.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::BoxFuture;
use http::header;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use url::Url;

use super::adapter::{Adapter, Fetched, Health, Progress, Tell, Wanted, eta_text, speed_text};
use super::{Trouble, Web, reason};
use crate::config::Settings;
use crate::files::{
    UnzipLimits, UnzipRefusal, free_bytes, remove_file_if_there, remove_tree_if_there, rename_noreplace,
    unzip,
};
use crate::parallel::blocking;

/// In a sentence.
pub const NAME: &str = "Bandcamp";
const PAGE: usize = 100;
/// Nobody has bought more.
const MOST_PAGES: usize = 200;
const MOST_PAGE_BYTES: usize = 16 << 20;
const MOST_DOWNLOAD_BYTES: u64 = 64 << 30;
const MOST_FILES: usize = 10_000;
/// The best first.
const FORMATS: [&str; 3] = ["flac", "alac", "mp3-320"];
/// What the archive is called until it is taken apart.
const ARCHIVE: &str = ".archive";

/// The collection that these cookies belong to.
pub struct Bandcamp {
    base: String,
    cookies_path: PathBuf,
    deadline: Duration,
}

/// Something that was bought.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Purchase {
    /// `p123456`: the sale, for good.
    pub id: String,
    /// Its name.
    pub title: String,
    /// Whose it is.
    pub artist: String,
    /// Its page, for everyone.
    pub page: Option<String>,
    /// `album`, `track`.
    pub kind: Option<String>,
    /// Where it is to be had by who bought it.
    #[serde(skip, default)]
    download_page: String,
}

impl Purchase {
    /// What it is at its source.
    pub fn reference(&self) -> String {
        format!("bandcamp:{}", self.id)
    }
}

impl Bandcamp {
    /// As the settings have it.
    pub fn new(settings: &Settings) -> Self {
        Self {
            base: settings.bandcamp.url.trim_end_matches('/').to_owned(),
            cookies_path: settings.bandcamp.cookies_path.clone(),
            deadline: Duration::from_secs(u64::from(settings.downloads.deadline_hours) * 3600),
        }
    }

    /// Whether there are cookies to ask with.
    pub fn is_set_up(&self) -> bool {
        !self.cookies_path.as_os_str().is_empty()
    }

    /// All that was bought, the newest first.
    ///
    /// # Errors
    /// [`Trouble`]
    pub async fn purchases(&self) -> Result<Vec<Purchase>, Trouble> {
        let (web, cookies) = self.open()?;
        let fan = self.json(&web, &cookies, "/api/fan/2/collection_summary", None).await?;
        let Some(fan_id) = fan["fan_id"].as_i64() else {
            return Err(Trouble::Refused(
                NAME,
                "the cookies are of nobody who is logged in: save them anew".into(),
            ));
        };
        let (mut purchases, mut token) = (Vec::new(), format!("{}::a::", i64::from(i32::MAX)));
        for _ in 0..MOST_PAGES {
            let asked = json!({"fan_id": fan_id, "older_than_token": token, "count": PAGE});
            let page =
                self.json(&web, &cookies, "/api/fancollection/1/collection_items", Some(asked)).await?;
            purchases.extend(purchases_in(&page));
            match page["last_token"].as_str() {
                Some(last) if page["more_available"] == true && last != token => {
                    last.clone_into(&mut token);
                }
                _ => break,
            }
        }
        Ok(purchases)
    }

    fn open(&self) -> Result<(Web, String), Trouble> {
        let read = std::fs::read_to_string(&self.cookies_path);
        let text = read.map_err(|e| {
            Trouble::Refused(NAME, format!("{} cannot be read: {e}", self.cookies_path.display()))
        })?;
        let host = Url::parse(&self.base).ok().and_then(|url| url.host_str().map(str::to_owned));
        let cookies = cookies_for(&host.unwrap_or_default(), &text);
        if cookies.is_empty() {
            let why = format!("there are no cookies of it in {}", self.cookies_path.display());
            return Err(Trouble::Refused(NAME, why));
        }
        Ok((Web::new("").map_err(|e| Trouble::Away(NAME, e.to_string()))?, cookies))
    }

    async fn json(
        &self,
        web: &Web,
        cookies: &str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Value, Trouble> {
        let address = format!("{}{path}", self.base);
        let request = match body {
            None => web.0.get(&address),
            Some(body) => {
                web.0.post(&address).header(header::CONTENT_TYPE, "application/json").body(body.to_string())
            }
        };
        let text = text_of(request.header(header::COOKIE, cookies)).await?;
        serde_json::from_str(&text).map_err(|e| Trouble::Rubbish(NAME, e.to_string()))
    }

    async fn bring(&self, wanted: Wanted<'_>, tell: Tell<'_>) -> Result<Fetched, Trouble> {
        let (web, cookies) = self.open()?;
        let id = wanted.reference.strip_prefix("bandcamp:").unwrap_or_default();
        let purchases = self.purchases().await?;
        let Some(purchase) = purchases.into_iter().find(|purchase| purchase.id == id) else {
            return Err(Trouble::Refused(NAME, "this is not among what was bought any more".into()));
        };
        let page =
            text_of(web.0.get(self.trusted(&purchase.download_page)?).header(header::COOKIE, &cookies))
                .await?;
        let file = file_in(&page)
            .ok_or_else(|| Trouble::Rubbish(NAME, "a download page without downloads".into()))?;
        let asked = self.trusted(&file)?.to_string().replacen("/download/", "/statdownload/", 1) + "&.vrs=1";
        let ready = text_of(web.0.get(&asked).header(header::COOKIE, &cookies)).await?;
        let address = ready_address(&ready).unwrap_or(file);
        (wanted.hear)(&format!("{}, {}", purchase.artist, purchase.title));
        let archive = wanted.into.join(ARCHIVE);
        let request =
            web.0.get(self.trusted(&address)?).header(header::COOKIE, &cookies).timeout(self.deadline);
        let name = self.save(request, &archive, tell).await?;
        let into = wanted.into.to_owned();
        let unpacked = blocking(move || unpack(&archive, &into, &name)).await;
        unpacked.map_err(|e| Trouble::Away(NAME, e.to_string()))?.map_err(|refusal| match refusal {
            UnzipRefusal::Io(e) => Trouble::Away(NAME, e.to_string()),
            other => Trouble::Refused(NAME, other.to_string()),
        })?;
        Ok(Fetched {
            program: None,
            version: None,
            title: Some(purchase.title),
            artist: Some(purchase.artist),
        })
    }

    /// Cookies and questions go to Bandcamp and to where it keeps its files.
    fn trusted(&self, address: &str) -> Result<Url, Trouble> {
        let elsewhere = || Trouble::Rubbish(NAME, "an address that is not its own".into());
        let base = Url::parse(&self.base).map_err(|_| elsewhere())?;
        let url = base.join(address).map_err(|_| elsewhere())?;
        let host = url.host_str().unwrap_or_default();
        let is_of = |domain: &str| host == domain || host.ends_with(&format!(".{domain}"));
        let is_its_own = host == base.host_str().unwrap_or_default()
            || (url.scheme() == "https" && (is_of("bandcamp.com") || is_of("bcbits.com")));
        if is_its_own { Ok(url) } else { Err(elsewhere()) }
    }

    /// Writes the answer into a file; the name that it came with.
    async fn save(
        &self,
        request: reqwest::RequestBuilder,
        to: &Path,
        tell: Tell<'_>,
    ) -> Result<String, Trouble> {
        let away = |e: reqwest::Error| Trouble::Away(NAME, reason(&e.without_url()));
        let disk = |e: std::io::Error| Trouble::Away(NAME, format!("what it sent could not be written: {e}"));
        let mut response = request.send().await.map_err(away)?;
        if !response.status().is_success() {
            return Err(refusal(response.status()));
        }
        let said = response.headers().get(header::CONTENT_DISPOSITION).and_then(|v| v.to_str().ok());
        let name = said.and_then(file_name_in).unwrap_or_else(|| "track.flac".into());
        let (total, begun) = (response.content_length(), std::time::Instant::now());
        let (mut file, mut done) = (tokio::fs::File::create(to).await.map_err(disk)?, 0_u64);
        while let Some(part) = response.chunk().await.map_err(away)? {
            file.write_all(&part).await.map_err(disk)?;
            done += part.len() as u64;
            if done > MOST_DOWNLOAD_BYTES {
                return Err(Trouble::Refused(NAME, "it sent more than an album can have".into()));
            }
            let speed = done as f64 / begun.elapsed().as_secs_f64().max(0.001);
            let left = total.map(|total| total.saturating_sub(done) as f64 / speed);
            let percent = total.map_or(0.0, |total| done as f32 / total.max(1) as f32 * 100.0);
            tell(Progress { percent, speed: Some(speed_text(speed)), eta: left.map(eta_text) });
        }
        file.sync_all().await.map_err(disk)?;
        match total {
            Some(total) if total != done => {
                Err(Trouble::Away(NAME, format!("it sent {done} of {total} bytes")))
            }
            _ => Ok(name),
        }
    }
}

fn refusal(status: http::StatusCode) -> Trouble {
    match status.as_u16() {
        429 | 503 => Trouble::Busy { service: NAME, retry_after: None },
        401 | 403 => Trouble::Refused(NAME, "it does not know the cookies any more: save them anew".into()),
        404 | 410 => Trouble::Refused(NAME, "there is nothing at its address".into()),
        _ => Trouble::Away(NAME, format!("it answered {status}")),
    }
}

async fn text_of(request: reqwest::RequestBuilder) -> Result<String, Trouble> {
    let away = |e: reqwest::Error| Trouble::Away(NAME, reason(&e.without_url()));
    let mut response = request.send().await.map_err(away)?;
    if !response.status().is_success() {
        return Err(refusal(response.status()));
    }
    let mut body = Vec::new();
    while let Some(part) = response.chunk().await.map_err(away)? {
        body.extend_from_slice(&part);
        if body.len() > MOST_PAGE_BYTES {
            return Err(Trouble::Rubbish(NAME, "a page without end".into()));
        }
    }
    String::from_utf8(body).map_err(|_| Trouble::Rubbish(NAME, "a page that is no text".into()))
}

// -- out of its answers

/// `name=value; …` of the cookies for a host, out of a `cookies.txt`.
fn cookies_for(host: &str, text: &str) -> String {
    let cookie = |line: &str| {
        let line = line.strip_prefix("#HttpOnly_").unwrap_or(line);
        let fields: Vec<&str> = line.split('\t').collect();
        let [domain, _, _, _, _, name, value] = fields[..] else { return None };
        let domain = domain.trim_start_matches('.');
        let is_for = !domain.is_empty() && (host == domain || host.ends_with(&format!(".{domain}")));
        let is_plain = |text: &str| text.bytes().all(|b| b.is_ascii_graphic() && b != b';');
        (is_for && is_plain(name) && is_plain(value.trim_end()))
            .then(|| format!("{name}={}", value.trim_end()))
    };
    text.lines().filter(|line| !line.starts_with("# ")).filter_map(cookie).collect::<Vec<_>>().join("; ")
}

fn purchases_in(page: &Value) -> Vec<Purchase> {
    let none = serde_json::Map::new();
    let addresses: HashMap<&str, &str> = page["redownload_urls"]
        .as_object()
        .unwrap_or(&none)
        .iter()
        .filter_map(|(id, address)| Some((id.as_str(), address.as_str()?)))
        .collect();
    let text = |value: &Value| value.as_str().map(str::to_owned).filter(|text| !text.is_empty());
    let purchase = |item: &Value| {
        let id = format!("{}{}", item["sale_item_type"].as_str()?, item["sale_item_id"].as_i64()?);
        Some(Purchase {
            download_page: (*addresses.get(id.as_str())?).to_owned(),
            title: text(&item["item_title"])?,
            artist: text(&item["band_name"]).unwrap_or_default(),
            page: text(&item["item_url"]),
            kind: text(&item["item_type"]),
            id,
        })
    };
    page["items"].as_array().into_iter().flatten().filter_map(purchase).collect()
}

/// The address of the best format on a download page.
fn file_in(page: &str) -> Option<String> {
    let blob = page.split("data-blob=\"").nth(1)?.split('"').next()?;
    let blob = blob
        .replace("&quot;", "\"")
        .replace("&#39;", "'")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&amp;", "&");
    let blob: Value = serde_json::from_str(&blob).ok()?;
    let downloads = &blob["digital_items"][0]["downloads"];
    FORMATS.iter().find_map(|format| downloads[format]["url"].as_str()).map(str::to_owned)
}

/// What it says when the file was made ready: JSON, in some answers with a little script around it.
fn ready_address(answer: &str) -> Option<String> {
    let (from, to) = (answer.find('{')?, answer.rfind('}')?);
    let told: Value = serde_json::from_str(answer.get(from..=to)?).ok()?;
    told["download_url"].as_str().or_else(|| told["retry_url"].as_str()).map(str::to_owned)
}

fn file_name_in(disposition: &str) -> Option<String> {
    let name = disposition.split("filename=").nth(1)?.split(';').next()?.trim().trim_matches('"');
    Some(crate::files::safe_component(name)).filter(|name| name.len() > 1)
}

/// An album comes as a zip, a single track as itself.
fn unpack(archive: &Path, into: &Path, name: &str) -> Result<(), UnzipRefusal> {
    let mut start = [0; 2];
    let is_zip =
        std::io::Read::read_exact(&mut std::fs::File::open(archive)?, &mut start).is_ok() && &start == b"PK";
    if !is_zip {
        return Ok(rename_noreplace(archive, &into.join(name))?);
    }
    let folder = into.join("album");
    remove_tree_if_there(&folder)?;
    let limits = UnzipLimits { total_bytes: free_bytes(into)?, files: MOST_FILES };
    unzip(archive, &folder, limits, &mut |_| true)?;
    Ok(remove_file_if_there(archive)?)
}

impl Adapter for Bandcamp {
    fn name(&self) -> &'static str {
        "bandcamp"
    }

    fn title(&self) -> (&'static str, &'static str) {
        (NAME, "what was bought there")
    }

    fn health(&self) -> BoxFuture<'_, Health> {
        Box::pin(async move {
            if !self.is_set_up() {
                return Health::Off("There are no cookies: set bandcamp.cookies_path.".into());
            }
            match self.open() {
                Ok(_) => Health::Untried { version: None },
                Err(trouble) => Health::Down(trouble.to_string()),
            }
        })
    }

    fn fetch<'a>(&'a self, wanted: Wanted<'a>, tell: Tell<'a>) -> BoxFuture<'a, Result<Fetched, Trouble>> {
        Box::pin(self.bring(wanted, tell))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_cookies_of_the_host_are_sent() {
        let text = "# Netscape HTTP Cookie File\n\
            .bandcamp.com\tTRUE\t/\tTRUE\t1999999999\tsession\ts1\n\
            #HttpOnly_.bandcamp.com\tTRUE\t/\tTRUE\t1999999999\tidentity\t7%09abc\n\
            .example.org\tTRUE\t/\tTRUE\t1999999999\tidentity\tother\n\
            broken line\n";
        assert_eq!(cookies_for("bandcamp.com", text), "session=s1; identity=7%09abc");
        assert_eq!(cookies_for("evilbandcamp.com", text), "");
    }

    #[test]
    fn the_best_format_of_a_page_is_taken() {
        let page = |downloads: &str| {
            format!(
                "<div id=\"pagedata\" data-blob=\"{{&quot;digital_items&quot;:[{{&quot;downloads&quot;:{downloads}}}]}}\"></div>"
            )
        };
        let both = page(
            "{&quot;mp3-320&quot;:{&quot;url&quot;:&quot;https://x/m&quot;},&quot;flac&quot;:{&quot;url&quot;:&quot;https://x/f?a=1&amp;b=2&quot;}}",
        );
        assert_eq!(file_in(&both).as_deref(), Some("https://x/f?a=1&b=2"));
        assert_eq!(file_in(&page("{}")), None);
        assert_eq!(file_in("<html>"), None);
        let told = "if (window.Downloads) { Downloads.statResult ( {\"result\":\"ok\",\"download_url\":\"https://y/z\"} ) };";
        assert_eq!(ready_address(told), None);
        assert_eq!(
            ready_address("{\"result\":\"ok\",\"download_url\":\"https://y/z\"}").as_deref(),
            Some("https://y/z")
        );
    }

    #[test]
    fn cookies_are_for_bandcamp_alone() {
        let bandcamp = Bandcamp::new(&Settings::default());
        assert!(bandcamp.trusted("https://p4.bcbits.com/download/album?x=1").is_ok());
        assert!(bandcamp.trusted("/download?from=collection").is_ok());
        for address in [
            "https://example.org/x",
            "http://p4.bcbits.com/x",
            "file:///etc/passwd",
            "https://bandcamp.com.example.org/",
        ] {
            assert!(bandcamp.trusted(address).is_err(), "{address}");
        }
    }
}
