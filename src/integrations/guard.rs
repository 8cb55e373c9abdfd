//! The way of outside programs to the internet, and to nothing else: an HTTP proxy on the loopback that looks at where each
//! connection really goes. A page that a stranger chose may redirect, and a name may resolve, to the router or to another
//! machine of this house; what checks only the first address does not see that.
//!
//! Speaks what RFC 9110, section 9.3.6, and RFC 9112, section 3.2.2, ask of a proxy: `CONNECT host:port`, and requests with
//! the whole address.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, lookup_host};
use tokio_util::task::AbortOnDropHandle;
use url::Url;

/// Until the other end has taken the connection.
const CONNECT: Duration = Duration::from_secs(15);
/// A request's head with all its cookies.
const HEAD: usize = 64 * 1024;
/// Longer addresses are not fetched from.
const ADDRESS: usize = 2000;

/// An address that a person gave, if it is one that may be asked at all: http or https, with a host, without a password in
/// it. What its name resolves to is seen when it is connected to.
///
/// # Errors
/// A sentence that says what does not fit.
pub fn checked(address: &str, allows_private: bool) -> Result<Url, String> {
    let address = address.trim();
    if address.len() > ADDRESS {
        return Err("is longer than an address can be".into());
    }
    let mut url = Url::parse(address)
        .map_err(|_| "must be a whole address, such as https://example.org/album".to_owned())?;
    if !["http", "https"].contains(&url.scheme()) {
        return Err("must begin with http:// or https://".into());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("must not hold a user or a password".into());
    }
    let literal = match url.host() {
        None => return Err("must name a host".into()),
        Some(url::Host::Ipv4(ip)) => Some(IpAddr::V4(ip)),
        Some(url::Host::Ipv6(ip)) => Some(IpAddr::V6(ip)),
        Some(url::Host::Domain(name)) if name == "localhost" || name.ends_with(".localhost") => {
            Some(Ipv4Addr::LOCALHOST.into())
        }
        Some(url::Host::Domain(_)) => None,
    };
    if literal.is_some_and(|ip| !allows_private && !is_public(ip)) {
        return Err("lies in this house's own network".into());
    }
    url.set_fragment(None);
    Ok(url)
}

/// Whether an address is one of the internet's: none of this machine's, of this house's, or of those kept for other ends
/// (the registries of IANA for special-purpose addresses, RFC 6890).
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => is_public_v4(ip),
        IpAddr::V6(ip) => is_public_v6(ip),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (b == 18 || b == 19)))
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    let parts = ip.segments();
    let inner = |high: u16, low: u16| Ipv4Addr::from(u32::from(high) << 16 | u32::from(low));
    match parts {
        // IPv4 in other clothes: mapped, NAT64, 6to4.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            is_public_v4(inner(high, low))
        }
        [0x2002, high, low, ..] => is_public_v4(inner(high, low)),
        [0x2001, 0xdb8, ..] => false,
        // All that is given out is in 2000::/3.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

/// An open way. Dropping it closes it, and all connections.
pub struct Guard {
    address: SocketAddr,
    refused: Arc<Mutex<Option<String>>>,
    _serving: AbortOnDropHandle<()>,
}

impl Guard {
    /// Opens one.
    ///
    /// # Errors
    /// When there is no port to be had.
    pub async fn open(allows_private: bool) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let refused = Arc::new(Mutex::new(None));
        let note = refused.clone();
        let serving = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let note = note.clone();
                connections.spawn(async move {
                    if let Err(Refusal(host)) = pass(stream, allows_private).await {
                        *note.lock().unwrap_or_else(PoisonError::into_inner) = Some(host);
                    }
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, refused, _serving: AbortOnDropHandle::new(serving) })
    }

    /// For `--proxy`, `http_proxy`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The host that was refused last, if one was.
    pub fn refused(&self) -> Option<String> {
        self.refused.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// The host that may not be asked.
struct Refusal(String);

/// One connection, to its end. What fails on the way is the program's to tell.
async fn pass(mut client: TcpStream, allows_private: bool) -> Result<(), Refusal> {
    let Some((head, rest)) = read_head(&mut client).await else { return Ok(()) };
    let Some(asked) = Asked::read(&head) else {
        let _ = client.write_all(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n").await;
        return Ok(());
    };
    let Some(mut server) = connect(&asked, allows_private).await? else {
        let _ = client.write_all(b"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\n\r\n").await;
        return Ok(());
    };
    let opened = match &asked.forward {
        None => client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await,
        Some(head) => server.write_all(head).await,
    };
    if opened.is_ok() && server.write_all(&rest).await.is_ok() {
        // Either end may go at any time.
        let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
    }
    Ok(())
}

/// Up to the empty line, and what came after it.
async fn read_head(client: &mut TcpStream) -> Option<(String, Vec<u8>)> {
    let mut bytes = Vec::new();
    loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = bytes.split_off(end + 4);
            return Some((String::from_utf8(bytes).ok()?, rest));
        }
        if bytes.len() > HEAD || client.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    }
}

/// Where a request goes.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    host: String,
    port: u16,
    /// The head for the server; none for a tunnel.
    forward: Option<Vec<u8>>,
}

