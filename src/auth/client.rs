//! From where a request comes, as far as that can be known.

use std::convert::Infallible;
use std::net::{IpAddr, Ipv6Addr};

use axum::extract::FromRequestParts;
use http::request::Parts;
use http::{HeaderMap, header};

use crate::app::{App, Via};

/// The other end of a request.
#[derive(Debug, Clone, Default)]
pub struct Client {
    /// Its address, where nginx says so or TCP shows it.
    pub address: Option<IpAddr>,
    /// Whether it came by TLS.
    pub is_https: bool,
    /// Whether it is root on this machine, at the local socket.
    pub is_root: bool,
    /// What the program calls itself.
    pub user_agent: Option<String>,
}

impl Client {
    /// The address, as it is written down; `local` for root at the local socket.
    pub fn address_text(&self) -> Option<String> {
        if self.is_root { Some("local".into()) } else { self.address.map(|a| a.to_string()) }
    }

    /// What one household behind the address cannot change at will: all of IPv4, the network (/64) of IPv6.
    pub fn network(&self) -> String {
        match self.address {
            None => "unknown".into(),
            Some(IpAddr::V4(v4)) => v4.to_string(),
            Some(IpAddr::V6(v6)) => match v6.to_ipv4_mapped() {
                Some(v4) => v4.to_string(),
                None => format!("{}/64", Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64))),
            },
        }
    }
}

impl FromRequestParts<App> for Client {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Infallible> {
        // The api role sets `Via` and, for a direct request, replaces what it claims. Without it nothing is believed.
        let via = parts.extensions.get::<Via>().copied();
        let claim = |name| via.filter(|v| *v != Via::Root).and_then(|_| text(&parts.headers, name));
        Ok(Self {
            address: claim("x-real-ip").and_then(|a| a.parse().ok()),
            is_https: via == Some(Via::Nginx) && claim("x-forwarded-proto") == Some("https"),
            is_root: via == Some(Via::Root),
            user_agent: text(&parts.headers, header::USER_AGENT.as_str()).map(str::to_owned),
        })
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn network(address: &str) -> String {
        Client { address: Some(address.parse().unwrap()), ..Client::default() }.network()
    }

    #[test]
    fn one_network_is_one_whatever_the_host_part() {
        assert_eq!(network("2001:db8:1:2:aaaa::1"), network("2001:db8:1:2:bbbb::2"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.7"), "192.0.2.7");
        assert_ne!(network("192.0.2.7"), network("192.0.2.8"));
    }

    #[tokio::test]
    async fn a_request_that_came_by_no_door_of_ours_is_not_believed() {
        let app = App::new("test", crate::config::Settings::default(), 1).unwrap();
        let request = http::Request::builder()
            .header("x-real-ip", "192.0.2.1")
            .header("x-forwarded-proto", "https")
            .body(())
            .unwrap();
        let (mut parts, ()) = request.into_parts();
        let Ok(client) = Client::from_request_parts(&mut parts, &app).await;
        assert_eq!((client.address, client.is_https), (None, false));
        parts.extensions.insert(Via::Direct);
        let Ok(client) = Client::from_request_parts(&mut parts, &app).await;
        assert_eq!((client.address_text().as_deref(), client.is_https), (Some("192.0.2.1"), false));
        parts.extensions.insert(Via::Nginx);
        let Ok(client) = Client::from_request_parts(&mut parts, &app).await;
        assert_eq!((client.address_text().as_deref(), client.is_https), (Some("192.0.2.1"), true));
    }
}
