//! Whom a header may be believed from: an address, a network, or nginx on this machine.

use std::net::IpAddr;

/// One entry of `forward_auth.trusted`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustedPeer {
    /// Whatever comes through our own nginx, which sets the header itself.
    Nginx,
    /// These addresses.
    Network(Network),
}

/// Addresses with the same first bits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u32,
}

impl TrustedPeer {
    /// `nginx`, `10.0.0.7`, `10.0.0.0/8`, `fd00::/8`; none for anything else.
    pub fn of(text: &str) -> Option<Self> {
        if text == "nginx" {
            return Some(Self::Nginx);
        }
        let (address, prefix) = text.split_once('/').unzip();
        let address: IpAddr = address.unwrap_or(text).parse().ok()?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.map_or(Some(most), |bits| bits.parse().ok())?;
        (prefix <= most).then_some(Self::Network(Network { address, prefix }))
    }
}

impl Network {
    /// Whether this address is one of them. An IPv4 address in IPv6's clothes is the IPv4 address.
    pub fn contains(self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let differ = u64::from(ours.to_bits() ^ theirs.to_bits());
                differ >> (32 - self.prefix) == 0
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let differ = ours.to_bits() ^ theirs.to_bits();
                differ.checked_shr(128 - self.prefix).unwrap_or_default() == 0
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_in(entry: &str, address: &str) -> bool {
        let Some(TrustedPeer::Network(network)) = TrustedPeer::of(entry) else { panic!("{entry}") };
        network.contains(address.parse().unwrap())
    }

    #[test]
    fn an_address_is_in_its_networks_and_in_no_other() {
        for (entry, inside, outside) in [
            ("10.0.0.7", "10.0.0.7", "10.0.0.6"),
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("192.0.2.128/25", "192.0.2.200", "192.0.2.127"),
            ("::1", "::1", "::2"),
            ("fd00::/8", "fdab::1", "fe80::1"),
            ("0.0.0.0/0", "192.0.2.1", "::1"),
            ("::/0", "2001:db8::1", "192.0.2.1"),
            ("10.0.0.0/8", "::ffff:10.1.1.1", "::ffff:11.1.1.1"),
        ] {
            assert!(is_in(entry, inside), "{entry} {inside}");
            assert!(!is_in(entry, outside), "{entry} {outside}");
        }
    }

    #[test]
    fn what_is_no_network_is_none() {
        for text in ["", "localhost", "10.0.0.0/33", "::/129", "10.0.0.0/-1", "10.0.0.0/", "/8", "NGINX"] {
            assert_eq!(TrustedPeer::of(text), None, "{text}");
        }
        assert_eq!(TrustedPeer::of("nginx"), Some(TrustedPeer::Nginx));
    }
}
