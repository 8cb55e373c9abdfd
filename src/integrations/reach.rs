//! Where an address that somebody made up may lead: into the world, and into the house's network or to this machine only
//! when that is allowed. Asked of what a name resolves to, at the moment of connecting.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// How far somebody's addresses may lead; each also where those before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reach {
    /// Public addresses.
    World,
    /// The house's own network.
    House,
    /// This machine.
    Machine,
}

/// Resolves names, and keeps what may be reached.
pub(super) struct Resolver(pub Reach);

impl Resolve for Resolver {
    fn resolve(&self, name: Name) -> Resolving {
        let reach = self.0;
        Box::pin(async move {
            let found = tokio::net::lookup_host((name.as_str(), 0)).await?;
            let kept: Vec<SocketAddr> = found.filter(|a| may_reach(a.ip(), reach)).collect();
            if kept.is_empty() {
                return Err(io::Error::other(NOT_ALLOWED).into());
            }
            let addresses: Addrs = Box::new(kept.into_iter());
            Ok(addresses)
        })
    }
}

/// Said instead of connecting.
const NOT_ALLOWED: &str = "it leads into a network that messages may not be sent to";

/// Whether a host that is written as an address may be reached; a name is looked at when it is resolved.
///
/// # Errors
/// A sentence.
pub fn check_host(address: &str, reach: Reach) -> Result<(), String> {
    let url = reqwest::Url::parse(address).map_err(|e| format!("it is no address: {e}"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() || url.password().is_some() {
        return Err("it must begin with http:// or https://, and name nobody".into());
    }
    let Some(host) = url.host_str() else { return Err("it names no host".into()) };
    match host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>() {
        Ok(ip) if !may_reach(ip, reach) => Err(NOT_ALLOWED.into()),
        _ => Ok(()),
    }
}

fn may_reach(ip: IpAddr, reach: Reach) -> bool {
    needed(ip).is_some_and(|needed| needed <= reach)
}

/// How far one has to be allowed to go for this address; none for what nobody may reach: link-local networks, where clouds
/// keep their secrets, and all that is no machine's. Special addresses as IANA's registries list them (RFC 6890).
fn needed(ip: IpAddr) -> Option<Reach> {
    match ip {
        IpAddr::V6(ip) if embedded(ip).is_some() => needed(IpAddr::V4(embedded(ip)?)),
        _ if ip.is_loopback() => Some(Reach::Machine),
        _ if ip.is_unspecified() || ip.is_multicast() => None,
        IpAddr::V4(ip) if ip.is_private() || is_shared(ip) => Some(Reach::House),
        IpAddr::V4(ip) => {
            let first = ip.octets()[0];
            let is_odd = ip.is_link_local() || ip.is_documentation() || first == 0 || first >= 240;
            (!is_odd).then_some(Reach::World)
        }
        IpAddr::V6(ip) if ip.is_unique_local() => Some(Reach::House),
        IpAddr::V6(ip) => (!ip.is_unicast_link_local()).then_some(Reach::World),
    }
}

/// RFC 6598.
fn is_shared(ip: Ipv4Addr) -> bool {
    ip.octets()[0] == 100 && (64..128).contains(&ip.octets()[1])
}

/// `::ffff:a.b.c.d`, `::a.b.c.d` and NAT64's `64:ff9b::a.b.c.d` are another address in disguise.
fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let s = ip.segments();
    let is_nat64 = s[..6] == [0x64, 0xff9b, 0, 0, 0, 0];
    let last = Ipv4Addr::from((u32::from(s[6]) << 16) | u32::from(s[7]));
    let is_compatible = s[..6] == [0; 6] && u32::from(last) > 1;
    ip.to_ipv4_mapped().or_else(|| (is_nat64 || is_compatible).then_some(last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_world_is_reached_and_the_house_and_this_machine_when_it_is_allowed() {
        use Reach::{House, Machine, World};
        for (address, least) in [
            ("https://93.184.216.34/x", Some(World)),
            ("https://ntfy.sh/topic", Some(World)),
            ("http://192.168.1.5:8080/hook", Some(House)),
            ("http://10.0.0.1/", Some(House)),
            ("http://100.64.0.1/", Some(House)),
            ("http://[fd00::1]/", Some(House)),
            ("http://[::ffff:192.168.1.5]/", Some(House)),
            ("http://127.0.0.1:8080/", Some(Machine)),
            ("http://2130706433/", Some(Machine)),
            ("http://[::1]/", Some(Machine)),
            ("http://[::ffff:127.0.0.1]/", Some(Machine)),
            ("http://[64:ff9b::7f00:1]/", Some(Machine)),
            ("http://169.254.169.254/latest/meta-data", None),
            ("http://[fe80::1]/", None),
            ("http://0.0.0.0/", None),
            ("ftp://example.org/", None),
            ("https://ada:secret@example.org/", None),
            ("nonsense", None),
        ] {
            for reach in [World, House, Machine] {
                let may = least.is_some_and(|least| least <= reach);
                assert_eq!(check_host(address, reach).is_ok(), may, "{address} {reach:?}");
            }
        }
    }
}