impl Asked {
    fn read(head: &str) -> Option<Self> {
        let (first, others) = head.split_once("\r\n")?;
        let mut words = first.split(' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        if method == "CONNECT" {
            let url = Url::parse(&format!("https://{target}")).ok()?;
            return Some(Self { host: host_of(&url)?, port: url.port_or_known_default()?, forward: None });
        }
        let url = Url::parse(target).ok().filter(|url| url.scheme() == "http")?;
        let path = match url.query() {
            Some(query) => format!("{}?{query}", url.path()),
            None => url.path().to_owned(),
        };
        // One request a connection: the next one may be for another host.
        let is_ours = |line: &&str| {
            let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            !["connection", "proxy-connection", "proxy-authorization", "keep-alive"].contains(&name.as_str())
        };
        let lines = others.split("\r\n").filter(|line| !line.is_empty()).filter(is_ours);
        let mut forward = format!("{method} {path} {version}\r\n");
        lines.for_each(|line| forward.push_str(&format!("{line}\r\n")));
        forward.push_str("Connection: close\r\n\r\n");
        let (host, port) = (host_of(&url)?, url.port_or_known_default()?);
        Some(Self { host, port, forward: Some(forward.into_bytes()) })
    }
}

fn host_of(url: &Url) -> Option<String> {
    Some(url.host_str()?.trim_matches(['[', ']']).to_owned())
}

/// Resolves and connects in one: what was looked at is what is connected to.
async fn connect(asked: &Asked, allows_private: bool) -> Result<Option<TcpStream>, Refusal> {
    let Ok(found) = lookup_host((asked.host.as_str(), asked.port)).await else { return Ok(None) };
    let found: Vec<SocketAddr> = found.collect();
    let allowed: Vec<SocketAddr> =
        found.iter().copied().filter(|address| allows_private || is_public(address.ip())).collect();
    if allowed.is_empty() && !found.is_empty() {
        return Err(Refusal(asked.host.clone()));
    }
    for address in allowed {
        if let Ok(Ok(stream)) = tokio::time::timeout(CONNECT, TcpStream::connect(address)).await {
            return Ok(Some(stream));
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_internet_are_public() {
        for ip in ["8.8.8.8", "151.101.1.1", "2606:4700::1", "::ffff:8.8.8.8", "2002:808:808::1"] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
        for ip in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "198.18.0.1",
            "192.0.2.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:192.168.1.1",
            "64:ff9b::a00:1",
            "2002:c0a8:101::1",
            "2001:db8::1",
        ] {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn an_address_is_of_the_web_and_not_of_this_house() {
        assert_eq!(
            checked(" https://Example.org/a?b#c ", false).unwrap().as_str(),
            "https://example.org/a?b"
        );
        for (address, why) in [
            ("file:///etc/passwd", "http://"),
            ("--exec=reboot", "whole address"),
            ("ftp://example.org/x", "http://"),
            ("https://ada:secret@example.org/", "password"),
            ("http://192.168.1.1/", "own network"),
            ("http://[::1]:8080/", "own network"),
            ("http://localhost/", "own network"),
            ("http://2130706433/", "own network"),
        ] {
            let refused = checked(address, false).unwrap_err();
            assert!(refused.contains(why), "{address}: {refused}");
        }
        assert!(checked("http://192.168.1.1/", true).is_ok());
        assert!(checked(&format!("https://example.org/{}", "x".repeat(3000)), false).is_err());
    }

    #[test]
    fn a_request_is_sent_on_as_its_server_expects_it() {
        let asked = Asked::read(
            "GET http://example.org:81/a?b=c HTTP/1.1\r\nHost: example.org\r\nProxy-Connection: keep-alive\r\n\r\n",
        );
        let asked = asked.unwrap();
        assert_eq!((asked.host.as_str(), asked.port), ("example.org", 81));
        let forward = String::from_utf8(asked.forward.unwrap()).unwrap();
        assert_eq!(forward, "GET /a?b=c HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n");
        let tunnel = Asked::read("CONNECT [2606:4700::1]:443 HTTP/1.1\r\n\r\n").unwrap();
        assert_eq!(tunnel, Asked { host: "2606:4700::1".into(), port: 443, forward: None });
        assert_eq!(Asked::read("GET /local HTTP/1.1\r\n\r\n"), None);
    }

    #[tokio::test]
    async fn this_house_is_not_reached_through_it() {
        let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = server.local_addr().unwrap().port();
        for (allows_private, expected) in [(false, ""), (true, "HTTP/1.1 200 Connection established\r\n\r\n")]
        {
            let guard = Guard::open(allows_private).await.unwrap();
            let mut client = TcpStream::connect(guard.address).await.unwrap();
            let asked = format!("CONNECT localhost:{port} HTTP/1.1\r\n\r\n");
            client.write_all(asked.as_bytes()).await.unwrap();
            let mut answer = vec![0; expected.len().max(1)];
            let read = client.read(&mut answer).await.unwrap();
            assert_eq!(std::str::from_utf8(&answer[..read]).unwrap(), expected);
            assert_eq!(guard.refused().is_some(), !allows_private);
        }
    }
}
